//! One entity as one client knows it, with the states that later differences may build on.

use crate::among::SharedStates;
use protocol::snapshot::{BASELINE_TICKS, BaselineAges};
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

/// States by their ticks, each in the place of its tick modulo 64.
type States = [EntityState; BASELINE_TICKS as usize];

/// One use of a slot: from an enter to its leave.
///
/// One line of the cache. A store of all bots of a swarm is far more than the caches hold, and a record waits for each line it
/// needs: with all states in a ring of the presence three of them, with the newest ones beside it two or three. Most states
/// of one client among many are those that others hold too ([`SharedStates`]): of them it has a bit each.
#[derive(Debug)]
#[repr(align(64))]
pub struct Presence {
    /// Bit k: the state of `newest - k` is held...
    held: u64,
    /// ...and, if this bit is set too, in `own`; else it is shared. Never set where `held` is not.
    apart: u64,
    own: Option<Box<States>>,
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
    /// The newest state.
    shown: EntityState,
}

const _: () = assert!(size_of::<Option<Presence>>() == 64, "one line");

impl Presence {
    /// An entity that enters in `tick`, of which no state is held yet.
    #[must_use]
    pub fn new(id: NetId, epoch: u8, tick: Tick, kind: EntityKind) -> Self {
        let shown = EntityState { kind, ..EntityState::default() };
        let (held, apart, own) = (0, 0, None);
        Self { held, apart, own, newest: tick, entered: tick, since: tick, id, epoch, gone: false, shown }
    }

    /// What is known of an entity whose leave overtook its enter: no state of it, nor its kind.
    #[must_use]
    pub fn missed(epoch: u8, tick: Tick) -> Self {
        Self { gone: true, ..Self::new(NetId(0), epoch, tick, EntityKind::default()) }
    }

    /// Starts over in place, keeping the memory.
    pub fn restart(&mut self, id: NetId, epoch: u8, tick: Tick, kind: EntityKind) {
        let own = self.own.take();
        *self = Self { own, ..Self::new(id, epoch, tick, kind) };
    }

    /// What a client sees of it.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen { kind: self.shown.kind, entered: self.entered, tick: self.newest, state: self.shown }
    }

    /// What sort of thing it is.
    #[must_use]
    pub fn kind(&self) -> EntityKind {
        self.shown.kind
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

    /// Whether any state is held: not of who was missed.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.held != 0
    }

    /// Stores the state of a tick: only that it is held, if it is shared.
    #[inline]
    pub fn store(&mut self, tick: Tick, state: &EntityState, is_shared: bool) {
        let ahead = tick.since(self.newest);
        if ahead > 0 {
            self.held = self.held.checked_shl(ahead).unwrap_or(0);
            self.apart = self.apart.checked_shl(ahead).unwrap_or(0);
            self.newest = tick;
        }
        let age = self.newest.since(tick);
        if age >= BASELINE_TICKS {
            return;
        }
        if age == 0 {
            self.shown = *state;
        }
        self.held |= 1 << age;
        if is_shared {
            self.apart &= !(1 << age);
        } else {
            self.apart |= 1 << age;
            self.own.get_or_insert_with(nothing)[place_of(tick)] = *state;
        }
    }

    /// Whether all states of a baseline that `tick` is told against are held, and shared.
    #[inline]
    #[must_use]
    pub fn shares(&self, tick: Tick, ages: BaselineAges) -> bool {
        let (shared, wanted) = (self.held & !self.apart, ages.mask());
        // As ages at the newest tick held. What falls off at an end is too old, or newer than any.
        let (ahead, behind) = (tick.since(self.newest), self.newest.since(tick));
        let at_newest = wanted.checked_shr(ahead).unwrap_or(0).checked_shl(behind).unwrap_or(0);
        at_newest & shared == at_newest && at_newest.count_ones() == wanted.count_ones()
    }

    /// Whether the state of a tick is held.
    #[must_use]
    pub fn holds(&self, tick: Tick) -> bool {
        self.age(tick).is_some_and(|age| self.held >> age & 1 != 0)
    }

    /// The state of a tick, if it is held, and, if it is shared, not overwritten.
    #[must_use]
    pub fn state_at(&self, tick: Tick, shared: Option<&SharedStates>) -> Option<EntityState> {
        let age = self.age(tick).filter(|age| self.held >> age & 1 != 0)?;
        if self.apart >> age & 1 == 0 {
            return shared?.get(self.id, tick).copied();
        }
        self.own.as_ref().map(|own| own[place_of(tick)])
    }

    /// How old the state of a tick is, if not too old.
    fn age(&self, tick: Tick) -> Option<u32> {
        self.newest.0.checked_sub(tick.0).filter(|&age| age < BASELINE_TICKS)
    }
}

fn place_of(tick: Tick) -> usize {
    (tick.0 % BASELINE_TICKS) as usize
}

