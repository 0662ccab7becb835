//! How many bytes a connection may put on the wire, and how many of them a snapshot may have this tick.
//!
//! Mechanism here ([`Credit`]), policy behind [`RateController`]: the controller names a rate, the credit turns it into
//! bytes per tick. Everything sent is charged as it looks on the wire, headers of IP, UDP and netcode included.

mod controls;
mod path;
mod trend;

use crate::prefetch::Prefetch;
pub use controls::{CubicRate, FixedRate, TwoModeRate};
pub use trend::{RATE_FLOOR_BYTES_PER_S, RATE_START_BYTES_PER_S, TrendRate};

/// World ticks in a second; the credit grows by one tick's share of the rate at each tick edge.
pub const TICKS_PER_S: u32 = 60;

/// Bytes per second on the wire, headers included, unless configured otherwise.
pub const RATE_DEFAULT_BYTES_PER_S: u32 = 24_000;

/// IPv4 header 20 B and UDP header 8 B.
pub const IPV4_UDP_BYTES: usize = 28;

/// IPv6 header 40 B and UDP header 8 B.
pub const IPV6_UDP_BYTES: usize = 48;

/// Netcode adds a prefix byte, 1 to 8 sequence bytes and a 16-byte tag; this is the fixed part.
const NETCODE_FIXED_BYTES: usize = 17;

/// Body of the netcode packets that are not ours, in bytes: the keep-alive's 8.
pub(crate) const OTHER_BODY_BYTES: usize = 8;

/// Credit is counted in sixtieths of a byte, so that no rate loses a remainder.
const UNITS_PER_BYTE: i64 = TICKS_PER_S as i64;

/// One packet of head-room above two ticks' share, in bytes.
const HEADROOM_BYTES: i64 = 1_200;

/// Bytes that a packet with this netcode sequence and body occupies on the wire.
#[must_use]
pub fn wire_bytes(ip_udp_bytes: usize, sequence: u64, body_bytes: usize) -> usize {
    let sequence_bytes = 8 - (sequence | 1).leading_zeros() as usize / 8;
    ip_udp_bytes + NETCODE_FIXED_BYTES + sequence_bytes + body_bytes
}

/// One observation for a controller: what a header told about the newest packet it acks. All bytes are wire bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// When the header arrived, ns.
    pub now_ns: u64,
    /// When the acked packet was sent, ns on the same clock.
    pub sent_ns: u64,
    /// When it arrived, on the peer's clock in units of 250 us, modulo 2^16.
    pub arrival: u16,
    /// Units of 250 us for which the peer kept the ack back; 255 is that or more.
    pub ack_delay: u8,
    /// Bytes of eliciting packets acked for the first time since the last feedback.
    pub acked_bytes: u64,
}

/// Decides the rate of one connection from what the path shows.
pub trait RateController {
    /// Bytes per second on the wire that the connection may spend now.
    fn rate_bytes_per_s(&self) -> u32;

    /// Bytes that may be undecided at once; snapshot parts wait for acks beyond it.
    fn flight_bytes_max(&self) -> u64 {
        u64::MAX
    }

    /// Nothing is known of the path any more: until an ack arrives it is only probed, with one packet of at most
    /// [`BLIND_PACKET_BYTES_MAX`] in each [`BLIND_INTERVAL_TICKS`] ticks.
    fn is_blind(&self) -> bool {
        false
    }

    /// The path has shown nothing that would hold the connection back: there is no need to hear of it often.
    fn is_at_ease(&self) -> bool {
        true
    }

    /// A packet that elicits an ack left.
    fn on_sent(&mut self, _now_ns: u64) {}

    /// Takes in an observation.
    fn on_feedback(&mut self, _feedback: &Feedback) {}

    /// A packet sent at `sent_ns` was declared lost.
    fn on_loss(&mut self, _now_ns: u64, _sent_ns: u64) {}

    /// A world tick begins.
    fn on_tick_edge(&mut self, _now_ns: u64) {}
}

/// A packet sent blindly has at most this many bytes on the wire.
pub const BLIND_PACKET_BYTES_MAX: usize = 150;

/// Ten blind packets a second.
pub const BLIND_INTERVAL_TICKS: u32 = 6;

/// A packet with a part that tells somebody of little more than himself has so many bytes on the wire.
pub const PART_PACKET_BYTES_MIN: i64 = 100;

/// A tick's share below this many bytes is saved up for a later tick: after 50 B of headers a smaller packet would be
/// mostly overhead. 12,000 B/s still gives 60 Hz.
const SHARE_BYTES_MIN: u32 = 200;

/// Ticks from one snapshot part to the next at this rate: 60, 30, 20 or 10 Hz.
#[must_use]
pub fn part_interval_ticks(rate_bytes_per_s: u32) -> u32 {
    let share = rate_bytes_per_s / TICKS_PER_S;
    [1, 2, 3].into_iter().find(|ticks| share * ticks >= SHARE_BYTES_MIN).unwrap_or(6)
}

/// Which policy a connection follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateControl {
    /// Follows the trend of one-way delay ([`TrendRate`]).
    #[default]
    Trend,
    /// Always the configured rate ([`FixedRate`]).
    Fixed,
    /// A loss-driven window, for comparison ([`CubicRate`]).
    Cubic,
    /// A full and a reduced rate by round trip, for comparison ([`TwoModeRate`]).
    TwoModes,
}

