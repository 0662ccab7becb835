//! Whether a run passes, and if not, why: one sentence per reason.

use crate::report::Report;
use crate::storm::StormReport;
use crate::trouble::Recovery;
use crate::truth::{Findings, KINDS};
use rudp::Reason;

/// Comparisons that a full run needs...
const COMPARISONS_FULL: u64 = 1_000_000;
/// ...which has at least this many bots...
const FULL_BOTS: usize = 100;
/// ...for at least this long, in seconds.
const FULL_S: f64 = 20.0;
/// Smaller runs need this many per bot and second for each other in view (a quarter of what 60 Hz would give)...
const PER_VISIBLE: f64 = 15.0;
/// ...but no more than this.
const PER_BOT_SECOND_MAX: f64 = 150.0;
/// Bots whose server dies again and again see others for a part of the time only.
const PER_SURVIVOR: f64 = 1.0;
/// The tick rate that is promised, and how far a run may be off.
const TICK_RATE_HZ: (f64, f64) = (60.0, 0.5);
/// A swarm that is later than this at its own ticks (p99) does not put the load on the server that it claims.
const LOOP_LAG_MS_MAX: f64 = 5.0;
/// For so much of its time a swarm may be too late to judge, percent: beyond, it has not looked. One stumble takes two seconds,
/// so that a run of a few seconds is not judged by it: what it has compared is counted all the same.
const LATE_PERCENT_MAX: f64 = 50.0;
/// All bots must be in again this soon after the server is ready, in seconds.
const REJOIN_S_MAX: f64 = 10.0;

/// How many comparisons a run of this size needs.
pub fn comparisons_needed(report: &Report) -> u64 {
    if report.bots >= FULL_BOTS && report.duration_s >= FULL_S && report.rejoin.is_none() {
        return COMPARISONS_FULL;
    }
    if report.survives {
        return (PER_SURVIVOR * report.bots as f64 * report.duration_s) as u64;
    }
    let per_bot_second = (PER_VISIBLE * report.visible.mean).min(PER_BOT_SECOND_MAX);
    let needed = per_bot_second * report.bots as f64 * report.duration_s;
    (needed as u64).min(COMPARISONS_FULL)
}

/// Packets that may be lost on the machine's own network.
const LOSS_RATIO_MAX: f64 = 0.001;
/// Mean round trip that the machine's own network and two 60 Hz ends explain.
const RTT_MS_MAX: f64 = 20.0;

/// Why the run does not pass; empty if it does. `tick_rate_hz` is what the bots heard; `server_failure` is why there are
/// no figures of the server.
pub fn reasons(
    report: &Report,
    findings: &Findings,
    refusals: &[String],
    tick_rate_hz: Option<f64>,
    server_failure: Option<&str>,
) -> Vec<String> {
    let mut reasons = Vec::new();
    // Whom the server has asked to wait is where he should be.
    if report.connected + report.waiting != report.bots {
        let why = if refusals.is_empty() { String::new() } else { format!(" ({})", refusals.join("; ")) };
        reasons.push(format!("{} of {} bots were in at the end{why}.", report.connected, report.bots));
    }
    if report.rejoin.is_none() && report.disconnects > 0 {
        let why = if report.connected < report.bots || refusals.is_empty() {
            String::new()
        } else {
            format!(" ({})", refusals.join("; "))
        };
        reasons.push(format!("{} sessions were disconnected{why}.", report.disconnects));
    }
    for kind in KINDS.into_iter().filter(|kind| findings.count(*kind) > 0) {
        let first = findings.cases().iter().find(|(case, _)| *case == kind).map_or("", |(_, case)| case);
        reasons.push(format!("{} {} errors; the first: {first}.", findings.count(kind), kind.name()));
    }
    reasons.extend(link_reasons(report));
    reasons.extend(trouble_reasons(report));
    if report.comparisons < report.comparisons_needed {
        let (made, needed) = (report.comparisons, report.comparisons_needed);
        reasons.push(format!(
            "only {made} states were compared, {needed} are needed: take more bots, more time or denser movement."
        ));
    }
    match tick_rate_hz {
        _ if report.truth_only => {}
        Some(rate) if (rate - TICK_RATE_HZ.0).abs() <= TICK_RATE_HZ.1 => {}
        Some(rate) => reasons.push(format!("the server ticked at {rate:.2} Hz instead of 60 +- 0.5.")),
        None => reasons.push("no bot heard enough of the server to tell its tick rate.".to_owned()),
    }
    if report.server.is_none() && !report.survives {
        let why = server_failure.unwrap_or("there were fewer than two samples");
        reasons.push(format!("the server's status could not be read: {why}."));
    }
    if report.swarm.loop_lag_ms_p99 > LOOP_LAG_MS_MAX && !report.truth_only {
        let lag = report.swarm.loop_lag_ms_p99;
        reasons.push(format!(
            "invalid load: the swarm itself was {lag:.1} ms late (p99), {LOOP_LAG_MS_MAX} ms are allowed."
        ));
    }
    if report.swarm.late_percent > LATE_PERCENT_MAX && report.duration_s >= FULL_S {
        let late = report.swarm.late_percent;
        reasons.push(format!(
            "the swarm was too late to judge for {late:.1} % of the time, {LATE_PERCENT_MAX} % are allowed."
        ));
    }
    reasons.extend(rejoin_reason(report));
    reasons
}

