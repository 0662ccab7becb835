//! A disk that takes its time, refuses now and then, and tells in its own order.

use crate::draws::Draws;
use game::{Books, Game, GroundRecord, PlayerRecord, Transaction};
use protocol::{CharacterId, ClassId};
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// All that it has.
    pub books: Books,
    /// As far as the game was told.
    pub told: Books,
    /// Asked, and neither written nor refused.
    waiting: Vec<Transaction>,
    /// Written, and the game was not told.
    silent: VecDeque<Transaction>,
    /// Checkpoints, as bytes.
    pub records: BTreeMap<CharacterId, Vec<u8>>,
    pub written: u32,
    pub refused: u32,
}

impl Disk {
    /// Something that it had before the game began.
    pub fn begin_with(&mut self, transaction: &Transaction) {
        self.books.apply(transaction).unwrap();
        self.told.apply(transaction).unwrap();
    }

    /// What it does before a tick.
    pub fn work(&mut self, game: &mut Game, draws: &mut Draws, is_prompt: bool) {
        self.waiting.extend(game.take_transactions());
        while !self.waiting.is_empty() && (is_prompt || draws.one_in(2)) {
            let transaction = self.waiting.remove(draws.below(self.waiting.len() as u64) as usize);
            if draws.one_in(20) {
                self.refused += 1;
                game.settle(transaction.id, false);
            } else {
                self.books.apply(&transaction).unwrap();
                self.silent.push_back(transaction);
                self.written += 1;
            }
        }
        while let Some(transaction) = self.silent.pop_front_if(|_| is_prompt || draws.one_in(2)) {
            self.told.apply(&transaction).unwrap();
            game.settle(transaction.id, true);
        }
    }

    /// Who asked it is gone: what it had not begun has never been, and nobody waits for an answer.
    pub fn crash(&mut self) {
        self.waiting.clear();
        self.silent.clear();
        self.told = self.books.clone();
    }

    /// What it has on the ground.
    pub fn ground(&self) -> Vec<GroundRecord> {
        ground(&self.books)
    }

    pub fn save(&mut self, character: CharacterId, record: &PlayerRecord) {
        let bytes = self.records.entry(character).or_default();
        bytes.clear();
        record.to_bytes(bytes);
    }

    pub fn load(&self, character: CharacterId) -> Option<PlayerRecord> {
        self.records.get(&character).map(|bytes| PlayerRecord::from_bytes(bytes).unwrap())
    }

    /// The game has exactly what it was told that this has.
    pub fn compare(&self, game: &Game, characters: impl Iterator<Item = CharacterId>) {
        for character in characters {
            let Some(id) = game.id_of(character) else { continue };
            let mut estate = game.estate(id).unwrap();
            estate.items.iter_mut().for_each(|row| row.is_held = false);
            let mut told = self.told.estates.get(&character).cloned().unwrap_or_default();
            told.items.sort_by_key(|row| row.slot);
            told.skills.sort_unstable();
            // Who is new is nobody before the disk has it.
            if told.class == ClassId(0) {
                (told.class, told.team) = (estate.class, estate.team);
            }
            assert_eq!(estate, told, "{character:?}");
        }
        let lying = game.ground().into_iter().map(|(_, record)| (record.name(), record));
        let lying: BTreeMap<_, _> = lying.collect();
        let known: BTreeMap<_, _> = ground(&self.told).into_iter().map(|record| (record.name(), record)).collect();
        assert_eq!(lying, known);
    }
}

fn ground(books: &Books) -> Vec<GroundRecord> {
    let items = books.ground.values().map(|record| GroundRecord::Item(*record));
    let heaps = books.heaps.iter();
    let heaps = heaps.map(|(&heap, of)| GroundRecord::Coins { heap, coins: of.coins, place: of.place });
    items.chain(heaps).collect()
}
