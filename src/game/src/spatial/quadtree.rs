//! A quadtree over points, laid flat: points sorted along a Z-order curve, nodes in the order of a descent.
//!
//! The plane is cut into square cells; a point's key is its cell's number on the curve, then its id. Sorting by key
//! brings every quadrant of every size into one contiguous run, so a node is a range of points, and the tree is the
//! list of nodes in pre-order, each with the index at which the descent goes on when it is passed over. A node carries
//! the true bounds of its points rather than its quadrant: queries prune tighter, and points outside the world need no
//! special case beyond the clamped cell they are sorted by.
//!
//! The upper levels are a table: quadrants of 205 m, the *districts*, each with a tree of its own. A question about
//! 100 m begins in four of them at most. Finding its way down to them was a fifth of its time where people were, and
//! two fifths where they are spread evenly.
//!
//! The tree is a function of the set of points alone, never of the order they came in or of earlier ticks: a restored
//! world visits in the same order as the saved one. A tree whose leaves are linked lists, moved point by point, was
//! tried against this one at 2,000 points and 333 queries a tick: it follows the points faster (7 against 23 us) and
//! answers slower (49 against 28 us), and its order depends on its past.

use super::curve::{DISTRICTS, district_of, districts, id_of, is_same_cell, key, shift_between};
use super::places::Places;
use super::region::{Bounds, Circle, Region, Square, known};
use bevy_ecs::prelude::Resource;
use protocol::NetId;
use std::ops::Range;

/// A run of at most this many points is not divided further: testing them costs less than visiting more nodes. 2,000
/// questions where people were (`measure interest --trace`) take 468 us at 32, 413 at 64, 404 at 128.
const LEAF_POINTS: usize = 64;
/// The key of a row without a point: no cell is that far along the curve.
const ABSENT: u64 = u64::MAX;

/// Something at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// East, in units; in the world or outside.
    pub x: i32,
    /// North, in units; in the world or outside.
    pub y: i32,
    /// Who; at most once in a tree.
    pub id: NetId,
}

/// Points and their nodes. Keeps its memory from one rebuild to the next.
#[derive(Clone, Debug, Default, Resource)]
pub struct Quadtree {
    /// By `NetId::row`.
    rows: Vec<Row>,
    /// Ascending; `places` in the same order.
    keys: Vec<u64>,
    places: Places,
    nodes: Vec<Node>,
    /// By district: the index of its first node, which is that of the next one if nobody is there; one more at the end.
    /// Empty before the first rebuild.
    districts: Vec<u32>,
    /// Keys that this rebuild brought up, and the list that it makes: kept for their memory only.
    moved: Vec<u64>,
    next_keys: Vec<u64>,
}

/// What is known of an id.
#[derive(Clone, Copy, Debug)]
struct Row {
    x: i32,
    y: i32,
    key: u64,
    /// Came in this rebuild and is not in the new order yet.
    is_waiting: bool,
}

/// A run of points that share a quadrant.
#[derive(Clone, Copy, Debug)]
struct Node {
    bounds: Bounds,
    start: u32,
    end: u32,
    /// Index of the first node that is not below this one; its own plus one means leaf.
    skip: u32,
}

