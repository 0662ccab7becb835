//! The order of a tick, named once.

use crate::probe;
use bevy_ecs::prelude::{IntoScheduleConfigs, Schedule, SystemSet};
use bevy_ecs::schedule::{LogLevel, ScheduleBuildSettings, ScheduleLabel, SingleThreadedExecutor};

/// What happens in a tick, in this order. Every system stands in exactly one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, SystemSet)]
pub enum Phase {
    /// Wishes become this tick's commands. Only systems that turn what was asked between ticks into components stand
    /// here; a wish that arrives later waits for the next tick.
    Input,
    /// Mobs decide what they want. Only systems that set wishes and begin casts of mobs stand here.
    Think,
    /// Commands move bodies. Whatever changes a position or a velocity stands here; a body moved later is published
    /// where it was and indexed where it was, one tick behind.
    Movement,
    /// The spatial index follows the bodies. Nothing else stands here; queries of an earlier phase see the last tick.
    Spatial,
    /// Orders are carried out, effects pulse, casts end, missiles hit. Whatever does something to a fighter adds a blow
    /// here; one that is added later is dealt in the next tick.
    Act,
    /// Blows are dealt, and the dead are counted. Nothing else changes health or mana, but recovery.
    Resolve,
    /// What follows from deaths and deals: experience, loot, respawns, what the disk has confirmed.
    Settle,
    /// Figures are made anew where something changed, and what comes back by itself does.
    Recover,
    /// States are copied to the tables that the rest of the server reads. Only readers of the world stand here: a
    /// change made now is not seen before the next tick.
    Publish,
}

impl Phase {
    /// All phases in their order.
    pub const ALL: [Self; 9] = [
        Self::Input,
        Self::Think,
        Self::Movement,
        Self::Spatial,
        Self::Act,
        Self::Resolve,
        Self::Settle,
        Self::Recover,
        Self::Publish,
    ];
}

/// What games of one's own do when all that stands in a phase is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, SystemSet)]
pub(crate) struct Extended(pub(crate) Phase);

/// What happens in [`Phase::Act`], in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, SystemSet)]
pub(crate) enum Doing {
    /// Effects end and pulse, auras give.
    Effects,
    /// Parties change.
    Parties,
    /// Skills are learnt, the dead come back.
    Growth,
    /// Belongings change hands.
    Carrying,
    /// Casts begin, go on and end.
    Casting,
    /// What flies hits.
    Meeting,
    /// Places do what they do to those who enter them.
    Entering,
    /// Commands of a game of one's own are carried out.
    Custom,
}

impl Doing {
    const ALL: [Self; 8] = [
        Self::Effects,
        Self::Parties,
        Self::Growth,
        Self::Carrying,
        Self::Casting,
        Self::Meeting,
        Self::Entering,
        Self::Custom,
    ];
}

/// What happens in [`Phase::Settle`], in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, SystemSet)]
pub(crate) enum Settling {
    /// What the disk has answered takes effect.
    Heard,
    /// Those who brought about a death learn of it.
    Credit,
    /// The dead leave things, and the world.
    Deaths,
    /// What is left or worn or lies for too long is asked of the disk.
    Leaving,
}

impl Settling {
    const ALL: [Self; 4] = [Self::Heard, Self::Credit, Self::Deaths, Self::Leaving];
}

/// Where it is said that a part of the tick begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, SystemSet)]
enum Marked {
    Phase(Phase),
    Doing(Doing),
    Settling(Settling),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, ScheduleLabel)]
struct TickSchedule;

/// A schedule with the phases in order and no systems.
///
/// One thread, because a tick must not depend on who wins a race; for the same reason two systems that touch the same
/// thing in no stated order are an error when the schedule is built.
pub(crate) fn tick_schedule() -> Schedule {
    let mut schedule = Schedule::new(TickSchedule);
    schedule.set_executor(SingleThreadedExecutor::new());
    schedule.set_build_settings(ScheduleBuildSettings {
        ambiguity_detection: LogLevel::Error,
        hierarchy_detection: LogLevel::Error,
        ..ScheduleBuildSettings::new()
    });
    for phase in Phase::ALL {
        schedule.configure_sets((phase, Extended(phase)).chain());
    }
    for pair in Phase::ALL.windows(2) {
        schedule.configure_sets((Extended(pair[0]), pair[1]).chain());
    }
    chain(&mut schedule, Doing::ALL, Phase::Act);
    chain(&mut schedule, Settling::ALL, Phase::Settle);
    mark(&mut schedule);
    schedule
}

