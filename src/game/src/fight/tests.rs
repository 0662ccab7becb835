use super::*;
use crate::content::{Content, DamageKind, Outcome, Stat};
use crate::rig::{Rig, content, effect};
use protocol::event::hurt;
use protocol::motion::{self, BODY_RADIUS, Gait, StaticMap};
use protocol::unit::SUBUNITS_PER_M;
use protocol::{EffectId, GameEvent};

fn hit(amount: u32) -> Outcome {
    Outcome::Damage { kind: DamageKind::Physical, amount, attack: 0, power: 0 }
}

fn of_kind(kind: DamageKind, amount: u32) -> Outcome {
    Outcome::Damage { kind, amount, attack: 0, power: 0 }
}

#[test]
fn who_is_hurt_loses_as_much_and_all_who_see_it_are_told() {
    let mut rig = Rig::new(content(vec![]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.blow(a, b, hit(120));
    let told = rig.run(1);
    assert_eq!(rig.health(b), 880);
    let [(_, GameEvent::Hurt(hurt))] = told[..] else { panic!("{told:?}") };
    assert_eq!((hurt.on, hurt.by, hurt.amount, hurt.absorbed, hurt.how), (b, Some(a), 120, 0, 0));
}

#[test]
fn two_who_strike_each_other_down_in_one_tick_both_die() {
    let mut rig = Rig::new(content(vec![]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.blow(a, b, hit(5_000));
    rig.blow(b, a, hit(5_000));
    let told = rig.run(1);
    let died = told.iter().filter_map(|(_, event)| match event {
        GameEvent::Died { who, by } => Some((*who, *by)),
        _ => None,
    });
    assert_eq!(died.collect::<Vec<_>>(), [(a, Some(b)), (b, Some(a))]);
    assert_eq!((rig.health(a), rig.health(b)), (0, 0));
}

#[test]
fn a_heal_in_the_tick_of_the_last_blow_comes_in_time() {
    let mut rig = Rig::new(content(vec![]), 3);
    let [a, b, c] = rig.ids[..] else { unreachable!() };
    rig.blow(a, b, hit(1_050));
    rig.blow(c, b, Outcome::Heal { amount: 60, power: 0 });
    let told = rig.run(1);
    assert!(told.iter().all(|(_, event)| !matches!(event, GameEvent::Died { .. })), "{told:?}");
    assert_eq!(rig.health(b), 10);
}

#[test]
fn nothing_but_a_revival_reaches_the_dead() {
    let mut rig = Rig::new(content(vec![effect(1, |_| ())]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.blow(a, b, hit(1_000));
    rig.run(1);
    for outcome in [hit(5), Outcome::Heal { amount: 5, power: 0 }, Outcome::Apply { effect: EffectId(1) }] {
        rig.blow(a, b, outcome);
        assert_eq!(rig.run(1), [], "{outcome:?}");
    }
    assert_eq!((rig.health(b), rig.effects(b)), (0, vec![]));
    rig.blow(a, b, Outcome::Revive { health: 300 });
    assert_eq!(rig.run(1), [(1, GameEvent::Revived { who: b })]);
    assert_eq!(rig.health(b), 300);
    rig.blow(a, b, Outcome::Revive { health: 900 });
    assert_eq!(rig.run(1), [], "the living are not revived");
}

#[test]
fn who_did_most_has_the_credit_whoever_came_last() {
    let mut rig = Rig::new(content(vec![]), 3);
    let [a, b, c] = rig.ids[..] else { unreachable!() };
    rig.blow(a, b, hit(600));
    rig.run(30);
    rig.blow(c, b, hit(400));
    let told = rig.run(1);
    assert!(told.contains(&(1, GameEvent::Died { who: b, by: Some(a) })), "{told:?}");
    assert!(told.contains(&(1, GameEvent::Slain { who: b, by: a })), "the world is told");
}

#[test]
fn what_was_done_in_a_fight_long_over_gives_no_credit() {
    let mut rig = Rig::new(content(vec![]), 3);
    let [a, b, c] = rig.ids[..] else { unreachable!() };
    rig.blow(a, b, hit(600));
    rig.run(rig.game.content().rules.combat_ticks + 2);
    rig.blow(c, b, hit(400));
    assert!(rig.run(1).contains(&(1, GameEvent::Died { who: b, by: Some(c) })));
}

#[test]
fn an_immune_one_is_told_so_and_neither_harmed_nor_cursed() {
    let immune = effect(1, |effect| effect.holds.immune = true);
    let mut rig = Rig::new(content(vec![immune, effect(2, |_| ())]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.blow(b, b, Outcome::Apply { effect: EffectId(1) });
    rig.run(1);
    rig.blow(a, b, hit(50));
    rig.blow(a, b, Outcome::Apply { effect: EffectId(2) });
    let told = rig.run(1);
    assert!(matches!(told[..], [(1, GameEvent::Hurt(h))] if h.how & hurt::IMMUNE != 0 && h.amount == 0), "{told:?}");
    assert_eq!((rig.health(b), rig.effects(b)), (1_000, vec![(1, 1)]));
}

#[test]
fn nobody_is_harmed_where_nobody_fights_but_falls_hurt() {
    let mut content = content(vec![]);
    content.places.safe_zones.push(crate::content::Circle {
        x: 102 * SUBUNITS_PER_M,
        y: 200 * SUBUNITS_PER_M,
        radius: SUBUNITS_PER_M,
    });
    let mut rig = Rig::new(content, 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.blow(a, b, hit(50));
    rig.blow(b, a, hit(50));
    rig.run(1);
    assert_eq!((rig.health(a), rig.health(b)), (950, 1_000));
    let fall = Blow { by: None, ..sample(b, hit(50)) };
    rig.game.world.resource_mut::<Blows>().add(Blow { cause: Cause::Fall, ..fall });
    rig.run(1);
    assert_eq!(rig.health(b), 950);
}

#[test]
fn who_comes_under_the_id_of_one_who_has_gone_has_done_nothing() {
    let mut rig = Rig::new(content(vec![]), 3);
    let [a, b, c] = rig.ids[..] else { unreachable!() };
    rig.blow(a, b, hit(600));
    rig.run(1);
    rig.game.despawn(a);
    rig.game.recycle(a);
    let heir = rig.game.spawn_player(protocol::CharacterId(90), None).unwrap();
    assert_eq!(heir, a);
    rig.run(1);
    rig.blow(c, b, hit(400));
    assert!(rig.run(1).contains(&(1, GameEvent::Died { who: b, by: Some(c) })));
}

fn sample(on: protocol::NetId, outcome: Outcome) -> Blow {
    let cause = Cause::Skill(protocol::SkillId(1));
    Blow { by: None, on, outcome, force: Force::default(), share: 1_000, from: (0, 0), cause, nth: 0 }
}

#[test]
fn a_block_needs_the_attacker_in_front() {
    let mut rig = Rig::new(content(vec![]), 3);
    let [west, middle, east] = rig.ids[..] else { unreachable!() };
    rig.part::<Sheet>(middle).now.set(Stat::Block, 750);
    let blocked = |rig: &mut Rig, by| {
        (0..200)
            .filter(|_| {
                rig.blow(by, middle, hit(10));
                let told = rig.run(1);
                rig.part::<Vitals>(middle).health = 1_000;
                told.iter().any(|(_, event)| matches!(event, GameEvent::Hurt(h) if h.how & hurt::BLOCKED != 0))
            })
            .count()
    };
    assert_eq!(blocked(&mut rig, west), 0, "it looks east");
    assert!((120..180).contains(&blocked(&mut rig, east)));
}

#[test]
fn a_critical_hit_does_half_as_much_again() {
    let mut rig = Rig::new(content(vec![]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.part::<Sheet>(a).now.set(Stat::Critical, 500);
    let amounts: Vec<u32> = (0..100)
        .map(|_| {
            rig.blow(a, b, of_kind(DamageKind::Fire, 100));
            let told = rig.run(1);
            rig.part::<Vitals>(b).health = 1_000;
            let [(_, GameEvent::Hurt(hurt))] = told[..] else { panic!("{told:?}") };
            assert_eq!(hurt.how >> 4, DamageKind::Fire as u8);
            assert_eq!(hurt.how & hurt::CRITICAL != 0, hurt.amount == 150);
            hurt.amount
        })
        .collect();
    assert!(amounts.contains(&100) && amounts.contains(&150));
}

#[test]
fn who_is_thrown_flies_away_from_who_threw_him() {
    let mut rig = Rig::new(content(vec![]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    let before = *rig.game.body(b).unwrap();
    rig.blow(a, b, Outcome::Launch { speed: 8_000, up: 3_000 });
    rig.run(20);
    let after = *rig.game.body(b).unwrap();
    assert!(after.x > before.x + BODY_RADIUS && after.y == before.y, "{after:?}");
}

#[test]
fn who_is_slowed_walks_slower_and_who_is_held_or_dead_goes_nowhere() {
    let slow = effect(1, |effect| {
        effect.modifiers.push(crate::content::Modifier { stat: Stat::Speed, flat: 0, share: -500 });
        effect.ticks = 40;
    });
    let root = effect(2, |effect| (effect.holds.root, effect.ticks) = (true, 40));
    let mut rig = Rig::new(content(vec![slow, root]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    let walked = |rig: &mut Rig| {
        for _ in 0..30 {
            rig.game.set_input(b, protocol::Input { move_y: 127, ..Default::default() });
            rig.run(1);
        }
        (rig.game.body(b).unwrap().vy, rig.game.own(b).unwrap().gait)
    };
    rig.blow(a, b, Outcome::Apply { effect: EffectId(1) });
    assert_eq!(walked(&mut rig), (motion::RUN_SPEED / 2, Gait { speed: 50, can_jump: true }));
    rig.run(20);
    rig.blow(a, b, Outcome::Apply { effect: EffectId(2) });
    assert_eq!(walked(&mut rig), (0, Gait::HELD));
    rig.run(20);
    assert_eq!(walked(&mut rig), (motion::RUN_SPEED, Gait::default()));
    rig.blow(a, b, hit(1_000));
    assert_eq!(walked(&mut rig), (0, Gait::HELD));
    assert!(rig.game.replicas().state(b).is_dead() && rig.game.own(b).unwrap().entity().is_dead());
}

#[test]
fn a_fall_of_ten_metres_costs_what_the_formula_says_and_a_jump_nothing() {
    let mut rig = Rig::new(content(vec![]), 1);
    let id = rig.ids[0];
    rig.game.set_input(id, protocol::Input { buttons: protocol::input::button::JUMP, ..Default::default() });
    rig.run(60);
    assert_eq!(rig.health(id), 1_000);
    rig.part::<crate::movement::Mobile>(id).0.z = 10 * SUBUNITS_PER_M;
    rig.run(120);
    // Six metres beyond those that are free, at 60 thousandths each; the last tick's part of the way is not counted.
    assert!((1_000 - 360..=1_000 - 330).contains(&rig.health(id)), "{}", rig.health(id));
}

#[test]
fn others_see_how_much_health_one_has_left() {
    let mut rig = Rig::new(content(vec![]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    for (damage, share) in [(0, 31), (500, 15), (499, 1), (1, 0)] {
        rig.blow(a, b, hit(damage));
        if damage == 0 {
            rig.game.tick();
            rig.part::<Vitals>(b).health = 1_000;
        }
        rig.run(1);
        rig.part::<Vitals>(b).health_part = 0;
        assert_eq!(rig.game.replicas().state(b).health_share(), share, "after {damage}");
        assert_eq!(rig.game.own(b).unwrap().entity(), *rig.game.replicas().state(b));
    }
}

#[test]
fn health_comes_back_when_the_fight_is_over_and_mana_always() {
    let mut rig = Rig::new(content(vec![]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    for stat in [Stat::HealthRegen, Stat::ManaRegen] {
        rig.part::<Sheet>(b).base.set(stat, 600);
    }
    rig.part::<Sheet>(b).is_stale = true;
    rig.part::<Vitals>(b).mana = 100;
    rig.blow(a, b, hit(500));
    let combat = rig.game.content().rules.combat_ticks;
    rig.run(combat);
    assert_eq!((rig.health(b), rig.part::<Vitals>(b).mana), (500, 100 + combat as i32 / 6));
    rig.run(61);
    assert_eq!(rig.health(b), 510);
}

/// Deaths, credit and events of a mêlée do not depend on the order in which blows were said.
#[test]
fn the_order_of_blows_is_theirs_and_not_of_who_said_them_first() {
    let fight = |is_reversed: bool| {
        let shield = effect(1, |effect| {
            effect.absorbs = 300;
            effect.is_harmful = false;
        });
        let mut rig = Rig::new(Content { rules: Default::default(), ..content(vec![shield]) }, 6);
        rig.blow(rig.ids[1], rig.ids[1], Outcome::Apply { effect: EffectId(1) });
        rig.run(1);
        let ids = rig.ids.clone();
        let mut blows: Vec<_> = ids.iter().flat_map(|&by| ids.iter().map(move |&on| (by, on))).collect();
        if is_reversed {
            blows.reverse();
        }
        for (by, on) in blows {
            rig.blow(by, on, hit(u32::from(by.0) * 40 + 50));
        }
        (rig.run(1), rig.game.hash())
    };
    assert_eq!(fight(false), fight(true));
}

#[test]
fn a_world_saved_in_the_middle_of_a_fight_goes_on_as_it_would_have() {
    let mut rig = Rig::new(content(vec![effect(1, |effect| effect.ticks = 500)]), 2);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    rig.blow(a, b, hit(300));
    rig.blow(a, b, Outcome::Apply { effect: EffectId(1) });
    rig.run(1);
    let image = rig.game.save();
    let map = std::sync::Arc::new(StaticMap::new(400, 400, &[]).unwrap());
    let content = std::sync::Arc::clone(rig.game.content());
    let config = crate::GameConfig { seed: 1, map, content, incarnation: 1, entities_max: 1_000 };
    let mut restored = Rig { game: crate::Game::restore(config, &image).unwrap(), ids: rig.ids.clone() };
    for rig in [&mut rig, &mut restored] {
        rig.run(100);
        rig.blow(b, a, hit(70));
        rig.run(100);
    }
    assert_eq!(rig.game.hash(), restored.game.hash());
    assert_eq!(restored.effects(b), [(1, 1)]);
}
