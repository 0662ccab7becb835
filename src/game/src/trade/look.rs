//! What ends trades beside those who trade.

use super::{Trade, Trades, end, free};
use crate::Clock;
use crate::carry::is_within;
use crate::event::Notices;
use crate::fight::Vitals;
use crate::ledger::{UnderWay, Why};
use crate::movement::Mobile;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use bevy_ecs::prelude::World;
use protocol::{NetId, News, Refusal, Tick};

/// Looks at all trades before the orders of a tick: those that cannot go on are over, and who was asked too long ago was not.
pub(crate) fn look(world: &mut World) {
    let now = world.resource::<Clock>().now;
    world.resource_mut::<Trades>().asked.retain(|asked| asked.until > now);
    let mut at = 0;
    while let Some(trade) = world.resource::<Trades>().open.get(at) {
        match reason_to_end(world, trade, now) {
            Some(reason) => end(world, at, reason),
            None => at += 1,
        }
    }
}

fn reason_to_end(world: &World, trade: &Trade, now: Tick) -> Option<Refusal> {
    if trade.under_way.is_some() {
        return None;
    }
    if trade.sides.iter().any(|side| side.is_gone) {
        return Some(Refusal::UnknownTarget);
    }
    // Who trades may go a tenth farther away than who begins.
    let range = world.resource::<Rulebook>().0.rules.trade_range;
    may_trade(world, [trade.sides[0].id, trade.sides[1].id], range.saturating_add(range / 10), now).err()
}

/// Whether two can trade as they are: here, alive, in no fight, and near each other.
pub(super) fn may_trade(world: &World, ids: [NetId; 2], range: i32, now: Tick) -> Result<(), Refusal> {
    let mut bodies = [None; 2];
    for (id, body) in ids.into_iter().zip(&mut bodies) {
        let entity = world.resource::<Roster>().entity(id).ok_or(Refusal::UnknownTarget)?;
        let (vitals, mobile) = (world.get::<Vitals>(entity), world.get::<Mobile>(entity));
        let (vitals, mobile) = vitals.zip(mobile).ok_or(Refusal::UnknownTarget)?;
        if vitals.is_dead() {
            return Err(Refusal::WrongLife);
        }
        if vitals.is_in_combat(now) {
            return Err(Refusal::InCombat);
        }
        *body = Some(mobile.0);
    }
    match bodies {
        [Some(one), Some(other)] if is_within(&one, &other, range) => Ok(()),
        _ => Err(Refusal::OutOfRange),
    }
}

/// The disk has decided a trade.
pub(crate) fn settle(world: &mut World, under_way: &UnderWay, is_durable: bool) {
    if under_way.why != Why::Traded {
        return;
    }
    let id = under_way.transaction.id;
    let trades = &mut world.resource_mut::<Trades>().open;
    let Some(at) = trades.iter().position(|trade| trade.under_way == Some(id)) else { return };
    let trade = trades.remove(at);
    let reason = (!is_durable).then_some(Refusal::NotSaved);
    for side in trade.sides.iter().filter(|side| !side.is_gone) {
        world.resource_mut::<Notices>().tell(side.id, News::TradeEnded { reason });
    }
}

/// Somebody leaves the world: his trade ends when trades are looked at next, and nobody is asked by him or asks him.
pub(crate) fn forget(world: &mut World, id: NetId) {
    let mut trades = world.resource_mut::<Trades>();
    trades.asked.retain(|asked| asked.by != id && asked.with != id);
    if let Some((at, side)) = trades.of(id) {
        trades.open[at].sides[side].is_gone = true;
    }
}

/// After a restart: what was not under way is over.
pub(crate) fn restart(world: &mut World) {
    let mut trades = world.resource_mut::<Trades>();
    let (under_way, open): (Vec<_>, Vec<_>) =
        std::mem::take(&mut trades.open).into_iter().partition(|trade| trade.under_way.is_some());
    trades.open = under_way;
    for side in open.iter().flat_map(|trade| &trade.sides).filter(|side| !side.is_gone) {
        free(world, side);
    }
}
