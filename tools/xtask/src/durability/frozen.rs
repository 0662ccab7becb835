//! MariaDB stands still for a minute while people play: nobody notices but the operator, and nothing is lost.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::audit::Audit;
use super::bed::Bed;
use super::until_told;
use super::window::Window;
use crate::cast::Cast;
use crate::checkout::Checkout;
use crate::judge::{Line, errors, figure, judge};
use crate::step::Steps;
use crate::swarm::{Outcome, Run};
use crate::table::table;

/// How many people, and for how long.
#[derive(Clone, Copy, Debug)]
struct Extent {
    bots: u32,
    calm: Duration,
    frozen: Duration,
}

/// What the promise is about.
const FULL: Extent = Extent { bots: 500, calm: Duration::from_secs(30), frozen: Duration::from_secs(60) };
/// On a machine that does other work.
const SHORT: Extent = Extent { bots: 60, calm: Duration::from_secs(6), frozen: Duration::from_secs(10) };

/// Builds, plays and judges.
pub fn run(checkout: &Checkout, steps: &Steps, short: bool) -> Result<()> {
    let extent = if short { SHORT } else { FULL };
    let cast = Cast::build(checkout, steps, "frozen", short)?;
    let name = format!("frozen: {} bots, MariaDB stands still for {} s", extent.bots, extent.frozen.as_secs());
    steps.run(&name, || play(checkout, &cast, extent))?;
    cast.leave();
    Ok(())
}

/// What was seen before, meanwhile and afterwards.
struct Seen {
    before: Window,
    meanwhile: Window,
    after: Window,
    /// Receipts that bots heard meanwhile.
    told_meanwhile: usize,
    caught_up: Duration,
}

fn play(checkout: &Checkout, cast: &Cast, extent: Extent) -> Result<()> {
    let mut bed = Bed::start(checkout, &cast.server, &cast.scratch, "place")?;
    let run = run_of(extent, &bed.receipts);
    let playing = run.start(&cast.swarm, bed.place())?;
    bed.wait_players(extent.bots, ALL_IN_WITHIN)?;
    sleep(SETTLE);
    let before = bed.watch(extent.calm)?;
    let told_before = told(&bed.receipts)?;
    bed.mariadb.freeze()?;
    let meanwhile = bed.watch(extent.frozen)?;
    let told_meanwhile = told(&bed.receipts)? - told_before;
    bed.mariadb.thaw()?;
    let caught_up = wait_caught_up(&bed)?;
    let after = bed.watch(extent.calm)?;
    crate::stage::terminate(playing.pid())?;
    let outcome = playing.wait()?;
    print!("{}", outcome.out);
    let audit = bed.drain_and_audit()?;
    let seen = Seen { before, meanwhile, after, told_meanwhile, caught_up };
    println!("{}", seen.table());
    audit.faults().iter().for_each(|fault| println!("  {fault}"));
    judge(&lines(extent, &seen, &outcome, &audit)?)
}

fn run_of(extent: Extent, receipts: &Path) -> Run {
    let extra = ["--play", "--receipts", &receipts.display().to_string()].map(str::to_owned).to_vec();
    let limit = extent.calm * 2 + extent.frozen + CAUGHT_UP_WITHIN + SETTLE;
    until_told("swarm", extent.bots, limit.as_secs() as u32, 10, extra)
}

/// How many receipts were heard up to now.
fn told(receipts: &Path) -> Result<usize> {
    Ok(fs::read_to_string(receipts)?.lines().count())
}

fn wait_caught_up(bed: &Bed) -> Result<Duration> {
    let began = Instant::now();
    while began.elapsed() < CAUGHT_UP_WITHIN {
        if bed.place().status()?.save_lag_seconds <= LAG_S_MAX {
            return Ok(began.elapsed());
        }
        sleep(Duration::from_millis(200));
    }
    bail!("{} s after MariaDB went on there was still something that it did not have", CAUGHT_UP_WITHIN.as_secs())
}

impl Seen {
    fn table(&self) -> String {
        let rows =
            [("before", &self.before), ("frozen", &self.meanwhile), ("after", &self.after)].map(|(name, seen)| {
                let figures = [seen.seconds, seen.p99_ms, seen.resident_mib, seen.lag_max_s, seen.courier_percent];
                let cells = figures.map(|figure| format!("{figure:.2}"));
                [name.to_owned()].into_iter().chain(cells).collect::<Vec<_>>()
            });
        table(&["MariaDB", "s", "tick p99 ms", "resident MiB", "save lag s", "courier % of a core"], &rows)
    }
}

