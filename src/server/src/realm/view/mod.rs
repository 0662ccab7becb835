//! What one viewer knows of the others: a table of slots, each a presence from enter to acknowledged leave.
//!
//! ```text
//!            enter acked             out of view              leave acked        64 ticks
//! Entering --------------> Known ----------------> Leaving ----------------> Cooling ------> free
//!     '------------------------ out of view ----------^
//! ```
//! A slot is the viewer's short name for the entity. It is not given out again before its leave is acknowledged and
//! 64 ticks have passed, so that no packet still under way can mean another entity by it (spec: SNP-7).
//!
//! A thousand views are larger than the caches, so each has as few places in memory as can be, and an acknowledgement is
//! noted once for a tick rather than in every slot that was told in it. With one row of 40 bytes for each slot, and
//! every acknowledged record written to its row, a tick of a thousand players spent half of its time waiting for memory.

mod slot;
mod slot_set;
#[cfg(test)]
mod tests;
mod turns;
mod undecided;

pub use slot::{Phase, Status};
pub use turns::Turns;

use super::snapshot::RECORD_BITS;
use protocol::snapshot::{BASELINE_TICKS, SLOTS_MAX};
use protocol::{NetId, Tick};
use rudp::{PartId, PartOutcome, Prefetch};
use serde::{Deserialize, Serialize};
use slot::{Name, Told, moved_on};
use slot_set::SlotSet;
use std::collections::VecDeque;
use turns::TurnTable;
use undecided::{KeptRecord, SentPart, Undecided};

/// Ticks between two full records of an entity whose enter is not acknowledged yet: 100 ms.
const ENTER_REPEAT_TICKS: u32 = 6;
/// An acknowledged tick this much older than now still tells what the low 16 bits of now mean: half of what would do.
const ANCHOR_TICKS: u32 = 1 << 14;
/// A slot number and a priority are 32 bits together, so that what is due is put in order as plain numbers.
pub const SLOT_BITS: u32 = SLOTS_MAX.ilog2();
/// No priority is higher. Why none comes to it, and why nothing starves if one does: [`super::priority`].
pub const PRIORITY_MAX: u32 = u32::MAX >> SLOT_BITS;
/// Fewer records than these say little of what others will take.
const RECORDS_NOTED_MIN: usize = 4;
/// More bits than any record takes.
const RECORD_BITS_NOTED_MAX: usize = 255;
/// Room that a view has from the start, so that it need not grow in the middle of play: what a player sees among people
/// (p95) with as many slots at rest. About 5 KiB; in denser crowds it doubles.
const SLOTS_RESERVED: usize = 160;

/// The slots of one viewer and the parts under way to it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct View {
    /// Slots that are not free.
    taken: SlotSet,
    /// Those of them that are looked at in every tick: who was near when last looked at, comes or goes. The others take
    /// turns.
    near: Vec<u64>,
    by_turn: TurnTable,
    /// When slots were last ranked.
    ranked: Tick,
    /// By slot ever used, as the next one: what is read of those whose turn it is not, too.
    names: Vec<Name>,
    told: Vec<Told>,
    /// Bit k: the first part of the tick `arrived_at - k` has arrived.
    arrived: u64,
    arrived_at: Tick,
    /// Slots whose leave is acknowledged, and when they will have rested enough, soonest first.
    cooling: VecDeque<(u16, Tick)>,
    undecided: Undecided,
    /// Slots that are Entering or Known.
    present: usize,
    /// Tick of the newest part that was acknowledged; without one ticks are spelled out.
    anchor: Option<Tick>,
    /// Bits that a record has taken lately, on average; 0 before the first part.
    record_bits: u16,
}

/// How a viewer regards an entity at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Regard {
    /// When its state last became another one.
    pub changed: Tick,
    /// What its priority grows by in a tick.
    pub urgency: u16,
    /// Whether it is looked at in every tick, however many others there are.
    pub is_near: bool,
}

/// A slot that is due, and what is to be known to tell it.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// Which.
    pub slot: u16,
    /// The entity in it.
    pub id: NetId,
    /// How far the presence has come, and its epoch.
    pub status: Status,
    /// The states that the client is known to hold of who is known to it: bit k stands for that of k ticks ago.
    pub acked: u64,
}

