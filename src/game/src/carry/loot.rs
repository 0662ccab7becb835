//! What mobs leave: each time one transaction, and it lies there when the disk has it.

use super::bag::stack_max;
use super::draft::Draft;
use super::ground::{Falls, content};
use crate::ledger::{Entry, Holder, ItemRecord, LOOTERS_MAX, Ledger, Way, Why};
use crate::movement::Ground;
use crate::roster::Roster;
use arrayvec::ArrayVec;
use bevy_ecs::prelude::{Resource, World};
use protocol::motion::BODY_RADIUS;
use protocol::unit::SUBUNITS_PER_M;
use protocol::{ItemKind, NetId};
use std::sync::Arc;

/// Most things that one leaves; beyond, they are left out and counted. A mob leaves a handful.
const LEFT_MAX: usize = 64;

/// How far from the middle things lie that fell together, in subunits: 0.75 m, so that each can be pointed at.
const SCATTER: i32 = SUBUNITS_PER_M * 3 / 4;
/// Where they lie, in thousandths of it: the middle, then round it.
const RING: [(i32, i32); 9] =
    [(0, 0), (1_000, 0), (0, 1_000), (-1_000, 0), (0, -1_000), (707, 707), (-707, 707), (-707, -707), (707, -707)];

/// What somebody leaves who was killed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drop {
    /// Where, in subunits: east, north, up.
    pub place: (i32, i32, i32),
    /// Coins.
    pub coins: u64,
    /// What else, and how many.
    pub items: Vec<(ItemKind, u32)>,
    /// Who may take it first; none for everybody.
    pub owners: ArrayVec<NetId, LOOTERS_MAX>,
}

/// What was left in this tick, to be asked of the disk at its end.
#[derive(Debug, Default, Resource)]
pub(crate) struct Drops(pub(crate) Vec<Drop>);

/// Asks for all that was left.
pub(super) fn leave_all(world: &mut World) {
    if world.resource::<Drops>().0.is_empty() {
        return;
    }
    let mut drops = std::mem::take(&mut world.resource_mut::<Drops>().0);
    for drop in drops.drain(..) {
        leave(world, drop);
    }
    world.resource_mut::<Drops>().0 = drops;
}

/// Asks for what was left as one transaction. What there is no id for is left out before, and counted: it has never been.
pub(super) fn leave(world: &mut World, drop: Drop) {
    let content = content(world);
    let way = Way::Loot;
    let mut draft = Draft { why: Why::Left(drop.owners), ..Draft::default() };
    // No more coins than a change can say.
    let coins = drop.coins.min(super::bag::COINS_MAX) as i64;
    if coins > 0
        && let Some(place) = claim(world, &mut draft, drop.place)
    {
        let item = world.resource_mut::<Ledger>().new_item();
        draft.entries.push(Entry::GroundCoins { item, change: coins, place });
        draft.entries.push(Entry::Minted { coins, way });
    }
    for (kind, count) in drop.items {
        let Some(kind) = content.items.find(kind) else { continue };
        let mut left = count;
        while left > 0 {
            let count = left.min(stack_max(kind).max(1));
            let Some((x, y, z)) = claim(world, &mut draft, drop.place) else { break };
            let item = world.resource_mut::<Ledger>().new_item();
            let holder = Holder::Ground { x, y, z };
            let record = ItemRecord { item, kind: kind.id, count, durability: kind.durability_max, holder };
            draft.item(None, Some(record));
            draft.entries.push(Entry::Made { kind: kind.id, count: i64::from(count), way });
            left -= count;
        }
    }
    if !draft.entries.is_empty() {
        draft.ask(world, None);
    }
}

/// Keeps an id for one thing more, and says where it is to lie.
fn claim(world: &mut World, draft: &mut Draft, (x, y, z): (i32, i32, i32)) -> Option<(i32, i32, i32)> {
    let is_room = draft.places.len() < LEFT_MAX;
    let id = if is_room { world.resource_mut::<Roster>().claim() } else { None };
    let Some(id) = id else {
        world.resource_mut::<Falls>().left_out += 1;
        return None;
    };
    let (east, north) = RING[draft.places.len() % RING.len()];
    let (near_x, near_y) = (x + SCATTER * east / 1_000, y + SCATTER * north / 1_000);
    draft.places.push(id);
    let map = Arc::clone(&world.resource::<Ground>().0);
    let (width, depth) = map.extent();
    let is_inside = (0..=width).contains(&near_x) && (0..=depth).contains(&near_y);
    if is_inside && map.is_free(near_x, near_y, z, BODY_RADIUS) { Some((near_x, near_y, z)) } else { Some((x, y, z)) }
}

/// Who gets how much of a heap of coins: all to who picks it up. A heap is loot like any other: to whom of a party it belongs
/// was decided by the party's rule when it fell. To share it out here as well would give coins to those who by that rule
/// have no part in it, and a purse that is full would keep others from theirs.
pub(super) fn coin_shares(by: NetId, coins: u64) -> ArrayVec<(NetId, u64), LOOTERS_MAX> {
    [(by, coins)].into_iter().collect()
}
