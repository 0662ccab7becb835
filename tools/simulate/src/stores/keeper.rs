//! The persistence thread in virtual time: it does one thing after the other, and while it waits for the disk all else waits.

use super::Stores;
use super::lookups::Word;
use super::outage::Outage;
use super::record::Change;
use super::remote::{Remote, Store};
use super::{StoreFault, Wrong, plan};
use game::{BooksError, Entry, Transaction, TransactionId};
use protocol::character::folded;
use protocol::{AccountId, CharacterId};
use rudp::time::{NS_PER_MS, Now};
use server::{CommitError, Enrolled, LoadError, Saved, SavedWorld, StoreDone, StoreJob};
use std::collections::VecDeque;
use std::sync::Arc;

/// As in the real one: how long the first save of a group waits for others.
const GROUP_WINDOW_NS: u64 = 100 * NS_PER_MS;
/// The same of a transaction of the game.
const DEAL_WINDOW_NS: u64 = 5 * NS_PER_MS;
/// The same of what only keeps the outbox short.
const TRIM_WINDOW_NS: u64 = 500 * NS_PER_MS;
/// Saves in one commit.
const GROUP_SAVES_MAX: usize = 4_096;
/// Transactions in one commit.
const GROUP_DEALS_MAX: usize = 1_024;

/// What the courier has found or done.
#[derive(Debug)]
pub enum Letter {
    /// A store has these revisions.
    Sent(Store, Vec<(CharacterId, u64)>),
    /// All up to here is where it is to be.
    Drained(u64),
    /// The epoch of somebody's lease, the number of his last transaction in MariaDB, and checkpoints that lie elsewhere.
    Looked(CharacterId, Result<(u64, u64, Vec<Saved>), LoadError>),
    /// An account's characters in MariaDB, and the number of their roster.
    Rostered(AccountId, Result<(u64, Vec<Enrolled>), LoadError>),
    /// Whose the name is that a transaction waits for, if it is another's.
    Reserved(TransactionId, Result<Option<CharacterId>, LoadError>),
}

#[derive(Debug)]
enum Mail {
    Job(StoreJob),
    Letter(Letter),
}

/// What the next commit is to bring to disk, and who is answered then.
#[derive(Debug, Default)]
struct Waits {
    change: Change,
    is_drained: bool,
    loads: Vec<CharacterId>,
    rosters: Vec<AccountId>,
}

impl Waits {
    fn is_empty(&self) -> bool {
        self.change.is_empty() && !self.is_drained && self.loads.is_empty() && self.rosters.is_empty()
    }
}

/// A commit under way.
#[derive(Debug)]
struct Writing {
    ends_ns: u64,
    waits: Waits,
    /// Leases that are given up with it.
    leases: Vec<(CharacterId, u64)>,
    /// The disk has no room for it.
    is_doomed: bool,
}

/// The thread.
#[derive(Debug, Default)]
pub struct Keeper {
    inbox: VecDeque<Mail>,
    waits: Waits,
    group_due_ns: u64,
    writing: Option<Writing>,
    outage: Option<Outage>,
    /// The other stores.
    pub remote: Remote,
}

impl Keeper {
    /// After a start.
    pub fn new(remote: Remote) -> Self {
        Self { remote, ..Self::default() }
    }

    /// Something comes in.
    pub fn post(&mut self, letter: Letter) {
        self.inbox.push_back(Mail::Letter(letter));
    }

    /// As above.
    pub fn hear(&mut self, job: StoreJob) {
        self.inbox.push_back(Mail::Job(job));
    }

    /// Whether it waits for the disk.
    pub fn is_busy(&self) -> bool {
        self.writing.is_some()
    }

    /// Whether nothing is to be done.
    pub fn is_idle(&self) -> bool {
        self.inbox.is_empty() && self.waits.is_empty() && self.writing.is_none()
    }

    /// Whether something is being written that will be on disk.
    pub fn is_writing(&self) -> bool {
        self.writing.as_ref().is_some_and(|writing| !writing.is_doomed && !writing.waits.change.is_empty())
    }

