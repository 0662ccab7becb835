//! The sending half of a bulk channel.

use super::{BULK_CHUNK_BYTES_MAX, BULK_CHUNK_COST_BYTES, BULK_WINDOW_BYTES, ChunkHead, HEAD_BYTES};
use crate::channel::outbound::Outbound;
use crate::channel::ring::ByteRing;
use crate::channel::{CHANNEL_QUEUE_BYTES_MAX, FRAGMENT_BYTES, MESSAGE_COST_BYTES};
use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
use std::collections::VecDeque;

/// The next chunk is cut while no more than this of the ones before it is unacked: two chunks, so that pieces are there
/// when the path has room, and little is cut for a path that has none.
const AHEAD_BYTES: usize = 2 * BULK_CHUNK_BYTES_MAX;

/// A chunk smaller than this is not cut because of a nearly full window: reading opens it further.
const WINDOWED_BYTES_MIN: usize = BULK_CHUNK_BYTES_MAX / 4;

/// What cutting a chunk needs; kept while there is something to send, some 41 KiB.
struct Scratch {
    table: CompressTable,
    raw: Vec<u8>,
    /// A head, and the longest that the compressor may write.
    coded: Vec<u8>,
}

impl Scratch {
    fn new() -> Self {
        let coded_bytes_max = HEAD_BYTES + get_maximum_output_size(BULK_CHUNK_BYTES_MAX);
        Self { table: CompressTable::small(), raw: vec![0; BULK_CHUNK_BYTES_MAX], coded: vec![0; coded_bytes_max] }
    }

    /// Codes the first `raw_bytes` of `raw`; head and bytes.
    fn code(&mut self, raw_bytes: usize, is_last: bool) -> &[u8] {
        let Self { table, raw, coded } = self;
        let (raw, body) = (&raw[..raw_bytes], &mut coded[HEAD_BYTES..]);
        let shorter = compress_into_with_table(raw, body, table).ok().filter(|bytes| *bytes < raw_bytes);
        let is_lz4 = shorter.is_some();
        let coded_bytes = shorter.unwrap_or(raw_bytes);
        if !is_lz4 {
            body[..raw_bytes].copy_from_slice(raw);
        }
        let narrow = |bytes: usize| u16::try_from(bytes).expect("a chunk is at most 16 KiB");
        let head = ChunkHead { raw_bytes: narrow(raw_bytes), is_last, coded_bytes: narrow(coded_bytes), is_lz4 };
        coded[..HEAD_BYTES].copy_from_slice(&head.encode());
        &coded[..HEAD_BYTES + coded_bytes]
    }
}

/// Bytes that wait to be cut into chunks.
#[derive(Default)]
pub(crate) struct BulkOutbound {
    raw: ByteRing,
    /// Offset of the first byte in `raw`.
    front: u32,
    raw_bytes: usize,
    /// Bytes of the stream taken so far.
    taken: u64,
    /// Where transfers end, as bytes of the stream.
    ends: VecDeque<u64>,
    /// What all chunks so far count, and how far the window lets them.
    spent: u64,
    opened: u64,
    scratch: Option<Box<Scratch>>,
}

impl std::fmt::Debug for BulkOutbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BulkOutbound").field("raw_bytes", &self.raw_bytes).field("spent", &self.spent).finish()
    }
}

impl BulkOutbound {
    /// Takes as much as fits, `bytes_max` at most; how many bytes that was.
    pub(crate) fn push(&mut self, bytes: &[u8], outbound: &Outbound, bytes_max: usize) -> usize {
        let room = CHANNEL_QUEUE_BYTES_MAX.saturating_sub(outbound.queued_bytes() + self.queued_bytes());
        let taken = &bytes[..bytes.len().min(room).min(bytes_max)];
        self.raw.push(taken);
        self.raw_bytes += taken.len();
        self.taken += taken.len() as u64;
        taken.len()
    }

    /// The transfer ends with what has been taken; false when there is no room to remember it.
    pub(crate) fn end(&mut self, outbound: &Outbound) -> bool {
        let fits = outbound.queued_bytes() + self.queued_bytes() + MESSAGE_COST_BYTES <= CHANNEL_QUEUE_BYTES_MAX;
        if fits {
            self.ends.push_back(self.taken);
        }
        fits
    }

    /// What waits to be cut, as the limits count it.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.raw_bytes + self.ends.len() * MESSAGE_COST_BYTES
    }

    /// The peer lets chunks count up to `opened` in all, of which these are the low 32 bits. An older word changes
    /// nothing.
    pub(crate) fn on_window(&mut self, opened: u32) {
        let ahead =
            opened.wrapping_sub(self.opened.to_le_bytes().first_chunk().map_or(0, |low| u32::from_le_bytes(*low)));
        if ahead < 1 << 31 {
            self.opened += u64::from(ahead);
        }
    }

    /// A chunk can be cut now: there are bytes or an end, the window is open, and not too much is on its way.
    pub(crate) fn can_cut(&self, outbound: &Outbound) -> bool {
        self.next_cut(outbound).is_some()
    }

    /// Cuts the next chunk into pieces; its bytes before and after compression.
    pub(crate) fn cut(&mut self, outbound: &mut Outbound) -> Option<(usize, usize)> {
        let (raw_bytes, is_last) = self.next_cut(outbound)?;
        let scratch = self.scratch.get_or_insert_with(|| Box::new(Scratch::new()));
        self.raw.copy_out(self.front, &mut scratch.raw[..raw_bytes]);
        self.raw.release(raw_bytes);
        self.front = self.front.wrapping_add(u32::try_from(raw_bytes).expect("a chunk is at most 16 KiB"));
        self.raw_bytes -= raw_bytes;
        self.spent += raw_bytes as u64 + BULK_CHUNK_COST_BYTES;
        if is_last {
            self.ends.pop_front();
        }
        let coded = scratch.code(raw_bytes, is_last);
        for piece in coded.chunks(FRAGMENT_BYTES) {
            outbound.push_piece(piece);
        }
        let coded_bytes = coded.len();
        if self.queued_bytes() == 0 {
            self.scratch = None;
        }
        Some((raw_bytes, coded_bytes))
    }

    /// Bytes of the next chunk and whether a transfer ends with it.
    fn next_cut(&self, outbound: &Outbound) -> Option<(usize, bool)> {
        if outbound.queued_bytes() > AHEAD_BYTES {
            return None;
        }
        let cut = self.taken - self.raw_bytes as u64;
        let to_end = self.ends.front().map(|end| usize::try_from(end - cut).unwrap_or(usize::MAX));
        let wanted = self.raw_bytes.min(BULK_CHUNK_BYTES_MAX).min(to_end.unwrap_or(usize::MAX));
        if wanted == 0 && to_end != Some(0) {
            return None;
        }
        let window = (self.opened + BULK_WINDOW_BYTES).checked_sub(self.spent + BULK_CHUNK_COST_BYTES)?;
        let allowed = usize::try_from(window).unwrap_or(usize::MAX).min(wanted);
        let is_whole = allowed == wanted;
        (is_whole || allowed >= WINDOWED_BYTES_MIN).then_some((allowed, is_whole && to_end == Some(wanted)))
    }
}
