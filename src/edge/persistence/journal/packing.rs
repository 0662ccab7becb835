//! LZ4 for what the journal holds, and how much that saves.

/// Bytes given to LZ4 since the start, and what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packing {
    /// As they were.
    pub plain_bytes: u64,
    /// The blocks, with the length that stands before each.
    pub packed_bytes: u64,
}

impl Packing {
    /// A length (u32, little-endian) and an LZ4 block.
    pub fn pack(&mut self, bytes: &[u8]) -> Vec<u8> {
        let packed = lz4_flex::block::compress_prepend_size(bytes);
        self.plain_bytes += bytes.len() as u64;
        self.packed_bytes += packed.len() as u64;
        packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_counted_before_and_after() {
        let mut packing = Packing::default();
        let lens = [packing.pack(&[7; 1_000]).len(), packing.pack(b"abc").len()];
        assert!(lens[0] < 100 && lens[1] > 4);
        assert_eq!(packing, Packing { plain_bytes: 1_003, packed_bytes: (lens[0] + lens[1]) as u64 });
    }
}
