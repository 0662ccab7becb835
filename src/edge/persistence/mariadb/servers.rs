//! Game servers by name: their numbers, their starts, and how far their journals are in here.

use super::Database;
use super::forgotten::is_forgotten;
use super::timing::Query;
use crate::edge::clock;
use mysql_async::Value;
use server::StoreError;
use std::sync::atomic::Ordering;

/// A game server in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerId(pub u32);

impl ServerId {
    /// What the database itself did: the sums of what was erased.
    pub const NOBODY: Self = Self(0);

    /// Follows from the name. If the database counted instead, the ends of a pair that was cut apart would give the same
    /// name two numbers.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(crc32fast::hash(name.as_bytes()).max(1))
    }
}

/// What comes of a server's saying its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enlisted {
    /// It is known from now on.
    As(ServerId),
    /// It has another journal than the server of this name had, and that one's may hold what is not in the tables: it must be
    /// drained or imported first.
    Undrained {
        /// So many characters were not drained.
        characters: u64,
    },
    /// Its journal was given up as lost: nothing is taken from it.
    Forgotten,
    /// Another name has the same number by chance: take a third one.
    Clash {
        /// The other name.
        with: String,
    },
}

/// Numbers of starts that may be taken at a time.
pub const INCARNATIONS_MAX: usize = 64;

impl Database {
    /// A server with this journal goes by this name from now on.
    ///
    /// # Errors
    /// [`StoreError`] if the database could not be asked.
    pub async fn enlist(&self, name: &str, journal_id: u128) -> Result<Enlisted, StoreError> {
        let (id, journal) = (ServerId::of(name), journal_id.to_be_bytes().to_vec());
        let enlisted = self.transaction(async |session| {
            if is_forgotten(session, journal.clone()).await? {
                return Ok(Enlisted::Forgotten);
            }
            let known: Vec<(String, Vec<u8>, u64)> =
                session.rows(Query::Enlist, KNOWN, vec![id.0.into(), id.0.into()]).await?;
            match known.into_iter().next() {
                Some((other, ..)) if other != name => return Ok(Enlisted::Clash { with: other }),
                Some((_, known, characters)) if known != journal && characters > 0 => {
                    return Ok(Enlisted::Undrained { characters });
                }
                _ => {}
            }
            let values = vec![id.0.into(), name.into(), journal.clone().into(), clock::unix_ms().into()];
            session.run(Query::Enlist, ENLIST, values).await?;
            Ok(Enlisted::As(id))
        });
        let enlisted = enlisted.await?;
        match enlisted {
            Enlisted::As(_) => *self.journal.lock().expect("nobody panics in it") = Some(journal),
            Enlisted::Forgotten => self.is_disowned.store(true, Ordering::Relaxed),
            Enlisted::Undrained { .. } | Enlisted::Clash { .. } => {}
        }
        Ok(enlisted)
    }

    /// The name of another server whose journal worked alone before it came here, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] if the database could not be asked.
    pub async fn introduced_before(&self, server: ServerId) -> Result<Option<String>, StoreError> {
        let values: Vec<Value> = vec![INTRODUCED_FROM.to_be_bytes().to_vec().into(), server.0.into()];
        let found: Vec<String> =
            self.with(async |session| session.rows(Query::Enlist, INTRODUCED, values).await).await?;
        Ok(found.into_iter().next())
    }

    /// Numbers for so many starts, which no other start of any server ever has: [`INCARNATIONS_MAX`] at most.
    ///
    /// # Errors
    /// [`StoreError`]; some numbers may be lost then, which is no harm.
    pub async fn reserve_incarnations(&self, server: ServerId, count: usize) -> Result<Vec<u32>, StoreError> {
        let count = count.min(INCARNATIONS_MAX);
        if count == 0 {
            return Ok(Vec::new());
        }
        let values: Vec<Value> = (0..count).flat_map(|_| [server.0.into(), clock::unix_ms().into()]).collect();
        let rows = vec!["(?, ?)"; count].join(", ");
        let statement = format!("INSERT INTO incarnations (server_id, taken_at) VALUES {rows} RETURNING incarnation");
        self.with(async |session| session.rows(Query::Incarnations, &statement, values).await).await
    }

    /// What is wrong with the settings of this end for one of a pair, a sentence each.
    ///
    /// # Errors
    /// [`StoreError`] if the database could not be asked.
    pub async fn pair_faults(&self) -> Result<Vec<String>, StoreError> {
        let found: Vec<(String, String)> =
            self.with(async |session| session.rows(Query::Enlist, SETTINGS, Vec::new()).await).await?;
        let fault = |(name, value): (String, String)| {
            let (_, wanted) = PAIR_SETTINGS.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known))?;
            let place = self.place();
            (value != wanted).then(|| format!("MariaDB at {place} has {name} = {value}; one of a pair needs {wanted}"))
        };
        Ok(found.into_iter().filter_map(fault).collect())
    }

    /// All of this server's journal up to here is in the tables; 0 of one that has written nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the database could not be asked.
    pub async fn watermark(&self, server: ServerId) -> Result<u64, StoreError> {
        let statement = "SELECT seq FROM watermarks WHERE server_id = ?";
        let found: Vec<u64> =
            self.with(async |session| session.rows(Query::Watermark, statement, vec![server.0.into()]).await).await?;
        Ok(found.first().copied().unwrap_or(0))
    }
}

/// All that a journal brought along has such a number or a higher one, and nothing else has.
const INTRODUCED_FROM: u128 = 1 << 127;
const INTRODUCED: &str = "SELECT COALESCE(s.name, CONCAT('server ', l.server_id)) FROM ledger AS l \
    LEFT JOIN servers AS s ON s.server_id = l.server_id WHERE l.transaction_id >= ? AND l.server_id <> ? LIMIT 1";
const KNOWN: &str = "SELECT name, journal_id, (SELECT COUNT(*) FROM leases WHERE server_id = ? AND is_undrained = 1) \
    FROM servers WHERE server_id = ? FOR UPDATE";
/// A clock that was set back does not make a start an old one.
const ENLIST: &str = "INSERT INTO servers (server_id, name, journal_id, seen_at) VALUES (?, ?, ?, ?) \
    ON DUPLICATE KEY UPDATE journal_id = VALUES(journal_id), seen_at = GREATEST(seen_at, VALUES(seen_at))";
/// As `SHOW VARIABLES` writes them.
const PAIR_SETTINGS: [(&str, &str); 5] = [
    ("log_bin", "ON"),
    ("binlog_format", "ROW"),
    ("slave_exec_mode", "IDEMPOTENT"),
    ("slave_run_triggers_for_rbr", "ENFORCE"),
    ("auto_increment_increment", "2"),
];
const SETTINGS: &str = "SELECT variable_name, variable_value FROM information_schema.global_variables \
    WHERE variable_name IN ('log_bin', 'binlog_format', 'slave_exec_mode', 'slave_run_triggers_for_rbr', \
    'auto_increment_increment')";
