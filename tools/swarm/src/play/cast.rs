//! Which cast a bot chooses, and how it aims.

use super::sheet::Sheet;
use super::turn::{Turn, place_of};
use crate::dice::Dice;
use crate::movement::Place;
use game::content::{Content, Outcome, Side, Skill, Targeting};
use protocol::command::{Cast, CastTarget};
use protocol::unit::{SUBUNITS_PER_M, TICK_RATE_HZ, UNITS_PER_M};
use protocol::{EntityState, NetId, SkillId, ViewTick};
use rudp::time::NS_PER_S;
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// From the ground to where one looks from, and to where one aims at, units: 1.6 m and 1 m.
const EYE_UNITS: f64 = 512.0;
/// As above.
const CHEST_UNITS: f64 = 320.0;
/// Who fights stands at this share of the range of what it can always do, so that a step back does not matter.
const REACH: f32 = 0.6;
/// Casts that are asked for although they cannot be: one in so many, fewer than a server takes for a cheat.
const ABSURD: f32 = 0.004;

/// What the bot sees when it chooses.
pub struct View<'a> {
    /// The target and its state.
    pub seen: Option<(NetId, EntityState)>,
    /// Where it is, 65,536 steps to a turn.
    pub yaw: u16,
    /// As above.
    pub pitch: u16,
    /// What is not to be done again before, in nanoseconds.
    pub favours: &'a BTreeMap<SkillId, u64>,
    /// By the clock of the swarm.
    pub now_ns: u64,
}

/// What a skill is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To hurt.
    Harm,
    /// To get health.
    Heal,
    /// To be better off for a while.
    Favour,
    /// To call a mate back to life.
    Revive,
}

/// How near somebody must be to be fought, in metres.
pub fn reach_m(content: &Content, sheet: &Sheet) -> f32 {
    let class = content.classes.find(sheet.figures.class);
    let first = class.and_then(|class| class.skills.first()).and_then(|skill| content.skills.find(*skill));
    first.map_or(2.0, |skill| metres(skill.range) * REACH)
}

/// How long one is busy with a cast before the next may begin, without haste.
pub fn length_ns(content: &Content, skill: SkillId) -> u64 {
    let ticks = content.skills.find(skill).map_or(0, |skill| {
        let channel = skill.channel.map_or(0, |channel| channel.ticks);
        (skill.cast_ticks + channel).max(if skill.is_off_global { 0 } else { content.rules.global_cooldown_ticks })
    });
    // And a tick or two on the way.
    u64::from(ticks + 2) * NS_PER_S / u64::from(TICK_RATE_HZ)
}

/// Whether whoever casts it fights.
pub fn is_harmful(skill: &Skill) -> bool {
    purpose(skill) == Purpose::Harm
}

/// Yaw and pitch from the eye of one to the chest of another, 65,536 steps to a turn.
pub fn aim(here: &EntityState, there: &EntityState) -> (u16, u16) {
    let (dx, dy) = (f64::from(there.x - here.x), f64::from(there.y - here.y));
    let down = f64::from(here.z) + EYE_UNITS - f64::from(there.z) - CHEST_UNITS;
    let steps = |radians: f64| (radians / TAU * 65_536.0).round() as i64 as u16;
    (steps(dy.atan2(dx)), steps(down.atan2(dx.hypot(dy))))
}

/// What to cast now, and whether it is a favour; none if nothing is ready or of any use.
pub fn choose(turn: &Turn<'_>, view: &View<'_>, dice: &mut Dice) -> Option<(Cast, bool)> {
    let content = &turn.board.content;
    if dice.chance(ABSURD) {
        return absurd(turn, view, dice).map(|cast| (cast, false));
    }
    if let Some(cast) = call_back(turn, view) {
        return Some((cast, false));
    }
    let apart = view.seen.map(|(_, state)| place_of(&state).distance(turn.here));
    let (health, mana) = turn.sheet.shares();
    let mut chosen = None;
    let mut count = 0;
    for skill in turn.sheet.skills.keys().filter_map(|skill| content.skills.find(*skill)) {
        if !turn.sheet.can_cast(skill, turn.newest) {
            continue;
        }
        let purpose = purpose(skill);
        let is_asked_again = view.favours.get(&skill.id).is_some_and(|until_ns| *until_ns > view.now_ns);
        let is_of_use = match purpose {
            Purpose::Harm => is_in_reach(skill, apart),
            Purpose::Heal => health < 60,
            Purpose::Favour => mana > 50 && !is_asked_again,
            Purpose::Revive => false,
        };
        if is_of_use {
            count += 1;
            if dice.below(count) == 0 {
                chosen = Some((skill, purpose == Purpose::Favour));
            }
        }
    }
    let (skill, is_favour) = chosen?;
    Some((cast(skill, target(turn, skill, view), turn, view), is_favour))
}

/// A mate lies dead near by, and the bot can call it back.
fn call_back(turn: &Turn<'_>, view: &View<'_>) -> Option<Cast> {
    let known = turn.sheet.skills.keys().filter_map(|skill| turn.board.content.skills.find(*skill));
    let mut ready = known.filter(|skill| is_reviving(skill) && turn.sheet.can_cast(skill, turn.newest));
    let skill = ready.next()?;
    let is_near = |place: Place| place.distance(turn.here) < metres(skill.range) - 0.5;
    let mut dead = turn.client.entities().filter(|(id, seen)| turn.sheet.is_mate(*id) && seen.state.is_dead());
    let (id, _) = dead.find(|(_, seen)| is_near(place_of(&seen.state)))?;
    Some(cast(skill, CastTarget::Entity(id), turn, view))
}

