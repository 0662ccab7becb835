//! Frames: the typed items of a packet.
//!
//! ```text
//!  0x01 hello         version_min u16, version_max u16, channel_hash u64, motion_hash u64, content_hash u64
//!  0x02 hello-accept  version u16
//!  0x03 close         code u8, text_bytes u8, text
//!  0x04 ping          nothing: asks for an ack
//!  0x05 path          id u64
//!  0x06 window        channel u8, bytes read in all u32
//!  0x1c unreliable    on channel c: length, bytes
//!  0x2c reliable      on channel c: message id u16, length, bytes
//!  0x3c part          on channel c: length, bytes
//!  0x4c, 0x5c         fragment of a reliable, of an unreliable message on channel c: id u16, index u8, message bytes
//!                     less one u16, bytes: as many as its place in the message says
//!  0x6c sequenced     on channel c: message id u16, length, bytes
//!  0x7c unordered     on channel c: message id u16, length, bytes
//!  0x8c bulk          on channel c: piece id u16, length, bytes
//! ```
//! A length is one byte below 128, else two: high seven bits with the top bit set, then the low eight.

use super::{Body, CLOSE_TEXT_BYTES_MAX, PayloadError, Side};
use crate::ack::Elicits;
use crate::channel::{ChannelId, ChannelKind, ChannelTable, FRAGMENT_BYTES, Place};
use crate::cursor::Reader;
use crate::hello::Hello;

const HELLO: u8 = 0x01;
const HELLO_ACCEPT: u8 = 0x02;
const CLOSE: u8 = 0x03;
const PING: u8 = 0x04;
const PATH: u8 = 0x05;
const WINDOW: u8 = 0x06;
const UNRELIABLE: u8 = 0x10;
const RELIABLE: u8 = 0x20;
const PART: u8 = 0x30;
const RELIABLE_FRAGMENT: u8 = 0x40;
const UNRELIABLE_FRAGMENT: u8 = 0x50;
const SEQUENCED: u8 = 0x60;
const UNORDERED: u8 = 0x70;
const BULK: u8 = 0x80;
const CHANNEL_BITS: u8 = 0x0F;

/// From this length on, two bytes (spec: PKT-22).
const LONG_LENGTH: usize = 128;

/// One item of a packet; message bytes are borrowed from the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A client introduces itself.
    Hello(Hello),
    /// The server speaks this inner version from now on.
    HelloAccept {
        /// The version.
        version: u16,
    },
    /// The session ends.
    Close {
        /// [`crate::Reason`] code.
        code: u8,
        /// For people, at most 64 bytes.
        text: &'a str,
    },
    /// Asks for an ack (spec: PKT-32).
    Ping,
    /// What the client is found by when its address changes (spec: PKT-34).
    Path {
        /// The id.
        id: u64,
    },
    /// How far the reader of a bulk channel has come (spec: PKT-83).
    Window {
        /// The channel.
        channel: ChannelId,
        /// What the chunks read so far count, modulo 2^32.
        read: u32,
    },
    /// A message that is sent once.
    Unreliable {
        /// Its channel.
        channel: ChannelId,
        /// The message.
        bytes: &'a [u8],
    },
    /// A message that is sent until it is acked (spec: PKT-33).
    Reliable {
        /// Its channel.
        channel: ChannelId,
        /// Low 16 bits of its number on that channel.
        id: u16,
        /// The message.
        bytes: &'a [u8],
    },
    /// A message that is sent once and dropped if a newer one was delivered.
    Sequenced {
        /// Its channel.
        channel: ChannelId,
        /// Low 16 bits of its number on that channel.
        id: u16,
        /// The message.
        bytes: &'a [u8],
    },
    /// A message that is sent until it is acked and delivered as soon as it is here.
    Unordered {
        /// Its channel.
        channel: ChannelId,
        /// Low 16 bits of its number on that channel.
        id: u16,
        /// The message.
        bytes: &'a [u8],
    },
    /// A piece of a message that is too long for one packet.
    Fragment {
        /// Its channel.
        channel: ChannelId,
        /// Whether the channel is one of the reliable kinds.
        reliable: bool,
        /// On a reliable channel the low 16 bits of the fragment's own number, else those of the message's.
        id: u16,
        /// Which piece of what.
        place: Place,
        /// The piece.
        bytes: &'a [u8],
    },
    /// A piece of a chunk of a bulk channel (spec: PKT-80).
    Bulk {
        /// Its channel.
        channel: ChannelId,
        /// Low 16 bits of its number on that channel.
        id: u16,
        /// The piece.
        bytes: &'a [u8],
    },
    /// A snapshot part.
    Part {
        /// Its channel.
        channel: ChannelId,
        /// The part.
        bytes: &'a [u8],
    },
}

