//! The courier: a thread with one runtime that brings what is in the journal to Redis and MariaDB, and finds there what other
//! servers have left.
//!
//! It is a thread of its own beside that of the journal, because that one waits for the disk: an fsync of 20 ms would keep
//! every answer of a database waiting, and a database must not keep an fsync waiting.

mod carrier;
mod erasure;
mod heartbeat;
mod lookups;
mod presence;
mod pruner;
mod records;
mod report;
mod shared;
pub mod words;

pub use report::{CourierReport, StoreState};

use super::mariadb::{Database, MariaDbConfig};
use super::redis::Hot;
use crate::config::{MariaDb, Stores};
use crate::edge::board::Board;
use crossbeam::channel::Sender;
use report::Reporter;
use server::{Outflow, StoreError};
use shared::{Maria, Shared};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet};
use words::{Bell, Letter, Word};

/// How long what was asked last may take.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);
/// How long connections may take to say good-bye.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// What the courier must know of the journal and the server.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The journal's name.
    pub journal_id: u128,
    /// Up to here all was where it is to be at the last start.
    pub drained: u64,
    /// Starts that are put by.
    pub incarnations: u64,
    /// This server's name, and where clients reach it.
    pub server: (String, String),
    /// How long the place of whoever left is held.
    pub held: Duration,
    /// For the lengths of pauses.
    pub seed: u64,
}

/// What the persistence thread holds of it.
#[derive(Debug)]
pub struct CourierEnds {
    /// Words to it.
    pub words: mpsc::UnboundedSender<Word>,
    /// Letters from it.
    pub letters: crossbeam::channel::Receiver<Letter>,
    /// How much there is to do.
    pub bell: Arc<Bell>,
    /// Whether there is the one, and the other.
    pub has_redis: bool,
    /// As above.
    pub has_mariadb: bool,
}

/// A courier that has not started.
pub struct Courier {
    maria: Option<Maria>,
    hot: Option<Hot>,
    credentials: Credentials,
    words: mpsc::UnboundedReceiver<Word>,
    letters: Sender<Letter>,
    bell: Arc<Bell>,
    board: Arc<Board>,
}

impl Courier {
    /// To these stores; none if there are none. Does not connect.
    ///
    /// # Errors
    /// The operator wrote what is no address.
    pub fn new(
        stores: &Stores,
        credentials: Credentials,
        board: Arc<Board>,
    ) -> Result<Option<(Self, CourierEnds)>, StoreError> {
        if stores.redis_url.is_none() && stores.mariadb.is_none() {
            return Ok(None);
        }
        let hot = stores.redis_url.as_deref().map(Hot::new).transpose()?;
        let maria = stores.mariadb.as_ref().map(|mariadb| maria(mariadb, &credentials)).transpose()?;
        let (word_in, words) = mpsc::unbounded_channel();
        // What the courier says is bounded by what it was asked: one letter for each word, and one of its own per task.
        let (letters, letters_out) = crossbeam::channel::unbounded();
        let bell = Arc::new(Bell::default());
        let ends = CourierEnds {
            words: word_in,
            letters: letters_out,
            bell: bell.clone(),
            has_redis: hot.is_some(),
            has_mariadb: maria.is_some(),
        };
        Ok(Some((Self { maria, hot, credentials, words, letters, bell, board }, ends)))
    }

    /// Starts the thread. It ends when nobody can say anything to it any more.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(self) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name("courier".to_owned()).spawn(move || self.run())
    }

    fn run(self) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "the courier cannot work"),
        };
        LocalSet::new().block_on(&runtime, self.work());
    }

    async fn work(self) {
        let Self { maria, hot, credentials, mut words, letters, bell, board } = self;
        let shared = Rc::new(Shared::new(maria, hot, credentials, letters, bell));
        let reporter = Reporter::new(shared.clone(), board);
        let mut tasks = vec![tokio::task::spawn_local(reporter.run())];
        if shared.maria.is_some() {
            tasks.push(tokio::task::spawn_local(carrier::run(shared.clone())));
            tasks.push(tokio::task::spawn_local(records::to_mariadb(shared.clone())));
            tasks.push(tokio::task::spawn_local(pruner::run(shared.clone())));
            tasks.push(tokio::task::spawn_local(heartbeat::run(shared.clone())));
        }
        if shared.hot.is_some() {
            tasks.push(tokio::task::spawn_local(records::to_redis(shared.clone())));
            tasks.push(tokio::task::spawn_local(presence::run(shared.clone())));
        }
        let mut answers = JoinSet::new();
        while let Some(word) = words.recv().await {
            lookups::hear(&shared, word, &mut answers);
            while answers.try_join_next().is_some() {}
        }
        // The last words give leases back, and the journal has forgotten them already: nobody else would.
        let _ = tokio::time::timeout(LAST_WORDS_WITHIN, async { while answers.join_next().await.is_some() {} }).await;
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        if let Some(maria) = &shared.maria {
            for node in &maria.nodes {
                let _ = tokio::time::timeout(CLOSE_WITHIN, node.close()).await;
            }
        }
    }
}

fn maria(config: &MariaDb, credentials: &Credentials) -> Result<Maria, StoreError> {
    let node = |(nth, url): (usize, &String)| {
        Database::new(&MariaDbConfig { url: url.clone(), seed: credentials.seed ^ nth as u64 })
    };
    let nodes = config.servers.iter().enumerate().map(node).collect::<Result<Vec<_>, _>>()?;
    let flow = Outflow::new(nodes.len(), config.is_pair, credentials.drained, credentials.seed);
    Ok(Maria::new(nodes, flow))
}
