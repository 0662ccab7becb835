//! Each mob fights until it has done all that it can, and then it dies.

use crate::seen::Seen;
use crate::stage::{Person, Stage, content, maps, masters};
use game::Estate;
use game::content::{Content, MobType, Outcome, shipped};
use game::{Game, GameConfig};
use protocol::event::CastEnd;
use protocol::motion::StaticMap;
use protocol::state::HEALTH_SHARE_FULL;
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{GameEvent, NetId, SkillId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The longest cooldown that any mob has is 90 s: after five minutes, in ticks, it has had a chance to do everything.
const FIGHT_TICKS: u32 = 5 * 60 * 60;
/// Shots by which each attacker puts an end to it in one tick.
const SALVO: u32 = 40;
/// From one shot that only provokes to the next: 10 a second, so that it outdoes what comes back by itself.
const SHOT_TICKS: u32 = 6;
/// All mobs of the first filling are there after two seconds.
const FILL_TICKS: u32 = 120;

pub fn meet_all(seen: &mut Seen) {
    maps().for_each(|map| live_on(map, seen));
    let content = content();
    // The first is a beginner, who can wound even a rat without killing it.
    let mut party = masters(1);
    party.insert(0, Estate::newborn(party[0].class, 1));
    for kind in content.mobs.iter() {
        let mut fight = Fight::new(&content, kind, &party);
        let undone = fight.go_on(seen);
        seen.undone.extend(undone.into_iter().map(|what| format!("{}: {what}", kind.name)));
        // While all live, because nothing ends on the dead.
        fight.retreat();
        seen.note(&mut fight.stage);
        if fight.dies() {
            seen.dead.insert(kind.id);
        }
    }
}

/// Those who live on a map where the content says.
fn live_on(map: &str, seen: &mut Seen) {
    let content = shipped(map);
    let side = |part: fn(&game::content::Circle) -> i32| {
        content.places.spawns.iter().map(|spawn| part(&spawn.area) + spawn.area.radius).max().unwrap_or(0)
    };
    let (width, depth) = (side(|area| area.x), side(|area| area.y));
    let metres = |side: i32| (side / SUBUNITS_PER_M + 2).unsigned_abs();
    let map = Arc::new(StaticMap::new(metres(width), metres(depth), &[]).unwrap());
    let config = GameConfig { seed: 1, map, content: Arc::new(content), incarnation: 1, entities_max: 2_000 };
    let mut game = Game::new(config);
    (0..FILL_TICKS).for_each(|_| game.tick());
    let live = game.replicas().live().iter();
    seen.living.extend(live.filter_map(|&id| game.kind_of(id)?.mob));
}

struct Fight<'a> {
    stage: Stage,
    content: &'a Content,
    kind: &'a MobType,
    mob: NetId,
    party: Vec<(Person, Estate)>,
    done: BTreeSet<SkillId>,
}

impl<'a> Fight<'a> {
    fn new(content: &'a Content, kind: &'a MobType, estates: &[Estate]) -> Self {
        let mut stage = Stage::new(content.clone());
        let places = (196..).step_by(2);
        let party = places.zip(estates).map(|(x_m, estate)| (stage.enter(estate, x_m), estate.clone())).collect();
        stage.ticks(2);
        let mob = stage.game.spawn_mob(kind.id, 210 * UNITS_PER_M, 200 * UNITS_PER_M).unwrap();
        stage.ticks(2);
        Self { stage, content, kind, mob, party, done: BTreeSet::new() }
    }

    /// What it has not done.
    fn go_on(&mut self, seen: &mut Seen) -> Vec<String> {
        let mut read = 0;
        let mut effects: BTreeSet<_> = self.applied().collect();
        for tick in 0..FIGHT_TICKS {
            if self.kind.skills.iter().all(|skill| self.done.contains(skill)) && effects.is_empty() {
                break;
            }
            // Somewhat hurt, so that it helps itself.
            let share = self.stage.game.replicas().state(self.mob).health_share();
            if tick % SHOT_TICKS == 0 && u32::from(share) * 10 > u32::from(HEALTH_SHARE_FULL) * 6 {
                let by = self.party[0].0.id;
                self.stage.game.wound_by_shot(by, self.mob);
            }
            self.relieve();
            self.stage.ticks(1);
            for (_, event) in &self.stage.told[read..] {
                match *event {
                    GameEvent::Hurt(hurt) if hurt.by == Some(self.mob) => drop(seen.hurtful.insert(self.kind.id)),
                    GameEvent::CastEnded { by, skill, end: CastEnd::Done } if by == self.mob => {
                        self.done.insert(skill);
                    }
                    GameEvent::EffectBegan { effect, .. } => drop(effects.remove(&effect)),
                    GameEvent::Died { who, .. } if who == self.mob => return vec!["died too early".to_owned()],
                    _ => {}
                }
            }
            read = self.stage.told.len();
        }
        seen.cast.extend(self.done.iter().copied());
        let left = self.kind.skills.iter().filter(|skill| !self.done.contains(skill));
        let mut undone: Vec<String> = left.map(|&skill| self.content.skills.at(skill).name.clone()).collect();
        undone.extend(effects.into_iter().map(|effect| self.content.effects.at(effect).name.clone()));
        undone
    }

    /// Effects that it puts on itself and on others.
    fn applied(&self) -> impl Iterator<Item = protocol::EffectId> + use<'a> {
        let content = self.content;
        let outcomes = self.kind.skills.iter().flat_map(move |&skill| &content.skills.at(skill).outcomes);
        outcomes.filter_map(|outcome| if let Outcome::Apply { effect } = outcome { Some(*effect) } else { None })
    }

    /// Whoever has lost half of his health goes, and comes back hale: the fight must not end with him.
    fn relieve(&mut self) {
        for at in 0..self.party.len() {
            let (person, ref estate) = self.party[at];
            let own = self.stage.game.own(person.id).unwrap().entity();
            if own.health_share() * 2 < HEALTH_SHARE_FULL {
                self.stage.game.despawn(person.id);
                let estate = estate.clone();
                let back = self.stage.come(person.character, &estate, None, 196 + 2 * at as i32);
                self.party[at].0 = back;
            }
        }
    }

    /// Everybody goes where it cannot follow.
    fn retreat(&mut self) {
        for (person, _) in &self.party {
            self.stage.game.place_player(person.id, 20 * UNITS_PER_M, 20 * UNITS_PER_M);
        }
    }

    fn dies(&mut self) -> bool {
        let mob = self.mob;
        for _ in 0..FIGHT_TICKS / 10 {
            self.relieve();
            for _ in 0..SALVO {
                for at in 0..self.party.len() {
                    self.stage.game.wound_by_shot(self.party[at].0.id, mob);
                }
            }
            let since = self.stage.told.len();
            if self.stage.until(1, since, |event| matches!(event, GameEvent::Died { who, .. } if *who == mob)) {
                return true;
            }
        }
        false
    }
}
