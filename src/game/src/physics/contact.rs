//! When two things that move meet, and how they part: integers alone.
//!
//! Time within a way is counted in [`STEPS`]. What is told is rounded towards the beginning: at the step that is told, two
//! have not met yet.

use protocol::view::Place;

/// Steps of a whole way, or of a tick: at the greatest speed of a thing one step is one subunit.
pub(crate) const STEPS: i64 = 1 << 20;

/// What bodies keep of the speed at which they came together: 3 of 10.
pub(crate) const RESTITUTION: (i64, i64) = (3, 10);

/// East, north, up.
pub(crate) type Vector = [i32; 3];

/// From somewhere straight on, so far along each axis in [`STEPS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) from: Vector,
    pub(crate) by: Vector,
}

impl Way {
    /// Where it leads from one place to another.
    pub(crate) fn between(from: Place, to: Place) -> Self {
        Self { from: [from.x, from.y, from.z], by: [to.x - from.x, to.y - from.y, to.z - from.z] }
    }

    /// The place after so many steps, rounded towards the beginning.
    pub(crate) fn at(&self, steps: i64) -> Vector {
        let part = |from: i32, by: i32| from + (i64::from(by) * steps / STEPS) as i32;
        [part(self.from[0], self.by[0]), part(self.from[1], self.by[1]), part(self.from[2], self.by[2])]
    }

    /// Where it enters a block (west, south, east, north, top) as something of this half width, if it does before its end.
    /// To touch it is not to enter it; with a `slack` it must be passed so much farther to be out of it.
    pub(crate) fn enters(&self, block: [i32; 5], radius: i32, slack: i32) -> Option<Face> {
        let [west, south, east, north, top] = block.map(i64::from);
        let (radius, slack) = (i64::from(radius), i64::from(slack));
        // The ground is below everything.
        let slabs = [(west - radius, east + radius), (south - radius, north + radius), (i64::MIN >> 2, top)];
        let (mut enter, mut leave) = (Share { of: -1, in_all: 1 }, Share { of: 1, in_all: 0 });
        let mut face = None;
        for (axis, (low, high)) in slabs.into_iter().enumerate() {
            let (from, by) = (i64::from(self.from[axis]), i64::from(self.by[axis]));
            if by == 0 {
                if from <= low || from >= high {
                    return None;
                }
                continue;
            }
            let (near, far) = if by > 0 { (low, high + slack) } else { (high, low - slack) };
            let way = |to: i64| Share { of: (to - from) * by.signum(), in_all: by.abs() };
            if way(near).of >= 0 && enter.is_before(way(near)) {
                (enter, face) = (way(near), Some((axis, near)));
            }
            // Down through the ground there is no end.
            if (axis < 2 || by > 0) && way(far).is_before(leave) {
                leave = way(far);
            }
        }
        let (axis, at) = face?;
        let is_met = enter.is_before(leave) && enter.of <= enter.in_all && leave.of > 0;
        is_met.then(|| Face { steps: enter.of * STEPS / enter.in_all, axis, at: at as i32 })
    }

    /// Whether it leads through a block anywhere, its beginning included.
    pub(crate) fn is_blocked_by(&self, block: [i32; 5]) -> bool {
        let [west, south, east, north, top] = block;
        let [x, y, z] = self.from;
        (west < x && x < east && south < y && y < north && z < top) || self.enters(block, 0, 0).is_some()
    }
}

/// Where a way enters a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Face {
    /// After so many steps, rounded down.
    pub(crate) steps: i64,
    /// 0, 1 or 2 for east, north and up.
    pub(crate) axis: usize,
    /// The coordinate along that axis.
    pub(crate) at: i32,
}

/// A share of a way, exactly: `of` of `in_all` (0 or more).
#[derive(Clone, Copy, Debug)]
struct Share {
    of: i64,
    in_all: i64,
}

impl Share {
    fn is_before(self, other: Self) -> bool {
        i128::from(self.of) * i128::from(other.in_all) < i128::from(other.of) * i128::from(self.in_all)
    }
}

/// How two upright cylinders lie when nothing is between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Both radii together: nearer than this they are inside one another.
    pub(crate) reach: i32,
    /// So much farther apart they are taken to touch already: what is rounded must not bring one into the other.
    pub(crate) skin: i32,
    /// Of the one that moves.
    pub(crate) height: i32,
    /// Of the other.
    pub(crate) other_height: i32,
}

/// Two cylinders meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meeting {
    /// After so many steps, rounded down.
    pub(crate) steps: i64,
    /// One comes down on the other; else they meet at their sides.
    pub(crate) is_upright: bool,
}

