use super::*;
use crate::edge::persistence::journal::{Group, Save};
use protocol::CharacterId;

fn commit(journal: &mut Journal, revision: u64) {
    // Both in one transaction: a copy that has the one without the other is none of a moment.
    let saves: Vec<_> = [1, 2].map(|id| Save { character: CharacterId(id), revision, bytes: vec![7; 700] }).into();
    let refused = journal.commit(&Group { saves: &saves, taken: &[(CharacterId(1), revision)], ..Group::default() });
    assert_eq!(refused.unwrap().saves, [None, None]);
}

fn revision(journal: &mut Journal, id: u64) -> u64 {
    journal.load(CharacterId(id)).unwrap().unwrap().unwrap().revision
}

fn wanted() -> Progress {
    Progress::default()
}

#[test]
fn a_backup_that_is_made_while_commits_go_on_is_a_moment_between_two_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    for nth in 1..=30 {
        commit(&mut journal, nth);
        let snapshot = journal.snapshot().unwrap();
        let copy = std::thread::spawn(move || snapshot.write(&format!("b{nth}"), &wanted()).unwrap());
        while !copy.is_finished() {
            commit(&mut journal, nth);
        }
        commit(&mut journal, nth + 1);
        let copied = copy.join().unwrap();
        let mut backup = Journal::open_existing(&copied.file).unwrap();
        assert_eq!([revision(&mut backup, 1), revision(&mut backup, 2)], [nth, nth]);
        assert_eq!(backup.leases().unwrap()[&CharacterId(1)], nth);
        assert_eq!(backup.id().unwrap(), journal.id().unwrap());
        assert_eq!(copied.bytes, std::fs::metadata(&copied.file).unwrap().len());
    }
}

#[test]
fn a_backup_has_every_row_of_every_table() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.attach(1).unwrap().unwrap();
    let listing = game::Listing { character: CharacterId(1), name: "Ada".to_owned(), ..game::Listing::default() };
    let deals = [listing.creation(game::TransactionId(1), protocol::AccountId(7))];
    journal.commit(&Group { deals: &deals, ..Group::default() }).unwrap();
    journal.store_incarnations(&[5, 6]).unwrap();
    journal.count_start().unwrap();
    commit(&mut journal, 3);
    journal.commit(&Group { sent: &[(CharacterId(1), 3)], ..Group::default() }).unwrap();
    let progress = Progress::default();
    assert_eq!(progress.rows(), (0, 0));
    let copied = journal.snapshot().unwrap().write("b", &progress).unwrap();
    let (rows, rows_total) = progress.rows();
    assert!(rows == rows_total && rows > 10, "{progress:?}");
    let mut backup = Journal::open_existing(&copied.file).unwrap();
    assert_eq!(backup.inventory().unwrap(), journal.inventory().unwrap());
    assert_eq!(backup.unsent().unwrap(), journal.unsent().unwrap());
    assert_eq!(copied.seq, 1);
}

#[test]
fn a_table_that_the_copy_does_not_know_makes_it_fail() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    let write = journal.begin_write();
    write.open_table(TableDefinition::<u64, u64>::new("of tomorrow")).unwrap();
    write.commit().unwrap();
    let error = journal.snapshot().unwrap().write("b", &wanted()).unwrap_err();
    assert!(matches!(error, BackupError::Tables { found, copied } if found == copied + 1), "{error}");
    assert_eq!(left(dir.path()), [""; 0]);
}

#[test]
fn an_older_backup_is_not_written_over_and_one_that_is_not_wanted_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    commit(&mut journal, 1);
    journal.snapshot().unwrap().write("b", &wanted()).unwrap();
    let error = journal.snapshot().unwrap().write("b", &wanted()).unwrap_err();
    assert!(matches!(error, BackupError::Exists(_)), "{error}");
    let unwanted = Progress::default();
    unwanted.give_up();
    let error = journal.snapshot().unwrap().write("c", &unwanted).unwrap_err();
    assert!(matches!(error, BackupError::Unwanted), "{error}");
    assert_eq!(left(dir.path()), ["b"]);
}

fn left(data_dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(data_dir.join(BACKUPS_DIR)).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
