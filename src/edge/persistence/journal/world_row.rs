//! The world as it was saved last: one row, written over by the next.

use super::JournalError;
use super::packing::Packing;
use redb::{ReadTransaction, TableDefinition, WriteTransaction};
use server::SavedWorld;
use thiserror::Error;

/// One row, number 0. Layout: version (u16), transaction (u64), crc32 (u32) of version, transaction and all that follows,
/// length (u32), LZ4 block; little-endian.
pub const WORLD: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("world");
const VERSION: u16 = 1;
const UPTO_AT: usize = 2;
const CRC_AT: usize = 10;
const HEADER_BYTES: usize = 14;
/// Longest image that is read: 1 KiB for each of the most entities. A damaged length asks for no more.
const BYTES_MAX: usize = 64 << 20;

/// Why a saved world cannot be read. The disk, or whoever edited it, is at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WorldError {
    /// Shorter than its header.
    #[error("the saved world is cut off after {0} bytes")]
    Short(usize),
    /// Written by another, probably newer, build.
    #[error("the saved world has version {0}; this build reads version {VERSION}")]
    Version(u16),
    /// The bytes are not those that were written.
    #[error("the saved world is damaged (checksum {found:08x}, expected {expected:08x})")]
    Checksum {
        /// Of what is there.
        found: u32,
        /// As written.
        expected: u32,
    },
    /// It is whole, and says what no build writes.
    #[error("the saved world cannot be unpacked")]
    Packing,
}

/// Makes the table if it is missing.
pub fn make_tables(write: &WriteTransaction) -> Result<(), JournalError> {
    write.open_table(WORLD)?;
    Ok(())
}

/// Writes an image over the last one, and counts what is packed.
pub fn save(write: &WriteTransaction, upto: u64, image: &[u8], packing: &mut Packing) -> Result<(), JournalError> {
    write.open_table(WORLD)?.insert(0, encode(upto, image, packing).as_slice())?;
    Ok(())
}

/// The image, if there is one.
pub fn load(read: &ReadTransaction) -> Result<Result<Option<SavedWorld>, WorldError>, JournalError> {
    let row = read.open_table(WORLD)?.get(0)?;
    Ok(row.map(|row| decode(row.value())).transpose())
}

fn encode(upto: u64, image: &[u8], packing: &mut Packing) -> Vec<u8> {
    let packed = packing.pack(image);
    let mut row = Vec::with_capacity(HEADER_BYTES + packed.len());
    row.extend_from_slice(&VERSION.to_le_bytes());
    row.extend_from_slice(&upto.to_le_bytes());
    row.extend_from_slice(&checksum(&row, &packed).to_le_bytes());
    row.extend_from_slice(&packed);
    row
}

fn decode(row: &[u8]) -> Result<SavedWorld, WorldError> {
    let Some((header, packed)) = row.split_at_checked(HEADER_BYTES) else { return Err(WorldError::Short(row.len())) };
    let version = u16::from_le_bytes(header[..UPTO_AT].try_into().expect("two bytes"));
    if version != VERSION {
        return Err(WorldError::Version(version));
    }
    let expected = u32::from_le_bytes(header[CRC_AT..].try_into().expect("four bytes"));
    let found = checksum(&header[..CRC_AT], packed);
    if found != expected {
        return Err(WorldError::Checksum { found, expected });
    }
    let upto = u64::from_le_bytes(header[UPTO_AT..CRC_AT].try_into().expect("eight bytes"));
    unpack(packed).map(|bytes| SavedWorld { upto, bytes }).ok_or(WorldError::Packing)
}

/// What is claimed is not asked of memory before it is looked at.
fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let (len, _) = packed.split_first_chunk()?;
    let is_possible = u32::from_le_bytes(*len) as usize <= BYTES_MAX;
    is_possible.then(|| lz4_flex::block::decompress_size_prepended(packed).ok())?
}

fn checksum(head: &[u8], packed: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(packed);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::super::Journal;
    use super::*;

    fn row_of(image: &[u8]) -> Vec<u8> {
        encode(7, image, &mut Packing::default())
    }

    fn image() -> Vec<u8> {
        (0..9_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect()
    }

    #[test]
    fn the_newest_world_is_there_after_the_file_is_opened_again_and_is_short_on_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!(journal.world().unwrap(), Ok(None));
        journal.save_world(6, b"before").unwrap();
        journal.save_world(7, &image()).unwrap();
        drop(journal);
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!(journal.world().unwrap(), Ok(Some(SavedWorld { upto: 7, bytes: image() })));
        assert!(row_of(&image()).len() < image().len() / 2, "{}", row_of(&image()).len());
    }

    #[test]
    fn any_changed_byte_and_any_cut_is_noticed() {
        let row = row_of(b"a world, a world, a world, a world");
        assert!(decode(&row).is_ok());
        for at in 0..row.len() {
            let mut damaged = row.clone();
            damaged[at] ^= 0x10;
            assert!(decode(&damaged).is_err(), "byte {at}");
            assert!(decode(&row[..at]).is_err(), "cut at {at}");
        }
        assert!(decode(&[&row[..], &[0]].concat()).is_err());
    }

    #[test]
    fn a_newer_version_is_called_by_its_number_and_a_huge_claim_asks_for_no_memory() {
        let mut row = row_of(b"a world");
        row[0] = 2;
        assert_eq!(decode(&row), Err(WorldError::Version(2)));
        let mut row = row_of(b"a world");
        row[HEADER_BYTES..HEADER_BYTES + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let crc = checksum(&row[..CRC_AT], &row[HEADER_BYTES..]);
        row[CRC_AT..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(decode(&row), Err(WorldError::Packing));
    }
}
