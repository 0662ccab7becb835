//! The server seen from outside: idle load, crowds of bots, a kill -9 under play, refusals to start.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::bad_start;
use crate::checkout::Checkout;
use crate::stage::{Place, Server};
use crate::step::Steps;
use crate::swarm::{Outcome, Run};

/// Builds server and swarm, for the full form as they are shipped, and runs every check.
pub fn run(checkout: &Checkout, steps: &Steps, full: bool, humans: Option<&str>) -> Result<()> {
    let humans = humans.map(humans_movement).transpose()?;
    let server = steps.run("first light: build the server", || checkout.build_program("throng", !full, &[]))?;
    let swarm = steps.run("first light: build the swarm", || checkout.build_program("swarm", !full, &[]))?;
    let scratch = checkout.scratch("first-light")?;

    steps.run("first light: refusals to start", || bad_start::run(checkout, &server, &scratch.join("bad-start")))?;
    let place = Place::new(checkout, &server, &scratch, "crowds", &[])?;
    let staged = steps.run("first light: start", || place.start())?;
    steps.run("first light: idle load", || check_idle_load(&staged))?;
    for run in crowds(full, humans) {
        steps.run(&format!("first light: {} bots, {}", run.bots, run.name), || {
            let outcome = run.finish(&swarm, &place)?;
            show(&run, &outcome);
            outcome.fault_of_clean_run(&run).map_or(Ok(()), |fault| bail!("{fault}"))
        })?;
    }
    staged.kill()?;
    steps.run("first light: kill -9 under play", || {
        check_kill(&Place::new(checkout, &server, &scratch, "kill", &[])?, &swarm, full)
    })?;
    // Best effort: what is left lies under the build folder.
    let _ = fs::remove_dir_all(&scratch);
    Ok(())
}

/// `--movement` for a recording: FILE or FILE@T0, relative to the folder the command was called in.
pub fn humans_movement(argument: &str) -> Result<String> {
    let (file, start) = match argument.rsplit_once('@') {
        Some((file, start)) if !Path::new(argument).exists() => (file, format!("@{start}")),
        _ => (argument, String::new()),
    };
    let file: PathBuf = fs::canonicalize(file).with_context(|| format!("no recording at {file}"))?;
    Ok(format!("humans:{}{start}", file.display()))
}

fn crowds(full: bool, humans: Option<String>) -> Vec<Run> {
    let size = |name: &str, bots_full: u32, movement: String| Run {
        name: name.to_owned(),
        bots: if full { bots_full } else { 60 },
        duration_s: if full { 30 } else { 6 },
        ramp_s: if full { 5 } else { 2 },
        movement: Some(movement),
        rejoin: false,
        truth_only: !full,
        extra: Vec::new(),
    };
    let mut runs: Vec<Run> = humans.map(|movement| size("humans", 500, movement)).into_iter().collect();
    runs.push(size("clumped", 500, "clumped".to_owned()));
    runs.push(size("crowd", 200, "crowd".to_owned()));
    runs
}

fn show(run: &Run, outcome: &Outcome) {
    println!("swarm {}: exit {}", run.name, outcome.exit_cell());
    print!("{}", outcome.out);
    if outcome.exit != Some(0) {
        print!("{}", outcome.err);
    }
}

fn check_idle_load(server: &Server) -> Result<()> {
    let path = format!("/proc/{}/stat", server.pid());
    if !Path::new(&path).exists() {
        println!("  not measured: this system has no {path}");
        return Ok(());
    }
    let ticks = || -> Result<u64> {
        let stat = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
        cpu_ticks(&stat).with_context(|| format!("{path} has no utime and stime"))
    };
    sleep(IDLE_SETTLE);
    let before = ticks()?;
    sleep(IDLE_WINDOW);
    let percent = cpu_percent(ticks()?.saturating_sub(before), IDLE_WINDOW);
    println!("  idle: {percent:.1} % of a core");
    if percent >= IDLE_PERCENT_LIMIT {
        bail!("the idle server takes {percent:.1} % of a core, allowed is less than {IDLE_PERCENT_LIMIT} %");
    }
    Ok(())
}

