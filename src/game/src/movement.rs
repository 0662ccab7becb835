//! Bodies follow wishes, by the rules that clients predict with.

use crate::player::Wish;
use crate::schedule::Phase;
use bevy_ecs::prelude::{Component, IntoScheduleConfigs, Query, Res, Resource, Schedule, World};
use protocol::motion::{self, Body, StaticMap};
use std::sync::Arc;

/// What moves.
#[derive(Clone, Copy, Debug, Component)]
pub(crate) struct Mobile(pub(crate) Body);

/// How well a player walks; what nobody plays walks by the usual gait.
#[derive(Clone, Copy, Debug, Default, Component)]
pub(crate) struct Gait(pub(crate) motion::Gait);

/// What it moves on.
#[derive(Clone, Debug, Resource)]
pub(crate) struct Ground(pub(crate) Arc<StaticMap>);

pub(crate) fn register(world: &mut World, schedule: &mut Schedule, map: Arc<StaticMap>) {
    world.insert_resource(Ground(map));
    schedule.add_systems(walk.in_set(Phase::Movement));
}

/// Bodies do not meet each other, so the order of the table is as good as any.
fn walk(ground: Res<'_, Ground>, mut walkers: Query<'_, '_, (&mut Mobile, &Wish, &Gait)>) {
    for (mut mobile, wish, gait) in &mut walkers {
        motion::step(&ground.0, &mut mobile.0, &wish.input, gait.0);
    }
}
