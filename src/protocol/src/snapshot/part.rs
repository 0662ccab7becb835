//! The frame around the states: a part's header (spec: SNP-1) and its records (spec: SNP-5).
//!
//! ```text
//! part   = long 1 | tick 16 or 32 | own 1 [own state] | usual 1 [ages ages] | gap width 4 | count 8 | record * count | zero padding
//! record = gap | 0         | difference                             delta against the first usual ages
//!        | gap | 1 0       | difference                             delta against the second usual ages
//!        | gap | 1 1 0     | ages | difference                      delta against other ages
//!        | gap | 1 1 1 0   | all fields                             refresh
//!        | gap | 1 1 1 1 0 | epoch 4 | net id 16 | kind 4 | all fields   enter
//!        | gap | 1 1 1 1 1 | epoch 4                                leave
//! gap    = slots passed over since the record before: quotient by 2^width in ones, a zero, the remainder in width bits
//! ages   = age | step code 4;  age = index into AGES, 4 bits; or 9 and the age in 6 bits
//! ```

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::baseline::{Baseline, BaselineAges};
use super::{AGES, PART_RECORDS_MAX, SLOTS_MAX, decode_delta, decode_full};
use crate::bits::{BitReader, BitRun, BitWriter, OutOfBits};
use crate::motion::Body;
use crate::state::{EntityKind, EntityState, OwnState};
use crate::{NetId, Tick};
use thiserror::Error;

/// Gaps between slots have at most this many bits in their remainder.
const GAP_BITS_MAX: u8 = SLOTS_MAX.ilog2() as u8;
/// Age code that says "the age follows in 6 bits". 10..=15 are reserved.
const AGE_EXPLICIT: u64 = AGES.len() as u64;

/// What a part is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartHeader {
    /// The tick whose states it carries.
    pub tick: Tick,
    /// The receiver's own state in that tick, in the first part of each tick.
    pub own: Option<OwnState>,
    /// Ages that most deltas of this part have, the most frequent first.
    pub usual: Option<[BaselineAges; 2]>,
    /// Bits of the remainder of every gap between slots, 0..=11.
    pub gap_bits: u8,
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
    /// It changed; the difference from what a baseline of these ages makes one expect follows.
    Delta {
        /// How old the states of the baseline are.
        ages: BaselineAges,
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
        /// The presence that ended.
        epoch: u8,
    },
}

/// Why bytes are not a part: the server's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PartError {
    /// Truncated.
    #[error(transparent)]
    OutOfBits(#[from] OutOfBits),
    /// A gap remainder wider than any slot.
    #[error("gap width {0}")]
    GapWidth(u8),
    /// A slot number beyond the last there can be.
    #[error("a slot beyond the last")]
    Slot,
    /// A reserved age code.
    #[error("age code {0}")]
    AgeCode(u8),
    /// Ages that no baseline has: zero, too old, or a reserved step.
    #[error("a baseline {newest} ticks old with step code {step_code}")]
    Ages {
        /// Age of the newest state.
        newest: u8,
        /// The code of the states before it.
        step_code: u8,
    },
    /// A delta with usual ages in a part that names none.
    #[error("usual ages that were not named")]
    NoUsual,
    /// No such kind of entity.
    #[error("entity kind {0}")]
    Kind(u8),
    /// Something behind the last record.
    #[error("bytes after the last record")]
    Trailing,
}

/// Bits of ages that are spelled out.
#[must_use]
fn ages_bits(ages: BaselineAges) -> u32 {
    if AGES.contains(&ages.newest()) { 8 } else { 14 }
}

impl RecordBody {
    /// Bits of a record with this body and `state` bits of state, in a part with these usual ages and gap width. Gaps
    /// count as if they had no quotient; for that see [`PartHeader::gap_bits_spare`].
    #[must_use]
    pub fn bits(&self, usual: Option<[BaselineAges; 2]>, gap_bits: u8, state: u32) -> u32 {
        let body = match *self {
            Self::Delta { ages } => match usual.and_then(|usual| usual.iter().position(|&other| other == ages)) {
                Some(at) => at as u32 + 1,
                None => 3 + ages_bits(ages),
            },
            Self::Refresh => 4,
            Self::Enter { .. } => 5 + 4 + 16 + 4,
            Self::Leave { .. } => 5 + 4,
        };
        1 + u32::from(gap_bits) + body + state
    }
}

