//! What a mob does in a fight, and how a fight ends.

use super::*;

#[test]
fn it_comes_as_near_as_it_must_stops_and_casts_as_often_as_it_can() {
    let mut rig = Rig::new(content(vec![wolf(|_| ())]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 110, 200));
    let casts = rig.casts(400);
    assert!(casts.iter().all(|&(_, by, skill, target)| (by, skill, target) == (id, BITE, player)));
    let gaps: Vec<u32> = casts.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(casts.len() >= 4 && gaps.iter().all(|gap| (60..=61).contains(gap)), "{gaps:?}");
    assert!((1..=3).contains(&rig.apart(player, id)));
    assert!(rig.part::<Will>(id).is_to_stand());
    let Some(Thing::Mob { yaw, .. }) = rig.game.thing(id).copied() else { panic!("it is a mob") };
    assert_eq!(yaw, 2_048, "it looks west, at him");
}

#[test]
fn the_best_skill_that_is_ready_comes_first_and_its_range_is_kept() {
    let mut rig = Rig::new(content(vec![wolf(|kind| kind.skills = vec![HOWL, BITE])]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 112, 200));
    let first = rig.casts(140);
    assert_eq!(first.iter().map(|cast| cast.2).collect::<Vec<_>>()[0], HOWL);
    assert!(rig.casts(200).iter().all(|cast| cast.2 == BITE), "the other is not ready");
    assert!(rig.apart(player, id) <= 3);
    rig.part::<Vitals>(id).mana = 0;
    assert!(rig.casts(600).iter().all(|cast| cast.2 == BITE), "it has no mana");
}

#[test]
fn a_cast_that_takes_time_holds_it_and_the_global_cooldown_holds_the_next() {
    let mut content = content(vec![wolf(|kind| kind.skills = vec![HOWL, BITE])]);
    content.skills = Table::new(vec![
        skill(BITE, |skill| skill.is_off_global = false),
        skill(HOWL, |skill| (skill.cast_ticks, skill.range, skill.is_off_global) = (90, 8 * M, false)),
    ])
    .expect("they differ");
    let mut rig = Rig::new(content, 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 106, 200));
    let first = rig.casts(20);
    assert_eq!(first.len(), 1);
    rig.run(20);
    let place = rig.place(id);
    rig.put(player, 112, 200);
    let next = rig.casts(45);
    assert_eq!((next.len(), rig.place(id)), (0, place));
}

#[test]
fn a_mob_far_from_home_turns_back_heals_and_heeds_nobody_until_it_is_there() {
    let mut rig = Rig::new(content(vec![wolf(|kind| kind.leash_radius = 20 * M)]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 112, 200));
    rig.part::<Vitals>(id).health = 200;
    rig.run(10);
    assert!(is_chase(rig.state(id)));
    rig.put(player, 85, 200);
    assert!(rig.until(id, 900, |state| state == State::Return).is_some());
    let health = rig.health(id);
    rig.put(player, 95, 200);
    rig.run(121);
    assert_eq!(rig.state(id), State::Return, "he is beside it");
    assert!((190..=215).contains(&(rig.health(id) - health)), "{} in 2 s", rig.health(id) - health);
    rig.put(player, 112, 160);
    assert!(rig.until(id, 900, |state| matches!(state, State::Idle)).is_some());
    assert!(rig.part::<Threat>(id).0.is_empty());
    assert!(way::is_within(rig.place(id), (112 * M, 200 * M), 2 * M));
}

#[test]
fn it_flees_once_in_a_fight_for_four_seconds_and_comes_back() {
    let mut rig = Rig::new(content(vec![wolf(|kind| (kind.flee_below, kind.leash_radius) = (300, 100 * M))]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 106, 200));
    rig.run(100);
    rig.blow(player, id, hit(750));
    let near = rig.apart(player, id);
    assert!(rig.until(id, 10, |state| state == State::Flee).is_some());
    rig.run(200);
    assert!(rig.apart(player, id) >= near + 8, "3 m/s for 3.3 s");
    assert!(rig.until(id, 50, is_chase).is_some());
    rig.run(400);
    assert!(is_chase(rig.state(id)), "not again");
    assert!(rig.apart(player, id) <= 3);
}

