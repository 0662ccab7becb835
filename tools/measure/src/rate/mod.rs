//! `measure rate`: what it takes on the wire to show one player many others, who move as people do.

mod figures;
mod followers;
mod world;

use crate::codec::recording::Recording;
use anyhow::{Result, ensure};
use figures::{MIX, Second};
use followers::Ways;
use serde::Serialize;
use std::path::PathBuf;
use world::{Terms, World};

const AFTER_HELP: &str = "\
One client on a link without loss, and others who run where recorded players ran, all of them in one place and at the same
time, by real inputs and with recorded yaw and pitch (format: that of `measure codec`). A server, its transport and the client
in virtual time; the client's own state and everything else that the server says is in the figures.

Columns
  kbit/s          of datagrams downwards, IP and UDP headers included; mean, and the second with most
  datagrams       a second
  updates         states of others told, a second
  rates           mean rate of the 16 told most often, of the 24 next and of the 24 next, Hz
  mix             share of seconds in which 16, 24 and 24 entities were told at 60, 20 and 10 Hz or better, or as often as there
                  was anything new to tell
  holds           at most 96 kbit/s in the mean, and the mix in 95 % of seconds. The exit status is 1 if one is missed.";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Recorded matches (CSV)
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    trace: Vec<PathBuf>,
    /// Others in view
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=900))]
    entities: u16,
    /// What the client may be sent, bytes a second on the wire
    #[arg(long, value_name = "BYTES", default_value_t = 12_000, value_parser = clap::value_parser!(u32).range(4_000..=256_000))]
    down: u32,
    /// One-way delay, ms
    #[arg(long, value_name = "MS", default_value_t = 25, value_parser = clap::value_parser!(u16).range(0..=500))]
    delay: u16,
    /// Seconds to measure
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(5..=600))]
    seconds: u32,
    /// Seed of everything that nobody recorded
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// The goal, kbit/s.
const KBIT_PER_S_MAX: f64 = 96.0;
/// Share of seconds in which the mix must hold.
const MIX_SHARE_MIN: f64 = 0.95;
const NS_PER_MS: u64 = 1_000_000;

#[derive(Debug, Serialize)]
struct Report {
    entities: u16,
    down_bytes_per_s: u32,
    delay_ms: u16,
    seconds: u32,
    kbit_per_s: f64,
    kbit_per_s_max: f64,
    datagrams_per_s: f64,
    updates_per_s: f64,
    rates_hz: [f64; MIX.len()],
    mix_share: f64,
}

/// Measures and prints.
///
/// # Errors
/// A trace cannot be used, somebody did not get in, or the goal is missed.
pub fn run(args: &Args) -> Result<()> {
    let recordings = args.trace.iter().map(|file| Recording::read(file)).collect::<Result<Vec<_>>>()?;
    let ways = Ways::new(&recordings)?;
    let terms = Terms {
        entities: args.entities.into(),
        rate_bytes_per_s: args.down,
        delay_ns: u64::from(args.delay) * NS_PER_MS,
        seed: args.seed,
    };
    let seconds = World::new(&ways, &terms)?.run(args.seconds)?;
    let report = Report::new(args, &seconds);
    report.print(args.json)?;
    let missed = report.missed();
    ensure!(missed.is_empty(), "the goal is missed: {}", missed.join("; "));
    Ok(())
}

impl Report {
    fn new(args: &Args, seconds: &[Second]) -> Self {
        let mean = |of: &dyn Fn(&Second) -> f64| seconds.iter().map(of).sum::<f64>() / seconds.len().max(1) as f64;
        Self {
            entities: args.entities,
            down_bytes_per_s: args.down,
            delay_ms: args.delay,
            seconds: args.seconds,
            kbit_per_s: mean(&Second::kbit),
            kbit_per_s_max: seconds.iter().map(Second::kbit).fold(0.0, f64::max),
            datagrams_per_s: mean(&|second| second.datagrams as f64),
            updates_per_s: mean(&|second| second.told.iter().map(|(told, _)| f64::from(*told)).sum()),
            rates_hz: std::array::from_fn(|class| mean(&|second| second.rates()[class])),
            mix_share: mean(&|second| f64::from(u8::from(second.holds()))),
        }
    }

    /// Where the goal is missed, and by how much. It is one of so many entities; with others nothing is judged.
    fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        if usize::from(self.entities) != MIX.iter().map(|(count, _)| count).sum::<usize>() {
            return missed;
        }
        if self.kbit_per_s > KBIT_PER_S_MAX {
            missed.push(format!("{:.1} of {KBIT_PER_S_MAX} kbit/s", self.kbit_per_s));
        }
        if self.mix_share < MIX_SHARE_MIN {
            let [found, least] = [self.mix_share, MIX_SHARE_MIN].map(|share| share * 100.0);
            missed.push(format!("the mix in {found:.0} of {least:.0} % of seconds"));
        }
        missed
    }

    fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        println!(
            "{} others, {} ms each way, at most {} bytes/s, {} s",
            self.entities, self.delay_ms, self.down_bytes_per_s, self.seconds
        );
        println!("{:>8} {:>8} {:>10} {:>8} {:>20} {:>6}", "kbit/s", "most", "datagrams", "updates", "rates", "mix");
        let rates = self.rates_hz.map(|hz| format!("{hz:.1}")).join(" / ");
        println!(
            "{:>8.1} {:>8.1} {:>10.1} {:>8.0} {rates:>20} {:>5.0}%",
            self.kbit_per_s,
            self.kbit_per_s_max,
            self.datagrams_per_s,
            self.updates_per_s,
            self.mix_share * 100.0
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::recording::Moment;
    use protocol::EntityState;
    use protocol::unit::UNITS_PER_M;

    /// One who runs in circles of 8 m for half a minute.
    fn circles() -> Recording {
        let moment = |tick: i32| {
            let (sin, cos) = (f64::from(tick) / 100.0).sin_cos();
            let [x, y] = [cos, sin].map(|of| (of * 8.0 * f64::from(UNITS_PER_M)) as i32);
            let state = EntityState { x, y, yaw: tick as u16 % 4_096, ..EntityState::default() };
            Moment { at_ms: i64::from(tick) * 1_000 / 60, state, is_dense: true }
        };
        let ticks = vec![(0..1_800).map(moment).collect()];
        Recording { name: "circles".to_owned(), frames: Vec::new(), ticks, is_judged: true }
    }

    fn seconds(entities: usize, rate_bytes_per_s: u32) -> Vec<Second> {
        let terms = Terms { entities, rate_bytes_per_s, delay_ns: 25 * NS_PER_MS, seed: 1 };
        World::new(&Ways::new(&[circles()]).unwrap(), &terms).unwrap().run(5).unwrap()
    }

    #[test]
    fn who_has_the_bytes_is_told_of_all_in_every_tick() {
        for second in seconds(20, 24_000) {
            assert!(second.told.iter().all(|&(told, changed)| told + 1 >= changed && changed >= 59), "{second:?}");
        }
    }

    #[test]
    fn who_lacks_bytes_is_never_sent_more_and_told_of_everybody_all_the_same() {
        for second in seconds(64, 6_000) {
            assert!(second.kbit() <= 48.5 && !second.holds(), "{second:?}");
            assert!(second.told.iter().all(|(told, _)| *told > 0), "{second:?}");
        }
    }

    #[test]
    fn a_recording_of_a_few_seconds_is_refused() {
        let mut short = circles();
        short.ticks[0].truncate(600);
        assert!(Ways::new(&[short]).is_err());
    }
}
