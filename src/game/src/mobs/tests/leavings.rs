//! What a mob leaves, and to whom.

use super::*;

#[test]
fn a_mob_leaves_what_the_dice_say_to_who_did_most() {
    let loot = |item, chance, count| Loot { item: ItemKind(item), chance, count };
    let kind = wolf(|kind| {
        kind.aggro_radius = 0;
        kind.coins = (5, 9);
        kind.loot = vec![loot(1, 1_000_000, (2, 3)), loot(2, 0, (1, 1)), loot(3, 500_000, (1, 1))];
    });
    let (mut coins, mut third) = (Vec::new(), 0);
    for tick in 0..100 {
        let place = (110 * M, 200 * M, 0);
        let death = Death { who: NetId(9), kind: EntityKind::Mob, by: Some(NetId(1)), harm: Harm::default(), place };
        let owners = [NetId(1)].into_iter().collect();
        let Drop { place: there, coins: some, items, owners } =
            left_by(&kind, Dice::new(1, Tick(tick)), &death, owners);
        assert_eq!((there, &owners[..]), (place, &[NetId(1)][..]));
        assert!(items[0].0 == ItemKind(1) && (2..=3).contains(&items[0].1));
        assert!(items.iter().all(|(item, _)| *item != ItemKind(2)));
        third += usize::from(items.len() == 2);
        coins.push(some);
    }
    assert!((30..70).contains(&third), "{third} of 100");
    assert!(coins.iter().all(|some| (5..=9).contains(some)) && coins.contains(&5) && coins.contains(&9));
}

#[test]
fn a_mob_with_nothing_leaves_nothing() {
    let mut rig = Rig::new(content(vec![peaceful()]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 110, 200));
    rig.blow(player, id, hit(5_000));
    rig.run(1);
    let asked = rig.game.take_transactions();
    let is_loot = |entry: &Entry| matches!(entry, Entry::Minted { .. } | Entry::Made { .. } | Entry::Item { .. });
    assert!(asked.iter().flat_map(|asked| &asked.entries).all(|entry| !is_loot(entry)), "{asked:?}");
}

#[test]
fn who_killed_a_mob_may_have_first_what_it_left_and_learns_from_it() {
    let kind = wolf(|kind| {
        kind.aggro_radius = 0;
        kind.coins = (5, 9);
    });
    let mut rig = Rig::new(content(vec![kind]), 2);
    let (a, b, id) = (rig.ids[0], rig.ids[1], rig.mob(WOLF, 104, 200));
    rig.blow(a, id, hit(400));
    rig.blow(b, id, hit(700));
    assert_eq!(rig.part::<Bounty>(id), &Bounty { experience: 70, level: 3 });
    rig.run(1);
    let asked = rig.game.take_transactions();
    let entries: Vec<_> = asked.iter().flat_map(|asked| &asked.entries).collect();
    let gained = entries.iter().filter_map(|entry| match entry {
        Entry::Experience { gained, .. } => Some(*gained),
        _ => None,
    });
    assert_eq!(gained.collect::<Vec<_>>(), [70 * 400 / 1_100, 70 * 700 / 1_100]);
    assert!(entries.iter().any(|entry| matches!(entry, Entry::Minted { coins: 5..=9, .. })), "{entries:?}");
}

// --- the same again
