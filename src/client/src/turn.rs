//! Which way a rigid body is turned, between two turns that were told.

use protocol::Orientation;

/// A turn as a quaternion w, x, y, z of length one; its negative is the same turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn([f32; 4]);

/// Nearer than this to each other, as the cosine between two quaternions, the arc is as good as straight, and its sine too
/// small to divide by: a fifth of a degree.
const STRAIGHT_COSINE: f64 = 1.0 - 1e-6;

impl Turn {
    /// As it was told. Bits that no sender means are longer than one; what is shown is not.
    #[must_use]
    pub fn of(told: Orientation) -> Self {
        Self::normal(told.shown().map(f64::from))
    }

    /// On the shortest way from one to the other, at a steady pace; `share` is 0 to 1. What turned by more than half a turn
    /// in between is shown to turn the other way: nobody can tell.
    #[must_use]
    pub fn between(from: Self, to: Self, share: f64) -> Self {
        let (from, to) = (from.0.map(f64::from), to.0.map(f64::from));
        let cosine: f64 = from.iter().zip(&to).map(|(a, b)| a * b).sum();
        let near = cosine.abs().min(1.0);
        let (before, after) = if near > STRAIGHT_COSINE {
            (1.0 - share, share)
        } else {
            let (angle, sine) = (near.acos(), (1.0 - near * near).sqrt());
            (((1.0 - share) * angle).sin() / sine, (share * angle).sin() / sine)
        };
        // Of the two quaternions that are the same turn, the nearer one.
        let after = after.copysign(cosine);
        Self::normal(std::array::from_fn(|part| from[part] * before + to[part] * after))
    }

    /// w, x, y, z.
    #[must_use]
    pub fn parts(self) -> [f32; 4] {
        self.0
    }

    fn normal(parts: [f64; 4]) -> Self {
        let length = parts.iter().map(|part| part * part).sum::<f64>().sqrt();
        Self(parts.map(|part| (part / length) as f32))
    }
}

impl Default for Turn {
    /// Upright.
    fn default() -> Self {
        Self([1.0, 0.0, 0.0, 0.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// About an axis that is none of the three.
    fn about(degrees: f64) -> Turn {
        let (sin, cos) = (degrees / 2.0).to_radians().sin_cos();
        Turn::normal([cos, 0.48 * sin, 0.6 * sin, 0.64 * sin])
    }

    fn negative(turn: Turn) -> Turn {
        Turn(turn.0.map(|part| -part))
    }

    /// From one turn to another, degrees; a quaternion and its negative are the same.
    fn apart(a: Turn, b: Turn) -> f64 {
        let across =
            |sign: f64| a.0.iter().zip(b.0).map(|(a, b)| (f64::from(*a) - sign * f64::from(b)).powi(2)).sum::<f64>();
        4.0 * (across(1.0).min(across(-1.0)).sqrt() / 2.0).asin().to_degrees()
    }

    #[test]
    fn half_way_between_two_turns_is_half_the_angle_and_a_third_is_a_third() {
        for (from, to) in [(0.0, 90.0), (10.0, 60.0), (-100.0, 70.0), (0.0, 0.1)] {
            for share in [0.0, 0.25, 1.0 / 3.0, 0.5, 1.0] {
                let shown = Turn::between(about(from), about(to), share);
                let off = apart(shown, about(from + (to - from) * share));
                assert!(off < 0.001, "{off} degrees off at {share} from {from} to {to}");
            }
        }
    }

    #[test]
    fn the_way_is_the_shorter_one() {
        let shown = Turn::between(about(350.0), about(10.0), 0.5);
        assert!(apart(shown, Turn::default()) < 0.001, "{shown:?}");
        let shown = Turn::between(about(-100.0), about(100.0), 0.5);
        assert!(apart(shown, about(180.0)) < 0.001, "{shown:?}");
    }

    #[test]
    fn a_quaternion_and_its_negative_are_the_same_turn() {
        let (from, to) = (about(20.0), about(80.0));
        for (a, b) in [(from, negative(to)), (negative(from), to), (negative(from), negative(to))] {
            assert!(apart(Turn::between(a, b, 0.5), about(50.0)) < 0.001);
        }
        assert!(apart(Turn::between(from, negative(from), 0.5), from) < 0.001, "no way at all");
    }

    proptest! {
        #[test]
        fn between_any_bits_is_a_turn_no_farther_from_either_than_they_are(
            from in any::<u32>(), to in any::<u32>(), share in 0.0..=1.0_f64,
        ) {
            let [from, to] = [from, to].map(|bits| Turn::of(Orientation::from_bits(bits)));
            let shown = Turn::between(from, to, share);
            let length: f32 = shown.0.iter().map(|part| part * part).sum();
            prop_assert!((length - 1.0).abs() < 1e-5, "{shown:?}");
            let whole = apart(from, to);
            prop_assert!((apart(from, shown) - whole * share).abs() < 0.01, "{shown:?} of {whole} degrees at {share}");
        }
    }
}
