//! One direction of a bot's link, and what it did to the bot lately.
//!
//! The link is ours, so it is known what it held back and what it lost. Only that excuses a server: whatever comes out of
//! the server's end and is not told in time by the link is the link's doing, and everything else is the server's.

use netem::{Link, Way};
use rudp::time::{NS_PER_MS, NS_PER_S};

/// A link that is behind by more than this carries nothing in time.
pub const LAG_NS_MAX: u64 = NS_PER_S / 2;
/// A link that has let nothing through for so long, although something was put on it, has broken.
const BREAK_NS: u64 = NS_PER_S / 2;
/// Nothing counts as put on it that is older than this: who does not send is not excused by his link.
const OFFERED_NS: u64 = 250 * NS_PER_MS;
/// Lags are remembered in so many parts of a second each: as long as the longest time that is looked back to.
const LAGS: usize = 4;

/// One direction.
#[derive(Debug)]
pub struct Lane {
    link: Link,
    /// How far into its recording the link began.
    shift_ns: u64,
    /// When something was put on it last...
    offered_ns: u64,
    /// ...and first since something came through.
    unanswered_ns: Option<u64>,
    /// The longest that something was on the way, by second.
    lags: [(u64, u64); LAGS],
}

impl Lane {
    /// An empty link of this kind.
    pub fn new(way: &Way, seed: u64, shift_ns: u64) -> Self {
        Self { link: way.link(seed), shift_ns, offered_ns: 0, unanswered_ns: None, lags: [(0, 0); LAGS] }
    }

    /// Puts a datagram on it.
    pub fn send(&mut self, now_ns: u64, datagram: &[u8]) {
        self.offered_ns = now_ns;
        self.unanswered_ns.get_or_insert(now_ns);
        self.link.send(now_ns + self.shift_ns, datagram);
    }

    /// The next datagram that has come all the way.
    pub fn poll(&mut self, now_ns: u64) -> Option<Vec<u8>> {
        let datagram = self.link.poll(now_ns + self.shift_ns)?;
        self.unanswered_ns = None;
        let second = now_ns / NS_PER_S;
        let slot = &mut self.lags[second as usize % LAGS];
        let lag_ns = if slot.0 == second { slot.1 } else { 0 };
        *slot = (second, lag_ns.max(self.link.transit_ns()));
        Some(datagram)
    }

    /// Takes its buffer back.
    pub fn recycle(&mut self, datagram: Vec<u8>) {
        self.link.recycle(datagram);
    }

    /// All that is on its way is lost.
    pub fn cut(&mut self) {
        self.link.cut();
    }

    /// When something comes next.
    pub fn next_ns(&self) -> Option<u64> {
        Some(self.link.next_ns()?.saturating_sub(self.shift_ns))
    }

    /// Whether nothing is on its way.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.link.is_empty()
    }

    /// The longest that anything was on its way in the last seconds, or has been so far.
    pub fn lag_ns(&self, now_ns: u64) -> u64 {
        let second = now_ns / NS_PER_S;
        let recent = self.lags.iter().filter(|(then, _)| then + LAGS as u64 > second).map(|(_, lag_ns)| *lag_ns);
        recent.fold(self.waiting_ns(now_ns), u64::max)
    }

    /// Whether it carries nothing, or nothing in time.
    pub fn is_broken(&self, now_ns: u64) -> bool {
        let is_offered = now_ns.saturating_sub(self.offered_ns) < OFFERED_NS;
        let is_losing = self.unanswered_ns.is_some_and(|since_ns| now_ns.saturating_sub(since_ns) > BREAK_NS);
        let newest =
            self.lags.iter().max_by_key(|(second, _)| *second).filter(|(then, _)| then + 1 >= now_ns / NS_PER_S);
        let is_late = newest.is_some_and(|(_, lag_ns)| *lag_ns > LAG_NS_MAX) || self.waiting_ns(now_ns) > LAG_NS_MAX;
        is_late || is_losing && is_offered
    }

    /// How long the datagram that comes next has been on its way.
    fn waiting_ns(&self, now_ns: u64) -> u64 {
        self.link.next_sent_ns().map_or(0, |sent_ns| (now_ns + self.shift_ns).saturating_sub(sent_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netem::Profile;

    const MS: u64 = NS_PER_MS;

    fn lane(text: &str, shift_ns: u64) -> Lane {
        let mut read = |name: &str| match name {
            // Ten seconds: nothing passes in the third and fourth.
            "losses" => Ok((0..1_000).map(|probe| if (200..400).contains(&probe) { "1\n" } else { "0\n" }).collect()),
            "delays" => Ok("0\n".repeat(1_000)),
            _ => Err("there is none".to_owned()),
        };
        Lane::new(&Profile::parse(text, &mut read).unwrap().down, 1, shift_ns)
    }

    /// Sends sixty times a second; the milliseconds at which it turned from whole to broken or back.
    fn turns(lane: &mut Lane, ms: std::ops::Range<u64>) -> Vec<u64> {
        let (mut turns, mut was_broken) = (Vec::new(), false);
        for at_ms in ms {
            if at_ms % 16 == 0 {
                lane.send(at_ms * MS, b"x");
            }
            while lane.poll(at_ms * MS).is_some() {}
            if lane.is_broken(at_ms * MS) != was_broken {
                was_broken = !was_broken;
                turns.push(at_ms);
            }
        }
        turns
    }

    #[test]
    fn a_link_that_loses_everything_is_broken_after_half_a_second_until_something_comes() {
        assert_eq!(turns(&mut lane("probes=delays,losses=losses", 0), 0..6_000), [2_501, 4_000]);
        assert_eq!(turns(&mut lane("probes=delays,losses=losses", 1_000 * MS), 0..6_000), [1_509, 3_008]);
        assert_eq!(turns(&mut lane("delay=280ms,jitter=10ms", 0), 0..6_000), Vec::<u64>::new());
    }

    #[test]
    fn who_sends_nothing_is_not_excused_by_his_link() {
        let mut lane = lane("loss=100%", 0);
        lane.send(0, b"x");
        assert!(!lane.is_broken(2_000 * MS));
        lane.send(2_000 * MS, b"x");
        assert!(lane.is_broken(2_001 * MS));
    }

    #[test]
    fn a_queue_that_holds_back_for_longer_than_half_a_second_breaks_the_link() {
        let mut lane = lane("rate=8kbit,queue=50", 0);
        for _ in 0..10 {
            lane.send(0, &[0; 100]);
        }
        assert!(lane.poll(100 * MS).is_some() && !lane.is_broken(100 * MS));
        assert_eq!(lane.lag_ns(400 * MS), 400 * MS, "the one that waits counts");
        assert!(lane.is_broken(501 * MS));
        while lane.poll(1_000 * MS).is_some() {}
        assert!(lane.is_broken(1_100 * MS), "what came last was late");
        assert!(lane.is_broken(2_999 * MS) && !lane.is_broken(3_000 * MS), "a whole second later it is forgotten");
        assert_eq!((lane.lag_ns(4_999 * MS), lane.lag_ns(5_000 * MS)), (1_000 * MS, 0));
    }
}
