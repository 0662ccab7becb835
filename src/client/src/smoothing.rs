//! Corrections that are not seen: what was wrong is kept as an offset, and the offset is let go little by little.

/// Farther than this nothing is smoothed: the server has put the body elsewhere. 1 m is what 5 cm a frame bring back in a
/// third of a second at 60 frames a second.
pub const SNAP_M: f64 = 1.0;
/// No frame takes back more than this, whatever its length: 5 cm.
pub const FRAME_M_MAX: f64 = 0.05;
/// The offset is let go by this share of it in a second: nine tenths are gone after a quarter of a second...
const SHARE_PER_S: f64 = 10.0;
/// ...and by no less than this, m/s, so that the rest does not linger.
const PACE_MIN: f64 = 1.0;
/// ...and by no more, m/s: 5 cm in each of 60 frames a second. From 1 m to nothing takes 0.44 s.
const PACE_MAX: f64 = 3.0;

/// Metres east, north and up.
pub type Metres = [f64; 3];

/// What is shown less what is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Offset(Metres);

impl Offset {
    /// What is believed changed by `change`, and what is shown should not: the difference is let go later. True if it is
    /// so far that it is shown at once.
    pub fn absorb(&mut self, change: Metres) -> bool {
        for (offset, change) in self.0.iter_mut().zip(change) {
            *offset -= change;
        }
        let snaps = self.length() > SNAP_M;
        if snaps {
            self.0 = [0.0; 3];
        }
        snaps
    }

    /// Lets go what a frame of `passed_s` seconds may; `motion` is how far the body moved in it by itself. Motion against
    /// which the offset works is held back beyond the usual pace when the offset is large: who keeps running into
    /// something unforeseen stands still and does not run ever farther ahead.
    pub fn advance(&mut self, passed_s: f64, motion: Metres) {
        let length = self.length();
        if length == 0.0 {
            return;
        }
        let along = (0..3).map(|axis| motion[axis] * self.0[axis]).sum::<f64>() / length;
        let wanted = (length * SHARE_PER_S).max(PACE_MIN) * passed_s;
        let usual = (PACE_MAX * passed_s).min(FRAME_M_MAX);
        let let_go = wanted.min(usual + along.max(0.0)).min(length);
        let left = (length - let_go) / length;
        self.0 = self.0.map(|axis| axis * left);
    }

    /// What to add to what is believed.
    #[must_use]
    pub fn metres(&self) -> Metres {
        self.0
    }

    /// How far what is shown lies from what is believed, m.
    #[must_use]
    pub fn length(&self) -> f64 {
        self.0.iter().map(|axis| axis * axis).sum::<f64>().sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_S: f64 = 1.0 / 60.0;

    #[test]
    fn a_metre_is_gone_within_half_a_second_and_no_frame_takes_more_than_five_centimetres() {
        let mut offset = Offset::default();
        assert!(!offset.absorb([-0.6, 0.8, 0.0]));
        let mut frames = 0;
        while offset.length() > 0.0 {
            let before = offset.length();
            offset.advance(FRAME_S, [0.0; 3]);
            assert!(before - offset.length() <= FRAME_M_MAX + 1e-9);
            frames += 1;
        }
        assert!((20..=28).contains(&frames), "{frames} frames");
    }

    #[test]
    fn a_slow_frame_takes_no_more_than_a_quick_one_may() {
        let mut offset = Offset::default();
        offset.absorb([0.5, 0.0, 0.0]);
        offset.advance(0.2, [0.0; 3]);
        assert!((offset.length() - 0.45).abs() < 1e-9);
    }

    #[test]
    fn what_is_farther_than_a_metre_is_shown_at_once() {
        let mut offset = Offset::default();
        assert!(offset.absorb([1.1, 0.0, 0.0]));
        assert_eq!(offset.metres(), [0.0; 3]);
    }

    #[test]
    fn who_is_taken_back_as_fast_as_he_runs_stands_still_at_a_bounded_distance() {
        let mut offset = Offset::default();
        for _ in 0..600 {
            // Forward by a tick's run, and the server says no.
            assert!(!offset.absorb([-0.1, 0.0, 0.0]));
            offset.advance(FRAME_S, [0.1, 0.0, 0.0]);
        }
        assert!((0.4..0.8).contains(&offset.length()), "{}", offset.length());
    }

    #[test]
    fn motion_across_or_along_the_way_back_changes_nothing() {
        let mut still = Offset::default();
        still.absorb([-0.9, 0.0, 0.0]);
        let mut moving = still;
        still.advance(FRAME_S, [0.0; 3]);
        moving.advance(FRAME_S, [-0.1, 0.1, 0.0]);
        assert_eq!(still, moving);
    }
}
