//! Times of a session's life, the same at both ends.
use crate::time::{NS_PER_MS, NS_PER_S};

/// Requests and responses are repeated at 10 Hz, as stock clients do.
pub const HANDSHAKE_INTERVAL_NS: u64 = 100 * NS_PER_MS;
/// A keep-alive follows this long after the last packet sent while unspoken: the first one may be lost and carries the
/// client's index.
pub const IDLE_UNSPOKEN_NS: u64 = 250 * NS_PER_MS;
/// The same once spoken. A tenth of the time-out: ten in a row must be lost to end a session.
pub const IDLE_SPOKEN_NS: u64 = NS_PER_S;
/// How long a session may go without a valid hello.
pub const UNSPOKEN_NS: u64 = 10 * NS_PER_S;
/// After this much silence an address may be out of date: a client tells where it is, again each time as much has passed,
/// and a server believes that another may stand where its client stood. Thirty ticks without a packet are no accident.
pub const PATH_INTERVAL_NS: u64 = NS_PER_S / 2;
/// A call that comes later than this after its deadline means that we stood still, not our peers: every deadline by
/// which a peer is judged moves by as much.
pub const STALL_NS: u64 = NS_PER_S;

/// The stretch of our own standing still, taken out of the clock by which peers are judged. spec: LIF-14
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Patience {
    stalled_ns: u64,
}

impl Patience {
    /// The patient clock.
    pub(crate) fn clock_ns(self, mono_ns: u64) -> u64 {
        mono_ns.saturating_sub(self.stalled_ns)
    }

    pub(crate) fn stalled_ns(self) -> u64 {
        self.stalled_ns
    }

    /// Notes when a timer call was due and when it came; true when that was a stall.
    pub(crate) fn on_timeout(&mut self, due_ns: Option<u64>, mono_ns: u64) -> bool {
        let late_ns = due_ns.map_or(0, |due| mono_ns.saturating_sub(due));
        let is_stall = late_ns > STALL_NS;
        if is_stall {
            self.stalled_ns += late_ns;
        }
        is_stall
    }
}

/// A token's time-out; `None` when it never times out.
pub(crate) fn token_timeout_ns(timeout_s: i32) -> Option<u64> {
    u64::try_from(timeout_s).ok().map(|seconds| seconds * NS_PER_S)
}
