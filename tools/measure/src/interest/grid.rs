//! The rival: a uniform grid over the map, its points sorted by cell anew each tick (a counting sort).

use game::spatial::Point;
use protocol::NetId;
use protocol::unit::UNITS_PER_M;

/// Side of the map in units. Points outside lie in the cells at its edge.
const MAP: i32 = 3_000 * UNITS_PER_M;

/// Points by square cell, the cells row by row from the south-west.
#[derive(Debug)]
pub struct Grid {
    /// Side of a cell, in units.
    cell: i32,
    /// Cells in a row.
    across: usize,
    /// By cell: where its points begin; one more at the end.
    starts: Vec<u32>,
    points: Vec<Point>,
    /// By row: the cell of each point, between the two passes of a sort.
    cells: Vec<u32>,
}

impl Grid {
    /// A grid without points, with cells of this side in units.
    pub fn new(cell: i32) -> Self {
        assert!(cell > 0, "cells have a side");
        let across = (MAP / cell) as usize + 1;
        Self { cell, across, starts: vec![0; across * across + 1], points: Vec::new(), cells: Vec::new() }
    }

    /// Points in the grid.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Replaces all points.
    pub fn rebuild(&mut self, points: &[Point]) {
        self.cells.clear();
        self.starts.fill(0);
        for point in points {
            let cell = self.line(point.y) * self.across + self.line(point.x);
            self.cells.push(cell as u32);
            self.starts[cell] += 1;
        }
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        self.points.resize(points.len(), Point { x: 0, y: 0, id: NetId(0) });
        // Backwards, because each start counts down from the end of its cell: points of a cell keep their order.
        for (point, &cell) in points.iter().zip(&self.cells).rev() {
            let start = &mut self.starts[cell as usize];
            *start -= 1;
            self.points[*start as usize] = *point;
        }
    }

    /// Visits every point at most `radius` units away. Cells of a row lie side by side, so a row is one run.
    pub fn query_circle(&self, x: i32, y: i32, radius: i32, visit: &mut impl FnMut(NetId)) {
        let square = |d: i32| i64::from(d) * i64::from(d);
        let limit = square(radius);
        let (west, east) = (self.line(x.saturating_sub(radius)), self.line(x.saturating_add(radius)));
        for row in self.line(y.saturating_sub(radius))..=self.line(y.saturating_add(radius)) {
            let first = self.starts[row * self.across + west] as usize;
            let end = self.starts[row * self.across + east + 1] as usize;
            for point in &self.points[first..end] {
                if square(point.x - x) + square(point.y - y) <= limit {
                    visit(point.id);
                }
            }
        }
    }

    /// In which row or column of cells a coordinate lies.
    fn line(&self, coordinate: i32) -> usize {
        (coordinate.clamp(0, MAP) / self.cell) as usize
    }
}
