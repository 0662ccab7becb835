//! How operations speak with the gate: asks go over a bounded queue to the reactor, which answers each in the wake in which
//! it finds it. Nobody waits for anybody but he who asked.

use crate::edge::bans::{Entry, Saved};
use crate::edge::telemetry::Throttle;
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use mio::Waker;
use rudp::time::Now;
use server::{AccessLimits, Ban, BanError, Barred, ConnectionRow, Gate};
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::oneshot;

/// Asks that may wait: more than a handful of operators can have under way.
const ASKS_WAITING_MAX: usize = 64;
/// Asks that are answered in one wake; the others in the next. The dearest, all rows of 2,500 sessions, takes part of a
/// millisecond.
const ASKS_PER_WAKE: usize = 16;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoAnswer {
    /// More was asked than the reactor has come to.
    #[error("too much is asked of the gate already")]
    Busy,
    /// There is no reactor any more.
    #[error("the server is going down")]
    GoingDown,
    /// A ban cannot be imposed as it was wished.
    #[error(transparent)]
    Refused(#[from] BanError),
}

/// A ban is in force, or lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Sessions that ended for it.
    pub ended: usize,
    /// Whether it was there; of a ban that is imposed always.
    pub was_there: bool,
    /// Why the next start will not know of it, if so. It is tried again meanwhile.
    pub not_saved: Option<String>,
}

/// What can be asked of the gate. Whoever does not wait for the answer any more does not harm anybody.
#[derive(Debug)]
pub enum GateAsk {
    /// Keep somebody out; answered when it is on disk.
    Ban {
        /// Whom, until when, and why.
        ban: Ban,
        /// The answer.
        reply: oneshot::Sender<Result<Done, BanError>>,
    },
    /// Let somebody in again; answered when it is on disk.
    Unban {
        /// Whom.
        what: Barred,
        /// The answer.
        reply: oneshot::Sender<Done>,
    },
    /// Who is kept out?
    Bans {
        /// The answer.
        reply: oneshot::Sender<Vec<Ban>>,
    },
    /// How does every connection fare?
    Rows {
        /// The answer.
        reply: oneshot::Sender<Vec<ConnectionRow>>,
    },
    /// How many sessions and strikes are too many? Answered with what is in force then.
    Limits {
        /// What it is to be from now on; none if it is only asked.
        set: Option<AccessLimits>,
        /// The answer.
        reply: oneshot::Sender<AccessLimits>,
    },
}

/// The end of who asks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Switchboard {
    asks: Sender<GateAsk>,
    waker: Option<Arc<Waker>>,
}

/// The reactor's end.
pub struct Exchange {
    asks: Receiver<GateAsk>,
    to_clerk: Sender<Entry>,
    /// The list on disk is not the one in force, and the clerk could not be told.
    is_unsaved: bool,
    ban_log: Throttle,
}

/// Both ends; what is banned is written by whoever `to_clerk` leads to.
pub fn switchboard(to_clerk: Sender<Entry>) -> (Switchboard, Exchange) {
    let (to_gate, asks) = bounded(ASKS_WAITING_MAX);
    let exchange = Exchange { asks, to_clerk, is_unsaved: false, ban_log: Throttle::default() };
    (Switchboard { asks: to_gate, waker: None }, exchange)
}

impl Switchboard {
    /// The same, which wakes the reactor: without, it looks once a second.
    pub fn with_waker(self, waker: Arc<Waker>) -> Self {
        Self { waker: Some(waker), ..self }
    }

    /// Keeps somebody out.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn ban(&self, ban: Ban) -> Result<Done, NoAnswer> {
        Ok(self.ask(|reply| GateAsk::Ban { ban, reply }).await??)
    }

    /// Lets somebody in again.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn unban(&self, what: Barred) -> Result<Done, NoAnswer> {
        self.ask(|reply| GateAsk::Unban { what, reply }).await
    }

    /// Who is kept out.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn bans(&self) -> Result<Vec<Ban>, NoAnswer> {
        self.ask(|reply| GateAsk::Bans { reply }).await
    }

    /// How every connection fares, with rates of the last full second.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn rows(&self) -> Result<Vec<ConnectionRow>, NoAnswer> {
        self.ask(|reply| GateAsk::Rows { reply }).await
    }

    /// How many sessions and strikes are too many; changed before, if that is wished.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn limits(&self, set: Option<AccessLimits>) -> Result<AccessLimits, NoAnswer> {
        self.ask(|reply| GateAsk::Limits { set, reply }).await
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> GateAsk) -> Result<T, NoAnswer> {
        let (reply, answer) = oneshot::channel();
        self.asks.try_send(ask(reply)).map_err(|error| match error {
            TrySendError::Full(_) => NoAnswer::Busy,
            TrySendError::Disconnected(_) => NoAnswer::GoingDown,
        })?;
        if let Some(waker) = &self.waker {
            // A waker that fails is logged by the world, which uses it sixty times a second.
            let _ = waker.wake();
        }
        answer.await.map_err(|_| NoAnswer::GoingDown)
    }
}

