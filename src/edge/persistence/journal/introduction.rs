//! A journal that has worked alone is introduced to MariaDB: everything that is in it goes into the outbox, as if it had just
//! been done.

use super::estates::{self, ESTATES, GROUND, ROSTERS};
use super::{JournalError, outbox};
use game::{Books, Entry, Holder, ItemRecord, Posting, Transaction, TransactionId};
use protocol::{AccountId, CharacterId, ItemId};
use redb::{ReadableTable, WriteTransaction};
use std::collections::BTreeMap;

/// Bit of the ids of what is no transaction: no world and no lobby counts so far.
const INTRODUCED: u128 = 1 << 127;

/// Puts all into the outbox; how many postings that is.
///
/// # Errors
/// Also when a row cannot be read: MariaDB must not be told that there is nothing.
pub fn introduce(write: &WriteTransaction, journal_id: u128, at_ms: u64) -> Result<Result<u64, String>, JournalError> {
    let books = match read_all(write)? {
        Ok(books) => books,
        Err(unusable) => return Ok(Err(unusable)),
    };
    let mut postings = Introduction { write, journal_id, at_ms, count: 0 };
    for (&account, roster) in &books.rosters {
        let posting = Posting { rosters: vec![(account, roster.clone())], ..Posting::default() };
        let seq = postings.put(posting)?;
        outbox::set_account_revision(write, account, seq)?;
    }
    for &character in books.estates.keys() {
        let seq = postings.put(character_posting(character, &books))?;
        outbox::set_revision(write, character, seq)?;
    }
    if books != Books::default() {
        postings.put(ground_posting(&books))?;
    }
    Ok(Ok(postings.count))
}

/// A character as it is in these books, with all that it carries.
pub fn character_posting(character: CharacterId, books: &Books) -> Posting {
    let held = |row: &protocol::news::ItemRow| {
        let protocol::news::ItemRow { item, kind, count, durability, slot, .. } = *row;
        let holder = Holder::Character { character, slot };
        Entry::Item { before: None, after: Some(ItemRecord { item, kind, count, durability, holder }) }
    };
    let entries = books.estates.get(&character).into_iter().flat_map(|estate| &estate.items).map(held).collect();
    let transaction = Transaction { id: TransactionId(0), entries };
    Posting { transaction, characters: vec![Posting::character_after(character, books)], ..Posting::default() }
}

/// All that lies on the ground in these books, and all that was ever made.
pub fn ground_posting(books: &Books) -> Posting {
    let lies = |record: &ItemRecord| Entry::Item { before: None, after: Some(*record) };
    let transaction = Transaction { id: TransactionId(0), entries: books.ground.values().map(lies).collect() };
    Posting {
        transaction,
        heaps: books.heaps.iter().map(|(&item, &heap)| (item, Some(heap))).collect(),
        made: books.made.iter().map(|(&(way, kind), &count)| (way, kind, count)).collect(),
        minted: books.minted.iter().map(|(&way, &coins)| (way, coins)).collect(),
        ..Posting::default()
    }
}

/// Puts what is no transaction into the outbox.
pub struct Introduction<'a> {
    /// Where.
    pub write: &'a WriteTransaction,
    /// The journal's name.
    pub journal_id: u128,
    /// When.
    pub at_ms: u64,
    /// So much was put there.
    pub count: u64,
}

impl Introduction<'_> {
    /// The number that it got.
    pub fn put(&mut self, posting: Posting) -> Result<u64, JournalError> {
        let seq = outbox::next_seq(self.write)?;
        let id = TransactionId(INTRODUCED | (self.journal_id << 32 >> 1) & !0xffff_ffff | u128::from(seq));
        let transaction = Transaction { id, ..posting.transaction };
        outbox::put(self.write, &Posting { seq, at_ms: self.at_ms, transaction, ..posting })?;
        self.count += 1;
        Ok(seq)
    }
}

/// All that the journal holds.
fn read_all(write: &WriteTransaction) -> Result<Result<Books, String>, JournalError> {
    let mut books = Books::default();
    for row in write.open_table(ROSTERS)?.iter()? {
        let (key, row) = row?;
        let account = AccountId(key.value());
        match estates::read_roster(account, row.value()) {
            Ok(row) => drop(books.rosters.insert(account, row.roster)),
            Err(error) => return Ok(Err(format!("the characters of account {}: {error}", account.0))),
        }
    }
    for row in write.open_table(ESTATES)?.iter()? {
        let (key, row) = row?;
        let character = CharacterId(key.value());
        match estates::read_estate(character, row.value()) {
            Ok(estate) => drop(books.estates.insert(character, estate)),
            Err(error) => return Ok(Err(format!("what character {} owns: {error}", character.0))),
        }
    }
    let mut ground = BTreeMap::new();
    for row in write.open_table(GROUND)?.iter()? {
        let (key, row) = row?;
        let item = ItemId(key.value());
        match estates::read_ground(item, row.value()) {
            Ok(row) => drop(ground.insert(item, row)),
            Err(error) => return Ok(Err(format!("item {:#x} on the ground: {error}", item.0))),
        }
    }
    for (item, row) in ground {
        books.ground.extend(row.record.map(|record| (item, record)));
        books.heaps.extend(row.heap.map(|heap| (item, heap)));
    }
    match estates::sums_now(write)? {
        Ok(sums) => (books.made, books.minted) = (sums.made, sums.minted),
        Err(error) => return Ok(Err(format!("the sums: {error}"))),
    }
    Ok(Ok(books))
}
