//! What is done while the journal cannot be written: what came of the commit that failed is looked up, what comes after it is
//! refused at once, and now and then it is tried whether it can be written again.

use super::Keeper;
use super::journal::{Fault, JournalError};
use crate::edge::clock;
use game::Transaction;
use server::CommitError;

impl Keeper {
    /// It is counted and logged, and whoever reads the journal lets go of it: it cannot be opened anew before.
    pub(super) fn on_journal_failed(&mut self, error: &JournalError) {
        self.report.journal_trouble = self.journal.trouble();
        self.give_up_backup();
        if error.is_resting() {
            return;
        }
        let fault = error.fault();
        let nth = Fault::ALL.iter().position(|kind| *kind == fault).expect("all are in the list");
        self.report.journal_failures[nth] += 1;
        if let Some(missed) = self.journal_log.pass(clock::mono_ns()) {
            let kind = fault.label();
            tracing::error!(kind, %error, missed, "nothing can be saved and nobody let in; play goes on, and it is tried again");
        }
    }

    /// Transactions of a commit that failed. One that was not tried is not on disk; of the others it is looked up: one that is on
    /// disk must not be taken back.
    pub(super) fn refuse_deals(&mut self, deals: Vec<Transaction>, failure: &str, is_untried: bool) {
        if is_untried {
            deals.iter().for_each(|deal| self.refuse_deal(deal, failure));
            return;
        }
        self.undecided.extend(deals);
        self.decide(failure);
    }

    /// Looks up what could not be until now; as long as it cannot be either, nobody is told.
    fn decide(&mut self, failure: &str) {
        for deal in std::mem::take(&mut self.undecided) {
            match self.journal.find(deal.id) {
                Ok(Some(seq)) => {
                    if let Some(remote) = &mut self.remote {
                        remote.forget(&deal);
                        remote.on_posted(seq, clock::mono_ns());
                    }
                    self.answer_deal(&deal, Ok(seq));
                }
                Ok(None) => self.refuse_deal(&deal, failure),
                Err(_) => self.undecided.push(deal),
            }
        }
        self.report.undecided = self.undecided.len();
    }

    fn refuse_deal(&mut self, deal: &Transaction, failure: &str) {
        if let Some(remote) = &self.remote {
            remote.unreserve(deal);
        }
        self.answer_deal(deal, Err(CommitError::Disk(failure.to_owned())));
    }

    /// After a pause: nobody can log in or do anything that is committed, so nothing else may come to try it.
    pub(super) fn try_out_journal(&mut self) {
        if !self.journal.is_trial_due() {
            return;
        }
        if !self.undecided.is_empty() {
            self.decide("the journal failed before this was on disk");
        }
        if let Err(error) = self.journal.try_out() {
            self.on_journal_failed(&error);
        }
        self.report.journal_trouble = self.journal.trouble();
    }
}
