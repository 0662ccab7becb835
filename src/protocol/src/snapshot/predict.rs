//! What an entity is expected to do, and how far off that may be: from the baseline alone, by integers alone.
//!
//! spec: SNP-12, SNP-13. The prediction is a straight line: the newest state plus what its velocity makes of its age, less
//! as the age grows (people turn back). How far off it may be is guessed by *features*, each a small class of something
//! that both ends know: how fast, how bent the way, how old. Every class has a trained score, and the sum chooses the
//! code in which the difference is written.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::baseline::Baseline;
use super::field::{DIFFERENCED, differences, values};
use crate::state::flag;

/// Features of each field.
pub const FEATURES: usize = 6;
/// Classes of a feature at most.
pub const FEATURE_CLASSES: usize = 26;
/// Classes of an age.
pub const AGE_CLASSES: usize = 10;
/// Youngest age of each class but the first, in ticks.
const AGE_CLASS_STARTS: [u8; AGE_CLASSES - 1] = [2, 4, 6, 8, 12, 16, 24, 32, 48];
/// Contexts of the mask: three classes each of age, speed, climbing, turning and nodding, and three of age when there is no
/// velocity.
pub const MASK_CONTEXTS: usize = 3 * 81 + 3;

/// Velocities count in this part of a unit (or angle step) per tick.
const VELOCITY_SCALE: i32 = 8;
/// A velocity beyond this is a teleport, not a motion: 4,096 units per tick, in [`VELOCITY_SCALE`]ths.
const VELOCITY_MAX: i32 = 4_096 * VELOCITY_SCALE;
/// Gains count in this part of one.
pub const GAIN_SCALE: i32 = 16;
/// Largest class of a magnitude: 2^11 and more.
const MAGNITUDE_CLASS_MAX: u8 = 12;
/// Class of a magnitude that is not known because the baseline has too few states.
const UNKNOWN: u8 = 13;
/// As [`UNKNOWN`], of a class with sign.
const UNKNOWN_SIGNED: u8 = 25;

/// Differences from the prediction, by field; those not yet known are 0.
pub type Residuals = [i32; DIFFERENCED];

/// Part of the velocity that is expected to last, by field and class of age, in [`GAIN_SCALE`]ths.
pub type Gains = [[i32; AGE_CLASSES]; DIFFERENCED];

/// What the baseline says of the state to come.
#[derive(Clone, Copy, Debug)]
pub struct Outlook {
    base: [i32; DIFFERENCED],
    /// In [`VELOCITY_SCALE`]ths per tick.
    velocity: Option<[i32; DIFFERENCED]>,
    acceleration: Option<[i32; DIFFERENCED]>,
    age: i32,
    age_class: u8,
    is_airborne: bool,
    classes: Classes,
}

/// The classes that do not depend on the differences.
#[derive(Clone, Copy, Debug)]
struct Classes {
    velocity: [u8; DIFFERENCED],
    acceleration: [u8; DIFFERENCED],
    /// Of the larger velocity of x and y.
    fast: u8,
    /// Of the larger acceleration of x and y.
    bent: u8,
    climb: u8,
}

impl Outlook {
    /// What `baseline` says.
    #[must_use]
    pub fn of(baseline: &Baseline) -> Self {
        let [newest, second, third] = baseline.states();
        let (ages, step) = (baseline.ages(), i32::from(baseline.ages().step()));
        let (base, second, third) = (values(newest), values(second), values(third));
        let velocity = (ages.older() >= 1).then(|| velocity_of(&base, &second, step));
        let acceleration = velocity.filter(|_| ages.older() >= 2).map(|now| {
            let before = velocity_of(&second, &third, step);
            let mut change = now;
            change.iter_mut().zip(before).for_each(|(now, before)| *now -= before);
            change
        });
        let age_class = AGE_CLASS_STARTS.iter().filter(|&&start| ages.newest() >= start).count() as u8;
        let is_airborne = newest.flags & flag::AIRBORNE != 0;
        let classes = Classes::of(velocity, acceleration);
        Self { base, velocity, acceleration, age: i32::from(ages.newest()), age_class, is_airborne, classes }
    }

