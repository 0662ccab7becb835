//! Storms: so many bots more within one second, and gone again within one tick, while the others play on.
//!
//! ```text
//! waiting --its time--> gathering --all in, or too long--> staying --its stay is over--> clearing --> over
//! ```
//! A storm's bots have no bad links: it is to be as sharp as can be. It overruns a machine of two processors, and is meant to: while
//! it lasts nobody is judged by when he was told what. It is over when the server has none of its sessions any more and is not
//! overloaded.

use crate::duration;
use ops_client::Status;
use rudp::time::NS_PER_S;
use serde::Serialize;
use std::time::Duration;

/// They all knock within this time.
pub const GATHER_NS: u64 = NS_PER_S;
/// They stay so long after the last has come in unless told otherwise.
const STAY: Duration = Duration::from_secs(5);
/// Whoever is not in by then is not waited for.
const GATHER_NS_MAX: u64 = 30 * NS_PER_S;
/// The server may take so long to have none of their sessions any more, and to have come down the four steps of its overload
/// ladder, each of which takes five seconds.
const CLEAR_NS_MAX: u64 = 40 * NS_PER_S;

/// A storm as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storm {
    /// Of so many bots.
    pub bots: usize,
    /// So long after the window opens.
    pub at: Duration,
    /// So long they stay.
    pub stay: Duration,
}

impl Storm {
    /// `2000@60s` or `2000@60s+10s`.
    ///
    /// # Errors
    /// A sentence for the command line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let split = text.split_once('@').ok_or_else(|| format!("`{text}`: expected N@SPAN, as in 2000@60s"))?;
        let (bots, (at, stay)) = (split.0, split.1.split_once('+').unwrap_or((split.1, "")));
        let bots =
            bots.parse().ok().filter(|bots| *bots > 0).ok_or_else(|| format!("`{bots}` is no number of bots"))?;
        let stay = if stay.is_empty() { STAY } else { duration::parse(stay)? };
        Ok(Self { bots, at: duration::parse(at)?, stay })
    }

    /// When it is over at the latest, counted from when the window opens.
    pub fn over(&self) -> Duration {
        self.at + Duration::from_nanos(GATHER_NS_MAX + CLEAR_NS_MAX) + self.stay
    }
}

/// What became of a storm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StormReport {
    /// Bots that were to come.
    pub bots: usize,
    /// Of those, in.
    pub joined: usize,
    /// From the first knock to the last welcome, ms.
    pub all_in_ms: f64,
    /// The server's longest tick from the first knock until the storm was over, ms.
    pub tick_ms_max: f64,
    /// Within this time all goodbyes were said, ms.
    pub leave_ms: f64,
    /// Sessions that the server had then beyond those who stay.
    pub left_behind: u64,
    /// The step of its overload ladder that it stood on then.
    pub overload_level: u64,
    /// From the goodbyes until it was seen to have none and not to be overloaded, ms; its figures come once a second.
    pub clear_ms: f64,
    /// How late the swarm itself was meanwhile, ms: 99 of 100 bot ticks began no later.
    pub lag_ms_p99: f64,
}

/// What the loop is to do for a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// So many bots are to knock now, spread over a second.
    Gather(usize),
    /// All of them are to go, now.
    Scatter(usize),
    /// A status of the server is wanted.
    Ask,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Gathering { since_ns: u64 },
    Staying { until_ns: u64 },
    Clearing { since_ns: u64, asked_ns: u64 },
}

/// All storms of a run, one after the other.
#[derive(Debug)]
pub struct Weather {
    /// The next one is the last.
    storms: Vec<Storm>,
    from_ns: u64,
    phase: Phase,
    report: StormReport,
    told: Vec<StormReport>,
}

impl Weather {
    /// These storms, in any order, counted from now on.
    pub fn new(mut storms: Vec<Storm>, from_ns: u64) -> Self {
        storms.sort_by_key(|storm| std::cmp::Reverse(storm.at));
        Self { storms, from_ns, phase: Phase::Waiting, report: StormReport::default(), told: Vec::new() }
    }

