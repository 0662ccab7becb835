//! A timer wheel: any number of deadlines, at constant cost each, and only those that are due are ever visited.
//!
//! Hierarchical, 64 buckets per level, after Varghese and Lauck (1987). A deadline sits at the level of the highest
//! group of six bits in which it differs from the present; when the present reaches its bucket it moves down, and fires
//! at level 0. Eight levels cover every deadline 64 bits of nanoseconds can name, so nothing is ever clamped.

use crate::prefetch::Prefetch;

/// Grain of the wheel, nanoseconds: 2^20, about 1.05 ms. Deadlines are rounded up: a timer never fires early.
pub const GRAIN_NS: u64 = 1 << GRAIN_BITS;

const GRAIN_BITS: u32 = 20;
const BITS_PER_LEVEL: u32 = 6;
const BUCKETS: usize = 1 << BITS_PER_LEVEL;
/// 44 bits of grains in 6-bit groups.
const LEVELS: usize = (64 - GRAIN_BITS as usize).div_ceil(BITS_PER_LEVEL as usize);
/// The bucket of keys that are due and have not been polled.
const DUE: u32 = (LEVELS * BUCKETS) as u32;
const NONE: u32 = u32::MAX;

/// One timer per key, keys from 0 up to a fixed number.
#[derive(Clone, Debug)]
pub struct Wheel {
    nodes: Vec<Node>,
    heads: Vec<u32>,
    occupied: [u64; LEVELS],
    /// Every bucket up to this grain has been emptied.
    present: u64,
    /// The grain of the latest poll; whatever is scheduled fires after it.
    polled: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    previous: u32,
    next: u32,
    bucket: u32,
    grain: u64,
}

impl Wheel {
    /// A wheel for keys below `keys` that starts at `now_ns`.
    #[must_use]
    pub fn new(keys: u32, now_ns: u64) -> Self {
        let node = Node { previous: NONE, next: NONE, bucket: NONE, grain: 0 };
        Self {
            nodes: vec![node; keys as usize],
            heads: vec![NONE; DUE as usize + 1],
            occupied: [0; LEVELS],
            present: now_ns >> GRAIN_BITS,
            polled: now_ns >> GRAIN_BITS,
        }
    }

    /// Sets the timer of `key`, replacing an earlier setting. A deadline in the past fires one grain after the latest
    /// poll, never within it.
    pub fn schedule(&mut self, key: u32, deadline_ns: u64) {
        self.cancel(key);
        let grain = (deadline_ns >> GRAIN_BITS) + u64::from(deadline_ns & (GRAIN_NS - 1) != 0);
        self.insert(key, grain.max(self.polled + 1));
    }

    /// Sets the timer of `key` unless an earlier deadline is set already.
    pub fn schedule_no_later(&mut self, key: u32, deadline_ns: u64) {
        if self.deadline(key).is_none_or(|set| deadline_ns < set) {
            self.schedule(key, deadline_ns);
        }
    }

    /// When the timer of `key` fires, nanoseconds; `None` when it is not set.
    #[must_use]
    pub fn deadline(&self, key: u32) -> Option<u64> {
        let node = &self.nodes[key as usize];
        (node.bucket != NONE).then_some(node.grain << GRAIN_BITS)
    }

    /// The timer of `key` is about to be looked at.
    pub(crate) fn prefetch(&self, key: u32, prefetch: Prefetch) {
        prefetch.maybe(self.nodes.get(key as usize));
    }

    /// Unsets the timer of `key`.
    pub fn cancel(&mut self, key: u32) {
        let Node { previous, next, bucket, .. } = self.nodes[key as usize];
        if bucket == NONE {
            return;
        }
        match previous {
            NONE => self.heads[bucket as usize] = next,
            _ => self.nodes[previous as usize].next = next,
        }
        if next != NONE {
            self.nodes[next as usize].previous = previous;
        }
        if self.heads[bucket as usize] == NONE && bucket != DUE {
            self.occupied[bucket as usize / BUCKETS] &= !(1 << (bucket as usize % BUCKETS));
        }
        self.nodes[key as usize].bucket = NONE;
    }

