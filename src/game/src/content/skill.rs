//! What fighters do: casts, their targets and what comes of them.

use super::stat::DamageKind;
use super::table::entry;
use protocol::{EffectId, SkillId};
use serde::{Deserialize, Serialize};

/// Something that one can do.
#[derive(Clone, Debug, PartialEq)]
pub struct Skill {
    /// Its number.
    pub id: SkillId,
    /// Its name.
    pub name: String,
    /// Mana that it takes when the cast ends; a channel takes it when it begins.
    pub mana: u32,
    /// From the command to what comes of it; 0 is at once.
    pub cast_ticks: u32,
    /// What comes of it comes again and again while one goes on.
    pub channel: Option<Channel>,
    /// From the end of the cast until it may begin again.
    pub cooldown_ticks: u32,
    /// Whether it neither waits for the global cooldown nor begins it.
    pub is_off_global: bool,
    /// Whether one may walk while casting.
    pub is_mobile: bool,
    /// How far the target may be, in subunits; of a cone its length.
    pub range: i32,
    /// Whom it may be cast at, and whom it reaches.
    pub targeting: Targeting,
    /// What it does to each of those, in order.
    pub outcomes: Vec<Outcome>,
    /// How often it can be learnt: each rank beyond the first adds a tenth to its amounts.
    pub ranks_max: u8,
}
entry!(Skill, SkillId);

/// A cast that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// How long.
    pub ticks: u32,
    /// From one time that something comes of it to the next; 1 or more, at most `ticks`.
    pub every_ticks: u32,
}

/// Whom a skill may reach, seen from who casts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those he may fight.
    Enemies,
    /// Himself and those who may not fight him: his team and his party.
    Allies,
    /// Everybody.
    Everyone,
}

/// How the targets of a skill are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targeting {
    /// Who casts it.
    Own,
    /// One whom the command names.
    Unit {
        /// Who may be named.
        side: Side,
    },
    /// All near a place that the command names.
    Ground {
        /// In subunits.
        radius: i32,
        /// Whom it reaches.
        side: Side,
    },
    /// All before who casts it, as he saw them: a blow with a blade is a short and wide one.
    Cone {
        /// From edge to edge, in steps of 4,096 to a turn.
        angle: u16,
        /// Whom it reaches.
        side: Side,
    },
    /// One whom the command names, then whoever is nearest to him and was not reached yet, and so on.
    Chain {
        /// How many after the first.
        jumps: u8,
        /// How far each may be from the one before, in subunits.
        reach: i32,
        /// What each has of the amount of the one before, in thousandths.
        falloff: u16,
        /// Whom it reaches.
        side: Side,
    },
    /// Whom a straight line from the eye meets first, as who casts it saw them.
    Ray,
    /// Something that flies, and reaches the first enemy that it meets.
    Missile {
        /// In subunits per tick.
        speed: i32,
        /// And all enemies so near to where it ends, in subunits; 0 for nobody else.
        splash: i32,
    },
}

/// What is done to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It loses health.
    Damage {
        /// Of which sort.
        kind: DamageKind,
        /// By itself.
        amount: u32,
        /// And so much of the attacker's attack, in thousandths.
        attack: u32,
        /// And so much of his power.
        power: u32,
    },
    /// It gets health.
    Heal {
        /// By itself.
        amount: u32,
        /// And so much of the healer's power, in thousandths.
        power: u32,
    },
    /// It gets mana, or loses some.
    Mana {
        /// Less than 0 takes.
        amount: i32,
    },
    /// Something lasts on it.
    Apply {
        /// What.
        effect: EffectId,
    },
    /// Effects end.
    Dispel {
        /// Of this school.
        school: super::School,
        /// Harmful ones; else helpful ones.
        is_harmful: bool,
        /// At most so many, the newest first.
        count: u8,
    },
    /// Its cast ends without anything coming of it, and nothing may be cast for a while.
    Interrupt {
        /// How long.
        lock_ticks: u32,
    },
    /// It is thrown away from who did it.
    Launch {
        /// In subunits per tick.
        speed: i32,
        /// Upwards, in subunits per tick.
        up: i32,
    },
    /// A mob goes for who did it before all others.
    Taunt,
    /// Who lies dead stands up with a share of his health, in thousandths.
    Revive {
        /// 1..=1000.
        health: u16,
    },
}
