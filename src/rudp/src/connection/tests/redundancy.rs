//! Reliable messages on a path that loses packets: how late they are, and what it costs.

use super::*;
use crate::channel::EVENT;

/// One way, ns.
const DELAY_NS: u64 = 40 * MS;
/// Messages measured per link: one a tick, first those of five seconds that are not.
const MESSAGES: u32 = 20_000;
const WARM_UP: u32 = 300;

/// What a run at 60 messages a second showed.
struct Lateness {
    /// Delivery minus send, ns, ascending, without the warm-up.
    sorted_ns: Vec<u64>,
    stats: ConnectionStats,
}

impl Lateness {
    fn measure(channel: ChannelId, loss: f64, seed: u64) -> Self {
        let mut pair = Pair::every_kind(LinkConfig { latency_ns: DELAY_NS, loss, ..LinkConfig::default() }, seed);
        let mut sent_ns = Vec::new();
        let mut late_ns = vec![None; (WARM_UP + MESSAGES) as usize];
        let mut heard = 0;
        let mut newest = None;
        while heard < WARM_UP + MESSAGES {
            let number = sent_ns.len() as u32;
            if number < WARM_UP + MESSAGES {
                pair.client.connection.send(channel, &number.to_le_bytes()).expect("room");
                sent_ns.push(pair.now_ns);
            }
            pair.client.connection.send(INPUT, b"input").expect("taken");
            let now_ns = pair.now_ns;
            pair.server.connection.on_tick_edge(now_ns);
            pair.server.connection.send_snapshot(PartId(0), &[0; 200]).expect("taken");
            // Fine steps: a delivery is noticed when it happens.
            let tick_end_ns = pair.now_ns + TICK_NS;
            pair.settle();
            while let Some(next_ns) = pair.next_wake_ns().filter(|next_ns| *next_ns <= tick_end_ns) {
                pair.now_ns = pair.now_ns.max(next_ns);
                pair.settle();
                for (on, bytes) in pair.server.sink.messages.drain(..) {
                    if on != channel {
                        continue;
                    }
                    let number = u32::from_le_bytes(bytes.try_into().expect("four bytes"));
                    let late = &mut late_ns[number as usize];
                    assert_eq!(*late, None, "message {number} came twice");
                    *late = Some(pair.now_ns - sent_ns[number as usize]);
                    assert!(channel != EVENT || newest < Some(number), "message {number} was overtaken");
                    newest = newest.max(Some(number));
                    heard += 1;
                }
            }
            pair.now_ns = tick_end_ns;
            pair.server.sink.parts.clear();
            pair.client.sink.messages.clear();
        }
        let measured = late_ns.into_iter().skip(WARM_UP as usize);
        let mut sorted_ns: Vec<u64> = measured.map(|late| late.expect("all were heard")).collect();
        sorted_ns.sort_unstable();
        Self { sorted_ns, stats: *pair.client.connection.stats() }
    }

    fn quantile_ns(&self, per_mille: usize) -> u64 {
        self.sorted_ns[(self.sorted_ns.len() * per_mille / 1_000).min(self.sorted_ns.len() - 1)]
    }

    fn print(&self, what: &str) {
        let ms = |per_mille| self.quantile_ns(per_mille) as f64 / 1e6;
        println!(
            "{what}: p50 {:.1} p95 {:.1} p99 {:.1} p99.9 {:.1} max {:.1} ms; redundant {} resent {}",
            ms(500),
            ms(950),
            ms(990),
            ms(999),
            ms(1_000),
            self.stats.reliable_redundant,
            self.stats.reliable_resent
        );
    }
}

#[test]
fn at_five_percent_loss_p99_of_the_ordered_channel_is_a_tick_over_the_delay_and_at_twenty_three() {
    // proves: PKT-46, PKT-52
    for (loss, ticks) in [(0.05, 1), (0.2, 3)] {
        let ordered = Lateness::measure(EVENT, loss, 11);
        ordered.print(&format!("ordered, {loss} lost, D {} ms", DELAY_NS / MS));
        assert!(ordered.quantile_ns(990) <= DELAY_NS + ticks * TICK_NS + MS);
    }
}

/// At 30 % all four copies of a message are lost once in 120 times. That alone is inside p99; on an ordered channel each
/// such message also holds up those sent within the round trip until it is resent, which is not: the figure is printed.
#[test]
fn at_thirty_percent_loss_p99_of_the_unordered_channel_is_three_ticks_over_the_delay() {
    // proves: PKT-46, PKT-57
    for (loss, ticks) in [(0.05, 1), (0.2, 3), (0.3, 3)] {
        let unordered = Lateness::measure(GOSSIP, loss, 11);
        unordered.print(&format!("unordered, {loss} lost, D {} ms", DELAY_NS / MS));
        assert!(unordered.quantile_ns(990) <= DELAY_NS + ticks * TICK_NS + MS);
    }
    Lateness::measure(EVENT, 0.3, 11).print(&format!("ordered, 0.3 lost, D {} ms", DELAY_NS / MS));
}

#[test]
fn without_loss_nothing_is_sent_twice() {
    // proves: PKT-46
    let lateness = Lateness::measure(EVENT, 0.0, 12);
    lateness.print("ordered, nothing lost");
    assert_eq!((lateness.stats.reliable_redundant, lateness.stats.reliable_resent), (0, 0));
    assert_eq!(lateness.quantile_ns(1_000), DELAY_NS);
}

#[test]
fn copies_cause_no_packet_of_their_own() {
    // proves: PKT-46
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(200 * MS), 13);
    pair.client.drop = |written| written % 50 == 7;
    pair.tick(600, |_, _| {});
    pair.client.connection.send(EVENT, b"event").expect("room");
    pair.settle();
    let (written, copies) = (pair.client.written, pair.client.connection.stats().reliable_redundant);
    pair.run_for(100 * MS);
    assert_eq!((pair.client.written, copies), (written, 0));
    for copies in 1..=3 {
        pair.client.connection.send(INPUT, b"input").expect("taken");
        pair.settle();
        assert_eq!(pair.client.connection.stats().reliable_redundant, copies);
    }
}
