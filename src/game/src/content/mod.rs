//! What the world is filled with: classes, skills, effects, items, mobs, where they are, and the constants of the formulas.
//!
//! Content is written in files and checked whole before any of it is used ([`Content::read`]); what is here is valid by
//! construction: every id that is named exists, every number is in its range. Times are in ticks, lengths in subunits,
//! shares in thousandths, whatever the files say.

mod class;
mod effect;
#[cfg(test)]
mod fixture;
mod follow;
mod item;
mod mob;
mod place;
mod read;
mod rules;
mod shipped;
mod skill;
mod spelling;
mod stat;
mod table;

pub use class::{Class, Node};
pub use effect::{Aura, Effect, Holds, Pulse, School, Stacking};
pub use item::{EQUIP_SLOTS, EquipSlot, ItemType, Use};
pub use mob::{Loot, MobType};
pub use place::{Circle, Places, SpawnArea, Trigger, Vendor};
pub use read::{ContentFile, Problems};
pub use rules::Rules;
pub use shipped::{SHIPPED, shipped};
pub use skill::{Channel, Outcome, Side, Skill, Targeting};
pub use spelling::{distance, is_near, nearest};
pub use stat::{DamageKind, Modifier, STATS, Stat, Stats};
pub use table::{Entry, Table};

use protocol::{ClassId, EffectId, ItemKind, MobKind, SkillId};

/// Everything that content files say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// The constants of the formulas.
    pub rules: Rules,
    /// By id.
    pub classes: Table<ClassId, Class>,
    /// By id.
    pub skills: Table<SkillId, Skill>,
    /// By id.
    pub effects: Table<EffectId, Effect>,
    /// By id.
    pub items: Table<ItemKind, ItemType>,
    /// By id.
    pub mobs: Table<MobKind, MobType>,
    /// Where things are on the map in use.
    pub places: Places,
}

impl Content {
    /// How many entries there are, rules and places apart.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.classes.len() + self.skills.len() + self.effects.len() + self.items.len() + self.mobs.len()
    }
}
