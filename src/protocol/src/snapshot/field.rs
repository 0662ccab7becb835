//! The table of fields, and the bits of a state in full.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::bits::{BitReader, BitRun, OutOfBits};
use crate::state::EntityState;

/// One member of a state.
pub(super) struct Field {
    pub(super) load: fn(&EntityState) -> i32,
    pub(super) store: fn(&mut EntityState, i32),
    /// Bits of the value; it counts modulo 2 to the power of this.
    bits: u32,
    /// Whether the value is two's complement.
    is_signed: bool,
}

/// Fields that are told as differences from a prediction: the first of [`FIELDS`]. The last, the flags, is not.
pub(super) const DIFFERENCED: usize = 5;

/// spec: SNP-6. In the order of the wire.
pub(super) const FIELDS: [Field; DIFFERENCED + 1] = [
    Field { load: |s| s.x, store: |s, v| s.x = v, bits: 22, is_signed: true },
    Field { load: |s| s.y, store: |s, v| s.y = v, bits: 22, is_signed: true },
    Field { load: |s| i32::from(s.z), store: |s, v| s.z = v as i16, bits: 16, is_signed: true },
    Field { load: |s| i32::from(s.yaw), store: |s, v| s.yaw = v as u16, bits: 12, is_signed: false },
    Field { load: |s| i32::from(s.pitch), store: |s, v| s.pitch = v as u16, bits: 12, is_signed: false },
    Field { load: |s| i32::from(s.flags), store: |s, v| s.flags = v as u8, bits: 8, is_signed: false },
];

impl Field {
    /// What the low bits of `value` stand for.
    pub(super) fn wrap(&self, value: i32) -> i32 {
        let spare = 32 - self.bits;
        if self.is_signed { (value << spare) >> spare } else { ((value as u32) << spare >> spare) as i32 }
    }
}

/// Bits of an `i32` beyond the width of each field that is told as a difference, as in [`FIELDS`].
const SPARE: [u32; DIFFERENCED] = [10, 10, 16, 20, 20];

/// The values of the fields that are told as differences. Spelled out, and not a walk over [`FIELDS`]: calls through its
/// pointers are a third of what a difference costs.
pub(super) fn values(state: &EntityState) -> [i32; DIFFERENCED] {
    [state.x, state.y, i32::from(state.z), i32::from(state.yaw), i32::from(state.pitch)]
}

/// The state of these values, which are within their widths.
pub(super) fn state_of([x, y, z, yaw, pitch]: [i32; DIFFERENCED], flags: u8) -> EntityState {
    EntityState { x, y, z: z as i16, yaw: yaw as u16, pitch: pitch as u16, flags }
}

/// From each of `from` to each of `values` the shorter way round.
pub(super) fn differences(values: &[i32; DIFFERENCED], from: &[i32; DIFFERENCED]) -> [i32; DIFFERENCED] {
    let mut differences = *values;
    for ((value, from), spare) in differences.iter_mut().zip(from).zip(SPARE) {
        *value = (value.wrapping_sub(*from) << spare) >> spare;
    }
    differences
}

/// The bits of `now` for someone who holds nothing: every field in full, 92 bits.
#[must_use]
pub fn encode_full(now: &EntityState) -> BitRun {
    let mut run = BitRun::default();
    for field in &FIELDS {
        let spare = 32 - field.bits;
        run.put(u64::from(((field.load)(now) as u32) << spare >> spare), field.bits);
    }
    run
}

/// Reads what [`encode_full`] wrote.
///
/// # Errors
/// [`OutOfBits`] if the bits end early.
pub fn decode_full(reader: &mut BitReader<'_>) -> Result<EntityState, OutOfBits> {
    let mut state = EntityState::default();
    for field in &FIELDS {
        (field.store)(&mut state, field.wrap(reader.take(field.bits)? as u32 as i32));
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_covers_every_member_of_the_state() {
        let changed = EntityState { x: 1, y: 2, z: 3, yaw: 4, pitch: 5, flags: 6 };
        let mut copy = EntityState::default();
        for field in &FIELDS {
            (field.store)(&mut copy, (field.load)(&changed));
        }
        assert_eq!(copy, changed);
        assert_eq!(size_of::<EntityState>(), 16, "a new member needs a row in FIELDS");
        assert_eq!(encode_full(&changed).len(), 92);
        let (values, flags) = (values(&changed), changed.flags);
        assert!(FIELDS.iter().zip(values).all(|(field, value)| (field.load)(&changed) == value));
        assert!(FIELDS.iter().zip(SPARE).all(|(field, spare)| field.bits + spare == 32));
        assert_eq!(state_of(values, flags), changed);
    }

    #[test]
    fn values_and_differences_wrap_at_the_width_of_their_field() {
        let [x, _, z, yaw, ..] = &FIELDS;
        assert_eq!((x.wrap((1 << 21) + 5), x.wrap(-7)), (5 - (1 << 21), -7));
        assert_eq!((yaw.wrap(-1), yaw.wrap(4_096)), (4_095, 0));
        assert_eq!(z.wrap(-1), -1);
        let top = [0, 1 << 21, i32::from(i16::MIN), 3, 4_090];
        let bottom = [5, -(1 << 21), i32::from(i16::MAX), 4_090, 3];
        assert_eq!(differences(&top, &bottom), [-5, 0, 1, 9, -9]);
    }
}
