//! Six who do everything at once, on a disk that is slow, refuses and crashes.

use crate::disk::{Disk, Tables};
use crate::goods::{self, ARROW, POISON, POTION, STONE, SWORD};
use game::content::Content;
use game::{Drop, Game, GameConfig, GroundRecord, Happening, Transaction, WorldImage};
use protocol::command::TradeStep;
use protocol::motion::StaticMap;
use protocol::news::{ItemRow, WORN};
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{CharacterId, Command, GameEvent, ItemId, ItemKind, NetId, News, Refusal};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub const PLAYERS: u64 = 6;

/// Sorts of orders that are counted when they are done.
pub const SORTS: [&str; 11] =
    ["equip", "unequip", "use", "drop", "pick up", "move", "buy", "sell", "repair", "ask", "confirm"];

fn sort(command: &Command) -> Option<usize> {
    Some(match command {
        Command::Equip { .. } => 0,
        Command::Unequip { .. } => 1,
        Command::Use { .. } => 2,
        Command::Drop { .. } => 3,
        Command::PickUp { .. } => 4,
        Command::Move { .. } => 5,
        Command::Buy { .. } => 6,
        Command::Sell { .. } => 7,
        Command::Repair { .. } => 8,
        Command::Trade(TradeStep::Ask { .. }) => 9,
        Command::Trade(TradeStep::Confirm { .. }) => 10,
        _ => return None,
    })
}

/// Draws of a test; splitmix64.
pub struct Draws(pub u64);

impl Draws {
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        (!all.is_empty()).then(|| all[self.below(all.len() as u64) as usize])
    }
}

pub struct Play {
    pub game: Game,
    pub disk: Disk,
    /// Asked and not on disk.
    queue: Vec<Transaction>,
    /// An image, and how much of the log it had been told.
    image: Option<(Vec<u8>, usize)>,
    draws: Draws,
    content: Arc<Content>,
    incarnation: u32,
    pub entities_max: usize,
    pub is_crash_proof: bool,
    /// Orders without an answer.
    waiting: BTreeMap<(NetId, u16), Command>,
    /// Of the last order.
    number: u16,
    /// Orders up to this one were given before the last crash: an image may answer them again, to nobody.
    forgiven: u16,
    /// Revision of the trade that somebody is in.
    trades: BTreeMap<NetId, u32>,
    born: BTreeSet<CharacterId>,
    pub done: [u32; SORTS.len()],
    pub crashes: u32,
    pub world_full: u32,
    pub traded: u32,
    pub died: u32,
    /// Makes the world anew from its image between two ticks now and then.
    pub restless: Option<Draws>,
    pub restored: u32,
}

fn config(content: &Arc<Content>, incarnation: u32, entities_max: usize) -> GameConfig {
    let map = Arc::new(StaticMap::new(200, 200, &[]).unwrap());
    GameConfig { seed: 1, map, content: Arc::clone(content), incarnation, entities_max }
}

impl Play {
    pub fn new(seed: u64) -> Self {
        let content = Arc::new(goods::content());
        Self {
            game: Game::new(config(&content, 1, 2_000)),
            disk: Disk::default(),
            queue: Vec::new(),
            image: None,
            draws: Draws(seed),
            content,
            incarnation: 1,
            entities_max: 2_000,
            is_crash_proof: false,
            waiting: BTreeMap::new(),
            number: 0,
            forgiven: 0,
            trades: BTreeMap::new(),
            born: BTreeSet::new(),
            done: [0; SORTS.len()],
            crashes: 0,
            world_full: 0,
            traded: 0,
            died: 0,
            restless: None,
            restored: 0,
        }
    }

    /// One tick with what comes before it.
    pub fn step(&mut self) {
        for character in (1..=PLAYERS).map(CharacterId) {
            match self.game.id_of(character) {
                None => self.perhaps_login(character),
                Some(id) if self.draws.one_in(300) => self.logout(id),
                Some(id) => {
                    if self.draws.one_in(3) {
                        self.act(id);
                    }
                }
            }
        }
        if self.draws.one_in(40) {
            self.leave_loot();
        }
        if !self.is_crash_proof && self.draws.one_in(400) {
            self.crash();
        }
        self.write(false);
        if self.draws.one_in(60) {
            // With what it was told of and has not done yet.
            let mut bytes = Vec::new();
            self.game.save().to_bytes(&mut bytes);
            self.image = Some((bytes, self.disk.told_len));
        }
        self.tick();
        self.perhaps_restore();
    }

    /// A trade would not outlive it.
    fn perhaps_restore(&mut self) {
        if self.trades.is_empty() && self.restless.as_mut().is_some_and(|draws| draws.one_in(5)) {
            let config = config(&self.content, self.incarnation, self.entities_max);
            self.game = Game::restore(config, &self.game.save()).unwrap();
            self.restored += 1;
        }
    }

