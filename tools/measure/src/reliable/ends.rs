//! A server and a client that both say one thing per tick, and two links between them.

use super::figures::Heard;
use netem::{Link, LinkConfig};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rudp::outer::DATAGRAM_BYTES_MAX;
use rudp::rate::IPV4_UDP_BYTES;
use rudp::token::{Name, Role};
use rudp::{
    ChannelId, ChannelKind, ChannelSpec, ChannelTable, Client, ClientConfig, ClientEvent, ConnectionConfig,
    ConnectionId, ConnectionStats, Event, Hello, HelloRules, INNER_VERSION, Key, Mint, Now, Server, ServerConfig,
    UserData,
};
use std::net::SocketAddr;

pub const NS_PER_MS: u64 = 1_000_000;
const NS_PER_S: u64 = 1_000_000_000;
const TICKS_PER_S: u64 = 60;
/// Rounded up: what a goal allows must be reachable.
pub const TICK_NS: u64 = NS_PER_S.div_ceil(TICKS_PER_S);
/// Where one way speaks, it is silent from this tick of every second on.
const PAUSE_FROM_TICK: u64 = 40;
/// The client's ticks lie between the server's.
const CLIENT_PHASE_NS: u64 = TICK_NS / 2;

pub const CHANNEL_ORDERED: ChannelId = ChannelId(0);
pub const CHANNEL_UNORDERED: ChannelId = ChannelId(1);
const TABLE: ChannelTable = ChannelTable::new(&[
    ChannelSpec { name: "ordered", kind: ChannelKind::ReliableOrdered, message_bytes_max: 1_024, lane: 1 },
    ChannelSpec { name: "unordered", kind: ChannelKind::ReliableUnordered, message_bytes_max: 1_024, lane: 1 },
]);

const PROTOCOL_ID: u64 = 0x5448_524F_4E47_4D52;
const KEY: [u8; 32] = [7; 32];
/// A server refuses tokens that may have been used before it started; a minute later that is over.
const OPENED: Now = Now { mono_ns: NS_PER_S, unix_s: 1_800_000_000 };
const BEGUN: Now = Now { mono_ns: 61 * NS_PER_S, unix_s: 1_800_000_060 };
/// Messages may take this long after the last was sent; then they count as lost.
const DRAIN_NS: u64 = 60 * NS_PER_S;
/// The handshake may take this long, at 90 % loss.
const JOIN_NS: u64 = 25 * NS_PER_S;

/// What is sent over what.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub channel: ChannelId,
    /// At least 4: a message begins with its number.
    pub message_bytes: usize,
    /// Messages each way.
    pub messages: u32,
    /// Both ways.
    pub link: LinkConfig,
    /// The link only has its latency after this many messages.
    pub calm_after_messages: Option<u32>,
    /// Only the server speaks, with a pause of a third of a second in every second; and the run goes on after the last
    /// message came, for what a sender does that hears no ack yet.
    pub one_way: bool,
    pub seed: u64,
}

/// Both ends and what they heard.
pub struct Ends {
    plan: Plan,
    now: Now,
    server: Server,
    client: Client,
    /// The server's name for the client, once it may be spoken to.
    id: Option<ConnectionId>,
    is_accepted: bool,
    down: Way,
    up: Way,
    buf: [u8; DATAGRAM_BYTES_MAX],
}

/// One direction: its link, its ticks and what arrives at its end.
struct Way {
    link: Link,
    next_tick_ns: u64,
    sent: u32,
    heard: Heard,
}

impl Way {
    fn new(config: LinkConfig, seed: u64, first_tick_ns: u64, messages: u32) -> Self {
        let heard = Heard::new(messages);
        Self { link: Link::new(config, seed), next_tick_ns: first_tick_ns, sent: 0, heard }
    }

    fn transmit(&mut self, now_ns: u64, datagram: &[u8]) {
        if self.sent > 0 && self.sent < self.heard.messages() {
            self.heard.wire_bytes += (datagram.len() + IPV4_UDP_BYTES) as u64;
        }
        self.link.send(now_ns, datagram);
    }
}

