//! Recordings are text files, plain or packed.

use anyhow::{Context, Result, ensure};
use flate2::read::MultiGzDecoder;
use std::io::Read;
use std::path::Path;

/// Bytes of an unpacked recording that we are willing to hold; fifty times what there is.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// All of a text file, unpacked if it begins as gzip does.
///
/// # Errors
/// It cannot be read or unpacked, is larger than 64 MiB, or is no text; the sentence names the file.
pub fn read(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut plain = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let unpacked = MultiGzDecoder::new(bytes.as_slice()).take(FILE_BYTES_MAX + 1).read_to_end(&mut plain);
        unpacked.with_context(|| format!("{} cannot be unpacked", file.display()))?;
    } else {
        plain = bytes;
    }
    let is_small = plain.len() as u64 <= FILE_BYTES_MAX;
    ensure!(is_small, "{} has more than {FILE_BYTES_MAX} bytes of text", file.display());
    String::from_utf8(plain).ok().with_context(|| format!("{} is not text", file.display()))
}
