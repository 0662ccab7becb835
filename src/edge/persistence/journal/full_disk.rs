//! A disk that is full now and then: what was told as saved is there, what was refused is not, and all goes on by itself when
//! there is room.

use super::power_cuts::{Truth, put};
use super::{Fault, Group, Journal, JournalError, OpenError, Save};
use game::TransactionId;
use protocol::CharacterId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redb::StorageBackend;
use rustix::io::Errno;
use std::io;
use std::sync::{Arc, Mutex};

/// Commits of the long test.
const COMMITS: u32 = 2_000;

/// What a disk does not do any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuses {
    /// Give room: the file cannot grow.
    Growth,
    /// Write at all, not even over what is there: as file systems that never write in place.
    Writes,
    /// Say that it has kept what was written.
    Syncs,
}

#[derive(Debug, Default)]
struct Sheet {
    bytes: Vec<u8>,
    refuses: Option<Refuses>,
    /// Operations until it does.
    fuse: u32,
}

/// A disk in memory that can be full.
#[derive(Clone, Debug, Default)]
pub struct FullDisk(Arc<Mutex<Sheet>>);

impl FullDisk {
    /// After so many operations it refuses these.
    pub fn fill(&self, refuses: Refuses, after: u32) {
        let mut sheet = self.0.lock().unwrap();
        (sheet.refuses, sheet.fuse) = (Some(refuses), after);
    }

    /// There is room again.
    pub fn clear(&self) {
        self.0.lock().unwrap().refuses = None;
    }
}

impl Sheet {
    fn check(&mut self, wants: Refuses) -> io::Result<()> {
        let Some(refuses) = self.refuses else { return Ok(()) };
        if self.fuse > 0 {
            self.fuse -= 1;
            return Ok(());
        }
        match refuses == wants || (refuses == Refuses::Writes && wants == Refuses::Growth) {
            true => Err(Errno::NOSPC.into()),
            false => Ok(()),
        }
    }
}

impl StorageBackend for FullDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let sheet = self.0.lock().unwrap();
        let found = sheet.bytes.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut sheet = self.0.lock().unwrap();
        if len as usize > sheet.bytes.len() {
            sheet.check(Refuses::Growth)?;
        }
        sheet.bytes.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.lock().unwrap().check(Refuses::Syncs)
    }

    /// What does not fit is written as far as it does.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut sheet = self.0.lock().unwrap();
        let fits = sheet.check(Refuses::Writes);
        let written = if fits.is_ok() { data } else { &data[..data.len() / 2] };
        put(&mut sheet.bytes, offset as usize, written);
        fits
    }
}

/// What came of commits that failed.
#[derive(Debug, Default)]
struct Tally {
    undone: u32,
    survived: u32,
    /// It could be looked up while the disk was still full, or could not.
    looked_up: u32,
    blind: u32,
}

/// One commit on a disk that may become full meanwhile; what the journal must hold then.
fn commit(journal: &mut Journal, disk: &FullDisk, told: Truth, tally: &mut Tally, rng: &mut StdRng) -> Truth {
    let mut next = told.clone();
    let (mut saves, deals) = next.group(rng);
    let refuses = [Refuses::Growth, Refuses::Writes, Refuses::Syncs][rng.random_range(0..3)];
    if refuses == Refuses::Growth && rng.random_ratio(1, 5) {
        // So much that the file must grow.
        saves.extend((100..103).map(|id| Save { character: CharacterId(id), ..save(u64::MAX, 1_000_000).remove(0) }));
        disk.fill(refuses, 0);
    } else if rng.random_ratio(1, 3) {
        disk.fill(refuses, rng.random_range(0..30));
    }
    let group = Group { saves: &saves, deals: &deals, ..Group::default() };
    let Err(error) = journal.commit(&group) else {
        disk.clear();
        return next;
    };
    assert!(error.fault() == Fault::Full && !error.is_untried(), "{error}");
    assert!(error.to_string().starts_with("the journal's disk is full: "), "{error}");
    let again = journal.commit(&group).unwrap_err();
    assert!(again.is_untried() && again.to_string() == error.to_string(), "it is left alone: {again}");
    match journal.find(TransactionId(0)) {
        Ok(_) => {
            tally.looked_up += 1;
            assert!(told.is_in(journal) || next.is_in(journal), "it is read while the disk is full");
        }
        Err(error) => {
            tally.blind += 1;
            assert!(error.fault() == Fault::Full && refuses != Refuses::Growth, "{refuses:?}: {error}");
        }
    }
    disk.clear();
    journal.end_pause();
    let (is_told, is_next) = (told.is_in(journal), next.is_in(journal));
    assert!(is_told || is_next, "{refuses:?}");
    tally.undone += u32::from(is_told && !is_next);
    tally.survived += u32::from(is_next && !is_told);
    if is_told { told } else { next }
}

