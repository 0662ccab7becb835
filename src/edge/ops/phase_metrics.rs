//! Where the time of the two busy threads goes, for Prometheus.

use super::metrics::Page;
use crate::edge::board::Board;
use crate::edge::stopwatch::{BOUNDS_NS, PartTimes, Stopwatch, reactor, world};
use std::fmt;

/// Parts of a tick, the game's own among them, and of a wake.
pub fn encode(board: &Board, page: &mut Page<'_>) -> fmt::Result {
    let worlds: Vec<PartTimes> = read(&board.world_watch, |part| part == world::REST);
    let reactors: Vec<PartTimes> = read(&board.reactor_watch, reactor::is_idle);
    let rows = worlds.iter().map(|of| ("world", of)).chain(reactors.iter().map(|of| ("reactor", of)));
    let names: Vec<String> = rows.clone().map(|(thread, of)| name(thread, of)).collect();
    let rows = rows.zip(&names).map(|((thread, of), name)| {
        let mut buckets: Vec<(f64, u64)> =
            BOUNDS_NS.iter().zip(of.buckets).map(|(&ns, count)| (ns as f64 / 1e9, count)).collect();
        buckets.push((f64::INFINITY, of.buckets[BOUNDS_NS.len()]));
        ([("thread", thread), ("phase", name.as_str())], of.sum_ns as f64 / 1e9, of.count, buckets)
    });
    page.histograms_by("phase_duration_seconds", "Time in each part of a tick and of a wake", rows)
}

/// The game's parts lie among the realm's, which has some of the same names.
fn name(thread: &str, of: &PartTimes) -> String {
    if thread == "world" && world::is_game(of.part) { format!("game_{}", of.name) } else { of.name.to_owned() }
}

fn read(watch: &Stopwatch, is_left_out: fn(u8) -> bool) -> Vec<PartTimes> {
    watch.read().filter(|of| !is_left_out(of.part)).collect()
}
