//! What the server lets in, and what it counts of the rest.
use crate::outer::{REQUEST_BYTES, encode_request};
use crate::rig::{START, World, mint, user};
use crate::seal::Key;
use crate::server::{Network, ServerConfig};
use crate::time::{NS_PER_MS, NS_PER_S};
use crate::token::{ConnectToken, PrivateToken, seal_private};
use rand::SeedableRng;
use std::net::SocketAddr;

fn request(token: &ConnectToken) -> Vec<u8> {
    let mut bytes = vec![0; REQUEST_BYTES];
    assert_eq!(encode_request(token, &mut bytes), REQUEST_BYTES);
    bytes
}

fn from(n: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, n], 5000))
}

/// Reseals a token with changed content under the right key.
fn resealed(token: &ConnectToken, change: impl FnOnce(&mut PrivateToken)) -> ConnectToken {
    let key = crate::seal::TokenKey::new(&mint().key);
    let mut token = token.clone();
    let (protocol_id, expire, nonce) = (token.protocol_id, token.expire_unix_s, token.nonce);
    let mut private = PrivateToken::open(&mut token.sealed, &key, protocol_id, expire, &nonce).unwrap();
    change(&mut private);
    token.sealed = Box::new(seal_private(&private, &key, protocol_id, expire, &nonce));
    token
}

/// Strikes with `bytes`, expects silence, and returns the names of the counters that moved beyond the general ones.
fn refused(world: &mut World, from: SocketAddr, bytes: &[u8]) -> Vec<&'static str> {
    let before = world.server.counters().clone();
    let replies = world.strike(from, bytes);
    assert_eq!(replies, [], "a refused request is not answered");
    let after = world.server.counters().clone();
    let moved = before.iter().zip(after.iter()).filter(|(old, new)| old.1 != new.1).map(|(old, _)| old.0);
    moved.filter(|name| !matches!(*name, "datagrams_in" | "bytes_in" | "requests_in")).collect()
}

/// proves: SES-8, LIF-4
#[test]
fn every_truncation_of_a_request_is_refused_and_counted() {
    let mut world = World::v4();
    let bytes = request(&world.token(1, 1));
    assert_eq!(refused(&mut world, from(1), &[]), ["drop_length"]);
    for len in 1..REQUEST_BYTES {
        assert_eq!(refused(&mut world, from(1), &bytes[..len]), ["request_length"], "{len} bytes");
    }
    let mut long = bytes.clone();
    long.push(0);
    assert_eq!(refused(&mut world, from(1), &long), ["request_length"]);
    assert_eq!(world.strike(from(1), &bytes).len(), 1, "and the whole one is answered");
}

/// proves: LIF-4
#[test]
fn every_wrong_clear_field_has_its_counter() {
    let mut world = World::v4();
    let good = request(&world.token(1, 1));
    let with = |at: usize, field: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + field.len()].copy_from_slice(field);
        bytes
    };
    let now_s = world.now.unix_s;
    let cases: [(Vec<u8>, &str); 9] = [
        (with(1, b"NETCODE 1.01\0"), "request_version"),
        (with(13, b"X"), "request_version"),
        (with(14, &[0xFF]), "request_protocol_id"),
        (with(22, &now_s.to_le_bytes()), "request_expired"),
        (with(22, &0u64.to_le_bytes()), "request_expired"),
        (with(22, &(now_s + 33).to_le_bytes()), "request_expires_too_late"),
        (with(22, &u64::MAX.to_le_bytes()), "request_expires_too_late"),
        (with(22, &(now_s + 29).to_le_bytes()), "request_seal"),
        (with(30, &[good[30] ^ 1]), "request_seal"),
    ];
    for (n, (bytes, counter)) in cases.into_iter().enumerate() {
        assert_eq!(refused(&mut world, from(n as u8), &bytes), [counter], "case {n}");
    }
    for at in [54, 500, 1061, 1062, 1077] {
        assert_eq!(refused(&mut world, from(100), &with(at, &[good[at] ^ 0x10])), ["request_seal"], "byte {at}");
    }
}

