//! Under which id a character is in the world.

use super::bag::Bag;
use crate::roster::Roster;
use bevy_ecs::prelude::{Mut, Resource, World};
use protocol::{CharacterId, NetId};
use std::collections::BTreeMap;

/// Characters that are in the world: what the disk knows goes by them, what the world knows by ids that others had before.
#[derive(Debug, Default, Resource)]
pub(crate) struct Bodies(BTreeMap<CharacterId, NetId>);

impl Bodies {
    pub(crate) fn enter(&mut self, character: CharacterId, id: NetId) {
        self.0.insert(character, id);
    }

    pub(crate) fn leave(&mut self, character: CharacterId, id: NetId) {
        if self.0.get(&character) == Some(&id) {
            self.0.remove(&character);
        }
    }

    pub(crate) fn of(&self, character: CharacterId) -> Option<NetId> {
        self.0.get(&character).copied()
    }
}

/// What somebody has, if he is in the world.
pub(crate) fn bag_mut(world: &mut World, character: CharacterId) -> Option<(NetId, Mut<'_, Bag>)> {
    let id = world.resource::<Bodies>().of(character)?;
    let entity = world.resource::<Roster>().entity(id)?;
    Some((id, world.get_mut::<Bag>(entity)?))
}
