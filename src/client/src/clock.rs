//! Which moment of the server's is shown now: an estimate of its tick, and how far behind it one has to stay.

use protocol::Tick;
use protocol::unit::{TICK_NS, TICK_RATE_HZ};

/// Ticks that the estimate looks back on: 8.5 s. A path that has become quicker is believed after that long.
const WINDOW_TICKS: usize = 512;
/// The latest so many of them are never waited for: 0.4 %, half of the frames that may go without anything new.
const FEW: usize = 2;
/// Nor are those later than [`COMFORT_NS`], as long as they are no more than this: 4 %. A handover of the path is a handful
/// of ticks once in many seconds, and to wait for it would show everybody late all the time.
const MANY: usize = 20;
/// What is waited for even a few, ns: with a tick and the margin others are shown 50 ms late at most.
const COMFORT_NS: i64 = 32_000_000;
/// Lost ticks that count before one that came. Each makes its tick as late as the next one that came; an outage says
/// nothing about the path between outages.
const LOST_TICKS_COUNTED: u32 = 3;
/// Lateness beyond this is not waited for: 200 ms. What is farther behind is better guessed.
pub const LATENESS_NS_MAX: i64 = 200_000_000;
/// Waited beside what was measured, for the rounding of timers: 1 ms.
const MARGIN_NS: i64 = 1_000_000;
/// The moment shown may run this much slower than time, as a share of it: to wait for what is late, soon.
const SLOWER: i64 = 4;
/// The moment shown may run this much faster than time, as a share of it: to catch up, unseen.
const FASTER: i64 = 20;
/// Farther off than this the moment shown stands still, or leaps ahead: 500 ms. Nobody wants to see half a second slowly.
const LEAP_NS: i64 = 500_000_000;
/// Ticks of which it is known whether anything of them came.
const HEARD_TICKS: u32 = u64::BITS;

/// Learns from the arrival of ticks.
///
/// A tick's *offset* is the time of its arrival less the time at which it lies on a clock that started with tick 0. The
/// least offset is the path at its best: by it the server's tick is told. How much later ticks come than that, lost
/// ones included, is how far behind one must stay to have the next one always at hand.
#[derive(Debug, Default)]
pub struct PlayoutClock {
    /// Ring of the newest [`WINDOW_TICKS`], ns.
    offsets: Vec<i64>,
    next: usize,
    scratch: Vec<i64>,
    newest: Tick,
    /// Bit k: something of `newest - k` came.
    heard: u64,
    least_ns: i64,
    lateness_ns: i64,
    /// Offset by which the moment shown is told, and when it was brought up to date last, ns.
    shown_ns: i64,
    advanced_ns: u64,
}

impl PlayoutClock {
    /// Something of a tick came.
    pub fn on_tick(&mut self, now_ns: u64, tick: Tick) {
        let is_first = self.offsets.is_empty();
        if !is_first && tick <= self.newest {
            let age = self.newest.since(tick);
            self.heard |= 1_u64.checked_shl(age).unwrap_or(0);
            return;
        }
        let ahead = if is_first { 1 } else { tick.since(self.newest) };
        self.heard = self.heard.checked_shl(ahead).unwrap_or(0) | 1;
        self.newest = tick;
        for back in (0..ahead.min(LOST_TICKS_COUNTED + 1)).rev() {
            self.put(now_ns as i64 - tick_ns(tick) + i64::from(back) * TICK_NS as i64);
        }
        self.measure();
        if is_first {
            (self.shown_ns, self.advanced_ns) = (self.target_ns(), now_ns);
        }
    }

    /// Brings the moment shown up to date: it moves towards where it ought to be, and never back. By how much it moved, ns.
    pub fn advance(&mut self, now_ns: u64) -> i64 {
        let passed_ns = now_ns.saturating_sub(self.advanced_ns) as i64;
        self.advanced_ns = self.advanced_ns.max(now_ns);
        let before_ns = self.shown_ns;
        self.shown_ns = slewed(before_ns, self.target_ns(), passed_ns);
        passed_ns - (self.shown_ns - before_ns)
    }

