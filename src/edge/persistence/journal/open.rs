//! Opening the file: who has it, what it is, whether it is whole.

use super::file::JournalFile;
use super::outage::Fault;
use super::outbox::{self, FORMAT, Fact};
use super::{JournalError, aside, checkpoints, estates, leases, upgrade, world_row};
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
    /// Somebody has put another file in its place while it was in use.
    #[error("{} is not the journal that this server has written: {reason}; stop the server, and put it back", path.display())]
    Another {
        /// The journal.
        path: PathBuf,
        /// How that is known.
        reason: String,
    },
}

impl OpenError {
    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Io { error, .. } => Fault::of_io(error),
            Self::InUse { .. } => Fault::Io,
            _ => Fault::Damaged,
        }
    }
}

/// What this process knows to be in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The journal's name.
    pub id: u128,
    /// The newest transaction that is on disk.
    pub seq: u64,
}

/// That, of one that was opened.
pub fn known(database: &Database) -> Result<Known, JournalError> {
    guarded(|| {
        let read = database.begin_read()?;
        let half = |fact| outbox::fact(&read, fact).map(u128::from);
        let id = half(Fact::JournalHigh)? << 64 | half(Fact::JournalLow)?;
        Ok(Known { id, seq: outbox::fact(&read, Fact::Seq)? })
    })
}

/// Opens the file, or makes it, and brings it to the layout of this build.
///
/// # Errors
/// [`OpenError`].
pub fn open(data_dir: &Path) -> Result<Database, OpenError> {
    let path = data_dir.join(JOURNAL_FILE);
    let is_new = std::fs::metadata(&path).map_or(true, |file| file.len() == 0);
    make(data_dir, &path).inspect_err(|error| {
        // Half of a new file would be taken for a damaged one at the next start.
        if is_new && !matches!(error, OpenError::InUse { .. }) {
            let _ = std::fs::remove_file(&path);
        }
    })
}

fn make(data_dir: &Path, path: &Path) -> Result<Database, OpenError> {
    let create = || Ok(builder().create_with_backend(JournalFile::open_or_make(path)?));
    let mut database = match guarded(create) {
        Ok(Ok(database)) => database,
        Ok(Err(error)) => return Err(open_error(data_dir, path.to_owned(), error)),
        Err(error) => return Err(failure(path, error)),
    };
    let holder = data_dir.join(HOLDER_FILE);
    std::fs::write(&holder, std::process::id().to_string()).map_err(|error| OpenError::Io { path: holder, error })?;
    check_unless_long(&mut database, path)?;
    match guarded(|| layout(&database)).map_err(|error| failure(path, error))? {
        found if found > FORMAT => return Err(OpenError::Newer { path: path.to_owned(), found }),
        _ => guarded(|| prepare(&database)).map_err(|error| failure(path, error))?,
    }
    Ok(database)
}

/// Opens it after a failure. It must be the same, with all that this process has been told is on disk; it is not made, and
/// nothing is written but what mends it.
///
/// # Errors
/// [`OpenError`].
pub fn open_again(data_dir: &Path, known: &Known) -> Result<Database, OpenError> {
    let path = data_dir.join(JOURNAL_FILE);
    // An empty one would be made a new journal.
    if std::fs::metadata(&path).map_err(|error| OpenError::Io { path: path.clone(), error })?.len() == 0 {
        return Err(OpenError::Another { path, reason: "it is empty".to_owned() });
    }
    let open = || Ok(builder().create_with_backend(JournalFile::open_again(&path)?));
    let mut database = match guarded(open) {
        Ok(Ok(database)) => database,
        Ok(Err(error)) => return Err(open_error(data_dir, path, error)),
        Err(error) => return Err(failure(&path, error)),
    };
    check_unless_long(&mut database, &path)?;
    is_what_we_know(&database, &path, known)?;
    Ok(database)
}

fn is_what_we_know(database: &Database, path: &Path, known: &Known) -> Result<(), OpenError> {
    let another = |reason| Err(OpenError::Another { path: path.to_owned(), reason });
    let found = self::known(database).map_err(|error| failure(path, error))?;
    if found.id != known.id {
        return another(format!("its name is {:032x}, and it was {:032x}", found.id, known.id));
    }
    if found.seq < known.seq {
        return another(format!("it ends with transaction {}, and {} was on disk", found.seq, known.seq));
    }
    Ok(())
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// A file that is longer would hold up each start.
fn check_unless_long(database: &mut Database, path: &Path) -> Result<(), OpenError> {
    match std::fs::metadata(path).is_ok_and(|file| file.len() <= CHECKED_BYTES_MAX) {
        true => check(database, path),
        false => Ok(()),
    }
}

/// A disk that is full or broken is called so, and not damage.
fn failure(path: &Path, error: JournalError) -> OpenError {
    let path = path.to_owned();
    match error {
        JournalError::Failed(error) => match *error {
            redb::Error::Io(error) if Fault::of_io(&error) != Fault::Damaged => OpenError::Io { path, error },
            other => OpenError::Damaged { path, reason: one_line(&other.to_string()) },
        },
        other => OpenError::Damaged { path, reason: one_line(&other.to_string()) },
    }
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
        Err(error) => return Err(failure(&path, error)),
    };
    check(&mut database, &path)?;
    match guarded(|| layout(&database)) {
        Ok(FORMAT) => Ok(database),
        Ok(found) if found > FORMAT => Err(OpenError::Newer { path, found }),
        Ok(found) => Err(OpenError::Older { path, found }),
        Err(error) => Err(failure(&path, error)),
    }
}

/// Whether every page is as it was written. The database mends what a crash leaves; what it finds beside that is damage, and
/// a server that went on with what is left would have forgotten something in silence.
fn check(database: &mut Database, path: &Path) -> Result<(), OpenError> {
    match guarded(|| Ok(database.check_integrity()?)) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let reason = "pages do not match their checksums".to_owned();
            Err(OpenError::Damaged { path: path.to_owned(), reason })
        }
        Err(error) => Err(failure(path, error)),
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
    aside::make_table(&write)?;
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
    Ok(builder().create_with_backend(disk)?)
}

/// As [`open_again`], of such a journal.
#[cfg(test)]
pub fn open_disk_again(opened: Result<Database, JournalError>, known: &Known) -> Result<Database, OpenError> {
    let path = Path::new("a disk of a test");
    let mut database = opened.map_err(|error| failure(path, error))?;
    check(&mut database, path)?;
    is_what_we_know(&database, path, known)?;
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
