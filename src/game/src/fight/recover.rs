//! What comes back by itself, and figures that are made anew.

use super::fighter::{Sheet, Vitals};
use super::formula;
use crate::Clock;
use crate::content::{Modifier, STATS, Stat, Stats};
use crate::effects::Effects;
use crate::movement::Gait;
use crate::rulebook::Rulebook;
use bevy_ecs::change_detection::DetectChangesMut;
use bevy_ecs::prelude::{Component, Query, Res};
use protocol::motion::{self, GAIT_SPEED_MAX};
use protocol::unit::TICK_RATE_HZ;
use serde::{Deserialize, Serialize};

/// Ticks of a minute: figures say how much comes back in one.
const MINUTE: i32 = 60 * TICK_RATE_HZ as i32;

/// What is worn adds so much to figures; kept by whoever knows what is worn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Gear(pub(crate) Sums);

/// What is added to each figure: a flat part, and thousandths of the sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sums {
    flat: [i32; STATS],
    share: [i32; STATS],
}

impl Sums {
    /// Adds a modifier so many times.
    pub(crate) fn add(&mut self, modifier: &Modifier, times: u8) {
        let (at, times) = (modifier.stat as usize, i32::from(times));
        self.flat[at] = self.flat[at].saturating_add(modifier.flat.saturating_mul(times));
        self.share[at] = self.share[at].saturating_add(modifier.share.saturating_mul(times));
    }

    /// Figures with all that adds to them.
    pub(crate) fn with(&self, base: &Stats) -> Stats {
        let mut stats = *base;
        for stat in Stat::ALL {
            let at = stat as usize;
            let figure = formula::figure(stat, base.of(stat), self.flat[at].into(), self.share[at].into());
            stats.set(stat, figure);
        }
        stats
    }
}

/// Everybody's figures and what comes back. Each fighter is looked at on its own: the order of the table is as good as any.
pub(super) fn recover(
    clock: Res<'_, Clock>,
    rulebook: Res<'_, Rulebook>,
    mut fighters: Query<'_, '_, (&mut Vitals, &mut Sheet, &Effects, Option<&Gear>)>,
) {
    for (mut vitals, mut sheet, effects, gear) in &mut fighters {
        if sheet.is_stale {
            let mut sums = gear.copied().unwrap_or_default().0;
            for active in &effects.0 {
                let modifiers = &rulebook.0.effects.at(active.effect).modifiers;
                modifiers.iter().for_each(|modifier| sums.add(modifier, active.stacks));
            }
            *sheet = Sheet { now: sums.with(&sheet.base), is_stale: false, ..*sheet };
        }
        let stats = &sheet.now;
        let (health_max, mana_max) = (stats.of(Stat::HealthMax), stats.of(Stat::ManaMax));
        if vitals.is_dead() {
            continue;
        }
        let vitals = &mut *vitals;
        if !vitals.is_in_combat(clock.now) {
            come_back(&mut vitals.health, &mut vitals.health_part, stats.of(Stat::HealthRegen));
        }
        come_back(&mut vitals.mana, &mut vitals.mana_part, stats.of(Stat::ManaRegen));
        vitals.health = vitals.health.min(health_max);
        vitals.mana = vitals.mana.min(mana_max);
    }
}

/// How everybody walks: as fast as his figure says, and nowhere if he is held or dead.
pub(super) fn pace(rulebook: Res<'_, Rulebook>, mut walkers: Query<'_, '_, (&Vitals, &Sheet, &Effects, &mut Gait)>) {
    for (vitals, sheet, effects, mut gait) in &mut walkers {
        let holds = effects.holds(&rulebook.0);
        let stands = vitals.is_dead() || holds.stun || holds.root;
        let speed = sheet.now.of(Stat::Speed).clamp(0, i32::from(GAIT_SPEED_MAX)) as u8;
        let now = if stands { motion::Gait::HELD } else { motion::Gait { speed, can_jump: true } };
        gait.set_if_neq(Gait(now));
    }
}

fn come_back(whole: &mut i32, part: &mut i32, per_minute: i32) {
    *part += per_minute;
    *whole = whole.saturating_add(*part / MINUTE);
    *part %= MINUTE;
}
