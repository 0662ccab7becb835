//! One process of the server: the gate and the realm, with what their two threads and the queues between them do.
//!
//! The same order as in the server's edge: a reactor's wake takes datagrams, the realm's output, time-outs, transmits, and
//! hands over what came in; a world's turn takes batches and what the stores have answered, ticks, asks the stores, and hands
//! over what is to be told.

use crate::check::{Broken, Check, Deals};
use crate::clock::Clock;
use crate::dice::mix;
use crate::plan::Plan;
use crate::stores::{Beginning, Stores};
use crate::world;
use game::content::Content;
use protocol::motion::{self, StaticMap};
use rudp::seal::Key;
use rudp::time::{NS_PER_S, Now};
use server::{
    AccessConfig, Ban, Crew, Gate, GateConfig, Inbound, Operation, Outbound, Realm, RealmConfig, SessionId, Step,
    StoreJob, Task,
};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where the server is found.
pub const ADDRESS: &str = "10.0.0.1:7777";
/// Datagrams that wait in the socket's buffer at most, while nobody reads it.
pub const ARRIVALS_MAX: usize = 4_096;
/// Batches from the gate to the realm, as in the edge.
const INBOUND_BATCHES: usize = 128;
/// Ticks' worth of output that may wait for the reactor, as in the edge.
const OUTBOUND_WAITING_MAX: usize = 4;
/// Output that has waited for the reactor for so many ticks: the server would give up.
pub const OUTBOUND_LATE_MAX: usize = 600;
/// Jobs that the stores have not answered, as in the edge.
pub const STORE_JOBS_MAX: usize = 8_192;
/// Late ticks that are made up for, as in the edge.
const CATCH_UP_TICKS_MAX: u32 = 3;
/// How long a tick takes, as the overload ladder is told.
const TICK_TAKES_NS: u64 = 3_000_000;
const TICK_TAKES_LONG_NS: u64 = 21_000_000;

/// The private key that the issuer of tokens shares with the server.
pub fn key() -> Key {
    Key::new([7; 32])
}

/// At which point of a turn a process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doom {
    /// Between two turns.
    Between,
    /// The world has ticked, and has neither asked the stores nor told anybody.
    Ticked,
    /// The stores were asked, and nobody was told.
    Asked,
}

/// What is wrong with a process now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ailments {
    /// The world thread stands still.
    pub world_stands: bool,
    /// The reactor thread stands still.
    pub reactor_stands: bool,
    /// No batch is free.
    pub no_batches: bool,
    /// The queue to the gate has no room.
    pub outbound_full: bool,
    /// Ticks take long.
    pub is_slow: bool,
}

/// Whoever shares in telling everybody: as many hands as wished, all of them one thread's, in an order that is not theirs.
#[derive(Clone, Copy, Debug)]
struct Hands(usize);

impl Crew for Hands {
    fn hands(&self) -> usize {
        self.0
    }

