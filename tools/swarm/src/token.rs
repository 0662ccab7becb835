//! The swarm mints its own tokens: it holds the development key, as the login service would hold the real one.

use crate::clock::Clock;
use anyhow::{Context, Result, bail};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rudp::token::{Name, Role};
use rudp::{ConnectToken, Key, Mint, UserData};
use std::net::SocketAddr;
use std::path::Path;

/// Bot i is account and character this plus the first bot's number plus i: far from those that people get.
const FIRST_ACCOUNT: u64 = 1_000_000;
/// Seconds from minting to expiry; the longest a server takes by default.
const LIFETIME_S: u64 = 30;
/// Seconds of silence after which either end gives up.
const TIMEOUT_S: i32 = 10;
/// Hex digits of a key.
const KEY_DIGITS: usize = 64;

/// Makes a token for any bot at any time.
#[derive(Debug)]
pub struct Minter {
    mint: Mint,
    server: SocketAddr,
    rng: StdRng,
    serial: u64,
    first: u64,
}

impl Minter {
    /// A minter with this key for this server; its bots are numbered from `first` on.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn new(key: Key, server: SocketAddr, first: u64) -> Result<Self> {
        let mint = Mint { key, protocol_id: protocol::PROTOCOL_ID, lifetime_s: LIFETIME_S };
        Ok(Self { mint, server, rng: StdRng::from_seed(seed()?), serial: 0, first })
    }

    /// A token for bot number `bot`, valid from now. Operators may place themselves, which bots do once.
    ///
    /// # Errors
    /// Never: one address fits every token.
    pub fn mint(&mut self, bot: usize) -> Result<ConnectToken> {
        let id = self.account(bot);
        let issued_at_ms = Clock::unix_ms();
        self.serial += 1;
        let user = UserData {
            account_id: id,
            character_id: id,
            name: Name::new(&format!("bot-{}", self.first + bot as u64)).context("a bot's name fits")?,
            role: Role::Operator,
            issued_at_ms,
            serial: self.serial,
            epoch: 0,
        };
        Ok(self.mint.mint(issued_at_ms, id, &[self.server], TIMEOUT_S, &user, &mut self.rng)?)
    }

    /// The account of a bot, and its character.
    pub const fn account(&self, bot: usize) -> u64 {
        FIRST_ACCOUNT + self.first + bot as u64
    }
}

/// Reads a key file: 64 hex digits.
///
/// # Errors
/// It cannot be read or holds something else.
pub fn read_key(file: &Path) -> Result<Key> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("the key file {} cannot be read", file.display()))?;
    let digits = text.trim();
    if digits.len() != KEY_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        bail!("the key file {} does not hold {KEY_DIGITS} hex digits", file.display());
    }
    let mut bytes = [0; KEY_DIGITS / 2];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair)?, 16)?;
    }
    Ok(Key::new(bytes))
}

fn seed() -> Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_is_of_its_own_and_names_its_bot() {
        let mut minter = Minter::new(Key::new([7; 32]), "127.0.0.1:7777".parse().unwrap(), 500).unwrap();
        assert_eq!(minter.account(3), FIRST_ACCOUNT + 503);
        let (first, second) = (minter.mint(3).unwrap(), minter.mint(3).unwrap());
        assert_ne!(first.sealed, second.sealed);
        assert_ne!(first.client_to_server.as_bytes(), second.client_to_server.as_bytes());
        assert_eq!(first.expire_unix_s - first.create_unix_s, LIFETIME_S);
        assert_eq!(minter.serial, 2);
    }

    #[test]
    fn key_files_hold_64_hex_digits_and_nothing_else() {
        let file = std::env::temp_dir().join(format!("swarm-key-{}", std::process::id()));
        std::fs::write(&file, format!("{}0f\n", "ab".repeat(31))).unwrap();
        let key = read_key(&file).unwrap();
        assert_eq!((key.as_bytes()[0], key.as_bytes()[31]), (0xab, 0x0f));
        std::fs::write(&file, "abc").unwrap();
        assert!(read_key(&file).unwrap_err().to_string().contains("does not hold 64 hex digits"));
        std::fs::remove_file(&file).unwrap();
        assert!(read_key(&file).unwrap_err().to_string().contains("cannot be read"));
    }
}
