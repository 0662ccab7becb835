//! The journal's file, which grows only by room that the disk has given it for good.
//!
//! A file that is made longer is usually given its room page by page, when something is written there: then a disk that is full
//! shows in the middle of a commit, and mending what that has left needs room, too. Here all the room is asked for at once when
//! the file grows, before anything of the commit is written; a file that could not grow can always be opened, read and
//! mended. File systems that cannot promise room (those that never write in place, for one) are used all the same: there it
//! may be that nothing can be looked up until there is room again.

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};
use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};

/// For people.
const MIB: f64 = 1_048_576.0;

/// The file, opened.
#[derive(Debug)]
pub struct JournalFile {
    path: PathBuf,
    file: File,
    inner: FileBackend,
}

impl JournalFile {
    /// Opens it, or makes an empty one.
    pub fn open_or_make(path: &Path) -> Result<Self, DatabaseError> {
        Self::with(path, OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?)
    }

    /// Opens one that is there, after a failure: what memory still has of it may be what could not be written, so it is read from
    /// the disk again.
    pub fn open_again(path: &Path) -> Result<Self, DatabaseError> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        // Only a hint; where it is not heard, what cannot be written is found out by the next commit.
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
        Self::with(path, file)
    }

    fn with(path: &Path, file: File) -> Result<Self, DatabaseError> {
        let len = file.metadata()?.len();
        if len > 0 {
            // Older builds left gaps. Where there is no room for them now there will be trouble later, and it is told then.
            let _ = fallocate(&file, FallocateFlags::empty(), 0, len);
        }
        let inner = FileBackend::new(file.try_clone()?)?;
        Ok(Self { path: path.to_owned(), file, inner })
    }

    fn grow(&self, from: u64, to: u64) -> io::Result<()> {
        match fallocate(&self.file, FallocateFlags::empty(), from, to - from) {
            Ok(()) => Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.inner.set_len(to),
            Err(error) => {
                // It may have got a part of it.
                let _ = self.inner.set_len(from);
                let error = io::Error::from(error);
                let (path, from, to) = (self.path.display(), from as f64 / MIB, to as f64 / MIB);
                let text = format!("{path} cannot grow from {from:.1} to {to:.1} MiB: {error}");
                Err(io::Error::new(error.kind(), text))
            }
        }
    }
}

impl StorageBackend for JournalFile {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let now = self.inner.len()?;
        if len > now { self.grow(now, len) } else { self.inner.set_len(len) }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn what_the_file_has_grown_by_is_its_own_and_reads_as_nought() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        let file = JournalFile::open_or_make(&path).unwrap();
        file.set_len(3 << 20).unwrap();
        let found = std::fs::metadata(&path).unwrap();
        assert_eq!(found.len(), 3 << 20);
        assert!(found.blocks() * 512 >= 3 << 20, "{} blocks", found.blocks());
        let mut bytes = [7; 16];
        file.read(2 << 20, &mut bytes).unwrap();
        assert_eq!(bytes, [0; 16]);
        file.set_len(1 << 20).unwrap();
        assert_eq!(file.len().unwrap(), 1 << 20);
    }

    #[test]
    fn gaps_that_an_older_build_left_are_filled_when_the_file_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        File::create(&path).unwrap().set_len(1 << 20).unwrap();
        drop(JournalFile::open_again(&path).unwrap());
        assert!(std::fs::metadata(&path).unwrap().blocks() * 512 >= 1 << 20);
    }

    #[test]
    fn a_file_that_is_not_there_is_not_made_when_it_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        assert!(JournalFile::open_again(&dir.path().join("j")).is_err());
        assert!(!dir.path().join("j").exists());
    }
}
