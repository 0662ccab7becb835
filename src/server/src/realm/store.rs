//! The deciding half of persistence: what to load, what to save, what to try again, what is not yet safe.
//!
//! Pure: the edge carries [`StoreJob`]s to the journal and [`StoreDone`]s back. A record that is not confirmed stays in
//! memory, so that a person who logs out and in again while the journal is slow is served what he left, not what the
//! journal still has.

use crate::flight::Veil;
use game::{BooksError, Entry, Estate, Listing, Transaction, TransactionId, WorldImage};
use protocol::{AccountId, CharacterId};
use rudp::time::NS_PER_S;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use thiserror::Error;

/// Work for the persistence thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreJob {
    /// Find the newest record.
    Load {
        /// Whose.
        character: CharacterId,
    },
    /// Find which characters an account has made.
    Roster {
        /// Whose.
        account: AccountId,
    },
    /// Write a record unless a newer one is there.
    Save {
        /// Whose.
        character: CharacterId,
        /// Counts up from 1 for each character.
        revision: u64,
        /// The record.
        bytes: Vec<u8>,
    },
    /// A character has left the world, and all that it did is confirmed: another server may have it.
    Leave {
        /// Which.
        character: CharacterId,
    },
    /// Write an image of the world over the last one.
    World {
        /// The newest transaction that is done in it, by its number in the journal.
        upto: u64,
        /// The image. To make bytes of it takes longer than a tick may.
        image: Box<WorldImage>,
    },
    /// Make all changes of a transaction, or none. Of characters that are gone with it no record is left.
    Commit {
        /// Which.
        transaction: Transaction,
    },
}

/// What is known of a character.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Where it was last seen; none if it never was.
    pub checkpoint: Option<Saved>,
    /// What it owns; none of one that is new.
    pub estate: Option<Estate>,
}

/// A character that an account has made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Who it is.
    pub listing: Listing,
    /// All that it ever gained.
    pub experience: u64,
}

/// Why what is known of a character, or of an account's characters, cannot be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum LoadError {
    /// What was found cannot be used. It stays as it is for whoever repairs it.
    #[error("{0}")]
    Unreadable(String),
    /// Whoever knows it cannot be reached: another time, perhaps.
    #[error("{0}")]
    Away(String),
    /// Another server has the character, or what it did there last is not known here yet.
    #[error("{0}")]
    Elsewhere(String),
}

impl LoadError {
    /// The same, without what it says in words.
    #[must_use]
    pub fn wordless(&self) -> Self {
        match self {
            Self::Unreadable(_) => Self::Unreadable(String::new()),
            Self::Away(_) => Self::Away(String::new()),
            Self::Elsewhere(_) => Self::Elsewhere(String::new()),
        }
    }
}

/// Why a transaction is not on disk, and will not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum CommitError {
    /// It does not fit what the disk has.
    #[error(transparent)]
    Books(#[from] BooksError),
    /// The disk is at fault, or what lies on it.
    #[error("{0}")]
    Disk(String),
}

/// A record as it was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Its version.
    pub revision: u64,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What came of a [`StoreJob`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoreDone {
    /// Of a load.
    Loaded {
        /// Whose.
        character: CharacterId,
        /// What was found.
        found: Result<Found, LoadError>,
    },
    /// Of a roster.
    Roster {
        /// Whose.
        account: AccountId,
        /// In the order of their making.
        found: Result<Vec<Enrolled>, LoadError>,
    },
    /// Of a leave: it was heard.
    Left {
        /// Who.
        character: CharacterId,
    },
    /// Of a save: it is on disk.
    Saved {
        /// Whose.
        character: CharacterId,
        /// Which.
        revision: u64,
    },
    /// Of a save: it is not.
    Failed {
        /// Whose.
        character: CharacterId,
        /// Which.
        revision: u64,
        /// Why.
        error: String,
    },
    /// Of an image of the world.
    WorldSaved {
        /// Why it is not on disk; the last one still is.
        refused: Option<String>,
    },
    /// Of a commit: whether it is on disk. If not, nothing of it is, and nothing of it will be.
    Committed {
        /// Which.
        id: TransactionId,
        /// Its number in the journal, which counts up; 0 of one that was refused.
        seq: u64,
        /// Why it is not.
        refused: Option<CommitError>,
    },
}

/// Pause before a failed save is tried again: 1 s.
const RETRY_NS: u64 = NS_PER_S;

/// A record that the journal has not confirmed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Unconfirmed {
    revision: u64,
    bytes: Vec<u8>,
    /// When the state in it was true.
    taken_ns: u64,
    /// When to hand it to the edge; none while it is there.
    due_ns: Option<u64>,
}

