//! A journal that has failed rests, as the real one does: writes wait for a pause that doubles, and it is called well when
//! a trial succeeds.

use rudp::time::NS_PER_S;

const PAUSE_MIN_NS: u64 = NS_PER_S / 4;
const PAUSE_MAX_NS: u64 = 5 * NS_PER_S;

/// From the first failure to the first trial that succeeds.
#[derive(Debug)]
pub struct Outage {
    writes: Pause,
    trials: Pause,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    len_ns: u64,
    due_ns: u64,
}

impl Pause {
    const fn new(now_ns: u64) -> Self {
        Self { len_ns: PAUSE_MIN_NS, due_ns: now_ns + PAUSE_MIN_NS }
    }

    fn double(&mut self, now_ns: u64) {
        self.len_ns = (self.len_ns * 2).min(PAUSE_MAX_NS);
        self.due_ns = now_ns + self.len_ns;
    }
}

impl Outage {
    /// It begins with a failed write.
    pub const fn new(now_ns: u64) -> Self {
        Self { writes: Pause::new(now_ns), trials: Pause::new(now_ns) }
    }

    /// Another write has failed.
    pub fn on_failed(&mut self, now_ns: u64) {
        self.writes.double(now_ns);
    }

    /// Something was written all the same.
    pub fn on_written(&mut self, now_ns: u64) {
        self.writes = Pause { due_ns: now_ns, ..Pause::new(now_ns) };
    }

    /// A trial has failed.
    pub fn on_trial_failed(&mut self, now_ns: u64) {
        self.trials.double(now_ns);
    }

    /// Whether something may be written.
    pub const fn is_write_due(&self, now_ns: u64) -> bool {
        now_ns >= self.writes.due_ns
    }

    /// Whether it is time to see whether all can be written again.
    pub const fn is_trial_due(&self, now_ns: u64) -> bool {
        now_ns >= self.trials.due_ns && self.is_write_due(now_ns)
    }
}
