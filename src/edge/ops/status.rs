//! `GET /api/v1/status`: the whole server on one page. Other programs read it: fields are added, never renamed.

use super::store_metrics::states;
use crate::edge::board::Board;
use crate::edge::persistence::StoreState;
use crate::edge::process::{self, CpuSeconds};
use serde::Serialize;

/// The page. `total` counts since start; units are in the names.
#[derive(Debug, Serialize)]
pub struct Status {
    version: &'static str,
    uptime_s: f64,
    ready: bool,
    players: usize,
    connections: usize,
    entities: usize,
    tick: u32,
    ticks_total: u64,
    tick_overruns_total: u64,
    tick_rate_hz: f64,
    tick_us_max_last_second: f64,
    tick_histogram: Histogram,
    cpu_seconds: Cpu,
    rss_bytes: u64,
    packets_in_total: u64,
    packets_out_total: u64,
    bytes_in_total: u64,
    bytes_out_total: u64,
    updates_total: u64,
    player_ticks_total: u64,
    encoded_total: u64,
    overload_level: u8,
    /// An operator lets nobody in.
    draining: bool,
    /// An announced shutdown comes in so many seconds.
    shutdown_in_s: Option<f64>,
    /// Asked of the allocator and not given back; not known on every platform.
    allocated_bytes: Option<u64>,
    save_lag_seconds: f64,
    stores: Stores,
    kernel_drops_total: u64,
    seal_backend: &'static str,
    /// People who wait to be let in.
    queued: usize,
    #[serde(flatten)]
    brief: Brief,
}

/// How saving goes.
#[derive(Debug, Serialize)]
struct Stores {
    /// Whether the journal took what it was last given.
    journal: bool,
    /// "ok", or what is wrong: "full", "io", "damaged"; and for how many seconds.
    journal_state: &'static str,
    journal_state_s: f64,
    journal_errors_total: u64,
    journal_lag_seconds: f64,
    journal_commit_ms_max_last_second: f64,
    /// Transactions of the game asked for and not answered.
    commits_under_way: usize,
    /// Of those, how many a journal that failed may have or not: they are answered when it can be read.
    commits_undecided: usize,
    commits_total: u64,
    commits_refused_total: u64,
    /// Redis and MariaDB's servers; empty where there are none.
    others: Vec<Other>,
    /// Transactions, and checkpoints, that MariaDB does not have.
    outbox: u64,
    checkpoints_waiting: usize,
    checkpoints_waiting_redis: usize,
    /// Characters that are this server's to write.
    leases: usize,
    /// Why the outbox cannot be read any further, if it cannot, and the number of the posting that is the reason.
    torn: Option<String>,
    torn_at: Option<u64>,
}

/// A store beside the journal.
#[derive(Debug, Serialize)]
struct Other {
    name: String,
    place: String,
    /// "ok", or what is wrong.
    state: &'static str,
    /// For so many seconds.
    state_s: f64,
    /// Whether what is to be saved goes to it now.
    is_written: bool,
    errors_total: u64,
}

/// What the watch knows of the last second.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Brief {
    /// Alerts that are raised, by name.
    pub alerts_firing: Vec<&'static str>,
    /// Of all connections.
    pub rtt_ms: Quantiles,
    /// Part of what was sent that was lost, 0 to 1; the mean of all connections.
    pub loss_ratio: Option<f64>,
    /// Mean of UDP payload by connection.
    pub kbit_per_client: Option<BothWays>,
    /// When which limit is reached, if the trend goes on.
    pub forecast: Option<Foreseen>,
}

/// `null` where there is nobody.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Quantiles {
    /// Half are at most this.
    pub p50: Option<f64>,
    /// Of a hundred, 99 are.
    pub p99: Option<f64>,
}

/// To clients and from them.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct BothWays {
    /// To them.
    pub down: f64,
    /// From them.
    pub up: f64,
}

/// A limit that is going to be reached.
#[derive(Clone, Debug, Serialize)]
pub struct Foreseen {
    /// In words.
    pub text: String,
    /// Until then.
    pub minutes: f64,
    /// So many there will be then; none if the trend is not one of players.
    pub players: Option<u32>,
}

impl Stores {
    fn read(board: &Board, mono_ns: u64) -> Self {
        let (world, store, courier) = (board.world.load(), board.store.load(), board.courier.load());
        let other = |(name, state): (String, &StoreState)| Other {
            name,
            place: state.place.clone(),
            state: state.trouble.map_or("ok", |(kind, _)| kind.label()),
            state_s: state.trouble.map_or(0.0, |(_, s)| s),
            is_written: state.is_written,
            errors_total: state.failures.iter().sum(),
        };
        Self {
            journal: store.journal_trouble.is_none(),
            journal_state: store.journal_trouble.map_or("ok", |(fault, _)| fault.label()),
            journal_state_s: store.journal_trouble.map_or(0.0, |(_, since_ns)| since_s(since_ns, mono_ns)),
            journal_errors_total: store.journal_failures.iter().sum(),
            journal_lag_seconds: save_lag_seconds(world.realm.save_lag_ns),
            journal_commit_ms_max_last_second: store.commit_max_ns as f64 / 1e6,
            commits_under_way: world.realm.commits_under_way,
            commits_undecided: store.undecided,
            commits_total: store.deals,
            commits_refused_total: store.deal_failures,
            others: states(&courier).map(other).collect(),
            outbox: store.outbox,
            checkpoints_waiting: store.waiting[1],
            checkpoints_waiting_redis: store.waiting[0],
            leases: store.leases,
            torn: courier.done.torn.as_ref().map(ToString::to_string),
            torn_at: courier.done.torn.as_ref().map(|torn| torn.seq),
        }
    }
}

