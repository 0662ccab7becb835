//! The outer packet: what every observer sees, and the seal around what none should.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
use crate::challenge::CHALLENGE_BODY_BYTES;
use crate::cursor::{Reader, Writer};
use crate::seal::{PacketKey, TAG_BYTES, TOKEN_NONCE_BYTES};
use crate::token::{ConnectToken, PRIVATE_TOKEN_BYTES, VERSION};

/// Bytes of a connection request, always. spec: SES-8
pub const REQUEST_BYTES: usize = 1 + 13 + 8 + 8 + TOKEN_NONCE_BYTES + PRIVATE_TOKEN_BYTES;
/// Largest body of a payload packet.
pub const PAYLOAD_BYTES_MAX: usize = 1200;
/// Largest header: prefix byte and eight sequence bytes.
pub const HEADER_BYTES_MAX: usize = 9;
/// Largest datagram either side sends: a payload with everything around it. A request (1,078) is smaller.
pub const DATAGRAM_BYTES_MAX: usize = HEADER_BYTES_MAX + PAYLOAD_BYTES_MAX + TAG_BYTES;
/// Type 7 with eight sequence bytes, the only form of a path packet's prefix.
const PATH_PREFIX: u8 = 0x87;
/// Prefix, path id, sequence.
const PATH_HEADER_BYTES: usize = 1 + 8 + 8;
/// Bytes of a path packet, always. spec: SES-16
pub const PATH_BYTES: usize = PATH_HEADER_BYTES + 8 + TAG_BYTES;
/// Smallest sealed packet: prefix, one sequence byte, tag.
pub const SEALED_BYTES_MIN: usize = 2 + TAG_BYTES;

/// The packet types of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Client to server, in clear: the sealed private token.
    Request = 0,
    /// Server to client: no room.
    Denied = 1,
    /// Server to client: prove your address.
    Challenge = 2,
    /// Client to server: the challenge, back.
    Response = 3,
    /// Both ways: I am still here; the first one tells the client its index.
    KeepAlive = 4,
    /// Both ways: 1 to 1,200 bytes of ours.
    Payload = 5,
    /// Both ways: this session is over.
    Disconnect = 6,
    /// Both ways, ours: an address to be proven, or the proof.
    Path = 7,
}

impl Kind {
    fn from_prefix(prefix: u8) -> Option<Self> {
        Some(match prefix & 0x0F {
            0 => Self::Request,
            1 => Self::Denied,
            2 => Self::Challenge,
            3 => Self::Response,
            4 => Self::KeepAlive,
            5 => Self::Payload,
            6 => Self::Disconnect,
            7 => Self::Path,
            _ => return None,
        })
    }

    /// Whether the replay window guards this type. spec: SES-14
    #[must_use]
    pub fn is_replay_guarded(self) -> bool {
        matches!(self, Self::KeepAlive | Self::Payload | Self::Disconnect | Self::Path)
    }

    /// spec: SES-12
    fn allows_body(self, bytes: usize) -> bool {
        match self {
            Self::Request => false,
            Self::Denied | Self::Disconnect => bytes == 0,
            Self::Challenge | Self::Response => bytes == CHALLENGE_BODY_BYTES,
            Self::KeepAlive | Self::Path => bytes == 8,
            Self::Payload => (1..=PAYLOAD_BYTES_MAX).contains(&bytes),
        }
    }
}

/// Whether a datagram may be of somebody who has no session at its address: a request, a response, or a path packet. All
/// others count for nothing unless a session lives there. Nothing is opened for the answer.
#[must_use]
pub fn comes_from_anywhere(datagram: &[u8]) -> bool {
    let kind = datagram.first().and_then(|&prefix| Kind::from_prefix(prefix));
    matches!(kind, Some(Kind::Request | Kind::Response | Kind::Path))
}

/// Who reads: each side ignores what only it may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// A server: requests, responses, keep-alives, payloads, disconnects, paths.
    Server,
    /// A client: everything except requests and responses.
    Client,
}

/// The clear part of a sealed packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Packet type, never [`Kind::Request`].
    pub kind: Kind,
    /// Packet number; the nonce.
    pub sequence: u64,
    /// Names the session in a [`Kind::Path`] packet; else 0.
    pub path_id: u64,
    prefix: u8,
}

/// Why a datagram is dropped. In the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OuterError {
    /// Below 18 bytes, or shorter than its own header promises, or longer than any packet.
    #[error("datagram has an impossible length")]
    Length,
    /// Type above 7.
    #[error("unknown packet type")]
    Kind,
    /// A type this side never receives.
    #[error("packet type is not for this side")]
    Role,
    /// 0 or more than 8 sequence bytes.
    #[error("sequence length is not 1 to 8")]
    SequenceBytes,
    /// Forged, damaged, or under another key.
    #[error("packet does not open")]
    Seal,
    /// Opened, but not of the size its type has.
    #[error("body size does not fit the packet type")]
    BodySize,
}

