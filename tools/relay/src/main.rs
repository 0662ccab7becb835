//! `relay`: a bad link between two real programs.
//!
//! Clients send to the relay instead of the server. Each client is a *flow* with a socket of its own towards the server
//! and a link of its own each way ([`netem::Link`]). What a flow does is decided by the pure [`hub`]; this file and
//! [`sockets`] only carry its datagrams.

mod args;
mod files;
mod hub;
mod plan;
mod process;
mod sockets;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let told = args::Args::parse().resolve().and_then(sockets::run);
    match told {
        Ok(table) => {
            print!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("relay: {error:#}");
            ExitCode::FAILURE
        }
    }
}
