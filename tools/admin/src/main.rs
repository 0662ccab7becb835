//! The operator's command line: asks a running server over its operations interface.

mod backup;
mod erase;
mod events;
#[cfg(test)]
mod rig;
mod status;
mod token;

use anyhow::{Context, Result, bail};
use backup::BackupArgs;
use clap::{Args, Parser, Subcommand};
use erase::EraseArgs;
use events::EventArgs;
use ops_client::Status;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use token::TokenArgs;

/// Exit status when the server cannot be asked or refuses.
const FAILED: u8 = 1;
/// Exit status of a command line that makes no sense.
const MISUSED: u8 = 2;
/// Pause between the two samples from which rates are taken: the server publishes once a second.
const SAMPLE_PAUSE: Duration = Duration::from_millis(1_050);

/// Looks after a running server
#[derive(Debug, Parser)]
#[command(name = "admin", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How the server fares, in a table
    Status {
        /// Print the server's own JSON instead
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: Server,
    },
    /// A connect token, for trying out a client
    Token {
        #[command(flatten)]
        args: TokenArgs,
        #[command(flatten)]
        server: Server,
    },
    /// Make the server read its keys, what it knows of the login service, and its content again
    Reload {
        /// Print the server's own JSON instead
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Copy the server's journal, as it is at one moment, into backups/ in its data directory; it goes on meanwhile
    Backup {
        #[command(flatten)]
        args: BackupArgs,
        #[command(flatten)]
        server: Server,
    },
    /// Everything that is held about an account, as JSON
    Export {
        /// The account's number
        account: u64,
        #[command(flatten)]
        server: Server,
    },
    /// Take away everything that is held about an account; first let it log out
    ///
    /// In the server's journal, in Redis and in MariaDB. Refused while one of its characters is in the world or held by any
    /// server. What was traded stays with those who have it; the ledger keeps what was done, without names. Of accounts whose
    /// tokens name no character, the character's number, which stays there, is made from the account's.
    ///
    /// Out of reach are: backups; the journals of other servers, which forget the names when the account logs in there; and a
    /// database of a pair that is away, which may bring something back: erase again when it is there.
    Erase {
        #[command(flatten)]
        args: EraseArgs,
        #[command(flatten)]
        server: Server,
    },
    /// What has happened in the world: who came and went, who was slain, who reached a level, whom too much speaks against
    Events {
        #[command(flatten)]
        args: EventArgs,
        #[command(flatten)]
        server: Server,
    },
    /// The server's metrics, in Prometheus' text form
    Metrics {
        #[command(flatten)]
        server: Server,
    },
}