/// Whether it calls the dead back to life.
pub fn is_reviving(skill: &Skill) -> bool {
    purpose(skill) == Purpose::Revive
}

fn cast(skill: &Skill, at: CastTarget, turn: &Turn<'_>, view: &View<'_>) -> Cast {
    let moment = ViewTick { tick: turn.newest, fraction: 0 };
    Cast { skill: skill.id, at, view: moment, yaw: view.yaw, pitch: view.pitch }
}

/// Something that must be refused: what was not learnt, or is not ready.
fn absurd(turn: &Turn<'_>, view: &View<'_>, dice: &mut Dice) -> Option<Cast> {
    let content = &turn.board.content;
    let cools = turn.sheet.ready.iter().find(|(_, ready)| ready.0 > turn.newest.0 + 60).map(|(skill, _)| *skill);
    let class = content.classes.find(turn.sheet.figures.class)?;
    let unknown = class.tree.iter().map(|node| node.skill).find(|skill| !turn.sheet.skills.contains_key(skill));
    let both = if dice.chance(0.5) { cools.or(unknown) } else { unknown.or(cools) };
    let skill = content.skills.find(both?)?;
    Some(cast(skill, target(turn, skill, view), turn, view))
}

/// Without anybody to fight one practises what costs nothing.
fn is_in_reach(skill: &Skill, apart: Option<f32>) -> bool {
    match apart {
        Some(apart) => apart < metres(skill.range) - 0.3,
        None => skill.mana == 0 && matches!(skill.targeting, Targeting::Cone { .. } | Targeting::Ray),
    }
}

fn target(turn: &Turn<'_>, skill: &Skill, view: &View<'_>) -> CastTarget {
    let harms = purpose(skill) == Purpose::Harm;
    let seen = view.seen.filter(|_| harms);
    match (skill.targeting, seen) {
        (Targeting::Unit { .. } | Targeting::Chain { .. } | Targeting::Missile { .. }, Some((id, _))) => {
            CastTarget::Entity(id)
        }
        (Targeting::Ground { .. }, Some((_, state))) => CastTarget::Place { x_units: state.x, y_units: state.y },
        (Targeting::Ground { .. }, None) => {
            let units = |metres: f32| (metres * UNITS_PER_M as f32) as i32;
            CastTarget::Place { x_units: units(turn.here.x), y_units: units(turn.here.y) }
        }
        _ => CastTarget::Nobody,
    }
}

fn purpose(skill: &Skill) -> Purpose {
    let side = match skill.targeting {
        Targeting::Ray | Targeting::Missile { .. } => Side::Enemies,
        Targeting::Own => Side::Allies,
        Targeting::Unit { side }
        | Targeting::Ground { side, .. }
        | Targeting::Cone { side, .. }
        | Targeting::Chain { side, .. } => side,
    };
    let has = |is: fn(&Outcome) -> bool| skill.outcomes.iter().any(is);
    if has(|outcome| matches!(outcome, Outcome::Revive { .. })) {
        return Purpose::Revive;
    }
    match side {
        Side::Enemies => Purpose::Harm,
        _ if has(|outcome| matches!(outcome, Outcome::Heal { .. })) => Purpose::Heal,
        _ => Purpose::Favour,
    }
}

fn metres(subunits: i32) -> f32 {
    subunits as f32 / SUBUNITS_PER_M as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::content::shipped;
    use protocol::ClassId;
    use protocol::news::Figures;

    #[test]
    fn everything_that_can_be_learnt_is_for_something() {
        let content = shipped("meadow");
        let purpose = |name: &str| super::purpose(content.skills.named(name).unwrap());
        assert_eq!([purpose("strike"), purpose("fireball"), purpose("taunt")], [Purpose::Harm; 3]);
        assert_eq!([purpose("mend"), purpose("healing_rain")], [Purpose::Heal; 2]);
        assert_eq!([purpose("guard"), purpose("battle_shout")], [Purpose::Favour; 2]);
        assert_eq!(purpose("call_back"), Purpose::Revive);
    }

    #[test]
    fn each_class_keeps_the_distance_that_its_weapon_wants() {
        let content = shipped("meadow");
        let reach = [1, 2, 3].map(|class| {
            let mut sheet = Sheet::new(NetId(1));
            sheet.figures = Figures { class: ClassId(class), ..Figures::default() };
            reach_m(&content, &sheet)
        });
        assert!(reach[0] < 2.5 && reach[1] > 15.0 && reach[2] > 15.0, "{reach:?}");
    }

    #[test]
    fn one_aims_where_the_other_stands() {
        let here = EntityState::default();
        let there = EntityState { x: 0, y: 3_200, ..here };
        let (yaw, pitch) = aim(&here, &there);
        assert_eq!(yaw, 16_384, "a quarter turn is north");
        assert!(pitch.abs_diff(625) < 5, "down by 0.6 m in 10 m");
    }
}
