//! What is worn: what it adds to figures, and what a death takes from it.

use super::bag::{Bag, Hold};
use super::bodies;
use super::draft::Draft;
use super::ground::content;
use crate::content::Content;
use crate::fight::{Deaths, Gear, Sheet, Sums, formula};
use crate::ledger::ItemRecord;
use crate::player::Avatar;
use crate::roster::Roster;
use bevy_ecs::prelude::World;
use protocol::{CharacterId, EntityKind};

/// What all that is worn and not broken adds.
pub(crate) fn gear(content: &Content, bag: &Bag) -> Gear {
    let mut sums = Sums::default();
    for row in bag.worn() {
        let Some(kind) = content.items.find(row.kind) else { continue };
        if kind.durability_max == 0 || row.durability > 0 {
            kind.modifiers.iter().for_each(|modifier| sums.add(modifier, 1));
        }
    }
    Gear(sums)
}

/// After something of somebody's has changed.
pub(super) fn refresh(world: &mut World, character: CharacterId) {
    let content = content(world);
    let Some((id, bag)) = bodies::bag_mut(world, character) else { return };
    let gear = gear(&content, &bag);
    let Some(entity) = world.resource::<Roster>().entity(id) else { return };
    let mut entity = world.entity_mut(entity);
    if entity.get::<Gear>() != Some(&gear) {
        entity.insert(gear);
        if let Some(mut sheet) = entity.get_mut::<Sheet>() {
            sheet.is_stale = true;
        }
    }
}

/// A death takes a share off all that its victim wears; what a transaction changes already is spared.
pub(super) fn wear_out(world: &mut World) {
    // Nearly always nobody has died.
    for at in 0..world.resource::<Deaths>().0.len() {
        let death = &world.resource::<Deaths>().0[at];
        if death.kind != EntityKind::Player {
            continue;
        }
        let content = content(world);
        let Some(entity) = world.resource::<Roster>().entity(world.resource::<Deaths>().0[at].who) else { continue };
        let entity = world.entity(entity);
        let (Some(avatar), Some(bag)) = (entity.get::<Avatar>(), entity.get::<Bag>()) else { continue };
        let mut draft = Draft::default();
        for row in bag.worn().iter().filter(|row| row.hold == Hold::Free && row.durability > 0) {
            let most = content.items.find(row.kind).map_or(0, |kind| kind.durability_max);
            let loss = formula::part(i64::from(most), i64::from(content.rules.death_wear)).clamp(0, i64::from(most));
            let before = row.record(avatar.character);
            let after = ItemRecord { durability: before.durability.saturating_sub(loss as u16), ..before };
            if after != before {
                draft.item(Some(before), Some(after));
            }
        }
        if !draft.entries.is_empty() {
            draft.ask(world, None);
        }
    }
}
