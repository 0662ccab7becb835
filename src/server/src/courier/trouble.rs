//! What can be wrong with a store.

use thiserror::Error;

/// What kind of trouble a store makes: it decides what is done, and it is the label of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// It cannot be reached, or hung up.
    Down,
    /// It did not answer in time.
    Slow,
    /// It does not know us, or does not let us do what we must.
    Credentials,
    /// It has no room: disk or memory.
    Full,
    /// Others were in the way for longer than it was worth trying: dead-locks, locks not granted, certification (Galera).
    Conflict,
    /// It is a replica, or closed for writing.
    ReadOnly,
    /// It is starting, stopping, or loading its data.
    Starting,
    /// Its tables are of a newer build, or are not ours.
    Schema,
    /// It answered what this code does not understand: one of the two is at fault.
    Broken,
}

impl Trouble {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Down,
        Self::Slow,
        Self::Credentials,
        Self::Full,
        Self::Conflict,
        Self::ReadOnly,
        Self::Starting,
        Self::Schema,
        Self::Broken,
    ];

    /// As metrics call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Slow => "slow",
            Self::Credentials => "credentials",
            Self::Full => "full",
            Self::Conflict => "conflict",
            Self::ReadOnly => "read_only",
            Self::Starting => "starting",
            Self::Schema => "schema",
            Self::Broken => "broken",
        }
    }
}

/// A store did not do what it was asked for. Nothing of that happened, or it cannot be known; asking again does no harm.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct StoreError {
    /// What kind.
    pub trouble: Trouble,
    /// One sentence that names the store and says what it said; never a password.
    pub text: String,
}
