//! Makes a point a second out of what the threads have published.
//!
//! A thread publishes once a second by its own clock, a little less often than that by ours: what is a rate is reckoned
//! between two publications, by the times that stand in them, and holds until the next.

use super::point::{Figure, Point};
use crate::edge::board::{Board, ReactorReport, WorldReport};
use crate::edge::ops::store_metrics::states;
use crate::edge::process::CpuSeconds;
use crate::edge::tick_times::{Counts, NO_TICKS, quantile_ns};
use rudp::Reason;
use server::{LOSS_WHOLE, Survey};
use std::collections::VecDeque;
use std::sync::Arc;

/// Publications whose ticks make the percentiles of a second: 600 ticks, of which one in a hundred is six. Of the 60 ticks
/// of one second it would be the longest, whatever that was.
const TICK_WINDOW: usize = 10;
/// Publications whose ended sessions are compared with all: a minute.
const TIMEOUT_WINDOW: usize = 60;
/// Time-outs are told in a hundred of so many sessions at least: of ten players one may go under a bridge.
const TIMEOUT_SESSIONS_MIN: f64 = 100.0;
/// A publication older than this says nothing of now: its thread hangs.
const STALE_NS: u64 = 3_000_000_000;

/// What the system says at a moment.
#[derive(Clone, Debug, Default)]
pub struct System {
    /// On the monotonic clock.
    pub mono_ns: u64,
    /// On the wall clock.
    pub unix_s: u64,
    /// Processor time since start.
    pub cpu: CpuSeconds,
    /// Resident memory.
    pub resident_bytes: u64,
}

/// Round trips and losses of all connections between the last two looks at them; none where there was nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Network {
    /// Half of the round trips are at most this.
    rtt_p50_ms: Option<f64>,
    /// Of a hundred, 99 are.
    rtt_p99_ms: Option<f64>,
    /// Part of what was sent that was lost, 0 to 1: the mean of all connections.
    loss_ratio: Option<f64>,
}

/// What was seen last.
pub struct Sampler {
    world: Arc<WorldReport>,
    world_rates: WorldRates,
    reactor: Arc<ReactorReport>,
    reactor_rates: ReactorRates,
    network: Network,
    timeouts: VecDeque<u64>,
    errors: u64,
    system: System,
    threads: Vec<(String, f64)>,
}

/// Between the last two publications of the world.
struct WorldRates {
    /// The last publications' ticks, the newest last.
    windows: VecDeque<Counts>,
    sum: Counts,
}

/// Between the last two publications of the reactor.
#[derive(Clone, Copy, Default)]
struct ReactorRates {
    down_kbit_per_s: f64,
    up_kbit_per_s: f64,
    packets_in_per_s: f64,
    packets_out_per_s: f64,
    kernel_drops_per_s: f64,
}

impl Sampler {
    /// A sampler that has seen nothing since the server started at `system`.
    pub fn new(system: System) -> Self {
        let start = system.mono_ns;
        Self {
            world: Arc::new(WorldReport { at_ns: start, ..WorldReport::default() }),
            world_rates: WorldRates { windows: VecDeque::with_capacity(TICK_WINDOW), sum: NO_TICKS },
            reactor: Arc::new(ReactorReport { at_ns: start, ..ReactorReport::default() }),
            reactor_rates: ReactorRates::default(),
            network: Network::default(),
            timeouts: VecDeque::with_capacity(TIMEOUT_WINDOW),
            errors: 0,
            system,
            threads: Vec::new(),
        }
    }

    /// The second that ends now, and the ticks that were published in it.
    pub fn sample(&mut self, board: &Board, system: System) -> (Point, Counts) {
        let mut point = Point::at(system.unix_s);
        let ticks = self.world(board, system.mono_ns, &mut point);
        self.reactor(board, system.mono_ns, &mut point);
        self.stores(board, system.mono_ns, &mut point);
        self.process(system, &mut point);
        (point, ticks)
    }

    /// Threads with their part of a processor in the last second, 100 being all of one; those of one name together.
    pub fn threads(&self) -> &[(String, f64)] {
        &self.threads
    }

