//! What a mob can do, and when it may do it again, as far as it knows itself. Whether it comes of it is for the casts.

use crate::cast::Requests;
use crate::content::{Content, MobType, Side, Skill, Targeting};
use crate::fight::Vitals;
use bevy_ecs::prelude::{Res, ResMut, Resource};
use protocol::unit::SUBUNITS_PER_M;
use protocol::{NetId, SkillId, Tick};
use serde::{Deserialize, Serialize};

/// Skills of a mob that are of any use; it does not know more.
pub(super) const MOB_SKILLS_MAX: usize = 8;
/// It goes so much nearer than its skill reaches: 0.5 m, in subunits, or its target would be gone with the next step.
const REACH_MARGIN: i32 = SUBUNITS_PER_M / 2;
/// A skill that helps is for itself, and only below this share of its health, in thousandths.
const HELP_BELOW: i64 = 750;

/// What mobs want to cast in this tick, by ascending id: who, what, at whom.
#[derive(Debug, Default, Resource)]
pub(crate) struct MobCasts(pub(crate) Vec<(NetId, SkillId, NetId)>);

/// Whatever they want to cast is asked of the cast room.
pub(super) fn ask(casts: Res<'_, MobCasts>, mut requests: ResMut<'_, Requests>) {
    for &(by, skill, target) in &casts.0 {
        requests.ask(by, skill, target);
    }
}

/// What it remembers of its casts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Arsenal {
    /// By place in [`MobType::skills`]: from when on it may be asked for again.
    ready: [Tick; MOB_SKILLS_MAX],
    /// Until then the cast under way goes on, and it stands.
    stands_until: Tick,
    /// Until then nothing else is cast.
    busy_until: Tick,
}

/// How things are when it chooses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    pub(super) content: &'a Content,
    pub(super) now: Tick,
    pub(super) vitals: &'a Vitals,
    pub(super) health_max: i32,
    pub(super) is_silenced: bool,
    /// How far the target is, in subunits.
    pub(super) distance: i64,
}

/// What it has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) skill: SkillId,
    /// For itself, not for its target.
    pub(super) is_own: bool,
    /// Its place in [`MobType::skills`].
    at: usize,
}

impl Arsenal {
    /// Whether a cast holds it where it is.
    pub(super) fn stands(&self, now: Tick) -> bool {
        now < self.stands_until
    }

    /// The first skill that is ready and whose target is in range.
    pub(super) fn choose(&self, kind: &MobType, moment: &Moment<'_>) -> Option<Choice> {
        let mut ready = self.ready(kind, moment);
        let (at, skill) = ready.find(|(_, skill)| is_for_own(skill) || moment.distance <= i64::from(skill.range))?;
        Some(Choice { skill: skill.id, is_own: is_for_own(skill), at })
    }

    /// How near it wants to be: within the range of the best skill that is ready and for its target, or of its last.
    pub(super) fn reach(&self, kind: &MobType, moment: &Moment<'_>) -> i32 {
        let best = self.ready(kind, moment).map(|(_, skill)| skill).find(|skill| !is_for_own(skill));
        let last = || kind.skills.iter().take(MOB_SKILLS_MAX).next_back().map(|&skill| moment.content.skills.at(skill));
        let range = best.or_else(last).map_or(0, |skill| skill.range);
        range - REACH_MARGIN.min(range / 2)
    }

    /// It was asked for: the casts do the rest.
    pub(super) fn note(&mut self, content: &Content, choice: Choice, now: Tick) {
        let skill = content.skills.at(choice.skill);
        let takes = skill.cast_ticks + skill.channel.map_or(0, |channel| channel.ticks);
        let later = |ticks: u32| Tick(now.0.saturating_add(ticks));
        self.ready[choice.at] = later(takes.saturating_add(skill.cooldown_ticks).max(1));
        let global = if skill.is_off_global { 0 } else { content.rules.global_cooldown_ticks };
        self.busy_until = later(takes.max(global));
        if !skill.is_mobile {
            self.stands_until = later(takes);
        }
    }

    fn ready<'a>(&'a self, kind: &'a MobType, moment: &'a Moment<'a>) -> impl Iterator<Item = (usize, &'a Skill)> {
        let skills = kind.skills.iter().take(MOB_SKILLS_MAX).map(|&skill| moment.content.skills.at(skill));
        skills.enumerate().filter(|&(at, skill)| {
            let is_free = moment.now >= self.ready[at] && (moment.now >= self.busy_until);
            let is_possible = skill.mana == 0 || (!moment.is_silenced && moment.vitals.mana >= skill.mana as i32);
            is_free && is_possible && (!is_help(skill) || is_hurt(moment))
        })
    }
}

fn is_hurt(moment: &Moment<'_>) -> bool {
    i64::from(moment.vitals.health) * 1_000 < i64::from(moment.health_max) * HELP_BELOW
}

/// Whether it is for those whom its caster does not fight.
fn is_help(skill: &Skill) -> bool {
    match skill.targeting {
        Targeting::Unit { side }
        | Targeting::Ground { side, .. }
        | Targeting::Cone { side, .. }
        | Targeting::Chain { side, .. } => side == Side::Allies,
        Targeting::Own | Targeting::Ray | Targeting::Missile { .. } => false,
    }
}

fn is_for_own(skill: &Skill) -> bool {
    skill.targeting == Targeting::Own || is_help(skill)
}
