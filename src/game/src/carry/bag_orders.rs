//! What one does with what one has: wear it, take it off, move it about, use it.

use super::bag::{Row, stack_max, worn};
use super::draft::Draft;
use super::orders::{Done, Scene};
use crate::content::{Content, EQUIP_SLOTS, EquipSlot, ItemType};
use crate::event::Notices;
use crate::fight::{Blow, Blows, Cause, Force, Sheet};
use crate::ledger::{Entry, ItemRecord, Way, Why};
use protocol::motion::Body;
use protocol::news::{BAG_SLOTS, WORN};
use protocol::{ItemId, ItemKind, NetId, News, Refusal, Tick};

/// Wears an item; what was there takes its place. Something for both hands, and what is in the other hand, exclude each
/// other: the latter goes to the bag in the same transaction.
pub(super) fn equip(scene: &mut Scene<'_>, item: ItemId) -> Result<Done, Refusal> {
    let (row, kind) = scene.own(item)?;
    let slot = kind.slot.filter(|_| !row.is_worn()).ok_or(Refusal::WrongSlot)?;
    if row.count != 1 {
        return Err(Refusal::WrongCount);
    }
    scene.may_use(&row, kind)?;
    let (target, other) = (worn(slot), other_hand(slot));
    let mut draft = Draft::default();
    let mut displaced = vec![target];
    if let Some(other) = other {
        let is_other_two_handed = scene.bag().in_slot(worn(other)).is_some_and(|held| is_two_handed(scene, held));
        if kind.is_two_handed || is_other_two_handed {
            displaced.push(worn(other));
        }
    }
    // What is displaced goes where the item was, and what else there is to any free slot.
    let free: Vec<u8> = std::iter::once(row.slot).chain(scene.bag().free_slots()).take(2).collect();
    let mut free = free.into_iter();
    let record = row.record(scene.character);
    draft.item(Some(record), Some(record.with(scene.character, target)));
    for slot in displaced {
        if scene.bag().is_kept(slot) {
            return Err(Refusal::InUse);
        }
        if let Some(&there) = scene.bag().in_slot(slot) {
            let (there, _) = scene.own(there.item)?;
            let to = free.next().ok_or(Refusal::NoRoom)?;
            let record = there.record(scene.character);
            draft.item(Some(record), Some(record.with(scene.character, to)));
        } else if slot != target {
            draft.blocked.push((scene.character, slot));
        }
    }
    draft.ask(scene.world, scene.order());
    Ok(Done::UnderWay)
}

fn is_two_handed(scene: &Scene<'_>, row: &Row) -> bool {
    scene.content.items.find(row.kind).is_some_and(|kind| kind.is_two_handed)
}

/// The hand that something for both hands takes, too.
pub(super) const fn other_hand(slot: EquipSlot) -> Option<EquipSlot> {
    match slot {
        EquipSlot::MainHand => Some(EquipSlot::OffHand),
        EquipSlot::OffHand => Some(EquipSlot::MainHand),
        _ => None,
    }
}

/// Takes off what is worn in a slot.
pub(super) fn unequip(scene: &mut Scene<'_>, slot: u8) -> Result<Done, Refusal> {
    let number = slot.checked_sub(WORN).ok_or(Refusal::WrongSlot)?;
    if usize::from(number) >= EQUIP_SLOTS {
        return Err(Refusal::WrongSlot);
    }
    let there = scene.bag().in_slot(slot).ok_or(Refusal::NoSuchItem)?.item;
    let (row, _) = scene.own(there)?;
    let to = scene.bag().free_slots().next().ok_or(Refusal::NoRoom)?;
    let record = row.record(scene.character);
    let mut draft = Draft::default();
    draft.item(Some(record), Some(record.with(scene.character, to)));
    draft.ask(scene.world, scene.order());
    Ok(Done::UnderWay)
}

/// Puts so many of a stack into another slot: all of it moves, a part is split off, and onto a stack of its kind it is added.
pub(super) fn shift(scene: &mut Scene<'_>, item: ItemId, count: u32, slot: u8) -> Result<Done, Refusal> {
    let (row, kind) = scene.own_in_bag(item, count)?;
    if slot >= BAG_SLOTS || slot == row.slot {
        return Err(Refusal::WrongSlot);
    }
    if scene.bag().is_kept(slot) {
        return Err(Refusal::InUse);
    }
    let before = row.record(scene.character);
    let mut draft = Draft::default();
    match scene.bag().in_slot(slot).map(|there| there.item) {
        None => {
            let after = before.with(scene.character, slot).holder;
            draft.part(&mut scene.ledger(), before, count, after);
        }
        Some(there) => {
            let (there, _) = scene.own(there)?;
            merge(&mut draft, before, count, there.record(scene.character), kind)?;
        }
    }
    draft.ask(scene.world, scene.order());
    Ok(Done::UnderWay)
}

fn merge(draft: &mut Draft, before: ItemRecord, count: u32, there: ItemRecord, kind: &ItemType) -> Result<(), Refusal> {
    if there.kind != before.kind || stack_max(kind) == 1 {
        return Err(Refusal::WrongSlot);
    }
    if count > stack_max(kind).saturating_sub(there.count) {
        return Err(Refusal::NoRoom);
    }
    draft.fewer(before, count);
    draft.item(Some(there), Some(ItemRecord { count: there.count + count, ..there }));
    Ok(())
}

/// Uses an item. What is used up is asked of the disk first; what is not does at once what it does.
pub(super) fn use_item(scene: &mut Scene<'_>, item: ItemId) -> Result<Done, Refusal> {
    let (row, kind) = scene.own(item)?;
    let usage = kind.use_.as_ref().ok_or(Refusal::NotUsable)?;
    scene.may_use(&row, kind)?;
    let (now, by) = (scene.now, scene.by);
    if !scene.bag().is_ready(kind.id, now) {
        return Err(Refusal::OnCooldown);
    }
    if !usage.is_consumed {
        let ticks = usage.cooldown_ticks;
        scene.bag_mut().cool(kind.id, Some(Tick(now.0.saturating_add(ticks))), now);
        if ticks > 0 {
            scene.world.resource_mut::<Notices>().tell(by, News::ItemCooldown { kind: kind.id, ticks });
        }
        let (sheet, body) = (*scene.sheet(), scene.body);
        strike(&mut scene.world.resource_mut::<Blows>(), scene.content, by, &sheet, &body, kind.id);
        return Ok(Done::Now);
    }
    // Of several stacks of a kind one is used at a time, too.
    scene.bag_mut().cool(kind.id, None, now);
    let mut draft = Draft { why: Why::Used(kind.id), ..Draft::default() };
    draft.fewer(row.record(scene.character), 1);
    draft.entries.push(Entry::Made { kind: kind.id, count: -1, way: Way::Used });
    draft.ask(scene.world, scene.order());
    Ok(Done::UnderWay)
}

/// An item does to who uses it what it does.
pub(super) fn strike(blows: &mut Blows, content: &Content, by: NetId, sheet: &Sheet, body: &Body, kind: ItemKind) {
    let Some(usage) = content.items.find(kind).and_then(|kind| kind.use_.as_ref()) else { return };
    let (force, from, cause) = (Force::of(sheet), (body.x, body.y), Cause::Item(kind));
    let blow = |outcome| Blow { by: Some(by), on: by, outcome, force, share: 1_000, from, cause, nth: 0 };
    blows.add_all(&usage.outcomes, blow);
}
