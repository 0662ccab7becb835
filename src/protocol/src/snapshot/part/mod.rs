//! The frame around the states: a part's header (spec: SNP-1) and its records (spec: SNP-5).
//!
//! ```text
//! part   = long 1 | tick 16 or 32 | own 1 [own state] | usual 1 [ages ages] | last code 3 | gap width 4 | count 8 | record * count | zero padding
//! record = gap | 0         | difference                             delta against the first usual ages
//!        | gap | 1 0       | difference                             delta against the second usual ages
//!        | gap | 1 1 0     | ages | difference                      delta against other ages
//!        | gap | 1 1 1 0   | all fields                             refresh
//!        | gap | 1 1 1 1 0 | epoch 4 | net id 16 | kind 4 | all fields   enter
//!        | gap | 1 1 1 1 1 | epoch 4                                leave
//! Codes behind the last code do not occur in the part; the last one has no zero at its end.
//! gap    = slots passed over since the record before: quotient by 2^width in ones, a zero, the remainder in width bits
//! ages   = age | step code 4;  age = index into AGES, 4 bits; or 9 and the age in 6 bits
//! ```

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod own;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use super::baseline::BaselineAges;
use super::{AGES, SLOTS_MAX};
use crate::bits::OutOfBits;
use crate::state::{EntityKind, OwnState};
use crate::{NetId, Tick};
use thiserror::Error;

pub use reader::PartReader;
pub use writer::PartWriter;

/// The last code of a record.
const CODE_MAX: u8 = 5;
/// Gaps between slots have at most this many bits in their remainder.
const GAP_BITS_MAX: u8 = SLOTS_MAX.ilog2() as u8;
/// Age code that says "the age follows in 6 bits". 10..=15 are reserved.
const AGE_EXPLICIT: u64 = AGES.len() as u64;

/// What a part is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartHeader {
    /// The tick whose states it carries.
    pub tick: Tick,
    /// The receiver's own state in that tick, in the first part of each tick.
    pub own: Option<OwnState>,
    /// Ages that most deltas of this part have, the most frequent first.
    pub usual: Option<[BaselineAges; 2]>,
    /// The last of the codes of records (0 to 5, in the order of the table) that occurs: it is written without its zero, so
    /// that records need no code when all are deltas against the first usual ages.
    pub last_code: u8,
    /// Bits of the remainder of every gap between slots, 0..=11.
    pub gap_bits: u8,
    /// Records that follow, 0..=255.
    pub records: u8,
}

/// One record: what happened in which of the viewer's slots. The state, if any, is read or written after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The viewer's own short name for the entity, given at enter.
    pub slot: u16,
    /// What happened.
    pub body: RecordBody,
}

/// What happened to an entity in a viewer's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordBody {
    /// It changed; the difference from what a baseline of these ages makes one expect follows.
    Delta {
        /// How old the states of the baseline are.
        ages: BaselineAges,
    },
    /// It is known, but no common baseline is left; all fields follow.
    Refresh,
    /// It comes into view; all fields follow.
    Enter {
        /// Counts presences in this slot, modulo 16.
        epoch: u8,
        /// Which entity.
        net_id: NetId,
        /// What sort of thing.
        kind: EntityKind,
    },
    /// It is gone from view.
    Leave {
        /// The presence that ended.
        epoch: u8,
    },
}

/// Why bytes are not a part: the server's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PartError {
    /// Truncated.
    #[error(transparent)]
    OutOfBits(#[from] OutOfBits),
    /// A gait faster than any, in percent.
    #[error("a gait of {0} %")]
    Gait(u8),
    /// A last code that there is not.
    #[error("last code {0}")]
    LastCode(u8),
    /// A gap remainder wider than any slot.
    #[error("gap width {0}")]
    GapWidth(u8),
    /// A slot number beyond the last there can be.
    #[error("a slot beyond the last")]
    Slot,
    /// A reserved age code.
    #[error("age code {0}")]
    AgeCode(u8),
    /// Ages that no baseline has: zero, too old, or a reserved step.
    #[error("a baseline {newest} ticks old with step code {step_code}")]
    Ages {
        /// Age of the newest state.
        newest: u8,
        /// The code of the states before it.
        step_code: u8,
    },
    /// A delta with usual ages in a part that names none.
    #[error("usual ages that were not named")]
    NoUsual,
    /// No such kind of entity.
    #[error("entity kind {0}")]
    Kind(u8),
    /// Something behind the last record.
    #[error("bytes after the last record")]
    Trailing,
}

/// Bits of ages that are spelled out.
#[must_use]
fn ages_bits(ages: BaselineAges) -> u32 {
    if AGES.contains(&ages.newest()) { 8 } else { 14 }
}

impl RecordBody {
    /// spec: SNP-5. Its place among the codes, in a part with these usual ages.
    fn code(&self, usual: Option<[BaselineAges; 2]>) -> u8 {
        match *self {
            Self::Delta { ages } => {
                usual.and_then(|usual| usual.iter().position(|&other| other == ages)).map_or(2, |at| at as u8)
            }
            Self::Refresh => 3,
            Self::Enter { .. } => 4,
            Self::Leave { .. } => CODE_MAX,
        }
    }

    /// Bits of a record with this body and `state` bits of state, in a part with these usual ages and gap width, at most:
    /// gaps count as if they had no quotient (for that see [`PartHeader::gap_bits_spare`]), and codes as if all occurred.
    #[must_use]
    pub fn bits(&self, usual: Option<[BaselineAges; 2]>, gap_bits: u8, state: u32) -> u32 {
        let code = self.code(usual);
        let more = match *self {
            Self::Delta { ages } if code == 2 => ages_bits(ages),
            Self::Delta { .. } | Self::Refresh => 0,
            Self::Enter { .. } => 4 + 16 + 4,
            Self::Leave { .. } => 4,
        };
        1 + u32::from(gap_bits) + code_bits(code, CODE_MAX) + more + state
    }
}

/// Ones as many as its place, and a zero unless it is the last.
fn code_bits(code: u8, last_code: u8) -> u32 {
    u32::from(code) + u32::from(code != last_code)
}

impl PartHeader {
    /// Bits of the header; `long_tick` as in [`PartWriter::new`].
    #[must_use]
    pub fn bits(&self, long_tick: bool) -> u32 {
        let own = self.own.as_ref().map_or(0, own::own_bits);
        let usual = self.usual.map_or(0, |[first, second]| ages_bits(first) + ages_bits(second));
        1 + if long_tick { 32 } else { 16 } + 1 + own + 1 + usual + 3 + 4 + 8
    }

    /// The last code that these records need in a part with these usual ages.
    #[must_use]
    pub fn last_code_of(usual: Option<[BaselineAges; 2]>, bodies: impl IntoIterator<Item = RecordBody>) -> u8 {
        bodies.into_iter().map(|body| body.code(usual)).max().unwrap_or(0)
    }

    /// The width of gap remainders that suits `records` records among `slots` slots: a gap in width w takes about
    /// 1 + w + gap / 2^w bits, and the mean gap is what the records leave over.
    #[must_use]
    pub fn gap_bits_for(slots: usize, records: usize) -> u8 {
        let passed_over = slots.saturating_sub(records);
        (0..GAP_BITS_MAX).find(|&bits| passed_over >> bits <= 2 * records).unwrap_or(GAP_BITS_MAX)
    }

    /// Most bits that the quotients of all gaps of a part can take together when there are `slots` slots.
    #[must_use]
    pub fn gap_bits_spare(&self, slots: usize) -> u32 {
        (slots >> self.gap_bits) as u32
    }
}
