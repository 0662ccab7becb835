//! A database of its own for each test, in a server that tests which run at the same time share; and stories to write into it.

use crate::edge::persistence::mariadb::{Database, MariaDbConfig, ServerId};
use game::{Books, Entry, Estate, GroundRecord, Holder, ItemRecord, Listing, Posting, Transaction, TransactionId, Way};
use protocol::{AccountId, CharacterId, ClassId, ItemId, ItemKind, SkillId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use server::Parcel;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use stores::{MariaDb, MariaDbOptions};
use tokio::runtime::Runtime;

/// The server that writes, in most stories.
pub const ONE: ServerId = ServerId(1);
/// No step of a test lasts so long.
const STEP_WITHIN: Duration = Duration::from_secs(60);

/// The one that is shared is gone with the last test that uses it: nothing ends what a static variable holds.
static SHARED: Mutex<Weak<MariaDb>> = Mutex::new(Weak::new());
static COUNT: AtomicU32 = AtomicU32::new(1);

/// A database, with the thread's runtime to ask it.
pub struct Bed {
    pub database: Database,
    pub name: String,
    pub server: Arc<MariaDb>,
    runtime: Runtime,
}

impl Bed {
    /// With the newest tables.
    pub fn new() -> Self {
        let bed = Self::bare();
        bed.run(bed.database.migrate()).unwrap();
        bed
    }

    /// Without tables.
    pub fn bare() -> Self {
        let mut shared = SHARED.lock().unwrap();
        let server = shared.upgrade().unwrap_or_else(|| Arc::new(MariaDb::start(&MariaDbOptions::default()).unwrap()));
        *shared = Arc::downgrade(&server);
        drop(shared);
        let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let grant = format!("CREATE DATABASE {name}; GRANT ALL ON {name}.* TO 'throng'@'127.0.0.1'");
        server.sql(&grant).unwrap();
        let database = database(&url(&server, &name));
        Self { database, name, server, runtime: runtime() }
    }

    pub fn url(&self) -> String {
        url(&self.server, &self.name)
    }

    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        run(&self.runtime, work)
    }

    /// As root; a line for each row.
    pub fn sql(&self, statement: &str) -> String {
        self.server.sql(&format!("USE {}; {statement}", self.name)).unwrap()
    }

    pub fn write(&self, parcel: &Parcel) {
        self.run(self.database.write(ONE, parcel)).unwrap();
    }

    /// Everything that a parcel writes.
    pub fn dump(&self) -> Vec<String> {
        dump(&self.server, &self.name)
    }
}

pub fn url(server: &MariaDb, name: &str) -> String {
    let url = server.url();
    format!("{}/{name}", url.rsplit_once('/').unwrap().0)
}

pub fn database(url: &str) -> Database {
    Database::new(&MariaDbConfig { url: url.to_owned(), seed: 7 }).unwrap()
}

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

pub fn run<T>(runtime: &Runtime, work: impl Future<Output = T>) -> T {
    runtime.block_on(async { tokio::time::timeout(STEP_WITHIN, work).await }).expect("it ends")
}

/// The rows of all tables that parcels, checkpoints and leases are in.
pub fn dump(server: &MariaDb, name: &str) -> Vec<String> {
    const TABLES: [(&str, &str); 9] = [
        ("ledger", "transaction_id"),
        ("ledger_characters", "character_id, transaction_id"),
        ("accounts", "account_id"),
        ("characters", "character_id"),
        ("items", "item_id"),
        ("sums", "server_id, way, kind"),
        ("watermarks", "server_id"),
        ("checkpoints", "character_id"),
        ("leases", "character_id"),
    ];
    let rows = |(table, key): (&str, &str)| {
        let columns = format!(
            "SELECT GROUP_CONCAT('IFNULL(HEX(', column_name, '),\"-\")' ORDER BY ordinal_position) \
             FROM information_schema.columns WHERE table_schema = '{name}' AND table_name = '{table}'"
        );
        let columns = server.sql(&columns).unwrap();
        let rows = server.sql(&format!("USE {name}; SELECT {columns} FROM {table} ORDER BY {key}")).unwrap();
        format!("{table}\n{rows}")
    };
    let mut all: Vec<String> = TABLES.into_iter().map(rows).collect();
    let names = "SELECT folded, character_id, account_id FROM names WHERE character_id IS NOT NULL ORDER BY folded";
    all.push(server.sql(&format!("USE {name}; {names}")).unwrap());
    all
}

/// What happens in a world, as its journal tells it.
pub struct Story {
    pub books: Books,
    pub seq: u64,
    rng: StdRng,
    items: u64,
}

const PEOPLE: u64 = 12;
const KINDS: u16 = 5;

impl Story {
    pub fn new(seed: u64) -> Self {
        Self { books: Books::default(), seq: 0, rng: StdRng::seed_from_u64(seed), items: 0 }
    }

    /// Something that the books allow.
    pub fn post(&mut self, entries: Vec<Entry>) -> Posting {
        self.try_post(entries).expect("the books allow it")
    }

    fn try_post(&mut self, entries: Vec<Entry>) -> Option<Posting> {
        let transaction = Transaction { id: TransactionId(5 << 64 | u128::from(self.seq + 1)), entries };
        self.books.apply(&transaction).ok()?;
        self.seq += 1;
        Some(Posting::of(self.seq, 1_700_000_000_000 + self.seq, &transaction, &self.books))
    }

