//! Item 2: nothing passes for a while, shorter and longer than every time-out. Item 13: wall clocks that jump.
use super::{HOME, spoken};
use crate::channel;
use crate::client::ClientState;
use crate::reason::Reason;
use crate::rig::{ClientTold, Datagram, Told, World, hello};
use std::net::SocketAddr;

/// Both ends say something in each second of an outage; nothing of it passes in the directions that `cut` names.
fn talk_through(seconds: u64, cut: impl Fn(&Datagram, SocketAddr) -> bool + 'static) -> (World, usize) {
    let (mut world, peer) = spoken(HOME, 1);
    let (id, server) = (world.id_of(1), world.server_address);
    world.passes = Box::new(move |datagram| !cut(datagram, server));
    for second in 0..seconds {
        // Refused once the session is over.
        let _ = world.peers[peer].client.send(channel::CONTROL, &[second as u8]);
        let _ = world.server.send(id, channel::EVENT, &[second as u8]);
        world.flush();
        world.run_ms(1_000);
    }
    world.passes = Box::new(|_| true);
    world.run_ms(5_000);
    (world, peer)
}

/// Everything said arrived once and in order, at both ends.
fn assert_all_heard(world: &World, peer: usize, seconds: u64) {
    let expected: Vec<Vec<u8>> = (0..seconds).map(|second| vec![second as u8]).collect();
    let up = world.told.iter().filter_map(|told| match told {
        Told::Message(_, channel::CONTROL, bytes) => Some(bytes.clone()),
        _ => None,
    });
    assert_eq!(up.collect::<Vec<_>>(), expected);
    let down = world.peers[peer].told.iter().filter_map(|told| match told {
        ClientTold::Message(channel::EVENT, bytes) => Some(bytes.clone()),
        _ => None,
    });
    assert_eq!(down.collect::<Vec<_>>(), expected);
    assert_eq!((world.ends(), world.state(peer)), (vec![], ClientState::Spoken));
}

/// proves: LIF-17
#[test]
fn survival_02_an_outage_shorter_than_silence_is_told_to_nobody() {
    for seconds in [1, 4, 8] {
        let (world, peer) = talk_through(seconds, |_, _| true);
        assert_all_heard(&world, peer, seconds);
        assert_eq!(world.server.counters().sessions_silent, 0, "{seconds} s");
        assert!(!world.peers[peer].told.contains(&ClientTold::Silent));
    }
}

/// proves: LIF-18
#[test]
fn survival_02_after_an_outage_longer_than_silence_everything_goes_on() {
    for seconds in [12, 60, 118] {
        let (world, peer) = talk_through(seconds, |_, _| true);
        assert_all_heard(&world, peer, seconds);
        let counters = world.server.counters();
        assert_eq!((counters.sessions_silent, counters.sessions_resumed), (1, 1), "{seconds} s");
        assert_eq!(counters.sessions_started, 1, "nobody logged in again");
    }
}

/// proves: LIF-17, LIF-18
#[test]
fn survival_02_an_outage_of_one_direction_is_survived_like_one_of_both() {
    for seconds in [8, 60] {
        let (world, peer) = talk_through(seconds, |datagram, server| datagram.to == server);
        assert_all_heard(&world, peer, seconds);
        let (world, peer) = talk_through(seconds, |datagram, server| datagram.to != server);
        assert_all_heard(&world, peer, seconds);
    }
}

/// proves: LIF-17
#[test]
fn survival_02_an_outage_longer_than_the_hold_ends_both_and_a_new_token_is_welcome() {
    let (mut world, peer) = talk_through(140, |_, _| true);
    let id = world.id_of(1);
    assert_eq!(world.ends(), [(id, Reason::TimedOut)]);
    assert_eq!(world.state(peer), ClientState::Ended(Reason::TimedOut));
    let again = world.join(HOME, 1);
    world.run_ms(300);
    assert_eq!(world.state(again), ClientState::Spoken);
    assert_ne!(world.id_of(1), id);
}

