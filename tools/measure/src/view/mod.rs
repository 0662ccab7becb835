//! `measure view`: how smooth and how late a client sees the world over bad links, in virtual time.

mod figures;
mod others;
mod own;
mod report;
mod walkers;
mod watcher;
mod world;

use crate::link::recording;
use anyhow::{Context, Result, ensure};
use netem::{Link, LinkConfig, ProbeTrace};
use report::Report;
use std::path::PathBuf;
use std::sync::Arc;
use world::World;

const AFTER_HELP: &str = "\
One server, four clients behind the link, and 133 stand-ins that walk and look about without pause: 13 near, told every tick,
and 120 farther off, for whom a budget of 24 kB/s leaves less. Every state told is compared with the truth. Every 6 s each
client runs into a wall that only the server knows, pushes for a fifth of a second, and is later put 60 cm aside.
--trace takes the one-way delay in ns per line, one per 10 ms, its losses from the file of the same name with `_loss` for
`_delay`; the way up likewise, from the file with `uplink` for `downlink` if there is one, else 20 ms. Without --trace and
--delay it is 50 ms with 5 %, and then with 10 % loss each way.

Others
  told            states of each sent, per second
  starved         frames in which the newest state of one was older than the moment shown
  delay           how far behind the newest that could have come the moment shown lies, p50 and p99, ms
  age             how long ago the moment shown was at the server, p50 and p99, ms
  error           from what is shown to the truth of that moment, p50 and p99, cm
Own
  jump            largest step of oneself from one frame to the next that his running does not explain, cm
  equal after     from the last tick in which the server met what the client could not know, to the first frame that shows
                  what the server has at that input, to the unit; the longest, ms
Inputs
  lacking         ticks in which the server had no input of a client; not judged on recordings
  depth           inputs that waited after a tick, p50, p99 and most
holds           near: told 60 times a second (98 % of it), starved at most 1 %, delay p99 at most 50 ms on recordings and
                  85 ms else; jump at most 5 cm, equal within 500 ms; lacking at most 0.1 %, depth p99 at most 4. The goals are
                  set for 60 frames a second. The exit status is 1 if one is missed.";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Recorded one-way delay downwards; several files may follow
    #[arg(long, num_args = 1.., value_name = "FILE", conflicts_with_all = ["delay", "loss"])]
    trace: Vec<PathBuf>,
    /// One-way delay each way, ms
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u16).range(0..=1_000))]
    delay: Option<u16>,
    /// Datagrams lost each way, percent
    #[arg(long, value_name = "PERCENT", requires = "delay", default_value_t = 0.0)]
    loss: f64,
    /// Uniform jitter each way on top of the delay, ms
    #[arg(long, value_name = "MS", requires = "delay", default_value_t = 0)]
    jitter: u16,
    /// Frames a second
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(10..=500))]
    fps: u32,
    /// Seconds to measure
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(12..=600))]
    seconds: u32,
    /// Seed of everything that nobody recorded
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// Longest delay of who is told every tick, ms: where delays are recorded...
const DELAY_RECORDED_MS_MAX: f64 = 50.0;
/// ...and where datagrams are lost.
const DELAY_LOSSY_MS_MAX: f64 = 85.0;
/// The way up beside a recording that has none, ns.
const UP_NS: u64 = 20_000_000;
const NS_PER_MS: u64 = 1_000_000;

/// A link to measure on.
pub struct Case {
    name: String,
    down: Way,
    up: Way,
    delay_ms_max: f64,
    /// Whether the server must be supplied with inputs: a recording may hold its breath for longer than any buffer lasts.
    are_inputs_judged: bool,
}

/// One direction of it.
#[derive(Clone)]
struct Way {
    config: LinkConfig,
    probes: Option<Arc<ProbeTrace>>,
}

impl Way {
    fn link(&self, seed: u64) -> Link {
        let link = Link::new(self.config, seed);
        match &self.probes {
            Some(probes) => link.with_probes(Arc::clone(probes)),
            None => link,
        }
    }
}

