//! Messages in fragments: over bad links, and from peers that lie about them.

use super::*;
use crate::channel::{FRAGMENT_BYTES, MESSAGE_BYTES_MAX, Place, REASSEMBLY_BYTES_MAX, REASSEMBLY_LIFE_NS};

fn lossy(loss: f64) -> LinkConfig {
    LinkConfig {
        latency_ns: 40 * MS,
        jitter_ns: 20 * MS,
        loss,
        duplicate: 0.1,
        reorder: 0.1,
        reorder_ns: 60 * MS,
        ..LinkConfig::default()
    }
}

/// Lengths from nothing to the longest, around every edge of the cut.
const LENGTHS: [usize; 9] = [0, 1, 1_024, 1_025, 2_048, 2_049, 30_000, 65_535, MESSAGE_BYTES_MAX];

fn letter(number: u32) -> Vec<u8> {
    let mut dice = u64::from(number) + 1;
    let byte = |_| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        dice.to_be_bytes()[0]
    };
    (0..LENGTHS[number as usize % LENGTHS.len()]).map(byte).collect()
}

/// Sends every letter as soon as the queue takes it, then waits for idleness.
fn deliver(channel: ChannelId, loss: f64, seed: u64) -> Pair {
    let mut pair = Pair::every_kind(lossy(loss), seed);
    let mut sent = 0;
    while sent < 90 {
        pair.tick(1, |pair, _| {
            while sent < 90 && pair.client.connection.send(channel, &letter(sent)).is_ok() {
                sent += 1;
            }
        });
        let (messages, bytes) = pair.server.connection.reassembly_held();
        assert!(messages <= 16 && bytes <= REASSEMBLY_BYTES_MAX, "{messages} {bytes}");
        assert!(pair.now_ns < 1_000 * S, "stuck: {:?}", pair.client.connection.stats());
    }
    pair.drain(300 * S);
    assert!(pair.server.errors.is_empty(), "{:?}", pair.server.errors);
    assert_eq!(pair.server.connection.reassembly_held(), (0, 0));
    assert_eq!(pair.server.connection.stats().fragments_mismatched_in, 0);
    assert_eq!(pair.server.connection.stats().reliable_excess_in, 0);
    pair
}

#[test]
fn long_messages_arrive_exactly_once_and_in_order() {
    // proves: PKT-70, PKT-72
    for (seed, loss) in [(31, 0.0), (32, 0.05), (33, 0.2), (34, 0.5)] {
        let pair = deliver(LETTERS, loss, seed);
        let got = pair.server.sink.on_channel(LETTERS);
        assert_eq!(got.len(), 90);
        for (number, bytes) in (0..).zip(got) {
            assert!(bytes == letter(number), "letter {number} at loss {loss}");
        }
    }
}

#[test]
fn long_messages_arrive_exactly_once_where_order_does_not_matter() {
    // proves: PKT-57, PKT-72
    for (seed, loss) in [(41, 0.0), (42, 0.2), (43, 0.5)] {
        let pair = deliver(GOSSIP, loss, seed);
        let mut got: Vec<Vec<u8>> = pair.server.sink.on_channel(GOSSIP).into_iter().map(<[u8]>::to_vec).collect();
        let mut all: Vec<Vec<u8>> = (0..90).map(letter).collect();
        got.sort_unstable();
        all.sort_unstable();
        assert!(got == all, "at loss {loss}");
    }
}

#[test]
fn a_lost_fragment_is_sent_again_alone() {
    // proves: PKT-72
    let mut pair = Pair::every_kind(LinkConfig::with_latency_ns(20 * MS), 51);
    pair.client.written = 0;
    pair.client.drop = |written| written == 10;
    pair.client.connection.send(LETTERS, &letter(8)).expect("room");
    pair.drain(S);
    assert_eq!(pair.client.connection.stats().reliable_resent, 1);
    assert!(pair.server.sink.on_channel(LETTERS) == [letter(8)]);
}

