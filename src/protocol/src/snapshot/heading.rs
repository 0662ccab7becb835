//! Which way an entity goes, and places told along that way and across it.
//!
//! spec: SNP-20. Who goes somewhere is mostly wrong foreseen along the way, and little to the sides of it: by two numbers
//! along and across the way more is known beforehand than by two along the axes of the map. The turn into that frame is
//! three shears, each of which adds a part of one coordinate to the other; whole numbers stay whole, and taking the same
//! parts away again in the opposite order turns back exactly.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

/// Directions that are told apart: 64 to a turn, each 5.6 degrees.
const SECTORS: i32 = 64;
/// Sectors to a quarter of a turn, and to half of one.
const QUARTER: i32 = SECTORS / 4;
const EIGHTH: i32 = SECTORS / 8;
/// Angle steps to a sector, as a shift: 4,096 steps to a turn.
const SECTOR_SHIFT: u32 = 6;
/// Tables of this file count in this part of one.
const SHIFT: u32 = 10;
/// Slower than this, in the units of velocities, the way is where the entity looks: 1 unit per tick, 19 cm/s.
const SLOW_MAX: i32 = 8;
/// tan((k + 1/2) turn / 64): where one sector ends and the next begins, for k of 0 to 7.
const ENDS: [i32; EIGHTH as usize] = [50, 152, 256, 366, 484, 614, 759, 928];
/// tan(k turn / 128) and sin(k turn / 64), for k of 0 to 8.
const TAN_HALF: [i32; EIGHTH as usize + 1] = [0, 50, 101, 152, 204, 256, 311, 366, 424];
const SIN: [i32; EIGHTH as usize + 1] = [0, 100, 200, 297, 392, 483, 569, 650, 724];

/// A direction in the x-y plane, and the shears that turn it to the first axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heading {
    /// 0 for the direction of x, counted towards y.
    sector: i32,
    /// Cosine and sine of the quarter turns to the axis that is nearest.
    quarter: (i32, i32),
    tan_half: i32,
    sin: i32,
}

impl Heading {
    /// The direction of a velocity, or that of the yaw if it is hardly one.
    pub(super) fn of(vx: i32, vy: i32, yaw: i32) -> Self {
        let (across, along) = (vx.abs().min(vy.abs()), vx.abs().max(vy.abs()));
        if along <= SLOW_MAX {
            return Self::from_sector((yaw + (1 << (SECTOR_SHIFT - 1))) >> SECTOR_SHIFT);
        }
        let off_axis: i32 = ENDS.iter().map(|end| i32::from(across << SHIFT > along * end)).sum();
        let from_x = if vx.abs() >= vy.abs() { off_axis } else { QUARTER - off_axis };
        let upper = if vx < 0 { 2 * QUARTER - from_x } else { from_x };
        Self::from_sector(if vy < 0 { -upper } else { upper })
    }

    fn from_sector(sector: i32) -> Self {
        let sector = sector & (SECTORS - 1);
        let off_quarter = ((sector + EIGHTH) & (QUARTER - 1)) - EIGHTH;
        let at = off_quarter.unsigned_abs() as usize;
        let part = |table: &[i32]| table.get(at).map_or(0, |&part| part * off_quarter.signum());
        let quarters = ((sector + EIGHTH) / QUARTER) & 3;
        // No branches: which way people go is not for a processor to guess.
        let quarter = ((1 - (quarters & 1)) * (1 - (quarters & 2)), (quarters & 1) * (2 - quarters));
        Self { sector, quarter, tan_half: part(&TAN_HALF), sin: part(&SIN) }
    }

    /// How far to the left of it an angle is, the shorter way round.
    pub(super) fn angle_to(self, yaw: i32) -> i32 {
        let off = yaw - (self.sector << SECTOR_SHIFT);
        (off << 20) >> 20
    }

    /// Across (left is positive) and along of x and y, both of a magnitude below 2^20.
    #[inline]
    pub(super) fn across_and_along(self, x: i32, y: i32) -> (i32, i32) {
        let (cos, sin) = self.quarter;
        let (mut along, mut across) = (cos * x + sin * y, cos * y - sin * x);
        along += part(self.tan_half, across);
        across -= part(self.sin, along);
        along += part(self.tan_half, across);
        (across, along)
    }

    /// Undoes [`Self::across_and_along`].
    #[inline]
    pub(super) fn x_and_y(self, across: i32, along: i32) -> (i32, i32) {
        let (mut across, mut along) = (across, along);
        along -= part(self.tan_half, across);
        across += part(self.sin, along);
        along -= part(self.tan_half, across);
        let (cos, sin) = self.quarter;
        (cos * along - sin * across, sin * along + cos * across)
    }
}

/// To the nearest whole number, halves upwards.
#[inline]
const fn part(share: i32, of: i32) -> i32 {
    (share * of + (1 << (SHIFT - 1))) >> SHIFT
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::TAU;

    /// proves: SNP-20
    #[test]
    fn tables_are_those_of_the_circle() {
        let turn = TAU / f64::from(SECTORS);
        let scaled = |of: f64| (of * f64::from(1 << SHIFT)).round() as i32;
        assert_eq!(ENDS, std::array::from_fn(|k| scaled(((k as f64 + 0.5) * turn).tan())));
        assert_eq!(TAN_HALF, std::array::from_fn(|k| scaled((k as f64 * turn / 2.0).tan())));
        assert_eq!(SIN, std::array::from_fn(|k| scaled((k as f64 * turn).sin())));
    }

    /// proves: SNP-20
    #[test]
    fn a_direction_lies_in_its_sector_and_is_turned_to_the_first_axis() {
        for at in 0..4_096 {
            let (sin, cos) = (f64::from(at) * TAU / 4_096.0).sin_cos();
            let (x, y) = ((cos * 10_000.0) as i32, (sin * 10_000.0) as i32);
            let heading = Heading::of(x, y, 0);
            assert!(heading.angle_to(at).abs() <= 33, "{at}");
            let (across, along) = heading.across_and_along(x, y);
            assert!(along > 9_900 && across.abs() < 600, "{at}: {across} {along}");
            assert_eq!(Heading::of(8, -8, at).sector, (at + 32) / 64 % 64, "it is slow: where it looks");
        }
    }

    proptest! {
        /// proves: SNP-20
        #[test]
        fn what_is_turned_is_turned_back_exactly(sector in 0..64_i32, x in -8_192..8_192_i32, y in -8_192..8_192_i32) {
            let heading = Heading::from_sector(sector);
            let (across, along) = heading.across_and_along(x, y);
            prop_assert_eq!(heading.x_and_y(across, along), (x, y));
            let (x, y) = (f64::from(x), f64::from(y));
            let (sin, cos) = (f64::from(sector) * TAU / f64::from(SECTORS)).sin_cos();
            prop_assert!((f64::from(along) - (x * cos + y * sin)).abs() < 16.0);
            prop_assert!((f64::from(across) - (y * cos - x * sin)).abs() < 16.0);
        }
    }
}