    /// Everything comes to disk, and then the game has what the disk has.
    pub fn finish(&mut self) {
        for _ in 0..4 {
            self.write(true);
            self.tick();
        }
        assert_eq!(self.game.under_way().count(), 0);
        assert_eq!(self.disk.told, self.disk.tables);
        assert_eq!(self.waiting, BTreeMap::new(), "every order is answered");
    }

    fn tick(&mut self) {
        self.game.tick();
        for answer in self.game.answers().to_vec() {
            let key = (answer.to, answer.number);
            let Some(command) = self.waiting.remove(&key) else {
                assert!(answer.number <= self.forgiven, "{answer:?} answers nothing");
                continue;
            };
            if let (Ok(()), Some(sort)) = (answer.result, sort(&command)) {
                self.done[sort] += 1;
            }
            self.world_full += u32::from(answer.result == Err(Refusal::WorldFull));
        }
        for (to, news) in self.game.notices() {
            match news {
                News::Trade(trade) => drop(self.trades.insert(*to, trade.revision)),
                News::TradeEnded { reason } => {
                    self.traded += u32::from(reason.is_none());
                    self.trades.remove(to);
                }
                _ => {}
            }
        }
        let died = |happening: &&Happening| matches!(happening.event, GameEvent::Died { .. });
        self.died += self.game.happenings().iter().filter(died).count() as u32;
        self.compare();
        let retired: Vec<NetId> = self.game.retired().collect();
        retired.into_iter().for_each(|id| self.game.recycle(id));
    }

    /// The game has exactly what it was told that the disk has.
    fn compare(&self) {
        let mut seen: BTreeSet<ItemId> = BTreeSet::new();
        for character in (1..=PLAYERS).map(CharacterId) {
            let Some(id) = self.game.id_of(character) else { continue };
            let estate = self.game.estate(id).unwrap();
            let expected = self.disk.told.estate(character);
            let bare = |row: &ItemRow| ItemRow { is_held: false, ..*row };
            assert_eq!(estate.items.iter().map(bare).collect::<Vec<_>>(), expected.items, "{character:?}");
            assert_eq!(estate.coins, expected.coins, "{character:?}");
            assert!(estate.items.iter().all(|row| seen.insert(row.item)), "an item is in two places");
        }
        let mut ground: Vec<GroundRecord> = self.game.ground().into_iter().map(|(_, record)| record).collect();
        ground.sort_by_key(GroundRecord::name);
        assert!(ground.iter().all(|record| seen.insert(record.name())), "an item is in two places");
        assert_eq!(ground, self.disk.told.ground());
    }

    /// The disk takes what was asked, in any order, or refuses it, and tells.
    fn write(&mut self, is_all: bool) {
        self.queue.extend(self.game.take_transactions());
        while !self.queue.is_empty() && (is_all || self.draws.one_in(2)) {
            let at = self.draws.below(self.queue.len() as u64) as usize;
            let transaction = self.queue.remove(at);
            if self.draws.one_in(10) {
                self.disk.refused += 1;
                self.game.settle(transaction.id, false);
            } else {
                self.disk.apply(&transaction);
            }
        }
        while self.disk.told_len < self.disk.log.len() && (is_all || !self.draws.one_in(3)) {
            let id = self.disk.tell().unwrap();
            self.game.settle(id, true);
        }
    }

    fn perhaps_login(&mut self, character: CharacterId) {
        if !self.draws.one_in(20) || self.game.has_transactions(character) {
            return;
        }
        let Ok(id) = self.game.spawn_character(character, None, &self.disk.tables.estate(character)) else { return };
        self.game.place_player(id, 100 * UNITS_PER_M, 100 * UNITS_PER_M);
        if self.born.insert(character) {
            self.game.give_kit(id);
        }
    }

    fn logout(&mut self, id: NetId) {
        self.game.despawn(id);
        self.waiting.retain(|(by, _), _| *by != id);
        self.trades.remove(&id);
    }

    fn leave_loot(&mut self) {
        let middle = 100 * SUBUNITS_PER_M;
        let items = vec![
            (ARROW, 1 + self.draws.below(250) as u32),
            (SWORD, self.draws.below(2) as u32),
            (STONE, self.draws.below(5) as u32),
            (POTION, self.draws.below(4) as u32),
        ];
        let owners = self.anybody().into_iter().collect();
        let coins = self.draws.below(300);
        self.game.leave(Drop { place: (middle, middle, 0), coins, items, owners });
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.incarnation += 1;
        self.queue.clear();
        self.forgiven = self.number;
        self.waiting.clear();
        self.trades.clear();
        match self.image.take().filter(|_| self.draws.one_in(2)) {
            Some((bytes, told)) => self.restart_from(&bytes, told),
            None => self.restart_fresh(),
        }
        // A kit that never came to disk was never given.
        let has_kit = |character: &CharacterId| self.disk.tables.coins.contains_key(character);
        self.born.retain(has_kit);
        self.compare();
    }

    pub fn restart_fresh(&mut self) {
        self.game = Game::new(config(&self.content, self.incarnation, self.entities_max));
        assert_eq!(self.game.restore_ground(&self.disk.tables.ground()), 0);
        self.know_all();
    }

