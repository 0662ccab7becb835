//! Shapes to search in, and what they have in common with rectangles and with points side by side.

/// Coordinates reach this far to either side, in units (3,355 km); what lies farther is taken to lie here. Differences
/// then fit an `i32`, and sums of two squares an `i64`.
const REACH: i32 = (1 << 30) - 1;

/// Points that are tested in one go: four registers of each axis on the plainest machine that we build for.
pub(super) const CHUNK: usize = 16;
/// The bit of each of them.
const BITS: [u32; CHUNK] = {
    let mut bits = [0; CHUNK];
    let mut at = 0;
    while at < CHUNK {
        bits[at] = 1 << at;
        at += 1;
    }
    bits
};

/// The coordinate that we compute with.
pub(super) fn known(coordinate: i32) -> i32 {
    coordinate.clamp(-REACH, REACH)
}

/// The smallest rectangle around some points, edges included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) west: i32,
    pub(super) south: i32,
    pub(super) east: i32,
    pub(super) north: i32,
}

impl Bounds {
    pub(super) const EMPTY: Self = Self { west: i32::MAX, south: i32::MAX, east: i32::MIN, north: i32::MIN };

    /// Everything at most `radius` away on either axis; nothing if it is negative.
    fn around(x: i32, y: i32, radius: i32) -> Self {
        let (west, south) = (x.saturating_sub(radius), y.saturating_sub(radius));
        Self { west, south, east: x.saturating_add(radius), north: y.saturating_add(radius) }
    }

    pub(super) fn include(&mut self, other: &Self) {
        self.west = self.west.min(other.west);
        self.south = self.south.min(other.south);
        self.east = self.east.max(other.east);
        self.north = self.north.max(other.north);
    }

    /// The place inside that is nearest to (`x`, `y`). Not `clamp`, whose order check would stand in the hottest loop.
    fn nearest(&self, x: i32, y: i32) -> (i32, i32) {
        (x.max(self.west).min(self.east), y.max(self.south).min(self.north))
    }
}

/// A shape to search in, at a center within [`REACH`].
pub(super) trait Region {
    /// The rectangle around it.
    fn bounds(&self) -> Bounds;
    /// Whether it has a place in common with the rectangle.
    fn meets(&self, bounds: &Bounds) -> bool;
    /// Whether all of the rectangle lies in it.
    fn covers(&self, bounds: &Bounds) -> bool;
    /// Whether the place lies in it.
    fn holds(&self, x: i32, y: i32) -> bool;

    /// Which of these places lie in it: bit i for the i-th.
    fn holds_which(&self, xs: &[i32; CHUNK], ys: &[i32; CHUNK]) -> u32 {
        each_bit(xs, ys, |x, y| self.holds(x, y))
    }
}

/// The bits of those places of which `is_so` is true.
#[inline]
fn each_bit(xs: &[i32; CHUNK], ys: &[i32; CHUNK], is_so: impl Fn(i32, i32) -> bool) -> u32 {
    xs.iter().zip(ys).zip(&BITS).fold(0, |bits, ((&x, &y), bit)| bits | if is_so(x, y) { *bit } else { 0 })
}

pub(super) struct Square {
    x: i32,
    y: i32,
    radius: i32,
}

impl Square {
    pub(super) fn new(x: i32, y: i32, radius: i32) -> Self {
        Self { x: known(x), y: known(y), radius }
    }
}

impl Region for Square {
    fn bounds(&self) -> Bounds {
        Bounds::around(self.x, self.y, self.radius)
    }

    fn meets(&self, bounds: &Bounds) -> bool {
        let (x, y) = bounds.nearest(self.x, self.y);
        self.holds(x, y)
    }

    fn covers(&self, bounds: &Bounds) -> bool {
        self.holds(bounds.west, bounds.south) && self.holds(bounds.east, bounds.north)
    }

    fn holds(&self, x: i32, y: i32) -> bool {
        (x - self.x).abs() <= self.radius && (y - self.y).abs() <= self.radius
    }
}

