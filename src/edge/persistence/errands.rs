//! What an operator asks of the persistence thread. It looks at these between jobs and never stays with one.

use super::journal::{BackedUp, BackupError, JournalError, Progress};
use super::{Gone, Keeper, account};
use crossbeam::channel::{Receiver, Sender, bounded, never};
use protocol::{AccountId, CharacterId};
use serde_json::Value;
use server::LoadError;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use thiserror::Error;
use tokio::sync::oneshot;

/// Errands that may wait: operators are few, and each waits for his answer.
const ERRANDS_MAX: usize = 8;

/// What is asked. Whoever asks gets one answer, or none if the server goes down first.
#[derive(Debug)]
pub enum Errand {
    /// Copy the journal as it is now. The answer is that it has begun; how far it is stands on the board.
    Backup {
        /// The file's name, among the backups.
        name: String,
        /// To whom.
        reply: oneshot::Sender<Result<(), ErrandError>>,
    },
    /// Say what the journal holds about an account.
    Export {
        /// Which.
        account: AccountId,
        /// To whom.
        reply: oneshot::Sender<Result<Value, ErrandError>>,
    },
    /// Take away all that is held about an account.
    Erase {
        /// Which.
        account: AccountId,
        /// Characters that a login service has given it: no roster names them.
        named: Vec<CharacterId>,
        /// To whom.
        reply: oneshot::Sender<Result<Gone, ErrandError>>,
    },
}

/// Why it was not done.
#[derive(Debug, Error)]
pub enum ErrandError {
    /// Two at once would only slow each other down.
    #[error("another {0}: wait for that one")]
    Busy(&'static str),
    /// Something is in the way that a person can see to.
    #[error("{0}")]
    Refused(String),
    /// A store is away, or has not taken what it must have.
    #[error("{0}")]
    Away(String),
    /// A row, here or there.
    #[error("{0}")]
    Unreadable(String),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The backup failed.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The system has no thread left.
    #[error("cannot start a thread for the backup: {0}")]
    Thread(std::io::Error),
}

impl ErrandError {
    /// Whether it can be done at another time, or under another name.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Refused(_) | Self::Backup(BackupError::Exists(_)))
    }
}

impl From<LoadError> for ErrandError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Unreadable(text) => Self::Unreadable(text),
            LoadError::Away(text) => Self::Away(text),
            LoadError::Elsewhere(text) => Self::Refused(text),
        }
    }
}

/// The way to a keeper.
pub fn connect() -> (Sender<Errand>, Receiver<Errand>) {
    bounded(ERRANDS_MAX)
}

/// A backup that is being made, or was made last.
#[derive(Debug)]
pub struct BackupReport {
    /// The file's name, among the backups.
    pub name: String,
    /// How far it is.
    pub progress: Progress,
    /// What came of it; one sentence if there is none.
    pub outcome: OnceLock<Result<BackedUp, String>>,
}

/// One that is being made, by a thread of its own.
#[derive(Debug)]
pub struct Backup {
    thread: JoinHandle<()>,
    report: Arc<BackupReport>,
}

impl Backup {
    fn is_under_way(&self) -> bool {
        !self.thread.is_finished() && self.report.outcome.get().is_none()
    }
}

impl Keeper {
    /// Takes errands from here, too.
    pub fn listen(&mut self, errands: Receiver<Errand>) {
        self.errands = errands;
    }

    pub(super) fn handle_errand(&mut self, errand: Errand) {
        match errand {
            Errand::Backup { name, reply } => {
                let _ = reply.send(self.begin_backup(name));
            }
            // A roster is eight characters at most: some pages of the journal.
            Errand::Export { account, reply } => {
                let _ = reply.send(account::held(&mut self.journal, account).map_err(ErrandError::from));
            }
            Errand::Erase { reply, .. } if self.erasure.is_some() => {
                let _ = reply.send(Err(ErrandError::Busy("account is being erased")));
            }
            Errand::Erase { account, named, reply } => self.begin_erasure(account, named, reply),
        }
    }

    /// Nobody can ask any more.
    pub(super) fn on_errands_closed(&mut self) {
        self.errands = never();
    }

    fn begin_backup(&mut self, name: String) -> Result<(), ErrandError> {
        if self.backup.as_ref().is_some_and(Backup::is_under_way) {
            return Err(ErrandError::Busy("backup is being made"));
        }
        let snapshot = self.journal.snapshot()?;
        let file = snapshot.file(&name);
        if file.exists() {
            return Err(BackupError::Exists(file).into());
        }
        let report = Arc::new(BackupReport { name, progress: Progress::default(), outcome: OnceLock::new() });
        let of = report.clone();
        let copy = move || {
            let (name, made) = (&of.name, snapshot.write(&of.name, &of.progress));
            match &made {
                Ok(BackedUp { bytes, seq, .. }) => tracing::info!(name, bytes, seq, "the journal is backed up"),
                Err(error) => tracing::error!(name, %error, "a backup was not made"),
            }
            let _ = of.outcome.set(made.map_err(|error| error.to_string()));
        };
        let thread = std::thread::Builder::new().name("backup".to_owned()).spawn(copy).map_err(ErrandError::Thread)?;
        self.board.backup.store(Some(report.clone()));
        self.backup = Some(Backup { thread, report });
        Ok(())
    }

