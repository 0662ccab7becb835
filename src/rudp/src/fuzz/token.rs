//! Connect tokens: what a client reads, what a server reads behind the seal, what a mint writes.

use super::Script;
use crate::seal::{Key, TAG_BYTES, TOKEN_NONCE_BYTES, TokenKey};
use crate::token::{
    CHOOSES, CONNECT_TOKEN_BYTES, ConnectToken, ID_MAX, Mint, NAME_BYTES_MAX, Name, PRIVATE_TOKEN_BYTES, PrivateToken,
    Role, USER_BYTES, UserData, UserDataError, VERSION, seal_private,
};
use rand::SeedableRng;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const NONCE: [u8; TOKEN_NONCE_BYTES] = [3; TOKEN_NONCE_BYTES];
const PLAIN_BYTES: usize = PRIVATE_TOKEN_BYTES - TAG_BYTES;
/// Version, protocol id, creation, expiry: what stands before the nonce.
const CLEAR_BYTES: usize = 13 + 3 * 8;

/// The first byte says what the rest is: any bytes, a public token without its opaque parts, a private token's
/// plaintext, user data, or the fields of a token to be minted.
pub fn token(bytes: &[u8]) {
    let Some((&what, rest)) = bytes.split_first() else { return };
    match what % 5 {
        0 => judge_public(rest),
        1 => judge_public(&assemble_public(rest)),
        2 => judge_private(&extended(rest)),
        3 => judge_user(&extended(rest)),
        _ => judge_mint(&mut Script::new(rest)),
    }
}

/// As many of the bytes as fit, and zeros: short inputs stand for long ones.
fn extended<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut extended = [0; N];
    let len = bytes.len().min(N);
    extended[..len].copy_from_slice(&bytes[..len]);
    extended
}

/// A public token of the right length and version around 24 bytes of ids and times, then timeout, addresses and keys.
fn assemble_public(bytes: &[u8]) -> [u8; CONNECT_TOKEN_BYTES] {
    let mut public = [0; CONNECT_TOKEN_BYTES];
    let (ids, rest) = bytes.split_at(bytes.len().min(CLEAR_BYTES - VERSION.len()));
    public[..VERSION.len()].copy_from_slice(&VERSION);
    public[VERSION.len()..][..ids.len()].copy_from_slice(ids);
    let tail = &mut public[CLEAR_BYTES + TOKEN_NONCE_BYTES + PRIVATE_TOKEN_BYTES..];
    let len = rest.len().min(tail.len());
    tail[..len].copy_from_slice(&rest[..len]);
    public
}

/// What is read from a public token is all that stands in it: written again it is the same, up to the padding.
fn judge_public(bytes: &[u8]) {
    let Ok(token) = ConnectToken::decode(bytes) else { return };
    let again = token.encode();
    let used = CLEAR_BYTES
        + TOKEN_NONCE_BYTES
        + PRIVATE_TOKEN_BYTES
        + 4
        + addresses_bytes(token.addresses.as_slice())
        + 2 * 32;
    assert_eq!(again[..used], bytes[..used]);
    assert!(again[used..].iter().all(|byte| *byte == 0));
    assert_eq!(ConnectToken::decode(again.as_slice()), Ok(token));
}

fn addresses_bytes(addresses: &[SocketAddr]) -> usize {
    assert!((1..=32).contains(&addresses.len()));
    4 + addresses.iter().map(|address| if address.is_ipv4() { 7 } else { 19 }).sum::<usize>()
}

/// The same for the private part, and through the seal and back.
fn judge_private(plain: &[u8; PLAIN_BYTES]) {
    let Some(token) = PrivateToken::decode(plain) else { return };
    let mut again = [0xff; PLAIN_BYTES];
    token.encode(&mut again);
    let used = 8 + 4 + addresses_bytes(token.addresses.as_slice()) + 2 * 32 + USER_BYTES;
    assert_eq!(again[..used], plain[..used]);
    assert!(again[used..].iter().all(|byte| *byte == 0));
    let key = TokenKey::new(&Key::new([9; 32]));
    let mut sealed = seal_private(&token, &key, 42, 1_000, &NONCE);
    assert_eq!(PrivateToken::open(&mut sealed, &key, 42, 1_000, &NONCE), Ok(token));
}

