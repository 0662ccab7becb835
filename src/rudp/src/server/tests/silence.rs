//! Spoken sessions whose wires go dead for a while.
use crate::channel::{self, PartId, PartOutcome, SendError};
use crate::client::ClientState;
use crate::outer::{Reads, decode_header};
use crate::reason::Reason;
use crate::rig::{ClientTold, Told, World};
use crate::server::{ConfigError, ConnectionId, ServerConfig};

/// A spoken session, and then nothing passes any more.
fn cut(adjust: impl FnOnce(&mut ServerConfig)) -> (World, usize, ConnectionId) {
    let mut world = World::new("192.0.2.10:7777", adjust);
    let peer = world.join("198.51.100.1:5000", 1);
    world.run_ms(1_000);
    assert_eq!(world.state(peer), ClientState::Spoken);
    world.passes = Box::new(|_| false);
    let id = world.id_of(1);
    (world, peer, id)
}

fn mend(world: &mut World) {
    world.passes = Box::new(|_| true);
}

/// proves: LIF-17
#[test]
fn after_10_s_of_probed_silence_both_ends_say_so_and_hold_the_session() {
    let (mut world, peer, id) = cut(|_| {});
    world.run_ms(9_000);
    assert!(!world.server.is_silent(id) && !world.peers[peer].client.is_silent());
    world.run_ms(2_000);
    assert!(world.server.is_silent(id) && world.peers[peer].client.is_silent());
    assert_eq!(world.told.last(), Some(&Told::Silent(id)));
    assert_eq!(world.peers[peer].told.last(), Some(&ClientTold::Silent));
    // Before it: at least four probes from each end, none of them answered.
    let before = world.sent.len();
    world.run_ms(60_000);
    for from in [world.server_address, world.peers[peer].address] {
        let sent = world.sent[before..].iter().filter(|datagram| datagram.from == from).count();
        assert!((59..=61).contains(&sent), "{sent} packets from {from} in 60 s: one probe a second");
    }
    assert_eq!((world.ends(), world.state(peer)), (vec![], ClientState::Spoken));
    assert_eq!(world.server.counters().sessions_silent, 1);
}

/// proves: LIF-18
#[test]
fn the_first_packet_continues_a_held_session_and_nothing_is_numbered_anew() {
    let (mut world, peer, id) = cut(|_| {});
    world.peers[peer].client.send(channel::CONTROL, b"before").unwrap();
    world.server.send(id, channel::EVENT, b"down before").unwrap();
    world.run_ms(60_000);
    world.peers[peer].client.send(channel::CONTROL, b"within").unwrap();
    world.peers[peer].client.send(channel::INPUT, b"stale").unwrap();
    world.server.send(id, channel::EVENT, b"down within").unwrap();
    mend(&mut world);
    world.run_ms(4_000);
    assert!(!world.server.is_silent(id) && !world.peers[peer].client.is_silent());
    let up: Vec<_> = world.told.iter().filter(|told| !matches!(told, Told::Connected(..) | Told::Spoken(_))).collect();
    let said = |bytes: &[u8]| Told::Message(id, channel::CONTROL, bytes.to_vec());
    assert_eq!(up, [&Told::Silent(id), &Told::Resumed(id), &said(b"before"), &said(b"within")]);
    let heard = |bytes: &[u8]| ClientTold::Message(channel::EVENT, bytes.to_vec());
    let down = &world.peers[peer].told[2..];
    assert_eq!(down, [ClientTold::Silent, ClientTold::Resumed, heard(b"down before"), heard(b"down within")]);
    assert_eq!(world.server.counters().sessions_resumed, 1);
    // No number was used twice, and the session lives on.
    let mut last = None;
    for datagram in world.sent.iter().filter(|datagram| datagram.from == world.server_address) {
        let header = decode_header(&datagram.bytes, Reads::Client).unwrap();
        if header.sequence < 1 << 63 {
            assert!(Some(header.sequence) > last, "{header:?} after {last:?}");
            last = Some(header.sequence);
        }
    }
    world.run_ms(60_000);
    assert_eq!((world.ends(), world.state(peer)), (vec![], ClientState::Spoken));
}

