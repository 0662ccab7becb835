//! A connect token for whoever writes a client: the server mints it from a signed login or from typed claims.

use crate::server::{Server, parsed};
use crate::terminal::{self, sentence};
use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of a connect token.
const TOKEN_BYTES: usize = 2_048;
/// Bytes of a JWT that are read; a server takes no longer one.
const JWT_BYTES_MAX: u64 = 16 * 1_024;

/// Whose token, and where it goes.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// A login signed by the login service, in this file (- for standard input)
    #[arg(long, value_name = "FILE", required_unless_present = "account", conflicts_with_all = ["account", "character", "choose", "name", "role"])]
    jwt: Option<PathBuf>,
    /// Or, at a server with its development key on this machine: the account, from 1 on
    #[arg(long, value_name = "ID", requires = "name", value_parser = clap::value_parser!(u64).range(1..))]
    account: Option<u64>,
    /// The character to play; without it the account's own nameless one
    #[arg(long, value_name = "ID", requires = "account")]
    character: Option<u64>,
    /// The bearer chooses among the characters of the account, and makes new ones
    #[arg(long, requires = "account", conflicts_with = "character")]
    choose: bool,
    /// The name that others see, at most 32 bytes
    #[arg(long, requires = "account")]
    name: Option<String>,
    /// What the bearer may do
    #[arg(long, requires = "account")]
    role: Option<Role>,
    /// Write the 2,048 bytes to this file, its owner's only, instead of base64 to standard output
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    out: Option<PathBuf>,
    /// Print the server's own JSON: the token, its addresses, its expiry
    #[arg(long)]
    json: bool,
}

/// What the bearer of a token may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    Player,
    Operator,
}

/// The server's answer.
#[derive(Debug, Deserialize)]
struct Minted {
    token: String,
    addresses: Vec<String>,
    account: u64,
    serial: u64,
}

impl TokenArgs {
    /// Fetches the token, writes it where it is wanted, and answers what to print.
    ///
    /// # Errors
    /// The login cannot be read, the server refuses it, or the file cannot be written.
    pub fn run(&self, server: &Server) -> Result<String> {
        let text = server.post("/api/v1/token", &self.login()?)?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        let minted: Minted = parsed(&text)?;
        let Some(file) = &self.out else { return Ok(sentence(&minted.token)) };
        let bytes = STANDARD.decode(&minted.token).ok().filter(|bytes| bytes.len() == TOKEN_BYTES);
        write_secret(file, &bytes.context("the server's token is not one")?)
            .with_context(|| format!("{} cannot be written", file.display()))?;
        let Minted { addresses, account, serial, .. } = minted;
        let (file, addresses) = (file.display(), sentence(&addresses.join(", ")));
        Ok(format!("{file}: token {serial}, account {account}, for {addresses}, good for 30 s and one session"))
    }

    /// The body of the request.
    fn login(&self) -> Result<String> {
        if let Some(file) = &self.jwt {
            return read_jwt(file);
        }
        let mut claims = serde_json::Map::new();
        claims.insert("account".to_owned(), self.account.into());
        claims.insert("name".to_owned(), self.name.as_deref().into());
        if let Some(character) = self.character {
            claims.insert("character".to_owned(), character.into());
        }
        if self.choose {
            claims.insert("character".to_owned(), "choose".into());
        }
        if let Some(role) = self.role {
            let role = match role {
                Role::Player => "player",
                Role::Operator => "operator",
            };
            claims.insert("role".to_owned(), role.into());
        }
        Ok(serde_json::Value::Object(claims).to_string())
    }
}

fn read_jwt(file: &Path) -> Result<String> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().take(JWT_BYTES_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(JWT_BYTES_MAX).read_to_string(&mut text))
    };
    read.with_context(|| format!("the login {} cannot be read", file.display()))?;
    // What begins so is claims, and would be taken for typed ones.
    if text.trim_start().starts_with('{') {
        bail!("{} holds claims in clear, not a JWT: give them as --account, --name and so on", file.display());
    }
    Ok(text.trim().to_owned())
}

