//! The command line.

use crate::files;
use crate::hub::HubConfig;
use crate::plan::{Outage, Rebind, outage, rebind_at, rebind_every, seconds};
use anyhow::Result;
use clap::Parser;
use std::net::SocketAddr;

/// A bad link between real programs: point the clients here instead of at the server.
#[derive(Debug, Parser)]
#[command(name = "relay", version, after_help = netem::SYNTAX)]
pub struct Args {
    /// Where clients send to
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// Where the server is. Tokens must name the relay: list it in the server's public_addresses
    #[arg(long, value_name = "ADDR")]
    to: SocketAddr,
    /// The link: a name, settings, or a file (see below)
    #[arg(long, value_name = "LINK", default_value = "lan")]
    profile: String,
    /// Seed of everything drawn by chance
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Stop after this long, as in 60s; without, at Ctrl-C
    #[arg(long, value_name = "SPAN", value_parser = seconds)]
    duration: Option<u64>,
    /// Give flows another source address towards the server at this time, as in 10s or 10s@25% (a share of them)
    #[arg(long, value_name = "AT[@SHARE]", value_parser = rebind_at)]
    rebind: Vec<Rebind>,
    /// The same again and again, as in 5s or 5s@25%
    #[arg(long, value_name = "SPAN[@SHARE]", value_parser = rebind_every)]
    rebind_every: Vec<Rebind>,
    /// Let nothing pass from one time to another, as in 20s..80s or 20s..80s@40%
    #[arg(long, value_name = "FROM..TO[@SHARE]", value_parser = outage)]
    outage: Vec<Outage>,
    /// Clients at once
    #[arg(long, value_name = "N", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    flows: u32,
}

/// A relay that can begin.
#[derive(Debug)]
pub struct Setup {
    /// Where clients send to.
    pub listen: SocketAddr,
    /// Where the server is.
    pub to: SocketAddr,
    /// Time to run, ns.
    pub duration_ns: Option<u64>,
    /// For the hub.
    pub hub: HubConfig,
}

impl Args {
    /// Reads the profile.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn resolve(self) -> Result<Setup> {
        let hub = HubConfig {
            profile: files::profile(&self.profile)?,
            seed: self.seed,
            flows_max: self.flows as usize,
            rebinds: self.rebind.into_iter().chain(self.rebind_every).collect(),
            outages: self.outage,
        };
        Ok(Setup { listen: self.listen, to: self.to, duration_ns: self.duration, hub })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_becomes_a_setup() {
        let line = "relay --listen 127.0.0.1:1 --to 127.0.0.1:2 --profile lte,loss=5% --duration 60s --rebind 10s@25% \
                    --rebind-every 5s --outage 20s..80s@40% --outage 90s..91s";
        let setup = Args::try_parse_from(line.split_whitespace()).unwrap().resolve().unwrap();
        assert_eq!(setup.duration_ns, Some(60_000_000_000));
        assert_eq!((setup.hub.rebinds.len(), setup.hub.outages.len(), setup.hub.flows_max), (2, 2, 4_096));
        assert!(Args::try_parse_from(["relay", "--listen", "127.0.0.1:1"]).is_err());
    }
}
