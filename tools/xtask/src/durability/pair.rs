//! Two servers on two MariaDBs that replicate to each other, one of which is killed while people play.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use stores::{MariaDb, Pair};

use super::audit::{Audit, Told};
use super::bed::{audit_of, wait_players};
use super::until_told;
use crate::cast::Cast;
use crate::checkout::Checkout;
use crate::judge::{Line, errors, figure, judge};
use crate::metrics::Metrics;
use crate::stage::{Place, Server, terminate};
use crate::step::Steps;
use crate::swarm::{Outcome, Run, Running};
use crate::table::table;

/// How many people on each server, how long both databases run, and how long one of them is dead.
#[derive(Clone, Copy, Debug)]
struct Extent {
    bots: u32,
    both: Duration,
    alone: Duration,
}

/// What the promise is about.
const FULL: Extent = Extent { bots: 60, both: Duration::from_secs(60), alone: Duration::from_secs(20) };
/// On a machine that does other work.
const SHORT: Extent = Extent { bots: 20, both: Duration::from_secs(10), alone: Duration::from_secs(8) };

/// Builds, plays and judges.
pub fn run(checkout: &Checkout, steps: &Steps, short: bool) -> Result<()> {
    let extent = if short { SHORT } else { FULL };
    let cast = Cast::build(checkout, steps, "pair", short)?;
    let name =
        format!("pair: two servers of {} bots, a database killed after {} s", extent.bots, extent.both.as_secs());
    steps.run(&name, || play(checkout, &cast, extent))?;
    cast.leave();
    Ok(())
}

/// A server with its people.
struct Side {
    place: Place,
    server: Server,
    name: String,
    playing: Running,
    receipts: PathBuf,
}

fn play(checkout: &Checkout, cast: &Cast, extent: Extent) -> Result<()> {
    let mut pair = Pair::start_in(Some(cast.scratch.clone()))?;
    let [first, second] = pair.both().map(MariaDb::url);
    let mut one = Side::start(checkout, cast, "one", [&first, &second], extent, 0)?;
    // Tables that two servers make at once would meet on the way.
    pair.wait_in_step()?;
    let mut two = Side::start(checkout, cast, "two", [&second, &first], extent, SECOND_SWARM_FROM)?;
    for side in [&mut one, &mut two] {
        wait_players(&side.place, &mut side.server, extent.bots, ALL_IN_WITHIN)?;
    }
    sleep(extent.both);
    pair.one.kill()?;
    let killed_ms = unix_ms();
    let carried = [one.wait_carried(&pair.two, killed_ms)?, two.wait_carried(&pair.two, killed_ms)?];
    sleep(extent.alone);
    pair.one.restart()?;
    let committed = one.committed()? + two.committed()?;
    let mut seen = Vec::new();
    for side in [one, two] {
        seen.push(side.end()?);
    }
    pair.wait_in_step()?;
    let audits = [audit_of(&pair.one, &told(&seen)?)?, audit_of(&pair.two, &told(&seen)?)?];
    println!("{}", table_of(&seen, carried, &audits));
    audits.iter().flat_map(Audit::faults).for_each(|fault| println!("  {fault}"));
    judge(&lines(carried, &seen, &audits, committed)?)
}

