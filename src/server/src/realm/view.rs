//! What one viewer knows of the others: a table of slots, each a presence from enter to acknowledged leave.
//!
//! ```text
//!            enter acked             out of view              leave acked        64 ticks
//! Entering --------------> Known ----------------> Leaving ----------------> Cooling ------> free
//!     '------------------------ out of view ----------^
//! ```
//! A slot is the viewer's short name for the entity. It is not given out again before its leave is acknowledged and
//! 64 ticks have passed, so that no packet still under way can mean another entity by it (spec: SNP-7).

use protocol::snapshot::{BASELINE_TICKS, SLOTS_MAX};
use protocol::{NetId, Tick};
use rudp::{PartId, PartOutcome};
use std::collections::VecDeque;

/// How far a presence has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Told, not acknowledged yet.
    Entering,
    /// The client provably has it.
    Known,
    /// Out of view; the client has yet to acknowledge that.
    Leaving,
    /// Over and acknowledged; the slot rests.
    Cooling,
    /// Never used or rested enough.
    Free,
}

/// One presence.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// Which entity.
    pub id: NetId,
    /// Counts presences in this slot, modulo 16.
    pub epoch: u8,
    /// How far it has come.
    pub phase: Phase,
    /// Whether the newest enter or leave record is under way.
    in_flight: bool,
    /// Bit k: the client acknowledged the state of `acked_at - k`.
    acked: u64,
    acked_at: Tick,
    /// Tick of the newest acknowledged state.
    newest_acked: Tick,
    /// Tick of the newest state sent and not known to be lost.
    sent: Tick,
    /// Grows with every tick the entity waits; the highest are told first.
    pub priority: u32,
    /// When a cooling slot is free again.
    free_at: Tick,
}

impl Slot {
    /// Acknowledged ages at `now`: bit k is set when the client has the state of `now - k`.
    #[must_use]
    pub fn acked_ages(&self, now: Tick) -> u64 {
        let age = now.since(self.acked_at);
        if age < BASELINE_TICKS { self.acked << age } else { 0 }
    }

    /// spec: SNP-10. Whether a state that last changed at `changed` should be told to this client at `now`.
    ///
    /// Not if the client has it, and not if it is under way: a lost part makes it due again. A presence without any
    /// acknowledged state would cost a full record per tick, so it is repeated only every [`ENTER_REPEAT_TICKS`].
    #[must_use]
    pub fn is_due(&self, changed: Tick, now: Tick) -> bool {
        match self.phase {
            Phase::Entering => !self.in_flight || (changed > self.sent && now.since(self.sent) >= ENTER_REPEAT_TICKS),
            Phase::Known => changed > self.sent.max(self.newest_acked),
            Phase::Leaving => !self.in_flight,
            Phase::Cooling | Phase::Free => false,
        }
    }

    fn on_acked(&mut self, tick: Tick, now: Tick) {
        self.acked = self.acked_ages(now);
        self.acked_at = now;
        let age = now.since(tick);
        if age < BASELINE_TICKS {
            self.acked |= 1 << age;
        }
        self.newest_acked = self.newest_acked.max(tick);
        if self.phase == Phase::Entering {
            self.phase = Phase::Known;
        }
    }
}

/// Ticks between two full records of an entity whose enter is not acknowledged yet: 100 ms.
const ENTER_REPEAT_TICKS: u32 = 6;
/// Parts of one viewer that may be undecided: four seconds at 60 Hz. Beyond it no more are sent until reports come.
const PARTS_IN_FLIGHT_MAX: usize = 256;

/// What a sent record was, for when its part is decided.
#[derive(Clone, Copy, Debug)]
struct SentRecord {
    slot: u16,
    epoch: u8,
    leave: bool,
}

#[derive(Clone, Copy, Debug)]
struct SentPart {
    tick: Tick,
    records: u16,
    /// Index of its first record, counted since the session began.
    first: u64,
    decided: bool,
}

/// The slots of one viewer and the parts under way to it.
#[derive(Debug, Default)]
pub struct View {
    slots: Vec<Slot>,
    /// Slots whose leave is acknowledged, in the order in which they will have rested enough.
    cooling: VecDeque<u16>,
    /// Slots to give out again.
    free: Vec<u16>,
    parts: VecDeque<SentPart>,
    records: VecDeque<SentRecord>,
    /// Number of `parts[0]`.
    part_first: u32,
    /// Index of `records[0]`, counted since the session began.
    record_first: u64,
    /// Slots that are Entering or Known.
    present: usize,
    /// Tick of the newest part that was acknowledged; without one ticks are spelled out.
    anchor: Option<Tick>,
}

