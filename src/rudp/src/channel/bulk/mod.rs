//! Bulk channels: a stream of bytes, handed on in chunks, compressed, under a window that its reader opens.
//!
//! The sender cuts what is queued into *chunks* of at most 16 KiB, compresses each alone and cuts the result into
//! *pieces* that travel as reliable messages in order. The receiver puts the pieces of one chunk together, decompresses
//! it and keeps it until it is read. Nobody may send more than the window allows, which grows only by what was read: so
//! the window bounds the receiver's memory, whatever the sender claims.

mod inbound;
mod outbound;

pub use inbound::BulkChunk;
pub(crate) use inbound::{BulkError, BulkInbound};
pub(crate) use outbound::BulkOutbound;

/// Bytes of a chunk at most, before compression: 16 KiB (spec: PKT-80).
pub const BULK_CHUNK_BYTES_MAX: usize = 16 * 1_024;

/// What a receiver keeps for one channel, and the window both ends begin with, in bytes: four chunks (spec: PKT-82). At
/// a round trip of 100 ms it lets 640 kB/s through, three times the highest rate a connection may have.
pub const BULK_WINDOW_BYTES: u64 = 64 * 1_024;

/// What each chunk counts towards the window beside its bytes: its place in the reader's queue, what an allocator
/// adds, and its head on the wire (spec: PKT-82).
pub const BULK_CHUNK_COST_BYTES: u64 = 64;

/// Bytes of a chunk's head.
const HEAD_BYTES: usize = 4;

/// Top bit of a head's first field: the transfer ends with this chunk.
const LAST: u16 = 0x8000;

/// Top bit of a head's second field: the bytes are an LZ4 block.
const LZ4: u16 = 0x8000;

/// What stands before the bytes of a chunk (spec: PKT-81): `raw | last << 15` and `coded | lz4 << 15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ChunkHead {
    raw_bytes: u16,
    is_last: bool,
    coded_bytes: u16,
    is_lz4: bool,
}

impl ChunkHead {
    fn encode(self) -> [u8; HEAD_BYTES] {
        let [a, b] = (self.raw_bytes | if self.is_last { LAST } else { 0 }).to_le_bytes();
        let [c, d] = (self.coded_bytes | if self.is_lz4 { LZ4 } else { 0 }).to_le_bytes();
        [a, b, c, d]
    }

    /// `None`: no chunk has such a head. Stored bytes are as many as the chunk has, compressed ones fewer, and only the
    /// end of a transfer may be empty.
    fn decode([a, b, c, d]: [u8; HEAD_BYTES]) -> Option<Self> {
        let (raw, coded) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        let head = Self {
            raw_bytes: raw & !LAST,
            is_last: raw & LAST != 0,
            coded_bytes: coded & !LZ4,
            is_lz4: coded & LZ4 != 0,
        };
        let coded_is_right = if head.is_lz4 {
            (1..head.raw_bytes).contains(&head.coded_bytes)
        } else {
            head.coded_bytes == head.raw_bytes
        };
        let is_sized = usize::from(head.raw_bytes) <= BULK_CHUNK_BYTES_MAX && (head.raw_bytes > 0 || head.is_last);
        (coded_is_right && is_sized).then_some(head)
    }

    /// What the chunk counts towards the window.
    fn cost_bytes(self) -> u64 {
        u64::from(self.raw_bytes) + BULK_CHUNK_COST_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_examples_are_chunks() {
        // proves: PKT-81
        let mut inbound = BulkInbound::default();
        let stored = [&[0x08, 0x80, 0x08, 0x00][..], b"transfer"].concat();
        assert_eq!(inbound.on_piece(&stored), Ok(true));
        assert_eq!(inbound.read(), Some(BulkChunk { bytes: b"transfer", is_last: true }));
        let zeros = lz4_flex::block::compress(&[0; 16_384]);
        let packed = [&[0x00, 0xC0, 0x4C, 0x80][..], &zeros].concat();
        assert_eq!((zeros.len(), inbound.on_piece(&packed)), (76, Ok(true)));
        assert_eq!(inbound.read(), Some(BulkChunk { bytes: &[0; 16_384], is_last: true }));
    }

    #[test]
    fn a_head_has_one_reading_and_most_bytes_have_none() {
        // proves: PKT-81
        let head = ChunkHead { raw_bytes: 16_384, is_last: true, coded_bytes: 0x0123, is_lz4: true };
        assert_eq!(head.encode(), [0x00, 0xC0, 0x23, 0x81]);
        assert_eq!(ChunkHead::decode(head.encode()), Some(head));
        for (bytes, is_head) in [
            ([5, 0, 5, 0], true),
            ([0, 0x80, 0, 0], true),
            ([0, 0, 0, 0], false),
            ([5, 0, 4, 0], false),
            ([5, 0, 4, 0x80], true),
            ([5, 0, 5, 0x80], false),
            ([5, 0, 0, 0x80], false),
            ([1, 0x40, 9, 0x80], false),
        ] {
            assert_eq!(ChunkHead::decode(bytes).is_some(), is_head, "{bytes:?}");
        }
    }
}
