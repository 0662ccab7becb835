//! A persistence thread with its courier, real stores beside it, and a test in the place of the world.

use crate::config::{MariaDb, Stores};
use crate::edge::board::{Board, StartReport};
use crate::edge::drain::Drain;
use crate::edge::persistence::{Courier, Credentials, Errand, ErrandError, Gone, Journal, Keeper, incarnation};
use crate::edge::queues::{STORE_JOBS_MAX, StoreEnds};
use crossbeam::channel::{Receiver, Sender, bounded};
use game::{Entry, Listing, Transaction, TransactionId, Way};
use protocol::{AccountId, CharacterId, ClassId};
use server::{CommitError, Enrolled, Found, LoadError, StoreDone, StoreJob};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Nothing here takes longer, on a busy machine either.
const WITHIN: Duration = Duration::from_secs(30);

/// A game server without a game.
pub struct Server {
    jobs: Option<Sender<StoreJob>>,
    done: Receiver<StoreDone>,
    thread: Option<JoinHandle<()>>,
    drain: Arc<Drain>,
    errands: Sender<Errand>,
    pub board: Arc<Board>,
    /// The number of its start.
    pub incarnation: u32,
    transactions: u32,
}

/// These stores, as a configuration says it.
pub fn stores(mariadb: &[String], is_pair: bool, redis: Option<String>) -> Stores {
    let mariadb = MariaDb { servers: mariadb.to_vec(), is_pair, password_file: None };
    Stores { mariadb: Some(mariadb), redis_url: redis, redis_password_file: None }
}

impl Server {
    /// Starts one with this name on this directory.
    pub fn start(dir: &Path, name: &str, stores: &Stores) -> Self {
        Self::try_start(dir, name, stores).unwrap()
    }

    pub fn try_start(dir: &Path, name: &str, stores: &Stores) -> Result<Self, String> {
        let mut journal = Journal::open(dir).map_err(|error| error.to_string())?;
        let incarnation = incarnation(&mut journal, name, stores).map_err(|error| error.to_string())?;
        let credentials = Credentials {
            journal_id: journal.id().unwrap(),
            drained: journal.drained().unwrap(),
            incarnations: journal.incarnations().unwrap(),
            server: (name.to_owned(), "127.0.0.1:7777".to_owned()),
            held: Duration::from_secs(120),
            seed: 1,
        };
        let board = Arc::new(Board::new(StartReport::default()));
        let drain = Arc::new(Drain::default());
        let (jobs, jobs_out) = bounded(STORE_JOBS_MAX);
        let (done_in, done) = bounded(STORE_JOBS_MAX);
        let ends = StoreEnds { jobs: jobs_out, done: done_in };
        let mut keeper = Keeper::new(journal, ends, board.clone(), drain.clone());
        let (courier, ends) = Courier::new(stores, credentials, board.clone()).unwrap().unwrap();
        keeper.employ(courier, ends).unwrap();
        let (errands, asked) = crate::edge::persistence::errands();
        keeper.listen(asked);
        let thread = Some(std::thread::spawn(move || keeper.run()));
        Ok(Self { jobs: Some(jobs), done, thread, drain, errands, board, incarnation, transactions: 0 })
    }

    pub fn ask(&self, job: StoreJob) {
        self.jobs.as_ref().unwrap().send(job).unwrap();
    }

    pub fn answer(&self) -> StoreDone {
        self.done.recv_timeout(WITHIN).expect("every job is answered")
    }

    pub fn load(&self, character: CharacterId) -> Result<Found, LoadError> {
        self.ask(StoreJob::Load { character });
        match self.answer() {
            StoreDone::Loaded { character: of, found } if of == character => found,
            other => panic!("{other:?}"),
        }
    }

    pub fn roster(&self, account: u64) -> Result<Vec<Enrolled>, LoadError> {
        let account = AccountId(account);
        self.ask(StoreJob::Roster { account });
        match self.answer() {
            StoreDone::Roster { found, .. } => found,
            other => panic!("{other:?}"),
        }
    }

    fn id(&mut self) -> TransactionId {
        self.transactions += 1;
        TransactionId::outside(self.incarnation, self.transactions)
    }

    pub fn commit(&mut self, entries: Vec<Entry>) -> Result<TransactionId, CommitError> {
        let id = self.id();
        self.ask(StoreJob::Commit { transaction: Transaction { id, entries } });
        match self.answer() {
            StoreDone::Committed { id: of, refused, .. } if of == id => refused.map_or(Ok(id), Err),
            other => panic!("{other:?}"),
        }
    }

    /// Somebody gets coins out of nothing.
    pub fn mint(&mut self, character: CharacterId, coins: i64) -> TransactionId {
        let way = Way::Operator;
        self.commit(vec![Entry::Coins { character, change: coins, way }, Entry::Minted { coins, way }]).unwrap()
    }

    pub fn create(&mut self, account: u64, character: CharacterId, name: &str) -> Result<TransactionId, CommitError> {
        let listing = Listing { character, name: name.to_owned(), class: ClassId(1), team: 0 };
        let id = self.id();
        self.commit(listing.creation(id, AccountId(account)).entries)
    }

    pub fn save(&self, character: CharacterId, revision: u64, bytes: &[u8]) {
        self.ask(StoreJob::Save { character, revision, bytes: bytes.to_vec() });
        assert_eq!(self.answer(), StoreDone::Saved { character, revision });
    }

    pub fn leave(&self, character: CharacterId) {
        self.ask(StoreJob::Leave { character });
        assert_eq!(self.answer(), StoreDone::Left { character });
    }

    /// What an operator is told who erases an account.
    pub fn erase(&self, account: u64) -> Result<Gone, ErrandError> {
        let (reply, answer) = oneshot::channel();
        self.errands.send(Errand::Erase { account: AccountId(account), named: Vec::new(), reply }).unwrap();
        answer.blocking_recv().expect("every errand is answered")
    }

    /// What the journal holds of an account.
    pub fn held(&self, account: u64) -> serde_json::Value {
        let (reply, answer) = oneshot::channel();
        self.errands.send(Errand::Export { account: AccountId(account), reply }).unwrap();
        answer.blocking_recv().expect("every errand is answered").unwrap()
    }

    /// Waits until the stores have everything.
    pub fn wait_drained(&self) {
        let before = self.board.store.load_full();
        wait_until("everything is in the stores", || {
            let store = self.board.store.load_full();
            // What was published before may be from before what is waited for.
            !Arc::ptr_eq(&store, &before) && store.outbox == 0 && store.waiting == [0, 0]
        });
    }

    /// Ends as SIGTERM ends it: the stores get the last of it.
    pub fn stop(mut self) {
        self.end();
    }

    /// Ends with what is on disk, and tells nobody any more.
    pub fn kill(mut self) {
        self.drain.abandon();
        self.end();
    }

    fn end(&mut self) {
        self.jobs = None;
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Waits until something is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + WITHIN;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within {WITHIN:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
