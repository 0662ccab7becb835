//! A server and its clients, tokens, challenges and ciphers included, over a link that a script plays with.
//!
//! Nothing the link does can be mistaken for the other end: whatever it loses, repeats, damages, or sends from elsewhere,
//! what comes out was sent, once, and in the end both sides tell the same story.

mod ledger;

use super::Script;
use crate::channel::{BULK, CONTROL, INPUT, PartId};
use crate::client::{Client, ClientConfig, ClientEvent, ClientState};
use crate::hello::{Hello, HelloRules, INNER_VERSION};
use crate::outer::DATAGRAM_BYTES_MAX;
use crate::reason::Reason;
use crate::seal::Key;
use crate::server::{ConnectionId, Event, Server, ServerConfig};
use crate::time::{NS_PER_MS, NS_PER_S, Now};
use crate::token::{ConnectToken, Mint, Name, Role, UserData};
use crate::{ChannelTable, Transmit};
use ledger::Ledger;
use rand::SeedableRng;
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

const PROTOCOL: u64 = 7;
const START: Now = Now { mono_ns: NS_PER_S, unix_s: 1_800_000_000 };

/// Clients of one run at most: more than the server takes.
const CLIENTS_MAX: usize = 4;
const CONNECTIONS_MAX: u32 = 3;

/// Life of a token and of a held session, seconds: short, so that both ends agree soon.
const LIFETIME_S: u64 = 10;
const HELD_S: u32 = 3;

/// After this long on a link that keeps its promises both ends agree, ns: silence is known after 10 s and held for 3, a
/// client without a session gives up with its token.
const AGREED_AFTER_NS: u64 = 16 * NS_PER_S;

/// Datagrams on the way, and of the past that may arrive again.
const WIRE_DATAGRAMS_MAX: usize = 128;

/// Bytes of streams in a run at most. They compress: some packets, at any rate that the run may have left.
const STREAM_BYTES_MAX: usize = 32 * 1_024;

/// One way through the clean link.
const LATENCY_NS: u64 = 5 * NS_PER_MS;

/// The script, then a link without fault: the ledger is balanced.
pub fn endpoints(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut world = World::new();
    world.join(&mut script);
    while let Some(operation) = script.operation() {
        world.operate(operation, &mut script);
        world.wake();
    }
    world.heal();
}

#[derive(Clone, Debug)]
struct Datagram {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

struct Peer {
    client: Client,
    address: SocketAddr,
    token: ConnectToken,
    /// A chunk was announced and not all have been read.
    has_chunk: bool,
}

struct World {
    now: Now,
    server: Server,
    peers: Vec<Peer>,
    wire: VecDeque<Datagram>,
    past: VecDeque<Datagram>,
    ledger: Ledger,
    tokens: u8,
    parts: u32,
    stream_bytes_left: usize,
    /// Sessions of the server with chunks to read.
    readable: BTreeSet<ConnectionId>,
    /// Streams are read, at both ends.
    is_reading: bool,
}

fn server_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 10], 7_777))
}

/// Nobody lives here.
fn stranger(script: &mut Script<'_>) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, script.u8() & 3], 9))
}

impl World {
    fn new() -> Self {
        let channel_hash = ChannelTable::GAME.hash();
        let versions = INNER_VERSION..=INNER_VERSION;
        let rules = HelloRules { versions, channel_hash, motion_hash: 1, content_hash: 2 };
        let mut config = ServerConfig::new(PROTOCOL, Key::new([7; 32]), server_address(), rules, [5; 32]);
        config.connections_max = CONNECTIONS_MAX;
        config.held_s = HELD_S;
        config.token_lifetime_s = LIFETIME_S;
        let server = Server::new(config, START).expect("the settings are sound");
        Self {
            // The restart rule has run out.
            now: START.plus_ns(60 * NS_PER_S),
            server,
            peers: Vec::new(),
            wire: VecDeque::new(),
            past: VecDeque::new(),
            ledger: Ledger::default(),
            tokens: 0,
            parts: 0,
            stream_bytes_left: STREAM_BYTES_MAX,
            readable: BTreeSet::new(),
            is_reading: true,
        }
    }

