//! What acks tell about the way to the peer: one-way delay above the smallest seen, and what arrives per second.

use super::Feedback;
use crate::packet::TIMING_TICK_NS;
use crate::prefetch::Prefetch;
use std::collections::VecDeque;

/// Observations kept: more than come in [`DELIVERY_SPAN_NS`] at one ack per tick and direction.
const SAMPLES_MAX: usize = 32;
/// Arrivals per second are counted over this span: 400 ms, long enough for the stalls and bursts in which radio links
/// deliver.
const DELIVERY_SPAN_NS: i64 = 400_000_000;
/// The smallest one-way delay is remembered for 10 to 12 s, in buckets of 2 s, so that a route that became longer or two
/// clocks that drift (100 ppm make 1 ms in 10 s) do not look like a queue for ever.
const BASE_BUCKET_NS: u64 = 2_000_000_000;
const BASE_BUCKETS: usize = 6;
/// What waits on the way there is in the round trip, too. One-way delay that has grown by so much more than the round trip,
/// 15 ms, is no queue, if it came from one packet to the next: the peer's clock has jumped ahead. Whose clock did was told of
/// himself ten times a second for twelve seconds (seed 106 of the simulation). Delay that grows over many packets is believed
/// although the round trip stays: the way back may have emptied meanwhile, as at the end of an upload.
pub(super) const STEP_NS: i64 = 15_000_000;
/// So many such packets are believed, among the last [`STEP_WINDOW`], 150 ms of a tick each: the others had to wait on the way
/// back.
const STEP_PROOFS: usize = 3;
const STEP_WINDOW: usize = 9;

#[derive(Clone, Copy, Debug)]
struct Sample {
    /// On the peer's clock.
    arrival_ns: i64,
    sent_ns: u64,
    queue_ns: i64,
    /// By how much the delay has grown beyond the round trip.
    beyond_ns: i64,
    acked_bytes: u64,
}

/// The way to one peer. Both clocks start anywhere; only differences count.
#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    samples: VecDeque<Sample>,
    /// Smallest one-way delay of each bucket, newest last, with the bucket's number.
    base: VecDeque<(u64, i64)>,
}

impl Path {
    /// Takes in an observation, of which the round trip was `excess_ns` above the smallest; answers whether it was newer than
    /// all before.
    pub(super) fn on_feedback(&mut self, feedback: &Feedback, excess_ns: i64) -> bool {
        if self.samples.back().is_some_and(|last| feedback.sent_ns <= last.sent_ns) {
            return false;
        }
        let arrival_ns = self.arrival_ns(feedback);
        let sent_ns = i64::try_from(feedback.sent_ns).unwrap_or(i64::MAX / 2);
        let delay_ns = arrival_ns - sent_ns;
        self.note_base(feedback.now_ns / BASE_BUCKET_NS, delay_ns);
        let base_ns = self.base.iter().map(|(_, delay_ns)| *delay_ns).min().unwrap_or(delay_ns);
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        let queue_ns = delay_ns - base_ns;
        let beyond_ns = queue_ns.saturating_sub(excess_ns);
        let Feedback { sent_ns, acked_bytes, .. } = *feedback;
        self.samples.push_back(Sample { arrival_ns, sent_ns, queue_ns, beyond_ns, acked_bytes });
        if beyond_ns > STEP_NS && self.has_leapt() {
            self.follow_step();
        }
        true
    }

    /// An observation is about to come.
    pub(super) fn prefetch(&self, prefetch: Prefetch) {
        prefetch.maybe(self.samples.back());
        let (base, round) = self.base.as_slices();
        prefetch.value(base);
        prefetch.value(round);
    }

    /// Delay above the smallest, of the newest packet, ns.
    pub(super) fn queue_ns(&self) -> i64 {
        self.samples.back().map_or(0, |sample| sample.queue_ns)
    }

    /// The smallest such delay among packets that arrived in the last `span_ns`: what stands there, whatever jitter adds.
    pub(super) fn standing_ns(&self, span_ns: i64) -> i64 {
        self.recent(span_ns).map(|sample| sample.queue_ns).min().unwrap_or(0)
    }

