//! The whole journal as it is at one moment, copied into a file of its own while the server goes on.

use super::aside::SET_ASIDE;
use super::checkpoints::{CHECKPOINTS, SENT};
use super::estates::{ESTATES, GROUND, NAMES, ROSTERS, STARTS, SUMS};
use super::leases::LEASES;
use super::outbox::{self, ACCOUNT_REVISIONS, APPLIED, CHARACTER_REVISIONS, Fact, INCARNATIONS, META, OUTBOX, RECENT};
use super::world_row::WORLD;
use super::{Journal, JournalError, open};
use redb::WriteTransaction;
use redb::{Database, Durability, Key, ReadTransaction, ReadableDatabase, ReadableTable};
use redb::{ReadableTableMetadata, TableDefinition, Value};
use std::fs::{DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use thiserror::Error;

/// Where backups go, in the data directory.
pub const BACKUPS_DIR: &str = "backups";
/// Ending of a backup that is not whole yet.
const UNFINISHED: &str = "unfinished";
/// Rows that are copied between two looks at whether they are still wanted.
const ROWS_BETWEEN_LOOKS: u64 = 1_024;

/// The journal at one moment. As long as there is one, the pages of that moment are not used again: the file may grow.
#[derive(Debug)]
pub struct Snapshot {
    read: ReadTransaction,
    data_dir: PathBuf,
    seq: u64,
}

/// How far a backup is, and whether it is still wanted: for others to look at and to say meanwhile.
#[derive(Debug, Default)]
pub struct Progress {
    is_unwanted: AtomicBool,
    rows: AtomicU64,
    rows_total: AtomicU64,
}

impl Progress {
    /// It need not go on.
    pub fn give_up(&self) {
        self.is_unwanted.store(true, Ordering::Relaxed);
    }

    /// Rows that are copied, and rows that there are; when all are copied they are brought to disk.
    #[must_use]
    pub fn rows(&self) -> (u64, u64) {
        (self.rows.load(Ordering::Relaxed), self.rows_total.load(Ordering::Relaxed))
    }
}

/// A backup that is whole and on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// Where.
    pub file: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// The newest transaction that is in it.
    pub seq: u64,
}

/// Why there is no backup.
#[derive(Debug, Error)]
pub enum BackupError {
    /// Whoever asked wants to write over one.
    #[error("{} is there already: name another file", .0.display())]
    Exists(PathBuf),
    /// The disk is at fault.
    #[error("cannot write {}: {error}", path.display())]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The one journal, or the other.
    #[error("cannot copy the journal: {0}")]
    Journal(#[from] JournalError),
    /// This code does not know a table: it is at fault.
    #[error("the journal has {found} tables, and a backup would hold {copied} of them")]
    Tables {
        /// So many are there.
        found: usize,
        /// So many would be in the backup.
        copied: usize,
    },
    /// The server goes down, or the journal must be opened anew.
    #[error("given up: the server is going down, or its journal has failed")]
    Unwanted,
}

impl Journal {
    /// All that is on disk now.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn snapshot(&mut self) -> Result<Snapshot, JournalError> {
        let data_dir = self.place.data_dir().to_owned();
        let read = self.database()?.begin_read()?;
        let seq = outbox::fact(&read, Fact::Seq)?;
        Ok(Snapshot { read, data_dir, seq })
    }
}

impl Snapshot {
    /// The file of this name among the backups.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.data_dir.join(BACKUPS_DIR).join(name)
    }

    /// Copies it to this name among the backups. The name appears when all is on disk, and not before.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is left behind.
    pub fn write(self, name: &str, progress: &Progress) -> Result<BackedUp, BackupError> {
        let dir = self.data_dir.join(BACKUPS_DIR);
        make_private_dir(&dir).map_err(|error| BackupError::Io { path: dir.clone(), error })?;
        let (file, unfinished) = (self.file(name), dir.join(format!("{name}.{UNFINISHED}")));
        if file.exists() {
            return Err(BackupError::Exists(file));
        }
        let _ = std::fs::remove_file(&unfinished);
        let written = self.write_file(&unfinished, progress).and_then(|()| {
            let io = |error| BackupError::Io { path: file.clone(), error };
            sync(&unfinished).map_err(io)?;
            std::fs::rename(&unfinished, &file).map_err(io)?;
            sync(&dir).map_err(io)?;
            Ok(std::fs::metadata(&file).map_err(io)?.len())
        });
        let bytes = written.inspect_err(|_| drop(std::fs::remove_file(&unfinished)))?;
        Ok(BackedUp { file, bytes, seq: self.seq })
    }

    fn write_file(&self, path: &Path, progress: &Progress) -> Result<(), BackupError> {
        let (found, rows) = open::guarded(|| self.count())?;
        progress.rows_total.store(rows, Ordering::Relaxed);
        open::guarded(|| {
            let database = Database::builder().create(path)?;
            let mut write = database.begin_write()?;
            write.set_durability(Durability::Immediate)?;
            let mut copy = Copy { read: &self.read, write: &write, progress, tables: 0 };
            if !copy.all()? {
                return Ok(Err(BackupError::Unwanted));
            }
            if copy.tables != found {
                return Ok(Err(BackupError::Tables { found, copied: copy.tables }));
            }
            write.commit()?;
            Ok(Ok(()))
        })?
    }
}

impl Snapshot {
    /// Tables, and rows in them.
    fn count(&self) -> Result<(usize, u64), JournalError> {
        let (mut tables, mut rows) = (0, 0);
        for table in self.read.list_tables()? {
            tables += 1;
            rows += self.read.open_untyped_table(table)?.len()?;
        }
        Ok((tables, rows))
    }
}

struct Copy<'a> {
    read: &'a ReadTransaction,
    write: &'a WriteTransaction,
    progress: &'a Progress,
    tables: usize,
}

impl Copy<'_> {
    /// Every table of the layout; false if it is not wanted any more.
    fn all(&mut self) -> Result<bool, JournalError> {
        Ok(self.table(CHECKPOINTS)?
            && self.table(SENT)?
            && self.table(ROSTERS)?
            && self.table(NAMES)?
            && self.table(ESTATES)?
            && self.table(GROUND)?
            && self.table(SUMS)?
            && self.table(STARTS)?
            && self.table(OUTBOX)?
            && self.table(SET_ASIDE)?
            && self.table(APPLIED)?
            && self.table(RECENT)?
            && self.table(CHARACTER_REVISIONS)?
            && self.table(ACCOUNT_REVISIONS)?
            && self.table(META)?
            && self.table(INCARNATIONS)?
            && self.table(LEASES)?
            && self.table(WORLD)?)
    }

    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<bool, JournalError> {
        let mut to = self.write.open_table(definition)?;
        for (nth, row) in (0_u64..).zip(self.read.open_table(definition)?.iter()?) {
            if nth % ROWS_BETWEEN_LOOKS == 0 && self.progress.is_unwanted.load(Ordering::Relaxed) {
                return Ok(false);
            }
            self.progress.rows.fetch_add(1, Ordering::Relaxed);
            let (key, value) = row?;
            to.insert(key.value(), value.value())?;
        }
        self.tables += 1;
        Ok(true)
    }
}

/// A file, or what stands in a directory, is on disk.
pub fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// What players own is nobody's to read but the operator's.
fn make_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
#[path = "copy_tests.rs"]
mod tests;