/// The controller of one connection.
#[derive(Clone, Debug)]
pub(crate) enum Controller {
    Trend(TrendRate),
    Fixed(FixedRate),
    Cubic(CubicRate),
    TwoModes(TwoModeRate),
}

impl Controller {
    /// A controller that never allows more than `bytes_per_s`.
    pub(crate) fn new(control: RateControl, bytes_per_s: u32) -> Self {
        match control {
            RateControl::Trend => Self::Trend(TrendRate::new(bytes_per_s)),
            RateControl::Fixed => Self::Fixed(FixedRate { bytes_per_s }),
            RateControl::Cubic => Self::Cubic(CubicRate::new(bytes_per_s)),
            RateControl::TwoModes => Self::TwoModes(TwoModeRate::new(bytes_per_s)),
        }
    }

    /// An observation is about to come.
    pub(crate) fn prefetch(&self, prefetch: Prefetch) {
        if let Self::Trend(policy) = self {
            policy.prefetch(prefetch);
        }
    }

    fn policy(&self) -> &dyn RateController {
        match self {
            Self::Trend(policy) => policy,
            Self::Fixed(policy) => policy,
            Self::Cubic(policy) => policy,
            Self::TwoModes(policy) => policy,
        }
    }

    fn policy_mut(&mut self) -> &mut dyn RateController {
        match self {
            Self::Trend(policy) => policy,
            Self::Fixed(policy) => policy,
            Self::Cubic(policy) => policy,
            Self::TwoModes(policy) => policy,
        }
    }
}

impl RateController for Controller {
    fn rate_bytes_per_s(&self) -> u32 {
        self.policy().rate_bytes_per_s()
    }
    fn flight_bytes_max(&self) -> u64 {
        self.policy().flight_bytes_max()
    }
    fn is_blind(&self) -> bool {
        self.policy().is_blind()
    }
    fn is_at_ease(&self) -> bool {
        self.policy().is_at_ease()
    }
    fn on_sent(&mut self, now_ns: u64) {
        self.policy_mut().on_sent(now_ns);
    }
    fn on_feedback(&mut self, feedback: &Feedback) {
        self.policy_mut().on_feedback(feedback);
    }
    fn on_loss(&mut self, now_ns: u64, sent_ns: u64) {
        self.policy_mut().on_loss(now_ns, sent_ns);
    }
    fn on_tick_edge(&mut self, now_ns: u64) {
        self.policy_mut().on_tick_edge(now_ns);
    }
}

/// Bytes a connection may still spend; negative when it owes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credit {
    units: i64,
}

impl Credit {
    /// A tick begins: one tick's share comes in. At most two ticks and a packet are saved up; a debt of more than one
    /// second is forgiven, so that a burst of reliable messages is soon paid for.
    pub fn on_tick_edge(&mut self, rate_bytes_per_s: u32) {
        let share = i64::from(rate_bytes_per_s);
        let units_max = 2 * share + HEADROOM_BYTES * UNITS_PER_BYTE;
        let units_min = -share * UNITS_PER_BYTE;
        self.units = (self.units.max(units_min) + share).min(units_max);
    }

    /// A packet of this many wire bytes left.
    pub fn spend(&mut self, wire_bytes: usize) {
        self.units = self.units.saturating_sub(i64::try_from(wire_bytes).unwrap_or(i64::MAX / 64) * UNITS_PER_BYTE);
    }

    /// Whole bytes left, rounded down.
    #[must_use]
    pub fn bytes(&self) -> i64 {
        self.units.div_euclid(UNITS_PER_BYTE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_ticks_pays_exactly_the_rate() {
        let mut credit = Credit::default();
        let mut spent = 0;
        for _ in 0..60 {
            credit.on_tick_edge(24_001);
            let bytes = credit.bytes();
            credit.spend(usize::try_from(bytes).expect("positive"));
            spent += bytes;
        }
        assert_eq!(spent, 24_001);
    }

    #[test]
    fn credit_is_capped_and_overspending_is_debt() {
        let mut credit = Credit::default();
        for _ in 0..100 {
            credit.on_tick_edge(24_000);
        }
        assert_eq!(credit.bytes(), 800 + 1_200);
        credit.spend(2_900);
        assert_eq!(credit.bytes(), -900);
        credit.on_tick_edge(24_000);
        assert_eq!(credit.bytes(), -500);
    }

    #[test]
    fn a_debt_is_paid_off_within_a_second() {
        let mut credit = Credit::default();
        credit.spend(1_000_000);
        for _ in 0..61 {
            credit.on_tick_edge(24_000);
        }
        assert!(credit.bytes() > 0);
    }

    #[test]
    fn a_falling_rate_steps_through_60_30_20_and_10_hz() {
        let steps = [24_000, 12_000, 11_999, 6_000, 5_999, 4_020, 4_019, 0].map(part_interval_ticks);
        assert_eq!(steps, [1, 1, 2, 2, 3, 3, 6, 6]);
    }

    #[test]
    fn wire_bytes_count_every_header() {
        for (sequence, sequence_bytes) in [(0, 1), (255, 1), (256, 2), (u64::MAX, 8)] {
            assert_eq!(wire_bytes(IPV4_UDP_BYTES, sequence, 100), 28 + 1 + sequence_bytes + 16 + 100);
        }
    }
}
