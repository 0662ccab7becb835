//! The local journal: one redb file that holds the newest checkpoint of every character, who owns what, and what other stores
//! have not been told yet.
//!
//! `commit` returns only after fsync; that is what "saved" means in this server.

mod adoption;
mod aside;
mod checkpoints;
mod copy;
mod erasure;
mod error;
mod estates;
mod file;
#[cfg(test)]
pub mod full_disk;
mod introduction;
mod inventory;
mod leases;
mod open;
mod outage;
mod outbox;
mod outlet;
mod packing;
mod place;
#[cfg(test)]
mod power_cuts;
mod record;
mod restored;
mod sealed;
mod upgrade;
mod world_row;

pub use adoption::Adopted;
pub use aside::SetAside;
pub use copy::{BackedUp, BackupError, Progress, sync};
pub use error::JournalError;
pub use inventory::{Balance, Inventory};
pub use open::{HOLDER_FILE, JOURNAL_FILE, OpenError};
pub use outage::Fault;
pub use outbox::{Fact, Torn};
pub use packing::Packing;
pub use record::{RecordError, decode as decode_record};
pub use restored::Resumed;
pub use world_row::WorldError;

use crate::edge::clock;
use crate::edge::crash::{self, Point};
use game::{Estate, GroundRecord, Listing, Transaction, TransactionId};
use open::Known;
use outage::Outage;
use place::Place;
use protocol::{AccountId, CharacterId};
use redb::{Database, Durability, ReadTransaction, ReadableDatabase, TableDefinition, WriteTransaction};
use server::{CommitError, Enrolled, Saved, SavedWorld};
use std::path::Path;

/// Is there only while it is tried out whether there is room.
const TRIAL: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("trial");
/// Room that there must be before a journal that was full is called well: that of 300 checkpoints, or of 600 transactions.
const TRIAL_BYTES: usize = 256 << 10;

/// A save, as the realm asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Save {
    /// Whose.
    pub character: CharacterId,
    /// Which.
    pub revision: u64,
    /// The record.
    pub bytes: Vec<u8>,
}

/// What is written in one transaction of the database.
#[derive(Clone, Copy, Debug, Default)]
pub struct Group<'a> {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What comes out of other stores. First, because what follows is about it.
    pub adopted: &'a [Adopted],
    /// Transactions of the game, each whole or not at all, and with them the end of the checkpoints of whoever is gone.
    pub deals: &'a [Transaction],
    /// Checkpoints.
    pub saves: &'a [Save],
    /// Checkpoints that MariaDB has.
    pub sent: &'a [(CharacterId, u64)],
    /// Up to here the outbox is where it is to be.
    pub drained: u64,
    /// Characters that are this server's from now on, with the epoch of the lease.
    pub taken: &'a [(CharacterId, u64)],
    /// Characters that are not any more.
    pub given_up: &'a [CharacterId],
}

impl Group<'_> {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.adopted.is_empty()
            && self.deals.is_empty()
            && self.saves.is_empty()
            && self.sent.is_empty()
            && self.taken.is_empty()
            && self.given_up.is_empty()
    }
}

/// What became of a group that is on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Of each transaction of the game its number, or why it was not made.
    pub deals: Vec<Result<u64, CommitError>>,
    /// Of each checkpoint why it was not written, if it was not.
    pub saves: Vec<Option<String>>,
}

/// The journal.
///
/// After an input or output error the database refuses everything until it is opened anew (it cannot know what reached
/// the disk), so it is closed at the first failure. The next call that reads opens it, and what is on disk can be looked up;
/// what would write is refused for a while, longer each time, without being tried, and what is small enough to fit is taken in
/// between. Every few seconds it is tried out whether there is room again; then all goes on by itself.
#[derive(Debug)]
pub struct Journal {
    place: Place,
    database: Option<Database>,
    /// What must be in the file when it is opened again.
    known: Known,
    outage: Option<Outage>,
    /// Whether there is MariaDB to tell.
    is_attached: bool,
    /// Kept for its memory.
    record: Vec<u8>,
    packing: Packing,
}

impl Journal {
    /// Opens the journal in `data_dir`, or makes it.
    ///
    /// # Errors
    /// [`OpenError`], in one sentence.
    pub fn open(data_dir: &Path) -> Result<Self, OpenError> {
        let database = open::open(data_dir)?;
        Ok(Self::over(Place::File(data_dir.to_owned()), database))
    }

    /// Opens this file, which is there and which nobody uses, to look after it: makes nothing and upgrades nothing.
    ///
    /// # Errors
    /// [`OpenError`], in one sentence.
    pub fn open_existing(path: &Path) -> Result<Self, OpenError> {
        let database = open::open_existing(path)?;
        Ok(Self::over(Place::File(path.parent().unwrap_or(Path::new("")).to_owned()), database))
    }

