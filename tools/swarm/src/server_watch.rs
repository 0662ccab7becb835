//! The server's figures over the measured window, as differences between two of its own samples.

use crate::report::{CpuPercent, ServerReport, TickMs};
use ops_client::{Bound, Status};

/// Samples of one run.
#[derive(Debug, Default)]
pub struct ServerWatch {
    /// The first of the window (or of the server process that answers now) and when it was read.
    first: Option<(u64, Status)>,
    last: Option<(u64, Status)>,
    tick_us_max: f64,
    overload_level_max: u64,
    failure: Option<String>,
}

impl ServerWatch {
    /// The window opens: samples from now on count.
    pub fn start(&mut self) {
        *self = Self::default();
    }

    /// A sample, read at `at_ns`.
    pub fn on_status(&mut self, at_ns: u64, status: Status) {
        self.failure = None;
        let is_restarted = self.last.as_ref().is_some_and(|(_, last)| status.ticks_total < last.ticks_total);
        if self.first.is_none() || is_restarted {
            self.first = Some((at_ns, status.clone()));
        } else {
            // The first sample's own last second lies before the window.
            self.tick_us_max = self.tick_us_max.max(status.tick_us_max_last_second);
        }
        self.overload_level_max = self.overload_level_max.max(status.overload_level);
        self.last = Some((at_ns, status));
    }

    /// No sample, and why.
    pub fn on_silent(&mut self, why: String) {
        self.failure = Some(why);
    }

    /// The figures; none without two samples. `tick_rate_hz` is what the bots heard.
    pub fn report(&self, tick_rate_hz: f64) -> Option<ServerReport> {
        let ((from_ns, from), (to_ns, to)) = (self.first.as_ref()?, self.last.as_ref()?);
        let seconds = to_ns.saturating_sub(*from_ns) as f64 / 1e9;
        let ticks = to.ticks_total.saturating_sub(from.ticks_total) as f64;
        if seconds <= 0.0 || ticks <= 0.0 {
            return None;
        }
        let count = |to: u64, from: u64| to.saturating_sub(from) as f64;
        let player_ticks = count(to.player_ticks_total, from.player_ticks_total);
        let per_player_tick = |amount: f64| if player_ticks > 0.0 { amount / player_ticks } else { 0.0 };
        let cpu_percent = |to: f64, from: f64| (to - from) * 100.0 / seconds;
        let total = cpu_percent(to.cpu_seconds.total, from.cpu_seconds.total);
        let beyond_ms = self.tick_us_max / 1_000.0;
        let ticks_between = to.tick_histogram.since(&from.tick_histogram);
        let tick_ms = |q| match ticks_between.quantile_us(q) {
            Some(Bound::Within(us)) => us / 1_000.0,
            Some(Bound::Beyond(_)) => beyond_ms,
            None => 0.0,
        };
        Some(ServerReport {
            tick_ms: TickMs { p50: tick_ms(0.5), p99: tick_ms(0.99), max: beyond_ms },
            tick_rate_hz,
            cpu_percent: CpuPercent {
                reactor: cpu_percent(to.cpu_seconds.reactor, from.cpu_seconds.reactor),
                world: cpu_percent(to.cpu_seconds.world, from.cpu_seconds.world),
                persistence: cpu_percent(to.cpu_seconds.persistence, from.cpu_seconds.persistence),
                courier: cpu_percent(to.cpu_seconds.courier, from.cpu_seconds.courier),
                ops: cpu_percent(to.cpu_seconds.ops, from.cpu_seconds.ops),
                total,
            },
            rss_bytes: to.rss_bytes,
            packets_in_per_s: count(to.packets_in_total, from.packets_in_total) / seconds,
            packets_out_per_s: count(to.packets_out_total, from.packets_out_total) / seconds,
            // CPU time is read when the status is, ticks are those of the server's last publication: dividing the rates
            // keeps the part of a second between them out of the figure.
            us_per_player_tick: per_player_tick(total * 10_000.0 * ticks / tick_rate_hz.max(1.0)),
            updates_per_player_tick: per_player_tick(count(to.updates_total, from.updates_total)),
            overload_level_max: self.overload_level_max,
            seal_backend: to.seal_backend.clone(),
        })
    }

    /// Why there is no figure of the server, if there is none.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ops_client::{CpuSeconds, TickHistogram};

    fn status(second: u64, counts: [u64; 3]) -> Status {
        Status {
            uptime_s: second as f64,
            ticks_total: second * 60,
            tick_us_max_last_second: 900.0 + second as f64,
            tick_histogram: TickHistogram { upper_us: vec![Some(100.0), Some(200.0), None], counts: counts.to_vec() },
            cpu_seconds: CpuSeconds {
                reactor: second as f64 * 0.3,
                world: second as f64 * 0.2,
                total: second as f64 * 0.5,
                ..CpuSeconds::default()
            },
            rss_bytes: 1_000,
            packets_in_total: second * 6_000,
            packets_out_total: second * 7_000,
            updates_total: second * 60 * 100 * 30,
            player_ticks_total: second * 60 * 100,
            seal_backend: "aws-lc".into(),
            ..Status::default()
        }
    }

    #[test]
    fn figures_are_differences_over_the_window() {
        let mut watch = ServerWatch::default();
        watch.on_status(5_000_000_000, status(10, [500, 50, 0]));
        watch.on_status(15_000_000_000, status(20, [1_000, 148, 2]));
        let report = watch.report(60.0).unwrap();
        assert_eq!((report.tick_ms.p50, report.tick_ms.p99, report.tick_ms.max), (0.1, 0.2, 0.92));
        assert!((report.cpu_percent.reactor - 30.0).abs() < 1e-9 && (report.cpu_percent.total - 50.0).abs() < 1e-9);
        assert!((report.us_per_player_tick - 500_000.0 / 6_000.0).abs() < 1e-6, "{}", report.us_per_player_tick);
        assert_eq!((report.updates_per_player_tick, report.packets_in_per_s), (30.0, 6_000.0));
    }

    #[test]
    fn a_restarted_server_starts_its_figures_anew() {
        let mut watch = ServerWatch::default();
        watch.on_status(5_000_000_000, status(100, [6_000, 0, 0]));
        watch.on_status(9_000_000_000, status(1, [60, 0, 0]));
        watch.on_status(19_000_000_000, status(11, [0, 660, 0]));
        let report = watch.report(60.0).unwrap();
        assert_eq!((report.packets_out_per_s, report.tick_ms.p50), (7_000.0, 0.2));
    }

    #[test]
    fn without_two_samples_there_is_nothing_to_say() {
        let mut watch = ServerWatch::default();
        watch.on_silent("127.0.0.1:9777 refuses".into());
        assert!(watch.report(60.0).is_none());
        assert_eq!(watch.failure(), Some("127.0.0.1:9777 refuses"));
    }
}
