//! Many seeds: what each is asked for, and what all came to.

use crate::fault::KindSet;
use crate::plan::Options;
use crate::simulation::{Failure, Tally};
use std::ops::Range;

/// People in a large simulation.
pub const LARGE: u32 = 200;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Which seeds.
    pub seeds: Range<u64>,
    /// How many of them have [`LARGE`] people, spread over all.
    pub large: u64,
    /// Ticks of each; none leaves it at the usual.
    pub ticks: Option<u32>,
    /// People of those that are not large; none leaves it to the seeds.
    pub players: Option<u32>,
    /// Which kinds of fault may come.
    pub faults: KindSet,
}

impl Campaign {
    /// What is asked for with a seed.
    #[must_use]
    pub fn options(&self, seed: u64) -> Options {
        let Self { ticks, faults, .. } = *self;
        let players = if self.is_large(seed) { Some(LARGE) } else { self.players };
        Options { ticks, players, faults, ..Options::of_seed(seed) }
    }

    fn is_large(&self, seed: u64) -> bool {
        let every = (self.seeds.end - self.seeds.start).checked_div(self.large).unwrap_or(0);
        every > 0 && (seed - self.seeds.start) % every == every / 2
    }
}

/// What came of it so far. It does not depend on the order in which simulations ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Of those that did not fail.
    pub tally: Tally,
    /// Seeds that are done.
    pub seeds: u64,
    /// Those that failed.
    pub failures: Vec<Failure>,
}

impl Outcome {
    /// One more is done.
    pub fn add(&mut self, result: Result<Tally, Box<Failure>>) {
        self.seeds += 1;
        match result {
            Ok(tally) => self.tally.add(&tally),
            Err(failure) => {
                let at = self.failures.partition_point(|other| other.options.seed < failure.options.seed);
                self.failures.insert(at, *failure);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_large_as_asked_for() {
        let campaign = Campaign { seeds: 5..1_005, large: 10, ticks: None, players: None, faults: KindSet::ALL };
        let large = |large| {
            let campaign = Campaign { large, ..campaign.clone() };
            campaign.seeds.clone().filter(|&seed| campaign.options(seed).players == Some(LARGE)).count()
        };
        assert_eq!([0, 1, 10, 1_000].map(large), [0, 1, 10, 1_000]);
    }
}
