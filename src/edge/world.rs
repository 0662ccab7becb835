//! The world thread: tick `n` at `start + n/60 s`, whatever the ticks before it took.

use crate::edge::asks::{Drill, WorldAsk};
use crate::edge::board::{Board, PUBLISH_INTERVAL_NS, WorldReport};
use crate::edge::clock;
use crate::edge::drain::Drain;
use crate::edge::long_ticks::{LongTick, RunQueue};
use crate::edge::queues::{INBOUND_BATCHES, RealmEnds, STORE_JOBS_MAX};
use crate::edge::shelf::Shelf;
use crate::edge::stopwatch::world as part;
use crate::edge::telemetry::Throttle;
use crossbeam::channel::{Receiver, TrySendError};
use protocol::unit::TICK_RATE_HZ;
use server::flight::Recorded;
use server::{Accused, Inbound, Incident, Operation, Outbound, PLACES_MAX, PersonRow, Place, Step, StoreJob};
use std::collections::VecDeque;
use std::sync::Arc;

/// Late ticks that are made up for by ticking faster; beyond, the time is given up and counted.
pub const CATCH_UP_TICKS_MAX: u64 = 3;
/// Those ticks in nanoseconds: 50 ms.
const CATCH_UP_NS: u64 = CATCH_UP_TICKS_MAX * 1_000_000_000 / TICK_RATE_HZ as u64;
/// Questions and wishes of operators that are looked at in one tick.
const ASKS_PER_TICK_MAX: usize = 4;
/// Output that has waited for the reactor this many ticks (10 s): the reactor is dead and so is the server.
const OUTBOUND_LATE_MAX: usize = 10 * TICK_RATE_HZ as usize;

/// The thread's state.
pub struct World {
    realm: Recorded,
    ends: RealmEnds,
    waker: Arc<mio::Waker>,
    board: Arc<Board>,
    drain: Arc<Drain>,
    shelf: Arc<Shelf>,
    schedule: Schedule,
    inbound: Vec<Inbound>,
    /// Reports of parts that were withdrawn; joins the next tick's batches.
    withdrawn: Inbound,
    /// Output that found the queue full, oldest first, its snapshot parts withdrawn.
    late: VecDeque<Outbound>,
    /// Arenas with nothing left in them after their parts were withdrawn.
    idle: Vec<Outbound>,
    /// What operators ask.
    asks: Receiver<WorldAsk>,
    drill: Drill,
    /// A job that found its queue full.
    held_job: Option<StoreJob>,
    report: WorldReport,
    /// Kept for its memory.
    places: Vec<Place>,
    published_ns: u64,
    published_ticks: u64,
    overrun_log: Throttle,
    long_log: Throttle,
    incident_log: Throttle,
}

/// What the world shares with others.
pub struct Outlook {
    /// Wakes the reactor.
    pub waker: Arc<mio::Waker>,
    /// Where it publishes.
    pub board: Arc<Board>,
    /// Whether it is to end.
    pub drain: Arc<Drain>,
    /// Where new content comes from.
    pub shelf: Arc<Shelf>,
    /// What operators ask.
    pub asks: Receiver<WorldAsk>,
}

/// The reactor has taken nothing for ten seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reactor has taken nothing for 10 s")]
pub struct ReactorStuck;

impl World {
    /// A world that has not ticked.
    pub fn new(mut realm: Recorded, ends: RealmEnds, outlook: Outlook) -> Self {
        let Outlook { waker, board, drain, shelf, asks } = outlook;
        realm.watch(board.world_watch.clone());
        Self {
            realm,
            ends,
            waker,
            board,
            drain,
            shelf,
            schedule: Schedule::new(0),
            inbound: Vec::with_capacity(INBOUND_BATCHES + 1),
            withdrawn: Inbound::default(),
            late: VecDeque::new(),
            idle: Vec::new(),
            asks,
            drill: Drill::default(),
            held_job: None,
            report: WorldReport::default(),
            places: Vec::with_capacity(PLACES_MAX),
            published_ns: 0,
            published_ticks: 0,
            overrun_log: Throttle::default(),
            long_log: Throttle::default(),
            incident_log: Throttle::default(),
        }
    }