/// What is on its way to the journal and back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Store {
    loads: VecDeque<CharacterId>,
    /// Accounts whose characters are asked for.
    rosters: VecDeque<AccountId>,
    /// Before loads and rosters, so that whoever comes back finds all that he did.
    commits: VecDeque<Transaction>,
    /// Commits that are asked for and not answered.
    commits_under_way: usize,
    /// One record per character at most: a newer one replaces an older one that has not left yet.
    unconfirmed: BTreeMap<CharacterId, Unconfirmed>,
    /// Characters whose record is to be handed to the edge, in order.
    saves: VecDeque<CharacterId>,
    /// Characters of whom nothing is in the world or under way any more.
    leaves: VecDeque<CharacterId>,
    /// Newest revision of each character that is in the world or unconfirmed.
    revisions: BTreeMap<CharacterId, u64>,
    /// An image of the world that is to be handed to the edge.
    #[serde(with = "super::capture::world_image")]
    world: Option<(u64, Box<WorldImage>)>,
    /// An image of the world is there and not answered.
    is_world_under_way: bool,
    /// The newest transaction that the journal has answered, by its number there.
    upto: u64,
    /// Images of the world confirmed since start.
    pub worlds_saved: u64,
    /// Images of the world that failed since start; each is superseded by the next.
    pub worlds_failed: u64,
    /// Saves confirmed since start.
    pub saves_confirmed: u64,
    /// Saves that failed since start (each is tried again).
    pub saves_failed: u64,
    /// Transactions on disk since start.
    pub commits_confirmed: u64,
    /// Transactions refused by the disk since start.
    pub commits_refused: u64,
}

impl Store {
    /// One that begins when the journal ends with this transaction.
    #[must_use]
    pub fn new(upto: u64) -> Self {
        Self { upto, ..Self::default() }
    }

    /// Asks for what is known of a character.
    pub fn load(&mut self, character: CharacterId) {
        // Who comes back is not let go any more: said after this, it would be taken for another leave.
        self.leaves.retain(|left| *left != character);
        self.loads.push_back(character);
    }

    /// Asks which characters an account has made.
    pub fn roster(&mut self, account: AccountId) {
        self.rosters.push_back(account);
    }

    /// What the disk found, or what is newer and still in memory.
    #[must_use]
    pub fn newest(&self, character: CharacterId, found: Found) -> Found {
        let kept = self.unconfirmed.get(&character);
        let newer = kept.map(|record| Saved { revision: record.revision, bytes: record.bytes.clone() });
        Found { checkpoint: newer.or(found.checkpoint), ..found }
    }

    /// Asks for a transaction. Each is handed out once and answered once: what the disk refuses is not tried again, because
    /// the game takes it back.
    pub fn commit(&mut self, transaction: Transaction) {
        self.commits_under_way += 1;
        self.commits.push_back(transaction);
    }

    /// The newest transaction that the journal has answered, by its number there.
    #[must_use]
    pub fn upto(&self) -> u64 {
        self.upto
    }

    /// Saves the world, in which all is done up to a transaction. The one before must be confirmed.
    pub fn save_world(&mut self, upto: u64, image: WorldImage) {
        debug_assert!(!self.is_world_unconfirmed(), "one after the other");
        self.world = Some((upto, Box::new(image)));
    }

    /// Whether an image of the world waits to be confirmed.
    #[must_use]
    pub fn is_world_unconfirmed(&self) -> bool {
        self.world.is_some() || self.is_world_under_way
    }

    /// An image of the world was answered. One that is not on disk is not tried again: the next is newer.
    pub fn on_world_saved(&mut self, is_refused: bool) {
        self.is_world_under_way = false;
        self.worlds_saved += u64::from(!is_refused);
        self.worlds_failed += u64::from(is_refused);
    }

    /// A transaction was answered, which has this number.
    pub fn on_committed(&mut self, seq: u64, is_refused: bool) {
        self.upto = self.upto.max(seq);
        self.commits_under_way -= 1;
        self.commits_confirmed += u64::from(!is_refused);
        self.commits_refused += u64::from(is_refused);
    }

    /// Transactions that are asked for and not answered.
    #[must_use]
    pub fn commits_under_way(&self) -> usize {
        self.commits_under_way
    }

    /// A load was answered with this revision: later saves count on from it.
    pub fn on_loaded(&mut self, character: CharacterId, revision: u64) {
        let known = self.revisions.entry(character).or_insert(0);
        *known = revision.max(*known);
    }

