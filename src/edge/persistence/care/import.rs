//! A dead server's journal is handed over to MariaDB, so that others may have its characters.

use crate::config::Stores;
use crate::edge::board::{Board, StartReport};
use crate::edge::clock;
use crate::edge::persistence::courier::{Courier, Credentials};
use crate::edge::persistence::journal::{JOURNAL_FILE, Journal, JournalError, OpenError, Torn};
use crate::edge::persistence::mariadb::{Database, MariaDbConfig, ServerId};
use crate::edge::persistence::{Keeper, start};
use crate::edge::queues;
use protocol::CharacterId;
use rudp::time::NS_PER_S;
use server::StoreError;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Longest that MariaDB may take for all of it: a full outbox of a million postings at 1,000 a second, and as much again.
const WITHIN_NS: u64 = 2_000 * NS_PER_S;
/// Between two lines about how far it is.
const TELL_PAUSE_NS: u64 = NS_PER_S;
/// For the pauses after trouble; there is only one import.
const SEED: u64 = 1;

/// Why a journal was not handed over. What MariaDB has taken of it stays there: importing again does the rest.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The journal is in use, damaged or of another build.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Nowhere to bring it.
    #[error("the configuration names no MariaDB ([mariadb] servers): there is nowhere to import to")]
    NoMariaDb,
    /// MariaDB is away, or refuses.
    #[error("cannot import: {0}")]
    MariaDb(#[from] StoreError),
    /// The operator has named another server.
    #[error(
        "MariaDB has none of this journal's {leases} leases under the name {name}: name the server as it was called when it ran"
    )]
    Name {
        /// What he said.
        name: String,
        /// So many are in the journal.
        leases: usize,
    },
    /// A row.
    #[error("{0}; what cannot be read here must not be unknown in MariaDB")]
    Unreadable(String),
    /// Of the outbox.
    #[error("{0}; nothing behind it can be imported: run throng verify --set-aside-unreadable on that directory first")]
    Torn(Torn),
    /// No runtime, no thread.
    #[error("cannot start the courier: {0}")]
    Courier(String),
    /// MariaDB was too slow, or does not take it.
    #[error(
        "MariaDB has not taken everything: {postings} postings, {checkpoints} checkpoints and {leases} leases are left; import again"
    )]
    Left {
        /// Of the outbox.
        postings: u64,
        /// Where players were last seen.
        checkpoints: u64,
        /// Characters that nobody else may have.
        leases: u64,
    },
}

/// What was handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Postings of the outbox.
    pub postings: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Characters that others may have now.
    pub leases: u64,
}

/// Hands over the journal in `data_dir` under the name that its server had; `tell` hears every second what waits: postings,
/// checkpoints, leases.
///
/// # Errors
/// [`ImportError`].
pub fn import(
    data_dir: &Path,
    name: &str,
    stores: &Stores,
    tell: &mut dyn FnMut([u64; 3]),
) -> Result<Imported, ImportError> {
    import_within(WITHIN_NS, data_dir, name, stores, tell)
}