/// proves: LIF-4
#[test]
fn what_failed_to_open_is_not_opened_twice_and_does_not_taint_the_honest_request() {
    let mut world = World::v4();
    let good = request(&world.token(1, 1));
    // Junk under the honest tag.
    let mut junk = good.clone();
    junk[60..1000].fill(0xAB);
    assert_eq!(refused(&mut world, from(1), &junk), ["request_seal"]);
    assert_eq!(refused(&mut world, from(2), &junk), ["request_known_bad"]);
    assert_eq!(world.strike(from(3), &good).len(), 1);
}

/// proves: LIF-4
#[test]
fn every_wrong_sealed_field_has_its_counter() {
    let mut world = World::v4();
    let token = world.token(1, 1);
    let elsewhere = crate::token::AddressList::new(&["192.0.2.10:7778".parse().unwrap()]).unwrap();
    let endless = resealed(&token, |private| private.timeout_s = -1);
    let foreign = resealed(&token, |private| private.addresses = elsewhere);
    assert_eq!(refused(&mut world, from(1), &request(&endless)), ["request_endless_timeout"]);
    assert_eq!(refused(&mut world, from(1), &request(&foreign)), ["request_foreign_server"]);
    let mut other_key = mint();
    other_key.key = Key::new([8; 32]);
    let mut rng = rand::rngs::StdRng::from_seed([1; 32]);
    let ms = world.now.unix_s * 1000;
    let stranger = other_key.mint(ms, 1, &[world.server_address], 5, &user(1, ms), &mut rng).unwrap();
    assert_eq!(refused(&mut world, from(1), &request(&stranger)), ["request_seal"]);
}

#[test]
fn both_private_keys_open_while_keys_rotate() {
    let old = Key::new([8; 32]);
    let mut world = World::new("192.0.2.10:7777", |config: &mut ServerConfig| config.private_keys.push(old.clone()));
    let ms = world.now.unix_s * 1000;
    let mut rng = rand::rngs::StdRng::from_seed([1; 32]);
    let mut rotating = mint();
    rotating.key = old;
    let token = rotating.mint(ms, 1, &[world.server_address], 5, &user(1, ms), &mut rng).unwrap();
    assert_eq!(world.strike(from(1), &request(&token)).len(), 1);
    let token = world.token(2, 2);
    assert_eq!(world.strike(from(2), &request(&token)).len(), 1);
}

/// proves: LIF-4
#[test]
fn keys_change_while_the_server_runs_and_what_failed_before_the_change_is_tried_again() {
    let (old, new) = (mint().key, Key::new([8; 32]));
    let mut world = World::v4();
    let ms = world.now.unix_s * 1000;
    let mut rng = rand::rngs::StdRng::from_seed([1; 32]);
    let mut minted = |key: &Key, client| {
        let mint = crate::token::Mint { key: key.clone(), ..mint() };
        request(&mint.mint(ms, client, &[world.server_address], 5, &user(client, ms), &mut rng).unwrap())
    };
    let early = minted(&new, 1);
    let (late, last) = (minted(&old, 2), minted(&old, 3));
    assert_eq!(refused(&mut world, from(1), &early), ["request_seal"]);
    assert!(world.server.set_private_keys(vec![]).is_err(), "a server without a key lets nobody in");
    assert!(world.server.set_private_keys(vec![old.clone(); 3]).is_err());
    world.server.set_private_keys(vec![new.clone(), old]).unwrap();
    assert_eq!(world.strike(from(1), &early).len(), 1, "the client had only to repeat itself");
    assert_eq!(world.strike(from(2), &late).len(), 1);
    world.server.set_private_keys(vec![new]).unwrap();
    assert_eq!(refused(&mut world, from(3), &last), ["request_seal"]);
}