    /// What was being written, if anything was, and the transactions in it.
    pub fn take_writing(&mut self) -> Option<(Change, bool)> {
        self.writing.take().map(|writing| (writing.waits.change, writing.is_doomed))
    }

    fn wait_at_most(&mut self, window_ns: u64, now_ns: u64) {
        let due_ns = now_ns + window_ns;
        self.group_due_ns = if self.waits.is_empty() { due_ns } else { due_ns.min(self.group_due_ns) };
    }
}

impl Stores {
    /// Does all that can be done by now.
    pub(super) fn keep(&mut self, now: Now) {
        loop {
            if let Some(writing) = self.keeper.writing.take_if(|writing| writing.ends_ns <= now.mono_ns) {
                self.finish(writing, now);
            }
            if self.keeper.writing.is_some() {
                return;
            }
            self.try_out_journal(now);
            let waits = &self.keeper.waits;
            let is_full = waits.change.saves.len() >= GROUP_SAVES_MAX || waits.change.deals.len() >= GROUP_DEALS_MAX;
            if is_full || (!waits.is_empty() && now.mono_ns >= self.keeper.group_due_ns) {
                let waits = std::mem::take(&mut self.keeper.waits);
                self.commit(waits, Vec::new(), now);
                continue;
            }
            match self.keeper.inbox.pop_front() {
                Some(Mail::Job(job)) => self.handle_job(job, now),
                Some(Mail::Letter(letter)) => self.handle_letter(letter, now),
                None if self.let_go(now) => {}
                None => return,
            }
        }
    }

    fn handle_job(&mut self, job: StoreJob, now: Now) {
        match job {
            StoreJob::Load { character } if self.keeper.remote.is_ours(character) => self.load(character, now),
            StoreJob::Load { character } => self.courier.hear(Word::Look(character), now.mono_ns),
            StoreJob::Roster { account } if self.keeper.remote.has_mariadb => {
                self.courier.hear(Word::Roster(account), now.mono_ns);
            }
            StoreJob::Roster { account } => self.roster(account, now),
            StoreJob::Save { character, revision, bytes } => {
                self.keeper.wait_at_most(GROUP_WINDOW_NS, now.mono_ns);
                self.keeper.waits.change.saves.push((character, Saved { revision, bytes }));
            }
            StoreJob::Leave { character } => {
                self.keeper.remote.on_left(character, now.mono_ns);
                self.answer(StoreDone::Left { character });
            }
            StoreJob::World { upto, image } => {
                let mut bytes = Vec::new();
                image.to_bytes(&mut bytes);
                let world = Some(Arc::new(SavedWorld { upto, bytes }));
                let change = Change { world, ..Change::default() };
                self.commit(Waits { change, ..Waits::default() }, Vec::new(), now);
            }
            StoreJob::Commit { transaction } => {
                if !self.reserve(&transaction, now) {
                    self.deal(transaction, now);
                }
            }
        }
    }

    fn load(&mut self, character: CharacterId, now: Now) {
        self.keeper.wait_at_most(0, now.mono_ns);
        self.keeper.waits.loads.push(character);
    }

    fn roster(&mut self, account: AccountId, now: Now) {
        self.keeper.wait_at_most(0, now.mono_ns);
        self.keeper.waits.rosters.push(account);
    }

    fn deal(&mut self, transaction: Transaction, now: Now) {
        self.keeper.wait_at_most(DEAL_WINDOW_NS, now.mono_ns);
        self.keeper.waits.change.deals.push(transaction);
    }

    /// A transaction that makes a character waits until the name is known to be free. Answers whether it does.
    fn reserve(&mut self, transaction: &Transaction, now: Now) -> bool {
        let name = transaction.entries.iter().find_map(|entry| match entry {
            Entry::Listed { character, name, .. } => Some((folded(name), *character)),
            _ => None,
        });
        let Some((name, character)) = name.filter(|_| self.keeper.remote.has_mariadb) else { return false };
        self.courier.hear(Word::Reserve { id: transaction.id, name, character }, now.mono_ns);
        self.keeper.remote.reserving.insert(transaction.id, transaction.clone());
        true
    }

