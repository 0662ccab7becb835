//! Where bots want to be: recorded people, or seeded crowds of three shapes.

mod clumped;
mod crowd;
pub mod humans;
mod uniform;
mod walker;

pub use clumped::Clumped;
pub use crowd::Crowd;
pub use humans::Humans;
pub use uniform::Uniform;

use crate::dice::Dice;

/// Side of the default map in metres; recordings of 1,500 px fill it at 2 m per pixel.
pub const MAP_M: f32 = 3_000.0;
/// Nobody aims closer to the edge than this: a body that rubs along the edge tells nothing.
const EDGE_M: f32 = 5.0;

/// A place on the ground, in metres east and north.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// East.
    pub x: f32,
    /// North.
    pub y: f32,
}

impl Place {
    /// Distance in metres.
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// This place moved by `dx`, `dy` and kept off the edge of the map.
    fn moved(self, dx: f32, dy: f32) -> Self {
        let inside = |v: f32| v.clamp(EDGE_M, MAP_M - EDGE_M);
        Self { x: inside(self.x + dx), y: inside(self.y + dy) }
    }

    /// The place `share` of the way to `other`.
    fn towards(self, other: Self, share: f32) -> Self {
        Self { x: self.x + (other.x - self.x) * share, y: self.y + (other.y - self.y) * share }
    }

    /// Anywhere on the map.
    fn anywhere(dice: &mut Dice) -> Self {
        Self { x: dice.range(EDGE_M, MAP_M - EDGE_M), y: dice.range(EDGE_M, MAP_M - EDGE_M) }
    }
}

/// One way of moving for all bots of a run.
#[derive(Debug)]
pub enum Movement {
    /// Recorded paths of people.
    Humans(Humans),
    /// Clusters with as many neighbours as people have.
    Clumped(Clumped),
    /// Anywhere.
    Uniform(Uniform),
    /// Everybody in one spot.
    Crowd(Crowd),
}

impl Movement {
    /// Where bot number `bot` begins if it joins `now_s` seconds into the run.
    pub fn start(&self, bot: usize, now_s: f64) -> Place {
        match self {
            Self::Humans(humans) => humans.at(bot, now_s),
            Self::Clumped(clumped) => clumped.start(bot),
            Self::Uniform(uniform) => uniform.start(bot),
            Self::Crowd(crowd) => crowd.start(bot),
        }
    }

    /// Where bot number `bot`, now standing at `at`, wants to be `now_s` seconds into the run. Called once a tick.
    pub fn goal(&mut self, bot: usize, now_s: f64, at: Place) -> Place {
        match self {
            Self::Humans(humans) => humans.at(bot, now_s),
            Self::Clumped(clumped) => clumped.goal(bot, now_s, at),
            Self::Uniform(uniform) => uniform.goal(bot, now_s, at),
            Self::Crowd(crowd) => crowd.goal(bot, now_s, at),
        }
    }
}

#[cfg(test)]
pub mod kinematics {
    //! The least model of a bot that follows its goals, for tests of the shapes.
    use super::*;

    /// Moves every place for `seconds` in steps of `step_s`, at the speed of a running bot.
    pub fn walk(movement: &mut Movement, places: &mut [Place], from_s: f64, seconds: f64, step_s: f64) {
        let reach = (5.8 * step_s) as f32;
        let mut now_s = from_s;
        while now_s < from_s + seconds {
            for (bot, place) in places.iter_mut().enumerate() {
                let goal = movement.goal(bot, now_s, *place);
                let distance = place.distance(goal);
                *place = if distance <= reach { goal } else { place.towards(goal, reach / distance) };
            }
            now_s += step_s;
        }
    }

    /// How many others each place has within `radius` metres.
    pub fn neighbours(places: &[Place], radius: f32) -> Vec<usize> {
        let near = |a: &Place, b: &Place| a.distance(*b) < radius;
        places.iter().map(|a| places.iter().filter(|b| near(a, b)).count() - 1).collect()
    }
}