/// On one machine nothing is lost and nothing takes long, unless server or swarm are overrun. A run in which the server
/// was down for a while is not judged by it.
fn link_reasons(report: &Report) -> Vec<String> {
    let mut reasons = Vec::new();
    let is_troubled = report.link.is_some() || report.links.is_some() || is_befallen(report);
    if report.rejoin.is_some() || report.truth_only || is_troubled {
        return reasons;
    }
    if report.loss_ratio > LOSS_RATIO_MAX {
        reasons.push(format!("{:.3} % of the packets were lost, 0.1 % are allowed.", report.loss_ratio * 100.0));
    }
    if report.rtt_ms.mean >= RTT_MS_MAX {
        reasons.push(format!("the round trip took {:.1} ms on average, it must be under 20 ms.", report.rtt_ms.mean));
    }
    reasons
}

/// Whoever moved or was cut off must be back, and in the session that it had.
fn trouble_reasons(report: &Report) -> Vec<String> {
    let mut reasons = Vec::new();
    let churn = report.churn.unwrap_or_default();
    let kinds = [("changed their address", report.moves), ("were cut off", report.outage)];
    for (what, Recovery { bots, back, .. }) in kinds.iter().filter_map(|(what, kind)| Some((what, (*kind)?))) {
        if bots == 0 || back < bots {
            reasons.push(format!("of {bots} bots that {what} {back} were told of themselves again."));
        }
    }
    let goings = [("left", churn.leaves), ("crashed", churn.crashes), ("fell silent", churn.resumes)];
    for (what, Recovery { bots, back, .. }) in goings.iter().filter(|(_, kind)| kind.back < kind.bots) {
        reasons.push(format!("of {bots} bots that {what} {back} were told of themselves again."));
    }
    if report.churn.is_some() && goings.iter().all(|(_, kind)| kind.bots == 0) {
        reasons.push("nobody came or went.".to_owned());
    }
    let of_storms: usize = report.storms.iter().map(|storm| storm.joined).sum();
    let logins = (report.bots + of_storms) as u64 + churn.leaves.back + churn.crashes.back;
    if is_befallen(report) && report.rejoin.is_none() && report.logins != logins {
        reasons.push(format!("bots were welcomed {} times instead of {logins}.", report.logins));
    }
    reasons.extend(report.storms.iter().filter_map(StormReport::reason));
    // Over a link that breaks a handshake may come to nothing, and is begun anew. The server itself refuses nobody.
    let links_break = report.link.is_some() || report.links.is_some();
    let refused = |reason: &str| !(links_break && reason == Reason::TimedOut.label());
    for (reason, count) in report.refusals.iter().filter(|(reason, _)| is_befallen(report) && refused(reason)) {
        reasons.push(format!("{count} attempts to join came to nothing: {reason}."));
    }
    reasons
}

/// Whether something befalls bots in this run.
fn is_befallen(report: &Report) -> bool {
    let has_storms = !report.storms.is_empty();
    report.moves.is_some() || report.outage.is_some() || report.churn.is_some() || has_storms
}

