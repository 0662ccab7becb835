//! Item 11: replays, used tokens, forged numbers.
use super::{HOME, spoken};
use crate::client::ClientState;
use crate::liveness::{HELD_DEFAULT_S, SILENT_AFTER_NS};
use crate::outer::Kind;
use crate::reason::Reason;
use crate::rig::hand::Hand;
use crate::rig::{Told, World, hello, rules};
use crate::server::{Server, ServerConfig};
use crate::time::{NS_PER_MS, NS_PER_S};
use std::net::SocketAddr;

const ELSEWHERE: &str = "203.0.113.9:6000";

fn to_server(world: &World) -> Vec<(SocketAddr, Vec<u8>)> {
    let up = world.sent.iter().filter(|sent| sent.to == world.server_address);
    up.map(|sent| (sent.from, sent.bytes.clone())).collect()
}

/// Everything the client ever sent, again, from its own address and from another, while it lives and when it is gone.
///
/// proves: SES-14, LIF-6, LIF-9
#[test]
fn survival_11_a_whole_session_replayed_changes_nothing_and_is_not_answered() {
    let (mut world, peer) = spoken(HOME, 1);
    world.run_ms(5_000);
    let recorded = to_server(&world);
    assert!(recorded.iter().any(|(_, bytes)| bytes[0] == 0) && recorded.iter().any(|(_, bytes)| bytes[0] & 15 == 3));
    for is_gone in [false, true] {
        if is_gone {
            let now = world.now;
            world.peers[peer].client.disconnect(now, Reason::UserQuit);
            world.flush();
            world.run_ms(1_000);
            assert_eq!(world.server.connections(), 0);
        }
        let told = world.told.clone();
        for address in [HOME, ELSEWHERE] {
            for (_, bytes) in &recorded {
                assert_eq!(world.strike(address.parse().unwrap(), bytes), [], "from {address}");
            }
        }
        assert_eq!(world.told, told);
        assert_eq!(world.server.connections(), usize::from(!is_gone));
        world.run_ms(1_000);
        assert_eq!(world.state(peer) == ClientState::Spoken, !is_gone);
    }
}

/// And what the server sent, to the client.
///
/// proves: SES-14, LIF-2
#[test]
fn survival_11_a_whole_session_replayed_to_the_client_changes_nothing() {
    let (mut world, peer) = spoken(HOME, 1);
    world.run_ms(5_000);
    let (server, now) = (world.server_address, world.now);
    let recorded: Vec<_> =
        world.sent.iter().filter(|sent| sent.from == server).map(|sent| sent.bytes.clone()).collect();
    let told = world.peers[peer].told.clone();
    for mut bytes in recorded {
        world.peers[peer].client.handle_datagram(now, server, &mut bytes);
    }
    world.flush();
    assert_eq!((world.peers[peer].told.clone(), world.state(peer)), (told, ClientState::Spoken));
}

/// A response is bound to its handshake: recorded in one, it begins nothing in the next, of the same token or another.
///
/// proves: LIF-7
#[test]
fn survival_11_a_recorded_response_answers_no_other_challenge() {
    let mut world = World::v4();
    let mut first = Hand::new(world.token(1, 1), HOME);
    world.strike(first.address, &first.request());
    let recorded = first.response(&world);
    world.run_ms(6_000);
    // Its pending request was dropped; the same token asks anew, and gets another challenge.
    assert_eq!(world.strike(first.address, &first.request()).len(), 1);
    assert_eq!(world.strike(first.address, &recorded), []);
    let second = Hand::new(world.token(1, 2), HOME);
    assert_eq!(world.strike(second.address, &second.request()).len(), 1);
    assert_eq!(world.strike(second.address, &recorded), []);
    let counters = world.server.counters();
    assert_eq!((counters.response_late, counters.response_seal, world.server.connections()), (1, 1, 0));
}

