//! Who owns what, in the journal: a row for each account, each name, each character, each thing on the ground, and the sums.
//!
//! A transaction is applied by the same [`Books`] that tests hold the game against: the rows that it touches are read,
//! changed and written back in one transaction of the database.

use super::sealed::{self, SealError};
use super::{JournalError, checkpoints, outbox};
use game::{AccountRow, Books, Estate, GroundRecord, GroundRow, Heap, Listing, Row, SumsRow, Transaction};
use protocol::{AccountId, CharacterId, ItemId};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use server::{CommitError, Enrolled};

const ROSTERS_NAME: &str = "rosters";
const ESTATES_NAME: &str = "estates";
const GROUND_NAME: &str = "ground";
const SUMS_NAME: &str = "sums";
/// Account id to [`AccountRow`]; none of an account that has made no character.
pub const ROSTERS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new(ROSTERS_NAME);
/// Folded name to the id of the character that has it.
pub const NAMES: TableDefinition<'_, &str, u64> = TableDefinition::new("names");

/// Character id to [`Estate`].
pub const ESTATES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new(ESTATES_NAME);
/// Item id to [`GroundRow`].
pub const GROUND: TableDefinition<'_, u64, &[u8]> = TableDefinition::new(GROUND_NAME);
/// One row, number 0: [`SumsRow`].
pub const SUMS: TableDefinition<'_, u8, &[u8]> = TableDefinition::new(SUMS_NAME);
/// One row, number 0: how often this journal was opened by a server.
pub const STARTS: TableDefinition<'_, u8, u32> = TableDefinition::new("starts");

/// Makes the tables that are missing.
pub fn make_tables(write: &WriteTransaction) -> Result<(), JournalError> {
    write.open_table(ROSTERS)?;
    write.open_table(NAMES)?;
    write.open_table(ESTATES)?;
    write.open_table(GROUND)?;
    write.open_table(SUMS)?;
    write.open_table(STARTS)?;
    Ok(())
}

/// Counts a start, and says which it is: 1 for the first.
pub fn count_start(write: &WriteTransaction) -> Result<u32, JournalError> {
    let mut starts = write.open_table(STARTS)?;
    let before = starts.get(0)?.map_or(0, |starts| starts.value());
    starts.insert(0, before + 1)?;
    Ok(before + 1)
}

/// Leaves out so many starts.
pub fn skip_starts(write: &WriteTransaction, count: u32) -> Result<(), JournalError> {
    let mut starts = write.open_table(STARTS)?;
    let before = starts.get(0)?.map_or(0, |starts| starts.value());
    starts.insert(0, before.saturating_add(count))?;
    Ok(())
}

/// Makes all changes of a transaction, or none and says why; its number among all. One that was applied before changes
/// nothing again. `is_attached`: other stores are to have it, too.
pub fn apply(
    write: &WriteTransaction,
    transaction: &Transaction,
    at_ms: u64,
    is_attached: bool,
) -> Result<Result<u64, CommitError>, JournalError> {
    if let Some(seq) = outbox::applied(write, transaction.id)? {
        return Ok(Ok(seq));
    }
    let mut books = match read_part(write, transaction)? {
        Ok(books) => books,
        Err(unusable) => return Ok(Err(CommitError::Disk(unusable))),
    };
    if let Err(error) = books.apply(transaction) {
        return Ok(Err(error.into()));
    }
    write_part(write, transaction, &books)?;
    for character in Books::struck(transaction) {
        checkpoints::forget(write, character)?;
    }
    Ok(Ok(outbox::post(write, transaction, &books, at_ms, is_attached)?))
}

