//! Missiles meet somebody, or nobody, and burst.
//!
//! In each tick the whole stretch that a missile has flown is looked at, so nothing is too fast to be hit. A new one is
//! first brought forward by as much as its sender sees the world late: against those who were there at each of those
//! moments, where they were then. What he saw in its way is hit as if there were no delay, and what he did not see is not.

use super::TARGETS_MAX;
use super::missile::{Launch, Launches, Missile};
use super::reach::keep_nearest;
use super::stage::{Found, place_of, square};
use super::whom::{Other, Whom};
use crate::bond::Bonds;
use crate::content::Content;
use crate::fight::{Blow, Blows, Cause, Team, Vitals};
use crate::history::{REWIND_TICKS_MAX, Rewind};
use crate::movement::{Ground, Mobile};
use crate::ray::Ray;
use crate::replica::Replica;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::shot::{self, BODY_HEIGHT, CANDIDATE_MARGIN_UNITS};
use crate::spatial::Quadtree;
use crate::thing::Ended;
use crate::{Clock, Replicas};
use bevy_ecs::prelude::{Local, Query, Res, ResMut, With, Without};
use bevy_ecs::system::SystemParam;
use protocol::motion::BODY_RADIUS;
use protocol::unit::{SUBUNIT_BITS, unit_of};
use protocol::view::Place;
use protocol::{NetId, Tick, ViewTick};
use std::sync::Arc;

/// The world, to missiles.
#[derive(SystemParam)]
pub(super) struct Air<'w, 's> {
    clock: Res<'w, Clock>,
    roster: Res<'w, Roster>,
    ground: Res<'w, Ground>,
    tree: Res<'w, Quadtree>,
    replicas: Res<'w, Replicas>,
    fighters: Query<'w, 's, (&'static Team, &'static Vitals, &'static Mobile), Without<Missile>>,
    blows: ResMut<'w, Blows>,
    bonds: ResMut<'w, Bonds>,
    found: Local<'s, Vec<Found>>,
}

/// A missile that ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Burst {
    id: NetId,
    missile: Missile,
    place: Place,
    /// Whom it met.
    target: Option<NetId>,
}

/// Brings forward what was sent, and ends what has met somebody or was ended by what moves it. The order of the table is as
/// good as any, for whom one missile meets does not depend on the others; bursts are put in order.
pub(super) fn meet(
    mut air: Air<'_, '_>,
    rulebook: Res<'_, Rulebook>,
    mut launches: ResMut<'_, Launches>,
    mut missiles: Query<'_, '_, (&Replica, &Mobile, &mut Missile), With<Missile>>,
    mut ended: ResMut<'_, Ended>,
    mut bursts: Local<'_, Vec<Burst>>,
) {
    let content = Arc::clone(&rulebook.0);
    launches.0.sort_by_key(|launch| launch.missile.by);
    launches.0.retain_mut(|launch| air.is_forward(&content, launch));
    bursts.clear();
    for (replica, mobile, mut missile) in &mut missiles {
        let is_last = ended.0.binary_search(&replica.id).is_ok();
        bursts.extend(air.fly(&content, replica.id, place_of(&mobile.0), &mut missile, is_last));
    }
    if bursts.is_empty() {
        return;
    }
    bursts.sort_unstable_by_key(|burst| burst.id);
    for burst in &bursts {
        air.burst(&content, burst);
        ended.0.push(burst.id);
    }
    ended.0.sort_unstable();
    // Some had come to the end of their life as well.
    ended.0.dedup();
}

impl Air<'_, '_> {
    fn foe(&self, whom: &Whom<'_>, id: NetId) -> Option<Other> {
        let (team, vitals, mobile) = self.fighters.get(self.roster.entity(id)?).ok()?;
        let other = Other { team: *team, is_dead: vitals.is_dead(), place: place_of(&mobile.0) };
        whom.admits(&other).then_some(other)
    }

    /// Moves a missile on to where it is now. Its end, if it has come to it.
    fn fly(&self, content: &Content, id: NetId, here: Place, missile: &mut Missile, is_last: bool) -> Option<Burst> {
        let (ray, length) = Ray::between(missile.last.into(), here);
        let to = length.min(missile.left.into());
        let whom = Whom::foes(content, missile.team);
        let met = self.first(&ray, (0, to), 0, |id| self.foe(&whom, id).map(|other| other.place));
        if met.is_some() || is_last || length >= missile.left.into() {
            let place = ray.at(met.map_or(to, |(length, _)| length));
            return Some(Burst { id, missile: *missile, place, target: met.map(|(_, id)| id) });
        }
        missile.last = here.into();
        missile.left -= length as i32;
        None
    }

