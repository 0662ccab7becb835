//! Restoring and importing, on directories of their own; importing into a real MariaDB.
#![allow(clippy::disallowed_methods, reason = "a test waits for a database")]

use super::import::{hand_over, import_within};
use super::*;
use crate::config::{MariaDb, Stores};
use crate::edge::persistence::journal::{Group, JOURNAL_FILE, Journal, Progress, Save};
use crate::edge::persistence::mariadb::{Database, Enlisted, LeaseAnswer, MariaDbConfig, ServerId};
use game::{Entry, Listing, Transaction, TransactionId, Way};
use protocol::{AccountId, CharacterId, ClassId};
use rudp::time::NS_PER_S;
use std::path::PathBuf;
use stores::MariaDbOptions;

const ANN: CharacterId = CharacterId(1);
const ACCOUNT: AccountId = AccountId(9);

/// Ann is made, has this many coins more, and was seen somewhere.
fn play(journal: &mut Journal, nth: u64) {
    let listing = Listing { character: ANN, name: "Ann".to_owned(), class: ClassId(2), ..Listing::default() };
    let way = Way::Loot;
    let found = vec![Entry::Coins { character: ANN, change: 10, way }, Entry::Minted { coins: 10, way }];
    let mut deals = vec![Transaction { id: TransactionId(u128::from(nth)), entries: found }];
    if nth == 1 {
        deals.insert(0, listing.creation(TransactionId(1_000), ACCOUNT));
    }
    let saves = [Save { character: ANN, revision: nth, bytes: nth.to_le_bytes().to_vec() }];
    let verdict = journal.commit(&Group { deals: &deals, saves: &saves, ..Group::default() }).unwrap();
    assert!(verdict.deals.iter().all(Result::is_ok), "{verdict:?}");
}

fn coins(journal: &mut Journal) -> u64 {
    journal.estate(ANN).unwrap().unwrap().unwrap().coins
}

fn backup(journal: &mut Journal, name: &str) -> PathBuf {
    journal.snapshot().unwrap().write(name, &Progress::default()).unwrap().file
}

#[test]
fn a_restored_directory_holds_what_the_backup_held_and_keeps_the_journal_that_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.store_incarnations(&[5, 6]).unwrap();
    journal.commit(&Group { taken: &[(ANN, 4)], ..Group::default() }).unwrap();
    assert_eq!(journal.count_start().unwrap(), 1);
    play(&mut journal, 1);
    let file = backup(&mut journal, "b");
    let of_backup = std::fs::read(&file).unwrap();
    play(&mut journal, 2);
    assert_eq!(journal.count_start().unwrap(), 2);
    let newest = journal.newest().unwrap();
    let in_use = restore(&file, dir.path()).unwrap_err();
    assert!(matches!(in_use, RestoreError::InUse(_)), "{in_use}");
    drop(journal);

    let restored = restore(&file, dir.path()).unwrap();
    assert_eq!((restored.resumed.leases, restored.resumed.incarnations), (1, 2));
    assert_eq!(std::fs::read(&file).unwrap(), of_backup, "the backup is as it was");
    let mut journal = Journal::open(dir.path()).unwrap();
    assert_eq!(coins(&mut journal), 10);
    assert_eq!(journal.load(ANN).unwrap().unwrap().unwrap().revision, 1);
    assert_eq!((journal.leases().unwrap().len(), journal.incarnations().unwrap()), (0, 0));
    assert!(journal.newest().unwrap() > newest, "no number is given twice");
    assert!(journal.count_start().unwrap() > 2, "nor a start");
    let mut before = Journal::open_existing(&restored.before.unwrap()).unwrap();
    assert_eq!(coins(&mut before), 20);
    assert!(!dir.path().join("journal.redb.restoring").exists());
}

#[test]
fn a_restored_directory_goes_on() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut journal = Journal::open(from.path()).unwrap();
    play(&mut journal, 1);
    let file = backup(&mut journal, "b");
    assert_eq!(restore(&file, to.path()).unwrap().before, None);
    let mut journal = Journal::open(to.path()).unwrap();
    play(&mut journal, 2);
    drop(journal);
    let found = verify(to.path()).unwrap();
    assert!(found.is_sound() && found.coins == 20, "{found:?}");
}

