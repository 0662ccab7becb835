//! Values of the log as bytes: bincode with variable-length integers, and a limit on what reading may ask for.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Most bytes of one value: a record is no longer.
const BYTES_MAX: usize = 256 << 20;

const CONFIG: Configuration<LittleEndian, Varint, Limit<BYTES_MAX>> =
    bincode::config::standard().with_limit::<BYTES_MAX>();

/// Appends a value.
///
/// # Panics
/// If it is larger than a record may be: whoever keeps such a value bounds it.
pub fn put<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) {
    let written = bincode::serde::encode_into_std_write(value, bytes, CONFIG);
    assert!(written.is_ok(), "a value over its limit: {written:?}");
}

/// Takes a value from the front of `bytes`; `None` if they are not one.
pub fn take<T: DeserializeOwned>(bytes: &mut &[u8]) -> Option<T> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, CONFIG).ok()?;
    *bytes = bytes.get(used..)?;
    Some(value)
}

/// As [`put`], of what has a coding of its own.
pub fn put_own<T: bincode::Encode>(value: &T, bytes: &mut Vec<u8>) {
    let written = bincode::encode_into_std_write(value, bytes, CONFIG);
    assert!(written.is_ok(), "a value over its limit: {written:?}");
}

/// As [`take`], of what has a coding of its own.
pub fn take_own<T: bincode::Decode<()>>(bytes: &mut &[u8]) -> Option<T> {
    let (value, used) = bincode::decode_from_slice(bytes, CONFIG).ok()?;
    *bytes = bytes.get(used..)?;
    Some(value)
}

/// Appends what `bytes` are, packed: the length, and then LZ4.
pub fn pack(bytes: &[u8], packed: &mut Vec<u8>) {
    packed.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    packed.extend_from_slice(&lz4_flex::block::compress(bytes));
}

/// All of `packed`, unpacked; `None` if it is not what [`pack`] made.
pub fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let (len, packed) = packed.split_first_chunk()?;
    let len = u32::from_le_bytes(*len) as usize;
    // No byte of LZ4 stands for more than 255.
    if len > BYTES_MAX || len > packed.len().saturating_mul(255) {
        return None;
    }
    let mut bytes = vec![0; len];
    let used = lz4_flex::block::decompress_into(packed, &mut bytes).ok()?;
    (used == len).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_and_what_is_cut_short_is_nothing() {
        for bytes in [vec![], vec![5; 100_000], (0..3_000_u32).map(|n| (n * n) as u8).collect()] {
            let mut packed = Vec::new();
            pack(&bytes, &mut packed);
            assert_eq!(unpack(&packed), Some(bytes));
            for len in 0..packed.len().min(200) {
                assert_eq!(unpack(&packed[..len]), None, "{len} bytes");
            }
        }
        assert_eq!(unpack(&[255, 255, 255, 255, 1]), None, "a length that nothing can have");
    }
}
