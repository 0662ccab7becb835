//! Everything the server has shown this client: slots, baselines, and the own state.

use crate::among::Among;
use crate::presence::{Presence, Seen};
use crate::told::Told;
use protocol::snapshot::{BASELINE_TICKS, Baseline, BaselineAges, PartError, PartReader, Record, RecordBody};
use protocol::{EntityState, NetId, OwnState, Tick};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why a part could not be stored; its packet is then not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The bytes are no part: the server's fault.
    #[error(transparent)]
    Malformed(#[from] PartError),
    /// A difference in a slot that was never entered: the server's fault.
    #[error("slot {0} holds nothing")]
    UnknownSlot(u16),
    /// A difference against a state that was never received: the server's fault.
    #[error("slot {slot} holds no state of tick {tick}", tick = tick.0)]
    UnknownBaseline {
        /// Where.
        slot: u16,
        /// Of when.
        tick: Tick,
    },
    /// The part is so late that its baselines may be overwritten: nobody's fault.
    #[error("the part is {0} ticks old")]
    Late(u32),
    /// Among many, others are so far ahead that what is shared with them was overwritten: nobody's fault.
    #[error("its baseline is shared, and others are seconds ahead")]
    Overwritten,
    /// Nothing is shown before the welcome says how: nobody's fault, datagrams overtake each other.
    #[error("a snapshot before the welcome")]
    NotWelcome,
}

impl StoreError {
    /// Whether client and server disagree about what the client holds.
    #[must_use]
    pub fn needs_resync(self) -> bool {
        !matches!(self, Self::Late(_) | Self::Overwritten | Self::NotWelcome)
    }
}

/// What came in, since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreCounters {
    /// Parts stored.
    pub parts: u64,
    /// Ticks of which at least one part was stored.
    pub ticks: u64,
    /// Parts refused because client and server disagree.
    pub parts_refused: u64,
    /// Parts refused because they came too late.
    pub parts_late: u64,
    /// States of others stored.
    pub updates: u64,
    /// Records that concerned a presence already over.
    pub records_ignored: u64,
}

/// spec: SNP-9. A part this many ticks behind the newest is refused: a baseline of it could be older than what is kept.
const LATE_TICKS: u32 = BASELINE_TICKS / 2;

/// So far ahead that memory has answered by then: about every other slot has a record, and to read one takes a good part of
/// such a wait.
const SLOTS_AHEAD: usize = 4;

/// The client's view of the world.
#[derive(Debug, Default)]
pub struct SnapshotStore {
    slots: Vec<Option<Presence>>,
    by_id: BTreeMap<NetId, u16>,
    newest: Tick,
    own: Option<(Tick, OwnState)>,
    /// Figures.
    pub counters: StoreCounters,
}

impl SnapshotStore {
    /// Ticks expand against this one from now on.
    pub fn start(&mut self, tick: Tick) {
        self.newest = self.newest.max(tick);
    }

    /// The newest own state.
    #[must_use]
    pub fn own(&self) -> Option<(Tick, OwnState)> {
        self.own
    }

    /// The newest tick told.
    #[must_use]
    pub fn newest(&self) -> Tick {
        self.newest
    }

    /// The newest tick of which a part was stored, 0 before the first: the welcome names a tick and shows nothing of it.
    #[must_use]
    pub fn shown(&self) -> Tick {
        if self.counters.parts > 0 { self.newest } else { Tick(0) }
    }

    /// Everybody in view.
    pub fn entities(&self) -> impl Iterator<Item = (NetId, Seen)> {
        self.slots.iter().flatten().filter(|presence| !presence.gone).map(|presence| (presence.id, presence.seen()))
    }

    /// One entity, if it is in view.
    #[must_use]
    pub fn sees(&self, id: NetId) -> Option<Seen> {
        let presence = self.slots.get(usize::from(*self.by_id.get(&id)?))?.as_ref()?;
        Some(presence.seen())
    }

    /// A part comes soon (see [`rudp::Prefetch`]).
    pub(crate) fn expect(&self, prefetch: rudp::Prefetch) {
        prefetch.value(&self.slots[..]);
    }

    /// Stores all of a part and tells what it says of others. Among many, what other clients have read is not read again.
    /// Answers whether it says anything new of the player himself: [`Self::own`].
    ///
    /// # Errors
    /// [`StoreError`]; what was stored before the error stays, each state being true of its tick on its own.
    pub fn apply(&mut self, bytes: &[u8], among: Option<&mut Among>, told: &mut impl Told) -> Result<bool, StoreError> {
        let stored = self.apply_records(bytes, among, told);
        match stored {
            Ok(_) => self.counters.parts += 1,
            Err(StoreError::Late(_) | StoreError::Overwritten) => self.counters.parts_late += 1,
            Err(_) => self.counters.parts_refused += 1,
        }
        stored
    }

