//! The local journal: one redb file that holds the newest checkpoint of every character, who owns what, and what other stores
//! have not been told yet.
//!
//! `commit` returns only after fsync; that is what "saved" means in this server.

mod adoption;
mod checkpoints;
mod copy;
mod erasure;
mod estates;
mod introduction;
mod inventory;
mod leases;
mod open;
mod outbox;
#[cfg(test)]
mod power_cuts;
mod record;
mod restored;
mod sealed;
mod upgrade;
mod world_row;

pub use adoption::Adopted;
pub use copy::{BackedUp, BackupError, sync};
pub use inventory::{Balance, Inventory};
pub use open::{HOLDER_FILE, JOURNAL_FILE, OpenError};
pub use outbox::Fact;
pub use record::{RecordError, decode as decode_record};
pub use restored::Resumed;
pub use world_row::WorldError;

use crate::edge::crash::{self, Point};
use game::{Estate, GroundRecord, Listing, Posting, Transaction, TransactionId};
use protocol::{AccountId, CharacterId};
use redb::{Database, Durability, ReadTransaction, ReadableDatabase, WriteTransaction};
use server::{CommitError, Enrolled, Saved, SavedWorld};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why records could not be written or read. The disk is at fault.
#[derive(Debug, Error)]
pub enum JournalError {
    /// An operation failed.
    #[error("the journal failed: {0}")]
    Failed(Box<redb::Error>),
    /// After a failure the journal could not be opened again.
    #[error("the journal failed and stays closed: {0}")]
    Closed(OpenError),
}

impl<E: Into<redb::Error>> From<E> for JournalError {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}

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
/// the disk), so it is closed at the first failure and opened by the next call: a disk that was full for a moment costs
/// the saves of that moment, which their owner tries again, and no more.
#[derive(Debug)]
pub struct Journal {
    data_dir: PathBuf,
    database: Option<Database>,
    /// Whether there is MariaDB to tell.
    is_attached: bool,
    record: Vec<u8>,
}

impl Journal {
    /// Opens the journal in `data_dir`, or makes it.
    ///
    /// # Errors
    /// [`OpenError`], in one sentence.
    pub fn open(data_dir: &Path) -> Result<Self, OpenError> {
        let database = Some(open::open(data_dir)?);
        Ok(Self { data_dir: data_dir.to_owned(), database, is_attached: false, record: Vec::new() })
    }

    /// Opens this file, which is there and which nobody uses, to look after it: makes nothing and upgrades nothing.
    ///
    /// # Errors
    /// [`OpenError`], in one sentence.
    pub fn open_existing(path: &Path) -> Result<Self, OpenError> {
        let database = Some(open::open_existing(path)?);
        let data_dir = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { data_dir, database, is_attached: false, record: Vec::new() })
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

    fn database(&mut self) -> Result<&Database, JournalError> {
        if self.database.is_none() {
            self.database = Some(open::open(&self.data_dir).map_err(JournalError::Closed)?);
        }
        Ok(self.database.as_ref().expect("opened above if it was closed"))
    }

    /// Reads; after a failure the journal is closed.
    fn read<T>(&mut self, look: impl FnOnce(&ReadTransaction) -> Result<T, JournalError>) -> Result<T, JournalError> {
        let database = self.database()?;
        open::guarded(|| look(&database.begin_read()?)).inspect_err(|_| self.database = None)
    }

    /// Writes and waits until it is on disk; after a failure nothing of it is, or it cannot be known, and the journal is closed.
    fn write<T>(
        &mut self,
        change: impl FnOnce(&WriteTransaction) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let database = self.database()?;
        let written = open::guarded(|| {
            let mut write = database.begin_write()?;
            write.set_durability(Durability::Immediate)?;
            let value = change(&write)?;
            crash::at(Point::BeforeFsync);
            write.commit()?;
            crash::at(Point::AfterFsync);
            Ok(value)
        });
        written.inspect_err(|_| self.database = None)
    }

