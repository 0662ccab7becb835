//! What a server says of itself, and the same for people.

use serde::Deserialize;
use std::fmt::Write;

/// The server's answer to `GET /api/v1/status`. Fields that a server does not tell are 0.
#[derive(Clone, Debug, Default, Deserialize)]
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
    pub overload_level: u64,
    pub save_lag_seconds: f64,
    pub kernel_drops_total: u64,
    pub seal_backend: String,
}

/// Tick durations since the server's start.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TickHistogram {
    /// Upper bounds in microseconds; the last has none.
    pub upper_us: Vec<Option<f64>>,
    /// Ticks per bucket.
    pub counts: Vec<u64>,
}

/// CPU time by thread.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "named as the threads are")]
pub struct CpuSeconds {
    pub reactor: f64,
    pub world: f64,
    pub persistence: f64,
    pub ops: f64,
    pub total: f64,
}

/// The table: the state of `now`, and rates since `before`, read `seconds` earlier.
pub fn table(before: &Status, now: &Status, seconds: f64) -> String {
    let rate = |to: u64, from: u64| to.saturating_sub(from) as f64 / seconds;
    let cpu = |of: fn(&CpuSeconds) -> f64| (of(&now.cpu_seconds) - of(&before.cpu_seconds)).max(0.0) * 100.0 / seconds;
    let kbit = |bytes: f64| bytes * 8.0 / 1_000.0;
    let tick_ms = |q| match now.tick_histogram.quantile_us(q) {
        Some(Bound::Within(us)) => format!("{:.2} ms", us / 1_000.0),
        Some(Bound::Beyond(us)) => format!("over {:.0} ms", us / 1_000.0),
        None => "-".to_owned(),
    };
    let rows = [
        ("version", now.version.clone()),
        ("up", span(now.uptime_s)),
        ("ready", if now.ready { "yes, players may join" } else { "no" }.to_owned()),
        ("players", format!("{} ({} connections, {} entities)", now.players, now.connections, now.entities)),
        ("ticks", format!("{:.1} Hz, now tick {}, {} overruns", now.tick_rate_hz, now.tick, now.tick_overruns_total)),
        (
            "tick time",
            format!(
                "p50 {}, p99 {} since start, {:.2} ms at most in the last second",
                tick_ms(0.5),
                tick_ms(0.99),
                now.tick_us_max_last_second / 1_000.0
            ),
        ),
        (
            "traffic in",
            format!(
                "{:.0} packets/s, {:.0} kbit/s",
                rate(now.packets_in_total, before.packets_in_total),
                kbit(rate(now.bytes_in_total, before.bytes_in_total))
            ),
        ),
        (
            "traffic out",
            format!(
                "{:.0} packets/s, {:.0} kbit/s, sealed by {}",
                rate(now.packets_out_total, before.packets_out_total),
                kbit(rate(now.bytes_out_total, before.bytes_out_total)),
                now.seal_backend
            ),
        ),
        (
            "CPU",
            format!(
                "{:.1} % of a core: reactor {:.1}, world {:.1}, persistence {:.1}, ops {:.1}",
                cpu(|c| c.total),
                cpu(|c| c.reactor),
                cpu(|c| c.world),
                cpu(|c| c.persistence),
                cpu(|c| c.ops)
            ),
        ),
        ("memory", format!("{:.1} MiB", now.rss_bytes as f64 / 1_048_576.0)),
        ("save lag", format!("{:.1} s", now.save_lag_seconds)),
        (
            "overload",
            format!("level {}, {} datagrams dropped by the kernel", now.overload_level, now.kernel_drops_total),
        ),
    ];
    rows.into_iter().fold(String::new(), |mut table, (name, text)| {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{name:<12} {text}");
        table
    })
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

/// Seconds as people say them.
fn span(seconds: f64) -> String {
    let whole = seconds as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3_600 => format!("{minutes} min {} s", whole % 60),
        3_600..86_400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h {minutes} min"),
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
    fn rates_are_differences_between_the_samples() {
        let cpu_seconds = CpuSeconds { world: 1.0, total: 2.0, ..CpuSeconds::default() };
        let before = Status { packets_in_total: 1_000, cpu_seconds, ..Status::default() };
        let cpu_seconds = CpuSeconds { world: 1.1, total: 2.25, ..CpuSeconds::default() };
        let now = Status { packets_in_total: 1_600, cpu_seconds, ready: true, ..Status::default() };
        let table = table(&before, &now, 0.5);
        assert!(table.contains("1200 packets/s"), "{table}");
        assert!(table.contains("50.0 % of a core: reactor 0.0, world 20.0"), "{table}");
        assert!(table.contains("yes, players may join") && table.contains("p50 -"), "{table}");
    }

    #[test]
    fn spans_are_said_in_their_two_largest_units() {
        assert_eq!([span(12.34), span(75.0), span(3_700.0)], ["12.3 s", "1 min 15 s", "1 h 1 min"]);
        assert_eq!(span(90_061.0), "1 d 1 h 1 min");
    }
}
