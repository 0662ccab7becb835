//! The reactor's alarm: a timerfd in the poll where there is one, else the poll's own time-out.
//!
//! mio rounds a poll's time-out up to whole milliseconds, which is six per cent of a tick; a timerfd is exact.

use mio::{Registry, Token};
use std::io;
use std::time::Duration;

/// One deadline.
#[derive(Debug)]
pub struct Alarm {
    #[cfg(target_os = "linux")]
    timer: crate::edge::sys::Timer,
    /// When the timer will fire; none when it has or was never set.
    armed_ns: Option<u64>,
}

impl Alarm {
    /// An alarm that wakes `registry`'s poll under `token`.
    ///
    /// # Errors
    /// The process has no descriptor left.
    #[cfg(target_os = "linux")]
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        let timer = crate::edge::sys::Timer::new()?;
        registry.register(&mut mio::unix::SourceFd(&timer.as_raw_fd()), token, mio::Interest::READABLE)?;
        Ok(Self { timer, armed_ns: None })
    }

    /// An alarm that lives in the poll's time-out.
    ///
    /// # Errors
    /// None.
    #[cfg(not(target_os = "linux"))]
    pub fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
        Ok(Self { armed_ns: None })
    }

    /// Prepares to wait for `deadline_ns` and answers the time-out to give to the poll (none: wait for events).
    ///
    /// A timer set for an earlier time stays: waking once too early costs less than setting it anew at every wake.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set(&mut self, now_ns: u64, deadline_ns: Option<u64>) -> io::Result<Option<Duration>> {
        if self.armed_ns.is_some_and(|armed| armed <= now_ns) {
            self.armed_ns = None;
        }
        let Some(deadline_ns) = deadline_ns else { return Ok(None) };
        if deadline_ns <= now_ns {
            return Ok(Some(Duration::ZERO));
        }
        if self.armed_ns.is_none_or(|armed| armed > deadline_ns) {
            self.armed_ns = Some(deadline_ns);
            #[cfg(target_os = "linux")]
            self.timer.arm(deadline_ns)?;
        }
        #[cfg(target_os = "linux")]
        return Ok(None);
        #[cfg(not(target_os = "linux"))]
        Ok(Some(Duration::from_nanos(deadline_ns - now_ns)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::clock;
    use mio::{Events, Poll};

    const TOKEN: Token = Token(7);

    #[test]
    fn the_poll_wakes_at_the_deadline_and_not_before() {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(4);
        let mut alarm = Alarm::new(poll.registry(), TOKEN).unwrap();
        for wait_ms in [3, 1, 5] {
            let start = clock::mono_ns();
            let deadline = start + wait_ms * 1_000_000;
            while clock::mono_ns() < deadline {
                let timeout = alarm.set(clock::mono_ns(), Some(deadline)).unwrap();
                poll.poll(&mut events, timeout.or(Some(Duration::from_secs(5)))).unwrap();
            }
            assert!(clock::mono_ns() - start < 1_000_000_000, "the alarm never rang");
        }
    }

    #[test]
    fn an_earlier_deadline_replaces_a_later_one_and_a_past_one_does_not_wait() {
        let poll = Poll::new().unwrap();
        let mut alarm = Alarm::new(poll.registry(), TOKEN).unwrap();
        alarm.set(100, Some(900)).unwrap();
        alarm.set(100, Some(500)).unwrap();
        assert_eq!(alarm.armed_ns, Some(500));
        alarm.set(100, Some(700)).unwrap();
        assert_eq!(alarm.armed_ns, Some(500), "an early wake is cheaper than a new timer");
        assert_eq!(alarm.set(100, Some(100)).unwrap(), Some(Duration::ZERO));
        alarm.set(600, Some(700)).unwrap();
        assert_eq!(alarm.armed_ns, Some(700));
    }
}
