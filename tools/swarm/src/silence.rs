//! How long no bot has heard anything: by that a server process is told from the one before it.

use rudp::time::NS_PER_MS;

/// A server tells everybody something 60 times a second. When nobody was told anything for so long before somebody was
/// welcomed, it was another process that welcomed him: none is back sooner, and one that limps is not silent for so long.
///
/// By the clock two seconds were waited for until a bot that was out when the server was killed came back sooner than that:
/// the others found the new process out behind his back, and all that he was told was wrong.
const LONG_NS: u64 = 250 * NS_PER_MS;
/// What a turn of the loop counts for at most: a loop that stood still knows nothing of the server.
const TURN_NS_MAX: u64 = 20 * NS_PER_MS;

/// Counts up while the newest tick stays what it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence {
    newest: u32,
    turn_ns: u64,
    lasts_ns: u64,
}

impl Silence {
    /// At the end of each turn: the newest tick that anybody has heard of.
    pub fn note(&mut self, newest: u32, now_ns: u64) {
        let turn_ns = now_ns.saturating_sub(std::mem::replace(&mut self.turn_ns, now_ns)).min(TURN_NS_MAX);
        self.lasts_ns = if newest > self.newest { 0 } else { self.lasts_ns.saturating_add(turn_ns) };
        self.newest = self.newest.max(newest);
    }

    /// Whether it is that of a process that is no more.
    pub const fn is_long(&self) -> bool {
        self.lasts_ns >= LONG_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many turns of 5 ms in which the newest tick stays.
    fn silent(turns: u64) -> Silence {
        let mut silence = Silence::default();
        for turn in 0..=turns {
            silence.note(70, turn * 5 * NS_PER_MS);
        }
        silence
    }

    #[test]
    fn a_quarter_of_a_second_is_long_and_a_tick_ends_it() {
        assert!(!silent(49).is_long());
        let mut silence = silent(50);
        assert!(silence.is_long());
        silence.note(71, 251 * NS_PER_MS);
        assert!(!silence.is_long());
    }

    #[test]
    fn a_loop_that_stood_still_says_nothing_of_the_server() {
        let mut silence = silent(0);
        silence.note(70, 10_000 * NS_PER_MS);
        assert!(!silence.is_long());
    }
}
