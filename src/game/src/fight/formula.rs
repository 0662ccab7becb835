//! Every formula of a fight, each in one place. Whole numbers; divisions round towards zero.

use super::blow::Force;
use crate::content::{DamageKind, Rules, Stat, Stats};

/// One thousand thousandths.
const WHOLE: i64 = 1_000;

/// What a blow would do to somebody without armour: its amount, and what the attacker's figures add, less the more of
/// [`Stat::Defence`] the target has. A bonus b against a defence d is b b / (b + d): all of it against none, half of it
/// against as much again.
pub(crate) fn strength(amount: u32, attack: u32, power: u32, force: &Force, defence: i32) -> i64 {
    let of = |figure: i32, share: u32| i64::from(figure.max(0)) * i64::from(share) / WHOLE;
    let bonus = of(force.attack, attack) + of(force.power, power);
    let defended = if bonus > 0 { bonus * bonus / (bonus + i64::from(defence.max(0))) } else { 0 };
    i64::from(amount) + defended
}

/// Part of an amount, in thousandths.
pub(crate) fn part(amount: i64, share: i64) -> i64 {
    amount * share / WHOLE
}

/// What an amount becomes by chance: `draw` is in `0..=2 * spread`.
pub(crate) fn spread(amount: i64, rules: &Rules, draw: u32) -> i64 {
    part(amount, WHOLE - i64::from(rules.spread) + i64::from(draw))
}

/// What armour and resistance leave of an amount. Armour of `armour_half` for each level of the attacker halves physical
/// damage, three times as much quarters it.
pub(crate) fn mitigated(amount: i64, kind: DamageKind, attacker_level: u8, stats: &Stats, rules: &Rules) -> i64 {
    match kind.resisted_by() {
        Some(resistance) => part(amount, WHOLE - i64::from(stats.of(resistance))),
        None => {
            let half = i64::from(rules.armour_half) * i64::from(attacker_level.max(1));
            amount * half.max(1) / (half.max(1) + i64::from(stats.of(Stat::Armour)))
        }
    }
}

/// Health that a heal gives.
pub(crate) fn healing(amount: u32, power: u32, force: &Force) -> i64 {
    i64::from(amount) + i64::from(force.power.max(0)) * i64::from(power) / WHOLE
}

/// Threat that comes of damage; of healing it is half as much.
pub(crate) fn threat(damage: i64, force: &Force) -> i64 {
    part(damage, i64::from(force.threat))
}

/// Experience from a level to the next.
pub(crate) fn experience_to_next(level: u8, rules: &Rules) -> u64 {
    let n = u64::from(level.max(1));
    u64::from(rules.experience_base) * n + u64::from(rules.experience_growth) * n * (n - 1)
}

/// The level that somebody with so much experience has, and what he has of it since that level.
pub(crate) fn level_of(experience: u64, rules: &Rules) -> (u8, u64) {
    let (mut level, mut left) = (1, experience);
    while level < rules.level_max && left >= experience_to_next(level, rules) {
        left -= experience_to_next(level, rules);
        level += 1;
    }
    (level, left)
}

/// What experience is worth to somebody of a level from a mob of another: a tenth less for each level that he is above it
/// beyond two, and nothing from twelve on.
pub(crate) fn experience_of(experience: u32, mob_level: u8, level: u8) -> u64 {
    let above = u64::from(level.saturating_sub(mob_level).saturating_sub(2));
    u64::from(experience) * 10_u64.saturating_sub(above) / 10
}

/// One member's part of what a party of so many near members gets: an even part, and so many thousandths more for each
/// member beyond the first.
pub(crate) fn party_part(experience: u64, members: u32, rules: &Rules) -> u64 {
    let members = u64::from(members.max(1));
    let with_bonus = experience * (1_000 + u64::from(rules.party_bonus) * (members - 1)) / 1_000;
    with_bonus / members
}

/// Damage of a fall of so many units, in points of somebody's most health.
pub(crate) fn fall(units: i32, health_max: i32, rules: &Rules) -> i64 {
    let beyond = i64::from((units - rules.fall_free_units).max(0));
    let share = beyond * i64::from(rules.fall_share_per_m) / i64::from(protocol::unit::UNITS_PER_M);
    part(i64::from(health_max), share)
}

