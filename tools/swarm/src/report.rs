//! The figures of a run: as JSON with names that other programs rely on, and as a table for people.

use crate::play::Counts;
use crate::shooter::ShotCounts;
use crate::storm::StormReport;
use crate::trouble::Recovery;
use crate::truth::{Findings, Kind};
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything a run found out. Keys are added, never renamed.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the names are the documentation, with their units; the table spells them out")]
pub struct Report {
    pub bots: usize,
    pub connected: usize,
    pub disconnects: u64,
    pub disconnects_by: BTreeMap<&'static str, u64>,
    pub duration_s: f64,
    pub rtt_ms: Spread,
    pub rtt_sample_ms: Spread,
    pub loss_ratio: f64,
    pub snapshot_rate_hz: Rate,
    pub entity_age_ms: Age,
    /// Since a bot was last told of itself, looked at sixty times a second.
    pub own_age_ms: Age,
    pub visible: Visible,
    pub kbit_per_s: Traffic,
    pub errors: Errors,
    pub game: Counts,
    pub comparisons: u64,
    pub swarm: SwarmReport,
    pub server: Option<ServerReport>,
    pub movement: String,
    pub seed: u64,
    pub comparisons_needed: u64,
    pub rejoin: Option<Rejoin>,
    pub truth_only: bool,
    pub logins: u64,
    pub receipts: u64,
    pub survives: bool,
    pub silents: u64,
    /// Most that waited in the queue at a time, and how many still did at the end.
    pub queued: usize,
    pub waiting: usize,
    pub notices: u64,
    pub link: Option<String>,
    pub moves: Option<Recovery>,
    pub outage: Option<Recovery>,
    pub links: Option<LinksReport>,
    pub churn: Option<ChurnReport>,
    pub storms: Vec<StormReport>,
    /// Attempts to join that failed, by reason.
    pub refusals: BTreeMap<&'static str, u64>,
    pub shots: Option<ShotCounts>,
    pub pass: bool,
    pub reasons: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "as in Report")]
pub struct Spread {
    pub mean: f64,
    pub p50: f64,
    pub p99: f64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "as in Report")]
pub struct Rate {
    pub mean: f64,
    pub p1: f64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "as in Report")]
pub struct Age {
    pub p50: f64,
    pub p99: f64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "as in Report")]
pub struct Visible {
    pub mean: f64,
    pub p99: f64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "as in Report")]
pub struct Traffic {
    pub down: f64,
    pub up: f64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "as in Report")]
pub struct Errors {
    pub missing: u64,
    pub stale: u64,
    pub ghost: u64,
    pub desync: u64,
    pub out_of_order: u64,
    pub other: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "as in Report")]
pub struct SwarmReport {
    pub loop_lag_ms_p99: f64,
    pub us_per_bot_tick: f64,
    pub sends_blocked: u64,
    /// Part of all bot ticks in which it was, or had just been, so late that nothing which bots show was judged; storms are not
    /// counted.
    pub late_percent: f64,
    /// Part of the differences that bots were told which another bot had read before.
    pub shared_percent: f64,
}

#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "as in Report")]
pub struct ServerReport {
    pub tick_ms: TickMs,
    pub tick_rate_hz: f64,
    pub cpu_percent: CpuPercent,
    pub rss_bytes: u64,
    pub packets_in_per_s: f64,
    pub packets_out_per_s: f64,
    pub us_per_player_tick: f64,
    pub updates_per_player_tick: f64,
    pub overload_level_max: u64,
    pub seal_backend: String,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "as in Report")]
pub struct TickMs {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "as in Report")]
pub struct CpuPercent {
    pub reactor: f64,
    pub world: f64,
    pub persistence: f64,
    pub courier: f64,
    pub ops: f64,
    pub total: f64,
}

/// What `--rejoin` saw.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Rejoin {
    /// Server processes after the first.
    pub restarts: u32,
    /// Sessions lost and taken up again, by disconnect or by silence.
    pub sessions_lost: u64,
    /// Outages whose end could be timed.
    pub timed: u32,
    /// Longest time from the server's `/ready` to the last bot in again.
    pub all_in_s: f64,
    /// Bots whose place was compared with where they had been.
    pub restored: u64,
    /// How long ago the one was there that was put back farthest.
    pub oldest_s: f64,
}

