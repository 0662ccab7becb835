//! A server that would like to send so much, a client that plays, and two links between them.

use super::figures::Figures;
use netem::Link;
use rudp::channel::{ChannelTable, INPUT};
use rudp::packet::PAYLOAD_BYTES_MAX;
use rudp::rate::{IPV4_UDP_BYTES, RateControl, wire_bytes};
use rudp::{
    ChannelId, Connection, ConnectionConfig, Hello, HelloRefusal, HelloRules, INNER_VERSION, PartId, PartOutcome,
    Reason, Role, Sink,
};

const NS_PER_S: u64 = 1_000_000_000;
const TICKS_PER_S: u64 = 60;
/// The client's ticks lie between the server's.
const CLIENT_PHASE_NS: u64 = NS_PER_S / TICKS_PER_S / 2;
const INPUT_BYTES: usize = 24;
/// A part smaller than this is not worth a packet.
const PART_BYTES_MIN: i64 = 16;
/// What a part costs on the wire beside itself, about.
const PART_OVERHEAD_BYTES: i64 = 60;

/// What is measured.
pub struct Scenario {
    pub control: RateControl,
    pub demand_bytes_per_s: u32,
    pub run_ns: u64,
    pub down: Link,
    pub up: Link,
}

/// Both ends under way.
pub struct Ends {
    scenario: Scenario,
    server: End,
    client: End,
    now_ns: u64,
    server_ticks: u64,
    client_ticks: u64,
    /// Wire bytes that the server would like to send now, times 60.
    wanted_60ths: u64,
    parts: u32,
    /// When each datagram down was sent, by sequence.
    sent_ns: Vec<u64>,
}

struct End {
    connection: Connection,
    next_sequence: u64,
}

impl Ends {
    pub fn new(scenario: Scenario) -> Self {
        let hello = Hello {
            version_min: INNER_VERSION,
            version_max: INNER_VERSION,
            channel_hash: ChannelTable::GAME.hash(),
            motion_hash: 0,
            content_hash: 0,
        };
        let rules = HelloRules {
            versions: INNER_VERSION..=INNER_VERSION,
            channel_hash: hello.channel_hash,
            motion_hash: 0,
            content_hash: 0,
        };
        // The application is the limit, not the ceiling: a quarter above what it asks for.
        let config = ConnectionConfig {
            rate_bytes_per_s: scenario.demand_bytes_per_s / 4 * 5,
            rate_control: scenario.control,
            ..ConnectionConfig::default()
        };
        let end = |role| End { connection: Connection::new(0, role, &config), next_sequence: 0 };
        Self {
            server: end(Role::Server(rules)),
            client: end(Role::Client(hello)),
            scenario,
            now_ns: 0,
            server_ticks: 0,
            client_ticks: 0,
            wanted_60ths: 0,
            parts: 0,
            sent_ns: Vec::new(),
        }
    }

    /// Runs to the end. `ready_ns` answers when a datagram sent at a time could first have been delivered.
    pub fn run(&mut self, figures: &mut Figures, ready_ns: &dyn Fn(u64) -> u64) {
        while self.now_ns < self.scenario.run_ns {
            self.deliver(figures, ready_ns);
            for end in [&mut self.server, &mut self.client] {
                if end.connection.poll_timeout().is_some_and(|due_ns| due_ns <= self.now_ns) {
                    end.connection.handle_timeout(self.now_ns, &mut Deaf);
                }
            }
            if self.now_ns >= self.server_tick_ns() {
                self.tick_server(figures);
            }
            if self.now_ns >= self.client_tick_ns() {
                self.client_ticks += 1;
                let _ = self.client.connection.send(INPUT, &[0; INPUT_BYTES]);
            }
            self.transmit_down(figures);
            self.transmit_up();
            self.now_ns = self.next_ns();
        }
        let counters = self.scenario.down.counters();
        figures.dropped = counters.tail_dropped;
        figures.lost = counters.lost;
    }

    fn server_tick_ns(&self) -> u64 {
        self.server_ticks * NS_PER_S / TICKS_PER_S
    }

    fn client_tick_ns(&self) -> u64 {
        self.client_ticks * NS_PER_S / TICKS_PER_S + CLIENT_PHASE_NS
    }

    fn next_ns(&self) -> u64 {
        let timers = [self.server.connection.poll_timeout(), self.client.connection.poll_timeout()];
        let links = [self.scenario.down.next_ns(), self.scenario.up.next_ns()];
        let ticks = self.server_tick_ns().min(self.client_tick_ns());
        let next_ns = timers.into_iter().chain(links).flatten().fold(ticks, u64::min);
        next_ns.max(self.now_ns)
    }

