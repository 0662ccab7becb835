//! What a server is told at its start.
use crate::bucket::Rate;
use crate::channel::SERVER_QUEUE_BYTES_MAX;
use crate::connection::ConnectionConfig;
use crate::hello::HelloRules;
use crate::liveness::{HELD_DEFAULT_S, HELD_MAX_S};
use crate::prefetch::Prefetch;
use crate::seal::{Backend, Key};
use std::net::{IpAddr, SocketAddr};

/// Private keys that may be valid at once: the current one and, while keys rotate, the one before.
pub const PRIVATE_KEYS_MAX: usize = 2;
/// Connections one server can hold: bounds the tables that are sized by it.
pub const CONNECTIONS_MAX: u32 = 65_536;
/// Seconds a token may live; the mint's default.
pub const TOKEN_LIFETIME_S: u64 = 30;

/// Everything a [`Server`](super::Server) needs to know; [`ServerConfig::new`] fills in the defaults.
#[derive(Clone)]
pub struct ServerConfig {
    /// Names the game and its major version; clients with another one are ignored.
    pub protocol_id: u64,
    /// 1 or 2 keys shared with the mint, tried in order.
    pub private_keys: Vec<Key>,
    /// The addresses by which tokens name this server; behind NAT not the ones it binds.
    pub public_addresses: Vec<SocketAddr>,
    /// Connections at once, 1 to 65,536. Default 2,000; about 1 KiB each for the tables, more once used.
    pub connections_max: u32,
    /// Longest life of a token, seconds. Default 30. Must not be below the mint's.
    pub token_lifetime_s: u64,
    /// How far the mint's clock may be ahead of this one, seconds. Default 2; 0 when both run on one machine.
    pub skew_s: u64,
    /// Whether a newer token of a connected client replaces its session. Default on; off is what stock servers do.
    pub takeover: bool,
    /// Accepts tokens that never expire or never time out. Default off.
    pub test_mode: bool,
    /// Sessions are the bare standard's: nobody is asked for a hello, every payload is told as a message on channel 0 as
    /// it came, and [`Server::send_raw`](super::Server::send_raw) is the way back. Default off.
    pub raw: bool,
    /// How long a silent session is held, seconds, 0 to 600. Default 120.
    pub held_s: u32,
    /// What implementation seals packets. Default the faster one.
    pub seal: Backend,
    /// What a hello must say.
    pub hello: HelloRules,
    /// Of every connection's packet layer.
    pub connection: ConnectionConfig,
    /// From the operating system's randomness: the challenge key and all hash seeds are drawn from it.
    pub rng_seed: [u8; 32],
    /// Limits on requests.
    pub requests: RequestLimits,
    /// Limits on the packets of one session.
    pub packets: PacketLimits,
    /// Reliable bytes that all connections together may have queued; a send beyond is refused. Default
    /// [`SERVER_QUEUE_BYTES_MAX`].
    pub queue_bytes_max: usize,
    /// How the processor is told what memory comes next. Default [`Prefetch::NONE`].
    pub prefetch: Prefetch,
}

/// Without the seed: who reads it in a log can make challenges.
impl std::fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerConfig")
            .field("protocol_id", &self.protocol_id)
            .field("public_addresses", &self.public_addresses)
            .field("connections_max", &self.connections_max)
            .field("token_lifetime_s", &self.token_lifetime_s)
            .field("skew_s", &self.skew_s)
            .field("takeover", &self.takeover)
            .field("test_mode", &self.test_mode)
            .field("raw", &self.raw)
            .field("held_s", &self.held_s)
            .field("seal", &self.seal)
            .finish_non_exhaustive()
    }
}

/// How many connection requests, and by the first two limits how many responses, may reach the cipher.
/// spec: LIF-4, LIF-7
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Per IPv4 address or IPv6 /64. Default 10/s, 20 at once.
    pub per_address: Rate,
    /// Per IPv4 /24 or IPv6 /48. Default 1,000/s, 1,000 at once.
    pub per_network: Rate,
    /// In all, shared fairly among networks when more come. Default 20,000/s, 4,000 at once: at 3 us per open 6 % of a
    /// core.
    pub total: Rate,
    /// Networks these limits do not bind. Default loopback.
    pub exempt: Vec<Network>,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            per_address: Rate { per_s: 10, burst: 20 },
            per_network: Rate { per_s: 1_000, burst: 1_000 },
            total: Rate { per_s: 20_000, burst: 4_000 },
            exempt: Network::LOOPBACK.to_vec(),
        }
    }
}

/// How many packets one session may send. spec: LIF-16
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketLimits {
    /// Datagrams with one of the 256 sequences above the newest, before they are opened: a forger must guess where the
    /// session is to use them up. Default 4,800/s: at 0.3 us per failed open 0.15 % of a core. 960 at once: what an
    /// honest client may send after a stall (`opened`, at once) with three times as many forged ones between.
    pub expected: Rate,
    /// All other datagrams from the address of a session, before they are opened. Default 480/s.
    pub unopened: Rate,
    /// Datagrams that do not open, after which only sequences just above the newest are tried. Default 60/s.
    pub failed: Rate,
    /// Packets that open. Default 120/s, 240 at once.
    pub opened: Rate,
}

