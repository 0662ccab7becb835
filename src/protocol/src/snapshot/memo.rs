//! Differences that were read before: for who holds many clients in one process.
//!
//! A server makes the bits of a difference once and splices them for every viewer; who runs the viewers reads the same bits
//! against the same baseline as often. Reading is a function of both and of nothing else, so what it gave may be kept. All
//! of the baseline and all of the bits are compared before: what is remembered is what would have been read.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::baseline::Baseline;
use super::delta::decode_delta;
use crate::bits::{BitReader, OutOfBits};
use crate::state::EntityState;

/// Differences that are kept. Of 2,000 entities, each told against some two baselines in a tick, few share a row; 1 MB,
/// of which a tick uses half.
const ROWS: usize = 8_192;
/// Longer differences are read anew: this is how much a reader shows at once. One in some thousand is longer.
const BITS_MAX: u32 = 57;

/// A difference as it was read.
#[derive(Clone, Copy, Debug)]
#[repr(align(128))]
struct Row {
    baseline: Baseline,
    bits: u64,
    /// How many; 0 of a row that is free.
    len: u32,
    state: EntityState,
}

const _: () = assert!(size_of::<Row>() == 128, "two lines, which the processor fetches together");

/// What differences came to.
#[derive(Clone, Debug)]
pub struct DecodeMemo {
    rows: Box<[Row]>,
    /// Differences that were found here.
    pub hits: u64,
    /// Differences that were read.
    pub misses: u64,
}

impl Default for DecodeMemo {
    fn default() -> Self {
        let free = Row { baseline: Baseline::none(), bits: 0, len: 0, state: EntityState::default() };
        Self { rows: vec![free; ROWS].into_boxed_slice(), hits: 0, misses: 0 }
    }
}

impl DecodeMemo {
    /// As [`decode_delta`], faster if the same has been read before.
    ///
    /// # Errors
    /// [`OutOfBits`] if the bits end early.
    pub fn decode(&mut self, reader: &mut BitReader<'_>, baseline: &Baseline) -> Result<EntityState, OutOfBits> {
        let ahead = reader.peek(BITS_MAX);
        let Some(row) = self.rows.get_mut(place(baseline)) else { return decode_delta(reader, baseline) };
        let is_known = row.len > 0 && (ahead ^ row.bits) & low_bits(row.len) == 0 && row.baseline == *baseline;
        // A reader shows zeros behind its end: those are no bits of a difference.
        if is_known && reader.skip(row.len).is_ok() {
            self.hits += 1;
            return Ok(row.state);
        }
        self.misses += 1;
        let left = reader.left();
        let state = decode_delta(reader, baseline)?;
        let len = left - reader.left();
        if (1..=BITS_MAX as usize).contains(&len) {
            let len = len as u32;
            *row = Row { baseline: *baseline, bits: ahead & low_bits(len), len, state };
        }
        Ok(state)
    }
}

const fn low_bits(len: u32) -> u64 {
    (1 << len) - 1
}

/// By where the entity was, and how long ago: what differs between two baselines that are in use at a time.
fn place(baseline: &Baseline) -> usize {
    let EntityState { x, y, z, yaw, pitch, .. } = baseline.states()[0];
    let place = u64::from(x as u32) << 32 | u64::from(y as u32);
    let pose = u64::from(z as u16) << 48 | u64::from(yaw) << 32 | u64::from(pitch) << 16;
    // Multiplicative hashing (Knuth, The Art of Computer Programming 6.4): by odd numbers near a golden part of 2^64.
    let mixed = (place ^ (pose | u64::from(baseline.ages().number())).wrapping_mul(0xff51_afd7_ed55_8ccd))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (u64::BITS - ROWS.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::super::baseline::BaselineAges;
    use super::super::encode_delta;
    use super::*;
    use crate::bits::BitWriter;

    /// Where somebody was that many ticks ago, who goes this fast.
    fn state(speed: i32, age: u8) -> EntityState {
        EntityState { x: 50_000 - speed * i32::from(age), yaw: 7, ..EntityState::default() }
    }

    fn baseline(speed: i32) -> Baseline {
        Baseline::gather(BaselineAges::new(6, 2, 2).unwrap(), |age| Some(state(speed, age))).unwrap()
    }

    fn written(now: &EntityState, baseline: &Baseline) -> Vec<u8> {
        let mut bytes = [0; 32];
        let mut writer = BitWriter::new(&mut bytes);
        writer.put_run(encode_delta(now, baseline).unwrap());
        let len = writer.finish();
        bytes[..len].to_vec()
    }

    #[test]
    fn what_is_read_again_is_found_and_what_differs_in_anything_is_read() {
        let mut memo = DecodeMemo::default();
        let mut read = |now: &EntityState, baseline: &Baseline| {
            let bytes = written(now, baseline);
            let mut plain = BitReader::new(&bytes);
            let mut reader = BitReader::new(&bytes);
            let state = memo.decode(&mut reader, baseline).unwrap();
            assert_eq!(state, decode_delta(&mut plain, baseline).unwrap());
            assert_eq!((state, reader.left()), (*now, plain.left()));
            (memo.hits, memo.misses)
        };
        let (slow, fast) = (baseline(3), baseline(90));
        assert_eq!(read(&state(3, 0), &slow), (0, 1));
        assert_eq!(read(&state(3, 0), &slow), (1, 1));
        assert_eq!(read(&EntityState { pitch: 9, ..state(3, 0) }, &slow), (1, 2), "other bits");
        assert_eq!(read(&state(90, 0), &fast), (1, 3), "another baseline");
        let other_before = Baseline::gather(slow.ages(), |age| {
            Some(if age > 8 { state(4, age) } else { state(3, age) })
        });
        assert_eq!(read(&state(3, 0), &other_before.unwrap()), (1, 4), "the oldest of its states is another");
        assert_eq!(read(&state(90, 0), &fast), (2, 4));
    }

    #[test]
    fn bits_that_end_early_are_not_found_whatever_zeros_they_end_in() {
        let (mut memo, baseline) = (DecodeMemo::default(), baseline(90));
        let bytes = written(&EntityState { flags: 0xf8, yaw: 900, pitch: 800, ..state(90, 0) }, &baseline);
        let whole = memo.decode(&mut BitReader::new(&bytes), &baseline).unwrap();
        for len in 0..bytes.len() {
            let (mut reader, mut plain) = (BitReader::new(&bytes[..len]), BitReader::new(&bytes[..len]));
            assert_eq!(memo.decode(&mut reader, &baseline), decode_delta(&mut plain, &baseline), "{len} bytes");
        }
        assert_eq!(memo.decode(&mut BitReader::new(&bytes), &baseline), Ok(whole));
    }
}
