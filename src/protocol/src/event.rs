//! What happened in a tick and cannot be read off the states.
//!
//! spec: MSG-4. Events travel on the event channel with the number of their tick; a client takes them up when it has been
//! shown that tick. Variants are only ever added at the end, because their order is their number.

use crate::{Custom, EffectId, ItemKind, NetId, SkillId, ViewTick};
use bincode::{Decode, Encode};

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum GameEvent {
    /// Somebody shot; told to everyone who sees him or whom he hit, and to both.
    Shot(Shot),
    /// A shot of yours was not carried out; told to its shooter alone.
    ShotRefused {
        /// Which, as in [`Shoot::number`].
        number: u16,
        /// Why.
        reason: ShotRefusal,
    },
    /// Somebody begins to cast; what takes no time is not told by itself.
    CastBegan {
        /// Who.
        by: NetId,
        /// What.
        skill: SkillId,
        /// How long it takes, haste included; a channel's whole length.
        ticks: u16,
    },
    /// A cast is over.
    CastEnded {
        /// Whose.
        by: NetId,
        /// What.
        skill: SkillId,
        /// How.
        end: CastEnd,
    },
    /// Somebody lost health, or would have.
    Hurt(Hurt),
    /// Somebody got health.
    Healed {
        /// Who.
        on: NetId,
        /// From whom.
        by: NetId,
        /// How much; what was beyond his most is not counted.
        amount: u32,
    },
    /// Something lasts on somebody from now on, or for longer, or more of it.
    EffectBegan {
        /// On whom.
        on: NetId,
        /// What.
        effect: EffectId,
        /// How often.
        stacks: u8,
        /// How long it has left, in ticks.
        ticks: u32,
    },
    /// An effect is over.
    EffectEnded {
        /// On whom.
        on: NetId,
        /// What.
        effect: EffectId,
    },
    /// Somebody died.
    Died {
        /// Who.
        who: NetId,
        /// Who did it.
        by: Option<NetId>,
    },
    /// Somebody lives again.
    Revived {
        /// Who.
        who: NetId,
    },
    /// A player was killed by a player, or a boss by anybody; told to the whole world.
    Slain {
        /// Who.
        who: NetId,
        /// Who did it.
        by: NetId,
    },
    /// Somebody has reached a level.
    LevelUp {
        /// Who.
        who: NetId,
        /// Which.
        level: u8,
    },
    /// You have gained experience.
    Experience {
        /// How much.
        amount: u32,
    },
    /// Somebody took something from the ground; told to his party.
    Looted {
        /// Who.
        by: NetId,
        /// What.
        kind: ItemKind,
        /// How many.
        count: u32,
    },
    /// You have stepped into a place where something happens.
    Entered {
        /// The number of the trigger on this map.
        trigger: u16,
    },
    /// Something of the game's own.
    Custom {
        /// To whom, or by whom.
        of: NetId,
        /// Who is told.
        audience: Audience,
        /// What.
        what: Custom,
    },
}

/// Who is told of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Audience {
    /// Everyone who sees one of those whom it concerns, and they themselves.
    Seen,
    /// The one whom it concerns.
    Private,
    /// He and his party.
    Party,
    /// Everyone.
    World,
}

impl GameEvent {
    /// Names of all kinds, in the order of their numbers; for metrics and logs.
    pub const KINDS: [&str; 16] = [
        "shot",
        "shot_refused",
        "cast_began",
        "cast_ended",
        "hurt",
        "healed",
        "effect_began",
        "effect_ended",
        "died",
        "revived",
        "slain",
        "level_up",
        "experience",
        "looted",
        "entered",
        "custom",
    ];

