//! A straight line through the world, in integers: where it enters and leaves what stands in its way.
//!
//! spec: SHO-6, SHO-7. Lengths along the line are in subunits, rounded towards minus infinity; so every machine finds the
//! same end.

use protocol::unit::WORLD_UNITS_MAX;
use protocol::view::Place;

/// Fraction bits of sines and directions: a direction is about 2^20 long, half a step of it is 0.05 mm at 100 m.
const DIRECTION_BITS: u32 = 20;

/// From a place, in a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ray {
    from: Place,
    /// East, north, up; 2^[`DIRECTION_BITS`] together.
    direction: [i32; 3],
}

/// A stretch of a ray, in subunits from its beginning; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) enter: i64,
    pub(crate) leave: i64,
}

impl Span {
    const ALL: Self = Self { enter: i64::MIN, leave: i64::MAX };

    fn and(self, other: Self) -> Option<Self> {
        let both = Self { enter: self.enter.max(other.enter), leave: self.leave.min(other.leave) };
        (both.enter <= both.leave).then_some(both)
    }
}

impl Ray {
    /// From `from` along `yaw` and `pitch`, 65,536 steps to a turn; yaw 0 is east, a quarter turn north, and a pitch
    /// above 0 looks down.
    pub(crate) fn new(from: Place, yaw: u16, pitch: u16) -> Self {
        let level = cosine(pitch);
        let part = |of: i32| ((i64::from(level) * i64::from(of)) >> DIRECTION_BITS) as i32;
        Self { from, direction: [part(cosine(yaw)), part(sine(yaw)), -sine(pitch)] }
    }

    /// From one place to another, and how far that is, in subunits.
    pub(crate) fn between(from: Place, to: Place) -> (Self, i64) {
        let way = [(from.x, to.x), (from.y, to.y), (from.z, to.z)].map(|(from, to)| i64::from(to) - i64::from(from));
        let length = way.iter().map(|part| part * part).sum::<i64>().isqrt();
        let direction = way.map(|part| ((part << DIRECTION_BITS) / length.max(1)) as i32);
        (Self { from, direction }, length)
    }

    pub(crate) fn from(&self) -> Place {
        self.from
    }

    /// The place this far along.
    pub(crate) fn at(&self, length: i64) -> Place {
        let part = |from: i32, way: i32| from + ((i64::from(way) * length) >> DIRECTION_BITS) as i32;
        let [east, north, up] = self.direction;
        Place { x: part(self.from.x, east), y: part(self.from.y, north), z: part(self.from.z, up) }
    }

    /// How far it is to the ground; `None` for a ray that does not fall.
    pub(crate) fn ground(&self) -> Option<i64> {
        (self.direction[2] < 0).then(|| length_to(0, self.from.z, self.direction[2]))
    }

    /// Where it is in a block (west, south, east, north, top); a top of `i32::MAX` is the sky.
    pub(crate) fn inside(&self, [west, south, east, north, top]: [i32; 5]) -> Option<Span> {
        let x = slab(self.from.x, self.direction[0], west, east)?;
        let over = x.and(slab(self.from.y, self.direction[1], south, north)?)?;
        if top == i32::MAX {
            return Some(over);
        }
        over.and(slab(self.from.z, self.direction[2], 0, top)?)
    }

    /// Where it is within an upright cylinder that stands on `foot`.
    pub(crate) fn through(&self, foot: Place, radius: i32, height: i32) -> Option<Span> {
        let z = slab(self.from.z, self.direction[2], foot.z, foot.z.saturating_add(height))?;
        z.and(self.within(foot, radius)?)
    }

    /// Where it is at most `radius` from an upright line: the square of that distance is a square in the length.
    fn within(&self, axis: Place, radius: i32) -> Option<Span> {
        let [dx, dy] = [self.direction[0], self.direction[1]].map(i128::from);
        let (fx, fy) = (i128::from(self.from.x) - i128::from(axis.x), i128::from(self.from.y) - i128::from(axis.y));
        // a t^2 + 2 b t + c <= 0, t being 1 where the direction ends.
        let a = dx * dx + dy * dy;
        let b = fx * dx + fy * dy;
        let c = fx * fx + fy * fy - i128::from(radius) * i128::from(radius);
        if a == 0 {
            return (c <= 0).then_some(Span::ALL);
        }
        let square = b * b - a * c;
        let root = (square >= 0).then(|| square.unsigned_abs().isqrt().cast_signed())?;
        let length = |t: i128| (t << DIRECTION_BITS).div_euclid(a) as i64;
        Some(Span { enter: length(-b - root), leave: length(-b + root) })
    }
}

