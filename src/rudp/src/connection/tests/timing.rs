//! Acks, probes and round trips over time.

use super::*;
use crate::ack::{ACK_DELAY_NS_MAX, ACK_DELAY_PATIENT_NS_MAX};
use crate::loss::probe_timeout_ns;

#[test]
fn a_25_ms_acker_without_loss_causes_no_resend() {
    // proves: PKT-14, PKT-43
    for latency_ns in [0, MS, 10 * MS, 100 * MS, 250 * MS] {
        let mut pair = Pair::spoken(LinkConfig::with_latency_ns(latency_ns), 1);
        for number in 0..600_u32 {
            pair.server.connection.send(CONTROL, &number.to_le_bytes()).expect("room");
            // The client says nothing of its own: each ack waits its full 25 ms.
            pair.run_for(if number % 5 == 0 { 200 * MS } else { 7 * MS });
        }
        pair.drain(5 * S);
        let stats = pair.server.connection.stats();
        assert_eq!((stats.reliable_resent, stats.packets_lost, stats.probes_out), (0, 0, 0), "{latency_ns}: {stats:?}");
        assert_eq!(pair.client.sink.on_channel(CONTROL).len(), 600);
    }
}

#[test]
fn an_ack_leaves_exactly_25_ms_after_a_lone_eliciting_packet() {
    // proves: PKT-14
    let mut pair = Pair::spoken(LinkConfig::default(), 2);
    pair.server.connection.send(CONTROL, b"x").expect("room");
    pair.settle();
    assert_eq!(pair.client.connection.poll_timeout(), Some(pair.now_ns + ACK_DELAY_NS_MAX));
    let before = pair.client.connection.stats().ack_only_out;
    pair.run_for(ACK_DELAY_NS_MAX - 1);
    assert_eq!(pair.client.connection.stats().ack_only_out, before);
    pair.run_for(1);
    assert_eq!(pair.client.connection.stats().ack_only_out, before + 1);
    assert!(pair.server.connection.is_idle());
}

/// Both have climbed to their full rate, and nothing is under way.
fn at_ease(link: LinkConfig) -> Pair {
    let mut pair = Pair::spoken(link, 13);
    pair.tick(300, |pair, tick| {
        pair.server.connection.send_snapshot(PartId(tick), &[0; 100]).expect("taken");
    });
    pair.drain(S);
    pair
}

#[test]
fn who_is_held_back_acks_soon_what_could_wait() {
    let mut pair = at_ease(LinkConfig::default());
    let acked_after_ns = |pair: &mut Pair| {
        pair.client.connection.send(INPUT, b"forward").expect("taken");
        pair.settle();
        pair.server.connection.poll_timeout().expect("an ack is due") - pair.now_ns
    };
    assert_eq!(acked_after_ns(&mut pair), ACK_DELAY_PATIENT_NS_MAX);
    // A second without an ack halves the rate more than once.
    pair.client.drop = |_| true;
    pair.tick(60, |pair, tick| {
        pair.server.connection.send_snapshot(PartId(1_000 + tick), &[0; 100]).expect("taken");
    });
    pair.client.drop = |_| false;
    assert_eq!(acked_after_ns(&mut pair), ACK_DELAY_NS_MAX);
}

#[test]
fn an_ack_of_what_is_never_sent_again_waits_100_ms_unless_something_else_came_with_it() {
    // proves: PKT-14
    let acked_after_ns = |reliable_after_ms: Option<u64>| {
        let mut pair = at_ease(LinkConfig::default());
        pair.client.connection.send(INPUT, b"forward").expect("taken");
        pair.settle();
        let sent_ns = pair.now_ns;
        if let Some(after_ms) = reliable_after_ms {
            pair.run_for(after_ms * MS);
            pair.client.connection.send(CONTROL, b"x").expect("room");
            pair.settle();
        }
        pair.server.connection.poll_timeout().expect("an ack is due") - sent_ns
    };
    assert_eq!(acked_after_ns(None), 100 * MS);
    assert_eq!(acked_after_ns(Some(0)), 25 * MS);
    assert_eq!(acked_after_ns(Some(50)), 75 * MS);
    assert_eq!(acked_after_ns(Some(90)), 100 * MS, "what came first has waited long enough");
}

