//! What somebody takes out of the world, and with what of it he comes back.

use super::revive;
use crate::carry::Bag;
use crate::cast::{Casting, Cooldowns};
use crate::chance::Dice;
use crate::content::Content;
use crate::effects::Effects;
use crate::fight::{Sheet, Vitals};
use crate::lasting::Lasting;
use crate::movement::{Ground, Mobile};
use crate::records::Life;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::{Clock, Seed};
use bevy_ecs::prelude::{Entity, World};
use protocol::NetId;
use std::sync::Arc;

/// What is left of a player, for his record; `None` of what is none.
pub(crate) fn life_of(world: &World, id: NetId, entity: Entity) -> Option<Life> {
    let now = world.resource::<Clock>().now;
    let vitals = world.get::<Vitals>(entity)?;
    let (casting, cooldowns) = (world.get::<Casting>(entity)?, world.get::<Cooldowns>(entity)?);
    let lasting = Lasting {
        global_ticks: cooldowns.global_ticks_left(now),
        locked_ticks: casting.locked_until.0.saturating_sub(now.0),
        skills: cooldowns.left(now).collect(),
        items: world.get::<Bag>(entity)?.cooldowns_left(now),
        effects: world.get::<Effects>(entity)?.lasting(id, now),
    };
    Some(Life { health: vitals.health.max(0), mana: vitals.mana.max(0), is_dead: vitals.is_dead(), lasting })
}

/// Somebody who has just entered is as he was when he left. Who lay dead is at a graveyard and lives: by leaving nobody
/// escapes death, and nobody comes back to lie where he fell. What there is no content for any more is left out.
pub(crate) fn resume_life(world: &mut World, id: NetId, life: &Life) {
    let Some(entity) = world.resource::<Roster>().entity(id) else { return };
    let content = Arc::clone(&world.resource::<Rulebook>().0);
    let Some(&sheet) = world.get::<Sheet>(entity) else { return };
    let vitals = if life.is_dead {
        revive::revived(&sheet, &content.rules)
    } else {
        // What is above the most that he has is cut when his figures are made.
        Vitals { health: life.health.max(1), mana: life.mana, ..Vitals::default() }
    };
    world.entity_mut(entity).insert(vitals);
    resume_lasting(world, id, entity, &life.lasting, &content);
    if let Some(Mobile(body)) = world.get::<Mobile>(entity).filter(|_| life.is_dead) {
        let dice = Dice::new(world.resource::<Seed>().0, world.resource::<Clock>().now);
        if let Some(body) = revive::graveyard(&content, &world.resource::<Ground>().0, dice, id, (body.x, body.y)) {
            world.entity_mut(entity).insert(Mobile(body));
        }
    }
}

fn resume_lasting(world: &mut World, id: NetId, entity: Entity, lasting: &Lasting, content: &Content) {
    let now = world.resource::<Clock>().now;
    let mut one = world.entity_mut(entity);
    one.insert(Effects::resumed(content, &lasting.effects, id, now));
    one.insert(Cooldowns::resumed(content, lasting, now));
    if let Some(mut casting) = one.get_mut::<Casting>() {
        casting.lock(lasting.locked_ticks, now);
    }
    if let Some(mut bag) = one.get_mut::<Bag>() {
        bag.resume_cooldowns(content, &lasting.items, now);
    }
}
