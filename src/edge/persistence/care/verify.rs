//! Whether a journal is whole, and what it holds.

use super::sign;
use crate::edge::clock;
use crate::edge::persistence::journal::{Balance, Inventory, JOURNAL_FILE, Journal, JournalError, OpenError, SetAside};
use std::fmt::Write;
use std::path::Path;
use thiserror::Error;

/// Why it could not be looked through.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The file.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is in it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Looks through the journal of a data directory that no server uses, row by row.
///
/// # Errors
/// It is in use, damaged or not of this build.
pub fn verify(data_dir: &Path) -> Result<Inventory, VerifyError> {
    let mut journal = Journal::open_existing(&data_dir.join(JOURNAL_FILE))?;
    sign(data_dir);
    Ok(journal.inventory()?)
}

/// Sets the postings aside that cannot be read, in the journal of a data directory that no server uses.
///
/// # Errors
/// As above; then nothing was changed.
pub fn set_aside_unreadable(data_dir: &Path) -> Result<SetAside, VerifyError> {
    let mut journal = Journal::open_existing(&data_dir.join(JOURNAL_FILE))?;
    sign(data_dir);
    Ok(journal.set_aside_unreadable(clock::unix_ms())?)
}

/// What was found, for people: a line for each figure, then one for each row that cannot be used.
#[must_use]
pub fn table(of: &Inventory) -> String {
    let balance = match of.balance {
        Balance::Even => "in balance: as much as was made",
        Balance::Shared => "shared with other servers through MariaDB, which has the sums",
        Balance::Off => "NOT in balance: something was made or lost in silence",
        Balance::Unknown => "not known: a row that counts cannot be read",
    };
    let mariadb = if of.is_introduced { format!("all up to {}", of.drained) } else { "never told".to_owned() };
    let rows = [
        ("layout", of.layout.to_string()),
        ("name", format!("{:032x}", of.journal)),
        ("newest", format!("transaction {}", of.seq)),
        ("MariaDB has", mariadb),
        ("outbox", format!("{} postings wait", of.outbox)),
        ("set aside", format!("{} postings that could not be read", of.set_aside)),
        ("remembered", format!("{} transactions", of.applied)),
        ("accounts", format!("{} with characters", of.rosters)),
        ("characters", of.characters.to_string()),
        ("names", of.names.to_string()),
        ("checkpoints", of.checkpoints.to_string()),
        ("world", of.world.map_or_else(|| "none saved".to_owned(), |upto| format!("saved after transaction {upto}"))),
        ("ground", format!("{} items and heaps", of.ground)),
        ("coins", of.coins.to_string()),
        ("items", of.items.to_string()),
        ("coins, items", balance.to_owned()),
        ("leases", of.leases.to_string()),
        ("starts", format!("{} made, {} put by", of.starts, of.incarnations)),
        ("unreadable", format!("{} rows", of.unreadable_rows)),
    ];
    let mut table = String::new();
    for (name, text) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{name:<14} {text}");
    }
    for row in &of.unreadable {
        let _ = writeln!(table, "unreadable: {row}");
    }
    table
}
