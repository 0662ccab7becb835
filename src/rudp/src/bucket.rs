//! Rate limits in one number each: the generic cell rate algorithm (ITU-T I.371), the same law as a token bucket.
use crate::time::NS_PER_S;
use std::hash::{BuildHasher, Hash};

/// How much may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Sustained events per second, at least 1.
    pub per_s: u32,
    /// Events that may come at once after a rest, at least 1.
    pub burst: u32,
}

impl Rate {
    fn interval_ns(self) -> u64 {
        NS_PER_S / u64::from(self.per_s.max(1))
    }

    /// Whether an event could pass at `now_ns`; takes nothing.
    pub(crate) fn has_room(self, state: u64, now_ns: u64) -> bool {
        state.saturating_sub(now_ns) <= self.tolerance_ns()
    }

    fn tolerance_ns(self) -> u64 {
        self.interval_ns() * (u64::from(self.burst.max(1)) - 1)
    }

    /// Whether an event may pass at `now_ns`; `state` starts at 0 and is the time at which the bucket is full again.
    pub fn admit(self, state: &mut u64, now_ns: u64) -> bool {
        if !self.has_room(*state, now_ns) {
            return false;
        }
        *state = (*state).max(now_ns) + self.interval_ns();
        true
    }
}

/// One bucket per key out of unboundedly many, in fixed memory: keys that hash alike share a bucket, so a limit may
/// bind early but never late. The hash is seeded: who shares with whom cannot be chosen from outside.
pub struct BucketTable {
    rate: Rate,
    hasher: foldhash::quality::SeedableRandomState,
    states: Box<[u64]>,
}

impl std::fmt::Debug for BucketTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BucketTable").field("rate", &self.rate).field("buckets", &self.states.len()).finish()
    }
}

impl BucketTable {
    /// `buckets` is rounded up to a power of two; each costs 8 bytes.
    #[must_use]
    pub fn new(rate: Rate, buckets: usize, seed: u64) -> Self {
        Self { rate, hasher: hasher(seed), states: vec![0; buckets.next_power_of_two()].into() }
    }

    /// Whether an event of `key` may pass at `now_ns`; if so it is counted.
    pub fn admit(&mut self, key: impl Hash, now_ns: u64) -> bool {
        let bucket = self.hasher.hash_one(key) as usize & (self.states.len() - 1);
        self.rate.admit(&mut self.states[bucket], now_ns)
    }
}

/// The keyed hasher of this crate's tables.
pub(crate) fn hasher(seed: u64) -> foldhash::quality::SeedableRandomState {
    foldhash::quality::SeedableRandomState::with_seed(seed, foldhash::SharedSeed::global_fixed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_sustained_rate() {
        let (rate, mut state) = (Rate { per_s: 10, burst: 20 }, 0);
        let start = 5 * NS_PER_S;
        let passed = (0..100).filter(|_| rate.admit(&mut state, start)).count();
        assert_eq!(passed, 20);
        let passed = (0..1000).filter(|ms| rate.admit(&mut state, start + ms * 1_000_000)).count();
        assert!((9..=10).contains(&passed), "{passed} in the second after");
    }

    #[test]
    fn keys_have_their_own_buckets() {
        let mut table = BucketTable::new(Rate { per_s: 1, burst: 1 }, 1 << 16, 9);
        let passed = (0..100u32).filter(|key| table.admit(key, 0)).count();
        assert!(passed >= 98, "{passed} of 100 keys");
        assert!(!table.admit(5u32, 0));
    }
}