/// When two cylinders meet, as the one moves seen from the other. Those that only part do not meet.
pub(crate) fn meet(way: &Way, pair: &Pair) -> Option<Meeting> {
    let [fx, fy, fz] = way.from.map(i64::from);
    let [bx, by, bz] = way.by.map(i64::from);
    let reach = i64::from(pair.reach) + i64::from(pair.skin);
    // Seldom is one in the way at all: looked at first, one axis at a time.
    let misses = |from: i64, by: i64| from.min(from + by) > reach || from.max(from + by) < -reach;
    if misses(fx, bx) || misses(fy, by) {
        return None;
    }
    let (high_in, high_out, was_level) = upright_window(fz, bz, pair)?;
    let a = bx * bx + by * by;
    let b = fx * bx + fy * by;
    let square = fx * fx + fy * fy;
    let (side_in, side_out) = side_window(a, b, square - reach * reach)?;
    let steps = side_in.max(high_in);
    if steps > side_out.min(high_out) || steps > STEPS {
        return None;
    }
    if !was_level && high_in >= side_in {
        // One is above the other until now. On the very rim it falls past it.
        let [x, y, _] = way.at(steps).map(i64::from);
        if x * x + y * y < i64::from(pair.reach) * i64::from(pair.reach) {
            return Some(Meeting { steps, is_upright: true });
        }
    }
    // Within the skin only who comes nearer meets.
    let comes_nearer = i128::from(b) * i128::from(STEPS) + i128::from(a) * i128::from(steps) < 0;
    comes_nearer.then_some(Meeting { steps, is_upright: false })
}

/// From which step to which the heights overlap, and whether they do at the beginning.
fn upright_window(from: i64, by: i64, pair: &Pair) -> Option<(i64, i64, bool)> {
    let (low, high) = (-i64::from(pair.height), i64::from(pair.other_height));
    let is_level = low < from && from < high;
    if by == 0 {
        return is_level.then_some((0, i64::MAX, true));
    }
    let (near, far) = if by > 0 { (low, high) } else { (high, low) };
    let steps = |to: i64| (to - from) * by.signum() * STEPS / by.abs();
    if (far - from) * by.signum() <= 0 {
        return None;
    }
    Some((if is_level { 0 } else { steps(near) }, steps(far), is_level))
}

/// From which step to which they are at most as near as they may be: a t^2 + 2 b t + c <= 0, t being 1 at the end.
fn side_window(a: i64, b: i64, c: i64) -> Option<(i64, i64)> {
    if a == 0 {
        return (c <= 0).then_some((0, i64::MAX));
    }
    if c > 0 && b >= 0 {
        return None;
    }
    let (wide_a, wide_b) = (i128::from(a), i128::from(b));
    let square = wide_b * wide_b - wide_a * i128::from(c);
    if square < 0 {
        return None;
    }
    let down = square.unsigned_abs().isqrt();
    let root = (down + u128::from(down * down != square.unsigned_abs())).cast_signed();
    let steps = |t: i128| (t * i128::from(STEPS)).div_euclid(wide_a) as i64;
    let enter = if c <= 0 { 0 } else { steps(-wide_b - root).max(0) };
    Some((enter, steps(-wide_b + root).saturating_add(1)))
}