    fn over(place: Place, database: Database) -> Self {
        // One that cannot be read says so to whoever reads next.
        let known = open::known(&database).unwrap_or_default();
        Self {
            place,
            database: Some(database),
            known,
            outage: None,
            is_attached: false,
            record: Vec::new(),
            packing: Packing::default(),
        }
    }

    /// Everything that it holds.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn inventory(&mut self) -> Result<Inventory, JournalError> {
        self.read(inventory::take)
    }

    /// Makes it fit to go on after what came after it was lost: a backup becomes the journal of a server again.
    ///
    /// # Errors
    /// Nothing of it is on disk.
    pub fn resume(&mut self) -> Result<Resumed, JournalError> {
        self.write(restored::resume)
    }

    /// What is wrong with it, and since when on the monotonic clock; none if it takes everything.
    #[must_use]
    pub fn trouble(&self) -> Option<(Fault, u64)> {
        self.outage.as_ref().map(|outage| (outage.fault, outage.since_ns))
    }

    /// What was said when it failed; none if it takes everything.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        self.outage.as_ref().map(|outage| outage.resting().to_string())
    }

    /// Whether it has failed, and it is time to see whether it still does.
    #[must_use]
    pub fn is_trial_due(&self) -> bool {
        self.outage.as_ref().is_some_and(|outage| outage.is_trial_due(clock::mono_ns()))
    }

    /// What LZ4 has done for it since the start.
    #[must_use]
    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// Writes what changes nothing, to see whether all can be written again: it takes room, and gives it back.
    ///
    /// # Errors
    /// It cannot.
    pub fn try_out(&mut self) -> Result<(), JournalError> {
        let tried = self.write(|write| {
            write.open_table(TRIAL)?.insert(0, vec![0; TRIAL_BYTES].as_slice())?;
            write.delete_table(TRIAL)?;
            Ok(())
        });
        let now_ns = clock::mono_ns();
        match (&tried, self.outage.take()) {
            (Ok(()), Some(outage)) => {
                let s = now_ns.saturating_sub(outage.since_ns) as f64 / 1e9;
                tracing::info!(kind = outage.fault.label(), s, "the journal takes everything again");
            }
            (Ok(()), None) => {}
            (Err(_), mut outage) => {
                outage.iter_mut().for_each(|outage| outage.on_trial_failed(now_ns));
                self.outage = outage;
            }
        }
        tried
    }

    fn database(&mut self) -> Result<&Database, JournalError> {
        if self.database.is_none() {
            let now_ns = clock::mono_ns();
            if let Some(outage) = self.outage.as_ref().filter(|outage| !outage.is_open_due(now_ns)) {
                return Err(outage.resting());
            }
            let opened = self.place.open_again(&self.known).map_err(JournalError::Closed);
            self.database = Some(opened.inspect_err(|error| {
                let (fault, text) = (error.fault(), error.to_string());
                let outage = self.outage.get_or_insert_with(|| Outage::new(fault, text.clone(), now_ns));
                outage.on_unopened(fault, text, now_ns);
            })?);
        }
        Ok(self.database.as_ref().expect("opened above if it was closed"))
    }

    /// Closes it: an operation has failed.
    fn on_failed(&mut self, error: &JournalError) {
        self.database = None;
        let (fault, text, now_ns) = (error.fault(), error.to_string(), clock::mono_ns());
        match &mut self.outage {
            Some(outage) => outage.on_failed(fault, text, now_ns),
            None => self.outage = Some(Outage::new(fault, text, now_ns)),
        }
    }

    /// Reads; after a failure the journal is closed.
    fn read<T>(&mut self, look: impl FnOnce(&ReadTransaction) -> Result<T, JournalError>) -> Result<T, JournalError> {
        let database = self.database()?;
        let found = open::guarded(|| look(&database.begin_read()?));
        found.inspect_err(|error| self.on_failed(error))
    }

    /// Writes and waits until it is on disk; after a failure nothing of it is, or it cannot be known, and the journal is closed.
    fn write<T>(
        &mut self,
        change: impl FnOnce(&WriteTransaction) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        if let Some(outage) = self.outage.as_ref().filter(|outage| !outage.is_write_due(clock::mono_ns())) {
            return Err(outage.resting());
        }
        let database = self.database()?;
        let written = open::guarded(|| {
            let mut write = database.begin_write()?;
            write.set_durability(Durability::Immediate)?;
            let value = change(&write)?;
            let seq = outbox::fact_now(&write, Fact::Seq)?;
            crash::at(Point::BeforeFsync);
            write.commit()?;
            crash::at(Point::AfterFsync);
            Ok((value, seq))
        });
        let (value, seq) = written.inspect_err(|error| self.on_failed(error))?;
        self.known.seq = seq;
        self.outage.iter_mut().for_each(|outage| outage.on_written(clock::mono_ns()));
        Ok(value)
    }

    /// Writes all of `group` in one transaction and waits until it is on disk.
    ///
    /// # Errors
    /// Nothing of all this is on disk, or it cannot be known: [`Self::find`] says what is, when the journal can be read again.
    pub fn commit(&mut self, group: &Group<'_>) -> Result<Verdict, JournalError> {
        let (mut bytes, mut packing) = (std::mem::take(&mut self.record), self.packing);
        let is_attached = self.is_attached;
        let verdict = self.write(|write| {
            crash::at(Point::BeforeJournal);
            for adopted in group.adopted {
                adoption::adopt(write, adopted, &mut packing)?;
            }
            let mut deals = Vec::with_capacity(group.deals.len());
            for deal in group.deals {
                deals.push(match is_attached && outbox::waiting_now(write)? >= outbox::WAITING_MAX {
                    true => Err(CommitError::Disk(outbox::full())),
                    false => estates::apply(write, deal, group.at_ms, is_attached)?,
                });
            }
            let saves = checkpoints::save(write, group.saves, &mut bytes, &mut packing)?;
            checkpoints::mark_sent(write, group.sent)?;
            outbox::trim(write, group.drained)?;
            leases::take(write, group.taken)?;
            leases::give_up(write, group.given_up)?;
            if !deals.is_empty() {
                outbox::forget_old(write, is_attached)?;
            }
            crash::at(Point::AfterJournal);
            Ok(Verdict { deals, saves })
        });
        (self.record, self.packing) = (bytes, packing);
        verdict
    }

    /// The number of a transaction of the game that is on disk: after a failure nobody knows until it is looked up.
    ///
    /// # Errors
    /// The journal cannot be read either.
    pub fn find(&mut self, id: TransactionId) -> Result<Option<u64>, JournalError> {
        self.read(|read| outbox::is_applied(read, id))
    }

    /// Which start of a server this is, counting it: 1 for the first with this journal.
    ///
    /// # Errors
    /// It was not counted.
    pub fn count_start(&mut self) -> Result<u32, JournalError> {
        self.write(estates::count_start)
    }
}