    /// Whether a storm goes on.
    pub fn is_stormy(&self) -> bool {
        self.phase != Phase::Waiting
    }

    /// What became of those that are over.
    pub fn told(&self) -> &[StormReport] {
        &self.told
    }

    /// What is to be done now, if anything. `inside` says how many of the storm's bots are in.
    pub fn poll(&mut self, now_ns: u64, inside: impl Fn(usize) -> usize) -> Option<Order> {
        let storm = *self.storms.last()?;
        match self.phase {
            Phase::Waiting if now_ns >= self.from_ns + storm.at.as_nanos() as u64 => {
                self.phase = Phase::Gathering { since_ns: now_ns };
                self.report = StormReport { bots: storm.bots, ..StormReport::default() };
                Some(Order::Gather(storm.bots))
            }
            Phase::Gathering { since_ns } => {
                self.report.joined = inside(storm.bots);
                if self.report.joined == storm.bots || now_ns >= since_ns + GATHER_NS_MAX {
                    self.report.all_in_ms = (now_ns - since_ns) as f64 / 1e6;
                    self.phase = Phase::Staying { until_ns: now_ns + storm.stay.as_nanos() as u64 };
                }
                None
            }
            Phase::Staying { until_ns } if now_ns >= until_ns => {
                self.phase = Phase::Clearing { since_ns: now_ns, asked_ns: now_ns };
                Some(Order::Scatter(storm.bots))
            }
            Phase::Clearing { since_ns, .. } if now_ns >= since_ns + CLEAR_NS_MAX => {
                self.end(now_ns - since_ns);
                None
            }
            Phase::Clearing { since_ns, asked_ns } if now_ns >= asked_ns + NS_PER_S / 4 => {
                self.phase = Phase::Clearing { since_ns, asked_ns: now_ns };
                Some(Order::Ask)
            }
            _ => None,
        }
    }

    /// All goodbyes have been said within this time.
    pub fn on_scattered(&mut self, within_ns: u64) {
        self.report.leave_ms = within_ns as f64 / 1e6;
    }

    /// What the server says of itself; `staying` sessions are not the storm's.
    pub fn on_status(&mut self, now_ns: u64, status: &Status, staying: u64) {
        if !self.is_stormy() {
            return;
        }
        self.report.tick_ms_max = self.report.tick_ms_max.max(status.tick_us_max_last_second / 1_000.0);
        if let Phase::Clearing { since_ns, .. } = self.phase {
            self.report.left_behind = status.connections.max(status.players).saturating_sub(staying);
            self.report.overload_level = status.overload_level;
            // A page of the server may be a second old.
            let is_clear = self.report.left_behind == 0 && status.overload_level == 0;
            if is_clear && now_ns > since_ns + NS_PER_S {
                self.end(now_ns - since_ns);
            }
        }
    }

    /// How late the swarm was during the storm that was over last.
    pub fn on_lag(&mut self, lag_ms_p99: f64) {
        if let Some(report) = self.told.last_mut() {
            report.lag_ms_p99 = lag_ms_p99;
        }
    }

    fn end(&mut self, clear_ns: u64) {
        self.report.clear_ms = clear_ns as f64 / 1e6;
        self.told.push(self.report);
        self.phase = Phase::Waiting;
        self.storms.pop();
    }
}

impl StormReport {
    /// As part of a table.
    pub fn line(&self) -> String {
        let Self { bots, joined, all_in_ms, tick_ms_max, leave_ms, left_behind, clear_ms, lag_ms_p99, .. } = self;
        format!(
            "{joined} of {bots} bots in within {all_in_ms:.0} ms, gone within {leave_ms:.1} ms; {left_behind} sessions \
             left {clear_ms:.0} ms later, longest tick {tick_ms_max:.1} ms, swarm late by {lag_ms_p99:.1} ms (p99)"
        )
    }

