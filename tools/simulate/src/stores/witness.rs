//! Sees everything that is asked, done and answered, keeps books of its own, and says what does not agree.
//!
//! It believes neither the journal nor the courier: what a row may say it computes from the transactions themselves, as they
//! were submitted.

use super::disk::{State, Verdict};
use super::rows::{Key, Rows, Value, said};
use super::tally::Tally;
use game::{Books, CharacterAfter, Entry, Transaction, TransactionId};
use protocol::CharacterId;
use server::{Parcel, Saved};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Revisions of a character that are remembered: at one in 4 s, four minutes.
const SAVES_KEPT: usize = 64;

/// A transaction that is on disk.
#[derive(Debug)]
struct Line {
    transaction: Transaction,
    at_ms: u64,
    keys: Vec<Key>,
}

/// What is known to be so.
#[derive(Debug, Default)]
pub struct Witness {
    /// Who owns what after all transactions on disk.
    pub books: Books,
    /// All of them, for ever.
    pub ids: BTreeMap<TransactionId, u64>,
    /// The newest.
    pub seq: u64,
    tally: Tally,
    /// Those that some server may not have.
    lines: BTreeMap<u64, Line>,
    /// How each thing was after which transaction, back to what all servers have.
    posted: BTreeMap<Key, VecDeque<(u64, Value)>>,
    /// Checkpoints that were on disk.
    saved: BTreeMap<CharacterId, VecDeque<Saved>>,
    /// Who is gone for ever.
    struck: BTreeSet<CharacterId>,
    /// The newest revision of each character of which it was said that it is on disk.
    acknowledged: BTreeMap<CharacterId, u64>,
    /// All servers have what is up to here.
    safe: u64,
    has_mariadb: bool,
    wrong: Option<String>,
}

impl Witness {
    /// Nothing has happened.
    pub fn new(has_mariadb: bool) -> Self {
        Self { has_mariadb, ..Self::default() }
    }

    /// Something is not as it must be. The first time counts.
    pub fn blame(&mut self, what: impl FnOnce() -> String) {
        self.wrong.get_or_insert_with(what);
    }

    /// What was first found not to be as it must be.
    pub fn wrong(&self) -> Result<(), String> {
        self.wrong.clone().map_or(Ok(()), Err)
    }

    /// These transactions came to disk, or were refused there.
    pub fn on_deals(&mut self, deals: &[Transaction], verdict: &Verdict, at_ms: u64) {
        if deals.len() != verdict.deals.len() {
            let (of, were) = (verdict.deals.len(), deals.len());
            return self
                .blame(|| format!("the journal has {of} transactions of a commit, and it was asked for {were}"));
        }
        for (deal, verdict) in deals.iter().zip(&verdict.deals) {
            match verdict {
                Ok(seq) => self.on_deal(deal, *seq, at_ms),
                Err(server::CommitError::Books(_)) if self.books.apply(deal).is_ok() => {
                    self.blame(|| format!("the journal refuses {:x}, and it is as it should be", deal.id.0));
                }
                Err(_) => {}
            }
        }
    }

    fn on_deal(&mut self, deal: &Transaction, seq: u64, at_ms: u64) {
        if let Some(known) = self.ids.get(&deal.id) {
            let known = *known;
            self.blame(|| {
                format!("transaction {:x} is on disk as {known}, and is asked for again as {seq}", deal.id.0)
            });
            return;
        }
        if seq != self.seq + 1 {
            let newest = self.seq;
            self.blame(|| format!("transaction {seq} follows {newest}"));
        }
        if let Err(error) = self.books.apply(deal) {
            self.blame(|| format!("transaction {seq} is on disk and cannot be: {error}"));
        }
        if let Err(error) = self.tally.count(deal) {
            self.blame(|| format!("transaction {seq}: {error}"));
        }
        self.seq = seq;
        self.ids.insert(deal.id, seq);
        for character in Books::struck(deal) {
            self.struck.insert(character);
            self.saved.remove(&character);
            self.acknowledged.remove(&character);
        }
        if self.has_mariadb {
            self.post(deal, seq, at_ms);
        }
    }

