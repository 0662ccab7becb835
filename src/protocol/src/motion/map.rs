//! The part of the world that never moves: its edge, and the blocks one cannot walk through but may stand on.

use super::STEP_UP;
use crate::unit::{SUBUNIT_BITS, UNITS_PER_M, WORLD_UNITS_MAX, units_from_m};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A map as it is written in `config/game/maps/*.toml`. Lengths in metres; the origin is the south-west corner.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MapFile {
    /// Name, for people.
    pub name: String,
    /// West to east.
    pub width_m: u32,
    /// South to north.
    pub depth_m: u32,
    /// Things one cannot walk through, but may stand on if they end.
    #[serde(default)]
    pub blocks: Vec<Block>,
}

/// Highest top of a block that has one, in metres: from there a launch (10 m) stays below the highest place there is.
pub const BLOCK_HEIGHT_MAX_M: f64 = 90.0;

/// An axis-aligned block that stands on the ground, in metres.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// West edge.
    pub x: f64,
    /// South edge.
    pub y: f64,
    /// West to east.
    pub width: f64,
    /// South to north.
    pub depth: f64,
    /// From the ground to its top, on which one can stand; a block without reaches to the sky.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<f64>,
}

/// Why a map cannot be used: the fault of whoever wrote it.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum MapError {
    /// The world is empty or does not fit the wire.
    #[error("the map must be 1..=4096 m wide and deep, not {0} x {1} m")]
    Size(u32, u32),
    /// A block has no extent, is not a number or reaches over the edge.
    #[error(
        "block {index} ({block:?}) must have a width and depth of at least 0.1 m, a height, if any, of 0.05 to 90 m, and \
         lie inside the map"
    )]
    Block {
        /// Which, counted from 0.
        index: usize,
        /// As written.
        block: Block,
    },
}

/// A validated map with a grid over its blocks, ready for sweeps.
#[derive(Clone, Debug)]
pub struct StaticMap {
    width: i32,
    depth: i32,
    blocks: Vec<Rect>,
    cells_across: i32,
    /// For each cell the range of `members` that names the blocks touching it.
    cells: Vec<(u32, u32)>,
    members: Vec<u32>,
}

/// A rectangle in subunits, edges inclusive-exclusive, and how high it is filled.
#[derive(Clone, Copy, Debug)]
struct Rect {
    west: i32,
    south: i32,
    east: i32,
    north: i32,
    /// [`SKY`] if it has none.
    top: i32,
}

/// The top of what reaches to the sky, in subunits.
const SKY: i32 = i32::MAX;

/// Side of a grid cell: 32 m. A swept body touches one to four of them.
const CELL: i32 = (32 * UNITS_PER_M) << SUBUNIT_BITS;

impl TryFrom<&MapFile> for StaticMap {
    type Error = MapError;

    fn try_from(file: &MapFile) -> Result<Self, MapError> {
        Self::new(file.width_m, file.depth_m, &file.blocks)
    }
}

impl StaticMap {
    /// Builds a map of `width_m` by `depth_m` metres.
    ///
    /// # Errors
    /// [`MapError`] names the first thing that cannot be.
    pub fn new(width_m: u32, depth_m: u32, blocks: &[Block]) -> Result<Self, MapError> {
        let side_max = (WORLD_UNITS_MAX / UNITS_PER_M) as u32;
        if !(1..=side_max).contains(&width_m) || !(1..=side_max).contains(&depth_m) {
            return Err(MapError::Size(width_m, depth_m));
        }
        // 4,096 m is 2^28.3 subunits: sums of a few coordinates stay inside an i32.
        let width = (width_m as i32 * UNITS_PER_M) << SUBUNIT_BITS;
        let depth = (depth_m as i32 * UNITS_PER_M) << SUBUNIT_BITS;
        let mut rects = Vec::with_capacity(blocks.len());
        for (index, &block) in blocks.iter().enumerate() {
            rects.push(Rect::of(block, width, depth).ok_or(MapError::Block { index, block })?);
        }
        Ok(Self::with_grid(width, depth, rects))
    }

    fn with_grid(width: i32, depth: i32, blocks: Vec<Rect>) -> Self {
        let cells_across = width / CELL + 1;
        let cell_count = (cells_across * (depth / CELL + 1)) as usize;
        let mut lists = vec![Vec::new(); cell_count];
        for (index, rect) in blocks.iter().enumerate() {
            for row in rect.south / CELL..=rect.north / CELL {
                for column in rect.west / CELL..=rect.east / CELL {
                    lists[(row * cells_across + column) as usize].push(index as u32);
                }
            }
        }
        let mut members = Vec::new();
        let cells = lists
            .iter()
            .map(|list| {
                let start = members.len() as u32;
                members.extend_from_slice(list);
                (start, members.len() as u32)
            })
            .collect();
        Self { width, depth, blocks, cells_across, cells, members }
    }

