//! The rate follows the trend of one-way delay: up while delay is flat, down to what arrives when a queue stands.
//!
//! Delay is read in one direction only (the header's arrival time), so a slow way back never looks like a queue; and where
//! it leaps, no more of it is believed than the round trip bears out: a peer's clock which jumps does not look like one either. Loss
//! is not read at all: radio links lose packets that no queue dropped.
//!
//! Two bounds work together. The *rate* says what leaves per tick. The *flight* says what may be undecided at once: when
//! a link stands still, sending stops after one such flight, long before any feedback could say so.

use super::path::{Path, STEP_NS};
use super::{Feedback, RateController};
use crate::ack::ACK_DELAY_NS_MAX;
use crate::packet::TIMING_TICK_NS;
use crate::prefetch::Prefetch;

const NS_PER_MS: i64 = 1_000_000;

/// A connection begins with 12,000 B/s: 60 Hz with 200 B each.
pub const RATE_START_BYTES_PER_S: u32 = 12_000;
/// The rate that no delay cuts: 24 kbit/s, one's own player and the nearest eight at 20 Hz.
pub const RATE_FLOOR_BYTES_PER_S: u32 = 3_000;

/// With flat delay the rate doubles in a quarter of a second. Within the 100 ms until feedback shows a queue it outgrows a
/// link by a third at most, and the flight bounds what that puts into the queue.
const DOUBLING_S: f64 = 0.25;
/// Until delay has ever left flatness it doubles with each three ticks: from the start to 192,000 B/s in a fifth of a
/// second. On a path that carries the demand, the climb is most of what is ever lost of it (0.4 % of 100 s on the Starlink
/// recordings with an eighth of a second, 0.15 % with this). The overshoot comes once, and the flight bounds it.
const DOUBLING_FIRST_S: f64 = 0.05;
/// Near what a steady link carried at the last cuts it doubles in 2 s: 13 % in the 350 ms between outgrowing the link and
/// the cut. With a quarter of a second a constant 600 kbit/s was overtaken by more than half each time: 120 ms of delay
/// at p95, now 80.
const DOUBLING_NEAR_S: f64 = 2.0;
/// Near is from 0.95 to 1.3 of it: who gets above that without a queue has a faster link now.
const NEAR: std::ops::Range<f64> = 0.95..1.3;
/// A link is steady when it carried within a tenth of the same at two cuts in a row, growth between them. Radio links
/// seldom are, and there caution costs use and gains nothing.
const STEADY: f64 = 0.1;
/// What a link carried is forgotten after 5 s.
const CARRIED_SPAN_NS: u64 = 5_000 * NS_PER_MS as u64;
/// Delay is flat below this: above the jitter of a tick's burst, of a radio frame and of a satellite path.
const FLAT_NS: i64 = 25 * NS_PER_MS;
/// A queue stands when delay stayed above this for [`STANDING_SPAN_NS`]. Two thirds of the ceiling: what feedback tells
/// is a round trip old, and a growing queue is to be caught before the ceiling.
const STANDING_NS: i64 = 40 * NS_PER_MS;
/// Longer than the stalls in which radio links schedule and hand over: one of those is no queue of ours.
const STANDING_SPAN_NS: i64 = 150 * NS_PER_MS;
/// The ceiling: a standing queue above this is drained the faster, the longer it is (spec: PKT-61).
const CEILING_NS: i64 = 60 * NS_PER_MS;
// The ack that was held back while a clock jumped makes the shortest round trip shorter by what an ack may wait at most, and
// hides as much of the jump. What is left must not look like a queue that stands.
const _: () = assert!(STEP_NS + ACK_DELAY_NS_MAX as i64 <= STANDING_NS);
/// What remains of the arriving rate at a cut (the factor of draft-ietf-rmcat-gcc).
const CUT: f64 = 0.85;
/// The rate halves for each such span beyond the first in which feedback is due and does not come (spec: PKT-62).
const STALE_NS: u64 = 200 * NS_PER_MS as u64;
/// When feedback has been due for longer than this the connection is blind (spec: PKT-62).
const BLIND_NS: u64 = 1_000 * NS_PER_MS as u64;
/// An observation stands for at most this much time of growth.
const GROWTH_SPAN_NS_MAX: u64 = 50 * NS_PER_MS as u64;
/// Head-room of the flight over a round trip without queue: the peer's ack delay of at most 25 ms, and a tick less what
/// rounds. Satellite handovers lengthen a round trip by about as much for a moment.
const FLIGHT_SLACK_NS: u64 = 40 * NS_PER_MS as u64;
/// For how long a round trip counts as the shortest there is: the span over which the path's delay has its base too.
const ROUND_TRIP_SPAN_NS: u64 = 10_000 * NS_PER_MS as u64;
/// Packets that may always be under way, bytes.
const FLIGHT_BYTES_MIN: f64 = 2_500.0;

