//! What a server says of itself, for people.

use ops_client::{Bound, CpuSeconds, Status, Stores};
use std::fmt::Write;

/// The table: the state of `now`, and rates since `before`, read `seconds` earlier.
pub fn table(before: &Status, now: &Status, seconds: f64) -> String {
    let rate = |to: u64, from: u64| to.saturating_sub(from) as f64 / seconds;
    let cpu = |of: fn(&CpuSeconds) -> f64| (of(&now.cpu_seconds) - of(&before.cpu_seconds)).max(0.0) * 100.0 / seconds;
    let kbit = |bytes: f64| bytes * 8.0 / 1_000.0;
    let tick_ms = |q| match now.tick_histogram.quantile_us(q) {
        Some(Bound::Within(us)) => format!("{:.2} ms", us / 1_000.0),
        Some(Bound::Beyond(us)) => format!("over {:.0} ms", us / 1_000.0),
        None => "-".to_owned(),
    };
    let rows = [
        ("version", now.version.clone()),
        ("up", span(now.uptime_s)),
        ("ready", if now.ready { "yes, players may join" } else { "no" }.to_owned()),
        ("players", format!("{} ({} connections, {} entities)", now.players, now.connections, now.entities)),
        ("ticks", format!("{:.1} Hz, now tick {}, {} overruns", now.tick_rate_hz, now.tick, now.tick_overruns_total)),
        (
            "tick time",
            format!(
                "p50 {}, p99 {} since start, {:.2} ms at most in the last second",
                tick_ms(0.5),
                tick_ms(0.99),
                now.tick_us_max_last_second / 1_000.0
            ),
        ),
        (
            "traffic in",
            format!(
                "{:.0} packets/s, {:.0} kbit/s",
                rate(now.packets_in_total, before.packets_in_total),
                kbit(rate(now.bytes_in_total, before.bytes_in_total))
            ),
        ),
        (
            "traffic out",
            format!(
                "{:.0} packets/s, {:.0} kbit/s, sealed by {}",
                rate(now.packets_out_total, before.packets_out_total),
                kbit(rate(now.bytes_out_total, before.bytes_out_total)),
                now.seal_backend
            ),
        ),
        (
            "CPU",
            format!(
                "{:.1} % of a core: reactor {:.1}, world {:.1}, persistence {:.1}, ops {:.1}",
                cpu(|c| c.total),
                cpu(|c| c.reactor),
                cpu(|c| c.world),
                cpu(|c| c.persistence),
                cpu(|c| c.ops)
            ),
        ),
        ("memory", format!("{:.1} MiB", now.rss_bytes as f64 / 1_048_576.0)),
        ("save lag", format!("{:.1} s", now.save_lag_seconds)),
        ("journal", journal(&now.stores)),
        ("outbox", outbox(&now.stores)),
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

fn journal(stores: &Stores) -> String {
    match stores.journal_state.as_str() {
        "" => "-".to_owned(),
        "ok" => "takes all that it is given".to_owned(),
        trouble => {
            let s = span(stores.journal_state_s);
            format!("CANNOT BE WRITTEN ({}) for {s}: nothing is committed, nobody let in", crate::sentence(trouble))
        }
    }
}

fn outbox(stores: &Stores) -> String {
    match &stores.torn {
        None => format!("{} transactions wait for MariaDB", stores.outbox),
        Some(why) => format!("{} wait and CANNOT GO ON: {}", stores.outbox, crate::sentence(why)),
    }
}

/// Seconds as people say them.
fn span(seconds: f64) -> String {
    let whole = seconds as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3_600 => format!("{minutes} min {} s", whole % 60),
        3_600..86_400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h {minutes} min"),
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
    fn spans_are_said_in_their_two_largest_units() {
        assert_eq!([span(12.34), span(75.0), span(3_700.0)], ["12.3 s", "1 min 15 s", "1 h 1 min"]);
        assert_eq!(span(90_061.0), "1 d 1 h 1 min");
    }
}
