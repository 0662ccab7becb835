//! When a run counts.

use anyhow::Result;

use crate::judge::{Line, errors, figure, own_verdict};
use crate::swarm::{Outcome, Run};
use crate::table::table;

/// What one run without stores must show; a short one only what does not depend on the machine.
pub fn alone(prefix: &str, outcome: &Outcome, run: &Run, short: bool) -> Result<Vec<Line>> {
    let found = |path: &str| figure(outcome, path);
    let named = |what: &str| format!("{prefix}{what}");
    let mut lines = vec![
        Line::exactly(&named("passed by the swarm's own verdict"), own_verdict(outcome, run)?, 1.0),
        Line::exactly(&named("bots in at the end"), found("connected")?, f64::from(run.bots)),
        Line::exactly(&named("disconnects"), found("disconnects")?, 0.0),
        Line::exactly(&named("errors"), errors(outcome)?, 0.0),
        Line::at_least(&named("comparisons"), found("comparisons")?, found("comparisons_needed")?),
    ];
    if short {
        return Ok(lines);
    }
    let packets_per_s = found("server.packets_in_per_s")? + found("server.packets_out_per_s")?;
    let packets_min = f64::from(run.bots) * PACKETS_PER_BOT_S_MIN;
    lines.extend([
        Line::at_most(&named("off 60 Hz by"), (found("server.tick_rate_hz")? - 60.0).abs(), TICK_RATE_OFF_HZ_MAX),
        Line::at_most(&named("tick p99, ms"), found("server.tick_ms.p99")?, TICK_P99_MS_MAX),
        Line::at_most(&named("loss, %"), found("loss_ratio")? * 100.0, LOSS_PERCENT_MAX),
        Line::at_most(&named("mean round trip, ms"), found("rtt_ms.mean")?, RTT_MS_MAX),
        Line::at_least(&named("packets a second, both ways"), packets_per_s, packets_min),
        Line::at_most(&named("server's CPU, % of a core"), found("server.cpu_percent.total")?, CPU_PERCENT_MAX),
        Line::at_most(&named("us per player-tick"), found("server.us_per_player_tick")?, US_PER_PLAYER_TICK_MAX),
        Line::at_most(&named("resident, MB"), found("server.rss_bytes")? / 1e6, RESIDENT_MB_MAX),
        Line::at_least(&named("others around, mean"), found("visible.mean")?, VISIBLE_MEAN_MIN),
        Line::at_least(&named("updates per player-tick"), found("server.updates_per_player_tick")?, UPDATES_MIN),
        Line::exactly(&named("overload level"), found("server.overload_level_max")?, 0.0),
        Line::at_least(&named("snapshots a second, p1"), found("snapshot_rate_hz.p1")?, RATE_P1_MIN_HZ),
        Line::at_most(&named("swarm late by, p99, ms"), found("swarm.loop_lag_ms_p99")?, SWARM_LAG_MS_MAX),
    ]);
    Ok(lines)
}

/// The runs beside each other.
pub fn summary(runs: &[(&str, &Outcome)]) -> Result<String> {
    const FIGURES: [(&str, &str, f64); 16] = [
        ("bots in", "connected", 1.0),
        ("others around, mean", "visible.mean", 1.0),
        ("others around, p99", "visible.p99", 1.0),
        ("tick p50, ms", "server.tick_ms.p50", 1.0),
        ("tick p99, ms", "server.tick_ms.p99", 1.0),
        ("tick max, ms", "server.tick_ms.max", 1.0),
        ("snapshots a second, p1", "snapshot_rate_hz.p1", 1.0),
        ("updates per player-tick", "server.updates_per_player_tick", 1.0),
        ("us per player-tick", "server.us_per_player_tick", 1.0),
        ("CPU reactor, %", "server.cpu_percent.reactor", 1.0),
        ("CPU world, %", "server.cpu_percent.world", 1.0),
        ("CPU all threads, %", "server.cpu_percent.total", 1.0),
        ("resident, MB", "server.rss_bytes", 1e-6),
        ("kbit/s down a client", "kbit_per_s.down", 1.0),
        ("swarm us per bot-tick", "swarm.us_per_bot_tick", 1.0),
        ("swarm late by, p99, ms", "swarm.loop_lag_ms_p99", 1.0),
    ];
    let head: Vec<&str> = ["figure"].into_iter().chain(runs.iter().map(|(name, _)| *name)).collect();
    let row = |(name, path, unit): (&str, &str, f64)| -> Result<Vec<String>> {
        let cells = runs.iter().map(|(_, outcome)| Ok(format!("{:.2}", figure(outcome, path)? * unit)));
        [Ok(name.to_owned())].into_iter().chain(cells).collect()
    };
    Ok(table(&head, &FIGURES.into_iter().map(row).collect::<Result<Vec<_>>>()?))
}

