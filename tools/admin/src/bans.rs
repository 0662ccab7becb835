//! Who is kept out: `ban`, `unban`, `bans`.

use crate::players::count;
use crate::server::{Server, parsed};
use crate::span;
use crate::terminal::{self, Side, sentence};
use crate::words::reason;
use anyhow::Result;
use clap::Args;
use ops_api::{Ban, Bans, Barred};
use serde::Deserialize;

/// Whom to keep out, and for how long.
#[derive(Debug, Args)]
pub struct BanArgs {
    /// account:42 (or 42), an address like 10.0.0.1 or a network like 10.0.0.0/8
    what: Barred,
    /// How long, as in 90s, 30m, 2h or 7d [default: for ever]
    #[arg(long = "for", value_name = "SPAN", value_parser = span::parse_s)]
    for_s: Option<u64>,
    /// For the list and the log
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, value_parser = reason)]
    reason: String,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl BanArgs {
    /// Until when it is, and how many sessions have ended.
    pub fn run(&self, server: &Server) -> Result<String> {
        #[derive(Deserialize)]
        struct Banned {
            ban: Ban,
            sessions: u64,
        }
        let ban = ops_api::Command::Ban { what: self.what, for_s: self.for_s, reason: self.reason.clone() };
        let text = server.order(&ban)?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        let Banned { ban, sessions } = parsed(&text)?;
        Ok(format!("{} is kept out {}; {} ended", sentence(&ban.what), how_long(&ban), count(sessions, "session")))
    }
}

fn how_long(ban: &Ban) -> String {
    ban.left_s.map_or_else(|| "for ever".to_owned(), |s| format!("for {}", span::said_s(s)))
}

/// Whom to let in again.
#[derive(Debug, Args)]
pub struct UnbanArgs {
    /// As the list of bans has it
    what: Barred,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl UnbanArgs {
    /// How many bans are lifted.
    pub fn run(&self, server: &Server) -> Result<String> {
        #[derive(Deserialize)]
        struct Lifted {
            lifted: u64,
        }
        let text = server.order(&ops_api::Command::Unban { what: self.what })?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        let Lifted { lifted } = parsed(&text)?;
        Ok(format!("{} of {} lifted", count(lifted, "ban"), self.what))
    }
}

/// How to list.
#[derive(Debug, Args)]
pub struct BansArgs {
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl BansArgs {
    /// The list.
    pub fn run(&self, server: &Server) -> Result<String> {
        let text = server.page("/api/v1/bans")?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        let page: Bans = parsed(&text)?;
        if page.bans.is_empty() {
            return Ok("nobody is kept out".to_owned());
        }
        let head = [("who", Side::Left), ("how long", Side::Left), ("by", Side::Left), ("why", Side::Left)];
        let row = |ban: &Ban| vec![sentence(&ban.what), how_long(ban), sentence(&ban.by), sentence(&ban.reason)];
        Ok(terminal::table(&head, &page.bans.iter().map(row).collect::<Vec<_>>()))
    }
}

#[cfg(test)]
mod tests {
    use crate::rig::{answer, body, misused, said};
    use serde_json::json;

    #[test]
    fn a_ban_says_who_is_out_and_for_how_long() {
        let reply = json!({ "ban": { "what": "10.0.0.0/8", "left_s": 7_200, "reason": "flood", "by": "operator" }, "sessions": 3 });
        let (done, asked) = said("ban 10.1.2.3/8 --for 2h --reason flood", &answer(200, &reply.to_string()));
        assert_eq!(done.unwrap(), "10.0.0.0/8 is kept out for 2 h 0 min; 3 sessions ended\n");
        assert_eq!(body(&asked), json!({ "what": "10.0.0.0/8", "for_s": 7_200, "reason": "flood" }));
        let reply = json!({ "ban": { "what": "account:42", "left_s": null }, "sessions": 1 });
        let (done, asked) = said("ban 42", &answer(200, &reply.to_string()));
        assert_eq!(done.unwrap(), "account:42 is kept out for ever; 1 session ended\n");
        assert_eq!(body(&asked), json!({ "what": "account:42", "reason": "" }));
    }

    #[test]
    fn what_cannot_be_banned_is_not_sent() {
        assert!(misused("ban ada").contains("\"ada\" is nothing that can be banned: say account:42"));
        assert!(misused("ban 10.0.0.0/33").contains("nothing that can be banned"));
        for (span, why) in
            [("7", "no unit"), ("0s", "one at least"), ("1500ms", "whole number"), ("x", "no unit of time")]
        {
            assert!(misused(&format!("ban 42 --for {span}")).contains(why), "{span}");
        }
    }

    #[test]
    fn a_ban_is_lifted_or_was_none() {
        let (done, asked) = said("unban 42", &answer(200, "{\"lifted\":1}"));
        assert_eq!(
            (done.unwrap().as_str(), body(&asked)),
            ("1 ban of account:42 lifted\n", json!({ "what": "account:42" }))
        );
        let (done, _) = said("unban 42", &answer(404, "{\"error\":\"account:42 is not banned\"}"));
        assert_eq!(done.unwrap_err(), "the server at HERE refuses: account:42 is not banned");
    }

    #[test]
    fn bans_are_listed_with_what_is_left_of_them() {
        let reply = json!({ "bans": [
            { "what": "account:42", "left_s": 60, "reason": "a\u{1b}[2Jb", "by": "operator" },
            { "what": "10.0.0.1", "left_s": null, "reason": "", "by": "evidence" },
        ]});
        let (table, asked) = said("bans", &answer(200, &reply.to_string()));
        let table = table.unwrap();
        assert!(asked.starts_with("GET /api/v1/bans HTTP/1.0\r\n"));
        assert!(table.contains("for 1 min 0 s") && table.contains("for ever") && table.contains("a [2Jb"), "{table}");
        assert_eq!(said("bans", &answer(200, "{\"bans\":[]}")).0.unwrap(), "nobody is kept out\n");
    }
}
