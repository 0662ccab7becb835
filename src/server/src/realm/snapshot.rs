//! Fills one viewer's parts for one tick: the most urgent first, within its bytes.

use super::encode::EncodeCache;
use super::kinds::{Held, Kind, Kinds};
use super::priority::{Attention, NEAR, Tiers, URGENCY_STRUCTURE, or_expiring};
use super::view::{Due, Phase, Regard, SLOT_BITS, Turns, View};
use crate::SessionId;
use crate::outbound::Outbound;
use game::{Bonds, Replicas};
use protocol::bits::BitRun;
use protocol::snapshot::{PART_BYTES_MAX, PART_RECORDS_MAX, PartHeader, PartWriter, Record, RecordBody};
use protocol::{NetId, OwnState, Tick};

/// Builds snapshot parts; scratch space is kept from viewer to viewer.
#[derive(Debug, Default)]
pub struct SnapshotWriter {
    /// Slots that were ranked, by slot or highest priority first: the priority, and the slot in the low [`SLOT_BITS`].
    ranked: Vec<u32>,
    /// What is due, in the order in which it is told.
    due: Vec<(Due, Kind)>,
    /// What the client holds of it.
    kinds: Kinds,
    chosen: Vec<(Record, BitRun)>,
    /// Bits that those take at most.
    chosen_bits: u32,
    /// Slot and place in `chosen`, in the order of the wire.
    order: Vec<(u16, u8)>,
    /// Records told since start, for the figures.
    pub updates: u64,
    #[cfg(feature = "faults")]
    fault: Option<crate::Fault>,
    #[cfg(feature = "faults")]
    now: Tick,
}

/// For whom, and what it may cost.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'a> {
    /// Whose connection.
    pub session: SessionId,
    /// Whose eyes.
    pub id: NetId,
    /// Who matters to whom.
    pub bonds: &'a Bonds,
    /// How far the first ones reach among those in view.
    pub tiers: Tiers,
    /// Its own state, told first.
    pub own: OwnState,
    /// Bytes that this tick's parts may have.
    pub budget_bytes: i32,
    /// Ticks from one snapshot to the next.
    pub period: u32,
}

impl SnapshotWriter {
    /// A writer that tells a lie now and then.
    #[cfg(feature = "faults")]
    pub fn with_fault(fault: Option<crate::Fault>) -> Self {
        Self { fault, ..Self::default() }
    }

    /// Writes the viewer's parts for tick `now`.
    pub fn write(
        &mut self,
        viewer: &Viewer<'_>,
        view: &mut View,
        replicas: &Replicas,
        cache: &mut EncodeCache,
        now: Tick,
        out: &mut Outbound,
    ) {
        #[cfg(feature = "faults")]
        {
            self.now = now;
        }
        let mut left = viewer.budget_bytes;
        // Nearly always all that there is fits, and then nothing has to be weighed or put in order.
        let mut is_sorted = view.slots_end() * RECORD_BITS > left.max(0) as usize * 8;
        if is_sorted {
            self.rank(viewer, view, replicas, now, left);
        } else {
            self.list(view, replicas, now);
        }
        let mut usual = self.kinds.usual();
        let mut own = Some(viewer.own);
        let mut next = 0;
        while view.may_send() && left > 0 && (own.is_some() || next < self.due.len()) {
            let expected = (self.due.len() - next).min(left as usize * 8 / RECORD_BITS);
            let gap_bits = PartHeader::gap_bits_for(view.slots_end(), expected);
            let usual_here = if next < self.due.len() { usual } else { None };
            let header = PartHeader { tick: now, own, usual: usual_here, last_code: 0, gap_bits, records: 0 };
            let long = !view.is_anchored(now);
            let room = (left as usize).min(PART_BYTES_MAX) as u32 * 8;
            let spare = header.gap_bits_spare(view.slots_end());
            let Some(room) = room.checked_sub(header.bits(long) + spare) else { break };
            let taken = self.choose(replicas, cache, &header, next, room);
            if taken < self.due.len() && !is_sorted {
                self.rank(viewer, view, replicas, now, left);
                (usual, is_sorted) = (self.kinds.usual(), true);
                continue;
            }
            if taken == 0 && own.is_none() {
                break;
            }
            next += taken;
            left -= self.write_part(viewer.session, view, header, long, out);
            // A further part would be a further packet, and its headers come out of the same budget.
            left -= FURTHER_PACKET_BYTES;
            own = None;
        }
    }

    /// Lists what is due, by slot, when all of it can be told.
    fn list(&mut self, view: &mut View, replicas: &Replicas, now: Tick) {
        self.due.clear();
        self.kinds.clear();
        let changed = |id: NetId| replicas.live_changed(id);
        view.list(now, changed, |due| self.due.push((due, self.kinds.note(due.acked))));
    }

