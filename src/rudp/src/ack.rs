//! What has arrived: the receiver's half of the ack exchange.
//!
//! Two masks, because seeing a packet and vouching for it differ: a packet that could not be used (its snapshot did not
//! decode, its reliable messages found no room) was seen, so that a copy of it is refused, but is never acked.

use crate::packet::{AckField, MASK_BITS, TIMING_TICK_NS, Timing};
use crate::sequence::narrow;

/// An ack leaves at latest this long after an ack-eliciting packet arrived: 25 ms (spec: PKT-14). The sender adds the
/// same constant to its probe time-out, so that waiting for company never looks like loss.
pub const ACK_DELAY_NS_MAX: u64 = 25_000_000;

/// So long an ack waits for company when nothing of what arrived is ever sent again or built on: 100 ms (spec: PKT-14), the
/// time from one snapshot to the next at 10 Hz, the slowest. With 25 ms a server that tells of the world twelve times a
/// second answered thirty inputs a second with more packets of acks alone than of snapshots.
pub const ACK_DELAY_PATIENT_NS_MAX: u64 = 100_000_000;

/// With this many unacked eliciting packets the ack leaves at once: a quarter of what one mask can tell, so that a
/// burst never outruns the reach of its acks (spec: PKT-14).
pub const ACK_AFTER_PACKETS: u32 = MASK_BITS / 4;

/// After this long without an arrival headers carry no acks: 30 s (spec: PKT-15). The newest number is cut to 16 bits;
/// a peer that sent 32,768 packets more meanwhile would misread it, which at 30 s takes 1,092 packets a second.
pub const ACK_STALE_NS: u64 = 30_000_000_000;

/// How much the sender of a packet wants to hear that it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Elicits {
    /// Not at all: it brought acks alone.
    Nothing,
    /// In time: nothing in it would be sent again, nor is built on.
    Patient,
    /// Soon: something in it is sent again or built on, or a probe asks.
    Prompt,
}

impl Elicits {
    /// How long the ack may wait, in ns.
    #[must_use]
    pub const fn delay_ns_max(self) -> Option<u64> {
        match self {
            Self::Nothing => None,
            Self::Patient => Some(ACK_DELAY_PATIENT_NS_MAX),
            Self::Prompt => Some(ACK_DELAY_NS_MAX),
        }
    }
}

/// What the receiver thinks of a packet number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Not seen before, in front of all others or within reach of the mask.
    Fresh {
        /// Not the newest.
        late: bool,
    },
    /// Seen before.
    Duplicate,
    /// More than 128 below the newest: can be neither told from a copy nor acked (spec: PKT-16).
    TooOld,
}

/// Packets received, and when the next ack is due.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// The highest number seen.
    newest: Option<u64>,
    newest_arrival_ns: u64,
    newest_vouched: bool,
    /// Bit n: `newest - 1 - n` was seen.
    seen: u128,
    /// Bit n: `newest - 1 - n` may be acked; a subset of `seen`.
    vouched: u128,
    /// Ack-eliciting packets since the last header went out.
    unacked: u32,
    deadline_ns: Option<u64>,
    due: bool,
}

impl Received {
    /// Where this number stands, before its packet is acted upon.
    pub(crate) fn classify(&self, sequence: u64) -> Arrival {
        let Some(newest) = self.newest else { return Arrival::Fresh { late: false } };
        if sequence > newest {
            return Arrival::Fresh { late: false };
        }
        match newest - sequence {
            0 => Arrival::Duplicate,
            back if back > u64::from(MASK_BITS) => Arrival::TooOld,
            back if self.seen & (1 << (back - 1)) != 0 => Arrival::Duplicate,
            _ => Arrival::Fresh { late: true },
        }
    }

    /// Notes a fresh packet. `vouched`: everything in it was accepted, it may be acked.
    pub(crate) fn on_packet(&mut self, now_ns: u64, sequence: u64, vouched: bool, elicits: Elicits) {
        match self.newest {
            Some(newest) if sequence < newest => {
                let bit = 1 << (newest - 1 - sequence);
                self.seen |= bit;
                self.vouched |= if vouched { bit } else { 0 };
            }
            newest => {
                if let Some(newest) = newest {
                    self.slide(sequence - newest);
                }
                self.newest = Some(sequence);
                self.newest_arrival_ns = now_ns;
                self.newest_vouched = vouched;
            }
        }
        if let Some(delay_ns) = elicits.delay_ns_max().filter(|_| vouched) {
            self.unacked += 1;
            self.due |= self.unacked >= ACK_AFTER_PACKETS;
            let deadline_ns = now_ns + delay_ns;
            self.deadline_ns = Some(self.deadline_ns.map_or(deadline_ns, |earlier| earlier.min(deadline_ns)));
        }
    }

