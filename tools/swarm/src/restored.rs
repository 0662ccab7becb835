//! Whether a server that was killed gave a player back where it was.

use protocol::unit::SUBUNITS_PER_M;
use std::collections::VecDeque;

/// Places that a restored player may have: those of the last 5 s, the age a checkpoint may have.
const PLACES_MAX: usize = 5 * 60;
/// A checkpoint may be of a tick that the bot was never told: 0.5 s at full speed and a rounding, in subunits (3.5 m).
const BEYOND: i64 = SUBUNITS_PER_M as i64 * 7 / 2;

/// Ticks for which a server without inputs goes on with the last one...
const PATIENCE_TICKS: u32 = 30;
/// ...which comes after those that wait for their tick.
const INPUTS_WAITING: u32 = 8;
/// The server is ahead of what any bot has heard by at most so much: 100 ms, by which the swarm may be late before it says so, and
/// more than the quickest of all links takes.
const UNHEARD_TICKS: u32 = 6;
/// The longest step of a tick, in subunits: 0.1 m.
const STEP: i64 = SUBUNITS_PER_M as i64 / 10;

/// Where a player was, east and north in subunits, over its last seconds.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    places: VecDeque<(i32, i32)>,
    is_gone: bool,
    /// In this session, since it was last told that it lies dead, so many times that it lives.
    alive_for: usize,
    /// A session has lasted for so long that it must have been saved, and alive.
    is_saved: bool,
    /// Its session stands, and it may have walked on for so long, in subunits.
    walked_on: i64,
}

impl Restored {
    /// The session is lost: the next place must be one of those known.
    pub fn on_gone(&mut self) {
        self.is_gone |= !self.places.is_empty();
    }

    /// It goes, and what it had heard of the player last was so many ticks older than what anybody had: for as long the player
    /// has walked on unseen. Of whom the server is told nothing, and does not know better, that one goes where his last input
    /// led for half a second more.
    pub fn walks_on(&mut self, behind_ticks: u32, says_goodbye: bool) {
        let unseen = behind_ticks + UNHEARD_TICKS;
        let ticks = if says_goodbye { unseen } else { unseen + PATIENCE_TICKS + INPUTS_WAITING };
        self.walked_on = i64::from(ticks) * STEP;
    }

    /// The player is told where it is, and whether it lies dead there. Whoever is saved dead comes back alive, and at a
    /// graveyard, and whoever was never saved begins anew, each time elsewhere: if that may have been so, his place is not
    /// judged. That he once came back to a place where he had been proves no record: of a server that dies every second
    /// nobody is saved, and a beginning may be the same twice.
    ///
    /// After a loss, how many times it had been told of itself since it was there last; none if that is not judged.
    ///
    /// # Errors
    /// After a loss, a sentence if it was restored to somewhere else.
    pub fn on_own(&mut self, place: (i32, i32), is_dead: bool) -> Result<Option<usize>, String> {
        let judged = if std::mem::take(&mut self.is_gone) { self.judge(place) } else { Ok(None) };
        self.alive_for = if is_dead { 0 } else { self.alive_for + 1 };
        // As many as are remembered, and one that nobody was told of, may be from before the last save.
        self.is_saved = !is_dead && (self.is_saved || self.alive_for > PLACES_MAX);
        if self.places.len() == PLACES_MAX {
            self.places.pop_front();
        }
        self.places.push_back(place);
        judged
    }

    fn judge(&mut self, place: (i32, i32)) -> Result<Option<usize>, String> {
        let age = self.age_of(place);
        let last = self.places.back().copied().unwrap_or(place);
        self.places.clear();
        self.alive_for = 0;
        let beyond = BEYOND.max(std::mem::take(&mut self.walked_on));
        let (dx, dy) = (i64::from(place.0) - i64::from(last.0), i64::from(place.1) - i64::from(last.1));
        if age.is_some() || !self.is_saved {
            return Ok(age);
        }
        if dx * dx + dy * dy <= beyond * beyond {
            return Ok(Some(0));
        }
        let metres = |subunits: i64| subunits as f64 / f64::from(SUBUNITS_PER_M);
        Err(format!("{:.1} m east and {:.1} m north of its last place", metres(dx), metres(dy)))
    }
}

impl Restored {
    /// How many times ago it was there, or on the way from one place to the next.
    fn age_of(&self, place: (i32, i32)) -> Option<usize> {
        let known = || self.places.iter().rev();
        let exact = known().position(|known| *known == place);
        exact.or_else(|| known().zip(known().skip(1)).position(|(to, from)| is_on_the_way(*from, *to, place)))
    }
}

/// Whether a place is beside the way between two that were told one after the other. A server that has much to do does not
/// tell each tick, and may save one that it has not told.
fn is_on_the_way(from: (i32, i32), to: (i32, i32), place: (i32, i32)) -> bool {
    let metres = |of: (i32, i32)| {
        let from_m = |to: i32, from: i32| (f64::from(to) - f64::from(from)) / f64::from(SUBUNITS_PER_M);
        (from_m(of.0, from.0), from_m(of.1, from.1))
    };
    let ((way_x, way_y), (x, y)) = (metres(to), metres(place));
    let way_squared = way_x * way_x + way_y * way_y;
    if way_squared > WAY_M_MAX * WAY_M_MAX {
        return false;
    }
    let along = if way_squared > 0.0 { ((x * way_x + y * way_y) / way_squared).clamp(0.0, 1.0) } else { 0.0 };
    (x - along * way_x).hypot(y - along * way_y) <= BESIDE_M_MAX
}

