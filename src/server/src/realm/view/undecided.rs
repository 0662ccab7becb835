//! The parts under way to one viewer, and what hangs on them.
//!
//! Nearly every record tells a known entity's new state, in the only part of its tick. Such records are not kept: that
//! the slot was told in a tick is a bit in the slot, that the tick's part arrived is a bit in the view, and both together
//! say what the client holds. Only what changes a phase, and what went in a further part of the same tick, is kept.

use protocol::Tick;
use rudp::{PartId, Prefetch};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Parts of one viewer that may be undecided: four seconds at 60 Hz. Beyond it no more are sent until reports come.
const PARTS_MAX: usize = 256;
/// Room from the start: 200 ms of parts at 60 Hz, and a player's arrival in a place full of people.
const PARTS_RESERVED: usize = 32;
const RECORDS_RESERVED: usize = 256;

/// A record whose fate must be told to its slot.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct KeptRecord {
    pub slot: u16,
    pub epoch: u8,
    pub is_leave: bool,
}

/// A part under way.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct SentPart {
    pub tick: Tick,
    /// Whether it is the first of its tick.
    pub is_first: bool,
    is_decided: bool,
    records: u16,
    /// Index of its first record, counted since the session began.
    first_record: u64,
}

/// Parts in the order in which they were sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Undecided {
    parts: VecDeque<SentPart>,
    records: VecDeque<KeptRecord>,
    /// Number of `parts[0]`.
    part_first: u32,
    /// Index of `records[0]`, counted since the session began.
    record_first: u64,
    /// Tick of the part begun last.
    newest: Option<Tick>,
}

impl Undecided {
    pub fn new() -> Self {
        let (parts, records) = (VecDeque::with_capacity(PARTS_RESERVED), VecDeque::with_capacity(RECORDS_RESERVED));
        Self { parts, records, ..Self::default() }
    }

    /// About to be used: the oldest, which will be decided, and the place of the next.
    pub fn prefetch(&self, prefetch: Prefetch) {
        prefetch.maybe(self.parts.front());
        prefetch.maybe(self.parts.back());
        prefetch.maybe(self.records.front());
        prefetch.maybe(self.records.back());
    }

    /// Whether another part may be sent.
    pub fn has_room(&self) -> bool {
        self.parts.len() < PARTS_MAX
    }

    /// Starts a part for `tick` and names it.
    pub fn begin(&mut self, tick: Tick) -> PartId {
        let part = PartId(self.part_first.wrapping_add(self.parts.len() as u32));
        let first_record = self.record_first + self.records.len() as u64;
        let is_first = self.newest.replace(tick) != Some(tick);
        self.parts.push_back(SentPart { tick, is_first, is_decided: false, records: 0, first_record });
        part
    }

    /// The part begun last.
    pub fn last(&self) -> &SentPart {
        self.parts.back().expect("a part was begun")
    }

    /// Keeps a record of the part begun last.
    pub fn keep(&mut self, record: KeptRecord) {
        self.records.push_back(record);
        self.parts.back_mut().expect("a part was begun").records += 1;
    }

    /// Marks a part as decided. None if it is unknown or was decided before.
    pub fn decide(&mut self, part: PartId) -> Option<SentPart> {
        let index = part.0.wrapping_sub(self.part_first) as usize;
        let sent = self.parts.get_mut(index).filter(|sent| !sent.is_decided)?;
        sent.is_decided = true;
        Some(*sent)
    }

    /// The records kept of a part that was decided just now.
    pub fn records_of(&self, sent: &SentPart) -> std::ops::Range<usize> {
        let start = (sent.first_record - self.record_first) as usize;
        start..start + usize::from(sent.records)
    }

    /// One of them.
    pub fn record(&self, at: usize) -> KeptRecord {
        self.records[at]
    }

    /// Forgets the oldest parts that are decided.
    pub fn trim(&mut self) {
        while let Some(front) = self.parts.front().filter(|front| front.is_decided) {
            let records = usize::from(front.records);
            self.records.drain(..records);
            self.record_first += records as u64;
            self.parts.pop_front();
            self.part_first = self.part_first.wrapping_add(1);
        }
    }
}
