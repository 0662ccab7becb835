//! `admin events`: what has happened in the world, and what happens while one looks.

use crate::pause;
use crate::server::{Server, parsed};
use crate::terminal::{self, sentence};
use anyhow::Result;
use clap::Args;
use serde::Deserialize;
use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

/// What to show.
#[derive(Debug, Args)]
pub struct EventArgs {
    /// Only entries with higher numbers than this
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// Go on and print what comes, until interrupted
    #[arg(long)]
    follow: bool,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

/// Pause between two looks: the server publishes once a second.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
struct Page {
    events: Vec<Entry>,
    newest: u64,
    missed: u64,
}

#[derive(Debug, Deserialize)]
struct Entry {
    number: u64,
    tick: u32,
    kind: String,
    character: Option<u64>,
    text: String,
}

impl EventArgs {
    /// Prints what there is, and with `--follow` what comes.
    pub fn run(&self, server: &Server, out: &mut dyn Write) -> Result<()> {
        let mut after = self.after;
        loop {
            let text = server.page(&format!("/api/v1/events?after={after}"))?;
            let page: Page = parsed(&text)?;
            after = page.newest;
            if self.json {
                writeln!(out, "{}", terminal::json(&text))?;
            } else {
                out.write_all(table(&page).as_bytes())?;
            }
            if !self.follow {
                return Ok(());
            }
            out.flush()?;
            pause(LOOK_PAUSE);
        }
    }
}

fn table(page: &Page) -> String {
    let mut lines = String::new();
    if page.missed > 0 {
        let _ = writeln!(lines, "({} entries before are not kept any more)", page.missed);
    }
    for Entry { number, tick, kind, character, text } in &page.events {
        let whose = character.map_or_else(String::new, |character| format!("character {character}"));
        let _ = writeln!(lines, "{number:>8}  tick {tick:<10} {:<10} {whose:<24} {}", sentence(kind), sentence(text));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_is_a_line_and_nothing_in_it_can_move_the_cursor() {
        let entry = r#"{"number":7,"tick":60,"kind":"left","character":9,"text":"left\u001b[2J the world"}"#;
        let page: Page = serde_json::from_str(&format!(r#"{{"events":[{entry}],"newest":7,"missed":6}}"#)).unwrap();
        let lines = table(&page);
        assert_eq!(lines.lines().count(), 2);
        assert!(lines.starts_with("(6 entries before are not kept any more)\n"), "{lines}");
        assert!(lines.contains("character 9") && lines.contains("left [2J the world"), "{lines}");
    }
}
