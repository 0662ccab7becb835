//! The command line, as typed and as resolved.

use crate::churn::{self, Churn};
use crate::duration;
use crate::links::{self, Mixture};
use crate::movement::{Clumped, Crowd, Humans, Movement, Uniform};
use crate::storm::Storm;
use crate::token;
use crate::trouble::{OUTAGE_AFTER_NS, OUTAGE_BEFORE_END_NS, Troubles};
use crate::view::Recorded;
use anyhow::{Context, Result, ensure};
use clap::Parser;
use rudp::{Backend, Key};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// More bots than this do not fit the wire: net ids have 16 bits.
const BOTS_MAX: u64 = 10_000;
/// The largest number that the first one may have.
const FIRST_MAX: u64 = 1_000_000_000;
/// A weapon fires no oftener (spec: SHO-5).
const SHOTS_PER_S_MAX: f32 = 10.0;
/// Far below the 960 commands a second that a server takes from one player.
const FIDGETS_PER_S_MAX: f32 = 20.0;
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
  - at most 0.1 % of the packets were lost and the mean round trip was under 20 ms (not with --rejoin, --link, --rebind
    or --outage);
  - the swarm kept up itself: 99 of 100 bot ticks began at most 5 ms late (else the load was invalid).
With --shots every shot must be answered once, in order, and no earlier than the snapshot of its tick (else out_of_order);
and its line must begin at its shooter, end at whom it hit, as the shooter saw him, and pass nobody (else desync).
With --play every command must be answered once, within 10 s (else out_of_order), and whatever is told must be able to be
true by the rules: casts, cooldowns, mana, items, coins, experience, and trades as both sides saw them (else other).
With --rebind and --outage every bot that it befalls must be told of itself again, in the same session: one login per bot
in all. What a bot shows is not judged while nothing reaches it and for 2 s after, as after joining. With --link whatever
is to be told may take three round trips of the link longer, at most 2 s, before it is missing, stale or a ghost.
With --churn and --moves every bot must be told of itself again, and a --storm must be in and leave no session; with all
of them the server refuses nobody, and logins are as many as bots, those who came again, and those of storms.
With --links each bot is judged by what its link did: nothing while the link had broken (let nothing through for half a
second, or held back for longer) and for 2 s after, which the report adds up; that the server put nothing on it for a second
is an error.
While the swarm itself is more than 100 ms late, and for 2 s after, nothing that bots show is judged (what they were told is
compared all the same); for half of the time at most, in runs of 20 s and more. Nor is it while a storm lasts, whose bots act fifteen times a second.
With --survive bots come back whenever they can: sessions lost are counted, and not how long they were out.
Otherwise it says why and exits with 1; with 2 if the command line is wrong.";

