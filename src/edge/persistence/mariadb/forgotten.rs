//! Journals that are lost for ever: their servers' characters are anybody's again, and what such a journal has to say, if it
//! is found after all, is not listened to. It numbers what it does as it likes, so its numbers would pass for newer ones.

use super::Database;
use super::servers::ServerId;
use super::session::Session;
use super::timing::Query;
use server::{StoreError, Trouble};
use std::sync::atomic::Ordering;

/// How long a server must not have been heard of: six of its signs of life in a row were missed.
pub const SILENT_MS: u64 = 60_000;

/// What comes of giving up a server's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// It is given up.
    Done {
        /// So many characters were still that server's, and are anybody's now.
        leases: u64,
    },
    /// There is no server of this name.
    Unknown,
    /// It was heard of so many milliseconds ago, which is less than [`SILENT_MS`].
    Alive {
        /// As said above.
        ago_ms: u64,
    },
}

impl Database {
    /// The journal of the server of this name is lost: what it had not carried is given up, others may have its characters as
    /// they are in here, and nothing is ever taken from that journal any more. The name can be used again with a new one.
    ///
    /// # Errors
    /// [`StoreError`]: then it is not known whether it was done; saying it again makes sure.
    pub async fn forget(&self, name: &str, now_ms: u64) -> Result<Forgotten, StoreError> {
        let server = ServerId::of(name);
        self.transaction(async |session| {
            let known: Vec<(String, Vec<u8>, u64)> = session.rows(Query::Enlist, KNOWN, vec![server.0.into()]).await?;
            let Some((_, journal, seen_at)) = known.into_iter().next().filter(|(known, ..)| known == name) else {
                return Ok(Forgotten::Unknown);
            };
            let ago_ms = now_ms.saturating_sub(seen_at);
            if ago_ms < SILENT_MS {
                return Ok(Forgotten::Alive { ago_ms });
            }
            session.run(Query::Enlist, FORGET, vec![journal.into(), server.0.into(), now_ms.into()]).await?;
            let leases = session.run(Query::Leases, STRIKE, vec![server.0.into()]).await?;
            Ok(Forgotten::Done { leases })
        })
        .await
    }

    /// The server is alive: one whose journal was forgotten hears so.
    ///
    /// # Errors
    /// [`StoreError`]; of [`Trouble::Schema`] if its journal was forgotten.
    pub async fn greet(&self, server: ServerId, now_ms: u64) -> Result<(), StoreError> {
        self.with(async |session| {
            self.check_journal(session).await?;
            session.run(Query::Enlist, GREET, vec![now_ms.into(), server.0.into()]).await?;
            Ok(())
        })
        .await
    }

    /// Whether the journal that was enlisted here last may still say something.
    pub(super) async fn check_journal(&self, session: &mut Session<'_>) -> Result<(), StoreError> {
        let journal = self.journal.lock().expect("nobody panics in it").clone();
        let Some(journal) = journal else { return Ok(()) };
        if is_forgotten(session, journal).await? {
            self.is_disowned.store(true, Ordering::Relaxed);
            let text = format!("MariaDB at {} takes nothing more from this journal: {WHY}", session.place());
            return Err(StoreError { trouble: Trouble::Schema, text });
        }
        Ok(())
    }

    /// Whether it has said that the journal which wanted to speak here was forgotten.
    pub fn is_disowned(&self) -> bool {
        self.is_disowned.load(Ordering::Relaxed)
    }
}

/// Whether a journal was given up.
pub async fn is_forgotten(session: &mut Session<'_>, journal: Vec<u8>) -> Result<bool, StoreError> {
    let statement = "SELECT 1 FROM forgotten WHERE journal_id = ?";
    let found: Vec<u64> = session.rows(Query::Enlist, statement, vec![journal.into()]).await?;
    Ok(!found.is_empty())
}

/// What the operator of a server is told whose journal was forgotten.
pub const WHY: &str = "it was given up as lost (throng forget), and others may have its characters; stop this server, move its \
    data directory away and start it on an empty one";
const KNOWN: &str = "SELECT name, journal_id, seen_at FROM servers WHERE server_id = ? FOR UPDATE";
const FORGET: &str = "INSERT INTO forgotten (journal_id, server_id, forgotten_at) VALUES (?, ?, ?) \
    ON DUPLICATE KEY UPDATE journal_id = journal_id";
const STRIKE: &str = "UPDATE leases SET is_undrained = 0 WHERE server_id = ? AND is_undrained = 1";
/// A clock that was set back does not make a server silent.
const GREET: &str = "UPDATE servers SET seen_at = GREATEST(seen_at, ?) WHERE server_id = ?";
