//! What is in a bag, and what is used out of it.

use super::*;

#[test]
fn stacks_are_split_and_merged_and_moved() {
    let mut shop = Shop::new(&[row(1, BREAD, 15, 0), row(2, BREAD, 8, 1), row(3, LETTER, 1, 2)]);
    let a = shop.a;
    let shift = |item, count, slot| Command::Move { item: I(item), count, slot };
    assert_eq!(shop.done(a, shift(1, 5, 7)), Ok(()));
    assert_eq!(shop.done(a, shift(2, 8, 0)), Ok(()));
    assert_eq!(shop.done(a, shift(3, 1, 39)), Ok(()));
    assert_eq!(shop.items(a), [(BREAD, 18, 0), (BREAD, 5, 7), (LETTER, 1, 39)]);
    for (command, refusal) in [
        (shift(1, 3, 7), None),
        (shift(1, 18, 7), Some(Refusal::NoRoom)),
        (shift(1, 1, 39), Some(Refusal::WrongSlot)),
        (shift(1, 1, 0), Some(Refusal::WrongSlot)),
        (shift(1, 1, 40), Some(Refusal::WrongSlot)),
        (shift(1, 1, 255), Some(Refusal::WrongSlot)),
        (shift(1, 1, WORN), Some(Refusal::WrongSlot)),
        (shift(1, 0, 5), Some(Refusal::WrongCount)),
        (shift(1, u32::MAX, 5), Some(Refusal::WrongCount)),
        (shift(99, 1, 5), Some(Refusal::NoSuchItem)),
    ] {
        let answer = shop.ask(a, command);
        assert_eq!(answer, refusal.map(Err), "{command:?}");
        if refusal.is_none() {
            shop.settle(false);
        }
    }
}

#[test]
fn what_is_used_up_works_when_the_disk_has_it_and_its_kind_cools_down() {
    let mut shop = Shop::new(&[row(1, BREAD, 2, 0), row(2, BREAD, 1, 1), row(3, LETTER, 1, 2)]);
    let a = shop.a;
    shop.rig.part::<Vitals>(a).health = 100;
    let use_ = |item| Command::Use { item: I(item) };
    assert_eq!(shop.ask(a, use_(1)), None);
    assert_eq!(shop.ask(a, use_(2)), Some(Err(Refusal::OnCooldown)), "one of a kind at a time");
    shop.settle(false);
    assert_eq!(shop.ask(a, use_(2)), None, "what was not used does not cool down");
    shop.settle(true);
    assert!(shop.news(a).contains(&News::ItemCooldown { kind: BREAD, ticks: 30 }));
    assert!(shop.news(a).contains(&News::ItemGone { item: I(2) }));
    assert_eq!(shop.rig.health(a), 100);
    shop.rig.run(1);
    assert_eq!(shop.rig.health(a), 150);
    shop.rig.run(28);
    assert_eq!(shop.ask(a, use_(1)), None, "30 ticks later");
    assert_eq!(shop.ask(a, use_(3)), Some(Err(Refusal::NotUsable)));
}

#[test]
fn what_is_not_used_up_works_at_once() {
    let mut shop = Shop::new(&[row(1, HORN, 1, 0)]);
    let a = shop.a;
    shop.rig.part::<Vitals>(a).health = 100;
    assert_eq!(shop.ask(a, Command::Use { item: I(1) }), Some(Ok(())));
    assert_eq!(shop.rig.health(a), 150);
    assert_eq!(shop.ask(a, Command::Use { item: I(1) }), Some(Err(Refusal::OnCooldown)));
    assert!(shop.rig.game.take_transactions().is_empty());
}

#[test]
fn whoever_is_rich_beyond_measure_overflows_nothing() {
    let mut shop = Shop::new(&[]);
    let a = shop.a;
    shop.endow(a, &[], u64::MAX);
    assert_eq!(shop.ask(a, Command::Buy { kind: DEAR, count: u32::MAX }), Some(Err(Refusal::NoCoins)));
    let place = (100 * SUBUNITS_PER_M, 200 * SUBUNITS_PER_M, 0);
    shop.rig.game.leave(Drop { place, coins: u64::MAX, ..Drop::default() });
    shop.settle(true);
    let entity = shop.rig.game.ground()[0].0;
    assert_eq!(shop.ask(a, Command::PickUp { entity }), Some(Err(Refusal::NoRoom)));
}

#[test]
fn what_cannot_be_is_kept_aside_and_given_back() {
    let strays = [
        row(5, ItemKind(777), 3, 4),
        row(6, BREAD, 1, 41),
        row(7, BREAD, 1, 255),
        row(8, BREAD, 1, 0),
        row(9, BREAD, 0, 9),
    ];
    let strays = [&strays[..], &[row(10, BREAD, 1, WORN), row(1, BREAD, 1, 12)]].concat();
    let items = [&[row(1, BREAD, 2, 0)], &strays[..]].concat();
    let mut shop = Shop::new(&items);
    let a = shop.a;
    assert_eq!(shop.rig.game.strays(a), strays);
    assert_eq!(shop.rig.game.estate(a).unwrap().items, items);
    assert_eq!(shop.ask(a, Command::Drop { item: I(5), count: 1 }), Some(Err(Refusal::NoSuchItem)));
}

#[test]
fn whoever_comes_is_told_what_he_has() {
    let mut shop = Shop::new(&[]);
    let estate = Estate { items: vec![row(9, BREAD, 2, 3)], ..Estate::newborn(ClassId(1), 1) };
    let id = shop.rig.game.spawn_character(CharacterId(70), None, &estate).unwrap();
    shop.rig.run(1);
    let news = shop.all_news(id);
    assert_eq!(news[0], News::Item(row(9, BREAD, 2, 3)));
    assert!(matches!(news[1..], [News::Figures(figures)] if figures.weight == 200), "{news:?}");
    shop.rig.run(1);
    assert_eq!(shop.news(id), []);
}

#[test]
fn a_bag_fills_its_stacks_before_its_slots() {
    use crate::carry::bag::Portion::{Into, Onto};
    let content = content();
    let items = vec![row(1, BREAD, 15, 0), row(2, BREAD, 20, 1), row(3, BREAD, 19, 3)];
    let mut bag = Bag::new(&content, &Estate { items, ..Estate::default() });
    let bread = content.items.at(BREAD);
    assert_eq!(bag.room(bread, 30), Some(vec![Onto(I(1), 5), Onto(I(3), 1), Into(2, 20), Into(4, 4)]));
    bag.row_mut(I(1)).unwrap().hold = Hold::InTrade;
    assert_eq!(bag.room(bread, 2), Some(vec![Onto(I(3), 1), Into(2, 1)]));
    assert_eq!(bag.room(bread, 37 * 20 + 2), None);
}

#[test]
fn who_is_told_done_has_been_told_how_many_coins_he_has() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let a = shop.a;
    for _ in 0..20 {
        let coins = shop.rig.game.purse_and_load(a).unwrap().0;
        assert_eq!(shop.done(a, Command::Buy { kind: BREAD, count: 1 }), Ok(()));
        let now = shop.rig.game.purse_and_load(a).unwrap().0;
        assert!(now < coins);
        let told = shop.all_news(a).into_iter().find_map(|news| match news {
            News::Figures(figures) => Some(figures.coins),
            _ => None,
        });
        assert_eq!(told, Some(now));
    }
}