/// Thousands of headless bots in one process that check every word the server says.
#[derive(Clone, Debug, Parser)]
#[command(name = "swarm", version, after_help = format!("{RULES}\n\n{}", netem::SYNTAX))]
pub struct Args {
    /// How many bots
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=BOTS_MAX))]
    bots: u64,
    /// The number of the first bot, which is part of its name and account: swarms against servers that share a MariaDB need
    /// bots of their own
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=FIRST_MAX))]
    first: u64,
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
    /// As --rejoin, for a server that is killed again and again: attempts to join back off from 1 to 8 s, and neither how
    /// long bots were out nor the server's silence is held against it. SIGTERM ends the run as --duration would, once all
    /// are in
    #[arg(long)]
    survive: bool,
    /// Append a line for each receipt that a bot hears: unix_ms character transaction; in the file within 0.1 s
    #[arg(long, value_name = "FILE")]
    receipts: Option<PathBuf>,
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
    /// Put a bad link between each bot and the server, both ways: a name (lan, dsl, lte, wifi-bursty, starlink, ...),
    /// settings as in delay=40ms,jitter=10ms,loss=2%, or a file of them; see below
    #[arg(long, value_name = "LINK")]
    link: Option<String>,
    /// Draw each bot's link by the seed from a mixture instead: `mixed` (cable, Wi-Fi, mobile and so on, built in), a folder
    /// of recordings, or a link as for --link; each @WEIGHT. May be given again and again
    #[arg(long, value_name = "WHAT[@W]", conflicts_with = "link")]
    links: Vec<String>,
    /// Bots come and go, so many of all in a minute: leave (with a goodbye), crash (a new client takes over from the session
    /// that still stands) and resume (silent, then on in the held session), or those named, each @WEIGHT
    #[arg(long, value_name = "N/min[:KINDS]", value_parser = Churn::parse, conflicts_with_all = ["rejoin", "survive", "rebind", "outage", "play"])]
    churn: Option<Churn>,
    /// Bots change their address, so many of all in a minute: as with --rebind
    #[arg(long, value_name = "N/min", value_parser = churn::per_min, conflicts_with_all = ["rejoin", "survive", "rebind", "outage"])]
    moves: Option<f32>,
    /// So many bots more join within one second, so long after all others are in, stay for 5 s, or as long as said behind a
    /// plus, and are gone within one tick. May be given again and again
    #[arg(long, value_name = "N@SPAN[+STAY]", value_parser = Storm::parse, conflicts_with_all = ["rejoin", "survive", "play"])]
    storm: Vec<Storm>,
    /// Once the run is over, again with so many bots more, until something breaks: all that fails a run, a server that is
    /// overloaded or whose ticks take longer than 16.7 ms (p99), or that is full. Says with how many all held, and what
    /// broke; status 0 if the first step held. STEP is 250 unless it is named
    #[arg(long, value_name = "STEP", num_args = 0..=1, default_missing_value = "250", value_parser = clap::value_parser!(u64).range(1..=BOTS_MAX), conflicts_with_all = ["rejoin", "survive", "storm"])]
    until_fail: Option<u64>,
    /// Let each bot send from an address of its own (127.1.0.1 and up; only to a server on this machine), so that what a
    /// server limits by address binds each by itself
    #[arg(long)]
    spread: bool,
    /// So many bots change their address once, one after the other in mid-run: by port or by address, half of them
    /// without being told
    #[arg(long, value_name = "N", default_value_t = 0)]
    rebind: u64,
    /// So many bots are cut off for so long, all at once, 5 s after the last has joined and settled
    #[arg(long, value_name = "N@SPAN", value_parser = outage)]
    outage: Option<(usize, Duration)>,
    /// Let each bot shoot about so many times a second, mostly at somebody it sees, and follow every shot to its end: 0 to 10,
    /// as often as weapons fire
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = shots)]
    shots: f32,
    /// Let the bots play: fight mobs, loot, trade, deal with vendors, learn and keep company, near where mobs live, and hold every answer against
    /// the rules of the content that the server ships
    #[arg(long)]
    play: bool,
    /// Let each bot that plays also move something about in its bag so many times a second, 0 to 20: each is a change that
    /// the server must have on its disk before it says so
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = fidgets, requires = "play")]
    fidget: f32,
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
    /// The number of the first.
    pub first: u64,
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
    /// Whether a server may die as often as it likes.
    pub survives: bool,
    /// Where receipts are written down.
    pub receipts: Option<PathBuf>,
    /// Whether speed is left out of the verdict.
    pub truth_only: bool,
    /// The links of bots, if they are to be bad ones.
    pub links: Mixture,
    /// The one of all of them, as it was named.
    pub link_name: Option<String>,
    /// Whether each bot has an address of its own.
    pub spread: bool,
    /// What befalls bots.
    pub troubles: Troubles,
    /// Bots that come all at once, and go.
    pub storms: Vec<Storm>,
    /// Shots of each bot, a second.
    pub shots_per_s: f32,
    /// Whether bots play.
    pub plays: bool,
    /// Moves in the bag of each that plays, a second.
    pub fidgets_per_s: f32,
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
        let troubles = self.troubles()?;
        let all = bots + largest(&self.storm);
        ensure!(all as u64 <= BOTS_MAX, "--bots and the largest --storm are {all} together, {BOTS_MAX} at most");
        let movement = movement(&self.movement, all, self.seed)?;
        let links = match &self.link {
            Some(named) => Mixture::one(named, links::profile("--link", named)?),
            None => Mixture::read(&self.links, self.seed)?,
        };
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
            first: self.first,
            duration: self.duration,
            ramp: self.ramp,
            server: self.server,
            ops: self.ops,
            ops_token: ops_token?.trim().to_owned(),
            key: key?,
            movement,
            movement_name: if self.play { "play".to_owned() } else { self.movement },
            recorded,
            rejoin: self.rejoin || self.survive,
            survives: self.survive,
            receipts: self.receipts,
            truth_only: self.truth_only,
            links,
            link_name: self.link,
            spread: self.spread,
            troubles,
            storms: self.storm,
            shots_per_s: self.shots,
            plays: self.play,
            fidgets_per_s: self.fidget,
            json: self.json,
            seed: self.seed,
            seal: self.seal,
        })
    }
}

