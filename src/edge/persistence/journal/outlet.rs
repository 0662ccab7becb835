//! What a journal has for other stores, and what it knows of itself.

use super::aside::{self, SetAside};
use super::outbox::{self, Fact, Torn};
use super::{Journal, JournalError, checkpoints, introduction, leases};
use game::Posting;
use protocol::{AccountId, CharacterId};
use std::collections::BTreeMap;

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
    pub fn postings(&mut self, after: u64, max: usize) -> Result<(Vec<Posting>, Option<Torn>), JournalError> {
        self.read(|read| outbox::after(read, after, max))
    }

    /// The postings that cannot be read.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn unreadable_postings(&mut self) -> Result<Vec<Torn>, JournalError> {
        self.read(outbox::unreadable)
    }

    /// Sets those aside, so that the others go on to MariaDB, and tells it once more of whom they touched last.
    ///
    /// # Errors
    /// Nothing of it is on disk.
    pub fn set_aside_unreadable(&mut self, at_ms: u64) -> Result<SetAside, JournalError> {
        let journal_id = self.id()?;
        self.write(|write| aside::set_aside(write, journal_id, at_ms))
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
