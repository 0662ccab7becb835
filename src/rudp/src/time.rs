//! Time as an argument.

/// What the caller's clocks read when an event happened.
///
/// Every timer, RTT and rate in this project counts on `mono_ns`; only the rules about connect tokens (creation,
/// expiry, restart) read `unix_s`. A wall clock that steps by minutes therefore never ends a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Nanoseconds on a monotonic clock with an arbitrary origin.
    pub mono_ns: u64,
    /// Whole seconds since 1970-01-01 UTC on the wall clock.
    pub unix_s: u64,
}

impl Now {
    /// The same wall-clock second, `ns` nanoseconds later on the monotonic clock; for virtual time in tests.
    #[must_use]
    pub fn plus_ns(self, ns: u64) -> Self {
        Self { mono_ns: self.mono_ns + ns, unix_s: self.unix_s + (self.mono_ns % NS_PER_S + ns) / NS_PER_S }
    }
}

/// Nanoseconds in a second.
pub const NS_PER_S: u64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const NS_PER_MS: u64 = 1_000_000;
