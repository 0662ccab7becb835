//! A transaction in the making, and what is held for it until the disk has answered.
//!
//! What is held follows from the entries, as what is done does: an item that is before is held, a slot that it will be in
//! is kept, coins that are taken cannot be spent. So nothing can be held that is not released, or taken that was not held.

use super::bag::{Hold, grams};
use super::bodies;
use super::ground::{Finds, Lying};
use crate::event::Notices;
use crate::ledger::{Entry, Holder, ItemRecord, Ledger, TransactionId, Way, Why};
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use bevy_ecs::prelude::World;
use protocol::{CharacterId, ItemId, NetId, News};
use std::sync::Arc;

/// What is to be asked of the disk.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) entries: Vec<Entry>,
    pub(crate) why: Why,
    /// Claimed ids for what is to lie on the ground, in the order of its entries.
    pub(crate) places: Vec<NetId>,
    /// Slots that must stay empty meanwhile although nothing comes there.
    pub(crate) blocked: Vec<(CharacterId, u8)>,
}

impl Draft {
    /// An item changes.
    pub(crate) fn item(&mut self, before: Option<ItemRecord>, after: Option<ItemRecord>) {
        self.entries.push(Entry::Item { before, after });
    }

    /// So many of a stack, which may be all of it, come to be as `after`: under its own name, or under that of a new item
    /// that is split off.
    pub(crate) fn part(&mut self, ledger: &mut Ledger, before: ItemRecord, count: u32, after: Holder) {
        if count == before.count {
            self.item(Some(before), Some(ItemRecord { holder: after, ..before }));
        } else {
            self.item(Some(before), Some(ItemRecord { count: before.count - count, ..before }));
            self.item(None, Some(ItemRecord { item: ledger.new_item(), count, holder: after, ..before }));
        }
    }

    /// So many of a stack are not there any more.
    pub(crate) fn fewer(&mut self, before: ItemRecord, count: u32) {
        let left = before.count - count;
        self.item(Some(before), (left > 0).then_some(ItemRecord { count: left, ..before }));
    }

    /// Somebody gets coins out of nothing, or loses some to nobody.
    pub(crate) fn mint(&mut self, character: CharacterId, change: i64, way: Way) {
        self.entries.push(Entry::Coins { character, change, way });
        self.entries.push(Entry::Minted { coins: change, way });
    }

    /// Asks the disk, and holds what is to change.
    pub(crate) fn ask(self, world: &mut World, order: Option<(NetId, u16)>) -> TransactionId {
        let Self { entries, why, places, blocked } = self;
        let id = world.resource_mut::<Ledger>().ask_for(order, entries.clone(), why, places);
        for entry in &entries {
            hold(world, id, entry);
        }
        for (character, slot) in blocked {
            if let Some((_, mut bag)) = bodies::bag_mut(world, character) {
                bag.expect(id, Some(slot), 0);
            }
        }
        expect_weight(world, id, &entries);
        id
    }
}

fn hold(world: &mut World, id: TransactionId, entry: &Entry) {
    match *entry {
        Entry::Item { before, after } => {
            match before.map(|before| (before.item, before.holder)) {
                Some((item, Holder::Character { character, .. })) => hold_row(world, id, character, item),
                Some((item, Holder::Ground { .. })) => hold_lying(world, item, Some(id)),
                None => {}
            }
            let from = before.map(|before| before.holder);
            if let Some(Holder::Character { character, slot }) = after.map(|after| after.holder)
                && from != after.map(|after| after.holder)
                && let Some((_, mut bag)) = bodies::bag_mut(world, character)
            {
                bag.expect(id, Some(slot), 0);
            }
        }
        Entry::Coins { character, change, .. } if change < 0 => {
            if let Some((_, mut bag)) = bodies::bag_mut(world, character) {
                bag.coins_held += change.unsigned_abs();
                assert!(bag.coins_held <= bag.coins, "{character:?} would pay more than he has");
            }
        }
        Entry::GroundCoins { item, change, .. } if change < 0 => hold_lying(world, item, Some(id)),
        _ => {}
    }
}

fn hold_row(world: &mut World, id: TransactionId, character: CharacterId, item: ItemId) {
    let Some((to, mut bag)) = bodies::bag_mut(world, character) else { return };
    let Some(row) = bag.row_mut(item) else { return };
    assert!(!matches!(row.hold, Hold::By(_)), "{row:?} would be in two transactions");
    row.hold = Hold::By(id);
    let told = row.told();
    world.resource_mut::<Notices>().tell(to, News::Item(told));
}

/// Marks what lies under this name.
pub(super) fn hold_lying(world: &mut World, item: ItemId, by: Option<TransactionId>) {
    let Some(&at) = world.resource::<Finds>().0.get(&item) else { return };
    let Some(entity) = world.resource::<Roster>().entity(at) else { return };
    if let Some(mut lying) = world.get_mut::<Lying>(entity) {
        assert!(by.is_none() || lying.held.is_none(), "{item:?} would be in two transactions");
        lying.held = by;
    }
}

/// What somebody has more of afterwards weighs on him already; what he has less of still does.
fn expect_weight(world: &mut World, id: TransactionId, entries: &[Entry]) {
    let content = Arc::clone(&world.resource::<Rulebook>().0);
    let mut changes: Vec<(CharacterId, i64)> = Vec::new();
    let mut add = |record: &Option<ItemRecord>, sign: i64| {
        if let Some(ItemRecord { kind, count, holder: Holder::Character { character, .. }, .. }) = *record {
            let change = sign * grams(&content, kind, count).min(i64::MAX as u64 >> 8) as i64;
            match changes.iter_mut().find(|(other, _)| *other == character) {
                Some((_, sum)) => *sum = sum.saturating_add(change),
                None => changes.push((character, change)),
            }
        }
    };
    for entry in entries {
        if let Entry::Item { before, after } = entry {
            add(before, -1);
            add(after, 1);
        }
    }
    for (character, change) in changes {
        if let (Some((_, mut bag)), 1..) = (bodies::bag_mut(world, character), change) {
            bag.expect(id, None, change as u64);
        }
    }
}