/// proves: LIF-6
#[test]
fn survival_11_a_token_is_used_once_whatever_became_of_its_session() {
    for reason in [None, Some(Reason::Kicked)] {
        let mut world = World::v4();
        let token = world.token(1, 1);
        let peer = world.join_with(HOME, token.clone(), hello());
        world.run_ms(500);
        let (now, id) = (world.now, world.id_of(1));
        match reason {
            None => world.peers[peer].client.disconnect(now, Reason::UserQuit),
            Some(reason) => world.server.disconnect(now, id, reason),
        }
        world.flush();
        world.run_ms(500);
        for address in [HOME, ELSEWHERE] {
            let again = world.join_with(address, token.clone(), hello());
            world.run_ms(6_000);
            assert_eq!(world.state(again), ClientState::Ended(Reason::Unreachable));
        }
        let connected = world.told.iter().filter(|told| matches!(told, Told::Connected(..))).count();
        assert_eq!(connected, 1);
    }
}

/// Keys of a session before the restart must not be used after it: numbers begin anew, and a nonce would be used twice.
///
/// proves: LIF-5
#[test]
fn survival_11_a_token_used_before_a_restart_is_refused_after_it() {
    // The server restarts so many seconds after the token was used.
    for after_s in 0..=31 {
        let mut world = World::v4();
        let token = world.token(1, 1);
        let used = world.join_with(HOME, token.clone(), hello());
        world.run_ms(500);
        assert_eq!(world.state(used), ClientState::Spoken);
        let recorded = to_server(&world);
        world.peers.clear();
        world.run_ms(after_s * 1_000);
        let config =
            ServerConfig::new(crate::rig::PROTOCOL, crate::rig::mint().key, world.server_address, rules(), [6; 32]);
        world.server = Server::new(config, world.now).unwrap();
        for _ in 0..40 {
            for (from, bytes) in &recorded {
                assert_eq!(world.strike(*from, bytes), [], "{after_s} s");
            }
            world.run_ms(1_000);
        }
        let counters = world.server.counters();
        assert_eq!(counters.requests_admitted, 0);
        assert!(counters.request_restart + counters.request_expired > 0);
    }
}

/// proves: SES-14
#[test]
fn survival_11_a_forged_high_number_moves_nothing() {
    for kind in [0x84, 0x85, 0x86, 0x87] {
        for number in [1 << 16, 1 << 32, (1 << 63) - 1, 1 << 63, u64::MAX - 1, u64::MAX] {
            let (mut world, peer) = spoken(HOME, 1);
            let mut forged = vec![kind; 41];
            forged[1..9].copy_from_slice(&u64::to_le_bytes(number));
            forged[9..17].copy_from_slice(&u64::to_le_bytes(number));
            for address in [HOME, ELSEWHERE] {
                assert_eq!(world.strike(address.parse().unwrap(), &forged), []);
            }
            let (server, now) = (world.server_address, world.now);
            world.peers[peer].client.handle_datagram(now, server, &mut forged);
            world.run_ms(3_000);
            assert_eq!((world.state(peer), world.ends()), (ClientState::Spoken, vec![]), "{kind:#x} {number:#x}");
        }
    }
}

/// The bearer himself may send any number he likes; he harms only himself, and the server counts on.
#[test]
fn survival_11_a_bearer_who_uses_up_his_numbers_ends_himself_only() {
    let mut world = World::v4();
    let mut hand = Hand::new(world.token(1, 1), HOME);
    hand.connect(&mut world);
    hand.speak(&mut world);
    let honest = world.join("198.51.100.2:5000", 2);
    world.run_ms(1_000);
    for number in [u64::MAX - 1, u64::MAX] {
        world.strike(hand.address, &hand.seal_as(Kind::KeepAlive, number, &[0; 8]));
        world.strike(hand.address, &hand.seal_as(Kind::Payload, number, &[0, 4]));
    }
    assert!(world.server.counters().drop_repeated >= 1);
    world.now = world.now.plus_ns(NS_PER_S);
    world.strike(hand.address, &hand.seal_as(Kind::Payload, 5_000, &[0, 4]));
    assert_eq!(world.server.counters().drop_stale, 1);
    world.run_ms(2_000);
    assert_eq!((world.state(honest), world.ends()), (ClientState::Spoken, vec![]));
    assert_eq!(world.server.connections(), 2, "his own session is held until his silence ends it");
    world.run_ms(SILENT_AFTER_NS / NS_PER_MS + u64::from(HELD_DEFAULT_S) * 1_000);
    assert_eq!((world.server.connections(), world.state(honest)), (1, ClientState::Spoken));
}
