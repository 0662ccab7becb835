//! The receiver's own state in a part (spec: SNP-4).

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::bits::{BitReader, BitWriter, OutOfBits};
use crate::motion::Body;
use crate::state::OwnState;

/// spec: SNP-4. Position in 30 bits, velocity in 16; height only when off the ground.
pub(super) fn put_own(bits: &mut BitWriter<'_>, own: &OwnState) {
    let body = &own.body;
    put_signed(bits, body.x, 30);
    put_signed(bits, body.y, 30);
    put_signed(bits, body.vx, 16);
    put_signed(bits, body.vy, 16);
    let airborne = body.z != 0 || body.vz != 0;
    bits.put_bool(airborne);
    if airborne {
        put_signed(bits, body.z, 24);
        put_signed(bits, body.vz, 18);
    }
    bits.put(u64::from(own.yaw), 12);
    bits.put(u64::from(own.pitch), 12);
    bits.put(u64::from(own.input_applied), 16);
    bits.put(u64::from(own.input_depth), 4);
}

/// What [`put_own`] wrote.
pub(super) fn take_own(bits: &mut BitReader<'_>) -> Result<OwnState, OutOfBits> {
    let (x, y) = (take_signed(bits, 30)?, take_signed(bits, 30)?);
    let (vx, vy) = (take_signed(bits, 16)?, take_signed(bits, 16)?);
    let (z, vz) = if bits.take_bool()? { (take_signed(bits, 24)?, take_signed(bits, 18)?) } else { (0, 0) };
    Ok(OwnState {
        body: Body { x, y, z, vx, vy, vz },
        yaw: bits.take(12)? as u16,
        pitch: bits.take(12)? as u16,
        input_applied: bits.take(16)? as u16,
        input_depth: bits.take(4)? as u8,
    })
}

fn put_signed(bits: &mut BitWriter<'_>, value: i32, width: u32) {
    let spare = 32 - width;
    assert!((value << spare) >> spare == value, "{value} does not fit {width} bits");
    bits.put(u64::from((value << spare) as u32 >> spare), width);
}

fn take_signed(bits: &mut BitReader<'_>, width: u32) -> Result<i32, OutOfBits> {
    let spare = 32 - width;
    Ok(((bits.take(width)? as u32) << spare) as i32 >> spare)
}
