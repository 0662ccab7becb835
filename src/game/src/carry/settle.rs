//! What the disk has answered is done to bags and ground, or what was held for it is free again.

use super::bag::{Hold, Row};
use super::bodies::{self, Bodies};
use super::draft::hold_lying;
use super::ground::{self, Fall};
use super::wear;
use crate::Clock;
use crate::event::{Happenings, Notices};
use crate::ledger::{Entry, Holder, ItemRecord, TransactionId, UnderWay, Why};
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use arrayvec::ArrayVec;
use bevy_ecs::prelude::World;
use protocol::{CharacterId, GameEvent, ItemKind, NetId, News, Tick};

/// The part of belongings in a transaction that the disk has answered.
pub(crate) fn settle(world: &mut World, under_way: &UnderWay, is_durable: bool) {
    if is_durable {
        apply(world, under_way, true);
    } else {
        release(world, under_way);
    }
    let Some((by, _)) = under_way.order else { return };
    match under_way.why {
        Why::Used(kind) => used(world, by, kind, is_durable),
        Why::PickedUp if is_durable => tell_looted(world, by, &under_way.transaction.entries),
        _ => {}
    }
}

/// Does what a transaction says, as far as it is about items and coins: of those who are here, and of the ground. `was_held`
/// is false of one that another process has asked for.
pub(crate) fn apply(world: &mut World, under_way: &UnderWay, was_held: bool) {
    let (id, entries) = (under_way.transaction.id, &under_way.transaction.entries);
    let is_here = |character: CharacterId| !under_way.gone.contains(&character);
    // First all that was, then all that is: two may change places.
    for entry in entries {
        if let Entry::Item { before: Some(before), .. } = entry {
            take(world, before, is_here);
        }
    }
    let mut places = under_way.places.iter().copied();
    let owners = if let Why::Left(owners) = &under_way.why { owners.clone() } else { ArrayVec::new() };
    for entry in entries {
        match *entry {
            Entry::Item { before, after } => {
                if let Some(fall) = after.and_then(|after| put(world, after, is_here)) {
                    ground::fall(world, places.next(), Fall { owners: owners.clone(), ..fall });
                }
                tell_gone(world, before, after, is_here);
            }
            Entry::Coins { character, change, .. } if is_here(character) => pay(world, character, change, was_held),
            Entry::GroundCoins { item, change, place } => {
                let is_new = !ground::change_heap(world, item, change);
                if is_new {
                    ground::fall(world, places.next(), Fall::heap(item, change, place, owners.clone()));
                }
            }
            _ => {}
        }
    }
    give_back(world, places);
    for_each_character(entries, |character| {
        if is_here(character) {
            free_rows(world, id, character);
            wear::refresh(world, character);
        }
    });
}

/// The disk has refused it: nothing has changed, and nothing is held for it any more.
fn release(world: &mut World, under_way: &UnderWay) {
    let (id, entries) = (under_way.transaction.id, &under_way.transaction.entries);
    let is_here = |character: CharacterId| !under_way.gone.contains(&character);
    for entry in entries {
        match *entry {
            Entry::Item { before: Some(ItemRecord { item, holder: Holder::Ground { .. }, .. }), .. } => {
                hold_lying(world, item, None);
            }
            Entry::GroundCoins { item, change, .. } if change < 0 => hold_lying(world, item, None),
            Entry::Coins { character, change, .. } if change < 0 && is_here(character) => {
                if let Some((_, mut bag)) = bodies::bag_mut(world, character) {
                    bag.coins_held -= change.unsigned_abs();
                }
            }
            _ => {}
        }
    }
    give_back(world, under_way.places.iter().copied());
    for_each_character(entries, |character| {
        if is_here(character) {
            free_rows(world, id, character);
        }
    });
}

fn take(world: &mut World, before: &ItemRecord, is_here: impl Fn(CharacterId) -> bool) {
    match before.holder {
        Holder::Character { character, .. } if is_here(character) => {
            if let Some((_, mut bag)) = bodies::bag_mut(world, character) {
                bag.take(before.item);
            }
        }
        Holder::Character { .. } => {}
        Holder::Ground { .. } => ground::clear(world, before.item),
    }
}

