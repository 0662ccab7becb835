//! Policies to compare the trend controller with: none, a loss-driven window, and two modes by round trip.

use super::{Feedback, RateController};

const NS_PER_S: u64 = 1_000_000_000;
const NS_PER_MS: u64 = 1_000_000;

/// A rate that stays as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedRate {
    /// Bytes per second on the wire.
    pub bytes_per_s: u32,
}

impl RateController for FixedRate {
    fn rate_bytes_per_s(&self) -> u32 {
        self.bytes_per_s
    }
}

/// CUBIC's growth in full-size packets per second cubed (RFC 9438 4.1).
const CUBIC_C: f64 = 0.4;
/// What CUBIC keeps of its window at a loss (RFC 9438 4.6).
const CUBIC_BETA: f64 = 0.7;
/// Window of the start and at least, packets (RFC 9002 7.2).
const CUBIC_PACKETS_START: f64 = 10.0;
const CUBIC_PACKETS_MIN: f64 = 2.0;
/// A full-size packet on the wire, bytes.
const PACKET_BYTES: f64 = 1_250.0;

/// A window that grows as CUBIC's does and shrinks at losses. It knows no delay: what TCP and stock QUIC would do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CubicRate {
    bytes_per_s: u32,
    window_packets: f64,
    window_max_packets: f64,
    /// When growth last began anew; `None` in slow start.
    epoch_ns: Option<u64>,
    /// Losses of packets sent before this belong to a cut that was made.
    cut_ns: u64,
}

impl CubicRate {
    /// A window in slow start that never spends more than `bytes_per_s`.
    #[must_use]
    pub fn new(bytes_per_s: u32) -> Self {
        Self { bytes_per_s, window_packets: CUBIC_PACKETS_START, window_max_packets: 0.0, epoch_ns: None, cut_ns: 0 }
    }
}

impl RateController for CubicRate {
    fn rate_bytes_per_s(&self) -> u32 {
        self.bytes_per_s
    }

    fn flight_bytes_max(&self) -> u64 {
        (self.window_packets * PACKET_BYTES) as u64
    }

    fn on_feedback(&mut self, feedback: &Feedback) {
        let Some(epoch_ns) = self.epoch_ns else {
            self.window_packets += feedback.acked_bytes as f64 / PACKET_BYTES;
            return;
        };
        let since_s = feedback.now_ns.saturating_sub(epoch_ns) as f64 / NS_PER_S as f64;
        let plateau_s = (self.window_max_packets * (1.0 - CUBIC_BETA) / CUBIC_C).cbrt();
        let target = CUBIC_C * (since_s - plateau_s).powi(3) + self.window_max_packets;
        self.window_packets = self.window_packets.max(target);
    }

    fn on_loss(&mut self, now_ns: u64, sent_ns: u64) {
        if sent_ns < self.cut_ns {
            return;
        }
        self.cut_ns = now_ns;
        self.epoch_ns = Some(now_ns);
        self.window_max_packets = self.window_packets;
        self.window_packets = (self.window_packets * CUBIC_BETA).max(CUBIC_PACKETS_MIN);
    }
}

/// Round trips above this are bad (Fiedler, "Reliability and flow control").
const BAD_RTT_NS: u64 = 250 * NS_PER_MS;
/// A good path must have been good for this long at first, at least and at most before the full rate comes back.
const RETURN_NS_START: u64 = 4 * NS_PER_S;
const RETURN_NS_MIN: u64 = NS_PER_S;
const RETURN_NS_MAX: u64 = 60 * NS_PER_S;
/// A fall sooner than this after the return doubles that time; every such span without one halves it.
const TRUST_NS: u64 = 10 * NS_PER_S;

/// Fiedler's two modes: everything while the round trip is good, a third of it while it is not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoModeRate {
    bytes_per_s: u32,
    rtt_ns: f64,
    is_good: bool,
    /// When the present mode, or the present stretch of good round trips in the bad mode, began.
    since_ns: u64,
    trusted_ns: u64,
    return_ns: u64,
}

