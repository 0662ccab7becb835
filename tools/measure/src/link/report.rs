//! The tables and the verdict.

use super::Control;
use super::figures::Summary;
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

/// What our own control must reach; the others are there to compare with.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// On a link of recorded capacity: self-inflicted delay of at most 100 ms at p95, and 80 % of what could be used.
    Capacity,
    /// On a path that is wide enough: this share of the demand is sent.
    Sent(f64),
}

impl Goal {
    fn holds(self, summary: &Summary) -> bool {
        match self {
            Self::Capacity => summary.delay_p95_ms <= DELAY_P95_MS_MAX && summary.used >= USED_MIN,
            Self::Sent(share) => summary.sent >= share,
        }
    }
}

const DELAY_P95_MS_MAX: f64 = 100.0;
const USED_MIN: f64 = 0.8;

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
    /// Whether the goal is reached, for the control that has one.
    holds: Option<bool>,
}

impl Row {
    pub fn new(control: Control, goal: Goal, summary: &Summary) -> Self {
        let holds = (control == Control::Trend).then(|| goal.holds(summary));
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
            holds,
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

    /// The links on which a goal is missed.
    pub fn missed(&self) -> Vec<String> {
        let missed = self.rows.iter().filter(|measured| measured.row.holds == Some(false));
        missed.map(|Measured { link, case, .. }| format!("{link}, {case}")).collect()
    }

    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        let demand_kbit = f64::from(self.demand_bytes_per_s) * 8.0 / 1_000.0;
        println!("demand {demand_kbit:.0} kbit/s, queue {} datagrams", self.queue_datagrams);
        println!(
            "{:<28} {:<12} {:<10} {:>9} {:>9} {:>7} {:>7} {:>7} {:>8} {:>7} {:>5}",
            "link", "case", "control", "p50 ms", "p95 ms", "use %", "sent %", "later %", "dropped", "lost", "holds"
        );
        for Measured { link, case, row } in &self.rows {
            println!(
                "{:<28} {:<12} {:<10} {:>9.1} {:>9.1} {:>7.1} {:>7.2} {:>7.2} {:>7.2}% {:>6.2}% {:>5}",
                link,
                case,
                row.control,
                row.delay_p50_ms,
                row.delay_p95_ms,
                row.used * 100.0,
                row.sent * 100.0,
                row.sent_later * 100.0,
                row.dropped * 100.0,
                row.lost * 100.0,
                row.holds.map_or("-", |holds| if holds { "yes" } else { "NO" })
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Summary = Summary {
        delay_p50_ms: 20.0,
        delay_p95_ms: 100.0,
        used: 0.8,
        sent: 0.995,
        sent_later: 1.0,
        dropped: 0.0,
        lost: 0.0,
    };

    #[test]
    fn only_our_own_control_can_miss_a_goal_and_each_half_of_it_counts() {
        let missed = |control, goal, summary: Summary| {
            let mut report = Report::new(187_500, 250);
            report.add("a link", "as it is", Row::new(control, goal, &summary));
            !report.missed().is_empty()
        };
        let trend = |goal, summary| missed(Control::Trend, goal, summary);
        assert!(!trend(Goal::Capacity, GOOD) && !trend(Goal::Sent(0.995), GOOD));
        assert!(trend(Goal::Capacity, Summary { delay_p95_ms: 100.1, ..GOOD }));
        assert!(trend(Goal::Capacity, Summary { used: 0.799, ..GOOD }));
        let short = Summary { sent: 0.994, ..GOOD };
        assert!(trend(Goal::Sent(0.995), short) && !trend(Goal::Sent(0.98), short));
        assert!(!missed(Control::Cubic, Goal::Capacity, Summary { used: 0.1, ..GOOD }));
    }
}
