//! What lies on the ground.

use super::*;

#[test]
fn nothing_changes_before_the_disk_has_it_and_nothing_at_all_if_it_refuses() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let a = shop.a;
    let drop = Command::Drop { item: I(1), count: 2 };
    assert_eq!(shop.ask(a, drop), None);
    assert_eq!(shop.news(a), [News::Item(ItemRow { is_held: true, ..row(1, BREAD, 5, 0) })]);
    assert_eq!((shop.items(a), shop.rig.game.ground().len()), (vec![(BREAD, 5, 0)], 0));
    assert_eq!(shop.ask(a, drop), Some(Err(Refusal::InUse)), "it is held");
    assert_eq!(shop.rig.game.held_in_vain(), None, "for a transaction that is under way");
    shop.settle(false);
    assert_eq!(shop.rig.game.held_in_vain(), None);
    assert_eq!(shop.answer(a), Some(Err(Refusal::NotSaved)));
    assert_eq!(shop.news(a), [News::Item(row(1, BREAD, 5, 0))]);
    assert_eq!(shop.done(a, drop), Ok(()));
    assert_eq!((shop.items(a), shop.rig.game.ground().len()), (vec![(BREAD, 3, 0)], 1));
}

#[test]
fn what_is_dropped_can_be_picked_up_by_one_and_joins_his_stack() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let (a, b) = (shop.a, shop.b);
    shop.endow(b, &[row(2, BREAD, 4, 3)], 0);
    shop.done(a, Command::Drop { item: I(1), count: 5 }).unwrap();
    assert!(shop.items(a).is_empty());
    let entity = shop.rig.game.ground()[0].0;
    let pick_up = Command::PickUp { entity };
    assert_eq!(shop.ask(b, pick_up), None);
    assert_eq!(shop.ask(a, pick_up), Some(Err(Refusal::InUse)));
    shop.settle(true);
    let looted = GameEvent::Looted { by: b, kind: BREAD, count: 5 };
    assert!(shop.rig.game.happenings().contains(&Happening { of: b, event: looted }));
    assert_eq!(shop.items(b), [(BREAD, 9, 3)]);
    assert_eq!((shop.rig.game.ended(), shop.rig.game.ground().len()), (&[entity][..], 0));
    assert_eq!(shop.ask(a, pick_up), Some(Err(Refusal::Gone)));
}

#[test]
fn two_who_pick_up_do_not_get_the_same_slot() {
    let mut shop = Shop::new(&[]);
    let a = shop.a;
    let place = (100 * SUBUNITS_PER_M, 200 * SUBUNITS_PER_M, 0);
    shop.rig.game.leave(Drop { place, coins: 9, items: vec![(SWORD, 2)], ..Drop::default() });
    shop.settle(true);
    let lying = shop.rig.game.ground();
    assert_eq!(lying.len(), 3);
    for (entity, _) in lying {
        assert_eq!(shop.ask(a, Command::PickUp { entity }), None);
    }
    shop.settle(true);
    assert_eq!(shop.items(a), [(SWORD, 1, 0), (SWORD, 1, 1)]);
    assert_eq!(shop.coins(a), 1_009);
}

#[test]
fn what_a_mob_leaves_is_its_killers_for_a_while() {
    let mut shop = Shop::new(&[]);
    let (a, b) = (shop.a, shop.b);
    let place = (101 * SUBUNITS_PER_M, 200 * SUBUNITS_PER_M, 0);
    let owners = [a].into_iter().collect();
    shop.rig.game.leave(Drop { place, coins: 0, items: vec![(BREAD, 1)], owners });
    shop.settle(true);
    let entity = shop.rig.game.ground()[0].0;
    assert_eq!(shop.ask(b, Command::PickUp { entity }), Some(Err(Refusal::NotYours)));
    shop.rig.game.despawn(a);
    assert_eq!(shop.done(b, Command::PickUp { entity }), Ok(()), "who has gone owns nothing here");
}

#[test]
fn what_lies_too_long_is_taken_away_by_a_transaction() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let a = shop.a;
    shop.done(a, Command::Drop { item: I(1), count: 5 }).unwrap();
    let ticks = shop.rig.game.content().rules.ground_ticks;
    shop.rig.run(ticks + 16);
    let asked = shop.settle(false);
    assert_eq!(asked.len(), 1);
    assert_eq!(shop.rig.game.ground().len(), 1, "the disk would not");
    shop.rig.run(700);
    let asked = shop.settle(true);
    assert!(asked[0].entries.contains(&Entry::Made { kind: BREAD, count: -5, way: Way::Expired }));
    assert_eq!((asked.len(), shop.rig.game.ground().len()), (1, 0));
}

#[test]
fn a_world_without_ids_refuses_what_would_lie_in_it() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let a = shop.a;
    while shop.rig.game.spawn_player(CharacterId(1_000), None).is_ok() {}
    assert_eq!(shop.ask(a, Command::Drop { item: I(1), count: 1 }), Some(Err(Refusal::WorldFull)));
    let place = (100 * SUBUNITS_PER_M, 200 * SUBUNITS_PER_M, 0);
    shop.rig.game.leave(Drop { place, coins: 9, items: vec![(BREAD, 21)], ..Drop::default() });
    assert_eq!((shop.rig.game.left_out(), shop.rig.game.take_transactions().len()), (2, 0));
}
