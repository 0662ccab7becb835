//! What players and mobs have in common: life, figures, a side.

use super::harm::Harm;
use crate::content::{Stat, Stats};
use crate::effects::Effects;
use bevy_ecs::prelude::{Bundle, Component};
use protocol::Tick;
use serde::{Deserialize, Serialize};

/// Everything that makes an entity a fighter.
#[derive(Bundle)]
pub(crate) struct Fighter {
    pub(crate) vitals: Vitals,
    pub(crate) sheet: Sheet,
    pub(crate) team: Team,
    pub(crate) effects: Effects,
    pub(crate) harm: Harm,
}

impl Fighter {
    /// Somebody hale with these figures.
    pub(crate) fn new(level: u8, base: Stats, team: Team) -> Self {
        let sheet = Sheet { level, base, now: base, is_stale: true };
        Self { vitals: Vitals::full(&sheet), sheet, team, effects: Effects::default(), harm: Harm::default() }
    }
}

/// What goes up and down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Component, Serialize, Deserialize)]
pub struct Vitals {
    /// 0 of the dead; of the living 1 or more once a tick's blows are dealt, and anything in between.
    pub(crate) health: i32,
    pub(crate) mana: i32,
    /// What has come back and makes no whole one yet, in 3,600ths: figures say how much comes back in a minute.
    pub(crate) health_part: i32,
    pub(crate) mana_part: i32,
    /// The last tick of the fight that it is in.
    pub(crate) combat_until: Tick,
    /// When it died, if it is dead.
    pub(crate) died: Option<Tick>,
}

impl Vitals {
    pub(crate) fn full(sheet: &Sheet) -> Self {
        Self { health: sheet.now.of(Stat::HealthMax), mana: sheet.now.of(Stat::ManaMax), ..Self::default() }
    }

    /// Health that is left, in points; 0 of the dead.
    #[must_use]
    pub fn health(&self) -> u32 {
        self.health.max(0).unsigned_abs()
    }

    /// Mana that is left, in points.
    #[must_use]
    pub fn mana(&self) -> u32 {
        self.mana.max(0).unsigned_abs()
    }

    /// Whether it lies dead.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        self.died.is_some()
    }

    pub(crate) fn is_in_combat(&self, now: Tick) -> bool {
        self.combat_until >= now
    }
}

/// Figures: what it has by itself, and what comes of it with all that it wears and all that lasts on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Sheet {
    /// 1 or more.
    pub(crate) level: u8,
    /// Of class and level, or of the kind of mob.
    pub(crate) base: Stats,
    pub(crate) now: Stats,
    /// Something has changed: they are made anew in [`crate::Phase::Recover`].
    pub(crate) is_stale: bool,
}

/// Whose side somebody is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Component, Serialize, Deserialize)]
pub struct Team(pub(crate) u8);

impl Team {
    /// Of a number: 0 for none. Two of the same team other than none do not fight each other.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// That of all mobs.
    pub(crate) const MOBS: Self = Self(u8::MAX);

    /// Whether two may harm each other. Mobs fight all but mobs; of players those fight whose teams differ, and whoever has
    /// none fights nobody.
    pub(crate) const fn may_fight(self, other: Self) -> bool {
        match (self.0 == Self::MOBS.0, other.0 == Self::MOBS.0) {
            (true, true) => false,
            (false, false) => self.0 != other.0 && self.0 != 0 && other.0 != 0,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mobs_fight_all_but_mobs_and_players_those_of_another_team() {
        let (red, blue) = (Team(1), Team(2));
        for (one, other, fights) in [
            (red, blue, true),
            (red, red, false),
            (red, Team(0), false),
            (Team(0), Team(0), false),
            (Team::MOBS, red, true),
            (Team::MOBS, Team(0), true),
            (Team::MOBS, Team::MOBS, false),
        ] {
            assert_eq!((one.may_fight(other), other.may_fight(one)), (fights, fights), "{one:?} {other:?}");
        }
    }
}
