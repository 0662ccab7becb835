//! The table, the same for every contestant.

use super::load::{Figures, LAG_MS_MAX, LOSS_MAX};
use serde::Serialize;

/// Everything measured in one call, in the order in which it ran.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    clients: usize,
    seconds: u64,
    payload_bytes: usize,
    rows: Vec<Row>,
}

/// One contestant in one round.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    contestant: String,
    clients: usize,
    round: usize,
    us_per_tick: f64,
    /// To the bare kernel of the same round with as many clients; none for itself.
    ratio: Option<f64>,
    core: f64,
    load_core: f64,
    rate_hz: f64,
    loss: f64,
    rtt_p50_ms: f64,
    rtt_p99_ms: f64,
    lag_p99_ms: f64,
    valid: bool,
    /// Why there are no figures.
    failure: Option<String>,
}

/// The contestant that all others are compared with.
pub const KERNEL: &str = "kernel";

impl Report {
    /// Nothing measured yet.
    #[must_use]
    pub fn new(clients: usize, seconds: u64, payload_bytes: usize) -> Self {
        Self { clients, seconds, payload_bytes, rows: Vec::new() }
    }

    /// One more row, compared with the kernel's in this round with as many clients; that one goes first.
    pub fn add(&mut self, contestant: &str, clients: usize, round: usize, figures: &Figures) {
        let is_beside = |row: &&Row| row.contestant == KERNEL && row.round == round && row.clients == clients;
        let kernel = self.rows.iter().rfind(is_beside).filter(|kernel| contestant != KERNEL && kernel.valid);
        let row = Row {
            contestant: contestant.to_owned(),
            clients,
            round,
            us_per_tick: figures.us_per_tick,
            ratio: kernel.filter(|_| figures.is_valid()).map(|kernel| figures.us_per_tick / kernel.us_per_tick),
            core: figures.core,
            load_core: figures.load_core,
            rate_hz: figures.rate_hz,
            loss: figures.loss,
            rtt_p50_ms: figures.rtt_p50_ms,
            rtt_p99_ms: figures.rtt_p99_ms,
            lag_p99_ms: figures.lag_p99_ms,
            valid: figures.is_valid(),
            failure: None,
        };
        self.rows.push(row);
    }

    /// A contestant that could not carry so many.
    pub fn add_failure(&mut self, contestant: &str, clients: usize, round: usize, why: &str) {
        let row = Row {
            contestant: contestant.to_owned(),
            clients,
            round,
            us_per_tick: 0.0,
            ratio: None,
            core: 0.0,
            load_core: 0.0,
            rate_hz: 0.0,
            loss: 1.0,
            rtt_p50_ms: 0.0,
            rtt_p99_ms: 0.0,
            lag_p99_ms: 0.0,
            valid: false,
            failure: Some(why.to_owned()),
        };
        self.rows.push(row);
    }

    /// The mean over all rounds of one contestant's ratio with as many clients; none when it has none.
    #[must_use]
    pub fn ratio(&self, contestant: &str, clients: usize) -> Option<f64> {
        let is_asked = |row: &&Row| row.contestant == contestant && row.clients == clients;
        let ratios: Vec<f64> = self.rows.iter().filter(is_asked).filter_map(|row| row.ratio).collect();
        (!ratios.is_empty()).then(|| ratios.iter().sum::<f64>() / ratios.len() as f64)
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
        println!("{} clients, {} s each, {} B both ways, 60 Hz", self.clients, self.seconds, self.payload_bytes);
        println!(
            "{:<20} {:>5} {:>7} {:>9} {:>7} {:>6} {:>6} {:>6} {:>7} {:>8} {:>8} {:>8}",
            "",
            "round",
            "clients",
            "us/tick",
            "ratio",
            "core %",
            "load %",
            "Hz",
            "lost %",
            "rtt p50",
            "rtt p99",
            "lag p99"
        );
        for row in &self.rows {
            println!("{}", row.line());
        }
        let mut compared: Vec<(&str, usize)> = Vec::new();
        for row in self.rows.iter().filter(|row| row.ratio.is_some()) {
            if !compared.contains(&(&row.contestant, row.clients)) {
                compared.push((&row.contestant, row.clients));
            }
        }
        for (name, clients) in compared {
            let ratio = self.ratio(name, clients).unwrap_or(0.0);
            println!("{name}: {ratio:.2} x the bare kernel with {clients} clients");
        }
        if self.rows.iter().any(|row| !row.valid && row.failure.is_none()) {
            println!(
                "INVALID rows: the load came late by more than {LAG_MS_MAX} ms (p99), or more than {:.0} % was not answered; they count for nothing",
                LOSS_MAX * 100.0
            );
        }
        Ok(())
    }
}

