//! What one client was told, second by second.

use protocol::unit::TICK_RATE_HZ;

/// How many of the entities in view are to be told how often, per second at least: the nearest first.
pub const MIX: [(usize, u32); 3] = [(16, 60), (24, 20), (24, 10)];

/// One second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Second {
    /// Bytes of datagrams, IP and UDP headers included.
    pub bytes: u64,
    pub datagrams: u64,
    pub classes: [Class; MIX.len()],
}

/// What became of those who were in one class of [`MIX`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Class {
    /// States of theirs that the client was told.
    pub told: u64,
    /// States of theirs that were not those of the tick before.
    pub new: u64,
}

impl Second {
    pub fn kbit(&self) -> f64 {
        self.bytes as f64 * 8.0 / 1_000.0
    }

    pub fn updates(&self) -> u64 {
        self.classes.iter().map(|class| class.told).sum()
    }
}

impl Class {
    /// How often one of them was told while there was something new to tell in every tick, Hz.
    pub fn rate(&self) -> f64 {
        f64::from(TICK_RATE_HZ) * self.told as f64 / self.new.max(1) as f64
    }
}

/// The class of the entity with so many nearer ones. None beyond the last.
pub fn class_of(nearer: usize) -> Option<usize> {
    let mut end = 0;
    MIX.iter().position(|(count, _)| {
        end += count;
        nearer < end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_filled_from_the_nearest_on() {
        assert_eq!(
            [0, 15, 16, 39, 40, 63, 64].map(class_of),
            [Some(0), Some(0), Some(1), Some(1), Some(2), Some(2), None]
        );
    }

    #[test]
    fn who_is_told_of_every_third_change_has_a_third_of_the_rate() {
        assert!((Class { told: 20, new: 60 }.rate() - 20.0).abs() < 1e-9);
        assert!((Class { told: 5, new: 5 }.rate() - 60.0).abs() < 1e-9, "of whom nothing changes nothing need be told");
    }
}
