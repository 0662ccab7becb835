//! Values of the rooms as bytes on a disk: bincode, little-endian, with a limit on what reading may ask for.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Most bytes of one value: 64 MiB, 1 KiB for each of the most entities. A damaged length asks for no more.
const BYTES_MAX: usize = 64 << 20;

const CONFIG: Configuration<LittleEndian, Varint, Limit<BYTES_MAX>> =
    bincode::config::standard().with_limit::<BYTES_MAX>();

/// Appends a value to `bytes`.
///
/// # Panics
/// If it is larger than [`BYTES_MAX`]: whoever keeps such a value bounds it.
pub(crate) fn write<T: Serialize>(value: &T, bytes: &mut Vec<u8>) {
    let written = bincode::serde::encode_into_std_write(value, bytes, CONFIG);
    assert!(written.is_ok(), "a value over its limit: {written:?}");
}

/// Reads what [`write`] wrote from the front of `bytes`, and says how many bytes that was; `None` if they are cut short or were
/// never that.
pub(crate) fn take<T: DeserializeOwned>(bytes: &[u8]) -> Option<(T, usize)> {
    bincode::serde::decode_from_slice(bytes, CONFIG).ok()
}
