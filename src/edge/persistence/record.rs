//! A checkpoint as it lies in the journal: a fixed header that proves it whole, then the realm's own bytes.

use protocol::CharacterId;
use thiserror::Error;

/// Layout: version (u16), revision (u64), crc32 (u32), bytes; little-endian. The checksum covers the character, the
/// version, the revision and the bytes, so that a record cannot pass for another character's.
const VERSION: u16 = 1;
const REVISION_AT: usize = 2;
const CRC_AT: usize = 10;
const HEADER_BYTES: usize = 14;

/// Why a stored record cannot be used. The disk, or whoever edited it, is at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Shorter than its header.
    #[error("the record is cut off after {0} bytes")]
    Short(usize),
    /// Written by another, probably newer, build.
    #[error("the record has version {0}; this build reads version {VERSION}")]
    Version(u16),
    /// The bytes are not those that were written.
    #[error("the record is damaged (checksum {found:08x}, expected {expected:08x})")]
    Checksum {
        /// Of what is there.
        found: u32,
        /// As written.
        expected: u32,
    },
}

/// Writes a record over `into`.
pub fn encode(character: CharacterId, revision: u64, bytes: &[u8], into: &mut Vec<u8>) {
    into.clear();
    into.extend_from_slice(&VERSION.to_le_bytes());
    into.extend_from_slice(&revision.to_le_bytes());
    into.extend_from_slice(&checksum(character, revision, bytes).to_le_bytes());
    into.extend_from_slice(bytes);
}

/// Revision and bytes of a record.
///
/// # Errors
/// [`RecordError`] when it is not exactly what was written for this character.
pub fn decode(character: CharacterId, record: &[u8]) -> Result<(u64, &[u8]), RecordError> {
    let Some((header, bytes)) = record.split_at_checked(HEADER_BYTES) else {
        return Err(RecordError::Short(record.len()));
    };
    let version = u16::from_le_bytes(header[..REVISION_AT].try_into().expect("two bytes"));
    if version != VERSION {
        return Err(RecordError::Version(version));
    }
    let revision = u64::from_le_bytes(header[REVISION_AT..CRC_AT].try_into().expect("eight bytes"));
    let expected = u32::from_le_bytes(header[CRC_AT..].try_into().expect("four bytes"));
    let found = checksum(character, revision, bytes);
    if found == expected { Ok((revision, bytes)) } else { Err(RecordError::Checksum { found, expected }) }
}

fn checksum(character: CharacterId, revision: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&character.0.to_le_bytes());
    hasher.update(&VERSION.to_le_bytes());
    hasher.update(&revision.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: CharacterId = CharacterId(7);

    fn record() -> Vec<u8> {
        let mut record = Vec::new();
        encode(ANN, 42, b"here", &mut record);
        record
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        assert_eq!(decode(ANN, &record()), Ok((42, &b"here"[..])));
    }

    #[test]
    fn any_changed_byte_any_cut_and_any_other_owner_is_noticed() {
        for at in 0..record().len() {
            let mut damaged = record();
            damaged[at] ^= 0x10;
            assert!(decode(ANN, &damaged).is_err(), "byte {at}");
            assert!(decode(ANN, &record()[..at]).is_err(), "cut at {at}");
        }
        assert!(decode(CharacterId(8), &record()).is_err());
    }

    #[test]
    fn a_newer_version_is_called_by_its_number() {
        let mut newer = record();
        newer[0] = 2;
        assert_eq!(decode(ANN, &newer), Err(RecordError::Version(2)));
    }
}
