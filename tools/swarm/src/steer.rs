//! From where a bot is and wants to be to what its hands do.

use crate::dice::Dice;
use crate::movement::Place;
use protocol::input::button;

/// Full deflection of the movement vector.
const FULL: f32 = 127.0;
/// Within this distance of its goal, in metres, a bot slows down in proportion.
const SLOW_M: f32 = 1.0;
/// Nearer than this a bot stands.
const STAND_M: f32 = 0.05;
/// Sideways noise: each tick the sway keeps this share of itself...
const SWAY_KEPT: f32 = 0.96;
/// ...and gains up to this much either way. The sway settles at about 0.08 (5 degrees), as a hand on a stick would.
const SWAY_GAIN: f32 = 0.04;
/// Chance of a jump per tick of running: one in five seconds.
const JUMP: f32 = 1.0 / 300.0;
/// How often progress is looked at, in seconds.
const PROGRESS_S: f64 = 1.0;
/// Less than this far in [`PROGRESS_S`] at full speed means a wall, in metres.
const PROGRESS_M: f32 = 1.5;
/// Longest way around a wall before the goal is tried again, in seconds.
const DETOUR_S_MAX: f32 = 4.0;

/// What the hands want this tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// As in `protocol::Input`.
    pub move_x: i8,
    /// As in `protocol::Input`.
    pub move_y: i8,
    /// As in `protocol::Input`.
    pub buttons: u8,
}

/// The hands of one bot.
#[derive(Clone, Debug)]
pub struct Steer {
    dice: Dice,
    sway: f32,
    looked_s: f64,
    looked_at: Place,
    ran: bool,
    detour: Option<Detour>,
}

#[derive(Clone, Copy, Debug)]
struct Detour {
    until_s: f64,
    /// 1 turns left, -1 right.
    side: f32,
}

impl Steer {
    /// Hands with their own noise.
    pub fn new(dice: Dice) -> Self {
        Self { dice, sway: 0.0, looked_s: 0.0, looked_at: Place::default(), ran: false, detour: None }
    }

    /// What to press at `now_s` to get from `at` to `goal`.
    pub fn wish(&mut self, now_s: f64, at: Place, goal: Place) -> Wish {
        let (dx, dy) = (goal.x - at.x, goal.y - at.y);
        let distance = dx.hypot(dy);
        self.sway = self.sway * SWAY_KEPT + self.dice.range(-SWAY_GAIN, SWAY_GAIN);
        self.look(now_s, at, distance);
        if distance < STAND_M {
            return Wish::default();
        }
        let scale = FULL * (distance / SLOW_M).min(1.0) / distance;
        let (mut x, mut y) = (dx - dy * self.sway, dy + dx * self.sway);
        if let Some(detour) = self.detour {
            (x, y) = (-y * detour.side + 0.3 * x, x * detour.side + 0.3 * y);
        }
        let cut = |v: f32| (v * scale).clamp(-FULL, FULL) as i8;
        let jumps = distance > SLOW_M && self.dice.chance(JUMP);
        Wish { move_x: cut(x), move_y: cut(y), buttons: if jumps { button::JUMP } else { 0 } }
    }

    /// Notices walls: somebody who ran for a second and got nowhere goes around for a while.
    fn look(&mut self, now_s: f64, at: Place, distance: f32) {
        self.ran &= distance > SLOW_M * 2.0;
        if self.detour.is_some_and(|detour| now_s >= detour.until_s) {
            self.detour = None;
        }
        if now_s < self.looked_s + PROGRESS_S {
            return;
        }
        if self.ran && self.detour.is_none() && at.distance(self.looked_at) < PROGRESS_M {
            let side = if self.dice.chance(0.5) { 1.0 } else { -1.0 };
            self.detour = Some(Detour { until_s: now_s + f64::from(self.dice.range(1.0, DETOUR_S_MAX)), side });
        }
        (self.looked_s, self.looked_at, self.ran) = (now_s, at, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steer() -> Steer {
        Steer::new(Dice::new(1, 1))
    }

    #[test]
    fn far_goals_are_run_to_at_full_speed() {
        let mut steer = steer();
        for tick in 0..30 {
            let wish = steer.wish(f64::from(tick) / 60.0, Place::default(), Place { x: 30.0, y: 40.0 });
            let (x, y) = (f32::from(wish.move_x), f32::from(wish.move_y));
            assert!(x.hypot(y) > 120.0, "{wish:?}");
            assert!((y.atan2(x) - 40.0_f32.atan2(30.0)).abs() < 0.5, "{wish:?}");
        }
    }

    #[test]
    fn near_goals_are_approached_slowly_and_reached_ones_stood_on() {
        let wish = steer().wish(0.0, Place::default(), Place { x: 0.5, y: 0.0 });
        assert!((50..80).contains(&wish.move_x), "{wish:?}");
        assert_eq!(steer().wish(0.0, Place::default(), Place { x: 0.01, y: 0.0 }), Wish::default());
    }

    #[test]
    fn a_wall_is_walked_around() {
        let mut steer = steer();
        let goal = Place { x: 100.0, y: 0.0 };
        let sideways = (0..180).any(|tick| {
            let wish = steer.wish(f64::from(tick) / 60.0, Place::default(), goal);
            wish.move_y.unsigned_abs() > 100
        });
        assert!(sideways, "it kept running into the wall");
    }

    #[test]
    fn runners_jump_now_and_then() {
        let mut steer = steer();
        let mut at = Place::default();
        let mut jumps = 0;
        for tick in 0..3_000 {
            at.x += 0.1;
            let wish = steer.wish(f64::from(tick) / 60.0, at, Place { x: at.x + 50.0, y: 0.0 });
            jumps += u32::from(wish.buttons & button::JUMP != 0);
        }
        assert!((3..25).contains(&jumps), "{jumps} jumps in 50 s");
    }
}
