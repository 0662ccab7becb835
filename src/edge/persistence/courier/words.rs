//! What the persistence thread and the courier say to each other.
//!
//! The courier asks for its work when it is ready for it, and is asked to look things up; so nothing piles up between them: what
//! waits, waits in the journal.

use crate::edge::persistence::journal::Torn;
use crate::edge::persistence::mariadb::{Kept, Lease};
use game::{Posting, TransactionId};
use protocol::{AccountId, CharacterId};
use server::{Enrolled, LoadError};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Notify, oneshot};

/// One of the two stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Hot state.
    Redis,
    /// The truth.
    MariaDb,
}

/// To the courier.
#[derive(Debug)]
pub enum Word {
    /// Take the lease of a character and find what is known of it.
    Look {
        /// Whom.
        character: CharacterId,
    },
    /// Find an account's characters.
    Roster {
        /// Whose.
        account: AccountId,
    },
    /// Take a name for a character that is about to be made.
    Reserve {
        /// The transaction that makes it.
        id: TransactionId,
        /// The name, folded.
        name: String,
        /// Whose.
        character: CharacterId,
        /// Of whom.
        account: AccountId,
    },
    /// The character was not made after all.
    Unreserve {
        /// The name, folded.
        name: String,
        /// Whose it would have been.
        character: CharacterId,
    },
    /// All that this server knew of these is in MariaDB: others may have them.
    Release(Vec<Lease>),
    /// Find the characters of an account, and which of these others anything is held of: it is to be erased.
    Kin {
        /// Whose.
        account: AccountId,
        /// Whom no roster names.
        also: Vec<CharacterId>,
    },
    /// Take away all that is held of an account, in both stores.
    Erase {
        /// Whose.
        account: AccountId,
        /// Who is gone with it.
        characters: Vec<CharacterId>,
        /// Those of them that were this server's and are not any more: all that it knew of them is in MariaDB.
        leases: Vec<Lease>,
    },
    /// Somebody is in the world, under this lease.
    Entered(Lease),
    /// Somebody is not any more.
    Left(CharacterId),
}

/// What the journal has for MariaDB.
#[derive(Debug, Default)]
pub struct Pulled {
    /// In order.
    pub postings: Vec<Posting>,
    /// The next, if it cannot be read.
    pub torn: Option<Torn>,
    /// Why the journal cannot be read, if it cannot.
    pub away: Option<String>,
}

/// A checkpoint as it lies in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose.
    pub character: CharacterId,
    /// Which.
    pub revision: u64,
    /// Its bytes, which can prove themselves.
    pub bytes: Vec<u8>,
}

/// What was found of a character that is this server's now.
#[derive(Debug, Default)]
pub struct Look {
    /// The epoch of the lease.
    pub epoch: u64,
    /// What MariaDB has.
    pub kept: Option<Kept>,
    /// Revision and record of what Redis has.
    pub hot: Option<(u64, Vec<u8>)>,
}

/// To the persistence thread.
#[derive(Debug)]
pub enum Letter {
    /// MariaDB is ready for the postings after this one.
    Pull {
        /// The newest that it has.
        after: u64,
        /// At most so many.
        max: usize,
        /// Where to.
        reply: oneshot::Sender<Pulled>,
    },
    /// A store is ready for checkpoints.
    PullRecords {
        /// Which.
        store: Store,
        /// At most so many.
        max: usize,
        /// Where to.
        reply: oneshot::Sender<Vec<Record>>,
    },
    /// A store has these revisions.
    Sent {
        /// Which.
        store: Store,
        /// Of whom.
        sent: Vec<(CharacterId, u64)>,
    },
    /// All up to here is where it is to be.
    Drained(u64),
    /// Of [`Word::Look`].
    Looked {
        /// Whom.
        character: CharacterId,
        /// What was found.
        found: Result<Look, LoadError>,
    },
    /// Of [`Word::Roster`]: the number of the roster's last change, and who is in it.
    Rostered {
        /// Whose.
        account: AccountId,
        /// What was found.
        found: Result<(u64, Vec<Enrolled>), LoadError>,
    },
    /// Of [`Word::Reserve`]: whose the name is, if it is another's.
    Reserved {
        /// The transaction.
        id: TransactionId,
        /// The outcome.
        found: Result<Option<CharacterId>, LoadError>,
    },
    /// Of [`Word::Release`]: it is so, or could not be said. A lease that could not be given back is taken again by the next
    /// who comes here, and given back with that one.
    Released,
    /// Of [`Word::Kin`].
    Kin(Result<Vec<CharacterId>, LoadError>),
    /// Of [`Word::Erase`]: how many lines of the ledger were made nameless. After an error some of it may be erased.
    Erased(Result<usize, LoadError>),
    /// This journal was given up as lost: nothing is taken from it, and others may have its characters.
    Disowned,
    /// MariaDB has had this number from this server: a journal that comes from a backup goes on above it.
    Known(u64),
    /// MariaDB gives this journal more starts.
    Incarnations(Vec<u32>),
}

/// What is shared without a queue: how much there is to do.
#[derive(Debug, Default)]
pub struct Bell {
    newest: AtomicU64,
    postings: Notify,
    redis: Notify,
    mariadb: Notify,
}

impl Bell {
    /// The journal has postings up to this one.
    pub fn posted(&self, newest: u64) {
        self.newest.store(newest, Ordering::Release);
        self.postings.notify_one();
    }

    /// There are checkpoints that stores do not have.
    pub fn saved(&self) {
        self.redis.notify_one();
        self.mariadb.notify_one();
    }

    /// The newest posting.
    pub fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    /// Waits until something was posted.
    pub async fn on_posted(&self) {
        self.postings.notified().await;
    }

    /// Waits until something was saved.
    pub async fn on_saved(&self, store: Store) {
        match store {
            Store::Redis => self.redis.notified().await,
            Store::MariaDb => self.mariadb.notified().await,
        }
    }
}