/// An acknowledged tick this much older than now still tells what the low 16 bits of now mean: half of what would do.
const ANCHOR_TICKS: u32 = 1 << 14;

/// Room that a view has from the start, so that it need not grow in the middle of play: what a player sees among people
/// (p95) with as many slots at rest, and 200 ms of full snapshots under way. About 14 KiB; in denser crowds it doubles.
const SLOTS_RESERVED: usize = 160;
const RECORDS_RESERVED: usize = 1_024;
const PARTS_RESERVED: usize = 32;

impl View {
    /// A view of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            slots: Vec::with_capacity(SLOTS_RESERVED),
            cooling: VecDeque::with_capacity(SLOTS_RESERVED),
            free: Vec::with_capacity(SLOTS_RESERVED),
            parts: VecDeque::with_capacity(PARTS_RESERVED),
            records: VecDeque::with_capacity(RECORDS_RESERVED),
            ..Self::default()
        }
    }

    /// Every slot ever used; indices are slot numbers.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// As [`Self::slots`], to raise priorities.
    pub fn slots_mut(&mut self) -> &mut [Slot] {
        &mut self.slots
    }

    /// Entities that some packet to this viewer may still name.
    pub fn named(&self) -> impl Iterator<Item = NetId> {
        self.slots.iter().filter(|slot| slot.phase != Phase::Free).map(|slot| slot.id)
    }

    /// Entities in view.
    #[must_use]
    pub fn present(&self) -> usize {
        self.present
    }

    /// Whether the client knows a tick from which 16 bits name `now`: after minutes of silence it does not.
    #[must_use]
    pub fn is_anchored(&self, now: Tick) -> bool {
        self.anchor.is_some_and(|anchor| now.0.saturating_sub(anchor.0) <= ANCHOR_TICKS)
    }

    /// Takes an entity into view. None if all slots are taken or resting: then it waits.
    pub fn enter(&mut self, id: NetId) -> Option<u16> {
        let slot = self.allocate()?;
        let entry = &mut self.slots[usize::from(slot)];
        *entry = Slot { id, epoch: (entry.epoch + 1) % 16, phase: Phase::Entering, ..VACANT };
        self.present += 1;
        Some(slot)
    }

    /// Puts an entity out of view: from now on the client is told so until it has acknowledged it.
    pub fn leave(&mut self, slot: u16) {
        let entry = &mut self.slots[usize::from(slot)];
        assert!(matches!(entry.phase, Phase::Entering | Phase::Known), "only what is in view can leave it");
        entry.phase = Phase::Leaving;
        entry.in_flight = false;
        entry.priority = 0;
        self.present -= 1;
    }

    /// Ends a presence without telling the client; only a `faults` build does that.
    #[cfg(feature = "faults")]
    pub fn forget(&mut self, slot: u16, now: Tick) {
        self.leave(slot);
        self.rest(slot, now);
    }

    /// The client lost its bearings: everything in view is told anew, in full, as a new presence.
    pub fn resync(&mut self) {
        for slot in &mut self.slots {
            if matches!(slot.phase, Phase::Entering | Phase::Known) {
                *slot = Slot { id: slot.id, epoch: (slot.epoch + 1) % 16, phase: Phase::Entering, ..VACANT };
            }
        }
        self.anchor = None;
    }

    /// Whether another part may be sent.
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.parts.len() < PARTS_IN_FLIGHT_MAX
    }

    /// Starts a part for `tick` and names it.
    pub fn begin_part(&mut self, tick: Tick) -> PartId {
        let part = PartId(self.part_first.wrapping_add(self.parts.len() as u32));
        let first = self.record_first + self.records.len() as u64;
        self.parts.push_back(SentPart { tick, records: 0, first, decided: false });
        part
    }

    /// Adds a record to the part begun last.
    pub fn record(&mut self, slot: u16, tick: Tick) {
        let entry = &mut self.slots[usize::from(slot)];
        let leave = entry.phase == Phase::Leaving;
        if entry.phase != Phase::Known {
            entry.in_flight = true;
        }
        if !leave {
            entry.sent = tick;
        }
        entry.priority = 0;
        self.records.push_back(SentRecord { slot, epoch: entry.epoch, leave });
        self.parts.back_mut().expect("a part was begun").records += 1;
    }

    /// The transport decided a part.
    ///
    /// A part that is unknown or already decided is our own mistake in the making; it is ignored and returns false.
    pub fn on_report(&mut self, part: PartId, outcome: PartOutcome, now: Tick) -> bool {
        let index = part.0.wrapping_sub(self.part_first) as usize;
        let Some(sent) = self.parts.get_mut(index).filter(|sent| !sent.decided) else {
            return false;
        };
        sent.decided = true;
        let sent = *sent;
        if outcome == PartOutcome::Acked {
            self.anchor = self.anchor.max(Some(sent.tick));
        }
        for offset in 0..u64::from(sent.records) {
            let record = self.records[(sent.first + offset - self.record_first) as usize];
            self.on_record(record, sent.tick, outcome, now);
        }
        self.trim();
        true
    }

    /// Frees slots that have rested; calls `gone` with each entity that no packet to this viewer can name any more.
    pub fn cool(&mut self, now: Tick, mut gone: impl FnMut(NetId)) {
        while let Some(&slot) = self.cooling.front() {
            let entry = &mut self.slots[usize::from(slot)];
            if entry.free_at > now {
                break;
            }
            entry.phase = Phase::Free;
            gone(entry.id);
            self.cooling.pop_front();
            self.free.push(slot);
        }
    }

    fn on_record(&mut self, record: SentRecord, tick: Tick, outcome: PartOutcome, now: Tick) {
        let entry = &mut self.slots[usize::from(record.slot)];
        if entry.epoch != record.epoch || matches!(entry.phase, Phase::Cooling | Phase::Free) {
            return;
        }
        match (outcome, record.leave) {
            (PartOutcome::Acked, true) => self.rest(record.slot, now),
            (PartOutcome::Acked, false) => entry.on_acked(tick, now),
            (_, true) => entry.in_flight = false,
            (_, false) if entry.sent == tick => {
                entry.sent = Tick(0);
                if entry.phase == Phase::Entering {
                    entry.in_flight = false;
                }
            }
            (_, false) => {}
        }
    }

    fn rest(&mut self, slot: u16, now: Tick) {
        let entry = &mut self.slots[usize::from(slot)];
        entry.phase = Phase::Cooling;
        entry.free_at = Tick(now.0 + BASELINE_TICKS);
        self.cooling.push_back(slot);
    }

    fn allocate(&mut self) -> Option<u16> {
        if let Some(slot) = self.free.pop() {
            return Some(slot);
        }
        if self.slots.len() == SLOTS_MAX {
            return None;
        }
        self.slots.push(VACANT);
        Some((self.slots.len() - 1) as u16)
    }

    fn trim(&mut self) {
        while let Some(front) = self.parts.front().filter(|front| front.decided) {
            let records = usize::from(front.records);
            self.records.drain(..records);
            self.record_first += records as u64;
            self.parts.pop_front();
            self.part_first = self.part_first.wrapping_add(1);
        }
    }
}

