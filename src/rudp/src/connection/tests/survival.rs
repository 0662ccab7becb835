//! What a transport that is to be trusted must survive: every link there may be, acks that do not come, peers that do
//! not read.

use super::*;
use crate::channel::{CHANNEL_QUEUE_BYTES_MAX, FRAGMENT_BYTES, every_kind};

/// What one end has to say on a reliable channel, with its number in front; some of it takes three fragments.
fn text(number: u32) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    let long = if number % 17 == 3 { 2 * FRAGMENT_BYTES } else { 0 };
    bytes.resize(4 + long + number as usize * 131 % 300, number.to_le_bytes()[0]);
    bytes
}

/// Everything that `count` sends on these channels make, in order where order counts.
fn assert_heard(heard: &Recorder, count: u32, what: &str) {
    for channel in [CONTROL, LETTERS, GOSSIP] {
        let mut got: Vec<Vec<u8>> = heard.on_channel(channel).into_iter().map(<[u8]>::to_vec).collect();
        if channel == GOSSIP {
            got.sort_unstable_by_key(|bytes| bytes.first_chunk::<4>().map(|number| u32::from_le_bytes(*number)));
        }
        assert_eq!(got.len(), count as usize, "{what}, channel {channel:?}");
        let cut = |number: u32| if channel == CONTROL { number.to_le_bytes().to_vec() } else { text(number) };
        assert!((0..count).zip(&got).all(|(number, bytes)| *bytes == cut(number)), "{what}, channel {channel:?}");
    }
}

fn assert_settled(pair: &Pair, what: &str) {
    for peer in [&pair.client, &pair.server] {
        let connection = &peer.connection;
        assert!(peer.errors.is_empty(), "{what}: {:?}", peer.errors);
        assert_eq!((connection.packets_in_flight(), connection.reliable_queued()), (0, (0, 0)), "{what}");
        assert_eq!((connection.reliable_early(), connection.reassembly_held()), (0, (0, 0)), "{what}");
        let stats = connection.stats();
        assert_eq!((stats.reliable_excess_in, stats.acks_unsent, stats.fragments_mismatched_in), (0, 0, 0), "{what}");
        assert_eq!(connection.sent.open_bytes(), 0, "{what}");
    }
}

/// One cell of the matrix: a game's traffic both ways, then quiet until nothing is in flight.
fn survives(link: LinkConfig, seed: u64) {
    let what = format!("{link:?}");
    let count = if link.loss > 0.8 { 40 } else { 150 };
    let mut pair = Pair::with_table(every_kind::TABLE, link, seed, 0, 65_500);
    let mut sent = [0; 2];
    let mut parts = 0_usize;
    let end_ns = pair.now_ns + 3_600 * S;
    let mut tick = 0_u32;
    while sent != [count; 2] {
        assert!(pair.now_ns < end_ns, "stuck after {sent:?}: {what}");
        pair.tick(1, |pair, _| {
            for (peer, sent) in [&mut pair.client, &mut pair.server].into_iter().zip(&mut sent) {
                let said = *sent < count
                    && peer.connection.version().is_some()
                    && peer.connection.send(LETTERS, &text(*sent)).is_ok();
                if said {
                    peer.connection.send(GOSSIP, &text(*sent)).expect("as much room");
                    peer.connection.send(CONTROL, &sent.to_le_bytes()).expect("as much room");
                    *sent += 1;
                }
            }
            let part = pair.server.connection.send_snapshot(PartId(tick), &[3; 200]);
            parts += usize::from(part.is_ok());
        });
        tick += 1;
    }
    while !(pair.client.connection.is_idle() && pair.server.connection.is_idle()) {
        assert!(pair.now_ns < end_ns, "not idle: {what}");
        pair.run_for(50 * MS);
    }
    // Losses that no later ack has settled, and word that is on its way.
    pair.run_for(10 * S);
    assert_heard(&pair.server.sink, count, &what);
    assert_heard(&pair.client.sink, count, &what);
    assert_eq!(pair.server.sink.parts.len(), parts, "{what}: each part has one fate");
    assert_settled(&pair, &what);
}

#[test]
fn survival_01_every_link_there_may_be() {
    let mut cells = 0;
    for loss in [0.0, 0.01, 0.05, 0.2, 0.5, 0.9] {
        for latency_ns in [0, 20 * MS, 100 * MS, 500 * MS] {
            for jitter_ns in [0, latency_ns, 2 * latency_ns] {
                let (duplicate, reorder, reorder_ns) = (0.1, 0.1, 60 * MS);
                let link =
                    LinkConfig { latency_ns, jitter_ns, loss, duplicate, reorder, reorder_ns, ..LinkConfig::default() };
                cells += 1;
                survives(link, cells);
            }
        }
    }
    assert_eq!(cells, 72);
}

