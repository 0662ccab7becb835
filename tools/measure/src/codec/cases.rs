//! What a client holds when it is told of a state: the situations in which the codec is measured.

use super::recording::Moment;
use protocol::EntityState;
use protocol::snapshot::{Baseline, BaselineAges};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A state and what it is told against.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// What is told.
    pub now: EntityState,
    /// What the client holds; none if nothing that has a name is left.
    pub baseline: Option<Baseline>,
}

/// A situation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Case {
    /// Told in every tick and all of it arrived: the baseline is exactly this old, as a server that has no regard for what it
    /// could share would have it.
    Ticks(u8),
    /// As [`Case::Ticks`] in the frames of the recording, each taken for a tick: the newest is the one nearest to this
    /// many milliseconds before.
    Frames(i64),
    /// As six ticks, but this share of the states was lost.
    Loss(f64),
    /// Told in every so many ticks, six ticks until it is known.
    Every(u8),
}

/// Ticks until a state is known to have arrived: 100 ms.
const RTT_TICKS: usize = 6;
/// States that a client keeps.
const KEPT: usize = 64;

impl Case {
    /// Everything a player's recording gives for this case; `frames` for [`Case::Frames`], else `ticks`.
    pub fn told(self, frames: &[Moment], ticks: &[Moment], seed: u64) -> Vec<Option<Told>> {
        let mut rng = StdRng::seed_from_u64(seed);
        match self {
            Self::Ticks(age) => {
                let ages = BaselineAges::new(age, 1, 2);
                tell(ticks, 1, |_| ages)
            }
            Self::Every(every) => tell(ticks, usize::from(every), |_| BaselineAges::choose(known(every))),
            Self::Loss(share) => {
                let arrived: Vec<bool> = ticks.iter().map(|_| !rng.random_bool(share)).collect();
                let acked = |at: usize| {
                    let known = (RTT_TICKS..KEPT.min(at + 1)).filter(|age| arrived[at - age]);
                    known.fold(0, |mask, age| mask | 1 << age)
                };
                tell(ticks, 1, |at| BaselineAges::choose(acked(at)))
            }
            Self::Frames(age_ms) => tell(frames, 1, |at| {
                let off = |age: &usize| (frames[at].at_ms - frames[at - age].at_ms - age_ms).abs();
                let nearest = (1..KEPT.min(at + 1)).min_by_key(off)?;
                BaselineAges::new(nearest as u8, 1, 2)
            }),
        }
    }

    /// What it is called in tables.
    pub fn name(self) -> String {
        match self {
            Self::Ticks(1) => "1 tick".to_owned(),
            Self::Ticks(age) => format!("{age} ticks"),
            Self::Frames(ms) => format!("{ms} ms"),
            Self::Loss(share) => format!("{:.0} % lost", share * 100.0),
            Self::Every(every) => format!("{} Hz", 60 / every),
        }
    }
}

/// The ages that are known when every `every`th state is told and none is lost.
fn known(every: u8) -> u64 {
    let first = RTT_TICKS.next_multiple_of(usize::from(every));
    (first..KEPT).step_by(usize::from(every)).fold(0, |mask, age| mask | 1 << age)
}

/// By moment: none where nothing is told, because nothing has changed or the recording has a gap.
fn tell(moments: &[Moment], every: usize, mut ages: impl FnMut(usize) -> Option<BaselineAges>) -> Vec<Option<Told>> {
    let mut told = vec![None; moments.len()];
    for at in (KEPT..moments.len()).step_by(every) {
        let now = moments[at];
        let Some(ages) = ages(at) else {
            told[at] = Some(Told { now: now.state, baseline: None });
            continue;
        };
        let held = |age: u8| moments.get(at - usize::from(age)).map(|moment| moment.state);
        let is_dense = now.is_dense && ages.ticks().all(|age| moments[at - usize::from(age)].is_dense);
        let Some(baseline) = Baseline::gather(ages, held).filter(|_| is_dense) else { continue };
        if now.state != baseline.states()[0] {
            told[at] = Some(Told { now: now.state, baseline: Some(baseline) });
        }
    }
    told
}
