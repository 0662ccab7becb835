//! What is true of casts, in virtual time.

mod course;
mod missiles;
mod order;
mod play;
mod refusals;
mod targets;

use super::Casting;
use crate::content::{
    Channel, Content, DamageKind, Effect, Entry as _, Holds, Outcome, Side, Skill, Stat, Table, Targeting,
};
use crate::fight::{Sheet, Vitals};
use crate::growth::Growth;
use crate::rig::{Rig, content, effect};
use protocol::command::{Cast, CastTarget};
use protocol::event::CastEnd;
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{Command, EffectId, GameEvent, Input, NetId, Refusal, SkillId, Tick, ViewTick};
use std::sync::Arc;

const M: i32 = SUBUNITS_PER_M;
const STUN: EffectId = EffectId(1);
const SILENCE: EffectId = EffectId(2);

/// A skill that does 100 damage at once to an enemy at most 30 m away, and costs nothing.
fn skill(id: u16, change: impl FnOnce(&mut Skill)) -> Skill {
    let mut skill = Skill {
        id: SkillId(id),
        name: format!("skill {id}"),
        mana: 0,
        cast_ticks: 0,
        channel: None,
        cooldown_ticks: 0,
        is_off_global: false,
        is_mobile: false,
        range: 30 * M,
        targeting: Targeting::Unit { side: Side::Enemies },
        outcomes: vec![hit(100)],
        ranks_max: 5,
    };
    change(&mut skill);
    skill
}

fn hit(amount: u32) -> Outcome {
    Outcome::Damage { kind: DamageKind::Physical, amount, attack: 0, power: 0 }
}

fn holding(id: EffectId, holds: Holds) -> Effect {
    effect(id.0, |effect| (effect.holds, effect.ticks) = (holds, 30))
}

fn content_of(skills: Vec<Skill>) -> Content {
    let stun = holding(STUN, Holds { stun: true, ..Holds::default() });
    let silence = holding(SILENCE, Holds { silence: true, ..Holds::default() });
    Content { skills: Table::new(skills).expect("the test numbers them"), ..content(vec![stun, silence]) }
}

/// Players in a row, 2 m apart and in two teams by turns, who know all of these.
fn rig(players: u16, skills: Vec<Skill>) -> Rig {
    knowing(Rig::new(content_of(skills), players))
}

fn knowing(mut rig: Rig) -> Rig {
    let skills: Vec<SkillId> = rig.game.content().skills.iter().map(|skill| skill.id()).collect();
    for id in rig.ids.clone() {
        rig.part::<Growth>(id).learnt.extend(skills.iter().map(|&skill| (skill, 1)));
    }
    rig
}

fn at(id: NetId) -> CastTarget {
    CastTarget::Entity(id)
}

fn place(x_m: i32, y_m: i32) -> CastTarget {
    CastTarget::Place { x_units: x_m * UNITS_PER_M, y_units: y_m * UNITS_PER_M }
}

fn now(rig: &Rig) -> ViewTick {
    ViewTick { tick: rig.game.now(), fraction: 0 }
}

/// A cast that looks east, by one who sees the present.
fn cast(rig: &Rig, skill: u16, at: CastTarget) -> Cast {
    Cast { skill: SkillId(skill), at, view: now(rig), yaw: 0, pitch: 0 }
}

/// Gives a command, and the answer to it in the next tick.
fn say(rig: &mut Rig, by: NetId, command: Command) -> Result<(), Refusal> {
    assert!(rig.game.order(by, 7, command));
    rig.game.tick();
    let [answer] = rig.game.answers() else { panic!("one order, {:?}", rig.game.answers()) };
    assert_eq!((answer.to, answer.number), (by, 7));
    answer.result
}

fn try_cast(rig: &mut Rig, by: NetId, skill: u16, at: CastTarget) -> Result<(), Refusal> {
    let cast = cast(rig, skill, at);
    say(rig, by, Command::Cast(cast))
}

/// What happened in the last tick.
fn told(rig: &Rig) -> Vec<GameEvent> {
    rig.game.happenings().iter().map(|happening| happening.event).collect()
}

fn ended(by: NetId, skill: u16, end: CastEnd) -> GameEvent {
    GameEvent::CastEnded { by, skill: SkillId(skill), end }
}

/// The ends of casts among what happened, with the tick of each.
fn ends(told: &[(u32, GameEvent)]) -> Vec<(u32, u16, CastEnd)> {
    let end = |(tick, event): &(u32, GameEvent)| match event {
        GameEvent::CastEnded { skill, end, .. } => Some((*tick, skill.0, *end)),
        _ => None,
    };
    told.iter().filter_map(end).collect()
}

/// Whom the blows of the last tick hurt, and how much, by ascending id.
fn hurts(rig: &Rig) -> Vec<(u16, u32)> {
    let hurt = |event| match event {
        GameEvent::Hurt(hurt) => Some((hurt.on.0, hurt.amount)),
        _ => None,
    };
    let mut all: Vec<_> = told(rig).into_iter().filter_map(hurt).collect();
    all.sort_unstable();
    all
}

fn mana(rig: &mut Rig, id: NetId) -> i32 {
    rig.part::<Vitals>(id).mana
}

fn put(rig: &mut Rig, id: NetId, x_m: i32, y_m: i32) {
    rig.game.place_player(id, x_m * UNITS_PER_M, y_m * UNITS_PER_M);
}

fn walk(rig: &mut Rig, id: NetId, move_x: i8) {
    rig.game.set_input(id, Input { move_x, ..Input::default() });
}

/// What others can tell of the world is the same after it was saved and taken up again.
fn reborn(rig: &Rig) -> Rig {
    let map = Arc::new(protocol::motion::StaticMap::new(400, 400, &[]).unwrap());
    let content = Arc::clone(rig.game.content());
    let config = crate::GameConfig { seed: 1, map, content, incarnation: 1, entities_max: 1_000 };
    let mut bytes = Vec::new();
    rig.game.save().to_bytes(&mut bytes);
    let image = crate::WorldImage::from_bytes(&bytes).unwrap();
    Rig { game: crate::Game::restore(config, &image).unwrap(), ids: rig.ids.clone() }
}
