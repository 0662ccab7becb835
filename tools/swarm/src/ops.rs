//! The server's own figures, asked for over HTTP by one small thread so that the loop of the bots never waits.

use crate::clock::Clock;
use crate::http;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// How often the status is read while nobody asks.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// How often `/ready` is read while bots rejoin: the ten seconds they have are counted from its first yes.
const READY_EVERY: Duration = Duration::from_millis(100);

/// The server's answer to `GET /api/v1/status`. Fields that a server does not tell are 0.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of the server's interface and documented there")]
pub struct Status {
    pub uptime_s: f64,
    pub ticks_total: u64,
    pub tick_us_max_last_second: f64,
    pub tick_histogram: TickHistogram,
    pub cpu_seconds: CpuSeconds,
    pub rss_bytes: u64,
    pub packets_in_total: u64,
    pub packets_out_total: u64,
    pub updates_total: u64,
    pub player_ticks_total: u64,
    pub overload_level: u64,
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
    pub total: f64,
}

/// What the thread found out.
#[derive(Debug)]
pub enum News {
    /// A status, read at this time.
    Status {
        /// On the swarm's clock.
        at_ns: u64,
        /// Whether it was asked for with [`Ops::ask`].
        asked: bool,
        /// What the server said.
        status: Box<Status>,
    },
    /// The server gave no status.
    Silent {
        /// Whether it was asked for.
        asked: bool,
        /// In words.
        why: String,
    },
    /// `/ready` answers yes, having said no or nothing before.
    Ready {
        /// On the swarm's clock.
        at_ns: u64,
    },
}

/// The thread, seen from the loop.
#[derive(Debug)]
pub struct Ops {
    asks: Sender<()>,
    news: Receiver<News>,
}

impl Ops {
    /// Starts to ask `address`. `watch_ready`: also report when it becomes ready.
    #[allow(
        clippy::disallowed_methods,
        reason = "one thread for HTTP alone: the loop of the bots must not wait for it"
    )]
    pub fn start(address: SocketAddr, token: String, watch_ready: bool, clock: Clock) -> Self {
        let (asks, asked) = channel();
        let (tell, news) = channel();
        std::thread::spawn(move || Watch { address, token, clock, tell, was_ready: true }.run(&asked, watch_ready));
        Self { asks, news }
    }

    /// Wants a status now.
    pub fn ask(&self) {
        // The thread ends only with this struct.
        let _ = self.asks.send(());
    }

    /// The next piece of news, if there is any.
    pub fn poll_news(&self) -> Option<News> {
        self.news.try_recv().ok()
    }
}

struct Watch {
    address: SocketAddr,
    token: String,
    clock: Clock,
    tell: Sender<News>,
    was_ready: bool,
}

impl Watch {
    fn run(mut self, asked: &Receiver<()>, watch_ready: bool) {
        let every = if watch_ready { READY_EVERY } else { STATUS_EVERY };
        let rounds_per_status = STATUS_EVERY.as_millis() / every.as_millis();
        let mut round = 0;
        loop {
            let told = match asked.recv_timeout(every) {
                Ok(()) => self.status(true),
                Err(RecvTimeoutError::Timeout) => {
                    round += 1;
                    let ready = if watch_ready { self.ready() } else { Ok(()) };
                    ready.and_then(|()| if round % rounds_per_status == 0 { self.status(false) } else { Ok(()) })
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if told.is_err() {
                return;
            }
        }
    }

    fn status(&self, asked: bool) -> Result<(), std::sync::mpsc::SendError<News>> {
        self.tell.send(match read_status(self.address, &self.token) {
            Ok(status) => News::Status { at_ns: self.clock.mono_ns(), asked, status: Box::new(status) },
            Err(error) => News::Silent { asked, why: format!("{error:#}") },
        })
    }

    fn ready(&mut self) -> Result<(), std::sync::mpsc::SendError<News>> {
        let is_ready = http::get(self.address, "/ready", None).is_ok_and(|answer| answer.status == 200);
        let turned = is_ready && !self.was_ready;
        self.was_ready = is_ready;
        if turned { self.tell.send(News::Ready { at_ns: self.clock.mono_ns() }) } else { Ok(()) }
    }
}

fn read_status(address: SocketAddr, token: &str) -> Result<Status> {
    let answer = http::get(address, "/api/v1/status", Some(token))?;
    match answer.status {
        200 => serde_json::from_str(&answer.body).context("its status is not the JSON we know"),
        401 | 403 => bail!("the token was refused"),
        other => bail!("the answer was {other}"),
    }
}

impl TickHistogram {
    /// The upper bound, in milliseconds, of the bucket in which quantile `q` of the ticks since `before` falls; none
    /// without ticks. Ticks above the last bound count as `beyond_ms`.
    pub fn quantile_ms(&self, before: &Self, q: f64, beyond_ms: f64) -> Option<f64> {
        let since = |index: usize| self.counts[index].saturating_sub(before.counts.get(index).copied().unwrap_or(0));
        let total: u64 = (0..self.counts.len()).map(since).sum();
        let rank = ((total as f64 * q).ceil() as u64).max(1);
        let mut seen = 0;
        for index in 0..self.counts.len() {
            seen += since(index);
            if seen >= rank {
                return Some(self.upper_us.get(index).copied().flatten().map_or(beyond_ms, |us| us / 1_000.0));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: &[u64]) -> TickHistogram {
        TickHistogram { upper_us: vec![Some(1_000.0), Some(2_000.0), None], counts: counts.to_vec() }
    }

    #[test]
    fn quantiles_are_of_the_ticks_between_two_samples() {
        let (before, after) = (histogram(&[1_000, 0, 0]), histogram(&[1_050, 49, 1]));
        assert_eq!(after.quantile_ms(&before, 0.5, 30.0), Some(1.0));
        assert_eq!(after.quantile_ms(&before, 0.99, 30.0), Some(2.0));
        assert_eq!(after.quantile_ms(&before, 1.0, 30.0), Some(30.0));
        assert_eq!(before.quantile_ms(&before, 0.5, 30.0), None);
    }

    #[test]
    fn a_status_may_have_fields_that_we_do_not_know_and_lack_some_that_we_do() {
        let text = r#"{"version":"1","uptime_s":2.5,"ticks_total":150,"tick_histogram":{"upper_us":[10.0,null],"counts":[1,2]},"cpu_seconds":{"world":0.5}}"#;
        let status: Status = serde_json::from_str(text).unwrap();
        assert_eq!((status.ticks_total, status.cpu_seconds.world, status.rss_bytes), (150, 0.5, 0));
        assert_eq!(status.tick_histogram.upper_us, [Some(10.0), None]);
    }
}
