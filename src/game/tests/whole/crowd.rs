//! Two dozen people who come and go, and do whatever they want.

use crate::account::Account;
use crate::disk::Disk;
use crate::draws::Draws;
use crate::town::{self, MIDDLE_M};
use crate::wants::Wanting;
use game::content::Content;
use game::{Answer, Estate, Extensions, Game, GameConfig, Happening, WorldImage};
use protocol::command::TradeStep;
use protocol::input::button;
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{CharacterId, ClassId, Command, EntityKind, GameEvent, Input, NetId, News, Tick};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const PEOPLE: u64 = 24;
/// Of these so many have never been here before.
const NEWCOMERS: u64 = 6;
/// No cast that goes by what its caster saw takes longer: three seconds, in ticks.
pub const CAST_TICKS: u32 = 3 * 60;

/// Everything that a tick says.
pub type Said = (Vec<Happening>, Vec<Answer>, Vec<(NetId, News)>);

pub struct Crowd {
    pub game: Game,
    pub disk: Disk,
    pub account: Account,
    draws: Draws,
    content: Arc<Content>,
    seed: u64,
    /// Which process this is.
    incarnation: u32,
    waiting: BTreeMap<(NetId, u16), Command>,
    number: u16,
    /// Revision of the trade that somebody is in.
    trades: BTreeMap<NetId, u32>,
    /// Who has asked somebody for a trade last.
    asked: BTreeMap<NetId, NetId>,
    goals: BTreeMap<CharacterId, (i32, i32)>,
    /// Everybody sees the present: a restored world has no past.
    pub is_prompt: bool,
    /// The first tick that anybody may have seen.
    pub seen_from: Tick,
}

pub fn characters() -> impl Iterator<Item = CharacterId> {
    (1..=PEOPLE).map(CharacterId)
}

/// One class after the other, and two teams.
fn kind_of(content: &Content, character: CharacterId) -> (ClassId, u8) {
    let nth = character.0 as usize % content.classes.len();
    (content.classes.iter().nth(nth).unwrap().id, 1 + (character.0 / 3 % 2) as u8)
}

impl Crowd {
    pub fn new(seed: u64) -> Self {
        let content = Arc::new(town::content());
        let mut crowd = Self {
            game: Game::new(config(&content, seed)),
            disk: Disk::default(),
            account: Account::default(),
            draws: Draws(seed),
            content,
            seed,
            incarnation: 1,
            waiting: BTreeMap::new(),
            number: 0,
            trades: BTreeMap::new(),
            asked: BTreeMap::new(),
            goals: BTreeMap::new(),
            is_prompt: false,
            seen_from: Tick(0),
        };
        for character in characters().skip(NEWCOMERS as usize) {
            let (class, team) = kind_of(&crowd.content, character);
            let level = 1 + (character.0 * 7) % u64::from(crowd.content.rules.level_max);
            crowd.disk.begin_with(&town::past(&crowd.content, character, class, team, level));
        }
        crowd
    }

    pub fn run(&mut self, ticks: u32) {
        (0..ticks).for_each(|_| drop(self.step()));
    }

    /// A tick with all that comes before it; what it says.
    pub fn step(&mut self) -> Said {
        for character in characters() {
            match self.game.id_of(character) {
                None => self.perhaps_come(character),
                Some(id) if self.draws.one_in(1_200) => self.leave(character, id),
                Some(id) => self.act(character, id),
            }
        }
        self.disk.work(&mut self.game, &mut self.draws, false);
        self.tick()
    }

    /// The disk has all, and the game knows it.
    pub fn finish(&mut self) {
        // Mobs go on, and whoever dies asks the disk for something.
        for _ in 0..100 {
            self.disk.work(&mut self.game, &mut self.draws, true);
            self.tick();
            if self.game.under_way().count() == 0 {
                break;
            }
        }
        assert_eq!(self.game.under_way().count(), 0);
        assert_eq!(self.waiting, BTreeMap::new(), "every order is answered");
        assert_eq!(self.disk.told, self.disk.books);
        assert!(self.disk.books.is_in_balance());
        self.compare();
    }

    pub fn compare(&self) {
        self.disk.compare(&self.game, characters());
    }

    /// The world is saved, and goes on from what was saved.
    pub fn make_anew(&mut self) {
        let mut bytes = Vec::new();
        self.game.save().to_bytes(&mut bytes);
        let image = WorldImage::from_bytes(&bytes).unwrap();
        self.game = Game::restore(config(&self.content, self.seed), &image).unwrap();
    }

    /// The process dies, and another begins with this image and what the disk has.
    pub fn crash(&mut self, image: &WorldImage) {
        self.disk.crash();
        self.incarnation += 1;
        self.game = self.restored(image);
        self.waiting.clear();
        self.trades.clear();
        self.asked.clear();
    }

    /// The world of this image with what the disk has on the ground.
    pub fn restored(&self, image: &WorldImage) -> Game {
        let ground = self.disk.ground();
        let restored = Game::restore_vacant(self.config(), &Extensions::none(), image, &ground);
        let (game, left_out) = restored.unwrap();
        assert_eq!(left_out, 0);
        game
    }

    pub fn config(&self) -> GameConfig {
        GameConfig { incarnation: self.incarnation, ..config(&self.content, self.seed) }
    }

    pub fn all_leave(&mut self) {
        for character in characters() {
            if let Some(id) = self.game.id_of(character) {
                self.leave(character, id);
            }
        }
    }

    /// A restored world has told nobody anything: everybody is told all of his own.
    pub fn tell_everybody(&mut self) {
        for id in self.people() {
            self.game.tell_anew(id);
        }
    }

