//! What mobs want to cast. Players give orders.

use super::casting::{Aim, At, Wanted};
use super::stage::{Caster, Stage, eye};
use crate::content::{Content, Targeting};
use crate::ray;
use bevy_ecs::prelude::{Component, Resource};
use protocol::{MobKind, NetId, SkillId};
use serde::{Deserialize, Serialize};

/// What a mob can do: the skills of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Arts(pub(crate) MobKind);

/// Casts that mobs ask for in this tick. Nobody answers: a mob sees for itself whether it casts.
#[derive(Debug, Default, Resource)]
pub(crate) struct Requests(Vec<Request>);

#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) by: NetId,
    skill: SkillId,
    target: NetId,
}

impl Requests {
    /// `by` wants to cast a skill at `target`, whatever that means for the skill: at him, where he stands, or his way; at
    /// itself where the skill has no target. Of two requests of one mob in a tick the second waits for the first.
    pub(crate) fn ask(&mut self, by: NetId, skill: SkillId, target: NetId) {
        self.0.push(Request { by, skill, target });
    }

    /// All of them, by ascending id, and none is left.
    pub(super) fn take_sorted(&mut self) -> Vec<Request> {
        self.0.sort_by_key(|request| request.by);
        std::mem::take(&mut self.0)
    }

    /// Gives back what was taken, for its memory.
    pub(super) fn give_back(&mut self, mut requests: Vec<Request>) {
        requests.clear();
        self.0 = requests;
    }
}

impl Request {
    /// The same as a command that a player would give who sees the present.
    pub(super) fn wanted(&self, content: &Content, stage: &Stage<'_, '_>, caster: &Caster) -> Wanted {
        let Self { skill, target, .. } = *self;
        let place = stage.other(target).map(|other| other.place);
        let at = match content.skills.find(skill).map(|skill| skill.targeting) {
            Some(Targeting::Own | Targeting::Cone { .. } | Targeting::Ray) | None => At::Nobody,
            Some(Targeting::Unit { .. } | Targeting::Chain { .. } | Targeting::Missile { .. }) => At::Entity(target),
            Some(Targeting::Ground { .. }) => place.map_or(At::Gone, |place| At::Place(place.x, place.y)),
        };
        // From eye to eye, so that a line along it meets somebody on a step, too.
        let (yaw, pitch) = place.map_or((0, 0), |place| ray::look(eye(caster.place), eye(place)));
        Wanted { skill, aim: Aim { at, yaw, pitch, age_steps: 0 } }
    }
}
