//! Vendors, and those whom nothing is given.

use super::*;

#[test]
fn a_vendor_sells_buys_and_mends() {
    let worn_out = ItemRow { durability: 20, ..row(1, SWORD, 1, 0) };
    let mut shop = Shop::new(&[worn_out, row(2, LETTER, 1, 1), row(3, DEAR, 1, 2)]);
    let a = shop.a;
    let buy = |kind, count| Command::Buy { kind, count };
    assert_eq!(shop.ask(a, buy(BREAD, 25)), None);
    assert_eq!(shop.ask(a, buy(BREAD, 76)), Some(Err(Refusal::NoCoins)), "what is to be paid cannot be spent");
    let asked = shop.settle(true);
    assert!(asked[0].entries.contains(&Entry::Minted { coins: -250, way: Way::Bought }));
    assert_eq!(shop.items(a)[3..], [(BREAD, 20, 3), (BREAD, 5, 4)]);
    assert_eq!(shop.coins(a), 750);
    assert_eq!(shop.done(a, Command::Repair { item: I(1) }), Ok(()));
    assert_eq!(shop.coins(a), 748);
    let bread = shop.rig.game.estate(a).unwrap().items[4].item;
    let sell = |item, count| Command::Sell { item, count };
    assert_eq!(shop.done(a, sell(bread, 5)), Ok(()));
    assert_eq!(shop.coins(a), 768);
    for (command, refusal) in [
        (Command::Repair { item: I(1) }, Refusal::NotWorn),
        (Command::Repair { item: I(2) }, Refusal::NotWorn),
        (sell(I(2), 1), Refusal::Bound),
        (sell(I(3), 1), Refusal::NotForSale),
        (sell(I(1), 2), Refusal::WrongCount),
        (buy(BREAD, 0), Refusal::WrongCount),
        (buy(SHIELD, 1), Refusal::NotForSale),
        (buy(ItemKind(999), 1), Refusal::NotForSale),
        (buy(DEAR, u32::MAX), Refusal::NoCoins),
        (buy(BREAD, u32::MAX), Refusal::NoCoins),
        (buy(SWORD, 1), Refusal::TooHeavy),
    ] {
        if refusal == Refusal::TooHeavy {
            shop.rig.part::<Sheet>(a).now.set(Stat::CarryMax, 2_050);
        }
        assert_eq!(shop.ask(a, command), Some(Err(refusal)), "{command:?}");
    }
    shop.rig.game.place_player(a, 150 * UNITS_PER_M, 200 * UNITS_PER_M);
    for command in [buy(BREAD, 1), sell(I(1), 1), Command::Repair { item: I(1) }] {
        assert_eq!(shop.ask(a, command), Some(Err(Refusal::NoVendor)));
    }
}

#[test]
fn the_dead_and_the_far_away_take_nothing() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0), row(2, SWORD, 1, 1)]);
    let (a, b) = (shop.a, shop.b);
    shop.done(a, Command::Drop { item: I(1), count: 1 }).unwrap();
    let entity = shop.rig.game.ground()[0].0;
    let pick_up = Command::PickUp { entity };
    shop.rig.game.place_player(b, 105 * UNITS_PER_M, 200 * UNITS_PER_M);
    assert_eq!(shop.ask(b, pick_up), Some(Err(Refusal::OutOfRange)));
    assert_eq!(shop.ask(b, Command::PickUp { entity: a }), Some(Err(Refusal::UnknownTarget)));
    assert_eq!(shop.ask(b, Command::PickUp { entity: NetId(u16::MAX) }), Some(Err(Refusal::Gone)));
    assert_eq!(shop.ask(b, Command::Drop { item: I(1), count: 1 }), Some(Err(Refusal::NoSuchItem)), "it is another's");
    shop.rig.part::<Sheet>(b).now.set(Stat::CarryMax, 99);
    shop.rig.game.place_player(b, 101 * UNITS_PER_M, 200 * UNITS_PER_M);
    assert_eq!(shop.ask(b, pick_up), Some(Err(Refusal::TooHeavy)));
    shop.rig.part::<Vitals>(a).health = 0;
    shop.rig.run(1);
    for command in [pick_up, Command::Equip { item: I(2) }, Command::Use { item: I(1) }] {
        assert_eq!(shop.ask(a, command), Some(Err(Refusal::Dead)));
    }
    assert_eq!(shop.items(a), [(BREAD, 4, 0), (SWORD, 1, 1)], "the dead lose nothing");
}
