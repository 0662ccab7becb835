//! The 2,048 bytes a client is given over a secure channel: they hold both session keys in clear.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
use super::{AddressList, CONNECT_TOKEN_BYTES, PRIVATE_TOKEN_BYTES, VERSION};
use crate::cursor::{Reader, Writer};
use crate::seal::{Key, TOKEN_NONCE_BYTES};

/// A public connect token. spec: SES-7
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectToken {
    /// Names the game and its major version; both ends must agree.
    pub protocol_id: u64,
    /// When it was minted, seconds since 1970-01-01 UTC.
    pub create_unix_s: u64,
    /// When it is void, seconds since 1970-01-01 UTC.
    pub expire_unix_s: u64,
    /// The nonce of the private part.
    pub nonce: [u8; TOKEN_NONCE_BYTES],
    /// The private part, opaque to the client.
    pub sealed: Box<[u8; PRIVATE_TOKEN_BYTES]>,
    /// As in [`PrivateToken`](super::PrivateToken).
    pub timeout_s: i32,
    /// Servers to try, in order.
    pub addresses: AddressList,
    /// Seals what the client sends.
    pub client_to_server: Key,
    /// Seals what the server sends.
    pub server_to_client: Key,
}

/// Why bytes are not a connect token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not exactly 2,048 bytes.
    #[error("a connect token has {CONNECT_TOKEN_BYTES} bytes, not {0}")]
    Length(usize),
    /// Another protocol, or another version of it.
    #[error("not a NETCODE 1.02 token")]
    Version,
    /// It would expire before it was created.
    #[error("token expires before its creation")]
    Lifetime,
    /// The address list is empty, too long or of an unknown type.
    #[error("token has a malformed address list")]
    Addresses,
}

impl ConnectToken {
    /// The 2,048 bytes.
    #[must_use]
    pub fn encode(&self) -> Box<[u8; CONNECT_TOKEN_BYTES]> {
        let mut bytes = Box::new([0; CONNECT_TOKEN_BYTES]);
        let mut writer = Writer::new(bytes.as_mut_slice());
        writer.put(&VERSION);
        writer.u64(self.protocol_id);
        writer.u64(self.create_unix_s);
        writer.u64(self.expire_unix_s);
        writer.put(&self.nonce);
        writer.put(self.sealed.as_slice());
        writer.u32(self.timeout_s.cast_unsigned());
        self.addresses.encode(&mut writer);
        writer.put(self.client_to_server.as_bytes());
        writer.put(self.server_to_client.as_bytes());
        writer.pad();
        bytes
    }

    /// Reads a token back.
    ///
    /// # Errors
    /// [`TokenError`] names the first thing that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, TokenError> {
        use TokenError::Length;
        if bytes.len() != CONNECT_TOKEN_BYTES {
            return Err(Length(bytes.len()));
        }
        let short = Length(bytes.len());
        let mut reader = Reader::new(bytes);
        if reader.array() != Some(VERSION) {
            return Err(TokenError::Version);
        }
        let protocol_id = reader.u64().ok_or(short)?;
        let create_unix_s = reader.u64().ok_or(short)?;
        let expire_unix_s = reader.u64().ok_or(short)?;
        if expire_unix_s < create_unix_s {
            return Err(TokenError::Lifetime);
        }
        Ok(Self {
            protocol_id,
            create_unix_s,
            expire_unix_s,
            nonce: reader.array().ok_or(short)?,
            sealed: Box::new(reader.array().ok_or(short)?),
            timeout_s: reader.u32().ok_or(short)?.cast_signed(),
            addresses: AddressList::decode(&mut reader).ok_or(TokenError::Addresses)?,
            client_to_server: Key::new(reader.array().ok_or(short)?),
            server_to_client: Key::new(reader.array().ok_or(short)?),
        })
    }
}
