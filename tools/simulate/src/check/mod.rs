//! What must hold, whatever goes wrong: one file for each, and the count of how often each was looked at.

mod agreement;
mod deals;
mod nonces;
mod own;
mod replies;
mod sessions;
mod told;
mod truth;

pub use agreement::judge_agreement;
pub use deals::Deals;
pub use nonces::{Nonces, Sender};
pub use own::{Estates, judge_bags, judge_estate, judge_ground, judge_sheet};
pub use replies::Replies;
pub use sessions::{Seat, Sessions};
pub use told::Told;
pub use truth::Truth;

use std::fmt;

/// Declares the checks once: name, label, what must hold.
macro_rules! checks {
    ($($name:ident, $label:literal, $holds:literal;)+) => {
        /// One thing that must hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Check {
            $(#[doc = $holds] $name,)+
        }

        impl Check {
            /// All.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }
        }
    };
}

checks! {
    View, "view", "What a client shows of a tick is what was so in that tick.";
    Own, "own", "What a client is told of its own player is what was so in that tick.";
    Members, "members", "A client shows whom the server knows it to show, and nobody whom it was not told.";
    Sight, "sight", "Who is near enough for long enough is shown.";
    Settled, "settled", "Who comes into view or goes out of it is soon known to have.";
    Fresh, "fresh", "What stands still is shown as it stands.";
    Pace, "pace", "Whose path is well is told of the world at least 30 times a second.";
    Agreement, "agreement", "Client and server agree about what was said, what has arrived, and what the client holds.";
    Order, "order", "No reliable message comes twice, none out of order, and none is lost.";
    Answers, "answers", "Each question and each command is answered exactly once.";
    Patience, "patience", "Nobody waits long for an answer, nor gives up, while nothing is wrong.";
    Nonces, "nonces", "No number is used twice under one key and direction.";
    Replies, "replies", "Where nobody has shown to be, no more is sent than has come from there.";
    Sessions, "sessions", "Each session begins once and ends once, and one that nobody is behind is soon silent.";
    Reasons, "reasons", "Each session ends in a reason that fits what happened.";
    Bounds, "bounds", "Every queue stays within its bound.";
    Durable, "durable", "What was acknowledged is there after a crash.";
    Restored, "restored", "Who comes back is where he was, at most 5 s ago.";
    Estates, "estates", "Who comes back has what he had, and who plays has what is his by the journal.";
    Conserved, "conserved", "No item is in two bags, none lies that the journal has elsewhere, none is held for nothing.";
    Deals, "deals", "What two people hand each other is one transaction, and the journal can do what the world asks for.";
    Sheets, "sheets", "What a client was told that it has is what it has.";
    Stores, "stores", "What the stores hold fits together.";
    Sanity, "sanity", "No assertion fails, of the server's or of a client's.";
    Calm, "calm", "When nothing goes wrong any more, all becomes well.";
    Drain, "drain", "A server that is asked to end saves all, and ends.";
}

/// How many there are.
pub const CHECKS: usize = Check::ALL.len();

/// Something that must hold does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What.
    pub check: Check,
    /// How it shows, in a sentence.
    pub what: String,
}

impl Broken {
    /// It shows like this.
    #[must_use]
    pub fn new(check: Check, what: impl Into<String>) -> Self {
        Self { check, what: what.into() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check.label(), self.what)
    }
}

/// How often each was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks(pub [u64; CHECKS]);

impl Looks {
    /// It was looked at once more.
    pub fn count(&mut self, check: Check) {
        self.0[check as usize] += 1;
    }

    /// What another simulation looked at, too.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }
}