    fn run(&self, tasks: &mut [Task<'_>]) {
        tasks.iter_mut().rev().for_each(Task::work);
    }
}

/// What all processes of a simulation have in common.
#[derive(Clone, Debug)]
pub struct Site {
    /// Decides what is left to chance.
    pub seed: u64,
    /// What does not move.
    pub map: Arc<StaticMap>,
    /// What the world is filled with.
    pub content: Arc<Content>,
    /// Players whom it takes.
    pub players_max: usize,
    /// Seconds from one image of the world to the next.
    pub world_interval_s: u64,
    /// How long a session is held that is not heard, in seconds.
    pub held_s: u32,
    /// Hands that tell.
    pub workers: usize,
}

impl Site {
    /// The site of a plan.
    #[must_use]
    pub fn new(seed: u64, plan: &Plan, workers: usize) -> Self {
        let map = Arc::new(world::map());
        let content = Arc::new(world::content());
        let Plan { players_max, world_interval_s, held_s, .. } = *plan;
        Self { seed, map, content, players_max, world_interval_s, held_s, workers }
    }
}

/// The process.
pub struct Process {
    /// The reactor's machine.
    pub gate: Gate,
    /// The world's machine.
    pub realm: Realm,
    /// Which start it is.
    pub incarnation: u32,
    clock: Clock,
    arrivals: VecDeque<(SocketAddr, Vec<u8>)>,
    /// Datagrams for which the socket's buffer had no room.
    pub arrivals_dropped: u64,
    to_realm: VecDeque<Inbound>,
    spare: Vec<Inbound>,
    inbound: Vec<Inbound>,
    withdrawn: Inbound,
    to_gate: VecDeque<Outbound>,
    late: VecDeque<Outbound>,
    idle: Vec<Outbound>,
    held_job: Option<StoreJob>,
    jobs: usize,
    /// Who handed what to whom.
    pub deals: Deals,
    ticks_owed: u32,
    surveyed_ns: u64,
}

/// Who is told of what passes within a process.
pub trait Watch {
    /// The gate hands this to the realm.
    ///
    /// # Errors
    /// What must not be.
    fn on_inbound(&mut self, batch: &Inbound) -> Result<(), Broken>;

    /// The realm wants this told.
    ///
    /// # Errors
    /// What must not be.
    fn on_outbound(&mut self, realm: &Realm, outbound: &Outbound) -> Result<(), Broken>;

    /// A datagram leaves.
    ///
    /// # Errors
    /// What must not be.
    fn on_datagram(&mut self, to: SocketAddr, datagram: &[u8]) -> Result<(), Broken>;
}

impl Process {
    /// A process that starts on what the disk has.
    ///
    /// # Panics
    /// If the transport refuses settings that it had accepted before.
    #[must_use]
    pub fn start(site: &Site, beginning: Beginning, clock: Clock, bans: Vec<Ban>, now: Now) -> Self {
        let Beginning { incarnation, journal_seq, ground, world } = beginning;
        let realm = RealmConfig {
            seed: site.seed,
            content: site.content.clone(),
            incarnation,
            journal_seq,
            ground,
            world,
            players_max: site.players_max,
            queue_max: 64,
            world_interval_ns: site.world_interval_s * NS_PER_S,
            crew: Arc::new(Hands(site.workers)),
            ..RealmConfig::new(site.map.clone())
        };
        let access = AccessConfig { bans, ..AccessConfig::default() };
        let gate = Gate::new(GateConfig { transport: transport(site, incarnation), access }, now);
        Self {
            gate: gate.expect("these settings are fixed, and were taken in a test"),
            realm: Realm::new(realm),
            incarnation,
            clock,
            arrivals: VecDeque::new(),
            arrivals_dropped: 0,
            to_realm: VecDeque::new(),
            spare: (0..INBOUND_BATCHES).map(|_| Inbound::default()).collect(),
            inbound: Vec::new(),
            withdrawn: Inbound::default(),
            to_gate: VecDeque::new(),
            late: VecDeque::new(),
            idle: Vec::new(),
            held_job: None,
            jobs: 0,
            deals: Deals::default(),
            ticks_owed: 0,
            surveyed_ns: 0,
        }
    }

    /// A datagram comes to the socket.
    pub fn receive(&mut self, from: SocketAddr, datagram: Vec<u8>) {
        if self.arrivals.len() < ARRIVALS_MAX {
            self.arrivals.push_back((from, datagram));
        } else {
            self.arrivals_dropped += 1;
        }
    }

