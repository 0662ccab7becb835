//! What is asked for ahead of its use.
use crate::Prefetch;
use crate::rig::World;
use crate::rig::hand::Hand;
use crate::server::SESSION_BYTES;
use crate::server::ahead::AHEAD_MAX;
use std::cell::RefCell;

thread_local! {
    /// Lengths of what this test's thread was told of.
    static TOLD: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

fn tell(_start: *const u8, bytes: usize) {
    TOLD.with_borrow_mut(|told| told.push(bytes));
}

fn told() -> Vec<usize> {
    TOLD.with_borrow_mut(std::mem::take)
}

#[test]
fn the_session_of_each_sender_is_named_with_what_it_points_to_and_a_strangers_is_not() {
    let mut world = World::new("192.0.2.10:7777", |config| config.prefetch = Prefetch::new(tell));
    let mut hand = Hand::new(world.token(1, 1), "198.51.100.1:5000");
    hand.connect(&mut world);
    hand.speak(&mut world);
    assert_eq!(told(), [], "only those who say what comes next cause it");
    world.server.expect_datagrams(&["203.0.113.9:1".parse().unwrap()]);
    assert_eq!(told(), [], "nobody is there");
    world.server.expect_datagrams(&[hand.address, "203.0.113.9:1".parse().unwrap()]);
    let by_address = told();
    assert_eq!(by_address.iter().filter(|bytes| **bytes == SESSION_BYTES).count(), 1);
    assert!(by_address.len() > 5, "a timer, a key, records of packets: {by_address:?}");
    // As a dual-stack socket names the same peer.
    world.server.expect_datagrams(&["[::ffff:198.51.100.1]:5000".parse().unwrap()]);
    assert_eq!(told(), by_address);
}

#[test]
fn every_session_of_a_long_batch_is_named_once() {
    let mut world = World::new("192.0.2.10:7777", |config| config.prefetch = Prefetch::new(tell));
    let mut hand = Hand::new(world.token(1, 1), "198.51.100.1:5000");
    hand.connect(&mut world);
    let batch = [hand.address; AHEAD_MAX * 2 + 1];
    world.server.expect_datagrams(&batch);
    assert_eq!(told().iter().filter(|bytes| **bytes == SESSION_BYTES).count(), batch.len());
}
