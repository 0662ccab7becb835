//! The server, its walkers and its watchers, in one thread and virtual time.

use super::Case;
use super::figures::Figures;
use super::own::Own;
use super::walkers::{FAR, NEAR, Walkers};
use super::watcher::{Setting, Watcher};
use anyhow::{Result, ensure};
use protocol::Tick;
use protocol::motion::{self, StaticMap};
use protocol::unit::TICK_RATE_HZ;
use rand::{SeedableRng, rngs::StdRng};
use rudp::Key;
use rudp::time::{NS_PER_S, Now};
use rudp::token::{Mint, Name, Role, UserData};
use server::{Gate, GateConfig, Inbound, Outbound, Realm, RealmConfig, StoreDone, StoreJob};
use std::net::SocketAddr;
use std::sync::Arc;

/// Clients that are watched.
const WATCHERS: usize = 4;
/// Side of the map and its middle, m.
const MAP_M: u32 = 400;
const MIDDLE_M: (f64, f64) = (200.0, 200.0);
/// Everybody is in after this long, or something is wrong.
const JOIN_NS_MAX: u64 = 20 * NS_PER_S;
/// After that, before anything counts: clocks have settled, rates have climbed. A whole number of rounds.
const WARM_UP_NS: u64 = 12 * NS_PER_S;
const UNIX_S: u64 = 1_800_000_000;

/// Everything.
pub struct World {
    now: Now,
    gate: Gate,
    realm: Realm,
    /// What the server knows, and what the watchers know.
    map: Arc<StaticMap>,
    open: Arc<StaticMap>,
    walkers: Walkers,
    watchers: Vec<Watcher>,
    /// The gate's, and the walkers'.
    inbound: [Inbound; 2],
    outbound: Outbound,
    started_ns: u64,
    ticks: u64,
    rng: StdRng,
}

impl World {
    /// Everybody at the door.
    ///
    /// # Errors
    /// Never, as long as the constants here agree.
    pub fn new(case: &Case, fps: u32, seed: u64) -> Result<Self> {
        let mut rng = StdRng::seed_from_u64(seed);
        let homes: Vec<_> =
            (0..WATCHERS).map(|index| (MIDDLE_M.0 - 2.0, MIDDLE_M.1 - 6.0 + 4.0 * index as f64)).collect();
        let walls: Vec<_> = homes.iter().map(|home| Own::wall(*home)).collect();
        let map = Arc::new(StaticMap::new(MAP_M, MAP_M, &walls)?);
        let open = Arc::new(StaticMap::new(MAP_M, MAP_M, &[])?);
        let server: SocketAddr = ([10, 0, 0, 1], 7_777).into();
        let begin = Now { mono_ns: NS_PER_S, unix_s: UNIX_S };
        let rules = rudp::HelloRules {
            versions: rudp::INNER_VERSION..=rudp::INNER_VERSION,
            channel_hash: rudp::ChannelTable::GAME.hash(),
            motion_hash: motion::hash(),
            content_hash: map.hash(),
        };
        let key = Key::new([7; 32]);
        let transport = rudp::ServerConfig::new(protocol::PROTOCOL_ID, key.clone(), server, rules, [3; 32]);
        let gate = Gate::new(GateConfig { transport: rudp::ServerConfig { skew_s: 0, ..transport } }, begin)?;
        // Tokens of before the start are refused, so the world begins a second before anyone connects.
        let now = Now { unix_s: UNIX_S + 1, ..begin };
        let mint = Mint { key, protocol_id: protocol::PROTOCOL_ID, lifetime_s: 30 };
        let mut watchers = Vec::new();
        for (index, home) in homes.into_iter().enumerate() {
            let user = user(index as u64 + 1, now);
            let token = mint.mint(now.unix_s * 1_000, user.account_id, &[server], 10, &user, &mut rng)?;
            let setting = Setting { index, count: WATCHERS, fps, seed, server, now };
            watchers.push(Watcher::new(case, &token, home, &open, setting));
        }
        let walkers = Walkers::new(MIDDLE_M, &mut rng);
        let mut inbound = [Inbound::default(), Inbound::default()];
        walkers.join(&mut inbound[1]);
        Ok(Self {
            now,
            gate,
            realm: Realm::new(RealmConfig { seed, ..RealmConfig::new(Arc::clone(&map)) }),
            map,
            open,
            walkers,
            watchers,
            inbound,
            outbound: Outbound::default(),
            started_ns: now.mono_ns,
            ticks: 0,
            rng,
        })
    }