    /// Whether any tick has come.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.offsets.is_empty()
    }

    /// The tick that a datagram just arriving would be of if the path were at its best.
    #[must_use]
    pub fn server_tick(&self, now_ns: u64) -> f64 {
        ticks(now_ns as i64 - self.least_ns)
    }

    /// The moment shown of what is told every tick, less `extra_ns`, in ticks.
    #[must_use]
    pub fn render_tick(&self, now_ns: u64, extra_ns: i64) -> f64 {
        ticks(now_ns as i64 - self.shown_ns - extra_ns)
    }

    /// How far the moment shown ought to lie behind [`Self::server_tick`], ns: a tick, because between two states lies
    /// one, and what ticks are late.
    #[must_use]
    pub fn delay_aim_ns(&self) -> i64 {
        self.target_ns() - self.least_ns
    }

    /// How late ticks come, ns: those that are waited for.
    #[must_use]
    pub fn lateness_ns(&self) -> i64 {
        self.lateness_ns
    }

    /// Ticks after `after` and before `before` of which something came, as far as that is remembered.
    #[must_use]
    pub fn heard_between(&self, after: Tick, before: Tick) -> u32 {
        // Bits 0..high are after `after`, and of these bits 0..low are not before `before`.
        let high = self.newest.since(after).min(HEARD_TICKS);
        let low = self.newest.next().since(before).min(HEARD_TICKS);
        (self.heard & mask(high) & !mask(low)).count_ones()
    }

    /// The newest tick of which something came.
    #[must_use]
    pub fn newest(&self) -> Tick {
        self.newest
    }

    fn put(&mut self, offset_ns: i64) {
        if self.offsets.len() < WINDOW_TICKS {
            self.offsets.push(offset_ns);
        } else {
            self.offsets[self.next] = offset_ns;
            self.next = (self.next + 1) % WINDOW_TICKS;
        }
    }

    fn measure(&mut self) {
        self.scratch.clear();
        self.scratch.extend_from_slice(&self.offsets);
        self.scratch.sort_unstable();
        self.least_ns = self.scratch[0];
        // While little is known, nothing of it is left out.
        let last = self.scratch.len() - 1;
        let but = |outliers: usize| self.scratch[last - outliers * self.scratch.len() / WINDOW_TICKS] - self.least_ns;
        self.lateness_ns = but(FEW).min(COMFORT_NS).max(but(MANY)).min(LATENESS_NS_MAX);
    }

    fn target_ns(&self) -> i64 {
        self.least_ns + self.lateness_ns + TICK_NS as i64 + MARGIN_NS
    }
}

/// An offset on its way from `from_ns` to `to_ns` when `passed_ns` have gone by. A larger offset is an earlier moment, so
/// it may grow by no more than time itself, or time would run backwards.
#[must_use]
pub fn slewed(from_ns: i64, to_ns: i64, passed_ns: i64) -> i64 {
    let error_ns = to_ns - from_ns;
    if error_ns < -LEAP_NS {
        return to_ns;
    }
    let later_ns = if error_ns > LEAP_NS { passed_ns } else { passed_ns / SLOWER };
    from_ns + error_ns.clamp(-passed_ns / FASTER, later_ns)
}

/// When a tick lies on a clock that started with tick 0.
fn tick_ns(tick: Tick) -> i64 {
    i64::from(tick.0) * 1_000_000_000 / i64::from(TICK_RATE_HZ)
}

fn ticks(ns: i64) -> f64 {
    ns as f64 * f64::from(TICK_RATE_HZ) / 1e9
}

