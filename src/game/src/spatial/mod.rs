//! Who is near: the index over places, brought up to date once a tick.

mod curve;
mod places;
mod quadtree;
mod region;
#[cfg(test)]
mod tests;

pub use quadtree::{Point, Quadtree};

use crate::movement::Mobile;
use crate::physics::Strays;
use crate::replica::Replica;
use crate::schedule::Phase;
use bevy_ecs::prelude::{IntoScheduleConfigs, Query, ResMut, Schedule, World};
use protocol::unit::unit_of;

pub(crate) fn register(world: &mut World, schedule: &mut Schedule) {
    world.insert_resource(Quadtree::new());
    schedule.add_systems(refresh.in_set(Phase::Spatial));
}

/// Refreshes outside a tick: for a world that was just restored.
pub(crate) fn refresh_now(world: &mut World) {
    world.run_system_cached(refresh).expect("a system without conditions runs");
}

/// The tree does not depend on the order of its points, so the order of the table is as good as any.
fn refresh(mut tree: ResMut<'_, Quadtree>, mut strays: ResMut<'_, Strays>, all: Query<'_, '_, (&Replica, &Mobile)>) {
    strays.0.clear();
    tree.rebuild(all.iter().map(|(replica, mobile)| Point {
        x: unit_of(mobile.0.x),
        y: unit_of(mobile.0.y),
        id: replica.id,
    }));
}
