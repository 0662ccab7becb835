//! Item 9: every field at its edges, every length.
use super::{HOME, spoken};
use crate::client::{Client, ClientConfig, ClientState};
use crate::counters::Counters;
use crate::outer::{DATAGRAM_BYTES_MAX, KeepAlive, Kind, REQUEST_BYTES};
use crate::reason::Reason;
use crate::rig::hand::{Hand, hello_body, input_body};
use crate::rig::{Told, World, hello, mint};
use crate::seal::{TAG_BYTES, TokenKey};
use crate::time::{NS_PER_MS, Now};
use crate::token::{PrivateToken, seal_private};
use std::net::SocketAddr;

/// Counters that say why a datagram went no further.
fn drops(world: &World) -> u64 {
    let prefixes = ["drop_", "request_", "response_", "path_unknown", "path_late", "payload_"];
    let counters = world.server.counters().iter();
    counters.filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix))).map(|(_, count)| count).sum()
}

/// A spoken session made by hand beside an honest client whose session must not notice anything.
struct Scene {
    world: World,
    hand: Hand,
    honest: usize,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::v4();
        let honest = world.join("198.51.100.2:5000", 2);
        let mut hand = Hand::new(world.token(1, 1), HOME);
        hand.connect(&mut world);
        hand.speak(&mut world);
        world.run_ms(500);
        Self { world, hand, honest }
    }

    /// Strikes from the session's own address, with time enough between that no bucket is empty.
    fn strike(&mut self, bytes: &[u8]) {
        self.world.now = self.world.now.plus_ns(20 * NS_PER_MS);
        self.world.strike(self.hand.address, bytes);
    }

    fn assert_unhurt(mut self, what: &str) {
        let ping = self.hand.seal(Kind::Payload, &input_body(b"still here"));
        self.strike(&ping);
        let is_heard = |told: &Told| matches!(told, Told::Message(_, _, bytes) if bytes == b"still here");
        assert!(self.world.told.iter().any(is_heard), "{what}");
        self.world.run_ms(2_000);
        assert_eq!((self.world.ends(), self.world.state(self.honest)), (vec![], ClientState::Spoken), "{what}");
    }
}

/// One good datagram of each type that a server reads.
fn every_type(scene: &mut Scene) -> Vec<Vec<u8>> {
    let id = scene.hand.path_id(&scene.world);
    vec![
        Hand::new(scene.world.token(3, 3), HOME).request(),
        scene.hand.seal(Kind::Response, &[7; 308]),
        scene.hand.seal(Kind::KeepAlive, &[0; 8]),
        scene.hand.seal(Kind::Payload, &hello_body(22)),
        scene.hand.seal(Kind::Disconnect, &[]),
        scene.hand.path(id, 0),
    ]
}

/// proves: SES-13
#[test]
fn survival_09_every_truncation_of_every_type_is_dropped_for_one_stated_reason() {
    let types = every_type(&mut Scene::new()).len();
    for which in 0..types {
        let mut scene = Scene::new();
        let whole = every_type(&mut scene).swap_remove(which);
        for length in 0..whole.len() {
            let replies = |scene: &Scene| scene.world.sent.iter().filter(|sent| sent.to == scene.hand.address).count();
            let (before, sent) = (drops(&scene.world), replies(&scene));
            scene.strike(&whole[..length]);
            assert_eq!(drops(&scene.world), before + 1, "{length} bytes of type {}", whole[0] & 15);
            assert_eq!(replies(&scene), sent, "a cut datagram is not answered");
        }
        for length in [whole.len() + 1, DATAGRAM_BYTES_MAX, DATAGRAM_BYTES_MAX + 1, 65_507] {
            let mut long = whole.clone();
            long.resize(length, 0);
            let before = drops(&scene.world);
            scene.strike(&long);
            assert_eq!(drops(&scene.world), before + 1, "{length} bytes of type {}", whole[0] & 15);
        }
        scene.assert_unhurt("truncations");
    }
}

