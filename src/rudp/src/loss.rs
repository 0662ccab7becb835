//! When a packet counts as lost and when silence is probed, after RFC 9002 section 6. Decisions only: the records are
//! kept by the connection.

use crate::rtt::Rtt;

/// A packet is lost once one sent this many numbers later was acked (RFC 9002, kPacketThreshold).
pub const REORDER_PACKETS: u64 = 3;

/// Finest timer, in ns: 1 ms (RFC 9002, kGranularity).
pub const GRANULARITY_NS: u64 = 1_000_000;

/// The probe time-out never grows beyond this: 2 s, so that a ten-second outage sees several probes.
pub const PROBE_TIMEOUT_NS_MAX: u64 = 2_000_000_000;

/// Seconds over which the loss that decides about redundancy is counted (spec: PKT-46).
pub const LOSS_SPAN_S: usize = 10;

/// Loss above which small reliable messages are sent redundantly: one packet in a thousand (spec: PKT-46). At 60 packets
/// per second a single loss in the span exceeds it.
pub const REDUNDANCY_LOSS: (u64, u64) = (1, 1_000);

/// Loss above which four copies are too few: 2 % (spec: PKT-47). Loss comes in bursts, and a burst of four takes all
/// copies at once: the message and all behind it then wait for a round trip. With bursts of two packets on average and
/// 9 % lost in all, p99 of an ordered channel was 197 ms with four copies at a one-way delay of 40.
pub const HEAVY_LOSS: (u64, u64) = (1, 50);

/// Loss above which packets are repeated between the ticks: 15 % (spec: PKT-47). Below, one message in 2,000 misses the
/// packets of four ticks in a row; at 30 % one in 123, and p99 leaves one in 100.
pub const SEVERE_LOSS: (u64, u64) = (3, 20);

/// Losses in the span that heavy loss takes at least: two of a session's first six packets are chance.
const HEAVY_LOST_MIN: u64 = 10;

/// What the losses of the span ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LossLevel {
    /// Nothing.
    Low,
    /// Small messages ride along in four packets (spec: PKT-46).
    Some,
    /// They ride until they are acked (spec: PKT-47).
    Heavy,
    /// As well, packets are repeated between the ticks (spec: PKT-47).
    Severe,
}

/// Packets decided in the last [`LOSS_SPAN_S`] seconds, by the second of the verdict.
#[derive(Debug, Default)]
pub(crate) struct RecentLoss {
    seconds: [Verdicts; LOSS_SPAN_S],
    /// The second that the verdicts of now belong to.
    second: u64,
    /// Losses in all of `seconds`: mostly none, and then there is nothing to add up.
    lost: u32,
}

/// What became of the packets decided in one second.
#[derive(Clone, Copy, Debug, Default)]
struct Verdicts {
    acked: u32,
    lost: u32,
}

impl RecentLoss {
    /// A packet arrived.
    pub(crate) fn on_acked(&mut self, now_ns: u64) {
        self.verdicts(now_ns).acked += 1;
    }

    /// A packet counts as lost.
    pub(crate) fn on_lost(&mut self, now_ns: u64) {
        self.verdicts(now_ns).lost += 1;
        self.lost += 1;
    }

    /// A packet that counted as lost arrived after all. Its verdict may have left the span already.
    pub(crate) fn on_late_ack(&mut self, now_ns: u64) {
        self.verdicts(now_ns).acked += 1;
        if let Some(verdicts) = self.seconds.iter_mut().find(|verdicts| verdicts.lost > 0) {
            verdicts.lost -= 1;
            self.lost -= 1;
        }
    }

    /// How bad the span was.
    pub(crate) fn level(&self, now_ns: u64) -> LossLevel {
        if self.lost == 0 {
            return LossLevel::Low;
        }
        let gone = (now_ns / 1_000_000_000).saturating_sub(self.second);
        let live = (0..LOSS_SPAN_S as u64).filter(|age| age + gone < LOSS_SPAN_S as u64 && *age <= self.second);
        let (acked, lost) = live.fold((0_u64, 0_u64), |(acked, lost), age| {
            let verdicts = self.seconds[slot(self.second - age)];
            (acked + u64::from(verdicts.acked), lost + u64::from(verdicts.lost))
        });
        let exceeds = |(lost_of, decided): (u64, u64)| lost * decided > (acked + lost) * lost_of;
        match lost {
            HEAVY_LOST_MIN.. if exceeds(SEVERE_LOSS) => LossLevel::Severe,
            HEAVY_LOST_MIN.. if exceeds(HEAVY_LOSS) => LossLevel::Heavy,
            _ if exceeds(REDUNDANCY_LOSS) => LossLevel::Some,
            _ => LossLevel::Low,
        }
    }

    fn verdicts(&mut self, now_ns: u64) -> &mut Verdicts {
        let second = now_ns / 1_000_000_000;
        let passed = second.saturating_sub(self.second).min(LOSS_SPAN_S as u64);
        for back in 0..passed {
            let passed = std::mem::take(&mut self.seconds[slot(second - back)]);
            self.lost -= passed.lost;
        }
        self.second = self.second.max(second);
        &mut self.seconds[slot(self.second)]
    }
}

fn slot(second: u64) -> usize {
    usize::try_from(second % LOSS_SPAN_S as u64).expect("below the span")
}

