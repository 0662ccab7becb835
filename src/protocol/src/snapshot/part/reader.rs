//! Reading a part.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::own::take_own;
use super::{AGE_EXPLICIT, CODE_MAX, GAP_BITS_MAX, PartError, PartHeader, Record, RecordBody};
use crate::bits::BitReader;
use crate::snapshot::baseline::{Baseline, BaselineAges};
use crate::snapshot::{AGES, DecodeMemo, SLOTS_MAX, decode_delta, decode_full};
use crate::state::{EntityKind, EntityState};
use crate::{NetId, Tick};

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
    /// [`PartError`] if the header is truncated or names an impossible gait, impossible ages, an impossible last code or gap width.
    pub fn new(bytes: &'a [u8], newest: Tick) -> Result<Self, PartError> {
        let mut bits = BitReader::new(bytes);
        let tick = if bits.take_bool()? { Tick(bits.take(32)? as u32) } else { newest.expand16(bits.take(16)? as u16) };
        let own = if bits.take_bool()? { Some(take_own(&mut bits)?) } else { None };
        let usual = if bits.take_bool()? { Some([take_ages(&mut bits)?, take_ages(&mut bits)?]) } else { None };
        let last_code = bits.take(3)? as u8;
        if last_code > CODE_MAX {
            return Err(PartError::LastCode(last_code));
        }
        let gap_bits = bits.take(4)? as u8;
        if gap_bits > GAP_BITS_MAX {
            return Err(PartError::GapWidth(gap_bits));
        }
        let records = bits.take(8)? as u8;
        let header = PartHeader { tick, own, usual, last_code, gap_bits, records };
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

    /// The slot and the ages of the next record if it is one of the usual ones: nearly every record is, and two numbers are
    /// handed over faster than a record. None for any other, and at the end: [`Self::next_record`] is to tell.
    #[inline]
    pub fn next_usual(&mut self) -> Option<(u16, BaselineAges)> {
        let (left, usual) = (self.records_left.checked_sub(1)?, self.header.usual?);
        let before = self.bits.clone();
        let found = self.slot().ok().zip(self.usual_code());
        let Some((slot, code)) = found else {
            self.bits = before;
            return None;
        };
        (self.records_left, self.next_slot) = (left, slot + 1);
        Some((slot, if code == 0 { usual[0] } else { usual[1] }))
    }

    /// 0 or 1, if it is one of them that comes.
    #[inline]
    fn usual_code(&mut self) -> Option<u8> {
        let last = self.header.last_code;
        if last == 0 || !self.bits.take_bool().ok()? {
            return Some(0);
        }
        (last == 1 || !self.bits.take_bool().ok()?).then_some(1)
    }

    /// Reads a state against the baseline that the record named.
    ///
    /// # Errors
    /// [`PartError::OutOfBits`] if the bits end early.
    pub fn state_delta(&mut self, baseline: &Baseline) -> Result<EntityState, PartError> {
        Ok(decode_delta(&mut self.bits, baseline)?)
    }

    /// What comes next, a difference of `id` against a baseline of these ages, if the same was read before: see
    /// [`DecodeMemo`]. None of what is to be read with [`Self::state_delta`].
    #[inline]
    pub fn recall(&mut self, memo: &mut DecodeMemo, id: NetId, ages: BaselineAges) -> Option<EntityState> {
        memo.recall(&mut self.bits, id, self.header.tick, ages)
    }

    /// As [`Self::state_delta`] of `id`, to be recalled from then on if `is_shared` says that all who hold the baseline hold
    /// this state, too; answers what it said.
    ///
    /// # Errors
    /// [`PartError::OutOfBits`] if the bits end early.
    pub fn state_delta_noted(
        &mut self,
        memo: &mut DecodeMemo,
        id: NetId,
        baseline: &Baseline,
        is_shared: impl FnOnce(&EntityState) -> bool,
    ) -> Result<(EntityState, bool), PartError> {
        let before = self.bits.clone();
        let state = decode_delta(&mut self.bits, baseline)?;
        let is_shared = is_shared(&state);
        if is_shared {
            memo.note(&before, &self.bits, id, self.header.tick, baseline.ages(), state);
        }
        Ok((state, is_shared))
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
        let mut code = 0;
        while code < self.header.last_code && self.bits.take_bool()? {
            code += 1;
        }
        match code {
            0 | 1 => {
                let ages = self.header.usual.and_then(|usual| usual.get(usize::from(code)).copied());
                return ages.map(|ages| RecordBody::Delta { ages }).ok_or(PartError::NoUsual);
            }
            2 => return Ok(RecordBody::Delta { ages: take_ages(&mut self.bits)? }),
            3 => return Ok(RecordBody::Refresh),
            _ => {}
        }
        let epoch = self.bits.take(4)? as u8;
        if code == CODE_MAX {
            return Ok(RecordBody::Leave { epoch });
        }
        let net_id = NetId(self.bits.take(16)? as u16);
        let number = self.bits.take(4)? as u8;
        let kind = EntityKind::from_wire(number).ok_or(PartError::Kind(number))?;
        Ok(RecordBody::Enter { epoch, net_id, kind })
    }
}

pub(super) fn take_ages(bits: &mut BitReader<'_>) -> Result<BaselineAges, PartError> {
    let code = bits.take(4)?;
    let newest = match AGES.get(code as usize) {
        Some(&age) => age,
        None if code == AGE_EXPLICIT => bits.take(6)? as u8,
        None => return Err(PartError::AgeCode(code as u8)),
    };
    let step_code = bits.take(4)? as u8;
    BaselineAges::from_code(newest, step_code).ok_or(PartError::Ages { newest, step_code })
}
