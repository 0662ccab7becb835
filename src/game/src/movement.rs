//! Bodies follow wishes, by the rules that clients predict with; who falls too far is hurt.

use crate::content::{DamageKind, Outcome, Stat};
use crate::fight::{Blow, Blows, Cause, Force, Sheet, formula};
use crate::player::Wish;
use crate::replica::Replica;
use crate::rulebook::Rulebook;
use crate::schedule::Phase;
use bevy_ecs::prelude::{Component, IntoScheduleConfigs, Query, Res, ResMut, Resource, Schedule, World};
use protocol::motion::{self, Body, GRAVITY, StaticMap};
use protocol::unit::SUBUNIT_BITS;
use std::sync::Arc;

/// What moves.
#[derive(Clone, Copy, Debug, Component)]
pub struct Mobile(pub(crate) Body);

impl Mobile {
    /// Where it is and how it moves.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.0
    }
}

/// How well somebody walks; made anew in [`Phase::Recover`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Component)]
pub(crate) struct Gait(pub(crate) motion::Gait);

/// What it moves on.
#[derive(Clone, Debug, Resource)]
pub(crate) struct Ground(pub(crate) Arc<StaticMap>);

pub(crate) fn register(world: &mut World, schedule: &mut Schedule, map: Arc<StaticMap>) {
    world.insert_resource(Ground(map));
    schedule.add_systems(walk.in_set(Phase::Movement));
}

/// Bodies do not meet each other, so the order of the table is as good as any.
pub(crate) fn walk(
    ground: Res<'_, Ground>,
    rulebook: Res<'_, Rulebook>,
    mut walkers: Query<'_, '_, (&Replica, &mut Mobile, &Wish, &Gait, &Sheet)>,
    mut blows: ResMut<'_, Blows>,
) {
    for (replica, mut mobile, wish, gait, sheet) in &mut walkers {
        let falling = mobile.0.vz;
        motion::step(&ground.0, &mut mobile.0, &wish.input, gait.0);
        if falling < 0 && mobile.0.vz == 0 {
            let damage = formula::fall(fallen_units(falling), sheet.now.of(Stat::HealthMax), &rulebook.0.rules);
            if damage > 0 {
                let amount = damage.min(i64::from(i32::MAX)) as u32;
                let outcome = Outcome::Damage { kind: DamageKind::Physical, amount, attack: 0, power: 0 };
                let (from, force) = ((mobile.0.x, mobile.0.y), Force::default());
                let (on, cause) = (replica.id, Cause::Fall);
                blows.add(Blow { by: None, on, outcome, force, share: 1_000, from, cause, nth: 0 });
            }
        }
    }
}

/// From how high somebody fell who came down at this speed (less than 0): v v / 2 g.
fn fallen_units(vz: i32) -> i32 {
    let height = i64::from(vz) * i64::from(vz) / (2 * i64::from(GRAVITY));
    (height >> SUBUNIT_BITS) as i32
}