fn nothing() -> Box<States> {
    Box::new([EntityState::default(); BASELINE_TICKS as usize])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn state(x: i32) -> EntityState {
        EntityState { x, ..EntityState::default() }
    }

    fn presence(tick: Tick, first: EntityState) -> Presence {
        let mut presence = Presence::new(NetId(1), 0, tick, first.kind);
        presence.store(tick, &first, false);
        presence
    }

    #[test]
    fn states_are_held_for_64_ticks_and_no_longer() {
        let mut presence = presence(Tick(100), state(1));
        presence.store(Tick(163), &state(2), false);
        assert_eq!(presence.state_at(Tick(100), None), Some(state(1)));
        assert_eq!(presence.state_at(Tick(101), None), None, "never told");
        presence.store(Tick(164), &state(3), false);
        assert_eq!(presence.state_at(Tick(100), None), None);
        assert_eq!(presence.state_at(Tick(163), None), Some(state(2)));
    }

    #[test]
    fn a_late_state_is_held_but_not_shown() {
        let mut presence = presence(Tick(100), state(1));
        presence.store(Tick(110), &state(3), false);
        presence.store(Tick(105), &state(2), false);
        assert_eq!(presence.seen().state, state(3));
        assert_eq!(presence.state_at(Tick(105), None), Some(state(2)));
    }

    #[test]
    fn a_jump_of_exactly_the_ring_forgets_everything_before() {
        let mut presence = presence(Tick(100), state(1));
        presence.store(Tick(164), &state(2), false);
        assert_eq!(presence.state_at(Tick(100), None), None);
        assert_eq!(presence.state_at(Tick(164), None), Some(state(2)));
    }

    /// As the server may say: mostly a little ahead, at times late, told twice, or after a long gap; one in eight differs
    /// from what others were told.
    #[test]
    fn what_is_held_is_what_was_stored_in_whatever_order_it_came_shared_or_not() {
        let (mut shared, id) = (SharedStates::default(), NetId(1));
        let mut presence = presence(Tick(1_000), state(1_000));
        let mut stored = BTreeMap::from([(1_000, (1_000, false))]);
        let mut dice = 7_u32;
        for step in 0..4_000 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let ahead = if dice >> 24 == 0 { 70 } else { (dice >> 20) as i32 % 9 - 4 };
            let tick = presence.newest().0.saturating_add_signed(ahead);
            let x = if dice >> 16 & 7 == 0 { step } else { tick as i32 };
            let is_shared = shared.keep(id, Tick(tick), &state(x));
            presence.store(Tick(tick), &state(x), is_shared);
            if presence.newest().0 - tick < BASELINE_TICKS {
                stored.insert(tick, (x, is_shared));
            }
            let newest = presence.newest().0;
            for age in 0..80 {
                let expected = stored.get(&(newest - age)).filter(|_| age < BASELINE_TICKS);
                let held = presence.state_at(Tick(newest - age), Some(&shared));
                assert_eq!(held, expected.map(|&(x, _)| state(x)), "age {age} at {newest}");
                assert_eq!(presence.holds(Tick(newest - age)), expected.is_some());
            }
            let (told, is_shared_at) = (newest + 1, |age| stored.get(&(newest + 1 - age)).is_some_and(|held| held.1));
            for ages in
                [(1, 1, 2), (6, 3, 1), (63, 0, 0)].map(|(newest, step, older)| BaselineAges::new(newest, step, older))
            {
                let ages = ages.unwrap();
                let expected = ages.ticks().all(|age| is_shared_at(u32::from(age)));
                assert_eq!(presence.shares(Tick(told), ages), expected, "{ages:?} at {newest}");
            }
        }
        assert!(
            stored.values().filter(|held| held.1).count() > 100 && stored.values().filter(|held| !held.1).count() > 100
        );
    }

    #[test]
    fn a_baseline_is_shared_only_if_all_of_it_is_as_old_as_is_kept_and_not_newer_than_what_is_held() {
        let mut presence = Presence::new(NetId(1), 0, Tick(100), EntityKind::Player);
        (100..164).for_each(|tick| presence.store(Tick(tick), &state(1), true));
        let ages = |newest, step, older| BaselineAges::new(newest, step, older).unwrap();
        assert!(presence.shares(Tick(164), ages(1, 1, 2)), "of the next tick");
        assert!(presence.shares(Tick(163), ages(63, 0, 0)), "the oldest");
        assert!(!presence.shares(Tick(162), ages(63, 0, 0)), "older");
        assert!(!presence.shares(Tick(165), ages(1, 0, 0)), "what is not there yet");
        assert!(presence.shares(Tick(160), ages(12, 12, 2)), "of a part that was overtaken");
        assert!(!presence.shares(Tick(400), ages(1, 0, 0)), "after a long gap");
    }
}
