//! What is told about an entity: to everyone who sees it, and to the one who plays it.

use crate::motion::{Body, Gait};
use crate::orientation::Orientation;
use crate::unit::unit_of;
use serde::{Deserialize, Serialize};

/// What sort of thing an entity is; fixed from enter to leave. Which fields each has is in the table of the wire
/// (`snapshot/field.rs`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// Bits of [`EntityState::flags`]. What is alive has a [`flag::STATUS`] beside bit 0.
pub mod flag {
    /// Not touching the ground, nor the top of a block.
    pub const AIRBORNE: u8 = 1;
    /// Of a body: it neither moves nor turns, and will not by itself.
    pub const AT_REST: u8 = 2;
    /// Of what is alive: it is about to do something that takes time.
    pub const CASTING: u8 = 4;
    /// Of what is alive, five bits: its share of health ([`super::health_share`]).
    pub const HEALTH: u8 = 0b1_1111 << HEALTH_BIT;
    /// Where [`HEALTH`] begins.
    pub const HEALTH_BIT: u32 = 3;
    /// What is told of an owner's body beside how it moves: everything but the lowest two bits.
    pub const STATUS: u8 = !(AIRBORNE | AT_REST);
}

/// The share of who is well.
pub const HEALTH_SHARE_FULL: u8 = 31;

/// spec: SNP-23. How much of its health something alive has left, 0..=[`HEALTH_SHARE_FULL`], rounded down: 0 is dead and
/// only dead, [`HEALTH_SHARE_FULL`] is full and only full. A `health_max` of 0 is that of what cannot be hurt: full.
#[must_use]
pub const fn health_share(health: u32, health_max: u32) -> u8 {
    if health >= health_max {
        return HEALTH_SHARE_FULL;
    }
    if health == 0 {
        return 0;
    }
    let share = (health as u64 * HEALTH_SHARE_FULL as u64 / health_max as u64) as u8;
    if share == 0 { 1 } else { share }
}

/// The [`flag::STATUS`] bits of something alive with this share of health, 0..=[`HEALTH_SHARE_FULL`].
#[must_use]
pub const fn status(health_share: u8, is_casting: bool) -> u8 {
    assert!(health_share <= HEALTH_SHARE_FULL, "a share has five bits");
    health_share << flag::HEALTH_BIT | if is_casting { flag::CASTING } else { 0 }
}

impl EntityState {
    /// What others see of a body that looks this way; its status is for [`Self::with_status`].
    #[must_use]
    pub fn of(body: &Body, yaw: u16, pitch: u16) -> Self {
        let z = unit_of(body.z).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        // The motion rules leave who stands, and only him, without a velocity up or down.
        let flags = if body.vz == 0 { 0 } else { flag::AIRBORNE };
        Self { x: unit_of(body.x), y: unit_of(body.y), z, yaw, pitch, flags, kind: EntityKind::Player }
    }

    /// The same with this [`status`], of whose bits others than [`flag::STATUS`] do not count.
    #[must_use]
    pub const fn with_status(self, status: u8) -> Self {
        Self { flags: self.flags & !flag::STATUS | status & flag::STATUS, ..self }
    }

    /// Of what is alive: how much of its health is left, 0..=[`HEALTH_SHARE_FULL`].
    #[must_use]
    pub const fn health_share(&self) -> u8 {
        self.flags >> flag::HEALTH_BIT
    }

    /// Whether it was alive and is not any more. False of what never is.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        self.kind.is_alive() && self.health_share() == 0
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
    /// What the body can make of its wishes from now on.
    pub gait: Gait,
    /// The [`flag::STATUS`] bits of its flags as others are told them.
    pub status: u8,
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
    /// spec: CMD-4. Stands for place and velocity: the low 32 bits of their XXH3-64.
    #[must_use]
    pub fn digest(&self) -> u32 {
        let Body { x, y, z, vx, vy, vz } = self.body;
        let mut bytes = [0; 24];
        for (place, value) in bytes.chunks_exact_mut(4).zip([x, y, z, vx, vy, vz]) {
            place.copy_from_slice(&value.to_le_bytes());
        }
        xxhash_rust::xxh3::xxh3_64(&bytes) as u32
    }

    /// What others are told of this player at the same tick.
    #[must_use]
    pub fn entity(&self) -> EntityState {
        EntityState::of(&self.body, self.yaw, self.pitch).with_status(self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// proves: SNP-23
    #[test]
    fn only_the_dead_have_no_share_and_only_the_whole_a_full_one() {
        for max in [1, 2, 31, 32, 100, 4_000, u32::MAX] {
            for health in [0, 1, max / 31, max / 2, max - 1, max] {
                let share = health_share(health, max);
                assert_eq!(share == 0, health == 0, "{health} of {max}");
                assert_eq!(share == HEALTH_SHARE_FULL, health == max, "{health} of {max}");
            }
        }
        assert_eq!([health_share(50, 100), health_share(4, 100), health_share(9, 8)], [15, 1, 31]);
        assert_eq!(health_share(0, 0), HEALTH_SHARE_FULL, "what cannot be hurt");
    }

    #[test]
    fn a_status_and_a_motion_share_the_flags_and_touch_nothing_of_each_other() {
        let falling = Body { z: 5, vz: -1, ..Body::default() };
        let state = EntityState::of(&falling, 0, 0).with_status(status(17, true) | flag::AT_REST);
        assert_eq!(state.flags, flag::AIRBORNE | flag::CASTING | 17 << 3);
        assert_eq!((state.health_share(), state.is_dead()), (17, false));
        let landed = OwnState { status: status(0, false), ..OwnState::default() };
        assert!(landed.entity().is_dead() && landed.entity().flags == 0);
        assert!(!EntityState { kind: EntityKind::Item, ..state.with_status(0) }.is_dead());
    }
}
