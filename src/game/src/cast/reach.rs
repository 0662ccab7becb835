//! A cast comes through: whom it reaches, and what is done to them.

use super::TARGETS_MAX;
use super::casting::{Aim, At};
use super::missile::{Launch, Missile};
use super::stage::{Caster, Found, Stage, eye, is_near, square};
use super::whom::{Other, Whom};
use crate::content::{Content, Skill, Targeting};
use crate::fight::{Blow, Cause};
use crate::history::Rewind;
use crate::ray::{self, Ray};
use crate::shot::{self, BODY_HEIGHT, CANDIDATE_MARGIN_UNITS};
use protocol::motion::BODY_RADIUS;
use protocol::unit::unit_of;
use protocol::view::Place;
use protocol::{NetId, Tick};

/// From the ground to where one aims at a body: two thirds of its height.
const CHEST_HEIGHT: i32 = BODY_HEIGHT / 3 * 2;

/// What a target gets of a skill of a rank, in thousandths: each rank beyond the first adds a tenth.
fn share_of(rank: u8) -> u32 {
    1_000 + 100 * u32::from(rank.saturating_sub(1))
}

impl Stage<'_, '_> {
    /// Does what a skill does, once. Whoever does harm is in a fight from then on, and so are those to whom it is done.
    pub(super) fn come(&mut self, content: &Content, caster: &Caster, skill: &Skill, rank: u8, aim: &Aim) {
        // Lent out and given back, so that the list keeps its memory.
        let mut found = std::mem::take(&mut *self.found);
        found.clear();
        self.find(content, caster, (skill, rank, aim), &mut found);
        let from = (caster.place.x, caster.place.y);
        for &Found { id, share, .. } in &found {
            let cause = Cause::Skill(skill.id);
            self.blows.add_all(&skill.outcomes, |outcome| Blow {
                by: Some(caster.id),
                on: id,
                outcome,
                force: caster.force,
                share,
                from,
                cause,
                nth: 0,
            });
        }
        if Whom::of(content, skill, caster.team).is_harmful {
            let now = self.now();
            let until = Tick(now.0.saturating_add(content.rules.combat_ticks));
            let mut one = self.write(caster);
            one.vitals.combat_until = one.vitals.combat_until.max(until);
            let is_foe = |id| self.other(id).is_some_and(|other| caster.team.may_fight(other.team));
            found.retain(|found| is_foe(found.id));
            for &Found { id, .. } in &found {
                self.bonds.set_opponent(caster.id, id, until, now);
                self.bonds.set_opponent(id, caster.id, until, now);
            }
        }
        *self.found = found;
    }

    fn find(
        &mut self,
        content: &Content,
        caster: &Caster,
        (skill, rank, aim): (&Skill, u8, &Aim),
        found: &mut Vec<Found>,
    ) {
        let (whom, share) = (Whom::of(content, skill, caster.team), share_of(rank));
        let named = if let At::Entity(id) = aim.at { id } else { caster.id };
        match skill.targeting {
            Targeting::Own => found.push(Found { distance: 0, id: caster.id, share }),
            Targeting::Unit { .. } => found.push(Found { distance: 0, id: named, share }),
            Targeting::Ground { radius, .. } => {
                let At::Place(x, y) = aim.at else { return };
                self.find_near(whom, (x, y), radius, share, found);
            }
            Targeting::Cone { angle, .. } => self.find_before(caster, whom, (skill.range, angle, share), aim, found),
            Targeting::Chain { jumps, reach, falloff, .. } => {
                found.push(Found { distance: 0, id: named, share });
                self.find_chain(whom, jumps, reach, falloff, found);
            }
            Targeting::Ray => {
                let Ok(rewind) = Rewind::new(&self.replicas, aim.view(self.replicas.now())) else { return };
                let ray = Ray::new(eye(caster.place), aim.yaw, aim.pitch);
                // From body to body: one of them is in between.
                let reach = shot::reach(&self.ground.0, &ray, i64::from(skill.range) + i64::from(BODY_RADIUS));
                let counts = |id| self.other(id).is_some_and(|other| whom.admits(&other));
                let first = shot::first_met(&self.tree, &rewind, &ray, reach, &counts);
                found.extend(first.map(|(distance, id)| Found { distance, id, share }));
            }
            Targeting::Missile { speed, splash } => self.launch(caster, skill, (speed, splash, share), aim),
        }
    }

