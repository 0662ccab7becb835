//! Two databases that replicate to each other, one of which is killed.

use super::rig::{Server, stores, wait_until};
use ::stores::Pair;
use protocol::CharacterId;
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
    one.stop();
    two.stop();
}
