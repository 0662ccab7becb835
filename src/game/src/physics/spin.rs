//! How a body turns, and how the ground ends it.

use protocol::orientation::{ONE, QUATERNION_BITS, Quaternion};

/// What a spin on the ground loses in a tick: this part of it,
const SPIN_LOSS: i32 = 32;
/// but at least so much, in parts of [`ONE`] radians: then the last degree takes half a second.
const SPIN_LOSS_MIN: i32 = ONE / 4_096;

/// Takes from a spin what the ground takes in a tick.
pub(super) fn rub_spin(spin: &mut [i32; 3]) {
    for spin in spin {
        *spin -= spin.signum() * spin.abs().min(SPIN_LOSS_MIN.max(spin.abs() / SPIN_LOSS));
    }
}

/// The turn a tick later: times one and half the spin, made of length one again. A large spin comes out somewhat slower than
/// it is said to be (a tangent, not an arc: 6 % at the fastest about all three axes), and always the same.
pub(super) fn turned([w, x, y, z]: &Quaternion, [a, b, c]: &[i32; 3]) -> Quaternion {
    let product = |left: [(&i32, &i32); 3]| {
        left.iter().map(|&(of, by)| i64::from(*of) * i64::from(*by)).sum::<i64>() >> QUATERNION_BITS
    };
    let next = [
        i64::from(*w) - product([(x, a), (y, b), (z, c)]),
        i64::from(*x) + product([(w, a), (y, c), (&-z, b)]),
        i64::from(*y) + product([(w, b), (z, a), (&-x, c)]),
        i64::from(*z) + product([(w, c), (x, b), (&-y, a)]),
    ];
    let length = next.iter().map(|part| (part * part) as u64).sum::<u64>().isqrt() as i64;
    next.map(|part| (part * i64::from(ONE) / length) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thing::{SPIN_MAX, Thing};
    use protocol::motion::{Body, StaticMap};
    use protocol::unit::SUBUNITS_PER_M;

    #[test]
    fn a_spin_about_one_axis_goes_round_at_its_speed_and_keeps_its_length() {
        // A hundredth of a turn in a tick, as half its angle in radians.
        let half = (f64::from(ONE) * std::f64::consts::TAU / 100.0 / 2.0) as i32;
        let mut turn = [ONE, 0, 0, 0];
        for _ in 0..100 {
            turn = turned(&turn, &[0, 0, half]);
        }
        let [w, x, y, z] = turn.map(|part| f64::from(part) / f64::from(ONE));
        assert!(w < -0.999 && x == 0.0 && y == 0.0 && z.abs() < 0.05, "{:?}", (w, x, y, z));
        let mut turn = [ONE, 0, 0, 0];
        for _ in 0..10_000 {
            turn = turned(&turn, &[SPIN_MAX, -SPIN_MAX / 3, SPIN_MAX / 7]);
        }
        let body = Body { x: SUBUNITS_PER_M, y: SUBUNITS_PER_M, ..Body::default() };
        assert!(Thing::Body { turn, spin: [0; 3] }.is_possible(&body, &StaticMap::new(9, 9, &[]).unwrap()), "{turn:?}");
    }
}
