//! The way from one state to the next.
//!
//! Positions follow a cubic whose slope at each state is the mean of the ways before and after it, but at most three times
//! the lesser, and nought where they turn back (Fritsch and Carlson 1980, axis by axis). So a bend is round, which a
//! straight way gets wrong, and nobody shoots past a wall he stopped at, which a plain cubic does. Angles and bodies turn the
//! shorter way round.

use crate::turn::Turn;
use protocol::unit::{ANGLE_STEPS, UNITS_PER_M};
use protocol::{EntityKind, EntityState, Tick};

/// What lies farther apart than this was put there: 2 m...
const LEAP_UNITS: f64 = 2.0 * UNITS_PER_M as f64;
/// ...and 2 m for each tick between: nothing that is told runs or flies at 120 m/s.
const LEAP_UNITS_PER_TICK: f64 = 2.0 * UNITS_PER_M as f64;

/// A state on the way, in units and angle steps, fractions allowed. What its kind does not have is 0, or upright.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Key {
    /// Of which tick.
    pub tick: Tick,
    /// East.
    pub x: f64,
    /// North.
    pub y: f64,
    /// Up.
    pub z: f64,
    /// 0 to below 4,096.
    pub yaw: f64,
    /// 0 to below 4,096.
    pub pitch: f64,
    /// Which way a body is turned.
    pub turn: Turn,
    /// As it was told, at this tick or last before it.
    pub told: EntityState,
}

impl Key {
    /// A state as it was told.
    #[must_use]
    pub fn of(tick: Tick, state: &EntityState) -> Self {
        let (x, y, z) = (f64::from(state.x), f64::from(state.y), f64::from(state.z));
        let key = Self { tick, x, y, z, told: *state, ..Self::default() };
        let (yaw, pitch) = (f64::from(state.yaw), f64::from(state.pitch));
        match state.kind {
            EntityKind::Body => Self { turn: Turn::of(state.orientation()), ..key },
            EntityKind::Item => Self { yaw, ..key },
            EntityKind::Player | EntityKind::Mob | EntityKind::Projectile => Self { yaw, pitch, ..key },
        }
    }

    /// The same, elsewhere; metres.
    #[must_use]
    pub fn moved_by(self, [x, y, z]: [f64; 3]) -> Self {
        let units = f64::from(UNITS_PER_M);
        Self { x: self.x + x * units, y: self.y + y * units, z: self.z + z * units, ..self }
    }

    /// The way from here to there, metres.
    #[must_use]
    pub fn metres_to(&self, other: &Self) -> [f64; 3] {
        [other.x - self.x, other.y - self.y, other.z - self.z].map(|units| units / f64::from(UNITS_PER_M))
    }

    fn position(&self) -> [f64; 3] {
        [self.x, self.y, self.z]
    }

    fn at(self, [x, y, z]: [f64; 3]) -> Self {
        Self { x, y, z, ..self }
    }
}

/// Where something is at `at` (in ticks) that was in `states`, oldest first and not empty; before the first it is there,
/// after the last it is here.
#[must_use]
pub fn between(states: &[Key], at: f64) -> Key {
    let after = states.partition_point(|key| f64::from(key.tick.0) <= at);
    let Some(from) = after.checked_sub(1).map(|before| &states[before]) else { return states[0] };
    let Some(to) = states.get(after).filter(|to| !is_leap(from, to)) else { return *from };
    let span = f64::from(to.tick.since(from.tick));
    let share = (at - f64::from(from.tick.0)) / span;
    let way = velocity(from, to);
    let before = after.checked_sub(2).map(|before| &states[before]).filter(|before| !is_leap(before, from));
    let next = states.get(after + 1).filter(|next| !is_leap(to, next));
    let start = before.map_or(way, |before| slopes(velocity(before, from), way));
    let end = next.map_or(way, |next| slopes(way, velocity(to, next)));
    let (a, b) = (from.position(), to.position());
    let position = std::array::from_fn(|axis| cubic(a[axis], b[axis], start[axis] * span, end[axis] * span, share));
    let (yaw, pitch) = (turned(from.yaw, to.yaw, share), turned(from.pitch, to.pitch, share));
    Key { yaw, pitch, turn: Turn::between(from.turn, to.turn, share), ..*from }.at(position)
}

