//! How whoever walks moves in one tick: integers only, the same on every machine.
//!
//! spec: MOT-1. The server decides by this function and a client predicts with it; [`hash`] goes into the hello, so
//! that two ends with different rules refuse each other instead of drifting apart.

mod gait;
mod map;
#[cfg(test)]
mod tests;

pub use gait::{GAIT_SPEED_MAX, Gait};
pub use map::{BLOCK_HEIGHT_MAX_M, Block, MapError, MapFile, StaticMap};

use crate::input::{Input, button};
use crate::snapshot::Codes;
use crate::unit::{SUBUNIT_BITS, SUBUNITS_PER_M, TICK_RATE_HZ};

/// Fastest a player runs by the usual gait: 6 m/s, in subunits per tick (8,192 = 32 units).
pub const RUN_SPEED: i32 = 6 * SUBUNITS_PER_M / TICK_RATE_HZ as i32;
/// Largest change of horizontal velocity in a tick on the ground: 60 m/s², full speed in six ticks, in subunits per tick².
pub const ACCELERATION: i32 = 60 * SUBUNITS_PER_M / (TICK_RATE_HZ * TICK_RATE_HZ) as i32;
/// The same in the air: a quarter of it, 15 m/s². A jump can be steered, and who was thrown cannot stop in mid-air.
pub const AIR_ACCELERATION: i32 = ACCELERATION / 4;
/// Fall: 20 m/s² (games fall at twice the earth's pull, or jumps feel like the moon), in subunits per tick².
pub const GRAVITY: i32 = 20 * SUBUNITS_PER_M / (TICK_RATE_HZ * TICK_RATE_HZ) as i32;
/// Upward velocity at take-off: 6 m/s, which lifts 0.9 m, in subunits per tick.
pub const JUMP_SPEED: i32 = 6 * SUBUNITS_PER_M / TICK_RATE_HZ as i32;
/// Half the side of the square that a body fills on the ground: 0.4 m, in subunits.
pub const BODY_RADIUS: i32 = 2 * SUBUNITS_PER_M / 5;
/// What is walked up without a jump: 0.3 m, a high stair, in subunits.
pub const STEP_UP: i32 = 3 * SUBUNITS_PER_M / 10;
/// Highest place there is: what an `i16` of units can tell (102 m), in subunits. Whoever would rise above it falls.
pub const HEIGHT_MAX: i32 = (i16::MAX as i32) << SUBUNIT_BITS;
/// No launch makes a body faster than this, in the plane or upwards: 20 m/s, in subunits per tick. It lifts 10 m, and a
/// velocity in the plane fits the 16 bits that the wire has for each axis.
pub const LAUNCH_SPEED_MAX: i32 = 20 * SUBUNITS_PER_M / TICK_RATE_HZ as i32;
/// No player is faster in the plane, in subunits per tick: launched, or running by the fastest gait.
pub const PLAYER_SPEED_MAX: i32 = LAUNCH_SPEED_MAX;
const _: () =
    assert!(RUN_SPEED * GAIT_SPEED_MAX as i32 / 100 < PLAYER_SPEED_MAX, "nobody runs faster than he is thrown");

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
    /// Velocity up; after a [`step`] it is 0 if and only if the body stands on something.
    pub vz: i32,
}

/// Moves `body` by one tick under `input`, as well as its gait lets it.
///
/// Horizontal velocity turns towards the wish by at most [`ACCELERATION`] ([`AIR_ACCELERATION`] off the ground), then the
/// body is swept along x, then along y, and stops at the first block or world edge on each axis (so it slides along walls).
/// A block is in the way as far as it is above the feet, on the ground by more than [`STEP_UP`]. Then the body steps up,
/// rises or falls, and lands on the highest top below it. Divisions round towards zero.
pub fn step(map: &StaticMap, body: &mut Body, input: &Input, gait: Gait) {
    // Most of a map is far from any block: there one look at its grid answers all that is asked below.
    let reach = body.vx.abs().max(body.vy.abs()) + ACCELERATION + BODY_RADIUS;
    let is_open = map.is_open(body.x, body.y, reach);
    let floor = |body: &Body| if is_open { 0 } else { map.floor(body.x, body.y, body.z, BODY_RADIUS) };
    let is_grounded = body.vz == 0 && body.z == floor(body);
    accelerate(body, gait.wish(input), is_grounded);
    slide(map, body, is_open, if is_grounded { body.z + STEP_UP } else { body.z });
    let jumps = gait.can_jump && input.buttons & button::JUMP != 0;
    let floor = floor(body);
    if is_grounded {
        body.z = body.z.max(floor);
        body.vz = if jumps { JUMP_SPEED } else { 0 };
    }
    if !is_grounded || body.z != floor || jumps {
        fall(body, floor);
    }
}