    fn operate(&mut self, operation: u8, script: &mut Script<'_>) {
        match operation & 15 {
            0 | 1 => self.deliver(1 + script.below(4)),
            2 => self.deliver(WIRE_DATAGRAMS_MAX),
            3 => drop(self.wire.drain(..(1 + script.below(4)).min(self.wire.len()))),
            4 => {
                if let Some(datagram) = self.pick(script).cloned() {
                    self.wire.push_front(datagram);
                }
            }
            5 | 6 => self.damage(operation & 15 == 5, script),
            7 if operation & 0x30 == 0x30 => self.move_peer(script),
            7 => self.send_from_elsewhere(script),
            8 => self.pass(u64::from(script.u8()) * 2 * NS_PER_MS),
            9 => self.pass((NS_PER_S / 4) << (script.u8() % 5)),
            10 if operation & 0x80 == 0 => self.join(script),
            10 => self.join_again(script),
            11 | 12 => self.send(script),
            13 if operation & 0x70 == 0x70 => self.leave(script),
            13 => self.send_snapshot(script),
            14 if operation & 0x40 == 0 => self.now = self.now.plus_ns((NS_PER_S / 4) << (script.u8() % 7)),
            14 => self.now.unix_s = self.now.unix_s.wrapping_add_signed(i64::from(script.u8().cast_signed()) * 3),
            _ if operation & 0x60 == 0x60 => self.stream(script),
            _ => self.junk(script),
        }
    }

    /// A client with a fresh token; there are three accounts, so that some take each other's place.
    fn join(&mut self, script: &mut Script<'_>) {
        if self.peers.len() >= CLIENTS_MAX {
            return;
        }
        self.tokens += 1;
        let client_id = u64::from(script.u8() % 3);
        let unix_ms = self.now.unix_s * 1_000;
        let user = UserData {
            account_id: client_id,
            character_id: 0,
            name: Name::new("ada").expect("short"),
            role: Role::Player,
            issued_at_ms: unix_ms,
            serial: u64::from(self.tokens),
            epoch: 0,
        };
        let mint = Mint { key: Key::new([7; 32]), protocol_id: PROTOCOL, lifetime_s: LIFETIME_S };
        let mut rng = rand::rngs::StdRng::from_seed([self.tokens; 32]);
        let token = mint.mint(unix_ms, client_id, &[server_address()], 5, &user, &mut rng).expect("one address");
        self.present(token);
    }

    /// Someone presents a token that another client has presented.
    fn join_again(&mut self, script: &mut Script<'_>) {
        let at = script.below(self.peers.len());
        if self.peers.len() < CLIENTS_MAX {
            let token = self.peers[at].token.clone();
            self.present(token);
        }
    }

    fn present(&mut self, token: ConnectToken) {
        let hello = Hello {
            version_min: INNER_VERSION,
            version_max: INNER_VERSION,
            channel_hash: ChannelTable::GAME.hash(),
            motion_hash: 1,
            content_hash: 2,
        };
        let config = ClientConfig { held_s: HELD_S, ..ClientConfig::new(token.clone(), hello) };
        let at = self.peers.len() as u8;
        let address = SocketAddr::from(([203, 0, 113, at], 1_000));
        self.peers.push(Peer { client: Client::new(config, self.now), address, token, has_chunk: false });
        self.ledger.on_joined();
    }

    /// Lets the oldest datagrams arrive.
    fn deliver(&mut self, count: usize) {
        for _ in 0..count.min(self.wire.len()) {
            let Some(datagram) = self.wire.pop_front() else { return };
            self.arrive(&datagram);
            self.past.push_back(datagram);
            if self.past.len() > WIRE_DATAGRAMS_MAX {
                self.past.pop_front();
            }
        }
    }

    fn arrive(&mut self, datagram: &Datagram) {
        let mut bytes = datagram.bytes.clone();
        if datagram.to == server_address() {
            self.ledger.on_server_received(datagram.from, bytes.len());
            self.server.handle_datagram(self.now, datagram.from, &mut bytes);
            self.hear_and_send();
        } else if let Some(peer) = self.peers.iter_mut().find(|peer| peer.address == datagram.to) {
            peer.client.handle_datagram(self.now, datagram.from, &mut bytes);
        }
    }

    /// A datagram on its way, or one of the past.
    fn pick(&self, script: &mut Script<'_>) -> Option<&Datagram> {
        let at = script.below(WIRE_DATAGRAMS_MAX);
        let total = self.wire.len() + self.past.len();
        let at = at.checked_rem(total)?;
        self.wire.get(at).or_else(|| self.past.get(at - self.wire.len()))
    }

    /// A bit changes, or bytes at the end are missing or too many.
    fn damage(&mut self, flip: bool, script: &mut Script<'_>) {
        let Some(mut datagram) = self.pick(script).cloned() else { return };
        let place = usize::from(script.u16());
        if flip {
            let at = place % datagram.bytes.len();
            datagram.bytes[at] ^= 1 << (script.u8() & 7);
        } else if place & 1 == 0 {
            datagram.bytes.truncate(place / 2 % datagram.bytes.len());
        } else {
            datagram.bytes.extend_from_slice(&[0; 8][..place / 2 % 8]);
        }
        self.arrive(&datagram);
    }

