//! What all bots share.

use crate::clock::Clock;
use crate::links::Mixture;
use crate::movement::Movement;
use crate::pier::Pier;
use crate::play::Board;
use crate::prefetch::prefetch;
use crate::receipts::Receipts;
use crate::silence::Silence;
use crate::tally::Tally;
use crate::token::Minter;
use crate::truth::Checker;
use crate::view::Recorded;
use crate::wire::Arrivals;
use client::Among;
use mio::Registry;
use protocol::message::Welcome;
use rudp::time::{NS_PER_MS, Now};
use rudp::{Backend, Prefetch};
use std::net::SocketAddr;

/// Asks for memory before it is needed.
pub const PREFETCH: Prefetch = Prefetch::new(prefetch);
/// A welcome this many ticks before what others have heard is another server's: 5 s, no welcome is under way for longer.
const TICKS_BACK_MIN: u32 = 300;

/// Whoever knocks says so sixty times a second: when nobody has for so long, all are in.
const KNOCKING_NS: u64 = 100 * NS_PER_MS;

/// Everything that a bot needs beside itself.
#[derive(Debug)]
pub struct Flock {
    /// Where the game is.
    pub server: SocketAddr,
    /// The cipher code.
    pub seal: Backend,
    /// Whether bots that drop out join again.
    pub rejoin: bool,
    /// Whether nothing that a server does by dying is held against it: then bots knock ever more rarely.
    pub survives: bool,
    /// Where receipts are written down, if they are.
    pub receipts: Option<Receipts>,
    /// Watches sockets.
    pub registry: Registry,
    /// Makes tokens.
    pub minter: Minter,
    /// Says where bots want to be.
    pub movement: Movement,
    /// Says where they look, if recorded.
    pub recorded: Option<Recorded>,
    /// Compares.
    pub checker: Checker,
    /// Adds up.
    pub tally: Tally,
    /// The links of bots, if they are to be bad ones.
    pub links: Mixture,
    /// How many bots, from the first on, have them.
    pub linked: usize,
    /// Of all that links draw.
    pub link_seed: u64,
    /// Whether bots come and go.
    pub has_churn: bool,
    /// How many are to be in.
    pub expected: usize,
    /// Whether each bot has an address of its own.
    pub spread: bool,
    /// What playing bots share; none if they do not play.
    pub board: Option<Board>,
    /// When whose links have something.
    pub arrivals: Arrivals,
    /// What clients share.
    pub among: Among,
    /// Where those have their addresses who have no sockets.
    pub pier: Option<Pier>,
    bots: usize,
    /// Bots that are in.
    pub connected: usize,
    /// Bots that wait to be let in.
    pub queued: usize,
    /// When the run began.
    pub begun_ns: u64,
    /// Outages and how they ended.
    pub outages: Outages,
    /// The newest tick of any own state, and when it was heard.
    heard: Option<(u32, u64)>,
    silence: Silence,
    /// When a bot was last seen to knock.
    knocking_ns: u64,
    /// Where the tick rate is counted from.
    rate_from: Option<(u32, u64)>,
}

/// Times in which not all bots that had been in were in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outages {
    /// Whether one goes on.
    pub is_open: bool,
    /// When the server last became ready again.
    pub ready_ns: Option<u64>,
    /// Server processes that answered after the first.
    pub restarts: u32,
    /// Outages of which it is known how long they went on after the server was ready.
    pub timed: u32,
    /// Longest time from ready to the last bot in again.
    pub worst_ns: u64,
}

impl Flock {
    /// A flock that has not begun.
    #[allow(clippy::too_many_arguments, reason = "each part is made by somebody else")]
    pub fn new(
        bots: usize,
        server: SocketAddr,
        seal: Backend,
        rejoin: bool,
        registry: Registry,
        minter: Minter,
        movement: Movement,
        recorded: Option<Recorded>,
        begun_ns: u64,
    ) -> Self {
        Self {
            server,
            seal,
            rejoin,
            survives: false,
            receipts: None,
            registry,
            minter,
            movement,
            recorded,
            links: Mixture::default(),
            linked: 0,
            has_churn: false,
            expected: bots,
            link_seed: 0,
            spread: false,
            board: None,
            arrivals: Arrivals::new(),
            among: Among::new(PREFETCH),
            pier: None,
            bots,
            checker: Checker::new(bots),
            tally: Tally::default(),
            connected: 0,
            queued: 0,
            begun_ns,
            outages: Outages::default(),
            heard: None,
            silence: Silence::default(),
            knocking_ns: 0,
            rate_from: None,
        }
    }

