//! The table and the verdict.

use super::figures::{Figures, quantile};
use protocol::unit::TICK_RATE_HZ;
use serde::Serialize;

/// Longest p99 of a tick for a thousand players, ms.
const TICK_MS_PER_THOUSAND_MAX: f64 = 4.0;
/// Most that telling one viewer of one entity may cost, ns.
const UPDATE_NS_MAX: f64 = 100.0;

/// Everything measured in one call.
#[derive(Debug, Serialize)]
pub struct Report {
    players: u16,
    ticks: u32,
    is_judged: bool,
    rows: Vec<Row>,
}

/// One choice of round trips.
#[derive(Debug, Serialize)]
struct Row {
    round_trips: &'static str,
    tick_ms_p50: f64,
    tick_ms_p99: f64,
    tick_ms_max: f64,
    visible_mean: f64,
    visible_p95: u32,
    updates_per_player_tick: f64,
    encode_reuse_ratio: f64,
    ns_per_update: f64,
    kbit_per_s: f64,
    allocations_per_tick: f64,
    /// Of a client, where there are any.
    shown_ns_per_update: Option<f64>,
}

impl Report {
    pub fn new(players: u16, ticks: u32, is_judged: bool) -> Self {
        Self { players, ticks, is_judged, rows: Vec::new() }
    }

    /// Adds a run in which everybody was told of the others, and the same in which nobody was.
    pub fn add(&mut self, round_trips: &'static str, told: &Figures, untold: &Figures) {
        let ascending = told.ascending_ns();
        let ms = |share: f64| quantile(&ascending, share) as f64 / 1e6;
        let players = f64::from(self.players);
        self.rows.push(Row {
            round_trips,
            tick_ms_p50: ms(0.5),
            tick_ms_p99: ms(0.99),
            tick_ms_max: ms(1.0),
            visible_mean: told.visible_mean(),
            visible_p95: quantile(&told.visible, 0.95),
            updates_per_player_tick: told.updates / players,
            encode_reuse_ratio: told.reuse,
            ns_per_update: (told.mean_ns() - untold.mean_ns()) / told.updates.max(1.0),
            kbit_per_s: told.part_bytes * 8.0 * f64::from(TICK_RATE_HZ) / 1_000.0 / players,
            allocations_per_tick: told.allocations,
            shown_ns_per_update: (told.clients_ns > 0.0).then(|| told.clients_ns / told.updates.max(1.0)),
        });
    }

    /// Where the goal is missed, and by how much.
    pub fn missed(&self) -> Vec<String> {
        let tick_ms_max = TICK_MS_PER_THOUSAND_MAX * f64::from(self.players) / 1_000.0;
        let late = self.rows.iter().filter(|row| row.tick_ms_p99 > tick_ms_max);
        let late = late.map(|row| format!("{}: p99 {:.2} of {tick_ms_max:.2} ms", row.round_trips, row.tick_ms_p99));
        // Where all round trips are alike, bits are shared as they never are outside a laboratory.
        let dear = self.rows.iter().skip(1).filter(|row| row.ns_per_update > UPDATE_NS_MAX);
        let dear =
            dear.map(|row| format!("{}: {:.0} of {UPDATE_NS_MAX} ns per update", row.round_trips, row.ns_per_update));
        if self.is_judged { late.chain(dear).collect() } else { Vec::new() }
    }

    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        println!("{} players, {} ticks after a warm-up", self.players, self.ticks);
        println!(
            "{:<12} {:>8} {:>8} {:>8} {:>8} {:>6} {:>8} {:>7} {:>10} {:>7} {:>12} {:>6}",
            "round trips",
            "tick50",
            "tick99",
            "longest",
            "visible",
            "p95",
            "updates",
            "reuse",
            "ns/update",
            "kbit/s",
            "allocations",
            "shown"
        );
        for row in &self.rows {
            println!(
                "{:<12} {:>8.2} {:>8.2} {:>8.2} {:>8.1} {:>6} {:>8.1} {:>7.2} {:>10.1} {:>7.1} {:>12.2} {:>6}",
                row.round_trips,
                row.tick_ms_p50,
                row.tick_ms_p99,
                row.tick_ms_max,
                row.visible_mean,
                row.visible_p95,
                row.updates_per_player_tick,
                row.encode_reuse_ratio,
                row.ns_per_update,
                row.kbit_per_s,
                row.allocations_per_tick,
                row.shown_ns_per_update.map_or_else(|| "-".to_owned(), |ns| format!("{ns:.0}"))
            );
        }
        Ok(())
    }
}
