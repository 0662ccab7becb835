//! An open field with the shipped content, where everybody does what he is told and all that happens is written down.

use game::content::{Content, Places, SHIPPED, Skill, Targeting, shipped};
use game::{Estate, Game, GameConfig, Life, PlayerRecord};
use protocol::command::{Cast, CastTarget};
use protocol::motion::StaticMap;
use protocol::unit::{SUBUNIT_BITS, SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{CharacterId, ClassId, Command, GameEvent, NetId, News, Refusal, SkillId, ViewTick};
use std::sync::Arc;

/// Side of the field, in metres.
const SIDE_M: u32 = 400;
/// Who casts something tries again for so long: longer than every cast and every channel that players have, in ticks.
pub const PATIENCE_TICKS: u32 = 10 * 60;

/// The maps that come with the server, by the names of their files.
pub fn maps() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().filter_map(|file| file.name.strip_prefix("places/")?.strip_suffix(".toml"))
}

/// The shipped content, and nobody and nothing at any place.
pub fn content() -> Content {
    Content { places: Places::default(), ..shipped("meadow") }
}

/// Experience of somebody who can get no more.
pub fn experience_max(content: &Content) -> u64 {
    let rules = &content.rules;
    let of_level = |level: u64| {
        u64::from(rules.experience_base) * level + u64::from(rules.experience_growth) * level * (level - 1)
    };
    (1..u64::from(rules.level_max)).map(of_level).sum()
}

/// Somebody on the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: NetId,
    pub character: CharacterId,
    pub class: ClassId,
    pub team: u8,
}

pub struct Stage {
    pub game: Game,
    /// All that happened, each with its tick.
    pub told: Vec<(u32, GameEvent)>,
    /// All that single players were told of themselves.
    pub news: Vec<(NetId, News)>,
    numbers: u16,
    characters: u64,
}

impl Stage {
    pub fn new(content: Content) -> Self {
        let map = Arc::new(StaticMap::new(SIDE_M, SIDE_M, &[]).unwrap());
        let config = GameConfig { seed: 1, map, content: Arc::new(content), incarnation: 1, entities_max: 200 };
        Self { game: Game::new(config), told: Vec::new(), news: Vec::new(), numbers: 0, characters: 0 }
    }

    /// Somebody who owns this comes, so many metres east, and stands.
    pub fn enter(&mut self, estate: &Estate, x_m: i32) -> Person {
        self.characters += 1;
        let character = CharacterId(self.characters);
        self.come(character, estate, None, x_m)
    }

    /// As [`Self::enter`], with a half of his health and his mana.
    pub fn enter_weary(&mut self, estate: &Estate, x_m: i32) -> Person {
        let hale = self.enter(estate, x_m);
        self.ticks(1);
        let record = self.game.record(hale.id).unwrap();
        let life = self.life(hale.id);
        self.game.despawn(hale.id);
        let life = Life { health: life.health / 2, mana: life.mana / 2, ..life };
        self.come(hale.character, estate, Some(&PlayerRecord { life: Some(life), ..record }), x_m)
    }

    /// A character that has been here comes as his record says.
    pub fn come(&mut self, character: CharacterId, estate: &Estate, record: Option<&PlayerRecord>, x_m: i32) -> Person {
        let id = self.game.spawn_character(character, record, estate).unwrap();
        self.place(id, x_m * UNITS_PER_M, SIDE_M as i32 / 2 * UNITS_PER_M);
        Person { id, character, class: estate.class, team: estate.team }
    }

    pub fn place(&mut self, id: NetId, x_units: i32, y_units: i32) {
        self.game.place_player(id, x_units, y_units);
    }

