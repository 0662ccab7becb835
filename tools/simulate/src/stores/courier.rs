//! The courier in virtual time: the production machines say what is to be done, and this does it to the modelled servers.

use super::keeper::Letter;
use super::lookups::Ask;
use super::plan::Plan;
use super::redis::Batch;
use super::remote::Store;
use super::servers::{Answer, Flight, Request};
use super::{StoreFault, Stores, Wrong};
use protocol::CharacterId;
use rudp::time::{NS_PER_MS, NS_PER_S, Now};
use server::{Lane, Outflow, Outgoing, Parcel, Saved, Trouble};
use std::sync::Arc;

/// Checkpoints in one batch, as in the real one.
const BATCH: usize = 512;
/// Between two batches that are not full.
const GATHER_NS: u64 = 250 * NS_PER_MS;
/// Longest sleep while there is nothing to do.
const NAP_NS: u64 = NS_PER_S;

/// What is done about postings.
#[derive(Debug, Default)]
enum Carrying {
    #[default]
    Nothing,
    /// The journal is asked for them.
    Pull { node: usize, after: u64, max: usize },
    /// They are on their way, up to this one.
    Parcel(Flight, u64),
    /// A server is asked how far it is.
    Look(Flight),
}

/// Checkpoints on their way.
#[derive(Debug)]
enum Under {
    MariaDb(Flight),
    Redis(Batch),
}

/// What is done about checkpoints of one store.
#[derive(Debug, Default)]
struct Saving {
    under_way: Option<(Under, Vec<(CharacterId, Saved)>)>,
    due_ns: u64,
}

/// The thread.
#[derive(Debug)]
pub struct Courier {
    /// The way into MariaDB.
    pub flow: Option<Outflow>,
    /// How Redis does.
    pub redis_lane: Lane,
    /// Who waits for an answer.
    pub asks: Vec<Ask>,
    carrying: Carrying,
    to_redis: Saving,
    to_mariadb: Saving,
}

impl Courier {
    /// After a start.
    pub fn new(plan: &Plan, drained: u64, seed: u64) -> Self {
        let (servers, is_pair) = (plan.arrangement.servers(), plan.arrangement.required() == 2);
        Self {
            flow: (servers > 0).then(|| Outflow::new(servers, is_pair, drained, seed)),
            redis_lane: Lane::new(!seed),
            asks: Vec::new(),
            carrying: Carrying::Nothing,
            to_redis: Saving::default(),
            to_mariadb: Saving::default(),
        }
    }

    /// Whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        let carries = matches!(self.carrying, Carrying::Nothing);
        carries && self.asks.is_empty() && self.to_redis.under_way.is_none() && self.to_mariadb.under_way.is_none()
    }

    /// The server that is written to.
    pub fn node(&self) -> usize {
        self.flow.as_ref().map_or(0, Outflow::node)
    }

    /// A server did not do what it was asked for.
    pub fn on_mariadb(&mut self, node: usize, trouble: Trouble, now_ns: u64) {
        self.flow.iter_mut().for_each(|flow| flow.lane(node).on_trouble(trouble, now_ns));
    }

    /// What is on its way when the process dies.
    pub fn into_flights(self) -> impl Iterator<Item = Flight> {
        let carried = match self.carrying {
            Carrying::Parcel(flight, _) | Carrying::Look(flight) => Some(flight),
            Carrying::Nothing | Carrying::Pull { .. } => None,
        };
        let saved = self.to_mariadb.under_way.and_then(|(under, _)| match under {
            Under::MariaDb(flight) => Some(flight),
            Under::Redis(_) => None,
        });
        carried.into_iter().chain(saved).chain(self.asks.into_iter().filter_map(|ask| ask.flight))
    }
}

impl Stores {
    /// Carries what there is to carry by now.
    pub(super) fn carry(&mut self, now: Now) {
        while self.courier.flow.is_some() && self.carry_on(now.mono_ns) {}
        if self.courier.flow.is_some() {
            self.save_to_mariadb(now.mono_ns);
        }
        if self.plan.has_redis {
            self.save_to_redis(now.mono_ns);
        }
        if !self.courier.asks.is_empty() {
            self.look_up(now.mono_ns);
        }
    }

    /// One step; whether there may be another.
    fn carry_on(&mut self, now_ns: u64) -> bool {
        let Some(flow) = &mut self.courier.flow else { return false };
        match std::mem::take(&mut self.courier.carrying) {
            Carrying::Nothing => {
                flow.on_posted(self.keeper.remote.newest, now_ns);
                self.courier.carrying = match flow.poll(now_ns) {
                    None => return false,
                    Some(Outgoing::Carry { node, after, max }) => Carrying::Pull { node, after, max },
                    Some(Outgoing::Look { node }) => {
                        Carrying::Look(self.servers.send(node, Request::Watermark, now_ns, &mut self.rng))
                    }
                };
            }
            Carrying::Pull { node, after, max } => return self.pull(node, after, max, now_ns),
            Carrying::Parcel(flight, upto) if flight.ends_ns <= now_ns => self.on_parcel(flight, upto, now_ns),
            Carrying::Look(flight) if flight.ends_ns <= now_ns => self.on_look(flight, now_ns),
            still => {
                self.courier.carrying = still;
                return false;
            }
        }
        true
    }

