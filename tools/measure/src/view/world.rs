//! The server, its walkers and its watchers, in one thread and virtual time.

use super::Case;
use super::figures::Figures;
use super::own::Own;
use super::walkers::{FAR, NEAR, Walkers};
use super::watcher::{Setting, Watcher};
use crate::virtual_server::VirtualServer;
use anyhow::{Result, ensure};
use protocol::Tick;
use protocol::motion::StaticMap;
use protocol::unit::TICK_RATE_HZ;
use rand::{SeedableRng, rngs::StdRng};
use rudp::ConnectionConfig;
use rudp::time::NS_PER_S;
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

/// Everything.
pub struct World {
    server: VirtualServer,
    /// What the server knows, and what the watchers know.
    map: Arc<StaticMap>,
    open: Arc<StaticMap>,
    walkers: Walkers,
    watchers: Vec<Watcher>,
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
        let mut server = VirtualServer::new(&map, ConnectionConfig::default(), seed)?;
        let mut watchers = Vec::new();
        for (index, home) in homes.into_iter().enumerate() {
            let token = server.token(index as u64 + 1, "watcher", &mut rng)?;
            let setting = Setting { index, count: WATCHERS, fps, seed, server: server.address, now: server.now };
            watchers.push(Watcher::new(case, &token, home, &open, setting));
        }
        let walkers = Walkers::new(MIDDLE_M, &mut rng);
        server.receive(&walkers.stand_ins);
        Ok(Self { server, map, open, walkers, watchers, rng })
    }

    /// Runs until everybody is in and warm, then for `seconds`.
    ///
    /// # Errors
    /// Somebody did not get in, lost his session, or was told a lie.
    pub fn run(mut self, seconds: u32) -> Result<Figures> {
        while !self.watchers.iter().all(Watcher::is_in) {
            ensure!(self.server.now.mono_ns < self.server.started_ns + JOIN_NS_MAX, "not every client got in");
            self.step()?;
        }
        let from_ns = self.server.now.mono_ns + WARM_UP_NS;
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
            let tick_ns = |tick: Tick| self.server.tick_ns(u64::from(tick.0) - 1);
            watcher.own.judge(from_ns, tick_ns, &self.open, &mut figures);
        }
        for (judged, count) in [(&mut figures.near, NEAR), (&mut figures.far, FAR)] {
            judged.told_hz = judged.told as f64 / seconds / (count * WATCHERS) as f64;
        }
        figures
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
        for watcher in &mut self.watchers {
            while let Some(mut datagram) = watcher.poll_up(now) {
                self.server.gate.handle_datagram(now, watcher.address, &mut datagram);
            }
        }
        if now.mono_ns >= self.server.next_tick_ns() {
            self.tick()?;
        }
        self.server.handle_timeout();
        let mut buf = [0; 1_500];
        while let Some(transmit) = self.server.gate.poll_transmit(now, &mut buf) {
            if let Some(watcher) = self.watchers.iter_mut().find(|watcher| watcher.address == transmit.to) {
                watcher.send_down(now, &buf[..transmit.len], &self.walkers);
            }
        }
        let passed_ns = now.mono_ns - self.server.started_ns;
        let true_tick = passed_ns as f64 * f64::from(TICK_RATE_HZ) / NS_PER_S as f64 + 1.0;
        for watcher in &mut self.watchers {
            watcher.step(now, true_tick, &self.walkers)?;
        }
        self.server.advance(self.watchers.iter().map(Watcher::next_ns).min().unwrap_or(u64::MAX));
        Ok(())
    }

    fn tick(&mut self) -> Result<()> {
        let tick = Tick(self.server.realm.status().tick).next();
        let inbound = self.server.begin_tick();
        if self.walkers.stand_ins.are_in() {
            self.walkers.speak(tick, &self.map, inbound, &mut self.rng);
        }
        self.server.end_tick(&mut self.walkers.stand_ins)
    }
}
