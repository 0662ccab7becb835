//! Everything that speaks SQL: one MariaDB server, as the room in which the truth of many game servers lies.
//!
//! **State, not change.** A [`Parcel`] says of each thing that it touches how it is afterwards, with a revision that only ever
//! grows. A row is written only over one of a lower or equal revision: in each statement
//! (`ON DUPLICATE KEY UPDATE column = IF(VALUES(revision) >= revision, ..)`, the revision itself last, because MariaDB assigns
//! from left to right), and again in triggers (`migrations/0002_guards.sql`), because rows also come by replication from a
//! database that was away and knows less. So whoever does not know whether a parcel arrived sends it again, to this server or to the
//! other of a pair, late or twice, and nothing is lost, doubled or set back.
//!
//! **One SQL transaction for a parcel**, in this order: the ids of the transactions, rosters, characters, items, sums, the
//! watermark. Rows are in the order of their keys, so that two writers wait for each other rather than lock each other up.
//! If that happens all the same (dead-lock, a lock not granted, Galera's certification), the whole transaction is undone
//! and made again after a short pause, [`ATTEMPTS_MAX`] times in all.
//!
//! **What is gone stays for a week**, marked, with its revision: a late row of it that came without would bring it back.
//! [`Database::prune`] deletes in small steps. Characters that are struck stay for good; there are few of them.
//!
//! **A pair** of servers, each the replica of the other: `binlog_format=ROW`, `slave_exec_mode=IDEMPOTENT`,
//! `slave_run_triggers_for_rbr=ENFORCE` (`YES` is not enough: then a trigger does not run for a row whose sender has the same
//! trigger), `auto_increment_increment=2` with offsets 1 and 2; [`Database::pair_faults`] looks. After any cut both hold the
//! newest of each row (`pair.rs` in the tests). Two things have one number at both ends without asking: a server is numbered
//! by its name, a ledger row is found by its transaction's id and has no counted one. Starts are counted by the database, odd
//! at one and even at the other. A lease or a name that was taken at both ends while they could not hear each other is, in the
//! end, the same one's at both; so both should be asked for where both can be reached, and otherwise always in the same order.
//!
//! **Rows in bulk.** A statement is prepared once in a connection and gets its rows as an array, 256 at a time
//! (`COM_STMT_BULK_EXECUTE`), instead of one text for each number of rows.
//!
//! It needs MariaDB 10.5 or later (`RETURNING`). Nothing here decides when to try again after a fault of the server or of
//! the way to it: that is the caller's. But a call after a fault connects anew by itself, and no call waits for ever. The
//! futures are for one thread: a `current_thread` runtime runs them, by `block_on` or in a `LocalSet`.

mod account;
mod checkpoints;
mod erasure;
mod forgotten;
mod leases;
mod migrations;
mod names;
mod pruning;
mod read;
mod servers;
mod session;
#[cfg(test)]
mod tests;
mod timing;
mod trouble;
mod write;

pub use erasure::Erased;
pub use forgotten::{Forgotten, SILENT_MS, WHY as WHY_FORGOTTEN};
pub use leases::{Lease, LeaseAnswer};
pub use names::NameAnswer;
pub use pruning::Pruned;
pub use read::Kept;
#[cfg(test)]
pub use read::Sum;
pub use servers::{Enlisted, ServerId};
pub use timing::{BOUNDS_MS, Query, Timing};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use server::{StoreError, Trouble};
use session::{Session, Sessions};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Which server, and as whom.
#[derive(Clone)]
pub struct MariaDbConfig {
    /// `mysql://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub url: String,
    /// For the lengths of pauses.
    pub seed: u64,
}

/// One MariaDB server.
#[derive(Debug)]
pub struct Database {
    sessions: Sessions,
    rng: Mutex<StdRng>,
    /// The journal that speaks here, as [`Self::enlist`] was told.
    journal: Mutex<Option<Vec<u8>>>,
    is_disowned: AtomicBool,
}

impl Database {
    /// Looks at the address only; every call connects if it must.
    ///
    /// # Errors
    /// [`StoreError`] if that is not an address of a database.
    pub fn new(config: &MariaDbConfig) -> Result<Self, StoreError> {
        let rng = Mutex::new(StdRng::seed_from_u64(config.seed));
        let (journal, is_disowned) = (Mutex::default(), AtomicBool::default());
        Ok(Self { sessions: Sessions::new(&config.url)?, rng, journal, is_disowned })
    }

    /// Host and port, as errors call it.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.sessions.place
    }

    /// Whether it is there, and lets us in: for tests, everything else says so by itself.
    ///
    /// # Errors
    /// [`StoreError`] says what is wrong.
    #[cfg(test)]
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut session = self.sessions.session().await?;
        session.ping().await?;
        session.keep();
        Ok(())
    }

    /// Makes the tables, or brings those of an older build up to date. Two may do so at once.
    ///
    /// # Errors
    /// [`Trouble::Schema`] if they are of a newer build, or not ours, or if the server is too old.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        migrations::bring_up_to(&self.sessions, migrations::NEWEST).await
    }

    /// Closes its connections. To be called before the runtime ends; it may be used again.
    pub async fn close(&self) {
        self.sessions.close().await;
    }

    /// How long statements took since it was made.
    ///
    /// # Panics
    /// If another thread panicked in the middle of counting.
    #[must_use]
    pub fn timings(&self) -> [(Query, Timing); Query::ALL.len()] {
        self.sessions.timings.lock().expect("nobody panics in it").snapshot()
    }

    /// Does `work` on a connection.
    async fn with<T>(
        &self,
        work: impl AsyncFnOnce(&mut Session<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut session = self.sessions.session().await?;
        let result = work(&mut session).await;
        // After an error of the server the connection is as good as before.
        session.keep();
        result
    }

    /// Does `work` as one transaction: all of it or nothing, and all of it again if others were in the way.
    async fn transaction<T>(
        &self,
        work: impl AsyncFn(&mut Session<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.again(async || self.with(async |session| in_transaction(session, &work).await).await).await
    }

    /// Does `work`, which changes nothing if it fails, once more after a pause if others were in the way.
    async fn again<T>(&self, work: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        for attempt in 1.. {
            match work().await {
                Err(error) if error.trouble == Trouble::Conflict && attempt < ATTEMPTS_MAX => {
                    tokio::time::sleep(self.pause(attempt)).await;
                }
                result => return result,
            }
        }
        unreachable!("the last attempt returns");
    }

    /// Half of it is left to chance, so that two that met do not meet again.
    fn pause(&self, attempt: u32) -> Duration {
        let longest = FIRST_PAUSE * 2_u32.pow(attempt - 1);
        longest.mul_f64(self.rng.lock().expect("nobody panics in it").random_range(0.5..1.0))
    }
}

async fn in_transaction<T>(
    session: &mut Session<'_>,
    work: &impl AsyncFn(&mut Session<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    session.say(Query::Begin, "START TRANSACTION").await?;
    let result = match work(session).await {
        Ok(value) => session.say(Query::Commit, "COMMIT").await.map(|()| value),
        Err(error) => Err(error),
    };
    if result.is_err() && !session.is_lost() && session.undo().await.is_err() {
        // Without the connection the server undoes it; what is told is the first fault.
        session.lose();
    }
    result
}

/// How often a transaction that met others is made, the first time included.
pub const ATTEMPTS_MAX: u32 = 5;
/// The longest pause after the first time; each further one is twice as long. All together 300 ms at most.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