/// Bytes of a window frame.
pub(crate) const WINDOW_FRAME_BYTES: usize = 6;

/// Bytes of a fragment frame beyond the piece: type, id, place.
pub(crate) const FRAGMENT_OVERHEAD_BYTES: usize = 6;

/// Bytes of a message frame beyond the message: type, length, and where messages are numbered the id.
#[must_use]
pub const fn frame_overhead_bytes(kind: ChannelKind, message_bytes: usize) -> usize {
    let id_bytes = if is_numbered(kind) { 2 } else { 0 };
    let length_bytes = if message_bytes < LONG_LENGTH { 1 } else { 2 };
    1_usize.saturating_add(id_bytes).saturating_add(length_bytes)
}

/// Whether messages of this kind travel with their number (spec: PKT-33).
const fn is_numbered(kind: ChannelKind) -> bool {
    matches!(
        kind,
        ChannelKind::ReliableOrdered | ChannelKind::ReliableUnordered | ChannelKind::Sequenced | ChannelKind::Bulk
    )
}

impl<'a> Frame<'a> {
    /// How much whoever sends it wants to hear that it arrived (spec: PKT-14). A part is never sent again, and yet: what
    /// is told next builds on it, and parts are most of what fills a path, whose rate follows from their acks.
    #[must_use]
    pub(crate) const fn elicits(&self) -> Elicits {
        match self {
            Self::Unreliable { .. } | Self::Sequenced { .. } | Self::Fragment { reliable: false, .. } => {
                Elicits::Patient
            }
            _ => Elicits::Prompt,
        }
    }

    /// Takes one frame off the front, checking it against the table and the direction.
    pub(crate) fn decode(
        reader: &mut Reader<'a>,
        table: &ChannelTable,
        reader_side: Side,
    ) -> Result<Self, PayloadError> {
        let kind = *reader.rest().first().ok_or(PayloadError::Truncated)?;
        let only_for = |side: Side| match side == reader_side {
            true => Ok(()),
            false => Err(PayloadError::WrongDirection(kind)),
        };
        match kind {
            HELLO => {
                only_for(Side::Server)?;
                return Self::decode_hello(reader).map(Frame::Hello);
            }
            HELLO_ACCEPT | PATH => only_for(Side::Client)?,
            _ if kind & !CHANNEL_BITS == PART => only_for(Side::Client)?,
            _ => {}
        }
        reader.u8().ok_or(PayloadError::Truncated)?;
        match kind {
            HELLO_ACCEPT => Ok(Frame::HelloAccept { version: reader.u16().ok_or(PayloadError::Truncated)? }),
            CLOSE => decode_close(reader),
            PING => Ok(Frame::Ping),
            PATH => Ok(Frame::Path { id: reader.u64().ok_or(PayloadError::Truncated)? }),
            WINDOW => decode_window(reader, table),
            _ => decode_message(reader, table, kind),
        }
    }

    /// Takes a hello frame off the front. Its layout is the same in every version (spec: PKT-24).
    pub(crate) fn decode_hello(reader: &mut Reader<'_>) -> Result<Hello, PayloadError> {
        let kind = reader.u8().ok_or(PayloadError::Truncated)?;
        if kind != HELLO {
            return Err(PayloadError::UnknownFrame(kind));
        }
        let version_min = reader.u16().ok_or(PayloadError::Truncated)?;
        let version_max = reader.u16().ok_or(PayloadError::Truncated)?;
        let channel_hash = reader.u64().ok_or(PayloadError::Truncated)?;
        let motion_hash = reader.u64().ok_or(PayloadError::Truncated)?;
        let content_hash = reader.u64().ok_or(PayloadError::Truncated)?;
        if version_min > version_max {
            return Err(PayloadError::BadHello);
        }
        Ok(Hello { version_min, version_max, channel_hash, motion_hash, content_hash })
    }

