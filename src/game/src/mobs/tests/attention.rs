//! What a mob does at rest, and what makes it go for somebody.

use super::*;

#[test]
fn an_idle_mob_strolls_within_its_area_and_looks_where_it_goes() {
    let mut content = content(vec![peaceful()]);
    content.places.spawns = vec![area(1, 120, 10, 600)];
    let mut rig = Rig::new(content, 1);
    let id = rig.mobs()[0];
    let (mut strolls, mut was) = (0, State::Idle);
    for _ in 0..6_000 {
        let before = rig.place(id);
        rig.run(1);
        let (here, state) = (rig.place(id), rig.state(id));
        strolls += u32::from(state != was && matches!(state, State::Stroll { .. }));
        was = state;
        assert!(way::is_within(here, (120 * M, 200 * M), 11 * M));
        let Some(Thing::Mob { yaw, .. }) = rig.game.thing(id).copied() else { panic!("it is a mob") };
        if way::distance(before, here) > 1_000 && matches!(state, State::Stroll { .. }) {
            let off = way::bearing(way::between(before, here)).abs_diff(yaw);
            assert!(off.min(4_096 - off) < 1_024, "{off}");
        }
    }
    assert!((4..25).contains(&strolls), "{strolls} in 100 s");
}

#[test]
fn who_is_far_from_everybody_sleeps_and_wakes_as_it_was_at_its_next_thought() {
    let mut rig = Rig::new(content(vec![peaceful()]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 180, 200));
    rig.part::<Vitals>(id).health = 700;
    assert_eq!(rig.until(id, 9, |state| state == State::Asleep).map(|ticks| ticks <= 8), Some(true));
    let before = rig.place(id);
    rig.run(2_000);
    assert_eq!((rig.state(id), rig.place(id)), (State::Asleep, before));
    rig.put(player, 109, 200);
    rig.run(8);
    assert_ne!(rig.state(id), State::Asleep, "71 m are less than 1.2 times 60");
    assert_eq!(rig.health(id), 700);
    rig.put(player, 107, 200);
    assert!(rig.until(id, 1_000, |state| state == State::Asleep).is_some(), "73 m are more");
}

#[test]
fn mobs_that_spare_work_sleep_unless_somebody_is_close_and_wake_again_when_they_need_not() {
    let mut rig = Rig::new(content(vec![peaceful()]), 1);
    let id = rig.mob(WOLF, 140, 200);
    rig.run(60);
    assert_ne!(rig.state(id), State::Asleep, "40 m away somebody watches");
    rig.game.spare_mobs(true);
    rig.run(8);
    assert_eq!(rig.state(id), State::Asleep);
    rig.put(rig.ids[0], 120, 200);
    rig.run(8);
    assert_ne!(rig.state(id), State::Asleep, "20 m away he is seen");
    rig.put(rig.ids[0], 100, 200);
    rig.run(8);
    rig.game.spare_mobs(false);
    rig.run(8);
    assert_ne!(rig.state(id), State::Asleep);
}

#[test]
fn a_mob_goes_for_the_nearest_who_comes_near_and_no_farther_one() {
    let mut rig = Rig::new(content(vec![wolf(|_| ())]), 3);
    let id = rig.mob(WOLF, 120, 200);
    rig.run(60);
    assert!(!is_chase(rig.state(id)), "16 m");
    rig.put(rig.ids[0], 108, 200);
    rig.put(rig.ids[1], 110, 200);
    rig.run(8);
    assert!(is_chase(rig.state(id)));
    assert_eq!(rig.part::<Threat>(id).0.first(), Some(rig.ids[1]));
}

#[test]
fn nobody_is_seen_behind_a_wall_nor_where_nobody_fights_nor_dead() {
    let wall = Block { x: 108.0, y: 190.0, width: 1.0, depth: 20.0, height: None };
    let hidden = |blocks: &[Block], change: fn(&mut Rig)| {
        let mut content = content(vec![wolf(|_| ())]);
        content.places.safe_zones = vec![Circle { x: 112 * M, y: 212 * M, radius: 2 * M }];
        let mut rig = Rig::among(blocks, content, 1);
        let id = rig.mob(WOLF, 112, 200);
        change(&mut rig);
        rig.run(30);
        !is_chase(rig.state(id))
    };
    assert!(hidden(&[wall], |_| ()));
    assert!(hidden(&[], |rig| rig.put(rig.ids[0], 112, 212)));
    assert!(hidden(&[], |rig| rig.blow(rig.ids[0], rig.ids[0], hit(9_999))));
    assert!(!hidden(&[], |_| ()));
}

#[test]
fn who_is_hurt_goes_for_who_did_it_however_far_he_is() {
    let mut rig = Rig::new(content(vec![peaceful()]), 1);
    let (player, id) = (rig.ids[0], rig.mob(WOLF, 185, 200));
    rig.run(20);
    assert_eq!(rig.state(id), State::Asleep);
    rig.blow(player, id, hit(10));
    rig.run(9);
    assert!(is_chase(rig.state(id)));
    rig.run(120);
    assert!(rig.apart(player, id) < 82, "it comes");
}

#[test]
fn those_of_its_kind_near_it_help_and_they_alone() {
    let kinds = vec![
        wolf(|kind| (kind.aggro_radius, kind.help_radius) = (0, 10 * M)),
        wolf(|kind| (kind.id, kind.aggro_radius) = (MobKind(2), 0)),
    ];
    let mut rig = Rig::new(content(kinds), 1);
    let player = rig.ids[0];
    let [hurt, near, nearer_still, far, stranger] =
        [(WOLF, 130), (WOLF, 138), (WOLF, 139), (WOLF, 147), (MobKind(2), 131)].map(|(kind, x)| rig.mob(kind, x, 200));
    rig.run(2);
    rig.blow(player, hurt, hit(10));
    rig.run(10);
    assert!([hurt, near, nearer_still].into_iter().all(|id| is_chase(rig.state(id))));
    assert!([far, stranger].into_iter().all(|id| !is_chase(rig.state(id))), "who helps does not call others");
    assert_eq!(rig.part::<Threat>(near).0.iter().collect::<Vec<_>>(), [(player, 1)]);
}

#[test]
fn a_call_for_help_wakes_who_sleeps() {
    let mut rig = Rig::new(content(vec![wolf(|kind| (kind.aggro_radius, kind.help_radius) = (0, 10 * M))]), 1);
    let (player, hurt, other) = (rig.ids[0], rig.mob(WOLF, 190, 200), rig.mob(WOLF, 195, 200));
    rig.run(20);
    assert_eq!(rig.state(other), State::Asleep);
    rig.blow(player, hurt, hit(10));
    rig.run(10);
    assert!(is_chase(rig.state(other)));
}
