//! One more packet between two ticks, for small reliable messages under severe loss.
//!
//! Copies in the ticks' own packets bring a message through 30 % loss within three ticks 99.2 times in a hundred: that
//! is all that p99 leaves, and a burst or a late tick takes it away. A packet half a tick later costs its headers and
//! buys a further try within the same three ticks: 99.8.

use super::Connection;
use crate::loss::LossLevel;
use crate::rate::{Credit, RateController, TICKS_PER_S};

const TICK_NS: u64 = 1_000_000_000 / TICKS_PER_S as u64;

/// How long after a packet its encore leaves: half a tick, as far from both ticks as can be.
const AFTER_NS: u64 = TICK_NS / 2;

/// From one encore to the next: 29 ms, every second tick at most. Every message sees one or two within its three
/// ticks, and with 60 packets of the ticks a peer that takes 120 a second is never over its limit. A quarter of a tick
/// is left for ticks that come early.
const INTERVAL_NS: u64 = 2 * TICK_NS - TICK_NS / 4;

/// An encore that may not carry as much, in bytes, is mostly headers.
const ENCORE_BYTES_MIN: usize = 120;

/// When the next encore is due.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Encore {
    last_ns: Option<u64>,
    due_ns: Option<u64>,
    is_due: bool,
}

impl Encore {
    /// When it becomes due, unless it is due already.
    pub(super) fn deadline_ns(&self) -> Option<u64> {
        self.due_ns
    }

    /// It should leave now.
    pub(super) fn is_due(&self) -> bool {
        self.is_due
    }

    /// A packet left at this time; `wanted`: small messages are left that should be in another soon. A packet that
    /// leaves before an encore is due takes its place.
    fn on_sent(&mut self, now_ns: u64, wanted: bool) {
        if std::mem::take(&mut self.is_due) {
            self.last_ns = Some(now_ns);
        }
        let due_ns = now_ns + AFTER_NS;
        let is_spaced = self.last_ns.is_none_or(|last_ns| due_ns >= last_ns + INTERVAL_NS);
        self.due_ns = (wanted && is_spaced).then_some(due_ns);
    }
}

/// What a connection that also sends snapshots spends on saying once more what it has said: of each second a third of its
/// rate. It pays for copies of messages, and for the headers of packets that leave between the ticks.
///
/// Without it somebody among 200 who fight, over a round trip of 270 ms and for the ten seconds after an outage, was sent
/// 21 kB/s, of which 2 were snapshots: those farther off stood still for five seconds (found by simulation, seed 250). With a
/// bound on the copies from the fifth on alone it was 4 (seed 850).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CopyShare {
    /// None on a connection that has no ticks: then there is no snapshot to be starved.
    credit: Option<Credit>,
}

/// One part of so many of the rate is for copies.
const COPY_SHARE: u32 = 3;

impl CopyShare {
    pub(super) fn on_tick_edge(&mut self, rate_bytes_per_s: u32) {
        self.credit.get_or_insert_default().on_tick_edge(rate_bytes_per_s / COPY_SHARE);
    }

    /// Bytes that may be spent now.
    pub(super) fn left(&self) -> usize {
        self.credit.map_or(usize::MAX, |credit| usize::try_from(credit.bytes()).unwrap_or(0))
    }

    pub(super) fn spend(&mut self, bytes: usize) {
        self.credit.iter_mut().for_each(|credit| credit.spend(bytes));
    }
}

impl Connection {
    /// Small messages wait for their ack under severe loss, and the path has room for a packet between the ticks
    /// (spec: PKT-47).
    fn wants_encore(&self, now_ns: u64) -> bool {
        let level = self.recent_loss.level(now_ns);
        level == LossLevel::Severe
            && !self.is_silent
            && self.may_send_reliable()
            && !self.controller.is_blind()
            && self.sent.open_bytes() < self.controller.flight_bytes_max()
            && self.copies.left() >= ENCORE_BYTES_MIN
            && self
                .reliable
                .iter()
                .map(|reliable| &reliable.outbound)
                .any(|outbound| !outbound.is_bulk() && outbound.redundant_bytes(level) > 0)
    }

    pub(super) fn schedule_encore(&mut self, now_ns: u64) {
        let wanted = self.wants_encore(now_ns);
        self.encore.on_sent(now_ns, wanted);
    }

    pub(super) fn judge_encore(&mut self, now_ns: u64) {
        if self.encore.due_ns.is_some_and(|due_ns| due_ns <= now_ns) {
            self.encore.due_ns = None;
            self.encore.is_due = self.wants_encore(now_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encore_follows_every_second_tick_at_most_and_a_packet_in_between_takes_its_place() {
        // proves: PKT-47
        let mut encore = Encore::default();
        let mut due_ns = Vec::new();
        for tick in 1..=4 {
            encore.on_sent(tick * TICK_NS, true);
            if let Some(at_ns) = encore.deadline_ns() {
                due_ns.push(at_ns);
                encore.is_due = true;
                encore.on_sent(at_ns, true);
                assert_eq!(encore.deadline_ns(), None, "none follows an encore");
            }
        }
        assert_eq!(due_ns, [TICK_NS + AFTER_NS, 3 * TICK_NS + AFTER_NS]);
        let mut encore = Encore::default();
        encore.on_sent(0, true);
        encore.on_sent(AFTER_NS - 1, true);
        assert_eq!(encore.deadline_ns(), Some(2 * AFTER_NS - 1));
        encore.on_sent(AFTER_NS, false);
        assert_eq!(encore.deadline_ns(), None);
    }
}
