//! `measure link`: one connection over recorded links in virtual time, ours beside the controls.

mod ends;
mod figures;
pub mod recording;
mod report;

use anyhow::Context;
use clap::ValueEnum;
use ends::{Ends, Scenario};
use figures::Figures;
use netem::{Bottleneck, Burst, Capacity, DeliveryTrace, Link, LinkConfig, ProbeTrace};
use report::{Goal, Report, Row};
use rudp::rate::RateControl;
use std::path::PathBuf;
use std::sync::Arc;

/// Propagation each way beside what a recording adds, ns.
const PROPAGATION_NS: u64 = 20_000_000;
/// A link without recording is measured for this long.
const FLAT_RUN_NS: u64 = 100_000_000_000;
/// Share of the demand that must be sent where nothing narrows the path: as it is...
const SENT_MIN: f64 = 0.995;
/// ...and with loss added.
const SENT_LOSSY_MIN: f64 = 0.98;
/// 5 % lost, each datagram by itself.
const LOSS_ADDED: f64 = 0.05;
/// 5 % lost in bursts: a tenth of the time, for ten datagrams on average, half of them.
const BURST_ADDED: Burst = Burst { enter: 0.011, leave: 0.1, loss: 0.5 };

#[derive(Debug, clap::Args)]
#[command(after_help = FORMATS)]
pub struct Args {
    /// Recorded capacity downwards (mahimahi); several files may follow
    #[arg(long, num_args = 1.., value_name = "FILE")]
    trace: Vec<PathBuf>,
    /// Recorded capacity upwards: one for all, or one for each --trace; without, the way up is never full
    #[arg(long, num_args = 1.., value_name = "FILE")]
    up: Vec<PathBuf>,
    /// Recorded one-way delay downwards (ns per 10 ms probe); its losses are read from the file of the same name with
    /// `_loss` for `_delay` if there is one
    #[arg(long, num_args = 1.., value_name = "FILE")]
    probes: Vec<PathBuf>,
    /// What the server would like to send, headers included: 1500kbit, 2mbit
    #[arg(long, default_value = "1500kbit", value_parser = bytes_per_s)]
    demand: u32,
    /// Datagrams that fit into the queue before a recorded capacity
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u16).range(1..))]
    queue: u16,
    /// Rate controls to measure; all without
    #[arg(long, num_args = 1.., value_enum)]
    control: Vec<Control>,
    /// Seed of the added loss
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object instead of tables
    #[arg(long)]
    json: bool,
}

const FORMATS: &str = "\
Files are text, plain or gzip (.gz).
  --trace, --up  mahimahi: per line one whole number, the millisecond in which one packet of 1,500 bytes could be
                 delivered; the same number again means several; at its end the recording begins anew
  --probes       per line the one-way delay of one probe in ns, one probe per 10 ms; losses 0 or 1 per line

Columns
  delay p50, p95 self-inflicted delay in ms, by bytes: delivery less the first delivery opportunity at or after
                 sending + 20 ms (recordings of capacity), else less sending + the path's delay at that moment
  use            bytes delivered over min(demand, capacity), each summed over windows of 1 s; more than that in a
                 window does not count
  sent           bytes sent over demand; `later` is the same without the first 5 s
  dropped, lost  share of datagrams: by the full queue, by the path
  holds          for `trend`: on recorded capacity p95 of at most 100 ms and use of at least 80 %; on other paths at least
                 99.5 % sent, 98 % with loss added. The goals are set for a demand of 1500kbit and a queue of 250. The
                 exit status is 1 if one is missed.

Without --trace and --probes a flat path of 20 ms is measured, without and with loss. --probes is measured without and
with loss added: 5 % each by itself, and 5 % in bursts of ten datagrams (Gilbert-Elliott).";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Control {
    /// The trend of one-way delay
    Trend,
    /// None: always the demand
    None,
    /// A loss-driven window as TCP's
    Cubic,
    /// Full or a third, by round trip
    TwoModes,
}

impl Control {
    fn policy(self) -> RateControl {
        match self {
            Self::Trend => RateControl::Trend,
            Self::None => RateControl::Fixed,
            Self::Cubic => RateControl::Cubic,
            Self::TwoModes => RateControl::TwoModes,
        }
    }
}

/// Measures everything asked for and prints it.
///
/// # Errors
/// A file cannot be read, or a goal is missed.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let controls = if args.control.is_empty() { Control::value_variants() } else { &args.control };
    anyhow::ensure!(args.up.len() <= 1 || args.up.len() == args.trace.len(), "give one --up, or one for each --trace");
    let mut report = Report::new(args.demand, args.queue);
    for (index, file) in args.trace.iter().enumerate() {
        let down = recording::deliveries(file)?;
        let up = args.up.get(index).or(args.up.first()).map(|file| recording::deliveries(file)).transpose()?;
        let name = recording::name(file);
        for control in controls {
            let summary = capacity_figures(args, *control, &down, up.as_ref()).summary();
            report.add(&name, "as recorded", Row::new(*control, Goal::Capacity, &summary));
        }
    }
    for file in &args.probes {
        let probes = recording::probes(file).with_context(|| file.display().to_string())?;
        add_path(args, controls, &recording::name(file), Some(&probes), &mut report);
    }
    if args.trace.is_empty() && args.probes.is_empty() {
        add_path(args, controls, "flat 20 ms", None, &mut report);
    }
    report.print(args.json)?;
    let missed = report.missed();
    anyhow::ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}

