//! A checkpoint as it lies in the journal: a fixed header that proves it whole, then the realm's own bytes.

use super::packing::Packing;
use protocol::CharacterId;
use std::borrow::Cow;
use thiserror::Error;

/// Layout: version (u16), revision (u64), crc32 (u32), packing (u8; not in version 1), bytes; little-endian. The checksum covers
/// the character, the version, the revision and all that follows it, so that a record cannot pass for another character's.
const VERSION: u16 = 2;
/// Its bytes follow the checksum, as they are.
const VERSION_UNPACKED: u16 = 1;
const REVISION_AT: usize = 2;
const CRC_AT: usize = 10;
const HEADER_BYTES: usize = 14;
/// The bytes are as they are.
const PLAIN: u8 = 0;
/// The bytes are a length (u32) and an LZ4 block.
const LZ4: u8 = 1;
/// Longer ones are packed: below it, a block saves less than a page of the journal holds anyway.
const PLAIN_BYTES_MAX: usize = 512;
/// Most bytes that a record unpacks to: far above any checkpoint, and little enough to be claimed by a damaged one.
const BYTES_MAX: usize = 1 << 20;

/// Why a stored record cannot be used. The disk, or whoever edited it, is at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Shorter than its header.
    #[error("the record is cut off after {0} bytes")]
    Short(usize),
    /// Written by another, probably newer, build.
    #[error("the record has version {0}; this build reads versions up to {VERSION}")]
    Version(u16),
    /// The bytes are not those that were written.
    #[error("the record is damaged (checksum {found:08x}, expected {expected:08x})")]
    Checksum {
        /// Of what is there.
        found: u32,
        /// As written.
        expected: u32,
    },
    /// It is whole, and says what no build writes.
    #[error("the record cannot be unpacked")]
    Packing,
}

