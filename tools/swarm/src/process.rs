//! What the swarm asks of its own process: more open files, and how much CPU it has used.

#![allow(unsafe_code, reason = "two calls of libc that have no safe face in the crates at hand")]

use std::io;

/// Raises the limit of open files to at least `wanted` if the system allows it.
///
/// # Errors
/// The limit that is left, when it is lower than `wanted`.
pub fn raise_file_limit(wanted: u64) -> Result<(), u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit that lives through the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(0);
    }
    if limit.rlim_cur >= wanted {
        return Ok(());
    }
    let raised = libc::rlimit { rlim_cur: wanted, rlim_max: limit.rlim_max.max(wanted) };
    let within = libc::rlimit { rlim_cur: wanted.min(limit.rlim_max), rlim_max: limit.rlim_max };
    // SAFETY: both structs are valid and only read. The first try succeeds for root, or below the hard limit.
    let granted = unsafe {
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) == 0
            || (libc::setrlimit(libc::RLIMIT_NOFILE, &raw const within) == 0 && within.rlim_cur >= wanted)
    };
    if granted { Ok(()) } else { Err(limit.rlim_max.min(wanted)) }
}

/// User and system time of the whole process in nanoseconds.
///
/// # Errors
/// Never on a working kernel.
pub fn cpu_ns() -> io::Result<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec that lives through the call.
    if unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_already_held_is_granted() {
        assert_eq!(raise_file_limit(16), Ok(()));
    }

    #[test]
    fn cpu_time_grows_with_work() {
        let before = cpu_ns().unwrap();
        let mut sum = 0_u64;
        while cpu_ns().unwrap() < before + 1_000_000 {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(sum > 0);
    }
}
