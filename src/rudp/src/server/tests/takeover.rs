//! Who may replace whom.
use crate::client::ClientState;
use crate::outer::{REQUEST_BYTES, encode_request};
use crate::reason::Reason;
use crate::rig::{Told, World, hello, mint, user};
use crate::server::ServerConfig;
use crate::time::NS_PER_S;
use crate::token::ConnectToken;
use rand::SeedableRng;

fn token_issued(world: &World, client_id: u64, seed: u8, issued_at_ms: u64) -> ConnectToken {
    let mut rng = rand::rngs::StdRng::from_seed([seed; 32]);
    let ms = world.now.unix_s * 1000;
    mint().mint(ms, client_id, &[world.server_address], 5, &user(client_id, issued_at_ms), &mut rng).unwrap()
}

fn connections(world: &World) -> usize {
    world.told.iter().filter(|told| matches!(told, Told::Connected(..))).count()
}

/// proves: LIF-6
#[test]
fn a_consumed_token_is_never_admitted_again() {
    let mut world = World::v4();
    let token = world.token(1, 1);
    let mut request = vec![0; REQUEST_BYTES];
    let _ = encode_request(&token, &mut request);
    let peer = world.join_with("198.51.100.1:5000", token, hello());
    world.run_ms(300);
    assert_eq!(world.state(peer), ClientState::Spoken);
    for n in [1, 2, 3] {
        assert_eq!(world.strike(std::net::SocketAddr::from(([198, 51, 100, n], 5000)), &request), []);
    }
    assert_eq!(world.server.counters().request_consumed, 3);
    let (now, id) = (world.now, world.id_of(1));
    world.server.disconnect(now, id, Reason::Kicked);
    world.flush();
    world.run_ms(100);
    assert_eq!(world.strike("198.51.100.1:5000".parse().unwrap(), &request), [], "not after the session either");
    // Nor when the wall clock goes back after the token has been forgotten.
    world.run_ms(31_000);
    assert_eq!(world.strike("198.51.100.9:5000".parse().unwrap(), &request), []);
    assert_eq!(world.server.counters().request_expired, 1);
    let now = world.now;
    world.server.handle_timeout(now);
    world.now.unix_s -= 30;
    assert_eq!(world.strike("198.51.100.9:5000".parse().unwrap(), &request), []);
    assert_eq!(world.server.counters().request_forgotten, 1);
}

/// proves: LIF-9
#[test]
fn a_newer_token_takes_over_and_an_older_or_equal_one_does_not() {
    let mut world = World::v4();
    let first = token_issued(&world, 1, 1, 1000);
    let (older, equal, newer) =
        (token_issued(&world, 1, 2, 999), token_issued(&world, 1, 3, 1000), token_issued(&world, 1, 4, 1001));
    let a = world.join_with("198.51.100.1:5000", first, hello());
    world.run_ms(300);
    for (n, token) in [(2, older), (3, equal)] {
        let peer = world.join_with(&format!("198.51.100.{n}:5000"), token, hello());
        world.run_ms(300);
        assert_eq!(world.state(peer), ClientState::Responding, "proven, and refused");
        assert_eq!(world.state(a), ClientState::Spoken);
        world.peers.truncate(1);
    }
    assert!(world.server.counters().response_not_newer >= 2);
    let old_id = world.id_of(1);
    let b = world.join_with("198.51.100.4:5000", newer, hello());
    world.run_ms(300);
    assert_eq!(world.state(b), ClientState::Spoken);
    assert_eq!(world.state(a), ClientState::Ended(Reason::TakenOver), "the old one is told why");
    assert_eq!(world.ends(), [(old_id, Reason::TakenOver)]);
    assert_ne!(world.id_of(1), old_id);
    assert_eq!(world.server.connections(), 1);
}

/// proves: LIF-9
#[test]
fn a_crashed_client_comes_back_at_its_old_address_at_once() {
    let mut world = World::v4();
    world.join("198.51.100.1:5000", 1);
    world.run_ms(300);
    world.peers.clear();
    world.now = world.now.plus_ns(NS_PER_S);
    let peer = world.join("198.51.100.1:5000", 1);
    let back = world.now;
    while world.state(peer) != ClientState::Spoken {
        world.run_ms(1);
        assert!(world.now.mono_ns - back.mono_ns < NS_PER_S / 2);
    }
    assert_eq!(connections(&world), 2);
    assert_eq!(world.ends().len(), 1);
    // Late packets of the old session under its old key: counted, nothing else.
    let old = world.sent.iter().find(|sent| sent.to == world.server_address && sent.bytes[0] & 15 == 5).unwrap();
    let (from, bytes) = (old.from, old.bytes.clone());
    let before = world.server.counters().drop_seal + world.server.counters().drop_repeated;
    world.strike(from, &bytes);
    assert_eq!(world.server.counters().drop_seal + world.server.counters().drop_repeated, before + 1);
    assert_eq!(world.state(peer), ClientState::Spoken);
}

/// proves: LIF-9
#[test]
fn a_request_alone_disturbs_nobody() {
    let mut world = World::v4();
    let a = world.join("198.51.100.1:5000", 1);
    world.run_ms(1_300);
    let token = world.token(1, 9);
    let mut request = vec![0; REQUEST_BYTES];
    let _ = encode_request(&token, &mut request);
    // From elsewhere, and with a forged source from the live address itself.
    assert_eq!(world.strike("198.51.100.2:5000".parse().unwrap(), &request).len(), 1);
    assert_eq!(world.strike("198.51.100.1:5000".parse().unwrap(), &request).len(), 1);
    world.run_ms(20_000);
    assert_eq!(world.state(a), ClientState::Spoken);
    assert_eq!(connections(&world), 1);
}