    /// spec: SNP-12. The value that each field is expected to have, not yet wrapped into its width.
    #[must_use]
    pub fn predict(&self, gains: &Gains) -> [i32; DIFFERENCED] {
        let mut values = self.base;
        let Some(velocity) = self.velocity else { return values };
        for ((value, velocity), by_age) in values.iter_mut().zip(velocity).zip(gains) {
            let gain = by_age.get(usize::from(self.age_class)).copied().unwrap_or(0);
            *value = value.wrapping_add(divide_rounded(velocity * self.age * gain, VELOCITY_SCALE * GAIN_SCALE));
        }
        values
    }

    /// spec: SNP-13. Whether a difference of this field is told with the other sign: what speeds up tends to go on doing
    /// so, what rises falls, and who turns turns back. So signs are told along the change of the velocity in x and y, and
    /// along the velocity in the other fields.
    #[must_use]
    pub fn is_flipped(&self, field: usize) -> bool {
        let along = if field < 2 { self.acceleration } else { self.velocity };
        along.and_then(|along| along.get(field).copied()).is_some_and(|along| along < 0)
    }

    /// Class of the newest state's age.
    #[must_use]
    pub const fn age_class(&self) -> u8 {
        self.age_class
    }

    /// spec: SNP-13. The classes that choose the code of a field, given the differences of the fields before it.
    #[must_use]
    pub fn features(&self, field: usize, residuals: &Residuals) -> [u8; FEATURES] {
        let [rx, ry, _, ryaw, _] = *residuals;
        let Classes { velocity: [vx, _, _, vyaw, vpitch], acceleration: [ax, ay, az, ayaw, apitch], .. } = self.classes;
        let Classes { velocity: [_, vy, vz, ..], fast, bent, climb, .. } = self.classes;
        let age = self.age_class;
        let moved = || magnitude(rx.abs().max(ry.abs()));
        match field {
            0 => [age, fast, ax, bent, vx, vz],
            1 => [age, fast, ay, bent, vy, magnitude(rx)],
            2 => [age, climb, az, moved(), fast, u8::from(self.is_airborne)],
            3 => [age, vyaw, ayaw, vpitch, fast, moved()],
            _ => [age, vpitch, apitch, vyaw, magnitude(ryaw), fast],
        }
    }

    /// spec: SNP-13. The context in which it is said which fields are as predicted.
    #[must_use]
    pub fn mask_context(&self) -> usize {
        let age = match self.age_class {
            0..=1 => 0,
            2..=4 => 1,
            _ => 2,
        };
        let Some([x, y, z, yaw, pitch]) = self.velocity else { return 3 * 81 + age };
        let third = |of: i32| match of {
            0 => 0,
            1..=8 => 1,
            _ => 2,
        };
        let bends = self.acceleration.is_some_and(|[_, _, z, ..]| z != 0);
        let climb = if z != 0 { 2 } else { usize::from(bends) };
        let [speed, turn, nod] = [x.abs().max(y.abs()), yaw.abs(), pitch.abs()].map(third);
        (((age * 3 + speed) * 3 + climb) * 3 + turn) * 3 + nod
    }
}

impl Classes {
    fn of(velocity: Option<[i32; DIFFERENCED]>, acceleration: Option<[i32; DIFFERENCED]>) -> Self {
        let each = |of: Option<[i32; DIFFERENCED]>| of.map_or([UNKNOWN; DIFFERENCED], |of| of.map(magnitude));
        let larger = |[x, y, ..]: [u8; DIFFERENCED]| x.max(y);
        let (speeds, bends) = (each(velocity), each(acceleration));
        let climb = match velocity {
            None => UNKNOWN_SIGNED,
            Some([_, _, z, ..]) if z < 0 => MAGNITUDE_CLASS_MAX + magnitude(z),
            Some([_, _, z, ..]) => magnitude(z),
        };
        Self { velocity: speeds, acceleration: bends, fast: larger(speeds), bent: larger(bends), climb }
    }
}

