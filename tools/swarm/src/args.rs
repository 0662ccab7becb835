//! The command line, as typed and as resolved.

use crate::duration;
use crate::movement::{Clumped, Crowd, Humans, Movement, Uniform};
use crate::token;
use crate::view::Recorded;
use anyhow::{Context, Result};
use clap::Parser;
use rudp::{Backend, Key};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// More bots than this do not fit the wire: net ids have 16 bits.
const BOTS_MAX: u64 = 10_000;
/// Where recordings start unless told otherwise: before that second people still fall from the sky.
const HUMANS_T0_S: u32 = 90;

/// What the verdict needs, in the words of `--help`.
const RULES: &str = "\
The run passes (exit 0) if
  - all bots are in at the end, and nobody was disconnected (with --rejoin: and all were in again within 10 s of the
    server's /ready after each outage);
  - missing, stale, ghost, desync, out_of_order and other errors are all 0;
  - enough states were compared with the truth: 1,000,000 with at least 100 bots for at least 20 s without --rejoin;
    else per bot and second of --duration 15 times the others in view on average, at most 150;
  - the server's status could be read;
and, unless --truth-only is given,
  - the server ticked at 60 +- 0.5 Hz;
  - at most 0.1 % of the packets were lost and the mean round trip was under 20 ms (not with --rejoin);
  - the swarm kept up itself: 99 of 100 bot ticks began at most 5 ms late (else the load was invalid).
Otherwise it says why and exits with 1; with 2 if the command line is wrong.";

/// Thousands of headless bots in one process that check every word the server says.
#[derive(Debug, Parser)]
#[command(name = "swarm", version, after_help = RULES)]
pub struct Args {
    /// How many bots
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=BOTS_MAX))]
    bots: u64,
    /// How long to measure once all are in: 30s, 2m, 500ms
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = duration::parse)]
    duration: Duration,
    /// The server's game address
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7777")]
    server: SocketAddr,
    /// The server's operations address
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9777")]
    ops: SocketAddr,
    /// Over which time the bots join
    #[arg(long, value_name = "SPAN", default_value = "5s", value_parser = duration::parse)]
    ramp: Duration,
    /// How bots move: humans:FILE[@T0] (trace,t_s,x,y; plain or gzip; from second T0 on, 90 by default), clumped,
    /// uniform or crowd
    #[arg(long, value_name = "HOW", default_value = "clumped")]
    movement: String,
    /// Turn heads as recorded in FILE (t_ms,player,x,y,z,pitch,yaw,roll,dead; plain or gzip) instead of by a generator
    #[arg(long, value_name = "FILE")]
    view: Option<PathBuf>,
    /// Join again after a silence of 3 s or a disconnect, and check that the server restored each bot's place
    #[arg(long)]
    rejoin: bool,
    /// The server's data directory: holds its dev.key and ops.token
    #[arg(long, value_name = "DIR", default_value = "target/throng")]
    data: PathBuf,
    /// The key to mint tokens with, instead of the one in the data directory
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Also write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Judge only what the bots were told, not how fast: for machines that do other work at the same time
    #[arg(long)]
    truth_only: bool,
    /// Seed of all movement
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The cipher code to run: auto, chacha20poly1305 or aws-lc
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = backend)]
    seal: Backend,
}

/// A run that can begin.
#[derive(Debug)]
pub struct Plan {
    /// How many bots.
    pub bots: usize,
    /// Measured time.
    pub duration: Duration,
    /// Time over which bots join.
    pub ramp: Duration,
    /// Where the game is.
    pub server: SocketAddr,
    /// Where the operations interface is.
    pub ops: SocketAddr,
    /// Who may use it.
    pub ops_token: String,
    /// Mints tokens.
    pub key: Key,
    /// How bots move.
    pub movement: Movement,
    /// Its name for the report.
    pub movement_name: String,
    /// How bots look around, if recorded.
    pub recorded: Option<Recorded>,
    /// Whether bots that drop out join again.
    pub rejoin: bool,
    /// Whether speed is left out of the verdict.
    pub truth_only: bool,
    /// Where to write JSON.
    pub json: Option<PathBuf>,
    /// Seed of all movement.
    pub seed: u64,
    /// The cipher code.
    pub seal: Backend,
}