    /// Writes all of `group` in one transaction and waits until it is on disk.
    ///
    /// # Errors
    /// Nothing of all this is on disk, or it cannot be known: [`Self::find`] says what is, when the journal can be read again.
    pub fn commit(&mut self, group: &Group<'_>) -> Result<Verdict, JournalError> {
        let (mut bytes, is_attached) = (std::mem::take(&mut self.record), self.is_attached);
        self.write(|write| {
            crash::at(Point::BeforeJournal);
            for adopted in group.adopted {
                adoption::adopt(write, adopted)?;
            }
            let mut deals = Vec::with_capacity(group.deals.len());
            for deal in group.deals {
                deals.push(match is_attached && outbox::waiting_now(write)? >= outbox::WAITING_MAX {
                    true => Err(CommitError::Disk(outbox::full())),
                    false => estates::apply(write, deal, group.at_ms, is_attached)?,
                });
            }
            let saves = checkpoints::save(write, group.saves, &mut bytes)?;
            checkpoints::mark_sent(write, group.sent)?;
            outbox::trim(write, group.drained)?;
            leases::take(write, group.taken)?;
            leases::give_up(write, group.given_up)?;
            if !deals.is_empty() {
                outbox::forget_old(write, is_attached)?;
            }
            crash::at(Point::AfterJournal);
            Ok(Verdict { deals, saves })
        })
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
        self.write(|write| world_row::save(write, upto, image))
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

/// The outbox, for whoever carries it to MariaDB.
impl Journal {
    /// From now on other stores are told of every transaction; what was here before goes into the outbox first, once. How much
    /// that was.
    ///
    /// # Errors
    /// The outer error is the journal's; the inner one names the row that cannot be read, and nothing was changed.
    pub fn attach(&mut self, at_ms: u64) -> Result<Result<u64, String>, JournalError> {
        let journal_id = self.id()?;
        let introduced = if self.fact(Fact::Introduced)? == 0 {
            self.write(|write| {
                let introduced = introduction::introduce(write, journal_id, at_ms)?;
                if introduced.is_ok() {
                    outbox::set_fact(write, Fact::Introduced, 1)?;
                }
                Ok(introduced)
            })?
        } else {
            Ok(0)
        };
        self.is_attached = introduced.is_ok();
        Ok(introduced)
    }

    /// The postings after `seq`, in order, at most so many; and why the next cannot be read, if it cannot.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn postings(&mut self, after: u64, max: usize) -> Result<(Vec<Posting>, Option<String>), JournalError> {
        self.read(|read| outbox::after(read, after, max))
    }

    /// Postings that MariaDB has not had, or not both of a pair.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn waiting(&mut self) -> Result<u64, JournalError> {
        self.read(outbox::waiting)
    }

    /// The checkpoints that MariaDB does not have, with their revisions.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn unsent(&mut self) -> Result<BTreeMap<CharacterId, u64>, JournalError> {
        self.read(checkpoints::unsent)
    }

    /// Revision and record of a character's checkpoint, as it lies here; none if there is none that can be used.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn record_of(&mut self, character: CharacterId) -> Result<Option<(u64, Vec<u8>)>, JournalError> {
        self.read(|read| checkpoints::record_of(read, character))
    }

    /// The characters that are this server's, with the epochs of their leases.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn leases(&mut self) -> Result<BTreeMap<CharacterId, u64>, JournalError> {
        self.read(leases::all)
    }

    /// The number of a character's last transaction; 0 if none is known.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn revision(&mut self, character: CharacterId) -> Result<u64, JournalError> {
        self.read(|read| outbox::revision(read, character))
    }

    /// The same of an account's roster.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn account_revision(&mut self, account: AccountId) -> Result<u64, JournalError> {
        self.read(|read| outbox::account_revision(read, account))
    }

    /// The number of the newest transaction.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn newest(&mut self) -> Result<u64, JournalError> {
        self.fact(Fact::Seq)
    }

    /// Up to here all is where it is to be.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn drained(&mut self) -> Result<u64, JournalError> {
        self.fact(Fact::Drained)
    }

    /// The next transaction has a number above this one.
    ///
    /// # Errors
    /// It is not on disk.
    pub fn go_on_above(&mut self, seq: u64) -> Result<(), JournalError> {
        if self.newest()? >= seq {
            return Ok(());
        }
        self.write(|write| outbox::raise_seq(write, seq))
    }

    /// Puts starts by, for when MariaDB cannot be asked.
    ///
    /// # Errors
    /// They are lost, which is no harm: there are many.
    pub fn store_incarnations(&mut self, incarnations: &[u32]) -> Result<(), JournalError> {
        self.write(|write| outbox::store_incarnations(write, incarnations))
    }

    /// The journal's name, which no other has.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn id(&mut self) -> Result<u128, JournalError> {
        Ok(u128::from(self.fact(Fact::JournalHigh)?) << 64 | u128::from(self.fact(Fact::JournalLow)?))
    }

    /// Something that the journal knows of itself.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn fact(&mut self, fact: Fact) -> Result<u64, JournalError> {
        self.read(|read| outbox::fact(read, fact))
    }

    /// Sets that.
    #[cfg(test)]
    pub fn set_fact(&mut self, fact: Fact, value: u64) -> Result<(), JournalError> {
        self.write(|write| outbox::set_fact(write, fact, value))
    }

    /// Takes one of the starts that MariaDB has given; `more` are put by first.
    ///
    /// # Errors
    /// None was taken.
    pub fn take_incarnation(&mut self, more: &[u32]) -> Result<Option<u32>, JournalError> {
        self.write(|write| {
            outbox::store_incarnations(write, more)?;
            outbox::take_incarnation(write)
        })
    }

    /// Starts that are put by.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn incarnations(&mut self) -> Result<u64, JournalError> {
        self.read(outbox::incarnations)
    }
}

#[cfg(test)]
impl Journal {
    /// The journal on a disk of a test's own.
    pub fn on(disk: impl redb::StorageBackend) -> Result<Self, JournalError> {
        let database = open::open_on(disk)?;
        Ok(Self { data_dir: PathBuf::new(), database: Some(database), is_attached: false, record: Vec::new() })
    }

    /// A transaction of the database, for tests that do what a server would not.
    pub fn begin_write(&mut self) -> WriteTransaction {
        self.database().unwrap().begin_write().unwrap()
    }
}

#[cfg(test)]
mod tests;
