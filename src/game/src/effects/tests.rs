use crate::content::{
    Aura, Content, DamageKind, Effect, Modifier, Outcome, Pulse, School, Side, Stacking, Stat, Table,
};
use crate::fight::{Sheet, Vitals};
use crate::rig::{Rig, content, effect};
use protocol::unit::SUBUNITS_PER_M;
use protocol::{EffectId, GameEvent};

fn apply(number: u16) -> Outcome {
    Outcome::Apply { effect: EffectId(number) }
}

fn stacking(rule: Stacking, stacks_max: u8) -> Effect {
    effect(1, |effect| (effect.stacking, effect.stacks_max) = (rule, stacks_max))
}

/// Puts effect 1 on one and the same twice, four ticks apart, and says when it ended, counted from the first.
fn twice(effect: Effect) -> (Vec<(u16, u8)>, u32) {
    let mut rig = Rig::new(content(vec![effect]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.blow(a, b, apply(1));
    rig.run(4);
    rig.blow(a, b, apply(1));
    rig.run(1);
    let effects = rig.effects(b);
    let ended = rig.run(100).iter().find(|(_, event)| matches!(event, GameEvent::EffectEnded { .. })).unwrap().0;
    (effects, 4 + ended)
}

#[test]
fn an_effect_lasts_as_long_as_it_says() {
    let mut rig = Rig::new(content(vec![effect(1, |_| ())]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.blow(a, b, apply(1));
    let told = rig.run(30);
    let began = GameEvent::EffectBegan { on: b, effect: EffectId(1), stacks: 1, ticks: 10 };
    assert_eq!(told, [(1, began), (11, GameEvent::EffectEnded { on: b, effect: EffectId(1) })]);
}

#[test]
fn a_second_one_refreshes_extends_or_stacks_as_its_rule_says() {
    assert_eq!(twice(stacking(Stacking::Refresh, 1)), (vec![(1, 1)], 14));
    assert_eq!(twice(stacking(Stacking::Extend, 1)), (vec![(1, 1)], 20));
    assert_eq!(twice(stacking(Stacking::Stack, 5)), (vec![(1, 2)], 14));
    assert_eq!(twice(stacking(Stacking::Stack, 1)), (vec![(1, 1)], 14));
}

#[test]
fn an_effect_is_extended_to_three_times_its_length_at_most() {
    let mut rig = Rig::new(content(vec![stacking(Stacking::Extend, 1)]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    for _ in 0..8 {
        rig.blow(a, b, apply(1));
        rig.run(1);
    }
    let ended = rig.run(100).iter().find(|(_, event)| matches!(event, GameEvent::EffectEnded { .. })).unwrap().0;
    assert_eq!(ended, 30);
}

#[test]
fn each_who_casts_a_separate_effect_has_his_own() {
    let mut rig = Rig::new(content(vec![stacking(Stacking::Separate, 1)]), 3);
    let [a, b, c] = rig.ids[..] else { unreachable!() };
    for by in [a, c, a] {
        rig.blow(by, b, apply(1));
        rig.run(1);
    }
    assert_eq!(rig.effects(b), [(1, 1), (1, 1)]);
}

#[test]
fn a_pulse_comes_each_interval_and_once_for_each_stack_and_with_the_last_tick() {
    let burns = |effect: &mut Effect| {
        let outcomes = vec![Outcome::Damage { kind: DamageKind::Fire, amount: 10, attack: 0, power: 0 }];
        (effect.ticks, effect.stacking, effect.stacks_max) = (31, Stacking::Stack, 3);
        effect.pulse = Some(Pulse { every_ticks: 10, outcomes });
    };
    let mut rig = Rig::new(content(vec![effect(1, burns)]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.blow(a, b, apply(1));
    rig.run(40);
    assert_eq!(rig.health(b), 970, "at 10, 20 and 30");
    rig.blow(a, b, apply(1));
    rig.run(1);
    rig.blow(a, b, apply(1));
    rig.run(60);
    assert_eq!(rig.health(b), 970 - 60);
}

#[test]
fn a_poison_goes_on_when_who_gave_it_has_gone() {
    let poison = |effect: &mut Effect| {
        let outcomes = vec![Outcome::Damage { kind: DamageKind::Nature, amount: 10, attack: 0, power: 500 }];
        effect.ticks = 31;
        effect.pulse = Some(Pulse { every_ticks: 10, outcomes });
    };
    let mut rig = Rig::new(content(vec![effect(1, poison)]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.part::<Sheet>(a).now.set(Stat::Power, 100);
    rig.blow(a, b, apply(1));
    rig.run(1);
    rig.game.despawn(a);
    rig.run(40);
    assert_eq!(rig.health(b), 1_000 - 3 * 60, "as strong as when it was given");
}

#[test]
fn a_shield_takes_damage_before_its_bearer_does_and_ends_when_it_is_used_up() {
    let shield = effect(1, |effect| (effect.absorbs, effect.is_harmful) = (100, false));
    let mut rig = Rig::new(content(vec![shield]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    let hit = |amount| Outcome::Damage { kind: DamageKind::Frost, amount, attack: 0, power: 0 };
    rig.blow(b, b, apply(1));
    rig.run(1);
    rig.blow(a, b, hit(60));
    rig.run(1);
    assert_eq!((rig.health(b), rig.effects(b)), (1_000, vec![(1, 1)]));
    rig.blow(a, b, hit(60));
    let told = rig.run(1);
    assert_eq!((rig.health(b), rig.effects(b)), (980, vec![]));
    assert!(matches!(told[1].1, GameEvent::Hurt(hurt) if (hurt.amount, hurt.absorbed) == (20, 40)), "{told:?}");
}

#[test]
fn figures_follow_what_lasts_and_come_back() {
    let strong = effect(1, |effect| {
        effect.stacking = Stacking::Stack;
        effect.stacks_max = 5;
        effect.modifiers = vec![Modifier { stat: Stat::HealthMax, flat: 50, share: 100 }];
    });
    let mut rig = Rig::new(content(vec![strong]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    let health_max = |rig: &mut Rig| rig.part::<Sheet>(b).now.of(Stat::HealthMax);
    rig.blow(a, b, apply(1));
    rig.run(1);
    assert_eq!(health_max(&mut rig), 1_155);
    rig.blow(a, b, apply(1));
    rig.run(1);
    assert_eq!(health_max(&mut rig), 1_320);
    rig.part::<Vitals>(b).health = 1_320;
    rig.run(20);
    assert_eq!((health_max(&mut rig), rig.health(b)), (1_000, 1_000));
}

#[test]
fn a_dispel_ends_the_newest_of_its_school_and_no_other() {
    let of = |id, school, is_harmful| effect(id, |effect| (effect.school, effect.is_harmful) = (school, is_harmful));
    let effects = vec![
        of(1, Some(School::Poison), true),
        of(2, Some(School::Magic), true),
        of(3, Some(School::Poison), true),
        of(4, Some(School::Poison), false),
        of(5, None, true),
    ];
    let mut rig = Rig::new(content(effects), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    for number in 1..=5 {
        rig.blow(a, b, apply(number));
        rig.run(1);
    }
    let cure = |count| Outcome::Dispel { school: School::Poison, is_harmful: true, count };
    rig.blow(b, b, cure(1));
    rig.run(1);
    assert_eq!(rig.effects(b), [(1, 1), (2, 1), (4, 1), (5, 1)]);
    rig.blow(b, b, cure(9));
    rig.run(1);
    assert_eq!(rig.effects(b), [(2, 1), (4, 1), (5, 1)]);
}

#[test]
fn an_aura_reaches_its_side_within_its_radius() {
    let given = effect(2, |effect| (effect.ticks, effect.is_harmful) = (90, false));
    let aura = Aura { radius: 5 * SUBUNITS_PER_M, side: Side::Allies, effect: EffectId(2) };
    let mut with_aura = Content { effects: Table::default(), ..content(vec![]) };
    let bearer = effect(1, |effect| (effect.ticks, effect.is_harmful, effect.aura) = (200, false, Some(aura)));
    with_aura.effects = Table::new(vec![bearer, given]).unwrap();
    let mut rig = Rig::new(with_aura, 8);
    let ids = rig.ids.clone();
    rig.blow(ids[2], ids[2], apply(1));
    rig.run(3);
    let blessed = |rig: &mut Rig| {
        (0..ids.len()).filter(|&at| rig.effects(ids[at]).iter().any(|&(effect, _)| effect == 2)).collect::<Vec<_>>()
    };
    assert_eq!(blessed(&mut rig), [0, 2, 4], "4 m either way, every second one is an enemy");
    rig.run(190);
    assert_eq!(blessed(&mut rig), [0, 2, 4]);
    rig.run(100);
    assert_eq!(blessed(&mut rig), [] as [usize; 0]);
}

#[test]
fn of_more_effects_than_fit_the_one_that_ends_first_makes_room() {
    let effects = (1..=30).map(|id| effect(id, |effect| effect.ticks = 100 + u32::from(id % 7))).collect();
    let mut rig = Rig::new(content(effects), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    for number in 1..=25 {
        rig.blow(a, b, apply(number));
        rig.run(1);
    }
    let effects = rig.effects(b);
    assert_eq!(effects.len(), super::EFFECTS_MAX);
    assert!(!effects.contains(&(1, 1)) && effects.contains(&(25, 1)), "{effects:?}");
}
