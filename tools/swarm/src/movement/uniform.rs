//! Bots spread evenly over the map, each wandering about: the crowd that flatters every interest algorithm.

use super::walker::Walker;
use super::{MAP_M, Place};
use crate::dice::Dice;

/// Legs of a walk in metres. Short against the map: long ones would gather people in the middle.
const LEG_M: (f32, f32) = (30.0, 150.0);
/// Longest rest between legs, in seconds.
const REST_S_MAX: f32 = 2.0;

/// Everybody anywhere.
#[derive(Debug)]
pub struct Uniform {
    starts: Vec<Place>,
    walkers: Vec<Walker>,
}

impl Uniform {
    /// `bots` wanderers.
    pub fn new(bots: usize, seed: u64) -> Self {
        let (mut starts, mut walkers) = (Vec::with_capacity(bots), Vec::with_capacity(bots));
        for bot in 0..bots {
            let mut dice = Dice::new(seed, bot as u64);
            let start = Place::anywhere(&mut dice);
            let waypoint = next(start, &mut dice);
            starts.push(start);
            walkers.push(Walker::new(dice, waypoint));
        }
        Self { starts, walkers }
    }

    /// Where this bot begins.
    pub fn start(&self, bot: usize) -> Place {
        self.starts[bot]
    }

    /// Where this bot walks.
    pub fn goal(&mut self, bot: usize, now_s: f64, at: Place) -> Place {
        let walker = &mut self.walkers[bot];
        if walker.is_idle(now_s, at.distance(walker.waypoint), REST_S_MAX) {
            walker.waypoint = next(walker.waypoint, &mut walker.dice);
        }
        walker.waypoint
    }
}

/// A waypoint one leg from `from`; legs that would leave the map are reflected, which keeps the spread even.
fn next(from: Place, dice: &mut Dice) -> Place {
    let (sin, cos) = dice.range(0.0, std::f32::consts::TAU).sin_cos();
    let leg = dice.range(LEG_M.0, LEG_M.1);
    let reflect = |v: f32, d: f32| if (0.0..MAP_M).contains(&(v + d)) { d } else { -d };
    from.moved(reflect(from.x, leg * cos), reflect(from.y, leg * sin))
}

#[cfg(test)]
mod tests {
    use super::super::{Movement, kinematics};
    use super::*;

    #[test]
    fn wanderers_stay_spread_over_the_map() {
        let bots = 1_000;
        let mut movement = Movement::Uniform(Uniform::new(bots, 3));
        let mut places: Vec<_> = (0..bots).map(|bot| movement.start(bot, 0.0)).collect();
        let begun = places.clone();
        kinematics::walk(&mut movement, &mut places, 0.0, 300.0, 0.5);
        let moved = places.iter().zip(&begun).filter(|(now, then)| now.distance(**then) > 5.0).count();
        assert!(moved > bots * 9 / 10, "only {moved} moved");
        let counts = kinematics::neighbours(&places, 100.0);
        let mean = counts.iter().sum::<usize>() as f32 / bots as f32;
        let even = (bots - 1) as f32 * std::f32::consts::PI * 100.0 * 100.0 / (MAP_M * MAP_M);
        assert!((0.8..1.25).contains(&(mean / even)), "{mean} neighbours, even spread gives {even}");
    }
}