/// Tick durations since start; `null` bounds the last bucket.
#[derive(Debug, Serialize)]
struct Histogram {
    upper_us: Vec<Option<f64>>,
    counts: Vec<u64>,
}

/// Processor seconds since start.
#[derive(Debug, Serialize)]
struct Cpu {
    reactor: f64,
    world: f64,
    persistence: f64,
    courier: f64,
    ops: f64,
    total: f64,
}

impl Status {
    /// The page as of the threads' last publications, at `mono_ns`.
    pub fn read(board: &Board, brief: Brief, mono_ns: u64) -> Self {
        let (reactor, world) = (board.reactor.load(), board.world.load());
        Self {
            queued: world.realm.queued,
            brief,
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: mono_ns.saturating_sub(board.start.mono_ns) as f64 / 1e9,
            ready: board.is_ready(),
            players: world.realm.players,
            connections: reactor.connections,
            entities: world.realm.entities,
            tick: world.realm.tick,
            ticks_total: world.ticks_total,
            tick_overruns_total: world.overruns_total,
            tick_rate_hz: world.tick_rate_hz,
            tick_us_max_last_second: world.tick_max_ns as f64 / 1e3,
            tick_histogram: Histogram {
                upper_us: world.times.upper_us().collect(),
                counts: world.times.counts().to_vec(),
            },
            cpu_seconds: Cpu::from(&process::cpu_seconds()),
            rss_bytes: process::resident_bytes(),
            packets_in_total: reactor.edge.packets_in,
            packets_out_total: reactor.edge.packets_out,
            bytes_in_total: reactor.edge.bytes_in,
            bytes_out_total: reactor.edge.bytes_out,
            updates_total: world.realm.updates,
            player_ticks_total: world.realm.player_ticks,
            encoded_total: world.realm.encoded,
            overload_level: world.realm.overload_level,
            draining: board.is_draining(),
            shutdown_in_s: board.shutdown_ns().map(|due_ns| due_ns.saturating_sub(mono_ns) as f64 / 1e9),
            allocated_bytes: process::allocated_bytes(),
            save_lag_seconds: save_lag_seconds(world.realm.save_lag_ns.max(board.store.load().remote_lag_ns)),
            stores: Stores::read(board, mono_ns),
            kernel_drops_total: reactor.edge.kernel_drops,
            seal_backend: board.start.seal_backend,
        }
    }
}

impl From<&CpuSeconds> for Cpu {
    fn from(cpu: &CpuSeconds) -> Self {
        Self {
            reactor: cpu.of("reactor"),
            world: cpu.of("world"),
            persistence: cpu.of("persistence"),
            courier: cpu.of("courier").max(0.0),
            ops: cpu.of("ops"),
            total: cpu.total,
        }
    }
}

/// Seconds since a moment.
pub fn since_s(since_ns: u64, mono_ns: u64) -> f64 {
    mono_ns.saturating_sub(since_ns) as f64 / 1e9
}

/// Age of the oldest state that is not where it is to be.
pub fn save_lag_seconds(lag_ns: u64) -> f64 {
    lag_ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::board::StartReport;

    #[test]
    fn the_page_has_the_fields_that_other_programs_read() {
        let board =
            Board::new(StartReport { mono_ns: 1_000_000_000, seal_backend: "aws-lc", ..StartReport::default() });
        let page = serde_json::to_value(Status::read(&board, Brief::default(), 3_500_000_000)).unwrap();
        let expected = [
            "version",
            "uptime_s",
            "ready",
            "players",
            "connections",
            "entities",
            "tick",
            "ticks_total",
            "tick_overruns_total",
            "tick_rate_hz",
            "tick_us_max_last_second",
            "tick_histogram",
            "cpu_seconds",
            "rss_bytes",
            "packets_in_total",
            "packets_out_total",
            "bytes_in_total",
            "bytes_out_total",
            "updates_total",
            "player_ticks_total",
            "encoded_total",
            "overload_level",
            "draining",
            "shutdown_in_s",
            "allocated_bytes",
            "save_lag_seconds",
            "stores",
            "kernel_drops_total",
            "seal_backend",
            "queued",
            "alerts_firing",
            "rtt_ms",
            "loss_ratio",
            "kbit_per_client",
            "forecast",
        ];
        let object = page.as_object().unwrap();
        assert_eq!(object.len(), expected.len());
        assert!(expected.iter().all(|key| object.contains_key(*key)));
        assert_eq!(page["uptime_s"], 2.5);
        let upper = page["tick_histogram"]["upper_us"].as_array().unwrap();
        assert_eq!(upper.len(), page["tick_histogram"]["counts"].as_array().unwrap().len());
        assert!(upper.last().unwrap().is_null() && upper[0] == 10.0);
        for thread in ["reactor", "world", "persistence", "courier", "ops", "total"] {
            assert!(page["cpu_seconds"][thread].is_f64(), "{thread}");
        }
    }
}
