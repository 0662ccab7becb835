//! Everything that the server counts: `metrics`.

use crate::server::Server;
use crate::terminal;
use anyhow::Result;
use clap::Args;

/// How to answer.
#[derive(Debug, Args)]
pub struct MetricsArgs {
    /// Print them as JSON, in the field text
    #[arg(long)]
    json: bool,
}

impl MetricsArgs {
    /// As Prometheus reads them. Wants no token.
    pub fn run(&self, server: &Server) -> Result<String> {
        let text = server.open_page("/metrics")?;
        Ok(if self.json { terminal::json_of_text(&text) } else { terminal::lines(&text) })
    }
}

#[cfg(test)]
mod tests {
    use crate::rig::{answer, said};

    #[test]
    fn metrics_are_lines_or_a_text_in_json() {
        let reply = answer(200, "# EOF \u{1b}\nup 1\n");
        let (done, asked) = said("metrics", &reply);
        assert_eq!(done.unwrap(), "# EOF  \nup 1\n");
        assert!(asked.starts_with("GET /metrics HTTP/1.0\r\n") && !asked.contains("Bearer"), "{asked}");
        let json: serde_json::Value = serde_json::from_str(&said("metrics --json", &reply).0.unwrap()).unwrap();
        assert_eq!(json, serde_json::json!({ "text": "# EOF \u{1b}\nup 1\n" }));
    }
}