/// By how much a velocity changes that meets something along `normal`, in multiples of `unit` (1 or 2): afterwards it does
/// not lead against the normal, it is no longer than before, and it is as near as whole numbers come to what restitution
/// says. Where none come near, all of it is taken.
pub(crate) fn rebound(velocity: [i32; 2], normal: [i32; 2], unit: i64) -> [i32; 2] {
    let ([wx, wy], [nx, ny]) = (velocity.map(i64::from), normal.map(i64::from));
    let closing = wx * nx + wy * ny;
    if closing >= 0 {
        return [0, 0];
    }
    let (kept, of) = RESTITUTION;
    let length = of * (nx * nx + ny * ny);
    // In 256ths, to tell which of those around it is the nearest.
    let ideal = |part: i64| (i128::from(-(of + kept) * closing * 256) * i128::from(part) / i128::from(length)) as i64;
    let (ideal_x, ideal_y) = (ideal(nx), ideal(ny));
    let before = wx * wx + wy * wy;
    let mut best = (i64::MAX, [-(wx / unit) * unit, -(wy / unit) * unit]);
    for step_y in -2..=2 {
        for step_x in -2..=2 {
            let (x, y) = ((ideal_x / (256 * unit) + step_x) * unit, (ideal_y / (256 * unit) + step_y) * unit);
            let (vx, vy) = (wx + x, wy + y);
            if vx * vx + vy * vy <= before && vx * nx + vy * ny >= 0 {
                let (off_x, off_y) = (256 * x - ideal_x, 256 * y - ideal_y);
                let off = off_x * off_x + off_y * off_y;
                if off < best.0 {
                    best = (off, [x, y]);
                }
            }
        }
    }
    best.1.map(|part| part as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::motion::BODY_RADIUS;

    const REACH: i32 = 2 * BODY_RADIUS;
    const PAIR: Pair = Pair { reach: REACH, skin: 0, height: 50_000, other_height: 70_000 };

    /// Whether they are inside one another, the one so far from the other.
    fn is_inside([x, y, z]: Vector) -> bool {
        let (x, y) = (i64::from(x), i64::from(y));
        -PAIR.height < z && z < PAIR.other_height && x * x + y * y < i64::from(REACH) * i64::from(REACH)
    }

    #[test]
    fn two_meet_at_their_sides_when_one_has_come_near_and_from_above_when_it_has_come_down() {
        let way = |from: Vector, by: Vector| meet(&Way { from, by }, &PAIR);
        let half = Some(Meeting { steps: STEPS / 2, is_upright: false });
        assert_eq!(way([REACH + 500, 0, 0], [-1_000, 0, 0]), half);
        assert_eq!(way([REACH + 500, 0, 70_000], [-1_000, 0, 0]), None, "it passes above");
        assert_eq!(way([REACH + 1_001, 0, 0], [-1_000, 0, 0]), None, "it does not come so far");
        assert_eq!(way([REACH, 9, 0], [0, 5_000, 0]), None, "it passes by");
        assert_eq!(way([5, 5, 70_500], [3, 0, -1_000]), Some(Meeting { steps: STEPS / 2, is_upright: true }));
        assert_eq!(way([5, 5, -50_500], [3, 0, 1_000]), Some(Meeting { steps: STEPS / 2, is_upright: true }));
        assert_eq!(way([REACH, 0, 70_500], [0, 0, -1_000]), None, "it falls past the rim");
        let down_and_in = way([REACH + 10, 0, 70_500], [-1_000, 0, -1_000]);
        assert_eq!(down_and_in, Some(Meeting { steps: STEPS / 2, is_upright: true }));
    }

    #[test]
    fn a_way_enters_a_block_at_the_face_that_it_comes_to_last() {
        let block = [100, 100, 200, 200, 50];
        let enters = |from: Vector, by: Vector| Way { from, by }.enters(block, 10, 0);
        assert_eq!(enters([80, 150, 0], [20, 0, 0]), Some(Face { steps: STEPS / 2, axis: 0, at: 90 }));
        assert_eq!(enters([150, 220, 0], [0, -40, 0]), Some(Face { steps: STEPS / 4, axis: 1, at: 210 }));
        assert_eq!(enters([150, 150, 60], [0, 0, -20]), Some(Face { steps: STEPS / 2, axis: 2, at: 50 }));
        assert_eq!(enters([80, 150, 50], [20, 0, 0]), None, "above it");
        assert_eq!(enters([80, 90, 0], [200, 0, 0]), None, "along its side");
        assert_eq!(enters([80, 70, 0], [40, 40, 0]).map(|face| face.axis), Some(1));
        assert_eq!(enters([150, 150, 0], [40, 0, 0]), None, "from inside one only leaves");
    }

    proptest! {
        /// Until the step that is told they are apart, and where none is told they are apart all along.
        #[test]
        fn a_meeting_is_the_first(
            from in (-200_000..200_000_i32, -200_000..200_000_i32, -200_000..200_000_i32),
            by in (-900_000..900_000_i32, -900_000..900_000_i32, -300_000..300_000_i32),
        ) {
            let way = Way { from: from.into(), by: by.into() };
            prop_assume!(!is_inside(way.from));
            let meeting = meet(&way, &PAIR);
            let end = meeting.map_or(STEPS, |meeting| meeting.steps);
            // What is rounded, a subunit along each axis, may seem to be a touch.
            let shrunk = |[x, y, z]: Vector| [x + x.signum() * 2, y + y.signum() * 2, z + z.signum() * 2];
            for part in 0..=2_000 {
                prop_assert!(!is_inside(shrunk(way.at(end * part / 2_000))), "{:?} at {}", meeting, part);
            }
            if let Some(Meeting { steps, .. }) = meeting {
                // A little later they would be inside one another, or graze.
                let soon = (1..64).any(|more| {
                    let [x, y, z] = way.at(steps + more * 64);
                    let nearer = [x - x.signum() * 64, y - y.signum() * 64, z - z.signum() * 64];
                    is_inside(nearer)
                });
                prop_assert!(soon, "{:?}", meeting);
            }
        }

        /// What comes back is no faster, and goes away.
        #[test]
        fn a_rebound_leads_away_and_gives_no_speed(
            velocity in (-2_000_000..2_000_000_i32, -2_000_000..2_000_000_i32), small in (-9..9_i32, -9..9_i32),
            normal in (-65_540..65_540_i32, -65_540..65_540_i32), unit in 1..3_i64,
        ) {
            for velocity in [velocity, small] {
                let velocity = <[i32; 2]>::from(velocity);
                let normal = <[i32; 2]>::from(normal);
                let change = rebound(velocity, normal, unit);
                let after = [velocity[0] + change[0], velocity[1] + change[1]].map(i64::from);
                let square = |v: [i64; 2]| v[0] * v[0] + v[1] * v[1];
                prop_assert!(square(after) <= square(velocity.map(i64::from)));
                prop_assert!(change.iter().all(|part| i64::from(*part) % unit == 0));
                let along = |v: [i64; 2]| v[0] * i64::from(normal[0]) + v[1] * i64::from(normal[1]);
                if after.iter().any(|part| part.abs() >= unit) {
                    prop_assert!(along(after) >= 0);
                }
            }
        }
    }
}
