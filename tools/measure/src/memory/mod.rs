//! `measure memory`: what one connection costs the server, out of the allocator itself.
//!
//! Both ends in virtual time, a bad link between each pair, real tokens and seals. Only what the transport's server
//! allocates is counted. Its tables are made for as many connections as take part.

mod town;
pub mod watch;

use anyhow::Result;
use rudp::seal::Backend;
use serde::Serialize;
use town::Town;

const AFTER_HELP: &str = "\
idle     after the join and 60 virtual seconds in which nobody says anything
steady   60 inputs a second, snapshot parts of 400 B, an event of 40 B four times a second each way; RTT 100 ms, 2 % of
         the datagrams lost each way; the most that any virtual second ended with
Bytes are those asked of the allocator by the server, tables included, over the number of connections. Keys that a
seal's own library holds outside of it are not seen.";

/// The command line.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// Virtual seconds of steady play
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    seconds: u32,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Virtual seconds of quiet before the idle figure.
const QUIET_S: u32 = 60;
/// What a connection may hold, in bytes.
const IDLE_BYTES_MAX: i64 = 16 * 1_024;
const STEADY_BYTES_MAX: i64 = 64 * 1_024;

/// In steady play a packet allocates nothing; what is left are tables that grow to a new size now and then.
const ALLOCATIONS_PER_PACKET_MAX: f64 = 0.001;

#[derive(Debug, Serialize)]
struct Row {
    seal: &'static str,
    connections: u32,
    /// Of the empty server, per connection.
    tables_bytes: i64,
    idle_bytes: i64,
    steady_bytes: i64,
    /// In the last virtual second of steady play, per packet that the server received.
    allocations_per_packet: f64,
    /// The fixed record of a session, within the figures above.
    session_record_bytes: usize,
    /// The packet layer within that record.
    connection_record_bytes: usize,
}

/// Measures and prints.
///
/// # Errors
/// Not everybody got in, a figure is above what a connection may hold, or packets allocate.
pub fn run(args: &Args) -> Result<()> {
    let mut rows = Vec::new();
    for (name, seal) in [("chacha20poly1305", Backend::Crate), ("aws-lc", Backend::AwsLc)] {
        rows.push(measure(name, seal, args)?);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        print(&rows);
    }
    let is_within = |row: &Row| row.idle_bytes <= IDLE_BYTES_MAX && row.steady_bytes <= STEADY_BYTES_MAX;
    anyhow::ensure!(rows.iter().all(is_within), "above {IDLE_BYTES_MAX} B idle or {STEADY_BYTES_MAX} B steady");
    let allocates = rows.iter().any(|row| row.allocations_per_packet >= ALLOCATIONS_PER_PACKET_MAX);
    anyhow::ensure!(!allocates, "{ALLOCATIONS_PER_PACKET_MAX} allocations per packet or more");
    Ok(())
}

fn measure(name: &'static str, seal: Backend, args: &Args) -> Result<Row> {
    let count = i64::from(args.connections);
    let before = watch::bytes();
    let mut town = Town::new(args.connections, seal)?;
    let tables_bytes = watch::bytes() - before;
    town.join()?;
    town.rest(QUIET_S);
    let idle_bytes = watch::bytes() - before;
    let (mut steady_bytes, mut allocations, mut packets) = (0, 0, 1);
    for _ in 0..args.seconds {
        let (allocations_before, packets_before) = (watch::allocations(), town.packets_in());
        town.play(1);
        steady_bytes = steady_bytes.max(watch::bytes() - before);
        allocations = watch::allocations() - allocations_before;
        packets = town.packets_in() - packets_before;
    }
    Ok(Row {
        seal: name,
        connections: args.connections,
        tables_bytes: tables_bytes / count,
        idle_bytes: idle_bytes / count,
        steady_bytes: steady_bytes / count,
        allocations_per_packet: allocations as f64 / packets as f64,
        session_record_bytes: rudp::server::SESSION_BYTES,
        connection_record_bytes: size_of::<rudp::Connection>(),
    })
}

fn print(rows: &[Row]) {
    println!("bytes per connection, server side; may hold {IDLE_BYTES_MAX} idle, {STEADY_BYTES_MAX} steady");
    println!(
        "{:<18} {:>11} {:>8} {:>8} {:>8} {:>14} {:>12}",
        "seal", "connections", "tables", "idle", "steady", "session record", "allocs/packet"
    );
    for row in rows {
        println!(
            "{:<18} {:>11} {:>8} {:>8} {:>8} {:>14} {:>12.4}",
            row.seal,
            row.connections,
            row.tables_bytes,
            row.idle_bytes,
            row.steady_bytes,
            row.session_record_bytes,
            row.allocations_per_packet
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_holds_more_in_play_than_idle_and_packets_allocate_almost_nothing() {
        let args = Args { connections: 12, seconds: 4, json: false };
        let row = measure("aws-lc", Backend::AwsLc, &args).unwrap();
        let (idle, steady) = (row.idle_bytes - row.tables_bytes, row.steady_bytes - row.tables_bytes);
        assert!(idle >= row.session_record_bytes as i64, "the record itself is on the heap: {row:?}");
        assert!(idle < steady && idle < IDLE_BYTES_MAX && steady < STEADY_BYTES_MAX, "{row:?}");
        assert!(row.allocations_per_packet < 0.2, "{row:?}");
    }
}