#[test]
fn survival_03_acks_alone_are_lost() {
    // At 99 % the sender hears nothing for seconds: half a minute has room for 15 probes of at most 64 frames.
    for (loss, resent_max) in [(0.3, 0), (0.6, 0), (0.9, 0), (0.99, 15 * 64)] {
        let mut pair = Pair::spoken(LinkConfig::with_latency_ns(40 * MS), 80);
        pair.client.out.set_config(LinkConfig { loss, ..LinkConfig::with_latency_ns(40 * MS) });
        for number in 0..1_800_u32 {
            pair.server.connection.send(EVENT, &number.to_le_bytes()).expect("room");
            // The way of the acks is quiet: nothing but acks is written there.
            pair.server.connection.on_tick_edge(pair.now_ns);
            pair.run_for(TICK_NS);
        }
        pair.client.out.set_config(LinkConfig::with_latency_ns(40 * MS));
        pair.drain(60 * S);
        let got = pair.client.sink.on_channel(EVENT);
        assert_eq!(got.len(), 1_800, "at {loss}");
        assert!(got.iter().zip(0_u32..).all(|(bytes, number)| **bytes == number.to_le_bytes()));
        let stats = pair.server.connection.stats();
        println!(
            "acks lost {loss}: {} resent, {} lost, {} probes",
            stats.reliable_resent, stats.packets_lost, stats.probes_out
        );
        assert!(stats.reliable_resent <= resent_max, "{} resent at {loss}", stats.reliable_resent);
        assert_settled(&pair, "acks lost");
    }
}

#[test]
fn survival_05_bursts_beyond_the_window_again_and_again_disturb_nothing() {
    let mut pair = Pair::spoken(LinkConfig { loss: 0.02, ..LinkConfig::with_latency_ns(50 * MS) }, 81);
    let mut number = 0_u32;
    for round in 0..30 {
        pair.tick(60, |pair, _| {
            pair.server.connection.send(CONTROL, b"steady").expect("room");
        });
        for _ in 0..2_000 + round {
            pair.server.connection.send(EVENT, &number.to_le_bytes()).expect("room for a burst");
            number += 1;
        }
        pair.tick(240, |_, _| {});
    }
    pair.drain(20 * S);
    let got = pair.client.sink.on_channel(EVENT);
    assert_eq!((got.len(), pair.client.sink.on_channel(CONTROL).len()), (number as usize, 1_800));
    assert!(got.iter().zip(0_u32..).all(|(bytes, number)| **bytes == number.to_le_bytes()));
    let stats = pair.server.connection.stats();
    assert_eq!(stats.lanes[0].waited_ns_max, 0, "control goes before any burst");
    assert_settled(&pair, "bursts");
}

#[test]
fn survival_06_who_never_reads_and_who_never_stops_cost_a_bounded_memory_and_part_in_order() {
    let mut pair = Pair::spoken(LinkConfig { loss: 0.05, ..LinkConfig::with_latency_ns(30 * MS) }, 82);
    pair.client.connection.accept_reliable(false);
    let mut held = Vec::new();
    let mut refused = 0_u64;
    for _minute in 0..5 {
        for _ in 0..3_600 {
            while pair.server.connection.send(EVENT, &[7; 500]).is_ok() {}
            refused += 1;
            while pair.server.connection.send_bulk(BULK, &[7; 5_000]).is_ok() {}
            pair.tick(1, |_, _| {});
            pair.server.sink.messages.clear();
            pair.client.sink.messages.clear();
        }
        held.push(counting::Tally::now().bytes);
        assert!(pair.server.connection.reliable_queued().1 <= 2 * CHANNEL_QUEUE_BYTES_MAX);
    }
    assert!(held[4] <= held[1] + 4_096, "memory grows: {held:?}");
    assert!(pair.server.connection.stats().sends_full >= refused);
    assert!(pair.client.sink.on_channel(EVENT).is_empty());
    pair.server.connection.queue_close(Reason::SlowConsumer, "256 KiB wait");
    pair.run_for(S);
    assert_eq!(pair.client.sink.closes, [(Reason::SlowConsumer, "256 KiB wait".to_owned())]);
}
