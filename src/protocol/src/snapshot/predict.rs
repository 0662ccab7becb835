//! What an entity is expected to do, and what is known of how far off that may be: from the baseline alone, by integers
//! alone.
//!
//! spec: SNP-12, SNP-22. The prediction is a straight line: the newest state plus what its velocity makes of its age, less
//! as the age grows (people turn back); who falls goes on falling. How far off it may be, and to which side, is guessed from
//! *evidence*: how fast, how bent the way, where it looks, and how far off the fields before were.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::baseline::Baseline;
use super::field::{DIFFERENCED, differences, values};
use super::heading::Heading;

/// Pieces of evidence.
pub const EVIDENCE: usize = 20;
/// Their names in the file of tables.
#[rustfmt::skip]
pub const EVIDENCE_NAMES: [&str; EVIDENCE] = [
    "step", "ahead", "gain", "bend", "climb", "drop", "turn", "swing", "nod", "tilt", "side", "pitch",
    "across", "|across|", "along", "|along|", "z", "|z|", "yaw", "|yaw|",
];
/// Where differences begin: two places for each field, with sign and without.
pub(super) const FOUND: usize = 12;
/// Places of evidence: a power of two, so that none is out of reach.
const EVIDENCE_ROOM: usize = 32;
/// Added to the step of a baseline with only two states.
const STEP_OF_TWO: i32 = 16;

/// Classes of an age.
pub const AGE_CLASSES: usize = 10;
/// Youngest age of each class but the first, in ticks.
const AGE_CLASS_STARTS: [u8; AGE_CLASSES - 1] = [2, 4, 6, 8, 12, 16, 24, 32, 48];

/// Velocities count in this part of a unit (or angle step) per tick.
const VELOCITY_SCALE: i32 = 8;
/// A velocity beyond this is a teleport, not a motion: 4,096 units per tick, in [`VELOCITY_SCALE`]ths.
const VELOCITY_MAX: i32 = 4_096 * VELOCITY_SCALE;
/// Gains count in this part of one.
pub const GAIN_SCALE: i32 = 16;
/// Half of the gravity of motion.md, 20 m/s^2: so many units per tick squared, as a fraction.
const HALF_GRAVITY: (i32, i32) = (8, 9);

/// Places of fields in the order in which their differences are told; behind the first comes that along the way.
const ACROSS: usize = 0;
const Z: usize = 2;
const YAW: usize = 3;
const PITCH: usize = 4;

/// Differences from the prediction, by field, the first two across and along the way; those not yet known are 0.
pub type Residuals = [i32; DIFFERENCED];

/// Part of the velocity that is expected to last, by field and class of age, in [`GAIN_SCALE`]ths.
pub type Gains = [[i32; AGE_CLASSES]; DIFFERENCED];

/// What the baseline says of the state to come.
#[derive(Clone, Copy, Debug)]
pub struct Outlook {
    base: [i32; DIFFERENCED],
    /// In [`VELOCITY_SCALE`]ths per tick; 0 if only one state is known.
    velocity: [i32; DIFFERENCED],
    age: i32,
    age_class: u8,
    step: i32,
    heading: Heading,
    evidence: Evidence,
    is_falling: bool,
}

/// What both ends know before they know the next number. Who turns left is like somebody who turns right in a mirror, and
/// who looks up much like somebody who looks down: both are told as the same, so that there is twice as much to learn from.
#[derive(Clone, Copy, Debug)]
pub struct Evidence {
    values: [i16; EVIDENCE_ROOM],
    /// -1 where left and right are exchanged, else 1.
    side: i32,
    /// -1 where up and down are exchanged, else 1.
    rise: i32,
}

