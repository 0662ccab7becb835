//! One accepted client: its link, its connection and the deadlines between which it lives.
use super::ConnectionId;
use super::config::PacketLimits;
use super::order::TokenOrder;
use super::path::Path;
use crate::connection::Connection;
use crate::limits::{IDLE_SPOKEN_NS, IDLE_UNSPOKEN_NS, UNSPOKEN_NS};
use crate::link::Link;
use crate::liveness::Liveness;
use crate::outer::Header;
use crate::reason::Reason;
use crate::token::UserData;
use std::net::SocketAddr;

/// How far above the newest sequence a packet may be to be tried although its address has sent too much that did not
/// open: an honest peer's next packets are here, a guesser's are anywhere. spec: LIF-16
const TRIED_AHEAD: u64 = 256;

pub(super) struct Session {
    pub(super) id: ConnectionId,
    pub(super) client_id: u64,
    pub(super) address: SocketAddr,
    pub(super) order: TokenOrder,
    pub(super) user: Option<UserData>,
    pub(super) link: Link,
    pub(super) connection: Connection,
    /// Its part of the server's `queued_bytes`.
    pub(super) queued_bytes: usize,
    /// No hello is waited for.
    pub(super) is_raw: bool,
    pub(super) is_spoken: bool,
    /// The first keep-alive has not been sent: it is due at once, it tells the client that it is in.
    pub(super) is_greeting_due: bool,
    /// Stands in the ready queue.
    pub(super) is_queued: bool,
    /// On the patient clock, which does not advance while this endpoint is stalled.
    pub(super) started_ns: u64,
    pub(super) liveness: Liveness,
    pub(super) path: Path,
    /// From the token; `None` = never.
    pub(super) token_timeout_ns: Option<u64>,
    pub(super) budget: PacketBudget,
}

/// Rate-limit states of one session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PacketBudget {
    expected: u64,
    unopened: u64,
    failed: u64,
    opened: u64,
}

impl PacketBudget {
    /// Before any cipher: is this datagram worth a look? Numbers that the true sender is about to use have a budget of
    /// their own: whoever forges the address can exhaust the one for all others with a few kilobits a second.
    pub(super) fn admit_unopened(
        &mut self,
        limits: &PacketLimits,
        mono_ns: u64,
        header: Header,
        newest: Option<u64>,
    ) -> bool {
        if is_expected(header, newest) {
            limits.expected.admit(&mut self.expected, mono_ns)
        } else {
            limits.unopened.admit(&mut self.unopened, mono_ns)
        }
    }

    /// Whether to try a packet after everything that failed before it.
    pub(super) fn may_try(&self, limits: &PacketLimits, mono_ns: u64, header: Header, newest: Option<u64>) -> bool {
        is_expected(header, newest) || limits.failed.has_room(self.failed, mono_ns)
    }

    pub(super) fn on_failed(&mut self, limits: &PacketLimits, mono_ns: u64) {
        limits.failed.admit(&mut self.failed, mono_ns);
    }

    pub(super) fn admit_opened(&mut self, limits: &PacketLimits, mono_ns: u64) -> bool {
        limits.opened.admit(&mut self.opened, mono_ns)
    }
}

fn is_expected(header: Header, newest: Option<u64>) -> bool {
    let first = newest.map_or(0, |newest| newest.saturating_add(1));
    (first..first.saturating_add(TRIED_AHEAD)).contains(&header.sequence)
}

impl Session {
    /// When nothing else is sent, a keep-alive is due now. spec: LIF-12
    pub(super) fn keep_alive_ns(&self) -> u64 {
        if self.liveness.is_silent() {
            return u64::MAX;
        }
        let interval = if self.is_spoken { IDLE_SPOKEN_NS } else { IDLE_UNSPOKEN_NS };
        if self.is_greeting_due { 0 } else { self.link.last_sent_ns() + interval }
    }

    /// Whether the session must end before it has spoken, and why. `patient_ns` is the patient clock. spec: LIF-13
    pub(super) fn overdue(&self, patient_ns: u64) -> Option<Reason> {
        let (silence, unspoken) = self.ends_ns();
        if silence.is_some_and(|at| at <= patient_ns) {
            return Some(Reason::TimedOut);
        }
        unspoken.filter(|at| *at <= patient_ns).map(|_| Reason::UnspokenTooLong)
    }

    /// The next moment at which this session needs attention, nanoseconds on the monotonic clock.
    pub(super) fn next_wake_ns(&self, stalled_ns: u64) -> u64 {
        let (silence, unspoken) = self.ends_ns();
        let liveness = self.is_spoken.then(|| self.liveness.next_ns());
        let ends = [silence, unspoken, liveness].into_iter().flatten().map(|at| at.saturating_add(stalled_ns));
        // While it stands in the ready queue, sending is not a matter of time.
        let sends = [Some(self.keep_alive_ns()), self.connection.poll_timeout()];
        let sends = sends.into_iter().flatten().filter(|_| !self.is_queued);
        ends.chain(sends).min().unwrap_or(u64::MAX)
    }

    /// When silence ends an unspoken session and when the missing hello does, both on the patient clock.
    fn ends_ns(&self) -> (Option<u64>, Option<u64>) {
        if self.is_spoken {
            (None, None)
        } else {
            let silence = self.token_timeout_ns.map(|timeout| self.liveness.heard_ns().saturating_add(timeout));
            (silence, (!self.is_raw).then(|| self.started_ns.saturating_add(UNSPOKEN_NS)))
        }
    }
}
