//! Which slots are taken.

use protocol::snapshot::SLOTS_MAX;
use serde::{Deserialize, Serialize};
use std::ops::Range;

const WORD_BITS: usize = u64::BITS as usize;

/// Slot numbers below [`SLOTS_MAX`]. Whoever passed through a crowd has had many slots and has few: what is done for each
/// slot must not be done for those.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct SlotSet {
    /// Bit by bit; the last word is not 0.
    words: Vec<u64>,
}

impl SlotSet {
    /// An empty set with room for slots below `slots`.
    pub fn with_capacity(slots: usize) -> Self {
        Self { words: Vec::with_capacity(slots.div_ceil(WORD_BITS)) }
    }

    /// One more than the highest; 0 if there is none.
    pub fn end(&self) -> usize {
        self.words.last().map_or(0, |word| self.words.len() * WORD_BITS - word.leading_zeros() as usize)
    }

    /// Adds the lowest that is not in it: low numbers keep tables short, and gaps between numbers cost bits on the wire.
    /// None if all are in it.
    pub fn add_lowest(&mut self) -> Option<u16> {
        let at = self.words.iter().position(|word| *word != u64::MAX).unwrap_or(self.words.len());
        if at * WORD_BITS == SLOTS_MAX {
            return None;
        }
        if at == self.words.len() {
            self.words.push(0);
        }
        let bit = self.words[at].trailing_ones();
        self.words[at] |= 1 << bit;
        Some((at * WORD_BITS) as u16 + bit as u16)
    }

    /// Takes one out.
    pub fn remove(&mut self, slot: u16) {
        self.words[usize::from(slot) / WORD_BITS] &= !(1 << (usize::from(slot) % WORD_BITS));
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }

    /// All, 64 by 64: bit k of word w is set if it holds 64 w + k. The last word is not 0.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// All, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (0..).zip(&self.words).flat_map(|(at, &word)| bits(word).map(move |bit| at * WORD_BITS as u16 + bit))
    }

    /// Runs of at most 64 numbers that hold all of it, each from one of it to another.
    pub fn runs(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let words = (0..).step_by(WORD_BITS).zip(&self.words).filter(|(_, word)| **word != 0);
        words.map(|(start, word)| {
            start + word.trailing_zeros() as usize..start + WORD_BITS - word.leading_zeros() as usize
        })
    }
}

/// The bits that are set, lowest first.
pub(super) fn bits(mut word: u64) -> impl Iterator<Item = u16> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as u16)?;
        word &= word - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_is_given_out_and_the_end_follows_the_highest() {
        let mut set = SlotSet::default();
        assert_eq!((set.end(), set.iter().next()), (0, None));
        let given: Vec<_> = (0..130).map(|_| set.add_lowest().unwrap()).collect();
        assert_eq!(given, (0..130).collect::<Vec<_>>());
        assert_eq!(set.end(), 130);
        (3..130).for_each(|slot| set.remove(slot));
        assert_eq!((set.end(), set.iter().collect::<Vec<_>>()), (3, vec![0, 1, 2]));
        set.remove(1);
        assert_eq!((set.add_lowest(), set.add_lowest()), (Some(1), Some(3)));
        [0, 1, 2, 3].into_iter().for_each(|slot| set.remove(slot));
        assert_eq!((set.end(), set.runs().count()), (0, 0));
    }

    #[test]
    fn runs_hold_all_of_it_and_little_else() {
        let mut set = SlotSet::default();
        (0..300).for_each(|_| assert!(set.add_lowest().is_some()));
        (0..300).filter(|slot| ![5, 9, 63, 200, 299].contains(slot)).for_each(|slot| set.remove(slot));
        assert_eq!(set.runs().collect::<Vec<_>>(), [5..64, 200..201, 299..300]);
    }

    #[test]
    fn it_is_full_at_the_last_slot() {
        let mut set = SlotSet::default();
        assert_eq!((0..SLOTS_MAX).map_while(|_| set.add_lowest()).count(), SLOTS_MAX);
        assert_eq!((set.add_lowest(), set.end()), (None, SLOTS_MAX));
        set.remove(77);
        assert_eq!((set.add_lowest(), set.add_lowest()), (Some(77), None));
    }
}
