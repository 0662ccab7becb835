//! Belongings of those who go and come, and of worlds that are made anew.

use super::*;

#[test]
fn what_is_under_way_when_its_owner_goes_happens_without_him() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let (a, character) = (shop.a, CharacterId(0));
    assert_eq!(shop.ask(a, Command::Drop { item: I(1), count: 2 }), None);
    shop.rig.game.despawn(a);
    assert!(shop.rig.game.has_transactions(character));
    // Somebody else comes under his id, and has nothing to do with it.
    shop.rig.game.recycle(a);
    assert_eq!(shop.rig.game.spawn_player(CharacterId(90), None), Ok(a));
    shop.settle(true);
    assert_eq!(shop.answer(a), None);
    assert!(!shop.rig.game.has_transactions(character));
    let ground: Vec<GroundRecord> = shop.rig.game.ground().into_iter().map(|(_, record)| record).collect();
    assert!(matches!(ground[..], [GroundRecord::Item(record)] if record.count == 2));
    assert!(shop.items(a).is_empty());
}

#[test]
fn who_comes_back_with_what_the_disk_has_does_not_get_it_twice() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let a = shop.a;
    assert_eq!(shop.ask(a, Command::Sell { item: I(1), count: 2 }), None);
    shop.rig.game.despawn(a);
    // The disk has it, and the game is told after he has come back.
    let estate = Estate { coins: 1_008, items: vec![row(1, BREAD, 3, 0)], ..Estate::newborn(ClassId(1), 1) };
    let id = shop.rig.game.spawn_character(CharacterId(0), None, &estate).unwrap();
    shop.settle(true);
    assert_eq!((shop.items(id), shop.coins(id)), (vec![(BREAD, 3, 0)], 1_008));
}

#[test]
fn another_start_does_not_ask_again_what_the_last_one_asked() {
    let mut shop = busy();
    let map = Arc::new(protocol::motion::StaticMap::new(400, 400, &[]).unwrap());
    let content = Arc::clone(shop.rig.game.content());
    let config = GameConfig { seed: 1, map, content, incarnation: 2, entities_max: 1_000 };
    let mut restored = Game::restore(config, &shop.rig.game.save()).unwrap();
    assert_eq!(restored.take_transactions(), []);
    assert_eq!(restored.under_way().count(), shop.rig.game.take_transactions().len());
}

#[test]
fn an_order_of_one_who_has_gone_is_not_his_heirs() {
    let mut shop = Shop::new(&[]);
    let b = shop.b;
    assert!(shop.rig.game.order(b, 1, Command::Buy { kind: BREAD, count: 1 }));
    shop.rig.game.despawn(b);
    shop.rig.game.recycle(b);
    assert_eq!(shop.rig.game.spawn_player(CharacterId(91), None), Ok(b));
    shop.rig.run(1);
    assert_eq!((shop.answer(b), shop.rig.game.take_transactions().len()), (None, 0));
}

/// A world with something of everything in it that is under way.
fn busy() -> Shop {
    let mut shop = Shop::new(&[row(1, BREAD, 9, 0), row(2, SWORD, 1, 1), row(3, HORN, 1, 2)]);
    let (a, b) = (shop.a, shop.b);
    let place = (101 * SUBUNITS_PER_M, 200 * SUBUNITS_PER_M, 0);
    let owners = [b].into_iter().collect();
    shop.rig.game.leave(Drop { place, coins: 40, items: vec![(BREAD, 3)], owners });
    shop.settle(true);
    shop.done(a, Command::Use { item: I(3) }).unwrap();
    assert_eq!(shop.ask(a, Command::Drop { item: I(1), count: 2 }), None);
    assert_eq!(shop.ask(a, Command::Equip { item: I(2) }), None);
    assert_eq!(shop.ask(a, Command::Buy { kind: BREAD, count: 30 }), None);
    let entity = shop.rig.game.ground()[0].0;
    assert_eq!(shop.ask(b, Command::PickUp { entity }), None);
    shop
}

#[test]
fn a_world_saved_with_everything_under_way_goes_on_as_it_would_have() {
    let mut shop = busy();
    let map = Arc::new(protocol::motion::StaticMap::new(400, 400, &[]).unwrap());
    let content = Arc::clone(shop.rig.game.content());
    let config = GameConfig { seed: 1, map, content, incarnation: 1, entities_max: 1_000 };
    let mut bytes = Vec::new();
    shop.rig.game.save().to_bytes(&mut bytes);
    let image = crate::WorldImage::from_bytes(&bytes).unwrap();
    let mut restored = Game::restore(config, &image).unwrap();
    assert_eq!(restored.hash(), shop.rig.game.hash());
    for game in [&mut shop.rig.game, &mut restored] {
        for (nth, transaction) in (0..).zip(game.take_transactions()) {
            game.settle(transaction.id, nth != 1);
        }
        (0..50).for_each(|_| game.tick());
    }
    assert_eq!(restored.ground(), shop.rig.game.ground());
    assert_eq!(restored.hash(), shop.rig.game.hash());
}

#[test]
fn an_image_that_keeps_an_id_twice_is_refused() {
    let shop = busy();
    let mut image = shop.rig.game.save();
    let claimed = image.rooms.claimed().next().unwrap();
    image.recycled.push(claimed);
    let map = protocol::motion::StaticMap::new(400, 400, &[]).unwrap();
    let refused = image.check(&map, shop.rig.game.content(), 1_000);
    assert_eq!(refused, Err(crate::ImageError::Id(claimed)));
}

#[test]
fn the_ground_comes_back_once() {
    let mut shop = busy();
    shop.settle(true);
    let ground: Vec<GroundRecord> = shop.rig.game.ground().into_iter().map(|(_, record)| record).collect();
    let mut fresh = Shop::new(&[]);
    assert_eq!(fresh.rig.game.restore_ground(&ground), 0);
    assert_eq!(fresh.rig.game.ground().len(), ground.len());
    assert_eq!(fresh.rig.game.restore_ground(&ground), ground.len(), "it is there already");
}