    fn world(&mut self, board: &Board, now_ns: u64, point: &mut Point) -> Counts {
        let world = board.world.load_full();
        let mut ticks = NO_TICKS;
        if world.at_ns > self.world.at_ns {
            let (new, old) = (world.times.counts(), self.world.times.counts());
            ticks = std::array::from_fn(|at| new[at].saturating_sub(old[at]));
            self.world_rates.take(ticks);
            self.world = world;
        }
        let world = &self.world;
        point.set(Figure::Players, world.realm.players as f64);
        point.set(Figure::Entities, world.realm.entities as f64);
        point.set(Figure::Queued, world.realm.queued as f64);
        point.set(Figure::Overload, f64::from(world.realm.overload_level));
        if is_stale(world.at_ns, now_ns) {
            point.set(Figure::TickRate, 0.0);
            return ticks;
        }
        // Nothing is known of the rate before the first publication.
        point.set(Figure::TickRate, (world.ticks_total > 0).then_some(world.tick_rate_hz));
        point.set(Figure::TickMax, (world.ticks_total > 0).then_some(world.tick_max_ns as f64 / 1e6));
        for (figure, part) in [(Figure::TickP50, 0.5), (Figure::TickP99, 0.99)] {
            point.set(figure, quantile_ns(&self.world_rates.sum, part).map(|ns| ns as f64 / 1e6));
        }
        ticks
    }

    fn reactor(&mut self, board: &Board, now_ns: u64, point: &mut Point) {
        let reactor = board.reactor.load_full();
        if reactor.at_ns > self.reactor.at_ns {
            self.reactor_rates = ReactorRates::between(&self.reactor, &reactor);
            self.network = Network::between(&self.reactor.survey, &reactor.survey);
            let ended = |report: &ReactorReport| report.gate.disconnects.of(Reason::TimedOut);
            if self.timeouts.len() == TIMEOUT_WINDOW {
                self.timeouts.pop_front();
            }
            self.timeouts.push_back(ended(&reactor).saturating_sub(ended(&self.reactor)));
            self.reactor = reactor;
        }
        let sessions = self.reactor.connections as f64;
        point.set(Figure::Connections, sessions);
        if is_stale(self.reactor.at_ns, now_ns) {
            return;
        }
        let rates = &self.reactor_rates;
        point.set(Figure::Down, rates.down_kbit_per_s);
        point.set(Figure::Up, rates.up_kbit_per_s);
        point.set(Figure::PacketsIn, rates.packets_in_per_s);
        point.set(Figure::PacketsOut, rates.packets_out_per_s);
        point.set(Figure::KernelDrops, rates.kernel_drops_per_s);
        point.set(Figure::RttP50, self.network.rtt_p50_ms);
        point.set(Figure::RttP99, self.network.rtt_p99_ms);
        point.set(Figure::Loss, self.network.loss_ratio);
        let ended = self.timeouts.iter().sum::<u64>() as f64;
        point.set(Figure::Timeouts, 100.0 * ended / (sessions + ended).max(TIMEOUT_SESSIONS_MIN));
    }

    fn stores(&mut self, board: &Board, now_ns: u64, point: &mut Point) {
        let (store, courier) = (board.store.load(), board.courier.load());
        let lag_ns = self.world.realm.save_lag_ns.max(store.remote_lag_ns);
        point.set(Figure::SaveLag, lag_ns as f64 / 1e9);
        point.set(Figure::JournalFailing, f64::from(u8::from(store.journal_trouble.is_some())));
        let away = states(&courier).filter(|(_, state)| state.trouble.is_some()).count();
        point.set(Figure::StoresAway, away as f64);
        let of_stores: u64 = states(&courier).flat_map(|(_, state)| state.failures).sum();
        let of_journal = store.journal_failures.iter().sum::<u64>() + store.save_failures + store.load_failures;
        let of_socket = self.reactor.edge.recv_errors + self.reactor.edge.send_errors;
        let errors = of_stores + of_journal + of_socket;
        let elapsed_s = now_ns.saturating_sub(self.system.mono_ns) as f64 / 1e9;
        point.set(Figure::Errors, (elapsed_s > 0.0).then(|| errors.saturating_sub(self.errors) as f64 / elapsed_s));
        self.errors = errors;
    }