impl Exchange {
    /// Answers what was asked, and has saved and logged what the gate decided by itself.
    pub fn serve(&mut self, now: Now, gate: &mut Gate) {
        for _ in 0..ASKS_PER_WAKE {
            let Ok(ask) = self.asks.try_recv() else { break };
            self.answer(now, gate, ask);
        }
        while let Some(ban) = gate.poll_banned() {
            self.is_unsaved = true;
            if let Some(missed) = self.ban_log.pass(now.mono_ns) {
                let what = crate::edge::bans::shown(ban.what);
                tracing::warn!(%what, until_unix_s = ban.until_unix_s, missed, "banned: {}", ban.reason);
            }
        }
        if self.is_unsaved {
            self.save(gate, None);
        }
    }

    fn answer(&mut self, now: Now, gate: &mut Gate, ask: GateAsk) {
        // Whoever asked may have gone: then the answer goes nowhere.
        match ask {
            GateAsk::Ban { ban, reply } => match gate.ban(now, ban) {
                Ok(ended) => self.save(gate, Some(finish(ended, true, move |done| drop(reply.send(Ok(done)))))),
                Err(error) => drop(reply.send(Err(error))),
            },
            GateAsk::Unban { what, reply } => {
                let was_there = gate.unban(&what);
                let saved = finish(0, was_there, move |done| drop(reply.send(done)));
                if was_there { self.save(gate, Some(saved)) } else { saved(Ok(())) }
            }
            GateAsk::Bans { reply } => drop(reply.send(gate.bans().cloned().collect())),
            GateAsk::Rows { reply } => {
                let mut rows = Vec::with_capacity(gate.connections());
                gate.rows(&mut rows);
                drop(reply.send(rows));
            }
            GateAsk::Limits { set, reply } => {
                set.into_iter().for_each(|limits| gate.set_limits(limits));
                let _ = reply.send(gate.limits());
            }
        }
    }

    fn save(&mut self, gate: &Gate, saved: Option<Saved>) {
        if saved.is_none() && self.to_clerk.is_full() {
            // Not the whole list copied in every wake, to be refused.
            self.is_unsaved = true;
            return;
        }
        let entry = Entry { bans: gate.bans().cloned().collect(), saved };
        let refused = self.to_clerk.try_send(entry).err();
        self.is_unsaved = refused.is_some();
        if let Some(TrySendError::Full(entry) | TrySendError::Disconnected(entry)) = refused
            && let Some(saved) = entry.saved
        {
            saved(Err("the disk is behind".to_owned()));
        }
    }
}

/// What is told when the list is on disk, or is not.
fn finish(ended: usize, was_there: bool, tell: impl FnOnce(Done) + Send + 'static) -> Saved {
    Box::new(move |result: Result<(), String>| tell(Done { ended, was_there, not_saved: result.err() }))
}

/// A gate with nobody in it, for tests of what is asked of one.
#[cfg(test)]
pub mod rig {
    use super::*;
    use crate::edge::clock;
    use rudp::{HelloRules, Key, ServerConfig};
    use server::GateConfig;
    use std::time::Duration;

    pub const NOW: Now = Now { mono_ns: 1_000_000_000, unix_s: 1_800_000_000 };

    pub fn gate() -> Gate {
        let hello = HelloRules { versions: 1..=1, channel_hash: 0, motion_hash: 0, content_hash: 0 };
        let address = "127.0.0.1:7777".parse().unwrap();
        Gate::new(GateConfig::new(ServerConfig::new(1, Key::new([1; 32]), address, hello, [2; 32])), NOW).unwrap()
    }

