//! `--until-fail`: the same run again and again with more bots, until something breaks.

use crate::args::Args;
use crate::drive;
use crate::report::{Report, ServerReport};
use anyhow::{Context, Result};
use protocol::unit::TICK_RATE_HZ;
use serde::Serialize;

/// A server whose slowest tick of a hundred takes longer than a tick cannot be said to keep up.
const TICK_MS_MAX: f64 = 1_000.0 / TICK_RATE_HZ as f64;

/// How far it went.
#[derive(Debug, Default, Serialize)]
pub struct Climb {
    /// The most bots with whom everything held; 0 if the first step broke.
    pub held: usize,
    /// With how many it broke, if it did.
    pub broke_at: Option<usize>,
    /// What broke.
    pub reasons: Vec<String>,
    /// The figures of every step.
    pub steps: Vec<Report>,
}

impl Climb {
    /// Takes the figures of a step; whether it held.
    fn take(&mut self, report: Report) -> bool {
        let reasons = broken(&report);
        println!("  {}", line(&report, reasons.is_empty()));
        if reasons.is_empty() {
            self.held = report.bots;
        } else {
            (self.broke_at, self.reasons) = (Some(report.bots), reasons);
        }
        self.steps.push(report);
        self.broke_at.is_none()
    }

    /// What is to be known in the end.
    fn conclusion(&self) -> String {
        let held = match self.held {
            0 => "nothing held".to_owned(),
            held => format!("{held} bots held"),
        };
        match self.broke_at {
            Some(bots) => format!("{held}; with {bots} broke: {}", self.reasons.join(" ")),
            None => format!("{held}, and more are not tried"),
        }
    }
}

/// Runs what `args` say with ever `step` more bots, up to as many as there can be.
///
/// # Errors
/// A step could not be run at all, or its figures could not be written.
pub fn climb(args: &Args, step: u64) -> Result<Climb> {
    let mut climb = Climb::default();
    for args in args.rungs(step) {
        let plan = args.resolve()?;
        let (json, bots) = (plan.json.clone(), plan.bots);
        let (report, _) = drive::run(plan).with_context(|| format!("with {bots} bots ({})", climb.conclusion()))?;
        let has_held = climb.take(report);
        if let Some(file) = json {
            let text = serde_json::to_string_pretty(&climb)?;
            std::fs::write(&file, text + "\n").with_context(|| format!("{} cannot be written", file.display()))?;
        }
        if !has_held {
            break;
        }
    }
    println!("{}", climb.conclusion());
    Ok(climb)
}

/// Why a step has not held: all that fails a run, and what a server does that cannot keep up but goes on.
fn broken(report: &Report) -> Vec<String> {
    let mut reasons = report.reasons.clone();
    if report.waiting > 0 {
        reasons
            .push(format!("the server let {} in and {} wait (server.players_max).", report.connected, report.waiting));
    }
    let server = report.server.iter().filter(|_| !report.truth_only);
    for ServerReport { tick_ms, overload_level_max, .. } in server {
        if *overload_level_max > 0 {
            reasons.push(format!("the server was overloaded, level {overload_level_max}."));
        }
        if tick_ms.p99 > TICK_MS_MAX {
            reasons.push(format!("ticks took {:.1} ms (p99), {TICK_MS_MAX:.1} are there.", tick_ms.p99));
        }
    }
    reasons
}

fn line(report: &Report, has_held: bool) -> String {
    let server = report.server.clone().unwrap_or_default();
    format!(
        "{:>6} bots: {}; tick p99 {:.2} ms, {:.2} us per player-tick, CPU {:.0} %, snapshots p1 {:.1} Hz, swarm late by {:.2} \
         ms (p99)",
        report.bots,
        if has_held { "held" } else { "broke" },
        server.tick_ms.p99,
        server.us_per_player_tick,
        server.cpu_percent.total,
        report.snapshot_rate_hz.p1,
        report.swarm.loop_lag_ms_p99
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::TickMs;

    fn held(bots: usize) -> Report {
        Report { bots, connected: bots, server: Some(ServerReport::default()), ..Report::default() }
    }

    #[test]
    fn it_ends_at_the_first_step_that_breaks_and_names_the_last_that_held() {
        let mut climb = Climb::default();
        assert!(climb.take(held(500)) && climb.take(held(1_000)));
        let late = Report { reasons: vec!["it was late.".to_owned()], ..held(1_500) };
        assert!(!climb.take(late));
        assert_eq!((climb.held, climb.broke_at, climb.steps.len()), (1_000, Some(1_500), 3));
        assert_eq!(climb.conclusion(), "1000 bots held; with 1500 broke: it was late.");
    }

    #[test]
    fn what_has_not_broken_is_said_not_to_have() {
        let mut climb = Climb::default();
        assert!(climb.take(held(10_000)));
        assert_eq!(climb.conclusion(), "10000 bots held, and more are not tried");
        let mut none = Climb::default();
        assert!(!none.take(Report { reasons: vec!["no.".to_owned()], ..held(5) }));
        assert_eq!(none.conclusion(), "nothing held; with 5 broke: no.");
    }

    #[test]
    fn a_server_that_goes_on_and_cannot_keep_up_has_not_held() {
        let with = |server: ServerReport| Report { server: Some(server), ..held(9) };
        let slow = ServerReport { tick_ms: TickMs { p99: 16.8, ..TickMs::default() }, ..ServerReport::default() };
        let overloaded = ServerReport { overload_level_max: 1, ..ServerReport::default() };
        assert_eq!(broken(&held(9)), Vec::<String>::new());
        assert_eq!(broken(&with(slow.clone())), ["ticks took 16.8 ms (p99), 16.7 are there."]);
        assert_eq!(broken(&with(overloaded)), ["the server was overloaded, level 1."]);
        assert_eq!(broken(&Report { truth_only: true, ..with(slow) }), Vec::<String>::new());
        let full = Report { connected: 6, waiting: 3, ..held(9) };
        assert_eq!(broken(&full), ["the server let 6 in and 3 wait (server.players_max)."]);
    }
}
