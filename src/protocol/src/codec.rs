//! The one place where bincode meets bytes.
//!
//! Messages that are not per-tick state go through here: `standard()` (little-endian, variable-length integers), a
//! limit on what decoding may allocate, and trailing bytes refused. The crate is unmaintained (RUSTSEC-2025-0141) and
//! kept by the owner's wish; should it have to go, only this file changes.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use thiserror::Error;

/// Most bytes one message may decode to or from: the reliable message limit of the transport.
pub const MESSAGE_BYTES_MAX: usize = 1_024;

const CONFIG: Configuration<LittleEndian, Varint, Limit<MESSAGE_BYTES_MAX>> =
    bincode::config::standard().with_limit::<MESSAGE_BYTES_MAX>();

/// Why bytes are not a message.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The bytes do not describe a value of the wanted type: the sender's fault.
    #[error("malformed message: {0}")]
    Malformed(#[from] bincode::error::DecodeError),
    /// The value ended before the bytes did: the sender speaks another version or hides something.
    #[error("{0} bytes after the end of the message")]
    Trailing(usize),
}

/// Encodes `message` into `buf` (cleared first).
///
/// # Panics
/// If the message is larger than [`MESSAGE_BYTES_MAX`]: whoever builds messages bounds their fields.
pub fn encode<M: bincode::Encode>(message: &M, buf: &mut Vec<u8>) {
    buf.clear();
    let written = bincode::encode_into_std_write(message, buf, CONFIG);
    assert!(matches!(written, Ok(n) if n <= MESSAGE_BYTES_MAX), "message over its limit: {written:?}");
}

/// Encodes `value` at the front of `bytes`, and says how many bytes it took.
///
/// # Panics
/// If they do not suffice: whoever makes such values bounds them.
pub fn encode_into<M: bincode::Encode>(value: &M, bytes: &mut [u8]) -> usize {
    let written = bincode::encode_into_slice(value, bytes, CONFIG);
    assert!(written.is_ok(), "value over its limit: {written:?}");
    written.unwrap_or_default()
}

/// Decodes exactly one message from all of `bytes`.
///
/// # Errors
/// [`DecodeError`] for anything that is not exactly one well-formed value within the limit.
pub fn decode<M: bincode::Decode<()>>(bytes: &[u8]) -> Result<M, DecodeError> {
    let (message, used) = bincode::decode_from_slice(bytes, CONFIG)?;
    match bytes.len() - used {
        0 => Ok(message),
        trailing => Err(DecodeError::Trailing(trailing)),
    }
}