/// The longest way that counts, m: a second at full speed. Who is put elsewhere has not walked there.
const WAY_M_MAX: f64 = 6.0;
/// How far beside it, m: ways are not straight, and whoever stands in another one's place is pushed aside.
const BESIDE_M_MAX: f64 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_session_stands_may_have_walked_on_for_half_a_second_beyond_what_it_heard() {
        let metres = |m: i64| ((599 * 8_192) + m * i64::from(SUBUNITS_PER_M)) as i32;
        // 44 ticks without a goodbye are 4.4 m; 6 with one are less than what is granted to everybody.
        for (behind, says_goodbye, m, is_right) in [
            (0, false, 4, true),
            (0, false, 5, false),
            (12, false, 5, true),
            (12, false, 6, false),
            (30, false, 7, true),
            (30, true, 3, true),
            (30, true, 4, false),
        ] {
            let mut restored = lost();
            restored.is_gone = false;
            restored.walks_on(behind, says_goodbye);
            restored.on_gone();
            assert_eq!(restored.on_own((metres(m), 0), false).is_ok(), is_right, "{behind} {says_goodbye} {m}");
        }
        assert!(lost().on_own((metres(4), 0), false).is_err(), "who said goodbye walks no further");
    }

    /// A player that ran east for 10 s at 6 m/s, a tenth of a metre per tick, and was lost.
    fn lost() -> Restored {
        let mut restored = Restored::default();
        for tick in 0..600 {
            assert_eq!(restored.on_own((tick * 8_192, 0), false), Ok(None));
        }
        restored.on_gone();
        restored
    }

    #[test]
    fn any_place_of_the_last_five_seconds_will_do() {
        assert_eq!(lost().on_own((300 * 8_192, 0), false), Ok(Some(299)));
        assert_eq!(lost().on_own((599 * 8_192, 0), false), Ok(Some(0)));
    }

    #[test]
    fn older_places_and_others_will_not() {
        assert_eq!(
            lost().on_own((290 * 8_192, 0), false).unwrap_err(),
            "-30.9 m east and 0.0 m north of its last place"
        );
        assert!(lost().on_own((400 * 8_192, SUBUNITS_PER_M * 6 / 10), false).is_err());
        assert!(lost().on_own((599 * 8_192, SUBUNITS_PER_M * 4), false).is_err());
    }

    #[test]
    fn half_a_second_beyond_the_last_place_will_do() {
        assert_eq!(lost().on_own((599 * 8_192 + 3 * SUBUNITS_PER_M, SUBUNITS_PER_M), false), Ok(Some(0)));
    }

    #[test]
    fn only_the_first_place_after_a_loss_is_judged() {
        let mut restored = lost();
        restored.on_own((599 * 8_192, 0), false).unwrap();
        assert_eq!(restored.on_own((0, 0), false), Ok(None));
        assert_eq!(Restored::default().on_own((5, 5), false), Ok(None));
    }

    #[test]
    fn who_lay_dead_within_the_last_five_seconds_may_come_back_elsewhere() {
        let lying = |alive_after: i32| {
            let mut restored = Restored::default();
            for tick in 0..=alive_after {
                assert_eq!(restored.on_own((tick * 8_192, 0), tick == 0), Ok(None));
            }
            restored.on_gone();
            restored
        };
        assert_eq!(lying(0).on_own((0, 400 * SUBUNITS_PER_M), false), Ok(None));
        assert_eq!(lying(300).on_own((0, 400 * SUBUNITS_PER_M), false), Ok(None));
        assert!(lying(301).on_own((0, 400 * SUBUNITS_PER_M), false).is_err());
    }

    #[test]
    fn who_was_not_in_for_five_seconds_may_never_have_been_saved() {
        let mut restored = Restored::default();
        for session in 0..3 {
            for tick in 0..250 {
                assert_eq!(restored.on_own((tick, session * 400 * SUBUNITS_PER_M), false), Ok(None));
            }
            restored.on_gone();
        }
    }

    #[test]
    fn who_came_back_by_chance_to_where_he_was_need_not_have_been_saved() {
        let mut restored = Restored::default();
        let mut live = |east: i32, ticks: usize| {
            let told: Vec<_> = (0..ticks).map(|_| restored.on_own((east * SUBUNITS_PER_M, 0), false)).collect();
            restored.on_gone();
            told[0].clone()
        };
        assert_eq!(
            [live(10, 70), live(400, 1), live(400, 4), live(900, 70)],
            [Ok(None), Ok(None), Ok(Some(0)), Ok(None)]
        );
        // Now it must have been.
        assert_eq!(live(900, 301), Ok(Some(0)));
        assert_eq!(live(900, 1), Ok(Some(0)));
        assert!(live(950, 1).is_err());
    }

    #[test]
    fn a_tick_that_was_not_told_may_have_been_saved() {
        let mut restored = Restored::default();
        let m = SUBUNITS_PER_M;
        for second in 0..400 {
            restored.on_own((second * m * 5, 0), false).unwrap();
        }
        restored.on_gone();
        let back = |place| restored.clone().on_own(place, false);
        assert_eq!(back((1_902 * m, m / 4)), Ok(Some(18)));
        assert!(back((1_902 * m, m)).is_err(), "beside the way");
        assert!(back((400 * m, 0)).is_err(), "longer ago");
        restored.places.push_back((9_000 * m, 0));
        assert!(restored.on_own((5_000 * m, 0), false).is_err(), "between two that are no way");
    }
}
