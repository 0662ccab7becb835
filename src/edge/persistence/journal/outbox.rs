//! What MariaDB has not had yet, in order; which transactions were applied; and what the journal knows of itself.
//!
//! Every transaction gets a number, its `seq`. It is a Lamport clock: whatever is taken over from another journal carries the
//! number that it has there, and the next one here is above it. So of two states of one thing the one with the higher
//! number is the newer one, whoever wrote it.

use super::JournalError;
use super::sealed::{self, SealError};
use game::{Books, Posting, Transaction, TransactionId};
use protocol::{AccountId, CharacterId};
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
use thiserror::Error;

/// The newest version of the file's layout.
pub const FORMAT: u64 = 2;
/// Applied transactions that are remembered although they were drained: an answer that was lost is asked for again within
/// seconds, and 65,536 are a minute at a thousand a second.
const APPLIED_KEPT: u64 = 65_536;
/// Of those that are forgotten, so many in one commit, so that none takes long.
const FORGOTTEN_MAX: usize = 4_096;

const OUTBOX_NAME: &str = "outbox";
/// Postings that may wait: at about 400 bytes each, 400 MB of disk, and an hour at 280 transactions a second. When MariaDB
/// has been away for longer, committed actions are refused until it is back.
pub const WAITING_MAX: u64 = 1_000_000;
/// `seq` to [`Posting`].
pub const OUTBOX: TableDefinition<'_, u64, &[u8]> = TableDefinition::new(OUTBOX_NAME);
/// Transaction id to `seq`.
pub const APPLIED: TableDefinition<'_, u128, u64> = TableDefinition::new("applied_at");
/// The same the other way round, to forget by.
pub const RECENT: TableDefinition<'_, u64, u128> = TableDefinition::new("recent");
/// Character id to the `seq` that touched it last.
pub const CHARACTER_REVISIONS: TableDefinition<'_, u64, u64> = TableDefinition::new("character_revisions");
/// Account id to the same.
pub const ACCOUNT_REVISIONS: TableDefinition<'_, u64, u64> = TableDefinition::new("account_revisions");
/// What the journal knows of itself, by name.
pub const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// Starts that MariaDB has given this journal and that have not been used.
pub const INCARNATIONS: TableDefinition<'_, u32, ()> = TableDefinition::new("incarnations");

/// A posting that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("posting {seq} of the outbox: {why}")]
pub struct Torn {
    /// Its number.
    pub seq: u64,
    /// Why.
    pub why: String,
}

impl Torn {
    /// With this number, for this reason.
    pub fn of(seq: u64, error: &SealError) -> Self {
        Self { seq, why: error.to_string() }
    }
}

/// Numbers in [`META`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Layout of the file.
    Format,
    /// Newest `seq`.
    Seq,
    /// Up to here all is in MariaDB, and in both of a pair.
    Drained,
    /// Both halves of the journal's name, drawn by lot when it was made.
    JournalHigh,
    /// As above.
    JournalLow,
    /// 1 when all that was here before MariaDB came is in the outbox or in MariaDB.
    Introduced,
}

impl Fact {
    const fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Seq => "seq",
            Self::Drained => "drained",
            Self::JournalHigh => "journal_high",
            Self::JournalLow => "journal_low",
            Self::Introduced => "introduced",
        }
    }
}

/// Makes the tables that are missing.
pub fn make_tables(write: &WriteTransaction) -> Result<(), JournalError> {
    write.open_table(OUTBOX)?;
    write.open_table(APPLIED)?;
    write.open_table(RECENT)?;
    write.open_table(CHARACTER_REVISIONS)?;
    write.open_table(ACCOUNT_REVISIONS)?;
    write.open_table(META)?;
    write.open_table(INCARNATIONS)?;
    Ok(())
}

/// A fact; 0 if it was never set.
pub fn fact(read: &ReadTransaction, fact: Fact) -> Result<u64, JournalError> {
    Ok(read.open_table(META)?.get(fact.name())?.map_or(0, |row| row.value()))
}

/// The same while something is being written.
pub fn fact_now(write: &WriteTransaction, fact: Fact) -> Result<u64, JournalError> {
    Ok(write.open_table(META)?.get(fact.name())?.map_or(0, |row| row.value()))
}

