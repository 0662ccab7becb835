//! A gate, a realm, and one client on a perfect link who looks on.

use super::figures::Second;
use super::followers::{Followers, Runner, Step, Ways};
use crate::virtual_server::VirtualServer;
use anyhow::{Result, ensure};
use client::{Client, ClientConfig, ClientEvent};
use netem::{Link, LinkConfig};
use protocol::Tick;
use protocol::message::ClientMessage;
use protocol::motion::StaticMap;
use protocol::unit::UNITS_PER_M;
use rand::{SeedableRng, rngs::StdRng};
use rudp::ConnectionConfig;
use rudp::time::NS_PER_S;
use std::sync::Arc;

const MAP_M: u16 = 400;
const MIDDLE: (i32, i32) = (MAP_M as i32 / 2 * UNITS_PER_M, MAP_M as i32 / 2 * UNITS_PER_M);
/// Everybody must be in by then, ns; and everything counts this long afterwards.
const JOIN_NS_MAX: u64 = 10 * NS_PER_S;
const WARM_UP_NS: u64 = 5 * NS_PER_S;
/// IPv4 and UDP.
const HEADER_BYTES: u64 = 28;

pub struct World<'a> {
    server: VirtualServer,
    map: Arc<StaticMap>,
    ways: &'a Ways,
    followers: Followers,
    client: Client,
    runner: Runner,
    up: Link,
    down: Link,
    second: Second,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub entities: usize,
    pub rate_bytes_per_s: u32,
    pub delay_ns: u64,
    pub seed: u64,
}

impl<'a> World<'a> {
    /// Everybody at the door.
    ///
    /// # Errors
    /// Never, as long as the constants here agree.
    pub fn new(ways: &'a Ways, terms: &Terms) -> Result<Self> {
        let mut rng = StdRng::seed_from_u64(terms.seed);
        let map = Arc::new(StaticMap::new(MAP_M.into(), MAP_M.into(), &[])?);
        let connection = ConnectionConfig { rate_bytes_per_s: terms.rate_bytes_per_s, ..ConnectionConfig::default() };
        let followers = Followers::new(terms.entities);
        let mut server = VirtualServer::new(&map, connection, terms.seed)?;
        server.receive(&followers.stand_ins);
        let token = server.token(1, "viewer", &mut rng)?;
        let client = Client::new(ClientConfig { token, seal: rudp::Backend::Auto, content_hash: 0 }, server.now);
        let link = |seed| Link::new(LinkConfig::with_latency_ns(terms.delay_ns), seed);
        Ok(Self {
            server,
            map,
            ways,
            followers,
            client,
            runner: Runner::new(0),
            up: link(terms.seed),
            down: link(terms.seed + 1),
            second: Second::default(),
        })
    }

    /// What the client was told in each of so many seconds.
    ///
    /// # Errors
    /// Somebody did not get in, or the client lost its session.
    pub fn run(mut self, seconds: u32) -> Result<Vec<Second>> {
        while !(self.followers.stand_ins.are_in() && self.client.own().is_some()) {
            ensure!(self.server.now.mono_ns < self.server.started_ns + JOIN_NS_MAX, "not everybody got in");
            self.step()?;
        }
        let begin_ns = self.server.now.mono_ns + WARM_UP_NS;
        self.run_until(begin_ns)?;
        self.second = Second::default();
        (1..=u64::from(seconds))
            .map(|second| {
                self.run_until(begin_ns + second * NS_PER_S)?;
                Ok(std::mem::take(&mut self.second))
            })
            .collect()
    }

    fn run_until(&mut self, end_ns: u64) -> Result<()> {
        while self.server.now.mono_ns < end_ns {
            self.step()?;
        }
        Ok(())
    }

    /// Everything that is due now; then time goes on to what is due next.
    fn step(&mut self) -> Result<()> {
        let now = self.server.now;
        while let Some(mut datagram) = self.up.poll(now.mono_ns) {
            self.server.gate.handle_datagram(now, ([10, 1, 0, 1], 4_000).into(), &mut datagram);
        }
        if now.mono_ns >= self.server.next_tick_ns() {
            self.tick()?;
        }
        self.server.handle_timeout();
        let mut buf = [0; 1_500];
        while let Some(transmit) = self.server.gate.poll_transmit(now, &mut buf) {
            self.second.bytes += transmit.len as u64 + HEADER_BYTES;
            self.second.datagrams += 1;
            self.down.send(now.mono_ns, &buf[..transmit.len]);
        }
        self.look_on()?;
        while let Some(transmit) = self.client.poll_transmit(now, &mut buf) {
            self.up.send(now.mono_ns, &buf[..transmit.len]);
        }
        let timers = [self.client.poll_timeout(), self.up.next_ns(), self.down.next_ns()];
        self.server.advance(timers.into_iter().flatten().min().unwrap_or(u64::MAX));
        Ok(())
    }

    /// The client's part.
    fn look_on(&mut self) -> Result<()> {
        let now = self.server.now;
        while let Some(mut datagram) = self.down.poll(now.mono_ns) {
            self.client.handle_datagram(now, self.server.address, &mut datagram);
        }
        if self.client.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
            self.client.handle_timeout(now);
        }
        while let Some(event) = self.client.poll_event() {
            match event {
                ClientEvent::Update { tick, id, .. } => {
                    if let Some(class) = self.followers.class(id, tick) {
                        self.second.classes[class].told += 1;
                    }
                }
                ClientEvent::Disconnected(_) | ClientEvent::Silent => {
                    anyhow::bail!("the client lost its session: {event:?}")
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<()> {
        let tick = self.server.ticks as usize + 1;
        let inbound = self.server.begin_tick();
        if self.followers.stand_ins.are_in() {
            self.followers.speak(self.ways, tick, MIDDLE, &self.map, inbound);
        }
        if self.client.welcome().is_some() {
            // His clock is the server's, for simplicity: what he sends takes its way all the same.
            let Step { place, input, .. } = self.runner.step(self.ways, tick, MIDDLE, &self.map);
            if let Some((x_units, y_units)) = place {
                self.client.send(&ClientMessage::Place { x_units, y_units })?;
            }
            self.client.push_input(self.server.now, input);
        }
        let coming = Tick(self.server.realm.status().tick).next();
        for (class, new) in self.second.classes.iter_mut().zip(self.followers.classify(coming, &self.runner.body)) {
            class.new += new;
        }
        self.server.end_tick(&mut self.followers.stand_ins)
    }
}
