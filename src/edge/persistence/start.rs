//! What must be so before a world can begin: it needs a number that no start of any server has had.

use super::journal::{Adopted, Group, Journal, JournalError};
use super::mariadb::{Database, Enlisted, MariaDbConfig, ServerId, WHY_FORGOTTEN};
use crate::config::{MariaDb, Stores};
use crate::edge::clock;
use crate::edge::secret::{self, SecretError};
use game::SumsRow;
use server::{StoreError, Trouble};
use std::path::Path;
use std::time::{Duration, Instant};
use thiserror::Error;

/// A first start waits for MariaDB for so long: orchestrators start both together.
const FIRST_WITHIN: Duration = Duration::from_secs(60);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// Starts that are put by at once.
const STARTS: usize = 16;
/// Of those that MariaDB counts: a journal that worked alone has counted its own from 1, and both name things for ever.
pub const COUNTED_THERE: u32 = 1 << 31;

/// Why there is no world.
#[derive(Debug, Error)]
pub enum BeginError {
    /// The journal.
    #[error("cannot start: {0}")]
    Journal(#[from] JournalError),
    /// A row that MariaDB should be told of.
    #[error("cannot start with MariaDB: {0}; what cannot be read here must not be unknown there")]
    Unreadable(String),
    /// A file with a password.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The first start of a journal needs MariaDB.
    #[error("cannot start: this data directory has never met MariaDB, and it cannot be reached: {0}")]
    NeverMet(StoreError),
    /// An address in the configuration.
    #[error("wrong configuration: {0}")]
    Address(StoreError),
}

/// The number of this start. With MariaDB it is one that was put by, or, at the first start, MariaDB is asked for it.
///
/// # Errors
/// [`BeginError`].
pub fn incarnation(journal: &mut Journal, name: &str, stores: &Stores) -> Result<u32, BeginError> {
    let Some(mariadb) = &stores.mariadb else { return Ok(journal.count_start()?) };
    match journal.attach(clock::unix_ms())? {
        Ok(0) => {}
        Ok(told) => tracing::info!(told, "what this journal holds is on its way to MariaDB"),
        Err(unreadable) => return Err(BeginError::Unreadable(unreadable)),
    }
    if let Some(incarnation) = journal.take_incarnation(&[])? {
        return Ok(incarnation);
    }
    let is_new = journal.newest()? == 0;
    let First { starts, world } = first_start(mariadb, name, journal.id()?, is_new)?;
    if let Some(world) = world.filter(|_| is_new) {
        tracing::info!("a new journal of a server that MariaDB knows: its ground and sums come from there");
        journal.commit(&Group { adopted: &[world], ..Group::default() })?;
    }
    let incarnation = journal.take_incarnation(&starts)?;
    incarnation.ok_or_else(|| {
        let text = "MariaDB counts no starts".to_owned();
        BeginError::NeverMet(StoreError { trouble: Trouble::Broken, text })
    })
}

/// What MariaDB says to a journal that it has not met.
struct First {
    starts: Vec<u32>,
    /// What a server of this name left there, if there was one.
    world: Option<Adopted>,
}

fn first_start(config: &MariaDb, name: &str, journal_id: u128, is_new: bool) -> Result<First, BeginError> {
    let nodes: Result<Vec<_>, _> =
        config.servers.iter().map(|url| Database::new(&MariaDbConfig { url: url.clone(), seed: 1 })).collect();
    let nodes = nodes.map_err(BeginError::Address)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .map_err(|error| BeginError::NeverMet(StoreError { trouble: Trouble::Broken, text: error.to_string() }))?;
    let began = Instant::now();
    let first = runtime.block_on(async {
        for nth in 0.. {
            let node = &nodes[nth % nodes.len()];
            match meet(node, name, journal_id, is_new).await {
                Ok(first) => return Ok(first),
                // Waiting mends neither a wrong password nor tables of another build.
                Err(error) if matches!(error.trouble, Trouble::Credentials | Trouble::Schema) => return Err(error),
                Err(error) if began.elapsed() > FIRST_WITHIN => return Err(error),
                Err(error) => {
                    if nth % 10 == 0 {
                        tracing::warn!(%error, "waiting for MariaDB, which a first start needs");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        unreachable!("it goes on until it returns")
    });
    runtime.block_on(async {
        for node in &nodes {
            let _ = tokio::time::timeout(PAUSE, node.close()).await;
        }
    });
    first.map_err(BeginError::NeverMet)
}

async fn meet(node: &Database, name: &str, journal_id: u128, is_new: bool) -> Result<First, StoreError> {
    node.migrate().await?;
    let server = enlist(node, name, journal_id).await?;
    if !is_new && let Some(other) = node.introduced_before(server).await? {
        return Err(person(format!(
            "this data directory has worked without MariaDB, and so had that of the server {other} which is in there: both \
             have given the same numbers to different things; start on an empty data directory, or with a database of its own"
        )));
    }
    let watermark = node.watermark(server).await?;
    let world = if watermark > 0 { Some(left_world(node, server, watermark).await?) } else { None };
    Ok(First { starts: reserve(node, server, STARTS).await?, world })
}

/// What lies on a server's ground, and what ever came into its world: with the sums at nought the books would never be in
/// balance again.
async fn left_world(node: &Database, server: ServerId, watermark: u64) -> Result<Adopted, StoreError> {
    let (lying, all) = (node.ground(server).await?, node.sums(server).await?);
    let revisions = lying.iter().map(|lying| lying.revision).chain(all.iter().map(|sum| sum.revision));
    let revision = revisions.max().unwrap_or(0).max(watermark);
    let mut sums = SumsRow::default();
    for sum in all {
        match sum.kind {
            Some(kind) => drop(sums.made.insert((sum.way, kind), sum.amount)),
            None => drop(sums.minted.insert(sum.way, sum.amount)),
        }
    }
    Ok(Adopted::World { revision, ground: lying.into_iter().map(|lying| lying.record).collect(), sums })
}

/// This server is known there by its name.
///
/// # Errors
/// [`Trouble::Schema`] if a person must do something first: the text says what.
pub async fn enlist(node: &Database, name: &str, journal_id: u128) -> Result<ServerId, StoreError> {
    match node.enlist(name, journal_id).await? {
        Enlisted::As(server) => Ok(server),
        Enlisted::Undrained { characters } => Err(person(format!(
            "MariaDB knows a server {name} with another journal, which has not handed on {characters} characters: import that \
             journal (throng import DIR), or if it is lost for ever, give it up (throng forget), or give this server another \
             name"
        ))),
        Enlisted::Forgotten => Err(person(format!("MariaDB takes nothing from this journal: {WHY_FORGOTTEN}"))),
        Enlisted::Clash { with } => {
            Err(person(format!("the name {name} has the number of {with} in MariaDB: take another one")))
        }
    }
}

/// Waiting does not mend it.
fn person(text: String) -> StoreError {
    StoreError { trouble: Trouble::Schema, text }
}

/// Numbers for so many starts.
///
/// # Errors
/// MariaDB's.
pub async fn reserve(node: &Database, server: ServerId, count: usize) -> Result<Vec<u32>, StoreError> {
    let starts = node.reserve_incarnations(server, count).await?;
    Ok(starts.into_iter().map(|start| COUNTED_THERE | start).collect())
}

/// The stores with the passwords that stand in files.
///
/// # Errors
/// A file cannot be read.
pub fn addressed(stores: &Stores) -> Result<Stores, BeginError> {
    let mut stores = stores.clone();
    if let Some(mariadb) = &mut stores.mariadb
        && let Some(path) = &mariadb.password_file
    {
        let password = secret::text(path)?;
        mariadb.servers.iter_mut().for_each(|url| *url = with_password(url, &password));
    }
    if let (Some(url), Some(path)) = (&mut stores.redis_url, &stores.redis_password_file) {
        *url = with_password(url, &secret::text(Path::new(path))?);
    }
    Ok(stores)
}

/// An address that has no password, with this one.
fn with_password(url: &str, password: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let password: String = (password.bytes())
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    match rest.split_once('@') {
        Some((user, _)) if user.contains(':') => url.to_owned(),
        Some((user, place)) => format!("{scheme}://{user}:{password}@{place}"),
        None => format!("{scheme}://:{password}@{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_from_a_file_stands_where_the_address_leaves_it_out_and_only_there() {
        assert_eq!(with_password("mysql://me@db:3306/throng", "s/c@t"), "mysql://me:s%2Fc%40t@db:3306/throng");
        assert_eq!(with_password("redis://hot:6379", "word"), "redis://:word@hot:6379");
        assert_eq!(with_password("mysql://me:mine@db/throng", "other"), "mysql://me:mine@db/throng");
    }
}
