//! Everything that is held about an account, for whoever it is about: `export`.

use crate::server::{Server, parsed};
use crate::terminal;
use anyhow::Result;
use clap::Args;

/// About whom.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The account's number
    account: u64,
    /// It is JSON in any case: for whoever says so to every command
    #[arg(long)]
    json: bool,
}

impl ExportArgs {
    /// JSON, as a person reads it: its own person, in the end.
    pub fn run(&self, server: &Server) -> Result<String> {
        let text = server.order_and_wait(&ops_api::Command::Export { account: self.account })?;
        let page: serde_json::Value = parsed(&text)?;
        Ok(terminal::json(&serde_json::to_string_pretty(&page)?))
    }
}

#[cfg(test)]
mod tests {
    use crate::rig::{answer, body, said};

    #[test]
    fn an_export_is_json_that_a_person_can_read() {
        let (done, asked) = said("export 42", &answer(200, "{\"account\":42,\"name\":\"a\u{9b}b\"}"));
        assert_eq!(done.unwrap(), "{\n  \"account\": 42,\n  \"name\": \"a\\u009bb\"\n}\n");
        assert_eq!(body(&asked), serde_json::json!({ "account": 42 }));
        assert_eq!(said("export 42 --json", &answer(200, "{}")).0.unwrap(), "{}\n");
    }
}
