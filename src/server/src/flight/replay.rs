//! A realm that takes in what another one did, and is held against what came of it there.

use super::check::{Check, Checker};
use super::record::Record;
use super::veil::Veil;
use crate::outbound::Outbound;
use crate::realm::{Realm, RealmConfig, ResumeError};
use game::content::Content;
use protocol::Tick;
use std::sync::Arc;
use thiserror::Error;

/// The first thing that was otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Difference {
    /// A tick came to something else.
    #[error("tick {}: {} otherwise than recorded", .tick.0, .what)]
    Tick {
        /// Which.
        tick: Tick,
        /// What, in words.
        what: String,
    },
    /// The store was to be given more jobs than there were.
    #[error("after tick {}: {given} jobs for the store, {recorded} were recorded", .tick.0)]
    Jobs {
        /// After which.
        tick: Tick,
        /// Jobs that there were.
        given: u32,
        /// Jobs that were recorded.
        recorded: u32,
    },
    /// What a log cannot have in that place.
    #[error("after tick {}: a record that cannot stand there", .0.0)]
    Disorder(Tick),
}

/// A realm that is replayed.
pub struct Replay {
    realm: Realm,
    out: Outbound,
    checker: Checker,
    /// A tick was, and nobody has said what came of it.
    is_unchecked: bool,
    /// Ticks whose outcome was as recorded.
    pub ticks: u64,
    /// Of those, ticks whose realm's hash was too.
    pub whole: u64,
    /// The recording ended because it was told to.
    pub has_ended: bool,
}

impl Replay {
    /// A realm at its beginning.
    #[must_use]
    pub fn new(config: RealmConfig) -> Self {
        Self::of(Realm::new(config))
    }

    /// The realm of a capture ([`Record::Capture`]).
    ///
    /// # Errors
    /// [`ResumeError`].
    pub fn resume(config: RealmConfig, capture: &[u8]) -> Result<Self, ResumeError> {
        Realm::resume(config, capture).map(Self::of)
    }

    /// The realm as bytes, between two ticks.
    #[must_use]
    pub fn capture(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.realm.capture(Veil::Plain).to_bytes(&mut bytes);
        bytes
    }

    fn of(realm: Realm) -> Self {
        Self {
            realm,
            out: Outbound::default(),
            checker: Checker::default(),
            is_unchecked: false,
            ticks: 0,
            whole: 0,
            has_ended: false,
        }
    }

    /// The realm as it is now.
    #[must_use]
    pub const fn realm(&self) -> &Realm {
        &self.realm
    }

    /// What the last tick told.
    #[must_use]
    pub const fn out(&self) -> &Outbound {
        &self.out
    }

    /// As [`Realm::set_content`], in place of [`Record::Content`].
    pub fn set_content(&mut self, content: Arc<Content>) {
        self.realm.set_content(content);
    }

    /// Takes in the next record.
    ///
    /// # Errors
    /// The first [`Difference`]; what comes after it differs, too.
    pub fn take(&mut self, record: Record) -> Result<(), Difference> {
        let tick = self.realm.game().now();
        match record {
            Record::Done(done) => self.realm.handle_completion(done),
            Record::Operation(operation) => self.realm.operate(operation),
            Record::Tick(now, mut batches) => {
                self.out.clear();
                self.realm.tick(now, &mut batches, &mut self.out);
                self.is_unchecked = true;
            }
            Record::Check(recorded) if self.is_unchecked => {
                self.is_unchecked = false;
                self.compare(&recorded)?;
            }
            Record::Jobs(recorded) => {
                let given = (0..recorded).take_while(|_| self.realm.poll_store().is_some()).count() as u32;
                if given != recorded {
                    return Err(Difference::Jobs { tick, given, recorded });
                }
            }
            Record::Load(took_ns) => drop(self.realm.handle_load(took_ns)),
            Record::Close => self.realm.close(),
            Record::End => self.has_ended = true,
            // Whoever reads pages knows whether there is a next one.
            Record::Turned => {}
            Record::Start(_) | Record::Capture(_) | Record::Content(_) | Record::Check(_) => {
                return Err(Difference::Disorder(tick));
            }
        }
        Ok(())
    }

    fn compare(&mut self, recorded: &Check) -> Result<(), Difference> {
        let is = self.checker.check(&self.realm, &self.out, recorded.realm.is_some());
        if is == *recorded {
            self.ticks += 1;
            self.whole += u64::from(recorded.realm.is_some());
            return Ok(());
        }
        let parts = [
            (is.tick != recorded.tick, "its number is"),
            (is.states != recorded.states, "the states of entities are"),
            (is.realm != recorded.realm, "the realm's hash is"),
            (is.said != recorded.said, "what people were told is"),
            (is.shown != recorded.shown, "their snapshots are"),
        ];
        let what: Vec<&str> = parts.into_iter().filter_map(|(differs, what)| differs.then_some(what)).collect();
        Err(Difference::Tick { tick: recorded.tick, what: what.join(", ") })
    }
}
