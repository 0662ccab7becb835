//! What a measurement asks of the system: processor time of one thread, and more open files.
#![allow(unsafe_code, reason = "calls of libc that have no safe face in the crates at hand")]

use anyhow::{Result, ensure};
use std::io;

/// Processor time of one thread of this process, user and system together.
#[derive(Clone, Copy, Debug)]
pub struct ThreadClock(libc::clockid_t);

impl ThreadClock {
    /// The clock of the thread that asks.
    ///
    /// # Errors
    /// Never on a working kernel.
    pub fn of_this_thread() -> io::Result<Self> {
        let mut clock = 0;
        // SAFETY: the calling thread is alive, and `clock` is a valid place for the answer.
        match unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) } {
            0 => Ok(Self(clock)),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Nanoseconds so far; also from another thread.
    ///
    /// # Errors
    /// The thread has ended.
    pub fn ns(self) -> io::Result<u64> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a valid timespec that lives through the call.
        if unsafe { libc::clock_gettime(self.0, &raw mut time) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs())
    }
}

/// This thread runs when no other wants the processor. For loads that come from other machines in real life: where they
/// are made on the machine that is measured, they must not take the place of what they are to disturb.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    {
        let priority = libc::sched_param { sched_priority: 0 };
        // SAFETY: `priority` is valid and only read; 0 names the thread that calls. On failure it keeps its place.
        unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const priority) };
    }
}

/// Raises the limit of open files to at least `wanted`, if the system allows it.
///
/// # Errors
/// It does not; the sentence says what to do.
pub fn raise_file_limit(wanted: u64) -> Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit that lives through the call.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    ensure!(known == 0, "the limit of open files is not known: {}", io::Error::last_os_error());
    if limit.rlim_cur >= wanted {
        return Ok(());
    }
    let raised = libc::rlimit { rlim_cur: wanted, rlim_max: limit.rlim_max.max(wanted) };
    // SAFETY: `raised` is a valid rlimit and only read.
    let granted = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) };
    ensure!(
        granted == 0,
        "{wanted} open files are needed and {} allowed: raise the limit (ulimit -n) or take fewer --clients",
        limit.rlim_max
    );
    Ok(())
}

/// Ports the system gives out by itself; clients of one address need one each.
pub(super) fn ephemeral_ports() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut bounds = text.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
    Some(last.saturating_sub(first) + 1)
}

/// Checks that as many clients can have a socket each, and makes room for their files.
///
/// # Errors
/// They cannot.
pub fn make_room_for(clients: usize) -> Result<()> {
    /// Files beside the clients' sockets.
    const SPARE: u64 = 64;
    raise_file_limit(clients as u64 + SPARE)?;
    let ports = ephemeral_ports().unwrap_or(u64::MAX);
    ensure!(
        clients as u64 <= ports,
        "{clients} clients need a port each and this system gives out {ports} (net.ipv4.ip_local_port_range)"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_clock_counts_its_own_work_and_nobody_elses() {
        let clock = ThreadClock::of_this_thread().unwrap();
        let other = std::thread::Builder::new().spawn(move || {
            let own = ThreadClock::of_this_thread().unwrap();
            let mut sum = 0_u64;
            while own.ns().unwrap() < 20_000_000 {
                sum = std::hint::black_box(sum + 1);
            }
            sum
        });
        let before = clock.ns().unwrap();
        assert!(other.unwrap().join().unwrap() > 0);
        assert!(clock.ns().unwrap() < before + 15_000_000, "another thread's work was counted");
    }

    #[test]
    fn a_limit_already_held_is_granted_and_too_many_ports_are_named() {
        assert!(raise_file_limit(16).is_ok());
        assert!(ephemeral_ports().is_none_or(|ports| ports > 1_000));
    }
}
