//! What one client is told about one tick.
//!
//! A snapshot is one or more *parts*, each of which fits a packet and can be decoded alone. A part names its tick, may
//! carry the receiver's own state, and lists records: an entity enters, changes, or leaves. The bits of "entity e at
//! tick t against its states at these ticks" do not depend on who looks, so they are made once ([`encode_delta`],
//! [`encode_full`]) and spliced into every part that needs them. Layout: protocol-spec/snapshots.md.
//!
//! A difference is what a straight line through the baseline did not foresee, told along the way and across it, in prefix
//! codes that were trained on recordings of people: static ones, because codes that adapt to one viewer could not be shared
//! by many. Which code it is follows from what both ends know, by trees that were trained likewise. What is not
//! alive goes straighter than people do; of its prediction all is kept, and what kinds do not have costs no bits.

mod baseline;
mod codes;
mod delta;
mod field;
mod heading;
mod lifeless;
mod memo;
mod part;
mod predict;
mod prefix;
mod tree;
mod turn;

pub use baseline::{BASELINE_STATES, Baseline, BaselineAges};
pub use codes::{
    BOOKS, Codes, CodesError, DIFFERENCES, FIELD_NAMES, MAGNITUDES, MASK_BOOKS, MASK_NAME, MASKS, PLACE_NAMES,
    difference_symbol, evidence_of, magnitude_class, magnitude_of_class,
};
pub use delta::{Deviation, decode_delta, encode_delta};
pub use field::{decode_full, encode_full};
pub use memo::{DecodeMemo, MemoRow};
pub use part::{PartError, PartHeader, PartReader, PartWriter, Record, RecordBody};
pub use predict::{AGE_CLASSES, EVIDENCE, EVIDENCE_NAMES, Evidence, GAIN_SCALE, Gains, Outlook, Residuals};
pub use prefix::CODE_BITS_MAX;
pub use tree::QUESTIONS_MAX;

/// Most bytes a part may have: it must share a 1,200-byte payload with acks and reliable frames.
pub const PART_BYTES_MAX: usize = 1_000;
/// Most records in one part.
pub const PART_RECORDS_MAX: usize = 255;
/// Received states are kept this many ticks; a baseline is always younger.
pub const BASELINE_TICKS: u32 = 64;
/// Ages that have a short code of their own.
pub const AGES: [u8; 9] = [2, 4, 6, 8, 12, 16, 24, 32, 48];
/// Ages that the encoder prefers, so that viewers share encoded bits: bit k stands for k ticks. With all multiples of 4 the
/// bits of somebody whose viewers have round trips of 20 to 200 ms are made four times in a tick instead of three, which
/// costs a third of a tick of the world and saves one bit of a hundred.
const AGES_SHARED: u64 = 0x1041_0410_4104_1040 | 1 << 2;
/// How much older than the newest acknowledged state a baseline may be to be one of those, ticks.
const AGE_SPARE: u32 = 5;
/// Most slots a viewer can have in use: the visible cap of 1,000 and as many that wait for their leave to be acked.
pub const SLOTS_MAX: usize = 2_048;

/// The age to encode against, given the mask of acknowledged ages (bit k: the state k ticks ago is known to the client):
/// 2 or a multiple of 6 if one is acknowledged that is at most 5 ticks older than the newest, else the newest below
/// [`BASELINE_TICKS`], else none: then the state is sent in full. spec: SNP-8.
#[must_use]
pub const fn baseline_age(acked: u64) -> Option<u8> {
    let acked = acked & !1;
    if acked == 0 {
        return None;
    }
    let newest = acked.trailing_zeros();
    let near = ((1 << (AGE_SPARE + 1)) - 1) << newest;
    let shared = acked & AGES_SHARED & near;
    Some(if shared != 0 { shared.trailing_zeros() } else { newest } as u8)
}

#[cfg(test)]
mod tests;