    fn post(&mut self, deal: &Transaction, seq: u64, at_ms: u64) {
        let keys = keys(deal);
        for key in &keys {
            let value = self.value(*key, deal);
            let posted = self.posted.entry(*key).or_default();
            posted.push_back((seq, value));
            while posted.get(1).is_some_and(|(next, _)| *next <= self.safe) {
                posted.pop_front();
            }
        }
        self.lines.insert(seq, Line { transaction: deal.clone(), at_ms, keys });
    }

    /// How a thing is now, after this transaction.
    fn value(&self, key: Key, deal: &Transaction) -> Value {
        match key {
            Key::Thing(item) => {
                let last = deal.entries.iter().rev().find_map(|entry| match entry {
                    Entry::Item { before, after } => {
                        before.or(*after).filter(|record| record.item == item).map(|_| *after)
                    }
                    _ => None,
                });
                let heap = self.books.heaps.get(&item).copied();
                last.map_or(heap.map_or(Value::Gone, Value::Heap), |after| after.map_or(Value::Gone, Value::Item))
            }
            Key::Character(character) => Value::Character(match self.books.estates.get(&character).cloned() {
                None => CharacterAfter { character, ..CharacterAfter::default() },
                Some(game::Estate { class, team, experience, skills, coins, .. }) => {
                    CharacterAfter { character, exists: true, class, team, experience, coins, skills }
                }
            }),
            Key::Roster(account) => Value::Roster(self.books.rosters.get(&account).cloned().unwrap_or_default()),
            Key::Sum(way, Some(kind)) => Value::Sum(self.books.made.get(&(way, kind)).copied().unwrap_or(0)),
            Key::Sum(way, None) => Value::Sum(self.books.minted.get(&way).copied().unwrap_or(0)),
        }
    }

    /// A parcel was written to a server, which was told up to `before` until then.
    pub fn on_written(&mut self, node: usize, rows: &Rows, parcel: &Parcel, before: u64) {
        if !parcel.ledger.is_sorted_by_key(|line| line.seq) {
            self.blame(|| format!("a parcel up to {} is not in order", parcel.upto));
        }
        if rows.watermark > self.seq {
            let newest = self.seq;
            self.blame(|| format!("server {node} is told up to {}, and the journal ends at {newest}", rows.watermark));
        }
        for (key, revision, value) in said(parcel) {
            if rows.revision(key) == revision && revision > self.safe {
                self.is_posted(node, key, revision, &value);
            }
        }
        for (key, _, _) in said(parcel) {
            self.is_newest(node, rows, key);
        }
        for line in parcel.ledger.iter().filter(|line| line.seq > before) {
            let known = self.lines.get(&line.seq).is_some_and(|known| {
                let transaction = &known.transaction;
                (transaction.id, &transaction.entries, known.at_ms) == (line.id, &line.entries, line.at_ms)
                    && Books::touched(transaction) == line.characters
            });
            if !known {
                self.blame(|| format!("line {} of server {node}'s ledger is not what was done: {line:?}", line.seq));
            }
        }
        for seq in before + 1..=rows.watermark {
            self.is_complete(node, rows, seq);
        }
    }

    fn is_posted(&mut self, node: usize, key: Key, revision: u64, value: &Value) {
        let of = self.posted.get(&key).and_then(|posted| posted.iter().find(|(seq, _)| *seq == revision));
        if of.is_none_or(|(_, posted)| posted != value) {
            let of = of.map(|(_, posted)| posted.clone());
            self.blame(|| format!("server {node} is told {value:?} of {key:?} as of {revision}, and it was {of:?}"));
        }
    }

    /// Whether a row is as new as it must be where all up to the watermark is there.
    fn is_newest(&mut self, node: usize, rows: &Rows, key: Key) {
        let (there, upto) = (rows.revision(key), rows.watermark);
        let posted = self.posted.get(&key).and_then(|posted| posted.iter().rev().find(|(seq, _)| *seq <= upto));
        if let Some(newest) = posted.map(|(seq, _)| *seq).filter(|newest| *newest > there) {
            self.blame(|| format!("server {node} goes back to {there} with {key:?}, and had {newest}"));
        }
    }

    /// Whether a server that is told up to a transaction has all of it.
    fn is_complete(&mut self, node: usize, rows: &Rows, seq: u64) {
        let Some(line) = self.lines.get(&seq) else { return };
        if rows.ledger.get(&line.transaction.id) != Some(&seq) {
            self.blame(|| format!("server {node} is past transaction {seq} and does not have it"));
        } else if let Some(key) = line.keys.iter().find(|key| rows.revision(**key) < seq) {
            let key = *key;
            let there = rows.revision(key);
            self.blame(|| format!("server {node} has {key:?} as of {there}, and transaction {seq} came after it"));
        }
    }

