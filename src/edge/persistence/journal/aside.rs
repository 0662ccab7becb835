//! A posting that cannot be read is set aside, so that what is behind it reaches MariaDB.
//!
//! Nothing of it is destroyed: its bytes lie in a table of their own. What it said is lost to MariaDB's ledger; what it left
//! behind is not: whoever was touched by it last is told of once more, as the journal has him now.

use super::estates::{self, ESTATES};
use super::introduction::{Introduction, character_posting, ground_posting};
use super::outbox::{self, ACCOUNT_REVISIONS, CHARACTER_REVISIONS, OUTBOX};
use super::{JournalError, Torn};
use game::{Books, Estate, Posting};
use protocol::{AccountId, CharacterId};
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, TableError, WriteTransaction};
use std::collections::BTreeSet;

/// `seq` to the bytes that lay in the outbox.
pub const SET_ASIDE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("outbox_set_aside");

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetAside {
    /// The postings, with why they could not be read.
    pub postings: Vec<Torn>,
    /// Characters and accounts that MariaDB is told of again.
    pub told_again: u64,
    /// What it should be told of and what cannot be read either.
    pub untold: Vec<String>,
}

/// Makes the table if it is missing.
pub fn make_table(write: &WriteTransaction) -> Result<(), JournalError> {
    write.open_table(SET_ASIDE)?;
    Ok(())
}

/// How many lie there. Journals that an older build wrote have no such table.
pub fn count(read: &ReadTransaction) -> Result<u64, JournalError> {
    match read.open_table(SET_ASIDE) {
        Ok(table) => Ok(table.len()?),
        Err(TableError::TableDoesNotExist(_)) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Sets all aside that cannot be read.
pub fn set_aside(write: &WriteTransaction, journal_id: u128, at_ms: u64) -> Result<SetAside, JournalError> {
    let mut done = SetAside { postings: take_out(write)?, ..SetAside::default() };
    let seqs: BTreeSet<u64> = done.postings.iter().map(|torn| torn.seq).collect();
    if seqs.is_empty() {
        return Ok(done);
    }
    let mut again = Introduction { write, journal_id, at_ms, count: 0 };
    for account in touched_last(write, ACCOUNT_REVISIONS, &seqs)?.into_iter().map(AccountId) {
        let row =
            write.open_table(estates::ROSTERS)?.get(account.0)?.map(|row| estates::read_roster(account, row.value()));
        match row.transpose() {
            Ok(row) => {
                let rosters = vec![(account, row.unwrap_or_default().roster)];
                let seq = again.put(Posting { rosters, ..Posting::default() })?;
                outbox::set_account_revision(write, account, seq)?;
                done.told_again += 1;
            }
            Err(error) => done.untold.push(format!("the characters of account {}: {error}", account.0)),
        }
    }
    for character in touched_last(write, CHARACTER_REVISIONS, &seqs)?.into_iter().map(CharacterId) {
        let row = write.open_table(ESTATES)?.get(character.0)?.map(|row| estates::read_estate(character, row.value()));
        match row.transpose() {
            Ok(row) => {
                let seq = again.put(character_posting(character, &alone(character, row)))?;
                outbox::set_revision(write, character, seq)?;
                done.told_again += 1;
            }
            Err(error) => done.untold.push(format!("what character {} owns: {error}", character.0)),
        }
    }
    tell_ground(write, &mut again, &mut done)?;
    Ok(done)
}

/// From the outbox into the table beside it.
fn take_out(write: &WriteTransaction) -> Result<Vec<Torn>, JournalError> {
    let (mut outbox, mut aside) = (write.open_table(OUTBOX)?, write.open_table(SET_ASIDE)?);
    let mut torn = Vec::new();
    for row in outbox.iter()? {
        let (seq, row) = row?;
        if let Err(error) = outbox::read_posting(seq.value(), row.value()) {
            aside.insert(seq.value(), row.value())?;
            torn.push(Torn::of(seq.value(), &error));
        }
    }
    for torn in &torn {
        outbox.remove(torn.seq)?;
    }
    Ok(torn)
}

/// Whom one of these postings touched and none after it. They are this server's still: nobody is let go before all that he did is
/// in MariaDB.
fn touched_last(
    write: &WriteTransaction,
    revisions: TableDefinition<'static, u64, u64>,
    seqs: &BTreeSet<u64>,
) -> Result<Vec<u64>, JournalError> {
    let mut touched = Vec::new();
    for row in write.open_table(revisions)?.iter()? {
        let (id, seq) = row?;
        touched.extend(seqs.contains(&seq.value()).then(|| id.value()));
    }
    Ok(touched)
}

fn alone(character: CharacterId, estate: Option<Estate>) -> Books {
    let mut books = Books::default();
    books.estates.extend(estate.map(|estate| (character, estate)));
    books
}

/// What lies on the ground, and what ever was made: both are of this server alone, and who knows what was touched.
fn tell_ground(
    write: &WriteTransaction,
    again: &mut Introduction<'_>,
    done: &mut SetAside,
) -> Result<(), JournalError> {
    let mut books = Books::default();
    for row in write.open_table(estates::GROUND)?.iter()? {
        let (key, row) = row?;
        let item = protocol::ItemId(key.value());
        match estates::read_ground(item, row.value()) {
            Ok(row) => {
                books.ground.extend(row.record.map(|record| (item, record)));
                books.heaps.extend(row.heap.map(|heap| (item, heap)));
            }
            Err(error) => done.untold.push(format!("item {:#x} on the ground: {error}", item.0)),
        }
    }
    match estates::sums_now(write)? {
        Ok(sums) => (books.made, books.minted) = (sums.made, sums.minted),
        Err(error) => done.untold.push(format!("the sums: {error}")),
    }
    if books != Books::default() {
        again.put(ground_posting(&books))?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "aside_tests.rs"]
mod tests;
