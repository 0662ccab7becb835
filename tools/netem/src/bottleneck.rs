//! The narrowest place of a link: a drop-tail queue in front of a capacity.

use crate::{DeliveryTrace, OPPORTUNITY_BYTES};
use std::collections::VecDeque;
use std::sync::Arc;

/// How fast a queue is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// Always the same.
    Constant {
        /// Bytes of datagrams per second, above zero.
        bytes_per_s: u64,
    },
    /// The opportunities of a recording: each is worth 1,500 bytes, of which what one datagram leaves is for those
    /// behind it and is lost when the queue empties.
    Recorded(Arc<DeliveryTrace>),
}

/// A queue and its service. Since the capacity does not depend on what waits, a datagram's time of leaving is known
/// when it enters.
#[derive(Clone, Debug)]
pub struct Bottleneck {
    capacity: Capacity,
    queue_datagrams_max: usize,
    /// When those inside leave, ascending.
    inside: VecDeque<u64>,
    last_leave_ns: u64,
    /// Recorded capacity: number of the next unused opportunity, and bytes left of the last.
    opportunity: u64,
    credit_bytes: u64,
}

impl Bottleneck {
    /// An empty queue with room for `queue_datagrams_max`, the one in service included.
    ///
    /// # Panics
    /// When a constant capacity or the room is zero: nothing would ever pass.
    #[must_use]
    pub fn new(capacity: Capacity, queue_datagrams_max: usize) -> Self {
        assert!(capacity != Capacity::Constant { bytes_per_s: 0 } && queue_datagrams_max > 0, "something must pass");
        Self {
            capacity,
            queue_datagrams_max,
            inside: VecDeque::new(),
            last_leave_ns: 0,
            opportunity: 0,
            credit_bytes: 0,
        }
    }

    /// A datagram of that size enters; answers when it leaves, or `None` when it found the queue full. Times must not
    /// step back from call to call.
    pub fn enter(&mut self, now_ns: u64, bytes: usize) -> Option<u64> {
        while self.inside.front().is_some_and(|leave_ns| *leave_ns < now_ns) {
            self.inside.pop_front();
        }
        if self.inside.len() >= self.queue_datagrams_max {
            return None;
        }
        let bytes = bytes as u64;
        let leave_ns = match &self.capacity {
            Capacity::Constant { bytes_per_s } => {
                let service_ns = u128::from(bytes) * 1_000_000_000 / u128::from(*bytes_per_s);
                self.last_leave_ns.max(now_ns) + u64::try_from(service_ns).unwrap_or(u64::MAX / 2)
            }
            Capacity::Recorded(trace) => {
                if self.inside.is_empty() {
                    self.credit_bytes = 0;
                    self.opportunity = self.opportunity.max(trace.first_from(now_ns));
                }
                let mut leave_ns = self.last_leave_ns.max(now_ns);
                while self.credit_bytes < bytes {
                    leave_ns = trace.at_ns(self.opportunity);
                    self.opportunity += 1;
                    self.credit_bytes += OPPORTUNITY_BYTES;
                }
                self.credit_bytes -= bytes;
                leave_ns
            }
        };
        self.last_leave_ns = leave_ns;
        self.inside.push_back(leave_ns);
        Some(leave_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn recorded(text: &str, queue: usize) -> Bottleneck {
        Bottleneck::new(Capacity::Recorded(Arc::new(DeliveryTrace::parse(text).expect("well formed"))), queue)
    }

    #[test]
    fn what_an_opportunity_has_left_is_for_those_behind_in_the_queue() {
        let mut queue = recorded("10\n20\n30\n40", 10);
        let leaves = [1_000, 400, 200, 1_401].map(|bytes| queue.enter(5 * MS, bytes).map(|at| at / MS));
        assert_eq!(leaves, [Some(10), Some(10), Some(20), Some(30)]);
    }

    #[test]
    fn credit_is_lost_when_the_queue_empties() {
        let mut queue = recorded("10\n20\n30\n40", 10);
        assert_eq!(queue.enter(0, 100), Some(10 * MS));
        assert_eq!(queue.enter(10 * MS, 100), Some(10 * MS), "it is there in the moment of the opportunity");
        assert_eq!(queue.enter(10 * MS + 1, 100), Some(20 * MS));
        assert_eq!(queue.enter(35 * MS, 100), Some(40 * MS), "unused opportunities pass");
    }

    #[test]
    fn several_opportunities_in_one_millisecond_carry_several() {
        let mut queue = recorded("10\n10\n20", 10);
        assert_eq!([(); 3].map(|()| queue.enter(0, 1_500)), [10, 10, 20].map(|ms| Some(ms * MS)));
        assert_eq!(queue.enter(20 * MS, 1_500), Some(30 * MS), "the recording begins anew");
    }

    #[test]
    fn a_full_queue_drops_the_tail_until_one_leaves() {
        let mut queue = recorded("10\n20\n30", 2);
        assert!(queue.enter(0, 1_500).is_some() && queue.enter(0, 1_500).is_some());
        assert_eq!(queue.enter(10 * MS, 1_500), None);
        assert_eq!(queue.enter(10 * MS + 1, 1_500), Some(30 * MS));
    }

    #[test]
    fn a_constant_capacity_serves_one_after_the_other() {
        let mut queue = Bottleneck::new(Capacity::Constant { bytes_per_s: 1_000_000 }, 10);
        assert_eq!([0, 0, 5 * MS].map(|at| queue.enter(at, 1_000)), [MS, 2 * MS, 6 * MS].map(Some));
    }
}
