//! What can be carried, worn and used.

use super::skill::Outcome;
use super::stat::Modifier;
use super::table::entry;
use protocol::{ClassId, ItemKind};

/// A kind of item.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemType {
    /// Its number.
    pub id: ItemKind,
    /// Its name.
    pub name: String,
    /// What it looks like on the ground ([`protocol::EntityState::form`]).
    pub form: u16,
    /// Most of them in one slot; 1 or more.
    pub stack_max: u32,
    /// Of one, in grams.
    pub weight: u32,
    /// Where it is worn.
    pub slot: Option<EquipSlot>,
    /// Whether it takes the off hand, too.
    pub is_two_handed: bool,
    /// From which level on it may be worn or used.
    pub level_min: u8,
    /// Who may wear or use it; empty for everybody.
    pub classes: Vec<ClassId>,
    /// What wearing it does to figures.
    pub modifiers: Vec<Modifier>,
    /// How much wear it bears; 0 if it does not wear.
    pub durability_max: u16,
    /// What using it does.
    pub use_: Option<Use>,
    /// What a vendor takes for one; 0 if none has it.
    pub price: u32,
    /// What a vendor gives for one; 0 if none wants it; at most `price`, where that is not 0.
    pub value: u32,
    /// Whether it may be given away: dropped, traded or sold.
    pub is_bound: bool,
}
entry!(ItemType, ItemKind);

/// What using an item does.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// To who uses it, in order.
    pub outcomes: Vec<Outcome>,
    /// Until one of the same kind may be used again.
    pub cooldown_ticks: u32,
    /// Whether one of the stack is gone then.
    pub is_consumed: bool,
}

/// Where something is worn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum EquipSlot {
    /// A weapon.
    MainHand,
    /// A shield, or a second weapon.
    OffHand,
    /// A helmet.
    Head,
    /// Armour.
    Chest,
    /// Gloves.
    Hands,
    /// Trousers.
    Legs,
    /// Boots.
    Feet,
    /// A ring.
    Ring,
    /// An amulet.
    Neck,
}

/// How many there are.
pub const EQUIP_SLOTS: usize = 9;

impl EquipSlot {
    /// All, in the order of their numbers.
    pub const ALL: [Self; EQUIP_SLOTS] = [
        Self::MainHand,
        Self::OffHand,
        Self::Head,
        Self::Chest,
        Self::Hands,
        Self::Legs,
        Self::Feet,
        Self::Ring,
        Self::Neck,
    ];

    /// The key in content files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::MainHand => "main_hand",
            Self::OffHand => "off_hand",
            Self::Head => "head",
            Self::Chest => "chest",
            Self::Hands => "hands",
            Self::Legs => "legs",
            Self::Feet => "feet",
            Self::Ring => "ring",
            Self::Neck => "neck",
        }
    }
}
