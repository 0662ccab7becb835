//! The link itself.

use crate::{Bottleneck, LinkConfig, ProbeTrace};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Datagrams on the way at most: 10 s of 1,600 per second. What comes beyond is dropped, as a router's queue would.
pub const QUEUE_DATAGRAMS_MAX: usize = 16_384;

/// Buffers kept for reuse.
const SPARE_BUFFERS_MAX: usize = 256;

/// What a link did so far, in datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Given to the link.
    pub sent: u64,
    /// Come out of it, copies included.
    pub delivered: u64,
    /// Lost: by chance, or on the way when the link was cut.
    pub lost: u64,
    /// Copies made.
    pub duplicated: u64,
    /// Sent on a detour.
    pub reordered: u64,
    /// Delivered with a flipped bit.
    pub corrupted: u64,
    /// Dropped because too many were on the way.
    pub overflowed: u64,
    /// Dropped because the queue before the bottleneck was full.
    pub tail_dropped: u64,
}

/// One direction of a bad link.
#[derive(Debug)]
pub struct Link {
    config: LinkConfig,
    rng: StdRng,
    in_bad_state: bool,
    /// On the way, by time of arrival and then by order of sending.
    on_the_way: BTreeMap<(u64, u64), Parcel>,
    order: u64,
    last_in_order_ns: u64,
    /// A recording that adds its delay and loss to those of `config`.
    probes: Option<Arc<ProbeTrace>>,
    bottleneck: Option<Bottleneck>,
    /// Behind the bottleneck's queue, by the time at which they leave it.
    leaving: VecDeque<(u64, Parcel)>,
    /// How long the datagram that was given out last had been on the way.
    transit_ns: u64,
    spare: Vec<Vec<u8>>,
    counters: LinkCounters,
}

/// A datagram and when it was sent.
#[derive(Debug)]
struct Parcel {
    sent_ns: u64,
    datagram: Vec<u8>,
}

impl Link {
    /// An empty link.
    ///
    /// # Panics
    /// When a probability of `config` is outside 0 to 1.
    #[must_use]
    pub fn new(config: LinkConfig, seed: u64) -> Self {
        assert!(config.is_valid(), "probabilities are 0 to 1: {config:?}");
        Self {
            config,
            rng: StdRng::seed_from_u64(seed),
            in_bad_state: false,
            on_the_way: BTreeMap::new(),
            order: 0,
            last_in_order_ns: 0,
            probes: None,
            bottleneck: None,
            leaving: VecDeque::new(),
            transit_ns: 0,
            spare: Vec::new(),
            counters: LinkCounters::default(),
        }
    }

    /// The same link with a queue and a limited capacity at its far end: what has come over the distance waits there.
    #[must_use]
    pub fn with_bottleneck(mut self, bottleneck: Bottleneck) -> Self {
        self.bottleneck = Some(bottleneck);
        self
    }

    /// The same link with the delay and loss of a recording on top of its own.
    #[must_use]
    pub fn with_probes(mut self, probes: Arc<ProbeTrace>) -> Self {
        self.probes = Some(probes);
        self
    }

    /// Puts a datagram on the link at `now_ns`.
    pub fn send(&mut self, now_ns: u64, datagram: &[u8]) {
        self.counters.sent += 1;
        let probe = self.probes.as_ref().map(|probes| probes.at(now_ns)).unwrap_or_default();
        if self.is_lost() || probe.lost {
            self.counters.lost += 1;
            return;
        }
        let distance_ns = self.config.latency_ns + probe.delay_ns;
        let arrival_ns = now_ns + distance_ns + self.draw_ns(self.config.jitter_ns);
        if self.chance(self.config.duplicate) {
            self.counters.duplicated += 1;
            let detour_ns = self.draw_ns(self.config.latency_ns.max(self.config.reorder_ns));
            self.put(now_ns, arrival_ns + detour_ns, datagram);
        }
        if self.chance(self.config.reorder) {
            self.counters.reordered += 1;
            let detour_ns = self.draw_ns(self.config.reorder_ns);
            self.put(now_ns, arrival_ns + detour_ns, datagram);
        } else {
            self.last_in_order_ns = self.last_in_order_ns.max(arrival_ns);
            self.put(now_ns, self.last_in_order_ns, datagram);
        }
    }

