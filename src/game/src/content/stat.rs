//! The figures of a fighter, and what changes them.

use serde::{Deserialize, Serialize};

/// A figure of a fighter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stat {
    /// Most health; 1 or more.
    HealthMax,
    /// Most mana.
    ManaMax,
    /// Health that comes back in a minute, out of combat.
    HealthRegen,
    /// Mana that comes back in a minute.
    ManaRegen,
    /// Adds to the damage of weapons.
    Attack,
    /// Adds to the damage and the healing of spells.
    Power,
    /// Takes from what the attacker's attack or power adds.
    Defence,
    /// Takes a share of physical damage, less from those of a higher level.
    Armour,
    /// Chance of a critical hit, in thousandths.
    Critical,
    /// Chance to block a physical hit from the front, in thousandths.
    Block,
    /// Takes from the time of casts, in thousandths; at most half of it.
    Haste,
    /// Speed on foot, in per cent of the usual one.
    Speed,
    /// Threat that comes of damage and healing, in thousandths.
    Threat,
    /// Takes a share of fire damage, in thousandths; less than 0 adds.
    ResistFire,
    /// Of frost damage.
    ResistFrost,
    /// Of nature damage.
    ResistNature,
    /// Of shadow damage.
    ResistShadow,
    /// Most weight that one carries without being slowed, in grams.
    CarryMax,
}

/// How many there are.
pub const STATS: usize = 18;

impl Stat {
    /// All, in the order of their numbers.
    pub const ALL: [Self; STATS] = [
        Self::HealthMax,
        Self::ManaMax,
        Self::HealthRegen,
        Self::ManaRegen,
        Self::Attack,
        Self::Power,
        Self::Defence,
        Self::Armour,
        Self::Critical,
        Self::Block,
        Self::Haste,
        Self::Speed,
        Self::Threat,
        Self::ResistFire,
        Self::ResistFrost,
        Self::ResistNature,
        Self::ResistShadow,
        Self::CarryMax,
    ];

    /// The key in content files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::HealthMax => "health_max",
            Self::ManaMax => "mana_max",
            Self::HealthRegen => "health_regen",
            Self::ManaRegen => "mana_regen",
            Self::Attack => "attack",
            Self::Power => "power",
            Self::Defence => "defence",
            Self::Armour => "armour",
            Self::Critical => "critical",
            Self::Block => "block",
            Self::Haste => "haste",
            Self::Speed => "speed",
            Self::Threat => "threat",
            Self::ResistFire => "resist_fire",
            Self::ResistFrost => "resist_frost",
            Self::ResistNature => "resist_nature",
            Self::ResistShadow => "resist_shadow",
            Self::CarryMax => "carry_max",
        }
    }

    /// The least and the most that a fighter can have of it, whatever adds to it.
    #[must_use]
    pub const fn range(self) -> (i32, i32) {
        match self {
            Self::HealthMax => (1, 1_000_000),
            Self::Critical | Self::Block => (0, 750),
            Self::Haste => (0, 500),
            Self::Speed => (20, 200),
            Self::Threat => (0, 10_000),
            Self::ResistFire | Self::ResistFrost | Self::ResistNature | Self::ResistShadow => (-1_000, 750),
            _ => (0, 1_000_000),
        }
    }
}

/// One value for each [`Stat`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stats(pub [i32; STATS]);

impl Stats {
    /// Somebody without a class, as in a world without content.
    pub const BARE: Self = {
        let mut stats = Self([0; STATS]);
        stats.set(Stat::HealthMax, 100);
        stats.set(Stat::HealthRegen, 60);
        stats.set(Stat::Speed, 100);
        stats.set(Stat::Threat, 1_000);
        stats.set(Stat::CarryMax, 50_000);
        stats
    };

    /// The value of one.
    #[must_use]
    pub const fn of(&self, stat: Stat) -> i32 {
        self.0[stat as usize]
    }

    /// Sets the value of one.
    pub const fn set(&mut self, stat: Stat, value: i32) {
        self.0[stat as usize] = value;
    }
}

/// What an item or an effect does to a figure: `flat` is added to it, `share` thousandths of the sum are added then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modifier {
    /// Which.
    pub stat: Stat,
    /// In the unit of the figure.
    pub flat: i32,
    /// In thousandths.
    pub share: i32,
}

/// What sort of damage something does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum DamageKind {
    /// Blades, arrows, falls. Armour and blocks help.
    Physical,
    /// Resisted by [`Stat::ResistFire`].
    Fire,
    /// Resisted by [`Stat::ResistFrost`].
    Frost,
    /// Resisted by [`Stat::ResistNature`].
    Nature,
    /// Resisted by [`Stat::ResistShadow`].
    Shadow,
}

impl DamageKind {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Physical, Self::Fire, Self::Frost, Self::Nature, Self::Shadow];

    /// The key in content files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Fire => "fire",
            Self::Frost => "frost",
            Self::Nature => "nature",
            Self::Shadow => "shadow",
        }
    }

    /// What resists it, besides armour.
    #[must_use]
    pub const fn resisted_by(self) -> Option<Stat> {
        match self {
            Self::Physical => None,
            Self::Fire => Some(Stat::ResistFire),
            Self::Frost => Some(Stat::ResistFrost),
            Self::Nature => Some(Stat::ResistNature),
            Self::Shadow => Some(Stat::ResistShadow),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_stands_at_its_number_and_has_a_key_of_its_own() {
        for (number, stat) in Stat::ALL.into_iter().enumerate() {
            assert_eq!(stat as usize, number);
            assert_eq!(Stat::ALL.iter().filter(|other| other.key() == stat.key()).count(), 1, "{}", stat.key());
            assert!(stat.range().0 < stat.range().1);
        }
    }
}
