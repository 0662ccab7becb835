//! A realm and stand-ins for everybody who is in it.

use crate::interest::world::World;
use crate::memory::watch;
use crate::stand_ins::{answer_store, user};
use anyhow::{Context, Result, ensure};
use client::{ClientEvent, SnapshotStore};
use game::spatial::Point;
use measure::echo::process::ThreadClock;
use protocol::Input;
use protocol::input::InputMessage;
use protocol::message::ClientMessage;
use protocol::motion::{self, Body, Gait, StaticMap};
use protocol::unit::{ANGLE_STEPS, TICK_NS, TICK_RATE_HZ, UNITS_PER_M, unit_of};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rudp::time::Now;
use rudp::{PartId, PartOutcome, Prefetch};
use server::{Inbound, Outbound, OutboundItem, Realm, RealmConfig, RealmStatus, SessionEvent, SessionId};
use std::collections::VecDeque;
use std::sync::Arc;

/// When snapshot parts are known to have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundTrips {
    /// Before the next tick.
    None,
    /// After 20 to 200 ms, each player's evenly chosen.
    Spread,
}

impl RoundTrips {
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "0 ms",
            Self::Spread => "20-200 ms",
        }
    }

    fn ticks(self, rng: &mut StdRng) -> usize {
        let ns = match self {
            Self::None => 1,
            Self::Spread => rng.random_range(20_000_000..=200_000_000_u64),
        };
        ns.div_ceil(TICK_NS) as usize
    }
}

/// What everybody may be told.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Anything at all.
    pub is_told: bool,
    /// Bytes a second, headers included.
    pub bytes_per_s: u32,
    /// Others whom one can have in view.
    pub visible_max: u16,
}

/// Side of the map, metres: what recordings fill.
const MAP_M: u16 = 3_000;
/// What a tick's bytes leave its snapshot: they less the headers of IP, UDP, the session and the packet.
const HEADER_BYTES: i32 = 28 + 19 + 18;
/// Longest wait for an acknowledgement, in ticks: 200 ms and one.
const WAIT_TICKS: usize = 13;
/// Who is farther from his place than this has been put elsewhere in the recording, units.
const LEAP: f64 = 50.0 * UNITS_PER_M as f64;
/// Nearer than this to his place one slows down, units.
const SLOW: f64 = UNITS_PER_M as f64;
/// Who come in at once: 2,000 in five seconds, as the swarm's bots do.
const JOINING: usize = 7;
/// What people look about in a tick, angle steps: a quarter turn in a second at most.
const LOOK: i32 = ANGLE_STEPS as i32 / 240;

/// A world, everybody in it, and what is under way between them.
pub struct Stage<'a> {
    realm: Realm,
    map: Arc<StaticMap>,
    world: World<'a>,
    people: Vec<Person>,
    inbound: Inbound,
    outbound: Outbound,
    /// By tick modulo its length: parts that are known to have arrived then.
    arrivals: Vec<Vec<(SessionId, PartId)>>,
    tick: usize,
    is_told: bool,
    rng: StdRng,
    /// Bytes of a tick's snapshot.
    budget: i32,
    /// Whether everybody's client reads what it is told.
    pub has_clients: bool,
    events: VecDeque<ClientEvent>,
    /// Processor time of all clients since the start, ns.
    pub clients_ns: u64,
    /// Bytes of snapshot parts since the start.
    pub part_bytes: u64,
}

struct Person {
    session: SessionId,
    /// Where his client believes him to be; the realm moves him by the same rules.
    body: Body,
    yaw: u16,
    pitch: u16,
    input_number: u16,
    round_trip_ticks: usize,
    /// Bytes that may be told; what was told beyond it is owed.
    budget: i32,
    /// What his client shows.
    store: SnapshotStore,
}

/// One turn of the realm.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Processor time, ns.
    pub ns: u64,
    /// Times memory was asked for.
    pub allocations: u64,
}

impl<'a> Stage<'a> {
    /// Everybody of `world` at the door.
    pub fn new(world: World<'a>, round_trips: RoundTrips, terms: &Terms, seed: u64) -> Self {
        let map = Arc::new(StaticMap::new(MAP_M.into(), MAP_M.into(), &[]).expect("a plain map"));
        let players_max = world.points().len();
        let prefetch = Prefetch::new(throng::edge::prefetch);
        let visible_max = terms.visible_max;
        let config = RealmConfig { seed, players_max, visible_max, prefetch, ..RealmConfig::new(Arc::clone(&map)) };
        let mut rng = StdRng::seed_from_u64(seed);
        let person = |(slot, point): (u32, &Point)| Person {
            session: SessionId { slot, generation: 0 },
            body: body_at(point),
            yaw: 0,
            pitch: 0,
            input_number: 0,
            round_trip_ticks: round_trips.ticks(&mut rng),
            budget: 0,
            store: SnapshotStore::default(),
        };
        let people = (0..).zip(world.points()).map(person).collect();
        let arrivals = vec![Vec::new(); WAIT_TICKS + 1];
        let mut stage = Self {
            realm: Realm::new(config),
            map,
            world,
            people,
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            arrivals,
            tick: 0,
            is_told: terms.is_told,
            rng,
            budget: (terms.bytes_per_s / TICK_RATE_HZ) as i32 - HEADER_BYTES,
            has_clients: false,
            events: VecDeque::new(),
            clients_ns: 0,
            part_bytes: 0,
        };
        stage.join();
        stage
    }

