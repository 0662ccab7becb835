//! Reliable messages: exactly once, in order, whatever the link does.

use super::*;
use crate::channel::{CHANNEL_QUEUE_BYTES_MAX, FRAGMENT_BYTES};

/// A link with this loss and everything else wrong as well.
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

fn message(number: u32) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(4 + number as usize * 131 % 900, number.to_le_bytes()[0]);
    bytes
}

fn assert_in_order(peer: &Peer, channel: ChannelId, count: u32) {
    let got = peer.sink.on_channel(channel);
    assert_eq!(got.len(), count as usize);
    for (number, bytes) in (0..count).zip(got) {
        assert_eq!(bytes, message(number), "message {number}");
    }
}

fn both_ways(loss: f64, seed: u64, count: u32, patience_ns: u64) -> Pair {
    let mut pair = Pair::new(bad(loss), seed);
    let mut sent = [0_u32; 2];
    let end_ns = pair.now_ns + patience_ns;
    while sent != [count; 2] {
        assert!(pair.now_ns < end_ns, "stuck after {sent:?}");
        pair.tick(1, |pair, _| {
            for (peer, sent) in [&mut pair.client, &mut pair.server].into_iter().zip(&mut sent) {
                for _ in 0..3 {
                    let channel = if *sent % 2 == 0 { CONTROL } else { EVENT };
                    if *sent < count && peer.connection.send(channel, &message(*sent / 2)).is_ok() {
                        *sent += 1;
                    }
                }
            }
        });
    }
    while pair.client.connection.reliable_queued().0 + pair.server.connection.reliable_queued().0 > 0 {
        assert!(pair.now_ns < end_ns, "not delivered: {:?}", pair.client.connection.stats());
        pair.tick(1, |_, _| {});
    }
    for peer in [&pair.client, &pair.server] {
        assert_in_order(peer, CONTROL, count / 2);
        assert_in_order(peer, EVENT, count / 2);
        assert!(peer.errors.is_empty(), "{:?}", peer.errors);
        assert_eq!(peer.connection.stats().reliable_excess_in, 0);
        assert_eq!(peer.connection.reliable_early(), 0);
    }
    pair
}

#[test]
fn everything_arrives_once_and_in_order_without_loss() {
    let mut pair = both_ways(0.0, 1, 2_000, 60 * S);
    pair.drain(S);
    assert!(pair.server.connection.stats().duplicates_in > 100, "the link did duplicate");
    assert!(pair.server.connection.stats().reordered_in > 100, "the link did reorder");
}

#[test]
fn everything_arrives_once_and_in_order_at_5_percent_loss() {
    // proves: PKT-52, PKT-53
    let mut pair = both_ways(0.05, 2, 2_000, 60 * S);
    pair.drain(10 * S);
    assert!(pair.server.connection.stats().packets_lost > 0);
}

#[test]
fn everything_arrives_once_and_in_order_at_20_percent_loss() {
    let mut pair = both_ways(0.2, 3, 2_000, 60 * S);
    pair.drain(20 * S);
    assert!(pair.server.connection.stats().reliable_resent > 0);
}

#[test]
fn everything_arrives_once_and_in_order_at_50_percent_loss() {
    both_ways(0.5, 4, 2_000, 120 * S).drain(60 * S);
}

#[test]
fn everything_arrives_once_and_in_order_at_90_percent_loss() {
    both_ways(0.9, 5, 100, 600 * S);
}

#[test]
fn survival_05_a_thousand_messages_in_one_tick_arrive_without_a_resend() {
    // proves: PKT-45
    for bytes in [20, 250] {
        let mut pair = Pair::spoken(LinkConfig::with_latency_ns(30 * MS), 6);
        for number in 0..1_000_u32 {
            let mut message = number.to_le_bytes().to_vec();
            message.resize(bytes, 0);
            pair.server.connection.send(EVENT, &message).expect("room for a burst");
        }
        pair.drain(10 * S);
        let got = pair.client.sink.on_channel(EVENT);
        assert_eq!(got.len(), 1_000);
        assert!(got.iter().zip(0_u32..).all(|(bytes, number)| bytes[..4] == number.to_le_bytes()));
        let stats = pair.server.connection.stats();
        assert_eq!((stats.reliable_resent, stats.packets_lost, stats.probes_out), (0, 0, 0), "{stats:?}");
    }
}

