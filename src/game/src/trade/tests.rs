use super::Trades;
use crate::carry::Bag;
use crate::carry::tests::{BREAD, LETTER, SWORD, Shop, row};
use crate::content::Stat;
use crate::effects::Effects;
use crate::fight::{Sheet, Team, Vitals};
use crate::{Game, GameConfig};
use protocol::command::TradeStep;
use protocol::news::{BAG_SLOTS, WORN};
use protocol::unit::UNITS_PER_M;
use protocol::{Command, ItemId, NetId, News, Refusal, Tick};
use std::sync::Arc;

fn ask(with: NetId) -> Command {
    Command::Trade(TradeStep::Ask { with })
}

fn offer(item: u64, count: u32) -> Command {
    Command::Trade(TradeStep::Offer { item: ItemId(item), count })
}

fn coins(coins: u64) -> Command {
    Command::Trade(TradeStep::OfferCoins { coins })
}

fn confirm(revision: u32) -> Command {
    Command::Trade(TradeStep::Confirm { revision })
}

const CANCEL: Command = Command::Trade(TradeStep::Cancel);

/// Two who trade: `a` has 1,000 coins, nine loaves, a sword on him, another in the bag and a letter; `b` has four loaves.
fn trading() -> Shop {
    let worn = row(2, SWORD, 1, WORN);
    let mut shop = Shop::new(&[row(1, BREAD, 9, 0), worn, row(3, SWORD, 1, 1), row(4, LETTER, 1, 2)]);
    let (a, b) = (shop.a, shop.b);
    shop.endow(b, &[row(11, BREAD, 4, 0)], 50);
    assert_eq!(shop.ask(a, ask(b)), Some(Ok(())));
    assert_eq!(shop.news(b).last(), Some(&News::TradeAsked { by: a }));
    assert_eq!(shop.ask(b, ask(a)), Some(Ok(())));
    shop
}

fn revision(shop: &Shop) -> u32 {
    shop.rig.game.world.resource::<Trades>().open[0].revision
}

fn ended(shop: &Shop, id: NetId) -> Option<Option<Refusal>> {
    shop.news(id).into_iter().find_map(|news| match news {
        News::TradeEnded { reason } => Some(reason),
        _ => None,
    })
}

/// The numbers of the transactions that somebody was told to be on disk.
fn receipts(shop: &Shop, id: NetId) -> Vec<u128> {
    let receipt = |news: &News| match news {
        News::Receipt { id } => Some(*id),
        _ => None,
    };
    shop.news(id).iter().filter_map(receipt).collect()
}

/// Nothing of anybody's is held any more.
fn all_free(shop: &mut Shop) -> bool {
    [shop.a, shop.b].into_iter().all(|id| {
        let Some(estate) = shop.rig.game.estate(id) else { return true };
        estate.items.iter().all(|row| !row.is_held) && shop.rig.part::<Bag>(id).coins_held == 0
    })
}