    /// The way to a gate that answers until nobody can ask it any more; what it wants written is as good as on disk.
    pub fn attended() -> Switchboard {
        let (to_clerk, entries) = bounded::<Entry>(4);
        let (switchboard, mut exchange) = switchboard(to_clerk);
        let mut gate = gate();
        std::thread::spawn(move || {
            loop {
                exchange.serve(clock::now(), &mut gate);
                for entry in entries.try_iter() {
                    entry.saved.into_iter().for_each(|saved| saved(Ok(())));
                }
                // Until nobody can ask any more, a look in each millisecond.
                match exchange.asks.recv_timeout(Duration::from_millis(1)) {
                    Ok(ask) => exchange.answer(clock::now(), &mut gate, ask),
                    Err(error) if error.is_disconnected() => break,
                    Err(_) => {}
                }
            }
        });
        switchboard
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use server::{BANS_MAX, Imposed};
    use std::thread::JoinHandle;

    use rig::{NOW, gate};

    fn ban(account: u64) -> Ban {
        Ban { what: Barred::Account(account), until_unix_s: None, reason: String::new(), by: Imposed::Operator }
    }

    /// Somebody asks on a thread of his own.
    fn ask<T: Send + 'static>(
        switchboard: &Switchboard,
        what: impl AsyncFnOnce(&Switchboard) -> Result<T, NoAnswer> + Send + 'static,
    ) -> JoinHandle<Result<T, NoAnswer>> {
        let switchboard = switchboard.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(what(&switchboard))
        })
    }

    /// The reactor's wakes, until there is something to write.
    fn serve_until_written(exchange: &mut Exchange, gate: &mut Gate, entries: &Receiver<Entry>) -> Entry {
        loop {
            exchange.serve(NOW, gate);
            if let Ok(entry) = entries.try_recv() {
                return entry;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_ban_is_in_force_at_once_and_answered_when_it_is_on_disk() {
        let (to_clerk, entries) = bounded(1);
        let ((switchboard, mut exchange), mut gate) = (switchboard(to_clerk), gate());
        let asked = ask(&switchboard, async |to: &Switchboard| to.ban(ban(7)).await);
        let Entry { bans, saved } = serve_until_written(&mut exchange, &mut gate, &entries);
        assert_eq!((bans, gate.bans().count(), asked.is_finished()), (vec![ban(7)], 1, false));
        saved.unwrap()(Ok(()));
        assert_eq!(asked.join().unwrap(), Ok(Done { ended: 0, was_there: true, not_saved: None }));
        let asked = ask(&switchboard, async |to: &Switchboard| to.unban(Barred::Account(7)).await);
        let Entry { bans, saved } = serve_until_written(&mut exchange, &mut gate, &entries);
        saved.unwrap()(Err("no room".to_owned()));
        let not_saved = Some("no room".to_owned());
        assert_eq!((bans, asked.join().unwrap()), (vec![], Ok(Done { ended: 0, was_there: true, not_saved })));
    }

    #[test]
    fn a_clerk_who_is_behind_is_told_as_soon_as_he_has_room() {
        let (to_clerk, entries) = bounded(1);
        let ((switchboard, mut exchange), mut gate) = (switchboard(to_clerk), gate());
        let asks = [1, 2].map(|account| ask(&switchboard, async move |to: &Switchboard| to.ban(ban(account)).await));
        while gate.bans().count() < 2 {
            exchange.serve(NOW, &mut gate);
        }
        let first = entries.try_recv().unwrap();
        assert_eq!((first.bans.len(), exchange.is_unsaved), (1, true));
        exchange.serve(NOW, &mut gate);
        assert_eq!((entries.try_recv().unwrap().bans.len(), exchange.is_unsaved), (2, false));
        first.saved.unwrap()(Ok(()));
        let results = asks.map(|ask| ask.join().unwrap().unwrap().not_saved);
        assert_eq!(results.iter().filter(|not_saved| not_saved.is_some()).count(), 1, "{results:?}");
    }

    #[test]
    fn what_is_asked_of_nobody_or_of_one_who_does_not_come_to_it_is_answered_all_the_same() {
        let ((switchboard, exchange), mut gate) = (switchboard(bounded(1).0), gate());
        let mut asks: Vec<_> = (0..ASKS_WAITING_MAX)
            .map(|_| {
                let (reply, answer) = oneshot::channel();
                switchboard.asks.try_send(GateAsk::Bans { reply }).unwrap();
                answer
            })
            .collect();
        assert_eq!(ask(&switchboard, async |to: &Switchboard| to.bans().await).join().unwrap(), Err(NoAnswer::Busy));
        let mut exchange = exchange;
        exchange.serve(NOW, &mut gate);
        let answered = asks.iter_mut().filter_map(|answer| answer.try_recv().ok()).count();
        assert_eq!(answered, ASKS_PER_WAKE, "the others in the next wake");
        drop(exchange);
        let gone = ask(&switchboard, async |to: &Switchboard| to.rows().await).join().unwrap();
        assert_eq!(gone, Err(NoAnswer::GoingDown));
    }

    #[test]
    fn a_ban_that_cannot_be_is_refused_in_words_and_limits_are_told_as_they_are() {
        let ((switchboard, mut exchange), mut gate) = (switchboard(bounded(1).0), gate());
        for account in 0..BANS_MAX as u64 {
            gate.ban(NOW, ban(account)).unwrap();
        }
        let asked = ask(&switchboard, async |to: &Switchboard| to.ban(ban(1 << 40)).await);
        let wished = AccessLimits { sessions_per_account: 1, ..AccessLimits::default() };
        let limits = ask(&switchboard, async move |to: &Switchboard| to.limits(Some(wished)).await);
        while !asked.is_finished() || !limits.is_finished() {
            exchange.serve(NOW, &mut gate);
        }
        let refused = asked.join().unwrap().unwrap_err();
        assert_eq!(refused.to_string(), "there are 4096 bans already: lift some first");
        assert_eq!((limits.join().unwrap(), gate.limits()), (Ok(wished), wished));
    }
}