/// Measures every case and prints it.
///
/// # Errors
/// A file cannot be read, a client did not get in or was told a lie, or a goal is missed.
pub fn run(args: &Args) -> Result<()> {
    ensure!((0.0..=50.0).contains(&args.loss), "--loss: from 0 to 50 percent");
    let mut report = Report::new(args.fps, args.seconds);
    for case in cases(args)? {
        let figures = World::new(&case, args.fps, args.seed)?.run(args.seconds)?;
        report.add(&case, &figures);
    }
    report.print(args.json)?;
    let missed = report.missed();
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}

fn cases(args: &Args) -> Result<Vec<Case>> {
    if let Some(delay) = args.delay {
        return Ok(vec![flat(delay, args.jitter, args.loss)]);
    }
    if args.trace.is_empty() {
        return Ok(vec![flat(50, 0, 5.0), flat(50, 0, 10.0)]);
    }
    args.trace.iter().map(recorded).collect()
}

/// The same each way.
fn flat(delay_ms: u16, jitter_ms: u16, loss_percent: f64) -> Case {
    let config = LinkConfig {
        jitter_ns: u64::from(jitter_ms) * NS_PER_MS,
        loss: loss_percent / 100.0,
        ..LinkConfig::with_latency_ns(u64::from(delay_ms) * NS_PER_MS)
    };
    let way = Way { config, probes: None };
    let jitter = if jitter_ms > 0 { format!(" + {jitter_ms}") } else { String::new() };
    let name = format!("{delay_ms}{jitter} ms, {loss_percent} % lost");
    Case { name, down: way.clone(), up: way, delay_ms_max: DELAY_LOSSY_MS_MAX, are_inputs_judged: true }
}

fn recorded(file: &PathBuf) -> Result<Case> {
    let way = |file: &PathBuf| -> Result<Way> {
        let probes = recording::probes(file).with_context(|| file.display().to_string())?;
        Ok(Way { config: LinkConfig::default(), probes: Some(probes) })
    };
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let up = file.with_file_name(name.replace("downlink", "uplink"));
    let up = if up != *file && up.exists() {
        way(&up)?
    } else {
        Way { config: LinkConfig::with_latency_ns(UP_NS), probes: None }
    };
    Ok(Case {
        name: recording::name(file),
        down: way(file)?,
        up,
        delay_ms_max: DELAY_RECORDED_MS_MAX,
        are_inputs_judged: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(case: &Case) -> figures::Figures {
        World::new(case, 60, 1).unwrap().run(12).unwrap()
    }

    #[test]
    fn on_a_perfect_link_nothing_starves_or_jumps_and_the_server_never_waits() {
        let figures = measured(&flat(10, 0, 0.0));
        let near = &figures.near;
        assert!(near.frames > 30_000 && near.starved == 0, "{} of {}", near.starved, near.frames);
        assert!((near.told_hz - 60.0).abs() < 0.5, "{}", near.told_hz);
        assert!(near.delay_ms.quantile(0.99) < 19.0 && near.error_cm.quantile(0.99) < 0.5, "{near:?}");
        assert_eq!(figures.lacking, 0);
        assert!(figures.jump_cm <= 5.0 && figures.equal_after_ms.last() <= 500.0, "{figures:?}");
    }

    #[test]
    fn what_is_lost_is_seen_in_the_figures() {
        let figures = measured(&flat(50, 0, 45.0));
        assert!(figures.lacking > 0, "{figures:?}");
        assert!(figures.near.starved > 0, "{:?}", figures.near);
        assert!(figures.near.delay_ms.quantile(0.5) > 30.0);
    }

    #[test]
    fn a_goal_that_is_missed_is_named() {
        let mut report = Report::new(60, 12);
        let case = Case { delay_ms_max: 10.0, ..flat(10, 0, 0.0) };
        report.add(&case, &measured(&case));
        assert_eq!(report.missed().len(), 1);
        assert!(report.missed()[0].starts_with("10 ms, 0 % lost: near delay"), "{:?}", report.missed());
    }
}