#[test]
fn a_burst_that_fills_the_queue_arrives_without_a_resend() {
    // proves: PKT-45, PKT-51
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(60 * MS), 7);
    let mut taken = 0;
    while pair.server.connection.send(CONTROL, &[7; FRAGMENT_BYTES]).is_ok() {
        taken += 1;
    }
    assert_eq!(pair.server.connection.send(CONTROL, &[7; FRAGMENT_BYTES]), Err(SendError::Full));
    assert_eq!(pair.server.connection.stats().sends_full, 2);
    assert!(taken * (FRAGMENT_BYTES + 8) > CHANNEL_QUEUE_BYTES_MAX - 2 * FRAGMENT_BYTES);
    pair.drain(20 * S);
    assert_eq!(pair.client.sink.on_channel(CONTROL).len(), taken);
    assert_eq!(pair.server.connection.stats().reliable_resent, 0);
    assert_eq!(pair.server.connection.send(CONTROL, b"again"), Ok(()));
}

#[test]
fn survival_03_one_lost_ack_at_any_place_locks_nothing() {
    // proves: PKT-50. 3,000 messages cross the window of 1,024 twice; every ack on the way is lost once.
    let mut position = 0;
    loop {
        let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 8);
        pair.client.drop_at = Some(pair.client.written + position);
        for number in 0..3_000_u32 {
            pair.server.connection.send(CONTROL, &number.to_le_bytes()).expect("room");
            if number % 100 == 0 {
                pair.run_for(TICK_NS);
            }
        }
        pair.drain(20 * S);
        assert_eq!(pair.client.sink.on_channel(CONTROL).len(), 3_000);
        if pair.client.drop_at > Some(pair.client.written) {
            assert!(position > 15, "{position} acks");
            return;
        }
        position += 1;
    }
}

#[test]
fn survival_03_one_message_whose_ack_is_lost_at_any_window_position_locks_nothing() {
    // proves: PKT-50
    use crate::channel::{Filled, Inbound, Outbound, WINDOW_MESSAGES};
    use crate::packet::Body;
    use crate::sent::SentPacket;
    let window = u16::try_from(WINDOW_MESSAGES).expect("16 bits");
    let send_all = |outbound: &mut Outbound, inbound: &mut Inbound| {
        let mut runs = Vec::new();
        while outbound.has_pending() {
            let mut bytes = [0; PAYLOAD_BYTES_MAX];
            let mut packet = SentPacket::new(0, 0);
            // One message per packet: the packets' fates are the messages'.
            outbound.fill(
                &mut Body::new(&mut bytes),
                &mut packet,
                &mut Filled::default(),
                1,
                &mut LaneStats::default(),
            );
            let run = packet.runs()[0];
            assert!(inbound.on_message(run.first, b"x", true).is_accepted());
            while inbound.pop_ready(CONTROL, &mut crate::channel::Reassembly::default()).is_some() {}
            runs.push(run);
        }
        runs
    };
    for position in 0..window {
        let mut outbound = Outbound::new(CONTROL, ChannelKind::ReliableOrdered, 65_000);
        let mut inbound = Inbound::new(ChannelKind::ReliableOrdered, 65_000);
        for _ in 0..3 * window {
            outbound.push(b"x").expect("room");
        }
        let mut sent = 0;
        while outbound.queued_messages() > 0 {
            let runs = send_all(&mut outbound, &mut inbound);
            assert!(!runs.is_empty(), "locked at {position}");
            for run in runs {
                if sent == position {
                    outbound.on_lost(run);
                } else {
                    outbound.on_acked(run);
                }
                sent = sent.saturating_add(1);
            }
        }
    }
}

#[test]
fn an_outage_shorter_than_any_timeout_only_delays() {
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(30 * MS), 9);
    let dead = LinkConfig { loss: 1.0, ..LinkConfig::with_latency_ns(30 * MS) };
    for peer in [&mut pair.client, &mut pair.server] {
        peer.out.set_config(dead);
    }
    pair.tick(60 * 8, |pair, tick| {
        if tick % 10 == 0 {
            pair.server.connection.send(CONTROL, &message(tick / 10)).expect("room");
            pair.client.connection.send(CONTROL, &message(tick / 10)).expect("room");
        }
    });
    assert!(pair.server.sink.on_channel(CONTROL).is_empty());
    for peer in [&mut pair.client, &mut pair.server] {
        peer.out.set_config(LinkConfig::with_latency_ns(30 * MS));
    }
    pair.drain(5 * S);
    assert_in_order(&pair.client, CONTROL, 48);
    assert_in_order(&pair.server, CONTROL, 48);
}

