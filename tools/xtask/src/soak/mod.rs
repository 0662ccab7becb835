//! A long run on bad links: people come and go, move, and come in storms, and the server stays what it is.
//!
//! The release server on real sockets, a swarm whose links are drawn from a mixture, and a reading of the server a second.
//! What grows is looked for after the warm-up and outside of storms; the whole story lies in `soak.csv` in the build folder.

pub mod flat;
mod ledger;
mod samples;

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cast::Cast;
use crate::checkout::Checkout;
use crate::judge::{Line, errors, figure, judge, own_verdict};
use crate::metrics::Metrics;
use crate::stage::Place;
use crate::step::Steps;
use crate::swarm::{Outcome, Run};
use flat::{Allowance, judge_flat, mean};
use samples::{Sample, drawn, write_csv};

/// How much of everything.
#[derive(Clone, Debug, Default)]
pub struct Extent {
    /// How long.
    pub minutes: u32,
    /// Bots that stay.
    pub bots: u32,
    /// Bots of each storm, near the beginning and near the end; 0 for none.
    pub storm: u32,
    /// Parts of the mixture of links, as the swarm takes them; the built-in one if there are none.
    pub links: Vec<String>,
    /// Of all that is drawn.
    pub seed: u64,
}

impl Extent {
    fn run(&self) -> Run {
        let per_min = |share: u32| format!("{}/min", (self.bots / share).max(1));
        let mixed = ["mixed".to_owned()];
        let links = if self.links.is_empty() { &mixed[..] } else { &self.links[..] };
        let mut extra: Vec<String> = links.iter().flat_map(|part| ["--links".to_owned(), part.clone()]).collect();
        for (option, value) in [("--churn", per_min(CHURN_SHARE)), ("--moves", per_min(MOVES_SHARE))] {
            extra.extend([option.to_owned(), value]);
        }
        for at_s in self.storms_s() {
            extra.extend(["--storm".to_owned(), format!("{}@{at_s}s", self.storm)]);
        }
        extra.extend(["--seed".to_owned(), self.seed.to_string()]);
        Run {
            name: "soak".to_owned(),
            bots: self.bots,
            duration_s: self.minutes * 60,
            ramp_s: RAMP_S,
            movement: None,
            rejoin: false,
            // Beside storms a swarm that shares its processors is late for a while; ticks are judged here instead.
            truth_only: true,
            extra,
        }
    }

    /// When storms come, in seconds of the swarm's window.
    fn storms_s(&self) -> Vec<u32> {
        let (first, last) = (FIRST_STORM_S, (self.minutes * 60).saturating_sub(LAST_STORM_BEFORE_END_S));
        match self.storm {
            0 => Vec::new(),
            _ if last < first + LAST_STORM_BEFORE_END_S => vec![first],
            _ => vec![first, last],
        }
    }
}

/// Soaks a server, and judges it.
pub fn run(checkout: &Checkout, steps: &Steps, extent: &Extent) -> Result<()> {
    let cast = Cast::build(checkout, steps, "soak", false)?;
    let Extent { minutes, bots, storm, .. } = extent;
    let title = format!("soak: {bots} bots on bad links for {minutes} min, storms of {storm}");
    let lines = steps.run(&title, || soak(&cast, checkout, extent))?;
    judge(&lines)?;
    cast.leave();
    Ok(())
}

fn soak(cast: &Cast, checkout: &Checkout, extent: &Extent) -> Result<Vec<Line>> {
    let place = Place::new(checkout, &cast.server, &cast.scratch, "place", &[])?;
    let server = place.start()?;
    let run = extent.run();
    let mut playing = run.start(&cast.swarm, &place)?;
    let (began, mut samples) = (Instant::now(), Vec::new());
    while !playing.has_ended() {
        // Absolute times: what a reading takes does not add up.
        sleep((began + SAMPLE_EVERY * (samples.len() as u32 + 1)).saturating_duration_since(Instant::now()));
        samples.push(Sample::read(&place, &server, began.elapsed().as_secs_f64())?);
    }
    let outcome = playing.wait()?;
    print!("{}", outcome.out);
    if let Some(fault) = outcome.fault_of_clean_run(&run) {
        println!("{}{fault}", outcome.err);
    }
    let file = checkout.target_folder()?.join("soak.csv");
    write_csv(&file, &samples)?;
    show(&samples);
    println!("  every second  {}", file.display());
    let mut lines = swarm_lines(&outcome, &run)?;
    lines.extend(Calm::of(&samples, extent.bots)?.lines());
    let metrics = wait_empty(&place)?;
    lines.extend(ledger::lines(&metrics, &outcome)?);
    lines.extend(ledger::log_lines(&place));
    server.drain()?;
    Ok(lines)
}

