//! What bodies are to one another within a tick: cylinders, some of which move.

use super::contact::{Pair, STEPS, Vector, Way};
use super::grid::Grid;
use protocol::NetId;
use protocol::motion::{BODY_RADIUS, StaticMap};

/// From the foot to the top of a body: 0.8 m, as high as it is wide, in subunits.
pub(crate) const THING_HEIGHT: i32 = 2 * BODY_RADIUS;
/// Nearer than this the middles of two are not.
pub(super) const REACH: i32 = 2 * BODY_RADIUS;
/// Bodies stop so far from each other: what is rounded in a way, one subunit along each axis for both, is less.
pub(super) const SKIN: i32 = 4;
/// Most that a body meets in a tick. Then it stays where it is until the next; a pile must not cost more than this.
pub(super) const CONTACTS_MAX: u8 = 4;

/// A body, or somebody whom no body moves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Solid {
    pub(super) id: NetId,
    /// Where it is at the step `since`.
    pub(super) at: Vector,
    /// Subunits per tick; 0 of who is not moved.
    pub(super) speed: Vector,
    pub(super) since: i64,
    pub(super) height: i32,
    /// Else it is somebody who is not moved.
    pub(super) is_body: bool,
    /// May be far from where the grid has it.
    pub(super) is_fast: bool,
    pub(super) contacts: u8,
    /// Counts changes of its way: what was foreseen before the last does not come.
    pub(super) changes: u32,
}

impl Solid {
    pub(super) fn new(id: NetId, at: Vector, speed: Vector, height: i32, is_body: bool) -> Self {
        Self { id, at, speed, since: 0, height, is_body, is_fast: false, contacts: 0, changes: 0 }
    }

    /// How it moves in this tick from now on: not at all if it has met enough.
    pub(super) fn pace(&self) -> Vector {
        if self.contacts < CONTACTS_MAX { self.speed } else { [0; 3] }
    }

    pub(super) fn place(&self, step: i64) -> Vector {
        Way { from: self.at, by: self.pace() }.at(step - self.since)
    }

    /// It and another, as it moves.
    pub(super) fn pair(&self, other: &Self) -> Pair {
        Pair { reach: REACH, skin: SKIN, height: self.height, other_height: other.height }
    }

    /// Whether the middles are nearer than two radii, from above.
    pub(super) fn is_over(&self, other: &Self) -> bool {
        let [x, y] = [0, 1].map(|axis| i64::from(self.at[axis]) - i64::from(other.at[axis]));
        x * x + y * y < i64::from(REACH) * i64::from(REACH)
    }

    /// How deep the heights of both are in one another; 0 or less if they are not.
    pub(super) fn sunk(&self, other: &Self) -> i32 {
        (self.at[2] + self.height).min(other.at[2] + other.height) - self.at[2].max(other.at[2])
    }

    pub(super) fn is_inside(&self, other: &Self) -> bool {
        self.sunk(other) > 0 && self.is_over(other)
    }
}

/// What carries a body: the ground, a block or somebody's top, at or below its foot. `near` is filled with all solids where
/// they are.
pub(super) fn support(map: &StaticMap, solids: &[Solid], near: &Grid, index: usize) -> i32 {
    let solid = &solids[index];
    let [x, y, z] = solid.at;
    if z == 0 {
        return 0;
    }
    let mut top = map.floor(x, y, z, BODY_RADIUS);
    near.visit([x - REACH, y - REACH], [x + REACH, y + REACH], |other| {
        let lower = &solids[other];
        if other != index && lower.at[2] + lower.height <= z && solid.is_over(lower) {
            top = top.max(lower.at[2] + lower.height);
        }
    });
    top
}

const _: () = assert!(STEPS >= crate::thing::THING_SPEED_MAX as i64, "no step is longer than a subunit");
