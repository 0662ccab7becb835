//! A gate, a realm, and one client on a perfect link who looks on.

use super::figures::Second;
use super::followers::{Followers, Runner, Step, Ways, user};
use anyhow::{Result, ensure};
use client::{Client, ClientConfig, ClientEvent};
use netem::{Link, LinkConfig};
use protocol::Tick;
use protocol::message::ClientMessage;
use protocol::motion::{self, StaticMap};
use protocol::unit::{TICK_RATE_HZ, UNITS_PER_M};
use rand::{SeedableRng, rngs::StdRng};
use rudp::seal::Key;
use rudp::time::{NS_PER_S, Now};
use rudp::{ConnectionConfig, HelloRules, Mint};
use server::{Gate, GateConfig, Inbound, Outbound, Realm, RealmConfig, StoreDone, StoreJob};
use std::net::SocketAddr;
use std::sync::Arc;

const MAP_M: u16 = 400;
const MIDDLE: (i32, i32) = (MAP_M as i32 / 2 * UNITS_PER_M, MAP_M as i32 / 2 * UNITS_PER_M);
const UNIX_S: u64 = 1_800_000_000;
/// Everybody must be in by then, ns; and everything counts this long afterwards.
const JOIN_NS_MAX: u64 = 10 * NS_PER_S;
const WARM_UP_NS: u64 = 5 * NS_PER_S;
/// IPv4 and UDP.
const HEADER_BYTES: u64 = 28;

