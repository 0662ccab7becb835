//! What a fighter is casting.

use super::cooldown::Cooldowns;
use crate::content::Content;
use bevy_ecs::prelude::Component;
use protocol::command::{Cast, CastTarget};
use protocol::unit::{SUBUNIT_BITS, TICK_RATE_HZ, WORLD_UNITS_MAX};
use protocol::{NetId, SkillId, Tick, ViewTick};
use serde::{Deserialize, Serialize};

/// The cast under way, if there is one, and the one that waits for its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Component, Serialize, Deserialize)]
#[require(Cooldowns)]
pub(crate) struct Casting {
    pub(super) under_way: Option<UnderWay>,
    pub(super) next: Option<Wanted>,
    /// Nothing is cast until then.
    pub(crate) locked_until: Tick,
    /// Somebody has put an end to the cast under way; it is told when casts are looked at next.
    pub(crate) is_interrupted: bool,
}

/// A cast that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnderWay {
    pub(super) wanted: Wanted,
    /// As it was known when the cast began.
    pub(super) rank: u8,
    pub(super) began: Tick,
    /// The tick in which it comes through.
    pub(super) ends: Tick,
    /// Of a channel: when something comes of it next.
    pub(super) due: Tick,
}

/// What somebody wants to cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) skill: SkillId,
    pub(super) aim: Aim,
}

/// Where a cast goes. It is taken once, when it is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Aim {
    pub(super) at: At,
    /// 65,536 steps to a turn, as in [`Cast`].
    pub(super) yaw: u16,
    /// As above.
    pub(super) pitch: u16,
    /// How late the caster sees the world, in steps of 1/256 tick: whom he reaches when the cast ends is where he sees them
    /// then, which is as long ago as what he saw when he gave the command.
    pub(super) age_steps: u32,
}

/// What a cast is aimed at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum At {
    #[default]
    Nobody,
    Entity(NetId),
    /// East and north, in subunits.
    Place(i32, i32),
    /// It was somebody, and he has left the world.
    Gone,
}

impl Casting {
    /// Whether a cast is under way.
    pub(crate) fn is_casting(&self) -> bool {
        self.under_way.is_some()
    }

    /// Ends the cast under way, and forbids others until a tick.
    pub(crate) fn interrupt(&mut self, until: Tick) {
        self.locked_until = self.locked_until.max(until);
        self.is_interrupted = true;
    }

    /// Nothing is cast for so long after his coming back.
    pub(crate) fn lock(&mut self, ticks: u32, now: Tick) {
        self.locked_until = self.locked_until.max(Tick(now.0.saturating_add(ticks.min(LOCK_TICKS_MAX))));
    }

    /// Somebody is gone: his id may name another one later.
    pub(crate) fn forget(&mut self, id: NetId) {
        let under_way = self.under_way.as_mut().map(|cast| &mut cast.wanted);
        for wanted in under_way.into_iter().chain(&mut self.next) {
            if wanted.aim.at == At::Entity(id) {
                wanted.aim.at = At::Gone;
            }
        }
    }

    /// Whether it has to be looked at in this tick.
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some() || self.next.is_some() || self.is_interrupted
    }

    /// Whether it may be part of a world with this content.
    pub(crate) fn is_possible(&self, content: &Content) -> bool {
        let mut all = self.under_way.map(|cast| cast.wanted).into_iter().chain(self.next);
        all.all(|wanted| content.skills.find(wanted.skill).is_some() && wanted.aim.at.is_known())
    }
}

impl Wanted {
    /// A command, given when the last tick was `seen`.
    pub(super) fn by_command(cast: &Cast, seen: Tick) -> Self {
        let at = match cast.at {
            CastTarget::Nobody => At::Nobody,
            CastTarget::Entity(id) => At::Entity(id),
            CastTarget::Place { x_units, y_units } => At::Place(known(x_units), known(y_units)),
        };
        let age_steps = u32::try_from(cast.view.age_steps(seen)).unwrap_or(u32::MAX);
        Self { skill: cast.skill, aim: Aim { at, yaw: cast.yaw, pitch: cast.pitch, age_steps } }
    }
}

impl Aim {
    /// The moment that the caster sees when the last tick was `seen`.
    pub(super) fn view(&self, seen: Tick) -> ViewTick {
        let steps = u64::from(seen.0) * u64::from(ViewTick::STEPS);
        let moment = steps.saturating_sub(self.age_steps.into());
        let tick = Tick((moment / u64::from(ViewTick::STEPS)) as u32);
        ViewTick { tick, fraction: (moment % u64::from(ViewTick::STEPS)) as u8 }
    }
}

impl At {
    /// Whether distances from there are numbers.
    fn is_known(self) -> bool {
        let is_known = |part: i32| part.unsigned_abs() <= FARTHEST.unsigned_abs();
        !matches!(self, Self::Place(x, y) if !is_known(x) || !is_known(y))
    }
}

/// No interruption that content may have forbids casts for longer: 60 s, in ticks. A record may say anything.
const LOCK_TICKS_MAX: u32 = 60 * TICK_RATE_HZ;

/// Units as subunits. What comes from the wire may be anything: beyond the world by its own width is as far as it gets.
fn known(units: i32) -> i32 {
    units.clamp(-WORLD_UNITS_MAX, 2 * WORLD_UNITS_MAX) << SUBUNIT_BITS
}

/// No place that is aimed at is farther east or north, in subunits.
const FARTHEST: i32 = (2 * WORLD_UNITS_MAX) << SUBUNIT_BITS;
const _: () = assert!(FARTHEST as i64 == (2 * WORLD_UNITS_MAX as i64) << SUBUNIT_BITS, "it is a number");