#[test]
fn a_damaged_backup_is_not_restored_and_a_damaged_journal_is_moved_aside() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    play(&mut journal, 1);
    let file = backup(&mut journal, "b");
    drop(journal);
    let path = dir.path().join(JOURNAL_FILE);
    let torn = dir.path().join("torn");
    std::fs::write(&torn, &std::fs::read(&file).unwrap()[..8_192]).unwrap();
    let error = restore(&torn, dir.path()).unwrap_err();
    assert!(matches!(error, RestoreError::Backup(_)), "{error}");
    let missing = restore(&dir.path().join("missing"), dir.path()).unwrap_err();
    assert!(matches!(missing, RestoreError::Io { doing: "copy", .. }), "{missing}");
    assert_eq!(coins(&mut Journal::open(dir.path()).unwrap()), 10, "the journal stays where it is");

    std::fs::write(&path, b"no journal at all").unwrap();
    let before = restore(&file, dir.path()).unwrap().before.unwrap();
    assert_eq!(std::fs::read(before).unwrap(), b"no journal at all");
    assert_eq!(coins(&mut Journal::open(dir.path()).unwrap()), 10);
}

#[test]
fn a_backup_with_a_row_that_cannot_be_read_is_not_restored() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    play(&mut journal, 1);
    let write = journal.begin_write();
    let table = redb::TableDefinition::<u64, &[u8]>::new("estates");
    write.open_table(table).unwrap().insert(ANN.0, &b"scribbled over"[..]).unwrap();
    write.commit().unwrap();
    let file = backup(&mut journal, "b");
    drop(journal);
    let error = restore(&file, dir.path()).unwrap_err().to_string();
    assert!(error.contains("1 rows cannot be read, the first is what character 1 owns"), "{error}");
}

#[test]
fn a_directory_without_a_journal_is_not_made_one_by_looking() {
    let dir = tempfile::tempdir().unwrap();
    let error = verify(dir.path()).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
}

fn stores_at(url: &str) -> Stores {
    let mariadb = MariaDb { servers: vec![url.to_owned()], is_pair: false, password_file: None };
    Stores { mariadb: Some(mariadb), ..Stores::default() }
}

/// What a server gives up at its end is not in its journal any more: if MariaDB did not hear of it, nobody else could have it.
#[test]
fn who_is_given_up_at_the_end_is_given_up_in_mariadb_too() {
    let server = stores::MariaDb::start(&MariaDbOptions::default()).unwrap();
    let (dir, stores) = (tempfile::tempdir().unwrap(), stores_at(&server.url()));
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.attach(1).unwrap().unwrap();
    let database = Database::new(&MariaDbConfig { url: server.url(), seed: 7 }).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let one = ServerId::of("one");
    runtime.block_on(async {
        database.migrate().await.unwrap();
        database.enlist("one", journal.id().unwrap()).await.unwrap();
        database.take_lease(one, ANN).await.unwrap();
    });
    journal.commit(&Group { taken: &[(ANN, 1)], ..Group::default() }).unwrap();
    let (mut journal, is_done) = hand_over(journal, "one", &stores, 60 * NS_PER_S, &mut |_| {}).unwrap();
    assert!(is_done && journal.leases().unwrap().is_empty());
    assert_eq!(runtime.block_on(database.leases_of(one)).unwrap(), []);
    runtime.block_on(database.close());
}

