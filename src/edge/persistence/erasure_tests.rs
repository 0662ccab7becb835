use super::*;
use crate::edge::board::{Board, StartReport};
use crate::edge::persistence::courier::CourierEnds;
use crate::edge::persistence::courier::words::{Letter, Store};
use crate::edge::persistence::mariadb::Lease;
use crate::edge::persistence::{Errand, Journal};
use crate::edge::queues::StoreEnds;
use crossbeam::channel::{Receiver, bounded};
use game::{Entry, Listing, TransactionId, Way};
use protocol::ClassId;
use server::{StoreDone, StoreJob};
use std::sync::Arc;

const ACCOUNT: AccountId = AccountId(7);
const ANN: CharacterId = CharacterId(1 << 62);

/// A keeper alone, whose jobs the test hands to it.
struct Bed {
    keeper: Keeper,
    done: Receiver<StoreDone>,
    _dir: tempfile::TempDir,
}

impl Bed {
    /// Ann, of account 7, has coins, and so has the account's own character.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ((_, jobs), (done_in, done)) = (bounded(1), bounded(64));
        let board = Arc::new(Board::new(StartReport::default()));
        let journal = Journal::open(dir.path()).unwrap();
        let keeper = Keeper::new(journal, StoreEnds { jobs, done: done_in }, board, Arc::default());
        let mut bed = Self { keeper, done, _dir: dir };
        bed.commit(1, listing().creation(TransactionId(1), ACCOUNT).entries).unwrap();
        let way = Way::Loot;
        for (nth, character) in [(2, ANN), (3, server::nameless(ACCOUNT))] {
            let coins = vec![Entry::Coins { character, change: 10, way }, Entry::Minted { coins: 10, way }];
            bed.commit(nth, coins).unwrap();
        }
        bed
    }

    fn ask(&mut self, job: StoreJob) -> StoreDone {
        self.keeper.handle_job(job);
        self.keeper.commit();
        self.done.try_recv().expect("each job is answered")
    }

    fn commit(&mut self, nth: u128, entries: Vec<Entry>) -> Result<(), CommitError> {
        match self.ask(StoreJob::Commit { transaction: Transaction { id: TransactionId(nth), entries } }) {
            StoreDone::Committed { refused, .. } => refused.map_or(Ok(()), Err),
            other => panic!("{other:?}"),
        }
    }

    fn load(&mut self, character: CharacterId) -> Result<server::Found, LoadError> {
        match self.ask(StoreJob::Load { character }) {
            StoreDone::Loaded { found, .. } => found,
            other => panic!("{other:?}"),
        }
    }

    fn roster(&mut self) -> Result<Vec<server::Enrolled>, LoadError> {
        match self.ask(StoreJob::Roster { account: ACCOUNT }) {
            StoreDone::Roster { found, .. } => found,
            other => panic!("{other:?}"),
        }
    }

    fn erase(&mut self) -> Result<Gone, ErrandError> {
        let (reply, mut answer) = oneshot::channel();
        self.keeper.handle_errand(Errand::Erase { account: ACCOUNT, named: Vec::new(), reply });
        answer.try_recv().expect("alone there is nothing to wait for")
    }
}

fn listing() -> Listing {
    Listing { character: ANN, name: "Ann".to_owned(), class: ClassId(2), team: 0 }
}

#[test]
fn an_account_that_is_online_is_not_erased_and_afterwards_all_of_it_is() {
    let mut bed = Bed::new();
    for character in [ANN, server::nameless(ACCOUNT)] {
        assert!(bed.load(character).is_ok());
        let refused = bed.erase().unwrap_err();
        assert!(
            refused.is_conflict() && refused.to_string().ends_with("in the world of this server: log it out first")
        );
        assert_eq!(bed.ask(StoreJob::Leave { character }), StoreDone::Left { character });
    }
    assert_eq!(bed.erase().unwrap(), Gone { characters: 2, ..Gone::default() });
    let inventory = bed.keeper.journal.inventory().unwrap();
    assert!(inventory.is_sound(), "{inventory:?}");
    assert_eq!([inventory.characters, inventory.rosters, inventory.names, inventory.coins as u64], [0; 4]);
    assert_eq!(bed.roster().unwrap(), [], "who logs in finds nobody");
    assert_eq!(bed.load(server::nameless(ACCOUNT)).unwrap(), server::Found::default(), "and may begin anew");
    assert!(bed.erase().unwrap_err().is_conflict(), "he has just come in");
}

#[test]
fn nobody_is_erased_who_is_just_being_looked_up() {
    let mut bed = Bed::new();
    bed.keeper.attendance.on_roster_asked(ACCOUNT);
    assert!(bed.erase().unwrap_err().to_string().contains("is being let in"));
    bed.keeper.attendance.on_roster_answered(ACCOUNT);
    bed.keeper.attendance.on_asked(ANN);
    assert!(bed.erase().unwrap_err().to_string().contains("log it out"));
}

/// His list is from before.
#[test]
fn whoever_was_in_the_lobby_cannot_play_whom_he_had_and_can_make_another() {
    let mut bed = Bed::new();
    bed.erase().unwrap();
    assert!(matches!(bed.load(ANN), Err(LoadError::Unreadable(_))));
    let other = Listing { character: CharacterId(ANN.0 + 1), ..listing() };
    bed.commit(9, other.creation(TransactionId(9), ACCOUNT).entries).unwrap();
    assert_eq!(bed.roster().unwrap()[0].listing, other);
}

