//! Lies that a `faults` build tells on request, to prove that the bots notice them (`cargo xtask faults`).

use std::str::FromStr;

/// One way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One (viewer, entity) pair in 1,000 is never shown.
    DropEntity,
    /// One update in 1,000 is off by one unit in x.
    ShiftCoordinate,
    /// One echo in 20 is answered twice.
    DoubleMessage,
    /// One leave in 4 is never told.
    ForgetLeave,
    /// One player in 50 gets no snapshots any more.
    StopSnapshots,
    /// One shot in 20 is answered twice.
    DoubleShot,
    /// One shot in 4 is told to end a metre farther east than it does.
    BendShot,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "drop-entity" => Ok(Self::DropEntity),
            "shift-coordinate" => Ok(Self::ShiftCoordinate),
            "double-message" => Ok(Self::DoubleMessage),
            "forget-leave" => Ok(Self::ForgetLeave),
            "stop-snapshots" => Ok(Self::StopSnapshots),
            "double-shot" => Ok(Self::DoubleShot),
            "bend-shot" => Ok(Self::BendShot),
            other => Err(format!(
                "no fault is called '{other}': drop-entity, shift-coordinate, double-message, forget-leave, \
                 stop-snapshots, double-shot or bend-shot"
            )),
        }
    }
}

/// A number that looks random in `a` and `b` and is the same every time (the finaliser of SplitMix64).
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut x = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