/// User and system time of a process in clock ticks: fields 14 and 15 of proc(5) `stat`. Field 2, the name, is in
/// parentheses and may hold anything, so counting begins behind the last one.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// The same in seconds.
pub fn cpu_seconds(stat: &str) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "ticks of a few days")]
    cpu_ticks(stat).map(|ticks| ticks as f64 / TICKS_PER_S)
}

fn cpu_percent(ticks: u64, window: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "ticks of a few seconds")]
    let seconds = ticks as f64 / TICKS_PER_S;
    100.0 * seconds / window.as_secs_f64()
}

/// Kills the server while bots play, starts it again on the same data and ports; the bots come back and find nothing
/// wrong.
fn check_kill(place: &Place, swarm: &Path, full: bool) -> Result<()> {
    let run = kill_run(full);
    let server = place.start()?;
    let mut playing = run.start(swarm, place)?;
    sleep(KILL_AFTER);
    if playing.has_ended() {
        let outcome = playing.wait()?;
        show(&run, &outcome);
        bail!("the swarm ended with {} before the kill ({})", outcome.exit_cell(), outcome.errors_line());
    }
    server.kill()?;
    let again = place.start().context("after the kill")?;
    let outcome = playing.wait()?;
    show(&run, &outcome);
    if outcome.exit != Some(0) {
        bail!("after the kill the swarm ended with {} ({})", outcome.exit_cell(), outcome.errors_line());
    }
    again.kill()
}

fn kill_run(full: bool) -> Run {
    Run {
        name: "kill".to_owned(),
        bots: if full { 200 } else { 60 },
        duration_s: 25,
        ramp_s: 2,
        movement: None,
        rejoin: true,
        truth_only: !full,
        extra: Vec::new(),
    }
}

/// All bots have joined and the first checkpoint (at most 5 s old) is written when the kill comes.
const KILL_AFTER: Duration = Duration::from_secs(10);
/// Start-up work is over after this.
const IDLE_SETTLE: Duration = Duration::from_secs(1);
/// Over how long the idle load is taken: 500 clock ticks.
const IDLE_WINDOW: Duration = Duration::from_secs(5);
/// Percent of one core.
const IDLE_PERCENT_LIMIT: f64 = 3.0;
/// USER_HZ, the unit of times in /proc: 100 on every Linux this builds for.
const TICKS_PER_S: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_blanks_and_parentheses() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194304 500 0 0 0 7 5 0 0 20 0 4 0 100 1000 10";
        assert_eq!(cpu_ticks(stat), Some(12));
        assert_eq!(cpu_ticks("42 (a) S 1"), None);
    }

    #[test]
    fn fifteen_ticks_in_five_seconds_are_three_percent() {
        assert!((cpu_percent(15, Duration::from_secs(5)) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn humans_come_first_and_only_when_given() {
        let names = |runs: Vec<Run>| runs.iter().map(|run| (run.name.clone(), run.bots)).collect::<Vec<_>>();
        let with = names(crowds(true, Some("humans:f".to_owned())));
        assert_eq!(with, [("humans".to_owned(), 500), ("clumped".to_owned(), 500), ("crowd".to_owned(), 200)]);
        assert_eq!(names(crowds(false, None)), [("clumped".to_owned(), 60), ("crowd".to_owned(), 60)]);
    }

    #[test]
    fn a_recording_may_carry_its_start_and_must_exist() {
        let root = Checkout::find().unwrap().root;
        let file = root.join("Cargo.toml").canonicalize().unwrap().display().to_string();
        assert_eq!(humans_movement(&file).unwrap(), format!("humans:{file}"));
        assert_eq!(humans_movement(&format!("{file}@12.5")).unwrap(), format!("humans:{file}@12.5"));
        assert!(humans_movement("no-such-recording@1").is_err());
    }

    #[test]
    fn the_bots_play_on_well_after_the_kill() {
        assert!(u64::from(kill_run(false).duration_s) >= 2 * KILL_AFTER.as_secs());
        assert!(kill_run(true).rejoin);
    }
}