    /// West-east and south-north extent in subunits.
    #[must_use]
    pub fn extent(&self) -> (i32, i32) {
        (self.width, self.depth)
    }

    /// West, south, east and north edge and the top of each block in subunits, in the order of the file; the top of what
    /// reaches to the sky is `i32::MAX`.
    pub fn blocks(&self) -> impl Iterator<Item = [i32; 5]> {
        self.blocks.iter().map(Rect::faces)
    }

    /// spec: MOT-3. Stands for the map in the hello (content hash); never 0, which means "I hold no content".
    #[must_use]
    pub fn hash(&self) -> u64 {
        let numbers = [self.width, self.depth].into_iter();
        let bytes: Vec<u8> = numbers.chain(self.blocks().flatten()).flat_map(i32::to_le_bytes).collect();
        xxhash_rust::xxh3::xxh3_64(&bytes).max(1)
    }

    /// Whether a body of this radius with its feet at `z` is inside the world and in no block: it may stand on them.
    #[must_use]
    pub fn is_free(&self, x: i32, y: i32, z: i32, radius: i32) -> bool {
        let inside = x >= radius && y >= radius && x <= self.width - radius && y <= self.depth - radius;
        inside && !self.touching(x, x, y, y, radius).any(|r| r.top > z && r.overlaps(x, y, radius))
    }

    /// What carries a body whose feet are at `z`: the highest top below it, or at most [`STEP_UP`] above its feet; 0 where
    /// there is none.
    #[must_use]
    pub fn floor(&self, x: i32, y: i32, z: i32, radius: i32) -> i32 {
        let reached = z.saturating_add(STEP_UP);
        let tops = self.touching(x, x, y, y, radius).filter(|r| r.top <= reached && r.overlaps(x, y, radius));
        tops.map(|r| r.top).fold(0, i32::max)
    }

    /// Whether no block is within `reach` along x or y. It may be said of a place that there is one which is not that near.
    #[must_use]
    pub fn is_open(&self, x: i32, y: i32, reach: i32) -> bool {
        self.touching(x, x, y, y, reach).next().is_none()
    }

    /// West, south, east and north edges and tops of all blocks that meet a rectangle, and of some others near it, in
    /// subunits as in [`Self::blocks`]; one may come up twice.
    pub fn blocks_near(&self, west: i32, south: i32, east: i32, north: i32) -> impl Iterator<Item = [i32; 5]> {
        self.touching(west, east, south, north, 0).map(Rect::faces)
    }

    /// Nearest place to (`x`, `y`) that is free at height `z`, searched outwards in rings of one metre; for spawns and
    /// restored positions.
    #[must_use]
    pub fn nearest_free(&self, x: i32, y: i32, z: i32, radius: i32) -> (i32, i32) {
        let clamped = |x: i32, y: i32| (x.clamp(radius, self.width - radius), y.clamp(radius, self.depth - radius));
        let (x, y) = clamped(x, y);
        let metre = UNITS_PER_M << SUBUNIT_BITS;
        let rings_max = self.width.max(self.depth) / metre;
        for ring in 0..=rings_max {
            for step in -ring..=ring {
                for (dx, dy) in [(step, -ring), (step, ring), (-ring, step), (ring, step)] {
                    let (px, py) = clamped(x.saturating_add(dx * metre), y.saturating_add(dy * metre));
                    if self.is_free(px, py, z, radius) {
                        return (px, py);
                    }
                }
            }
        }
        (x, y)
    }

    /// Where a body at (`x`, `y`) that wants to move by `dx` along x comes to rest, if blocks with a top of at most `above`
    /// are not in its way.
    #[must_use]
    pub fn sweep_x(&self, x: i32, y: i32, above: i32, dx: i32, radius: i32) -> i32 {
        let mut end = self.within_x(x, dx, radius);
        for rect in self.touching(x.min(end), x.max(end), y, y, radius) {
            if rect.top <= above || y + radius <= rect.south || y - radius >= rect.north {
                continue;
            }
            if dx > 0 && x + radius <= rect.west {
                end = end.min(rect.west - radius);
            } else if dx < 0 && x - radius >= rect.east {
                end = end.max(rect.east + radius);
            }
        }
        end
    }

    /// Where a body at (`x`, `y`) that wants to move by `dy` along y comes to rest, if blocks with a top of at most `above`
    /// are not in its way.
    #[must_use]
    pub fn sweep_y(&self, x: i32, y: i32, above: i32, dy: i32, radius: i32) -> i32 {
        let mut end = self.within_y(y, dy, radius);
        for rect in self.touching(x, x, y.min(end), y.max(end), radius) {
            if rect.top <= above || x + radius <= rect.west || x - radius >= rect.east {
                continue;
            }
            if dy > 0 && y + radius <= rect.south {
                end = end.min(rect.south - radius);
            } else if dy < 0 && y - radius >= rect.north {
                end = end.max(rect.north + radius);
            }
        }
        end
    }

