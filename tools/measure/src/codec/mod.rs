//! `measure codec`: how many bits it takes to tell where people are.

mod cases;
mod figures;
mod followers;
mod grow;
mod listing;
pub mod recording;
mod report;
mod train;

use anyhow::{Context, Result, ensure};
use cases::{Case, Told};
use protocol::snapshot::Codes;
use recording::Recording;
use report::{Report, Row};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Recorded matches; several files may follow
    #[arg(long, num_args = 1.., value_name = "FILE", required = true)]
    trace: Vec<PathBuf>,
    /// Measure each recording with tables that were trained on all the others, instead of the written ones
    #[arg(long, conflicts_with = "train")]
    across: bool,
    /// Train tables on all recordings, write them to this file and measure nothing
    #[arg(long, value_name = "TABLES")]
    train: Option<PathBuf>,
    /// Seed of the losses
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
Files are text, plain or gzip (.gz), with a line of names and then a frame of one player per line:
t_ms,player,x,y,z,pitch,yaw,roll,dead. Places are in inches, angles in degrees, dead is 0 or 1; a player's times increase.

Cases
  1, 6, 12 ticks   the recording at 60 ticks a second (a straight line between frames), every tick told, none lost; the
                   newest state of the baseline is so old, those before it follow it tick by tick
  100 ms           the frames as they were recorded, each taken for a tick; the newest is the one nearest to 100 ms before
  5 % lost         every tick told, known to have arrived after 6 ticks, but one state of twenty never arrived; the baseline is
                   that which a server chooses
  20, 10 Hz        as 5 % lost without losses, but only every third or sixth tick is told
Only states that differ from the newest one held are counted, and none across frames more than 20 ms apart; in recordings
whose frames usually are, none across more than twice the usual.

Columns
  across .. pitch  bits of that field's difference, averaged over all states told
  mask, flags      bits that say which fields are not as predicted, and bits of the flags
  state            all of these, states told in full included; raw is 92
  name             bits that name the entity and its baseline, in parts of a list of 64 of whom 28 are told per tick
  bits             state and name together
  full             states of 10,000 that were told in full, because nothing was held or it was too far off
  encode, decode   ns for one state, prediction included
  holds            for 6 ticks and 100 ms, where most frames are at most 20 ms apart: at most 38 bits
Every state is read back. One that is not read as it was written ends the run at once; the exit status is then 1, as it is
when a goal is missed.";

/// Situations in which every recording is measured.
const CASES: [Case; 7] = [
    Case::Ticks(1),
    Case::Ticks(6),
    Case::Ticks(12),
    Case::Frames(100),
    Case::Loss(0.05),
    Case::Every(3),
    Case::Every(6),
];

/// Measures and prints, or trains.
///
/// # Errors
/// A file cannot be read, a state was not read as it was written, or more bits are needed than may be.
pub fn run(args: &Args) -> Result<()> {
    let recordings: Vec<Recording> = args.trace.iter().map(|file| Recording::read(file)).collect::<Result<_>>()?;
    if let Some(file) = &args.train {
        let text = train(&recordings.iter().collect::<Vec<_>>())?;
        return std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()));
    }
    ensure!(!args.across || recordings.len() > 1, "--across needs at least two recordings");
    let mut report = Report::default();
    for (at, recording) in recordings.iter().enumerate() {
        let others = || recordings.iter().enumerate().filter(|&(other, _)| other != at).map(|(_, other)| other);
        let trained = args.across.then(|| train(&others().collect::<Vec<_>>())).transpose()?;
        let trained = trained.map(|text| Codes::parse(&text)).transpose()?;
        let codes = trained.as_ref().unwrap_or_else(|| Codes::written());
        for case in CASES {
            report.add(measure(recording, case, codes, args.seed)?);
        }
    }
    report.print(args.json)?;
    let missed = report.missed();
    ensure!(missed.is_empty(), "the goal is missed: {}", missed.join("; "));
    Ok(())
}

fn measure(recording: &Recording, case: Case, codes: &Codes, seed: u64) -> Result<Row> {
    let players: Vec<Vec<Option<Told>>> = (recording.frames.iter().zip(&recording.ticks))
        .enumerate()
        .map(|(player, (frames, ticks))| case.told(frames, ticks, seed + player as u64))
        .collect();
    let told: Vec<Told> = players.iter().flatten().flatten().copied().collect();
    ensure!(!told.is_empty(), "{} has nothing to tell: too short, or its frames are too far apart", recording.name);
    Ok(Row::new(
        recording,
        case,
        &figures::of(&told, codes)?,
        &listing::list(&players, matches!(case, Case::Frames(_)))?,
    ))
}

fn train(recordings: &[&Recording]) -> Result<String> {
    let names: Vec<&str> = recordings.iter().map(|recording| recording.name.as_str()).collect();
    let provenance = format!(
        "What a difference is expected to be, and codes for it (snapshots.md, section 4).\n\
         Written by `cargo run --release -p measure -- codec --trace FILE... --train TABLES` from recorded matches of people,\n\
         at 60 ticks a second and frame by frame, and from those who run after them by our own rules of motion: {}.",
        names.join(", ")
    );
    train::train(recordings, &provenance)
}
