//! The flight log of a live server, and the same life again from it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cast::Cast;
use crate::checkout::Checkout;
use crate::judge::{Line, judge};
use crate::metrics::Metrics;
use crate::stage::{Place, without_own_settings};
use crate::step::Steps;
use crate::swarm::Run;

/// Bots play while the server records; what it recorded comes to the same, and has no secret in it. A whole run also measures
/// what the recording costs.
pub fn run(checkout: &Checkout, steps: &Steps, short: bool) -> Result<()> {
    let (bots, duration_s) = if short { (30, 8) } else { (300, 60) };
    let cast = Cast::build(checkout, steps, "flight", short)?;
    let lines = steps.run(&format!("flight: {bots} bots are recorded for {duration_s} s"), || {
        let mut place = place(&cast, checkout, "recorded", true)?;
        // As little as may be, so that pages are turned; and the game's hash in each tick.
        place.settings.push(("THRONG_FLIGHT__MEGABYTES".to_owned(), "128".to_owned()));
        place.settings.push(("THRONG_FLIGHT__HASH_EVERY_TICKS".to_owned(), "1".to_owned()));
        let Played { mut lines, .. } = play(&cast, &place, bots, duration_s, short, &["--play"])?;
        lines.extend(replayed(&place, f64::from(duration_s * TICK_RATE_HZ))?);
        lines.extend(opened(&place, bots, f64::from(bots * duration_s * TICK_RATE_HZ) / 2.0)?);
        lines.extend(secrets(&place.data)?);
        Ok(lines)
    })?;
    judge(&lines)?;
    if !short {
        let lines = steps.run(&format!("flight: what it costs at {COST_BOTS} bots"), || cost(&cast, checkout))?;
        judge(&lines)?;
    }
    cast.leave();
    Ok(())
}

fn place(cast: &Cast, checkout: &Checkout, name: &str, records: bool) -> Result<Place> {
    let mut place = Place::new(checkout, &cast.server, &cast.scratch, name, &[])?;
    let mut set = |key: &str, value: &str| place.settings.push((key.to_owned(), value.to_owned()));
    // Who plays fights mobs, too.
    set("THRONG_WORLD__MOBS", "true");
    set("THRONG_FLIGHT__RECORD", if records { "true" } else { "false" });
    Ok(place)
}

/// What came of a run.
struct Played {
    /// What the server's threads took meanwhile, in seconds of a processor.
    took_s: f64,
    /// That both logs were kept until the end, if they were wanted: one that stops is cheap.
    lines: Vec<Line>,
}

/// Lets bots play on a server, which drains in the end.
fn play(cast: &Cast, place: &Place, bots: u32, duration_s: u32, short: bool, extra: &[&str]) -> Result<Played> {
    let server = place.start()?;
    let run = Run {
        name: "players".to_owned(),
        bots,
        duration_s,
        ramp_s: if short { 2 } else { 5 },
        movement: None,
        rejoin: false,
        truth_only: true,
        extra: extra.iter().map(|&argument| argument.to_owned()).collect(),
    };
    let outcome = run.finish(&cast.swarm, place)?;
    print!("{}", outcome.out);
    if let Some(fault) = outcome.fault_of_clean_run(&run) {
        bail!("{fault}: {}", outcome.err);
    }
    let metrics = Metrics::read(place.ops)?;
    let threads = metrics.labelled("throng_thread_cpu_seconds_total", "thread");
    let records = |name: &str| ["world", "reactor"].contains(&name) || name.starts_with("flight-");
    let took_s = threads.iter().filter(|(name, _)| records(name)).map(|(_, seconds)| seconds).sum();
    let stopped = metrics.labelled("throng_flight_stopped", "log");
    let mut lines = vec![Line::exactly("logs that say whether they were kept", stopped.len() as f64, 2.0)];
    lines
        .extend(stopped.iter().map(|(log, stopped)| Line::exactly(&format!("the {log}'s has stopped"), *stopped, 0.0)));
    server.drain()?;
    Ok(Played { took_s, lines })
}