#[test]
fn while_an_account_is_being_erased_nobody_of_it_comes_in_and_nothing_of_it_is_done() {
    let mut bed = Bed::new();
    let (reply, answer) = oneshot::channel();
    let (characters, nameless) = (BTreeSet::from([ANN]), Vec::new());
    let (stage, found) = (Stage::Erasing, BTreeSet::new());
    bed.keeper.erasure = Some(Erasure { account: ACCOUNT, characters, nameless, found, stage, reply });
    assert!(matches!(bed.load(ANN), Err(LoadError::Away(_))));
    assert!(matches!(bed.roster(), Err(LoadError::Away(_))));
    let other = Listing { character: CharacterId(5), ..listing() };
    assert!(bed.commit(9, other.creation(TransactionId(9), ACCOUNT).entries).is_err());
    let busy = bed.erase().unwrap_err();
    assert!(matches!(busy, ErrandError::Busy(_)) && busy.is_conflict(), "{busy}");
    bed.keeper.on_stores_erased(Err(LoadError::Away("MariaDB is away".to_owned())));
    let failed = answer.blocking_recv().unwrap().unwrap_err();
    assert!(matches!(failed, ErrandError::Away(_)), "{failed}");
    assert!(bed.load(ANN).is_ok(), "it was not erased after all");
}

#[test]
fn a_journal_that_belongs_to_mariadb_is_not_erased_without_it() {
    let mut bed = Bed::new();
    bed.keeper.journal.set_fact(Fact::Introduced, 1).unwrap();
    let refused = bed.erase().unwrap_err();
    assert!(refused.is_conflict() && refused.to_string().contains("belongs to MariaDB"), "{refused}");
}

/// The keeper has stores beside it, in whose place the test is.
fn with_stores(bed: &mut Bed) -> tokio::sync::mpsc::UnboundedReceiver<Word> {
    let (words, said) = tokio::sync::mpsc::unbounded_channel();
    let (_, letters) = crossbeam::channel::unbounded();
    let ends = CourierEnds { words, letters, bell: Arc::default(), has_redis: true, has_mariadb: true };
    bed.keeper.journal.attach(1).unwrap().unwrap();
    bed.keeper.journal.commit(&Group { taken: &[(ANN, 4)], ..Group::default() }).unwrap();
    bed.keeper.remote = Some(Remote::new(ends, &mut bed.keeper.journal, 1).unwrap());
    said
}

fn begin(bed: &mut Bed) -> oneshot::Receiver<Result<Gone, ErrandError>> {
    let (reply, answer) = oneshot::channel();
    bed.keeper.handle_errand(Errand::Erase { account: ACCOUNT, named: vec![CharacterId(5)], reply });
    answer
}

#[test]
fn the_stores_are_asked_when_they_have_all_and_the_lease_is_given_back_first() {
    let mut bed = Bed::new();
    let mut said = with_stores(&mut bed);
    let mut answer = begin(&mut bed);
    match said.try_recv().unwrap() {
        Word::Kin { also, .. } => assert_eq!(also, [CharacterId(5), server::nameless(ACCOUNT)]),
        other => panic!("{other:?}"),
    }
    bed.keeper.handle_letter(Letter::Kin(Ok(vec![ANN])));
    assert!(said.try_recv().is_err(), "the outbox holds what MariaDB does not have");
    let newest = bed.keeper.journal.newest().unwrap();
    bed.keeper.remote.as_mut().unwrap().on_saved(ANN, 1, 1);
    bed.keeper.handle_letter(Letter::Drained(newest));
    bed.keeper.go_on_erasing();
    assert!(said.try_recv().is_err(), "nor do they have where she was seen");
    for store in [Store::Redis, Store::MariaDb] {
        bed.keeper.handle_letter(Letter::Sent { store, sent: vec![(ANN, 1)] });
    }
    bed.keeper.go_on_erasing();
    match said.try_recv().unwrap() {
        Word::Erase { leases, .. } => assert_eq!(leases, [Lease { character: ANN, epoch: 4 }]),
        other => panic!("{other:?}"),
    }
    assert!(bed.keeper.journal.leases().unwrap().is_empty() && bed.keeper.journal.waiting().unwrap() == 0);
    assert!(answer.try_recv().is_err());
    bed.keeper.handle_letter(Letter::Erased(Ok(3)));
    let gone = Gone { characters: 2, ledger_lines: 3, redis: true, mariadb: true };
    assert_eq!(answer.try_recv().unwrap().unwrap(), gone);
}

#[test]
fn what_the_stores_do_not_take_in_time_is_said_and_nothing_is_erased() {
    let mut bed = Bed::new();
    let mut said = with_stores(&mut bed);
    let mut answer = begin(&mut bed);
    bed.keeper.handle_letter(Letter::Kin(Ok(vec![ANN])));
    bed.keeper.erasure.as_mut().unwrap().stage = Stage::Waiting { until_ns: 0 };
    bed.keeper.go_on_erasing();
    let late = answer.try_recv().unwrap().unwrap_err();
    assert!(matches!(late, ErrandError::Away(_)) && late.to_string().contains("MariaDB has not taken"), "{late}");
    assert!(matches!(said.try_recv(), Ok(Word::Kin { .. })) && said.try_recv().is_err());
    assert_eq!(bed.keeper.journal.leases().unwrap().len(), 1);
}
