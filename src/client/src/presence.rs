//! One entity as one client knows it, with the states that later differences may build on.

use protocol::snapshot::BASELINE_TICKS;
use protocol::{EntityKind, EntityState, NetId, Tick};
use std::collections::VecDeque;

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

/// States of a presence that lie beside it: of somebody in a crowd hardly more of the last 64 were told.
const RECENT: usize = 6;

/// One use of a slot: from an enter to its leave.
///
/// Two lines of the cache, which the processor fetches together: a crowd's presences are far more than the caches hold, and
/// with the states elsewhere a bot among 800 waited three times for each record.
#[derive(Debug)]
#[repr(align(128))]
pub struct Presence {
    /// Bit k: the state of `newest - k` is held.
    held: u64,
    /// Those beyond the recent ones, newest first. They are none for nearly all of a crowd, so they have no room here.
    #[expect(clippy::box_collection, reason = "an empty deque is four words, and these are all the room there is")]
    older: Option<Box<VecDeque<EntityState>>>,
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
    /// The newest states held, newest first; the first also says the kind.
    recent: [EntityState; RECENT],
}

const _: () = assert!(size_of::<Option<Presence>>() == 128, "two lines");

impl Presence {
    /// An entity that enters in `tick`.
    #[must_use]
    pub fn new(id: NetId, epoch: u8, tick: Tick, state: EntityState) -> Self {
        let mut recent = [EntityState::default(); RECENT];
        recent[0] = state;
        Self { held: 1, older: None, newest: tick, entered: tick, since: tick, id, epoch, gone: false, recent }
    }

    /// What is known of an entity whose leave overtook its enter: no state of it, nor its kind.
    #[must_use]
    pub fn missed(epoch: u8, tick: Tick) -> Self {
        Self { gone: true, held: 0, ..Self::new(NetId(0), epoch, tick, EntityState::default()) }
    }

    /// Starts over in place, keeping the memory.
    pub fn restart(&mut self, id: NetId, epoch: u8, tick: Tick, state: EntityState) {
        let mut older = self.older.take();
        older.iter_mut().for_each(|older| older.clear());
        *self = Self { older, ..Self::new(id, epoch, tick, state) };
    }

    /// What a client sees of it.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen { kind: self.kind(), entered: self.entered, tick: self.newest, state: self.recent[0] }
    }

    /// What sort of thing it is.
    #[must_use]
    pub fn kind(&self) -> EntityKind {
        self.recent[0].kind
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
    pub fn store(&mut self, tick: Tick, state: EntityState) {
        let ahead = tick.since(self.newest);
        if ahead > 0 {
            self.held = if ahead < BASELINE_TICKS { self.held << ahead } else { 0 };
            self.newest = tick;
            let older = (self.held.count_ones() as usize).saturating_sub(RECENT);
            self.older.iter_mut().for_each(|states| states.truncate(older));
        }
        let age = self.newest.since(tick);
        if age >= BASELINE_TICKS {
            return;
        }
        let at = self.newer_than(age);
        if self.held & (1 << age) == 0 {
            self.insert(at, state);
            self.held |= 1 << age;
        } else if let Some(held) = self.state_mut(at) {
            *held = state;
        }
    }

    /// The state of a tick, if it is held.
    #[must_use]
    pub fn state_at(&self, tick: Tick) -> Option<&EntityState> {
        let age = self.newest.0.checked_sub(tick.0)?;
        let is_held = age < BASELINE_TICKS && self.held & (1 << age) != 0;
        let at = is_held.then(|| self.newer_than(age))?;
        self.recent.get(at).or_else(|| self.older.as_ref()?.get(at - RECENT))
    }

    fn state_mut(&mut self, at: usize) -> Option<&mut EntityState> {
        match at.checked_sub(RECENT) {
            None => self.recent.get_mut(at),
            Some(at) => self.older.as_mut()?.get_mut(at),
        }
    }

    /// Puts a state in its place among those held.
    fn insert(&mut self, at: usize, state: EntityState) {
        let count = self.held.count_ones() as usize;
        // No farther than there are any: of a crowd that is often not as far as the second line.
        let Some(later) = self.recent.get_mut(at..(count + 1).min(RECENT)).filter(|later| !later.is_empty()) else {
            return self.older.get_or_insert_default().insert(at - RECENT, state);
        };
        later.rotate_right(1);
        let last = std::mem::replace(&mut later[0], state);
        if count >= RECENT {
            self.older.get_or_insert_default().push_front(last);
        }
    }

    /// States held that are younger than this age, below 64.
    fn newer_than(&self, age: u32) -> usize {
        (self.held & ((1 << (age % BASELINE_TICKS)) - 1)).count_ones() as usize
    }
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
