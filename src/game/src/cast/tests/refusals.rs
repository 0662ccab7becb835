//! Each reason for which a cast is refused.

use super::*;
use crate::cast::{Arts, Requests};
use crate::content::{Circle, MobType, Stats};
use crate::history::{CLAMP_TICKS, REWIND_TICKS_MAX};
use crate::thing::Thing;
use protocol::motion::{BODY_RADIUS, Block, Body};
use protocol::{MobKind, Refusal};

fn apply(effect: EffectId) -> Outcome {
    Outcome::Apply { effect }
}

#[test]
fn the_dead_and_the_stunned_cast_nothing() {
    let mut rig = rig(2, vec![skill(1, |_| ())]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.blow(b, a, apply(STUN));
    rig.run(1);
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Err(Refusal::Stunned));
    rig.run(30);
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Ok(()));
    rig.blow(b, a, hit(5_000));
    rig.run(1);
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Err(Refusal::Dead));
    assert_eq!(rig.health(b), 900);
}

#[test]
fn the_silenced_cast_what_costs_no_mana() {
    let mut rig = rig(2, vec![skill(1, |_| ()), skill(2, |skill| skill.mana = 1)]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.blow(b, a, apply(SILENCE));
    rig.run(1);
    assert_eq!(try_cast(&mut rig, a, 2, at(b)), Err(Refusal::Silenced));
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Ok(()));
}

#[test]
fn who_was_interrupted_casts_nothing_for_as_long_as_he_is_locked() {
    let mut rig = rig(2, vec![skill(1, |_| ())]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.blow(b, a, Outcome::Interrupt { lock_ticks: 20 });
    rig.run(1);
    for _ in 1..20 {
        assert_eq!(try_cast(&mut rig, a, 1, at(b)), Err(Refusal::OnCooldown));
    }
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Ok(()));
}

#[test]
fn a_skill_must_exist_and_be_learnt() {
    let mut rig = rig(2, vec![skill(1, |_| ())]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    assert_eq!(try_cast(&mut rig, a, 9, at(b)), Err(Refusal::UnknownSkill));
    rig.part::<Growth>(a).learnt.clear();
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Err(Refusal::NotLearnt));
}

#[test]
fn what_is_no_fighter_has_learnt_nothing_and_is_no_target() {
    let mut rig = rig(1, vec![skill(1, |_| ())]);
    let body = Body { x: 101 * M, y: 200 * M, ..Body::default() };
    let item = rig.game.spawn_thing(body, Thing::Item { yaw: 0, form: 0 }).unwrap();
    let a = rig.ids[0];
    assert_eq!(try_cast(&mut rig, item, 1, at(a)), Err(Refusal::NotLearnt));
    assert_eq!(try_cast(&mut rig, a, 1, at(item)), Err(Refusal::UnknownTarget));
    assert_eq!(try_cast(&mut rig, a, 1, at(NetId(900))), Err(Refusal::UnknownTarget));
}

#[test]
fn a_mob_casts_what_its_kind_can_and_nothing_else() {
    let kind = MobType {
        id: MobKind(4),
        name: "wolf".into(),
        level: 1,
        stats: Stats::default(),
        stroll_percent: 50,
        aggro_radius: 0,
        leash_radius: 0,
        help_radius: 0,
        flee_below: 0,
        skills: vec![SkillId(1)],
        experience: 0,
        coins: (0, 0),
        loot: vec![],
        is_boss: false,
    };
    let content = content_of(vec![skill(1, |_| ()), skill(2, |_| ())]);
    let mut rig = Rig::new(Content { mobs: Table::new(vec![kind]).unwrap(), ..content }, 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    let entity = rig.game.entity(a).unwrap();
    rig.game.world.entity_mut(entity).remove::<Growth>().insert(Arts(MobKind(4)));
    for (number, hurt) in [(2, vec![]), (1, vec![(1, 100)])] {
        rig.game.world.resource_mut::<Requests>().ask(a, SkillId(number), b);
        rig.game.tick();
        assert_eq!(hurts(&rig), hurt);
        assert_eq!(rig.game.answers(), []);
    }
}

#[test]
fn a_skill_is_cast_again_when_its_cooldown_is_over_counted_from_its_end() {
    let slow = |skill: &mut Skill| (skill.cast_ticks, skill.cooldown_ticks, skill.is_off_global) = (10, 50, true);
    let mut rig = rig(2, vec![skill(1, slow)]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    assert_eq!(ends(&rig.run(10)), [(10, 1, CastEnd::Done)]);
    let news = protocol::News::Cooldown { skill: SkillId(1), ticks: 50 };
    assert_eq!(rig.game.notices(), [(a, news)]);
    for _ in 1..50 {
        assert_eq!(try_cast(&mut rig, a, 1, at(b)), Err(Refusal::OnCooldown));
    }
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Ok(()));
}

#[test]
fn a_cast_begins_the_global_cooldown_and_the_next_may_wait_for_its_last_half_second() {
    let mut rig = rig(2, vec![skill(1, |_| ()), skill(2, |skill| skill.is_off_global = true)]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    for _ in 1..30 {
        assert_eq!(try_cast(&mut rig, a, 1, at(b)), Err(Refusal::OnCooldown));
    }
    assert_eq!(rig.health(b), 900);
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Ok(()), "accepted");
    assert_eq!(rig.health(b), 900, "and it waits");
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Err(Refusal::Busy));
    assert_eq!(try_cast(&mut rig, a, 2, at(b)), Ok(()), "that one waits for nothing");
    assert_eq!(rig.health(b), 800);
    assert_eq!(ends(&rig.run(28)), [(28, 1, CastEnd::Done)], "60 ticks after the first");
}