    /// Ticks until the server has drained.
    ///
    /// # Errors
    /// [`ReactorStuck`].
    pub fn run(mut self) -> Result<(), ReactorStuck> {
        let start_ns = clock::mono_ns();
        self.schedule = Schedule::new(start_ns);
        self.published_ns = start_ns;
        let queue = RunQueue::of_this_thread();
        while !self.drain.is_abandoned() {
            self.board.world_watch.enter(part::REST);
            clock::sleep_until(self.schedule.deadline_ns());
            let last = self.drain.is_gate_closed();
            if last {
                self.realm.close();
            }
            let (began_ns, waited_ns) = (clock::mono_ns(), queue.waited_ns());
            self.tick()?;
            self.note_length(clock::mono_ns() - began_ns, queue.waited_ns().saturating_sub(waited_ns));
            if last && self.realm.is_drained() && self.late.is_empty() {
                break;
            }
        }
        self.realm.end();
        self.publish(clock::mono_ns());
        self.drain.on_world_done();
        self.wake_reactor();
        Ok(())
    }

    fn tick(&mut self) -> Result<(), ReactorStuck> {
        let now = clock::now();
        if let Some(given_up_ns) = self.schedule.begin(now.mono_ns) {
            self.report.overruns_total += 1;
            if let Some(missed) = self.overrun_log.pass(now.mono_ns) {
                tracing::warn!(
                    given_up_ms = given_up_ns / 1_000_000,
                    missed,
                    "ticks came too late: the schedule was moved"
                );
            }
        }
        self.board.world_watch.enter_at(part::TAKE, now.mono_ns);
        self.answer_asks(now.mono_ns);
        self.inbound.extend(self.ends.from_gate.try_iter().take(INBOUND_BATCHES));
        let own_batch = !self.withdrawn.is_empty();
        if own_batch {
            self.inbound.push(std::mem::take(&mut self.withdrawn));
        }
        for done in self.ends.done.try_iter().take(STORE_JOBS_MAX) {
            self.report.store_jobs -= 1;
            self.realm.handle_completion(done);
        }
        if let Some((content, source)) = self.shelf.take() {
            self.realm.set_content(content, || source.to_bytes());
        }
        let mut out = self.empty_arena();
        self.realm.tick(now, &mut self.inbound, &mut out);
        self.board.world_watch.enter(part::HAND_OVER);
        if own_batch {
            // Ours goes back to us: among the gate's it would be one too many, and the queue to us, which has room for
            // exactly those, could one day be full.
            self.withdrawn = self.inbound.pop().unwrap_or_default();
        }
        for batch in self.inbound.drain(..) {
            let returned = self.ends.spare_inbound.try_send(batch);
            debug_assert!(returned.is_ok(), "there is room for every batch that circulates");
        }
        self.log_incidents();
        self.submit_jobs();
        self.hand_over(out)?;
        self.board.world_watch.enter(part::DRILL);
        self.drill.work(now.mono_ns);
        self.board.world_watch.enter(part::PUBLISH);
        self.finish_tick(now.mono_ns);
        Ok(())
    }

    /// What operators want: a few in a tick, each as cheap as a snapshot.
    fn answer_asks(&mut self, now_ns: u64) {
        // Made once, however many ask.
        let mut people: Option<Vec<PersonRow>> = None;
        for ask in self.asks.try_iter().take(ASKS_PER_TICK_MAX) {
            match ask {
                WorldAsk::People { reply } => {
                    let people = people.get_or_insert_with(|| self.realm.people());
                    // Whoever asked may be gone.
                    let _ = reply.send(people.clone());
                }
                WorldAsk::Operate(operation) => self.realm.operate(operation),
                WorldAsk::Drill { work_ns, for_ns, freeze_ns } => self.drill.begin(now_ns, work_ns, for_ns, freeze_ns),
            }
        }
    }