    /// Someone on the way sends a copy from an address of his own.
    fn send_from_elsewhere(&mut self, script: &mut Script<'_>) {
        let from = stranger(script);
        if let Some(datagram) = self.pick(script).cloned() {
            self.arrive(&Datagram { from, ..datagram });
        }
    }

    /// A client's address changes, and it is not told.
    fn move_peer(&mut self, script: &mut Script<'_>) {
        let at = script.below(self.peers.len());
        let peer = &mut self.peers[at];
        let port = peer.address.port() + 1;
        peer.address.set_port(port);
        if script.u8() & 1 == 0 {
            peer.client.handle_address_change(self.now);
        }
    }

    fn send(&mut self, script: &mut Script<'_>) {
        let channel = if script.u8() & 3 == 0 { INPUT } else { CONTROL };
        let (size, at) = (7 + script.below(250), script.u8());
        if at & 1 == 0 {
            let at = usize::from(at / 2) % self.peers.len();
            let message = self.ledger.client_message(at, channel, size);
            if self.peers[at].client.send(channel, &message).is_ok() {
                self.ledger.on_client_sent(at, channel);
            }
        } else if let Some(id) = self.ledger.open_at(at / 2) {
            let channel = if channel == INPUT { crate::channel::EVENT } else { CONTROL };
            let message = self.ledger.server_message(id, channel, size);
            if self.server.send(id, channel, &message).is_ok() {
                self.ledger.on_server_sent(id, channel);
            }
        }
    }

    /// Bytes of a stream, mostly with the end of a transfer behind them; or reading stops, or goes on.
    fn stream(&mut self, script: &mut Script<'_>) {
        let (at, size) = (script.u8(), 2 + usize::from(script.u16()) % 6_000);
        if size > self.stream_bytes_left || at >= 0xe0 {
            self.is_reading ^= true;
            return;
        }
        let is_ended = script.u8() & 3 != 0;
        if at & 1 == 0 {
            let at = usize::from(at / 2) % self.peers.len();
            let (bytes, client) = (self.ledger.client_stream(at, size), &mut self.peers[at].client);
            let Ok(taken) = client.send_bulk(BULK, &bytes) else { return };
            let is_ended = is_ended && client.end_bulk(BULK).is_ok();
            self.ledger.on_client_wrote(at, taken, is_ended);
            self.stream_bytes_left -= taken;
        } else if let Some(id) = self.ledger.open_at(at / 2) {
            let bytes = self.ledger.server_stream(id, size);
            let Ok(taken) = self.server.send_bulk(id, BULK, &bytes) else { return };
            let is_ended = is_ended && self.server.end_bulk(id, BULK).is_ok();
            self.ledger.on_server_wrote(id, taken, is_ended);
            self.stream_bytes_left -= taken;
        }
    }

    /// Whoever was told of chunks reads them all.
    fn read_streams(&mut self) {
        if !self.is_reading {
            return;
        }
        while let Some(id) = self.readable.pop_first() {
            while let Some(chunk) = self.server.read_bulk(id, BULK) {
                self.ledger.on_server_read(id, chunk.bytes, chunk.is_last);
            }
        }
        for (at, peer) in self.peers.iter_mut().enumerate().filter(|(_, peer)| peer.has_chunk) {
            peer.has_chunk = false;
            while let Some(chunk) = peer.client.read_bulk(BULK) {
                self.ledger.on_client_read(at, chunk.bytes, chunk.is_last);
            }
        }
    }

    fn send_snapshot(&mut self, script: &mut Script<'_>) {
        let Some(id) = self.ledger.open_at(script.u8()) else { return };
        self.server.on_tick_edge(self.now, id);
        self.peers.iter_mut().for_each(|peer| peer.client.on_tick_edge(self.now));
        let budget = self.server.snapshot_budget_bytes(self.now, id);
        if budget > 0 && self.server.send_snapshot(id, PartId(self.parts), &vec![7; budget as usize]).is_ok() {
            self.ledger.on_part_sent(id, PartId(self.parts));
            self.parts += 1;
        }
    }

    fn leave(&mut self, script: &mut Script<'_>) {
        let at = script.u8();
        if at & 1 == 0 {
            let at = usize::from(at / 2) % self.peers.len();
            self.peers[at].client.disconnect(self.now, Reason::UserQuit);
        } else if let Some(id) = self.ledger.open_at(at / 2) {
            self.server.disconnect(self.now, id, Reason::Kicked);
        }
    }

    /// Bytes of nobody, from a client's address or elsewhere, to either side.
    fn junk(&mut self, script: &mut Script<'_>) {
        let peer = self.peers[script.below(self.peers.len())].address;
        let from = if script.u8() & 1 == 0 { peer } else { stranger(script) };
        let bytes: Vec<u8> = (0..script.below(64)).map(|_| script.u8()).collect();
        let (from, to) = if script.u8() & 3 == 0 { (server_address(), peer) } else { (from, server_address()) };
        self.arrive(&Datagram { from, to, bytes });
    }

