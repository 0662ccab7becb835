//! What each thread publishes once a second, for whoever asks: plain numbers behind a pointer that is swapped whole.
//!
//! Nobody waits for anybody: the tick and the reactor swap, the operations thread reads whatever is newest.

use crate::edge::flight::FlightTally;
use crate::edge::long_ticks::LongTicks;
use crate::edge::persistence::{BackupReport, CourierReport, Fault, Packing};
use crate::edge::stopwatch::{self, Stopwatch};
use crate::edge::tick_times::TickTimes;
use arc_swap::{ArcSwap, ArcSwapOption};
use server::{Chronicle, GateCounters, Place, RealmStatus, Step, Survey};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Nanoseconds between two publications of a thread.
pub const PUBLISH_INTERVAL_NS: u64 = 1_000_000_000;
/// A world whose last tick is older than this is not alive.
pub const ALIVE_WITHIN_NS: u64 = 1_000_000_000;

/// Everything that is published.
#[derive(Debug)]
pub struct Board {
    /// By the reactor.
    pub reactor: ArcSwap<ReactorReport>,
    /// By the world.
    pub world: ArcSwap<WorldReport>,
    /// By persistence.
    pub store: ArcSwap<StoreReport>,
    /// By the courier to other stores; as new if there is none.
    pub courier: ArcSwap<CourierReport>,
    /// The backup that is being made, or was made last; none if none was since the start.
    pub backup: ArcSwapOption<BackupReport>,
    /// Where the world thread's time goes.
    pub world_watch: Arc<Stopwatch>,
    /// Where the reactor's goes.
    pub reactor_watch: Arc<Stopwatch>,
    /// What the flight log has come to.
    pub flight: FlightTally,
    /// Fixed at start.
    pub start: StartReport,
    /// An operator lets nobody in.
    draining: AtomicBool,
    /// When the server goes down, as announced; 0 if it is not.
    shutdown_ns: AtomicU64,
    /// People who may be in the world, if an operator has changed that; else 0.
    players_max: AtomicU32,
    ready: AtomicBool,
    accepting: AtomicBool,
    last_tick_ns: AtomicU64,
}

/// What does not change after the start.
#[derive(Clone, Debug, Default)]
pub struct StartReport {
    /// When the server started, on the monotonic clock.
    pub mono_ns: u64,
    /// The same in unix time.
    pub unix_s: u64,
    /// What seals packets, as the configuration calls it.
    pub seal_backend: &'static str,
    /// Bytes of the socket's receive buffer as granted.
    pub recv_buffer_bytes: usize,
    /// Bytes of the socket's send buffer as granted.
    pub send_buffer_bytes: usize,
}

/// The reactor's numbers, since start where the name says `total`.
#[derive(Clone, Debug, Default)]
pub struct ReactorReport {
    /// When it was published, on the monotonic clock.
    pub at_ns: u64,
    /// Sessions whose hello was accepted.
    pub connections: usize,
    /// How they fared, second by second.
    pub survey: Survey,
    /// Bans in force.
    pub bans: usize,
    /// What the transport counted.
    pub transport: rudp::Counters,
    /// What the gate counted.
    pub gate: GateCounters,
    /// What the socket and the queues saw.
    pub edge: ReactorCounters,
    /// Batches waiting for the world.
    pub inbound_depth: usize,
    /// Ticks' output waiting for the reactor.
    pub outbound_depth: usize,
    /// Batches that lie ready to be filled.
    pub inbound_free: usize,
}

/// What the reactor itself counts, since start.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReactorCounters {
    /// Datagrams received.
    pub packets_in: u64,
    /// Datagrams sent.
    pub packets_out: u64,
    /// Bytes of those received, UDP payload only.
    pub bytes_in: u64,
    /// Bytes of those sent, UDP payload only.
    pub bytes_out: u64,
    /// Times the poll returned.
    pub wakes: u64,
    /// Times the socket's send buffer was full.
    pub send_blocked: u64,
    /// Datagrams the kernel refused to send (no route, too big, peer's port closed).
    pub send_errors: u64,
    /// Errors reported on receive (mostly: an earlier datagram met a closed port).
    pub recv_errors: u64,
    /// Times a batch stayed with the gate because every arena was out.
    pub inbound_held: u64,
    /// Batches given to the world.
    pub batches: u64,
    /// Ticks' outputs taken from it.
    pub arenas: u64,
    /// Datagrams the kernel dropped because the receive buffer was full.
    pub kernel_drops: u64,
}

/// The world's numbers.
#[derive(Clone, Debug, Default)]
pub struct WorldReport {
    /// When it was published, on the monotonic clock.
    pub at_ns: u64,
    /// The realm's own.
    pub realm: RealmStatus,
    /// What matters of what happened.
    pub chronicle: Arc<Chronicle>,
    /// Where everybody is.
    pub places: Arc<[Place]>,
    /// Ticks since start.
    pub ticks_total: u64,
    /// Times the schedule was moved because ticks came more than three late.
    pub overruns_total: u64,
    /// Ticks per second over the last publication interval.
    pub tick_rate_hz: f64,
    /// Longest tick of that interval, in nanoseconds.
    pub tick_max_ns: u64,
    /// All ticks' times.
    pub times: TickTimes,
    /// Those that took longer than two.
    pub long: LongTicks,
    /// Loads and saves without an answer yet.
    pub store_jobs: usize,
    /// Jobs given to persistence.
    pub store_jobs_total: u64,
    /// Ticks whose output found the reactor's queue full.
    pub outbound_late_total: u64,
    /// Output arenas made because none had come back.
    pub outbound_made_total: u64,
    /// Output arenas that lie ready.
    pub outbound_free: usize,
}

