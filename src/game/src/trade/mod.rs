//! Two give each other things, or neither does.
//!
//! Asked -> open -> under way -> over. What is offered is held; every change of an offer makes another revision and takes
//! back both confirmations, so that nobody agrees to what he has not seen. When both have confirmed the same revision, one
//! transaction gives both sides what they get ([`deal`]); from then on only the disk decides. Before, a trade ends when
//! either wants it, or dies, fights, goes away or leaves the world ([`look`]).
//!
//! Trades do not outlive a restart: those that were open then are over and what was offered is free, those under way are
//! settled by their transactions.

mod deal;
mod look;
mod steps;
#[cfg(test)]
mod tests;

pub(crate) use look::{forget, look, restart, settle};
pub(crate) use steps::step;

use crate::carry::{Bag, bag_mut};
use crate::event::Notices;
use crate::ledger::TransactionId;
use crate::player::Avatar;
use crate::roster::Roster;
use arrayvec::ArrayVec;
use bevy_ecs::prelude::{Resource, World};
use protocol::news::{self, TRADE_ITEMS_MAX};
use protocol::unit::TICK_RATE_HZ;
use protocol::{CharacterId, ItemId, NetId, News, Refusal, Tick};
use serde::{Deserialize, Serialize};

/// Ticks that somebody who was asked has to ask back: 30 s.
const ASKED_TICKS: u32 = 30 * TICK_RATE_HZ;

/// All trades.
#[derive(Clone, Debug, Default, PartialEq, Eq, Resource, Serialize, Deserialize)]
pub(crate) struct Trades {
    /// In the order in which they asked; nobody asks two at once.
    asked: Vec<Asked>,
    /// In the order in which they began.
    open: Vec<Trade>,
    /// Counts the changes of all trades: a confirmation of an earlier trade fits no later one.
    revisions: u32,
}

/// Somebody has asked somebody for a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Asked {
    by: NetId,
    with: NetId,
    until: Tick,
}

/// A trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Trade {
    sides: [Side; 2],
    revision: u32,
    /// Both have confirmed, and the disk decides.
    under_way: Option<TransactionId>,
}

/// One of the two, and what he gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Side {
    id: NetId,
    character: CharacterId,
    items: ArrayVec<(ItemId, u32), TRADE_ITEMS_MAX>,
    coins: u64,
    is_confirmed: bool,
    /// He has left the world; his id may be another's.
    is_gone: bool,
}

impl Side {
    fn new(id: NetId, character: CharacterId) -> Self {
        Self { id, character, items: ArrayVec::new(), coins: 0, is_confirmed: false, is_gone: false }
    }
}

impl Trades {
    /// The trade of somebody, and which of its sides he is.
    fn of(&self, id: NetId) -> Option<(usize, usize)> {
        self.open.iter().enumerate().find_map(|(at, trade)| {
            let side = trade.sides.iter().position(|side| side.id == id && !side.is_gone)?;
            Some((at, side))
        })
    }

    /// Something of a trade has changed: whoever had confirmed it has not.
    fn revise(&mut self, at: usize) {
        self.revisions = self.revisions.wrapping_add(1);
        self.open[at].revision = self.revisions;
        self.open[at].sides.iter_mut().for_each(|side| side.is_confirmed = false);
    }
}

pub(crate) fn register(world: &mut World) {
    world.insert_resource(Trades::default());
}

/// What somebody who is here has; and who he is.
fn bag_of(world: &World, id: NetId) -> Option<(CharacterId, &Bag)> {
    let entity = world.resource::<Roster>().entity(id)?;
    Some((world.get::<Avatar>(entity)?.character, world.get::<Bag>(entity)?))
}

/// Tells both sides how their trade stands.
fn tell(world: &mut World, at: usize) {
    let trade = world.resource::<Trades>().open[at].clone();
    let offers = [0, 1].map(|side| offer(world, &trade.sides[side]));
    for own in [0, 1] {
        let (side, with) = (&trade.sides[own], trade.sides[1 - own].id);
        if !side.is_gone {
            let told = news::Trade {
                with,
                revision: trade.revision,
                own: offers[own].clone(),
                other: offers[1 - own].clone(),
            };
            world.resource_mut::<Notices>().tell(side.id, News::Trade(told));
        }
    }
}

fn offer(world: &World, side: &Side) -> news::Offer {
    let bag = bag_of(world, side.id).map(|(_, bag)| bag);
    let kind = |item| bag.and_then(|bag| bag.row(item)).map(|row| row.kind).unwrap_or_default();
    let items = side.items.iter().map(|&(item, count)| (item, kind(item), count)).collect();
    news::Offer { items, coins: side.coins, is_confirmed: side.is_confirmed }
}

/// Ends a trade that is not under way: what was offered is free, and both are told why.
fn end(world: &mut World, at: usize, reason: Refusal) {
    let trade = world.resource_mut::<Trades>().open.remove(at);
    for side in trade.sides.iter().filter(|side| !side.is_gone) {
        free(world, side);
        world.resource_mut::<Notices>().tell(side.id, News::TradeEnded { reason: Some(reason) });
    }
}

/// What a side has offered is his to use again.
fn free(world: &mut World, side: &Side) {
    let Some((to, mut bag)) = bag_mut(world, side.character) else { return };
    bag.coins_held -= side.coins;
    let mut freed: ArrayVec<News, TRADE_ITEMS_MAX> = ArrayVec::new();
    for &(item, _) in &side.items {
        if let Some(row) = bag.row_mut(item) {
            row.hold = crate::carry::Hold::Free;
            freed.push(News::Item(row.told()));
        }
    }
    let mut notices = world.resource_mut::<Notices>();
    freed.into_iter().for_each(|news| notices.tell(to, news));
}
