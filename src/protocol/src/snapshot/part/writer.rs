//! Writing a part.

use super::own::put_own;
use super::{AGE_EXPLICIT, CODE_MAX, GAP_BITS_MAX, PartHeader, Record, RecordBody, code_bits};
use crate::bits::{BitRun, BitWriter};
use crate::snapshot::baseline::BaselineAges;
use crate::snapshot::{AGES, PART_RECORDS_MAX};

/// Writes one part.
#[derive(Debug)]
pub struct PartWriter<'a> {
    bits: BitWriter<'a>,
    usual: Option<[BaselineAges; 2]>,
    last_code: u8,
    gap_bits: u8,
    next_slot: u16,
    records_left: u8,
}

impl<'a> PartWriter<'a> {
    /// Starts a part. `long_tick` spells the tick in 32 bits: needed until the client has acknowledged one part.
    #[must_use]
    pub fn new(buf: &'a mut [u8], header: &PartHeader, long_tick: bool) -> Self {
        assert!(usize::from(header.records) <= PART_RECORDS_MAX && header.gap_bits <= GAP_BITS_MAX);
        assert!(header.last_code <= CODE_MAX);
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
        bits.put(u64::from(header.last_code), 3);
        bits.put(u64::from(header.gap_bits), 4);
        bits.put(u64::from(header.records), 8);
        let (usual, gap_bits, records_left) = (header.usual, header.gap_bits, header.records);
        Self { bits, usual, last_code: header.last_code, gap_bits, next_slot: 0, records_left }
    }

    /// Writes a record and the state bits that belong to it (empty for a leave). Slots come in ascending order.
    pub fn put(&mut self, record: Record, state: BitRun) {
        assert!(self.records_left > 0, "more records than the header announced");
        assert!(record.slot >= self.next_slot, "slots come in ascending order, each once");
        self.records_left -= 1;
        self.put_gap(record.slot - self.next_slot);
        self.next_slot = record.slot + 1;
        let code = record.body.code(self.usual);
        assert!(code <= self.last_code, "a record that the header did not announce");
        self.bits.put((1 << code) - 1, code_bits(code, self.last_code));
        match record.body {
            RecordBody::Delta { ages } if code == 2 => put_ages(&mut self.bits, ages),
            RecordBody::Delta { .. } | RecordBody::Refresh => {}
            RecordBody::Enter { epoch, net_id, kind } => {
                self.bits.put(u64::from(epoch), 4);
                self.bits.put(u64::from(net_id.0), 16);
                self.bits.put(kind as u64, 4);
            }
            RecordBody::Leave { epoch } => self.bits.put(u64::from(epoch), 4),
        }
        debug_assert!(state.is_empty() || !matches!(record.body, RecordBody::Leave { .. }));
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

pub(super) fn put_ages(bits: &mut BitWriter<'_>, ages: BaselineAges) {
    match AGES.iter().position(|&age| age == ages.newest()) {
        Some(code) => bits.put(code as u64, 4),
        None => bits.put(AGE_EXPLICIT | u64::from(ages.newest()) << 4, 10),
    }
    bits.put(u64::from(ages.step_code()), 4);
}
