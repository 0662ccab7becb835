//! Where the time of the two busy threads goes, for Prometheus.

use super::metrics::Page;
use crate::edge::board::Board;
use crate::edge::stopwatch::{BOUNDS_NS, PartTimes, Stopwatch, reactor, world};
use std::fmt;

/// Parts of a tick and of a wake as histograms; of the game's parts, of which there are many, their sums.
pub fn encode(board: &Board, page: &mut Page<'_>) -> fmt::Result {
    let worlds: Vec<PartTimes> = read(&board.world_watch, |part| part == world::REST || world::is_game(part));
    let reactors: Vec<PartTimes> = read(&board.reactor_watch, reactor::is_idle);
    let rows = worlds.iter().map(|of| ("world", of)).chain(reactors.iter().map(|of| ("reactor", of)));
    let rows = rows.map(|(thread, of)| {
        let mut buckets: Vec<(f64, u64)> =
            BOUNDS_NS.iter().zip(of.buckets).map(|(&ns, count)| (ns as f64 / 1e9, count)).collect();
        buckets.push((f64::INFINITY, of.buckets[BOUNDS_NS.len()]));
        ([("thread", thread), ("phase", of.name)], of.sum_ns as f64 / 1e9, of.count, buckets)
    });
    page.histograms_by("phase_duration_seconds", "Time in each part of a tick and of a wake", rows)?;
    let game: Vec<PartTimes> = read(&board.world_watch, |part| !world::is_game(part));
    let seconds = game.iter().map(|of| ([("part", of.name)], of.sum_ns as f64 / 1e9));
    page.counters_of("game_part_seconds", "Time in each part of the game's own tick", seconds)
}

fn read(watch: &Stopwatch, is_left_out: fn(u8) -> bool) -> Vec<PartTimes> {
    watch.read().filter(|of| !is_left_out(of.part)).collect()
}
