//! Trials of the server that take minutes: players that move, players that are cut off, a flood.
//!
//! Each stages a server of its own on free loopback ports, sends a swarm, and prints what was found beside what is
//! allowed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cast::Cast;
use crate::checkout::Checkout;
use crate::judge::{Line, errors, figure, judge, own_verdict};
use crate::metrics::Metrics;
use crate::stage::{Place, wait_limited, without_own_settings};
use crate::step::Steps;
use crate::swarm::{Outcome, Run};

fn place(cast: &Cast, checkout: &Checkout) -> Result<Place> {
    Place::new(checkout, &cast.server, &cast.scratch, "place", &[])
}

fn run_of(name: &str, bots: u32, duration_s: u32, short: bool, extra: &[String]) -> Run {
    Run {
        name: name.to_owned(),
        bots,
        duration_s,
        ramp_s: if short { 2 } else { 5 },
        movement: None,
        rejoin: false,
        truth_only: short,
        extra: extra.to_vec(),
    }
}

fn show(outcome: &Outcome, run: &Run) {
    print!("{}", outcome.out);
    if let Some(fault) = outcome.fault_of_clean_run(run) {
        println!("{}{fault}", outcome.err);
    }
}

/// What every trial asks of a swarm: its own word that all is well, all in, nobody thrown out, one login each, nothing
/// wrong.
fn common_lines(outcome: &Outcome, metrics: &Metrics, run: &Run) -> Result<Vec<Line>> {
    let bots = f64::from(run.bots);
    Ok(vec![
        Line::exactly("passed by the swarm's own verdict", own_verdict(outcome, run)?, 1.0),
        Line::exactly("bots in at the end", figure(outcome, "connected")?, bots),
        Line::exactly("disconnects", figure(outcome, "disconnects")?, 0.0),
        Line::exactly("logins", figure(outcome, "logins")?, bots),
        Line::exactly("errors", errors(outcome)?, 0.0),
        Line::at_least("comparisons", figure(outcome, "comparisons")?, figure(outcome, "comparisons_needed")?),
        Line::exactly("sessions the server began", metrics.event("sessions_started")?, bots),
        Line::exactly("sessions taken over", metrics.event("sessions_taken_over")?, 0.0),
    ])
}

/// 200 of 200 live bots change their address in mid-run.
pub fn migration(checkout: &Checkout, steps: &Steps, short: bool) -> Result<()> {
    let (bots, duration_s) = if short { (40, 12) } else { (200, 60) };
    let cast = Cast::build(checkout, steps, "migration", short)?;
    let lines = steps.run(&format!("migration: {bots} bots change their address"), || {
        let place = place(&cast, checkout)?;
        let server = place.start()?;
        let extra = ["--rebind".to_owned(), bots.to_string()];
        let run = run_of("movers", bots, duration_s, short, &extra);
        let outcome = run.finish(&cast.swarm, &place)?;
        show(&outcome, &run);
        let metrics = Metrics::read(place.ops)?;
        let mut lines = common_lines(&outcome, &metrics, &run)?;
        lines.push(Line::exactly("bots that moved", figure(&outcome, "moves.bots")?, f64::from(bots)));
        lines.push(Line::exactly("of them back", figure(&outcome, "moves.back")?, f64::from(bots)));
        lines.push(Line::at_most("slowest, ms", figure(&outcome, "moves.slowest_ms")?, MOVE_MS_MAX));
        lines.push(Line::at_least("moves the server saw", metrics.event("sessions_moved")?, f64::from(bots)));
        server.kill()?;
        Ok(lines)
    })?;
    judge(&lines)?;
    cast.leave();
    Ok(())
}

