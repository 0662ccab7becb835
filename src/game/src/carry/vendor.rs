//! Buying, selling and mending, with a vendor near.

use super::bag::{COINS_MAX, grams};
use super::draft::Draft;
use super::ground_orders::take_in;
use super::orders::{Done, Scene};
use crate::content::{ItemType, Vendor};
use crate::ledger::{Entry, Holder, ItemRecord, Way};
use protocol::{ItemId, ItemKind, Refusal};

/// What mending something that is worn to nothing costs, in thousandths of its price; less wear costs less.
const MEND_SHARE: u64 = 250;

/// Vendors in whose reach one stands.
fn vendors<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a Vendor> + use<'a> {
    let (x, y) = (scene.body.x, scene.body.y);
    scene.content.places.vendors.iter().filter(move |vendor| vendor.area.holds(x, y))
}

/// Buys so many of a kind.
pub(super) fn buy(scene: &mut Scene<'_>, kind: ItemKind, count: u32) -> Result<Done, Refusal> {
    vendors(scene).next().ok_or(Refusal::NoVendor)?;
    let content = scene.content;
    let is_sold = vendors(scene).any(|vendor| vendor.sells.contains(&kind));
    let kind = content.items.find(kind).filter(|kind| is_sold && kind.price > 0).ok_or(Refusal::NotForSale)?;
    if count == 0 {
        return Err(Refusal::WrongCount);
    }
    // Two numbers of 32 bits: their product has at most 64.
    let price = u64::from(kind.price) * u64::from(count);
    if price > scene.bag().coins_free() {
        return Err(Refusal::NoCoins);
    }
    let price = i64::try_from(price).map_err(|_| Refusal::NoCoins)?;
    scene.can_carry(grams(content, kind.id, count))?;
    let portions = scene.bag().room(kind, count).ok_or(Refusal::NoRoom)?;
    let mut draft = Draft::default();
    let holder = Holder::Character { character: scene.character, slot: 0 };
    let like = ItemRecord { item: ItemId(0), kind: kind.id, count, durability: kind.durability_max, holder };
    take_in(scene, &mut draft, &portions, like, &mut None);
    draft.entries.push(Entry::Made { kind: kind.id, count: i64::from(count), way: Way::Bought });
    draft.mint(scene.character, -price, Way::Bought);
    draft.ask(scene.world, scene.order());
    Ok(Done::UnderWay)
}

/// Sells so many of a stack.
pub(super) fn sell(scene: &mut Scene<'_>, item: ItemId, count: u32) -> Result<Done, Refusal> {
    let (row, kind) = scene.own_in_bag(item, count)?;
    vendors(scene).next().ok_or(Refusal::NoVendor)?;
    if kind.is_bound {
        return Err(Refusal::Bound);
    }
    if kind.value == 0 {
        return Err(Refusal::NotForSale);
    }
    let gain = u64::from(kind.value) * u64::from(count);
    if scene.bag().coins.saturating_add(gain) > COINS_MAX {
        return Err(Refusal::NoRoom);
    }
    let mut draft = Draft::default();
    draft.fewer(row.record(scene.character), count);
    draft.entries.push(Entry::Made { kind: kind.id, count: -i64::from(count), way: Way::Sold });
    draft.mint(scene.character, gain as i64, Way::Sold);
    draft.ask(scene.world, scene.order());
    Ok(Done::UnderWay)
}

/// Has an item mended, worn or not.
pub(super) fn repair(scene: &mut Scene<'_>, item: ItemId) -> Result<Done, Refusal> {
    let (row, kind) = scene.own(item)?;
    if !vendors(scene).any(|vendor| vendor.repairs) {
        return Err(Refusal::NoVendor);
    }
    if row.durability >= kind.durability_max {
        return Err(Refusal::NotWorn);
    }
    let price = mending(kind, row.durability);
    if price > scene.bag().coins_free() {
        return Err(Refusal::NoCoins);
    }
    let mut draft = Draft::default();
    let before = row.record(scene.character);
    draft.item(Some(before), Some(ItemRecord { durability: kind.durability_max, ..before }));
    draft.mint(scene.character, -(price as i64), Way::Mended);
    draft.ask(scene.world, scene.order());
    Ok(Done::UnderWay)
}

/// What mending costs: in proportion to the wear, rounded up, and never nothing.
fn mending(kind: &ItemType, durability: u16) -> u64 {
    let worth = u64::from(kind.price.max(kind.value));
    let lost = u64::from(kind.durability_max.saturating_sub(durability));
    (worth * MEND_SHARE * lost).div_ceil(1_000 * u64::from(kind.durability_max.max(1))).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::tests::kind;
    use super::*;

    #[test]
    fn mending_costs_in_proportion_to_the_wear_and_never_nothing() {
        let sword = kind(1, |kind| (kind.price, kind.durability_max) = (1_000, 100));
        assert_eq!([100, 99, 50, 0].map(|durability| mending(&sword, durability)), [1, 3, 125, 250]);
        let gift = kind(1, |kind| (kind.price, kind.value, kind.durability_max) = (0, 0, 100));
        assert_eq!(mending(&gift, 0), 1);
        let dear = kind(1, |kind| (kind.price, kind.durability_max) = (u32::MAX, u16::MAX));
        assert_eq!(mending(&dear, 0), (u64::from(u32::MAX) * 250).div_ceil(1_000));
    }
}