    /// Writes the frame; the caller made sure of [`Frame::encoded_bytes`] of room.
    pub(crate) fn encode(&self, body: &mut Body<'_>) {
        match *self {
            Frame::Hello(hello) => {
                body.put(&[HELLO]);
                body.put(&hello.version_min.to_le_bytes());
                body.put(&hello.version_max.to_le_bytes());
                body.put(&hello.channel_hash.to_le_bytes());
                body.put(&hello.motion_hash.to_le_bytes());
                body.put(&hello.content_hash.to_le_bytes());
            }
            Frame::HelloAccept { version } => {
                body.put(&[HELLO_ACCEPT]);
                body.put(&version.to_le_bytes());
            }
            Frame::Close { code, text } => {
                assert!(text.len() <= CLOSE_TEXT_BYTES_MAX, "the text was cut when it was queued");
                body.put(&[CLOSE, code, text.len().to_le_bytes()[0]]);
                body.put(text.as_bytes());
            }
            Frame::Ping => body.put(&[PING]),
            Frame::Path { id } => {
                body.put(&[PATH]);
                body.put(&id.to_le_bytes());
            }
            Frame::Window { channel, read } => {
                body.put(&[WINDOW, channel.0]);
                body.put(&read.to_le_bytes());
            }
            Frame::Bulk { channel, id, bytes } => put_message(body, ChannelKind::Bulk, channel, id, bytes),
            Frame::Unreliable { channel, bytes } => put_message(body, ChannelKind::Unreliable, channel, 0, bytes),
            Frame::Reliable { channel, id, bytes } => {
                put_message(body, ChannelKind::ReliableOrdered, channel, id, bytes);
            }
            Frame::Sequenced { channel, id, bytes } => put_message(body, ChannelKind::Sequenced, channel, id, bytes),
            Frame::Unordered { channel, id, bytes } => {
                put_message(body, ChannelKind::ReliableUnordered, channel, id, bytes);
            }
            Frame::Fragment { channel, reliable, id, place, bytes } => {
                put_fragment_head(body, reliable, channel, id, place);
                body.put(bytes);
            }
            Frame::Part { channel, bytes } => put_message(body, ChannelKind::Snapshot, channel, 0, bytes),
        }
    }

    /// Bytes of the encoded frame.
    #[must_use]
    pub const fn encoded_bytes(&self) -> usize {
        match *self {
            Frame::Hello(_) => 29,
            Frame::HelloAccept { .. } => 3,
            Frame::Close { text, .. } => text.len().saturating_add(3),
            Frame::Ping => 1,
            Frame::Fragment { bytes, .. } => FRAGMENT_OVERHEAD_BYTES.saturating_add(bytes.len()),
            Frame::Path { .. } => 9,
            Frame::Window { .. } => WINDOW_FRAME_BYTES,
            Frame::Unreliable { bytes, .. } | Frame::Part { bytes, .. } => {
                frame_overhead_bytes(ChannelKind::Unreliable, bytes.len()).saturating_add(bytes.len())
            }
            Frame::Reliable { bytes, .. }
            | Frame::Sequenced { bytes, .. }
            | Frame::Unordered { bytes, .. }
            | Frame::Bulk { bytes, .. } => {
                frame_overhead_bytes(ChannelKind::ReliableOrdered, bytes.len()).saturating_add(bytes.len())
            }
        }
    }
}

/// Writes a message frame up to its bytes; the caller fills `message_bytes` bytes next. Kinds that do not number their
/// messages ignore `id`.
pub(crate) fn put_message_head(
    body: &mut Body<'_>,
    kind: ChannelKind,
    channel: ChannelId,
    id: u16,
    message_bytes: usize,
) {
    let frame = match kind {
        ChannelKind::Unreliable => UNRELIABLE,
        ChannelKind::Sequenced => SEQUENCED,
        ChannelKind::ReliableOrdered => RELIABLE,
        ChannelKind::ReliableUnordered => UNORDERED,
        ChannelKind::Snapshot => PART,
        ChannelKind::Bulk => BULK,
    };
    body.put(&[frame | channel.0]);
    if is_numbered(kind) {
        body.put(&id.to_le_bytes());
    }
    put_length(body, message_bytes);
}

/// Writes a fragment frame up to its bytes; the caller fills as many as the place says.
pub(crate) fn put_fragment_head(body: &mut Body<'_>, reliable: bool, channel: ChannelId, id: u16, place: Place) {
    let frame = if reliable { RELIABLE_FRAGMENT } else { UNRELIABLE_FRAGMENT };
    body.put(&[frame | channel.0]);
    body.put(&id.to_le_bytes());
    body.put(&[place.index]);
    body.put(&place.size_less_one.to_le_bytes());
}

fn put_message(body: &mut Body<'_>, kind: ChannelKind, channel: ChannelId, id: u16, bytes: &[u8]) {
    put_message_head(body, kind, channel, id, bytes.len());
    body.put(bytes);
}

fn put_length(body: &mut Body<'_>, length: usize) {
    let [low, high, ..] = length.to_le_bytes();
    if length < LONG_LENGTH {
        body.put(&[low]);
    } else {
        assert!(high < 0x80, "message lengths have 15 bits");
        body.put(&[high | 0x80, low]);
    }
}

