//! `/metrics` with many people in: as many lines as with nobody, and quick enough that nobody notices.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Night;
use crate::judge::{Line, judge};

const SCRAPES: usize = 100;
const SCRAPED_WITHIN_MS: f64 = 20.0;

pub(super) fn try_it(night: &Night<'_>, crowd: u32) -> Result<()> {
    let place = night.place("scrape")?;
    let server = place.start()?;
    sleep(Duration::from_secs(2));
    let alone = series(&place.ops)?;
    let run = night.run_of(crowd, 90);
    let playing = run.start(&night.cast.swarm, &place)?;
    while place.status()?.players < u64::from(crowd) {
        sleep(Duration::from_millis(500));
    }
    sleep(Duration::from_secs(3));
    let calm = tick_p99_ms(&place, || Ok(()))?;
    let mut took_ms = Vec::new();
    let busy = tick_p99_ms(&place, || {
        for _ in 0..SCRAPES {
            let began = Instant::now();
            series(&place.ops)?;
            took_ms.push(began.elapsed().as_secs_f64() * 1e3);
            sleep(Duration::from_millis(50));
        }
        Ok(())
    })?;
    let crowded = series(&place.ops)?;
    crate::stage::terminate(playing.pid())?;
    playing.wait()?;
    server.drain()?;
    took_ms.sort_by(f64::total_cmp);
    let new: Vec<&String> = crowded.difference(&alone).collect();
    new.iter().for_each(|name| println!("  only with people: {name}"));
    println!(
        "  {} series; scrapes p50 {:.2} ms, tick p99 {calm:.2} ms without and {busy:.2} ms with them",
        alone.len(),
        took_ms[SCRAPES / 2]
    );
    judge(&[
        Line::at_most("99 of 100 scrapes took, ms", took_ms[SCRAPES * 99 / 100 - 1], SCRAPED_WITHIN_MS),
        Line::exactly("series that people bring with them", new.len() as f64, 0.0),
        Line::at_most("tick p99 while scraped, ms", busy, calm * 1.1 + 0.5),
    ])
}

/// The names of all series, labels included.
fn series(ops: &std::net::SocketAddr) -> Result<BTreeSet<String>> {
    let answer = ops_client::get(*ops, "/metrics", None)?;
    let lines = answer.body.lines().filter(|line| !line.starts_with('#'));
    Ok(lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect())
}

/// The slow hundredth of the ticks while something is done, or of five seconds.
fn tick_p99_ms(place: &crate::stage::Place, during: impl FnOnce() -> Result<()>) -> Result<f64> {
    let before = place.status()?.tick_histogram;
    during()?;
    sleep(Duration::from_secs(5));
    let ticks = place.status()?.tick_histogram.since(&before);
    Ok(match ticks.quantile_us(0.99) {
        Some(ops_client::Bound::Within(us) | ops_client::Bound::Beyond(us)) => us / 1e3,
        None => f64::INFINITY,
    })
}
