//! What a seed decides: which stores there are, how fast each is, and how often one fails that is well otherwise.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rudp::time::{NS_PER_MS, NS_PER_S};

/// Which servers of MariaDB there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// None: the journal is all there is.
    Alone,
    /// One.
    One,
    /// One, and a second that only reads.
    Replica,
    /// Two that replicate to each other.
    Pair,
}

impl Arrangement {
    /// How many.
    #[must_use]
    pub const fn servers(self) -> usize {
        match self {
            Self::Alone => 0,
            Self::One => 1,
            Self::Replica | Self::Pair => 2,
        }
    }

    /// How many of them, from the first, must have what the journal forgets.
    #[must_use]
    pub const fn required(self) -> usize {
        match self {
            Self::Alone => 0,
            Self::One | Self::Replica => 1,
            Self::Pair => 2,
        }
    }
}

/// The shortest and the longest of something, in nanoseconds.
pub type Span = (u64, u64);

/// What a seed decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// MariaDB's servers.
    pub arrangement: Arrangement,
    /// Whether there is Redis.
    pub has_redis: bool,
    /// How long a commit of the journal takes.
    pub fsync_ns: Span,
    /// The same while the disk is slow.
    pub fsync_slow_ns: Span,
    /// How long a request to MariaDB takes.
    pub sql_ns: Span,
    /// The same while it is slow: some take longer than is waited for.
    pub sql_slow_ns: Span,
    /// How long a request to Redis takes.
    pub redis_ns: Span,
    /// The same while it is slow.
    pub redis_slow_ns: Span,
    /// How long one server of MariaDB is behind the other.
    pub lag_ns: Span,
    /// Of a thousand requests to a store that is well, so many take effect and are not answered.
    pub answers_lost: u32,
    /// Of a thousand requests, so many are refused.
    pub refused: u32,
    /// Of a hundred outages of Redis, so many leave it empty.
    pub redis_forgets: u32,
    /// Postings that may wait in the journal.
    pub outbox_max: usize,
}

/// Whoever asks a store gives up after so long.
pub const PATIENCE_NS: u64 = 2 * NS_PER_S;

impl Plan {
    /// Of this seed. Probabilities are drawn, too, so that in some worlds a thing never happens and in others always.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x5704_e5ee);
        let arrangement = match rng.random_range(0..10) {
            0 => Arrangement::Alone,
            1..=3 => Arrangement::One,
            4 => Arrangement::Replica,
            _ => Arrangement::Pair,
        };
        let ms = |from: u64, to: u64| (from * NS_PER_MS, to * NS_PER_MS);
        Self {
            arrangement,
            has_redis: rng.random_ratio(4, 5),
            fsync_ns: (NS_PER_MS / 2, rng.random_range(1..=20) * NS_PER_MS),
            fsync_slow_ns: ms(200, rng.random_range(300..=3_000)),
            sql_ns: ms(1, rng.random_range(2..=80)),
            sql_slow_ns: ms(100, 4_000),
            redis_ns: ms(1, rng.random_range(2..=20)),
            redis_slow_ns: ms(100, 3_000),
            lag_ns: ms(1, rng.random_range(2..=2_000)),
            answers_lost: [0, 0, 5, 50][rng.random_range(0..4)],
            refused: [0, 5, 50, 200][rng.random_range(0..4)],
            redis_forgets: [0, 50, 100][rng.random_range(0..3)],
            outbox_max: [1_000_000, 1_000_000, 200][rng.random_range(0..3)],
        }
    }
}

/// One of a span.
pub fn draw(rng: &mut StdRng, (from, to): Span) -> u64 {
    rng.random_range(from..=to)
}

/// True so many times in a thousand.
pub fn happens(rng: &mut StdRng, in_thousand: u32) -> bool {
    in_thousand > 0 && rng.random_ratio(in_thousand, 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_same_each_time_and_fifty_seeds_have_every_arrangement() {
        let all: Vec<_> = (0..50).map(|seed| Plan::of(seed).arrangement).collect();
        assert!((0..50).all(|seed| Plan::of(seed) == Plan::of(seed)));
        for arrangement in [Arrangement::Alone, Arrangement::One, Arrangement::Replica, Arrangement::Pair] {
            assert!(all.contains(&arrangement), "{arrangement:?}");
        }
    }
}
