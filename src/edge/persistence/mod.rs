//! The persistence thread: jobs in, one transaction of the journal for all that wait, answers out. What is in the journal goes
//! on to Redis and MariaDB by the [`courier`], if there are any.

mod account;
mod answers;
mod attendance;
pub mod care;
mod courier;
mod erasure;
mod errands;
mod journal;
mod letters;
#[cfg(test)]
mod live;
mod mariadb;
mod redis;
mod remote;
mod start;
mod trials;

pub use courier::{Courier, CourierReport, Credentials, StoreState};
pub use erasure::Gone;
pub use errands::{BackupReport, Errand, ErrandError, connect as errands};
#[cfg(test)]
pub use journal::Torn;
pub use journal::{BackedUp, Fact, Fault, Group, Journal, JournalError, OpenError, Packing, Save};
#[cfg(test)]
pub use mariadb::Query;
pub use mariadb::{BOUNDS_MS, Database, MariaDbConfig, Timing};
pub use server::StoreError;
pub use start::{BeginError, addressed, incarnation};

use crate::edge::board::{Board, PUBLISH_INTERVAL_NS, StoreReport};
use crate::edge::clock;
use crate::edge::crash::{self, Point};
use crate::edge::drain::Drain;
use crate::edge::queues::StoreEnds;
use crate::edge::telemetry::Throttle;
use attendance::Attendance;
use courier::CourierEnds;
use courier::words::Word;
use crossbeam::channel::{Receiver, RecvTimeoutError, never, select};
use erasure::Erasure;
use errands::Backup;
use game::Transaction;
use journal::{Adopted, Verdict};
use protocol::{AccountId, CharacterId};
use remote::Remote;
use server::StoreJob;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the first save of a group waits for others: ten fsyncs a second instead of one per tick, and 2 per cent of
/// the five seconds that a checkpoint may be old.
const GROUP_WINDOW_NS: u64 = 100_000_000;
/// The same if somebody waits for it, because it is a transaction of the game: 5 ms.
const DEAL_WINDOW_NS: u64 = 5_000_000;
/// The same of what only keeps the outbox short: 500 ms.
const TRIM_WINDOW_NS: u64 = 500_000_000;
/// Saves in one transaction; more wait for the next.
const GROUP_SAVES_MAX: usize = 4_096;
/// Transactions of the game in one of the database's.
const GROUP_DEALS_MAX: usize = 1_024;
/// At the end, what MariaDB does not take within so long stays in the journal for the next start: 4 s of the 9.5 s that a
/// server has to go down.
const FAREWELL_NS: u64 = 4_000_000_000;

/// The thread's state.
#[derive(Debug)]
pub struct Keeper {
    journal: Journal,
    ends: StoreEnds,
    errands: Receiver<Errand>,
    backup: Option<Backup>,
    erasure: Option<Erasure>,
    /// Characters that were erased since the start: whoever was in the lobby then may still ask for them.
    erased: BTreeSet<CharacterId>,
    attendance: Attendance,
    /// The journal was given up as lost while this server was away: nothing more is promised of it.
    is_disowned: bool,
    board: Arc<Board>,
    drain: Arc<Drain>,
    remote: Option<Remote>,
    courier: Option<JoinHandle<()>>,
    waits: Waits,
    /// Transactions of a commit that failed, of which cannot be looked up whether they are on disk: nobody is told until they can.
    /// At most those of one commit: as long as the journal cannot be opened, what comes is refused untried.
    undecided: Vec<Transaction>,
    /// When what waits is to be committed.
    group_due_ns: u64,
    report: StoreReport,
    published_ns: u64,
    failure_log: Throttle,
    /// Of the journal itself, so that what it makes fail does not hide it.
    journal_log: Throttle,
}

/// What the next commit is to bring to disk.
#[derive(Debug, Default)]
struct Waits {
    saves: Vec<Save>,
    deals: Vec<Transaction>,
    adopted: Vec<Adopted>,
    taken: Vec<(CharacterId, u64)>,
    sent: Vec<(CharacterId, u64)>,
    /// Whether the outbox can be shortened.
    is_drained: bool,
    /// Those who are answered when the above is on disk.
    loads: Vec<CharacterId>,
    rosters: Vec<AccountId>,
}

