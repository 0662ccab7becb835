//! The pages of one log: one that is filled, one that lies ready, and as many older ones as there is room for.
//!
//! Files are made, closed and removed by a thread of their own, and that thread writes what a page begins with, so that
//! whoever fills them never waits for the disk, nor for a thousand players to be packed. Until the front is there records are
//! kept on the page before and in memory; then they come behind it. If the thread cannot keep up, or the disk is full, the
//! recording ends and the server does not.

use super::page::{Head, Log, Page};
use crossbeam::channel::{Receiver, Sender, TryRecvError, bounded};
use server::flight::{Front, Kept, Shelf};
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
    /// Something had no room on it.
    is_full: bool,
    /// A page lies ready, and the clerk waits for its front.
    is_ready: Arc<AtomicBool>,
    fronts: Sender<Front>,
    turned: Receiver<Page>,
    full: Sender<Page>,
    /// What comes behind the front that is being written.
    behind: Option<Vec<u8>>,
    clerk: Option<JoinHandle<()>>,
    log: Log,
    tally: Arc<LogTally>,
}

/// Whoever makes, begins, closes and removes files.
struct Clerk {
    place: Place,
    number: u32,
    is_ready: Arc<AtomicBool>,
    fronts: Receiver<Front>,
    turned: Sender<Page>,
    filled: Receiver<Page>,
}

impl Clerk {
    fn work(mut self) {
        while let Some(page) = self.make() {
            self.is_ready.store(true, Ordering::Release);
            let Ok(front) = self.fronts.recv() else {
                page.discard();
                break;
            };
            let Some(page) = self.begin(page, front) else { break };
            if let Err(unused) = self.turned.send(page) {
                unused.0.discard();
                break;
            }
            let Ok(full) = self.filled.recv() else { break };
            close(full);
        }
        drop(self.turned);
        self.filled.iter().for_each(close);
    }

    fn make(&mut self) -> Option<Page> {
        self.number += 1;
        let made = self.place.make(self.number);
        made.inspect_err(|error| {
            tracing::warn!(%error, log = self.place.log.label(), "no more files can be made for the flight log");
        })
        .ok()
    }

    fn begin(&self, mut page: Page, front: Front) -> Option<Page> {
        let mut bytes = Vec::new();
        front(&mut bytes);
        if page.put(&bytes) {
            return Some(page);
        }
        let (log, bytes) = (self.place.log.label(), bytes.len());
        tracing::warn!(
            log,
            bytes,
            "a file of the flight log is too small for what it has to begin with: raise flight.megabytes"
        );
        page.discard();
        None
    }
}

impl Volume {
    /// Makes the first page, and starts the thread that makes the others.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(place: Place, tally: Arc<LogTally>) -> io::Result<Self> {
        let log = place.log;
        let number = numbers(&place.dir, log)?.last().map_or(0, |last| last + 1);
        let page = place.make(number)?;
        let is_ready = Arc::new(AtomicBool::new(false));
        let ((fronts, wanted), (hand, turned), (full, filled)) = (bounded(1), bounded(1), bounded(2));
        let clerk = Clerk { place, number, is_ready: is_ready.clone(), fronts: wanted, turned: hand, filled };
        let name = format!("flight-{}", log.label());
        let clerk = std::thread::Builder::new().name(name).spawn(move || clerk.work())?;
        tally.pages.fetch_add(1, Ordering::Relaxed);
        let (page, clerk) = (Some(page), Some(clerk));
        Ok(Self { page, is_full: false, is_ready, fronts, turned, full, behind: None, clerk, log, tally })
    }

    /// A page that has been begun takes over, if there is one by now.
    fn take_over(&mut self, turned: Result<Page, TryRecvError>) {
        match turned {
            Ok(mut page) => {
                let behind = self.behind.take().unwrap_or_default();
                let is_whole = page.put(&behind);
                self.is_full = false;
                self.tally.pages.fetch_add(1, Ordering::Relaxed);
                let full = self.page.replace(page).filter(|_| is_whole);
                if let Some(full) = full {
                    // The thread has just handed out a page, and waits for this one.
                    drop(self.full.try_send(full));
                } else {
                    // A page that lacks something in the middle is none.
                    self.page = None;
                }
            }
            // This page goes on to its end, and the log ends with it.
            Err(TryRecvError::Disconnected) => self.behind = None,
            Err(TryRecvError::Empty) => {}
        }
    }
}

impl Shelf for Volume {
    fn keep(&mut self, bytes: &[u8]) -> Kept {
        if self.behind.is_some() {
            let turned = self.turned.try_recv();
            self.take_over(turned);
        }
        let Some(page) = self.page.as_mut() else { return Kept::Lost };
        // Behind what had no room there nothing may stand: the page would have a gap.
        let is_on_page = !self.is_full && page.put(bytes);
        self.is_full = !is_on_page;
        let is_behind = self.behind.as_mut().is_some_and(|behind| {
            behind.extend_from_slice(bytes);
            behind.len() < page.len() / 2
        });
        if !is_on_page && !is_behind {
            return Kept::Lost;
        }
        self.tally.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Kept::Whole
    }

    fn may_turn(&self) -> bool {
        let is_nearly_full = self.page.as_ref().is_some_and(|page| page.left() < page.len() / NEARLY);
        is_nearly_full && self.behind.is_none() && self.is_ready.load(Ordering::Acquire)
    }

