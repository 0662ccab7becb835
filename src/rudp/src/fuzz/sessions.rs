//! A live session driven by whoever holds its keys and says anything, from any address, at any time.
use super::Script;
use super::strangers::RULES;
use crate::channel::ChannelTable;
use crate::hello::HelloRules;
use crate::outer::{self, DATAGRAM_BYTES_MAX, Kind, PAYLOAD_BYTES_MAX, REQUEST_BYTES, Reads};
use crate::packet::{Frame, Packet, Side};
use crate::seal::{Backend, Key, PacketKey};
use crate::server::{Event, Server, ServerConfig};
use crate::time::{NS_PER_MS, NS_PER_S, Now};
use crate::token::{ConnectToken, Mint, Name, Role, UserData};
use rand::SeedableRng;
use std::net::SocketAddr;

const PROTOCOL: u64 = 7;
const HOME: usize = 0;

/// Packets of one run at most: bounds its time, and is many times what any budget lets through at once.
const PACKETS_MAX: u32 = 2_000;
/// Packets of a burst.
const BURST: u32 = 250;

/// The first byte says how the session begins: bit 0, it has not said hello, and its first payload is one with the bytes
/// of the script laid over it; bit 1, it is a raw session; bit 2, there may be bursts. Then operations of one byte, a
/// length, and that many bytes: the low three bits say what, the next two from which of four addresses, bit 5 that it is
/// a burst of 250 with numbers that follow, bit 6 that the datagram is damaged on its way, the top bit that the first
/// eight of the bytes are the packet's number.
///
/// 0 the bytes as they are; 1 a keep-alive; 2 a payload; 3 a disconnect; 4 a path packet that says nothing; 5 one that
/// says what the server asked; 6 the datagram before once more; 7 time passes, 10 ms for each unit of the first byte.
///
/// Whatever is done: nobody but the session's own address gets more than it sent, the session ends once at most, and
/// moves only to where a challenge was answered.
pub fn sessions(bytes: &[u8]) {
    let (head, rest) = bytes.split_first().map_or((0, bytes), |(head, rest)| (*head, rest));
    let Some(mut bench) = Bench::new(head & 1 == 0, head & 2 != 0) else { return };
    let mut script = Script::new(rest);
    while let Some(op) = script.operation() {
        let said: Vec<u8> = (0..script.u8()).map(|_| script.u8()).collect();
        for _ in 0..if head & 4 == 0 || op & 0x20 == 0 { 1 } else { BURST } {
            if bench.packets < PACKETS_MAX {
                bench.act(op, &said);
                bench.listen();
            }
        }
    }
    bench.pass(NS_PER_S * 200);
    bench.listen();
    assert_eq!((bench.ends, bench.server.connections()), (1, 0), "everyone is let go who is not heard");
}

struct Bench {
    server: Server,
    now: Now,
    up: PacketKey,
    down: PacketKey,
    addresses: [SocketAddr; 4],
    /// Bytes in and out at each address, since the session left it if it was there.
    taken: [usize; 4],
    given: [usize; 4],
    at: usize,
    sequence: u64,
    packets: u32,
    /// The next datagram is damaged.
    is_damaged: bool,
    is_last_an_answer: bool,
    /// The session's first payload has left.
    is_greeted: bool,
    last: Vec<u8>,
    path_id: u64,
    challenge: u64,
    /// Where the challenge was answered.
    answered: Option<usize>,
    ends: u32,
}