#[test]
fn a_commit_that_found_no_room_is_there_whole_or_not_at_all_and_the_next_one_with_room_is_taken() {
    let (mut rng, disk) = (StdRng::seed_from_u64(3), FullDisk::default());
    let mut journal = Journal::on(disk.clone()).unwrap();
    let (mut truth, mut tally) = (Truth::default(), Tally::default());
    for nth in 0..COMMITS {
        truth = commit(&mut journal, &disk, truth, &mut tally, &mut rng);
        assert!(nth % 50 != 0 || truth.is_in(&mut journal));
    }
    assert!(tally.undone >= 100 && tally.survived >= 50, "{tally:?}");
    assert!(tally.looked_up >= 50 && tally.blind >= 100, "{tally:?}");
}

const ANN: CharacterId = CharacterId(1);

fn save(revision: u64, len: usize) -> Vec<Save> {
    // Numbers that cannot be packed.
    let bytes = (0..len as u32).map(|nth| (nth.wrapping_mul(0x9e37_79b9).wrapping_mul(nth) >> 24) as u8).collect();
    vec![Save { character: ANN, revision, bytes }]
}

/// Saves until the file would have to grow; with which revision it could not.
fn save_until_full(journal: &mut Journal, disk: &FullDisk) -> (u64, JournalError) {
    disk.fill(Refuses::Growth, 0);
    (2..)
        .find_map(|id| {
            let saves = [Save { character: CharacterId(id), ..save(1, 100_000).remove(0) }];
            journal.commit(&Group { saves: &saves, ..Group::default() }).err().map(|error| (id, error))
        })
        .unwrap()
}

#[test]
fn while_the_file_cannot_grow_it_is_read_and_what_fits_is_written() {
    let disk = FullDisk::default();
    let mut journal = Journal::on(disk.clone()).unwrap();
    journal.commit(&Group { saves: &save(1, 10), ..Group::default() }).unwrap();
    let (refused, error) = save_until_full(&mut journal, &disk);
    assert!(
        matches!(error, JournalError::Failed(_)) && journal.trouble().is_some_and(|(fault, _)| fault == Fault::Full)
    );
    assert_eq!(journal.load(ANN).unwrap().unwrap().unwrap().revision, 1);
    assert_eq!(journal.load(CharacterId(refused)).unwrap().unwrap(), None);
    assert!(journal.load(CharacterId(refused - 1)).unwrap().unwrap().is_some());
    journal.end_pause();
    journal.commit(&Group { saves: &save(2, 10), ..Group::default() }).unwrap();
    assert!(journal.trouble().is_some(), "what is small fits where something was, and that is not the end of it");
    assert_eq!(journal.try_out().unwrap_err().fault(), Fault::Full);
    journal.end_pause();
    let (_, error) = save_until_full(&mut journal, &disk);
    assert_eq!(error.fault(), Fault::Full);
    disk.clear();
    journal.end_pause();
    journal.try_out().unwrap();
    assert_eq!(journal.trouble(), None);
    journal.commit(&Group { saves: &save(3, 900_000), ..Group::default() }).unwrap();
}

#[test]
fn a_journal_that_was_replaced_or_taken_away_while_it_was_closed_is_not_gone_on_with() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.commit(&Group { saves: &save(1, 10), ..Group::default() }).unwrap();
    let file = dir.path().join(super::JOURNAL_FILE);
    let kept = dir.path().join("kept");
    let close = |journal: &mut Journal| {
        journal.database = None;
        journal.end_pause();
    };
    close(&mut journal);
    assert!(journal.load(ANN).unwrap().unwrap().is_some(), "it is opened again");
    close(&mut journal);
    std::fs::rename(&file, &kept).unwrap();
    let gone = journal.load(ANN).unwrap_err();
    assert!(matches!(gone, JournalError::Closed(OpenError::Io { .. })) && !file.exists(), "{gone}");
    drop(Journal::open(other.path()).unwrap());
    std::fs::copy(other.path().join(super::JOURNAL_FILE), &file).unwrap();
    close(&mut journal);
    let another = journal.load(ANN).unwrap_err();
    assert!(another.to_string().contains("is not the journal that this server has written: its name is"), "{another}");
    std::fs::write(&file, "").unwrap();
    close(&mut journal);
    let empty = journal.load(ANN).unwrap_err();
    assert!(empty.to_string().contains("it is empty"), "{empty}");
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 0, "it is not made a new one");
    std::fs::rename(&kept, &file).unwrap();
    close(&mut journal);
    assert!(journal.load(ANN).unwrap().unwrap().is_some());
}

#[test]
fn an_older_copy_of_the_journal_is_not_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let (file, older) = (dir.path().join(super::JOURNAL_FILE), dir.path().join("older"));
    let mut journal = Journal::open(dir.path()).unwrap();
    std::fs::copy(&file, &older).unwrap();
    journal.go_on_above(7).unwrap();
    journal.database = None;
    std::fs::rename(&older, &file).unwrap();
    let error = journal.load(ANN).unwrap_err();
    assert!(error.to_string().contains("it ends with transaction 0, and 7 was on disk"), "{error}");
}