impl TwoModeRate {
    /// In the good mode, which spends `bytes_per_s`.
    #[must_use]
    pub fn new(bytes_per_s: u32) -> Self {
        Self { bytes_per_s, rtt_ns: 0.0, is_good: true, since_ns: 0, trusted_ns: 0, return_ns: RETURN_NS_START }
    }
}

impl RateController for TwoModeRate {
    fn rate_bytes_per_s(&self) -> u32 {
        if self.is_good { self.bytes_per_s } else { self.bytes_per_s / 3 }
    }

    fn on_feedback(&mut self, feedback: &Feedback) {
        let now_ns = feedback.now_ns;
        let sample_ns = now_ns.saturating_sub(feedback.sent_ns) as f64;
        self.rtt_ns = if self.rtt_ns == 0.0 { sample_ns } else { self.rtt_ns + 0.1 * (sample_ns - self.rtt_ns) };
        let is_bad = self.rtt_ns > BAD_RTT_NS as f64;
        match (self.is_good, is_bad) {
            (true, true) => {
                if now_ns.saturating_sub(self.since_ns) < TRUST_NS {
                    self.return_ns = (self.return_ns * 2).min(RETURN_NS_MAX);
                }
                self.is_good = false;
                self.since_ns = now_ns;
            }
            (true, false) if now_ns.saturating_sub(self.trusted_ns.max(self.since_ns)) >= TRUST_NS => {
                self.trusted_ns = now_ns;
                self.return_ns = (self.return_ns / 2).max(RETURN_NS_MIN);
            }
            (false, true) => self.since_ns = now_ns,
            (false, false) if now_ns.saturating_sub(self.since_ns) >= self.return_ns => {
                self.is_good = true;
                self.since_ns = now_ns;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feedback(now_ns: u64, rtt_ns: u64) -> Feedback {
        Feedback { now_ns, sent_ns: now_ns - rtt_ns, arrival: 0, ack_delay: 0, acked_bytes: 1_250 }
    }

    #[test]
    fn cubic_cuts_once_per_round_trip_and_grows_back_to_where_it_lost() {
        let mut cubic = CubicRate::new(1_000_000);
        for _ in 0..90 {
            cubic.on_feedback(&feedback(NS_PER_S, 0));
        }
        assert_eq!(cubic.flight_bytes_max(), 125_000, "slow start adds what is acked");
        cubic.on_loss(2 * NS_PER_S, NS_PER_S);
        cubic.on_loss(2 * NS_PER_S, 2 * NS_PER_S - 1);
        assert_eq!(cubic.flight_bytes_max(), 87_500);
        // The plateau lies cbrt(100 * 0.3 / 0.4) = 4.22 s after the loss.
        cubic.on_feedback(&feedback(2 * NS_PER_S + 4_217 * NS_PER_MS, 0));
        assert!((124_990..=125_000).contains(&cubic.flight_bytes_max()), "{}", cubic.flight_bytes_max());
    }

    #[test]
    fn two_modes_fall_at_a_bad_round_trip_and_return_later_each_time_they_fall_soon_again() {
        let mut modes = TwoModeRate::new(30_000);
        let mut falls = Vec::new();
        for ms in 0..40_000_u64 {
            let now_ns = 1_000 * NS_PER_S + ms * NS_PER_MS;
            let was_good = modes.is_good;
            // Bad whenever it spends everything.
            modes.on_feedback(&feedback(now_ns, if was_good { 400 * NS_PER_MS } else { 50 * NS_PER_MS }));
            if was_good && !modes.is_good {
                falls.push(ms);
                assert_eq!(modes.rate_bytes_per_s(), 10_000);
            }
        }
        let gaps: Vec<u64> = falls.windows(2).map(|pair| (pair[1] - pair[0]) / 1_000).collect();
        assert_eq!(gaps, [4, 8, 16]);
    }
}
