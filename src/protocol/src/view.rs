//! The moment that a client draws, and where bodies are in it.
//!
//! spec: SHO-1, SHO-2. A client draws the past, between two ticks; a shot names that moment, and the server puts everybody
//! back to where the shooter saw him. Both ends compute the places by [`Place::between`].

use crate::unit::{SUBUNIT_BITS, UNITS_PER_M};
use crate::{EntityState, Tick};
use bincode::{Decode, Encode};

/// A moment between two ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct ViewTick {
    /// The tick at or before it.
    pub tick: Tick,
    /// How far on the way to the next tick, in 1/256.
    pub fraction: u8,
}

impl ViewTick {
    /// Steps from a tick to the next. With as many subunits in a unit, what lies between two states is a whole number.
    pub const STEPS: u32 = 256;

    /// Steps of 1/256 tick from this moment to `now`; 0 if it is later.
    #[must_use]
    pub fn age_steps(self, now: Tick) -> u64 {
        let steps = |tick: Tick| u64::from(tick.0) * u64::from(Self::STEPS);
        steps(now).saturating_sub(steps(self.tick) + u64::from(self.fraction))
    }

    /// This moment, or `now` if it is later.
    #[must_use]
    pub fn at_most(self, now: Tick) -> Self {
        self.min(Self { tick: now, fraction: 0 })
    }
}

/// Where a body stands, in subunits: its middle east and north, and its feet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// East.
    pub x: i32,
    /// North.
    pub y: i32,
    /// Up.
    pub z: i32,
}

/// The longest step that is a movement: 4 m in a tick, since nothing runs or flies at 240 m/s. What went farther was put
/// there, and is at its old place until it is at the new one.
pub const STRIDE_UNITS_MAX: u32 = 4 * UNITS_PER_M as u32;

impl Place {
    /// Where a body of this state is drawn.
    #[must_use]
    pub const fn of(state: &EntityState) -> Self {
        Self { x: subunits(state.x), y: subunits(state.y), z: subunits(state.z as i32) }
    }

    /// Where a body is drawn `fraction` 256ths of a tick after it was in state `from`, if it is in state `to` in the next.
    #[must_use]
    pub fn between(from: &EntityState, to: &EntityState, fraction: u8) -> Self {
        let steps = [(from.x, to.x), (from.y, to.y), (i32::from(from.z), i32::from(to.z))];
        if steps.iter().any(|(from, to)| from.abs_diff(*to) > STRIDE_UNITS_MAX) {
            return Self::of(from);
        }
        let [x, y, z] = steps.map(|(from, to)| subunits(from) + (to - from) * i32::from(fraction));
        Self { x, y, z }
    }
}

/// A unit's south-west corner; whoever draws knows no more of a body.
const fn subunits(units: i32) -> i32 {
    units << SUBUNIT_BITS
}

const _: () = assert!(ViewTick::STEPS == 1 << SUBUNIT_BITS, "or places between two states need rounding");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EntityKind;

    const FROM: EntityState =
        EntityState { x: 1_000, y: 2_000, z: 0, yaw: 9, pitch: 0, flags: 0, kind: EntityKind::Player };
    const TO: EntityState =
        EntityState { x: 1_032, y: 1_990, z: 3, yaw: 0, pitch: 9, flags: 1, kind: EntityKind::Player };

    /// proves: SHO-2
    #[test]
    fn a_place_between_two_states_is_on_the_straight_line_and_needs_no_rounding() {
        assert_eq!(Place::between(&FROM, &TO, 0), Place::of(&FROM));
        assert_eq!(Place::between(&FROM, &TO, 128), Place { x: 1_016 << 8, y: 1_995 << 8, z: 384 });
        let last = Place::between(&FROM, &TO, 255);
        assert_eq!(last, Place { x: (1_032 << 8) - 32, y: (1_990 << 8) + 10, z: (3 << 8) - 3 });
    }

    /// proves: SHO-2
    #[test]
    fn whoever_was_put_elsewhere_is_not_smeared_over_the_way() {
        let stride = EntityState { x: FROM.x + 1_280, ..FROM };
        assert_eq!(Place::between(&FROM, &stride, 128).x, 1_640 << 8);
        for leap in [
            EntityState { x: FROM.x + 1_281, ..FROM },
            EntityState { y: 700, ..FROM },
            EntityState { z: 1_281, ..FROM },
        ] {
            assert_eq!(Place::between(&FROM, &leap, 255), Place::of(&FROM));
        }
    }

    /// proves: SHO-1
    #[test]
    fn a_moment_is_as_old_as_its_steps_and_never_younger_than_now() {
        let moment = ViewTick { tick: Tick(100), fraction: 64 };
        assert_eq!(moment.age_steps(Tick(100)), 0);
        assert_eq!(moment.age_steps(Tick(102)), 2 * 256 - 64);
        assert_eq!(ViewTick::default().age_steps(Tick(u32::MAX)), u64::from(u32::MAX) * 256);
        assert_eq!(moment.at_most(Tick(101)), moment);
        assert_eq!(moment.at_most(Tick(100)), ViewTick { tick: Tick(100), fraction: 0 });
        assert_eq!(moment.at_most(Tick(7)), ViewTick { tick: Tick(7), fraction: 0 });
    }
}