    /// Why it is not as it should be, if it is not.
    pub fn reason(&self) -> Option<String> {
        let Self { bots, joined, left_behind, overload_level, .. } = self;
        if joined < bots {
            return Some(format!("of a storm of {bots} bots only {joined} came in."));
        }
        if *left_behind > 0 {
            return Some(format!("a storm of {bots} bots had gone, and {left_behind} sessions were left."));
        }
        let is_overloaded = *overload_level > 0;
        is_overloaded.then(|| {
            format!("a storm of {bots} bots had gone, and the server was still overloaded, level {overload_level}.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = NS_PER_S;

    #[test]
    fn a_storm_gathers_stays_scatters_and_is_over_when_the_server_has_none_left() {
        let storm = Storm::parse("20@60s+10s").unwrap();
        assert_eq!((storm.bots, storm.at.as_secs(), storm.stay.as_secs(), storm.over().as_secs()), (20, 60, 10, 140));
        let mut weather = Weather::new(vec![storm], 100 * S);
        let status = |connections: u64, tick_us: f64| Status {
            connections,
            tick_us_max_last_second: tick_us,
            ..Status::default()
        };
        assert_eq!(weather.poll(160 * S - 1, |_| 0), None);
        assert_eq!(weather.poll(160 * S, |_| 0), Some(Order::Gather(20)));
        assert_eq!((weather.poll(161 * S, |_| 19), weather.is_stormy()), (None, true));
        weather.on_status(161 * S, &status(119, 14_000.0), 100);
        assert_eq!((weather.poll(162 * S, |_| 20), weather.poll(172 * S - 1, |_| 20)), (None, None));
        assert_eq!(weather.poll(172 * S, |_| 20), Some(Order::Scatter(20)));
        weather.on_scattered(3_000_000);
        weather.on_status(172 * S + 1, &status(100, 0.0), 100);
        assert!(weather.is_stormy(), "that may be from before");
        assert_eq!(weather.poll(173 * S, |_| 0), Some(Order::Ask));
        weather.on_status(174 * S, &Status { overload_level: 1, ..status(100, 0.0) }, 100);
        assert!(weather.is_stormy(), "sight is shorter, or snapshots fewer");
        weather.on_status(175 * S, &status(100, 0.0), 100);
        let told = weather.told()[0];
        assert_eq!((told.joined, told.all_in_ms, told.leave_ms, told.tick_ms_max), (20, 2_000.0, 3.0, 14.0));
        assert_eq!((told.left_behind, told.clear_ms, told.reason(), weather.is_stormy()), (0, 3_000.0, None, false));
        assert_eq!(weather.poll(400 * S, |_| 0), None);
    }

    #[test]
    fn who_does_not_come_in_and_who_is_left_behind_fails_the_run() {
        let mut weather = Weather::new(vec![Storm::parse("20@1s").unwrap()], 0);
        assert!(weather.poll(S, |_| 0).is_some());
        assert_eq!(weather.poll(S + GATHER_NS_MAX, |_| 19), None);
        assert_eq!(weather.poll(40 * S, |_| 19), Some(Order::Scatter(20)));
        weather.on_status(42 * S, &Status { connections: 103, ..Status::default() }, 100);
        assert_eq!(weather.poll(80 * S, |_| 0), None);
        let told = weather.told()[0];
        assert_eq!(told.reason().unwrap(), "of a storm of 20 bots only 19 came in.");
        let left = StormReport { joined: 20, ..told };
        assert_eq!(left.reason().unwrap(), "a storm of 20 bots had gone, and 3 sessions were left.");
        let slow = StormReport { left_behind: 0, overload_level: 2, ..left };
        assert_eq!(
            slow.reason().unwrap(),
            "a storm of 20 bots had gone, and the server was still overloaded, level 2."
        );
    }

    #[test]
    fn what_is_no_storm_is_refused_with_a_sentence() {
        let told = |text: &str| Storm::parse(text).unwrap_err();
        assert_eq!(told("2000"), "`2000`: expected N@SPAN, as in 2000@60s");
        assert_eq!(told("0@60s"), "`0` is no number of bots");
        assert_eq!(told("20@60"), "`60` has no unit: write 60s, 60ms or 60m");
        assert!(Storm::parse("20@60s+").is_ok_and(|storm| storm.stay == STAY));
    }
}
