//! Chance, drawn from the seed of a simulation: each stream on its own, so that whoever draws more shifts nobody else's luck.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// One stream.
#[derive(Debug)]
pub struct Dice(StdRng);

impl Dice {
    /// The stream of this name in the simulation of this seed.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(StdRng::seed_from_u64(mix(seed, stream)))
    }

    /// Whether something of this probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.0.random_bool(probability.min(1.0))
    }

    /// One of `count` numbers from 0; 0 of none.
    pub fn below(&mut self, count: usize) -> usize {
        if count == 0 { 0 } else { self.0.random_range(0..count) }
    }

    /// From `low` to below `high`.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.random::<f64>()
    }

    /// A whole number from `low` to `high`, both included.
    pub fn whole(&mut self, low: i64, high: i64) -> i64 {
        self.0.random_range(low..=high)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.random()
    }

    /// A waiting time for what happens every `mean` on average, at no special time.
    pub fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.0.random::<f64>()).ln()
    }

    /// Whoever draws keys and nonces.
    pub fn rng(&mut self) -> &mut StdRng {
        &mut self.0
    }
}

/// A number that looks random in `a` and `b` and is the same every time (the finaliser of SplitMix64).
#[must_use]
pub fn mix(a: u64, b: u64) -> u64 {
    let mut x = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_mul(0xd6e8_feb8_6659_fd93);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
