//! An account is erased in all stores at once.

use super::rig::{Server, stores, wait_until};
use crate::edge::persistence::{Database, MariaDbConfig};
use ::stores::{MariaDb, MariaDbOptions, Redis};
use protocol::{AccountId, CharacterId};
use serde_json::json;

const ANN: CharacterId = CharacterId(1 << 62);
const EVE: CharacterId = CharacterId(1 << 62 | 1);
const ACCOUNT: u64 = 7;

/// Ann is made, has coins and was seen somewhere; so is her account's own character.
fn play(one: &mut Server) {
    one.create(ACCOUNT, ANN, "Ann").unwrap();
    one.create(8, EVE, "Eve").unwrap();
    for character in [ANN, server::nameless(AccountId(ACCOUNT)), EVE] {
        one.load(character).unwrap();
        one.mint(character, 70);
        one.save(character, 3, b"by the well");
    }
}

fn leave(one: &Server) {
    for character in [ANN, server::nameless(AccountId(ACCOUNT)), EVE] {
        one.leave(character);
    }
}

/// What MariaDB would hand out.
fn export(db: &MariaDb) -> serde_json::Value {
    let database = Database::new(&MariaDbConfig { url: db.url(), seed: 1 }).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let account = AccountId(ACCOUNT);
        let found = database.export(account, &[server::nameless(account)]).await.unwrap();
        database.close().await;
        found
    })
}

#[test]
fn of_who_is_erased_no_store_holds_anything_and_nobody_else_loses_anything() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (db, redis) = (MariaDb::start(&MariaDbOptions::default()).unwrap(), Redis::start(dir.path()).unwrap());
    let stores = stores(&[db.url()], false, Some(redis.url()));
    let mut one = Server::start(dir.path(), "one", &stores);
    play(&mut one);
    let online = one.erase(ACCOUNT).unwrap_err();
    assert!(online.is_conflict() && online.to_string().contains("log it out first"), "{online}");
    // Neither is waited for: what the stores lack is carried first, and the leases need not linger.
    leave(&one);
    let gone = one.erase(ACCOUNT).unwrap();
    assert_eq!((gone.characters, gone.ledger_lines, gone.redis, gone.mariadb), (2, 1, true, true));

    let export = export(&db);
    assert_eq!((&export["characters"], &export["ledger"], &export["roster"]), (&json!([]), &json!([]), &json!([])));
    assert_eq!(one.held(ACCOUNT)["characters"], json!([]));
    let keys = |who: CharacterId| redis.ask(&["KEYS", &format!("throng:{{player:{}}}:*", who.0)]).unwrap();
    let none = "*0";
    assert_eq!((keys(ANN).trim(), keys(server::nameless(AccountId(ACCOUNT))).trim()), (none, none));
    assert_ne!(keys(EVE).trim(), none);
    assert!(one.roster(ACCOUNT).unwrap().is_empty(), "who logs in finds nobody");
    assert_eq!(one.load(server::nameless(AccountId(ACCOUNT))).unwrap(), server::Found::default());
    let coins =
        db.sql("SELECT SUM(coins) - (SELECT SUM(amount) FROM throng.sums WHERE kind = -1) FROM throng.characters");
    assert_eq!(coins.unwrap().trim(), "0");
    assert_eq!(one.load(EVE).unwrap().estate.unwrap().coins, 70);
    one.create(9, CharacterId(1 << 62 | 2), "ann").expect("her name is anybody's");
    one.leave(EVE);
    one.leave(server::nameless(AccountId(ACCOUNT)));
    one.stop();
    let two = Server::start(other.path(), "two", &stores);
    assert!(two.roster(ACCOUNT).unwrap().is_empty());
    two.stop();
}

#[test]
fn who_plays_on_another_server_is_not_erased_and_that_one_forgets_his_names_when_he_comes_again() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let stores = stores(&[db.url()], false, None);
    let mut two = Server::start(there.path(), "two", &stores);
    play(&mut two);
    let one = Server::start(here.path(), "one", &stores);
    two.wait_drained();
    let elsewhere = one.erase(ACCOUNT).unwrap_err();
    assert!(elsewhere.is_conflict() && elsewhere.to_string().contains("of server two"), "{elsewhere}");
    assert_eq!(two.load(ANN).unwrap().estate.unwrap().coins, 70, "nothing of her is gone");
    leave(&two);
    two.stop();
    let two = Server::start(there.path(), "two", &stores);
    assert_eq!(one.erase(ACCOUNT).unwrap().characters, 2);
    assert_eq!(two.held(ACCOUNT)["characters"][0]["name"], "Ann", "it has not heard of it");
    assert!(two.roster(ACCOUNT).unwrap().is_empty());
    assert!(!two.held(ACCOUNT).to_string().contains("Ann"));
    one.stop();
    two.stop();
}

#[test]
fn what_mariadb_has_not_taken_yet_is_waited_for_or_the_erasure_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let mut one = Server::start(dir.path(), "one", &stores(&[db.url()], false, None));
    play(&mut one);
    one.wait_drained();
    db.stop().unwrap();
    one.mint(ANN, 1);
    leave(&one);
    let away = one.erase(ACCOUNT).unwrap_err();
    assert!(!away.is_conflict(), "{away}");
    assert_eq!(one.load(ANN).unwrap().estate.unwrap().coins, 71, "nothing is erased");
    one.leave(ANN);
    db.restart().unwrap();
    let mut last = None;
    wait_until("it can be erased when MariaDB is back", || {
        last = one.erase(ACCOUNT).ok();
        last.is_some()
    });
    assert_eq!(last.unwrap().characters, 2);
    assert_eq!(db.sql("SELECT SUM(coins) FROM throng.characters").unwrap().trim(), "70", "Eve's");
    one.stop();
}