    fn apply_records(
        &mut self,
        bytes: &[u8],
        mut among: Option<&mut Among>,
        told: &mut impl Told,
    ) -> Result<bool, StoreError> {
        let mut reader = PartReader::new(bytes, self.newest)?;
        let header = *reader.header();
        let behind = self.newest.since(header.tick);
        if behind >= LATE_TICKS {
            return Err(StoreError::Late(behind));
        }
        let mut ahead = 0;
        loop {
            if let Some((slot, ages)) = reader.next_usual() {
                if let (Some(among), Some([most, _])) = (&among, header.usual) {
                    ahead = self.look_ahead(ahead, header.tick, slot, most, among);
                }
                self.apply_delta(header.tick, slot, ages, &mut reader, among.as_deref_mut(), told)?;
            } else if let Some(record) = reader.next_record()? {
                self.apply_record(header.tick, record, &mut reader, among.as_deref_mut(), told)?;
            } else {
                break;
            }
        }
        if header.tick > self.newest {
            self.newest = header.tick;
        }
        if let Some(state) = header.own
            && self.own.is_none_or(|(tick, _)| header.tick > tick)
        {
            self.counters.ticks += 1;
            self.own = Some((header.tick, state));
            return Ok(true);
        }
        Ok(false)
    }

    #[inline]
    fn apply_record(
        &mut self,
        tick: Tick,
        record: Record,
        reader: &mut PartReader<'_>,
        among: Option<&mut Among>,
        told: &mut impl Told,
    ) -> Result<(), StoreError> {
        match record.body {
            RecordBody::Enter { epoch, net_id, kind } => {
                let state = reader.state_full(kind)?;
                self.on_enter(tick, record.slot, epoch, net_id, state, among, told);
            }
            RecordBody::Leave { epoch } => self.on_leave(tick, record.slot, epoch, told),
            RecordBody::Refresh => {
                let presence = self.presence(record.slot, tick)?;
                if !presence.is_known() {
                    return Err(StoreError::UnknownSlot(record.slot));
                }
                let (id, kind) = (presence.id, presence.kind());
                let state = reader.state_full(kind)?;
                let is_shared = among.is_some_and(|among| among.states.keep(id, tick, &state));
                self.on_state(tick, record.slot, &state, is_shared, told)?;
            }
            RecordBody::Delta { ages } => {
                self.apply_delta(tick, record.slot, ages, reader, among, told)?;
            }
        }
        Ok(())
    }

    /// spec: SNP-15. Without its baseline not even the end of a difference is known, so it is read of a presence that is over,
    /// too.
    #[inline]
    fn apply_delta(
        &mut self,
        tick: Tick,
        slot: u16,
        ages: BaselineAges,
        reader: &mut PartReader<'_>,
        mut among: Option<&mut Among>,
        told: &mut impl Told,
    ) -> Result<(), StoreError> {
        let presence = self.presence(slot, tick)?;
        if let Some(among) = &mut among
            && presence.shares(tick, ages)
            && let Some(state) = reader.recall(&mut among.memo, presence.id, ages)
        {
            return self.on_state(tick, slot, &state, true, told);
        }
        let (state, is_shared) = read_delta(presence, slot, tick, ages, reader, among)?;
        self.on_state(tick, slot, &state, is_shared, told)
    }

    /// Asks for what records of the next slots will need: it is there when their turn comes. Answers up to which slot it has
    /// done so; before it had up to `from`.
    #[inline]
    fn look_ahead(&self, from: usize, tick: Tick, slot: u16, ages: BaselineAges, among: &Among) -> usize {
        let next = usize::from(slot) + 1;
        let until = (next + SLOTS_AHEAD).min(self.slots.len());
        for presence in self.slots.get(from.max(next)..until).into_iter().flatten().flatten() {
            among.prefetch.maybe(among.memo.row(presence.id, tick, ages));
        }
        until
    }

    /// Who is in the slot, unless somebody else was in `tick`.
    #[inline]
    fn presence(&self, slot: u16, tick: Tick) -> Result<&Presence, StoreError> {
        let presence = self.slots.get(usize::from(slot)).and_then(Option::as_ref);
        let presence = presence.ok_or(StoreError::UnknownSlot(slot))?;
        if presence.entered() > tick {
            // It concerns a presence before this one, whose states are forgotten.
            return Err(StoreError::Late(presence.entered().since(tick)));
        }
        Ok(presence)
    }