impl Journal {
    /// The newest checkpoint of a character, if there is one.
    ///
    /// # Errors
    /// The outer error is the journal's, the inner one this record's alone.
    pub fn load(&mut self, character: CharacterId) -> Result<Result<Option<Saved>, RecordError>, JournalError> {
        self.read(|read| checkpoints::load(read, character))
    }

    /// What lies on the ground. A row that cannot be read is left there for whoever repairs it, and logged.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn ground(&mut self) -> Result<Vec<GroundRecord>, JournalError> {
        self.read(estates::ground)
    }

    /// The world as it was saved last, if it was.
    ///
    /// # Errors
    /// The outer error is the journal's, the inner one the saved world's alone.
    pub fn world(&mut self) -> Result<Result<Option<SavedWorld>, WorldError>, JournalError> {
        self.read(world_row::load)
    }

    /// Saves an image of the world that has come to transaction `upto`.
    ///
    /// # Errors
    /// It is not on disk; the one before still is, if the journal can be read again.
    pub fn save_world(&mut self, upto: u64, image: &[u8]) -> Result<(), JournalError> {
        let mut packing = self.packing;
        let saved = self.write(|write| world_row::save(write, upto, image, &mut packing));
        self.packing = packing;
        saved
    }

    /// What a character owns, if it owns anything.
    ///
    /// # Errors
    /// The outer error is the journal's, the inner one this character's alone.
    pub fn estate(&mut self, character: CharacterId) -> Result<Result<Option<Estate>, String>, JournalError> {
        self.read(|read| estates::estate(read, character))
    }

    /// The characters of an account as its own row has them, without what they own.
    ///
    /// # Errors
    /// The outer error is the journal's, the inner one this row's alone.
    pub fn roster_row(&mut self, account: AccountId) -> Result<Result<Vec<Listing>, String>, JournalError> {
        self.read(|read| estates::listings(read, account))
    }

    /// The characters of an account, in the order of their making.
    ///
    /// # Errors
    /// The outer error is the journal's, the inner one this account's alone.
    pub fn roster(&mut self, account: AccountId) -> Result<Result<Vec<Enrolled>, String>, JournalError> {
        self.read(|read| estates::roster(read, account))
    }
}

#[cfg(test)]
impl Journal {
    /// The journal on a disk of a test's own.
    pub fn on(disk: impl redb::StorageBackend + Clone) -> Result<Self, JournalError> {
        let database = open::open_on(disk.clone())?;
        open::prepare(&database)?;
        Ok(Self::over(Place::Disk(Box::new(move || open::open_on(disk.clone()))), database))
    }

    /// The next call tries what a pause would have it wait for.
    pub fn end_pause(&mut self) {
        self.outage.iter_mut().for_each(Outage::end_pause);
    }

    /// A transaction of the database, for tests that do what a server would not.
    pub fn begin_write(&mut self) -> WriteTransaction {
        self.database().unwrap().begin_write().unwrap()
    }
}

#[cfg(test)]
mod tests;
