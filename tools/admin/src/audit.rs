//! Which commands were given, by whom, and what came of them: `audit`.

use crate::pause;
use crate::server::{Server, parsed};
use crate::terminal::{self, sentence};
use anyhow::Result;
use clap::Args;
use ops_api::{AuditLine, AuditPage, Role};
use std::io::Write;
use std::time::Duration;

/// What to show.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Only lines with higher numbers than this
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// Go on and print what comes, until interrupted
    #[arg(long)]
    follow: bool,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

impl AuditArgs {
    /// Prints what there is, and with `--follow` what comes.
    pub fn run(&self, server: &Server, out: &mut dyn Write) -> Result<()> {
        let mut after = self.after;
        loop {
            let text = server.page(&format!("/api/v1/audit?after={after}"))?;
            let page: AuditPage = parsed(&text)?;
            // Numbers begin anew when the server does.
            after = page.newest;
            if self.json && !(self.follow && page.lines.is_empty()) {
                writeln!(out, "{}", terminal::json(&text))?;
            } else if !self.json {
                out.write_all(lines(&page).as_bytes())?;
            }
            if !self.follow {
                return Ok(());
            }
            out.flush()?;
            pause(LOOK_PAUSE);
        }
    }
}

fn lines(page: &AuditPage) -> String {
    page.lines.iter().fold(String::new(), |mut lines, line| {
        let AuditLine { number, at, from, role, command, fields, status } = line;
        let role = match role {
            Some(Role::Operate) => "operate",
            Some(Role::Read) => "read",
            None => "nobody",
        };
        let (at, from, command, fields) = (sentence(at), sentence(from), sentence(command), sentence(fields));
        lines.push_str(&format!("{number:>6}  {at}  {status}  {role:<7}  {from:<21}  {command:<10}  {fields}\n"));
        lines
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::{answer, said};
    use serde_json::json;

    #[test]
    fn each_command_is_a_line_and_nothing_in_it_can_move_the_cursor() {
        let line = json!({
            "number": 7, "at": "20261130T010203Z", "from": "127.0.0.1:5", "role": "operate", "command": "kick",
            "fields": "{\"who\":\"name:\u{1b}[2J\"}", "status": 404,
        });
        let stranger = json!({
            "number": 8, "at": "20261130T010204Z", "from": "10.0.0.9:5", "role": null, "command": "shutdown", "fields": "{}",
            "status": 401,
        });
        let page = json!({ "lines": [line, stranger], "newest": 8 }).to_string();
        let (printed, asked) = said("audit --after 6", &answer(200, &page));
        assert!(asked.starts_with("GET /api/v1/audit?after=6 HTTP/1.0\r\n"), "{asked}");
        let printed = printed.unwrap();
        let lines: Vec<_> = printed.lines().collect();
        assert!(lines[0].contains("404  operate") && lines[0].contains("name: [2J"), "{printed}");
        assert!(lines[1].contains("401  nobody   10.0.0.9:5") && lines[1].contains("shutdown"), "{printed}");
        let raw = said("audit --json", &answer(200, &page)).0.unwrap();
        assert_eq!(serde_json::from_str::<AuditPage>(&raw).unwrap().newest, 8);
    }

    #[test]
    fn whoever_follows_sees_what_comes_and_asks_only_for_that() {
        let dir = crate::rig::data_dir();
        let line = |number: u64| json!({ "number": number, "at": "", "from": "", "role": "read", "command": "c", "fields": "", "status": 403 });
        let pages = [json!({ "lines": [line(1)], "newest": 1 }), json!({ "lines": [], "newest": 1 })];
        let (ops, asked) = crate::rig::answering_all(pages.iter().map(|page| answer(200, &page.to_string())).collect());
        let mut printed = Vec::new();
        let args = AuditArgs { after: 0, follow: true, json: false };
        let gone = args.run(&crate::rig::server(ops, &dir), &mut printed).unwrap_err();
        assert!(gone.to_string().contains("cannot be reached"), "the rig has no third answer: {gone}");
        assert_eq!(String::from_utf8(printed).unwrap().lines().count(), 1);
        assert!(asked.join().unwrap()[1].starts_with("GET /api/v1/audit?after=1 "));
    }
}
