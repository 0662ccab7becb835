//! The tables.

use super::Control;
use super::figures::Figures;
use clap::ValueEnum;
use serde::Serialize;

/// Everything measured in one call.
#[derive(Debug, Serialize)]
pub struct Report {
    demand_bytes_per_s: u32,
    queue_datagrams: u16,
    rows: Vec<Measured>,
}

#[derive(Debug, Serialize)]
struct Measured {
    link: String,
    case: &'static str,
    #[serde(flatten)]
    row: Row,
}

/// One control on one link.
#[derive(Debug, Serialize)]
pub struct Row {
    control: String,
    delay_p50_ms: f64,
    delay_p95_ms: f64,
    used: f64,
    sent: f64,
    sent_later: f64,
    dropped: f64,
    lost: f64,
}

impl Row {
    pub fn new(control: Control, figures: &Figures) -> Self {
        let summary = figures.summary();
        let control = control.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        Self {
            control,
            delay_p50_ms: summary.delay_p50_ms,
            delay_p95_ms: summary.delay_p95_ms,
            used: summary.used,
            sent: summary.sent,
            sent_later: summary.sent_later,
            dropped: summary.dropped,
            lost: summary.lost,
        }
    }
}

impl Report {
    pub fn new(demand_bytes_per_s: u32, queue_datagrams: u16) -> Self {
        Self { demand_bytes_per_s, queue_datagrams, rows: Vec::new() }
    }

    pub fn add(&mut self, link: &str, case: &'static str, row: Row) {
        self.rows.push(Measured { link: link.to_owned(), case, row });
    }

    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        let demand_kbit = f64::from(self.demand_bytes_per_s) * 8.0 / 1_000.0;
        println!("demand {demand_kbit:.0} kbit/s, queue {} datagrams", self.queue_datagrams);
        println!(
            "{:<28} {:<12} {:<10} {:>9} {:>9} {:>7} {:>7} {:>7} {:>8} {:>7}",
            "link", "case", "control", "p50 ms", "p95 ms", "use %", "sent %", "later %", "dropped", "lost"
        );
        for Measured { link, case, row } in &self.rows {
            println!(
                "{:<28} {:<12} {:<10} {:>9.1} {:>9.1} {:>7.1} {:>7.2} {:>7.2} {:>7.2}% {:>6.2}%",
                link,
                case,
                row.control,
                row.delay_p50_ms,
                row.delay_p95_ms,
                row.used * 100.0,
                row.sent * 100.0,
                row.sent_later * 100.0,
                row.dropped * 100.0,
                row.lost * 100.0
            );
        }
        Ok(())
    }
}
