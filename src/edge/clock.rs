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

/// A moment as file names have it: `20261129T152300Z`, which sorts as time does.
pub fn utc(unix_s: u64) -> String {
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    // Years that begin in March end with the day that leap years add: counted in them, months are regular.
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_the_name_that_the_calendar_gives_it() {
        assert_eq!(utc(0), "19700101T000000Z");
        assert_eq!(utc(951_782_399), "20000228T235959Z");
        assert_eq!(utc(951_782_400), "20000229T000000Z");
        assert_eq!(utc(1_709_251_199), "20240229T235959Z");
        assert_eq!(utc(4_107_542_400), "21000301T000000Z", "a century without a leap day");
    }
}