/// Which of the counters of what is dropped rose since `before`, and by how much.
fn dropped_since(before: &Counters, client: &Client) -> Vec<(&'static str, u64)> {
    let pairs = client.counters().iter().zip(before.iter());
    let risen = pairs.map(|((name, after), (_, before))| (name, after - before)).filter(|(_, by)| *by > 0);
    risen.filter(|(name, _)| name.starts_with("drop_") || name.starts_with("payload_")).collect()
}

/// Every proper beginning of `whole` is dropped for one of the four reasons that a cut datagram can give.
fn assert_cut_short_is_dropped(client: &mut Client, now: Now, server: SocketAddr, whole: &[u8]) {
    for length in 0..whole.len() {
        let before = client.counters().clone();
        client.handle_datagram(now, server, &mut whole[..length].to_vec());
        let [(name, 1)] = dropped_since(&before, client)[..] else {
            panic!("{length} bytes of type {}: {:?}", whole[0] & 15, dropped_since(&before, client));
        };
        let reasons = ["drop_length", "drop_seal", "drop_state", "drop_sequence_bytes"];
        assert!(reasons.contains(&name), "{length} bytes of type {}: {name}", whole[0] & 15);
    }
}

/// The same at the client's end: in a session, and before there is one.
///
/// proves: SES-13
#[test]
fn survival_09_every_truncation_of_what_a_server_sends_is_dropped() {
    let (mut world, peer) = spoken(HOME, 1);
    let hand = Hand::new(world.token(1, 100), HOME);
    let keep_alive = hand.seal_down(Kind::KeepAlive, 9_000, &[0; 8]);
    let packets = [
        hand.seal_down(Kind::Denied, 1 << 63, &[]),
        hand.seal_down(Kind::Challenge, (1 << 63) + 1, &[5; 308]),
        keep_alive.clone(),
        hand.seal_down(Kind::Payload, 9_001, &[0, 4]),
        hand.seal_down(Kind::Disconnect, 9_002, &[]),
        hand.path_down(7, 9_003, 77),
    ];
    let (server, now) = (world.server_address, world.now);
    let client = &mut world.peers[peer].client;
    for whole in packets {
        assert_cut_short_is_dropped(client, now, server, &whole);
    }
    // What was cut short is sound when it is whole, and opened: only then is its number used up.
    for wanted in [vec![], vec![("drop_repeated", 1)]] {
        let before = client.counters().clone();
        client.handle_datagram(now, server, &mut keep_alive.clone());
        assert_eq!(dropped_since(&before, client), wanted);
    }
    world.run_ms(3_000);
    assert_eq!(world.state(peer), ClientState::Spoken);
}

/// proves: SES-13
#[test]
fn survival_09_every_truncation_of_an_answer_to_a_request_is_dropped_and_the_whole_is_heard() {
    let world = World::v4();
    let (token, server, now) = (world.token(1, 1), world.server_address, world.now);
    let hand = Hand::new(token.clone(), HOME);
    for (whole, then) in [
        (hand.seal_down(Kind::Denied, 1 << 63, &[]), ClientState::Ended(Reason::ServerFull)),
        (hand.seal_down(Kind::Challenge, (1 << 63) + 1, &[5; 308]), ClientState::Responding),
    ] {
        let mut client = Client::new(ClientConfig::new(token.clone(), hello()), now);
        assert_cut_short_is_dropped(&mut client, now, server, &whole);
        assert_eq!(client.state(), ClientState::Requesting);
        let before = client.counters().clone();
        client.handle_datagram(now, server, &mut whole.clone());
        assert_eq!((dropped_since(&before, &client), client.state()), (vec![], then));
    }
}

/// proves: SES-10, SES-12, SES-13
#[test]
fn survival_09_every_prefix_byte_of_every_length_class_is_harmless() {
    let mut scene = Scene::new();
    for prefix in 0..=u8::MAX {
        for length in
            [1, 2, 17, 18, 19, 25, 26, 41, 333, REQUEST_BYTES - 1, REQUEST_BYTES, REQUEST_BYTES + 1, 1_225, 1_226]
        {
            for fill in [0, 1, 0xFE, 0xFF] {
                let mut bytes = vec![fill; length];
                bytes[0] = prefix;
                let before = drops(&scene.world);
                scene.strike(&bytes);
                assert_eq!(drops(&scene.world), before + 1, "prefix {prefix:#x}, {length} bytes of {fill:#x}");
            }
        }
    }
    scene.assert_unhurt("prefixes");
}