    /// Takes back the word given for a packet. A number that is unknown or out of reach changes nothing.
    pub(crate) fn refuse(&mut self, sequence: u64) {
        let Some(newest) = self.newest else { return };
        match newest.checked_sub(sequence) {
            Some(0) => self.newest_vouched = false,
            Some(back) if back <= u64::from(MASK_BITS) => self.vouched &= !(1 << (back - 1)),
            _ => {}
        }
    }

    /// The acks to write into a header that leaves now.
    pub(crate) fn field(&self, now_ns: u64) -> Option<AckField> {
        let newest = self.newest?;
        let age_ns = now_ns.saturating_sub(self.newest_arrival_ns);
        if age_ns > ACK_STALE_NS {
            return None;
        }
        if self.newest_vouched {
            let timing = Timing {
                delay: u8::try_from(age_ns / TIMING_TICK_NS).unwrap_or(Timing::DELAY_MAX),
                arrival: narrow(self.newest_arrival_ns / TIMING_TICK_NS),
            };
            return Some(AckField {
                newest: narrow(newest),
                mask: fill_below_zero(self.vouched, newest),
                timing: Some(timing),
            });
        }
        // The newest number may not be named: start from the newest vouched one, whose arrival is not kept.
        let back = self.vouched.trailing_zeros();
        if back >= MASK_BITS {
            return None;
        }
        let named = newest - 1 - u64::from(back);
        let mask = self.vouched.checked_shr(back + 1).unwrap_or(0);
        Some(AckField { newest: narrow(named), mask: fill_below_zero(mask, named), timing: None })
    }

    /// A header went out: what was due has been said.
    pub(crate) fn on_header_sent(&mut self) {
        self.unacked = 0;
        self.deadline_ns = None;
        self.due = false;
    }

    /// An ack should leave now, alone if need be.
    pub(crate) fn is_due(&self, now_ns: u64) -> bool {
        self.due || self.deadline_ns.is_some_and(|deadline| deadline <= now_ns)
    }

    /// When an ack becomes due, unless one is due already.
    pub(crate) fn deadline_ns(&self) -> Option<u64> {
        if self.due { None } else { self.deadline_ns }
    }

    /// Moves a deadline that has passed out of the timers.
    pub(crate) fn on_timeout(&mut self, now_ns: u64) {
        if self.is_due(now_ns) {
            self.due = true;
        }
    }

    fn slide(&mut self, by: u64) {
        let by = u32::try_from(by).unwrap_or(u32::MAX);
        let old_newest_bit = by.checked_sub(1).and_then(|shift| 1_u128.checked_shl(shift)).unwrap_or(0);
        let vouched_bit = if self.newest_vouched { old_newest_bit } else { 0 };
        self.seen = self.seen.checked_shl(by).unwrap_or(0) | old_newest_bit;
        self.vouched = self.vouched.checked_shl(by).unwrap_or(0) | vouched_bit;
    }
}

