//! What it costs to have a full world saved every few seconds.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use super::bed::Bed;
use super::window::Window;
use crate::cast::Cast;
use crate::checkout::Checkout;
use crate::judge::{Line, figure, judge};
use crate::metrics::Metrics;
use crate::step::Steps;
use crate::swarm::{Outcome, Run};
use crate::table::table;

/// Builds, plays and judges.
pub fn run(checkout: &Checkout, steps: &Steps, short: bool) -> Result<()> {
    let (bots, time) = if short { (200, Duration::from_secs(10)) } else { (2_000, Duration::from_secs(60)) };
    let cast = Cast::build(checkout, steps, "save cost", short)?;
    let name = format!("save cost: {bots} bots, all saved every {SAVED_EVERY_S} s, for {} s", time.as_secs());
    steps.run(&name, || play(checkout, &cast, bots, time))?;
    cast.leave();
    Ok(())
}

/// What was seen of saving.
struct Seen {
    window: Window,
    /// Records that each store took in a second: the journal, Redis, MariaDB.
    saved_per_s: [f64; 3],
    /// CPU of Redis and MariaDB themselves, percent of a core; none where the system does not tell.
    stores_percent: Option<[f64; 2]>,
}

fn play(checkout: &Checkout, cast: &Cast, bots: u32, time: Duration) -> Result<()> {
    let settings = [("THRONG_SAVE__INTERVAL_S", SAVED_EVERY_S.to_string()), ("THRONG_WORLD__MOBS", "false".to_owned())];
    let mut bed = Bed::start_with(checkout, &cast.server, &cast.scratch, "place", &settings)?;
    let playing = run_of(bots, time).start(&cast.swarm, bed.place())?;
    bed.wait_players(bots, ALL_IN_WITHIN)?;
    sleep(SETTLE);
    let (before, cpu_before) = (saved(&bed)?, bed.stores_cpu_s());
    let window = bed.watch(time)?;
    let (after, cpu_after) = (saved(&bed)?, bed.stores_cpu_s());
    let outcome = playing.wait()?;
    print!("{}", outcome.out);
    bed.drain_and_audit()?;
    let saved_per_s = std::array::from_fn(|store| (after[store] - before[store]) / window.seconds);
    let percent = |after: [f64; 2], before: [f64; 2]| {
        std::array::from_fn(|store| (after[store] - before[store]) * 100.0 / window.seconds)
    };
    let stores_percent = cpu_after.zip(cpu_before).map(|(after, before)| percent(after, before));
    let seen = Seen { window, saved_per_s, stores_percent };
    println!("{}", seen.table());
    judge(&lines(bots, &seen, &outcome)?)
}

/// Bots that walk about and stay: on a full machine one that gave up after three silent seconds would come back as another
/// entity, and everybody who saw it would be told wrong.
fn run_of(bots: u32, time: Duration) -> Run {
    Run {
        name: "swarm".to_owned(),
        bots,
        duration_s: (SETTLE + time + SPARE).as_secs() as u32,
        ramp_s: 10,
        movement: None,
        rejoin: false,
        truth_only: true,
        extra: Vec::new(),
    }
}

/// Records that the journal, Redis and MariaDB have taken.
fn saved(bed: &Bed) -> Result<[f64; 3]> {
    let metrics = Metrics::read(bed.place().ops)?;
    Ok([
        metrics.value("throng_saves_total{outcome=\"saved\"}")?,
        metrics.value("throng_store_rows_total{what=\"redis_checkpoints\"}")?,
        metrics.value("throng_store_rows_total{what=\"mariadb_checkpoints\"}")?,
    ])
}

impl Seen {
    fn percent(&self) -> f64 {
        self.window.persistence_percent + self.window.courier_percent
    }

    fn table(&self) -> String {
        let [redis, mariadb] = self.stores_percent.map_or([f64::NAN; 2], |percent| percent);
        let rows = [
            ("persistence thread, % of a core", self.window.persistence_percent),
            ("courier thread, % of a core", self.window.courier_percent),
            ("redis-server, % of a core", redis),
            ("mariadbd, % of a core", mariadb),
            ("records a second, journal", self.saved_per_s[0]),
            ("records a second, Redis", self.saved_per_s[1]),
            ("records a second, MariaDB", self.saved_per_s[2]),
            ("tick p99, ms", self.window.p99_ms),
            ("save lag at its highest, s", self.window.lag_max_s),
        ];
        table(&["saving", "found"], &rows.map(|(what, found)| vec![what.to_owned(), format!("{found:.2}")]))
    }
}

fn lines(bots: u32, seen: &Seen, outcome: &Outcome) -> Result<Vec<Line>> {
    let wanted_per_s = f64::from(bots) / f64::from(SAVED_EVERY_S) * SAVED_SHARE_MIN;
    let stores = ["journal", "Redis", "MariaDB"].into_iter().zip(seen.saved_per_s);
    let mut lines: Vec<Line> = stores
        .map(|(store, per_s)| Line::at_least(&format!("records a second into {store}"), per_s, wanted_per_s))
        .collect();
    lines.extend([
        Line::at_most("both threads, % of a core", seen.percent(), PERCENT_MAX),
        Line::at_most("save lag at its highest, s", seen.window.lag_max_s, f64::from(SAVED_EVERY_S) + LAG_SLACK_S),
        Line::exactly("disconnects", figure(outcome, "disconnects")?, 0.0),
        // What they saw is not judged: 2,000 bots beside the server fill two cores, and a swarm that is a quarter of a second
        // late takes its own lateness for the server's.
        Line::exactly("bots in at the end", figure(outcome, "connected")?, f64::from(bots)),
    ]);
    Ok(lines)
}

/// CPU seconds that a process has used; none where the system has no /proc.
pub(super) fn cpu_s(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    crate::first_light::cpu_seconds(&stat)
}

/// Seconds in which everybody is saved once: what the server does by itself, and the longest it may be told to take.
const SAVED_EVERY_S: u32 = 4;
/// Both threads together, of one core.
const PERCENT_MAX: f64 = 10.0;
/// Those who stand still have nothing to be saved; bots seldom do.
const SAVED_SHARE_MIN: f64 = 0.9;
/// A record is on its way through journal and stores for a moment, and figures are a second old.
const LAG_SLACK_S: f64 = 2.0;
/// 2,000 bots on two cores, with the handshakes that are paced.
const ALL_IN_WITHIN: Duration = Duration::from_secs(90);
/// The swarm plays on for so long after what is measured.
const SPARE: Duration = Duration::from_secs(5);
/// Those who have come have been saved once, and the leases are theirs.
const SETTLE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_takes_too_much_and_a_store_that_got_too_little_are_each_enough() {
        let broken = |courier_percent, mariadb_per_s| {
            let window = Window { courier_percent, persistence_percent: 4.0, lag_max_s: 5.0, ..Window::default() };
            let seen = Seen { window, saved_per_s: [500.0, 500.0, mariadb_per_s], stores_percent: None };
            let report = serde_json::json!({ "disconnects": 0, "connected": 2_000 });
            let outcome = Outcome { exit: Some(0), out: String::new(), err: String::new(), report: Some(report) };
            let lines = lines(2_000, &seen, &outcome).unwrap();
            lines.iter().filter(|line| !line.holds()).map(|line| line.what.clone()).collect::<Vec<_>>()
        };
        assert_eq!(broken(5.0, 500.0), Vec::<String>::new());
        assert_eq!(broken(6.5, 500.0), ["both threads, % of a core"]);
        assert_eq!(broken(5.0, 300.0), ["records a second into MariaDB"]);
    }
}
