//! `measure tick`: what a tick of the world costs with many people in it, snapshots included.
//!
//! The server's realm alone, in virtual time: everybody runs where people were recorded, inputs and acknowledgements come
//! as they would through a gate, and only the realm's own turn is timed.

mod figures;
mod report;
mod stage;

use crate::interest::recording::Recording;
use crate::interest::world::World;
use anyhow::{Result, ensure};
use report::Report;
use stage::{RoundTrips, Stage, Terms};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
The trace is that of `measure interest`. Everybody runs towards his place in it by real inputs, looks about with seeded
turns, and is put there if he is more than 50 m away; he may be told --bytes-per-s. Without --trace people
wander over the map, or with --spot in six metres of it, and nothing is judged.

Rows
  0 ms            every snapshot part is known to have arrived before the next tick
  20-200 ms       each player has a round trip of his own, evenly spread

Columns
  tick            ms of the thread's own processor time for one tick of the world: inputs, motion, index, interest,
                  snapshots, checkpoints; p50, p99 and the longest, of each tick the least of --runs
  visible         others within 100 m, mean and p95
  updates         states of others told, per player and tick
  reuse           times a state's bits were used for each time they were made (encode_reuse_ratio)
  ns/update       a tick's mean with snapshots less its mean without, over its updates: ranking, coding, splicing, acks
  kbit/s          of snapshot parts per player, without headers
  allocations     per tick, on average
  shown           with --clients: ns that a client takes for a state told to it, while all others take theirs; what the
                  clients touch is then not in the caches any more when the realm's turn comes
  holds           with --trace: p99 of at most 4 ms for each 1,000 players; 100 ns or less per update where round trips are
                  spread. The exit status is 1 if one is missed.";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Recorded paths of people (CSV)
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// All people in one spot
    #[arg(long, conflicts_with = "trace")]
    spot: bool,
    /// Let everybody's client read what it is told
    #[arg(long)]
    clients: bool,
    /// Players
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=4_000))]
    players: u16,
    /// Bytes that everybody may be told in a second, headers included
    #[arg(long, value_name = "N", default_value_t = 24_000, value_parser = clap::value_parser!(u32).range(6_000..=250_000))]
    bytes_per_s: u32,
    /// Others whom one can have in view
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    visible_max: u16,
    /// Ticks to measure
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u32).range(60..=100_000))]
    ticks: u32,
    /// Runs of the same ticks, of each of which the least time counts: what else the machine does can only add to it
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Seed of everything that nobody recorded
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Ticks before anything counts: everybody is in, in view of his neighbours, and known to be.
const WARM_UP_TICKS: u32 = 300;

/// Measures and prints.
///
/// # Errors
/// The trace cannot be used, somebody did not get in, or the goal is missed.
pub fn run(args: &Args) -> Result<()> {
    let recording = args.trace.as_deref().map(Recording::load).transpose()?;
    let mut report = Report::new(args.players, args.ticks, recording.is_some());
    for round_trips in [RoundTrips::None, RoundTrips::Spread] {
        let measure = |is_told: bool| {
            let terms = Terms { is_told, bytes_per_s: args.bytes_per_s, visible_max: args.visible_max };
            let world = match &recording {
                Some(recording) => World::humans(args.players, recording),
                None if args.spot => World::one_spot(args.players, args.seed),
                None => World::uniform(args.players, args.seed),
            };
            let mut stage = Stage::new(world, round_trips, &terms, args.seed);
            stage.has_clients = args.clients;
            figures::take(&mut stage, WARM_UP_TICKS, args.ticks)
        };
        let least = |is_told: bool| {
            let mut figures = measure(is_told)?;
            (1..args.runs).try_for_each(|_| figures.keep_least(&measure(is_told)?))?;
            anyhow::Ok(figures)
        };
        report.add(round_trips.name(), &least(true)?, &least(false)?);
    }
    report.print(args.json)?;
    let missed = report.missed();
    ensure!(missed.is_empty(), "the goal is missed: {}", missed.join("; "));
    Ok(())
}
