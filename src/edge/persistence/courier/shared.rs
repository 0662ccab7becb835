//! What the courier's tasks have together. They run on one thread and take turns at every `await`.

use super::Credentials;
use super::words::{Bell, Letter};
use crate::edge::clock;
use crate::edge::persistence::journal::Torn;
use crate::edge::persistence::mariadb::{Database, ServerId};
use crate::edge::persistence::redis::Hot;
use crate::edge::persistence::start;
use crate::edge::telemetry::Throttle;
use crossbeam::channel::Sender;
use protocol::CharacterId;
use server::{Lane, Outflow, StoreError, Trouble};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Starts that are put by for when MariaDB is away.
const INCARNATIONS_PUT_BY: u64 = 16;

/// MariaDB's servers.
pub struct Maria {
    /// In the order of the configuration.
    pub nodes: Vec<Database>,
    /// What goes where.
    pub flow: RefCell<Outflow>,
    /// The tables are there, and this server is known: of each server whether that has been seen.
    prepared: RefCell<Vec<bool>>,
    /// What this server is called there.
    server: RefCell<Option<ServerId>>,
}

impl Maria {
    /// None of them has been asked for anything.
    pub fn new(nodes: Vec<Database>, flow: Outflow) -> Self {
        let prepared = RefCell::new(vec![false; nodes.len()]);
        Self { nodes, flow: RefCell::new(flow), prepared, server: RefCell::new(None) }
    }
}

/// What they have together.
pub struct Shared {
    /// MariaDB.
    pub maria: Option<Maria>,
    /// Redis; one call at a time.
    pub hot: Option<Mutex<Hot>>,
    /// How Redis does.
    pub redis_lane: RefCell<Lane>,
    /// Who we are.
    pub credentials: Credentials,
    /// To the persistence thread.
    letters: Sender<Letter>,
    /// How much there is to do.
    pub bell: Arc<Bell>,
    /// Who is in the world, with the epoch of the lease and since when.
    pub present: RefCell<BTreeMap<CharacterId, (u64, u64)>>,
    /// Those who are not any more and of whom Redis has not heard so.
    pub gone: RefCell<BTreeMap<CharacterId, (u64, u64)>>,
    /// What was done.
    pub done: RefCell<super::report::Done>,
    log: RefCell<Throttle>,
    /// The persistence thread was told that its journal was given up.
    is_disowned: Cell<bool>,
    torn_log: RefCell<Throttle>,
}

impl Shared {
    /// Nothing has been done.
    pub fn new(
        maria: Option<Maria>,
        hot: Option<Hot>,
        credentials: Credentials,
        letters: Sender<Letter>,
        bell: Arc<Bell>,
    ) -> Self {
        Self {
            maria,
            hot: hot.map(Mutex::new),
            redis_lane: RefCell::new(Lane::new(!credentials.seed)),
            credentials,
            letters,
            bell,
            present: RefCell::default(),
            gone: RefCell::default(),
            done: RefCell::default(),
            log: RefCell::default(),
            is_disowned: Cell::default(),
            torn_log: RefCell::default(),
        }
    }

    /// To the persistence thread; when that has ended nobody reads it, and that is as well.
    pub fn send(&self, letter: Letter) {
        let _ = self.letters.send(letter);
    }

    /// A store did not do what it was asked for: that is counted, logged now and then, and it is left alone for a while.
    pub fn on_redis(&self, error: &StoreError) {
        self.redis_lane.borrow_mut().on_trouble(error.trouble, clock::mono_ns());
        self.log("redis", error);
    }

    /// As above, of one of MariaDB's servers.
    pub fn on_mariadb(&self, node: usize, error: &StoreError) {
        let Some(maria) = &self.maria else { return };
        maria.flow.borrow_mut().lane(node).on_trouble(error.trouble, clock::mono_ns());
        self.log("mariadb", error);
        self.hear_disowned(node);
    }

    /// The persistence thread is told once if that server takes nothing more from this journal.
    pub fn hear_disowned(&self, node: usize) {
        let is_disowned = self.maria.as_ref().is_some_and(|maria| maria.nodes[node].is_disowned());
        if is_disowned && !self.is_disowned.replace(true) {
            self.send(Letter::Disowned);
        }
    }

    /// The next posting cannot be read. It is never left out by the server itself: what it was is for a person to judge.
    pub fn on_torn(&self, torn: Torn) {
        if let Some(missed) = self.torn_log.borrow_mut().pass(clock::mono_ns()) {
            tracing::error!(
                seq = torn.seq,
                error = %torn,
                missed,
                "nothing behind this reaches MariaDB: stop the server, and run throng verify --set-aside-unreadable"
            );
        }
        self.done.borrow_mut().torn = Some(torn);
    }

    /// One line now and then.
    pub fn log(&self, store: &'static str, error: &StoreError) {
        if let Some(missed) = self.log.borrow_mut().pass(clock::mono_ns()) {
            tracing::warn!(store, kind = error.trouble.label(), %error, missed, "a store does not do what it is asked for");
        }
    }

    /// The server that is written to, ready for it, and what this server is called there.
    ///
    /// # Errors
    /// It is not: with the number of the one that was asked.
    pub async fn node(&self, node: usize) -> Result<(&Database, ServerId), StoreError> {
        let maria = self.maria.as_ref().expect("only asked where there is one");
        let database = &maria.nodes[node];
        let known = *maria.server.borrow();
        if let (true, Some(server)) = (maria.prepared.borrow()[node], known) {
            return Ok((database, server));
        }
        database.migrate().await?;
        if maria.flow.borrow().is_pair()
            && let Some(fault) = database.pair_faults().await?.into_iter().next()
        {
            // What is written to a pair that does not defend what is newer may be lost in the next cut.
            return Err(StoreError { trouble: Trouble::Schema, text: fault });
        }
        let (name, _) = &self.credentials.server;
        let server = start::enlist(database, name, self.credentials.journal_id).await?;
        if known.is_none() {
            self.send(Letter::Known(database.watermark(server).await?));
            self.put_by_incarnations(database, server).await?;
        }
        *maria.server.borrow_mut() = Some(server);
        maria.prepared.borrow_mut()[node] = true;
        tracing::info!(place = database.place(), server = name, "MariaDB is ready");
        Ok((database, server))
    }

    async fn put_by_incarnations(&self, database: &Database, server: ServerId) -> Result<(), StoreError> {
        let missing = INCARNATIONS_PUT_BY.saturating_sub(self.credentials.incarnations) as usize;
        if missing > 0 {
            self.send(Letter::Incarnations(start::reserve(database, server, missing).await?));
        }
        Ok(())
    }
}