/// Adds a push to a body's velocity: a knock-back, a leap. It never makes it faster than [`LAUNCH_SPEED_MAX`] in the plane,
/// nor up or down; what was faster already, as a long fall is, it makes no faster. In subunits per tick.
pub fn launch(body: &mut Body, vx: i32, vy: i32, vz: i32) {
    let before = length(body.vx, body.vy);
    (body.vx, body.vy) = (body.vx.saturating_add(vx), body.vy.saturating_add(vy));
    (body.vx, body.vy) = cut((body.vx, body.vy), before.max(LAUNCH_SPEED_MAX));
    let most = body.vz.saturating_abs().max(LAUNCH_SPEED_MAX);
    body.vz = body.vz.saturating_add(vz).clamp(-most, most);
}

/// Turns the velocity towards the wish. In the air speed lasts: who wishes for nothing goes on as he did, and a wish steers
/// and brakes, but is as fast as the body at least, so that who was thrown is not slowed by wanting to go where he flies.
fn accelerate(body: &mut Body, wish: (i32, i32), is_grounded: bool) {
    if is_grounded {
        turn_towards(body, wish, ACCELERATION);
    } else if wish != (0, 0) {
        let (speed, wished) = (length(body.vx, body.vy), length(wish.0, wish.1).max(1));
        let most = speed.max(wished);
        let stretched = |part: i32| (i64::from(part) * i64::from(most) / i64::from(wished)) as i32;
        let wish = if speed > wished { (stretched(wish.0), stretched(wish.1)) } else { wish };
        turn_towards(body, wish, AIR_ACCELERATION);
        // What is rounded must not add up to speed.
        (body.vx, body.vy) = cut((body.vx, body.vy), most);
    }
}

fn turn_towards(body: &mut Body, (wish_x, wish_y): (i32, i32), most: i32) {
    let (dx, dy) = (wish_x - body.vx, wish_y - body.vy);
    let length = length(dx, dy);
    if length <= most {
        (body.vx, body.vy) = (wish_x, wish_y);
    } else {
        body.vx += (i64::from(dx) * i64::from(most) / i64::from(length)) as i32;
        body.vy += (i64::from(dy) * i64::from(most) / i64::from(length)) as i32;
    }
}

/// Along x, then along y, under what `above` passes over.
fn slide(map: &StaticMap, body: &mut Body, is_open: bool, above: i32) {
    let (vx, vy) = (body.vx, body.vy);
    let x = if is_open {
        map.within_x(body.x, vx, BODY_RADIUS)
    } else {
        map.sweep_x(body.x, body.y, above, vx, BODY_RADIUS)
    };
    if x != body.x + vx {
        body.vx = 0;
    }
    body.x = x;
    let y = if is_open {
        map.within_y(body.y, vy, BODY_RADIUS)
    } else {
        map.sweep_y(body.x, body.y, above, vy, BODY_RADIUS)
    };
    if y != body.y + vy {
        body.vy = 0;
    }
    body.y = y;
}

/// One tick off the ground: up or down by the velocity, which gravity lessens; at the latest to the floor.
fn fall(body: &mut Body, floor: i32) {
    body.z += body.vz;
    body.vz -= GRAVITY;
    if body.z > HEIGHT_MAX {
        (body.z, body.vz) = (HEIGHT_MAX, -GRAVITY);
    }
    if body.z <= floor {
        (body.z, body.vz) = (floor, 0);
    } else if body.vz == 0 {
        // 0 is for who stands: the top of a flight is passed a subunit late.
        body.vz = -1;
    }
}

/// The velocity, made shorter if it is longer than `most`.
fn cut((vx, vy): (i32, i32), most: i32) -> (i32, i32) {
    let square = |of: i32| u64::from(of.unsigned_abs()).pow(2);
    let long = square(vx) + square(vy);
    if long <= square(most) {
        return (vx, vy);
    }
    // The root is rounded down: one more makes it surely enough.
    let length = long.isqrt() as i64 + 1;
    let part = |of: i32| (i64::from(of) * i64::from(most) / length) as i32;
    (part(vx), part(vy))
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
    let rules = [
        RULES_VERSION,
        RUN_SPEED,
        ACCELERATION,
        AIR_ACCELERATION,
        GRAVITY,
        JUMP_SPEED,
        BODY_RADIUS,
        STEP_UP,
        HEIGHT_MAX,
    ];
    let mut bytes: Vec<u8> = rules.iter().flat_map(|r| r.to_le_bytes()).collect();
    bytes.extend(Codes::written_hash().to_le_bytes());
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

/// Counts changes of [`step`] that no constant shows.
const RULES_VERSION: i32 = 2;
