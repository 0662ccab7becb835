//! `measure rate`: what it takes on the wire to show one player many others, who move as people do.

mod figures;
pub mod followers;
mod world;

use crate::codec::recording::Recording;
use anyhow::{Result, ensure};
use figures::{Class, MIX, Second};
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
  rates           at which the 16 nearest were told, the 24 next and the 24 next, while there was something new to tell, Hz;
                  the server counts 17 as the nearest, one to spare
  holds           at most 96 kbit/s in the mean, and 60, 20 and 10 Hz to 2 %: in the tenth of a second until the server looks
                  again, somebody comes among the nearest. The exit status is 1 if one is missed.";

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
/// Share of the rates that must be reached.
const RATE_SHARE_MIN: f64 = 0.98;
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
            updates_per_s: mean(&|second| second.updates() as f64),
            rates_hz: std::array::from_fn(|class| {
                let sum = |of: fn(&Class) -> u64| seconds.iter().map(|second| of(&second.classes[class])).sum();
                Class { told: sum(|class| class.told), new: sum(|class| class.new) }.rate()
            }),
        }
    }

    /// Where the goal is missed, and by how much. It is one of so many entities; with others nothing is judged.
    fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        if usize::from(self.entities) != MIX.iter().map(|(count, _)| count).sum::<usize>() {
            return missed;
        }
        // A second is cut out of the ticks anywhere, so the mean is good to a tenth.
        if (self.kbit_per_s * 10.0).round() > KBIT_PER_S_MAX * 10.0 {
            missed.push(format!("{:.1} of {KBIT_PER_S_MAX} kbit/s", self.kbit_per_s));
        }
        for (rate, (count, hz)) in self.rates_hz.into_iter().zip(MIX) {
            if rate < f64::from(hz) * RATE_SHARE_MIN {
                missed.push(format!("{count} at {rate:.1} of {hz} Hz"));
            }
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
        println!("{:>8} {:>8} {:>10} {:>8} {:>20}", "kbit/s", "most", "datagrams", "updates", "rates");
        let rates = self.rates_hz.map(|hz| format!("{hz:.1}")).join(" / ");
        println!(
            "{:>8.1} {:>8.1} {:>10.1} {:>8.0} {rates:>20}",
            self.kbit_per_s, self.kbit_per_s_max, self.datagrams_per_s, self.updates_per_s
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
            let Class { told, new } = second.classes[0];
            assert!(told + 40 >= new && (16 * 59..=16 * 61).contains(&new), "{second:?}");
        }
    }

    #[test]
    fn who_lacks_bytes_is_never_sent_more_and_told_of_everybody_all_the_same() {
        for second in seconds(64, 6_000) {
            assert!(second.kbit() <= 48.5 && second.classes[0].rate() < 59.0, "{second:?}");
            assert!(second.classes.iter().all(|class| class.rate() > 5.0), "{second:?}");
        }
    }

    #[test]
    fn a_recording_of_a_few_seconds_is_refused() {
        let mut short = circles();
        short.ticks[0].truncate(600);
        assert!(Ways::new(&[short]).is_err());
    }
}
