//! The effects on one fighter.

use super::EFFECTS_MAX;
use crate::content::{Content, Effect, Holds, School, Stacking};
use crate::fight::Force;
use crate::lasting::LastingEffect;
use arrayvec::ArrayVec;
use bevy_ecs::prelude::Component;
use protocol::{EffectId, NetId, Tick};
use serde::{Deserialize, Serialize};

/// An effect at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Active {
    pub(crate) effect: EffectId,
    /// Who has put it there, if he is still in the world.
    pub(crate) by: Option<NetId>,
    pub(crate) force: Force,
    pub(crate) stacks: u8,
    /// The first tick without it.
    pub(crate) until: Tick,
    /// When it does something next; of use if it has a pulse or an aura.
    pub(crate) next: Tick,
    /// Damage that it still takes in its bearer's place.
    pub(crate) absorbs: u32,
}

/// All effects on a fighter, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Effects(pub(crate) ArrayVec<Active, EFFECTS_MAX>);

/// An effect that is extended lasts at most so many times its length.
const EXTENDED_TIMES: u32 = 3;
/// An aura gives its effect once a second.
pub(super) const AURA_TICKS: u32 = protocol::unit::TICK_RATE_HZ;

impl Effects {
    /// Puts an effect on its bearer, by the effect's own rule if it is there already. The state of it after that; `None` if
    /// there was no room.
    pub(crate) fn apply(&mut self, effect: &Effect, by: Option<NetId>, force: Force, now: Tick) -> Option<Active> {
        let is_same = |active: &&mut Active| {
            active.effect == effect.id && (effect.stacking != Stacking::Separate || active.by == by)
        };
        if let Some(active) = self.0.iter_mut().find(is_same) {
            active.renew(effect, by, force, now);
            return Some(*active);
        }
        if self.0.is_full() && !self.make_room() {
            return None;
        }
        let first = effect.pulse.as_ref().map_or(AURA_TICKS, |pulse| pulse.every_ticks);
        let active = Active {
            effect: effect.id,
            by,
            force,
            stacks: 1,
            until: after(now, effect.ticks),
            // An aura begins at once.
            next: if effect.aura.is_some() && effect.pulse.is_none() { now } else { after(now, first) },
            absorbs: effect.absorbs,
        };
        self.0.push(active);
        Some(active)
    }

    /// The one that ends first goes, harmful or not: whoever has so many will not miss it.
    fn make_room(&mut self) -> bool {
        let first = self.0.iter().enumerate().min_by_key(|(at, active)| (active.until, *at)).map(|(at, _)| at);
        first.map(|at| self.0.remove(at)).is_some()
    }

    /// Ends those of a school, the newest first; tells `ended` of each.
    pub(crate) fn dispel(
        &mut self,
        content: &Content,
        school: School,
        is_harmful: bool,
        count: u8,
        mut ended: impl FnMut(EffectId),
    ) {
        for _ in 0..count {
            let of_school = |active: &Active| {
                let effect = content.effects.at(active.effect);
                effect.school == Some(school) && effect.is_harmful == is_harmful
            };
            let Some(at) = self.0.iter().rposition(of_school) else { return };
            ended(self.0.remove(at).effect);
        }
    }

    /// Takes what it can of `damage`, the oldest first; returns how much. Those with nothing left end.
    pub(crate) fn absorb(&mut self, damage: u32, mut ended: impl FnMut(EffectId)) -> u32 {
        let mut left = damage;
        self.0.retain(|active| {
            if active.absorbs == 0 || left == 0 {
                return true;
            }
            let taken = left.min(active.absorbs);
            (left, active.absorbs) = (left - taken, active.absorbs - taken);
            if active.absorbs == 0 {
                ended(active.effect);
            }
            active.absorbs > 0
        });
        damage - left
    }

    /// Everything that is forbidden now.
    pub(crate) fn holds(&self, content: &Content) -> Holds {
        let mut all = Holds::default();
        for active in &self.0 {
            let Holds { root, silence, stun, immune } = content.effects.at(active.effect).holds;
            all.root |= root;
            all.silence |= silence;
            all.stun |= stun;
            all.immune |= immune;
        }
        all
    }

    /// What is left of them, for the record of their bearer.
    pub(crate) fn lasting(&self, bearer: NetId, now: Tick) -> ArrayVec<LastingEffect, EFFECTS_MAX> {
        self.0.iter().map(|active| active.lasting(bearer, now)).collect()
    }

    /// Those that somebody comes back with, as far as there is such an effect and it can be so strong.
    pub(crate) fn resumed(content: &Content, lasting: &[LastingEffect], bearer: NetId, now: Tick) -> Self {
        let resumed = lasting.iter().filter_map(|lasting| Active::resumed(content, lasting, bearer, now));
        Self(resumed.take(EFFECTS_MAX).collect())
    }

    /// Forgets that somebody put any of them there: his id may name another one later.
    pub(crate) fn forget(&mut self, id: NetId) {
        self.0.iter_mut().filter(|active| active.by == Some(id)).for_each(|active| active.by = None);
    }
}

impl Active {
    fn lasting(&self, bearer: NetId, now: Tick) -> LastingEffect {
        let left = |tick: Tick| tick.0.saturating_sub(now.0);
        let Force { level, attack, power, critical, threat } = self.force;
        LastingEffect {
            effect: self.effect,
            is_own: self.by == Some(bearer),
            stacks: self.stacks,
            ticks: left(self.until),
            next_ticks: left(self.next),
            absorbs: self.absorbs,
            level,
            force: [attack, power, critical, threat],
        }
    }

    fn resumed(content: &Content, lasting: &LastingEffect, bearer: NetId, now: Tick) -> Option<Self> {
        let effect = content.effects.find(lasting.effect)?;
        let longest = match effect.stacking {
            Stacking::Extend => effect.ticks.saturating_mul(EXTENDED_TIMES),
            _ => effect.ticks,
        };
        let stacks = lasting.stacks.clamp(1, effect.stacks_max.max(1));
        Some(Self {
            effect: effect.id,
            by: lasting.is_own.then_some(bearer),
            force: Force::of_record(lasting.level, lasting.force),
            stacks,
            until: after(now, lasting.ticks.min(longest)),
            next: after(now, lasting.next_ticks.min(longest)),
            absorbs: lasting.absorbs.min(effect.absorbs.saturating_mul(u32::from(stacks))),
        })
    }

    fn renew(&mut self, effect: &Effect, by: Option<NetId>, force: Force, now: Tick) {
        (self.by, self.force) = (by, force);
        match effect.stacking {
            Stacking::Refresh | Stacking::Separate => self.until = after(now, effect.ticks),
            Stacking::Extend => {
                let most = after(now, effect.ticks.saturating_mul(EXTENDED_TIMES));
                self.until = after(self.until, effect.ticks).min(most);
            }
            Stacking::Stack => {
                if self.stacks < effect.stacks_max {
                    self.stacks += 1;
                }
                self.until = after(now, effect.ticks);
            }
        }
        self.absorbs = self.absorbs.max(effect.absorbs.saturating_mul(u32::from(self.stacks)));
    }
}

/// So many ticks later.
pub(crate) const fn after(tick: Tick, ticks: u32) -> Tick {
    Tick(tick.0.saturating_add(ticks))
}
