//! What was so: the states of all entities in the last seconds of one process.

use game::Replicas;
use protocol::{EntityKind, EntityState, NetId, OwnState, Tick};
use server::Realm;

/// Ticks that are remembered, 4.3 s: a datagram takes a second at most, and a client refuses what is half a second late.
const TICKS: usize = 256;
/// Stands for no tick.
const NEVER: u32 = u32::MAX;

/// The states of a player, by tick.
type OwnRing = Box<[(u32, OwnState)]>;

/// The states of one process.
#[derive(Debug, Default)]
pub struct Truth {
    /// Ring after ring, by row.
    states: Vec<(u32, EntityState)>,
    /// By row, of players alone.
    own: Vec<Option<OwnRing>>,
    newest: Tick,
}

impl Truth {
    /// Notes what is so after a tick.
    pub fn record(&mut self, realm: &Realm) {
        let replicas: &Replicas = realm.game().replicas();
        let (tick, rows) = (replicas.now().0, replicas.len());
        self.newest = replicas.now();
        if self.own.len() < rows {
            self.states.resize(rows * TICKS, (NEVER, EntityState::default()));
            self.own.resize_with(rows, || None);
        }
        for &id in replicas.live() {
            self.states[place(id, tick)] = (tick, *replicas.state(id));
            if replicas.kind(id) == EntityKind::Player
                && let Some(own) = realm.game().own(id)
            {
                let ring = self.own[id.row()].get_or_insert_with(|| vec![(NEVER, OwnState::default()); TICKS].into());
                ring[tick as usize % TICKS] = (tick, own);
            }
        }
    }

    /// The state of an entity in a tick; none if it was not there, or it is too long ago.
    #[must_use]
    pub fn at(&self, id: NetId, tick: Tick) -> Option<&EntityState> {
        let (of, state) = self.states.get(place(id, tick.0))?;
        (*of == tick.0).then_some(state)
    }

    /// The state of a player in a tick, as its owner is told it, inputs apart.
    #[must_use]
    pub fn own_at(&self, id: NetId, tick: Tick) -> Option<&OwnState> {
        let (of, state) = &self.own.get(id.row())?.as_ref()?[tick.0 as usize % TICKS];
        (*of == tick.0).then_some(state)
    }

    /// Whether a tick is too long ago to be remembered.
    #[must_use]
    pub fn is_forgotten(&self, tick: Tick) -> bool {
        self.newest.since(tick) >= TICKS as u32
    }
}

fn place(id: NetId, tick: u32) -> usize {
    id.row() * TICKS + tick as usize % TICKS
}
