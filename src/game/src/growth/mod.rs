//! What a character becomes: class, level, skills; and how it comes back from death.

mod experience;
mod learn;
mod order;
mod resume;
mod revive;
mod settle;
#[cfg(test)]
mod tests;
mod told;

pub(crate) use experience::Bounty;
pub(crate) use resume::{life_of, resume_life};
pub(crate) use settle::settle;
pub(crate) use told::Told;

use crate::Game;
use crate::content::{Content, Rules, Stat, Stats};
use crate::fight::{Fighter, Sheet, Team, formula};
use crate::mobs::Mob;
use crate::schedule::{Doing, Phase, Settling};
use arrayvec::ArrayVec;
use bevy_ecs::prelude::{Component, IntoScheduleConfigs, Schedule};
use protocol::news::ItemRow;
use protocol::{ClassId, MobKind, NetId, SkillId};
use serde::{Deserialize, Serialize};

pub(crate) fn register(schedule: &mut Schedule) {
    schedule.add_systems(order::carry_out.in_set(Doing::Growth));
    schedule.add_systems(experience::award.in_set(Settling::Credit));
    schedule.add_systems(told::tell.in_set(Phase::Publish));
}

/// Most skills that one character knows: those of its class and a whole tree.
pub const SKILLS_MAX: usize = 64;

/// What a character owns for ever: the part of it that is only changed when the disk has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estate {
    /// What it is.
    pub class: ClassId,
    /// Its team; 0 for none.
    pub team: u8,
    /// All that it ever gained: level and skill points follow from it.
    pub experience: u64,
    /// Learnt from the tree, each with its rank.
    pub skills: Vec<(SkillId, u8)>,
    /// Coins.
    pub coins: u64,
    /// Everything it carries and wears.
    pub items: Vec<ItemRow>,
}

impl Estate {
    /// A new character of a class, without its kit. Whoever has a class that there is none of is bare.
    #[must_use]
    pub fn newborn(class: ClassId, team: u8) -> Self {
        Self { class, team, ..Self::default() }
    }
}

/// Who somebody is, as others may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its level.
    pub level: u8,
    /// Its team.
    pub team: u8,
    /// What a player's character is.
    pub class: ClassId,
    /// What a mob is.
    pub mob: Option<MobKind>,
}

impl Game {
    /// Who a fighter is; `None` of what is none.
    #[must_use]
    pub fn kind_of(&self, id: NetId) -> Option<Kind> {
        let entity = self.entity(id)?;
        let (sheet, team) = (self.world.get::<Sheet>(entity)?, self.world.get::<Team>(entity)?);
        let class = self.world.get::<Growth>(entity).map_or(ClassId(0), |growth| growth.class);
        let mob = self.world.get::<Mob>(entity).map(|mob| mob.kind);
        Some(Kind { level: sheet.level, team: team.0, class, mob })
    }
}

/// The level of a character with so much experience.
#[must_use]
pub fn level_of(experience: u64, rules: &Rules) -> u8 {
    formula::level_of(experience, rules).0
}

/// How far a character has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Growth {
    pub(crate) class: ClassId,
    /// All that it ever gained.
    pub(crate) experience: u64,
    /// Learnt from the tree, by ascending id.
    pub(crate) learnt: ArrayVec<(SkillId, u8), SKILLS_MAX>,
}

impl Growth {
    pub(crate) fn new(estate: &Estate) -> Self {
        let mut learnt: ArrayVec<_, SKILLS_MAX> = estate.skills.iter().copied().take(SKILLS_MAX).collect();
        learnt.sort_unstable();
        Self { class: estate.class, experience: estate.experience, learnt }
    }

    /// How well a skill is known: 1 for what everybody of the class can, its rank for what was learnt, else 0.
    pub(crate) fn rank(&self, content: &Content, skill: SkillId) -> u8 {
        let is_of_class = content.classes.find(self.class).is_some_and(|class| class.skills.contains(&skill));
        self.learnt_rank(skill).max(u8::from(is_of_class))
    }

    /// How often a skill was learnt from the tree.
    fn learnt_rank(&self, skill: SkillId) -> u8 {
        self.learnt.iter().find(|(known, _)| *known == skill).map_or(0, |&(_, rank)| rank)
    }

    /// A skill is known so well, if not better. Of more than [`SKILLS_MAX`] nothing is known.
    fn learn(&mut self, skill: SkillId, rank: u8) {
        match self.learnt.binary_search_by_key(&skill, |&(known, _)| known) {
            Ok(at) => self.learnt[at].1 = self.learnt[at].1.max(rank),
            Err(at) if !self.learnt.is_full() => self.learnt.insert(at, (skill, rank)),
            Err(_) => {}
        }
    }
}

/// The figures that a class gives at a level.
pub(crate) fn figures(content: &Content, class: ClassId, level: u8) -> Stats {
    let Some(class) = content.classes.find(class) else { return Stats::BARE };
    let mut stats = class.base;
    for stat in Stat::ALL {
        let grown = i64::from(class.per_level.of(stat)) * i64::from(level.saturating_sub(1)) / 100;
        let (least, most) = stat.range();
        let figure = i64::from(class.base.of(stat)) + grown;
        stats.set(stat, figure.clamp(i64::from(least), i64::from(most)) as i32);
    }
    stats
}

/// A character as a fighter, hale.
pub(crate) fn fighter(content: &Content, estate: &Estate) -> Fighter {
    let (level, _) = formula::level_of(estate.experience, &content.rules);
    Fighter::new(level, figures(content, estate.class, level), Team(estate.team))
}
