//! The server's end of every session: one endpoint, one UDP socket's worth of peers, no socket.
//!
//! Drive it per wake in this order: every received datagram into [`Server::handle_datagram`], the caller's own sends,
//! [`Server::handle_timeout`], then [`Server::poll_event`] and [`Server::poll_transmit`] until `None`; sleep until
//! [`Server::poll_timeout`] or the next datagram.
//!
//! Nothing here loops over all connections: datagrams find theirs by address, timers by a wheel, sends by a queue of
//! those that have something to send.
mod ahead;
mod bulk;
mod config;
mod events;
mod filter;
mod history;
mod order;
mod origin;
mod path;
mod pending;
mod receive;
mod requests;
mod session;
mod share;
#[cfg(test)]
mod tests;
mod transmit;
mod witness;

pub use ahead::AHEAD_MAX;
pub use config::{
    CONNECTIONS_MAX, ConfigError, Network, PRIVATE_KEYS_MAX, PacketLimits, RequestLimits, ServerConfig,
    TOKEN_LIFETIME_S,
};
pub use events::Event;
pub use witness::{Change, Witness};

use crate::arena::Arena;
use crate::bucket::hasher;
use crate::challenge::ChallengeMint;
use crate::channel::{ChannelId, PartId, PartOutcome, SendError};
use crate::connection::{ConnectionStats, Sink};
use crate::counters::Counters;
use crate::farewell::Farewell;
use crate::hello::{Hello, HelloRefusal};
use crate::limits::Patience;
use crate::liveness::Due;
use crate::reason::Reason;
use crate::seal::{Key, TokenKey};
use crate::time::Now;
use crate::token::address::canonical;
use crate::wheel::Wheel;
use events::EventQueue;
use filter::RequestFilter;
use hashbrown::HashMap;
use pending::PendingTable;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use session::Session;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Pending requests per connection the server can hold, as the standard's C code sizes its encryption mappings.
const PENDING_PER_CONNECTION: u32 = 4;
/// Tokens remembered per connection, as in the C code: at 2,000 connections 16,000 tokens in their 30 s.
const TOKENS_PER_CONNECTION: usize = 8;
/// Both tables have room for this many at least, so that a small server survives a few reconnects.
const TABLE_MIN: u32 = 64;

/// Bytes of a session's fixed record; what it points to comes on top.
pub const SESSION_BYTES: usize = size_of::<Session>();

/// Names a connection for as long as it lives; afterwards it names nobody, even when the slot is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnectionId {
    /// Index below `connections_max`; the client index of the standard.
    pub slot: u32,
    /// Tenants this slot had before.
    pub generation: u32,
}

/// A datagram to send: its bytes stand in the buffer given to `poll_transmit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// Bytes of the buffer to send.
    pub len: usize,
}

/// The server endpoint.
pub struct Server {
    config: ServerConfig,
    token_keys: Vec<TokenKey>,
    filter: RequestFilter,
    challenges: ChallengeMint,
    pending: PendingTable,
    sessions: Arena<Box<Session>>,
    by_address: HashMap<SocketAddr, u32, foldhash::quality::SeedableRandomState>,
    by_client: HashMap<u64, u32, foldhash::quality::SeedableRandomState>,
    by_path: HashMap<u64, u32, foldhash::quality::SeedableRandomState>,
    /// Path ids and path challenges.
    rng: rand::rngs::StdRng,
    /// Keys: sessions by slot, then pending requests by slot.
    wheel: Wheel,
    ready: VecDeque<Ready>,
    farewells: VecDeque<Farewell>,
    /// Reliable bytes that all connections have queued.
    queued_bytes: usize,
    events: EventQueue,
    counters: Counters,
    /// Who is shown what is received.
    witness: Option<Box<dyn Witness>>,
    patience: Patience,
    /// Of packets sent before a session exists. Bit 63 is set, so it never meets a session's own sequences under one
    /// key, and no start repeats an earlier start's numbers. spec: SES-15
    global_sequence: u64,
}

/// Who has something to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ready {
    Session(u32),
    Pending(u32),
    /// The farewell at the front.
    Farewell,
}

