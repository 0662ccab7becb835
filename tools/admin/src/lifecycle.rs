//! How the server goes down and how it takes new files: `drain`, `shutdown`, `reload`.

use crate::server::{Server, parsed};
use crate::span;
use crate::terminal;
use crate::words::reason;
use anyhow::Result;
use clap::Args;
use serde::Deserialize;

/// Longest that a shutdown may be ahead: a day, in seconds.
const AHEAD_S_MAX: u64 = 86_400;

/// Whether to let people in.
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// Let people in again
    #[arg(long)]
    cancel: bool,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl DrainArgs {
    /// Whether people are let in.
    pub fn run(&self, server: &Server) -> Result<String> {
        #[derive(Deserialize)]
        struct Answer {
            draining: bool,
        }
        let text = server.order(&ops_api::Command::Drain { cancel: self.cancel })?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        let Answer { draining } = parsed(&text)?;
        Ok(match draining {
            true => "nobody is let in any more; whoever is here plays on",
            false => "people are let in",
        }
        .to_owned())
    }
}

/// When to go down.
#[derive(Debug, Args)]
pub struct ShutdownArgs {
    /// How long from now, as in 60s or 5m; a day at most
    #[arg(long = "in", value_name = "SPAN", value_parser = ahead_s, required_unless_present = "cancel")]
    in_s: Option<u64>,
    /// What the players are told
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, value_parser = reason)]
    reason: String,
    /// Stay up after all
    #[arg(long, conflicts_with_all = ["in_s", "reason"])]
    cancel: bool,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

fn ahead_s(text: &str) -> Result<u64, String> {
    match span::parse_s(text)? {
        seconds if seconds > AHEAD_S_MAX => Err("it is longer than a day".to_owned()),
        seconds => Ok(seconds),
    }
}

impl ShutdownArgs {
    /// When it goes down, or whether it does not.
    pub fn run(&self, server: &Server) -> Result<String> {
        #[derive(Deserialize)]
        struct Answer {
            in_s: Option<f64>,
            cancelled: Option<bool>,
        }
        let (in_s, cancel) = (self.in_s.unwrap_or(0), self.cancel);
        let text = server.order(&ops_api::Command::Shutdown { in_s, reason: self.reason.clone(), cancel })?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        Ok(match parsed(&text)? {
            Answer { in_s: Some(in_s), .. } => {
                let span = span::said(in_s);
                format!("the server goes down in {span}; admin shutdown --cancel keeps it up")
            }
            Answer { cancelled: Some(true), .. } => "the server stays up".to_owned(),
            Answer { .. } => "the server was not going down".to_owned(),
        })
    }
}

/// How to answer.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl ReloadArgs {
    /// What is in force.
    pub fn run(&self, server: &Server) -> Result<String> {
        #[derive(Deserialize)]
        struct Reloaded {
            private_keys: usize,
            jwt_keys: usize,
            content: usize,
        }
        let text = server.order(&ops_api::Command::Reload {})?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        let Reloaded { private_keys, jwt_keys, content } = parsed(&text)?;
        let keys = format!("{private_keys} private keys, {jwt_keys} keys of the login service");
        Ok(format!("in force: {keys}, content with {content} entries"))
    }
}

#[cfg(test)]
mod tests {
    use crate::rig::{answer, body, misused, said};
    use serde_json::json;

    #[test]
    fn a_drain_is_begun_and_taken_back() {
        let (done, asked) = said("drain", &answer(200, "{\"draining\":true}"));
        assert_eq!(done.unwrap(), "nobody is let in any more; whoever is here plays on\n");
        assert_eq!(body(&asked), json!({ "cancel": false }));
        let (done, asked) = said("drain --cancel", &answer(200, "{\"draining\":false}"));
        assert_eq!((done.unwrap().as_str(), body(&asked)), ("people are let in\n", json!({ "cancel": true })));
    }

    #[test]
    fn a_shutdown_is_announced_and_taken_back() {
        let (done, asked) = said("shutdown --in 5m --reason new~build", &answer(200, "{\"in_s\":300}"));
        let text = "the server goes down in 5 min 0 s; admin shutdown --cancel keeps it up\n";
        assert_eq!(done.unwrap(), text);
        assert_eq!(body(&asked), json!({ "in_s": 300, "reason": "new build", "cancel": false }));
        let (done, asked) = said("shutdown --cancel", &answer(200, "{\"cancelled\":true}"));
        assert_eq!(done.unwrap(), "the server stays up\n");
        assert_eq!(body(&asked)["cancel"], true);
        let (done, _) = said("shutdown --cancel", &answer(200, "{\"cancelled\":false}"));
        assert_eq!(done.unwrap(), "the server was not going down\n");
        let (done, _) = said("shutdown --cancel", &answer(404, "{\"error\":\"no shutdown is announced\"}"));
        assert_eq!(done.unwrap_err(), "the server at HERE refuses: no shutdown is announced");
    }

    #[test]
    fn a_shutdown_without_a_time_or_with_a_wrong_one_is_not_sent() {
        assert!(misused("shutdown").contains("--in"));
        assert!(misused("shutdown --in 25h").contains("longer than a day"));
        assert!(misused("shutdown --in 60").contains("no unit"));
        assert!(misused("shutdown --in 60s --cancel").contains("cannot be used with"));
        assert!(misused("shutdown --in 60s --reason a\u{1b}").contains("control characters"));
    }

    #[test]
    fn a_reload_says_what_is_in_force_or_what_is_wrong() {
        let (done, asked) = said("reload", &answer(200, "{\"content\":170,\"jwt_keys\":1,\"private_keys\":2}"));
        assert_eq!(done.unwrap(), "in force: 2 private keys, 1 keys of the login service, content with 170 entries\n");
        assert!(asked.starts_with("POST /api/v1/reload HTTP/1.0\r\n"));
        let (done, _) = said("reload", &answer(409, "{\"error\":\"cannot read k\"}"));
        assert_eq!(done.unwrap_err(), "the server at HERE refuses: cannot read k");
    }
}