    /// All whose middle is at most `radius` from a place.
    fn find_near(&self, whom: Whom<'_>, (x, y): (i32, i32), radius: i32, share: u32, found: &mut Vec<Found>) {
        // Two more units: those of the place and of who stands there are rounded.
        self.tree.query_circle(unit_of(x), unit_of(y), unit_of(radius) + 2, &mut |id| {
            let Some(Other { place, .. }) = self.other(id).filter(|other| whom.admits(other)) else { return };
            let distance = square(place, Place { x, y, z: place.z });
            if distance <= i64::from(radius).pow(2) {
                found.push(Found { distance, id, share });
            }
        });
        keep_nearest(found);
    }

    /// All before who casts, where he saw them, and with nothing in between. Not he himself: he is not before himself.
    fn find_before(
        &self,
        caster: &Caster,
        whom: Whom<'_>,
        (range, angle, share): (i32, u16, u32),
        aim: &Aim,
        found: &mut Vec<Found>,
    ) {
        let Ok(rewind) = Rewind::new(&self.replicas, aim.view(self.replicas.now())) else { return };
        let tip = (caster.place.x, caster.place.y);
        let radius = unit_of(range + 2 * BODY_RADIUS) + CANDIDATE_MARGIN_UNITS;
        self.tree.query_circle(unit_of(tip.0), unit_of(tip.1), radius, &mut |id| {
            if id == caster.id || !self.other(id).is_some_and(|other| whom.admits(&other)) {
                return;
            }
            let Some(place) = rewind.place(id) else { return };
            if is_near(caster.place, place, range)
                && ray::is_in_wedge(tip, aim.yaw, angle, (place.x, place.y))
                && self.is_in_sight(caster.place, place)
            {
                found.push(Found { distance: square(caster.place, place), id, share });
            }
        });
        keep_nearest(found);
    }

    /// From the one who was found to the nearest in reach and in sight who was not reached yet, and so on.
    fn find_chain(&self, whom: Whom<'_>, jumps: u8, reach: i32, falloff: u16, found: &mut Vec<Found>) {
        for _ in 0..usize::from(jumps).min(TARGETS_MAX - 1) {
            let Some(last) = found.last().copied() else { return };
            let Some(Other { place: from, .. }) = self.other(last.id) else { return };
            let mut next: Option<(i64, NetId)> = None;
            let radius = unit_of(reach + 2 * BODY_RADIUS) + 2;
            self.tree.query_circle(unit_of(from.x), unit_of(from.y), radius, &mut |id| {
                let Some(Other { place, .. }) = self.other(id).filter(|other| whom.admits(other)) else { return };
                let distance = square(from, place);
                if next.is_none_or(|next| (distance, id) < next)
                    && is_near(from, place, reach)
                    && found.iter().all(|found| found.id != id)
                    && self.is_in_sight(from, place)
                {
                    next = Some((distance, id));
                }
            });
            let Some((distance, id)) = next else { return };
            let share = (u64::from(last.share) * u64::from(falloff) / 1_000) as u32;
            found.push(Found { distance, id, share });
        }
    }

    fn launch(&mut self, caster: &Caster, skill: &Skill, (speed, splash, share): (i32, i32, u32), aim: &Aim) {
        let (eye, range) = (eye(caster.place), skill.range.saturating_add(BODY_RADIUS));
        let (yaw, pitch, left) = match aim.at {
            At::Entity(id) => {
                // At where he was seen: from there on the missile is brought forward as he is.
                let rewind = Rewind::new(&self.replicas, aim.view(self.replicas.now())).ok();
                let seen = rewind.and_then(|rewind| rewind.place(id));
                let Some(foot) = seen.or_else(|| self.other(id).map(|other| other.place)) else { return };
                let chest = Place { z: foot.z + CHEST_HEIGHT, ..foot };
                let ((yaw, pitch), (_, length)) = (ray::look(eye, chest), Ray::between(eye, chest));
                // He may have gone somewhat farther than the range while the cast was under way.
                (yaw, pitch, range.max(length as i32))
            }
            _ => (aim.yaw, aim.pitch, range),
        };
        let missile = Missile {
            by: Some(caster.id),
            team: caster.team,
            skill: skill.id,
            force: caster.force,
            share,
            splash,
            last: eye.into(),
            left,
        };
        self.launches.0.push(Launch { missile, speed, yaw, pitch, age_steps: aim.age_steps });
    }
}

/// At most [`TARGETS_MAX`], the nearest first.
pub(super) fn keep_nearest(found: &mut Vec<Found>) {
    found.sort_unstable();
    found.truncate(TARGETS_MAX);
}
