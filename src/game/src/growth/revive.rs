//! The dead come back at a graveyard.

use crate::chance::{Dice, Question};
use crate::content::{Circle, Content, Rules, Stat};
use crate::fight::{Sheet, Vitals, formula};
use crate::movement::{Ground, Mobile};
use crate::records::Life;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::{Clock, Seed};
use bevy_ecs::prelude::World;
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

/// Somebody who has just entered is as he was when he left. Who lay dead is at a graveyard and lives: by leaving nobody
/// escapes death, and nobody comes back to lie where he fell.
pub(crate) fn resume_life(world: &mut World, id: NetId, life: Life) {
    let Some(entity) = world.resource::<Roster>().entity(id) else { return };
    let content = std::sync::Arc::clone(&world.resource::<Rulebook>().0);
    let Some(&sheet) = world.get::<Sheet>(entity) else { return };
    let vitals = if life.is_dead {
        revived(&sheet, &content.rules)
    } else {
        // What is above the most that he has is cut when his figures are made.
        Vitals { health: life.health.max(1), mana: life.mana, ..Vitals::default() }
    };
    world.entity_mut(entity).insert(vitals);
    if let Some(Mobile(body)) = world.get::<Mobile>(entity).filter(|_| life.is_dead) {
        let dice = Dice::new(world.resource::<Seed>().0, world.resource::<Clock>().now);
        if let Some(body) = graveyard(&content, &world.resource::<Ground>().0, dice, id, (body.x, body.y)) {
            world.entity_mut(entity).insert(Mobile(body));
        }
    }
}
