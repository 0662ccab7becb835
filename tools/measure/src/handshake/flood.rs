//! Datagrams that no honest client sends, at a rate, from many addresses of this machine.
#![allow(clippy::disallowed_methods, reason = "a flood has a rate in real time, and a thread of its own")]

use super::join::unix_ms;
use crate::echo::process;
use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use rudp::outer::{DATAGRAM_BYTES_MAX, REQUEST_BYTES, encode_request};
use rudp::token::{Name, Role};
use rudp::{Key, Mint, UserData};
use serde::Serialize;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Addresses at a time; a process may usually open 1,024 files.
const SOCKETS: usize = 256;
/// Addresses that take the place of older ones, per second.
const FRESH_PER_S: u32 = 500;
/// How often the clock is read.
const TURN: Duration = Duration::from_micros(500);
/// Datagrams that a machine which stood still makes up for.
const OWED_DATAGRAMS_MAX: u64 = 2_000;
/// What was missed is made up for at four times the rate at most: a flood out of a network has no bursts of 8 ms, which is what
/// 2,000 datagrams keep one of these processors busy for, and with it the players who share it.
const HASTE: u64 = 4;
/// One in so many sends is followed by a look at what came back.
const LOOK_EVERY: u64 = 16;

/// What was sent, and what came back.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Flooded {
    pub seconds: f64,
    pub sent: u64,
    pub sent_bytes: u64,
    pub not_taken: u64,
    pub addresses: u64,
    pub replies: u64,
    pub reply_bytes: u64,
    pub reply_bytes_max: u64,
}

impl Flooded {
    /// Datagrams per second.
    pub fn rate(&self) -> f64 {
        self.sent as f64 / self.seconds.max(1e-9)
    }
}

/// A flood under way.
pub struct Flood {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Flooded>,
}

