//! Those who answer who is near: the server's quadtree, grids beside it, and brute force, which is right by definition.

use super::grid::Grid;
use game::Quadtree;
use game::spatial::Point;
use protocol::NetId;

/// Answers who is near. Both verbs are one call for a whole tick, so that what is timed is the index and not the call.
pub trait Index {
    /// What it is called in the table.
    fn name(&self) -> &'static str;

    /// Replaces all points by those of this tick.
    fn rebuild(&mut self, points: &[Point]);

    /// Hands to `take`, for one viewer after the other, the ids of the others at most `radius` units away. They come
    /// in any order, in scratch space that is used again for the next viewer.
    fn look(&self, viewers: &mut dyn Iterator<Item = Point>, radius: i32, take: &mut dyn FnMut(&mut Vec<NetId>));
}

/// All that are measured, the one that is judged first.
pub fn contestants(radius: i32) -> Vec<Box<dyn Index>> {
    vec![
        Box::new(Quadtree::new()),
        Box::new(Cells { name: "grid r", grid: Grid::new(radius) }),
        Box::new(Cells { name: "grid r/2", grid: Grid::new(radius / 2) }),
    ]
}

impl Index for Quadtree {
    fn name(&self) -> &'static str {
        "quadtree"
    }

    fn rebuild(&mut self, points: &[Point]) {
        self.rebuild(points.iter().copied());
    }

    fn look(&self, viewers: &mut dyn Iterator<Item = Point>, radius: i32, take: &mut dyn FnMut(&mut Vec<NetId>)) {
        let mut near = Vec::with_capacity(self.len());
        for Point { x, y, id } in viewers {
            near.clear();
            self.query_circle(x, y, radius, &mut |other| {
                if other != id {
                    near.push(other);
                }
            });
            take(&mut near);
        }
    }
}

struct Cells {
    name: &'static str,
    grid: Grid,
}

impl Index for Cells {
    fn name(&self) -> &'static str {
        self.name
    }

    fn rebuild(&mut self, points: &[Point]) {
        self.grid.rebuild(points);
    }

    fn look(&self, viewers: &mut dyn Iterator<Item = Point>, radius: i32, take: &mut dyn FnMut(&mut Vec<NetId>)) {
        let mut near = Vec::with_capacity(self.grid.len());
        for Point { x, y, id } in viewers {
            near.clear();
            self.grid.query_circle(x, y, radius, &mut |other| {
                if other != id {
                    near.push(other);
                }
            });
            take(&mut near);
        }
    }
}

/// Looks at everybody for everybody.
pub fn brute_force(points: &[Point], viewer: Point, radius: i32) -> Vec<NetId> {
    let square = |a: i32, b: i32| (i64::from(a) - i64::from(b)).pow(2);
    let limit = i64::from(radius).pow(2);
    let near = |p: &&Point| p.id != viewer.id && square(p.x, viewer.x) + square(p.y, viewer.y) <= limit;
    let mut ids: Vec<NetId> = points.iter().filter(near).map(|p| p.id).collect();
    ids.sort_unstable();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::unit::UNITS_PER_M;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use std::ops::Range;

    const RADIUS: i32 = 100 * UNITS_PER_M;

    fn crowd(rng: &mut StdRng, count: u16, range: Range<i32>) -> Vec<Point> {
        let mut draw = || rng.random_range(range.clone());
        (0..count).map(|row| Point { x: draw(), y: draw(), id: NetId(row) }).collect()
    }

    /// Every index against brute force, from where the points are.
    fn check(points: &[Point], indices: &mut [Box<dyn Index>]) {
        for index in indices {
            index.rebuild(points);
            let mut row = 0;
            index.look(&mut points.iter().copied(), RADIUS, &mut |near| {
                near.sort_unstable();
                assert_eq!(*near, brute_force(points, points[row], RADIUS), "{} around row {row}", index.name());
                row += 1;
            });
            assert_eq!(row, points.len(), "{} answers everybody", index.name());
        }
    }

    #[test]
    fn every_index_finds_what_brute_force_finds() {
        let mut rng = StdRng::seed_from_u64(1);
        // One set for all: what an earlier crowd leaves behind must not be seen.
        let mut indices = contestants(RADIUS);
        let (map, outside) = (0..3_000 * UNITS_PER_M, -2_000 * UNITS_PER_M..6_000 * UNITS_PER_M);
        for range in [map, outside, 7_000..90_000, -RADIUS..RADIUS, 959_000..961_000] {
            for count in [0, 1, 2, 17, 400] {
                check(&crowd(&mut rng, count, range.clone()), &mut indices);
            }
        }
    }

    #[test]
    fn everybody_at_one_point_is_near_everybody() {
        for (x, y) in [(0, 0), (480_000, 480_000), (-5_000_000, 77), (960_000, 9_000_000)] {
            let points: Vec<_> = (0..300).map(|row| Point { x, y, id: NetId(row) }).collect();
            check(&points, &mut contestants(RADIUS));
            assert_eq!(brute_force(&points, points[0], RADIUS).len(), 299);
        }
    }

    #[test]
    fn the_edge_of_the_circle_is_near_and_a_unit_farther_is_not() {
        let at = |x, y, id| Point { x, y, id: NetId(id) };
        // 19,200 and 25,600 are the legs of a right triangle over 32,000.
        let points =
            [at(0, 0, 0), at(RADIUS, 0, 1), at(RADIUS + 1, 0, 2), at(19_200, 25_600, 3), at(19_201, 25_600, 4)];
        assert_eq!(brute_force(&points, points[0], RADIUS), [NetId(1), NetId(3)]);
        check(&points, &mut contestants(RADIUS));
    }
}
