//! Somebody who walks to a waypoint, rests, and thinks of the next one.

use super::Place;
use crate::dice::Dice;

/// Near enough to a waypoint, in metres.
const ARRIVED_M: f32 = 1.5;
/// Seconds after which a waypoint that could not be reached (a wall) is given up. The longest leg of any shape crosses
/// the map: 4,240 m at 6 m/s.
const GIVE_UP_S: f64 = 720.0;

/// The waypoint state of one bot; who owns it decides where waypoints lie.
#[derive(Clone, Debug)]
pub struct Walker {
    /// Random choices of this bot.
    pub dice: Dice,
    /// Where it is going; relative or absolute, as its owner wishes.
    pub waypoint: Place,
    rest_until_s: Option<f64>,
    give_up_s: f64,
}

impl Walker {
    /// Somebody on the way to `waypoint`.
    pub fn new(dice: Dice, waypoint: Place) -> Self {
        Self { dice, waypoint, rest_until_s: None, give_up_s: GIVE_UP_S }
    }

    /// Whether a new waypoint is due for a bot `distance_m` from its old one. After arriving it first rests for up to
    /// `rest_s_max` seconds.
    pub fn is_idle(&mut self, now_s: f64, distance_m: f32, rest_s_max: f32) -> bool {
        let rested = match self.rest_until_s {
            Some(until) => now_s >= until,
            None if distance_m < ARRIVED_M => {
                self.rest_until_s = Some(now_s + f64::from(self.dice.range(0.0, rest_s_max)));
                false
            }
            None => now_s >= self.give_up_s,
        };
        if rested {
            self.rest_until_s = None;
            self.give_up_s = now_s + GIVE_UP_S;
        }
        rested
    }
}