impl Waits {
    fn is_empty(&self) -> bool {
        self.saves.is_empty()
            && self.deals.is_empty()
            && self.adopted.is_empty()
            && self.taken.is_empty()
            && self.sent.is_empty()
            && !self.is_drained
            && self.loads.is_empty()
            && self.rosters.is_empty()
    }
}

impl Keeper {
    /// A keeper of `journal`, alone.
    pub fn new(journal: Journal, ends: StoreEnds, board: Arc<Board>, drain: Arc<Drain>) -> Self {
        Self {
            journal,
            ends,
            errands: never(),
            backup: None,
            erasure: None,
            erased: BTreeSet::new(),
            attendance: Attendance::default(),
            is_disowned: false,
            board,
            drain,
            remote: None,
            courier: None,
            waits: Waits::default(),
            undecided: Vec::new(),
            group_due_ns: 0,
            report: StoreReport::default(),
            published_ns: 0,
            failure_log: Throttle::default(),
            journal_log: Throttle::default(),
        }
    }

    /// With a courier, which starts here.
    ///
    /// # Errors
    /// The journal cannot be read, or the system has no thread left.
    pub fn employ(&mut self, courier: Courier, ends: CourierEnds) -> Result<(), String> {
        let remote = Remote::new(ends, &mut self.journal, clock::mono_ns()).map_err(|error| error.to_string())?;
        self.remote = Some(remote);
        self.courier = Some(courier.start().map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Works until nobody can send jobs any more and the last one is on disk, and in MariaDB if that takes it soon.
    pub fn run(mut self) {
        while !matches!(self.step(self.patience_ns()), Err(RecvTimeoutError::Disconnected)) {
            let is_full = self.waits.saves.len() >= GROUP_SAVES_MAX || self.waits.deals.len() >= GROUP_DEALS_MAX;
            if is_full || (!self.waits.is_empty() && clock::mono_ns() >= self.group_due_ns) {
                self.commit();
            }
            self.try_out_journal();
            self.let_go(false);
            self.go_on_erasing();
            self.publish(false);
        }
        self.commit();
        self.end_backup();
        self.farewell();
        self.publish(true);
    }

    /// Has no server behind it: brings all that the journal has to the other stores, and lets its characters go. Says now and then
    /// what waits: postings, checkpoints, leases. The journal, and whether it is done.
    pub fn hand_over(mut self, within_ns: u64, tell: &mut dyn FnMut([u64; 3])) -> (Journal, bool) {
        let deadline_ns = clock::mono_ns() + within_ns;
        self.carry_until(deadline_ns, tell);
        self.commit();
        let is_done = self.remote.take().is_some_and(|remote| remote.is_drained() && remote.leases() == 0);
        if let Some(courier) = self.courier.take() {
            let _ = courier.join();
        }
        (self.journal, is_done)
    }

    /// How long nothing needs to be done.
    fn patience_ns(&self) -> u64 {
        match self.waits.is_empty() {
            true => PUBLISH_INTERVAL_NS,
            false => self.group_due_ns.saturating_sub(clock::mono_ns()),
        }
    }

    /// Does what comes first: a job of the world, or a letter of the courier.
    fn step(&mut self, patience_ns: u64) -> Result<(), RecvTimeoutError> {
        let no_letters = never();
        let letters = self.remote.as_ref().map_or(&no_letters, |remote| &remote.ends().letters);
        select! {
            recv(self.ends.jobs) -> job => match job {
                Ok(job) => self.handle_job(job),
                Err(_) => return Err(RecvTimeoutError::Disconnected),
            },
            recv(letters) -> letter => match letter {
                Ok(letter) => self.handle_letter(letter),
                // The courier has died. What there is stays in the journal; the log has said why.
                Err(_) => self.on_courier_lost(),
            },
            recv(self.errands) -> errand => match errand {
                Ok(errand) => self.handle_errand(errand),
                Err(_) => self.on_errands_closed(),
            },
            default(Duration::from_nanos(patience_ns)) => return Err(RecvTimeoutError::Timeout),
        }
        Ok(())
    }

    fn on_courier_lost(&mut self) {
        if let Some(courier) = self.courier.take() {
            let _ = courier.join();
        }
        self.commit();
        // A server that goes on without would refuse everybody whom it does not know: that is for a person to see.
        panic!("the courier has ended unasked");
    }

    /// Something waits for the next commit and may do so for so long.
    fn wait_at_most(&mut self, window_ns: u64) {
        let due_ns = clock::mono_ns() + window_ns;
        self.group_due_ns = if self.waits.is_empty() { due_ns } else { due_ns.min(self.group_due_ns) };
    }

    fn handle_job(&mut self, job: StoreJob) {
        match job {
            StoreJob::Load { character } => self.on_load(character),
            StoreJob::Roster { account } => self.on_roster(account),
            StoreJob::Save { character, revision, bytes } => {
                self.wait_at_most(GROUP_WINDOW_NS);
                self.waits.saves.push(Save { character, revision, bytes });
            }
            StoreJob::Leave { character } => {
                self.attendance.on_left(character);
                if let Some(remote) = &mut self.remote {
                    remote.on_left(character, clock::mono_ns());
                }
                self.answer(server::StoreDone::Left { character });
            }
            StoreJob::World { upto, image } => self.save_world(upto, &image),
            StoreJob::Commit { transaction } => {
                if let Some(why) = self.bars_deal(&transaction) {
                    return self.answer_deal(&transaction, Err(why));
                }
                if self.remote.as_mut().is_some_and(|remote| remote.reserve(&transaction)) {
                    return;
                }
                self.deal(transaction);
            }
        }
    }

    fn deal(&mut self, transaction: Transaction) {
        self.wait_at_most(DEAL_WINDOW_NS);
        self.waits.deals.push(transaction);
    }

    /// What was asked to be saved before it must be found; and so must what is not here but elsewhere.
    fn on_load(&mut self, character: CharacterId) {
        self.attendance.on_asked(character);
        if let Some(why) = self.bars(character) {
            return self.refuse_load(character, why);
        }
        match &self.remote {
            Some(remote) if !remote.is_ours(character) => remote.say(Word::Look { character }),
            _ => self.load_after_commit(character),
        }
    }

    fn load_after_commit(&mut self, character: CharacterId) {
        self.wait_at_most(0);
        self.waits.loads.push(character);
    }

    fn on_roster(&mut self, account: AccountId) {
        self.attendance.on_roster_asked(account);
        if let Some(why) = self.bars_account(account) {
            return self.refuse_roster(account, why);
        }
        match &self.remote {
            Some(remote) if remote.ends().has_mariadb => remote.say(Word::Roster { account }),
            _ => self.roster_after_commit(account),
        }
    }

    fn roster_after_commit(&mut self, account: AccountId) {
        self.wait_at_most(0);
        self.waits.rosters.push(account);
    }

    fn commit(&mut self) {
        if self.waits.is_empty() {
            return;
        }
        let (waits, began_ns) = (std::mem::take(&mut self.waits), clock::mono_ns());
        let drained = self.remote.as_ref().map_or(0, Remote::drained);
        let group = Group {
            at_ms: clock::unix_ms(),
            adopted: &waits.adopted,
            deals: &waits.deals,
            saves: &waits.saves,
            sent: &waits.sent,
            drained,
            taken: &waits.taken,
            given_up: &[],
        };
        if waits.is_drained {
            crash::at(Point::BeforeWatermark);
        }
        let verdict = if group.is_empty() && !waits.is_drained {
            Ok(Verdict::default())
        } else {
            self.report.commits += 1;
            self.journal.commit(&group)
        };
        if waits.is_drained && verdict.is_ok() {
            crash::at(Point::AfterWatermark);
        }
        let took_ns = clock::mono_ns() - began_ns;
        self.report.commit_ns += took_ns;
        self.report.commit_max_ns = self.report.commit_max_ns.max(took_ns);
        crash::at(Point::BeforeAck);
        let verdict = verdict.inspect_err(|error| self.on_journal_failed(error));
        self.tell_remote(&waits, verdict.as_ref().ok());
        let failure = match verdict {
            Ok(Verdict { deals, saves }) => {
                self.answer_deals(waits.deals, deals);
                self.answer_saves(waits.saves, None, saves);
                None
            }
            Err(error) => {
                let text = error.to_string();
                self.refuse_deals(waits.deals, &text, error.is_untried());
                self.answer_saves(waits.saves, Some(&text), Vec::new());
                Some(text)
            }
        };
        // Whoever comes in now could keep nothing of what he does.
        let failure = failure.or_else(|| self.journal.complaint());
        waits.loads.into_iter().for_each(|character| self.answer_load(character, failure.as_deref()));
        waits.rosters.into_iter().for_each(|account| self.answer_roster(account, failure.as_deref()));
        crash::at(Point::AfterAck);
    }

    /// What is on disk is the courier's to carry.
    fn tell_remote(&mut self, waits: &Waits, on_disk: Option<&Verdict>) {
        let Some(remote) = &mut self.remote else { return };
        let now_ns = clock::mono_ns();
        if let Some(verdict) = on_disk {
            waits.taken.iter().for_each(|&(character, epoch)| remote.on_taken(character, epoch));
            for (save, refusal) in waits.saves.iter().zip(&verdict.saves) {
                if refusal.is_none() {
                    remote.on_saved(save.character, save.revision, now_ns);
                }
            }
            for (deal, posted) in waits.deals.iter().zip(&verdict.deals) {
                match posted {
                    Ok(_) => remote.forget(deal),
                    Err(_) => remote.unreserve(deal),
                }
            }
            // Adopted rows count numbers up, too.
            if let Some(newest) = verdict.deals.iter().filter_map(|posted| posted.as_ref().ok()).max() {
                remote.on_posted(*newest, now_ns);
            }
        }
        remote.ring();
    }

    /// Those who left a while ago are nobody's, when all that they did is in MariaDB: first here, then there.
    fn let_go(&mut self, is_ending: bool) {
        let Some(remote) = &mut self.remote else { return };
        let leases = remote.who_may_go(&mut self.journal, is_ending, clock::mono_ns());
        if leases.is_empty() {
            return;
        }
        let given_up: Vec<_> = leases.iter().map(|lease| lease.character).collect();
        match self.journal.commit(&Group { given_up: &given_up, ..Group::default() }) {
            Ok(_) => remote.on_given_up(leases),
            Err(error) => self.on_journal_failed(&error),
        }
    }

    /// The last of it goes to the other stores, if they take it soon; then the courier goes.
    fn farewell(&mut self) {
        self.carry_until(clock::mono_ns() + FAREWELL_NS, &mut |_| {});
        self.commit();
        if let Some(remote) = self.remote.take() {
            let ([_, checkpoints], _) = remote.waiting(clock::mono_ns());
            if !remote.is_drained() {
                tracing::warn!(
                    checkpoints,
                    "MariaDB has not taken everything: it stays in the journal for the next start"
                );
            }
        }
        if let Some(courier) = self.courier.take() {
            let _ = courier.join();
        }
    }

    /// Works for the courier alone, until it has all or the time is over.
    fn carry_until(&mut self, deadline_ns: u64, tell: &mut dyn FnMut([u64; 3])) {
        while let Some(remote) = &self.remote
            && !(remote.is_drained() && remote.is_told() && remote.is_free())
            && clock::mono_ns() < deadline_ns
            && !self.drain.is_abandoned()
        {
            match remote.ends().letters.recv_timeout(Duration::from_millis(50)) {
                Ok(letter) => self.handle_letter(letter),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if !self.waits.is_empty() && clock::mono_ns() >= self.group_due_ns {
                self.commit();
            }
            self.let_go(true);
            if let Some(remote) = &self.remote {
                let ([_, checkpoints], _) = remote.waiting(clock::mono_ns());
                tell([self.journal.waiting().unwrap_or_default(), checkpoints as u64, remote.leases() as u64]);
            }
        }
    }

    fn publish(&mut self, last: bool) {
        let now_ns = clock::mono_ns();
        if last || now_ns >= self.published_ns + PUBLISH_INTERVAL_NS {
            self.published_ns = now_ns;
            self.report.journal_trouble = self.journal.trouble();
            self.report.packing = self.journal.packing();
            if let Some(remote) = &self.remote {
                let (waiting, lag_ns) = remote.waiting(now_ns);
                self.report.waiting = waiting;
                self.report.remote_lag_ns = lag_ns;
                self.report.leases = remote.leases();
                self.report.outbox = self.journal.waiting().unwrap_or(self.report.outbox);
            }
            self.board.store.store(Arc::new(self.report));
            self.report.commit_max_ns = 0;
        }
    }
}

#[cfg(test)]
mod full_disk_tests;
#[cfg(test)]
mod tests;
