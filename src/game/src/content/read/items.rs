//! `items.toml`.

use super::figures::modifiers;
use super::outcomes::outcomes;
use super::reader::{Reader, Scale};
use crate::content::{EquipSlot, ItemType, Use};
use protocol::ItemKind;

/// Most of one kind in a slot.
const STACK_MAX: i64 = 10_000;
/// Heaviest item, in kilograms.
const WEIGHT_MAX: f64 = 1_000.0;
/// Dearest item, in coins.
pub(super) const COINS_MAX: i64 = 1_000_000_000;
/// Grams.
const GRAMS: Scale = Scale::new(1_000, 1);

pub(super) fn item(reader: &mut Reader<'_>, id: ItemKind, name: String) -> ItemType {
    let slot = reader.word("slot", &EquipSlot::ALL.map(|slot| (slot.key(), slot)));
    let item = ItemType {
        form: reader.whole("form", 0..=i64::from(u16::MAX)).unwrap_or(id.0),
        id,
        name,
        stack_max: reader.whole("stack", 1..=STACK_MAX).unwrap_or(1),
        weight: reader.scaled("weight_kg", GRAMS, 0.0..=WEIGHT_MAX).unwrap_or_default().unsigned_abs(),
        slot,
        is_two_handed: reader.flag("two_handed").unwrap_or_default(),
        level_min: reader.whole("level", 1..=100).unwrap_or(1),
        classes: reader.list_of("classes").unwrap_or_default(),
        modifiers: modifiers(reader),
        durability_max: reader.whole("durability", 1..=10_000).unwrap_or_default(),
        use_: reader.inner("use", use_),
        price: reader.whole("price", 1..=COINS_MAX).unwrap_or_default(),
        value: reader.whole("value", 1..=COINS_MAX).unwrap_or_default(),
        is_bound: reader.flag("bound").unwrap_or_default(),
    };
    check(reader, &item);
    item
}

fn use_(reader: &mut Reader<'_>) -> Use {
    Use {
        outcomes: outcomes(reader),
        cooldown_ticks: reader.seconds("cooldown_s", 0.0..=86_400.0).unwrap_or_default(),
        is_consumed: reader.flag("consumed").unwrap_or(true),
    }
}

/// What the keys of an item say about each other.
fn check(reader: &mut Reader<'_>, item: &ItemType) {
    if item.price > 0 && item.value > item.price {
        let (value, price) = (item.value, item.price);
        reader.complain("value", &format!("{value} is above the price, {price}: buying and selling would make coins"));
    }
    if item.is_bound && item.value > 0 {
        reader.complain("value", "what is bound cannot be sold");
    }
    if item.is_two_handed && item.slot != Some(EquipSlot::MainHand) {
        reader.complain("two_handed", "only what is worn in main_hand takes both hands");
    }
    if item.slot.is_some() {
        if item.stack_max > 1 {
            reader.complain("stack", "what is worn cannot be stacked");
        }
        return;
    }
    for (key, is_there) in [("durability", item.durability_max > 0), ("adds", !item.modifiers.is_empty())] {
        if is_there {
            reader.complain(key, "what has no slot is never worn");
        }
    }
}
