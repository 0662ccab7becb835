//! Four names that must not be mixed up, each its own type.

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
