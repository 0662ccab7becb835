//! What a server says of itself, for people.

use crate::server::Server;
use crate::span::said as span;
use crate::terminal::{self, sentence};
use crate::{now, pause};
use anyhow::Result;
use clap::Args;
use ops_client::{Bound, CpuSeconds, Status, Store, Stores};
use std::fmt::Write;
use std::time::Duration;

/// Pause between the two samples from which rates are taken: the server publishes once a second.
const SAMPLE_PAUSE: Duration = Duration::from_millis(1_050);

/// How to answer.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl StatusArgs {
    /// The table, which takes a second; or the page at once.
    pub fn run(&self, server: &Server) -> Result<String> {
        if self.json {
            return Ok(terminal::json(&server.page("/api/v1/status")?));
        }
        let (before, since) = (server.status()?, now());
        pause(SAMPLE_PAUSE);
        let after = server.status()?;
        Ok(table(&before, &after, since.elapsed().as_secs_f64()))
    }
}

/// The state of `now`, and rates since `before`, read `seconds` earlier.
fn table(before: &Status, now: &Status, seconds: f64) -> String {
    let rows = [
        ("version", sentence(&now.version)),
        ("up", span(now.uptime_s)),
        ("ready", readiness(now)),
        ("alerts", alerts(now)),
        ("players", players(now)),
        ("ticks", format!("{:.1} Hz, now tick {}, {} overruns", now.tick_rate_hz, now.tick, now.tick_overruns_total)),
        ("tick time", tick_time(now)),
        (
            "traffic in",
            traffic(
                seconds,
                [now.packets_in_total, before.packets_in_total],
                [now.bytes_in_total, before.bytes_in_total],
            ),
        ),
        (
            "traffic out",
            format!(
                "{}, sealed by {}",
                traffic(
                    seconds,
                    [now.packets_out_total, before.packets_out_total],
                    [now.bytes_out_total, before.bytes_out_total]
                ),
                sentence(&now.seal_backend)
            ),
        ),
        ("clients", clients(now)),
        ("CPU", cpu(&before.cpu_seconds, &now.cpu_seconds, seconds)),
        ("memory", memory(now)),
        ("save lag", format!("{:.1} s", now.save_lag_seconds)),
        ("journal", journal(&now.stores)),
        ("outbox", outbox(&now.stores)),
        ("stores", others(&now.stores)),
        (
            "overload",
            format!("level {}, {} datagrams dropped by the kernel", now.overload_level, now.kernel_drops_total),
        ),
    ];
    rows.into_iter().fold(String::new(), |mut table, (name, text)| {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{name:<12} {text}");
        table
    })
}

/// Whether players may join, and what is coming.
fn readiness(status: &Status) -> String {
    let ready = match (status.ready, status.draining) {
        (_, true) => "no: draining, whoever is here plays on",
        (true, false) => "yes, players may join",
        (false, false) => "no",
    };
    let down = status.shutdown_in_s.map_or_else(String::new, |s| format!("; GOES DOWN in {}", span(s)));
    format!("{ready}{down}")
}

fn alerts(status: &Status) -> String {
    let firing = match status.alerts_firing.as_slice() {
        [] => "none".to_owned(),
        names => sentence(&names.join(", ")).to_uppercase(),
    };
    let forecast =
        status.forecast.as_ref().map_or_else(String::new, |forecast| format!("; {}", sentence(&forecast.text)));
    format!("{firing}{forecast}")
}

fn players(status: &Status) -> String {
    let queued = if status.queued > 0 { format!(", {} queued", status.queued) } else { String::new() };
    format!("{}{queued} ({} connections, {} entities)", status.players, status.connections, status.entities)
}

fn tick_time(status: &Status) -> String {
    let tick_ms = |q| match status.tick_histogram.quantile_us(q) {
        Some(Bound::Within(us)) => format!("{:.2} ms", us / 1_000.0),
        Some(Bound::Beyond(us)) => format!("over {:.0} ms", us / 1_000.0),
        None => "-".to_owned(),
    };
    let max_ms = status.tick_us_max_last_second / 1_000.0;
    format!("p50 {}, p99 {} since start, {max_ms:.2} ms at most in the last second", tick_ms(0.5), tick_ms(0.99))
}

/// What went one way, from totals now and then.
fn traffic(seconds: f64, packets: [u64; 2], bytes: [u64; 2]) -> String {
    let rate = |[to, from]: [u64; 2]| to.saturating_sub(from) as f64 / seconds;
    format!("{:.0} packets/s, {:.0} kbit/s", rate(packets), rate(bytes) * 8.0 / 1_000.0)
}

/// How it is for those who are here; a dash where the server does not say.
fn clients(status: &Status) -> String {
    let said = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.1}"));
    let (rtt, kbit) = (status.rtt_ms.unwrap_or_default(), status.kbit_per_client.unwrap_or_default());
    format!(
        "round trip p50 {}, p99 {} ms, {} % lost, each {} kbit/s down, {} kbit/s up",
        said(rtt.p50),
        said(rtt.p99),
        said(status.loss_ratio.map(|ratio| ratio * 100.0)),
        said(kbit.down),
        said(kbit.up)
    )
}