impl Ends {
    pub fn new(plan: Plan) -> Self {
        let (server_address, _) = addresses();
        let hello = Hello {
            version_min: INNER_VERSION,
            version_max: INNER_VERSION,
            channel_hash: TABLE.hash(),
            motion_hash: 0,
            content_hash: 0,
        };
        let rules = HelloRules {
            versions: INNER_VERSION..=INNER_VERSION,
            channel_hash: hello.channel_hash,
            motion_hash: 0,
            content_hash: 0,
        };
        let mut config = ServerConfig::new(PROTOCOL_ID, Key::new(KEY), server_address, rules, [5; 32]);
        config.connections_max = 1;
        config.connection = connection();
        let server = Server::new(config, OPENED).expect("a sound configuration");
        let mut client = ClientConfig::new(token(server_address, plan.seed), hello);
        client.connection = connection();
        let up_messages = if plan.one_way { 0 } else { plan.messages };
        Self {
            now: BEGUN,
            server,
            client: Client::new(client, BEGUN),
            id: None,
            is_accepted: false,
            // The hello comes over a link that only has its latency: joining is not the question.
            down: Way::new(calm(plan.link), plan.seed ^ 0xD0, BEGUN.mono_ns, plan.messages),
            up: Way::new(calm(plan.link), plan.seed ^ 0x10, BEGUN.mono_ns + CLIENT_PHASE_NS, up_messages),
            plan,
            buf: [0; DATAGRAM_BYTES_MAX],
        }
    }

    /// Runs to the end: what was heard down at the client, and up at the server.
    pub fn run(mut self) -> (Heard, Heard) {
        let mut end_ns = None;
        while end_ns.is_none_or(|end_ns| self.now.mono_ns < end_ns) && (self.plan.one_way || !self.is_complete()) {
            let next_ns = self.next_ns();
            self.now = self.now.plus_ns(next_ns.saturating_sub(self.now.mono_ns));
            self.step();
            let joined = self.id.is_some() && self.is_accepted;
            assert!(joined || self.now.mono_ns < BEGUN.mono_ns + JOIN_NS, "two honest ends on a clean link must meet");
            if self.down.sent == self.down.heard.messages() && self.up.sent == self.up.heard.messages() {
                end_ns.get_or_insert(self.now.mono_ns + DRAIN_NS);
            }
        }
        let id = self.id.expect("it has joined");
        let server = *self.server.stats(id).expect("the session lives");
        self.down.heard.on_stats(&server);
        self.up.heard.on_stats(self.client.stats());
        (self.down.heard, self.up.heard)
    }

    fn is_complete(&self) -> bool {
        self.down.heard.is_complete() && self.up.heard.is_complete()
    }

    fn next_ns(&self) -> u64 {
        let timers = [self.server.poll_timeout(), self.client.poll_timeout()];
        let links = [self.down.link.next_ns(), self.up.link.next_ns()];
        let ticks = self.down.next_tick_ns.min(self.up.next_tick_ns);
        timers.into_iter().chain(links).flatten().fold(ticks, u64::min).max(self.now.mono_ns)
    }

    /// Datagrams, ticks, timers, events, transmits, in the order that the machines ask for.
    fn step(&mut self) {
        let (now, (server, client)) = (self.now, addresses());
        while let Some(mut datagram) = self.up.link.poll(now.mono_ns) {
            self.server.handle_datagram(now, client, &mut datagram);
            self.up.link.recycle(datagram);
        }
        while let Some(mut datagram) = self.down.link.poll(now.mono_ns) {
            self.client.handle_datagram(now, server, &mut datagram);
            self.down.link.recycle(datagram);
        }
        self.hear();
        self.tick();
        if self.server.poll_timeout().is_some_and(|at| at <= now.mono_ns) {
            self.server.handle_timeout(now);
        }
        if self.client.poll_timeout().is_some_and(|at| at <= now.mono_ns) {
            self.client.handle_timeout(now);
        }
        self.hear();
        while let Some(transmit) = self.server.poll_transmit(now, &mut self.buf) {
            self.down.transmit(now.mono_ns, &self.buf[..transmit.len]);
        }
        while let Some(transmit) = self.client.poll_transmit(now, &mut self.buf) {
            self.up.transmit(now.mono_ns, &self.buf[..transmit.len]);
        }
    }

