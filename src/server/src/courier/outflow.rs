//! The way of the journal's postings into MariaDB: which come next, to which of two servers, and up to where they are safe.
//!
//! With a pair of servers that replicate to each other one of them is written to. What it has is safe when the other has it,
//! too, and only then the journal forgets it. When the one that is written to fails, the other is told everything again that
//! was not safe: it may have some of it by replication, and being told twice changes nothing.

use super::{Lane, Trouble};
use rudp::time::NS_PER_S;

/// Postings in one SQL transaction: at about 400 bytes each, 400 KiB, which is far below any packet limit.
pub const PARCEL_MAX: usize = 1_024;
/// After a failure only so many are tried, and twice as many after each success: a server that is short of something is
/// asked for less at once.
const PARCEL_MIN: usize = 16;
/// Pause between two looks at how far the other of a pair is: 200 ms.
const LOOK_PAUSE_NS: u64 = NS_PER_S / 5;
/// Pause before a parcel that is not full leaves: so that what comes together goes together.
const GATHER_NS: u64 = NS_PER_S / 20;

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// Bring the postings after this one, at most so many, to this server.
    Carry {
        /// Which of the servers.
        node: usize,
        /// The newest that it has.
        after: u64,
        /// How many.
        max: usize,
    },
    /// Ask this server up to where it has our postings.
    Look {
        /// Which of the servers.
        node: usize,
    },
}

/// The way.
#[derive(Debug)]
pub struct Outflow {
    lanes: Vec<Lane>,
    is_pair: bool,
    /// The server that is written to.
    node: usize,
    /// What it has.
    carried: u64,
    /// What is safe.
    drained: u64,
    /// The newest that there is.
    newest: u64,
    /// When something was found to be waiting for which no parcel has left.
    waits_since_ns: Option<u64>,
    parcel: usize,
    is_busy: bool,
    looked_ns: u64,
}

impl Outflow {
    /// To `servers` servers, the first of which is written to while it answers. With `is_pair` they replicate to each other;
    /// otherwise only one of them can be written to at a time. `drained` is what was safe at the last start.
    ///
    /// # Panics
    /// Without servers.
    #[must_use]
    pub fn new(servers: usize, is_pair: bool, drained: u64, seed: u64) -> Self {
        assert!(servers > 0, "there is nobody to bring it to");
        Self {
            lanes: (0..servers as u64).map(|nth| Lane::new(seed ^ nth)).collect(),
            is_pair: is_pair && servers > 1,
            node: 0,
            carried: drained,
            drained,
            newest: drained,
            waits_since_ns: None,
            parcel: PARCEL_MAX,
            is_busy: false,
            looked_ns: 0,
        }
    }

    /// The journal has postings up to this one.
    pub fn on_posted(&mut self, newest: u64, now_ns: u64) {
        self.newest = self.newest.max(newest);
        if self.newest > self.carried && self.waits_since_ns.is_none() {
            self.waits_since_ns = Some(now_ns);
        }
    }

    /// What to do now, if anything. One thing at a time is under way.
    pub fn poll(&mut self, now_ns: u64) -> Option<Outgoing> {
        if self.is_busy {
            return None;
        }
        self.turn_away(now_ns);
        if self.lanes[self.node].is_open(now_ns)
            && self.waits_since_ns.is_some_and(|since_ns| {
                now_ns >= since_ns + GATHER_NS || self.newest - self.carried >= PARCEL_MAX as u64
            })
        {
            self.is_busy = true;
            return Some(Outgoing::Carry { node: self.node, after: self.carried, max: self.parcel });
        }
        let other = self.other()?;
        let is_due = self.drained < self.carried && now_ns >= self.looked_ns + LOOK_PAUSE_NS;
        if is_due && self.lanes[other].is_open(now_ns) {
            (self.is_busy, self.looked_ns) = (true, now_ns);
            return Some(Outgoing::Look { node: other });
        }
        None
    }