/// Links that differ from bot to bot.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LinksReport {
    /// How many bots have which.
    pub bots: BTreeMap<String, usize>,
    /// Part of all bot ticks in which a link had broken, or had been whole again for less than two seconds: what its bot
    /// showed then was not judged.
    pub excused_percent: f64,
}

/// Bots that came and went.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ChurnReport {
    /// With a goodbye, and back as one who logs in.
    pub leaves: Recovery,
    /// Without a word, and back in the place of the session that still stood.
    pub crashes: Recovery,
    /// Silent, and then heard again in the same session.
    pub resumes: Recovery,
    /// Of the first two, those whose place was compared with where they had been.
    pub restored: u64,
}

impl Errors {
    /// The counts of the checker.
    pub fn of(findings: &Findings) -> Self {
        Self {
            missing: findings.count(Kind::Missing),
            stale: findings.count(Kind::Stale),
            ghost: findings.count(Kind::Ghost),
            desync: findings.count(Kind::Desync),
            out_of_order: findings.count(Kind::OutOfOrder),
            other: findings.count(Kind::Other),
        }
    }
}

impl Report {
    /// The table, with a line per figure.
    pub fn table(&self) -> String {
        let mut rows = vec![
            ("bots", format!("{} of {} in, {} disconnects", self.connected, self.bots, self.disconnects)),
            ("movement", format!("{}, seed {}, {:.1} s", self.movement, self.seed, self.duration_s)),
            ("round trip", format!("{} (smoothed, per second)", self.rtt_ms.line())),
            ("samples", format!("{} (each round trip, with the wait for its ack)", self.rtt_sample_ms.line())),
            ("loss", format!("{:.3} %", self.loss_ratio * 100.0)),
            ("snapshots", format!("mean {:.2} Hz, p1 {:.2}", self.snapshot_rate_hz.mean, self.snapshot_rate_hz.p1)),
            ("entity age", format!("p50 {:.0} ms, p99 {:.0}", self.entity_age_ms.p50, self.entity_age_ms.p99)),
            ("own age", format!("p50 {:.1} ms, p99 {:.1}", self.own_age_ms.p50, self.own_age_ms.p99)),
            ("visible", format!("mean {:.1} others, p99 {:.0}", self.visible.mean, self.visible.p99)),
            (
                "per client",
                format!("{:.1} kbit/s down, {:.1} up (with headers)", self.kbit_per_s.down, self.kbit_per_s.up),
            ),
            ("comparisons", format!("{} ({} needed)", self.comparisons, self.comparisons_needed)),
            ("errors", self.errors.line()),
            (
                "swarm",
                format!(
                    "loop lag p99 {:.2} ms, {:.2} us per bot-tick ({:.1} % of what was told had been read for another bot), \
                     {} sends blocked, too late to judge for {:.2} % of the time",
                    self.swarm.loop_lag_ms_p99,
                    self.swarm.us_per_bot_tick,
                    self.swarm.shared_percent,
                    self.swarm.sends_blocked,
                    self.swarm.late_percent
                ),
            ),
        ];
        if let Some(rejoin) = &self.rejoin {
            rows.push(("rejoin", rejoin.line()));
        }
        if self.receipts > 0 {
            rows.push(("receipts", format!("{} told", self.receipts)));
        }
        if self.queued > 0 {
            rows.push(("queue", format!("at most {} waited, {} still did at the end", self.queued, self.waiting)));
        }
        if self.notices > 0 {
            rows.push(("notices", format!("{} told", self.notices)));
        }
        rows.extend(self.link.iter().map(|link| ("link", link.clone())));
        rows.extend(self.moves.iter().map(|moves| ("moved", moves.line())));
        rows.extend(self.outage.iter().map(|outage| {
            let silents = self.silents;
            ("cut off", format!("{}; {silents} found the server silent", outage.line()))
        }));
        rows.extend(self.links.iter().map(|links| ("links", links.line())));
        rows.extend(self.churn.iter().flat_map(ChurnReport::rows));
        rows.extend(self.storms.iter().map(|storm| ("storm", storm.line())));
        if !self.refusals.is_empty() {
            let each: Vec<String> = self.refusals.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
            rows.push(("refused", each.join(", ")));
        }
        rows.extend(self.shots.iter().map(|shots| ("shots", shots.line())));
        if self.game.commands > 0 {
            rows.extend(self.game.rows());
        }
        match &self.server {
            Some(server) => rows.extend(server.rows()),
            None => rows.push(("server", "gave no figures".to_owned())),
        }
        rows.into_iter().map(|(name, text)| format!("  {name:<13} {text}\n")).collect()
    }

