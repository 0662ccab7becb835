//! What characters can become.

use super::stat::Stats;
use super::table::entry;
use protocol::{ClassId, ItemKind, SkillId};

/// A class of characters.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// Its number.
    pub id: ClassId,
    /// Its name.
    pub name: String,
    /// Figures at level 1.
    pub base: Stats,
    /// What each further level adds, in hundredths.
    pub per_level: Stats,
    /// What everybody of it can do from the beginning; not part of the tree.
    pub skills: Vec<SkillId>,
    /// What can be learnt.
    pub tree: Vec<Node>,
    /// What a new character has.
    pub kit: Vec<(ItemKind, u32)>,
    /// Coins that a new character has.
    pub coins: u32,
}
entry!(Class, ClassId);

/// A skill that can be learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Which.
    pub skill: SkillId,
    /// Points that each rank costs; 1 or more.
    pub points: u8,
    /// From which level on.
    pub level_min: u8,
    /// What must have been learnt before, by at least one rank; nodes of the same tree, none of them in a circle.
    pub needs: Vec<SkillId>,
}

impl Class {
    /// The node of a skill.
    #[must_use]
    pub fn node(&self, skill: SkillId) -> Option<&Node> {
        self.tree.iter().find(|node| node.skill == skill)
    }
}
