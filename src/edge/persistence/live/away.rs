//! Stores that are away, and servers that die while they are.

use super::rig::{Server, stores, wait_until};
use ::stores::{MariaDb, MariaDbOptions, Redis};
use protocol::CharacterId;
use server::LoadError;
use std::time::{Duration, Instant};

const ANN: CharacterId = CharacterId(1);
const BOB: CharacterId = CharacterId(2);
/// How late an answer to a committed action may be, 99 of 100 times.
const ACK_P99: Duration = Duration::from_millis(100);
/// How long a lookup takes at most: 3 s, and what a busy machine adds.
const LOOKUP_MAX: Duration = Duration::from_secs(5);

#[test]
fn while_mariadb_and_redis_are_frozen_what_is_done_is_answered_from_the_journal_and_follows_later() {
    let dir = tempfile::tempdir().unwrap();
    let (db, redis) = (MariaDb::start(&MariaDbOptions::default()).unwrap(), Redis::start(dir.path()).unwrap());
    let mut one = Server::start(dir.path(), "one", &stores(&[db.url()], false, Some(redis.url())));
    one.load(ANN).unwrap();
    one.mint(ANN, 1);
    one.wait_drained();
    db.freeze().unwrap();
    redis.freeze().unwrap();
    let mut took: Vec<Duration> = (0..300)
        .map(|_| {
            let began = Instant::now();
            one.mint(ANN, 1);
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    assert!(took[297] <= ACK_P99, "p99 {:?}", took[297]);
    let asked = Instant::now();
    assert!(matches!(one.load(BOB), Err(LoadError::Away(_))), "whom nobody here knows");
    assert!(asked.elapsed() < LOOKUP_MAX, "{:?}", asked.elapsed());
    assert_eq!(one.load(ANN).unwrap().estate.unwrap().coins, 301, "who is ours is served from here");
    wait_until("the lag is seen", || one.board.store.load().remote_lag_ns > 1_000_000_000);
    assert!(one.board.store.load().outbox >= 290);
    db.thaw().unwrap();
    redis.thaw().unwrap();
    one.wait_drained();
    assert_eq!(one.board.store.load().remote_lag_ns, 0);
    assert_eq!(db.sql("SELECT coins FROM throng.characters WHERE character_id = 1").unwrap().trim(), "301");
    assert_eq!(db.sql("SELECT COUNT(*) FROM throng.ledger").unwrap().trim(), "301");
    one.stop();
}

#[test]
fn who_died_with_work_in_its_journal_keeps_its_players_until_that_is_handed_on() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let stores = stores(&[db.url()], false, None);
    let mut one = Server::start(here.path(), "one", &stores);
    one.load(ANN).unwrap();
    one.mint(ANN, 10);
    one.wait_drained();
    db.kill().unwrap();
    one.mint(ANN, 32);
    one.kill();
    db.restart().unwrap();
    let two = Server::start(there.path(), "two", &stores);
    match two.load(ANN) {
        Err(LoadError::Elsewhere(why)) => assert!(why.contains("server one"), "{why}"),
        other => panic!("{other:?}"),
    }
    // The dead one's journal comes back, and hands on what it has.
    Server::start(here.path(), "one", &stores).stop();
    assert_eq!(two.load(ANN).unwrap().estate.unwrap().coins, 42);
    two.stop();
}

#[test]
fn a_start_without_mariadb_serves_whom_it_had_and_a_first_one_says_what_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let mut db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let stores = stores(&[db.url()], false, None);
    let mut one = Server::start(dir.path(), "one", &stores);
    one.load(ANN).unwrap();
    one.mint(ANN, 10);
    db.kill().unwrap();
    one.kill();
    let mut one = Server::start(dir.path(), "one", &stores);
    assert_eq!(one.load(ANN).unwrap().estate.unwrap().coins, 10);
    one.mint(ANN, 1);
    db.restart().unwrap();
    one.wait_drained();
    assert_eq!(db.sql("SELECT coins FROM throng.characters WHERE character_id = 1").unwrap().trim(), "11");
    one.stop();
}

#[test]
fn a_wrong_password_is_said_without_saying_it_and_a_first_start_does_not_wait_for_it_to_become_right() {
    let dir = tempfile::tempdir().unwrap();
    let db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let url = db.url();
    let (before, after) = url.rsplit_once('@').unwrap();
    let wrong = format!("{}:s3cret@{after}", before.rsplit_once(':').unwrap().0);
    let began = Instant::now();
    let error = Server::try_start(dir.path(), "one", &stores(&[wrong], false, None)).err().expect("it is wrong");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(error.contains("has never met MariaDB") && !error.contains("s3cret"), "{error}");
}