#[test]
fn silence_after_an_outage_is_ended_by_probes_alone() {
    // proves: PKT-43
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(30 * MS), 10);
    pair.server.out.set_config(LinkConfig { loss: 1.0, ..LinkConfig::default() });
    pair.server.connection.send(CONTROL, b"hear me").expect("room");
    pair.run_for(10 * S);
    let probes = pair.server.connection.stats().probes_out;
    assert!((5..=20).contains(&probes), "{probes}");
    pair.server.out.set_config(LinkConfig::with_latency_ns(30 * MS));
    pair.drain(3 * S);
    assert_eq!(pair.client.sink.on_channel(CONTROL), [b"hear me"]);
}

#[test]
fn a_closed_receive_window_delays_and_loses_nothing() {
    // proves: PKT-53
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 11);
    pair.client.connection.send(CONTROL, &message(0)).expect("room");
    pair.drain(S);
    pair.server.connection.accept_reliable(false);
    for number in 1..200 {
        pair.client.connection.send(CONTROL, &message(number)).expect("room");
    }
    pair.tick(120, |_, _| {});
    assert_eq!(pair.server.sink.on_channel(CONTROL).len(), 1);
    assert!(pair.server.connection.stats().reliable_closed_in > 0);
    assert_eq!(pair.client.connection.reliable_queued().0, 199, "nothing of it was acked");
    pair.server.connection.accept_reliable(true);
    pair.drain(10 * S);
    assert_in_order(&pair.server, CONTROL, 200);
}

#[test]
fn unreliable_messages_are_sent_once_or_counted() {
    // proves: PKT-54
    let mut pair = Pair::spoken(LinkConfig::default(), 12);
    for number in 0..100_u8 {
        pair.client.connection.send(INPUT, &[number]).expect("always taken");
    }
    pair.run_for(S);
    assert_eq!(pair.client.connection.stats().unreliable_dropped, 36);
    assert_eq!(pair.server.sink.on_channel(INPUT), (36..100).map(|number| vec![number]).collect::<Vec<_>>());
}

#[test]
fn control_overtakes_event_in_the_packet() {
    // proves: PKT-60
    let mut pair = Pair::spoken(LinkConfig::default(), 13);
    pair.client.connection.send(INPUT, b"input").expect("taken");
    pair.client.connection.send(EVENT, b"event").expect("room");
    pair.client.connection.send(CONTROL, b"control").expect("room");
    pair.run_for(S);
    let channels: Vec<ChannelId> = pair.server.sink.messages.iter().map(|(channel, _)| *channel).collect();
    assert_eq!(channels, [CONTROL, EVENT, INPUT]);
}

#[test]
fn a_send_that_cannot_be_kept_is_an_error() {
    let mut pair = Pair::spoken(LinkConfig::default(), 14);
    let server = &mut pair.server.connection;
    assert_eq!(server.send(ChannelId(9), b""), Err(SendError::NoSuchChannel));
    assert_eq!(server.send(CONTROL, &[0; FRAGMENT_BYTES + 1]), Err(SendError::TooLarge));
    assert_eq!(server.send(SNAPSHOT, b""), Err(SendError::WrongKind));
    assert_eq!(server.send_snapshot(PartId(0), &[0; SNAPSHOT_PART_BYTES_MAX + 1]), Err(SendError::TooLarge));
    assert_eq!(pair.client.connection.send_snapshot(PartId(0), b""), Err(SendError::WrongKind));
    assert!(pair.server.connection.is_idle());
}

#[test]
fn empty_messages_are_messages() {
    let mut pair = Pair::spoken(LinkConfig::default(), 15);
    for channel in [CONTROL, INPUT] {
        pair.client.connection.send(channel, b"").expect("taken");
    }
    pair.drain(S);
    assert_eq!(pair.server.sink.messages, [(CONTROL, Vec::new()), (INPUT, Vec::new())]);
}
