//! What a server says of itself, as its interface spells it.

use serde::{Deserialize, Serialize};

/// The server's answer to `GET /api/v1/status`. Fields that a server does not tell are 0, or
/// none where 0 would say something.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the server's interface and documented there")]
pub struct Status {
    pub version: String,
    pub uptime_s: f64,
    pub ready: bool,
    pub players: u64,
    pub connections: u64,
    pub entities: u64,
    pub tick: u64,
    pub ticks_total: u64,
    pub tick_overruns_total: u64,
    pub tick_rate_hz: f64,
    pub tick_us_max_last_second: f64,
    pub tick_histogram: TickHistogram,
    pub cpu_seconds: CpuSeconds,
    pub rss_bytes: u64,
    pub packets_in_total: u64,
    pub packets_out_total: u64,
    pub bytes_in_total: u64,
    pub bytes_out_total: u64,
    pub updates_total: u64,
    pub player_ticks_total: u64,
    pub encoded_total: u64,
    pub overload_level: u64,
    pub save_lag_seconds: f64,
    pub stores: Stores,
    pub kernel_drops_total: u64,
    pub seal_backend: String,
    /// Who waits for a place.
    pub queued: u64,
    /// Nobody is let in any more; whoever is here plays on.
    pub draining: bool,
    /// Seconds until it goes down, if that has been said.
    pub shutdown_in_s: Option<f64>,
    /// The names of the alerts that are raised.
    pub alerts_firing: Vec<String>,
    /// Round trips of those who are here.
    pub rtt_ms: Option<Quantiles>,
    /// Part of all that was sent in the last second that was lost, 0 to 1.
    pub loss_ratio: Option<f64>,
    /// Mean of those who are here, in the last second.
    pub kbit_per_client: Option<BothWays>,
    /// What is coming, if the trend goes on; none if nothing is.
    pub forecast: Option<Forecast>,
    /// Of the resident ones those that the program has asked for; none where its allocator does not tell.
    pub allocated_bytes: Option<u64>,
}

/// Where the middle and the worst hundredth lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "named as quantiles are")]
pub struct Quantiles {
    pub p50: Option<f64>,
    pub p99: Option<f64>,
}

/// To the clients and from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "down is to the clients")]
pub struct BothWays {
    pub down: Option<f64>,
    pub up: Option<f64>,
}

/// When a limit is reached at this trend.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Forecast {
    /// In words.
    pub text: String,
    /// From now.
    pub minutes: Option<f64>,
    /// How many will be here then.
    pub players: Option<f64>,
}

/// How saving goes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the server's interface and documented there")]
pub struct Stores {
    pub journal: bool,
    /// Empty if the server does not tell.
    pub journal_state: String,
    pub journal_state_s: f64,
    pub journal_errors_total: u64,
    pub journal_lag_seconds: f64,
    pub journal_commit_ms_max_last_second: f64,
    pub commits_under_way: u64,
    pub commits_undecided: u64,
    pub commits_total: u64,
    pub commits_refused_total: u64,
    pub others: Vec<Store>,
    pub outbox: u64,
    pub checkpoints_waiting: u64,
    pub checkpoints_waiting_redis: u64,
    pub leases: u64,
    pub torn: Option<String>,
    pub torn_at: Option<u64>,
}

/// A store beside the journal: Redis, or one of MariaDB's servers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the server's interface and documented there")]
pub struct Store {
    pub name: String,
    pub place: String,
    pub state: String,
    pub state_s: f64,
    pub is_written: bool,
    pub errors_total: u64,
}

/// Tick durations since the server's start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TickHistogram {
    /// Upper bounds in microseconds; the last has none.
    pub upper_us: Vec<Option<f64>>,
    /// Ticks per bucket.
    pub counts: Vec<u64>,
}

/// CPU time by thread.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "named as the threads are")]
pub struct CpuSeconds {
    pub reactor: f64,
    pub world: f64,
    pub persistence: f64,
    pub courier: f64,
    pub ops: f64,
    pub total: f64,
}