/// Numbers below zero do not exist; as received they are elided (spec: PKT-12).
fn fill_below_zero(mask: u128, newest: u64) -> u128 {
    match u32::try_from(newest).ok().and_then(|newest| u128::MAX.checked_shl(newest)) {
        Some(below_zero) => mask | below_zero,
        None => mask,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(numbers: &[u64]) -> Received {
        let mut received = Received::default();
        for &number in numbers {
            assert!(matches!(received.classify(number), Arrival::Fresh { .. }), "{number}");
            received.on_packet(0, number, true, Elicits::Prompt);
        }
        received
    }

    #[test]
    fn bit_n_means_newest_minus_one_minus_n() {
        // proves: PKT-12
        let field = received(&[1_000, 1_003, 1_001]).field(0).expect("acks");
        assert_eq!(field.newest, 1_003);
        assert_eq!(field.mask, 0b110);
    }

    #[test]
    fn a_number_128_below_the_newest_is_in_reach_and_129_is_not() {
        // proves: PKT-12, PKT-16
        let mut received = received(&[10_000]);
        assert_eq!(received.classify(10_000 - 128), Arrival::Fresh { late: true });
        assert_eq!(received.classify(10_000 - 129), Arrival::TooOld);
        received.on_packet(0, 10_000 - 128, true, Elicits::Nothing);
        assert_eq!(received.field(0).expect("acks").mask, 1 << 127);
        assert_eq!(received.classify(10_000 - 128), Arrival::Duplicate);
        assert_eq!(received.classify(10_000), Arrival::Duplicate);
    }

    #[test]
    fn a_jump_keeps_the_old_newest_exactly_as_far_as_the_mask_reaches() {
        for (jump, mask) in [(1, 1_u128), (2, 2), (128, 1 << 127), (129, 0), (1 << 40, 0)] {
            let received = received(&[1_000, 1_000 + jump]);
            assert_eq!(received.field(0).expect("acks").mask, mask, "jump {jump}");
        }
    }

    #[test]
    fn the_first_packets_of_a_session_cost_no_mask() {
        // proves: PKT-12
        let field = received(&[0, 1, 2]).field(0).expect("acks");
        assert_eq!(field.mask, u128::MAX);
        assert_eq!(AckField::encoded_bytes(Some(&field)), 6);
    }

    #[test]
    fn a_refused_packet_is_seen_but_never_acked() {
        // proves: PKT-17
        let mut received = received(&[1_000, 1_001, 1_002]);
        received.refuse(1_001);
        assert_eq!(received.field(0).expect("acks").mask, 0b10);
        assert_eq!(received.classify(1_001), Arrival::Duplicate);
        received.refuse(1_002);
        let field = received.field(0).expect("acks");
        assert_eq!((field.newest, field.mask, field.timing), (1_000, 0, None));
        received.refuse(1_000);
        assert_eq!(received.field(0), None);
        received.on_packet(0, 1_003, true, Elicits::Nothing);
        assert_eq!(received.field(0).expect("acks").mask, 0);
    }

    #[test]
    fn timing_saturates_and_wraps_as_written() {
        // proves: PKT-13
        let mut received = Received::default();
        let arrival_ns = (65_536 + 7) * TIMING_TICK_NS + 249_999;
        received.on_packet(arrival_ns, 5, true, Elicits::Prompt);
        let timing = |after_ns| received.field(arrival_ns + after_ns).expect("acks").timing.expect("timing");
        assert_eq!(timing(0), Timing { delay: 0, arrival: 7 });
        assert_eq!(timing(1_000_000), Timing { delay: 4, arrival: 7 });
        assert_eq!(timing(63_750_000), Timing { delay: 255, arrival: 7 });
        assert_eq!(timing(1_000_000_000), Timing { delay: 255, arrival: 7 });
    }

    #[test]
    fn acks_go_stale_after_thirty_seconds_of_nothing() {
        // proves: PKT-15
        let received = received(&[5]);
        assert!(received.field(ACK_STALE_NS).is_some());
        assert!(received.field(ACK_STALE_NS + 1).is_none());
    }

    #[test]
    fn the_ack_is_due_25_ms_after_the_first_eliciting_packet_and_at_once_after_32() {
        // proves: PKT-14
        let mut received = Received::default();
        received.on_packet(0, 0, true, Elicits::Nothing);
        assert_eq!(received.deadline_ns(), None);
        received.on_packet(5, 1, true, Elicits::Prompt);
        received.on_packet(9, 2, true, Elicits::Prompt);
        assert_eq!(received.deadline_ns(), Some(5 + ACK_DELAY_NS_MAX));
        assert!(!received.is_due(4 + ACK_DELAY_NS_MAX) && received.is_due(5 + ACK_DELAY_NS_MAX));
        for number in 3..=31 {
            received.on_packet(9, number, true, Elicits::Prompt);
        }
        assert!(!received.is_due(9));
        received.on_packet(9, 32, true, Elicits::Prompt);
        assert!(received.is_due(9));
        received.on_header_sent();
        assert!(!received.is_due(u64::MAX) && received.deadline_ns().is_none());
    }
}
