//! Everybody in one spot: the worst case for a snapshot, and the densest test of its encoding.

use super::walker::Walker;
use super::{MAP_M, Place};
use crate::dice::Dice;

/// Radius of the spot in metres.
pub const RADIUS_M: f32 = 5.0;
/// Longest rest between steps, in seconds.
const REST_S_MAX: f32 = 0.5;
/// The spot: the middle of the map.
const MIDDLE: Place = Place { x: MAP_M / 2.0, y: MAP_M / 2.0 };

/// A milling crowd.
#[derive(Debug)]
pub struct Crowd {
    starts: Vec<Place>,
    walkers: Vec<Walker>,
}

impl Crowd {
    /// `bots` people within [`RADIUS_M`] of the middle.
    pub fn new(bots: usize, seed: u64) -> Self {
        let (mut starts, mut walkers) = (Vec::with_capacity(bots), Vec::with_capacity(bots));
        for bot in 0..bots {
            let mut dice = Dice::new(seed, bot as u64);
            starts.push(inside(&mut dice));
            let waypoint = inside(&mut dice);
            walkers.push(Walker::new(dice, waypoint));
        }
        Self { starts, walkers }
    }

    /// Where this bot begins.
    pub fn start(&self, bot: usize) -> Place {
        self.starts[bot]
    }

    /// Where this bot shuffles.
    pub fn goal(&mut self, bot: usize, now_s: f64, at: Place) -> Place {
        let walker = &mut self.walkers[bot];
        if walker.is_idle(now_s, at.distance(walker.waypoint), REST_S_MAX) {
            walker.waypoint = inside(&mut walker.dice);
        }
        walker.waypoint
    }
}

/// Evenly within the spot.
fn inside(dice: &mut Dice) -> Place {
    let radius = RADIUS_M * dice.unit().sqrt();
    let (sin, cos) = dice.range(0.0, std::f32::consts::TAU).sin_cos();
    MIDDLE.moved(radius * cos, radius * sin)
}

#[cfg(test)]
mod tests {
    use super::super::{Movement, kinematics};
    use super::*;

    #[test]
    fn nobody_leaves_the_spot_and_nobody_stands_still() {
        let mut movement = Movement::Crowd(Crowd::new(50, 9));
        let mut places: Vec<_> = (0..50).map(|bot| movement.start(bot, 0.0)).collect();
        let begun = places.clone();
        kinematics::walk(&mut movement, &mut places, 0.0, 20.0, 0.1);
        assert!(places.iter().all(|place| place.distance(MIDDLE) <= RADIUS_M + 0.01));
        assert!(places.iter().zip(&begun).all(|(now, then)| now != then));
    }
}
