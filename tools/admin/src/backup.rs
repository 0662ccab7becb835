//! A copy of the journal while the server runs.

use crate::server::{Server, parsed};
use crate::terminal::{self, sentence};
use crate::{now, pause};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;
use std::time::Duration;

/// Between two looks at how far it is.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// Between two lines about it.
const TELL_PAUSE: Duration = Duration::from_secs(2);

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

/// How far the server is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    name: String,
    state: String,
    rows: u64,
    rows_total: u64,
    file: String,
    bytes: u64,
    seq: u64,
    error: String,
}

impl BackupArgs {
    /// Has it made, and waits until it is on disk, however long that takes; says where it is.
    pub fn run(&self, server: &Server) -> Result<String> {
        #[derive(Deserialize)]
        struct Begun {
            name: String,
        }
        let text = server.order(&ops_api::Command::Backup { to: self.to.clone() })?;
        let Begun { name } = parsed(&text)?;
        self.wait(server, &name)
    }

    fn wait(&self, server: &Server, name: &str) -> Result<String> {
        let mut told = now();
        loop {
            let text = server.page("/api/v1/backup").context("the backup may go on all the same")?;
            let state: State = parsed(&text)?;
            if state.name != name {
                bail!("another backup was begun since: whether {} is whole stands in the server's log", sentence(name));
            }
            match state.state.as_str() {
                "done" if self.json => return Ok(terminal::json(&text)),
                "done" => {
                    let State { file, bytes, seq, .. } = state;
                    return Ok(format!("{} ({bytes} bytes, all up to transaction {seq})", sentence(&file)));
                }
                "failed" => bail!("the server at {} has made no backup: {}", server.ops, sentence(&state.error)),
                _ if told.elapsed() >= TELL_PAUSE => {
                    told = now();
                    // Beside what other programs read.
                    eprintln!("{} of {} rows", state.rows, state.rows_total);
                }
                _ => {}
            }
            pause(LOOK_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::{answering, answering_all, data_dir, server};

    const BEGUN: &str = "HTTP/1.0 202 Accepted\r\n\r\n{\"name\":\"b\"}";

    fn page(json: &str) -> String {
        format!("HTTP/1.0 200 OK\r\n\r\n{json}")
    }

    fn run(answers: &[&str]) -> (Result<String>, Vec<String>) {
        let dir = data_dir();
        let (ops, asked) = answering_all(answers.iter().map(|answer| (*answer).to_owned()).collect());
        let args = BackupArgs { to: Some("b".to_owned()), json: false };
        let said = args.run(&server(ops, &dir));
        (said, asked.join().unwrap())
    }

    #[test]
    fn a_backup_is_waited_for_and_says_where_it_is() {
        let copying = page("{\"name\":\"b\",\"state\":\"copying\",\"rows\":1,\"rows_total\":9}");
        let done = page("{\"name\":\"b\",\"state\":\"done\",\"file\":\"d/backups/b\",\"bytes\":7,\"seq\":3}");
        let (said, asked) = run(&[BEGUN, &copying, &copying, &done]);
        assert_eq!(said.unwrap(), "d/backups/b (7 bytes, all up to transaction 3)");
        assert!(asked[0].starts_with("POST /api/v1/backup HTTP/1.0\r\n"), "{asked:?}");
        assert!(asked[3].starts_with("GET /api/v1/backup HTTP/1.0\r\n"), "{asked:?}");
    }

    #[test]
    fn a_backup_that_is_refused_fails_or_is_not_the_last_one_says_so() {
        let dir = data_dir();
        let (ops, _asked) = answering("HTTP/1.0 409 Conflict\r\n\r\n{\"error\":\"another backup is being made\"}");
        let args = BackupArgs { to: None, json: false };
        let error = args.run(&server(ops, &dir)).unwrap_err().to_string();
        assert_eq!(error, format!("the server at {ops} refuses: another backup is being made"));
        let failed = page("{\"name\":\"b\",\"state\":\"failed\",\"error\":\"no room\"}");
        let error = run(&[BEGUN, &failed]).0.unwrap_err().to_string();
        assert!(error.ends_with("has made no backup: no room"), "{error}");
        let other = page("{\"name\":\"c\",\"state\":\"copying\"}");
        let error = run(&[BEGUN, &other]).0.unwrap_err().to_string();
        assert!(error.starts_with("another backup was begun since: whether b is whole"), "{error}");
    }
}
