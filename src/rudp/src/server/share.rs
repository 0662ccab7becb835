//! The limit over all requests, shared so that a flood takes from itself and not from those who ask once.
//!
//! Time is cut into windows of 100 ms. The n-th request of a network within a window stands on *level* n - 1. A server
//! that can take C requests a window would like to serve level by level: the first request of every network, then the
//! second of every network, and so on until C are served; that is max-min fairness, what a round robin over queues of
//! networks would do, without the queues. How many networks will reach each level is not known before the window is
//! over, so the two windows before it are the forecast, on each level the larger of them: a flood that lasts longer than
//! a window is met as it is, also one that pauses in every other.
//!
//! With N(k) networks on level k by this forecast, levels 0 to L - 1 pass whole, L being the most for which
//! N(0) + .. + N(L - 1) <= C. Of level L what is left, R = C - N(0) - .. - N(L - 1), suffices for R / N(L) of the networks:
//! they stand on a circle, each at a place of its own, and a hand goes round it by that fraction in every window. Those
//! it passes have their turn. When even the first requests are too many (L = 0, random forged senders), an honest
//! network that asks once a window is thereby served within N(0) / C windows: at 100,000 forged networks a second these
//! are 5.6, and a client that asks 10 times a second waits 0.6 s.
//!
//! Networks are told apart by a keyed hash, in a table without keys; two that fall together count as one. Who falls
//! together with whom changes with every window, so nobody is shut out by a neighbour for longer than one.
//!
//! C is nine tenths of the limit over all. The last tenth is for what the forecast misses: without it, chance alone
//! would empty the bucket behind, and that refuses anybody.
use super::origin::Prefix;
use crate::bucket::{Rate, hasher};
use crate::time::NS_PER_MS;
use std::hash::BuildHasher;

/// Length of a window: one request of a client that asks at 10 Hz.
const WINDOW_NS: u64 = 100 * NS_PER_MS;
const WINDOWS_PER_S: u32 = 10;
/// Networks told apart: 512 KiB. Among 10,000 forged networks a window, one in 26 honest ones comes second in its place.
const PLACES: usize = 1 << 17;
/// Levels told apart. A network has at most its own limit in a window, 1,100 by default.
const LEVELS: usize = 2_048;
/// All levels pass: nothing is short.
const ALL: u32 = u32::MAX;

/// Decides which requests may use up the limit over all.
pub(super) struct FairShare {
    /// C: requests that a window may pass.
    window_max: u32,
    hasher: foldhash::quality::SeedableRandomState,
    places: Box<[Place]>,
    window: u64,
    /// Networks on each level in the present window.
    networks: Box<[u32]>,
    /// The same, of the window before.
    before: Box<[u32]>,
    /// L, from the two windows before.
    whole_levels: u32,
    /// Of level L those pass whose place on the circle lies from the hand on within the arc; the circle has 2^32.
    hand: u32,
    arc: u32,
}

/// What came from the networks that share a place.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Low bits of the window in which the latest came. After 109 minutes a count may be taken for a new one: a
    /// request is refused, once.
    window: u16,
    requests: u16,
}

impl FairShare {
    pub(super) fn new(total: Rate, seed: u64) -> Self {
        Self {
            window_max: (total.per_s / WINDOWS_PER_S / 10 * 9).max(1),
            hasher: hasher(seed),
            places: vec![Place::default(); PLACES].into(),
            window: 0,
            networks: vec![0; LEVELS].into(),
            before: vec![0; LEVELS].into(),
            whole_levels: ALL,
            hand: 0,
            arc: 0,
        }
    }

    /// Whether this request is within the share of its network. Refused ones count too: they are the demand.
    /// spec: LIF-20
    pub(super) fn admit(&mut self, network: Prefix, mono_ns: u64) -> bool {
        let window = mono_ns / WINDOW_NS;
        if window != self.window {
            self.forecast(window);
        }
        let place = &mut self.places[self.hasher.hash_one((network, window)) as usize & (PLACES - 1)];
        if place.window != window as u16 {
            *place = Place { window: window as u16, requests: 0 };
        }
        let level = u32::from(place.requests);
        place.requests = place.requests.saturating_add(1);
        if let Some(networks) = self.networks.get_mut(level as usize) {
            *networks += 1;
        }
        let has_turn = || (self.hasher.hash_one(network) as u32).wrapping_sub(self.hand) < self.arc;
        level < self.whole_levels || level == self.whole_levels && has_turn()
    }