pub(super) struct Circle {
    x: i32,
    y: i32,
    radius: i32,
    /// Of the radius.
    square: i64,
    /// A squared distance below the first, in floats, is surely in the circle; one above the second surely is not.
    unsure: (f32, f32),
}

/// Half the width of what floats cannot decide, as a share of the square. Four roundings (a difference, its square, the
/// sum, the limit) of 2^-24 each are off by 2^-22 at most.
const UNSURE: f32 = 1.0 / (1 << 20) as f32;

impl Circle {
    pub(super) fn new(x: i32, y: i32, radius: i32) -> Self {
        let square = if radius < 0 { -1 } else { i64::from(radius) * i64::from(radius) };
        let unsure = (square as f32 * (1.0 - UNSURE), square as f32 * (1.0 + UNSURE));
        Self { x: known(x), y: known(y), radius, square, unsure }
    }

    fn reaches(&self, dx: i32, dy: i32) -> bool {
        i64::from(dx) * i64::from(dx) + i64::from(dy) * i64::from(dy) <= self.square
    }
}

impl Region for Circle {
    fn bounds(&self) -> Bounds {
        Bounds::around(self.x, self.y, self.radius)
    }

    fn meets(&self, bounds: &Bounds) -> bool {
        let (x, y) = bounds.nearest(self.x, self.y);
        self.holds(x, y)
    }

    fn covers(&self, bounds: &Bounds) -> bool {
        let far_x = (bounds.west - self.x).abs().max((bounds.east - self.x).abs());
        let far_y = (bounds.south - self.y).abs().max((bounds.north - self.y).abs());
        self.reaches(far_x, far_y)
    }

    fn holds(&self, x: i32, y: i32) -> bool {
        self.reaches(x - self.x, y - self.y)
    }

    /// Floats decide what is clear, four places at a time; where one of them is not, integers decide. The answer is
    /// that of the integers, whatever a machine's floats are like.
    #[inline]
    #[allow(
        clippy::needless_range_loop,
        reason = "zipped, it is not made into four lanes: a pass takes an eighth longer"
    )]
    fn holds_which(&self, xs: &[i32; CHUNK], ys: &[i32; CHUNK]) -> u32 {
        let (mut sure, mut possible) = (0, 0);
        for at in 0..CHUNK {
            let (dx, dy) = ((xs[at] - self.x) as f32, (ys[at] - self.y) as f32);
            let square = dx * dx + dy * dy;
            sure |= if square < self.unsure.0 { BITS[at] } else { 0 };
            possible |= if square <= self.unsure.1 { BITS[at] } else { 0 };
        }
        if sure == possible { sure } else { each_bit(xs, ys, |x, y| self.holds(x, y)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn floats_never_decide_what_integers_would_not(
            center in (-REACH..=REACH, -REACH..=REACH),
            radius in prop_oneof![Just(0), Just(-1), Just(i32::MAX), 1..200_i32, 1..2_000_000_i32, 1..REACH],
            turns in prop::collection::vec((0.0..std::f64::consts::TAU, -2.0..2.0_f64), CHUNK),
        ) {
            let circle = Circle::new(center.0, center.1, radius);
            // Within two units of its edge, where it is hard.
            let place = |(turn, off): &(f64, f64)| {
                let along = f64::from(radius) + off;
                let at = |center: i32, share: f64| known((f64::from(center) + along * share).round() as i32);
                (at(center.0, turn.cos()), at(center.1, turn.sin()))
            };
            let (mut xs, mut ys) = ([0; CHUNK], [0; CHUNK]);
            for (at, turn) in turns.iter().enumerate() {
                (xs[at], ys[at]) = place(turn);
            }
            let which = circle.holds_which(&xs, &ys);
            for at in 0..CHUNK {
                prop_assert_eq!(which & BITS[at] != 0, circle.holds(xs[at], ys[at]));
            }
        }
    }
}
