//! How well a body can walk: what slows it, hastens it or holds it.

use super::{RUN_SPEED, length};
use crate::input::{Input, button};

/// The fastest gait, in percent of [`RUN_SPEED`].
pub const GAIT_SPEED_MAX: u8 = 200;

/// What a body can make of its wishes. A root is a speed of 0, a slow one of 50, a haste one of 130.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gait {
    /// Percent of [`RUN_SPEED`], 0..=[`GAIT_SPEED_MAX`]; more counts as that.
    pub speed: u8,
    /// Whether it leaves the ground when it wants to.
    pub can_jump: bool,
}

impl Default for Gait {
    /// Of who is well.
    fn default() -> Self {
        Self { speed: 100, can_jump: true }
    }
}

impl Gait {
    /// Of who can do nothing: dead or stunned.
    pub const HELD: Self = Self { speed: 0, can_jump: false };

    /// The velocity asked for: the input's vector, cut to length 127, scaled so that 127 is the speed of the gait, and half
    /// of that with [`button::WALK`].
    ///
    /// Lengths are taken of the vector times 256: a length rounded to whole input steps would let some diagonals run up to
    /// 1/127 too fast.
    pub(super) fn wish(self, input: &Input) -> (i32, i32) {
        let run = RUN_SPEED * i32::from(self.speed.min(GAIT_SPEED_MAX)) / 100;
        let speed = if input.buttons & button::WALK == 0 { run } else { run / 2 };
        let (x, y) = (i32::from(input.move_x) << 8, i32::from(input.move_y) << 8);
        let divisor = length(x, y).max(127 << 8);
        (x * speed / divisor, y * speed / divisor)
    }
}
