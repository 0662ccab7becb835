//! What has to be so that an outcome can be seen, and how it is seen.

use crate::stage::{Person, Stage};
use game::content::{Content, Outcome, Side, Skill, Targeting};
use protocol::event::CastEnd;
use protocol::unit::{SUBUNITS_PER_M, unit_of};
use protocol::{EffectId, GameEvent, MobKind, NetId, SkillId};

/// Whatever is cast and flies and works has done so after this time, in ticks.
const OUTCOME_TICKS: u32 = 12 * 60;

/// Everybody on the field; all have learnt all that they can.
pub struct Cast<'a> {
    pub stage: Stage,
    /// Of each class one of team 1.
    pub ours: Vec<Person>,
    /// Of each class one of team 2.
    pub theirs: Vec<Person>,
    pub content: &'a Content,
}

/// Something done to somebody, before it is done.
#[derive(Debug)]
pub struct Deed {
    by: Person,
    target: NetId,
    outcome: Outcome,
    /// What was put on him, to be ended.
    prepared: Vec<EffectId>,
}

/// What is compared with what was.
struct Before {
    told: usize,
    place: (i32, i32),
    mana: i32,
    /// The greatest loss and the greatest gain of mana in one tick.
    mana_lost: i32,
    mana_gained: i32,
}

