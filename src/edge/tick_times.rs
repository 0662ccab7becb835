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

/// Ticks per bucket.
pub type Counts = [u64; BUCKETS];
/// None in any.
pub const NO_TICKS: Counts = [0; BUCKETS];

/// Smallest upper bound, 10 us, and how many powers of ten the bounds span (up to 1 s).
const FIRST_US: f64 = 10.0;
const DECADES: f64 = 5.0;

/// Durations since start.
#[derive(Clone, Debug)]
pub struct TickTimes {
    upper_ns: [u64; BUCKETS - 1],
    counts: Counts,
    coarse: [u64; COARSE_NS.len()],
    sum_ns: u64,
    total: u64,
}

impl Default for TickTimes {
    fn default() -> Self {
        Self {
            upper_ns: std::array::from_fn(bound_ns),
            counts: NO_TICKS,
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
    pub fn counts(&self) -> &Counts {
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

/// Upper bound of a bucket that has one.
fn bound_ns(index: usize) -> u64 {
    (FIRST_US * 10f64.powf(DECADES * index as f64 / (BUCKETS - 2) as f64) * 1e3).round() as u64
}

/// The time, in nanoseconds, that this part (0 to 1) of the ticks did not exceed: the upper bound of its bucket, at most 13 %
/// too much; 1 s if it is above that. None without ticks.
pub fn quantile_ns(counts: &Counts, part: f64) -> Option<u64> {
    let total: u64 = counts.iter().sum();
    let rank = ((total as f64 * part).ceil() as u64).max(1);
    let mut sum = 0;
    let at = counts.iter().position(|count| {
        sum += count;
        sum >= rank
    })?;
    Some(bound_ns(at.min(BUCKETS - 2)))
}

/// The bucket of a tick that took this long, for tests that make up ticks.
#[cfg(test)]
pub fn bucket(ns: u64) -> usize {
    TickTimes::default().upper_ns.partition_point(|&upper| upper < ns)
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

    #[test]
    fn a_quantile_is_the_bound_of_the_bucket_in_which_that_part_of_the_ticks_ends() {
        assert_eq!(quantile_ns(&NO_TICKS, 0.5), None);
        let mut times = TickTimes::default();
        for _ in 0..98 {
            times.record(1_000_000);
        }
        (0..2).for_each(|_| times.record(20_000_000));
        let [p50, p98, p99] = [0.5, 0.98, 0.99].map(|part| quantile_ns(times.counts(), part).unwrap());
        assert!((1_000_000..1_130_000).contains(&p50) && p98 == p50, "{p50} {p98}");
        assert!((20_000_000..22_600_000).contains(&p99), "{p99}");
        times.record(5_000_000_000);
        assert_eq!(quantile_ns(times.counts(), 1.0), Some(1_000_000_000));
    }
}
