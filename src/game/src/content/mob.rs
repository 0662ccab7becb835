//! What lives in the world by a will of the server's.

use super::stat::Stats;
use super::table::entry;
use protocol::{ItemKind, MobKind, SkillId};

/// A kind of mob.
#[derive(Clone, Debug, PartialEq)]
pub struct MobType {
    /// Its number.
    pub id: MobKind,
    /// Its name.
    pub name: String,
    /// As that of a character.
    pub level: u8,
    /// Its figures. [`super::Stat::Speed`] is that of the chase.
    pub stats: Stats,
    /// Its speed when nothing happens, in per cent.
    pub stroll_percent: u8,
    /// It goes for enemies that come nearer than this, in subunits; 0 for one that only defends itself.
    pub aggro_radius: i32,
    /// It turns back when it is farther than this from home, in subunits.
    pub leash_radius: i32,
    /// Those of its kind nearer than this help it, in subunits.
    pub help_radius: i32,
    /// It runs away below this share of its health, in thousandths; 0 for never.
    pub flee_below: u16,
    /// What it does, best first: the first that is ready and whose target is in range is cast. The last has no cost and no
    /// cooldown beyond its rhythm.
    pub skills: Vec<SkillId>,
    /// Experience for those who have a part in its death, shared among them.
    pub experience: u32,
    /// Coins that it leaves, from and to.
    pub coins: (u32, u32),
    /// What else it may leave.
    pub loot: Vec<Loot>,
    /// Whether everyone is told of it wherever he is.
    pub is_boss: bool,
}
entry!(MobType, MobKind);

/// Something that a mob may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loot {
    /// What.
    pub item: ItemKind,
    /// How likely, in millionths.
    pub chance: u32,
    /// How many, from and to.
    pub count: (u32, u32),
}
