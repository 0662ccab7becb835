//! Sessions whose clients change their address, and those who pretend to be such.
use crate::channel;
use crate::client::ClientState;
use crate::outer::{PATH_BYTES, Reads, decode_header};
use crate::rig::{ClientTold, Datagram, Told, World};
use crate::server::ConnectionId;
use std::net::SocketAddr;

const HOME: &str = "198.51.100.1:5000";
const AWAY: &str = "203.0.113.9:6000";

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

fn spoken() -> (World, usize, ConnectionId) {
    let mut world = World::v4();
    let peer = world.join(HOME, 1);
    world.run_ms(1_000);
    assert_eq!(world.state(peer), ClientState::Spoken);
    let id = world.id_of(1);
    (world, peer, id)
}

fn paths_from(world: &World, from: SocketAddr) -> Vec<Datagram> {
    world.sent.iter().filter(|sent| sent.from == from && sent.bytes[0] & 15 == 7).cloned().collect()
}

/// A path packet of the client that never arrived anywhere.
fn stolen(world: &mut World, peer: usize) -> Datagram {
    world.passes = Box::new(|datagram| datagram.bytes[0] & 15 != 7);
    let now = world.now;
    world.peers[peer].client.handle_address_change(now);
    world.flush();
    world.passes = Box::new(|_| true);
    paths_from(world, world.peers[peer].address).pop().unwrap()
}

fn assert_numbers_ascend(world: &World) {
    let mut last = None;
    for datagram in world.sent.iter().filter(|datagram| datagram.from == world.server_address) {
        let header = decode_header(&datagram.bytes, Reads::Client).unwrap();
        if header.sequence < 1 << 63 {
            assert!(Some(header.sequence) > last, "{header:?} after {last:?}");
            last = Some(header.sequence);
        }
    }
}

/// proves: LIF-19, PKT-34, SES-16
#[test]
fn a_client_that_is_moved_behind_its_back_is_found_within_a_second() {
    let (mut world, peer, id) = spoken();
    for round in 0..4_u8 {
        // What is under way to the old address is lost with it, as with a mapping that was forgotten.
        world.peers[peer].address = at(&format!("203.0.113.{round}:6000"));
        world.peers[peer].client.send(channel::CONTROL, &[round]).unwrap();
        world.server.send(id, channel::EVENT, &[round]).unwrap();
        world.flush();
        world.run_ms(1_000);
        let moved = Told::Moved(id, world.peers[peer].address);
        assert!(world.told.contains(&moved), "round {round}");
        // What was lost with the old address is sent again.
        world.run_ms(1_000);
        assert_eq!(world.server.address(id), Some(world.peers[peer].address));
        assert!(world.told.contains(&Told::Message(id, channel::CONTROL, vec![round])));
        assert!(world.peers[peer].told.contains(&ClientTold::Message(channel::EVENT, vec![round])));
    }
    let paths = world.sent.iter().filter(|sent| sent.from != world.server_address && sent.bytes[0] == 0x87);
    let ids: std::collections::BTreeSet<&[u8]> = paths.map(|sent| &sent.bytes[1..9]).collect();
    assert_eq!(ids.len(), 5, "one id at each address, and none at two");
    assert_eq!((world.server.paths(id), world.server.counters().sessions_moved), ((2, 2), 4));
    assert_eq!((world.ends(), world.state(peer)), (vec![], ClientState::Spoken));
    assert_numbers_ascend(&world);
}

/// proves: LIF-19
#[test]
fn a_client_that_knows_of_its_move_is_moved_in_two_round_trips() {
    let (mut world, peer, id) = spoken();
    world.peers[peer].address = at(AWAY);
    let now = world.now;
    world.peers[peer].client.handle_address_change(now);
    world.flush();
    world.run_ms(70);
    assert_eq!(world.server.address(id), Some(at(AWAY)), "path, challenge, answer: 60 ms");
}

