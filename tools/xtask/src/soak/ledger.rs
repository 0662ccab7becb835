//! The server's own books after a soak: every session that began has ended, and each for a reason that was to be expected.

use std::fs;

use anyhow::Result;

use crate::judge::{Line, figure};
use crate::metrics::Metrics;
use crate::stage::Place;
use crate::swarm::Outcome;

/// Sessions by how they ended, against what the swarm did.
pub(super) fn lines(metrics: &Metrics, outcome: &Outcome) -> Result<Vec<Line>> {
    let (started, ended) = (metrics.event("sessions_started")?, metrics.event("sessions_ended")?);
    let crashes = figure(outcome, "churn.crashes.bots")?;
    let mut lines = vec![
        Line::exactly("sessions that ended", ended, started),
        Line::exactly("sessions begun, by logins", started, figure(outcome, "logins")?),
        Line::exactly("taken over, by crashes", metrics.event("sessions_taken_over")?, crashes),
    ];
    let reasons = metrics.labelled("throng_disconnects_total", "reason");
    let of = |name: &str| reasons.iter().find(|(reason, _)| reason == name).map_or(0.0, |(_, count)| *count);
    let expected = EXPECTED.iter().map(|reason| of(reason)).sum::<f64>();
    let all = reasons.iter().map(|(_, count)| count).sum::<f64>();
    for (reason, count) in reasons.iter().filter(|(_, count)| *count > 0.0) {
        println!("  disconnected  {count} x {reason}");
    }
    lines.push(Line::exactly("disconnects for other reasons", all - expected, 0.0));
    lines.push(Line::exactly(
        "world stalled, journal errors",
        metrics.value("throng_journal_errors_total").unwrap_or(0.0),
        0.0,
    ));
    Ok(lines)
}

/// What the server complained of; each kind of complaint is printed once.
pub(super) fn log_lines(place: &Place) -> Vec<Line> {
    let log = fs::read_to_string(place.data.with_file_name("server.log")).unwrap_or_default();
    let complaints = |level: &str| {
        let lines: Vec<&str> =
            log.lines().filter(|line| line.split_whitespace().take(3).any(|word| word == level)).collect();
        lines.iter().take(SHOWN_MAX).for_each(|line| println!("  it said       {line}"));
        lines.len() as f64
    };
    vec![
        Line::exactly("errors in the server's log", complaints("ERROR"), 0.0),
        Line::at_most("warnings in the server's log", complaints("WARN"), WARNINGS_MAX),
    ]
}

/// Bots say goodbye, and crashed ones are taken over.
const EXPECTED: [&str; 2] = ["closed", "taken_over"];
/// Complaints that are shown.
const SHOWN_MAX: usize = 5;
/// Storms may make the server warn of load.
const WARNINGS_MAX: f64 = 0.0;
