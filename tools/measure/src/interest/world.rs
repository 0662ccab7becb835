//! Where everybody is at every tick: as people were, evenly over the map, or all in one spot.

use super::recording::Recording;
use game::spatial::Point;
use protocol::NetId;
use protocol::unit::{TICK_RATE_HZ, UNITS_PER_M, WORLD_UNITS_MAX};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::f64::consts::TAU;

/// Side of the map in units: 3,000 m, which recordings of 1,500 px fill.
const MAP: f64 = 3_000.0 * UNITS_PER_M as f64;
const _: () = assert!(MAP <= WORLD_UNITS_MAX as f64, "the map is a world that the server could have");
/// Side of the one spot in units: 6 m.
const SPOT: f64 = 6.0 * UNITS_PER_M as f64;
/// Who has no recording runs at this speed, in units per tick: 6 m/s.
const SPEED: f64 = 6.0 * UNITS_PER_M as f64 / TICK_RATE_HZ as f64;
/// A tick in this many brings a new direction: every two seconds on average.
const TICKS_PER_TURN: u32 = 2 * TICK_RATE_HZ;

/// One way of being spread over the map.
#[derive(Debug)]
pub struct World<'a> {
    name: &'static str,
    ways: Ways<'a>,
    tick: u32,
    points: Vec<Point>,
}

#[derive(Debug)]
enum Ways<'a> {
    Recorded(&'a Recording),
    Wandering(Box<Wanderers>),
}

impl<'a> World<'a> {
    /// People as they were recorded, from the begin of their paths.
    pub fn humans(players: u16, recording: &'a Recording) -> Self {
        Self::new("humans", players, Ways::Recorded(recording))
    }

    /// Players anywhere on the map.
    pub fn uniform(players: u16, seed: u64) -> World<'static> {
        let wanderers = Wanderers::new(players, seed, Square { low: 0.0, high: MAP });
        World::new("uniform", players, Ways::Wandering(Box::new(wanderers)))
    }

    /// Everybody in the middle of the map.
    pub fn one_spot(players: u16, seed: u64) -> World<'static> {
        let spot = Square { low: (MAP - SPOT) / 2.0, high: (MAP + SPOT) / 2.0 };
        World::new("one spot", players, Ways::Wandering(Box::new(Wanderers::new(players, seed, spot))))
    }

    fn new(name: &'static str, players: u16, ways: Ways<'a>) -> Self {
        let points = (0..players).map(|row| Point { x: 0, y: 0, id: NetId(row) }).collect();
        let mut world = Self { name, ways, tick: 0, points };
        world.place();
        world
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Everybody, by row; a player's id is its row.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// One tick later.
    pub fn advance(&mut self) {
        self.tick += 1;
        if let Ways::Wandering(wanderers) = &mut self.ways {
            wanderers.walk();
        }
        self.place();
    }

    fn place(&mut self) {
        let now_s = f64::from(self.tick) / f64::from(TICK_RATE_HZ);
        for (row, point) in self.points.iter_mut().enumerate() {
            let (x, y) = match &self.ways {
                Ways::Recorded(recording) => recording.place(row, now_s),
                Ways::Wandering(wanderers) => wanderers.place(row),
            };
            (point.x, point.y) = (x.round() as i32, y.round() as i32);
        }
    }
}

/// People who run straight on, turn now and then, and never leave their square: they stay evenly spread over it.
#[derive(Debug)]
struct Wanderers {
    square: Square,
    rng: StdRng,
    everyone: Vec<Wanderer>,
}

/// Both axes alike, in units.
#[derive(Clone, Copy, Debug)]
struct Square {
    low: f64,
    high: f64,
}

#[derive(Debug)]
struct Wanderer {
    x: f64,
    y: f64,
    /// Units per tick.
    dx: f64,
    dy: f64,
}

impl Wanderers {
    fn new(players: u16, seed: u64, square: Square) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let everyone = (0..players).map(|_| {
            let (x, y) = (rng.random_range(square.low..square.high), rng.random_range(square.low..square.high));
            let (dx, dy) = direction(&mut rng);
            Wanderer { x, y, dx, dy }
        });
        let everyone = everyone.collect();
        Self { square, rng, everyone }
    }

    fn walk(&mut self) {
        for wanderer in &mut self.everyone {
            if self.rng.random_range(0..TICKS_PER_TURN) == 0 {
                (wanderer.dx, wanderer.dy) = direction(&mut self.rng);
            }
            (wanderer.x, wanderer.dx) = self.square.step(wanderer.x, wanderer.dx);
            (wanderer.y, wanderer.dy) = self.square.step(wanderer.y, wanderer.dy);
        }
    }

    fn place(&self, row: usize) -> (f64, f64) {
        (self.everyone[row].x, self.everyone[row].y)
    }
}

impl Square {
    /// One axis, one tick: the edges throw back.
    fn step(self, at: f64, by: f64) -> (f64, f64) {
        if (self.low..=self.high).contains(&(at + by)) { (at + by, by) } else { (at - by, -by) }
    }
}

fn direction(rng: &mut StdRng) -> (f64, f64) {
    let (sin, cos) = rng.random_range(0.0..TAU).sin_cos();
    (SPEED * cos, SPEED * sin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(mut world: World<'_>, ticks: u32) -> Vec<Point> {
        (0..ticks).for_each(|_| world.advance());
        world.points().to_vec()
    }

    #[test]
    fn the_same_seed_walks_the_same_ways() {
        assert_eq!(after(World::uniform(50, 1), 300), after(World::uniform(50, 1), 300));
        assert_ne!(after(World::uniform(50, 1), 300), after(World::uniform(50, 2), 300));
    }

    #[test]
    fn everybody_moves_and_nobody_leaves_the_map_or_the_spot() {
        for (world, begun, low, high) in [
            (World::uniform(500, 3), World::uniform(500, 3), 0.0, MAP),
            (World::one_spot(500, 3), World::one_spot(500, 3), (MAP - SPOT) / 2.0, (MAP + SPOT) / 2.0),
        ] {
            let points = after(world, 600);
            let (low, high) = (low as i32, high as i32);
            assert!(points.iter().all(|p| (low..=high).contains(&p.x) && (low..=high).contains(&p.y)));
            assert!(points.iter().zip(begun.points()).all(|(now, then)| now != then));
        }
    }

    #[test]
    fn wanderers_stay_evenly_spread() {
        let points = after(World::uniform(4_000, 5), 600);
        for quarter in 0..4 {
            let side = |coordinate: i32, bit: i32| (f64::from(coordinate) > MAP / 2.0) == (quarter & bit != 0);
            let within = points.iter().filter(|p| side(p.x, 1) && side(p.y, 2)).count();
            assert!((900..=1_100).contains(&within), "{within} in quarter {quarter}");
        }
    }
}
