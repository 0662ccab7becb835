//! Whether one sees another: a straight line on the ground, and no block in it.

use super::way::between;
use crate::shot::EYE_HEIGHT;
use protocol::motion::StaticMap;

/// Whether no block lies between two places, in subunits.
///
/// What is lower than eyes hides nobody, wherever the two stand. A line meets a rectangle if their bounds meet and not all corners of the rectangle
/// are on one side of the line.
pub(super) fn is_open(map: &StaticMap, a: (i32, i32), b: (i32, i32)) -> bool {
    let (west, east) = (a.0.min(b.0), a.0.max(b.0));
    let (south, north) = (a.1.min(b.1), a.1.max(b.1));
    let (dx, dy) = between(a, b);
    let side = |x: i32, y: i32| {
        let (px, py) = between(a, (x, y));
        (dx * py - dy * px).signum()
    };
    !map.blocks_near(west, south, east, north).any(|[w, s, e, n, top]| {
        let is_near = w < east && e > west && s < north && n > south
            // A line along an axis has no width of its own.
            || (west == east && w < west && e > west && s < north && n > south)
            || (south == north && s < south && n > south && w < east && e > west);
        let sides = [side(w, s), side(w, n), side(e, s), side(e, n)];
        top >= EYE_HEIGHT && is_near && sides.contains(&1) && sides.contains(&-1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::motion::Block;
    use protocol::unit::SUBUNITS_PER_M;

    #[test]
    fn a_block_hides_what_is_behind_it_and_nothing_else() {
        let house = Block { x: 40.0, y: 40.0, width: 10.0, depth: 2.0, height: None };
        let fence = Block { x: 70.0, y: 40.0, width: 10.0, depth: 2.0, height: Some(1.5) };
        let map = StaticMap::new(100, 100, &[house, fence]).unwrap();
        let sees = |a: (i32, i32), b: (i32, i32)| {
            let place = |(x, y): (i32, i32)| (x * SUBUNITS_PER_M, y * SUBUNITS_PER_M);
            let (one, other) = (is_open(&map, place(a), place(b)), is_open(&map, place(b), place(a)));
            assert_eq!(one, other, "{a:?} {b:?}");
            one
        };
        assert!(!sees((45, 30), (45, 50)), "straight through, along an axis");
        assert!(!sees((30, 41), (60, 41)));
        assert!(!sees((41, 30), (49, 50)), "slanting");
        assert!(sees((45, 30), (45, 39)), "before it");
        assert!(sees((39, 30), (39, 50)), "beside it");
        assert!(sees((30, 39), (42, 60)), "past a corner");
        assert!(sees((45, 45), (45, 45)), "oneself");
        assert!(sees((75, 30), (75, 50)), "over a fence");
    }
}
