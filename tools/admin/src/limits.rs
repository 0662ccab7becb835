//! What is changed while the server runs: `limits`, `log-level`.

use crate::server::{Server, parsed};
use crate::terminal::{self, Side, sentence};
use anyhow::{Result, bail};
use clap::Args;
use ops_api::{Limit, Limits, LogLevel};
use serde::Deserialize;

/// Which limit, and to what.
#[derive(Debug, Args)]
pub struct LimitsArgs {
    /// A name of the list; without a value it is shown
    name: Option<String>,
    /// To what it is set, until the next start
    #[arg(requires = "name")]
    value: Option<u64>,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl LimitsArgs {
    /// All, one, or the one that was changed.
    pub fn run(&self, server: &Server) -> Result<String> {
        #[derive(Deserialize)]
        struct Changed {
            limit: Limit,
        }
        if let (Some(name), Some(value)) = (&self.name, self.value) {
            let text = server.order(&ops_api::Command::Limits { name: name.clone(), value })?;
            if self.json {
                return Ok(terminal::json(&text));
            }
            let Changed { limit } = parsed(&text)?;
            return Ok(format!("{} is {} until the next start", sentence(&limit.name), limit.value));
        }
        let text = server.page("/api/v1/limits")?;
        let page: Limits = parsed(&text)?;
        match &self.name {
            None if self.json => Ok(terminal::json(&text)),
            None => Ok(table(&page.limits)),
            Some(name) => match page.limits.iter().find(|limit| limit.name == *name) {
                Some(limit) if self.json => Ok(terminal::json(&serde_json::to_string(limit)?)),
                Some(limit) => Ok(table(std::slice::from_ref(limit))),
                None => bail!("there is no limit \"{}\": admin limits lists them", name.escape_default()),
            },
        }
    }
}

fn table(limits: &[Limit]) -> String {
    let head = [
        ("name", Side::Left),
        ("value", Side::Right),
        ("least", Side::Right),
        ("most", Side::Right),
        ("what it bounds", Side::Left),
    ];
    let row = |limit: &Limit| {
        let [value, min, max] = [limit.value, limit.min, limit.max].map(|number| number.to_string());
        vec![sentence(&limit.name), value, min, max, sentence(&limit.about)]
    };
    terminal::table(&head, &limits.iter().map(row).collect::<Vec<_>>())
}

/// What is to be logged.
#[derive(Debug, Args)]
pub struct LogLevelArgs {
    /// error, warn, info, debug, trace, or a filter like throng=debug,warn; until the next start. Without it the present one is
    /// shown
    #[arg(value_parser = filter)]
    filter: Option<String>,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl LogLevelArgs {
    /// What is logged now.
    pub fn run(&self, server: &Server) -> Result<String> {
        let text = match &self.filter {
            Some(filter) => server.order(&ops_api::Command::LogLevel { filter: filter.clone() })?,
            None => server.page("/api/v1/log-level")?,
        };
        if self.json {
            return Ok(terminal::json(&text));
        }
        let LogLevel { filter } = parsed(&text)?;
        Ok(format!("logged: {}", sentence(&filter)))
    }
}

/// The server knows what a filter is; that it has none of these here is known without asking.
fn filter(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(|char| char.is_control() || char.is_whitespace()) {
        return Err("it is no filter: say info, or throng=debug,warn".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::{answer, body, misused, said};
    use serde_json::json;

    fn page() -> String {
        let limit = |name: &str| json!({ "name": name, "value": 2_500, "min": 1, "max": 10_000, "about": "sessions\u{7} at once" });
        answer(200, &json!({ "limits": [limit("players_max"), limit("queue_max")] }).to_string())
    }

    #[test]
    fn limits_are_listed_all_or_one() {
        let table = said("limits", &page()).0.unwrap();
        assert_eq!(table.lines().count(), 3, "{table}");
        assert!(table.contains("players_max   2500      1  10000  sessions  at once"), "{table}");
        let one = said("limits queue_max", &page()).0.unwrap();
        assert!(one.lines().count() == 2 && one.contains("queue_max"), "{one}");
        let one = said("limits queue_max --json", &page()).0.unwrap();
        assert_eq!(serde_json::from_str::<Limit>(&one).unwrap().name, "queue_max");
        let none = said("limits moon", &page()).0.unwrap_err();
        assert_eq!(none, "there is no limit \"moon\": admin limits lists them");
    }

    #[test]
    fn a_limit_is_changed_by_naming_its_value() {
        let reply = json!({ "limit": { "name": "players_max", "value": 500, "min": 1, "max": 10_000, "about": "" } });
        let (done, asked) = said("limits players_max 500", &answer(200, &reply.to_string()));
        assert_eq!(done.unwrap(), "players_max is 500 until the next start\n");
        assert!(asked.starts_with("POST /api/v1/limits "), "{asked}");
        assert_eq!(body(&asked), json!({ "name": "players_max", "value": 500 }));
        assert!(misused("limits players_max many").contains("many") && !misused("limits a -1").is_empty());
    }

    #[test]
    fn what_is_logged_is_shown_or_changed() {
        let reply = answer(200, "{\"filter\":\"throng=debug,warn\"}");
        let (shown, asked) = said("log-level", &reply);
        assert_eq!(shown.unwrap(), "logged: throng=debug,warn\n");
        assert!(asked.starts_with("GET /api/v1/log-level "), "{asked}");
        let (_, asked) = said("log-level throng=debug,warn", &reply);
        assert!(asked.starts_with("POST /api/v1/log-level "), "{asked}");
        assert_eq!(body(&asked), json!({ "filter": "throng=debug,warn" }));
        assert!(misused("log-level a\tb").contains("it is no filter"));
    }
}