/// As above, for tests that do not want to wait for so long.
pub(super) fn import_within(
    within_ns: u64,
    data_dir: &Path,
    name: &str,
    stores: &Stores,
    tell: &mut dyn FnMut([u64; 3]),
) -> Result<Imported, ImportError> {
    let mut journal = Journal::open_existing(&data_dir.join(JOURNAL_FILE))?;
    super::sign(data_dir);
    let urls = stores.mariadb.as_ref().map(|mariadb| mariadb.servers.as_slice()).ok_or(ImportError::NoMariaDb)?;
    if let Some(torn) = journal.unreadable_postings()?.into_iter().next() {
        return Err(ImportError::Torn(torn));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| ImportError::Courier(error.to_string()))?;
    let leases = journal.leases()?;
    let (database, server) = runtime.block_on(introduce(urls, name, journal.id()?, &leases))?;
    journal.attach(clock::unix_ms())?.map_err(ImportError::Unreadable)?;
    let before = Imported {
        postings: journal.waiting()?,
        checkpoints: journal.unsent()?.len() as u64,
        leases: leases.len() as u64,
    };
    let (mut journal, is_done) = hand_over(journal, name, stores, within_ns, tell)?;
    if !is_done {
        let (postings, checkpoints) = (journal.waiting()?, journal.unsent()?.len() as u64);
        runtime.block_on(close(&database));
        return Err(ImportError::Left { postings, checkpoints, leases: journal.leases()?.len() as u64 });
    }
    // Also those that MariaDB has given and of which the server died before it wrote them down: whatever is under its name is
    // drained now, and nobody will come for it.
    let released = runtime.block_on(async {
        let left = database.leases_of(server).await?;
        database.release_leases(server, &left).await?;
        close(&database).await;
        Ok::<_, StoreError>(left.into_iter().map(|lease| lease.character))
    })?;
    let leases: BTreeSet<_> = leases.into_keys().chain(released).collect();
    Ok(Imported { leases: leases.len() as u64, ..before })
}

/// Finds the first of MariaDB's servers that answers, and makes sure that the journal is that of the server of this name.
async fn introduce(
    urls: &[String],
    name: &str,
    journal_id: u128,
    leases: &BTreeMap<CharacterId, u64>,
) -> Result<(Database, ServerId), ImportError> {
    let mut last = ImportError::NoMariaDb;
    for url in urls {
        let database = Database::new(&MariaDbConfig { url: url.clone(), seed: SEED })?;
        match is_known(&database, name, leases).await {
            Ok(true) => match start::enlist(&database, name, journal_id).await {
                Ok(server) => return Ok((database, server)),
                Err(error) => last = error.into(),
            },
            Ok(false) => last = ImportError::Name { name: name.to_owned(), leases: leases.len() },
            Err(error) => last = error.into(),
        }
        close(&database).await;
    }
    Err(last)
}

/// Whether what the journal believes to be its own is that of the server of this name. Asked before the journal is enlisted:
/// under a wrong name it would take another server's place.
async fn is_known(database: &Database, name: &str, leases: &BTreeMap<CharacterId, u64>) -> Result<bool, StoreError> {
    database.migrate().await?;
    let known = database.leases_of(ServerId::of(name)).await?;
    Ok(leases.is_empty() || known.iter().any(|lease| leases.contains_key(&lease.character)))
}

async fn close(database: &Database) {
    let _ = tokio::time::timeout(Duration::from_secs(1), database.close()).await;
}

/// The persistence of a server that has no world and no Redis: nothing comes in, everything goes out.
pub(super) fn hand_over(
    mut journal: Journal,
    name: &str,
    stores: &Stores,
    within_ns: u64,
    tell: &mut dyn FnMut([u64; 3]),
) -> Result<(Journal, bool), ImportError> {
    let credentials = Credentials {
        journal_id: journal.id()?,
        drained: journal.drained()?,
        // As many as are ever put by, so that no more are asked for.
        incarnations: u64::MAX,
        server: (name.to_owned(), String::new()),
        held: Duration::ZERO,
        seed: SEED,
    };
    let board = Arc::new(Board::new(StartReport::default()));
    let stores = Stores { redis_url: None, ..stores.clone() };
    let (courier, ends) = Courier::new(&stores, credentials, board.clone())?.ok_or(ImportError::NoMariaDb)?;
    let (_, _, store_ends) = queues::connect();
    let mut keeper = Keeper::new(journal, store_ends, board, Arc::default());
    keeper.employ(courier, ends).map_err(ImportError::Courier)?;
    let mut told_ns = clock::mono_ns();
    Ok(keeper.hand_over(within_ns, &mut |waits| {
        if clock::mono_ns() >= told_ns + TELL_PAUSE_NS {
            told_ns = clock::mono_ns();
            tell(waits);
        }
    }))
}
