//! What lasts on fighters: stacks, pulses, holds, auras, and their end.

mod active;
mod aura;
mod pulse;
#[cfg(test)]
mod tests;

pub(crate) use active::Effects;

use crate::schedule::Doing;
use bevy_ecs::prelude::{IntoScheduleConfigs, Schedule};

/// Most effects on one fighter. A harmless one makes room for another where it must, the one that ends first.
pub const EFFECTS_MAX: usize = 24;

pub(crate) fn register(schedule: &mut Schedule) {
    schedule.add_systems((pulse::end_effects, pulse::pulse, aura::give).chain().in_set(Doing::Effects));
}
