//! The frame around the states: a part's header (spec: SNP-1) and its records (spec: SNP-5).
//!
//! ```text
//! part   = long 1 | tick 16 or 32 | own 1 [own state] | slot width 4 | count 8 | record * count | zero padding
//! record = slot | 0                   | age code | changed fields            delta
//!        | slot | 1 0                 | all fields                           refresh
//!        | slot | 1 1 0 | epoch 4 | net id 16 | kind 4 | all fields          enter
//!        | slot | 1 1 1 | epoch 4                                            leave
//! age    = index into AGES, 4 bits; or 9 and the age in 6 bits
//! ```

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{AGES, BASELINE_TICKS, FieldError, PART_RECORDS_MAX, SLOTS_MAX, decode_delta, decode_full};
use crate::bits::{BitReader, BitRun, BitWriter, OutOfBits};
use crate::motion::Body;
use crate::state::{EntityKind, EntityState, OwnState};
use crate::{NetId, Tick};
use thiserror::Error;

/// Width of a slot number at its widest.
const SLOT_BITS_MAX: u32 = SLOTS_MAX.ilog2();
/// Age code that says "the age follows in 6 bits". 10..=15 are reserved (10 for a spawn baseline).
const AGE_EXPLICIT: u64 = AGES.len() as u64;

/// What a part is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartHeader {
    /// The tick whose states it carries.
    pub tick: Tick,
    /// The receiver's own state in that tick, in the first part of each tick.
    pub own: Option<OwnState>,
    /// Bits of every slot number in this part, 0..=11.
    pub slot_bits: u8,
    /// Records that follow, 0..=255.
    pub records: u8,
}

/// One record: what happened in which of the viewer's slots. The state, if any, is read or written after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The viewer's own short name for the entity, given at enter.
    pub slot: u16,
    /// What happened.
    pub body: RecordBody,
}

/// What happened to an entity in a viewer's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordBody {
    /// It changed; fields follow against the state `age` ticks before.
    Delta {
        /// 1..=63.
        age: u8,
    },
    /// It is known, but no common baseline is left; all fields follow.
    Refresh,
    /// It comes into view; all fields follow.
    Enter {
        /// Counts presences in this slot, modulo 16.
        epoch: u8,
        /// Which entity.
        net_id: NetId,
        /// What sort of thing.
        kind: EntityKind,
    },
    /// It is gone from view.
    Leave {
        /// The presence that ended; a leave of another epoch means nothing.
        epoch: u8,
    },
}

/// Why bytes are not a part: the server's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PartError {
    /// Truncated.
    #[error(transparent)]
    OutOfBits(#[from] OutOfBits),
    /// Truncated inside a state.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A slot number wider than any slot.
    #[error("slot width {0}")]
    SlotWidth(u8),
    /// A reserved age code.
    #[error("age code {0}")]
    AgeCode(u8),
    /// An age of zero.
    #[error("a baseline of the same tick")]
    AgeZero,
    /// No such kind of entity.
    #[error("entity kind {0}")]
    Kind(u8),
    /// Something behind the last record.
    #[error("bytes after the last record")]
    Trailing,
}

/// Bits of an age code.
#[must_use]
pub fn age_code_bits(age: u8) -> u32 {
    if AGES.contains(&age) { 4 } else { 10 }
}

/// Bits of a record with state bits of length `state`, as a delta of this age or, without an age, as a refresh.
#[must_use]
pub fn record_bits_state(slot_bits: u8, age: Option<u8>, state: u32) -> u32 {
    u32::from(slot_bits) + age.map_or(2, |age| 1 + age_code_bits(age)) + state
}

/// Bits of an enter record with state bits of length `state`.
#[must_use]
pub fn record_bits_enter(slot_bits: u8, state: u32) -> u32 {
    u32::from(slot_bits) + 3 + 4 + 16 + 4 + state
}

/// Bits of a leave record.
#[must_use]
pub fn record_bits_leave(slot_bits: u8) -> u32 {
    u32::from(slot_bits) + 3 + 4
}

impl PartHeader {
    /// Bits of the header; `long_tick` as in [`PartWriter::new`].
    #[must_use]
    pub fn bits(&self, long_tick: bool) -> u32 {
        let own = self.own.map_or(0, |own| if own.body.z == 0 && own.body.vz == 0 { 137 } else { 137 + 42 });
        1 + if long_tick { 32 } else { 16 } + 1 + own + 4 + 8
    }
}

/// Writes one part.
#[derive(Debug)]
pub struct PartWriter<'a> {
    bits: BitWriter<'a>,
    slot_bits: u32,
    records_left: u8,
}

