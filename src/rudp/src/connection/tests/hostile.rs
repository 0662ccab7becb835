//! Bytes that no honest peer sends.

use super::*;
use proptest::prelude::*;

/// A payload that a working pair would send, with everything in it.
fn rich_payload(pair: &mut Pair) -> Vec<u8> {
    pair.server.connection.send(CONTROL, b"control").expect("room");
    pair.server.connection.send(EVENT, &[1; 200]).expect("room");
    pair.server.connection.send_snapshot(PartId(1), &[2; 300]).expect("taken");
    let mut buf = [0; PAYLOAD_BYTES_MAX];
    let len = pair.server.connection.poll_payload(pair.now_ns, pair.server.next_sequence, &mut buf).expect("full");
    buf[..len].to_vec()
}

#[test]
fn every_truncation_and_every_flipped_bit_of_a_real_payload_is_survived() {
    // proves: PKT-5
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(5 * MS), 1);
    let payload = rich_payload(&mut pair);
    let client = &mut pair.client;
    let mut sequence = 1_000;
    for len in 0..payload.len() {
        sequence += 1;
        let _ = client.connection.handle_payload(pair.now_ns, sequence, &payload[..len], &mut client.sink);
    }
    for bit in 0..payload.len() * 8 {
        let mut flipped = payload.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        sequence += 1;
        let _ = client.connection.handle_payload(pair.now_ns, sequence, &flipped, &mut client.sink);
        client.wake(pair.now_ns);
    }
    assert!(client.connection.stats().malformed_in > 400);
}

#[test]
fn a_malformed_tail_leaves_acks_and_messages_in_front_of_it_without_effect() {
    // proves: PKT-5
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(5 * MS), 2);
    pair.client.connection.send(CONTROL, b"wants an ack").expect("room");
    pair.client.wake(pair.now_ns);
    pair.now_ns += 5 * MS;
    let datagram = pair.client.out.poll(pair.now_ns).expect("arrives");
    pair.server.handle(pair.now_ns, &datagram);
    let mut payload = rich_payload(&mut pair);
    payload.push(0xEE);
    let client = &mut pair.client;
    let (in_flight, calls) = (client.connection.packets_in_flight(), client.sink.calls);
    let sequence = pair.server.next_sequence;
    assert!(client.connection.handle_payload(pair.now_ns, sequence, &payload, &mut client.sink).is_err());
    assert_eq!((client.connection.packets_in_flight(), client.sink.calls), (in_flight, calls));
    payload.pop();
    assert_eq!(client.connection.handle_payload(pair.now_ns, sequence, &payload, &mut client.sink), Ok(()));
    assert_eq!((client.connection.packets_in_flight(), client.sink.calls), (0, calls + 3));
}

#[test]
fn a_peer_that_fills_the_window_from_behind_is_bounded_and_counted() {
    // proves: PKT-51
    let mut pair = Pair::spoken(LinkConfig::default(), 3);
    let server = &mut pair.server;
    for id in 1..2_000_u16 {
        let mut payload = vec![0, 0x20, id.to_le_bytes()[0], id.to_le_bytes()[1], 0x84, 0x00];
        payload.resize(6 + 1_024, 0);
        let sequence = 100 + u64::from(id);
        assert_eq!(server.connection.handle_payload(pair.now_ns, sequence, &payload, &mut server.sink), Ok(()));
    }
    assert_eq!(server.connection.reliable_early(), 254);
    assert_eq!(server.connection.stats().reliable_excess_in, 1_999 - 254);
    assert_eq!(server.sink.calls, 1, "the hello of the handshake");
}

/// One step of a script against a connection.
#[derive(Clone, Debug)]
enum Step {
    Bytes(Vec<u8>),
    /// A header with these fields and a few valid frames.
    Crafted {
        newest: u16,
        mask: u128,
        id: u16,
    },
    Other(u16),
    Send(u8, u16),
    Part,
    Wait(u32),
    Refuse(u16),
    Window(bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..64).prop_map(Step::Bytes),
        (any::<u16>(), any::<u128>(), any::<u16>()).prop_map(|(newest, mask, id)| Step::Crafted { newest, mask, id }),
        (0..40_u16, any::<u128>(), 0..1_100_u16).prop_map(|(newest, mask, id)| Step::Crafted { newest, mask, id }),
        (0..400_u16).prop_map(Step::Other),
        (0..5_u8, 0..1_100_u16).prop_map(|(channel, bytes)| Step::Send(channel, bytes)),
        Just(Step::Part),
        (0..2_000_u32).prop_map(Step::Wait),
        (0..400_u16).prop_map(Step::Refuse),
        any::<bool>().prop_map(Step::Window),
    ]
}

fn crafted(newest: u16, mask: u128, id: u16) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    let mut body = crate::packet::Body::new(&mut bytes);
    let timing = Some(crate::packet::Timing { delay: newest.to_le_bytes()[0], arrival: id });
    AckField::encode(Some(&AckField { newest, mask, timing }), &mut body);
    crate::packet::Frame::Reliable { channel: CONTROL, id, bytes: b"m" }.encode(&mut body);
    crate::packet::Frame::Ping.encode(&mut body);
    let len = body.len();
    bytes.truncate(len);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_script_of_a_hostile_peer_and_a_busy_owner_breaks_a_connection(
        steps in proptest::collection::vec(any_step(), 1..120),
        as_server: bool,
    ) {
        let mut pair = Pair::spoken(LinkConfig::default(), 4);
        let mut now_ns = pair.now_ns;
        let peer = if as_server { &mut pair.server } else { &mut pair.client };
        let mut sequence = 100;
        let mut parts = 0;
        let mut taken = 0;
        for step in steps {
            match step {
                Step::Bytes(bytes) => {
                    sequence += 1;
                    let _ = peer.connection.handle_payload(now_ns, sequence, &bytes, &mut peer.sink);
                }
                Step::Crafted { newest, mask, id } => {
                    sequence += 1;
                    let _ = peer.connection.handle_payload(now_ns, sequence, &crafted(newest, mask, id), &mut peer.sink);
                }
                Step::Other(number) => peer.connection.handle_other(now_ns, u64::from(number)),
                Step::Send(channel, bytes) => {
                    let _ = peer.connection.send(ChannelId(channel), &vec![7; usize::from(bytes)]);
                }
                Step::Part => {
                    parts += 1;
                    taken += usize::from(peer.connection.send_snapshot(PartId(parts), b"part").is_ok());
                }
                Step::Wait(ms) => {
                    now_ns += u64::from(ms) * MS;
                    peer.connection.on_tick_edge(now_ns);
                }
                Step::Refuse(number) => peer.connection.refuse_packet(u64::from(number)),
                Step::Window(open) => peer.connection.accept_reliable(open),
            }
            peer.wake(now_ns);
        }
        peer.connection.abandon_parts(&mut peer.sink);
        prop_assert_eq!(peer.sink.parts.len(), taken);
    }
}