#[test]
fn all_channels_together_finish_within_the_budget() {
    // proves: PKT-73
    let mut pair = Pair::every_kind(lossy(0.2), 52);
    for number in [6, 7, 8] {
        pair.client.connection.send(LETTERS, &letter(number)).expect("room");
        pair.client.connection.send(GOSSIP, &letter(number)).expect("room");
    }
    pair.drain(100 * S);
    assert_eq!(pair.server.sink.on_channel(LETTERS).len(), 3);
    assert_eq!(pair.server.sink.on_channel(GOSSIP).len(), 3);
}

#[test]
fn unreliable_long_messages_arrive_whole_or_not_at_all() {
    // proves: PKT-70, PKT-74
    let mut pair = Pair::every_kind(lossy(0.02), 53);
    pair.tick(200, |pair, tick| {
        let video = vec![tick.to_le_bytes()[0]; 10_000];
        pair.client.connection.send(VIDEO, &video).expect("taken");
    });
    pair.run_for(REASSEMBLY_LIFE_NS + S);
    let got = pair.server.sink.on_channel(VIDEO);
    assert!(got.iter().all(|video| video.len() == 10_000 && video.iter().all(|byte| *byte == video[0])));
    assert!((100..200).contains(&got.len()), "{}", got.len());
    assert_eq!(pair.server.connection.reassembly_held(), (0, 0), "five seconds are over");
    let given_up = pair.server.connection.stats().reassemblies_given_up;
    assert!(given_up > 0 && given_up + got.len() as u64 <= 200);
    assert_eq!(pair.client.connection.stats().unreliable_dropped, 0);
}

#[test]
fn the_oldest_unreliable_message_gives_way_with_all_its_fragments() {
    // proves: PKT-54
    let mut pair = Pair::every_kind(LinkConfig::default(), 54);
    for byte in [1_u8, 2, 3] {
        pair.client.connection.send(VIDEO, &[byte; 40_000]).expect("taken");
    }
    pair.run_for(S);
    assert_eq!(pair.client.connection.stats().unreliable_dropped, 2);
    assert!(pair.server.sink.on_channel(VIDEO) == [[3; 40_000].as_slice()]);
}

/// A server, and a client that writes its own payloads.
struct Liar {
    pair: Pair,
    sequence: u64,
}

impl Liar {
    fn new() -> Self {
        let pair = Pair::with_table(every_kind::TABLE, LinkConfig::default(), 60, 0, 0).introduced();
        let sequence = pair.client.next_sequence;
        Self { pair, sequence }
    }

    /// Delivers one fragment in a packet of its own; answers whether it may be acked.
    fn fragment(&mut self, channel: ChannelId, id: u16, index: u8, message_bytes: usize) -> bool {
        let place = Place { index, size_less_one: u16::try_from(message_bytes - 1).expect("at most 64 KiB") };
        let frame = if channel == VIDEO { 0x50 } else { 0x40 } | channel.0;
        let mut payload = vec![0, frame];
        payload.extend_from_slice(&id.to_le_bytes());
        payload.push(index);
        payload.extend_from_slice(&place.size_less_one.to_le_bytes());
        payload.resize(payload.len() + place.bytes().expect("a place"), 9);
        self.payload(&payload)
    }

    fn payload(&mut self, payload: &[u8]) -> bool {
        let server = &mut self.pair.server;
        let refused = server.connection.stats().packets_refused;
        let handled = server.connection.handle_payload(self.pair.now_ns, self.sequence, payload, &mut server.sink);
        assert_eq!(handled, Ok(()));
        self.sequence += 1;
        let (messages, bytes) = server.connection.reassembly_held();
        assert!(messages <= 16 && bytes <= REASSEMBLY_BYTES_MAX, "{messages} messages, {bytes} bytes");
        server.connection.stats().packets_refused == refused
    }

    fn heard(&self, channel: ChannelId) -> usize {
        self.pair.server.sink.on_channel(channel).len()
    }
}