impl Server {
    /// A server that starts now.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting that makes no sense.
    pub fn new(mut config: ServerConfig, now: Now) -> Result<Self, ConfigError> {
        config.check()?;
        for address in &mut config.public_addresses {
            *address = canonical(*address);
        }
        let mut rng = rand::rngs::StdRng::from_seed(config.rng_seed);
        let challenges = ChallengeMint::new(&mut rng, config.seal);
        let mut seed = || rng.next_u64();
        let connections = config.connections_max;
        let pending_max = (connections * PENDING_PER_CONNECTION).max(TABLE_MIN);
        let tokens_max = (connections as usize * TOKENS_PER_CONNECTION).max(TABLE_MIN as usize);
        let table = |seed| HashMap::with_capacity_and_hasher(connections as usize, hasher(seed));
        Ok(Self {
            token_keys: config.private_keys.iter().map(TokenKey::new).collect(),
            filter: RequestFilter::new(&config, now, std::array::from_fn(|_| seed())),
            challenges,
            pending: PendingTable::new(pending_max, tokens_max, [seed(), seed()]),
            sessions: Arena::new(connections),
            by_address: table(seed()),
            by_client: HashMap::with_capacity_and_hasher(connections as usize, hasher(seed())),
            by_path: HashMap::with_capacity_and_hasher(connections as usize, hasher(seed())),
            wheel: Wheel::new(connections + pending_max, now.mono_ns),
            ready: VecDeque::with_capacity(connections as usize),
            farewells: VecDeque::new(),
            queued_bytes: 0,
            events: EventQueue::default(),
            counters: Counters::default(),
            witness: None,
            patience: Patience::default(),
            global_sequence: global_sequence_start(now.unix_s),
            config,
            rng,
        })
    }

