//! A server, clients, a clock we own and wires with a delay: everything jumps to the next moment something happens.
pub(crate) mod hand;

use crate::channel::{ChannelId, ChannelTable, PartId, PartOutcome};
use crate::client::{Client, ClientConfig, ClientEvent, ClientState};
use crate::hello::{Hello, HelloRules};
use crate::outer::DATAGRAM_BYTES_MAX;
use crate::reason::Reason;
use crate::seal::Key;
use crate::server::{ConnectionId, Event, Server, ServerConfig};
use crate::time::{NS_PER_MS, NS_PER_S, Now};
use crate::token::{ConnectToken, Mint, Name, Role, UserData};
use rand::SeedableRng;
use std::collections::BTreeMap;
use std::net::SocketAddr;

pub(crate) const PROTOCOL: u64 = 0x5448_524F_4E47_0001;
pub(crate) const START: Now = Now { mono_ns: 7 * NS_PER_S, unix_s: 1_800_000_000 };
/// When the world begins: the restart rule has run out.
pub(crate) const LATER_S: u64 = 60;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Connected(ConnectionId, u64, Option<UserData>, SocketAddr),
    Spoken(ConnectionId),
    Silent(ConnectionId),
    Resumed(ConnectionId),
    Moved(ConnectionId, SocketAddr),
    Message(ConnectionId, ChannelId, Vec<u8>),
    Bulk(ConnectionId, ChannelId),
    Part(ConnectionId, PartId, PartOutcome),
    Disconnected(ConnectionId, Reason),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientTold {
    Connected(u32, u32),
    Accepted(u16),
    Silent,
    Resumed,
    Message(ChannelId, Vec<u8>),
    Bulk(ChannelId),
    Disconnected(Reason),
}

pub(crate) struct Peer {
    pub(crate) client: Client,
    pub(crate) address: SocketAddr,
    pub(crate) told: Vec<ClientTold>,
}

pub(crate) struct World {
    pub(crate) now: Now,
    pub(crate) server: Server,
    pub(crate) server_address: SocketAddr,
    /// Where those reach the server who speak the other family.
    pub(crate) other_address: Option<SocketAddr>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) told: Vec<Told>,
    pub(crate) latency_ns: u64,
    /// Datagrams for which this says no vanish.
    pub(crate) passes: Box<dyn FnMut(&Datagram) -> bool>,
    /// Everything sent, in order, also what vanished.
    pub(crate) sent: Vec<Datagram>,
    wires: BTreeMap<(u64, u64), Datagram>,
    serial: u64,
    tokens: u8,
}

pub(crate) fn rules() -> HelloRules {
    HelloRules { versions: 1..=1, channel_hash: ChannelTable::GAME.hash(), motion_hash: 22, content_hash: 33 }
}

pub(crate) fn hello() -> Hello {
    Hello { version_min: 1, version_max: 1, channel_hash: ChannelTable::GAME.hash(), motion_hash: 22, content_hash: 33 }
}

pub(crate) fn user(account_id: u64, issued_at_ms: u64) -> UserData {
    let name = Name::new("ada").unwrap();
    UserData { account_id, character_id: 0, name, role: Role::Player, issued_at_ms, serial: 0, epoch: 0 }
}

pub(crate) fn mint() -> Mint {
    Mint { key: Key::new([7; 32]), protocol_id: PROTOCOL, lifetime_s: 30 }
}

impl World {
    pub(crate) fn new(server_address: &str, adjust: impl FnOnce(&mut ServerConfig)) -> Self {
        let server_address: SocketAddr = server_address.parse().unwrap();
        let mut config = ServerConfig::new(PROTOCOL, mint().key, server_address, rules(), [5; 32]);
        config.connections_max = 8;
        adjust(&mut config);
        let server = Server::new(config, START).unwrap();
        Self {
            now: START.plus_ns(LATER_S * NS_PER_S),
            server,
            server_address,
            other_address: None,
            peers: vec![],
            told: vec![],
            latency_ns: 20 * NS_PER_MS,
            passes: Box::new(|_| true),
            sent: vec![],
            wires: BTreeMap::new(),
            serial: 0,
            tokens: 0,
        }
    }

