//! A server whose journal is lost for ever is given up, so that others may have its characters.

use crate::config::Stores;
use crate::edge::clock;
use crate::edge::persistence::mariadb::{Database, Forgotten, MariaDbConfig, SILENT_MS};
use server::StoreError;
use std::time::Duration;
use thiserror::Error;

/// For the pauses after trouble; there is only one.
const SEED: u64 = 1;

/// Why a server was not given up. Nothing has changed.
#[derive(Debug, Error)]
pub enum ForgetError {
    /// There is nothing to give up.
    #[error("the configuration names no MariaDB ([mariadb] servers): without it nobody else could have the characters")]
    NoMariaDb,
    /// MariaDB is away, or refuses.
    #[error("cannot forget: {0}")]
    MariaDb(#[from] StoreError),
    /// The operator has named another server.
    #[error("MariaDB knows no server {name}: name the server as it was called when it ran")]
    Unknown {
        /// What he said.
        name: String,
    },
    /// It runs.
    #[error(
        "server {name} is alive: MariaDB heard of it {ago_s} s ago; stop it, which loses nothing, or wait until it has been \
         silent for {silent_s} s", silent_s = SILENT_MS / 1_000
    )]
    Alive {
        /// Its name.
        name: String,
        /// Seconds.
        ago_s: u64,
    },
    /// No runtime.
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
}

/// Gives up the server of this name; how many characters were its own until now.
///
/// # Errors
/// [`ForgetError`].
pub fn forget(name: &str, stores: &Stores) -> Result<u64, ForgetError> {
    let urls = stores.mariadb.as_ref().map(|mariadb| mariadb.servers.as_slice()).ok_or(ForgetError::NoMariaDb)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ForgetError::Runtime)?;
    match runtime.block_on(forget_at_first(urls, name))? {
        Forgotten::Done { leases } => Ok(leases),
        Forgotten::Unknown => Err(ForgetError::Unknown { name: name.to_owned() }),
        Forgotten::Alive { ago_ms } => Err(ForgetError::Alive { name: name.to_owned(), ago_s: ago_ms / 1_000 }),
    }
}

/// At the first of MariaDB's servers that answers: the other of a pair hears it from there.
async fn forget_at_first(urls: &[String], name: &str) -> Result<Forgotten, ForgetError> {
    let mut last = ForgetError::NoMariaDb;
    for url in urls {
        let database = Database::new(&MariaDbConfig { url: url.clone(), seed: SEED })?;
        let asked = async {
            database.migrate().await?;
            database.forget(name, clock::unix_ms()).await
        };
        let forgotten = asked.await;
        let _ = tokio::time::timeout(Duration::from_secs(1), database.close()).await;
        match forgotten {
            Ok(forgotten) => return Ok(forgotten),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}
