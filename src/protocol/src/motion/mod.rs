//! How a player's body moves in one tick: integers only, the same on every machine.
//!
//! spec: MOT-1. The server decides by this function and a client predicts with it; [`hash`] goes into the hello, so
//! that two ends with different rules refuse each other instead of drifting apart.

mod map;

pub use map::{Block, MapError, MapFile, StaticMap};

use crate::input::{Input, button};
use crate::snapshot::Codes;
use crate::unit::{SUBUNITS_PER_M, TICK_RATE_HZ};

/// Fastest a player runs: 6 m/s, in subunits per tick (8,192 = 32 units).
pub const RUN_SPEED: i32 = 6 * SUBUNITS_PER_M / TICK_RATE_HZ as i32;
/// Largest change of horizontal velocity in a tick: 60 m/s², full speed in six ticks, in subunits per tick².
pub const ACCELERATION: i32 = 60 * SUBUNITS_PER_M / (TICK_RATE_HZ * TICK_RATE_HZ) as i32;
/// Fall: 20 m/s² (games fall at twice the earth's pull, or jumps feel like the moon), in subunits per tick².
pub const GRAVITY: i32 = 20 * SUBUNITS_PER_M / (TICK_RATE_HZ * TICK_RATE_HZ) as i32;
/// Upward velocity at take-off: 6 m/s, which lifts 0.9 m, in subunits per tick.
pub const JUMP_SPEED: i32 = 6 * SUBUNITS_PER_M / TICK_RATE_HZ as i32;
/// Half the side of the square that a body fills on the ground: 0.4 m, in subunits.
pub const BODY_RADIUS: i32 = 2 * SUBUNITS_PER_M / 5;

/// Position and velocity of a body, in subunits and subunits per tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// East.
    pub x: i32,
    /// North.
    pub y: i32,
    /// Up; 0 is the ground.
    pub z: i32,
    /// Velocity east.
    pub vx: i32,
    /// Velocity north.
    pub vy: i32,
    /// Velocity up.
    pub vz: i32,
}

/// Moves `body` by one tick under `input`.
///
/// Horizontal velocity turns towards the wish by at most [`ACCELERATION`], then the body is swept along x, then along
/// y, and stops at the first block or world edge on each axis (so it slides along walls). Divisions round towards zero.
pub fn step(map: &StaticMap, body: &mut Body, input: &Input) {
    accelerate(body, input);
    let (vx, vy) = (body.vx, body.vy);
    let x = map.sweep_x(body.x, body.y, vx, BODY_RADIUS);
    if x != body.x + vx {
        body.vx = 0;
    }
    body.x = x;
    let y = map.sweep_y(body.x, body.y, vy, BODY_RADIUS);
    if y != body.y + vy {
        body.vy = 0;
    }
    body.y = y;
    fall(body, input);
}

fn accelerate(body: &mut Body, input: &Input) {
    let (wish_x, wish_y) = wish(input);
    let (dx, dy) = (wish_x - body.vx, wish_y - body.vy);
    let length = length(dx, dy);
    if length <= ACCELERATION {
        (body.vx, body.vy) = (wish_x, wish_y);
    } else {
        body.vx += (i64::from(dx) * i64::from(ACCELERATION) / i64::from(length)) as i32;
        body.vy += (i64::from(dy) * i64::from(ACCELERATION) / i64::from(length)) as i32;
    }
}

/// The velocity asked for: the input's vector, cut to length 127, scaled so that 127 is [`RUN_SPEED`].
///
/// Lengths are taken of the vector times 256: a length rounded to whole input steps would let some diagonals run up to
/// 1/127 too fast.
fn wish(input: &Input) -> (i32, i32) {
    let (x, y) = (i32::from(input.move_x) << 8, i32::from(input.move_y) << 8);
    let divisor = length(x, y).max(127 << 8);
    (x * RUN_SPEED / divisor, y * RUN_SPEED / divisor)
}

fn fall(body: &mut Body, input: &Input) {
    if body.z == 0 && body.vz == 0 {
        if input.buttons & button::JUMP == 0 {
            return;
        }
        body.vz = JUMP_SPEED;
    }
    body.z += body.vz;
    body.vz -= GRAVITY;
    if body.z <= 0 {
        (body.z, body.vz) = (0, 0);
    }
}

/// Length of a vector, rounded down; exact integer square root.
fn length(x: i32, y: i32) -> i32 {
    let square = i64::from(x) * i64::from(x) + i64::from(y) * i64::from(y);
    square.unsigned_abs().isqrt() as i32
}

