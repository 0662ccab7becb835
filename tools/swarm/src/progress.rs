//! A line each second while the run goes on: one that rewrites itself on a terminal, plain lines elsewhere; and a line for each
//! of the first errors of a kind, when it is found: after a long run nobody knows any more what happened then.

use crate::flock::Flock;
use indicatif::ProgressBar;
use rudp::Now;
use std::io::IsTerminal;

/// Where progress goes.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    /// Errors that have been told.
    told: usize,
}

impl Progress {
    /// Begins to tell, on the error stream.
    pub fn start() -> Self {
        Self { bar: std::io::stderr().is_terminal().then(ProgressBar::new_spinner), told: 0 }
    }

    /// Tells how the flock fares.
    pub fn show(&mut self, flock: &mut Flock, bots: usize, now: Now) {
        let seconds = flock.course_s(now);
        let cases = flock.checker.findings().cases();
        for (kind, case) in &cases[self.told..] {
            self.say(&format!("{seconds:5.1} s {}: {case}", kind.name()));
        }
        self.told = cases.len();
        let (rtt_ms, rate_hz) = flock.tally.take_recent().unwrap_or_default();
        let (connected, errors) = (flock.connected, flock.checker.findings().total());
        let phase = if flock.tally.is_measuring { "measuring" } else { "joining" };
        let line = format!(
            "{seconds:5.1} s {phase}: {connected} of {bots} in, round trip {rtt_ms:.2} ms, snapshots {rate_hz:.1} Hz, \
             {errors} errors"
        );
        match &self.bar {
            Some(bar) => {
                bar.set_message(line);
                bar.tick();
            }
            None => eprintln!("{line}"),
        }
    }

    /// A line that stays.
    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// Clears the line that rewrote itself.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
