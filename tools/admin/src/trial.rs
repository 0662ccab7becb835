//! Making a server suffer, to see what happens then: `test`.

use crate::server::Server;
use crate::span;
use crate::terminal;
use anyhow::Result;
use clap::Args;

/// How it is to suffer.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Work that each tick has more, as in 20ms
    #[arg(long = "work", value_name = "SPAN", value_parser = span::parse_ms, requires = "for_s", required_unless_present = "freeze_ms")]
    work_ms: Option<u64>,
    /// For how long each tick has that work, as in 10s
    #[arg(long = "for", value_name = "SPAN", value_parser = span::parse_s, requires = "work_ms")]
    for_s: Option<u64>,
    /// Let the world stand still once, for so long
    #[arg(long = "freeze", value_name = "SPAN", value_parser = span::parse_ms, conflicts_with_all = ["work_ms", "for_s"])]
    freeze_ms: Option<u64>,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl TestArgs {
    /// What has begun.
    pub fn run(&self, server: &Server) -> Result<String> {
        let [work_ms, for_s, freeze_ms] = [self.work_ms, self.for_s, self.freeze_ms].map(|given| given.unwrap_or(0));
        let text = server.order(&ops_api::Command::Test { work_ms, freeze_ms, for_s })?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        Ok(match freeze_ms {
            0 => format!("each tick has {work_ms} ms of work more for {}", span::said_s(for_s)),
            freeze_ms => format!("the world stands still for {freeze_ms} ms"),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::rig::{answer, body, misused, said};
    use serde_json::json;

    #[test]
    fn a_server_is_made_slow_or_stands_still() {
        let (done, asked) = said("test --work 20ms --for 10s", &answer(200, "{}"));
        assert_eq!(done.unwrap(), "each tick has 20 ms of work more for 10 s\n");
        assert!(asked.starts_with("POST /api/v1/test HTTP/1.0\r\n"));
        assert_eq!(body(&asked), json!({ "work_ms": 20, "freeze_ms": 0, "for_s": 10 }));
        let (done, asked) = said("test --freeze 30s", &answer(200, "{}"));
        assert_eq!(done.unwrap(), "the world stands still for 30000 ms\n");
        assert_eq!(body(&asked), json!({ "work_ms": 0, "freeze_ms": 30_000, "for_s": 0 }));
        let (done, _) = said("test --freeze 1s", &answer(403, "{\"error\":\"ops.test_commands is off\"}"));
        assert_eq!(done.unwrap_err(), "the server at HERE refuses: ops.test_commands is off");
    }

    #[test]
    fn half_of_it_or_both_are_not_sent() {
        for line in ["test", "test --work 20ms", "test --for 10s", "test --freeze 1s --work 20ms --for 1s"] {
            assert!(!misused(line).is_empty(), "{line}");
        }
        assert!(misused("test --work 20 --for 10s").contains("no unit"));
    }
}
