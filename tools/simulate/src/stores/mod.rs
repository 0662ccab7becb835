//! What outlives a server process: the journal's disk, Redis and MariaDB, as models in virtual time, and the persistence
//! thread between them and the realm.
//!
//! The stores are models; what drives them is not: `server`'s `Outflow`, `Lane`, `Dirty` and `Parcel`, and `game`'s `Books` and
//! `Posting`, as the server's edge uses them. A [`Witness`] sees every step and believes none of it.

mod audit;
mod contract;
mod courier;
mod disk;
mod keeper;
mod lookups;
mod outage;
mod plan;
mod record;
mod redis;
mod remote;
mod rows;
mod servers;
#[cfg(test)]
mod story;
mod tally;
#[cfg(test)]
mod tests;
mod witness;

pub use plan::{Arrangement, Plan};

use contract::Contract;
use courier::Courier;
use disk::{Disk, Rules};
use game::{Estate, GroundRecord, TransactionId};
use keeper::Keeper;
use protocol::CharacterId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use record::Change;
use redis::Redis;
use remote::Remote;
use rudp::time::Now;
use server::{SavedWorld, StoreDone, StoreJob};
use servers::Servers;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use witness::Witness;

/// Loads and saves that persistence has been asked for and not answered, as in the real server.
pub const STORE_JOBS_MAX: usize = 8_192;

/// Something that is wrong with a store while it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreFault {
    /// Redis does not answer.
    RedisDown,
    /// Redis answers late.
    RedisSlow,
    /// The MariaDB server that is written to does not answer.
    MariaDbDown,
    /// MariaDB answers late.
    MariaDbSlow,
    /// Each commit of the journal takes long.
    JournalSlow,
    /// The journal's disk is full.
    JournalFull,
    /// The journal cannot be read.
    JournalUnreadable,
    /// The queue to the persistence thread has no room.
    QueueFull,
}

impl StoreFault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::RedisDown,
        Self::RedisSlow,
        Self::MariaDbDown,
        Self::MariaDbSlow,
        Self::JournalSlow,
        Self::JournalFull,
        Self::JournalUnreadable,
        Self::QueueFull,
    ];
}

/// A way in which the models can be wrong on purpose, so that it can be seen that the checks find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A start believes what lies at the torn tail of the journal.
    BelievesTail,
    /// What is answered is not on disk yet.
    AnswersEarly,
    /// Now and then a posting never gets into the outbox.
    LosesPostings,
    /// The journal forgets what MariaDB does not have.
    TrimsEarly,
    /// What MariaDB did not take is taken for carried.
    DropsRetries,
    /// Parcels lack a character.
    LosesRows,
    /// MariaDB writes over what is newer.
    Unguarded,
}

/// What a server process begins with.
#[derive(Debug)]
pub struct Beginning {
    /// Which start this is.
    pub incarnation: u32,
    /// The newest transaction on disk, by its number.
    pub journal_seq: u64,
    /// What lies on the ground.
    pub ground: Arc<[GroundRecord]>,
    /// The world as it was saved last.
    pub world: Option<Arc<SavedWorld>>,
}

/// The stores and the persistence thread.
#[derive(Debug)]
pub struct Stores {
    plan: Plan,
    seed: u64,
    rng: StdRng,
    disk: Disk,
    keeper: Keeper,
    courier: Courier,
    servers: Servers,
    redis: Redis,
    witness: Witness,
    contract: Contract,
    faults: BTreeSet<StoreFault>,
    wrong: Option<Wrong>,
    /// The server of MariaDB that is down.
    down: Option<usize>,
    done: VecDeque<StoreDone>,
    /// The commit that was under way when the process died, and may be on disk.
    cut_off: Option<Change>,
    is_up: bool,
    now: Now,
}

