//! One shot: from the shooter's eye, through the world as he saw it, to whom or what it meets first.
//!
//! spec: SHO-5, SHO-7. Shots arrive at once. The shooter stands where he has put himself, because he predicts himself;
//! everybody else stands where he was drawn ([`Rewind`]).

use crate::Clock;
use crate::cast::is_safe;
use crate::content::{DamageKind, Outcome};
use crate::fight::{Blow, Blows, Cause, Force, Sheet, Team, Vitals};
use crate::history::{REWIND_TICKS_MAX, Rewind};
use crate::movement::Mobile;
use crate::ray::{Ray, Span};
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::spatial::Quadtree;
use crate::thing::MOB_SPEED_MAX;
use bevy_ecs::prelude::{Entity, World};
use protocol::motion::{BODY_RADIUS, Body, PLAYER_SPEED_MAX, StaticMap};
use protocol::unit::{SUBUNIT_BITS, SUBUNITS_PER_M, TICK_RATE_HZ, unit_of};
use protocol::view::Place;
use protocol::{EntityKind, NetId, Tick, ViewTick};
use serde::{Deserialize, Serialize};

/// How far a shot reaches: 100 m, in subunits. As far as people see each other: nobody aims at what he is not shown.
pub const SHOT_RANGE: i32 = 100 * SUBUNITS_PER_M;
/// From the ground to the crown of a body: 1.8 m, in subunits.
pub const BODY_HEIGHT: i32 = 9 * SUBUNITS_PER_M / 5;
/// From the ground to where a body shoots from: 1.6 m, in subunits.
pub const EYE_HEIGHT: i32 = 8 * SUBUNITS_PER_M / 5;

/// Where a shot goes, and what its shooter saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aim {
    /// The moment at which the others were drawn for him.
    pub view: ViewTick,
    /// As in [`protocol::event::Shoot`].
    pub yaw: u16,
    /// As in [`protocol::event::Shoot`].
    pub pitch: u16,
}

/// What came of a shot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShotOutcome {
    /// Whom it hit.
    pub target: Option<NetId>,
    /// From where it came.
    pub eye: Place,
    /// Where it ended.
    pub end: Place,
    /// How long ago the shooter saw what he shot at, in steps of 1/256 tick.
    pub rewound_steps: u64,
}

/// Shots of one player in a row: the weapon fires ten times a second. A client may say anything at any time, so the
/// count is kept here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// When it would be ready if every shot had waited for its turn.
    ready: Tick,
}

/// Ticks between two shots of a player: ten a second.
const SHOT_INTERVAL_TICKS: u32 = TICK_RATE_HZ / 10;
/// Shots of a player that may be carried out in one tick: what a lost datagram held up arrives with what was shot since.
pub const SHOT_BURST: u32 = 3;

impl Trigger {
    /// Whether the weapon fires; if so, it has.
    pub fn pull(&mut self, now: Tick) -> bool {
        if self.ready.since(now) > (SHOT_BURST - 1) * SHOT_INTERVAL_TICKS {
            return false;
        }
        self.ready = Tick(self.ready.max(now).0.saturating_add(SHOT_INTERVAL_TICKS));
        true
    }
}

/// A body of its kind that can be hit: radius and height in subunits.
pub(crate) const fn hit_shape(kind: EntityKind) -> Option<(i32, i32)> {
    match kind {
        EntityKind::Player | EntityKind::Mob => Some((BODY_RADIUS, BODY_HEIGHT)),
        // Nothing comes of hitting them, and a body may be faster than those who are looked for.
        EntityKind::Projectile | EntityKind::Item | EntityKind::Body => None,
    }
}

/// Carries out a shot of `shooter`, whose body is at `body`.
pub(crate) fn carry_out(
    map: &StaticMap,
    spatial: &Quadtree,
    rewind: &Rewind<'_>,
    shooter: NetId,
    body: &Body,
    aim: &Aim,
) -> ShotOutcome {
    let eye = Place { x: body.x, y: body.y, z: body.z.saturating_add(EYE_HEIGHT) };
    let ray = Ray::new(eye, aim.yaw, aim.pitch);
    let reach = reach(map, &ray, SHOT_RANGE.into());
    let first = first_met(spatial, rewind, &ray, reach, &|id| id != shooter);
    let (length, target) = first.map_or((reach, None), |(length, id)| (length, Some(id)));
    ShotOutcome { target, eye, end: ray.at(length), rewound_steps: rewind.age_steps() }
}