    /// From an image that had been told so much of the log: all that came later is done, and what did not come is refused.
    fn restart_from(&mut self, bytes: &[u8], told: usize) {
        let image = WorldImage::from_bytes(bytes).unwrap();
        self.game = Game::restore(config(&self.content, self.incarnation, self.entities_max), &image).unwrap();
        for transaction in &self.disk.log[told..] {
            self.game.replay(transaction);
        }
        self.know_all();
        self.game.refuse_under_way();
    }

    fn know_all(&mut self) {
        self.disk.told = Tables::clone(&self.disk.tables);
        self.disk.told_len = self.disk.log.len();
    }

    fn anybody(&mut self) -> Option<NetId> {
        let all: Vec<NetId> = (1..=PLAYERS).filter_map(|number| self.game.id_of(CharacterId(number))).collect();
        self.draws.of(&all)
    }

    fn act(&mut self, by: NetId) {
        let Some(command) = self.command(by) else { return };
        self.number = self.number.wrapping_add(1);
        if self.game.order(by, self.number, command) {
            self.waiting.insert((by, self.number), command);
        }
    }

    fn command(&mut self, by: NetId) -> Option<Command> {
        let rows = self.game.estate(by)?.items;
        let row = if self.draws.one_in(25) {
            let other = self.anybody()?;
            let theirs = self.game.estate(other)?.items;
            self.draws.of(&theirs)
        } else {
            self.draws.of(&rows)
        };
        let row = row.unwrap_or_default();
        let item = row.item;
        let count = match self.draws.below(6) {
            0 => 0,
            1 => u32::MAX,
            2 | 3 => row.count,
            _ => 1 + self.draws.below(u64::from(row.count.max(1))) as u32,
        };
        if self.trades.contains_key(&by) && !self.draws.one_in(3) {
            return self.trade(by, item, count);
        }
        Some(match self.draws.below(12) {
            0 => Command::Equip { item },
            1 => Command::Unequip { slot: self.draws.of(&[WORN, WORN + 1, WORN + 2, 255, 3])? },
            2 => Command::Use { item: self.usable(&rows).unwrap_or(item) },
            3 => Command::Drop { item, count },
            4 | 5 => Command::PickUp { entity: self.lying()? },
            6 => Command::Move { item, count, slot: self.slot(&rows, row.kind) },
            7 => {
                let kind = self.draws.of(&[POTION, ARROW, SWORD, STONE, POISON, ItemKind(77)])?;
                Command::Buy { kind, count: self.draws.of(&[1, 2, 7, 130, 0, u32::MAX])? }
            }
            8 => Command::Sell { item, count },
            9 => Command::Repair { item: self.shabby(&rows).unwrap_or(item) },
            _ => Command::Trade(TradeStep::Ask { with: self.anybody()? }),
        })
    }

    fn trade(&mut self, by: NetId, item: ItemId, count: u32) -> Option<Command> {
        let revision = *self.trades.get(&by)?;
        Some(Command::Trade(match self.draws.below(12) {
            0 => TradeStep::Cancel,
            1 | 2 => TradeStep::Offer { item, count },
            3 => TradeStep::OfferCoins { coins: self.draws.of(&[0, 1, 50, 10_000, u64::MAX])? },
            4 => TradeStep::Confirm { revision: revision.wrapping_sub(1) },
            _ => TradeStep::Confirm { revision },
        }))
    }

    fn usable(&mut self, rows: &[ItemRow]) -> Option<ItemId> {
        let poison = u64::from(self.draws.one_in(4));
        let kinds = if poison == 1 { [POISON, POISON] } else { [POTION, POTION] };
        let all: Vec<ItemId> = rows.iter().filter(|row| kinds.contains(&row.kind)).map(|row| row.item).collect();
        self.draws.of(&all)
    }

    fn shabby(&mut self, rows: &[ItemRow]) -> Option<ItemId> {
        let all: Vec<ItemId> =
            rows.iter().filter(|row| (1..40).contains(&row.durability)).map(|row| row.item).collect();
        self.draws.of(&all)
    }

    fn lying(&mut self) -> Option<NetId> {
        let all: Vec<NetId> = self.game.ground().into_iter().map(|(id, _)| id).collect();
        if self.draws.one_in(10) { Some(NetId(self.draws.below(40) as u16)) } else { self.draws.of(&all) }
    }

    /// A slot to put something: any, or one with the same kind in it.
    fn slot(&mut self, rows: &[ItemRow], kind: ItemKind) -> u8 {
        let same: Vec<u8> = rows.iter().filter(|row| row.kind == kind).map(|row| row.slot).collect();
        let any = self.draws.of(&[0, 1, 2, 3, 5, 8, 13, 21, 34, 39, 40, 255]).unwrap_or(0);
        if self.draws.one_in(2) { self.draws.of(&same).unwrap_or(any) } else { any }
    }
}