/// Sets a fact.
pub fn set_fact(write: &WriteTransaction, fact: Fact, value: u64) -> Result<(), JournalError> {
    write.open_table(META)?.insert(fact.name(), value)?;
    Ok(())
}

/// The `seq` of a transaction, if it was applied and is remembered.
pub fn applied(write: &WriteTransaction, id: TransactionId) -> Result<Option<u64>, JournalError> {
    Ok(write.open_table(APPLIED)?.get(id.0)?.map(|row| row.value()))
}

/// The same of what can be read.
pub fn is_applied(read: &ReadTransaction, id: TransactionId) -> Result<Option<u64>, JournalError> {
    Ok(read.open_table(APPLIED)?.get(id.0)?.map(|row| row.value()))
}

/// A transaction is in these books: it gets a number, and if there is somebody to tell, a place in the outbox.
pub fn post(
    write: &WriteTransaction,
    transaction: &Transaction,
    books: &Books,
    at_ms: u64,
    is_attached: bool,
) -> Result<u64, JournalError> {
    let seq = next_seq(write)?;
    write.open_table(APPLIED)?.insert(transaction.id.0, seq)?;
    write.open_table(RECENT)?.insert(seq, transaction.id.0)?;
    let mut revisions = write.open_table(CHARACTER_REVISIONS)?;
    for character in Books::touched(transaction) {
        revisions.insert(character.0, seq)?;
    }
    let mut revisions = write.open_table(ACCOUNT_REVISIONS)?;
    for (account, _) in Books::touched_rosters(transaction) {
        revisions.insert(account.0, seq)?;
    }
    if is_attached {
        put(write, &Posting::of(seq, at_ms, transaction, books))?;
    }
    Ok(seq)
}

/// The number of what comes now.
pub fn next_seq(write: &WriteTransaction) -> Result<u64, JournalError> {
    let seq = fact_now(write, Fact::Seq)? + 1;
    set_fact(write, Fact::Seq, seq)?;
    Ok(seq)
}

/// Puts a posting into the outbox.
pub fn put(write: &WriteTransaction, posting: &Posting) -> Result<(), JournalError> {
    let bytes = sealed::write(OUTBOX_NAME, &posting.seq.to_le_bytes(), posting);
    write.open_table(OUTBOX)?.insert(posting.seq, bytes.as_slice())?;
    Ok(())
}

/// The postings after `seq`, in order, at most so many; and of the first that cannot be read, which and why: those behind it
/// are not handed out.
pub fn after(read: &ReadTransaction, seq: u64, max: usize) -> Result<(Vec<Posting>, Option<Torn>), JournalError> {
    let mut postings = Vec::new();
    for row in read.open_table(OUTBOX)?.range(seq + 1..)?.take(max) {
        let (seq, row) = row?;
        match read_posting(seq.value(), row.value()) {
            Ok(posting) => postings.push(posting),
            Err(error) => return Ok((postings, Some(Torn::of(seq.value(), &error)))),
        }
    }
    Ok((postings, None))
}

/// All that cannot be read.
pub fn unreadable(read: &ReadTransaction) -> Result<Vec<Torn>, JournalError> {
    let mut torn = Vec::new();
    for row in read.open_table(OUTBOX)?.iter()? {
        let (seq, row) = row?;
        torn.extend(read_posting(seq.value(), row.value()).err().map(|error| Torn::of(seq.value(), &error)));
    }
    Ok(torn)
}

/// A row as it is read.
pub fn read_posting(seq: u64, bytes: &[u8]) -> Result<Posting, SealError> {
    sealed::read(OUTBOX_NAME, &seq.to_le_bytes(), bytes)
}

/// Why nothing more is taken.
pub fn full() -> String {
    format!("the outbox is full: MariaDB has not taken the last {WAITING_MAX} transactions")
}

/// Postings that wait.
pub fn waiting(read: &ReadTransaction) -> Result<u64, JournalError> {
    Ok(read.open_table(OUTBOX)?.len()?)
}

