//! The Z-order curve: square cells of the plane in an order in which every quadrant of every size is one run.

use protocol::NetId;
use protocol::unit::WORLD_UNITS_MAX;

/// Side of the smallest cell as a power of two, in units: 512 units, 1.6 m. Two bodies rarely share less.
const CELL_BITS: u32 = 9;
/// Levels of quadrants above it: 2^12 cells of 2^9 units cover the largest world.
const LEVELS: u32 = 12;
const _: () = assert!(1 << (CELL_BITS + LEVELS) >= WORLD_UNITS_MAX, "the cells cover the largest world");
/// Last unit that has a cell of its own.
const COORDINATE_MAX: i32 = (1 << (CELL_BITS + LEVELS)) - 1;
/// Bits of the id below the cell in a key.
const ID_BITS: u32 = 16;

/// Side of a district as a power of two, in units: 205 m. What is within 100 m lies in four of them at most.
const DISTRICT_BITS: u32 = 16;
/// Districts of the world.
pub(super) const DISTRICTS: usize = 1 << (2 * (CELL_BITS + LEVELS - DISTRICT_BITS));
/// The bits of one axis in the number of a cell; those of the other lie between them.
const AXIS: u64 = 0x5555_5555;

/// The place of a point on the curve, then its id.
pub(super) fn key(x: i32, y: i32, id: NetId) -> u64 {
    (((line(y, CELL_BITS) << 1) | line(x, CELL_BITS)) << ID_BITS) | u64::from(id.0)
}

/// Whether two places surely share a cell; those outside the world may without being told so.
pub(super) const fn is_same_cell(one: (i32, i32), other: (i32, i32)) -> bool {
    ((one.0 ^ other.0) | (one.1 ^ other.1)) >> CELL_BITS == 0
}

/// Who has this key.
pub(super) const fn id_of(key: u64) -> NetId {
    NetId(key as u16)
}

/// The district of this key, numbered along the curve.
pub(super) const fn district_of(key: u64) -> usize {
    (key >> (ID_BITS + 2 * (DISTRICT_BITS - CELL_BITS))) as usize
}

/// By how much keys are to be shifted to tell the largest quadrants apart in which these two differ; `None` if they
/// share the smallest cell.
pub(super) fn shift_between(first: u64, last: u64) -> Option<u32> {
    let difference = (first ^ last) >> ID_BITS;
    (difference != 0).then(|| ID_BITS + (difference.ilog2() & !1))
}

/// Visits the districts that meet a rectangle, edges included, row by row from the south-west. A point outside the
/// world is in a district at its edge, and so is that part of a rectangle.
pub(super) fn districts(west: i32, south: i32, east: i32, north: i32, mut visit: impl FnMut(usize)) {
    let (from, to) = (line(west, DISTRICT_BITS), line(east, DISTRICT_BITS));
    let (mut row, top) = (line(south, DISTRICT_BITS), line(north, DISTRICT_BITS));
    if from > to || row > top {
        return;
    }
    loop {
        let mut column = from;
        loop {
            visit(((row << 1) | column) as usize);
            if column == to {
                break;
            }
            column = next(column);
        }
        if row == top {
            break;
        }
        row = next(row);
    }
}

/// In which row or column of cells with this side a coordinate lies, as the bits of its axis.
fn line(coordinate: i32, side_bits: u32) -> u64 {
    spread((coordinate.clamp(0, COORDINATE_MAX) >> side_bits) as u64)
}

/// The next row or column: with the bits between those of the axis set, a carry crosses them.
const fn next(line: u64) -> u64 {
    ((line | !AXIS) + 1) & AXIS
}

/// Moves bit i to bit 2i, for the low 16 bits (the well-known Z-order interleave by doubling gaps).
const fn spread(mut bits: u64) -> u64 {
    bits = (bits | (bits << 8)) & 0x00ff_00ff;
    bits = (bits | (bits << 4)) & 0x0f0f_0f0f;
    bits = (bits | (bits << 2)) & 0x3333_3333;
    (bits | (bits << 1)) & AXIS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_after_a_line_is_the_next() {
        for line in 0..4_095 {
            assert_eq!(next(spread(line)), spread(line + 1));
        }
    }

    #[test]
    fn a_rectangle_meets_the_districts_of_its_points() {
        let side = 1 << DISTRICT_BITS;
        let met = |west, south, east, north| {
            let mut met = Vec::new();
            districts(west, south, east, north, |district| met.push(district));
            met
        };
        let of = |x, y| district_of(key(x, y, NetId(9)));
        assert_eq!(met(5, 5, side - 1, side - 1), [of(7, 7)]);
        assert_eq!(met(side - 1, 5, side, side), [of(0, 0), of(side, 0), of(0, side), of(side, side)]);
        assert_eq!(met(-9, -9, -7, -7), [of(-8, -8)]);
        assert_eq!(met(i32::MIN, i32::MIN, i32::MAX, i32::MAX).len(), DISTRICTS);
        assert!(met(side, 0, 0, 0).is_empty() && met(0, side, 0, 0).is_empty());
    }
}
