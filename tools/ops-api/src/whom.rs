//! How an operator says whom he means.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use thiserror::Error;

/// Somebody who is here, as text: `account:42` (or `42`), `character:7`, `session:3.1`, `name:ada`, `address:10.0.0.1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Whom {
    /// Everybody of an account.
    Account(u64),
    /// A character.
    Character(u64),
    /// A session, by the slot and generation that `players` shows.
    Session(u32, u32),
    /// Everybody of this name, without regard to case.
    Name(String),
    /// Everybody at an address.
    Address(IpAddr),
}

/// Whom a ban keeps out, as text: `account:42` (or `42`), `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Barred {
    /// An account.
    Account(u64),
    /// All addresses that begin with so many bits of this one. What is beyond those bits is nought.
    Network(IpAddr, u8),
}

/// It cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{}\" is {wanted}", text.escape_default())]
pub struct WhomError {
    text: String,
    wanted: &'static str,
}

const WHOM: &str = "nobody: say account:42, character:7, session:3.1, name:ada or address:10.0.0.1";
const BARRED: &str =
    "nothing that can be banned: say account:42, an address like 10.0.0.1 or a network like 10.0.0.0/8";

impl FromStr for Whom {
    type Err = WhomError;

    fn from_str(text: &str) -> Result<Self, WhomError> {
        let read = || match text.split_once(':') {
            None => text.parse().ok().map(Self::Account),
            Some(("account", number)) => number.parse().ok().map(Self::Account),
            Some(("character", number)) => number.parse().ok().map(Self::Character),
            Some(("session", both)) => {
                let (slot, generation) = both.split_once('.')?;
                Some(Self::Session(slot.parse().ok()?, generation.parse().ok()?))
            }
            Some(("name", name)) => (!name.is_empty()).then(|| Self::Name(name.to_owned())),
            Some(("address", address)) => address.parse().ok().map(Self::Address),
            Some(_) => None,
        };
        read().ok_or_else(|| WhomError { text: text.to_owned(), wanted: WHOM })
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "account:{account}"),
            Self::Character(character) => write!(f, "character:{character}"),
            Self::Session(slot, generation) => write!(f, "session:{slot}.{generation}"),
            Self::Name(name) => write!(f, "name:{name}"),
            Self::Address(address) => write!(f, "address:{address}"),
        }
    }
}

impl Barred {
    /// A network, with what lies beyond its bits taken away; none if there are not so many bits.
    #[must_use]
    pub fn network(address: IpAddr, bits: u8) -> Option<Self> {
        // An IPv4 address that came over IPv6 is the same address.
        let (address, bits) = match address {
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) if bits >= 96 => (IpAddr::V4(v4), bits - 96),
                _ => (address, bits),
            },
            IpAddr::V4(_) => (address, bits),
        };
        let masked = match address {
            IpAddr::V4(v4) if bits <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                IpAddr::V4((u32::from(v4) & mask).into())
            }
            IpAddr::V6(v6) if bits <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                IpAddr::V6((u128::from(v6) & mask).into())
            }
            _ => return None,
        };
        Some(Self::Network(masked, bits))
    }
}

impl FromStr for Barred {
    type Err = WhomError;

    fn from_str(text: &str) -> Result<Self, WhomError> {
        let read = || {
            if let Some(number) = text.strip_prefix("account:") {
                return number.parse().ok().map(Self::Account);
            }
            if let Ok(account) = text.parse() {
                return Some(Self::Account(account));
            }
            let text = text.strip_prefix("address:").unwrap_or(text);
            match text.split_once('/') {
                Some((address, bits)) => Self::network(address.parse().ok()?, bits.parse().ok()?),
                None => {
                    let address: IpAddr = text.parse().ok()?;
                    Self::network(address, if address.is_ipv4() { 32 } else { 128 })
                }
            }
        };
        read().ok_or_else(|| WhomError { text: text.to_owned(), wanted: BARRED })
    }
}

impl fmt::Display for Barred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "account:{account}"),
            Self::Network(address, bits) => {
                let all = if address.is_ipv4() { 32 } else { 128 };
                if *bits == all { write!(f, "{address}") } else { write!(f, "{address}/{bits}") }
            }
        }
    }
}

/// Both travel as text.
macro_rules! as_text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = WhomError;

            fn try_from(text: String) -> Result<Self, WhomError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    };
}

as_text!(Whom);
as_text!(Barred);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_is_read_as_it_is_written() {
        for text in
            ["account:42", "character:7", "session:3.1", "name:ada: the first", "address:10.0.0.1", "address:::1"]
        {
            assert_eq!(text.parse::<Whom>().unwrap().to_string(), text);
        }
        assert_eq!("42".parse::<Whom>(), Ok(Whom::Account(42)));
        for wrong in ["", "ada", "account:", "account:-1", "session:3", "session:3.x", "name:", "address:10", "role:x"]
        {
            let error = wrong.parse::<Whom>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("\"{wrong}\" is nobody")), "{error}");
        }
    }

    #[test]
    fn a_network_is_its_bits_and_nothing_else() {
        let read = |text: &str| text.parse::<Barred>().map(|barred| barred.to_string());
        assert_eq!(read("10.1.2.3/8").unwrap(), "10.0.0.0/8");
        assert_eq!(read("10.1.2.3").unwrap(), "10.1.2.3");
        assert_eq!(read("10.1.2.3/0").unwrap(), "0.0.0.0/0");
        assert_eq!(read("2001:db8:1::9/32").unwrap(), "2001:db8::/32");
        assert_eq!(read("::ffff:10.1.2.3").unwrap(), "10.1.2.3", "the same address, come over IPv6");
        assert_eq!(read("42").unwrap(), "account:42");
        for wrong in ["", "ada", "10.0.0.0/33", "::/129", "10.0.0/8", "account:x"] {
            assert!(read(wrong).unwrap_err().to_string().contains("nothing that can be banned"), "{wrong}");
        }
    }
}
