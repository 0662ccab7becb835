//! What a trade comes to: one transaction for both sides.

use super::{Side, Trade, bag_of};
use crate::carry::{COINS_MAX, Draft, figures, grams};
use crate::content::Content;
use crate::fight::Sheet;
use crate::ledger::{Entry, Ledger, Way, Why};
use crate::roster::Roster;
use bevy_ecs::prelude::World;
use protocol::Refusal;

/// The transaction of a trade; without entries if neither gives anything.
///
/// # Errors
/// What does not fit, on either side, given what leaves it.
pub(super) fn draft(world: &mut World, content: &Content, trade: &Trade) -> Result<Draft, Refusal> {
    let [one, other] = &trade.sides;
    let slots = [fit(world, content, other, one)?, fit(world, content, one, other)?];
    let mut draft = Draft { why: Why::Traded, ..Draft::default() };
    for ((from, to), slots) in [(other, one), (one, other)].into_iter().zip(slots) {
        for (&(item, count), slot) in from.items.iter().zip(slots) {
            let (character, bag) = bag_of(world, from.id).ok_or(Refusal::UnknownTarget)?;
            let before = bag.row(item).ok_or(Refusal::NoSuchItem)?.record(character);
            let after = before.with(to.character, slot).holder;
            draft.part(&mut world.resource_mut::<Ledger>(), before, count, after);
        }
        if from.coins > 0 {
            let (way, change) = (Way::Handed, from.coins as i64);
            draft.entries.push(Entry::Coins { character: from.character, change: -change, way });
            draft.entries.push(Entry::Coins { character: to.character, change, way });
        }
    }
    Ok(draft)
}

/// Slots of who gets something for each item that he gets: free ones, and those of which he gives all away.
fn fit(world: &World, content: &Content, from: &Side, to: &Side) -> Result<Vec<u8>, Refusal> {
    let (_, giver) = bag_of(world, from.id).ok_or(Refusal::UnknownTarget)?;
    let (_, bag) = bag_of(world, to.id).ok_or(Refusal::UnknownTarget)?;
    let leaving = to.items.iter().filter_map(|&(item, count)| bag.row(item).filter(|row| row.count == count));
    let mut slots: Vec<u8> = bag.free_slots().chain(leaving.map(|row| row.slot)).collect();
    slots.sort_unstable();
    slots.truncate(from.items.len());
    if slots.len() < from.items.len() || bag.coins.saturating_add(from.coins) > COINS_MAX {
        return Err(Refusal::NoRoom);
    }
    let weight = |bag: &crate::carry::Bag, side: &Side| -> u64 {
        let rows = side.items.iter().filter_map(|&(item, count)| Some((bag.row(item)?.kind, count)));
        rows.map(|(kind, count)| grams(content, kind, count)).sum()
    };
    let (comes, goes) = (weight(giver, from), weight(bag, to));
    let entity = world.resource::<Roster>().entity(to.id).ok_or(Refusal::UnknownTarget)?;
    let (_, most) = world.get::<Sheet>(entity).map_or((0, 0), figures);
    let is_heavier = comes > goes;
    if is_heavier && bag.load(content) - goes + comes > most { Err(Refusal::TooHeavy) } else { Ok(slots) }
}