    /// The next key whose deadline has come; its timer is unset. Call until `None`.
    pub fn poll(&mut self, now_ns: u64) -> Option<u32> {
        self.polled = self.polled.max(now_ns >> GRAIN_BITS);
        while self.heads[DUE as usize] == NONE {
            let Some((level, bucket, start)) = self.next_bucket().filter(|(.., start)| *start <= self.polled) else {
                self.present = self.polled;
                return None;
            };
            self.present = start;
            self.empty_bucket(level, bucket);
        }
        let key = self.heads[DUE as usize];
        self.cancel(key);
        Some(key)
    }

    /// The earliest deadline that has come and has not been polled, nanoseconds. Unlike
    /// [`poll_timeout`](Self::poll_timeout), which may lie before every deadline, it says how late a poll is.
    pub fn due_since(&mut self, now_ns: u64) -> Option<u64> {
        self.polled = self.polled.max(now_ns >> GRAIN_BITS);
        while let Some((level, bucket, start)) = self.next_bucket().filter(|(.., start)| *start <= self.polled) {
            self.present = start;
            self.empty_bucket(level, bucket);
        }
        self.present = self.polled;
        let first = Some(self.heads[DUE as usize]).filter(|key| *key != NONE);
        let next = |key: &u32| Some(self.nodes[*key as usize].next).filter(|key| *key != NONE);
        let due = std::iter::successors(first, next);
        due.map(|key| self.nodes[key as usize].grain << GRAIN_BITS).min()
    }

