//! What must hold: in every tick what is cheap to look at, after each start and at the end all the rest.

use super::rows::{self, Rows};
use super::{STORE_JOBS_MAX, Stores};
use game::Books;
use rudp::time::Now;
use std::fmt::{self, Write};
use xxhash_rust::xxh3::Xxh3;

impl Stores {
    /// Everything that must hold in every tick.
    ///
    /// # Errors
    /// A sentence that says what does not.
    pub fn check(&mut self, now: Now) -> Result<(), String> {
        if self.is_up && self.room() == 0 {
            self.contract.put_off(now);
        }
        self.witness.wrong()?;
        if self.is_up {
            self.contract.check(now)?;
            self.check_outbox()?;
        }
        if self.contract.unanswered > STORE_JOBS_MAX {
            return Err(format!("{} jobs are not answered", self.contract.unanswered));
        }
        let state = &self.disk.state;
        for (node, rows) in self.servers.required() {
            let watermark = rows.watermark;
            if watermark > state.seq || watermark < state.drained {
                let (drained, seq) = (state.drained, state.seq);
                return Err(format!("server {node} has up to {watermark}; the journal forgot {drained} and has {seq}"));
            }
        }
        Ok(())
    }

    /// The outbox has all from what was drained to the newest: each once, as their numbers are those of its ends.
    fn check_outbox(&self) -> Result<(), String> {
        let state = &self.disk.state;
        let (waiting, newest) = (state.outbox.len() as u64, state.outbox.last_key_value().map(|(seq, _)| *seq));
        let is_attached = self.plan.arrangement.servers() > 0;
        let expected = if is_attached { state.seq - state.drained } else { 0 };
        if waiting != expected || newest.is_some_and(|newest| newest != state.seq) {
            let (drained, seq) = (state.drained, state.seq);
            return Err(format!("{waiting} postings wait, the newest is {newest:?}; drained {drained}, newest {seq}"));
        }
        match state.outbox.len() > self.plan.outbox_max {
            true => Err(format!("{waiting} postings wait")),
            false => Ok(()),
        }
    }

    /// Everything that must hold and takes longer to find out: after each start, and at the end.
    ///
    /// # Errors
    /// A sentence that says what does not.
    pub fn audit(&mut self, now: Now) -> Result<(), String> {
        self.check(now)?;
        let state = &self.disk.state;
        if let Some(what) = rows::difference(&state.books, &self.witness.books) {
            return Err(format!("the journal and what it was asked for do not agree about {what}"));
        }
        self.witness.is_in_balance()?;
        let books = by_slot(&self.witness.books);
        for (node, rows) in self.servers.required() {
            self.audit_server(rows, &books).map_err(|what| format!("server {node} of MariaDB: {what}"))?;
        }
        if self.is_drained() { self.audit_checkpoints() } else { Ok(()) }
    }

    /// What a server has and what is still to come are the books, and its ledger has each line once.
    fn audit_server(&self, rows: &Rows, books: &Books) -> Result<(), String> {
        let upto = rows.watermark;
        let lines = self.witness.ids.iter().filter(|(_, seq)| **seq <= upto);
        if !lines.clone().eq(rows.ledger.iter().filter(|(_, seq)| **seq <= upto)) {
            let (has, of) = (rows.ledger.len(), lines.count());
            return Err(format!("its ledger has {has} lines, of {of} transactions up to {upto}"));
        }
        let is_whole = self.disk.state.outbox.last_key_value().is_none_or(|(newest, _)| *newest <= upto);
        let told = if is_whole { rows.books() } else { self.told_all(rows) };
        if let Some(what) = rows::difference(&told, books) {
            return Err(format!("with all that is to come, it and the books do not agree about {what}"));
        }
        let owned = books.names.iter().find(|(name, owner)| is_whole && rows.names.get(*name) != Some(&Some(**owner)));
        owned.map_or(Ok(()), |(name, owner)| Err(format!("the name {name} is not that of character {}", owner.0)))
    }

    /// What a server will have when it was told the rest: posting by posting, not as the courier packs them.
    fn told_all(&self, rows: &Rows) -> Books {
        let mut rows = rows.clone();
        for posting in self.disk.state.outbox.values() {
            rows.write(&server::Parcel::of(vec![posting.clone()]), true);
        }
        rows.books()
    }

    fn audit_checkpoints(&self) -> Result<(), String> {
        for (character, saved) in &self.disk.state.checkpoints {
            let lacking = self.servers.required().find(|(_, rows)| rows.checkpoints.get(character) != Some(saved));
            if let Some((node, rows)) = lacking {
                let there = rows.checkpoints.get(character).map(|saved| saved.revision);
                let (number, revision) = (character.0, saved.revision);
                return Err(format!("server {node} has {there:?} of character {number}, and {revision} is saved"));
            }
        }
        let there = |character| self.redis.checkpoints.get(character).map_or(0, |saved| saved.revision);
        let lacking = self.redis.expected.iter().find(|(character, revision)| there(character) != **revision);
        lacking.map_or(Ok(()), |(character, revision)| {
            Err(format!("Redis has {} of character {}, and {revision} is saved", there(character), character.0))
        })
    }

    /// Stands for all that they hold.
    #[must_use]
    pub fn hash(&self) -> u64 {
        let mut hash = Hash(Xxh3::new());
        // Maps that are printed in the order of their keys.
        let servers: Vec<&Rows> = (0..self.plan.arrangement.servers()).map(|node| self.servers.rows(node)).collect();
        let written = write!(hash, "{:?} {servers:?} {:?}", self.disk.state, self.redis.checkpoints);
        debug_assert!(written.is_ok(), "a hash takes everything");
        hash.0.digest()
    }
}

/// The same books, each estate's items by slot.
fn by_slot(books: &Books) -> Books {
    let mut books = books.clone();
    books.estates.values_mut().for_each(rows::sort);
    books
}

struct Hash(Xxh3);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}