/// A figure with what adds to it: all flat parts first, then shares of the sum, within the range of the figure.
pub(crate) fn figure(stat: Stat, base: i32, flat: i64, share: i64) -> i32 {
    let (least, most) = stat.range();
    let sum = i64::from(base) + flat;
    (sum + part(sum, share)).clamp(i64::from(least), i64::from(most)) as i32
}

/// Ticks of a cast with this much haste; at least half of them, at least 1 if it takes any.
pub(crate) fn hasted(ticks: u32, haste: i32) -> u32 {
    let left = part(i64::from(ticks), WHOLE - i64::from(haste.clamp(0, 500))) as u32;
    left.max(ticks.min(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: fn() -> Rules = Rules::default;

    fn force(attack: i32, power: i32) -> Force {
        Force { level: 1, attack, power, critical: 0, threat: 1_000 }
    }

    #[test]
    fn attack_adds_all_of_itself_against_no_defence_and_half_against_as_much() {
        assert_eq!(strength(10, 1_000, 0, &force(50, 0), 0), 60);
        assert_eq!(strength(10, 1_000, 0, &force(50, 0), 50), 35);
        assert_eq!(strength(10, 500, 2_000, &force(50, 100), 0), 10 + 25 + 200);
        assert_eq!(strength(10, 1_000, 0, &force(0, 0), 0), 10, "nothing is divided by nothing");
        assert_eq!(strength(10, 1_000, 0, &force(-5, 0), 7), 10);
    }

    #[test]
    fn a_blow_differs_by_the_spread_either_way() {
        assert_eq!([0, 100, 200].map(|draw| spread(1_000, &RULES(), draw)), [900, 1_000, 1_100]);
    }

    #[test]
    fn armour_halves_and_quarters_and_resistances_take_their_share() {
        let rules = RULES();
        let mut stats = Stats::default();
        let left = |stats: &Stats, kind| mitigated(1_000, kind, 10, stats, &rules);
        assert_eq!(left(&stats, DamageKind::Physical), 1_000);
        stats.set(Stat::Armour, 400);
        assert_eq!(left(&stats, DamageKind::Physical), 500);
        stats.set(Stat::Armour, 1_200);
        assert_eq!(left(&stats, DamageKind::Physical), 250);
        stats.set(Stat::ResistFire, 300);
        stats.set(Stat::ResistFrost, -500);
        assert_eq!((left(&stats, DamageKind::Fire), left(&stats, DamageKind::Frost)), (700, 1_500));
        assert_eq!(left(&stats, DamageKind::Shadow), 1_000);
    }

    #[test]
    fn each_level_takes_more_experience_than_the_one_before() {
        assert_eq!([1, 2, 3].map(|level| experience_to_next(level, &RULES())), [100, 300, 600]);
        let levels = [0, 99, 100, 399, 400, u64::MAX].map(|experience| level_of(experience, &RULES()).0);
        assert_eq!(levels, [1, 1, 2, 2, 3, 30]);
        assert_eq!(level_of(150, &RULES()), (2, 50));
    }

    #[test]
    fn who_is_far_above_a_mob_learns_nothing_from_it() {
        assert_eq!([1, 5, 7, 8, 16, 17, 30].map(|level| experience_of(100, 5, level)), [100, 100, 100, 90, 10, 0, 0]);
    }

    #[test]
    fn a_party_gets_more_than_one_and_each_member_less() {
        let parts = [1, 2, 8].map(|members| party_part(1_000, members, &RULES()));
        assert_eq!(parts, [1_000, 550, 212]);
    }

    #[test]
    fn a_short_fall_is_free_and_a_long_one_costs_by_the_metre() {
        let fall = |m: i32| fall(m * protocol::unit::UNITS_PER_M, 500, &RULES());
        assert_eq!([0, 4, 5, 14].map(fall), [0, 0, 30, 300]);
    }

    #[test]
    fn figures_stay_in_their_range_whatever_adds_to_them() {
        assert_eq!(figure(Stat::Attack, 100, 50, 200), 180);
        assert_eq!(figure(Stat::HealthMax, 100, -500, 0), 1);
        assert_eq!(figure(Stat::Critical, 100, 0, 90_000), 750);
    }

    #[test]
    fn haste_takes_at_most_half_of_a_cast_and_never_all() {
        assert_eq!([0, 250, 500, 900].map(|haste| hasted(120, haste)), [120, 90, 60, 60]);
        assert_eq!((hasted(1, 500), hasted(0, 500)), (1, 0));
    }
}
