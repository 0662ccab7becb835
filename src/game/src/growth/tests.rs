use super::*;
use crate::content::{Circle, Class, DamageKind, Node, Outcome, Skill, Table, Targeting};
use crate::fight::{Sheet, Vitals};
use crate::ledger::{Entry, Transaction};
use crate::rig::{Rig, content};
use protocol::command::PartyStep;
use protocol::unit::SUBUNITS_PER_M;
use protocol::{Command, GameEvent, NetId, News, Refusal};

fn rig(players: u16, change: impl FnOnce(&mut Content)) -> Rig {
    let mut content = content(vec![]);
    change(&mut content);
    let mut rig = Rig::new(content, players);
    for id in rig.ids.clone() {
        *rig.part(id) = Team(1);
    }
    rig
}

fn hit(rig: &mut Rig, by: NetId, on: NetId, amount: u32) {
    rig.blow(by, on, Outcome::Damage { kind: DamageKind::Physical, amount, attack: 0, power: 0 });
}

/// The last player is worth something from now on.
fn prey(rig: &mut Rig, experience: u32) -> NetId {
    let prey = *rig.ids.last().unwrap();
    let entity = rig.game.entity(prey).unwrap();
    rig.game.world.entity_mut(entity).insert(Bounty { experience, level: 1 });
    *rig.part(prey) = Team::MOBS;
    prey
}

fn gains(transactions: &[Transaction]) -> Vec<(u64, u64)> {
    let entries = transactions.iter().flat_map(|transaction| &transaction.entries);
    let gain = |entry: &Entry| match *entry {
        Entry::Experience { character, gained } => (character.0, gained),
        _ => panic!("{entry:?}"),
    };
    entries.map(gain).collect()
}

fn order(rig: &mut Rig, by: NetId, command: Command) -> Option<Result<(), Refusal>> {
    rig.game.order(by, 1, command);
    rig.game.tick();
    rig.game.answers().first().map(|answer| answer.result)
}

fn settle(rig: &mut Rig, is_durable: bool) {
    for transaction in rig.game.take_transactions() {
        rig.game.settle(transaction.id, is_durable);
    }
    rig.game.tick();
}

#[test]
fn a_death_is_shared_by_harm_and_a_party_shares_evenly_with_those_who_are_near() {
    let mut rig = rig(5, |_| ());
    let [a, b, c, far, _] = rig.ids[..] else { unreachable!() };
    for who in [b, far] {
        order(&mut rig, a, Command::Party(PartyStep::Invite { who }));
        order(&mut rig, who, Command::Party(PartyStep::Accept));
    }
    rig.game.place_player(far, 0, 0);
    let prey = prey(&mut rig, 100);
    hit(&mut rig, a, prey, 600);
    hit(&mut rig, c, prey, 400);
    rig.run(1);
    let asked = rig.game.take_transactions();
    assert_eq!(asked.len(), 1, "one transaction for one death");
    assert_eq!(gains(&asked), [(0, 33), (1, 33), (2, 40)], "60 with a tenth more for two, and 40");
    assert_eq!(rig.part::<Growth>(a).experience, 0, "not before the disk has it");
}

#[test]
fn who_has_left_and_who_is_dead_count_for_nothing() {
    let mut rig = rig(4, |_| ());
    let [a, b, c, _] = rig.ids[..] else { unreachable!() };
    let prey = prey(&mut rig, 100);
    hit(&mut rig, a, prey, 300);
    hit(&mut rig, b, prey, 300);
    rig.run(1);
    rig.game.despawn(a);
    hit(&mut rig, c, prey, 400);
    hit(&mut rig, prey, b, 5_000);
    rig.run(1);
    assert_eq!(gains(&rig.game.take_transactions()), [(2, 57)], "of 700, 400");
}

#[test]
fn a_new_level_makes_hale_and_a_player_killed_by_a_player_is_worth_nothing() {
    let mut rig = rig(3, |_| ());
    let [a, b, _] = rig.ids[..] else { unreachable!() };
    let prey = prey(&mut rig, 150);
    rig.part::<Vitals>(a).health = 10;
    hit(&mut rig, a, prey, 5_000);
    hit(&mut rig, a, b, 5_000);
    rig.run(1);
    let asked = rig.game.take_transactions();
    assert_eq!(gains(&asked), [(0, 150)]);
    rig.game.settle(asked[0].id, true);
    let told = rig.run(1);
    assert!(told.contains(&(1, GameEvent::Experience { amount: 150 })));
    assert!(told.contains(&(1, GameEvent::LevelUp { who: a, level: 2 })));
    let most = rig.part::<Sheet>(a).now.of(Stat::HealthMax);
    assert_eq!((rig.part::<Sheet>(a).level, rig.health(a)), (2, most));
}

fn tree(content: &mut Content) {
    let skill = |id| Skill {
        id: SkillId(id),
        name: format!("skill {id}"),
        mana: 0,
        cast_ticks: 0,
        channel: None,
        cooldown_ticks: 0,
        is_off_global: false,
        is_mobile: false,
        range: 0,
        targeting: Targeting::Own,
        outcomes: vec![],
        ranks_max: 2,
    };
    let node = |id, level_min, needs: &[u16]| Node {
        skill: SkillId(id),
        points: 1,
        level_min,
        needs: needs.iter().map(|&id| SkillId(id)).collect(),
    };
    content.skills = Table::new((1..=4).map(skill).collect()).unwrap();
    let tree = vec![node(1, 1, &[]), node(2, 1, &[1]), node(3, 9, &[])];
    let class = Class {
        id: ClassId(0),
        name: "class".to_owned(),
        base: Stats::BARE,
        per_level: Stats::default(),
        skills: vec![SkillId(4)],
        tree,
        kit: vec![],
        coins: 0,
    };
    content.classes = Table::new(vec![class]).unwrap();
}