    pub(crate) fn v4() -> Self {
        Self::new("192.0.2.10:7777", |_| {})
    }

    /// A token for `client_id` minted now, its session keys drawn from `seed`.
    pub(crate) fn token(&self, client_id: u64, seed: u8) -> ConnectToken {
        self.token_with(client_id, seed, 5, &[self.server_address])
    }

    pub(crate) fn token_with(&self, client_id: u64, seed: u8, timeout_s: i32, to: &[SocketAddr]) -> ConnectToken {
        let unix_ms = self.now.unix_s * 1000;
        let user = user(client_id, unix_ms);
        let mut rng = rand::rngs::StdRng::from_seed([seed; 32]);
        mint().mint(unix_ms, client_id, to, timeout_s, &user, &mut rng).unwrap()
    }

    pub(crate) fn join_with(&mut self, address: &str, token: ConnectToken, hello: Hello) -> usize {
        let config = ClientConfig::new(token, hello);
        let client = Client::new(config, self.now);
        self.peers.push(Peer { client, address: address.parse().unwrap(), told: vec![] });
        self.peers.len() - 1
    }

    /// A client of that id at that address, with its own token.
    pub(crate) fn join(&mut self, address: &str, client_id: u64) -> usize {
        self.tokens = self.tokens.wrapping_add(1);
        let token = self.token(client_id, self.tokens.wrapping_add(99));
        self.join_with(address, token, hello())
    }

    /// Puts a datagram on its way, as if someone had sent it.
    pub(crate) fn inject(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.post(Datagram { from, to, bytes: bytes.to_vec() });
    }

    /// Hands a datagram to the server at once and returns what it replies before anything else happens.
    pub(crate) fn strike(&mut self, from: SocketAddr, bytes: &[u8]) -> Vec<Datagram> {
        let before = self.sent.len();
        self.server.handle_datagram(self.now, from, &mut bytes.to_vec());
        self.flush();
        self.sent[before..].to_vec()
    }

    pub(crate) fn run_ms(&mut self, ms: u64) {
        let until = self.now.plus_ns(ms * NS_PER_MS);
        while self.next_ns().is_some_and(|next| next <= until.mono_ns) {
            self.step();
        }
        self.now = until;
    }

    /// Passes time in which nobody is called: the process stands still.
    pub(crate) fn freeze_ms(&mut self, ms: u64) {
        self.now = self.now.plus_ns(ms * NS_PER_MS);
    }

    pub(crate) fn state(&self, peer: usize) -> ClientState {
        self.peers[peer].client.state()
    }

    /// The server's name for the newest connection of that client id.
    pub(crate) fn id_of(&self, client_id: u64) -> ConnectionId {
        let connected = self.told.iter().rev().find_map(|told| match told {
            Told::Connected(id, client, ..) if *client == client_id => Some(*id),
            _ => None,
        });
        connected.expect("the client has connected")
    }

    pub(crate) fn ends(&self) -> Vec<(ConnectionId, Reason)> {
        let ends = self.told.iter().filter_map(|told| match told {
            Told::Disconnected(id, reason) => Some((*id, *reason)),
            _ => None,
        });
        ends.collect()
    }

    fn next_ns(&self) -> Option<u64> {
        let clients = self.peers.iter().filter_map(|peer| peer.client.poll_timeout());
        let wires = self.wires.keys().next().map(|(at, _)| *at);
        clients.chain(self.server.poll_timeout()).chain(wires).min()
    }

    /// Jumps to the next moment, delivers what arrives, fires what is due, hears and sends.
    fn step(&mut self) {
        let next = self.next_ns().unwrap();
        self.now = self.now.plus_ns(next.saturating_sub(self.now.mono_ns));
        while let Some(entry) = self.wires.first_entry().filter(|entry| entry.key().0 <= self.now.mono_ns) {
            let mut datagram = entry.remove();
            self.deliver(&mut datagram);
        }
        self.fire();
        self.flush();
    }