/// The same while something is being written.
pub fn waiting_now(write: &WriteTransaction) -> Result<u64, JournalError> {
    Ok(write.open_table(OUTBOX)?.len()?)
}

/// Everything up to `seq` is where it is to be.
pub fn trim(write: &WriteTransaction, seq: u64) -> Result<(), JournalError> {
    if seq <= fact_now(write, Fact::Drained)? {
        return Ok(());
    }
    set_fact(write, Fact::Drained, seq)?;
    write.open_table(OUTBOX)?.retain_in(..=seq, |_, _| false)?;
    Ok(())
}

/// Forgets the oldest transactions that nobody will ask for again.
pub fn forget_old(write: &WriteTransaction, is_attached: bool) -> Result<(), JournalError> {
    let newest = fact_now(write, Fact::Seq)?;
    let drained = if is_attached { fact_now(write, Fact::Drained)? } else { newest };
    let before = newest.saturating_sub(APPLIED_KEPT).min(drained);
    let mut recent = write.open_table(RECENT)?;
    let old: Vec<(u64, u128)> = recent
        .range(..before)?
        .take(FORGOTTEN_MAX)
        .map(|row| row.map(|(seq, id)| (seq.value(), id.value())))
        .collect::<Result<_, _>>()?;
    let mut applied = write.open_table(APPLIED)?;
    for (seq, id) in old {
        recent.remove(seq)?;
        applied.remove(id)?;
    }
    Ok(())
}

/// The `seq` that touched a character last; 0 of one that nothing has touched.
pub fn revision(read: &ReadTransaction, character: CharacterId) -> Result<u64, JournalError> {
    Ok(read.open_table(CHARACTER_REVISIONS)?.get(character.0)?.map_or(0, |row| row.value()))
}

/// The same of an account.
pub fn account_revision(read: &ReadTransaction, account: AccountId) -> Result<u64, JournalError> {
    Ok(read.open_table(ACCOUNT_REVISIONS)?.get(account.0)?.map_or(0, |row| row.value()))
}

/// The same while something is being written.
pub fn revision_now(write: &WriteTransaction, character: CharacterId) -> Result<u64, JournalError> {
    Ok(write.open_table(CHARACTER_REVISIONS)?.get(character.0)?.map_or(0, |row| row.value()))
}

/// As above, of an account.
pub fn account_revision_now(write: &WriteTransaction, account: AccountId) -> Result<u64, JournalError> {
    Ok(write.open_table(ACCOUNT_REVISIONS)?.get(account.0)?.map_or(0, |row| row.value()))
}

/// A character was taken over as another journal left it.
pub fn set_revision(write: &WriteTransaction, character: CharacterId, revision: u64) -> Result<(), JournalError> {
    write.open_table(CHARACTER_REVISIONS)?.insert(character.0, revision)?;
    raise_seq(write, revision)
}

/// The same of an account.
pub fn set_account_revision(write: &WriteTransaction, account: AccountId, revision: u64) -> Result<(), JournalError> {
    write.open_table(ACCOUNT_REVISIONS)?.insert(account.0, revision)?;
    raise_seq(write, revision)
}

/// Numbers go on above this one.
pub fn raise_seq(write: &WriteTransaction, above: u64) -> Result<(), JournalError> {
    let seq = fact_now(write, Fact::Seq)?;
    set_fact(write, Fact::Seq, seq.max(above))
}

/// Puts starts by, for when MariaDB cannot be asked.
pub fn store_incarnations(write: &WriteTransaction, incarnations: &[u32]) -> Result<(), JournalError> {
    let mut table = write.open_table(INCARNATIONS)?;
    for &incarnation in incarnations {
        table.insert(incarnation, ())?;
    }
    Ok(())
}

/// Takes the lowest start that was put by.
pub fn take_incarnation(write: &WriteTransaction) -> Result<Option<u32>, JournalError> {
    Ok(write.open_table(INCARNATIONS)?.pop_first()?.map(|(incarnation, _)| incarnation.value()))
}

/// Starts that are put by.
pub fn incarnations(read: &ReadTransaction) -> Result<u64, JournalError> {
    Ok(read.open_table(INCARNATIONS)?.len()?)
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
