//! Who is where among all that bodies can meet: cells of the plane, hashed. It is made anew for every use.
//!
//! The index of the last tick ([`crate::Quadtree`]) does not know who has moved since.

use super::contact::Vector;
use protocol::motion::BODY_RADIUS;

/// Side of a cell as a power of two, in subunits: 0.8 m, twice a radius, so that whoever touches one is in the nine cells
/// around it.
const CELL_BITS: u32 = 16;
const _: () = assert!(2 * BODY_RADIUS <= 1 << CELL_BITS, "nine cells are enough");
/// Lists of cells: four for each of 2,000.
const LISTS: usize = 1 << 13;
const NOBODY: u32 = u32::MAX;

/// Places by cell.
#[derive(Debug)]
pub(super) struct Grid {
    heads: Vec<u32>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    cell: (i32, i32),
    next: u32,
}

impl Default for Grid {
    fn default() -> Self {
        Self { heads: vec![NOBODY; LISTS], entries: Vec::new() }
    }
}

impl Grid {
    /// Replaces all places; they are numbered as they come.
    pub(super) fn fill(&mut self, places: impl Iterator<Item = Vector>) {
        self.heads.fill(NOBODY);
        self.entries.clear();
        for (at, [x, y, _]) in (0..).zip(places) {
            let cell = (x >> CELL_BITS, y >> CELL_BITS);
            let head = &mut self.heads[list(cell)];
            self.entries.push(Entry { cell, next: *head });
            *head = at;
        }
    }

    /// Visits all that are in the cells of a rectangle, in no order.
    pub(super) fn visit(&self, low: [i32; 2], high: [i32; 2], mut visit: impl FnMut(usize)) {
        for row in low[1] >> CELL_BITS..=high[1] >> CELL_BITS {
            for column in low[0] >> CELL_BITS..=high[0] >> CELL_BITS {
                let mut at = self.heads[list((column, row))];
                while at != NOBODY {
                    let entry = self.entries[at as usize];
                    // Other cells share the list.
                    if entry.cell == (column, row) {
                        visit(at as usize);
                    }
                    at = entry.next;
                }
            }
        }
    }
}

/// The ways of what may be far from where the grid has it; a way lies in all cells that somebody on it touches. Those of who
/// has changed his way since are passed over.
#[derive(Debug)]
pub(super) struct Paths {
    heads: Vec<u32>,
    entries: Vec<Path>,
}

#[derive(Clone, Copy, Debug)]
struct Path {
    cell: (i32, i32),
    /// Whose, and the count of his changes that it is good for.
    whose: (u32, u32),
    next: u32,
}

impl Default for Paths {
    fn default() -> Self {
        Self { heads: vec![NOBODY; LISTS], entries: Vec::new() }
    }
}

impl Paths {
    pub(super) fn clear(&mut self) {
        // A tick with nothing fast must not pay for those that have.
        if !self.entries.is_empty() {
            self.heads.fill(NOBODY);
            self.entries.clear();
        }
    }

    /// Adds a way for everybody who comes within `margin` of it.
    pub(super) fn add(&mut self, from: Vector, to: Vector, margin: i32, whose: (u32, u32)) {
        stretches(from, to, margin, |low, high| {
            for cell in cells(low, high, PATH_BITS) {
                let head = &mut self.heads[list(cell)];
                let is_known =
                    self.entries.get(*head as usize).is_some_and(|path| path.cell == cell && path.whose == whose);
                if !is_known {
                    self.entries.push(Path { cell, whose, next: *head });
                    *head = (self.entries.len() - 1) as u32;
                }
            }
        });
    }

    /// Visits whose ways come near this one; some more than once.
    pub(super) fn visit(&self, from: Vector, to: Vector, mut visit: impl FnMut((u32, u32))) {
        if self.entries.is_empty() {
            return;
        }
        stretches(from, to, 0, |low, high| {
            for cell in cells(low, high, PATH_BITS) {
                let mut at = self.heads[list(cell)];
                while at != NOBODY {
                    let path = self.entries[at as usize];
                    if path.cell == cell {
                        visit(path.whose);
                    }
                    at = path.next;
                }
            }
        });
    }
}

/// Side of a cell of ways as a power of two, in subunits: 1.6 m.
const PATH_BITS: u32 = 17;
/// A way is taken in stretches of so much at most along each axis: one box around all of it would hold many cells that it
/// does not come near.
const STRETCH: i32 = 1 << PATH_BITS;

/// Boxes around the stretches of a way, wider by `margin` all around.
pub(super) fn stretches(from: Vector, to: Vector, margin: i32, mut visit: impl FnMut([i32; 2], [i32; 2])) {
    let by = [0, 1].map(|axis| i64::from(to[axis]) - i64::from(from[axis]));
    let count = by[0].abs().max(by[1].abs()) / i64::from(STRETCH) + 1;
    for nth in 0..count {
        let end = |nth: i64, axis: usize| from[axis] + (by[axis] * nth / count) as i32;
        let low = [0, 1].map(|axis| end(nth, axis).min(end(nth + 1, axis)) - margin);
        let high = [0, 1].map(|axis| end(nth, axis).max(end(nth + 1, axis)) + margin);
        visit(low, high);
    }
}

fn cells(low: [i32; 2], high: [i32; 2], bits: u32) -> impl Iterator<Item = (i32, i32)> {
    let columns = low[0] >> bits..=high[0] >> bits;
    (low[1] >> bits..=high[1] >> bits).flat_map(move |row| columns.clone().map(move |column| (column, row)))
}

fn list((column, row): (i32, i32)) -> usize {
    let mixed = column.cast_unsigned().wrapping_mul(0x9e37_79b1) ^ row.cast_unsigned().wrapping_mul(0x85eb_ca77);
    (mixed >> 19) as usize % LISTS
}
