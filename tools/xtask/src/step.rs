//! One line per step; the first failure ends the run with one sentence.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The clock of a run: every step is announced with the time at which it began.
pub struct Steps {
    began: Instant,
}

impl Steps {
    /// Starts the clock.
    pub fn start() -> Self {
        Self { began: Instant::now() }
    }

    /// Announces `name`, runs the step and names it, with the time it took, if it fails.
    pub fn run<T>(&self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let began = Instant::now();
        println!("{}", announcement(began - self.began, name));
        step().with_context(|| format!("{name} failed after {:.1} s", began.elapsed().as_secs_f64()))
    }
}

fn announcement(since_start: Duration, name: &str) -> String {
    format!("[{:7.1} s] {name}", since_start.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_one_line_with_the_time() {
        assert_eq!(announcement(Duration::from_millis(61_250), "tidy"), "[   61.2 s] tidy");
    }

    #[test]
    fn a_failure_names_its_step_and_its_cause_in_one_sentence() {
        let error = Steps::start().run("tidy", || -> Result<()> { anyhow::bail!("2 findings") }).unwrap_err();
        let sentence = format!("{error:#}");
        assert!(sentence.starts_with("tidy failed after 0.") && sentence.ends_with(" s: 2 findings"), "{sentence}");
    }
}
