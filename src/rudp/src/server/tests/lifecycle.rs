//! A session's life, from the first request to the last disconnect.
use crate::channel::{self, PartId, PartOutcome, SendError};
use crate::client::ClientState;
use crate::hello::Hello;
use crate::outer::Kind;
use crate::reason::Reason;
use crate::rig::hand::{Hand, close_body};
use crate::rig::{ClientTold, START, Told, World, hello};
use std::net::SocketAddr;

fn spoken(server: &str, client: &str) -> (World, usize) {
    let mut world = World::new(server, |_| {});
    let peer = world.join(client, 1);
    world.run_ms(300);
    assert_eq!(world.state(peer), ClientState::Spoken);
    (world, peer)
}

fn v4() -> (World, usize) {
    spoken("192.0.2.10:7777", "198.51.100.1:5000")
}

/// proves: LIF-1, LIF-10
#[test]
fn both_ends_connect_speak_and_part_over_ipv4_and_ipv6() {
    for (server, client) in [("192.0.2.10:7777", "198.51.100.1:5000"), ("[2001:db8::10]:7777", "[2001:db8:1::1]:5000")]
    {
        let (mut world, peer) = spoken(server, client);
        let id = world.id_of(1);
        let from: SocketAddr = client.parse().unwrap();
        assert!(matches!(&world.told[0], Told::Connected(_, 1, Some(user), at) if user.account_id == 1 && *at == from));
        assert_eq!(world.told[1], Told::Spoken(id));
        assert_eq!(world.peers[peer].told, [ClientTold::Connected(id.slot, 8), ClientTold::Accepted(1)]);
        assert_eq!(world.server.address(id), Some(from));

        world.peers[peer].client.send(channel::CONTROL, b"up").unwrap();
        world.server.send(id, channel::EVENT, b"down").unwrap();
        world.server.send_snapshot(id, PartId(9), b"part").unwrap();
        world.flush();
        world.run_ms(300);
        assert!(world.told.contains(&Told::Message(id, channel::CONTROL, b"up".to_vec())));
        assert!(world.told.contains(&Told::Part(id, PartId(9), PartOutcome::Acked)));
        let told = &world.peers[peer].told;
        assert!(told.contains(&ClientTold::Message(channel::EVENT, b"down".to_vec())));
        assert!(told.contains(&ClientTold::Message(channel::SNAPSHOT, b"part".to_vec())));

        let now = world.now;
        world.peers[peer].client.disconnect(now, Reason::UserQuit);
        world.flush();
        world.run_ms(300);
        assert_eq!(world.ends(), [(id, Reason::UserQuit)]);
        assert_eq!(world.told.last(), Some(&Told::Disconnected(id, Reason::UserQuit)));
        assert_eq!(world.server.connections(), 0);
        assert_eq!(world.server.send(id, channel::EVENT, b"late"), Err(SendError::Closing));
        assert_eq!((world.server.stats(id), world.server.address(id)), (None, None));
    }
}

/// proves: LIF-15
#[test]
fn a_disconnect_is_told_ten_times_and_its_reason_three_times_before() {
    let (mut world, peer) = v4();
    let (now, id, before) = (world.now, world.id_of(1), world.sent.len());
    world.server.disconnect(now, id, Reason::Kicked);
    world.flush();
    let kinds: Vec<u8> = world.sent[before..].iter().map(|sent| sent.bytes[0] & 15).collect();
    assert_eq!(kinds, [[5; 3].as_slice(), &[6; 10]].concat());
    world.run_ms(100);
    assert_eq!(world.state(peer), ClientState::Ended(Reason::Kicked));
    assert_eq!(world.peers[peer].told.last(), Some(&ClientTold::Disconnected(Reason::Kicked)));
    assert_eq!(world.ends(), [(id, Reason::Kicked)]);
    world.server.disconnect(now, id, Reason::Banned);
    world.flush();
    assert_eq!(world.ends().len(), 1, "an ended connection does not end again");
}

