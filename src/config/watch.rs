//! Of what the operator is told, when, and how: the keys of `[alerts]` and `[report]`.

use crate::config::key::{self, Ranged};
use crate::config::written::Written;
use axum::http::Uri;
use std::fmt;

/// Limits beyond which somebody is told, and how. What ends in `for_s` is how many seconds a figure must have been there.
#[derive(Clone, PartialEq, Eq)]
pub struct Alerts {
    /// Whether anything is looked at.
    pub is_enabled: bool,
    /// Where changes are sent; none if nowhere. It may hold a secret.
    pub webhook_url: Option<String>,
    /// Ticks per second, at most.
    pub tick_rate_hz: u32,
    /// As above.
    pub tick_rate_for_s: u32,
    /// Milliseconds of the slowest tick in a hundred, at least.
    pub tick_p99_ms: u32,
    /// As above.
    pub tick_p99_for_s: u32,
    /// Seconds of the save lag, at least.
    pub save_lag_s: u32,
    /// As above.
    pub save_lag_for_s: u32,
    /// Datagrams dropped by the kernel per second, at least.
    pub drops_per_s: u32,
    /// As above.
    pub drops_for_s: u32,
    /// Sessions that time out within a minute, in a hundred, at least.
    pub timeouts_percent: u32,
    /// As above.
    pub timeouts_for_s: u32,
    /// Steps against overload, at least.
    pub overload_level: u32,
    /// As above.
    pub overload_for_s: u32,
    /// Minutes until a limit is reached, at most.
    pub forecast_min: u32,
    /// As above.
    pub forecast_for_s: u32,
    /// Of a journal that fails.
    pub journal_for_s: u32,
    /// Of a store that is away.
    pub store_for_s: u32,
}

/// When reports are written by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reports {
    /// Hours between two; 0: never.
    pub every_h: u32,
    /// How many are kept.
    pub keep: usize,
}

/// Takes the keys. What is wrong with the webhook's address is said without repeating it.
pub fn alerts(written: &mut Written) -> Alerts {
    let webhook_url = written.text("alerts.webhook_url");
    if webhook_url.as_ref().is_some_and(|url| !is_web_address(url)) {
        written.problem("alerts.webhook_url is no address that begins with http:// or https://".to_owned());
    }
    let is_enabled = written.boolean("alerts.enabled", true);
    let mut number = |key, range: Ranged| written.integer(key, range) as u32;
    Alerts {
        is_enabled,
        webhook_url,
        tick_rate_hz: number("alerts.tick_rate_hz", key::ALERT_TICK_RATE_HZ),
        tick_rate_for_s: number("alerts.tick_rate_for_s", key::alert_for_s(5)),
        tick_p99_ms: number("alerts.tick_p99_ms", key::ALERT_TICK_P99_MS),
        tick_p99_for_s: number("alerts.tick_p99_for_s", key::alert_for_s(60)),
        save_lag_s: number("alerts.save_lag_s", key::ALERT_SAVE_LAG_S),
        save_lag_for_s: number("alerts.save_lag_for_s", key::alert_for_s(5)),
        drops_per_s: number("alerts.drops_per_s", key::ALERT_DROPS_PER_S),
        drops_for_s: number("alerts.drops_for_s", key::alert_for_s(10)),
        timeouts_percent: number("alerts.timeouts_percent", key::ALERT_TIMEOUTS_PERCENT),
        timeouts_for_s: number("alerts.timeouts_for_s", key::alert_for_s(10)),
        overload_level: number("alerts.overload_level", key::ALERT_OVERLOAD_LEVEL),
        overload_for_s: number("alerts.overload_for_s", key::alert_for_s(300)),
        forecast_min: number("alerts.forecast_min", key::ALERT_FORECAST_MIN),
        forecast_for_s: number("alerts.forecast_for_s", key::alert_for_s(60)),
        journal_for_s: number("alerts.journal_for_s", key::alert_for_s(5)),
        store_for_s: number("alerts.store_for_s", key::alert_for_s(30)),
    }
}

/// Takes the keys.
pub fn reports(written: &mut Written) -> Reports {
    Reports {
        every_h: written.integer("report.every_h", key::REPORT_EVERY_H) as u32,
        keep: written.integer("report.keep", key::REPORTS_KEPT) as usize,
    }
}

/// `http` or `https`, with a host.
fn is_web_address(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    uri.is_some_and(|uri| {
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        is_web && uri.host().is_some_and(|host| !host.is_empty())
    })
}

impl Default for Alerts {
    fn default() -> Self {
        alerts(&mut Written::default())
    }
}

/// A webhook's address is often all that it takes to post there.
impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_enabled, webhook_url, .. } = self;
        let limits = [
            (self.tick_rate_hz, self.tick_rate_for_s),
            (self.tick_p99_ms, self.tick_p99_for_s),
            (self.save_lag_s, self.save_lag_for_s),
            (self.drops_per_s, self.drops_for_s),
            (self.timeouts_percent, self.timeouts_for_s),
            (self.overload_level, self.overload_for_s),
            (self.forecast_min, self.forecast_for_s),
            (self.journal_for_s, self.store_for_s),
        ];
        f.debug_struct("Alerts")
            .field("is_enabled", is_enabled)
            .field("webhook_url", &webhook_url.is_some())
            .field("limits", &limits)
            .finish()
    }
}
