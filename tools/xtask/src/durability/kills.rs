//! The killing trial: server, Redis and MariaDB die at any moment while bots play and trade, and nothing that a bot was
//! told to be saved is lost or there twice.
//!
//! Bots write down every receipt that they hear (`swarm --receipts`). Who dies when is drawn from a seed; all come back;
//! at the end the server drains and the receipts are compared with MariaDB's ledger, and what was ever made with what is
//! there. Then the same with a server that kills itself at each of its named points in turn.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::audit::Audit;
use super::bed::{Bed, Death, IN_FLIGHT_WANTED};
use super::plan::{self, Kill, Victim};
use super::until_told;
use crate::checkout::Checkout;
use crate::faults;
use crate::judge::{Line, errors, figure, judge};
use crate::step::Steps;
use crate::swarm::{Outcome, Run, Running};
use crate::table::table;

/// How much is killed.
pub struct Extent {
    /// Kills at moments drawn from the seed; with none the named points are all there is.
    pub count: usize,
    /// Crashes at each named point.
    pub at_points: usize,
    /// Of all that is drawn.
    pub seed: u64,
    /// Fewer bots, and neither how many changes were in flight nor how many receipts were told is judged.
    pub short: bool,
}

impl Extent {
    /// What `ci` has time for.
    pub const SHORT: Self = Self { count: 7, at_points: 0, seed: 1, short: true };
}

/// Runs the trial and prints its table; any loss is an error.
pub fn run(checkout: &Checkout, steps: &Steps, extent: &Extent) -> Result<()> {
    let build =
        |name: &str| steps.run(&format!("kills: build the {name}"), || checkout.build_program(name, extent.short, &[]));
    let swarm = build("swarm")?;
    let scratch = checkout.scratch("kills")?;
    if extent.count > 0 {
        let server = build("throng")?;
        let name = format!("kills: {} at any moment, seed {}", extent.count, extent.seed);
        steps.run(&name, || kill_at_any_moment(checkout, &server, &swarm, &scratch, extent))?;
    }
    if extent.at_points > 0 {
        let liar = steps.run("kills: build the server that crashes", || faults::build_liar(checkout, extent.short))?;
        for point in points(&liar)? {
            let name = format!("kills: {} at {point}", extent.at_points);
            steps.run(&name, || crash_at(checkout, &liar, &swarm, &scratch, &point, extent))?;
        }
    }
    // Best effort: what is left lies under the build folder.
    let _ = fs::remove_dir_all(&scratch);
    Ok(())
}

fn kill_at_any_moment(checkout: &Checkout, server: &Path, swarm: &Path, scratch: &Path, extent: &Extent) -> Result<()> {
    let mut bed = Bed::start(checkout, server, scratch, "any-moment")?;
    let run = swarm_run(extent, &bed.receipts);
    let mut playing = run.start(swarm, bed.place())?;
    bed.wait_players(run.bots, ALL_IN_WITHIN)?;
    let mut deaths = Vec::with_capacity(extent.count);
    for (number, kill) in plan::plan(extent.seed, extent.count).iter().enumerate() {
        let told = || format!("kill {} of {} ({})", number + 1, extent.count, kill.name());
        deaths.push(endure(&mut bed, kill, extent, &run, &mut playing).with_context(told)?);
        if deaths.len() % TOLD_EVERY == 0 {
            println!("  {} of {} kills", deaths.len(), extent.count);
        }
    }
    conclude(bed, playing, &run, extent, &deaths)
}

fn endure(bed: &mut Bed, kill: &Kill, extent: &Extent, run: &Run, playing: &mut Running) -> Result<Death> {
    if playing.has_ended() {
        bail!("the swarm ended before it was told to");
    }
    let death = bed.suffer(kill, if extent.short { IN_FLIGHT_SHORT } else { IN_FLIGHT_WITHIN })?;
    if kill.hits(Victim::Server) {
        bed.wait_players(run.bots * MOST_IN_PERCENT / 100, ALL_IN_WITHIN)?;
    }
    Ok(death)
}

