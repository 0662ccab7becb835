//! What one fighter does to another, on its way.

use super::fighter::Sheet;
use crate::content::{Content, Outcome, Stat};
use bevy_ecs::prelude::Resource;
use protocol::{EffectId, ItemKind, NetId, SkillId};
use serde::{Deserialize, Serialize};

/// Something that is done to somebody in this tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blow {
    /// Who does it; none of a fall.
    pub(crate) by: Option<NetId>,
    /// To whom.
    pub(crate) on: NetId,
    /// What.
    pub(crate) outcome: Outcome,
    /// How strong whoever does it was when he did it: a missile or a poison does what its sender could, even if he has gone.
    pub(crate) force: Force,
    /// What the target gets of the outcome's amounts, in thousandths: ranks, falloff, stacks.
    pub(crate) share: u32,
    /// Where it comes from, in subunits: blocks and launches have a direction.
    pub(crate) from: (i32, i32),
    /// By what.
    pub(crate) cause: Cause,
    /// Tells the outcomes of one cause apart, in their order.
    pub(crate) nth: u16,
}

/// By what something is done. Blows are dealt in this order, then by who does them, then by target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Cause {
    /// An effect that lasts.
    Effect(EffectId),
    /// The built-in weapon.
    Shot,
    /// A skill.
    Skill(SkillId),
    /// An item that was used.
    Item(ItemKind),
    /// The ground.
    Fall,
    /// A rule of a game of one's own.
    Rule,
}

/// How strong somebody is, as far as others feel it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Force {
    pub(crate) level: u8,
    pub(crate) attack: i32,
    pub(crate) power: i32,
    pub(crate) critical: i32,
    pub(crate) threat: i32,
}

impl Force {
    pub(crate) fn of(sheet: &Sheet) -> Self {
        let [attack, power, critical, threat] =
            [Stat::Attack, Stat::Power, Stat::Critical, Stat::Threat].map(|stat| sheet.now.of(stat));
        Self { level: sheet.level, attack, power, critical, threat }
    }

    /// As a record says: attack, power, critical chance and threat. What no figure can be is cut to what one can.
    pub(crate) fn of_record(level: u8, figures: [i32; 4]) -> Self {
        let [attack, power, critical, threat] = std::array::from_fn(|at| {
            let (least, most) = [Stat::Attack, Stat::Power, Stat::Critical, Stat::Threat][at].range();
            figures[at].clamp(least, most)
        });
        Self { level, attack, power, critical, threat }
    }
}

/// All blows of this tick.
#[derive(Clone, Debug, Default, PartialEq, Eq, Resource, Serialize, Deserialize)]
pub struct Blows(Vec<Blow>);

impl Blows {
    /// A rule of a game of one's own does something to somebody, behind all blows of other causes: in this tick, if it is called
    /// in [`Phase::Act`](crate::Phase::Act) or before, else in the next. What is dealt to one is dealt in the order of the calls.
    /// Damage is as much as it says, also to who is immune or in a safe place: only effects that take it in somebody's place
    /// make it less.
    pub fn deal(&mut self, on: NetId, outcome: Outcome) {
        let (force, from, cause) = (Force { level: 1, ..Force::default() }, (0, 0), Cause::Rule);
        let nth = self.0.iter().filter(|blow| blow.cause == Cause::Rule && blow.on == on).count() as u16;
        self.add(Blow { by: None, on, outcome, force, share: 1_000, from, cause, nth });
    }

    /// Whether all that they name is part of the content.
    pub(crate) fn are_possible(&self, content: &Content) -> bool {
        self.0.iter().all(|blow| match blow.outcome {
            Outcome::Apply { effect } => content.effects.find(effect).is_some(),
            _ => true,
        })
    }

    /// Adds one. The order of calls does not matter.
    pub(crate) fn add(&mut self, blow: Blow) {
        self.0.push(blow);
    }

    /// Adds what comes of something, outcome by outcome.
    pub(crate) fn add_all(&mut self, outcomes: &[Outcome], blow: impl Fn(Outcome) -> Blow) {
        for (nth, &outcome) in (0..).zip(outcomes) {
            self.add(Blow { nth, ..blow(outcome) });
        }
    }

    /// All of them, in the order in which they are dealt, and none is left.
    pub(super) fn take_sorted(&mut self) -> Vec<Blow> {
        self.0.sort_by_key(|blow| (blow.cause, blow.by, blow.on, blow.nth));
        std::mem::take(&mut self.0)
    }

    /// Gives back what was taken, for its memory.
    pub(super) fn give_back(&mut self, mut blows: Vec<Blow>) {
        blows.clear();
        self.0 = blows;
    }
}
