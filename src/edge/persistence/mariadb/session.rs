//! Connections: a few, kept while they are sound, and every wait on them bounded.
//!
//! Not the driver's own pool: that asks the server for a sign of life before each use, cleans up behind the back of whoever
//! gave up (which waits for a frozen server for ever, in a place that is counted), and lives in tasks that must be told to
//! end. Here a connection goes back only when what was done on it has ended well; all others are dropped, and a server that
//! sees its client gone undoes what was not committed. A connection on which nothing was done for a while is asked first.

use super::timing::{Query, Timings};
use super::trouble::{slow, trouble_of};
use crate::edge::clock;
use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{Conn, Opts, OptsBuilder, Value};
use server::{StoreError, Trouble};
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// For a connection to be there and logged in: two round trips to another continent, and a server that starts a thread.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// For one statement: of the largest that is sent here, 256 rows, a busy disk makes a hundred in this time.
pub const STATEMENT_WITHIN: Duration = Duration::from_secs(5);
/// For a change of tables, which copies them at worst.
pub const MIGRATION_WITHIN: Duration = Duration::from_secs(300);
/// For a row that another transaction holds, in seconds: shorter than [`STATEMENT_WITHIN`], so that it is a conflict and not
/// a server that does not answer.
const LOCK_WITHIN_S: u32 = 2;
/// For saying goodbye.
const QUIT_WITHIN: Duration = Duration::from_millis(100);
/// A connection that was not used for so long is asked whether it is one still.
const UNUSED_NS_MAX: u64 = 1_000_000_000;
/// Connections at a time: one that writes, one that loads, and two for operators. The server's default allows 151.
pub const CONNECTIONS_MAX: usize = 4;
/// Prepared statements of a connection: all that there are here, twice.
const STATEMENTS_MAX: usize = 64;
/// Rows of one statement. With 256 the costs of a round trip are below a hundredth of those of the rows.
pub const ROWS_MAX: usize = 256;
/// Bytes of the values of one statement, unless a single row has more; a fourth of the server's default for a packet.
const STATEMENT_BYTES_MAX: usize = 4 << 20;

/// The connections to one server.
#[derive(Debug)]
pub struct Sessions {
    opts: Opts,
    /// Host and port: what errors may say.
    pub place: String,
    idle: Mutex<Vec<(Conn, u64)>>,
    permits: Semaphore,
    pub timings: Mutex<Timings>,
}

impl Sessions {
    /// Connects to nothing yet.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        let opts = Opts::from_url(url).map_err(|_| unusable_url())?;
        if opts.db_name().is_none() {
            return Err(unusable_url());
        }
        let place = format!("{}:{}", opts.ip_or_hostname(), opts.tcp_port());
        // The driver moves to the server's socket file on its own accord otherwise; another server may listen there.
        let opts = OptsBuilder::from_opts(opts)
            .prefer_socket(false)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(KEEPALIVE))
            .stmt_cache_size(STATEMENTS_MAX)
            .setup(vec![
                // The last is for the triggers of `migrations/0002_guards.sql`.
                format!(
                    "SET SESSION sql_mode = '{SQL_MODE}', innodb_lock_wait_timeout = {LOCK_WITHIN_S}, @is_guarded = 1"
                ),
                // Rows are found by their keys, so nothing is gained from locks on the gaps between them but dead-locks.
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
            ])
            .into();
        let (idle, permits) = (Mutex::default(), Semaphore::new(CONNECTIONS_MAX));
        Ok(Self { opts, place, idle, permits, timings: Mutex::default() })
    }

    /// A connection that works, as far as is known.
    pub async fn session(&self) -> Result<Session<'_>, StoreError> {
        let permit = timeout(STATEMENT_WITHIN, self.permits.acquire()).await;
        let Ok(Ok(permit)) = permit else {
            return Err(slow(&self.place, "finish what was asked before", STATEMENT_WITHIN.as_secs()));
        };
        let mut session = Session { sessions: self, conn: None, _permit: permit };
        while let Some((conn, since_ns)) = self.pop() {
            session.conn = Some(conn);
            let is_fresh = clock::mono_ns() < since_ns + UNUSED_NS_MAX;
            if is_fresh || session.ping().await.is_ok() {
                return Ok(session);
            }
            // All others have seen the same end.
            self.forget_idle();
        }
        session.connect().await?;
        Ok(session)
    }

    /// Says goodbye on all connections that are not in use. To be called before the runtime ends.
    pub async fn close(&self) {
        while let Some((conn, _)) = self.pop() {
            // The server finds out by itself if it does not hear this.
            let _ = timeout(QUIT_WITHIN, conn.disconnect()).await;
        }
    }

    fn pop(&self) -> Option<(Conn, u64)> {
        self.idle.lock().expect("nobody panics in it").pop()
    }

    fn forget_idle(&self) {
        self.idle.lock().expect("nobody panics in it").clear();
    }
}

