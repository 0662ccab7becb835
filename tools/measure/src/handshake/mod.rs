//! `measure handshake`: how long joining takes, and what a flood of requests changes for those who play and those who join.

mod flood;
mod join;
mod report;
mod stand;

use anyhow::{Context, Result, ensure};
use flood::Flood;
use join::Joins;
use report::{Phase, Report, Totals};
use stand::Stand;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

const RULES: &str = "\
Without --flood a server is started and honest clients join it, one after another. With --flood a swarm plays three times,
without, with and without (A/B/A) a flood of which a quarter each is
  - random bytes of any length,
  - requests with a right header and a token of a wrong key, no two alike,
  - replays of a request that has just been used to join,
  - packets of sessions and of moved sessions that do not exist,
from some hundred addresses at a time, each in a /24 of its own, of which 500 a second are new. It comes evenly and, since it
is made on the players' own machine, only when no other program wants the processor. The honest clients join during the
flood. No address is exempt from the server's limits (limits.request_exempt is empty), every client has one of its own.

It holds if the flood came at 90 % of --rate at least and no swarm was later than 5 ms (p99 of its loop), p99 of tick and of
single round trips with it is at most 1.1 times the mean of the two without it + 0.5 ms, players lost at most 0.1 % more of
their packets, no player was thrown out or told a wrong thing, every honest client joined and 99 of 100 of them within a
second, the flood got no reply at all, and the server grew by 8 MiB at most. Phases under 30 s and fewer than 100 honest
clients show nothing. The exit status is 1 otherwise. --truth-only leaves out rate, lag, length, losses, ticks and round
trips: for busy machines.";

#[derive(Debug, clap::Args)]
#[command(after_help = RULES)]
pub struct Args {
    /// Flood the server in the second of three phases
    #[arg(long)]
    flood: bool,
    /// Datagrams of the flood per second
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// Bots that play
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    players: u32,
    /// Measured seconds of each phase
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// Honest clients, one after another
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    joins: u32,
    /// The server's program [default: throng beside this one]
    #[arg(long, value_name = "FILE")]
    server_binary: Option<PathBuf>,
    /// The bots' program [default: swarm beside this one]
    #[arg(long, value_name = "FILE")]
    swarm_binary: Option<PathBuf>,
    /// A server that runs already, on this machine and with an empty limits.request_exempt; needs --ops and --data
    #[arg(long, value_name = "ADDR", requires_all = ["ops", "data"])]
    server: Option<SocketAddr>,
    /// Its operations address
    #[arg(long, value_name = "ADDR")]
    ops: Option<SocketAddr>,
    /// Its data directory
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Leave speed out of the verdict
    #[arg(long)]
    truth_only: bool,
    /// One JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// Measures and prints.
///
/// # Errors
/// Something does not hold, or a program does not run.
pub fn run(args: &Args) -> Result<()> {
    let stand = match (args.server, args.ops, &args.data) {
        (Some(game), Some(ops), Some(data)) => Stand::existing(game, ops, data.clone()),
        _ => Stand::start(&beside(args.server_binary.as_ref(), "throng")?)?,
    };
    let mut report =
        Report { rate_asked: args.rate, truth_only: args.truth_only, seconds: args.seconds, ..Report::default() };
    if args.flood {
        let swarm = beside(args.swarm_binary.as_ref(), "swarm")?;
        report.phases.push(play(args, &stand, &swarm, "without")?);
        flooded(args, &stand, &swarm, &mut report)?;
        report.phases.push(play(args, &stand, &swarm, "without again")?);
    } else {
        report.joins = Joins::new(&stand, args.joins)?.run(None, &Mutex::default());
    }
    report.print(args.json)?;
    let broken = report.broken();
    ensure!(broken.is_empty(), "it does not hold: {}", broken.join("; "));
    Ok(())
}

fn flooded(args: &Args, stand: &Stand, swarm: &std::path::Path, report: &mut Report) -> Result<()> {
    let used_request = Arc::new(Mutex::new(Vec::new()));
    report.before = Totals::read(stand)?;
    let flood = Flood::start(stand.game, args.rate, Arc::clone(&used_request))?;
    let joins = Joins::new(stand, args.joins)?;
    // The bots join first: the swarm is under way for its ramp and settling before the newcomers knock.
    let (played, joined) = std::thread::scope(|scope| {
        let playing = scope.spawn(|| play(args, stand, swarm, "with the flood"));
        let pause = std::time::Duration::from_secs(u64::from(stand::RAMP_S));
        #[allow(clippy::disallowed_methods, reason = "this program drives others in real time")]
        std::thread::sleep(pause);
        let spread = std::time::Duration::from_secs(u64::from(args.seconds));
        (playing.join(), joins.run(Some(spread), &used_request))
    });
    report.during = Totals::read(stand)?;
    report.flood = flood.stop();
    report.joins = joined;
    report.phases.push(played.map_err(|_| anyhow::anyhow!("the thread of the swarm broke"))??);
    report.after = Totals::read(stand)?;
    Ok(())
}

fn play(args: &Args, stand: &Stand, swarm: &std::path::Path, name: &str) -> Result<Phase> {
    let told = stand.play(swarm, args.players, args.seconds)?;
    Phase::of(name, &told).with_context(|| format!("the swarm of the phase `{name}`"))
}

/// The program asked for, or the one of that name beside this one.
fn beside(asked: Option<&PathBuf>, name: &str) -> Result<PathBuf> {
    let found = match asked {
        Some(file) => file.clone(),
        None => std::env::current_exe().context("this program cannot be found")?.with_file_name(name),
    };
    ensure!(found.is_file(), "there is no {}: build it first (cargo build --release -p {name})", found.display());
    Ok(found)
}
