//! Entities that nobody plays: what they are, what others see of them, and what is saved of them.
//!
//! Each has a place and a velocity like a player ([`Mobile`]), and what its kind needs beside. How they move is in
//! [`crate::ballistics`].

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::cursor::Cursor;
use crate::image::ImageError;
use crate::movement::Mobile;
use crate::records::Z_MAX;
use crate::replica::Replica;
use bevy_ecs::prelude::{Bundle, Component, Resource};
use protocol::motion::{BODY_RADIUS, Body, PLAYER_SPEED_MAX, StaticMap};
use protocol::orientation::{ONE, Orientation, QUATERNION_BITS, Quaternion};
use protocol::state::{self, HEALTH_SHARE_FULL, flag};
use protocol::unit::{ANGLE_STEPS, SUBUNIT_BITS};
use protocol::{EntityKind, EntityState, NetId};

/// No thing is faster along any axis, in subunits per tick: 768 m/s, the fastest that the differences of snapshots foresee.
pub const THING_SPEED_MAX: i32 = 4_096 << SUBUNIT_BITS;
/// No mob is faster in the plane, in subunits per tick: it is launched as players are, and whom a shot may hit is looked for
/// no farther from its line than the faster of both can have come since he was seen. What moves it keeps to that; by
/// itself, on the ground or falling, a mob gains no speed.
pub const MOB_SPEED_MAX: i32 = PLAYER_SPEED_MAX;
/// No body spins faster about any axis: a quarter of a radian of half its angle in a tick, five turns a second, in parts of
/// [`ONE`].
pub const SPIN_MAX: i32 = ONE / 4;

/// What a thing is, with what only its kind has. Angles are 0..4,096.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Component)]
pub enum Thing {
    /// It walks where its will says, looking there; without one it stands, and falls if it is off the ground.
    Mob {
        /// Turn about the vertical.
        yaw: u16,
        /// Look up and down.
        pitch: u16,
    },
    /// It flies on in a straight line and at its speed until it meets something or its life ends; then it is gone.
    Projectile {
        /// Where it points: turn about the vertical.
        yaw: u16,
        /// Where it points: up and down.
        pitch: u16,
        /// Ticks that it has left, 1 or more.
        ticks_left: u32,
    },
    /// It falls, slides and lies.
    Item {
        /// Turn about the vertical.
        yaw: u16,
        /// What it looks like.
        form: u16,
    },
    /// It falls and slides, turning, and comes to rest.
    Body {
        /// Which way it is turned.
        turn: Quaternion,
        /// Half the angle that it turns in a tick about each of the axes that turn with it, in parts of [`ONE`] radians;
        /// at most [`SPIN_MAX`] either way.
        spin: [i32; 3],
    },
}

/// One thing of a world's image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThingImage {
    pub(crate) id: NetId,
    pub(crate) body: Body,
    pub(crate) thing: Thing,
}

/// Those whose life ended in this tick: projectiles, and mobs that have lain dead for long enough. Whoever ends one adds it;
/// after the tick they are put in the order of their ids and despawned.
#[derive(Debug, Default, Resource)]
pub(crate) struct Ended(pub(crate) Vec<NetId>);

impl Thing {
    /// What sort of thing others are told it is.
    #[must_use]
    pub const fn kind(&self) -> EntityKind {
        match self {
            Self::Mob { .. } => EntityKind::Mob,
            Self::Projectile { .. } => EntityKind::Projectile,
            Self::Item { .. } => EntityKind::Item,
            Self::Body { .. } => EntityKind::Body,
        }
    }

    /// What others see of it at this place.
    pub(crate) fn state(&self, body: &Body) -> EntityState {
        let (yaw, pitch) = match *self {
            Self::Mob { yaw, pitch } | Self::Projectile { yaw, pitch, .. } => (yaw, pitch),
            Self::Item { yaw, .. } => (yaw, 0),
            Self::Body { .. } => (0, 0),
        };
        let state = EntityState { kind: self.kind(), ..EntityState::of(body, yaw, pitch) };
        match self {
            Self::Mob { .. } => state.with_status(state::status(HEALTH_SHARE_FULL, false)),
            Self::Projectile { .. } => EntityState { flags: 0, ..state },
            Self::Item { form, .. } => EntityState { flags: 0, ..state }.with_form(*form),
            Self::Body { turn, .. } => {
                let flags = if self.is_at_rest(body) { flag::AT_REST } else { 0 };
                EntityState { flags, ..state }.with_orientation(Orientation::of(turn))
            }
        }
    }

    /// Whether neither the place nor the turn of a body changes any more by itself.
    pub(crate) fn is_at_rest(&self, body: &Body) -> bool {
        // As with players, what is off the ground has a velocity up or down.
        let Body { vx, vy, vz, .. } = *body;
        let spins = matches!(self, Self::Body { spin, .. } if *spin != [0; 3]);
        (vx, vy, vz) == (0, 0, 0) && !spins
    }