    fn deliver(&mut self, datagram: &mut Datagram) {
        if datagram.to == self.server_address || Some(datagram.to) == self.other_address {
            self.server.handle_datagram(self.now, datagram.from, &mut datagram.bytes);
        }
        for peer in self.peers.iter_mut().filter(|peer| peer.address == datagram.to) {
            peer.client.handle_datagram(self.now, datagram.from, &mut datagram.bytes.clone());
        }
    }

    /// Timers, and the two promises every machine makes about them.
    fn fire(&mut self) {
        let now = self.now;
        self.server.handle_timeout(now);
        let after = (self.server.poll_timeout(), self.server.counters().clone());
        assert!(after.0.is_none_or(|next| next > now.mono_ns), "the next wake-up lies in the future");
        self.server.handle_timeout(now);
        assert_eq!((self.server.poll_timeout(), self.server.counters().clone()), after, "twice changes nothing");
        for peer in &mut self.peers {
            peer.client.handle_timeout(now);
            let after = (peer.client.poll_timeout(), peer.client.state());
            assert!(after.0.is_none_or(|next| next > now.mono_ns), "the next wake-up lies in the future");
            peer.client.handle_timeout(now);
            assert_eq!((peer.client.poll_timeout(), peer.client.state()), after, "twice changes nothing");
        }
    }

    pub(crate) fn flush(&mut self) {
        while let Some(event) = self.server.poll_event() {
            self.told.push(match event {
                Event::Connected { id, client_id, user, from } => Told::Connected(id, client_id, user.copied(), from),
                Event::Spoken { id } => Told::Spoken(id),
                Event::Silent { id } => Told::Silent(id),
                Event::Resumed { id } => Told::Resumed(id),
                Event::Moved { id, to } => Told::Moved(id, to),
                Event::Message { id, channel, bytes } => Told::Message(id, channel, bytes.to_vec()),
                Event::Bulk { id, channel } => Told::Bulk(id, channel),
                Event::Part { id, part, outcome } => Told::Part(id, part, outcome),
                // Its end tells as much.
                Event::Misbehaved { .. } => continue,
                Event::Disconnected { id, reason } => Told::Disconnected(id, reason),
            });
        }
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        let mut out = vec![];
        while let Some(transmit) = self.server.poll_transmit(self.now, &mut buf) {
            let bytes = buf[..transmit.len].to_vec();
            let from = self.other_address.filter(|other| other.is_ipv6() == transmit.to.is_ipv6());
            out.push(Datagram { from: from.unwrap_or(self.server_address), to: transmit.to, bytes });
        }
        for peer in &mut self.peers {
            while let Some(event) = peer.client.poll_event() {
                peer.told.push(match event {
                    ClientEvent::Connected { index, clients_max } => ClientTold::Connected(index, clients_max),
                    ClientEvent::Accepted { version } => ClientTold::Accepted(version),
                    ClientEvent::Silent => ClientTold::Silent,
                    ClientEvent::Resumed => ClientTold::Resumed,
                    ClientEvent::Message { channel, bytes, .. } => ClientTold::Message(channel, bytes.to_vec()),
                    ClientEvent::Bulk { channel } => ClientTold::Bulk(channel),
                    ClientEvent::Disconnected { reason } => ClientTold::Disconnected(reason),
                });
            }
            while let Some(transmit) = peer.client.poll_transmit(self.now, &mut buf) {
                out.push(Datagram { from: peer.address, to: transmit.to, bytes: buf[..transmit.len].to_vec() });
            }
        }
        for datagram in out {
            self.post(datagram);
        }
    }

    fn post(&mut self, datagram: Datagram) {
        self.sent.push(datagram.clone());
        if (self.passes)(&datagram) {
            self.serial += 1;
            self.wires.insert((self.now.mono_ns + self.latency_ns, self.serial), datagram);
        }
    }
}
