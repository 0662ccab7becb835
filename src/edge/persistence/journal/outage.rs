//! A journal that has failed: why, since when, and when it is tried again.

use super::JournalError;
use rudp::time::NS_PER_S;
use std::io;

/// Pause before a journal that has failed is written to again; it doubles at each failure.
pub const PAUSE_MIN_NS: u64 = NS_PER_S / 4;
/// Longest pause: 5 s after there is room again, all goes on.
pub const PAUSE_MAX_NS: u64 = 5 * NS_PER_S;

/// What is wrong with the journal: the label of its counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk has no room for more, or the file may not grow: disk, quota, limit of the process.
    Full,
    /// The disk cannot be read or written.
    Io,
    /// What lies on it is not what was written.
    Damaged,
}

impl Fault {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Full, Self::Io, Self::Damaged];

    /// As metrics and pages call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Io => "io",
            Self::Damaged => "damaged",
        }
    }

    /// Of what the system says.
    #[must_use]
    pub fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full,
            io::ErrorKind::InvalidData => Self::Damaged,
            _ => Self::Io,
        }
    }

    /// Of what the database says.
    #[must_use]
    pub fn of(error: &redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => Self::of_io(error),
            redb::Error::PreviousIo => Self::Io,
            _ => Self::Damaged,
        }
    }
}

/// From the first failure to the first trial that succeeds.
///
/// What is small may find room where what is large does not: it is written, but that is not yet the end.
#[derive(Clone, Debug)]
pub struct Outage {
    /// What is wrong, as of the last failure.
    pub fault: Fault,
    /// When it began, on the monotonic clock.
    pub since_ns: u64,
    text: String,
    writes: Pause,
    trials: Pause,
    open_due_ns: u64,
}

/// Grows with each failure.
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
    /// It begins with a failed operation. What is on disk may be looked up at once: somebody waits to hear it.
    pub fn new(fault: Fault, text: String, now_ns: u64) -> Self {
        let pause = Pause::new(now_ns);
        Self { fault, since_ns: now_ns, text, writes: pause, trials: pause, open_due_ns: now_ns }
    }

    /// An operation has failed again.
    pub fn on_failed(&mut self, fault: Fault, text: String, now_ns: u64) {
        (self.fault, self.text, self.open_due_ns) = (fault, text, now_ns);
        self.writes.double(now_ns);
    }

    /// The file could not be opened.
    pub fn on_unopened(&mut self, fault: Fault, text: String, now_ns: u64) {
        self.on_failed(fault, text, now_ns);
        self.open_due_ns = self.writes.due_ns;
    }

    /// Something was written all the same.
    pub fn on_written(&mut self, now_ns: u64) {
        self.writes = Pause { due_ns: now_ns, ..Pause::new(now_ns) };
    }

    /// A trial has failed: what is small need not wait for as long as the next trial.
    pub fn on_trial_failed(&mut self, now_ns: u64) {
        self.trials.double(now_ns);
    }

    /// Whether something may be written.
    pub fn is_write_due(&self, now_ns: u64) -> bool {
        now_ns >= self.writes.due_ns
    }

    /// Whether it is time to see whether all can be written again.
    pub fn is_trial_due(&self, now_ns: u64) -> bool {
        now_ns >= self.trials.due_ns && self.is_write_due(now_ns)
    }

    /// Whether the file may be opened.
    pub fn is_open_due(&self, now_ns: u64) -> bool {
        now_ns >= self.open_due_ns
    }

    /// What whoever comes too soon is told.
    pub fn resting(&self) -> JournalError {
        JournalError::Resting { fault: self.fault, text: self.text.clone() }
    }

    /// It is over.
    #[cfg(test)]
    pub fn end_pause(&mut self) {
        (self.writes.due_ns, self.trials.due_ns, self.open_due_ns) = (0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_a_look_is_allowed_at_once() {
        let text = || "full".to_owned();
        let mut outage = Outage::new(Fault::Full, text(), 100);
        assert!(outage.is_open_due(100) && !outage.is_write_due(100));
        assert!(outage.is_write_due(100 + PAUSE_MIN_NS) && !outage.is_write_due(99 + PAUSE_MIN_NS));
        outage.on_failed(Fault::Full, text(), 1_000);
        assert!(outage.is_open_due(1_000));
        assert!(outage.is_write_due(1_000 + 2 * PAUSE_MIN_NS) && !outage.is_write_due(999 + 2 * PAUSE_MIN_NS));
        for _ in 0..20 {
            outage.on_unopened(Fault::Io, text(), 5_000);
        }
        assert!(!outage.is_open_due(4_999 + PAUSE_MAX_NS) && outage.is_open_due(5_000 + PAUSE_MAX_NS));
        assert_eq!((outage.fault, outage.since_ns), (Fault::Io, 100));
    }

    #[test]
    fn what_is_small_is_written_between_trials_that_come_less_and_less_often() {
        let mut outage = Outage::new(Fault::Full, String::new(), 0);
        for nth in 1..20 {
            outage.on_failed(Fault::Full, String::new(), nth);
            outage.on_trial_failed(nth);
        }
        outage.on_written(20);
        assert!(
            outage.is_write_due(20) && !outage.is_trial_due(PAUSE_MAX_NS) && outage.is_trial_due(19 + PAUSE_MAX_NS)
        );
    }

    #[test]
    fn a_disk_a_quota_and_a_limit_of_the_process_are_all_called_full() {
        for errno in [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT, rustix::io::Errno::FBIG] {
            assert_eq!(Fault::of(&redb::Error::Io(errno.into())), Fault::Full, "{errno}");
        }
        assert_eq!(Fault::of(&redb::Error::Io(rustix::io::Errno::IO.into())), Fault::Io);
        assert_eq!(Fault::of(&redb::Error::Corrupted(String::new())), Fault::Damaged);
    }
}