/// Puts an item where it is to be; on the ground it falls when the tick is over.
fn put(world: &mut World, after: ItemRecord, is_here: impl Fn(CharacterId) -> bool) -> Option<Fall> {
    let ItemRecord { item, kind, count, durability, holder } = after;
    match holder {
        Holder::Character { character, slot } => {
            if is_here(character)
                && let Some((to, mut bag)) = bodies::bag_mut(world, character)
            {
                let row = Row { item, kind, count, durability, slot, hold: Hold::Free };
                bag.put(row);
                world.resource_mut::<Notices>().tell(to, News::Item(row.told()));
            }
            None
        }
        Holder::Ground { .. } => Some(Fall::item(after)),
    }
}

fn tell_gone(
    world: &mut World,
    before: Option<ItemRecord>,
    after: Option<ItemRecord>,
    is_here: impl Fn(CharacterId) -> bool,
) {
    let holder = |record: Option<ItemRecord>| match record.map(|record| record.holder) {
        Some(Holder::Character { character, .. }) => Some(character),
        _ => None,
    };
    let Some((item, character)) = before.map(|before| before.item).zip(holder(before)) else { return };
    if Some(character) != holder(after)
        && is_here(character)
        && let Some(to) = world.resource::<Bodies>().of(character)
    {
        world.resource_mut::<Notices>().tell(to, News::ItemGone { item });
    }
}

fn pay(world: &mut World, character: CharacterId, change: i64, was_held: bool) {
    let Some((_, mut bag)) = bodies::bag_mut(world, character) else { return };
    if change < 0 && was_held {
        bag.coins_held -= change.unsigned_abs();
    }
    bag.coins = bag.coins.checked_add_signed(change).expect("what is paid was held");
}

fn free_rows(world: &mut World, id: TransactionId, character: CharacterId) {
    let Some((to, mut bag)) = bodies::bag_mut(world, character) else { return };
    let freed: Vec<News> = bag.release(id).map(|row| News::Item(row.told())).collect();
    let mut notices = world.resource_mut::<Notices>();
    freed.into_iter().for_each(|news| notices.tell(to, news));
}

/// Ids under which nothing came.
fn give_back(world: &mut World, places: impl Iterator<Item = NetId>) {
    let mut roster = world.resource_mut::<Roster>();
    places.for_each(|place| roster.unclaim(place));
}

/// Each character whose items a transaction changes, once.
fn for_each_character(entries: &[Entry], mut each: impl FnMut(CharacterId)) {
    let mut seen: ArrayVec<CharacterId, 2> = ArrayVec::new();
    let records = entries.iter().flat_map(|entry| match entry {
        Entry::Item { before, after } => [*before, *after],
        _ => [None, None],
    });
    for record in records.flatten() {
        if let Holder::Character { character, .. } = record.holder
            && !seen.contains(&character)
        {
            // Of more than two each is done as often as it is named, which does no harm.
            let _ = seen.try_push(character);
            each(character);
        }
    }
}

/// What was used up does what it does in the coming tick, and its kind cools down from now on; or it was not used.
fn used(world: &mut World, by: NetId, kind: ItemKind, is_durable: bool) {
    let now = world.resource::<Clock>().now;
    let item = world.resource::<Rulebook>().0.items.find(kind);
    let ticks = item.and_then(|item| item.use_.as_ref()).map_or(0, |usage| usage.cooldown_ticks);
    let Some(entity) = world.resource::<Roster>().entity(by) else { return };
    let Some(mut bag) = world.get_mut::<super::Bag>(entity) else { return };
    let until = if is_durable { now.0.saturating_add(ticks) } else { now.0 };
    bag.cool(kind, Some(Tick(until)), now);
    if is_durable {
        bag.swallowed.push(kind);
        if ticks > 0 {
            world.resource_mut::<Notices>().tell(by, News::ItemCooldown { kind, ticks });
        }
    }
}

fn tell_looted(world: &mut World, by: NetId, entries: &[Entry]) {
    for entry in entries {
        if let Entry::Item { before: Some(ItemRecord { kind, count, holder: Holder::Ground { .. }, .. }), .. } = *entry
        {
            world.resource_mut::<Happenings>().tell(by, GameEvent::Looted { by, kind, count });
        }
    }
}
