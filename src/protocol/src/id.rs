//! Names that must not be mixed up, each its own type.

use serde::{Deserialize, Serialize};

/// Names an entity on the wire. Dense and reused, but only after every viewer has acknowledged its leave.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    bincode::Encode,
    bincode::Decode,
)]
pub struct NetId(pub u16);

impl NetId {
    /// The row of this entity in tables indexed by net id.
    #[must_use]
    pub const fn row(self) -> usize {
        self.0 as usize
    }
}

/// Names a person, for ever.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    bincode::Encode,
    bincode::Decode,
)]
pub struct AccountId(pub u64);

/// Names one character of an account, for ever; the key under which its records are saved.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    bincode::Encode,
    bincode::Decode,
)]
pub struct CharacterId(pub u64);

/// A numbered step of the world. 32 bits last 828 days at 60 Hz; a server restarts its count long before that.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    bincode::Encode,
    bincode::Decode,
)]
pub struct Tick(pub u32);

impl Tick {
    /// Ticks from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }

    /// The tick after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// The full tick whose low 16 bits are `low` and that lies nearest to `self`.
    ///
    /// spec: SNP-3. Unambiguous while both ends are within 32,767 ticks (nine minutes) of each other.
    #[must_use]
    pub const fn expand16(self, low: u16) -> Self {
        let ahead = low.wrapping_sub(self.0 as u16) as i16;
        Self(self.0.wrapping_add_signed(ahead as i32))
    }
}

/// A kind of thing that content files describe, by the number that they give it. Numbers are for ever: records and clients keep
/// them when names change.
macro_rules! content_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, bincode::Encode, bincode::Decode,
        )]
        pub struct $name(pub u16);
    };
}

content_id! {
    /// Names a class of characters.
    ClassId
}
content_id! {
    /// Names a skill.
    SkillId
}
content_id! {
    /// Names an effect: what lasts on somebody for a while.
    EffectId
}
content_id! {
    /// Names a kind of item.
    ItemKind
}
content_id! {
    /// Names a kind of mob.
    MobKind
}

/// Names one item, or one stack of equal ones, for ever and everywhere: no two servers give out the same.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    bincode::Encode,
    bincode::Decode,
)]
pub struct ItemId(pub u64);