    /// When [`Self::poll`] may have something without anything being said; none if it waits to be told.
    #[must_use]
    pub fn timeout_ns(&self) -> Option<u64> {
        if self.is_busy {
            return None;
        }
        let carry = self.waits_since_ns.map(|since_ns| (since_ns + GATHER_NS).max(self.soonest_ns()));
        let look = self.other().filter(|_| self.drained < self.carried);
        let look = look.map(|other| (self.looked_ns + LOOK_PAUSE_NS).max(self.lanes[other].opens_ns()));
        carry.into_iter().chain(look).min()
    }

    fn soonest_ns(&self) -> u64 {
        self.lanes.iter().map(Lane::opens_ns).min().unwrap_or(0)
    }

    /// Whether its servers are the replicas of each other.
    #[must_use]
    pub const fn is_pair(&self) -> bool {
        self.is_pair
    }

    fn other(&self) -> Option<usize> {
        self.is_pair.then_some(1 - self.node.min(1))
    }

    /// To another server, when this one is left alone and that one is not.
    fn turn_away(&mut self, now_ns: u64) {
        if self.lanes[self.node].is_open(now_ns) {
            return;
        }
        let better = (0..self.lanes.len()).find(|&node| self.lanes[node].is_open(now_ns));
        if let Some(node) = better {
            self.node = node;
            // It may lack whatever is not known to be everywhere.
            self.carried = self.drained;
            if self.newest > self.carried {
                self.waits_since_ns = Some(self.waits_since_ns.unwrap_or(now_ns));
            }
        }
    }

    /// A parcel is in the database. `upto` is its last posting; of an empty one, the newest that there is.
    pub fn on_carried(&mut self, upto: u64, now_ns: u64) {
        self.is_busy = false;
        self.lanes[self.node].on_ok();
        self.parcel = (self.parcel * 2).min(PARCEL_MAX);
        self.carried = self.carried.max(upto);
        if !self.is_pair {
            self.drained = self.carried;
        }
        self.waits_since_ns = (self.newest > self.carried).then_some(now_ns.saturating_sub(GATHER_NS));
    }

    /// The other of a pair has our postings up to here.
    pub fn on_looked(&mut self, has: u64) {
        self.is_busy = false;
        if let Some(other) = self.other() {
            self.lanes[other].on_ok();
        }
        self.drained = self.drained.max(has.min(self.carried));
    }

    /// A server did not do what it was asked for.
    pub fn on_trouble(&mut self, node: usize, trouble: Trouble, now_ns: u64) {
        self.is_busy = false;
        self.lanes[node].on_trouble(trouble, now_ns);
        if node == self.node {
            self.parcel = PARCEL_MIN;
        }
    }

    /// Nothing can be carried because the journal cannot be read: later.
    pub fn on_unread(&mut self, now_ns: u64) {
        self.is_busy = false;
        self.waits_since_ns = Some(now_ns + NS_PER_S);
    }

    /// Up to here all is where it is to be.
    #[must_use]
    pub fn drained(&self) -> u64 {
        self.drained
    }