impl Bench {
    /// A session at the first address.
    fn new(is_spoken: bool, is_raw: bool) -> Option<Self> {
        let start = Now { mono_ns: NS_PER_S, unix_s: 1_800_000_000 };
        let now = start.plus_ns(60 * NS_PER_S);
        let public = SocketAddr::from(([192, 0, 2, 2], 7_777));
        let rules = HelloRules { channel_hash: ChannelTable::GAME.hash(), ..RULES };
        let mut config = ServerConfig::new(PROTOCOL, Key::new([7; 32]), public, rules, [1; 32]);
        config.connections_max = 4;
        // Assembly is not traced: with the cipher in Rust, half of the search watches comparisons inside of it.
        config.seal = Backend::Auto;
        config.raw = is_raw;
        let server = Server::new(config, start).ok()?;
        let token = token(now, public)?;
        let v6 = SocketAddr::from(([0x2001, 0xDB8, 0, 0, 0, 0, 0, 1], 5));
        let mut bench = Self {
            server,
            now,
            up: PacketKey::new(&token.client_to_server, Backend::Auto),
            down: PacketKey::new(&token.server_to_client, Backend::Auto),
            addresses: [([192, 0, 2, 1], 5).into(), ([192, 0, 2, 1], 6).into(), ([198, 51, 100, 1], 5).into(), v6],
            taken: [0; 4],
            given: [0; 4],
            at: HOME,
            sequence: 0,
            packets: 0,
            is_damaged: false,
            is_last_an_answer: false,
            is_greeted: false,
            last: vec![],
            path_id: 0,
            challenge: 0,
            answered: None,
            ends: 0,
        };
        let mut request = vec![0; REQUEST_BYTES];
        let _ = outer::encode_request(&token, &mut request);
        bench.hand_in(HOME, request);
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        let challenge = bench.server.poll_transmit(bench.now, &mut buf)?;
        let header = outer::decode_header(buf.get(..challenge.len)?, Reads::Client).ok()?;
        let body = outer::open(&bench.down, PROTOCOL, header, buf.get_mut(..challenge.len)?).ok()?.to_vec();
        bench.seal_and_hand_in(HOME, Kind::Response, None, &body);
        if is_spoken {
            bench.greet(HOME, None, &[]);
            bench.listen();
            assert_eq!((bench.server.connections(), bench.path_id == 0), (1, is_raw), "the session speaks");
        }
        Some(bench)
    }

    /// A hello with these bytes laid over it.
    fn greet(&mut self, from: usize, number: Option<u64>, over: &[u8]) {
        self.is_greeted = true;
        let mut hello = vec![0, 1, 1, 0, 1, 0];
        for hash in [ChannelTable::GAME.hash(), RULES.motion_hash, RULES.content_hash] {
            hello.extend(hash.to_le_bytes());
        }
        for (byte, over) in hello.iter_mut().zip(over) {
            *byte ^= over;
        }
        self.seal_and_hand_in(from, Kind::Payload, number, &hello);
    }

    fn act(&mut self, op: u8, said: &[u8]) {
        let from = usize::from(op >> 3 & 3);
        let number = said.first_chunk().filter(|_| op & 0x80 != 0).map(|number| u64::from_le_bytes(*number));
        let body = if number.is_some() { said.get(8..).unwrap_or(&[]) } else { said };
        self.is_damaged = op & 0x40 != 0;
        match op & 7 {
            2 if !self.is_greeted => self.greet(from, number, body),
            0 => self.hand_in(from, said.to_vec()),
            1 => self.seal_and_hand_in(from, Kind::KeepAlive, number, &[0; 8]),
            2 => self.seal_and_hand_in(from, Kind::Payload, number, if body.is_empty() { &[0] } else { body }),
            3 => self.seal_and_hand_in(from, Kind::Disconnect, number, &[]),
            4 => self.path(from, number, 0),
            5 => {
                self.answered = Some(from);
                self.path(from, number, self.challenge);
            }
            6 => {
                // Damaged twice it is whole again, and an answer that somebody passes on from elsewhere is an answer there.
                if self.is_last_an_answer {
                    self.answered = Some(from);
                }
                self.hand_in(from, self.last.clone());
            }
            _ => return self.pass(u64::from(said.first().copied().unwrap_or(1)) * 10 * NS_PER_MS),
        }
        self.is_last_an_answer = op & 7 == 5 || (op & 7 == 6 && self.is_last_an_answer);
    }

    fn path(&mut self, from: usize, number: Option<u64>, said: u64) {
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        let number = self.number(number);
        let len = outer::seal_path(&self.up, PROTOCOL, self.path_id, number, said, &mut buf);
        self.hand_in(from, buf.into_iter().take(len).collect());
    }

    fn seal_and_hand_in(&mut self, from: usize, kind: Kind, number: Option<u64>, body: &[u8]) {
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        let number = self.number(number);
        let body = body.get(..PAYLOAD_BYTES_MAX).unwrap_or(body);
        let start = outer::body_offset(number);
        for (to, from) in buf.iter_mut().skip(start).zip(body) {
            *to = *from;
        }
        let len = outer::seal(&self.up, PROTOCOL, kind, number, &mut buf, body.len());
        self.hand_in(from, buf.into_iter().take(len).collect());
    }

