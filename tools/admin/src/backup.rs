//! A copy of the journal while the server runs.

use crate::Server;
use anyhow::{Context, Result};
use clap::Args;
use serde::Deserialize;

/// Which backup.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file's name [default: journal-TIME.redb, TIME as in 20261129T152300Z]
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl BackupArgs {
    /// Has it made, and waits until it is on disk; says where it is.
    pub fn run(&self, server: &Server) -> Result<String> {
        #[derive(Deserialize)]
        struct Made {
            file: String,
            bytes: u64,
            seq: u64,
        }
        let wish = self.to.as_ref().map_or_else(String::new, |to| serde_json::json!({ "to": to }).to_string());
        let text = server.post_and_wait("/api/v1/backup", &wish)?;
        if self.json {
            return Ok(text);
        }
        let Made { file, bytes, seq } =
            serde_json::from_str(&text).context("the server's answer is not the JSON we know")?;
        Ok(format!("{} ({bytes} bytes, all up to transaction {seq})", crate::sentence(&file)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::{answering, data_dir};

    #[test]
    fn a_backup_says_where_it_is_or_why_there_is_none() {
        let dir = data_dir();
        let server = |ops| Server { ops, data: dir.path().to_owned() };
        let args = BackupArgs { to: Some("b".to_owned()), json: false };
        let (ops, asked) = answering("HTTP/1.0 200 OK\r\n\r\n{\"file\":\"d/backups/b\",\"bytes\":7,\"seq\":3}");
        assert_eq!(args.run(&server(ops)).unwrap(), "d/backups/b (7 bytes, all up to transaction 3)");
        let request = asked.join().unwrap();
        assert!(request.starts_with("POST /api/v1/backup HTTP/1.0\r\n"), "{request}");
        let (ops, _asked) = answering("HTTP/1.0 409 Conflict\r\n\r\n{\"error\":\"another backup is being made\"}");
        let error = args.run(&server(ops)).unwrap_err().to_string();
        assert_eq!(error, format!("the server at {ops} refuses: another backup is being made"));
    }
}