    fn tick(&mut self) {
        let (now, plan) = (self.now, self.plan);
        let mut message = vec![0; plan.message_bytes];
        if now.mono_ns >= self.down.next_tick_ns {
            self.down.next_tick_ns += TICK_NS;
            if let Some(id) = self.id.filter(|_| self.is_accepted) {
                self.server.on_tick_edge(now, id);
                if self.down.sent == 0 {
                    self.set_links(plan.link);
                }
                let tick = (now.mono_ns - BEGUN.mono_ns) / TICK_NS;
                let is_pause = plan.one_way && tick % TICKS_PER_S >= PAUSE_FROM_TICK;
                if is_pause {
                    // Now the newest packet waits for its ack alone.
                } else if self.down.sent < self.down.heard.messages() {
                    message[..4].copy_from_slice(&self.down.sent.to_le_bytes());
                    self.server.send(id, plan.channel, &message).expect("a message per tick never fills a queue");
                    self.down.heard.on_sent(now.mono_ns);
                    self.down.sent += 1;
                } else if plan.calm_after_messages.is_some_and(|messages| self.down.sent >= messages) {
                    self.set_links(calm(plan.link));
                }
            }
        }
        if now.mono_ns >= self.up.next_tick_ns {
            self.up.next_tick_ns += TICK_NS;
            if self.down.sent > 0 && self.up.sent < self.up.heard.messages() {
                message[..4].copy_from_slice(&self.up.sent.to_le_bytes());
                self.client.send(plan.channel, &message).expect("a message per tick never fills a queue");
                self.up.heard.on_sent(now.mono_ns);
                self.up.sent += 1;
            }
        }
    }

    fn set_links(&mut self, config: LinkConfig) {
        self.down.link.set_config(config);
        self.up.link.set_config(config);
    }

    fn hear(&mut self) {
        let now_ns = self.now.mono_ns;
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Spoken { id } => self.id = Some(id),
                Event::Message { bytes, .. } => self.up.heard.on_delivered(now_ns, bytes),
                Event::Disconnected { reason, .. } => panic!("the session ended: {reason}"),
                _ => {}
            }
        }
        while let Some(event) = self.client.poll_event() {
            match event {
                ClientEvent::Accepted { .. } => self.is_accepted = true,
                ClientEvent::Message { bytes, .. } => self.down.heard.on_delivered(now_ns, bytes),
                ClientEvent::Disconnected { reason } => panic!("the session ended: {reason}"),
                _ => {}
            }
        }
    }
}

impl Heard {
    fn on_stats(&mut self, sender: &ConnectionStats) {
        self.resent = sender.reliable_resent;
        self.redundant = sender.reliable_redundant;
    }
}

fn calm(link: LinkConfig) -> LinkConfig {
    LinkConfig::with_latency_ns(link.latency_ns)
}

fn connection() -> ConnectionConfig {
    ConnectionConfig { table: TABLE, ..ConnectionConfig::default() }
}

/// The server's and the client's; nothing is bound to either.
fn addresses() -> (SocketAddr, SocketAddr) {
    (SocketAddr::from(([192, 0, 2, 10], 7_777)), SocketAddr::from(([192, 0, 2, 20], 5_000)))
}

fn token(server: SocketAddr, seed: u64) -> rudp::ConnectToken {
    let mint = Mint { key: Key::new(KEY), protocol_id: PROTOCOL_ID, lifetime_s: 30 };
    let issued_at_ms = BEGUN.unix_s * 1_000;
    let name = Name::new("measure").expect("it is short");
    let user = UserData { account_id: 1, character_id: 0, name, role: Role::Player, issued_at_ms, serial: 1, epoch: 0 };
    let mut rng = StdRng::seed_from_u64(seed);
    mint.mint(issued_at_ms, 1, &[server], 10, &user, &mut rng).expect("one address fits")
}
