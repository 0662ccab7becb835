//! Snapshot parts: exactly one outcome each, and what they may cost.

use super::*;
use std::collections::BTreeMap;

fn outcomes(peer: &Peer) -> BTreeMap<PartId, PartOutcome> {
    let mut outcomes = BTreeMap::new();
    for (part, outcome) in &peer.sink.parts {
        assert_eq!(outcomes.insert(*part, *outcome), None, "{part:?} was told twice");
    }
    outcomes
}

#[test]
fn every_part_has_exactly_one_outcome_under_loss_reordering_and_an_outage() {
    // proves: PKT-55
    let link = LinkConfig {
        latency_ns: 60 * MS,
        jitter_ns: 10 * MS,
        loss: 0.2,
        duplicate: 0.1,
        reorder: 0.2,
        reorder_ns: 120 * MS,
        ..LinkConfig::default()
    };
    let mut pair = Pair::spoken(link, 1);
    let mut next_part = 0_u32;
    let mut taken = Vec::new();
    pair.tick(1_800, |pair, tick| {
        match tick {
            600 => pair.client.out.set_config(LinkConfig { loss: 1.0, ..link }),
            1_500 => pair.client.out.set_config(link),
            _ => {}
        }
        for _ in 0..2 {
            if pair.server.connection.send_snapshot(PartId(next_part), &[1; 400]).is_ok() {
                taken.push(PartId(next_part));
            }
            next_part += 1;
        }
    });
    pair.server.connection.send_snapshot(PartId(next_part), b"last").expect("taken");
    taken.push(PartId(next_part));
    pair.server.connection.abandon_parts(&mut pair.server.sink);
    let outcomes = outcomes(&pair.server);
    assert_eq!(outcomes.keys().copied().collect::<Vec<_>>(), taken);
    assert_eq!(outcomes[&PartId(next_part)], PartOutcome::NotSent);
    let count = |wanted| outcomes.values().filter(|outcome| **outcome == wanted).count();
    assert!(count(PartOutcome::Acked) > 1_000 && count(PartOutcome::Lost) > 1_000, "{}", count(PartOutcome::Acked));
    assert!(pair.server.connection.stats().acks_late > 0, "some losses were taken back");
}

#[test]
fn a_part_is_acked_when_it_arrived_and_lost_when_it_did_not() {
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 2);
    pair.server.drop = |written| written % 10 == 3;
    pair.server.written = 0;
    let mut arrived = Vec::new();
    pair.tick(300, |pair, tick| {
        pair.server.connection.send_snapshot(PartId(tick), &tick.to_le_bytes()).expect("taken");
        arrived.push((pair.server.written % 10 != 3, PartId(tick)));
    });
    pair.drain(S);
    let outcomes = outcomes(&pair.server);
    for (arrived, part) in arrived {
        let expected = if arrived { PartOutcome::Acked } else { PartOutcome::Lost };
        assert_eq!(outcomes[&part], expected, "{part:?}");
    }
    assert_eq!(pair.server.connection.stats().packets_lost, 30);
    assert_eq!(pair.client.sink.on_channel(SNAPSHOT).len(), 270);
}

#[test]
fn a_part_that_the_client_could_not_decode_is_never_acked() {
    // proves: PKT-17
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 3);
    pair.server.connection.send_snapshot(PartId(0), b"undecodable").expect("taken");
    pair.server.wake(pair.now_ns);
    pair.now_ns += 20 * MS;
    let datagram = pair.server.out.poll(pair.now_ns).expect("it arrives");
    pair.client.handle(pair.now_ns, &datagram);
    let sequence = *pair.client.sink.part_packets.last().expect("a part arrived");
    pair.client.connection.refuse_packet(sequence);
    pair.tick(60, |pair, tick| {
        pair.server.connection.send_snapshot(PartId(1 + tick), b"fine").expect("taken");
    });
    pair.drain(S);
    let outcomes = outcomes(&pair.server);
    assert_eq!(outcomes.len(), 61);
    assert_eq!(outcomes[&PartId(0)], PartOutcome::Lost);
    assert!(outcomes.iter().skip(1).all(|(_, outcome)| *outcome == PartOutcome::Acked));
}

#[test]
fn a_newer_ticks_part_replaces_a_waiting_one_which_is_told_as_not_sent() {
    // proves: PKT-56
    let mut pair = Pair::spoken(LinkConfig::default(), 4);
    let server = &mut pair.server.connection;
    server.send_snapshot(PartId(1), b"old").expect("taken");
    server.send_snapshot(PartId(2), b"old").expect("taken");
    server.on_tick_edge(pair.now_ns);
    server.send_snapshot(PartId(3), b"new").expect("taken");
    pair.drain(S);
    let expected =
        [(PartId(1), PartOutcome::NotSent), (PartId(2), PartOutcome::NotSent), (PartId(3), PartOutcome::Acked)];
    assert_eq!(pair.server.sink.parts, expected);
    assert_eq!(pair.client.sink.on_channel(SNAPSHOT), [b"new"]);
}

