//! Many for ten minutes: no tick that is felt unless the machine took the processor away, and no memory that grows.
//!
//! The server counts ticks that took longer than two, and of these the ones in which the kernel let its thread wait for a
//! processor for 10 ms or more. What the host took is in `/proc/stat` (`steal`). A long tick is excused only by one of the
//! two, and each second in which there was one is listed.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ops_client::Status;

use super::{movement_of, show};
use crate::cast::Cast;
use crate::checkout::Checkout;
use crate::judge::{Line, errors, figure, judge};
use crate::metrics::Metrics;
use crate::soak::flat::{Allowance, judge_flat};
use crate::stage::Place;
use crate::step::Steps;
use crate::swarm::Run;
use crate::table::table;

const MIB: f64 = 1_048_576.0;
/// What the host takes within two seconds explains a long tick from here on.
const STOLEN_MS_MIN: f64 = 10.0;
/// One tick; of a thousand one may take longer.
const TICK_MS: f64 = 1_000.0 / 60.0;
const LATE_SHARE_MAX_PERCENT: f64 = 0.1;
/// As of a soak: what an allocator does once, and what an hour may add to it.
const FLAT: Allowance = Allowance { per_hour: 8.0, step: 2.0, share: 0.02 };
/// A clock tick of `/proc/stat`.
const STEAL_TICK_MS: f64 = 10.0;

/// One second. Counts are since the start.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    at_s: f64,
    /// The longest tick of the second before.
    tick_max_ms: f64,
    /// Long ticks that the world took itself...
    own: f64,
    /// ...and those in which it waited for a processor.
    waited: f64,
    stolen_ms: f64,
    resident_mib: f64,
}

/// Builds, plays and judges.
pub fn run(checkout: &Checkout, steps: &Steps, (minutes, bots): (u32, u32), humans: Option<&str>) -> Result<()> {
    let cast = Cast::build(checkout, steps, "stamina", false)?;
    let movement = movement_of(humans)?;
    let lines = steps.run(&format!("stamina: {bots} bots, {movement}, {minutes} min"), || {
        let place = Place::new(checkout, &cast.server, &cast.scratch, "place", &[])?;
        let server = place.start()?;
        let run = Run {
            name: "stamina".to_owned(),
            bots,
            duration_s: minutes * 60,
            ramp_s: 10,
            movement: Some(movement),
            rejoin: false,
            truth_only: false,
            extra: Vec::new(),
        };
        let playing = run.start(&cast.swarm, &place)?;
        sleep(Duration::from_secs(u64::from(run.ramp_s)) + SETTLE);
        let (looks, before, after) = watch(&place, Duration::from_secs(u64::from(run.duration_s)) - SETTLE)?;
        let outcome = playing.wait()?;
        show(&outcome);
        let mut lines = vec![
            Line::exactly("bots in at the end", figure(&outcome, "connected")?, f64::from(bots)),
            Line::exactly("disconnects", figure(&outcome, "disconnects")?, 0.0),
            Line::exactly("errors", errors(&outcome)?, 0.0),
        ];
        lines.extend(judged(&looks, late_percent(&before, &after)));
        server.drain()?;
        Ok(lines)
    })?;
    judge(&lines)?;
    cast.leave();
    Ok(())
}

/// Looks once a second for so long.
fn watch(place: &Place, time: Duration) -> Result<(Vec<Look>, Status, Status)> {
    let before = place.status()?;
    let (began, mut looks) = (Instant::now(), Vec::new());
    loop {
        let (status, metrics) = (place.status()?, Metrics::read(place.ops)?);
        let long = |kind: &str| metrics.value(&format!("throng_long_ticks_total{{kind=\"{kind}\"}}"));
        looks.push(Look {
            at_s: began.elapsed().as_secs_f64(),
            tick_max_ms: status.tick_us_max_last_second / 1_000.0,
            own: long("own")?,
            waited: long("waited")?,
            stolen_ms: stolen_ms(&fs::read_to_string("/proc/stat")?).context("/proc/stat tells no steal")?,
            resident_mib: status.rss_bytes as f64 / MIB,
        });
        if began.elapsed() >= time {
            return Ok((looks, before, status));
        }
        // Absolute times: what a look takes does not add up.
        sleep((began + EVERY * looks.len() as u32).saturating_duration_since(Instant::now()));
    }
}

/// Of all processors together, since the machine started.
fn stolen_ms(stat: &str) -> Option<f64> {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    all.split_whitespace().nth(7)?.parse::<f64>().ok().map(|ticks| ticks * STEAL_TICK_MS)
}

