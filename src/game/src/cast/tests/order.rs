//! What comes first of what happens in one tick.

use super::*;

const INTERRUPT: Outcome = Outcome::Interrupt { lock_ticks: 30 };

#[test]
fn a_cast_that_ends_in_a_tick_is_over_when_the_next_is_asked_for() {
    let mut rig = rig(2, vec![skill(1, |skill| (skill.cast_ticks, skill.cooldown_ticks) = (70, 5)), skill(2, |_| ())]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    rig.run(69);
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Err(Refusal::OnCooldown), "the cooldown has begun already");
    assert!(told(&rig).contains(&ended(a, 1, CastEnd::Done)));
    rig.run(10);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    rig.run(69);
    try_cast(&mut rig, a, 2, at(b)).unwrap();
    assert_eq!(hurts(&rig), [(1, 100), (1, 100)], "both in one tick");
}

#[test]
fn an_interrupt_in_the_tick_in_which_a_cast_ends_is_too_late() {
    for (ticks, end) in [(39, CastEnd::Done), (38, CastEnd::Interrupted)] {
        let mut rig = rig(2, vec![skill(1, |skill| skill.cast_ticks = 40)]);
        let (a, b) = (rig.ids[0], rig.ids[1]);
        try_cast(&mut rig, a, 1, at(b)).unwrap();
        rig.run(ticks);
        rig.blow(b, a, INTERRUPT);
        let all: Vec<_> = ends(&rig.run(5)).into_iter().map(|(_, _, end)| end).collect();
        assert_eq!(all, [end]);
    }
}

#[test]
fn an_interrupt_ends_in_the_next_tick_what_was_begun_in_the_same_one() {
    let mut rig = rig(2, vec![skill(1, |skill| skill.cast_ticks = 40)]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.blow(b, a, INTERRUPT);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    assert_eq!(ends(&rig.run(5)), [(1, 1, CastEnd::Interrupted)]);
}

#[test]
fn two_who_interrupt_each_other_in_one_tick_both_do() {
    let stop = |skill: &mut Skill| (skill.outcomes, skill.is_off_global) = (vec![INTERRUPT], true);
    let mut rig = rig(2, vec![skill(1, |skill| skill.cast_ticks = 40), skill(2, stop)]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    let orders = |rig: &mut Rig, number| {
        for (by, on) in [(b, a), (a, b)] {
            let cast = cast(rig, number, at(on));
            rig.game.order(by, 1, Command::Cast(cast));
        }
        rig.game.tick();
    };
    orders(&mut rig, 2);
    assert_eq!(told(&rig), [ended(b, 2, CastEnd::Done), ended(a, 2, CastEnd::Done)], "as they were given");
    let now = rig.game.now();
    assert!([a, b].iter().all(|&id| rig.part::<Casting>(id).locked_until > now));
}

#[test]
fn mobs_come_after_players_and_by_their_ids() {
    let mut rig = rig(3, vec![skill(1, |_| ())]);
    let [a, b, c] = rig.ids[..] else { unreachable!() };
    let mut requests = rig.game.world.resource_mut::<crate::cast::Requests>();
    requests.ask(c, SkillId(1), b);
    requests.ask(a, SkillId(1), b);
    let cast = cast(&rig, 1, at(c));
    rig.game.order(b, 1, Command::Cast(cast));
    rig.game.tick();
    let done = |id| ended(id, 1, CastEnd::Done);
    let told = told(&rig);
    assert_eq!(told[..3], [done(b), done(a), done(c)]);
}
