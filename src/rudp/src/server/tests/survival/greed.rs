//! Item 15: one client that sends and asks for all it can must not delay the others within the same tick. What it can
//! cost is counted, not timed: each bound below is a named limit.
use super::HOME;
use crate::channel::{self, ChannelId};
use crate::client::ClientState;
use crate::outer::{DATAGRAM_BYTES_MAX, Kind};
use crate::rig::hand::{Hand, input_body};
use crate::rig::{Told, World};
use crate::server::{ConnectionId, PacketLimits};
use crate::time::NS_PER_S;
use std::net::SocketAddr;

/// Frames that one packet may hold, and so the most messages it brings.
const FRAMES: usize = crate::packet::FRAMES_MAX;

/// One greedy session and two honest ones, rested.
fn scene() -> (World, Hand, [Hand; 2]) {
    let mut world = World::v4();
    let mut hands = [(1, HOME), (2, "198.51.100.2:5000"), (3, "198.51.100.3:5000")]
        .map(|(client_id, address)| Hand::new(world.token(client_id, client_id as u8), address));
    for hand in &mut hands {
        hand.connect(&mut world);
        hand.speak(&mut world);
    }
    world.run_ms(3_000);
    let [greedy, a, b] = hands;
    (world, greedy, [a, b])
}

/// A payload with as many messages as a packet may hold.
fn crowded_body() -> Vec<u8> {
    let mut body = vec![0];
    for _ in 0..FRAMES {
        body.extend([0x12, 2, 1, 2]);
    }
    body
}

fn messages_of(world: &World, id: ConnectionId, since: usize) -> usize {
    let is_his = |told: &&Told| matches!(told, Told::Message(of, ..) if *of == id);
    world.told[since..].iter().filter(is_his).count()
}

/// Datagrams of one wake, the greedy ones first; then events and transmits, as in every wake.
fn wake(world: &mut World, greedy: (&Hand, &[Vec<u8>]), honest: &mut [Hand]) {
    let now = world.now;
    for bytes in greedy.1 {
        world.server.handle_datagram(now, greedy.0.address, &mut bytes.clone());
    }
    for hand in honest {
        let packet = hand.seal(Kind::Payload, &input_body(b"in"));
        world.server.handle_datagram(now, hand.address, &mut packet.clone());
    }
    world.server.handle_timeout(now);
    world.flush();
}

/// proves: LIF-16
#[test]
fn survival_15_what_one_session_can_make_the_server_do_at_once_is_bounded() {
    let limits = PacketLimits::default();
    let (mut world, mut greedy, mut honest) = scene();
    // As much as a whole wake holds, and more: good packets, forged ones of the next numbers, of others, and replays.
    let mut all = vec![];
    for _ in 0..1_000 {
        let good = greedy.seal(Kind::Payload, &crowded_body());
        let mut next = good.clone();
        *next.last_mut().unwrap() ^= 1;
        let mut far = greedy.seal_as(Kind::Payload, greedy.sequence + 100_000, &crowded_body());
        *far.last_mut().unwrap() ^= 1;
        all.extend([next, far, good.clone(), good]);
        // A good one that leaves out so many numbers that it is not among the next.
        let ahead = greedy.seal_as(Kind::Payload, greedy.sequence + 10_000 * 300, &crowded_body());
        all.push(ahead);
    }
    let (before, since) = (world.server.counters().clone(), world.told.len());
    wake(&mut world, (&greedy, &all), &mut honest);
    let after = world.server.counters().clone();
    let opens = (after.drop_seal - before.drop_seal) + (after.drop_session_rate - before.drop_session_rate);
    let taken = messages_of(&world, world.id_of(1), since) / FRAMES;
    assert_eq!(taken, limits.opened.burst as usize, "packets taken");
    let opens_max = u64::from(limits.expected.burst + limits.unopened.burst);
    assert!(opens + taken as u64 <= opens_max, "{opens} and {taken} packets were tried to open, {opens_max} may be");
    for client_id in [2, 3] {
        assert_eq!(messages_of(&world, world.id_of(client_id), since), 1, "the honest are heard in the same wake");
    }
    assert_eq!(world.ends(), []);
}

