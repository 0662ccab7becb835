//! What a cast can see of the world, and what it can change.

use super::casting::Casting;
use super::cooldown::Cooldowns;
use super::missile::Launches;
use super::request::Arts;
use super::whom::Other;
use crate::bond::Bonds;
use crate::content::Stat;
use crate::effects::Effects;
use crate::event::{Happenings, Notices};
use crate::fight::{Blows, Force, Sheet, Team, Vitals};
use crate::growth::Growth;
use crate::movement::{Ground, Mobile};
use crate::order::Answers;
use crate::replica::Replica;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::shot::{self, EYE_HEIGHT};
use crate::spatial::Quadtree;
use crate::{Clock, Replicas, ray};
use bevy_ecs::prelude::{Entity, Local, Query, Res, ResMut};
use bevy_ecs::query::QueryData;
use bevy_ecs::system::SystemParam;
use protocol::motion::{BODY_RADIUS, Body};
use protocol::view::Place;
use protocol::{NetId, Tick};

/// Everything of a fighter that matters to casts.
#[derive(QueryData)]
#[query_data(mutable)]
pub(super) struct Fighting {
    pub(super) replica: &'static Replica,
    pub(super) casting: &'static mut Casting,
    pub(super) cooldowns: &'static mut Cooldowns,
    pub(super) vitals: &'static mut Vitals,
    pub(super) sheet: &'static Sheet,
    pub(super) team: &'static Team,
    pub(super) effects: &'static Effects,
    pub(super) mobile: &'static Mobile,
    pub(super) growth: Option<&'static Growth>,
    pub(super) arts: Option<&'static Arts>,
}

/// The world, to casts.
#[derive(SystemParam)]
pub(super) struct Stage<'w, 's> {
    pub(super) clock: Res<'w, Clock>,
    pub(super) rulebook: Res<'w, Rulebook>,
    pub(super) roster: Res<'w, Roster>,
    pub(super) ground: Res<'w, Ground>,
    pub(super) tree: Res<'w, Quadtree>,
    pub(super) replicas: Res<'w, Replicas>,
    pub(super) fighters: Query<'w, 's, Fighting>,
    pub(super) blows: ResMut<'w, Blows>,
    pub(super) bonds: ResMut<'w, Bonds>,
    pub(super) launches: ResMut<'w, Launches>,
    pub(super) happenings: ResMut<'w, Happenings>,
    pub(super) notices: ResMut<'w, Notices>,
    pub(super) answers: ResMut<'w, Answers>,
    /// Whom the cast at hand reaches; kept for its memory only.
    pub(super) found: Local<'s, Vec<Found>>,
}

/// Somebody whom a cast reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// The square of how far he is, in subunits.
    pub(super) distance: i64,
    pub(super) id: NetId,
    /// What he gets, in thousandths.
    pub(super) share: u32,
}

/// Somebody who casts, as he is now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caster {
    pub(super) id: NetId,
    pub(super) entity: Entity,
    pub(super) team: Team,
    pub(super) place: Place,
    pub(super) force: Force,
    /// As in [`Stat::Haste`].
    pub(super) haste: i32,
}

impl<'s> Stage<'_, 's> {
    pub(super) fn now(&self) -> Tick {
        self.clock.now
    }

    /// A fighter as one who casts; `None` if that is none, or not live.
    pub(super) fn caster(&self, id: NetId) -> Option<Caster> {
        let entity = self.roster.entity(id)?;
        let one = self.fighters.get(entity).ok()?;
        let (place, haste) = (place_of(&one.mobile.0), one.sheet.now.of(Stat::Haste));
        Some(Caster { id, entity, team: *one.team, place, force: Force::of(one.sheet), haste })
    }

    /// A fighter as one who is reached; `None` if that is none, or not live.
    pub(super) fn other(&self, id: NetId) -> Option<Other> {
        let one = self.fighters.get(self.roster.entity(id)?).ok()?;
        Some(Other { team: *one.team, is_dead: one.vitals.is_dead(), place: place_of(&one.mobile.0) })
    }

    pub(super) fn read(&self, caster: &Caster) -> FightingReadOnlyItem<'_, 's> {
        self.fighters.get(caster.entity).expect("who casts is not despawned in the middle of it")
    }

    pub(super) fn write(&mut self, caster: &Caster) -> FightingItem<'_, 's> {
        self.fighters.get_mut(caster.entity).expect("who casts is not despawned in the middle of it")
    }

    /// Whether a straight line from eye to eye meets no block, both standing at these places.
    pub(super) fn is_in_sight(&self, from: Place, to: Place) -> bool {
        let (line, length) = ray::Ray::between(eye(from), eye(to));
        shot::reach(&self.ground.0, &line, length) >= length
    }
}

/// Where a body stands.
pub(super) const fn place_of(body: &Body) -> Place {
    Place { x: body.x, y: body.y, z: body.z }
}

/// The eye of who stands at a place.
pub(super) const fn eye(place: Place) -> Place {
    Place { z: place.z.saturating_add(EYE_HEIGHT), ..place }
}

/// The square of the distance between two places, in subunits.
pub(super) fn square(a: Place, b: Place) -> i64 {
    [(a.x, b.x), (a.y, b.y), (a.z, b.z)].iter().map(|&(a, b)| (i64::from(a) - i64::from(b)).pow(2)).sum()
}

/// Whether two bodies are at most `range` apart, from the edge of one to the edge of the other.
pub(super) fn is_near(a: Place, b: Place, range: i32) -> bool {
    square(a, b) <= (i64::from(range) + 2 * i64::from(BODY_RADIUS)).pow(2)
}
