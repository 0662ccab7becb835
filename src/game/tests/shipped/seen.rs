//! What was seen of the content, over all stages.

use crate::stage::Stage;
use protocol::{EffectId, GameEvent, ItemKind, MobKind, SkillId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// An effect that lasts longer is waited for with all others that do: a minute, in ticks.
const WAIT_TICKS: u32 = 60 * 60;

#[derive(Debug, Default)]
pub struct Seen {
    /// Cast to the end, each by every class and every mob that has it.
    pub cast: BTreeSet<SkillId>,
    /// What did not come of something that was cast or used.
    pub undone: Vec<String>,
    pub began: BTreeSet<EffectId>,
    pub ended: BTreeSet<EffectId>,
    pub living: BTreeSet<MobKind>,
    pub hurtful: BTreeSet<MobKind>,
    pub dead: BTreeSet<MobKind>,
    pub used: BTreeSet<ItemKind>,
}

impl Seen {
    /// What a stage tells of effects. Those that nobody has seen end are waited for, if that is not too long.
    pub fn note(&mut self, stage: &mut Stage) {
        let content = Arc::clone(stage.game.content());
        let lasts = |event: &GameEvent| match *event {
            GameEvent::EffectBegan { effect, ticks, .. } if !self.ended.contains(&effect) => {
                Some(ticks.max(content.effects.at(effect).ticks)).filter(|&ticks| ticks <= WAIT_TICKS)
            }
            _ => None,
        };
        let wait = stage.told.iter().filter_map(|(_, event)| lasts(event)).max();
        stage.ticks(wait.map_or(0, |ticks| ticks + 1));
        for (_, event) in &stage.told {
            match *event {
                GameEvent::EffectBegan { effect, .. } => drop(self.began.insert(effect)),
                GameEvent::EffectEnded { effect, .. } => drop(self.ended.insert(effect)),
                _ => {}
            }
        }
    }
}
