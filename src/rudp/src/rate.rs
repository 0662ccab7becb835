//! How many bytes a connection may put on the wire, and how many of them a snapshot may have this tick.
//!
//! Mechanism here ([`Credit`]), policy behind [`RateController`]: the controller names a rate, the credit turns it into
//! bytes per tick. Everything sent is charged as it looks on the wire, headers of IP, UDP and netcode included.

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

/// One observation for a controller: what a header told about the newest packet it acks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// When the header arrived, ns.
    pub now_ns: u64,
    /// When the acked packet was sent, ns on the same clock.
    pub sent_ns: u64,
    /// When it arrived, on the peer's clock in units of 250 us, modulo 2^16.
    pub arrival: u16,
    /// Body bytes that this header acked for the first time.
    pub acked_bytes: u64,
}

/// Decides the rate of one connection from what the path shows.
pub trait RateController {
    /// Bytes per second on the wire that the connection may spend now.
    fn rate_bytes_per_s(&self) -> u32;

    /// Takes in an observation.
    fn on_feedback(&mut self, feedback: &Feedback);
}

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

    fn on_feedback(&mut self, _feedback: &Feedback) {}
}

/// Bytes a connection may still spend; negative when it owes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credit {
    units: i64,
}

impl Credit {
    /// A tick begins: one tick's share comes in. At most two ticks and a packet are saved up; a debt of more than one
    /// second is forgiven, so that a burst of reliable messages blinds a player for no longer than that.
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
    fn wire_bytes_count_every_header() {
        for (sequence, sequence_bytes) in [(0, 1), (255, 1), (256, 2), (u64::MAX, 8)] {
            assert_eq!(wire_bytes(IPV4_UDP_BYTES, sequence, 100), 28 + 1 + sequence_bytes + 16 + 100);
        }
    }
}
