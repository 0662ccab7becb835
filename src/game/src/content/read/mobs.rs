//! `mobs.toml`.

use super::figures::stats;
use super::items::COINS_MAX;
use super::reader::{Reader, Scale};
use crate::content::{Loot, MobType};
use protocol::MobKind;

/// Farthest that a mob looks or goes, in metres.
const RADIUS_MAX: f64 = 200.0;
/// Most of one kind of item that one mob leaves.
const COUNT_MAX: i64 = 1_000;

pub(super) fn mob(reader: &mut Reader<'_>, id: MobKind, name: String) -> MobType {
    reader.needs(&["level", "stats", "skills"]);
    let aggro_radius = reader.metres("aggro_m", 0.0..=RADIUS_MAX).unwrap_or_default();
    let leash_radius = reader.metres("leash_m", 1.0..=RADIUS_MAX).unwrap_or(Scale::SUBUNITS.rounded(40.0));
    if leash_radius < aggro_radius {
        reader.complain("leash_m", "must be at least aggro_m, or it turns back before it has begun");
    }
    MobType {
        id,
        name,
        level: reader.whole("level", 1..=100).unwrap_or(1),
        stats: reader.inner("stats", stats).unwrap_or_default(),
        stroll_percent: reader.scaled("stroll", Scale::new(100, 1), 0.0..=1.0).unwrap_or(40) as u8,
        aggro_radius,
        leash_radius,
        help_radius: reader.metres("help_m", 0.0..=RADIUS_MAX).unwrap_or_default(),
        flee_below: reader.share("flee_below", 0.0..=0.9).unwrap_or_default() as u16,
        skills: reader.list_of("skills").unwrap_or_default(),
        experience: reader.whole("experience", 0..=1_000_000).unwrap_or_default(),
        coins: reader.span("coins", 0..=COINS_MAX).unwrap_or_default(),
        loot: reader.each("loot", loot).unwrap_or_default().into_iter().flatten().collect(),
        is_boss: reader.flag("boss").unwrap_or_default(),
    }
}

fn loot(reader: &mut Reader<'_>) -> Option<Loot> {
    reader.needs(&["item", "chance"]);
    let item = reader.named("item");
    let chance = reader.scaled("chance", Scale::MILLIONTHS, 0.0..=1.0);
    let count = reader.span("count", 1..=COUNT_MAX).unwrap_or((1, 1));
    Some(Loot { item: item?, chance: chance?.unsigned_abs(), count })
}
