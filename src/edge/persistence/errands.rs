//! What an operator asks of the persistence thread. It looks at these between jobs and never stays with one.

use super::Keeper;
use super::journal::{BackedUp, BackupError, JournalError};
use crossbeam::channel::{Receiver, Sender, bounded, never};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use thiserror::Error;
use tokio::sync::oneshot;

/// Errands that may wait: operators are few, and each waits for his answer.
const ERRANDS_MAX: usize = 8;

/// What is asked. Whoever asks gets one answer, or none if the server goes down first.
#[derive(Debug)]
pub enum Errand {
    /// Copy the journal as it is now.
    Backup {
        /// The file's name, among the backups.
        name: String,
        /// To whom.
        reply: oneshot::Sender<Result<BackedUp, ErrandError>>,
    },
}

/// Why it was not done.
#[derive(Debug, Error)]
pub enum ErrandError {
    /// Two at once would only slow each other down.
    #[error("another backup is being made: wait for that one")]
    Busy,
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
        matches!(self, Self::Busy | Self::Backup(BackupError::Exists(_)))
    }
}

/// The way to a keeper.
pub fn connect() -> (Sender<Errand>, Receiver<Errand>) {
    bounded(ERRANDS_MAX)
}

/// A backup that is being made, by a thread of its own.
#[derive(Debug)]
pub struct Backup {
    thread: JoinHandle<()>,
    is_wanted: Arc<AtomicBool>,
}

impl Backup {
    /// It need not go on.
    fn give_up(&self) {
        self.is_wanted.store(false, Ordering::Relaxed);
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
                if let Err((error, reply)) = self.begin_backup(name, reply) {
                    let _ = reply.send(Err(error));
                }
            }
        }
    }

    /// Nobody can ask any more.
    pub(super) fn on_errands_closed(&mut self) {
        self.errands = never();
    }

    fn begin_backup(&mut self, name: String, reply: BackupReply) -> Result<(), (ErrandError, BackupReply)> {
        if self.backup.as_ref().is_some_and(|backup| !backup.thread.is_finished()) {
            return Err((ErrandError::Busy, reply));
        }
        let snapshot = match self.journal.snapshot() {
            Ok(snapshot) => snapshot,
            Err(error) => return Err((error.into(), reply)),
        };
        let is_wanted = Arc::new(AtomicBool::new(true));
        // In a place of its own, so that whoever asked is answered even if there is no thread for it.
        let reply = Arc::new(std::sync::Mutex::new(Some(reply)));
        let (thread_reply, thread_wanted) = (reply.clone(), is_wanted.clone());
        let copy = move || {
            let result = snapshot.write(&name, &thread_wanted);
            match &result {
                Ok(BackedUp { bytes, seq, .. }) => tracing::info!(name, bytes, seq, "the journal is backed up"),
                Err(error) => tracing::error!(name, %error, "a backup was not made"),
            }
            let reply = thread_reply.lock().ok().and_then(|mut reply| reply.take());
            let _ = reply.map(|reply| reply.send(result.map_err(ErrandError::from)));
        };
        match std::thread::Builder::new().name("backup".to_owned()).spawn(copy) {
            Ok(thread) => {
                self.backup = Some(Backup { thread, is_wanted });
                Ok(())
            }
            Err(error) => {
                let reply = reply.lock().ok().and_then(|mut reply| reply.take()).expect("no thread has taken it");
                Err((ErrandError::Thread(error), reply))
            }
        }
    }

    /// A journal that has failed is opened anew, which it cannot be while somebody reads from it.
    pub(super) fn give_up_backup(&self) {
        self.backup.iter().for_each(Backup::give_up);
    }

    /// The server goes down: half a backup is taken away, which is quick.
    pub(super) fn end_backup(&mut self) {
        self.give_up_backup();
        if let Some(backup) = self.backup.take() {
            let _ = backup.thread.join();
        }
    }
}

type BackupReply = oneshot::Sender<Result<BackedUp, ErrandError>>;
