//! A game of one's own, beside the one that is here: what it adds is built into every world before its first tick.
//!
//! An [`Extension`] adds, through [`Setup`],
//!
//! - **components and resources**, its own or those of this crate ([`Replica`], [`Mobile`], [`Vitals`], [`Team`],
//!   [`Avatar`], [`Clock`]);
//! - **systems** that run right after all that the server does in a [`Phase`] ([`Setup::add_systems`]);
//! - **commands** of players ([`Setup::on_command`]): each is answered once, in the tick that carries it out;
//! - **marks** ([`Setup::replicate`]): components that everybody is told of who sees whoever has them, from the moment he
//!   does, as they are now: what became of them in between is never told;
//! - **events and news** ([`Happenings::tell_custom`], [`Notices::tell_custom`]): what happens once, to many or to one;
//! - what is **saved** with the world ([`Setup::save`], [`Setup::save_resource`]).
//!
//! What crosses the wire is a [`protocol::custom::Kind`]: a type of at most 64 bytes with a number, which the server and its
//! clients share. The derives of components are those of `bevy_ecs`, in the version of this crate.
//!
//! A world is a function of its seed and its inputs, and an extension is part of it: it reads no clock, draws no randomness
//! of its own, and where the order of entities matters it sorts them by [`Replica::id`], because tables have another order
//! after a restart. What it remembers stands in components and resources that are saved: what a system keeps in a `Local` is
//! gone after a restart, and `Added` and `Changed` are true of everybody in the first tick after one. Two systems that touch the same thing in no stated order are refused when the world is built.
//! `src/examples/capture_the_flag.rs` is a whole game.

mod commands;
mod marks;
mod saved;
#[cfg(test)]
mod tests;

pub use crate::event::{Happenings, Notices};
pub use crate::fight::{Blows, Team, Vitals};
pub use crate::movement::Mobile;
pub use crate::player::Avatar;
pub use crate::replica::Replica;
pub use crate::{Clock, Phase};
pub use marks::{MarksTable, Shown};

pub(crate) use saved::SavedParts;

use crate::roster::Roster;
use crate::schedule::Extended;
use bevy_ecs::prelude::{Component, Entity, IntoScheduleConfigs, Resource, Schedule, World};
use bevy_ecs::system::ScheduleSystem;
use commands::CustomCommands;
use protocol::custom::Kind;
use protocol::{NetId, Refusal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;

/// What a game of one's own adds to a world.
pub trait Extension: Send + Sync {
    /// Adds it. Called once for each world, before its first tick and before anything is in it.
    fn build(&self, setup: &mut Setup<'_>);
}

/// Extensions, in the order in which they are built.
#[derive(Clone, Default)]
pub struct Extensions(Vec<Arc<dyn Extension>>);

impl Extensions {
    /// None: the game as it is.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Another one, built after the others.
    #[must_use]
    pub fn with(mut self, extension: impl Extension + 'static) -> Self {
        self.0.push(Arc::new(extension));
        self
    }

    /// # Panics
    /// If two of them claim the same number or name.
    pub(crate) fn build(&self, world: &mut World, schedule: &mut Schedule) {
        let mut setup = Setup { world, schedule };
        self.0.iter().for_each(|extension| extension.build(&mut setup));
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} extensions", self.0.len())
    }
}

/// The entity that has an id, if it is live.
#[must_use]
pub fn entity_of(world: &World, id: NetId) -> Option<Entity> {
    world.resource::<Roster>().entity(id)
}

pub(crate) fn register(world: &mut World, schedule: &mut Schedule) {
    commands::register(world, schedule);
    marks::register(world);
    world.insert_resource(SavedParts::default());
}

/// Where an extension adds what it adds.
pub struct Setup<'a> {
    world: &'a mut World,
    schedule: &'a mut Schedule,
}

impl Setup<'_> {
    /// A resource of the world. One that is not saved begins anew after a restart.
    pub fn insert_resource<R: Resource>(&mut self, resource: R) {
        self.world.insert_resource(resource);
    }

    /// Systems that run when the server has done all that it does in `phase`, and before the next phase. What each phase is
    /// for: [`Phase`].
    pub fn add_systems<M>(&mut self, phase: Phase, systems: impl IntoScheduleConfigs<ScheduleSystem, M>) {
        self.schedule.add_systems(systems.in_set(Extended(phase)));
    }

    /// A command of players, carried out at the end of [`Phase::Act`] in the order of all commands. What `carry_out` answers
    /// the player is told; if it refuses, it must have changed nothing.
    ///
    /// # Panics
    /// If another command has its number.
    pub fn on_command<C: Kind + 'static>(&mut self, carry_out: fn(&mut World, NetId, C) -> Result<(), Refusal>) {
        self.world.resource_mut::<CustomCommands>().add(carry_out);
    }

    /// Everybody who sees somebody with this component is told of it, and he himself. It is for what changes now and then:
    /// each change goes to each of those who see it, reliably, within half of the bytes of a snapshot.
    ///
    /// # Panics
    /// If another mark has its number, or there are [`protocol::custom::MARKS_MAX`] already.
    pub fn replicate<C: Component + Kind>(&mut self) {
        marks::replicate::<C>(self.world, self.schedule);
    }

    /// This component is saved with the world, and part of its hash. `name` is for ever: it is what a saved world calls it.
    ///
    /// # Panics
    /// If something else is saved under that name.
    pub fn save<C: Component + Clone + Serialize + DeserializeOwned>(&mut self, name: &'static str) {
        self.world.resource_mut::<SavedParts>().add(name, saved::Part::component::<C>());
    }

    /// The same of a resource.
    ///
    /// # Panics
    /// As there.
    pub fn save_resource<R: Resource + Serialize + DeserializeOwned>(&mut self, name: &'static str) {
        self.world.resource_mut::<SavedParts>().add(name, saved::Part::resource::<R>());
    }
}
