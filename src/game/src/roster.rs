//! Which net ids are given out, and to whom.
//!
//! An id goes round in a circle: free -> live ([`Roster::claim`], [`Roster::enter`]) -> retired ([`Roster::retire`]) ->
//! free ([`Roster::recycle`]). The long way round is the point: an id that is given out while a client still holds the
//! state of its last bearer would make that client decode a delta against the wrong entity.

use bevy_ecs::prelude::{Entity, Resource};
use protocol::NetId;
use std::collections::VecDeque;

/// Most ids a world can have: ids are 16 bits, and the last one is kept out so that counts fit 16 bits too.
pub const ENTITIES_MAX: usize = 65_535;

/// The table of net ids.
#[derive(Debug, Resource)]
pub(crate) struct Roster {
    /// One per id that was ever given out.
    slots: Vec<Slot>,
    /// Free ids, the one that has been free for longest first.
    recycled: VecDeque<NetId>,
    /// Live ids, sorted: the order of every system whose order matters.
    live: Vec<NetId>,
    entities_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Free,
    /// Between `claim` and `enter`.
    Claimed,
    Live(Entity),
    Retired,
}

impl Roster {
    pub(crate) fn new(entities_max: usize) -> Self {
        assert!((1..=ENTITIES_MAX).contains(&entities_max), "entities_max is 1..={ENTITIES_MAX}, not {entities_max}");
        Self { slots: Vec::new(), recycled: VecDeque::new(), live: Vec::new(), entities_max }
    }

    /// Takes an id for an entity about to enter: the oldest recycled one, else a new one, else none.
    pub(crate) fn claim(&mut self) -> Option<NetId> {
        let id = match self.recycled.pop_front() {
            Some(id) => id,
            None if self.slots.len() < self.entities_max => {
                self.slots.push(Slot::Free);
                NetId((self.slots.len() - 1) as u16)
            }
            None => return None,
        };
        assert_eq!(self.slots[id.row()], Slot::Free, "{id:?} was given out twice");
        self.slots[id.row()] = Slot::Claimed;
        Some(id)
    }

    /// Gives back a claimed id under which nothing came: nobody has seen it.
    pub(crate) fn unclaim(&mut self, id: NetId) {
        assert_eq!(self.slots[id.row()], Slot::Claimed, "{id:?} was not claimed");
        self.slots[id.row()] = Slot::Free;
        self.recycled.push_back(id);
    }

    /// Binds a claimed id to its entity.
    pub(crate) fn enter(&mut self, id: NetId, entity: Entity) {
        assert_eq!(self.slots[id.row()], Slot::Claimed, "{id:?} enters without a claim");
        self.slots[id.row()] = Slot::Live(entity);
        if let Err(at) = self.live.binary_search(&id) {
            self.live.insert(at, id);
        }
    }

    /// Ends a life and returns whose; `None` if `id` is not live.
    pub(crate) fn retire(&mut self, id: NetId) -> Option<Entity> {
        let entity = self.entity(id)?;
        self.slots[id.row()] = Slot::Retired;
        if let Ok(at) = self.live.binary_search(&id) {
            self.live.remove(at);
        }
        Some(entity)
    }

    /// Frees a retired id; no effect on any other.
    pub(crate) fn recycle(&mut self, id: NetId) {
        if self.slots.get(id.row()) == Some(&Slot::Retired) {
            self.slots[id.row()] = Slot::Free;
            self.recycled.push_back(id);
        }
    }

    pub(crate) fn entity(&self, id: NetId) -> Option<Entity> {
        match self.slots.get(id.row()) {
            Some(&Slot::Live(entity)) => Some(entity),
            _ => None,
        }
    }

    pub(crate) fn live(&self) -> &[NetId] {
        &self.live
    }

    /// Ids ever given out: the highest plus one.
    pub(crate) fn rows(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn recycled(&self) -> impl Iterator<Item = NetId> {
        self.recycled.iter().copied()
    }

    pub(crate) fn retired(&self) -> impl Iterator<Item = NetId> {
        let named = self.slots.iter().enumerate().map(|(row, slot)| (NetId(row as u16), slot));
        named.filter(|(_, slot)| **slot == Slot::Retired).map(|(id, _)| id)
    }

    /// Sets up an empty roster as saved, except that ids neither recycled nor entered later come back as retired.
    pub(crate) fn restore(&mut self, rows: usize, recycled: &[NetId]) {
        assert!(self.slots.is_empty() && rows <= self.entities_max, "only an empty roster can be restored");
        self.slots.resize(rows, Slot::Retired);
        self.recycled.extend(recycled);
        for id in recycled {
            self.slots[id.row()] = Slot::Free;
        }
    }

    /// Takes a retired id back into life: the other half of [`Roster::restore`].
    pub(crate) fn reclaim(&mut self, id: NetId) {
        assert_eq!(self.slots[id.row()], Slot::Retired, "{id:?} is live or free");
        self.slots[id.row()] = Slot::Claimed;
    }
}