/// proves: LIF-5
#[test]
fn tokens_that_may_have_been_used_before_a_restart_are_refused() {
    let mut world = World::v4();
    assert_eq!(world.server.first_admissible_expiry(), START.unix_s + 33, "lifetime 30, skew 2, and one");
    for (after_start_s, counter) in [(0, "request_restart"), (2, "request_restart")] {
        world.now = START.plus_ns(after_start_s * NS_PER_S);
        let token = world.token(1, 1);
        assert_eq!(refused(&mut world, from(after_start_s as u8), &request(&token)), [counter]);
    }
    world.now = START.plus_ns(3 * NS_PER_S);
    let token = world.token(1, 2);
    assert_eq!(world.strike(from(9), &request(&token)).len(), 1);
}

/// proves: LIF-4
#[test]
fn an_address_has_ten_requests_a_second_and_loopback_as_many_as_it_likes() {
    let mut world = World::v4();
    let bytes = request(&world.token(1, 1));
    let answered = (0..100).filter(|_| !world.strike(from(1), &bytes).is_empty()).count();
    assert_eq!(answered, 20, "the burst");
    assert_eq!(world.server.counters().request_address_rate, 80);
    world.now = world.now.plus_ns(NS_PER_S);
    let answered = (0..100).filter(|_| !world.strike(from(1), &bytes).is_empty()).count();
    assert_eq!(answered, 10, "a second's worth");
    let loopback: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let answered = (0..500).filter(|_| !world.strike(loopback, &bytes).is_empty()).count();
    assert_eq!(answered, 500);
    let mapped: SocketAddr = "[::ffff:198.51.100.1]:5000".parse().unwrap();
    assert_eq!(refused(&mut world, mapped, &bytes), ["request_address_rate"], "the same address in disguise");
}

/// proves: LIF-4
#[test]
fn ipv6_addresses_share_the_limit_of_their_64() {
    let mut world = World::v4();
    let bytes = request(&world.token(1, 1));
    let mut answered = 0;
    for n in 0..100u16 {
        let from = SocketAddr::from(([0x2001, 0xdb8, 0, 1, n, n, n, n], 5000));
        answered += usize::from(!world.strike(from, &bytes).is_empty());
    }
    assert_eq!(answered, 20);
    assert_eq!(world.strike("[2001:db8:0:2::1]:5000".parse().unwrap(), &bytes).len(), 1, "the next /64 is free");
}

/// proves: LIF-4
#[test]
fn a_network_and_all_networks_together_have_limits() {
    let mut world = World::v4();
    let bytes = request(&world.token(1, 1));
    for n in 0..2_000u32 {
        let from = SocketAddr::from(([203, 0, 113, n as u8], (n / 256) as u16 + 1));
        world.strike(from, &bytes);
    }
    assert!(world.server.counters().request_network_rate > 900, "{:?}", world.server.counters());
    for n in 0..40_000u32 {
        world.strike(SocketAddr::from((std::net::Ipv4Addr::from_bits(0x0B00_0000 + n * 7_919), 5)), &bytes);
    }
    let passed = world.server.counters().requests_in
        - world.server.counters().request_total_rate
        - world.server.counters().request_network_rate
        - world.server.counters().request_address_rate;
    assert!((3_900..=4_000).contains(&passed), "{passed} passed at once");
}

#[test]
fn exempt_networks_are_a_setting() {
    let all = Network { address: "0.0.0.0".parse().unwrap(), bits: 0 };
    let mut world = World::new("192.0.2.10:7777", |config| config.requests.exempt = vec![all]);
    let bytes = request(&world.token(1, 1));
    assert_eq!((0..200).filter(|_| !world.strike(from(1), &bytes).is_empty()).count(), 200);
}