/// 200 of 500 bots are cut off for 60 s.
pub fn outage(checkout: &Checkout, steps: &Steps, short: bool) -> Result<()> {
    let (bots, cut, cut_s) = if short { (60, 20, 20) } else { (500, 200, 60) };
    let cast = Cast::build(checkout, steps, "outage", short)?;
    let lines = steps.run(&format!("outage: {cut} of {bots} bots are cut off for {cut_s} s"), || {
        let place = place(&cast, checkout)?;
        let server = place.start()?;
        let extra = ["--outage".to_owned(), format!("{cut}@{cut_s}s")];
        let run = run_of("cut", bots, cut_s + OUTAGE_AROUND_S, short, &extra);
        let outcome = run.finish(&cast.swarm, &place)?;
        show(&outcome, &run);
        let metrics = Metrics::read(place.ops)?;
        let mut lines = common_lines(&outcome, &metrics, &run)?;
        let cut = f64::from(cut);
        lines.push(Line::exactly("bots that were cut off", figure(&outcome, "outage.bots")?, cut));
        lines.push(Line::exactly("of them back", figure(&outcome, "outage.back")?, cut));
        lines.push(Line::at_least("found the server silent", figure(&outcome, "silents")?, cut));
        lines.push(Line::at_least("found silent by the server", metrics.event("sessions_silent")?, cut));
        lines.push(Line::at_least("sessions the server resumed", metrics.event("sessions_resumed")?, cut));
        lines.push(Line::at_most("slowest, ms", figure(&outcome, "outage.slowest_ms")?, OUTAGE_MS_MAX));
        server.kill()?;
        Ok(lines)
    })?;
    judge(&lines)?;
    cast.leave();
    Ok(())
}

/// Everybody in one spot: of a view that has too few places the nearest are in it and the others go round, all of it is
/// told in time, and nobody is told more than the bytes there are.
pub fn crowd(checkout: &Checkout, steps: &Steps, short: bool) -> Result<()> {
    let (bots, duration_s) = if short { (150, 12) } else { (800, 40) };
    let cast = Cast::build(checkout, steps, "crowd", short)?;
    let lines = steps.run(&format!("crowd: {bots} bots in one spot"), || {
        let mut place = place(&cast, checkout)?;
        let config = cast.scratch.join("crowd.toml");
        fs::write(&config, crowd_config(short))?;
        place.extra = vec!["--config".to_owned(), config.display().to_string()];
        let server = place.start()?;
        let run = Run { movement: Some("crowd".to_owned()), ..run_of("crowd", bots, duration_s, short, &[]) };
        let playing = run.start(&cast.swarm, &place)?;
        pin_apart(server.pid(), playing.pid());
        let outcome = playing.wait()?;
        show(&outcome, &run);
        let mut lines = common_lines(&outcome, &Metrics::read(place.ops)?, &run)?;
        lines.push(Line::at_least("others around, mean", figure(&outcome, "visible.mean")?, f64::from(bots) * 0.9));
        let kbit_max = f64::from(CROWD_BYTES_PER_S) * 8.0 / 1_000.0;
        lines.push(Line::at_most("kbit/s down", figure(&outcome, "kbit_per_s.down")?, kbit_max));
        server.kill()?;
        Ok(lines)
    })?;
    judge(&lines)?;
    cast.leave();
    Ok(())
}

/// What one of a crowd is told, bytes a second: with 80 in view enough to tell of all of them in time, and no more than two
/// processors can make and read for 800.
const CROWD_BYTES_PER_S: u32 = 14_000;

fn crowd_config(short: bool) -> String {
    let visible_max = if short { 24 } else { 80 };
    format!("[world]\nvisible_max = {visible_max}\n[client]\ndown_bytes_per_s = {CROWD_BYTES_PER_S}\n")
}

/// Of two processors each gets one: the scheduler would put the swarm on the server's now and then, and the swarm is late
/// then, which makes the run invalid. Where there are more, or there is no `taskset`, they share.
fn pin_apart(server: u32, swarm: u32) {
    if std::thread::available_parallelism().is_ok_and(|count| count.get() == 2) {
        for (processor, pid) in [("0", server), ("1", swarm)] {
            let pinned = Command::new("taskset").args(["-apc", processor, &pid.to_string()]).output();
            if !pinned.is_ok_and(|output| output.status.success()) {
                println!("process {pid} could not be given a processor of its own");
            }
        }
    }
}