impl PartHeader {
    /// Bits of the header; `long_tick` as in [`PartWriter::new`].
    #[must_use]
    pub fn bits(&self, long_tick: bool) -> u32 {
        let own = self.own.map_or(0, |own| if own.body.z == 0 && own.body.vz == 0 { 137 } else { 137 + 42 });
        let usual = self.usual.map_or(0, |[first, second]| ages_bits(first) + ages_bits(second));
        1 + if long_tick { 32 } else { 16 } + 1 + own + 1 + usual + 4 + 8
    }

    /// The width of gap remainders that suits `records` records among `slots` slots: a gap in width w takes about
    /// 1 + w + gap / 2^w bits, and the mean gap is what the records leave over.
    #[must_use]
    pub fn gap_bits_for(slots: usize, records: usize) -> u8 {
        let passed_over = slots.saturating_sub(records);
        (0..GAP_BITS_MAX).find(|&bits| passed_over >> bits <= 2 * records).unwrap_or(GAP_BITS_MAX)
    }

    /// Most bits that the quotients of all gaps of a part can take together when there are `slots` slots.
    #[must_use]
    pub fn gap_bits_spare(&self, slots: usize) -> u32 {
        (slots >> self.gap_bits) as u32
    }
}

/// Writes one part.
#[derive(Debug)]
pub struct PartWriter<'a> {
    bits: BitWriter<'a>,
    usual: Option<[BaselineAges; 2]>,
    gap_bits: u8,
    next_slot: u16,
    records_left: u8,
}

impl<'a> PartWriter<'a> {
    /// Starts a part. `long_tick` spells the tick in 32 bits: needed until the client has acknowledged one part.
    #[must_use]
    pub fn new(buf: &'a mut [u8], header: &PartHeader, long_tick: bool) -> Self {
        assert!(usize::from(header.records) <= PART_RECORDS_MAX && header.gap_bits <= GAP_BITS_MAX);
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
        bits.put_bool(header.usual.is_some());
        header.usual.iter().flatten().for_each(|&ages| put_ages(&mut bits, ages));
        bits.put(u64::from(header.gap_bits), 4);
        bits.put(u64::from(header.records), 8);
        let (usual, gap_bits, records_left) = (header.usual, header.gap_bits, header.records);
        Self { bits, usual, gap_bits, next_slot: 0, records_left }
    }

    /// Writes a record and the state bits that belong to it (empty for a leave). Slots come in ascending order.
    pub fn put(&mut self, record: Record, state: BitRun) {
        assert!(self.records_left > 0, "more records than the header announced");
        assert!(record.slot >= self.next_slot, "slots come in ascending order, each once");
        self.records_left -= 1;
        self.put_gap(record.slot - self.next_slot);
        self.next_slot = record.slot + 1;
        match record.body {
            RecordBody::Delta { ages } => {
                match self.usual.and_then(|usual| usual.iter().position(|&other| other == ages)) {
                    Some(at) => self.bits.put(at as u64, at as u32 + 1),
                    None => {
                        self.bits.put(0b011, 3);
                        put_ages(&mut self.bits, ages);
                    }
                }
            }
            RecordBody::Refresh => self.bits.put(0b0111, 4),
            RecordBody::Enter { epoch, net_id, kind } => {
                self.bits.put(0b01111, 5);
                self.bits.put(u64::from(epoch), 4);
                self.bits.put(u64::from(net_id.0), 16);
                self.bits.put(kind as u64, 4);
            }
            RecordBody::Leave { epoch } => {
                debug_assert!(state.is_empty());
                self.bits.put(0b11111, 5);
                self.bits.put(u64::from(epoch), 4);
            }
        }
        self.bits.put_run(state);
    }

    /// Bits written so far.
    #[must_use]
    pub fn len_bits(&self) -> usize {
        self.bits.len_bits()
    }

    /// Ends the part and returns its length in bytes.
    #[must_use]
    pub fn finish(self) -> usize {
        assert_eq!(self.records_left, 0, "fewer records than the header announced");
        self.bits.finish()
    }

    fn put_gap(&mut self, gap: u16) {
        for _ in 0..gap >> self.gap_bits {
            self.bits.put_bool(true);
        }
        self.bits.put_bool(false);
        self.bits.put(u64::from(gap & ((1 << self.gap_bits) - 1)), u32::from(self.gap_bits));
    }
}

/// Reads one part. Any bytes give values or a [`PartError`].
#[derive(Debug)]
pub struct PartReader<'a> {
    bits: BitReader<'a>,
    header: PartHeader,
    next_slot: u16,
    records_left: u8,
}

