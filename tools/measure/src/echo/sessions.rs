//! Clients of the transport: real tokens, real handshakes, one socket each.

use super::kernel::connected;
use super::load::{Answers, Players};
use super::process::socket_context;
use anyhow::Result;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rudp::channel::{INPUT, SNAPSHOT};
use rudp::seal::Backend;
use rudp::token::{Name, Role};
use rudp::{
    ChannelTable, Client, ClientConfig, ClientEvent, ClientState, Hello, HelloRules, INNER_VERSION, Key, Mint, Now,
    Reason, ServerConfig, UserData,
};
use std::net::SocketAddr;

/// Bytes that fit a datagram buffer.
const BUFFER_BYTES: usize = 1_500;
/// Seconds from minting to expiry.
const LIFETIME_S: u64 = 30;
/// Seconds of silence after which a session that has not spoken ends.
const TIMEOUT_S: i32 = 10;

/// Names this game; nobody else uses it.
const PROTOCOL_ID: u64 = 0x7468_726f_6e67_0e00;
/// The key of a run that never leaves this machine.
const KEY: [u8; 32] = [0x5A; 32];

/// What lets clients into a server of this process.
pub struct SessionKeys {
    seal: Backend,
    mint: Mint,
    rng: StdRng,
}

impl SessionKeys {
    /// For sessions under this seal.
    #[must_use]
    pub fn new(seal: Backend) -> Self {
        let mint = Mint { key: Key::new(KEY), protocol_id: PROTOCOL_ID, lifetime_s: LIFETIME_S };
        Self { seal, mint, rng: StdRng::from_seed([3; 32]) }
    }

    /// A server at `address` that takes them.
    #[must_use]
    pub fn server_config(&self, address: SocketAddr) -> ServerConfig {
        let config = ServerConfig::new(PROTOCOL_ID, Key::new(KEY), address, hello_rules(), [7; 32]);
        ServerConfig { seal: self.seal, ..config }
    }
}

fn hello_rules() -> HelloRules {
    HelloRules {
        versions: INNER_VERSION..=INNER_VERSION,
        channel_hash: ChannelTable::GAME.hash(),
        motion_hash: 0,
        content_hash: 0,
    }
}

/// Clients that ask on the input channel and are answered with snapshot parts.
pub struct Sessions {
    server: SocketAddr,
    keys: SessionKeys,
    seats: Vec<Seat>,
}

struct Seat {
    socket: UdpSocket,
    client: Client,
}

impl Sessions {
    /// None yet.
    #[must_use]
    pub fn new(server: SocketAddr, seal: Backend) -> Self {
        Self { server, keys: SessionKeys::new(seal), seats: Vec::new() }
    }
}

impl Players for Sessions {
    fn join(&mut self, index: usize, now: Now, registry: &Registry) -> Result<()> {
        let mut socket = socket_context(connected(self.server), index)?;
        registry.register(&mut socket, Token(index), Interest::READABLE)?;
        let client = new_client(index, self.server, &mut self.keys, now)?;
        self.seats.push(Seat { socket, client });
        self.seats[index].transmit(now);
        Ok(())
    }

    fn is_in(&self, index: usize) -> bool {
        self.seats.get(index).is_some_and(|seat| seat.client.state() == ClientState::Spoken)
    }

    fn handle_readable(&mut self, index: usize, now: Now, answers: &mut Answers) {
        let seat = &mut self.seats[index];
        let mut buffer = [0; BUFFER_BYTES];
        while let Ok(len) = seat.socket.recv(&mut buffer) {
            seat.client.handle_datagram(now, self.server, &mut buffer[..len]);
        }
        while let Some(event) = seat.client.poll_event() {
            if let ClientEvent::Message { channel: SNAPSHOT, bytes, .. } = event {
                answers.on_answer(now, bytes);
            }
        }
        // The handshake goes as fast as it is answered; all else waits for the client's own tick.
        if seat.client.state() != ClientState::Spoken {
            seat.transmit(now);
        }
    }

    fn tick(&mut self, index: usize, now: Now, question: Option<&[u8]>, _answers: &mut Answers) {
        let seat = &mut self.seats[index];
        if seat.client.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
            seat.client.handle_timeout(now);
        }
        if let Some(question) = question {
            // What is refused is not answered, which the figures show.
            let _ = seat.client.send(INPUT, question);
        }
        seat.transmit(now);
    }

    fn leave(&mut self, index: usize, now: Now) {
        self.seats[index].client.disconnect(now, Reason::UserQuit);
        self.seats[index].transmit(now);
    }
}

/// Client number `index` with a fresh token, about to join.
///
/// # Errors
/// Never: one address fits every token.
pub fn new_client(index: usize, server: SocketAddr, keys: &mut SessionKeys, now: Now) -> Result<Client> {
    let id = index as u64 + 1;
    let issued_at_ms = now.unix_s * 1_000;
    let user = UserData {
        account_id: id,
        character_id: id,
        name: Name::new("echo").expect("a short name"),
        role: Role::Player,
        issued_at_ms,
        serial: id,
        epoch: 0,
    };
    let token = keys.mint.mint(issued_at_ms, id, &[server], TIMEOUT_S, &user, &mut keys.rng)?;
    let rules = hello_rules();
    let hello = Hello {
        version_min: INNER_VERSION,
        version_max: INNER_VERSION,
        channel_hash: rules.channel_hash,
        motion_hash: rules.motion_hash,
        content_hash: rules.content_hash,
    };
    Ok(Client::new(ClientConfig { seal: keys.seal, ..ClientConfig::new(token, hello) }, now))
}

impl Seat {
    fn transmit(&mut self, now: Now) {
        let mut buffer = [0; BUFFER_BYTES];
        while let Some(transmit) = self.client.poll_transmit(now, &mut buffer) {
            // A full buffer loses the datagram, as any network may.
            let _ = self.socket.send(&buffer[..transmit.len]);
        }
    }
}