impl Flood {
    /// Begins. `used_request` is a request that has been used, once there is one.
    ///
    /// # Errors
    /// The system gives no sockets.
    pub fn start(server: SocketAddr, rate: u32, used_request: Arc<Mutex<Vec<u8>>>) -> Result<Self> {
        let mut source = Source::new(server, used_request)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || source.run(rate, &stopped));
        Ok(Self { stop, thread })
    }

    /// Ends it.
    pub fn stop(self) -> Flooded {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// One address.
struct From {
    socket: UdpSocket,
}

struct Source {
    server: SocketAddr,
    froms: Vec<From>,
    addresses: u32,
    junk: Junk,
    flooded: Flooded,
}

impl Source {
    fn new(server: SocketAddr, used_request: Arc<Mutex<Vec<u8>>>) -> Result<Self> {
        let mut source = Self {
            server,
            froms: Vec::new(),
            addresses: 0,
            junk: Junk::new(server, used_request),
            flooded: Flooded::default(),
        };
        for _ in 0..SOCKETS {
            let from = source.fresh().context("the system gives no more sockets")?;
            source.froms.push(from);
        }
        Ok(source)
    }

    fn fresh(&mut self) -> std::io::Result<From> {
        self.addresses += 1;
        let socket = UdpSocket::bind((address(self.addresses), 0))?;
        socket.set_nonblocking(true)?;
        socket.connect(self.server)?;
        Ok(From { socket })
    }

    fn run(&mut self, rate: u32, stopped: &AtomicBool) -> Flooded {
        process::give_way();
        let (began, mut due) = (Instant::now(), 0);
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        while !stopped.load(Ordering::Relaxed) {
            let elapsed = began.elapsed().as_secs_f64();
            let wanted = (elapsed * f64::from(rate)) as u64;
            // What was missed is not made up for: a burst would be another load than the one that is claimed.
            due = u64::max(due, wanted.saturating_sub(OWED_DATAGRAMS_MAX));
            let turn = due + HASTE * (u64::from(rate) * TURN.as_micros() as u64).div_ceil(1_000_000);
            while due < wanted.min(turn) {
                due += 1;
                self.send(due, &mut buf);
            }
            if f64::from(self.addresses) < SOCKETS as f64 + elapsed * f64::from(FRESH_PER_S)
                && let Ok(from) = self.fresh()
            {
                let place = self.addresses as usize % SOCKETS;
                let old = std::mem::replace(&mut self.froms[place], from);
                old.look(&mut self.flooded, &mut buf);
            }
            self.junk.renew();
            std::thread::sleep(TURN);
        }
        for from in std::mem::take(&mut self.froms) {
            from.look(&mut self.flooded, &mut buf);
        }
        self.flooded.seconds = began.elapsed().as_secs_f64();
        self.flooded.addresses = u64::from(self.addresses);
        self.flooded
    }

    fn send(&mut self, number: u64, buf: &mut [u8; DATAGRAM_BYTES_MAX]) {
        let place = (number % SOCKETS as u64) as usize;
        // Kinds change more slowly than addresses: every address sends every kind.
        let len = self.junk.write(number / SOCKETS as u64, buf);
        let from = &self.froms[place];
        match from.socket.send(&buf[..len]) {
            Ok(_) => {
                self.flooded.sent += 1;
                self.flooded.sent_bytes += len as u64;
            }
            Err(_) => self.flooded.not_taken += 1,
        }
        if number.is_multiple_of(LOOK_EVERY) {
            from.look(&mut self.flooded, buf);
        }
    }
}

/// Where number `number` of the flood comes from: 127.64.0.0/10, far from bots and guests. Neighbours in time lie far
/// apart, for the server limits what comes from one network: out of a few of them hardly anything would reach its cipher.
fn address(number: u32) -> Ipv4Addr {
    let spread = (number % 0x0040_0000).reverse_bits() >> 10;
    let [_, b, c, d] = (0x0040_0000 + spread).to_be_bytes();
    Ipv4Addr::new(127, b, c, d.max(1))
}

impl From {
    fn look(&self, flooded: &mut Flooded, buf: &mut [u8; DATAGRAM_BYTES_MAX]) {
        while let Ok(len) = self.socket.recv(buf) {
            flooded.replies += 1;
            flooded.reply_bytes += len as u64;
            flooded.reply_bytes_max = flooded.reply_bytes_max.max(len as u64);
        }
    }
}

/// What is sent.
struct Junk {
    server: SocketAddr,
    rng: StdRng,
    used_request: Arc<Mutex<Vec<u8>>>,
    replay: Vec<u8>,
    forged: Vec<u8>,
    forged_at_s: u64,
}

impl Junk {
    fn new(server: SocketAddr, used_request: Arc<Mutex<Vec<u8>>>) -> Self {
        let mut junk = Self {
            server,
            rng: StdRng::seed_from_u64(13),
            used_request,
            replay: Vec::new(),
            forged: Vec::new(),
            forged_at_s: 0,
        };
        junk.renew();
        junk
    }

    /// Once a second: a forged request that has not expired, and the newest that was used.
    fn renew(&mut self) {
        let issued_at_ms = unix_ms();
        if issued_at_ms / 1_000 == self.forged_at_s {
            return;
        }
        self.forged_at_s = issued_at_ms / 1_000;
        let mint = Mint { key: Key::new([0xBA; 32]), protocol_id: protocol::PROTOCOL_ID, lifetime_s: 30 };
        let name = Name::new("nobody").expect("it is short");
        let user =
            UserData { account_id: 1, character_id: 1, name, role: Role::Player, issued_at_ms, serial: 1, epoch: 0 };
        let token = mint.mint(issued_at_ms, 1, &[self.server], 10, &user, &mut self.rng).expect("one address fits");
        self.forged.resize(DATAGRAM_BYTES_MAX, 0);
        let len = encode_request(&token, &mut self.forged);
        self.forged.truncate(len);
        if let Ok(used) = self.used_request.lock() {
            self.replay.clone_from(&used);
        }
    }

    fn write(&mut self, number: u64, buf: &mut [u8; DATAGRAM_BYTES_MAX]) -> usize {
        match number % 4 {
            0 => {
                let len = self.rng.random_range(1..=DATAGRAM_BYTES_MAX);
                self.rng.fill_bytes(&mut buf[..len]);
                len
            }
            1 => self.forge(buf),
            2 if self.replay.len() == REQUEST_BYTES => {
                buf[..REQUEST_BYTES].copy_from_slice(&self.replay);
                REQUEST_BYTES
            }
            2 => self.forge(buf),
            _ => {
                // Type 5 is a payload, 7 a path packet; the upper half says how long the sequence is.
                let len = self.rng.random_range(26..=200);
                self.rng.fill_bytes(&mut buf[..len]);
                buf[0] = if buf[1].is_multiple_of(2) { 0x25 } else { 0x27 };
                len
            }
        }
    }

    /// A request with a right header; its last bytes, which lie in the sealed part, make it one of its own.
    fn forge(&mut self, buf: &mut [u8; DATAGRAM_BYTES_MAX]) -> usize {
        buf[..REQUEST_BYTES].copy_from_slice(&self.forged);
        self.rng.fill_bytes(&mut buf[REQUEST_BYTES - 16..REQUEST_BYTES]);
        REQUEST_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rudp::outer::peek_request;

    #[test]
    fn every_kind_of_junk_is_what_it_claims() {
        let used_request = Arc::new(Mutex::new(vec![9; REQUEST_BYTES]));
        let mut junk = Junk::new("127.0.0.1:7777".parse().unwrap(), used_request);
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        let mut forged = || {
            let len = junk.write(1, &mut buf);
            (len, peek_request(&buf[..len]).map(|header| header.protocol_id), buf[..len].to_vec())
        };
        let (first, second) = (forged(), forged());
        assert_eq!((first.0, first.1), (REQUEST_BYTES, Some(protocol::PROTOCOL_ID)));
        assert_ne!(first.2, second.2, "no two are alike");
        let len = junk.write(2, &mut buf);
        assert_eq!(buf[..len], [9; REQUEST_BYTES]);
        let len = junk.write(3, &mut buf);
        assert!(matches!(buf[0] & 0x0F, 5 | 7) && len >= 26);
    }

    #[test]
    fn addresses_that_follow_each_other_lie_in_networks_of_their_own() {
        let networks: std::collections::BTreeSet<_> =
            (1..=256).map(|number| address(number).octets()[..3].to_vec()).collect();
        assert!(networks.len() > 200, "{}", networks.len());
        for number in [0, 1, 0x003F_FFFF, 0x0040_0000, u32::MAX] {
            let octets = address(number).octets();
            assert!(octets[0] == 127 && octets[1] >> 6 == 1 && octets[3] > 0, "{octets:?}");
        }
    }

    /// Real sockets on this machine, for as long as it takes to send a hundred datagrams.
    #[test]
    fn a_flood_comes_from_many_addresses_and_ends() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let flood = Flood::start(server.local_addr().unwrap(), 10_000, Arc::default()).unwrap();
        let mut froms = std::collections::BTreeSet::new();
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        for _ in 0..100 {
            froms.insert(server.recv_from(&mut buf).unwrap().1.ip());
        }
        let flooded = flood.stop();
        assert!(froms.len() > 50 && flooded.sent >= 100 && flooded.replies == 0, "{} {flooded:?}", froms.len());
    }
}
