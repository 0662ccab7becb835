//! Our own: the server's realm, and the snapshot stores of its clients.
//!
//! All movers are players and have a session, because a realm moves people by their inputs. The first of them are the
//! clients; nobody is told anything in the sessions of the others. A client is told its own player's state apart from
//! those of the others, in more detail; it counts as one state like theirs.

use crate::contest::{self, Figures, Layer, Plan, RoundTrips, Terms, Turn, timed};
use crate::crowd::{Crowd, Pose};
use anyhow::{Context, Result, bail, ensure};
use client::{SnapshotStore, Told};
use measure::echo::process::ThreadClock;
use measure::stand_ins::{answer_store, user};
use protocol::input::InputMessage;
use protocol::message::ClientMessage;
use protocol::unit::{TICK_NS, TICK_RATE_HZ, UNITS_PER_M, unit_of};
use protocol::{EntityKind, EntityState, NetId, Tick};
use rudp::time::Now;
use rudp::{PartId, PartOutcome, Prefetch};
use server::{Inbound, Outbound, OutboundItem, Realm, RealmConfig, SessionEvent, SessionId};

/// One unit, mm: places are told in whole ones, rounded down.
const UNIT_MM: f64 = 1_000.0 / UNITS_PER_M as f64;
/// What a tick's bytes leave its snapshot: they less the headers of IP, UDP, the session and the packet.
const HEADER_BYTES: i32 = 28 + 19 + 18;
/// More than there is to be told to anybody in a tick.
const BUDGET_BYTES_ALL: i32 = 64_000;
/// Ticks in which everybody must have come in.
const JOIN_TICKS_MAX: u32 = 60;

/// What a client may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Whatever there is.
    All,
    /// So many bytes a second, headers included.
    PerSecond(u32),
    /// Nothing.
    None,
    /// Nothing, and nobody has anybody in view.
    Blind,
}

/// Measures it.
///
/// # Errors
/// As [`contest::measure`].
pub fn measure(plan: &Plan, budget: Budget) -> Result<Figures> {
    let terms = Terms { is_limited: budget != Budget::All, mm_max: UNIT_MM };
    let mut figures = contest::measure(plan, terms, |crowd| Ours::start(plan, budget, crowd))?;
    // A realm that tells nobody anything still moves people, saves them, and looks who is near whom. That look is a part of
    // telling; it is made for all players, so the clients' share of it is what they are of them.
    let untold_ns = contest::idle_ns(plan, |crowd| Ours::start(plan, Budget::None, crowd))?;
    let blind_ns = contest::idle_ns(plan, |crowd| Ours::start(plan, Budget::Blind, crowd))?;
    let looks_ns = (untold_ns - blind_ns) * plan.clients as f64 / plan.entities as f64;
    figures.telling_ns = figures.tick_ns - untold_ns + looks_ns.max(0.0);
    Ok(figures)
}

struct Ours {
    realm: Realm,
    clock: ThreadClock,
    inbound: Inbound,
    outbound: Outbound,
    /// Who is who in the world.
    ids: Vec<NetId>,
    clients: Vec<Client>,
    /// By tick modulo its length: parts that are known to have arrived then.
    arrivals: Vec<Vec<(SessionId, PartId)>>,
    tick: u32,
    /// Granted to a client in each tick.
    budget: i32,
}

struct Client {
    store: SnapshotStore,
    round_trip_ticks: usize,
    /// Bytes that may be told; what was told beyond it is owed.
    budget: i32,
}

impl Ours {
    /// Everybody in his place.
    fn start(plan: &Plan, budget: Budget, crowd: &Crowd) -> Result<Self> {
        let is_told = !matches!(budget, Budget::None | Budget::Blind);
        let client = |number| Client {
            store: SnapshotStore::default(),
            round_trip_ticks: plan.round_trips.ticks(number),
            budget: 0,
        };
        let mut config = RealmConfig {
            players_max: plan.entities,
            prefetch: Prefetch::new(throng::edge::prefetch),
            ..RealmConfig::new(crowd.map().clone())
        };
        if budget == Budget::Blind {
            (config.enter_radius_units, config.leave_radius_units) = (1, 2);
        }
        let mut ours = Self {
            realm: Realm::new(config),
            clock: ThreadClock::of_this_thread()?,
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            ids: Vec::new(),
            clients: (0..if is_told { plan.clients } else { 0 }).map(client).collect(),
            arrivals: vec![Vec::new(); RoundTrips::TICKS_MAX + 1],
            tick: 0,
            budget: match budget {
                Budget::All => BUDGET_BYTES_ALL,
                Budget::PerSecond(bytes) => (bytes / TICK_RATE_HZ) as i32 - HEADER_BYTES,
                Budget::None | Budget::Blind => 0,
            },
        };
        ours.join(crowd)?;
        Ok(ours)
    }