    /// Whether all of it is.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.drained >= self.newest
    }

    /// The server that is written to.
    #[must_use]
    pub fn node(&self) -> usize {
        self.node
    }

    /// The servers, in their order.
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// A server did, or did not, what it was asked for beside the postings: that counts, too.
    pub fn lane(&mut self, node: usize) -> &mut Lane {
        &mut self.lanes[node]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: u64 = GATHER_NS;

    fn carry(node: usize, after: u64, max: usize) -> Option<Outgoing> {
        Some(Outgoing::Carry { node, after, max })
    }

    #[test]
    fn postings_that_come_together_go_together_one_parcel_at_a_time() {
        let mut flow = Outflow::new(1, false, 7, 1);
        assert_eq!((flow.poll(5), flow.timeout_ns()), (None, None));
        flow.on_posted(8, 10);
        flow.on_posted(9, 20);
        assert_eq!((flow.poll(20), flow.timeout_ns()), (None, Some(10 + SOON)));
        assert_eq!(flow.poll(10 + SOON), carry(0, 7, PARCEL_MAX));
        assert_eq!((flow.poll(11 + SOON), flow.timeout_ns()), (None, None), "one is under way");
        flow.on_carried(9, 12 + SOON);
        assert_eq!((flow.drained(), flow.is_drained(), flow.poll(u64::MAX / 2)), (9, true, None));
    }

    #[test]
    fn a_full_parcel_waits_for_nobody_and_what_is_left_follows_at_once() {
        let mut flow = Outflow::new(1, false, 0, 1);
        flow.on_posted(PARCEL_MAX as u64 + 5, 10);
        assert_eq!(flow.poll(10), carry(0, 0, PARCEL_MAX));
        flow.on_carried(PARCEL_MAX as u64, SOON + 20);
        assert_eq!(flow.poll(SOON + 20), carry(0, PARCEL_MAX as u64, PARCEL_MAX));
    }

    #[test]
    fn after_a_failure_the_same_is_tried_again_later_and_less_of_it_at_first() {
        let mut flow = Outflow::new(1, false, 0, 1);
        flow.on_posted(500, 0);
        assert_eq!(flow.poll(SOON), carry(0, 0, PARCEL_MAX));
        flow.on_trouble(0, Trouble::Full, SOON);
        assert_eq!(flow.poll(SOON), None);
        let at = flow.timeout_ns().unwrap();
        assert!(at > SOON && at < SOON + NS_PER_S);
        assert_eq!(flow.poll(at), carry(0, 0, PARCEL_MIN));
        flow.on_carried(16, at);
        assert_eq!(flow.poll(at), carry(0, 16, 2 * PARCEL_MIN));
    }

    #[test]
    fn of_a_pair_only_what_both_have_is_safe() {
        let mut flow = Outflow::new(2, true, 0, 1);
        flow.on_posted(3, 0);
        assert_eq!(flow.poll(SOON), carry(0, 0, PARCEL_MAX));
        flow.on_carried(3, SOON);
        assert_eq!((flow.drained(), flow.is_drained()), (0, false));
        let at = flow.timeout_ns().unwrap();
        assert_eq!(flow.poll(at), Some(Outgoing::Look { node: 1 }));
        flow.on_looked(2);
        assert_eq!(flow.drained(), 2);
        assert_eq!(flow.poll(at), None, "not at once again");
        assert_eq!(flow.poll(at + LOOK_PAUSE_NS), Some(Outgoing::Look { node: 1 }));
        flow.on_looked(9);
        assert_eq!((flow.drained(), flow.is_drained()), (3, true), "what others wrote there does not count");
    }

    #[test]
    fn when_one_of_a_pair_fails_the_other_is_told_all_that_was_not_safe() {
        let mut flow = Outflow::new(2, true, 0, 1);
        flow.on_posted(5, 0);
        flow.poll(SOON);
        flow.on_carried(5, SOON);
        let at = flow.timeout_ns().unwrap();
        flow.poll(at);
        flow.on_looked(2);
        flow.on_posted(6, at);
        let at = at + SOON;
        assert_eq!(flow.poll(at), carry(0, 5, PARCEL_MAX));
        flow.on_trouble(0, Trouble::Down, at);
        assert_eq!(flow.poll(at), carry(1, 2, PARCEL_MIN), "at once");
        flow.on_carried(6, at);
        assert!(!flow.is_drained(), "the first has yet to come back and have it");
        let back = flow.timeout_ns().unwrap();
        assert_eq!(flow.poll(back), Some(Outgoing::Look { node: 0 }));
        flow.on_looked(6);
        assert!(flow.is_drained());
    }

    #[test]
    fn of_a_primary_and_its_replica_whichever_can_be_written_to_is_enough() {
        let mut flow = Outflow::new(2, false, 0, 1);
        flow.on_posted(1, 0);
        flow.poll(SOON);
        flow.on_trouble(0, Trouble::ReadOnly, SOON);
        assert_eq!(flow.poll(SOON), carry(1, 0, PARCEL_MIN));
        flow.on_carried(1, SOON);
        assert!(flow.is_drained());
    }

    #[test]
    fn a_journal_that_cannot_be_read_is_asked_again_a_second_later() {
        let mut flow = Outflow::new(1, false, 0, 1);
        flow.on_posted(1, 0);
        assert!(flow.poll(SOON).is_some());
        flow.on_unread(SOON);
        assert_eq!(flow.poll(SOON + NS_PER_S), None);
        assert!(flow.poll(2 * SOON + NS_PER_S).is_some());
    }
}
