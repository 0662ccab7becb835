//! The flight log: all that a realm takes in, so that what it did can be done again and looked at.
//!
//! A page of a log is a row of records (`frame`): u32 length, of which the highest bit says that the record goes on in the
//! next piece, u32 checksum, body; little-endian, and a length of nought ends it. A body is a byte that says what it is
//! ([`Record`]) and the rest as bincode codes it, or, of what is long, packed with LZ4. The first record is a [`Start`]; then comes,
//! in the order in which the realm was told, every completion, operation and content, and for each tick: what the gate
//! brought, what came of it ([`Check`]), how many jobs the store took, how long it all took. Every page but the first goes on
//! with the whole realm, as it was where the page before says [`Record::Turned`]; what follows that stands on both.
//!
//! What decides nothing is not there: tokens, keys, addresses. Names and words are, under a [`Veil`]. What a game of one's
//! own says in bytes of its own ([`protocol::Custom`]) is there as it was said.

mod check;
pub(crate) mod code;
mod frame;
mod gate;
mod record;
mod recorder;
mod replay;
mod start;
mod story;
mod taken;
mod veil;

pub use check::{Check, Checker};
pub use code::{pack, unpack};
pub use frame::{Damage, Frames, put as put_frame};
pub use gate::{GateRecord, GateScribe, Gated};
pub use record::Record;
pub use recorder::{Front, Kept, Recorded, Shelf, Terms};
pub use replay::{Difference, Replay};
pub use start::Start;
pub use story::Story;
pub use taken::Batch;
pub use veil::{Key, Veil};
