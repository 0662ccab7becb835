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

/// One use of a slot: from an enter to its leave.
#[derive(Debug)]
pub struct Presence {
    /// Which entity.
    pub id: NetId,
    /// As the server counts presences in this slot.
    pub epoch: u8,
    /// Whether it has left.
    pub gone: bool,
    /// Tick of the enter, or of the leave once gone: records of earlier ticks no longer matter.
    pub since: Tick,
    /// What a client sees of it.
    pub seen: Seen,
    /// Bit k: the state of `seen.tick - k` is held.
    held: u64,
    /// Those, newest first. Of somebody in a crowd only a few of the last 64 were told: room for all of them would be a
    /// kibibyte for each entity, and the waits for it a ninth of the time that a bot takes in a crowd of 600.
    states: VecDeque<EntityState>,
}

impl Presence {
    /// An entity that enters in `tick`.
    #[must_use]
    pub fn new(id: NetId, epoch: u8, kind: EntityKind, tick: Tick, state: EntityState) -> Self {
        let seen = Seen { kind, entered: tick, tick, state };
        Self { id, epoch, gone: false, since: tick, seen, held: 1, states: VecDeque::from([state]) }
    }

    /// Starts over in place, keeping the memory.
    pub fn restart(&mut self, id: NetId, epoch: u8, kind: EntityKind, tick: Tick, state: EntityState) {
        self.states.clear();
        self.states.push_back(state);
        (self.id, self.epoch, self.gone, self.since) = (id, epoch, false, tick);
        self.seen = Seen { kind, entered: tick, tick, state };
        self.held = 1;
    }

    /// Stores the state of a tick.
    pub fn store(&mut self, tick: Tick, state: EntityState) {
        let ahead = tick.since(self.seen.tick);
        if ahead > 0 {
            self.held = if ahead < BASELINE_TICKS { self.held << ahead } else { 0 };
            self.states.truncate(self.held.count_ones() as usize);
            (self.seen.tick, self.seen.state) = (tick, state);
        }
        let age = self.seen.tick.since(tick);
        if age >= BASELINE_TICKS {
            return;
        }
        let at = self.newer_than(age);
        match self.states.get_mut(at).filter(|_| self.held & (1 << age) != 0) {
            Some(held) => *held = state,
            None => self.states.insert(at, state),
        }
        self.held |= 1 << age;
    }

    /// The state of a tick, if it is held.
    #[must_use]
    pub fn state_at(&self, tick: Tick) -> Option<&EntityState> {
        let age = self.seen.tick.0.checked_sub(tick.0)?;
        let is_held = age < BASELINE_TICKS && self.held & (1 << age) != 0;
        self.states.get(self.newer_than(age)).filter(|_| is_held)
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
        let mut presence = Presence::new(NetId(1), 0, EntityKind::Player, Tick(100), state(1));
        presence.store(Tick(163), state(2));
        assert_eq!(presence.state_at(Tick(100)), Some(&state(1)));
        assert_eq!(presence.state_at(Tick(101)), None, "never told");
        presence.store(Tick(164), state(3));
        assert_eq!(presence.state_at(Tick(100)), None);
        assert_eq!(presence.state_at(Tick(163)), Some(&state(2)));
    }

    #[test]
    fn a_late_state_is_held_but_not_shown() {
        let mut presence = Presence::new(NetId(1), 0, EntityKind::Player, Tick(100), state(1));
        presence.store(Tick(110), state(3));
        presence.store(Tick(105), state(2));
        assert_eq!(presence.seen.state, state(3));
        assert_eq!(presence.state_at(Tick(105)), Some(&state(2)));
    }

    #[test]
    fn a_jump_of_exactly_the_ring_forgets_everything_before() {
        let mut presence = Presence::new(NetId(1), 0, EntityKind::Player, Tick(100), state(1));
        presence.store(Tick(164), state(2));
        assert_eq!(presence.state_at(Tick(100)), None);
        assert_eq!(presence.state_at(Tick(164)), Some(&state(2)));
    }

    #[test]
    fn what_is_held_is_what_was_stored_in_whatever_order_it_came() {
        let mut presence = Presence::new(NetId(1), 0, EntityKind::Player, Tick(1_000), state(1_000));
        let mut stored = BTreeMap::from([(1_000, 1_000)]);
        let mut dice = 7_u32;
        for step in 0..4_000 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Mostly a little ahead, at times late, told twice, or after a long gap.
            let ahead = if dice >> 24 == 0 { 70 } else { (dice >> 20) as i32 % 9 - 4 };
            let tick = presence.seen.tick.0.saturating_add_signed(ahead);
            presence.store(Tick(tick), state(step));
            if presence.seen.tick.0 - tick < BASELINE_TICKS {
                stored.insert(tick, step);
            }
            let newest = presence.seen.tick.0;
            for age in 0..80 {
                let expected = stored.get(&(newest - age)).filter(|_| age < BASELINE_TICKS).map(|x| state(*x));
                assert_eq!(presence.state_at(Tick(newest - age)).copied(), expected, "age {age} at {newest}");
            }
        }
    }
}