/// proves: LIF-10
#[test]
fn every_part_has_its_fate_before_the_end() {
    let (mut world, _) = v4();
    let id = world.id_of(1);
    world.passes = Box::new(|_| false);
    world.server.send_snapshot(id, PartId(1), b"sent").unwrap();
    world.flush();
    world.server.send_snapshot(id, PartId(2), b"not sent").unwrap();
    let now = world.now;
    world.server.disconnect(now, id, Reason::Kicked);
    world.flush();
    let last = &world.told[world.told.len() - 3..];
    assert!(last[..2].contains(&Told::Part(id, PartId(1), PartOutcome::Lost)), "{last:?}");
    assert!(last[..2].contains(&Told::Part(id, PartId(2), PartOutcome::NotSent)), "{last:?}");
    assert_eq!(last[2], Told::Disconnected(id, Reason::Kicked));
}

/// proves: LIF-15
#[test]
fn one_disconnect_of_ten_is_enough_and_without_a_reason_it_is_unstated() {
    let (mut world, peer) = v4();
    let mut disconnects = 0;
    world.passes = Box::new(move |datagram| {
        disconnects += usize::from(datagram.bytes[0] & 15 == 6);
        datagram.bytes[0] & 15 == 6 && disconnects == 10
    });
    let (now, id) = (world.now, world.id_of(1));
    world.server.disconnect(now, id, Reason::Kicked);
    world.flush();
    world.run_ms(100);
    assert_eq!(world.state(peer), ClientState::Ended(Reason::Unstated));
}

/// proves: LIF-12, LIF-13
#[test]
fn an_idle_session_lives_far_beyond_its_tokens_life_and_time_out() {
    let (mut world, peer) = v4();
    world.run_ms(10 * 60_000);
    assert_eq!(world.state(peer), ClientState::Spoken);
    assert_eq!(world.ends(), []);
}

/// proves: LIF-13
#[test]
fn before_the_hello_the_tokens_own_time_out_binds() {
    let mut world = World::v4();
    let token = world.token_with(1, 1, 3, &[world.server_address]);
    world.join_with("198.51.100.1:5000", token, hello());
    // The handshake passes, and then nothing more from the client.
    world.passes = Box::new(|datagram| !matches!(datagram.bytes[0] & 15, 4..=6));
    world.run_ms(2_900);
    assert_eq!(world.ends(), []);
    world.run_ms(500);
    assert_eq!(world.ends().iter().map(|(_, reason)| *reason).collect::<Vec<_>>(), [Reason::TimedOut]);
}

/// proves: LIF-11
#[test]
fn a_stock_client_connects_stays_harmless_and_is_sent_away_after_10_s() {
    let mut world = World::v4();
    let server = world.server_address;
    let token = world.token_with(1, 1, 60, &[server]);
    let peer = world.join_with("198.51.100.1:5000", token, hello());
    // What a stock client sends after the handshake: keep-alives, no payload that we understand.
    world.passes = Box::new(move |datagram| datagram.to != server || datagram.bytes[0] & 15 != 5);
    world.run_ms(200);
    let (id, joined) = (world.id_of(1), world.sent.len());
    assert_eq!(world.state(peer), ClientState::Connected);
    assert_eq!(world.server.send(id, channel::EVENT, b"x"), Err(SendError::NotSpoken));
    world.run_ms(9_700);
    let down = world.sent[joined..].iter().filter(|sent| sent.from == server);
    let kinds: Vec<u8> = down.map(|sent| sent.bytes[0] & 15).collect();
    assert!(kinds.iter().all(|kind| *kind == 4), "keep-alives only: {kinds:?}");
    assert!((36..=40).contains(&kinds.len()), "{} keep-alives at 250 ms", kinds.len());
    assert_eq!(world.ends(), []);
    world.run_ms(300);
    assert_eq!(world.ends(), [(id, Reason::UnspokenTooLong)]);
    assert_eq!(world.state(peer), ClientState::Ended(Reason::UnspokenTooLong));
    assert!(!world.told.iter().any(|told| matches!(told, Told::Spoken(_) | Told::Message(..))));
}