/// proves: LIF-19
#[test]
fn whoever_repeats_a_clients_packets_from_elsewhere_moves_nothing() {
    let (mut world, peer, id) = spoken();
    world.peers[peer].address = at(AWAY);
    world.run_ms(3_000);
    let thief = at("192.0.2.66:666");
    let all: Vec<_> = world.sent.iter().filter(|sent| sent.to == world.server_address).cloned().collect();
    assert!(all.iter().any(|sent| sent.bytes[0] == 0x87));
    for datagram in all {
        let replies = world.strike(thief, &datagram.bytes);
        assert!(replies.iter().all(|reply| reply.to != thief), "{replies:?}");
    }
    assert_eq!(world.server.address(id), Some(at(AWAY)));
    // One that was held back, brought after newer ones.
    let late = stolen(&mut world, peer);
    world.run_ms(3_000);
    assert!(world.strike(thief, &late.bytes).iter().all(|reply| reply.to != thief));
    assert_eq!(world.server.counters().path_late, 1);
    assert_eq!(world.server.counters().sessions_moved, 1);
}

/// proves: LIF-19
#[test]
fn the_thief_of_the_newest_packet_gets_a_challenge_of_its_size_and_nothing_else() {
    let (mut world, peer, id) = spoken();
    let thief = at("192.0.2.66:666");
    let newest = stolen(&mut world, peer);
    assert_eq!(newest.bytes.len(), PATH_BYTES);
    let replies = world.strike(thief, &newest.bytes);
    let to_thief: usize = replies.iter().filter(|reply| reply.to == thief).map(|reply| reply.bytes.len()).sum();
    assert_eq!(to_thief, PATH_BYTES);
    assert!(world.strike(thief, &newest.bytes).is_empty(), "and only once");
    // It cannot answer; sending the challenge back, or what else it saw, proves nothing.
    let back = replies.iter().find(|reply| reply.to == thief).unwrap().bytes.clone();
    assert!(world.strike(thief, &back).is_empty());
    world.run_ms(5_000);
    assert_eq!((world.server.address(id), world.server.counters().sessions_moved), (Some(at(HOME)), 0));
    assert!(world.sent.iter().filter(|sent| sent.to == thief).count() == 1);
    assert_eq!(world.state(peer), ClientState::Spoken);
}

/// proves: LIF-19, SES-16
#[test]
fn forged_path_packets_are_counted_and_hurt_nobody() {
    let (mut world, peer, id) = spoken();
    let seen = stolen(&mut world, peer).bytes;
    for n in 0..2_000_u64 {
        let mut forged = seen.clone();
        forged[9..17].copy_from_slice(&(1_000 + n).to_le_bytes());
        assert!(world.strike(at("192.0.2.66:666"), &forged).is_empty());
    }
    for byte in [1, 5, 8, 20, 40] {
        let mut changed = seen.clone();
        changed[byte] ^= 1;
        assert!(world.strike(at(HOME), &changed).is_empty());
    }
    for length in [17, 40, 42, 100] {
        let mut changed = seen.clone();
        changed.resize(length, 0);
        assert!(world.strike(at(HOME), &changed).is_empty());
    }
    let counters = world.server.counters();
    assert!(counters.drop_seal > 0 && counters.path_unknown > 0 && counters.drop_address_rate > 0, "{counters:?}");
    world.peers[peer].client.send(channel::CONTROL, b"unhurt").unwrap();
    world.flush();
    world.run_ms(100);
    assert!(world.told.contains(&Told::Message(id, channel::CONTROL, b"unhurt".to_vec())));
}

/// proves: LIF-19
#[test]
fn the_address_of_a_living_session_cannot_be_taken() {
    let (mut world, peer, id) = spoken();
    world.join(AWAY, 2);
    world.run_ms(1_000);
    let other = world.id_of(2);
    let newest = stolen(&mut world, peer);
    let replies = world.strike(at(AWAY), &newest.bytes);
    assert!(replies.is_empty(), "{replies:?}");
    assert_eq!(world.server.counters().path_address_taken, 1);
    assert_eq!((world.server.address(id), world.server.address(other)), (Some(at(HOME)), Some(at(AWAY))));
}