    /// The next datagram that has arrived by `now_ns`. Give the buffer back with [`Link::recycle`] to spare the
    /// allocator.
    pub fn poll(&mut self, now_ns: u64) -> Option<Vec<u8>> {
        let Parcel { sent_ns, mut datagram } = self.pop_arrived(now_ns)?;
        self.transit_ns = now_ns.saturating_sub(sent_ns);
        if self.chance(self.config.corrupt) && !datagram.is_empty() {
            self.counters.corrupted += 1;
            let bit = self.rng.random_range(0..datagram.len() * 8);
            datagram[bit / 8] ^= 1 << (bit % 8);
        }
        self.counters.delivered += 1;
        Some(datagram)
    }

    /// When to poll next, ns: the next datagram arrives or, with a bottleneck, reaches its queue.
    #[must_use]
    pub fn next_ns(&self) -> Option<u64> {
        let arrival_ns = self.next_arrival_ns();
        self.leaving.front().map(|(leave_ns, _)| *leave_ns).into_iter().chain(arrival_ns).min()
    }

    /// Loses everything that is on the way.
    pub fn cut(&mut self) {
        self.counters.lost += self.len() as u64;
        while let Some((_, parcel)) = self.on_the_way.pop_first() {
            self.recycle(parcel.datagram);
        }
        while let Some((_, parcel)) = self.leaving.pop_front() {
            self.recycle(parcel.datagram);
        }
    }

