//! Differences that were read before: for who holds many clients in one process.
//!
//! A server makes the bits of a difference once and splices them for every viewer; who runs the viewers reads the same bits
//! against the same baseline as often. Reading is a function of both and of nothing else, so what it gave may be kept.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::baseline::BaselineAges;
use crate::bits::BitReader;
use crate::state::EntityState;
use crate::{NetId, Tick};

/// Differences that are kept of an entity and a tick: it is told against two or three baselines, as round trips differ.
const BASELINES: usize = 4;
/// Ticks of which differences are kept: while one is sent, some clients have it, others are at the one before, and clients that
/// have fallen behind at one before that.
const TICKS: usize = 4;
/// Entities that share no rows, by their ids. 2 MB in all, of which those touch a part whose ids are in use.
const ENTITIES: usize = 4_096;
/// Longer differences are read anew: this is how much a reader shows at once. One in some thousand is longer.
const BITS_MAX: u32 = 57;

/// A difference as it was read, two to a line of the cache: before a reader has it, it does not know where the next begins.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
pub struct MemoRow {
    /// How many bits, above [`BITS_MAX`], and they; 0 of a row that is free.
    bits: u64,
    tick: Tick,
    ages: u16,
    id: NetId,
    state: EntityState,
}

const _: () = assert!(size_of::<MemoRow>() == 32, "half a line");

impl MemoRow {
    const fn len(&self) -> u32 {
        (self.bits >> BITS_MAX) as u32
    }
}

/// What differences came to, of baselines that are the same for all who ask.
///
/// The states of a baseline are not compared: who asks vouches that those of an entity and a tick are one and the same,
/// whenever it asks.
#[derive(Clone, Debug)]
pub struct DecodeMemo {
    rows: Box<[MemoRow]>,
    /// Differences that were found here.
    pub hits: u64,
    /// Differences that were not, and read: those that nobody asked for here are to be counted by who reads them.
    pub misses: u64,
}

impl Default for DecodeMemo {
    fn default() -> Self {
        let rows = vec![MemoRow::default(); ENTITIES * TICKS * BASELINES].into_boxed_slice();
        Self { rows, hits: 0, misses: 0 }
    }
}

impl DecodeMemo {
    /// Differences that were read, here or anew.
    #[must_use]
    pub const fn reads(&self) -> u64 {
        self.hits + self.misses
    }

    /// Where a difference of `id` in `tick` against a baseline of these ages is looked for: to have it near when it comes.
    #[inline]
    #[must_use]
    pub fn row(&self, id: NetId, tick: Tick, ages: BaselineAges) -> Option<&MemoRow> {
        self.rows.get(place(id, tick, ages))
    }

    /// The state that the bits which come next say, if the same were read of this baseline: they are skipped then.
    #[inline]
    pub(super) fn recall(
        &mut self,
        reader: &mut BitReader<'_>,
        id: NetId,
        tick: Tick,
        ages: BaselineAges,
    ) -> Option<EntityState> {
        let ahead = reader.peek(BITS_MAX);
        let row = self.rows.get(place(id, tick, ages))?;
        let (len, is_it) = (row.len(), row.id == id && row.tick == tick && row.ages == ages.number());
        // A reader shows zeros behind its end: those are no bits of a difference.
        if len == 0 || !is_it || (ahead ^ row.bits) & low_bits(len) != 0 || reader.skip(len).is_err() {
            return None;
        }
        self.hits += 1;
        Some(row.state)
    }

    /// Notes what was read between two places.
    pub(super) fn note(
        &mut self,
        from: &BitReader<'_>,
        to: &BitReader<'_>,
        id: NetId,
        tick: Tick,
        ages: BaselineAges,
        state: EntityState,
    ) {
        let len = from.left() - to.left();
        if let Some(row) = self.rows.get_mut(place(id, tick, ages))
            && (1..=BITS_MAX as usize).contains(&len)
        {
            let len = len as u32;
            let bits = u64::from(len) << BITS_MAX | from.peek(BITS_MAX) & low_bits(len);
            *row = MemoRow { bits, tick, ages: ages.number(), id, state };
        }
    }
}

const fn low_bits(len: u32) -> u64 {
    (1 << len) - 1
}