/// spec: MOT-2. Stands in the hello for what both ends must compute alike: any change of a constant here, of the order of
/// steps, or of the tables by which differences are coded must change it.
#[must_use]
pub fn hash() -> u64 {
    let rules = [RULES_VERSION, RUN_SPEED, ACCELERATION, GRAVITY, JUMP_SPEED, BODY_RADIUS];
    let mut bytes: Vec<u8> = rules.iter().flat_map(|r| r.to_le_bytes()).collect();
    bytes.extend(Codes::written_hash().to_le_bytes());
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

/// Counts changes of [`step`] that no constant shows.
const RULES_VERSION: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn open_field() -> StaticMap {
        StaticMap::new(1_000, 1_000, &[]).unwrap()
    }

    fn walled() -> StaticMap {
        let blocks = [Block { x: 500.0, y: 500.0, width: 10.0, depth: 2.0 }];
        StaticMap::new(1_000, 1_000, &blocks).unwrap()
    }

    fn run_east() -> Input {
        Input { move_x: 127, ..Input::default() }
    }

    /// proves: MOT-1
    #[test]
    fn full_speed_is_thirty_two_units_a_tick_after_seven_ticks() {
        let map = open_field();
        let mut body = Body { x: 100 * SUBUNITS_PER_M, y: 100 * SUBUNITS_PER_M, ..Body::default() };
        for _ in 0..7 {
            step(&map, &mut body, &run_east());
        }
        assert_eq!((body.vx, body.vy), (32 << 8, 0));
    }

    #[test]
    fn a_diagonal_is_no_faster_than_straight() {
        let map = open_field();
        let mut body = Body { x: 100 * SUBUNITS_PER_M, y: 100 * SUBUNITS_PER_M, ..Body::default() };
        let input = Input { move_x: 127, move_y: -128, ..Input::default() };
        for _ in 0..30 {
            step(&map, &mut body, &input);
        }
        assert!(length(body.vx, body.vy) <= RUN_SPEED + 1);
        assert!(length(body.vx, body.vy) >= RUN_SPEED - 64);
    }

    #[test]
    fn a_wall_stops_the_axis_that_meets_it_and_lets_the_other_slide() {
        let map = walled();
        let mut body = Body { x: 505 * SUBUNITS_PER_M, y: 498 * SUBUNITS_PER_M, ..Body::default() };
        let input = Input { move_x: 60, move_y: 127, ..Input::default() };
        let before_x = body.x;
        for _ in 0..60 {
            step(&map, &mut body, &input);
        }
        assert_eq!(body.y, 500 * SUBUNITS_PER_M - BODY_RADIUS);
        assert_eq!(body.vy, 0);
        assert!(body.x > before_x + SUBUNITS_PER_M);
    }

    #[test]
    fn a_jump_lifts_nine_tenths_of_a_metre_and_lands() {
        let map = open_field();
        let mut body = Body { x: SUBUNITS_PER_M, y: SUBUNITS_PER_M, ..Body::default() };
        let mut top = 0;
        step(&map, &mut body, &Input { buttons: button::JUMP, ..Input::default() });
        for _ in 0..60 {
            top = top.max(body.z);
            step(&map, &mut body, &Input::default());
        }
        assert!((85..=100).contains(&(top * 100 / SUBUNITS_PER_M)), "{top}");
        assert_eq!((body.z, body.vz), (0, 0));
    }

    /// Contracts: two ends with these rules agree to the unit; a changed figure is a changed motion hash.
    #[test]
    fn a_thousand_ticks_end_at_the_pinned_place() {
        let map = walled();
        let mut body = Body { x: 490 * SUBUNITS_PER_M, y: 490 * SUBUNITS_PER_M, ..Body::default() };
        for tick in 0..1_000_i32 {
            let input = Input {
                move_x: ((tick * 37) % 255 - 127) as i8,
                move_y: ((tick * 91) % 255 - 127) as i8,
                buttons: u8::from(tick % 100 == 0) * button::JUMP,
                ..Input::default()
            };
            step(&map, &mut body, &input);
        }
        assert_eq!(body, PINNED);
        assert_eq!(hash(), PINNED_HASH);
    }
    const PINNED: Body = Body { x: 40_684_148, y: 40_525_423, z: 0, vx: 2_973, vy: -648, vz: 0 };
    const PINNED_HASH: u64 = 8_944_932_180_895_665_761;

    proptest! {
        #[test]
        fn a_body_never_enters_a_block_or_leaves_the_world(
            start_x in 1_i32..999, start_y in 1_i32..480,
            moves in prop::collection::vec((any::<i8>(), any::<i8>(), 1_u8..40), 1..20),
        ) {
            let map = walled();
            let mut body = Body { x: start_x * SUBUNITS_PER_M, y: start_y * SUBUNITS_PER_M, ..Body::default() };
            for (move_x, move_y, ticks) in moves {
                for _ in 0..ticks {
                    step(&map, &mut body, &Input { move_x, move_y, ..Input::default() });
                    prop_assert!(map.is_free(body.x, body.y, BODY_RADIUS));
                    prop_assert!(length(body.vx, body.vy) <= RUN_SPEED + 1);
                }
            }
        }
    }
}
