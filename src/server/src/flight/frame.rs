//! Records as bytes: a length, a checksum and the body, one behind the other. What follows a length of nought was never written.
//!
//! A body of more than [`PIECE_BYTES_MAX`] comes in pieces, so that what a damaged length asks for is bounded.

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes before each piece: u32 length, of which the highest bit says that another piece follows, and u32 checksum.
const HEAD_BYTES: usize = 8;
/// Another piece of the same record follows.
const CONTINUES: u32 = 1 << 31;
/// Most bytes of one piece: 1 MiB.
const PIECE_BYTES_MAX: usize = 1 << 20;
/// Most bytes of a record: 256 MiB, many times what the largest world takes.
const RECORD_BYTES_MAX: usize = 256 << 20;

/// Why a log cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Damage {
    /// The log ends within a record: whoever wrote it was killed.
    #[error("the log ends within a record, {0} bytes from its beginning")]
    Torn(usize),
    /// A piece is not what was written.
    #[error("the log is damaged {0} bytes from its beginning")]
    Checksum(usize),
    /// A record is none that this build knows.
    #[error("a record that this build cannot read, before byte {0} of the log")]
    Unreadable(usize),
}

/// Appends a record to `bytes`.
pub fn put(body: &[u8], bytes: &mut Vec<u8>) {
    assert!(!body.is_empty() && body.len() <= RECORD_BYTES_MAX, "a record of {} bytes", body.len());
    let mut pieces = body.chunks(PIECE_BYTES_MAX).peekable();
    while let Some(piece) = pieces.next() {
        let more = if pieces.peek().is_some() { CONTINUES } else { 0 };
        let head = piece.len() as u32 | more;
        bytes.extend_from_slice(&head.to_le_bytes());
        bytes.extend_from_slice(&checksum(head, piece).to_le_bytes());
        bytes.extend_from_slice(piece);
    }
}

fn checksum(head: u32, piece: &[u8]) -> u32 {
    xxh3_64(piece) as u32 ^ head
}

/// Reads one record after the other.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    /// From the first of these bytes on.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes that were read.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// The next record; `None` at the end of what was written. `body` is for its bytes.
    ///
    /// # Errors
    /// [`Damage`]; nothing after it can be read.
    pub fn next(&mut self, body: &mut Vec<u8>) -> Result<Option<()>, Damage> {
        body.clear();
        loop {
            let Some((head, piece)) = self.piece(body.is_empty())? else { return Ok(None) };
            body.extend_from_slice(piece);
            if body.len() > RECORD_BYTES_MAX {
                return Err(Damage::Checksum(self.at));
            }
            if head & CONTINUES == 0 {
                return Ok(Some(()));
            }
        }
    }

    fn piece(&mut self, is_first: bool) -> Result<Option<(u32, &'a [u8])>, Damage> {
        let (at, left) = (self.at, self.bytes.get(self.at..).unwrap_or_default());
        let word = |at: usize| left.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let head = match word(0) {
            None if left.is_empty() && is_first => return Ok(None),
            None => return Err(Damage::Torn(at)),
            Some(0) if is_first => return Ok(None),
            // The length is written last: what it stands before is not whole.
            Some(0) => return Err(Damage::Torn(at)),
            Some(head) => head,
        };
        let len = (head & !CONTINUES) as usize;
        if len == 0 || len > PIECE_BYTES_MAX {
            return Err(Damage::Checksum(at));
        }
        let (Some(sum), Some(piece)) = (word(4), left.get(HEAD_BYTES..HEAD_BYTES + len)) else {
            return Err(Damage::Torn(at));
        };
        if checksum(head, piece) != sum {
            return Err(Damage::Checksum(at));
        }
        self.at += HEAD_BYTES + len;
        Ok(Some((head, piece)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies() -> Vec<Vec<u8>> {
        vec![vec![1, 2, 3], vec![7; PIECE_BYTES_MAX + 5], vec![9]]
    }

    fn read(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<Damage>) {
        let (mut frames, mut body, mut all) = (Frames::new(bytes), Vec::new(), Vec::new());
        loop {
            match frames.next(&mut body) {
                Ok(Some(())) => all.push(body.clone()),
                Ok(None) => return (all, None),
                Err(damage) => return (all, Some(damage)),
            }
        }
    }

    fn written() -> Vec<u8> {
        let mut bytes = Vec::new();
        bodies().iter().for_each(|body| put(body, &mut bytes));
        bytes
    }

    #[test]
    fn records_read_back_also_long_ones_and_end_where_nothing_was_written() {
        let mut bytes = written();
        assert_eq!(read(&bytes), (bodies(), None));
        bytes.extend_from_slice(&[0; 100]);
        assert_eq!(read(&bytes), (bodies(), None));
    }

    #[test]
    fn a_log_that_ends_within_a_record_is_torn_and_what_was_before_is_read() {
        let bytes = written();
        for len in (1..40).chain(bytes.len() - 40..bytes.len()) {
            let (read, damage) = read(&bytes[..len]);
            let is_between = matches!(len, 11) || len == bytes.len() - 9;
            assert_eq!(damage.is_none(), is_between, "{len}: {damage:?}");
            assert!(matches!(damage, None | Some(Damage::Torn(_))) && bodies().starts_with(&read));
        }
    }

    #[test]
    fn a_changed_byte_is_found() {
        let bytes = written();
        for at in (0..30).chain(bytes.len() - 30..bytes.len()) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 4;
            let (read, damage) = read(&bytes);
            assert!(damage.is_some() && bodies().starts_with(&read), "byte {at}");
        }
    }
}
