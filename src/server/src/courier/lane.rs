//! One store, as whoever works with it sees it: it answers, or it is left alone for a while.

use super::Trouble;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rudp::time::NS_PER_S;

/// First pause after a failure: 100 ms. It doubles with each that follows.
const PAUSE_MIN_NS: u64 = NS_PER_S / 10;
/// Longest pause while a store is away: it is noticed within so long that it is back.
const PAUSE_MAX_NS: u64 = 2 * NS_PER_S;
/// Longest pause where only a person can help: credentials, a schema of another build.
const PAUSE_HELP_NS: u64 = 15 * NS_PER_S;

/// A store.
#[derive(Debug)]
pub struct Lane {
    rng: StdRng,
    /// Failures since it last did what it was asked for.
    failures: u32,
    /// It is left alone until then.
    rests_until_ns: u64,
    /// What is wrong with it, and since when; none while it works.
    trouble: Option<(Trouble, u64)>,
    /// Failures since start, by [`Trouble::ALL`].
    pub counts: [u64; Trouble::ALL.len()],
}

impl Lane {
    /// A store that has not been asked for anything.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self { rng, failures: 0, rests_until_ns: 0, trouble: None, counts: [0; Trouble::ALL.len()] }
    }

    /// Whether it may be asked for something.
    #[must_use]
    pub fn is_open(&self, now_ns: u64) -> bool {
        now_ns >= self.rests_until_ns
    }

    /// When it may be.
    #[must_use]
    pub fn opens_ns(&self) -> u64 {
        self.rests_until_ns
    }

    /// It did what it was asked for.
    pub fn on_ok(&mut self) {
        self.failures = 0;
        self.rests_until_ns = 0;
        self.trouble = None;
    }

    /// It did not.
    pub fn on_trouble(&mut self, trouble: Trouble, now_ns: u64) {
        let index = Trouble::ALL.iter().position(|&known| known == trouble).expect("all are there");
        self.counts[index] += 1;
        self.trouble = Some((trouble, self.trouble.map_or(now_ns, |(_, since_ns)| since_ns)));
        let most = match trouble {
            Trouble::Credentials | Trouble::Schema | Trouble::Broken => PAUSE_HELP_NS,
            _ => PAUSE_MAX_NS,
        };
        let pause = PAUSE_MIN_NS.saturating_mul(1 << self.failures.min(16)).min(most);
        self.failures = self.failures.saturating_add(1);
        // Up to half as long again, so that those who lost it together do not come back together.
        self.rests_until_ns = now_ns + pause + self.rng.random_range(0..=pause / 2);
    }

    /// What is wrong with it, and since when.
    #[must_use]
    pub fn trouble(&self) -> Option<(Trouble, u64)> {
        self.trouble
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound_and_end_with_the_first_success() {
        let mut lane = Lane::new(1);
        let mut now_ns = 1;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            lane.on_trouble(Trouble::Down, now_ns);
            assert!(!lane.is_open(now_ns));
            pauses.push(lane.opens_ns() - now_ns);
            now_ns = lane.opens_ns();
            assert!(lane.is_open(now_ns));
        }
        let bounds = [1, 2, 4, 8, 16, 20, 20, 20].map(|tenths| tenths * PAUSE_MIN_NS);
        for (pause, bound) in pauses.iter().zip(bounds) {
            assert!((bound..=bound + bound / 2).contains(pause), "{pause} of {bound}");
        }
        assert_eq!(lane.trouble(), Some((Trouble::Down, 1)), "since the first");
        lane.on_ok();
        assert!(lane.is_open(now_ns) && lane.trouble().is_none());
        lane.on_trouble(Trouble::Slow, now_ns);
        assert!(lane.opens_ns() - now_ns <= PAUSE_MIN_NS * 3 / 2);
        assert_eq!((lane.counts[0], lane.counts[1]), (8, 1));
    }

    #[test]
    fn where_only_a_person_can_help_the_pauses_grow_longer() {
        let mut lane = Lane::new(1);
        for _ in 0..12 {
            lane.on_trouble(Trouble::Credentials, 0);
        }
        assert!(lane.opens_ns() >= PAUSE_HELP_NS);
    }

    #[test]
    fn two_that_lost_it_together_do_not_come_back_together() {
        let opens = |seed| {
            let mut lane = Lane::new(seed);
            (0..5).for_each(|_| lane.on_trouble(Trouble::Down, 0));
            lane.opens_ns()
        };
        assert_ne!(opens(1), opens(2));
        assert_eq!(opens(1), opens(1));
    }
}
