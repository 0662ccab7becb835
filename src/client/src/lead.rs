//! When the next input is due: sixty times a second, a little oftener or rarer as the server's buffer asks.
//!
//! The server takes one input a tick. Each that waits there bridges one lost datagram, and makes the player one tick
//! late. It says with every state how many wait, and that is all there is to steer by: inputs run ahead until in the
//! worst moments of late one still waited, and fall back when there were always two or more.

use protocol::OwnState;
use protocol::unit::TICK_NS;

/// Most that a client tick is stretched or shortened: a 32nd, 3 %. One input more or less takes half a second.
const STRETCH: i64 = TICK_NS as i64 / 32;
/// States after which running ahead is considered: half a second.
const NEAR_STATES: u32 = 30;
/// States after which falling back is considered: five seconds, so that a loss now and then is remembered.
const CALM_STATES: u32 = 300;
/// With more inputs waiting on average one does not run farther ahead, in quarters: 2.5. The next waits at 3.5 at most,
/// and the most that may wait is 4.
const ENOUGH_QUARTERS: u32 = 10;
/// With more than this waiting on average one falls back soon, in quarters: 3.25.
const TOO_MANY_QUARTERS: u32 = 13;
/// Ticks that one who was late makes up for at once. After a longer stall the inputs of that time are not sent at all: the
/// server would skip them.
const CATCH_UP_TICKS: u64 = 4;

/// Times the inputs of one session.
#[derive(Debug, Default)]
pub struct InputLead {
    /// When the next input is due; none before the first.
    due_ns: Option<u64>,
    /// When the newest was due.
    last_ns: u64,
    /// By how much to run ahead still (or, negative, to fall back), ns.
    shift_ns: i64,
    /// What the server said since the last decision took effect.
    heard: Heard,
    /// The last decision takes effect with this input: states before it say nothing of it.
    settles_at: Option<u16>,
    number: u16,
}

#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    states: u32,
    depth_sum: u32,
    depth_min: u8,
}

impl InputLead {
    /// Whether an input is due, and if so, when the one after it will be. The first is due at once.
    pub fn poll(&mut self, now_ns: u64) -> bool {
        let due_ns = self.due_ns.unwrap_or(now_ns);
        if due_ns > now_ns {
            return false;
        }
        self.last_ns = if now_ns - due_ns > CATCH_UP_TICKS * TICK_NS { now_ns } else { due_ns };
        let shift_ns = self.shift_ns.clamp(-STRETCH, STRETCH);
        self.shift_ns -= shift_ns;
        self.due_ns = Some(self.last_ns.saturating_add_signed(TICK_NS as i64 - shift_ns));
        if self.shift_ns == 0 && shift_ns != 0 {
            self.settles_at = Some(self.number.wrapping_add(1));
        }
        true
    }

    /// When the next input is due, ns; none before the first.
    #[must_use]
    pub fn due_ns(&self) -> Option<u64> {
        self.due_ns
    }

    /// When the newest input was due, ns.
    #[must_use]
    pub fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// An input left.
    pub fn on_input(&mut self, now_ns: u64, number: u16) {
        self.number = number;
        if self.due_ns.is_none() {
            // Whoever sends them times them himself.
            self.last_ns = now_ns;
        }
    }

    /// The server told what waits there.
    pub fn on_own(&mut self, own: &OwnState) {
        if self.shift_ns != 0 {
            return;
        }
        if let Some(number) = self.settles_at {
            if (own.input_applied.wrapping_sub(number) as i16) < 0 {
                return;
            }
            (self.settles_at, self.heard) = (None, Heard::default());
        }
        self.heard.add(own.input_depth);
        self.decide();
    }

    /// The server was not heard for long: what it said is stale.
    pub fn interrupt(&mut self) {
        let Self { due_ns, last_ns, number, .. } = *self;
        *self = Self { due_ns, last_ns, number, ..Self::default() };
    }

    fn decide(&mut self) {
        let Heard { states, depth_min, .. } = self.heard;
        if states < NEAR_STATES {
            return;
        }
        let quarters = self.heard.depth_quarters();
        let shift_ticks = match depth_min {
            0 if quarters <= ENOUGH_QUARTERS => 1,
            _ if quarters > TOO_MANY_QUARTERS => -1,
            2.. if states >= CALM_STATES => -1,
            _ if states >= CALM_STATES => 0,
            _ => return,
        };
        self.shift_ns = shift_ticks * TICK_NS as i64;
        self.heard = Heard::default();
    }
}