    /// Whether this was a load as people make it, with what it takes; nothing for movement that does not try to be.
    pub fn human_load(&self) -> Option<String> {
        let is_meant = self.movement.starts_with("humans:") || self.movement == "clumped";
        let server = self.server.as_ref().filter(|_| is_meant)?;
        let is_human = self.visible.mean >= VISIBLE_MEAN_MIN
            && server.updates_per_player_tick >= UPDATES_MIN
            && server.overload_level_max == 0
            && self.snapshot_rate_hz.p1 >= RATE_P1_MIN_HZ;
        Some(format!(
            "{} as human load (visible mean >= {VISIBLE_MEAN_MIN}, updates per player-tick >= {UPDATES_MIN}, overload 0, \
             snapshots p1 >= {RATE_P1_MIN_HZ} Hz)",
            if is_human { "counts" } else { "does not count" }
        ))
    }
}

/// What makes a load human: others within the enter radius...
const VISIBLE_MEAN_MIN: f64 = 35.0;
/// ...updates that leave the server per player and tick...
const UPDATES_MIN: f64 = 28.0;
/// ...and snapshots per second that 99 of 100 clients and seconds get.
const RATE_P1_MIN_HZ: f64 = 55.0;

impl Spread {
    fn line(&self) -> String {
        format!("mean {:.2} ms, p50 {:.2}, p99 {:.2}", self.mean, self.p50, self.p99)
    }
}

impl Errors {
    fn line(&self) -> String {
        let Self { missing, stale, ghost, desync, out_of_order, other } = self;
        format!(
            "missing {missing}, stale {stale}, ghost {ghost}, desync {desync}, out_of_order {out_of_order}, other {other}"
        )
    }
}

impl LinksReport {
    fn line(&self) -> String {
        let bots: Vec<String> = self.bots.iter().map(|(name, bots)| format!("{bots} {name}")).collect();
        format!("{}; {:.2} % of the time excused by a link", bots.join(", "), self.excused_percent)
    }
}

