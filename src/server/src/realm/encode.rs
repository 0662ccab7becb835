//! Encode once, send to many.
//!
//! The bits of "entity e at tick t against its states at these ages" are the same for every viewer, so they are made on
//! first use in a tick and spliced from then on. Round trips spread over 200 ms give an entity about as many baselines as
//! there are ages with a short code, so a row keeps a few of them; what finds no place is made anew each time.

use game::Replicas;
use protocol::bits::BitRun;
use protocol::snapshot::{Baseline, BaselineAges, encode_delta, encode_full};
use protocol::{NetId, Tick};

/// Differences kept per entity; 272 bytes each row, of which four lines are read.
const KEPT: usize = 6;

/// The encoded states of one tick.
#[derive(Debug, Default)]
pub struct EncodeCache {
    tick: Tick,
    rows: Vec<Row>,
    /// Times bits were made.
    pub encoded: u64,
    /// Times bits were used.
    pub spliced: u64,
}

/// The bits of one entity; those of another tick mean nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    tick: Option<Tick>,
    kept: u8,
    /// What each of `deltas` builds on.
    ages: [Option<BaselineAges>; KEPT],
    /// Empty: not made yet.
    full: BitRun,
    /// Empty: too far from what it builds on for any code.
    deltas: [BitRun; KEPT],
}

impl EncodeCache {
    /// Forgets the last tick.
    pub fn begin(&mut self, tick: Tick, rows: usize) {
        self.tick = tick;
        if self.rows.len() < rows {
            self.rows.resize(rows, Row::default());
        }
    }

    /// The bits of the entity's state now in full.
    pub fn full(&mut self, replicas: &Replicas, id: NetId) -> BitRun {
        self.spliced += 1;
        let row = self.row(id);
        if row.full.is_empty() {
            row.full = encode_full(replicas.state(id));
            self.encoded += 1;
        }
        self.row(id).full
    }

    /// The bits of the entity's state now against its states of these ages. None if it is too far from what they make one
    /// expect: then it must be told in full.
    pub fn delta(&mut self, replicas: &Replicas, id: NetId, ages: BaselineAges) -> Option<BitRun> {
        self.spliced += 1;
        let now = self.tick;
        let row = self.row(id);
        let kept = usize::from(row.kept);
        if let Some(at) = row.ages[..kept].iter().position(|of| *of == Some(ages)) {
            return Some(row.deltas[at]).filter(|run| !run.is_empty());
        }
        let run = encode_delta(replicas.state(id), &baseline(replicas, id, now, ages));
        if kept < KEPT {
            (row.ages[kept], row.deltas[kept]) = (Some(ages), run.unwrap_or_default());
            row.kept += 1;
        }
        self.encoded += 1;
        run
    }

    fn row(&mut self, id: NetId) -> &mut Row {
        let row = &mut self.rows[id.row()];
        if row.tick != Some(self.tick) {
            (row.tick, row.kept, row.full) = (Some(self.tick), 0, BitRun::default());
        }
        row
    }
}

/// The entity's states of these ages at `now`.
pub fn baseline(replicas: &Replicas, id: NetId, now: Tick, ages: BaselineAges) -> Baseline {
    let state = |age: u8| replicas.state_at(id, Tick(now.0 - u32::from(age))).copied();
    Baseline::gather(ages, state).expect("a baseline was sent from this very history, at most 63 ticks ago")
}