/// Reads the clear part of any packet but a request. spec: SES-10, SES-13
///
/// # Errors
/// [`OuterError`], the first check that fails.
pub fn decode_header(datagram: &[u8], reads: Reads) -> Result<Header, OuterError> {
    if datagram.len() < SEALED_BYTES_MIN || datagram.len() > DATAGRAM_BYTES_MAX {
        return Err(OuterError::Length);
    }
    let mut reader = Reader::new(datagram);
    let prefix = reader.u8().ok_or(OuterError::Length)?;
    let kind = Kind::from_prefix(prefix).ok_or(OuterError::Kind)?;
    let is_for_us = match reads {
        Reads::Server => !matches!(kind, Kind::Request | Kind::Denied | Kind::Challenge),
        Reads::Client => !matches!(kind, Kind::Request | Kind::Response),
    };
    if !is_for_us {
        return Err(OuterError::Role);
    }
    let sequence_bytes = usize::from(prefix >> 4);
    if kind == Kind::Path {
        return decode_path_header(prefix, datagram.len(), &mut reader);
    }
    if !(1..=8).contains(&sequence_bytes) {
        return Err(OuterError::SequenceBytes);
    }
    if datagram.len() < sequence_bytes.saturating_add(1 + TAG_BYTES) {
        return Err(OuterError::Length);
    }
    let mut sequence = [0; 8];
    for byte in sequence.iter_mut().take(sequence_bytes) {
        *byte = reader.u8().ok_or(OuterError::Length)?;
    }
    Ok(Header { kind, sequence: u64::from_le_bytes(sequence), path_id: 0, prefix })
}

/// A path packet has one size and a full sequence, so that a reply is never larger than what it answers. spec: SES-16
fn decode_path_header(prefix: u8, bytes: usize, reader: &mut Reader<'_>) -> Result<Header, OuterError> {
    if prefix != PATH_PREFIX {
        return Err(OuterError::SequenceBytes);
    }
    if bytes != PATH_BYTES {
        return Err(OuterError::Length);
    }
    let path_id = reader.u64().ok_or(OuterError::Length)?;
    let sequence = reader.u64().ok_or(OuterError::Length)?;
    Ok(Header { kind: Kind::Path, sequence, path_id, prefix })
}

/// Opens the packet behind `header` in place; the result is its body. The body's size is NOT checked yet: the standard
/// advances the replay window first (see [`check_body`]).
///
/// # Errors
/// [`OuterError::Seal`]; the datagram is then worthless.
pub fn open<'a>(
    key: &PacketKey,
    protocol_id: u64,
    header: Header,
    datagram: &'a mut [u8],
) -> Result<&'a mut [u8], OuterError> {
    let is_path = header.kind == Kind::Path;
    let start = if is_path { PATH_HEADER_BYTES } else { usize::from(header.prefix >> 4).saturating_add(1) };
    let sealed = datagram.get_mut(start..).ok_or(OuterError::Length)?;
    let (body, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>().ok_or(OuterError::Length)?;
    let opened = if is_path {
        key.open(header.sequence, &associated_path(protocol_id, header.path_id), body, tag)
    } else {
        key.open(header.sequence, &associated(protocol_id, header.prefix), body, tag)
    };
    opened.map_err(|_| OuterError::Seal)?;
    Ok(body)
}

/// # Errors
/// [`OuterError::BodySize`] when an opened body does not have the size of its type.
pub fn check_body(kind: Kind, body: &[u8]) -> Result<(), OuterError> {
    if kind.allows_body(body.len()) { Ok(()) } else { Err(OuterError::BodySize) }
}

/// Where the body of a packet with this sequence begins: write it there, then [`seal`].
#[must_use]
pub fn body_offset(sequence: u64) -> usize {
    sequence_bytes(sequence).saturating_add(1)
}

/// Seals the `body_len` bytes at [`body_offset`] and puts the header before and the tag behind them; returns the length
/// of the datagram.
///
/// # Panics
/// When `buf` is too small (at most [`DATAGRAM_BYTES_MAX`] is needed) or the size does not fit the type: our own bug.
#[must_use]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
pub fn seal(key: &PacketKey, protocol_id: u64, kind: Kind, sequence: u64, buf: &mut [u8], body_len: usize) -> usize {
    assert!(kind.allows_body(body_len), "a {kind:?} packet has no body of {body_len} bytes");
    let sequence_bytes = sequence_bytes(sequence);
    let start = 1 + sequence_bytes;
    let prefix = ((sequence_bytes as u8) << 4) | kind as u8;
    buf[0] = prefix;
    buf[1..start].copy_from_slice(&sequence.to_le_bytes()[..sequence_bytes]);
    let tag = key.seal(sequence, &associated(protocol_id, prefix), &mut buf[start..start + body_len]);
    let len = start + body_len + TAG_BYTES;
    buf[start + body_len..len].copy_from_slice(&tag);
    len
}