/// The rows that a transaction touches; a sentence if one of them cannot be read.
fn read_part(write: &WriteTransaction, transaction: &Transaction) -> Result<Result<Books, String>, JournalError> {
    let mut books = Books::default();
    let (estates, ground, sums) = (write.open_table(ESTATES)?, write.open_table(GROUND)?, write.open_table(SUMS)?);
    let (rosters, names) = (write.open_table(ROSTERS)?, write.open_table(NAMES)?);
    for (account, name) in Books::touched_rosters(transaction) {
        match rosters.get(account.0)?.map(|row| read_row::<AccountRow>(ROSTERS_NAME, account.0, row.value())) {
            Some(Ok(row)) => drop(books.rosters.insert(account, row.roster)),
            Some(Err(error)) => return Ok(Err(unreadable_roster(account, &error))),
            None => {}
        }
        let owner = names.get(name.as_str())?.map(|row| CharacterId(row.value()));
        books.names.extend(owner.map(|owner| (name, owner)));
    }
    for character in Books::touched(transaction) {
        match estates.get(character.0)?.map(|row| read_row::<Estate>(ESTATES_NAME, character.0, row.value())) {
            Some(Ok(estate)) => drop(books.estates.insert(character, estate)),
            Some(Err(error)) => return Ok(Err(format!("what character {} owns: {error}", character.0))),
            None => {}
        }
    }
    for item in Books::touched_items(transaction) {
        match ground.get(item.0)?.map(|row| read_row::<GroundRow>(GROUND_NAME, item.0, row.value())) {
            Some(Ok(row)) => lay(&mut books, item, &row),
            Some(Err(error)) => return Ok(Err(format!("item {:#x} on the ground: {error}", item.0))),
            None => {}
        }
    }
    match sums.get(0)?.map(|row| read_row::<SumsRow>(SUMS_NAME, 0, row.value())) {
        Some(Ok(row)) => (books.made, books.minted) = (row.made, row.minted),
        Some(Err(error)) => return Ok(Err(format!("the sums: {error}"))),
        None => {}
    }
    Ok(Ok(books))
}

fn lay(books: &mut Books, item: ItemId, row: &GroundRow) {
    books.ground.extend(row.record.map(|record| (item, record)));
    books.heaps.extend(row.heap.map(|heap| (item, heap)));
}

fn write_part(write: &WriteTransaction, transaction: &Transaction, books: &Books) -> Result<(), JournalError> {
    let mut estates = write.open_table(ESTATES)?;
    for character in Books::touched(transaction) {
        match books.estates.get(&character) {
            Some(estate) => drop(estates.insert(character.0, row(ESTATES_NAME, character.0, estate).as_slice())?),
            None => drop(estates.remove(character.0)?),
        }
    }
    let (mut rosters, mut names) = (write.open_table(ROSTERS)?, write.open_table(NAMES)?);
    for (account, name) in Books::touched_rosters(transaction) {
        match books.rosters.get(&account).map(|roster| AccountRow { roster: roster.clone() }) {
            Some(of) => drop(rosters.insert(account.0, row(ROSTERS_NAME, account.0, &of).as_slice())?),
            None => drop(rosters.remove(account.0)?),
        }
        match books.names.get(&name) {
            Some(owner) => drop(names.insert(name.as_str(), owner.0)?),
            None => drop(names.remove(name.as_str())?),
        }
    }
    let mut ground = write.open_table(GROUND)?;
    for item in Books::touched_items(transaction) {
        let lies = GroundRow { record: books.ground.get(&item).copied(), heap: books.heaps.get(&item).copied() };
        if lies == GroundRow::default() {
            ground.remove(item.0)?;
        } else {
            ground.insert(item.0, row(GROUND_NAME, item.0, &lies).as_slice())?;
        }
    }
    let sums = SumsRow::of(books);
    write.open_table(SUMS)?.insert(0, row(SUMS_NAME, 0, &sums).as_slice())?;
    Ok(())
}

fn row<R: Row>(table: &str, key: u64, row: &R) -> Vec<u8> {
    sealed::write(table, &key.to_le_bytes(), row)
}

fn read_row<R: Row>(table: &str, key: u64, bytes: &[u8]) -> Result<R, SealError> {
    sealed::read(table, &key.to_le_bytes(), bytes)
}

/// What a character owns; a sentence if that cannot be read.
pub fn estate(
    read: &redb::ReadTransaction,
    character: CharacterId,
) -> Result<Result<Option<Estate>, String>, JournalError> {
    let estates = read.open_table(ESTATES)?;
    let row = estates.get(character.0)?.map(|row| read_row(ESTATES_NAME, character.0, row.value())).transpose();
    Ok(row.map_err(|error| format!("what character {} owns: {error}", character.0)))
}

