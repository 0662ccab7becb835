//! What flies from who sent it to whom it meets: what it is, and how it enters the world.

use crate::Game;
use crate::content::Content;
use crate::fight::{Force, Team};
use crate::ray::Ray;
use crate::thing::{THING_SPEED_MAX, Thing};
use bevy_ecs::prelude::{Component, Resource};
use protocol::motion::Body;
use protocol::unit::{SUBUNIT_BITS, WORLD_UNITS_MAX};
use protocol::view::Place;
use protocol::{NetId, SkillId};
use serde::{Deserialize, Serialize};

/// What a projectile does to whom it meets. It does what its sender could when he sent it, even if he has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Missile {
    /// Who sent it, if he is still in the world.
    pub(crate) by: Option<NetId>,
    /// Whose enemies it meets.
    pub(super) team: Team,
    pub(super) skill: SkillId,
    pub(super) force: Force,
    /// As in [`crate::fight::Blow`].
    pub(super) share: u32,
    /// Enemies so near to where it ends are reached, too; in subunits.
    pub(super) splash: i32,
    /// Where it was when it was last looked at.
    pub(super) last: Spot,
    /// How far it still flies, in subunits.
    pub(super) left: i32,
}

/// A [`Place`] of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spot {
    x: i32,
    y: i32,
    z: i32,
}

/// Missiles sent in this tick. They enter the world at its end, by ascending id of who sent them.
#[derive(Debug, Default, Resource)]
pub(crate) struct Launches(pub(super) Vec<Launch>);

/// A missile that is sent from where it was last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Launch {
    pub(super) missile: Missile,
    /// In subunits per tick.
    pub(super) speed: i32,
    /// 65,536 steps to a turn.
    pub(super) yaw: u16,
    /// As above.
    pub(super) pitch: u16,
    /// As in [`super::casting::Aim`].
    pub(super) age_steps: u32,
}

impl Missile {
    /// Whether it may be part of a world with this content.
    pub(crate) fn is_possible(&self, content: &Content) -> bool {
        let Spot { x, y, z } = self.last;
        let is_inside = [x, y, z].iter().all(|part| (0..=WORLD_UNITS_MAX << SUBUNIT_BITS).contains(part));
        is_inside && self.left >= 0 && content.skills.find(self.skill).is_some()
    }

    /// Somebody is gone: his id may name another one later.
    pub(crate) fn forget(&mut self, id: NetId) {
        self.by = self.by.filter(|by| *by != id);
    }
}

impl Launch {
    pub(super) fn ray(&self) -> Ray {
        Ray::new(self.missile.last.into(), self.yaw, self.pitch)
    }

    /// In subunits per tick: at least one, or it would never end, and no more than anything may have.
    pub(super) fn speed(&self) -> i32 {
        self.speed.clamp(1, THING_SPEED_MAX)
    }

    /// The projectile, where it is now.
    pub(super) fn projectile(&self) -> (Body, Thing) {
        let (Place { x, y, z }, speed) = (self.missile.last.into(), self.speed());
        let there = self.ray().at(speed.into());
        let body = Body { x, y, z, vx: there.x - x, vy: there.y - y, vz: there.z - z };
        let ticks_left = self.missile.left.max(1).unsigned_abs().div_ceil(speed.unsigned_abs());
        (body, Thing::Projectile { yaw: self.yaw >> 4, pitch: self.pitch >> 4, ticks_left })
    }
}

impl Game {
    /// Lets in what was sent in this tick. Of what there is no id for nothing comes.
    pub(crate) fn launch_missiles(&mut self) {
        // Lent out and given back, so that the list keeps its memory.
        let mut launches = std::mem::take(&mut self.world.resource_mut::<Launches>().0);
        for launch in launches.drain(..) {
            let (body, thing) = launch.projectile();
            if let Ok(id) = self.spawn_thing(body, thing)
                && let Some(entity) = self.entity(id)
            {
                self.world.entity_mut(entity).insert(launch.missile);
            }
        }
        self.world.resource_mut::<Launches>().0 = launches;
    }
}

impl From<Place> for Spot {
    fn from(Place { x, y, z }: Place) -> Self {
        Self { x, y, z }
    }
}

impl From<Spot> for Place {
    fn from(Spot { x, y, z }: Spot) -> Self {
        Self { x, y, z }
    }
}