    /// The world's turn, `ns` after the beginning; as many ticks as are due. False if it was killed in it.
    ///
    /// # Errors
    /// What a watcher says.
    pub fn turn_world(
        &mut self,
        ns: u64,
        ailments: Ailments,
        doom: Doom,
        stores: &mut Stores,
        watch: &mut impl Watch,
    ) -> Result<bool, Broken> {
        self.ticks_owed = (self.ticks_owed + 1).min(1 + CATCH_UP_TICKS_MAX);
        if ailments.world_stands {
            return Ok(true);
        }
        while self.ticks_owed > 0 {
            self.ticks_owed -= 1;
            if !self.tick(self.clock.at(ns), ailments, doom, stores, watch)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn tick(
        &mut self,
        now: Now,
        ailments: Ailments,
        doom: Doom,
        stores: &mut Stores,
        watch: &mut impl Watch,
    ) -> Result<bool, Broken> {
        self.inbound.extend(self.to_realm.drain(..));
        let own_batch = !self.withdrawn.is_empty();
        if own_batch {
            self.inbound.push(std::mem::take(&mut self.withdrawn));
        }
        for _ in 0..STORE_JOBS_MAX {
            let Some(done) = stores.poll_done() else { break };
            self.jobs =
                self.jobs.checked_sub(1).ok_or_else(|| Broken::new(Check::Bounds, "the stores answered twice"))?;
            Deals::on_answered(&done)?;
            self.realm.handle_completion(done);
        }
        let mut out = self.idle.pop().unwrap_or_default();
        self.realm.tick(now, &mut self.inbound, &mut out);
        if own_batch {
            self.withdrawn = self.inbound.pop().unwrap_or_default();
        }
        self.spare.append(&mut self.inbound);
        while self.realm.poll_incident().is_some() {}
        if doom == Doom::Ticked {
            return Ok(false);
        }
        self.submit_jobs(now, stores)?;
        if doom == Doom::Asked {
            return Ok(false);
        }
        watch.on_outbound(&self.realm, &out)?;
        self.hand_over_outbound(out, ailments.outbound_full);
        let takes_ns = if ailments.is_slow { TICK_TAKES_LONG_NS } else { TICK_TAKES_NS };
        if let Some(step) = self.realm.handle_load(takes_ns) {
            let text = match step {
                Step::None => "The server keeps up again".to_owned(),
                step => format!("The server has too much to do: {}", step.sentence()),
            };
            self.realm.operate(Operation::Say { to: None, text });
        }
        Ok(true)
    }

    fn submit_jobs(&mut self, now: Now, stores: &mut Stores) -> Result<(), Broken> {
        while self.jobs < STORE_JOBS_MAX {
            let Some(job) = self.next_job()? else { break };
            if stores.room() == 0 {
                self.held_job = Some(job);
                break;
            }
            stores.submit(now, job);
            self.jobs += 1;
        }
        Ok(())
    }

    fn next_job(&mut self) -> Result<Option<StoreJob>, Broken> {
        if self.held_job.is_some() {
            return Ok(self.held_job.take());
        }
        let job = self.realm.poll_store();
        if let Some(StoreJob::Commit { transaction }) = &job {
            self.deals.on_asked(self.realm.game().now().0, transaction)?;
        }
        Ok(job)
    }

    /// Messages and closes wait in order until there is room; snapshot parts are withdrawn.
    fn hand_over_outbound(&mut self, mut out: Outbound, is_full: bool) {
        let room = |queue: &VecDeque<Outbound>| !is_full && queue.len() < OUTBOUND_WAITING_MAX;
        while room(&self.to_gate)
            && let Some(oldest) = self.late.pop_front()
        {
            self.to_gate.push_back(oldest);
        }
        if self.late.is_empty() && room(&self.to_gate) {
            return self.to_gate.push_back(out);
        }
        out.withdraw_parts(&mut self.withdrawn);
        if out.is_empty() {
            out.clear();
            self.idle.push(out);
        } else {
            self.late.push_back(out);
        }
    }

    /// The reactor's wake, `ns` after the beginning.
    ///
    /// # Errors
    /// What a watcher says.
    pub fn wake_reactor(
        &mut self,
        ns: u64,
        ailments: Ailments,
        is_closing: bool,
        watch: &mut impl Watch,
    ) -> Result<(), Broken> {
        if ailments.reactor_stands {
            return Ok(());
        }
        let now = self.clock.at(ns);
        while let Some((from, mut datagram)) = self.arrivals.pop_front() {
            self.gate.handle_datagram(now, from, &mut datagram);
        }
        while let Some(mut outbound) = self.to_gate.pop_front() {
            let mut from = Some(0);
            while let Some(at) = from {
                from = self.gate.handle_some(now, &outbound, at);
                self.transmit(now, watch)?;
                self.gate.handle_departure(now, &outbound, at..from.unwrap_or(outbound.items().len()));
            }
            outbound.clear();
            self.idle.push(outbound);
        }
        self.run_timers(now)?;
        if is_closing {
            self.gate.close_all(now, rudp::Reason::ServerShutdown);
        }
        self.transmit(now, watch)?;
        if self.gate.has_inbound()
            && !ailments.no_batches
            && let Some(mut batch) = self.spare.pop()
        {
            self.gate.swap_inbound(now, &mut batch);
            watch.on_inbound(&batch)?;
            self.to_realm.push_back(batch);
        }
        self.transmit(now, watch)?;
        if now.mono_ns >= self.surveyed_ns + NS_PER_S {
            self.surveyed_ns = now.mono_ns;
            self.gate.survey(now);
        }
        Ok(())
    }

    /// After its timers have run, none is due: else a reactor would wake without end.
    fn run_timers(&mut self, now: Now) -> Result<(), Broken> {
        if self.gate.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
            self.gate.handle_timeout(now);
            if self.gate.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
                return Err(Broken::new(Check::Bounds, "a timer of the gate is due right after it was served"));
            }
        }
        Ok(())
    }

