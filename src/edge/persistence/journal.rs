//! The local journal: one redb file that holds the newest checkpoint of every character, and who owns what.
//!
//! `commit` returns only after fsync; that is what "saved" means in this server.

use super::estates;
use super::record::{self, RecordError};
use game::{Books, Estate, GroundRecord, Transaction};
use protocol::{AccountId, CharacterId};
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
    WriteTransaction,
};
use server::{CommitError, Enrolled, Saved};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The journal's file in the data directory, and beside it the number of the process that uses it.
pub const JOURNAL_FILE: &str = "journal.redb";
const HOLDER_FILE: &str = "server.pid";
/// Character id to record.
const CHECKPOINTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("checkpoints");
/// Memory for pages: 2,500 players' records are 1 MB; the rest is for bringing back who was here before.
const CACHE_BYTES: usize = 16 << 20;

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
    #[error("{} is damaged or no journal: {reason}; move it away to start without saved players", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What was found.
        reason: String,
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

/// Why records could not be written or read. The disk is at fault.
#[derive(Debug, Error)]
pub enum JournalError {
    /// An operation failed.
    #[error("the journal failed: {0}")]
    Failed(Box<redb::Error>),
    /// After a failure the journal could not be opened again.
    #[error("the journal failed and stays closed: {0}")]
    Closed(OpenError),
}

impl<E: Into<redb::Error>> From<E> for JournalError {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}

/// A save, as the realm asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Save {
    /// Whose.
    pub character: CharacterId,
    /// Which.
    pub revision: u64,
    /// The record.
    pub bytes: Vec<u8>,
}

/// The journal.
///
/// After an input or output error the database refuses everything until it is opened anew (it cannot know what reached
/// the disk), so it is closed at the first failure and opened by the next call: a disk that was full for a moment costs
/// the saves of that moment, which their owner tries again, and no more.
#[derive(Debug)]
pub struct Journal {
    data_dir: PathBuf,
    database: Option<Database>,
    record: Vec<u8>,
}

impl Journal {
    /// Opens the journal in `data_dir`, or makes it.
    ///
    /// # Errors
    /// [`OpenError`], in one sentence.
    pub fn open(data_dir: &Path) -> Result<Self, OpenError> {
        let database = Some(open_database(data_dir)?);
        Ok(Self { data_dir: data_dir.to_owned(), database, record: Vec::new() })
    }

    fn database(&mut self) -> Result<&Database, JournalError> {
        if self.database.is_none() {
            self.database = Some(open_database(&self.data_dir).map_err(JournalError::Closed)?);
        }
        Ok(self.database.as_ref().expect("opened above if it was closed"))
    }

    /// Which start of a server this is, counting it: 1 for the first with this journal.
    ///
    /// # Errors
    /// It was not counted.
    pub fn count_start(&mut self) -> Result<u32, JournalError> {
        let write = self.database()?.begin_write()?;
        let start = estates::count_start(&write)?;
        write.commit()?;
        Ok(start)
    }

    /// Writes all in one transaction and waits until it is on disk: `deals`, transactions of the game, each whole or not at
    /// all, and with them the end of the checkpoints of whoever is gone, then `saves`. `refuse` is told of each save that must not be written, `refuse_deal` of each deal that cannot be
    /// made, and why; all others are safe when this returns.
    ///
    /// # Errors
    /// Nothing of all this is on disk, or it cannot be known: [`Self::has`] says what is, when the journal can be read again.
    pub fn commit(
        &mut self,
        saves: &[Save],
        deals: &[Transaction],
        refuse: impl FnMut(&Save, String),
        refuse_deal: impl FnMut(&Transaction, CommitError),
    ) -> Result<(), JournalError> {
        self.try_commit(saves, deals, refuse, refuse_deal).inspect_err(|_| self.database = None)
    }

    /// Whether a transaction of the game is on disk: after a failure nobody knows until it is looked up.
    ///
    /// # Errors
    /// The journal cannot be read either.
    pub fn has(&mut self, deal: &Transaction) -> Result<bool, JournalError> {
        let read = self.database()?.begin_read()?;
        estates::is_applied(&read, deal)
    }

