//! When a packet counts as lost and when silence is probed, after RFC 9002 section 6. Decisions only: the records are
//! kept by the connection.

use crate::ack::ACK_DELAY_NS_MAX;
use crate::rtt::Rtt;

/// A packet is lost once one sent this many numbers later was acked (RFC 9002, kPacketThreshold).
pub const REORDER_PACKETS: u64 = 3;

/// Finest timer, in ns: 1 ms (RFC 9002, kGranularity).
pub const GRANULARITY_NS: u64 = 1_000_000;

/// The probe time-out never grows beyond this: 2 s, so that a ten-second outage sees several probes.
pub const PROBE_TIMEOUT_NS_MAX: u64 = 2_000_000_000;

/// Age in ns at which a packet is lost, once any later one was acked: 9/8 of the larger of smoothed and latest RTT
/// (RFC 9002, section 6.1.2).
#[must_use]
pub fn loss_delay_ns(rtt: &Rtt) -> u64 {
    let rtt_ns = rtt.smoothed_ns().max(rtt.latest_ns());
    (rtt_ns + rtt_ns / 8).max(GRANULARITY_NS)
}

/// Silence in ns after the last eliciting packet before a probe is sent: srtt + max(4 rttvar, 1 ms) + the peer's ack
/// delay, doubled for each probe that went unanswered (RFC 9002, section 6.2.1), at most [`PROBE_TIMEOUT_NS_MAX`].
#[must_use]
pub fn probe_timeout_ns(rtt: &Rtt, unanswered: u32) -> u64 {
    let base_ns = rtt.smoothed_ns() + (4 * rtt.variation_ns()).max(GRANULARITY_NS) + ACK_DELAY_NS_MAX;
    // 2^11 ms is beyond the cap already: a larger shift only risks the overflow.
    base_ns.saturating_mul(1 << unanswered.min(11)).min(PROBE_TIMEOUT_NS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn before_any_sample_the_first_probe_leaves_after_about_one_second() {
        // proves: PKT-43
        assert_eq!(probe_timeout_ns(&Rtt::default(), 0), (333 + 666 + 25) * MS);
    }

    #[test]
    fn probes_back_off_by_two_up_to_the_cap() {
        // proves: PKT-43
        let mut rtt = Rtt::default();
        for _ in 0..200 {
            rtt.on_sample(40 * MS, 0);
        }
        let base_ns = probe_timeout_ns(&rtt, 0);
        assert!((65 * MS..67 * MS).contains(&base_ns), "{base_ns}");
        assert_eq!(probe_timeout_ns(&rtt, 3), 8 * base_ns);
        assert_eq!(probe_timeout_ns(&rtt, 400), PROBE_TIMEOUT_NS_MAX);
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
    }
}