    /// Bytes per second that arrive; `None` while too little has arrived to tell.
    pub(super) fn delivered_bytes_per_s(&self) -> Option<f64> {
        let oldest = self.recent(DELIVERY_SPAN_NS).last()?.arrival_ns;
        let newest = self.samples.back()?.arrival_ns;
        // The oldest packet opens the span: what it acked arrived before it.
        let bytes: u64 =
            self.recent(DELIVERY_SPAN_NS).take_while(|sample| sample.arrival_ns > oldest).map(|s| s.acked_bytes).sum();
        let span_s = (newest - oldest) as f64 / 1e9;
        (span_s >= 0.05).then(|| bytes as f64 / span_s)
    }

    /// Samples that arrived within `span_ns` of the newest, newest first.
    fn recent(&self, span_ns: i64) -> impl Iterator<Item = &Sample> {
        let newest_ns = self.samples.back().map_or(0, |sample| sample.arrival_ns);
        self.samples.iter().rev().take_while(move |sample| newest_ns - sample.arrival_ns <= span_ns)
    }

    /// The arrival, 16 bits wide, as the moment nearest to where the last arrival and the time between the two sends
    /// would put it.
    fn arrival_ns(&self, feedback: &Feedback) -> i64 {
        let tick_ns = i64::try_from(TIMING_TICK_NS).unwrap_or(1);
        let Some(last) = self.samples.back() else { return i64::from(feedback.arrival) * tick_ns };
        let between_ns = i64::try_from(feedback.sent_ns - last.sent_ns).unwrap_or(i64::MAX / 4);
        let expected = (last.arrival_ns + between_ns) / tick_ns;
        let off = feedback.arrival.wrapping_sub(expected.rem_euclid(1 << 16) as u16).cast_signed();
        (expected + i64::from(off)) * tick_ns
    }

    /// The newest samples, newest first.
    fn window(&self, count: usize) -> impl Iterator<Item = &Sample> {
        self.samples.iter().rev().take(count)
    }

    /// Whether delay has lately grown beyond the round trip from one packet to the next.
    fn has_leapt(&self) -> bool {
        let before = self.window(STEP_WINDOW + 1).skip(1);
        self.window(STEP_WINDOW).zip(before).any(|(sample, before)| sample.beyond_ns - before.beyond_ns > STEP_NS)
    }

    /// No more is believed of the newest sample than the round trip bears out. When enough packets say so, delay is measured by
    /// the peer's clock as it is now: ahead by as much as the one says that waited least on the way back.
    fn follow_step(&mut self) {
        if let Some(newest) = self.samples.back_mut() {
            newest.queue_ns -= newest.beyond_ns - STEP_NS;
        }
        if self.window(STEP_WINDOW).filter(|sample| sample.beyond_ns > STEP_NS).count() < STEP_PROOFS {
            return;
        }
        let step_ns = self.window(STEP_WINDOW).map(|sample| sample.beyond_ns).max().unwrap_or(0);
        self.base.iter_mut().for_each(|(_, delay_ns)| *delay_ns += step_ns);
        for sample in &mut self.samples {
            sample.queue_ns = (sample.queue_ns - STEP_NS).max(0);
            sample.beyond_ns -= step_ns;
        }
    }