    fn empty_arena(&mut self) -> Outbound {
        self.idle.pop().or_else(|| self.ends.spare_outbound.try_recv().ok()).unwrap_or_else(|| {
            self.report.outbound_made_total += 1;
            Outbound::default()
        })
    }

    /// Gives the reactor what it has not had yet, oldest first, without waiting for it.
    ///
    /// Messages and closes wait in order until there is room; snapshot parts are too old to be worth it, and are
    /// reported to the realm as not sent.
    fn hand_over(&mut self, out: Outbound) -> Result<(), ReactorStuck> {
        while let Some(oldest) = self.late.pop_front() {
            if let Err(TrySendError::Full(oldest) | TrySendError::Disconnected(oldest)) =
                self.ends.to_gate.try_send(oldest)
            {
                self.late.push_front(oldest);
                break;
            }
        }
        let refused =
            if self.late.is_empty() { self.ends.to_gate.try_send(out).err() } else { Some(TrySendError::Full(out)) };
        if let Some(TrySendError::Full(mut out) | TrySendError::Disconnected(mut out)) = refused {
            self.report.outbound_late_total += 1;
            out.withdraw_parts(&mut self.withdrawn);
            if out.is_empty() {
                out.clear();
                self.idle.push(out);
            } else {
                self.late.push_back(out);
            }
            if self.late.len() > OUTBOUND_LATE_MAX {
                return Err(ReactorStuck);
            }
        }
        self.wake_reactor();
        Ok(())
    }

    fn submit_jobs(&mut self) {
        while self.report.store_jobs < STORE_JOBS_MAX {
            let Some(job) = self.held_job.take().or_else(|| self.realm.poll_store()) else { break };
            match self.ends.jobs.try_send(job) {
                Ok(()) => {
                    self.report.store_jobs += 1;
                    self.report.store_jobs_total += 1;
                }
                Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                    self.held_job = Some(job);
                    break;
                }
            }
        }
    }

    fn finish_tick(&mut self, began_ns: u64) {
        let ended_ns = clock::mono_ns();
        let took_ns = ended_ns - began_ns;
        self.report.times.record(took_ns);
        self.report.tick_max_ns = self.report.tick_max_ns.max(took_ns);
        self.report.ticks_total += 1;
        self.board.on_tick(ended_ns);
        if let Some(step) = self.realm.handle_load(took_ns) {
            self.on_step(step, ended_ns);
        }
        if ended_ns - self.published_ns >= PUBLISH_INTERVAL_NS {
            self.publish(ended_ns);
        }
    }

    /// Whoever looks into a hitch wants to know whether it was ours.
    fn note_length(&mut self, took_ns: u64, waited_ns: u64) {
        let Some(LongTick { took_ns, waited_ns }) = self.report.long.note(took_ns, waited_ns) else { return };
        if let Some(missed) = self.long_log.pass(clock::mono_ns()) {
            let (took_ms, waited_ms) = (took_ns as f64 / 1e6, waited_ns as f64 / 1e6);
            tracing::warn!(tick = self.report.ticks_total, took_ms, waited_ms, missed, "a tick took longer than two");
        }
    }

    fn on_step(&mut self, step: Step, now_ns: u64) {
        let level = step.level();
        tracing::warn!(level, "the overload ladder: {}", step.sentence());
        self.schedule.set_slow(step >= Step::Time, now_ns);
        let text = match step {
            Step::None => "The server keeps up again".to_owned(),
            step => format!("The server has too much to do: {}", step.sentence()),
        };
        self.realm.operate(Operation::Say { to: None, text });
    }

    fn publish(&mut self, now_ns: u64) {
        self.board.world_watch.publish();
        let elapsed_s = (now_ns - self.published_ns).max(1) as f64 / 1e9;
        self.report.tick_rate_hz = (self.report.ticks_total - self.published_ticks) as f64 / elapsed_s;
        self.report.outbound_free = self.ends.spare_outbound.len() + self.idle.len();
        self.report.at_ns = now_ns;
        self.report.realm = *self.realm.status();
        self.places.clear();
        self.realm.places(&mut self.places);
        self.report.places = self.places.as_slice().into();
        if self.report.chronicle.written() != self.realm.chronicle().written() {
            self.report.chronicle = Arc::new(self.realm.chronicle().clone());
        }
        self.board.world.store(Arc::new(self.report.clone()));
        self.published_ns = now_ns;
        self.published_ticks = self.report.ticks_total;
        self.report.tick_max_ns = 0;
    }

    fn log_incidents(&mut self) {
        while let Some(Incident { who, kind, points, action }) = self.realm.poll_incident() {
            // Whoever provokes one provokes thousands; `admin events` has them all.
            let Some(missed) = self.incident_log.pass(clock::mono_ns()) else { continue };
            let kind = kind.label();
            match who {
                Accused::Character(character) => {
                    tracing::warn!(
                        character = character.0,
                        kind,
                        points,
                        ?action,
                        missed,
                        "too much speaks against a player"
                    );
                }
                Accused::Account(account) => {
                    tracing::warn!(
                        account = account.0,
                        kind,
                        points,
                        ?action,
                        missed,
                        "too much speaks against a guest"
                    );
                }
            }
        }
    }

    fn wake_reactor(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "the reactor cannot be woken");
        }
    }
}