    /// Lists what is due, the most urgent first. Everything that waits grows more urgent, so nothing starves.
    fn rank(&mut self, viewer: &Viewer<'_>, view: &mut View, replicas: &Replicas, now: Tick, left: i32) {
        self.ranked.clear();
        let attention = Attention::of(viewer.id, replicas.state(viewer.id), viewer.tiers, viewer.bonds, now);
        let look = |id: NetId, phase: Phase, untold_ticks: u32| {
            // Despawned since the last look: its leave follows, and it has no state to tell.
            let (other, changed, pace) = replicas.live_state(id)?;
            if phase != Phase::Known {
                return Some(Regard { changed, urgency: URGENCY_STRUCTURE, is_near: true });
            }
            let (urgency, is_near) = attention.urgency(id, other, pace);
            Some(Regard { changed, urgency: or_expiring(urgency, untold_ticks), is_near })
        };
        let told = viewer.budget_bytes.max(0) as usize * 8 / view.record_bits();
        let turns = Turns::of(view.present().saturating_sub(NEAR), told, viewer.period);
        view.rank(now, turns, URGENCY_STRUCTURE, look, |slot, priority| {
            self.ranked.push(priority << SLOT_BITS | u32::from(slot));
        });
        self.put_in_order(left);
        self.due.clear();
        self.kinds.clear();
        for &ranked in &self.ranked {
            let due = view.due(slot_of(ranked), now);
            self.due.push((due, self.kinds.note(due.acked)));
        }
    }

    /// The most urgent first; of what cannot be told anyway, in a crowd nearly all, only that it is less urgent.
    fn put_in_order(&mut self, budget_bytes: i32) {
        let told_max = budget_bytes.max(0) as usize * 8 / RECORD_BITS_FEW;
        if told_max > 0 && told_max < self.ranked.len() {
            self.ranked.select_nth_unstable_by(told_max - 1, |a, b| b.cmp(a));
            self.ranked.truncate(told_max);
        }
        self.ranked.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Takes records from `due[from..]` until `room` bits are full; returns how many were looked at in order.
    fn choose(
        &mut self,
        replicas: &Replicas,
        cache: &mut EncodeCache,
        header: &PartHeader,
        from: usize,
        mut room: u32,
    ) -> usize {
        self.chosen.clear();
        self.order.clear();
        let before = room;
        let mut taken = 0;
        while let Some(&(Due { slot, id, status, .. }, kind)) = self.due.get(from + taken) {
            let epoch = status.epoch();
            let (body, run) = match status.phase() {
                Phase::Leaving => (RecordBody::Leave { epoch }, BitRun::default()),
                Phase::Entering => {
                    let kind = replicas.kind(id);
                    (RecordBody::Enter { epoch, net_id: id, kind }, self.full(cache, replicas, id))
                }
                _ => match self
                    .kinds
                    .get(kind)
                    .and_then(|held| Some((held.ages, self.delta(cache, replicas, id, held)?)))
                {
                    Some((ages, run)) => (RecordBody::Delta { ages }, run),
                    None => (RecordBody::Refresh, self.full(cache, replicas, id)),
                },
            };
            let bits = body.bits(header.usual, header.gap_bits, run.len());
            if bits > room || taken == PART_RECORDS_MAX {
                break;
            }
            room -= bits;
            self.order.push((slot, taken as u8));
            taken += 1;
            self.chosen.push((Record { slot, body }, run));
        }
        self.chosen_bits = before - room;
        self.order.sort_unstable();
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
        header.last_code = PartHeader::last_code_of(header.usual, self.chosen.iter().map(|(record, _)| record.body));
        let part = view.begin_part(header.tick);
        let mut used = 0;
        out.part(session, part, PART_BYTES_MAX, |buf| {
            let mut writer = PartWriter::new(buf, &header, long_tick);
            for &(_, at) in &self.order {
                let (record, run) = &self.chosen[usize::from(at)];
                writer.put(*record, *run);
                view.record(record.slot);
            }
            used = writer.finish();
            used
        });
        view.note_record_bits(self.chosen_bits, self.chosen.len());
        self.updates += self.chosen.len() as u64;
        used as i32
    }

    fn full(&mut self, cache: &mut EncodeCache, replicas: &Replicas, id: NetId) -> BitRun {
        let run = cache.full(replicas, id);
        #[cfg(feature = "faults")]
        if self.lies(cache) {
            return protocol::snapshot::encode_full(&shifted(replicas, id));
        }
        run
    }

    fn delta(&mut self, cache: &mut EncodeCache, replicas: &Replicas, id: NetId, held: Held) -> Option<BitRun> {
        let run = cache.delta(replicas, id, held.ages, held.number);
        #[cfg(feature = "faults")]
        if self.lies(cache) {
            let baseline = super::encode::baseline(replicas, id, self.now, held.ages);
            return protocol::snapshot::encode_delta(&shifted(replicas, id), &baseline);
        }
        run
    }

    #[cfg(feature = "faults")]
    fn lies(&self, cache: &EncodeCache) -> bool {
        self.fault == Some(crate::Fault::ShiftCoordinate) && cache.spliced.is_multiple_of(1_000)
    }
}

const fn slot_of(due: u32) -> u16 {
    (due & ((1 << SLOT_BITS) - 1)) as u16
}

#[cfg(feature = "faults")]
fn shifted(replicas: &Replicas, id: NetId) -> protocol::EntityState {
    let mut wrong = *replicas.state(id);
    wrong.x += 1;
    wrong
}

/// Bits that a record takes about: as many are expected to fit.
pub const RECORD_BITS: usize = 40;
/// Bits that hardly any set of records stays below on average. If one does, the rest of it goes in the next tick.
const RECORD_BITS_FEW: usize = 24;
/// What a packet costs beside its part: headers of IP, UDP, session and packet, and the part's frame.
pub const FURTHER_PACKET_BYTES: i32 = 65;
