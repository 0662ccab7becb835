//! `rules.toml`: every key may be left out, and is then as in [`Rules::default`].

use super::reader::{Reader, Scale};
use crate::content::Rules;
use protocol::unit::UNITS_PER_M;

/// Longest time of a rule, in seconds.
const SECONDS_MAX: f64 = 3_600.0;
/// Longest range of a rule, in metres.
const METRES_MAX: f64 = 500.0;
/// Units of what fell.
const UNITS: Scale = Scale::new(UNITS_PER_M, 1);

pub(super) fn rules(reader: &mut Reader<'_>) -> Rules {
    let mut rules = Rules::default();
    progress(reader, &mut rules);
    blows(reader, &mut rules);
    death(reader, &mut rules);
    nearness(reader, &mut rules);
    rules
}

fn progress(reader: &mut Reader<'_>, rules: &mut Rules) {
    set(&mut rules.level_max, reader.whole("level_max", 1..=100));
    set(&mut rules.experience_base, reader.whole("experience_base", 1..=1_000_000));
    set(&mut rules.experience_growth, reader.whole("experience_growth", 0..=1_000_000));
    set(&mut rules.points_per_level, reader.whole("points_per_level", 0..=10));
    set(&mut rules.teams, reader.whole("teams", 0..=8));
}

fn blows(reader: &mut Reader<'_>, rules: &mut Rules) {
    share(reader, "critical_share", 1.0, 10.0, &mut rules.critical_share);
    share(reader, "block_share", 0.0, 1.0, &mut rules.block_share);
    share(reader, "spread", 0.0, 0.9, &mut rules.spread);
    set(&mut rules.armour_half, reader.whole("armour_half", 1..=10_000));
    set(&mut rules.global_cooldown_ticks, reader.seconds("global_cooldown_s", 0.0..=10.0));
    set(&mut rules.combat_ticks, reader.seconds("combat_s", 0.0..=SECONDS_MAX));
    set(&mut rules.shot_damage, reader.whole("shot_damage", 0..=100_000));
    share(reader, "shot_attack", 0.0, 10.0, &mut rules.shot_attack);
}

fn death(reader: &mut Reader<'_>, rules: &mut Rules) {
    set(&mut rules.respawn_ticks, reader.seconds("respawn_s", 0.0..=SECONDS_MAX));
    share(reader, "respawn_share", 0.01, 1.0, &mut rules.respawn_share);
    share(reader, "death_wear", 0.0, 1.0, &mut rules.death_wear);
    set(&mut rules.loot_owner_ticks, reader.seconds("loot_owner_s", 0.0..=SECONDS_MAX));
    set(&mut rules.ground_ticks, reader.seconds("ground_s", 1.0..=SECONDS_MAX));
    set(&mut rules.fall_free_units, reader.scaled("fall_free_m", UNITS, 0.0..=METRES_MAX));
    share(reader, "fall_share_per_m", 0.0, 1.0, &mut rules.fall_share_per_m);
    if rules.ground_ticks < rules.loot_owner_ticks {
        reader.complain(
            "ground_s",
            "what lies on the ground must stay at least as long as it is its owner's (loot_owner_s)",
        );
    }
}

fn nearness(reader: &mut Reader<'_>, rules: &mut Rules) {
    set(&mut rules.pick_up_range, reader.metres("pick_up_range_m", 1.0..=METRES_MAX));
    set(&mut rules.trade_range, reader.metres("trade_range_m", 1.0..=METRES_MAX));
    set(&mut rules.party_range, reader.metres("party_range_m", 1.0..=METRES_MAX));
    share(reader, "party_bonus", 0.0, 1.0, &mut rules.party_bonus);
}

fn set<T>(rule: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *rule = value;
    }
}

fn share(reader: &mut Reader<'_>, key: &'static str, min: f64, max: f64, rule: &mut u32) {
    set(rule, reader.share(key, min..=max).map(i32::unsigned_abs));
}
