//! One contestant after the other, each measured in the same way.
//!
//! No sockets and no ciphers: what a layer hands to its transport is handed to its clients in the same thread, and what
//! they acknowledge comes back when their round trips are over. Only the server's own work is timed.

use crate::crowd::{Crowd, Looks, Pose, chance};
use anyhow::{Result, ensure};
use measure::echo::process::ThreadClock;
use protocol::unit::{TICK_NS, TICK_RATE_HZ};
use std::hint::black_box;

/// Ticks before anything counts: everybody is in view of everybody, and known to be.
const WARM_UP_TICKS: u32 = 180;
/// Ticks in which everybody stands in the end, until which every client must hold all that is.
const REST_TICKS: u32 = 120;
/// From one look at what clients hold to the next: not a divisor of a second, so that no regular tick escapes.
const LOOK_TICKS: u32 = 7;
/// Of as many states a tick as there are entities, so many must come.
const TOLD_MIN: f64 = 0.999;
/// More than the caches of a processor hold, and how much of it they fetch at once.
const CACHES_BYTES: usize = 128 << 20;
const LINE_BYTES: usize = 64;
/// Angles are as exact as a step where they are told in steps; half of one leaves room for floats.
const STEPS_MAX: f64 = 0.5;

/// When the server knows what clients have got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RoundTrips {
    /// Before its next tick.
    None,
    /// After 20 to 200 ms, evenly spread.
    Spread,
}

impl RoundTrips {
    /// Longest, in ticks.
    pub const TICKS_MAX: usize = 13;

    /// A client's, in ticks.
    pub fn ticks(self, client: usize) -> usize {
        match self {
            Self::None => 1,
            Self::Spread => {
                let ns = 20e6 + 180e6 * chance(200, client as u64, 0);
                ((ns / TICK_NS as f64).ceil() as usize).min(Self::TICKS_MAX)
            }
        }
    }
}

/// What is asked of every contestant.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub entities: usize,
    pub clients: usize,
    pub seconds: u32,
    /// Runs of the same ticks, of each of which the least time counts.
    pub runs: u32,
    pub looks: Looks,
    pub round_trips: RoundTrips,
    /// Whether every tick begins with nothing of it in the processor's caches.
    pub is_cold: bool,
}

/// What a layer did in one tick.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turn {
    /// Processor time of the server, ns.
    pub server_ns: u64,
    /// Bytes that it handed to its transport, and in how many messages: of all clients.
    pub bytes: u64,
    pub messages: u64,
    /// States that clients read.
    pub updates: u64,
}

/// A server with a replication layer, and its clients.
pub trait Layer {
    /// One tick: the server takes what is known to have arrived, moves everybody, and tells everybody; the clients read.
    ///
    /// # Errors
    /// A client cannot read what it was told, or the thread's clock cannot be read.
    fn tick(&mut self, crowd: &Crowd) -> Result<Turn>;

    /// What a client holds of somebody; none when it does not know of him.
    fn held(&self, client: usize, mover: usize) -> Option<Pose>;
}

/// What must come of it.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// A client may be told less than everything in every tick, and only in the end must hold all.
    pub is_limited: bool,
    /// How far a place may be off for the way it is told, mm.
    pub mm_max: f64,
}

/// What was measured of one contestant; times of one tick of the server.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub tick_ns: f64,
    /// Of `tick_ns`, what telling the clients takes.
    pub telling_ns: f64,
    /// Per client and tick.
    pub bytes: f64,
    pub messages: f64,
    pub updates: f64,
    /// Worst seen while everybody moved.
    pub worst_mm: f64,
    /// Worst in the end, when everybody had stood for a while.
    pub rest_mm: f64,
    /// Why these are no figures.
    pub fault: Option<String>,
}

/// Mean time of a tick of `start`'s layer, ns, and its other figures.
///
/// # Errors
/// As [`Layer::tick`], or two runs did not do the same.
pub fn measure<L: Layer>(plan: &Plan, terms: Terms, mut start: impl FnMut(&Crowd) -> Result<L>) -> Result<Figures> {
    let (mut figures, mut least) = measure_once(plan, terms, &mut start)?;
    for _ in 1..plan.runs {
        let (again, ticks) = measure_once(plan, terms, &mut start)?;
        let work = |of: &Figures| (of.bytes, of.messages, of.updates);
        ensure!(work(&figures) == work(&again), "two runs did not do the same: {figures:?}, {again:?}");
        least.iter_mut().zip(ticks).for_each(|(least, ns)| *least = ns.min(*least));
    }
    figures.tick_ns = mean(&least);
    Ok(figures)
}

/// Mean time of a tick in which no client is told anything, ns.
///
/// # Errors
/// As [`measure`].
pub fn idle_ns<L: Layer>(plan: &Plan, start: impl FnMut(&Crowd) -> Result<L>) -> Result<f64> {
    // Nobody holds anything, so nothing can be compared.
    Ok(measure(&Plan { clients: 0, ..*plan }, Terms { is_limited: true, mm_max: 0.0 }, start)?.tick_ns)
}