/// proves: LIF-3, LIF-13
#[test]
fn survival_02_a_handshake_survives_an_outage_shorter_than_its_time_out_and_ends_in_a_longer_one() {
    // The outage begins at each step of the handshake: a step is a latency of 20 ms. Shorter is: than the time-out of 5 s
    // less the second between the keep-alives of a server that has heard a hello.
    for begins_ms in (0..=120).step_by(10) {
        for (outage_ms, survives) in [(3_900, true), (16_000, false)] {
            let mut world = World::v4();
            let token = world.token(1, 1);
            let peer = world.join_with(HOME, token, hello());
            world.run_ms(begins_ms);
            let was_spoken = world.told.iter().any(|told| matches!(told, Told::Spoken(_)));
            world.passes = Box::new(|_| false);
            world.run_ms(outage_ms);
            world.passes = Box::new(|_| true);
            // A hello is repeated after 2 s at the latest.
            world.run_ms(3_000);
            let state = world.state(peer);
            assert_eq!(state == ClientState::Spoken, survives || was_spoken, "{outage_ms} from {begins_ms}: {state:?}");
            if !survives && !was_spoken {
                // The server may have heard the hello last and hold the session: a newer token has its place.
                let again = world.join(HOME, 1);
                world.run_ms(500);
                assert_eq!(world.state(again), ClientState::Spoken, "{begins_ms}");
            }
        }
    }
}

/// proves: LIF-13
#[test]
fn survival_13_wall_clocks_that_jump_end_no_session_and_move_no_timer() {
    let run = |steps: &[i64]| {
        let (mut world, peer) = spoken(HOME, 1);
        let before = world.sent.len();
        for step_s in steps {
            world.now.unix_s = world.now.unix_s.saturating_add_signed(*step_s);
            world.run_ms(15_000);
            assert_eq!(world.state(peer), ClientState::Spoken);
        }
        world.passes = Box::new(|_| false);
        world.run_ms(12_000);
        world.now.unix_s = world.now.unix_s.saturating_add_signed(steps[0]);
        world.run_ms(100_000);
        assert_eq!(world.ends(), []);
        world.run_ms(40_000);
        assert_eq!(world.ends().len(), 1);
        world.sent[before..].iter().map(|datagram| (datagram.to, datagram.bytes.len())).collect::<Vec<_>>()
    };
    let still = run(&[0, 0, 0, 0]);
    assert_eq!(run(&[300, -600, 300, -300]), still, "to the datagram");
    assert_eq!(run(&[-300, 600, -86_400, 3]), still);
}

/// The mint's clock is right, the server's is not: nobody comes in meanwhile, and no used token comes in afterwards.
///
/// proves: LIF-4, LIF-6
#[test]
fn survival_13_a_server_whose_wall_clock_jumps_refuses_tokens_and_never_takes_one_twice() {
    for (step_s, refused) in [(300, "request_expired"), (-300, "request_expires_too_late")] {
        let mut world = World::v4();
        // Long after the start, or a step back would only meet the restart rule.
        world.run_ms(600_000);
        let used = world.token(1, 1);
        let fresh = world.token(2, 2);
        let first = world.join_with(HOME, used.clone(), hello());
        world.run_ms(1_000);
        assert_eq!(world.state(first), ClientState::Spoken);
        world.now.unix_s = world.now.unix_s.saturating_add_signed(step_s);
        let now = world.now;
        world.server.handle_timeout(now);
        let second = world.join_with("198.51.100.2:5000", fresh, hello());
        world.run_ms(1_000);
        assert_eq!(world.state(second), ClientState::Requesting);
        assert!(world.server.counters().iter().any(|(name, count)| name == refused && count >= 9), "{refused}");
        world.now.unix_s = world.now.unix_s.saturating_add_signed(-step_s);
        world.run_ms(1_000);
        // Expired tokens were forgotten while the clock was ahead: until those would have expired nothing is let in that
        // might be one of them.
        let thief = world.join_with("198.51.100.3:5000", used, hello());
        world.run_ms(1_000);
        assert_eq!(world.state(thief), ClientState::Requesting);
        let again = world.join("198.51.100.4:5000", 4);
        world.run_ms(1_000);
        assert_eq!(world.state(again), ClientState::Spoken, "{step_s}");
        assert_eq!(world.state(first), ClientState::Spoken);
    }
}
