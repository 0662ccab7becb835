//! Advisories, licences, versions and sources of everything in the lock file.

use std::process::Stdio;

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::step::Steps;

/// Runs cargo-deny with the policy in `.deny.toml`; it fetches the advisory database and so needs the network.
pub fn run(checkout: &Checkout, steps: &Steps) -> Result<()> {
    let version = checkout.cargo(&["deny", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        bail!("cargo-deny is not installed: `cargo install cargo-deny --locked` brings it");
    }
    // The root is a package as well as a workspace, so all members have to be asked for; `.deny.toml` is found by name.
    let arguments = ["deny", "--workspace", "--all-features", "check", "advisories", "bans", "licenses", "sources"];
    steps.run("audit", || checkout.run_cargo(&arguments))
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::Table;

    #[test]
    fn the_policy_has_one_ignored_advisory_with_a_reason_and_refuses_wildcards_and_git() {
        let text = std::fs::read_to_string(Checkout::find().unwrap().root.join(".deny.toml")).unwrap();
        let policy: Table = text.parse().unwrap();
        let ignored = policy["advisories"]["ignore"].as_array().unwrap();
        assert_eq!(ignored.len(), 1);
        assert_eq!(ignored[0]["id"].as_str(), Some("RUSTSEC-2025-0141"));
        assert!(ignored[0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
        assert_eq!(policy["bans"]["wildcards"].as_str(), Some("deny"));
        assert_eq!(policy["sources"]["unknown-git"].as_str(), Some("deny"));
        assert!(policy["sources"]["allow-git"].as_array().is_none_or(Vec::is_empty));
    }
}