/// Where a quantile lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// At most this many microseconds.
    Within(f64),
    /// More than this, the largest bound there is.
    Beyond(f64),
}

impl TickHistogram {
    /// The ticks since `before`, an earlier answer of the same server.
    pub fn since(&self, before: &Self) -> Self {
        let earlier = before.counts.iter().copied().chain(std::iter::repeat(0));
        let counts = self.counts.iter().zip(earlier).map(|(now, before)| now.saturating_sub(before)).collect();
        Self { upper_us: self.upper_us.clone(), counts }
    }

    /// The bucket in which quantile `q` of all ticks falls; none without ticks.
    pub fn quantile_us(&self, q: f64) -> Option<Bound> {
        let total: u64 = self.counts.iter().sum();
        let rank = ((total as f64 * q).ceil() as u64).max(1);
        let mut seen = 0;
        let mut largest = 0.0;
        for (count, upper) in self.counts.iter().zip(&self.upper_us) {
            seen += count;
            largest = upper.unwrap_or(largest);
            if seen >= rank {
                return Some(upper.map_or(Bound::Beyond(largest), Bound::Within));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_bounds_of_their_buckets() {
        let histogram = |counts: [u64; 3]| TickHistogram {
            upper_us: vec![Some(100.0), Some(200.0), None],
            counts: counts.to_vec(),
        };
        assert_eq!(histogram([98, 1, 1]).quantile_us(0.5), Some(Bound::Within(100.0)));
        assert_eq!(histogram([98, 1, 1]).quantile_us(0.99), Some(Bound::Within(200.0)));
        assert_eq!(histogram([0, 0, 1]).quantile_us(0.5), Some(Bound::Beyond(200.0)));
        assert_eq!(histogram([0, 0, 0]).quantile_us(0.5), None);
    }

    #[test]
    fn quantiles_may_be_of_the_ticks_between_two_samples() {
        let histogram = |counts: &[u64]| TickHistogram {
            upper_us: vec![Some(1_000.0), Some(2_000.0), None],
            counts: counts.to_vec(),
        };
        let between = histogram(&[1_050, 49, 1]).since(&histogram(&[1_000, 0, 0]));
        assert_eq!(between.quantile_us(0.5), Some(Bound::Within(1_000.0)));
        assert_eq!(between.quantile_us(0.99), Some(Bound::Within(2_000.0)));
        assert_eq!(between.quantile_us(1.0), Some(Bound::Beyond(2_000.0)));
        assert_eq!(between.since(&between).quantile_us(0.5), None);
        assert_eq!(between.since(&TickHistogram::default()).counts, between.counts);
    }

    #[test]
    fn a_status_may_have_fields_that_we_do_not_know_and_lack_some_that_we_do() {
        let text = r#"{"news":1,"ticks_total":150,"tick_histogram":{"upper_us":[10.0,null],"counts":[1,2]},"cpu_seconds":{"world":0.5}}"#;
        let status: Status = serde_json::from_str(text).unwrap();
        assert_eq!((status.ticks_total, status.cpu_seconds.world, status.rss_bytes), (150, 0.5, 0));
        assert_eq!(status.tick_histogram.upper_us, [Some(10.0), None]);
        assert_eq!((status.rtt_ms, status.loss_ratio, status.shutdown_in_s), (None, None, None), "not told is not 0");
    }

    #[test]
    fn what_a_server_has_no_figure_for_is_none() {
        let text = r#"{"rtt_ms":{"p50":null,"p99":40},"loss_ratio":null,"shutdown_in_s":60,"forecast":null,"alerts_firing":["lag"]}"#;
        let status: Status = serde_json::from_str(text).unwrap();
        assert_eq!(status.rtt_ms, Some(Quantiles { p50: None, p99: Some(40.0) }));
        assert_eq!((status.shutdown_in_s, status.forecast.is_none()), (Some(60.0), true));
        assert_eq!(status.alerts_firing, ["lag"]);
    }
}
