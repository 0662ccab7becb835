//! Encode once, send to many.
//!
//! The bits of "entity e at tick t against its state at t - k" are the same for every viewer, so they are made on first
//! use in a tick and spliced from then on. Keyed by row and age; only the ages that have a short code are kept, the
//! others are rare and made anew each time.

use game::Replicas;
use protocol::bits::BitRun;
use protocol::snapshot::{AGES, encode_delta, encode_full};
use protocol::{NetId, Tick};

/// Codes per entity: one per shared age, and the full state.
const CODES: usize = AGES.len() + 1;
const FULL: usize = AGES.len();

/// The encoded states of one tick.
#[derive(Debug, Default)]
pub struct EncodeCache {
    tick: Tick,
    /// `rows * CODES`; a run is current if its stamp is this tick's.
    runs: Vec<(u32, BitRun)>,
    /// Times bits were made.
    pub encoded: u64,
    /// Times bits were used.
    pub spliced: u64,
}

impl EncodeCache {
    /// Forgets the last tick.
    pub fn begin(&mut self, tick: Tick, rows: usize) {
        self.tick = tick;
        if self.runs.len() < rows * CODES {
            self.runs.resize(rows * CODES, (u32::MAX, BitRun::default()));
        }
    }

    /// The bits of the entity's state now against its state `age` ticks ago, or in full.
    pub fn run(&mut self, replicas: &Replicas, id: NetId, age: Option<u8>) -> BitRun {
        self.spliced += 1;
        let code = match age {
            None => FULL,
            Some(age) => match AGES.iter().position(|&a| a == age) {
                Some(code) => code,
                None => return self.make(replicas, id, Some(age)),
            },
        };
        let index = id.row() * CODES + code;
        if self.runs[index].0 != self.tick.0 {
            self.runs[index] = (self.tick.0, self.make(replicas, id, age));
        }
        self.runs[index].1
    }

    fn make(&mut self, replicas: &Replicas, id: NetId, age: Option<u8>) -> BitRun {
        self.encoded += 1;
        let now = replicas.state(id);
        match age {
            None => encode_full(now),
            Some(age) => {
                let base = replicas.state_at(id, Tick(self.tick.0 - u32::from(age)));
                encode_delta(now, base.expect("a baseline was sent from this very history, at most 63 ticks ago"))
            }
        }
    }
}
