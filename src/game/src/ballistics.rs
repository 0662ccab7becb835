//! How things move that nobody plays and that meet nobody: by integers alone, the same on every machine.
//!
//! Clients do not predict things, so none of it is in the motion hash. Bodies, which meet one another, are the matter of
//! [`crate::physics`].

use crate::mobs::Will;
use crate::movement::{Ground, Mobile};
use crate::player::Wish;
use crate::records::Z_MAX;
use crate::replica::Replica;
use crate::schedule::Phase;
use crate::thing::{Ended, Thing};
use bevy_ecs::prelude::{IntoScheduleConfigs, Query, Res, ResMut, Schedule, Without, World};
use protocol::Input;
use protocol::motion::{self, Body, Gait, StaticMap};

pub(crate) fn register(world: &mut World, schedule: &mut Schedule) {
    world.insert_resource(Ended::default());
    schedule.add_systems(move_things.in_set(Phase::Movement));
}

/// Things do not meet each other, so the order of the table is as good as any; those that ended are put in order later.
pub(crate) fn move_things(
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
        // Bodies meet one another: see `physics`.
        Thing::Body { .. } => true,
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

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::motion::Block;
    use protocol::unit::SUBUNITS_PER_M;

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
}
