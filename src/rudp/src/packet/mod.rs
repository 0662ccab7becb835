//! The body of a netcode payload as we write it: one header, then frames. Bytes to values and back, no state.
//!
//! ```text
//! +-------+------------------------------+-----------+-----------+
//! | flags | acks (0..=22 B, usually 5 B) | frame ... | frame ... |   at most 64 frames, at most 1,200 B
//! +-------+------------------------------+-----------+-----------+
//! ```
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod body;
mod frame;
mod header;

pub(crate) use body::Body;
pub(crate) use frame::{FRAGMENT_OVERHEAD_BYTES, WINDOW_FRAME_BYTES, put_fragment_head, put_message_head};
pub use frame::{Frame, frame_overhead_bytes};
pub use header::{AckField, HEADER_BYTES_MAX, MASK_BITS, TICKS_PER_MS, TIMING_TICK_NS, Timing};

use crate::ack::Elicits;
use crate::channel::ChannelTable;
use crate::cursor::Reader;

/// Bytes of one packet's body at most: the netcode payload limit (spec: PKT-2).
pub const PAYLOAD_BYTES_MAX: usize = 1_200;

/// Frames in one packet at most (spec: PKT-4). Bounds the work that one datagram can cause.
pub const FRAMES_MAX: usize = 64;

/// Bytes of the text in a close frame at most (spec: PKT-30).
pub const CLOSE_TEXT_BYTES_MAX: usize = 64;

/// Which end reads the packet: some frames travel in one direction only (spec: PKT-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The end that asked for the session.
    Client,
    /// The end that granted it.
    Server,
}

/// What was wrong with an opened payload. The peer that sealed it is at fault, never the network: the seal held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// No byte at all.
    #[error("the payload is empty")]
    Empty,
    /// More than [`PAYLOAD_BYTES_MAX`].
    #[error("the payload is longer than {PAYLOAD_BYTES_MAX} bytes")]
    TooLong,
    /// A field runs past the end.
    #[error("the payload ends inside a field")]
    Truncated,
    /// Header flags that version 1 leaves zero.
    #[error("reserved header flags are set: {0:#04x}")]
    ReservedFlags(u8),
    /// An ack mask or a length that has a shorter form.
    #[error("a field is not in its shortest form")]
    NotShortest,
    /// More than [`FRAMES_MAX`].
    #[error("more than {FRAMES_MAX} frames")]
    TooManyFrames,
    /// A frame type that version 1 does not have.
    #[error("unknown frame type {0:#04x}")]
    UnknownFrame(u8),
    /// A message frame for a channel that the table does not have.
    #[error("no channel {0}")]
    NoSuchChannel(u8),
    /// A message frame of another kind than its channel.
    #[error("channel {0} is of another kind")]
    WrongKind(u8),
    /// A message longer than its channel allows.
    #[error("a message on channel {0} is too long")]
    MessageTooLong(u8),
    /// A fragment outside its message, or of a message that needs none.
    #[error("a fragment on channel {0} has no place in its message")]
    BadFragment(u8),
    /// A frame that this end sends and never receives.
    #[error("frame type {0:#04x} travels the other way only")]
    WrongDirection(u8),
    /// A hello anywhere but in front, or with its versions reversed.
    #[error("the hello is malformed")]
    BadHello,
    /// A close text that is too long or no UTF-8.
    #[error("the close text is malformed")]
    BadCloseText,
    /// The server accepted a version that the client did not offer.
    #[error("version {0} was not offered")]
    VersionNotOffered(u16),
    /// A packet number of 2^63 or above.
    #[error("packet number {0:#x} is outside ack space")]
    OutsideAckSpace(u64),
}

/// A payload whose every byte has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// What the peer has received of ours; `None` before it received anything.
    pub ack: Option<AckField>,
    /// A hello stands in front.
    pub has_hello: bool,
    /// The version that the server accepts, if it says so here.
    pub accept: Option<u16>,
    elicits: Elicits,
    frames: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Checks the whole payload before anything in it is acted upon (spec: PKT-5).
    ///
    /// # Errors
    /// The first violation found, front to back.
    pub fn decode(payload: &'a [u8], table: &ChannelTable, reader_side: Side) -> Result<Self, PayloadError> {
        let (ack, frames) = split_header(payload)?;
        let mut packet = Self { ack, has_hello: false, accept: None, elicits: Elicits::Nothing, frames };
        let mut reader = Reader::new(frames);
        let mut count = 0_usize;
        while !reader.rest().is_empty() {
            let frame = Frame::decode(&mut reader, table, reader_side)?;
            if count >= FRAMES_MAX {
                return Err(PayloadError::TooManyFrames);
            }
            packet.elicits = packet.elicits.max(frame.elicits());
            match frame {
                Frame::Hello(_) if count > 0 => return Err(PayloadError::BadHello),
                Frame::Hello(_) => packet.has_hello = true,
                Frame::HelloAccept { version } => packet.accept = Some(version),
                _ => {}
            }
            count = count.saturating_add(1);
        }
        Ok(packet)
    }

    /// The frames, front to back.
    pub fn frames(&self, table: ChannelTable, reader_side: Side) -> impl Iterator<Item = Frame<'a>> + use<'a> {
        let mut reader = Reader::new(self.frames);
        // `decode` went over the same bytes: an error cannot occur, and would end the packet if it did.
        std::iter::from_fn(move || match reader.rest().is_empty() {
            true => None,
            false => Frame::decode(&mut reader, &table, reader_side).ok(),
        })
    }

    /// How much the sender wants to hear that this packet arrived (spec: PKT-3, PKT-14).
    #[must_use]
    pub const fn elicits(&self) -> Elicits {
        self.elicits
    }
}

/// The hello in front of a payload, if there is one, whatever follows it. A client of another version may write frames
/// that we cannot read; it must still be told that the version is the trouble (spec: PKT-24).
#[must_use]
pub fn peek_hello(payload: &[u8]) -> Option<crate::hello::Hello> {
    let (_, frames) = split_header(payload).ok()?;
    Frame::decode_hello(&mut Reader::new(frames)).ok()
}

fn split_header(payload: &[u8]) -> Result<(Option<AckField>, &[u8]), PayloadError> {
    if payload.is_empty() {
        return Err(PayloadError::Empty);
    }
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(PayloadError::TooLong);
    }
    let mut reader = Reader::new(payload);
    let ack = AckField::decode(&mut reader)?;
    Ok((ack, reader.rest()))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
