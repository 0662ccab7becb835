//! Fills one viewer's parts for one tick: the most urgent first, within its bytes.

use super::encode::EncodeCache;
use super::view::{Phase, View};
use crate::SessionId;
use crate::outbound::Outbound;
use game::Replicas;
use protocol::bits::BitRun;
use protocol::snapshot::{
    PART_BYTES_MAX, PART_RECORDS_MAX, PartHeader, PartWriter, Record, RecordBody, baseline_age, record_bits_enter,
    record_bits_leave, record_bits_state,
};
use protocol::unit::UNITS_PER_M;
use protocol::{NetId, OwnState, Tick};

/// Builds snapshot parts; scratch space is kept from viewer to viewer.
#[derive(Debug, Default)]
pub struct SnapshotWriter {
    /// Due slots: priority (highest first) and slot.
    due: Vec<(u32, u16)>,
    chosen: Vec<(Record, BitRun)>,
    /// Records told since start, for the figures.
    pub updates: u64,
    #[cfg(feature = "faults")]
    fault: Option<crate::Fault>,
    #[cfg(feature = "faults")]
    now: Tick,
}

/// For whom, and what it may cost.
#[derive(Clone, Copy, Debug)]
pub struct Viewer {
    /// Whose connection.
    pub session: SessionId,
    /// Whose eyes.
    pub id: NetId,
    /// Its own state, told first.
    pub own: OwnState,
    /// Bytes that this tick's parts may have.
    pub budget_bytes: i32,
}

impl SnapshotWriter {
    /// A writer that tells a lie now and then.
    #[cfg(feature = "faults")]
    pub fn with_fault(fault: Option<crate::Fault>) -> Self {
        Self { fault, ..Self::default() }
    }

    /// Writes the viewer's parts for tick `now` and returns the bytes that were used.
    pub fn write(
        &mut self,
        viewer: &Viewer,
        view: &mut View,
        replicas: &Replicas,
        cache: &mut EncodeCache,
        now: Tick,
        out: &mut Outbound,
    ) -> i32 {
        #[cfg(feature = "faults")]
        {
            self.now = now;
        }
        self.rank(viewer, view, replicas, now);
        let mut own = Some(viewer.own);
        let mut left = viewer.budget_bytes;
        let mut next = 0;
        while view.may_send() && left > 0 && (own.is_some() || next < self.due.len()) {
            let header = PartHeader { tick: now, own, slot_bits: view.slot_bits(), records: 0 };
            let long = !view.is_anchored(now);
            let room = (left as usize).min(PART_BYTES_MAX) as u32 * 8;
            let Some(room) = room.checked_sub(header.bits(long)) else { break };
            let taken = self.choose(view, replicas, cache, now, next, room);
            if taken == 0 && own.is_none() {
                break;
            }
            next += taken;
            left -= self.write_part(viewer.session, view, header, long, out);
            own = None;
        }
        viewer.budget_bytes - left
    }