    /// Saves what was true at `now`.
    pub fn save(&mut self, character: CharacterId, bytes: Vec<u8>, now_ns: u64) {
        let revision = self.revisions.entry(character).or_insert(0);
        *revision += 1;
        let waiting = self.unconfirmed.get(&character).is_some_and(|record| record.due_ns.is_some());
        let record = Unconfirmed { revision: *revision, bytes, taken_ns: now_ns, due_ns: Some(now_ns) };
        self.unconfirmed.insert(character, record);
        if !waiting {
            self.saves.push_back(character);
        }
    }

    /// Whether a record waits to be confirmed.
    #[must_use]
    pub fn is_unconfirmed(&self, character: CharacterId) -> bool {
        self.unconfirmed.contains_key(&character)
    }

    /// A character is gone for ever, and no record of it is unconfirmed.
    pub fn forget(&mut self, character: CharacterId) {
        debug_assert!(!self.is_unconfirmed(character), "it would come back with its next save");
        self.revisions.remove(&character);
    }

    /// The next job that is due. Somebody waits for each commit, each load and each roster; nobody for the world or a save.
    pub fn poll(&mut self, now_ns: u64) -> Option<StoreJob> {
        if let Some(transaction) = self.commits.pop_front() {
            return Some(StoreJob::Commit { transaction });
        }
        if let Some(character) = self.loads.pop_front() {
            return Some(StoreJob::Load { character });
        }
        if let Some(account) = self.rosters.pop_front() {
            return Some(StoreJob::Roster { account });
        }
        if let Some((upto, image)) = self.world.take() {
            self.is_world_under_way = true;
            return Some(StoreJob::World { upto, image });
        }
        for _ in 0..self.saves.len() {
            let character = self.saves.pop_front()?;
            let record = self.unconfirmed.get_mut(&character).expect("what waits to be saved is unconfirmed");
            if record.due_ns.is_some_and(|due_ns| due_ns <= now_ns) {
                record.due_ns = None;
                let bytes = record.bytes.clone();
                return Some(StoreJob::Save { character, revision: record.revision, bytes });
            }
            self.saves.push_back(character);
        }
        self.leaves.pop_front().map(|character| StoreJob::Leave { character })
    }

    /// Nothing of a character is in the world; when nothing waits to be confirmed either, others may have it.
    pub fn leave(&mut self, character: CharacterId) {
        if !self.is_unconfirmed(character) {
            self.leaves.push_back(character);
        }
    }

    /// The journal has this record; older ones are superseded with it.
    pub fn on_saved(&mut self, character: CharacterId, revision: u64, in_world: bool) {
        self.saves_confirmed += 1;
        if self.unconfirmed.get(&character).is_some_and(|record| record.revision <= revision) {
            self.unconfirmed.remove(&character);
        }
        if !in_world && !self.unconfirmed.contains_key(&character) {
            self.revisions.remove(&character);
            self.leaves.push_back(character);
        }
    }

    /// The journal refused this record; the newest one is tried again after [`RETRY_NS`].
    pub fn on_failed(&mut self, character: CharacterId, revision: u64, now_ns: u64) {
        self.saves_failed += 1;
        if let Some(record) = self.unconfirmed.get_mut(&character)
            && record.revision == revision
            && record.due_ns.is_none()
        {
            record.due_ns = Some(now_ns + RETRY_NS);
            self.saves.push_back(character);
        }
    }

    /// Puts the names in transactions under the veil.
    pub fn veil_names(&mut self, veil: Veil) {
        for entry in self.commits.iter_mut().flat_map(|transaction| &mut transaction.entries) {
            if let Entry::Listed { name, .. } | Entry::Struck { name, .. } = entry {
                *name = veil.name(name);
            }
        }
    }