    /// The number of its kind.
    #[must_use]
    pub const fn kind(&self) -> usize {
        match self {
            Self::Shot(_) => 0,
            Self::ShotRefused { .. } => 1,
            Self::CastBegan { .. } => 2,
            Self::CastEnded { .. } => 3,
            Self::Hurt(_) => 4,
            Self::Healed { .. } => 5,
            Self::EffectBegan { .. } => 6,
            Self::EffectEnded { .. } => 7,
            Self::Died { .. } => 8,
            Self::Revived { .. } => 9,
            Self::Slain { .. } => 10,
            Self::LevelUp { .. } => 11,
            Self::Experience { .. } => 12,
            Self::Looted { .. } => 13,
            Self::Entered { .. } => 14,
            Self::Custom { .. } => 15,
        }
    }

    /// Who is told.
    #[must_use]
    pub const fn audience(&self) -> Audience {
        match self {
            Self::ShotRefused { .. } | Self::Experience { .. } | Self::Entered { .. } => Audience::Private,
            Self::Looted { .. } => Audience::Party,
            Self::Slain { .. } => Audience::World,
            Self::Custom { audience, .. } => *audience,
            _ => Audience::Seen,
        }
    }

    /// Who did it, and to whom. `of` is whom it is about: of what has no doer, the one to whom it happened.
    #[must_use]
    pub fn parts(&self, of: NetId) -> (NetId, Option<NetId>) {
        match *self {
            Self::Shot(Shot { by, target, .. }) => (by, target),
            Self::Hurt(Hurt { by, on, .. }) => (by.unwrap_or(on), Some(on)),
            Self::Healed { by, on, .. } => (by, Some(on)),
            Self::Died { by, who } => (by.unwrap_or(who), Some(who)),
            Self::Slain { by, who } => (by, Some(who)),
            Self::Custom { of, .. } => (of, None),
            _ => (of, None),
        }
    }
}

/// How a cast ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum CastEnd {
    /// As it should.
    Done,
    /// Who cast it stopped, by command or by moving.
    Stopped,
    /// Somebody else put an end to it.
    Interrupted,
    /// What it needs is not there any more: the target, the mana.
    Failed,
}

/// Health that somebody lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Hurt {
    /// Who.
    pub on: NetId,
    /// Who did it; none of a fall.
    pub by: Option<NetId>,
    /// How much; what effects took in his place is not counted.
    pub amount: u32,
    /// What effects took in his place.
    pub absorbed: u32,
    /// [`hurt`] bits, and the number of the sort of damage from bit 4 on.
    pub how: u8,
}

/// Bits of [`Hurt::how`].
pub mod hurt {
    /// A critical hit.
    pub const CRITICAL: u8 = 1;
    /// Part of it was blocked.
    pub const BLOCKED: u8 = 2;
    /// It does nothing to him now.
    pub const IMMUNE: u8 = 4;
    /// It was the last one.
    pub const DEADLY: u8 = 8;
}

/// spec: SHO-3. What a client asks for when its player shoots. At most 19 bytes as a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Shoot {
    /// Comes back in the answer; counts the client's shots and wraps.
    pub number: u16,
    /// Number of the newest input the client had applied to its own player when it shot: the eye is where this one
    /// brings it.
    pub input: u16,
    /// The moment at which the client drew the others.
    pub view: ViewTick,
    /// Where to: 65,536 steps to a turn, 0 is east, a quarter turn north. Sixteen times finer than in states, whose step
    /// is 15 cm at 100 m.
    pub yaw: u16,
    /// As `yaw`; 0 is level, down is positive, up wraps.
    pub pitch: u16,
}

/// A shot that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Shot {
    /// Who.
    pub by: NetId,
    /// As the shooter counts.
    pub number: u16,
    /// Whom it hit, if anybody.
    pub target: Option<NetId>,
    /// Where it ended, in units: at whom or what it hit, else at the end of its range.
    pub x_units: i32,
    /// North.
    pub y_units: i32,
    /// Up.
    pub z_units: i32,
}

/// Why a shot was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ShotRefusal {
    /// What the shooter saw is longer ago than shots are judged by.
    Stale,
    /// The weapon was not ready.
    TooSoon,
}