    /// Time passes on a link that carries nothing; every timer fires when it is due.
    fn pass(&mut self, ns: u64) {
        let until = self.now.plus_ns(ns);
        while let Some(next) = self.next_ns().filter(|next| *next <= until.mono_ns) {
            self.now = self.now.plus_ns(next.saturating_sub(self.now.mono_ns));
            self.wake();
        }
        self.now = until;
    }

    fn next_ns(&self) -> Option<u64> {
        self.peers.iter().filter_map(|peer| peer.client.poll_timeout()).chain(self.server.poll_timeout()).min()
    }

    /// Timers, with what every machine promises of them; then everything that wants to be said.
    fn wake(&mut self) {
        let now = self.now;
        if self.server.poll_timeout().is_some_and(|at| at <= now.mono_ns) {
            self.server.handle_timeout(now);
            assert!(self.server.poll_timeout().is_none_or(|at| at > now.mono_ns), "a deadline in the past");
        }
        for peer in &mut self.peers {
            if peer.client.poll_timeout().is_some_and(|at| at <= now.mono_ns) {
                peer.client.handle_timeout(now);
                assert!(peer.client.poll_timeout().is_none_or(|at| at > now.mono_ns), "a deadline in the past");
            }
        }
        self.hear_and_send();
    }

    fn hear_and_send(&mut self) {
        let now = self.now;
        while let Some(event) = self.server.poll_event() {
            self.ledger.on_event(&event);
            if let Event::Bulk { id, .. } = event {
                self.readable.insert(id);
            }
        }
        for (at, peer) in self.peers.iter_mut().enumerate() {
            while let Some(event) = peer.client.poll_event() {
                self.ledger.on_client_event(at, &event);
                peer.has_chunk |= matches!(event, ClientEvent::Bulk { .. });
            }
        }
        self.read_streams();
        self.ledger.judge(&self.server);
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        let wire = &mut self.wire;
        let mut post = |from, to, bytes: &[u8]| {
            if wire.len() < WIRE_DATAGRAMS_MAX {
                wire.push_back(Datagram { from, to, bytes: bytes.to_vec() });
            }
        };
        while let Some(Transmit { to, len }) = self.server.poll_transmit(now, &mut buf) {
            self.ledger.on_server_sent_to(to, len);
            post(server_address(), to, &buf[..len]);
        }
        for peer in &mut self.peers {
            while let Some(Transmit { to, len }) = peer.client.poll_transmit(now, &mut buf) {
                post(peer.address, to, &buf[..len]);
            }
        }
    }

    /// From here on nothing is lost: after a while each session has two ends or none, and all that was sent is here.
    fn heal(&mut self) {
        self.is_reading = true;
        let until = self.now.plus_ns(AGREED_AFTER_NS);
        while self.now.mono_ns < until.mono_ns {
            let arrival = (!self.wire.is_empty()).then_some(self.now.mono_ns + LATENCY_NS);
            // Streams are paid for by ticks.
            let is_owing = self.server.queued_bytes() > 0 || self.peers.iter().any(|peer| !peer.client.is_idle());
            let tick = is_owing.then_some(self.now.mono_ns + NS_PER_S / 60);
            let Some(next) = self.next_ns().into_iter().chain(arrival).chain(tick).min() else { break };
            self.now = self.now.plus_ns(next.saturating_sub(self.now.mono_ns));
            if arrival == Some(next) {
                self.deliver(WIRE_DATAGRAMS_MAX);
            }
            if tick == Some(next) {
                self.ledger.open().for_each(|id| self.server.on_tick_edge(self.now, id));
                self.peers.iter_mut().for_each(|peer| peer.client.on_tick_edge(self.now));
            }
            self.wake();
        }
        let is_living = |peer: &Peer| matches!(peer.client.state(), ClientState::Connected | ClientState::Spoken);
        let clients = self.peers.iter().filter(|peer| is_living(peer)).count();
        assert_eq!(clients, self.server.connections(), "who is connected: the clients' view, the server's view");
        assert_eq!(self.server.queued_bytes(), 0, "what was sent to nobody is still queued");
        for id in self.ledger.open() {
            let address = self.server.address(id);
            let at = self.peers.iter().position(|peer| Some(peer.address) == address && is_living(peer));
            self.ledger.balance(at.expect("a session with a client at its address"), id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by the `endpoints` target. One packet had spent half a minute on the way; the next one that was lost was
    /// sent again only after nine eighths of that.
    #[test]
    fn one_late_packet_does_not_make_the_next_resend_late() {
        // proves: PKT-42
        endpoints(&[1, 0, 0, 0]);
    }
}