    /// As [`Self::sweep_x`] where no block is near.
    #[must_use]
    pub fn within_x(&self, x: i32, dx: i32, radius: i32) -> i32 {
        (x + dx).clamp(radius.min(x), (self.width - radius).max(x))
    }

    /// As [`Self::sweep_y`] where no block is near.
    #[must_use]
    pub fn within_y(&self, y: i32, dy: i32, radius: i32) -> i32 {
        (y + dy).clamp(radius.min(y), (self.depth - radius).max(y))
    }

    /// Blocks in the cells that the swept square touches; a block may come up twice.
    fn touching(&self, x0: i32, x1: i32, y0: i32, y1: i32, radius: i32) -> impl Iterator<Item = &Rect> {
        let column = |x: i32| x.clamp(0, self.width) / CELL;
        let row = |y: i32| y.clamp(0, self.depth) / CELL;
        let columns = column(x0 - radius)..=column(x1 + radius);
        let rows = row(y0 - radius)..=row(y1 + radius);
        rows.flat_map(move |row| columns.clone().map(move |column| (row, column))).flat_map(move |(row, column)| {
            let (start, end) = self.cells[(row * self.cells_across + column) as usize];
            self.members[start as usize..end as usize].iter().map(|&index| &self.blocks[index as usize])
        })
    }
}

impl Rect {
    fn of(block: Block, width: i32, depth: i32) -> Option<Self> {
        let numbers = [block.x, block.y, block.width, block.depth];
        if numbers.iter().any(|n| !n.is_finite() || n.abs() > 4_096.0) || block.width < 0.1 || block.depth < 0.1 {
            return None;
        }
        if block.height.is_some_and(|height| !(0.05..=BLOCK_HEIGHT_MAX_M).contains(&height)) {
            return None;
        }
        let subunits = |metres: f64| units_from_m(metres) << SUBUNIT_BITS;
        let rect = Self {
            west: subunits(block.x),
            south: subunits(block.y),
            east: subunits(block.x + block.width),
            north: subunits(block.y + block.depth),
            top: block.height.map_or(SKY, subunits),
        };
        (rect.west >= 0 && rect.south >= 0 && rect.east <= width && rect.north <= depth).then_some(rect)
    }

    fn faces(&self) -> [i32; 5] {
        [self.west, self.south, self.east, self.north, self.top]
    }

    fn overlaps(&self, x: i32, y: i32, radius: i32) -> bool {
        x + radius > self.west && x - radius < self.east && y + radius > self.south && y - radius < self.north
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_over_the_edge_is_named() {
        let inside = Block { x: 1.0, y: 1.0, width: 1.0, depth: 1.0, height: None };
        let outside = Block { x: 9.5, y: 1.0, width: 1.0, depth: 1.0, height: None };
        let error = StaticMap::new(10, 10, &[inside, outside]).unwrap_err();
        assert_eq!(error, MapError::Block { index: 1, block: outside });
    }

    #[test]
    fn sizes_that_do_not_fit_the_wire_are_refused() {
        for (w, d) in [(0, 10), (10, 0), (4_097, 10), (10, u32::MAX)] {
            assert_eq!(StaticMap::new(w, d, &[]).unwrap_err(), MapError::Size(w, d));
        }
        assert!(StaticMap::new(4_096, 4_096, &[]).is_ok());
    }

    #[test]
    fn nothing_tunnels_through_a_thin_wall_at_any_speed() {
        let wall = Block { x: 100.0, y: 0.0, width: 0.1, depth: 200.0, height: None };
        let map = StaticMap::new(200, 200, &[wall]).unwrap();
        let metre = UNITS_PER_M << SUBUNIT_BITS;
        assert_eq!(map.sweep_x(50 * metre, 50 * metre, 0, 140 * metre, 100), 100 * metre - 100);
        assert_eq!(
            map.sweep_x(150 * metre, 50 * metre, 0, -140 * metre, 100),
            100 * metre + (32 << SUBUNIT_BITS) + 100
        );
    }

    #[test]
    fn a_body_inside_a_block_is_put_beside_it() {
        let map =
            StaticMap::new(100, 100, &[Block { x: 40.0, y: 40.0, width: 20.0, depth: 20.0, height: None }]).unwrap();
        let middle = (50 * UNITS_PER_M) << SUBUNIT_BITS;
        let (x, y) = map.nearest_free(middle, middle, 0, 1_000);
        assert!(map.is_free(x, y, 0, 1_000));
    }

    #[test]
    fn the_hash_sees_every_block() {
        let a = StaticMap::new(100, 100, &[]).unwrap();
        let b = StaticMap::new(100, 100, &[Block { x: 1.0, y: 1.0, width: 1.0, depth: 1.0, height: None }]).unwrap();
        assert_ne!(a.hash(), b.hash());
    }
}
