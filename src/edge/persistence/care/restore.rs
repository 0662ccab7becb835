//! A backup becomes the journal of a data directory.

use super::sign;
use crate::edge::clock;
use crate::edge::persistence::journal::{self, Inventory, JOURNAL_FILE, Journal, JournalError, OpenError, Resumed};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The copy while it is looked at.
const RESTORING: &str = "journal.redb.restoring";

/// Why a backup was not restored. The directory is as it was, but where the error says otherwise.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// A server runs on it.
    #[error(transparent)]
    InUse(OpenError),
    /// It is no backup, or not whole.
    #[error("the backup cannot be used: {0}")]
    Backup(OpenError),
    /// Rows of it cannot be used.
    #[error("the backup is not sound: {}", found(.0))]
    Unsound(Box<Inventory>),
    /// The copy of it.
    #[error("cannot make the backup a journal: {0}")]
    Journal(#[from] JournalError),
    /// The disk is at fault.
    #[error("cannot {doing} {}: {error}", path.display())]
    Io {
        /// Copy, make or move.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Somebody was quicker.
    #[error("a server was started on the directory in the meantime; its old journal is {}", .0.display())]
    Taken(PathBuf),
}

fn found(inventory: &Inventory) -> String {
    match inventory.unreadable.first() {
        Some(first) => format!("{} rows cannot be read, the first is {first}", inventory.unreadable_rows),
        None => "something was made or lost in silence".to_owned(),
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup holds.
    pub inventory: Inventory,
    /// What was taken out of it.
    pub resumed: Resumed,
    /// Where the journal is that was there before.
    pub before: Option<PathBuf>,
}

/// Makes the journal of `data_dir` of a backup, which stays as it is. A journal that is there is moved aside.
///
/// # Errors
/// [`RestoreError`].
pub fn restore(backup: &Path, data_dir: &Path) -> Result<Restored, RestoreError> {
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |error| RestoreError::Io { doing, path, error }
    };
    std::fs::create_dir_all(data_dir).map_err(io("make", data_dir))?;
    let (journal, copy) = (data_dir.join(JOURNAL_FILE), data_dir.join(RESTORING));
    let holder = hold(&journal)?;
    sign(data_dir);
    let _ = std::fs::remove_file(&copy);
    std::fs::copy(backup, &copy).map_err(io("copy", backup))?;
    let made = make(&copy).inspect_err(|_| drop(std::fs::remove_file(&copy)));
    let (inventory, resumed) = made?;
    journal::sync(&copy).map_err(io("write", &copy))?;
    let before = set_aside(&journal).map_err(io("move", &journal))?;
    // Unlike a renaming, this does not write over what a server may have made just now.
    match std::fs::hard_link(&copy, &journal) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(RestoreError::Taken(before.unwrap_or(copy)));
        }
        // Not every file system has links; there the gap between the two is as good as none.
        Err(_) => std::fs::rename(&copy, &journal).map_err(io("make", &journal))?,
    }
    let _ = std::fs::remove_file(&copy);
    journal::sync(data_dir).map_err(io("write", data_dir))?;
    drop(holder);
    Ok(Restored { inventory, resumed, before })
}

/// Keeps others from a journal that is there. One that is damaged keeps everybody from it by itself.
fn hold(journal: &Path) -> Result<Option<Journal>, RestoreError> {
    match Journal::open_existing(journal) {
        Ok(journal) => Ok(Some(journal)),
        Err(error @ OpenError::InUse { .. }) => Err(RestoreError::InUse(error)),
        Err(_) => Ok(None),
    }
}

/// Looks through the copy, and makes it fit to go on with.
fn make(copy: &Path) -> Result<(Inventory, Resumed), RestoreError> {
    let mut journal = Journal::open_existing(copy).map_err(RestoreError::Backup)?;
    let inventory = journal.inventory()?;
    if !inventory.is_sound() {
        return Err(RestoreError::Unsound(Box::new(inventory)));
    }
    let resumed = journal.resume()?;
    Ok((inventory, resumed))
}

fn set_aside(journal: &Path) -> io::Result<Option<PathBuf>> {
    if !journal.exists() {
        return Ok(None);
    }
    let aside = journal.with_file_name(format!("{JOURNAL_FILE}.before-restore-{}", clock::utc(clock::now().unix_s)));
    std::fs::rename(journal, &aside)?;
    Ok(Some(aside))
}
