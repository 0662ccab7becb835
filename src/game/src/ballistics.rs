//! How things move that nobody plays: by integers alone, the same on every machine.
//!
//! Rules for a start: straight flight, a slide that friction ends, a spin that it ends, too. Clients do not predict things,
//! so none of it is in the motion hash.

use crate::mobs::Will;
use crate::movement::{Ground, Mobile};
use crate::player::Wish;
use crate::records::Z_MAX;
use crate::replica::Replica;
use crate::schedule::Phase;
use crate::thing::{Ended, Thing};
use bevy_ecs::prelude::{IntoScheduleConfigs, Query, Res, ResMut, Schedule, Without, World};
use protocol::Input;
use protocol::motion::{self, BODY_RADIUS, Body, GRAVITY, Gait, StaticMap};
use protocol::orientation::{ONE, QUATERNION_BITS, Quaternion};
use protocol::unit::{SUBUNITS_PER_M, TICK_RATE_HZ};

/// What a sliding body loses of its speed in a tick: 4 m/s², wood on stone, in subunits per tick².
const FRICTION: i32 = 4 * SUBUNITS_PER_M / (TICK_RATE_HZ * TICK_RATE_HZ) as i32;
/// What a spin on the ground loses in a tick: this part of it,
const SPIN_LOSS: i32 = 32;
/// but at least so much, in parts of [`ONE`] radians: then the last degree takes half a second.
const SPIN_LOSS_MIN: i32 = ONE / 4_096;

pub(crate) fn register(world: &mut World, schedule: &mut Schedule) {
    world.insert_resource(Ended::default());
    schedule.add_systems(move_things.in_set(Phase::Movement));
}

/// Things do not meet each other, so the order of the table is as good as any; those that ended are put in order later.
fn move_things(
    ground: Res<'_, Ground>,
    mut ended: ResMut<'_, Ended>,
    mut things: Query<'_, '_, (&Replica, &mut Mobile, &mut Thing, Option<&Will>), Without<Wish>>,
) {
    for (replica, mut mobile, mut thing, will) in &mut things {
        if let (Some(will), Thing::Mob { yaw, .. }) = (will, &mut *thing) {
            *yaw = will.yaw();
            walk(&ground.0, &mut mobile.0, *will);
        } else if !step(&ground.0, &mut mobile.0, &mut thing) {
            ended.0.push(replica.id);
        }
    }
}

/// Moves a mob by one tick as it wants.
fn walk(map: &StaticMap, body: &mut Body, will: Will) {
    // Most stand, and nothing comes of a step of theirs.
    let is_at_rest = (body.z, body.vx, body.vy, body.vz) == (0, 0, 0, 0);
    if !(is_at_rest && will.is_to_stand()) {
        // How fast it goes its will says already.
        motion::step(map, body, &will.input(), Gait::default());
    }
}

/// Moves a thing by one tick. False if that was its last.
fn step(map: &StaticMap, body: &mut Body, thing: &mut Thing) -> bool {
    match thing {
        Thing::Projectile { ticks_left, .. } => {
            *ticks_left -= 1;
            fly(map, body) && *ticks_left > 0
        }
        Thing::Mob { .. } | Thing::Item { .. } => {
            // Both stop as a player does who lets go of everything.
            motion::step(map, body, &Input::default(), Gait::default());
            true
        }
        Thing::Body { turn, spin } => {
            if *spin != [0; 3] {
                *turn = turned(turn, spin);
            }
            tumble(map, body, spin);
            true
        }
    }
}

/// Straight on. False if something was in the way: a block or its top, the ground, the edge of the world.
fn fly(map: &StaticMap, body: &mut Body) -> bool {
    let to = (body.x + body.vx, body.y + body.vy, body.z + body.vz);
    body.x = map.sweep_x(body.x, body.y, body.z, body.vx, 0);
    body.y = map.sweep_y(body.x, body.y, body.z, body.vy, 0);
    body.z = to.2.clamp(map.floor(body.x, body.y, body.z, 0), Z_MAX);
    (body.x, body.y, body.z) == to
}

/// Falls, slides along what it meets, and loses speed and spin to the ground.
fn tumble(map: &StaticMap, body: &mut Body, spin: &mut [i32; 3]) {
    let is_on_ground = body.vz <= 0 && body.z == map.floor(body.x, body.y, body.z, BODY_RADIUS);
    if is_on_ground {
        rub(body);
        spin.iter_mut()
            .for_each(|spin| *spin -= spin.signum() * spin.abs().min(SPIN_LOSS_MIN.max(spin.abs() / SPIN_LOSS)));
    }
    let (x, y) = (body.x + body.vx, body.y + body.vy);
    body.x = map.sweep_x(body.x, body.y, body.z, body.vx, BODY_RADIUS);
    body.y = map.sweep_y(body.x, body.y, body.z, body.vy, BODY_RADIUS);
    body.vx = if body.x == x { body.vx } else { 0 };
    body.vy = if body.y == y { body.vy } else { 0 };
    let floor = map.floor(body.x, body.y, body.z, BODY_RADIUS);
    body.z = (body.z + body.vz).min(Z_MAX);
    body.vz -= GRAVITY;
    if body.z <= floor {
        (body.z, body.vz) = (floor, 0);
    } else if body.vz == 0 {
        // 0 is for what lies on something.
        body.vz = -1;
    }
}

