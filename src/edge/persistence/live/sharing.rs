//! Servers that share their players.

use super::rig::{Server, stores, wait_until};
use ::stores::{MariaDb, MariaDbOptions, Redis};
use game::{BooksError, Entry, Way};
use protocol::CharacterId;
use server::{CommitError, LoadError, Saved};

const ANN: CharacterId = CharacterId(1);
const BOB: CharacterId = CharacterId(2);

fn saved(revision: u64, bytes: &[u8]) -> Option<Saved> {
    Some(Saved { revision, bytes: bytes.to_vec() })
}

#[test]
fn what_is_done_is_in_the_ledger_once_and_the_outbox_is_empty_again() {
    let (dir, db) = (tempfile::tempdir().unwrap(), MariaDb::start(&MariaDbOptions::default()).unwrap());
    let redis = Redis::start(dir.path()).unwrap();
    let mut one = Server::start(dir.path(), "one", &stores(&[db.url()], false, Some(redis.url())));
    assert_eq!(one.load(ANN).unwrap().estate, None);
    let ids: Vec<_> = (0..20).map(|_| one.mint(ANN, 5)).collect();
    one.save(ANN, 1, b"here");
    one.wait_drained();
    for id in ids {
        let count = db.sql(&format!("SELECT COUNT(*) FROM throng.ledger WHERE transaction_id = x'{:032x}'", id.0));
        assert_eq!(count.unwrap().trim(), "1");
    }
    let coins = db.sql("SELECT coins FROM throng.characters WHERE character_id = 1").unwrap();
    assert_eq!(coins.trim(), "100");
    let revision = redis.ask(&["GETRANGE", "throng:{player:1}:checkpoint", "0", "19"]).unwrap();
    assert!(revision.trim().ends_with("00000000000000000001"), "{revision}");
    wait_until("Redis knows where he plays", || {
        redis.ask(&["HGET", "throng:{player:1}:session", "server"]).unwrap().trim().ends_with("one")
    });
    one.stop();
    let undrained = db.sql("SELECT COUNT(*) FROM throng.leases WHERE is_undrained = 1").unwrap();
    assert_eq!(undrained.trim(), "0", "whoever goes down in peace keeps nobody");
}

#[test]
fn who_leaves_one_server_is_whole_on_another_and_on_no_two_at_once() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let stores = stores(&[db.url()], false, None);
    let mut one = Server::start(here.path(), "one", &stores);
    let mut two = Server::start(there.path(), "two", &stores);
    assert_ne!(one.incarnation, two.incarnation);
    one.load(ANN).unwrap();
    one.mint(ANN, 70);
    one.save(ANN, 3, b"by the well");
    match two.load(ANN) {
        Err(LoadError::Elsewhere(why)) => assert!(why.contains("server one"), "{why}"),
        other => panic!("{other:?}"),
    }
    one.leave(ANN);
    one.stop();
    let found = two.load(ANN).unwrap();
    assert_eq!((found.estate.unwrap().coins, found.checkpoint), (70, saved(3, b"by the well")));
    two.mint(ANN, 5);
    two.save(ANN, 4, b"at the gate");
    two.leave(ANN);
    two.stop();
    // Back where an older picture of him lies.
    let one = Server::start(here.path(), "one", &stores);
    let found = one.load(ANN).unwrap();
    assert_eq!((found.estate.unwrap().coins, found.checkpoint), (75, saved(4, b"at the gate")));
    one.stop();
}

#[test]
fn a_name_that_was_given_on_one_server_is_taken_on_another_and_rosters_are_known_to_both() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let stores = stores(&[db.url()], false, None);
    let mut one = Server::start(here.path(), "one", &stores);
    let mut two = Server::start(there.path(), "two", &stores);
    one.create(7, ANN, "Ada").unwrap();
    assert_eq!(two.create(8, BOB, "ADA"), Err(CommitError::Books(BooksError::Name(ANN))));
    two.create(7, BOB, "Eve").expect("another name is free");
    one.wait_drained();
    two.wait_drained();
    assert!(one.roster(8).unwrap().is_empty());
    one.stop();
    two.stop();
}

#[test]
fn the_newest_of_journal_redis_and_mariadb_is_taken_and_a_broken_one_in_redis_is_not() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let redis = Redis::start(dir.path()).unwrap();
    let stores = stores(&[db.url()], false, Some(redis.url()));
    let one = Server::start(dir.path(), "one", &stores);
    one.load(ANN).unwrap();
    one.load(BOB).unwrap();
    one.save(ANN, 5, b"five");
    one.save(BOB, 5, b"five");
    one.stop();
    // MariaDB falls back, as one that was restored from last night would; Redis still has it.
    db.sql("DELETE FROM throng.checkpoints").unwrap();
    redis.ask(&["SET", "throng:{player:2}:checkpoint", "00000000000000000009 scribbled over"]).unwrap();
    let two = Server::start(other.path(), "two", &stores);
    assert_eq!(two.load(ANN).unwrap().checkpoint, saved(5, b"five"));
    assert_eq!(two.load(BOB).unwrap().checkpoint, None, "what Redis says is checked");
    two.stop();
}

