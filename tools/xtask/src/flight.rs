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
        // As little as may be, so that pages are turned.
        place.settings.push(("THRONG_FLIGHT__MEGABYTES".to_owned(), "128".to_owned()));
        play(&cast, &place, bots, duration_s, short)?;
        let mut lines = vec![replayed(&place, f64::from(duration_s) * 50.0)?];
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
    set("THRONG_FLIGHT__HASH_EVERY_TICKS", "60");
    Ok(place)
}

/// Lets bots play on a server, which drains in the end; what its threads took meanwhile, in seconds of a processor.
fn play(cast: &Cast, place: &Place, bots: u32, duration_s: u32, short: bool) -> Result<f64> {
    let server = place.start()?;
    let run = Run {
        name: "players".to_owned(),
        bots,
        duration_s,
        ramp_s: if short { 2 } else { 5 },
        movement: None,
        rejoin: false,
        truth_only: true,
        extra: vec!["--play".to_owned()],
    };
    let outcome = run.finish(&cast.swarm, place)?;
    print!("{}", outcome.out);
    if let Some(fault) = outcome.fault_of_clean_run(&run) {
        bail!("{fault}: {}", outcome.err);
    }
    let threads = Metrics::read(place.ops)?.labelled("throng_thread_cpu_seconds_total", "thread");
    let records = |name: &str| ["world", "reactor"].contains(&name) || name.starts_with("flight-");
    let took_s = threads.iter().filter(|(name, _)| records(name)).map(|(_, seconds)| seconds).sum();
    server.drain()?;
    Ok(took_s)
}

/// Replays all that was recorded: the ticks that came to the same, if all of them did.
fn replayed(place: &Place, ticks_min: f64) -> Result<Line> {
    let mut command = Command::new(&place.binary);
    command.current_dir(&place.root).arg("replay").arg(place.data.join("flight")).arg("--data").arg(&place.data);
    without_own_settings(&mut command);
    let output = command.output().context("the replay cannot be started")?;
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    if !output.status.success() {
        bail!("the replay ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let last = said.lines().last().unwrap_or_default();
    let ticks = last.split_once(": ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    Ok(Line::at_least("ticks that came to the same", ticks.context("the replay counts no ticks")?, ticks_min))
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

/// Two runs, of which one is recorded.
fn cost(cast: &Cast, checkout: &Checkout) -> Result<Vec<Line>> {
    let mut took_s = [0.0; 2];
    for (took_s, records) in took_s.iter_mut().zip([false, true]) {
        let place = place(cast, checkout, if records { "dear" } else { "cheap" }, records)?;
        *took_s = play(cast, &place, COST_BOTS, COST_S, false)?;
    }
    let percent = 100.0 * (took_s[1] - took_s[0]) / f64::from(COST_S + 5);
    println!("  world, reactor and the log's own threads: {:.1} s without, {:.1} s with", took_s[0], took_s[1]);
    Ok(vec![Line::at_most("% of a core more", percent, COST_PERCENT_MAX)])
}

/// Bots of the run that is measured, and how long it takes, seconds.
const COST_BOTS: u32 = 1_000;
const COST_S: u32 = 60;
/// What a recording may cost, percent of a processor.
const COST_PERCENT_MAX: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_hexadecimal_has_bytes() {
        assert_eq!(from_hex("00ff10a000ff10a0"), Some(vec![0, 255, 16, 160, 0, 255, 16, 160]));
        assert_eq!((from_hex("00ff"), from_hex("not hexadecimal!"), from_hex("00ff10a000ff10a")), (None, None, None));
    }
}