/// Writes a record over `into`, and counts what is packed.
///
/// # Panics
/// If there are more than [`BYTES_MAX`] bytes: no build would read them again.
pub fn encode(character: CharacterId, revision: u64, bytes: &[u8], into: &mut Vec<u8>, packing: &mut Packing) {
    assert!(bytes.len() <= BYTES_MAX, "a checkpoint of {} bytes", bytes.len());
    into.clear();
    into.extend_from_slice(&VERSION.to_le_bytes());
    into.extend_from_slice(&revision.to_le_bytes());
    into.extend_from_slice(&[0; HEADER_BYTES - CRC_AT]);
    let packed = (bytes.len() > PLAIN_BYTES_MAX).then(|| packing.pack(bytes));
    match packed.filter(|packed| packed.len() < bytes.len()) {
        Some(packed) => {
            into.push(LZ4);
            into.extend_from_slice(&packed);
        }
        None => {
            into.push(PLAIN);
            into.extend_from_slice(bytes);
        }
    }
    let checksum = checksum(character, VERSION, revision, &into[HEADER_BYTES..]);
    into[CRC_AT..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
}

/// Revision and bytes of a record.
///
/// # Errors
/// [`RecordError`] when it is not exactly what was written for this character.
pub fn decode(character: CharacterId, record: &[u8]) -> Result<(u64, Cow<'_, [u8]>), RecordError> {
    let Some((header, bytes)) = record.split_at_checked(HEADER_BYTES) else {
        return Err(RecordError::Short(record.len()));
    };
    let version = u16::from_le_bytes(header[..REVISION_AT].try_into().expect("two bytes"));
    if !(VERSION_UNPACKED..=VERSION).contains(&version) {
        return Err(RecordError::Version(version));
    }
    let revision = u64::from_le_bytes(header[REVISION_AT..CRC_AT].try_into().expect("eight bytes"));
    let expected = u32::from_le_bytes(header[CRC_AT..].try_into().expect("four bytes"));
    let found = checksum(character, version, revision, bytes);
    if found != expected {
        return Err(RecordError::Checksum { found, expected });
    }
    if version == VERSION_UNPACKED {
        return Ok((revision, Cow::Borrowed(bytes)));
    }
    unpack(bytes).map(|bytes| (revision, bytes)).ok_or(RecordError::Packing)
}

fn unpack(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    match bytes.split_first()? {
        (&PLAIN, plain) => Some(Cow::Borrowed(plain)),
        (&LZ4, packed) => {
            let (len, _) = packed.split_first_chunk()?;
            // What is claimed is not asked of memory before it is looked at.
            (u32::from_le_bytes(*len) as usize <= BYTES_MAX)
                .then(|| lz4_flex::block::decompress_size_prepended(packed).ok().map(Cow::Owned))?
        }
        _ => None,
    }
}

fn checksum(character: CharacterId, version: u16, revision: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&character.0.to_le_bytes());
    hasher.update(&version.to_le_bytes());
    hasher.update(&revision.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: CharacterId = CharacterId(7);

    fn record_of(bytes: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        encode(ANN, 42, bytes, &mut record, &mut Packing::default());
        record
    }

    fn read(record: &[u8]) -> Result<(u64, Vec<u8>), RecordError> {
        decode(ANN, record).map(|(revision, bytes)| (revision, bytes.into_owned()))
    }

    #[test]
    fn a_record_comes_back_as_it_was_written_and_a_long_one_is_short_on_the_disk() {
        assert_eq!(read(&record_of(b"here")), Ok((42, b"here".to_vec())));
        let long: Vec<u8> = (0..2_000_u32).map(|number| (number / 100) as u8).collect();
        assert_eq!(read(&record_of(&long)), Ok((42, long.clone())));
        assert!(record_of(&long).len() < 200, "{}", record_of(&long).len());
        let noise: Vec<u8> = (0..2_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert_eq!(read(&record_of(&noise)), Ok((42, noise.clone())));
        assert!(record_of(&noise).len() <= noise.len() + HEADER_BYTES + 1, "what cannot be packed is as it is");
        let edge = vec![0; PLAIN_BYTES_MAX];
        assert_eq!(record_of(&edge).len(), HEADER_BYTES + 1 + PLAIN_BYTES_MAX, "nor what is short");
    }

    /// These bytes lie in journals.
    #[test]
    fn a_record_of_the_first_version_is_still_read() {
        let first = [&[1, 0, 42, 0, 0, 0, 0, 0, 0, 0, 203, 5, 166, 50][..], b"here"].concat();
        assert_eq!(read(&first), Ok((42, b"here".to_vec())));
    }

    #[test]
    fn any_changed_byte_any_cut_and_any_other_owner_is_noticed() {
        for record in [record_of(b"here"), record_of(&[7; 600])] {
            for at in 0..record.len() {
                let mut damaged = record.clone();
                damaged[at] ^= 0x10;
                assert!(decode(ANN, &damaged).is_err(), "byte {at}");
                assert!(decode(ANN, &record[..at]).is_err(), "cut at {at}");
            }
            assert!(decode(CharacterId(8), &record).is_err());
        }
    }

    #[test]
    fn a_newer_version_is_called_by_its_number() {
        let mut newer = record_of(b"here");
        newer[0] = 3;
        assert_eq!(read(&newer), Err(RecordError::Version(3)));
    }

    #[test]
    fn what_no_build_writes_is_refused_before_it_asks_for_memory() {
        let huge = [&[LZ4][..], &u32::MAX.to_le_bytes(), &[0; 9]].concat();
        for packing in [&[][..], &[9, 1], &[LZ4, 1], &huge] {
            let mut record = record_of(b"");
            record.truncate(HEADER_BYTES);
            record.extend_from_slice(packing);
            let checksum = checksum(ANN, VERSION, 42, packing);
            record[CRC_AT..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
            assert_eq!(read(&record), Err(RecordError::Packing), "{packing:?}");
        }
    }
}