    fn transmit(&mut self, now: Now, watch: &mut impl Watch) -> Result<(), Broken> {
        let mut buf = [0; 1_500];
        while let Some(transmit) = self.gate.poll_transmit(now, &mut buf) {
            watch.on_datagram(transmit.to, &buf[..transmit.len])?;
        }
        Ok(())
    }

    /// What the server's clocks show.
    #[must_use]
    pub fn now(&self, ns: u64) -> Now {
        self.clock.at(ns)
    }

    /// Its wall clock is set, wrong by so many seconds.
    pub fn set_clock(&mut self, wrong_s: i64) {
        self.clock.wrong_s = wrong_s;
    }

    /// Output that the reactor could not take in time, in ticks.
    #[must_use]
    pub fn late(&self) -> usize {
        self.late.len()
    }

    /// Jobs that the stores have not answered.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// Batches that circulate, wherever they are.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.spare.len() + self.to_realm.len()
    }

    /// Whether nothing waits between the threads, and nothing for the stores.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.late.is_empty() && self.to_gate.is_empty() && self.held_job.is_none()
    }

    /// Every session whose hello was accepted.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionId> {
        let mut rows = Vec::new();
        self.gate.rows(&mut rows);
        rows.iter().map(|row| row.session).collect()
    }
}

/// Batches that circulate in a process.
pub const BATCHES: usize = INBOUND_BATCHES;

fn transport(site: &Site, incarnation: u32) -> rudp::ServerConfig {
    let rules = rudp::HelloRules {
        versions: rudp::INNER_VERSION..=rudp::INNER_VERSION,
        channel_hash: rudp::ChannelTable::GAME.hash(),
        motion_hash: motion::hash(),
        content_hash: site.map.hash(),
    };
    let mut rng_seed = [0; 32];
    for (at, bytes) in (0..).zip(rng_seed.chunks_exact_mut(8)) {
        bytes.copy_from_slice(&mix(mix(site.seed, u64::from(incarnation)), at).to_le_bytes());
    }
    let address = ADDRESS.parse().expect("it is one");
    let config = rudp::ServerConfig::new(protocol::PROTOCOL_ID, key(), address, rules, rng_seed);
    rudp::ServerConfig { connections_max: site.players_max as u32 + 64, held_s: site.held_s, ..config }
}