/// What does not fit a column is an error, whatever the server's configuration says.
const SQL_MODE: &str = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO";

fn unusable_url() -> StoreError {
    let text = "the address of MariaDB must be mysql://USER:PASSWORD@HOST:PORT/DATABASE".to_owned();
    StoreError { trouble: Trouble::Broken, text }
}

/// Before the operating system asks a silent peer; a cut cable is found by the time-outs long before.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// One connection in use. It goes back by [`Session::keep`] only.
#[derive(Debug)]
pub struct Session<'a> {
    sessions: &'a Sessions,
    /// None after a fault.
    conn: Option<Conn>,
    _permit: SemaphorePermit<'a>,
}

impl Session<'_> {
    /// Back to the others: all that was done on it has ended, and no transaction is open.
    pub fn keep(mut self) {
        if let Some(conn) = self.conn.take() {
            self.sessions.idle.lock().expect("nobody panics in it").push((conn, clock::mono_ns()));
        }
    }

    /// Host and port.
    pub fn place(&self) -> &str {
        &self.sessions.place
    }

    /// Whether nothing more can be done on it.
    pub fn is_lost(&self) -> bool {
        self.conn.is_none()
    }

    /// Gives the connection up.
    pub fn lose(&mut self) {
        self.conn = None;
    }

    async fn connect(&mut self) -> Result<(), StoreError> {
        let began_ns = clock::mono_ns();
        let result = timeout(CONNECT_WITHIN, Conn::new(self.sessions.opts.clone())).await;
        self.count(Query::Connect, 0, !matches!(result, Ok(Ok(_))), began_ns);
        match result {
            Ok(Ok(conn)) => {
                self.conn = Some(conn);
                Ok(())
            }
            Ok(Err(error)) => Err(trouble_of(self.place(), Query::Connect.label(), &error)),
            Err(_) => Err(slow(self.place(), Query::Connect.label(), CONNECT_WITHIN.as_secs())),
        }
    }

    /// Asks for a sign of life.
    pub async fn ping(&mut self) -> Result<(), StoreError> {
        self.timed(Query::Ping, 0, CONNECT_WITHIN, async |conn| conn.ping().await).await
    }

    /// Sends text as it is; for what cannot or need not be prepared.
    pub async fn say(&mut self, query: Query, text: &str) -> Result<(), StoreError> {
        self.timed(query, 0, STATEMENT_WITHIN, async |conn| conn.query_drop(text).await).await
    }

    /// Undoes the transaction.
    pub async fn undo(&mut self) -> Result<(), StoreError> {
        self.say(Query::Begin, "ROLLBACK").await
    }

    /// The same, for changes of tables.
    pub async fn migrate(&mut self, text: &str) -> Result<(), StoreError> {
        self.timed(Query::Migrate, 0, MIGRATION_WITHIN, async |conn| conn.query_drop(text).await).await
    }

    /// One statement, all rows of its answer.
    pub async fn rows<T>(&mut self, query: Query, statement: &str, values: Vec<Value>) -> Result<Vec<T>, StoreError>
    where
        T: FromRow + Send + 'static,
    {
        let rows: Vec<mysql_async::Row> =
            self.timed(query, 1, STATEMENT_WITHIN, async |conn| conn.exec(statement, values).await).await?;
        let read = rows.into_iter().map(|row| mysql_async::from_row_opt(row)).collect::<Result<_, _>>();
        read.map_err(|_| StoreError {
            trouble: Trouble::Schema,
            text: format!("MariaDB at {} has columns of other types than this build", self.place()),
        })
    }

    /// One statement without an answer; how many rows it changed.
    pub async fn run(&mut self, query: Query, statement: &str, values: Vec<Value>) -> Result<u64, StoreError> {
        let work = async |conn: &mut Conn| {
            conn.exec_drop(statement, values).await?;
            Ok(conn.affected_rows())
        };
        self.timed(query, 1, STATEMENT_WITHIN, work).await
    }

    /// The same statement for many rows of values, which are all of the same types, in as few round trips as there may be.
    ///
    /// MariaDB takes rows as an array to one prepared statement (`COM_STMT_BULK_EXECUTE`); so a statement is prepared once,
    /// not once for each number of rows.
    pub async fn run_all(&mut self, query: Query, statement: &str, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
        for chunk in chunks(rows) {
            let work = async |conn: &mut Conn| conn.exec_batch(statement, chunk.clone()).await;
            self.timed(query, chunk.len(), STATEMENT_WITHIN, work).await?;
        }
        Ok(())
    }

    async fn timed<T>(
        &mut self,
        query: Query,
        rows: usize,
        within: Duration,
        work: impl AsyncFnOnce(&mut Conn) -> mysql_async::Result<T>,
    ) -> Result<T, StoreError> {
        let began_ns = clock::mono_ns();
        let Some(mut conn) = self.conn.take() else {
            let text = format!("the connection to MariaDB at {} was lost", self.place());
            return Err(StoreError { trouble: Trouble::Down, text });
        };
        let result = timeout(within, work(&mut conn)).await;
        self.count(query, rows, !matches!(result, Ok(Ok(_))), began_ns);
        let (error, is_sound) = match result {
            Ok(Ok(value)) => {
                self.conn = Some(conn);
                return Ok(value);
            }
            Ok(Err(error)) => (trouble_of(self.place(), query.label(), &error), !error.is_fatal()),
            Err(_) => (slow(self.place(), query.label(), within.as_secs()), false),
        };
        if is_sound && !matches!(error.trouble, Trouble::Down | Trouble::Starting) {
            self.conn = Some(conn);
        } else {
            // Dropped in the middle of an answer it would wait for the rest of that in a task of its own.
            let _ = timeout(QUIT_WITHIN, conn.disconnect()).await;
            self.sessions.forget_idle();
        }
        Err(error)
    }

    fn count(&self, query: Query, rows: usize, is_failure: bool, began_ns: u64) {
        let mut timings = self.sessions.timings.lock().expect("nobody panics in it");
        timings.add(query, rows, is_failure, (began_ns, clock::mono_ns()));
    }
}

