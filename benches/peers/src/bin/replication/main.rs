//! What it takes to tell many clients of many movers: our realm beside other replication layers, without transports.
#![allow(clippy::disallowed_methods, reason = "a program outside the pure rooms: it has threads and clocks")]

mod contest;
mod crowd;
mod ours;
mod replicon;
mod report;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};
use contest::{Figures, Plan, RoundTrips};
use crowd::Looks;
use ours::Budget;
use protocol::unit::TICK_RATE_HZ;
use replicon::Encoding;
use report::Report;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Contestants, in turns
  ours            our realm and its clients' snapshot stores, with as many bytes as there is to be told
  ours-budget     the same with --bytes-per-s for each client, headers included: not everybody is told in every tick
  replicon        bevy_replicon 0.44, the state as five floats, as it comes
  replicon-units  the same, the state in our units, which its replicate_as turns it into

Everybody walks along a smooth curve of his own, looks about and jumps now and then, all within 100 m. Every client is
told of everybody in every tick, 60 a second. A state is place, yaw and pitch; ours says besides whether somebody is in
the air, and how well he is. Nothing is sent: what a layer hands to its transport its clients read in the same thread,
and their acknowledgements come back after a round trip.

With ours all movers are players who get inputs, and the realm moves them itself. The first --clients of them are the
clients, who are told their own state in place of theirs among the others; the others have sessions in which
nothing is told. That is why there are at most as many clients as entities.

Columns
  us/client  processor time of the server for telling, per client and tick: a tick's less that of one in which nobody is
             told. With ours it includes the clients' share of looking who is near whom.
  whole      a whole tick of the server per client; ours moves, looks and saves, replicon's app copies places given to it
  kB/s       what is handed to the transport for each client, its headers not included; messages: how many in a tick
  states     that a client read in a tick; B/state: bytes for each of them
  worst mm   farthest that a client showed anybody from where he was at that tick, on one axis; rest mm: when all had
             stood for two seconds. A unit of ours is 3.125 mm.
A row in which a client was not told everything in every tick (ours-budget: in the end), or anything wrong, has no figures
but says INVALID and why; the exit status is then 1. Of each tick the least time of --runs counts.";

/// Compares what it takes to tell clients where everybody is.
#[derive(Debug, Parser)]
#[command(version, about, after_help = AFTER_HELP)]
struct Args {
    /// Entities, all of which move in every tick
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(2..=1_000))]
    entities: u16,
    /// Clients, at most as many as entities
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    clients: u16,
    /// Measured seconds of each run, in virtual time
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Runs of the same ticks, of each of which the least time counts
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
    runs: u32,
    /// When the server knows what clients have got
    #[arg(long, value_enum, default_value_t = RoundTrips::Spread)]
    round_trips: RoundTrips,
    /// Everybody's view turns by chance in every tick, which nothing can foresee
    #[arg(long)]
    restless: bool,
    /// Every tick of a server begins with cold caches, so that it does not matter what its clients touch in between
    #[arg(long)]
    cold: bool,
    /// Bytes a second of ours-budget
    #[arg(long, value_name = "N", default_value_t = 24_000, value_parser = clap::value_parser!(u32).range(6_000..=256_000))]
    bytes_per_s: u32,
    /// Contestants; all when none is named
    #[arg(long, value_name = "LAYER", num_args = 1.., value_enum)]
    layer: Vec<Contestant>,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Contestant {
    Ours,
    OursBudget,
    Replicon,
    RepliconUnits,
}

impl Contestant {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::OursBudget => "ours-budget",
            Self::Replicon => "replicon",
            Self::RepliconUnits => "replicon-units",
        }
    }

    fn measure(self, plan: &Plan, bytes_per_s: u32) -> Result<Figures> {
        match self {
            Self::Ours => ours::measure(plan, Budget::All),
            Self::OursBudget => ours::measure(plan, Budget::PerSecond(bytes_per_s)),
            Self::Replicon => replicon::measure(plan, Encoding::Floats),
            Self::RepliconUnits => replicon::measure(plan, Encoding::Units),
        }
    }
}

fn main() -> ExitCode {
    // One sentence, whatever the environment says about backtraces.
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replication: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let (entities, clients) = (usize::from(args.entities), usize::from(args.clients));
    ensure!(
        clients <= entities,
        "{clients} clients play one of the entities each: at least as many --entities are needed"
    );
    let looks = if args.restless { Looks::Restless } else { Looks::Smooth };
    let plan = Plan {
        entities,
        clients,
        seconds: args.seconds,
        runs: args.runs,
        looks,
        round_trips: args.round_trips,
        is_cold: args.cold,
    };
    let contestants = if args.layer.is_empty() { Contestant::value_variants() } else { &args.layer };
    let mut report = Report::new(&plan);
    for contestant in contestants {
        report.add(contestant.name(), TICK_RATE_HZ, &contestant.measure(&plan, args.bytes_per_s)?);
    }
    report.print(args.json)?;
    ensure!(report.is_valid(), "a row shows nothing: not everything was told");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contestant_tells_two_clients_of_everybody() {
        for (looks, round_trips) in [(Looks::Smooth, RoundTrips::Spread), (Looks::Restless, RoundTrips::None)] {
            let plan = Plan { entities: 40, clients: 2, seconds: 1, runs: 1, looks, round_trips, is_cold: false };
            for contestant in Contestant::value_variants() {
                let figures = contestant.measure(&plan, 24_000).unwrap();
                assert_eq!(figures.fault, None, "{contestant:?}");
                assert!((figures.updates - 40.0).abs() < 0.1, "{contestant:?}: {figures:?}");
            }
        }
    }
}
