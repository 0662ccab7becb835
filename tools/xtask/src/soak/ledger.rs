//! The server's own books after a soak: every session that began has ended, and each for a reason that was to be expected.

use std::fs;

use anyhow::{Result, bail};

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
    if reasons.is_empty() {
        bail!("the server's /metrics has no throng_disconnects_total");
    }
    let of = |name: &str| reasons.iter().find(|(reason, _)| reason == name).map_or(0.0, |(_, count)| *count);
    let expected = EXPECTED.iter().map(|reason| of(reason)).sum::<f64>();
    let all = reasons.iter().map(|(_, count)| count).sum::<f64>();
    for (reason, count) in reasons.iter().filter(|(_, count)| *count > 0.0) {
        println!("  disconnected  {count} x {reason}");
    }
    lines.push(Line::exactly("disconnects for other reasons", all - expected, 0.0));
    let journal = metrics.labelled("throng_journal_errors_total", "kind");
    let broken = journal.iter().map(|(_, count)| count).sum::<f64>();
    // A page without the line would be no page without errors.
    lines.push(Line::exactly("journal errors", if journal.is_empty() { f64::NAN } else { broken }, 0.0));
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
const EXPECTED: [&str; 2] = ["user_quit", "taken_over"];
/// Complaints that are shown.
const SHOWN_MAX: usize = 5;
/// A machine that does other work too makes ticks late now and then, and a storm the overload ladder take a step and go back:
/// each is a line. A complaint that comes again and again is more than that.
const WARNINGS_MAX: f64 = 40.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(page: &str) -> Vec<String> {
        let report = serde_json::json!({ "logins": 9, "churn": { "crashes": { "bots": 2 } } });
        let outcome = Outcome { exit: Some(0), out: String::new(), err: String::new(), report: Some(report) };
        let lines = lines(&Metrics::of(page), &outcome).unwrap();
        lines.into_iter().filter(|line| !line.holds()).map(|line| line.what).collect()
    }

    fn page(ended: u32, taken_over: u32, timed_out: u32) -> String {
        format!(
            "throng_transport_events_total{{event=\"sessions_started\"}} 9\n\
             throng_transport_events_total{{event=\"sessions_ended\"}} {ended}\n\
             throng_transport_events_total{{event=\"sessions_taken_over\"}} {taken_over}\n\
             throng_disconnects_total{{reason=\"user_quit\"}} 7\n\
             throng_disconnects_total{{reason=\"taken_over\"}} {taken_over}\n\
             throng_disconnects_total{{reason=\"timed_out\"}} {timed_out}\n\
             throng_journal_errors_total{{kind=\"io\"}} 0\n"
        )
    }

    #[test]
    fn every_session_must_have_ended_and_for_a_reason_that_was_to_be_expected() {
        assert_eq!(broken(&page(9, 2, 0)), Vec::<String>::new());
        assert_eq!(broken(&page(8, 2, 0)), ["sessions that ended"]);
        assert_eq!(broken(&page(9, 3, 0)), ["taken over, by crashes"]);
        assert_eq!(broken(&page(9, 2, 1)), ["disconnects for other reasons"]);
        let blind = page(9, 2, 0).replace("journal", "journey");
        assert_eq!(broken(&blind), ["journal errors"]);
    }
}