    fn note_base(&mut self, bucket: u64, delay_ns: i64) {
        match self.base.back_mut() {
            Some((last, smallest_ns)) if *last == bucket => *smallest_ns = delay_ns.min(*smallest_ns),
            _ => self.base.push_back((bucket, delay_ns)),
        }
        while self.base.front().is_some_and(|(first, _)| first + BASE_BUCKETS as u64 <= bucket) {
            self.base.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// The way back takes 20 ms, and so does the way there when it is free.
    fn observe(path: &mut Path, sent_ms: u64, delay_ms: u64) {
        observe_ahead(path, sent_ms, delay_ms, 50_000);
    }

    fn observe_ahead(path: &mut Path, sent_ms: u64, delay_ms: u64, ahead_ms: u64) {
        let arrival = ((sent_ms + delay_ms + ahead_ms) * 4 % 65_536) as u16;
        let now_ns = (sent_ms + delay_ms + 20) * MS;
        let feedback = Feedback { now_ns, sent_ns: sent_ms * MS, arrival, ack_delay: 0, acked_bytes: 1_000 };
        path.on_feedback(&feedback, ((delay_ms - 20) * MS) as i64);
    }

    #[test]
    fn delay_above_the_smallest_is_seen_through_every_wrap_of_the_peers_clock() {
        let mut path = Path::default();
        for tick in 0..6_000 {
            let queue_ms = if tick % 100 == 99 { 70 } else { 0 };
            observe(&mut path, tick * 16, 20 + queue_ms);
            assert_eq!(path.queue_ns(), (queue_ms * MS) as i64, "tick {tick}");
        }
        assert_eq!(path.standing_ns(100_000_000), 0, "one late packet is no standing queue");
    }

    #[test]
    fn what_arrives_per_second_is_measured_where_it_arrives() {
        let mut path = Path::default();
        for tick in 0..100 {
            // Sent every 10 ms, served every 20 ms: the queue grows by 10 ms each time.
            observe(&mut path, tick * 10, 20 + tick * 10);
        }
        assert_eq!(path.delivered_bytes_per_s(), Some(50_000.0));
        assert_eq!(path.queue_ns(), 990 * MS as i64);
    }

    #[test]
    fn a_clock_that_jumps_ahead_is_no_queue_and_a_queue_behind_it_is_seen() {
        for jump_ms in [16, 90, 1_500, 8_000] {
            let mut path = Path::default();
            (0..100).for_each(|tick| observe(&mut path, tick * 16, 20));
            for tick in 100..200 {
                observe_ahead(&mut path, tick * 16, 20, 50_000 + jump_ms);
                let (queue_ns, most_ns) = (path.queue_ns(), if tick < 102 { STEP_NS } else { 0 });
                assert!(queue_ns <= most_ns, "{jump_ms} ms, tick {tick}: {queue_ns} ns");
            }
            for tick in 200..230 {
                observe_ahead(&mut path, tick * 16, 90, 50_000 + jump_ms);
            }
            assert_eq!(path.standing_ns(100_000_000), 70 * MS as i64, "{jump_ms} ms");
        }
    }

    #[test]
    fn a_clock_that_jumps_is_followed_although_most_packets_wait_on_the_way_back() {
        let mut path = Path::default();
        for tick in 0..200 {
            let (jump_ms, back_ms) = (if tick < 100 { 0 } else { 45 }, if tick % 3 == 0 { 2 } else { 30 });
            let (sent_ms, arrival_ms) = (tick * 16, tick * 16 + 20 + 50_000 + jump_ms);
            let arrival = (arrival_ms * 4 % 65_536) as u16;
            let now_ns = (sent_ms + 40 + back_ms) * MS;
            let feedback = Feedback { now_ns, sent_ns: sent_ms * MS, arrival, ack_delay: 0, acked_bytes: 1_000 };
            path.on_feedback(&feedback, (back_ms * MS) as i64);
            assert!(path.standing_ns(150_000_000) < 25 * MS as i64, "tick {tick}");
        }
        assert_eq!(path.queue_ns(), 2 * MS as i64);
    }

    /// The end of an upload: 300 ms that waited on the way back are gone within a second, in which as much piles up on the way
    /// there.
    #[test]
    fn a_queue_that_grows_while_the_way_back_empties_is_a_queue() {
        let mut path = Path::default();
        for tick in 0..160 {
            let queue_ms = (tick.clamp(100, 160) - 100) * 5;
            let (sent_ms, back_ms) = (tick * 16, 300 - queue_ms);
            let arrival = ((sent_ms + 20 + queue_ms + 50_000) * 4 % 65_536) as u16;
            let now_ns = (sent_ms + 40 + queue_ms + back_ms) * MS;
            path.on_feedback(&Feedback { now_ns, sent_ns: sent_ms * MS, arrival, ack_delay: 0, acked_bytes: 1_000 }, 0);
            assert_eq!(path.queue_ns(), (queue_ms * MS) as i64, "tick {tick}");
        }
    }

    #[test]
    fn a_longer_route_is_the_new_base_after_twelve_seconds() {
        let mut path = Path::default();
        for tick in 0..200 {
            observe(&mut path, tick * 10, 20);
        }
        for tick in 200..1_500 {
            observe(&mut path, tick * 10, 60);
        }
        assert_eq!(path.standing_ns(100_000_000), 0);
    }
}