    /// Brings a new missile forward to the present. False if it has come to its end on the way.
    fn is_forward(&mut self, content: &Content, launch: &mut Launch) -> bool {
        let (ray, speed, range) = (launch.ray(), i64::from(launch.speed()), i64::from(launch.missile.left));
        let reach = shot::reach(&self.ground.0, &ray, range);
        let steps = (launch.age_steps / ViewTick::STEPS).min(REWIND_TICKS_MAX);
        let whom = Whom::foes(content, launch.missile.team);
        for step in 1..=steps {
            let (from, to) = (speed * i64::from(step - 1), (speed * i64::from(step)).min(reach));
            let seen = ago(self.replicas.now(), launch.age_steps, step);
            let Ok(rewind) = Rewind::new(&self.replicas, seen) else { continue };
            let there = |id| self.foe(&whom, id).and_then(|_| rewind.place(id));
            let met = self.first(&ray, (from, to), CANDIDATE_MARGIN_UNITS, there);
            if met.is_some() || (to == reach && speed * i64::from(step) >= reach) {
                let place = ray.at(met.map_or(reach, |(length, _)| length));
                launch.missile.last = ray.at(from).into();
                let target = met.map(|(_, id)| id);
                // It never was in the world: the id is of no use.
                self.burst(content, &Burst { id: NetId(0), missile: launch.missile, place, target });
                return false;
            }
        }
        let flown = speed * i64::from(steps);
        launch.missile.last = ray.at(flown).into();
        launch.missile.left -= flown as i32;
        let (body, thing) = launch.projectile();
        let is_possible = thing.is_possible(&body, &self.ground.0);
        if !is_possible {
            let place = launch.missile.last.into();
            self.burst(content, &Burst { id: NetId(0), missile: launch.missile, place, target: None });
        }
        is_possible
    }

    /// Who is met first on a stretch of a line, and how far along. `place` says where somebody is who counts.
    fn first(
        &self,
        ray: &Ray,
        (from, to): (i64, i64),
        margin_units: i32,
        place: impl Fn(NetId) -> Option<Place>,
    ) -> Option<(i64, NetId)> {
        let middle = ray.at((from + to) / 2);
        let radius = unit_of(((to - from) / 2) as i32 + BODY_RADIUS) + ROUNDING_UNITS + margin_units;
        let mut first: Option<(i64, NetId)> = None;
        self.tree.query_circle(unit_of(middle.x), unit_of(middle.y), radius, &mut |id| {
            if let Some(foot) = place(id)
                && let Some(span) = ray.through(foot, BODY_RADIUS, BODY_HEIGHT)
                && let Some(length) = shot::first_within(span, from, to)
                && first.is_none_or(|first| (length, id) < first)
            {
                first = Some((length, id));
            }
        });
        first
    }

    /// Does what a missile does where it ends: to whom it met, and to all near. Each is reached once.
    fn burst(&mut self, content: &Content, burst: &Burst) {
        let Burst { missile, place, target, .. } = *burst;
        let last = Place::from(missile.last);
        if let Some(id) = target {
            self.reach(content, &missile, id, (last.x, last.y));
        }
        if missile.splash <= 0 {
            return;
        }
        let whom = Whom::foes(content, missile.team);
        let mut found = std::mem::take(&mut *self.found);
        found.clear();
        let radius = unit_of(missile.splash) + ROUNDING_UNITS;
        self.tree.query_circle(unit_of(place.x), unit_of(place.y), radius, &mut |id| {
            let Some(other) = self.foe(&whom, id).filter(|_| Some(id) != target) else { return };
            let distance = from_body(place, other.place);
            if distance <= i64::from(missile.splash).pow(2) {
                found.push(Found { distance, id, share: missile.share });
            }
        });
        keep_nearest(&mut found);
        for found in found.iter().take(TARGETS_MAX - usize::from(target.is_some())) {
            self.reach(content, &missile, found.id, (place.x, place.y));
        }
        *self.found = found;
    }

    fn reach(&mut self, content: &Content, missile: &Missile, on: NetId, from: (i32, i32)) {
        let &Missile { by, skill, force, share, .. } = missile;
        // The content may have lost it since it was sent.
        let Some(found) = content.skills.find(skill) else { return };
        let cause = Cause::Skill(skill);
        self.blows.add_all(&found.outcomes, |outcome| Blow { by, on, outcome, force, share, from, cause, nth: 0 });
        if let Some(by) = by {
            let now = self.clock.now;
            let until = Tick(now.0.saturating_add(content.rules.combat_ticks));
            self.bonds.set_opponent(by, on, until, now);
            self.bonds.set_opponent(on, by, until, now);
        }
    }
}

/// The units of a place and of who stands there are rounded, and so is a radius.
const ROUNDING_UNITS: i32 = 3;

/// The moment `step` ticks after the one that was seen `age_steps` before `now`; never later than `now`.
fn ago(now: Tick, age_steps: u32, step: u32) -> ViewTick {
    let age = u64::from(age_steps).saturating_sub(u64::from(step) << SUBUNIT_BITS);
    let moment = (u64::from(now.0) << SUBUNIT_BITS).saturating_sub(age);
    ViewTick { tick: Tick((moment >> SUBUNIT_BITS) as u32), fraction: moment as u8 }
}

/// The square of the distance from a place to the middle line of a body.
fn from_body(place: Place, foot: Place) -> i64 {
    let nearest = Place { z: place.z.clamp(foot.z, foot.z.saturating_add(BODY_HEIGHT)), ..foot };
    square(place, nearest)
}
