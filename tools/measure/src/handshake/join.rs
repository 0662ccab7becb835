//! Honest clients that join one after another, each from an address of its own, and leave at once.
#![allow(clippy::disallowed_methods, reason = "real clients live in real time")]

use super::stand::Stand;
use anyhow::{Context, Result};
use client::{Client, ClientConfig, ClientEvent};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rudp::outer::{DATAGRAM_BYTES_MAX, REQUEST_BYTES};
use rudp::token::{Name, Role};
use rudp::{Backend, ConnectToken, Mint, Now, UserData};
use serde::Serialize;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Far from the accounts of bots and people.
const FIRST_ACCOUNT: u64 = 5_000_000;
/// An honest client that is not in after this time counts as refused.
const GIVE_UP: Duration = Duration::from_secs(10);
/// How long a client waits for a datagram before it looks at its timers.
const WAIT: Duration = Duration::from_millis(2);
const LIFETIME_S: u64 = 30;
const TIMEOUT_S: i32 = 10;

/// What became of them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Joined {
    /// Clients that knocked.
    pub clients: u32,
    /// From the first request to the welcome, ms, ascending; those who got in.
    pub times_ms: Vec<f64>,
    /// Requests sent in all.
    pub requests: u64,
    /// Replies before a session was there that were larger than a request, or more of them than requests.
    pub replies_too_large: u64,
}

impl Joined {
    /// The time that this share of the clients did not exceed, ms; who never came in is later than everything.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let rank = ((f64::from(self.clients) * share).ceil() as usize).max(1) - 1;
        self.times_ms.get(rank).copied().unwrap_or(f64::INFINITY)
    }
}

/// Clients to come.
pub struct Joins {
    server: SocketAddr,
    mint: Mint,
    clients: u32,
    began: Instant,
}

impl Joins {
    /// For this server.
    ///
    /// # Errors
    /// Its key cannot be read.
    pub fn new(stand: &Stand, clients: u32) -> Result<Self> {
        let mint = Mint { key: stand.key()?, protocol_id: protocol::PROTOCOL_ID, lifetime_s: LIFETIME_S };
        Ok(Self { server: stand.game, mint, clients, began: Instant::now() })
    }

    /// Lets them join, evenly over `spread` if there is one. Each leaves the request that it used behind.
    pub fn run(&self, spread: Option<Duration>, used_request: &Mutex<Vec<u8>>) -> Joined {
        let mut joined = Joined { clients: self.clients, ..Joined::default() };
        let began = Instant::now();
        for number in 0..self.clients {
            if let Some(spread) = spread {
                std::thread::sleep((spread * number / self.clients).saturating_sub(began.elapsed()));
            }
            if let Ok(Some(time_ms)) = self.join(number, &mut joined, used_request) {
                joined.times_ms.push(time_ms);
            }
        }
        joined.times_ms.sort_unstable_by(f64::total_cmp);
        joined
    }

    fn now(&self) -> Now {
        let mono_ns = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Now { mono_ns: mono_ns + 1, unix_s: unix_ms() / 1_000 }
    }

    fn join(&self, number: u32, joined: &mut Joined, used_request: &Mutex<Vec<u8>>) -> Result<Option<f64>> {
        let [_, _, high, low] = number.to_be_bytes();
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 9, high, low.max(1)), 0)).context("no socket")?;
        socket.connect(self.server)?;
        socket.set_read_timeout(Some(WAIT))?;
        let token = self.token(number)?;
        let mut client = Client::new(ClientConfig { token, seal: Backend::Auto, content_hash: 0 }, self.now());
        let (began, mut buf) = (Instant::now(), [0; DATAGRAM_BYTES_MAX]);
        let (mut sent, mut replies, mut request) = (0, 0, Vec::new());
        let mut time_ms = None;
        while time_ms.is_none() && began.elapsed() < GIVE_UP {
            while let Some(transmit) = client.poll_transmit(self.now(), &mut buf) {
                sent += 1;
                if transmit.len == REQUEST_BYTES {
                    joined.requests += 1;
                    request = buf[..transmit.len].to_vec();
                }
                socket.send(&buf[..transmit.len])?;
            }
            if let Ok(len) = socket.recv(&mut buf) {
                replies += 1;
                // Before the session lives nothing may come that was not asked for, and nothing larger than asked.
                joined.replies_too_large += u64::from(client.welcome().is_none() && len > REQUEST_BYTES);
                client.handle_datagram(self.now(), self.server, &mut buf[..len]);
            }
            if client.poll_timeout().is_some_and(|due_ns| due_ns <= self.now().mono_ns) {
                client.handle_timeout(self.now());
            }
            while let Some(event) = client.poll_event() {
                if matches!(event, ClientEvent::Joined(_)) {
                    time_ms = Some(began.elapsed().as_secs_f64() * 1e3);
                }
            }
        }
        joined.replies_too_large += u64::from(time_ms.is_none() && replies > sent);
        client.disconnect(self.now());
        while let Some(transmit) = client.poll_transmit(self.now(), &mut buf) {
            socket.send(&buf[..transmit.len])?;
        }
        if let Ok(mut used) = used_request.lock() {
            *used = request;
        }
        Ok(time_ms)
    }

    fn token(&self, number: u32) -> Result<ConnectToken> {
        let (id, issued_at_ms) = (FIRST_ACCOUNT + u64::from(number), unix_ms());
        let name = Name::new(&format!("guest-{number}")).context("a short name")?;
        let user =
            UserData { account_id: id, character_id: id, name, role: Role::Player, issued_at_ms, serial: 1, epoch: 0 };
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
        let mut rng = StdRng::from_seed(seed);
        Ok(self.mint.mint(issued_at_ms, id, &[self.server], TIMEOUT_S, &user, &mut rng)?)
    }
}

/// Milliseconds since 1970.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_came_in_is_later_than_everything() {
        let joined = Joined { clients: 4, times_ms: vec![1.0, 2.0, 3.0], ..Joined::default() };
        assert_eq!((joined.quantile_ms(0.5), joined.quantile_ms(0.75)), (2.0, 3.0));
        assert_eq!(joined.quantile_ms(0.99), f64::INFINITY);
    }
}