    /// Datagrams of bots without sockets leave.
    pub fn let_leave(&mut self) {
        if let Some(pier) = &mut self.pier {
            pier.flush(&mut self.tally);
        }
    }

    /// How many bots there are.
    pub fn bots(&self) -> usize {
        self.bots
    }

    /// The link of a bot, if it has one, and how far into its recording it begins, ns.
    pub fn link_of(&self, bot: usize) -> Option<(&netem::Profile, u64)> {
        if bot < self.linked { self.links.draw(bot, self.link_seed) } else { None }
    }

    /// Whether bots have links.
    pub fn has_links(&self) -> bool {
        self.links.is_there()
    }

    /// Seconds since the run began: the clock of all movement.
    pub fn course_s(&self, now: Now) -> f64 {
        now.mono_ns.saturating_sub(self.begun_ns) as f64 / 1e9
    }

    /// A bot was welcomed.
    pub fn on_joined(&mut self, now: Now, bot: usize, welcome: &Welcome) {
        if self.rejoin && self.outages.is_open && self.is_other_server(welcome) {
            self.checker.on_server_restarted();
            self.outages.restarts += 1;
            (self.heard, self.rate_from, self.silence) = (None, None, Silence::default());
        }
        self.checker.on_joined(bot, welcome);
        self.connected += 1;
        self.tally.logins += 1;
        // A restarted server says nothing to bots that are still on their way in.
        self.heard.get_or_insert((welcome.tick.0, now.mono_ns));
    }

    /// A bot knocks, and may have been let in without knowing it yet.
    pub fn on_knocking(&mut self, now: Now) {
        self.knocking_ns = now.mono_ns;
    }

    /// A bot was told to wait.
    pub fn on_queued(&mut self) {
        self.queued += 1;
        self.tally.queued_max = self.tally.queued_max.max(self.queued);
    }

    /// Whether every bot is in, or waits for its turn.
    pub fn is_complete(&self) -> bool {
        self.connected + self.queued >= self.expected
    }

    /// A session is over.
    pub fn on_gone(&mut self, bot: usize, server_knows: bool) {
        self.checker.on_gone(bot, server_knows);
        self.connected -= 1;
        self.outages.is_open = true;
    }

    /// A bot was told that a transaction is on disk.
    pub fn on_receipt(&mut self, bot: usize, transaction: u128) {
        self.tally.receipts += 1;
        if let Some(receipts) = &mut self.receipts {
            receipts.note(Clock::unix_ms(), self.minter.account(bot), transaction);
        }
    }

    /// Once per turn: notes how far the server's ticks have come.
    pub fn note_tick(&mut self, now: Now) {
        self.checker.on_joining(now.mono_ns < self.knocking_ns + KNOCKING_NS);
        let newest = self.checker.newest().0;
        self.silence.note(newest, now.mono_ns);
        if newest > 0 && self.heard.is_none_or(|(tick, _)| newest > tick) {
            self.heard = Some((newest, now.mono_ns));
        }
    }

    /// The server has become ready.
    pub fn on_ready(&mut self, at_ns: u64) {
        self.outages.ready_ns = Some(at_ns);
    }

    /// Everybody is in: ends an outage.
    pub fn on_all_in(&mut self, now: Now) {
        if std::mem::take(&mut self.outages.is_open)
            && let Some(ready_ns) = self.outages.ready_ns.take()
        {
            self.outages.timed += 1;
            self.outages.worst_ns = self.outages.worst_ns.max(now.mono_ns.saturating_sub(ready_ns));
        }
        if self.rate_from.is_none() {
            self.rate_from = self.heard;
        }
    }

    /// From here on the figures count.
    pub fn start_measuring(&mut self) {
        self.tally.is_measuring = true;
        self.checker.start_measuring();
        self.rate_from = self.heard;
    }

    /// Ticks per second of the server, as the bots heard them since the window opened or the last restart.
    pub fn tick_rate_hz(&self) -> Option<f64> {
        let ((from, from_ns), (to, to_ns)) = (self.rate_from?, self.heard?);
        (to_ns > from_ns + 100 * NS_PER_MS).then(|| f64::from(to.saturating_sub(from)) * 1e9 / (to_ns - from_ns) as f64)
    }

    fn is_other_server(&self, welcome: &Welcome) -> bool {
        let Some((tick, _)) = self.heard else { return false };
        self.silence.is_long() || welcome.tick.0 + TICKS_BACK_MIN < tick
    }
}