impl Outlook {
    /// What `baseline` says.
    #[must_use]
    pub fn of(baseline: &Baseline) -> Self {
        let [newest, second, third] = baseline.states();
        let (ages, step) = (baseline.ages(), i32::from(baseline.ages().step()));
        let base = values(newest);
        let (mut velocity, mut change) = ([0; DIFFERENCED], [0; DIFFERENCED]);
        if ages.older() >= 1 {
            let second = values(second);
            velocity = velocity_of(&base, &second, step);
            if ages.older() >= 2 {
                let before = velocity_of(&second, &values(third), step);
                change = velocity;
                change.iter_mut().zip(before).for_each(|(now, before)| *now -= before);
            }
        }
        let age_class = AGE_CLASS_STARTS.iter().map(|&start| u8::from(ages.newest() >= start)).sum();
        let [vx, vy, climb, turn, nod] = velocity;
        let [cx, cy, drop, swing, tilt] = change;
        let [.., yaw, pitch] = base;
        let heading = Heading::of(vx, vy, yaw);
        let (_, ahead) = heading.across_and_along(vx, vy);
        let (bend, gain) = heading.across_and_along(cx, cy);
        let known_step = if ages.older() == 1 { step + STEP_OF_TWO } else { step };
        let (to_side, pitch) = (heading.angle_to(yaw), (pitch << 20) >> 20);
        let sign = |of: i32| of >> 31 | 1;
        let (side, rise) = (sign(if bend == 0 { turn } else { bend }), sign(nod));
        let (bend, turn, swing, to_side) = (side * bend, side * turn, side * swing, side * to_side);
        let (nod, tilt, pitch) = (rise * nod, rise * tilt, rise * pitch);
        let known = [known_step, ahead, gain, bend, climb, drop, turn, swing, nod, tilt, to_side, pitch];
        let mut evidence = Evidence { values: [0; EVIDENCE_ROOM], side, rise };
        evidence.values.iter_mut().zip(known).for_each(|(place, known)| *place = bounded(known));
        Self {
            base,
            velocity,
            age: i32::from(ages.newest()),
            age_class,
            step,
            heading,
            evidence,
            is_falling: climb != 0 && drop < 0,
        }
    }

    /// spec: SNP-12. The value that each field is expected to have, not yet wrapped into its width.
    #[must_use]
    pub fn predict(&self, gains: &Gains) -> [i32; DIFFERENCED] {
        let mut values = self.base;
        for ((value, velocity), by_age) in values.iter_mut().zip(self.velocity).zip(gains) {
            let gain = by_age.get(usize::from(self.age_class)).copied().unwrap_or(0);
            *value = value.wrapping_add(divide_rounded(velocity * self.age * gain, VELOCITY_SCALE * GAIN_SCALE));
        }
        values
    }

    /// spec: SNP-12. As [`Self::predict`], of what falls when nothing carries it: then z keeps all of its velocity, and
    /// gravity adds to it from the middle of the step in which that was seen.
    #[must_use]
    pub fn predict_alive(&self, gains: &Gains) -> [i32; DIFFERENCED] {
        let mut values = self.predict(gains);
        if self.is_falling {
            let straight = divide_rounded(self.velocity[Z] * self.age, VELOCITY_SCALE);
            let fallen = divide_rounded(HALF_GRAVITY.0 * self.age * (self.age + self.step), HALF_GRAVITY.1);
            values[Z] = self.base[Z] + straight - fallen;
        }
        values
    }

    /// spec: SNP-20. Differences of x and y as differences across and along the way.
    pub(super) fn along_the_way(&self, differences: [i32; DIFFERENCED]) -> Residuals {
        let [x, y, z, yaw, pitch] = differences;
        let (across, along) = self.heading.across_and_along(x, y);
        [across, along, z, yaw, pitch]
    }

    /// Undoes [`Self::along_the_way`].
    pub(super) fn on_the_map(&self, residuals: Residuals) -> [i32; DIFFERENCED] {
        let [across, along, z, yaw, pitch] = residuals;
        let (x, y) = self.heading.x_and_y(across, along);
        [x, y, z, yaw, pitch]
    }

    /// spec: SNP-22. What is known before any difference is.
    #[must_use]
    pub const fn evidence(&self) -> Evidence {
        self.evidence
    }

    /// Class of the newest state's age.
    #[must_use]
    pub const fn age_class(&self) -> u8 {
        self.age_class
    }
}

impl Evidence {
    /// One piece.
    #[inline]
    #[must_use]
    pub fn get(&self, place: u8) -> i16 {
        self.values.get(usize::from(place) % EVIDENCE_ROOM).copied().unwrap_or(0)
    }

    /// spec: SNP-13. -1 if differences of this field are told with the other sign, else 1.
    #[inline]
    #[must_use]
    pub const fn sign(&self, field: usize) -> i32 {
        match field {
            ACROSS | YAW => self.side,
            PITCH => self.rise,
            _ => 1,
        }
    }

    /// Takes note of a field's difference, in the sign in which it is told; of that of the last field nobody asks.
    #[inline]
    pub fn learn(&mut self, field: usize, told: i32) {
        let place = FOUND + 2 * field;
        if let Some([with_sign, without]) = self.values.get_mut(place..place + 2) {
            (*with_sign, *without) = (bounded(told), bounded(told.abs()));
        }
    }
}