/// Draws what a whole run was like.
fn show(samples: &[Sample]) {
    for (name, of) in FIGURES {
        println!("  {name:<13} {}", drawn(&samples.iter().map(of).collect::<Vec<_>>()));
    }
}

type Of = fn(&Sample) -> f64;

/// What is drawn.
const FIGURES: [(&str, Of); 4] = [
    ("sessions", |sample| sample.sessions),
    ("resident MiB", |sample| sample.resident),
    ("allocated MiB", |sample| sample.allocated),
    ("data MiB", |sample| sample.data),
];

/// What the swarm says of itself. How many logins and disconnects there may be is part of its own verdict.
fn swarm_lines(outcome: &Outcome, run: &Run) -> Result<Vec<Line>> {
    let mut lines = vec![
        Line::exactly("passed by the swarm's own verdict", own_verdict(outcome, run)?, 1.0),
        Line::exactly("bots in at the end", figure(outcome, "connected")?, f64::from(run.bots)),
        Line::exactly("disconnects", figure(outcome, "disconnects")?, 0.0),
        Line::exactly("errors", errors(outcome)?, 0.0),
        Line::at_least("comparisons", figure(outcome, "comparisons")?, figure(outcome, "comparisons_needed")?),
        // A swarm that is late itself judges what it has not heard yet: its errors say nothing of the server.
        Line::at_most("swarm late outside of storms, ms", figure(outcome, "swarm.loop_lag_ms_p99")?, LAG_MS_MAX),
        Line::at_most("swarm too late to judge, %", figure(outcome, "swarm.late_percent")?, LATE_PERCENT_MAX),
        Line::at_most("excused by links, %", figure(outcome, "links.excused_percent")?, EXCUSED_PERCENT_MAX),
    ];
    for (what, key) in [("left", "leaves"), ("crashed", "crashes"), ("fell silent", "resumes")] {
        let went = figure(outcome, &format!("churn.{key}.bots"))?;
        lines.push(Line::exactly(
            &format!("back of those who {what}"),
            figure(outcome, &format!("churn.{key}.back"))?,
            went,
        ));
    }
    let moved = figure(outcome, "moves.bots")?;
    lines.push(Line::exactly("back of those who moved", figure(outcome, "moves.back")?, moved));
    Ok(lines)
}

/// Readings outside of storms.
struct Calm<'a> {
    /// All of them.
    all: &'a [Sample],
    /// The longest time without a storm: what must not grow does not grow here.
    steady: &'a [Sample],
    /// What came behind it: after the last storm, if there were two.
    after: Vec<Sample>,
}

impl<'a> Calm<'a> {
    fn of(all: &'a [Sample], bots: u32) -> Result<Self> {
        let Some(all_in) = all.iter().position(|sample| sample.sessions >= f64::from(bots)) else {
            bail!("the bots were never all in");
        };
        // The last readings are of a swarm that says goodbye.
        let played = &all[all_in..all.len().saturating_sub(3).max(all_in)];
        let is_calm = |sample: &Sample| sample.sessions <= f64::from(bots);
        let stretches = || played.chunk_by(|one, next| is_calm(one) == is_calm(next)).filter(|part| is_calm(&part[0]));
        let steady = stretches().max_by_key(|part| part.len()).unwrap_or_default();
        if steady.len() < CALM_SAMPLES_MIN {
            bail!("{} readings outside of storms are too few to judge a soak by", steady.len());
        }
        let end_s = steady[steady.len() - 1].at_s;
        let after = stretches().flatten().filter(|sample| sample.at_s > end_s).copied().collect();
        Ok(Self { all, steady, after })
    }

