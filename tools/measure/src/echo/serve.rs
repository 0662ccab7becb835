//! `measure echo --serve`: the echo for stock clients of the standard, who know nothing of our packet layer.

use super::process::ThreadClock;
use super::transport::Answers;
use super::{Args, bound_socket};
use anyhow::{Context, Result, bail};
use rudp::server::PacketLimits;
use rudp::{ConnectionId, Event, HelloRules, Key, Now, Rate, Server, ServerConfig, Transmit};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use throng::edge::{Dock, Machine, clock};

/// The key and the protocol id that the standard's own examples use, so that they connect as they are.
const STOCK_KEY: &str = "606abe6ec91910ea9a6562f66f2b30e44371d62cd19927266b3c60f4b715aba1";
/// See [`STOCK_KEY`].
pub(super) const STOCK_PROTOCOL_ID: u64 = 0x1122_3344_5566_7788;
/// Connections at once.
const CONNECTIONS_MAX: u32 = 10_000;
/// A load may send faster than a game.
const PACKETS: Rate = Rate { per_s: 1_000_000, burst: 1_000_000 };
/// Between two lines about what was done.
const LINE_NS: u64 = 1_000_000_000;

/// Serves until the process is ended.
///
/// # Errors
/// The address cannot be had, or the key file holds no key.
pub fn run(address: SocketAddr, args: &Args) -> Result<()> {
    let key = match &args.key {
        Some(file) => read_key(file)?,
        None => parse_key(STOCK_KEY).context("the stock key is a key")?,
    };
    let socket = bound_socket(address)?;
    let address = socket.local_addr()?;
    let echo = RawEcho::new(address, key, args.protocol_id)?;
    println!("echo of raw payloads on {address}/udp, protocol id {:#018x}", args.protocol_id);
    println!("tokens of 30 s life minted within a second of this line are refused: they could have been used before");
    super::transport::run(Dock::new(socket, true)?, echo, &AtomicBool::new(false))
}

/// Every payload back to whom it came from.
struct RawEcho {
    server: Server,
    waiting: Vec<(ConnectionId, Range<usize>)>,
    bytes: Vec<u8>,
    next: usize,
    /// Since the last line, as the two below.
    done: u64,
    cpu: ThreadClock,
    cpu_ns: u64,
    line_ns: u64,
}

impl RawEcho {
    /// An echo that believes to listen there.
    fn new(address: SocketAddr, key: Key, protocol_id: u64) -> Result<Self> {
        // Nobody says hello here; whatever the rules are, they are never asked.
        let hello = HelloRules { versions: 1..=1, channel_hash: 0, motion_hash: 0, content_hash: 0 };
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
        let mut config = ServerConfig::new(protocol_id, key, address, hello, seed);
        config.connections_max = CONNECTIONS_MAX;
        config.test_mode = true;
        config.raw = true;
        config.skew_s = 0;
        config.packets =
            PacketLimits { expected: PACKETS, unopened: PACKETS, opened: PACKETS, ..PacketLimits::default() };
        let server = Server::new(config, clock::now())?;
        let (cpu, line_ns) = (ThreadClock::of_this_thread()?, clock::mono_ns());
        Ok(Self { server, waiting: Vec::new(), bytes: Vec::new(), next: 0, done: 0, cpu, cpu_ns: 0, line_ns })
    }

    fn drain_events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            if let Event::Message { id, bytes, .. } = event {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(bytes);
                self.waiting.push((id, start..self.bytes.len()));
            }
        }
    }

    fn tell(&mut self, now: Now) {
        let cpu_ns = self.cpu.ns().unwrap_or(self.cpu_ns);
        if self.done > 0 {
            let us = (cpu_ns - self.cpu_ns) as f64 / 1_000.0 / self.done as f64;
            let connections = self.server.connections();
            println!("{connections} connections, {} echoes a second, {us:.2} us each", self.done);
        }
        (self.done, self.cpu_ns, self.line_ns) = (0, cpu_ns, now.mono_ns + LINE_NS);
    }
}