/// The nearest number that has a place.
fn bounded(value: i32) -> i16 {
    value.clamp(i16::MIN.into(), i16::MAX.into()) as i16
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

    /// A baseline of these states, newest first, `step` ticks apart.
    fn outlook_of(age: u8, step: u8, states: &[EntityState]) -> Outlook {
        let ages = BaselineAges::new(age, step, states.len() as u8 - 1).unwrap();
        let mut states = states.iter().copied();
        Outlook::of(&Baseline::gather(ages, |_| states.next()).unwrap())
    }

    /// A baseline of these x.
    fn outlook(age: u8, step: u8, x: &[i32]) -> Outlook {
        let states: Vec<_> = x.iter().map(|&x| EntityState { x, ..EntityState::default() }).collect();
        outlook_of(age, step, &states)
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

    /// proves: SNP-12
    #[test]
    fn who_falls_is_expected_where_gravity_takes_it() {
        // 16 / 9 units per tick squared, from rest at tick 0.
        let fallen = |ticks: i32| EntityState { z: (5_000 - 8 * ticks * ticks / 9) as i16, ..EntityState::default() };
        let states: Vec<_> = [30, 27, 24].map(fallen).to_vec();
        let z = outlook_of(6, 3, &states).predict_alive(&[[0; AGE_CLASSES]; DIFFERENCED])[2];
        assert!((z - i32::from(fallen(36).z)).abs() <= 2, "{z}");
        let level = outlook_of(6, 3, &[fallen(0); 3]).predict_alive(&ALL)[2];
        assert_eq!(level, 5_000, "who stands does not fall");
    }

    #[test]
    fn a_teleport_in_the_baseline_is_no_reason_to_overflow() {
        for x in [i32::MAX, i32::MIN, 0] {
            for second in [i32::MAX, i32::MIN, 0, 1 << 21] {
                for step in [1, 12] {
                    let z = (x >> 16) as i16;
                    let state = |x: i32, z: i16| EntityState { x, y: -(x >> 1), z, ..EntityState::default() };
                    let out = outlook_of(39, step, &[state(x, z), state(second, 0), state(x, z)]);
                    let (_, _) = (out.predict(&ALL), out.predict_alive(&ALL));
                    assert!(out.evidence().get(1) > -16, "ahead is not behind, but for who hardly moves");
                }
            }
        }
    }

    /// proves: SNP-22
    #[test]
    fn evidence_says_how_it_goes_and_left_is_told_as_right() {
        let at = |x, y, yaw, pitch| EntityState { x, y, yaw, pitch, ..EntityState::default() };
        let seen = |out: &Outlook| -> Vec<i16> { (0..12).map(|place| out.evidence().get(place)).collect() };
        // East, then slower and bent to the right (south), looking north-east and turning right, nodding down.
        let right = outlook_of(6, 1, &[at(120, -10, 500, 4_090), at(100, 0, 512, 1), at(70, 0, 512, 4)]);
        let left = outlook_of(
            6,
            1,
            &[at(120, 10, 4_096 - 500, 6), at(100, 0, 4_096 - 512, 4_095), at(70, 0, 4_096 - 512, 4_092)],
        );
        assert_eq!(seen(&right), seen(&left));
        let (_, [ahead, gain, bend]) = (0, [1, 2, 3].map(|place| right.evidence().get(place)));
        assert!((160..190).contains(&ahead) && (-90..-30).contains(&gain) && (60..120).contains(&bend), "{right:?}");
        assert_eq!(seen(&right)[4..10], [0, 0, 96, 96, 56, 32]);
        assert_eq!(seen(&right)[11], 6);
        assert_eq!([0, 1, 2, 3, 4].map(|field| right.evidence().sign(field)), [-1, 1, 1, -1, -1]);
        assert_eq!([0, 1, 2, 3, 4].map(|field| left.evidence().sign(field)), [1; 5]);
        let mut evidence = right.evidence();
        evidence.learn(3, -5);
        assert_eq!((evidence.get(18), evidence.get(19)), (-5, 5));
        assert_eq!(outlook(6, 1, &[5, 4]).evidence().get(0), 17, "two states");
        assert_eq!(outlook(6, 0, &[5]).evidence().get(0), 0, "one state");
    }
}