/// The names at which a server of this build can crash.
fn points(server: &Path) -> Result<Vec<String>> {
    let output = Command::new(server).args(["--crash-at", "list"]).output().context("the server cannot be started")?;
    if !output.status.success() {
        bail!("`--crash-at list` ended with {}", output.status);
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let points: Vec<String> = said.split_whitespace().map(str::to_owned).collect();
    if points.is_empty() {
        bail!("`--crash-at list` names no point");
    }
    Ok(points)
}

/// Crashes at one point again and again, each time a little later in the life of the server.
fn crash_at(
    checkout: &Checkout,
    server: &Path,
    swarm: &Path,
    scratch: &Path,
    point: &str,
    extent: &Extent,
) -> Result<()> {
    let mut bed = Bed::start(checkout, server, scratch, point)?;
    let run = swarm_run(extent, &bed.receipts);
    let mut playing = run.start(swarm, bed.place())?;
    bed.wait_players(run.bots, ALL_IN_WITHIN)?;
    for number in 0..extent.at_points {
        if playing.has_ended() {
            bail!("the swarm ended before it was told to");
        }
        // At which pass of the point it crashes: from at once to after some seconds of play.
        let passes = 1 + number * CRASH_PASSES;
        bed.restart_with(server, &["--crash-at".to_owned(), format!("{point}:{passes}")])?;
        bed.wait_crash(CRASH_WITHIN).with_context(|| format!("crash {} of {}", number + 1, extent.at_points))?;
    }
    bed.restart_with(server, &[])?;
    bed.wait_ready()?;
    bed.wait_players(run.bots * MOST_IN_PERCENT / 100, ALL_IN_WITHIN)?;
    // While it crashed every second or two hardly anybody saw anybody else.
    sleep(PLAY_ON);
    conclude(bed, playing, &run, &Extent { short: true, ..*extent }, &[])
}

fn swarm_run(extent: &Extent, receipts: &Path) -> Run {
    let bots = if extent.short { 40 } else { 120 };
    let fidget = if extent.short { "4" } else { "8" };
    let mut extra: Vec<String> = ["--play", "--fidget", fidget, "--receipts"].map(str::to_owned).to_vec();
    extra.push(receipts.display().to_string());
    let kills = extent.count.max(extent.at_points);
    let duration_s = u32::try_from(kills).unwrap_or(u32::MAX).saturating_mul(KILL_S_MAX).max(MINUTES_MIN_S);
    until_told("swarm", bots, duration_s, 3, extra)
}

fn conclude(mut bed: Bed, playing: Running, run: &Run, extent: &Extent, deaths: &[Death]) -> Result<()> {
    bed.wait_players(run.bots * MOST_IN_PERCENT / 100, ALL_IN_WITHIN)?;
    crate::stage::terminate(playing.pid())?;
    let outcome = playing.wait()?;
    print!("{}", outcome.out);
    let audit = bed.drain_and_audit()?;
    if !deaths.is_empty() {
        println!("{}", death_table(deaths));
    }
    for fault in audit.faults() {
        println!("  {fault}");
    }
    judge(&lines(extent, run.bots, deaths, &outcome, &audit)?)
}

/// One row for each victim or pair.
fn death_table(deaths: &[Death]) -> String {
    let mut by_name: BTreeMap<&str, Vec<&Death>> = BTreeMap::new();
    for death in deaths {
        by_name.entry(&death.who).or_default().push(death);
    }
    let rows: Vec<Vec<String>> = by_name.into_iter().map(|(name, deaths)| death_row(name, &deaths)).collect();
    table(&["killed", "times", "in flight least", "mean", "most", "back after s mean", "longest"], &rows)
}

fn death_row(name: &str, deaths: &[&Death]) -> Vec<String> {
    let count = deaths.len() as f64;
    let flights = || deaths.iter().map(|death| death.in_flight);
    let recoveries = || deaths.iter().map(|death| death.recovery.as_secs_f64());
    vec![
        name.to_owned(),
        deaths.len().to_string(),
        format!("{:.0}", flights().fold(f64::INFINITY, f64::min)),
        format!("{:.1}", flights().sum::<f64>() / count),
        format!("{:.0}", flights().fold(0.0, f64::max)),
        format!("{:.2}", recoveries().sum::<f64>() / count),
        format!("{:.2}", recoveries().fold(0.0, f64::max)),
    ]
}

fn lines(extent: &Extent, bots: u32, deaths: &[Death], outcome: &Outcome, audit: &Audit) -> Result<Vec<Line>> {
    let servers = deaths.iter().filter(|death| death.who.contains(Victim::Server.name())).count();
    let compared_min = servers as f64 * f64::from(bots) * COMPARED_SHARE_MIN;
    let exit = outcome.exit.map_or(f64::NAN, f64::from);
    let mut lines = vec![
        Line::exactly("transactions lost", audit.lost.len() as f64, 0.0),
        Line::exactly("transactions doubled", audit.doubled.len() as f64, 0.0),
        Line::exactly("kinds and coins out of balance", audit.unbalanced.len() as f64, 0.0),
        // Among them: somebody came back to where he had not been within five seconds.
        Line::exactly("errors that bots saw", errors(outcome)?, 0.0),
        Line::exactly("exit of the swarm", exit, 0.0),
        Line::at_least("places of bots compared after a loss", figure(outcome, "rejoin.restored")?, compared_min),
        Line::at_most("oldest place put back, s", figure(outcome, "rejoin.oldest_s")?, CHECKPOINT_S_MAX),
        Line::at_least("receipts the swarm counted", figure(outcome, "receipts")?, audit.told as f64),
    ];
    if extent.short {
        lines.push(Line::at_least("transactions told", audit.told as f64, TOLD_SHORT_MIN));
    } else {
        let full = deaths.iter().filter(|death| death.in_flight >= IN_FLIGHT_WANTED).count();
        lines.push(Line::exactly("kills", deaths.len() as f64, extent.count as f64));
        lines.push(Line::exactly("of them with 10 changes in flight", full as f64, extent.count as f64));
        lines.push(Line::at_least("transactions told", audit.told as f64, extent.count as f64 * TOLD_PER_KILL));
    }
    Ok(lines)
}

/// A moment at which enough changes are in flight is waited for so long: bots that were thrown out are back before...
const IN_FLIGHT_WITHIN: Duration = Duration::from_secs(15);
/// ...and so long where few bots play and nobody judges how many there were.
const IN_FLIGHT_SHORT: Duration = Duration::from_secs(2);
/// Kills between two lines of progress.
const TOLD_EVERY: usize = 20;
/// Bots that knock every eight seconds at worst, at a server that has just begun, are all in before this.
const ALL_IN_WITHIN: Duration = Duration::from_secs(60);
/// Some of them log out on purpose at any moment.
const MOST_IN_PERCENT: u32 = 90;
/// One kill with all that comes before and after it takes far less, in seconds.
const KILL_S_MAX: u32 = 150;
/// The swarm is told when to end; until then it plays.
const MINUTES_MIN_S: u32 = 600;
/// How many times oftener a point is passed before each further crash at it.
const CRASH_PASSES: usize = 2;
/// A server whose players do something passes each of its points far sooner.
const CRASH_WITHIN: Duration = Duration::from_secs(60);
/// Play after the last crash at a point, so that bots have something to compare.
const PLAY_ON: Duration = Duration::from_secs(8);
/// Of the bots that lose their server, so many have been in long enough, and do not lie dead.
const COMPARED_SHARE_MIN: f64 = 0.5;
/// How old a checkpoint may be.
const CHECKPOINT_S_MAX: f64 = 5.0;
/// Without so many a short run proves nothing.
const TOLD_SHORT_MIN: f64 = 200.0;
/// 10,000 in a run of 200 kills.
const TOLD_PER_KILL: f64 = 50.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(exit: i32, other: u32) -> Outcome {
        let rejoin = serde_json::json!({ "restored": 12_000, "oldest_s": 4.9 });
        let report = serde_json::json!({ "receipts": 20_000, "errors": { "other": other }, "rejoin": rejoin });
        Outcome { exit: Some(exit), out: String::new(), err: String::new(), report: Some(report) }
    }

    fn deaths(in_flight: f64) -> Vec<Death> {
        vec![Death { who: "server".to_owned(), in_flight, recovery: Duration::from_millis(1_500) }; 200]
    }

    const FULL: Extent = Extent { count: 200, at_points: 20, seed: 1, short: false };

    fn broken(deaths: &[Death], outcome: &Outcome, audit: &Audit) -> Vec<String> {
        let lines = lines(&FULL, 120, deaths, outcome, audit).unwrap();
        lines.iter().filter(|line| !line.holds()).map(|line| line.what.clone()).collect()
    }

    #[test]
    fn one_lost_one_doubled_one_coin_too_many_or_one_error_is_enough() {
        let good = || Audit { told: 10_000, ..Audit::default() };
        assert_eq!(broken(&deaths(10.0), &outcome(0, 0), &good()), Vec::<String>::new());
        let lost = Audit { lost: vec![1], ..good() };
        assert_eq!(broken(&deaths(10.0), &outcome(0, 0), &lost), ["transactions lost"]);
        let doubled = Audit { doubled: vec![1], ..good() };
        assert_eq!(broken(&deaths(10.0), &outcome(0, 0), &doubled), ["transactions doubled"]);
        let unbalanced = Audit { unbalanced: vec![(None, 1, 2)], ..good() };
        assert_eq!(broken(&deaths(10.0), &outcome(0, 0), &unbalanced), ["kinds and coins out of balance"]);
        assert_eq!(broken(&deaths(10.0), &outcome(1, 3), &good()), ["errors that bots saw", "exit of the swarm"]);
    }

    #[test]
    fn a_run_that_killed_or_told_too_little_proves_nothing() {
        let told = |told| Audit { told, ..Audit::default() };
        assert_eq!(broken(&deaths(10.0), &outcome(0, 0), &told(9_999)), ["transactions told"]);
        assert_eq!(broken(&deaths(10.0)[1..], &outcome(0, 0), &told(10_000)).len(), 2);
        assert_eq!(broken(&deaths(9.0), &outcome(0, 0), &told(10_000)), ["of them with 10 changes in flight"]);
    }

    #[test]
    fn the_table_has_a_row_for_each_victim() {
        let mut deaths = deaths(12.0);
        deaths[0] = Death { who: "redis".to_owned(), in_flight: 40.0, recovery: Duration::from_millis(250) };
        let table = death_table(&deaths);
        assert!(table.contains("  redis   1      40               40.0  40    0.25               0.25"), "{table}");
        assert!(table.contains("  server  199    12               12.0  12    1.50               1.50"), "{table}");
    }
}
