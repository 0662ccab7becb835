//! Figures and what changes them, as classes, mobs, items and effects write them.
//!
//! Each figure has the unit that people think in: shares for what is counted in thousandths or per cent, kilograms for
//! what is counted in grams, whole ones for the rest.

use super::reader::{Reader, Scale};
use crate::content::{Modifier, Stat, Stats};

/// Most that a share of a figure can add, in parts of the figure.
const SHARE_MAX: f64 = 10.0;

/// How a figure is counted.
const fn scale(stat: Stat) -> i32 {
    match stat {
        Stat::Critical | Stat::Block | Stat::Haste | Stat::Threat => 1_000,
        Stat::ResistFire | Stat::ResistFrost | Stat::ResistNature | Stat::ResistShadow => 1_000,
        Stat::Speed => 100,
        Stat::CarryMax => 1_000,
        _ => 1,
    }
}

/// The figures of a class or a mob: speed and threat are usual ones unless it says otherwise, all else is nothing.
pub(super) fn stats(reader: &mut Reader<'_>) -> Stats {
    let mut stats = Stats::default();
    stats.set(Stat::Speed, 100);
    stats.set(Stat::Threat, 1_000);
    reader.needs(&[Stat::HealthMax.key()]);
    for stat in Stat::ALL {
        let (min, max) = stat.range();
        let per_one = scale(stat);
        let range = f64::from(min) / f64::from(per_one)..=f64::from(max) / f64::from(per_one);
        if let Some(value) = reader.scaled(stat.key(), Scale::new(per_one, 1), range) {
            stats.set(stat, value);
        }
    }
    stats
}

/// What each level adds, in hundredths of what figures are counted in.
pub(super) fn growth(reader: &mut Reader<'_>) -> Stats {
    let mut stats = Stats::default();
    for stat in Stat::ALL {
        let per_one = scale(stat) * 100;
        let max = f64::from(stat.range().1) / f64::from(per_one);
        if let Some(value) = reader.scaled(stat.key(), Scale::new(per_one, 1), 0.0..=max) {
            stats.set(stat, value);
        }
    }
    stats
}

/// `adds` and `scales` of an item or an effect; one modifier for each figure that either names.
pub(super) fn modifiers(reader: &mut Reader<'_>) -> Vec<Modifier> {
    let mut modifiers: Vec<Modifier> = Vec::new();
    let flat = reader.inner("adds", |adds| {
        Stat::ALL.map(|stat| {
            let max = f64::from(stat.range().1) / f64::from(scale(stat));
            adds.scaled(stat.key(), Scale::new(scale(stat), 1), -max..=max).unwrap_or_default()
        })
    });
    let share = reader
        .inner("scales", |scales| Stat::ALL.map(|stat| scales.share(stat.key(), -1.0..=SHARE_MAX).unwrap_or_default()));
    for stat in Stat::ALL {
        let of = |all: &Option<[i32; Stat::ALL.len()]>| all.map_or(0, |all| all[stat as usize]);
        let (flat, share) = (of(&flat), of(&share));
        if (flat, share) != (0, 0) {
            modifiers.push(Modifier { stat, flat, share });
        }
    }
    modifiers
}