const VACANT: Slot = Slot {
    id: NetId(0),
    epoch: 15,
    phase: Phase::Free,
    in_flight: false,
    acked: 0,
    acked_at: Tick(0),
    newest_acked: Tick(0),
    sent: Tick(0),
    priority: 0,
    free_at: Tick(0),
};

#[cfg(test)]
mod tests {
    use super::*;

    const A: NetId = NetId(7);

    /// A view that has told its client of `A` at tick 100 in part 0.
    fn entered() -> View {
        let mut view = View::default();
        let slot = view.enter(A).unwrap();
        assert_eq!(view.begin_part(Tick(100)), PartId(0));
        view.record(slot, Tick(100));
        view
    }

    fn tell(view: &mut View, tick: u32) -> PartId {
        let part = view.begin_part(Tick(tick));
        view.record(0, Tick(tick));
        part
    }

    #[test]
    fn an_acknowledged_state_becomes_a_baseline_of_its_age() {
        let mut view = entered();
        assert!(view.on_report(PartId(0), PartOutcome::Acked, Tick(104)));
        assert_eq!(view.slots()[0].phase, Phase::Known);
        assert_eq!(view.slots()[0].acked_ages(Tick(104)), 1 << 4);
        assert_eq!(view.slots()[0].acked_ages(Tick(163)), 1 << 63);
        assert_eq!(view.slots()[0].acked_ages(Tick(164)), 0);
    }

    /// proves: SNP-10
    #[test]
    fn an_idle_entity_is_told_until_its_final_value_is_acknowledged_and_not_longer() {
        let mut view = entered();
        view.on_report(PartId(0), PartOutcome::Acked, Tick(102));
        let changed = Tick(110);
        assert!(view.slots()[0].is_due(changed, Tick(110)));
        let part = tell(&mut view, 110);
        assert!(!view.slots()[0].is_due(changed, Tick(111)), "it is under way");
        view.on_report(part, PartOutcome::Lost, Tick(115));
        assert!(view.slots()[0].is_due(changed, Tick(115)), "it was lost");
        let part = tell(&mut view, 116);
        view.on_report(part, PartOutcome::Acked, Tick(120));
        assert!(!view.slots()[0].is_due(changed, Tick(10_000)));
    }

