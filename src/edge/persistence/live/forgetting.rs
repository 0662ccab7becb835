//! A server whose disk is dead is given up.

use super::rig::{Server, stores, wait_until};
use crate::edge::persistence::care::{ForgetError, forget};
use ::stores::{MariaDb, MariaDbOptions};
use game::{Entry, Way};
use protocol::CharacterId;
use server::LoadError;

const ANN: CharacterId = CharacterId(1);
const BOB: CharacterId = CharacterId(2);

/// As if nothing had been heard of it for two minutes.
fn fall_silent(db: &MariaDb, name: &str) {
    // The guard keeps what was seen later: for once it looks away.
    let was = db.sql(&format!("SELECT seen_at FROM throng.servers WHERE name = '{name}'")).unwrap();
    let then = was.trim().parse::<u64>().unwrap() - 120_000;
    let row = format!("server_id, name, journal_id, {then} FROM throng.kept");
    db.sql(&format!(
        "CREATE TABLE throng.kept AS SELECT * FROM throng.servers WHERE name = '{name}'; \
         DELETE FROM throng.servers WHERE name = '{name}'; \
         INSERT INTO throng.servers SELECT {row}; DROP TABLE throng.kept"
    ))
    .unwrap();
}

#[test]
fn of_a_server_whose_journal_is_lost_others_have_what_mariadb_has_and_it_cannot_write_over_that() {
    let (lost, here, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let stores = stores(&[db.url()], false, None);
    let mut one = Server::start(lost.path(), "one", &stores);
    one.load(ANN).unwrap();
    one.mint(ANN, 70);
    one.save(ANN, 3, b"by the well");
    one.wait_drained();
    // What is done now MariaDB never hears of.
    db.freeze().unwrap();
    for _ in 0..20 {
        one.mint(ANN, 1);
    }
    one.save(ANN, 40, b"at the gate");
    one.kill();
    db.thaw().unwrap();

    let mut two = Server::start(here.path(), "two", &stores);
    assert!(matches!(two.load(ANN), Err(LoadError::Elsewhere(_))));
    assert!(matches!(forget("uno", &stores), Err(ForgetError::Unknown { .. })));
    let alive = forget("one", &stores).unwrap_err();
    assert!(matches!(alive, ForgetError::Alive { .. }), "{alive}");
    fall_silent(&db, "one");
    assert_eq!(forget("one", &stores).unwrap(), 1);
    assert_eq!(forget("one", &stores).unwrap(), 0, "once more does no harm");
    let found = two.load(ANN).unwrap();
    assert_eq!((found.estate.unwrap().coins, found.checkpoint.unwrap().revision), (70, 3));
    two.mint(ANN, 5);
    two.save(ANN, 4, b"on the bridge");
    two.wait_drained();

    // The journal is found after all. It believes that she is its own, and numbers what it does as it likes.
    let mut one = Server::start(lost.path(), "one", &stores);
    wait_until("it hears that it is not to be used any more", || one.load(ANN).is_err());
    let coins = vec![
        Entry::Coins { character: BOB, change: 1, way: Way::Operator },
        Entry::Minted { coins: 1, way: Way::Operator },
    ];
    let refused = one.commit(coins).unwrap_err().to_string();
    assert!(refused.contains("throng forget"), "{refused}");
    one.kill();
    let row = || db.sql("SELECT coins, (SELECT revision FROM throng.checkpoints) FROM throng.characters").unwrap();
    assert_eq!(row().trim(), "75\t4", "what is newer is not written over");

    // The name can be used again.
    let one = Server::start(new.path(), "one", &stores);
    assert!(matches!(one.load(ANN), Err(LoadError::Elsewhere(_))), "she plays on the other");
    two.leave(ANN);
    two.stop();
    assert_eq!(one.load(ANN).unwrap().estate.unwrap().coins, 75);
    one.stop();
}

/// It was cut off for long, and not dead: what it says afterwards is not listened to.
#[test]
fn a_server_that_was_given_up_while_it_ran_writes_nothing_any_more() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let db = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let stores = stores(&[db.url()], false, None);
    let mut one = Server::start(here.path(), "one", &stores);
    one.load(ANN).unwrap();
    one.mint(ANN, 70);
    one.wait_drained();
    fall_silent(&db, "one");
    assert_eq!(forget("one", &stores).unwrap(), 1);
    let two = Server::start(there.path(), "two", &stores);
    assert_eq!(two.load(ANN).unwrap().estate.unwrap().coins, 70);
    one.mint(ANN, 5);
    wait_until("it hears that it is not to be used any more", || one.load(ANN).is_err());
    assert_eq!(db.sql("SELECT coins FROM throng.characters").unwrap().trim(), "70");
    one.kill();
    two.stop();
}
