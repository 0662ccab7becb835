//! Clocks that differ: each has a rate and a beginning of its own, and a wall clock that can be set.

use rudp::time::{NS_PER_S, Now};

/// When the simulated world begins, in unix seconds.
pub const UNIX_S: u64 = 1_800_000_000;
/// One part of so many.
const MILLION: u128 = 1_000_000;

/// A computer's clocks, as a function of the time that really is.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// What the monotonic clock shows at the beginning.
    start_ns: u64,
    /// By how many millionths it is fast.
    ppm: i64,
    /// By how much the monotonic clock has jumped ahead.
    ahead_ns: u64,
    /// By how many seconds the wall clock is wrong.
    pub wrong_s: i64,
}

impl Clock {
    /// One that began so long ago, and is fast by so many millionths, 100 at most either way.
    #[must_use]
    pub fn new(start_ns: u64, ppm: i64) -> Self {
        assert!(ppm.unsigned_abs() <= 100, "a clock that bad is no clock");
        Self { start_ns, ppm, ahead_ns: 0, wrong_s: 0 }
    }

    /// The monotonic clock shows so much more from now on.
    pub fn jump(&mut self, ahead_ns: u64) {
        self.ahead_ns += ahead_ns;
    }

    /// What it shows so many nanoseconds after the beginning.
    #[must_use]
    pub fn at(&self, ns: u64) -> Now {
        let fast_ns = (u128::from(ns) * u128::from(self.ppm.unsigned_abs()) / MILLION) as u64;
        let passed_ns = if self.ppm < 0 { ns - fast_ns } else { ns + fast_ns };
        let unix_s = (UNIX_S + ns / NS_PER_S).saturating_add_signed(self.wrong_s);
        Now { mono_ns: self.start_ns + self.ahead_ns + passed_ns, unix_s }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_has_jumped_stays_ahead() {
        let mut clock = Clock::new(5, 0);
        let before = clock.at(NS_PER_S);
        [1, 2].into_iter().for_each(|ahead_ns| clock.jump(ahead_ns));
        assert_eq!(clock.at(NS_PER_S), Now { mono_ns: before.mono_ns + 3, ..before });
    }

    #[test]
    fn a_fast_clock_shows_more_and_a_slow_one_less_and_both_go_on() {
        let hour = 3_600 * NS_PER_S;
        let [slow, right, fast] = [-100, 0, 100].map(|ppm| Clock::new(5, ppm).at(hour).mono_ns);
        assert_eq!((right - slow, fast - right), (360_000_000, 360_000_000));
        let clock = Clock::new(0, -100);
        assert!((0..100_000).map(|ns| ns * 37).is_sorted_by_key(|ns| clock.at(ns).mono_ns));
    }

    #[test]
    fn only_the_wall_clock_can_be_set() {
        let mut clock = Clock::new(7, 0);
        clock.wrong_s = -30;
        assert_eq!(clock.at(2 * NS_PER_S), Now { mono_ns: 7 + 2 * NS_PER_S, unix_s: UNIX_S - 28 });
    }
}