/// What an errand of the server says of what was recorded.
fn told(place: &Place, errand: &str) -> Result<String> {
    let mut command = Command::new(&place.binary);
    command.current_dir(&place.root).arg(errand).arg(place.data.join("flight")).arg("--data").arg(&place.data);
    without_own_settings(&mut command);
    let output = command.output().with_context(|| format!("{errand} cannot be started"))?;
    if !output.status.success() {
        bail!("{errand} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads all that the gate's log has: as many sessions as there were bots, and at least half of what they sent in that time.
fn opened(place: &Place, bots: u32, packets_min: f64) -> Result<[Line; 2]> {
    let said = told(place, "gate-log")?;
    let last = said.lines().last().unwrap_or_default();
    println!("{last}");
    let mut numbers = last.split(' ').filter_map(|word| word.parse::<f64>().ok()).skip(1);
    let (packets, sessions) = numbers.next().zip(numbers.next()).context("the gate's log counts no packets")?;
    Ok([
        Line::exactly("sessions in the gate's log", sessions, f64::from(bots)),
        Line::at_least("packets in it", packets, packets_min),
    ])
}

/// Replays all that was recorded: the ticks that came to the same, if all of them did, up to the server's own end.
fn replayed(place: &Place, ticks_min: f64) -> Result<[Line; 3]> {
    let said = told(place, "replay")?;
    print!("{said}");
    let ends = said.lines().filter(|line| line.contains("the recording ends as the server did")).count();
    let (ticks, whole) = said.lines().last().and_then(ticks_in).context("the replay counts no ticks")?;
    Ok([
        Line::at_least("ticks that came to the same", ticks, ticks_min),
        Line::exactly("of them with the game's hash", whole, ticks),
        Line::exactly("files at whose end the server's is", ends as f64, 1.0),
    ])
}

/// The ticks that a replay counts, and how many of them had a hash: "all: 480 ticks as recorded, 8 of them with ...".
fn ticks_in(line: &str) -> Option<(f64, f64)> {
    let (_, counts) = line.split_once(": ")?;
    let mut words = counts.split(' ');
    Some((words.next()?.parse().ok()?, words.nth(3)?.parse().ok()?))
}

/// What must not be in the files: the key that tokens are sealed with, operators' tokens, the names of the bots.
fn secrets(data: &Path) -> Result<Vec<Line>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(data.join("flight")).context("the server recorded nothing")? {
        files.push(fs::read(entry?.path())?);
    }
    let mut wanted: Vec<(String, Vec<u8>)> = Vec::new();
    for name in ["dev.key", "ops.token", "ops-read.token"] {
        let text = fs::read_to_string(data.join(name)).with_context(|| format!("there is no {name}"))?;
        let text = text.trim().to_owned();
        wanted.extend(from_hex(&text).map(|bytes| (format!("{name}, its bytes"), bytes)));
        wanted.push((name.to_owned(), text.into_bytes()));
    }
    wanted.push(("names of bots".to_owned(), b"bot-".to_vec()));
    let count = |needle: &[u8]| {
        files.iter().map(|file| file.windows(needle.len()).filter(|window| *window == needle).count()).sum::<usize>()
    };
    let mut lines = vec![Line::at_least("files", files.len() as f64, 1.0)];
    lines
        .extend(wanted.iter().map(|(what, bytes)| Line::exactly(&format!("{what} in them"), count(bytes) as f64, 0.0)));
    Ok(lines)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len() >= 16 && text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| (0..text.len()).step_by(2).filter_map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect())
}

/// Four runs, of which the two in the middle are recorded, so that a machine that gets slower or faster meanwhile does not count.
fn cost(cast: &Cast, checkout: &Checkout) -> Result<Vec<Line>> {
    let (mut took_s, mut lines) = ([[0.0; 2]; 2], Vec::new());
    for (nth, records) in [false, true, true, false].into_iter().enumerate() {
        let place = place(cast, checkout, &format!("cost-{nth}"), records)?;
        let played = play(cast, &place, COST_BOTS, COST_S, false, &COST_EXTRA)?;
        took_s[usize::from(records)][nth / 2] = played.took_s;
        lines.extend(played.lines);
    }
    let [without, with] = took_s.map(|[first, second]| (first + second) / 2.0);
    let percent = 100.0 * (with - without) / f64::from(COST_S + 5);
    println!("  world, reactor and the log's own threads, seconds: {:.1?} without, {:.1?} with", took_s[0], took_s[1]);
    lines.push(Line::at_most("% of a core more", percent, COST_PERCENT_MAX));
    Ok(lines)
}

/// They walk and shoot. A thousand that play take a processor for themselves (16 us for each tick of one), and a server that gets
/// too little of the other tells less, and so records less.
const COST_EXTRA: [&str; 2] = ["--shots", "1"];
/// Bots of the run that is measured, and how long it takes, seconds.
const COST_BOTS: u32 = 1_000;
const COST_S: u32 = 60;
/// Ticks of the world in a second.
const TICK_RATE_HZ: u32 = 60;
/// What a recording may cost, percent of a processor.
const COST_PERCENT_MAX: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_hashes_are_read_from_the_last_line_of_a_replay() {
        let said = "all: 480 ticks as recorded, 8 of them with the game's hash; 8.0 s, replayed in 1.0 s";
        assert_eq!(ticks_in(said), Some((480.0, 8.0)));
        assert_eq!((ticks_in("all: no ticks"), ticks_in("")), (None, None));
    }

    #[test]
    fn only_what_is_hexadecimal_has_bytes() {
        assert_eq!(from_hex("00ff10a000ff10a0"), Some(vec![0, 255, 16, 160, 0, 255, 16, 160]));
        assert_eq!((from_hex("00ff"), from_hex("not hexadecimal!"), from_hex("00ff10a000ff10a")), (None, None, None));
    }
}