fn measure_once<L: Layer>(
    plan: &Plan,
    terms: Terms,
    start: &mut impl FnMut(&Crowd) -> Result<L>,
) -> Result<(Figures, Vec<u64>)> {
    let mut crowd = Crowd::new(plan.entities, plan.looks);
    let mut layer = start(&crowd)?;
    let mut other_work = vec![0; if plan.is_cold { CACHES_BYTES } else { 0 }];
    let mut step = |layer: &mut L, crowd: &mut Crowd| {
        crowd.advance();
        other_work.iter_mut().step_by(LINE_BYTES).for_each(|byte: &mut u8| *byte = black_box(byte.wrapping_add(1)));
        layer.tick(crowd)
    };
    for _ in 0..WARM_UP_TICKS {
        step(&mut layer, &mut crowd)?;
    }
    let ticks = plan.seconds * TICK_RATE_HZ;
    let (mut total, mut times) = (Turn::default(), Vec::with_capacity(ticks as usize));
    let mut moving = Apart::default();
    for tick in 0..ticks {
        let turn = step(&mut layer, &mut crowd)?;
        times.push(turn.server_ns);
        total.bytes += turn.bytes;
        total.messages += turn.messages;
        total.updates += turn.updates;
        if tick % LOOK_TICKS == 0 {
            moving = moving.max(Apart::of(&layer, &crowd, plan.clients));
        }
    }
    crowd.stand();
    for _ in 0..REST_TICKS {
        step(&mut layer, &mut crowd)?;
    }
    let rest = Apart::of(&layer, &crowd, plan.clients);
    let each = |sum: u64| sum as f64 / f64::from(ticks) / plan.clients.max(1) as f64;
    let mut figures = Figures {
        bytes: each(total.bytes),
        messages: each(total.messages),
        updates: each(total.updates),
        worst_mm: moving.mm,
        rest_mm: rest.mm,
        ..Figures::default()
    };
    figures.fault = fault(plan, terms, &figures, moving, rest);
    Ok((figures, times))
}

/// Why a run shows nothing, if so.
fn fault(plan: &Plan, terms: Terms, figures: &Figures, moving: Apart, rest: Apart) -> Option<String> {
    if rest.unknown > 0 {
        return Some(format!("{} entities were unknown to some client in the end", rest.unknown));
    }
    let off = |of: Apart| of.mm > terms.mm_max || of.steps > STEPS_MAX;
    if off(rest) {
        return Some(format!("in the end a client was {:.2} mm and {:.1} steps off", rest.mm, rest.steps));
    }
    if terms.is_limited {
        return None;
    }
    let wanted = plan.entities as f64;
    if (figures.updates - wanted).abs() > wanted * (1.0 - TOLD_MIN) {
        return Some(format!("{:.1} states a tick and client of {wanted}", figures.updates));
    }
    if moving.unknown > 0 || off(moving) {
        let Apart { unknown, mm, steps } = moving;
        return Some(format!("a client was {mm:.2} mm and {steps:.1} steps off, and {unknown} entities were unknown"));
    }
    None
}

/// How far what clients hold is from what is.
#[derive(Clone, Copy, Debug, Default)]
struct Apart {
    mm: f64,
    steps: f64,
    /// Entities that a client does not know, over all clients.
    unknown: usize,
}

impl Apart {
    fn of(layer: &impl Layer, crowd: &Crowd, clients: usize) -> Self {
        let mut apart = Self::default();
        for (number, mover) in crowd.movers().iter().enumerate() {
            let truth = mover.pose();
            for client in 0..clients {
                match layer.held(client, number) {
                    Some(held) => {
                        let (mm, steps) = truth.apart(&held);
                        (apart.mm, apart.steps) = (apart.mm.max(mm), apart.steps.max(steps));
                    }
                    None => apart.unknown += 1,
                }
            }
        }
        apart
    }

    fn max(self, other: Self) -> Self {
        Self { mm: self.mm.max(other.mm), steps: self.steps.max(other.steps), unknown: self.unknown.max(other.unknown) }
    }
}

/// Times `work` of the server.
///
/// # Errors
/// Never on a working kernel.
pub fn timed(clock: ThreadClock, work: impl FnOnce()) -> Result<u64> {
    let begun = clock.ns()?;
    work();
    Ok(clock.ns()? - begun)
}

fn mean(values: &[u64]) -> f64 {
    values.iter().sum::<u64>() as f64 / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { is_limited: false, mm_max: 1.0 };

    fn plan() -> Plan {
        let (looks, round_trips) = (Looks::Smooth, RoundTrips::Spread);
        Plan { entities: 100, clients: 2, seconds: 1, runs: 1, looks, round_trips, is_cold: false }
    }

    fn judged(terms: Terms, updates: f64, moving: Apart, rest: Apart) -> Option<String> {
        fault(&plan(), terms, &Figures { updates, ..Figures::default() }, moving, rest)
    }

    #[test]
    fn whoever_tells_too_little_too_late_or_something_else_shows_nothing() {
        let (right, off) = (Apart { mm: 0.9, ..Apart::default() }, Apart { mm: 1.1, ..Apart::default() });
        let unknown = Apart { unknown: 1, ..right };
        assert_eq!(judged(TERMS, 100.0, right, right), None);
        assert!(judged(TERMS, 98.0, right, right).is_some_and(|why| why.starts_with("98.0 states")));
        for (moving, rest) in [(off, right), (right, off), (unknown, right), (right, unknown)] {
            assert!(judged(TERMS, 100.0, moving, rest).is_some(), "{moving:?}, {rest:?}");
        }
    }

    #[test]
    fn who_may_tell_less_must_have_told_everything_in_the_end() {
        let limited = Terms { is_limited: true, ..TERMS };
        let (right, off) = (Apart::default(), Apart { mm: 500.0, unknown: 3, ..Apart::default() });
        assert_eq!(judged(limited, 40.0, off, right), None);
        assert!(judged(limited, 40.0, right, off).is_some());
    }

    #[test]
    fn round_trips_are_spread_and_within_their_bounds() {
        let ticks: Vec<_> = (0..500).map(|client| RoundTrips::Spread.ticks(client)).collect();
        assert!(ticks.iter().all(|ticks| (2..RoundTrips::TICKS_MAX).contains(ticks)), "{ticks:?}");
        assert!((2..=12).all(|wanted| ticks.contains(&wanted)));
    }
}