impl Side {
    fn start(
        checkout: &Checkout,
        cast: &Cast,
        name: &str,
        databases: [&str; 2],
        extent: Extent,
        first_bot: u64,
    ) -> Result<Self> {
        let mut place = Place::new(checkout, &cast.server, &cast.scratch, name, &[])?;
        let receipts = place.data.with_file_name("receipts");
        place.settings = [
            ("THRONG_WORLD__MOBS", "true".to_owned()),
            ("THRONG_SERVER__NAME", name.to_owned()),
            ("THRONG_MARIADB__SERVERS", databases.join(",")),
            ("THRONG_MARIADB__PAIR", "true".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        let server = place.start()?;
        let run = run_of(name, extent, first_bot, &receipts);
        let playing = run.start(&cast.swarm, &place)?;
        Ok(Self { name: name.to_owned(), place, server, playing, receipts })
    }

    /// Until something that was told after this moment is in a database: how long after the moment it was.
    fn wait_carried(&mut self, database: &MariaDb, after_ms: u64) -> Result<Duration> {
        let age = || Duration::from_millis(unix_ms().saturating_sub(after_ms));
        while age() < CARRIED_LIMIT {
            let told = fs::read_to_string(&self.receipts).context("receipts cannot be read")?;
            let is_new =
                |line: &&str| line.split(' ').next().and_then(|ms| ms.parse().ok()).is_some_and(later(after_ms));
            if let Some(id) = told.lines().find(is_new).and_then(|line| line.rsplit(' ').next()) {
                let question = format!("SELECT COUNT(*) FROM ledger WHERE transaction_id = UNHEX('{id}')");
                if database.sql(&question)? == "1" {
                    return Ok(age());
                }
            }
            if let Some(status) = self.server.ended() {
                bail!("the server ended by itself with {status}{}", self.server.last_words());
            }
            sleep(Duration::from_millis(50));
        }
        bail!("{} s after a database died nothing new was in the other", CARRIED_LIMIT.as_secs())
    }

    /// Transactions that this server has on its disk.
    fn committed(&self) -> Result<f64> {
        Metrics::read(self.place.ops)?.value("throng_commits_total{outcome=\"committed\"}")
    }

    /// Ends the swarm and then the server, which has to hand over everything.
    fn end(self) -> Result<Ended> {
        terminate(self.playing.pid())?;
        let outcome = self.playing.wait()?;
        print!("{}", outcome.out);
        wait_handed_over(&self.place)?;
        self.server.drain()?;
        Ok(Ended { name: self.name, outcome, receipts: self.receipts })
    }
}

fn wait_handed_over(place: &Place) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < HANDED_OVER_WITHIN {
        if Metrics::read(place.ops)?.value("throng_store_waiting{what=\"postings\"}")? == 0.0 {
            return Ok(());
        }
        sleep(Duration::from_millis(200));
    }
    bail!("{} s after the end there was still something that not both had", HANDED_OVER_WITHIN.as_secs())
}

struct Ended {
    name: String,
    outcome: Outcome,
    receipts: PathBuf,
}

fn run_of(name: &str, extent: Extent, first_bot: u64, receipts: &Path) -> Run {
    let receipts = receipts.display().to_string();
    let first = first_bot.to_string();
    let extra = ["--play", "--fidget", "2", "--first", &first, "--receipts", &receipts].map(str::to_owned).to_vec();
    let limit = extent.both + extent.alone + CARRIED_LIMIT * 2 + ALL_IN_WITHIN * 2;
    until_told(&format!("swarm-{name}"), extent.bots, limit.as_secs() as u32, 3, extra)
}

fn later(than_ms: u64) -> impl Fn(u64) -> bool {
    move |ms| ms > than_ms
}

fn told(ended: &[Ended]) -> Result<Told> {
    let mut all = String::new();
    for side in ended {
        all += &fs::read_to_string(&side.receipts).context("receipts cannot be read")?;
    }
    Told::read(&all)
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn table_of(ended: &[Ended], carried: [Duration; 2], audits: &[Audit; 2]) -> String {
    let row = |((side, carried), audit): ((&Ended, Duration), &Audit)| {
        let receipts = figure(&side.outcome, "receipts").unwrap_or(f64::NAN);
        let carried = format!("{:.2}", carried.as_secs_f64());
        vec![
            side.name.clone(),
            format!("{receipts:.0}"),
            carried,
            audit.ledger.to_string(),
            audit.lost.len().to_string(),
        ]
    };
    let rows: Vec<_> = ended.iter().zip(carried).zip(audits).map(row).collect();
    table(&["server", "receipts", "in the other database after s", "ledger of its database", "lost there"], &rows)
}

fn lines(carried: [Duration; 2], ended: &[Ended], audits: &[Audit; 2], committed: f64) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for ((side, carried), audit) in ended.iter().zip(carried).zip(audits) {
        let of = |what: &str| format!("{}: {what}", side.name);
        lines.extend([
            Line::at_most(&of("carried on after s"), carried.as_secs_f64(), CARRIED_S_MAX),
            Line::exactly(&of("transactions lost"), audit.lost.len() as f64, 0.0),
            Line::exactly(&of("transactions doubled"), audit.doubled.len() as f64, 0.0),
            Line::exactly(&of("kinds and coins out of balance"), audit.unbalanced.len() as f64, 0.0),
            // Two that take the same number leave one row.
            Line::at_least(&of("transactions in its ledger"), audit.ledger as f64, committed),
            Line::exactly(&of("disconnects"), figure(&side.outcome, "disconnects")?, 0.0),
            Line::exactly(&of("errors that bots saw"), errors(&side.outcome)?, 0.0),
            Line::exactly(&of("exit"), side.outcome.exit.map_or(f64::NAN, f64::from), 0.0),
        ]);
    }
    lines.push(Line::exactly("both ledgers have as many", audits[0].ledger as f64, audits[1].ledger as f64));
    lines.push(Line::at_least("transactions told", audits[0].told as f64, TOLD_MIN));
    Ok(lines)
}

/// The second swarm's people are others than the first one's.
const SECOND_SWARM_FROM: u64 = 100_000;
/// The promise: what is done after a database died is in the other within so many seconds.
const CARRIED_S_MAX: f64 = 5.0;
/// When it is given up.
const CARRIED_LIMIT: Duration = Duration::from_secs(30);
const ALL_IN_WITHIN: Duration = Duration::from_secs(60);
/// The database that was dead has read what it missed.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(60);
/// Without so many it proves nothing.
const TOLD_MIN: f64 = 500.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(name: &str) -> Ended {
        let report = serde_json::json!({ "disconnects": 0, "receipts": 900, "errors": { "ghost": 0 } });
        let outcome = Outcome { exit: Some(0), out: String::new(), err: String::new(), report: Some(report) };
        Ended { name: name.to_owned(), outcome, receipts: PathBuf::new() }
    }

    fn broken(carried_s: u64, ledgers: [usize; 2], lost: Vec<u128>) -> Vec<String> {
        let audit = |ledger| Audit { told: 900, ledger, ..Audit::default() };
        let audits = [audit(ledgers[0]), Audit { lost, ..audit(ledgers[1]) }];
        let carried = [Duration::from_secs(1), Duration::from_secs(carried_s)];
        let lines = lines(carried, &[ended("one"), ended("two")], &audits, 1_000.0).unwrap();
        lines.iter().filter(|line| !line.holds()).map(|line| line.what.clone()).collect()
    }

    #[test]
    fn a_late_one_a_lost_one_and_a_number_taken_twice_are_each_enough() {
        assert_eq!(broken(4, [1_000, 1_000], vec![]), Vec::<String>::new());
        assert_eq!(broken(6, [1_000, 1_000], vec![]), ["two: carried on after s"]);
        assert_eq!(broken(4, [1_000, 1_000], vec![1]), ["two: transactions lost"]);
        assert_eq!(broken(4, [1_000, 999], vec![]), ["two: transactions in its ledger", "both ledgers have as many"]);
    }
}
