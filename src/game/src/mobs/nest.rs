//! Where mobs come from: each area keeps so many of its kind alive.

use super::{Mob, NO_AREA, bundle, way};
use crate::bond::Bonds;
use crate::chance::{Dice, Question};
use crate::content::{Circle, Content, SpawnArea};
use crate::movement::Ground;
use crate::player::SpawnError;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::{Clock, Game, Seed};
use bevy_ecs::prelude::{Entity, Resource, World};
use protocol::motion::{BODY_RADIUS, Body, StaticMap};
use protocol::unit::{ANGLE_STEPS, SUBUNIT_BITS, SUBUNITS_PER_M, TICK_RATE_HZ, unit_of};
use protocol::{MobKind, NetId, Tick};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Mobs that appear in one tick at most: 64 of them cost a tenth of a millisecond.
pub(crate) const SPAWNS_PER_TICK_MAX: usize = 64;
/// The first of all areas come within this time: one second, in ticks.
const FILL_TICKS: u32 = TICK_RATE_HZ;
/// Whoever found no id or no place tries again so much later: one second, in ticks.
const RETRY_TICKS: u32 = TICK_RATE_HZ;
/// Places that are drawn for one who appears or strolls until one is free.
const DRAWS_MAX: u32 = 16;
/// Who belongs to no area strolls so far from home: 8 m, in subunits.
const STROLL_RADIUS: i32 = 8 * SUBUNITS_PER_M;

/// What the areas wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Resource)]
pub(crate) struct Nests {
    /// As in [`crate::content::Places::spawns`].
    areas: Vec<Nest>,
    /// Mobs that were due and found no id or no place.
    put_off: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Nest {
    /// How many live.
    living: u16,
    /// When each of the others comes, ascending.
    due: Vec<Tick>,
}

/// The areas of a world's image: what each waits for, ascending. Who lives is counted anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NestsImage(Vec<Vec<Tick>>);

impl Nests {
    /// One of an area's mobs is gone, and another will come.
    pub(super) fn lose(&mut self, spawns: &[SpawnArea], area: u16, now: Tick) {
        let (nest, spawn) = (self.areas.get_mut(usize::from(area)), spawns.get(usize::from(area)));
        if let (Some(nest), Some(spawn)) = (nest, spawn) {
            nest.living = nest.living.saturating_sub(1);
            nest.expect(Tick(now.0.saturating_add(spawn.respawn_ticks)));
        }
    }

    /// Brings the areas to what content says they are: at the first tick, and after it has changed.
    fn follow(&mut self, spawns: &[SpawnArea], now: Tick) {
        self.areas.resize_with(spawns.len(), Nest::default);
        let mut number = 0;
        for (nest, spawn) in self.areas.iter_mut().zip(spawns) {
            let (living, count) = (usize::from(nest.living), usize::from(spawn.count));
            nest.due.truncate(count.saturating_sub(living));
            for _ in living + nest.due.len()..count {
                nest.expect(Tick(now.0.saturating_add(number % FILL_TICKS)));
                number += 1;
            }
        }
    }

    pub(crate) fn image(&self) -> NestsImage {
        NestsImage(self.areas.iter().map(|nest| nest.due.clone()).collect())
    }

