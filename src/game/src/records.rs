//! What outlives a player's visit, as bytes that later versions can still read.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::cursor::{Cursor, Truncated};
use crate::lasting::Lasting;
use protocol::motion::HEIGHT_MAX;
use protocol::unit::{ANGLE_STEPS, SUBUNIT_BITS, WORLD_UNITS_MAX};
use thiserror::Error;

/// The newest version that this code writes and reads. Version 1 says nothing of life, and is still written of whom nothing
/// is known; version 2 says nothing of what lasts, and is read as if nothing did.
const VERSION: u16 = 3;
const VERSION_WITHOUT_LASTING: u16 = 2;
const VERSION_WITHOUT_LIFE: u16 = 1;
/// Most health and mana that anybody can have.
const POINTS_MAX: i32 = 1_000_000;
/// East-most and north-most subunit of the largest world.
const COORDINATE_MAX: i32 = WORLD_UNITS_MAX << SUBUNIT_BITS;
/// Highest place that there is, in subunits.
pub(crate) const Z_MAX: i32 = HEIGHT_MAX;

/// Where a player was last seen; lengths in subunits, angles 0..4,096.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlayerRecord {
    /// East.
    pub x: i32,
    /// North.
    pub y: i32,
    /// Up; 0 is the ground.
    pub z: i32,
    /// Turn about the vertical.
    pub yaw: u16,
    /// Look up and down.
    pub pitch: u16,
    /// None of a record of version 1: then he is hale.
    pub life: Option<Life>,
}

/// What was left of a player.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// 0..=1,000,000.
    pub health: i32,
    /// 0..=1,000,000.
    pub mana: i32,
    /// Whether he lay dead: he enters at a graveyard.
    pub is_dead: bool,
    /// What was going on.
    pub lasting: Lasting,
}

/// Why bytes are not a record: the fault of whoever stored them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Shorter than its version says.
    #[error("the record is cut short")]
    Truncated,
    /// Longer than its version says.
    #[error("{0} bytes after the record")]
    Trailing(usize),
    /// Written by a newer server, or not a record at all.
    #[error("record version {0} is unknown here; the newest known is 3")]
    Version(u16),
    /// No server would have written this value.
    #[error("{field} = {value} lies outside every world")]
    OutOfWorld {
        /// Which.
        field: &'static str,
        /// As stored.
        value: i32,
    },
}

impl From<Truncated> for RecordError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

impl PlayerRecord {
    /// Most bytes of a record: version, three lengths, two angles, health, mana, whether dead, and what lasts.
    pub const BYTES_MAX: usize = 2 + 3 * 4 + 2 * 2 + 2 * 4 + 1 + Lasting::BYTES_MAX;

    /// Appends the record to `bytes`: u16 version, then the fields in their order, all little-endian.
    pub fn to_bytes(&self, bytes: &mut Vec<u8>) {
        let version = if self.life.is_some() { VERSION } else { VERSION_WITHOUT_LIFE };
        bytes.extend_from_slice(&version.to_le_bytes());
        for length in [self.x, self.y, self.z] {
            bytes.extend_from_slice(&length.to_le_bytes());
        }
        for angle in [self.yaw, self.pitch] {
            bytes.extend_from_slice(&angle.to_le_bytes());
        }
        if let Some(Life { health, mana, is_dead, lasting }) = &self.life {
            bytes.extend_from_slice(&health.to_le_bytes());
            bytes.extend_from_slice(&mana.to_le_bytes());
            bytes.push(u8::from(*is_dead));
            lasting.to_bytes(bytes);
        }
    }

    /// Reads a record from all of `bytes`.
    ///
    /// # Errors
    /// [`RecordError`] for anything but exactly one record of a known version with values that fit the largest world.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut cursor = Cursor(bytes);
        let version = cursor.u16()?;
        if !(VERSION_WITHOUT_LIFE..=VERSION).contains(&version) {
            return Err(RecordError::Version(version));
        }
        let record = Self {
            x: within("x", cursor.i32()?, COORDINATE_MAX)?,
            y: within("y", cursor.i32()?, COORDINATE_MAX)?,
            z: within("z", cursor.i32()?, Z_MAX)?,
            yaw: angle("yaw", cursor.u16()?)?,
            pitch: angle("pitch", cursor.u16()?)?,
            life: if version == VERSION_WITHOUT_LIFE { None } else { Some(Life::take(version, &mut cursor)?) },
        };
        match cursor.left() {
            0 => Ok(record),
            left => Err(RecordError::Trailing(left)),
        }
    }
}

impl Life {
    fn take(version: u16, cursor: &mut Cursor<'_>) -> Result<Self, RecordError> {
        let health = within("health", cursor.i32()?, POINTS_MAX)?;
        let mana = within("mana", cursor.i32()?, POINTS_MAX)?;
        let is_dead = within("is_dead", i32::from(cursor.u8()?), 1)? == 1;
        let lasting = if version == VERSION_WITHOUT_LASTING { Lasting::default() } else { Lasting::take(cursor)? };
        Ok(Self { health, mana, is_dead, lasting })
    }
}

fn within(field: &'static str, value: i32, max: i32) -> Result<i32, RecordError> {
    if (0..=max).contains(&value) { Ok(value) } else { Err(RecordError::OutOfWorld { field, value }) }
}

fn angle(field: &'static str, value: u16) -> Result<u16, RecordError> {
    if value < ANGLE_STEPS { Ok(value) } else { Err(RecordError::OutOfWorld { field, value: i32::from(value) }) }
}

#[cfg(test)]
mod tests;