#[test]
fn a_part_that_does_not_fit_beside_the_rest_leaves_at_once_in_a_second_packet() {
    // proves: PKT-60
    let mut pair = Pair::spoken(LinkConfig::default(), 5);
    pair.server.written = 0;
    pair.server.connection.send(CONTROL, &[1; 500]).expect("room");
    pair.server.connection.send_snapshot(PartId(1), &[2; 1_000]).expect("taken");
    pair.settle();
    assert_eq!(pair.server.written, 2);
    assert_eq!(pair.client.sink.on_channel(SNAPSHOT).len(), 1);
}

#[test]
fn two_parts_never_share_a_packet() {
    // proves: PKT-55
    let mut pair = Pair::spoken(LinkConfig::default(), 6);
    for part in 0..3 {
        pair.server.connection.send_snapshot(PartId(part), b"small").expect("taken");
    }
    pair.settle();
    let packets = &pair.client.sink.part_packets;
    assert!(packets.len() == 3 && packets.windows(2).all(|pair| pair[0] < pair[1]), "{packets:?}");
}

#[test]
fn parts_as_large_as_the_budget_keep_the_wire_at_the_rate() {
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 7);
    let part = [0; SNAPSHOT_PART_BYTES_MAX];
    let before = *pair.server.connection.stats();
    let mut spent_before = 0;
    pair.tick(660, |pair, tick| {
        if tick == 60 {
            // The opening credit and the handshake's debt are gone by now.
            spent_before = pair.server.connection.stats().bytes_out;
        }
        let server = &mut pair.server.connection;
        if tick % 7 == 0 {
            server.send(EVENT, &[3; 120]).expect("room");
        }
        let budget = server.snapshot_budget_bytes(pair.now_ns);
        if let Some(bytes) = usize::try_from(budget).ok().and_then(|bytes| part.get(..bytes)) {
            server.send_snapshot(PartId(tick), bytes).expect("within the budget");
        }
    });
    let stats = pair.server.connection.stats();
    assert_eq!(stats.packets_lost, before.packets_lost);
    let body_bytes = stats.bytes_out - spent_before;
    let wire = body_bytes + 600 * (28 + 1 + 2 + 16);
    assert!((238_000..=242_000).contains(&wire), "10 s at 24 kB/s: {wire}");
}

#[test]
fn a_part_of_the_budgets_size_spends_the_credit_to_the_last_bytes() {
    // Beside the part: nothing, a message that leaves it room, one that pushes it into a second packet, four packets.
    for (messages, message_bytes) in [(0, 0), (1, 100), (1, 900), (4, 900)] {
        let config = ConnectionConfig { rate_bytes_per_s: 120_000, ..ConnectionConfig::default() };
        let mut pair = Pair::spoken(LinkConfig::default(), 9);
        pair.server.connection.controller = Controller::new(RateControl::Fixed, config.rate_bytes_per_s);
        for _ in 0..100 {
            pair.server.connection.on_tick_edge(pair.now_ns);
        }
        // Leave less than the largest part asks for.
        let beside_bytes = messages * (message_bytes + 60);
        let spare_bytes = usize::try_from(pair.server.connection.credit.bytes()).expect("full") - beside_bytes - 700;
        pair.server.connection.credit.spend(spare_bytes);
        for _ in 0..messages {
            pair.server.connection.send(EVENT, &vec![0; message_bytes]).expect("room");
        }
        let budget = pair.server.connection.snapshot_budget_bytes(pair.now_ns);
        assert!((400..SNAPSHOT_PART_BYTES_MAX as i32).contains(&budget), "{messages} x {message_bytes}: {budget}");
        let part = vec![0; usize::try_from(budget).expect("positive")];
        pair.server.connection.send_snapshot(PartId(0), &part).expect("within the budget");
        pair.server.wake(pair.now_ns);
        let left = pair.server.connection.credit.bytes();
        let overhead_bytes = 60;
        let missed_bytes_max = if messages > 1 { overhead_bytes } else { 0 };
        assert!((-missed_bytes_max..=overhead_bytes).contains(&left), "{messages} x {message_bytes}: {left} left");
    }
}

