//! The persistence thread: jobs in, one transaction for all that wait, answers out.

mod estates;
mod journal;
#[cfg_attr(not(test), allow(dead_code, reason = "the keeper of the stores is not written yet"))]
mod mariadb;
#[cfg(test)]
mod power_cuts;
mod record;

pub use journal::{Journal, JournalError, OpenError};

use crate::edge::board::{Board, PUBLISH_INTERVAL_NS, StoreReport};
use crate::edge::clock;
use crate::edge::queues::StoreEnds;
use crate::edge::telemetry::Throttle;
use crossbeam::channel::RecvTimeoutError;
use game::{BooksError, Transaction, TransactionId};
use journal::Save;
use protocol::{AccountId, CharacterId};
use server::{CommitError, Enrolled, Found, StoreDone, StoreJob};
use std::sync::Arc;
use std::time::Duration;

/// How long the first save of a group waits for others: ten fsyncs a second instead of one per tick, and 2 per cent of
/// the five seconds that a checkpoint may be old.
const GROUP_WINDOW_NS: u64 = 100_000_000;
/// The same if somebody waits for it, because it is a transaction of the game: 5 ms.
const DEAL_WINDOW_NS: u64 = 5_000_000;
/// Saves in one transaction; more wait for the next.
const GROUP_SAVES_MAX: usize = 4_096;
/// Pause before a journal that could not be opened is tried again.
const REOPEN_PAUSE_NS: u64 = 1_000_000_000;
/// Transactions of the game in one of the database's.
const GROUP_DEALS_MAX: usize = 1_024;

/// The thread's state.
#[derive(Debug)]
pub struct Keeper {
    journal: Journal,
    ends: StoreEnds,
    board: Arc<Board>,
    group: Vec<Save>,
    deals: Vec<Transaction>,
    /// When the group is to be committed.
    group_due_ns: u64,
    report: StoreReport,
    published_ns: u64,
    failure_log: Throttle,
}

impl Keeper {
    /// A keeper of `journal`.
    pub fn new(journal: Journal, ends: StoreEnds, board: Arc<Board>) -> Self {
        Self {
            journal,
            ends,
            board,
            group: Vec::with_capacity(GROUP_SAVES_MAX),
            deals: Vec::new(),
            group_due_ns: 0,
            report: StoreReport::default(),
            published_ns: 0,
            failure_log: Throttle::default(),
        }
    }