pub struct World<'a> {
    now: Now,
    gate: Gate,
    realm: Realm,
    map: Arc<StaticMap>,
    ways: &'a Ways,
    followers: Followers,
    client: Client,
    runner: Runner,
    up: Link,
    down: Link,
    server: SocketAddr,
    /// The gate's, and the followers'.
    inbound: [Inbound; 2],
    outbound: Outbound,
    started_ns: u64,
    ticks: u64,
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
        let server: SocketAddr = ([10, 0, 0, 1], 7_777).into();
        let begin = Now { mono_ns: NS_PER_S, unix_s: UNIX_S };
        // Tokens of before the start are refused, so the world begins a second before anyone connects.
        let now = Now { unix_s: UNIX_S + 1, ..begin };
        let key = Key::new([7; 32]);
        let gate = gate(&key, server, &map, terms, begin)?;
        let mint = Mint { key, protocol_id: protocol::PROTOCOL_ID, lifetime_s: 30 };
        let user = user(1, "viewer", now.unix_s);
        let token = mint.mint(now.unix_s * 1_000, user.account_id, &[server], 10, &user, &mut rng)?;
        let client = Client::new(ClientConfig { token, seal: rudp::Backend::Auto, content_hash: 0 }, now);
        let link = |seed| Link::new(LinkConfig::with_latency_ns(terms.delay_ns), seed);
        let followers = Followers::new(terms.entities);
        let mut inbound = [Inbound::default(), Inbound::default()];
        followers.join(&mut inbound[1]);
        Ok(Self {
            now,
            gate,
            realm: Realm::new(RealmConfig { seed: terms.seed, ..RealmConfig::new(Arc::clone(&map)) }),
            map,
            ways,
            followers,
            client,
            runner: Runner::new(0),
            up: link(terms.seed),
            down: link(terms.seed + 1),
            server,
            inbound,
            outbound: Outbound::default(),
            started_ns: now.mono_ns,
            ticks: 0,
            second: Second::default(),
        })
    }

    /// What the client was told in each of so many seconds.
    ///
    /// # Errors
    /// Somebody did not get in, or the client lost its session.
    pub fn run(mut self, seconds: u32) -> Result<Vec<Second>> {
        while !(self.followers.are_in() && self.client.own().is_some()) {
            ensure!(self.now.mono_ns < self.started_ns + JOIN_NS_MAX, "not everybody got in");
            self.step()?;
        }
        let begin_ns = self.now.mono_ns + WARM_UP_NS;
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
        while self.now.mono_ns < end_ns {
            self.step()?;
        }
        Ok(())
    }

    /// Everything that is due now; then time goes on to what is due next.
    fn step(&mut self) -> Result<()> {
        while let Some(mut datagram) = self.up.poll(self.now.mono_ns) {
            self.gate.handle_datagram(self.now, ([10, 1, 0, 1], 4_000).into(), &mut datagram);
        }
        if self.now.mono_ns >= self.tick_ns() {
            self.tick()?;
        }
        if self.gate.poll_timeout().is_some_and(|due_ns| due_ns <= self.now.mono_ns) {
            self.gate.handle_timeout(self.now);
        }
        let mut buf = [0; 1_500];
        while let Some(transmit) = self.gate.poll_transmit(self.now, &mut buf) {
            self.second.bytes += transmit.len as u64 + HEADER_BYTES;
            self.second.datagrams += 1;
            self.down.send(self.now.mono_ns, &buf[..transmit.len]);
        }
        self.look_on()?;
        while let Some(transmit) = self.client.poll_transmit(self.now, &mut buf) {
            self.up.send(self.now.mono_ns, &buf[..transmit.len]);
        }
        let timers = [self.gate.poll_timeout(), self.client.poll_timeout(), self.up.next_ns(), self.down.next_ns()];
        let next_ns = timers.into_iter().flatten().fold(self.tick_ns(), u64::min);
        self.now = self.now.plus_ns(next_ns.saturating_sub(self.now.mono_ns));
        Ok(())
    }

    /// The client's part.
    fn look_on(&mut self) -> Result<()> {
        while let Some(mut datagram) = self.down.poll(self.now.mono_ns) {
            self.client.handle_datagram(self.now, self.server, &mut datagram);
        }
        if self.client.poll_timeout().is_some_and(|due_ns| due_ns <= self.now.mono_ns) {
            self.client.handle_timeout(self.now);
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
        self.ticks += 1;
        let tick = self.ticks as usize;
        self.gate.swap_inbound(self.now, &mut self.inbound[0]);
        if self.followers.are_in() {
            self.followers.speak(self.ways, tick, MIDDLE, &self.map, &mut self.inbound[1]);
        }
        if self.client.welcome().is_some() {
            // His clock is the server's, for simplicity: what he sends takes its way all the same.
            let Step { place, input, .. } = self.runner.step(self.ways, tick, MIDDLE, &self.map);
            if let Some((x_units, y_units)) = place {
                self.client.send(&ClientMessage::Place { x_units, y_units })?;
            }
            self.client.push_input(self.now, input);
        }
        let coming = Tick(self.realm.status().tick).next();
        for (class, new) in self.second.classes.iter_mut().zip(self.followers.classify(coming, &self.runner.body)) {
            class.new += new;
        }
        self.realm.tick(self.now, &mut self.inbound, &mut self.outbound);
        self.followers.listen(&self.outbound)?;
        self.gate.handle_outbound(self.now, &self.outbound);
        self.outbound.clear();
        while let Some(job) = self.realm.poll_store() {
            self.realm.handle_completion(match job {
                StoreJob::Load { character } => StoreDone::Loaded { character, found: Ok(None) },
                StoreJob::Save { character, revision, .. } => StoreDone::Saved { character, revision },
            });
        }
        Ok(())
    }

    /// When the next tick begins, ns.
    fn tick_ns(&self) -> u64 {
        self.started_ns + self.ticks * NS_PER_S / u64::from(TICK_RATE_HZ)
    }
}

fn gate(key: &Key, server: SocketAddr, map: &StaticMap, terms: &Terms, now: Now) -> Result<Gate> {
    let rules = HelloRules {
        versions: rudp::INNER_VERSION..=rudp::INNER_VERSION,
        channel_hash: rudp::ChannelTable::GAME.hash(),
        motion_hash: motion::hash(),
        content_hash: map.hash(),
    };
    let mut transport = rudp::ServerConfig::new(protocol::PROTOCOL_ID, key.clone(), server, rules, [3; 32]);
    transport.skew_s = 0;
    transport.connection = ConnectionConfig { rate_bytes_per_s: terms.rate_bytes_per_s, ..ConnectionConfig::default() };
    Ok(Gate::new(GateConfig { transport }, now)?)
}
