//! Proves the checker: a server built to lie in one stated way must be caught by the swarm, an honest one must pass.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::stage::Place;
use crate::step::Steps;
use crate::swarm::{Outcome, Run};
use crate::table::table;

/// Runs the control and every fault and prints the table; fails when any verdict is not the expected one.
pub fn run(checkout: &Checkout, steps: &Steps, full: bool) -> Result<()> {
    let server = steps.run("faults: build the server that can lie", || build_liar(checkout, !full))?;
    let swarm = steps.run("faults: build the swarm", || checkout.build_program("swarm", !full, &[]))?;

    let scratch = checkout.scratch("faults")?;
    let mut verdicts = Vec::new();
    for trial in &TRIALS {
        let name = format!("faults: {}", trial.name());
        let outcome = steps.run(&name, || trial.play(checkout, &server, &swarm, &scratch, full))?;
        verdicts.push((trial, outcome));
    }
    conclude(&verdicts, full, &scratch)
}

/// Builds among the honest ones, so that only what the feature touches is built again, and moves the result away: what
/// lies must not be left where an honest server is expected.
pub fn build_liar(checkout: &Checkout, short: bool) -> Result<PathBuf> {
    let built = checkout.build_program("throng", short, &["--features", "throng/faults"])?;
    let folder = checkout.target_folder()?.join("faults");
    std::fs::create_dir_all(&folder)?;
    let liar = folder.join("throng");
    std::fs::rename(&built, &liar)?;
    Ok(liar)
}

fn conclude(verdicts: &[(&Trial, Outcome)], full: bool, scratch: &Path) -> Result<()> {
    let row = |(trial, outcome): &(&Trial, Outcome)| {
        vec![trial.name().to_owned(), outcome.exit_cell(), outcome.errors_line()]
    };
    println!("{}", table(&["fault", "exit", "errors"], &verdicts.iter().map(row).collect::<Vec<_>>()));
    let wrong: Vec<String> = verdicts
        .iter()
        .filter_map(|(trial, outcome)| Some(format!("{}: {}", trial.name(), trial.fault_of(outcome, full)?)))
        .collect();
    if !wrong.is_empty() {
        bail!("the swarm's verdict is wrong: {} (logs in {})", wrong.join("; "), scratch.display());
    }
    // Best effort: what is left lies under the build folder.
    let _ = std::fs::remove_dir_all(scratch);
    Ok(())
}

/// One server and the crowd sent to it.
struct Trial {
    /// The lie it is told to tell, None for the control.
    fault: Option<&'static str>,
    movement: &'static str,
}

impl Trial {
    fn name(&self) -> &'static str {
        self.fault.unwrap_or("control")
    }

    fn swarm_run(&self, full: bool) -> Run {
        let (bots, duration_s) = if full { (300, 20) } else { (100, 8) };
        let movement = Some(self.movement.to_owned());
        Run {
            name: "swarm".to_owned(),
            bots,
            duration_s,
            ramp_s: 2,
            movement,
            rejoin: false,
            truth_only: true,
            extra: ["--shots", "1"].map(str::to_owned).to_vec(),
        }
    }

    fn play(&self, checkout: &Checkout, server: &Path, swarm: &Path, scratch: &Path, full: bool) -> Result<Outcome> {
        let extra: Vec<&str> = self.fault.map(|fault| ["--fault", fault]).into_iter().flatten().collect();
        let place = Place::new(checkout, server, scratch, self.name(), &extra)?;
        let server = place.start()?;
        let outcome = self.swarm_run(full).finish(swarm, &place)?;
        server.kill()?;
        Ok(outcome)
    }

    fn fault_of(&self, outcome: &Outcome, full: bool) -> Option<String> {
        match self.fault {
            Some(_) => outcome.fault_of_caught_run(),
            None => outcome.fault_of_clean_run(&self.swarm_run(full)),
        }
    }
}

/// The control first: a checker that accuses the honest proves nothing by accusing the others. `forget-leave` shows
/// only where players leave each other's sight, so its crowd moves in clumps.
const TRIALS: [Trial; 8] = [
    Trial { fault: None, movement: "crowd" },
    Trial { fault: Some("drop-entity"), movement: "crowd" },
    Trial { fault: Some("shift-coordinate"), movement: "crowd" },
    Trial { fault: Some("double-message"), movement: "crowd" },
    Trial { fault: Some("forget-leave"), movement: "clumped" },
    Trial { fault: Some("stop-snapshots"), movement: "crowd" },
    Trial { fault: Some("double-shot"), movement: "crowd" },
    Trial { fault: Some("bend-shot"), movement: "crowd" },
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outcome(exit: i32, missing: u32) -> Outcome {
        let report = json!({ "connected": 100, "comparisons": 9, "errors": { "missing": missing } });
        Outcome { exit: Some(exit), out: String::new(), err: String::new(), report: Some(report) }
    }

    #[test]
    fn the_honest_must_pass_and_every_liar_must_be_caught() {
        for (honest, caught) in [(true, true), (true, false), (false, true)] {
            let verdict = |trial: &Trial| {
                let pass = if trial.fault.is_none() { honest } else { !caught };
                if pass { outcome(0, 0) } else { outcome(1, 4) }
            };
            let verdicts: Vec<(&Trial, Outcome)> = TRIALS.iter().map(|trial| (trial, verdict(trial))).collect();
            let scratch = Path::new("/nonexistent");
            assert_eq!(conclude(&verdicts, false, scratch).is_ok(), honest && caught);
        }
    }

    #[test]
    fn the_full_form_is_larger() {
        let (short, full) = (TRIALS[0].swarm_run(false), TRIALS[0].swarm_run(true));
        assert_eq!((short.bots, short.duration_s, full.bots, full.duration_s), (100, 8, 300, 20));
    }
}
