//! What a difference builds on: up to three states of the entity that both ends hold.
//!
//! One state says where it was, a second how fast it was, a third whether that was changing. All three are named by their
//! age in ticks, because only the server knows which acknowledgements have reached it.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{BASELINE_TICKS, baseline_age};
use crate::state::EntityState;

/// Most states of a baseline.
pub const BASELINE_STATES: usize = 3;
/// Ticks between the states of a baseline that have a code. Entities are told at rates that priority decides: 1 is for
/// those told in every tick, 3 for 20 Hz, 6 for 10 Hz, the others for what losses leave.
const STEPS: [u8; 7] = [1, 2, 3, 4, 6, 8, 12];

/// Which states a difference builds on, named by their age in ticks.
///
/// One number, and not three: a baseline is copied in words, and a word that was just written byte by byte is not there
/// before everything that was written earlier is, which in a store of thousands of entities takes as long as memory does.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BaselineAges(u32);

impl BaselineAges {
    /// The state `newest` ticks ago and as many as `older` (0..=2) before it, each `step` ticks apart; without older ones
    /// the step is 0. None if that has no name on the wire.
    #[must_use]
    pub fn new(newest: u8, step: u8, older: u8) -> Option<Self> {
        let oldest = u32::from(newest) + u32::from(step) * u32::from(older);
        let is_named = if older == 0 { step == 0 } else { STEPS.contains(&step) };
        let ages = Self::of(newest, step, older);
        (newest > 0 && oldest < BASELINE_TICKS && usize::from(older) < BASELINE_STATES && is_named).then_some(ages)
    }

    /// Newest in the lowest byte, then step, then older.
    const fn of(newest: u8, step: u8, older: u8) -> Self {
        Self(u32::from_le_bytes([newest, step, older, 0]))
    }

    /// spec: SNP-8. What to build on, given the mask of acknowledged ages (bit k: the state k ticks ago is known to the
    /// client): the newest state as [`baseline_age`] says, and behind it two in the shortest step, else one.
    #[must_use]
    pub fn choose(acked: u64) -> Option<Self> {
        let newest = baseline_age(acked)?;
        let older = acked >> newest;
        for count in [2, 1] {
            for step in STEPS {
                let behind = (1..=count).all(|i| older >> (u32::from(step) * i).min(63) & 1 != 0);
                if behind && let Some(ages) = Self::new(newest, step, count as u8) {
                    return Some(ages);
                }
            }
        }
        Self::new(newest, 0, 0)
    }

    /// Age of the newest state, 1..=63 ticks.
    #[must_use]
    pub const fn newest(self) -> u8 {
        self.0 as u8
    }

    /// Ticks from one state to the one before; 0 if there is only one.
    #[must_use]
    pub const fn step(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// States before the newest, 0..=2.
    #[must_use]
    pub const fn older(self) -> usize {
        (self.0 >> 16) as usize
    }

    /// The ages of all its states, newest first.
    pub fn ticks(self) -> impl Iterator<Item = u8> {
        (0..=self.older() as u8).map(move |i| self.newest() + self.step() * i)
    }

    /// Bit k for a state of age k.
    #[inline]
    #[must_use]
    pub fn mask(self) -> u64 {
        self.ticks().fold(0, |mask, age| mask | 1_u64.checked_shl(u32::from(age)).unwrap_or(0))
    }

    /// The number that stands for step and count: 0 for one state alone, then two states by step, then three by step.
    #[must_use]
    pub(super) fn step_code(self) -> u8 {
        let at = STEPS.iter().position(|&step| step == self.step()).map_or(0, |at| at as u8 + 1);
        at + if self.older() == 2 { STEPS.len() as u8 } else { 0 }
    }

    /// Undoes [`Self::step_code`]. None if the code is reserved or the oldest state would be too old.
    #[must_use]
    pub(super) fn from_code(newest: u8, code: u8) -> Option<Self> {
        let Some(at) = code.checked_sub(1) else { return Self::new(newest, 0, 0) };
        let (older, at) = if usize::from(at) < STEPS.len() { (1, at) } else { (2, at - STEPS.len() as u8) };
        Self::new(newest, *STEPS.get(usize::from(at))?, older)
    }

    /// A number of its own.
    #[must_use]
    pub fn number(self) -> u16 {
        u16::from(self.newest()) << 4 | u16::from(self.step_code())
    }
}

impl std::fmt::Debug for BaselineAges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ticks()).finish()
    }
}

/// The states that a difference builds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    ages: BaselineAges,
    states: [EntityState; BASELINE_STATES],
}

impl Baseline {
    /// The states that `ages` names; `state` gives the state of an age. None if it has none for one of them.
    #[inline]
    #[must_use]
    pub fn gather(ages: BaselineAges, mut state: impl FnMut(u8) -> Option<EntityState>) -> Option<Self> {
        let mut states = [EntityState::default(); BASELINE_STATES];
        for (slot, age) in states.iter_mut().zip(ages.ticks()) {
            *slot = state(age)?;
        }
        Some(Self { ages, states })
    }

    /// How old its states are.
    #[must_use]
    pub const fn ages(&self) -> BaselineAges {
        self.ages
    }

    /// Its states, newest first; those beyond [`BaselineAges::older`] mean nothing.
    #[must_use]
    pub const fn states(&self) -> &[EntityState; BASELINE_STATES] {
        &self.states
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ages(newest: u8, step: u8, older: u8) -> BaselineAges {
        BaselineAges::new(newest, step, older).unwrap()
    }

    /// proves: SNP-8
    #[test]
    fn three_states_in_the_shortest_step_are_preferred_then_two_then_one() {
        assert_eq!(BaselineAges::choose(0b111_1100_0000), Some(ages(6, 1, 2)));
        assert_eq!(BaselineAges::choose(1 << 6 | 1 << 9 | 1 << 12), Some(ages(6, 3, 2)));
        assert_eq!(BaselineAges::choose(1 << 6 | 1 << 7 | 1 << 10 | 1 << 14), Some(ages(6, 4, 2)));
        assert_eq!(BaselineAges::choose(1 << 6 | 1 << 8), Some(ages(6, 2, 1)));
        assert_eq!(BaselineAges::choose(1 << 6 | 1 << 11), Some(ages(6, 0, 0)), "no code for a step of five");
        assert_eq!(BaselineAges::choose(1 << 48 | 1 << 60), Some(ages(48, 12, 1)));
        assert_eq!(BaselineAges::choose(1 << 63), Some(ages(63, 0, 0)));
        assert_eq!(BaselineAges::choose(1), None);
    }

    #[test]
    fn every_name_has_a_code_of_its_own_and_codes_name_nothing_too_old() {
        for newest in 1..64 {
            let mut named = 0;
            for code in 0..16 {
                let Some(ages) = BaselineAges::from_code(newest, code) else { continue };
                assert_eq!(ages.step_code(), code);
                assert!(ages.ticks().all(|age| (1..64).contains(&age) && ages.mask() >> age & 1 != 0));
                assert_eq!(ages.mask().count_ones() as usize, ages.older() + 1);
                assert_eq!(ages.ticks().count(), ages.older() + 1);
                named += 1;
            }
            assert!(named >= 1, "a state alone is always a baseline");
            assert_eq!(BaselineAges::from_code(newest, 15), None, "reserved");
        }
        assert_eq!(BaselineAges::from_code(0, 0), None);
        assert_eq!(BaselineAges::from_code(60, 14), None);
        assert_eq!(BaselineAges::new(4, 5, 1), None);
        assert_eq!(BaselineAges::new(4, 1, 0), None);
    }
}