/// Which server, and by what right.
#[derive(Debug, Args)]
struct Server {
    /// The server's operations address
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9777")]
    ops: SocketAddr,
    /// The server's data directory: holds its ops.token
    #[arg(long, value_name = "DIR", default_value = "target/throng")]
    data: PathBuf,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Printing help can only fail if nobody reads it.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(MISUSED) } else { ExitCode::SUCCESS };
        }
    };
    let done = match cli.command {
        Command::Status { json: true, server } => server.status_text().map(|text| println!("{text}")),
        Command::Status { json: false, server } => server.status_table().map(|table| print!("{table}")),
        Command::Token { args, server } => args.run(&server).map(|text| print!("{text}")),
        Command::Reload { json, server } => server.reload(json).map(|text| println!("{text}")),
        Command::Backup { args, server } => args.run(&server).map(|text| println!("{text}")),
        Command::Export { account, server } => server.export(account).map(|text| println!("{text}")),
        Command::Erase { args, server } => args.run(&server).map(|text| println!("{text}")),
        Command::Events { args, server } => args.run(&server),
        Command::Metrics { server } => server.get("/metrics", None).map(|text| print!("{text}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("admin: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

impl Server {
    fn status_table(&self) -> Result<String> {
        let (before, since) = (self.status()?, now());
        pause(SAMPLE_PAUSE);
        let after = self.status()?;
        Ok(status::table(&before, &after, since.elapsed().as_secs_f64()))
    }

    fn status(&self) -> Result<Status> {
        let text = self.status_text()?;
        serde_json::from_str(&text).context("the server's status is not the JSON we know")
    }

    fn status_text(&self) -> Result<String> {
        self.page("/api/v1/status")
    }

    /// A page that is only for operators.
    fn page(&self, path: &str) -> Result<String> {
        self.get(path, Some(&read_token(&self.data)?))
    }

    fn reload(&self, json: bool) -> Result<String> {
        #[derive(Deserialize)]
        struct Reloaded {
            private_keys: usize,
            jwt_keys: usize,
            content: usize,
        }
        let text = self.post("/api/v1/reload", "")?;
        if json {
            return Ok(text);
        }
        let Reloaded { private_keys, jwt_keys, content } =
            serde_json::from_str(&text).context("the server's answer is not the JSON we know")?;
        let keys = format!("{private_keys} private keys, {jwt_keys} keys of the login service");
        Ok(format!("in force: {keys}, content with {content} entries"))
    }

    fn export(&self, account: u64) -> Result<String> {
        let text = self.post_and_wait("/api/v1/export", &serde_json::json!({ "account": account }).to_string())?;
        let page: serde_json::Value =
            serde_json::from_str(&text).context("the server's answer is not the JSON we know")?;
        // A person reads it: its own person, in the end.
        Ok(serde_json::to_string_pretty(&page)?)
    }

    fn get(&self, path: &str, token: Option<&str>) -> Result<String> {
        let answer = ops_client::get(self.ops, path, token).context("the server cannot be reached")?;
        match answer.status {
            200 => Ok(answer.body),
            401 | 403 => bail!("the server at {} refuses the token in {}", self.ops, token_file(&self.data).display()),
            other => bail!("the server at {} answers {other} to {path}", self.ops),
        }
    }

    fn post(&self, path: &str, body: &str) -> Result<String> {
        self.accepted(ops_client::post(self.ops, path, &read_token(&self.data)?, body))
    }

    /// The same, where the server has much to do before it answers.
    fn post_and_wait(&self, path: &str, body: &str) -> Result<String> {
        self.accepted(ops_client::post_and_wait(self.ops, path, &read_token(&self.data)?, body))
    }

    fn accepted(&self, answer: Result<ops_client::Answer>) -> Result<String> {
        let answer = answer.context("the server cannot be reached")?;
        match answer.status {
            200 | 202 => Ok(answer.body),
            status => bail!("the server at {} {}", self.ops, token::refusal(status, &answer.body)),
        }
    }
}

/// What a server says, on one line and without what a terminal might obey.
fn sentence(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

fn token_file(data: &Path) -> PathBuf {
    data.join("ops.token")
}

fn read_token(data: &Path) -> Result<String> {
    let file = token_file(data);
    let text = std::fs::read_to_string(&file).with_context(|| {
        format!("the token file {} cannot be read: name the server's data directory with --data", file.display())
    })?;
    Ok(text.trim().to_owned())
}

#[allow(clippy::disallowed_methods, reason = "a tool for people measures and waits in their time")]
fn now() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods, reason = "a tool for people measures and waits in their time")]
fn pause(span: Duration) {
    std::thread::sleep(span);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rig::{answering, data_dir};
    use std::net::TcpListener;

    #[test]
    fn the_token_is_shown_to_the_server() {
        let (ops, asked) = answering("HTTP/1.0 200 OK\r\n\r\n{\"players\":7}");
        let dir = data_dir();
        let status = Server { ops, data: dir.path().to_owned() }.status().unwrap();
        assert_eq!(status.players, 7);
        let request = asked.join().unwrap();
        assert!(request.starts_with("GET /api/v1/status HTTP/1.0\r\n"), "{request}");
        assert!(request.contains("\r\nAuthorization: Bearer secret\r\n"), "{request}");
    }

    #[test]
    fn each_failure_has_its_own_sentence() {
        let (ops, _asked) = answering("HTTP/1.0 401 Unauthorized\r\n\r\n");
        let dir = data_dir();
        let data = dir.path().to_owned();
        let refused = Server { ops, data: data.clone() }.status().unwrap_err().to_string();
        assert!(refused.contains("refuses the token in"), "{refused}");
        let (ops, _asked) = answering("HTTP/1.0 404 Not Found\r\n\r\n");
        let missing = Server { ops, data: data.clone() }.get("/metrics", None).unwrap_err().to_string();
        assert!(missing.ends_with("answers 404 to /metrics"), "{missing}");
        std::fs::remove_dir_all(&data).unwrap();
        let nothing = Server { ops, data }.status().unwrap_err().to_string();
        assert!(nothing.contains("ops.token cannot be read"), "{nothing}");
    }

    #[test]
    fn a_reload_says_what_is_in_force_or_what_is_wrong() {
        let dir = data_dir();
        let server = |ops| Server { ops, data: dir.path().to_owned() };
        let (ops, asked) = answering("HTTP/1.0 200 OK\r\n\r\n{\"content\":170,\"jwt_keys\":1,\"private_keys\":2}");
        let said = server(ops).reload(false).unwrap();
        assert_eq!(said, "in force: 2 private keys, 1 keys of the login service, content with 170 entries");
        assert!(asked.join().unwrap().starts_with("POST /api/v1/reload HTTP/1.0\r\n"));
        let (ops, _asked) = answering("HTTP/1.0 409 Conflict\r\n\r\n{\"error\":\"cannot read k\"}");
        let error = server(ops).reload(false).unwrap_err().to_string();
        assert_eq!(error, format!("the server at {ops} refuses: cannot read k"));
    }

    #[test]
    fn a_server_that_is_not_there_cannot_be_reached() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = Server { ops: gone, data: PathBuf::new() }.get("/metrics", None).unwrap_err();
        assert!(format!("{error:#}").starts_with("the server cannot be reached"), "{error:#}");
    }
}
