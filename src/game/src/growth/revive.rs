//! The dead come back at a graveyard.

use crate::chance::{Dice, Question};
use crate::content::{Circle, Content, Rules, Stat};
use crate::fight::{Sheet, Vitals, formula};
use protocol::motion::{BODY_RADIUS, Body, StaticMap};
use protocol::{NetId, Refusal, Tick};

/// Draws of a place in a graveyard before its middle is taken: of one that is half built over all fail in one of 256.
const DRAWS: u32 = 8;

/// Whether somebody may come back now.
pub(super) fn may_return(vitals: &Vitals, rules: &Rules, now: Tick) -> Result<(), Refusal> {
    match vitals.died {
        None => Err(Refusal::Alive),
        Some(died) if now.0 < died.0.saturating_add(rules.respawn_ticks) => Err(Refusal::TooEarly),
        Some(_) => Ok(()),
    }
}

/// What somebody has who comes back: alive, with a part of what he could have.
pub(crate) fn revived(sheet: &Sheet, rules: &Rules) -> Vitals {
    let share = |stat| formula::part(i64::from(sheet.now.of(stat)), i64::from(rules.respawn_share)) as i32;
    Vitals { health: share(Stat::HealthMax).max(1), mana: share(Stat::ManaMax), ..Vitals::default() }
}

/// A free place in the graveyard that is nearest to (`x`, `y`); `None` if the content has no graveyard.
pub(crate) fn graveyard(
    content: &Content,
    map: &StaticMap,
    dice: Dice,
    who: NetId,
    (x, y): (i32, i32),
) -> Option<Body> {
    let distance = |circle: &&Circle| {
        let (dx, dy) = (i64::from(circle.x) - i64::from(x), i64::from(circle.y) - i64::from(y));
        dx * dx + dy * dy
    };
    // The first of equals, in the order of the file.
    let circle = content.places.graveyards.iter().min_by_key(distance)?;
    let reach = circle.radius.max(0);
    let offset = |nth| dice.below(Question::Return, who, nth, 2 * reach as u32 + 1) as i32 - reach;
    let drawn = (0..DRAWS).map(|draw| (circle.x + offset(2 * draw), circle.y + offset(2 * draw + 1)));
    let free = drawn.into_iter().find(|&(x, y)| circle.holds(x, y) && map.is_free(x, y, 0, BODY_RADIUS));
    let (x, y) = free.unwrap_or_else(|| map.nearest_free(circle.x, circle.y, 0, BODY_RADIUS));
    Some(Body { x, y, ..Body::default() })
}
