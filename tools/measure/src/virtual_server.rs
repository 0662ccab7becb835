//! A gate and a realm in one thread and virtual time: clients come to the gate, stand-ins to the realm.

use crate::stand_ins::{StandIns, answer_store, user};
use anyhow::Result;
use protocol::motion::{self, StaticMap};
use protocol::unit::TICK_RATE_HZ;
use rand::rngs::StdRng;
use rudp::time::{NS_PER_S, Now};
use rudp::{ConnectToken, ConnectionConfig, HelloRules, Key, Mint};
use server::{Gate, GateConfig, Inbound, Outbound, Realm, RealmConfig};
use std::net::SocketAddr;
use std::sync::Arc;

const UNIX_S: u64 = 1_800_000_000;

/// What runs on a server but its edge. Whoever owns it brings the datagrams and the time.
pub struct VirtualServer {
    pub now: Now,
    pub gate: Gate,
    pub realm: Realm,
    pub address: SocketAddr,
    /// The gate's, and the stand-ins'.
    inbound: [Inbound; 2],
    outbound: Outbound,
    mint: Mint,
    pub started_ns: u64,
    /// Ticks begun.
    pub ticks: u64,
}

impl VirtualServer {
    /// A server before its first tick.
    ///
    /// # Errors
    /// The transport's configuration cannot be.
    pub fn new(map: &Arc<StaticMap>, connection: ConnectionConfig, seed: u64) -> Result<Self> {
        let address: SocketAddr = ([10, 0, 0, 1], 7_777).into();
        let rules = HelloRules {
            versions: rudp::INNER_VERSION..=rudp::INNER_VERSION,
            channel_hash: rudp::ChannelTable::GAME.hash(),
            motion_hash: motion::hash(),
            content_hash: map.hash(),
        };
        let key = Key::new([7; 32]);
        let transport = rudp::ServerConfig::new(protocol::PROTOCOL_ID, key.clone(), address, rules, [3; 32]);
        let transport = rudp::ServerConfig { skew_s: 0, connection, ..transport };
        let begin = Now { mono_ns: NS_PER_S, unix_s: UNIX_S };
        let gate = Gate::new(GateConfig::new(transport), begin)?;
        // Tokens of before the start are refused, so the world begins a second before anyone connects.
        let now = Now { unix_s: UNIX_S + 1, ..begin };
        Ok(Self {
            now,
            gate,
            realm: Realm::new(RealmConfig { seed, ..RealmConfig::new(Arc::clone(map)) }),
            address,
            inbound: [Inbound::default(), Inbound::default()],
            outbound: Outbound::default(),
            mint: Mint { key, protocol_id: protocol::PROTOCOL_ID, lifetime_s: 30 },
            started_ns: now.mono_ns,
            ticks: 0,
        })
    }

    /// Lets a client in who may be put anywhere.
    ///
    /// # Errors
    /// Never, as long as the constants here agree.
    pub fn token(&self, id: u64, name: &str, rng: &mut StdRng) -> Result<ConnectToken> {
        let user = user(id, name, self.now.unix_s);
        Ok(self.mint.mint(self.now.unix_s * 1_000, user.account_id, &[self.address], 10, &user, rng)?)
    }

    /// Everybody of these is at the door.
    pub fn receive(&mut self, stand_ins: &StandIns) {
        stand_ins.join(&mut self.inbound[1]);
    }

    /// When the next tick begins, ns.
    pub fn next_tick_ns(&self) -> u64 {
        self.tick_ns(self.ticks)
    }

    /// When the realm's tick `number` + 1 begins, ns.
    pub fn tick_ns(&self, number: u64) -> u64 {
        self.started_ns + number * NS_PER_S / u64::from(TICK_RATE_HZ)
    }

    /// A tick begins: takes what the clients said, and answers where the stand-ins may speak.
    pub fn begin_tick(&mut self) -> &mut Inbound {
        self.ticks += 1;
        self.gate.swap_inbound(self.now, &mut self.inbound[0]);
        &mut self.inbound[1]
    }

    /// The tick, and everything that comes of it.
    ///
    /// # Errors
    /// A stand-in was turned away.
    pub fn end_tick(&mut self, stand_ins: &mut StandIns) -> Result<()> {
        self.realm.tick(self.now, &mut self.inbound, &mut self.outbound);
        stand_ins.listen(&self.outbound)?;
        self.gate.handle_outbound(self.now, &self.outbound);
        self.outbound.clear();
        answer_store(&mut self.realm);
        Ok(())
    }

    /// Gate timers that are due.
    pub fn handle_timeout(&mut self) {
        if self.gate.poll_timeout().is_some_and(|due_ns| due_ns <= self.now.mono_ns) {
            self.gate.handle_timeout(self.now);
        }
    }

    /// Time goes on to `next_ns`, or to the next tick or timer if that comes first; never back.
    pub fn advance(&mut self, next_ns: u64) {
        let next_ns = self.gate.poll_timeout().unwrap_or(u64::MAX).min(next_ns).min(self.next_tick_ns());
        self.now = self.now.plus_ns(next_ns.saturating_sub(self.now.mono_ns));
    }
}