impl<'a> PartReader<'a> {
    /// Reads the header. A short tick is expanded against `newest`, the newest tick the client knows.
    ///
    /// # Errors
    /// [`PartError`] if the header is truncated or names impossible ages or an impossible gap width.
    pub fn new(bytes: &'a [u8], newest: Tick) -> Result<Self, PartError> {
        let mut bits = BitReader::new(bytes);
        let tick = if bits.take_bool()? { Tick(bits.take(32)? as u32) } else { newest.expand16(bits.take(16)? as u16) };
        let own = if bits.take_bool()? { Some(take_own(&mut bits)?) } else { None };
        let usual = if bits.take_bool()? { Some([take_ages(&mut bits)?, take_ages(&mut bits)?]) } else { None };
        let gap_bits = bits.take(4)? as u8;
        if gap_bits > GAP_BITS_MAX {
            return Err(PartError::GapWidth(gap_bits));
        }
        let records = bits.take(8)? as u8;
        let header = PartHeader { tick, own, usual, gap_bits, records };
        Ok(Self { bits, header, next_slot: 0, records_left: records })
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
        let slot = self.slot()?;
        self.next_slot = slot + 1;
        Ok(Some(Record { slot, body: self.body()? }))
    }

    /// Reads a state against the baseline that the record named.
    ///
    /// # Errors
    /// [`PartError::OutOfBits`] if the bits end early.
    pub fn state_delta(&mut self, baseline: &Baseline) -> Result<EntityState, PartError> {
        Ok(decode_delta(&mut self.bits, baseline)?)
    }

    /// Reads all fields of an entity of this kind: that which the record names, or that of the presence which a refresh is
    /// about.
    ///
    /// # Errors
    /// [`PartError::OutOfBits`] if the bits end early.
    pub fn state_full(&mut self, kind: EntityKind) -> Result<EntityState, PartError> {
        Ok(decode_full(&mut self.bits, kind)?)
    }

    fn slot(&mut self) -> Result<u16, PartError> {
        let width = self.header.gap_bits;
        let mut slot = usize::from(self.next_slot);
        while self.bits.take_bool()? {
            slot += 1 << width;
            if slot >= SLOTS_MAX {
                return Err(PartError::Slot);
            }
        }
        slot += self.bits.take(u32::from(width))? as usize;
        if slot < SLOTS_MAX { Ok(slot as u16) } else { Err(PartError::Slot) }
    }

