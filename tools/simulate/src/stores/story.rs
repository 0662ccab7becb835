//! A server that is none: it does what realms do to stores, at random, and keeps what a realm would keep.

use super::{Beginning, Plan, StoreFault, Stores, Wrong};
use game::{Books, Entry, Heap, Holder, ItemRecord, Listing, Transaction, TransactionId, Way};
use protocol::{AccountId, CharacterId, ClassId, ItemId, ItemKind};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rudp::time::{NS_PER_MS, NS_PER_S, Now};
use server::{StoreDone, StoreJob};
use std::collections::BTreeMap;

/// Time between two steps: a tick.
const STEP_NS: u64 = 16 * NS_PER_MS;
const CHARACTERS: u64 = 12;

/// The story.
pub struct Story {
    pub stores: Stores,
    pub now: Now,
    rng: StdRng,
    /// Who owns what after all that was asked for and not refused: valid transactions are made of it.
    books: Books,
    /// The same after all that was answered, to go back to.
    pub answered: BTreeMap<TransactionId, u64>,
    revisions: BTreeMap<CharacterId, u64>,
    /// Saves to do again, and when.
    again: Vec<(u64, CharacterId, u64, Vec<u8>)>,
    waiting: BTreeMap<CharacterId, Vec<u8>>,
    ids: u64,
    items: u64,
    /// How often what happens, in a hundred ticks.
    pub faults: u32,
    pub crashes: u32,
    pub starts: u32,
}

impl Story {
    pub fn new(seed: u64) -> Self {
        Self::planned(seed, Plan::of(seed))
    }

    pub fn planned(seed: u64, plan: Plan) -> Self {
        let stores = Stores::planned(seed, plan);
        let mut story = Self {
            stores,
            now: Now { mono_ns: NS_PER_S, unix_s: 1_800_000_000 },
            rng: StdRng::seed_from_u64(seed ^ 0xabcd),
            books: Books::default(),
            answered: BTreeMap::new(),
            revisions: BTreeMap::new(),
            again: Vec::new(),
            waiting: BTreeMap::new(),
            ids: 0,
            items: 0,
            faults: 2,
            crashes: 1,
            starts: 0,
        };
        story.begin();
        story
    }

    pub fn wrong(mut self, wrong: Wrong) -> Self {
        self.stores.go_wrong(wrong);
        self
    }

    pub fn begin(&mut self) -> Beginning {
        let beginning = self.stores.begin(self.now);
        self.starts += 1;
        assert_eq!(beginning.incarnation, self.starts);
        self.books = self.stores.witness.books.clone();
        self.revisions.clear();
        self.waiting.clear();
        self.again.clear();
        beginning
    }

    pub fn crash(&mut self, is_torn: bool) {
        self.stores.crash(self.now, is_torn);
    }

    /// A tick without anything new.
    pub fn tick(&mut self) -> Result<(), String> {
        self.now = self.now.plus_ns(STEP_NS);
        self.stores.advance(self.now);
        while let Some(done) = self.stores.poll_done() {
            self.on_done(done);
        }
        let due = self.again.iter().position(|(due_ns, ..)| *due_ns <= self.now.mono_ns);
        if let (Some(at), true) = (due, self.stores.room() > 0) {
            let (_, character, revision, bytes) = self.again.remove(at);
            self.submit(StoreJob::Save { character, revision, bytes });
        }
        self.stores.check(self.now)
    }

    fn on_done(&mut self, done: StoreDone) {
        match done {
            StoreDone::Committed { id, seq, refused: None } => drop(self.answered.insert(id, seq)),
            // What was built on it is refused, too: it is made of what is there.
            StoreDone::Committed { .. } => self.books = self.stores.witness.books.clone(),
            StoreDone::Loaded { character, found: Ok(found) } => {
                let revision = found.checkpoint.map_or(0, |saved| saved.revision);
                let known = self.revisions.entry(character).or_default();
                *known = revision.max(*known);
            }
            StoreDone::Failed { character, revision, .. } => {
                let newest = self.revisions.get(&character) == Some(&revision);
                if let Some(bytes) = self.waiting.get(&character).filter(|_| newest) {
                    self.again.push((self.now.mono_ns + NS_PER_S, character, revision, bytes.clone()));
                }
            }
            _ => {}
        }
    }

    pub fn submit(&mut self, job: StoreJob) {
        if self.stores.room() > 0 {
            self.stores.submit(self.now, job);
        }
    }

    /// A tick in which anything may happen.
    pub fn live(&mut self) -> Result<(), String> {
        if self.rng.random_ratio(self.faults, 100) {
            let fault = StoreFault::ALL[self.rng.random_range(0..StoreFault::ALL.len())];
            let is_on = self.rng.random_bool(0.5);
            self.stores.set_fault(fault, is_on);
        }
        if self.rng.random_ratio(self.crashes, 300) {
            self.restart()?;
        }
        for _ in 0..self.rng.random_range(0..4) {
            self.act();
        }
        self.tick()
    }

    fn restart(&mut self) -> Result<(), String> {
        let is_torn = self.rng.random_bool(0.5);
        self.crash(is_torn);
        for _ in 0..self.rng.random_range(0..100) {
            self.now = self.now.plus_ns(STEP_NS);
            self.stores.advance(self.now);
            self.stores.check(self.now)?;
        }
        self.begin();
        for id in self.answered.keys() {
            assert!(self.stores.is_committed(*id));
        }
        self.stores.audit(self.now)
    }

