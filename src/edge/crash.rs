//! Named points at which a server that was built to can be made to die, as if somebody had pulled the plug there.
//!
//! Only builds with the feature `faults` can; in all others [`at`] is nothing.

/// Where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Before the first row of a group is written into the journal.
    BeforeJournal,
    /// All rows are written, and nothing is on disk.
    AfterJournal,
    /// The database is about to be told to bring the group to disk.
    BeforeFsync,
    /// It is on disk, and nobody knows.
    AfterFsync,
    /// The answers are about to be given.
    BeforeAck,
    /// They are given.
    AfterAck,
    /// Before checkpoints go to Redis.
    BeforeRedis,
    /// Redis has them.
    AfterRedis,
    /// A parcel is about to go to MariaDB.
    BeforeSql,
    /// MariaDB has committed it, and the journal does not know.
    AfterSql,
    /// The journal is about to be told that the outbox is drained up to somewhere.
    BeforeWatermark,
    /// It knows.
    AfterWatermark,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::BeforeJournal,
        Self::AfterJournal,
        Self::BeforeFsync,
        Self::AfterFsync,
        Self::BeforeAck,
        Self::AfterAck,
        Self::BeforeRedis,
        Self::AfterRedis,
        Self::BeforeSql,
        Self::AfterSql,
        Self::BeforeWatermark,
        Self::AfterWatermark,
    ];

    /// As the command line calls it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BeforeJournal => "before-journal",
            Self::AfterJournal => "after-journal",
            Self::BeforeFsync => "before-fsync",
            Self::AfterFsync => "after-fsync",
            Self::BeforeAck => "before-ack",
            Self::AfterAck => "after-ack",
            Self::BeforeRedis => "before-redis",
            Self::AfterRedis => "after-redis",
            Self::BeforeSql => "before-sql",
            Self::AfterSql => "after-sql",
            Self::BeforeWatermark => "before-watermark",
            Self::AfterWatermark => "after-watermark",
        }
    }
}

#[cfg(not(feature = "faults"))]
/// The process has come to a point.
pub const fn at(_point: Point) {}

#[cfg(feature = "faults")]
pub use armed::{arm, at};

#[cfg(feature = "faults")]
mod armed {
    use super::Point;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// The point, and how often it is passed before the process dies; 0 while it is not to.
    static POINT: AtomicU32 = AtomicU32::new(u32::MAX);
    static PASSES: AtomicU32 = AtomicU32::new(0);

    /// The process is to die when it comes to `point` for this time.
    pub fn arm(point: Point, nth: u32) {
        PASSES.store(nth, Ordering::SeqCst);
        POINT.store(point as u32, Ordering::SeqCst);
    }

    /// The process has come to a point.
    pub fn at(point: Point) {
        if POINT.load(Ordering::Relaxed) == point as u32 && PASSES.fetch_sub(1, Ordering::SeqCst) == 1 {
            // As with SIGKILL nothing is finished, told or flushed.
            std::process::abort();
        }
    }
}
