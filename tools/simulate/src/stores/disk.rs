//! The journal's disk: what is on it for good, and the record that was being written when the power went.
//!
//! A commit is a record at the tail; when it is whole it is folded into what is on disk. So a start reads the tail as a real
//! one does: a record that proves itself whole counts, although nobody was told so, and anything else is cut off.

use super::record::Change;
use game::{Books, GroundRecord, Posting, Transaction, TransactionId};
use protocol::{AccountId, CharacterId};
use server::{CommitError, Enrolled, Found, Saved, SavedWorld};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Applied transactions that are remembered although they were drained, as in the real journal.
const APPLIED_KEPT: u64 = 65_536;

/// What is on disk for good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Who owns what.
    pub books: Books,
    /// Where characters were last seen.
    pub checkpoints: BTreeMap<CharacterId, Saved>,
    /// Of those, the revisions that MariaDB has.
    pub sent: BTreeMap<CharacterId, u64>,
    /// Postings that MariaDB has not had, by number.
    pub outbox: BTreeMap<u64, Posting>,
    /// Transactions that need not be applied again, with their numbers.
    pub applied: BTreeMap<TransactionId, u64>,
    /// The same the other way round, to forget by.
    pub recent: BTreeMap<u64, TransactionId>,
    /// The number of each character's last transaction.
    pub character_revisions: BTreeMap<CharacterId, u64>,
    /// The same of each account's.
    pub account_revisions: BTreeMap<AccountId, u64>,
    /// Characters that are this server's, with the epochs of their leases.
    pub leases: BTreeMap<CharacterId, u64>,
    /// The newest number.
    pub seq: u64,
    /// Up to here the outbox was where it is to be.
    pub drained: u64,
    /// Starts counted.
    pub starts: u32,
    /// The world as it was saved last.
    pub world: Option<Arc<SavedWorld>>,
}

/// What became of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Of each transaction its number, or why it was not made.
    pub deals: Vec<Result<u64, CommitError>>,
    /// Of each checkpoint why it was not written, if it was not.
    pub saves: Vec<Option<String>>,
}

/// How the journal works.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Whether there is MariaDB to tell.
    pub is_attached: bool,
    /// Postings that may wait.
    pub outbox_max: usize,
    /// On purpose: records are believed without their checksums.
    pub believes: bool,
    /// On purpose: of so many postings one never gets into the outbox; 0 for none.
    pub loses_postings: u64,
}

/// The disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// What is there for good.
    pub state: State,
    tail: Vec<u8>,
}

impl Disk {
    /// These bytes come to lie behind all others.
    pub fn write(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// What lies at the tail is there for good, if it is a whole record; anything else is cut off. Of each record what it
    /// brought and what became of it, and whether something was cut off.
    pub fn fold(&mut self, rules: Rules) -> (Vec<(Change, Verdict)>, bool) {
        let tail = std::mem::take(&mut self.tail);
        let (mut rest, mut folded) = (tail.as_slice(), Vec::new());
        while let Some((change, behind)) = Change::take(rest, rules.believes) {
            let verdict = self.state.apply(&change, rules);
            folded.push((change, verdict));
            rest = behind;
        }
        (folded, !rest.is_empty())
    }
}

impl State {
    fn apply(&mut self, change: &Change, rules: Rules) -> Verdict {
        for (character, saved) in &change.adopted {
            let here = self.checkpoints.get(character).map_or(0, |saved| saved.revision);
            if saved.revision > here {
                self.checkpoints.insert(*character, saved.clone());
                self.sent.insert(*character, saved.revision);
            }
        }
        let deals = change.deals.iter().map(|deal| self.deal(deal, change.at_ms, rules)).collect();
        let saves = change.saves.iter().map(|(character, saved)| self.save(*character, saved)).collect();
        self.sent.extend(change.sent.iter().copied());
        self.trim(change.drained);
        self.leases.extend(change.taken.iter().copied());
        self.leases.retain(|character, _| !change.given_up.contains(character));
        if !change.deals.is_empty() {
            self.forget_old(rules.is_attached);
        }
        if change.world.is_some() {
            self.world.clone_from(&change.world);
        }
        Verdict { deals, saves }
    }

