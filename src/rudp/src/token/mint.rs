//! Making tokens.
use super::{AddressList, ConnectToken, PrivateToken, UserData, seal_private};
use crate::seal::{Key, TOKEN_NONCE_BYTES, TokenKey};
use std::net::SocketAddr;

/// Makes connect tokens for the servers that hold the same key.
#[derive(Clone, Debug)]
pub struct Mint {
    /// The private key shared with the servers.
    pub key: Key,
    /// The protocol id the tokens are for.
    pub protocol_id: u64,
    /// Seconds from minting to expiry; servers refuse more than their own `token_lifetime_s`.
    pub lifetime_s: u64,
}

/// Why no token can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// The caller named no server address or more than 32.
    #[error("a token carries 1 to 32 server addresses, not {0}")]
    Addresses(usize),
    /// The caller named an account or character of 2^63 or more: those ids are the server's own.
    #[error("accounts and characters have ids below 2^63, not {0}")]
    Id(u64),
}

impl Mint {
    /// A token for `client_id`, valid from `now_unix_ms` for the mint's lifetime. Both session keys and the nonce are
    /// drawn from `rng`, which must be seeded from the operating system outside tests.
    ///
    /// # Errors
    /// [`MintError`] for a list of addresses or an id that the format cannot carry.
    pub fn mint(
        &self,
        now_unix_ms: u64,
        client_id: u64,
        addresses: &[SocketAddr],
        timeout_s: i32,
        user: &UserData,
        rng: &mut impl rand::CryptoRng,
    ) -> Result<ConnectToken, MintError> {
        let addresses = AddressList::new(addresses).ok_or(MintError::Addresses(addresses.len()))?;
        if let Some(id) = user.forbidden_id() {
            return Err(MintError::Id(id));
        }
        let (client_to_server, server_to_client) = (Key::random(rng), Key::random(rng));
        let mut nonce = [0; TOKEN_NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let create_unix_s = now_unix_ms / 1000;
        let expire_unix_s = create_unix_s.saturating_add(self.lifetime_s);
        let user = user.encode();
        let private = PrivateToken { client_id, timeout_s, addresses, client_to_server, server_to_client, user };
        let sealed = seal_private(&private, &TokenKey::new(&self.key), self.protocol_id, expire_unix_s, &nonce);
        let PrivateToken { client_to_server, server_to_client, .. } = private;
        Ok(ConnectToken {
            protocol_id: self.protocol_id,
            create_unix_s,
            expire_unix_s,
            nonce,
            sealed: Box::new(sealed),
            timeout_s,
            addresses,
            client_to_server,
            server_to_client,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CONNECT_TOKEN_BYTES, Name, Role, TokenError};
    use super::*;
    use rand::SeedableRng;

    fn token(addresses: &[SocketAddr]) -> ConnectToken {
        let mint = Mint { key: Key::new([7; 32]), protocol_id: 0x1122_3344_5566_7788, lifetime_s: 30 };
        let user = UserData {
            account_id: 5,
            character_id: 6,
            name: Name::new("ada").unwrap(),
            role: Role::Player,
            issued_at_ms: 1_800_000_000_999,
            serial: 1,
            epoch: 0,
        };
        let mut rng = rand::rngs::StdRng::from_seed([3; 32]);
        mint.mint(1_800_000_000_999, 5, addresses, 10, &user, &mut rng).unwrap()
    }

    fn hash(bytes: &[u8]) -> String {
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(bytes))
    }

    /// proves: SES-2, SES-7
    #[test]
    fn a_token_from_a_fixed_seed_is_pinned() {
        let token = token(&["10.0.0.1:7777".parse().unwrap(), "[2001:db8::1]:7778".parse().unwrap()]);
        let bytes = token.encode();
        let hex = |range: std::ops::Range<usize>| bytes[range].iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(0..13), "4e4554434f444520312e303200");
        assert_eq!(hex(13..37), "887766554433221100d2496b000000001ed2496b00000000");
        assert_eq!(hex(1085..1119), "0a00000002000000010a000001611e020120b80d000000000000000000000100621e");
        assert!(bytes[1119 + 64..].iter().all(|b| *b == 0));
        assert_eq!(hash(bytes.as_slice()), "93c3ab83331b3dd9");
    }

    #[test]
    fn tokens_round_trip_at_1_and_32_addresses() {
        for count in [1, 32] {
            let addresses: Vec<SocketAddr> = (0..count).map(|i| format!("[::{i:x}]:{i}").parse().unwrap()).collect();
            let token = token(&addresses);
            assert_eq!(ConnectToken::decode(token.encode().as_slice()), Ok(token));
        }
    }

    #[test]
    fn the_server_reads_from_a_token_what_the_mint_wrote() {
        let mut token = token(&["10.0.0.1:7777".parse().unwrap()]);
        let key = TokenKey::new(&Key::new([7; 32]));
        let private =
            PrivateToken::open(&mut token.sealed, &key, token.protocol_id, token.expire_unix_s, &token.nonce).unwrap();
        assert_eq!((private.client_id, private.timeout_s), (5, 10));
        assert_eq!(private.addresses, token.addresses);
        assert_eq!(private.client_to_server, token.client_to_server);
        assert_eq!(private.server_to_client, token.server_to_client);
        assert_ne!(private.client_to_server, private.server_to_client);
        assert_eq!(UserData::decode(&private.user).unwrap().name.as_str(), "ada");
    }

    #[test]
    fn malformed_public_tokens_are_named() {
        let good = token(&["10.0.0.1:7777".parse().unwrap()]).encode();
        assert_eq!(ConnectToken::decode(&good[..2047]), Err(TokenError::Length(2047)));
        let change = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            ConnectToken::decode(bytes.as_slice())
        };
        assert_eq!(change(11, b'3'), Err(TokenError::Version));
        assert_eq!(change(28, 0xFF), Err(TokenError::Lifetime));
        assert_eq!(change(1089, 0), Err(TokenError::Addresses));
        assert_eq!(change(1093, 9), Err(TokenError::Addresses));
        assert_eq!(good.len(), CONNECT_TOKEN_BYTES);
    }
}