impl Machine for RawEcho {
    fn handle_datagram(&mut self, now: Now, from: SocketAddr, datagram: &mut [u8]) {
        self.server.handle_datagram(now, from, datagram);
        self.drain_events();
    }

    fn poll_transmit(&mut self, now: Now, buf: &mut [u8]) -> Option<Transmit> {
        if let Some(transmit) = self.server.poll_transmit(now, buf) {
            return Some(transmit);
        }
        while let Some((id, range)) = self.waiting.get(self.next).cloned() {
            self.next += 1;
            if let Some(transmit) = self.server.send_raw(now, id, &self.bytes[range], buf) {
                self.done += 1;
                return Some(transmit);
            }
        }
        self.waiting.clear();
        self.bytes.clear();
        self.next = 0;
        None
    }
}

impl Answers for RawEcho {
    fn answer(&mut self, now: Now) {
        if self.server.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
            self.server.handle_timeout(now);
        }
        self.drain_events();
        if now.mono_ns >= self.line_ns {
            self.tell(now);
        }
    }

    fn poll_timeout(&self) -> Option<u64> {
        Some(self.server.poll_timeout().map_or(self.line_ns, |due_ns| due_ns.min(self.line_ns)))
    }
}

fn read_key(file: &Path) -> Result<Key> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read the key file {}", file.display()))?;
    parse_key(text.trim()).with_context(|| format!("the key file {} holds no key", file.display()))
}

/// 64 hex digits.
fn parse_key(digits: &str) -> Result<Key> {
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        bail!("a key is 64 hex digits");
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16)?;
    }
    Ok(Key::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stock_key_is_a_key_and_other_texts_are_none() {
        assert_eq!(parse_key(STOCK_KEY).unwrap().as_bytes()[..3], [0x60, 0x6a, 0xbe]);
        assert!(parse_key(&STOCK_KEY[1..]).is_err() && parse_key(&STOCK_KEY.replace('6', "g")).is_err());
    }

    /// Real sockets and the real clock: what is tried here is the program that strangers talk to.
    #[test]
    fn a_stock_client_hears_what_it_said() {
        const TURN_NS: u64 = 1_000_000;
        const PATIENCE_NS: u64 = 10_000_000_000;
        let socket = bound_socket(super::super::local()).unwrap();
        let address = socket.local_addr().unwrap();
        let key = parse_key(STOCK_KEY).unwrap();
        // Longer than the 30 s for which a new server refuses what an earlier one may have taken.
        let key_bytes = key.as_bytes();
        let token =
            netcode::generate_connect_token(&[address], &[address], 60, 5, 1, STOCK_PROTOCOL_ID, key_bytes, &[0; 256]);
        let mut echo = RawEcho::new(address, key, STOCK_PROTOCOL_ID).unwrap();
        let mut dock = Dock::new(socket, true).unwrap();
        let mut client = netcode::Client::new(super::super::local(), 0.0).unwrap();
        client.connect(&token.unwrap()).unwrap();
        let (begun_ns, mut heard) = (clock::mono_ns(), Vec::new());
        while heard.len() < 3 {
            dock.wait(Some(clock::mono_ns() + TURN_NS)).unwrap();
            let now = clock::now();
            assert!(now.mono_ns - begun_ns < PATIENCE_NS, "{:?}, {} heard", client.state(), heard.len());
            dock.receive(now, &mut echo);
            echo.answer(now);
            dock.transmit(now, &mut echo).unwrap();
            client.update((now.mono_ns - begun_ns) as f64 / 1e9);
            if client.state() == netcode::ClientState::Connected {
                client.send_packet(&[0x5A; 100]).unwrap();
            }
            heard.extend(std::iter::from_fn(|| client.receive_packet()).map(|(payload, _)| payload));
        }
        assert!(heard.iter().all(|payload| *payload == [0x5A; 100]));
        assert_eq!((echo.server.connections(), dock.counters().kernel_drops), (1, 0));
    }
}