    /// No trade is open that a restart would end.
    pub fn end_trades(&mut self) -> Vec<Said> {
        let mut said = Vec::new();
        for id in self.trades.keys().copied().collect::<Vec<_>>() {
            self.order(id, Command::Trade(TradeStep::Cancel));
        }
        for _ in 0..2 {
            said.push(self.tick());
        }
        said
    }

    /// Whether something is on its way to somebody.
    pub fn has_missiles(&self) -> bool {
        let replicas = self.game.replicas();
        replicas.live().iter().any(|&id| replicas.kind(id) == EntityKind::Projectile)
    }

    fn people(&self) -> Vec<NetId> {
        characters().filter_map(|character| self.game.id_of(character)).collect()
    }

    fn tick(&mut self) -> Said {
        self.game.tick();
        let said = (self.game.happenings().to_vec(), self.game.answers().to_vec(), self.game.notices().to_vec());
        for answer in &said.1 {
            let command = self.waiting.remove(&(answer.to, answer.number)).expect("an answer to something");
            self.account.answer(&command, answer.result);
        }
        for (to, news) in &said.2 {
            match news {
                News::Trade(trade) => drop(self.trades.insert(*to, trade.revision)),
                News::TradeAsked { by } => drop(self.asked.insert(*to, *by)),
                News::TradeEnded { reason } => {
                    self.account.count(if reason.is_none() { "side of a trade" } else { "trade that ended" });
                    self.trades.remove(to);
                }
                _ => {}
            }
        }
        for happening in &said.0 {
            self.account.count(GameEvent::KINDS[happening.event.kind()]);
            if let GameEvent::Died { who, .. } = happening.event {
                let is_player = self.game.character(who).is_some();
                self.account.count(if is_player { "death of a player" } else { "death of a mob" });
            }
        }
        for id in self.game.retired().collect::<Vec<_>>() {
            self.game.recycle(id);
        }
        said
    }

    fn perhaps_come(&mut self, character: CharacterId) {
        if !self.draws.one_in(40) || self.game.has_transactions(character) {
            return;
        }
        let (class, team) = kind_of(&self.content, character);
        let known = self.disk.books.estates.get(&character).cloned().unwrap_or_default();
        // Also whoever has something, but whose birth the disk has refused.
        let is_new = known.class == ClassId(0);
        let estate = if is_new { Estate { class, team, ..known } } else { known };
        let record = self.disk.load(character);
        let id = self.game.spawn_character(character, record.as_ref(), &estate).unwrap();
        if record.is_none() {
            let mut near = || (MIDDLE_M + self.draws.around(15)) * UNITS_PER_M;
            self.game.place_player(id, near(), near());
        }
        if is_new {
            self.game.give_kit(id);
        }
        self.account.count(if record.is_some() { "coming back" } else { "first coming" });
    }

    fn leave(&mut self, character: CharacterId, id: NetId) {
        self.disk.save(character, &self.game.record(id).unwrap());
        self.game.despawn(id);
        self.waiting.retain(|(by, _), _| *by != id);
        self.trades.remove(&id);
        self.asked.retain(|to, by| *to != id && *by != id);
    }

    fn act(&mut self, character: CharacterId, id: NetId) {
        self.walk(character, id);
        if !self.draws.one_in(6) {
            return;
        }
        let people = self.people();
        let mut wanting = Wanting {
            game: &self.game,
            draws: &mut self.draws,
            by: id,
            is_merchant: character.0.is_multiple_of(4),
            trade: self.trades.get(&id).copied(),
            asked_by: self.asked.get(&id).copied(),
            people: &people,
            seen_from: self.seen_from,
            is_prompt: self.is_prompt,
        };
        if let Some(command) = wanting.command() {
            self.order(id, command);
        }
    }

    fn order(&mut self, by: NetId, command: Command) {
        self.number = self.number.wrapping_add(1);
        assert!(self.game.order(by, self.number, command));
        self.waiting.insert((by, self.number), command);
    }

    /// Towards where he wants to be: somewhere near the middle, or where something lies, or where a mob is.
    fn walk(&mut self, character: CharacterId, id: NetId) {
        let Some(here) = self.game.body(id).copied() else { return };
        if self.draws.one_in(120) || !self.goals.contains_key(&character) {
            let lying: Vec<NetId> = self.game.ground().into_iter().map(|(id, _)| id).collect();
            let mobs: Vec<NetId> = self.game.replicas().live().to_vec();
            let of_interest = match self.draws.below(4) {
                0 | 1 => self.draws.of(&lying),
                2 => self.draws.of(&mobs),
                _ => None,
            };
            let there = of_interest.and_then(|id| self.game.body(id)).map(|body| (body.x, body.y));
            let mut near = || (MIDDLE_M + self.draws.around(14)) * SUBUNITS_PER_M;
            let goal = there.unwrap_or_else(|| (near(), near()));
            self.goals.insert(character, goal);
        }
        let (x, y) = self.goals[&character];
        let step = |way: i32| (way / (SUBUNITS_PER_M / 64)).clamp(-127, 127) as i8;
        let is_there = (x - here.x).abs().max((y - here.y).abs()) < 2 * SUBUNITS_PER_M;
        let (move_x, move_y) = if is_there { (0, 0) } else { (step(x - here.x), step(y - here.y)) };
        let buttons = if self.draws.one_in(90) { button::JUMP } else { 0 };
        let yaw = self.draws.below(4_096) as u16;
        self.game.set_input(id, Input { move_x, move_y, yaw, pitch: 0, buttons });
    }
}

fn config(content: &Arc<Content>, seed: u64) -> GameConfig {
    GameConfig { seed, map: town::map(), content: Arc::clone(content), incarnation: 1, entities_max: 2_000 }
}
