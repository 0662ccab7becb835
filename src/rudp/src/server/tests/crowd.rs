//! Handshakes in a crowd: copies of requests, floods of requests and of responses.
use crate::client::ClientState;
use crate::outer::Kind;
use crate::rig::hand::Hand;
use crate::rig::{World, hello};
use crate::time::NS_PER_S;
use std::net::{Ipv4Addr, SocketAddr};

const OWNER: &str = "198.51.100.1:5000";

/// A request like the one of `hand`, unlike every other: it costs an open and fails.
fn junk(good: &[u8], n: u64) -> Vec<u8> {
    let mut bytes = good.to_vec();
    bytes[100..108].copy_from_slice(&n.to_le_bytes());
    bytes
}

/// proves: LIF-6
#[test]
fn copies_of_a_request_from_many_ports_do_not_displace_its_owner() {
    let mut world = World::v4();
    let mut owner = Hand::new(world.token(1, 1), OWNER);
    world.strike(owner.address, &owner.request());
    for port in 1..=15 {
        world.strike(SocketAddr::from(([203, 0, 113, 7], port)), &owner.request());
    }
    assert!(world.server.counters().pending_displaced >= 11, "the copies displace each other");
    let response = owner.response(&world);
    world.strike(owner.address, &response);
    assert_eq!(world.server.connections(), 1);
}

/// Someone who sees everything and owns four hosts displaces the owner. The client asks and answers in one breath.
///
/// proves: LIF-3
#[test]
fn a_displaced_owner_is_back_in_a_moment() {
    let mut world = World::v4();
    let token = world.token(1, 1);
    let copy = Hand::new(token.clone(), "192.0.2.66:1").request();
    let (server, owner) = (world.server_address, OWNER.parse().unwrap());
    let peer = world.join_with(OWNER, token, hello());
    // The first three responses are lost; so the copies have the time they need.
    let mut responses = 0;
    world.passes = Box::new(move |sent| {
        responses += u32::from(sent.to == server && sent.bytes[0] & 15 == Kind::Response as u8);
        sent.to != server || sent.bytes[0] & 15 != Kind::Response as u8 || responses > 3
    });
    let start = world.now;
    while world.state(peer) != ClientState::Spoken {
        let is_answering = world.state(peer) == ClientState::Responding;
        for host in 0..4 {
            let from = SocketAddr::from(([203, 0, 113 + host, 7], 1));
            if is_answering {
                world.strike(from, &copy);
            }
        }
        world.run_ms(10);
        assert!(world.now.mono_ns - start.mono_ns < NS_PER_S, "{:?}", world.server.counters());
    }
    let to_owner = |world: &World| world.sent.iter().filter(|sent| sent.to == owner && sent.bytes[0] & 15 == 2).count();
    assert!(to_owner(&world) >= 2, "it had to be let in anew");
    assert!(world.server.counters().pending_displaced >= 2);
}

/// The same for a client whose request nobody copied: what it sends more is refused or answered as any repetition.
#[test]
fn a_client_that_waits_for_its_acceptance_repeats_its_request_before_every_second_response() {
    let mut world = World::v4();
    let server = world.server_address;
    let peer = world.join(OWNER, 1);
    world.passes = Box::new(move |sent| sent.to != server || sent.bytes[0] & 15 != Kind::Response as u8);
    world.run_ms(1_000);
    assert_eq!(world.state(peer), ClientState::Responding);
    let kinds: Vec<u8> = world.sent.iter().filter(|sent| sent.to == server).map(|sent| sent.bytes[0] & 15).collect();
    assert_eq!(kinds[..8], [0, 3, 3, 0, 3, 3, 0, 3]);
    assert_eq!((world.server.connections(), world.server.counters().request_total_rate), (0, 0));
}

/// proves: LIF-7
#[test]
fn responses_have_the_limits_of_requests_and_buckets_of_their_own() {
    let mut world = World::v4();
    let mut hand = Hand::new(world.token(1, 1), OWNER);
    world.strike(hand.address, &hand.request());
    let good = hand.response(&world);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    for _ in 0..50 {
        assert_eq!(world.strike(hand.address, &forged), []);
    }
    let counters = world.server.counters().clone();
    assert_eq!((counters.response_seal, counters.response_address_rate), (20, 30), "20 at once");
    world.strike(hand.address, &good);
    assert_eq!((world.server.connections(), world.server.counters().response_address_rate), (0, 31));
    // Its requests are another matter, and a tenth of a second later so is its response.
    assert_eq!(world.strike(hand.address, &hand.request()).len(), 1);
    world.now = world.now.plus_ns(NS_PER_S / 10);
    world.strike(hand.address, &good);
    assert_eq!(world.server.connections(), 1);
}