/// Adds what a hit does to the blows of the coming tick, if the two may fight.
pub(crate) fn wound(world: &mut World, by: NetId, target: NetId) -> Option<()> {
    let (shooter, hit) = (fighter(world, by)?, fighter(world, target)?);
    if !shooter.team.may_fight(hit.team) {
        return None;
    }
    let rules = world.resource::<Rulebook>().0.rules;
    let now = world.resource::<Clock>().now;
    let outcome =
        Outcome::Damage { kind: DamageKind::Physical, amount: rules.shot_damage, attack: rules.shot_attack, power: 0 };
    let (force, from) = (shooter.force, (shooter.place.x, shooter.place.y));
    let blow = Blow { by: Some(by), on: target, outcome, force, share: 1_000, from, cause: Cause::Shot, nth: 0 };
    world.resource_mut::<Blows>().add(blow);
    let mut vitals = world.get_mut::<Vitals>(shooter.entity)?;
    vitals.combat_until = vitals.combat_until.max(Tick(now.0.saturating_add(rules.combat_ticks)));
    Some(())
}

/// One of the two whom a shot concerns.
struct Fighter {
    entity: Entity,
    team: Team,
    force: Force,
    place: Place,
}

/// Somebody who lives, and stands where one fights.
fn fighter(world: &World, id: NetId) -> Option<Fighter> {
    let entity = world.resource::<Roster>().entity(id)?;
    let body = world.get::<Mobile>(entity)?.0;
    let place = Place { x: body.x, y: body.y, z: body.z };
    let is_safe = is_safe(&world.resource::<Rulebook>().0.places.safe_zones, place);
    let is_alive = !world.get::<Vitals>(entity)?.is_dead();
    let (team, force) = (*world.get::<Team>(entity)?, Force::of(world.get::<Sheet>(entity)?));
    (is_alive && !is_safe).then_some(Fighter { entity, team, force, place })
}

/// Whom of those who count the ray meets first within `reach`, and how far along.
pub(crate) fn first_met(
    spatial: &Quadtree,
    rewind: &Rewind<'_>,
    ray: &Ray,
    reach: i64,
    counts: &impl Fn(NetId) -> bool,
) -> Option<(i64, NetId)> {
    let mut first: Option<(i64, NetId)> = None;
    let mut from = 0;
    while from <= reach && first.is_none_or(|(length, _)| length >= from) {
        let to = (from + SEARCH_STEP).min(reach);
        let middle = ray.at((from + to) / 2);
        let radius = unit_of(((to - from) / 2) as i32) + CANDIDATE_MARGIN_UNITS;
        spatial.query_circle(unit_of(middle.x), unit_of(middle.y), radius, &mut |id| {
            if let Some(length) = meets(ray, rewind, id, reach)
                && first.is_none_or(|first| (length, id) < first)
                && counts(id)
            {
                first = Some((length, id));
            }
        });
        from = to + 1;
    }
    first
}

/// The index is asked for so much of a ray at a time, nearest first: 12.5 m, in subunits. In a crowd the first stretch has
/// somebody in it, and nobody behind is looked at; one circle around all of it would hold forty times as many.
const SEARCH_STEP: i64 = SHOT_RANGE as i64 / 8;

/// How much farther from the middle of a stretch than half its length somebody may be now who is hit: his radius, what he can
/// have run or been thrown since he was seen, and a unit for each of the four numbers that are rounded. Whoever was put elsewhere since then
/// is not looked for.
pub(crate) const CANDIDATE_MARGIN_UNITS: i32 =
    ((BODY_RADIUS + REWIND_TICKS_MAX as i32 * SPEED_MAX) >> SUBUNIT_BITS) + 4;

/// No one of those who can be hit moves farther in the plane in a tick, in subunits.
const SPEED_MAX: i32 = if PLAYER_SPEED_MAX < MOB_SPEED_MAX { MOB_SPEED_MAX } else { PLAYER_SPEED_MAX };

/// How far along the ray an entity is met as it was drawn, if that is within `reach`.
fn meets(ray: &Ray, rewind: &Rewind<'_>, id: NetId, reach: i64) -> Option<i64> {
    let (radius, height) = hit_shape(rewind.kind(id))?;
    first_within(ray.through(rewind.place(id)?, radius, height)?, 0, reach)
}

/// How far the ray goes before a block, the ground or the end of its range.
pub(crate) fn reach(map: &StaticMap, ray: &Ray, range: i64) -> i64 {
    let range = ray.ground().map_or(range, |ground| ground.min(range));
    let (from, to) = (ray.from(), ray.at(range));
    let (west, south, east, north) = (from.x.min(to.x), from.y.min(to.y), from.x.max(to.x), from.y.max(to.y));
    let blocks = map.blocks_near(west, south, east, north);
    blocks.filter_map(|block| first_within(ray.inside(block)?, 0, range)).min().unwrap_or(range)
}

