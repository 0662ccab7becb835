//! Clients of the transport: real tokens, real handshakes, an address each.

use super::crowd::{Arrival, Crowd};
use super::load::{Answers, Players};
use anyhow::Result;
use mio::Registry;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rudp::channel::{INPUT, SNAPSHOT};
use rudp::seal::Backend;
use rudp::token::{Name, Role};
use rudp::{
    ChannelTable, Client, ClientConfig, ClientEvent, Hello, HelloRules, INNER_VERSION, Key, Mint, Now, Prefetch,
    Reason, ServerConfig, UserData,
};
use std::net::SocketAddr;

/// Two thousand clients in one thread are more than its caches hold, as two thousand sessions are.
const NEAR: Prefetch = Prefetch::new(throng::edge::prefetch);
/// Clients act in turn: the one so many turns later is asked for.
const ACTS_AHEAD: usize = 4;

/// Seconds from minting to expiry.
const LIFETIME_S: u64 = 30;
/// Seconds of silence after which a session that has not spoken ends.
const TIMEOUT_S: i32 = 10;

/// What seals the clients' packets, whatever the server's are sealed by: the same bytes, and only the server is measured.
const CLIENT_SEAL: Backend = Backend::AwsLc;
/// Names this game; nobody else uses it.
const PROTOCOL_ID: u64 = 0x7468_726f_6e67_0e00;
/// The key of a run that never leaves this machine.
const KEY: [u8; 32] = [0x5A; 32];

/// What lets clients into a server of this process.
pub struct SessionKeys {
    /// The server's.
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
        ServerConfig { seal: self.seal, prefetch: NEAR, ..config }
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
    crowd: Crowd,
    clients: Vec<Client>,
    /// By client; asked before every tick, and cheaper here than inside the client.
    is_in: Vec<bool>,
}

impl Sessions {
    /// None yet.
    ///
    /// # Errors
    /// The system gives no socket.
    pub fn new(server: SocketAddr, seal: Backend) -> Result<Self> {
        Ok(Self {
            server,
            keys: SessionKeys::new(seal),
            crowd: Crowd::new(server)?,
            clients: Vec::new(),
            is_in: Vec::new(),
        })
    }

    fn transmit(&mut self, index: usize, now: Now) {
        let client = &mut self.clients[index];
        self.crowd.send(index, |buffer| client.poll_transmit(now, buffer).map(|transmit| transmit.len));
    }
}

impl Players for Sessions {
    fn join(&mut self, index: usize, now: Now, _registry: &Registry) -> Result<()> {
        let client = new_client(index, self.server, &mut self.keys, now)?;
        self.clients.push(client);
        self.is_in.push(false);
        self.transmit(index, now);
        Ok(())
    }

    fn is_in(&self, index: usize) -> bool {
        self.is_in.get(index).is_some_and(|is_in| *is_in)
    }

    fn receive(&mut self, now: Now, answers: &mut Answers) {
        let Self { server, crowd, clients, is_in, .. } = self;
        crowd.receive(|arrival| {
            let (index, datagram) = match arrival {
                Arrival::Expected(index) => {
                    return clients.get(index).into_iter().for_each(|client| client.expect(NEAR));
                }
                Arrival::Datagram(index, datagram) => (index, datagram),
            };
            let Some(client) = clients.get_mut(index) else { return };
            client.handle_datagram(now, *server, datagram);
            while let Some(event) = client.poll_event() {
                match event {
                    ClientEvent::Message { channel: SNAPSHOT, bytes, .. } => answers.on_answer(now, bytes),
                    ClientEvent::Accepted { .. } => is_in[index] = true,
                    ClientEvent::Disconnected { .. } => is_in[index] = false,
                    _ => {}
                }
            }
        });
    }

    /// One datagram at most: what a client has to say fits, and what does not goes a tick later.
    fn tick(&mut self, index: usize, now: Now, question: Option<&[u8]>, _answers: &mut Answers) {
        if let Some(later) = self.clients.get(index + ACTS_AHEAD) {
            later.expect(NEAR);
        }
        let client = &mut self.clients[index];
        if client.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
            client.handle_timeout(now);
        }
        if let Some(question) = question {
            // What is refused is not answered, which the figures show.
            let _ = client.send(INPUT, question);
        }
        self.transmit(index, now);
    }

    fn flush(&mut self) {
        self.crowd.flush();
    }

    fn leave(&mut self, index: usize, now: Now) {
        self.clients[index].disconnect(now, Reason::UserQuit);
        self.transmit(index, now);
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
    Ok(Client::new(ClientConfig { seal: CLIENT_SEAL, ..ClientConfig::new(token, hello) }, now))
}
