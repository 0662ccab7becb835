//! What is told about an entity: to everyone who sees it, and to the one who plays it.

use crate::motion::Body;
use crate::unit::unit_of;

/// What sort of thing an entity is; fixed from enter to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EntityKind {
    /// A person's avatar.
    #[default]
    Player = 0,
}

impl EntityKind {
    /// The kind with this wire number, if there is one.
    #[must_use]
    pub const fn from_wire(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Player),
            _ => None,
        }
    }
}

/// The state of an entity as other players are told it. 16 bytes: tables of it are scanned every tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntityState {
    /// East, in units, 0..[`crate::unit::WORLD_UNITS_MAX`].
    pub x: i32,
    /// North, in units.
    pub y: i32,
    /// Up, in units.
    pub z: i16,
    /// Turn about the vertical, 0..4,096.
    pub yaw: u16,
    /// Look up and down, 0..4,096; level is 0, down is positive, up wraps.
    pub pitch: u16,
    /// [`flag`] bits.
    pub flags: u8,
}

/// Bits of [`EntityState::flags`].
pub mod flag {
    /// Not touching the ground.
    pub const AIRBORNE: u8 = 1;
}

impl EntityState {
    /// What others see of a body that looks this way.
    #[must_use]
    pub fn of(body: &Body, yaw: u16, pitch: u16) -> Self {
        let z = unit_of(body.z).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        let flags = if body.z > 0 { flag::AIRBORNE } else { 0 };
        Self { x: unit_of(body.x), y: unit_of(body.y), z, yaw, pitch, flags }
    }
}

/// The state of a player as its owner is told it, exact enough to predict from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnState {
    /// Position and velocity in subunits.
    pub body: Body,
    /// As in [`EntityState`].
    pub yaw: u16,
    /// As in [`EntityState`].
    pub pitch: u16,
    /// Number of the newest input that this state includes.
    pub input_applied: u16,
    /// Inputs that wait in the server's buffer (0..=15): the client runs slightly faster or slower by it.
    pub input_depth: u8,
}

impl OwnState {
    /// What others are told of this player at the same tick.
    #[must_use]
    pub fn entity(&self) -> EntityState {
        EntityState::of(&self.body, self.yaw, self.pitch)
    }
}
