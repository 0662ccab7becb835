//! `measure reliable`: reliable messages over bad links in virtual time, between a real server machine and a real client
//! machine, sealed datagrams and all.

mod ends;
mod figures;
mod report;

use anyhow::ensure;
use ends::{CHANNEL_ORDERED, CHANNEL_UNORDERED, Ends, NS_PER_MS, Plan, TICK_NS};
use netem::{Burst, LinkConfig};
use report::{Direction, Report, Row, Special};

/// Messages left out of the figures: those of the first five seconds.
const WARM_UP_MESSAGES: u32 = 5 * 60;
/// Losses of a run that names none.
const LOSSES: [f64; 3] = [0.05, 0.2, 0.3];
/// Allowance of every goal beside the ticks.
const SLACK_NS: u64 = NS_PER_MS;
/// In the bad state of the bursty links this much is lost, for four datagrams on average.
const BURST_LOSS: f64 = 0.9;
const BURST_LEAVE: f64 = 0.25;
/// The storm: this many messages at 60 a second are 10 s.
const STORM_MESSAGES: u32 = 600;
const STORM_LOSS: f64 = 0.5;
/// Messages of the line without loss.
const QUIET_MESSAGES: u32 = 6_000;

const COLUMNS: &str = "\
Both ends send one message per tick, 60 a second; each direction is judged by itself. Delay is delivery less the first
moment at which the message could have left.

  p50 .. max     delay in ms, without the messages of the first 5 s
  must           what p99 may be: D + 1 tick + 1 ms up to 5 % of independent loss, D + 3 ticks + 1 ms up to 30 %;
                 bursts and heavier losses have no goal
  dup, reorder   messages delivered twice, and after a later one (on the ordered channel both must be 0)
  lost           messages that never came
  copies         message frames sent per message: 1 without loss
  resent         frames sent again because the packet before was lost, per 1,000 messages
  B/message      bytes on the wire per message, IP, UDP, session and packet headers and the acks of the way back included

Without --loss 5, 20 and 30 % are measured, each as independent loss and as bursts of the same mean (Gilbert-Elliott: four
datagrams on average, of which 90 % are lost). Two further lines follow: 10 s of 50 % loss after which nothing may be
lost, and a lossless link whose receiver has nothing to say and acks after 25 ms, on which nothing may be sent twice,
not even where the sender pauses and the newest packet waits for its ack alone.
The exit status is 1 if a goal is missed, or if it was measured with fewer than 50,000 messages.";

#[derive(Debug, clap::Args)]
#[command(after_help = COLUMNS)]
pub struct Args {
    /// One way, as in 50ms
    #[arg(long, default_value = "50ms", value_parser = milliseconds)]
    delay: u64,
    /// Independent loss both ways, as in 5%; several may follow
    #[arg(long, num_args = 1.., value_parser = percent)]
    loss: Vec<f64>,
    /// Only losses in bursts, with the means of --loss
    #[arg(long)]
    bursts: bool,
    /// The channel that hands messages on as they come, instead of the ordered one
    #[arg(long)]
    unordered: bool,
    /// Messages each way that count, after those of the first 5 s
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    messages: u32,
    /// Bytes of a message
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(4..=1_024))]
    bytes: u16,
    /// Seed of both links
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Measures everything asked for and prints it.
///
/// # Errors
/// A goal is missed.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let mut report = Report::new(args.delay, args.unordered, args.messages, args.bytes);
    for (name, loss, link) in links(args) {
        for row in measure(args, &name, loss, link) {
            report.add(row);
        }
    }
    if args.loss.is_empty() {
        report.specials.push(storm(args));
        report.specials.push(quiet(args));
    }
    report.print(args.json)?;
    let missed = report.missed();
    ensure!(missed.is_empty(), "missed: {}", missed.join("; "));
    Ok(())
}

/// Name, independent loss if that is all that is wrong, and shape of every link to measure.
fn links(args: &Args) -> Vec<(String, Option<f64>, LinkConfig)> {
    let clean = LinkConfig::with_latency_ns(args.delay);
    let losses = if args.loss.is_empty() { &LOSSES[..] } else { &args.loss };
    let mut links = Vec::new();
    for &loss in losses {
        let percent = loss * 100.0;
        if !args.bursts {
            links.push((format!("{percent} % iid"), Some(loss), LinkConfig { loss, ..clean }));
        }
        if args.bursts || args.loss.is_empty() {
            let burst = Some(burst(loss));
            links.push((format!("{percent} % bursts"), None, LinkConfig { burst, ..clean }));
        }
    }
    links
}

/// Bursts that lose `mean` of all datagrams, at most 90 %.
fn burst(mean: f64) -> Burst {
    let share = (mean / BURST_LOSS).min(0.99);
    Burst { enter: (share * BURST_LEAVE / (1.0 - share)).min(1.0), leave: BURST_LEAVE, loss: BURST_LOSS }
}

/// What p99 may be; `None` where no goal is set.
fn must_ns(delay_ns: u64, loss: Option<f64>) -> Option<u64> {
    let ticks = match loss? {
        loss if loss <= 0.05 => 1,
        loss if loss <= 0.3 => 3,
        _ => return None,
    };
    Some(delay_ns + ticks * TICK_NS + SLACK_NS)
}

fn measure(args: &Args, name: &str, loss: Option<f64>, link: LinkConfig) -> [Row; 2] {
    let plan = Plan { messages: WARM_UP_MESSAGES + args.messages, ..plan(args, link) };
    let (down, up) = Ends::new(plan).run();
    let must_ns = must_ns(args.delay, loss);
    [(Direction::Down, down), (Direction::Up, up)]
        .map(|(direction, heard)| Row::new(name, direction, must_ns, !args.unordered, &heard, WARM_UP_MESSAGES))
}