#[test]
fn a_skill_is_learnt_for_points_when_the_disk_has_it() {
    let mut rig = rig(1, tree);
    let a = rig.ids[0];
    let learn = |id| Command::Learn { skill: SkillId(id) };
    assert_eq!(order(&mut rig, a, learn(1)), Some(Err(Refusal::NoPoints)));
    rig.part::<Sheet>(a).level = 4;
    assert_eq!(order(&mut rig, a, learn(9)), Some(Err(Refusal::UnknownSkill)));
    assert_eq!(order(&mut rig, a, learn(4)), Some(Err(Refusal::NotOfClass)));
    assert_eq!(order(&mut rig, a, learn(2)), Some(Err(Refusal::NeedsAnother)));
    assert_eq!(order(&mut rig, a, learn(3)), Some(Err(Refusal::LevelTooLow)));
    assert_eq!(order(&mut rig, a, learn(1)), None, "the disk must have it first");
    settle(&mut rig, false);
    assert_eq!(rig.game.answers()[0].result, Err(Refusal::NotSaved));
    assert_eq!(rig.part::<Growth>(a).learnt.len(), 0);
    assert_eq!(order(&mut rig, a, learn(1)), None);
    assert_eq!(order(&mut rig, a, learn(1)), None, "its second rank");
    assert_eq!(order(&mut rig, a, learn(1)), Some(Err(Refusal::AlreadyLearnt)));
    settle(&mut rig, true);
    assert_eq!(rig.game.answers().len(), 2);
    assert!(rig.game.notices().contains(&(a, News::Skill { skill: SkillId(1), rank: 2 })));
    assert_eq!(order(&mut rig, a, learn(2)), None);
    assert_eq!(order(&mut rig, a, learn(2)), Some(Err(Refusal::NoPoints)), "what is under way holds its point");
    rig.part::<Vitals>(a).died = Some(protocol::Tick(1));
    assert_eq!(order(&mut rig, a, learn(2)), Some(Err(Refusal::Dead)));
}

#[test]
fn the_dead_come_back_at_the_nearest_graveyard_when_it_is_time() {
    let m = SUBUNITS_PER_M;
    let near = Circle { x: 50 * m, y: 200 * m, radius: 5 * m };
    let mut rig = rig(2, |content| {
        content.places.graveyards = vec![Circle { x: 390 * m, y: 390 * m, radius: m }, near];
        content.rules.respawn_ticks = 60;
    });
    let (a, b) = (rig.ids[0], rig.ids[1]);
    assert_eq!(order(&mut rig, a, Command::Respawn), Some(Err(Refusal::Alive)));
    hit(&mut rig, b, a, 5_000);
    rig.run(1);
    rig.run(58);
    assert_eq!(order(&mut rig, a, Command::Respawn), Some(Err(Refusal::TooEarly)));
    assert_eq!(order(&mut rig, a, Command::Respawn), Some(Ok(())));
    let body = *rig.game.body(a).unwrap();
    assert!(near.holds(body.x, body.y), "{body:?}");
    let most = rig.part::<Sheet>(a).now.of(Stat::HealthMax);
    assert!(!rig.part::<Vitals>(a).is_dead() && (most / 2..most / 2 + 5).contains(&rig.health(a)));
}

#[test]
fn who_left_dead_comes_back_alive_at_a_graveyard() {
    let m = SUBUNITS_PER_M;
    let yard = Circle { x: 50 * m, y: 200 * m, radius: 5 * m };
    let mut rig = rig(2, |content| content.places.graveyards = vec![yard]);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    hit(&mut rig, b, a, 5_000);
    rig.run(1);
    let record = rig.game.record(a).unwrap();
    assert!(record.life.as_ref().unwrap().is_dead);
    rig.game.despawn(a);
    let back = rig.game.spawn_player(protocol::CharacterId(0), Some(&record)).unwrap();
    let body = *rig.game.body(back).unwrap();
    assert!(yard.holds(body.x, body.y) && !rig.part::<Vitals>(back).is_dead());
    assert_eq!(rig.health(back), 50, "half of what the bare have");
}

#[test]
fn figures_are_told_at_entry_and_when_they_change_ten_times_a_second_at_most() {
    let mut rig = rig(2, tree);
    let (a, b) = (rig.ids[0], rig.ids[1]);
    let entry = rig.game.notices().iter().filter(|(to, _)| *to == a).map(|(_, news)| news.clone()).collect::<Vec<_>>();
    assert!(matches!(entry[..], [News::Figures(_), News::Skill { skill: SkillId(4), rank: 1 }]), "{entry:?}");
    rig.run(12);
    let mut told = Vec::new();
    for _ in 0..60 {
        hit(&mut rig, b, a, 1);
        rig.run(1);
        told.extend(
            rig.game.notices().iter().filter(|(to, news)| *to == a && matches!(news, News::Figures(_))).cloned(),
        );
    }
    assert_eq!(told.len(), 10);
}
