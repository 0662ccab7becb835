//! Proves the simulation: builds that are broken on purpose, one mistake each, must be caught by it, and the unbroken one
//! must pass.
//!
//! The mistakes are data (`mutations/*.toml`): a text that stands once in one file, and what is put in its place. They are
//! made in a copy of the checkout below the build folder, so whatever ends a run leaves nothing half done here. The copy is
//! built in the profile `simulation`, which is made for being built often: assertions and overflow checks on, no link-time
//! optimisation.

mod mutation;
mod outcome;
mod scratch;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::step::Steps;
use mutation::Mutation;
use outcome::{Fate, Outcome};
use scratch::{Built, Scratch};
use trial::{Judgement, Trial};

/// What is tried.
pub struct Extent {
    /// These mutations, or all.
    pub only: Vec<String>,
    /// Seeds that each build is given at most, from 1 on.
    pub seeds: u64,
    /// Only whether each applies and compiles.
    pub check_only: bool,
    /// The copy stays for the next run, with all that is built in it.
    pub keep: bool,
    /// What the simulation is told beside the seed.
    pub arguments: Vec<String>,
}

/// Runs the unbroken build, then every broken one, and prints the table; fails when any of these is not caught.
pub fn run(checkout: &Checkout, steps: &Steps, extent: &Extent) -> Result<()> {
    let mutations = mutation::chosen(&extent.only)?;
    let scratch = steps.run("sensitivity: copy the checkout", || Scratch::of(checkout))?;
    let outcomes = match extent.check_only {
        true => check(&scratch, steps, &mutations)?,
        false => prove(&scratch, steps, extent, &mutations)?,
    };
    outcome::conclude(&outcomes)?;
    if !extent.keep {
        scratch.remove();
    }
    Ok(())
}

/// Whether each mutation applies and compiles.
fn check(scratch: &Scratch, steps: &Steps, mutations: &[Mutation]) -> Result<Vec<Outcome>> {
    steps.run("sensitivity: check it unbroken", || unbroken(scratch.check()?))?;
    each(steps, mutations, |mutation| {
        Ok(match scratch.with(mutation, Scratch::check)? {
            Built::Well { .. } => (Fate::Compiles, 0),
            Built::Badly(errors) => (Fate::Refused(errors), 0),
        })
    })
}

/// Whether each mutation is caught by seeds that the unbroken build passes.
fn prove(scratch: &Scratch, steps: &Steps, extent: &Extent, mutations: &[Mutation]) -> Result<Vec<Outcome>> {
    steps.run("sensitivity: build it unbroken", || unbroken(scratch.build()?))?;
    let mut limits = BTreeMap::new();
    for arguments in mutations.iter().map(|mutation| mutation.arguments(&extent.arguments)).collect::<BTreeSet<_>>() {
        let limit = passes(scratch, steps, extent.seeds, &arguments)?;
        limits.insert(arguments, limit);
    }
    each(steps, mutations, |mutation| match scratch.with(mutation, Scratch::build)? {
        Built::Badly(errors) => Ok((Fate::Refused(errors), 0)),
        Built::Well { seconds } => {
            let arguments = &mutation.arguments(&extent.arguments);
            let Judgement { catch, .. } =
                Trial { scratch, seeds: extent.seeds, arguments, limit: limits[arguments] }.judge()?;
            Ok((catch.map_or(Fate::Escaped, Fate::Caught), seconds))
        }
    })
}

/// The unbroken build passes all seeds: when a broken one is stuck.
fn passes(scratch: &Scratch, steps: &Steps, seeds: u64, arguments: &[String]) -> Result<Duration> {
    let name = format!("sensitivity: seeds 1 to {seeds} of the unbroken build, {}", arguments.join(" "));
    let trial = Trial { scratch, seeds, arguments, limit: trial::LIMIT_MAX };
    let slowest = steps.run(&name, || match trial.judge()? {
        Judgement { catch: Some(catch), .. } => bail!("it breaks by itself: {catch}"),
        Judgement { slowest, .. } => Ok(slowest),
    })?;
    let limit = trial::limit(slowest);
    println!("{INDENT}the slowest took {:.1} s; {} s are too long", slowest.as_secs_f64(), limit.as_secs());
    Ok(limit)
}

fn unbroken(built: Built) -> Result<()> {
    match built {
        Built::Well { .. } => Ok(()),
        Built::Badly(errors) => bail!("it does not compile:\n{errors}"),
    }
}

/// Tries one after the other and says of each at once what became of it.
fn each(
    steps: &Steps,
    mutations: &[Mutation],
    try_it: impl Fn(&Mutation) -> Result<(Fate, u64)>,
) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::with_capacity(mutations.len());
    for (nth, mutation) in (1..).zip(mutations) {
        let name = format!("sensitivity: {nth} of {}: {}", mutations.len(), mutation.name);
        let began = Instant::now();
        let (fate, build_s) = steps.run(&name, || try_it(mutation))?;
        println!("{INDENT}{fate}, after {} s", began.elapsed().as_secs());
        outcomes.push(Outcome { mutation: mutation.clone(), fate, build_s });
    }
    Ok(outcomes)
}

/// What is said of a step stands under its name.
const INDENT: &str = "            ";
