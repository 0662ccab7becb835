//! The simulation: one server process after the other, its stores, its people, and whatever goes wrong, tick by tick.

mod ends;
mod faults;
mod judge;
mod last;
mod views;
mod waits;
mod watcher;

use crate::check::{Broken, Check, Estates, Looks, Nonces, Replies, Sessions, Truth};
use crate::clock::Clock;
use crate::dice::{Dice, mix};
use crate::fault::{FaultBook, Kind};
use crate::hash::Footprint;
use crate::people::{Deeds, Ears, Person, Scene};
use crate::plan::{Episode, Options, Plan, Stream};
use crate::process::{self, Ailments, Doom, Process, Site};
use crate::stores::Stores;
use crate::strangers::Strangers;
use game::TransactionId;
use judge::Trail;
use protocol::unit::{TICK_NS, TICK_RATE_HZ};
use rudp::token::{Mint, UserData};
use server::{Ban, SessionId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use watcher::Watcher;

/// Steps of a tick: a reactor wakes twice in it.
const STEPS: u64 = 2;
/// Ticks from one hash of the whole world to the next.
const HASH_TICKS: u32 = TICK_RATE_HZ;

/// Where the server is found.
#[must_use]
pub fn server_address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 7_777))
}

/// A simulation under way.
pub struct Simulation {
    options: Options,
    plan: Plan,
    site: Site,
    scene: Scene,
    tick: u32,
    /// Lent to the process while it works with them.
    stores: Option<Stores>,
    process: Option<Process>,
    /// When the next process starts, while there is none.
    start_tick: u32,
    server_clock: Clock,
    bans: Vec<Ban>,
    people: Vec<Person>,
    strangers: Strangers,
    mint: Mint,
    mint_dice: Dice,
    issuer_wrong_s: i64,
    serial: u64,
    /// By token: whose it is.
    owners: BTreeMap<u64, usize>,
    sessions: Sessions,
    truths: BTreeMap<u32, Truth>,
    trails: BTreeMap<u64, Trail>,
    /// Sessions that nobody is behind any more, and since when, by the simulation's ticks.
    left: BTreeMap<SessionId, u32>,
    estates: Estates,
    nonces: Nonces,
    replies: Replies,
    receipts_new: BTreeSet<TransactionId>,
    receipts: BTreeSet<TransactionId>,
    ailments: Ailments,
    doom: Option<(Doom, u32, bool)>,
    next_episode: usize,
    active: Vec<Episode>,
    /// Until when anything may be the server's or the stores' fault.
    troubled_until_ns: u64,
    /// The same of what keeps checkpoints from the disk.
    unsaved_until_ns: u64,
    is_closing: bool,
    footprint: Footprint,
    tally: Tally,
    story: Option<Vec<String>>,
}

/// What a simulation came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Ticks of the simulation.
    pub ticks: u64,
    /// Sum over ticks of the players in the world.
    pub player_ticks: u64,
    /// Which faults came, and which after which.
    pub book: FaultBook,
    /// What was looked at.
    pub looks: Looks,
    /// What came of playing.
    pub deeds: Deeds,
    /// Sessions that began.
    pub sessions: u64,
    /// Sessions that the server ended because it had not heard them for as long as it holds one.
    pub timed_out: u64,
    /// Messages of one session that waited for the world, at most.
    pub waiting_most: u16,
    /// Server processes that were killed.
    pub crashes: u64,
    /// Why clients' sessions ended, by the reason's code.
    pub ends: BTreeMap<u8, u64>,
    /// Stands for all that happened.
    pub hash: u64,
}

impl Tally {
    /// Another simulation's, too; hashes are mixed.
    pub fn add(&mut self, other: &Self) {
        self.ticks += other.ticks;
        self.player_ticks += other.player_ticks;
        self.book.add(&other.book);
        self.looks.add(&other.looks);
        self.deeds.add(&other.deeds);
        self.sessions += other.sessions;
        self.timed_out += other.timed_out;
        self.waiting_most = self.waiting_most.max(other.waiting_most);
        self.crashes += other.crashes;
        for (code, count) in &other.ends {
            *self.ends.entry(*code).or_default() += count;
        }
        self.hash = mix(self.hash, other.hash);
    }
}

