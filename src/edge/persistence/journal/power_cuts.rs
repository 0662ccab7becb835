//! A thousand power cuts: what was told as saved is there, what was not is there whole or not at all.
//!
//! The journal writes on a disk that keeps nothing until it is told to: at a cut each write since the last sync is kept,
//! dropped, or torn at the borders of its sectors, each on its own, so in any order. Nothing here is of the real file system;
//! that the real one syncs when it is asked is its own promise.

use super::{Group, Journal, Save};
use game::{Books, Entry, Estate, GroundRecord, Heap, Holder, ItemRecord, Transaction, TransactionId, Way};
use protocol::{CharacterId, ClassId, ItemId, ItemKind};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redb::StorageBackend;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;
/// Power cuts of the test.
const CUTS: u32 = 1_000;
/// Cuts that one disk goes through before another one begins empty.
const CUTS_PER_DISK: u32 = 20;
/// Commits between two cuts, at most.
const COMMITS_MAX: u32 = 6;

/// What was asked of the disk and may not have reached it.
#[derive(Debug)]
enum Pending {
    Write { offset: usize, data: Vec<u8> },
    Length(usize),
}

#[derive(Debug, Default)]
struct Platter {
    /// As whoever has not lost power reads it.
    seen: Vec<u8>,
    /// As it is after a power cut that drops everything.
    kept: Vec<u8>,
    pending: Vec<Pending>,
    /// Operations until the power goes out; none while it stays.
    fuse: Option<u32>,
    /// Syncs since it was made.
    syncs: u64,
    /// Of so many syncs the one with this place is a lie.
    lie: Option<(u64, u64)>,
}

/// A disk in memory, to be looked at from outside.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

impl Platter {
    fn burn(&mut self) -> io::Result<()> {
        match &mut self.fuse {
            Some(0) => Err(io::Error::other("the power is out")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What is left when the power comes back.
    fn cut(&mut self, rng: &mut StdRng) {
        // Sometimes the disk was fast enough for all that it was told.
        let is_lucky = rng.random_ratio(1, 2);
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                _ if !is_lucky && rng.random_ratio(1, 3) => {}
                Pending::Length(len) => self.kept.resize(len, 0),
                Pending::Write { offset, data } => {
                    let is_torn = !is_lucky && rng.random_ratio(1, 3);
                    for (at, sector) in sectors(offset, &data) {
                        if !is_torn || rng.random_bool(0.5) {
                            put(&mut self.kept, at, sector);
                        }
                    }
                }
            }
        }
        self.seen.clone_from(&self.kept);
        self.fuse = None;
    }
}

/// Cut where sectors end.
fn sectors(offset: usize, data: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let end = ((offset + at) / SECTOR_BYTES + 1) * SECTOR_BYTES - offset;
        let sector = (offset + at, data.get(at..end.min(data.len())).filter(|sector| !sector.is_empty())?);
        at = end;
        Some(sector)
    })
}

