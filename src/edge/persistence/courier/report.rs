//! What the courier publishes once a second.

use super::shared::Shared;
use super::words::Store;
use crate::edge::board::{Board, PUBLISH_INTERVAL_NS};
use crate::edge::clock;
use crate::edge::persistence::journal::Torn;
use crate::edge::persistence::mariadb::{Query, Timing};
use server::{Lane, Trouble};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How a store does.
#[derive(Clone, Debug, Default)]
pub struct StoreState {
    /// Host and port; empty of Redis, which there is one of.
    pub place: String,
    /// What is wrong, and for how many seconds; none if nothing is.
    pub trouble: Option<(Trouble, f64)>,
    /// Failures since start, by [`Trouble::ALL`].
    pub failures: [u64; Trouble::ALL.len()],
    /// Whether postings go to it.
    pub is_written: bool,
}

impl StoreState {
    fn of(place: &str, lane: &Lane, is_written: bool, now_ns: u64) -> Self {
        let trouble = lane.trouble().map(|(kind, since_ns)| (kind, now_ns.saturating_sub(since_ns) as f64 / 1e9));
        Self { place: place.to_owned(), trouble, failures: lane.counts, is_written }
    }
}

/// The courier's numbers.
#[derive(Clone, Debug, Default)]
pub struct CourierReport {
    /// Redis, if there is one.
    pub redis: Option<StoreState>,
    /// MariaDB's servers, in the order of the configuration.
    pub mariadb: Vec<StoreState>,
    /// What was done since start.
    pub done: Done,
    /// How long statements took, by query; all servers together.
    pub timings: Vec<(Query, Timing)>,
    /// Up to here the outbox is where it is to be.
    pub drained: u64,
}

/// What was done since start.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// SQL transactions with postings, and postings in them.
    pub parcels: u64,
    /// As above.
    pub postings: u64,
    /// Postings in the largest of them.
    pub parcel_max: usize,
    /// Batches of checkpoints, and checkpoints in them: Redis, MariaDB.
    pub batches: [u64; 2],
    /// As above.
    pub records: [u64; 2],
    /// Words that were heard.
    pub lookups: u64,
    /// Keys of players in Redis that are not what they should be.
    pub redis_refusals: u64,
    /// The posting that cannot be read, if it is the next: nothing behind it goes on before a person has set it aside.
    pub torn: Option<Torn>,
}

impl Done {
    /// A parcel is in MariaDB.
    pub fn on_parcel(&mut self, postings: usize) {
        if postings > 0 {
            self.parcels += 1;
            self.postings += postings as u64;
            self.parcel_max = self.parcel_max.max(postings);
        }
    }

    /// A batch is in a store.
    pub fn on_records(&mut self, store: Store, records: usize) {
        let at = usize::from(store == Store::MariaDb);
        self.batches[at] += 1;
        self.records[at] += records as u64;
    }
}

/// Publishes.
pub struct Reporter {
    shared: Rc<Shared>,
    board: Arc<Board>,
}

impl Reporter {
    /// Of these tasks, on this board.
    pub fn new(shared: Rc<Shared>, board: Arc<Board>) -> Self {
        Self { shared, board }
    }

    /// For ever.
    pub async fn run(self) {
        loop {
            self.board.courier.store(Arc::new(self.report()));
            tokio::time::sleep(Duration::from_nanos(PUBLISH_INTERVAL_NS)).await;
        }
    }

    fn report(&self) -> CourierReport {
        let (shared, now_ns) = (&self.shared, clock::mono_ns());
        let mut report = CourierReport {
            redis: shared.hot.as_ref().map(|_| StoreState::of("", &shared.redis_lane.borrow(), true, now_ns)),
            done: shared.done.borrow().clone(),
            ..CourierReport::default()
        };
        if let Some(maria) = &shared.maria {
            let flow = maria.flow.borrow();
            report.drained = flow.drained();
            for (nth, (node, lane)) in maria.nodes.iter().zip(flow.lanes()).enumerate() {
                report.mariadb.push(StoreState::of(node.place(), lane, nth == flow.node(), now_ns));
                report.timings.extend(node.timings());
            }
        }
        report
    }
}