impl View {
    /// A view of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            taken: SlotSet::with_capacity(SLOTS_RESERVED),
            near: Vec::with_capacity(SLOTS_RESERVED.div_ceil(64)),
            by_turn: TurnTable::with_capacity(SLOTS_RESERVED),
            names: Vec::with_capacity(SLOTS_RESERVED),
            told: Vec::with_capacity(SLOTS_RESERVED),
            cooling: VecDeque::with_capacity(SLOTS_RESERVED),
            undecided: Undecided::new(),
            ..Self::default()
        }
    }

    /// All slots that are not free have numbers below this.
    #[must_use]
    pub fn slots_end(&self) -> usize {
        self.taken.end()
    }

    /// How far the presence in a slot has come.
    #[must_use]
    pub fn phase(&self, slot: u16) -> Phase {
        self.names[usize::from(slot)].status.phase()
    }

    /// The entity in a slot.
    #[must_use]
    pub fn id(&self, slot: u16) -> NetId {
        self.names[usize::from(slot)].id
    }

    /// Entities that some packet to this viewer may still name.
    pub fn named(&self) -> impl Iterator<Item = NetId> {
        self.taken.iter().map(|slot| self.id(slot))
    }

    /// The same, each with how far its presence has come.
    pub fn presences(&self) -> impl Iterator<Item = (NetId, Phase)> {
        self.taken.iter().map(|slot| (self.id(slot), self.phase(slot)))
    }

    /// Entities in view.
    #[must_use]
    pub fn present(&self) -> usize {
        self.present
    }

    /// Those in view, by slot.
    pub fn in_view(&self) -> impl Iterator<Item = (u16, NetId)> {
        self.taken.iter().filter(|&slot| self.phase(slot).is_present()).map(|slot| (slot, self.id(slot)))
    }

    /// Whether the client knows a tick from which 16 bits name `now`: after minutes of silence it does not.
    #[must_use]
    pub fn is_anchored(&self, now: Tick) -> bool {
        self.anchor.is_some_and(|anchor| now.0.saturating_sub(anchor.0) <= ANCHOR_TICKS)
    }

    /// What is to be known to tell a slot at `now`.
    #[must_use]
    pub fn due(&self, slot: u16, now: Tick) -> Due {
        let Name { id, status } = self.names[usize::from(slot)];
        Due { slot, id, status, acked: acked_ages(status, &self.told[usize::from(slot)], self.arrived(now), now) }
    }

    /// spec: SNP-10. As [`Self::rank`], where all that is due can be told: by slot, and nobody's priority grows. `changed` says
    /// when the state of an entity last became another one; of one that has no state, nothing.
    pub fn list(&mut self, now: Tick, changed: impl Fn(NetId) -> Option<Tick>, mut due: impl FnMut(Due)) {
        if !self.may_send() {
            return;
        }
        self.ranked = now;
        let arrived = self.arrived(now);
        self.near.resize(self.taken.words().len(), 0);
        for (at, &taken) in self.taken.words().iter().enumerate() {
            // Should they be ranked again, all of them are looked at first.
            self.near[at] = taken;
            for bit in slot_set::bits(taken) {
                let slot = at as u16 * u64::BITS as u16 + bit;
                let Name { id, status } = self.names[usize::from(slot)];
                let told = &self.told[usize::from(slot)];
                let is_due = match status.phase() {
                    Phase::Free | Phase::Cooling => false,
                    Phase::Leaving => !status.is_settled(),
                    Phase::Entering | Phase::Known => {
                        changed(id).is_some_and(|changed| is_due(status, told, changed, now))
                    }
                };
                if is_due {
                    due(Due { slot, id, status, acked: acked_ages(status, told, arrived, now) });
                }
            }
        }
    }

    /// spec: SNP-10. Lists the slots that should be told at `now`, in their order, each with its priority, which has grown
    /// by its urgency: that of a present entity as `look` regards it, who is given its phase and the ticks since it was told
    /// last; none for one that has no state.
    ///
    /// What the client has or what is under way is not told: a lost part makes it due again. A presence without any
    /// acknowledged state would cost a full record per tick, so it is repeated only every [`ENTER_REPEAT_TICKS`]. While no
    /// part may be sent nothing is listed, and nobody's priority grows: nobody is passed over for another then.
    pub fn rank(
        &mut self,
        now: Tick,
        turns: Turns,
        urgency_of_leave: u16,
        mut look: impl FnMut(NetId, Phase, u32) -> Option<Regard>,
        mut due: impl FnMut(u16, u32),
    ) {
        if !self.may_send() {
            return;
        }
        let turns = turns.since(std::mem::replace(&mut self.ranked, now), now);
        let classes = turns.classes();
        self.near.resize(self.taken.words().len(), 0);
        for (at, (&taken, near)) in self.taken.words().iter().zip(&mut self.near).enumerate() {
            *near &= taken;
            for bit in slot_set::bits(taken & (*near | self.by_turn.slots(at, classes))) {
                let slot = at as u16 * u64::BITS as u16 + bit;
                let Name { id, status } = self.names[usize::from(slot)];
                let phase = status.phase();
                let is_near = *near >> bit & 1 != 0;
                let told = &mut self.told[usize::from(slot)];
                let (is_due, urgency) = match phase {
                    Phase::Free | Phase::Cooling => {
                        *near &= !(1 << bit);
                        continue;
                    }
                    Phase::Leaving => (!status.is_settled(), urgency_of_leave),
                    Phase::Entering | Phase::Known => {
                        let Some(regard) = look(id, phase, now.since(told.tick)) else { continue };
                        *near = *near & !(1 << bit) | u64::from(regard.is_near) << bit;
                        let takes_turns = !regard.is_near && !is_near;
                        let urgency = regard.urgency * if takes_turns { turns.worth() } else { 1 };
                        (is_due(status, told, regard.changed, now), urgency)
                    }
                };
                if is_due {
                    told.priority = (told.priority + u32::from(urgency)).min(PRIORITY_MAX);
                    due(slot, told.priority);
                }
            }
        }
    }

    /// Takes an entity into view. None if all slots are taken or resting: then it waits.
    pub fn enter(&mut self, id: NetId) -> Option<u16> {
        let slot = self.allocate()?;
        self.begin_presence(usize::from(slot), id);
        self.present += 1;
        Some(slot)
    }

    /// Puts an entity out of view: from now on the client is told so until it has acknowledged it.
    pub fn leave(&mut self, slot: u16) {
        let status = &mut self.names[usize::from(slot)].status;
        assert!(status.phase().is_present(), "only what is in view can leave it");
        status.set_phase(Phase::Leaving);
        status.set_settled(false);
        self.told[usize::from(slot)].priority = 0;
        self.look_at_always(slot.into());
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
        for slot in 0..self.taken.end() {
            let Name { id, status } = self.names[slot];
            if status.phase().is_present() {
                self.begin_presence(slot, id);
            }
        }
        self.anchor = None;
    }

    /// Whether another part may be sent.
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.undecided.has_room()
    }

    /// Bits that a record takes this viewer, 1 or more: in a crowd in which many come and go, and few are told before what the
    /// client holds of them is too old, twice what it takes elsewhere. With a constant such viewers weighed four times as many
    /// as could be told.
    #[must_use]
    pub fn record_bits(&self) -> usize {
        if self.record_bits == 0 { RECORD_BITS } else { self.record_bits.into() }
    }

    /// The records of a part took so many bits.
    pub fn note_record_bits(&mut self, bits: u32, records: usize) {
        if records >= RECORDS_NOTED_MIN {
            let now = (bits as usize).div_ceil(records).min(RECORD_BITS_NOTED_MAX);
            let before = if self.record_bits == 0 { now } else { self.record_bits.into() };
            self.record_bits = (3 * before + now).div_ceil(4) as u16;
        }
    }

    /// Starts a part for `tick` and names it.
    pub fn begin_part(&mut self, tick: Tick) -> PartId {
        self.undecided.begin(tick)
    }

    /// Adds a record to the part begun last.
    pub fn record(&mut self, slot: u16) {
        let &SentPart { tick, is_first, .. } = self.undecided.last();
        let at = usize::from(slot);
        let (status, told) = (&mut self.names[at].status, &mut self.told[at]);
        let (epoch, is_leave) = (status.epoch(), status.phase() == Phase::Leaving);
        status.set_settled(true);
        told.priority = 0;
        if !is_leave {
            told.before = moved_on(told.before, told.tick, tick) | u64::from(is_first);
            told.tick = tick;
        }
        if status.phase() != Phase::Known || !is_first {
            self.undecided.keep(KeptRecord { slot, epoch, is_leave });
        }
    }

    /// The transport decided a part.
    ///
    /// A part that is unknown or already decided is our own mistake in the making; it is ignored and returns false.
    pub fn on_report(&mut self, part: PartId, outcome: PartOutcome, now: Tick) -> bool {
        let Some(sent) = self.undecided.decide(part) else { return false };
        let is_acked = outcome == PartOutcome::Acked;
        if is_acked {
            self.on_acked(&sent, now);
        } else if sent.is_first {
            self.on_lost(sent.tick);
        }
        for at in self.undecided.records_of(&sent) {
            self.on_record(self.undecided.record(at), &sent, is_acked, now);
        }
        self.undecided.trim();
        true
    }

    /// Frees slots that have rested; calls `gone` with each entity that no packet to this viewer can name any more.
    pub fn cool(&mut self, now: Tick, mut gone: impl FnMut(NetId)) {
        while let Some(&(slot, _)) = self.cooling.front().filter(|(_, free_at)| *free_at <= now) {
            self.names[usize::from(slot)].status.set_phase(Phase::Free);
            gone(self.id(slot));
            self.cooling.pop_front();
            self.taken.remove(slot);
        }
    }

    /// About to be used.
    pub fn prefetch(&self, prefetch: Prefetch) {
        for run in self.taken.runs() {
            prefetch.value(&self.names[run.clone()]);
            prefetch.value(&self.told[run]);
        }
        self.undecided.prefetch(prefetch);
    }

    fn on_acked(&mut self, sent: &SentPart, now: Tick) {
        self.anchor = self.anchor.max(Some(sent.tick));
        self.arrived = moved_on(self.arrived, self.arrived_at, now);
        self.arrived_at = now;
        let age = now.since(sent.tick);
        if sent.is_first && age < BASELINE_TICKS {
            self.arrived |= 1 << age;
        }
    }

    /// What was told last in the first part of that tick is due again.
    fn on_lost(&mut self, tick: Tick) {
        for slot in self.taken.iter().map(usize::from) {
            // What was told in a further part of that tick is decided with that.
            let (status, told) = (&mut self.names[slot].status, &self.told[slot]);
            let is_told_last = told.tick == tick && told.before & 1 != 0;
            if is_told_last && status.phase().is_present() {
                status.set_settled(false);
            }
        }
    }

    fn on_record(&mut self, record: KeptRecord, sent: &SentPart, is_acked: bool, now: Tick) {
        let at = usize::from(record.slot);
        let status = &mut self.names[at].status;
        if status.epoch() != record.epoch || matches!(status.phase(), Phase::Cooling | Phase::Free) {
            return;
        }
        match (is_acked, record.is_leave) {
            (true, true) => self.rest(record.slot, now),
            (false, true) => status.set_settled(false),
            (true, false) => {
                if status.phase() == Phase::Entering {
                    status.set_phase(Phase::Known);
                }
                let age = self.told[at].tick.since(sent.tick);
                if !sent.is_first && age < BASELINE_TICKS {
                    self.told[at].before |= 1 << age;
                }
            }
            (false, false) => {
                if !sent.is_first && self.told[at].tick == sent.tick && status.phase().is_present() {
                    status.set_settled(false);
                }
            }
        }
    }

    /// Bit k: the first part of the tick `now - k` has arrived.
    fn arrived(&self, now: Tick) -> u64 {
        moved_on(self.arrived, self.arrived_at, now)
    }

    fn begin_presence(&mut self, slot: usize, id: NetId) {
        self.names[slot] = Name { id, status: self.names[slot].status.next_presence() };
        self.told[slot] = Told::NOTHING;
        self.by_turn.assign(slot, id);
        self.look_at_always(slot);
    }

    fn look_at_always(&mut self, slot: usize) {
        let (at, bit) = (slot / u64::BITS as usize, slot % u64::BITS as usize);
        self.near.resize(self.near.len().max(at + 1), 0);
        self.near[at] |= 1 << bit;
    }

    fn rest(&mut self, slot: u16, now: Tick) {
        self.names[usize::from(slot)].status.set_phase(Phase::Cooling);
        self.cooling.push_back((slot, Tick(now.0 + BASELINE_TICKS)));
    }

    fn allocate(&mut self) -> Option<u16> {
        let slot = self.taken.add_lowest()?;
        if usize::from(slot) == self.names.len() {
            self.names.push(Name::VACANT);
            self.told.push(Told::NOTHING);
        }
        Some(slot)
    }
}

/// Whether a presence should be told that last changed then.
fn is_due(status: Status, told: &Told, changed: Tick, now: Tick) -> bool {
    let is_old = status.phase() == Phase::Known || now.since(told.tick) >= ENTER_REPEAT_TICKS;
    !status.is_settled() || (is_old && changed > told.tick)
}

/// The ages of what was told of a presence and is among what has arrived; of who is not known yet, none.
fn acked_ages(status: Status, told: &Told, arrived: u64, now: Tick) -> u64 {
    if status.phase() == Phase::Known { moved_on(told.before, told.tick, now) & arrived } else { 0 }
}