    fn unreserve(&mut self, transaction: &Transaction, now: Now) {
        for entry in &transaction.entries {
            if let (Entry::Listed { character, name, .. }, true) = (entry, self.keeper.remote.has_mariadb) {
                let word = Word::Unreserve { name: folded(name), character: *character };
                self.courier.hear(word, now.mono_ns);
            }
        }
    }

    /// Begins a commit; if there is nothing to write it is over at once, and so it is while a failed journal rests.
    fn commit(&mut self, mut waits: Waits, leases: Vec<(CharacterId, u64)>, now: Now) {
        waits.change.at_ms = now.unix_s * 1_000;
        waits.change.drained =
            if self.wrong == Some(Wrong::TrimsEarly) { self.disk.state.seq } else { self.keeper.remote.drained };
        let is_resting = self.keeper.outage.as_ref().is_some_and(|outage| !outage.is_write_due(now.mono_ns));
        let is_nothing = waits.change.is_empty() && !waits.is_drained;
        let is_slow = self.faults.contains(&StoreFault::JournalSlow);
        let took_ns = match is_nothing || is_resting {
            true => 0,
            false => plan::draw(&mut self.rng, if is_slow { self.plan.fsync_slow_ns } else { self.plan.fsync_ns }),
        };
        let is_doomed = !is_nothing && (is_resting || self.faults.contains(&StoreFault::JournalFull));
        if self.wrong == Some(Wrong::AnswersEarly) && !is_doomed {
            self.foretell(&waits);
        }
        self.keeper.writing = Some(Writing { ends_ns: now.mono_ns + took_ns, waits, leases, is_doomed });
    }

    fn finish(&mut self, writing: Writing, now: Now) {
        let Writing { waits, leases, is_doomed, .. } = writing;
        let is_nothing = waits.change.is_empty() && !waits.is_drained;
        // It may have filled up while this was being written.
        let is_doomed = !is_nothing && (is_doomed || self.faults.contains(&StoreFault::JournalFull));
        if is_doomed {
            return self.refuse(waits, now);
        }
        if !is_nothing {
            self.disk.write(&waits.change.to_record());
            self.on_disk(&waits.change, now);
            self.keeper.outage.iter_mut().for_each(|outage| outage.on_written(now.mono_ns));
        }
        if !leases.is_empty() {
            self.keeper.remote.on_given_up(&leases);
            self.courier.hear(Word::Release(leases.into()), now.mono_ns);
        }
        let complaint = self.keeper.outage.as_ref().map(|_| FULL);
        self.answer_lookups(waits, complaint);
    }

    /// A commit has ended: what it brought is told to all who wait for it.
    fn on_disk(&mut self, change: &Change, now: Now) {
        let (folded, _) = self.disk.fold(self.rules());
        let Some((_, verdict)) = folded.into_iter().next() else {
            return self.witness.blame(|| "the journal cannot read what it has just written".to_owned());
        };
        self.witness.on_deals(&change.deals, &verdict, change.at_ms);
        self.note_saves(change, &verdict.saves);
        self.keeper.remote.leases.extend(change.taken.iter().copied());
        for ((character, saved), refusal) in change.saves.iter().zip(&verdict.saves) {
            let (character, revision) = (*character, saved.revision);
            match refusal.clone() {
                None => self.keeper.remote.on_saved(character, revision, now.mono_ns),
                Some(error) => {
                    self.answer(StoreDone::Failed { character, revision, error });
                    continue;
                }
            }
            self.answer(StoreDone::Saved { character, revision });
        }
        for (deal, posted) in change.deals.iter().zip(verdict.deals) {
            match &posted {
                Ok(seq) => {
                    self.keeper.remote.forget(deal);
                    self.keeper.remote.on_posted(*seq);
                }
                Err(_) => self.unreserve(deal, now),
            }
            if self.wrong != Some(Wrong::AnswersEarly) {
                self.answer_deal(deal.id, posted);
            }
        }
        if change.world.is_some() {
            self.answer(StoreDone::WorldSaved { refused: None });
        }
    }