#[test]
fn a_record_that_cannot_be_read_is_one_players_trouble() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let stores = stores(&[db.url()], false, None);
    let one = Server::start(dir.path(), "one", &stores);
    for character in [ANN, BOB] {
        one.load(character).unwrap();
        one.save(character, 1, b"here");
    }
    one.stop();
    db.sql("UPDATE throng.checkpoints SET record = x'ffff00', revision = revision WHERE character_id = 1").unwrap();
    let two = Server::start(other.path(), "two", &stores);
    assert!(matches!(two.load(ANN), Err(LoadError::Unreadable(_))));
    assert_eq!(two.load(BOB).unwrap().checkpoint, saved(1, b"here"));
    two.stop();
}

#[test]
fn a_server_that_lost_its_disk_finds_its_world_and_its_players_in_mariadb() {
    let (lost, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let stores = stores(&[db.url()], false, None);
    let mut one = Server::start(lost.path(), "one", &stores);
    one.load(ANN).unwrap();
    one.mint(ANN, 9);
    let way = Way::Operator;
    let drop = Entry::GroundCoins { item: protocol::ItemId(77), change: 4, place: (1, 2, 3) };
    one.commit(vec![Entry::Coins { character: ANN, change: -4, way }, drop]).unwrap();
    one.stop();
    let mut one = Server::start(new.path(), "one", &stores);
    assert_eq!(one.load(ANN).unwrap().estate.unwrap().coins, 5);
    let take = Entry::GroundCoins { item: protocol::ItemId(77), change: -4, place: (1, 2, 3) };
    one.commit(vec![take, Entry::Coins { character: ANN, change: 4, way }]).expect("they still lie there");
    one.mint(ANN, 1);
    one.wait_drained();
    assert_eq!(db.sql("SELECT coins FROM throng.characters WHERE character_id = 1").unwrap().trim(), "10");
    assert_eq!(db.sql("SELECT amount FROM throng.sums WHERE way = 'operator' AND kind = -1").unwrap().trim(), "10");
    one.stop();
}

/// Somebody gets nine coins in a server that knows no stores.
fn work_alone(dir: &std::path::Path) {
    let mut journal = crate::edge::persistence::Journal::open(dir).unwrap();
    let way = Way::Operator;
    let coins = vec![Entry::Coins { character: ANN, change: 9, way }, Entry::Minted { coins: 9, way }];
    let deals = [game::Transaction { id: game::TransactionId(1), entries: coins }];
    journal.commit(&crate::edge::persistence::journal::Group { deals: &deals, ..Default::default() }).unwrap();
}

#[test]
fn a_journal_that_worked_alone_brings_all_that_it_has() {
    let dir = tempfile::tempdir().unwrap();
    work_alone(dir.path());
    let db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let one = Server::start(dir.path(), "one", &stores(&[db.url()], false, None));
    one.wait_drained();
    assert_eq!(db.sql("SELECT coins FROM throng.characters WHERE character_id = 1").unwrap().trim(), "9");
    assert_eq!(db.sql("SELECT amount FROM throng.sums WHERE way = 'operator'").unwrap().trim(), "9");
    one.stop();
}

/// Alone, each counted from one: their things have the same numbers.
#[test]
fn of_two_journals_that_worked_alone_the_second_is_refused() {
    let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());
    work_alone(dirs[0].path());
    work_alone(dirs[1].path());
    let db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let stores = stores(&[db.url()], false, None);
    let one = Server::start(dirs[0].path(), "one", &stores);
    one.wait_drained();
    for _ in 0..2 {
        let why = Server::try_start(dirs[1].path(), "two", &stores).err().expect("it is refused");
        assert!(why.contains("so had that of the server one which is in there"), "{why}");
    }
    assert_eq!(db.sql("SELECT coins FROM throng.characters WHERE character_id = 1").unwrap().trim(), "9");
    // A new one has given no numbers yet, and the first has met MariaDB.
    Server::start(dirs[2].path(), "two", &stores).stop();
    one.stop();
    Server::start(dirs[0].path(), "one", &stores).stop();
}

/// What was taken over from another journal may have higher numbers than all that this one has to carry.
#[test]
fn who_only_looks_around_on_another_server_is_let_go_there_too() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let stores = stores(&[db.url()], false, None);
    let mut one = Server::start(here.path(), "one", &stores);
    one.load(ANN).unwrap();
    for _ in 0..20 {
        one.mint(ANN, 1);
    }
    one.leave(ANN);
    one.stop();
    let two = Server::start(there.path(), "two", &stores);
    two.load(ANN).unwrap();
    two.leave(ANN);
    two.stop();
    let undrained = db.sql("SELECT COUNT(*) FROM throng.leases WHERE is_undrained = 1").unwrap();
    assert_eq!(undrained.trim(), "0", "nobody is anybody's");
}