fn cpu(before: &CpuSeconds, now: &CpuSeconds, seconds: f64) -> String {
    let percent = |of: fn(&CpuSeconds) -> f64| (of(now) - of(before)).max(0.0) * 100.0 / seconds;
    format!(
        "{:.1} % of a core: reactor {:.1}, world {:.1}, persistence {:.1}, ops {:.1}",
        percent(|c| c.total),
        percent(|c| c.reactor),
        percent(|c| c.world),
        percent(|c| c.persistence),
        percent(|c| c.ops)
    )
}

fn memory(status: &Status) -> String {
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    let allocated = match status.allocated_bytes {
        None => String::new(),
        Some(bytes) => format!(", {:.1} MiB of it asked for", mib(bytes)),
    };
    format!("{:.1} MiB{allocated}", mib(status.rss_bytes))
}

/// Redis and MariaDB.
fn others(stores: &Stores) -> String {
    let store = |store: &Store| {
        let (name, place) = (sentence(&store.name), sentence(&store.place));
        match store.state.as_str() {
            "ok" => format!("{name} at {place} ok"),
            trouble => format!("{name} at {place} is {} for {}", sentence(trouble).to_uppercase(), span(store.state_s)),
        }
    };
    match stores.others.as_slice() {
        [] => "none but the journal".to_owned(),
        others => others.iter().map(store).collect::<Vec<_>>().join(", "),
    }
}

fn journal(stores: &Stores) -> String {
    match stores.journal_state.as_str() {
        "" => "-".to_owned(),
        "ok" => "takes all that it is given".to_owned(),
        trouble => {
            let s = span(stores.journal_state_s);
            format!("CANNOT BE WRITTEN ({}) for {s}: nothing is committed, nobody let in", sentence(trouble))
        }
    }
}

fn outbox(stores: &Stores) -> String {
    match &stores.torn {
        None => format!("{} transactions wait for MariaDB", stores.outbox),
        Some(why) => format!("{} wait and CANNOT GO ON: {}", stores.outbox, sentence(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_differences_between_the_samples() {
        let cpu_seconds = CpuSeconds { world: 1.0, total: 2.0, ..CpuSeconds::default() };
        let before = Status { packets_in_total: 1_000, cpu_seconds, ..Status::default() };
        let cpu_seconds = CpuSeconds { world: 1.1, total: 2.25, ..CpuSeconds::default() };
        let now = Status { packets_in_total: 1_600, cpu_seconds, ready: true, ..Status::default() };
        let table = table(&before, &now, 0.5);
        assert!(table.contains("1200 packets/s"), "{table}");
        assert!(table.contains("50.0 % of a core: reactor 0.0, world 20.0"), "{table}");
        assert!(table.contains("yes, players may join") && table.contains("p50 -"), "{table}");
    }

    #[test]
    fn a_journal_that_cannot_be_written_and_an_outbox_that_cannot_be_read_stand_in_the_table() {
        let told = |stores| table(&Status::default(), &Status { stores, ..Status::default() }, 1.0);
        let well = told(Stores { journal_state: "ok".to_owned(), outbox: 3, ..Stores::default() });
        assert!(well.contains("takes all that it is given") && well.contains("3 transactions wait"), "{well}");
        let torn = Some("posting 7 of the outbox: damaged".to_owned());
        let full = Stores { journal_state: "full".to_owned(), journal_state_s: 90.0, torn, ..Stores::default() };
        let full = told(full);
        assert!(
            full.contains("CANNOT BE WRITTEN (full) for 1 min 30 s") && full.contains("GO ON: posting 7"),
            "{full}"
        );
    }

    #[test]
    fn what_is_coming_and_what_is_wrong_stands_in_the_table() {
        let well = table(&Status::default(), &Status { ready: true, ..Status::default() }, 1.0);
        assert!(
            well.contains("alerts       none\n") && well.contains("round trip p50 -, p99 - ms, - % lost"),
            "{well}"
        );
        let down = Store {
            name: "mariadb".to_owned(),
            place: "db:3306".to_owned(),
            state: "away".to_owned(),
            state_s: 5.0,
            ..Store::default()
        };
        let now = Status {
            draining: true,
            shutdown_in_s: Some(75.0),
            queued: 3,
            alerts_firing: vec!["tick_p99".to_owned(), "lag".to_owned()],
            forecast: Some(ops_client::Forecast { text: "full\u{1b} in 40 minutes".to_owned(), ..Default::default() }),
            rtt_ms: Some(ops_client::Quantiles { p50: Some(20.0), p99: None }),
            loss_ratio: Some(0.015),
            stores: Stores { others: vec![down], ..Stores::default() },
            ..Status::default()
        };
        let ill = table(&Status::default(), &now, 1.0);
        for part in [
            "no: draining, whoever is here plays on; GOES DOWN in 1 min 15 s",
            "TICK_P99, LAG; full  in 40 minutes",
            "0, 3 queued (",
            "round trip p50 20.0, p99 - ms, 1.5 % lost",
            "mariadb at db:3306 is AWAY for 5.0 s",
        ] {
            assert!(ill.contains(part), "{part}: {ill}");
        }
    }

    #[test]
    fn the_page_itself_can_be_had() {
        let (text, asked) = crate::rig::said("status --json", "HTTP/1.0 200 OK\r\n\r\n{\"news\":1}");
        assert_eq!(text.unwrap(), "{\"news\":1}\n");
        assert!(asked.starts_with("GET /api/v1/status HTTP/1.0\r\n"), "{asked}");
    }
}