/// proves: CMD-8
#[test]
fn both_sides_of_a_trade_are_one_transaction() {
    let mut shop = trading();
    let (a, b) = (shop.a, shop.b);
    assert_eq!(shop.ask(a, offer(1, 4)), Some(Ok(())));
    assert_eq!(shop.ask(a, offer(3, 1)), Some(Ok(())));
    assert_eq!(shop.ask(a, coins(100)), Some(Ok(())));
    assert_eq!(shop.ask(b, offer(11, 4)), Some(Ok(())));
    let Some(News::Trade(told)) = shop.news(a).last().cloned() else { panic!("{:?}", shop.news(a)) };
    assert_eq!((told.with, told.own.coins), (b, 100));
    assert_eq!(told.own.items, [(ItemId(1), BREAD, 4), (ItemId(3), SWORD, 1)]);
    assert_eq!(told.other.items, [(ItemId(11), BREAD, 4)]);
    let revision = told.revision;
    assert_eq!(shop.ask(b, confirm(revision)), Some(Ok(())));
    assert_eq!(shop.ask(a, confirm(revision)), None, "it waits for the disk");
    assert_eq!(shop.items(a).len(), 4);
    for command in [CANCEL, offer(1, 1), coins(0), confirm(revision)] {
        assert_eq!(shop.ask(b, command), Some(Err(Refusal::InUse)), "{command:?}");
    }
    let asked = shop.settle(true);
    assert_eq!((asked.len(), shop.answer(a)), (1, Some(Ok(()))));
    assert_eq!([ended(&shop, a), ended(&shop, b)], [Some(None); 2]);
    for id in [a, b] {
        assert_eq!(receipts(&shop, id), [asked[0].id.0], "both have a receipt of the same");
        assert_eq!(shop.news(id).last(), Some(&News::Receipt { id: asked[0].id.0 }), "behind what it changed");
    }
    shop.rig.run(1);
    assert!(receipts(&shop, a).is_empty(), "once");
    assert_eq!(shop.items(a), [(BREAD, 5, 0), (BREAD, 4, 1), (LETTER, 1, 2), (SWORD, 1, WORN)]);
    assert_eq!(shop.items(b), [(BREAD, 4, 0), (SWORD, 1, 1)]);
    assert_eq!((shop.coins(a), shop.coins(b)), (900, 150));
    assert!(all_free(&mut shop));
}

/// proves: CMD-8
#[test]
fn a_trade_that_the_disk_refuses_has_not_been() {
    let mut shop = trading();
    let (a, b) = (shop.a, shop.b);
    shop.ask(a, offer(1, 9));
    shop.ask(b, coins(50));
    let revision = revision(&shop);
    shop.ask(a, confirm(revision));
    assert_eq!(shop.ask(b, confirm(revision)), None);
    shop.settle(false);
    assert_eq!(shop.answer(b), Some(Err(Refusal::NotSaved)));
    assert_eq!([ended(&shop, a), ended(&shop, b)], [Some(Some(Refusal::NotSaved)); 2]);
    assert!(receipts(&shop, a).is_empty() && receipts(&shop, b).is_empty());
    assert_eq!((shop.items(a).len(), shop.coins(b)), (4, 50));
    assert!(all_free(&mut shop));
}

#[test]
fn a_change_takes_back_both_confirmations() {
    let mut shop = trading();
    let (a, b) = (shop.a, shop.b);
    shop.ask(a, offer(1, 9));
    let old = revision(&shop);
    assert_eq!(shop.ask(b, confirm(old)), Some(Ok(())));
    assert_eq!(shop.ask(a, offer(1, 1)), Some(Ok(())), "less at the last moment");
    assert_eq!(shop.ask(a, confirm(old)), Some(Err(Refusal::OffersChanged)));
    assert_eq!(shop.ask(a, confirm(revision(&shop))), Some(Ok(())), "the other has not confirmed this");
    assert!(shop.rig.game.take_transactions().is_empty());
    // A later trade of the two has no revision of this one.
    shop.ask(a, CANCEL);
    shop.ask(a, ask(b));
    shop.ask(b, ask(a));
    assert!(revision(&shop) > old + 1);
}

#[test]
fn what_is_offered_twice_is_offered_once_and_can_be_taken_back() {
    let mut shop = trading();
    let a = shop.a;
    shop.ask(a, offer(1, 3));
    let before = revision(&shop);
    assert_eq!(shop.ask(a, offer(1, 3)), Some(Ok(())));
    assert_eq!(revision(&shop), before, "nothing has changed");
    assert_eq!(shop.ask(a, offer(1, 9)), Some(Ok(())));
    assert_eq!(shop.rig.game.world.resource::<Trades>().open[0].sides.iter().flat_map(|side| &side.items).count(), 1);
    assert_eq!(shop.ask(a, Command::Drop { item: ItemId(1), count: 1 }), Some(Err(Refusal::InUse)));
    assert_eq!(shop.ask(a, offer(1, 0)), Some(Ok(())));
    assert!(all_free(&mut shop));
    assert_eq!(shop.ask(a, Command::Drop { item: ItemId(1), count: 1 }), None);
    assert_eq!(shop.ask(a, offer(1, 1)), Some(Err(Refusal::InUse)), "it is on its way to the ground");
}

