//! Differences that were read before: for who holds many clients in one process.
//!
//! A server makes the bits of a difference once and splices them for every viewer; who runs the viewers reads the same bits
//! against the same baseline as often. Reading is a function of both and of nothing else, so what it gave may be kept.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::baseline::{BaselineAges, BorrowedBaseline};
use super::delta::decode_delta;
use crate::NetId;
use crate::bits::{BitReader, OutOfBits};
use crate::state::EntityState;

/// Differences that are kept of an entity: in a tick it is told against two or three baselines, as round trips differ.
const ROWS_EACH: usize = 4;
/// Entities that share no rows, by their ids. 512 KB in all.
const ENTITIES: usize = 2_048;
/// Longer differences are read anew: this is how much a reader shows at once. One in some thousand is longer.
const BITS_MAX: u32 = 57;

/// A difference as it was read, in one line of the cache: before a reader has it, it does not know where the next begins.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub struct MemoRow {
    /// The newest state of the baseline...
    newest: EntityState,
    /// ...and what stands for the others and their ages.
    others: u64,
    bits: u64,
    state: EntityState,
    /// How many bits; 0 of a row that is free.
    len: u32,
}

const _: () = assert!(size_of::<MemoRow>() == 64, "one line");

/// What differences came to.
#[derive(Clone, Debug)]
pub struct DecodeMemo {
    rows: Box<[MemoRow]>,
    /// Differences that were found here.
    pub hits: u64,
    /// Differences that were read.
    pub misses: u64,
}

impl Default for DecodeMemo {
    fn default() -> Self {
        Self { rows: vec![MemoRow::default(); ENTITIES * ROWS_EACH].into_boxed_slice(), hits: 0, misses: 0 }
    }
}

impl DecodeMemo {
    /// Differences that were asked for.
    #[must_use]
    pub const fn reads(&self) -> u64 {
        self.hits + self.misses
    }

    /// What differences of `id` against a baseline of these ages are looked for in: to have it near when they come.
    #[inline]
    #[must_use]
    pub fn row(&self, id: NetId, ages: BaselineAges) -> Option<&MemoRow> {
        self.rows.get(place(id, ages))
    }

    /// As [`super::decode_delta`], faster if the same has been read of `id` before: all bits, the newest state, and a hash of
    /// 64 bits over the others must be the same.
    ///
    /// # Errors
    /// [`OutOfBits`] if the bits end early.
    #[inline]
    pub fn decode(
        &mut self,
        reader: &mut BitReader<'_>,
        id: NetId,
        baseline: &BorrowedBaseline<'_>,
    ) -> Result<EntityState, OutOfBits> {
        let [newest, ..] = *baseline.states();
        let (at, ahead, others) = (place(id, baseline.ages()), reader.peek(BITS_MAX), others(baseline));
        // A reader shows zeros behind its end: those are no bits of a difference.
        if let Some(row) = self.rows.get(at)
            && row.len > 0
            && (ahead ^ row.bits) & low_bits(row.len) == 0
            && row.others == others
            && row.newest == *newest
            && reader.skip(row.len).is_ok()
        {
            self.hits += 1;
            return Ok(row.state);
        }
        self.misses += 1;
        let left = reader.left();
        let state = decode_delta(reader, &baseline.copied())?;
        let len = left - reader.left();
        if let Some(row) = self.rows.get_mut(at)
            && (1..=BITS_MAX as usize).contains(&len)
        {
            let len = len as u32;
            *row = MemoRow { newest: *newest, others, bits: ahead & low_bits(len), state, len };
        }
        Ok(state)
    }
}

const fn low_bits(len: u32) -> u64 {
    (1 << len) - 1
}

/// Multipliers of multiplicative hashing (Knuth, The Art of Computer Programming 6.4): odd, near golden parts of 2^64.
const MULTIPLIERS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];

#[inline]
fn place(id: NetId, ages: BaselineAges) -> usize {
    let of_ages = u64::from(ages.number()).wrapping_mul(MULTIPLIERS[0]) >> (u64::BITS - ROWS_EACH.ilog2());
    usize::from(id.0) % ENTITIES * ROWS_EACH + of_ages as usize
}

