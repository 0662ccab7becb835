//! Who is here: `players`, `show`, `kick`, `say`.

use crate::server::{Server, parsed};
use crate::span;
use crate::terminal::{self, Side, sentence};
use crate::words::words;
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use ops_api::{PlayerRow, Players, Whom};
use serde::Deserialize;
use std::fmt::Write;

/// What the server can put players in order by, the most of it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "named as in the interface, and explained there")]
pub enum SortKey {
    Name,
    Rtt,
    Loss,
    Down,
    Up,
    Backlog,
    Age,
    Suspicion,
    Connected,
}

impl SortKey {
    /// As it stands in a query.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Rtt => "rtt",
            Self::Loss => "loss",
            Self::Down => "down",
            Self::Up => "up",
            Self::Backlog => "backlog",
            Self::Age => "age",
            Self::Suspicion => "suspicion",
            Self::Connected => "connected",
        }
    }
}

/// The path of the first so many players in an order.
pub fn path(sort: Option<SortKey>, limit: Option<usize>) -> String {
    let limit = limit.map(|limit| limit.to_string());
    let sort = sort.map(|key| ("sort", key.name()));
    let said: Vec<_> = sort.into_iter().chain(limit.as_deref().map(|limit| ("limit", limit))).collect();
    ops_client::with_query("/api/v1/players", &said)
}

/// Whom to list.
#[derive(Debug, Args)]
pub struct PlayersArgs {
    /// In which order, the most first; by name the first of the alphabet
    #[arg(long, value_name = "KEY")]
    sort: Option<SortKey>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl PlayersArgs {
    /// The table.
    pub fn run(&self, server: &Server) -> Result<String> {
        let text = server.page(&path(self.sort, self.limit))?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        let page: Players = parsed(&text)?;
        if page.total == 0 {
            return Ok("nobody is here".to_owned());
        }
        let rows: Vec<_> = page.players.iter().map(row).collect();
        let shown = rows.len();
        let more = if shown < page.total { format!("{shown} of {}\n", page.total) } else { String::new() };
        Ok(format!("{}{more}", terminal::table(&HEAD, &rows)))
    }
}

const HEAD: [(&str, Side); 14] = [
    ("session", Side::Left),
    ("account", Side::Right),
    ("character", Side::Right),
    ("name", Side::Left),
    ("state", Side::Left),
    ("address", Side::Left),
    ("for", Side::Left),
    ("rtt ms", Side::Right),
    ("loss %", Side::Right),
    ("down kbit/s", Side::Right),
    ("up kbit/s", Side::Right),
    ("age ms", Side::Right),
    ("backlog B", Side::Right),
    ("suspicion", Side::Right),
];

fn row(player: &PlayerRow) -> Vec<String> {
    let PlayerRow { session, account, character, name, address, .. } = player;
    vec![
        sentence(session),
        account.to_string(),
        if *character == 0 { "-".to_owned() } else { character.to_string() },
        sentence(name),
        state(player),
        sentence(address),
        span::said_s(player.connected_s as u64),
        format!("{:.1}", player.rtt_ms),
        format!("{:.1}", player.loss_ratio * 100.0),
        format!("{:.1}", player.down_kbit_per_s),
        format!("{:.1}", player.up_kbit_per_s),
        format!("{:.0}", player.snapshot_age_ms),
        player.backlog_bytes.to_string(),
        suspicion(player),
    ]
}

/// What it is doing, and whether anything is heard of it.
fn state(player: &PlayerRow) -> String {
    let silent = if player.silent { ", silent" } else { "" };
    format!("{}{silent}", sentence(&player.state))
}

/// Points, marked if they were too many.
pub fn suspicion(player: &PlayerRow) -> String {
    format!("{}{}", player.suspicion_points, if player.flagged { "!" } else { "" })
}

/// Whom to show.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// account:42 (or 42), character:7, session:3.1, name:ada or address:10.0.0.1
    who: Whom,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl ShowArgs {
    /// All there is to say of each.
    pub fn run(&self, server: &Server) -> Result<String> {
        let who = self.who.to_string();
        let text = server.page(&ops_client::with_query("/api/v1/players", &[("who", &who)]))?;
        let page: Players = parsed(&text)?;
        if page.players.is_empty() {
            bail!("nobody who is here is {who}");
        }
        if self.json {
            return Ok(terminal::json(&text));
        }
        Ok(page.players.iter().map(card).collect::<Vec<_>>().join("\n"))
    }
}

/// All there is to say of somebody, a line each.
pub fn card(player: &PlayerRow) -> String {
    let yes_no = |is| if is { "yes" } else { "no" };
    let rows = [
        ("name", sentence(&player.name)),
        ("session", sentence(&player.session)),
        ("account", player.account.to_string()),
        ("character", player.character.to_string()),
        ("role", sentence(&player.role)),
        ("state", state(player)),
        ("address", sentence(&player.address)),
        ("here for", span::said(player.connected_s)),
        ("place", format!("{:.1} m east, {:.1} m north, level {}", player.x_m, player.y_m, player.level)),
        ("in view", format!("{} others", player.visible)),
        ("round trip", format!("{:.1} ms, {:.1} % lost", player.rtt_ms, player.loss_ratio * 100.0)),
        ("traffic", format!("{:.1} kbit/s down, {:.1} kbit/s up", player.down_kbit_per_s, player.up_kbit_per_s)),
        ("backlog", format!("{} bytes of reliable messages", player.backlog_bytes)),
        (
            "experience",
            format!(
                "snapshot {:.0} ms old, {} frames starved, {} corrections in its last second",
                player.snapshot_age_ms, player.starved, player.corrections
            ),
        ),
        ("suspicion", format!("{} points, beyond a limit: {}", player.suspicion_points, yes_no(player.flagged))),
    ];
    rows.into_iter().fold(String::new(), |mut lines, (name, text)| {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{name:<12} {text}");
        lines
    })
}

/// Whom to put out.
#[derive(Debug, Args)]
pub struct KickArgs {
    /// account:42 (or 42), character:7, session:3.1, name:ada or address:10.0.0.1
    who: Whom,
    /// For the log
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, value_parser = crate::words::reason)]
    reason: String,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

