//! What flies, whom it meets, and where it ends.

use super::*;
use crate::cast::Missile;
use crate::fight::Team;
use crate::thing::{THING_SPEED_MAX, Thing};
use protocol::motion::Block;

/// 30 m/s, in subunits per tick.
const SPEED: i32 = M / 2;

fn sent(speed: i32, splash: i32) -> impl FnOnce(&mut Skill) {
    move |skill| (skill.targeting, skill.is_off_global) = (Targeting::Missile { speed, splash }, true)
}

fn missiles(rig: &Rig) -> Vec<NetId> {
    let is_missile = |id: &NetId| matches!(rig.game.thing(*id), Some(Thing::Projectile { .. }));
    rig.game.roster().live().iter().copied().filter(is_missile).collect()
}

/// Ticks until somebody is hurt, and who; at most 300.
fn first_hurt(rig: &mut Rig) -> Option<(u32, Vec<(u16, u32)>)> {
    (1..=300).find_map(|tick| {
        rig.game.tick();
        Some((tick, hurts(rig))).filter(|(_, hurts)| !hurts.is_empty())
    })
}

#[test]
fn a_missile_flies_to_its_target_hurts_it_and_is_gone() {
    let mut rig = rig(2, vec![skill(1, sent(SPEED, 0))]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    put(&mut rig, b, 112, 216);
    rig.run(1);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    assert_eq!(told(&rig), [ended(a, 1, CastEnd::Done)], "nobody is hurt yet");
    let [id] = missiles(&rig)[..] else { panic!("one missile") };
    // 20 m less a body at half a metre a tick.
    assert_eq!(first_hurt(&mut rig), Some((40, vec![(1, 100)])));
    assert_eq!((rig.game.ended(), missiles(&rig)), (&[id][..], vec![]));
    assert_eq!(first_hurt(&mut rig), None, "once");
}

#[test]
fn a_missile_meets_the_first_enemy_in_its_way_and_passes_friends_and_the_dead() {
    let mut rig = rig(6, vec![skill(1, sent(SPEED, 0))]);
    let ids = rig.ids.clone();
    rig.blow(ids[0], ids[1], hit(9_000));
    rig.run(1);
    try_cast(&mut rig, ids[0], 1, at(ids[5])).unwrap();
    assert_eq!(first_hurt(&mut rig).map(|(_, hurts)| hurts), Some(vec![(3, 100)]));
}

#[test]
fn without_a_target_it_flies_where_one_looks_as_far_as_its_range() {
    let mut rig = rig(
        2,
        vec![skill(1, |skill| {
            sent(SPEED, 0)(skill);
            skill.range = 9 * M;
        })],
    );
    let (a, b) = (rig.ids[0], rig.ids[1]);
    for (x, is_hit) in [(109, true), (110, false)] {
        put(&mut rig, b, x, 200);
        rig.run(1);
        try_cast(&mut rig, a, 1, CastTarget::Nobody).unwrap();
        assert_eq!(first_hurt(&mut rig).is_some(), is_hit, "at {x} m");
        assert_eq!(missiles(&rig), []);
    }
}

#[test]
fn it_reaches_whom_it_may_be_cast_at_and_who_took_a_step_back_meanwhile() {
    for (x_m, cast_ticks) in [(130, 0), (135, 30)] {
        let mut rig = rig(
            2,
            vec![skill(1, |skill| {
                sent(SPEED, 0)(skill);
                skill.cast_ticks = cast_ticks;
            })],
        );
        let (a, b) = (rig.ids[0], rig.ids[1]);
        put(&mut rig, b, 130, 200);
        rig.run(1);
        try_cast(&mut rig, a, 1, at(b)).unwrap();
        put(&mut rig, b, x_m, 200);
        assert!(first_hurt(&mut rig).is_some(), "at {x_m} m");
    }
}

#[test]
fn a_block_ends_it() {
    let wall = Block { x: 106.0, y: 199.0, width: 0.2, depth: 2.0, height: None };
    let mut rig = knowing(Rig::among(&[wall], content_of(vec![skill(1, sent(SPEED, 0))]), 2));
    let (a, b) = (rig.ids[0], rig.ids[1]);
    put(&mut rig, b, 108, 200);
    rig.run(1);
    try_cast(&mut rig, a, 1, CastTarget::Nobody).unwrap();
    assert_eq!((first_hurt(&mut rig), missiles(&rig)), (None, vec![]));
}

#[test]
fn nothing_is_too_fast_to_hit() {
    for speed in [THING_SPEED_MAX, THING_SPEED_MAX / 3, i32::MAX] {
        for x in [101, 109, 113, 127] {
            let mut rig = rig(2, vec![skill(1, sent(speed, 0))]);
            let (a, b) = (rig.ids[0], rig.ids[1]);
            put(&mut rig, b, x, 200);
            rig.run(1);
            try_cast(&mut rig, a, 1, CastTarget::Nobody).unwrap();
            assert!(first_hurt(&mut rig).is_some(), "{speed} at {x} m");
        }
    }
}

#[test]
fn it_bursts_where_it_ends_and_reaches_each_enemy_near_once() {
    let mut rig = rig(6, vec![skill(1, sent(SPEED, 3 * M))]);
    let ids = rig.ids.clone();
    for (id, (x, y)) in ids.iter().zip([(100, 200), (110, 200), (111, 200), (111, 202), (112, 201), (110, 204)]) {
        put(&mut rig, *id, x, y);
    }
    *rig.part(ids[4]) = Team(2);
    rig.run(1);
    try_cast(&mut rig, ids[0], 1, at(ids[1])).unwrap();
    // 2 is a friend, 5 is 4 m off.
    assert_eq!(first_hurt(&mut rig).map(|(_, hurts)| hurts), Some(vec![(1, 100), (3, 100), (4, 100)]));
}

#[test]
fn it_bursts_at_a_block_too() {
    let wall = Block { x: 106.0, y: 199.0, width: 0.2, depth: 2.0, height: None };
    let content = content_of(vec![skill(1, sent(SPEED, 3 * M))]);
    let mut rig = knowing(Rig::among(&[wall], content, 2));
    let (a, b) = (rig.ids[0], rig.ids[1]);
    put(&mut rig, b, 105, 202);
    rig.run(1);
    try_cast(&mut rig, a, 1, CastTarget::Nobody).unwrap();
    assert_eq!(first_hurt(&mut rig).map(|(_, hurts)| hurts), Some(vec![(1, 100)]));
}

/// Somebody runs across the line 8 m ahead; the missile needs 16 ticks to there.
#[test]
fn a_missile_is_sent_from_what_its_sender_saw() {
    let run = |late_ticks: u32, aim_at_crossing: bool| {
        let mut rig = rig(2, vec![skill(1, sent(SPEED, 0))]);
        let (a, b) = (rig.ids[0], rig.ids[1]);
        put(&mut rig, b, 108, 198);
        rig.run(1);
        rig.game.set_input(b, Input { move_y: 127, ..Input::default() });
        // From 198 m to 200 m takes 23 ticks, and he is in the way for 8 more.
        rig.run(9);
        let seen = now(&rig);
        rig.run(late_ticks);
        let at = if aim_at_crossing { CastTarget::Nobody } else { at(b) };
        let late = Cast { view: seen, ..cast(&rig, 1, at) };
        say(&mut rig, a, Command::Cast(late)).unwrap();
        !hurts(&rig).is_empty() || first_hurt(&mut rig).is_some()
    };
    for late_ticks in 0..=15 {
        assert!(run(late_ticks, true), "{late_ticks} ticks late: it was well aimed");
        assert!(!run(late_ticks, false), "{late_ticks} ticks late: where he was he is not any more");
    }
}

#[test]
fn what_meets_somebody_before_the_present_never_is_in_the_world() {
    let mut rig = rig(2, vec![skill(1, sent(SPEED, 0))]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.run(20);
    let view = ViewTick { tick: Tick(rig.game.now().0 - 10), fraction: 77 };
    let late = Cast { view, ..cast(&rig, 1, at(b)) };
    say(&mut rig, a, Command::Cast(late)).unwrap();
    assert_eq!((hurts(&rig), missiles(&rig)), (vec![(1, 100)], vec![]));
}

#[test]
fn missiles_get_their_ids_in_the_order_of_those_who_sent_them() {
    let mut rig = rig(3, vec![skill(1, sent(SPEED, 0))]);
    let [a, b, c] = rig.ids[..] else { unreachable!() };
    for (by, on) in [(c, b), (a, b), (b, c)] {
        let cast = cast(&rig, 1, at(on));
        rig.game.order(by, 1, Command::Cast(cast));
    }
    rig.game.tick();
    let ids = missiles(&rig);
    assert_eq!(ids.iter().map(|&id| rig.part::<Missile>(id).by).collect::<Vec<_>>(), [Some(a), Some(b), Some(c)]);
}

#[test]
fn it_does_what_its_sender_could_even_if_he_has_gone() {
    let mut rig = rig(2, vec![skill(1, sent(SPEED, 0))]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    put(&mut rig, b, 112, 200);
    rig.run(1);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    rig.game.despawn(a);
    rig.run(1);
    let id = missiles(&rig)[0];
    assert_eq!(rig.part::<Missile>(id).by, None);
    assert_eq!(first_hurt(&mut rig).map(|(_, hurts)| hurts), Some(vec![(1, 100)]));
}

#[test]
fn a_projectile_that_is_no_missile_hurts_nobody() {
    let mut rig = rig(2, vec![]);
    let body = protocol::motion::Body { x: 100 * M, y: 200 * M, z: M, vx: SPEED, ..Default::default() };
    rig.game.spawn_thing(body, Thing::Projectile { yaw: 0, pitch: 0, ticks_left: 60 }).unwrap();
    assert_eq!((first_hurt(&mut rig), missiles(&rig)), (None, vec![]));
}
