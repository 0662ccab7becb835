//! Who can be harmed, by whom, and what comes of it.
//!
//! Nobody harms anybody directly. Whatever one fighter does to another is a [`Blow`]; all blows of a tick are dealt in
//! [`Phase::Resolve`], in an order that does not depend on who said them first, and only then is it decided who is dead. So
//! two who strike each other down in the same tick both die, and a heal in the tick of the last blow may come in time.

mod blow;
mod departed;
mod fighter;
pub(crate) mod formula;
mod harm;
mod recover;
mod resolve;
mod strike;
#[cfg(test)]
mod tests;

pub(crate) use blow::{Blow, Cause, Force};
pub(crate) use departed::Departed;
pub(crate) use fighter::{Fighter, Sheet};
pub(crate) use harm::{Harm, Threat};
pub(crate) use recover::{Gear, Sums};
pub(crate) use resolve::{Death, Deaths};

pub use blow::Blows;
pub use fighter::{Team, Vitals};

use crate::schedule::Phase;
use bevy_ecs::prelude::{IntoScheduleConfigs, Schedule, World};

pub(crate) fn register(world: &mut World, schedule: &mut Schedule) {
    world.insert_resource(Blows::default());
    world.insert_resource(Deaths::default());
    world.insert_resource(Departed::default());
    schedule.add_systems(departed::forget.in_set(Phase::Input));
    schedule.add_systems((resolve::deal, resolve::bury, resolve::toll).chain().in_set(Phase::Resolve));
    schedule.add_systems((recover::recover, recover::pace).chain().in_set(Phase::Recover));
}
