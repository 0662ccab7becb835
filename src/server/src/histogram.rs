//! How often what was measured lay between fixed bounds: plain counts that only rise.
//!
//! What is measured once a second of every connection is added once a second: the counts are of *connection-seconds*
//! since the start. So the difference of two samples is the distribution over the time between them, which is what
//! Prometheus makes of it (`rate` of the buckets), and servers and restarts add up. A picture of this moment, whose
//! buckets rise and fall, could not be read so.

/// Bounds of every histogram; one more bucket is for what lies above.
pub const BOUNDS: usize = 12;

/// Counts by bucket, the number of all and their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram {
    bounds: &'static [u32; BOUNDS],
    counts: [u64; BOUNDS + 1],
    sum: u64,
}

impl Histogram {
    /// An empty one. Each bound is the greatest value of its bucket; they rise.
    #[must_use]
    pub const fn new(bounds: &'static [u32; BOUNDS]) -> Self {
        Self { bounds, counts: [0; BOUNDS + 1], sum: 0 }
    }

    /// One more value.
    pub fn record(&mut self, value: u32) {
        self.counts[self.bounds.partition_point(|&bound| bound < value)] += 1;
        self.sum += u64::from(value);
    }

    /// The greatest value of each bucket but the last.
    #[must_use]
    pub const fn bounds(&self) -> &'static [u32; BOUNDS] {
        self.bounds
    }

    /// Values by bucket, the last of which is for those above every bound; not added up.
    #[must_use]
    pub const fn counts(&self) -> &[u64; BOUNDS + 1] {
        &self.counts
    }

    /// All values.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }
}

impl Histogram {
    /// What came since an earlier state of this one.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let counts = std::array::from_fn(|at| self.counts[at].saturating_sub(earlier.counts[at]));
        Self { bounds: self.bounds, counts, sum: self.sum.saturating_sub(earlier.sum) }
    }

    /// The greatest value of the bucket in which this part of all values ends, 0 to 1; of the last bucket, which has none, the
    /// bound below it. None of none.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<u32> {
        let rank = ((self.total() as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(self.bounds[at.min(BOUNDS - 1)])
    }

    /// The mean value; none of none.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let total = self.total();
        (total > 0).then(|| self.sum as f64 / total as f64)
    }
}

/// Whether bounds rise, which a search by halves needs; for `const` assertions.
#[must_use]
pub const fn rise(bounds: &[u32; BOUNDS]) -> bool {
    let mut at = 1;
    while at < BOUNDS {
        if bounds[at - 1] >= bounds[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENS: [u32; BOUNDS] = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110];

    #[test]
    fn a_bound_is_the_greatest_of_its_bucket() {
        let mut histogram = Histogram::new(&TENS);
        for value in [0, 1, 10, 11, 110, 111, u32::MAX] {
            histogram.record(value);
        }
        assert_eq!(histogram.counts(), &[1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!((histogram.total(), histogram.sum()), (7, 243 + u64::from(u32::MAX)));
    }

    #[test]
    fn what_lies_between_two_states_has_quantiles_and_a_mean_of_its_own() {
        let mut histogram = Histogram::new(&TENS);
        assert_eq!((histogram.quantile(0.5), histogram.mean()), (None, None));
        (0..100).for_each(|_| histogram.record(5));
        let before = histogram;
        [15, 15, 15, 200].into_iter().for_each(|value| histogram.record(value));
        let between = histogram.since(&before);
        assert_eq!((between.total(), between.mean()), (4, Some(61.25)));
        assert_eq!([0.0, 0.5, 0.75, 1.0].map(|part| between.quantile(part)), [20, 20, 20, 110].map(Some));
    }

    #[test]
    fn bounds_that_do_not_rise_are_told() {
        const FLAT: [u32; BOUNDS] = [0, 10, 20, 30, 40, 50, 60, 60, 80, 90, 100, 110];
        assert!(rise(&TENS) && !rise(&FLAT));
    }
}