/// Whoever reads the file can play as the token's owner.
fn write_secret(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::{answering, data_dir, server};
    use crate::{Cli, Command};
    use clap::Parser;

    fn args(line: &str) -> Result<TokenArgs, clap::Error> {
        match Cli::try_parse_from(["admin", "token"].into_iter().chain(line.split_whitespace()))?.command {
            Command::Token(on) => Ok(on.args),
            _ => unreachable!("asked for a token"),
        }
    }

    fn page() -> String {
        let token = STANDARD.encode([7; TOKEN_BYTES]);
        format!(
            "{{\"token\":\"{token}\",\"addresses\":[\"127.0.0.1:7777\"],\"expires_at\":5,\"account\":42,\"character\":0,\"serial\":9}}"
        )
    }

    #[test]
    fn typed_claims_are_sent_as_json_and_the_token_comes_out_in_base64() {
        let dir = data_dir();
        let (ops, asked) = answering(format!("HTTP/1.0 200 OK\r\n\r\n{}", page()));
        let args = args("--account 42 --name ada --character 7 --role operator").unwrap();
        let printed = args.run(&server(ops, &dir)).unwrap();
        assert_eq!(STANDARD.decode(printed.trim()).unwrap(), [7; TOKEN_BYTES]);
        let request = asked.join().unwrap();
        assert!(request.starts_with("POST /api/v1/token HTTP/1.0\r\n"), "{request}");
        assert!(request.contains("\r\nAuthorization: Bearer secret\r\n"), "{request}");
        let body = request.split_once("\r\n\r\n").unwrap().1;
        assert!(request.contains(&format!("Content-Length: {}\r\n", body.len())), "{request}");
        let claims: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(claims, serde_json::json!({"account": 42, "character": 7, "name": "ada", "role": "operator"}));
    }

    #[test]
    fn the_choice_of_the_character_can_be_left_to_the_bearer() {
        let claims = args("--account 42 --name ada --choose").unwrap().login().unwrap();
        let claims: serde_json::Value = serde_json::from_str(&claims).unwrap();
        assert_eq!(claims, serde_json::json!({"account": 42, "character": "choose", "name": "ada"}));
        assert!(args("--account 42 --name ada --choose --character 7").is_err() && args("--jwt f --choose").is_err());
    }

    #[test]
    fn a_login_goes_as_it_is_and_the_token_into_a_file_of_its_owner() {
        let dir = data_dir();
        std::fs::write(dir.path().join("login"), "a.b.c\n").unwrap();
        let (ops, asked) = answering(format!("HTTP/1.0 200 OK\r\n\r\n{}", page()));
        let out = dir.path().join("token.bin");
        let line = format!("--jwt {} --out {}", dir.path().join("login").display(), out.display());
        let printed = args(&line).unwrap().run(&server(ops, &dir)).unwrap();
        assert!(
            printed.ends_with("token 9, account 42, for 127.0.0.1:7777, good for 30 s and one session"),
            "{printed}"
        );
        assert_eq!(asked.join().unwrap().split_once("\r\n\r\n").unwrap().1, "a.b.c");
        assert_eq!(std::fs::read(&out).unwrap(), [7; TOKEN_BYTES]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_the_server_says_against_it_is_repeated() {
        let dir = data_dir();
        let body = "{\"error\":\"the JWT has expired\",\"reason\":\"jwt_expired\"}";
        let (ops, _asked) = answering(format!("HTTP/1.0 401 Unauthorized\r\n\r\n{body}"));
        let error = args("--account 1 --name x").unwrap().run(&server(ops, &dir)).unwrap_err().to_string();
        assert_eq!(error, format!("the server at {ops} refuses: the JWT has expired"));
    }

    #[test]
    fn claims_are_given_whole_and_not_beside_a_login() {
        for line in [
            "",
            "--account 1",
            "--name x",
            "--account 0 --name x",
            "--jwt f --account 1 --name x",
            "--jwt f --role player",
        ] {
            assert!(args(line).is_err(), "{line}");
        }
        assert!(args("--jwt f --out o --json").is_err());
        let dir = data_dir();
        let file = dir.path().join("claims");
        std::fs::write(&file, "{\"account\":1}").unwrap();
        let error = read_jwt(&file).unwrap_err().to_string();
        assert!(error.contains("holds claims in clear"), "{error}");
    }
}
