//! The receiver's own state in a part (spec: SNP-4).

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::PartError;
use crate::bits::{BitReader, BitWriter, OutOfBits};
use crate::motion::{Body, GAIT_SPEED_MAX, Gait};
use crate::state::{OwnState, flag};

/// Where the status begins in the flags.
const STATUS_BIT: u32 = flag::STATUS.trailing_zeros();

/// Bits of what [`put_own`] writes.
pub(super) fn own_bits(own: &OwnState) -> u32 {
    let above = if is_above(&own.body) { 24 + 18 } else { 0 };
    let gait = if own.gait == Gait::default() { 0 } else { 8 + 1 };
    30 + 30 + 16 + 16 + 1 + above + 12 + 12 + 16 + 4 + 6 + 1 + gait
}

/// Whether it is anywhere but on the ground, on a block perhaps.
const fn is_above(body: &Body) -> bool {
    body.z != 0 || body.vz != 0
}

/// spec: SNP-4. Position in 30 bits, velocity in 16; height only when above the ground, the gait only when unusual.
pub(super) fn put_own(bits: &mut BitWriter<'_>, own: &OwnState) {
    let body = &own.body;
    put_signed(bits, body.x, 30);
    put_signed(bits, body.y, 30);
    put_signed(bits, body.vx, 16);
    put_signed(bits, body.vy, 16);
    bits.put_bool(is_above(body));
    if is_above(body) {
        put_signed(bits, body.z, 24);
        put_signed(bits, body.vz, 18);
    }
    bits.put(u64::from(own.yaw), 12);
    bits.put(u64::from(own.pitch), 12);
    bits.put(u64::from(own.input_applied), 16);
    bits.put(u64::from(own.input_depth), 4);
    bits.put(u64::from(own.status >> STATUS_BIT), 6);
    put_gait(bits, own.gait);
}

fn put_gait(bits: &mut BitWriter<'_>, gait: Gait) {
    assert!(gait.speed <= GAIT_SPEED_MAX, "no gait is as fast as {} %", gait.speed);
    let is_usual = gait == Gait::default();
    bits.put_bool(is_usual);
    if !is_usual {
        bits.put(u64::from(gait.speed), 8);
        bits.put_bool(gait.can_jump);
    }
}

fn take_gait(bits: &mut BitReader<'_>) -> Result<Gait, PartError> {
    if bits.take_bool()? {
        return Ok(Gait::default());
    }
    let gait = Gait { speed: bits.take(8)? as u8, can_jump: bits.take_bool()? };
    if gait.speed <= GAIT_SPEED_MAX { Ok(gait) } else { Err(PartError::Gait(gait.speed)) }
}

/// What [`put_own`] wrote.
pub(super) fn take_own(bits: &mut BitReader<'_>) -> Result<OwnState, PartError> {
    let (x, y) = (take_signed(bits, 30)?, take_signed(bits, 30)?);
    let (vx, vy) = (take_signed(bits, 16)?, take_signed(bits, 16)?);
    let (z, vz) = if bits.take_bool()? { (take_signed(bits, 24)?, take_signed(bits, 18)?) } else { (0, 0) };
    let body = Body { x, y, z, vx, vy, vz };
    let (yaw, pitch) = (bits.take(12)? as u16, bits.take(12)? as u16);
    let (input_applied, input_depth) = (bits.take(16)? as u16, bits.take(4)? as u8);
    let status = (bits.take(6)? as u8) << STATUS_BIT;
    Ok(OwnState { body, gait: take_gait(bits)?, status, yaw, pitch, input_applied, input_depth })
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
