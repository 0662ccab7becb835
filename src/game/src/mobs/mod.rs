//! What lives in the world by a will of the server's: where it comes from, what goes on in it, what it leaves.
//!
//! A mob is a fighter like a player. It lives in a [`SpawnArea`](crate::content::SpawnArea) ([`nest`]), it decides what it
//! wants in [`Phase::Think`] ([`mind`], against the players that [`crowd`] has counted), and its [`Will`] moves it by the
//! same rules as a player's wish. When it dies it leaves something ([`loot`]), lies for a while, and is gone.

mod arsenal;
mod crowd;
mod loot;
mod mind;
mod nest;
mod sight;
mod way;

#[cfg(test)]
mod tests;

pub(crate) use arsenal::MobCasts;
pub(crate) use nest::{Nests, NestsImage, on_despawn, populate};
pub(crate) use way::Will;

use crate::cast::{Arts, Casting};
use crate::content::{Content, MobType};
use crate::fight::{Fighter, Team, Threat};
use crate::growth::Bounty;
use crate::movement::Mobile;
use crate::replica::Replica;
use crate::roster::Roster;
use crate::schedule::{Phase, Settling};
use crate::thing::Thing;
use bevy_ecs::prelude::{Bundle, Component, Entity, IntoScheduleConfigs, Resource, Schedule, World};
use mind::Mind;
use protocol::motion::Body;
use protocol::{EntityKind, MobKind, NetId, Tick};
use serde::{Deserialize, Serialize};

/// Stands for no area: somebody has put the mob there, or it is dead and its area has let go of it.
pub(crate) const NO_AREA: u16 = u16::MAX;

/// Makes an entity a mob.
#[derive(Clone, Debug, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Mob {
    pub(crate) kind: MobKind,
    /// Where it appeared, in subunits.
    pub(crate) home: (i32, i32),
    /// Its place in [`crate::content::Places::spawns`], or [`NO_AREA`].
    pub(crate) area: u16,
    pub(crate) mind: Mind,
}

/// A mob of a world's image; the rest of it is a thing's and a fighter's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MobImage {
    mob: Mob,
    will: Will,
}

pub(crate) fn register(world: &mut World, schedule: &mut Schedule) {
    world.insert_resource(Nests::default());
    world.insert_resource(MobCasts::default());
    world.insert_resource(crowd::Crowd::default());
    world.insert_resource(Thrift::default());
    schedule.add_systems((crowd::gather, mind::think, arsenal::ask).chain().in_set(Phase::Think));
    schedule.add_systems((loot::leave, mind::die).chain().in_set(Settling::Deaths));
}

/// Whether mobs are to spare work.
#[derive(Clone, Copy, Debug, Default, Resource)]
pub(crate) struct Thrift(bool);

/// Whether mobs are to spare work from now on.
pub(crate) fn spare(world: &mut World, spare: bool) {
    world.resource_mut::<Thrift>().0 = spare;
}

/// Everything that a mob's entity consists of.
fn bundle(id: NetId, body: Body, yaw: u16, mob: Mob, kind: &MobType) -> impl Bundle {
    let thing = (Replica { id, kind: EntityKind::Mob }, Mobile(body), Thing::Mob { yaw, pitch: 0 });
    let fighter =
        (Fighter::new(kind.level, kind.stats, Team::MOBS), Threat::default(), Casting::default(), Arts(kind.id));
    (thing, fighter, mob, Will::looking(yaw), bounty(kind))
}

/// What the death of one of a kind is worth.
pub(crate) fn bounty(kind: &MobType) -> Bounty {
    Bounty { experience: kind.experience, level: kind.level }
}

impl Mob {
    fn new(kind: MobKind, home: (i32, i32), area: u16, now: Tick) -> Self {
        Self { kind, home, area, mind: Mind::new(now) }
    }
}

impl MobImage {
    pub(crate) fn of(world: &World, entity: Entity) -> Option<Self> {
        Some(Self { mob: world.get::<Mob>(entity)?.clone(), will: *world.get(entity)? })
    }

    /// Puts it into a world in which it is a thing and a fighter already; who is not cannot be a mob.
    pub(crate) fn restore(&self, world: &mut World, id: NetId, content: &Content) {
        let Some(entity) = world.resource::<Roster>().entity(id) else { return };
        let is_mob = matches!(world.get(entity), Some(Thing::Mob { .. })) && world.get::<Threat>(entity).is_some();
        if let Some(kind) = content.mobs.find(self.mob.kind).filter(|_| is_mob) {
            world.entity_mut(entity).insert((self.mob.clone(), self.will, bounty(kind)));
        }
    }

    /// Whether its kind is part of the content, and all that it has in mind can be.
    pub(crate) fn is_possible(&self, content: &Content) -> bool {
        let Mob { kind, home, mind, .. } = &self.mob;
        content.mobs.find(*kind).is_some() && way::is_place(*home) && mind.is_possible() && self.will.is_possible()
    }
}