#[inline]
fn others(baseline: &BorrowedBaseline<'_>) -> u64 {
    let [_, second, third] = *baseline.states();
    let words = |state: &EntityState| {
        let place = u64::from(state.x as u32) << 32 | u64::from(state.y as u32);
        let pose = u64::from(state.z as u16) << 48 | u64::from(state.yaw) << 32 | u64::from(state.pitch) << 16;
        [place, pose | u64::from(state.flags) << 8 | state.kind as u64]
    };
    let [a, b] = words(second);
    let [c, d] = words(third);
    let mut hash = u64::from(baseline.ages().number());
    for word in [a, b, c, d] {
        hash = (hash ^ word).wrapping_mul(MULTIPLIERS[1]).rotate_left(29);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::super::{Baseline, encode_delta};
    use super::*;
    use crate::bits::BitWriter;

    const ANN: NetId = NetId(7);

    /// Where somebody was that many ticks ago, who goes this fast.
    fn state(speed: i32, age: u8) -> EntityState {
        EntityState { x: 50_000 - speed * i32::from(age), yaw: 7, ..EntityState::default() }
    }

    fn ages() -> BaselineAges {
        BaselineAges::new(6, 2, 2).unwrap()
    }

    /// As a client has it, who holds the states.
    fn borrowed(baseline: &Baseline) -> BorrowedBaseline<'_> {
        let mut states = baseline.states().iter();
        BorrowedBaseline::gather(baseline.ages(), |_| states.next()).unwrap()
    }

    fn baseline(speed: i32) -> Baseline {
        Baseline::gather(ages(), |age| Some(state(speed, age))).unwrap()
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
        let mut read = |id, now: &EntityState, baseline: &Baseline| {
            let bytes = written(now, baseline);
            let (mut plain, mut reader) = (BitReader::new(&bytes), BitReader::new(&bytes));
            let state = memo.decode(&mut reader, id, &borrowed(baseline)).unwrap();
            assert_eq!(state, decode_delta(&mut plain, baseline).unwrap());
            assert_eq!((state, reader.left()), (*now, plain.left()));
            (memo.hits, memo.misses)
        };
        let (slow, fast) = (baseline(3), baseline(90));
        assert_eq!(read(ANN, &state(3, 0), &slow), (0, 1));
        assert_eq!(read(ANN, &state(3, 0), &slow), (1, 1));
        assert_eq!(read(ANN, &EntityState { pitch: 9, ..state(3, 0) }, &slow), (1, 2), "other bits");
        assert_eq!(read(ANN, &state(90, 0), &fast), (1, 3), "another baseline");
        assert_eq!(read(NetId(8), &state(90, 0), &fast), (1, 4), "somebody else");
        let of_old = |speed| Baseline::gather(ages(), |age| Some(state(if age > 8 { speed } else { 90 }, age)));
        assert_eq!(read(ANN, &state(90, 0), &of_old(91).unwrap()), (1, 5), "the oldest of its states is another");
        assert_eq!(read(ANN, &state(90, 0), &of_old(91).unwrap()), (2, 5));
    }

    #[test]
    fn bits_that_end_early_are_not_found_whatever_zeros_they_end_in() {
        let (mut memo, baseline) = (DecodeMemo::default(), baseline(90));
        let bytes = written(&EntityState { flags: 0xf8, yaw: 900, pitch: 800, ..state(90, 0) }, &baseline);
        let whole = memo.decode(&mut BitReader::new(&bytes), ANN, &borrowed(&baseline)).unwrap();
        for len in 0..bytes.len() {
            let (mut reader, mut plain) = (BitReader::new(&bytes[..len]), BitReader::new(&bytes[..len]));
            assert_eq!(
                memo.decode(&mut reader, ANN, &borrowed(&baseline)),
                decode_delta(&mut plain, &baseline),
                "{len} bytes"
            );
        }
        assert_eq!(memo.decode(&mut BitReader::new(&bytes), ANN, &borrowed(&baseline)), Ok(whole));
    }
}
