//! The program: parse what the operator wants, build it, run it. For `main.rs`, and for whoever puts a game of his own beside
//! the one that is here: his program is this one with his extensions.

use crate::config::{self, Config, Sources};
use crate::edge::{self, DEV_KEY_FILE, Edge, OPS_TOKEN_FILE, telemetry};
use crate::errand::Errand;
use clap::Parser;
use game::Extensions;
use server::RealmConfig;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit status when the configuration or the command line is wrong.
const EXIT_CONFIG: u8 = 2;
/// Exit status when the configuration is right but the server cannot run.
const EXIT_RUN: u8 = 1;

/// Throng, a game server for thousands of players in one place.
///
/// Without any set-up it listens on this machine only, keeps a development key, an operations token and its journal in
/// target/throng, and needs nothing else. Ctrl-C or SIGTERM saves everybody and exits; SIGHUP reads keys again.
#[derive(Debug, Parser)]
#[command(
    name = "throng",
    version,
    after_help = "Every key of the configuration file can also be set as THRONG_SECTION__KEY, for example\n\
                  THRONG_SERVER__PLAYERS_MAX=500; flags override both. All keys, with their defaults, units and\n\
                  ranges, are documented in config/server.toml.\n\n\
                  Exit status: 0 drained, 1 could not run or save, 2 wrong configuration.",
    disable_help_subcommand = true
)]
struct Args {
    /// What to do instead of running: look after a data directory that no server uses
    #[command(subcommand)]
    errand: Option<Errand>,
    /// Configuration file (TOML) [default: none, every key has a default]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the game listens, UDP [default: 127.0.0.1:7777]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Where /metrics, /live, /ready and the API listen, TCP [default: 127.0.0.1:9777]
    #[arg(long, value_name = "ADDR")]
    ops: Option<String>,
    /// Directory for keys, token and journal [default: target/throng]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<String>,
    /// What is logged to stderr: error, warn, info, debug, trace
    #[arg(long, global = true, value_name = "LEVEL", env = "THRONG_LOG", default_value = telemetry::DEFAULT_FILTER)]
    log: String,
    /// How it is logged: text for people, or json, an object on each line
    #[arg(long, global = true, value_name = "FORMAT", env = "THRONG_LOG_FORMAT", value_enum, default_value_t)]
    log_format: telemetry::Format,
    /// Tell clients this lie: drop-entity, shift-coordinate, double-message or forget-leave
    #[cfg(feature = "faults")]
    #[arg(long, value_name = "NAME")]
    fault: Option<server::Fault>,
    /// Die at a named point as if by kill -9, at the Nth pass: POINT or POINT:N; "list" names them
    #[cfg(feature = "faults")]
    #[arg(long, value_name = "POINT")]
    crash_at: Option<String>,
}

/// Runs the server as the command line says, with what `extensions` add to the game, and answers with its exit status.
#[must_use]
pub fn run(extensions: Extensions) -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(EXIT_CONFIG, first_line(&error.to_string())),
    };
    if let Err(problem) = telemetry::start(&args.log, args.log_format) {
        return fail(EXIT_CONFIG, problem);
    }
    if let Err(error) = edge::outlive_file_limit() {
        return fail(EXIT_RUN, format!("cannot set up signals: {error}"));
    }
    #[cfg(feature = "faults")]
    if let Some(done) = args.crash_at.as_deref().and_then(crash_at) {
        return done;
    }
    let config = match resolve(&args) {
        Ok(config) => config,
        Err(problems) => return fail(EXIT_CONFIG, problems),
    };
    if let Some(errand) = &args.errand {
        return match errand.run(&config, &extensions) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => fail(EXIT_RUN, problem),
        };
    }
    #[allow(unused_mut, reason = "only a faults build changes it")]
    let mut realm = RealmConfig { extensions, ..edge::realm_config(&config) };
    #[cfg(feature = "faults")]
    {
        realm.fault = args.fault;
    }
    let edge = match Edge::build(&config, realm) {
        Ok(edge) => edge,
        Err(error) => return fail(EXIT_RUN, error),
    };
    greet(&config, &edge);
    match edge.run(Box::new(move || resolve(&args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(EXIT_RUN, error),
    }
}

/// Arms the point that was named; with what the program ends at once, if it does.
#[cfg(feature = "faults")]
fn crash_at(wish: &str) -> Option<ExitCode> {
    use edge::crash::{Point, arm};
    if wish == "list" {
        Point::ALL.iter().for_each(|point| println!("{}", point.label()));
        return Some(ExitCode::SUCCESS);
    }
    let (name, nth) = wish.split_once(':').unwrap_or((wish, "1"));
    let point = Point::ALL.into_iter().find(|point| point.label() == name);
    match (point, nth.parse::<u32>()) {
        (Some(point), Ok(nth)) if nth > 0 => {
            arm(point, nth);
            None
        }
        _ => Some(fail(EXIT_CONFIG, format!("--crash-at {wish} names no point: --crash-at list shows them"))),
    }
}

fn resolve(args: &Args) -> Result<Config, String> {
    Config::resolve(&sources(args)?).map_err(|problems| problems.to_string())
}

fn sources(args: &Args) -> Result<Sources, String> {
    let file = match &args.config {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read the configuration file {}: {error}", path.display()))?;
            Some((path.display().to_string(), text))
        }
        None => None,
    };
    // What is not Unicode is none of our variables.
    let environment = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let flags = [
        ("server.listen", "--listen", &args.listen),
        ("ops.listen", "--ops", &args.ops),
        ("server.data_dir", "--data", &args.data),
    ];
    let flags = flags.into_iter().filter_map(|(key, flag, value)| Some((key, flag, value.clone()?))).collect();
    Ok(Sources { file, environment, flags })
}

/// What a person at a terminal wants to know first.
fn greet(config: &Config, edge: &Edge) {
    let data = config.data_dir.display();
    println!("throng {} listens on {}/udp", env!("CARGO_PKG_VERSION"), edge.listen());
    println!("  data   {data} (key {}, token {OPS_TOKEN_FILE})", key_name(config));
    println!("  ops    http://{}/ to look at; /metrics /live /ready /api/v1/status /api/v1/token", edge.ops_listen());
    println!("  try    {}", swarm_command(config, edge));
    println!("  stop   Ctrl-C: everybody is told and saved first");
}

fn key_name(config: &Config) -> String {
    config.private_key_file.as_deref().map_or_else(|| DEV_KEY_FILE.to_owned(), |path| path.display().to_string())
}

/// The command that fills this server with bots, naming only what is not the default.
fn swarm_command(config: &Config, edge: &Edge) -> String {
    let mut command = "cargo run --release -p swarm -- --bots 500 --duration 30s".to_owned();
    let mut add = |flag: &str, value: &str, default: &str| {
        if value != default {
            command.push_str(&format!(" {flag} {value}"));
        }
    };
    add("--server", &edge.listen().to_string(), &config::DEFAULT_LISTEN.to_string());
    add("--ops", &edge.ops_listen().to_string(), &config::DEFAULT_OPS_LISTEN.to_string());
    add("--data", &config.data_dir.display().to_string(), config::DEFAULT_DATA_DIR);
    add(
        "--key",
        &config.private_key_file.as_deref().map(Path::display).map_or_else(String::new, |p| p.to_string()),
        "",
    );
    command
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// The one line that a start which failed leaves behind.
fn fail(status: u8, sentence: impl Display) -> ExitCode {
    eprintln!("throng: {sentence}");
    ExitCode::from(status)
}
