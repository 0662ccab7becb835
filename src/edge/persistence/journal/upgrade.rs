//! Journals of older builds become such as this one writes, in one transaction: all of it or nothing.

use super::estates::{ESTATES, GROUND, ROSTERS, SUMS};
use super::{JournalError, outbox, sealed};
use game::{AccountRow, Estate, GroundRow, Row, SumsRow};
use redb::{ReadableTable, TableDefinition, TableHandle, WriteTransaction};

/// Transactions that the first layout remembered, all of them for ever.
const APPLIED_FIRST: TableDefinition<'_, u128, ()> = TableDefinition::new("applied");

/// Whether the file has tables of the first layout, which did not say so.
pub fn is_first(write: &WriteTransaction) -> Result<bool, JournalError> {
    Ok(write.list_tables()?.any(|table| table.name() == APPLIED_FIRST.name()))
}

/// From the first layout to the second: rows get checksums, and applied transactions a number. A row that cannot be read stays
/// as it is: it is one character's trouble now as it was then.
pub fn from_first(write: &WriteTransaction) -> Result<(), JournalError> {
    seal_all::<AccountRow>(write, ROSTERS)?;
    seal_all::<Estate>(write, ESTATES)?;
    seal_all::<GroundRow>(write, GROUND)?;
    let mut sums = write.open_table(SUMS)?;
    let row = sums.get(0)?.and_then(|row| SumsRow::from_bytes(row.value()).ok());
    if let Some(row) = row {
        sums.insert(0, sealed::write(SUMS.name(), &0_u64.to_le_bytes(), &row).as_slice())?;
    }
    // Whoever asked for them has long been answered: the process that did is gone.
    write.delete_table(APPLIED_FIRST)?;
    outbox::set_fact(write, outbox::Fact::Format, outbox::FORMAT)
}

fn seal_all<R: Row>(
    write: &WriteTransaction,
    definition: TableDefinition<'static, u64, &'static [u8]>,
) -> Result<(), JournalError> {
    let mut table = write.open_table(definition)?;
    let mut rows = Vec::new();
    for row in table.iter()? {
        let (key, row) = row?;
        if let Ok(row) = R::from_bytes(row.value()) {
            rows.push((key.value(), row));
        }
    }
    for (key, row) in rows {
        table.insert(key, sealed::write(definition.name(), &key.to_le_bytes(), &row).as_slice())?;
    }
    Ok(())
}
