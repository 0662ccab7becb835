//! The project's own automation.
//!
//! Everything here runs from any folder of the checkout, needs only Rust and a C compiler unless a command says
//! otherwise (`test` and `ci` bring Redis, MariaDB, Chromium and promtool where they may), announces each step on one line and stops at the first failure with one sentence.
// Automation lives outside the pure rooms: it may read the clock and wait.
#![allow(clippy::disallowed_methods)]

mod audit;
mod bad_start;
mod bench_report;
mod cast;
mod checkout;
mod ci;
mod coverage;
mod decode_coverage;
mod durability;
mod faults;
mod first_light;
mod flight;
mod fuzz;
mod headline;
mod instructions;
mod judge;
mod metrics;
mod night;
mod prerequisites;
mod processors;
mod rust_text;
mod sensitivity;
mod simulation;
mod soak;
mod spec;
mod stage;
mod step;
mod swarm;
mod table;
mod tidy;
mod trials;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};

use crate::checkout::Checkout;
use crate::step::Steps;

/// The project's own automation.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// All tests of the workspace, doc tests included, with plain `cargo test`; before them the short killing trial, unless
    /// ARGS ask for something else
    Test {
        /// Handed on to `cargo test --workspace`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Everything a change must pass: format, lints, tidy, spec, faults, first light, a crowd, a flight log, kills, tests
    Ci,
    /// Lints that know this project: banned words, allowed edges between crates, the top level, sizes
    Tidy,
    /// Compares the clauses of protocol-spec/ with the code and the tests that cite them
    Spec,
    /// Proves the swarm: servers that lie on purpose must be caught, an honest one must pass
    Faults {
        /// 300 bots for 20 s instead of 100 bots for 8 s
        #[arg(long)]
        full: bool,
    },
    /// The whole server and its people in one thread from 1,100 seeds, with every fault after every other
    Simulation {
        /// 24 seeds of 40 s, on a machine that does other work
        #[arg(long)]
        short: bool,
    },
    /// Proves the simulation: builds with one mistake each must be caught, the unbroken one must pass
    Sensitivity {
        /// These mutations, by the names in tools/xtask/src/sensitivity/mutations; all of them otherwise
        #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "NAME")]
        only: Vec<String>,
        /// Seeds that each build is given at most
        #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        seeds: u64,
        /// Only whether each applies and compiles
        #[arg(long)]
        check_only: bool,
        /// Leaves what was built, so that the next run is faster
        #[arg(long)]
        keep: bool,
        /// Handed on to the simulation beside the seed
        #[arg(last = true, default_values_t = ["--faults", "all", "--ticks", "2400", "--players", "8"].map(str::to_owned))]
        args: Vec<String>,
    },
    /// The release server end to end: bots, a kill -9, the idle load, refusals to start
    FirstLight {
        /// 500, 500 and 200 bots for 30 s instead of 60 bots for 6 s
        #[arg(long)]
        full: bool,
        /// Recorded human movement to replay, FILE or FILE@T0
        #[arg(long, value_name = "FILE")]
        humans: Option<String>,
    },
    /// 2,000 bots at 60 Hz three times over, and once with Redis and MariaDB: what it takes, and what each named package did
    Headline {
        /// How many bots
        #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=5_000))]
        bots: u32,
        /// Runs without stores
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
        runs: u32,
        /// Recorded human movement to replay, FILE or FILE@T0; otherwise made by a generator with as many neighbours
        #[arg(long, value_name = "FILE")]
        humans: Option<String>,
        #[command(flatten)]
        terms: Terms,
        /// 60 bots for 6 s, once each, on a machine that does other work
        #[arg(long, conflicts_with_all = ["bots", "runs", "humans", "apart", "profiled"])]
        short: bool,
    },
    /// What a player costs with 100, 500, 1,000, 2,000 and 4,000 of them
    Curve {
        /// Recorded human movement to replay, FILE or FILE@T0; otherwise made by a generator with as many neighbours
        #[arg(long, value_name = "FILE")]
        humans: Option<String>,
        #[command(flatten)]
        terms: Terms,
        /// Also draw it, as SVG
        #[arg(long, value_name = "FILE")]
        plot: Option<PathBuf>,
    },
    /// 4,000 bots, and 2,000 in one spot: told less often, but right, and nobody turned away
    Multitude {
        /// Recorded human movement to replay, FILE or FILE@T0; otherwise made by a generator with as many neighbours
        #[arg(long, value_name = "FILE")]
        humans: Option<String>,
        #[command(flatten)]
        terms: Terms,
    },
    /// Let bots play, and build server and swarm anew by what was run most: a twentieth less time a player
    Profile {
        /// Recorded human movement to replay, FILE or FILE@T0; otherwise made by a generator with as many neighbours
        #[arg(long, value_name = "FILE")]
        humans: Option<String>,
    },
    /// Bots for ten minutes: no long tick that the machine does not explain, memory flat
    Stamina {
        /// How long
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_440))]
        minutes: u32,
        /// How many bots
        #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=5_000))]
        bots: u32,
        #[command(flatten)]
        terms: Terms,
        /// Recorded human movement to replay, FILE or FILE@T0; otherwise made by a generator with as many neighbours
        #[arg(long, value_name = "FILE")]
        humans: Option<String>,
    },
    /// Bots that change their address in mid-run: 200 of 200 must go on in the same session
    Migration {
        /// 40 bots for 12 s, on a machine that does other work
        #[arg(long)]
        short: bool,
    },
    /// Bots that are cut off in mid-run: 200 of 500 for 60 s must go on in the same session
    Outage {
        /// 20 of 60 bots for 20 s, on a machine that does other work
        #[arg(long)]
        short: bool,
    },
    /// 800 bots in one spot of whom each can see 80: all in time, and within its bytes
    Crowd {
        /// 150 bots that can see 24 for 12 s, on a machine that does other work
        #[arg(long)]
        short: bool,
    },
    /// The flight log: 300 bots play for 60 s, and what the server recorded comes to the same; then what recording costs at 1,000
    Flight {
        /// 30 bots for 8 s, and no cost, on a machine that does other work
        #[arg(long)]
        short: bool,
    },
    /// Junk, forged and replayed requests while people play: ticks and round trips within noise, newcomers still join
    Flood {
        /// 5,000 a second beside 60 bots for 6 s per phase; speed is not judged
        #[arg(long)]
        short: bool,
    },
    /// Kills the server, Redis and MariaDB while bots play and trade: nothing that a bot was told to be saved is lost
    Kills {
        /// Kills at moments drawn from the seed; 0 for crashes at named points only
        #[arg(long, default_value_t = 200, value_name = "N")]
        count: usize,
        /// Crashes at each of the server's named points; 0 for kills at any moment only
        #[arg(long, default_value_t = 20, value_name = "N")]
        at_points: usize,
        /// Of all that is drawn
        #[arg(long, default_value_t = 1, value_name = "S")]
        seed: u64,
        /// 7 kills under 40 bots and no named points, on a machine that does other work
        #[arg(long, conflicts_with_all = ["count", "at_points"])]
        short: bool,
    },
    /// MariaDB stands still for a minute while 500 bots play: ticks within noise, memory bounded, nothing lost
    Frozen {
        /// 60 bots and 10 s, on a machine that does other work
        #[arg(long)]
        short: bool,
    },
    /// What it costs to save 2,000 players every 5 s into the journal, Redis and MariaDB
    SaveCost {
        /// 200 bots for 10 s, on a machine that does other work
        #[arg(long)]
        short: bool,
    },
    /// Two servers on two MariaDBs that replicate to each other, of which one is killed: the other carries on within 5 s
    Pair {
        /// 20 bots on each for 18 s, on a machine that does other work
        #[arg(long)]
        short: bool,
    },
    /// What the person on call relies on: overload ladder and alert, SIGTERM, a world that stands still, scrapes
    Night {
        /// 40 and 100 bots, on a machine that does other work
        #[arg(long)]
        short: bool,
    },
    /// A long run on bad links, with people who come and go, crash, move, and storms: memory flat, clock true, no errors
    Soak {
        /// How long
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=1_440))]
        minutes: u32,
        /// How many bots stay
        #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=5_000))]
        bots: u32,
        /// How many join within a second, and leave within a tick, near the beginning and near the end; 0 for none
        #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(0..=5_000))]
        storm: u32,
        /// The links of the bots, as the swarm takes them: mixed, a folder of recordings, or one by name; each @WEIGHT, and
        /// mixed without any
        #[arg(long, value_name = "WHAT[@W]")]
        links: Vec<String>,
        /// Of all that is drawn
        #[arg(long, default_value_t = 1, value_name = "S")]
        seed: u64,
    },
    /// Hostile input, coverage-guided (needs the nightly compiler and cargo-fuzz)
    Fuzz {
        /// How long each target runs, seconds
        #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
        /// One target, by the name of its file in fuzz/fuzz_targets; all of them otherwise
        target: Option<String>,
    },
    /// Line coverage of each crate (needs cargo-llvm-cov)
    Coverage {
        /// Instead: the code that reads bytes from the wire, by the fuzz corpora alone
        #[arg(long)]
        decode: bool,
    },
    /// All benches in one run, and one Markdown table of what they found
    BenchReport {
        /// Only benches with this in their name
        #[arg(long, value_name = "PART")]
        only: Option<String>,
        /// Where the table goes; bench-report.md in the build folder otherwise
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Instructions of the five hottest pieces of a tick, counted by valgrind
    Instructions,
    /// Advisories, licences, sources (needs cargo-deny)
    Audit,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Server and load have half of the processors each, if that is asked for.
/// On what terms something is measured.
#[derive(Args)]
struct Terms {
    /// Half of the processors for the server and half for the bots, so that neither takes them from the other
    #[arg(long)]
    apart: bool,
    /// With programs built by the profile that `cargo xtask profile` has made
    #[arg(long)]
    profiled: bool,
}

impl Terms {
    fn of(&self, mut checkout: Checkout) -> Result<Checkout> {
        checkout.halves = self.apart.then(processors::halves).transpose()?;
        if self.profiled {
            let profile = headline::profile_path(&checkout)?;
            ensure!(profile.is_file(), "there is no profile yet: `cargo xtask profile` makes it");
            checkout.profile = headline::profiled_arguments("profile-use", &profile)?;
        }
        Ok(checkout)
    }
}

fn run(command: Command) -> Result<()> {
    let checkout = Checkout::find()?;
    let steps = Steps::start();
    match command {
        Command::Test { args } => ci::test(&checkout, &steps, &args),
        Command::Ci => ci::ci(&checkout, &steps),
        Command::Tidy => steps.run("tidy", || tidy::run(&checkout)),
        Command::Spec => steps.run("spec", || spec::run(&checkout)),
        Command::Faults { full } => faults::run(&checkout, &steps, full),
        Command::Sensitivity { only, seeds, check_only, keep, args } => {
            let extent = sensitivity::Extent { only, seeds, check_only, keep, arguments: args };
            sensitivity::run(&checkout, &steps, &extent)
        }
        Command::FirstLight { full, humans } => first_light::run(&checkout, &steps, full, humans.as_deref()),
        Command::Headline { short: true, .. } => headline::run(&checkout, &steps, &headline::Extent::SHORT),
        Command::Headline { bots, runs, humans, terms, short } => {
            let extent = headline::Extent { bots, runs, humans, short };
            headline::run(&terms.of(checkout)?, &steps, &extent)
        }
        Command::Curve { humans, terms, plot } => {
            headline::curve(&terms.of(checkout)?, &steps, humans.as_deref(), plot.as_deref())
        }
        Command::Multitude { humans, terms } => headline::multitude(&terms.of(checkout)?, &steps, humans.as_deref()),
        Command::Profile { humans } => headline::profile(checkout, &steps, humans.as_deref()),
        Command::Stamina { minutes, bots, terms, humans } => {
            headline::stamina(&terms.of(checkout)?, &steps, (minutes, bots), humans.as_deref())
        }
        Command::Migration { short } => trials::migration(&checkout, &steps, short),
        Command::Outage { short } => trials::outage(&checkout, &steps, short),
        Command::Crowd { short } => trials::crowd(&checkout, &steps, short),
        Command::Flight { short } => flight::run(&checkout, &steps, short),
        Command::Flood { short } => trials::flood(&checkout, &steps, short),
        Command::Kills { short: true, seed, .. } => {
            durability::kills(&checkout, &steps, &durability::Extent { seed, ..durability::Extent::SHORT })
        }
        Command::Kills { count, at_points, seed, short } => {
            durability::kills(&checkout, &steps, &durability::Extent { count, at_points, seed, short })
        }
        Command::Frozen { short } => durability::frozen(&checkout, &steps, short),
        Command::SaveCost { short } => durability::cost(&checkout, &steps, short),
        Command::Pair { short } => durability::pair(&checkout, &steps, short),
        Command::Night { short } => night::run(&checkout, &steps, short),
        Command::Simulation { short } => simulation::run(&checkout, &steps, short),
        Command::Soak { minutes, bots, storm, links, seed } => {
            soak::run(&checkout, &steps, &soak::Extent { minutes, bots, storm, links, seed })
        }
        Command::Fuzz { seconds, target } => fuzz::run(&checkout, &steps, seconds, target.as_deref()),
        Command::Coverage { decode: true } => decode_coverage::run(&checkout, &steps),
        Command::Coverage { decode: false } => coverage::run(&checkout, &steps),
        Command::BenchReport { only, out } => bench_report::run(&checkout, &steps, only.as_deref(), out.as_deref()),
        Command::Instructions => instructions::run(&checkout, &steps),
        Command::Audit => audit::run(&checkout, &steps),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_follows_the_dashes_is_handed_on_with_inner_dashes() {
        let cli = Cli::parse_from(["xtask", "test", "--", "a_filter", "--", "--nocapture"]);
        let Command::Test { args } = cli.command else { panic!("not the test command") };
        assert_eq!(args, ["a_filter", "--", "--nocapture"]);
    }
}