/// Sixty each way is 120; what is lost to a swarm that is late now and then leaves this.
const PACKETS_PER_BOT_S_MIN: f64 = 100.0;
const TICK_RATE_OFF_HZ_MAX: f64 = 0.3;
const TICK_P99_MS_MAX: f64 = 10.0;
const LOSS_PERCENT_MAX: f64 = 0.1;
const RTT_MS_MAX: f64 = 50.0;
/// 54 % of a machine of two.
const CPU_PERCENT_MAX: f64 = 108.0;
/// User and system time of all threads by players and ticks.
const US_PER_PLAYER_TICK_MAX: f64 = 9.0;
const RESIDENT_MB_MAX: f64 = 1_000.0;
/// What makes a load that of people.
const VISIBLE_MEAN_MIN: f64 = 35.0;
const UPDATES_MIN: f64 = 28.0;
const RATE_P1_MIN_HZ: f64 = 55.0;
/// A swarm that is later than that is no valid load.
const SWARM_LAG_MS_MAX: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn good() -> Value {
        json!({
            "pass": true, "connected": 2_000, "disconnects": 0, "errors": { "ghost": 0 }, "comparisons": 9,
            "comparisons_needed": 8, "loss_ratio": 0.0, "rtt_ms": { "mean": 4.0 }, "visible": { "mean": 40.0, "p99": 200 },
            "snapshot_rate_hz": { "p1": 59.0 }, "kbit_per_s": { "down": 90.0 },
            "swarm": { "us_per_bot_tick": 6.0, "loop_lag_ms_p99": 2.0 },
            "server": {
                "tick_rate_hz": 60.1, "tick_ms": { "p50": 4.0, "p99": 7.0, "max": 12.0 }, "us_per_player_tick": 8.5,
                "cpu_percent": { "reactor": 60.0, "world": 40.0, "total": 102.0 }, "rss_bytes": 400_000_000_u64,
                "packets_in_per_s": 119_000.0, "packets_out_per_s": 119_000.0, "updates_per_player_tick": 30.0,
                "overload_level_max": 0,
            },
        })
    }

    fn outcome(report: Value) -> Outcome {
        Outcome { exit: Some(0), out: String::new(), err: String::new(), report: Some(report) }
    }

    fn broken(report: Value, short: bool) -> Vec<String> {
        let run = super::super::Extent { bots: 2_000, ..super::super::Extent::SHORT }.run("", "clumped");
        let lines = alone("", &outcome(report), &run, short).unwrap();
        lines.iter().filter(|line| !line.holds()).map(|line| line.what.clone()).collect()
    }

    #[test]
    fn each_figure_that_does_not_count_is_named() {
        assert_eq!(broken(good(), false), Vec::<String>::new());
        for (part, key, wrong, line) in [
            ("server", "us_per_player_tick", 9.1, "us per player-tick"),
            ("server", "updates_per_player_tick", 27.9, "updates per player-tick"),
            ("server", "overload_level_max", 1.0, "overload level"),
            ("server", "tick_rate_hz", 59.6, "off 60 Hz by"),
            ("server", "packets_in_per_s", 80_000.0, "packets a second, both ways"),
            ("visible", "mean", 34.0, "others around, mean"),
            ("swarm", "loop_lag_ms_p99", 5.1, "swarm late by, p99, ms"),
            ("rtt_ms", "mean", 51.0, "mean round trip, ms"),
        ] {
            let mut report = good();
            report[part][key] = json!(wrong);
            assert_eq!(broken(report.clone(), false), [line]);
            assert_eq!(broken(report, true), Vec::<String>::new(), "speed is not judged in a short one");
        }
    }

    #[test]
    fn runs_stand_beside_each_other() {
        let outcome = outcome(good());
        let text = summary(&[("alone", &outcome), ("with stores", &outcome)]).unwrap();
        assert!(
            text.lines().any(|line| line.split_whitespace().collect::<Vec<_>>().ends_with(&["8.50", "8.50"])),
            "{text}"
        );
    }
}