/// Where a line first comes to a span between two of its places: where the span begins, or `from` if that is inside.
pub(crate) fn first_within(span: Span, from: i64, to: i64) -> Option<i64> {
    let enter = span.enter.max(from);
    (enter <= span.leave && enter <= to).then_some(enter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Game, GameConfig, Thing};
    use protocol::CharacterId;
    use protocol::motion::ACCELERATION;
    use protocol::unit::UNITS_PER_M;
    use std::sync::Arc;

    const EAST: u16 = 0;

    /// A mob that keeps its speed, as if it wanted to; where it was seen in front of a shooter so many ticks ago, in metres
    /// east, and whether a shot that was aimed at that place hits it.
    fn is_hit_running(seen_m: f64, way: (i32, i32), ticks: u32) -> bool {
        let map = Arc::new(StaticMap::new(400, 400, &[]).unwrap());
        let mut game =
            Game::new(GameConfig { seed: 1, map, content: Arc::default(), incarnation: 1, entities_max: 10 });
        let shooter = game.spawn_player(CharacterId(1), None).unwrap();
        game.place_player(shooter, 100 * UNITS_PER_M, 200 * UNITS_PER_M);
        let (x, y) = ((f64::from(SUBUNITS_PER_M) * (100.0 + seen_m)) as i32, 200 * SUBUNITS_PER_M);
        let there = Body { x: x - way.0, y: y - way.1, vx: way.0, vy: way.1, ..Body::default() };
        let mob = game.spawn_thing(there, Thing::Mob { yaw: 0, pitch: 0 }).unwrap();
        for _ in 0..=ticks {
            let entity = game.entity(mob).unwrap();
            let mut mobile = game.world.get_mut::<Mobile>(entity).unwrap();
            // What stopping takes off before it moves.
            let push =
                |speed: i32| speed + (i64::from(speed) * i64::from(ACCELERATION) / i64::from(MOB_SPEED_MAX)) as i32;
            (mobile.0.vx, mobile.0.vy) = (push(way.0), push(way.1));
            game.tick();
        }
        let body = *game.body(mob).unwrap();
        let run = |from: i32, to: i32| i64::from(to - from).pow(2);
        let way_run = (run(x, body.x) + run(y, body.y)).isqrt();
        assert!(way_run >= i64::from(ticks) * i64::from(MOB_SPEED_MAX - 3), "it ran {way_run}");
        let view = ViewTick { tick: Tick(game.now().0 - ticks), fraction: 0 };
        let shot = game.shoot(shooter, &[], &Aim { view, yaw: EAST, pitch: 0 }).unwrap().unwrap();
        shot.target == Some(mob)
    }

    /// proves: SHO-4
    #[test]
    fn a_mob_as_fast_as_any_is_hit_where_it_was_seen_as_long_ago_as_shots_are_judged() {
        let diagonal = (f64::from(MOB_SPEED_MAX) / f64::sqrt(2.0)) as i32;
        let reach_m = f64::from(SHOT_RANGE + BODY_RADIUS) / f64::from(SUBUNITS_PER_M) - 0.001;
        for way in
            [(MOB_SPEED_MAX, 0), (-MOB_SPEED_MAX, 0), (0, MOB_SPEED_MAX), (diagonal, diagonal), (diagonal, -diagonal)]
        {
            // At the ends of the stretches in which the line is searched, between them, and as far off as it reaches.
            let step_m = SEARCH_STEP as f64 / f64::from(SUBUNITS_PER_M);
            for seen_m in (1..=16).map(|half| f64::from(half) * step_m / 2.0).chain([reach_m]) {
                assert!(is_hit_running(seen_m, way, REWIND_TICKS_MAX), "seen {seen_m} m off, running {way:?}");
            }
        }
    }

    /// proves: SHO-5
    #[test]
    fn a_trigger_fires_three_at_once_and_ten_a_second() {
        let mut trigger = Trigger::default();
        assert_eq!([(); 5].map(|()| trigger.pull(Tick(1_000))), [true, true, true, false, false]);
        let fired = (1_001..1_601).filter(|&tick| trigger.pull(Tick(tick))).count();
        assert_eq!(fired, 100);
        assert!((0..3).all(|_| trigger.pull(Tick(5_000))), "a rested weapon is ready again");
    }
}