#[test]
fn thirty_inputs_a_second_against_twelve_snapshots_cost_the_server_no_acks_alone_and_nobody_probes() {
    // proves: PKT-14, PKT-43
    for latency_ns in [0, MS, 20 * MS, 100 * MS] {
        let mut pair = at_ease(LinkConfig::with_latency_ns(latency_ns));
        let alone = |pair: &Pair| {
            let [client, server] = [&pair.client, &pair.server].map(|end| *end.connection.stats());
            (server.ack_only_out, [client, server].map(|stats| (stats.probes_out, stats.packets_lost)))
        };
        let before = alone(&pair);
        for tick in 0..600 {
            if tick % 5 == 0 {
                pair.server.connection.send_snapshot(PartId(tick), &[0; 100]).expect("taken");
            }
            if tick % 2 == 0 {
                pair.client.connection.send(INPUT, b"forward").expect("taken");
            }
            pair.run_for(TICK_NS);
        }
        assert_eq!(alone(&pair), before, "{latency_ns}");
    }
}

#[test]
fn an_ack_piggybacks_on_whatever_leaves_first() {
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 3);
    let before = [pair.client.connection.stats().ack_only_out, pair.server.connection.stats().ack_only_out];
    pair.tick(300, |pair, tick| {
        pair.server.connection.send_snapshot(PartId(tick), &[0; 100]).expect("taken");
    });
    let after = [pair.client.connection.stats().ack_only_out, pair.server.connection.stats().ack_only_out];
    assert_eq!(before, after, "60 Hz both ways needs no packet for acks alone");
}

#[test]
fn acks_alone_elicit_nothing_and_silence_is_silent() {
    // proves: PKT-3
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 4);
    pair.client.connection.send(CONTROL, b"x").expect("room");
    pair.drain(S);
    let written = (pair.client.written, pair.server.written);
    pair.run_for(60 * S);
    assert_eq!((pair.client.written, pair.server.written), written);
    assert_eq!((pair.client.connection.poll_timeout(), pair.server.connection.poll_timeout()), (None, None));
}

#[test]
fn the_header_takes_six_bytes_in_the_steady_case_and_nine_for_two_seconds_after_a_loss() {
    // proves: PKT-12
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 5);
    let header_bytes =
        |pair: &Pair| AckField::encoded_bytes(pair.client.connection.received.field(pair.now_ns).as_ref());
    pair.tick(200, |pair, tick| {
        pair.server.connection.send_snapshot(PartId(tick), b"s").expect("taken");
    });
    assert_eq!(header_bytes(&pair), 6);
    pair.server.drop = |written| written == 0;
    pair.server.written = 0;
    pair.tick(10, |pair, tick| {
        pair.server.connection.send_snapshot(PartId(tick), b"s").expect("taken");
    });
    assert_eq!(header_bytes(&pair), 8, "one map byte and one mask byte");
}

#[test]
fn the_round_trip_is_measured_without_the_ack_delay() {
    // proves: PKT-13
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(40 * MS), 6);
    for tick in 0..600_u32 {
        pair.server.connection.send(CONTROL, b"s").expect("taken");
        pair.run_for(40 * MS);
        if tick % 10 == 0 {
            // Now and then an ack finds company at once: that shows what the path itself takes.
            pair.client.connection.send(INPUT, b"i").expect("taken");
        }
        pair.run_for(65 * MS);
    }
    let stats = pair.server.connection.stats();
    let expected = 80 * MS..82 * MS;
    assert!(expected.contains(&stats.rtt_smoothed_ns), "{} ns", stats.rtt_smoothed_ns);
    assert!(stats.rtt_variation_ns < MS, "{} ns", stats.rtt_variation_ns);
    assert_eq!(stats.rtt_latest_ns / MS, 105, "the sample itself holds the delay");
}

#[test]
fn an_ack_that_waited_too_long_is_no_measure_of_the_path() {
    // proves: PKT-13
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(40 * MS), 10);
    let before = *pair.server.connection.rtt();
    pair.server.send_other(pair.now_ns);
    pair.run_for(3 * S);
    pair.client.connection.send(INPUT, b"acks the keep-alive, three seconds late").expect("taken");
    pair.run_for(S);
    assert_eq!(*pair.server.connection.rtt(), before);
}