    fn try_commit(
        &mut self,
        saves: &[Save],
        deals: &[Transaction],
        mut refuse: impl FnMut(&Save, String),
        mut refuse_deal: impl FnMut(&Transaction, CommitError),
    ) -> Result<(), JournalError> {
        let mut bytes = std::mem::take(&mut self.record);
        let mut transaction = self.database()?.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        for deal in deals {
            match estates::apply(&transaction, deal)? {
                Ok(()) => forget_struck(&transaction, deal)?,
                Err(why) => refuse_deal(deal, why),
            }
        }
        {
            let mut table = transaction.open_table(CHECKPOINTS)?;
            for save in saves {
                let newest = table
                    .get(save.character.0)?
                    .map(|stored| record::decode(save.character, stored.value()).map(|(r, _)| r));
                match newest {
                    Some(Err(error)) => {
                        refuse(
                            save,
                            format!("what is saved now is unusable and is kept for whoever repairs it: {error}"),
                        );
                        continue;
                    }
                    Some(Ok(newest)) if newest > save.revision => {
                        refuse(
                            save,
                            format!("revision {} is older than revision {newest}, which is saved", save.revision),
                        );
                        continue;
                    }
                    _ => {}
                }
                record::encode(save.character, save.revision, &save.bytes, &mut bytes);
                table.insert(save.character.0, bytes.as_slice())?;
            }
        }
        transaction.commit()?;
        self.record = bytes;
        Ok(())
    }

    /// The newest checkpoint of a character, if there is one.
    ///
    /// # Errors
    /// The outer error is the journal's, the inner one this record's alone.
    pub fn load(&mut self, character: CharacterId) -> Result<Result<Option<Saved>, RecordError>, JournalError> {
        self.try_load(character).inspect_err(|_| self.database = None)
    }

    fn try_load(&mut self, character: CharacterId) -> Result<Result<Option<Saved>, RecordError>, JournalError> {
        let transaction = self.database()?.begin_read()?;
        let table = transaction.open_table(CHECKPOINTS)?;
        let Some(stored) = table.get(character.0)? else { return Ok(Ok(None)) };
        Ok(record::decode(character, stored.value())
            .map(|(revision, bytes)| Some(Saved { revision, bytes: bytes.into_owned() })))
    }
}

impl Journal {
    /// What lies on the ground. A row that cannot be read is left there for whoever repairs it, and logged.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn ground(&mut self) -> Result<Vec<GroundRecord>, JournalError> {
        let read = self.database()?.begin_read()?;
        estates::ground(&read)
    }

    /// What a character owns, if it owns anything.
    ///
    /// # Errors
    /// The outer error is the journal's, the inner one this character's alone.
    pub fn estate(&mut self, character: CharacterId) -> Result<Result<Option<Estate>, String>, JournalError> {
        let read = self.database()?.begin_read()?;
        estates::estate(&read, character).inspect_err(|_| self.database = None)
    }

    /// The characters of an account, in the order of their making.
    ///
    /// # Errors
    /// The outer error is the journal's, the inner one this account's alone.
    pub fn roster(&mut self, account: AccountId) -> Result<Result<Vec<Enrolled>, String>, JournalError> {
        let read = self.database()?.begin_read()?;
        estates::roster(&read, account).inspect_err(|_| self.database = None)
    }

    /// The journal on a disk of a test's own.
    #[cfg(test)]
    pub fn on(disk: impl redb::StorageBackend) -> Result<Self, JournalError> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(disk)?;
        make_table(&database)?;
        Ok(Self { data_dir: PathBuf::new(), database: Some(database), record: Vec::new() })
    }

    /// A transaction of the database, for tests that do what a server would not.
    #[cfg(test)]
    pub fn begin_write(&mut self) -> WriteTransaction {
        self.database().unwrap().begin_write().unwrap()
    }
}

/// Whoever is gone was last seen nowhere.
fn forget_struck(write: &WriteTransaction, deal: &Transaction) -> Result<(), JournalError> {
    for character in Books::struck(deal) {
        write.open_table(CHECKPOINTS)?.remove(character.0)?;
    }
    Ok(())
}

fn open_database(data_dir: &Path) -> Result<Database, OpenError> {
    let path = data_dir.join(JOURNAL_FILE);
    let database = match Database::builder().set_cache_size(CACHE_BYTES).create(&path) {
        Ok(database) => database,
        Err(error) => return Err(open_error(data_dir, path, error)),
    };
    let holder = data_dir.join(HOLDER_FILE);
    std::fs::write(&holder, std::process::id().to_string()).map_err(|error| OpenError::Io { path: holder, error })?;
    make_table(&database).map_err(|error| OpenError::Damaged { path, reason: one_line(&error.to_string()) })?;
    Ok(database)
}