    /// Works until nobody can send jobs any more and the last one is on disk.
    pub fn run(mut self) {
        loop {
            match self.next_job() {
                Ok(job) => self.handle_job(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let is_full = self.group.len() >= GROUP_SAVES_MAX || self.deals.len() >= GROUP_DEALS_MAX;
            if is_full || (!self.is_idle() && clock::mono_ns() >= self.group_due_ns) {
                self.commit();
            }
            self.publish(false);
        }
        self.commit();
        self.publish(true);
    }

    /// Waits for a job, but not beyond the end of the group's window.
    fn next_job(&self) -> Result<StoreJob, RecvTimeoutError> {
        if self.is_idle() {
            return self.ends.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected);
        }
        let left_ns = self.group_due_ns.saturating_sub(clock::mono_ns());
        self.ends.jobs.recv_timeout(Duration::from_nanos(left_ns))
    }

    fn is_idle(&self) -> bool {
        self.group.is_empty() && self.deals.is_empty()
    }

    /// Something joins the group and may wait for so long.
    fn wait_at_most(&mut self, window_ns: u64) {
        let due_ns = clock::mono_ns() + window_ns;
        self.group_due_ns = if self.is_idle() { due_ns } else { due_ns.min(self.group_due_ns) };
    }

    fn handle_job(&mut self, job: StoreJob) {
        match job {
            StoreJob::Load { character } => {
                // What was asked to be saved first must be found.
                if !self.deals.is_empty() || self.group.iter().any(|save| save.character == character) {
                    self.commit();
                }
                let found = self.load(character);
                self.answer(StoreDone::Loaded { character, found });
            }
            StoreJob::Roster { account } => {
                // Likewise; what is saved of where people are does not matter here.
                if !self.deals.is_empty() {
                    self.commit();
                }
                let found = self.find_roster(account);
                self.answer(StoreDone::Roster { account, found });
            }
            StoreJob::Save { character, revision, bytes } => {
                self.wait_at_most(GROUP_WINDOW_NS);
                self.group.push(Save { character, revision, bytes });
            }
            StoreJob::Commit { transaction } => {
                self.wait_at_most(DEAL_WINDOW_NS);
                self.deals.push(transaction);
            }
        }
    }

    fn load(&mut self, character: CharacterId) -> Result<Found, String> {
        self.report.loads += 1;
        self.look_up(character).inspect_err(|error| {
            self.report.load_failures += 1;
            if let Some(missed) = self.failure_log.pass(clock::mono_ns()) {
                tracing::error!(character = character.0, error, missed, "a player's record cannot be read");
            }
        })
    }

    fn find_roster(&mut self, account: AccountId) -> Result<Vec<Enrolled>, String> {
        self.report.loads += 1;
        let found = self.journal.roster(account).map_err(|error| error.to_string());
        found.flatten().inspect_err(|error| {
            self.report.load_failures += 1;
            if let Some(missed) = self.failure_log.pass(clock::mono_ns()) {
                tracing::error!(account = account.0, error, missed, "an account's characters cannot be read");
            }
        })
    }

    fn look_up(&mut self, character: CharacterId) -> Result<Found, String> {
        let checkpoint = self.journal.load(character).map_err(|error| error.to_string())?;
        let estate = self.journal.estate(character).map_err(|error| error.to_string())?;
        Ok(Found { checkpoint: checkpoint.map_err(|error| error.to_string())?, estate: estate? })
    }

    fn commit(&mut self) {
        if self.is_idle() {
            return;
        }
        let began_ns = clock::mono_ns();
        let (mut refused, mut refused_deals) = (Vec::new(), Vec::new());
        let result = self.journal.commit(
            &self.group,
            &self.deals,
            |save, error| refused.push((save.character, save.revision, error)),
            |deal, error| refused_deals.push((deal.id, error)),
        );
        self.report.commits += 1;
        self.report.commit_ns += clock::mono_ns() - began_ns;
        let failure = result.err().map(|error| error.to_string());
        self.answer_deals(failure.as_deref(), &refused_deals);
        let mut group = std::mem::take(&mut self.group);
        for save in group.drain(..) {
            let refusal = refused
                .iter()
                .find(|(character, revision, _)| (*character, *revision) == (save.character, save.revision));
            let error = failure.clone().or_else(|| refusal.map(|(_, _, error)| error.clone()));
            self.answer_save(save, error);
        }
        self.group = group;
    }

    /// After a failure it is looked up what is on disk: a transaction that is must not be taken back. What cannot be
    /// looked up either is undecided: nobody is told, and it is asked for again.
    fn answer_deals(&mut self, failure: Option<&str>, refused: &[(TransactionId, CommitError)]) {
        let (deals, mut undecided) = (std::mem::take(&mut self.deals), Vec::new());
        for deal in deals {
            let why = match failure {
                None => refused.iter().find(|(id, _)| *id == deal.id).map(|(_, why)| why.clone()),
                Some(failure) => match self.journal.has(&deal) {
                    Ok(is_there) => (!is_there).then(|| CommitError::Disk(failure.to_owned())),
                    Err(_) => {
                        undecided.push(deal);
                        continue;
                    }
                },
            };
            self.report.deals += u64::from(why.is_none());
            self.report.deal_failures += u64::from(why.is_some());
            // That somebody wants a name which another has is nobody's fault.
            if let Some(why) = why.as_ref().filter(|why| !matches!(why, CommitError::Books(BooksError::Name(_))))
                && let Some(missed) = self.failure_log.pass(clock::mono_ns())
            {
                tracing::error!(error = %why, missed, "a transaction was refused");
            }
            self.answer(StoreDone::Committed { id: deal.id, refused: why });
        }
        // Making one again that is there already changes nothing, so they just join the next group.
        self.deals = undecided;
        if !self.deals.is_empty() {
            self.group_due_ns = clock::mono_ns() + REOPEN_PAUSE_NS;
        }
    }

    fn answer_save(&mut self, save: Save, error: Option<String>) {
        let Save { character, revision, .. } = save;
        let Some(error) = error else {
            self.report.saves += 1;
            return self.answer(StoreDone::Saved { character, revision });
        };
        self.report.save_failures += 1;
        if let Some(missed) = self.failure_log.pass(clock::mono_ns()) {
            tracing::error!(character = character.0, revision, error, missed, "a player could not be saved");
        }
        self.answer(StoreDone::Failed { character, revision, error });
    }

    fn answer(&self, done: StoreDone) {
        // There is room for an answer to every job; an error means that the world thread is gone and nobody waits.
        let _ = self.ends.done.send(done);
    }

    fn publish(&mut self, last: bool) {
        let now_ns = clock::mono_ns();
        if last || now_ns >= self.published_ns + PUBLISH_INTERVAL_NS {
            self.published_ns = now_ns;
            self.board.store.store(Arc::new(self.report));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::board::StartReport;
    use crossbeam::channel::bounded;

    const ANN: CharacterId = CharacterId(1);

    fn save(revision: u64, bytes: &[u8]) -> StoreJob {
        StoreJob::Save { character: ANN, revision, bytes: bytes.to_vec() }
    }

    /// Runs a keeper over these jobs until it has nothing left to do; no thread and no waiting for the window.
    fn answers(dir: &std::path::Path, jobs: Vec<StoreJob>) -> (Vec<StoreDone>, StoreReport) {
        let (jobs_in, jobs_out) = bounded(jobs.len().max(1));
        let (done_in, done_out) = bounded(jobs.len().max(1));
        for job in jobs {
            jobs_in.send(job).unwrap();
        }
        drop(jobs_in);
        let board = Arc::new(Board::new(StartReport::default()));
        let journal = Journal::open(dir).unwrap();
        Keeper::new(journal, StoreEnds { jobs: jobs_out, done: done_in }, board.clone()).run();
        let report = **board.store.load();
        (done_out.try_iter().collect(), report)
    }

    #[test]
    fn saves_that_wait_together_share_one_commit_and_each_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        let jobs = (1..=50).map(|revision| save(revision, b"x")).collect();
        let (done, report) = answers(dir.path(), jobs);
        let expected: Vec<_> = (1..=50).map(|revision| StoreDone::Saved { character: ANN, revision }).collect();
        assert_eq!(done, expected);
        assert!(report.commits <= 2, "{report:?}");
        assert_eq!(report.saves, 50);
    }

    #[test]
    fn a_load_sees_every_save_that_was_asked_for_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let (done, _) = answers(
            dir.path(),
            vec![StoreJob::Load { character: ANN }, save(1, b"a"), StoreJob::Load { character: ANN }],
        );
        let saved = server::Saved { revision: 1, bytes: b"a".to_vec() };
        let found = Found { checkpoint: Some(saved), estate: None };
        assert_eq!(
            done,
            [
                StoreDone::Loaded { character: ANN, found: Ok(Found::default()) },
                StoreDone::Saved { character: ANN, revision: 1 },
                StoreDone::Loaded { character: ANN, found: Ok(found) },
            ]
        );
    }

    #[test]
    fn a_roster_has_every_character_that_was_asked_for_before_it_and_a_taken_name_is_called_so() {
        let dir = tempfile::tempdir().unwrap();
        let listing = game::Listing { character: ANN, name: "Ada".to_owned(), ..game::Listing::default() };
        let other = game::Listing { character: CharacterId(2), name: "ADA".to_owned(), ..listing.clone() };
        let (account, ids) = (AccountId(7), [TransactionId(1), TransactionId(2)]);
        let jobs = vec![
            StoreJob::Commit { transaction: listing.creation(ids[0], account) },
            StoreJob::Commit { transaction: other.creation(ids[1], account) },
            StoreJob::Roster { account },
        ];
        let (done, report) = answers(dir.path(), jobs);
        let taken = CommitError::Books(BooksError::Name(ANN));
        let found = Ok(vec![Enrolled { listing, experience: 0 }]);
        assert_eq!(
            done,
            [
                StoreDone::Committed { id: ids[0], refused: None },
                StoreDone::Committed { id: ids[1], refused: Some(taken) },
                StoreDone::Roster { account, found },
            ]
        );
        assert_eq!((report.deals, report.deal_failures, report.loads), (1, 1, 1));
    }

    #[test]
    fn an_older_revision_is_answered_as_failed_and_why() {
        let dir = tempfile::tempdir().unwrap();
        let (done, report) = answers(dir.path(), vec![save(2, b"new"), save(1, b"old")]);
        assert_eq!(done[0], StoreDone::Saved { character: ANN, revision: 2 });
        assert!(
            matches!(&done[1], StoreDone::Failed { revision: 1, error, .. } if error.contains("older than revision 2"))
        );
        assert_eq!((report.saves, report.save_failures), (1, 1));
    }
}