    /// A new window begins: what came in the two before it says what passes.
    fn forecast(&mut self, window: u64) {
        match window.wrapping_sub(self.window) {
            1 => {}
            2 => self.before.fill(0),
            _ => {
                self.networks.fill(0);
                self.before.fill(0);
            }
        }
        self.hand = self.hand.wrapping_add(self.arc);
        (self.window, self.whole_levels, self.arc) = (window, ALL, 0);
        let mut left = self.window_max;
        let demand = self.networks.iter().zip(&self.before).map(|(newer, older)| *newer.max(older));
        for (level, networks) in (0..).zip(demand).take_while(|(_, networks)| *networks > 0) {
            if networks > left {
                self.whole_levels = level;
                self.arc = ((u64::from(left) << 32) / u64::from(networks)) as u32;
                break;
            }
            left -= networks;
        }
        std::mem::swap(&mut self.networks, &mut self.before);
        let reached = self.networks.iter().take_while(|networks| **networks > 0).count();
        self.networks[..reached].fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL: Rate = Rate { per_s: 20_000, burst: 4_000 };

    fn network(n: u32) -> Prefix {
        Prefix::network(std::net::Ipv4Addr::from_bits(n << 8).into())
    }

    /// `per_window` requests in each of `windows` windows, from the networks `of` names; how many pass in each.
    fn flood(
        share: &mut FairShare,
        windows: std::ops::Range<u64>,
        per_window: u64,
        of: impl Fn(u64) -> u32,
    ) -> Vec<u32> {
        let passed = |window: u64, share: &mut FairShare| {
            let at = |n| window * WINDOW_NS + n * WINDOW_NS / per_window;
            (0..per_window).filter(|n| share.admit(network(of(window * per_window + n)), at(*n))).count() as u32
        };
        windows.map(|window| passed(window, share)).collect()
    }

    #[test]
    fn nothing_is_refused_while_all_together_ask_for_less_than_the_limit() {
        let mut share = FairShare::new(TOTAL, 1);
        assert_eq!(flood(&mut share, 10..20, 1_800, |n| n as u32 % 7), [1_800; 10]);
    }

    #[test]
    fn few_networks_share_the_whole_limit_and_who_asks_for_less_than_a_share_has_it() {
        let mut share = FairShare::new(TOTAL, 1);
        let passed = flood(&mut share, 10..20, 10_000, |n| n as u32 % 5);
        assert!(passed[1..].iter().all(|passed| *passed == 1_800), "{passed:?}");
        for n in 0..360 {
            assert!(share.admit(network(99), 20 * WINDOW_NS), "the {n}-th of a fair share");
        }
        assert!(!share.admit(network(99), 20 * WINDOW_NS), "and no more: five ask for more than theirs");
    }

    #[test]
    fn among_too_many_networks_every_one_has_its_turn() {
        for seed in 0..50 {
            let mut share = FairShare::new(TOTAL, seed);
            let passed = flood(&mut share, 10..12, 10_000, |n| n as u32 % 4_000);
            assert_eq!(passed[0], 10_000, "an unforeseen window passes to the bucket behind");
            let waited = (12..40).position(|window| {
                let before = flood(&mut share, window..window + 1, 10_000, |n| n as u32 % 4_000)[0];
                assert!((1_600..2_000).contains(&before), "{before} of 10,000 passed");
                share.admit(network(9_000_000), window * WINDOW_NS + WINDOW_NS / 2)
            });
            // 4,000 / 1,800 windows, and once more if it came second in its place.
            assert!(waited.is_some_and(|waited| waited < 6), "seed {seed}: {waited:?}");
        }
    }

    #[test]
    fn networks_that_are_never_seen_twice_leave_a_turn_to_one_that_comes_again() {
        for seed in 0..50 {
            let mut share = FairShare::new(TOTAL, seed);
            flood(&mut share, 10..12, 10_000, |n| n as u32);
            let waited = (12..40).position(|window| {
                let before = flood(&mut share, window..window + 1, 10_000, |n| n as u32)[0];
                assert!((1_600..2_000).contains(&before), "{before} of 10,000 passed");
                share.admit(network(9_000_000), window * WINDOW_NS + WINDOW_NS / 2)
            });
            assert!(waited.is_some_and(|waited| waited < 12), "seed {seed}: {waited:?}");
        }
    }

    #[test]
    fn a_flood_that_is_over_is_forgotten() {
        let mut share = FairShare::new(TOTAL, 1);
        flood(&mut share, 10..12, 10_000, |n| n as u32);
        assert_eq!(flood(&mut share, 14..15, 1_000, |n| n as u32), [1_000]);
    }
}
