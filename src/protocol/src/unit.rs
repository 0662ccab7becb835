//! The fixed-point units in which everything is counted.
//!
//! Floats differ between compilers and machines in the last bit, and one bit is a desync. Lengths are therefore
//! integers: a *unit* is what other players are told, a *subunit* is what the simulation and the owner compute with.

/// Ticks in a second; the length of a tick is 1/60 s by definition, never "about 16 ms".
pub const TICK_RATE_HZ: u32 = 60;
/// Length of one tick in nanoseconds, rounded down; deadlines are computed as `start + n * 1 s / 60`, never summed up.
pub const TICK_NS: u64 = 1_000_000_000 / TICK_RATE_HZ as u64;
/// Units in a metre: one unit is 3.125 mm, so that 3 m/s is exactly 16 units a tick.
pub const UNITS_PER_M: i32 = 320;
/// Fraction bits of a subunit: 256 subunits make a unit, so that slow speeds do not round to nothing at 60 Hz.
pub const SUBUNIT_BITS: u32 = 8;
/// Subunits in a metre.
pub const SUBUNITS_PER_M: i32 = UNITS_PER_M << SUBUNIT_BITS;
/// Side of the largest world in units (4,096 m): a coordinate fits 22 bits signed, and its subunits fit an `i32`.
pub const WORLD_UNITS_MAX: i32 = 4_096 * UNITS_PER_M;
/// Steps in a full turn of yaw or pitch: 12 bits, 0.088 degrees each.
pub const ANGLE_STEPS: u16 = 4_096;

/// The unit that holds this subunit (rounds towards minus infinity, as the arithmetic shift does).
#[must_use]
pub const fn unit_of(subunits: i32) -> i32 {
    subunits >> SUBUNIT_BITS
}

/// Metres to units, for configuration values; rounds to the nearest unit.
#[must_use]
pub fn units_from_m(metres: f64) -> i32 {
    (metres * f64::from(UNITS_PER_M)).round() as i32
}
