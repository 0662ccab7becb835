//! Bits in, bits out: little-endian, lowest bit first, 64 at a time.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use thiserror::Error;

/// The reader ran past the end of its bytes: the sender's mistake, or a truncated datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("bits end early")]
pub struct OutOfBits;

/// Writes bit fields into a borrowed buffer.
///
/// Writing past the end is our own mistake (sizes are known before anything is written), so it is asserted.
#[derive(Debug)]
pub struct BitWriter<'a> {
    buf: &'a mut [u8],
    at: usize,
    pending: u64,
    pending_bits: u32,
}

impl<'a> BitWriter<'a> {
    /// Starts at the first bit of `buf`.
    #[must_use]
    pub fn new(buf: &'a mut [u8]) -> Self {
        Self { buf, at: 0, pending: 0, pending_bits: 0 }
    }

    /// Appends the lowest `bits` (0..=64) bits of `value`; higher bits must be zero.
    #[inline]
    pub fn put(&mut self, value: u64, bits: u32) {
        debug_assert!(bits <= 64 && (bits == 64 || value >> bits == 0), "{value} does not fit {bits} bits");
        self.pending |= value << self.pending_bits;
        let total = self.pending_bits + bits;
        if total < 64 {
            self.pending_bits = total;
            return;
        }
        self.flush_word();
        let taken = 64 - self.pending_bits;
        self.pending = if taken == 64 { 0 } else { value >> taken };
        self.pending_bits = total - 64;
    }

    /// Appends one bit.
    #[inline]
    pub fn put_bool(&mut self, value: bool) {
        self.put(u64::from(value), 1);
    }

    /// Appends bits that were encoded earlier: the splice of "encode once, send to many".
    #[inline]
    pub fn put_run(&mut self, run: BitRun) {
        if run.len > 64 {
            self.put(run.bits as u64, 64);
            self.put((run.bits >> 64) as u64, run.len - 64);
        } else {
            self.put(run.bits as u64, run.len);
        }
    }

    /// Bits written so far.
    #[must_use]
    pub fn len_bits(&self) -> usize {
        self.at * 8 + self.pending_bits as usize
    }

    /// Pads the last byte with zero bits and returns how many bytes were written.
    #[must_use]
    pub fn finish(mut self) -> usize {
        let rest = self.pending_bits.div_ceil(8) as usize;
        let bytes = self.pending.to_le_bytes();
        let target = self.buf.get_mut(self.at..self.at + rest);
        assert!(target.is_some(), "bit writer overran its buffer");
        if let (Some(target), Some(source)) = (target, bytes.get(..rest)) {
            target.copy_from_slice(source);
        }
        self.at += rest;
        self.at
    }

    fn flush_word(&mut self) {
        let word = self.pending.to_le_bytes();
        let target = self.buf.get_mut(self.at..self.at + 8);
        assert!(target.is_some(), "bit writer overran its buffer");
        if let Some(target) = target {
            target.copy_from_slice(&word);
        }
        self.at += 8;
    }
}

/// Up to 128 bits encoded once and spliced into many packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BitRun {
    bits: u128,
    len: u32,
}

impl BitRun {
    /// Appends the lowest `bits` bits of `value`; the run must stay within 128 bits.
    #[inline]
    pub fn put(&mut self, value: u64, bits: u32) {
        debug_assert!(bits <= 64 && (bits == 64 || value >> bits == 0), "{value} does not fit {bits} bits");
        assert!(self.len + bits <= 128, "a bit run holds at most 128 bits");
        if bits > 0 {
            self.bits |= u128::from(value) << self.len;
            self.len += bits;
        }
    }

    /// The run of the lowest `len` (1..=64) bits of `bits`, of which those above are zero. None for an empty one.
    #[must_use]
    pub const fn of(bits: u64, len: u32) -> Option<Self> {
        if len == 0 { None } else { Some(Self { bits: bits as u128, len }) }
    }

    /// Its first 64 bits; zeros beyond its end.
    #[must_use]
    pub const fn low(self) -> u64 {
        self.bits as u64
    }

    /// Bits in the run.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.len
    }

    /// Whether the run holds no bits.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// Reads bit fields; any bytes give a value or [`OutOfBits`].
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    buf: &'a [u8],
    at_bits: usize,
}

impl<'a> BitReader<'a> {
    /// Starts at the first bit of `buf`.
    #[must_use]
    pub fn new(buf: &'a [u8]) -> Self {
        Self { buf, at_bits: 0 }
    }

