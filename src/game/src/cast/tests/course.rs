//! How casts begin, go on and end.

use super::*;
use crate::order::Answer;
use protocol::CharacterId;

fn slow(cast_ticks: u32) -> impl FnOnce(&mut Skill) {
    move |skill| (skill.cast_ticks, skill.mana, skill.cooldown_ticks) = (cast_ticks, 50, 200)
}

/// Begins a cast of 40 ticks that costs 50 mana, from the first of three at the second.
fn begun() -> (Rig, [NetId; 3]) {
    let mut rig = rig(3, vec![skill(1, slow(40)), skill(2, |_| ())]);
    let ids = [rig.ids[0], rig.ids[1], rig.ids[2]];
    try_cast(&mut rig, ids[0], 1, at(ids[1])).unwrap();
    assert!(rig.part::<Casting>(ids[0]).is_casting());
    (rig, ids)
}

#[test]
fn what_takes_no_time_comes_at_once_and_is_told_by_its_end_alone() {
    let mut rig = rig(2, vec![skill(1, |skill| skill.mana = 30)]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    let told = told(&rig);
    assert!(matches!(told[..], [end, GameEvent::Hurt(_)] if end == ended(a, 1, CastEnd::Done)), "{told:?}");
    assert_eq!((rig.health(b), mana(&mut rig, a)), (900, 470));
    assert!(!rig.part::<Casting>(a).is_casting());
}

#[test]
fn a_cast_comes_through_when_its_time_is_over_and_takes_its_mana_then() {
    let (mut rig, [a, b, _]) = begun();
    assert_eq!(told(&rig), [GameEvent::CastBegan { by: a, skill: SkillId(1), ticks: 40 }]);
    assert_eq!(rig.run(39), []);
    assert_eq!((rig.health(b), mana(&mut rig, a)), (1_000, 500));
    assert_eq!(ends(&rig.run(1)), [(1, 1, CastEnd::Done)]);
    assert_eq!((rig.health(b), mana(&mut rig, a)), (900, 450));
    assert!(!rig.part::<Casting>(a).is_casting());
}

#[test]
fn haste_shortens_casts_and_the_global_cooldown() {
    let mut rig = rig(2, vec![skill(1, |skill| skill.cast_ticks = 40)]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.part::<Sheet>(a).now.set(Stat::Haste, 250);
    rig.part::<Sheet>(a).base.set(Stat::Haste, 250);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    let (first, second) = (30, 45 + 30);
    assert_eq!(ends(&rig.run(100)), [(first - 1, 1, CastEnd::Done), (second - 1, 1, CastEnd::Done)]);
}

#[test]
fn whoever_walks_or_jumps_stops_his_cast_unless_one_may_walk_with_it() {
    for (is_mobile, jumps, end) in
        [(false, false, CastEnd::Stopped), (false, true, CastEnd::Stopped), (true, false, CastEnd::Done)]
    {
        let mut rig = rig(2, vec![skill(1, |skill| (skill.cast_ticks, skill.is_mobile) = (40, is_mobile))]);
        let (a, b) = (rig.ids[0], rig.ids[1]);
        try_cast(&mut rig, a, 1, at(b)).unwrap();
        rig.run(10);
        let buttons = if jumps { protocol::input::button::JUMP } else { 0 };
        rig.game.set_input(a, Input { move_y: if jumps { 0 } else { 60 }, buttons, ..Input::default() });
        let ends = ends(&rig.run(40));
        assert_eq!(ends, [(if is_mobile { 30 } else { 1 }, 1, end)]);
    }
}

#[test]
fn who_crawls_goes_on_casting() {
    let (mut rig, [a, ..]) = begun();
    walk(&mut rig, a, 10);
    assert_eq!(ends(&rig.run(40)), [(40, 1, CastEnd::Done)]);
}

#[test]
fn who_comes_to_a_stop_may_cast_already_but_nothing_comes_through_before_he_has() {
    let mut rig = rig(2, vec![skill(1, |skill| skill.cast_ticks = 40), skill(2, |skill| skill.cast_ticks = 2)]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    for (number, end) in [(1, (40, 1, CastEnd::Done)), (2, (2, 2, CastEnd::Stopped))] {
        walk(&mut rig, a, 127);
        rig.run(60);
        walk(&mut rig, a, 0);
        try_cast(&mut rig, a, number, at(b)).unwrap();
        assert_eq!(ends(&rig.run(40)), [end]);
        put(&mut rig, a, 100, 200);
    }
    walk(&mut rig, a, 127);
    rig.run(60);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    assert_eq!(ends(&rig.run(40)), [(7, 1, CastEnd::Stopped)], "who runs on does not come to a stop");
}

#[test]
fn an_interrupt_a_stun_a_silence_and_death_end_a_cast_and_nothing_is_spent() {
    let outcomes = [
        Outcome::Interrupt { lock_ticks: 5 },
        Outcome::Apply { effect: STUN },
        Outcome::Apply { effect: SILENCE },
        hit(9_000),
    ];
    for outcome in outcomes {
        let (mut rig, [a, b, _]) = begun();
        rig.run(10);
        rig.blow(b, a, outcome);
        assert_eq!(ends(&rig.run(60)), [(2, 1, CastEnd::Interrupted)], "{outcome:?}");
        assert_eq!((rig.health(b), mana(&mut rig, a)), (1_000, 500), "{outcome:?}");
        assert_eq!(rig.game.notices(), [], "{outcome:?}");
    }
}

#[test]
fn a_cast_whose_target_is_gone_dead_too_far_or_out_of_sight_fails_and_nothing_is_spent() {
    let wall = protocol::motion::Block { x: 110.0, y: 190.0, width: 1.0, depth: 20.0, height: None };
    let ways: [fn(&mut Rig, NetId); 4] = [
        |rig, target| rig.game.despawn(target),
        |rig, target| rig.blow(target, target, hit(9_000)),
        |rig, target| put(rig, target, 100, 237),
        |rig, target| put(rig, target, 113, 200),
    ];
    for (number, way) in ways.into_iter().enumerate() {
        let content = content_of(vec![skill(1, slow(40)), skill(2, |_| ())]);
        let mut rig = knowing(Rig::among(&[wall], content, 2));
        let (a, b) = (rig.ids[0], rig.ids[1]);
        try_cast(&mut rig, a, 1, at(b)).unwrap();
        rig.run(20);
        way(&mut rig, b);
        assert_eq!(ends(&rig.run(40)), [(20, 1, CastEnd::Failed)], "way {number}");
        assert_eq!(mana(&mut rig, a), 500, "way {number}");
        assert_eq!(try_cast(&mut rig, a, 1, CastTarget::Nobody), Err(Refusal::WrongTarget), "it is not on cooldown");
    }
}

#[test]
fn a_cast_whose_mana_was_taken_meanwhile_fails() {
    let (mut rig, [a, b, _]) = begun();
    rig.blow(b, a, Outcome::Mana { amount: -451 });
    assert_eq!(ends(&rig.run(60)), [(40, 1, CastEnd::Failed)]);
    assert_eq!((rig.health(b), mana(&mut rig, a)), (1_000, 49));
}

#[test]
fn a_target_may_go_a_fifth_beyond_the_range_while_a_cast_is_under_way() {
    let (mut rig, [a, b, _]) = begun();
    put(&mut rig, b, 100, 236);
    assert_eq!(ends(&rig.run(40)), [(40, 1, CastEnd::Done)]);
    assert_eq!(try_cast(&mut rig, a, 2, at(b)), Err(Refusal::OutOfRange), "but not before it");
}

#[test]
fn who_comes_under_the_id_of_a_target_that_has_gone_is_not_reached() {
    let (mut rig, [_, b, _]) = begun();
    rig.game.despawn(b);
    rig.game.recycle(b);
    let heir = rig.game.spawn_player(CharacterId(90), None).unwrap();
    assert_eq!(heir, b);
    *rig.part(heir) = crate::fight::Team(2);
    put(&mut rig, heir, 102, 200);
    assert_eq!(ends(&rig.run(60)), [(40, 1, CastEnd::Failed)]);
}

#[test]
fn a_channel_does_something_each_time_and_costs_and_cools_down_once() {
    let channel = |skill: &mut Skill| {
        slow(0)(skill);
        skill.channel = Some(Channel { ticks: 50, every_ticks: 20 });
    };
    let mut rig = rig(2, vec![skill(1, channel)]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    assert_eq!(told(&rig), [GameEvent::CastBegan { by: a, skill: SkillId(1), ticks: 50 }]);
    assert_eq!(mana(&mut rig, a), 450);
    let told = rig.run(100);
    let hurts: Vec<_> =
        told.iter().filter(|(_, event)| matches!(event, GameEvent::Hurt(_))).map(|(tick, _)| *tick).collect();
    assert_eq!((hurts, ends(&told)), (vec![20, 40], vec![(50, 1, CastEnd::Done)]));
    assert_eq!((rig.health(b), mana(&mut rig, a)), (800, 450));
}

#[test]
fn a_channel_that_is_stopped_cools_down_from_then_on() {
    let channel = |skill: &mut Skill| {
        slow(0)(skill);
        skill.channel = Some(Channel { ticks: 50, every_ticks: 25 });
    };
    let mut rig = rig(2, vec![skill(1, channel)]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    rig.run(24);
    say(&mut rig, a, Command::Stop).unwrap();
    // What is due in the tick of the order comes first.
    assert_eq!((rig.health(b), mana(&mut rig, a)), (900, 450));
    assert!(told(&rig).contains(&ended(a, 1, CastEnd::Stopped)));
    rig.run(198);
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Err(Refusal::OnCooldown));
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Ok(()));
}

#[test]
fn the_one_that_waits_begins_when_the_other_ends_and_is_looked_at_again_then() {
    let mut rig = rig(2, vec![skill(1, |skill| skill.cast_ticks = 70), skill(2, |skill| skill.mana = 400)]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    try_cast(&mut rig, a, 2, at(b)).unwrap();
    assert_eq!(ends(&rig.run(70)), [(69, 1, CastEnd::Done), (69, 2, CastEnd::Done)]);
    assert_eq!(rig.health(b), 800);
    rig.run(60);
    rig.part::<Vitals>(a).mana = 400;
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    try_cast(&mut rig, a, 2, at(b)).unwrap();
    rig.part::<Vitals>(a).mana = 399;
    assert_eq!(ends(&rig.run(70)), [(69, 1, CastEnd::Done), (69, 2, CastEnd::Failed)]);
}

#[test]
fn stop_ends_the_cast_and_forgets_the_one_that_waits() {
    let (mut rig, [a, b, _]) = begun();
    try_cast(&mut rig, a, 2, at(b)).unwrap();
    say(&mut rig, a, Command::Stop).unwrap();
    assert_eq!(told(&rig), [ended(a, 1, CastEnd::Stopped), ended(a, 2, CastEnd::Stopped)]);
    assert_eq!(rig.run(100), []);
    assert_eq!(say(&mut rig, a, Command::Stop), Ok(()), "nothing to stop is no mistake");
}

#[test]
fn who_does_harm_is_in_a_fight_and_so_is_whom_he_does_it_to() {
    let heal = |skill: &mut Skill| {
        skill.targeting = Targeting::Unit { side: Side::Allies };
        skill.outcomes = vec![Outcome::Heal { amount: 10, power: 0 }];
        skill.is_off_global = true;
    };
    let mut rig = rig(3, vec![skill(1, |_| ()), skill(2, heal)]);
    let [a, b, c] = rig.ids[..] else { unreachable!() };
    try_cast(&mut rig, a, 2, at(c)).unwrap();
    assert!(!rig.part::<Vitals>(a).is_in_combat(Tick(2)));
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    let now = rig.game.now();
    let until = Tick(now.0 + rig.game.content().rules.combat_ticks);
    assert_eq!(rig.part::<Vitals>(a).combat_until, until);
    let fights = |rig: &Rig, id, now| rig.game.bonds().opponents(id, now).collect::<Vec<_>>();
    assert_eq!((fights(&rig, a, until), fights(&rig, b, until)), (vec![b], vec![a]));
    assert_eq!((fights(&rig, a, until.next()), fights(&rig, c, now)), (vec![], vec![]));
}

#[test]
fn each_order_has_one_answer_in_the_order_in_which_they_were_given() {
    let mut rig = rig(2, vec![skill(1, |skill| skill.cast_ticks = 20)]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    let cast = Command::Cast(cast(&rig, 1, at(b)));
    for (by, number, command) in [(b, 1, cast), (a, 5, cast), (a, 6, Command::Stop), (a, 7, cast), (a, 8, cast)] {
        assert!(rig.game.order(by, number, command));
    }
    rig.game.tick();
    let answer = |to, number, result| Answer { to, number, result };
    let expected = [
        answer(b, 1, Err(Refusal::WrongSide)),
        answer(a, 5, Ok(())),
        answer(a, 6, Ok(())),
        // The global cooldown has begun with the one that was stopped.
        answer(a, 7, Err(Refusal::OnCooldown)),
        answer(a, 8, Err(Refusal::OnCooldown)),
    ];
    assert_eq!(rig.game.answers(), expected);
    rig.game.tick();
    assert_eq!(rig.game.answers(), []);
}