    /// Asks the journal for postings, when that has time.
    fn pull(&mut self, node: usize, after: u64, max: usize, now_ns: u64) -> bool {
        let Some(flow) = &mut self.courier.flow else { return false };
        if self.keeper.is_busy() {
            self.courier.carrying = Carrying::Pull { node, after, max };
            return false;
        }
        if self.faults.contains(&StoreFault::JournalUnreadable) {
            flow.on_unread(now_ns);
            return true;
        }
        let newest = self.keeper.remote.newest;
        let mut parcel = Parcel::of(self.disk.state.postings(after, max));
        if parcel.ledger.is_empty() {
            flow.on_carried(newest, now_ns);
            let drained = flow.drained();
            self.keeper.post(Letter::Drained(drained));
            return true;
        }
        if self.wrong == Some(Wrong::LosesRows) {
            parcel.characters.pop();
        }
        let upto = parcel.upto;
        let flight = self.servers.send(node, Request::Parcel(Arc::new(parcel)), now_ns, &mut self.rng);
        self.courier.carrying = Carrying::Parcel(flight, upto);
        true
    }

    fn on_parcel(&mut self, flight: Flight, upto: u64, now_ns: u64) {
        let node = flight.node;
        let landed = self.servers.land(flight, now_ns, &mut self.rng, &mut self.witness);
        let Some(flow) = &mut self.courier.flow else { return };
        match landed {
            Err(trouble) if self.wrong != Some(Wrong::DropsRetries) => flow.on_trouble(node, trouble, now_ns),
            _ => {
                flow.on_carried(upto, now_ns);
                let drained = flow.drained();
                self.keeper.post(Letter::Drained(drained));
            }
        }
    }

    fn on_look(&mut self, flight: Flight, now_ns: u64) {
        let node = flight.node;
        let landed = self.servers.land(flight, now_ns, &mut self.rng, &mut self.witness);
        let Some(flow) = &mut self.courier.flow else { return };
        match landed {
            Ok(Answer::Watermark(has)) => {
                flow.on_looked(has);
                let drained = flow.drained();
                self.keeper.post(Letter::Drained(drained));
            }
            Ok(other) => self.witness.blame(|| format!("a server says {other:?} when it is asked how far it is")),
            Err(trouble) => flow.on_trouble(node, trouble, now_ns),
        }
    }
}

/// Checkpoints.
impl Stores {
    fn save_to_mariadb(&mut self, now_ns: u64) {
        if let Some((under, records)) = self.courier.to_mariadb.under_way.take() {
            let Under::MariaDb(flight) = under else { return };
            if flight.ends_ns > now_ns {
                self.courier.to_mariadb.under_way = Some((Under::MariaDb(flight), records));
                return;
            }
            let node = flight.node;
            match self.servers.land(flight, now_ns, &mut self.rng, &mut self.witness) {
                Ok(_) => {
                    self.courier.flow.iter_mut().for_each(|flow| flow.lane(node).on_ok());
                    self.confirm(Store::MariaDb, records, now_ns);
                }
                Err(trouble) => self.courier.on_mariadb(node, trouble, now_ns),
            }
        }
        let node = self.courier.node();
        let is_open = self.courier.flow.as_ref().is_some_and(|flow| flow.lanes()[node].is_open(now_ns));
        if let Some(records) = self.pull_records(Store::MariaDb, is_open, now_ns) {
            let request = Request::Keep(records.clone().into());
            let flight = self.servers.send(node, request, now_ns, &mut self.rng);
            self.courier.to_mariadb.under_way = Some((Under::MariaDb(flight), records));
        }
    }

    fn save_to_redis(&mut self, now_ns: u64) {
        if let Some((under, records)) = self.courier.to_redis.under_way.take() {
            let Under::Redis(batch) = under else { return };
            if batch.0 > now_ns {
                self.courier.to_redis.under_way = Some((Under::Redis(batch), records));
                return;
            }
            match self.redis.land(batch, &records, &mut self.rng) {
                Ok(()) => {
                    records.iter().for_each(|(character, saved)| self.witness.on_kept("Redis", *character, saved));
                    self.courier.redis_lane.on_ok();
                    self.confirm(Store::Redis, records, now_ns);
                }
                Err(trouble) => self.courier.redis_lane.on_trouble(trouble, now_ns),
            }
        }
        let is_open = self.courier.redis_lane.is_open(now_ns);
        if let Some(records) = self.pull_records(Store::Redis, is_open, now_ns) {
            let batch = self.redis.send(&self.plan, now_ns, &mut self.rng);
            self.courier.to_redis.under_way = Some((Under::Redis(batch), records));
        }
    }

    /// Checkpoints for a store that can be asked, if it is time, there are any and the journal has time.
    fn pull_records(&mut self, store: Store, is_open: bool, now_ns: u64) -> Option<Vec<(CharacterId, Saved)>> {
        let is_told = self.keeper.remote.is_told(store);
        let is_away = self.keeper.is_busy() || self.faults.contains(&StoreFault::JournalUnreadable);
        let saving = match store {
            Store::Redis => &mut self.courier.to_redis,
            Store::MariaDb => &mut self.courier.to_mariadb,
        };
        if is_told || is_away || !is_open || now_ns < saving.due_ns {
            return None;
        }
        let records = self.keeper.remote.records(&self.disk.state, store, BATCH);
        if records.is_empty() {
            saving.due_ns = now_ns + NAP_NS;
        }
        (!records.is_empty()).then_some(records)
    }

    fn confirm(&mut self, store: Store, records: Vec<(CharacterId, Saved)>, now_ns: u64) {
        let saving = match store {
            Store::Redis => &mut self.courier.to_redis,
            Store::MariaDb => &mut self.courier.to_mariadb,
        };
        if records.len() < BATCH {
            saving.due_ns = now_ns + GATHER_NS;
        }
        let sent = records.into_iter().map(|(character, saved)| (character, saved.revision)).collect();
        self.keeper.post(Letter::Sent(store, sent));
    }
}
