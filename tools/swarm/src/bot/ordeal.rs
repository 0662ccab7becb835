//! What befalls a bot, and how it gets over it: moves, outages, departures, and links that break by themselves.
//!
//! While a bot is deaf, by an ordeal or by its link, and for two seconds after, what it shows is not held against the
//! server. That the server was silent is no excuse: a link has broken only if it lost or held back what was put on it.

use super::{Bot, Phase, SETTLED_NS};
use crate::bot::DATAGRAM_BYTES_MAX;
use crate::flock::Flock;
use crate::restored::Restored;
use crate::trouble::{Blow, Ordeal};
use crate::wire::Source;
use anyhow::{Context, Result};
use protocol::unit::TICK_RATE_HZ;
use rudp::time::{NS_PER_S, Now};

/// The checker remembers four seconds, of which it needs two for itself.
const ALLOWANCE_TICKS_MAX: u32 = 120;
/// A tick that a bot hears of so long after others did was no use in finding it again: the age a place may have.
const FRESH_TICKS: u32 = 30;

/// What a bot is getting over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    ordeal: Ordeal,
    /// When it moved or was there again; `None` while it lasts.
    since_ns: Option<u64>,
}

/// Whether a bot hears, and why not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hearing {
    trial: Option<Trial>,
    is_link_broken: bool,
    is_deaf: bool,
    /// Before that it is not held against the server that nothing was told.
    excused_ns: u64,
}

impl Hearing {
    /// Whether it is held against the server now what the bot shows.
    pub(super) fn is_excused(&self, now_ns: u64) -> bool {
        now_ns < self.excused_ns
    }

    /// Whether it was held against the server for all of this time.
    pub(super) fn was_excused_within(&self, now_ns: u64, span_ns: u64) -> bool {
        now_ns < self.excused_ns.saturating_add(span_ns)
    }

    /// It is there again and has yet to be told of itself.
    fn is_over_at(&mut self, now_ns: u64) {
        if let Some(trial) = &mut self.trial {
            trial.since_ns = Some(now_ns);
        }
    }
}

impl Bot {
    /// Something befalls it. Who is not in suffers nothing.
    ///
    /// # Errors
    /// No socket can be had.
    pub fn suffer(&mut self, now: Now, blow: Blow, flock: &mut Flock) -> Result<()> {
        if blow == Blow::Return {
            return if self.is_away { self.come_again(now, flock) } else { Ok(()) };
        }
        if self.phase != Phase::In {
            return Ok(());
        }
        if matches!(blow, Blow::Leave | Blow::Crash) {
            self.ask_for_answers(now, flock);
        }
        let ordeal = match blow {
            Blow::Rebind { number } => {
                self.rebind(now, number, flock)?;
                Ordeal::Move
            }
            Blow::Cut => Ordeal::Outage,
            Blow::Silence => Ordeal::Silence,
            Blow::Leave => Ordeal::Leave,
            Blow::Crash => Ordeal::Crash,
            Blow::Mend | Blow::Return => {
                self.cut(false);
                self.hearing.is_over_at(now.mono_ns);
                return Ok(());
            }
        };
        flock.tally.recoveries.of_mut(ordeal).on_begun();
        let since_ns = (ordeal == Ordeal::Move).then_some(now.mono_ns);
        self.hearing.trial = Some(Trial { ordeal, since_ns });
        self.settle_hearing(now, flock);
        match ordeal {
            Ordeal::Outage | Ordeal::Silence => self.cut(true),
            Ordeal::Leave | Ordeal::Crash => self.depart(now, ordeal == Ordeal::Leave, flock),
            Ordeal::Move => {}
        }
        Ok(())
    }

    /// Goes, with a goodbye or without a word, and stays away until it is told to return.
    pub(super) fn depart(&mut self, now: Now, says_goodbye: bool, flock: &mut Flock) {
        if says_goodbye {
            self.say_goodbye(now, flock, &mut [0; DATAGRAM_BYTES_MAX]);
        }
        // Where the bot is back can be compared only if it knew well where it was.
        let is_told_in_time = !flock.checker.are_all_excused();
        let behind = flock.checker.behind(self.index).filter(|ticks| is_told_in_time && *ticks <= FRESH_TICKS);
        match behind {
            Some(ticks) => self.restored.walks_on(ticks, says_goodbye),
            None => self.restored = Restored::default(),
        }
        self.on_gone(flock, says_goodbye);
        (self.phase, self.is_away) = (Phase::Out, true);
        (self.client, self.wire) = (None, None);
    }

    fn come_again(&mut self, now: Now, flock: &mut Flock) -> Result<()> {
        self.is_away = false;
        self.hearing.is_over_at(now.mono_ns);
        self.join(now, flock)
    }

    /// By port or by address, known to the client at once or found out by silence: all four in turn.
    fn rebind(&mut self, now: Now, number: usize, flock: &mut Flock) -> Result<()> {
        let (Some(wire), Some(client)) = (&mut self.wire, &mut self.client) else { return Ok(()) };
        let source = if number % 4 < 2 { Source::Port } else { Source::Address((flock.bots() + number) as u32) };
        let rebound = wire.rebind(flock.server, &flock.registry, source);
        rebound.with_context(|| format!("bot {} gets no other socket", self.index))?;
        if number.is_multiple_of(2) {
            client.handle_address_change(now);
        }
        Ok(())
    }

    fn cut(&mut self, is_cut: bool) {
        if let Some(wire) = &mut self.wire {
            wire.cut(is_cut);
        }
    }

    /// The server tells the bot of itself: whatever befell it is over.
    pub(super) fn get_over(&mut self, now: Now, flock: &mut Flock) {
        let Some(Trial { ordeal, since_ns: Some(since_ns) }) = self.hearing.trial else { return };
        self.hearing.trial = None;
        flock.tally.recoveries.of_mut(ordeal).on_back(now.mono_ns - since_ns);
        self.settle_hearing(now, flock);
    }

    /// It is welcomed: what it went through before counts no more, but that it had been away.
    pub(super) fn begin_hearing(&mut self) {
        let trial = self.hearing.trial.filter(|trial| matches!(trial.ordeal, Ordeal::Leave | Ordeal::Crash));
        self.hearing = Hearing { trial, ..Hearing::default() };
    }

    /// Looks after its links, once a tick.
    pub(super) fn look_after_links(&mut self, now: Now, flock: &mut Flock) {
        let Some(passage) = self.wire.as_ref().and_then(|wire| wire.passage(now.mono_ns)) else { return };
        self.hearing.is_link_broken = passage.is_broken;
        self.settle_hearing(now, flock);
        flock.tally.on_passage(self.hearing.is_excused(now.mono_ns));
        let ticks = |ns: u64| u32::try_from(ns * u64::from(TICK_RATE_HZ) / NS_PER_S).unwrap_or(u32::MAX);
        let allowance = ticks(3 * passage.round_trip_ns).min(ALLOWANCE_TICKS_MAX);
        flock.checker.allow(self.index, ticks(passage.down_lag_ns).min(FRESH_TICKS), allowance);
    }

    fn settle_hearing(&mut self, now: Now, flock: &mut Flock) {
        let is_deaf = self.hearing.trial.is_some() || self.hearing.is_link_broken;
        match (std::mem::replace(&mut self.hearing.is_deaf, is_deaf), is_deaf) {
            (false, true) => {
                flock.checker.on_deaf(self.index);
                self.hearing.excused_ns = u64::MAX;
            }
            (true, false) => {
                flock.checker.on_hearing(self.index);
                self.hearing.excused_ns = now.mono_ns + SETTLED_NS;
            }
            _ => {}
        }
    }
}
