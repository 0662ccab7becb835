//! Encode once, send to many.
//!
//! The bits of "entity e at tick t against its states at these ages" are the same for every viewer, so they are made on
//! first use in a tick and spliced from then on. Round trips spread over 200 ms give an entity about as many baselines as
//! there are ages with a short code, so a row keeps a few of them; what finds no place is made anew each time.

use game::Replicas;
use protocol::bits::BitRun;
use protocol::snapshot::{Baseline, BaselineAges, encode_delta, encode_full};
use protocol::{NetId, Tick};

/// Differences kept per entity: what fits two cache lines, which the processor fetches together, with the rest of the row.
/// With five of them in one line a sixth more bits were made anew when round trips are spread.
const KEPT: usize = 11;
/// Longer differences are not kept: they are as rare as people who are put somewhere else.
const KEPT_BITS_MAX: u32 = u64::BITS;

/// The encoded states of one tick.
#[derive(Debug, Default)]
pub struct EncodeCache {
    tick: Tick,
    firsts: Vec<First>,
    rows: Vec<Row>,
    fulls: Vec<(Option<Tick>, BitRun)>,
    /// Times bits were made.
    pub encoded: u64,
    /// Times bits were used.
    pub spliced: u64,
}

/// The bits of one entity that were made first in a tick, which are those that most viewers are told: four to a line of the
/// cache, so that those of some thousand entities stay near while all viewers' tables pass through it.
#[derive(Clone, Copy, Debug, Default)]
struct First {
    tick: Tick,
    /// As in [`Row`].
    ages: u16,
    length: u8,
    bits: u64,
}

const _: () = assert!(size_of::<First>() == 16, "four to a line");

/// The further bits of one entity; those of another tick mean nothing.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(128))]
struct Row {
    tick: Tick,
    kept: u8,
    /// What each of `bits` builds on, by [`BaselineAges::number`].
    ages: [u16; KEPT],
    /// 0: too far from what it builds on for any code.
    lengths: [u8; KEPT],
    bits: [u64; KEPT],
}

const _: () = assert!(size_of::<Row>() == 128, "a row is two cache lines");

impl EncodeCache {
    /// Forgets the last tick.
    pub fn begin(&mut self, tick: Tick, rows: usize) {
        self.tick = tick;
        if self.rows.len() < rows {
            self.firsts.resize(rows, First::default());
            self.rows.resize(rows, Row::default());
            self.fulls.resize(rows, Default::default());
        }
    }

    /// The bits of the entity's state now in full.
    pub fn full(&mut self, replicas: &Replicas, id: NetId) -> BitRun {
        self.spliced += 1;
        let (tick, run) = &mut self.fulls[id.row()];
        if *tick != Some(self.tick) {
            (*tick, *run) = (Some(self.tick), encode_full(replicas.state(id)));
            self.encoded += 1;
        }
        *run
    }

    /// The bits of the entity's state now against its states of these ages. None if it is too far from what they make one
    /// expect: then it must be told in full. `number` is that of `ages`.
    #[inline]
    pub fn delta(&mut self, replicas: &Replicas, id: NetId, ages: BaselineAges, number: u16) -> Option<BitRun> {
        self.spliced += 1;
        let first = &self.firsts[id.row()];
        if first.tick == self.tick && first.ages == number {
            return BitRun::of(first.bits, first.length.into());
        }
        self.further_delta(replicas, id, ages, number)
    }

    /// What is not among the first bits.
    fn further_delta(&mut self, replicas: &Replicas, id: NetId, ages: BaselineAges, number: u16) -> Option<BitRun> {
        let now = self.tick;
        let (first, row) = (&mut self.firsts[id.row()], &mut self.rows[id.row()]);
        if row.tick != now {
            (row.tick, row.kept) = (now, 0);
        }
        let kept = usize::from(row.kept);
        if let Some(at) = row.ages[..kept].iter().position(|of| *of == number) {
            return BitRun::of(row.bits[at], row.lengths[at].into());
        }
        let run = encode_delta(replicas.state(id), &baseline(replicas, id, now, ages));
        self.encoded += 1;
        if run.is_some_and(|run| run.len() > KEPT_BITS_MAX) {
            return run;
        }
        let (bits, length) = run.map_or((0, 0), |run| (run.low(), run.len() as u8));
        if first.tick != now {
            *first = First { tick: now, ages: number, length, bits };
        } else if kept < KEPT {
            (row.ages[kept], row.lengths[kept], row.bits[kept]) = (number, length, bits);
            row.kept += 1;
        }
        run
    }
}

/// The entity's states of these ages at `now`.
pub fn baseline(replicas: &Replicas, id: NetId, now: Tick, ages: BaselineAges) -> Baseline {
    let past = replicas.past(id);
    let state = |age: u8| past?.at(Tick(now.0 - u32::from(age))).copied();
    Baseline::gather(ages, state).expect("a baseline was sent from this very history, at most 63 ticks ago")
}