/// proves: LIF-16
#[test]
fn survival_15_from_then_on_a_greedy_session_has_two_packets_a_tick() {
    let (mut world, mut greedy, mut honest) = scene();
    let mut per_tick = vec![];
    for _ in 0..120 {
        world.now = world.now.plus_ns(NS_PER_S / 60);
        let since = world.told.len();
        let all: Vec<_> = (0..50).map(|_| greedy.seal(Kind::Payload, &crowded_body())).collect();
        wake(&mut world, (&greedy, &all), &mut honest);
        per_tick.push(messages_of(&world, world.id_of(1), since) / FRAMES);
        for client_id in [2, 3] {
            assert_eq!(messages_of(&world, world.id_of(client_id), since), 1);
        }
    }
    // The burst lasts five ticks at 50; 120 packets a second are two a tick.
    assert!(per_tick[..4].iter().sum::<usize>() <= 250, "{per_tick:?}");
    assert!(per_tick[6..].iter().all(|packets| *packets <= 3), "{per_tick:?}");
    let late: usize = per_tick[60..].iter().sum();
    assert!((115..=121).contains(&late), "{late} in the second second");
}

/// The way out goes round: whatever waits for one session, each of the others is served after one datagram of his.
#[test]
fn survival_15_a_session_with_much_to_be_sent_keeps_nobody_waiting() {
    let (mut world, greedy, honest) = scene();
    for channel in [channel::EVENT, channel::CONTROL] {
        while world.server.send(world.id_of(1), channel, &[7; 1_000]).is_ok() {}
    }
    for client_id in [2, 3] {
        world.server.send(world.id_of(client_id), channel::EVENT, b"short").unwrap();
    }
    let to = |world: &mut World| -> Vec<SocketAddr> {
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        let now = world.now;
        std::iter::from_fn(|| world.server.poll_transmit(now, &mut buf).map(|transmit| transmit.to)).collect()
    };
    let order = to(&mut world);
    for hand in &honest {
        let at = order.iter().position(|to| *to == hand.address).expect("served in this wake");
        assert!(at < 3, "an honest one waits behind {at} datagrams: {order:?}");
    }
    let his = order.iter().filter(|to| **to == greedy.address).count() as u64;
    assert!((2..=crate::connection::FLIGHT_SPAN_MAX).contains(&his), "{his} datagrams to the greedy one");
}

/// A handshake costs more than a packet; a flood of them and of junk leaves the sessions' own budgets alone.
///
/// proves: LIF-4, LIF-16
#[test]
fn survival_15_junk_at_full_rate_takes_nothing_from_the_budgets_of_sessions() {
    let mut world = World::v4();
    let honest = world.join("198.51.100.2:5000", 2);
    world.run_ms(1_000);
    let good = Hand::new(world.token(9, 9), HOME).request();
    let stranger: SocketAddr = "203.0.113.9:6000".parse().unwrap();
    let mut said = 0_u8;
    for n in 0..1_000_u64 {
        for round in 0..20_u64 {
            let mut bytes = good.clone();
            bytes[100..108].copy_from_slice(&(n * 20 + round).to_le_bytes());
            world.server.handle_datagram(world.now, stranger, &mut bytes);
            let mut junk = vec![0x85; 300];
            junk[1..9].copy_from_slice(&round.to_le_bytes());
            world.server.handle_datagram(world.now, stranger, &mut junk);
        }
        if n % 10 == 0 {
            world.peers[honest].client.send(channel::CONTROL, &[said]).unwrap();
            world.flush();
            said += 1;
        }
        world.run_ms(1);
    }
    world.run_ms(200);
    let counters = world.server.counters();
    // Every request that cost an open: its address had 20 at once and 10 a second.
    assert!(counters.request_seal <= 31, "{}", counters.request_seal);
    assert_eq!(counters.drop_address_rate + counters.drop_session_rate + counters.drop_after_failures, 0);
    let heard: Vec<u8> = world.told.iter().filter_map(of_control).collect();
    assert_eq!(heard, (0..said).collect::<Vec<_>>());
    assert_eq!(world.state(honest), ClientState::Spoken);
}

fn of_control(told: &Told) -> Option<u8> {
    match told {
        Told::Message(_, ChannelId(0), bytes) => bytes.first().copied(),
        _ => None,
    }
}
