//! Two thousand players in one world at 60 Hz, beside the swarm on the same machine: what README's first figures come from.
//!
//! Some runs with nothing but the journal, then one with Redis and MariaDB, whose counters say what each of the named packages
//! did in it. What counts is in [`lines`]; what the bots compare, and what makes a load human, is the swarm's to judge.

mod curve;
mod lines;
mod multitude;
mod packages;
mod plot;
mod profile;
mod stages;
mod stamina;

pub use curve::run as curve;
pub use multitude::run as multitude;
pub use profile::{build_arguments as profiled_arguments, path as profile_path, run as profile};
pub use stamina::run as stamina;

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::cast::Cast;
use crate::checkout::Checkout;
use crate::durability::Bed;
use crate::first_light::humans_movement;
use crate::judge::{Line, figure, judge};
use crate::metrics::Metrics;
use crate::stage::Place;
use crate::step::Steps;
use crate::swarm::{Outcome, Run};
use crate::table::table;

/// How much of everything.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Bots.
    pub bots: u32,
    /// Runs one after the other.
    pub runs: u32,
    /// A recording of how people move, FILE or FILE@T0; the swarm's own generator without one.
    pub humans: Option<String>,
    /// Whether only what is said is judged, and not how fast: debug builds, few bots, one run.
    pub short: bool,
}

impl Extent {
    /// On a machine that does other work.
    pub const SHORT: Self = Self { bots: 60, runs: 1, humans: None, short: true };

    fn run(&self, name: &str, movement: &str) -> Run {
        let (duration_s, ramp_s) = if self.short { (6, 2) } else { (60, 10) };
        Run {
            name: name.to_owned(),
            bots: self.bots,
            duration_s,
            ramp_s,
            movement: Some(movement.to_owned()),
            rejoin: false,
            truth_only: self.short,
            extra: Vec::new(),
        }
    }
}

/// Builds, plays and judges.
pub fn run(checkout: &Checkout, steps: &Steps, extent: &Extent) -> Result<()> {
    let movement = movement_of(extent.humans.as_deref())?;
    let cast = Cast::build(checkout, steps, "headline", extent.short)?;
    let mut alone = Vec::new();
    for nth in 1..=extent.runs {
        let run = extent.run(&format!("run-{nth}"), &movement);
        let name = format!("headline: {} bots, {movement}, run {nth} of {}", extent.bots, extent.runs);
        alone.push(steps.run(&name, || play_alone(checkout, &cast, &run))?);
    }
    let run = extent.run("attached", &movement);
    let name = format!("headline: {} bots, with Redis and MariaDB", extent.bots);
    let attached = steps.run(&name, || play_attached(checkout, &cast, &run))?;

    let runs = alone.iter().map(|outcome| ("alone", outcome)).chain([("with stores", &attached.outcome)]);
    println!("{}", lines::summary(&runs.collect::<Vec<_>>())?);
    println!("{}", attached.store_table());
    println!("{}", stages::table_of(&attached.metrics)?);
    println!("{}", packages::table_of(&attached.metrics)?);
    let mut judged = Vec::new();
    for (nth, outcome) in alone.iter().enumerate() {
        judged.extend(lines::alone(&format!("run {}: ", nth + 1), outcome, &extent.run("", &movement), extent.short)?);
    }
    judged.extend(attached.lines(&alone, &extent.run("", &movement), extent.short)?);
    judged.extend(packages::lines(&attached.metrics, extent.short)?);
    judge(&judged)?;
    cast.leave();
    Ok(())
}

/// What the swarm takes for `--movement`.
fn movement_of(humans: Option<&str>) -> Result<String> {
    Ok(humans.map(humans_movement).transpose()?.unwrap_or_else(|| "clumped".to_owned()))
}

/// A run on a server of its own that has only its journal.
fn play_alone(checkout: &Checkout, cast: &Cast, run: &Run) -> Result<Outcome> {
    play_with(checkout, cast, run, &[])
}

