//! The tables and the verdict.

use super::flood::Flooded;
use super::join::Joined;
use super::stand::Stand;
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

/// Within noise: this factor...
const NOISE_FACTOR: f64 = 1.1;
/// ...and this, ms.
const NOISE_MS: f64 = 0.5;
/// Of 100 honest clients 99 must be in within this, ms.
const JOIN_MS_MAX: f64 = 1_000.0;
/// A flood slower than this share of what was asked is not the load that it claims to be.
const RATE_SHARE_MIN: f64 = 0.9;
/// A server may grow by this while it is flooded, MiB: tables of fixed size are used for the first time, and buffers grow
/// to what a burst fills. Over a full flood it is less than 3 B per datagram: nothing is kept of any.
const GROWTH_MIB_MAX: f64 = 8.0;
/// A swarm that is later than this is no sound load, ms.
const LOOP_LAG_MS_MAX: f64 = 5.0;
/// A flood may add this much to the share of packets that players lose.
const LOSS_RATIO_ADDED_MAX: f64 = 0.001;
/// A phase that is shorter, s, or fewer honest clients than these show nothing.
const SECONDS_MIN: u32 = 30;
const JOINS_MIN: u32 = 100;

/// A swarm's run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Phase {
    pub name: String,
    pub tick_ms_p99: f64,
    /// Of single samples.
    pub rtt_ms_p99: f64,
    pub loss_ratio: f64,
    pub cpu_percent: f64,
    pub loop_lag_ms_p99: f64,
    pub players: u64,
    pub disconnects: u64,
    pub errors: u64,
    pub passed: bool,
}

impl Phase {
    /// From a swarm's report.
    ///
    /// # Errors
    /// A figure is missing.
    pub fn of(name: &str, told: &Value) -> Result<Self> {
        let at = |path: &str| {
            let found = path.split('.').try_fold(told, |value, key| value.get(key));
            found.and_then(Value::as_f64).with_context(|| format!("its report has no {path}"))
        };
        let errors = told.get("errors").and_then(Value::as_object).context("its report has no errors")?;
        Ok(Self {
            name: name.to_owned(),
            tick_ms_p99: at("server.tick_ms.p99")?,
            rtt_ms_p99: at("rtt_sample_ms.p99")?,
            loss_ratio: at("loss_ratio")?,
            cpu_percent: at("server.cpu_percent.total")?,
            loop_lag_ms_p99: at("swarm.loop_lag_ms_p99")?,
            players: at("connected")? as u64,
            disconnects: at("disconnects")? as u64,
            errors: errors.values().filter_map(Value::as_u64).sum(),
            passed: told.get("pass").and_then(Value::as_bool).context("its report has no pass")?,
        })
    }
}

/// What the server counted up to a moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Totals {
    pub resident_mib: f64,
    pub connections: f64,
    pub kernel_drops: f64,
    /// Every reason that the transport drops for and everything else it counts.
    pub counted: Vec<(String, f64)>,
}

impl Totals {
    /// Reads them.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn read(stand: &Stand) -> Result<Self> {
        Ok(Self::of(&stand.metrics()?))
    }

    fn of(text: &str) -> Self {
        let value = |name: &str| {
            let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<f64>().ok());
            lines.sum::<f64>()
        };
        let counted = text.lines().filter_map(|line| {
            let labelled = line.strip_prefix("throng_drops_total{reason=\"");
            let labelled = labelled.or_else(|| line.strip_prefix("throng_transport_events_total{event=\""));
            let (name, value) = labelled?.split_once("\"} ")?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self {
            resident_mib: value("throng_resident_bytes") / 1_048_576.0,
            connections: value("throng_connections{state=\"spoken\"}"),
            kernel_drops: value("throng_kernel_drops_total"),
            counted: counted.collect(),
        }
    }

    /// What rose since `before`.
    fn since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = (&'a str, f64)> {
        let at = |name: &str| before.counted.iter().find(|(known, _)| known == name).map_or(0.0, |(_, value)| *value);
        let risen = self.counted.iter().map(move |(name, value)| (name.as_str(), value - at(name)));
        risen.filter(|(_, risen)| *risen > 0.0)
    }
}

/// Everything measured in one call.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub rate_asked: u32,
    pub truth_only: bool,
    /// Measured in each phase.
    pub seconds: u32,
    pub phases: Vec<Phase>,
    pub flood: Flooded,
    pub joins: Joined,
    pub before: Totals,
    pub during: Totals,
    pub after: Totals,
}

