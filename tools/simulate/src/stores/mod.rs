//! What outlives a server process: the journal's disk, Redis and MariaDB, as models in virtual time, and the persistence
//! thread between them and the realm.

use game::{GroundRecord, TransactionId};
use rudp::time::Now;
use server::{SavedWorld, StoreDone, StoreJob};
use std::sync::Arc;

/// Something that is wrong with a store while it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreFault {
    /// Redis does not answer.
    RedisDown,
    /// Redis answers late.
    RedisSlow,
    /// The MariaDB server that is written to does not answer.
    MariaDbDown,
    /// MariaDB answers late.
    MariaDbSlow,
    /// Each commit of the journal takes long.
    JournalSlow,
    /// The journal's disk is full.
    JournalFull,
    /// The journal cannot be read.
    JournalUnreadable,
    /// The queue to the persistence thread has no room.
    QueueFull,
}

/// What a server process begins with.
#[derive(Debug)]
pub struct Beginning {
    /// Which start this is.
    pub incarnation: u32,
    /// The newest transaction on disk, by its number.
    pub journal_seq: u64,
    /// What lies on the ground.
    pub ground: Arc<[GroundRecord]>,
    /// The world as it was saved last.
    pub world: Option<Arc<SavedWorld>>,
}

/// The stores and the persistence thread.
#[derive(Debug)]
pub struct Stores {
    done: Vec<StoreDone>,
}

impl Stores {
    /// Stores that hold nothing; which there are, and how fast each is, is drawn from the seed.
    #[must_use]
    pub fn new(_seed: u64) -> Self {
        Self { done: Vec::new() }
    }

    /// A server process starts on this disk.
    pub fn begin(&mut self, _now: Now) -> Beginning {
        Beginning { incarnation: 1, journal_seq: 0, ground: Arc::new([]), world: None }
    }

    /// How many jobs the queue to the persistence thread takes now.
    #[must_use]
    pub fn room(&self) -> usize {
        usize::MAX
    }

    /// The realm wants this done; only if there is room.
    pub fn submit(&mut self, _now: Now, _job: StoreJob) {}

    /// Time has come this far: commits end, parcels arrive.
    pub fn advance(&mut self, _now: Now) {}

    /// The next answer for the realm.
    pub fn poll_done(&mut self) -> Option<StoreDone> {
        self.done.pop()
    }

    /// The server process dies: what was not on disk is gone. `is_torn`: the commit that was under way reached the disk in
    /// part, which the next start has to find out.
    pub fn crash(&mut self, _now: Now, _is_torn: bool) {}

    /// Something goes wrong, or is well again.
    pub fn set_fault(&mut self, _fault: StoreFault, _is_on: bool) {}

    /// Whether a transaction is on disk.
    #[must_use]
    pub fn is_committed(&self, _id: TransactionId) -> bool {
        false
    }

    /// Everything that must hold in every tick.
    ///
    /// # Errors
    /// A sentence that says what does not.
    pub fn check(&mut self, _now: Now) -> Result<(), String> {
        Ok(())
    }

    /// Everything that must hold and takes longer to find out: after each start, and at the end.
    ///
    /// # Errors
    /// A sentence that says what does not.
    pub fn audit(&mut self, _now: Now) -> Result<(), String> {
        Ok(())
    }

    /// Whether Redis and MariaDB have all that the journal has.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        true
    }

    /// Stands for all that they hold.
    #[must_use]
    pub fn hash(&self) -> u64 {
        0
    }
}
