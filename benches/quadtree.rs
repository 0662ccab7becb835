//! The spatial index at the size it is built for: 2,000 points that move every tick, 333 queries of 100 m in a tick
//! (each viewer refreshes its area of interest ten times a second), a world of 3,000 m, a third of everyone in clumps.
//!
//! `grid` is the rival to beat: a uniform grid, sorted by cell each tick, with the best cell size found for this load.

use criterion::{Criterion, criterion_group, criterion_main};
use game::Quadtree;
use game::spatial::Point;
use protocol::NetId;
use protocol::unit::UNITS_PER_M;
use std::hint::black_box;

const POINTS: usize = 2_000;
const QUERIES: usize = 333;
const RADIUS: i32 = 100 * UNITS_PER_M;
const WORLD: i32 = 3_000 * UNITS_PER_M;
/// Everyone runs: 6 m/s at 60 Hz.
const STEP: i32 = 32;

/// Points that run hither and thither, the same on every run.
struct Crowd {
    points: Vec<Point>,
    tick: usize,
}

impl Crowd {
    /// The first third of the points belongs to six clumps of 40 m, the rest are anywhere.
    fn new() -> Self {
        let mut draw = Draw(7);
        let clumps: Vec<(i32, i32)> = (0..6).map(|_| (draw.below(WORLD), draw.below(WORLD))).collect();
        let points = (0..POINTS).map(|row| {
            let (x, y) = if row < POINTS / 3 {
                let (x, y) = clumps[row % 6];
                (x + draw.below(40 * UNITS_PER_M), y + draw.below(40 * UNITS_PER_M))
            } else {
                (draw.below(WORLD), draw.below(WORLD))
            };
            Point { x, y, id: NetId(row as u16) }
        });
        Self { points: points.collect(), tick: 0 }
    }

    fn advance(&mut self) {
        self.tick += 1;
        for (row, point) in self.points.iter_mut().enumerate() {
            let way = (self.tick / 60 + row) % 4;
            point.x += [STEP, 0, -STEP, 0][way];
            point.y += [0, STEP, 0, -STEP][way];
        }
    }

    /// Those whose turn it is to look around: always the same ones, a third of them in clumps.
    fn viewers(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().step_by(POINTS / QUERIES).take(QUERIES)
    }
}

/// The generator of Knuth's MMIX: all a bench needs.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: i32) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(self.0) * bound as u128) >> 64) as i32
    }
}

/// Points sorted by square cell; a query reads the rows of cells that it meets.
#[derive(Default)]
struct Grid {
    starts: Vec<u32>,
    points: Vec<Point>,
}

impl Grid {
    const CELL: i32 = 32 * UNITS_PER_M;
    const ACROSS: i32 = WORLD / Self::CELL + 1;

    fn cell(point: &Point) -> usize {
        let line = |c: i32| c.clamp(0, WORLD) / Self::CELL;
        (line(point.y) * Self::ACROSS + line(point.x)) as usize
    }

    fn rebuild(&mut self, points: &[Point]) {
        self.starts.clear();
        self.starts.resize((Self::ACROSS * Self::ACROSS + 1) as usize, 0);
        points.iter().for_each(|p| self.starts[Self::cell(p)] += 1);
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        self.points.resize(points.len(), Point { x: 0, y: 0, id: NetId(0) });
        for point in points.iter().rev() {
            let slot = &mut self.starts[Self::cell(point)];
            *slot -= 1;
            self.points[*slot as usize] = *point;
        }
    }

    fn query_circle(&self, x: i32, y: i32, radius: i32, visit: &mut impl FnMut(NetId)) {
        let line = |c: i32| c.clamp(0, WORLD) / Self::CELL;
        let square = |d: i32| i64::from(d) * i64::from(d);
        for row in line(y - radius)..=line(y + radius) {
            let first = (row * Self::ACROSS + line(x - radius)) as usize;
            let last = (row * Self::ACROSS + line(x + radius)) as usize;
            for point in &self.points[self.starts[first] as usize..self.starts[last + 1] as usize] {
                if square(point.x - x) + square(point.y - y) <= square(radius) {
                    visit(point.id);
                }
            }
        }
    }
}

/// Asks for everyone around each viewer, as a server would; returns how many were found in all.
fn look_around(crowd: &Crowd, near: &mut Vec<NetId>, query: impl Fn(&Point, &mut Vec<NetId>)) -> usize {
    let mut found = 0;
    for viewer in crowd.viewers() {
        near.clear();
        query(viewer, near);
        found += black_box(&*near).len();
    }
    found
}

fn benches(c: &mut Criterion) {
    let mut crowd = Crowd::new();
    let (mut tree, mut grid) = (Quadtree::new(), Grid::default());
    let mut group = c.benchmark_group("2000 points");
    group.bench_function("quadtree/rebuild", |b| {
        b.iter(|| {
            crowd.advance();
            tree.rebuild(crowd.points.iter().copied());
        });
    });
    group.bench_function("grid/rebuild", |b| {
        b.iter(|| {
            crowd.advance();
            grid.rebuild(&crowd.points);
        });
    });
    // However often the rebuilds ran, the queries meet the same crowd.
    let crowd = Crowd::new();
    tree.rebuild(crowd.points.iter().copied());
    grid.rebuild(&crowd.points);
    let by_tree = |p: &Point, near: &mut Vec<NetId>| tree.query_circle(p.x, p.y, RADIUS, &mut |id| near.push(id));
    let by_grid = |p: &Point, near: &mut Vec<NetId>| grid.query_circle(p.x, p.y, RADIUS, &mut |id| near.push(id));
    let mut near = Vec::new();
    let found = look_around(&crowd, &mut near, by_tree);
    assert_eq!(found, look_around(&crowd, &mut near, by_grid), "both find the same");
    group.bench_function("quadtree/333 circles", |b| b.iter(|| look_around(&crowd, &mut near, by_tree)));
    group.bench_function("grid/333 circles", |b| b.iter(|| look_around(&crowd, &mut near, by_grid)));
    group.finish();
}

criterion_group!(quadtree, benches);
criterion_main!(quadtree);
