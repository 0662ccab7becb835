//! The pages of one log: one that is filled, one that lies ready, and as many older ones as there is room for.
//!
//! Files are made, closed and removed by a thread of their own, so that whoever fills them never waits for the disk. If that
//! thread cannot keep up, or the disk is full, the recording ends and the server does not.

use super::page::{Head, Log, Page};
use crossbeam::channel::{Receiver, Sender, bounded};
use server::flight::{Kept, Shelf};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Pages of one log on the disk at most: the one that is filled and the one that lies ready among them.
pub const PAGES_MAX: usize = 6;

/// A page with less than one part of so many left is nearly full.
const NEARLY: usize = 8;

/// What a log has come to, for whoever asks.
#[derive(Debug, Default)]
pub struct LogTally {
    /// Bytes kept since the start.
    pub bytes: AtomicU64,
    /// Pages begun since the start.
    pub pages: AtomicU64,
    /// Nothing is kept any more, and nobody wanted that.
    pub is_stopped: AtomicBool,
}

/// Both.
#[derive(Debug, Default)]
pub struct FlightTally {
    /// Of the realm's.
    pub realm: Arc<LogTally>,
    /// Of the gate's.
    pub gate: Arc<LogTally>,
}

/// Where the pages are.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directory.
    pub dir: PathBuf,
    /// Which log.
    pub log: Log,
    /// Which recording.
    pub recording: u64,
    /// When it began.
    pub unix_s: u64,
    /// Of each page.
    pub page_bytes: usize,
}

/// A log that is being filled.
pub struct Volume {
    page: Option<Page>,
    ready: Receiver<Page>,
    full: Sender<Page>,
    clerk: Option<JoinHandle<()>>,
    log: Log,
    tally: Arc<LogTally>,
}

impl Volume {
    /// Makes the first page, and starts the thread that makes the others.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(place: Place, tally: Arc<LogTally>) -> io::Result<Self> {
        let log = place.log;
        let mut number = numbers(&place.dir, log)?.last().map_or(0, |last| last + 1);
        let page = place.make(number)?;
        // Nothing waits in it: a page that lies ready is held out until it is taken.
        let (hand, ready) = bounded(0);
        let (full, filled) = bounded(2);
        let work = move || {
            loop {
                number += 1;
                let page = match place.make(number) {
                    Ok(page) => page,
                    Err(error) => {
                        tracing::warn!(%error, log = place.log.label(), "no more files can be made for the flight log");
                        break;
                    }
                };
                if let Err(unused) = hand.send(page) {
                    unused.0.discard();
                    break;
                }
                if let Ok(page) = filled.recv() {
                    close(page);
                }
            }
            drop(hand);
            filled.iter().for_each(close);
        };
        let clerk = std::thread::Builder::new().name(format!("flight-{}", log.label())).spawn(work)?;
        tally.pages.fetch_add(1, Ordering::Relaxed);
        Ok(Self { page: Some(page), ready, full, clerk: Some(clerk), log, tally })
    }
}

impl Shelf for Volume {
    fn keep(&mut self, bytes: &[u8]) -> Kept {
        let Some(page) = self.page.as_mut() else { return Kept::Lost };
        if !page.put(bytes) {
            return Kept::Lost;
        }
        self.tally.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Kept::Whole
    }

    fn is_nearly_full(&self) -> bool {
        self.page.as_ref().is_some_and(|page| page.left() < page.len() / NEARLY)
    }

    fn turn(&mut self) -> bool {
        let Ok(page) = self.ready.try_recv() else { return false };
        self.tally.pages.fetch_add(1, Ordering::Relaxed);
        if let Some(full) = self.page.replace(page) {
            // The thread has just handed out a page, and waits for this one.
            drop(self.full.try_send(full));
        }
        true
    }

    fn end(&mut self, why: Option<&'static str>) {
        if let Some(page) = self.page.take() {
            drop(self.full.try_send(page));
        }
        if let Some(why) = why {
            self.tally.is_stopped.store(true, Ordering::Relaxed);
            tracing::warn!(log = self.log.label(), "the flight log ends: {why}");
            // Whoever ticks does not wait for a thread.
            self.clerk = None;
        }
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if let Some(page) = self.page.take() {
            drop(self.full.try_send(page));
        }
        // The thread ends when nobody takes its page and nobody brings one.
        self.ready = crossbeam::channel::never();
        self.full = bounded(0).0;
        if let Some(clerk) = self.clerk.take() {
            let _ = clerk.join();
        }
    }
}