fn plan(args: &Args, link: LinkConfig) -> Plan {
    Plan {
        channel: if args.unordered { CHANNEL_UNORDERED } else { CHANNEL_ORDERED },
        message_bytes: usize::from(args.bytes),
        link,
        calm_after_messages: None,
        one_way: false,
        messages: 0,
        seed: args.seed,
    }
}

/// Ten seconds of 50 % loss, then a clean link.
fn storm(args: &Args) -> Special {
    let link = LinkConfig { loss: STORM_LOSS, ..LinkConfig::with_latency_ns(args.delay) };
    let calm_after_messages = Some(STORM_MESSAGES);
    let (down, up) = Ends::new(Plan { messages: STORM_MESSAGES, calm_after_messages, ..plan(args, link) }).run();
    let faults: u64 =
        [&down, &up].map(|heard| heard.lost() + heard.duplicates + heard.disorder(!args.unordered)).iter().sum();
    let told = format!(
        "{} and {} of {STORM_MESSAGES} messages came, the last after {:.0} ms",
        u64::from(STORM_MESSAGES) - down.lost(),
        u64::from(STORM_MESSAGES) - up.lost(),
        down.quantile_ns(0, 1.0).max(up.quantile_ns(0, 1.0)) as f64 / 1e6
    );
    Special { name: "10 s of 50 % loss: nothing is lost", told, holds: faults == 0 }
}

/// No loss, and a receiver that acks late because it has nothing to say.
fn quiet(args: &Args) -> Special {
    let link = LinkConfig::with_latency_ns(args.delay);
    let (down, _) = Ends::new(Plan { messages: QUIET_MESSAGES, one_way: true, ..plan(args, link) }).run();
    let told = format!("{} resent, {} redundant in {QUIET_MESSAGES} messages", down.resent, down.redundant);
    let holds = down.resent == 0 && down.redundant == 0 && down.lost() == 0 && down.duplicates == 0;
    Special { name: "no loss, acks after 25 ms: nothing is sent twice", told, holds }
}

/// `50ms` as nanoseconds, up to 2 s.
fn milliseconds(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix("ms").and_then(|number| number.parse::<u64>().ok()).filter(|ms| *ms <= 2_000);
    number.map(|ms| ms * NS_PER_MS).ok_or_else(|| format!("{text}: expected 0ms to 2000ms"))
}

/// `5%` as 0.05.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
    let share = number.map(|percent| percent / 100.0).filter(|share| (0.0..=0.9).contains(share));
    share.ok_or_else(|| format!("{text}: expected 0% to 90%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(messages: u32, unordered: bool) -> Args {
        Args {
            delay: 50 * NS_PER_MS,
            loss: vec![],
            bursts: false,
            unordered,
            messages,
            bytes: 32,
            seed: 7,
            json: false,
        }
    }

    #[test]
    fn goals_grow_with_the_loss_and_end_where_none_is_set() {
        let ms = |loss| must_ns(50 * NS_PER_MS, loss).map(|ns| ns / NS_PER_MS);
        assert_eq!([ms(Some(0.05)), ms(Some(0.2)), ms(Some(0.3))], [Some(67), Some(101), Some(101)]);
        assert_eq!([ms(Some(0.31)), ms(None)], [None, None]);
    }

    #[test]
    fn a_run_that_names_no_loss_measures_three_each_in_two_shapes() {
        let names: Vec<String> = links(&args(100, false)).into_iter().map(|(name, ..)| name).collect();
        let wanted = ["5 % iid", "5 % bursts", "20 % iid", "20 % bursts", "30 % iid", "30 % bursts"];
        assert_eq!(names, wanted);
    }

    #[test]
    fn bursts_lose_their_mean() {
        for mean in [0.05, 0.2, 0.3] {
            let Burst { enter, leave, loss } = burst(mean);
            assert!((enter / (enter + leave) * loss - mean).abs() < 1e-9);
        }
    }

    #[test]
    fn at_five_percent_loss_the_goal_holds_and_nothing_comes_twice_or_late() {
        let args = args(3_000, false);
        let link = LinkConfig { loss: 0.05, ..LinkConfig::with_latency_ns(args.delay) };
        let mut report = report::Report::new(args.delay, false, 3_000, args.bytes);
        for row in measure(&args, "5 % iid", Some(0.05), link) {
            assert!(row.holds == Some(true) && row.is_clean(), "{row:?}");
            assert!(row.copies > 1.5 && row.p50_ms == 50.0, "{row:?}");
            report.add(row);
        }
        assert_eq!(report.missed(), ["3000 messages are too few for a goal, 50000 are needed"]);
    }

    #[test]
    fn after_a_storm_nothing_is_lost_and_without_loss_nothing_is_sent_twice() {
        for unordered in [false, true] {
            let (storm, quiet) = (storm(&args(0, unordered)), quiet(&args(0, unordered)));
            assert!(storm.holds && quiet.holds, "{storm:?} {quiet:?}");
        }
    }

    #[test]
    fn delays_and_losses_are_read_with_their_units() {
        assert_eq!((milliseconds("50ms"), percent("5%"), percent("0.5%")), (Ok(50 * NS_PER_MS), Ok(0.05), Ok(0.005)));
        assert!(milliseconds("50").is_err() && milliseconds("9s").is_err());
        assert!(percent("5").is_err() && percent("95%").is_err() && percent("-1%").is_err());
    }
}
