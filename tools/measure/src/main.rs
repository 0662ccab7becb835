//! `measure`: the figures the transport is judged by.

mod link;

use clap::{Parser, Subcommand};

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
}

fn main() -> anyhow::Result<()> {
    match Args::parse().figure {
        Figure::Link(args) => link::run(&args),
    }
}
