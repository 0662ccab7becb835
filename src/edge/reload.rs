//! Keys and content that change while the server runs.
//!
//! Asked (by SIGHUP or an operator) -> the main thread reads configuration and key files anew -> the reactor takes the
//! keys, then the desk mints with the newest: no token is sealed with a key that does not open yet.

use crate::config::Config;
use crate::edge::ops::{Desk, Rules, Tally};
use crate::edge::shelf::Shelf;
use crate::edge::{self, StartError};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use mio::Waker;
use rudp::Key;
use server::Gate;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Resolves the configuration anew from where it came from; the sentence says what is wrong with it.
pub type Reread = Box<dyn Fn() -> Result<Config, String> + Send>;
/// Whom a reload is reported to, if anybody asked.
pub type ReloadReply = oneshot::Sender<Result<Reloaded, String>>;
/// Passes a request for a reload to the main thread.
pub type AskReload = Box<dyn Fn(ReloadReply) + Send + Sync>;

/// The reactor looks at least once a second, and is woken.
const TAKEN_WITHIN: Duration = Duration::from_secs(3);

/// What is in force after a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// Keys that open connect tokens.
    pub private_keys: usize,
    /// Keys that logins are checked with.
    pub jwt_keys: usize,
    /// Entries of the content: classes, skills, effects, items and mobs together.
    pub content: usize,
}

/// What a reload changes, and what it must not.
pub struct Reload {
    reread: Reread,
    /// In use since the start: keys and journal do not move.
    data_dir: PathBuf,
    listen: SocketAddr,
    ops_listen: SocketAddr,
    handover: Arc<Handover>,
    shelf: Arc<Shelf>,
    waker: Arc<Waker>,
    tally: Arc<Tally>,
    taken_within: Duration,
}

impl Reload {
    /// What reloads the server that `edge` is; `reread` is asked for the configuration each time.
    pub fn new(reread: Reread, edge: &edge::Edge) -> Self {
        Self {
            reread,
            data_dir: edge.data_dir.clone(),
            listen: edge.listen,
            ops_listen: edge.ops_listen,
            handover: edge.handover.clone(),
            shelf: edge.shelf.clone(),
            waker: edge.waker.clone(),
            tally: edge.offices.tally.clone(),
            taken_within: TAKEN_WITHIN,
        }
    }

    /// Does it, counts it, logs it and tells whoever asked.
    pub fn run(&self, reply: Option<ReloadReply>) {
        let result = self.try_run();
        match &result {
            Ok(Reloaded { private_keys, jwt_keys, content }) => {
                self.tally.reloaded.add();
                tracing::info!(private_keys, jwt_keys, content, "keys, login rules and content were read again");
            }
            Err(problem) => {
                self.tally.reloads_refused.add();
                tracing::error!("nothing was reloaded: {problem}");
            }
        }
        if let Some(reply) = reply {
            // Whoever asked may have gone.
            let _ = reply.send(result);
        }
    }

    fn try_run(&self) -> Result<Reloaded, String> {
        let config = Config { data_dir: self.data_dir.clone(), ..(self.reread)()? };
        if !self.listen.ip().is_loopback() && config.private_key_file.is_none() {
            return Err("auth.private_key_file is gone, and the server listens beyond this machine".to_owned());
        }
        let sentence = |error: StartError| error.to_string();
        let keys = edge::keys(&config).map_err(|error| sentence(error.into()))?;
        let rules = edge::login_rules(&config, &keys, self.ops_listen).map_err(|error| sentence(error.into()))?;
        // Everything that can be refused is before anything takes effect.
        let content =
            self.shelf.newest().follow((*config.content).clone()).map_err(|problems| problems.0.join("; "))?;
        let reloaded = Reloaded { private_keys: keys.len(), jwt_keys: rules.jwt_keys(), content: content.entries() };
        let (done, taken) = bounded(1);
        self.handover.offer(Offer { keys, rules, done });
        let _ = self.waker.wake();
        let taken = self.wait_taken(&taken).map(|()| reloaded)?;
        self.shelf.put(Arc::new(content), config.source);
        Ok(taken)
    }

    fn wait_taken(&self, taken: &Receiver<()>) -> Result<(), String> {
        match taken.recv_timeout(self.taken_within) {
            Ok(()) => Ok(()),
            Err(RecvTimeoutError::Timeout) => match self.handover.take() {
                // Taken back: what was told as refused must not happen later.
                Some(_) => Err("the reactor did not take the keys in time".to_owned()),
                // It is taking them at this moment.
                None => taken.recv().map_err(|_| "the transport refused the keys".to_owned()),
            },
            Err(RecvTimeoutError::Disconnected) => Err("the transport refused the keys".to_owned()),
        }
    }
}

/// Keys on their way.
pub struct Offer {
    keys: Vec<Key>,
    rules: Rules,
    done: Sender<()>,
}

impl Offer {
    /// What was accepted is accepted from now on; what is minted from now on is accepted.
    pub fn apply(self, gate: &mut Gate, desk: &Desk) {
        if gate.set_private_keys(self.keys).is_ok() {
            desk.set_rules(self.rules);
            let _ = self.done.send(());
        }
    }
}

/// Where the reactor finds them.
#[derive(Default)]
pub struct Handover {
    offer: Mutex<Option<Offer>>,
    /// Spares the reactor a lock per wake.
    is_offered: AtomicBool,
}

impl Handover {
    fn offer(&self, offer: Offer) {
        *self.offer.lock().unwrap_or_else(PoisonError::into_inner) = Some(offer);
        self.is_offered.store(true, Ordering::Release);
    }

    /// What is on offer, once.
    pub fn take(&self) -> Option<Offer> {
        if !self.is_offered.load(Ordering::Relaxed) || !self.is_offered.swap(false, Ordering::Acquire) {
            return None;
        }
        self.offer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_were_refused_because_the_reactor_stood_still_are_not_taken_later() {
        let dir = tempfile::tempdir().unwrap();
        let poll = mio::Poll::new().unwrap();
        let handover = Arc::new(Handover::default());
        let loopback: SocketAddr = "127.0.0.1:7777".parse().unwrap();
        let reload = Reload {
            reread: Box::new(|| Config::resolve(&Default::default()).map_err(|problems| problems.0.join("; "))),
            data_dir: dir.path().to_owned(),
            listen: loopback,
            ops_listen: loopback,
            handover: handover.clone(),
            shelf: Arc::new(Shelf::new(Arc::default())),
            waker: Arc::new(Waker::new(poll.registry(), mio::Token(0)).unwrap()),
            tally: Arc::default(),
            taken_within: Duration::from_millis(10),
        };
        let problem = reload.try_run().unwrap_err();
        assert_eq!(problem, "the reactor did not take the keys in time");
        assert!(handover.take().is_none(), "what was told as refused was still on offer");
    }
}
