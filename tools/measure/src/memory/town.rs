//! One server, many clients, a bad link between each pair; virtual time.

use super::watch::watched;
use anyhow::{Result, ensure};
use measure::echo::sessions::{SessionKeys, new_client};
use netem::{Link, LinkConfig};
use rudp::channel::{EVENT, INPUT};
use rudp::seal::Backend;
use rudp::{Client, ConnectionId, Event, Now, PartId, Server, ServerConfig};
use std::net::SocketAddr;

const NS_PER_S: u64 = 1_000_000_000;
/// Time goes on in steps of a quarter of a tick.
const STEP_NS: u64 = NS_PER_S / 240;
const STEPS_PER_TICK: u64 = 4;
/// A tick in this many brings an event.
const TICKS_PER_EVENT: u64 = 15;
const INPUT_BYTES: usize = 24;
const PART_BYTES: usize = 400;
const EVENT_BYTES: usize = 40;
const LATENCY_NS: u64 = 50_000_000;
const LOSS: f64 = 0.02;
/// Steps until everybody must be in.
const JOIN_STEPS_MAX: u64 = 240 * 10;

/// Everything.
pub struct Town {
    server: Server,
    address: SocketAddr,
    now: Now,
    step: u64,
    people: Vec<Person>,
    spoken: Vec<ConnectionId>,
    parts: u32,
}

struct Person {
    client: Client,
    address: SocketAddr,
    up: Link,
    down: Link,
}

impl Town {
    /// Everybody at the door.
    pub fn new(people: u32, seal: Backend) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], 7_777));
        let now = Now { mono_ns: NS_PER_S, unix_s: 1_000_000 };
        let mut keys = SessionKeys::new(seal);
        let config = ServerConfig { connections_max: people, ..keys.server_config(address) };
        // Tokens of the seconds before a start are refused, and nobody here has time to wait for that.
        let began = Now { unix_s: now.unix_s - 120, ..now };
        let server = watched(|| Server::new(config, began))?;
        let link = LinkConfig { loss: LOSS, ..LinkConfig::with_latency_ns(LATENCY_NS) };
        let mut town = Self {
            server,
            address,
            now,
            step: 0,
            people: Vec::new(),
            spoken: Vec::with_capacity(people as usize),
            parts: 0,
        };
        for index in 0..people {
            let [_, high, middle, low] = index.to_be_bytes();
            town.people.push(Person {
                client: new_client(index as usize, address, &mut keys, now)?,
                address: SocketAddr::from(([10, high, middle, low], 4_000)),
                up: Link::new(link, u64::from(index) * 2),
                down: Link::new(link, u64::from(index) * 2 + 1),
            });
        }
        Ok(town)
    }

    /// Goes on until everybody is in.
    pub fn join(&mut self) -> Result<()> {
        for _ in 0..JOIN_STEPS_MAX {
            self.advance(false);
            if self.spoken.len() == self.people.len() {
                return Ok(());
            }
        }
        ensure!(self.spoken.len() == self.people.len(), "only {} got in", self.spoken.len());
        Ok(())
    }

    /// Nobody says anything.
    pub fn rest(&mut self, seconds: u32) {
        for _ in 0..u64::from(seconds) * NS_PER_S / STEP_NS {
            self.advance(false);
        }
    }

    /// Everybody plays.
    pub fn play(&mut self, seconds: u32) {
        for _ in 0..u64::from(seconds) * NS_PER_S / STEP_NS {
            self.advance(true);
        }
    }

    /// Datagrams that reached the server.
    pub fn packets_in(&self) -> u64 {
        self.server.counters().datagrams_in
    }

    fn advance(&mut self, is_playing: bool) {
        self.now.mono_ns += STEP_NS;
        self.now.unix_s = 1_000_000 + self.now.mono_ns / NS_PER_S;
        self.step += 1;
        let (now, is_tick) = (self.now, self.step.is_multiple_of(STEPS_PER_TICK));
        let is_event = is_tick && self.step.is_multiple_of(STEPS_PER_TICK * TICKS_PER_EVENT);
        for person in &mut self.people {
            while let Some(mut datagram) = person.up.poll(now.mono_ns) {
                watched(|| self.server.handle_datagram(now, person.address, &mut datagram));
                person.up.recycle(datagram);
            }
            person.act(now, self.address, is_playing && is_tick, is_playing && is_event);
        }
        watched(|| self.serve(is_playing && is_tick, is_playing && is_event));
        let mut buffer = [0; 1_500];
        while let Some(transmit) = watched(|| self.server.poll_transmit(now, &mut buffer)) {
            let SocketAddr::V4(to) = transmit.to else { continue };
            let [_, high, middle, low] = to.ip().octets();
            let index = u32::from_be_bytes([0, high, middle, low]) as usize;
            self.people[index].down.send(now.mono_ns, &buffer[..transmit.len]);
        }
    }

    fn serve(&mut self, is_tick: bool, is_event: bool) {
        let now = self.now;
        if self.server.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
            self.server.handle_timeout(now);
        }
        while let Some(event) = self.server.poll_event() {
            if let Event::Spoken { id } = event {
                self.spoken.push(id);
            }
        }
        for id in self.spoken.iter().filter(|_| is_tick) {
            self.server.on_tick_edge(now, *id);
            self.parts += 1;
            // Refused means that four wait already: as in a real server it is then left out.
            let _ = self.server.send_snapshot(*id, PartId(self.parts), &[7; PART_BYTES]);
            if is_event {
                let _ = self.server.send(*id, EVENT, &[8; EVENT_BYTES]);
            }
        }
    }
}

impl Person {
    fn act(&mut self, now: Now, server: SocketAddr, is_tick: bool, is_event: bool) {
        while let Some(mut datagram) = self.down.poll(now.mono_ns) {
            self.client.handle_datagram(now, server, &mut datagram);
            self.down.recycle(datagram);
        }
        while self.client.poll_event().is_some() {}
        if self.client.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
            self.client.handle_timeout(now);
        }
        if is_tick {
            let _ = self.client.send(INPUT, &[1; INPUT_BYTES]);
        }
        if is_event {
            let _ = self.client.send(EVENT, &[2; EVENT_BYTES]);
        }
        let mut buffer = [0; 1_500];
        while let Some(transmit) = self.client.poll_transmit(now, &mut buffer) {
            self.up.send(now.mono_ns, &buffer[..transmit.len]);
        }
    }
}