    /// What must not grow, between the threads either: nothing piles up, and what was lent comes back.
    fn lines(&self) -> Vec<Line> {
        let points = |of: Of| self.steady.iter().map(|sample| (sample.at_s, of(sample))).collect::<Vec<_>>();
        let mut lines = judge_flat("resident MiB", &points(RESIDENT), MEMORY);
        lines.extend(judge_flat("allocated MiB", &points(ALLOCATED), MEMORY));
        lines.extend(judge_flat("MiB in the data directory", &points(|sample| sample.data), DATA));
        lines.extend(judge_flat("open files", &points(|sample| sample.files), FILES));
        let (first, last) = (self.steady[0], self.steady[self.steady.len() - 1]);
        let drift_ticks = (last.ticks - first.ticks) - (last.at_s - first.at_s) * 60.0;
        // The page is made anew once a second, so that each end may be a second old.
        lines.push(Line::at_most("ticks gained or lost", drift_ticks.abs(), DRIFT_TICKS_MAX));
        let quarter = self.steady.len() / 4;
        let (early, late) = (&self.steady[quarter..2 * quarter], &self.steady[3 * quarter..]);
        let (free, queue): (Of, Of) = (|sample| sample.pool_free, |sample| sample.queue);
        lines.extend([
            Line::at_most("fullest queue, of its bound", self.all.iter().map(queue).fold(0.0, f64::max), 1.0),
            Line::at_most("queues, last quarter", mean_of(late, queue), mean_of(early, queue) + QUEUE_SLACK),
            Line::at_least("arenas ready, last quarter", mean_of(late, free), mean_of(early, free) - ARENAS_SLACK),
        ]);
        if !self.after.is_empty() {
            for (what, of) in [("resident MiB", RESIDENT), ("allocated MiB", ALLOCATED)] {
                let allowed = mean_of(late, of) * STORM_SHARE;
                lines.push(Line::at_most(&format!("{what}, after another storm"), mean_of(&self.after, of), allowed));
            }
        }
        lines
    }
}

fn mean_of(part: &[Sample], of: Of) -> f64 {
    mean(&part.iter().map(|sample| (0.0, of(sample))).collect::<Vec<_>>())
}

const RESIDENT: Of = |sample| sample.resident;
const ALLOCATED: Of = |sample| sample.allocated;

/// Waits until nobody is left, as must be when all have said goodbye.
fn wait_empty(place: &Place) -> Result<Metrics> {
    let began = Instant::now();
    loop {
        let metrics = Metrics::read(place.ops)?;
        let live = metrics.event("sessions_started")? - metrics.event("sessions_ended")?;
        if live == 0.0 || began.elapsed() > EMPTY_WITHIN {
            return Ok(metrics);
        }
        sleep(SAMPLE_EVERY);
    }
}

