//! Laying things down and picking them up.

use super::bag::{COINS_MAX, Portion, grams};
use super::draft::Draft;
use super::ground::{GroundRecord, Lying};
use super::loot::coin_shares;
use super::orders::{Done, Scene};
use crate::ledger::{Entry, Holder, ItemRecord, Ledger, Way, Why};
use crate::movement::Mobile;
use crate::player::Avatar;
use crate::roster::Roster;
use protocol::motion::Body;
use protocol::{CharacterId, ItemId, NetId, Refusal};

/// Lays down so many of a stack where one stands; they are anybody's.
pub(super) fn drop(scene: &mut Scene<'_>, item: ItemId, count: u32) -> Result<Done, Refusal> {
    let (row, kind) = scene.own_in_bag(item, count)?;
    if kind.is_bound {
        return Err(Refusal::Bound);
    }
    let place = scene.world.resource_mut::<Roster>().claim().ok_or(Refusal::WorldFull)?;
    let Body { x, y, z, .. } = scene.body;
    let mut draft = Draft { places: vec![place], ..Draft::default() };
    let before = row.record(scene.character);
    draft.part(&mut scene.ledger(), before, count, Holder::Ground { x, y, z });
    draft.ask(scene.world, scene.order());
    Ok(Done::UnderWay)
}

/// Takes what lies on the ground, all of it.
pub(super) fn pick_up(scene: &mut Scene<'_>, at: NetId) -> Result<Done, Refusal> {
    let entity = scene.world.resource::<Roster>().entity(at).ok_or(Refusal::Gone)?;
    let Some(lying) = scene.world.get::<Lying>(entity) else {
        // What was taken in this tick is an item still, that nobody can take.
        let is_item = matches!(scene.world.get::<crate::Thing>(entity), Some(crate::Thing::Item { .. }));
        return Err(if is_item { Refusal::Gone } else { Refusal::UnknownTarget });
    };
    if lying.held.is_some() {
        return Err(Refusal::InUse);
    }
    let is_owned = scene.now < lying.owned_until && !lying.owners.is_empty();
    let is_others = is_owned && !lying.owners.contains(&scene.by);
    let record = lying.record;
    let there = scene.world.get::<Mobile>(entity).ok_or(Refusal::UnknownTarget)?.0;
    if !is_within(&scene.body, &there, scene.content.rules.pick_up_range) {
        return Err(Refusal::OutOfRange);
    }
    if is_others {
        return Err(Refusal::NotYours);
    }
    let draft = match record {
        GroundRecord::Item(record) => take_item(scene, record)?,
        GroundRecord::Coins { heap, coins, place } => take_coins(scene, heap, coins, place)?,
    };
    draft.ask(scene.world, scene.order());
    Ok(Done::UnderWay)
}

/// Whether two are no farther from each other than so many subunits, up and down included.
pub(crate) fn is_within(one: &Body, other: &Body, range: i32) -> bool {
    let apart = |a: i32, b: i32| (i64::from(a) - i64::from(b)).pow(2);
    let square = apart(one.x, other.x) + apart(one.y, other.y) + apart(one.z, other.z);
    square <= i64::from(range).pow(2)
}

fn take_item(scene: &mut Scene<'_>, record: ItemRecord) -> Result<Draft, Refusal> {
    let kind = scene.content.items.find(record.kind).ok_or(Refusal::NotUsable)?;
    scene.can_carry(grams(scene.content, record.kind, record.count))?;
    let portions = scene.bag().room(kind, record.count).ok_or(Refusal::NoRoom)?;
    let mut draft = Draft { why: Why::PickedUp, ..Draft::default() };
    let mut name = Some(record);
    take_in(scene, &mut draft, &portions, record, &mut name);
    if let Some(record) = name {
        draft.item(Some(record), None);
    }
    Ok(draft)
}

/// Puts portions of something where they belong. The first that lies alone keeps the name of what it is of, if that has one
/// to give; others get new ones.
pub(super) fn take_in(
    scene: &mut Scene<'_>,
    draft: &mut Draft,
    portions: &[Portion],
    like: ItemRecord,
    name: &mut Option<ItemRecord>,
) {
    let character = scene.character;
    for portion in portions {
        match *portion {
            Portion::Onto(item, part) => {
                let there = scene.bag().row(item).expect("it was found a moment ago").record(character);
                draft.item(Some(there), Some(ItemRecord { count: there.count + part, ..there }));
            }
            Portion::Into(slot, count) => {
                let before = name.take();
                let item = before.map_or_else(|| scene.world.resource_mut::<Ledger>().new_item(), |before| before.item);
                draft.item(before, Some(ItemRecord { item, count, ..like.with(character, slot) }));
            }
        }
    }
}

fn take_coins(scene: &mut Scene<'_>, heap: ItemId, coins: u64, place: (i32, i32, i32)) -> Result<Draft, Refusal> {
    if scene.bag().coins.saturating_add(coins) > COINS_MAX {
        return Err(Refusal::NoRoom);
    }
    let mut draft = Draft { why: Why::PickedUp, ..Draft::default() };
    draft.entries.push(Entry::GroundCoins { item: heap, change: -(coins as i64), place });
    for (id, share) in coin_shares(scene.by, coins) {
        let character = character_of(scene, id);
        draft.entries.push(Entry::Coins { character, change: share as i64, way: Way::Handed });
    }
    Ok(draft)
}

fn character_of(scene: &Scene<'_>, id: NetId) -> CharacterId {
    let entity = scene.world.resource::<Roster>().entity(id);
    let avatar = entity.and_then(|entity| scene.world.get::<Avatar>(entity));
    avatar.map_or(scene.character, |avatar| avatar.character)
}
