//! Which characters are this server's to write, as MariaDB has said. Survives a restart: whoever is in here can come back
//! while MariaDB is away.

use super::JournalError;
use protocol::CharacterId;
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use std::collections::BTreeMap;

/// Character id to the epoch of its lease.
pub const LEASES: TableDefinition<'_, u64, u64> = TableDefinition::new("leases");

/// Makes the table if it is missing.
pub fn make_table(write: &WriteTransaction) -> Result<(), JournalError> {
    write.open_table(LEASES)?;
    Ok(())
}

/// These are ours from now on.
pub fn take(write: &WriteTransaction, taken: &[(CharacterId, u64)]) -> Result<(), JournalError> {
    let mut leases = write.open_table(LEASES)?;
    for &(character, epoch) in taken {
        leases.insert(character.0, epoch)?;
    }
    Ok(())
}

/// These are not ours any more. On disk before MariaDB hears of it: the reverse would let two servers believe that one is
/// theirs.
pub fn give_up(write: &WriteTransaction, given_up: &[CharacterId]) -> Result<(), JournalError> {
    let mut leases = write.open_table(LEASES)?;
    for character in given_up {
        leases.remove(character.0)?;
    }
    Ok(())
}

/// All that are ours.
pub fn all(read: &ReadTransaction) -> Result<BTreeMap<CharacterId, u64>, JournalError> {
    let mut all = BTreeMap::new();
    for row in read.open_table(LEASES)?.iter()? {
        let (character, epoch) = row?;
        all.insert(CharacterId(character.value()), epoch.value());
    }
    Ok(all)
}