    fn deliver(&mut self, figures: &mut Figures, ready_ns: &dyn Fn(u64) -> u64) {
        while let Some(datagram) = self.scenario.down.poll(self.now_ns) {
            let sequence = self.client.handle(self.now_ns, &datagram);
            let sent_ns = self.sent_ns[usize::try_from(sequence).expect("a run is short")];
            figures.on_delivered(self.now_ns, ready_ns(sent_ns), datagram.len());
            self.scenario.down.recycle(datagram);
        }
        while let Some(datagram) = self.scenario.up.poll(self.now_ns) {
            self.server.handle(self.now_ns, &datagram);
            self.scenario.up.recycle(datagram);
        }
    }

    /// One tick of an application that is elastic in content: what a tick had no room for is stale in the next, so no
    /// more than one tick's share is carried on.
    fn tick_server(&mut self, figures: &mut Figures) {
        let now_ns = self.now_ns;
        self.server_ticks += 1;
        self.server.connection.on_tick_edge(now_ns);
        let share_60ths = u64::from(self.scenario.demand_bytes_per_s);
        self.wanted_60ths = (self.wanted_60ths + share_60ths).min(2 * share_60ths);
        if self.server.connection.version().is_none() {
            return;
        }
        loop {
            let wanted_bytes = i64::try_from(self.wanted_60ths / TICKS_PER_S).unwrap_or(i64::MAX);
            let budget_bytes = i64::from(self.server.connection.snapshot_budget_bytes(now_ns));
            let part_bytes = budget_bytes.min(wanted_bytes - PART_OVERHEAD_BYTES);
            if part_bytes < PART_BYTES_MIN {
                return;
            }
            let part = [0; 1_000];
            let part = &part[..usize::try_from(part_bytes).expect("positive")];
            self.server.connection.send_snapshot(PartId(self.parts), part).expect("one part at a time");
            self.parts += 1;
            let sent_bytes = self.transmit_down(figures);
            self.wanted_60ths = self.wanted_60ths.saturating_sub(sent_bytes * TICKS_PER_S);
        }
    }

    fn transmit_down(&mut self, figures: &mut Figures) -> u64 {
        let mut sent_bytes = 0;
        while let Some(datagram) = self.server.poll(self.now_ns) {
            self.sent_ns.push(self.now_ns);
            figures.on_sent(self.now_ns, datagram.len());
            sent_bytes += datagram.len() as u64;
            self.scenario.down.send(self.now_ns, &datagram);
        }
        sent_bytes
    }

    fn transmit_up(&mut self) {
        while let Some(datagram) = self.client.poll(self.now_ns) {
            self.scenario.up.send(self.now_ns, &datagram);
        }
    }
}

impl End {
    /// The next packet as it would be on the wire: number and length where the headers would be, and all their bytes.
    fn poll(&mut self, now_ns: u64) -> Option<Vec<u8>> {
        let sequence = self.next_sequence;
        let mut body = [0; PAYLOAD_BYTES_MAX];
        let body_bytes = self.connection.poll_payload(now_ns, sequence, &mut body)?;
        self.next_sequence += 1;
        let mut datagram = Vec::with_capacity(wire_bytes(IPV4_UDP_BYTES, sequence, body_bytes));
        datagram.extend_from_slice(&sequence.to_le_bytes());
        datagram.extend_from_slice(&(body_bytes as u16).to_le_bytes());
        datagram.extend_from_slice(&body[..body_bytes]);
        datagram.resize(wire_bytes(IPV4_UDP_BYTES, sequence, body_bytes), 0);
        Some(datagram)
    }

    fn handle(&mut self, now_ns: u64, datagram: &[u8]) -> u64 {
        let (sequence, rest) = datagram.split_first_chunk().expect("we wrote it");
        let (body_bytes, rest) = rest.split_first_chunk().expect("we wrote it");
        let sequence = u64::from_le_bytes(*sequence);
        let body = &rest[..usize::from(u16::from_le_bytes(*body_bytes))];
        self.connection.handle_payload(now_ns, sequence, body, &mut Deaf).expect("our own packets are well formed");
        sequence
    }
}

/// Nobody listens: only the wire is measured.
struct Deaf;

impl Sink for Deaf {
    fn on_hello(&mut self, _hello: &Hello, _version: u16) {}
    fn on_hello_refused(&mut self, _hello: &Hello, _refusal: HelloRefusal) {}
    fn on_hello_accepted(&mut self, _version: u16) {}
    fn on_message(&mut self, _sequence: u64, _channel: ChannelId, _bytes: &[u8]) {}
    fn on_part(&mut self, _part: PartId, _outcome: PartOutcome) {}
    fn on_close(&mut self, _reason: Reason, _text: &str) {}
}
