//! What the persistence thread knows of the other stores, as the real one does: what they lack, who is this server's to write,
//! who waits for a name.

use super::disk::State;
use game::{Books, Transaction, TransactionId};
use protocol::CharacterId;
use rudp::time::NS_PER_S;
use server::{Dirty, Saved};
use std::collections::BTreeMap;

/// Who left keeps his lease for so long.
const LINGER_NS: u64 = 10 * NS_PER_S;
/// Leases given up at a time.
const GIVEN_UP_MAX: usize = 512;
/// Pause before what could not be given up is tried again.
const GIVE_UP_PAUSE_NS: u64 = NS_PER_S;

/// One of the two other stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Hot state.
    Redis,
    /// The truth.
    MariaDb,
}

/// The other stores, from the persistence thread.
#[derive(Debug, Default)]
pub struct Remote {
    has_redis: bool,
    /// Whether there is MariaDB.
    pub has_mariadb: bool,
    /// What each of them lacks: Redis, MariaDB.
    dirty: [Dirty; 2],
    /// Characters that are this server's, with the epochs of their leases.
    pub leases: BTreeMap<CharacterId, u64>,
    leaving: BTreeMap<CharacterId, u64>,
    /// Transactions that wait for a name.
    pub reserving: BTreeMap<TransactionId, Transaction>,
    looked_ns: u64,
    /// Up to here the outbox is where it is to be.
    pub drained: u64,
    /// The newest posting.
    pub newest: u64,
}

impl Remote {
    /// After a start: those who were this server's then are, and are let go unless they come.
    pub fn new(has_redis: bool, has_mariadb: bool, disk: &State, now_ns: u64) -> Self {
        let mut dirty = [Dirty::default(), Dirty::default()];
        if has_mariadb {
            for (character, revision) in disk.unsent() {
                dirty[1].insert(character, revision, now_ns);
            }
        }
        Self {
            has_redis,
            has_mariadb,
            dirty,
            leases: disk.leases.clone(),
            leaving: disk.leases.keys().map(|&character| (character, now_ns)).collect(),
            reserving: BTreeMap::new(),
            looked_ns: now_ns,
            drained: disk.drained,
            newest: disk.seq,
        }
    }

    /// Whether a character is this server's, or needs to be nobody's.
    pub fn is_ours(&self, character: CharacterId) -> bool {
        !self.has_mariadb || self.leases.contains_key(&character)
    }

    /// Somebody is being let in.
    pub fn on_entered(&mut self, character: CharacterId) {
        self.leaving.remove(&character);
    }

    /// Somebody has left.
    pub fn on_left(&mut self, character: CharacterId, now_ns: u64) {
        if self.leases.contains_key(&character) {
            self.leaving.insert(character, now_ns);
        }
    }

    /// A checkpoint is in the journal.
    pub fn on_saved(&mut self, character: CharacterId, revision: u64, now_ns: u64) {
        if self.has_redis {
            self.dirty[0].insert(character, revision, now_ns);
        }
        if self.has_mariadb {
            self.dirty[1].insert(character, revision, now_ns);
        }
    }

    /// A store has checkpoints.
    pub fn on_sent(&mut self, store: Store, sent: &[(CharacterId, u64)]) {
        let dirty = &mut self.dirty[usize::from(store == Store::MariaDb)];
        sent.iter().for_each(|&(character, revision)| dirty.remove(character, revision));
    }

    /// Transactions are in the journal, up to this one.
    pub fn on_posted(&mut self, newest: u64) {
        if self.has_mariadb {
            self.newest = self.newest.max(newest);
        }
    }

    /// Characters are gone for ever.
    pub fn forget(&mut self, transaction: &Transaction) {
        for character in Books::struck(transaction) {
            self.dirty.iter_mut().for_each(|dirty| dirty.forget(character));
        }
    }

    /// All up to here is where it is to be. Whether that is news.
    pub fn on_drained(&mut self, upto: u64) -> bool {
        let is_news = upto > self.drained;
        self.drained = self.drained.max(upto);
        is_news
    }

    /// Checkpoints that a store is ready for.
    pub fn records(&mut self, disk: &State, store: Store, max: usize) -> Vec<(CharacterId, Saved)> {
        let dirty = &mut self.dirty[usize::from(store == Store::MariaDb)];
        let mut records = Vec::new();
        for character in dirty.batch(max) {
            match disk.checkpoints.get(&character) {
                Some(saved) => records.push((character, saved.clone())),
                None => dirty.forget(character),
            }
        }
        records
    }

    /// Those who can be let go: they have left a while ago, and all that they did is in MariaDB.
    pub fn who_may_go(&mut self, disk: &State, now_ns: u64) -> Vec<(CharacterId, u64)> {
        if self.leaving.is_empty() || now_ns < self.looked_ns + GIVE_UP_PAUSE_NS {
            return Vec::new();
        }
        self.looked_ns = now_ns;
        let revision = |character: &CharacterId| disk.character_revisions.get(character).copied().unwrap_or(0);
        let may_go = |(character, since_ns): &(&CharacterId, &u64)| {
            let is_carried = revision(character) <= self.drained || self.newest <= self.drained;
            now_ns >= **since_ns + LINGER_NS && !self.dirty[1].contains(**character) && is_carried
        };
        let lease = |(character, _): (&CharacterId, &u64)| Some((*character, *self.leases.get(character)?));
        self.leaving.iter().filter(may_go).filter_map(lease).take(GIVEN_UP_MAX).collect()
    }

    /// The journal has given these up.
    pub fn on_given_up(&mut self, leases: &[(CharacterId, u64)]) {
        for (character, _) in leases {
            self.leases.remove(character);
            self.leaving.remove(character);
        }
    }

    /// Whether MariaDB and Redis have all that they are to have.
    pub fn is_drained(&self) -> bool {
        let is_carried = !self.has_mariadb || self.drained >= self.newest;
        is_carried && self.dirty.iter().all(Dirty::is_empty) && self.reserving.is_empty()
    }

    /// Whether a store lacks nothing.
    pub fn is_told(&self, store: Store) -> bool {
        self.dirty[usize::from(store == Store::MariaDb)].is_empty()
    }
}
