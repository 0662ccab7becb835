//! A first-in-first-out store of bytes in one growing ring: messages of any size, no allocation per message.

/// Capacity of the first allocation and the most that an emptied ring keeps, in bytes.
const RETAINED_BYTES: usize = 4 * 1_024;

/// Bytes in the order of arrival. Offsets count bytes since the ring began, modulo 2^32.
#[derive(Debug, Default)]
pub(crate) struct ByteRing {
    bytes: Vec<u8>,
    head: u32,
    len: usize,
}

impl ByteRing {
    /// Appends `message`; the answer names it in [`Self::copy_out`].
    pub(crate) fn push(&mut self, message: &[u8]) -> u32 {
        self.reserve(message.len());
        let offset = self.head.wrapping_add(u32::try_from(self.len).expect("a ring is far below 4 GiB"));
        let start = self.index(offset);
        let first = message.len().min(self.bytes.len() - start);
        self.bytes[start..start + first].copy_from_slice(&message[..first]);
        self.bytes[..message.len() - first].copy_from_slice(&message[first..]);
        self.len += message.len();
        offset
    }

    /// Copies the message at `offset` into `out`, whose length is the message's.
    pub(crate) fn copy_out(&self, offset: u32, out: &mut [u8]) {
        if out.is_empty() {
            return;
        }
        let start = self.index(offset);
        let first = out.len().min(self.bytes.len() - start);
        out[..first].copy_from_slice(&self.bytes[start..start + first]);
        let rest = out.len() - first;
        out[first..].copy_from_slice(&self.bytes[..rest]);
    }

    /// Drops the oldest `bytes` bytes. An emptied ring gives back what a burst made it take, and begins anew: offsets, too.
    pub(crate) fn release(&mut self, bytes: usize) {
        assert!(bytes <= self.len);
        self.len -= bytes;
        self.head = self.head.wrapping_add(u32::try_from(bytes).expect("a ring is far below 4 GiB"));
        if self.len == 0 {
            // Nobody knows an offset any more. From the beginning again, which is near, not on to where nobody was for long.
            self.head = 0;
            if self.bytes.len() > RETAINED_BYTES {
                self.bytes = Vec::new();
            }
        }
    }

    /// Bytes of memory held.
    #[cfg(test)]
    fn capacity(&self) -> usize {
        self.bytes.len()
    }

    fn index(&self, offset: u32) -> usize {
        // The capacity is a power of two and divides 2^32: the low bits of a wrapping offset are its place.
        offset as usize & (self.bytes.len().max(1) - 1)
    }

    fn reserve(&mut self, more: usize) {
        let needed = self.len + more;
        if needed <= self.bytes.len() {
            return;
        }
        let capacity = needed.next_power_of_two().max(RETAINED_BYTES);
        let mut grown = vec![0; capacity];
        let mut held = vec![0; self.len];
        self.copy_out(self.head, &mut held);
        let first = (self.head as usize) & (capacity - 1);
        for (at, byte) in held.into_iter().enumerate() {
            grown[(first + at) & (capacity - 1)] = byte;
        }
        self.bytes = grown;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn messages_come_back_whole_across_growth_and_wraps() {
        let mut ring = ByteRing { head: u32::MAX - 5_000, ..ByteRing::default() };
        let mut model: VecDeque<(u32, Vec<u8>)> = VecDeque::new();
        for round in 0..3_000_usize {
            let message = vec![round.to_le_bytes()[0]; round * 37 % 1_025];
            model.push_back((ring.push(&message), message));
            let held_max = if (1_000..1_500).contains(&round) { 60 } else { 5 };
            while model.len() > held_max {
                let (offset, message) = model.pop_front().expect("not empty");
                let mut out = vec![0xEE; message.len()];
                ring.copy_out(offset, &mut out);
                assert_eq!(out, message);
                ring.release(message.len());
            }
        }
    }

    #[test]
    fn an_emptied_ring_gives_back_the_memory_of_a_burst() {
        let mut ring = ByteRing::default();
        ring.push(&[1; 100_000]);
        assert_eq!(ring.capacity(), 131_072);
        ring.release(100_000);
        assert_eq!(ring.capacity(), 0);
        ring.push(&[1; 10]);
        ring.release(10);
        assert_eq!(ring.capacity(), RETAINED_BYTES);
    }
}
