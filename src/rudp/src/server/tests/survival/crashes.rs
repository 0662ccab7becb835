//! Item 12: a client that crashed comes back while its old session still lives.
use super::{HOME, spoken};
use crate::channel;
use crate::client::ClientState;
use crate::reason::Reason;
use crate::rig::{Told, World};

/// From the old address, from another, and from another while the server is full.
///
/// proves: LIF-9
#[test]
fn survival_12_whoever_crashed_is_back_in_a_moment_and_the_old_session_ends_once() {
    for (address, connections_max) in [(HOME, 8), ("203.0.113.9:6000", 8), ("203.0.113.9:6000", 1), (HOME, 1)] {
        let mut world = World::new("192.0.2.10:7777", |config| config.connections_max = connections_max);
        world.join(HOME, 1);
        world.run_ms(1_500);
        let old = world.id_of(1);
        world.peers.clear();
        let back = world.join(address, 1);
        world.run_ms(200);
        assert_eq!(world.state(back), ClientState::Spoken, "{address}, {connections_max}");
        assert_eq!((world.ends(), world.server.connections()), (vec![(old, Reason::TakenOver)], 1));
        let new = world.id_of(1);
        assert_ne!(new, old);
        // The old name is nobody's, and the new session works.
        assert!(world.server.send(old, channel::EVENT, b"x").is_err());
        world.server.send(new, channel::EVENT, b"welcome back").unwrap();
        world.flush();
        world.run_ms(150_000);
        assert_eq!((world.ends().len(), world.state(back)), (1, ClientState::Spoken));
    }
}

/// proves: LIF-9, LIF-10
#[test]
fn survival_12_a_client_that_crashes_again_and_again_never_holds_two_places() {
    let mut world = World::new("192.0.2.10:7777", |config| config.connections_max = 2);
    let other = world.join("198.51.100.2:5000", 2);
    world.run_ms(500);
    for crash in 0..50_u16 {
        let address = format!("203.0.113.{}:{}", crash % 5, 5_000 + crash);
        let back = world.join(&address, 1);
        world.run_ms(1_000);
        assert_eq!(world.state(back), ClientState::Spoken, "crash {crash}");
        assert_eq!(world.server.connections(), 2);
        // It is gone without a word.
        world.peers.truncate(1);
    }
    let ends = world.ends();
    assert_eq!(ends.len(), 49);
    assert!(ends.iter().all(|(_, reason)| *reason == Reason::TakenOver));
    let names: std::collections::BTreeSet<_> = ends.iter().map(|(id, _)| *id).collect();
    assert_eq!(names.len(), 49, "each ended once");
    assert_eq!(world.state(other), ClientState::Spoken);
}

/// The old program still runs, its newer twin has the session: its packets are nothing any more, and it is told.
///
/// proves: LIF-9
#[test]
fn survival_12_the_old_program_that_was_only_slow_is_told_and_disturbs_nothing() {
    let (mut world, old) = spoken(HOME, 1);
    let server = world.server_address;
    let home = world.peers[old].address;
    // What is told to the old one is lost; it goes on sending for ten seconds.
    world.passes = Box::new(move |sent| sent.from != server || sent.to != home);
    let new = world.join("203.0.113.9:6000", 1);
    for n in 0..100_u8 {
        let _ = world.peers[old].client.send(channel::CONTROL, &[n]);
        world.flush();
        world.run_ms(100);
    }
    assert_eq!(world.state(new), ClientState::Spoken);
    let heard = world.told.iter().filter(|told| matches!(told, Told::Message(..))).count();
    assert!(heard <= 2, "{heard} messages of the old one before the new one was in");
    assert_eq!(world.ends().len(), 1);
    world.run_ms(140_000);
    assert_eq!(world.state(old), ClientState::Ended(Reason::TimedOut));
    assert_eq!(world.state(new), ClientState::Spoken);
}