    /// Everything that is asked of the disk is on it in the coming tick.
    pub fn ticks(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.game.tick();
            let now = self.game.now().0;
            self.told.extend(self.game.happenings().iter().map(|happening| (now, happening.event)));
            self.news.extend_from_slice(self.game.notices());
            for transaction in self.game.take_transactions() {
                self.game.settle(transaction.id, true);
            }
        }
    }

    /// Ticks until something has happened after the first `since` of what was told; false if it does not in so many.
    pub fn until(&mut self, ticks: u32, since: usize, mut has: impl FnMut(&GameEvent) -> bool) -> bool {
        for _ in 0..ticks {
            if self.told[since..].iter().any(|(_, event)| has(event)) {
                return true;
            }
            self.ticks(1);
        }
        self.told[since..].iter().any(|(_, event)| has(event))
    }

    pub fn life(&self, id: NetId) -> Life {
        self.game.record(id).unwrap().life.unwrap()
    }

    /// What comes of a command, within a few ticks.
    pub fn ask(&mut self, by: NetId, command: Command) -> Result<(), Refusal> {
        self.numbers += 1;
        assert!(self.game.order(by, self.numbers, command));
        for _ in 0..4 {
            self.ticks(1);
            if let Some(answer) = self.game.answers().iter().find(|answer| answer.number == self.numbers) {
                return answer.result;
            }
        }
        panic!("{command:?} was not answered");
    }

    /// Goes to a target and casts something at it, waiting for cooldowns if need be.
    ///
    /// # Panics
    /// If he may not.
    pub fn cast(&mut self, by: Person, skill: SkillId, at: NetId) {
        let skill = self.game.content().skills.at(skill).clone();
        if by.id != at {
            let there = *self.game.body(at).unwrap();
            let away = distance(&skill);
            self.place(by.id, (there.x - away) >> SUBUNIT_BITS, there.y >> SUBUNIT_BITS);
            // So that he is known to be there.
            self.ticks(2);
        }
        let mut result = Ok(());
        for _ in 0..PATIENCE_TICKS {
            let command = self.command(&skill, by.id, at);
            result = self.ask(by.id, command);
            if !matches!(result, Err(Refusal::OnCooldown | Refusal::Busy)) {
                break;
            }
        }
        assert_eq!(result, Ok(()), "{} of {by:?} at {at:?}", skill.name);
    }

    fn command(&self, skill: &Skill, by: NetId, at: NetId) -> Command {
        let there = self.game.body(at).unwrap();
        let at = match skill.targeting {
            Targeting::Own | Targeting::Cone { .. } | Targeting::Ray => CastTarget::Nobody,
            Targeting::Unit { .. } | Targeting::Chain { .. } if by == at => CastTarget::Nobody,
            Targeting::Unit { .. } | Targeting::Chain { .. } | Targeting::Missile { .. } => CastTarget::Entity(at),
            Targeting::Ground { .. } => {
                CastTarget::Place { x_units: there.x >> SUBUNIT_BITS, y_units: there.y >> SUBUNIT_BITS }
            }
        };
        // East: his target is there.
        Command::Cast(Cast {
            skill: skill.id,
            at,
            view: ViewTick { tick: self.game.now(), fraction: 0 },
            yaw: 0,
            pitch: 0,
        })
    }
}

/// How far from his target somebody casts this: near enough for a blade, not so near that an arrow has no way to fly.
fn distance(skill: &Skill) -> i32 {
    (skill.range / 2).min(5 * SUBUNITS_PER_M)
}

/// A grown character of each class that has learnt all its tree as one does: level by level it may, need by need, and each
/// for its points.
pub fn masters(team: u8) -> Vec<Estate> {
    let content = content();
    content.classes.iter().map(|class| master(&content, class.id, team)).collect()
}

fn master(content: &Content, class: ClassId, team: u8) -> Estate {
    let mut stage = Stage::new(content.clone());
    let estate = Estate { experience: experience_max(content), ..Estate::newborn(class, team) };
    let pupil = stage.enter(&estate, 100);
    stage.ticks(1);
    let class = content.classes.at(class);
    loop {
        let learnt = stage.game.estate(pupil.id).unwrap().skills;
        let is_known = |skill: SkillId| learnt.iter().any(|(known, _)| *known == skill);
        let next =
            class.tree.iter().find(|node| !is_known(node.skill) && node.needs.iter().all(|&need| is_known(need)));
        let Some(node) = next else { break };
        let result = stage.ask(pupil.id, Command::Learn { skill: node.skill });
        assert_eq!(result, Ok(()), "{} of {}", content.skills.at(node.skill).name, class.name);
    }
    let estate = stage.game.estate(pupil.id).unwrap();
    assert_eq!(estate.skills.len(), class.tree.len(), "{} cannot learn all", class.name);
    estate
}
