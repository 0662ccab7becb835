//! How a body goes on turning, and how far off that is: in Rice codes, whose parameter follows from the speed of the turn.
//!
//! spec: SNP-18. A body that turns evenly goes round a circle through its orientations, of radius [`RADIUS`] steps. Where it
//! was twice says how fast: from that follow the straight part of the way and how much it bends, which is towards the middle,
//! so each component is drawn back in proportion to itself. What the next term of the series would be, and the rounding of
//! the states in the baseline, is what the parameter expects; there is nothing to be trained, and no recording to train on.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::baseline::Baseline;
use crate::EntityState;
use crate::bits::{BitReader, BitRun, OutOfBits, unzigzag, zigzag};
use crate::orientation::{COMPONENT_BITS, Orientation};

/// Parameter when nothing is known of the speed: a turn a second, seen a tenth of a second ago.
const UNKNOWN_BITS: u32 = 6;
/// Largest parameter: then a component costs as much as in full.
const RICE_BITS_MAX: u32 = COMPONENT_BITS - 1;
/// One, in steps of a component, and its square.
const RADIUS: i64 = 723;
const RADIUS_SQUARED: i64 = 2 * 511 * 511;
/// The next term of the series is a third of the way times the bend over the radius, and over three components half of the
/// largest on average: six times the radius as a power of two.
const NEXT_TERM_BITS: u32 = 12;
/// Components that differ by this many bits or more are told in full.
const FULL_BITS: u32 = 32;

/// What a baseline makes one expect of a body's orientation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    expected: Orientation,
    rice_bits: u32,
}

impl Turn {
    /// spec: SNP-18. What `baseline` says.
    pub(super) fn of(baseline: &Baseline) -> Self {
        let (newest, ages) = (baseline.states()[0].orientation(), baseline.ages());
        // The oldest: the longer the way, the less its rounding weighs. Components of another turn cannot be compared.
        let oldest = baseline.states().iter().take(ages.older() + 1).map(EntityState::orientation);
        let oldest = oldest.enumerate().skip(1).take_while(|(_, of)| of.largest() == newest.largest()).last();
        let Some((steps, oldest)) = oldest else { return Self { expected: newest, rice_bits: UNKNOWN_BITS } };
        let (age, span) = (i64::from(ages.newest()), i64::from(ages.step()) * steps as i64);
        let (mut others, before) = (newest.others(), oldest.others());
        let mut ways = others;
        ways.iter_mut().zip(before).for_each(|(way, before)| *way = wrap(*way - before));
        // Twice the square of how far it turns in the time, times the square of the radius and of the span.
        let chord =
            ways.map(|way| i64::from(way).pow(2)).iter().sum::<i64>() + (left_out(others) - left_out(before)).pow(2);
        let bend = chord * age * (age + span);
        let scale = 2 * span * span * RADIUS_SQUARED;
        let mut way_most = 0;
        for (other, way) in others.iter_mut().zip(ways) {
            let on = 2 * i64::from(way) * age * span * RADIUS_SQUARED - i64::from(*other) * bend;
            let way = (2 * on + scale).div_euclid(2 * scale);
            way_most = way_most.max(way.abs());
            *other = other.wrapping_add(way as i32);
        }
        let bent = bits_of((way_most * (bend / (2 * span * span * RADIUS))) >> NEXT_TERM_BITS);
        let rounded = bits_of(age / span).saturating_sub(1);
        let rice_bits = bent.max(rounded).min(RICE_BITS_MAX);
        Self { expected: Orientation::new(newest.largest(), others), rice_bits }
    }

    /// What is expected.
    pub(super) const fn expected(&self) -> Orientation {
        self.expected
    }

    /// Writes another orientation than the one expected.
    pub(super) fn put(&self, run: &mut BitRun, now: Orientation) {
        let mut off = now.others();
        off.iter_mut().zip(self.expected.others()).for_each(|(now, expected)| *now = wrap(*now - expected));
        let bits: u32 = off.iter().map(|&off| (zigzag(off) >> self.rice_bits) + 1 + self.rice_bits).sum();
        if now.largest() != self.expected.largest() || bits >= FULL_BITS {
            run.put(1, 1);
            run.put(u64::from(now.bits()), 32);
            return;
        }
        run.put(0, 1);
        for off in off.map(zigzag) {
            let ones = off >> self.rice_bits;
            run.put((1 << ones) - 1, ones + 1);
            run.put(u64::from(off & ((1 << self.rice_bits) - 1)), self.rice_bits);
        }
    }

    /// Reads what [`Self::put`] wrote.
    pub(super) fn take(&self, reader: &mut BitReader<'_>) -> Result<Orientation, OutOfBits> {
        if reader.take_bool()? {
            return Ok(Orientation::from_bits(reader.take(32)? as u32));
        }
        let mut others = self.expected.others();
        for other in &mut others {
            let mut off = 0_u32;
            while reader.take_bool()? {
                off = off.wrapping_add(1 << self.rice_bits);
            }
            off |= reader.take(self.rice_bits)? as u32;
            *other += wrap(unzigzag(off & ((1 << COMPONENT_BITS) - 1)));
        }
        Ok(Orientation::new(self.expected.largest(), others))
    }
}

/// The shorter way round.
fn wrap(steps: i32) -> i32 {
    let spare = 32 - COMPONENT_BITS;
    (steps << spare) >> spare
}

/// The component that is not told, in steps.
fn left_out(others: [i32; 3]) -> i64 {
    (RADIUS_SQUARED - others.iter().map(|&other| i64::from(other).pow(2)).sum::<i64>()).max(0).isqrt()
}

fn bits_of(value: i64) -> u32 {
    64 - value.leading_zeros()
}