    fn process(&mut self, system: System, point: &mut Point) {
        let elapsed_s = system.mono_ns.saturating_sub(self.system.mono_ns) as f64 / 1e9;
        let percent = |new: f64, old: f64| 100.0 * (new - old).max(0.0) / elapsed_s;
        if elapsed_s > 0.0 {
            let (new, old) = (&system.cpu, &self.system.cpu);
            point.set(Figure::Cpu, percent(new.total, old.total));
            point.set(Figure::CpuWorld, percent(new.of("world"), old.of("world")));
            point.set(Figure::CpuReactor, percent(new.of("reactor"), old.of("reactor")));
            let by_name = new.by_name().into_iter();
            self.threads = by_name.map(|(name, seconds)| (name.to_owned(), percent(seconds, old.of(name)))).collect();
        }
        // Where the system does not tell, it says 0.
        let resident = (system.resident_bytes > 0).then_some(system.resident_bytes as f64 / f64::from(1 << 20));
        point.set(Figure::Resident, resident);
        self.system = system;
    }
}

impl WorldRates {
    fn take(&mut self, ticks: Counts) {
        if self.windows.len() == TICK_WINDOW {
            let oldest = self.windows.pop_front().unwrap_or(NO_TICKS);
            self.sum.iter_mut().zip(oldest).for_each(|(sum, less)| *sum -= less);
        }
        self.sum.iter_mut().zip(ticks).for_each(|(sum, more)| *sum += more);
        self.windows.push_back(ticks);
    }
}

impl Network {
    fn between(old: &Survey, new: &Survey) -> Self {
        let (rtt, loss) = (new.rtt_us.since(&old.rtt_us), new.loss.since(&old.loss));
        let ms = |part| rtt.quantile(part).map(|us| f64::from(us) / 1e3);
        let loss_ratio = loss.mean().map(|of_whole| of_whole / f64::from(LOSS_WHOLE));
        Self { rtt_p50_ms: ms(0.5), rtt_p99_ms: ms(0.99), loss_ratio }
    }
}

impl ReactorRates {
    fn between(old: &ReactorReport, new: &ReactorReport) -> Self {
        let elapsed_s = (new.at_ns - old.at_ns) as f64 / 1e9;
        let (old, new) = (&old.edge, &new.edge);
        let rate = |new: u64, old: u64| new.saturating_sub(old) as f64 / elapsed_s;
        Self {
            down_kbit_per_s: rate(new.bytes_out, old.bytes_out) * 8.0 / 1e3,
            up_kbit_per_s: rate(new.bytes_in, old.bytes_in) * 8.0 / 1e3,
            packets_in_per_s: rate(new.packets_in, old.packets_in),
            packets_out_per_s: rate(new.packets_out, old.packets_out),
            kernel_drops_per_s: rate(new.kernel_drops, old.kernel_drops),
        }
    }
}