/// Whether a place lies before somebody who stands at `from` and looks along `yaw`, 4,096 steps to a turn; his own place does.
pub(crate) fn is_before(from: (i32, i32), yaw: u16, place: (i32, i32)) -> bool {
    let angle = yaw << 4;
    let (dx, dy) = (i64::from(place.0) - i64::from(from.0), i64::from(place.1) - i64::from(from.1));
    dx * i64::from(cosine(angle)) + dy * i64::from(sine(angle)) >= 0
}

/// Whether a place lies in a wedge around `yaw`, 65,536 steps to a turn, that is `angle` wide from edge to edge, 4,096 steps
/// to a turn; who stands at its tip does.
pub(crate) fn is_in_wedge(tip: (i32, i32), yaw: u16, angle: u16, place: (i32, i32)) -> bool {
    if angle >= 4_096 {
        return true;
    }
    let (dx, dy) = (i64::from(place.0) - i64::from(tip.0), i64::from(place.1) - i64::from(tip.1));
    let along = dx * i64::from(cosine(yaw)) + dy * i64::from(sine(yaw));
    // Half of it, in sixteen times finer steps.
    along >= (dx * dx + dy * dy).isqrt() * i64::from(cosine(angle << 3))
}

/// Yaw and pitch, as in [`Ray::new`], of the line from one place to another: the last step of each that does not go beyond.
pub(crate) fn look(from: Place, to: Place) -> (u16, u16) {
    let [dx, dy, dz] =
        [(from.x, to.x), (from.y, to.y), (from.z, to.z)].map(|(from, to)| i64::from(to) - i64::from(from));
    (angle_of(dx, dy), angle_of((dx * dx + dy * dy).isqrt(), -dz))
}

/// The angle of a vector, 65,536 steps to a turn; of none 0.
fn angle_of(x: i64, y: i64) -> u16 {
    const QUARTER: u16 = 1 << 14;
    let (across, up) = (x.abs(), y.abs());
    // The sine grows and the cosine falls in a quarter, so the steps that lie below the vector come first.
    let is_below = |angle: u16| across * i64::from(sine(angle)) <= up * i64::from(cosine(angle));
    let (mut least, mut beyond) = (0, QUARTER + 1);
    while beyond - least > 1 {
        let middle = least + (beyond - least) / 2;
        if is_below(middle) { least = middle } else { beyond = middle }
    }
    let least = if across == 0 && up == 0 { 0 } else { least };
    match (x < 0, y < 0) {
        (false, false) => least,
        (true, false) => 2 * QUARTER - least,
        (true, true) => 2 * QUARTER + least,
        (false, true) => 0_u16.wrapping_sub(least),
    }
}

/// Where a line that starts at `from` and goes `way` in each 2^[`DIRECTION_BITS`] lies in `low..=high`.
fn slab(from: i32, way: i32, low: i32, high: i32) -> Option<Span> {
    if way == 0 {
        return (low <= from && from <= high).then_some(Span::ALL);
    }
    let (one, other) = (length_to(low, from, way), length_to(high, from, way));
    Some(Span { enter: one.min(other), leave: one.max(other) })
}

/// How long the line from `from`, which goes `way` (not 0) in each 2^[`DIRECTION_BITS`], is at `to`.
fn length_to(to: i32, from: i32, way: i32) -> i64 {
    let (distance, way) = (i64::from(to) - i64::from(from), i64::from(way));
    // Towards minus infinity, whatever the sign of the way: a division by its magnitude rounds there.
    ((distance * way.signum()) << DIRECTION_BITS).div_euclid(way.abs())
}

const _: () = assert!((WORLD_UNITS_MAX as i64) << (8 + DIRECTION_BITS + 1) < i64::MAX, "lengths fit");

/// spec: SHO-6. The whole number nearest to 2^20 sin(2 pi angle / 65,536).
pub(crate) fn sine(angle: u16) -> i32 {
    const QUARTER: u16 = 1 << 14;
    let within = angle % (2 * QUARTER);
    let up = if within <= QUARTER { within } else { 2 * QUARTER - within };
    if angle < 2 * QUARTER { quarter_sine(up) } else { -quarter_sine(up) }
}

