//! The table, the same for every contestant.

use crate::contest::{Figures, Plan, RoundTrips};
use crate::crowd::Looks;
use serde::Serialize;

/// Everything measured in one call, in the order in which it ran.
#[derive(Debug, Serialize)]
pub struct Report {
    entities: usize,
    clients: usize,
    seconds: u32,
    runs: u32,
    looks: Looks,
    round_trips: RoundTrips,
    is_cold: bool,
    rows: Vec<Row>,
}

/// One contestant.
#[derive(Debug, Serialize)]
struct Row {
    contestant: &'static str,
    /// Per client and tick: what telling takes, and a whole tick of the server.
    us_per_client: f64,
    whole_us_per_client: f64,
    /// A client's, per second.
    bytes_per_s: f64,
    /// Per client and tick.
    updates: f64,
    messages: f64,
    bytes_per_update: f64,
    worst_mm: f64,
    rest_mm: f64,
    valid: bool,
    /// Why there are no figures.
    failure: Option<String>,
}

impl Report {
    /// Nothing measured yet.
    pub fn new(plan: &Plan) -> Self {
        let Plan { entities, clients, seconds, runs, looks, round_trips, is_cold } = *plan;
        Self { entities, clients, seconds, runs, looks, round_trips, is_cold, rows: Vec::new() }
    }

    /// One more contestant.
    pub fn add(&mut self, contestant: &'static str, hz: u32, figures: &Figures) {
        let us = |ns: f64| ns / 1_000.0 / self.clients as f64;
        self.rows.push(Row {
            contestant,
            us_per_client: us(figures.telling_ns),
            whole_us_per_client: us(figures.tick_ns),
            bytes_per_s: figures.bytes * f64::from(hz),
            updates: figures.updates,
            messages: figures.messages,
            bytes_per_update: figures.bytes / figures.updates.max(1.0),
            worst_mm: figures.worst_mm,
            rest_mm: figures.rest_mm,
            valid: figures.fault.is_none(),
            failure: figures.fault.clone(),
        });
    }

    /// Whether every row shows something.
    pub fn is_valid(&self) -> bool {
        self.rows.iter().all(|row| row.valid)
    }

    /// Prints everything.
    ///
    /// # Errors
    /// Never: plain numbers are always JSON.
    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        let Self { entities, clients, seconds, runs, .. } = self;
        let looks = if self.looks == Looks::Restless { "restless, " } else { "" };
        let round_trips = if self.round_trips == RoundTrips::None { "no round trips, " } else { "" };
        let cold = if self.is_cold { "cold caches, " } else { "" };
        println!(
            "{entities} entities, {clients} clients, 60 Hz, {seconds} s, {looks}{round_trips}{cold}least of {runs} runs"
        );
        println!(
            "{:<18} {:>9} {:>7} {:>9} {:>8} {:>8} {:>8} {:>9} {:>8}",
            "", "us/client", "whole", "kB/s", "states", "B/state", "messages", "worst mm", "rest mm"
        );
        for row in &self.rows {
            println!("{}", row.line());
        }
        Ok(())
    }
}

impl Row {
    /// A run that shows nothing has no figures, only the reason.
    fn line(&self) -> String {
        if let Some(why) = &self.failure {
            return format!("{:<18} INVALID: {why}", self.contestant);
        }
        format!(
            "{:<18} {:>9.2} {:>7.2} {:>9.1} {:>8.1} {:>8.2} {:>8.2} {:>9.3} {:>8.3}",
            self.contestant,
            self.us_per_client,
            self.whole_us_per_client,
            self.bytes_per_s / 1_000.0,
            self.updates,
            self.bytes_per_update,
            self.messages,
            self.worst_mm,
            self.rest_mm
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let (looks, round_trips) = (Looks::Smooth, RoundTrips::Spread);
        Report::new(&Plan { entities: 200, clients: 50, seconds: 1, runs: 1, looks, round_trips, is_cold: false })
    }

    #[test]
    fn figures_are_of_one_client() {
        let mut report = report();
        let figures = Figures { tick_ns: 5e6, telling_ns: 4e6, bytes: 400.0, updates: 200.0, ..Figures::default() };
        report.add("somebody", 60, &figures);
        let row = &report.rows[0];
        assert_eq!((row.us_per_client, row.whole_us_per_client), (80.0, 100.0));
        assert_eq!((row.bytes_per_s, row.bytes_per_update), (24_000.0, 2.0));
        assert!(report.is_valid());
    }

    #[test]
    fn a_run_that_shows_nothing_has_no_figures_in_the_table() {
        let mut report = report();
        report.add("somebody", 60, &Figures { fault: Some("3 of 4".to_owned()), ..Figures::default() });
        assert_eq!(report.rows[0].line(), "somebody           INVALID: 3 of 4");
        assert!(!report.is_valid());
    }
}
