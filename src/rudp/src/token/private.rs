//! The sealed half of a token: only the mint and the servers read it.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
use super::{AddressList, PRIVATE_TOKEN_BYTES, USER_BYTES, associated};
use crate::cursor::{Reader, Writer};
use crate::seal::{Key, TAG_BYTES, TOKEN_NONCE_BYTES, TokenKey};

/// Bytes of the plaintext: 1,024 less the tag.
pub(crate) const PRIVATE_PLAIN_BYTES: usize = PRIVATE_TOKEN_BYTES - TAG_BYTES;

/// What a server learns from a request whose token opens. spec: SES-3
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateToken {
    /// Globally unique id of the client; the account id in tokens minted here.
    pub client_id: u64,
    /// Seconds without a packet after which a connection ends; negative = never (test mode only).
    pub timeout_s: i32,
    /// The servers this token is for.
    pub addresses: AddressList,
    /// Seals what the client sends.
    pub client_to_server: Key,
    /// Seals what the server sends.
    pub server_to_client: Key,
    /// The application's 256 bytes; ours are [`UserData`](super::UserData).
    pub user: [u8; USER_BYTES],
}

/// Why a sealed private token gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrivateTokenError {
    /// Not sealed under this key for this protocol id, expiry and nonce.
    #[error("private token does not open")]
    Seal,
    /// Sealed by a holder of the key, but not built as the standard says.
    #[error("private token is malformed")]
    Malformed,
}

impl PrivateToken {
    /// Opens `sealed` in place.
    ///
    /// # Errors
    /// [`PrivateTokenError`]; `sealed` is unchanged when the seal does not open, so a second key may be tried.
    pub fn open(
        sealed: &mut [u8; PRIVATE_TOKEN_BYTES],
        key: &TokenKey,
        protocol_id: u64,
        expire_unix_s: u64,
        nonce: &[u8; TOKEN_NONCE_BYTES],
    ) -> Result<Self, PrivateTokenError> {
        let (plain, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>().ok_or(PrivateTokenError::Malformed)?;
        key.open(nonce, &associated(protocol_id, expire_unix_s), plain, tag).map_err(|_| PrivateTokenError::Seal)?;
        Self::decode(plain).ok_or(PrivateTokenError::Malformed)
    }

    pub(crate) fn decode(plain: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(plain);
        Some(Self {
            client_id: reader.u64()?,
            timeout_s: reader.u32()?.cast_signed(),
            addresses: AddressList::decode(&mut reader)?,
            client_to_server: Key::new(reader.array()?),
            server_to_client: Key::new(reader.array()?),
            user: reader.array()?,
        })
    }

    pub(crate) fn encode(&self, plain: &mut [u8]) {
        let mut writer = Writer::new(plain);
        writer.u64(self.client_id);
        writer.u32(self.timeout_s.cast_unsigned());
        self.addresses.encode(&mut writer);
        writer.put(self.client_to_server.as_bytes());
        writer.put(self.server_to_client.as_bytes());
        writer.put(&self.user);
        writer.pad();
    }
}

/// Encodes and seals `token` into the 1,024 bytes that travel in a request.
#[must_use]
pub fn seal_private(
    token: &PrivateToken,
    key: &TokenKey,
    protocol_id: u64,
    expire_unix_s: u64,
    nonce: &[u8; TOKEN_NONCE_BYTES],
) -> [u8; PRIVATE_TOKEN_BYTES] {
    let mut sealed = [0; PRIVATE_TOKEN_BYTES];
    if let Some((plain, tag)) = sealed.split_last_chunk_mut::<TAG_BYTES>() {
        debug_assert_eq!(plain.len(), PRIVATE_PLAIN_BYTES);
        token.encode(plain);
        *tag = key.seal(nonce, &associated(protocol_id, expire_unix_s), plain);
    }
    sealed
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn sample() -> PrivateToken {
        let addresses: Vec<_> = (0..32).map(|i| format!("[2001:db8::{i:x}]:{}", 7000 + i).parse().unwrap()).collect();
        PrivateToken {
            client_id: 77,
            timeout_s: -5,
            addresses: AddressList::new(&addresses).unwrap(),
            client_to_server: Key::new([1; 32]),
            server_to_client: Key::new([2; 32]),
            user: std::array::from_fn(|i| i as u8),
        }
    }

    /// proves: SES-3
    #[test]
    fn the_largest_token_round_trips() {
        let key = TokenKey::new(&Key::new([9; 32]));
        let mut sealed = seal_private(&sample(), &key, 42, 1000, &[3; 24]);
        assert_eq!(PrivateToken::open(&mut sealed, &key, 42, 1000, &[3; 24]), Ok(sample()));
    }

    /// proves: SES-5
    #[test]
    fn protocol_id_expiry_nonce_and_key_are_all_bound() {
        let key = TokenKey::new(&Key::new([9; 32]));
        let other = TokenKey::new(&Key::new([8; 32]));
        let mut sealed = seal_private(&sample(), &key, 42, 1000, &[3; 24]);
        let before = sealed;
        for (key, protocol_id, expire, nonce) in
            [(&other, 42, 1000, 3), (&key, 43, 1000, 3), (&key, 42, 1001, 3), (&key, 42, 1000, 4)]
        {
            let result = PrivateToken::open(&mut sealed, key, protocol_id, expire, &[nonce; 24]);
            assert_eq!(result, Err(PrivateTokenError::Seal));
            assert_eq!(sealed, before, "a failed open leaves the bytes for the next key");
        }
        assert!(PrivateToken::open(&mut sealed, &key, 42, 1000, &[3; 24]).is_ok());
    }

    #[test]
    fn a_well_sealed_token_without_addresses_is_malformed() {
        let key = TokenKey::new(&Key::new([9; 32]));
        let mut plain = [0; PRIVATE_PLAIN_BYTES];
        let tag = key.seal(&[3; 24], &associated(42, 1000), &mut plain);
        let mut sealed = [0; PRIVATE_TOKEN_BYTES];
        sealed[..PRIVATE_PLAIN_BYTES].copy_from_slice(&plain);
        sealed[PRIVATE_PLAIN_BYTES..].copy_from_slice(&tag);
        let result = PrivateToken::open(&mut sealed, &key, 42, 1000, &[3; 24]);
        assert_eq!(result, Err(PrivateTokenError::Malformed));
    }
}
