//! Skills are learnt from the tree of one's class, for points that come with levels.

use super::Growth;
use crate::content::Content;
use crate::ledger::{Entry, Ledger};
use protocol::{CharacterId, Refusal, SkillId};

/// Skill points that are left to somebody of a level. They follow from level and skills, so they can neither be lost nor
/// doubled.
pub(crate) fn points_left(content: &Content, growth: &Growth, level: u8) -> u16 {
    let gained = u32::from(level.saturating_sub(1)) * u32::from(content.rules.points_per_level);
    let spent = growth.learnt.iter().map(|&(skill, rank)| cost(content, growth, skill) * u32::from(rank)).sum();
    gained.saturating_sub(spent) as u16
}

fn cost(content: &Content, growth: &Growth, skill: SkillId) -> u32 {
    let class = content.classes.find(growth.class);
    class.and_then(|class| class.node(skill)).map_or(0, |node| u32::from(node.points))
}

/// The entry by which a character learns a skill, or its next rank. What waits for the disk holds its points, and counts as
/// learnt for nothing else but the next rank.
pub(super) fn learn(
    content: &Content,
    ledger: &Ledger,
    character: CharacterId,
    (growth, level): (&Growth, u8),
    skill: SkillId,
) -> Result<Entry, Refusal> {
    let kind = content.skills.find(skill).ok_or(Refusal::UnknownSkill)?;
    let class = content.classes.find(growth.class).ok_or(Refusal::NotOfClass)?;
    let node = class.node(skill).ok_or(Refusal::NotOfClass)?;
    let mut after = growth.clone();
    for entry in ledger.under_way().flat_map(|under_way| &under_way.transaction.entries) {
        match *entry {
            Entry::Skill { character: of, skill, rank } if of == character => after.learn(skill, rank),
            _ => {}
        }
    }
    let rank = after.learnt_rank(skill);
    if rank >= kind.ranks_max || (rank == 0 && after.learnt.is_full()) {
        return Err(Refusal::AlreadyLearnt);
    }
    if level < node.level_min {
        return Err(Refusal::LevelTooLow);
    }
    if node.needs.iter().any(|&needed| growth.learnt_rank(needed) == 0) {
        return Err(Refusal::NeedsAnother);
    }
    if points_left(content, &after, level) < u16::from(node.points) {
        return Err(Refusal::NoPoints);
    }
    Ok(Entry::Skill { character, skill, rank: rank + 1 })
}