    /// Nothing of a commit is on disk.
    fn refuse(&mut self, waits: Waits, now: Now) {
        match &mut self.keeper.outage {
            Some(outage) if outage.is_write_due(now.mono_ns) => outage.on_failed(now.mono_ns),
            Some(_) => {}
            none => *none = Some(Outage::new(now.mono_ns)),
        }
        for deal in &waits.change.deals {
            self.unreserve(deal, now);
            self.answer_deal(deal.id, Err(CommitError::Disk(FULL.to_owned())));
        }
        for (character, saved) in &waits.change.saves {
            let (character, revision) = (*character, saved.revision);
            self.answer(StoreDone::Failed { character, revision, error: FULL.to_owned() });
        }
        if waits.change.world.is_some() {
            self.answer(StoreDone::WorldSaved { refused: Some(FULL.to_owned()) });
        }
        self.answer_lookups(waits, Some(FULL));
    }

    fn try_out_journal(&mut self, now: Now) {
        let is_full = self.faults.contains(&StoreFault::JournalFull);
        let Some(outage) = self.keeper.outage.as_mut().filter(|outage| outage.is_trial_due(now.mono_ns)) else {
            return;
        };
        if is_full {
            outage.on_trial_failed(now.mono_ns);
        } else {
            self.keeper.outage = None;
        }
    }

    /// Those who left a while ago are nobody's, when all that they did is in MariaDB. Whether there was anybody.
    fn let_go(&mut self, now: Now) -> bool {
        let leases = self.keeper.remote.who_may_go(&self.disk.state, now.mono_ns);
        if leases.is_empty() || self.keeper.outage.is_some() {
            return false;
        }
        let given_up = leases.iter().map(|(character, _)| *character).collect();
        let change = Change { given_up, ..Change::default() };
        self.commit(Waits { change, ..Waits::default() }, leases, now);
        true
    }
}

/// What a journal without room says.
const FULL: &str = "the journal's disk is full";
/// What one says that cannot be read.
const UNREADABLE: &str = "the journal cannot be read";

/// What is answered.
impl Stores {
    fn answer(&mut self, done: StoreDone) {
        self.contract.on_answered(&done, &mut self.witness);
        self.done.push_back(done);
    }

    fn answer_deal(&mut self, id: TransactionId, verdict: Result<u64, CommitError>) {
        let (seq, refused) = verdict.map_or_else(|why| (0, Some(why)), |seq| (seq, None));
        if refused.is_none() && self.disk.state.applied.get(&id) != Some(&seq) {
            self.witness.blame(|| format!("transaction {seq} is answered and not on disk"));
        }
        self.answer(StoreDone::Committed { id, seq, refused });
    }

    /// On purpose wrong: answers before anything is on disk. Nothing of it is answered again.
    fn foretell(&mut self, waits: &Waits) {
        for (nth, deal) in waits.change.deals.iter().enumerate() {
            self.answer_deal(deal.id, Ok(self.disk.state.seq + 1 + nth as u64));
        }
    }

    /// Loads and rosters are answered after the commit in front of them; `failure` to write what is newer is told them, too.
    fn answer_lookups(&mut self, waits: Waits, failure: Option<&str>) {
        let failure = failure.or(self.faults.contains(&StoreFault::JournalUnreadable).then_some(UNREADABLE));
        for character in waits.loads {
            let found = match failure {
                None => Ok(self.disk.state.found(character)),
                Some(failure) => Err(self.unknown(failure)),
            };
            if found.is_ok() {
                self.keeper.remote.on_entered(character);
            }
            self.answer(StoreDone::Loaded { character, found });
        }
        for account in waits.rosters {
            let found = match failure {
                None => Ok(self.disk.state.roster(account)),
                Some(failure) => Err(self.unknown(failure)),
            };
            self.answer(StoreDone::Roster { account, found });
        }
    }

