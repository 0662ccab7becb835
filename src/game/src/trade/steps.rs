//! Steps of those who trade.

use super::deal;
use super::look::may_trade;
use super::{ASKED_TICKS, Asked, Side, Trade, Trades, bag_of, end, tell};
use crate::carry::{Done, Draft, Hold, Scene};
use crate::event::Notices;
use crate::fight::Team;
use crate::roster::Roster;
use bevy_ecs::prelude::Mut;
use protocol::command::TradeStep;
use protocol::{ItemId, NetId, News, Refusal, Tick};

/// Carries out a step.
pub(crate) fn step(scene: &mut Scene<'_>, step: TradeStep) -> Result<Done, Refusal> {
    match step {
        TradeStep::Ask { with } => ask(scene, with),
        TradeStep::Offer { item, count } => offer(scene, item, count),
        TradeStep::OfferCoins { coins } => offer_coins(scene, coins),
        TradeStep::Confirm { revision } => confirm(scene, revision),
        TradeStep::Cancel => {
            let (at, _) = own(scene)?;
            end(scene.world, at, Refusal::NoTrade);
            Ok(Done::Now)
        }
    }
}

fn trades<'a>(scene: &'a mut Scene<'_>) -> Mut<'a, Trades> {
    scene.world.resource_mut::<Trades>()
}

/// Asks somebody; if he has asked, the trade begins.
fn ask(scene: &mut Scene<'_>, with: NetId) -> Result<Done, Refusal> {
    let by = scene.by;
    if with == by {
        return Err(Refusal::Oneself);
    }
    let (other, _) = bag_of(scene.world, with).ok_or(Refusal::UnknownTarget)?;
    if are_enemies(scene, with) {
        return Err(Refusal::WrongSide);
    }
    may_trade(scene.world, [by, with], scene.content.rules.trade_range, scene.now)?;
    let (character, now) = (scene.character, scene.now);
    let mut trades = trades(scene);
    if trades.of(by).is_some() || trades.of(with).is_some() {
        return Err(Refusal::TradesAlready);
    }
    trades.asked.retain(|asked| asked.by != by);
    let before = trades.asked.len();
    trades.asked.retain(|asked| (asked.by, asked.with) != (with, by));
    if trades.asked.len() == before {
        trades.asked.push(Asked { by, with, until: Tick(now.0.saturating_add(ASKED_TICKS)) });
        scene.world.resource_mut::<Notices>().tell(with, News::TradeAsked { by });
        return Ok(Done::Now);
    }
    let sides = [Side::new(with, other), Side::new(by, character)];
    trades.open.push(Trade { sides, revision: 0, under_way: None });
    let at = trades.open.len() - 1;
    trades.revise(at);
    tell(scene.world, at);
    Ok(Done::Now)
}

fn are_enemies(scene: &Scene<'_>, with: NetId) -> bool {
    let team = |id| {
        let entity = scene.world.resource::<Roster>().entity(id)?;
        scene.world.get::<Team>(entity).copied()
    };
    team(scene.by).zip(team(with)).is_some_and(|(one, other)| one.may_fight(other))
}

/// The trade of who gives the order, if it can still be changed, and which side he is.
fn own(scene: &Scene<'_>) -> Result<(usize, usize), Refusal> {
    let trades = scene.world.resource::<Trades>();
    let (at, side) = trades.of(scene.by).ok_or(Refusal::NoTrade)?;
    if trades.open[at].under_way.is_some() { Err(Refusal::InUse) } else { Ok((at, side)) }
}

/// Sets how many of a stack are given; the whole stack is held for as long as any are.
fn offer(scene: &mut Scene<'_>, item: ItemId, count: u32) -> Result<Done, Refusal> {
    let (at, side) = own(scene)?;
    let row = *scene.bag().row(item).ok_or(Refusal::NoSuchItem)?;
    if row.is_worn() {
        return Err(Refusal::WrongSlot);
    }
    if matches!(row.hold, Hold::By(_)) {
        return Err(Refusal::InUse);
    }
    if scene.content.items.find(row.kind).is_none_or(|kind| kind.is_bound) {
        return Err(Refusal::Bound);
    }
    let mut trades = trades(scene);
    let items = &mut trades.open[at].sides[side].items;
    let offered = items.iter().position(|(other, _)| *other == item);
    if count > row.count || (count == 0 && offered.is_none()) {
        return Err(Refusal::WrongCount);
    }
    match offered {
        Some(place) if count == 0 => drop(items.remove(place)),
        Some(place) if items[place].1 == count => return Ok(Done::Now),
        Some(place) => items[place].1 = count,
        None => items.try_push((item, count)).map_err(|_| Refusal::TradeFull)?,
    }
    trades.revise(at);
    let by = scene.by;
    if let Some(row) = scene.bag_mut().row_mut(item) {
        row.hold = if count > 0 { Hold::InTrade } else { Hold::Free };
        let told = row.told();
        scene.world.resource_mut::<Notices>().tell(by, News::Item(told));
    }
    tell(scene.world, at);
    Ok(Done::Now)
}

/// Sets how many coins are given.
fn offer_coins(scene: &mut Scene<'_>, coins: u64) -> Result<Done, Refusal> {
    let (at, side) = own(scene)?;
    let before = scene.world.resource::<Trades>().open[at].sides[side].coins;
    if coins == before {
        return Ok(Done::Now);
    }
    let mut bag = scene.bag_mut();
    if coins > bag.coins_free() + before {
        return Err(Refusal::NoCoins);
    }
    bag.coins_held = bag.coins_held - before + coins;
    let mut trades = trades(scene);
    trades.open[at].sides[side].coins = coins;
    trades.revise(at);
    tell(scene.world, at);
    Ok(Done::Now)
}

/// Agrees. With the second who does it is asked of the disk, and the answer waits for that.
fn confirm(scene: &mut Scene<'_>, revision: u32) -> Result<Done, Refusal> {
    let (at, side) = own(scene)?;
    let mut trade = scene.world.resource::<Trades>().open[at].clone();
    if trade.revision != revision {
        return Err(Refusal::OffersChanged);
    }
    trade.sides[side].is_confirmed = true;
    let is_agreed = trade.sides.iter().all(|side| side.is_confirmed);
    let draft = if is_agreed { Some(deal::draft(scene.world, scene.content, &trade)?) } else { None };
    trades(scene).open[at] = trade;
    match draft {
        None => {
            tell(scene.world, at);
            Ok(Done::Now)
        }
        Some(draft) if draft.entries.is_empty() => {
            // Neither gives anything: there is nothing to ask the disk for.
            let trade = trades(scene).open.remove(at);
            for side in &trade.sides {
                scene.world.resource_mut::<Notices>().tell(side.id, News::TradeEnded { reason: None });
            }
            Ok(Done::Now)
        }
        Some(draft) => {
            carry_out(scene, at, draft);
            Ok(Done::UnderWay)
        }
    }
}

fn carry_out(scene: &mut Scene<'_>, at: usize, draft: Draft) {
    // What was held for the trade is held for its transaction from here on.
    let sides = scene.world.resource::<Trades>().open[at].sides.clone();
    for side in &sides {
        if let Some((_, mut bag)) = crate::carry::bag_mut(scene.world, side.character) {
            bag.coins_held -= side.coins;
        }
    }
    let id = draft.ask(scene.world, scene.order());
    trades(scene).open[at].under_way = Some(id);
    tell(scene.world, at);
}