/// Absolute deadlines: nothing is ever added up, so nothing drifts.
#[derive(Debug)]
struct Schedule {
    origin_ns: u64,
    ticks: u64,
    /// Each tick has the time of two.
    is_slow: bool,
}

impl Schedule {
    fn new(origin_ns: u64) -> Self {
        Self { origin_ns, ticks: 0, is_slow: false }
    }

    fn deadline_ns(&self) -> u64 {
        let slower = 1 + u64::from(self.is_slow);
        self.origin_ns + slower * self.ticks * 1_000_000_000 / u64::from(TICK_RATE_HZ)
    }

    /// From the coming tick on time goes at half its pace, or as it should.
    fn set_slow(&mut self, is_slow: bool, now_ns: u64) {
        if is_slow != self.is_slow {
            *self = Self { origin_ns: self.deadline_ns().max(now_ns), ticks: 0, is_slow };
        }
    }

    /// A tick begins. When it is more than [`CATCH_UP_TICKS_MAX`] late the schedule moves; answers by how much.
    fn begin(&mut self, now_ns: u64) -> Option<u64> {
        let late_ns = now_ns.saturating_sub(self.deadline_ns());
        self.ticks += 1;
        let given_up_ns = late_ns.checked_sub(CATCH_UP_NS).filter(|&ns| ns > 0)?;
        self.origin_ns += given_up_ns;
        Some(given_up_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::board::StartReport;
    use crate::edge::queues::{GateEnds, OUTBOUND_WAITING_MAX, StoreEnds, connect};
    use protocol::motion::StaticMap;
    use server::{Realm, RealmConfig, StoreDone};

    fn realm() -> Recorded {
        Recorded::silent(Realm::new(RealmConfig {
            seed: 1,
            players_max: 10,
            ..RealmConfig::new(Arc::new(StaticMap::new(100, 100, &[]).unwrap()))
        }))
    }

    /// A world whose neighbours do nothing, and the poll that keeps its waker alive.
    fn world() -> (World, GateEnds, StoreEnds, mio::Poll) {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let (gate, ends, store) = connect();
        let board = Arc::new(Board::new(StartReport::default()));
        {
            let shelf = Arc::new(Shelf::new(Arc::default()));
            let (_, asks) = crate::edge::asks::to_world();
            let outlook = Outlook { waker, board, drain: Arc::default(), shelf, asks };
            (World::new(realm(), ends, outlook), gate, store, poll)
        }
    }

    #[test]
    fn a_reactor_that_takes_nothing_does_not_hold_up_the_tick() {
        let (mut world, gate, _store, _poll) = world();
        for _ in 0..50 {
            world.tick().unwrap();
        }
        assert_eq!(world.report.ticks_total, 50);
        assert_eq!(gate.from_realm.len(), OUTBOUND_WAITING_MAX);
        assert_eq!(world.report.outbound_late_total, 50 - OUTBOUND_WAITING_MAX as u64);
        assert_eq!(world.report.outbound_made_total, 0, "arenas whose parts were withdrawn are used again");
        assert!(world.late.is_empty());
    }

    #[test]
    fn batches_and_arenas_go_round_without_new_ones() {
        let (mut world, gate, _store, _poll) = world();
        for _ in 0..300 {
            for _ in 0..3 {
                gate.to_realm.try_send(gate.spare_inbound.try_recv().unwrap()).unwrap();
            }
            world.tick().unwrap();
            gate.spare_outbound.try_send(gate.from_realm.try_recv().unwrap()).unwrap();
        }
        assert_eq!(gate.spare_inbound.len(), INBOUND_BATCHES);
        assert_eq!((world.report.outbound_made_total, world.report.outbound_late_total), (0, 0));
    }

    #[test]
    fn a_drained_world_ends_and_says_so() {
        let (world, _gate, store, _poll) = world();
        let (drain, board) = (world.drain.clone(), world.board.clone());
        drain.ask();
        drain.on_gate_closed();
        let keeper = std::thread::spawn(move || {
            let job = store.jobs.recv().unwrap();
            assert!(matches!(job, StoreJob::World { .. }), "the world itself is left to the next process: {job:?}");
            store.done.send(StoreDone::WorldSaved { refused: None }).unwrap();
        });
        world.run().unwrap();
        keeper.join().unwrap();
        assert!(drain.is_world_done());
        assert!(board.world.load().ticks_total >= 1);
    }

    #[test]
    fn sixty_ticks_take_exactly_a_second() {
        let mut schedule = Schedule::new(1_000);
        for _ in 0..60 {
            let deadline = schedule.deadline_ns();
            assert_eq!(schedule.begin(deadline + 5), None);
        }
        assert_eq!(schedule.deadline_ns(), 1_000_001_000);
    }

    #[test]
    fn time_may_go_at_half_its_pace_and_goes_on_from_where_it_is() {
        let mut schedule = Schedule::new(1_000);
        for _ in 0..60 {
            schedule.begin(schedule.deadline_ns());
        }
        schedule.set_slow(true, 1_000_000_500);
        assert_eq!(schedule.deadline_ns(), 1_000_001_000, "the coming tick is due when it was");
        for _ in 0..30 {
            schedule.begin(schedule.deadline_ns());
        }
        assert_eq!(schedule.deadline_ns(), 2_000_001_000);
        schedule.set_slow(false, 2_000_000_000);
        schedule.begin(schedule.deadline_ns());
        assert_eq!(schedule.deadline_ns(), 2_000_001_000 + 1_000_000_000 / 60);
    }

    #[test]
    fn three_late_ticks_are_made_up_for() {
        let mut schedule = Schedule::new(0);
        let now = CATCH_UP_NS;
        let mut caught_up = 0;
        while schedule.deadline_ns() <= now {
            assert_eq!(schedule.begin(now), None);
            caught_up += 1;
        }
        assert_eq!(caught_up, 4, "the tick that was due and three more");
    }

    #[test]
    fn a_longer_stall_is_given_up_but_for_three_ticks() {
        let mut schedule = Schedule::new(0);
        let now = 60_000_000_000;
        let given_up = schedule.begin(now).expect("a minute is too late");
        assert_eq!(given_up, now - CATCH_UP_NS);
        let mut ticks = 1;
        while schedule.deadline_ns() <= now {
            assert_eq!(schedule.begin(now), None);
            ticks += 1;
        }
        assert_eq!(ticks, 4);
        assert_eq!(schedule.deadline_ns(), now + 1_000_000_000 / 60);
    }
}
