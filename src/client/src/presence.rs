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
    states: Box<[EntityState; BASELINE_TICKS as usize]>,
}

impl Presence {
    /// An entity that enters in `tick`.
    #[must_use]
    pub fn new(id: NetId, epoch: u8, kind: EntityKind, tick: Tick, state: EntityState) -> Self {
        let mut states = Box::new([EntityState::default(); BASELINE_TICKS as usize]);
        states[row(tick)] = state;
        Self { id, epoch, gone: false, since: tick, seen: Seen { kind, entered: tick, tick, state }, held: 1, states }
    }

    /// Starts over in place, keeping the memory.
    pub fn restart(&mut self, id: NetId, epoch: u8, kind: EntityKind, tick: Tick, state: EntityState) {
        self.states[row(tick)] = state;
        (self.id, self.epoch, self.gone, self.since) = (id, epoch, false, tick);
        self.seen = Seen { kind, entered: tick, tick, state };
        self.held = 1;
    }

    /// Stores the state of a tick.
    pub fn store(&mut self, tick: Tick, state: EntityState) {
        let ahead = tick.since(self.seen.tick);
        if ahead > 0 {
            self.held = if ahead < BASELINE_TICKS { self.held << ahead } else { 0 };
            self.held |= 1;
            (self.seen.tick, self.seen.state) = (tick, state);
        } else {
            let age = self.seen.tick.since(tick);
            if age >= BASELINE_TICKS {
                return;
            }
            self.held |= 1 << age;
        }
        self.states[row(tick)] = state;
    }

    /// The state of a tick, if it is held.
    #[must_use]
    pub fn state_at(&self, tick: Tick) -> Option<&EntityState> {
        let age = self.seen.tick.0.checked_sub(tick.0)?;
        let held = age < BASELINE_TICKS && self.held & (1 << age) != 0;
        held.then(|| &self.states[row(tick)])
    }
}

fn row(tick: Tick) -> usize {
    (tick.0 % BASELINE_TICKS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
