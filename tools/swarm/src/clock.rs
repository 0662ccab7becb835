//! The one place where the swarm reads clocks.

use rudp::time::Now;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A monotonic clock with its origin at construction, beside the wall clock. Copies share the origin.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that reads 1 s now: 0 stays free to mean "never".
    #[allow(clippy::disallowed_methods, reason = "the swarm is a rim: somebody has to read the clock")]
    pub fn start() -> Self {
        let now = Instant::now();
        Self { origin: now.checked_sub(Duration::from_secs(1)).unwrap_or(now) }
    }

    /// Nanoseconds since the origin.
    #[allow(clippy::disallowed_methods, reason = "the swarm is a rim: somebody has to read the clock")]
    pub fn mono_ns(&self) -> u64 {
        u64::try_from(Instant::now().duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Milliseconds since 1970 on the wall clock; only tokens need it.
    #[allow(clippy::disallowed_methods, reason = "the swarm is a rim: somebody has to read the clock")]
    pub fn unix_ms() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Both clocks.
    pub fn now(&self) -> Now {
        Now { mono_ns: self.mono_ns(), unix_s: Self::unix_ms() / 1_000 }
    }
}
