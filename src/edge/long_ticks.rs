//! Ticks so long that everybody feels them, and whether the machine was the reason.

use protocol::unit::TICK_NS;
use std::fs::File;

/// Longer than two ticks: whoever watches saw the world stand still.
const LONG_NS: u64 = 2 * TICK_NS;
/// Of such a tick at least this must have been spent waiting for a processor, or it was our own doing: 10 ms.
const WAITED_NS_MIN: u64 = 10_000_000;

/// Long ticks since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LongTicks {
    /// The world took that long itself.
    pub own: u64,
    /// The thread could run, and the kernel let others run.
    pub waited: u64,
}

/// One that was long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongTick {
    /// From its beginning to its end.
    pub took_ns: u64,
    /// Of that, the thread waited for a processor.
    pub waited_ns: u64,
}

impl LongTicks {
    /// Counts a tick; gives it if it was long.
    pub fn note(&mut self, took_ns: u64, waited_ns: u64) -> Option<LongTick> {
        if took_ns <= LONG_NS {
            return None;
        }
        let count = if waited_ns >= WAITED_NS_MIN { &mut self.waited } else { &mut self.own };
        *count += 1;
        Some(LongTick { took_ns, waited_ns })
    }
}

/// How long the thread that asks has waited for a processor, as Linux tells: the second figure of `schedstat`.
#[derive(Debug)]
pub struct RunQueue {
    file: Option<File>,
}

impl RunQueue {
    /// Of the thread that calls; elsewhere than on Linux nobody tells, and nobody has waited.
    pub fn of_this_thread() -> Self {
        Self { file: File::open("/proc/thread-self/schedstat").ok() }
    }

    /// Nanoseconds since the thread began: one system call, about a microsecond.
    #[cfg(unix)]
    pub fn waited_ns(&self) -> u64 {
        use std::os::unix::fs::FileExt;
        let mut text = [0; 64];
        let read = self.file.as_ref().and_then(|file| file.read_at(&mut text, 0).ok());
        read.and_then(|len| second_figure(&text[..len])).unwrap_or_default()
    }

    /// Nobody tells.
    #[cfg(not(unix))]
    pub fn waited_ns(&self) -> u64 {
        0
    }
}

fn second_figure(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_tick_is_the_worlds_own_unless_it_waited_for_a_processor() {
        let mut ticks = LongTicks::default();
        assert_eq!(ticks.note(LONG_NS, 20_000_000), None, "two ticks are not longer than two");
        assert_eq!(ticks.note(40_000_000, 9_999_999), Some(LongTick { took_ns: 40_000_000, waited_ns: 9_999_999 }));
        assert!(ticks.note(40_000_000, 10_000_000).is_some());
        assert_eq!(ticks, LongTicks { own: 1, waited: 1 });
    }

    #[test]
    fn waiting_is_the_second_figure_and_never_goes_back() {
        assert_eq!((second_figure(b"123 456 7\n"), second_figure(b"")), (Some(456), None));
        let queue = RunQueue::of_this_thread();
        let before = queue.waited_ns();
        std::thread::yield_now();
        assert!(queue.waited_ns() >= before);
    }
}
