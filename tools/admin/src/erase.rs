//! Everything that is held about an account is taken away.

use crate::server::{Server, parsed};
use crate::terminal::{self, sentence};
use anyhow::{Result, bail};
use clap::Args;
use serde::Deserialize;
use std::io::{BufRead, IsTerminal, Write};

/// Which account.
#[derive(Debug, Args)]
pub struct EraseArgs {
    /// The account's number
    account: u64,
    /// A character that your login service has given the account in its tokens: no roster says that it is the account's
    #[arg(long = "character", value_name = "ID")]
    characters: Vec<u64>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl EraseArgs {
    /// Asks whoever sits there, has it erased, and says what is gone.
    pub fn run(&self, server: &Server) -> Result<String> {
        let stdin = std::io::stdin();
        if !self.yes {
            if !stdin.is_terminal() {
                bail!("nobody can be asked whether to erase account {}: say --yes", self.account);
            }
            self.confirm(&mut stdin.lock(), &mut std::io::stderr())?;
        }
        self.erase(server)
    }

    /// Whoever types the account's number means it.
    fn confirm(&self, from: &mut impl BufRead, to: &mut impl Write) -> Result<()> {
        let account = self.account;
        write!(to, "Account {account} and all its characters will be gone for ever. Type {account} to go on: ")?;
        to.flush()?;
        let mut typed = String::new();
        from.read_line(&mut typed)?;
        if typed.trim() != account.to_string() {
            bail!("account {account} is not erased");
        }
        Ok(())
    }

    fn erase(&self, server: &Server) -> Result<String> {
        #[derive(Deserialize)]
        struct Erased {
            characters: usize,
            ledger_lines: usize,
            stores: Vec<String>,
        }
        let erase = ops_api::Command::Erase { account: self.account, characters: self.characters.clone() };
        let text = server.order_and_wait(&erase)?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        let Erased { characters, ledger_lines, stores } = parsed(&text)?;
        let stores = sentence(&stores.join(", "));
        let account = self.account;
        Ok(format!(
            "erased: account {account}, {characters} characters, {ledger_lines} lines of the ledger; in {stores}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::{answering, data_dir};

    fn args() -> EraseArgs {
        EraseArgs { account: 42, characters: vec![7], yes: true, json: false }
    }

    #[test]
    fn an_erasure_says_what_is_gone_or_why_nothing_is() {
        let dir = data_dir();
        let server = |ops| crate::rig::server(ops, &dir);
        let page = "{\"account\":42,\"characters\":2,\"ledger_lines\":3,\"stores\":[\"journal\",\"mariadb\"]}";
        let (ops, asked) = answering(format!("HTTP/1.0 200 OK\r\n\r\n{page}"));
        let said = args().run(&server(ops)).unwrap();
        assert_eq!(said, "erased: account 42, 2 characters, 3 lines of the ledger; in journal, mariadb");
        let request = asked.join().unwrap();
        assert!(request.starts_with("POST /api/v1/erase HTTP/1.0\r\n"), "{request}");
        let (ops, _asked) = answering(format!("HTTP/1.0 200 OK\r\n\r\n{page}"));
        assert_eq!(EraseArgs { json: true, ..args() }.run(&server(ops)).unwrap(), page);
        let (ops, _asked) = answering("HTTP/1.0 409 Conflict\r\n\r\n{\"error\":\"log it out first\"}");
        let error = args().run(&server(ops)).unwrap_err().to_string();
        assert_eq!(error, format!("the server at {ops} refuses: log it out first"));
    }

    #[test]
    fn only_who_types_the_accounts_number_means_it() {
        let confirm = |typed: &str| args().confirm(&mut typed.as_bytes(), &mut Vec::new());
        assert!(confirm("42\n").is_ok());
        for typed in ["", "\n", "y\n", "43\n"] {
            assert_eq!(confirm(typed).unwrap_err().to_string(), "account 42 is not erased", "{typed:?}");
        }
        let mut asked = Vec::new();
        args().confirm(&mut "42".as_bytes(), &mut asked).unwrap();
        assert!(String::from_utf8(asked).unwrap().contains("gone for ever"));
    }
}
