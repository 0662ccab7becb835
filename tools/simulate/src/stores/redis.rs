//! Redis: the newest checkpoints, until it forgets them.

use super::plan::{self, PATIENCE_NS, Plan};
use protocol::CharacterId;
use rand::RngExt;
use rand::rngs::StdRng;
use rudp::time::NS_PER_MS;
use server::{Saved, Trouble};
use std::collections::BTreeMap;

/// Redis.
#[derive(Debug, Default)]
pub struct Redis {
    /// What it keeps.
    pub checkpoints: BTreeMap<CharacterId, Saved>,
    /// What it must have when it was told all: what came to disk since it last forgot everything, and since the start.
    pub expected: BTreeMap<CharacterId, u64>,
    /// It does not answer.
    pub is_down: bool,
    /// It answers late.
    pub is_slow: bool,
}

/// A batch on its way: when it is over, and whether it is refused.
pub type Batch = (u64, Option<Trouble>);

impl Redis {
    /// Sends something on its way.
    pub fn send(&self, plan: &Plan, now_ns: u64, rng: &mut StdRng) -> Batch {
        let took_ns = plan::draw(rng, if self.is_slow { plan.redis_slow_ns } else { plan.redis_ns });
        let soon_ns = now_ns + rng.random_range(1..=50) * NS_PER_MS;
        if self.is_down {
            (soon_ns, Some(Trouble::Down))
        } else if plan::happens(rng, plan.refused) {
            (soon_ns, Some([Trouble::Full, Trouble::Starting, Trouble::ReadOnly][rng.random_range(0..3)]))
        } else if took_ns > PATIENCE_NS {
            (now_ns + PATIENCE_NS, Some(Trouble::Slow))
        } else {
            (now_ns + took_ns, None)
        }
    }

    /// A batch is over: whether it is there. What is refused may be there in part.
    pub fn land(&mut self, batch: Batch, records: &[(CharacterId, Saved)], rng: &mut StdRng) -> Result<(), Trouble> {
        let trouble = if self.is_down { Some(Trouble::Down) } else { batch.1 };
        let kept = match trouble {
            None => records.len(),
            Some(Trouble::Slow) => rng.random_range(0..=records.len()),
            Some(_) => 0,
        };
        for (character, saved) in &records[..kept] {
            if self.checkpoints.get(character).is_none_or(|there| there.revision <= saved.revision) {
                self.checkpoints.insert(*character, saved.clone());
            }
        }
        trouble.map_or(Ok(()), Err)
    }

    /// It was started anew, and had written nothing.
    pub fn forget(&mut self) {
        self.checkpoints.clear();
        self.expected.clear();
    }
}
