//! What the world is told while the journal's disk is full.

use super::*;
use crate::edge::board::StartReport;
use crate::edge::persistence::journal::full_disk::{FullDisk, Refuses};
use crossbeam::channel::{Receiver, Sender, unbounded};
use game::{Entry, TransactionId, Way};
use server::{CommitError, LoadError, StoreDone};

const ANN: CharacterId = CharacterId(1);

struct Bench {
    keeper: Keeper,
    disk: FullDisk,
    _jobs: Sender<StoreJob>,
    done: Receiver<StoreDone>,
}

impl Bench {
    fn new() -> Self {
        let disk = FullDisk::default();
        let ((jobs_in, jobs), (done, done_out)) = (unbounded(), unbounded());
        let board = Arc::new(Board::new(StartReport::default()));
        let journal = Journal::on(disk.clone()).unwrap();
        let keeper = Keeper::new(journal, StoreEnds { jobs, done }, board, Arc::default());
        Self { keeper, disk, _jobs: jobs_in, done: done_out }
    }

    /// What is answered when these are asked for together.
    fn ask(&mut self, jobs: impl IntoIterator<Item = StoreJob>) -> Vec<StoreDone> {
        jobs.into_iter().for_each(|job| self.keeper.handle_job(job));
        self.keeper.commit();
        self.done.try_iter().collect()
    }

    /// A pause is over.
    fn wait(&mut self) -> Vec<StoreDone> {
        self.keeper.journal.end_pause();
        self.keeper.try_out_journal();
        self.done.try_iter().collect()
    }

    fn coins(&mut self) -> Option<u64> {
        self.keeper.journal.estate(ANN).unwrap().unwrap().map(|estate| estate.coins)
    }
}

fn mint(id: u128) -> StoreJob {
    let way = Way::Operator;
    let entries = vec![Entry::Coins { character: ANN, change: 5, way }, Entry::Minted { coins: 5, way }];
    StoreJob::Commit { transaction: Transaction { id: TransactionId(id), entries } }
}

fn refusal(done: &StoreDone) -> &str {
    match done {
        StoreDone::Committed { seq: 0, refused: Some(CommitError::Disk(why)), .. } => why,
        other => panic!("{other:?}"),
    }
}

fn taken(id: u128, seq: u64) -> StoreDone {
    StoreDone::Committed { id: TransactionId(id), seq, refused: None }
}

#[test]
fn what_finds_no_room_is_refused_with_that_reason_and_the_next_with_room_is_taken() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask([mint(1)]), [taken(1, 1)]);
    // Numbers that cannot be packed.
    let bytes = (0..1_000_000_u32).map(|nth| (nth.wrapping_mul(0x9e37_79b9).wrapping_mul(nth) >> 24) as u8).collect();
    let huge = StoreJob::Save { character: ANN, revision: 1, bytes };
    bench.disk.fill(Refuses::Growth, 0);
    let done =
        bench.ask([mint(2), huge, StoreJob::Load { character: ANN }, StoreJob::Roster { account: AccountId(3) }]);
    assert!(refusal(&done[0]).starts_with("the journal's disk is full: "), "{done:?}");
    assert!(matches!(&done[1], StoreDone::Failed { revision: 1, .. }), "{done:?}");
    assert!(matches!(&done[2], StoreDone::Loaded { found: Err(LoadError::Away(why)), .. } if why.contains("is full")));
    assert!(matches!(&done[3], StoreDone::Roster { found: Err(LoadError::Away(_)), .. }), "{done:?}");
    assert_eq!((done.len(), bench.coins()), (4, Some(5)));
    let report = &bench.keeper.report;
    assert_eq!((report.journal_failures, report.undecided, report.deal_failures), ([1, 0, 0], 0, 1));
    assert!(report.journal_trouble.is_some_and(|(fault, _)| fault == Fault::Full));
    let (commits, alone) = (report.commits, bench.ask([StoreJob::Load { character: ANN }]));
    assert!(matches!(&alone[0], StoreDone::Loaded { found: Err(LoadError::Away(_)), .. }), "{alone:?}");
    assert_eq!(bench.keeper.report.commits, commits, "a look-up commits nothing");

    bench.disk.clear();
    assert_eq!(bench.wait(), []);
    assert_eq!(bench.keeper.report.journal_trouble, None, "it is seen without anybody coming");
    assert_eq!(bench.ask([mint(3)]), [taken(3, 2)]);
    assert!(matches!(&bench.ask([StoreJob::Load { character: ANN }])[0], StoreDone::Loaded { found: Ok(_), .. }));
    assert_eq!(bench.coins(), Some(10));
}

#[test]
fn what_comes_while_nothing_can_be_looked_up_is_refused_at_once_and_the_rest_when_it_can() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask([mint(1)]), [taken(1, 1)]);
    bench.disk.fill(Refuses::Writes, 0);
    assert_eq!(bench.ask([mint(2)]), [], "nobody knows");
    assert_eq!(bench.keeper.report.undecided, 1);
    for nth in 3..6 {
        assert!(refusal(&bench.ask([mint(nth)])[0]).contains("full"), "it was not even tried");
        assert_eq!(bench.wait(), [], "still full");
        assert_eq!(bench.keeper.report.undecided, 1);
    }
    bench.disk.clear();
    assert!(refusal(&bench.wait()[0]).contains("before this was on disk"));
    assert_eq!((bench.keeper.report.undecided, bench.coins()), (0, Some(5)));
    assert_eq!(bench.ask([mint(6)]), [taken(6, 2)]);
}

#[test]
fn what_has_reached_the_disk_although_it_said_no_is_told_as_done() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask([mint(1)]), [taken(1, 1)]);
    bench.disk.fill(Refuses::Syncs, 0);
    let mut done = bench.ask([mint(2)]);
    bench.disk.clear();
    done.extend(bench.wait());
    assert_eq!((done, bench.coins()), (vec![taken(2, 2)], Some(10)));
}

#[test]
fn a_checkpoint_that_found_no_room_is_saved_when_it_is_asked_for_again() {
    let mut bench = Bench::new();
    let save = |revision| StoreJob::Save { character: ANN, revision, bytes: vec![revision as u8] };
    bench.disk.fill(Refuses::Writes, 0);
    assert!(matches!(&bench.ask([save(1)])[0], StoreDone::Failed { error, .. } if error.contains("full")));
    bench.disk.clear();
    bench.wait();
    assert_eq!(bench.ask([save(2)]), [StoreDone::Saved { character: ANN, revision: 2 }]);
}