/// proves: LIF-8
#[test]
fn replies_to_the_unproven_are_fewer_and_smaller_than_what_came() {
    for full in [false, true] {
        let mut world = World::new("192.0.2.10:7777", |config| config.connections_max = 1);
        if full {
            let peer = world.join("198.51.100.200:1", 77);
            world.run_ms(300);
            assert_eq!(world.state(peer), crate::client::ClientState::Spoken);
        }
        let bytes = request(&world.token(1, 1));
        for n in 0..15 {
            let replies = world.strike(from(n), &bytes);
            let to_them: Vec<_> = replies.iter().filter(|reply| reply.to == from(n)).collect();
            assert_eq!(to_them.len(), 1);
            assert_eq!(to_them[0].bytes.len(), if full { 25 } else { 333 });
            assert!(to_them[0].bytes.len() < bytes.len());
        }
        // Several requests before the server gets to send are answered once.
        for _ in 0..3 {
            let now = world.now;
            world.server.handle_datagram(now, from(100), &mut bytes.clone());
        }
        let before = world.sent.len();
        world.flush();
        assert_eq!(world.sent[before..].iter().filter(|sent| sent.to == from(100)).count(), 1);
    }
}

#[test]
fn sealed_packets_from_strangers_are_never_opened_or_answered() {
    let mut world = World::v4();
    for kind in 1..=15u8 {
        for nibble in 0..=15u8 {
            for len in [1usize, 17, 18, 25, 333, 1224, 1225, 1226, 1500] {
                let mut bytes = vec![0xA5; len];
                bytes[0] = nibble << 4 | kind;
                assert_eq!(world.strike(from(1), &bytes), []);
            }
        }
    }
    let counters = world.server.counters();
    let dropped = counters.drop_length
        + counters.drop_kind
        + counters.drop_role
        + counters.drop_sequence_bytes
        + counters.drop_unknown_address;
    assert_eq!(dropped, counters.datagrams_in, "each has its reason");
    assert_eq!(counters.drop_seal, 0);
}

/// proves: LIF-7
#[test]
fn a_response_counts_only_from_its_address_for_its_token_and_in_time() {
    let mut world = World::v4();
    world.latency_ns = 30 * NS_PER_MS;
    let peer = world.join("198.51.100.1:5000", 1);
    let server = world.server_address;
    // Hold every response back.
    world.passes = Box::new(move |datagram| datagram.to != server || datagram.bytes[0] & 15 != 3);
    world.run_ms(200);
    let response = world.sent.iter().find(|sent| sent.to == server && sent.bytes[0] & 15 == 3).unwrap().bytes.clone();
    assert_eq!(refused(&mut world, from(2), &response), ["drop_unknown_address"]);
    // The same token, pending at another address: its key opens the response, its challenge was not for there.
    let same = request(&world.token(1, 100));
    assert_eq!(world.strike(from(2), &same).len(), 1);
    assert_eq!(refused(&mut world, from(2), &response), ["responses_in", "response_foreign"]);
    // Another token at another address: another key.
    let other = request(&world.token(2, 50));
    assert_eq!(world.strike(from(3), &other).len(), 1);
    assert_eq!(refused(&mut world, from(3), &response), ["responses_in", "response_seal"]);
    // Too late, although the request was repeated in between.
    let (client, again) = (world.peers.remove(peer), same);
    for _ in 0..6 {
        world.run_ms(900);
        world.strike(client.address, &again);
    }
    assert_eq!(refused(&mut world, client.address, &response), ["responses_in", "response_late"]);
    assert_eq!(world.server.connections(), 0);
}

#[test]
fn a_pending_request_is_forgotten_after_5_seconds() {
    let mut world = World::v4();
    let bytes = request(&world.token(1, 1));
    world.strike(from(1), &bytes);
    assert!(world.server.poll_timeout().is_some());
    world.run_ms(5_100);
    assert_eq!(world.server.counters().pending_expired, 1);
    assert_eq!(world.server.poll_timeout(), None);
}