    fn body(&mut self) -> Result<RecordBody, PartError> {
        for at in 0..2 {
            if !self.bits.take_bool()? {
                let ages = self.header.usual.and_then(|usual| usual.get(at).copied());
                return ages.map(|ages| RecordBody::Delta { ages }).ok_or(PartError::NoUsual);
            }
        }
        if !self.bits.take_bool()? {
            return Ok(RecordBody::Delta { ages: take_ages(&mut self.bits)? });
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
}

fn put_ages(bits: &mut BitWriter<'_>, ages: BaselineAges) {
    match AGES.iter().position(|&age| age == ages.newest()) {
        Some(code) => bits.put(code as u64, 4),
        None => bits.put(AGE_EXPLICIT | u64::from(ages.newest()) << 4, 10),
    }
    bits.put(u64::from(ages.step_code()), 4);
}

fn take_ages(bits: &mut BitReader<'_>) -> Result<BaselineAges, PartError> {
    let code = bits.take(4)?;
    let newest = match AGES.get(code as usize) {
        Some(&age) => age,
        None if code == AGE_EXPLICIT => bits.take(6)? as u8,
        None => return Err(PartError::AgeCode(code as u8)),
    };
    let step_code = bits.take(4)? as u8;
    BaselineAges::from_code(newest, step_code).ok_or(PartError::Ages { newest, step_code })
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

    fn ages(newest: u8, step: u8, older: u8) -> BaselineAges {
        BaselineAges::new(newest, step, older).unwrap()
    }

    fn any_ages() -> impl Strategy<Value = BaselineAges> {
        (1_u8..64, 0_u8..16).prop_filter_map("too old", |(newest, code)| BaselineAges::from_code(newest, code))
    }

    fn any_body() -> impl Strategy<Value = RecordBody> {
        prop_oneof![
            any_ages().prop_map(|ages| RecordBody::Delta { ages }),
            Just(RecordBody::Delta { ages: ages(6, 1, 2) }),
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

    const NOW: EntityState =
        EntityState { x: 9_000, y: 700_000, z: 12, yaw: 4_095, pitch: 1, flags: 1, kind: EntityKind::Player };

    /// Three states on the way to [`NOW`].
    fn baseline(ages: BaselineAges) -> Baseline {
        let at = |age: u8| EntityState { x: 9_001 + 30 * i32::from(age), yaw: u16::from(age), flags: 0, ..NOW };
        Baseline::gather(ages, |age| Some(at(age))).unwrap()
    }

    fn state_run(body: RecordBody) -> BitRun {
        match body {
            RecordBody::Delta { ages } => encode_delta(&NOW, &baseline(ages)).unwrap(),
            RecordBody::Leave { .. } => BitRun::default(),
            _ => encode_full(&NOW),
        }
    }

    fn read(bytes: &[u8], newest: Tick) -> Result<(PartHeader, Vec<Record>), PartError> {
        let mut reader = PartReader::new(bytes, newest)?;
        let mut records = Vec::new();
        while let Some(record) = reader.next_record()? {
            match record.body {
                RecordBody::Delta { ages } => assert_eq!(reader.state_delta(&baseline(ages))?, NOW),
                RecordBody::Leave { .. } => {}
                _ => assert_eq!(reader.state_full(NOW.kind)?, NOW),
            }
            records.push(record);
        }
        Ok((*reader.header(), records))
    }

    proptest! {
        /// proves: SNP-1, SNP-4, SNP-5
        #[test]
        fn parts_round_trip_and_are_no_longer_than_announced(
            tick in any::<u32>(), long in any::<bool>(), own in prop::option::of(any_own()),
            usual in prop::option::of(any_ages().prop_map(|first| [first, ages(6, 1, 2)])),
            bodies in prop::collection::btree_map(0_u16..300, any_body(), 0..40), gap_bits in 0_u8..=11,
        ) {
            let header = PartHeader { tick: Tick(tick), own, usual, gap_bits, records: bodies.len() as u8 };
            let mut buf = [0; 2_000];
            let mut writer = PartWriter::new(&mut buf, &header, long);
            let (mut least, mut most) = (header.bits(long), header.bits(long) + header.gap_bits_spare(300));
            for (&slot, &body) in &bodies {
                let run = state_run(body);
                writer.put(Record { slot, body }, run);
                least += body.bits(usual, gap_bits, run.len());
                most += body.bits(usual, gap_bits, run.len());
            }
            let len = writer.finish();
            prop_assert!((least.div_ceil(8) as usize..=most.div_ceil(8) as usize).contains(&len));
            let newest = Tick(tick.saturating_sub(30_000));
            let (read_header, records) = read(&buf[..len], newest).unwrap();
            prop_assert_eq!(read_header, header);
            let expected: Vec<_> = bodies.iter().map(|(&slot, &body)| Record { slot, body }).collect();
            prop_assert_eq!(records, expected);
        }

        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(mut reader) = PartReader::new(&bytes, Tick(0)) {
                while let Ok(Some(record)) = reader.next_record() {
                    let read = match record.body {
                        RecordBody::Delta { ages } => reader.state_delta(&baseline(ages)).is_ok(),
                        RecordBody::Leave { .. } => true,
                        _ => reader.state_full(EntityKind::Body).is_ok(),
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
        // Short tick, no own state, no usual ages, gaps without remainder, one record.
        let head = [(0, 1), (0, 16), (0, 1), (0, 1), (0, 4), (1, 8)];
        let with = |tail: &[(u64, u32)]| part(&[&head[..], tail].concat());
        assert_eq!(part(&[(0, 1), (0, 16), (0, 2), (12, 4), (0, 8)]), PartError::GapWidth(12));
        assert_eq!(part(&[(0, 1), (0, 16), (0, 2), (11, 4), (1, 8), (1, 1)]), PartError::Slot);
        assert_eq!(with(&[(0, 1), (0, 1)]), PartError::NoUsual);
        assert_eq!(with(&[(0, 1), (0b01, 2)]), PartError::NoUsual);
        assert_eq!(with(&[(0, 1), (0b011, 3), (10, 4)]), PartError::AgeCode(10));
        assert_eq!(with(&[(0, 1), (0b011, 3), (9, 4), (0, 6), (0, 4)]), PartError::Ages { newest: 0, step_code: 0 });
        assert_eq!(with(&[(0, 1), (0b011, 3), (0, 4), (15, 4)]), PartError::Ages { newest: 2, step_code: 15 });
        assert_eq!(with(&[(0, 1), (0b01111, 5), (0, 4), (1, 16), (15, 4)]), PartError::Kind(15));
        assert_eq!(with(&[(0, 1), (0b11111, 5), (0, 4), (0, 30)]), PartError::Trailing);
    }

    #[test]
    fn gaps_are_about_as_wide_as_their_mean() {
        assert_eq!(
            [(64, 64), (64, 28), (64, 10), (1_000, 80), (5, 0), (0, 3)].map(|(s, r)| PartHeader::gap_bits_for(s, r)),
            [0, 0, 2, 3, 3, 0]
        );
    }
}
