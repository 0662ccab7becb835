//! The tests, and everything else a change must pass.

use anyhow::Result;

use crate::checkout::Checkout;
use crate::step::Steps;
use crate::{durability, faults, first_light, flight, night, prerequisites, simulation, spec, tidy, trials};

/// The short killing trial and all tests of the workspace, doc tests included; `args` go to cargo, and whoever gives some
/// wants no trial. The tests last, so that the output ends with their own closing lines.
pub fn test(checkout: &Checkout, steps: &Steps, args: &[String]) -> Result<()> {
    steps.run("prerequisites", prerequisites::check)?;
    if args.is_empty() {
        durability::kills(checkout, steps, &durability::Extent::SHORT)?;
    }
    run_tests(checkout, steps, args)
}

/// Cheap checks first; the tests last, so that the output ends with their own closing lines.
pub fn ci(checkout: &Checkout, steps: &Steps) -> Result<()> {
    steps.run("prerequisites", prerequisites::check)?;
    steps.run("format", || checkout.run_cargo(&["fmt", "--all", "--check"]))?;
    // Formatted like the rest; built only when peers are measured, because its dependencies are many and not ours.
    steps.run("format of benches/peers", || {
        checkout.run_cargo(&["fmt", "--manifest-path", "benches/peers/Cargo.toml", "--check"])
    })?;
    steps.run("tidy", || tidy::run(checkout))?;
    steps.run("spec", || spec::run(checkout))?;
    steps.run("lints", || checkout.run_cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    steps.run("lints with faults", || {
        checkout.run_cargo(&["clippy", "--workspace", "--all-targets", "--features", "faults", "--", "-D", "warnings"])
    })?;
    faults::run(checkout, steps, false)?;
    simulation::run(checkout, steps, true)?;
    first_light::run(checkout, steps, false, None)?;
    trials::crowd(checkout, steps, true)?;
    flight::run(checkout, steps, true)?;
    night::run(checkout, steps, true)?;
    durability::kills(checkout, steps, &durability::Extent::SHORT)?;
    run_tests(checkout, steps, &[])
}

fn run_tests(checkout: &Checkout, steps: &Steps, args: &[String]) -> Result<()> {
    let mut arguments = vec!["test", "--workspace"];
    arguments.extend(args.iter().map(String::as_str));
    steps.run("tests", || checkout.run_cargo(&arguments))
}
