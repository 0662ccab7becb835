//! How a body goes on turning, and how far off that is: in Rice codes, whose parameter follows from the speed of the turn.
//!
//! spec: SNP-18. The components that are told go on in a straight line. They really go along arcs of radius 723 steps, so
//! a line is off by the square of the way over twice that. That, and the rounding of the states in the baseline, is what
//! the parameter expects; there is nothing to be trained, and no recording to train it on.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::baseline::Baseline;
use crate::EntityState;
use crate::bits::{BitReader, BitRun, OutOfBits, unzigzag, zigzag};
use crate::orientation::{COMPONENT_BITS, Orientation};

/// Parameter when nothing is known of the speed: a turn a second, seen a tenth of a second ago.
const UNKNOWN_BITS: u32 = 6;
/// Largest parameter: then a component costs as much as in full.
const RICE_BITS_MAX: u32 = COMPONENT_BITS - 1;
/// Twice the radius of the arcs as a power of two: 2^10.5 steps are 1,448, rounded up.
const ARC_BITS: u32 = 11;
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
        let (age, span) = (i32::from(ages.newest()), i32::from(ages.step()) * steps as i32);
        let (mut others, mut way_most) = (newest.others(), 0);
        for (other, before) in others.iter_mut().zip(oldest.others()) {
            let way = (2 * wrap(*other - before) * age + span).div_euclid(2 * span);
            *other += way;
            way_most = way_most.max(way.abs());
        }
        let bent = bits_of((way_most * way_most) >> ARC_BITS);
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

fn bits_of(value: i32) -> u32 {
    32 - value.leading_zeros()
}