/// The characters of an account, each with what it has gained; a sentence if that cannot be read.
pub fn roster(read: &redb::ReadTransaction, account: AccountId) -> Result<Result<Vec<Enrolled>, String>, JournalError> {
    let listings = match listings(read, account)? {
        Ok(listings) => listings,
        Err(unusable) => return Ok(Err(unusable)),
    };
    let mut enrolled = Vec::new();
    for listing in listings {
        match estate(read, listing.character)? {
            Ok(estate) => enrolled.push(Enrolled { experience: estate.map_or(0, |estate| estate.experience), listing }),
            Err(unusable) => return Ok(Err(unusable)),
        }
    }
    Ok(Ok(enrolled))
}

/// The same without that.
pub fn listings(
    read: &redb::ReadTransaction,
    account: AccountId,
) -> Result<Result<Vec<Listing>, String>, JournalError> {
    let rosters = read.open_table(ROSTERS)?;
    let row = rosters.get(account.0)?.map(|row| read_roster(account, row.value())).transpose();
    Ok(row.map(|row| row.unwrap_or_default().roster).map_err(|error| unreadable_roster(account, &error)))
}

fn unreadable_roster(account: AccountId, error: &SealError) -> String {
    format!("the characters of account {}: {error}", account.0)
}

/// Everything that lies on the ground, by ascending name.
pub fn ground(read: &redb::ReadTransaction) -> Result<Vec<GroundRecord>, JournalError> {
    let mut records = Vec::new();
    for row in read.open_table(GROUND)?.iter()? {
        let (item, row) = row?;
        match read_row(GROUND_NAME, item.value(), row.value()) {
            Ok(GroundRow { record, heap }) => {
                let heap_of = |Heap { coins, place }| GroundRecord::Coins { heap: ItemId(item.value()), coins, place };
                records.extend(record.map(GroundRecord::Item).into_iter().chain(heap.map(heap_of)));
            }
            Err(error) => tracing::error!(item = item.value(), %error, "what lies on the ground cannot be read"),
        }
    }
    Ok(records)
}

/// A row as it is written.
pub fn estate_row(character: CharacterId, estate: &Estate) -> Vec<u8> {
    row(ESTATES_NAME, character.0, estate)
}

/// As above.
pub fn roster_row(account: AccountId, of: &AccountRow) -> Vec<u8> {
    row(ROSTERS_NAME, account.0, of)
}

/// As above.
pub fn ground_row(item: ItemId, of: &GroundRow) -> Vec<u8> {
    row(GROUND_NAME, item.0, of)
}

/// As above.
pub fn sums_row(of: &SumsRow) -> Vec<u8> {
    row(SUMS_NAME, 0, of)
}

/// A row as it is read.
pub fn read_estate(character: CharacterId, bytes: &[u8]) -> Result<Estate, SealError> {
    read_row(ESTATES_NAME, character.0, bytes)
}

/// As above.
pub fn read_roster(account: AccountId, bytes: &[u8]) -> Result<AccountRow, SealError> {
    read_row(ROSTERS_NAME, account.0, bytes)
}

/// As above.
pub fn read_ground(item: ItemId, bytes: &[u8]) -> Result<GroundRow, SealError> {
    read_row(GROUND_NAME, item.0, bytes)
}

/// As above.
pub fn read_sums(bytes: &[u8]) -> Result<SumsRow, SealError> {
    read_row(SUMS_NAME, 0, bytes)
}

/// The sums, while something is being written.
pub fn sums_now(write: &WriteTransaction) -> Result<Result<SumsRow, SealError>, JournalError> {
    let sums = write.open_table(SUMS)?;
    let row = sums.get(0)?.map(|row| read_sums(row.value()));
    Ok(row.unwrap_or_else(|| Ok(SumsRow::default())))
}

#[cfg(test)]
#[path = "estates_tests.rs"]
mod tests;
