//! Where a journal is, to be opened again.

#[cfg(test)]
use super::JournalError;
use super::open::{self, Known, OpenError};
use redb::Database;
use std::path::{Path, PathBuf};

/// Where the file is.
pub enum Place {
    /// In this data directory.
    File(PathBuf),
    /// On a disk of a test's own.
    #[cfg(test)]
    Disk(Box<dyn Fn() -> Result<Database, JournalError> + Send>),
}

impl Place {
    /// Opens it after a failure.
    pub fn open_again(&self, known: &Known) -> Result<Database, OpenError> {
        match self {
            Self::File(data_dir) => open::open_again(data_dir, known),
            #[cfg(test)]
            Self::Disk(open) => open::open_disk_again(open(), known),
        }
    }

    /// The directory.
    pub fn data_dir(&self) -> &Path {
        match self {
            Self::File(data_dir) => data_dir,
            #[cfg(test)]
            Self::Disk(_) => Path::new(""),
        }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.data_dir().fmt(f)
    }
}