impl Stores {
    /// Stores that hold nothing; which there are, and how fast each is, is drawn from the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::planned(seed, Plan::of(seed))
    }

    /// As above, but as planned.
    #[must_use]
    pub fn planned(seed: u64, plan: Plan) -> Self {
        Self {
            plan,
            seed,
            rng: StdRng::seed_from_u64(seed),
            disk: Disk::default(),
            keeper: Keeper::default(),
            courier: Courier::new(&plan, 0, seed),
            servers: Servers::new(plan),
            redis: Redis::default(),
            witness: Witness::new(plan.arrangement.servers() > 0),
            contract: Contract::default(),
            faults: BTreeSet::new(),
            wrong: None,
            down: None,
            done: VecDeque::new(),
            cut_off: None,
            is_up: false,
            now: Now::default(),
        }
    }

    /// What the seed has decided.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// From now on the models are wrong in this way.
    pub fn go_wrong(&mut self, wrong: Wrong) {
        self.wrong = Some(wrong);
        self.servers.is_unguarded = wrong == Wrong::Unguarded;
    }

    /// A server process starts on this disk.
    pub fn begin(&mut self, now: Now) -> Beginning {
        debug_assert!(!self.is_up, "the last one is dead");
        (self.is_up, self.now) = (true, now);
        self.recover();
        self.disk.state.starts += 1;
        let state = &self.disk.state;
        let (drained, starts) = (state.drained, state.starts);
        let has_mariadb = self.plan.arrangement.servers() > 0;
        self.keeper = Keeper::new(Remote::new(self.plan.has_redis, has_mariadb, state, now.mono_ns));
        self.courier = Courier::new(&self.plan, drained, self.seed ^ u64::from(starts));
        self.contract = Contract::new(state.seq);
        self.redis.expected.clear();
        Beginning {
            incarnation: starts,
            journal_seq: state.seq,
            ground: state.ground().into(),
            world: state.world.clone(),
        }
    }

    /// What lies at the tail of the journal counts if it is whole, although nobody was told so.
    fn recover(&mut self) {
        let (folded, _) = self.disk.fold(self.rules());
        let cut_off = self.cut_off.take();
        for (change, verdict) in folded {
            // What was submitted, not what was read: the two must be the same.
            match &cut_off {
                Some(submitted) if *submitted == change => {
                    self.witness.on_deals(&submitted.deals, &verdict, submitted.at_ms);
                    self.note_saves(submitted, &verdict.saves);
                }
                _ => self.witness.blame(|| "the journal believes what nobody has written".to_owned()),
            }
        }
        self.witness.look_back(&self.disk.state);
    }

    fn rules(&self) -> Rules {
        Rules {
            is_attached: self.plan.arrangement.servers() > 0,
            outbox_max: self.plan.outbox_max,
            believes: self.wrong == Some(Wrong::BelievesTail),
            loses_postings: if self.wrong == Some(Wrong::LosesPostings) { 7 } else { 0 },
        }
    }

    /// A change came to disk: which checkpoints it brought, and what the journal forgot with it.
    fn note_saves(&mut self, change: &Change, refusals: &[Option<String>]) {
        for (character, saved) in &change.adopted {
            self.witness.on_adopted(*character, saved);
        }
        for ((character, saved), _) in change.saves.iter().zip(refusals).filter(|(_, refusal)| refusal.is_none()) {
            self.witness.on_saved(*character, saved);
            if self.plan.has_redis {
                self.redis.expected.insert(*character, saved.revision);
            }
        }
        for character in change.deals.iter().flat_map(game::Books::struck) {
            self.redis.expected.remove(&character);
        }
        let drained = self.disk.state.drained;
        if let Some((node, rows)) = self.servers.required().find(|(_, rows)| rows.watermark < drained) {
            let watermark = rows.watermark;
            self.witness.blame(|| format!("the journal forgets up to {drained}, and server {node} has {watermark}"));
        }
        self.witness.on_trimmed(drained);
    }

    /// How many jobs the queue to the persistence thread takes now.
    #[must_use]
    pub fn room(&self) -> usize {
        match self.is_up && !self.faults.contains(&StoreFault::QueueFull) {
            true => STORE_JOBS_MAX.saturating_sub(self.contract.unanswered),
            false => 0,
        }
    }

    /// The realm wants this done; only if there is room.
    pub fn submit(&mut self, now: Now, job: StoreJob) {
        self.now = now;
        if self.room() == 0 {
            return self.witness.blame(|| "a job is submitted, and there is no room".to_owned());
        }
        self.contract.on_submitted(&job, &mut self.witness);
        self.keeper.hear(job);
    }

    /// Time has come this far: commits end, parcels arrive.
    pub fn advance(&mut self, now: Now) {
        self.now = now;
        self.servers.advance(now.mono_ns, &mut self.rng, &mut self.witness);
        if self.is_up {
            self.keep(now);
            self.carry(now);
        }
    }

    /// The next answer for the realm.
    pub fn poll_done(&mut self) -> Option<StoreDone> {
        let done = self.done.pop_front()?;
        self.contract.on_told(&done, self.now, &mut self.witness);
        Some(done)
    }

    /// The server process dies: what was not on disk is gone. `is_torn`: the commit that was under way, if there was one,
    /// reached the disk in part, which the next start has to find out. Whether it did.
    pub fn crash(&mut self, now: Now, is_torn: bool) -> bool {
        (self.is_up, self.now) = (false, now);
        self.done.clear();
        let courier = std::mem::replace(&mut self.courier, Courier::new(&self.plan, 0, self.seed));
        courier.into_flights().for_each(|flight| self.servers.orphan(flight, &mut self.rng));
        let writing = self.keeper.take_writing();
        self.keeper = Keeper::default();
        let cut_off = writing.filter(|(change, is_doomed)| !is_doomed && !change.is_empty());
        let was_torn = is_torn && cut_off.is_some();
        if let Some((change, _)) = cut_off {
            let record = change.to_record();
            let is_whole = self.rng.random_bool(0.5);
            let written = match is_torn {
                true => self.tear(record),
                false if is_whole => record,
                false => Vec::new(),
            };
            self.disk.write(&written);
            self.cut_off = Some(change);
        }
        was_torn
    }

    /// What is left of a record of which not everything was written: a part, or all of it with a sector of something else.
    fn tear(&mut self, mut record: Vec<u8>) -> Vec<u8> {
        let at = self.rng.random_range(0..record.len());
        match self.rng.random_range(0..3) {
            0 => record.truncate(at),
            1 => record[at] ^= 1 << self.rng.random_range(0..8),
            _ => {
                let (byte, is_changed) = (self.rng.random::<u8>(), record[at..].iter().any(|byte| *byte != 0));
                record[at..].fill(if is_changed { 0 } else { byte | 1 });
            }
        }
        record
    }

    /// Whether there is what a fault is one of.
    #[must_use]
    pub fn can_have(&self, fault: StoreFault) -> bool {
        match fault {
            StoreFault::RedisDown | StoreFault::RedisSlow => self.plan.has_redis,
            StoreFault::MariaDbDown | StoreFault::MariaDbSlow => self.plan.arrangement.servers() > 0,
            _ => true,
        }
    }

    /// Something goes wrong, or is well again.
    pub fn set_fault(&mut self, fault: StoreFault, is_on: bool) {
        if is_on == self.faults.contains(&fault) {
            return;
        }
        match is_on {
            true => drop(self.faults.insert(fault)),
            false => drop(self.faults.remove(&fault)),
        }
        match fault {
            StoreFault::RedisDown => {
                self.redis.is_down = is_on;
                if is_on && self.rng.random_range(0..100) < self.plan.redis_forgets {
                    self.redis.forget();
                }
            }
            StoreFault::RedisSlow => self.redis.is_slow = is_on,
            StoreFault::MariaDbSlow => self.servers.set_slow(is_on),
            StoreFault::MariaDbDown if is_on => {
                let node = self.courier.node();
                self.down = Some(node);
                self.servers.set_down(node, true, 0);
            }
            StoreFault::MariaDbDown => {
                let starts_ns = self.rng.random_range(0..=servers::STARTS_NS);
                if let Some(node) = self.down.take() {
                    self.servers.set_down(node, false, self.now.mono_ns + starts_ns);
                }
            }
            _ => {}
        }
    }

    /// Whether a transaction is on disk.
    #[must_use]
    pub fn is_committed(&self, id: TransactionId) -> bool {
        self.disk.state.applied.contains_key(&id)
    }

    /// Whether something is on its way to the disk, of which a crash may leave a part.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.keeper.is_writing()
    }

    /// Whether a server of MariaDB has not done what it was asked for in the last so many nanoseconds.
    #[must_use]
    pub fn has_failed_within(&self, ns: u64) -> bool {
        self.servers.failed_ns.is_some_and(|failed_ns| self.now.mono_ns < failed_ns + ns)
    }

    /// What the disk has of a character.
    #[must_use]
    pub fn owns(&self, character: CharacterId) -> Option<&Estate> {
        self.disk.state.books.estates.get(&character)
    }

    /// Whether something lies on the ground, by the journal, as it is said to.
    #[must_use]
    pub fn lies(&self, record: &GroundRecord) -> bool {
        let books = &self.disk.state.books;
        match record {
            GroundRecord::Item(record) => books.ground.get(&record.item).is_some_and(|kept| kept.count == record.count),
            GroundRecord::Coins { heap, coins, .. } => books.heaps.get(heap).is_some_and(|kept| kept.coins == *coins),
        }
    }

    /// Whether Redis and MariaDB have all that the journal has.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.is_up
            && self.keeper.is_idle()
            && self.courier.is_idle()
            && self.servers.is_settled()
            && self.keeper.remote.is_drained()
    }
}
