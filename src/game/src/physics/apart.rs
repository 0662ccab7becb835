//! Bodies that are inside another are put beside it: somebody walked into them, or they came into the world there.

use super::grid::Grid;
use super::solid::{REACH, SKIN, Solid};
use crate::records::Z_MAX;
use protocol::motion::{BODY_RADIUS, StaticMap};

/// Rounds in a tick. What is inside another after them, as between somebody and a wall, is put apart in the next tick, if
/// there is room then.
const ROUNDS_MAX: usize = 8;

/// Kept from tick to tick for its memory only.
#[derive(Debug, Default)]
pub(super) struct Apart {
    inside: Vec<usize>,
}

impl Apart {
    /// Puts bodies (those before `bodies`) apart from all solids. Speeds stay as they are. Whether any was moved; the grid
    /// has all where they are before, and only roughly after it.
    pub(super) fn put(&mut self, map: &StaticMap, solids: &mut [Solid], bodies: usize, near: &mut Grid) -> bool {
        for round in 0..ROUNDS_MAX {
            let mut was_moved = false;
            for index in 0..bodies {
                was_moved |= self.put_one(map, solids, index, near);
            }
            if !was_moved {
                return round > 0;
            }
            near.fill(solids.iter().map(|solid| solid.at));
        }
        true
    }

    /// Puts one apart from those that it is inside of, the lowest id first; of two bodies the higher id looks at the lower.
    fn put_one(&mut self, map: &StaticMap, solids: &mut [Solid], index: usize, near: &Grid) -> bool {
        self.inside.clear();
        let [x, y, _] = solids[index].at;
        near.visit([x - REACH, y - REACH], [x + REACH, y + REACH], |other| {
            if other != index && solids[index].is_inside(&solids[other]) {
                self.inside.push(other);
            }
        });
        // Walkers stand in the order of a table, which is not that of their ids.
        self.inside.sort_unstable_by_key(|&other| solids[other].id);
        for &other in &self.inside {
            if solids[index].is_inside(&solids[other]) {
                part(map, solids, index, other);
            }
        }
        !self.inside.is_empty()
    }
}

/// Moves a body out of another by half of the way each, out of somebody else by all of it.
fn part(map: &StaticMap, solids: &mut [Solid], index: usize, other: usize) {
    let (one, them) = (solids[index], solids[other]);
    // What came down a hair too far is lifted back.
    let (upper, lower) = if one.at[2] >= them.at[2] { (index, other) } else { (other, index) };
    let top = solids[lower].at[2] + solids[lower].height;
    if one.sunk(&them) <= SKIN && solids[upper].is_body && top <= Z_MAX {
        solids[upper].at[2] = top;
        return;
    }
    let away = [0, 1].map(|axis| i64::from(one.at[axis]) - i64::from(them.at[axis]));
    // In the very same place the higher id goes east.
    let away = if away == [0; 2] { [if one.id > them.id { 1 } else { -1 }, 0] } else { away };
    let square = away[0] * away[0] + away[1] * away[1];
    let far = square.isqrt();
    let lack = i64::from(REACH) - far + 1;
    let share = if them.is_body { (lack + 1) / 2 } else { lack };
    for (index, sign) in [(index, 1), (other, -1)] {
        if solids[index].is_body {
            // Rounded outwards.
            let [dx, dy] =
                away.map(|part| (sign * part.signum() * ((part.abs() * share + far.max(1) - 1) / far.max(1))) as i32);
            let [x, y, z] = &mut solids[index].at;
            *x = map.sweep_x(*x, *y, *z, dx, BODY_RADIUS);
            *y = map.sweep_y(*x, *y, *z, dy, BODY_RADIUS);
        }
    }
}
