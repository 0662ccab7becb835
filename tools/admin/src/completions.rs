//! What a shell has to know to complete this command line: `completions`.

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// For which shell.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Its name
    shell: Shell,
}

impl CompletionsArgs {
    /// A script for the shell.
    pub fn run(&self) -> Result<String> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::Cli::command(), "admin", &mut script);
        Ok(String::from_utf8(script)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_learns_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
            let script = CompletionsArgs { shell }.run().unwrap();
            for command in crate::Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell} does not know {}", command.get_name());
            }
        }
        assert!(crate::rig::misused("completions sh").contains("sh"));
    }
}