/// proves: LIF-11, PKT-27
#[test]
fn who_leaves_before_the_hello_may_say_why() {
    for (body, reason) in [
        (close_body(Reason::UserQuit.code()), Reason::UserQuit),
        (close_body(200), Reason::Other(200)),
        // Behind a ping it is no close but a payload without a hello: ignored.
        (vec![0, 4, 3, 1, 0], Reason::Unstated),
        (vec![0, 3, 1], Reason::Unstated),
    ] {
        let mut world = World::v4();
        let mut hand = Hand::new(world.token(1, 1), "198.51.100.1:5000");
        hand.connect(&mut world);
        let close = hand.seal(Kind::Payload, &body);
        assert_eq!(world.strike(hand.address, &close), [], "nobody answers a close");
        let disconnect = hand.seal(Kind::Disconnect, &[]);
        world.strike(hand.address, &disconnect);
        assert_eq!(world.ends(), [(world.id_of(1), reason)], "{body:?}");
    }
    // As our own client leaves.
    let mut world = World::v4();
    let peer = world.join("198.51.100.1:5000", 1);
    let server = world.server_address;
    world.passes = Box::new(move |sent| sent.from != server || sent.bytes[0] & 15 != 5);
    world.run_ms(100);
    assert_eq!(world.state(peer), ClientState::Connected);
    let now = world.now;
    world.peers[peer].client.disconnect(now, Reason::UserQuit);
    world.flush();
    world.run_ms(100);
    assert_eq!(world.ends(), [(world.id_of(1), Reason::UserQuit)]);
}

/// proves: LIF-11
#[test]
fn a_hello_that_differs_is_refused_with_its_reason() {
    for (said, reason) in [
        (Hello { version_min: 2, version_max: 3, ..hello() }, Reason::HelloVersion),
        (Hello { channel_hash: 1, ..hello() }, Reason::HelloChannels),
        (Hello { motion_hash: 1, ..hello() }, Reason::HelloMotion),
        (Hello { content_hash: 1, ..hello() }, Reason::HelloContent),
    ] {
        let mut world = World::v4();
        let token = world.token(1, 1);
        let peer = world.join_with("198.51.100.1:5000", token, said);
        world.run_ms(500);
        assert_eq!(world.state(peer), ClientState::Ended(reason));
        assert_eq!(world.ends(), [(world.id_of(1), reason)]);
        assert_eq!(world.server.counters().hellos_refused, 1);
    }
}

/// proves: LIF-11
#[test]
fn a_token_without_our_user_data_gets_no_further_than_the_hello() {
    let mut world = World::v4();
    let token = world.token(1, 1);
    let key = crate::seal::TokenKey::new(&crate::rig::mint().key);
    let mut stock = token.clone();
    let mut private =
        crate::token::PrivateToken::open(&mut stock.sealed, &key, token.protocol_id, token.expire_unix_s, &token.nonce)
            .unwrap();
    private.user = [0x5A; 256];
    let sealed = crate::token::seal_private(&private, &key, token.protocol_id, token.expire_unix_s, &token.nonce);
    stock.sealed = Box::new(sealed);
    let peer = world.join_with("198.51.100.1:5000", stock, hello());
    world.run_ms(500);
    assert!(matches!(world.told[0], Told::Connected(_, 1, None, _)));
    assert_eq!(world.state(peer), ClientState::Ended(Reason::TokenRefused));
    assert_eq!(world.told.len(), 2, "connected, disconnected, nothing between");
}

/// proves: LIF-14
#[test]
fn a_stall_of_the_server_ends_nobody() {
    let (mut world, peer) = v4();
    world.run_ms(2_000);
    // The process stands still for 15 s; the client's keep-alives are lost in the full socket buffer.
    world.peers[peer].client.handle_timeout(world.now);
    world.freeze_ms(15_000);
    let now = world.now;
    world.server.handle_timeout(now);
    world.flush();
    assert_eq!(world.ends(), []);
    assert_eq!(world.server.counters().stalls, 1);
    assert!(world.server.poll_timeout().unwrap() > now.mono_ns);
}

/// Who had nothing to do was not standing still: else the first client after an hour would be believed in for an hour.
///
/// proves: LIF-14
#[test]
fn an_hour_without_anybody_is_no_stall() {
    let mut world = World::v4();
    // Nothing was due: nobody called the server for an hour, and then datagrams come.
    world.freeze_ms(3_600_000);
    let mut hand = Hand::new(world.token(1, 1), "198.51.100.1:5000");
    hand.connect(&mut world);
    hand.speak(&mut world);
    world.run_ms(12_000);
    assert_eq!(world.server.counters().stalls, 0);
    assert!(world.server.is_silent(world.id_of(1)), "after ten seconds, not after an hour");
}