pub(super) fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    if bytes.len() < offset + data.len() {
        bytes.resize(offset + data.len(), 0);
    }
    bytes[offset..offset + data.len()].copy_from_slice(data);
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.0.lock().unwrap();
        let from = offset as usize;
        let found = platter.seen.get(from..from + out.len());
        out.copy_from_slice(found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        platter.burn()?;
        platter.seen.resize(len as usize, 0);
        platter.pending.push(Pending::Length(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        platter.burn()?;
        platter.syncs += 1;
        let number = platter.syncs;
        if platter.lie.is_some_and(|(of, place)| number % of == place) {
            return Ok(());
        }
        let platter = &mut *platter;
        for pending in platter.pending.drain(..) {
            match pending {
                Pending::Length(len) => platter.kept.resize(len, 0),
                Pending::Write { offset, data } => put(&mut platter.kept, offset, &data),
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        platter.burn()?;
        put(&mut platter.seen, offset as usize, data);
        platter.pending.push(Pending::Write { offset: offset as usize, data: data.to_vec() });
        Ok(())
    }
}

/// What the journal must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Truth {
    books: Books,
    checkpoints: BTreeMap<CharacterId, (u64, Vec<u8>)>,
    deals: u128,
}

/// Characters, and kinds of items, that there are.
const PEOPLE: u64 = 12;
const KINDS: u16 = 3;

impl Truth {
    /// Saves and transactions of one commit, most of which fit what there is.
    pub(super) fn group(&mut self, rng: &mut StdRng) -> (Vec<Save>, Vec<Transaction>) {
        let deals: Vec<_> = (0..rng.random_range(0..4)).map(|_| self.deal(rng)).collect();
        for deal in &deals {
            // What the books refuse the journal refuses, too.
            let _ = self.books.apply(deal);
        }
        let mut saves = Vec::new();
        for _ in 0..rng.random_range(0..4) {
            let character = someone(rng);
            let revision = self.checkpoints.get(&character).map_or(0, |(revision, _)| *revision) + 1;
            let bytes: Vec<u8> = (0..rng.random_range(1..900)).map(|_| rng.random()).collect();
            self.checkpoints.insert(character, (revision, bytes.clone()));
            saves.push(Save { character, revision, bytes });
        }
        (saves, deals)
    }

    fn deal(&mut self, rng: &mut StdRng) -> Transaction {
        self.deals += 1;
        let (id, way, a, b) = (TransactionId(self.deals), Way::Operator, someone(rng), someone(rng));
        let kind = ItemKind(rng.random_range(1..=KINDS));
        let items = self.books.estates.get(&a).map_or(&[][..], |estate| &estate.items);
        let entries = match (rng.random_range(0..6), items) {
            (0, _) => vec![Entry::Born { character: a, class: ClassId(1), team: 0 }],
            (1, _) => {
                let item = ItemId(self.deals as u64);
                let made = ItemRecord { item, kind, count: 5, durability: 1, holder: with(a, rng) };
                vec![Entry::Item { before: None, after: Some(made) }, Entry::Made { kind, count: 5, way }]
            }
            (2, _) => {
                let coins = rng.random_range(1..50);
                vec![Entry::Coins { character: a, change: coins, way }, Entry::Minted { coins, way }]
            }
            (3, [row, ..]) => {
                let (item, kind, count, durability) = (row.item, row.kind, row.count, row.durability);
                let holder = Holder::Character { character: a, slot: row.slot };
                let record = ItemRecord { item, kind, count, durability, holder };
                let to = if rng.random_bool(0.3) { Holder::Ground { x: 1, y: 2, z: 3 } } else { with(b, rng) };
                vec![Entry::Item { before: Some(record), after: Some(ItemRecord { holder: to, ..record }) }]
            }
            (4, _) => vec![Entry::Experience { character: a, gained: 7 }],
            _ => vec![
                Entry::Coins { character: a, change: -3, way },
                Entry::GroundCoins { item: ItemId(self.deals as u64), change: 3, place: (1, 2, 3) },
            ],
        };
        Transaction { id, entries }
    }

    /// Whether the journal holds exactly this.
    pub(super) fn is_in(&self, journal: &mut Journal) -> bool {
        let people = (1..=PEOPLE).map(CharacterId);
        people.into_iter().all(|character| {
            let saved = journal.load(character).unwrap().unwrap().map(|saved| (saved.revision, saved.bytes));
            let estate: Option<Estate> = journal.estate(character).unwrap().unwrap();
            saved.as_ref() == self.checkpoints.get(&character) && estate.as_ref() == self.books.estates.get(&character)
        }) && self.ground() == journal.ground().unwrap()
    }

    fn ground(&self) -> Vec<GroundRecord> {
        let heap_of =
            |(&heap, &Heap { coins, place }): (&ItemId, &Heap)| (heap, GroundRecord::Coins { heap, coins, place });
        let items = self.books.ground.iter().map(|(item, record)| (*item, GroundRecord::Item(*record)));
        let mut ground: Vec<_> = items.chain(self.books.heaps.iter().map(heap_of)).collect();
        ground.sort_unstable_by_key(|(item, _)| *item);
        ground.into_iter().map(|(_, record)| record).collect()
    }
}

fn someone(rng: &mut StdRng) -> CharacterId {
    CharacterId(rng.random_range(1..=PEOPLE))
}

fn with(character: CharacterId, rng: &mut StdRng) -> Holder {
    Holder::Character { character, slot: rng.random_range(0..200) }
}

/// Works until the power goes out; what was told as saved, and what that and the commit under way make.
fn work(journal: &mut Journal, disk: &Disk, mut told: Truth, rng: &mut StdRng) -> (Truth, Truth) {
    for _ in 0..rng.random_range(1..=COMMITS_MAX) {
        let mut next = told.clone();
        let (saves, deals) = next.group(rng);
        if rng.random_ratio(1, 4) {
            disk.0.lock().unwrap().fuse = Some(rng.random_range(0..40));
        }
        match journal.commit(&Group { saves: &saves, deals: &deals, ..Group::default() }) {
            Ok(verdict) => assert!(verdict.saves.iter().all(Option::is_none), "{:?}", verdict.saves),
            Err(_) => return (told, next),
        }
        told = next;
    }
    (told.clone(), told)
}

/// What came of cuts.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// The promise was broken, or the journal could not be opened.
    broken: u32,
    /// A commit was under way, and all of it is there.
    survived: u32,
    /// A commit was under way, and nothing of it is there.
    undone: u32,
}

/// Goes through so many cuts. `lie`: of so many syncs, the one with this place is not done.
fn cut_often(seed: u64, cuts: u32, lie: Option<(u64, u64)>) -> Tally {
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut disk, mut truth, mut tally) = (Disk::default(), Truth::default(), Tally::default());
    for number in 0..cuts {
        if number % CUTS_PER_DISK == 0 {
            (disk, truth) = (Disk::default(), Truth::default());
        }
        let found = Journal::on(disk.clone()).ok().and_then(|mut journal| {
            disk.0.lock().unwrap().lie = lie;
            let (told, next) = work(&mut journal, &disk, truth, &mut rng);
            lose_power(&disk, journal, &mut rng);
            look(&disk, &told, &next, &mut tally, &mut rng)
        });
        tally.broken += u32::from(found.is_none());
        if found.is_none() {
            disk = Disk::default();
        }
        truth = found.unwrap_or_default();
    }
    tally
}

