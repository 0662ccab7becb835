//! One entity as one client knows it, with the states that later differences may build on.

use protocol::snapshot::BASELINE_TICKS;
use protocol::{EntityKind, EntityState, NetId, Tick};

/// What a client sees of an entity.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// What sort of thing.
    pub kind: EntityKind,
    /// The tick in which it came into view.
    pub entered: Tick,
    /// The tick of the newest state.
    pub tick: Tick,
    /// The newest state.
    pub state: EntityState,
}

/// States of a presence that lie beside it.
const RECENT: usize = 13;
/// So many of them, the oldest, move out when there is no room. At least eight are left: the states of somebody told in
/// every tick who is told against one six ticks old and the two before that.
const MOVED: usize = 5;

/// States by their ticks.
type Older = [EntityState; BASELINE_TICKS as usize];

/// One use of a slot: from an enter to its leave.
///
/// Four lines of the cache, of which a record in a crowd needs two, and one told in every tick three. A store
/// of all bots is far more than the caches hold: with all the states elsewhere a bot among 800 waited three times for each
/// record, and one who is told everything in every tick waited as often for what moved out to a queue. Now what moves out
/// is written to a place that is known beforehand, and nobody waits for that.
#[derive(Debug)]
#[repr(align(128))]
pub struct Presence {
    /// Bit k: the state of `newest - k` is held.
    held: u64,
    /// Those beyond the recent ones, each in the place of its tick modulo 64. They are none for nearly all of a crowd, so
    /// they have no room here.
    older: Option<Box<Older>>,
    /// The tick of the newest state.
    newest: Tick,
    entered: Tick,
    /// Tick of the enter, or of the leave once gone: records of earlier ticks no longer matter.
    pub since: Tick,
    /// Which entity.
    pub id: NetId,
    /// As the server counts presences in this slot.
    pub epoch: u8,
    /// Whether it has left.
    pub gone: bool,
    recent_len: u8,
    /// What sort of thing it is.
    kind: EntityKind,
    /// The newest states held, oldest first.
    recent: [EntityState; RECENT],
}

const _: () = assert!(size_of::<Option<Presence>>() == 256, "four lines");

impl Presence {
    /// An entity that enters in `tick`.
    #[must_use]
    pub fn new(id: NetId, epoch: u8, tick: Tick, state: EntityState) -> Self {
        let (mut recent, kind) = ([EntityState::default(); RECENT], state.kind);
        recent[0] = state;
        let (held, older, recent_len) = (1, None, 1);
        Self { held, older, newest: tick, entered: tick, since: tick, id, epoch, gone: false, recent_len, kind, recent }
    }

    /// What is known of an entity whose leave overtook its enter: no state of it, nor its kind.
    #[must_use]
    pub fn missed(epoch: u8, tick: Tick) -> Self {
        Self { gone: true, held: 0, recent_len: 0, ..Self::new(NetId(0), epoch, tick, EntityState::default()) }
    }

    /// Starts over in place, keeping the memory.
    pub fn restart(&mut self, id: NetId, epoch: u8, tick: Tick, state: EntityState) {
        let older = self.older.take();
        *self = Self { older, ..Self::new(id, epoch, tick, state) };
    }

