//! How long ticks take: counts in buckets that are fixed, so that two samples subtract.

/// Buckets of [`TickTimes::counts`]: 99 with an upper bound and one for all above 1 s.
pub const BUCKETS: usize = 100;
/// Upper bounds of the coarse buckets for dashboards, in nanoseconds: 0.5 to 100 ms, with a tick's own 16.7 ms.
pub const COARSE_NS: [u64; 13] = [
    500_000,
    1_000_000,
    2_000_000,
    3_000_000,
    4_000_000,
    6_000_000,
    8_000_000,
    10_000_000,
    12_000_000,
    16_666_667,
    25_000_000,
    50_000_000,
    100_000_000,
];

/// Smallest upper bound, 10 us, and how many powers of ten the bounds span (up to 1 s).
const FIRST_US: f64 = 10.0;
const DECADES: f64 = 5.0;

/// Durations since start.
#[derive(Clone, Debug)]
pub struct TickTimes {
    upper_ns: [u64; BUCKETS - 1],
    counts: [u64; BUCKETS],
    coarse: [u64; COARSE_NS.len()],
    sum_ns: u64,
    total: u64,
}

impl Default for TickTimes {
    fn default() -> Self {
        let bound = |index: usize| (FIRST_US * 10f64.powf(DECADES * index as f64 / (BUCKETS - 2) as f64) * 1e3).round();
        Self {
            upper_ns: std::array::from_fn(|index| bound(index) as u64),
            counts: [0; BUCKETS],
            coarse: [0; COARSE_NS.len()],
            sum_ns: 0,
            total: 0,
        }
    }
}

impl TickTimes {
    /// Counts a tick that took this long.
    pub fn record(&mut self, ns: u64) {
        self.counts[self.upper_ns.partition_point(|&upper| upper < ns)] += 1;
        if let Some(count) = self.coarse.get_mut(COARSE_NS.partition_point(|&upper| upper < ns)) {
            *count += 1;
        }
        self.sum_ns += ns;
        self.total += 1;
    }

    /// Upper bounds in microseconds, inclusive; none for the last bucket.
    pub fn upper_us(&self) -> impl Iterator<Item = Option<f64>> {
        self.upper_ns.iter().map(|&ns| Some(ns as f64 / 1e3)).chain([None])
    }

    /// Ticks per bucket.
    pub fn counts(&self) -> &[u64; BUCKETS] {
        &self.counts
    }

    /// Ticks per coarse bucket, not cumulative; those above the last bound are in [`Self::total`] only.
    pub fn coarse(&self) -> &[u64; COARSE_NS.len()] {
        &self.coarse
    }

    /// All ticks together, in nanoseconds.
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// How many ticks.
    pub fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_rise_from_ten_microseconds_to_a_second() {
        let times = TickTimes::default();
        let bounds: Vec<_> = times.upper_us().collect();
        assert_eq!(bounds.len(), BUCKETS);
        assert_eq!((bounds[0], bounds[BUCKETS - 2], bounds[BUCKETS - 1]), (Some(10.0), Some(1e6), None));
        assert!(bounds[..BUCKETS - 1].windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let mut times = TickTimes::default();
        for ns in [0, 10_000, 10_001, 1_000_000_000, 1_000_000_001, u64::from(u32::MAX)] {
            times.record(ns);
        }
        assert_eq!((times.counts()[0], times.counts()[1]), (2, 1));
        assert_eq!((times.counts()[BUCKETS - 2], times.counts()[BUCKETS - 1]), (1, 2));
        assert_eq!((times.coarse()[0], times.total()), (3, 6));
        assert_eq!(times.coarse().iter().sum::<u64>(), 3, "a second is above every coarse bucket");
    }
}
