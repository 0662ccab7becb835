//! Bodies that meet: thrown, pushed, piled up. What is near, in the way or in sight. Places that do something to who enters.
//!
//! Integers only, the same on every machine. Bodies move after all who walk and fly have: these stand in a body's way as
//! they are now and are not moved by it. Clients do not predict bodies, so none of it is in the motion hash.

mod apart;
mod bodies;
mod contact;
mod grid;
mod meeting;
mod query;
mod solid;
mod spin;
#[cfg(test)]
mod tests;
mod trigger;

pub use query::{Filter, Hit, Struck, Touch};

pub(crate) use query::Strays;
pub(crate) use trigger::Within;

use crate::schedule::{Doing, Phase};
use crate::{ballistics, movement};
use bevy_ecs::prelude::{IntoScheduleConfigs, Schedule, World};

pub(crate) fn register(world: &mut World, schedule: &mut Schedule) {
    world.insert_resource(Strays::default());
    world.insert_resource(Within::default());
    let move_bodies = bodies::move_bodies.in_set(Phase::Movement);
    schedule.add_systems(move_bodies.after(movement::walk).after(ballistics::move_things));
    schedule.add_systems(trigger::meet.in_set(Doing::Entering));
}