/// A packet left behind by an ack waits no longer than this for its own: 2 s, as a probe. One packet that spent half a
/// minute in somebody's buffer, or in a process that stood still, is a round trip of half a minute; what is lost next must
/// not wait as long.
pub const LOSS_DELAY_NS_MAX: u64 = PROBE_TIMEOUT_NS_MAX;

/// Age in ns at which a packet is lost, once any later one was acked: 9/8 of the larger of smoothed and latest RTT
/// (RFC 9002, section 6.1.2), at most [`LOSS_DELAY_NS_MAX`].
#[must_use]
pub fn loss_delay_ns(rtt: &Rtt) -> u64 {
    let rtt_ns = rtt.smoothed_ns().max(rtt.latest_ns());
    (rtt_ns + rtt_ns / 8).clamp(GRANULARITY_NS, LOSS_DELAY_NS_MAX)
}

/// Silence in ns after the last eliciting packet before a probe is sent: srtt + max(4 rttvar, 1 ms) + the peer's ack
/// delay, doubled for each probe that went unanswered (RFC 9002, section 6.2.1), at most [`PROBE_TIMEOUT_NS_MAX`].
#[must_use]
pub fn probe_timeout_ns(rtt: &Rtt, ack_delay_ns: u64, unanswered: u32) -> u64 {
    let base_ns = rtt.smoothed_ns() + (4 * rtt.variation_ns()).max(GRANULARITY_NS) + ack_delay_ns;
    // 2^11 ms is beyond the cap already: a larger shift only risks the overflow.
    base_ns.saturating_mul(1 << unanswered.min(11)).min(PROBE_TIMEOUT_NS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    const S: u64 = 1_000 * MS;

    fn exceeds(recent: &RecentLoss, now_ns: u64) -> bool {
        recent.level(now_ns) > LossLevel::Low
    }

    #[test]
    fn loss_is_heavy_above_two_percent_and_severe_above_fifteen_but_not_before_ten_packets() {
        // proves: PKT-47
        let mut recent = RecentLoss::default();
        for lost in 1..=10 {
            assert_eq!(recent.level(S) >= LossLevel::Heavy, lost > 10, "{lost}");
            recent.on_lost(S);
        }
        for (acked, level) in [
            (0, LossLevel::Severe),
            (56, LossLevel::Severe),
            (57, LossLevel::Heavy),
            (489, LossLevel::Heavy),
            (490, LossLevel::Some),
        ] {
            while recent.verdicts(S).acked < acked {
                recent.on_acked(S);
            }
            assert_eq!(recent.level(S), level, "10 of {}", 10 + acked);
        }
    }

    #[test]
    fn loss_counts_for_ten_seconds_and_above_one_in_a_thousand() {
        // proves: PKT-46
        let mut recent = RecentLoss::default();
        assert!(!exceeds(&recent, 0), "nothing decided is no loss");
        for _ in 0..998 {
            recent.on_acked(77 * S);
        }
        recent.on_lost(77 * S);
        assert!(exceeds(&recent, 77 * S), "1 of 999");
        recent.on_acked(77 * S);
        assert!(!exceeds(&recent, 77 * S), "1 of 1,000 is not above");
        recent.on_lost(80 * S);
        assert!(exceeds(&recent, 80 * S) && exceeds(&recent, 90 * S - 1));
        assert!(!exceeds(&recent, 90 * S) && !exceeds(&recent, 1_000 * S));
        recent.on_acked(1_000 * S);
        assert!(!exceeds(&recent, 1_000 * S), "the slots of old seconds were emptied");
    }

    #[test]
    fn a_late_ack_takes_its_loss_out_again() {
        let mut recent = RecentLoss::default();
        recent.on_lost(5 * S);
        assert!(exceeds(&recent, 6 * S));
        recent.on_late_ack(6 * S);
        assert!(!exceeds(&recent, 6 * S));
        recent.on_late_ack(60 * S);
        assert!(!exceeds(&recent, 60 * S), "its loss had left the span: nothing to take out");
    }

    #[test]
    fn before_any_sample_the_first_probe_leaves_after_about_one_second() {
        // proves: PKT-43
        assert_eq!(probe_timeout_ns(&Rtt::default(), 25 * MS, 0), (333 + 666 + 25) * MS);
    }

    #[test]
    fn probes_back_off_by_two_up_to_the_cap() {
        // proves: PKT-43
        let mut rtt = Rtt::default();
        for _ in 0..200 {
            rtt.on_sample(40 * MS, 0);
        }
        let base_ns = probe_timeout_ns(&rtt, 25 * MS, 0);
        assert!((65 * MS..67 * MS).contains(&base_ns), "{base_ns}");
        assert_eq!(probe_timeout_ns(&rtt, 25 * MS, 3), 8 * base_ns);
        assert_eq!(probe_timeout_ns(&rtt, 25 * MS, 400), PROBE_TIMEOUT_NS_MAX);
    }

    #[test]
    fn a_packet_is_old_at_nine_eighths_of_the_round_trip_and_never_below_a_millisecond() {
        // proves: PKT-42
        let mut rtt = Rtt::default();
        rtt.on_sample(80 * MS, 0);
        assert_eq!(loss_delay_ns(&rtt), 90 * MS);
        let mut rtt = Rtt::default();
        rtt.on_sample(1, 0);
        assert_eq!(loss_delay_ns(&rtt), GRANULARITY_NS);
        rtt.on_sample(30 * S, 0);
        assert_eq!(loss_delay_ns(&rtt), LOSS_DELAY_NS_MAX);
    }
}
