//! Where the time of a thread goes: how long each part of its round takes, and which it is in now.
//!
//! One thread writes, anybody reads. A round costs two loads and stores and a look at the clock for each part, some 40 ns;
//! nothing waits. What is read while a part ends may be of two moments a few nanoseconds apart.

use super::clock;
use game::{Part, Probe};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

/// Upper bounds of the buckets, in nanoseconds: from what a part costs that does nothing to three ticks.
pub const BOUNDS_NS: [u64; 9] =
    [10_000, 50_000, 100_000, 500_000, 1_000_000, 4_000_000, 10_000_000, 16_666_667, 50_000_000];

/// A thread's.
#[derive(Debug)]
pub struct Stopwatch {
    /// By the part's number; an empty name where there is none.
    names: Vec<&'static str>,
    times: Vec<Times>,
    current: AtomicU8,
    since_ns: AtomicU64,
}

/// A part's.
#[derive(Debug, Default)]
struct Times {
    sum_ns: AtomicU64,
    count: AtomicU64,
    /// Of the second under way, and of the one before.
    max_ns: AtomicU64,
    max_before_ns: AtomicU64,
    /// The last is of what took longer than all bounds.
    buckets: [AtomicU64; BOUNDS_NS.len() + 1],
}

/// What a part has taken since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartTimes {
    /// Its name.
    pub name: &'static str,
    /// Its number.
    pub part: u8,
    /// Nanoseconds, together.
    pub sum_ns: u64,
    /// How often it was passed.
    pub count: u64,
    /// The longest pass within the last whole second that was published, in nanoseconds.
    pub max_ns: u64,
    /// Passes by [`BOUNDS_NS`], not cumulative; the last is of all that took longer.
    pub buckets: [u64; BOUNDS_NS.len() + 1],
}

impl Stopwatch {
    /// One that has seen nothing; parts are the numbers of `names`, and part 0 is the thread's rest.
    pub fn new(names: Vec<&'static str>) -> Self {
        assert!(names.len() <= usize::from(u8::MAX), "a part has a number of eight bits");
        let times = names.iter().map(|_| Times::default()).collect();
        Self { names, times, current: AtomicU8::new(0), since_ns: AtomicU64::new(0) }
    }

    /// A part begins at this moment; the one before has ended.
    pub fn enter_at(&self, part: u8, now_ns: u64) {
        let (before, since_ns) = (self.current.load(Relaxed), self.since_ns.load(Relaxed));
        if let Some(times) = self.times.get(usize::from(before)).filter(|_| since_ns != 0) {
            times.add(now_ns.saturating_sub(since_ns));
        }
        self.current.store(part, Relaxed);
        self.since_ns.store(now_ns, Relaxed);
        #[cfg(feature = "tracy")]
        super::tracy::enter(self.names.get(usize::from(part)).copied().unwrap_or_default());
    }

    /// The same, now.
    pub fn enter(&self, part: u8) {
        self.enter_at(part, clock::mono_ns());
    }

    /// A second is over: the longest passes are those of the next from now on.
    pub fn publish(&self) {
        for times in &self.times {
            times.max_before_ns.store(times.max_ns.load(Relaxed), Relaxed);
            times.max_ns.store(0, Relaxed);
        }
    }

    /// The part that the thread is in, and since when; none before it has begun.
    pub fn now_in(&self) -> Option<(&'static str, u64)> {
        let since_ns = self.since_ns.load(Relaxed);
        let name = self.names.get(usize::from(self.current.load(Relaxed)))?;
        (since_ns != 0).then_some((name, since_ns))
    }

    /// All parts that have a name.
    pub fn read(&self) -> impl Iterator<Item = PartTimes> {
        let named = self.names.iter().zip(&self.times).zip(0..).filter(|((name, _), _)| !name.is_empty());
        named.map(|((name, times), part)| PartTimes {
            name,
            part,
            sum_ns: times.sum_ns.load(Relaxed),
            count: times.count.load(Relaxed),
            max_ns: times.max_before_ns.load(Relaxed),
            buckets: std::array::from_fn(|at| times.buckets[at].load(Relaxed)),
        })
    }
}

impl Times {
    fn add(&self, ns: u64) {
        // One thread writes: what it has read is what there is.
        let grow = |of: &AtomicU64, by: u64| of.store(of.load(Relaxed) + by, Relaxed);
        grow(&self.sum_ns, ns);
        grow(&self.count, 1);
        grow(&self.buckets[BOUNDS_NS.partition_point(|&bound| bound < ns)], 1);
        if ns > self.max_ns.load(Relaxed) {
            self.max_ns.store(ns, Relaxed);
        }
    }
}

