//! Worlds with mobs that are made anew, and orders that do not matter.

use super::*;

/// Mobs of every state around three players who are attacked, run away and come back.
fn restless() -> (Content, [Block; 1]) {
    let kinds = vec![
        wolf(|kind| (kind.flee_below, kind.help_radius, kind.leash_radius) = (600, 12 * M, 12 * M)),
        wolf(|kind| {
            kind.id = MobKind(2);
            kind.aggro_radius = 0;
            kind.stroll_percent = 60;
        }),
    ];
    let mut content = content(kinds);
    content.places.spawns = vec![area(12, 120, 20, 90), area(6, 350, 10, 90)];
    content.places.spawns.push(SpawnArea { mob: MobKind(2), ..area(12, 130, 25, 120) });
    (content, [Block { x: 112.0, y: 190.0, width: 3.0, depth: 16.0, height: None }])
}

fn drive(rig: &mut Rig, ticks: std::ops::Range<u32>, seen: &mut Vec<std::mem::Discriminant<State>>) {
    for tick in ticks {
        let mobs = rig.mobs();
        if tick % 20 == 0 && !mobs.is_empty() {
            let (by, on) = (rig.ids[tick as usize / 20 % 3], mobs[tick as usize * 7 % mobs.len()]);
            rig.blow(by, on, hit(if tick % 60 == 0 { 5_000 } else { 450 }));
        }
        if tick % 50 == 0 {
            rig.put(rig.ids[0], 100 + (tick as i32 / 50 % 4) * 15, 200);
        }
        rig.game.tick();
        let retired: Vec<NetId> = rig.game.retired().collect();
        retired.into_iter().for_each(|id| rig.game.recycle(id));
        for id in rig.mobs() {
            let state = std::mem::discriminant(&rig.state(id));
            if !seen.contains(&state) {
                seen.push(state);
            }
        }
    }
}

#[test]
fn six_hundred_ticks_are_three_hundred_and_a_restart_and_three_hundred() {
    let (content, blocks) = restless();
    let mut straight = Rig::among(&blocks, content.clone(), 3);
    let mut seen = Vec::new();
    drive(&mut straight, 0..600, &mut seen);
    assert_eq!(seen.len(), 7, "every state comes up: {seen:?}");
    for saved_at in [0, 1, 37, 150, 300, 301, 455] {
        let mut rig = Rig::among(&blocks, content.clone(), 3);
        drive(&mut rig, 0..saved_at, &mut Vec::new());
        let mut bytes = Vec::new();
        rig.game.save().to_bytes(&mut bytes);
        let image = WorldImage::from_bytes(&bytes).expect("it was written just now");
        let map = Arc::new(rig.game.map().clone());
        let config =
            GameConfig { seed: 1, map, content: Arc::new(content.clone()), incarnation: 1, entities_max: 1_000 };
        let mut restored = Rig { game: Game::restore(config, &image).expect("a sound image"), ids: rig.ids.clone() };
        assert_eq!(restored.game.hash(), rig.game.hash());
        drive(&mut restored, saved_at..600, &mut Vec::new());
        assert_eq!(restored.game.hash(), straight.game.hash(), "saved at {saved_at}");
    }
}

#[test]
fn a_mob_that_cannot_be_is_refused_at_a_restart() {
    let refused = |change: fn(&mut Mob)| {
        let mut rig = Rig::new(content(vec![peaceful()]), 1);
        let id = rig.mob(WOLF, 110, 200);
        rig.run(1);
        change(rig.part::<Mob>(id));
        let map = Arc::new(rig.game.map().clone());
        let content = Arc::clone(rig.game.content());
        let config = GameConfig { seed: 1, map, content, incarnation: 1, entities_max: 1_000 };
        Game::restore(config, &rig.game.save()).is_err()
    };
    assert!(refused(|mob| mob.kind = MobKind(9)));
    assert!(refused(|mob| mob.home.0 = i32::MIN));
    assert!(refused(|mob| mob.mind.state = State::Stroll { to: (0, -1) }));
    assert!(!refused(|mob| mob.area = 700), "an area that is no more lets go of it");
}

#[test]
fn in_which_order_mobs_came_into_the_world_does_not_matter() {
    let run = |order: [usize; 8]| {
        let kind = wolf(|kind| (kind.help_radius, kind.flee_below) = (6 * M, 500));
        let mut rig = Rig::new(content(vec![kind]), 3);
        // Ids 3 to 10 are used up, and come back in this order.
        let fillers: Vec<NetId> = (0..8).map(|_| rig.mob(WOLF, 300, 300)).collect();
        fillers.iter().for_each(|&id| rig.game.despawn(id));
        for place in order {
            rig.game.recycle(fillers[place]);
        }
        for place in order {
            assert_eq!(rig.mob(WOLF, 108 + place as i32 * 3, 195 + place as i32 % 3 * 5), fillers[place]);
        }
        for round in 0..20 {
            rig.blow(rig.ids[round % 3], fillers[round * 3 % 8], hit(170));
            rig.run(30);
        }
        rig.game.hash()
    };
    assert_eq!(run([0, 1, 2, 3, 4, 5, 6, 7]), run([5, 2, 7, 0, 3, 6, 1, 4]));
}

#[test]
fn of_two_who_call_at_once_the_lower_id_is_heard() {
    let heard = |is_reversed: bool| {
        let mut rig = Rig::new(content(vec![wolf(|kind| (kind.aggro_radius, kind.help_radius) = (0, 10 * M))]), 2);
        // The first and the last of nine think in the same ticks.
        let ids: Vec<NetId> = (0..9).map(|_| rig.mob(WOLF, 300, 300)).collect();
        ids.iter().for_each(|&id| rig.game.despawn(id));
        let places = [120, 129, 150, 165, 180, 195, 210, 225, 138];
        let mut order: Vec<(NetId, i32)> = ids.iter().copied().zip(places).collect();
        if is_reversed {
            order.reverse();
        }
        order.iter().for_each(|&(id, _)| rig.game.recycle(id));
        order.iter().for_each(|&(id, x)| assert_eq!(rig.mob(WOLF, x, 200), id));
        rig.run(2);
        rig.blow(rig.ids[0], ids[0], hit(10));
        rig.blow(rig.ids[1], ids[8], hit(10));
        rig.run(9);
        rig.part::<Threat>(ids[1]).0.iter().collect::<Vec<_>>()
    };
    let first = heard(false);
    assert_eq!((first.len(), heard(true)), (1, first.clone()));
    assert_eq!(first[0].0, NetId(0), "whom the first is after");
}
