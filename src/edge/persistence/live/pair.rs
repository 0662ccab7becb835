//! Two databases that replicate to each other, one of which is killed.

use super::rig::{Server, stores, wait_until};
use ::stores::Pair;
use game::BooksError;
use protocol::CharacterId;
use server::CommitError;
use std::time::{Duration, Instant};

const ANN: CharacterId = CharacterId(1);
const BOB: CharacterId = CharacterId(2);
/// When one dies, what is done reaches the other within so long.
const CARRIES_ON_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn when_one_of_a_pair_dies_the_other_carries_on_and_both_are_the_same_afterwards() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut pair = Pair::start().unwrap();
    let [first, second] = pair.both().map(|node| node.url());
    let mut one = Server::start(here.path(), "one", &stores(&[first.clone(), second.clone()], true, None));
    pair.wait_in_step().unwrap();
    let mut two = Server::start(there.path(), "two", &stores(&[second, first], true, None));
    one.load(ANN).unwrap();
    two.load(BOB).unwrap();
    for _ in 0..50 {
        one.mint(ANN, 1);
        two.mint(BOB, 1);
    }
    one.wait_drained();
    two.wait_drained();
    for node in pair.both() {
        let coins = node.sql("SELECT SUM(coins) FROM throng.characters").unwrap();
        assert_eq!(coins.trim(), "100", "what is drained is at both");
    }
    pair.one.kill().unwrap();
    let (last, killed) = (one.mint(ANN, 1), Instant::now());
    let count = format!("SELECT COUNT(*) FROM throng.ledger WHERE transaction_id = x'{:032x}'", last.0);
    wait_until("the other has it", || pair.both()[1].sql(&count).unwrap().trim() == "1");
    assert!(killed.elapsed() < CARRIES_ON_WITHIN, "{:?}", killed.elapsed());
    two.mint(BOB, 1);
    assert!(one.board.store.load().outbox <= 1_000, "and it is kept until the first is back");
    pair.one.restart().unwrap();
    one.wait_drained();
    two.wait_drained();
    pair.wait_in_step().unwrap();
    for node in pair.both() {
        assert_eq!(node.sql("SELECT SUM(coins) FROM throng.characters").unwrap().trim(), "102");
        let doubles = "SELECT COUNT(*) - COUNT(DISTINCT transaction_id) FROM throng.ledger";
        assert_eq!(node.sql(doubles).unwrap().trim(), "0");
    }
    a_name_that_the_second_refuses_is_free_at_the_first(&pair, &mut one);
    one.stop();
    two.stop();
}

/// In the same pair: starting one takes seconds. The first has not heard yet who has the name, gives it, and the second refuses.
fn a_name_that_the_second_refuses_is_free_at_the_first(pair: &Pair, server: &mut Server) {
    let [first, second] = pair.both();
    first.sql("STOP SLAVE").unwrap();
    let taken =
        "INSERT INTO throng.names (folded, character_id, account_id, reserved_at, epoch) VALUES ('ada', 9, 9, 1, 1)";
    second.sql(taken).unwrap();
    let refused = server.create(7, CharacterId(7), "Ada").unwrap_err();
    assert_eq!(refused, CommitError::Books(BooksError::Name(CharacterId(9))));
    let held = "SELECT COUNT(*) FROM throng.names WHERE folded = 'ada' AND character_id = 7";
    wait_until("nobody holds a name who was not made", || first.sql(held).unwrap().trim() == "0");
    let heard = "SELECT COUNT(*) FROM throng.names WHERE folded = 'ada'";
    assert_eq!(first.sql(heard).unwrap().trim(), "1", "it had been given");
    first.sql("START SLAVE").unwrap();
}
