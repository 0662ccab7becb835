//! Whom each sort of skill reaches.

use super::*;
use crate::cast::TARGETS_MAX;
use crate::fight::Team;
use protocol::motion::Block;

const NORTH: u16 = 1 << 14;

fn aimed(targeting: Targeting) -> impl FnOnce(&mut Skill) {
    move |skill| (skill.targeting, skill.is_off_global) = (targeting, true)
}

#[test]
fn what_is_for_oneself_reaches_nobody_else() {
    let heal = |skill: &mut Skill| {
        skill.targeting = Targeting::Own;
        skill.outcomes = vec![Outcome::Heal { amount: 30, power: 0 }];
    };
    let mut rig = rig(3, vec![skill(1, heal)]);
    let (a, c) = (rig.ids[0], rig.ids[2]);
    rig.part::<Vitals>(a).health = 500;
    rig.part::<Vitals>(c).health = 500;
    try_cast(&mut rig, a, 1, at(a)).unwrap();
    assert_eq!((rig.health(a), rig.health(c)), (530, 500));
}

#[test]
fn each_rank_beyond_the_first_adds_a_tenth() {
    let mut rig = rig(2, vec![skill(1, |_| ())]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.part::<Growth>(a).learnt[0].1 = 4;
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    assert_eq!(hurts(&rig), [(1, 130)]);
}

#[test]
fn a_circle_on_the_ground_reaches_all_of_its_side_up_to_its_edge() {
    let around = |side| aimed(Targeting::Ground { radius: 4 * M, side });
    let skills =
        vec![skill(1, around(Side::Enemies)), skill(2, around(Side::Allies)), skill(3, around(Side::Everyone))];
    let mut rig = rig(6, skills);
    let a = rig.ids[0];
    // The middle is where number 3 stands, at 106 m; numbers 1 and 5 stand on the edge.
    for (number, reached) in [(1, vec![1, 3, 5]), (2, vec![2, 4]), (3, vec![1, 2, 3, 4, 5])] {
        try_cast(&mut rig, a, number, place(106, 200)).unwrap();
        assert_eq!(hurts(&rig).iter().map(|(id, _)| *id).collect::<Vec<_>>(), reached, "{number}");
    }
    rig.part::<crate::movement::Mobile>(NetId(5)).0.x += 1;
    try_cast(&mut rig, a, 1, place(106, 200)).unwrap();
    assert_eq!(hurts(&rig), [(1, 100), (3, 100)], "one subunit beyond");
}

#[test]
fn the_dead_are_not_reached_in_a_circle_but_by_what_wakes_them() {
    let side = Side::Allies;
    let wake = |skill: &mut Skill| {
        aimed(Targeting::Ground { radius: 9 * M, side })(skill);
        skill.outcomes = vec![Outcome::Revive { health: 100 }];
    };
    let mut rig = rig(3, vec![skill(1, aimed(Targeting::Ground { radius: 9 * M, side })), skill(2, wake)]);
    let (a, b, c) = (rig.ids[0], rig.ids[1], rig.ids[2]);
    rig.blow(b, c, hit(9_000));
    rig.run(1);
    try_cast(&mut rig, a, 1, place(104, 200)).unwrap();
    assert_eq!(hurts(&rig), [(0, 100)]);
    try_cast(&mut rig, a, 2, place(104, 200)).unwrap();
    assert_eq!((rig.health(a), rig.health(c)), (900, 100));
}

#[test]
fn of_more_than_sixty_four_the_nearest_are_reached() {
    let mut rig = rig(100, vec![skill(1, aimed(Targeting::Ground { radius: 120 * M, side: Side::Everyone }))]);
    for id in rig.ids.clone() {
        put(&mut rig, id, 110 + i32::from(id.0) % 2, 200);
    }
    let a = rig.ids[0];
    try_cast(&mut rig, a, 1, place(110, 200)).unwrap();
    let reached: Vec<u16> = hurts(&rig).iter().map(|(id, _)| *id).collect();
    assert_eq!(reached.len(), TARGETS_MAX);
    let (even, odd): (Vec<u16>, Vec<u16>) = reached.iter().partition(|id| **id % 2 == 0);
    assert_eq!((even.len(), odd), (50, (0..14).map(|nth| 2 * nth + 1).collect()), "then the lowest ids");
}

#[test]
fn a_cone_reaches_those_before_who_casts_it_as_far_as_it_is_long() {
    let mut rig = rig(
        4,
        vec![skill(1, |skill| {
            aimed(Targeting::Cone { angle: 1_024, side: Side::Enemies })(skill);
            skill.range = 5 * M;
        })],
    );
    let [a, b, c, d] = rig.ids[..] else { unreachable!() };
    for id in [c, d] {
        *rig.part(id) = Team(2);
    }
    put(&mut rig, b, 103, 202);
    put(&mut rig, c, 102, 203);
    put(&mut rig, d, 106, 200);
    rig.run(1);
    try_cast(&mut rig, a, 1, CastTarget::Nobody).unwrap();
    assert_eq!(hurts(&rig), [(1, 100)], "the next is beside it, the last too far");
    let north = Cast { yaw: NORTH, ..cast(&rig, 1, CastTarget::Nobody) };
    say(&mut rig, a, Command::Cast(north)).unwrap();
    assert_eq!(hurts(&rig), [(2, 100)]);
}

#[test]
fn a_cone_does_not_go_through_walls() {
    let cone = aimed(Targeting::Cone { angle: 1_024, side: Side::Enemies });
    let wall = Block { x: 100.7, y: 199.0, width: 0.2, depth: 2.0, height: None };
    let mut rig = knowing(Rig::among(&[wall], content_of(vec![skill(1, cone)]), 2));
    let a = rig.ids[0];
    try_cast(&mut rig, a, 1, CastTarget::Nobody).unwrap();
    assert_eq!(hurts(&rig), []);
}

/// Two skills that go where one looks: whoever runs past is hit where he was seen, and not where he is.
#[test]
fn a_cone_and_a_ray_reach_others_where_they_were_seen() {
    let narrow = Targeting::Cone { angle: 60, side: Side::Enemies };
    for targeting in [narrow, Targeting::Ray] {
        let mut rig = rig(2, vec![skill(1, aimed(targeting))]);
        let (a, b) = (rig.ids[0], rig.ids[1]);
        put(&mut rig, b, 110, 200);
        rig.run(1);
        let seen = now(&rig);
        rig.game.set_input(b, Input { move_y: 127, ..Input::default() });
        rig.run(15);
        let late = Cast { view: seen, ..cast(&rig, 1, CastTarget::Nobody) };
        say(&mut rig, a, Command::Cast(late)).unwrap();
        assert_eq!(hurts(&rig), [(1, 100)], "{targeting:?}");
        try_cast(&mut rig, a, 1, CastTarget::Nobody).unwrap();
        assert_eq!(hurts(&rig), [], "{targeting:?}: he has gone from there");
    }
}

/// Whoever sees the world late when he begins sees it as late when his cast ends.
#[test]
fn a_cast_that_takes_time_reaches_others_where_they_are_seen_at_its_end() {
    let slow_ray = |skill: &mut Skill| (skill.targeting, skill.cast_ticks) = (Targeting::Ray, 30);
    for (late_ticks, is_hit) in [(10, true), (0, false)] {
        let mut rig = rig(2, vec![skill(1, slow_ray)]);
        let (a, b) = (rig.ids[0], rig.ids[1]);
        put(&mut rig, b, 110, 200);
        rig.run(20);
        let view = ViewTick { tick: Tick(rig.game.now().0 - late_ticks), fraction: 0 };
        let late = Cast { view, ..cast(&rig, 1, CastTarget::Nobody) };
        say(&mut rig, a, Command::Cast(late)).unwrap();
        rig.run(20);
        rig.game.set_input(b, Input { move_y: 127, ..Input::default() });
        rig.run(10);
        assert_eq!(hurts(&rig), if is_hit { vec![(1, 100)] } else { vec![] });
    }
}

#[test]
fn a_chain_goes_to_the_nearest_that_was_not_reached_and_grows_weaker() {
    let chain = |jumps, reach| aimed(Targeting::Chain { jumps, reach, falloff: 500, side: Side::Enemies });
    let mut rig = rig(12, vec![skill(1, chain(2, 4 * M)), skill(2, chain(9, 4 * M)), skill(3, chain(9, 3 * M))]);
    let a = rig.ids[0];
    // Enemies have odd numbers and stand 4 m apart; 5 has 3 and 7 as near, and the lower id is the first.
    try_cast(&mut rig, a, 1, at(NetId(5))).unwrap();
    assert_eq!(hurts(&rig), [(1, 25), (3, 50), (5, 100)]);
    try_cast(&mut rig, a, 2, at(NetId(5))).unwrap();
    assert_eq!(hurts(&rig), [(1, 25), (3, 50), (5, 100)], "the rest is out of reach of the last");
    try_cast(&mut rig, a, 3, at(NetId(5))).unwrap();
    assert_eq!(hurts(&rig), [(5, 100)], "nobody is near enough");
}

#[test]
fn a_ray_meets_the_first_enemy_and_no_friend_and_ends_at_a_block() {
    let ray = |skill: &mut Skill| aimed(Targeting::Ray)(skill);
    let mut rig = rig(4, vec![skill(1, ray)]);
    let [a, b, c, d] = rig.ids[..] else { unreachable!() };
    *rig.part(b) = Team(1);
    *rig.part(c) = Team(2);
    try_cast(&mut rig, a, 1, CastTarget::Nobody).unwrap();
    assert_eq!(hurts(&rig), [(2, 100)]);
    rig.blow(a, c, hit(9_000));
    rig.run(1);
    try_cast(&mut rig, a, 1, CastTarget::Nobody).unwrap();
    assert_eq!(hurts(&rig), [(3, 100)], "the dead are no cover");
    put(&mut rig, d, 131, 200);
    rig.run(1);
    try_cast(&mut rig, a, 1, CastTarget::Nobody).unwrap();
    assert_eq!(hurts(&rig), [], "too far");
    let wall = Block { x: 100.7, y: 199.0, width: 0.2, depth: 2.0, height: None };
    let mut rig = knowing(Rig::among(&[wall], content_of(vec![skill(1, ray)]), 2));
    let a = rig.ids[0];
    try_cast(&mut rig, a, 1, CastTarget::Nobody).unwrap();
    assert_eq!(hurts(&rig), []);
}

#[test]
fn a_shot_wounds_whom_one_may_fight() {
    let mut content = content_of(vec![]);
    content.places.safe_zones.push(crate::content::Circle { x: 106 * M, y: 200 * M, radius: M });
    let mut rig = Rig::new(content, 4);
    let [a, b, c, d] = rig.ids[..] else { unreachable!() };
    assert!(!rig.game.wound_by_shot(a, c) && !rig.game.wound_by_shot(a, a), "no friends");
    assert!(!rig.game.wound_by_shot(a, d) && !rig.game.wound_by_shot(d, a), "nobody fights there");
    assert!(!rig.game.wound_by_shot(a, NetId(77)));
    rig.part::<Sheet>(a).now.set(Stat::Attack, 40);
    assert!(rig.game.wound_by_shot(a, b));
    rig.game.tick();
    assert_eq!(hurts(&rig), [(1, 10 + 20)]);
    let now = rig.game.now();
    assert!(rig.part::<Vitals>(a).is_in_combat(now));
    rig.part::<Vitals>(b).died = Some(Tick(1));
    assert!(!rig.game.wound_by_shot(a, b) && !rig.game.wound_by_shot(b, a), "the dead neither");
}
