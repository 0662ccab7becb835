//! How much one session may send, at the very edge of each limit.
use crate::channel;
use crate::outer::Kind;
use crate::rig::hand::{Hand, input_body};
use crate::rig::{Told, World};
use crate::time::{NS_PER_MS, NS_PER_S};

/// A spoken session whose buckets have had time to fill.
fn rested() -> (World, Hand) {
    let mut world = World::v4();
    let mut hand = Hand::new(world.token(1, 1), "198.51.100.1:5000");
    hand.connect(&mut world);
    hand.speak(&mut world);
    world.run_ms(3_000);
    (world, hand)
}

fn heard(world: &World) -> usize {
    world.told.iter().filter(|told| matches!(told, Told::Message(_, channel::INPUT, _))).count()
}

/// Packets of the session, one after the other at one instant; how many of them were taken.
fn burst(world: &mut World, hand: &mut Hand, packets: usize) -> usize {
    let before = heard(world);
    for _ in 0..packets {
        let packet = hand.seal(Kind::Payload, &input_body(b"in"));
        world.server.handle_datagram(world.now, hand.address, &mut packet.clone());
    }
    world.flush();
    heard(world) - before
}

/// proves: LIF-16
#[test]
fn a_session_has_240_packets_at_once_and_the_241st_a_120th_of_a_second_later() {
    let (mut world, mut hand) = rested();
    assert_eq!(burst(&mut world, &mut hand, 240), 240);
    assert_eq!(burst(&mut world, &mut hand, 1), 0);
    assert_eq!(world.server.counters().drop_session_rate, 1);
    world.now = world.now.plus_ns(NS_PER_S / 120 - 1_000);
    assert_eq!(burst(&mut world, &mut hand, 1), 0, "a microsecond too early");
    world.now = world.now.plus_ns(2_000);
    assert_eq!(burst(&mut world, &mut hand, 2), 1);
}

/// proves: LIF-16
#[test]
fn a_session_that_sends_120_packets_a_second_loses_none_and_one_that_sends_150_a_fifth_of_them() {
    for (per_s, lost) in [(120, 0..=0), (150, 239..=241)] {
        let (mut world, mut hand) = rested();
        let mut taken = 0;
        // Sixteen seconds: the burst of 240 is used up after eight of them at 150.
        for _ in 0..16 * per_s {
            world.now = world.now.plus_ns(NS_PER_S / per_s + 1);
            taken += burst(&mut world, &mut hand, 1) as u64;
        }
        assert!(lost.contains(&(16 * per_s - taken)), "{taken} taken at {per_s} a second");
    }
}

/// Replays stand for whatever carries another number than the next ones: they are looked at, and nothing more.
///
/// proves: LIF-16
#[test]
fn an_address_has_480_datagrams_at_once_that_are_not_the_next_ones() {
    let (mut world, mut hand) = rested();
    let old = hand.seal(Kind::Payload, &input_body(b"in"));
    world.strike(hand.address, &old);
    let before = world.server.counters().clone();
    for _ in 0..481 {
        world.server.handle_datagram(world.now, hand.address, &mut old.clone());
    }
    let after = world.server.counters();
    assert_eq!((after.drop_repeated - before.drop_repeated, after.drop_address_rate), (480, 1));
    world.now = world.now.plus_ns(NS_PER_S / 480 + 1);
    world.strike(hand.address, &old);
    world.strike(hand.address, &old);
    assert_eq!(world.server.counters().drop_repeated - before.drop_repeated, 481);
    assert_eq!(burst(&mut world, &mut hand, 1), 1, "the next number is not among them");
}

/// proves: LIF-16
#[test]
fn of_the_next_256_numbers_960_datagrams_are_tried_at_once_and_4_800_a_second() {
    let (mut world, mut hand) = rested();
    let mut forged = hand.seal_as(Kind::Payload, hand.sequence + 255, &input_body(b"in"));
    *forged.last_mut().unwrap() ^= 1;
    let before = world.server.counters().clone();
    for _ in 0..1_000 {
        world.server.handle_datagram(world.now, hand.address, &mut forged.clone());
    }
    let after = world.server.counters().clone();
    assert_eq!((after.drop_seal - before.drop_seal, after.drop_address_rate), (960, 40));
    for _ in 0..10 {
        world.now = world.now.plus_ns(100 * NS_PER_MS);
        for _ in 0..600 {
            world.server.handle_datagram(world.now, hand.address, &mut forged.clone());
        }
    }
    let tried = world.server.counters().drop_seal - after.drop_seal;
    assert!((4_790..=4_810).contains(&tried), "{tried} in the second after");
    world.now = world.now.plus_ns(NS_PER_S / 4_800 + 1);
    assert_eq!(burst(&mut world, &mut hand, 1), 1, "and its owner was never shut out for longer");
    // One number further is another thing: after 120 that do not open nothing more of that kind is opened.
    let mut beyond = hand.seal_as(Kind::Payload, hand.sequence + 256, &input_body(b"in"));
    *beyond.last_mut().unwrap() ^= 1;
    world.now = world.now.plus_ns(10 * NS_PER_S);
    let before = world.server.counters().clone();
    for _ in 0..400 {
        world.server.handle_datagram(world.now, hand.address, &mut beyond.clone());
    }
    let after = world.server.counters();
    let opened = after.drop_seal - before.drop_seal;
    assert_eq!((opened, after.drop_after_failures - before.drop_after_failures), (120, 280));
}

/// proves: LIF-16
#[test]
fn path_packets_count_among_the_240_at_once() {
    let (mut world, mut hand) = rested();
    let away = "203.0.113.5:9".parse().unwrap();
    let id = hand.path_id(&world);
    for _ in 0..500 {
        let packet = hand.path(id, 0);
        world.server.handle_datagram(world.now, away, &mut packet.clone());
    }
    assert_eq!(world.server.counters().drop_session_rate, 260);
}