/// Bots join over this time, s.
const RAMP_S: u32 = 10;
/// In a minute one in so many comes or goes: each in five minutes...
const CHURN_SHARE: u32 = 5;
/// ...and one in so many changes its address.
const MOVES_SHARE: u32 = 10;
/// The first storm comes so long after all are in, s: in the warm-up, so that what it grows is there when it is judged.
const FIRST_STORM_S: u32 = 10;
/// The last one so long before the end, s: a swarm wants 75, and then some calm.
const LAST_STORM_BEFORE_END_S: u32 = 95;
/// How often a soaking server is looked at.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// A soak has at least so many readings outside of storms.
const CALM_SAMPLES_MIN: usize = 30;
/// Memory may grow so much: a leak of 4 KiB a second is found in a run of 20 minutes.
const MEMORY: Allowance = Allowance { per_hour: 8.0, step: 1.0, share: 0.02 };
/// A second storm finds some buffers too small that were large enough for the first: by so much memory may be more after it
/// (measured: 7 and 8 %, and a third and a fourth together another 7).
const STORM_SHARE: f64 = 1.1;
/// The journal grows in steps, and takes back what it needs no more.
const DATA: Allowance = Allowance { per_hour: 16.0, step: 4.0, share: 0.1 };
/// Connections to the operations interface come and go.
const FILES: Allowance = Allowance { per_hour: 4.0, step: 2.0, share: 0.0 };
/// The pages at both ends may each be a second old.
const DRIFT_TICKS_MAX: f64 = 75.0;
/// By how much queues may be fuller late than early, of their bounds.
const QUEUE_SLACK: f64 = 0.1;
/// How many arenas fewer may lie ready late than early, on average.
const ARENAS_SLACK: f64 = 1.0;
/// 99 of 100 bot ticks begin no later than this, ms, or the run is invalid: repeat it on a machine with less other work.
const LAG_MS_MAX: f64 = 20.0;
/// For more than this part of the time, outside of storms, the swarm may not have been too late to judge: 0.33 are usual.
const LATE_PERCENT_MAX: f64 = 5.0;
/// More than this part of the time excused by links would be a blind spot.
const EXCUSED_PERCENT_MAX: f64 = 15.0;
/// All have said goodbye, and those that the server holds it holds for two minutes: there are none.
const EMPTY_WITHIN: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(leak_mib_per_s: f64, rate_hz: f64) -> Vec<Sample> {
        let sample = |number: u32| {
            let at_s = f64::from(number);
            let sessions = if (20..40).contains(&number) { 2_400.0 } else { 400.0 };
            let storm = if sessions > 400.0 { 60.0 } else { 0.0 };
            Sample {
                at_s,
                resident: 90.0 + leak_mib_per_s * at_s + storm,
                allocated: 60.0 + storm,
                files: 12.0,
                data: 5.0,
                sessions,
                ticks: at_s * rate_hz,
                queue: 0.1,
                pool_free: 6.0,
                pool_misses: 2.0,
            }
        };
        (0..1_200).map(sample).collect()
    }

    fn broken(samples: &[Sample]) -> Vec<String> {
        let lines = Calm::of(samples, 400).unwrap().lines();
        lines.into_iter().filter(|line| !line.holds()).map(|line| line.what).collect()
    }

    #[test]
    fn a_soak_tells_a_leak_a_slow_clock_and_lost_arenas_from_a_sound_server() {
        assert_eq!(broken(&samples(0.0, 60.0)), Vec::<String>::new());
        let leaks = ["resident MiB, trend in an hour", "resident MiB, last quarter"];
        assert_eq!(broken(&samples(0.005, 60.0)), leaks);
        assert_eq!(broken(&samples(0.0, 59.8)), ["ticks gained or lost"]);
        let mut lost = samples(0.0, 60.0);
        lost.iter_mut().skip(900).for_each(|sample| sample.pool_free = 4.0);
        assert_eq!(broken(&lost), ["arenas ready, last quarter"]);
        assert!(Calm::of(&samples(0.0, 60.0)[..9], 400).is_err(), "too few readings");
        assert!(Calm::of(&samples(0.0, 60.0), 2_401).is_err(), "never all in");
    }

    #[test]
    fn a_second_storm_may_leave_a_tenth_more_and_the_clock_is_judged_between_both() {
        let with = |more_mib: f64| {
            let mut samples = samples(0.0, 60.0);
            for sample in &mut samples[1_100..] {
                (sample.resident, sample.allocated) = (sample.resident + more_mib, sample.allocated + more_mib);
                // What a storm takes from the clock is part of the storm.
                sample.ticks -= 90.0;
            }
            samples[1_100..1_120].iter_mut().for_each(|sample| sample.sessions = 2_400.0);
            samples
        };
        assert_eq!(broken(&with(5.0)), Vec::<String>::new());
        assert_eq!(broken(&with(7.0)), ["allocated MiB, after another storm"]);
    }

    #[test]
    fn storms_come_near_both_ends_of_a_run_that_has_room_for_two() {
        let storms = |minutes, storm| Extent { minutes, storm, ..Extent::default() }.storms_s();
        assert_eq!((storms(20, 2_000), storms(2, 2_000), storms(20, 0)), (vec![10, 1_105], vec![10], vec![]));
        let extent = Extent { minutes: 20, bots: 400, storm: 500, links: vec![], seed: 3 };
        let line = extent.run().extra.join(" ");
        assert_eq!(line, "--links mixed --churn 80/min --moves 40/min --storm 500@10s --storm 500@1105s --seed 3");
    }
}