/// proves: LIF-14
#[test]
fn a_stall_of_the_client_does_not_end_it_either() {
    let (mut world, peer) = v4();
    world.run_ms(500);
    world.freeze_ms(9_500);
    let now = world.now;
    world.peers[peer].client.handle_timeout(now);
    assert_eq!(world.state(peer), ClientState::Spoken);
    assert_eq!(world.peers[peer].client.counters().stalls, 1);
}

/// proves: LIF-13
#[test]
fn steps_of_the_wall_clock_end_no_session() {
    let (mut world, peer) = v4();
    for step_s in [300i64, -600, 300] {
        world.now.unix_s = world.now.unix_s.saturating_add_signed(step_s);
        world.run_ms(20_000);
        assert_eq!(world.state(peer), ClientState::Spoken);
    }
}

/// proves: SES-14
#[test]
fn replayed_packets_of_a_whole_session_change_nothing() {
    let (mut world, _) = v4();
    world.run_ms(3_000);
    let server = world.server_address;
    let all: Vec<_> = world.sent.iter().filter(|sent| sent.to == server).cloned().collect();
    let (told, before) = (world.told.clone(), world.server.counters().clone());
    for datagram in &all {
        let replies = world.strike(datagram.from, &datagram.bytes);
        assert!(replies.is_empty(), "{replies:?}");
    }
    assert_eq!(world.told, told);
    let after = world.server.counters();
    let dropped = (after.drop_repeated - before.drop_repeated)
        + (after.request_consumed - before.request_consumed)
        + (after.drop_state - before.drop_state);
    assert_eq!(dropped, all.len() as u64);
}

/// proves: SES-14
#[test]
fn a_forged_high_sequence_moves_no_window() {
    let (mut world, peer) = v4();
    let from = world.peers[peer].address;
    let mut forged = vec![0xAB; 40];
    forged[0] = 0x85;
    forged[1..9].copy_from_slice(&(u64::MAX - 5).to_le_bytes());
    world.strike(from, &forged);
    assert_eq!(world.server.counters().drop_seal, 1);
    world.run_ms(20_000);
    assert_eq!(world.state(peer), ClientState::Spoken);
}

/// proves: LIF-16
#[test]
fn junk_from_a_forged_live_address_does_not_lock_its_owner_out() {
    let (mut world, peer) = v4();
    let from = world.peers[peer].address;
    for round in 0..20u64 {
        for n in 0..10u64 {
            let mut junk = vec![0xAB; 60];
            junk[0] = 0x85;
            junk[1..9].copy_from_slice(&(1_000_000 + round * 100 + n).to_le_bytes());
            world.strike(from, &junk);
        }
        world.run_ms(50);
    }
    let counters = world.server.counters();
    assert!(counters.drop_after_failures > 10, "{counters:?}");
    // And with the budget for failures freshly emptied, at the same instant:
    world.peers[peer].client.send(channel::CONTROL, b"still here").unwrap();
    world.flush();
    let honest = world.sent.iter().rfind(|sent| sent.from == from && sent.bytes.len() > 30).unwrap().bytes.clone();
    for n in 0..200u64 {
        let mut junk = vec![0xAB; 60];
        junk[0] = 0x85;
        junk[1..9].copy_from_slice(&(2_000_000 + n).to_le_bytes());
        world.strike(from, &junk);
    }
    world.strike(from, &honest);
    assert!(world.told.iter().any(|told| matches!(told, Told::Message(_, _, bytes) if bytes == b"still here")));
}

/// proves: LIF-16
#[test]
fn a_session_has_120_packets_a_second() {
    let (mut world, peer) = v4();
    world.run_ms(2_000);
    let before = world.server.counters().drop_session_rate;
    for _ in 0..1_000 {
        world.peers[peer].client.send(channel::INPUT, &[7; 500]).unwrap();
        world.flush();
        world.run_ms(4);
    }
    let counters = world.server.counters();
    let dropped = counters.drop_session_rate - before;
    // 1,000 packets in 4 s: 240 at once and 480 over the time.
    assert!((240..=300).contains(&dropped), "{dropped}");
    assert_eq!(world.state(peer), ClientState::Spoken);
}

