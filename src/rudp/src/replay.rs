//! The replay window: which of the newest 1,024 sequences of one direction have been accepted already.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::arithmetic_side_effects)]

/// Sequences the window remembers, counted back from the newest accepted one. The standard's own 256 are 2.1 s at 120
/// packets/s, less than a late packet on a bad mobile link; 1,024 are 8.5 s.
pub const REPLAY_WINDOW: u64 = 1024;

const WORDS: usize = (REPLAY_WINDOW / 64) as usize;

/// Why a sequence may not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// 1,024 or more below the newest: nobody can tell any more.
    #[error("sequence is below the replay window")]
    Stale,
    /// It has been accepted before.
    #[error("sequence was accepted before")]
    Repeated,
}

/// The window of one direction. Test before opening, commit after: a forged high sequence then moves nothing.
#[derive(Clone, Debug, Default)]
pub struct ReplayWindow {
    newest: Option<u64>,
    /// Bit `sequence % 1024`: accepted, for sequences within the window below and including `newest`.
    seen: [u64; WORDS],
}

impl ReplayWindow {
    /// The newest accepted sequence.
    #[must_use]
    pub fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// Whether a packet of this sequence is worth opening. spec: SES-14
    ///
    /// # Errors
    /// [`ReplayError`] when it was seen or can no longer be told apart.
    pub fn test(&self, sequence: u64) -> Result<(), ReplayError> {
        let Some(newest) = self.newest else { return Ok(()) };
        // In subtraction form: `sequence + 1024 <= newest` overflows near the top of the range.
        match newest.checked_sub(sequence) {
            None => Ok(()),
            Some(behind) if behind >= REPLAY_WINDOW => Err(ReplayError::Stale),
            Some(_) if self.word(sequence) & bit(sequence) != 0 => Err(ReplayError::Repeated),
            Some(_) => Ok(()),
        }
    }

    /// Records a packet that has been opened.
    pub fn commit(&mut self, sequence: u64) {
        debug_assert!(self.test(sequence).is_ok(), "commit follows a passed test");
        match self.newest {
            Some(newest) if sequence <= newest => {}
            Some(newest) if sequence.abs_diff(newest) < REPLAY_WINDOW => {
                let mut passed = newest;
                while passed != sequence {
                    passed = passed.wrapping_add(1);
                    *self.word_mut(passed) &= !bit(passed);
                }
                self.newest = Some(sequence);
            }
            _ => {
                self.seen = [0; WORDS];
                self.newest = Some(sequence);
            }
        }
        *self.word_mut(sequence) |= bit(sequence);
    }

    fn word(&self, sequence: u64) -> u64 {
        self.seen[slot(sequence)]
    }

    fn word_mut(&mut self, sequence: u64) -> &mut u64 {
        &mut self.seen[slot(sequence)]
    }
}

/// Always below [`WORDS`].
fn slot(sequence: u64) -> usize {
    ((sequence % REPLAY_WINDOW) / 64) as usize
}

fn bit(sequence: u64) -> u64 {
    1u64.wrapping_shl((sequence % 64) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(sequences: impl IntoIterator<Item = u64>) -> ReplayWindow {
        let mut window = ReplayWindow::default();
        for sequence in sequences {
            window.test(sequence).unwrap();
            window.commit(sequence);
        }
        window
    }

    /// proves: SES-14
    #[test]
    fn a_sequence_is_accepted_once() {
        let window = accepted(0..100);
        for sequence in 0..100 {
            assert_eq!(window.test(sequence), Err(ReplayError::Repeated));
        }
        assert_eq!(window.test(100), Ok(()));
    }

    #[test]
    fn late_packets_inside_the_window_pass_and_below_it_are_stale() {
        let window = accepted([5000]);
        assert_eq!(window.test(5000 - 1023), Ok(()));
        assert_eq!(window.test(5000 - 1024), Err(ReplayError::Stale));
        assert_eq!(window.test(0), Err(ReplayError::Stale));
    }

    #[test]
    fn a_jump_forgets_exactly_what_left_the_window() {
        let mut window = accepted(0..1024);
        window.commit(1500);
        assert_eq!(window.test(476), Err(ReplayError::Stale));
        assert_eq!(window.test(477), Err(ReplayError::Repeated));
        for sequence in 1024..1500 {
            assert_eq!(window.test(sequence), Ok(()), "{sequence} shares a bit with {}", sequence - 1024);
        }
        window.commit(1_000_000);
        assert_eq!(window.test(999_999), Ok(()));
        assert_eq!(window.test(1_000_000), Err(ReplayError::Repeated));
    }

    #[test]
    fn the_top_of_the_range_neither_overflows_nor_wraps() {
        let mut window = accepted([u64::MAX - 1]);
        assert_eq!(window.test(u64::MAX), Ok(()));
        window.commit(u64::MAX);
        assert_eq!(window.test(u64::MAX), Err(ReplayError::Repeated));
        assert_eq!(window.test(u64::MAX - 1), Err(ReplayError::Repeated));
        assert_eq!(window.test(u64::MAX - 1023), Ok(()));
        assert_eq!(window.test(u64::MAX - 1024), Err(ReplayError::Stale));
        assert_eq!(window.test(0), Err(ReplayError::Stale), "the sequence does not wrap to zero");
    }

    #[test]
    fn agrees_with_a_set_of_everything_seen() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        let (mut window, mut seen, mut newest) = (ReplayWindow::default(), std::collections::BTreeSet::new(), 0u64);
        for _ in 0..20_000 {
            let sequence = (newest + 1400).saturating_sub(rng.next_u64() % 2800);
            let expected = if seen.contains(&sequence) && newest - sequence < 1024 {
                Err(ReplayError::Repeated)
            } else if newest.saturating_sub(sequence) >= 1024 {
                Err(ReplayError::Stale)
            } else {
                Ok(())
            };
            assert_eq!(window.test(sequence), expected, "{sequence} against newest {newest}");
            if expected.is_ok() {
                window.commit(sequence);
                seen.insert(sequence);
                newest = newest.max(sequence);
            }
        }
        assert!(newest > 100_000);
    }
}
