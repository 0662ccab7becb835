//! Logs: to stderr, one line each, never more than a few per second for one cause.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// What is logged unless somebody says otherwise.
pub const DEFAULT_FILTER: &str = "info";
/// Nanoseconds between two lines of one cause that the outside world can trigger.
const QUIET_NS: u64 = 5_000_000_000;

/// Starts logging at `filter` (`info`, `debug`, `throng=debug,warn` and so on).
///
/// # Errors
/// One sentence when the filter is none.
pub fn start(filter: &str) -> Result<(), String> {
    let parsed = EnvFilter::try_new(filter).map_err(|_| {
        format!("--log or THRONG_LOG: \"{}\" is no log filter; try info or debug", filter.escape_default())
    })?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .finish();
    tracing::subscriber::set_global_default(subscriber).map_err(|_| "logging was started twice".to_owned())
}

/// Lets one line through per cause and interval, and counts the rest.
#[derive(Debug, Default)]
pub struct Throttle {
    next_ns: u64,
    held_back: u64,
}

impl Throttle {
    /// Whether to write now; if so, how many lines were held back since the last one.
    pub fn pass(&mut self, now_ns: u64) -> Option<u64> {
        if now_ns < self.next_ns {
            self.held_back += 1;
            return None;
        }
        self.next_ns = now_ns + QUIET_NS;
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_one_line_that_says_how_many_were_held_back() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.pass(1), Some(0));
        for ns in 2..1_000 {
            assert_eq!(throttle.pass(ns), None);
        }
        assert_eq!(throttle.pass(1 + QUIET_NS), Some(998));
    }
}