/// proves: SES-15
#[test]
fn numbers_under_one_key_never_repeat() {
    let (mut world, peer) = v4();
    world.run_ms(5_000);
    let (now, id) = (world.now, world.id_of(1));
    world.server.disconnect(now, id, Reason::Kicked);
    world.flush();
    let to = world.peers[peer].address;
    let mut seen = std::collections::BTreeSet::new();
    let mut globals = 0;
    for sent in world.sent.iter().filter(|sent| sent.to == to) {
        let header = crate::outer::decode_header(&sent.bytes, crate::outer::Reads::Client).unwrap();
        assert!(seen.insert(header.sequence), "{header:?} twice");
        let is_global = header.sequence >= (1 << 63) + (START.unix_s << 24);
        assert_eq!(is_global, matches!(header.kind, crate::outer::Kind::Challenge | crate::outer::Kind::Denied));
        globals += u32::from(is_global);
    }
    assert!(globals >= 1);
}

/// proves: LIF-1
#[test]
fn a_session_is_made_through_30_percent_loss() {
    use rand::{Rng, SeedableRng};
    for seed in 0..20 {
        let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
        let mut world = World::v4();
        world.passes = Box::new(move |_| rng.next_u32() % 10 >= 3);
        let peer = world.join("198.51.100.1:5000", 1);
        world.run_ms(4_000);
        assert_eq!(world.state(peer), ClientState::Spoken, "seed {seed}");
    }
}

/// Bit flips, cuts and growth of real datagrams, and pure noise, into both ends of a living session.
#[test]
fn damaged_datagrams_never_panic_and_never_end_a_session() {
    use rand::{Rng, SeedableRng};
    let (mut world, peer) = v4();
    world.run_ms(1_000);
    let real = world.sent.clone();
    let mut rng = rand::rngs::StdRng::seed_from_u64(3);
    for round in 0..20_000 {
        let mut datagram = real[rng.next_u32() as usize % real.len()].clone();
        for _ in 0..=rng.next_u32() % 3 {
            let at = rng.next_u32() as usize % datagram.bytes.len();
            datagram.bytes[at] ^= 1 << (rng.next_u32() % 8);
        }
        match rng.next_u32() % 4 {
            0 => datagram.bytes.truncate(rng.next_u32() as usize % datagram.bytes.len() + 1),
            1 => datagram.bytes.resize(rng.next_u32() as usize % 1600 + 1, 0x55),
            _ => {}
        }
        if datagram.to == world.server_address {
            world.strike(datagram.from, &datagram.bytes);
        } else {
            let now = world.now;
            world.peers[peer].client.handle_datagram(now, datagram.from, &mut datagram.bytes);
        }
        if round % 50 == 0 {
            world.run_ms(100);
        }
    }
    assert_eq!(world.state(peer), ClientState::Spoken);
    assert_eq!(world.ends(), []);
}

#[test]
fn two_runs_from_one_seed_send_the_same_bytes() {
    let run = || {
        let (mut world, _) = v4();
        world.join("198.51.100.2:5000", 2);
        world.run_ms(3_000);
        world.sent
    };
    assert_eq!(run(), run());
}

/// proves: PKT-59
#[test]
fn all_connections_together_queue_no_more_than_the_server_allows_and_acks_make_room() {
    let mut world = World::new("192.0.2.10:7777", |config| config.queue_bytes_max = 3_000);
    for (address, client_id) in [("198.51.100.1:5000", 1), ("198.51.100.2:5000", 2)] {
        world.join(address, client_id);
    }
    world.run_ms(300);
    let ids = [world.id_of(1), world.id_of(2)];
    assert_eq!(world.server.queued_bytes(), 0);
    for id in [ids[0], ids[1]] {
        assert_eq!(world.server.send(id, channel::EVENT, &[1; 1_000]), Ok(()));
    }
    assert_eq!(world.server.send(ids[0], channel::EVENT, &[1; 1_000]), Err(SendError::Full));
    assert_eq!(world.server.queued_bytes(), 2 * 1_008);
    assert_eq!(world.server.counters().sends_over_all_queues, 1);
    world.flush();
    world.run_ms(300);
    assert_eq!(world.server.queued_bytes(), 0, "acked");
    assert_eq!(world.server.send(ids[0], channel::EVENT, &[1; 1_000]), Ok(()));
    assert_eq!(world.server.queued_bytes(), 1_008);
    world.server.disconnect(world.now, ids[0], Reason::Kicked);
    assert_eq!(world.server.queued_bytes(), 0, "gone with its connection");
}
