//! What outlives a player's visit, as bytes that later versions can still read.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::cursor::{Cursor, Truncated};
use protocol::motion::HEIGHT_MAX;
use protocol::unit::{ANGLE_STEPS, SUBUNIT_BITS, WORLD_UNITS_MAX};
use thiserror::Error;

/// The newest version that this code writes and reads. Version 1 says nothing of life, and is still written of whom nothing
/// is known.
const VERSION: u16 = 2;
const VERSION_WITHOUT_LIFE: u16 = 1;
/// Most health and mana that anybody can have.
const POINTS_MAX: i32 = 1_000_000;
/// East-most and north-most subunit of the largest world.
const COORDINATE_MAX: i32 = WORLD_UNITS_MAX << SUBUNIT_BITS;
/// Highest place that there is, in subunits.
pub(crate) const Z_MAX: i32 = HEIGHT_MAX;

/// Where a player was last seen; lengths in subunits, angles 0..4,096.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// 0..=1,000,000.
    pub health: i32,
    /// 0..=1,000,000.
    pub mana: i32,
    /// Whether he lay dead: he enters at a graveyard.
    pub is_dead: bool,
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
    #[error("record version {0} is unknown here; the newest known is 2")]
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
    /// Bytes of a record of the newest version: version, three lengths, two angles, health, mana, whether dead.
    pub const BYTES: usize = 2 + 3 * 4 + 2 * 2 + 2 * 4 + 1;

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
        if let Some(Life { health, mana, is_dead }) = self.life {
            bytes.extend_from_slice(&health.to_le_bytes());
            bytes.extend_from_slice(&mana.to_le_bytes());
            bytes.push(u8::from(is_dead));
        }
    }

    /// Reads a record from all of `bytes`.
    ///
    /// # Errors
    /// [`RecordError`] for anything but exactly one record of a known version with values that fit the largest world.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut cursor = Cursor(bytes);
        let version = cursor.u16()?;
        if version != VERSION && version != VERSION_WITHOUT_LIFE {
            return Err(RecordError::Version(version));
        }
        let record = Self {
            x: within("x", cursor.i32()?, COORDINATE_MAX)?,
            y: within("y", cursor.i32()?, COORDINATE_MAX)?,
            z: within("z", cursor.i32()?, Z_MAX)?,
            yaw: angle("yaw", cursor.u16()?)?,
            pitch: angle("pitch", cursor.u16()?)?,
            life: if version == VERSION { Some(Life::take(&mut cursor)?) } else { None },
        };
        match cursor.left() {
            0 => Ok(record),
            left => Err(RecordError::Trailing(left)),
        }
    }
}

impl Life {
    fn take(cursor: &mut Cursor<'_>) -> Result<Self, RecordError> {
        let health = within("health", cursor.i32()?, POINTS_MAX)?;
        let mana = within("mana", cursor.i32()?, POINTS_MAX)?;
        let is_dead = within("is_dead", i32::from(cursor.u8()?), 1)? == 1;
        Ok(Self { health, mana, is_dead })
    }
}

fn within(field: &'static str, value: i32, max: i32) -> Result<i32, RecordError> {
    if (0..=max).contains(&value) { Ok(value) } else { Err(RecordError::OutOfWorld { field, value }) }
}

fn angle(field: &'static str, value: u16) -> Result<u16, RecordError> {
    if value < ANGLE_STEPS { Ok(value) } else { Err(RecordError::OutOfWorld { field, value: i32::from(value) }) }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLE: PlayerRecord = PlayerRecord { x: 0x0102_0304, y: 7, z: 256, yaw: 4_095, pitch: 1, life: None };
    const LIVING: PlayerRecord = PlayerRecord { life: Some(Life { health: 258, mana: 7, is_dead: true }), ..SAMPLE };

    fn bytes_of(record: &PlayerRecord) -> Vec<u8> {
        let mut bytes = Vec::new();
        record.to_bytes(&mut bytes);
        bytes
    }

    /// Contracts: these bytes lie in databases.
    #[test]
    fn the_bytes_of_version_1_are_pinned() {
        let pinned = [1, 0, 4, 3, 2, 1, 7, 0, 0, 0, 0, 1, 0, 0, 255, 15, 1, 0];
        assert_eq!(bytes_of(&SAMPLE), pinned);
        assert_eq!(PlayerRecord::from_bytes(&pinned), Ok(SAMPLE));
    }

    #[test]
    fn the_bytes_of_version_2_are_pinned() {
        let pinned = [2, 0, 4, 3, 2, 1, 7, 0, 0, 0, 0, 1, 0, 0, 255, 15, 1, 0, 2, 1, 0, 0, 7, 0, 0, 0, 1];
        assert_eq!(bytes_of(&LIVING), pinned);
        assert_eq!(pinned.len(), PlayerRecord::BYTES);
        assert_eq!(PlayerRecord::from_bytes(&pinned), Ok(LIVING));
    }

    #[test]
    fn truncated_longer_and_newer_records_are_refused_by_name() {
        let mut bytes = bytes_of(&LIVING);
        for len in 0..bytes.len() {
            assert_eq!(PlayerRecord::from_bytes(&bytes[..len]), Err(RecordError::Truncated), "{len} bytes");
        }
        bytes.push(0);
        assert_eq!(PlayerRecord::from_bytes(&bytes), Err(RecordError::Trailing(1)));
        bytes[0] = 3;
        assert_eq!(PlayerRecord::from_bytes(&bytes), Err(RecordError::Version(3)));
    }

    #[test]
    fn values_outside_every_world_are_refused_by_name() {
        let outside = [
            ("x", -1, PlayerRecord { x: -1, ..SAMPLE }),
            ("y", COORDINATE_MAX + 1, PlayerRecord { y: COORDINATE_MAX + 1, ..SAMPLE }),
            ("z", Z_MAX + 1, PlayerRecord { z: Z_MAX + 1, ..SAMPLE }),
            ("yaw", 4_096, PlayerRecord { yaw: 4_096, ..SAMPLE }),
            ("pitch", 65_535, PlayerRecord { pitch: 65_535, ..SAMPLE }),
        ];
        for (field, value, record) in outside {
            let error = RecordError::OutOfWorld { field, value };
            assert_eq!(PlayerRecord::from_bytes(&bytes_of(&record)), Err(error));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_error_or_a_record_that_reads_back(bytes in prop::collection::vec(any::<u8>(), 0..32)) {
            if let Ok(record) = PlayerRecord::from_bytes(&bytes) {
                prop_assert_eq!(bytes_of(&record), bytes);
            }
        }
    }
}