impl ChurnReport {
    fn rows(&self) -> [(&'static str, String); 3] {
        let restored = self.restored;
        [
            ("left", self.leaves.line()),
            ("crashed", format!("{}; {restored} places compared, of these and those who left", self.crashes.line())),
            ("resumed", self.resumes.line()),
        ]
    }
}

impl Rejoin {
    fn line(&self) -> String {
        let Self { restarts, sessions_lost, timed, all_in_s, restored, oldest_s } = self;
        let end = if *timed > 0 { format!("{all_in_s:.1} s after ready") } else { "at an unknown time".to_owned() };
        let sessions = match restarts {
            0 => format!("no restart seen, {sessions_lost} sessions taken up again"),
            _ => format!("{restarts} restarts, {sessions_lost} sessions taken up again, all in {end}"),
        };
        format!("{sessions}; {restored} places compared, at most {oldest_s:.1} s old")
    }
}

impl ServerReport {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let (tick, cpu) = (&self.tick_ms, &self.cpu_percent);
        vec![
            (
                "server ticks",
                format!(
                    "{:.2} Hz, p50 {:.2} ms, p99 {:.2}, max {:.2}",
                    self.tick_rate_hz, tick.p50, tick.p99, tick.max
                ),
            ),
            (
                "server CPU",
                format!(
                    "{:.1} % (reactor {:.1}, world {:.1}, persistence {:.1}, courier {:.1}, ops {:.1}), {:.2} us per player-tick, \
                     sealed by {}",
                    cpu.total,
                    cpu.reactor,
                    cpu.world,
                    cpu.persistence,
                    cpu.courier,
                    cpu.ops,
                    self.us_per_player_tick,
                    self.seal_backend
                ),
            ),
            (
                "server work",
                format!(
                    "{:.1} updates per player-tick, {:.0} packets/s in, {:.0} out",
                    self.updates_per_player_tick, self.packets_in_per_s, self.packets_out_per_s
                ),
            ),
            (
                "server state",
                format!(
                    "{:.1} MiB resident, overload level at most {}",
                    self.rss_bytes as f64 / 1_048_576.0,
                    self.overload_level_max
                ),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(value: &serde_json::Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn the_json_has_the_keys_that_others_rely_on() {
        let report = Report { server: Some(ServerReport::default()), ..Report::default() };
        let json = serde_json::to_value(&report).unwrap();
        let wanted = [
            (
                "",
                "bots connected disconnects duration_s rtt_ms rtt_sample_ms loss_ratio snapshot_rate_hz entity_age_ms own_age_ms visible kbit_per_s errors game comparisons swarm server",
            ),
            ("rtt_ms", "mean p50 p99"),
            ("rtt_sample_ms", "mean p50 p99"),
            ("snapshot_rate_hz", "mean p1"),
            ("entity_age_ms", "p50 p99"),
            ("own_age_ms", "p50 p99"),
            ("visible", "mean p99"),
            ("kbit_per_s", "down up"),
            ("errors", "missing stale ghost desync out_of_order other"),
            ("game", "casts kills loots trades deaths trades_interrupted learnt level_ups parties commands refused"),
            ("swarm", "loop_lag_ms_p99 us_per_bot_tick"),
            (
                "server",
                "tick_ms tick_rate_hz cpu_percent rss_bytes packets_in_per_s packets_out_per_s us_per_player_tick updates_per_player_tick overload_level_max",
            ),
        ];
        for (part, names) in wanted {
            let part = if part.is_empty() { &json } else { &json[part] };
            for name in names.split(' ') {
                assert!(keys(part).contains(&name), "{name} is missing in {part}");
            }
        }
        assert_eq!(keys(&json["server"]["tick_ms"]), ["max", "p50", "p99"]);
        assert_eq!(
            keys(&json["server"]["cpu_percent"]),
            ["courier", "ops", "persistence", "reactor", "total", "world"]
        );
    }

    #[test]
    fn a_load_is_human_only_with_all_four_figures_and_the_movement() {
        let server = ServerReport { updates_per_player_tick: 28.0, ..ServerReport::default() };
        let human = Report {
            movement: "clumped".into(),
            visible: Visible { mean: 35.0, p99: 0.0 },
            snapshot_rate_hz: Rate { mean: 60.0, p1: 55.0 },
            server: Some(server.clone()),
            ..Report::default()
        };
        let counts = |report: &Report| report.human_load().unwrap().starts_with("counts");
        assert!(counts(&human));
        assert!(!counts(&Report { visible: Visible { mean: 34.9, p99: 0.0 }, ..human.clone() }));
        assert!(!counts(&Report { snapshot_rate_hz: Rate { mean: 60.0, p1: 54.9 }, ..human.clone() }));
        let overloaded = ServerReport { overload_level_max: 1, ..server };
        assert!(!counts(&Report { server: Some(overloaded), ..human.clone() }));
        assert_eq!(Report { movement: "crowd".into(), ..human }.human_load(), None);
    }

    #[test]
    fn the_table_has_one_line_per_figure() {
        let report = Report { bots: 5, connected: 4, ..Report::default() };
        let table = report.table();
        assert!(table.contains("4 of 5 in, 0 disconnects") && table.contains("gave no figures"), "{table}");
        assert!(table.lines().all(|line| line.starts_with("  ") && line.len() > 15));
        assert!(table.contains("missing 0, stale 0, ghost 0, desync 0, out_of_order 0, other 0"));
    }
}
