//! `measure`: the figures the transport is judged by.

mod codec;
mod handshake;
mod interest;
mod link;
mod memory;
mod rate;
mod reliable;
mod text_file;
mod tick;
mod view;
mod virtual_server;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use measure::{echo, stand_ins};

#[global_allocator]
static COUNTING: counting::Counting = counting::Counting;

#[derive(Debug, Parser)]
#[command(about, version)]
struct Args {
    #[command(subcommand)]
    figure: Figure,
}

#[derive(Debug, Subcommand)]
enum Figure {
    /// How many bits it takes to tell where people are, on recorded matches.
    Codec(codec::Args),
    /// How much of a link the rate control uses, and how long its own packets wait there.
    Link(link::Args),
    /// How long joining takes, and what a flood changes for those who play and those who join.
    Handshake(handshake::Args),
    /// How late reliable messages are on links that lose packets, and what that costs.
    Reliable(reliable::Args),
    /// What the transport costs the server per client and tick, beside the bare kernel.
    Echo(echo::Args),
    /// What it costs to know who is near whom, and whether it is exact.
    Interest(interest::Args),
    /// What a tick of the world costs with many people in it, snapshots included.
    Tick(tick::Args),
    /// What it takes on the wire to show one player many others.
    Rate(rate::Args),
    /// What one connection costs the server in bytes.
    Memory(memory::Args),
    /// How smooth and how late a client sees the world over bad links, and how well the server is supplied with inputs.
    View(view::Args),
}

fn main() -> ExitCode {
    let done = match Args::parse().figure {
        Figure::Codec(args) => codec::run(&args),
        Figure::Link(args) => link::run(&args),
        Figure::Handshake(args) => handshake::run(&args),
        Figure::Reliable(args) => reliable::run(&args),
        Figure::Echo(args) => echo::run(&args),
        Figure::Interest(args) => interest::run(&args),
        Figure::Tick(args) => tick::run(&args),
        Figure::Rate(args) => rate::run(&args),
        Figure::Memory(args) => memory::run(&args),
        Figure::View(args) => view::run(&args),
    };
    // One sentence, whatever the environment says about backtraces: it is the load or the goal that failed, not the program.
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("measure: {error:#}");
            ExitCode::FAILURE
        }
    }
}
