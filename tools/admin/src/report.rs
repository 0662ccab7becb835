//! The last hour and day as a page with plots: `report`.

use crate::server::{Server, parsed};
use crate::terminal::{self, sentence};
use anyhow::{Context, Result};
use clap::Args;
use serde::Deserialize;
use std::path::PathBuf;

/// Where it goes.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Write it to this file here, which needs no more than the right to look [default: the server writes it into its data
    /// directory]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the server's own JSON instead
    #[arg(long, conflicts_with = "out")]
    json: bool,
}

impl ReportArgs {
    /// Where it is.
    pub fn run(&self, server: &Server) -> Result<String> {
        #[derive(Deserialize)]
        struct Written {
            file: String,
        }
        if let Some(out) = &self.out {
            let page = server.page_and_wait("/api/v1/report")?;
            std::fs::write(out, page).with_context(|| format!("{} cannot be written", out.display()))?;
            return Ok(out.display().to_string());
        }
        let text = server.order_and_wait(&ops_api::Command::Report {})?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        let Written { file } = parsed(&text)?;
        Ok(sentence(&file))
    }
}

#[cfg(test)]
mod tests {
    use crate::rig::{answer, misused, said};

    #[test]
    fn a_report_is_written_by_the_server_or_fetched() {
        let (done, asked) = said("report", &answer(200, "{\"file\":\"d/reports/r.html\"}"));
        assert_eq!(done.unwrap(), "d/reports/r.html\n");
        assert!(asked.starts_with("POST /api/v1/report HTTP/1.0\r\n"), "{asked}");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("r.html");
        let (done, asked) = said(&format!("report --out {}", file.display()), &answer(200, "<html>\u{1f600}</html>"));
        assert_eq!(done.unwrap().trim(), file.display().to_string());
        assert!(asked.starts_with("GET /api/v1/report HTTP/1.0\r\n"), "{asked}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "<html>\u{1f600}</html>");
        let (done, _) = said("report --out /nowhere/r.html", &answer(200, "x"));
        assert!(done.unwrap_err().starts_with("/nowhere/r.html cannot be written"));
        assert!(misused("report --out f --json").contains("cannot be used with"));
    }
}