    /// Whether nothing waits to be confirmed.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.unconfirmed.is_empty() && self.commits_under_way == 0
    }

    /// Age of the oldest state that is not confirmed; 0 if all is safe.
    #[must_use]
    pub fn lag_ns(&self, now_ns: u64) -> u64 {
        self.unconfirmed.values().map(|record| now_ns.saturating_sub(record.taken_ns)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: CharacterId = CharacterId(1);
    const BOB: CharacterId = CharacterId(2);

    fn save_of(job: Option<StoreJob>) -> (CharacterId, u64, Vec<u8>) {
        match job {
            Some(StoreJob::Save { character, revision, bytes }) => (character, revision, bytes),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn revisions_count_on_from_what_was_loaded() {
        let mut store = Store::default();
        store.load(ANN);
        assert_eq!(store.poll(1), Some(StoreJob::Load { character: ANN }));
        store.on_loaded(ANN, 41);
        store.save(ANN, vec![1], 2);
        assert_eq!(save_of(store.poll(2)), (ANN, 42, vec![1]));
        assert_eq!(store.poll(2), None, "it is handed out once");
    }

    #[test]
    fn a_newer_save_replaces_one_that_has_not_left() {
        let mut store = Store::default();
        store.save(ANN, vec![1], 1);
        store.save(ANN, vec![2], 2);
        assert_eq!(save_of(store.poll(2)), (ANN, 2, vec![2]));
        assert_eq!(store.poll(2), None);
    }

    #[test]
    fn a_login_before_the_save_is_confirmed_gets_what_was_left() {
        let mut store = Store::default();
        store.save(ANN, vec![9], 1);
        store.poll(1);
        let on_disk = Found { checkpoint: Some(Saved { revision: 0, bytes: vec![7] }), estate: None };
        let newer = store.newest(ANN, on_disk.clone());
        assert_eq!(newer.checkpoint, Some(Saved { revision: 1, bytes: vec![9] }));
        store.on_saved(ANN, 1, false);
        assert_eq!(store.newest(ANN, on_disk.clone()), on_disk, "now the disk has it");
        assert_eq!(store.poll(1), Some(StoreJob::Leave { character: ANN }), "and another server may");
    }

    #[test]
    fn whoever_comes_back_is_looked_up_after_all_that_he_did() {
        let mut store = Store::default();
        store.load(ANN);
        store.roster(AccountId(7));
        store.save(ANN, vec![1], 1);
        store.commit(Transaction { id: TransactionId(5), entries: vec![] });
        assert!(matches!(store.poll(1), Some(StoreJob::Commit { transaction }) if transaction.id == TransactionId(5)));
        assert_eq!(store.poll(1), Some(StoreJob::Load { character: ANN }));
        assert_eq!(store.poll(1), Some(StoreJob::Roster { account: AccountId(7) }));
        assert_eq!(save_of(store.poll(1)).0, ANN);
        assert!(store.is_unconfirmed(ANN) && !store.is_unconfirmed(BOB));
        store.on_saved(ANN, 1, false);
        assert!(!store.is_drained(), "a transaction is under way");
        store.on_committed(0, true);
        assert!(store.is_drained());
        assert_eq!((store.commits_confirmed, store.commits_refused), (0, 1));
    }

    #[test]
    fn a_confirmation_of_an_older_record_leaves_the_newer_one_unconfirmed() {
        let mut store = Store::default();
        store.save(ANN, vec![1], 1);
        store.poll(1);
        store.save(ANN, vec![2], 5);
        store.on_saved(ANN, 1, true);
        assert!(!store.is_drained());
        assert_eq!(store.lag_ns(12), 7);
        assert_eq!(save_of(store.poll(6)), (ANN, 2, vec![2]));
        store.on_saved(ANN, 2, true);
        assert!(store.is_drained());
    }

    #[test]
    fn who_leaves_is_let_go_when_the_last_save_is_confirmed_and_not_before() {
        let mut store = Store::default();
        store.save(ANN, vec![1], 1);
        store.leave(ANN);
        assert!(matches!(store.poll(1), Some(StoreJob::Save { .. })));
        assert_eq!(store.poll(1), None);
        store.on_saved(ANN, 1, false);
        assert_eq!(store.poll(1), Some(StoreJob::Leave { character: ANN }));
        store.leave(BOB);
        assert_eq!(store.poll(1), Some(StoreJob::Leave { character: BOB }), "of whom nothing had to be saved");
        store.save(ANN, vec![2], 2);
        store.poll(2);
        store.on_saved(ANN, 2, true);
        assert_eq!(store.poll(2), None, "he is in the world");
    }

    #[test]
    fn who_comes_back_before_it_was_said_that_he_left_is_not_let_go() {
        let mut store = Store::default();
        store.leave(ANN);
        store.leave(BOB);
        store.load(ANN);
        assert_eq!(store.poll(1), Some(StoreJob::Load { character: ANN }));
        assert_eq!(store.poll(1), Some(StoreJob::Leave { character: BOB }));
        assert_eq!(store.poll(1), None);
    }

    #[test]
    fn a_failed_save_is_tried_again_after_a_pause_with_the_newest_content() {
        let mut store = Store::default();
        store.save(ANN, vec![1], 1);
        store.poll(1);
        store.on_failed(ANN, 1, 10);
        assert_eq!(store.poll(10 + RETRY_NS - 1), None);
        store.save(ANN, vec![2], 20);
        assert_eq!(save_of(store.poll(20)), (ANN, 2, vec![2]));
        assert_eq!(store.poll(2 * RETRY_NS), None);
    }

    #[test]
    fn one_character_that_cannot_be_saved_does_not_hold_up_another() {
        let mut store = Store::default();
        store.save(ANN, vec![1], 1);
        store.poll(1);
        store.on_failed(ANN, 1, 1);
        store.save(BOB, vec![2], 2);
        assert_eq!(save_of(store.poll(2)).0, BOB);
    }
}