impl Report {
    /// What does not hold, in words.
    pub fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut hold = |holds: bool, sentence: String| {
            if !holds {
                broken.push(sentence);
            }
        };
        let joins = &self.joins;
        let slow_ms = joins.quantile_ms(0.99);
        hold(
            joins.times_ms.len() == joins.clients as usize,
            format!("{} of {} honest clients joined", joins.times_ms.len(), joins.clients),
        );
        hold(self.truth_only || slow_ms <= JOIN_MS_MAX, format!("honest clients took {slow_ms:.0} ms to join (p99)"));
        hold(joins.replies_too_large == 0, "a reply to an honest client was larger than its request".to_owned());
        if let [without, with, again] = &self.phases[..] {
            for (what, of) in [("tick", (|p| p.tick_ms_p99) as fn(&Phase) -> f64), ("round trip", |p| p.rtt_ms_p99)] {
                let allowed_ms = NOISE_FACTOR * (of(without) + of(again)) / 2.0 + NOISE_MS;
                hold(
                    self.truth_only || of(with) <= allowed_ms,
                    format!("p99 of the {what} is {:.2} ms with the flood, allowed are {allowed_ms:.2}", of(with)),
                );
            }
            let allowed = (without.loss_ratio + again.loss_ratio) / 2.0 + LOSS_RATIO_ADDED_MAX;
            hold(
                self.truth_only || with.loss_ratio <= allowed,
                format!(
                    "{:.3} % of the packets were lost with the flood, allowed are {:.3}",
                    with.loss_ratio * 100.0,
                    allowed * 100.0
                ),
            );
            hold(
                self.truth_only || (self.seconds >= SECONDS_MIN && joins.clients >= JOINS_MIN),
                format!("{} s and {} honest clients are too few to tell", self.seconds, joins.clients),
            );
            for phase in &self.phases {
                let Phase { name, loop_lag_ms_p99: lag_ms, .. } = phase;
                hold(
                    self.truth_only || *lag_ms <= LOOP_LAG_MS_MAX,
                    format!("invalid load: the swarm of `{name}` was late by {lag_ms:.1} ms (p99)"),
                );
                hold(phase.rtt_ms_p99 > 0.0, format!("the swarm of `{name}` measured no round trip"));
                hold(phase.passed, format!("the swarm `{}` did not pass", phase.name));
            }
            let rate = self.flood.rate();
            hold(
                self.truth_only || rate >= RATE_SHARE_MIN * f64::from(self.rate_asked),
                format!("invalid load: the flood had {rate:.0} datagrams a second"),
            );
            // Nothing in it holds a token that could still be used: nothing in it deserves an answer.
            hold(self.flood.replies == 0, format!("the flood got {} replies", self.flood.replies));
            let grown = self.during.resident_mib - self.before.resident_mib;
            hold(grown <= GROWTH_MIB_MAX, format!("the server grew by {grown:.1} MiB"));
        }
        broken
    }

    pub fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        if !self.phases.is_empty() {
            println!(
                "{:<16} {:>12} {:>12} {:>8} {:>8} {:>10} {:>8} {:>12} {:>7}",
                "phase",
                "tick p99 ms",
                "rtt p99 ms",
                "lost %",
                "cpu %",
                "lag p99 ms",
                "players",
                "disconnects",
                "errors"
            );
        }
        for phase in &self.phases {
            println!(
                "{:<16} {:>12.2} {:>12.2} {:>8.3} {:>8.1} {:>10.2} {:>8} {:>12} {:>7}",
                phase.name,
                phase.tick_ms_p99,
                phase.rtt_ms_p99,
                phase.loss_ratio * 100.0,
                phase.cpu_percent,
                phase.loop_lag_ms_p99,
                phase.players,
                phase.disconnects,
                phase.errors
            );
        }
        if !self.phases.is_empty() {
            self.print_flood();
        }
        let joins = &self.joins;
        println!(
            "honest joins     {} of {} in; p50 {:.1} ms, p99 {:.1}, max {:.1}; {} requests",
            joins.times_ms.len(),
            joins.clients,
            joins.quantile_ms(0.5),
            joins.quantile_ms(0.99),
            joins.quantile_ms(1.0),
            joins.requests
        );
        Ok(())
    }

    fn print_flood(&self) {
        let flood = &self.flood;
        println!(
            "flood            {:.0} datagrams/s for {:.1} s from {} addresses, {} not taken; {:.1} MB out, {} replies of \
             {} bytes in all, {} at most",
            flood.rate(),
            flood.seconds,
            flood.addresses,
            flood.not_taken,
            flood.sent_bytes as f64 / 1e6,
            flood.replies,
            flood.reply_bytes,
            flood.reply_bytes_max
        );
        println!(
            "server           {:.1} MiB before, {:.1} at the end of the flood, {:.1} after; {:.0} datagrams dropped by the kernel",
            self.before.resident_mib,
            self.during.resident_mib,
            self.after.resident_mib,
            self.after.kernel_drops - self.before.kernel_drops
        );
        let risen: Vec<String> =
            self.during.since(&self.before).map(|(name, risen)| format!("{name} {risen:.0}")).collect();
        println!("counted          {}", risen.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn phase(tick: f64, rtt: f64) -> Phase {
        Phase { tick_ms_p99: tick, rtt_ms_p99: rtt, passed: true, ..Phase::default() }
    }

    fn sound() -> Report {
        Report {
            rate_asked: 1_000,
            seconds: 30,
            phases: vec![phase(2.0, 10.0), phase(2.5, 12.4), phase(2.0, 12.0)],
            flood: Flooded { seconds: 10.0, sent: 9_000, ..Flooded::default() },
            joins: Joined { clients: 100, times_ms: vec![999.0; 100], ..Joined::default() },
            ..Report::default()
        }
    }

    #[test]
    fn each_thing_that_does_not_hold_is_told() {
        assert_eq!(sound().broken(), Vec::<String>::new());
        let mut slow = sound();
        slow.phases[1] = phase(2.8, 13.0);
        assert_eq!(slow.broken().len(), 2);
        slow.truth_only = true;
        assert_eq!(slow.broken(), Vec::<String>::new());
        let flood = |flood: Flooded| Report { flood, ..sound() }.broken().len();
        assert_eq!(flood(Flooded { sent: 8_000, ..sound().flood }), 1);
        assert_eq!(flood(Flooded { replies: 1, ..sound().flood }), 1, "however small");
        let joins =
            |times_ms: Vec<f64>| Report { joins: Joined { times_ms, ..sound().joins }, ..sound() }.broken().len();
        assert_eq!((joins(vec![20.0]), joins(vec![1_001.0; 100])), (2, 1));
        let grown = Totals { resident_mib: 8.1, ..Totals::default() };
        assert_eq!(Report { during: grown, ..sound() }.broken(), ["the server grew by 8.1 MiB"]);
        let mut failed = sound();
        failed.phases[1].passed = false;
        assert_eq!(failed.broken().len(), 1);
    }

    #[test]
    fn a_load_that_shows_nothing_gives_no_verdict() {
        let with = |change: fn(&mut Report)| {
            let mut report = sound();
            change(&mut report);
            let broken = report.broken().len();
            report.truth_only = true;
            (broken, report.broken().len())
        };
        assert_eq!(with(|report| report.phases[0].loop_lag_ms_p99 = 5.1), (1, 0));
        assert_eq!(with(|report| report.phases[2].loop_lag_ms_p99 = 5.0), (0, 0));
        assert_eq!(with(|report| report.phases[1].loss_ratio = 0.0011), (1, 0));
        assert_eq!(with(|report| report.phases.iter_mut().for_each(|phase| phase.loss_ratio = 0.002)), (0, 0));
        assert_eq!(with(|report| report.phases[1].rtt_ms_p99 = 0.0), (1, 1), "nothing was measured");
        assert_eq!(with(|report| report.seconds = 29), (1, 0));
        let few = Joined { clients: 99, times_ms: vec![20.0; 99], ..Joined::default() };
        assert_eq!(Report { joins: few, ..sound() }.broken().len(), 1);
    }

    #[test]
    fn a_phase_is_read_from_the_swarms_report() {
        let told = json!({ "server": { "tick_ms": { "p99": 2.0 }, "cpu_percent": { "total": 50.0 } }, "pass": true,
            "rtt_ms": { "p99": 3.0 }, "rtt_sample_ms": { "p99": 9.0 }, "loss_ratio": 0.25, "swarm": { "loop_lag_ms_p99": 1.0 }, "connected": 500, "disconnects": 0,
            "errors": { "ghost": 1, "stale": 2 } });
        let phase = Phase::of("with", &told).unwrap();
        assert_eq!((phase.players, phase.errors, phase.tick_ms_p99, phase.passed), (500, 3, 2.0, true));
        assert_eq!((phase.rtt_ms_p99, phase.loss_ratio), (9.0, 0.25));
        assert!(Phase::of("with", &json!({})).is_err());
    }

    #[test]
    fn what_the_server_counted_is_a_difference() {
        let page = |seals: u32| {
            Totals::of(&format!(
                "throng_resident_bytes 2097152.0\nthrong_drops_total{{reason=\"request_seal\"}} {seals}\n\
                 throng_transport_events_total{{event=\"challenges_out\"}} 3\n"
            ))
        };
        assert_eq!(page(9).resident_mib, 2.0);
        let risen = (page(9), page(4));
        assert_eq!(risen.0.since(&risen.1).collect::<Vec<_>>(), [("request_seal", 5.0)]);
    }
}
