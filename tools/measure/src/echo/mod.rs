//! `measure echo`: what the transport costs the server per client and tick, beside the bare kernel in the same run.
//!
//! Nothing but the server's thread is counted; the clients run on a thread of their own, behind one socket. Contestants take turns, a
//! round at a time, because one machine is never the same twice.

pub mod crowd;
pub mod host;
mod inside;
pub mod kernel;
pub mod load;
mod mirror;
pub mod process;
pub mod report;
mod serve;
pub mod sessions;
pub mod transport;

use anyhow::{Context, Result};
use load::Plan;
use report::{KERNEL, Report};
use rudp::seal::Backend;
use sessions::Sessions;
use std::net::SocketAddr;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Contestants, in turns
  kernel            recvfrom and sendto, no protocol, one datagram at a time
  dock              the server's own way through the socket (many datagrams per call, wakes 250 us apart), no protocol
  chacha20poly1305  that way, real sessions, sealed by the pure Rust cipher
  aws-lc            the same, sealed by aws-lc

Columns
  us/tick  processor time of the server's thread, user and system, per question answered
  ratio    that over the bare kernel's in the same round
  core     of one processor, the server's thread; load: the load's own
  lost     questions without an answer; lag: how late the load's own ticks began; rtt and lag in ms
A row whose load came late by more than 5 ms (p99), or with more than 1 % unanswered, is
marked invalid and compared with nothing. From 2,000 clients on the exit status says whether
aws-lc stayed below 1.6 bare kernels.";

/// The command line.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Clients, each with a session and an address of its own
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub clients: u32,
    /// Measured seconds of each contestant in each round
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: u32,
    /// Rounds, each with every contestant once
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Bytes of a question and of its answer
    #[arg(long, value_name = "B", default_value_t = 200, value_parser = clap::value_parser!(u32).range(8..=512))]
    pub payload: u32,
    /// Without sockets, in virtual time: the transport's own work alone, in us per question
    #[arg(long)]
    pub inside: bool,
    /// Measure nothing: serve an echo of raw payloads for stock clients of the standard, until the process is ended
    #[arg(long, value_name = "ADDR")]
    pub serve: Option<SocketAddr>,
    /// With --serve: file with the 64 hex digits of the private key, instead of the one in the standard's examples
    #[arg(long, value_name = "FILE", requires = "serve")]
    pub key: Option<PathBuf>,
    /// With --serve: names the game in tokens
    #[arg(long, value_name = "N", requires = "serve", default_value_t = serve::STOCK_PROTOCOL_ID)]
    pub protocol_id: u64,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Where every contestant listens: this machine alone, any port.
#[must_use]
pub fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A socket there as the server binds it, with the same buffers, not blocking.
///
/// # Errors
/// The address cannot be had.
pub fn bound_socket(address: SocketAddr) -> Result<std::net::UdpSocket> {
    Ok(throng::edge::bind(address).with_context(|| format!("cannot listen on {address}"))?.socket)
}

/// Measures and prints.
///
/// # Errors
/// The system does not give what so many clients need.
pub fn run(args: &Args) -> Result<()> {
    let plan =
        Plan { clients: args.clients as usize, seconds: u64::from(args.seconds), payload_bytes: args.payload as usize };
    if let Some(address) = args.serve {
        return serve::run(address, args);
    }
    if args.inside {
        return run_inside(args, plan);
    }
    let mut report = Report::new(plan.clients, plan.seconds, plan.payload_bytes);
    for round in 1..=args.rounds as usize {
        measure_kernel(plan, round, &mut report)?;
        let host = mirror::start(local())?;
        let figures = load::run(&mut kernel::Bare::new(host.address)?, plan, &host).context("the dock")?;
        host.stop()?;
        report.add("dock", plan.clients, round, &figures);
        for (name, seal) in [("chacha20poly1305", Backend::Crate), ("aws-lc", Backend::AwsLc)] {
            let host = transport::start(local(), plan.clients, seal)?;
            let figures = load::run(&mut Sessions::new(host.address, seal)?, plan, &host).context(name)?;
            host.stop()?;
            report.add(name, plan.clients, round, &figures);
        }
    }
    report.print(args.json)?;
    judge(&report, plan.clients)
}

/// P2: what the transport may cost at most, in bare kernels, with the cipher that the server takes by itself.
const RATIO_MAX: f64 = 1.6;
/// From so many clients on there is a verdict; with fewer, sleeping and waking are most of the cost.
const JUDGED_CLIENTS_MIN: usize = 2_000;

fn judge(report: &Report, clients: usize) -> Result<()> {
    if clients < JUDGED_CLIENTS_MIN {
        return Ok(());
    }
    let ratio = report.ratio("aws-lc", clients).context("no round was valid: this machine is too slow or too busy")?;
    anyhow::ensure!(ratio <= RATIO_MAX, "the goal is missed: {ratio:.2} bare kernels, {RATIO_MAX} may be");
    Ok(())
}

fn measure_kernel(plan: Plan, round: usize, report: &mut Report) -> Result<()> {
    let host = kernel::start(local())?;
    let figures = load::run(&mut kernel::Bare::new(host.address)?, plan, &host).context("the bare kernel")?;
    host.stop()?;
    report.add(KERNEL, plan.clients, round, &figures);
    Ok(())
}

fn run_inside(args: &Args, plan: Plan) -> Result<()> {
    let seals = [("chacha20poly1305", Backend::Crate), ("aws-lc", Backend::AwsLc)];
    let mut rows = Vec::new();
    for round in 1..=args.rounds {
        for (name, seal) in seals {
            let us = inside::us_per_tick(plan.clients, plan.seconds * load::TICK_RATE_HZ, plan.payload_bytes, seal)?;
            if !args.json {
                println!("inside, {name}, round {round}: {us:.3} us per question");
            }
            rows.push(serde_json::json!({ "contestant": name, "round": round, "us_per_tick": us }));
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    }
    Ok(())
}
