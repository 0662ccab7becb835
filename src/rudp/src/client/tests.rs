//! Facts about the client.
use crate::client::ClientState;
use crate::outer::Kind;
use crate::reason::Reason;
use crate::rig::{ClientTold, World, hello};
use std::net::SocketAddr;

fn kinds_to(world: &World, to: SocketAddr) -> Vec<u8> {
    world.sent.iter().filter(|datagram| datagram.to == to).map(|datagram| datagram.bytes[0] & 15).collect()
}

/// proves: LIF-3
#[test]
fn a_client_tries_each_address_of_its_token_for_one_time_out() {
    let mut world = World::v4();
    let silent: SocketAddr = "192.0.2.99:7777".parse().unwrap();
    let token = world.token_with(1, 1, 5, &[silent, world.server_address]);
    let peer = world.join_with("198.51.100.1:5000", token, hello());
    world.run_ms(5_500);
    assert_eq!(world.state(peer), ClientState::Spoken);
    let requests = kinds_to(&world, silent).len();
    assert!((49..=51).contains(&requests), "{requests} requests in 5 s");
}

/// proves: LIF-3
#[test]
fn a_client_nobody_answers_ends_unreachable() {
    let mut world = World::v4();
    world.passes = Box::new(|_| false);
    let peer = world.join("198.51.100.1:5000", 1);
    world.run_ms(5_200);
    assert_eq!(world.state(peer), ClientState::Ended(Reason::Unreachable));
    assert_eq!(world.peers[peer].told, [ClientTold::Disconnected(Reason::Unreachable)]);
    assert_eq!(world.peers[peer].client.poll_timeout(), None);
}

/// proves: LIF-3
#[test]
fn connecting_never_takes_longer_than_the_token_lives() {
    let mut world = World::v4();
    world.passes = Box::new(|_| false);
    let token = world.token_with(1, 1, 60, &[world.server_address]);
    let peer = world.join_with("198.51.100.1:5000", token, hello());
    world.run_ms(29_900);
    assert_eq!(world.state(peer), ClientState::Requesting);
    world.run_ms(200);
    assert_eq!(world.state(peer), ClientState::Ended(Reason::TokenRefused));
}

#[test]
fn a_challenge_that_grew_old_is_asked_for_again() {
    let mut world = World::v4();
    let server = world.server_address;
    let token = world.token_with(1, 1, 20, &[server]);
    let peer = world.join_with("198.51.100.1:5000", token, hello());
    world.passes = Box::new(move |datagram| datagram.to != server || datagram.bytes[0] & 15 != Kind::Response as u8);
    world.run_ms(6_000);
    assert_eq!(world.state(peer), ClientState::Responding);
    world.passes = Box::new(|_| true);
    world.run_ms(500);
    assert_eq!(world.state(peer), ClientState::Spoken);
}

/// proves: LIF-2
#[test]
fn what_a_stage_has_no_use_for_is_not_opened() {
    let mut world = World::v4();
    let peer = world.join("198.51.100.1:5000", 1);
    world.run_ms(500);
    // The challenge, once more, to a client that is connected.
    let (to, from) = (world.peers[peer].address, world.server_address);
    let challenge = world.sent.iter().find(|sent| sent.to == to && sent.bytes[0] & 15 == 2).unwrap().bytes.clone();
    let before = world.peers[peer].client.counters().drop_state;
    world.inject(from, to, &challenge);
    world.run_ms(50);
    assert_eq!(world.state(peer), ClientState::Spoken);
    assert_eq!(world.peers[peer].client.counters().drop_state, before + 1);
}

#[test]
fn a_client_hears_only_the_address_it_speaks_to() {
    let mut world = World::v4();
    let peer = world.join("198.51.100.1:5000", 1);
    world.run_ms(500);
    let to = world.peers[peer].address;
    let packet = world.sent.iter().rev().find(|datagram| datagram.to == to).unwrap().bytes.clone();
    let before = world.peers[peer].client.counters().drop_unknown_address;
    world.inject("192.0.2.11:7777".parse().unwrap(), to, &packet);
    world.run_ms(50);
    assert_eq!(world.peers[peer].client.counters().drop_unknown_address, before + 1);
}

/// proves: LIF-12
#[test]
fn an_idle_server_sends_a_keep_alive_a_second_and_its_client_asks_for_more_between() {
    let mut world = World::v4();
    let peer = world.join("198.51.100.1:5000", 1);
    world.run_ms(3_000);
    assert_eq!(world.state(peer), ClientState::Spoken);
    let (server, before) = (world.server_address, world.sent.len());
    world.run_ms(10_000);
    let out = world.sent[before..].iter().filter(|datagram| datagram.to == server).count();
    // Half a second without a packet might mean that the server has lost our address: LIF-19.
    assert!((9..=21).contains(&out), "{out} packets in 10 s");
    let down = world.sent[before..].iter().filter(|datagram| datagram.from == server).count();
    assert!((9..=11).contains(&down), "{down} packets in 10 s");
}