    #[inline]
    fn on_state(
        &mut self,
        tick: Tick,
        slot: u16,
        state: &EntityState,
        is_shared: bool,
        told: &mut impl Told,
    ) -> Result<(), StoreError> {
        let presence = self.slots.get_mut(usize::from(slot)).and_then(Option::as_mut);
        let presence = presence.ok_or(StoreError::UnknownSlot(slot))?;
        if presence.gone || presence.since > tick {
            self.counters.records_ignored += 1;
            return Ok(());
        }
        presence.store(tick, state, is_shared);
        self.counters.updates += 1;
        told.on_update(tick, presence.id, state);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "a record, and what it does")]
    fn on_enter(
        &mut self,
        tick: Tick,
        slot: u16,
        epoch: u8,
        id: NetId,
        state: EntityState,
        among: Option<&mut Among>,
        told: &mut impl Told,
    ) {
        let (row, kind) = (usize::from(slot), state.kind);
        let is_shared = among.is_some_and(|among| among.states.keep(id, tick, &state));
        if self.slots.len() <= row {
            self.slots.resize_with(row + 1, || None);
        }
        if let Some(presence) = &mut self.slots[row] {
            let same = presence.epoch == epoch && presence.id == id && presence.kind() == kind;
            if same && !presence.gone {
                // Told again because the acknowledgement was still under way.
                presence.store(tick, &state, is_shared);
                self.counters.updates += 1;
                told.on_update(tick, id, &state);
                return;
            }
            if presence.since > tick || same {
                self.counters.records_ignored += 1;
                return;
            }
        }
        self.end(tick, slot, told);
        let presence = self.slots[row].get_or_insert_with(|| Presence::missed(epoch, tick));
        presence.restart(id, epoch, tick, kind);
        presence.store(tick, &state, is_shared);
        if let Some(&other) = self.by_id.get(&id) {
            let newer = self.slots[usize::from(other)].as_ref().is_some_and(|presence| presence.since > tick);
            if newer {
                // The entity came back in another slot and that enter overtook this one, which is over already.
                if let Some(presence) = &mut self.slots[row] {
                    presence.gone = true;
                }
                self.counters.records_ignored += 1;
                return;
            }
            // The server gave the entity another slot; the leave of the old one is still under way.
            self.end(tick, other, told);
        }
        self.by_id.insert(id, slot);
        self.counters.updates += 1;
        told.on_enter(tick, id, kind);
        told.on_update(tick, id, &state);
    }

    fn on_leave(&mut self, tick: Tick, slot: u16, epoch: u8, told: &mut impl Told) {
        let row = usize::from(slot);
        if self.slots.len() <= row {
            self.slots.resize_with(row + 1, || None);
        }
        match &self.slots[row] {
            Some(presence) if presence.since > tick => self.counters.records_ignored += 1,
            Some(_) => {
                // Newer than what is shown here, so it ends that too, whatever its epoch: a leave of a later epoch
                // means that the slot was entered anew and left before that enter arrived. Ignored but acknowledged,
                // it would leave a ghost.
                self.end(tick, slot, told);
                if let Some(presence) = &mut self.slots[row] {
                    (presence.epoch, presence.since) = (epoch, tick);
                }
            }
            None => {
                // The leave overtook its enter: remember it, or the late enter would raise a ghost.
                self.slots[row] = Some(Presence::missed(epoch, tick));
            }
        }
    }

    /// Ends the presence in a slot, if one is there.
    fn end(&mut self, tick: Tick, slot: u16, told: &mut impl Told) {
        let Some(presence) = self.slots.get_mut(usize::from(slot)).and_then(Option::as_mut) else { return };
        if presence.gone {
            return;
        }
        presence.gone = true;
        presence.since = tick.max(presence.since);
        if self.by_id.get(&presence.id) == Some(&slot) {
            self.by_id.remove(&presence.id);
            told.on_leave(tick, presence.id, presence.kind());
        }
    }
}

/// Reads a difference against what is held, and has others recall it if all of that is shared. Answers whether the state is.
fn read_delta(
    presence: &Presence,
    slot: u16,
    tick: Tick,
    ages: BaselineAges,
    reader: &mut PartReader<'_>,
    among: Option<&mut Among>,
) -> Result<(EntityState, bool), StoreError> {
    let at = |age: u8| Tick(tick.0.wrapping_sub(u32::from(age)));
    let behind = ages.ticks().map(|age| presence.newest().since(at(age))).max().unwrap_or(0);
    if behind >= BASELINE_TICKS {
        // A newer packet overtook this one and with it the base fell out of the ring.
        return Err(StoreError::Late(behind));
    }
    if let Some(age) = ages.ticks().find(|age| !presence.holds(at(*age))) {
        return Err(StoreError::UnknownBaseline { slot, tick: at(age) });
    }
    let shared = among.as_ref().map(|among| &among.states);
    let baseline = Baseline::gather(ages, |age| presence.state_at(at(age), shared));
    let baseline = baseline.ok_or(StoreError::Overwritten)?;
    let Some(among) = among else { return Ok((reader.state_delta(&baseline)?, false)) };
    among.memo.misses += 1;
    if !presence.shares(tick, ages) {
        let state = reader.state_delta(&baseline)?;
        return Ok((state, among.states.keep(presence.id, tick, &state)));
    }
    let Among { memo, states, .. } = among;
    Ok(reader.state_delta_noted(memo, presence.id, &baseline, |state| states.keep(presence.id, tick, state))?)
}

#[cfg(test)]
mod tests;
