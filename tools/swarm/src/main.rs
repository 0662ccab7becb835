//! A swarm of headless bots that join a server, play, and check every word it says.
//!
//! One process, one loop ([`drive`]), one socket and one client per bot ([`bot`]). What a server tells its clients about
//! each other is compared with what it tells each of them about itself ([`truth`]); a run that finds a single
//! contradiction fails.

mod args;
mod bot;
mod churn;
mod climb;
mod clock;
mod dice;
mod drive;
mod duration;
mod echo;
mod flock;
mod lane;
mod links;
mod movement;
mod ops;
mod pier;
mod play;
#[path = "../../../src/edge/prefetch.rs"]
mod prefetch;
mod process;
mod progress;
mod receipts;
mod report;
mod restored;
mod server_watch;
mod shooter;
mod silence;
mod steer;
mod storm;
mod tally;
mod token;
mod trouble;
mod truth;
mod verdict;
mod view;
mod wire;

use anyhow::{Context, Result};
use clap::Parser;
use std::process::ExitCode;

/// Exit status of a run that does not pass.
const FAILED: u8 = 1;
/// Exit status of a command line that makes no sense.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) if !error.use_stderr() => {
            print!("{error}");
            return ExitCode::SUCCESS;
        }
        Err(error) => return misused(&first_sentence(&error.to_string())),
    };
    let step = args.until_fail();
    let plan = match args.clone().resolve() {
        Ok(plan) => plan,
        Err(error) => return misused(&format!("{error:#}")),
    };
    let has_passed = match step {
        Some(step) => climb::climb(&args, step).map(|climb| climb.held > 0),
        None => run(plan),
    };
    match has_passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            eprintln!("swarm: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

/// Runs the plan and tells everything about it; whether it passed.
fn run(plan: args::Plan) -> Result<bool> {
    let json = plan.json.clone();
    let (report, findings) = drive::run(plan)?;
    print!("{}", report.table());
    if let Some(load) = report.human_load() {
        println!("  {:<13} {load}", "load");
    }
    for (kind, case) in findings.cases() {
        println!("  {:<13} {case}", kind.name());
    }
    if let Some(file) = json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(&file, text + "\n").with_context(|| format!("{} cannot be written", file.display()))?;
    }
    println!("{}", if report.pass { "PASS" } else { "FAIL" });
    for reason in &report.reasons {
        println!("  {reason}");
    }
    Ok(report.pass)
}

fn misused(sentence: &str) -> ExitCode {
    eprintln!("swarm: {sentence}");
    ExitCode::from(MISUSED)
}

/// What clap says before it explains the usage, on one line.
fn first_sentence(text: &str) -> String {
    let lines = text.trim_start_matches("error: ").lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}