/// User data has one form: what decodes encodes to the same 256 bytes.
fn judge_user(bytes: &[u8; USER_BYTES]) {
    match UserData::decode(bytes) {
        Ok(user) => assert_eq!(user.encode(), *bytes),
        Err(error) => assert_eq!(error == UserDataError::Foreign, bytes[..4] != *b"THRG"),
    }
}

/// What a mint was told is what client and server read.
fn judge_mint(script: &mut Script<'_>) {
    let (now_unix_ms, client_id) = (script.u64(), script.u64());
    let user = UserData {
        account_id: client_id,
        character_id: script.u64(),
        name: name(script),
        role: if script.u8() & 1 == 0 { Role::Player } else { Role::Operator },
        issued_at_ms: now_unix_ms,
        serial: script.u64(),
        epoch: u32::from(script.u16()),
    };
    let addresses: Vec<SocketAddr> = (0..script.below(36)).map(|_| address(script)).collect();
    let timeout_s = i32::from(script.u16().cast_signed());
    let mint = Mint { key: Key::new([7; 32]), protocol_id: script.u64(), lifetime_s: script.u64() };
    let mut rng = rand::rngs::StdRng::from_seed([script.u8(); 32]);
    let minted = mint.mint(now_unix_ms, client_id, &addresses, timeout_s, &user, &mut rng);
    let Ok(mut token) = minted else {
        let names_ours = user.character_id > ID_MAX && user.character_id != CHOOSES;
        assert!(addresses.is_empty() || addresses.len() > 32 || user.account_id > ID_MAX || names_ours);
        return;
    };
    let read = ConnectToken::decode(token.encode().as_slice());
    assert_eq!(read.as_ref(), Ok(&token));
    assert_eq!((token.addresses.as_slice(), token.timeout_s), (&addresses[..], timeout_s));
    assert_eq!(token.expire_unix_s, (now_unix_ms / 1_000).saturating_add(mint.lifetime_s));
    let key = TokenKey::new(&mint.key);
    let private =
        PrivateToken::open(&mut token.sealed, &key, mint.protocol_id, token.expire_unix_s, &token.nonce).unwrap();
    assert_eq!((private.client_id, private.timeout_s), (client_id, timeout_s));
    assert_eq!((private.addresses, private.client_to_server), (token.addresses, token.client_to_server));
    assert_eq!((UserData::decode(&private.user), private.server_to_client), (Ok(user), token.server_to_client));
}

/// Any text that is a name; a name keeps what it was made of.
fn name(script: &mut Script<'_>) -> Name {
    let bytes: Vec<u8> = (0..script.below(NAME_BYTES_MAX + 4)).map(|_| script.u8()).collect();
    let text = String::from_utf8_lossy(&bytes);
    let name = Name::new(&text);
    assert_eq!(name.is_some(), text.len() <= NAME_BYTES_MAX && !text.contains('\0'));
    let name = name.unwrap_or_else(|| Name::new("").expect("an empty name is a name"));
    assert!(name.as_str().is_empty() || name.as_str() == text);
    name
}

fn address(script: &mut Script<'_>) -> SocketAddr {
    let ip = match script.u8() & 1 {
        0 => IpAddr::V4(Ipv4Addr::from_bits(script.u64() as u32)),
        _ => IpAddr::V6(Ipv6Addr::from_bits(u128::from(script.u64()) << 64 | u128::from(script.u64()))),
    };
    SocketAddr::new(ip, script.u16())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Writer;

    #[test]
    fn the_seeds_reach_what_they_are_named_after() {
        let mut plain = [0; PLAIN_BYTES];
        let mut writer = Writer::new(&mut plain);
        writer.u64(7);
        writer.u32(10);
        writer.u32(1);
        writer.put(&[1, 127, 0, 0, 1, 0x61, 0x1e]);
        assert!(PrivateToken::decode(&plain).is_some());
        judge_private(&plain);
        let public = assemble_public(&[&[0; 24][..], &[10, 0, 0, 0, 1, 0, 0, 0, 1, 127, 0, 0, 1, 0x61, 0x1e]].concat());
        assert!(ConnectToken::decode(&public).is_ok());
        judge_public(&public);
    }
}