    /// As saved, into a world whose mobs are there already.
    pub(crate) fn restore(world: &mut World, image: &NestsImage) {
        let mut areas: Vec<Nest> = image.0.iter().map(|due| Nest { living: 0, due: due.clone() }).collect();
        areas.iter_mut().for_each(|nest| nest.due.sort_unstable());
        let mut mobs = world.query::<&Mob>();
        for mob in mobs.iter(world) {
            if let Some(nest) = areas.get_mut(usize::from(mob.area)) {
                nest.living = nest.living.saturating_add(1);
            }
        }
        world.resource_mut::<Self>().areas = areas;
    }
}

impl Nest {
    fn expect(&mut self, due: Tick) {
        let at = self.due.partition_point(|other| *other <= due);
        self.due.insert(at, due);
    }
}

/// Before a tick: those who are due appear, area by area. They join the tables in this tick.
pub(crate) fn populate(world: &mut World) {
    let content = Arc::clone(&world.resource::<Rulebook>().0);
    let now = world.resource::<Clock>().now;
    world.resource_scope::<Nests, _>(|world, mut nests| {
        nests.follow(&content.places.spawns, now);
        let mut left = SPAWNS_PER_TICK_MAX;
        for (area, spawn) in (0_u16..).zip(&content.places.spawns) {
            let mut nth = 0;
            while left > 0 && nests.areas[usize::from(area)].due.first().is_some_and(|due| *due <= now) {
                let has_come = appear(world, &content, area, spawn, nth).is_some();
                let nest = &mut nests.areas[usize::from(area)];
                nest.due.remove(0);
                if has_come {
                    nest.living += 1;
                } else {
                    nest.expect(Tick(now.0.saturating_add(RETRY_TICKS)));
                    nests.put_off += 1;
                }
                (left, nth) = (left - 1, nth + 1);
            }
        }
    });
}

/// A mob somewhere in its area; `None` if no place or no id is free.
fn appear(world: &mut World, content: &Content, area: u16, spawn: &SpawnArea, nth: u32) -> Option<NetId> {
    let dice = Dice::new(world.resource::<Seed>().0, world.resource::<Clock>().now);
    // It has no id yet: its area asks for it.
    let (who, first) = (NetId(area), nth * (DRAWS_MAX + 1));
    let home = drawn_place(&world.resource::<Ground>().0, dice, Question::Spawn, who, first, spawn.area)?;
    let yaw = dice.below(Question::Spawn, who, first + DRAWS_MAX, u32::from(ANGLE_STEPS)) as u16;
    enter(world, content, spawn.mob, home, area, yaw)
}

fn enter(world: &mut World, content: &Content, kind: MobKind, home: (i32, i32), area: u16, yaw: u16) -> Option<NetId> {
    let now = world.resource::<Clock>().now;
    let kind = content.mobs.find(kind)?;
    let id = world.resource_mut::<Roster>().claim()?;
    let body = Body { x: home.0, y: home.1, ..Body::default() };
    let entity = world.spawn(bundle(id, body, yaw, Mob::new(kind.id, home, area, now), kind)).id();
    crate::enter(world, id, entity);
    if kind.is_boss {
        world.resource_mut::<Bonds>().set_boss(id, true);
    }
    Some(id)
}

/// A mob is about to be taken out of the world: if it lives, its area waits for another.
pub(crate) fn on_despawn(world: &mut World, entity: Entity) {
    let Some(area) = world.get::<Mob>(entity).map(|mob| mob.area).filter(|&area| area != NO_AREA) else { return };
    let (content, now) = (Arc::clone(&world.resource::<Rulebook>().0), world.resource::<Clock>().now);
    world.resource_mut::<Nests>().lose(&content.places.spawns, area, now);
}

/// A free place for a mob's stroll.
pub(super) fn place_in_area(
    content: &Content,
    map: &StaticMap,
    dice: Dice,
    mob: &Mob,
    id: NetId,
) -> Option<(i32, i32)> {
    let area = content.places.spawns.get(usize::from(mob.area)).map(|spawn| spawn.area);
    let (x, y) = mob.home;
    let area = area.unwrap_or(Circle { x, y, radius: STROLL_RADIUS });
    // The first draw was whether it goes.
    drawn_place(map, dice, Question::Stroll, id, 1, area)
}

/// The first of [`DRAWS_MAX`] drawn places of a circle that is free for a body.
fn drawn_place(
    map: &StaticMap,
    dice: Dice,
    question: Question,
    who: NetId,
    first: u32,
    area: Circle,
) -> Option<(i32, i32)> {
    let radius = area.radius.max(0);
    (first..first + DRAWS_MAX).find_map(|nth| {
        let draw = dice.draw(question, who, nth);
        let part = |draw: u32| ((u64::from(draw) * (2 * radius as u64 + 1)) >> 32) as i32 - radius;
        let place = (area.x.saturating_add(part(draw as u32)), area.y.saturating_add(part((draw >> 32) as u32)));
        let is_inside = way::is_within((area.x, area.y), place, radius);
        (is_inside && map.is_free(place.0, place.1, 0, BODY_RADIUS)).then_some(place)
    })
}

impl Game {
    /// Puts a mob into the world that belongs to no area, at the free place nearest to (`x_units`, `y_units`). It joins the
    /// tables in the coming tick, and is not replaced when it dies.
    ///
    /// # Errors
    /// [`SpawnError`] when there is no such kind, no id or no place; nothing has changed then.
    pub fn spawn_mob(&mut self, kind: MobKind, x_units: i32, y_units: i32) -> Result<NetId, SpawnError> {
        let content = Arc::clone(self.content());
        if content.mobs.find(kind).is_none() {
            return Err(SpawnError::Impossible);
        }
        let (width, depth) = self.map.extent();
        let subunits = |units: i32, extent: i32| units.clamp(0, unit_of(extent)) << SUBUNIT_BITS;
        let home = self.map.nearest_free(subunits(x_units, width), subunits(y_units, depth), 0, BODY_RADIUS);
        if !self.map.is_free(home.0, home.1, 0, BODY_RADIUS) {
            return Err(SpawnError::NoRoom);
        }
        enter(&mut self.world, &content, kind, home, NO_AREA, 0).ok_or(SpawnError::Full)
    }

    /// How often a mob was due and found no id or no place, since this process began.
    #[must_use]
    pub fn mobs_put_off(&self) -> u64 {
        self.world.resource::<Nests>().put_off
    }
}
