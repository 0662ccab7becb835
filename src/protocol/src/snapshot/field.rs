//! The one table of fields that both directions read, and the bits of one entity's state.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::bits::{BitReader, BitRun, OutOfBits, unzigzag, zigzag};
use crate::state::EntityState;
use crate::unit::ANGLE_STEPS;
use thiserror::Error;

/// Why the bits of a state make no sense: the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FieldError {
    /// Truncated.
    #[error(transparent)]
    OutOfBits(#[from] OutOfBits),
}

/// How one field is coded.
struct Field {
    load: fn(&EntityState) -> i32,
    store: fn(&mut EntityState, i32),
    /// Bits of the value itself, two's complement when `signed`.
    full_bits: u32,
    signed: bool,
    /// Differences are taken modulo this (0: plain difference). Angles wrap.
    modulus: i32,
    /// Widths of a zigzag difference that selectors 0, 1 and 2 announce; selector 3 announces the full value.
    delta_bits: [u32; 3],
}

/// spec: SNP-6. Most often changed first.
const FIELDS: [Field; 6] = [
    Field { load: |s| s.x, store: |s, v| s.x = v, full_bits: 22, signed: true, modulus: 0, delta_bits: [7, 9, 12] },
    Field { load: |s| s.y, store: |s, v| s.y = v, full_bits: 22, signed: true, modulus: 0, delta_bits: [7, 9, 12] },
    Field {
        load: |s| i32::from(s.yaw),
        store: |s, v| s.yaw = v as u16,
        full_bits: 12,
        signed: false,
        modulus: ANGLE_STEPS as i32,
        delta_bits: [4, 7, 9],
    },
    Field {
        load: |s| i32::from(s.pitch),
        store: |s, v| s.pitch = v as u16,
        full_bits: 12,
        signed: false,
        modulus: ANGLE_STEPS as i32,
        delta_bits: [4, 7, 9],
    },
    Field {
        load: |s| i32::from(s.z),
        store: |s, v| s.z = v as i16,
        full_bits: 16,
        signed: true,
        modulus: 0,
        delta_bits: [5, 8, 11],
    },
    Field {
        load: |s| i32::from(s.flags),
        store: |s, v| s.flags = v as u8,
        full_bits: 8,
        signed: false,
        modulus: 0,
        delta_bits: [1, 2, 4],
    },
];

/// The bits of `now` for someone who holds nothing: every field in full, 92 bits.
#[must_use]
pub fn encode_full(now: &EntityState) -> BitRun {
    let mut run = BitRun::default();
    for field in &FIELDS {
        put_full(&mut run, field, (field.load)(now));
    }
    run
}

/// The bits of `now` for someone who holds `base`: a changed bit per field, then what changed.
#[must_use]
pub fn encode_delta(now: &EntityState, base: &EntityState) -> BitRun {
    let mut run = BitRun::default();
    for field in &FIELDS {
        let (value, before) = ((field.load)(now), (field.load)(base));
        run.put(u64::from(value != before), 1);
        if value != before {
            put_difference(&mut run, field, value, before);
        }
    }
    run
}

/// Reads what [`encode_full`] wrote.
///
/// # Errors
/// [`FieldError`] if the bits end early.
pub fn decode_full(reader: &mut BitReader<'_>) -> Result<EntityState, FieldError> {
    let mut state = EntityState::default();
    for field in &FIELDS {
        let value = take_full(reader, field)?;
        (field.store)(&mut state, value);
    }
    Ok(state)
}

/// Reads what [`encode_delta`] wrote against `base`.
///
/// # Errors
/// [`FieldError`] if the bits end early.
pub fn decode_delta(reader: &mut BitReader<'_>, base: &EntityState) -> Result<EntityState, FieldError> {
    let mut state = *base;
    for field in &FIELDS {
        if reader.take_bool()? {
            let value = take_difference(reader, field, (field.load)(base))?;
            (field.store)(&mut state, value);
        }
    }
    Ok(state)
}

