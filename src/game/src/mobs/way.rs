//! Where a mob wants to go, and how it gets round what is in its way. There is no search for paths: who does not get on
//! tries to pass on one side.

use bevy_ecs::prelude::Component;
use protocol::motion::RUN_SPEED;
use protocol::unit::{ANGLE_STEPS, SUBUNIT_BITS, TICK_RATE_HZ, WORLD_UNITS_MAX};
use protocol::{Input, Tick};
use serde::{Deserialize, Serialize};

/// The input of full speed.
const FULL: i64 = 127;
/// Who has wanted to go for so long is asked how far he has come: half a second, in ticks.
const TRIAL_TICKS: u32 = TICK_RATE_HZ / 2;
/// Less than one part in so many of the way that he wanted is no getting on.
const TRIAL_PART: i64 = 4;
/// How long he then goes across: 0.7 s, in ticks,
const DETOUR_TICKS: u32 = 7 * TICK_RATE_HZ / 10;
/// and when that did not help as much longer each time, up to so many times: 17 m at a run. It is enough to get round a
/// house from the middle of its wall.
const DETOURS_MAX: u8 = 4;
/// Whoever is held up again so soon after a detour is still at the same obstacle: 2 s, in ticks.
const DETOUR_MEMORY_TICKS: u32 = 2 * TICK_RATE_HZ;

/// What a mob wants, carried out in [`crate::Phase::Movement`] in each tick until it wants something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Will {
    /// As [`Input::move_x`].
    east: i8,
    /// As [`Input::move_y`].
    north: i8,
    /// Where it looks, 0..4,096.
    yaw: u16,
}

impl Will {
    /// To stand and look there.
    pub(crate) const fn looking(yaw: u16) -> Self {
        Self { east: 0, north: 0, yaw }
    }

    /// To go along (`dx`, `dy`) at so many per cent of a run, at most all of it, and look where it goes.
    fn along((dx, dy): (i64, i64), percent: i32) -> Self {
        let length = length((dx, dy)).max(1);
        // Rounded towards 0, so that no diagonal is longer than the whole: a mob may not be faster than people.
        let part = |of: i64| (of * FULL * i64::from(percent.clamp(0, 100)) / (length * 100)) as i8;
        Self { east: part(dx), north: part(dy), yaw: bearing((dx, dy)) }
    }

    pub(crate) const fn is_to_stand(self) -> bool {
        self.east == 0 && self.north == 0
    }

    pub(crate) const fn yaw(self) -> u16 {
        self.yaw
    }

    pub(crate) fn input(self) -> Input {
        Input { move_x: self.east, move_y: self.north, yaw: self.yaw, ..Input::default() }
    }

    pub(super) fn is_possible(self) -> bool {
        self.yaw < ANGLE_STEPS
    }
}

/// How it gets on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Course {
    /// Where it was when it was last asked how far it has come,
    from: (i32, i32),
    /// and when.
    since: Tick,
    detour: Detour,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Detour {
    is_left: bool,
    until: Tick,
    /// How many in a row.
    count: u8,
}

impl Course {
    pub(super) fn is_possible(&self) -> bool {
        is_place(self.from)
    }

    /// It stands: nothing is in its way.
    pub(super) fn rest(&mut self, here: (i32, i32), now: Tick) {
        (self.from, self.since) = (here, now);
    }

    /// What it has to want in order to come from `here` to `there`; `draw` decides on which side it passes what is in the way.
    pub(super) fn towards(
        &mut self,
        here: (i32, i32),
        there: (i32, i32),
        percent: i32,
        now: Tick,
        draw: impl FnOnce() -> bool,
    ) -> Will {
        self.judge(here, percent, now, draw);
        let (dx, dy) = between(here, there);
        let is_detour = self.detour.until > now;
        let way = match (is_detour, self.detour.is_left) {
            (false, _) => (dx, dy),
            (true, true) => (-dy, dx),
            (true, false) => (dy, -dx),
        };
        Will::along(way, percent)
    }

    /// Whether it is going round something.
    pub(super) fn is_detour(&self, now: Tick) -> bool {
        self.detour.until > now
    }

    fn judge(&mut self, here: (i32, i32), percent: i32, now: Tick, draw: impl FnOnce() -> bool) {
        let ticks = now.since(self.since);
        if ticks < TRIAL_TICKS {
            return;
        }
        let wanted = i64::from(RUN_SPEED) * i64::from(percent) / 100 * i64::from(ticks);
        if distance(self.from, here) * TRIAL_PART < wanted {
            let Detour { is_left, until, count } = self.detour;
            let (is_left, count) = if until > now {
                // That side is closed.
                (!is_left, count)
            } else if count > 0 && now.since(until) < DETOUR_MEMORY_TICKS {
                (is_left, count.saturating_add(1).min(DETOURS_MAX))
            } else {
                (draw(), 1)
            };
            self.detour = Detour { is_left, until: Tick(now.0.saturating_add(DETOUR_TICKS * u32::from(count))), count };
        }
        self.rest(here, now);
    }
}

