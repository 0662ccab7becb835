//! The programs that a trial needs, and a folder to play in.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::step::Steps;

/// Server and swarm.
pub struct Cast {
    /// The server's executable.
    pub server: PathBuf,
    /// The swarm's.
    pub swarm: PathBuf,
    /// An empty folder under the build folder.
    pub scratch: PathBuf,
}

impl Cast {
    /// Builds both; for a short trial as the tests build them.
    pub fn build(checkout: &Checkout, steps: &Steps, trial: &str, short: bool) -> Result<Self> {
        let build =
            |name: &str| steps.run(&format!("{trial}: build the {name}"), || checkout.build_program(name, short, &[]));
        Ok(Self { server: build("throng")?, swarm: build("swarm")?, scratch: checkout.scratch(trial)? })
    }

    /// All went well: the folder is not needed any more.
    pub fn leave(self) {
        // Best effort: what is left lies under the build folder.
        let _ = fs::remove_dir_all(&self.scratch);
    }
}
