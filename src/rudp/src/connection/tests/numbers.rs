//! Packet numbers and message ids: wraps, idleness, acks that lie.

use super::*;
use crate::packet::{Body, Timing};
use crate::sequence::ACK_SPACE_END;

#[test]
fn a_session_runs_across_every_wrap_of_packet_and_message_numbers() {
    // proves: PKT-1, PKT-11, PKT-52
    for first_sequence in [(1 << 16) - 50, (1 << 32) - 50, ACK_SPACE_END - 1_000] {
        let link = LinkConfig { loss: 0.1, duplicate: 0.1, ..LinkConfig::with_latency_ns(30 * MS) };
        let mut pair = Pair::starting_at(link, 1, first_sequence, 65_500);
        pair.tick(240, |pair, tick| {
            let number = tick.to_le_bytes();
            pair.client.connection.send(CONTROL, &number).expect("room");
            if pair.server.connection.version().is_some() {
                pair.server.connection.send_snapshot(PartId(tick), &number).expect("taken");
            }
        });
        pair.drain(10 * S);
        let got = pair.server.sink.on_channel(CONTROL);
        assert_eq!(got, (0..240_u32).map(u32::to_le_bytes).collect::<Vec<_>>(), "from {first_sequence}");
        for peer in [&pair.client, &pair.server] {
            assert_eq!(peer.connection.stats().acks_unsent, 0);
            assert!(peer.next_sequence > first_sequence + 200 && peer.next_sequence < ACK_SPACE_END);
        }
    }
}

#[test]
fn survival_04_a_channel_idle_for_65_536_foreign_packets_works_as_before() {
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(5 * MS), 2);
    for number in 0..66_000_u64 {
        pair.client.send_other(pair.now_ns);
        if number % 3 == 0 {
            pair.server.send_other(pair.now_ns);
        }
        pair.run_for(10 * MS);
    }
    for peer in [&mut pair.client, &mut pair.server] {
        peer.connection.send(CONTROL, b"awake").expect("room");
    }
    pair.drain(S);
    for peer in [&pair.client, &pair.server] {
        assert_eq!(peer.sink.on_channel(CONTROL), [b"awake"]);
        let stats = peer.connection.stats();
        assert_eq!((stats.acks_unsent, stats.reliable_resent, stats.packets_lost), (0, 0, 0));
    }
}

#[test]
fn survival_04_a_channel_idle_for_32_768_and_65_536_packets_works_as_before() {
    for (seed, idle) in [(3, 32_768), (4, 65_536), (5, 66_000)] {
        let mut pair = Pair::spoken(LinkConfig::with_latency_ns(5 * MS), seed);
        pair.client.connection.send(EVENT, b"before").expect("room");
        let first = pair.client.next_sequence;
        pair.tick(idle, |_, _| {});
        assert!(pair.client.next_sequence - first >= u64::from(idle));
        pair.client.connection.send(EVENT, b"after").expect("room");
        pair.server.connection.send(EVENT, b"first").expect("room");
        pair.drain(S);
        assert_eq!(pair.server.sink.on_channel(EVENT), [b"before".as_slice(), b"after".as_slice()]);
        assert_eq!(pair.client.sink.on_channel(EVENT), [b"first"]);
        assert_eq!(pair.client.connection.stats().packets_lost, 0);
    }
}

#[test]
fn many_more_than_65_536_messages_keep_their_order() {
    let link = LinkConfig { loss: 0.02, ..LinkConfig::with_latency_ns(2 * MS) };
    let mut pair = Pair::spoken(link, 4);
    let mut sent = 0_u32;
    while sent < 140_000 {
        pair.tick(1, |pair, _| {
            for _ in 0..1_000 {
                if pair.server.connection.send(EVENT, &sent.to_le_bytes()).is_ok() {
                    sent += 1;
                }
            }
        });
    }
    pair.drain(30 * S);
    let got = pair.client.sink.on_channel(EVENT);
    assert_eq!(got.len(), sent as usize);
    assert!(got.iter().zip(0_u32..).all(|(bytes, number)| **bytes == number.to_le_bytes()));
}