/// proves: LIF-9
#[test]
fn without_takeover_the_living_session_wins_as_at_stock_servers() {
    let mut world = World::new("192.0.2.10:7777", |config: &mut ServerConfig| config.takeover = false);
    let a = world.join("198.51.100.1:5000", 1);
    world.run_ms(1_300);
    let b = world.join("198.51.100.2:5000", 1);
    let c = world.join("198.51.100.1:5000", 2);
    world.run_ms(500);
    assert_eq!(world.state(a), ClientState::Spoken);
    assert_eq!((world.state(b), world.state(c)), (ClientState::Requesting, ClientState::Requesting));
    assert!(world.server.counters().request_client_connected >= 4);
    assert!(world.server.counters().request_address_connected >= 4);
}

#[test]
fn a_token_pending_at_several_addresses_is_consumed_by_the_first_response() {
    let mut world = World::v4();
    let token = world.token(1, 1);
    let peers: Vec<usize> =
        (1..=3).map(|n| world.join_with(&format!("198.51.100.{n}:5000"), token.clone(), hello())).collect();
    world.run_ms(500);
    let spoken = peers.iter().filter(|peer| world.state(**peer) == ClientState::Spoken).count();
    assert_eq!((spoken, connections(&world)), (1, 1));
    assert_eq!(world.server.counters().response_not_newer, 0, "the others are no longer pending");
}

/// Else a held-back response would begin a second session under the keys and numbers of the first.
///
/// proves: LIF-6
#[test]
fn a_response_held_back_begins_nothing_once_its_token_was_consumed_elsewhere() {
    let mut world = World::v4();
    let (token, server) = (world.token(1, 1), world.server_address);
    let late: std::net::SocketAddr = "198.51.100.2:5000".parse().unwrap();
    world.join_with("198.51.100.1:5000", token.clone(), hello());
    world.join_with("198.51.100.2:5000", token, hello());
    world.passes = Box::new(move |sent| sent.to != server || sent.from != late || sent.bytes[0] & 15 != 3);
    world.run_ms(300);
    let (now, id) = (world.now, world.id_of(1));
    world.server.disconnect(now, id, Reason::Kicked);
    world.flush();
    let held = world.sent.iter().find(|sent| sent.from == late && sent.bytes[0] & 15 == 3).unwrap().bytes.clone();
    assert_eq!(world.strike(late, &held), []);
    assert_eq!((world.server.connections(), connections(&world)), (0, 1));
}

/// An expired token is forgotten; a response to a request from before must not begin what a second one would begin again
/// with the same keys and numbers.
#[test]
fn a_token_that_expires_between_request_and_response_begins_nothing_from_any_address() {
    let mut world = World::v4();
    let (token, server) = (world.token(1, 1), world.server_address);
    world.run_ms(28_000);
    world.passes = Box::new(move |sent| sent.to != server || sent.bytes[0] & 15 != 3);
    let addresses = ["198.51.100.1:5000", "198.51.100.2:5000"];
    for address in addresses {
        world.join_with(address, token.clone(), hello());
    }
    world.run_ms(300);
    let held = addresses.map(|address| {
        let from: std::net::SocketAddr = address.parse().unwrap();
        let response = |sent: &&crate::rig::Datagram| sent.from == from && sent.bytes[0] & 15 == 3;
        (from, world.sent.iter().find(response).unwrap().bytes.clone())
    });
    world.now.unix_s += 10;
    let now = world.now;
    world.server.handle_timeout(now);
    for (from, response) in held {
        world.strike(from, &response);
    }
    let counters = world.server.counters();
    assert_eq!((counters.sessions_started, counters.response_expired), (0, 2));
}

#[test]
fn a_full_server_denies_and_takes_the_next_when_one_leaves() {
    let mut world = World::new("192.0.2.10:7777", |config| config.connections_max = 1);
    let a = world.join("198.51.100.1:5000", 1);
    world.run_ms(300);
    let b = world.join("198.51.100.2:5000", 2);
    world.run_ms(300);
    assert_eq!(world.state(b), ClientState::Ended(Reason::ServerFull));
    let now = world.now;
    world.peers[a].client.disconnect(now, Reason::UserQuit);
    world.flush();
    world.run_ms(100);
    let c = world.join("198.51.100.3:5000", 3);
    world.run_ms(300);
    assert_eq!(world.state(c), ClientState::Spoken);
    assert_eq!(world.id_of(3).slot, world.id_of(1).slot);
    assert_ne!(world.id_of(3), world.id_of(1));
}

/// Two requests pass the test for room, one session is left for both: the second is denied at its response.
#[test]
fn the_last_slot_goes_to_the_first_response() {
    let mut world = World::new("192.0.2.10:7777", |config| config.connections_max = 1);
    let a = world.join("198.51.100.1:5000", 1);
    let b = world.join("198.51.100.2:5000", 2);
    world.run_ms(400);
    let states = [world.state(a), world.state(b)];
    assert!(states.contains(&ClientState::Spoken) && states.contains(&ClientState::Ended(Reason::ServerFull)));
    assert!(world.server.counters().response_server_full >= 1);
}