    /// Fires every timer that is due. Afterwards [`poll_timeout`](Self::poll_timeout) lies after `now`; a second call
    /// with the same `now` changes nothing.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.patience.on_timeout(self.wheel.due_since(now.mono_ns), now.mono_ns) {
            self.counters.stalls += 1;
        }
        self.pending.history.forget_expired(now.unix_s);
        while let Some(key) = self.wheel.poll(now.mono_ns) {
            match key.checked_sub(self.config.connections_max) {
                None => self.on_session_timer(now, key),
                Some(slot) => self.on_pending_timer(now, slot),
            }
        }
        debug_assert!(self.poll_timeout().is_none_or(|next| next > now.mono_ns));
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, nanoseconds on the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.wheel.poll_timeout()
    }

    /// The next event, oldest first. What it borrows is valid until the next call.
    pub fn poll_event(&mut self) -> Option<Event<'_>> {
        self.events.poll()
    }

    /// Queues a message.
    ///
    /// # Errors
    /// [`SendError`]; [`SendError::Closing`] when the connection is over; [`SendError::Full`] also when all connections
    /// together have as much queued as the configuration allows (spec: PKT-59).
    pub fn send(&mut self, id: ConnectionId, channel: ChannelId, message: &[u8]) -> Result<(), SendError> {
        let is_over = self.queued_bytes.saturating_add(message.len()) > self.config.queue_bytes_max;
        let session = self.session_mut(id).ok_or(SendError::Closing)?;
        if is_over && session.connection.is_reliable(channel) {
            self.counters.sends_over_all_queues += 1;
            return Err(SendError::Full);
        }
        session.connection.send(channel, message)?;
        self.count_queue(id.slot);
        self.queue(id.slot);
        Ok(())
    }

    /// Queues a snapshot part; its fate is told by [`Event::Part`].
    ///
    /// # Errors
    /// [`SendError`]; [`SendError::Closing`] when the connection is over.
    pub fn send_snapshot(&mut self, id: ConnectionId, part: PartId, bytes: &[u8]) -> Result<(), SendError> {
        self.session_mut(id).ok_or(SendError::Closing)?.connection.send_snapshot(part, bytes)?;
        self.queue(id.slot);
        Ok(())
    }

    /// A tick begins: the connection's credit grows by a tick's share. To be called once per tick and connection.
    pub fn on_tick_edge(&mut self, now: Now, id: ConnectionId) {
        if let Some(session) = self.session_mut(id) {
            session.connection.on_tick_edge(now.mono_ns);
            if session.connection.wants_transmit(now.mono_ns) {
                self.queue(id.slot);
            }
        }
    }

    /// Bytes a snapshot part may have in this tick; zero or less: send none. 0 when the connection is over.
    #[must_use]
    pub fn snapshot_budget_bytes(&self, now: Now, id: ConnectionId) -> i32 {
        self.session(id).map_or(0, |session| session.connection.snapshot_budget_bytes(now.mono_ns))
    }

    /// Opens or closes the receive window of reliable messages: closed, they are neither stored nor acked, and the
    /// peer repeats them.
    pub fn accept_reliable(&mut self, id: ConnectionId, open: bool) {
        if let Some(session) = self.session_mut(id) {
            session.connection.accept_reliable(open);
        }
    }

    /// Ends a connection from this side: its `Disconnected` event follows, the peer is told why.
    pub fn disconnect(&mut self, now: Now, id: ConnectionId, reason: Reason) {
        if self.session_mut(id).is_some() {
            self.end_session(now, id.slot, reason, Some(""));
        }
    }

    /// Numbers of one connection's packet layer.
    #[must_use]
    pub fn stats(&self, id: ConnectionId) -> Option<&ConnectionStats> {
        self.session(id).map(|session| session.connection.stats())
    }

    /// Reliable bytes that one connection has queued, as the limits count them, as of its last packet.
    #[must_use]
    pub fn backlog_bytes(&self, id: ConnectionId) -> usize {
        self.session(id).map_or(0, |session| session.queued_bytes)
    }

    /// Where a connection's packets come from.
    #[must_use]
    pub fn address(&self, id: ConnectionId) -> Option<SocketAddr> {
        self.session(id).map(|session| session.address)
    }

    /// Whether the connection's hello was accepted.
    #[must_use]
    pub fn is_spoken(&self, id: ConnectionId) -> bool {
        self.session(id).is_some_and(|session| session.is_spoken)
    }

    /// Reliable bytes that all connections together have queued, as the limits count them.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Whether the connection is held in silence.
    #[must_use]
    pub fn is_silent(&self, id: ConnectionId) -> bool {
        self.session(id).is_some_and(|session| session.liveness.is_silent())
    }

    /// Connections that live now, silent ones too.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.sessions.len()
    }

    /// What was dropped and refused, by reason.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The first expiry, unix seconds, that the restart rule admits. A token endpoint answers "retry after" while the
    /// tokens it would mint expire before this. spec: LIF-5
    #[must_use]
    pub fn first_admissible_expiry(&self) -> u64 {
        self.filter.first_admissible_expiry()
    }

    /// Replaces the private keys: tokens open under `keys` only from now on, tried in order. Sessions and admitted
    /// requests go on, because their keys came with their tokens.
    ///
    /// # Errors
    /// [`ConfigError::PrivateKeys`] for none or more than two; the former ones then stay.
    pub fn set_private_keys(&mut self, keys: Vec<Key>) -> Result<(), ConfigError> {
        config::check_private_keys(&keys)?;
        self.token_keys = keys.iter().map(TokenKey::new).collect();
        self.config.private_keys = keys;
        // What failed under the old keys may open under the new ones: a client repeats its request byte for byte.
        self.filter.forget_known_bad();
        Ok(())
    }

    fn session(&self, id: ConnectionId) -> Option<&Session> {
        self.sessions.at(id.slot).filter(|session| session.id == id).map(|session| &**session)
    }

    fn session_mut(&mut self, id: ConnectionId) -> Option<&mut Session> {
        self.sessions.at_mut(id.slot).filter(|session| session.id == id).map(|session| &mut **session)
    }

    /// Puts a session into the ready queue unless it stands there.
    fn queue(&mut self, slot: u32) {
        if let Some(session) = self.sessions.at_mut(slot)
            && !std::mem::replace(&mut session.is_queued, true)
        {
            self.ready.push_back(Ready::Session(slot));
        }
    }

    /// Sets a session's timer to its next deadline, or queues it when that is sending and has come.
    fn settle(&mut self, now: Now, slot: u32) {
        self.count_queue(slot);
        let Some(session) = self.sessions.at_mut(slot) else { return };
        let is_due = session.connection.wants_transmit(now.mono_ns)
            || session.path.is_due()
            || session.keep_alive_ns() <= now.mono_ns;
        if is_due && !std::mem::replace(&mut session.is_queued, true) {
            self.ready.push_back(Ready::Session(slot));
        }
        let wake_ns = session.next_wake_ns(self.patience.stalled_ns());
        self.wheel.schedule_no_later(slot, wake_ns);
    }

    /// Brings the sum of all queues up to date with one of them.
    fn count_queue(&mut self, slot: u32) {
        let Some(session) = self.sessions.at_mut(slot) else { return };
        let (_, queued_bytes) = session.connection.reliable_queued();
        self.queued_bytes =
            self.queued_bytes - std::mem::replace(&mut session.queued_bytes, queued_bytes) + queued_bytes;
    }

    fn on_session_timer(&mut self, now: Now, slot: u32) {
        let Some(session) = self.sessions.at_mut(slot) else { return };
        if let Some(reason) = session.overdue(self.patience.clock_ns(now.mono_ns)) {
            self.end_session(now, slot, reason, Some(""));
            return;
        }
        let patient_ns = self.patience.clock_ns(now.mono_ns);
        while session.is_spoken
            && let Some(due) = session.liveness.poll(patient_ns)
        {
            match due {
                Due::Probe => session.connection.queue_probe(),
                Due::Silent => {
                    let mut sink = SessionSink::new(session.id, true, &mut self.events);
                    session.connection.on_silent(&mut sink);
                    self.events.on_silent(session.id);
                    self.counters.sessions_silent += 1;
                }
                Due::Closed => {
                    self.end_session(now, slot, Reason::TimedOut, Some(""));
                    return;
                }
            }
        }
        let mut sink = SessionSink::new(session.id, session.user.is_some(), &mut self.events);
        session.connection.handle_timeout(now.mono_ns, &mut sink);
        self.settle(now, slot);
    }

    /// Ends a session: with a farewell and the text of its reason, or without one when the peer has left by itself.
    fn end_session(&mut self, now: Now, slot: u32, reason: Reason, farewell: Option<&str>) {
        let Some(session) = self.sessions.remove(slot) else { return };
        let Session { id, client_id, address, link, mut connection, path, queued_bytes, .. } = *session;
        for id in path.ids() {
            self.by_path.remove(&id);
        }
        self.wheel.cancel(slot);
        self.queued_bytes -= queued_bytes;
        // A session that took over may stand in these places already.
        if self.by_address.get(&address) == Some(&slot) {
            self.by_address.remove(&address);
        }
        if self.by_client.get(&client_id) == Some(&slot) {
            self.by_client.remove(&client_id);
        }
        if let Some(text) = farewell {
            let farewell = Farewell::new(address, link, &mut connection, now.mono_ns, reason, text);
            self.farewells.push_back(farewell);
            self.ready.push_back(Ready::Farewell);
        }
        connection.abandon_parts(&mut SessionSink::new(id, false, &mut self.events));
        self.counters.sessions_ended += 1;
        self.events.on_disconnected(id, reason);
    }
}

