//! The tables, and how those of an older build become those of this one.
//!
//! A migration is a file of statements with an empty line between two. Each may be made twice: MariaDB cannot undo a change of
//! tables, so one that was cut short is made again from its beginning; and of a pair, both ends may have made it before they
//! hear of each other. A file that was in a release is never changed.

use super::session::{Session, Sessions};
use super::timing::Query;
use crate::edge::clock;
use mysql_async::Value;
use server::{StoreError, Trouble};

struct Migration {
    name: &'static str,
    text: &'static str,
}

/// In their order; the first has version 1.
const MIGRATIONS: [Migration; 4] = [
    Migration { name: "base", text: include_str!("migrations/0001_base.sql") },
    Migration { name: "guards", text: include_str!("migrations/0002_guards.sql") },
    Migration { name: "gone", text: include_str!("migrations/0003_gone.sql") },
    Migration { name: "forgotten", text: include_str!("migrations/0004_forgotten.sql") },
];

/// The version that this build works with.
pub const NEWEST: u32 = MIGRATIONS.len() as u32;
/// How long one waits for another that migrates, in seconds.
const TURN_WITHIN_S: u32 = 60;
/// `INSERT .. RETURNING` came with it.
const OLDEST_SERVER: (u16, u16) = (10, 5);

/// Makes all migrations up to this version that have not been made.
pub async fn bring_up_to(sessions: &Sessions, version: u32) -> Result<(), StoreError> {
    let mut session = sessions.session().await?;
    check_server(&mut session).await?;
    let turn = format!("SELECT GET_LOCK(CONCAT('throng migrates ', DATABASE()), {TURN_WITHIN_S})");
    // This may last longer than other statements, and its answer is only whether it is granted.
    session.migrate(&format!("SET @is_mine = ({turn})")).await?;
    let is_mine: Vec<Option<u8>> = session.rows(Query::Migrate, "SELECT @is_mine", Vec::new()).await?;
    if is_mine != [Some(1)] {
        let text = format!("MariaDB at {}: another server migrates for more than {TURN_WITHIN_S} s", session.place());
        return Err(StoreError { trouble: Trouble::Conflict, text });
    }
    let result = migrate(&mut session, version).await;
    if !session.is_lost() {
        session.migrate("DO RELEASE_LOCK(CONCAT('throng migrates ', DATABASE()))").await?;
    }
    session.keep();
    result
}

async fn check_server(session: &mut Session<'_>) -> Result<(), StoreError> {
    let version: Vec<String> = session.rows(Query::Migrate, "SELECT VERSION()", Vec::new()).await?;
    let version = version.into_iter().next().unwrap_or_default();
    let mut numbers = version.split('.').map(|number| number.parse::<u16>().unwrap_or(0));
    let numbers = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version.contains("MariaDB") && numbers >= OLDEST_SERVER {
        return Ok(());
    }
    let (major, minor) = OLDEST_SERVER;
    Err(schema(session, &format!("is {version}; MariaDB {major}.{minor} or later is needed")))
}

async fn migrate(session: &mut Session<'_>, version: u32) -> Result<(), StoreError> {
    check_owner(session).await?;
    session.migrate(TABLE).await?;
    let made: Vec<(u32, String)> =
        session.rows(Query::Migrate, "SELECT version, name FROM migrations ORDER BY version", Vec::new()).await?;
    if let Some((newer, _)) = made.last().filter(|(last, _)| *last > NEWEST) {
        return Err(schema(
            session,
            &format!("has tables of version {newer}; this build knows versions up to {NEWEST}"),
        ));
    }
    for (number, migration) in (1..=version).zip(&MIGRATIONS) {
        match made.iter().find(|(known, _)| *known == number) {
            Some((_, name)) if name == migration.name => continue,
            Some((_, name)) => return Err(schema(session, &format!("has tables of another program ({name})"))),
            None => {}
        }
        for statement in statements(migration.text) {
            session.migrate(statement).await?;
        }
        let values = vec![number.into(), migration.name.into(), clock::unix_ms().into()];
        session.run(Query::Migrate, MADE, values).await?;
        tracing::info!(place = session.place(), version = number, name = migration.name, "a database was migrated");
    }
    Ok(())
}

/// A database that has tables, but no list of migrations, belongs to somebody else.
async fn check_owner(session: &mut Session<'_>) -> Result<(), StoreError> {
    let found: Vec<(u64, Value)> = session.rows(Query::Migrate, OWNER, Vec::new()).await?;
    match found.first() {
        Some((0, _)) | None => Ok(()),
        Some((_, Value::NULL | Value::Int(0) | Value::UInt(0))) => Err(schema(session, "has tables that are not ours")),
        Some(_) => Ok(()),
    }
}

fn schema(session: &Session<'_>, what: &str) -> StoreError {
    let text = format!("MariaDB at {} {what}", session.place());
    StoreError { trouble: Trouble::Schema, text }
}

fn statements(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n").map(str::trim).filter(|statement| !statement.is_empty())
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS migrations (version INT UNSIGNED NOT NULL PRIMARY KEY, \
    name VARCHAR(64) NOT NULL, applied_at BIGINT UNSIGNED NOT NULL COMMENT 'ms since 1970') ENGINE=InnoDB";
const MADE: &str = "INSERT INTO migrations (version, name, applied_at) VALUES (?, ?, ?) \
    ON DUPLICATE KEY UPDATE version = version";
const OWNER: &str = "SELECT COUNT(*), CAST(SUM(table_name = 'migrations') AS SIGNED) FROM information_schema.tables \
    WHERE table_schema = DATABASE()";

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn each_statement_may_be_made_twice() {
        const HARMLESS: [&str; 3] = ["CREATE TABLE IF NOT EXISTS ", "CREATE OR REPLACE TRIGGER ", "ALTER TABLE "];
        for statement in MIGRATIONS.iter().flat_map(|migration| statements(migration.text)) {
            let words: Vec<&str> = statement.lines().skip_while(|line| line.starts_with("--")).collect();
            let words = words.join("\n");
            assert!(HARMLESS.iter().any(|start| words.starts_with(start)), "{words}");
            assert!(!words.starts_with("ALTER") || words.contains("IF NOT EXISTS"), "{words}");
        }
    }
}