impl Cast<'_> {
    pub fn of_class(&self, is_ours: bool, class: protocol::ClassId) -> Person {
        let side = if is_ours { &self.ours } else { &self.theirs };
        *side.iter().find(|person| person.class == class).unwrap()
    }

    /// At whom somebody of ours casts something, so that all that it does can be seen.
    pub fn target_of(&mut self, by: Person, skill: &Skill) -> NetId {
        if skill.outcomes.contains(&Outcome::Taunt) {
            return self.mob_that_hunts(by);
        }
        let side = match skill.targeting {
            Targeting::Own => return by.id,
            Targeting::Unit { side }
            | Targeting::Ground { side, .. }
            | Targeting::Cone { side, .. }
            | Targeting::Chain { side, .. } => side,
            Targeting::Ray | Targeting::Missile { .. } => Side::Enemies,
        };
        let all = if side == Side::Enemies { &self.theirs } else { &self.ours };
        // One who can be interrupted has something to be interrupted in.
        let of_use = |person: &&Person| person.id != by.id && long_cast(self.content, person).is_some();
        all.iter().find(of_use).expect("one who casts").id
    }

    /// Makes the world so that the outcome changes something.
    pub fn prepare(&mut self, by: Person, target: NetId, outcome: Outcome) -> Deed {
        let mut prepared = Vec::new();
        match outcome {
            Outcome::Dispel { school, is_harmful, .. } => {
                let content = self.content;
                let is_such = |effect: EffectId| {
                    let effect = content.effects.at(effect);
                    effect.school == Some(school) && effect.is_harmful == is_harmful
                };
                prepared.extend(self.inflict(target, is_harmful, is_such));
            }
            Outcome::Revive { .. } => {
                let (slayer, since) = (self.theirs[0].id, self.stage.told.len());
                for _ in 0..200 {
                    self.stage.game.wound_by_shot(slayer, target);
                }
                assert!(self.stage.until(
                    2,
                    since,
                    |event| matches!(event, GameEvent::Died { who, .. } if *who == target)
                ));
            }
            _ => {}
        }
        Deed { by, target, outcome, prepared }
    }

    /// The last that is made so: whoever is to be interrupted begins to cast.
    pub fn prepare_last(&mut self, deeds: &[Deed]) {
        for deed in deeds.iter().filter(|deed| matches!(deed.outcome, Outcome::Interrupt { .. })) {
            let target = *self.ours.iter().chain(&self.theirs).find(|person| person.id == deed.target).unwrap();
            let skill = long_cast(self.content, &target).expect("it was chosen for that");
            let since = self.stage.told.len();
            self.stage.cast(target, skill, deed.by.id);
            let begins = |event: &GameEvent| matches!(event, GameEvent::CastBegan { by, .. } if *by == target.id);
            assert!(self.stage.until(1, since, begins));
        }
    }

    /// Ticks until all is seen; gives what is not, in the end.
    pub fn watch(&mut self, deeds: &[Deed], since: usize) -> Vec<Outcome> {
        let mut all: Vec<(&Deed, Before)> = deeds.iter().map(|deed| (deed, self.before(deed, since))).collect();
        for _ in 0..OUTCOME_TICKS {
            all.retain_mut(|(deed, before)| !self.is_seen(deed, before));
            if all.is_empty() {
                break;
            }
            self.stage.ticks(1);
        }
        all.iter().map(|(deed, _)| deed.outcome).collect()
    }

    fn before(&self, deed: &Deed, told: usize) -> Before {
        let body = self.stage.game.body(deed.target).unwrap();
        let mana = self.stage.game.record(deed.target).map_or(0, |record| record.life.unwrap().mana);
        Before { told, place: (body.x, body.y), mana, mana_lost: 0, mana_gained: 0 }
    }

    fn is_seen(&self, deed: &Deed, before: &mut Before) -> bool {
        let Deed { by, target, outcome, ref prepared } = *deed;
        let told = &self.stage.told[before.told..];
        let any = |is: &dyn Fn(&GameEvent) -> bool| told.iter().any(|(_, event)| is(event));
        match outcome {
            Outcome::Damage { kind, .. } => any(&|event| {
                let GameEvent::Hurt(hurt) = event else { return false };
                (hurt.on, hurt.by, hurt.how >> 4) == (target, Some(by.id), kind as u8) && hurt.amount + hurt.absorbed > 0
            }),
            Outcome::Heal { .. } => any(&|event| {
                matches!(event, GameEvent::Healed { on, by: from, amount } if (*on, *from) == (target, by.id) && *amount > 0)
            }),
            Outcome::Mana { amount } => {
                let mana = self.stage.life(target).mana;
                before.mana_gained = before.mana_gained.max(mana - before.mana);
                before.mana_lost = before.mana_lost.max(before.mana - mana);
                before.mana = mana;
                // Most of it in one tick: what comes back by itself comes point by point.
                let seen = if amount < 0 { before.mana_lost } else { before.mana_gained };
                u64::from(seen.unsigned_abs()) * 2 > u64::from(amount.unsigned_abs())
            }
            Outcome::Apply { effect: wanted } => any(
                &|event| matches!(event, GameEvent::EffectBegan { on, effect, .. } if (*on, *effect) == (target, wanted)),
            ),
            Outcome::Dispel { .. } => prepared.iter().any(|&wanted| {
                any(&|event| matches!(event, GameEvent::EffectEnded { on, effect } if (*on, *effect) == (target, wanted)))
            }),
            Outcome::Interrupt { .. } => any(
                &|event| matches!(event, GameEvent::CastEnded { by, end: CastEnd::Interrupted, .. } if *by == target),
            ),
            Outcome::Launch { .. } => {
                let body = self.stage.game.body(target).unwrap();
                let (dx, dy) = (i64::from(body.x - before.place.0), i64::from(body.y - before.place.1));
                dx * dx + dy * dy > i64::from(SUBUNITS_PER_M).pow(2)
            }
            Outcome::Taunt => any(&|event| {
                matches!(event, GameEvent::Hurt(hurt) if hurt.by == Some(target) && hurt.on == by.id)
            }),
            Outcome::Revive { .. } => {
                any(&|event| matches!(event, GameEvent::Revived { who } if *who == target))
            }
        }
    }

    /// Has somebody put an effect on a target, to be ended, and says which; `None` if nobody can.
    fn inflict(&mut self, target: NetId, is_harmful: bool, is_such: impl Fn(EffectId) -> bool) -> Option<EffectId> {
        let team = self.ours.iter().chain(&self.theirs).find(|person| person.id == target).unwrap().team;
        let casters: Vec<Person> = self.ours.iter().chain(&self.theirs).copied().collect();
        for caster in casters.into_iter().filter(|caster| (caster.team != team) == is_harmful) {
            for skill in skills_of(self.content, caster.class) {
                let given = skill.outcomes.iter().find_map(|outcome| match outcome {
                    Outcome::Apply { effect } if is_such(*effect) => Some(*effect),
                    _ => None,
                });
                let is_own = skill.targeting == Targeting::Own;
                let Some(effect) = given.filter(|_| !is_own || caster.id == target) else { continue };
                if skill.mana as i32 > self.stage.life(caster.id).mana || !is_own && caster.id == target {
                    continue;
                }
                let since = self.stage.told.len();
                self.stage.cast(caster, skill.id, target);
                let has_it = self.stage.until(OUTCOME_TICKS, since, |event| {
                    matches!(event, GameEvent::EffectBegan { on, effect: began, .. } if (*on, *began) == (target, effect))
                });
                assert!(has_it, "{} does not give {}", skill.name, self.content.effects.at(effect).name);
                return Some(effect);
            }
        }
        None
    }

    /// A mob that goes for somebody else than `by`, and does nothing but strike whom it goes for.
    fn mob_that_hunts(&mut self, by: Person) -> NetId {
        let strikes = |skill: &SkillId| matches!(self.content.skills.at(*skill).targeting, Targeting::Unit { .. });
        let mut kinds = self.content.mobs.iter();
        let kind = kinds.find(|kind| kind.aggro_radius > 0 && kind.skills.iter().all(strikes)).expect("a plain beast");
        let bait = self.ours.iter().find(|person| person.id != by.id).unwrap().id;
        let there = *self.stage.game.body(bait).unwrap();
        let beside = (there.x + 2 * SUBUNITS_PER_M, there.y);
        let mob = self.spawn(kind.id, beside);
        let since = self.stage.told.len();
        let hunts = self.stage.until(
            OUTCOME_TICKS,
            since,
            |event| matches!(event, GameEvent::Hurt(hurt) if hurt.by == Some(mob) && hurt.on == bait),
        );
        assert!(hunts, "{} does not go for who stands beside it", kind.name);
        mob
    }

    fn spawn(&mut self, kind: MobKind, (x, y): (i32, i32)) -> NetId {
        self.stage.game.spawn_mob(kind, unit_of(x), unit_of(y)).unwrap()
    }
}

/// Everything that a class can do.
pub fn skills_of(content: &Content, class: protocol::ClassId) -> impl Iterator<Item = &Skill> {
    let class = content.classes.at(class);
    let all = class.skills.iter().chain(class.tree.iter().map(|node| &node.skill));
    all.map(|&skill| content.skills.at(skill))
}

/// Something that somebody can do to an enemy and that takes longer than it takes to answer it.
fn long_cast(content: &Content, person: &Person) -> Option<SkillId> {
    let is_long = |skill: &&Skill| skill.cast_ticks >= 60 && matches!(skill.targeting, Targeting::Missile { .. });
    skills_of(content, person.class).find(is_long).map(|skill| skill.id)
}