impl Row {
    fn line(&self) -> String {
        if let Some(why) = &self.failure {
            return format!("{:<20} {:>5} {:>7} {why}", self.contestant, self.round, self.clients);
        }
        let ratio = self.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let line = format!(
            "{:<20} {:>5} {:>7} {:>9.2} {:>7} {:>6.1} {:>6.1} {:>6.1} {:>7.3} {:>8.2} {:>8.2} {:>8.2}",
            self.contestant,
            self.round,
            self.clients,
            self.us_per_tick,
            ratio,
            self.core * 100.0,
            self.load_core * 100.0,
            self.rate_hz,
            self.loss * 100.0,
            self.rtt_p50_ms,
            self.rtt_p99_ms,
            self.lag_p99_ms
        );
        if self.valid { line } else { format!("{line}  INVALID") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(us_per_tick: f64) -> Figures {
        Figures { us_per_tick, ..Figures::default() }
    }

    #[test]
    fn a_contestant_is_compared_with_the_kernel_of_its_own_round() {
        let mut report = Report::new(10, 1, 200);
        for (round, kernel, ours) in [(1, 4.0, 6.0), (2, 2.0, 4.0)] {
            report.add(KERNEL, 10, round, &figures(kernel));
            report.add("ours", 10, round, &figures(ours));
        }
        assert_eq!(report.ratio("ours", 10), Some(1.75));
        assert_eq!(report.ratio(KERNEL, 10), None);
    }

    #[test]
    fn a_contestant_with_fewer_clients_is_compared_with_the_kernel_with_as_many() {
        let mut report = Report::new(10, 1, 200);
        for (clients, kernel, ours) in [(10, 4.0, 6.0), (5, 2.0, 4.0)] {
            report.add(KERNEL, clients, 1, &figures(kernel));
            report.add("ours", clients, 1, &figures(ours));
        }
        assert_eq!((report.ratio("ours", 10), report.ratio("ours", 5)), (Some(1.5), Some(2.0)));
        assert_eq!(report.ratio(KERNEL, 5), None);
        report.add("ours", 7, 1, &figures(4.0));
        assert_eq!(report.ratio("ours", 7), None, "there is no kernel beside it");
    }

    #[test]
    fn beside_a_kernel_whose_load_was_late_or_lost_nothing_is_compared() {
        for kernel in [Figures { lag_p99_ms: 9.0, ..figures(4.0) }, Figures { loss: 0.02, ..figures(4.0) }] {
            let mut report = Report::new(10, 1, 200);
            report.add(KERNEL, 10, 1, &kernel);
            report.add("ours", 10, 1, &figures(6.0));
            assert_eq!(report.ratio("ours", 10), None);
        }
        let mut report = Report::new(10, 1, 200);
        report.add(KERNEL, 10, 1, &figures(4.0));
        report.add("ours", 10, 1, &Figures { loss: 0.02, ..figures(6.0) });
        assert_eq!(report.ratio("ours", 10), None);
    }

    #[test]
    fn a_late_load_is_marked_and_a_failure_says_why() {
        let mut report = Report::new(10, 1, 200);
        report.add(KERNEL, 10, 1, &Figures { lag_p99_ms: 9.0, ..figures(4.0) });
        report.add_failure("peer", 10, 1, "only 3 of 10 clients got in");
        assert!(report.rows[0].line().ends_with("INVALID"));
        assert!(report.rows[1].line().ends_with("only 3 of 10 clients got in"));
    }
}
