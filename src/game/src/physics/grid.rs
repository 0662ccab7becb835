//! Who is where among all that bodies can meet: cells of the plane, hashed. It is made anew for every use.
//!
//! The index of the last tick ([`crate::Quadtree`]) does not know who has moved since; to fill this one costs 4 ns for each.

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

fn list((column, row): (i32, i32)) -> usize {
    let mixed = column.cast_unsigned().wrapping_mul(0x9e37_79b1) ^ row.cast_unsigned().wrapping_mul(0x85eb_ca77);
    (mixed >> 19) as usize % LISTS
}