/// Something broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was asked for.
    pub options: Options,
    /// In which tick.
    pub tick: u32,
    /// What.
    pub broken: Broken,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { options, tick, broken } = self;
        write!(f, "seed {} broke at tick {tick}: {broken}\nreplay: {}", options.seed, options.command())
    }
}

/// All of a simulation.
///
/// # Errors
/// What broke.
pub fn run(options: &Options) -> Result<Tally, Box<Failure>> {
    let mut simulation = Simulation::new(options);
    while !simulation.is_over() {
        simulation.tick()?;
    }
    simulation.finish()
}

/// An assertion that fails is a failure as any other; where it stands the panic's own message has said.
fn unless_panicked(work: impl FnOnce() -> Result<(), Broken>) -> Result<(), Broken> {
    // Nobody works with what the panic has left half done: the simulation is over.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
        Err(Broken::new(Check::Sanity, format!("a panic: {}", text.unwrap_or("without a word"))))
    })
}

impl Simulation {
    /// One that has not begun.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let (seed, plan) = (options.seed, Plan::of(options));
        let site = Site::new(mix(seed, Stream::Process as u64), &plan, options.workers.max(1));
        // Of very many not all see each other.
        let reach_m = 80.0 + plan.people.len() as f64;
        let scene = Scene { map: site.map.clone(), content: site.content.clone(), reach_m };
        let people =
            plan.people.iter().enumerate().map(|(number, person)| Person::new(seed, number, *person)).collect();
        Self {
            options: *options,
            people,
            scene,
            tick: 0,
            stores: Some(Stores::new(mix(seed, Stream::Stores as u64))),
            process: None,
            start_tick: 0,
            server_clock: Clock::new(10_000_000_000, 0),
            bans: Vec::new(),
            strangers: Strangers::new(Dice::new(seed, Stream::Strangers as u64)),
            mint: Mint { key: process::key(), protocol_id: protocol::PROTOCOL_ID, lifetime_s: 30 },
            mint_dice: Dice::new(seed, Stream::Mint as u64),
            issuer_wrong_s: 0,
            serial: 0,
            owners: BTreeMap::new(),
            sessions: Sessions::new(plan.held_s),
            truths: BTreeMap::new(),
            trails: BTreeMap::new(),
            left: BTreeMap::new(),
            estates: Estates::default(),
            nonces: Nonces::default(),
            replies: Replies::default(),
            receipts_new: BTreeSet::new(),
            receipts: BTreeSet::new(),
            ailments: Ailments::default(),
            doom: None,
            next_episode: 0,
            active: Vec::new(),
            troubled_until_ns: 0,
            unsaved_until_ns: 0,
            is_closing: false,
            footprint: Footprint::default(),
            tally: Tally::default(),
            story: None,
            site,
            plan,
        }
    }

    /// From now on what happens is told ([`Self::take_story`]).
    pub fn tell_story(&mut self) {
        self.story = Some(Vec::new());
    }

    /// What has happened since the last call.
    pub fn take_story(&mut self) -> Vec<String> {
        self.story.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// What was planned.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether all planned ticks are done.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.tick >= self.plan.ticks
    }

    /// One tick.
    ///
    /// # Errors
    /// What broke.
    pub fn tick(&mut self) -> Result<(), Box<Failure>> {
        unless_panicked(|| self.try_tick()).map_err(|broken| self.failure(broken))
    }

    /// What is left to do at the end: the server drains, and all must be saved.
    ///
    /// # Errors
    /// What broke.
    pub fn finish(mut self) -> Result<Tally, Box<Failure>> {
        match unless_panicked(|| self.try_finish()) {
            Ok(()) => Ok(self.tally),
            Err(broken) => Err(self.failure(broken)),
        }
    }

    fn failure(&self, broken: Broken) -> Box<Failure> {
        Box::new(Failure { options: self.options, tick: self.tick, broken })
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>6} {}", self.tick, what()));
        }
    }

    fn try_tick(&mut self) -> Result<(), Broken> {
        self.tick += 1;
        self.begin_and_end_faults();
        if self.process.is_none() && self.tick >= self.start_tick {
            self.start()?;
        }
        let begin_ns = u64::from(self.tick) * TICK_NS;
        let now = self.server_clock.at(begin_ns);
        self.stores_mut().advance(now);
        for step in 0..STEPS {
            let ns = begin_ns + step * TICK_NS / STEPS;
            self.let_in(ns);
            self.carry_up(ns);
            if step == 0 && !self.turn_world(ns)? {
                self.kill();
            }
            self.wake_reactor(ns)?;
            self.step_people(ns)?;
        }
        self.judge(begin_ns)?;
        self.note_tick();
        Ok(())
    }

    fn note_tick(&mut self) {
        self.tally.ticks += 1;
        if let Some(process) = &self.process {
            self.tally.player_ticks += process.realm.status().players as u64;
            if self.tick.is_multiple_of(HASH_TICKS) {
                self.footprint.number(process.realm.hash());
                let hash = self.stores().hash();
                self.footprint.number(hash);
            }
        }
    }

    /// A process starts on what was durable.
    fn start(&mut self) -> Result<(), Broken> {
        let ns = u64::from(self.tick) * TICK_NS;
        let now = self.server_clock.at(ns);
        let beginning = self.stores_mut().begin(now);
        let process = Process::start(&self.site, beginning, self.server_clock, self.bans.clone(), now);
        let (incarnation, origin) = (process.incarnation, process.realm.origin().to_string());
        self.say(|| format!("start {incarnation}: {origin}"));
        self.process = Some(process);
        self.truths.insert(incarnation, Truth::default());
        // Of two starts ago nothing is under way any more.
        while self.truths.len() > 3 {
            self.truths.pop_first();
        }
        self.sessions.clear();
        self.left.clear();
        self.tally.looks.count(Check::Stores);
        self.stores_mut().audit(now).map_err(|what| Broken::new(Check::Stores, what))?;
        self.ask_for_receipts()
    }

    /// The process is gone from one moment to the next.
    fn kill(&mut self) {
        let Some((_, until, is_torn)) = self.doom.take() else { return };
        let Some(mut process) = self.process.take() else { return };
        let ns = u64::from(self.tick) * TICK_NS;
        let players: Vec<_> = self.sessions.iter().filter_map(|(session, _)| process.realm.plays(session)).collect();
        self.estates.on_crash(process.realm.game(), players.into_iter());
        let now = self.server_clock.at(ns);
        let was_torn = self.stores_mut().crash(now, is_torn);
        // Only what went wrong counts: with nothing on its way to the disk a torn tail is a crash like others.
        let kind = if was_torn { Kind::TornTail } else { Kind::ServerCrash };
        self.tally.book.begin(kind, self.tick, until.saturating_sub(self.tick));
        self.bans.extend(std::iter::from_fn(|| process.gate.poll_banned()));
        self.start_tick = until;
        self.tally.crashes += 1;
        self.say(|| format!("start {} is killed (torn: {was_torn}), until {until}", process.incarnation));
    }

    /// People who want to come in get a token, and knock. A server that has just started and would not take a token hands out
    /// none (spec: LIF-5).
    fn let_in(&mut self, ns: u64) {
        let hands_out = self.process.as_ref().is_none_or(|process| process.gate.is_accepting(process.now(ns)));
        if self.is_closing || !hands_out {
            return;
        }
        for at in 0..self.people.len() {
            if self.people[at].knock_ns.is_none_or(|due_ns| ns < due_ns) || self.people[at].moods.is_stalled {
                continue;
            }
            let issued_at_ms = self.issuer_ms(ns);
            let user = self.people[at].user(self.serial + 1, issued_at_ms);
            let account = self.people[at].account();
            let token = self.token(account, &user);
            self.owners.insert(self.serial, at);
            self.people[at].begin_life(ns, self.serial, token, &self.scene);
        }
    }

    fn issuer_ms(&self, ns: u64) -> u64 {
        (crate::clock::UNIX_S.saturating_add_signed(self.issuer_wrong_s)) * 1_000 + ns / 1_000_000
    }

    fn token(&mut self, client_id: u64, user: &UserData) -> rudp::ConnectToken {
        self.serial += 1;
        let rng = self.mint_dice.rng();
        let token = self.mint.mint(user.issued_at_ms, client_id, &[server_address()], 8, user, rng);
        token.expect("one address, and ids that a token may name")
    }

    /// What has come over the links, and what strangers send.
    fn carry_up(&mut self, ns: u64) {
        let Self { people, strangers, process, replies, .. } = self;
        let mut reach = |from: SocketAddr, datagram: Vec<u8>| {
            replies.on_heard(from, datagram.len());
            if let Some(process) = process {
                process.receive(from, datagram);
            }
        };
        for person in people {
            while let Some((from, mut datagram)) = person.line.poll_up(ns) {
                datagram.drain(..2);
                strangers.overhear(from, &datagram);
                reach(from, datagram);
            }
        }
        if strangers.replays || strangers.forges {
            strangers.act(&mut reach);
        }
        strangers.step_vandal(ns, &mut reach);
    }

    /// False if the process was killed in it.
    fn turn_world(&mut self, ns: u64) -> Result<bool, Broken> {
        let doom = self.doom.filter(|(_, until, is_torn)| {
            // A tail is torn while something is written, and nobody waits for that longer than the server would be away.
            !is_torn || self.stores().is_writing() || self.tick >= *until
        });
        let doom = doom.map(|(doom, ..)| doom);
        let (Some(mut process), ailments) = (self.process.take(), self.ailments) else { return Ok(true) };
        let mut stores = self.stores.take().expect("nobody else has borrowed them");
        let mut watcher = self.watcher(ns, process.incarnation);
        let lives = match doom {
            Some(Doom::Between) => Ok(false),
            doom => process.turn_world(ns, ailments, doom.unwrap_or(Doom::Between), &mut stores, &mut watcher),
        };
        (self.process, self.stores) = (Some(process), Some(stores));
        // A world that stands still is killed all the same.
        Ok(lives? && doom.is_none())
    }

    fn wake_reactor(&mut self, ns: u64) -> Result<(), Broken> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let (ailments, is_closing) = (self.ailments, self.is_closing);
        let mut watcher = self.watcher(ns, process.incarnation);
        let woken = process.wake_reactor(ns, ailments, is_closing, &mut watcher);
        self.bans.extend(std::iter::from_fn(|| process.gate.poll_banned()));
        self.process = Some(process);
        woken
    }

    fn stores(&self) -> &Stores {
        self.stores.as_ref().expect("whoever has borrowed them gives them back")
    }

    fn stores_mut(&mut self) -> &mut Stores {
        self.stores.as_mut().expect("whoever has borrowed them gives them back")
    }

    fn watcher(&mut self, ns: u64, incarnation: u32) -> Watcher<'_> {
        Watcher { ns, incarnation, simulation: self }
    }

    fn step_people(&mut self, ns: u64) -> Result<(), Broken> {
        let (mut ends, mut given_up) = (Vec::new(), Vec::new());
        let mut ears = Ears {
            tick: self.tick,
            truths: &self.truths,
            nonces: &mut self.nonces,
            looks: &mut self.tally.looks,
            footprint: &mut self.footprint,
            receipts: &mut self.receipts_new,
            deeds: &mut self.tally.deeds,
            ends: &mut ends,
            given_up: &mut given_up,
        };
        for person in &mut self.people {
            person.step(ns, &self.scene, &mut ears)?;
        }
        for end in ends {
            self.on_end(ns, &end)?;
        }
        given_up.iter().try_for_each(|given_up| self.on_given_up(ns, given_up))?;
        if !self.receipts_new.is_empty() {
            let new = std::mem::take(&mut self.receipts_new);
            for id in new {
                self.ask_for_receipt(id)?;
                self.receipts.insert(id);
            }
        }
        Ok(())
    }

    /// Whether a kind of fault is on.
    fn is_on(&self, kind: Kind) -> bool {
        self.active.iter().any(|episode| episode.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_that_fails_is_told_as_any_other_failure() {
        let broken = unless_panicked(|| panic!("{} is not {}", 1, 2)).unwrap_err();
        assert_eq!(broken.to_string(), "sanity: a panic: 1 is not 2");
        assert_eq!(unless_panicked(|| Ok(())), Ok(()));
    }
}
