//! Truncated numbers and their way back: 16 bits on the wire, 64 bits inside, widened at once on arrival.
//!
//! Nothing in this crate compares two 16-bit numbers: a comparison that wraps is written here or nowhere.

/// First sequence outside ack space (spec: PKT-1). Netcode's global sequence starts at 2^63, so every packet numbered
/// from here up belongs to no connection and is never acked.
pub const ACK_SPACE_END: u64 = 1 << 63;

/// Half of the numbers that 16 bits can tell apart.
const HALF_SPAN: u64 = 1 << 15;
const SPAN: u64 = 1 << 16;

/// The number nearest to `near` whose low 16 bits are `low`; `near` itself may lie at most 32,768 above or 32,767 below
/// the answer. Near zero the answer is never negative: the next larger candidate is taken.
///
/// The rule is that of RFC 9000, appendix A.3, for a fixed truncation of 16 bits.
#[must_use]
pub const fn widen(low: u16, near: u64) -> u64 {
    let candidate = (near & !(SPAN - 1)) | low as u64;
    if candidate > near && candidate - near > HALF_SPAN && candidate >= SPAN {
        candidate - SPAN
    } else if near > candidate && near - candidate >= HALF_SPAN && candidate < u64::MAX - SPAN {
        candidate + SPAN
    } else {
        candidate
    }
}

/// The 16 bits of a number that travel.
#[must_use]
#[allow(clippy::cast_possible_truncation)]
pub const fn narrow(number: u64) -> u16 {
    (number & (SPAN - 1)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn widening_is_exact_at_every_edge_of_the_window() {
        for near in [0, 1, 40_000, (1 << 16) - 1, 1 << 16, (1 << 32) - 5, 1 << 32, ACK_SPACE_END - 1] {
            for offset in [0_u64, 1, 1_000, HALF_SPAN - 1] {
                assert_eq!(widen(narrow(near + offset), near), near + offset);
                if near >= offset {
                    assert_eq!(widen(narrow(near - offset), near), near - offset);
                }
            }
        }
    }

    #[test]
    fn a_number_below_zero_becomes_the_next_larger_one() {
        assert_eq!(widen(65_535, 0), 65_535);
    }

    proptest! {
        #[test]
        fn widening_keeps_the_low_bits_and_stays_near(low: u16, near in 0..ACK_SPACE_END) {
            let wide = widen(low, near);
            prop_assert_eq!(narrow(wide), low);
            prop_assert!(wide.abs_diff(near) <= HALF_SPAN || wide < SPAN);
        }
    }
}
