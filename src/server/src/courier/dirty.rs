//! Checkpoints that a store does not have: of each character only the newest.

use protocol::CharacterId;
use std::collections::BTreeMap;

/// Characters whose newest checkpoint a store does not have.
#[derive(Clone, Debug, Default)]
pub struct Dirty {
    /// Newest revision, and when it was saved.
    waiting: BTreeMap<CharacterId, (u64, u64)>,
    /// Where the next batch begins, so that everybody has a turn.
    next: u64,
}

impl Dirty {
    /// This is newer than what the store has.
    pub fn insert(&mut self, character: CharacterId, revision: u64, now_ns: u64) {
        let (known, _) = self.waiting.entry(character).or_insert((revision, now_ns));
        *known = revision.max(*known);
    }

    /// The next of them, at most so many. They stay until the store has them.
    pub fn batch(&mut self, max: usize) -> Vec<CharacterId> {
        let from = self.waiting.range(CharacterId(self.next)..).map(|(character, _)| *character);
        let batch: Vec<_> = from.chain(self.waiting.keys().copied()).take(max.min(self.waiting.len())).collect();
        self.next = batch.last().map_or(0, |last| last.0.wrapping_add(1));
        batch
    }

    /// The store has this.
    pub fn remove(&mut self, character: CharacterId, revision: u64) {
        if self.waiting.get(&character).is_some_and(|(newest, _)| *newest <= revision) {
            self.waiting.remove(&character);
        }
    }

    /// Nothing of this character is to be stored any more.
    pub fn forget(&mut self, character: CharacterId) {
        self.waiting.remove(&character);
    }

    /// Whether the store lacks something of this character.
    #[must_use]
    pub fn contains(&self, character: CharacterId) -> bool {
        self.waiting.contains_key(&character)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the store has everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How long the one that waits longest has waited; 0 if none waits.
    #[must_use]
    pub fn lag_ns(&self, now_ns: u64) -> u64 {
        self.waiting.values().map(|(_, since_ns)| now_ns.saturating_sub(*since_ns)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: CharacterId = CharacterId(1);

    #[test]
    fn a_newer_one_takes_the_place_of_an_older_one_and_stays_when_that_is_stored() {
        let mut dirty = Dirty::default();
        dirty.insert(ANN, 3, 10);
        dirty.insert(ANN, 4, 20);
        assert_eq!((dirty.len(), dirty.lag_ns(25)), (1, 15), "it waits since the first");
        dirty.remove(ANN, 3);
        assert!(dirty.contains(ANN));
        dirty.remove(ANN, 4);
        assert!(dirty.is_empty());
    }

    #[test]
    fn everybody_has_a_turn_although_those_in_front_come_again() {
        let mut dirty = Dirty::default();
        (1..=5).for_each(|id| dirty.insert(CharacterId(id), 1, 0));
        let ids = |batch: Vec<CharacterId>| batch.into_iter().map(|character| character.0).collect::<Vec<_>>();
        assert_eq!(ids(dirty.batch(2)), [1, 2]);
        assert_eq!(ids(dirty.batch(2)), [3, 4]);
        assert_eq!(ids(dirty.batch(2)), [5, 1]);
        assert_eq!(ids(dirty.batch(9)), [2, 3, 4, 5, 1]);
    }
}