/// Writes a whole path packet; returns its length, 41. spec: SES-16
///
/// # Panics
/// When `buf` is shorter: our own bug.
#[must_use]
#[allow(clippy::indexing_slicing)]
pub fn seal_path(key: &PacketKey, protocol_id: u64, path_id: u64, sequence: u64, said: u64, buf: &mut [u8]) -> usize {
    let mut body = said.to_le_bytes();
    let tag = key.seal(sequence, &associated_path(protocol_id, path_id), &mut body);
    let mut writer = Writer::new(&mut buf[..PATH_BYTES]);
    writer.u8(PATH_PREFIX);
    writer.u64(path_id);
    writer.u64(sequence);
    writer.put(&body);
    writer.put(&tag);
    PATH_BYTES
}

/// Bytes a body of `body_len` occupies on the wire above UDP under this sequence.
#[must_use]
pub fn datagram_bytes(sequence: u64, body_len: usize) -> usize {
    body_offset(sequence).saturating_add(body_len).saturating_add(TAG_BYTES)
}

/// The eight bytes of a keep-alive. spec: SES-12
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepAlive {
    /// The client's index at the server; zero from a client.
    pub index: u32,
    /// Clients the server takes; zero from a client.
    pub clients_max: u32,
}

impl KeepAlive {
    /// The body.
    #[must_use]
    pub fn encode(self) -> [u8; 8] {
        let mut bytes = [0; 8];
        let mut writer = Writer::new(&mut bytes);
        writer.u32(self.index);
        writer.u32(self.clients_max);
        bytes
    }

    /// `None` unless `body` has eight bytes.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let keep_alive = Self { index: reader.u32()?, clients_max: reader.u32()? };
        reader.rest().is_empty().then_some(keep_alive)
    }
}

/// The clear fields of a request, as claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Version of the standard.
    pub version: [u8; 13],
    /// Game and its major version.
    pub protocol_id: u64,
    /// Expiry of the token, bound by its seal.
    pub expire_unix_s: u64,
    /// Nonce of the private token.
    pub nonce: [u8; TOKEN_NONCE_BYTES],
}

/// Bytes of a request before its sealed token.
const REQUEST_CLEAR_BYTES: usize = REQUEST_BYTES - PRIVATE_TOKEN_BYTES;

/// The clear fields alone; `None` when the datagram is no request by length or first byte.
#[must_use]
pub fn peek_request(datagram: &[u8]) -> Option<RequestHeader> {
    if datagram.len() != REQUEST_BYTES {
        return None;
    }
    let mut reader = Reader::new(datagram);
    if reader.u8()? != 0 {
        return None;
    }
    Some(RequestHeader {
        version: reader.array()?,
        protocol_id: reader.u64()?,
        expire_unix_s: reader.u64()?,
        nonce: reader.array()?,
    })
}

/// Splits a datagram that starts with a zero byte into clear fields and sealed token. spec: SES-8
///
/// # Errors
/// [`OuterError::Length`] unless it has exactly 1,078 bytes, [`OuterError::Kind`] unless its first byte is 0.
pub fn decode_request(datagram: &mut [u8]) -> Result<(RequestHeader, &mut [u8; PRIVATE_TOKEN_BYTES]), OuterError> {
    if datagram.len() != REQUEST_BYTES {
        return Err(OuterError::Length);
    }
    let header = peek_request(datagram).ok_or(OuterError::Kind)?;
    let (_, sealed) = datagram.split_first_chunk_mut::<REQUEST_CLEAR_BYTES>().ok_or(OuterError::Length)?;
    Ok((header, sealed.first_chunk_mut().ok_or(OuterError::Length)?))
}

/// Writes the request that presents `token`; returns 1,078.
///
/// # Panics
/// When `buf` is shorter: our own bug.
#[must_use]
pub fn encode_request(token: &ConnectToken, buf: &mut [u8]) -> usize {
    let mut writer = Writer::new(buf);
    writer.u8(0);
    writer.put(&VERSION);
    writer.u64(token.protocol_id);
    writer.u64(token.expire_unix_s);
    writer.put(&token.nonce);
    writer.put(token.sealed.as_slice());
    REQUEST_BYTES
}

/// spec: SES-11
fn associated(protocol_id: u64, prefix: u8) -> [u8; 22] {
    let mut bytes = [0; 22];
    let mut writer = Writer::new(&mut bytes);
    writer.put(&VERSION);
    writer.u64(protocol_id);
    writer.u8(prefix);
    bytes
}

/// spec: SES-16
fn associated_path(protocol_id: u64, path_id: u64) -> [u8; 30] {
    let mut bytes = [0; 30];
    let mut writer = Writer::new(&mut bytes);
    writer.put(&VERSION);
    writer.u64(protocol_id);
    writer.u8(PATH_PREFIX);
    writer.u64(path_id);
    bytes
}

/// Little-endian bytes without the high zeros, at least one. spec: SES-10
fn sequence_bytes(sequence: u64) -> usize {
    let bits = 64u32.saturating_sub(sequence.leading_zeros());
    (bits.div_ceil(8) as usize).max(1)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests;
