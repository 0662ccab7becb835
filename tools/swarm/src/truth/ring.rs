//! Truth: what the server told each bot about itself, tick by tick.

use protocol::{EntityKind, EntityState};

/// Ticks of truth that are kept: 4.3 s at 60 Hz. The longest look back is 2 s and a settling delay.
pub const RING_TICKS: usize = 256;
/// Stands for "no tick" in [`Fact::tick`].
const NEVER: u32 = u32::MAX;

/// The state of one bot in one tick as others must be told it.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    tick: u32,
    /// The tick of the last change of `state`, at or before this one; the earliest that it can have been.
    pub changed: u32,
    /// What others are told.
    pub state: EntityState,
}

const NOTHING: Fact = Fact {
    tick: NEVER,
    changed: 0,
    state: EntityState { x: 0, y: 0, z: 0, yaw: 0, pitch: 0, flags: 0, kind: EntityKind::Player },
};

/// A tick was told twice and differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contradiction;

/// The last [`RING_TICKS`] ticks of all bots. All bots of a tick lie together: scans walk one tick at a time.
#[derive(Debug)]
pub struct Ring {
    bots: usize,
    facts: Vec<Fact>,
    newest: Vec<Fact>,
}

impl Fact {
    /// Square of the distance on the ground, in square units.
    pub fn distance_squared(&self, other: &Self) -> i64 {
        let (dx, dy) =
            (i64::from(self.state.x) - i64::from(other.state.x), i64::from(self.state.y) - i64::from(other.state.y));
        dx * dx + dy * dy
    }
}

impl Ring {
    /// An empty ring for `bots` bots: 24 B x 256 ticks each.
    pub fn new(bots: usize) -> Self {
        Self { bots, facts: vec![NOTHING; bots * RING_TICKS], newest: vec![NOTHING; bots] }
    }

    /// Records the state of `bot` in `tick`.
    ///
    /// # Errors
    /// [`Contradiction`] if another state is recorded for the same tick; the first one stays.
    pub fn record(&mut self, bot: usize, tick: u32, state: EntityState) -> Result<(), Contradiction> {
        let newest = &mut self.newest[bot];
        let slot = &mut self.facts[tick as usize % RING_TICKS * self.bots + bot];
        if slot.tick == tick {
            return if slot.state == state { Ok(()) } else { Err(Contradiction) };
        }
        let follows = newest.tick == NEVER || tick > newest.tick;
        let changed = match newest.tick {
            NEVER => tick,
            _ if newest.state == state => newest.changed.min(tick),
            // It changed in one of the ticks that its bot was not told of, for all one knows in the first.
            before if follows => before + 1,
            _ => tick,
        };
        *slot = Fact { tick, changed, state };
        if follows {
            *newest = *slot;
        }
        Ok(())
    }

    /// The state of `bot` in `tick`, if it was told and is not too long ago.
    pub fn at(&self, bot: usize, tick: u32) -> Option<&Fact> {
        self.row(tick)[bot].of(tick)
    }

    /// What all bots were told about themselves in `tick`.
    pub fn row(&self, tick: u32) -> &[Fact] {
        let start = tick as usize % RING_TICKS * self.bots;
        &self.facts[start..start + self.bots]
    }

    /// The newest state of `bot`.
    pub fn newest(&self, bot: usize) -> Option<(u32, &Fact)> {
        let fact = &self.newest[bot];
        (fact.tick != NEVER).then_some((fact.tick, fact))
    }

    /// Forgets all of `bot`.
    pub fn forget(&mut self, bot: usize) {
        self.newest[bot] = NOTHING;
        for fact in self.facts.iter_mut().skip(bot).step_by(self.bots) {
            *fact = NOTHING;
        }
    }

    /// Forgets everything: another server counts its own ticks.
    pub fn clear(&mut self) {
        self.facts.fill(NOTHING);
        self.newest.fill(NOTHING);
    }
}

impl Fact {
    /// This fact if it is one of `tick` and not of an older tick in the same place of the ring.
    pub fn of(&self, tick: u32) -> Option<&Self> {
        (self.tick == tick).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(x: i32) -> EntityState {
        EntityState { x, ..EntityState::default() }
    }

    #[test]
    fn what_changed_while_its_bot_was_told_nothing_may_have_changed_at_once() {
        let mut ring = Ring::new(1);
        let at = |x: i32| EntityState { x, ..EntityState::default() };
        for (tick, x) in [(10, 1), (11, 1), (15, 2), (16, 2), (17, 3)] {
            ring.record(0, tick, at(x)).unwrap();
        }
        let changed = [11, 15, 16, 17].map(|tick| ring.at(0, tick).unwrap().changed);
        assert_eq!(changed, [10, 12, 12, 17]);
    }

    #[test]
    fn a_tick_is_known_until_its_place_is_taken() {
        let mut ring = Ring::new(2);
        ring.record(1, 5, state(7)).unwrap();
        assert_eq!(ring.at(1, 5).unwrap().state, state(7));
        assert!(ring.at(0, 5).is_none() && ring.at(1, 4).is_none());
        ring.record(1, 5 + RING_TICKS as u32, state(8)).unwrap();
        assert!(ring.at(1, 5).is_none());
    }

    #[test]
    fn the_last_change_is_carried_along() {
        let mut ring = Ring::new(1);
        for (tick, x) in [(10, 1), (11, 1), (12, 2), (13, 2), (15, 2)] {
            ring.record(0, tick, state(x)).unwrap();
        }
        let changed = |tick| ring.at(0, tick).unwrap().changed;
        assert_eq!([changed(10), changed(11), changed(12), changed(13), changed(15)], [10, 10, 12, 12, 12]);
    }

    #[test]
    fn two_states_for_one_tick_contradict_each_other() {
        let mut ring = Ring::new(1);
        ring.record(0, 10, state(1)).unwrap();
        assert_eq!(ring.record(0, 10, state(1)), Ok(()));
        assert_eq!(ring.record(0, 10, state(2)), Err(Contradiction));
        assert_eq!(ring.at(0, 10).unwrap().state, state(1));
    }

    #[test]
    fn a_forgotten_bot_leaves_the_others_alone() {
        let mut ring = Ring::new(2);
        ring.record(0, 3, state(1)).unwrap();
        ring.record(1, 3, state(2)).unwrap();
        ring.forget(0);
        assert!(ring.at(0, 3).is_none() && ring.newest(0).is_none());
        assert_eq!(ring.newest(1).unwrap().0, 3);
    }
}