/// proves: LIF-19
#[test]
fn other_types_from_a_new_address_are_not_opened() {
    let (mut world, peer, _) = spoken();
    let before = world.server.counters().clone();
    let now = world.now;
    world.peers[peer].address = at(AWAY);
    world.peers[peer].client.send(channel::CONTROL, b"lost").unwrap();
    world.flush();
    world.run_ms(100);
    let after = world.server.counters();
    assert!(now < world.now && after.drop_unknown_address > before.drop_unknown_address);
    assert_eq!(after.drop_seal, before.drop_seal);
}

/// proves: LIF-18, LIF-19
#[test]
fn a_session_that_was_silent_for_a_minute_comes_back_from_another_address() {
    let (mut world, peer, id) = spoken();
    world.passes = Box::new(|_| false);
    world.run_ms(60_000);
    assert!(world.server.is_silent(id));
    world.peers[peer].address = at(AWAY);
    world.passes = Box::new(|_| true);
    world.run_ms(2_000);
    assert!(!world.server.is_silent(id) && !world.peers[peer].client.is_silent());
    assert_eq!(world.server.address(id), Some(at(AWAY)));
    assert_eq!((world.ends(), world.state(peer)), (vec![], ClientState::Spoken));
}

/// proves: LIF-19
#[test]
fn two_hundred_clients_move_at_once_over_a_link_that_loses_a_tenth() {
    use rand::{Rng, SeedableRng};
    let mut world = World::new("192.0.2.10:7777", |config| config.connections_max = 200);
    for n in 0..200_u64 {
        world.join(&format!("198.51.{n}.1:5000"), 1 + n);
    }
    world.run_ms(1_000);
    let mut rng = rand::rngs::StdRng::seed_from_u64(1);
    world.passes = Box::new(move |_| rng.next_u32() % 10 != 0);
    for (n, peer) in world.peers.iter_mut().enumerate() {
        peer.address = at(&format!("203.0.{n}.1:6000"));
    }
    world.run_ms(5_000);
    assert_eq!((world.server.counters().sessions_moved, world.ends()), (200, vec![]));
    assert!(world.peers.iter().all(|peer| peer.client.state() == ClientState::Spoken));
}

/// As behind a router that gives each the port the other had.
///
/// proves: LIF-19
#[test]
fn two_clients_that_change_places_are_both_found() {
    let (mut world, a, a_id) = spoken();
    let b = world.join(AWAY, 2);
    world.run_ms(1_000);
    let b_id = world.id_of(2);
    for round in 0..3_u8 {
        let (here, there) = (world.peers[a].address, world.peers[b].address);
        (world.peers[a].address, world.peers[b].address) = (there, here);
        world.peers[a].client.send(channel::CONTROL, &[round, 1]).unwrap();
        world.peers[b].client.send(channel::CONTROL, &[round, 2]).unwrap();
        world.server.send(a_id, channel::EVENT, &[round, 1]).unwrap();
        world.server.send(b_id, channel::EVENT, &[round, 2]).unwrap();
        world.flush();
        world.run_ms(4_000);
        assert_eq!(
            (world.server.address(a_id), world.server.address(b_id)),
            (Some(there), Some(here)),
            "round {round}"
        );
        for (peer, id, said) in [(a, a_id, [round, 1]), (b, b_id, [round, 2])] {
            assert!(world.told.contains(&Told::Message(id, channel::CONTROL, said.to_vec())), "round {round}");
            assert!(world.peers[peer].told.contains(&ClientTold::Message(channel::EVENT, said.to_vec())));
        }
    }
    assert_eq!((world.ends(), world.server.counters().sessions_silent), (vec![], 0), "and neither fell silent");
}