impl Quadtree {
    /// A tree without points.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Points in the tree.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.len() == 0
    }

    /// Replaces all points; the order in which they come does not matter. No id may come twice.
    ///
    /// From one tick to the next few points change their cell, and the others are sorted already: only those few are
    /// sorted, then merged in.
    pub fn rebuild(&mut self, points: impl IntoIterator<Item = Point>) {
        self.moved.clear();
        for point in points {
            self.take(point);
        }
        self.moved.sort_unstable();
        self.merge();
        self.plant();
    }

    fn take(&mut self, point: Point) {
        let index = point.id.row();
        if index >= self.rows.len() {
            self.rows.resize(index + 1, Row { x: 0, y: 0, key: ABSENT, is_waiting: false });
        }
        let row = &mut self.rows[index];
        let (x, y) = (known(point.x), known(point.y));
        // Most are in the cell where they were, and their keys are the same.
        let key = if row.key != ABSENT && is_same_cell((x, y), (row.x, row.y)) { row.key } else { key(x, y, point.id) };
        if row.key != key {
            self.moved.push(key);
        }
        *row = Row { x, y, key, is_waiting: true };
    }

    /// Merges the keys that stayed with those that moved or are new, and lets go of those that did not come again.
    fn merge(&mut self) {
        self.places.clear();
        self.next_keys.clear();
        let (rows, places, next_keys) = (&mut self.rows, &mut self.places, &mut self.next_keys);
        let mut emit = |key: u64, row: &mut Row| {
            row.is_waiting = false;
            places.push(row.x, row.y, id_of(key));
            next_keys.push(key);
        };
        let mut moved = self.moved.iter().copied().peekable();
        for &key in &self.keys {
            while let Some(earlier) = moved.next_if(|&other| other < key) {
                emit(earlier, &mut rows[id_of(earlier).row()]);
            }
            let row = &mut rows[id_of(key).row()];
            if row.key == key && row.is_waiting {
                emit(key, row);
            } else if row.key == key {
                row.key = ABSENT;
            }
        }
        for key in moved {
            emit(key, &mut rows[id_of(key).row()]);
        }
        self.places.fill();
        std::mem::swap(&mut self.keys, &mut self.next_keys);
    }

    /// Makes the nodes of all districts.
    fn plant(&mut self) {
        self.nodes.clear();
        self.districts.clear();
        let mut start = 0;
        while start < self.keys.len() {
            let district = district_of(self.keys[start]);
            let run = self.keys[start..].iter().take_while(|key| district_of(**key) == district);
            let end = start + run.count();
            // This one, and all before it in which nobody is, begin here.
            self.districts.resize(district + 1, self.nodes.len() as u32);
            self.divide(start, end);
            start = end;
        }
        self.districts.resize(DISTRICTS + 1, self.nodes.len() as u32);
    }

    /// Takes one point out, for a departure between two rebuilds: its key says where it is, and what is behind it moves up.
    /// Unknown ids are ignored.
    pub fn remove(&mut self, id: NetId) {
        let Some(key) = self.rows.get(id.row()).map(|row| row.key).filter(|key| *key != ABSENT) else { return };
        let Ok(at) = self.keys.binary_search(&key) else { return };
        self.places.remove(at);
        self.keys.remove(at);
        self.rows[id.row()].key = ABSENT;
        for node in &mut self.nodes {
            node.start -= u32::from(node.start as usize > at);
            node.end -= u32::from(node.end as usize > at);
        }
    }

    /// Visits every point with |dx| and |dy| <= `radius`, in units, district by district and there along the curve.
    /// None if `radius` is negative.
    pub fn query_square(&self, center_x: i32, center_y: i32, radius: i32, visit: &mut impl FnMut(NetId)) {
        self.query(&Square::new(center_x, center_y, radius), visit);
    }

    /// Visits every point at most `radius` units away, district by district and there along the curve. None if `radius`
    /// is negative.
    pub fn query_circle(&self, center_x: i32, center_y: i32, radius: i32, visit: &mut impl FnMut(NetId)) {
        self.query(&Circle::new(center_x, center_y, radius), visit);
    }

    fn query(&self, region: &impl Region, visit: &mut impl FnMut(NetId)) {
        if self.districts.is_empty() {
            return;
        }
        let Bounds { west, south, east, north } = region.bounds();
        districts(west, south, east, north, |district| {
            let (mut index, end) = (self.districts[district] as usize, self.districts[district + 1] as usize);
            while index < end {
                let node = &self.nodes[index];
                index += 1;
                if !region.meets(&node.bounds) {
                    index = node.skip as usize;
                } else if region.covers(&node.bounds) {
                    self.places.visit(node.run(), visit);
                    index = node.skip as usize;
                } else if node.skip as usize == index {
                    self.places.search(node.run(), region, visit);
                }
            }
        });
    }

    /// Appends the node of the points `start..end` and all nodes below it; returns its bounds.
    ///
    /// Levels at which all points lie in the same quadrant are passed over: the first and the last key of a sorted run
    /// differ first where any two do. That bounds the nodes by twice the points, and the recursion by the levels of a
    /// district.
    fn divide(&mut self, start: usize, end: usize) -> Bounds {
        let index = self.nodes.len();
        self.nodes.push(Node { bounds: Bounds::EMPTY, start: start as u32, end: end as u32, skip: 0 });
        let shift = shift_between(self.keys[start], self.keys[end - 1]).filter(|_| end - start > LEAF_POINTS);
        let bounds = if let Some(shift) = shift {
            let mut bounds = Bounds::EMPTY;
            let mut from = start;
            while from < end {
                let quadrant = self.keys[from] >> shift;
                let to = from + self.keys[from..end].partition_point(|key| key >> shift == quadrant);
                bounds.include(&self.divide(from, to));
                from = to;
            }
            bounds
        } else {
            self.places.bounds(start..end)
        };
        self.nodes[index].bounds = bounds;
        self.nodes[index].skip = self.nodes.len() as u32;
        bounds
    }
}

impl Node {
    fn run(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}
