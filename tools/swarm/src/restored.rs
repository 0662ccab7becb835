//! Whether a server that was killed gave a player back where it was.

use protocol::unit::SUBUNITS_PER_M;
use std::collections::VecDeque;

/// Places that a restored player may have: those of the last 5 s, the age a checkpoint may have.
const PLACES_MAX: usize = 5 * 60;
/// A checkpoint may be of a tick that the bot was never told: 0.5 s at full speed and a rounding, in subunits (3.5 m).
const BEYOND: i64 = SUBUNITS_PER_M as i64 * 7 / 2;

/// Where a player was, east and north in subunits, over its last seconds.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    places: VecDeque<(i32, i32)>,
    is_gone: bool,
}

impl Restored {
    /// The session is lost: the next place must be one of those known.
    pub fn on_gone(&mut self) {
        self.is_gone |= !self.places.is_empty();
    }

    /// The player is told where it is.
    ///
    /// # Errors
    /// After a loss, a sentence if it was restored to somewhere else.
    pub fn on_own(&mut self, place: (i32, i32)) -> Result<(), String> {
        let judged = if std::mem::take(&mut self.is_gone) { self.judge(place) } else { Ok(()) };
        if self.places.len() == PLACES_MAX {
            self.places.pop_front();
        }
        self.places.push_back(place);
        judged
    }

    fn judge(&mut self, place: (i32, i32)) -> Result<(), String> {
        let was_there = self.places.contains(&place);
        let last = self.places.back().copied().unwrap_or(place);
        self.places.clear();
        let (dx, dy) = (i64::from(place.0) - i64::from(last.0), i64::from(place.1) - i64::from(last.1));
        if was_there || dx * dx + dy * dy <= BEYOND * BEYOND {
            return Ok(());
        }
        let metres = |subunits: i64| subunits as f64 / f64::from(SUBUNITS_PER_M);
        Err(format!("{:.1} m east and {:.1} m north of its last place", metres(dx), metres(dy)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A player that ran east for 10 s at 6 m/s, a tenth of a metre per tick, and was lost.
    fn lost() -> Restored {
        let mut restored = Restored::default();
        for tick in 0..600 {
            assert_eq!(restored.on_own((tick * 8_192, 0)), Ok(()));
        }
        restored.on_gone();
        restored
    }

    #[test]
    fn any_place_of_the_last_five_seconds_will_do() {
        assert_eq!(lost().on_own((300 * 8_192, 0)), Ok(()));
        assert_eq!(lost().on_own((599 * 8_192, 0)), Ok(()));
    }

    #[test]
    fn older_places_and_others_will_not() {
        assert_eq!(lost().on_own((299 * 8_192, 0)).unwrap_err(), "-30.0 m east and 0.0 m north of its last place");
        assert!(lost().on_own((400 * 8_192 + 1, 0)).is_err());
        assert!(lost().on_own((599 * 8_192, SUBUNITS_PER_M * 4)).is_err());
    }

    #[test]
    fn half_a_second_beyond_the_last_place_will_do() {
        assert_eq!(lost().on_own((599 * 8_192 + 3 * SUBUNITS_PER_M, SUBUNITS_PER_M)), Ok(()));
    }

    #[test]
    fn only_the_first_place_after_a_loss_is_judged() {
        let mut restored = lost();
        restored.on_own((599 * 8_192, 0)).unwrap();
        assert_eq!(restored.on_own((0, 0)), Ok(()));
        assert_eq!(Restored::default().on_own((5, 5)), Ok(()));
    }
}