/// Ticks that took longer than a tick.
fn late_percent(before: &Status, after: &Status) -> f64 {
    let ticks = after.tick_histogram.since(&before.tick_histogram);
    let late =
        ticks.upper_us.iter().zip(&ticks.counts).filter(|(upper, _)| upper.is_none_or(|us| us > TICK_MS * 1e3 + 1.0));
    let all: u64 = ticks.counts.iter().sum();
    late.map(|(_, count)| *count).sum::<u64>() as f64 * 100.0 / all as f64
}

/// Lists the seconds with long ticks, and says what of all this is not to be.
fn judged(looks: &[Look], late_percent: f64) -> Vec<Line> {
    let (mut rows, mut unexplained) = (Vec::new(), 0.0);
    for (nth, now) in looks.iter().enumerate().skip(1) {
        let before = looks[nth - 1];
        let (own, waited) = (now.own - before.own, now.waited - before.waited);
        if own + waited <= 0.0 {
            continue;
        }
        // The server's figures are up to a second old.
        let stolen_ms = now.stolen_ms - looks[nth.saturating_sub(2)].stolen_ms;
        unexplained += if stolen_ms >= STOLEN_MS_MIN { 0.0 } else { own };
        let figures = [now.at_s, own, waited, now.tick_max_ms.max(before.tick_max_ms), stolen_ms];
        rows.push(figures.map(|figure| format!("{figure:.1}")).to_vec());
    }
    if !rows.is_empty() {
        let head = ["second", "long ticks", "waited for a processor", "longest, ms", "stolen by the host, ms"];
        println!("{}", table(&head, &rows));
    }
    let mut lines = vec![
        Line::exactly("ticks above 33 ms that nothing explains", unexplained, 0.0),
        Line::at_most("ticks above 16.7 ms, %", late_percent, LATE_SHARE_MAX_PERCENT),
    ];
    let memory: Vec<(f64, f64)> = looks.iter().map(|look| (look.at_s, look.resident_mib)).collect();
    lines.extend(judge_flat("resident MiB", &memory, FLAT));
    lines
}

const EVERY: Duration = Duration::from_secs(1);
/// From the last who came to the first look.
const SETTLE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use ops_client::TickHistogram;

    fn look(second: u32, own: f64, waited: f64, stolen_ms: f64) -> Look {
        Look { at_s: f64::from(second), tick_max_ms: 8.0, own, waited, stolen_ms, resident_mib: 200.0 }
    }

    fn broken(looks: &[Look], late_percent: f64) -> Vec<String> {
        judged(looks, late_percent).iter().filter(|line| !line.holds()).map(|line| line.what.clone()).collect()
    }

    #[test]
    fn a_long_tick_is_excused_only_by_a_processor_that_was_not_there() {
        let calm: Vec<Look> = (0..120).map(|second| look(second, 3.0, 5.0, 400.0)).collect();
        assert_eq!(broken(&calm, 0.05), Vec::<String>::new());
        let from_60 = |own: f64, waited: f64, stolen_ms: f64| -> Vec<Look> {
            let later = |nth: u32| if nth < 60 { 0.0 } else { 1.0 };
            (0..120)
                .map(|nth| look(nth, 3.0 + own * later(nth), 5.0 + waited * later(nth), stolen_ms * later(nth)))
                .collect()
        };
        assert_eq!(broken(&from_60(0.0, 2.0, 0.0), 0.05), Vec::<String>::new());
        assert_eq!(broken(&from_60(1.0, 0.0, 10.0), 0.05), Vec::<String>::new());
        assert_eq!(broken(&from_60(1.0, 2.0, 9.0), 0.05), ["ticks above 33 ms that nothing explains"]);
        assert_eq!(broken(&calm, 0.11), ["ticks above 16.7 ms, %"]);
    }

    #[test]
    fn what_the_host_took_is_the_eighth_figure_in_hundredths_of_a_second() {
        assert_eq!(stolen_ms("cpu  1 2 3 4 5 6 7 25 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n"), Some(250.0));
        assert_eq!(stolen_ms("intr 1 2 3"), None);
    }

    #[test]
    fn ticks_above_a_tick_are_those_of_the_buckets_beyond_it() {
        let status = |counts: [u64; 4]| Status {
            tick_histogram: TickHistogram {
                upper_us: vec![Some(10_000.0), Some(16_667.0), Some(33_333.0), None],
                counts: counts.to_vec(),
            },
            ..Status::default()
        };
        let percent = late_percent(&status([100, 0, 0, 0]), &status([1_000, 98, 1, 1]));
        assert!((percent - 0.2).abs() < 1e-9, "{percent}");
    }
}