/// proves: SES-14
#[test]
fn survival_09_sealed_sequences_at_the_edges_of_every_width_end_nothing() {
    let mut edges: Vec<u64> = (0..64).step_by(8).flat_map(|bits| [(1 << bits) - 1, 1 << bits]).collect();
    edges.extend([(1 << 63) - 1, 1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX]);
    for kind in [Kind::KeepAlive, Kind::Payload, Kind::Path] {
        for number in &edges {
            let mut scene = Scene::new();
            let packet = match kind {
                Kind::Path => {
                    let id = scene.hand.path_id(&scene.world);
                    scene.hand.sequence = *number;
                    // The last number has no next.
                    if *number == u64::MAX { continue } else { scene.hand.path(id, 0) }
                }
                Kind::KeepAlive => scene.hand.seal_as(kind, *number, &[0; 8]),
                _ => scene.hand.seal_as(kind, *number, &input_body(b"in")),
            };
            scene.strike(&packet);
            assert_eq!(scene.world.ends(), [], "{kind:?} {number:#x}");
            scene.world.run_ms(2_000);
            assert_eq!(scene.world.state(scene.honest), ClientState::Spoken);
        }
    }
}

/// proves: SES-16, LIF-19
#[test]
fn survival_09_path_ids_and_answers_at_their_edges_move_nobody() {
    let mut scene = Scene::new();
    let known = scene.hand.path_id(&scene.world);
    for id in [0, 1, known.wrapping_sub(1), known.wrapping_add(1), u64::MAX - 1, u64::MAX] {
        let packet = scene.hand.path(id, 0);
        scene.strike(&packet);
    }
    assert_eq!(scene.world.server.counters().path_unknown, 6);
    for said in [0, 1, u64::MAX - 1, u64::MAX] {
        let packet = scene.hand.path(known, said);
        scene.world.strike("203.0.113.9:6000".parse().unwrap(), &packet);
        let packet = scene.hand.path(known, said);
        scene.strike(&packet);
    }
    assert_eq!(scene.world.server.counters().sessions_moved, 0);
    scene.assert_unhurt("paths");
}

/// proves: LIF-4, SES-3, SES-4
#[test]
fn survival_09_fields_of_a_sealed_token_at_their_edges_are_refused_or_served() {
    type Change = fn(&mut PrivateToken);
    let cases: [(&str, Change, bool); 9] = [
        ("client 0", |token| token.client_id = 0, true),
        ("client max", |token| token.client_id = u64::MAX, true),
        ("client max - 1", |token| token.client_id = u64::MAX - 1, true),
        ("time-out 1", |token| token.timeout_s = 1, true),
        ("time-out max", |token| token.timeout_s = i32::MAX, true),
        ("time-out 0", |token| token.timeout_s = 0, false),
        ("time-out -1", |token| token.timeout_s = -1, false),
        ("time-out min", |token| token.timeout_s = i32::MIN, false),
        ("user data", |token| token.user = [0xFF; 256], true),
    ];
    for (what, change, is_served) in cases {
        let mut world = World::v4();
        let mut token = world.token(1, 1);
        let key = TokenKey::new(&mint().key);
        let (protocol_id, expire, nonce) = (token.protocol_id, token.expire_unix_s, token.nonce);
        let mut private = PrivateToken::open(&mut token.sealed, &key, protocol_id, expire, &nonce).unwrap();
        change(&mut private);
        token.sealed = Box::new(seal_private(&private, &key, protocol_id, expire, &nonce));
        let mut hand = Hand::new(token, HOME);
        let replies = world.strike(hand.address, &hand.request());
        assert_eq!(replies.len(), usize::from(is_served), "{what}");
        if is_served {
            let response = hand.response(&world);
            world.strike(hand.address, &response);
            assert_eq!(world.server.connections(), 1, "{what}");
            world.run_ms(12_000);
            assert_eq!(world.server.connections(), 0, "{what}");
        }
    }
}

