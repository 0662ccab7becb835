//! The newest checkpoint of every character, and which of them MariaDB has.

use super::packing::Packing;
use super::record::{self, RecordError};
use super::{JournalError, Save};
use protocol::CharacterId;
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use server::Saved;
use std::collections::BTreeMap;

/// Character id to record.
pub const CHECKPOINTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("checkpoints");
/// Character id to the revision that MariaDB has of it; none of one that it has never had.
pub const SENT: TableDefinition<'_, u64, u64> = TableDefinition::new("sent");

/// Makes the tables that are missing.
pub fn make_tables(write: &WriteTransaction) -> Result<(), JournalError> {
    write.open_table(CHECKPOINTS)?;
    write.open_table(SENT)?;
    Ok(())
}

/// Writes those that may be written; of each, why it must not.
pub fn save(
    write: &WriteTransaction,
    saves: &[Save],
    bytes: &mut Vec<u8>,
    packing: &mut Packing,
) -> Result<Vec<Option<String>>, JournalError> {
    let mut table = write.open_table(CHECKPOINTS)?;
    let mut refused = Vec::with_capacity(saves.len());
    for save in saves {
        let newest =
            table.get(save.character.0)?.map(|stored| record::decode(save.character, stored.value()).map(|(r, _)| r));
        refused.push(match newest {
            Some(Err(error)) => {
                Some(format!("what is saved now is unusable and is kept for whoever repairs it: {error}"))
            }
            Some(Ok(newest)) if newest > save.revision => {
                Some(format!("revision {} is older than revision {newest}, which is saved", save.revision))
            }
            _ => {
                record::encode(save.character, save.revision, &save.bytes, bytes, packing);
                table.insert(save.character.0, bytes.as_slice())?;
                None
            }
        });
    }
    Ok(refused)
}

/// Whether there is one of a character, usable or not.
pub fn is_there(write: &WriteTransaction, character: CharacterId) -> Result<bool, JournalError> {
    Ok(write.open_table(CHECKPOINTS)?.get(character.0)?.is_some())
}

/// Whoever is gone was last seen nowhere.
pub fn forget(write: &WriteTransaction, character: CharacterId) -> Result<(), JournalError> {
    write.open_table(CHECKPOINTS)?.remove(character.0)?;
    write.open_table(SENT)?.remove(character.0)?;
    Ok(())
}

/// MariaDB has these.
pub fn mark_sent(write: &WriteTransaction, sent: &[(CharacterId, u64)]) -> Result<(), JournalError> {
    let mut table = write.open_table(SENT)?;
    for &(character, revision) in sent {
        table.insert(character.0, revision)?;
    }
    Ok(())
}

/// Those that MariaDB does not have, with their revisions. Unusable ones are not sent, and not counted here.
pub fn unsent(read: &ReadTransaction) -> Result<BTreeMap<CharacterId, u64>, JournalError> {
    let sent = read.open_table(SENT)?;
    let mut unsent = BTreeMap::new();
    for row in read.open_table(CHECKPOINTS)?.iter()? {
        let (character, row) = row?;
        let (id, known) = (character.value(), sent.get(character.value())?.map_or(0, |row| row.value()));
        if let Ok((revision, _)) = record::decode(CharacterId(id), row.value())
            && revision > known
        {
            unsent.insert(CharacterId(id), revision);
        }
    }
    Ok(unsent)
}

/// The newest of a character, if there is one.
pub fn load(
    read: &ReadTransaction,
    character: CharacterId,
) -> Result<Result<Option<Saved>, RecordError>, JournalError> {
    let table = read.open_table(CHECKPOINTS)?;
    let Some(stored) = table.get(character.0)? else { return Ok(Ok(None)) };
    let saved = record::decode(character, stored.value());
    Ok(saved.map(|(revision, bytes)| Some(Saved { revision, bytes: bytes.into_owned() })))
}

/// The same as it lies there, for other stores; none if it is unusable.
pub fn record_of(read: &ReadTransaction, character: CharacterId) -> Result<Option<(u64, Vec<u8>)>, JournalError> {
    let table = read.open_table(CHECKPOINTS)?;
    let Some(stored) = table.get(character.0)? else { return Ok(None) };
    let revision = record::decode(character, stored.value()).ok().map(|(revision, _)| revision);
    Ok(revision.map(|revision| (revision, stored.value().to_vec())))
}