/// The lowest `bits` bits.
fn mask(bits: u32) -> u64 {
    1_u64.checked_shl(bits).map_or(u64::MAX, |bit| bit - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Hears ticks 1000 and up, each `late_ms(n)` later than 50 ms after its time, until `count` have come or been lost.
    fn heard(count: u32, late_ms: impl Fn(u32) -> Option<u64>) -> (PlayoutClock, u64) {
        let mut clock = PlayoutClock::default();
        let mut now_ns = 0;
        for n in 0..count {
            let tick = Tick(1_000 + n);
            if let Some(late_ms) = late_ms(n) {
                now_ns = tick_ns(tick) as u64 + (50 + late_ms) * MS;
                clock.advance(now_ns);
                clock.on_tick(now_ns, tick);
            }
        }
        (clock, now_ns)
    }

    #[test]
    fn on_a_perfect_path_the_moment_shown_is_one_tick_behind_and_a_margin() {
        let (clock, now_ns) = heard(600, |_| Some(0));
        assert_eq!(clock.lateness_ns(), 0);
        assert!((clock.server_tick(now_ns) - 1_599.0).abs() < 0.001);
        let behind_ms = (1_599.0 - clock.render_tick(now_ns, 0)) * 1_000.0 / 60.0;
        assert!((17.0..18.0).contains(&behind_ms), "{behind_ms}");
    }

    #[test]
    fn two_late_ticks_in_eight_seconds_are_not_waited_for_and_three_are() {
        let (clock, _) = heard(512, |n| Some(if n % 200 == 150 { 30 } else { 0 }));
        assert_eq!(clock.lateness_ns() / MS as i64, 0);
        let (clock, _) = heard(512, |n| Some(if n % 150 == 100 { 30 } else { 0 }));
        assert_eq!(clock.lateness_ns() / MS as i64, 30);
    }

    #[test]
    fn a_handover_is_not_waited_for_longer_than_is_comfortable_and_a_path_that_is_late_again_and_again_is() {
        let (clock, _) = heard(512, |n| Some(if (300..315).contains(&n) { 90 } else { 0 }));
        assert_eq!(clock.lateness_ns(), COMFORT_NS);
        let (clock, _) = heard(512, |n| Some(if n % 20 == 7 { 90 } else { 0 }));
        assert_eq!(clock.lateness_ns() / MS as i64, 90);
    }

    #[test]
    fn a_lost_tick_is_as_late_as_the_next_that_comes_and_an_outage_is_no_lateness() {
        let (clock, _) = heard(600, |n| (n % 20 != 7).then_some(0));
        assert_eq!(clock.lateness_ns() / MS as i64, 16);
        let (clock, _) = heard(600, |n| (!(300..330).contains(&n)).then_some(0));
        assert!(clock.lateness_ns() <= 50 * MS as i64, "{}", clock.lateness_ns());
    }

    #[test]
    fn what_is_shown_slows_down_soon_catches_up_unseen_and_never_steps_back() {
        let mut clock = PlayoutClock::default();
        let (mut before, mut slowest, mut fastest) = (f64::MIN, f64::MAX, f64::MIN);
        for ms in 0..30_000_u64 {
            let late_ms = if (10_000..12_000).contains(&ms) { 40 } else { 0 };
            if ms % 17 == 0 && ms > late_ms {
                clock.on_tick(ms * MS, Tick(((ms - late_ms) * 60 / 1_000) as u32 + 5));
            }
            clock.advance(ms * MS);
            let shown = clock.render_tick(ms * MS, 0);
            if ms > 100 {
                let pace = (shown - before) / 0.06;
                (slowest, fastest) = (slowest.min(pace), fastest.max(pace));
            }
            before = shown;
        }
        assert!((0.74..0.80).contains(&slowest), "{slowest}");
        assert!((1.01..1.051).contains(&fastest), "{fastest}");
    }

    #[test]
    fn after_minutes_of_nothing_the_moment_shown_leaps_ahead() {
        let (mut clock, now_ns) = heard(600, |_| Some(0));
        clock.advance(now_ns + 60_000 * MS);
        let mut later = now_ns;
        for n in 0..600 {
            later = now_ns + 100_000 * MS + n * TICK_NS;
            clock.on_tick(later, Tick(1_600 + 5_000 + n as u32));
            clock.advance(later);
        }
        let behind = clock.server_tick(later) - clock.render_tick(later, 0);
        assert!(behind < 4.0, "{behind}");
    }

    #[test]
    fn the_ticks_between_two_of_which_something_came_are_counted() {
        let (clock, _) = heard(20, |n| (n != 10 && n != 12).then_some(0));
        assert_eq!(clock.heard_between(Tick(1_009), Tick(1_013)), 1);
        assert_eq!(clock.heard_between(Tick(1_013), Tick(1_014)), 0);
        assert_eq!(clock.heard_between(Tick(1_009), Tick(1_020)), 8);
        assert_eq!(clock.heard_between(Tick(0), Tick(1_020)), 18);
        assert_eq!(clock.heard_between(Tick(1_019), Tick(1_030)), 0);
    }
}