/// Persistence's numbers, since start.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreReport {
    /// Transactions committed.
    pub commits: u64,
    /// Nanoseconds they took, together.
    pub commit_ns: u64,
    /// Records saved.
    pub saves: u64,
    /// Saves that failed.
    pub save_failures: u64,
    /// Transactions of the game on disk.
    pub deals: u64,
    /// Transactions of the game that were refused.
    pub deal_failures: u64,
    /// Records looked up.
    pub loads: u64,
    /// Look-ups that failed: unreadable or corrupt.
    pub load_failures: u64,
    /// Look-ups that failed because a store, or the journal, could not be reached.
    pub loads_away: u64,
    /// Look-ups of characters that another server has.
    pub loads_elsewhere: u64,
    /// Records in Redis that could not be used.
    pub hot_unreadable: u64,
    /// The longest transaction since the last publication, in nanoseconds.
    pub commit_max_ns: u64,
    /// What is wrong with the journal, and since when on the monotonic clock; none if it took what it was last given.
    pub journal_trouble: Option<(Fault, u64)>,
    /// Commits of the journal that failed, by [`Fault::ALL`]. What is refused untried while it rests is not counted.
    pub journal_failures: [u64; Fault::ALL.len()],
    /// Transactions of the game of which it is not known whether they are on disk.
    pub undecided: usize,
    /// Checkpoints that Redis, and MariaDB, do not have.
    pub waiting: [usize; 2],
    /// Transactions of the game that MariaDB does not have, or not both of a pair.
    pub outbox: u64,
    /// How long the oldest of both has waited for MariaDB, in nanoseconds.
    pub remote_lag_ns: u64,
    /// Characters that are this server's to write.
    pub leases: usize,
    /// What LZ4 has done for the journal.
    pub packing: Packing,
}

impl Board {
    /// A board with nothing on it but what is known at start.
    pub fn new(start: StartReport) -> Self {
        Self {
            reactor: ArcSwap::default(),
            world: ArcSwap::default(),
            store: ArcSwap::default(),
            courier: ArcSwap::default(),
            backup: ArcSwapOption::empty(),
            world_watch: Arc::new(stopwatch::of_world()),
            reactor_watch: Arc::new(stopwatch::of_reactor()),
            flight: FlightTally::default(),
            start,
            draining: AtomicBool::new(false),
            shutdown_ns: AtomicU64::new(0),
            players_max: AtomicU32::new(0),
            ready: AtomicBool::new(false),
            accepting: AtomicBool::new(false),
            last_tick_ns: AtomicU64::new(0),
        }
    }

    /// Says whether every thread runs and nobody has asked the server to go down.
    pub fn publish_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Says whether an operator lets nobody in.
    pub fn publish_draining(&self, draining: bool) {
        self.draining.store(draining, Ordering::Release);
    }

    /// Whether an operator lets nobody in.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Says when the server goes down, on the monotonic clock, if that is announced.
    pub fn publish_shutdown(&self, due_ns: Option<u64>) {
        self.shutdown_ns.store(due_ns.unwrap_or(0), Ordering::Release);
    }

    /// When it does.
    pub fn shutdown_ns(&self) -> Option<u64> {
        Some(self.shutdown_ns.load(Ordering::Acquire)).filter(|&due_ns| due_ns != 0)
    }

    /// Says how many may be in the world from now on.
    pub fn publish_players_max(&self, players_max: u32) {
        self.players_max.store(players_max, Ordering::Relaxed);
    }

    /// How many that are, if an operator has changed it.
    pub fn players_max(&self) -> Option<u32> {
        Some(self.players_max.load(Ordering::Relaxed)).filter(|&players_max| players_max > 0)
    }

    /// Whether the world has so much to do that it lets nobody in.
    pub fn is_overloaded(&self) -> bool {
        self.world.load().realm.overload_level >= Step::Joins.level()
    }

    /// Says whether the gate would let a fresh token in.
    pub fn publish_accepting(&self, accepting: bool) {
        self.accepting.store(accepting, Ordering::Relaxed);
    }

    /// Whether players are accepted: all of the above, and what they do can be saved.
    pub fn is_ready(&self) -> bool {
        let is_journal_well = self.store.load().journal_trouble.is_none();
        let is_open = self.ready.load(Ordering::Acquire) && !self.is_draining();
        is_open && !self.is_overloaded() && self.accepting.load(Ordering::Relaxed) && is_journal_well
    }

    /// A tick has finished.
    pub fn on_tick(&self, mono_ns: u64) {
        self.last_tick_ns.store(mono_ns, Ordering::Relaxed);
    }

    /// Whether a tick finished within the last second.
    pub fn is_alive(&self, mono_ns: u64) -> bool {
        let last_ns = self.last_tick_ns.load(Ordering::Relaxed);
        last_ns != 0 && mono_ns.saturating_sub(last_ns) <= ALIVE_WITHIN_NS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_is_alive_for_a_second_after_its_last_tick() {
        let board = Board::new(StartReport::default());
        assert!(!board.is_alive(5), "no tick yet");
        board.on_tick(10);
        assert!(board.is_alive(10 + ALIVE_WITHIN_NS));
        assert!(!board.is_alive(11 + ALIVE_WITHIN_NS));
    }
}