/// The trend-driven controller.
#[derive(Clone, Debug)]
pub struct TrendRate {
    bytes_per_s_max: f64,
    bytes_per_s: f64,
    path: Path,
    /// Smallest round trip of the last 10 to 20 s, the peer's ack delay taken out, ns.
    round_trip_ns: u64,
    /// The smallest of the span that ends next, and when that is: a way that became longer is believed.
    round_trip_next_ns: u64,
    round_trip_until_ns: u64,
    last_feedback_ns: u64,
    /// When the first packet left that no feedback has followed.
    unanswered_ns: Option<u64>,
    /// Halvings for stale feedback, not yet final.
    halvings: u32,
    is_blind: bool,
    /// When the last cut was made: packets sent before it do not cause another.
    cut_ns: u64,
    /// What arrived per second at that cut, and at the last one before the growth that led to it.
    carried: [f64; 2],
    has_grown: bool,
    /// No delay was seen yet that is not flat.
    is_first_climb: bool,
}

impl TrendRate {
    /// A controller that begins at [`RATE_START_BYTES_PER_S`] and never allows more than `bytes_per_s_max`.
    #[must_use]
    pub fn new(bytes_per_s_max: u32) -> Self {
        let bytes_per_s_max = f64::from(bytes_per_s_max);
        Self {
            bytes_per_s_max,
            bytes_per_s: bytes_per_s_max.min(f64::from(RATE_START_BYTES_PER_S)),
            path: Path::default(),
            round_trip_ns: BLIND_NS,
            round_trip_next_ns: BLIND_NS,
            round_trip_until_ns: 0,
            last_feedback_ns: 0,
            unanswered_ns: None,
            halvings: 0,
            is_blind: false,
            cut_ns: 0,
            carried: [0.0; 2],
            has_grown: false,
            is_first_climb: true,
        }
    }

    pub(super) fn prefetch(&self, prefetch: Prefetch) {
        self.path.prefetch(prefetch);
    }

    fn floor(&self) -> f64 {
        self.bytes_per_s_max.min(f64::from(RATE_FLOOR_BYTES_PER_S))
    }

    fn allowed(&self) -> f64 {
        (self.bytes_per_s / f64::from(1_u32 << self.halvings.min(16))).max(self.floor())
    }

    fn grow(&mut self, now_ns: u64, span_ns: u64) {
        self.has_grown = true;
        if self.bytes_per_s >= self.bytes_per_s_max {
            return;
        }
        let span_s = span_ns.min(GROWTH_SPAN_NS_MAX) as f64 / 1e9;
        let doubling_s = match self.is_first_climb {
            true => DOUBLING_FIRST_S,
            false if self.is_near_the_link(now_ns) => DOUBLING_NEAR_S,
            false => DOUBLING_S,
        };
        self.bytes_per_s = (self.bytes_per_s * (span_s / doubling_s).exp2()).min(self.bytes_per_s_max);
    }

    fn on_round_trip(&mut self, now_ns: u64, round_trip_ns: u64) {
        if now_ns >= self.round_trip_until_ns {
            self.round_trip_ns = self.round_trip_next_ns;
            self.round_trip_next_ns = BLIND_NS;
            self.round_trip_until_ns = now_ns + ROUND_TRIP_SPAN_NS;
        }
        self.round_trip_next_ns = self.round_trip_next_ns.min(round_trip_ns);
        self.round_trip_ns = self.round_trip_ns.min(round_trip_ns);
    }