    /// Takes the next `bits` (0..=57) bits.
    #[inline]
    pub fn take(&mut self, bits: u32) -> Result<u64, OutOfBits> {
        let value = self.peek(bits);
        self.skip(bits)?;
        Ok(value)
    }

    /// The next `bits` (0..=57) bits without taking them; zeros beyond the end.
    #[inline]
    #[must_use]
    pub fn peek(&self, bits: u32) -> u64 {
        debug_assert!(bits <= 57, "a read spans at most eight bytes");
        let first = self.at_bits / 8;
        let mut word = [0_u8; 8];
        if let Some(whole) = self.buf.get(first..first + 8) {
            word.copy_from_slice(whole);
        } else if let (Some(rest), Some(head)) = (self.buf.get(first..), word.get_mut(..self.buf.len() - first)) {
            head.copy_from_slice(rest);
        }
        (u64::from_le_bytes(word) >> (self.at_bits % 8)) & ((1_u64 << bits) - 1)
    }

    /// Passes over the next bits.
    #[inline]
    pub fn skip(&mut self, bits: u32) -> Result<(), OutOfBits> {
        let end = self.at_bits + bits as usize;
        if end > self.buf.len() * 8 {
            return Err(OutOfBits);
        }
        self.at_bits = end;
        Ok(())
    }

    /// Bits not yet taken.
    #[inline]
    #[must_use]
    pub fn left(&self) -> usize {
        self.buf.len() * 8 - self.at_bits
    }

    /// Takes one bit.
    #[inline]
    pub fn take_bool(&mut self) -> Result<bool, OutOfBits> {
        Ok(self.take(1)? != 0)
    }

    /// Whether what is left is only the zero padding of the last byte.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        let left = self.left();
        left < 8 && self.clone().take(left as u32) == Ok(0)
    }
}

/// Maps small signed numbers to small unsigned ones: 0, -1, 1, -2, ...
#[must_use]
pub const fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

/// Undoes [`zigzag`].
#[must_use]
pub const fn unzigzag(value: u32) -> i32 {
    ((value >> 1) as i32) ^ -((value & 1) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_is_taken(fields in prop::collection::vec((any::<u64>(), 0_u32..=57), 0..64)) {
            let mut buf = [0_u8; 64 * 8 + 8];
            let mut writer = BitWriter::new(&mut buf);
            for &(value, bits) in &fields {
                writer.put(value & ((1 << bits) - 1), bits);
            }
            let bits: usize = fields.iter().map(|f| f.1 as usize).sum();
            prop_assert_eq!(writer.len_bits(), bits);
            let len = writer.finish();
            prop_assert_eq!(len, bits.div_ceil(8));
            let mut reader = BitReader::new(&buf[..len]);
            for &(value, bits) in &fields {
                prop_assert_eq!(reader.take(bits), Ok(value & ((1 << bits) - 1)));
            }
            prop_assert!(reader.is_finished());
        }

        #[test]
        fn a_spliced_run_reads_like_its_fields(head in 0_u32..64, a in any::<u64>(), b in any::<u64>(), w in 0_u32..=50) {
            let (a, b) = (a & ((1 << w) - 1), b & ((1 << 53) - 1));
            let mut run = BitRun::default();
            run.put(a, w);
            run.put(b, 53);
            let mut buf = [0_u8; 64];
            let mut writer = BitWriter::new(&mut buf);
            writer.put(0, head);
            writer.put_run(run);
            let len = writer.finish();
            let mut reader = BitReader::new(&buf[..len]);
            prop_assert_eq!(reader.take(head.min(57)).is_ok(), true);
            if head > 57 { reader.take(head - 57).unwrap(); }
            prop_assert_eq!(reader.take(w), Ok(a));
            prop_assert_eq!(reader.take(53), Ok(b));
        }

        #[test]
        fn zigzag_round_trips(v in any::<i32>()) { prop_assert_eq!(unzigzag(zigzag(v)), v); }
    }

    #[test]
    fn reading_past_the_end_is_an_error_and_takes_nothing() {
        let mut reader = BitReader::new(&[0xff]);
        assert_eq!(reader.take(9), Err(OutOfBits));
        assert_eq!(reader.take(8), Ok(0xff));
        assert!(reader.is_finished());
    }

    #[test]
    fn set_padding_bits_are_not_finished() {
        let mut reader = BitReader::new(&[0b1000_0001]);
        reader.take(1).unwrap();
        assert!(!reader.is_finished());
    }
}