/// Where something is `ticks` after `from` at this velocity.
#[must_use]
pub fn step(from: &Key, velocity: [f64; 3], ticks: f64) -> Key {
    let start = from.position();
    from.at(std::array::from_fn(|axis| start[axis] + velocity[axis] * ticks))
}

/// From one state to a later one, units a tick.
#[must_use]
pub fn velocity(from: &Key, to: &Key) -> [f64; 3] {
    let span = f64::from(to.tick.since(from.tick).max(1));
    let (a, b) = (from.position(), to.position());
    std::array::from_fn(|axis| (b[axis] - a[axis]) / span)
}

/// Whether something was put from one place to the other instead of going there.
#[must_use]
pub fn is_leap(from: &Key, to: &Key) -> bool {
    let far = LEAP_UNITS + LEAP_UNITS_PER_TICK * f64::from(to.tick.since(from.tick));
    (to.x - from.x).abs().max((to.y - from.y).abs()).max((to.z - from.z).abs()) > far
}

/// An angle on the shorter way from one to the other, 0 to below 4,096.
#[must_use]
pub fn turned(from: f64, to: f64, share: f64) -> f64 {
    let turn = f64::from(ANGLE_STEPS);
    let way = (to - from + turn / 2.0).rem_euclid(turn) - turn / 2.0;
    (from + way * share).rem_euclid(turn)
}

/// The slope between two ways, both in units a tick; three times the lesser is what keeps the cubic between its ends.
fn slopes(before: [f64; 3], after: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| {
        let (a, b) = (before[axis], after[axis]);
        let steepest = 3.0 * a.abs().min(b.abs());
        if a * b > 0.0 { ((a + b) / 2.0).clamp(-steepest, steepest) } else { 0.0 }
    })
}