    /// What a client sees of it.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let state = self.state_at(self.newest).copied().unwrap_or_default();
        Seen { kind: self.kind, entered: self.entered, tick: self.newest, state }
    }

    /// What sort of thing it is.
    #[must_use]
    pub fn kind(&self) -> EntityKind {
        self.kind
    }

    /// The tick of the enter.
    #[must_use]
    pub fn entered(&self) -> Tick {
        self.entered
    }

    /// The tick of the newest state.
    #[must_use]
    pub fn newest(&self) -> Tick {
        self.newest
    }

    /// Stores the state of a tick.
    #[inline]
    pub fn store(&mut self, tick: Tick, state: EntityState) {
        let ahead = tick.since(self.newest);
        if ahead > 0 {
            self.held = if ahead < BASELINE_TICKS { self.held << ahead } else { 0 };
            self.newest = tick;
            self.forget_recent();
        }
        let age = self.newest.since(tick);
        if age >= BASELINE_TICKS {
            return;
        }
        let at = self.newer_than(age);
        if self.held & (1 << age) == 0 {
            self.insert(at, tick, state);
            self.held |= 1 << age;
        } else {
            *self.place(at, tick) = state;
        }
    }

    /// The state of a tick, if it is held.
    #[inline]
    #[must_use]
    pub fn state_at(&self, tick: Tick) -> Option<&EntityState> {
        let age = self.newest.0.checked_sub(tick.0)?;
        let is_held = age < BASELINE_TICKS && self.held & (1 << age) != 0;
        let at = is_held.then(|| self.newer_than(age))?;
        match self.recent().checked_sub(at + 1) {
            Some(place) => self.recent.get(place),
            None => self.older.as_ref().map(|older| &older[place_of(tick)]),
        }
    }

    /// Where the state of a tick is, or is to be, that so many are newer than.
    fn place(&mut self, at: usize, tick: Tick) -> &mut EntityState {
        match self.recent().checked_sub(at + 1) {
            Some(place) => &mut self.recent[place],
            None => &mut self.older.get_or_insert_with(nothing_older)[place_of(tick)],
        }
    }

    /// Puts a state in its place among those held.
    #[inline]
    fn insert(&mut self, at: usize, tick: Tick, state: EntityState) {
        if self.recent() == RECENT {
            self.move_out();
        }
        // Behind all of the recent ones it is one of them only if none is older.
        let has_older = self.count() > self.recent();
        let end = self.recent();
        match end.checked_sub(at) {
            Some(place) if place > 0 || !has_older => {
                if place < end {
                    self.recent.copy_within(place..end, place + 1);
                }
                self.recent[place] = state;
                self.recent_len += 1;
            }
            _ => *self.place(at, tick) = state,
        }
    }

    /// Makes room: the oldest of the recent ones are older ones from now on.
    fn move_out(&mut self) {
        // The ticks of the recent ones are those of the lowest bits.
        let mut held = self.held;
        let older = self.older.get_or_insert_with(nothing_older);
        for (newer, state) in self.recent.iter().rev().enumerate() {
            let age = held.trailing_zeros();
            held &= held - 1;
            if newer >= RECENT - MOVED {
                older[place_of(Tick(self.newest.0.wrapping_sub(age)))] = *state;
            }
        }
        self.recent.copy_within(MOVED.., 0);
        self.recent_len -= MOVED as u8;
    }

    /// Drops those of the recent ones that have become too old.
    #[inline]
    fn forget_recent(&mut self) {
        let end = self.recent();
        let too_old = end.saturating_sub(self.count());
        if too_old > 0 {
            self.recent.copy_within(too_old..end, 0);
            self.recent_len -= too_old as u8;
        }
    }

    fn recent(&self) -> usize {
        usize::from(self.recent_len)
    }

    /// States that are held.
    fn count(&self) -> usize {
        self.held.count_ones() as usize
    }

    /// States held that are younger than this age, below 64.
    fn newer_than(&self, age: u32) -> usize {
        (self.held & ((1 << (age % BASELINE_TICKS)) - 1)).count_ones() as usize
    }
}

/// Where the state of a tick is among the older ones.
fn place_of(tick: Tick) -> usize {
    (tick.0 % BASELINE_TICKS) as usize
}

fn nothing_older() -> Box<Older> {
    Box::new([EntityState::default(); BASELINE_TICKS as usize])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn state(x: i32) -> EntityState {
        EntityState { x, ..EntityState::default() }
    }

    #[test]
    fn states_are_held_for_64_ticks_and_no_longer() {
        let mut presence = Presence::new(NetId(1), 0, Tick(100), state(1));
        presence.store(Tick(163), state(2));
        assert_eq!(presence.state_at(Tick(100)), Some(&state(1)));
        assert_eq!(presence.state_at(Tick(101)), None, "never told");
        presence.store(Tick(164), state(3));
        assert_eq!(presence.state_at(Tick(100)), None);
        assert_eq!(presence.state_at(Tick(163)), Some(&state(2)));
    }

    #[test]
    fn a_late_state_is_held_but_not_shown() {
        let mut presence = Presence::new(NetId(1), 0, Tick(100), state(1));
        presence.store(Tick(110), state(3));
        presence.store(Tick(105), state(2));
        assert_eq!(presence.seen().state, state(3));
        assert_eq!(presence.state_at(Tick(105)), Some(&state(2)));
    }

    #[test]
    fn a_jump_of_exactly_the_ring_forgets_everything_before() {
        let mut presence = Presence::new(NetId(1), 0, Tick(100), state(1));
        presence.store(Tick(164), state(2));
        assert_eq!(presence.state_at(Tick(100)), None);
        assert_eq!(presence.state_at(Tick(164)), Some(&state(2)));
    }

    #[test]
    fn what_is_held_is_what_was_stored_in_whatever_order_it_came() {
        let mut presence = Presence::new(NetId(1), 0, Tick(1_000), state(1_000));
        let mut stored = BTreeMap::from([(1_000, 1_000)]);
        let mut dice = 7_u32;
        for step in 0..4_000 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Mostly a little ahead, at times late, told twice, or after a long gap.
            let ahead = if dice >> 24 == 0 { 70 } else { (dice >> 20) as i32 % 9 - 4 };
            let tick = presence.newest().0.saturating_add_signed(ahead);
            presence.store(Tick(tick), state(step));
            if presence.newest().0 - tick < BASELINE_TICKS {
                stored.insert(tick, step);
            }
            let newest = presence.newest().0;
            for age in 0..80 {
                let expected = stored.get(&(newest - age)).filter(|_| age < BASELINE_TICKS).map(|x| state(*x));
                assert_eq!(presence.state_at(Tick(newest - age)).copied(), expected, "age {age} at {newest}");
            }
        }
    }
}