    /// Half the width of what it fills on the ground, in subunits: a projectile is a point.
    pub(crate) const fn radius(&self) -> i32 {
        if matches!(self, Self::Projectile { .. }) { 0 } else { BODY_RADIUS }
    }

    /// Whether there can be such a thing at this place and speed.
    pub(crate) fn is_possible(&self, body: &Body, map: &StaticMap) -> bool {
        let Body { x, y, z, vx, vy, vz } = *body;
        let (width, depth) = map.extent();
        // The extent is tested first: the map computes with the coordinates and must not overflow.
        let is_inside = (0..=width).contains(&x) && (0..=depth).contains(&y) && (0..=Z_MAX).contains(&z);
        let is_slow = [vx, vy, vz].iter().all(|speed| speed.unsigned_abs() <= THING_SPEED_MAX.unsigned_abs());
        let is_angle = |angle: u16| angle < ANGLE_STEPS;
        let is_sound = match *self {
            Self::Mob { yaw, pitch } => is_angle(yaw) && is_angle(pitch) && is_slow_as_a_mob(vx, vy),
            Self::Projectile { yaw, pitch, ticks_left } => is_angle(yaw) && is_angle(pitch) && ticks_left > 0,
            Self::Item { yaw, .. } => is_angle(yaw),
            Self::Body { turn, spin } => {
                is_of_length_one(&turn) && spin.iter().all(|spin| spin.unsigned_abs() <= SPIN_MAX.unsigned_abs())
            }
        };
        is_inside && is_slow && is_sound && map.is_free(x, y, z, self.radius())
    }
}

fn is_slow_as_a_mob(vx: i32, vy: i32) -> bool {
    let square: u64 = [vx, vy].iter().map(|speed| u64::from(speed.unsigned_abs()).pow(2)).sum();
    square <= u64::from(MOB_SPEED_MAX.unsigned_abs()).pow(2)
}

/// Within a thousandth, which rounding never uses up.
fn is_of_length_one(turn: &Quaternion) -> bool {
    let square: u128 = turn.iter().map(|&part| u128::from(part.unsigned_abs()).pow(2)).sum();
    let one = 1_u128 << (2 * QUATERNION_BITS);
    square.abs_diff(one) <= one / 1_000
}

/// Everything a thing's entity consists of.
pub(crate) fn bundle(image: &ThingImage) -> impl Bundle {
    let replica = Replica { id: image.id, kind: image.thing.kind() };
    (replica, Mobile(image.body), image.thing)
}

impl ThingImage {
    /// Appends u16 id, u8 kind, place and velocity, then what its kind has; all little-endian.
    pub(crate) fn to_bytes(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.id.0.to_le_bytes());
        bytes.push(self.thing.kind() as u8);
        let Body { x, y, z, vx, vy, vz } = self.body;
        let mut lengths =
            |values: &[i32]| values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        lengths(&[x, y, z, vx, vy, vz]);
        match &self.thing {
            Thing::Body { turn, spin } => {
                lengths(turn);
                lengths(spin);
            }
            Thing::Mob { yaw: first, pitch: second }
            | Thing::Projectile { yaw: first, pitch: second, .. }
            | Thing::Item { yaw: first, form: second } => {
                bytes.extend_from_slice(&first.to_le_bytes());
                bytes.extend_from_slice(&second.to_le_bytes());
            }
        }
        if let Thing::Projectile { ticks_left, .. } = self.thing {
            bytes.extend_from_slice(&ticks_left.to_le_bytes());
        }
    }

    /// Reads what [`Self::to_bytes`] wrote. Whether it makes sense is for [`Thing::is_possible`].
    pub(crate) fn take(cursor: &mut Cursor<'_>) -> Result<Self, ImageError> {
        let id = NetId(cursor.u16()?);
        let kind = cursor.u8()?;
        let (x, y, z) = (cursor.i32()?, cursor.i32()?, cursor.i32()?);
        let (vx, vy, vz) = (cursor.i32()?, cursor.i32()?, cursor.i32()?);
        let thing = match EntityKind::from_wire(kind) {
            Some(EntityKind::Mob) => Thing::Mob { yaw: cursor.u16()?, pitch: cursor.u16()? },
            Some(EntityKind::Projectile) => {
                Thing::Projectile { yaw: cursor.u16()?, pitch: cursor.u16()?, ticks_left: cursor.u32()? }
            }
            Some(EntityKind::Item) => Thing::Item { yaw: cursor.u16()?, form: cursor.u16()? },
            Some(EntityKind::Body) => {
                let turn = [cursor.i32()?, cursor.i32()?, cursor.i32()?, cursor.i32()?];
                Thing::Body { turn, spin: [cursor.i32()?, cursor.i32()?, cursor.i32()?] }
            }
            Some(EntityKind::Player) | None => return Err(ImageError::Kind(kind)),
        };
        Ok(Self { id, body: Body { x, y, z, vx, vy, vz }, thing })
    }
}