/// How many sessions a command was about.
#[derive(Deserialize)]
struct Sessions {
    sessions: u64,
}

impl KickArgs {
    /// How many sessions have ended.
    pub fn run(&self, server: &Server) -> Result<String> {
        let kick = ops_api::Command::Kick { who: self.who.clone(), reason: self.reason.clone() };
        let text = server.order(&kick)?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        let Sessions { sessions } = parsed(&text)?;
        Ok(format!("{} ended", count(sessions, "session")))
    }
}

/// What is said to whom.
#[derive(Debug, Args)]
pub struct SayArgs {
    /// The words: 1 to 256 bytes, no control characters
    #[arg(value_parser = words)]
    text: String,
    /// Only to account:42 (or 42), character:7, session:3.1, name:ada or address:10.0.0.1
    #[arg(long, value_name = "WHO")]
    to: Option<Whom>,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl SayArgs {
    /// How many are told.
    pub fn run(&self, server: &Server) -> Result<String> {
        let text = server.order(&ops_api::Command::Say { text: self.text.clone(), to: self.to.clone() })?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        let Sessions { sessions } = parsed(&text)?;
        Ok(format!("said to {}", count(sessions, "session")))
    }
}

/// A number of things.
pub fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use crate::rig::{answer, body, misused, said};
    use serde_json::json;

    fn page(total: usize) -> String {
        let ada = json!({
            "session": "3.1", "account": 42, "character": 7, "name": "a\u{1b}da", "role": "player", "state": "playing",
            "silent": true, "address": "10.0.0.1:9", "connected_s": 90.4, "rtt_ms": 40.25, "loss_ratio": 0.015,
            "down_kbit_per_s": 91.2, "backlog_bytes": 12, "suspicion_points": 30, "flagged": true, "news": 1,
        });
        answer(200, &json!({ "total": total, "players": [ada] }).to_string())
    }

    #[test]
    fn players_are_listed_in_the_order_that_was_asked_for() {
        let (table, asked) = said("players --sort rtt --limit 1", &page(500));
        let table = table.unwrap();
        assert!(asked.starts_with("GET /api/v1/players?sort=rtt&limit=1 HTTP/1.0\r\n"), "{asked}");
        let lines: Vec<_> = table.lines().collect();
        assert!(lines[0].starts_with("session  account  character  name"), "{table}");
        assert!(
            lines[1].contains("a da") && lines[1].contains("playing, silent") && lines[1].ends_with("30!"),
            "{table}"
        );
        assert!(lines[1].contains("1 min 30 s") && lines[1].contains(" 1.5 "), "{table}");
        assert_eq!(lines[2], "1 of 500");
        assert!(said("players", &page(1)).1.starts_with("GET /api/v1/players HTTP/1.0\r\n"));
        let raw = said("players --json", &page(1)).0.unwrap();
        assert!(raw.starts_with('{') && raw.contains("\"news\":1"), "{raw}");
        assert_eq!(said("players", &answer(200, "{\"total\":0}")).0.unwrap(), "nobody is here\n");
        assert!(misused("players --sort colour").contains("colour"));
    }

    #[test]
    fn somebody_is_shown_whole_and_nobody_is_a_failure() {
        let (card, asked) = said("show name:ada~b", &page(1));
        assert!(asked.starts_with("GET /api/v1/players?who=name%3Aada%20b HTTP/1.0\r\n"), "{asked}");
        let card = card.unwrap();
        assert!(card.contains("10.0.0.1:9") && card.contains("1.5 % lost") && card.contains("limit: yes"), "{card}");
        let nobody = answer(200, "{\"total\":0,\"players\":[]}");
        for line in ["show 42", "show 42 --json"] {
            assert_eq!(said(line, &nobody).0.unwrap_err(), "nobody who is here is account:42");
        }
        assert!(misused("show ada").contains("\"ada\" is nobody: say account:42"), "{}", misused("show ada"));
    }

    #[test]
    fn a_kick_says_how_many_it_hit_or_that_there_was_nobody() {
        let (done, asked) = said("kick character:7 --reason too~loud", &answer(200, "{\"sessions\":2}"));
        assert_eq!(done.unwrap(), "2 sessions ended\n");
        assert_eq!(body(&asked), json!({ "who": "character:7", "reason": "too loud" }));
        let (nobody, _) = said("kick 42", &answer(404, "{\"error\":\"nobody here is account:42\"}"));
        assert_eq!(nobody.unwrap_err(), "the server at HERE refuses: nobody here is account:42");
        assert!(misused("kick").contains("<WHO>") && misused("kick session:x").contains("is nobody"));
    }

    #[test]
    fn words_are_said_to_all_or_some_and_wrong_words_are_not_sent() {
        let (done, asked) = said("say back~in~5~minutes", &answer(200, "{\"sessions\":1}"));
        assert_eq!(done.unwrap(), "said to 1 session\n");
        assert_eq!(body(&asked), json!({ "text": "back in 5 minutes" }));
        let (_, asked) = said("say x --to name:ada", &answer(200, "{\"sessions\":1}"));
        assert_eq!(body(&asked), json!({ "text": "x", "to": "name:ada" }));
        assert!(misused(&format!("say {}", "x".repeat(257))).contains("256 bytes"));
        assert!(misused("say a\u{1b}b").contains("control characters"));
    }
}