#[test]
fn a_second_one_that_would_wait_is_refused() {
    let mut rig = rig(2, vec![skill(1, |skill| skill.cast_ticks = 90)]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    let answers = [(); 4].map(|()| try_cast(&mut rig, a, 1, at(b)));
    assert_eq!(answers, [Ok(()), Ok(()), Err(Refusal::Busy), Err(Refusal::Busy)]);
}

#[test]
fn mana_must_be_there() {
    let mut rig = rig(2, vec![skill(1, |skill| (skill.mana, skill.is_off_global) = (300, true))]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Ok(()));
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Err(Refusal::NoMana));
    assert_eq!(mana(&mut rig, a), 200);
}

#[test]
fn each_targeting_takes_its_own_sort_of_target() {
    let side = Side::Allies;
    let sorts = [
        (Targeting::Own, [true, false, false]),
        (Targeting::Unit { side: Side::Enemies }, [false, true, false]),
        (Targeting::Unit { side }, [true, false, false]),
        (Targeting::Ground { radius: M, side }, [false, false, true]),
        (Targeting::Cone { angle: 900, side }, [true, false, false]),
        (Targeting::Chain { jumps: 1, reach: M, falloff: 500, side: Side::Enemies }, [false, true, false]),
        (Targeting::Ray, [true, false, false]),
        (Targeting::Missile { speed: M, splash: 0 }, [true, true, false]),
    ];
    for (targeting, takes) in sorts {
        let free = |skill: &mut Skill| (skill.targeting, skill.is_off_global) = (targeting, true);
        let mut rig = rig(2, vec![skill(1, free)]);
        let (a, b) = (rig.ids[0], rig.ids[1]);
        for (target, takes) in [CastTarget::Nobody, at(b), place(101, 201)].into_iter().zip(takes) {
            // An enemy is the wrong one for what allies are for, not of the wrong sort.
            let is_side = targeting == (Targeting::Unit { side }) && target == at(b);
            let refusal = if is_side { Refusal::WrongSide } else { Refusal::WrongTarget };
            let answer = try_cast(&mut rig, a, 1, target);
            assert_eq!(answer, if takes { Ok(()) } else { Err(refusal) }, "{targeting:?} {target:?}");
        }
    }
}

#[test]
fn a_skill_is_for_one_side_and_for_the_living_or_the_dead() {
    let revive = |skill: &mut Skill| {
        skill.targeting = Targeting::Unit { side: Side::Allies };
        skill.outcomes = vec![Outcome::Revive { health: 500 }];
        skill.is_off_global = true;
    };
    let mut rig = rig(3, vec![skill(1, |skill| skill.is_off_global = true), skill(2, revive)]);
    let [a, b, c] = rig.ids[..] else { unreachable!() };
    assert_eq!(try_cast(&mut rig, a, 1, at(c)), Err(Refusal::WrongSide));
    assert_eq!(try_cast(&mut rig, a, 1, at(a)), Err(Refusal::WrongSide));
    assert_eq!(try_cast(&mut rig, a, 2, at(b)), Err(Refusal::WrongSide));
    assert_eq!(try_cast(&mut rig, a, 2, at(c)), Err(Refusal::WrongLife));
    rig.blow(a, b, hit(5_000));
    rig.blow(b, c, hit(5_000));
    rig.run(1);
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Err(Refusal::WrongLife));
    assert_eq!(try_cast(&mut rig, a, 2, at(c)), Ok(()));
    assert_eq!(rig.health(c), 500);
}