fn put_full(run: &mut BitRun, field: &Field, value: i32) {
    run.put(u64::from(value as u32) & low_mask(field.full_bits), field.full_bits);
}

fn take_full(reader: &mut BitReader<'_>, field: &Field) -> Result<i32, FieldError> {
    let raw = reader.take(field.full_bits)? as u32;
    let spare = 32 - field.full_bits;
    Ok(if field.signed { ((raw << spare) as i32) >> spare } else { raw as i32 })
}

fn put_difference(run: &mut BitRun, field: &Field, value: i32, before: i32) {
    let code = zigzag(wrapped(field, value.wrapping_sub(before)));
    for (selector, &bits) in field.delta_bits.iter().enumerate() {
        if u64::from(code) <= low_mask(bits) {
            run.put(selector as u64, 2);
            run.put(u64::from(code), bits);
            return;
        }
    }
    run.put(3, 2);
    put_full(run, field, value);
}

fn take_difference(reader: &mut BitReader<'_>, field: &Field, before: i32) -> Result<i32, FieldError> {
    let selector = reader.take(2)? as usize;
    let Some(&bits) = field.delta_bits.get(selector) else {
        return take_full(reader, field);
    };
    let difference = unzigzag(reader.take(bits)? as u32);
    let sum = before.wrapping_add(difference);
    Ok(if field.modulus == 0 { sum } else { sum.rem_euclid(field.modulus) })
}

/// The shorter way round for fields that wrap.
fn wrapped(field: &Field, difference: i32) -> i32 {
    if field.modulus == 0 {
        return difference;
    }
    let half = field.modulus / 2;
    (difference + half).rem_euclid(field.modulus) - half
}

const fn low_mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::BitWriter;
    use proptest::prelude::*;

    pub(crate) fn any_state() -> impl Strategy<Value = EntityState> {
        (0..1_310_720_i32, 0..1_310_720_i32, any::<i16>(), 0..4_096_u16, 0..4_096_u16, any::<u8>())
            .prop_map(|(x, y, z, yaw, pitch, flags)| EntityState { x, y, z, yaw, pitch, flags })
    }

    fn bytes_of(run: BitRun) -> Vec<u8> {
        let mut buf = [0; 32];
        let mut writer = BitWriter::new(&mut buf);
        writer.put_run(run);
        let len = writer.finish();
        buf[..len].to_vec()
    }

    proptest! {
        /// proves: SNP-6
        #[test]
        fn states_round_trip_in_full_and_as_differences(now in any_state(), base in any_state(), near in 0..9_i32) {
            let full = bytes_of(encode_full(&now));
            prop_assert_eq!(decode_full(&mut BitReader::new(&full)), Ok(now));
            let close = EntityState { x: now.x + near - 4, yaw: (now.yaw + 4_090) % 4_096, ..now };
            for base in [base, close, now] {
                let delta = bytes_of(encode_delta(&now, &base));
                prop_assert_eq!(decode_delta(&mut BitReader::new(&delta), &base), Ok(now));
            }
        }
    }

    #[test]
    fn the_table_covers_every_field_of_the_state() {
        let changed = EntityState { x: 1, y: 2, z: 3, yaw: 4, pitch: 5, flags: 6 };
        let mut copy = EntityState::default();
        for field in &FIELDS {
            (field.store)(&mut copy, (field.load)(&changed));
        }
        assert_eq!(copy, changed);
        assert_eq!(size_of::<EntityState>(), 16, "a new member needs a row in FIELDS");
    }

    #[test]
    fn sizes_are_pinned() {
        let still = EntityState { x: 5_000, y: 6_000, ..EntityState::default() };
        assert_eq!(encode_full(&still).len(), 92);
        assert_eq!(encode_delta(&still, &still).len(), 6);
        let running = EntityState { x: 5_064, yaw: 7, ..still };
        assert_eq!(encode_delta(&running, &still).len(), 6 + (2 + 9) + (2 + 4));
    }
}
