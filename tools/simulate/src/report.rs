//! What simulations came to, in tables for people.

use crate::check::Check;
use crate::fault::{KINDS, Kind};
use crate::simulation::Tally;
use protocol::unit::TICK_RATE_HZ;
use rudp::Reason;
use std::fmt::Write;

/// Ordered pairs of two different kinds.
pub const PAIRS: usize = KINDS * (KINDS - 1);
/// Pairs that did not come and are named at most.
const MISSING_NAMED: usize = 40;

/// All that so many seeds came to, which took so many seconds of wall time on so many jobs.
#[must_use]
pub fn table(seeds: u64, tally: &Tally, wall_s: f64) -> String {
    let mut text = String::new();
    figures(&mut text, seeds, tally, wall_s);
    let kinds = Kind::ALL.iter().map(|&kind| (kind.label(), tally.book.fired[kind as usize]));
    section(&mut text, "faults, by kind", kinds);
    let checks = Check::ALL.iter().map(|&check| (check.label(), tally.looks.0[check as usize]));
    section(&mut text, "looks, by check", checks);
    let ends = tally.ends.iter().map(|(code, count)| (Reason::from_code(*code).label(), *count));
    section(&mut text, "ends of clients' sessions, by reason", ends);
    let missing: Vec<_> = tally.book.missing().collect();
    let _ = writeln!(text, "\nordered pairs: {} of {PAIRS}", tally.book.pairs());
    for (first, then) in missing.iter().take(MISSING_NAMED) {
        let _ = writeln!(text, "  missing: {} after {}", then.label(), first.label());
    }
    text
}

fn figures(text: &mut String, seeds: u64, tally: &Tally, wall_s: f64) {
    let hours = |ticks: u64| ticks as f64 / f64::from(TICK_RATE_HZ) / 3_600.0;
    let deeds = &tally.deeds;
    let rows = [
        ("seeds", seeds.to_string()),
        ("simulated hours", format!("{:.2}", hours(tally.ticks))),
        ("player-hours", format!("{:.2}", hours(tally.player_ticks))),
        ("player-ticks per second of wall time", format!("{:.0}", tally.player_ticks as f64 / wall_s.max(1e-9))),
        ("wall seconds", format!("{wall_s:.1}")),
        ("sessions", tally.sessions.to_string()),
        ("times in the world", deeds.joins.to_string()),
        ("server crashes", tally.crashes.to_string()),
        ("sessions resumed after silence", deeds.resumes.to_string()),
        ("sessions ended after silence", tally.timed_out.to_string()),
        ("messages of one waiting, at most", tally.waiting_most.to_string()),
        ("commands done", deeds.done.to_string()),
        ("commands refused", deeds.refused.to_string()),
        ("receipts", deeds.receipts.to_string()),
        ("trades, by side", deeds.trades.to_string()),
        ("deaths", deeds.deaths.to_string()),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "{name:<40} {value:>14}");
    }
}

fn section<'a>(text: &mut String, title: &str, rows: impl Iterator<Item = (&'a str, u64)>) {
    let _ = writeln!(text, "\n{title}");
    for (name, count) in rows {
        let _ = writeln!(text, "  {name:<38} {count:>14}");
    }
}
