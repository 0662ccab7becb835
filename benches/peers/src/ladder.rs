//! Fewer clients, step by step, for those that cannot carry as many as were asked for.

use crate::{Peer, sockets};
use anyhow::Result;
use measure::echo::load::{Figures, Plan, TICK_RATE_HZ};
use measure::echo::report::{KERNEL, Report};
use serde::Serialize;

/// Below this share of 60 answers a second and client a contestant does not carry its clients.
const ANSWERED_MIN: f64 = 0.98;
/// With fewer clients a contestant that still fails is broken, not slow.
const CLIENTS_MIN: usize = 8;

/// What was measured, and who stopped where.
#[derive(Serialize)]
pub struct Ladder {
    #[serde(skip)]
    plan: Plan,
    /// The rows as `measure echo` prints them.
    #[serde(flatten)]
    report: Report,
    stops: Vec<Stop>,
}

/// A contestant that could not carry so many clients; when it is the kernel, the machine was too busy for the load.
#[derive(Serialize)]
struct Stop {
    contestant: &'static str,
    round: usize,
    clients: usize,
    why: String,
}

impl Ladder {
    /// Nothing measured yet.
    pub fn new(plan: Plan) -> Self {
        Self { plan, report: Report::new(plan.clients, plan.seconds, plan.payload_bytes), stops: Vec::new() }
    }

    /// One round: all peers with as many clients as planned, and those that stop again with half as many. The kernel
    /// goes first on every step, because what a datagram costs depends on how many come together.
    ///
    /// # Errors
    /// The bare kernel could not be measured, so there is nothing to compare with.
    pub fn descend(&mut self, peers: &[Peer], round: usize) -> Result<()> {
        let mut left = peers.to_vec();
        let mut plan = self.plan;
        while !left.is_empty() {
            let kernel = sockets::measure_kernel(plan)?;
            self.report.add(KERNEL, plan.clients, round, &kernel);
            if let Some(why) = why_not_carried(&kernel) {
                self.stop(KERNEL, plan, round, why);
            }
            left.retain(|peer| !self.carries(*peer, plan, round));
            plan.clients /= 2;
            if plan.clients < CLIENTS_MIN {
                break;
            }
        }
        Ok(())
    }

    fn carries(&mut self, peer: Peer, plan: Plan, round: usize) -> bool {
        let contestant = peer.name();
        let why = match peer.measure(plan) {
            Ok(figures) => {
                self.report.add(contestant, plan.clients, round, &figures);
                why_not_carried(&figures)
            }
            Err(error) => {
                let why = format!("{error:#}");
                self.report.add_failure(contestant, plan.clients, round, &why);
                Some(why)
            }
        };
        let Some(why) = why else { return true };
        self.stop(contestant, plan, round, why);
        false
    }

    fn stop(&mut self, contestant: &'static str, plan: Plan, round: usize, why: String) {
        self.stops.push(Stop { contestant, round, clients: plan.clients, why });
    }

    /// Prints everything.
    ///
    /// # Errors
    /// Never: plain numbers are always JSON.
    pub fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        self.report.print(false)?;
        for Stop { contestant, round, clients, why } in &self.stops {
            println!("{contestant}, round {round}: stopped at {clients} clients: {why}");
        }
        Ok(())
    }
}

/// By the rate of answers and not by the questions lost: a client that was put out asks no more.
fn why_not_carried(figures: &Figures) -> Option<String> {
    let (rate_hz, asked_hz) = (figures.rate_hz, TICK_RATE_HZ as f64);
    if rate_hz >= asked_hz * ANSWERED_MIN {
        return None;
    }
    let late = if figures.is_valid() { "" } else { ", and the load came late: it may be what stopped" };
    Some(format!("{rate_hz:.1} answers a second and client of {asked_hz}{late}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(rate_hz: f64, lag_p99_ms: f64) -> Option<String> {
        why_not_carried(&Figures { rate_hz, lag_p99_ms, ..Figures::default() })
    }

    #[test]
    fn clients_that_are_answered_are_carried_also_when_the_load_came_late() {
        assert_eq!(why(58.9, 1.0), None);
        assert_eq!(why(58.9, 9.0), None);
    }

    #[test]
    fn clients_that_are_not_answered_or_no_longer_ask_are_not_carried() {
        assert_eq!(why(30.0, 1.0).as_deref(), Some("30.0 answers a second and client of 60"));
    }

    #[test]
    fn a_late_load_is_named_beside_what_it_may_have_caused() {
        assert!(why(30.0, 9.0).is_some_and(|why| why.ends_with("the load came late: it may be what stopped")));
    }
}
