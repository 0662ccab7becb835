//! Opening the file: who has it, what it is, whether it is whole.

use super::outbox::{self, FORMAT, Fact};
use super::{JournalError, checkpoints, estates, leases, upgrade, world_row};
use crate::edge::secret;
use redb::{Database, DatabaseError, ReadableDatabase, StorageError};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The journal's file in the data directory.
pub const JOURNAL_FILE: &str = "journal.redb";
/// Beside it the number of the process that uses it.
pub const HOLDER_FILE: &str = "server.pid";
/// Memory for pages: 2,500 players' records are 1 MB; the rest is for bringing back who was here before.
const CACHE_BYTES: usize = 16 << 20;
/// A file that is larger is not read through at each start: 256 MiB are a second.
const CHECKED_BYTES_MAX: u64 = 256 << 20;

/// Why the journal cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The operator started the server twice.
    #[error("{} is in use by another server{}", path.display(), holder.as_ref().map_or_else(String::new, |pid| format!(" (process {pid})")))]
    InUse {
        /// The journal.
        path: PathBuf,
        /// Process number of the other one, if it left it.
        holder: Option<String>,
    },
    /// The file is not a journal, or is damaged.
    #[error("{} is damaged or no journal: {reason}; restore a backup, or move it away to start without saved players", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A newer build has written it.
    #[error("{} has layout {found}, and this build knows layouts up to {}: use the build that wrote it, or a newer one", path.display(), FORMAT)]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Its layout.
        found: u64,
    },
    /// An older build has written it, and it is only looked at.
    #[error("{} has layout {found}: start a server on it once, which brings it to {}", path.display(), FORMAT)]
    Older {
        /// The journal.
        path: PathBuf,
        /// Its layout.
        found: u64,
    },
    /// The file cannot be read or written.
    #[error("cannot open {}: {error}", path.display())]
    Io {
        /// The journal.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Opens the file, or makes it, and brings it to the layout of this build.
///
/// # Errors
/// [`OpenError`].
pub fn open(data_dir: &Path) -> Result<Database, OpenError> {
    let path = data_dir.join(JOURNAL_FILE);
    let create = || Ok(Database::builder().set_cache_size(CACHE_BYTES).create(&path));
    let mut database = match guarded(create) {
        Ok(Ok(database)) => database,
        Ok(Err(error)) => return Err(open_error(data_dir, path, error)),
        Err(error) => return Err(OpenError::Damaged { path, reason: one_line(&error.to_string()) }),
    };
    let holder = data_dir.join(HOLDER_FILE);
    std::fs::write(&holder, std::process::id().to_string()).map_err(|error| OpenError::Io { path: holder, error })?;
    // A file that is longer would hold up each start.
    if std::fs::metadata(&path).is_ok_and(|file| file.len() <= CHECKED_BYTES_MAX) {
        check(&mut database, &path)?;
    }
    let damaged = |error: JournalError| OpenError::Damaged { path: path.clone(), reason: one_line(&error.to_string()) };
    match guarded(|| layout(&database)).map_err(damaged)? {
        found if found > FORMAT => return Err(OpenError::Newer { path, found }),
        _ => guarded(|| prepare(&database)).map_err(damaged)?,
    }
    Ok(database)
}

/// Opens a file that is there and that nobody else uses, for whoever looks after it: makes nothing, upgrades nothing, and reads
/// it through however long it is. What a crash has left is mended as at a start.
///
/// # Errors
/// [`OpenError`].
pub fn open_existing(path: &Path) -> Result<Database, OpenError> {
    let path = path.to_owned();
    let mut database = match guarded(|| Ok(Database::builder().set_cache_size(CACHE_BYTES).open(&path))) {
        Ok(Ok(database)) => database,
        Ok(Err(error)) => return Err(open_error(path.parent().unwrap_or(Path::new("")), path.clone(), error)),
        Err(error) => return Err(OpenError::Damaged { path, reason: one_line(&error.to_string()) }),
    };
    check(&mut database, &path)?;
    match guarded(|| layout(&database)) {
        Ok(FORMAT) => Ok(database),
        Ok(found) if found > FORMAT => Err(OpenError::Newer { path, found }),
        Ok(found) => Err(OpenError::Older { path, found }),
        Err(error) => Err(OpenError::Damaged { path, reason: one_line(&error.to_string()) }),
    }
}

/// Whether every page is as it was written. The database mends what a crash leaves; what it finds beside that is damage, and
/// a server that went on with what is left would have forgotten something in silence.
fn check(database: &mut Database, path: &Path) -> Result<(), OpenError> {
    let damaged = |reason| Err(OpenError::Damaged { path: path.to_owned(), reason });
    match guarded(|| Ok(database.check_integrity()?)) {
        Ok(true) => Ok(()),
        Ok(false) => damaged("pages do not match their checksums".to_owned()),
        Err(error) => damaged(one_line(&error.to_string())),
    }
}

/// Runs an operation of the database. On pages that no build wrote it may panic where it should answer; that is damage like
/// any other, and no reason for this thread to end.
pub fn guarded<T>(operation: impl FnOnce() -> Result<T, JournalError>) -> Result<T, JournalError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(operation)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(JournalError::Failed(Box::new(redb::Error::Corrupted(format!(
            "the database met what it cannot be: {said}"
        )))))
    })
}

/// The layout that the file says; 0 of one that says none, which is new or of the first.
fn layout(database: &Database) -> Result<u64, JournalError> {
    let read = database.begin_read()?;
    match outbox::fact(&read, Fact::Format) {
        Err(JournalError::Failed(error)) if matches!(*error, redb::Error::TableDoesNotExist(_)) => Ok(0),
        found => found,
    }
}

/// Makes the tables that are missing, and a name for a journal that has none.
pub fn prepare(database: &Database) -> Result<(), JournalError> {
    let write = database.begin_write()?;
    let is_first = upgrade::is_first(&write)?;
    checkpoints::make_tables(&write)?;
    estates::make_tables(&write)?;
    outbox::make_tables(&write)?;
    leases::make_table(&write)?;
    world_row::make_tables(&write)?;
    if is_first {
        upgrade::from_first(&write)?;
    }
    if outbox::fact_now(&write, Fact::JournalHigh)? == 0 {
        let name = secret::random();
        let (high, low) = (&name[..8], &name[8..16]);
        // Never nought, which stands for none.
        outbox::set_fact(&write, Fact::JournalHigh, u64::from_le_bytes(high.try_into().expect("eight")) | 1)?;
        outbox::set_fact(&write, Fact::JournalLow, u64::from_le_bytes(low.try_into().expect("eight")))?;
    }
    outbox::set_fact(&write, Fact::Format, FORMAT)?;
    write.commit()?;
    Ok(())
}

/// A journal on a disk of a test's own.
#[cfg(test)]
pub fn open_on(disk: impl redb::StorageBackend) -> Result<Database, JournalError> {
    let database = Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(disk)?;
    prepare(&database)?;
    Ok(database)
}

fn open_error(data_dir: &Path, path: PathBuf, error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => {
            let holder = std::fs::read_to_string(data_dir.join(HOLDER_FILE)).ok();
            let holder =
                holder.filter(|text| !text.is_empty() && text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit()));
            OpenError::InUse { path, holder }
        }
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() != io::ErrorKind::InvalidData => {
            OpenError::Io { path, error }
        }
        other => OpenError::Damaged { path, reason: one_line(&other.to_string()) },
    }
}

fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}