#[test]
fn what_cannot_be_given_is_not_offered() {
    let mut shop = trading();
    let a = shop.a;
    for (command, refusal) in [
        (offer(2, 1), Refusal::WrongSlot),
        (offer(4, 1), Refusal::Bound),
        (offer(11, 1), Refusal::NoSuchItem),
        (offer(1, 0), Refusal::WrongCount),
        (offer(1, 10), Refusal::WrongCount),
        (offer(1, u32::MAX), Refusal::WrongCount),
        (coins(1_001), Refusal::NoCoins),
        (coins(u64::MAX), Refusal::NoCoins),
        (confirm(u32::MAX), Refusal::OffersChanged),
    ] {
        assert_eq!(shop.ask(a, command), Some(Err(refusal)), "{command:?}");
    }
    let many: Vec<_> = (0..9).map(|slot| row(50 + u64::from(slot), BREAD, 1, slot)).collect();
    shop.endow(a, &many, 0);
    for item in 50..58 {
        assert_eq!(shop.ask(a, offer(item, 1)), Some(Ok(())));
    }
    assert_eq!(shop.ask(a, offer(58, 1)), Some(Err(Refusal::TradeFull)));
}

#[test]
fn offered_coins_are_not_spent_twice() {
    let mut shop = trading();
    let a = shop.a;
    assert_eq!(shop.ask(a, coins(995)), Some(Ok(())));
    assert_eq!(shop.ask(a, Command::Buy { kind: BREAD, count: 1 }), Some(Err(Refusal::NoCoins)));
    assert_eq!(shop.ask(a, coins(1_000)), Some(Ok(())));
    assert_eq!(shop.ask(a, coins(990)), Some(Ok(())));
    assert_eq!(shop.ask(a, Command::Buy { kind: BREAD, count: 1 }), None);
    assert_eq!(shop.ask(a, coins(991)), Some(Err(Refusal::NoCoins)));
}

#[test]
fn who_has_no_room_gets_nothing_unless_as_much_leaves() {
    let mut shop = trading();
    let (a, b) = (shop.a, shop.b);
    let full: Vec<_> = (0..BAG_SLOTS).map(|slot| row(100 + u64::from(slot), BREAD, 1, slot)).collect();
    shop.endow(b, &full, 0);
    shop.ask(a, offer(3, 1));
    let agreed = revision(&shop);
    shop.ask(a, confirm(agreed));
    assert_eq!(shop.ask(b, confirm(agreed)), Some(Err(Refusal::NoRoom)));
    shop.ask(b, offer(105, 1));
    let agreed = revision(&shop);
    shop.ask(a, confirm(agreed));
    assert_eq!(shop.ask(b, confirm(agreed)), None);
    shop.settle(true);
    assert_eq!(shop.items(b)[5], (SWORD, 1, 5), "in the slot that was left");
}

#[test]
fn who_carries_as_much_as_he_can_gets_nothing_heavier() {
    let mut shop = trading();
    let (a, b) = (shop.a, shop.b);
    shop.rig.part::<Sheet>(b).now.set(Stat::CarryMax, 450);
    shop.ask(a, offer(3, 1));
    let agreed = revision(&shop);
    shop.ask(a, confirm(agreed));
    assert_eq!(shop.ask(b, confirm(agreed)), Some(Err(Refusal::TooHeavy)));
    shop.ask(b, offer(11, 1));
    let agreed = revision(&shop);
    shop.ask(a, confirm(agreed));
    assert_eq!(shop.ask(b, confirm(agreed)), None, "one leaves for one");
}