    /// Runs until everybody is in and warm, then for `seconds`.
    ///
    /// # Errors
    /// Somebody did not get in, lost his session, or was told a lie.
    pub fn run(mut self, seconds: u32) -> Result<Figures> {
        while !self.watchers.iter().all(Watcher::is_in) {
            ensure!(self.now.mono_ns < self.started_ns + JOIN_NS_MAX, "not every client got in");
            self.step()?;
        }
        let from_ns = self.now.mono_ns + WARM_UP_NS;
        self.run_until(from_ns)?;
        self.watchers.iter_mut().for_each(|watcher| watcher.judge_from(from_ns));
        self.run_until(from_ns + u64::from(seconds) * NS_PER_S)?;
        Ok(self.figures(from_ns, f64::from(seconds)))
    }

    fn figures(&self, from_ns: u64, seconds: f64) -> Figures {
        let mut figures = Figures::default();
        for watcher in &self.watchers {
            figures.near.add(&watcher.others.near);
            figures.far.add(&watcher.others.far);
            let tick_ns = |tick: Tick| self.tick_ns(u64::from(tick.0) - 1);
            watcher.own.judge(from_ns, tick_ns, &self.open, &mut figures);
        }
        for (judged, count) in [(&mut figures.near, NEAR), (&mut figures.far, FAR)] {
            judged.told_hz = judged.told as f64 / seconds / (count * WATCHERS) as f64;
        }
        figures
    }

    fn run_until(&mut self, end_ns: u64) -> Result<()> {
        while self.now.mono_ns < end_ns {
            self.step()?;
        }
        Ok(())
    }

    /// Everything that is due now; then time goes on to what is due next.
    fn step(&mut self) -> Result<()> {
        for watcher in &mut self.watchers {
            while let Some(mut datagram) = watcher.poll_up(self.now) {
                self.gate.handle_datagram(self.now, watcher.address, &mut datagram);
            }
        }
        if self.now.mono_ns >= self.tick_ns(self.ticks) {
            self.tick()?;
        }
        if self.gate.poll_timeout().is_some_and(|due_ns| due_ns <= self.now.mono_ns) {
            self.gate.handle_timeout(self.now);
        }
        let mut buf = [0; 1_500];
        while let Some(transmit) = self.gate.poll_transmit(self.now, &mut buf) {
            if let Some(watcher) = self.watchers.iter_mut().find(|watcher| watcher.address == transmit.to) {
                watcher.send_down(self.now, &buf[..transmit.len], &self.walkers);
            }
        }
        let passed_ns = self.now.mono_ns - self.started_ns;
        let true_tick = passed_ns as f64 * f64::from(TICK_RATE_HZ) / NS_PER_S as f64 + 1.0;
        for watcher in &mut self.watchers {
            watcher.step(self.now, true_tick, &self.walkers)?;
        }
        let next_ns = self.watchers.iter().map(Watcher::next_ns).fold(self.tick_ns(self.ticks), u64::min);
        let next_ns = self.gate.poll_timeout().map_or(next_ns, |due_ns| due_ns.min(next_ns));
        self.now = self.now.plus_ns(next_ns.saturating_sub(self.now.mono_ns));
        Ok(())
    }

    fn tick(&mut self) -> Result<()> {
        self.ticks += 1;
        self.gate.swap_inbound(self.now, &mut self.inbound[0]);
        if self.walkers.are_in() {
            let tick = Tick(self.realm.status().tick).next();
            self.walkers.speak(tick, &self.map, &mut self.inbound[1], &mut self.rng);
        }
        self.realm.tick(self.now, &mut self.inbound, &mut self.outbound);
        self.walkers.listen(&self.outbound)?;
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

    /// When the realm's tick `number` + 1 begins, ns.
    fn tick_ns(&self, number: u64) -> u64 {
        self.started_ns + number * NS_PER_S / u64::from(TICK_RATE_HZ)
    }
}

fn user(id: u64, now: Now) -> UserData {
    UserData {
        account_id: id,
        character_id: id,
        name: Name::new("watcher").expect("a short name"),
        role: Role::Operator,
        issued_at_ms: now.unix_s * 1_000,
        serial: id,
        epoch: 0,
    }
}