/// Says where each part begins: behind all of the one before, ahead of all of its own.
fn mark(schedule: &mut Schedule) {
    for (at, phase) in Phase::ALL.into_iter().enumerate() {
        let Some(part) = probe::of_phase(phase) else { continue };
        schedule.configure_sets((Marked::Phase(phase), phase).chain());
        if let Some(before) = at.checked_sub(1) {
            schedule.configure_sets((Extended(Phase::ALL[before]), Marked::Phase(phase)).chain());
        }
        schedule.add_systems(probe::mark(part).in_set(Marked::Phase(phase)));
    }
    let before = |at: usize| at.checked_sub(1);
    for (at, doing) in Doing::ALL.into_iter().enumerate() {
        let marked = Marked::Doing(doing);
        schedule.configure_sets((marked.in_set(Phase::Act), doing).chain());
        before(at).map(|before| schedule.configure_sets((Doing::ALL[before], marked).chain()));
        schedule.add_systems(probe::mark(probe::of_doing(doing)).in_set(marked));
    }
    for (at, settling) in Settling::ALL.into_iter().enumerate() {
        let marked = Marked::Settling(settling);
        schedule.configure_sets((marked.in_set(Phase::Settle), settling).chain());
        before(at).map(|before| schedule.configure_sets((Settling::ALL[before], marked).chain()));
        schedule.add_systems(probe::mark(probe::of_settling(settling)).in_set(marked));
    }
}

/// The parts of a phase, one after the other.
fn chain<S: SystemSet + Clone, const N: usize>(schedule: &mut Schedule, parts: [S; N], phase: Phase) {
    for part in &parts {
        schedule.configure_sets(part.clone().in_set(phase));
    }
    for pair in parts.windows(2) {
        schedule.configure_sets((pair[0].clone(), pair[1].clone()).chain());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bevy_ecs::prelude::{Res, ResMut, Resource, World};
    use bevy_ecs::schedule::{ScheduleBuildError, ScheduleBuildWarning};

    /// Phases, and whether it was the part that games of one's own add.
    #[derive(Resource, Default)]
    struct Trace(Vec<(Phase, bool)>);

    fn reads(_: Res<'_, Trace>) {}
    fn writes(mut trace: ResMut<'_, Trace>) {
        trace.0.clear();
    }

    #[test]
    fn two_systems_that_touch_the_same_thing_in_no_stated_order_are_refused() {
        let mut world = World::new();
        world.init_resource::<Trace>();
        world.init_resource::<probe::Watched>();
        let mut schedule = tick_schedule();
        schedule.add_systems((reads, writes).in_set(Phase::Movement));
        let refused = schedule.initialize(&mut world);
        assert!(matches!(refused, Err(ScheduleBuildError::Elevated(ScheduleBuildWarning::Ambiguity(_)))));

        let mut schedule = tick_schedule();
        schedule.add_systems((reads, writes).chain().in_set(Phase::Movement));
        assert!(schedule.initialize(&mut world).is_ok());
    }

    #[test]
    fn phases_run_in_their_listed_order_whatever_the_order_of_registration() {
        let mut world = World::new();
        world.init_resource::<Trace>();
        world.init_resource::<probe::Watched>();
        let mut schedule = tick_schedule();
        for phase in Phase::ALL.into_iter().rev() {
            let note = |of| move |mut trace: ResMut<'_, Trace>| trace.0.push(of);
            schedule.add_systems(note((phase, true)).in_set(Extended(phase)));
            schedule.add_systems(note((phase, false)).in_set(phase));
        }
        schedule.run(&mut world);
        let expected: Vec<_> = Phase::ALL.into_iter().flat_map(|phase| [(phase, false), (phase, true)]).collect();
        assert_eq!(world.resource::<Trace>().0, expected, "and what games of one's own add is run behind each");
    }
}