    /// One tick of everything, and what the realm's part of it took.
    ///
    /// # Errors
    /// The thread's clock cannot be read.
    pub fn tick(&mut self) -> Result<Turn> {
        self.tick += 1;
        self.world.advance();
        self.speak();
        let now = Now { mono_ns: self.tick as u64 * TICK_NS, unix_s: 0 };
        let clock = ThreadClock::of_this_thread()?;
        let (before, begun) = (watch::allocations(), clock.ns()?);
        let (realm, inbound, outbound) = (&mut self.realm, std::slice::from_mut(&mut self.inbound), &mut self.outbound);
        watch::watched(|| realm.tick(now, inbound, outbound));
        let turn = Turn { ns: clock.ns()? - begun, allocations: watch::allocations() - before };
        if self.has_clients {
            let begun = clock.ns()?;
            self.show()?;
            self.clients_ns += clock.ns()? - begun;
        }
        self.deliver();
        answer_store(&mut self.realm);
        Ok(turn)
    }

    /// # Errors
    /// Not everybody is in.
    pub fn ensure_all_in(&self) -> Result<()> {
        let (inside, all) = (self.realm.status().players, self.people.len());
        ensure!(inside == all, "{inside} of {all} players are in");
        Ok(())
    }

    /// The realm's own figures.
    pub fn status(&self) -> &RealmStatus {
        self.realm.status()
    }

    /// Where everybody should be.
    pub fn points(&self) -> &[Point] {
        self.world.points()
    }

    /// Lets everybody in, a few at a time: all at once would stand in one spot before they could be put to their places,
    /// and what everybody then knew of everybody would be measured for minutes.
    fn join(&mut self) {
        for from in (0..self.people.len()).step_by(JOINING) {
            let group = from..self.people.len().min(from + JOINING);
            self.people[group.clone()].iter().for_each(|person| self.inbound.push_event(joined(person.session)));
            // Records are fetched in one tick and used in the next; before that nobody can be put anywhere.
            for _ in 0..2 {
                self.tick += 1;
                let now = Now { mono_ns: self.tick as u64 * TICK_NS, unix_s: 0 };
                self.realm.tick(now, std::slice::from_mut(&mut self.inbound), &mut self.outbound);
                answer_store(&mut self.realm);
            }
            self.outbound.clear();
            self.people[group].iter().for_each(|person| self.inbound.push_event(place(person)));
        }
    }

    /// What everybody's client and everybody's gate say in this tick.
    fn speak(&mut self) {
        for (session, part) in self.arrivals[self.tick % (WAIT_TICKS + 1)].drain(..) {
            self.inbound.push_report(session, part, PartOutcome::Acked);
        }
        for (person, goal) in self.people.iter_mut().zip(self.world.points()) {
            let (dx, dy) = (goal.x - unit_of(person.body.x), goal.y - unit_of(person.body.y));
            if f64::from(dx).hypot(f64::from(dy)) > LEAP {
                person.body = body_at(goal);
                self.inbound.push_event(place(person));
            }
            let input = person.wish(f64::from(dx), f64::from(dy), &mut self.rng);
            motion::step(&self.map, &mut person.body, &input, Gait::default());
            person.input_number = person.input_number.wrapping_add(1);
            self.inbound.push_inputs(person.session, InputMessage::new(person.input_number, &[input]));
            person.budget = (person.budget + self.budget).min(2 * self.budget);
            self.inbound.push_budget(person.session, if self.is_told { person.budget } else { 0 });
        }
    }

    /// Every client takes what it was told.
    fn show(&mut self) -> Result<()> {
        for item in self.outbound.items() {
            if let OutboundItem::Part { session, bytes, .. } = item {
                let store = &mut self.people[session.slot as usize].store;
                store
                    .apply(self.outbound.bytes(bytes), None, &mut self.events)
                    .context("a client cannot read a part")?;
                self.events.clear();
            }
        }
        Ok(())
    }

    fn deliver(&mut self) {
        for item in self.outbound.items() {
            if let OutboundItem::Part { session, part, bytes } = item {
                let person = &mut self.people[session.slot as usize];
                person.budget -= bytes.len() as i32;
                self.part_bytes += bytes.len() as u64;
                self.arrivals[(self.tick + person.round_trip_ticks) % (WAIT_TICKS + 1)].push((*session, *part));
            }
        }
        self.outbound.clear();
    }
}

impl Person {
    /// Towards a place so far away, with a look about.
    fn wish(&mut self, dx: f64, dy: f64, rng: &mut StdRng) -> Input {
        let distance = dx.hypot(dy).max(1.0);
        let full = 127.0 * (distance / SLOW).min(1.0) / distance;
        let turn = |angle: u16, rng: &mut StdRng| {
            (i32::from(angle) + rng.random_range(-LOOK..=LOOK)).rem_euclid(ANGLE_STEPS.into()) as u16
        };
        (self.yaw, self.pitch) = (turn(self.yaw, rng), turn(self.pitch, rng));
        Input { move_x: (dx * full) as i8, move_y: (dy * full) as i8, yaw: self.yaw, pitch: self.pitch, buttons: 0 }
    }
}

fn body_at(point: &Point) -> Body {
    let subunits = |units: i32| units << protocol::unit::SUBUNIT_BITS;
    Body { x: subunits(point.x), y: subunits(point.y), ..Body::default() }
}

fn joined(session: SessionId) -> SessionEvent {
    SessionEvent::Joined { session, user: Box::new(user(u64::from(session.slot) + 1, "measured", 0)) }
}

fn place(person: &Person) -> SessionEvent {
    let (x_units, y_units) = (unit_of(person.body.x), unit_of(person.body.y));
    SessionEvent::Message { session: person.session, message: ClientMessage::Place { x_units, y_units } }
}
