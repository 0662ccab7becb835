//! One number that stands for all that happened.

use crate::dice::mix;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What was noted so far, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint(u64);

impl Footprint {
    /// Bytes went somewhere.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    /// A number was so.
    pub fn number(&mut self, number: u64) {
        self.0 = mix(self.0, number);
    }

    /// What it comes to.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}