impl<'a> PartWriter<'a> {
    /// Starts a part. `long_tick` spells the tick in 32 bits: needed until the client has acknowledged one part.
    #[must_use]
    pub fn new(buf: &'a mut [u8], header: &PartHeader, long_tick: bool) -> Self {
        assert!(usize::from(header.records) <= PART_RECORDS_MAX && u32::from(header.slot_bits) <= SLOT_BITS_MAX);
        let mut bits = BitWriter::new(buf);
        bits.put_bool(long_tick);
        if long_tick {
            bits.put(u64::from(header.tick.0), 32);
        } else {
            bits.put(u64::from(header.tick.0 as u16), 16);
        }
        bits.put_bool(header.own.is_some());
        if let Some(own) = &header.own {
            put_own(&mut bits, own);
        }
        bits.put(u64::from(header.slot_bits), 4);
        bits.put(u64::from(header.records), 8);
        Self { bits, slot_bits: u32::from(header.slot_bits), records_left: header.records }
    }

    /// Writes a record and the state bits that belong to it (empty for a leave).
    pub fn put(&mut self, record: Record, state: BitRun) {
        assert!(self.records_left > 0, "more records than the header announced");
        self.records_left -= 1;
        self.bits.put(u64::from(record.slot), self.slot_bits);
        match record.body {
            RecordBody::Delta { age } => {
                self.bits.put_bool(false);
                put_age(&mut self.bits, age);
            }
            RecordBody::Refresh => self.bits.put(0b01, 2),
            RecordBody::Enter { epoch, net_id, kind } => {
                self.bits.put(0b011, 3);
                self.bits.put(u64::from(epoch), 4);
                self.bits.put(u64::from(net_id.0), 16);
                self.bits.put(kind as u64, 4);
            }
            RecordBody::Leave { epoch } => {
                debug_assert!(state.is_empty());
                self.bits.put(0b111, 3);
                self.bits.put(u64::from(epoch), 4);
            }
        }
        self.bits.put_run(state);
    }

    /// Ends the part and returns its length in bytes.
    #[must_use]
    pub fn finish(self) -> usize {
        assert_eq!(self.records_left, 0, "fewer records than the header announced");
        self.bits.finish()
    }
}

/// Reads one part. Any bytes give values or a [`PartError`].
#[derive(Debug)]
pub struct PartReader<'a> {
    bits: BitReader<'a>,
    header: PartHeader,
    records_left: u8,
}

impl<'a> PartReader<'a> {
    /// Reads the header. A short tick is expanded against `newest`, the newest tick the client knows.
    ///
    /// # Errors
    /// [`PartError`] if the header is truncated or names an impossible slot width.
    pub fn new(bytes: &'a [u8], newest: Tick) -> Result<Self, PartError> {
        let mut bits = BitReader::new(bytes);
        let tick = if bits.take_bool()? { Tick(bits.take(32)? as u32) } else { newest.expand16(bits.take(16)? as u16) };
        let own = if bits.take_bool()? { Some(take_own(&mut bits)?) } else { None };
        let slot_bits = bits.take(4)? as u8;
        if u32::from(slot_bits) > SLOT_BITS_MAX {
            return Err(PartError::SlotWidth(slot_bits));
        }
        let records = bits.take(8)? as u8;
        Ok(Self { bits, header: PartHeader { tick, own, slot_bits, records }, records_left: records })
    }

    /// What the part is about.
    #[must_use]
    pub fn header(&self) -> &PartHeader {
        &self.header
    }

    /// The next record, or none after the last. The caller must then read the state that its body announces.
    ///
    /// # Errors
    /// [`PartError`] for anything malformed; the part is then unreadable from here on.
    pub fn next_record(&mut self) -> Result<Option<Record>, PartError> {
        let Some(left) = self.records_left.checked_sub(1) else {
            return if self.bits.is_finished() { Ok(None) } else { Err(PartError::Trailing) };
        };
        self.records_left = left;
        let slot = self.bits.take(u32::from(self.header.slot_bits))? as u16;
        Ok(Some(Record { slot, body: self.body()? }))
    }

    /// Reads changed fields against `base`.
    ///
    /// # Errors
    /// [`PartError::Field`] if the bits end early.
    pub fn state_delta(&mut self, base: &EntityState) -> Result<EntityState, PartError> {
        Ok(decode_delta(&mut self.bits, base)?)
    }

    /// Reads all fields.
    ///
    /// # Errors
    /// [`PartError::Field`] if the bits end early.
    pub fn state_full(&mut self) -> Result<EntityState, PartError> {
        Ok(decode_full(&mut self.bits)?)
    }