/// The bit length of a magnitude.
fn magnitude(value: i32) -> u8 {
    ((32 - value.unsigned_abs().leading_zeros()) as u8).min(MAGNITUDE_CLASS_MAX)
}

fn velocity_of(now: &[i32; DIFFERENCED], before: &[i32; DIFFERENCED], step: i32) -> [i32; DIFFERENCED] {
    // Divisors that are known when this is compiled cost a fifth of others.
    match step {
        1 => velocity_in_steps::<1>(now, before),
        2 => velocity_in_steps::<2>(now, before),
        3 => velocity_in_steps::<3>(now, before),
        4 => velocity_in_steps::<4>(now, before),
        6 => velocity_in_steps::<6>(now, before),
        8 => velocity_in_steps::<8>(now, before),
        _ => velocity_in_steps::<12>(now, before),
    }
}

fn velocity_in_steps<const STEP: i32>(now: &[i32; DIFFERENCED], before: &[i32; DIFFERENCED]) -> [i32; DIFFERENCED] {
    differences(now, before).map(|way| divide_rounded(way * VELOCITY_SCALE, STEP).clamp(-VELOCITY_MAX, VELOCITY_MAX))
}

/// To the nearest whole number, halves upwards; `by` is positive.
#[inline]
fn divide_rounded(value: i32, by: i32) -> i32 {
    if by == 1 { value } else { (2 * value + by).div_euclid(2 * by) }
}

#[cfg(test)]
mod tests {
    use super::super::baseline::BaselineAges;
    use super::*;
    use crate::EntityState;

    /// A baseline of these x, newest first, `step` ticks apart.
    fn outlook(age: u8, step: u8, x: &[i32]) -> Outlook {
        let ages = BaselineAges::new(age, step, x.len() as u8 - 1).unwrap();
        let mut states = x.iter().map(|&x| EntityState { x, ..EntityState::default() });
        Outlook::of(&Baseline::gather(ages, |_| states.next()).unwrap())
    }

    const ALL: Gains = [[GAIN_SCALE; AGE_CLASSES]; DIFFERENCED];

    /// proves: SNP-12
    #[test]
    fn a_straight_way_is_continued_and_a_gain_shortens_it() {
        assert_eq!(outlook(6, 3, &[1_000, 970]).predict(&ALL)[0], 1_060);
        assert_eq!(outlook(6, 3, &[1_000, 970]).predict(&[[8; AGE_CLASSES]; DIFFERENCED])[0], 1_030);
        assert_eq!(outlook(6, 0, &[1_000]).predict(&ALL)[0], 1_000);
        assert_eq!(outlook(4, 3, &[10, 9]).predict(&ALL)[0], 12, "8/3 is 3, and 3 * 4 / 8 is 2");
    }

    #[test]
    fn a_teleport_in_the_baseline_is_no_reason_to_overflow() {
        for x in [i32::MAX, i32::MIN, 0] {
            for second in [i32::MAX, i32::MIN, 0, 1 << 21] {
                for step in [1, 12] {
                    let out = outlook(39, step, &[x, second, x]);
                    let _ = out.predict(&ALL);
                    assert!(out.mask_context() < MASK_CONTEXTS);
                }
            }
        }
    }

    /// proves: SNP-13
    #[test]
    fn features_say_what_is_not_known() {
        let none = [0; DIFFERENCED];
        assert_eq!(outlook(6, 0, &[5]).features(0, &none), [3, 13, 13, 13, 13, 13]);
        assert_eq!(outlook(6, 0, &[5]).features(2, &none), [3, 25, 13, 0, 13, 0]);
        assert_eq!(outlook(6, 1, &[5, 4]).features(0, &none), [3, 4, 13, 13, 4, 0]);
        assert_eq!(outlook(6, 1, &[5, 4, 4]).features(0, &none), [3, 4, 4, 4, 4, 0]);
        assert_eq!(outlook(1, 1, &[5, 4, 4]).features(1, &[9, 0, 0, 0, 0]), [0, 4, 0, 4, 0, 4]);
    }
}
