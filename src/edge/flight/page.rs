//! One file of a log: of a fixed size from the beginning, mapped into memory, filled from its front.
//!
//! What is copied into it belongs to the kernel: a server that is killed has lost nothing of it. The length of a record is
//! copied last, so that the log ends before a record that was not copied whole.
#![allow(unsafe_code, reason = "a mapping is only to be had so")]

use memmap2::MmapMut;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{Ordering, compiler_fence};

/// Bytes before the first record: the magic, u8 which log, three of nought, u32 number of the page, u64 number of the
/// recording, u64 unix time in seconds; little-endian.
pub const HEAD_BYTES: usize = 32;
/// The last byte is the version of what follows.
const MAGIC: [u8; 8] = *b"THRGFLT\x01";

/// Which of the two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// What the world took in.
    Realm,
    /// What the gate did.
    Gate,
}

impl Log {
    /// As files and metrics call it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Realm => "realm",
            Self::Gate => "gate",
        }
    }
}

/// What a page says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose it is.
    pub log: Log,
    /// Counts up, also from one recording to the next.
    pub number: u32,
    /// All pages of a recording have the same.
    pub recording: u64,
    /// When it was made.
    pub unix_s: u64,
}

impl Head {
    /// The front of a file that says so.
    pub fn encode(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8] = self.log as u8;
        bytes[12..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.recording.to_le_bytes());
        bytes[24..].copy_from_slice(&self.unix_s.to_le_bytes());
        bytes
    }

    /// What the front of a file says; `None` if it is no page, or of another version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; HEAD_BYTES] = bytes.first_chunk()?;
        let log = match (&head[..8] == MAGIC.as_slice(), head[8]) {
            (true, 0) => Log::Realm,
            (true, 1) => Log::Gate,
            _ => return None,
        };
        let long = |at: usize| head[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let number = u32::from_le_bytes(*head[12..].first_chunk()?);
        Some(Self { log, number, recording: long(16)?, unix_s: long(24)? })
    }
}

/// A page that is being filled.
pub struct Page {
    map: MmapMut,
    file: File,
    path: PathBuf,
    at: usize,
}

impl Page {
    /// Makes the file, with all the disk that it will ever need.
    ///
    /// # Errors
    /// What the system says; nothing is left then.
    pub fn make(path: &Path, bytes: usize, head: Head) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        let made = allocate(&file, bytes).and_then(|()| {
            // SAFETY: the file is ours alone: it was just made, in a directory that only its owner may enter, and nothing
            // here makes it shorter before the mapping is gone.
            unsafe { MmapMut::map_mut(&file) }
        });
        match made {
            Ok(mut map) => {
                map[..HEAD_BYTES].copy_from_slice(&head.encode());
                Ok(Self { map, file, path: path.to_owned(), at: HEAD_BYTES })
            }
            Err(error) => {
                let _ = std::fs::remove_file(path);
                Err(error)
            }
        }
    }

    /// Copies a framed record behind the others; false, and nothing is copied, if it does not fit.
    pub fn put(&mut self, record: &[u8]) -> bool {
        let Some(place) = self.map.get_mut(self.at..).and_then(|left| left.get_mut(..record.len())) else {
            return false;
        };
        let (length, rest) = record.split_at(4.min(record.len()));
        place[length.len()..].copy_from_slice(rest);
        // Whoever kills this process finds the rest there if he finds the length.
        compiler_fence(Ordering::Release);
        place[..length.len()].copy_from_slice(length);
        self.at += record.len();
        true
    }

    /// Bytes that it has.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Bytes that are free.
    pub fn left(&self) -> usize {
        self.map.len() - self.at
    }

    /// Gives back to the disk what was not filled.
    ///
    /// # Errors
    /// What the system says.
    pub fn close(self) -> io::Result<()> {
        let Self { map, file, at, .. } = self;
        drop(map);
        file.set_len(at as u64)
    }

    /// Removes the file: nothing was written on it.
    pub fn discard(self) {
        drop(self.map);
        let _ = std::fs::remove_file(&self.path);
    }
}

/// All blocks are there before anything is mapped: a full disk would end the process at the first touch otherwise.
fn allocate(file: &File, bytes: usize) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes as u64) {
        Ok(()) => return Ok(()),
        // Not every file system can.
        Err(rustix::io::Errno::OPNOTSUPP) => {}
        Err(error) => return Err(error.into()),
    }
    write_nought(file, bytes)
}

fn write_nought(mut file: &File, bytes: usize) -> io::Result<()> {
    let nought = vec![0; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let piece = left.min(nought.len());
        io::Write::write_all(&mut file, &nought[..piece])?;
        left -= piece;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head = Head { log: Log::Gate, number: 17, recording: u64::MAX - 3, unix_s: 1_800_000_000 };

    #[test]
    fn a_page_holds_what_was_put_there_until_it_is_full_and_is_no_longer_than_that() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("page");
        let mut page = Page::make(&path, HEAD_BYTES + 10, HEAD).unwrap();
        assert!(page.put(b"12345678") && !page.put(b"123") && page.left() == 2);
        assert_eq!(std::fs::read(&path).unwrap().len(), HEAD_BYTES + 10, "the disk is taken from the start");
        page.close().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!((&bytes[HEAD_BYTES..], Head::decode(&bytes)), (b"12345678".as_slice(), Some(HEAD)));
        assert!(Page::make(&path, 100, HEAD).is_err(), "no page is written over");
    }

    #[test]
    fn what_is_no_page_or_of_another_version_says_nothing() {
        let bytes = HEAD.encode();
        for at in 0..9 {
            let mut bytes = bytes;
            bytes[at] ^= 0x40;
            assert_eq!(Head::decode(&bytes), None, "byte {at}");
        }
        assert_eq!(Head::decode(&bytes[..31]), None);
    }
}