pub(crate) fn cosine(angle: u16) -> i32 {
    sine(angle.wrapping_add(1 << 14))
}

/// For 0 to a quarter turn: the series of the sine, with more bits than the result can show.
fn quarter_sine(angle: u16) -> i32 {
    const BITS: u32 = 60;
    /// 2 pi, with [`BITS`] fraction bits.
    const TURN: i128 = 7_244_019_458_077_122_842;
    let x = (i128::from(angle) * TURN) >> 16;
    let square = (x * x) >> BITS;
    let (mut term, mut sum) = (x, 0);
    // The terms: x^n / n!, signs in turn. At a quarter turn that of 25 is below 2^-65.
    for n in (1..25).step_by(2) {
        sum += term;
        term = -((term * square) >> BITS) / (n + 1) / (n + 2);
    }
    ((sum + (1 << (BITS - DIRECTION_BITS - 1))) >> (BITS - DIRECTION_BITS)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::unit::SUBUNITS_PER_M;

    const QUARTER: u16 = 1 << 14;
    const EYE: Place = Place { x: 100 * SUBUNITS_PER_M, y: 100 * SUBUNITS_PER_M, z: 2 * SUBUNITS_PER_M };
    const M: i64 = SUBUNITS_PER_M as i64;

    fn beside(east_m: i32, north_m: i32) -> Place {
        Place { x: EYE.x + east_m * SUBUNITS_PER_M, y: EYE.y + north_m * SUBUNITS_PER_M, z: 0 }
    }

    /// proves: SHO-6
    #[test]
    fn every_sine_is_the_nearest_whole_number() {
        for angle in 0..=u16::MAX {
            let exact = (f64::from(angle) * std::f64::consts::TAU / 65_536.0).sin() * f64::from(1 << DIRECTION_BITS);
            assert!((f64::from(sine(angle)) - exact).abs() <= 0.500_001, "{angle}: {} for {exact}", sine(angle));
        }
        assert_eq!([0, QUARTER, 2 * QUARTER, 3 * QUARTER].map(sine), [0, 1 << 20, 0, -(1 << 20)]);
        assert_eq!([1, 5_461, 8_192].map(sine), [101, 524_259, 741_455]);
    }

    /// proves: SHO-6
    #[test]
    fn yaw_turns_from_east_to_north_and_pitch_looks_down() {
        let ways = [(0, 0), (QUARTER, 0), (2 * QUARTER, 0), (0, QUARTER), (0, 3 * QUARTER)];
        let ends = ways.map(|(yaw, pitch)| Ray::new(EYE, yaw, pitch).at(M));
        assert_eq!(ends[0], Place { x: EYE.x + SUBUNITS_PER_M, ..EYE });
        assert_eq!(ends[1], Place { y: EYE.y + SUBUNITS_PER_M, ..EYE });
        assert_eq!(ends[2], Place { x: EYE.x - SUBUNITS_PER_M, ..EYE });
        assert_eq!(ends[3], Place { z: EYE.z - SUBUNITS_PER_M, ..EYE });
        assert_eq!(ends[4], Place { z: EYE.z + SUBUNITS_PER_M, ..EYE });
    }

    #[test]
    fn half_of_the_world_is_before_one() {
        let before = |yaw: u16, east, north| is_before((0, 0), yaw, (east, north));
        assert!(before(0, 5, 100) && !before(0, -5, 100), "east");
        assert!(before(1_024, 100, 5) && !before(1_024, 100, -5), "north");
        assert!(before(3_072, 1, -5) && before(3_072, 0, 0));
    }

    /// proves: SHO-7
    #[test]
    fn a_cylinder_is_met_at_its_side_its_lid_and_its_edge() {
        let metre = SUBUNITS_PER_M;
        let east = Ray::new(EYE, 0, 0);
        assert_eq!(east.through(beside(10, 0), metre, 3 * metre), Some(Span { enter: 9 * M, leave: 11 * M }));
        assert_eq!(
            east.through(beside(10, 1), metre, 3 * metre),
            Some(Span { enter: 10 * M, leave: 10 * M }),
            "touches"
        );
        assert_eq!(east.through(beside(10, 2), metre, 3 * metre), None);
        assert_eq!(east.through(beside(10, 0), metre, metre), None, "it passes above");
        assert_eq!(east.through(beside(-10, 0), metre, 3 * metre), Some(Span { enter: -11 * M, leave: -9 * M }));
        let down = Ray::new(EYE, 0, QUARTER);
        assert_eq!(down.through(beside(0, 0), metre, metre), Some(Span { enter: M, leave: 2 * M }));
        assert_eq!(down.through(beside(2, 0), metre, metre), None);
        assert_eq!(down.ground(), Some(2 * M));
        assert_eq!(east.ground(), None);
    }

    /// proves: SHO-7
    #[test]
    fn a_block_is_met_up_to_its_top_and_one_to_the_sky_however_high_the_ray_is() {
        let (metre, high) = (SUBUNITS_PER_M, Place { z: 500 * SUBUNITS_PER_M, ..EYE });
        let block = |top| [EYE.x + 5 * metre, EYE.y - metre, EYE.x + 6 * metre, EYE.y + metre, top];
        let whole = Some(Span { enter: 5 * M, leave: 6 * M });
        assert_eq!(Ray::new(high, 0, 0).inside(block(i32::MAX)), whole);
        assert_eq!(Ray::new(high, QUARTER, 0).inside(block(i32::MAX)), None);
        assert_eq!([2, 1].map(|top| Ray::new(EYE, 0, 0).inside(block(top * metre))), [whole, None]);
        // An eighth of a turn down, so it is 4 m along and 3 m below the eye on its way into the ground.
        let (low, down) = (Place { z: 6 * metre, ..EYE }, Ray::new(Place { z: 6 * metre, ..EYE }, 0, QUARTER / 2));
        let met = down.inside(block(metre / 2)).map(|span| down.at(span.enter));
        assert!(met.is_some_and(|at| (at.z - metre / 2).abs() < 9 && at.x > low.x + 5 * metre), "{met:?}");
    }

    proptest! {
        #[test]
        fn a_line_along_a_look_passes_near_where_one_looks(
            x in -4_000_000_i32..4_000_000, y in -4_000_000_i32..4_000_000, z in -300_000_i32..300_000,
        ) {
            let (from, to) = (Place { x: 9, y: 8, z: 7 }, Place { x: 9 + x, y: 8 + y, z: 7 + z });
            let (yaw, pitch) = look(from, to);
            let (straight, length) = Ray::between(from, to);
            for end in [Ray::new(from, yaw, pitch).at(length), straight.at(length)] {
                let off = [(end.x, to.x), (end.y, to.y), (end.z, to.z)].map(|(end, to)| end.abs_diff(to));
                // A step of an angle is a ten-thousandth of the length.
                prop_assert!(off.iter().all(|off| i64::from(*off) <= length / 5_000 + 8), "{off:?} of {length}");
            }
        }

        /// What enters a cylinder is there where it enters it, and where it does not it is nowhere inside.
        #[test]
        fn spans_agree_with_the_places_along_the_ray(
            east in -60..60_i32, north in -60..60_i32, foot in 0..4_i32, yaw: u16, pitch: u16,
        ) {
            let (radius, height) = (SUBUNITS_PER_M, 2 * SUBUNITS_PER_M);
            let cylinder = Place { z: foot * SUBUNITS_PER_M, ..beside(east, north) };
            let ray = Ray::new(EYE, yaw, pitch);
            let span = ray.through(cylinder, radius, height);
            for step in -1_000..1_000 {
                let length = step * M / 8;
                let at = ray.at(length);
                let (dx, dy) = (i64::from(at.x - cylinder.x), i64::from(at.y - cylinder.y));
                let (far, up) = ((dx * dx + dy * dy).isqrt(), i64::from(at.z - cylinder.z));
                // A few subunits for what is rounded.
                let (inside, outside) = (
                    far < i64::from(radius) - 9 && (9..i64::from(height) - 9).contains(&up),
                    far > i64::from(radius) + 9 || !(-9..i64::from(height) + 9).contains(&up),
                );
                let told = span.is_some_and(|span| span.enter <= length && length <= span.leave);
                prop_assert!((!inside || told) && (!outside || !told), "{span:?} at {length}: {far} {up}");
            }
        }
    }
}