    /// A journal that cannot be read is away, unless it is only the one row.
    fn unknown(&mut self, failure: &str) -> LoadError {
        let is_row = failure == UNREADABLE && plan::happens(&mut self.rng, 500);
        let error = if is_row { LoadError::Unreadable } else { LoadError::Away };
        error(failure.to_owned())
    }

    fn refuse_load(&mut self, character: CharacterId, error: LoadError) {
        self.answer(StoreDone::Loaded { character, found: Err(error) });
    }
}

/// What the courier has found or done.
impl Stores {
    fn handle_letter(&mut self, letter: Letter, now: Now) {
        match letter {
            Letter::Sent(store, sent) => {
                self.keeper.remote.on_sent(store, &sent);
                if store == Store::MariaDb {
                    self.keeper.wait_at_most(TRIM_WINDOW_NS, now.mono_ns);
                    self.keeper.waits.change.sent.extend(sent);
                }
            }
            Letter::Drained(upto) => {
                if self.keeper.remote.on_drained(upto) {
                    self.keeper.wait_at_most(TRIM_WINDOW_NS, now.mono_ns);
                    self.keeper.waits.is_drained = true;
                }
            }
            Letter::Looked(character, Ok((epoch, revision, records))) => {
                self.on_looked(character, epoch, revision, records, now);
            }
            Letter::Looked(character, Err(error)) => self.refuse_load(character, error),
            Letter::Rostered(account, found) => self.on_rostered(account, found, now),
            Letter::Reserved(id, found) => self.on_reserved(id, found, now),
        }
    }

    /// Whatever is newest goes into the journal with the lease, then he is loaded from there. There is one server only: nobody
    /// can know more than its journal.
    fn on_looked(&mut self, character: CharacterId, epoch: u64, revision: u64, records: Vec<Saved>, now: Now) {
        if self.faults.contains(&StoreFault::JournalUnreadable) {
            return self.refuse_load(character, LoadError::Away(UNREADABLE.to_owned()));
        }
        let here = self.disk.state.character_revisions.get(&character).copied().unwrap_or(0);
        if revision > here {
            self.witness
                .blame(|| format!("MariaDB has character {} as of {revision}, the journal of {here}", character.0));
        }
        let newest = records.into_iter().max_by_key(|saved| saved.revision);
        self.keeper.wait_at_most(0, now.mono_ns);
        let change = &mut self.keeper.waits.change;
        change.adopted.extend(newest.map(|saved| (character, saved)));
        if self.keeper.remote.has_mariadb {
            change.taken.push((character, epoch));
        }
        self.keeper.waits.loads.push(character);
    }

    /// While MariaDB is away, an account whose characters are known here is answered from here.
    fn on_rostered(&mut self, account: AccountId, found: Result<(u64, Vec<Enrolled>), LoadError>, now: Now) {
        let here = self.disk.state.account_revisions.get(&account).copied().unwrap_or(0);
        match found {
            Ok((revision, _)) if revision > here => {
                self.witness
                    .blame(|| format!("MariaDB has account {} as of {revision}, the journal of {here}", account.0));
            }
            Ok(_) => self.roster(account, now),
            Err(LoadError::Away(_)) if here > 0 => self.roster(account, now),
            Err(error) => self.answer(StoreDone::Roster { account, found: Err(error) }),
        }
    }

    fn on_reserved(&mut self, id: TransactionId, found: Result<Option<CharacterId>, LoadError>, now: Now) {
        let Some(deal) = self.keeper.remote.reserving.remove(&id) else { return };
        let refused = match found {
            Ok(None) => return self.deal(deal, now),
            Ok(Some(other)) => CommitError::Books(BooksError::Name(other)),
            Err(error) => CommitError::Disk(error.to_string()),
        };
        self.unreserve(&deal, now);
        self.answer_deal(id, Err(refused));
    }
}