    #[test]
    fn a_loss_of_an_older_part_does_not_repeat_a_newer_one() {
        let mut view = entered();
        view.on_report(PartId(0), PartOutcome::Acked, Tick(102));
        let older = tell(&mut view, 103);
        tell(&mut view, 104);
        view.on_report(older, PartOutcome::Lost, Tick(108));
        assert!(!view.slots()[0].is_due(Tick(104), Tick(108)));
    }

    /// proves: SNP-7
    #[test]
    fn a_leave_is_repeated_until_acknowledged_and_its_slot_rests_64_ticks() {
        let mut view = entered();
        view.on_report(PartId(0), PartOutcome::Acked, Tick(102));
        view.leave(0);
        assert_eq!(view.present(), 0);
        assert!(view.slots()[0].is_due(Tick(0), Tick(103)));
        let lost = tell(&mut view, 103);
        assert!(!view.slots()[0].is_due(Tick(0), Tick(104)));
        view.on_report(lost, PartOutcome::NotSent, Tick(104));
        assert!(view.slots()[0].is_due(Tick(0), Tick(104)));
        let part = tell(&mut view, 105);
        view.on_report(part, PartOutcome::Acked, Tick(110));
        let mut gone = Vec::new();
        view.cool(Tick(173), |id| gone.push(id));
        assert_eq!((gone.len(), view.enter(NetId(8))), (0, Some(1)), "the slot still rests");
        view.cool(Tick(174), |id| gone.push(id));
        assert_eq!((gone, view.enter(NetId(9))), (vec![A], Some(0)));
        assert_eq!(view.slots()[0].epoch, 1, "a new presence in the slot is a new epoch");
    }

    #[test]
    fn an_acknowledged_enter_of_an_entity_that_left_meanwhile_does_not_bring_it_back() {
        let mut view = entered();
        view.leave(0);
        view.on_report(PartId(0), PartOutcome::Acked, Tick(104));
        assert_eq!(view.slots()[0].phase, Phase::Leaving);
    }

    #[test]
    fn reports_of_another_epoch_are_ignored() {
        let mut view = entered();
        view.resync();
        view.on_report(PartId(0), PartOutcome::Acked, Tick(104));
        assert_eq!(view.slots()[0].phase, Phase::Entering);
        assert_eq!(view.slots()[0].acked_ages(Tick(104)), 0);
    }

    #[test]
    fn parts_may_be_decided_in_any_order_but_each_only_once() {
        let mut view = entered();
        let second = tell(&mut view, 101);
        let third = tell(&mut view, 102);
        assert!(view.on_report(third, PartOutcome::Acked, Tick(104)));
        assert!(!view.on_report(third, PartOutcome::Lost, Tick(104)));
        assert!(view.on_report(PartId(0), PartOutcome::Lost, Tick(105)));
        assert!(view.on_report(second, PartOutcome::Acked, Tick(105)));
        assert!(!view.on_report(second, PartOutcome::Acked, Tick(105)));
        assert_eq!(view.slots()[0].acked_ages(Tick(105)), 0b11000);
    }

    /// proves: SNP-3
    #[test]
    fn after_minutes_without_an_acknowledged_part_ticks_are_spelled_out_again() {
        let mut view = entered();
        assert!(!view.is_anchored(Tick(100)), "nothing was acknowledged yet");
        view.on_report(PartId(0), PartOutcome::Acked, Tick(104));
        assert!(view.is_anchored(Tick(100 + ANCHOR_TICKS)));
        assert!(!view.is_anchored(Tick(101 + ANCHOR_TICKS)));
        let late = tell(&mut view, 40_000);
        view.on_report(late, PartOutcome::Lost, Tick(40_001));
        assert!(!view.is_anchored(Tick(40_001)), "a lost part tells the client nothing");
        view.resync();
        assert!(!view.is_anchored(Tick(100)));
    }

    #[test]
    fn without_reports_sending_stops_at_the_bound() {
        let mut view = entered();
        for tick in 1..PARTS_IN_FLIGHT_MAX as u32 {
            assert!(view.may_send());
            tell(&mut view, 100 + tick);
        }
        assert!(!view.may_send());
        view.on_report(PartId(0), PartOutcome::Lost, Tick(400));
        assert!(view.may_send());
    }
}
