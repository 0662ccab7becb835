//! Hello, acceptance, refusal, close.

use super::*;
use crate::PayloadError;
use crate::packet::{Body, Frame};

fn payload(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut bytes = vec![0; PAYLOAD_BYTES_MAX];
    let mut body = Body::new(&mut bytes);
    AckField::encode(None, &mut body);
    for frame in frames {
        frame.encode(&mut body);
    }
    let len = body.len();
    bytes.truncate(len);
    bytes
}

#[test]
fn the_hello_is_told_once_at_each_end_even_when_half_the_packets_are_lost() {
    // proves: PKT-24, PKT-27
    for seed in 0..20 {
        let link = LinkConfig { loss: 0.5, ..LinkConfig::with_latency_ns(50 * MS) };
        let mut pair = Pair::new(link, seed);
        pair.run_for(60 * S);
        assert_eq!(pair.server.sink.hellos, [INNER_VERSION], "seed {seed}");
        assert_eq!(pair.client.sink.accepted, [INNER_VERSION], "seed {seed}");
        assert!(pair.client.connection.is_idle() && pair.server.connection.is_idle());
    }
}

#[test]
fn messages_of_the_first_round_trip_arrive_with_the_hello() {
    // proves: PKT-27
    let mut pair = Pair::new(LinkConfig::with_latency_ns(50 * MS), 1);
    pair.client.connection.send(CONTROL, b"join").expect("a client may send at once");
    assert_eq!(pair.server.connection.send(CONTROL, b"early"), Err(SendError::NotSpoken));
    pair.run_for(50 * MS);
    assert_eq!(pair.server.sink.on_channel(CONTROL), [b"join"]);
    assert_eq!(pair.server.connection.send(CONTROL, b"welcome"), Ok(()));
    pair.drain(S);
    assert_eq!(pair.client.sink.on_channel(CONTROL), [b"welcome"]);
}

#[test]
fn the_acceptance_rides_in_every_packet_until_it_is_acked() {
    // proves: PKT-28
    let mut pair = Pair::new(LinkConfig::with_latency_ns(50 * MS), 2);
    pair.server.drop = |written| written == 0;
    pair.tick(30, |pair, tick| {
        if pair.server.connection.version().is_some() {
            pair.server.connection.send(CONTROL, &[tick.to_le_bytes()[0]]).expect("room");
        }
    });
    pair.drain(S);
    assert_eq!(pair.client.sink.accepted, [INNER_VERSION]);
    assert_eq!(pair.client.connection.stats().unspoken_in, 0, "no packet came without it");
}

#[test]
fn a_repeated_hello_is_answered_at_once_when_the_acceptance_was_lost() {
    // proves: PKT-28
    let mut pair = Pair::new(LinkConfig::with_latency_ns(50 * MS), 9);
    pair.server.drop = |written| written == 0;
    pair.tick(12, |_, _| {});
    assert_eq!(
        pair.client.sink.accepted,
        [INNER_VERSION],
        "200 ms are two round trips, and no probe is due before 1 s"
    );
}

#[test]
fn before_the_hello_a_server_counts_ignores_and_does_not_ack() {
    // proves: PKT-27
    let mut pair = Pair::new(LinkConfig::default(), 3);
    let server = &mut pair.server;
    let frames = payload(&[Frame::Reliable { channel: CONTROL, id: 0, bytes: b"x" }, Frame::Ping]);
    let payloads: [&[u8]; 3] = [&frames, &[0xFF; 40], b"stock client"];
    for (sequence, payload) in (0..).zip(payloads) {
        assert_eq!(server.connection.handle_payload(0, sequence, payload, &mut server.sink), Ok(()));
    }
    assert_eq!(server.connection.stats().unspoken_in, 3);
    assert_eq!((server.sink.calls, server.connection.wants_transmit(u64::MAX)), (0, false));
    server.connection.handle_other(0, 3);
    assert_eq!(server.connection.received.field(0).expect("acks").mask & 0b111, 0);
}

#[test]
fn a_hello_in_front_of_garbage_takes_no_effect() {
    // proves: PKT-5
    let mut pair = Pair::new(LinkConfig::default(), 4);
    let mut garbage = payload(&[Frame::Hello(hello())]);
    garbage.push(0xEE);
    let server = &mut pair.server;
    let handled = server.connection.handle_payload(0, 0, &garbage, &mut server.sink);
    assert_eq!(handled, Err(PayloadError::UnknownFrame(0xEE)));
    assert_eq!((server.sink.calls, server.connection.version()), (0, None));
}

#[test]
fn a_refused_hello_is_told_with_its_reason_even_before_garbage_and_the_client_reads_it() {
    // proves: PKT-24, PKT-25, PKT-29, PKT-30
    let wrong = Hello { motion_hash: 99, ..hello() };
    let mut pair = Pair::new(LinkConfig::default(), 5);
    let mut payload = payload(&[Frame::Hello(wrong)]);
    payload.push(0xEE);
    let server = &mut pair.server;
    assert_eq!(server.connection.handle_payload(0, 0, &payload, &mut server.sink), Ok(()));
    let refusal = server.sink.refusals[0];
    assert_eq!((refusal.reason(), server.connection.version()), (Reason::HelloMotion, None));
    server.connection.queue_close(refusal.reason(), &refusal.to_string());
    pair.settle();
    assert_eq!(pair.client.sink.closes, [(Reason::HelloMotion, refusal.to_string())]);
    assert!(pair.client.sink.accepted.is_empty());
}

#[test]
fn a_version_that_was_not_offered_is_a_violation() {
    // proves: PKT-28
    let mut pair = Pair::new(LinkConfig::default(), 6);
    let accept = payload(&[Frame::HelloAccept { version: 7 }]);
    let client = &mut pair.client;
    let handled = client.connection.handle_payload(0, 0, &accept, &mut client.sink);
    assert_eq!(handled, Err(PayloadError::VersionNotOffered(7)));
    assert_eq!((client.sink.calls, client.connection.version()), (0, None));
}

#[test]
fn a_client_heeds_nothing_but_acceptance_and_close_before_it_is_accepted() {
    // proves: PKT-28
    let mut pair = Pair::new(LinkConfig::default(), 7);
    let part = payload(&[Frame::Part { channel: SNAPSHOT, bytes: b"world" }]);
    let client = &mut pair.client;
    assert_eq!(client.connection.handle_payload(0, 0, &part, &mut client.sink), Ok(()));
    assert_eq!((client.sink.calls, client.connection.stats().unspoken_in), (0, 1));
    assert_eq!(client.connection.received.field(0), None);
}

#[test]
fn a_close_arrives_with_reason_and_text_through_two_losses_and_is_told_once() {
    // proves: PKT-30
    for losses in [0, 2] {
        let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 8);
        pair.server.drop = if losses == 0 { |_| false } else { |written| written < 2 };
        pair.server.written = 0;
        pair.server.connection.send(CONTROL, b"too late").expect("room");
        pair.server.connection.queue_close(Reason::Kicked, &"ä".repeat(40));
        pair.server.connection.queue_close(Reason::Banned, "second");
        assert_eq!(pair.server.connection.send(CONTROL, b""), Err(SendError::Closing));
        pair.run_for(5 * S);
        assert_eq!(pair.server.written, 3);
        assert_eq!(pair.client.sink.closes, [(Reason::Kicked, "ä".repeat(32))]);
        assert!(pair.client.sink.messages.is_empty());
        assert_eq!(pair.client.connection.send(INPUT, b""), Err(SendError::Closing));
        assert_eq!(pair.client.connection.poll_timeout(), None);
    }
}