    fn body(&mut self) -> Result<RecordBody, PartError> {
        if !self.bits.take_bool()? {
            return Ok(RecordBody::Delta { age: self.age()? });
        }
        if !self.bits.take_bool()? {
            return Ok(RecordBody::Refresh);
        }
        let leaves = self.bits.take_bool()?;
        let epoch = self.bits.take(4)? as u8;
        if leaves {
            return Ok(RecordBody::Leave { epoch });
        }
        let net_id = NetId(self.bits.take(16)? as u16);
        let number = self.bits.take(4)? as u8;
        let kind = EntityKind::from_wire(number).ok_or(PartError::Kind(number))?;
        Ok(RecordBody::Enter { epoch, net_id, kind })
    }

    fn age(&mut self) -> Result<u8, PartError> {
        let code = self.bits.take(4)?;
        if let Some(&age) = AGES.get(code as usize) {
            return Ok(age);
        }
        if code != AGE_EXPLICIT {
            return Err(PartError::AgeCode(code as u8));
        }
        match self.bits.take(6)? as u8 {
            0 => Err(PartError::AgeZero),
            age => Ok(age),
        }
    }
}

fn put_age(bits: &mut BitWriter<'_>, age: u8) {
    assert!(age > 0 && u32::from(age) < BASELINE_TICKS, "age {age}");
    match AGES.iter().position(|&a| a == age) {
        Some(code) => bits.put(code as u64, 4),
        None => bits.put(AGE_EXPLICIT | u64::from(age) << 4, 10),
    }
}

/// spec: SNP-4. Position in 30 bits, velocity in 16; height only when off the ground.
fn put_own(bits: &mut BitWriter<'_>, own: &OwnState) {
    let body = &own.body;
    put_signed(bits, body.x, 30);
    put_signed(bits, body.y, 30);
    put_signed(bits, body.vx, 16);
    put_signed(bits, body.vy, 16);
    let airborne = body.z != 0 || body.vz != 0;
    bits.put_bool(airborne);
    if airborne {
        put_signed(bits, body.z, 24);
        put_signed(bits, body.vz, 18);
    }
    bits.put(u64::from(own.yaw), 12);
    bits.put(u64::from(own.pitch), 12);
    bits.put(u64::from(own.input_applied), 16);
    bits.put(u64::from(own.input_depth), 4);
}

fn take_own(bits: &mut BitReader<'_>) -> Result<OwnState, OutOfBits> {
    let (x, y) = (take_signed(bits, 30)?, take_signed(bits, 30)?);
    let (vx, vy) = (take_signed(bits, 16)?, take_signed(bits, 16)?);
    let (z, vz) = if bits.take_bool()? { (take_signed(bits, 24)?, take_signed(bits, 18)?) } else { (0, 0) };
    Ok(OwnState {
        body: Body { x, y, z, vx, vy, vz },
        yaw: bits.take(12)? as u16,
        pitch: bits.take(12)? as u16,
        input_applied: bits.take(16)? as u16,
        input_depth: bits.take(4)? as u8,
    })
}

fn put_signed(bits: &mut BitWriter<'_>, value: i32, width: u32) {
    let spare = 32 - width;
    assert!((value << spare) >> spare == value, "{value} does not fit {width} bits");
    bits.put(u64::from((value << spare) as u32 >> spare), width);
}