impl Args {
    /// By how many bots more each further run has, if there are to be further ones until one fails.
    pub fn until_fail(&self) -> Option<u64> {
        self.until_fail
    }

    /// The same with ever `step` more bots, up to as many as there can be.
    pub fn rungs(&self, step: u64) -> impl Iterator<Item = Self> + use<'_> {
        (self.bots..=BOTS_MAX).step_by(step as usize).map(|bots| Self { bots, ..self.clone() })
    }

    fn troubles(&self) -> Result<Troubles> {
        let outage = self.outage.map(|(bots, span)| (bots, span.as_nanos() as u64));
        let (cut, rebinds) = (outage.map_or(0, |(bots, _)| bots) as u64, self.rebind);
        ensure!(cut + rebinds <= self.bots, "--rebind {rebinds} and --outage {cut} need as many --bots");
        if let Some((_, span)) = self.outage {
            let needed = span + Duration::from_nanos(OUTAGE_AFTER_NS + OUTAGE_BEFORE_END_NS);
            ensure!(self.duration >= needed, "an outage of {span:?} needs a --duration of {needed:?} at least");
            ensure!(
                !self.rejoin && !self.survive,
                "--outage is about sessions that go on; with --rejoin and --survive bots give them up"
            );
        }
        for storm in &self.storm {
            let needed = storm.over();
            let Storm { bots, at, .. } = storm;
            ensure!(
                self.duration >= needed,
                "a storm of {bots} bots at {at:?} needs a --duration of {needed:?} at least"
            );
        }
        let over = |storm: &Storm| self.storm.iter().any(|other| other.at > storm.at && other.at < storm.over());
        ensure!(!self.storm.iter().any(over), "one --storm begins before another must be over");
        Ok(Troubles {
            rebinds: rebinds as usize,
            outage,
            churn: self.churn,
            moves_per_min: self.moves.unwrap_or_default(),
        })
    }
}

impl Plan {
    /// Those that stay, and those of the largest storm.
    pub fn bots_in_all(&self) -> usize {
        self.bots + largest(&self.storms)
    }
}

fn largest(storms: &[Storm]) -> usize {
    storms.iter().map(|storm| storm.bots).max().unwrap_or_default()
}

/// `200@60s`.
fn outage(text: &str) -> Result<(usize, Duration), String> {
    let (bots, span) = text.split_once('@').ok_or_else(|| format!("{text}: expected N@SPAN, as in 200@60s"))?;
    let bots = bots.parse().map_err(|_| format!("{bots} is not a number of bots"))?;
    Ok((bots, duration::parse(span)?))
}

/// Up to [`SHOTS_PER_S_MAX`].
fn shots(text: &str) -> Result<f32, String> {
    let rate = text.parse().ok().filter(|rate| (0.0..=SHOTS_PER_S_MAX).contains(rate));
    rate.ok_or_else(|| format!("{text} is no number of shots a second from 0 to {SHOTS_PER_S_MAX}"))
}