#[test]
fn survival_10_a_changed_total_is_neither_stored_nor_acked() {
    // proves: PKT-72
    for channel in [LETTERS, GOSSIP] {
        let mut liar = Liar::new();
        assert!(liar.fragment(channel, 0, 0, 3_000));
        assert!(!liar.fragment(channel, 1, 1, 3_001), "another length");
        assert!(!liar.fragment(channel, 1, 1, 5_000), "another count");
        assert!(!liar.fragment(channel, 1, 0, 3_000), "another message inside");
        assert!(!liar.fragment(channel, 2, 1, 3_000), "overlapping from above");
        assert_eq!(liar.pair.server.connection.stats().fragments_mismatched_in, 4);
        assert!(liar.fragment(channel, 1, 1, 3_000) && liar.fragment(channel, 2, 2, 3_000));
        assert_eq!(liar.heard(channel), 1);
    }
}

#[test]
fn survival_10_a_whole_message_in_the_place_of_a_fragment_is_neither_stored_nor_acked() {
    // proves: PKT-72
    let mut liar = Liar::new();
    assert!(liar.fragment(LETTERS, 0, 0, 3_000));
    assert!(!liar.payload(&[0, 0x26, 1, 0, 1, 7]));
    assert!(liar.payload(&[0, 0x26, 5, 0, 1, 7]));
    assert!(!liar.fragment(LETTERS, 4, 0, 3_000), "number 5 is a message of its own");
    assert!(liar.fragment(LETTERS, 3, 0, 2_000) && liar.fragment(LETTERS, 4, 1, 2_000));
    assert!(liar.fragment(LETTERS, 2, 2, 3_000) && liar.fragment(LETTERS, 1, 1, 3_000));
    assert_eq!(liar.heard(LETTERS), 3);
}

#[test]
fn survival_10_a_duplicate_fragment_is_acked_and_kept_once() {
    // proves: PKT-53, PKT-72
    let mut liar = Liar::new();
    for _ in 0..10_000 {
        assert!(liar.fragment(LETTERS, 1, 1, 3_000));
    }
    assert_eq!(liar.pair.server.connection.reassembly_held(), (1, FRAGMENT_BYTES));
}

#[test]
fn survival_10_ten_thousand_last_fragments_hold_a_bounded_memory_and_delay_nobody() {
    // proves: PKT-73, PKT-74
    for channel in [LETTERS, GOSSIP, VIDEO] {
        let mut liar = Liar::new();
        for number in 0..10_000_u16 {
            let message_bytes = 1_025 + usize::from(number) % 60_000;
            let index = u8::try_from(message_bytes.div_ceil(FRAGMENT_BYTES) - 1).expect("below 64");
            liar.fragment(channel, number.wrapping_mul(7).max(u16::from(index)), index, message_bytes);
        }
        assert_eq!(liar.heard(channel), 0);
        assert!(liar.payload(&[0, 0x20, 0, 0, 1, 7]), "another channel");
        assert_eq!(liar.heard(CONTROL), 1);
        liar.pair.now_ns += REASSEMBLY_LIFE_NS;
        let now_ns = liar.pair.now_ns;
        let server = &mut liar.pair.server;
        server.connection.handle_timeout(now_ns, &mut server.sink);
        let (messages, _) = server.connection.reassembly_held();
        assert_eq!(messages == 0, channel == VIDEO, "only unreliable ones are given up");
    }
}

#[test]
fn survival_10_messages_never_finished_leave_room_for_the_one_that_is_awaited() {
    // proves: PKT-73
    let mut liar = Liar::new();
    for message in 1..200_u16 {
        liar.fragment(LETTERS, message * 5 + 64, 0, 5_000);
    }
    assert!(liar.pair.server.connection.stats().fragments_refused_in > 100);
    for index in (0..64).rev() {
        assert!(liar.fragment(LETTERS, u16::from(index), index, MESSAGE_BYTES_MAX), "fragment {index}");
    }
    assert_eq!(liar.heard(LETTERS), 1);
}

#[test]
fn a_fragment_while_the_window_is_closed_is_neither_stored_nor_acked() {
    // proves: PKT-53
    let mut liar = Liar::new();
    liar.pair.server.connection.accept_reliable(false);
    assert!(!liar.fragment(LETTERS, 0, 0, 3_000));
    assert_eq!(liar.pair.server.connection.reassembly_held(), (0, 0));
    assert_eq!(liar.pair.server.connection.stats().reliable_closed_in, 1);
}