    /// The journal has forgotten what is up to here.
    pub fn on_trimmed(&mut self, seq: u64) {
        if seq > self.safe {
            self.safe = seq;
            self.lines = self.lines.split_off(&(seq + 1));
        }
    }

    /// A checkpoint came to disk.
    pub fn on_saved(&mut self, character: CharacterId, saved: &Saved) {
        if self.struck.contains(&character) {
            self.blame(|| format!("character {} comes back with his last save", character.0));
        }
        let all = self.saved.entry(character).or_default();
        let newest = all.back().map_or(0, |newest| newest.revision);
        let is_back = saved.revision < newest;
        // The same once more is no other.
        if all.back() != Some(saved) {
            all.push_back(saved.clone());
        }
        if all.len() > SAVES_KEPT {
            all.pop_front();
        }
        if is_back {
            self.blame(|| format!("character {} goes back from {newest} to {}", character.0, saved.revision));
        }
    }

    /// What another store has of a character came to disk: nobody can know more than this journal, but of who is gone.
    pub fn on_adopted(&mut self, character: CharacterId, saved: &Saved) {
        let newest = self.saved.get(&character).and_then(|all| all.back()).map_or(0, |newest| newest.revision);
        if saved.revision > newest && !self.struck.contains(&character) {
            let revision = saved.revision;
            self.blame(|| format!("revision {revision} of character {} is not from this journal", character.0));
        }
    }

    /// Whether somebody is gone for ever.
    pub fn is_struck(&self, character: CharacterId) -> bool {
        self.struck.contains(&character)
    }

    /// It was said that a checkpoint is on disk.
    pub fn on_acknowledged(&mut self, character: CharacterId, revision: u64) {
        let newest = self.acknowledged.entry(character).or_default();
        *newest = revision.max(*newest);
    }

    /// The newest revision of which was said that it is on disk.
    pub fn acknowledged(&self, character: CharacterId) -> u64 {
        self.acknowledged.get(&character).copied().unwrap_or(0)
    }

    /// A store was given a checkpoint.
    pub fn on_kept(&mut self, store: &str, character: CharacterId, saved: &Saved) {
        let Some(all) = self.saved.get(&character) else { return };
        let is_older = all.front().is_some_and(|oldest| saved.revision < oldest.revision);
        if !is_older && !all.contains(saved) {
            let revision = saved.revision;
            self.blame(|| {
                format!("{store} is given revision {revision} of character {}, which nobody saved", character.0)
            });
        }
    }

    /// Whether all that was said to be on disk is there: looked at after each start.
    pub fn look_back(&mut self, disk: &State) {
        if disk.seq != self.seq {
            let newest = self.seq;
            self.blame(|| format!("the disk ends with transaction {}, and {newest} was on it", disk.seq));
        }
        let lost = self.acknowledged.iter().find(|(character, revision)| {
            disk.checkpoints.get(character).is_none_or(|saved| saved.revision < **revision)
        });
        if let Some((character, revision)) = lost.map(|(character, revision)| (*character, *revision)) {
            self.blame(|| format!("revision {revision} of character {} was saved and is gone", character.0));
        }
    }

    /// Whether of everything there is as much as was made, counted in two ways.
    pub fn is_in_balance(&self) -> Result<(), String> {
        if !self.books.is_in_balance() {
            return Err("there is not as much of everything as was made".to_owned());
        }
        self.tally.agrees_with(&self.books)
    }
}

/// What a transaction touches, each once.
fn keys(deal: &Transaction) -> Vec<Key> {
    let mut keys: Vec<_> = Books::touched(deal).into_iter().map(Key::Character).collect();
    keys.extend(Books::touched_rosters(deal).map(|(account, _)| Key::Roster(account)));
    keys.extend(Books::touched_items(deal).map(Key::Thing));
    keys.extend(deal.entries.iter().filter_map(|entry| match entry {
        Entry::Made { kind, way, .. } => Some(Key::Sum(*way, Some(*kind))),
        Entry::Minted { way, .. } => Some(Key::Sum(*way, None)),
        _ => None,
    }));
    keys.sort_unstable();
    keys.dedup();
    keys
}
