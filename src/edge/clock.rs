//! The one place that reads a clock. Every thread of the process counts on the same origin.

use rudp::time::Now;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Both clocks, read together. Each thread reads them once per wake or tick and passes the value on.
pub fn now() -> Now {
    let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    Now { mono_ns: mono_ns(), unix_s }
}

/// Milliseconds since 1970-01-01 UTC on the wall clock.
pub fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64)
}

/// Nanoseconds on the monotonic clock.
#[cfg(target_os = "linux")]
pub fn mono_ns() -> u64 {
    super::sys::monotonic_ns()
}

/// Nanoseconds on the monotonic clock.
#[cfg(not(target_os = "linux"))]
pub fn mono_ns() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Sleeps until the monotonic clock reads `deadline_ns`; returns at once when it already does.
pub fn sleep_until(deadline_ns: u64) {
    loop {
        let now_ns = mono_ns();
        if now_ns >= deadline_ns {
            return;
        }
        std::thread::sleep(Duration::from_nanos(deadline_ns - now_ns));
    }
}
