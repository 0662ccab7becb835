//! What lasts on a fighter for a while.

use super::skill::{Outcome, Side};
use super::stat::Modifier;
use super::table::entry;
use protocol::EffectId;
use serde::{Deserialize, Serialize};

/// Something that lasts on somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Its number.
    pub id: EffectId,
    /// Its name.
    pub name: String,
    /// How long.
    pub ticks: u32,
    /// Whether one would rather be without it.
    pub is_harmful: bool,
    /// What ends it before its time; none for nothing.
    pub school: Option<School>,
    /// What a second one on the same target does.
    pub stacking: Stacking,
    /// Most stacks; 1 or more.
    pub stacks_max: u8,
    /// What it does to figures, once for each stack.
    pub modifiers: Vec<Modifier>,
    /// What it forbids.
    pub holds: Holds,
    /// Damage that it takes in place of its bearer before it ends, for each stack; 0 for none.
    pub absorbs: u32,
    /// What it does again and again, once for each stack.
    pub pulse: Option<Pulse>,
    /// What it gives to others who are near.
    pub aura: Option<Aura>,
}
entry!(Effect, EffectId);

/// What effects are made of; a dispel ends those of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum School {
    /// Spells.
    Magic,
    /// Curses.
    Curse,
    /// Poisons.
    Poison,
    /// Wounds.
    Wound,
}

impl School {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Magic, Self::Curse, Self::Poison, Self::Wound];

    /// The key in content files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Magic => "magic",
            Self::Curse => "curse",
            Self::Poison => "poison",
            Self::Wound => "wound",
        }
    }
}

/// What comes of an effect on somebody who has it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stacking {
    /// Its time begins anew.
    Refresh,
    /// Its time is added to what is left, up to three times its length.
    Extend,
    /// One stack more, and its time begins anew.
    Stack,
    /// Each who casts it has one of his own on the target.
    Separate,
}

/// What an effect forbids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// To go anywhere.
    pub root: bool,
    /// To cast what takes mana.
    pub silence: bool,
    /// To do anything.
    pub stun: bool,
    /// To be harmed.
    pub immune: bool,
}

/// Something that an effect does again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Pulse {
    /// From one time to the next, and from its beginning to the first; 1 or more.
    pub every_ticks: u32,
    /// Damage, healing and mana only.
    pub outcomes: Vec<Outcome>,
}

/// Something that an effect gives to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aura {
    /// How near they must be, in subunits.
    pub radius: i32,
    /// To whom.
    pub side: Side,
    /// What; given anew every second, so it should last somewhat longer.
    pub effect: EffectId,
}
