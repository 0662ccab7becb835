//! The command: one simulation, many, or a failure made smaller.

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use simulate::campaign::{Campaign, Outcome};
use simulate::{KindSet, Options, Simulation, demand, report, shrink};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The whole server and its clients in one thread and virtual time, with faults drawn from a seed.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    #[command(flatten)]
    one: One,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulates many seeds, and says what they came to.
    Campaign(Many),
    /// Makes a simulation that fails smaller: fewer kinds of fault, people and ticks.
    Shrink(One),
}

/// One simulation.
#[derive(Debug, clap::Args)]
struct One {
    /// Decides everything.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ticks of the world [default: 5400].
    #[arg(long)]
    ticks: Option<u32>,
    /// People [default: 4 to 40, drawn from the seed].
    #[arg(long)]
    players: Option<u32>,
    /// Kinds of fault that may come: all, none, or names with commas between.
    #[arg(long, default_value = "all")]
    faults: KindSet,
    /// Hands that share in telling everybody; nothing depends on it.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    workers: u8,
    /// Tells what happens.
    #[arg(long)]
    verbose: bool,
}

/// Many simulations.
#[derive(Debug, clap::Args)]
struct Many {
    /// Seeds, the last one left out: 0..1000.
    #[arg(long, value_parser = seeds)]
    seeds: Range<u64>,
    /// Simulations at a time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Of all, so many have 200 people.
    #[arg(long, default_value_t = 0)]
    large: u64,
    /// As of one simulation.
    #[arg(long)]
    ticks: Option<u32>,
    /// As of one simulation.
    #[arg(long)]
    players: Option<u32>,
    /// As of one simulation.
    #[arg(long, default_value = "all")]
    faults: KindSet,
    /// Fails as well if it was not enough: 25 hours, 500 player-hours, each kind of fault 100 times, each after each other.
    #[arg(long)]
    demand: bool,
}

impl One {
    fn options(&self) -> Options {
        let Self { seed, ticks, players, faults, workers, .. } = *self;
        Options { seed, ticks, players, faults, workers: usize::from(workers) }
    }
}

fn main() -> Result<ExitCode> {
    let Args { one, command } = Args::parse();
    let is_fine = match command {
        None => simulate_one(&one),
        Some(Command::Campaign(many)) => simulate_many(&many),
        Some(Command::Shrink(one)) => shrink_one(&one),
    };
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn seeds(text: &str) -> Result<Range<u64>> {
    let (from, to) = text.split_once("..").context("seeds are FROM..TO")?;
    let seeds = from.parse()?..to.parse()?;
    if seeds.is_empty() {
        bail!("there is no seed in {text}");
    }
    Ok(seeds)
}

fn simulate_one(one: &One) -> bool {
    let (mut simulation, began) = (Simulation::new(&one.options()), now());
    if one.verbose {
        simulation.tell_story();
    }
    let mut failed = None;
    while !simulation.is_over() && failed.is_none() {
        failed = simulation.tick().err();
        simulation.take_story().iter().for_each(|line| println!("{line}"));
    }
    match failed.map_or_else(|| simulation.finish(), Err) {
        Ok(tally) => {
            println!("{}", report::table(1, &tally, began.elapsed().as_secs_f64()));
            println!("seed {} ticks {} hash {:016x}", one.seed, tally.ticks, tally.hash);
            true
        }
        Err(failure) => {
            println!("{failure}");
            false
        }
    }
}

fn simulate_many(many: &Many) -> bool {
    let Many { seeds, large, ticks, players, faults, .. } = many.clone_parts();
    let campaign = Campaign { seeds: seeds.clone(), large, ticks, players, faults };
    let (next, outcome, began) = (AtomicU64::new(seeds.start), Mutex::new(Outcome::default()), now());
    let all = seeds.end - seeds.start;
    std::thread::scope(|scope| {
        for _ in 0..many.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let result = simulate::run(&campaign.options(seed));
                    if let Err(failure) = &result {
                        println!("{failure}");
                    }
                    let mut outcome = outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    outcome.add(result);
                    if outcome.seeds.is_multiple_of(PROGRESS_SEEDS) {
                        let (done, failed) = (outcome.seeds, outcome.failures.len());
                        println!("{done} of {all} seeds, {failed} failed, {:.0} s", began.elapsed().as_secs_f64());
                    }
                }
            });
        }
    });
    let outcome = outcome.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    println!("{}", report::table(outcome.seeds, &outcome.tally, began.elapsed().as_secs_f64()));
    for failure in &outcome.failures {
        println!("{failure}");
    }
    let short = if many.demand { demand::shortfalls(&outcome.tally) } else { Vec::new() };
    short.iter().for_each(|what| println!("not enough: {what}"));
    println!("{} of {} seeds failed", outcome.failures.len(), outcome.seeds);
    outcome.failures.is_empty() && outcome.seeds == all && short.is_empty()
}

/// From one word of how far it has come to the next.
const PROGRESS_SEEDS: u64 = 20;

impl Many {
    fn clone_parts(&self) -> Self {
        let Self { jobs, large, ticks, players, faults, demand, .. } = *self;
        Self { seeds: self.seeds.clone(), jobs, large, ticks, players, faults, demand }
    }
}

fn shrink_one(one: &One) -> bool {
    match shrink::shrink(&one.options(), |failure| println!("{}", failure.options.command())) {
        Some(shrunk) => {
            println!("after {} simulations:\n{}", shrunk.runs, shrunk.failure);
            false
        }
        None => {
            println!("seed {} does not fail", one.seed);
            true
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is nobody's business but the one's who waits")]
fn now() -> Instant {
    Instant::now()
}