/// The first has moved on, the second came to its place, and then both are back: the place is the first's again.
///
/// proves: LIF-19
#[test]
fn a_client_that_comes_back_to_an_address_another_had_meanwhile_is_found_there() {
    let (mut world, a, a_id) = spoken();
    let b = world.join(AWAY, 2);
    world.run_ms(1_000);
    let b_id = world.id_of(2);
    // A cannot be reached for a while, and B gets its address.
    world.passes = Box::new(move |sent| sent.from != at("192.0.2.77:1") && sent.to != at("192.0.2.77:1"));
    (world.peers[a].address, world.peers[b].address) = (at("192.0.2.77:1"), at(HOME));
    world.run_ms(3_000);
    assert_eq!(world.server.address(b_id), Some(at(HOME)));
    (world.peers[a].address, world.peers[b].address) = (at(HOME), at(AWAY));
    world.run_ms(4_000);
    assert_eq!((world.server.address(a_id), world.server.address(b_id)), (Some(at(HOME)), Some(at(AWAY))));
    world.peers[a].client.send(channel::CONTROL, b"home").unwrap();
    world.flush();
    world.run_ms(300);
    assert!(world.told.contains(&Told::Message(a_id, channel::CONTROL, b"home".to_vec())));
    assert_eq!(world.ends(), []);
}

/// A server with an address of each family, and a client that has one family at a time.
///
/// proves: LIF-19
#[test]
fn a_client_moves_from_ipv4_to_ipv6_and_back() {
    let mut world = World::v4();
    let (v4, v6) = (world.server_address, at("[2001:db8::10]:7777"));
    world.other_address = Some(v6);
    world.passes = Box::new(|sent| sent.from.is_ipv4() == sent.to.is_ipv4());
    let token = world.token_with(1, 1, 5, &[v4, v6]);
    let peer = world.join_with(HOME, token, crate::rig::hello());
    world.run_ms(1_000);
    let id = world.id_of(1);
    for (address, server, knows) in [("[2001:db8:7::1]:6000", v6, false), (HOME, v4, true)] {
        world.peers[peer].address = at(address);
        let now = world.now;
        if knows {
            world.peers[peer].client.handle_address_change(now);
            world.flush();
        }
        world.run_ms(2_000);
        assert_eq!((world.server.address(id), world.peers[peer].client.server()), (Some(at(address)), server));
        world.peers[peer].client.send(channel::CONTROL, address.as_bytes()).unwrap();
        world.server.send(id, channel::EVENT, address.as_bytes()).unwrap();
        world.flush();
        world.run_ms(300);
        assert!(world.told.contains(&Told::Message(id, channel::CONTROL, address.into())), "{address}");
        assert!(world.peers[peer].told.contains(&ClientTold::Message(channel::EVENT, address.into())), "{address}");
    }
    assert_eq!((world.server.counters().sessions_moved, world.ends()), (2, vec![]));
}

/// A server whose socket takes both families sees IPv4 peers under a name inside IPv6: the same address.
///
/// proves: SES-1, LIF-19
#[test]
fn an_address_in_its_ipv6_disguise_is_no_move() {
    let (mut world, peer, id) = spoken();
    let disguise = |address: SocketAddr| match address {
        SocketAddr::V4(v4) => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
        SocketAddr::V6(_) => address,
    };
    let path = stolen(&mut world, peer);
    let replies = world.strike(disguise(path.from), &path.bytes);
    assert!(replies.iter().all(|reply| reply.to == at(HOME)), "{replies:?}");
    // And a move to an address that is told in disguise is a move to that address.
    world.peers[peer].address = at(AWAY);
    let moved = stolen(&mut world, peer);
    let challenge = world.strike(disguise(at(AWAY)), &moved.bytes);
    assert_eq!(challenge.iter().map(|sent| sent.to).collect::<Vec<_>>(), [at(AWAY)]);
    world.run_ms(200);
    assert_eq!((world.server.address(id), world.server.counters().sessions_moved), (Some(at(AWAY)), 1));
    let told = world.told.iter().filter(|told| matches!(told, Told::Moved(..)));
    assert_eq!(told.collect::<Vec<_>>(), [&Told::Moved(id, at(AWAY))]);
}