#[test]
fn a_debt_leaves_no_budget_until_it_is_paid() {
    let mut pair = Pair::spoken(LinkConfig::default(), 8);
    pair.server.connection.on_tick_edge(pair.now_ns);
    for _ in 0..10 {
        pair.server.connection.send(EVENT, &[0; 1_000]).expect("room");
    }
    pair.server.connection.on_tick_edge(pair.now_ns);
    assert!(pair.server.connection.snapshot_budget_bytes(pair.now_ns) < -8_000, "waiting messages count");
    pair.settle();
    assert!(pair.server.connection.snapshot_budget_bytes(pair.now_ns) < -8_000, "sent messages count");
    for _ in 0..70 {
        pair.run_for(TICK_NS);
        pair.server.connection.on_tick_edge(pair.now_ns);
    }
    assert!(pair.server.connection.snapshot_budget_bytes(pair.now_ns) > 0);
}

#[test]
fn reliable_messages_beyond_the_rate_leave_parts_ten_small_packets_a_second_after_one_second() {
    // proves: PKT-61
    for (messages, message_bytes) in [(1, 40), (2, 400)] {
        let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 11);
        pair.server.connection.controller = Controller::new(RateControl::Fixed, 3_000);
        let mut offered = Vec::new();
        pair.tick(600, |pair, tick| {
            let server = &mut pair.server.connection;
            if tick < 480 {
                (0..messages).for_each(|_| server.send(EVENT, &vec![0; message_bytes]).expect("room"));
            }
            let Ok(bytes @ 1..) = usize::try_from(server.snapshot_budget_bytes(pair.now_ns)) else { return };
            server.send_snapshot(PartId(tick), &[0; SNAPSHOT_PART_BYTES_MAX][..bytes]).expect("within the budget");
            offered.push((tick, bytes));
        });
        let owing: Vec<_> = offered.iter().filter(|(tick, _)| (100..480).contains(tick)).collect();
        assert!(owing.iter().all(|(_, bytes)| (60..=100).contains(bytes)), "{owing:?}");
        assert!(offered.windows(2).all(|pair| pair[1].0 - pair[0].0 <= 72), "a second and an interval: {offered:?}");
        assert!(owing.windows(2).all(|pair| pair[1].0 - pair[0].0 == 6), "{owing:?}");
        assert!(owing.len() >= 60, "{owing:?}");
    }
}

/// Found by simulation: somebody in a fight, for ten seconds after an outage. Every event rode in all packets of a round trip.
#[test]
fn copies_of_messages_after_heavy_loss_take_a_third_of_the_rate_and_parts_have_the_rest() {
    // proves: PKT-46, PKT-47
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(130 * MS), 12);
    pair.server.connection.controller = Controller::new(RateControl::Fixed, 24_000);
    let mut parts_bytes = 0;
    pair.tick(600, |pair, tick| {
        pair.server.drop = if (60..120).contains(&tick) { |_| true } else { |_| false };
        let server = &mut pair.server.connection;
        server.send(EVENT, &[0; 16]).expect("room");
        let Ok(bytes @ 1..) = usize::try_from(server.snapshot_budget_bytes(pair.now_ns)) else { return };
        server.send_snapshot(PartId(tick), &[0; SNAPSHOT_PART_BYTES_MAX][..bytes]).expect("within the budget");
        parts_bytes += if (300..540).contains(&tick) { bytes } else { 0 };
    });
    let stats = pair.server.connection.stats();
    assert!(stats.reliable_redundant > 2_000, "{stats:?}");
    // Of 96,000 bytes in four seconds; 3,760 were left when copies had no share of their own.
    assert!(parts_bytes > 35_000, "{parts_bytes} bytes of parts");
}

#[test]
fn without_acks_for_a_second_parts_are_small_and_ten_a_second_until_one_arrives() {
    // proves: PKT-62
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(20 * MS), 10);
    let offer = |pair: &mut Pair, tick: u32| {
        let budget = pair.server.connection.snapshot_budget_bytes(pair.now_ns);
        let Some(bytes) = usize::try_from(budget).ok().filter(|bytes| *bytes > 0) else { return 0 };
        pair.server.connection.send_snapshot(PartId(tick), &[0; SNAPSHOT_PART_BYTES_MAX][..bytes]).expect("in budget");
        bytes
    };
    pair.tick(120, |pair, tick| assert!(offer(pair, tick) > 100, "60 Hz on a clean link"));
    pair.server.drop = |_| true;
    let mut blind = Vec::new();
    pair.tick(240, |pair, tick| {
        let bytes = offer(pair, 1_000 + tick);
        if tick >= 120 {
            blind.push(bytes);
        }
    });
    let parts: Vec<usize> = blind.into_iter().filter(|bytes| *bytes > 0).collect();
    assert_eq!(parts.len(), 20, "2 s at 10 Hz");
    assert!(parts.iter().all(|bytes| (50..=BLIND_PACKET_BYTES_MAX - 50).contains(bytes)), "{parts:?}");
    pair.server.drop = |_| false;
    let mut last = 0;
    pair.tick(120, |pair, tick| last = offer(pair, 2_000 + tick));
    assert!(last > 300, "the rate is back: {last}");
}
