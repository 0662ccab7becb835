//! The header: what has arrived, when, and how long ago.
//!
//! ```text
//!  flags u8    bit 0 acks present | bits 1-2 mask form | bit 3 timing present | bits 4-7 zero
//!  newest u16  low 16 bits of the newest packet number received
//!  map         form 0: nothing, all 128 received | form 1: u8, form 2: u16: bit k set = mask byte k follows
//!  bytes       one per set bit of the map; bit i of byte k = packet (newest - 1 - 8k - i) received
//!  delay u8    since the newest arrived, 250 us each; 255 = 63.75 ms or more
//!  arrival u16 the receiver's clock when the newest arrived, 250 us each, wraps after 16.384 s
//! ```

use super::{Body, PayloadError};
use crate::cursor::Reader;

/// Packets before the newest that one header tells about: 2.1 s at 60 packets per second (spec: PKT-12).
pub const MASK_BITS: u32 = 128;

/// One unit of ack delay and arrival time: 250 us, in nanoseconds (spec: PKT-13).
pub const TIMING_TICK_NS: u64 = 250_000;

/// Timing units in a millisecond.
pub const TICKS_PER_MS: u64 = 1_000_000 / TIMING_TICK_NS;

/// Longest header: flags 1, newest 2, map 2, mask 16, delay 1, arrival 2.
pub const HEADER_BYTES_MAX: usize = 24;

const FLAG_ACK: u8 = 1;
const FORM_SHIFT: u8 = 1;
const FORM_BITS: u8 = 0b110;
const FLAG_TIMING: u8 = 1 << 3;
const FLAGS_KNOWN: u8 = FLAG_ACK | FORM_BITS | FLAG_TIMING;
/// Mask byte with nothing missing: it is elided.
const FULL: u8 = 0xFF;

/// The acks of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckField {
    /// Low 16 bits of the newest number received.
    pub newest: u16,
    /// Bit n: number `newest - 1 - n` was received. Numbers below zero are written as received.
    pub mask: u128,
    /// When the newest arrived; absent when the receiver no longer knows.
    pub timing: Option<Timing>,
}

/// When the newest packet arrived, seen from the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Units of 250 us between its arrival and the sending of this header; saturates at [`Timing::DELAY_MAX`].
    pub delay: u8,
    /// Its arrival on the receiver's clock in units of 250 us, modulo 2^16.
    pub arrival: u16,
}

impl Timing {
    /// A delay of 63.75 ms or more: too long ago to measure a round trip by.
    pub const DELAY_MAX: u8 = u8::MAX;
}

impl AckField {
    /// Reads the flags byte and what it announces; `None` when the peer has nothing to ack (spec: PKT-10).
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Option<Self>, PayloadError> {
        let flags = reader.u8().ok_or(PayloadError::Truncated)?;
        let without_ack = flags & FLAG_ACK == 0 && flags != 0;
        if flags & !FLAGS_KNOWN != 0 || without_ack {
            return Err(PayloadError::ReservedFlags(flags));
        }
        if flags == 0 {
            return Ok(None);
        }
        let newest = reader.u16().ok_or(PayloadError::Truncated)?;
        let mask = decode_mask(reader, flags)?;
        let timing = if flags & FLAG_TIMING == 0 {
            None
        } else {
            let delay = reader.u8().ok_or(PayloadError::Truncated)?;
            let arrival = reader.u16().ok_or(PayloadError::Truncated)?;
            Some(Timing { delay, arrival })
        };
        Ok(Some(Self { newest, mask, timing }))
    }

    /// Writes the header; `None` is the single byte zero.
    pub(crate) fn encode(ack: Option<&Self>, body: &mut Body<'_>) {
        let Some(ack) = ack else {
            body.put(&[0]);
            return;
        };
        let map = ack.map();
        let form = match map {
            0 => 0,
            1..=0xFF => 1,
            _ => 2,
        };
        let timing_flag = if ack.timing.is_some() { FLAG_TIMING } else { 0 };
        body.put(&[FLAG_ACK | (form << FORM_SHIFT) | timing_flag]);
        body.put(&ack.newest.to_le_bytes());
        match form {
            0 => {}
            1 => body.put(&map.to_le_bytes()[..1]),
            _ => body.put(&map.to_le_bytes()),
        }
        for byte in ack.mask.to_le_bytes() {
            if byte != FULL {
                body.put(&[byte]);
            }
        }
        if let Some(timing) = ack.timing {
            body.put(&[timing.delay]);
            body.put(&timing.arrival.to_le_bytes());
        }
    }

    /// Bytes of the encoded header.
    #[must_use]
    pub fn encoded_bytes(ack: Option<&Self>) -> usize {
        let Some(ack) = ack else { return 1 };
        let map = ack.map();
        let map_bytes = match map {
            0 => 0,
            1..=0xFF => 1,
            _ => 2,
        };
        let timing_bytes = if ack.timing.is_some() { 3 } else { 0 };
        let fixed_bytes: usize = 3;
        fixed_bytes.saturating_add(map_bytes).saturating_add(map.count_ones() as usize).saturating_add(timing_bytes)
    }

    /// Bit k set: mask byte k has a hole and must be written.
    fn map(&self) -> u16 {
        let mut map = 0;
        for (k, byte) in self.mask.to_le_bytes().into_iter().enumerate() {
            map |= u16::from(byte != FULL) << k;
        }
        map
    }
}

fn decode_mask(reader: &mut Reader<'_>, flags: u8) -> Result<u128, PayloadError> {
    let map = match (flags & FORM_BITS) >> FORM_SHIFT {
        0 => return Ok(u128::MAX),
        1 => u16::from(reader.u8().ok_or(PayloadError::Truncated)?),
        2 => match reader.u16().ok_or(PayloadError::Truncated)? {
            short if short <= 0xFF => return Err(PayloadError::NotShortest),
            map => map,
        },
        _ => return Err(PayloadError::ReservedFlags(flags)),
    };
    if map == 0 {
        return Err(PayloadError::NotShortest);
    }
    let mut bytes = [FULL; 16];
    for (k, byte) in bytes.iter_mut().enumerate() {
        if map & (1 << k) != 0 {
            *byte = reader.u8().ok_or(PayloadError::Truncated)?;
            if *byte == FULL {
                return Err(PayloadError::NotShortest);
            }
        }
    }
    Ok(u128::from_le_bytes(bytes))
}