    /// Takes a buffer back for the next datagram.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < SPARE_BUFFERS_MAX {
            self.spare.push(buffer);
        }
    }

    /// Changes what is wrong with the link from now on; what is on the way stays on its way.
    ///
    /// # Panics
    /// When a probability of `config` is outside 0 to 1.
    pub fn set_config(&mut self, config: LinkConfig) {
        assert!(config.is_valid(), "probabilities are 0 to 1: {config:?}");
        self.config = config;
    }

    /// What the link did so far.
    #[must_use]
    pub fn counters(&self) -> LinkCounters {
        self.counters
    }

    /// How long the datagram that [`Link::poll`] gave last had been on the way, ns.
    #[must_use]
    pub fn transit_ns(&self) -> u64 {
        self.transit_ns
    }

    /// When the datagram was sent that comes out next, if one is on the way.
    #[must_use]
    pub fn next_sent_ns(&self) -> Option<u64> {
        let leaving = self.leaving.front().map(|(_, parcel)| parcel.sent_ns);
        leaving.or_else(|| self.on_the_way.first_key_value().map(|(_, parcel)| parcel.sent_ns))
    }

    /// Datagrams on the way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.on_the_way.len() + self.leaving.len()
    }

    /// Nothing is on the way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn next_arrival_ns(&self) -> Option<u64> {
        self.on_the_way.first_key_value().map(|((arrival_ns, _), _)| *arrival_ns)
    }

    fn pop_arrived(&mut self, now_ns: u64) -> Option<Parcel> {
        let Some(bottleneck) = &mut self.bottleneck else {
            let first = self.on_the_way.first_entry()?;
            return (first.key().0 <= now_ns).then(|| first.remove());
        };
        while let Some(first) = self.on_the_way.first_entry().filter(|first| first.key().0 <= now_ns) {
            let ((arrival_ns, _), parcel) = first.remove_entry();
            match bottleneck.enter(arrival_ns, parcel.datagram.len()) {
                Some(leave_ns) => self.leaving.push_back((leave_ns, parcel)),
                None => self.counters.tail_dropped += 1,
            }
        }
        if self.leaving.front()?.0 > now_ns {
            return None;
        }
        self.leaving.pop_front().map(|(_, parcel)| parcel)
    }

    fn is_lost(&mut self) -> bool {
        let mut lost = self.chance(self.config.loss);
        if let Some(burst) = self.config.burst {
            let change = if self.in_bad_state { burst.leave } else { burst.enter };
            if self.chance(change) {
                self.in_bad_state = !self.in_bad_state;
            }
            lost |= self.in_bad_state && self.chance(burst.loss);
        }
        lost
    }

    fn put(&mut self, sent_ns: u64, arrival_ns: u64, datagram: &[u8]) {
        if self.len() >= QUEUE_DATAGRAMS_MAX {
            self.counters.overflowed += 1;
            return;
        }
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(datagram);
        self.on_the_way.insert((arrival_ns, self.order), Parcel { sent_ns, datagram: buffer });
        self.order += 1;
    }

    /// A fault that is switched off draws nothing: switching it on does not shift the others' luck before it.
    fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng.random_bool(probability)
    }

    fn draw_ns(&mut self, span_ns: u64) -> u64 {
        if span_ns == 0 { 0 } else { self.rng.random_range(0..=span_ns) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Burst, Capacity};

    const MS: u64 = 1_000_000;

    /// Sends `count` numbered datagrams, one per millisecond; returns (arrival, number) in order of arrival.
    fn run(config: LinkConfig, seed: u64, count: u32) -> (Vec<(u64, u32)>, LinkCounters) {
        let mut link = Link::new(config, seed);
        for number in 0..count {
            link.send(u64::from(number) * MS, &number.to_le_bytes());
        }
        let mut arrivals = Vec::new();
        while let Some(now_ns) = link.next_ns() {
            assert_eq!(
                now_ns.checked_sub(1).and_then(|before| link.poll(before)),
                None,
                "nothing comes before its time"
            );
            let datagram = link.poll(now_ns).expect("its time has come");
            arrivals.push((now_ns, u32::from_le_bytes(datagram[..4].try_into().expect("four bytes"))));
            link.recycle(datagram);
        }
        (arrivals, link.counters())
    }

    #[test]
    fn a_perfect_link_delivers_everything_after_its_latency() {
        let (arrivals, counters) = run(LinkConfig::with_latency_ns(20 * MS), 1, 100);
        let expected: Vec<(u64, u32)> = (0..100).map(|number| (u64::from(number) * MS + 20 * MS, number)).collect();
        assert_eq!(arrivals, expected);
        assert_eq!(counters, LinkCounters { sent: 100, delivered: 100, ..LinkCounters::default() });
    }

    #[test]
    fn the_same_seed_gives_the_same_link_and_another_seed_another() {
        let config = LinkConfig {
            latency_ns: 10 * MS,
            jitter_ns: 5 * MS,
            loss: 0.2,
            duplicate: 0.1,
            reorder: 0.1,
            reorder_ns: 30 * MS,
            corrupt: 0.1,
            burst: Some(Burst { enter: 0.05, leave: 0.2, loss: 0.9 }),
        };
        assert_eq!(run(config, 7, 2_000), run(config, 7, 2_000));
        assert_ne!(run(config, 7, 2_000), run(config, 8, 2_000));
    }

    #[test]
    fn how_long_a_datagram_was_and_is_on_the_way_can_be_asked() {
        let mut link = Link::new(LinkConfig::with_latency_ns(20 * MS), 1);
        assert_eq!((link.transit_ns(), link.next_sent_ns()), (0, None));
        link.send(5 * MS, b"a");
        link.send(7 * MS, b"b");
        assert_eq!(link.next_sent_ns(), Some(5 * MS));
        assert!(link.poll(26 * MS).is_some());
        assert_eq!((link.transit_ns(), link.next_sent_ns()), (21 * MS, Some(7 * MS)));
        let capacity = Capacity::Constant { bytes_per_s: 1_000 };
        let mut link = Link::new(LinkConfig::default(), 1).with_bottleneck(Bottleneck::new(capacity, 9));
        link.send(0, &[0; 500]);
        assert_eq!((link.poll(499 * MS), link.next_sent_ns()), (None, Some(0)));
        assert!(link.poll(500 * MS).is_some());
        assert_eq!(link.transit_ns(), 500 * MS);
    }

    #[test]
    fn jitter_delays_but_does_not_reorder() {
        let (arrivals, _) = run(LinkConfig { jitter_ns: 50 * MS, ..LinkConfig::default() }, 3, 1_000);
        assert!(arrivals.windows(2).all(|pair| pair[0].1 < pair[1].1));
        let delay = |&(at, number): &(u64, u32)| at - u64::from(number) * MS;
        assert!(arrivals.iter().map(delay).max() <= Some(50 * MS));
        assert!(arrivals.iter().map(delay).max() > Some(40 * MS));
    }

    #[test]
    fn a_detour_reorders() {
        let config = LinkConfig { reorder: 0.1, reorder_ns: 20 * MS, ..LinkConfig::default() };
        let (arrivals, counters) = run(config, 3, 1_000);
        assert_eq!(arrivals.len(), 1_000);
        assert!(arrivals.windows(2).any(|pair| pair[0].1 > pair[1].1));
        assert!((60..140).contains(&counters.reordered), "{counters:?}");
    }

    #[test]
    fn loss_and_duplication_come_as_often_as_asked() {
        let config = LinkConfig { loss: 0.25, duplicate: 0.1, ..LinkConfig::default() };
        let (arrivals, counters) = run(config, 11, 10_000);
        assert!((2_300..2_700).contains(&counters.lost), "{counters:?}");
        assert!((650..850).contains(&counters.duplicated), "{counters:?}");
        assert_eq!(arrivals.len() as u64, counters.sent - counters.lost + counters.duplicated);
    }

    #[test]
    fn bursts_lose_in_runs() {
        let burst = Burst { enter: 0.01, leave: 0.1, loss: 1.0 };
        let (arrivals, counters) = run(LinkConfig { burst: Some(burst), ..LinkConfig::default() }, 5, 20_000);
        let runs = arrivals.windows(2).filter(|pair| pair[1].1 != pair[0].1 + 1).count() as u64;
        assert!((1_200..2_500).contains(&counters.lost), "{counters:?}");
        assert!((7..=14).contains(&(counters.lost / runs)), "a stay lasts ten datagrams: {counters:?} {runs}");
    }

    #[test]
    fn corruption_flips_one_bit() {
        let mut link = Link::new(LinkConfig { corrupt: 1.0, ..LinkConfig::default() }, 1);
        link.send(0, &[0; 32]);
        let datagram = link.poll(0).expect("arrived");
        assert_eq!(datagram.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
        link.send(0, &[]);
        assert_eq!(link.poll(0), Some(Vec::new()));
    }

    #[test]
    fn a_bottleneck_serves_in_order_at_its_rate_and_drops_what_finds_its_queue_full() {
        let bottleneck = Bottleneck::new(Capacity::Constant { bytes_per_s: 100_000 }, 3);
        let mut link = Link::new(LinkConfig::with_latency_ns(20 * MS), 1).with_bottleneck(bottleneck);
        for number in 0..5_u8 {
            link.send(0, &[number; 1_000]);
        }
        let mut arrivals = Vec::new();
        while let Some(now_ns) = link.next_ns() {
            arrivals.extend(link.poll(now_ns).map(|datagram| (now_ns / MS, datagram[0])));
        }
        assert_eq!(arrivals, [(30, 0), (40, 1), (50, 2)]);
        assert_eq!((link.counters().tail_dropped, link.counters().delivered), (2, 3));
    }

    #[test]
    fn a_recording_of_probes_adds_its_delay_and_loses_its_slots_without_reordering() {
        let probes = ProbeTrace::parse("30000000\n5000000\n7000000\n", Some("0\n0\n1\n")).expect("well formed");
        let mut link = Link::new(LinkConfig::default(), 1).with_probes(Arc::new(probes));
        for at_ms in [0, 10, 20, 30] {
            link.send(at_ms * MS, &[at_ms as u8]);
        }
        let mut arrivals = Vec::new();
        while let Some(now_ns) = link.next_ns() {
            arrivals.push((now_ns / MS, link.poll(now_ns).expect("arrived")[0]));
        }
        assert_eq!(arrivals, [(30, 0), (30, 10), (60, 30)]);
        assert_eq!(link.counters().lost, 1);
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut link = Link::new(LinkConfig::default(), 1);
        for _ in 0..QUEUE_DATAGRAMS_MAX + 5 {
            link.send(0, b"x");
        }
        assert_eq!((link.len(), link.counters().overflowed), (QUEUE_DATAGRAMS_MAX, 5));
    }
}
