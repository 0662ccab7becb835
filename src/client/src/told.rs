//! Who is told what a snapshot says of others.

use crate::ClientEvent;
use protocol::{EntityKind, EntityState, NetId, Tick};
use std::collections::VecDeque;

/// Told of others while a snapshot is read. A queue of events is one who asks later; who drives thousands of clients wants
/// no queues, which are written and read once for each word and are never near.
pub trait Told {
    /// Somebody came into view.
    fn on_enter(&mut self, tick: Tick, id: NetId, kind: EntityKind);

    /// Somebody's state; also right after an enter. Of which tick: not necessarily newer than the last one told.
    fn on_update(&mut self, tick: Tick, id: NetId, state: &EntityState);

    /// Somebody went out of view.
    fn on_leave(&mut self, tick: Tick, id: NetId, kind: EntityKind);
}

impl Told for VecDeque<ClientEvent> {
    fn on_enter(&mut self, tick: Tick, id: NetId, kind: EntityKind) {
        self.push_back(ClientEvent::Enter { tick, id, kind });
    }

    fn on_update(&mut self, tick: Tick, id: NetId, state: &EntityState) {
        self.push_back(ClientEvent::Update { tick, id, state: *state });
    }

    fn on_leave(&mut self, tick: Tick, id: NetId, kind: EntityKind) {
        self.push_back(ClientEvent::Leave { tick, id, kind });
    }
}
