//! A tick of all bodies: what the ground takes, the way, the fall.

use super::apart::Apart;
use super::grid::Grid;
use super::meeting::Meetings;
use super::solid::{Solid, THING_HEIGHT, support};
use super::spin::{rub_spin, turned};
use crate::movement::{Ground, Mobile};
use crate::player::Wish;
use crate::replica::Replica;
use crate::shot::BODY_HEIGHT;
use crate::thing::{THING_SPEED_MAX, Thing};
use bevy_ecs::prelude::{Local, Query, Res, With, Without};
use protocol::motion::{Body, GRAVITY, StaticMap};
use protocol::unit::{SUBUNITS_PER_M, TICK_RATE_HZ};
use protocol::{EntityKind, NetId};

/// What a sliding body loses of its speed in a tick: 4 m/s², wood on stone, in subunits per tick².
const FRICTION: i32 = 4 * SUBUNITS_PER_M / (TICK_RATE_HZ * TICK_RATE_HZ) as i32;

/// Bodies and whoever may be in their way, bodies first and in the order of their ids; kept from tick to tick for its memory
/// only.
#[derive(Debug, Default)]
pub(super) struct Scene {
    solids: Vec<Solid>,
    bodies: usize,
    /// Which of them rest on something as the tick begins, by place in `solids`.
    is_carried: Vec<bool>,
    /// By row of the id: the place in `solids`.
    places: Vec<u32>,
    near: Grid,
    meetings: Meetings,
    apart: Apart,
}

/// Moves all bodies. One that rests with nobody in it and something below it stays as it is, and costs a look around.
pub(super) fn move_bodies(
    ground: Res<'_, Ground>,
    mut things: Query<'_, '_, (&Replica, &mut Mobile, &mut Thing), Without<Wish>>,
    players: Query<'_, '_, (&Replica, &Mobile), With<Wish>>,
    mut scene: Local<'_, Scene>,
) {
    let Scene { solids, places, .. } = &mut *scene;
    solids.clear();
    for (replica, mobile, _) in things.iter().filter(|(replica, ..)| replica.kind == EntityKind::Body) {
        solids.push(solid(replica.id, &mobile.0, THING_HEIGHT, true));
    }
    if solids.is_empty() {
        return;
    }
    solids.sort_unstable_by_key(|solid| solid.id);
    for (at, solid) in (0..).zip(solids.iter()) {
        places.resize(places.len().max(solid.id.row() + 1), 0);
        places[solid.id.row()] = at;
    }
    let count = solids.len();
    let mobs = things.iter().filter(|(replica, ..)| replica.kind == EntityKind::Mob);
    for (replica, mobile) in players.iter().chain(mobs.map(|(replica, mobile, _)| (replica, mobile))) {
        // Where they are now, and as good as at rest: they have moved already.
        solids.push(solid(replica.id, &Body { vx: 0, vy: 0, vz: 0, ..mobile.0 }, BODY_HEIGHT, false));
    }
    scene.bodies = count;
    scene.tick(&ground.0);
    for (replica, mut mobile, mut thing) in &mut things {
        if replica.kind == EntityKind::Body {
            let at = scene.places[replica.id.row()] as usize;
            write(&scene.solids[at], scene.is_carried[at], &mut mobile, &mut thing);
        }
    }
}

fn solid(id: NetId, body: &Body, height: i32, is_body: bool) -> Solid {
    Solid::new(id, [body.x, body.y, body.z], [body.vx, body.vy, body.vz], height, is_body)
}

/// What rests is not written: nothing of it has changed.
fn write(solid: &Solid, is_carried: bool, mobile: &mut Mobile, thing: &mut Thing) {
    let ([x, y, z], [vx, vy, vz]) = (solid.at, solid.speed);
    mobile.0 = Body { x, y, z, vx, vy, vz };
    if let Thing::Body { turn, spin } = thing
        && *spin != [0; 3]
    {
        *turn = turned(turn, spin);
        if is_carried {
            rub_spin(spin);
        }
    }
}

impl Scene {
    fn tick(&mut self, map: &StaticMap) {
        let Self { solids, bodies, is_carried, near, meetings, apart, .. } = self;
        near.fill(solids.iter().map(|solid| solid.at));
        is_carried.clear();
        for index in 0..*bodies {
            let [_, _, z] = solids[index].at;
            let is_down = solids[index].speed[2] <= 0 && z == support(map, solids, near, index);
            is_carried.push(is_down);
            if is_down {
                rub(&mut solids[index].speed);
            }
        }
        if solids[..*bodies].iter().any(|solid| solid.speed != [0; 3]) {
            meetings.run(map, solids, *bodies, near);
            near.fill(solids.iter().map(|solid| solid.at));
        }
        if apart.put(map, solids, *bodies, near) {
            near.fill(solids.iter().map(|solid| solid.at));
        }
        for index in 0..*bodies {
            let floor = support(map, solids, near, index);
            fall(&mut solids[index], floor);
        }
    }
}

/// Friction: against the way, and never beyond a stop.
fn rub(speed: &mut [i32; 3]) {
    let [vx, vy] = [speed[0], speed[1]].map(i64::from);
    if (vx, vy) == (0, 0) {
        return;
    }
    let fast = (vx * vx + vy * vy).unsigned_abs().isqrt() as i64;
    let left = (fast - i64::from(FRICTION)).max(0);
    (speed[0], speed[1]) = ((vx * left / fast) as i32, (vy * left / fast) as i32);
}

/// What the pull of the earth and the floor make of the speed up and down.
fn fall(solid: &mut Solid, floor: i32) {
    let (z, speed) = (&mut solid.at[2], &mut solid.speed[2]);
    if *z <= floor && *speed <= 0 {
        (*z, *speed) = (floor, 0);
        return;
    }
    // No faster than the wire can tell.
    *speed = (*speed - GRAVITY).max(-THING_SPEED_MAX);
    if *speed == 0 {
        // 0 is for what lies on something.
        *speed = -1;
    }
}
