//! The receiving half of a bulk channel: pieces become chunks, chunks wait to be read.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{BULK_CHUNK_COST_BYTES, BULK_WINDOW_BYTES, ChunkHead, HEAD_BYTES};
use std::collections::VecDeque;

/// The window is told anew once a quarter of it was read since the last word (spec: PKT-83).
const WINDOW_STEP_BYTES: u64 = BULK_WINDOW_BYTES / 4;

/// Chunks from this size on take a used buffer.
const SPARE_WORTH_BYTES: u16 = 4_096;

/// Buffers kept for the next chunks.
const SPARE_BUFFERS_MAX: usize = 4;

/// What a peer that keeps to the rules never does (spec: PKT-84). The session ends with this text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BulkError {
    #[error("bulk: a chunk begins with no head")]
    NoHead,
    #[error("bulk: a chunk's head is malformed")]
    BadHead,
    #[error("bulk: more was sent than the window allows")]
    OverWindow,
    #[error("bulk: a piece does not fit its chunk")]
    BadPiece,
    #[error("bulk: a chunk is no LZ4 block of its length")]
    BadBlock,
}

/// A chunk in the order of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkChunk<'a> {
    /// Its bytes, at most 16 KiB; none only at the end of a transfer.
    pub bytes: &'a [u8],
    /// The sender ended the transfer behind these.
    pub is_last: bool,
}

/// Pieces of the chunk that is coming, and chunks that have come.
#[derive(Debug, Default)]
pub(crate) struct BulkInbound {
    head: Option<ChunkHead>,
    /// Coded bytes of that chunk.
    coded: Vec<u8>,
    unread: VecDeque<(Vec<u8>, bool)>,
    reading: Vec<u8>,
    spare: Vec<Vec<u8>>,
    /// What all chunks that began count, and those that were read.
    spent: u64,
    read: u64,
    /// What the peer was last told.
    told: u64,
    /// The word is on its way: the first packet that carried it.
    word: Option<Word>,
}

/// A window frame that stands in every packet until one of them is acked.
#[derive(Clone, Copy, Debug)]
struct Word {
    first: Option<u64>,
}

impl BulkInbound {
    /// Takes the next piece. `Ok(true)`: a chunk is complete, and none waited before it.
    pub(crate) fn on_piece(&mut self, piece: &[u8]) -> Result<bool, BulkError> {
        let head = match self.head {
            Some(head) if piece.is_empty() || self.coded.len() + piece.len() > usize::from(head.coded_bytes) => {
                return Err(BulkError::BadPiece);
            }
            Some(head) => {
                self.coded.extend_from_slice(piece);
                head
            }
            None => {
                let (head, body) = piece.split_first_chunk::<HEAD_BYTES>().ok_or(BulkError::NoHead)?;
                let head = ChunkHead::decode(*head).ok_or(BulkError::BadHead)?;
                // Before anything is kept: no memory is ever taken beyond the window.
                let spent = self.spent + head.cost_bytes();
                if spent > self.told + BULK_WINDOW_BYTES {
                    return Err(BulkError::OverWindow);
                }
                if body.len() > usize::from(head.coded_bytes) {
                    return Err(BulkError::BadPiece);
                }
                self.spent = spent;
                self.head = Some(head);
                self.coded.clear();
                self.coded.extend_from_slice(body);
                head
            }
        };
        if self.coded.len() < usize::from(head.coded_bytes) {
            return Ok(false);
        }
        self.head = None;
        self.finish(head)
    }

    fn finish(&mut self, head: ChunkHead) -> Result<bool, BulkError> {
        // A small chunk takes memory of its own: in a used buffer of 16 KiB it would hold what its window does not count.
        let spare = if head.raw_bytes >= SPARE_WORTH_BYTES { self.spare.pop() } else { None };
        let mut chunk = spare.unwrap_or_default();
        chunk.clear();
        if head.is_lz4 {
            chunk.resize(usize::from(head.raw_bytes), 0);
            let written = lz4_flex::block::decompress_into(&self.coded, &mut chunk).map_err(|_| BulkError::BadBlock)?;
            if written != chunk.len() {
                return Err(BulkError::BadBlock);
            }
        } else {
            chunk.extend_from_slice(&self.coded);
        }
        self.coded.clear();
        let is_news = self.unread.is_empty();
        self.unread.push_back((chunk, head.is_last));
        Ok(is_news)
    }

    /// The oldest unread chunk; the window opens by it.
    pub(crate) fn read(&mut self) -> Option<BulkChunk<'_>> {
        let Some((chunk, is_last)) = self.unread.pop_front() else {
            // The stream rests: its buffers go back.
            (self.reading, self.spare) = (Vec::new(), Vec::new());
            if self.head.is_none() {
                self.coded = Vec::new();
            }
            return None;
        };
        let done = std::mem::replace(&mut self.reading, chunk);
        if self.spare.len() < SPARE_BUFFERS_MAX && !self.unread.is_empty() {
            self.spare.push(done);
        }
        self.read += self.reading.len() as u64 + BULK_CHUNK_COST_BYTES;
        if self.read - self.told >= WINDOW_STEP_BYTES {
            self.told = self.read;
            self.word = Some(Word { first: None });
        }
        Some(BulkChunk { bytes: &self.reading, is_last })
    }

    /// A window frame wants a packet, or the ack of the one that carried it.
    pub(crate) fn has_word(&self) -> bool {
        self.word.is_some()
    }

    /// A window frame wants a packet.
    pub(crate) fn is_word_due(&self) -> bool {
        self.word.is_some_and(|word| word.first.is_none())
    }

    /// The window frame that packet `sequence` carries, if one is not settled.
    pub(crate) fn word(&mut self, sequence: u64) -> Option<u32> {
        let word = self.word.as_mut()?;
        word.first.get_or_insert(sequence);
        Some(u32::from_le_bytes(self.told.to_le_bytes().first_chunk().copied().unwrap_or_default()))
    }

    /// A packet with a window frame was acked; frames of packets before `first` said something older.
    pub(crate) fn on_word_acked(&mut self, sequence: u64) {
        if self.word.is_some_and(|word| word.first.is_some_and(|first| first <= sequence)) {
            self.word = None;
        }
    }

    /// Bytes held: pieces of the coming chunk and unread chunks.
    pub(crate) fn held_bytes(&self) -> usize {
        self.coded.len() + self.unread.iter().map(|(chunk, _)| chunk.len()).sum::<usize>()
    }
}