impl Place {
    /// Makes a page, after those that there is no more room for are gone.
    fn make(&self, number: u32) -> io::Result<Page> {
        let numbers = numbers(&self.dir, self.log)?;
        let beyond = (numbers.len() + 1).saturating_sub(PAGES_MAX);
        for &oldest in &numbers[..beyond] {
            std::fs::remove_file(path(&self.dir, self.log, oldest))?;
        }
        let Self { log, recording, unix_s, .. } = *self;
        Page::make(&path(&self.dir, log, number), self.page_bytes, Head { log, number, recording, unix_s })
    }
}

fn close(page: Page) {
    if let Err(error) = page.close() {
        tracing::warn!(%error, "a file of the flight log keeps the length that it was made with");
    }
}

/// Where a page is.
pub fn path(dir: &Path, log: Log, number: u32) -> PathBuf {
    dir.join(format!("{}-{number:06}.flight", log.label()))
}

/// The pages of a log in a directory, by number.
///
/// # Errors
/// What the system says.
pub fn numbers(dir: &Path, log: Log) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".flight")) else { continue };
        let number = name.strip_prefix(log.label()).and_then(|rest| rest.strip_prefix('-'));
        numbers.extend(number.and_then(|number| number.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam::channel::TryRecvError;

    fn place(dir: &Path) -> Place {
        Place { dir: dir.to_owned(), log: Log::Realm, recording: 7, unix_s: 1, page_bytes: 1_024 }
    }

    fn turn(volume: &mut Volume) {
        // The other thread makes it; it has nothing else to do.
        while !volume.turn() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_next_page_takes_over_from_one_that_is_full_without_end_and_without_more_files() {
        let dir = tempfile::tempdir().unwrap();
        let tally = Arc::new(LogTally::default());
        let mut volume = Volume::open(place(dir.path()), tally.clone()).unwrap();
        for page in 0..12 {
            assert!(volume.keep(&[page + 1; 700]) == Kept::Whole && !volume.is_nearly_full());
            assert!(volume.keep(&[page + 1; 200]) == Kept::Whole && volume.is_nearly_full());
            assert_eq!(volume.keep(&[page + 1; 200]), Kept::Lost, "there is no room for it");
            turn(&mut volume);
            assert!(numbers(dir.path(), Log::Realm).unwrap().len() <= PAGES_MAX);
        }
        volume.end(None);
        drop(volume);
        let left = numbers(dir.path(), Log::Realm).unwrap();
        assert_eq!(left.last(), Some(&12), "the page that lay ready is gone: {left:?}");
        let newest_full = std::fs::read(path(dir.path(), Log::Realm, 11)).unwrap();
        assert_eq!(newest_full.len(), super::super::page::HEAD_BYTES + 900);
        assert_eq!((tally.pages.load(Ordering::Relaxed), tally.is_stopped.load(Ordering::Relaxed)), (13, false));
    }

    #[test]
    fn the_next_recording_counts_on_and_removes_the_oldest_of_the_last() {
        let dir = tempfile::tempdir().unwrap();
        for first in 0..2 * PAGES_MAX as u32 {
            let place = Place { recording: first.into(), ..place(dir.path()) };
            drop(Volume::open(place, Arc::default()).unwrap());
            assert!(path(dir.path(), Log::Realm, first).exists());
            assert!(numbers(dir.path(), Log::Realm).unwrap().len() <= PAGES_MAX);
        }
    }

    #[test]
    fn where_no_file_can_be_made_the_log_ends_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let tally = Arc::new(LogTally::default());
        let mut volume = Volume::open(Place { page_bytes: 200, ..place(dir.path()) }, tally.clone()).unwrap();
        turn(&mut volume);
        // A file may be made at this very moment.
        while std::fs::remove_dir_all(dir.path()).is_err() {}
        // One may have been made before that.
        loop {
            match volume.ready.try_recv() {
                Ok(page) => volume.page.replace(page).into_iter().for_each(|full| drop(volume.full.try_send(full))),
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => std::thread::yield_now(),
            }
        }
        assert_eq!(volume.keep(&[1; 500]), Kept::Lost);
        volume.end(Some("there is no more room for it"));
        assert_eq!((volume.keep(&[1]), tally.is_stopped.load(Ordering::Relaxed)), (Kept::Lost, true));
    }
}