    /// Lets everybody in and puts him to his place. What is told him of it before he plays is none of the measurement's.
    fn join(&mut self, crowd: &Crowd) -> Result<()> {
        let movers = crowd.movers().len();
        for number in 0..movers {
            let user = Box::new(user(number as u64 + 1, "mover", 0));
            self.inbound.push_event(SessionEvent::Joined { session: session(number), user });
        }
        for _ in 0..JOIN_TICKS_MAX {
            self.turn()?;
            self.outbound.clear();
            self.ids = (0..movers).map_while(|number| self.realm.plays(session(number))).collect();
            if self.ids.len() == movers {
                break;
            }
        }
        ensure!(self.ids.len() == movers, "only {} of {movers} players got in", self.ids.len());
        for (number, mover) in crowd.movers().iter().enumerate() {
            let (x_units, y_units) = (unit_of(mover.body.x), unit_of(mover.body.y));
            let message = ClientMessage::Place { x_units, y_units };
            self.inbound.push_event(SessionEvent::Message { session: session(number), message });
        }
        Ok(())
    }

    /// The realm's part of a tick; what it took, ns.
    fn turn(&mut self) -> Result<u64> {
        self.tick += 1;
        let now = Now { mono_ns: u64::from(self.tick) * TICK_NS, unix_s: 0 };
        let (realm, inbound, outbound) = (&mut self.realm, std::slice::from_mut(&mut self.inbound), &mut self.outbound);
        let ns = timed(self.clock, || realm.tick(now, inbound, outbound))?;
        answer_store(&mut self.realm);
        Ok(ns)
    }

    fn place_in_arrivals(&self, ticks_ahead: usize) -> usize {
        (self.tick as usize + ticks_ahead) % self.arrivals.len()
    }
}

impl Layer for Ours {
    fn tick(&mut self, crowd: &Crowd) -> Result<Turn> {
        let due = self.place_in_arrivals(1);
        for (session, part) in self.arrivals[due].drain(..) {
            self.inbound.push_report(session, part, PartOutcome::Acked);
        }
        for (number, mover) in crowd.movers().iter().enumerate() {
            self.inbound.push_inputs(session(number), InputMessage::new(self.tick as u16, &[mover.input]));
        }
        for (number, client) in self.clients.iter_mut().enumerate() {
            client.budget = (client.budget + self.budget).min(2 * self.budget);
            self.inbound.push_budget(session(number), client.budget);
        }
        let mut turn = Turn { server_ns: self.turn()?, ..Turn::default() };
        let mut counted = Counted::default();
        for item in self.outbound.items() {
            match item {
                OutboundItem::Part { session, part, bytes } => {
                    let client = self.clients.get_mut(session.slot as usize).context("told who may not be told")?;
                    let own = client.store.apply(self.outbound.bytes(bytes), None, &mut counted);
                    turn.updates += u64::from(own.context("a client cannot read a part")?);
                    (turn.bytes, turn.messages) = (turn.bytes + bytes.len() as u64, turn.messages + 1);
                    client.budget -= bytes.len() as i32;
                    let known = (self.tick as usize + client.round_trip_ticks) % self.arrivals.len();
                    self.arrivals[known].push((*session, *part));
                }
                // Events, and what is said once to who comes in. Clients of a game read them elsewhere.
                OutboundItem::Message { session, bytes, .. } if (session.slot as usize) < self.clients.len() => {
                    (turn.bytes, turn.messages) = (turn.bytes + bytes.len() as u64, turn.messages + 1);
                }
                OutboundItem::Message { .. } => {}
                OutboundItem::Close { reason, .. } => bail!("a player was put out: {reason:?}"),
            }
        }
        turn.updates += counted.updates;
        self.outbound.clear();
        Ok(turn)
    }

    fn held(&self, client: usize, mover: usize) -> Option<Pose> {
        let store = &self.clients.get(client)?.store;
        let state = if client == mover { store.own()?.1.entity() } else { store.sees(self.ids[mover])?.state };
        Some(pose(&state))
    }
}

/// Counts what a client reads of others.
#[derive(Default)]
struct Counted {
    updates: u64,
}

impl Told for Counted {
    fn on_enter(&mut self, _tick: Tick, _id: NetId, _kind: EntityKind) {}

    fn on_update(&mut self, _tick: Tick, _id: NetId, _state: &EntityState) {
        self.updates += 1;
    }

    fn on_leave(&mut self, _tick: Tick, _id: NetId, _kind: EntityKind) {}
}

fn session(number: usize) -> SessionId {
    SessionId { slot: number as u32, generation: 0 }
}

fn pose(state: &EntityState) -> Pose {
    let metres = |units: i32| f64::from(units) / f64::from(UNITS_PER_M);
    Pose { place_m: [state.x, state.y, state.z.into()].map(metres), yaw: state.yaw.into(), pitch: state.pitch.into() }
}
