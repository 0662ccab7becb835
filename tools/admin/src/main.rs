//! The operator's command line: asks a running server over its operations interface.

mod alerts;
mod audit;
mod backup;
mod bans;
mod completions;
mod erase;
mod events;
mod export;
mod health;
mod lifecycle;
mod limits;
mod metrics;
mod players;
mod profile;
mod report;
#[cfg(test)]
mod rig;
mod server;
mod span;
mod status;
mod terminal;
mod token;
mod top;
mod trial;
mod words;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use server::Server;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Exit status when the server cannot be asked or refuses.
const FAILED: u8 = 1;
/// Exit status of a command line that makes no sense.
const MISUSED: u8 = 2;

/// Looks after a running server
///
/// Exit status: 0 done, 1 the server cannot be asked or refuses, 2 the command line makes no sense.
#[derive(Debug, Parser)]
#[command(name = "admin", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// A command, and the server that is meant.
#[derive(Debug, Args)]
struct On<A: Args> {
    #[command(flatten)]
    args: A,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How the server fares, in a table
    Status(On<status::StatusArgs>),
    /// How the server fares, live and on the whole screen
    ///
    /// Keys: r, l, d, a, b, s or the arrows put the worst clients in order by round trip, loss, traffic down, age of the
    /// newest snapshot, backlog or suspicion; Up and Down mark one, Enter shows all about it; p holds the picture, h shows
    /// the keys, q leaves.
    Top(On<top::TopArgs>),
    /// Whether the server lives, for whoever starts it again; wants no token
    Health(On<health::HealthArgs>),
    /// Who is here
    Players(On<players::PlayersArgs>),
    /// All there is to say of somebody who is here
    Show(On<players::ShowArgs>),
    /// End sessions; whoever is put out may come back
    Kick(On<players::KickArgs>),
    /// Keep an account, an address or a network out, and end its sessions
    Ban(On<bans::BanArgs>),
    /// Lift a ban
    Unban(On<bans::UnbanArgs>),
    /// Who is kept out
    Bans(On<bans::BansArgs>),
    /// Tell everybody something, or some
    Say(On<players::SayArgs>),
    /// What may be changed while the server runs, or change it
    Limits(On<limits::LimitsArgs>),
    /// What is logged, or change it
    LogLevel(On<limits::LogLevelArgs>),
    /// A connect token, for trying out a client
    Token(On<token::TokenArgs>),
    /// Make the server read its keys, what it knows of the login service, and its content again
    Reload(On<lifecycle::ReloadArgs>),
    /// Copy the server's journal, as it is at one moment, into backups/ in its data directory; it goes on meanwhile
    Backup(On<backup::BackupArgs>),
    /// The last hour and day as a page with plots
    Report(On<report::ReportArgs>),
    /// Let nobody in any more, or again; whoever is here plays on
    Drain(On<lifecycle::DrainArgs>),
    /// Take the server down after a while, telling the players; everybody is saved
    Shutdown(On<lifecycle::ShutdownArgs>),
    /// What is wrong by the server's own rules
    Alerts(On<alerts::AlertsArgs>),
    /// Which commands were given, by whom, and what came of them
    Audit(On<audit::AuditArgs>),
    /// Where the time goes: a look at so many seconds, by thread and phase
    Profile(On<profile::ProfileArgs>),
    /// Everything that is held about an account, as JSON
    Export(On<export::ExportArgs>),
    /// Take away everything that is held about an account; first let it log out
    ///
    /// In the server's journal, in Redis and in MariaDB. Refused while one of its characters is in the world or held by any
    /// server. What was traded stays with those who have it; the ledger keeps what was done, without names. Of accounts whose
    /// tokens name no character, the character's number, which stays there, is made from the account's.
    ///
    /// Out of reach are: backups; the journals of other servers, which forget the names when the account logs in there; and a
    /// database of a pair that is away, which may bring something back: erase again when it is there.
    Erase(On<erase::EraseArgs>),
    /// What has happened in the world: who came and went, who was slain, who reached a level, whom too much speaks against
    Events(On<events::EventArgs>),
    /// The server's metrics, in Prometheus' text form
    Metrics(On<metrics::MetricsArgs>),
    /// Make a server suffer that was told to bear it (ops.test_commands), to see what happens then
    Test(On<trial::TestArgs>),
    /// What a shell has to know to complete these commands
    Completions(completions::CompletionsArgs),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            eprintln!("admin: {}", misuse(&error));
            return ExitCode::from(MISUSED);
        }
        Err(error) => {
            // Printing help can only fail if nobody reads it.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    match cli.command.run(&mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads it has enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("admin: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

impl Command {
    /// Does it, and writes what there is to say.
    fn run(self, out: &mut dyn Write) -> Result<()> {
        let text = match self {
            Self::Status(On { args, server }) => args.run(&server)?,
            Self::Top(On { args, server }) => return args.run(&server, out),
            Self::Health(On { args, server }) => args.run(&server)?,
            Self::Players(On { args, server }) => args.run(&server)?,
            Self::Show(On { args, server }) => args.run(&server)?,
            Self::Kick(On { args, server }) => args.run(&server)?,
            Self::Ban(On { args, server }) => args.run(&server)?,
            Self::Unban(On { args, server }) => args.run(&server)?,
            Self::Bans(On { args, server }) => args.run(&server)?,
            Self::Say(On { args, server }) => args.run(&server)?,
            Self::Limits(On { args, server }) => args.run(&server)?,
            Self::LogLevel(On { args, server }) => args.run(&server)?,
            Self::Token(On { args, server }) => args.run(&server)?,
            Self::Reload(On { args, server }) => args.run(&server)?,
            Self::Backup(On { args, server }) => args.run(&server)?,
            Self::Report(On { args, server }) => args.run(&server)?,
            Self::Drain(On { args, server }) => args.run(&server)?,
            Self::Shutdown(On { args, server }) => args.run(&server)?,
            Self::Alerts(On { args, server }) => args.run(&server)?,
            Self::Audit(On { args, server }) => return args.run(&server, out),
            Self::Profile(On { args, server }) => args.run(&server)?,
            Self::Export(On { args, server }) => args.run(&server)?,
            Self::Erase(On { args, server }) => args.run(&server)?,
            Self::Events(On { args, server }) => return args.run(&server, out),
            Self::Metrics(On { args, server }) => args.run(&server)?,
            Self::Test(On { args, server }) => args.run(&server)?,
            Self::Completions(args) => args.run()?,
        };
        writeln!(out, "{}", text.trim_end_matches('\n'))?;
        Ok(())
    }
}

/// What is wrong with a command line, in one sentence: the parser's own, without its layout and its page of help.
fn misuse(error: &clap::Error) -> String {
    let text = error.to_string();
    let parts = text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let said = parts.take_while(|part| !part.starts_with("Usage:") && !part.starts_with("For more information"));
    let said = said.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    let what = said.strip_prefix("error: ").unwrap_or(&said);
    if what.is_empty() || error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "there is no command: admin --help lists them".to_owned();
    }
    what.to_owned()
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
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
    use clap::CommandFactory;
    use rig::misused;

    #[test]
    fn the_command_line_is_well_formed_and_every_command_says_what_it_does() {
        let cli = Cli::command();
        cli.clone().debug_assert();
        for command in cli.get_subcommands() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(
                about.len() >= 8 && !about.starts_with("A command, and the server"),
                "{}: {about}",
                command.get_name()
            );
        }
    }

    #[test]
    fn every_command_that_asks_a_server_can_answer_in_json() {
        for command in Cli::command().get_subcommands().filter(|command| command.get_name() != "completions") {
            let mut flags = command.get_arguments().filter_map(clap::Arg::get_long);
            assert!(flags.any(|flag| flag == "json"), "{}", command.get_name());
        }
    }

    #[test]
    fn every_command_of_the_interface_can_be_given() {
        let names: Vec<_> = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
        for command in ops_api::COMMANDS {
            // An alert that is none is a way to look at alerts.
            let name = if command == "test-alert" { "alerts" } else { command };
            assert!(names.iter().any(|known| known == name), "{command}");
        }
    }

    #[test]
    fn a_command_line_that_makes_no_sense_is_one_sentence() {
        for line in ["", "dance", "kick", "show ada", "ban 42 --for 7", "shutdown --in x", "players --wrong", "say"] {
            let text = misused(line);
            assert!(!text.is_empty() && !text.contains('\n') && !text.contains("Usage"), "{line}: {text}");
        }
        assert!(misused("player").contains("'players'"), "the nearest is named: {}", misused("player"));
    }
}