#[test]
fn an_answer_ends_the_back_off_of_probes() {
    // proves: PKT-43
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 11);
    let dead = LinkConfig { loss: 1.0, ..LinkConfig::default() };
    let mut gap_ns = || {
        pair.server.out.set_config(dead);
        pair.server.connection.send(CONTROL, b"x").expect("room");
        pair.settle();
        let gap_ns = pair.server.connection.poll_timeout().expect("a probe will be due") - pair.now_ns;
        pair.run_for(5 * S);
        pair.server.out.set_config(LinkConfig::with_latency_ns(20 * MS));
        pair.drain(5 * S);
        gap_ns
    };
    let (first_ns, second_ns) = (gap_ns(), gap_ns());
    assert!(first_ns < 300 * MS && second_ns < 300 * MS, "{first_ns} {second_ns}");
}

#[test]
fn an_ack_that_leaves_nothing_behind_asks_for_no_timer_at_once() {
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 12);
    for number in 0..10_u8 {
        pair.server.connection.send(CONTROL, &[number]).expect("room");
        pair.server.wake(pair.now_ns);
        pair.now_ns += MS;
    }
    let open = pair.server.connection.packets_in_flight();
    pair.now_ns += 12 * MS;
    while let Some(datagram) = pair.server.out.poll(pair.now_ns) {
        pair.client.handle(pair.now_ns, &datagram);
    }
    pair.client.connection.send(INPUT, b"i").expect("taken");
    pair.client.wake(pair.now_ns);
    pair.now_ns += 20 * MS;
    let datagram = pair.client.out.poll(pair.now_ns).expect("arrived");
    pair.server.handle(pair.now_ns, &datagram);
    assert!((1..open).contains(&pair.server.connection.packets_in_flight()), "some are acked, the newest are not");
    assert!(pair.server.connection.poll_timeout() > Some(pair.now_ns));
}

#[test]
fn a_lost_packet_is_known_as_soon_as_three_later_ones_are_acked() {
    // proves: PKT-42
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 7);
    pair.server.drop = |written| written == 60;
    pair.server.written = 0;
    let mut sent_ns = 0;
    // Too large to be sent redundantly once something was lost.
    let too_large = [0; 129];
    pair.tick(61, |pair, _| {
        sent_ns = pair.now_ns;
        pair.server.connection.send(CONTROL, &too_large).expect("room");
    });
    let mut arrived_ns = None;
    pair.tick(30, |pair, _| {
        if arrived_ns.is_none() && pair.client.sink.on_channel(CONTROL).len() > 60 {
            arrived_ns = Some(pair.now_ns);
        }
        pair.server.connection.send(CONTROL, &too_large).expect("room");
    });
    let delay_ms = (arrived_ns.expect("resent") - sent_ns) / MS;
    // 9/8 of a round trip or three ticks and a round trip, whichever is first; then half a round trip; then a tick.
    assert!((60..=130).contains(&delay_ms), "{delay_ms} ms");
    assert_eq!(pair.server.connection.stats().reliable_resent, 1);
    assert_eq!(pair.client.connection.stats().reliable_duplicates_in, 0);
}

#[test]
fn all_acks_of_a_wake_are_read_before_any_loss_is_judged() {
    // proves: PKT-42
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 8);
    let start = pair.server.next_sequence;
    for number in 0..8_u8 {
        pair.server.connection.send(CONTROL, &[number]).expect("room");
        pair.server.wake(pair.now_ns);
        pair.now_ns += MS;
    }
    pair.now_ns += 30 * MS;
    let server = &mut pair.server;
    // The ack of the newest alone arrives first, that of all others right behind it.
    for (number, mask) in [(0, 0), (1, 0x7F)] {
        let newest = crate::sequence::narrow(start + 7);
        let mut bytes = [0; 64];
        let mut body = crate::packet::Body::new(&mut bytes);
        AckField::encode(Some(&AckField { newest, mask, timing: None }), &mut body);
        let len = body.len();
        let sequence = pair.client.next_sequence + number;
        server.connection.handle_payload(pair.now_ns, sequence, &bytes[..len], &mut server.sink).expect("valid");
        assert_eq!(server.connection.poll_timeout(), Some(pair.now_ns), "losses are to be judged at once");
    }
    server.wake(pair.now_ns);
    let stats = server.connection.stats();
    assert_eq!((stats.packets_lost, stats.reliable_resent), (0, 0));
    assert!(server.connection.is_idle());
}