/// The same, with settings by the environment.
fn play_with(checkout: &Checkout, cast: &Cast, run: &Run, settings: &[(&str, &str)]) -> Result<Outcome> {
    let mut place = Place::new(checkout, &cast.server, &cast.scratch, &run.name, &[])?;
    place.settings.extend(settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    if run.bots > PLAYERS_MAX_DEFAULT {
        place.settings.push(("THRONG_SERVER__PLAYERS_MAX".to_owned(), run.bots.to_string()));
    }
    let server = place.start()?;
    let outcome = run.finish(&cast.swarm, &place)?;
    show(&outcome);
    server.drain()?;
    Ok(outcome)
}

/// What a run with both stores came to.
struct Attached {
    outcome: Outcome,
    metrics: Metrics,
    lag_max_s: f64,
    /// CPU of Redis and MariaDB themselves, percent of a core; none where the system does not tell.
    stores_percent: Option<[f64; 2]>,
}

fn play_attached(checkout: &Checkout, cast: &Cast, run: &Run) -> Result<Attached> {
    let mut bed = Bed::start_with(checkout, &cast.server, &cast.scratch, &run.name, &[])?;
    let playing = run.start(&cast.swarm, bed.place())?;
    bed.wait_players(run.bots, ALL_IN_WITHIN)?;
    sleep(SETTLE);
    let before = bed.stores_cpu_s();
    // The swarm says goodbye a little later.
    let window = bed.watch(Duration::from_secs(u64::from(run.duration_s)).saturating_sub(SETTLE))?;
    let percent = bed
        .stores_cpu_s()
        .zip(before)
        .map(|(after, before)| std::array::from_fn(|store| (after[store] - before[store]) * 100.0 / window.seconds));
    let metrics = Metrics::read(bed.place().ops)?;
    let outcome = playing.wait()?;
    show(&outcome);
    bed.drain_and_audit()?;
    Ok(Attached { outcome, metrics, lag_max_s: window.lag_max_s, stores_percent: percent })
}

impl Attached {
    fn store_table(&self) -> String {
        let [redis, mariadb] = self.stores_percent.unwrap_or([f64::NAN; 2]);
        let rows = [
            ("redis-server, % of a core", redis),
            ("mariadbd, % of a core", mariadb),
            ("save lag at its highest, s", self.lag_max_s),
        ];
        table(&["stores", "found"], &rows.map(|(what, found)| vec![what.to_owned(), format!("{found:.2}")]))
    }

    fn lines(&self, alone: &[Outcome], run: &Run, short: bool) -> Result<Vec<Line>> {
        let mut lines = vec![
            Line::exactly("with stores: bots in at the end", figure(&self.outcome, "connected")?, f64::from(run.bots)),
            Line::exactly("with stores: disconnects", figure(&self.outcome, "disconnects")?, 0.0),
            Line::at_most("with stores: save lag, s", self.lag_max_s, LAG_S_MAX),
        ];
        if !short {
            // Within noise: 1.1 times and half a millisecond.
            let p99_ms =
                alone.iter().map(|outcome| figure(outcome, "server.tick_ms.p99")).collect::<Result<Vec<_>>>()?;
            let worst_ms = p99_ms.into_iter().fold(0.0, f64::max);
            let own_ms = figure(&self.outcome, "server.tick_ms.p99")?;
            lines.push(Line::at_most("with stores: tick p99, ms", own_ms, worst_ms * 1.1 + 0.5));
        }
        Ok(lines)
    }
}

fn show(outcome: &Outcome) {
    print!("{}", outcome.out);
    if outcome.exit != Some(0) {
        print!("{}", outcome.err);
    }
}

/// Everybody's handshake is paced, and two processors are shared with the bots.
const ALL_IN_WITHIN: Duration = Duration::from_secs(90);
/// More players than this a server without configuration turns away (`players_max` in config/server.toml).
const PLAYERS_MAX_DEFAULT: u32 = 2_500;
/// Those who have come have been saved once.
const SETTLE: Duration = Duration::from_secs(8);
/// Age of the oldest state that is not yet everywhere, seconds.
const LAG_S_MAX: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(p99_ms: f64) -> Outcome {
        let report =
            serde_json::json!({ "connected": 60, "disconnects": 0, "server": { "tick_ms": { "p99": p99_ms } } });
        Outcome { exit: Some(0), out: String::new(), err: String::new(), report: Some(report) }
    }

    #[test]
    fn stores_that_make_ticks_slower_or_fall_behind_are_told_of() {
        let broken = |p99_ms, lag_max_s| {
            let (outcome, metrics) = (outcome(p99_ms), Metrics::of(""));
            let attached = Attached { outcome, metrics, lag_max_s, stores_percent: None };
            let alone = [self::outcome(4.0), self::outcome(5.0)];
            let lines = attached.lines(&alone, &Extent::SHORT.run("", "clumped"), false).unwrap();
            lines.iter().filter(|line| !line.holds()).map(|line| line.what.clone()).collect::<Vec<_>>()
        };
        assert_eq!(broken(6.0, 5.0), Vec::<String>::new());
        assert_eq!(broken(6.1, 2.0), ["with stores: tick p99, ms"]);
        assert_eq!(broken(5.0, 5.1), ["with stores: save lag, s"]);
    }
}
