//! The table.

use super::figures::Heard;
use serde::Serialize;

/// A goal holds for at least so many messages.
const MESSAGES_MIN: u32 = 50_000;

/// Everything measured in one call.
#[derive(Debug, Serialize)]
pub struct Report {
    delay_ms: f64,
    channel: &'static str,
    messages: u32,
    message_bytes: u16,
    rows: Vec<Row>,
    pub specials: Vec<Special>,
}

/// Whose messages.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The server's.
    Down,
    /// The client's.
    Up,
}

/// One direction over one link.
#[derive(Debug, Serialize)]
pub struct Row {
    pub link: String,
    pub direction: Direction,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    pub must_ms: Option<f64>,
    /// Whether p99 is within it.
    pub holds: Option<bool>,
    pub is_ordered: bool,
    pub duplicates: u64,
    pub reordered: u64,
    pub strange: u64,
    pub lost: u64,
    pub copies: f64,
    pub resent: u64,
    pub redundant: u64,
    pub resent_per_1000: f64,
    pub wire_bytes_per_message: f64,
}

/// A line that is either so or not.
#[derive(Debug, Serialize)]
pub struct Special {
    pub name: &'static str,
    pub told: String,
    pub holds: bool,
}

impl Row {
    pub fn new(
        link: &str,
        direction: Direction,
        must_ns: Option<u64>,
        is_ordered: bool,
        heard: &Heard,
        warm_up: u32,
    ) -> Self {
        let ms = |share| heard.quantile_ns(warm_up, share) as f64 / 1e6;
        let messages = f64::from(heard.messages());
        Self {
            link: link.to_owned(),
            direction,
            p50_ms: ms(0.5),
            p95_ms: ms(0.95),
            p99_ms: ms(0.99),
            max_ms: ms(1.0),
            must_ms: must_ns.map(|ns| ns as f64 / 1e6),
            holds: must_ns.map(|ns| heard.quantile_ns(warm_up, 0.99) <= ns),
            is_ordered,
            duplicates: heard.duplicates,
            reordered: heard.reordered,
            strange: heard.strange,
            lost: heard.lost(),
            copies: 1.0 + (heard.resent + heard.redundant) as f64 / messages,
            resent: heard.resent,
            redundant: heard.redundant,
            resent_per_1000: heard.resent as f64 * 1_000.0 / messages,
            wire_bytes_per_message: heard.wire_bytes as f64 / messages,
        }
    }

    /// Each message came once and, on an ordered channel, in its turn.
    pub fn is_clean(&self) -> bool {
        let in_turn = !self.is_ordered || self.reordered == 0;
        in_turn && self.duplicates == 0 && self.strange == 0 && self.lost == 0
    }
}

impl Report {
    pub fn new(delay_ns: u64, is_unordered: bool, messages: u32, message_bytes: u16) -> Self {
        let channel = if is_unordered { "unordered" } else { "ordered" };
        let delay_ms = delay_ns as f64 / 1e6;
        Self { delay_ms, channel, messages, message_bytes, rows: Vec::new(), specials: Vec::new() }
    }

    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// What does not hold, in words.
    pub fn missed(&self) -> Vec<String> {
        let late = self.rows.iter().filter(|row| row.holds == Some(false)).map(|row| {
            format!("{} {:?}: p99 {:.1} ms of {:.1}", row.link, row.direction, row.p99_ms, row.must_ms.unwrap_or(0.0))
        });
        let unclean = self
            .rows
            .iter()
            .filter(|row| !row.is_clean())
            .map(|row| format!("{} {:?}: lost, doubled, reordered or strange messages", row.link, row.direction));
        let specials = self.specials.iter().filter(|special| !special.holds).map(|special| special.name.to_owned());
        let is_judged = self.rows.iter().any(|row| row.must_ms.is_some());
        let few = (is_judged && self.messages < MESSAGES_MIN)
            .then(|| format!("{} messages are too few for a goal, {MESSAGES_MIN} are needed", self.messages));
        late.chain(unclean).chain(specials).chain(few).collect()
    }

    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        println!(
            "{} channel, D {} ms, {} messages of {} B each way after 5 s, 60/s",
            self.channel, self.delay_ms, self.messages, self.message_bytes
        );
        println!(
            "{:<14} {:<5} {:>7} {:>7} {:>7} {:>8} {:>7} {:<6} {:>4} {:>8} {:>5} {:>7} {:>8} {:>10}",
            "link",
            "way",
            "p50",
            "p95",
            "p99",
            "max",
            "must",
            "holds",
            "dup",
            "reorder",
            "lost",
            "copies",
            "resent",
            "B/message"
        );
        for row in &self.rows {
            println!("{}", row.line());
        }
        for special in &self.specials {
            println!("{:<50} {:<4} {}", special.name, yes_no(special.holds), special.told);
        }
        Ok(())
    }
}

impl Row {
    fn line(&self) -> String {
        let must = self.must_ms.map_or("-".to_owned(), |ms| format!("{ms:.1}"));
        let direction = match self.direction {
            Direction::Down => "down",
            Direction::Up => "up",
        };
        format!(
            "{:<14} {:<5} {:>7.1} {:>7.1} {:>7.1} {:>8.1} {:>7} {:<6} {:>4} {:>8} {:>5} {:>7.2} {:>8.1} {:>10.1}",
            self.link,
            direction,
            self.p50_ms,
            self.p95_ms,
            self.p99_ms,
            self.max_ms,
            must,
            self.holds.map_or("-", yes_no),
            self.duplicates,
            self.reordered,
            self.lost,
            self.copies,
            self.resent_per_1000,
            self.wire_bytes_per_message
        )
    }
}

fn yes_no(holds: bool) -> &'static str {
    if holds { "yes" } else { "NO" }
}
