//! Logs: to stderr, one line each, never more than a few per second for one cause.

use std::io::IsTerminal;
use std::sync::{Mutex, OnceLock, PoisonError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

/// What is logged unless somebody says otherwise.
pub const DEFAULT_FILTER: &str = "info";
/// Nanoseconds between two lines of one cause that the outside world can trigger.
const QUIET_NS: u64 = 5_000_000_000;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// An object on each line, for programs.
    Json,
}

/// The way to another filter while the process runs.
type Handle = reload::Handle<EnvFilter, Registry>;

/// What is logged now, and how to change that.
struct Tap {
    handle: Handle,
    filter: Mutex<String>,
}

static TAP: OnceLock<Tap> = OnceLock::new();

/// Starts logging at `filter` (`info`, `debug`, `throng=debug,warn` and so on).
///
/// # Errors
/// One sentence when the filter is none.
pub fn start(filter: &str, format: Format) -> Result<(), String> {
    let parsed = parse(filter).map_err(|problem| format!("--log or THRONG_LOG: {problem}"))?;
    let (layer, handle) = reload::Layer::new(parsed);
    let lines = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let lines = match format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    // The filter is the log's: the profiler's spans are finer than anybody wants to read.
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(layer));
    #[cfg(feature = "tracy")]
    let subscriber = subscriber.with(tracing_tracy::TracyLayer::default());
    tracing::subscriber::set_global_default(subscriber).map_err(|_| "logging was started twice".to_owned())?;
    let _ = TAP.set(Tap { handle, filter: Mutex::new(filter.to_owned()) });
    Ok(())
}

/// Logs at another filter from now on.
///
/// # Errors
/// One sentence when the filter is none, or nothing is logged in this process.
pub fn set_filter(filter: &str) -> Result<(), String> {
    let parsed = parse(filter)?;
    let tap = TAP.get().ok_or_else(|| "nothing is logged here".to_owned())?;
    tap.handle.reload(parsed).map_err(|error| error.to_string())?;
    filter.clone_into(&mut tap.filter.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(())
}

/// What is logged; nothing where logging was not started.
pub fn filter() -> String {
    TAP.get().map_or_else(String::new, |tap| tap.filter.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

fn parse(filter: &str) -> Result<EnvFilter, String> {
    let problem = || format!("\"{}\" is no log filter; try info or debug", filter.escape_default());
    // What has no level and no known word in it would be taken for the name of a module, and silence everything.
    let is_plain = filter.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_plain && filter.parse::<tracing::level_filters::LevelFilter>().is_err() {
        return Err(problem());
    }
    EnvFilter::try_new(filter).map_err(|_| problem())
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
    fn a_filter_is_a_level_or_a_list_and_no_word_that_would_silence_everything() {
        for good in ["info", "debug", "warn,throng=debug", "off", "throng::edge=trace"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["infos", "loud", "throng=loud", "=,="] {
            let problem = parse(bad).map(drop).unwrap_err();
            assert!(problem.contains("is no log filter"), "{bad}: {problem}");
        }
    }

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