#[test]
fn a_dead_servers_journal_is_handed_over_and_then_others_may_have_its_characters() {
    let mut server = stores::MariaDb::start(&MariaDbOptions::default()).unwrap();
    let (dir, stores) = (tempfile::tempdir().unwrap(), stores_at(&server.url()));
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.attach(1).unwrap().unwrap();
    play(&mut journal, 1);
    play(&mut journal, 2);
    let database = Database::new(&MariaDbConfig { url: server.url(), seed: 7 }).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dead = ServerId::of("dead");
    let epoch = runtime.block_on(async {
        database.migrate().await.unwrap();
        assert_eq!(database.enlist("dead", journal.id().unwrap()).await.unwrap(), Enlisted::As(dead));
        // One that it has written down, and one of which it died before.
        database.take_lease(dead, CharacterId(2)).await.unwrap();
        match database.take_lease(dead, ANN).await.unwrap() {
            LeaseAnswer::Taken { epoch } => epoch,
            held @ LeaseAnswer::Held { .. } => panic!("{held:?}"),
        }
    });
    journal.commit(&Group { taken: &[(ANN, epoch)], ..Group::default() }).unwrap();
    let in_use = import_within(NS_PER_S, dir.path(), "dead", &stores, &mut |_| {}).unwrap_err();
    assert!(matches!(in_use, ImportError::Open(_)), "{in_use}");
    drop(journal);

    let wrong = import_within(NS_PER_S, dir.path(), "other", &stores, &mut |_| {}).unwrap_err();
    assert!(matches!(wrong, ImportError::Name { leases: 1, .. }), "{wrong}");
    runtime.block_on(database.close());
    server.stop().unwrap();
    let away = import_within(NS_PER_S, dir.path(), "dead", &stores, &mut |_| {}).unwrap_err();
    assert!(matches!(away, ImportError::MariaDb(_)), "{away}");
    server.restart().unwrap();

    let imported = import_within(60 * NS_PER_S, dir.path(), "dead", &stores, &mut |_| {}).unwrap();
    assert_eq!(imported, Imported { postings: 3, checkpoints: 1, leases: 2 });
    runtime.block_on(async {
        assert_eq!(database.leases_of(dead).await.unwrap(), []);
        let kept = database.load(ANN).await.unwrap().unwrap();
        assert_eq!((kept.estate.unwrap().coins, kept.checkpoint.unwrap().0), (20, 2));
        assert_eq!(database.enlist("alive", 5).await.unwrap(), Enlisted::As(ServerId::of("alive")));
        let taken = database.take_lease(ServerId::of("alive"), ANN).await.unwrap();
        assert!(matches!(taken, LeaseAnswer::Taken { .. }), "{taken:?}");
        database.close().await;
    });
    let found = verify(dir.path()).unwrap();
    assert_eq!((found.outbox, found.leases, found.drained), (0, 0, 3));
    let again = import_within(60 * NS_PER_S, dir.path(), "dead", &stores, &mut |_| {}).unwrap();
    assert_eq!(again, Imported::default(), "a second time nothing is left to do");
}

/// What could not be read is missing in MariaDB's ledger; what it left behind is not missing anywhere.
#[test]
fn a_posting_that_cannot_be_read_holds_up_what_is_behind_it_until_it_is_set_aside() {
    let server = stores::MariaDb::start(&MariaDbOptions::default()).unwrap();
    let (dir, stores) = (tempfile::tempdir().unwrap(), stores_at(&server.url()));
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.attach(1).unwrap().unwrap();
    play(&mut journal, 1);
    play(&mut journal, 2);
    let write = journal.begin_write();
    let outbox = redb::TableDefinition::<u64, &[u8]>::new("outbox");
    write.open_table(outbox).unwrap().insert(3, &b"scribbled over"[..]).unwrap();
    write.commit().unwrap();
    drop(journal);
    let torn = import_within(NS_PER_S, dir.path(), "dead", &stores, &mut |_| {}).unwrap_err().to_string();
    assert!(torn.starts_with("posting 3 of the outbox: ") && torn.contains("--set-aside-unreadable"), "{torn}");

    let journal = Journal::open_existing(&dir.path().join(JOURNAL_FILE)).unwrap();
    let (mut journal, is_done) = hand_over(journal, "dead", &stores, 4 * NS_PER_S, &mut |_| {}).unwrap();
    assert!(
        !is_done && journal.drained().unwrap() == 2 && journal.waiting().unwrap() == 1,
        "never left out in silence"
    );
    let coins = || server.sql("SELECT coins FROM throng.characters WHERE character_id = 1").unwrap();
    assert_eq!(coins().trim(), "10");
    drop(journal);

    let done = set_aside_unreadable(dir.path()).unwrap();
    assert_eq!((done.postings.len(), done.postings[0].seq, done.told_again), (1, 3, 1));
    assert_eq!(verify(dir.path()).unwrap().set_aside, 1);
    let imported = import_within(60 * NS_PER_S, dir.path(), "dead", &stores, &mut |_| {}).unwrap();
    assert_eq!((imported.postings, coins().trim()), (2, "20"), "Ann, and the sums");
    assert_eq!(server.sql("SELECT amount FROM throng.sums WHERE kind = -1").unwrap().trim(), "20");
    assert_eq!(verify(dir.path()).unwrap().set_aside, 1, "it is kept");
}