#[test]
fn a_trade_of_nothing_is_done_at_once() {
    let mut shop = trading();
    let (a, b) = (shop.a, shop.b);
    let agreed = revision(&shop);
    shop.ask(a, confirm(agreed));
    assert_eq!(shop.ask(b, confirm(agreed)), Some(Ok(())));
    assert_eq!(ended(&shop, a), Some(None));
    assert!(shop.rig.game.take_transactions().is_empty());
}

#[test]
fn whom_one_can_ask() {
    let mut shop = Shop::new(&[]);
    let (a, b) = (shop.a, shop.b);
    for command in [offer(1, 1), coins(1), confirm(1), CANCEL] {
        assert_eq!(shop.ask(a, command), Some(Err(Refusal::NoTrade)), "{command:?}");
    }
    assert_eq!(shop.ask(a, ask(a)), Some(Err(Refusal::Oneself)));
    assert_eq!(shop.ask(a, ask(NetId(999))), Some(Err(Refusal::UnknownTarget)));
    *shop.rig.part::<Team>(b) = Team(2);
    assert_eq!(shop.ask(a, ask(b)), Some(Err(Refusal::WrongSide)));
    *shop.rig.part::<Team>(b) = Team(1);
    shop.rig.part::<Vitals>(b).died = Some(Tick(1));
    assert_eq!(shop.ask(a, ask(b)), Some(Err(Refusal::WrongLife)));
    shop.rig.part::<Vitals>(b).died = None;
    shop.rig.part::<Vitals>(a).combat_until = Tick(100_000);
    assert_eq!(shop.ask(a, ask(b)), Some(Err(Refusal::InCombat)));
    shop.rig.part::<Vitals>(a).combat_until = Tick(0);
    shop.rig.game.place_player(b, 111 * UNITS_PER_M, 200 * UNITS_PER_M);
    assert_eq!(shop.ask(a, ask(b)), Some(Err(Refusal::OutOfRange)));
    shop.rig.game.place_player(b, 109 * UNITS_PER_M, 200 * UNITS_PER_M);
    assert_eq!(shop.ask(a, ask(b)), Some(Ok(())));
    shop.ask(b, ask(a));
    assert_eq!(shop.ask(a, ask(b)), Some(Err(Refusal::TradesAlready)));
}

#[test]
fn who_was_asked_too_long_ago_asks_himself() {
    let mut shop = Shop::new(&[]);
    let (a, b) = (shop.a, shop.b);
    shop.ask(a, ask(b));
    shop.rig.run(30 * 60);
    shop.ask(b, ask(a));
    assert_eq!(shop.news(a).last(), Some(&News::TradeAsked { by: b }));
    assert_eq!(shop.ask(a, ask(b)), Some(Ok(())));
    assert_eq!(shop.ask(b, CANCEL), Some(Ok(())), "now it has begun");
}

#[test]
fn a_trade_ends_with_all_that_ends_it_and_everything_is_free() {
    type Change = fn(&mut Shop);
    let ends: [(Change, Refusal); 5] = [
        (|shop| shop.rig.part::<Vitals>(shop.b).health = 0, Refusal::WrongLife),
        (|shop| shop.rig.part::<Vitals>(shop.a).combat_until = Tick(100_000), Refusal::InCombat),
        (|shop| shop.rig.game.place_player(shop.b, 112 * UNITS_PER_M, 200 * UNITS_PER_M), Refusal::OutOfRange),
        (|shop| shop.rig.game.despawn(shop.b), Refusal::UnknownTarget),
        (|shop| assert!(shop.rig.game.order(shop.b, 9, CANCEL)), Refusal::NoTrade),
    ];
    for (change, reason) in ends {
        let mut shop = trading();
        let (a, b) = (shop.a, shop.b);
        shop.ask(a, offer(1, 4));
        shop.ask(a, coins(700));
        shop.ask(b, offer(11, 4));
        change(&mut shop);
        let told: Vec<_> = (0..2)
            .filter_map(|_| {
                shop.rig.run(1);
                ended(&shop, a)
            })
            .collect();
        assert_eq!(told, [Some(reason)]);
        assert!(all_free(&mut shop), "{reason:?}");
        assert_eq!(shop.ask(a, CANCEL), Some(Err(Refusal::NoTrade)));
    }
}

