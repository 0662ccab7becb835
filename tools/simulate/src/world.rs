//! The world that is played on: the shipped content, drawn together so that people meet each other and whom they fight.

use game::content::{Circle, Content, MobType, Stat, Table, shipped};
use protocol::motion::StaticMap;
use protocol::unit::SUBUNITS_PER_M;

/// Sides of the map, in metres: those that the shipped places are made for.
const SIDE_M: u32 = 3_000;
/// The middle, where everybody begins, in metres.
pub const MIDDLE_M: f64 = 1_500.0;
/// Places farther than this from the middle are left out, in metres.
const REACH_M: i64 = 460;
/// The others are drawn together by this share of their distance.
const NEARER: (i64, i64) = (2, 5);

/// Of so many mobs one lives: each that is in view is told of, and most of the time goes there.
const FEWER: u16 = 3;
/// And what is left hits so much harder: where too few died, dying and all that follows from it was hardly looked at.
const HARDER: i32 = 5;

/// What does not move: nothing.
///
/// # Panics
/// Never: it is a map.
#[must_use]
pub fn map() -> StaticMap {
    StaticMap::new(SIDE_M, SIDE_M, &[]).expect("an open field is a map")
}

/// What the world is filled with.
///
/// # Panics
/// Never: it changes no number.
#[must_use]
pub fn content() -> Content {
    let mut content = shipped("meadow");
    let places = &mut content.places;
    places.spawns.retain(|spawn| is_near(&spawn.area));
    places.graveyards.retain(is_near);
    places.triggers.retain(|trigger| is_near(&trigger.area));
    for spawn in &mut places.spawns {
        draw_near(&mut spawn.area);
        spawn.count = spawn.count.div_ceil(FEWER);
    }
    let mut mobs: Vec<MobType> = content.mobs.iter().cloned().collect();
    for mob in &mut mobs {
        mob.stats.set(Stat::Attack, mob.stats.of(Stat::Attack) * HARDER);
    }
    content.mobs = Table::new(mobs).expect("their numbers are what they were");
    let places = &mut content.places;
    places.triggers.iter_mut().for_each(|trigger| draw_near(&mut trigger.area));
    content
}

fn from_middle(area: &Circle) -> (i64, i64) {
    let middle = MIDDLE_M as i64 * i64::from(SUBUNITS_PER_M);
    (i64::from(area.x) - middle, i64::from(area.y) - middle)
}

fn is_near(area: &Circle) -> bool {
    let (dx, dy) = from_middle(area);
    let reach = REACH_M * i64::from(SUBUNITS_PER_M);
    dx * dx + dy * dy <= reach * reach
}

fn draw_near(area: &mut Circle) {
    let ((dx, dy), middle) = (from_middle(area), MIDDLE_M as i64 * i64::from(SUBUNITS_PER_M));
    area.x = (middle + dx * NEARER.0 / NEARER.1) as i32;
    area.y = (middle + dy * NEARER.0 / NEARER.1) as i32;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_live_near_the_middle_and_somebody_sells() {
        let content = content();
        let mobs: u16 = content.places.spawns.iter().map(|spawn| spawn.count).sum();
        assert!((20..100).contains(&mobs), "{mobs} mobs");
        assert!(content.places.vendors.len() >= 2 && !content.places.graveyards.is_empty());
    }
}
