//! Where things are on a map: who lives where, where nobody fights, who sells what.

use protocol::{EffectId, ItemKind, MobKind};

/// A circle on the ground, in subunits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circle {
    /// Its middle, east.
    pub x: i32,
    /// Its middle, north.
    pub y: i32,
    /// Its radius.
    pub radius: i32,
}

impl Circle {
    /// Whether a place lies in it, edge included.
    #[must_use]
    pub fn holds(&self, x: i32, y: i32) -> bool {
        let (dx, dy) = (i64::from(x) - i64::from(self.x), i64::from(y) - i64::from(self.y));
        dx * dx + dy * dy <= i64::from(self.radius) * i64::from(self.radius)
    }
}

/// What is where on the map in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Who lives where.
    pub spawns: Vec<SpawnArea>,
    /// Where nobody can be harmed.
    pub safe_zones: Vec<Circle>,
    /// Where the dead come back; the nearest to where they died. Empty: the middle of the map.
    pub graveyards: Vec<Circle>,
    /// Who sells and buys.
    pub vendors: Vec<Vendor>,
    /// What happens to those who come.
    pub triggers: Vec<Trigger>,
}

/// A place where mobs of one kind live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpawnArea {
    /// Which kind.
    pub mob: MobKind,
    /// How many.
    pub count: u16,
    /// Where.
    pub area: Circle,
    /// From a death until another comes.
    pub respawn_ticks: u32,
}

/// Somebody who sells and buys; one trades with it by standing near.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vendor {
    /// Its name.
    pub name: String,
    /// How near one must be.
    pub area: Circle,
    /// What it sells.
    pub sells: Vec<ItemKind>,
    /// Whether it mends.
    pub repairs: bool,
}

/// A place that does something to players who enter it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Its name, in the event.
    pub name: String,
    /// Where.
    pub area: Circle,
    /// What lasts on who enters it, if anything.
    pub effect: Option<EffectId>,
    /// Where who enters it is put, if anywhere (x, y).
    pub exit: Option<(i32, i32)>,
}