/// Whether a place lies in any world: then nothing that is computed with it overflows.
pub(super) fn is_place((x, y): (i32, i32)) -> bool {
    let extent = 0..=WORLD_UNITS_MAX << SUBUNIT_BITS;
    extent.contains(&x) && extent.contains(&y)
}

/// From one place to another.
pub(super) fn between(from: (i32, i32), to: (i32, i32)) -> (i64, i64) {
    (i64::from(to.0) - i64::from(from.0), i64::from(to.1) - i64::from(from.1))
}

/// Rounded down.
fn length((dx, dy): (i64, i64)) -> i64 {
    (dx * dx + dy * dy).unsigned_abs().isqrt() as i64
}

/// In subunits, rounded down.
pub(super) fn distance(a: (i32, i32), b: (i32, i32)) -> i64 {
    length(between(a, b))
}

/// Whether two places are at most so far from each other, in subunits.
pub(super) fn is_within(a: (i32, i32), b: (i32, i32), radius: i32) -> bool {
    let (dx, dy) = between(a, b);
    dx * dx + dy * dy <= i64::from(radius) * i64::from(radius)
}

/// Where one looks who looks along (`dx`, `dy`), in steps of 4,096 to a turn: east is 0, a quarter turn north. At most
/// three steps off, a quarter of a degree: only how it looks depends on it.
pub(super) fn bearing((dx, dy): (i64, i64)) -> u16 {
    const EIGHTH: i64 = ANGLE_STEPS as i64 / 8;
    let (long, short) = (dx.abs().max(dy.abs()), dx.abs().min(dy.abs()));
    if long == 0 {
        return 0;
    }
    // In the first eighth of a turn the angle is nearly its tangent, and 178 of 4,096 steps bend it the right way.
    let tangent = short * 1_024 / long;
    let first = tangent * (EIGHTH * 1_024 + 178 * (1_024 - tangent)) / (1_024 * 1_024);
    let quarter = if dx.abs() >= dy.abs() { first } else { 2 * EIGHTH - first };
    let half = if dx >= 0 { quarter } else { 4 * EIGHTH - quarter };
    let angle = if dy >= 0 { half } else { 8 * EIGHTH - half };
    (angle % i64::from(ANGLE_STEPS)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thing::MOB_SPEED_MAX;
    use proptest::prelude::*;
    use protocol::motion::{self, Body, StaticMap};
    use protocol::unit::SUBUNITS_PER_M;

    #[test]
    fn the_corners_of_the_compass_are_where_they_are() {
        for (way, yaw) in [
            ((5, 0), 0),
            ((5, 5), 512),
            ((0, 5), 1_024),
            ((-5, 5), 1_536),
            ((-5, 0), 2_048),
            ((0, -5), 3_072),
            ((5, -5), 3_584),
            ((0, 0), 0),
        ] {
            assert_eq!(bearing(way), yaw, "{way:?}");
        }
    }

    #[test]
    fn who_is_held_up_goes_across_and_the_longer_the_oftener() {
        let (here, there) = ((1_000, 1_000), (90_000, 1_000));
        let mut course = Course::default();
        course.rest(here, Tick(100));
        let mut ends = Vec::new();
        for tick in 100..500 {
            let will = course.towards(here, there, 100, Tick(tick), || true);
            assert_eq!((will.east == 0, will.north != 0), (course.is_detour(Tick(tick)), course.is_detour(Tick(tick))));
            if ends.last() != Some(&course.detour) {
                ends.push(course.detour);
            }
        }
        assert_eq!(ends[1], Detour { is_left: true, until: Tick(100 + TRIAL_TICKS + DETOUR_TICKS), count: 1 });
        assert!(ends[2..].iter().any(|detour| !detour.is_left), "a closed side is left for the other");
    }

    proptest! {
        #[test]
        fn bearings_are_right_to_a_quarter_of_a_degree(dx in -900_000_i64..900_000, dy in -900_000_i64..900_000) {
            prop_assume!(dx.abs().max(dy.abs()) > 2_000);
            let exact = (dy as f64).atan2(dx as f64).rem_euclid(std::f64::consts::TAU) / std::f64::consts::TAU * 4_096.0;
            let off = (f64::from(bearing((dx, dy))) - exact).abs();
            prop_assert!(off.min(4_096.0 - off) < 4.0, "{} for {exact}", bearing((dx, dy)));
        }

        #[test]
        fn no_way_is_faster_than_a_mob_may_be(dx in -9_000_i64..9_000, dy in -9_000_i64..9_000, percent in 0..250_i32) {
            let map = StaticMap::new(100, 100, &[]).unwrap();
            let mut body = Body { x: 50 * SUBUNITS_PER_M, y: 50 * SUBUNITS_PER_M, ..Body::default() };
            (0..20).for_each(|_| motion::step(&map, &mut body, &Will::along((dx, dy), percent).input(), motion::Gait::default()));
            let square = i64::from(body.vx).pow(2) + i64::from(body.vy).pow(2);
            prop_assert!(square <= i64::from(MOB_SPEED_MAX).pow(2));
        }
    }
}
