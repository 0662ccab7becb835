//! Which way a rigid body is turned, in 32 bits.
//!
//! A turn is a quaternion of length one, and a quaternion and its negative are the same turn. So the component of the
//! largest magnitude is made positive and left out: it follows from the other three, and because it is the largest, those
//! lie within half a square root of two either way. That gives each of them 10 bits where a sine of its own would need 12:
//! steps of 1/723, and a turn that is off by at most 0.28 degrees: twice the length of three half steps and of what they
//! make of the fourth component when all four are alike.

/// Fraction bits of the components of a [`Quaternion`].
pub const QUATERNION_BITS: u32 = 30;
/// One, as a component of a [`Quaternion`].
pub const ONE: i32 = 1 << QUATERNION_BITS;
/// Bits of a component that is told.
pub const COMPONENT_BITS: u32 = 10;
/// Largest magnitude of a component that is told; it stands for half a square root of two.
const COMPONENT_MAX: i64 = (1 << (COMPONENT_BITS - 1)) - 1;
/// Steps of a component to one, [`COMPONENT_MAX`] times the square root of two, times 2^20.
const STEPS_SCALED: i64 = 757_767_215;
const STEPS_BITS: u32 = 20;

/// A turn as the simulation counts it: w, x, y, z in parts of [`ONE`], of length one but for rounding.
pub type Quaternion = [i32; 4];

/// Which way a body is turned, as viewers are told: bits 0 and 1 say which component is left out (0 for w to 3 for z), then
/// come the other three in their order, 10 bits each, two's complement. All 32-bit numbers mean something; 0 is upright.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Orientation(u32);

impl Orientation {
    /// The orientation that these bits stand for.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Its bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The orientation nearest to a turn.
    #[must_use]
    pub fn of(turn: &Quaternion) -> Self {
        let (mut largest, mut sign, mut most) = (0, 1, 0);
        for (index, &component) in turn.iter().enumerate() {
            if component.unsigned_abs() > most {
                (largest, sign, most) = (index as u8, i64::from(component.signum()), component.unsigned_abs());
            }
        }
        const BITS: u32 = QUATERNION_BITS + STEPS_BITS;
        let steps = |component: i32| {
            let scaled = sign * i64::from(component) * STEPS_SCALED + (1 << (BITS - 1));
            (scaled >> BITS).clamp(-COMPONENT_MAX, COMPONENT_MAX) as i32
        };
        let mut rest = turn.iter().enumerate().filter(|&(index, _)| index != usize::from(largest));
        Self::new(largest, [(); 3].map(|()| rest.next().map_or(0, |(_, &component)| steps(component))))
    }

    /// The orientation that leaves out component `largest` (0..=3), with the others in steps; they count modulo 2^10.
    #[must_use]
    pub fn new(largest: u8, others: [i32; 3]) -> Self {
        let mut bits = u32::from(largest & 3);
        for (other, at) in others.into_iter().zip([2, 2 + COMPONENT_BITS, 2 + 2 * COMPONENT_BITS]) {
            bits |= (other as u32 & ((1 << COMPONENT_BITS) - 1)) << at;
        }
        Self(bits)
    }

    /// Which component is left out, 0..=3.
    #[must_use]
    pub const fn largest(self) -> u8 {
        (self.0 & 3) as u8
    }

    /// The other three in their order, in steps, -512..=511.
    #[must_use]
    pub fn others(self) -> [i32; 3] {
        [0, COMPONENT_BITS, 2 * COMPONENT_BITS].map(|above| {
            let spare = 32 - COMPONENT_BITS;
            ((self.0 >> 2 >> above) << spare) as i32 >> spare
        })
    }

    /// The turn in numbers, w, x, y, z: to be shown, not to be computed with. Of any bits it has length one, or nearly if
    /// no sender means them.
    #[must_use]
    pub fn shown(self) -> [f32; 4] {
        let others = self.others().map(|steps| steps as f32 * (std::f32::consts::FRAC_1_SQRT_2 / COMPONENT_MAX as f32));
        let left = 1.0 - others.iter().map(|other| other * other).sum::<f32>();
        let mut rest = others.into_iter();
        let largest = usize::from(self.largest());
        std::array::from_fn(|index| if index == largest { left.max(0.0).sqrt() } else { rest.next().unwrap_or(0.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn turn(of: [f64; 4]) -> Quaternion {
        let length = of.iter().map(|c| c * c).sum::<f64>().sqrt();
        of.map(|c| (c / length * f64::from(ONE)).round() as i32)
    }

    proptest! {
        #[test]
        fn a_turn_is_told_to_within_its_error_and_its_negative_alike(
            of in prop::array::uniform4(-1.0..1.0_f64).prop_filter("no direction", |of| of.iter().any(|c| c.abs() > 0.1)),
        ) {
            let turn = turn(of);
            let told = Orientation::of(&turn);
            prop_assert_eq!(told, Orientation::of(&turn.map(|c| -c)));
            let along = turn.iter().zip(told.shown()).map(|(&a, b)| f64::from(a) / f64::from(ONE) * f64::from(b)).sum::<f64>();
            let off = 2.0 * along.abs().min(1.0).acos();
            prop_assert!(off.to_degrees() < 0.28, "{} degrees off", off.to_degrees());
        }

        #[test]
        fn any_bits_are_an_orientation_that_can_be_shown(bits in any::<u32>()) {
            let told = Orientation::from_bits(bits);
            prop_assert_eq!(Orientation::new(told.largest(), told.others()), told);
            prop_assert!(told.shown().iter().all(|c| c.is_finite()));
        }
    }

    #[test]
    fn upright_is_nought_and_each_axis_has_its_place() {
        assert_eq!(Orientation::of(&[ONE, 0, 0, 0]), Orientation::default());
        for axis in 0..4 {
            let mut turn = [0; 4];
            turn[axis] = -ONE;
            let told = Orientation::of(&turn);
            assert_eq!((usize::from(told.largest()), told.others()), (axis, [0; 3]));
        }
        let half = turn([1.0, 0.0, 1.0, 0.0]);
        assert_eq!(Orientation::of(&half).others(), [0, 511, 0], "the largest that is left in is the end of the range");
    }
}
