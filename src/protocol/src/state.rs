//! What is told about an entity: to everyone who sees it, and to the one who plays it.

use crate::motion::Body;
use crate::orientation::Orientation;
use crate::unit::unit_of;

/// What sort of thing an entity is; fixed from enter to leave. Which fields each has is in the table of the wire
/// (`snapshot/field.rs`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EntityKind {
    /// A person's avatar.
    #[default]
    Player = 0,
    /// What walks as players do, by a will of the server's.
    Mob = 1,
    /// What flies straight on, until it does not fly any more.
    Projectile = 2,
    /// What lies on the ground for someone to take.
    Item = 3,
    /// A rigid body, which can be turned any way.
    Body = 4,
}

impl EntityKind {
    /// Every kind, in the order of the wire numbers.
    pub const ALL: [Self; 5] = [Self::Player, Self::Mob, Self::Projectile, Self::Item, Self::Body];

    /// The kind with this wire number, if there is one.
    #[must_use]
    pub const fn from_wire(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Player),
            1 => Some(Self::Mob),
            2 => Some(Self::Projectile),
            3 => Some(Self::Item),
            4 => Some(Self::Body),
            _ => None,
        }
    }

    /// Whether it goes where it wants. What is not alive goes on as it did: its differences are coded otherwise
    /// (spec: SNP-17).
    #[must_use]
    pub const fn is_alive(self) -> bool {
        matches!(self, Self::Player | Self::Mob)
    }
}

/// The state of an entity as other players are told it. 16 bytes: tables of it are scanned every tick, and every viewer
/// keeps 64 of each entity. So kinds share its members: a body keeps its [`Orientation`] in `yaw` and `pitch`, an item its
/// form in `pitch`. What a kind does not have is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntityState {
    /// East, in units, 0..[`crate::unit::WORLD_UNITS_MAX`].
    pub x: i32,
    /// North, in units.
    pub y: i32,
    /// Up, in units.
    pub z: i16,
    /// Turn about the vertical, 0..4,096; of a body see [`Self::orientation`].
    pub yaw: u16,
    /// Look up and down, 0..4,096; level is 0, down is positive, up wraps. Of an item see [`Self::form`].
    pub pitch: u16,
    /// [`flag`] bits.
    pub flags: u8,
    /// What sort of thing this is the state of: never told with a state, because an enter has said it.
    pub kind: EntityKind,
}

/// Bits of [`EntityState::flags`].
pub mod flag {
    /// Not touching the ground.
    pub const AIRBORNE: u8 = 1;
    /// Of a body: it neither moves nor turns, and will not by itself.
    pub const AT_REST: u8 = 2;
}

impl EntityState {
    /// What others see of a body that looks this way.
    #[must_use]
    pub fn of(body: &Body, yaw: u16, pitch: u16) -> Self {
        let z = unit_of(body.z).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        let flags = if body.z > 0 { flag::AIRBORNE } else { 0 };
        Self { x: unit_of(body.x), y: unit_of(body.y), z, yaw, pitch, flags, kind: EntityKind::Player }
    }

    /// What an item looks like: a number that clients have pictures for. The same from enter to leave.
    #[must_use]
    pub const fn form(&self) -> u16 {
        self.pitch
    }

    /// The item with another form.
    #[must_use]
    pub const fn with_form(self, form: u16) -> Self {
        Self { pitch: form, ..self }
    }

    /// Which way a body is turned.
    #[must_use]
    pub const fn orientation(&self) -> Orientation {
        Orientation::from_bits((self.pitch as u32) << 16 | self.yaw as u32)
    }

    /// The body turned another way.
    #[must_use]
    pub const fn with_orientation(self, orientation: Orientation) -> Self {
        let bits = orientation.bits();
        Self { yaw: bits as u16, pitch: (bits >> 16) as u16, ..self }
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