fn lines(extent: Extent, seen: &Seen, outcome: &Outcome, audit: &Audit) -> Result<Vec<Line>> {
    let calm_ms = seen.before.p99_ms.max(seen.after.p99_ms);
    let resident_max = seen.before.resident_mib * RESIDENT_GROWTH_MAX + RESIDENT_SLACK_MIB;
    let lag_min = extent.frozen.as_secs_f64() - LAG_S_MAX;
    Ok(vec![
        Line::at_most("tick p99 while it stood still, ms", seen.meanwhile.p99_ms, calm_ms * NOISE + NOISE_MS),
        Line::at_most("resident while it stood still, MiB", seen.meanwhile.resident_mib, resident_max),
        Line::at_least("save lag at its highest, s", seen.meanwhile.lag_max_s, lag_min),
        Line::at_most("save lag at the end, s", seen.after.lag_last_s, LAG_S_MAX),
        Line::at_most("caught up after, s", seen.caught_up.as_secs_f64(), CAUGHT_UP_WITHIN.as_secs_f64()),
        Line::at_least("receipts while it stood still", seen.told_meanwhile as f64, f64::from(extent.bots) / 4.0),
        Line::exactly("transactions lost", audit.lost.len() as f64, 0.0),
        Line::exactly("transactions doubled", audit.doubled.len() as f64, 0.0),
        Line::exactly("kinds and coins out of balance", audit.unbalanced.len() as f64, 0.0),
        Line::exactly("disconnects", figure(outcome, "disconnects")?, 0.0),
        Line::exactly("errors that bots saw", errors(outcome)?, 0.0),
        Line::exactly("exit of the swarm", outcome.exit.map_or(f64::NAN, f64::from), 0.0),
    ])
}

/// 500 bots on two cores, with the handshakes that are paced.
const ALL_IN_WITHIN: Duration = Duration::from_secs(60);
/// Those who have come find their place and their mobs.
const SETTLE: Duration = Duration::from_secs(10);
/// A minute of play of 500 is some thousands of transactions: written in seconds.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(30);
/// How old a state may be that is not everywhere, in calm; also what the highest lag may lack of the time frozen.
const LAG_S_MAX: f64 = 5.0;
/// Noise between runs of the same: the p99 of a tick may be so many times the other...
const NOISE: f64 = 1.1;
/// ...and so much more, milliseconds.
const NOISE_MS: f64 = 0.5;
/// What waits lies in the journal; memory holds one checkpoint for each player, and fills caches.
const RESIDENT_GROWTH_MAX: f64 = 1.1;
/// The journal's cache of pages may fill up (16 MiB), and so may what an allocator keeps.
const RESIDENT_SLACK_MIB: f64 = 32.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn window(p99_ms: f64, lag_max_s: f64) -> Window {
        Window { seconds: 60.0, p99_ms, resident_mib: 100.0, lag_max_s, lag_last_s: 1.0, ..Window::default() }
    }

    fn broken(change: impl FnOnce(&mut Seen)) -> Vec<String> {
        let mut seen = Seen {
            before: window(2.0, 4.0),
            meanwhile: window(2.6, 60.0),
            after: window(2.0, 60.0),
            told_meanwhile: 4_000,
            caught_up: Duration::from_secs(3),
        };
        change(&mut seen);
        let report = serde_json::json!({ "disconnects": 0, "errors": { "ghost": 0 } });
        let outcome = Outcome { exit: Some(0), out: String::new(), err: String::new(), report: Some(report) };
        let lines = lines(FULL, &seen, &outcome, &Audit::default()).unwrap();
        lines.iter().filter(|line| !line.holds()).map(|line| line.what.clone()).collect()
    }

    #[test]
    fn a_slow_tick_a_leak_a_lag_that_does_not_rise_or_fall_and_silence_are_each_enough() {
        assert_eq!(broken(|_| ()), Vec::<String>::new());
        assert_eq!(broken(|seen| seen.meanwhile.p99_ms = 2.8), ["tick p99 while it stood still, ms"]);
        assert_eq!(broken(|seen| seen.meanwhile.p99_ms = f64::NAN), ["tick p99 while it stood still, ms"]);
        assert_eq!(broken(|seen| seen.meanwhile.resident_mib = 150.0), ["resident while it stood still, MiB"]);
        assert_eq!(broken(|seen| seen.meanwhile.lag_max_s = 10.0), ["save lag at its highest, s"]);
        assert_eq!(broken(|seen| seen.after.lag_last_s = 9.0), ["save lag at the end, s"]);
        assert_eq!(broken(|seen| seen.told_meanwhile = 100), ["receipts while it stood still"]);
    }
}
