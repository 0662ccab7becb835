//! What the disk has answered takes effect: in one place, for all rooms.
//!
//! Each room has a function of its own that is shown every transaction and does its part: belongings look at items and coins
//! ([`carry::settle`]), trades at what they wait for ([`trade::settle`]), growth at experience and skills. A room's part follows
//! from the entries alone, so that a transaction of an earlier process can be done again after a restart ([`replay`]). Here
//! the order is answered, once, whatever it was.

use super::{Books, Ledger, Transaction, UnderWay, Why};
use crate::carry::Bodies;
use crate::event::Notices;
use crate::order::{Answer, Answers};
use crate::{carry, growth, trade};
use bevy_ecs::prelude::World;
use protocol::{News, Refusal};

/// Everything that the disk has answered since the last tick, in its order.
pub(crate) fn settle(world: &mut World) {
    let settled = world.resource_mut::<Ledger>().take_settled();
    for (under_way, is_durable) in &settled {
        take_effect(world, under_way, *is_durable);
    }
}

/// Does at once what the disk has: what was under way is settled, and what this world has never heard of is done all the
/// same.
pub(crate) fn replay(world: &mut World, transaction: &Transaction) {
    // What the image had been told and had not done comes before what it was not told.
    settle(world);
    let known = world.resource_mut::<Ledger>().take(transaction.id);
    let is_news = known.is_none();
    let under_way = known.unwrap_or_else(|| UnderWay {
        transaction: transaction.clone(),
        order: None,
        why: Why::Plain,
        places: Vec::new(),
        gone: Vec::new(),
    });
    if is_news {
        carry::apply(world, &under_way, false);
        growth::settle(world, &under_way);
    } else {
        take_effect(world, &under_way, true);
    }
}

fn take_effect(world: &mut World, under_way: &UnderWay, is_durable: bool) {
    carry::settle(world, under_way, is_durable);
    trade::settle(world, under_way, is_durable);
    if is_durable {
        growth::settle(world, under_way);
        tell_receipts(world, under_way);
    }
    if let Some((to, number)) = under_way.order {
        let result = if is_durable { Ok(()) } else { Err(Refusal::NotSaved) };
        world.resource_mut::<Answers>().0.push(Answer { to, number, result });
    }
}

/// Each whom it touches, and who has been in the world since it was asked for, gets the number of what now is true for
/// good. spec: CMD-8.
fn tell_receipts(world: &mut World, under_way: &UnderWay) {
    let Transaction { id, .. } = under_way.transaction;
    for character in Books::touched(&under_way.transaction) {
        if !under_way.gone.contains(&character)
            && let Some(to) = world.resource::<Bodies>().of(character)
        {
            world.resource_mut::<Notices>().tell(to, News::Receipt { id: id.0 });
        }
    }
}
