//! A day of play, from beginnings near every boundary of a counter.

use super::*;
use crate::sequence::ACK_SPACE_END;

/// Five minutes of each hour run at full rate: an input, a snapshot part back, an event both ways every tenth tick. The
/// rest of it is a player who stands and looks: one of each a second. 430,000 and 80,000 packets a day each way.
const FULL_TICKS: u32 = 5 * 60 * 60;
const IDLE_S: u32 = 55 * 60;

struct Day {
    pair: Pair,
    /// Events sent each way and heard by client and server.
    sent: u32,
    heard: [u32; 2],
    parts: u32,
    fates: u64,
}

impl Day {
    fn new(first_sequence: u64, first_message: u64) -> Self {
        let link = LinkConfig { loss: 0.005, jitter_ns: 3 * MS, ..LinkConfig::with_latency_ns(25 * MS) };
        let pair = Pair::starting_at(link, 90, first_sequence, first_message).introduced();
        Self { pair, sent: 0, heard: [0; 2], parts: 0, fates: 0 }
    }

    /// A tick's traffic, then `span_ns` of time.
    fn step(&mut self, has_event: bool, span_ns: u64) {
        let pair = &mut self.pair;
        pair.server.connection.on_tick_edge(pair.now_ns);
        pair.client.connection.send(INPUT, b"an input of twenty B").expect("taken");
        pair.server.connection.send_snapshot(PartId(self.parts), &[5; 150]).expect("taken");
        self.parts = self.parts.wrapping_add(1);
        if has_event {
            for peer in [&mut pair.client, &mut pair.server] {
                peer.connection.send(EVENT, &self.sent.to_le_bytes()).expect("room");
            }
            self.sent += 1;
        }
        pair.run_for(span_ns);
        for (peer, heard) in [&mut pair.client, &mut pair.server].into_iter().zip(&mut self.heard) {
            for (channel, bytes) in peer.sink.messages.drain(..) {
                if channel == EVENT {
                    assert_eq!(bytes, heard.to_le_bytes(), "the next event, once");
                    *heard += 1;
                }
            }
            peer.sink.part_packets.clear();
        }
        self.fates += pair.server.sink.parts.drain(..).count() as u64;
    }

    fn hour(&mut self) {
        for tick in 0..FULL_TICKS {
            self.step(tick % 10 == 0, TICK_NS);
        }
        for _ in 0..IDLE_S {
            self.step(true, S);
        }
    }
}

fn a_day_from(first_sequence: u64, first_message: u64) {
    let mut day = Day::new(first_sequence, first_message);
    let (start_ns, mut held, mut trips) = (day.pair.now_ns, Vec::new(), Vec::new());
    for _ in 0..24 {
        day.hour();
        day.pair.drain(10 * S);
        held.push(counting::Tally::now().bytes);
        trips.push(day.pair.client.connection.rtt().smoothed_ns());
    }
    day.step(true, 2 * S);
    assert!(day.pair.now_ns - start_ns >= 24 * 3_600 * S - 24 * S);
    assert_eq!(day.heard, [day.sent; 2], "from {first_sequence}");
    assert_eq!(day.fates, u64::from(day.parts), "each part has one fate");
    let (early, late) = (held[..4].iter().max(), held[20..].iter().max());
    assert!(late <= early.map(|bytes| bytes + 1_024).as_ref(), "memory grows: {held:?}");
    assert!(trips.iter().all(|trip| (50 * MS..70 * MS).contains(trip)), "the estimate drifts: {trips:?}");
    for peer in [&day.pair.client, &day.pair.server] {
        let (stats, sent) = (peer.connection.stats(), peer.next_sequence - first_sequence);
        assert!(peer.errors.is_empty() && stats.acks_unsent == 0 && stats.reliable_excess_in == 0);
        assert!(sent > 500_000 && peer.next_sequence < ACK_SPACE_END, "{sent}");
        assert!(stats.packets_lost < sent / 100, "{} lost of {sent}", stats.packets_lost);
        assert!(stats.reliable_resent < u64::from(day.sent) / 50, "{} sent again", stats.reliable_resent);
    }
}

#[test]
fn survival_14_a_day_from_below_2_to_the_16() {
    a_day_from((1 << 16) - 100, (1 << 16) - 100);
}

#[test]
fn survival_14_a_day_from_below_2_to_the_31() {
    a_day_from((1 << 31) - 100, (1 << 31) - 100);
}

#[test]
fn survival_14_a_day_from_below_2_to_the_32() {
    a_day_from((1 << 32) - 100, (1 << 32) - 100);
}

/// The end of ack space is where a session must end: a day before it.
#[test]
fn survival_14_a_day_that_ends_below_2_to_the_63() {
    a_day_from(ACK_SPACE_END - 700_000, (1 << 63) - 60_000);
}
