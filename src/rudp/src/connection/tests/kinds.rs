//! The kinds that the game does not use yet, over a bad link.

use super::*;

fn bad(loss: f64) -> LinkConfig {
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

fn numbers(peer: &Peer, channel: ChannelId) -> Vec<u32> {
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    peer.sink.on_channel(channel).into_iter().map(number).collect()
}

#[test]
fn sequenced_messages_are_never_overtaken_and_never_repeated() {
    // proves: PKT-58. The numbers wrap after 536 messages.
    let mut pair = Pair::every_kind(bad(0.05), 21);
    pair.tick(2_000, |pair, tick| {
        pair.server.connection.send(LATEST, &tick.to_le_bytes()).expect("taken");
    });
    pair.run_for(S);
    let got = numbers(&pair.client, LATEST);
    assert!(got.is_sorted_by(|a, b| a < b), "{got:?}");
    let old = pair.client.connection.stats().sequenced_old_in;
    assert!(old > 20, "the link reorders: {old}");
    assert!(got.len() > 1_500, "only lost and overtaken messages are missing: {}", got.len());
}

#[test]
fn a_sequenced_message_that_waits_for_a_packet_is_sent_even_when_a_newer_one_waits_too() {
    let mut pair = Pair::every_kind(LinkConfig::default(), 22);
    for number in [1_u32, 2, 3] {
        pair.client.connection.send(LATEST, &number.to_le_bytes()).expect("taken");
    }
    pair.run_for(MS);
    assert_eq!(numbers(&pair.server, LATEST), [1, 2, 3]);
}

#[test]
fn unordered_messages_arrive_exactly_once_and_do_not_wait_for_each_other() {
    // proves: PKT-57
    for loss in [0.0, 0.05, 0.2, 0.5] {
        let mut pair = Pair::every_kind(bad(loss), 23);
        pair.tick(2_000, |pair, tick| {
            pair.client.connection.send(GOSSIP, &tick.to_le_bytes()).expect("room");
        });
        pair.drain(120 * S);
        let mut got = numbers(&pair.server, GOSSIP);
        assert!(!got.is_sorted(), "at {loss} the link reorders, and nobody waits");
        got.sort_unstable();
        assert_eq!(got, (0..2_000).collect::<Vec<u32>>());
        assert!(pair.server.errors.is_empty());
        assert_eq!(pair.server.connection.stats().reliable_excess_in, 0);
    }
}

#[test]
fn a_message_on_a_channel_of_another_kind_is_malformed() {
    // proves: PKT-23
    let mut pair = Pair::every_kind(LinkConfig::default(), 24);
    for frame in [0x24, 0x25, 0x64 + 1, 0x74, 0x70, 0x62] {
        let sequence = pair.client.next_sequence;
        let payload = [0, frame, 0, 0, 0];
        let handled = pair.server.connection.handle_payload(pair.now_ns, sequence, &payload, &mut pair.server.sink);
        assert_eq!(handled, Err(crate::PayloadError::WrongKind(frame & 0x0F)));
    }
}

#[test]
fn lanes_are_packed_in_strict_order_control_events_state_bulk() {
    // proves: PKT-60
    let mut pair = Pair::every_kind(LinkConfig::default(), 25);
    let server = &mut pair.server.connection;
    server.send(GOSSIP, b"bulk").expect("room");
    server.send(LATEST, b"state").expect("taken");
    server.send_snapshot(PartId(1), b"part").expect("taken");
    server.send(EVENT, b"event").expect("room");
    server.send(CONTROL, b"control").expect("room");
    let written = pair.server.written;
    pair.run_for(MS);
    assert_eq!(pair.server.written, written + 1, "all in one packet");
    let order: Vec<ChannelId> = pair.client.sink.messages.iter().map(|(channel, _)| *channel).collect();
    assert_eq!(order, [CONTROL, EVENT, SNAPSHOT, LATEST, GOSSIP]);
}

#[test]
fn a_lane_knows_how_long_its_messages_waited_for_a_packet() {
    let mut pair = Pair::every_kind(LinkConfig::with_latency_ns(50 * MS), 26);
    // 96 packets in flight are as many as may be: what is behind waits for acks, a round trip later.
    for _ in 0..120 {
        pair.client.connection.send(EVENT, &[7; 1_024]).expect("room");
    }
    pair.client.connection.send(CONTROL, b"first of all").expect("room");
    pair.drain(S);
    let lanes = pair.client.connection.stats().lanes;
    assert_eq!(lanes.map(|lane| lane.messages), [1, 120, 0, 0]);
    assert_eq!(lanes[0].waited_ns_max, 0, "strict priority: control waits for nobody");
    let (waited_ms, waited_ms_max) = (lanes[1].waited_ns / MS, lanes[1].waited_ns_max / MS);
    assert!((100..200).contains(&waited_ms_max), "{waited_ms_max}");
    assert!((24 * 100..30 * 200).contains(&waited_ms), "{waited_ms}");
}
