//! Steady play allocates nothing: a server and a client, sealed packets, both directions, with loss.

use crate::channel::{EVENT, INPUT, PartId};
use crate::client::{Client, ClientConfig, ClientEvent};
use crate::outer::DATAGRAM_BYTES_MAX;
use crate::rig::{PROTOCOL, START, hello, mint, rules, user};
use crate::server::{ConnectionId, Event, Server, ServerConfig};
use crate::time::{NS_PER_S, Now};
use counting::Tally;
use rand::{Rng, SeedableRng};
use std::net::SocketAddr;

/// Datagrams that may be on one wire at once.
const SLOTS: usize = 256;

/// A wire that keeps its buffers: 30 ms, and one datagram in twenty gone.
struct Wire {
    slots: Vec<(u64, usize, [u8; DATAGRAM_BYTES_MAX])>,
    first: usize,
    used: usize,
    dice: rand::rngs::StdRng,
}

impl Wire {
    fn new(seed: u64) -> Self {
        let dice = rand::rngs::StdRng::seed_from_u64(seed);
        Self { slots: vec![(0, 0, [0; DATAGRAM_BYTES_MAX]); SLOTS], first: 0, used: 0, dice }
    }

    fn put(&mut self, now: Now, bytes: &[u8]) {
        if self.dice.next_u32().is_multiple_of(20) {
            return;
        }
        assert!(self.used < SLOTS);
        let (due_ns, len, slot) = &mut self.slots[(self.first + self.used) % SLOTS];
        (*due_ns, *len) = (now.mono_ns + 30_000_000, bytes.len());
        slot[..bytes.len()].copy_from_slice(bytes);
        self.used += 1;
    }

    fn take(&mut self, now: Now) -> Option<&mut [u8]> {
        let (due_ns, len, slot) = &mut self.slots[self.first];
        if self.used == 0 || *due_ns > now.mono_ns {
            return None;
        }
        (self.first, self.used) = ((self.first + 1) % SLOTS, self.used - 1);
        Some(&mut slot[..*len])
    }
}

/// Both machines and what they were told, in numbers.
struct Play {
    now: Now,
    server: Server,
    client: Client,
    addresses: [SocketAddr; 2],
    up: Wire,
    down: Wire,
    id: Option<ConnectionId>,
    tick: u32,
    packets: u64,
    messages: [u64; 2],
    parts: u64,
}

impl Play {
    fn new() -> Self {
        let addresses = [SocketAddr::from(([192, 0, 2, 10], 7_777)), SocketAddr::from(([192, 0, 2, 1], 5_000))];
        let mut config = ServerConfig::new(PROTOCOL, mint().key, addresses[0], rules(), [5; 32]);
        config.connections_max = 8;
        let server = Server::new(config, START).unwrap();
        let now = START.plus_ns(60 * NS_PER_S);
        let mut rng = rand::rngs::StdRng::from_seed([9; 32]);
        let unix_ms = now.unix_s * 1_000;
        let token = mint().mint(unix_ms, 1, &addresses[..1], 15, &user(1, unix_ms), &mut rng).unwrap();
        let client = Client::new(ClientConfig::new(token, hello()), now);
        let (up, down) = (Wire::new(1), Wire::new(2));
        Self { now, server, client, addresses, up, down, id: None, tick: 0, packets: 0, messages: [0; 2], parts: 0 }
    }

    fn run_ticks(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.tick += 1;
            if let Some(id) = self.id {
                self.server.on_tick_edge(self.now, id);
                let budget = self.server.snapshot_budget_bytes(self.now, id);
                if budget > 0 && self.server.is_spoken(id) {
                    let bytes = [7; 300];
                    let len = usize::try_from(budget).unwrap().min(bytes.len());
                    let _ = self.server.send_snapshot(id, PartId(self.tick), &bytes[..len]);
                }
                let _ = self.server.send(id, EVENT, &self.tick.to_le_bytes());
                let _ = self.client.send(INPUT, &[1; 24]);
                let _ = self.client.send(EVENT, &self.tick.to_le_bytes());
            }
            // Four wake-ups a tick.
            for _ in 0..4 {
                self.wake();
                self.now = self.now.plus_ns(NS_PER_S / 240);
            }
        }
    }

    fn wake(&mut self) {
        let now = self.now;
        while let Some(datagram) = self.up.take(now) {
            self.packets += 1;
            self.server.handle_datagram(now, self.addresses[1], datagram);
        }
        while let Some(datagram) = self.down.take(now) {
            self.packets += 1;
            self.client.handle_datagram(now, self.addresses[0], datagram);
        }
        if self.server.poll_timeout().is_some_and(|due| due <= now.mono_ns) {
            self.server.handle_timeout(now);
        }
        if self.client.poll_timeout().is_some_and(|due| due <= now.mono_ns) {
            self.client.handle_timeout(now);
        }
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Connected { id, .. } => self.id = Some(id),
                Event::Message { .. } => self.messages[0] += 1,
                Event::Part { .. } => self.parts += 1,
                Event::Disconnected { reason, .. } => panic!("{reason}"),
                _ => {}
            }
        }
        while let Some(event) = self.client.poll_event() {
            match event {
                ClientEvent::Message { .. } => self.messages[1] += 1,
                ClientEvent::Disconnected { reason } => panic!("{reason}"),
                _ => {}
            }
        }
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        while let Some(transmit) = self.server.poll_transmit(now, &mut buf) {
            self.down.put(now, &buf[..transmit.len]);
        }
        while let Some(transmit) = self.client.poll_transmit(now, &mut buf) {
            self.up.put(now, &buf[..transmit.len]);
        }
    }
}

#[test]
fn steady_play_allocates_nothing_per_packet() {
    let mut play = Play::new();
    play.run_ticks(60 * 60);
    let (before, packets, messages, parts) = (Tally::now().allocations, play.packets, play.messages, play.parts);
    play.run_ticks(5 * 60 * 60);
    let (made, packets) = (Tally::now().allocations - before, play.packets - packets);
    println!("{made} allocations in {packets} packets");
    assert!(packets > 30_000 && play.parts - parts > 10_000);
    assert!(play.messages[0] - messages[0] > 30_000 && play.messages[1] - messages[1] > 30_000);
    assert_eq!(made, 0);
}
