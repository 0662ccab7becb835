//! Where the time of a player's tick goes: the parts of the two busy threads, most expensive first.

use anyhow::{Result, ensure};

use crate::metrics::Metrics;
use crate::table::table;

/// Parts below this are one row, microseconds.
const SHOWN_US_MIN: f64 = 0.02;

/// Time on the clock in each part, by players and ticks. It is more than what the processor was asked for: whoever is
/// interrupted, or waits for a page, goes on being in his part.
pub fn table_of(metrics: &Metrics) -> Result<String> {
    let player_ticks = metrics.value("throng_player_ticks_total")?;
    ensure!(player_ticks > 0.0, "nobody was in the world");
    let mut parts = metrics.labelled_twice("throng_phase_duration_seconds_sum", ["thread", "phase"]);
    ensure!(!parts.is_empty(), "the server's /metrics tells no parts of a tick");
    parts.sort_by(|one, other| other.1.total_cmp(&one.1));
    let us = |seconds: f64| seconds * 1e6 / player_ticks;
    let row = |name: String, us: f64| vec![name, format!("{us:.3}")];
    let (shown, small): (Vec<_>, Vec<_>) = parts.iter().partition(|(_, seconds)| us(*seconds) >= SHOWN_US_MIN);
    let mut rows: Vec<Vec<String>> =
        shown.iter().map(|([thread, phase], seconds)| row(format!("{thread}: {phase}"), us(*seconds))).collect();
    rows.push(row(format!("{} others", small.len()), small.iter().map(|(_, seconds)| us(*seconds)).sum()));
    rows.push(row("all".to_owned(), parts.iter().map(|(_, seconds)| us(*seconds)).sum()));
    Ok(table(&["part", "us per player-tick"], &rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_by_what_they_cost_and_small_ones_together() {
        let part = |thread: &str, phase: &str, seconds: f64| {
            format!("throng_phase_duration_seconds_sum{{thread=\"{thread}\",phase=\"{phase}\"}} {seconds}\n")
        };
        let page = ["throng_player_ticks_total 1000000\n".to_owned()]
            .into_iter()
            .chain([part("world", "take", 0.01), part("world", "encode", 1.5), part("reactor", "transmit", 3.0)])
            .collect::<String>();
        let text = table_of(&Metrics::of(&page)).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["reactor:", "transmit", "3.000"]);
        assert_eq!(lines[1], ["world:", "encode", "1.500"]);
        assert_eq!(lines[2], ["1", "others", "0.010"]);
        assert_eq!(lines[3], ["all", "4.510"]);
        assert!(table_of(&Metrics::of("throng_player_ticks_total 0\n")).is_err());
    }
}