    fn is_near_the_link(&self, now_ns: u64) -> bool {
        let [last, before] = self.carried;
        let is_steady = (last - before).abs() < STEADY * last;
        let is_near = NEAR.contains(&(self.bytes_per_s / last.max(1.0)));
        is_steady && is_near && now_ns.saturating_sub(self.cut_ns) < CARRIED_SPAN_NS
    }

    /// Down to a share of what arrives (spec: PKT-61): 0.85 of it, less by as much as the queue exceeds the ceiling.
    fn cut(&mut self, now_ns: u64, standing_ns: i64) {
        let Some(delivered) = self.path.delivered_bytes_per_s() else { return };
        let excess = (CEILING_NS as f64 / standing_ns as f64).min(1.0);
        self.bytes_per_s = self.bytes_per_s.min(delivered * CUT * excess).max(self.floor());
        self.cut_ns = now_ns;
        let before = if std::mem::take(&mut self.has_grown) { self.carried[0] } else { self.carried[1] };
        self.carried = [delivered, before];
    }
}

impl RateController for TrendRate {
    fn rate_bytes_per_s(&self) -> u32 {
        self.allowed() as u32
    }

    fn flight_bytes_max(&self) -> u64 {
        let span_s = (self.round_trip_ns + FLIGHT_SLACK_NS) as f64 / 1e9;
        (self.allowed() * span_s).max(FLIGHT_BYTES_MIN) as u64
    }

    fn is_blind(&self) -> bool {
        self.is_blind
    }

    fn is_at_ease(&self) -> bool {
        self.halvings == 0 && self.bytes_per_s >= self.bytes_per_s_max
    }

    fn on_sent(&mut self, now_ns: u64) {
        self.unanswered_ns.get_or_insert(now_ns);
    }

    fn on_feedback(&mut self, feedback: &Feedback) {
        let now_ns = feedback.now_ns;
        // What silence took is gone: after an outage the path begins low, and climbs as fast as any.
        self.bytes_per_s = self.allowed();
        // A way that came back may be narrower than it was: it is not climbed at the first climb's pace.
        self.is_first_climb &= self.halvings == 0;
        self.halvings = 0;
        self.is_blind = false;
        self.unanswered_ns = None;
        // Who says that he waited longer than he may has lost an ack, or has had his clock jump meanwhile: believed, that would
        // be the shortest round trip for twenty seconds.
        let waited_ns = (u64::from(feedback.ack_delay) * TIMING_TICK_NS).min(ACK_DELAY_NS_MAX);
        let round_trip_ns = now_ns.saturating_sub(feedback.sent_ns).saturating_sub(waited_ns);
        self.on_round_trip(now_ns, round_trip_ns);
        let span_ns = now_ns.saturating_sub(self.last_feedback_ns);
        self.last_feedback_ns = now_ns;
        let excess_ns = i64::try_from(round_trip_ns.saturating_sub(self.round_trip_ns)).unwrap_or(i64::MAX);
        if !self.path.on_feedback(feedback, excess_ns) {
            return;
        }
        // What stands is at most what the newest packet met: while that is little, there is nothing to look up.
        if self.path.queue_ns() < FLAT_NS {
            self.grow(now_ns, span_ns);
            return;
        }
        let standing_ns = self.path.standing_ns(STANDING_SPAN_NS);
        self.is_first_climb &= self.path.queue_ns() <= FLAT_NS;
        if standing_ns > STANDING_NS {
            if feedback.sent_ns >= self.cut_ns {
                self.cut(now_ns, standing_ns);
            }
        } else if self.path.queue_ns() < 2 * standing_ns {
            self.grow(now_ns, span_ns);
        }
    }

