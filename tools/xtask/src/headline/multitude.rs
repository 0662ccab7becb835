//! More than the machine can serve at 60 Hz: twice as many people, and all of them in one spot. The server may tell less
//! often; it may not be wrong, slow down the world, or turn anybody away.

use anyhow::Result;

use super::{lines, movement_of, play_with};
use crate::cast::Cast;
use crate::checkout::Checkout;
use crate::judge::{Line, errors, figure, judge};
use crate::step::Steps;
use crate::swarm::{Outcome, Run};

/// Everybody is told at least so often, snapshots a second.
const RATE_P1_MIN_HZ: f64 = 10.0;
/// A world that cannot keep its pace lets nobody in unless told otherwise, and here all are to come in.
const EVERYBODY: [(&str, &str); 1] = [("THRONG_OVERLOAD__HIGHEST", "mobs")];
/// Of 60.
const TICK_RATE_MIN_HZ: f64 = 59.0;
/// How long ago anybody was told of himself.
const OWN_AGE_P99_MS_MAX: f64 = 150.0;

/// Builds, plays and judges both.
pub fn run(checkout: &Checkout, steps: &Steps, humans: Option<&str>) -> Result<()> {
    let cast = Cast::build(checkout, steps, "multitude", false)?;
    let mut found = Vec::new();
    for (name, bots, movement) in [("many", 4_000, movement_of(humans)?), ("one-spot", 2_000, "crowd".to_owned())] {
        let run = Run {
            name: name.to_owned(),
            bots,
            duration_s: 60,
            ramp_s: 20,
            movement: Some(movement.clone()),
            rejoin: false,
            // The swarm shares the processors: that it is late, too, is no fault of the server's.
            truth_only: true,
            extra: Vec::new(),
        };
        let outcome = steps
            .run(&format!("multitude: {bots} bots, {movement}"), || play_with(checkout, &cast, &run, &EVERYBODY))?;
        found.push((name, run, outcome));
    }
    let runs: Vec<(&str, &Outcome)> = found.iter().map(|(name, _, outcome)| (*name, outcome)).collect();
    println!("{}", lines::summary(&runs)?);
    let mut judged = Vec::new();
    for (name, run, outcome) in &found {
        judged.extend(judge_one(name, run, outcome)?);
    }
    judge(&judged)?;
    cast.leave();
    Ok(())
}

fn judge_one(name: &str, run: &Run, outcome: &Outcome) -> Result<Vec<Line>> {
    let found = |path: &str| figure(outcome, path);
    let named = |what: &str| format!("{name}: {what}");
    let refused = outcome.report.as_ref().and_then(|report| report.get("refusals")?.as_object()).map(|by| by.len());
    Ok(vec![
        Line::exactly(&named("bots in at the end"), found("connected")?, f64::from(run.bots)),
        Line::exactly(&named("disconnects"), found("disconnects")?, 0.0),
        Line::exactly(&named("reasons to refuse anybody"), refused.map_or(f64::NAN, |count| count as f64), 0.0),
        Line::exactly(&named("errors"), errors(outcome)?, 0.0),
        Line::at_least(&named("comparisons"), found("comparisons")?, found("comparisons_needed")?),
        Line::at_least(&named("snapshots a second, p1"), found("snapshot_rate_hz.p1")?, RATE_P1_MIN_HZ),
        Line::at_least(&named("ticks a second"), found("server.tick_rate_hz")?, TICK_RATE_MIN_HZ),
        Line::at_most(&named("own age p99, ms"), found("own_age_ms.p99")?, OWN_AGE_P99_MS_MAX),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_often_is_allowed_and_refusals_slow_worlds_and_old_states_are_not() {
        let report = |refusals: serde_json::Value, rate_hz: f64, own_age_ms: f64| {
            serde_json::json!({
                "connected": 60, "disconnects": 0, "errors": { "ghost": 0 }, "comparisons": 9, "comparisons_needed": 8,
                "snapshot_rate_hz": { "p1": 12.0 }, "own_age_ms": { "p99": own_age_ms }, "refusals": refusals,
                "server": { "tick_rate_hz": rate_hz },
            })
        };
        let broken = |report| {
            let outcome = Outcome { exit: Some(0), out: String::new(), err: String::new(), report: Some(report) };
            let lines = judge_one("many", &super::super::Extent::SHORT.run("", "crowd"), &outcome).unwrap();
            lines.iter().filter(|line| !line.holds()).map(|line| line.what.clone()).collect::<Vec<_>>()
        };
        let none = serde_json::json!({});
        assert_eq!(broken(report(none.clone(), 59.0, 150.0)), Vec::<String>::new());
        assert_eq!(broken(report(none.clone(), 58.9, 150.0)), ["many: ticks a second"]);
        assert_eq!(broken(report(none, 60.0, 151.0)), ["many: own age p99, ms"]);
        assert_eq!(broken(report(serde_json::json!({ "full": 1 }), 60.0, 9.0)), ["many: reasons to refuse anybody"]);
        assert_eq!(broken(report(serde_json::Value::Null, 60.0, 9.0)), ["many: reasons to refuse anybody"]);
    }
}