    fn turn(&mut self, last: &[u8], front: Front) {
        self.is_ready.store(false, Ordering::Relaxed);
        if self.fronts.try_send(front).is_err() {
            return;
        }
        self.behind = Some(Vec::new());
        if let Some(page) = &mut self.page {
            // No record is shorter: where there is no room for it nothing follows it here.
            self.is_full |= !page.put(last);
        }
    }

    fn end(&mut self, why: Option<&'static str>) {
        if self.behind.is_some() && why.is_none() {
            let turned = self.turned.recv().map_err(|_| TryRecvError::Disconnected);
            self.take_over(turned);
        }
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
        // The thread ends when nobody wants its page and nobody brings one.
        (self.fronts, self.full) = (bounded(0).0, bounded(0).0);
        self.turned = crossbeam::channel::never();
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
    use super::super::page::HEAD_BYTES;
    use super::*;

    fn place(dir: &Path) -> Place {
        Place { dir: dir.to_owned(), log: Log::Realm, recording: 7, unix_s: 1, page_bytes: 1_024 }
    }

    /// The other thread makes a page; it has nothing else to do.
    fn wait_for_a_page(volume: &Volume) {
        while !volume.is_ready.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
    }

    /// Begins the next page, which begins with these bytes.
    fn turn(volume: &mut Volume, front: &'static [u8]) {
        wait_for_a_page(volume);
        volume.turn(&[], Box::new(move |page| page.extend_from_slice(front)));
        while volume.behind.is_some() {
            let turned = volume.turned.try_recv();
            volume.take_over(turned);
        }
    }

    #[test]
    fn the_next_page_takes_over_from_one_that_is_full_without_end_and_without_more_files() {
        let dir = tempfile::tempdir().unwrap();
        let tally = Arc::new(LogTally::default());
        let mut volume = Volume::open(place(dir.path()), tally.clone()).unwrap();
        for page in 0..12 {
            wait_for_a_page(&volume);
            assert!(volume.keep(&[page + 1; 700]) == Kept::Whole && !volume.may_turn());
            assert!(volume.keep(&[page + 1; 200]) == Kept::Whole && volume.may_turn());
            assert_eq!(volume.keep(&[page + 1; 200]), Kept::Lost, "there is no room for it");
            turn(&mut volume, &[]);
            assert!(numbers(dir.path(), Log::Realm).unwrap().len() <= PAGES_MAX);
        }
        volume.end(None);
        drop(volume);
        let left = numbers(dir.path(), Log::Realm).unwrap();
        assert_eq!(left.last(), Some(&12), "the page that lay ready is gone: {left:?}");
        let newest_full = std::fs::read(path(dir.path(), Log::Realm, 11)).unwrap();
        assert_eq!(newest_full.len(), HEAD_BYTES + 900);
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
    fn while_a_front_is_written_records_are_kept_on_the_page_before_and_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut volume = Volume::open(place(dir.path()), Arc::default()).unwrap();
        assert_eq!(volume.keep(&[1; 900]), Kept::Whole);
        wait_for_a_page(&volume);
        let (go, wait) = bounded::<()>(0);
        let front = move |page: &mut Vec<u8>| {
            wait.recv().unwrap();
            page.extend_from_slice(&[7; 20]);
        };
        volume.turn(&[2; 5], Box::new(front));
        assert!(!volume.may_turn(), "one at a time");
        assert_eq!(volume.keep(&[3; 50]), Kept::Whole);
        assert_eq!(volume.keep(&[4; 100]), Kept::Whole, "there is no room for it on the page before");
        assert_eq!(volume.keep(&[5; 10]), Kept::Whole);
        let page = |number| std::fs::read(path(dir.path(), Log::Realm, number)).unwrap().split_off(HEAD_BYTES);
        assert_eq!(page(0)[900..960], [[2; 5].as_slice(), &[3; 50], &[0; 5]].concat(), "nothing behind a gap");
        assert_eq!(page(1)[0], 0);
        go.send(()).unwrap();
        volume.end(None);
        drop(volume);
        assert_eq!(page(1), [[7; 20].as_slice(), &[3; 50], &[4; 100], &[5; 10]].concat());
    }

    #[test]
    fn a_front_that_is_too_large_ends_the_log_with_the_page_before() {
        let dir = tempfile::tempdir().unwrap();
        let mut volume = Volume::open(place(dir.path()), Arc::default()).unwrap();
        turn(&mut volume, &[1; 2_000]);
        assert_eq!((volume.keep(&[1; 900]), volume.may_turn()), (Kept::Whole, false));
        assert_eq!(volume.keep(&[1; 200]), Kept::Lost);
        assert_eq!(numbers(dir.path(), Log::Realm).unwrap(), [0]);
    }

    #[test]
    fn where_no_file_can_be_made_the_log_ends_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let tally = Arc::new(LogTally::default());
        let mut volume = Volume::open(Place { page_bytes: 200, ..place(dir.path()) }, tally.clone()).unwrap();
        wait_for_a_page(&volume);
        std::fs::remove_dir_all(dir.path()).unwrap();
        turn(&mut volume, &[]);
        // The one that lay ready was there before that, the next one cannot be made.
        while !matches!(volume.turned.try_recv(), Err(TryRecvError::Disconnected)) {
            std::thread::yield_now();
        }
        assert!(!volume.may_turn());
        assert_eq!(volume.keep(&[1; 500]), Kept::Lost);
        volume.end(Some("there is no more room for it"));
        assert_eq!((volume.keep(&[1]), tally.is_stopped.load(Ordering::Relaxed)), (Kept::Lost, true));
    }
}