    /// Lists what is due, most urgent first. Everything that waits grows more urgent, so nothing starves.
    fn rank(&mut self, viewer: &Viewer, view: &mut View, replicas: &Replicas, now: Tick) {
        self.due.clear();
        let me = replicas.state(viewer.id);
        for (index, slot) in view.slots_mut().iter_mut().enumerate() {
            if slot.phase == Phase::Free || slot.phase == Phase::Cooling {
                continue;
            }
            // Despawned since the last look: its leave follows, and it has no state to tell.
            if slot.phase != Phase::Leaving && !replicas.is_live(slot.id) {
                continue;
            }
            if !slot.is_due(replicas.changed(slot.id), now) {
                continue;
            }
            let urgency = match slot.phase {
                Phase::Known => {
                    let other = replicas.state(slot.id);
                    urgency_at((other.x - me.x).unsigned_abs().max((other.y - me.y).unsigned_abs()))
                }
                // Structure before motion: without its enter an entity cannot be seen, without its leave it haunts.
                _ => URGENCY_STRUCTURE,
            };
            slot.priority = slot.priority.saturating_add(urgency);
            self.due.push((slot.priority, index as u16));
        }
        self.due.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Takes records from `due[from..]` until `room` bits are full; returns how many were looked at in order.
    fn choose(
        &mut self,
        view: &View,
        replicas: &Replicas,
        cache: &mut EncodeCache,
        now: Tick,
        from: usize,
        mut room: u32,
    ) -> usize {
        self.chosen.clear();
        let slot_bits = view.slot_bits();
        let mut taken = 0;
        while let Some(&(_, index)) = self.due.get(from + taken) {
            let slot = &view.slots()[usize::from(index)];
            let (body, run, bits) = match slot.phase {
                Phase::Leaving => {
                    (RecordBody::Leave { epoch: slot.epoch }, BitRun::default(), record_bits_leave(slot_bits))
                }
                Phase::Entering => {
                    let run = self.run(cache, replicas, slot.id, None);
                    let kind = replicas.kind(slot.id);
                    let body = RecordBody::Enter { epoch: slot.epoch, net_id: slot.id, kind };
                    (body, run, record_bits_enter(slot_bits, run.len()))
                }
                _ => {
                    let age = baseline_age(slot.acked_ages(now));
                    let run = self.run(cache, replicas, slot.id, age);
                    let body = age.map_or(RecordBody::Refresh, |age| RecordBody::Delta { age });
                    (body, run, record_bits_state(slot_bits, age, run.len()))
                }
            };
            if bits > room || taken == PART_RECORDS_MAX {
                break;
            }
            room -= bits;
            taken += 1;
            self.chosen.push((Record { slot: index, body }, run));
        }
        taken
    }

    fn write_part(
        &mut self,
        session: SessionId,
        view: &mut View,
        mut header: PartHeader,
        long_tick: bool,
        out: &mut Outbound,
    ) -> i32 {
        header.records = self.chosen.len() as u8;
        let part = view.begin_part(header.tick);
        let mut used = 0;
        out.part(session, part, PART_BYTES_MAX, |buf| {
            let mut writer = PartWriter::new(buf, &header, long_tick);
            for (record, run) in &self.chosen {
                writer.put(*record, *run);
                view.record(record.slot, header.tick);
            }
            used = writer.finish();
            used
        });
        self.updates += self.chosen.len() as u64;
        used as i32
    }

    #[cfg(not(feature = "faults"))]
    fn run(&mut self, cache: &mut EncodeCache, replicas: &Replicas, id: NetId, age: Option<u8>) -> BitRun {
        cache.run(replicas, id, age)
    }

    #[cfg(feature = "faults")]
    fn run(&mut self, cache: &mut EncodeCache, replicas: &Replicas, id: NetId, age: Option<u8>) -> BitRun {
        let run = cache.run(replicas, id, age);
        if self.fault != Some(crate::Fault::ShiftCoordinate) || !cache.spliced.is_multiple_of(1_000) {
            return run;
        }
        let mut wrong = *replicas.state(id);
        wrong.x += 1;
        match age.and_then(|age| replicas.state_at(id, Tick(self.now.0 - u32::from(age)))) {
            Some(base) => protocol::snapshot::encode_delta(&wrong, base),
            None => protocol::snapshot::encode_full(&wrong),
        }
    }
}

/// Urgency of an enter or a leave.
const URGENCY_STRUCTURE: u32 = 64;

/// How much more urgent an entity at this distance (units, the larger of both axes) grows with each tick it waits.
fn urgency_at(distance: u32) -> u32 {
    const NEAR: u32 = 15 * UNITS_PER_M as u32;
    const MIDDLE: u32 = 40 * UNITS_PER_M as u32;
    match distance {
        0..NEAR => 16,
        NEAR..MIDDLE => 8,
        _ => 4,
    }
}
