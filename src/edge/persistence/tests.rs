use super::*;
use crate::edge::board::StartReport;
use crossbeam::channel::bounded;
use game::{BooksError, TransactionId};
use server::{CommitError, Enrolled, Found, StoreDone};

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
    Keeper::new(journal, StoreEnds { jobs: jobs_out, done: done_in }, board.clone(), Arc::default()).run();
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
    let (done, _) =
        answers(dir.path(), vec![StoreJob::Load { character: ANN }, save(1, b"a"), StoreJob::Load { character: ANN }]);
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
            StoreDone::Committed { id: ids[0], seq: 1, refused: None },
            StoreDone::Committed { id: ids[1], seq: 0, refused: Some(taken) },
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
