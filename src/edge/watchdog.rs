//! Notices that a thread makes no progress any more, and says where it stands.
//!
//! A server whose world stands still is worse than one that is gone: nobody starts another in its place. So after ten
//! seconds it says what it knows and ends; what the journal has been given is still finished.

use super::board::Board;
use super::clock;
use super::stopwatch::{PartTimes, Stopwatch};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(250);
/// A thread that stays in one part for so long is stuck: six hundred ticks, and the reactor wakes once a second.
pub const STUCK_NS: u64 = 10_000_000_000;

/// A thread that stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Which.
    pub thread: &'static str,
    /// Where, and for how long.
    pub sentence: String,
    /// What each of its parts took in the mean until then, in microseconds.
    pub mean_us: String,
}

/// Watches until it is dropped.
pub struct Watchdog {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Watches the world and the reactor; `on_stuck` is told, once, which stands still and where.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(board: Arc<Board>, on_stuck: impl FnOnce(Stuck) + Send + 'static) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let mut on_stuck = Some(on_stuck);
        let watch = move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK_PAUSE);
                let now_ns = clock::mono_ns();
                let threads = [("world", &board.world_watch), ("reactor", &board.reactor_watch)];
                for (thread, watch) in threads {
                    if let Some(found) = stuck(thread, watch, now_ns)
                        && let Some(on_stuck) = on_stuck.take()
                    {
                        on_stuck(found);
                        return;
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name("watchdog".to_owned()).spawn(watch)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It ends within a look's pause, and panics nowhere.
            let _ = thread.join();
        }
    }
}

/// What there is to say of a thread that stands still; nothing of one that goes on.
fn stuck(thread: &'static str, watch: &Stopwatch, now_ns: u64) -> Option<Stuck> {
    let (part, since_ns) = watch.now_in()?;
    let still_ns = now_ns.saturating_sub(since_ns);
    if still_ns < STUCK_NS {
        return None;
    }
    let sentence = format!("it has been in \"{part}\" for {:.1} s", still_ns as f64 / 1e9);
    let mut times = String::new();
    for PartTimes { name, sum_ns, count, .. } in watch.read().filter(|of| of.count > 0) {
        // Writing to a string cannot fail.
        let _ = write!(
            times,
            "{}{name} {:.1}",
            if times.is_empty() { "" } else { ", " },
            sum_ns as f64 / count as f64 / 1e3
        );
    }
    Some(Stuck { thread, sentence, mean_us: times })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_goes_on_is_left_alone_and_one_that_stands_still_says_where() {
        let watch = Stopwatch::new(vec!["rest", "tell"]);
        assert_eq!(stuck("world", &watch, u64::MAX), None, "it has not begun");
        watch.enter_at(0, 1_000);
        watch.enter_at(1, 2_001_000);
        assert_eq!(stuck("world", &watch, 2_001_000 + STUCK_NS - 1), None);
        let found = stuck("world", &watch, 2_001_000 + STUCK_NS).unwrap();
        assert_eq!(found.sentence, "it has been in \"tell\" for 10.0 s");
        assert_eq!(found.mean_us, "rest 2000.0");
    }
}