/// Rows in their order, no more at a time than a statement may have.
fn chunks(rows: Vec<Vec<Value>>) -> Vec<Vec<Vec<Value>>> {
    let mut chunks: Vec<Vec<Vec<Value>>> = Vec::new();
    let mut bytes = 0;
    for row in rows {
        let row_bytes: u64 = row.iter().map(Value::bin_len).sum();
        bytes += row_bytes as usize;
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < ROWS_MAX && bytes <= STATEMENT_BYTES_MAX => chunk.push(row),
            _ => {
                bytes = row_bytes as usize;
                chunks.push(vec![row]);
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_by_number_and_by_bytes_and_none_is_lost() {
        let lens = |rows: Vec<Vec<Value>>| chunks(rows).iter().map(Vec::len).collect::<Vec<_>>();
        let small = vec![Value::UInt(1)];
        assert_eq!(lens(vec![small.clone(); 600]), [256, 256, 88]);
        let large = vec![Value::Bytes(vec![0; 3 << 20])];
        assert_eq!(lens(vec![large.clone(), small.clone(), large.clone(), large, small]), [2, 1, 2]);
        assert_eq!(lens(Vec::new()), [0; 0]);
    }

    #[test]
    fn an_address_that_is_none_is_not_quoted() {
        for url in ["mysql://throng:secret@host:port/throng", "secret", "mysql://throng:secret@127.0.0.1:3306"] {
            let error = Sessions::new(url).unwrap_err();
            assert!(!error.text.contains("secret") && error.text.contains("mysql://USER"), "{error}");
        }
    }
}