#[test]
fn when_its_target_is_dead_gone_or_safe_it_takes_the_next_and_then_goes_home() {
    let mut content = content(vec![peaceful()]);
    content.places.safe_zones = vec![Circle { x: 104 * M, y: 220 * M, radius: 2 * M }];
    let mut rig = Rig::new(content, 3);
    let id = rig.mob(WOLF, 110, 200);
    let [a, b, c] = rig.ids[..] else { unreachable!() };
    for (by, amount) in [(a, 50), (b, 40), (c, 30)] {
        rig.blow(by, id, hit(amount));
    }
    rig.run(20);
    let after = |rig: &mut Rig| rig.part::<Threat>(id).0.first();
    assert_eq!(after(&mut rig), Some(a));
    rig.blow(id, a, hit(9_999));
    rig.run(10);
    assert_eq!(after(&mut rig), Some(b));
    rig.game.despawn(b);
    rig.run(10);
    assert_eq!(after(&mut rig), Some(c));
    rig.put(c, 104, 220);
    rig.run(10);
    assert_eq!((after(&mut rig), rig.state(id)), (None, State::Return));
}

#[test]
fn it_gets_round_a_house_that_stands_in_its_way() {
    let house = Block { x: 110.0, y: 194.0, width: 4.0, depth: 12.0, height: None };
    let mut rig = Rig::among(&[house], content(vec![peaceful()]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 120, 200));
    rig.blow(player, id, hit(10));
    let there = (0..1_800).find(|_| {
        rig.game.tick();
        rig.apart(player, id) <= 3
    });
    assert!(there.is_some(), "{:?}", rig.place(id));
}

#[test]
fn who_is_stunned_does_nothing_and_who_is_rooted_bites_where_it_stands() {
    let held = |effect: u16| {
        let mut rig = Rig::new(content(vec![wolf(|_| ())]), 1);
        let (player, id) = (rig.ids[0], rig.mob(WOLF, 110, 200));
        rig.run(30);
        rig.blow(player, id, Outcome::Apply { effect: EffectId(effect) });
        rig.run(12);
        assert!(!rig.part::<Effects>(id).0.is_empty());
        let place = rig.place(id);
        rig.put(player, place.0 / M + 2, 200);
        let casts = rig.casts(70).len();
        assert_eq!(rig.place(id), place);
        casts
    };
    assert_eq!((held(1), held(2)), (0, 2));
}

#[test]
fn one_that_somebody_made_live_again_stands_up() {
    let mut rig = Rig::new(content(vec![peaceful()]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 110, 200));
    rig.blow(player, id, hit(5_000));
    rig.run(10);
    rig.blow(player, id, Outcome::Revive { health: 500 });
    rig.run(300);
    assert!(rig.mobs().contains(&id));
    assert_ne!(rig.state(id), State::Dead);
}

#[test]
fn who_finds_no_way_home_gives_up_after_thirty_seconds() {
    // A house without a door, and 5 m inside it.
    let wall = |x, y, width, depth| Block { x, y, width, depth, height: None };
    let walls = [
        wall(150.0, 190.0, 20.0, 1.0),
        wall(150.0, 209.0, 20.0, 1.0),
        wall(150.0, 191.0, 1.0, 18.0),
        wall(169.0, 191.0, 1.0, 18.0),
    ];
    let mut rig = Rig::among(&walls, content(vec![wolf(|kind| kind.leash_radius = 20 * M)]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 160, 200));
    rig.run(1);
    rig.part::<Mobile>(id).0.x = 130 * M;
    rig.blow(player, id, hit(10));
    rig.run(10);
    assert_eq!(rig.state(id), State::Return);
    rig.run(1_780);
    assert_eq!(rig.state(id), State::Return);
    rig.run(16);
    assert_eq!(rig.state(id), State::Idle);
}

#[test]
fn who_was_interrupted_casts_nothing_until_it_may() {
    let mut rig = Rig::new(content(vec![wolf(|_| ())]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 102, 200));
    rig.run(10);
    rig.blow(player, id, Outcome::Interrupt { lock_ticks: 200 });
    rig.run(1);
    assert_eq!(rig.casts(195).len(), 0);
    assert_eq!(rig.casts(20).len(), 1);
}

#[test]
fn a_skill_that_helps_is_for_itself_and_only_when_it_is_hurt() {
    let mut content = content(vec![wolf(|kind| kind.skills = vec![HOWL, BITE])]);
    let heal = |skill: &mut Skill| skill.targeting = Targeting::Unit { side: Side::Allies };
    content.skills = Table::new(vec![skill(BITE, |_| ()), skill(HOWL, heal)]).expect("they differ");
    let mut rig = Rig::new(content, 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 102, 200));
    let hale = rig.casts(130);
    assert!(!hale.is_empty() && hale.iter().all(|&(_, _, skill, target)| (skill, target) == (BITE, player)));
    rig.part::<Vitals>(id).health = 700;
    assert!(rig.casts(70).iter().any(|&(_, _, skill, target)| (skill, target) == (HOWL, id)));
}

// --- what they leave