    /// So many things that happen by chance.
    pub fn go_on(&mut self, count: usize) -> Vec<Posting> {
        let mut postings = Vec::new();
        while postings.len() < count {
            let entries = self.something();
            if !entries.is_empty() {
                postings.extend(self.try_post(entries));
            }
        }
        postings
    }

    pub fn item(&mut self, kind: u16, count: u32, holder: Holder) -> ItemRecord {
        self.items += 1;
        ItemRecord { item: ItemId(5 << 32 | self.items), kind: ItemKind(kind), count, durability: 3, holder }
    }

    fn something(&mut self) -> Vec<Entry> {
        let (ann, bob) = (self.someone(), self.someone());
        let way = Way::Loot;
        match self.rng.random_range(0..9) {
            0 => {
                let record = self.random_item(ann);
                let (kind, count) = (record.kind, i64::from(record.count));
                vec![Entry::Item { before: None, after: Some(record) }, Entry::Made { kind, count, way }]
            }
            1 | 2 => self.moved(bob),
            3 => {
                let coins = self.rng.random_range(1..100);
                vec![Entry::Coins { character: ann, change: coins, way }, Entry::Minted { coins, way }]
            }
            4 => {
                let coins = self.rng.random_range(1..50);
                let give = |character, change| Entry::Coins { character, change, way: Way::Handed };
                vec![give(ann, -coins), give(bob, coins)]
            }
            5 => vec![
                Entry::Experience { character: ann, gained: 10 },
                Entry::Skill { character: ann, skill: SkillId(300), rank: 2 },
            ],
            6 => {
                let (coins, place) = (self.rng.random_range(1..20), (-5, 6, i32::MIN));
                self.items += 1;
                let heap = ItemId(5 << 32 | self.items);
                let lies = Entry::GroundCoins { item: heap, change: coins, place };
                vec![Entry::Coins { character: ann, change: -coins, way: Way::Handed }, lies]
            }
            7 => self.books.heaps.iter().next().map_or(Vec::new(), |(item, heap)| {
                let coins = heap.coins as i64;
                let lies = Entry::GroundCoins { item: *item, change: -coins, place: heap.place };
                vec![lies, Entry::Coins { character: bob, change: coins, way: Way::Handed }]
            }),
            _ => self.listed_or_struck(ann),
        }
    }

    fn someone(&mut self) -> CharacterId {
        CharacterId(self.rng.random_range(1..=PEOPLE))
    }

    fn random_item(&mut self, character: CharacterId) -> ItemRecord {
        let (kind, count, slot) = (self.rng.random_range(1..=KINDS), self.rng.random_range(1..9), self.rng.random());
        self.item(kind, count, Holder::Character { character, slot })
    }

    /// Something changes hands, is laid down, or is used up.
    fn moved(&mut self, to: CharacterId) -> Vec<Entry> {
        let held = self.books.estates.iter().find_map(|(character, estate)| Some((*character, *estate.items.first()?)));
        let lies = self.books.ground.values().next().copied();
        let held = held.map(|(character, row)| {
            let holder = Holder::Character { character, slot: row.slot };
            ItemRecord { item: row.item, kind: row.kind, count: row.count, durability: row.durability, holder }
        });
        let Some(before) = (if self.rng.random() { lies.or(held) } else { held }) else { return Vec::new() };
        let slot = self.rng.random();
        let after = match self.rng.random_range(0..4) {
            0 => None,
            1 => Some(ItemRecord { holder: Holder::Ground { x: -7, y: 8, z: 9 }, ..before }),
            _ => Some(before.with(to, slot)),
        };
        let mut entries = vec![Entry::Item { before: Some(before), after }];
        if after.is_none() {
            entries.push(Entry::Made { kind: before.kind, count: -i64::from(before.count), way: Way::Used });
        }
        entries
    }

    fn listed_or_struck(&mut self, character: CharacterId) -> Vec<Entry> {
        let known = self.books.rosters.iter().find_map(|(account, roster)| {
            Some((*account, roster.iter().find(|listing| listing.character == character)?.clone()))
        });
        let id = TransactionId(0);
        match known {
            Some((account, listing)) => {
                let estate = self.books.estates.get(&character).cloned();
                listing.deletion(id, account, estate.as_ref()).entries
            }
            None => listing(character.0).creation(id, AccountId(100 + character.0 % 3)).entries,
        }
    }

    /// What the books say of a character, items in the order of their names.
    pub fn estate(&self, character: CharacterId) -> Option<Estate> {
        let mut estate = self.books.estates.get(&character)?.clone();
        estate.items.sort_unstable_by_key(|row| row.item);
        Some(estate)
    }

    /// What lies on the ground, by its name.
    pub fn ground(&self) -> Vec<GroundRecord> {
        let items = self.books.ground.iter().map(|(item, record)| (*item, GroundRecord::Item(*record)));
        let heaps = self
            .books
            .heaps
            .iter()
            .map(|(item, heap)| (*item, GroundRecord::Coins { heap: *item, coins: heap.coins, place: heap.place }));
        let mut all: Vec<_> = items.chain(heaps).collect();
        all.sort_unstable_by_key(|(item, _)| *item);
        all.into_iter().map(|(_, record)| record).collect()
    }

    pub fn people() -> impl Iterator<Item = CharacterId> {
        (1..=PEOPLE).map(CharacterId)
    }
}

/// Somebody as he is listed.
pub fn listing(character: u64) -> Listing {
    let name = format!("Ünal {}", char::from(b'a' + character as u8));
    Listing { character: CharacterId(character), name, class: ClassId(2), team: 1 }
}