    /// A journal that has failed is opened anew, which it cannot be while somebody reads from it.
    pub(super) fn give_up_backup(&self) {
        self.backup.iter().for_each(|backup| backup.report.progress.give_up());
    }

    /// The server goes down: half a backup is taken away, which is quick.
    pub(super) fn end_backup(&mut self) {
        self.give_up_backup();
        if let Some(backup) = self.backup.take() {
            let _ = backup.thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::board::{Board, StartReport};
    use crate::edge::persistence::Journal;
    use crate::edge::queues::StoreEnds;
    use server::{StoreDone, StoreJob};

    const ANN: CharacterId = CharacterId(1);

    fn keeper(dir: &std::path::Path) -> (Keeper, Sender<StoreJob>, Receiver<StoreDone>) {
        let ((jobs_in, jobs), (done, done_out)) = (bounded(4), bounded(4));
        let board = Arc::new(Board::new(StartReport::default()));
        let journal = Journal::open(dir).unwrap();
        (Keeper::new(journal, StoreEnds { jobs, done }, board, Arc::default()), jobs_in, done_out)
    }

    fn backup(name: &str) -> (Errand, oneshot::Receiver<Result<(), ErrandError>>) {
        let (reply, answer) = oneshot::channel();
        (Errand::Backup { name: name.to_owned(), reply }, answer)
    }

    #[test]
    fn a_keeper_makes_a_backup_of_what_was_saved_before_and_goes_on_saving() {
        let dir = tempfile::tempdir().unwrap();
        let (mut keeper, jobs, done) = keeper(dir.path());
        let (errands, asked) = connect();
        keeper.listen(asked);
        let board = keeper.board.clone();
        let thread = std::thread::spawn(move || keeper.run());
        let save = |revision| {
            jobs.send(StoreJob::Save { character: ANN, revision, bytes: vec![7] }).unwrap();
            assert_eq!(done.recv().unwrap(), StoreDone::Saved { character: ANN, revision });
        };
        save(1);
        let (errand, answer) = backup("b");
        errands.send(errand).unwrap();
        answer.blocking_recv().unwrap().unwrap();
        let report = board.backup.load_full().unwrap();
        let made = report.outcome.wait().clone().unwrap();
        drop(errands);
        save(2);
        drop(jobs);
        thread.join().unwrap();
        let revision = |mut journal: Journal| journal.load(ANN).unwrap().unwrap().unwrap().revision;
        assert_eq!(revision(Journal::open_existing(&made.file).unwrap()), 1);
        assert_eq!(revision(Journal::open(dir.path()).unwrap()), 2);
        let (rows, rows_total) = report.progress.rows();
        assert!(report.name == "b" && rows > 0 && rows == rows_total, "{report:?}");
    }

    #[test]
    fn a_second_backup_is_refused_as_long_as_one_is_being_made() {
        let dir = tempfile::tempdir().unwrap();
        let (mut keeper, _jobs, _done) = keeper(dir.path());
        let (go, held) = bounded::<()>(0);
        let thread = std::thread::spawn(move || {
            let _ = held.recv();
        });
        let report = BackupReport { name: "a".to_owned(), progress: Progress::default(), outcome: OnceLock::new() };
        keeper.backup = Some(Backup { thread, report: Arc::new(report) });
        let (errand, answer) = backup("b");
        keeper.handle_errand(errand);
        let refused = answer.blocking_recv().unwrap().unwrap_err();
        assert!(matches!(refused, ErrandError::Busy(_)) && refused.is_conflict(), "{refused}");
        drop(go);
        keeper.end_backup();
        let (errand, answer) = backup("b");
        keeper.handle_errand(errand);
        assert!(answer.blocking_recv().unwrap().is_ok());
        assert!(keeper.board.backup.load().as_ref().unwrap().outcome.wait().is_ok());
        let (errand, answer) = backup("b");
        keeper.handle_errand(errand);
        let again = answer.blocking_recv().unwrap().unwrap_err();
        assert!(again.is_conflict() && again.to_string().contains("is there already"), "{again}");
    }

    #[test]
    fn a_backup_that_fails_says_why_on_the_board() {
        let dir = tempfile::tempdir().unwrap();
        let (mut keeper, _jobs, _done) = keeper(dir.path());
        // Where backups go there is a file.
        std::fs::write(dir.path().join("backups"), "").unwrap();
        let (errand, answer) = backup("b");
        keeper.handle_errand(errand);
        assert!(answer.blocking_recv().unwrap().is_ok(), "it has begun");
        let report = keeper.board.backup.load_full().unwrap();
        let why = report.outcome.wait().clone().unwrap_err();
        assert!(why.contains("Not a directory"), "{why}");
    }
}
