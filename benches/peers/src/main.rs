//! The echo of `measure echo` over other transports: the same load, the same bare kernel in the same run, one table.
#![allow(clippy::disallowed_methods, reason = "a program outside the pure rooms: it has threads and clocks")]

mod enet;
mod ladder;
mod quic;
mod renet_peer;
mod sockets;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use ladder::Ladder;
use measure::echo::load::{Figures, Plan};
use measure::echo::process;
use rudp::seal::Backend;

const AFTER_HELP: &str = "\
Contestants, in turns, after the bare kernel
  aws-lc, chacha20poly1305
             our own sessions, as `measure echo` serves them, sealed by either
  renet      renet 2.0.1 over renet_netcode, encrypted, driven once per tick
  enet       ENet (its Rust port 0.3.3), not encrypted, driven every 250 us
  enet-tick  the same, driven once per tick
  quinn      quinn 0.11 (QUIC) datagrams, encrypted

Every client of every contestant, the kernel's too, has a socket of its own.

Columns
  us/tick  processor time of the server's thread, user and system, per question answered
  ratio    that over the bare kernel's in the same round with as many clients
  lost     questions without an answer; lag: how late the load's own ticks began; rtt and lag in ms
A row whose load came late by more than 5 ms (p99) is marked invalid.

A contestant that cannot carry its clients (not all get in, or fewer than 98 % of 60 answers a second each) is
measured again with half as many, beside the kernel with as many; the closing lines say where it stopped. One
measurement takes at most N / 1,500 + S + 12 seconds.";

/// Compares other game transports with the bare kernel, by the echo of `measure echo`.
#[derive(Debug, Parser)]
#[command(version, about, after_help = AFTER_HELP)]
struct Args {
    /// Clients
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    clients: u32,
    /// Measured seconds of each contestant in each round
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Rounds, each with every contestant once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Bytes of a question and of its answer
    #[arg(long, value_name = "B", default_value_t = 200, value_parser = clap::value_parser!(u32).range(8..=512))]
    payload: u32,
    /// Contestants; all when none is named
    #[arg(long, value_name = "PEER", num_args = 1.., value_enum)]
    peer: Vec<Peer>,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// The contestants, beside the bare kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    AwsLc,
    #[value(name = "chacha20poly1305")]
    ChaCha,
    Renet,
    Enet,
    EnetTick,
    Quinn,
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::AwsLc => "aws-lc",
            Self::ChaCha => "chacha20poly1305",
            Self::Renet => "renet",
            Self::Enet => "enet",
            Self::EnetTick => "enet-tick",
            Self::Quinn => "quinn",
        }
    }

    fn measure(self, plan: Plan) -> Result<Figures> {
        match self {
            Self::AwsLc => sockets::measure_sessions(plan, Backend::AwsLc),
            Self::ChaCha => sockets::measure_sessions(plan, Backend::Crate),
            Self::Renet => renet_peer::measure(plan),
            Self::Enet => enet::measure(plan, enet::REST),
            Self::EnetTick => enet::measure(plan, TICK),
            Self::Quinn => quic::measure(plan),
        }
    }
}

/// One tick of the load, 1/60 s: a game drives its transport that often.
const TICK: std::time::Duration = std::time::Duration::from_nanos(16_666_667);

fn main() -> Result<()> {
    let args = Args::parse();
    let plan =
        Plan { clients: args.clients as usize, seconds: u64::from(args.seconds), payload_bytes: args.payload as usize };
    process::make_room_for(plan.clients)?;
    let peers = if args.peer.is_empty() { Peer::value_variants() } else { &args.peer };
    let mut ladder = Ladder::new(plan);
    for round in 1..=args.rounds as usize {
        ladder.descend(peers, round)?;
    }
    ladder.print(args.json)
}