impl Default for PacketLimits {
    fn default() -> Self {
        Self {
            expected: Rate { per_s: 4_800, burst: 960 },
            unopened: Rate { per_s: 480, burst: 480 },
            failed: Rate { per_s: 60, burst: 120 },
            opened: Rate { per_s: 120, burst: 240 },
        }
    }
}

/// An address prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    /// First address.
    pub address: IpAddr,
    /// Leading bits that count; more than the family has means all.
    pub bits: u8,
}

impl Network {
    /// 127.0.0.0/8 and ::1.
    pub const LOOPBACK: [Self; 2] = [
        Self { address: IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 0)), bits: 8 },
        Self { address: IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), bits: 128 },
    ];

    /// Whether `ip` lies in this network; the families never mix.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                (net.to_bits() ^ ip.to_bits()).leading_zeros() >= u32::from(self.bits).min(32)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                (net.to_bits() ^ ip.to_bits()).leading_zeros() >= u32::from(self.bits).min(128)
            }
            _ => false,
        }
    }
}

/// What is wrong with a configuration; whoever wrote it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// None or more than two.
    #[error("a server needs 1 or 2 private keys, not {0}")]
    PrivateKeys(usize),
    /// No token could name the server.
    #[error("a server needs a public address")]
    PublicAddresses,
    /// Outside 1..=65,536.
    #[error("connections_max must be 1 to {CONNECTIONS_MAX}, not {0}")]
    ConnectionsMax(u32),
    /// Outside 1..=3,600.
    #[error("token_lifetime_s must be 1 to 3600, not {0}")]
    TokenLifetime(u64),
    /// Above 600.
    #[error("skew_s must be at most 600, not {0}")]
    Skew(u64),
    /// Above 600.
    #[error("held_s must be at most {HELD_MAX_S}, not {0}")]
    Held(u32),
}

impl ServerConfig {
    /// The defaults around what has none.
    #[must_use]
    pub fn new(
        protocol_id: u64,
        private_key: Key,
        public_address: SocketAddr,
        hello: HelloRules,
        seed: [u8; 32],
    ) -> Self {
        Self {
            protocol_id,
            private_keys: vec![private_key],
            public_addresses: vec![public_address],
            connections_max: 2_000,
            token_lifetime_s: TOKEN_LIFETIME_S,
            skew_s: 2,
            takeover: true,
            test_mode: false,
            raw: false,
            held_s: HELD_DEFAULT_S,
            seal: Backend::Auto,
            queue_bytes_max: SERVER_QUEUE_BYTES_MAX,
            prefetch: Prefetch::NONE,
            hello,
            connection: ConnectionConfig::default(),
            rng_seed: seed,
            requests: RequestLimits::default(),
            packets: PacketLimits::default(),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        check_private_keys(&self.private_keys)?;
        if self.public_addresses.is_empty() {
            return Err(ConfigError::PublicAddresses);
        }
        if !(1..=CONNECTIONS_MAX).contains(&self.connections_max) {
            return Err(ConfigError::ConnectionsMax(self.connections_max));
        }
        if !(1..=3600).contains(&self.token_lifetime_s) {
            return Err(ConfigError::TokenLifetime(self.token_lifetime_s));
        }
        if self.skew_s > 600 {
            return Err(ConfigError::Skew(self.skew_s));
        }
        if self.held_s > HELD_MAX_S {
            return Err(ConfigError::Held(self.held_s));
        }
        Ok(())
    }
}

pub(super) fn check_private_keys(keys: &[Key]) -> Result<(), ConfigError> {
    let is_right = (1..=PRIVATE_KEYS_MAX).contains(&keys.len());
    if is_right { Ok(()) } else { Err(ConfigError::PrivateKeys(keys.len())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_prefix_only() {
        let net = |address: &str, bits| Network { address: address.parse().unwrap(), bits };
        let has = |net: Network, ip: &str| net.contains(ip.parse().unwrap());
        assert!(has(net("10.0.0.0", 8), "10.255.1.2") && !has(net("10.0.0.0", 8), "11.0.0.0"));
        assert!(has(net("0.0.0.0", 0), "1.2.3.4") && !has(net("0.0.0.0", 0), "::1"));
        assert!(has(net("192.0.2.1", 99), "192.0.2.1") && !has(net("192.0.2.1", 99), "192.0.2.0"));
        assert!(has(net("2001:db8::", 32), "2001:db8:1::5") && !has(net("2001:db8::", 32), "2001:db9::"));
        assert!(Network::LOOPBACK.iter().any(|net| has(*net, "127.1.2.3")));
        assert!(!Network::LOOPBACK.iter().any(|net| has(*net, "::2")));
    }
}