impl Probe for Stopwatch {
    fn enter(&self, part: Part) {
        Stopwatch::enter(self, part.0 + 1);
    }
}

/// The world thread's: its rest, then the game's parts and the realm's by their numbers plus one, then what the thread itself
/// does.
pub fn of_world() -> Stopwatch {
    let first_of_realm = usize::from(server::REALM_PARTS_FROM) + 1;
    let mut names = vec![""; first_of_realm];
    names[0] = "rest";
    names[1..=game::GAME_PARTS.len()].copy_from_slice(&game::GAME_PARTS);
    names.extend(server::REALM_PARTS);
    names.extend(["take", "hand_over", "publish", "drill"]);
    Stopwatch::new(names)
}

/// Parts of the world thread that are neither the game's nor the realm's.
pub mod world {
    /// Between two ticks.
    pub const REST: u8 = 0;
    const FIRST: u8 = server::REALM_PARTS_FROM + 1 + server::REALM_PARTS.len() as u8;
    /// Queues are emptied.
    pub const TAKE: u8 = FIRST;
    /// The tick's output goes to the reactor, jobs to persistence.
    pub const HAND_OVER: u8 = FIRST + 1;
    /// Figures are published.
    pub const PUBLISH: u8 = FIRST + 2;
    /// Work that an operator has asked for, to see what happens.
    pub const DRILL: u8 = FIRST + 3;
    /// Whether a part is the game's.
    pub fn is_game(part: u8) -> bool {
        (1..=game::GAME_PARTS.len() as u8).contains(&part)
    }
}

/// The reactor's.
pub fn of_reactor() -> Stopwatch {
    Stopwatch::new(vec!["wait", "receive", "outbound", "timeouts", "transmit", "hand_over", "publish", "rest"])
}

/// Parts of a wake of the reactor.
pub mod reactor {
    /// The poll.
    pub const WAIT: u8 = 0;
    /// Datagrams are read and opened.
    pub const RECEIVE: u8 = 1;
    /// What the world says is queued.
    pub const OUTBOUND: u8 = 2;
    /// Time-outs of connections.
    pub const TIMEOUTS: u8 = 3;
    /// Packets are made, sealed and sent.
    pub const TRANSMIT: u8 = 4;
    /// A batch goes to the world.
    pub const HAND_OVER: u8 = 5;
    /// Figures are published.
    pub const PUBLISH: u8 = 6;
    /// Datagrams gather.
    pub const REST: u8 = 7;
    /// Whether the thread does nothing in this part.
    pub fn is_idle(part: u8) -> bool {
        matches!(part, WAIT | REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_the_time_from_its_beginning_to_the_next_ones() {
        let watch = Stopwatch::new(vec!["rest", "", "work"]);
        assert_eq!(watch.now_in(), None);
        for (part, now_ns) in [(0, 100), (2, 1_100), (0, 31_100), (2, 40_000)] {
            watch.enter_at(part, now_ns);
        }
        let read: Vec<_> = watch.read().map(|of| (of.name, of.part, of.sum_ns, of.count, of.max_ns)).collect();
        assert_eq!(read, [("rest", 0, 1_000 + 8_900, 2, 0), ("work", 2, 30_000, 1, 0)]);
        assert_eq!(watch.now_in(), Some(("work", 40_000)));
        assert_eq!(watch.read().last().unwrap().buckets[1], 1, "30 us are at most 50");
        watch.publish();
        assert_eq!(watch.read().map(|of| of.max_ns).collect::<Vec<_>>(), [8_900, 30_000]);
        watch.publish();
        assert_eq!(watch.read().map(|of| of.max_ns).collect::<Vec<_>>(), [0, 0], "nothing was as long in this second");
    }

    #[test]
    fn the_worlds_parts_have_the_names_of_those_who_say_them() {
        let watch = of_world();
        Probe::enter(&watch, Part(server::REALM_PARTS_FROM + 4));
        assert_eq!(watch.now_in().unwrap().0, "tell");
        Probe::enter(&watch, Part(2));
        assert_eq!(watch.now_in().unwrap().0, "think");
        watch.enter(world::DRILL);
        assert_eq!(watch.now_in().unwrap().0, "drill");
        watch.enter(world::TAKE);
        assert_eq!(watch.now_in().unwrap().0, "take");
    }
}