/// A message fits its channel in kind and length, or the payload is malformed (spec: PKT-23).
fn decode_message<'a>(reader: &mut Reader<'a>, table: &ChannelTable, kind: u8) -> Result<Frame<'a>, PayloadError> {
    let channel = ChannelId(kind & CHANNEL_BITS);
    if matches!(kind & !CHANNEL_BITS, RELIABLE_FRAGMENT | UNRELIABLE_FRAGMENT) {
        return decode_fragment(reader, table, channel, kind & !CHANNEL_BITS == RELIABLE_FRAGMENT);
    }
    let wanted = match kind & !CHANNEL_BITS {
        UNRELIABLE => ChannelKind::Unreliable,
        RELIABLE => ChannelKind::ReliableOrdered,
        PART => ChannelKind::Snapshot,
        SEQUENCED => ChannelKind::Sequenced,
        UNORDERED => ChannelKind::ReliableUnordered,
        BULK => ChannelKind::Bulk,
        _ => return Err(PayloadError::UnknownFrame(kind)),
    };
    let spec = table.spec(channel).ok_or(PayloadError::NoSuchChannel(channel.0))?;
    if spec.kind != wanted {
        return Err(PayloadError::WrongKind(channel.0));
    }
    let id = match is_numbered(wanted) {
        true => reader.u16().ok_or(PayloadError::Truncated)?,
        false => 0,
    };
    let length = decode_length(reader)?;
    if length > spec.message_bytes_max.min(FRAGMENT_BYTES) {
        return Err(PayloadError::MessageTooLong(channel.0));
    }
    let bytes = take(reader, length)?;
    Ok(match wanted {
        ChannelKind::ReliableOrdered => Frame::Reliable { channel, id, bytes },
        ChannelKind::ReliableUnordered => Frame::Unordered { channel, id, bytes },
        ChannelKind::Sequenced => Frame::Sequenced { channel, id, bytes },
        ChannelKind::Snapshot => Frame::Part { channel, bytes },
        ChannelKind::Bulk => Frame::Bulk { channel, id, bytes },
        _ => Frame::Unreliable { channel, bytes },
    })
}

/// A fragment's length follows from its place, so that none can lie about it (spec: PKT-71).
fn decode_fragment<'a>(
    reader: &mut Reader<'a>,
    table: &ChannelTable,
    channel: ChannelId,
    reliable: bool,
) -> Result<Frame<'a>, PayloadError> {
    let spec = table.spec(channel).ok_or(PayloadError::NoSuchChannel(channel.0))?;
    if !(if reliable { spec.kind.is_reliable() } else { spec.kind == ChannelKind::Unreliable }) {
        return Err(PayloadError::WrongKind(channel.0));
    }
    let id = reader.u16().ok_or(PayloadError::Truncated)?;
    let index = reader.u8().ok_or(PayloadError::Truncated)?;
    let size_less_one = reader.u16().ok_or(PayloadError::Truncated)?;
    let place = Place { index, size_less_one };
    if place.message_bytes() > spec.message_bytes_max {
        return Err(PayloadError::MessageTooLong(channel.0));
    }
    let bytes = take(reader, place.bytes().ok_or(PayloadError::BadFragment(channel.0))?)?;
    Ok(Frame::Fragment { channel, reliable, id, place, bytes })
}

fn decode_window<'a>(reader: &mut Reader<'a>, table: &ChannelTable) -> Result<Frame<'a>, PayloadError> {
    let channel = ChannelId(reader.u8().ok_or(PayloadError::Truncated)?);
    let spec = table.spec(channel).ok_or(PayloadError::NoSuchChannel(channel.0))?;
    if spec.kind != ChannelKind::Bulk {
        return Err(PayloadError::WrongKind(channel.0));
    }
    Ok(Frame::Window { channel, read: reader.u32().ok_or(PayloadError::Truncated)? })
}

fn decode_close<'a>(reader: &mut Reader<'a>) -> Result<Frame<'a>, PayloadError> {
    let code = reader.u8().ok_or(PayloadError::Truncated)?;
    let text_bytes = usize::from(reader.u8().ok_or(PayloadError::Truncated)?);
    if text_bytes > CLOSE_TEXT_BYTES_MAX {
        return Err(PayloadError::BadCloseText);
    }
    let text = std::str::from_utf8(take(reader, text_bytes)?).map_err(|_| PayloadError::BadCloseText)?;
    Ok(Frame::Close { code, text })
}

fn decode_length(reader: &mut Reader<'_>) -> Result<usize, PayloadError> {
    let first = reader.u8().ok_or(PayloadError::Truncated)?;
    if usize::from(first) < LONG_LENGTH {
        return Ok(usize::from(first));
    }
    let low = reader.u8().ok_or(PayloadError::Truncated)?;
    match usize::from(u16::from_be_bytes([first & 0x7F, low])) {
        short if short < LONG_LENGTH => Err(PayloadError::NotShortest),
        length => Ok(length),
    }
}

fn take<'a>(reader: &mut Reader<'a>, length: usize) -> Result<&'a [u8], PayloadError> {
    let (bytes, rest) = reader.rest().split_at_checked(length).ok_or(PayloadError::Truncated)?;
    *reader = Reader::new(rest);
    Ok(bytes)
}
