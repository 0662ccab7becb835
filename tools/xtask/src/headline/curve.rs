//! What a player costs the more of them there are: one run for each number, a table, and a plot.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::plot::{Panel, svg};
use super::{lines, movement_of, play_alone};
use crate::cast::Cast;
use crate::checkout::Checkout;
use crate::judge::{Line, errors, figure, judge};
use crate::step::Steps;
use crate::swarm::{Outcome, Run};

/// How many bots each run has.
const BOTS: [u32; 5] = [100, 500, 1_000, 2_000, 4_000];
/// Up to here the cost of a player may not rise...
const FLAT_UP_TO: u32 = 2_000;
/// ...by more than two runs of the same differ.
const FLAT_SHARE: f64 = 1.1;

/// Builds, plays, judges and draws into `plot`.
pub fn run(checkout: &Checkout, steps: &Steps, humans: Option<&str>, plot: Option<&Path>) -> Result<()> {
    let movement = movement_of(humans)?;
    let cast = Cast::build(checkout, steps, "curve", false)?;
    let mut found = Vec::new();
    for bots in BOTS {
        let run = Run {
            name: format!("bots-{bots}"),
            bots,
            duration_s: 30,
            ramp_s: (bots / 200).max(2),
            movement: Some(movement.clone()),
            rejoin: false,
            // Beyond what the machine can do together with the swarm the figures are still worth having.
            truth_only: bots > FLAT_UP_TO,
            extra: Vec::new(),
        };
        let outcome = steps.run(&format!("curve: {bots} bots, {movement}"), || play_alone(checkout, &cast, &run))?;
        found.push((bots, outcome));
    }
    let names: Vec<String> = found.iter().map(|(bots, _)| bots.to_string()).collect();
    let runs: Vec<(&str, &Outcome)> = names.iter().map(String::as_str).zip(found.iter().map(|(_, run)| run)).collect();
    println!("{}", lines::summary(&runs)?);
    if let Some(file) = plot {
        fs::write(file, svg(&panels(&found)?)).with_context(|| format!("{} cannot be written", file.display()))?;
        println!("  drawn in {}", file.display());
    }
    judge(&judged(&found)?)?;
    cast.leave();
    Ok(())
}

fn panels(found: &[(u32, Outcome)]) -> Result<[Panel; 3]> {
    let of = |title: &'static str, path: &str| -> Result<Panel> {
        // A run from which some were turned away is none of so many.
        let whole =
            found.iter().filter(|(bots, run)| figure(run, "connected").is_ok_and(|all| all >= f64::from(*bots)));
        let points = whole.map(|(bots, outcome)| Ok((*bots, figure(outcome, path)?)));
        Ok(Panel { title, points: points.collect::<Result<_>>()? })
    };
    Ok([
        of("CPU, us per player-tick", "server.us_per_player_tick")?,
        of("tick p99, ms", "server.tick_ms.p99")?,
        of("snapshots a second, worst 1 %", "snapshot_rate_hz.p1")?,
    ])
}

fn judged(found: &[(u32, Outcome)]) -> Result<Vec<Line>> {
    let (mut judged, mut least_us) = (Vec::new(), f64::INFINITY);
    for (bots, outcome) in found {
        judged.push(Line::exactly(&format!("{bots}: bots in"), figure(outcome, "connected")?, f64::from(*bots)));
        judged.push(Line::exactly(&format!("{bots}: errors"), errors(outcome)?, 0.0));
        if *bots <= FLAT_UP_TO {
            let us = figure(outcome, "server.us_per_player_tick")?;
            judged.push(Line::at_most(&format!("{bots}: us per player-tick"), us, least_us * FLAT_SHARE));
            least_us = least_us.min(us);
        }
    }
    Ok(judged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(bots: u32, us: f64) -> (u32, Outcome) {
        let report = serde_json::json!({
            "connected": bots, "errors": { "ghost": 0 }, "snapshot_rate_hz": { "p1": 59 },
            "server": { "us_per_player_tick": us, "tick_ms": { "p99": 3.5 } },
        });
        (bots, Outcome { exit: Some(0), out: String::new(), err: String::new(), report: Some(report) })
    }

    #[test]
    fn the_cost_of_a_player_may_not_rise_up_to_two_thousand() {
        let broken = |us: [f64; 5]| {
            let found: Vec<_> = BOTS.into_iter().zip(us).map(|(bots, us)| outcome(bots, us)).collect();
            let lines = judged(&found).unwrap();
            lines.iter().filter(|line| !line.holds()).map(|line| line.what.clone()).collect::<Vec<_>>()
        };
        assert_eq!(broken([20.0, 12.0, 10.0, 10.5, 30.0]), Vec::<String>::new());
        assert_eq!(broken([8.0, 8.1, 8.2, 9.0, 9.0]), ["2000: us per player-tick"]);
    }

    #[test]
    fn the_plot_has_a_point_for_each_run() {
        let panels = panels(&[outcome(100, 9.0), outcome(500, 8.0)]).unwrap();
        assert_eq!(panels[0].points, [(100, 9.0), (500, 8.0)]);
    }

    #[test]
    fn a_run_from_which_some_were_turned_away_is_not_drawn() {
        let mut full = outcome(4_000, 5.0);
        if let Some(report) = &mut full.1.report {
            report["connected"] = 2_500.into();
        }
        assert_eq!(panels(&[outcome(100, 9.0), full]).unwrap()[0].points, [(100, 9.0)]);
    }
}