fn make_table(database: &Database) -> Result<(), JournalError> {
    let transaction = database.begin_write()?;
    transaction.open_table(CHECKPOINTS)?;
    estates::make_tables(&transaction)?;
    transaction.commit()?;
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: CharacterId = CharacterId(1);
    const BOB: CharacterId = CharacterId(2);

    fn save(character: CharacterId, revision: u64, bytes: &[u8]) -> Save {
        Save { character, revision, bytes: bytes.to_vec() }
    }

    fn commit(journal: &mut Journal, saves: &[Save]) -> Vec<u64> {
        let mut refused = Vec::new();
        journal.commit(saves, &[], |save, _| refused.push(save.revision), |_, _| ()).unwrap();
        refused
    }

    fn loaded(journal: &mut Journal, character: CharacterId) -> Option<(u64, Vec<u8>)> {
        journal.load(character).unwrap().unwrap().map(|saved| (saved.revision, saved.bytes))
    }

    #[test]
    fn after_a_failure_the_next_call_opens_the_journal_anew() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        commit(&mut journal, &[save(ANN, 1, b"one")]);
        journal.database = None;
        commit(&mut journal, &[save(ANN, 2, b"two")]);
        journal.database = None;
        assert_eq!(loaded(&mut journal, ANN), Some((2, b"two".to_vec())));
        journal.database = None;
        std::fs::rename(dir.path().join(JOURNAL_FILE), dir.path().join("away")).unwrap();
        std::fs::create_dir(dir.path().join(JOURNAL_FILE)).unwrap();
        assert!(matches!(journal.load(ANN), Err(JournalError::Closed(_))));
        std::fs::remove_dir(dir.path().join(JOURNAL_FILE)).unwrap();
        std::fs::rename(dir.path().join("away"), dir.path().join(JOURNAL_FILE)).unwrap();
        assert_eq!(loaded(&mut journal, ANN), Some((2, b"two".to_vec())));
    }

    #[test]
    fn what_was_committed_is_there_after_the_file_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!(commit(&mut journal, &[save(ANN, 3, b"ann"), save(BOB, 1, b"bob")]), [0; 0]);
        drop(journal);
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!(loaded(&mut journal, ANN), Some((3, b"ann".to_vec())));
        assert_eq!(loaded(&mut journal, BOB), Some((1, b"bob".to_vec())));
        assert_eq!(loaded(&mut journal, CharacterId(3)), None);
    }

    #[test]
    fn an_older_revision_never_replaces_a_newer_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!(commit(&mut journal, &[save(ANN, 5, b"new")]), [0; 0]);
        assert_eq!(commit(&mut journal, &[save(ANN, 4, b"old"), save(BOB, 1, b"bob")]), [4]);
        assert_eq!(loaded(&mut journal, ANN), Some((5, b"new".to_vec())));
        assert_eq!(loaded(&mut journal, BOB), Some((1, b"bob".to_vec())), "the rest of the batch is saved");
        assert_eq!(commit(&mut journal, &[save(ANN, 7, b"seven"), save(ANN, 6, b"six")]), [6], "within a batch too");
    }

    #[test]
    fn a_damaged_record_is_one_characters_trouble_and_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        commit(&mut journal, &[save(ANN, 1, b"ann"), save(BOB, 1, b"bob")]);
        let transaction = journal.database().unwrap().begin_write().unwrap();
        transaction.open_table(CHECKPOINTS).unwrap().insert(ANN.0, &b"\x01\x00 scribbled over"[..]).unwrap();
        transaction.commit().unwrap();
        assert!(matches!(journal.load(ANN).unwrap(), Err(RecordError::Checksum { .. })));
        assert_eq!(commit(&mut journal, &[save(ANN, 9, b"ann")]), [9]);
        assert_eq!(loaded(&mut journal, BOB), Some((1, b"bob".to_vec())));
    }

    #[test]
    fn a_second_opener_is_told_who_holds_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let _journal = Journal::open(dir.path()).unwrap();
        let error = Journal::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("in use by another server (process {})", std::process::id())), "{error}");
    }

    #[test]
    fn a_file_that_is_no_journal_is_refused_in_one_sentence() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(JOURNAL_FILE), vec![b'x'; 10_000]).unwrap();
        let error = Journal::open(dir.path()).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
        assert_eq!(error.to_string().lines().count(), 1);
    }
}
