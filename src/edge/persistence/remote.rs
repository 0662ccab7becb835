//! What the persistence thread knows of the other stores: what they lack, who is this server's to write, and who waits for
//! an answer of theirs.

use super::courier::CourierEnds;
use super::courier::words::{Record, Store, Word};
use super::journal::{Journal, JournalError};
use super::mariadb::Lease;
use game::{Books, Entry, Transaction, TransactionId};
use protocol::{AccountId, CharacterId};
use rudp::time::NS_PER_S;
use server::Dirty;
use std::collections::{BTreeMap, BTreeSet};

/// Who left keeps his lease for so long: whoever comes back at once, or after a restart, need not be looked up, and what he
/// did last has time to be carried. 10 s.
const LINGER_NS: u64 = 10 * NS_PER_S;
/// Leases given up at a time.
const GIVEN_UP_MAX: usize = 512;
/// Pause before what could not be given up is tried again.
const GIVE_UP_PAUSE_NS: u64 = NS_PER_S;

/// The other stores, from here.
#[derive(Debug)]
pub struct Remote {
    ends: CourierEnds,
    /// What each of them lacks: Redis, MariaDB.
    dirty: [Dirty; 2],
    /// Characters that are this server's to write, with the epochs of their leases.
    leases: BTreeMap<CharacterId, u64>,
    /// Of those, who has left, and when.
    leaving: BTreeMap<CharacterId, u64>,
    /// Transactions that wait for a name.
    reserving: BTreeMap<TransactionId, Transaction>,
    /// Releases that the courier has not answered.
    releasing: usize,
    /// When somebody was last looked for who can be let go.
    looked_ns: u64,
    /// Up to here the outbox is where it is to be.
    drained: u64,
    /// When the newest posting that is not was posted, or earlier; none if there is none.
    lags_since_ns: Option<u64>,
    newest: u64,
}

