//! Belongings: what one carries and wears, what lies on the ground, what vendors sell, and coins.
//!
//! Nothing is ever made or lost here. An order is checked, what it takes is held, and a transaction is asked of the disk
//! ([`draft`]); when the disk has it, it is done to bags and ground by its entries alone ([`settle`]), and if the disk
//! refuses it, what was held is free again. So one thing is never in two places, whatever is under way, and a world after
//! a restart does what the disk has by the same function.

mod bag;
mod bag_orders;
mod bodies;
mod draft;
mod face;
mod ground;
mod ground_orders;
mod kit;
mod loot;
mod orders;
mod settle;
#[cfg(test)]
pub(crate) mod tests;
mod vendor;
mod wear;

pub(crate) use bag::{Bag, COINS_MAX, Hold, grams};
pub(crate) use bodies::{Bodies, bag_mut};
pub(crate) use draft::Draft;
pub(crate) use ground::{Finds, Lying};
pub(crate) use ground_orders::is_within;
pub(crate) use orders::{Done, Scene, figures};
pub(crate) use settle::{apply, settle};
pub(crate) use wear::gear;

pub use ground::{COINS_FORM, GroundRecord};
pub use loot::Drop;
pub(crate) use loot::Drops;

use crate::event::Notices;
use crate::fight::{Blows, Sheet};
use crate::ledger::Ledger;
use crate::movement::Mobile;
use crate::player::Avatar;
use crate::replica::Replica;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::schedule::{Doing, Settling};
use crate::trade;
use bevy_ecs::prelude::{Entity, IntoScheduleConfigs, Query, Res, ResMut, Schedule, World};
use protocol::{NetId, News};

pub(crate) fn register(world: &mut World, schedule: &mut Schedule) {
    world.insert_resource(Bodies::default());
    world.insert_resource(Finds::default());
    world.insert_resource(ground::Falls::default());
    world.insert_resource(loot::Drops::default());
    let doing = (swallow, trade::look, orders::carry_out, tell_all).chain();
    schedule.add_systems(doing.in_set(Doing::Carrying));
    let leaving = (loot::leave_all, wear::wear_out, ground::expire).chain();
    schedule.add_systems(leaving.in_set(Settling::Leaving));
}

/// What was used up in the last tick does what it does. Blows have an order of their own: that of the table is as good as any.
fn swallow(
    rulebook: Res<'_, Rulebook>,
    mut blows: ResMut<'_, Blows>,
    mut bags: Query<'_, '_, (&Replica, &mut Bag, &Sheet, &Mobile)>,
) {
    for (replica, mut bag, sheet, mobile) in &mut bags {
        // Looked at first: to write marks the bag as changed.
        if !bag.swallowed.is_empty() {
            for kind in std::mem::take(&mut bag.swallowed) {
                bag_orders::strike(&mut blows, &rulebook.0, replica.id, sheet, &mobile.0, kind);
            }
        }
    }
}

/// Whoever has come is told of all that he has.
fn tell_all(mut bags: Query<'_, '_, (Entity, &Replica, &mut Bag)>, mut notices: ResMut<'_, Notices>) {
    let new = bags.iter().filter(|(_, _, bag)| !bag.is_told).map(|(entity, replica, _)| (replica.id, entity));
    let mut new: Vec<(NetId, Entity)> = new.collect();
    new.sort_unstable();
    for (id, entity) in new {
        let Ok((_, _, mut bag)) = bags.get_mut(entity) else { continue };
        bag.is_told = true;
        bag.rows().iter().for_each(|row| notices.tell(id, News::Item(row.told())));
    }
}

/// Something is about to leave the world. Of somebody: nobody is to do anything to him or for him under this id.
pub(crate) fn forget(world: &mut World, id: NetId) {
    let Some(entity) = world.resource::<Roster>().entity(id) else { return };
    if let Some(name) = world.get::<Lying>(entity).map(|lying| lying.record.name()) {
        world.resource_mut::<Finds>().0.remove(&name);
    }
    let Some(character) = world.get::<Avatar>(entity).map(|avatar| avatar.character) else { return };
    world.resource_mut::<Ledger>().forget(id, character);
    world.resource_mut::<Bodies>().leave(character, id);
    trade::forget(world, id);
    ground::forget(world, id);
}
