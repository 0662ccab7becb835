//! Every state of both ends against every event, driven, and compared with `protocol-spec/states.md`.
//!
//! `WRITE_STATES=1 cargo test -p rudp states` writes the tables anew; then read the difference.
mod client;
mod server;

use crate::counters::Counters;
use crate::outer::Kind;
use std::fmt::Write;
use std::net::SocketAddr;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocol-spec/states.md");
/// What these count says nothing of a state.
const GENERAL: [&str; 4] = ["datagrams_in", "bytes_in", "datagrams_out", "bytes_out"];

/// Changes from one kind to another that a row spells out.
const RUNS_MAX: usize = 8;

/// What an event did in a state.
struct Row {
    event: &'static str,
    next: String,
    sends: Vec<String>,
    tells: Vec<String>,
    counts: Vec<String>,
}

/// The table of one state.
struct Table {
    state: &'static str,
    rows: Vec<Row>,
}

/// proves: LIF-2, LIF-10, LIF-13, LIF-15
#[test]
fn every_event_does_in_every_state_what_the_page_says() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let page_now = section(&section(&page, "server", &server::tables()), "client", &client::tables());
    if std::env::var_os("WRITE_STATES").is_some() {
        return std::fs::write(PAGE, &page_now).unwrap();
    }
    assert!(page == page_now, "{PAGE} says otherwise (WRITE_STATES=1 rewrites it):\n{}", difference(&page, &page_now));
}

/// The page with the text between the marks of `name` replaced.
fn section(page: &str, name: &str, tables: &[Table]) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let (before, rest) = page.split_once(&begin).expect("the page marks its tables");
    let (_, after) = rest.split_once(&end).expect("the page marks the end of its tables");
    let mut text = String::new();
    for Table { state, rows } in tables {
        write!(text, "\n### {name}: {state}\n\n| event | next | sends | tells | counts |\n|---|---|---|---|---|\n")
            .unwrap();
        for Row { event, next, sends, tells, counts } in rows {
            let next = if next == state { "" } else { next };
            let [sends, tells, counts] = [sends, tells, counts].map(|items| in_runs(items));
            writeln!(text, "| {event} | {next} | {sends} | {tells} | {counts} |").unwrap();
        }
    }
    format!("{before}{begin}{text}\n{end}{after}")
}

/// Equal neighbours once, with their number; what goes to and fro for long, by its sums.
fn in_runs(items: &[String]) -> String {
    let mut runs: Vec<(&str, usize)> = items.chunk_by(|a, b| a == b).map(|run| (run[0].as_str(), run.len())).collect();
    let is_long = runs.len() > RUNS_MAX;
    if is_long {
        runs.clear();
        for item in items {
            match runs.iter_mut().find(|(kind, _)| kind == item) {
                Some((_, times)) => *times += 1,
                None => runs.push((item, 1)),
            }
        }
    }
    let texts =
        runs.iter().map(|(item, times)| if *times == 1 { (*item).to_owned() } else { format!("{item} x{times}") });
    let text = texts.collect::<Vec<_>>().join(", ");
    if is_long { format!("by turns: {text}") } else { text }
}

fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let mut text = String::new();
    for line in old.iter().filter(|line| !new.contains(line)) {
        writeln!(text, "- {line}").unwrap();
    }
    for line in new.iter().filter(|line| !old.contains(line)) {
        writeln!(text, "+ {line}").unwrap();
    }
    text
}

/// The counters that moved, each with by how much if not by one.
fn moved(before: &Counters, after: &Counters) -> Vec<String> {
    let pairs = before.iter().zip(after.iter()).filter(|((name, old), (_, new))| old != new && !GENERAL.contains(name));
    pairs
        .map(|((name, old), (_, new))| match new - old {
            1 => format!("`{name}`"),
            many => format!("`{name}` x{many}"),
        })
        .collect()
}

fn kind_of(datagram: &[u8]) -> &'static str {
    match datagram[0] & 15 {
        kind if kind == Kind::Request as u8 => "request",
        kind if kind == Kind::Denied as u8 => "denied",
        kind if kind == Kind::Challenge as u8 => "challenge",
        kind if kind == Kind::Response as u8 => "response",
        kind if kind == Kind::KeepAlive as u8 => "keep-alive",
        kind if kind == Kind::Payload as u8 => "payload",
        kind if kind == Kind::Disconnect as u8 => "disconnect",
        _ => "path",
    }
}

/// The datagram's kind, and where it goes unless that is the usual place.
fn sent(datagram: &[u8], to: SocketAddr, usual: SocketAddr) -> String {
    let kind = kind_of(datagram);
    if to == usual { kind.to_owned() } else { format!("{kind} elsewhere") }
}

fn forged(mut datagram: Vec<u8>) -> Vec<u8> {
    if let Some(last) = datagram.last_mut() {
        *last ^= 1;
    }
    datagram
}