#[test]
fn a_delay_spike_resends_but_late_acks_take_the_losses_back() {
    // proves: PKT-44
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 9);
    pair.tick(120, |pair, tick| {
        let detours = LinkConfig { reorder: 0.5, reorder_ns: 200 * MS, ..LinkConfig::default() };
        match tick {
            40 => pair.server.out.set_config(detours),
            80 => pair.server.out.set_config(LinkConfig::with_latency_ns(20 * MS)),
            _ => {}
        }
        pair.server.connection.send(CONTROL, &tick.to_le_bytes()).expect("room");
    });
    pair.drain(5 * S);
    let stats = pair.server.connection.stats();
    assert!(stats.acks_late > 0, "{stats:?}");
    assert_eq!(stats.packets_lost, 0, "nothing was lost in the end: {stats:?}");
    assert_eq!(pair.client.sink.on_channel(CONTROL).len(), 120);
}

/// How much later than its probe time-out a message arrives whose packet was lost, while snapshots leave in every tick and
/// the client acks none of them.
fn lateness_ns(does_client_speak: bool) -> Option<u64> {
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(100 * MS), 21);
    pair.server.connection.send(EVENT, b"welcome").expect("room");
    let due_ns = pair.now_ns + probe_timeout_ns(pair.server.connection.rtt(), ACK_DELAY_NS_MAX, 0);
    pair.server.drop = |_| true;
    if !does_client_speak {
        pair.client.drop = |_| true;
    }
    for tick in 0..300 {
        pair.server.connection.on_tick_edge(pair.now_ns);
        pair.server.connection.send_snapshot(PartId(tick), &[0; 50]).expect("taken");
        pair.client.connection.send(INPUT, b"forward").expect("room");
        pair.run_for(TICK_NS);
        pair.server.drop = |_| false;
        if !pair.client.sink.on_channel(EVENT).is_empty() {
            return Some(pair.now_ns - due_ns);
        }
        for sequence in pair.client.sink.part_packets.drain(..) {
            pair.client.connection.refuse_packet(sequence);
        }
    }
    None
}

/// A client that lost its welcome can use no snapshot and acks none: whoever tells it sixty times a second must notice.
#[test]
fn a_message_lost_before_packets_that_are_all_refused_is_sent_again_although_the_sender_never_pauses() {
    // proves: PKT-43
    let way_ns = 100 * MS;
    let late_ns = lateness_ns(true).expect("heard at all");
    assert!((way_ns..=way_ns + 3 * TICK_NS).contains(&late_ns), "heard {} ms late", late_ns / MS);
    let unanswered_ns = lateness_ns(false).expect("heard at all");
    assert!((S..=2 * S + way_ns).contains(&unanswered_ns), "its patience is 2 s: {} ms", unanswered_ns / MS);
}

#[test]
fn a_round_trip_of_a_minute_does_not_delay_the_next_resend() {
    // proves: PKT-42
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 9);
    pair.server.connection.send(CONTROL, b"a").expect("room");
    // Everybody stands still while the ack is on its way.
    pair.run_for(50 * MS);
    pair.now_ns += 60 * S;
    pair.run_for(S);
    assert!(pair.server.connection.rtt().smoothed_ns() > 5 * S);
    pair.server.drop = |written| written == 0;
    pair.server.written = 0;
    for message in [b"b", b"c"] {
        pair.server.connection.send(CONTROL, message).expect("room");
        pair.run_for(10 * MS);
    }
    pair.run_for(2 * S + 50 * MS);
    assert_eq!(pair.client.sink.on_channel(CONTROL), [b"a", b"b", b"c"]);
}

/// Sixty inputs a second over such a way fill the span of packets for ever.
#[test]
fn reliable_messages_ride_in_packets_that_leave_anyway_over_a_round_trip_of_almost_two_seconds() {
    // proves: PKT-45
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(850 * MS), 22);
    for tick in 0..900 {
        pair.client.connection.send(INPUT, b"forward").expect("room");
        if tick == 600 {
            assert!(!pair.client.connection.may_send_reliable(), "the span is full");
            pair.client.connection.send(EVENT, b"jump").expect("room");
        }
        pair.run_for(TICK_NS);
    }
    assert_eq!(pair.server.sink.on_channel(EVENT), [b"jump"]);
}