/// Hermite's: from `a` with slope `start` to `b` with slope `end`.
fn cubic(a: f64, b: f64, start: f64, end: f64, share: f64) -> f64 {
    let (square, cube) = (share * share, share * share * share);
    let bend = 3.0 * square - 2.0 * cube;
    a + (b - a) * bend + start * (cube - 2.0 * square + share) + end * (cube - square)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::motion::{self, Block, Body, Gait, StaticMap};
    use protocol::unit::SUBUNITS_PER_M;
    use protocol::{Input, Orientation};

    fn key(tick: u32, x: f64) -> Key {
        Key { tick: Tick(tick), x, ..Key::default() }
    }

    /// The states of somebody who runs, turns every third of a second and meets walls.
    fn walked(ticks: u32) -> Vec<Key> {
        let blocks = [Block { x: 20.0, y: 0.0, width: 1.0, depth: 40.0, height: None }];
        let map = StaticMap::new(40, 40, &blocks).unwrap();
        let mut body = Body { x: 10 * SUBUNITS_PER_M, y: 20 * SUBUNITS_PER_M, ..Body::default() };
        let (mut dice, mut input) = (7_u32, Input::default());
        (0..ticks)
            .map(|tick| {
                if tick % 20 == 0 {
                    dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (input.move_x, input.move_y) = ((dice >> 24) as u8 as i8, (dice >> 16) as u8 as i8);
                }
                motion::step(&map, &mut body, &input, Gait::default());
                Key::of(Tick(tick), &EntityState::of(&body, 0, 0))
            })
            .collect()
    }

    /// Mean distance from the truth, units, of a way through every `period`-th state.
    fn error(truth: &[Key], period: usize, way: impl Fn(&[Key], f64) -> Key) -> f64 {
        let told: Vec<_> = truth.iter().step_by(period).copied().collect();
        let judged = &truth[..truth.len() - 2 * period];
        let off = judged.iter().map(|real| {
            let shown = way(&told, f64::from(real.tick.0));
            (shown.x - real.x).hypot(shown.y - real.y)
        });
        off.sum::<f64>() / judged.len() as f64
    }

    fn straight(states: &[Key], at: f64) -> Key {
        let after = states.partition_point(|key| f64::from(key.tick.0) <= at);
        let (from, to) = (&states[after - 1], &states[after.min(states.len() - 1)]);
        step(from, velocity(from, to), at - f64::from(from.tick.0))
    }

    #[test]
    fn round_bends_are_nearer_to_how_people_run_than_straight_ways() {
        let truth = walked(6_000);
        for (period, share) in [(3, 0.6), (6, 0.8), (10, 1.0)] {
            let (round, plain) = (error(&truth, period, between), error(&truth, period, straight));
            assert!(round < share * plain, "every {period} ticks: {round:.2} against {plain:.2} units");
        }
    }

    #[test]
    fn nobody_shoots_past_where_he_stopped_or_turned() {
        let truth = walked(6_000);
        let told: Vec<_> = truth.iter().step_by(6).copied().collect();
        for pair in told.windows(2) {
            for share in 0..=20 {
                let at = f64::from(pair[0].tick.0) + f64::from(share) * 0.3;
                let x = between(&told, at.min(f64::from(pair[1].tick.0))).x;
                let (low, high) = (pair[0].x.min(pair[1].x), pair[0].x.max(pair[1].x));
                assert!(x >= low - 1e-6 && x <= high + 1e-6, "{x} outside {low} to {high}");
            }
        }
    }

    #[test]
    fn what_is_put_elsewhere_is_not_smeared() {
        let states = [key(10, 0.0), key(11, 32.0), key(12, 32_000.0), key(13, 32_032.0)];
        assert_eq!(between(&states, 11.9).x, 32.0);
        assert_eq!(between(&states, 12.0).x, 32_000.0);
        assert_eq!(between(&states, 12.5).x, 32_016.0);
    }

    #[test]
    fn angles_turn_the_shorter_way() {
        assert_eq!(turned(4_090.0, 10.0, 0.5), 2.0);
        assert_eq!(turned(10.0, 4_090.0, 0.25), 6.0);
        assert_eq!(turned(0.0, 1_000.0, 0.5), 500.0);
        assert_eq!(turned(4_095.0, 1.0, 1.0), 1.0);
    }

    #[test]
    fn an_item_turns_from_350_to_10_degrees_through_nought_and_its_form_does_not_turn() {
        let lying = |tick: u32, yaw: u16| {
            let state = EntityState { yaw, kind: EntityKind::Item, ..EntityState::default() }.with_form(tick as u16);
            Key::of(Tick(tick), &state)
        };
        let [from, to] = [350, 10].map(|degrees| (degrees * usize::from(ANGLE_STEPS) / 360) as u16);
        let states = [lying(10, from), lying(14, to)];
        let shown = between(&states, 12.0);
        assert!(shown.yaw.min(f64::from(ANGLE_STEPS) - shown.yaw) < 1.0, "{}", shown.yaw);
        assert!(between(&states, 11.0).yaw > f64::from(from) && between(&states, 13.0).yaw < f64::from(to));
        assert_eq!((shown.pitch, shown.turn, shown.told.form()), (0.0, Turn::default(), 10));
    }

    /// A body that was told with a quarter of a turn between, as the wire tells it.
    #[test]
    fn a_body_is_shown_half_way_between_two_turns_and_its_bits_are_no_angles() {
        let turned = |tick: u32, quaternion: [f64; 4]| {
            let turn = quaternion.map(|part| (part * f64::from(protocol::orientation::ONE)) as i32);
            let state = EntityState { kind: EntityKind::Body, ..EntityState::default() };
            Key::of(Tick(tick), &state.with_orientation(Orientation::of(&turn)))
        };
        let quarter = std::f64::consts::FRAC_PI_4.sin_cos();
        let states = [turned(10, [1.0, 0.0, 0.0, 0.0]), turned(20, [quarter.1, 0.0, 0.0, quarter.0])];
        let shown = between(&states, 15.0);
        let eighth = (std::f64::consts::FRAC_PI_4 / 2.0).sin_cos();
        for (part, expected) in shown.turn.parts().into_iter().zip([eighth.1, 0.0, 0.0, eighth.0]) {
            assert!((f64::from(part) - expected).abs() < 0.002, "{shown:?}");
        }
        assert_eq!((shown.yaw, shown.pitch), (0.0, 0.0));
        assert_eq!(between(&states, 30.0).turn, states[1].turn);
    }

    #[test]
    fn before_the_first_and_after_the_last_state_is_that_state() {
        let states = [key(10, 5.0), key(11, 6.0)];
        assert_eq!((between(&states, 2.0).x, between(&states, 99.0).x), (5.0, 6.0));
    }
}
