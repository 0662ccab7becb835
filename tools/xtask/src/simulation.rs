//! The whole server from seeds: many of them, as long as it takes to see every fault after every other.

use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::step::Steps;

/// Seeds of the short form: a minute on two cores.
const SHORT: [&str; 6] = ["--seeds", "0..24", "--ticks", "2400", "--players", "8"];
/// 400 seeds came to 189 player-hours, so a thousand would be short of the 500 that are wanted. Eleven have 200 people.
const FULL: [&str; 5] = ["--seeds", "0..1100", "--large", "11", "--demand"];

/// Builds the simulation with all its assertions, for a short trial as the tests are built, and runs it.
pub fn run(checkout: &Checkout, steps: &Steps, short: bool) -> Result<()> {
    let name = "simulate";
    let program = steps.run("simulation: build", || match short {
        true => checkout.build_program(name, true, &[]),
        false => checkout.build_binary(name, &["--package", name, "--profile", "simulation"]),
    })?;
    let jobs = available_parallelism().map_or(1, usize::from).to_string();
    let asked: &[&str] = if short { &SHORT } else { &FULL };
    steps.run("simulation: many seeds", || {
        let status = Command::new(&program).arg("campaign").args(["--jobs", &jobs]).args(asked).status();
        let status = status.with_context(|| format!("{} cannot be started", program.display()))?;
        if !status.success() {
            bail!("the simulation ended with {status}; the command above replays what broke");
        }
        Ok(())
    })
}