    fn act(&mut self) {
        if self.stores.room() == 0 {
            return;
        }
        let character = CharacterId(self.rng.random_range(1..=CHARACTERS));
        match self.rng.random_range(0..10) {
            0 => self.load(character),
            1 => self.submit(StoreJob::Roster { account: AccountId(character.0 / 3) }),
            2 | 3 => self.save(character),
            4 if self.rng.random_ratio(1, 20) => self.strike_or_list(character),
            _ => {
                if let Some(entries) = self.entries(character) {
                    self.commit(entries);
                }
            }
        }
    }

    pub fn load(&mut self, character: CharacterId) {
        self.submit(StoreJob::Load { character });
    }

    /// Saves something new of whoever is in the world.
    pub fn save(&mut self, character: CharacterId) {
        // Nobody is saved who is not in the world.
        let Some(revision) = self.revisions.get_mut(&character) else {
            return self.load(character);
        };
        *revision += 1;
        let (revision, bytes) = (*revision, vec![self.rng.random(); 40]);
        self.waiting.insert(character, bytes.clone());
        self.again.retain(|(_, other, ..)| *other != character);
        self.submit(StoreJob::Save { character, revision, bytes });
    }

    pub fn commit(&mut self, entries: Vec<Entry>) -> TransactionId {
        self.ids += 1;
        let id = TransactionId(u128::from(self.starts) << 64 | u128::from(self.ids));
        let transaction = Transaction { id, entries };
        if self.books.apply(&transaction).is_ok() {
            self.submit(StoreJob::Commit { transaction });
        }
        id
    }

    /// Coins that come from nowhere: what is always possible.
    pub fn coins(&mut self, character: CharacterId, coins: i64) -> TransactionId {
        let way = Way::Loot;
        self.commit(vec![Entry::Coins { character, change: coins, way }, Entry::Minted { coins, way }])
    }

    fn strike_or_list(&mut self, character: CharacterId) {
        let account = AccountId(character.0 / 3);
        let mut roster = self.books.rosters.get(&account).into_iter().flatten();
        let listing = roster.find(|one| one.character.0 % 100 == character.0).cloned();
        self.ids += 1;
        let id = TransactionId::outside(self.starts, self.ids as u32);
        let transaction = match listing {
            Some(one) => one.deletion(id, account, self.books.estates.get(&one.character)),
            None => {
                let (character, name) = (CharacterId(100 * self.ids + character.0), format!("Name {}", character.0));
                Listing { character, name, class: ClassId(1), team: 1 }.creation(id, account)
            }
        };
        if self.books.apply(&transaction).is_ok() {
            self.submit(StoreJob::Commit { transaction });
        }
    }

    /// Something comes, goes, changes hands, is laid down or picked up.
    fn entries(&mut self, character: CharacterId) -> Option<Vec<Entry>> {
        let (kind, way, place) = (ItemKind(self.rng.random_range(1..4)), Way::Loot, (1, 2, 3));
        let to = CharacterId(self.rng.random_range(1..=CHARACTERS));
        let slot = |books: &Books, who| {
            let taken = books.estates.get(&who).map_or(Vec::new(), |estate| estate.items.clone());
            (0..=255).find(|slot| taken.iter().all(|row| row.slot != *slot))
        };
        let coins = self.books.estates.get(&character).map_or(0, |estate| estate.coins) as i64;
        self.items += 1;
        let item = ItemId(u64::from(self.starts) << 32 | self.items);
        Some(match self.rng.random_range(0..7) {
            0 => {
                let holder = Holder::Character { character, slot: slot(&self.books, character)? };
                let record = ItemRecord { item, kind, count: 3, durability: 9, holder };
                vec![Entry::Item { before: None, after: Some(record) }, Entry::Made { kind, count: 3, way }]
            }
            1 | 2 => {
                let row = *self.books.estates.get(&character)?.items.first()?;
                let holder = Holder::Character { character, slot: row.slot };
                let before =
                    ItemRecord { item: row.item, kind: row.kind, count: row.count, durability: row.durability, holder };
                let to = (to != character).then(|| slot(&self.books, to).map(|slot| before.with(to, slot))).flatten();
                let ground = ItemRecord { holder: Holder::Ground { x: 5, y: 6, z: 0 }, ..before };
                vec![Entry::Item { before: Some(before), after: Some(to.unwrap_or(ground)) }]
            }
            3 => {
                let before = *self.books.ground.values().next()?;
                let count = -i64::from(before.count);
                let made = Entry::Made { kind: before.kind, count, way: Way::Expired };
                vec![Entry::Item { before: Some(before), after: None }, made]
            }
            4 if coins > 1 => vec![
                Entry::Coins { character, change: -2, way: Way::Handed },
                Entry::GroundCoins { item, change: 2, place },
            ],
            5 => {
                let (&item, &Heap { coins, place }) = self.books.heaps.iter().next()?;
                let change = coins as i64;
                vec![
                    Entry::GroundCoins { item, change: -change, place },
                    Entry::Coins { character, change, way: Way::Handed },
                ]
            }
            _ => {
                vec![Entry::Coins { character, change: 5, way }, Entry::Minted { coins: 5, way }]
            }
        })
    }

    /// Nothing goes wrong any more: how many ticks until all have all, at most so many.
    pub fn settle(&mut self, ticks: u32) -> Result<u32, String> {
        for fault in StoreFault::ALL {
            self.stores.set_fault(fault, false);
        }
        for tick in 0..ticks {
            self.tick()?;
            if self.stores.is_drained() && self.again.is_empty() {
                return self.stores.audit(self.now).map(|()| tick);
            }
        }
        Err(format!("not all is carried after {ticks} ticks: {:?} {:?}", self.stores.keeper, self.stores.courier))
    }

    /// So many ticks in which anything may happen, and the end.
    pub fn run(&mut self, ticks: u32) -> Result<u32, String> {
        for _ in 0..ticks {
            self.live()?;
        }
        self.settle(6_000)
    }
}
