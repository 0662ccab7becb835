//! Casts: from the command to what comes of it.
//!
//! Players give orders, mobs make [`Requests`]; from there on all are treated alike. A cast that is begun is *under way*
//! until it ends in one of four ways ([`protocol::event::CastEnd`]), and one more may wait for that. Every cast that was
//! accepted is told its end exactly once. What comes of it are blows, dealt later in the same tick, or a missile.
//!
//! # What comes first in a tick
//! 1. Casts under way go on and end, by ascending id of who casts. Whoever has another one waiting begins it then.
//! 2. Orders of players are looked at, in the order in which they were given: a cast that ends in this tick is over when the
//!    next is asked for.
//! 3. Requests of mobs are looked at, by ascending id.
//! 4. Missiles sent in this tick are brought forward to the present, by ascending id of who sent them; then those that fly
//!    hit, by their own ids.
//! 5. Blows are dealt ([`crate::Phase::Resolve`]). So an interrupt, a stun or a death in the tick in which a cast ends is
//!    too late, and ends in the next tick what was begun in this one.

mod act;
mod casting;
mod check;
mod cooldown;
mod meet;
mod missile;
mod reach;
mod request;
mod stage;
#[cfg(test)]
mod tests;
mod whom;

pub(crate) use casting::Casting;
pub(crate) use cooldown::Cooldowns;
pub(crate) use missile::{Launches, Missile};
pub(crate) use request::{Arts, Requests};
pub(crate) use whom::is_safe;

use crate::schedule::Doing;
use bevy_ecs::prelude::{IntoScheduleConfigs, Schedule, World};

/// Most fighters that one cast reaches, or one missile with its splash: the nearest, and of those who are as near the ones
/// with the lowest ids. A crowd of 2,000 in a circle would be as many blows and as many events.
pub(crate) const TARGETS_MAX: usize = 64;

pub(crate) fn register(world: &mut World, schedule: &mut Schedule) {
    world.insert_resource(Requests::default());
    world.insert_resource(Launches::default());
    schedule.add_systems(act::act.in_set(Doing::Casting));
    schedule.add_systems(meet::meet.in_set(Doing::Meeting));
}
