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

/// A look that comes so long after the one before was held up itself.
const LATE_NS: u64 = 2_000_000_000;
/// Looks in a row that find a thread where it was.
const LOOKS_MIN: u32 = 8;

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
            let mut eyes = [("world", &board.world_watch), ("reactor", &board.reactor_watch)]
                .map(|(thread, watch)| Eye { thread, watch: watch.clone(), seen_ns: 0, looks: 0, looked_ns: 0 });
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK_PAUSE);
                let now_ns = clock::mono_ns();
                let found = eyes.iter_mut().find_map(|eye| eye.look(now_ns));
                if let Some((found, on_stuck)) = found.and_then(|found| Some((found, on_stuck.take()?))) {
                    on_stuck(found);
                    return;
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

/// Looks at one thread.
struct Eye {
    thread: &'static str,
    watch: Arc<Stopwatch>,
    /// When the part that was seen last had begun, and in how many looks in a row.
    seen_ns: u64,
    looks: u32,
    /// When it looked last.
    looked_ns: u64,
}

impl Eye {
    /// What there is to say of a thread that stands still; nothing of one that goes on.
    ///
    /// A process that was stopped as a whole (a debugger, a machine that was put to sleep) finds all its clocks far on when it
    /// wakes, and this thread may be the first to: so a thread must be found in the same part by looks that came in time.
    fn look(&mut self, now_ns: u64) -> Option<Stuck> {
        let late = now_ns.saturating_sub(std::mem::replace(&mut self.looked_ns, now_ns)) > LATE_NS;
        let (part, since_ns) = self.watch.now_in()?;
        if late || since_ns != self.seen_ns {
            (self.seen_ns, self.looks) = (since_ns, 0);
        }
        self.looks += 1;
        let still_ns = now_ns.saturating_sub(since_ns);
        if still_ns < STUCK_NS || self.looks < LOOKS_MIN {
            return None;
        }
        let sentence = format!("it has been in \"{part}\" for {:.1} s", still_ns as f64 / 1e9);
        let mut times = String::new();
        for PartTimes { name, sum_ns, count, .. } in self.watch.read().filter(|of| of.count > 0) {
            let comma = if times.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(times, "{comma}{name} {:.1}", sum_ns as f64 / count as f64 / 1e3);
        }
        Some(Stuck { thread: self.thread, sentence, mean_us: times })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK_NS: u64 = 250_000_000;

    fn eye() -> (Arc<Stopwatch>, Eye) {
        let watch = Arc::new(Stopwatch::new(vec!["rest", "tell"]));
        (watch.clone(), Eye { thread: "world", watch, seen_ns: 0, looks: 0, looked_ns: 0 })
    }

    #[test]
    fn a_thread_that_goes_on_is_left_alone_and_one_that_stands_still_says_where() {
        let (watch, mut eye) = eye();
        assert_eq!(eye.look(u64::MAX / 2), None, "it has not begun");
        watch.enter_at(0, 1_000);
        watch.enter_at(1, 2_001_000);
        let looks = (1..).map(|look| look * LOOK_NS).take_while(|&now_ns| now_ns < 2_001_000 + STUCK_NS);
        assert!(looks.map(|now_ns| eye.look(now_ns)).all(|found| found.is_none()));
        let found = eye.look(2_001_000 + STUCK_NS).unwrap();
        assert_eq!((found.thread, found.sentence.as_str()), ("world", "it has been in \"tell\" for 10.0 s"));
        assert_eq!(found.mean_us, "rest 2000.0");
    }

    #[test]
    fn who_wakes_with_all_others_from_a_long_sleep_blames_nobody() {
        let (watch, mut eye) = eye();
        watch.enter_at(1, 1_000);
        assert_eq!(eye.look(LOOK_NS), None);
        let woken_ns = 3_600_000_000_000;
        assert_eq!(eye.look(woken_ns), None, "the first look after an hour");
        watch.enter_at(0, woken_ns + 1_000);
        assert!((1..20).all(|look| eye.look(woken_ns + look * LOOK_NS).is_none()));
    }
}
