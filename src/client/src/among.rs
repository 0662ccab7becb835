//! What clients that live in one process share, for who runs thousands of them.
//!
//! All of them are told of the same entities, and what they are told of one in one tick is the same state. Each holding
//! copies of its own, a crowd is far more than the caches hold, and to wait for memory was most of what a client cost. So a
//! state is kept once, and a client holds a bit that says so ([`crate::presence`]). A state that differs from the one that is
//! kept - the server told two clients different things - stays with the client that was told it.

use protocol::snapshot::{BASELINE_TICKS, DecodeMemo};
use protocol::{EntityState, NetId, Tick};
use rudp::Prefetch;

/// Shared by many clients, each of which has its turn; see
/// [`Client::handle_datagram_among`](crate::Client::handle_datagram_among).
#[derive(Debug)]
pub struct Among {
    /// What one of them has read.
    pub memo: DecodeMemo,
    /// How to ask for memory.
    pub prefetch: Prefetch,
    pub(crate) states: SharedStates,
}

impl Among {
    /// Nothing has been read.
    #[must_use]
    pub fn new(prefetch: Prefetch) -> Self {
        Self { memo: DecodeMemo::default(), prefetch, states: SharedStates::default() }
    }
}

/// States kept of an entity, in ticks: so far apart two clients may be in what they have read, less what a baseline reaches
/// back. A client that is 3.2 s behind another finds what it holds overwritten, and refuses the part as one that came too
/// late.
const KEPT_TICKS: usize = 256;
/// Entities of which states are shared, by their ids; of those beyond, each client has its own. 40 MB if all of them move.
const ENTITIES_MAX: usize = 8_192;

const _: () = assert!(KEPT_TICKS > 2 * BASELINE_TICKS as usize, "a baseline, and as much again between two clients");

type Kept = [(Tick, EntityState); KEPT_TICKS];

/// The state of each entity in each tick, as the first client read it. What is once kept of a tick stays as it is until a
/// later tick takes its place, and then never comes back: who held it may go on from there.
#[derive(Debug, Default)]
pub(crate) struct SharedStates {
    entities: Vec<Option<Box<Kept>>>,
}

impl SharedStates {
    /// Keeps a state, unless one of this tick or of a later one is in its place. Whether it is this one that is kept now.
    pub(crate) fn keep(&mut self, id: NetId, tick: Tick, state: &EntityState) -> bool {
        let row = usize::from(id.0);
        if row >= ENTITIES_MAX {
            return false;
        }
        if self.entities.len() <= row {
            self.entities.resize_with(row + 1, || None);
        }
        let kept = self.entities[row].get_or_insert_with(|| Box::new([Default::default(); KEPT_TICKS]));
        let place = &mut kept[place_of(tick)];
        if place.0 < tick {
            *place = (tick, *state);
        }
        *place == (tick, *state)
    }

    /// The state of a tick, unless it was overwritten.
    pub(crate) fn get(&self, id: NetId, tick: Tick) -> Option<&EntityState> {
        let kept = self.entities.get(usize::from(id.0))?.as_ref()?;
        let (kept_tick, state) = &kept[place_of(tick)];
        (*kept_tick == tick).then_some(state)
    }
}

fn place_of(tick: Tick) -> usize {
    tick.0 as usize % KEPT_TICKS
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: NetId = NetId(7);

    fn state(x: i32) -> EntityState {
        EntityState { x, ..EntityState::default() }
    }

    #[test]
    fn what_is_kept_first_of_a_tick_stays_and_another_is_not_shared() {
        let mut states = SharedStates::default();
        assert!(states.keep(ANN, Tick(1_000), &state(1)));
        assert!(states.keep(ANN, Tick(1_000), &state(1)), "the same again");
        assert!(!states.keep(ANN, Tick(1_000), &state(2)));
        assert_eq!(states.get(ANN, Tick(1_000)), Some(&state(1)));
        assert_eq!(states.get(ANN, Tick(999)), None);
        assert_eq!(states.get(NetId(8), Tick(1_000)), None);
    }

    #[test]
    fn a_later_tick_takes_the_place_and_an_earlier_one_never_comes_back() {
        let mut states = SharedStates::default();
        let (early, late) = (Tick(1_000), Tick(1_000 + KEPT_TICKS as u32));
        assert!(states.keep(ANN, early, &state(1)) && states.keep(ANN, late, &state(2)));
        assert_eq!(states.get(ANN, early), None);
        assert!(!states.keep(ANN, early, &state(1)));
        assert_eq!(states.get(ANN, late), Some(&state(2)));
    }

    #[test]
    fn of_entities_without_number_nothing_is_kept() {
        let mut states = SharedStates::default();
        assert!(!states.keep(NetId(u16::MAX), Tick(1), &state(1)));
        assert_eq!(states.get(NetId(u16::MAX), Tick(1)), None);
    }
}
