//! The table of fields, and the bits of a state in full.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::bits::{BitReader, BitRun, OutOfBits};
use crate::orientation::Orientation;
use crate::state::{EntityKind, EntityState};

/// One member of a state.
pub(super) struct Field {
    /// Bit k: kind k has it.
    kinds: u8,
    pub(super) load: fn(&EntityState) -> i32,
    pub(super) store: fn(&mut EntityState, i32),
    /// Bits of the value; it counts modulo 2 to the power of this.
    bits: u32,
    /// Whether the value is two's complement.
    is_signed: bool,
}

/// Fields that are told as differences from a prediction: the first of [`FIELDS`]. The others are not.
pub(super) const DIFFERENCED: usize = 5;
/// Places in [`FIELDS`] of those that are told in their own ways.
pub(super) const FORM: usize = 5;
pub(super) const ORIENTATION: usize = 6;
pub(super) const FLAGS: usize = 7;

const ALL: u8 = 0b1_1111;
const fn only(kind: EntityKind) -> u8 {
    1 << kind as u8
}
const ALIVE: u8 = only(EntityKind::Player) | only(EntityKind::Mob);
const ITEM: u8 = only(EntityKind::Item);
const BODY: u8 = only(EntityKind::Body);
/// What turns about the vertical.
const TURNS: u8 = ALL & !BODY;
/// What turns up and down, too.
const NODS: u8 = ALIVE | only(EntityKind::Projectile);

/// spec: SNP-6, SNP-16. In the order of the wire; a kind has some of them. Some share a member of the state, never of the
/// same kind.
#[rustfmt::skip]
pub(super) const FIELDS: [Field; 8] = [
    Field { kinds: ALL, load: |s| s.x, store: |s, v| s.x = v, bits: 22, is_signed: true },
    Field { kinds: ALL, load: |s| s.y, store: |s, v| s.y = v, bits: 22, is_signed: true },
    Field { kinds: ALL, load: |s| i32::from(s.z), store: |s, v| s.z = v as i16, bits: 16, is_signed: true },
    Field { kinds: TURNS, load: |s| i32::from(s.yaw), store: |s, v| s.yaw = v as u16, bits: 12, is_signed: false },
    Field { kinds: NODS, load: |s| i32::from(s.pitch), store: |s, v| s.pitch = v as u16, bits: 12, is_signed: false },
    Field { kinds: ITEM, load: |s| i32::from(s.form()), store: |s, v| *s = s.with_form(v as u16), bits: 16, is_signed: false },
    Field { kinds: BODY, load: orientation, store: orient, bits: 32, is_signed: false },
    Field { kinds: ALIVE | BODY, load: |s| i32::from(s.flags), store: |s, v| s.flags = v as u8, bits: 8, is_signed: false },
];

fn orientation(state: &EntityState) -> i32 {
    state.orientation().bits() as i32
}

fn orient(state: &mut EntityState, bits: i32) {
    *state = state.with_orientation(Orientation::from_bits(bits as u32));
}

impl Field {
    /// Whether entities of this kind have it.
    pub(super) const fn is_of(&self, kind: EntityKind) -> bool {
        self.kinds & only(kind) != 0
    }

    /// What the low bits of `value` stand for.
    pub(super) fn wrap(&self, value: i32) -> i32 {
        let spare = 32 - self.bits;
        if self.is_signed { (value << spare) >> spare } else { ((value as u32) << spare >> spare) as i32 }
    }
}

/// Bits of an `i32` beyond the width of each field that is told as a difference, as in [`FIELDS`].
const SPARE: [u32; DIFFERENCED] = [10, 10, 16, 20, 20];

/// The values of the fields that are told as differences, 0 for those that its kind does not have. Spelled out, and not a
/// walk over [`FIELDS`]: calls through its pointers are a third of what a difference costs.
#[inline]
pub(super) fn values(state: &EntityState) -> [i32; DIFFERENCED] {
    let (yaw, pitch) = match state.kind {
        EntityKind::Player | EntityKind::Mob | EntityKind::Projectile => (state.yaw, state.pitch),
        EntityKind::Item => (state.yaw, 0),
        EntityKind::Body => (0, 0),
    };
    [state.x, state.y, i32::from(state.z), i32::from(yaw), i32::from(pitch)]
}

/// The state of something alive with these values, which are within their widths.
pub(super) fn state_of(kind: EntityKind, [x, y, z, yaw, pitch]: [i32; DIFFERENCED], flags: u8) -> EntityState {
    EntityState { x, y, z: z as i16, yaw: yaw as u16, pitch: pitch as u16, flags, kind }
}

/// From each of `from` to each of `values` the shorter way round.
pub(super) fn differences(values: &[i32; DIFFERENCED], from: &[i32; DIFFERENCED]) -> [i32; DIFFERENCED] {
    let mut differences = *values;
    for ((value, from), spare) in differences.iter_mut().zip(from).zip(SPARE) {
        *value = (value.wrapping_sub(*from) << spare) >> spare;
    }
    differences
}

/// The bits of `now` for someone who holds nothing: every field that its kind has in full, 84 to 100 bits.
#[must_use]
pub fn encode_full(now: &EntityState) -> BitRun {
    let mut run = BitRun::default();
    for field in FIELDS.iter().filter(|field| field.is_of(now.kind)) {
        let spare = 32 - field.bits;
        run.put(u64::from(((field.load)(now) as u32) << spare >> spare), field.bits);
    }
    run
}

/// Reads what [`encode_full`] wrote of an entity of this kind.
///
/// # Errors
/// [`OutOfBits`] if the bits end early.
pub fn decode_full(reader: &mut BitReader<'_>, kind: EntityKind) -> Result<EntityState, OutOfBits> {
    let mut state = EntityState { kind, ..EntityState::default() };
    for field in FIELDS.iter().filter(|field| field.is_of(kind)) {
        (field.store)(&mut state, field.wrap(reader.take(field.bits)? as u32 as i32));
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// proves: SNP-6, SNP-16
    #[test]
    fn the_table_covers_every_member_of_every_kind() {
        let whole = EntityState { x: 1, y: 2, z: 3, yaw: 4, pitch: 5, flags: 6, kind: EntityKind::Player };
        let lengths = [(0, 92), (1, 92), (2, 84), (3, 88), (4, 100)];
        for (kind, (number, bits)) in EntityKind::ALL.into_iter().zip(lengths) {
            assert_eq!((kind as u8, encode_full(&EntityState { kind, ..whole }).len()), (number, bits));
            assert_eq!(EntityKind::from_wire(number), Some(kind));
            let has_flags = FIELDS[FLAGS].is_of(kind);
            let changed = EntityState { kind, flags: if has_flags { 6 } else { 0 }, ..whole };
            let mut copy = EntityState { kind, ..EntityState::default() };
            for field in FIELDS.iter().filter(|field| field.is_of(kind)) {
                (field.store)(&mut copy, (field.load)(&changed));
            }
            assert_eq!(copy, changed, "a member that no field of this kind stands for");
            let of_kind = |index: usize, value: i32| if FIELDS[index].is_of(kind) { value } else { 0 };
            assert_eq!(values(&changed), std::array::from_fn(|index| of_kind(index, (FIELDS[index].load)(&changed))));
        }
        assert_eq!(EntityKind::from_wire(5), None);
        assert_eq!(size_of::<EntityState>(), 16, "a new member needs a row in FIELDS");
        assert!(FIELDS.iter().zip(SPARE).all(|(field, spare)| field.bits + spare == 32));
        assert_eq!(state_of(whole.kind, values(&whole), whole.flags), whole);
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