#[test]
fn whoever_goes_a_little_farther_still_trades() {
    let mut shop = trading();
    let (a, b) = (shop.a, shop.b);
    shop.rig.game.place_player(b, 110 * UNITS_PER_M + UNITS_PER_M / 2, 200 * UNITS_PER_M);
    shop.rig.run(2);
    assert_eq!(shop.ask(a, coins(1)), Some(Ok(())));
}

#[test]
fn who_comes_under_the_id_of_one_who_traded_does_not() {
    let mut shop = trading();
    let (a, b) = (shop.a, shop.b);
    shop.rig.game.despawn(b);
    shop.rig.game.recycle(b);
    assert_eq!(shop.rig.game.spawn_player(protocol::CharacterId(77), None), Ok(b));
    assert_eq!(shop.ask(b, CANCEL), Some(Err(Refusal::NoTrade)));
    assert_eq!((ended(&shop, a), ended(&shop, b)), (Some(Some(Refusal::UnknownTarget)), None));
}

#[test]
fn whoever_goes_when_both_have_agreed_has_traded() {
    let mut shop = trading();
    let (a, b) = (shop.a, shop.b);
    shop.ask(a, offer(1, 9));
    shop.ask(b, coins(50));
    let agreed = revision(&shop);
    shop.ask(a, confirm(agreed));
    shop.ask(b, confirm(agreed));
    shop.rig.game.despawn(b);
    shop.settle(true);
    assert_eq!((shop.items(a).len(), shop.coins(a)), (3, 1_050));
    assert_eq!(ended(&shop, a), Some(None));
    assert!(all_free(&mut shop));
}

#[test]
fn the_stunned_only_cancel() {
    let mut shop = trading();
    let a = shop.a;
    let mut content = crate::Content::clone(shop.rig.game.content());
    let stun = crate::rig::effect(1, |effect| effect.holds.stun = true);
    content.effects = crate::content::Table::new(vec![stun.clone()]).unwrap();
    shop.rig.game.set_content(Arc::new(content));
    let now = shop.rig.game.now();
    shop.rig.part::<Effects>(a).apply(&stun, None, Default::default(), now);
    assert_eq!(shop.ask(a, offer(1, 1)), Some(Err(Refusal::Stunned)));
    assert_eq!(shop.ask(a, CANCEL), Some(Ok(())));
}

#[test]
fn a_restart_ends_trades_that_were_open_and_settles_those_under_way() {
    for is_agreed in [false, true] {
        let mut shop = trading();
        let (a, b) = (shop.a, shop.b);
        shop.ask(a, offer(1, 9));
        shop.ask(a, coins(10));
        if is_agreed {
            let agreed = revision(&shop);
            shop.ask(a, confirm(agreed));
            shop.ask(b, confirm(agreed));
        }
        let asked = shop.rig.game.take_transactions();
        let map = Arc::new(protocol::motion::StaticMap::new(400, 400, &[]).unwrap());
        let content = Arc::clone(shop.rig.game.content());
        let config = GameConfig { seed: 1, map, content, incarnation: 2, entities_max: 1_000 };
        shop.rig.game = Game::restore(config, &shop.rig.game.save()).unwrap();
        asked.iter().for_each(|transaction| shop.rig.game.replay(transaction));
        shop.rig.game.refuse_under_way();
        shop.rig.run(1);
        assert!(all_free(&mut shop));
        assert_eq!(shop.rig.game.world.resource::<Trades>().open.len(), 0);
        let expected = if is_agreed { (3, 990, 60) } else { (4, 1_000, 50) };
        assert_eq!((shop.items(a).len(), shop.coins(a), shop.coins(b)), expected);
    }
}