/// Where one connection's findings go while it works.
struct SessionSink<'a> {
    id: ConnectionId,
    events: &'a mut EventQueue,
    /// Without our user data nobody knows who this is: a stock token gets no further than keep-alives. spec: LIF-11
    is_known: bool,
    is_spoken: bool,
    /// Why the session must end: the reason, and whether the peer named it (then it has left already).
    end: Option<End>,
}

enum End {
    Closed(Reason),
    Refused(Reason, String),
    Misbehaved(String),
}

impl<'a> SessionSink<'a> {
    fn new(id: ConnectionId, is_known: bool, events: &'a mut EventQueue) -> Self {
        Self { id, events, is_known, is_spoken: false, end: None }
    }
}

impl Sink for SessionSink<'_> {
    fn on_hello(&mut self, _hello: &Hello, _version: u16) {
        if self.is_known {
            self.is_spoken = true;
            self.events.on_spoken(self.id);
        } else {
            self.end = Some(End::Refused(Reason::TokenRefused, "the token names no account".to_owned()));
        }
    }

    fn on_hello_refused(&mut self, _hello: &Hello, refusal: HelloRefusal) {
        self.end = Some(End::Refused(refusal.reason(), refusal.to_string()));
    }

    fn on_hello_accepted(&mut self, _version: u16) {}

    fn on_message(&mut self, _sequence: u64, channel: ChannelId, bytes: &[u8]) {
        if self.is_known {
            self.events.on_message(self.id, channel, bytes);
        }
    }

    fn on_part(&mut self, part: PartId, outcome: PartOutcome) {
        self.events.on_part(self.id, part, outcome);
    }

    fn on_bulk(&mut self, channel: ChannelId) {
        if self.is_known {
            self.events.on_bulk(self.id, channel);
        }
    }

    fn on_misbehaved(&mut self, text: &str) {
        self.end = Some(End::Misbehaved(text.to_owned()));
    }

    fn on_close(&mut self, reason: Reason, _text: &str) {
        self.end = Some(End::Closed(reason));
    }
}

/// 2^63 + (seconds << 24): a start that follows another by a second begins above all it can have sent in that time,
/// 16 million packets.
fn global_sequence_start(unix_s: u64) -> u64 {
    (1 << 63) | (unix_s << 24 & !(1 << 63))
}
