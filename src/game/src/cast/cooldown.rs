//! When a fighter may cast what again.

use crate::content::Content;
use crate::growth::SKILLS_MAX;
use crate::lasting::Lasting;
use arrayvec::ArrayVec;
use bevy_ecs::prelude::Component;
use protocol::{SkillId, Tick};
use serde::{Deserialize, Serialize};

/// Skills that are not ready, and the global cooldown. As many as one can know, so there is always room for one more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Cooldowns {
    /// Each with the first tick in which it is ready. Those that are over are dropped when another one comes.
    skills: ArrayVec<(SkillId, Tick), SKILLS_MAX>,
    /// The first tick in which a skill that waits for the global cooldown may begin.
    pub(super) global_until: Tick,
}

impl Cooldowns {
    /// Whether the skill's own cooldown is over.
    pub(crate) fn is_ready(&self, skill: SkillId, now: Tick) -> bool {
        self.skills.iter().all(|&(other, until)| other != skill || until <= now)
    }

    /// The skill is not ready until a tick.
    pub(super) fn begin(&mut self, skill: SkillId, until: Tick, now: Tick) {
        self.skills.retain(|&mut (other, until)| other != skill && until > now);
        if until <= now {
            return;
        }
        // Whoever knows more than can be known, because the content has changed under him, loses the one that ends first.
        if self.skills.is_full()
            && let Some(at) = (0..self.skills.len()).min_by_key(|&at| self.skills[at].1)
        {
            self.skills.swap_remove(at);
        }
        self.skills.push((skill, until));
    }

    /// Skills that are not ready, each with the ticks that are left.
    pub(crate) fn left(&self, now: Tick) -> impl Iterator<Item = (SkillId, u32)> {
        let left = self.skills.iter().map(move |&(skill, until)| (skill, until.0.saturating_sub(now.0)));
        left.filter(|&(_, ticks)| ticks > 0)
    }

    /// Ticks of the global cooldown that are left.
    pub(crate) fn global_ticks_left(&self, now: Tick) -> u32 {
        self.global_until.0.saturating_sub(now.0)
    }

    /// Those of somebody who comes back, as far as there are such skills, and no longer than they cool down now.
    pub(crate) fn resumed(content: &Content, lasting: &Lasting, now: Tick) -> Self {
        let until = |ticks: u32| Tick(now.0.saturating_add(ticks));
        let global_until = until(lasting.global_ticks.min(content.rules.global_cooldown_ticks));
        let mut cooldowns = Self { global_until, ..Self::default() };
        for &(skill, ticks) in &lasting.skills {
            if let Some(skill) = content.skills.find(skill) {
                cooldowns.begin(skill.id, until(ticks.min(skill.cooldown_ticks)), now);
            }
        }
        cooldowns
    }

    /// Whether they may be part of a world with this content.
    pub(crate) fn is_possible(&self, content: &Content) -> bool {
        self.skills.iter().all(|&(skill, _)| content.skills.find(skill).is_some())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.skills.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skill_is_ready_from_the_tick_that_was_said_on() {
        let mut cooldowns = Cooldowns::default();
        cooldowns.begin(SkillId(3), Tick(50), Tick(20));
        assert!(!cooldowns.is_ready(SkillId(3), Tick(49)) && cooldowns.is_ready(SkillId(3), Tick(50)));
        assert!(cooldowns.is_ready(SkillId(4), Tick(20)));
        cooldowns.begin(SkillId(3), Tick(90), Tick(60));
        assert!(!cooldowns.is_ready(SkillId(3), Tick(60)), "it counts once");
    }

    #[test]
    fn what_is_over_makes_room() {
        let mut cooldowns = Cooldowns::default();
        for tick in 0..500 {
            cooldowns.begin(SkillId(tick as u16), Tick(tick + 10), Tick(tick));
        }
        assert_eq!(cooldowns.skills.len(), 10);
        assert!(!cooldowns.is_ready(SkillId(499), Tick(508)));
    }
}
