//! What a journal says when it does not do what it was asked for.

use super::open::OpenError;
use super::outage::Fault;
use thiserror::Error;

/// Why records could not be written or read. The disk is at fault.
#[derive(Debug, Error)]
pub enum JournalError {
    /// An operation failed.
    #[error("{what}: {0}", what = failed(Fault::of(.0)))]
    Failed(Box<redb::Error>),
    /// After a failure the journal could not be opened again.
    #[error("{what} and it stays closed: {0}", what = failed(.0.fault()))]
    Closed(OpenError),
    /// It has failed just now, and is left alone for a moment. What was said then.
    #[error("{text}")]
    Resting {
        /// What is wrong.
        fault: Fault,
        /// What was said.
        text: String,
    },
}

const fn failed(fault: Fault) -> &'static str {
    match fault {
        Fault::Full => "the journal's disk is full",
        Fault::Io | Fault::Damaged => "the journal failed",
    }
}

impl JournalError {
    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Failed(error) => Fault::of(error),
            Self::Closed(error) => error.fault(),
            Self::Resting { fault, .. } => *fault,
        }
    }

    /// Whether it is left alone for a moment.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        matches!(self, Self::Resting { .. })
    }

    /// Whether nothing was tried: then nothing of it is on disk, and nobody need look.
    #[must_use]
    pub fn is_untried(&self) -> bool {
        matches!(self, Self::Closed(_) | Self::Resting { .. })
    }
}

impl<E: Into<redb::Error>> From<E> for JournalError {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}
