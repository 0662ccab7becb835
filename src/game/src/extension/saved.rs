//! What extensions keep, as part of the world's image.

use crate::rooms::parts;
use crate::roster::Roster;
use crate::stored;
use bevy_ecs::prelude::{Component, Resource, World};
use protocol::NetId;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What there is to save, by name.
#[derive(Clone, Default, Resource)]
pub(crate) struct SavedParts(Vec<(&'static str, Part)>);

/// How one part is saved and comes back.
#[derive(Clone, Copy)]
pub(super) struct Part {
    save: fn(&World) -> Vec<u8>,
    /// False if it cannot be read; nothing has changed then.
    restore: fn(&mut World, &[u8]) -> bool,
}

impl Part {
    pub(super) fn component<C: Component + Clone + Serialize + DeserializeOwned>() -> Self {
        Self { save: |world| bytes_of(&parts::<C>(world)), restore: restore_component::<C> }
    }

    pub(super) fn resource<R: Resource + Serialize + DeserializeOwned>() -> Self {
        Self {
            save: |world| bytes_of(&world.get_resource::<R>()),
            restore: |world, bytes| {
                let Some(resource) = whole::<Option<R>>(bytes) else { return false };
                match resource {
                    Some(resource) => world.insert_resource(resource),
                    None => drop(world.remove_resource::<R>()),
                }
                true
            },
        }
    }
}

impl SavedParts {
    pub(super) fn add(&mut self, name: &'static str, part: Part) {
        assert!(self.0.iter().all(|(known, _)| *known != name), "two things are saved as {name:?}");
        self.0.push((name, part));
    }

    /// All of them as they are now, in the order in which they were added.
    pub(crate) fn images(world: &World) -> Vec<(String, Vec<u8>)> {
        let parts = world.resource::<Self>();
        parts.0.iter().map(|(name, part)| ((*name).to_owned(), (part.save)(world))).collect()
    }

    /// Puts them into a world whose entities have entered already. False if one of them is not known here, or cannot be read.
    pub(crate) fn restore(world: &mut World, images: &[(String, Vec<u8>)]) -> bool {
        let parts = world.resource::<Self>().clone();
        images.iter().all(|(name, bytes)| {
            let known = parts.0.iter().find(|(known, _)| known == name);
            known.is_some_and(|(_, part)| (part.restore)(world, bytes))
        })
    }
}

fn restore_component<C: Component + DeserializeOwned>(world: &mut World, bytes: &[u8]) -> bool {
    let Some(rows) = whole::<Vec<(NetId, C)>>(bytes) else { return false };
    for (id, component) in rows {
        if let Some(entity) = world.resource::<Roster>().entity(id) {
            world.entity_mut(entity).insert(component);
        }
    }
    true
}

fn bytes_of<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    stored::write(value, &mut bytes);
    bytes
}

/// The value that all of `bytes` are.
fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    stored::take(bytes).filter(|(_, used)| *used == bytes.len()).map(|(value, _)| value)
}
