//! The queues between the threads: all bounded, none ever waited for by the tick.
//!
//! Arenas travel in circles: whoever is done with one sends it back, so that none is allocated in steady play.

use crossbeam::channel::{Receiver, Sender, bounded};
use server::{Inbound, Outbound, StoreDone, StoreJob};

/// Batches from the gate to the realm. The reactor hands over at most once per wake, and wakes at most every 250 us:
/// 67 per tick; the rest is for a tick that comes one tick late. When all are out, the gate goes on filling its own.
pub const INBOUND_BATCHES: usize = 128;
/// Ticks' worth of output that may wait for the reactor (67 ms). Beyond, snapshot parts are withdrawn as not sent.
pub const OUTBOUND_WAITING_MAX: usize = 4;
/// Output arenas in circulation: those that wait, one with each thread, and two on their way back.
pub const OUTBOUND_ARENAS: usize = OUTBOUND_WAITING_MAX + 4;
/// Loads and saves that persistence has been asked for and not answered: three for each of 2,500 players.
pub const STORE_JOBS_MAX: usize = 8_192;

/// What the reactor holds.
#[derive(Debug)]
pub struct GateEnds {
    /// Filled batches go out here. Never full: there are only as many batches as it has room for.
    pub to_realm: Sender<Inbound>,
    /// Empty ones come back here.
    pub spare_inbound: Receiver<Inbound>,
    /// A tick's output.
    pub from_realm: Receiver<Outbound>,
    /// Where it goes when it has been read.
    pub spare_outbound: Sender<Outbound>,
}

/// What the world thread holds.
#[derive(Debug)]
pub struct RealmEnds {
    /// The other end of [`GateEnds::to_realm`].
    pub from_gate: Receiver<Inbound>,
    /// The other end of [`GateEnds::spare_inbound`].
    pub spare_inbound: Sender<Inbound>,
    /// The other end of [`GateEnds::from_realm`].
    pub to_gate: Sender<Outbound>,
    /// The other end of [`GateEnds::spare_outbound`].
    pub spare_outbound: Receiver<Outbound>,
    /// Loads and saves to do.
    pub jobs: Sender<StoreJob>,
    /// Their answers, exactly one each.
    pub done: Receiver<StoreDone>,
}

/// What the persistence thread holds.
#[derive(Debug)]
pub struct StoreEnds {
    /// The other end of [`RealmEnds::jobs`].
    pub jobs: Receiver<StoreJob>,
    /// The other end of [`RealmEnds::done`]. Never full: the world has at most [`STORE_JOBS_MAX`] jobs unanswered.
    pub done: Sender<StoreDone>,
}

/// All queues, with every arena at home.
pub fn connect() -> (GateEnds, RealmEnds, StoreEnds) {
    let (to_realm, from_gate) = bounded(INBOUND_BATCHES);
    let (inbound_back, spare_inbound) = bounded(INBOUND_BATCHES);
    let (to_gate, from_realm) = bounded(OUTBOUND_WAITING_MAX);
    let (outbound_back, spare_outbound) = bounded(OUTBOUND_ARENAS);
    let (jobs, jobs_out) = bounded(STORE_JOBS_MAX);
    let (done, done_out) = bounded(STORE_JOBS_MAX);
    for _ in 0..INBOUND_BATCHES {
        inbound_back.try_send(Inbound::default()).expect("the queue has room for every batch");
    }
    for _ in 0..OUTBOUND_ARENAS {
        outbound_back.try_send(Outbound::default()).expect("the queue has room for every arena");
    }
    (
        GateEnds { to_realm, spare_inbound, from_realm, spare_outbound: outbound_back },
        RealmEnds { from_gate, spare_inbound: inbound_back, to_gate, spare_outbound, jobs, done: done_out },
        StoreEnds { jobs: jobs_out, done },
    )
}
