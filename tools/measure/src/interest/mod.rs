//! `measure interest`: what a tick pays to know who is near whom, and whether the answers are right.
//!
//! Everybody moves, each index is rebuilt, and everybody asks it who is within the enter radius; the server's quadtree
//! beside grids, all in one run.

mod grid;
mod index;
mod pass;
pub mod recording;
mod report;
pub mod world;

use anyhow::ensure;
use protocol::unit::UNITS_PER_M;
use recording::Recording;
use report::Report;
use std::path::PathBuf;
use world::World;

/// Others come into view nearer than this.
const ENTER_RADIUS_M: i32 = 100;
/// The same in units.
pub const ENTER_RADIUS: i32 = ENTER_RADIUS_M * UNITS_PER_M;

const AFTER_HELP: &str = "\
The trace is text, plain or gzip, its first line `trace,t_s,x,y`: whose path, seconds, and pixels of 2 m on a map of
1,500 px. Paths begin at second 90 and are interpolated between their points; faster than 15 m/s is a respawn, a jump.
Paths of less than 30 s from there on are left out. Player k of n paths follows path k mod n, 97 s further on for each
round through the paths, and starts again at its end: with more players than paths, the same people at other times.

Worlds
  humans    where the people of the trace were; only with --trace
  uniform   as many players anywhere on a map of 3,000 m, running at 6 m/s with seeded turns
  one spot  the same within 6 m: everybody sees everybody

Indices
  quadtree  the server's own
  grid r    a uniform grid, counting sort into cells of 100 m each tick; `grid r/2` has cells of 50 m

Columns, per tick of 60 Hz, in us of the thread's own processor time
  build     the index is brought up to date with everybody's place
  query     everybody's question who is within 100 m; on the right that of a sixth of the players, as the server asks:
            each viewer's turn comes once in 6 ticks
  both      build and query of the same tick; 50 and 99 are percentiles over ticks
  ns/query  the median query pass over its questions
  exact     on 12 ticks spread over the run, every player's answer was that of brute force
  holds     the goal: for 2,000 players where people were, the quadtree's build and everybody's query take at most
            1,000 us in the median, and it is exact

What the server does with an answer (who enters, who leaves, the cap) is not in the figures, nor is moving the players.
The exit status is 1 if the goal is missed, or if any index gave a wrong answer in any world. With another number of
players, or without --trace, nothing is judged but exactness.";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Recorded paths of people (CSV)
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Players, all of whom move
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    players: u16,
    /// Ticks to measure
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u32).range(12..=100_000))]
    ticks: u32,
    /// Seed of the worlds that nobody recorded
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// Measures every world and prints.
///
/// # Errors
/// The trace cannot be used, an answer was wrong, or the goal is missed.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let recording = args.trace.as_deref().map(Recording::load).transpose()?;
    let mut report = Report::new(args.players, args.ticks, ENTER_RADIUS_M, recording.as_ref().map(Recording::people));
    let mut worlds: Vec<World<'_>> = recording.iter().map(|people| World::humans(args.players, people)).collect();
    worlds.push(World::uniform(args.players, args.seed));
    worlds.push(World::one_spot(args.players, args.seed));
    for mut world in worlds {
        let measured = pass::measure(&mut world, index::contestants(ENTER_RADIUS), args.ticks, ENTER_RADIUS)?;
        report.add(world.name(), measured);
    }
    report.print(args.json)?;
    let missed = report.missed();
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}