fn capacity_figures(
    args: &Args,
    control: Control,
    down: &Arc<DeliveryTrace>,
    up: Option<&Arc<DeliveryTrace>>,
) -> Figures {
    let narrow = |seed, trace: &Arc<DeliveryTrace>| {
        let bottleneck = Bottleneck::new(Capacity::Recorded(Arc::clone(trace)), usize::from(args.queue));
        Link::new(LinkConfig::with_latency_ns(PROPAGATION_NS), seed).with_bottleneck(bottleneck)
    };
    let up_link = up.map(|up| narrow(args.seed + 1, up));
    let scenario = Scenario {
        control: control.policy(),
        demand_bytes_per_s: args.demand,
        run_ns: down.length_ns(),
        up: up_link.unwrap_or_else(|| Link::new(LinkConfig::with_latency_ns(PROPAGATION_NS), args.seed + 1)),
        down: narrow(args.seed, down),
    };
    let mut figures = Figures::new(args.demand, scenario.run_ns);
    let ready = |sent_ns| down.at_ns(down.first_from(sent_ns + PROPAGATION_NS));
    Ends::new(scenario).run(&mut figures, &ready);
    figures.close(|from_ns, to_ns| down.bytes_between(from_ns, to_ns));
    figures
}

/// A path whose capacity is not the question: as it is, and with loss added.
fn add_path(args: &Args, controls: &[Control], name: &str, probes: Option<&Arc<ProbeTrace>>, report: &mut Report) {
    let latency_ns = if probes.is_some() { 0 } else { PROPAGATION_NS };
    let clean = LinkConfig::with_latency_ns(latency_ns);
    let cases = [
        ("as it is", SENT_MIN, clean),
        ("5 % iid", SENT_LOSSY_MIN, LinkConfig { loss: LOSS_ADDED, ..clean }),
        ("5 % bursts", SENT_LOSSY_MIN, LinkConfig { burst: Some(BURST_ADDED), ..clean }),
    ];
    for (case, sent_min, config) in cases {
        for control in controls {
            let link = Link::new(config, args.seed);
            let scenario = Scenario {
                control: control.policy(),
                demand_bytes_per_s: args.demand,
                run_ns: probes.map_or(FLAT_RUN_NS, |probes| probes.length_ns()),
                up: Link::new(LinkConfig::with_latency_ns(PROPAGATION_NS), args.seed + 1),
                down: match probes {
                    Some(probes) => link.with_probes(Arc::clone(probes)),
                    None => link,
                },
            };
            let mut figures = Figures::new(args.demand, scenario.run_ns);
            let ready = |sent_ns| sent_ns + latency_ns + probes.map_or(0, |probes| probes.at(sent_ns).delay_ns);
            Ends::new(scenario).run(&mut figures, &ready);
            figures.close(|_, _| u64::MAX);
            report.add(name, case, Row::new(*control, Goal::Sent(sent_min), &figures.summary()));
        }
    }
}

/// `1500kbit`, `2mbit`, `64000bit`: bits per second, as bytes per second.
fn bytes_per_s(text: &str) -> Result<u32, String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "bit" => 1,
        "kbit" => 1_000,
        "mbit" => 1_000_000,
        _ => return Err(format!("{text}: expected a whole number and bit, kbit or mbit, as in 1500kbit")),
    };
    let bits = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    let bytes = bits.and_then(|bits| u32::try_from(bits / 8).ok()).filter(|bytes| *bytes <= DEMAND_BYTES_PER_S_MAX);
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| format!("{text}: from 8bit to 1700kbit"))
}

/// Four parts of 1,000 B per tick are the most that one connection sends; with headers and room for control, 1.7 Mbit/s.
const DEMAND_BYTES_PER_S_MAX: u32 = 212_500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demand_is_bits_per_second() {
        assert_eq!(bytes_per_s("1500kbit"), Ok(187_500));
        assert_eq!(bytes_per_s("1mbit"), Ok(125_000));
        assert!(["", "5", "kbit", "9mbit", "0bit", "-1kbit"].iter().all(|text| bytes_per_s(text).is_err()));
    }

    #[test]
    fn without_control_a_narrow_link_is_full_and_late_and_the_trend_keeps_it_short() {
        // 600 kbit/s: an opportunity every 20 ms.
        let text: String = (1..=1_000).map(|number| format!("{}\n", number * 20)).collect();
        let down = Arc::new(DeliveryTrace::parse(&text).expect("well formed"));
        let args = Args {
            trace: Vec::new(),
            up: Vec::new(),
            probes: Vec::new(),
            demand: 187_500,
            queue: 250,
            control: Vec::new(),
            seed: 1,
            json: false,
        };
        let none = capacity_figures(&args, Control::None, &down, None).summary();
        assert!(none.delay_p95_ms > 2_000.0 && none.used > 0.95 && none.dropped > 0.5, "{none:?}");
        let trend = capacity_figures(&args, Control::Trend, &down, None).summary();
        assert!(trend.delay_p95_ms <= 100.0 && trend.used > 0.9 && trend.dropped == 0.0, "{trend:?}");
    }
}