/// Survival item 8: junk, forged and replayed requests while people play, and honest newcomers beside them.
pub fn flood(checkout: &Checkout, steps: &Steps, short: bool) -> Result<()> {
    let cast = Cast::build(checkout, steps, "flood", false)?;
    let measure = steps
        .run("flood: build the measure", || checkout.build_program("measure", false, &["--package", "measure"]))?;
    steps.run("flood: without, with, without", || play_flood(&cast, &measure, checkout, short))?;
    cast.leave();
    Ok(())
}

fn play_flood(cast: &Cast, measure: &Path, checkout: &Checkout, short: bool) -> Result<()> {
    let mut command = std::process::Command::new(measure);
    command.current_dir(&checkout.root).args(["handshake", "--flood"]);
    command.arg("--server-binary").arg(&cast.server).arg("--swarm-binary").arg(&cast.swarm);
    if short {
        command.args(["--rate", "5000", "--players", "60", "--seconds", "6", "--joins", "10", "--truth-only"]);
    }
    without_own_settings(&mut command);
    let mut child = command.spawn().context("measure cannot be started")?;
    match wait_limited(&mut child, FLOOD_MAX)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => bail!("measure handshake ended with {status}"),
        None => bail!("measure handshake was still running after {} s and was killed", FLOOD_MAX.as_secs()),
    }
}

/// A move is found out by half a second of silence; two round trips and a tick follow, and a lost packet or two.
const MOVE_MS_MAX: f64 = 1_500.0;
/// Whoever is silent probes once a second; one probe may be lost.
const OUTAGE_MS_MAX: f64 = 2_500.0;
/// Before and after an outage, seconds: the swarm wants 5 and 15.
const OUTAGE_AROUND_S: u32 = 22;
/// A flood has three phases of half a minute and the joining before each.
const FLOOD_MAX: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    /// What a swarm of five bots leaves when all was well.
    fn good_report() -> serde_json::Value {
        serde_json::json!({
            "pass": true, "connected": 5, "disconnects": 0, "logins": 5, "comparisons": 9, "comparisons_needed": 8,
            "errors": { "ghost": 0, "stale": 0 },
        })
    }

    fn outcome(exit: Option<i32>, report: serde_json::Value) -> Outcome {
        Outcome { exit, out: String::new(), err: String::new(), report: Some(report) }
    }

    #[test]
    fn a_trial_holds_only_with_the_swarms_own_word_and_its_count_of_errors() {
        let metrics = Metrics::of(
            "throng_transport_events_total{event=\"sessions_started\"} 5\n\
             throng_transport_events_total{event=\"sessions_taken_over\"} 0\n",
        );
        let run = run_of("five", 5, 12, false, &[]);
        let broken = |exit, report| {
            let lines = common_lines(&outcome(exit, report), &metrics, &run)?;
            let broken = lines.iter().filter(|line| !line.holds()).map(|line| line.what.clone());
            anyhow::Ok(broken.collect::<Vec<_>>())
        };
        let with = |key: &str, value: serde_json::Value| {
            let mut report = good_report();
            report[key] = value;
            report
        };
        assert_eq!(broken(Some(0), good_report()).unwrap(), Vec::<String>::new());
        for (exit, report) in [(Some(1), good_report()), (None, good_report()), (Some(0), with("pass", false.into()))] {
            assert_eq!(broken(exit, report).unwrap(), ["passed by the swarm's own verdict"], "{exit:?}");
        }
        for key in ["errors", "pass", "logins"] {
            assert!(broken(Some(0), with(key, serde_json::Value::Null)).is_err(), "{key}");
        }
        assert!(broken(Some(0), with("errors", serde_json::json!({}))).is_err());
        assert!(broken(Some(0), with("errors", serde_json::json!({ "ghost": "none" }))).is_err());
    }

    #[test]
    fn speed_is_judged_in_every_trial_that_is_not_short() {
        assert_eq!([true, false].map(|short| run_of("movers", 40, 12, short, &[]).truth_only), [true, false]);
    }
}
