//! Who has done how much to whom: credit for a death, and whom a mob is after.

use arrayvec::ArrayVec;
use bevy_ecs::prelude::Component;
use protocol::NetId;
use serde::{Deserialize, Serialize};

/// Most attackers that are remembered; beyond, who did least is forgotten.
pub(crate) const ATTACKERS_MAX: usize = 16;

/// Damage that a fighter took in the fight that it is in, by who did it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Harm(pub(crate) Scores);

/// Whom a mob is after: the one with the highest score.
#[derive(Clone, Debug, Default, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Threat(pub(crate) Scores);

/// Scores of a few, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scores(ArrayVec<(NetId, i64), ATTACKERS_MAX>);

impl Scores {
    /// Adds to somebody's score.
    pub(crate) fn add(&mut self, id: NetId, score: i64) {
        if let Some((_, known)) = self.0.iter_mut().find(|(known, _)| *known == id) {
            *known = known.saturating_add(score);
            return;
        }
        if self.0.is_full() {
            let least = self.0.iter().enumerate().min_by_key(|(_, (id, score))| (*score, *id));
            let (at, &(_, lowest)) = least.expect("a full list has a least");
            if lowest >= score {
                return;
            }
            self.0.remove(at);
        }
        self.0.push((id, score));
    }

    /// Puts somebody before all others.
    pub(crate) fn put_first(&mut self, id: NetId) {
        let top = self.0.iter().map(|&(_, score)| score).max().unwrap_or(0);
        self.forget(id);
        self.add(id, top.saturating_add(1).max(1));
    }

    /// Who has the highest score, the lowest id among equals.
    pub(crate) fn first(&self) -> Option<NetId> {
        self.0.iter().max_by_key(|(id, score)| (*score, std::cmp::Reverse(*id))).map(|&(id, _)| id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (NetId, i64)> {
        self.0.iter().copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn forget(&mut self, id: NetId) {
        self.0.retain(|&mut (known, _)| known != id);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_more_than_fit_who_did_least_is_forgotten() {
        let mut scores = Scores::default();
        for id in 0..ATTACKERS_MAX as u16 {
            scores.add(NetId(id), 100 + i64::from(id));
        }
        scores.add(NetId(90), 5);
        assert!(scores.iter().all(|(id, _)| id != NetId(90)), "less than all others");
        scores.add(NetId(91), 500);
        assert_eq!(scores.first(), Some(NetId(91)));
        assert!(scores.iter().all(|(id, _)| id != NetId(0)), "the least made room");
    }

    #[test]
    fn who_is_put_first_is_first_until_another_does_more() {
        let mut scores = Scores::default();
        scores.add(NetId(1), 1_000);
        scores.put_first(NetId(2));
        assert_eq!(scores.first(), Some(NetId(2)));
        scores.add(NetId(1), 2);
        assert_eq!(scores.first(), Some(NetId(1)));
    }
}
