//! `measure`: the figures the transport is judged by.

mod link;

use clap::{Parser, Subcommand};
use measure::echo;

#[derive(Debug, Parser)]
#[command(about, version)]
struct Args {
    #[command(subcommand)]
    figure: Figure,
}

#[derive(Debug, Subcommand)]
enum Figure {
    /// How much of a link the rate control uses, and how long its own packets wait there.
    Link(link::Args),
    /// What the transport costs the server per client and tick, beside the bare kernel.
    Echo(echo::Args),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().figure {
        Figure::Link(args) => link::run(&args),
        Figure::Echo(args) => echo::run(&args),
    }
}