fn rejoin_reason(report: &Report) -> Option<String> {
    let rejoin = report.rejoin.filter(|rejoin| rejoin.restarts > 0 && !report.survives)?;
    if rejoin.timed == 0 {
        return Some("the server restarted, but not all bots came back after a /ready that was seen.".to_owned());
    }
    let late = rejoin.all_in_s > REJOIN_S_MAX;
    late.then(|| {
        format!("all bots were in again only {:.1} s after /ready, {REJOIN_S_MAX} s are allowed.", rejoin.all_in_s)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{ChurnReport, Rejoin, ServerReport, Spread, SwarmReport, Visible};
    use crate::truth::Kind;

    fn good() -> Report {
        let mut report = Report {
            bots: 100,
            connected: 100,
            duration_s: 30.0,
            comparisons: 2_000_000,
            server: Some(ServerReport::default()),
            visible: Visible { mean: 5.0, p99: 9.0 },
            ..Report::default()
        };
        report.comparisons_needed = comparisons_needed(&report);
        report
    }

    fn judged(report: &Report) -> Vec<String> {
        reasons(report, &Findings::default(), &[], Some(60.0), None)
    }

    #[test]
    fn a_good_run_has_no_reason_to_fail() {
        assert_eq!(judged(&good()), Vec::<String>::new());
    }

    #[test]
    fn who_came_and_went_must_be_back_and_the_server_refuses_nobody() {
        let all = |bots: u64| Recovery { bots, back: bots, ..Recovery::default() };
        let churn = ChurnReport { leaves: all(5), crashes: all(3), resumes: all(2), restored: 8 };
        let storm = StormReport { bots: 50, joined: 50, ..StormReport::default() };
        let run = Report { churn: Some(churn), storms: vec![storm], logins: 158, ..good() };
        assert_eq!(judged(&run), Vec::<String>::new());
        let late = ChurnReport { crashes: Recovery { back: 2, ..all(3) }, ..churn };
        let refused: std::collections::BTreeMap<_, _> = [(Reason::TimedOut.label(), 1)].into();
        let cases: [(Report, &str); 5] = [
            (Report { churn: Some(late), logins: 157, ..run.clone() }, "of 3 bots that crashed 2 were told"),
            (Report { churn: Some(ChurnReport::default()), logins: 150, ..run.clone() }, "nobody came or went."),
            (Report { logins: 159, ..run.clone() }, "bots were welcomed 159 times instead of 158."),
            (Report { storms: vec![StormReport { left_behind: 1, ..storm }], ..run.clone() }, "a storm of 50 bots had"),
            (Report { refusals: refused.clone(), ..run.clone() }, "1 attempts to join came to nothing: timed_out."),
        ];
        for (report, sentence) in cases {
            let reasons = judged(&report);
            assert!(reasons.len() == 1 && reasons[0].starts_with(sentence), "{reasons:?}");
        }
        let linked = Report { refusals: refused, link: Some("bad".to_owned()), ..run };
        assert_eq!(judged(&linked), Vec::<String>::new(), "a handshake over a bad link may fail");
    }

    #[test]
    fn whoever_waits_in_the_queue_is_no_fault() {
        assert_eq!(judged(&Report { connected: 60, waiting: 40, queued: 50, ..good() }), Vec::<String>::new());
    }

    #[test]
    fn truth_only_forgives_slowness_but_no_error() {
        let swarm = SwarmReport { loop_lag_ms_p99: 50.0, ..SwarmReport::default() };
        let slow = Report { loss_ratio: 0.5, swarm, truth_only: true, ..good() };
        assert_eq!(reasons(&slow, &Findings::default(), &[], Some(40.0), None), Vec::<String>::new());
        let absent = Report { connected: 99, ..slow };
        assert_eq!(reasons(&absent, &Findings::default(), &[], Some(40.0), None).len(), 1);
    }

    #[test]
    fn each_shortcoming_has_one_sentence() {
        let slow = Spread { mean: 20.0, p50: 1.0, p99: 99.0 };
        let late = SwarmReport { late_percent: 50.1, ..SwarmReport::default() };
        let cases: [(Report, &str); 10] = [
            (Report { swarm: late, ..good() }, "the swarm was too late to judge for 50.1 % of the time"),
            (Report { loss_ratio: 0.002, ..good() }, "0.200 % of the packets were lost"),
            (Report { rtt_ms: slow, ..good() }, "the round trip took 20.0 ms"),
            (Report { connected: 99, ..good() }, "99 of 100 bots were in at the end."),
            (Report { connected: 90, waiting: 9, ..good() }, "90 of 100 bots were in at the end."),
            (Report { disconnects: 2, ..good() }, "2 sessions were disconnected."),
            (Report { comparisons: 999_999, ..good() }, "only 999999 states were compared"),
            (Report { server: None, ..good() }, "the server's status could not be read"),
            (
                Report { swarm: SwarmReport { loop_lag_ms_p99: 5.1, ..SwarmReport::default() }, ..good() },
                "invalid load",
            ),
            (
                Report {
                    rejoin: Some(Rejoin {
                        restarts: 1,
                        timed: 1,
                        all_in_s: 10.5,
                        sessions_lost: 100,
                        ..Rejoin::default()
                    }),
                    ..good()
                },
                "all bots were in again only 10.5 s",
            ),
        ];
        for (report, sentence) in cases {
            let reasons = judged(&report);
            assert!(reasons.len() == 1 && reasons[0].starts_with(sentence), "{reasons:?}");
        }
    }

    #[test]
    fn one_stumble_of_the_swarm_does_not_fail_a_run_of_a_few_seconds() {
        let swarm = SwarmReport { late_percent: 60.0, ..SwarmReport::default() };
        let late = |duration_s| judged(&Report { duration_s, swarm, ..good() }).len();
        assert_eq!([late(6.0), late(20.0)], [0, 1]);
    }

    #[test]
    fn tick_rates_beyond_half_a_hertz_fail() {
        let rate = |rate| reasons(&good(), &Findings::default(), &[], rate, None).len();
        assert_eq!([rate(Some(59.5)), rate(Some(60.5)), rate(Some(59.49)), rate(None)], [0, 0, 1, 1]);
    }

    #[test]
    fn every_kind_of_error_fails_the_run_and_is_told_with_its_first_case() {
        for kind in KINDS {
            let mut findings = Findings::default();
            findings.add(kind, || "here".to_owned());
            findings.add(kind, || "there".to_owned());
            let reasons = reasons(&good(), &findings, &[], Some(60.0), None);
            assert_eq!(reasons, [format!("2 {} errors; the first: here.", kind.name())]);
        }
        assert_eq!(Kind::Desync.name(), "desync");
    }

    #[test]
    fn disconnects_are_expected_when_bots_may_rejoin() {
        let rejoin = Some(Rejoin { restarts: 1, timed: 1, all_in_s: 6.0, sessions_lost: 100, ..Rejoin::default() });
        assert_eq!(judged(&Report { disconnects: 100, rejoin, ..good() }), Vec::<String>::new());
    }

    #[test]
    fn a_swarm_that_survives_forgives_how_long_a_server_was_gone_and_nothing_that_it_said() {
        let rejoin = Some(Rejoin { restarts: 9, timed: 0, all_in_s: 60.0, sessions_lost: 900, ..Rejoin::default() });
        let dead = Report { disconnects: 900, rejoin, server: None, survives: true, ..good() };
        assert_eq!(judged(&dead), Vec::<String>::new());
        assert_eq!(judged(&Report { connected: 99, ..dead.clone() }).len(), 1);
        assert_eq!(comparisons_needed(&dead), 3_000, "one for each bot and second");
        let other = Report { survives: false, ..dead };
        assert_eq!(judged(&other).len(), 2, "{:?}", judged(&other));
    }

    #[test]
    fn whoever_moved_or_was_cut_off_must_be_back_in_the_same_session() {
        let recovery = |bots, back| Some(Recovery { bots, back, ..Recovery::default() });
        let troubled =
            Report { logins: 100, loss_ratio: 0.1, moves: recovery(20, 20), outage: recovery(5, 5), ..good() };
        assert_eq!(judged(&troubled), Vec::<String>::new());
        for wrong in [
            Report { moves: recovery(20, 19), ..troubled.clone() },
            Report { outage: recovery(0, 0), ..troubled.clone() },
            Report { logins: 101, ..troubled.clone() },
        ] {
            assert_eq!(judged(&wrong).len(), 1, "{:?}", judged(&wrong));
        }
        assert_eq!(judged(&Report { link: Some("bad".into()), loss_ratio: 0.1, ..good() }), Vec::<String>::new());
    }

    #[test]
    fn small_runs_need_fewer_comparisons() {
        let small = |bots, duration_s, mean| {
            comparisons_needed(&Report { bots, duration_s, visible: Visible { mean, p99: 0.0 }, ..Report::default() })
        };
        assert_eq!(small(100, 20.0, 1.0), 1_000_000);
        assert_eq!(small(60, 6.0, 2.0), 10_800);
        assert_eq!(small(99, 8.0, 98.0), 118_800);
        assert_eq!(small(99, 3_600.0, 98.0), 1_000_000);
    }
}