impl Remote {
    /// After a start: those who were this server's then are, and are let go unless they come.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn new(ends: CourierEnds, journal: &mut Journal, now_ns: u64) -> Result<Self, JournalError> {
        let leases = journal.leases()?;
        let leaving = leases.keys().map(|&character| (character, now_ns)).collect();
        let (newest, drained) = (journal.newest()?, journal.drained()?);
        let mut dirty = [Dirty::default(), Dirty::default()];
        if ends.has_mariadb {
            for (character, revision) in journal.unsent()? {
                dirty[1].insert(character, revision, now_ns);
            }
        }
        ends.bell.posted(newest);
        ends.bell.saved();
        let lags_since_ns = (newest > drained && ends.has_mariadb).then_some(now_ns);
        Ok(Self {
            ends,
            dirty,
            leases,
            leaving,
            reserving: BTreeMap::new(),
            releasing: 0,
            looked_ns: now_ns,
            drained,
            lags_since_ns,
            newest,
        })
    }

    /// The way to the courier and from it.
    pub fn ends(&self) -> &CourierEnds {
        &self.ends
    }

    /// Says something to the courier. When that has ended, nobody answers: its end is the server's.
    pub fn say(&self, word: Word) {
        let _ = self.ends.words.send(word);
    }

    /// Whether a character is this server's, or needs to be nobody's.
    pub fn is_ours(&self, character: CharacterId) -> bool {
        !self.ends.has_mariadb || self.leases.contains_key(&character)
    }

    /// The lease is on disk.
    pub fn on_taken(&mut self, character: CharacterId, epoch: u64) {
        self.leases.insert(character, epoch);
    }

    /// Somebody is being let in.
    pub fn on_entered(&mut self, character: CharacterId) {
        self.leaving.remove(&character);
        let epoch = self.leases.get(&character).copied().unwrap_or_default();
        self.say(Word::Entered(Lease { character, epoch }));
    }

    /// Somebody has left.
    pub fn on_left(&mut self, character: CharacterId, now_ns: u64) {
        if self.leases.contains_key(&character) {
            self.leaving.insert(character, now_ns);
        }
        self.say(Word::Left(character));
    }

    /// A checkpoint is in the journal.
    pub fn on_saved(&mut self, character: CharacterId, revision: u64, now_ns: u64) {
        if self.ends.has_redis {
            self.dirty[0].insert(character, revision, now_ns);
        }
        if self.ends.has_mariadb {
            self.dirty[1].insert(character, revision, now_ns);
        }
    }

    /// A store has checkpoints.
    pub fn on_sent(&mut self, store: Store, sent: &[(CharacterId, u64)]) {
        let dirty = &mut self.dirty[usize::from(store == Store::MariaDb)];
        sent.iter().for_each(|&(character, revision)| dirty.remove(character, revision));
    }

    /// Transactions are in the journal, up to this one.
    pub fn on_posted(&mut self, newest: u64, now_ns: u64) {
        if newest > self.newest && self.ends.has_mariadb {
            self.newest = newest;
            self.lags_since_ns = Some(self.lags_since_ns.unwrap_or(now_ns));
            self.ends.bell.posted(newest);
        }
    }

    /// A character is gone for ever.
    pub fn forget(&mut self, transaction: &Transaction) {
        for character in Books::struck(transaction) {
            self.dirty.iter_mut().for_each(|dirty| dirty.forget(character));
        }
    }

    /// Something was saved: the courier may come.
    pub fn ring(&self) {
        if self.dirty.iter().any(|dirty| !dirty.is_empty()) {
            self.ends.bell.saved();
        }
    }

    /// All up to here is where it is to be. Whether that is news.
    pub fn on_drained(&mut self, upto: u64, now_ns: u64) -> bool {
        let is_news = upto > self.drained;
        self.drained = self.drained.max(upto);
        if is_news {
            self.lags_since_ns = (self.newest > self.drained).then_some(now_ns);
        }
        is_news
    }

    /// Up to where all is where it is to be.
    pub fn drained(&self) -> u64 {
        self.drained
    }

    /// Checkpoints that a store is ready for. What cannot be used, or is no more, is not waited for any longer.
    pub fn records(&mut self, journal: &mut Journal, store: Store, max: usize) -> Vec<Record> {
        let dirty = &mut self.dirty[usize::from(store == Store::MariaDb)];
        let mut records = Vec::new();
        for character in dirty.batch(max) {
            match journal.record_of(character) {
                Ok(Some((revision, bytes))) => records.push(Record { character, revision, bytes }),
                Ok(None) => dirty.forget(character),
                Err(_) => break,
            }
        }
        records
    }

    /// A transaction that makes a character waits until the name is known to be free everywhere. Answers whether it does.
    pub fn reserve(&mut self, transaction: &Transaction) -> bool {
        let made = transaction.entries.iter().find_map(|entry| match entry {
            Entry::Listed { account, character, name, .. } => Some((*account, *character, name)),
            _ => None,
        });
        let Some((account, character, name)) = made.filter(|_| self.ends.has_mariadb) else { return false };
        let name = protocol::character::folded(name);
        self.say(Word::Reserve { id: transaction.id, name, character, account });
        self.reserving.insert(transaction.id, transaction.clone());
        true
    }

    /// The transaction that waited for its name.
    pub fn take_reserving(&mut self, id: TransactionId) -> Option<Transaction> {
        self.reserving.remove(&id)
    }

    /// A transaction was not made: the name that it would have given is free again.
    pub fn unreserve(&self, transaction: &Transaction) {
        for entry in &transaction.entries {
            if let (Entry::Listed { character, name, .. }, true) = (entry, self.ends.has_mariadb) {
                self.say(Word::Unreserve { name: protocol::character::folded(name), character: *character });
            }
        }
    }

    /// Those who can be let go: they have left a while ago, or all are to go, and all that they did is in MariaDB.
    pub fn who_may_go(&mut self, journal: &mut Journal, is_ending: bool, now_ns: u64) -> Vec<Lease> {
        let is_due = now_ns >= self.looked_ns + GIVE_UP_PAUSE_NS || is_ending;
        if is_ending {
            // Nobody is in the world any more.
            self.leaving = self.leases.keys().map(|&character| (character, 0)).collect();
        }
        if self.leaving.is_empty() || !is_due {
            return Vec::new();
        }
        self.looked_ns = now_ns;
        let mut given_up = Vec::new();
        for (&character, &since_ns) in &self.leaving {
            let is_over = is_ending || now_ns >= since_ns + LINGER_NS;
            let mut is_carried = || journal.revision(character).is_ok_and(|revision| self.is_carried(revision));
            if is_over && !self.dirty[1].contains(character) && is_carried() {
                given_up.extend(self.leases.get(&character).map(|&epoch| Lease { character, epoch }));
            }
            if given_up.len() >= GIVEN_UP_MAX {
                break;
            }
        }
        given_up
    }

    /// Whether MariaDB has what has this number. One that was taken over from another journal may be higher than all of this
    /// one's own: then it is enough that nothing of those waits.
    fn is_carried(&self, revision: u64) -> bool {
        revision <= self.drained || self.newest <= self.drained
    }

    /// What the stores have yet to hear of this account and these characters, in a sentence; none if nothing.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn owes(
        &self,
        journal: &mut Journal,
        account: AccountId,
        characters: &BTreeSet<CharacterId>,
    ) -> Result<Option<String>, JournalError> {
        let is_made = |deal: &Transaction| Books::touched_rosters(deal).any(|(of, _)| of == account);
        if self.reserving.values().any(is_made) {
            return Ok(Some(format!("a character of account {} waits for its name", account.0)));
        }
        for (dirty, store) in self.dirty.iter().zip(["Redis", "MariaDB"]) {
            if let Some(character) = characters.iter().find(|character| dirty.contains(**character)) {
                let character = character.0;
                return Ok(Some(format!("{store} has not taken where character {character} was last seen")));
            }
        }
        if !self.ends.has_mariadb {
            return Ok(None);
        }
        let mut revisions = vec![journal.account_revision(account)?];
        for character in characters {
            revisions.push(journal.revision(*character)?);
        }
        let is_carried = revisions.into_iter().all(|revision| self.is_carried(revision));
        Ok((!is_carried).then(|| format!("MariaDB has not taken the last transactions of account {}", account.0)))
    }

    /// The journal has given up those of these that were this server's.
    pub fn hand_back(&mut self, characters: &[CharacterId]) -> Vec<Lease> {
        let lease = |&character: &CharacterId| {
            self.leaving.remove(&character);
            Some(Lease { character, epoch: self.leases.remove(&character)? })
        };
        characters.iter().filter_map(lease).collect()
    }

    /// The journal has been given up: nobody is this server's any more.
    pub fn on_disowned(&mut self) {
        self.leases.clear();
        self.leaving.clear();
    }

    /// All that are this server's to write.
    pub fn held(&self) -> Vec<CharacterId> {
        self.leases.keys().copied().collect()
    }

    /// The journal has given these up.
    pub fn on_given_up(&mut self, leases: Vec<Lease>) {
        for lease in &leases {
            self.leases.remove(&lease.character);
            self.leaving.remove(&lease.character);
        }
        if !leases.is_empty() {
            self.releasing += 1;
            self.say(Word::Release(leases));
        }
    }

    /// A release was answered.
    pub fn on_released(&mut self) {
        self.releasing = self.releasing.saturating_sub(1);
    }

    /// Whether nothing is this server's any more, and MariaDB knows it.
    pub fn is_free(&self) -> bool {
        self.leases.is_empty() && self.releasing == 0
    }

    /// Whether MariaDB has all that it is to have.
    pub fn is_drained(&self) -> bool {
        !self.ends.has_mariadb || (self.drained >= self.newest && self.dirty[1].is_empty())
    }

    /// Whether Redis has, too.
    pub fn is_told(&self) -> bool {
        self.dirty[0].is_empty()
    }

    /// What waits: checkpoints for Redis, for MariaDB; how long the oldest has waited for MariaDB, postings included, in
    /// nanoseconds.
    pub fn waiting(&self, now_ns: u64) -> ([usize; 2], u64) {
        let posted = self.lags_since_ns.map_or(0, |since_ns| now_ns.saturating_sub(since_ns));
        ([self.dirty[0].len(), self.dirty[1].len()], posted.max(self.dirty[1].lag_ns(now_ns)))
    }

    /// Characters that are this server's to write.
    pub fn leases(&self) -> usize {
        self.leases.len()
    }
}
