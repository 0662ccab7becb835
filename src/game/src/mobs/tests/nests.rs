//! Where mobs come from, and that others come when they are gone.

use super::*;

#[test]
fn an_area_fills_within_its_first_second_at_free_places_of_its_own() {
    let house = Block { x: 200.0, y: 195.0, width: 10.0, depth: 10.0, height: None };
    let mut content = content(vec![peaceful()]);
    content.places.spawns = vec![area(200, 205, 30, 600), area(40, 100, 5, 600)];
    let mut rig = Rig::among(&[house], content, 1);
    assert!((1..60).contains(&rig.mobs().len()), "spread over the second");
    rig.run(59);
    let mobs = rig.mobs();
    assert_eq!(mobs.len(), 240);
    let mut homes = Vec::new();
    for id in mobs {
        let Mob { home, area, .. } = *rig.part::<Mob>(id);
        assert!(rig.game.content().places.spawns[usize::from(area)].area.holds(home.0, home.1));
        assert!(rig.game.map().is_free(home.0, home.1, 0, BODY_RADIUS));
        homes.push(home);
    }
    homes.sort_unstable();
    homes.dedup();
    assert_eq!(homes.len(), 240, "each at a place of its own");
}

#[test]
fn no_tick_brings_more_than_64_and_who_finds_no_id_comes_when_one_is_free() {
    let mut content = content(vec![peaceful()]);
    content.places.spawns = vec![area(5_000, 200, 100, 600)];
    let mut rig = Rig::new(content, 1);
    let mut before = rig.mobs().len();
    assert_eq!(before, nest::SPAWNS_PER_TICK_MAX);
    for _ in 0..100 {
        rig.run(1);
        let now = rig.mobs().len();
        assert!(now - before <= nest::SPAWNS_PER_TICK_MAX);
        before = now;
    }
    assert_eq!(before, 999, "all ids but the player's");
    assert!(rig.game.mobs_put_off() > 0);
    let gone = rig.mobs()[5];
    rig.game.despawn(gone);
    rig.run(200);
    assert_eq!(rig.mobs().len(), 998, "its id waits");
    rig.game.recycle(gone);
    rig.run(200);
    assert_eq!(rig.mobs().len(), 999);
}

#[test]
fn an_area_without_a_free_place_waits_for_ever_and_harms_nobody() {
    let mut content = content(vec![peaceful()]);
    content.places.spawns = vec![area(2, 205, 3, 600), area(2, 300, 3, 600)];
    let house = Block { x: 195.0, y: 190.0, width: 20.0, depth: 20.0, height: None };
    let mut rig = Rig::among(&[house], content, 1);
    rig.run(299);
    assert_eq!(rig.mobs().len(), 2);
    assert_eq!(rig.game.mobs_put_off(), 2 * 5, "each tries once a second");
}

#[test]
fn a_dead_mob_lies_for_three_seconds_and_another_comes_in_its_time() {
    let mut content = content(vec![peaceful()]);
    content.places.spawns = vec![area(1, 110, 2, 400)];
    let mut rig = Rig::new(content, 1);
    rig.run(10);
    let (player, first) = (rig.ids[0], rig.mobs()[0]);
    rig.blow(player, first, hit(5_000));
    rig.run(1);
    assert_eq!((rig.health(first), rig.state(first)), (0, State::Dead));
    let place = rig.place(first);
    rig.run(179);
    assert_eq!(rig.place(first), place);
    rig.run(1);
    assert_eq!((rig.game.ended(), rig.game.retired().collect::<Vec<_>>()), (&[first][..], vec![first]));
    assert!(rig.mobs().is_empty() && !rig.game.replicas().is_live(first));
    rig.run(219);
    assert!(rig.mobs().is_empty(), "399 ticks after its death");
    rig.run(1);
    let next = rig.mobs()[0];
    assert_ne!(next, first, "an id that nobody has recycled");
    assert_eq!(rig.health(next), 1_000);
}

#[test]
fn one_that_is_taken_away_is_replaced_and_one_that_somebody_put_there_is_not() {
    let mut content = content(vec![peaceful()]);
    content.places.spawns = vec![area(1, 110, 2, 50)];
    let mut rig = Rig::new(content, 1);
    let (of_area, other) = (rig.mobs()[0], rig.mob(WOLF, 120, 200));
    rig.game.despawn(of_area);
    rig.game.despawn(other);
    rig.run(200);
    assert_eq!(rig.mobs().len(), 1);
}

#[test]
fn an_area_follows_content_that_says_more_or_fewer() {
    let mut few = content(vec![peaceful()]);
    few.places.spawns = vec![area(3, 110, 5, 60)];
    let mut many = few.clone();
    many.places.spawns = vec![area(5, 110, 5, 60), area(2, 120, 5, 60)];
    let mut rig = Rig::new(few.clone(), 1);
    rig.run(60);
    assert_eq!(rig.mobs().len(), 3);
    rig.game.set_content(Arc::new(many));
    rig.run(60);
    assert_eq!(rig.mobs().len(), 7);
    rig.game.set_content(Arc::new(few));
    let player = rig.ids[0];
    for id in rig.mobs() {
        rig.blow(player, id, hit(5_000));
    }
    rig.run(300);
    assert_eq!(rig.mobs().len(), 3, "those that die come back as far as they are wanted");
}

#[test]
fn a_boss_is_told_to_everyone_and_an_unknown_kind_is_refused() {
    let mut rig = Rig::new(content(vec![wolf(|kind| kind.is_boss = true)]), 1);
    let boss = rig.mob(WOLF, 300, 200);
    assert_eq!(rig.game.bonds().bosses(), [boss]);
    assert_eq!(rig.game.spawn_mob(MobKind(9), 0, 0), Err(crate::SpawnError::Impossible));
}

// --- what goes on in them