    /// When to poll next, nanoseconds: at the earliest deadline or somewhat before it, never after. `None` without any
    /// timer. After `poll(now)` returned `None` it is greater than that `now`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        if self.heads[DUE as usize] != NONE {
            return Some(self.polled << GRAIN_BITS);
        }
        self.next_bucket().map(|(.., start)| start << GRAIN_BITS)
    }

    fn insert(&mut self, key: u32, grain: u64) {
        let bucket = if grain <= self.present {
            DUE
        } else {
            let level = (grain ^ self.present).ilog2() / BITS_PER_LEVEL;
            let bucket = (grain >> (level * BITS_PER_LEVEL)) as usize % BUCKETS;
            self.occupied[level as usize] |= 1 << bucket;
            (level as usize * BUCKETS + bucket) as u32
        };
        let next = self.heads[bucket as usize];
        if next != NONE {
            self.nodes[next as usize].previous = key;
        }
        self.heads[bucket as usize] = key;
        self.nodes[key as usize] = Node { previous: NONE, next, bucket, grain };
    }

    /// Level, bucket and first grain of the earliest occupied bucket. A lower level lies wholly before a higher one,
    /// and no bucket lies behind the present, so the first set bit of the first level is the answer.
    fn next_bucket(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|level| *level != 0)?;
        let bucket = self.occupied[level].trailing_zeros() as usize;
        let shift = level as u32 * BITS_PER_LEVEL;
        let above = (self.present >> shift >> BITS_PER_LEVEL) << BITS_PER_LEVEL << shift;
        Some((level, bucket, above | (bucket as u64) << shift))
    }

    /// Moves every key of a bucket the present has reached one or more levels down, or to the due ones.
    fn empty_bucket(&mut self, level: usize, bucket: usize) {
        let head = level * BUCKETS + bucket;
        self.occupied[level] &= !(1 << bucket);
        let mut key = std::mem::replace(&mut self.heads[head], NONE);
        while key != NONE {
            let Node { next, grain, .. } = self.nodes[key as usize];
            self.insert(key, grain);
            key = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    #[test]
    fn timers_fire_once_and_never_early() {
        let mut wheel = Wheel::new(4, 0);
        for (key, at) in [(0, 5_000_000), (1, 1_000_000_000), (2, 3_600_000_000_000), (3, 400 * 86_400_000_000_000)] {
            wheel.schedule(key, at);
            assert!(wheel.poll_timeout().is_some());
        }
        let mut now = 0;
        let mut fired = vec![];
        while let Some(next) = wheel.poll_timeout() {
            assert!(next > now, "the next wake-up lies in the future");
            now = next;
            while let Some(key) = wheel.poll(now) {
                fired.push((key, now));
            }
        }
        assert_eq!(fired.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [0, 1, 2, 3]);
        for ((_, at), deadline) in
            fired.iter().zip([5_000_000, 1_000_000_000, 3_600_000_000_000, 400 * 86_400_000_000_000])
        {
            assert!((deadline..deadline + GRAIN_NS).contains(at), "{at} for {deadline}");
        }
    }

    #[test]
    fn how_late_a_poll_is_is_told_by_the_deadlines_and_not_by_when_to_look_at_them() {
        let mut wheel = Wheel::new(3, 0);
        let hour = 3_600_000_000_000;
        wheel.schedule(0, hour + 250_000_000);
        assert!(wheel.poll_timeout().unwrap() < hour, "an old wheel wants to be looked at early");
        assert_eq!(wheel.due_since(hour), None);
        assert_eq!((wheel.poll(hour), wheel.poll_timeout().unwrap() > hour), (None, true));
        wheel.schedule(1, hour + 20_000_000);
        wheel.schedule(2, hour + 30_000_000_000);
        let late = hour + 9_000_000_000;
        let since = wheel.due_since(late).unwrap();
        assert!((hour + 20_000_000..hour + 20_000_000 + GRAIN_NS).contains(&since), "{since}");
        let mut fired = [wheel.poll(late), wheel.poll(late), wheel.poll(late)];
        fired.sort();
        assert_eq!(fired, [None, Some(0), Some(1)]);
        assert_eq!(wheel.due_since(late), None);
    }

    #[test]
    fn what_is_scheduled_while_polling_fires_later() {
        let mut wheel = Wheel::new(2, 0);
        wheel.schedule(0, 1);
        let now = 50 * GRAIN_NS;
        assert_eq!(wheel.poll(now), Some(0));
        wheel.schedule(0, 0);
        wheel.schedule(1, now);
        assert_eq!(wheel.poll(now), None);
        assert_eq!(wheel.poll_timeout(), Some(now + GRAIN_NS));
    }

    #[test]
    fn a_due_timer_can_still_be_cancelled_and_moved() {
        let mut wheel = Wheel::new(3, 0);
        for key in 0..3 {
            wheel.schedule(key, GRAIN_NS);
        }
        let first = wheel.poll(GRAIN_NS).unwrap();
        let (second, third) = ((first + 1) % 3, (first + 2) % 3);
        wheel.cancel(second);
        wheel.schedule(third, 9 * GRAIN_NS);
        assert_eq!(wheel.poll(GRAIN_NS), None);
        assert_eq!(wheel.poll(9 * GRAIN_NS), Some(third));
        assert_eq!(wheel.poll_timeout(), None);
    }

    #[test]
    fn agrees_with_a_sorted_map_over_random_operations() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(11);
        let start = (1 << 44) - 777_777;
        let (mut wheel, mut model, mut now) = (Wheel::new(64, start), [None::<u64>; 64], start);
        for round in 0..50_000 {
            let key = (rng.next_u64() % 64) as u32;
            match rng.next_u64() % 4 {
                0 | 1 => {
                    let ahead = rng.next_u64() >> (rng.next_u64() % 36 + 24);
                    wheel.schedule(key, now + ahead);
                    model[key as usize] = Some(now + ahead);
                }
                2 => {
                    wheel.cancel(key);
                    model[key as usize] = None;
                }
                _ => {
                    now += rng.next_u64() >> (rng.next_u64() % 36 + 28);
                    let mut fired = [false; 64];
                    while let Some(key) = wheel.poll(now) {
                        fired[key as usize] = true;
                    }
                    for (key, deadline) in model.iter_mut().enumerate() {
                        let due = deadline.is_some_and(|at| at + GRAIN_NS <= now);
                        assert!(!due || fired[key], "round {round}: key {key} is late");
                        if fired[key] {
                            assert!(deadline.is_some_and(|at| at <= now), "round {round}: key {key} is early");
                            *deadline = None;
                        }
                    }
                    assert!(wheel.poll_timeout().is_none_or(|next| next > now));
                }
            }
            for (key, deadline) in model.iter().enumerate() {
                assert_eq!(wheel.deadline(key as u32).is_some(), deadline.is_some(), "round {round}: key {key}");
            }
        }
    }
}