impl Args {
    /// Reads the files that are named and checks that everything fits together.
    ///
    /// # Errors
    /// One sentence for whoever typed it.
    pub fn resolve(self) -> Result<Plan> {
        let bots = self.bots as usize;
        let movement = movement(&self.movement, bots, self.seed)?;
        let recorded = self.view.as_deref().map(Recorded::load).transpose()?;
        let key_file = self.key.clone().unwrap_or_else(|| self.data.join("dev.key"));
        let hint = "start the server first, or name its data directory with --data";
        let key = token::read_key(&key_file).with_context(|| hint.to_owned());
        let token_file = self.data.join("ops.token");
        let ops_token = std::fs::read_to_string(&token_file)
            .with_context(|| format!("the token file {} cannot be read", token_file.display()))
            .with_context(|| hint.to_owned());
        Ok(Plan {
            bots,
            duration: self.duration,
            ramp: self.ramp,
            server: self.server,
            ops: self.ops,
            ops_token: ops_token?.trim().to_owned(),
            key: key?,
            movement,
            movement_name: self.movement,
            recorded,
            rejoin: self.rejoin,
            truth_only: self.truth_only,
            json: self.json,
            seed: self.seed,
            seal: self.seal,
        })
    }
}

fn movement(name: &str, bots: usize, seed: u64) -> Result<Movement> {
    Ok(match name {
        "clumped" => Movement::Clumped(Clumped::new(bots, seed)),
        "uniform" => Movement::Uniform(Uniform::new(bots, seed)),
        "crowd" => Movement::Crowd(Crowd::new(bots, seed)),
        _ => {
            let recording = name.strip_prefix("humans:").filter(|file| !file.is_empty());
            let recording = recording.with_context(|| {
                format!("--movement {name} is none of humans:FILE[@T0], clumped, uniform and crowd")
            })?;
            let (file, t0_s) = split_t0(recording);
            Movement::Humans(Humans::load(file.as_ref(), t0_s)?)
        }
    })
}

/// `FILE@T0`; an `@` that no number follows belongs to the file's name.
fn split_t0(recording: &str) -> (&str, u32) {
    let split = recording.rsplit_once('@');
    let t0 = split.and_then(|(file, t0)| Some((file, t0.strip_suffix('s').unwrap_or(t0).parse().ok()?)));
    t0.unwrap_or((recording, HUMANS_T0_S))
}

fn backend(name: &str) -> Result<Backend, String> {
    match name {
        "auto" => Ok(Backend::Auto),
        "chacha20poly1305" => Ok(Backend::Crate),
        "aws-lc" => Ok(Backend::AwsLc),
        _ => Err("it is auto, chacha20poly1305 or aws-lc".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_second_of_a_recording_is_optional() {
        assert_eq!(split_t0("a/b.csv.gz"), ("a/b.csv.gz", 90));
        assert_eq!(split_t0("a/b.csv.gz@120"), ("a/b.csv.gz", 120));
        assert_eq!(split_t0("a@home/b.csv@30s"), ("a@home/b.csv", 30));
        assert_eq!(split_t0("a@home/b.csv"), ("a@home/b.csv", 90));
    }

    #[test]
    fn a_bare_command_line_is_a_full_run() {
        let args = Args::try_parse_from(["swarm"]).unwrap();
        assert_eq!((args.bots, args.duration, args.movement.as_str()), (500, Duration::from_secs(30), "clumped"));
    }

    #[test]
    fn wrong_values_are_refused() {
        for line in [["--bots", "0"], ["--bots", "many"], ["--duration", "30"], ["--seal", "rot13"], ["--link", "lte"]]
        {
            assert!(Args::try_parse_from(["swarm"].into_iter().chain(line)).is_err(), "{line:?}");
        }
        assert!(movement("sideways", 1, 1).is_err());
        assert!(movement("humans:", 1, 1).is_err());
    }

    #[test]
    fn missing_files_are_named_with_a_hint() {
        let args = Args::try_parse_from(["swarm", "--data", "/nonexistent"]).unwrap();
        let sentence = format!("{:#}", args.resolve().unwrap_err());
        assert!(
            sentence.contains("/nonexistent/ops.token") && sentence.contains("start the server first"),
            "{sentence}"
        );
    }
}