impl Heard {
    fn add(&mut self, depth: u8) {
        self.depth_min = if self.states == 0 { depth } else { self.depth_min.min(depth) };
        self.states += 1;
        self.depth_sum += u32::from(depth);
    }

    fn depth_quarters(&self) -> u32 {
        self.depth_sum * 4 / self.states.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that takes one input a tick, `path_ns` away, and a client that listens to it.
    struct Pair {
        lead: InputLead,
        path_ns: u64,
        sent: Vec<(u64, u16)>,
        number: u16,
        applied: u16,
        now_ns: u64,
        depths: Vec<u8>,
        starved: u32,
    }

    impl Pair {
        fn new(path_ns: u64) -> Self {
            let lead = InputLead::default();
            Self { lead, path_ns, sent: Vec::new(), number: 0, applied: 0, now_ns: 0, depths: Vec::new(), starved: 0 }
        }

        /// One tick of the server; `is_lost` decides of each datagram, which carries four inputs.
        fn tick(&mut self, mut is_lost: impl FnMut() -> bool) {
            self.now_ns += TICK_NS;
            while self.lead.poll(self.now_ns) {
                let due_ns = self.lead.last_ns();
                self.number += 1;
                self.lead.on_input(due_ns, self.number);
                if !is_lost() {
                    self.sent.push((due_ns + self.path_ns, self.number));
                }
            }
            let arrived = self.sent.iter().filter(|(at_ns, _)| *at_ns <= self.now_ns).map(|(_, number)| *number).max();
            let newest = arrived.unwrap_or(0);
            match newest.saturating_sub(self.applied) {
                0 => self.starved += 1,
                // As the server does when more than four wait.
                1..=4 => self.applied += 1,
                _ => self.applied += 2,
            }
            let depth = (newest.max(self.applied) - self.applied) as u8;
            self.depths.push(depth);
            self.lead.on_own(&OwnState { input_applied: self.applied, input_depth: depth, ..OwnState::default() });
        }
    }

    #[test]
    fn on_a_perfect_path_one_input_waits() {
        let mut pair = Pair::new(30_000_000);
        (0..3_000).for_each(|_| pair.tick(|| false));
        assert!(pair.depths[600..].iter().all(|depth| *depth == 1), "{:?}", &pair.depths[600..]);
    }

    #[test]
    fn at_ten_percent_loss_up_to_four_wait_and_the_server_hardly_ever_lacks_one() {
        let mut pair = Pair::new(30_000_000);
        let mut dice = 1_u32;
        let mut is_lost = || {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            dice >> 16 < 6_553
        };
        (0..600).for_each(|_| pair.tick(&mut is_lost));
        let starved = pair.starved;
        (0..60_000).for_each(|_| pair.tick(&mut is_lost));
        assert!(pair.starved - starved <= 60, "{} of 60,000", pair.starved - starved);
        assert!(pair.depths[600..].iter().all(|depth| *depth <= 4));
    }

    #[test]
    fn too_many_are_worked_off() {
        let mut pair = Pair::new(90_000_000);
        (0..300).for_each(|_| pair.tick(|| false));
        pair.path_ns = 10_000_000;
        (0..2_000).for_each(|_| pair.tick(|| false));
        assert_eq!(pair.depths.last(), Some(&1));
    }

    #[test]
    fn no_tick_is_stretched_by_more_than_a_32nd() {
        let mut lead = InputLead::default();
        assert!(lead.poll(1_000));
        for number in 2..500 {
            let before = lead.due_ns().unwrap();
            assert!(lead.poll(before));
            lead.on_input(before, number);
            let period = lead.due_ns().unwrap() - before;
            assert!(period.abs_diff(TICK_NS) <= TICK_NS / 32, "{period}");
            lead.on_own(&OwnState { input_applied: number - 1, input_depth: 0, ..OwnState::default() });
        }
    }

    #[test]
    fn a_short_stall_is_made_up_for_and_a_long_one_is_not() {
        for (stall_ticks, made_up) in [(3, 3), (20, 1)] {
            let mut lead = InputLead::default();
            assert!(lead.poll(0));
            let now_ns = stall_ticks * TICK_NS;
            let sent = std::iter::from_fn(|| lead.poll(now_ns).then_some(())).count();
            assert_eq!(sent, made_up);
        }
    }
}