/// Multiplier of multiplicative hashing (Knuth, The Art of Computer Programming 6.4): odd, near the golden part of 2^64.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
fn place(id: NetId, tick: Tick, ages: BaselineAges) -> usize {
    let of_ages = u64::from(ages.number()).wrapping_mul(MULTIPLIER) >> (u64::BITS - BASELINES.ilog2());
    (usize::from(id.0) % ENTITIES * TICKS + tick.0 as usize % TICKS) * BASELINES + of_ages as usize
}

#[cfg(test)]
mod tests {
    use super::super::{Baseline, decode_delta, encode_delta};
    use super::*;
    use crate::bits::BitWriter;

    const ANN: NetId = NetId(7);

    /// Where somebody was that many ticks ago, who goes this fast.
    fn state(speed: i32, age: u8) -> EntityState {
        EntityState { x: 50_000 - speed * i32::from(age), yaw: 7, ..EntityState::default() }
    }

    fn ages(newest: u8) -> BaselineAges {
        BaselineAges::new(newest, 2, 2).unwrap()
    }

    fn baseline(ages: BaselineAges, speed: i32) -> Baseline {
        Baseline::gather(ages, |age| Some(state(speed, age))).unwrap()
    }

    fn written(now: &EntityState, baseline: &Baseline) -> Vec<u8> {
        let mut bytes = [0; 32];
        let mut writer = BitWriter::new(&mut bytes);
        writer.put_run(encode_delta(now, baseline).unwrap());
        let len = writer.finish();
        bytes[..len].to_vec()
    }

    #[test]
    fn what_is_read_again_is_recalled_and_what_differs_in_anything_is_not() {
        let mut memo = DecodeMemo::default();
        // Answers whether it was recalled.
        let mut read = |id, tick, now: &EntityState, ages| {
            let baseline = baseline(ages, 3);
            let bytes = written(now, &baseline);
            let (mut plain, mut reader) = (BitReader::new(&bytes), BitReader::new(&bytes));
            assert_eq!(decode_delta(&mut plain, &baseline).unwrap(), *now);
            let recalled = memo.recall(&mut reader, id, Tick(tick), ages);
            if recalled.is_none() {
                assert_eq!(reader.left(), bytes.len() * 8, "nothing is taken");
                memo.note(&reader, &plain, id, Tick(tick), ages, *now);
                return false;
            }
            assert_eq!((recalled, reader.left()), (Some(*now), plain.left()));
            true
        };
        let now = state(3, 0);
        let other_age =
            (7..63).find(|&age| place(ANN, Tick(100), ages(age)) == place(ANN, Tick(100), ages(6))).unwrap();
        for (why, id, tick, now, ages_now) in [
            ("other bits", ANN, 100, EntityState { pitch: 9, ..now }, ages(6)),
            ("another baseline in the same place", ANN, 100, now, ages(other_age)),
            ("somebody else in the same place", NetId(7 + ENTITIES as u16), 100, now, ages(6)),
            ("another tick in the same place", ANN, 102, now, ages(6)),
        ] {
            read(ANN, 100, &state(3, 0), ages(6));
            assert!(read(ANN, 100, &state(3, 0), ages(6)), "{why}");
            assert!(!read(id, tick, &now, ages_now), "{why}");
            assert!(read(id, tick, &now, ages_now), "{why}");
        }
        assert!(!read(ANN, 103, &now, ages(6)), "the next tick");
        assert!(read(ANN, 102, &now, ages(6)), "of the one before some are still to read");
        assert_eq!(memo.hits, 9);
    }

    #[test]
    fn bits_that_end_early_are_not_recalled_whatever_zeros_they_end_in() {
        let (mut memo, baseline) = (DecodeMemo::default(), baseline(ages(6), 90));
        let bytes = written(&EntityState { flags: 0xf8, yaw: 900, pitch: 800, ..state(90, 0) }, &baseline);
        let (from, mut to) = (BitReader::new(&bytes), BitReader::new(&bytes));
        let state = decode_delta(&mut to, &baseline).unwrap();
        let len = from.left() - to.left();
        memo.note(&from, &to, ANN, Tick(100), ages(6), state);
        for bytes_left in 0..=bytes.len() {
            let mut reader = BitReader::new(&bytes[..bytes_left]);
            let recalled = memo.recall(&mut reader, ANN, Tick(100), ages(6));
            assert_eq!(recalled, (bytes_left * 8 >= len).then_some(state), "{bytes_left} bytes");
        }
    }
}