/// Counts, types and sizes of an address list are tested where lists are read; this is the whole sealed token, every
/// byte of its plaintext at both ends of its range.
///
/// proves: SES-3
#[test]
fn survival_09_every_byte_of_a_sealed_token_at_its_edges_ends_in_a_stated_way() {
    let mut world = World::v4();
    let token = world.token(1, 1);
    let key = TokenKey::new(&mint().key);
    let (protocol_id, expire, nonce) = (token.protocol_id, token.expire_unix_s, token.nonce);
    for at in (0..48).chain((48..1_008).step_by(16)) {
        for value in [0, 1, 0xFE, 0xFF] {
            let mut changed = token.clone();
            let associated = crate::token::associated(protocol_id, expire);
            let (plain, tag) = changed.sealed.split_last_chunk_mut::<TAG_BYTES>().unwrap();
            key.open(&nonce, &associated, plain, tag).unwrap();
            plain[at] = value;
            *tag = key.seal(&nonce, &associated, plain);
            let hand = Hand::new(changed, HOME);
            world.now = world.now.plus_ns(NS_PER_MS);
            let from = SocketAddr::from(([198, 51, at as u8, value], 1 + at as u16));
            let (before, admitted) = (drops(&world), world.server.counters().requests_admitted);
            world.strike(from, &hand.request());
            let after = (drops(&world) - before) + (world.server.counters().requests_admitted - admitted);
            assert_eq!(after, 1, "byte {at} = {value}: {:?}", world.server.counters());
        }
    }
}

/// proves: PKT-24
#[test]
fn survival_09_fields_of_a_hello_at_their_edges_are_accepted_or_refused_with_a_reason() {
    let good = hello_body(22);
    for at in 2..good.len() {
        for value in [0, 1, 0x7F, 0x80, 0xFE, 0xFF] {
            let mut world = World::v4();
            let mut hand = Hand::new(world.token(1, 1), HOME);
            hand.connect(&mut world);
            let mut body = good.clone();
            body[at] = value;
            let packet = hand.seal(Kind::Payload, &body);
            world.strike(hand.address, &packet);
            let is_spoken = world.told.iter().any(|told| matches!(told, Told::Spoken(_)));
            let is_ignored = world.server.counters().payload_unspoken + world.server.counters().payload_malformed == 1;
            let told = usize::from(is_spoken) + world.ends().len() + usize::from(is_ignored);
            assert_eq!(told, 1, "byte {at} = {value:#x}: {:?}", world.told);
        }
    }
}

/// proves: PKT-5, PKT-10
#[test]
fn survival_09_fields_of_an_inner_header_at_their_edges_end_nothing() {
    for flags in 0..=u8::MAX {
        let mut scene = Scene::new();
        for fill in [0, 1, 0xFE, 0xFF] {
            for length in [1, 2, 3, 4, 5, 6, 8, 21, 22, 23, 24, 25, 64, 1_200] {
                let mut body = vec![fill; length];
                body[0] = flags;
                let packet = scene.hand.seal(Kind::Payload, &body);
                scene.strike(&packet);
            }
        }
        scene.assert_unhurt(&format!("flags {flags:#x}"));
    }
}

/// proves: SES-12
#[test]
fn survival_09_a_keep_alive_of_any_content_is_a_sign_of_life() {
    for [index, clients_max] in [[0, 0], [0, 1], [u32::MAX, 0], [u32::MAX - 1, u32::MAX], [u32::MAX, u32::MAX]] {
        let mut scene = Scene::new();
        let body = KeepAlive { index, clients_max }.encode();
        let packet = scene.hand.seal(Kind::KeepAlive, &body);
        scene.strike(&packet);
        scene.assert_unhurt("a keep-alive");
        let world = World::v4();
        let token = world.token(1, 1);
        let hand = Hand::new(token.clone(), HOME);
        let mut client = Client::new(ClientConfig::new(token, hello()), world.now);
        let mut hear = |bytes: Vec<u8>| client.handle_datagram(world.now, world.server_address, &mut { bytes });
        hear(hand.seal_down(Kind::Challenge, 1 << 63, &[5; 308]));
        hear(hand.seal_down(Kind::KeepAlive, 0, &body));
        assert_eq!(client.state(), ClientState::Connected, "{index} of {clients_max}");
    }
}