fn take_signed(bits: &mut BitReader<'_>, width: u32) -> Result<i32, OutOfBits> {
    let spare = 32 - width;
    Ok(((bits.take(width)? as u32) << spare) as i32 >> spare)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{encode_delta, encode_full};
    use proptest::prelude::*;

    fn any_body() -> impl Strategy<Value = RecordBody> {
        prop_oneof![
            (1_u8..64).prop_map(|age| RecordBody::Delta { age }),
            Just(RecordBody::Refresh),
            (0_u8..16, any::<u16>()).prop_map(|(epoch, id)| RecordBody::Enter {
                epoch,
                net_id: NetId(id),
                kind: EntityKind::Player
            }),
            (0_u8..16).prop_map(|epoch| RecordBody::Leave { epoch }),
        ]
    }

    fn any_own() -> impl Strategy<Value = OwnState> {
        let body = (0..1 << 28, 0..1 << 28, 0..1 << 22, -30_000..30_000, -30_000..30_000, -9_000..9_000)
            .prop_map(|(x, y, z, vx, vy, vz)| Body { x, y, z, vx, vy, vz });
        (body, 0_u16..4_096, 0_u16..4_096, any::<u16>(), 0_u8..16).prop_map(
            |(body, yaw, pitch, input_applied, input_depth)| OwnState { body, yaw, pitch, input_applied, input_depth },
        )
    }

    const NOW: EntityState = EntityState { x: 9_000, y: 700_000, z: 12, yaw: 4_095, pitch: 1, flags: 1 };
    const BASE: EntityState = EntityState { x: 9_100, y: 700_000, z: 0, yaw: 3, pitch: 1, flags: 0 };

    fn state_run(body: RecordBody) -> BitRun {
        match body {
            RecordBody::Delta { .. } => encode_delta(&NOW, &BASE),
            RecordBody::Leave { .. } => BitRun::default(),
            _ => encode_full(&NOW),
        }
    }

    fn record_bits(slot_bits: u8, body: RecordBody) -> u32 {
        let state = state_run(body).len();
        match body {
            RecordBody::Delta { age } => record_bits_state(slot_bits, Some(age), state),
            RecordBody::Refresh => record_bits_state(slot_bits, None, state),
            RecordBody::Enter { .. } => record_bits_enter(slot_bits, state),
            RecordBody::Leave { .. } => record_bits_leave(slot_bits),
        }
    }

    fn read(bytes: &[u8], newest: Tick) -> Result<(PartHeader, Vec<Record>), PartError> {
        let mut reader = PartReader::new(bytes, newest)?;
        let mut records = Vec::new();
        while let Some(record) = reader.next_record()? {
            match record.body {
                RecordBody::Delta { .. } => assert_eq!(reader.state_delta(&BASE)?, NOW),
                RecordBody::Leave { .. } => {}
                _ => assert_eq!(reader.state_full()?, NOW),
            }
            records.push(record);
        }
        Ok((*reader.header(), records))
    }

    proptest! {
        /// proves: SNP-1, SNP-4, SNP-5
        #[test]
        fn parts_round_trip_and_sizes_are_as_announced(
            tick in any::<u32>(), long in any::<bool>(), own in prop::option::of(any_own()),
            bodies in prop::collection::vec((0_u16..64, any_body()), 0..40),
        ) {
            let header = PartHeader { tick: Tick(tick), own, slot_bits: 6, records: bodies.len() as u8 };
            let mut buf = [0; 2_000];
            let mut writer = PartWriter::new(&mut buf, &header, long);
            let mut bits = header.bits(long);
            for &(slot, body) in &bodies {
                writer.put(Record { slot, body }, state_run(body));
                bits += record_bits(6, body);
            }
            let len = writer.finish();
            prop_assert_eq!(len, bits.div_ceil(8) as usize);
            let newest = Tick(tick.saturating_sub(30_000));
            let (read_header, records) = read(&buf[..len], newest).unwrap();
            prop_assert_eq!(read_header, header);
            let expected: Vec<_> = bodies.iter().map(|&(slot, body)| Record { slot, body }).collect();
            prop_assert_eq!(records, expected);
        }

        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(mut reader) = PartReader::new(&bytes, Tick(0)) {
                while let Ok(Some(record)) = reader.next_record() {
                    let read = match record.body {
                        RecordBody::Delta { .. } => reader.state_delta(&BASE).is_ok(),
                        RecordBody::Leave { .. } => true,
                        _ => reader.state_full().is_ok(),
                    };
                    if !read { break; }
                }
            }
        }
    }

    #[test]
    fn reserved_codes_are_refused() {
        let part = |bits: &[(u64, u32)]| {
            let mut buf = [0; 64];
            let mut writer = BitWriter::new(&mut buf);
            for &(value, width) in bits {
                writer.put(value, width);
            }
            let len = writer.finish();
            read(&buf[..len], Tick(0)).unwrap_err()
        };
        let head = [(0, 1), (0, 16), (0, 1), (0, 4), (1, 8)];
        let with = |tail: &[(u64, u32)]| part(&[&head[..], tail].concat());
        assert_eq!(part(&[(0, 1), (0, 16), (0, 1), (12, 4), (0, 8)]), PartError::SlotWidth(12));
        assert_eq!(with(&[(0, 1), (10, 4)]), PartError::AgeCode(10));
        assert_eq!(with(&[(0, 1), (9, 4), (0, 6)]), PartError::AgeZero);
        assert_eq!(with(&[(0b011, 3), (0, 4), (1, 16), (15, 4)]), PartError::Kind(15));
        assert_eq!(with(&[(0b111, 3), (0, 4), (0, 30)]), PartError::Trailing);
    }

    /// Contracts: the bytes of one small part.
    #[test]
    fn a_small_part_is_pinned() {
        let header = PartHeader { tick: Tick(0x0102_0304), own: None, slot_bits: 3, records: 2 };
        let mut buf = [0; 64];
        let mut writer = PartWriter::new(&mut buf, &header, false);
        let enter = RecordBody::Enter { epoch: 5, net_id: NetId(258), kind: EntityKind::Player };
        writer.put(Record { slot: 6, body: enter }, encode_full(&NOW));
        writer.put(Record { slot: 1, body: RecordBody::Delta { age: 4 } }, encode_delta(&NOW, &BASE));
        let len = writer.finish();
        let hex: String = buf[..len].iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, PINNED);
    }
    const PINNED: &str = "08068c8057020180320280b92aff1f000c0001113b26277802";
}
