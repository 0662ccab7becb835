//! Rows with a checksum: a bit that the disk has turned is one row's trouble and is noticed when the row is read.
//!
//! The database has checksums of its own over its pages; it looks at them when it mends itself and when it is asked to
//! (`throng verify`), not at every read.

use game::Row;
use thiserror::Error;

/// The checksum in front of the row.
const CRC_BYTES: usize = 4;

/// Why a row cannot be used. The disk, or whoever edited it, is at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// Not even a checksum.
    #[error("the row is cut off after {0} bytes")]
    Short(usize),
    /// The bytes are not those that were written, or were written for another row.
    #[error("the row is damaged (checksum {found:08x}, expected {expected:08x})")]
    Checksum {
        /// Of what is there.
        found: u32,
        /// As written.
        expected: u32,
    },
    /// It is whole, and of another build.
    #[error(transparent)]
    Row(#[from] game::RecordError),
}

/// The bytes of a row of `table` under `key`.
pub fn write<R: Row>(table: &str, key: &[u8], row: &R) -> Vec<u8> {
    let mut bytes = vec![0; CRC_BYTES];
    row.to_bytes(&mut bytes);
    let crc = checksum(table, key, &bytes[CRC_BYTES..]);
    bytes[..CRC_BYTES].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The row that [`write`] wrote.
///
/// # Errors
/// [`SealError`] for anything but exactly that.
pub fn read<R: Row>(table: &str, key: &[u8], bytes: &[u8]) -> Result<R, SealError> {
    let (crc, row) = bytes.split_first_chunk::<CRC_BYTES>().ok_or(SealError::Short(bytes.len()))?;
    let (expected, found) = (u32::from_le_bytes(*crc), checksum(table, key, row));
    if found != expected {
        return Err(SealError::Checksum { found, expected });
    }
    Ok(R::from_bytes(row)?)
}

/// Also over where it lies, so that a row cannot pass for another one.
fn checksum(table: &str, key: &[u8], row: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(table.as_bytes());
    hasher.update(&[0]);
    hasher.update(key);
    hasher.update(row);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::Estate;

    #[test]
    fn any_changed_bit_any_cut_and_any_other_place_is_noticed() {
        let estate = Estate { coins: 70_000, ..Estate::default() };
        let bytes = write("estates", &[7], &estate);
        assert_eq!(read::<Estate>("estates", &[7], &bytes), Ok(estate));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read::<Estate>("estates", &[7], &damaged).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(read::<Estate>("estates", &[7], &bytes[..len]).is_err(), "{len} bytes");
        }
        assert!(read::<Estate>("estates", &[8], &bytes).is_err(), "it is of another one");
        assert!(read::<Estate>("ground", &[7], &bytes).is_err(), "it is of another table");
    }
}
