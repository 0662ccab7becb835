//! Round-trip time, after RFC 9002 section 5, in whole nanoseconds.

/// Assumed before the first sample: 333 ms (RFC 9002, section 6.2.2).
pub const RTT_INITIAL_NS: u64 = 333_000_000;

/// Smoothed round trip and its variation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtt {
    latest_ns: u64,
    min_ns: u64,
    smoothed_ns: u64,
    variation_ns: u64,
    samples: u64,
}

impl Default for Rtt {
    fn default() -> Self {
        Self {
            latest_ns: RTT_INITIAL_NS,
            min_ns: RTT_INITIAL_NS,
            smoothed_ns: RTT_INITIAL_NS,
            variation_ns: RTT_INITIAL_NS / 2,
            samples: 0,
        }
    }
}

impl Rtt {
    /// Takes in one sample: `elapsed_ns` from sending to the ack, of which the peer says it waited `ack_delay_ns`.
    ///
    /// The delay is believed only as far as the result stays above the smallest round trip seen (RFC 9002, 5.3): a peer
    /// that exaggerates cannot push the estimate below what the path has shown.
    pub fn on_sample(&mut self, elapsed_ns: u64, ack_delay_ns: u64) {
        self.latest_ns = elapsed_ns;
        if self.samples == 0 {
            self.min_ns = elapsed_ns;
            self.smoothed_ns = elapsed_ns;
            self.variation_ns = elapsed_ns / 2;
        } else {
            self.min_ns = self.min_ns.min(elapsed_ns);
            let believed = elapsed_ns >= self.min_ns.saturating_add(ack_delay_ns);
            let adjusted_ns = if believed { elapsed_ns - ack_delay_ns } else { elapsed_ns };
            let deviation_ns = self.smoothed_ns.abs_diff(adjusted_ns);
            self.variation_ns = self.variation_ns - self.variation_ns / 4 + deviation_ns / 4;
            self.smoothed_ns = self.smoothed_ns - self.smoothed_ns / 8 + adjusted_ns / 8;
        }
        self.samples += 1;
    }

    /// Smoothed round trip in ns; 333 ms before the first sample.
    #[must_use]
    pub fn smoothed_ns(&self) -> u64 {
        self.smoothed_ns
    }

    /// Mean deviation in ns.
    #[must_use]
    pub fn variation_ns(&self) -> u64 {
        self.variation_ns
    }

    /// Smallest sample in ns, ack delay included.
    #[must_use]
    pub fn min_ns(&self) -> u64 {
        self.min_ns
    }

    /// Last sample in ns, ack delay included.
    #[must_use]
    pub fn latest_ns(&self) -> u64 {
        self.latest_ns
    }

    /// Samples taken in.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn the_first_sample_replaces_the_assumption() {
        let mut rtt = Rtt::default();
        assert_eq!((rtt.smoothed_ns(), rtt.variation_ns()), (333 * MS, 333 * MS / 2));
        rtt.on_sample(80 * MS, 20 * MS);
        assert_eq!((rtt.smoothed_ns(), rtt.variation_ns(), rtt.min_ns()), (80 * MS, 40 * MS, 80 * MS));
    }

    #[test]
    fn later_samples_are_weighted_one_eighth_and_one_quarter() {
        let mut rtt = Rtt::default();
        rtt.on_sample(80 * MS, 0);
        rtt.on_sample(160 * MS, 0);
        assert_eq!(rtt.smoothed_ns(), 70 * MS + 20 * MS);
        assert_eq!(rtt.variation_ns(), 30 * MS + 20 * MS);
    }

    #[test]
    fn the_ack_delay_is_subtracted_only_above_the_smallest_round_trip() {
        let mut rtt = Rtt::default();
        rtt.on_sample(80 * MS, 0);
        rtt.on_sample(104 * MS, 24 * MS);
        assert_eq!(rtt.smoothed_ns(), 80 * MS);
        rtt.on_sample(96 * MS, 60 * MS);
        assert_eq!(rtt.smoothed_ns(), 70 * MS + 12 * MS, "a delay that would undercut the minimum is not believed");
    }
}
