//! The server's own figures, asked for over HTTP by one small thread so that the loop of the bots never waits.

use crate::clock::Clock;
use anyhow::{Context, Result, bail};
use ops_client::Status;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// How often the status is read while nobody asks.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// How often `/ready` is read while bots rejoin: the ten seconds they have are counted from its first yes.
const READY_EVERY: Duration = Duration::from_millis(100);

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
        let is_ready = ops_client::get(self.address, "/ready", None).is_ok_and(|answer| answer.status == 200);
        let turned = is_ready && !self.was_ready;
        self.was_ready = is_ready;
        if turned { self.tell.send(News::Ready { at_ns: self.clock.mono_ns() }) } else { Ok(()) }
    }
}

fn read_status(address: SocketAddr, token: &str) -> Result<Status> {
    let answer = ops_client::get(address, "/api/v1/status", Some(token))?;
    match answer.status {
        200 => serde_json::from_str(&answer.body).context("its status is not the JSON we know"),
        401 | 403 => bail!("the token was refused"),
        other => bail!("the answer was {other}"),
    }
}