    fn on_tick_edge(&mut self, now_ns: u64) {
        let age_ns = self.unanswered_ns.map_or(0, |since_ns| now_ns.saturating_sub(since_ns));
        self.halvings = u32::try_from(age_ns / STALE_NS).unwrap_or(u32::MAX).saturating_sub(1);
        self.is_blind = age_ns > BLIND_NS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const TICK_NS: u64 = 16 * MS;
    const FULL: u32 = 192_000;

    /// A way of 20 ms each direction on which every tick's packets are acked, after `queue_ms` in a queue, at `served`
    /// bytes per second. Time goes on from call to call.
    struct Way {
        trend: TrendRate,
        sent_ns: u64,
        /// By how much the peer's clock is ahead.
        ahead_ns: u64,
        /// What the next ack says that it waited.
        ack_delay: u8,
    }

    impl Way {
        fn new() -> Self {
            Self { trend: TrendRate::new(FULL), sent_ns: 9_000 * MS, ahead_ns: 0, ack_delay: 0 }
        }

        fn run(&mut self, ms: u64, queue_ms: impl Fn(u64) -> u64, served: Option<u32>) {
            for elapsed_ms in (0..ms).step_by(16) {
                let rate = self.trend.rate_bytes_per_s();
                self.trend.on_tick_edge(self.sent_ns);
                self.trend.on_sent(self.sent_ns);
                let arrival_ns = self.sent_ns + (20 + queue_ms(elapsed_ms)) * MS;
                self.trend.on_feedback(&Feedback {
                    now_ns: arrival_ns + 20 * MS,
                    sent_ns: self.sent_ns,
                    arrival: ((arrival_ns + self.ahead_ns) / TIMING_TICK_NS % 65_536) as u16,
                    ack_delay: std::mem::take(&mut self.ack_delay),
                    acked_bytes: u64::from(served.unwrap_or(rate).min(rate)) * TICK_NS / 1_000_000_000,
                });
                self.sent_ns += TICK_NS;
            }
        }

        fn full() -> Self {
            let mut way = Self::new();
            way.run(2_000, |_| 0, None);
            assert_eq!(way.trend.rate_bytes_per_s(), FULL);
            way
        }
    }

    /// Also where the ack was held back while it jumped, and says so.
    #[test]
    fn a_peers_clock_that_jumps_costs_no_rate_and_a_queue_behind_it_does() {
        // proves: PKT-61
        for (jump_ms, ack_delay) in
            [(21, 84), (40, 160), (41, 164), (44, 176), (47, 188), (47, 0), (300, 255), (1_900, 0)]
        {
            let mut way = Way::full();
            (way.ahead_ns, way.ack_delay) = (jump_ms * MS, ack_delay);
            way.run(3_000, |_| 0, None);
            assert_eq!(way.trend.rate_bytes_per_s(), FULL, "{jump_ms} ms, {ack_delay}");
            way.run(1_000, |_| 100, Some(FULL / 2));
            assert!(way.trend.rate_bytes_per_s() < FULL / 2, "{jump_ms} ms, {ack_delay}");
        }
    }

    #[test]
    fn it_starts_at_60_hz_and_is_full_within_two_seconds_of_flat_delay() {
        // proves: PKT-61
        let mut way = Way::new();
        assert_eq!(way.trend.rate_bytes_per_s(), RATE_START_BYTES_PER_S);
        assert_eq!(crate::rate::part_interval_ticks(RATE_START_BYTES_PER_S), 1);
        way.run(300, |_| 0, None);
        assert!(way.trend.rate_bytes_per_s() > 24_000);
        way.run(1_700, |_| 0, None);
        assert_eq!(way.trend.rate_bytes_per_s(), FULL);
    }

    #[test]
    fn a_standing_queue_cuts_to_below_what_arrives_and_it_returns_once_the_queue_is_gone() {
        // proves: PKT-61
        let mut way = Way::full();
        way.run(600, |ms| (ms / 8).min(60), Some(80_000));
        let cut = way.trend.rate_bytes_per_s();
        assert!((30_000..70_000).contains(&cut), "{cut}");
        way.run(1_000, |_| 0, None);
        assert_eq!(way.trend.rate_bytes_per_s(), FULL);
    }

    /// Rate after a queue stood while 80,000 B/s arrived, and again while `again` did, and 640 ms flat after it.
    fn a_moment_after_queues_at(again: u32) -> u32 {
        let mut way = Way::full();
        way.run(600, |ms| (ms / 8).min(60), Some(80_000));
        way.run(300, |_| 0, Some(80_000));
        way.run(600, |ms| (ms / 8).min(60), Some(again));
        way.run(640, |_| 0, None);
        way.trend.rate_bytes_per_s()
    }

    #[test]
    fn near_what_a_steady_link_carried_the_rate_grows_slowly() {
        // proves: PKT-61
        let steady = a_moment_after_queues_at(80_000);
        assert!((68_000..100_000).contains(&steady), "{steady}");
        let unsteady = a_moment_after_queues_at(110_000);
        assert!(unsteady > 150_000, "{unsteady} against {steady}");
    }

    #[test]
    fn the_first_climb_takes_half_a_second() {
        let mut way = Way::new();
        way.run(560, |_| 0, None);
        assert_eq!(way.trend.rate_bytes_per_s(), FULL);
    }

    #[test]
    fn late_packets_among_punctual_ones_are_no_queue() {
        // proves: PKT-61
        let mut way = Way::full();
        way.run(20_000, |ms| if ms / 16 % 8 == 0 { 10 } else { 90 * u64::from(ms / 16 % 8 < 4) }, None);
        assert_eq!(way.trend.rate_bytes_per_s(), FULL);
    }

    #[test]
    fn loss_alone_changes_nothing() {
        // proves: PKT-61
        let mut way = Way::full();
        for _ in 0..1_000 {
            way.trend.on_loss(way.sent_ns, way.sent_ns - 50 * MS);
        }
        assert_eq!(way.trend.rate_bytes_per_s(), FULL);
    }

    #[test]
    fn silence_halves_the_rate_every_200_ms_and_blinds_after_a_second_until_an_ack() {
        // proves: PKT-62
        let mut way = Way::full();
        let since_ns = way.sent_ns;
        way.trend.on_sent(since_ns);
        for (age_ms, rate, is_blind) in [
            (399, FULL, false),
            (400, FULL / 2, false),
            (600, FULL / 4, false),
            (1_000, FULL / 16, false),
            (1_001, FULL / 16, true),
            (60_000, RATE_FLOOR_BYTES_PER_S, true),
        ] {
            way.trend.on_tick_edge(since_ns + age_ms * MS);
            assert_eq!((way.trend.rate_bytes_per_s(), way.trend.is_blind()), (rate, is_blind), "{age_ms} ms");
        }
        way.sent_ns += 60_000 * MS;
        way.run(1, |_| 0, None);
        // One observation stands for 50 ms of growth at most: one doubling.
        assert!(!way.trend.is_blind() && way.trend.rate_bytes_per_s() <= 2 * RATE_FLOOR_BYTES_PER_S);
    }

    #[test]
    fn a_connection_that_says_nothing_is_not_answered_and_not_punished() {
        // proves: PKT-62
        let mut way = Way::full();
        way.trend.on_tick_edge(way.sent_ns + 600_000 * MS);
        assert_eq!((way.trend.rate_bytes_per_s(), way.trend.is_blind()), (FULL, false));
    }

    #[test]
    fn a_way_that_became_longer_has_a_longer_flight_after_20_s_at_most() {
        let mut way = Way::full();
        for _ in 0..25 * 60 {
            way.sent_ns += TICK_NS;
            way.trend.on_round_trip(way.sent_ns, 200 * MS);
        }
        assert!(way.trend.flight_bytes_max() >= u64::from(FULL) / 5, "{}", way.trend.flight_bytes_max());
    }

    #[test]
    fn the_flight_is_a_round_trip_and_its_slack() {
        let way = Way::full();
        let bytes = u64::from(FULL) * (40 + 40) / 1_000;
        assert!((bytes - 1..=bytes).contains(&way.trend.flight_bytes_max()), "{}", way.trend.flight_bytes_max());
    }
}