#[test]
fn range_is_from_body_to_body() {
    let mut rig = rig(2, vec![skill(1, |skill| (skill.range, skill.is_off_global) = (5 * M, true))]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    let reach = 5 * M + 2 * BODY_RADIUS;
    for (distance, answer) in [(reach, Ok(())), (reach + 1, Err(Refusal::OutOfRange))] {
        rig.part::<crate::movement::Mobile>(b).0.x = 100 * M + distance;
        assert_eq!(try_cast(&mut rig, a, 1, at(b)), answer);
    }
    let ground = |skill: &mut Skill| skill.targeting = Targeting::Ground { radius: M, side: Side::Enemies };
    let mut rig = super::rig(1, vec![skill(1, ground)]);
    let a = rig.ids[0];
    assert_eq!(try_cast(&mut rig, a, 1, place(131, 200)), Err(Refusal::OutOfRange));
    let far = CastTarget::Place { x_units: i32::MAX, y_units: i32::MIN };
    assert_eq!(try_cast(&mut rig, a, 1, far), Err(Refusal::OutOfRange), "whatever comes from the wire");
    assert_eq!(try_cast(&mut rig, a, 1, place(130, 200)), Ok(()));
}

#[test]
fn a_block_between_the_eyes_is_in_the_way() {
    let ground = |skill: &mut Skill| skill.targeting = Targeting::Ground { radius: M, side: Side::Enemies };
    let wall = Block { x: 100.7, y: 199.0, width: 0.2, depth: 2.0, height: None };
    let mut rig = knowing(Rig::among(&[wall], content_of(vec![skill(1, |_| ()), skill(2, ground)]), 2));
    let (a, b) = (rig.ids[0], rig.ids[1]);
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Err(Refusal::NoLineOfSight));
    assert_eq!(try_cast(&mut rig, a, 2, place(102, 200)), Err(Refusal::NoLineOfSight));
    put(&mut rig, a, 100, 197);
    put(&mut rig, b, 103, 198);
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Ok(()));
}

#[test]
fn what_was_seen_too_long_ago_is_no_aim() {
    let skills = vec![
        skill(1, |skill| (skill.targeting, skill.is_off_global) = (Targeting::Ray, true)),
        skill(2, |skill| skill.is_off_global = true),
    ];
    let mut rig = rig(2, skills);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.run(100);
    let oldest = REWIND_TICKS_MAX + CLAMP_TICKS;
    for (ticks, answer) in [(oldest, Ok(())), (oldest + 1, Err(Refusal::Stale))] {
        let view = ViewTick { tick: Tick(rig.game.now().0 - ticks), fraction: 0 };
        let late = Cast { view, ..cast(&rig, 1, CastTarget::Nobody) };
        assert_eq!(say(&mut rig, a, Command::Cast(late)), answer);
    }
    // Who names his target is not asked what he saw.
    let never = Cast { view: ViewTick::default(), ..cast(&rig, 2, at(b)) };
    assert_eq!(say(&mut rig, a, Command::Cast(never)), Ok(()));
}

#[test]
fn nobody_does_harm_from_or_to_where_nobody_fights() {
    let heal = |skill: &mut Skill| {
        skill.targeting = Targeting::Unit { side: Side::Allies };
        skill.outcomes = vec![Outcome::Heal { amount: 10, power: 0 }];
    };
    let mut content = content_of(vec![skill(1, |_| ()), skill(2, heal)]);
    content.places.safe_zones.push(Circle { x: 102 * M, y: 200 * M, radius: M });
    let mut rig = knowing(Rig::new(content, 4));
    let [a, b, _, d] = rig.ids[..] else { unreachable!() };
    assert_eq!(try_cast(&mut rig, a, 1, at(b)), Err(Refusal::SafeZone));
    assert_eq!(try_cast(&mut rig, b, 1, at(a)), Err(Refusal::SafeZone));
    assert_eq!(try_cast(&mut rig, a, 1, at(d)), Ok(()));
    assert_eq!(try_cast(&mut rig, b, 2, at(d)), Ok(()), "a heal is no harm");
}