fn is_stale(at_ns: u64, now_ns: u64) -> bool {
    now_ns.saturating_sub(at_ns) > STALE_NS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::board::StartReport;

    const S: u64 = 1_000_000_000;

    fn at(mono_ns: u64) -> System {
        System { mono_ns, unix_s: 1_000 + mono_ns / S, ..System::default() }
    }

    fn publish(board: &Board, at_ns: u64, change: impl FnOnce(&mut ReactorReport, &mut WorldReport)) {
        let mut reactor = ReactorReport { at_ns, ..(**board.reactor.load()).clone() };
        let mut world = WorldReport { at_ns, ..(**board.world.load()).clone() };
        change(&mut reactor, &mut world);
        board.reactor.store(Arc::new(reactor));
        board.world.store(Arc::new(world));
    }

    #[test]
    fn rates_are_those_between_two_publications_and_hold_until_the_next() {
        let board = Board::new(StartReport::default());
        let mut sampler = Sampler::new(at(0));
        publish(&board, S, |reactor, _| (reactor.edge.bytes_out, reactor.edge.kernel_drops) = (1_000, 4));
        sampler.sample(&board, at(S + 1));
        // 1.02 s later by its own clock; the sample in between finds nothing new.
        let (held, ticks) = sampler.sample(&board, at(2 * S + 1));
        assert_eq!((held.of(Figure::Down), held.of(Figure::KernelDrops)), (Some(8.0), Some(4.0)));
        assert_eq!(ticks, NO_TICKS);
        publish(&board, S + 1_020_000_000, |reactor, _| reactor.edge.bytes_out += 2_040);
        let (next, _) = sampler.sample(&board, at(3 * S + 1));
        assert_eq!((next.of(Figure::Down), next.of(Figure::KernelDrops)), (Some(16.0), Some(0.0)));
    }

    #[test]
    fn the_percentiles_of_a_second_are_those_of_ten() {
        let board = Board::new(StartReport::default());
        let mut sampler = Sampler::new(at(0));
        let mut seen = Vec::new();
        for s in 1..=13 {
            publish(&board, s * S, |_, world| {
                // A second of slow ticks, then quick ones.
                (0..60).for_each(|_| world.times.record(if s == 1 { 20_000_000 } else { 1_000_000 }));
                (world.ticks_total, world.tick_rate_hz) = (60 * s, 60.0);
            });
            let (point, ticks) = sampler.sample(&board, at(s * S + 1));
            assert_eq!(ticks.iter().sum::<u64>(), 60);
            seen.push(point.of(Figure::TickP99).unwrap() > 15.0);
        }
        assert_eq!(seen, [[true; 10].as_slice(), &[false; 3]].concat());
    }

    #[test]
    fn a_thread_that_hangs_has_no_rates_any_more_and_a_world_that_does_has_no_ticks() {
        let board = Board::new(StartReport::default());
        let mut sampler = Sampler::new(at(0));
        publish(&board, S, |reactor, world| {
            (reactor.edge.bytes_out, world.ticks_total, world.tick_rate_hz) = (1_000, 60, 60.0);
            world.realm.players = 5;
        });
        let (point, _) = sampler.sample(&board, at(4 * S));
        assert_eq!((point.of(Figure::TickRate), point.of(Figure::Down)), (Some(60.0), Some(8.0)));
        let (point, _) = sampler.sample(&board, at(4 * S + 1));
        assert_eq!((point.of(Figure::TickRate), point.of(Figure::Down)), (Some(0.0), None));
        assert_eq!((point.of(Figure::TickP99), point.of(Figure::Players)), (None, Some(5.0)));
    }

    #[test]
    fn time_outs_are_told_in_a_hundred_of_all_for_a_minute() {
        let board = Board::new(StartReport::default());
        let mut sampler = Sampler::new(at(0));
        let mut percent = |s: u64, ended: u64, sessions: usize| {
            publish(&board, s * S, |reactor, _| {
                (0..ended).for_each(|_| reactor.gate.disconnects.count(Reason::TimedOut));
                reactor.gate.disconnects.count(Reason::UserQuit);
                reactor.connections = sessions;
            });
            sampler.sample(&board, at(s * S + 1)).0.of(Figure::Timeouts).unwrap()
        };
        assert_eq!(percent(1, 1, 9), 1.0, "one of ten is told as one of a hundred");
        assert_eq!(percent(2, 9, 190), 5.0, "ten of two hundred");
        for s in 3..=60 {
            percent(s, 0, 190);
        }
        assert!((percent(61, 0, 191) - 4.5).abs() < 1e-6, "the first is over a minute ago");
        assert_eq!(percent(62, 0, 200), 0.0);
    }

    #[test]
    fn processor_time_is_told_by_thread_and_threads_of_one_name_together() {
        let board = Board::new(StartReport::default());
        let cpu = |world: f64, hands: [f64; 2], total| CpuSeconds {
            threads: vec![("world".into(), world), ("hand".into(), hands[0]), ("hand".into(), hands[1])],
            total,
        };
        let mut sampler = Sampler::new(System { cpu: cpu(1.0, [0.0, 0.0], 5.0), ..at(0) });
        let (point, _) = sampler.sample(&board, System { cpu: cpu(1.5, [0.1, 0.3], 6.0), ..at(2 * S) });
        assert_eq!((point.of(Figure::Cpu), point.of(Figure::CpuWorld)), (Some(50.0), Some(25.0)));
        let told: Vec<(&str, i64)> =
            sampler.threads().iter().map(|(name, percent)| (name.as_str(), percent.round() as i64)).collect();
        assert_eq!(told, [("hand", 20), ("world", 25)]);
        assert_eq!((point.of(Figure::RttP50), point.of(Figure::Resident)), (None, None), "not known");
    }
}