    fn deal(&mut self, deal: &Transaction, at_ms: u64, rules: Rules) -> Result<u64, CommitError> {
        if rules.is_attached && self.outbox.len() >= rules.outbox_max {
            return Err(CommitError::Disk("the outbox is full".to_owned()));
        }
        if let Some(seq) = self.applied.get(&deal.id) {
            return Ok(*seq);
        }
        self.books.apply(deal)?;
        for character in Books::struck(deal) {
            self.checkpoints.remove(&character);
            self.sent.remove(&character);
        }
        self.seq += 1;
        let seq = self.seq;
        self.applied.insert(deal.id, seq);
        self.recent.insert(seq, deal.id);
        self.character_revisions.extend(Books::touched(deal).into_iter().map(|character| (character, seq)));
        self.account_revisions.extend(Books::touched_rosters(deal).map(|(account, _)| (account, seq)));
        let is_lost = rules.loses_postings > 0 && seq.is_multiple_of(rules.loses_postings);
        if rules.is_attached && !is_lost {
            self.outbox.insert(seq, Posting::of(seq, at_ms, deal, &self.books));
        }
        Ok(seq)
    }

    fn save(&mut self, character: CharacterId, saved: &Saved) -> Option<String> {
        let (revision, newest) = (saved.revision, self.checkpoints.get(&character).map_or(0, |saved| saved.revision));
        if newest > revision {
            return Some(format!("revision {revision} is older than revision {newest}, which is saved"));
        }
        self.checkpoints.insert(character, saved.clone());
        None
    }

    fn trim(&mut self, seq: u64) {
        if seq > self.drained {
            self.drained = seq;
            self.outbox = self.outbox.split_off(&(seq + 1));
        }
    }

    fn forget_old(&mut self, is_attached: bool) {
        let drained = if is_attached { self.drained } else { self.seq };
        let before = self.seq.saturating_sub(APPLIED_KEPT).min(drained);
        while let Some(oldest) = self.recent.first_entry().filter(|oldest| *oldest.key() < before) {
            self.applied.remove(&oldest.remove());
        }
    }

    /// What is known of a character.
    pub fn found(&self, character: CharacterId) -> Found {
        Found {
            checkpoint: self.checkpoints.get(&character).cloned(),
            estate: self.books.estates.get(&character).cloned(),
        }
    }

    /// An account's characters, in the order of their making.
    pub fn roster(&self, account: AccountId) -> Vec<Enrolled> {
        let experience = |character| self.books.estates.get(character).map_or(0, |estate| estate.experience);
        let roster = self.books.rosters.get(&account).into_iter().flatten();
        roster.map(|one| Enrolled { listing: one.clone(), experience: experience(&one.character) }).collect()
    }

    /// Everything that lies on the ground, by ascending name.
    pub fn ground(&self) -> Vec<GroundRecord> {
        let heap = |(&heap, of): (_, &game::Heap)| GroundRecord::Coins { heap, coins: of.coins, place: of.place };
        let mut ground: Vec<_> = self.books.ground.values().map(|record| GroundRecord::Item(*record)).collect();
        ground.extend(self.books.heaps.iter().map(heap));
        ground.sort_unstable_by_key(GroundRecord::name);
        ground
    }

    /// The checkpoints that MariaDB does not have, with their revisions.
    pub fn unsent(&self) -> Vec<(CharacterId, u64)> {
        let sent = |character: &CharacterId| self.sent.get(character).copied().unwrap_or(0);
        let all = self.checkpoints.iter().map(|(character, saved)| (*character, saved.revision));
        all.filter(|(character, revision)| *revision > sent(character)).collect()
    }

    /// The postings after `seq`, in order, at most so many.
    pub fn postings(&self, after: u64, max: usize) -> Vec<Posting> {
        self.outbox.range(after + 1..).take(max).map(|(_, posting)| posting.clone()).collect()
    }
}