/// Up to [`FIDGETS_PER_S_MAX`].
fn fidgets(text: &str) -> Result<f32, String> {
    let rate = text.parse().ok().filter(|rate| (0.0..=FIDGETS_PER_S_MAX).contains(rate));
    rate.ok_or_else(|| format!("{text} is no number of moves a second from 0 to {FIDGETS_PER_S_MAX}"))
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
        for line in [
            ["--bots", "0"],
            ["--bots", "many"],
            ["--duration", "30"],
            ["--seal", "rot13"],
            ["--outage", "5"],
            ["--shots", "11"],
            ["--shots", "often"],
            ["--shots", "NaN"],
        ] {
            assert!(Args::try_parse_from(["swarm"].into_iter().chain(line)).is_err(), "{line:?}");
        }
        assert!(movement("sideways", 1, 1).is_err());
        assert!(movement("humans:", 1, 1).is_err());
    }

    #[test]
    fn a_climb_goes_up_by_its_step_to_as_many_as_there_can_be() {
        let read = |line: &str| Args::try_parse_from(line.split_whitespace());
        let args = read("swarm --bots 9000 --until-fail 400").unwrap();
        let bots: Vec<u64> = args.rungs(400).map(|args| args.bots).collect();
        assert_eq!((args.until_fail(), bots), (Some(400), vec![9_000, 9_400, 9_800]));
        assert_eq!(read("swarm --until-fail").unwrap().until_fail(), Some(250));
        assert_eq!(read("swarm").unwrap().until_fail(), None);
        assert!(read("swarm --until-fail 0").is_err() && read("swarm --until-fail 5 --rejoin").is_err());
    }

    #[test]
    fn links_come_by_name_by_settings_and_from_files() {
        let profile = |named: &str| links::profile("--link", named);
        assert_eq!(profile("lte").unwrap(), netem::Profile::named("lte").unwrap());
        assert!(profile("delay=40ms,jitter=10ms,loss=2%").is_ok());
        assert!(format!("{:#}", profile("isdn").unwrap_err()).starts_with("--link isdn: there is no link named"));
        let folder = std::env::temp_dir().join(format!("swarm-link-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("down"), "1\n2\n").unwrap();
        std::fs::write(folder.join("mine"), "lte\ndown.trace=down\n").unwrap();
        assert!(profile(&folder.join("mine").display().to_string()).is_ok_and(|mine| mine.down != mine.up));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn troubles_must_fit_the_bots_and_the_time() {
        let troubles = |line: &str| Args::try_parse_from(line.split_whitespace()).unwrap().troubles();
        let fits = troubles("swarm --bots 500 --duration 80s --rebind 300 --outage 200@60s").unwrap();
        assert_eq!((fits.rebinds, fits.outage), (300, Some((200, 60_000_000_000))));
        assert!(troubles("swarm --bots 500 --rebind 501").is_err());
        assert!(troubles("swarm --bots 500 --duration 79s --outage 200@60s").is_err());
        let rejoin = troubles("swarm --duration 80s --outage 200@60s --rejoin").unwrap_err().to_string();
        assert!(rejoin.contains("--rejoin"), "{rejoin}");
    }

    #[test]
    fn churn_moves_and_storms_are_read_and_must_fit_the_time() {
        let read = |line: &str| Args::try_parse_from(line.split_whitespace());
        let args =
            read("swarm --duration 3m --churn 60/min:leave@2,crash --moves 30/min --storm 2000@30s --links mixed");
        let troubles = args.unwrap().troubles().unwrap();
        let churn = troubles.churn.unwrap();
        assert_eq!((churn.per_min, churn.leave, churn.crash, churn.resume), (60.0, 2.0, 1.0, 0.0));
        assert!((troubles.moves_per_min - 30.0).abs() < f32::EPSILON && troubles.has_moves());
        for line in [
            "swarm --churn 60/min --rejoin",
            "swarm --churn 60/min --outage 5@10s",
            "swarm --moves 5/min --rebind 3",
            "swarm --storm 5@1s --survive",
            "swarm --link lte --links mixed",
            "swarm --moves often",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
        let told = |line: &str| read(line).unwrap().troubles().unwrap_err().to_string();
        assert_eq!(
            told("swarm --storm 2000@10s --duration 30s"),
            "a storm of 2000 bots at 10s needs a --duration of 85s at least"
        );
        assert_eq!(
            told("swarm --storm 20@10s --storm 30@20s --duration 3m"),
            "one --storm begins before another must be over"
        );
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