fn lose_power(disk: &Disk, journal: Journal, rng: &mut StdRng) {
    disk.0.lock().unwrap().fuse = Some(0);
    drop(journal);
    let mut platter = disk.0.lock().unwrap();
    platter.lie = None;
    platter.cut(rng);
}

/// Which of both the journal holds, if any. While it is looked at the power goes out again, so that the next one, too, has
/// to mend what it finds.
fn look(disk: &Disk, told: &Truth, next: &Truth, tally: &mut Tally, rng: &mut StdRng) -> Option<Truth> {
    let mut journal = Journal::on(disk.clone()).ok()?;
    let (is_told, is_next) = (told.is_in(&mut journal), next.is_in(&mut journal));
    tally.survived += u32::from(is_next && !is_told);
    tally.undone += u32::from(is_told && !is_next);
    lose_power(disk, journal, rng);
    if is_told { Some(told.clone()) } else { is_next.then(|| next.clone()) }
}

#[test]
fn after_every_power_cut_what_was_told_as_saved_is_there_and_all_else_whole_or_not_at_all() {
    let tally = cut_often(1, CUTS, None);
    assert_eq!(tally.broken, 0);
    assert!(tally.survived >= 10 && tally.undone >= 100, "commits were under way: {tally:?}");
}

/// The test above would notice.
#[test]
fn a_disk_that_lies_about_one_sync_breaks_the_promise() {
    for (of, place) in [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)] {
        assert!(cut_often(2, 100, Some((of, place))).broken > 0, "sync {place} of each {of}");
    }
}