/// proves: LIF-18
#[test]
fn a_silent_session_takes_no_parts_and_those_that_waited_were_not_sent() {
    let (mut world, _, id) = cut(|_| {});
    world.run_ms(9_000);
    world.server.send_snapshot(id, PartId(1), b"on its way").unwrap();
    world.flush();
    world.run_ms(2_000);
    assert_eq!(world.server.send_snapshot(id, PartId(2), b"to nobody"), Err(SendError::Silent));
    mend(&mut world);
    world.run_ms(3_000);
    world.server.send_snapshot(id, PartId(3), b"again").unwrap();
    world.flush();
    world.run_ms(1_000);
    let parts: Vec<_> = world.told.iter().filter(|told| matches!(told, Told::Part(..))).collect();
    assert_eq!(parts, [&Told::Part(id, PartId(1), PartOutcome::Lost), &Told::Part(id, PartId(3), PartOutcome::Acked)]);
}

/// proves: LIF-17
#[test]
fn a_session_held_for_its_time_is_closed_at_both_ends() {
    let (mut world, peer, id) = cut(|_| {});
    world.run_ms(129_000);
    assert_eq!((world.ends(), world.state(peer)), (vec![], ClientState::Spoken));
    world.run_ms(3_000);
    assert_eq!(world.ends(), [(id, Reason::TimedOut)]);
    assert_eq!(world.state(peer), ClientState::Ended(Reason::TimedOut));
    assert_eq!(world.peers[peer].told[2..], [ClientTold::Silent, ClientTold::Disconnected(Reason::TimedOut)]);
}

/// proves: LIF-17
#[test]
fn a_server_may_hold_nobody_and_may_not_hold_longer_than_600_s() {
    let (mut world, _, id) = cut(|config| config.held_s = 0);
    world.run_ms(11_000);
    assert_eq!(world.ends(), [(id, Reason::TimedOut)]);
    let mut config = ServerConfig::new(1, crate::rig::mint().key, world.server_address, crate::rig::rules(), [5; 32]);
    config.held_s = 601;
    let refused = crate::server::Server::new(config, world.now).err();
    assert_eq!(refused, Some(ConfigError::Held(601)));
}

/// proves: LIF-17
#[test]
fn a_sign_of_life_every_nine_seconds_is_no_silence() {
    let (mut world, peer, id) = cut(|_| {});
    for _ in 0..10 {
        world.passes = Box::new(|_| false);
        world.run_ms(8_000);
        mend(&mut world);
        world.run_ms(1_200);
    }
    assert_eq!((world.server.counters().sessions_silent, world.state(peer)), (0, ClientState::Spoken));
    assert_eq!(world.server.is_silent(id), world.peers[peer].client.is_silent());
}

/// proves: LIF-9
#[test]
fn a_newer_token_replaces_a_held_session() {
    let (mut world, _, old) = cut(|_| {});
    world.run_ms(20_000);
    mend(&mut world);
    world.peers.clear();
    world.join("198.51.100.2:5000", 1);
    world.run_ms(1_000);
    assert_eq!(world.ends(), [(old, Reason::TakenOver)]);
    assert_eq!(world.server.connections(), 1);
}

/// proves: LIF-14
#[test]
fn a_stall_makes_nobody_silent() {
    let (mut world, peer, id) = cut(|_| {});
    mend(&mut world);
    world.run_ms(1_000);
    world.freeze_ms(30_000);
    let now = world.now;
    world.server.handle_timeout(now);
    world.peers[peer].client.handle_timeout(now);
    world.flush();
    world.run_ms(5_000);
    assert!(!world.server.is_silent(id) && !world.peers[peer].client.is_silent());
    assert_eq!(world.server.counters().sessions_silent, 0);
}