    fn number(&mut self, chosen: Option<u64>) -> u64 {
        self.sequence += 1;
        chosen.unwrap_or(self.sequence)
    }

    fn hand_in(&mut self, from: usize, mut datagram: Vec<u8>) {
        self.packets += 1;
        if std::mem::take(&mut self.is_damaged)
            && let Some(byte) = datagram.last_mut()
        {
            *byte ^= 1;
        }
        self.taken[from] += datagram.len();
        let mut copy = datagram.clone();
        self.server.handle_datagram(self.now, self.addresses[from], &mut copy);
        self.last = datagram;
    }

    fn pass(&mut self, ns: u64) {
        let until = self.now.plus_ns(ns);
        while let Some(next) = self.server.poll_timeout().filter(|next| *next <= until.mono_ns) {
            self.now = self.now.plus_ns(next.saturating_sub(self.now.mono_ns));
            self.server.handle_timeout(self.now);
            assert!(self.server.poll_timeout().is_none_or(|next| next > self.now.mono_ns));
            self.listen();
        }
        self.now = until;
    }

    /// Events, then what is sent: challenges and path ids are noted.
    fn listen(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Disconnected { .. } => self.ends += 1,
                Event::Moved { to, .. } => {
                    // What went to the address it leaves was its own; from now on that one is a stranger's.
                    (self.taken[self.at], self.given[self.at]) = (0, 0);
                    self.at = self.addresses.iter().position(|address| *address == to).expect("one of the four");
                    assert_eq!(Some(self.at), self.answered, "moved to where nobody answered");
                }
                _ => {}
            }
        }
        assert!(self.ends <= 1 && self.server.connections() <= 1);
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        while let Some(transmit) = self.server.poll_transmit(self.now, &mut buf) {
            let to = self.addresses.iter().position(|address| *address == transmit.to).expect("one of the four");
            if to != self.at {
                self.given[to] += transmit.len;
                assert!(self.given[to] <= self.taken[to], "a stranger got more than it sent");
            }
            self.note(buf.get_mut(..transmit.len).unwrap_or(&mut []));
        }
    }

    fn note(&mut self, datagram: &mut [u8]) {
        let Ok(header) = outer::decode_header(datagram, Reads::Client) else { return };
        let Ok(body) = outer::open(&self.down, PROTOCOL, header, datagram) else { return };
        if header.kind == Kind::Path {
            self.challenge = body.first_chunk().map_or(0, |challenge| u64::from_le_bytes(*challenge));
        } else if header.kind == Kind::Payload
            && let Ok(packet) = Packet::decode(body, &ChannelTable::GAME, Side::Client)
        {
            for frame in packet.frames(ChannelTable::GAME, Side::Client) {
                if let Frame::Path { id } = frame {
                    self.path_id = id;
                }
            }
        }
    }
}

fn token(now: Now, server: SocketAddr) -> Option<ConnectToken> {
    let mint = Mint { key: Key::new([7; 32]), protocol_id: PROTOCOL, lifetime_s: 30 };
    let unix_ms = now.unix_s * 1_000;
    let user = UserData {
        account_id: 1,
        character_id: 1,
        name: Name::new("ada")?,
        role: Role::Player,
        issued_at_ms: unix_ms,
        serial: 1,
        epoch: 0,
    };
    let mut rng = rand::rngs::StdRng::from_seed([3; 32]);
    mint.mint(unix_ms, 1, &[server], 5, &user, &mut rng).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by the `sessions` target: a session moved on, and the address it had left got a challenge. What it had got
    /// as the session's own was held against the server.
    #[test]
    fn an_address_that_the_session_has_left_is_a_strangers_again() {
        sessions(&[
            0x00, 0x0c, 0x00, 0x15, 0x00, 0x15, 0x55, 0x55, 0x45, 0x55, 0x55, 0x55, 0x00, 0x00, 0x00, 0x00, 0x8d, 0x00,
            0x00, 0x00, 0x30, 0xe2, 0x00, 0x09, 0xff,
        ]);
    }
}
