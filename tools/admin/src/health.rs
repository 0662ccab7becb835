//! Whether the server lives, for whoever starts it again: `health`.

use crate::server::Server;
use crate::terminal::{self, sentence};
use anyhow::{Context, Result, bail};
use clap::Args;

/// What is asked.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Also whether players may join
    #[arg(long)]
    ready: bool,
    /// Print it as JSON, in the field text
    #[arg(long)]
    json: bool,
}

impl HealthArgs {
    /// What it says of itself; fails if it is not well. Wants no token.
    pub fn run(&self, server: &Server) -> Result<String> {
        let path = if self.ready { "/ready" } else { "/live" };
        let answer = ops_client::get(server.ops, path, None).context("the server cannot be reached")?;
        let said = sentence(answer.body.trim());
        match answer.status {
            200 if self.json => Ok(terminal::json_of_text(&said)),
            200 => Ok(said),
            503 => bail!("the server at {} says: {said}", server.ops),
            other => bail!("the server at {} answers {other} to {path}", server.ops),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rig::{answer, said};

    #[test]
    fn a_server_that_lives_is_well_and_one_that_stands_still_is_not() {
        let (well, asked) = said("health", &answer(200, "live\n"));
        assert_eq!(well.unwrap(), "live\n");
        assert!(asked.starts_with("GET /live HTTP/1.0\r\n") && !asked.contains("Bearer"), "{asked}");
        let json = said("health --json", &answer(200, "live\n")).0.unwrap();
        assert_eq!(json, "{\"text\":\"live\"}\n");
        let (ill, _) = said("health --json", &answer(503, "no tick within the last second\n"));
        assert_eq!(ill.unwrap_err(), "the server at HERE says: no tick within the last second");
        let (full, asked) = said("health --ready", &answer(503, "not accepting players\n"));
        assert!(asked.starts_with("GET /ready ") && full.unwrap_err().ends_with("not accepting players"));
        assert!(said("health", &answer(404, "")).0.unwrap_err().ends_with("answers 404 to /live"));
    }
}