/// proves: LIF-7
#[test]
fn a_network_has_a_thousand_responses_a_second() {
    let mut world = World::new("192.0.2.10:7777", |config| config.connections_max = 200);
    let hand = Hand::new(world.token(1, 1), OWNER);
    let mut answered = 0;
    for host in 1..=100_u8 {
        // Four hosts wait at a time: the four at which the token is pending.
        let from = SocketAddr::from(([198, 51, 100, host], 5_000));
        world.strike(from, &hand.request());
        for n in 0..20 {
            world.strike(from, &hand.seal_as(Kind::Response, n, &[0; 308]));
            answered += 1;
        }
    }
    let counters = world.server.counters();
    assert_eq!((counters.responses_in, answered), (2_000, 2_000));
    assert_eq!((counters.response_seal, counters.response_network_rate), (1_000, 1_000));
}

/// An honest client among `per_s` forged requests a second whose senders `of` names; it asks 10 times a second. How long
/// until it is answered, in the worst of 12 tries.
fn longest_wait_ms(per_s: u64, of: impl Fn(u64) -> SocketAddr) -> u64 {
    longest_wait_in_ms(per_s, |_| true, of)
}

/// The same with a flood that comes only in the milliseconds that `is_on` names.
fn longest_wait_in_ms(per_s: u64, is_on: impl Fn(u64) -> bool, of: impl Fn(u64) -> SocketAddr) -> u64 {
    let mut world = World::v4();
    let good = Hand::new(world.token(9, 9), OWNER).request();
    let mut forged = 0;
    let mut flood_ms = |world: &mut World, ms: u64| {
        for _ in 0..ms {
            world.now = world.now.plus_ns(1_000_000);
            // What the bucket behind has gained since then is gone when an honest request comes.
            let now = if is_on(world.now.mono_ns / 1_000_000) { per_s / 1_000 } else { 0 };
            for _ in 0..now {
                let bytes = junk(&good, forged);
                world.server.handle_datagram(world.now, of(forged), &mut bytes.clone());
                forged += 1;
            }
        }
        world.flush();
    };
    flood_ms(&mut world, 500);
    let mut longest_ms = 0;
    for client in 0..12_u8 {
        let hand = Hand::new(world.token(u64::from(client), client), &format!("100.64.{client}.1:5000"));
        let mut waited_ms = 0;
        while world.strike(hand.address, &hand.request()).is_empty() {
            flood_ms(&mut world, 100);
            waited_ms += 100;
            assert!(waited_ms < 5_000, "{:?}", world.server.counters());
        }
        // The next one comes at another point of the window.
        flood_ms(&mut world, 17);
        longest_ms = longest_ms.max(waited_ms);
    }
    let counters = world.server.counters();
    let seconds = (world.now.mono_ns - crate::rig::START.mono_ns) / NS_PER_S - crate::rig::LATER_S + 1;
    assert!(counters.request_seal <= 4_000 + 20_000 * seconds, "{counters:?}");
    longest_ms
}

/// proves: LIF-4, LIF-20
#[test]
fn an_honest_request_passes_within_a_second_through_a_flood_from_4_000_networks() {
    let of = |n: u64| SocketAddr::from((Ipv4Addr::from_bits(0x0B00_0000 + ((n % 4_000) << 8) as u32), 5));
    let waited_ms = longest_wait_ms(100_000, of);
    assert!(waited_ms <= 500, "{waited_ms} ms");
}

/// proves: LIF-4, LIF-20
#[test]
fn an_honest_request_passes_within_a_second_through_a_flood_from_5_networks() {
    let of =
        |n: u64| SocketAddr::from((Ipv4Addr::from_bits(0x0B00_0000 + ((n % 5) << 8) as u32 + (n / 5 % 256) as u32), 5));
    assert_eq!(longest_wait_ms(100_000, of), 0);
}

/// proves: LIF-4, LIF-20
#[test]
fn an_honest_request_passes_within_a_second_through_a_flood_from_everywhere() {
    let of = |n: u64| SocketAddr::from((Ipv4Addr::from_bits((n as u32).wrapping_mul(0x9E37_79B1) | 0x0100_0000), 5));
    let waited_ms = longest_wait_ms(100_000, of);
    assert!(waited_ms <= 1_000, "{waited_ms} ms");
}

/// proves: LIF-20
#[test]
fn a_flood_that_pauses_every_other_tenth_of_a_second_is_a_flood_all_the_same() {
    let of = |n: u64| SocketAddr::from((Ipv4Addr::from_bits((n as u32).wrapping_mul(0x9E37_79B1) | 0x0100_0000), 5));
    let waited_ms = longest_wait_in_ms(200_000, |ms| ms / 100 % 2 == 0, of);
    // 20,000 networks a window: a turn comes every 11.1 windows, and one in seven falls together with another and needs
    // its second.
    assert!(waited_ms <= 2_300, "{waited_ms} ms");
}