/// A payload of acks alone.
fn acks(newest: u16, mask: u128) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    let mut body = Body::new(&mut bytes);
    let timing = Some(Timing { delay: 0, arrival: 0 });
    AckField::encode(Some(&AckField { newest, mask, timing }), &mut body);
    let len = body.len();
    bytes.truncate(len);
    bytes
}

#[test]
fn an_ack_for_an_unsent_packet_is_ignored_and_counted() {
    // proves: PKT-41
    let mut pair = Pair::spoken(LinkConfig::default(), 5);
    let server = &mut pair.server;
    server.connection.send(CONTROL, b"x").expect("room");
    let mut buf = [0; PAYLOAD_BYTES_MAX];
    let sequence = server.next_sequence + 40;
    server.connection.poll_payload(pair.now_ns, sequence, &mut buf).expect("a message waits");
    let (rtt, next_in) = (*server.connection.rtt(), pair.client.next_sequence);
    let newer = crate::sequence::narrow(sequence + 1);
    assert_eq!(
        server.connection.handle_payload(pair.now_ns, next_in, &acks(newer, u128::MAX), &mut server.sink),
        Ok(())
    );
    assert_eq!((server.connection.stats().acks_unsent, server.connection.packets_in_flight()), (1, 1));
    assert_eq!((server.connection.rtt(), server.connection.poll_timeout().is_some()), (&rtt, true));

    // A hole in the numbers: 40 were given to packets outside ack space.
    let newest = crate::sequence::narrow(sequence);
    let handled =
        server.connection.handle_payload(pair.now_ns, next_in + 1, &acks(newest, u128::MAX), &mut server.sink);
    assert_eq!(handled, Ok(()));
    assert_eq!((server.connection.stats().acks_unsent, server.connection.packets_in_flight()), (41, 0));
}

#[test]
fn a_packet_number_outside_ack_space_is_refused() {
    // proves: PKT-1
    let mut pair = Pair::spoken(LinkConfig::default(), 6);
    let server = &mut pair.server;
    let handled = server.connection.handle_payload(pair.now_ns, ACK_SPACE_END, &[0], &mut server.sink);
    assert_eq!(handled, Err(crate::PayloadError::OutsideAckSpace(ACK_SPACE_END)));
    let before = *server.connection.stats();
    server.connection.handle_other(pair.now_ns, ACK_SPACE_END + 5);
    assert_eq!(*server.connection.stats(), before);
    let number = server.connection.received.field(pair.now_ns).expect("acks").newest;
    assert!(u64::from(number) < 100);
}

#[test]
fn a_packet_far_behind_is_not_processed() {
    // proves: PKT-16
    let mut pair = Pair::spoken(LinkConfig::default(), 7);
    let server = &mut pair.server;
    server.connection.handle_other(pair.now_ns, 1_000);
    let message = [0, 0x12, 1, b'i'];
    for (sequence, delivered) in [(871, 0), (872, 1), (872, 1), (999, 2), (1_000, 2), (1_001, 3)] {
        assert_eq!(server.connection.handle_payload(pair.now_ns, sequence, &message, &mut server.sink), Ok(()));
        assert_eq!(server.sink.messages.len(), delivered, "number {sequence}");
    }
    let stats = server.connection.stats();
    assert_eq!((stats.too_old_in, stats.duplicates_in, stats.reordered_in), (1, 2, 2));
}

#[test]
fn an_idle_connection_takes_less_than_six_kib() {
    let connection = Connection::new(0, Role::Server(rules()), &ConnectionConfig::default());
    let ring_bytes = 64 * std::mem::size_of::<crate::sent::SentPacket>();
    let channel_bytes = connection.reliable.capacity() * std::mem::size_of::<Reliable>();
    let idle_bytes = std::mem::size_of::<Connection>() + ring_bytes + channel_bytes;
    assert!(idle_bytes < 6 * 1_024, "{idle_bytes}");
}