/// Friction: against the way, and never beyond a stop.
fn rub(body: &mut Body) {
    let (vx, vy) = (i64::from(body.vx), i64::from(body.vy));
    let speed = (vx * vx + vy * vy).unsigned_abs().isqrt() as i64;
    if speed <= i64::from(FRICTION) {
        (body.vx, body.vy) = (0, 0);
        return;
    }
    let left = speed - i64::from(FRICTION);
    (body.vx, body.vy) = ((vx * left / speed) as i32, (vy * left / speed) as i32);
}

/// The turn a tick later: times one and half the spin, made of length one again. A large spin comes out somewhat slower than
/// it is said to be (a tangent, not an arc: 6 % at the fastest about all three axes), and always the same.
fn turned([w, x, y, z]: &Quaternion, [a, b, c]: &[i32; 3]) -> Quaternion {
    let product = |left: [(&i32, &i32); 3]| {
        left.iter().map(|&(of, by)| i64::from(*of) * i64::from(*by)).sum::<i64>() >> QUATERNION_BITS
    };
    let next = [
        i64::from(*w) - product([(x, a), (y, b), (z, c)]),
        i64::from(*x) + product([(w, a), (y, c), (&-z, b)]),
        i64::from(*y) + product([(w, b), (z, a), (&-x, c)]),
        i64::from(*z) + product([(w, c), (x, b), (&-y, a)]),
    ];
    let length = next.iter().map(|part| (part * part) as u64).sum::<u64>().isqrt() as i64;
    next.map(|part| (part * i64::from(ONE) / length) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thing::SPIN_MAX;
    use protocol::motion::Block;

    fn map() -> StaticMap {
        StaticMap::new(200, 200, &[Block { x: 110.0, y: 90.0, width: 5.0, depth: 20.0, height: None }]).unwrap()
    }

    fn at(x_m: i32, z_m: i32, vx: i32) -> Body {
        Body { x: x_m * SUBUNITS_PER_M, y: 100 * SUBUNITS_PER_M, z: z_m * SUBUNITS_PER_M, vx, ..Body::default() }
    }

    /// Ticks until it ends, at most 1,000.
    fn life(body: &mut Body, thing: &mut Thing) -> usize {
        (1..=1_000).find(|_| !step(&map(), body, thing)).unwrap_or(usize::MAX)
    }

    #[test]
    fn a_projectile_flies_straight_and_ends_with_its_life_at_a_block_or_at_an_edge() {
        let shot = |ticks_left| Thing::Projectile { yaw: 0, pitch: 0, ticks_left };
        let metre_a_tick = SUBUNITS_PER_M;
        let mut body = at(50, 1, metre_a_tick);
        assert_eq!(life(&mut body, &mut shot(20)), 20);
        assert_eq!(body, Body { x: 70 * SUBUNITS_PER_M, ..at(50, 1, metre_a_tick) });
        assert_eq!(life(&mut at(50, 1, metre_a_tick), &mut shot(900)), 61, "the block begins 60 m ahead");
        assert_eq!(life(&mut at(50, 1, -metre_a_tick), &mut shot(900)), 51, "the edge is 50 m behind");
        let mut falling = Body { vz: -SUBUNITS_PER_M / 4, ..at(50, 1, 0) };
        assert_eq!(life(&mut falling, &mut shot(900)), 5);
    }

    #[test]
    fn a_body_slides_and_spins_to_rest_and_then_nothing_changes() {
        let (mut body, mut thing) =
            (at(20, 3, 9_000), Thing::Body { turn: [ONE, 0, 0, 0], spin: [SPIN_MAX, -5_000_000, 7] });
        let ticks = (1..2_000).find(|_| {
            step(&map(), &mut body, &mut thing);
            thing.is_at_rest(&body)
        });
        assert!(ticks.is_some_and(|ticks| (60..600).contains(&ticks)), "{ticks:?}");
        assert!(thing.is_possible(&body, &map()));
        let rest = (body, thing);
        step(&map(), &mut body, &mut thing);
        assert_eq!((body, thing), rest);
    }

    #[test]
    fn a_body_stops_at_a_block_and_goes_on_along_it() {
        let mut body = Body { vy: 3_000, ..at(109, 0, 60_000) };
        let mut thing = Thing::Body { turn: [ONE, 0, 0, 0], spin: [0; 3] };
        step(&map(), &mut body, &mut thing);
        assert!(body.vx == 0 && body.vy > 2_000 && body.x == 110 * SUBUNITS_PER_M - BODY_RADIUS, "{body:?}");
    }

    #[test]
    fn a_spin_about_one_axis_goes_round_at_its_speed_and_keeps_its_length() {
        // A hundredth of a turn in a tick, as half its angle in radians.
        let half = (f64::from(ONE) * std::f64::consts::TAU / 100.0 / 2.0) as i32;
        let mut turn = [ONE, 0, 0, 0];
        for _ in 0..100 {
            turn = turned(&turn, &[0, 0, half]);
        }
        let [w, x, y, z] = turn.map(|part| f64::from(part) / f64::from(ONE));
        assert!(w < -0.999 && x == 0.0 && y == 0.0 && z.abs() < 0.05, "{:?}", (w, x, y, z));
        let mut turn = [ONE, 0, 0, 0];
        for _ in 0..10_000 {
            turn = turned(&turn, &[SPIN_MAX, -SPIN_MAX / 3, SPIN_MAX / 7]);
        }
        let body = Body { x: SUBUNITS_PER_M, y: SUBUNITS_PER_M, ..Body::default() };
        assert!(Thing::Body { turn, spin: [0; 3] }.is_possible(&body, &map()), "{turn:?}");
    }
}
