//! What the store machine may ask for and when: each rule is one that a save, a login or a restart depends on.

use super::witness::Witness;
use game::TransactionId;
use protocol::CharacterId;
use rudp::time::{NS_PER_S, Now};
use server::{StoreDone, StoreJob};
use std::collections::{BTreeMap, BTreeSet};

/// A save that has failed is tried again after 1 s; so much later it is overdue, if there was room for it all the time.
const RETRY_WITHIN_NS: u64 = 3 * NS_PER_S;

/// What is asked for and not answered, and what is owed.
#[derive(Debug, Default)]
pub struct Contract {
    /// Jobs that were asked for and whose answers were not fetched.
    pub unanswered: usize,
    commits: BTreeSet<TransactionId>,
    /// Of each character the saves that are not answered.
    saves: BTreeMap<CharacterId, usize>,
    /// The newest revision that was asked for.
    asked: BTreeMap<CharacterId, u64>,
    /// Saves that failed, and until when each must come again.
    owed: BTreeMap<CharacterId, (u64, u64)>,
    /// Who was let go, and has not been asked for since.
    left: BTreeSet<CharacterId>,
    is_world_under_way: bool,
    /// The newest transaction that the store machine was told of.
    told: u64,
    /// Up to where the newest image of the world has come.
    upto: u64,
}

impl Contract {
    /// After a start on a disk that ends with this transaction.
    pub fn new(told: u64) -> Self {
        Self { told, ..Self::default() }
    }

    /// Something is asked for.
    pub fn on_submitted(&mut self, job: &StoreJob, witness: &mut Witness) {
        self.unanswered += 1;
        match job {
            StoreJob::Load { character } => drop(self.left.remove(character)),
            StoreJob::Roster { .. } => {}
            StoreJob::Save { character, revision, .. } => self.on_save(*character, *revision, witness),
            StoreJob::Leave { character } => {
                if self.saves.contains_key(character) || self.owed.contains_key(character) {
                    witness.blame(|| format!("character {} is let go before he is saved", character.0));
                }
                self.left.insert(*character);
            }
            StoreJob::World { upto, .. } => {
                let (newest, told) = (self.upto, self.told);
                if *upto < newest || *upto > told || self.is_world_under_way {
                    witness.blame(|| format!("a world of {upto} is saved over one of {newest}; {told} is on disk"));
                }
                (self.upto, self.is_world_under_way) = (*upto, true);
            }
            StoreJob::Commit { transaction } => {
                let id = transaction.id;
                if witness.ids.contains_key(&id) || !self.commits.insert(id) {
                    witness.blame(|| format!("transaction {:x} is asked for once more", id.0));
                }
            }
        }
    }

    fn on_save(&mut self, character: CharacterId, revision: u64, witness: &mut Witness) {
        let (number, acknowledged) = (character.0, witness.acknowledged(character));
        if self.left.contains(&character) {
            witness.blame(|| format!("character {number} is saved after he was let go"));
        }
        if revision <= acknowledged {
            witness.blame(|| format!("character {number} is saved as {revision}, and {acknowledged} is on disk"));
        }
        if witness.is_struck(character) {
            witness.blame(|| format!("character {number} is saved after he was deleted"));
        }
        *self.saves.entry(character).or_default() += 1;
        let newest = self.asked.entry(character).or_default();
        *newest = revision.max(*newest);
        if self.owed.get(&character).is_some_and(|(owed, _)| *owed <= revision) {
            self.owed.remove(&character);
        }
    }

    /// The persistence thread has an answer.
    pub fn on_answered(&mut self, done: &StoreDone, witness: &mut Witness) {
        match done {
            StoreDone::Saved { character, revision } => witness.on_acknowledged(*character, *revision),
            StoreDone::Loaded { character, found: Ok(found) } => {
                let (newest, number) = (witness.acknowledged(*character), character.0);
                let revision = found.checkpoint.as_ref().map_or(0, |saved| saved.revision);
                if revision < newest {
                    witness.blame(|| format!("character {number} is loaded as of {revision}, {newest} was saved"));
                }
            }
            _ => {}
        }
    }

    /// The store machine is told. `room` there is for what it wants then.
    pub fn on_told(&mut self, done: &StoreDone, now: Now, witness: &mut Witness) {
        self.unanswered = self.unanswered.saturating_sub(1);
        match *done {
            StoreDone::Saved { character, .. } => self.on_save_told(character),
            StoreDone::Failed { character, revision, .. } => {
                self.on_save_told(character);
                let is_newest = self.asked.get(&character).is_none_or(|newest| *newest <= revision);
                if is_newest && !witness.is_struck(character) {
                    self.owed.insert(character, (revision, now.mono_ns + RETRY_WITHIN_NS));
                }
            }
            StoreDone::Committed { id, seq, .. } => {
                self.commits.remove(&id);
                self.told = self.told.max(seq);
            }
            StoreDone::WorldSaved { .. } => self.is_world_under_way = false,
            StoreDone::Loaded { .. } | StoreDone::Roster { .. } | StoreDone::Left { .. } => {}
        }
    }

    fn on_save_told(&mut self, character: CharacterId) {
        if let Some(count) = self.saves.get_mut(&character) {
            *count -= 1;
            if *count == 0 {
                self.saves.remove(&character);
            }
        }
    }

    /// There is no room for what is owed: it has more time.
    pub fn put_off(&mut self, now: Now) {
        for (_, until_ns) in self.owed.values_mut() {
            *until_ns = now.mono_ns + RETRY_WITHIN_NS;
        }
    }

    /// Whether what is owed has come.
    pub fn check(&self, now: Now) -> Result<(), String> {
        let overdue = self.owed.iter().find(|(_, (_, until_ns))| now.mono_ns > *until_ns);
        overdue.map_or(Ok(()), |(character, (revision, _))| {
            Err(format!("revision {revision} of character {} could not be saved, and is not tried again", character.0))
        })
    }
}
