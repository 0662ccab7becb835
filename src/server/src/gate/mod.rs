//! The gate: opens and seals, keeps sessions, and turns bytes into messages whose every length is bounded.
//!
//! Lives on the reactor thread. Per wake: every datagram, then the realm's arena if there is one, then
//! [`Gate::handle_timeout`] if [`Gate::poll_timeout`] is due, then [`Gate::poll_transmit`] until none.

mod access;
mod entry;
mod messages;
mod survey;

pub use access::{AccessConfig, AccessLimits, BANS_MAX, Ban, BanError, Barred, Imposed, REASON_BYTES_MAX};
pub use survey::{ConnectionRow, LOSS_WHOLE, Seen, Survey};

use crate::SessionId;
use crate::inbound::{Inbound, InputsWaiting, SessionEvent};
use crate::outbound::{Outbound, OutboundItem};
use access::{Access, Barrier, host};
use messages::Messages;
use protocol::codec;
use protocol::input::InputMessage;
use protocol::message::ClientMessage;
use rudp::server::{Change, Witness};
use rudp::time::Now;
use rudp::token::UserData;
use rudp::token::address::canonical;
use rudp::{ChannelId, Counters, Event, PartOutcome, Reason, ReasonCounts, Transmit, channel, outer};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use survey::Sample;

/// What a gate needs to know.
#[derive(Debug)]
pub struct GateConfig {
    /// The transport's own settings.
    pub transport: rudp::ServerConfig,
    /// Who may come in.
    pub access: AccessConfig,
}

impl GateConfig {
    /// A gate that lets everybody in.
    #[must_use]
    pub fn new(transport: rudp::ServerConfig) -> Self {
        Self { transport, access: AccessConfig::default() }
    }
}

/// What the gate itself dropped or refused, since start. The transport's own counts are in [`rudp::Counters`].
#[derive(Clone, Copy, Debug, Default)]
pub struct GateCounters {
    /// Sessions that began (hello accepted).
    pub sessions_joined: u64,
    /// Of those, sessions that ended.
    pub sessions_left: u64,
    /// All sessions that ended, whether they ever spoke or not, by reason.
    pub disconnects: ReasonCounts,
    /// Bytes of messages read by bincode: all that came on reliable channels.
    pub message_bytes_in: u64,
    /// Bytes of messages written by it: all that went there.
    pub message_bytes_out: u64,
    /// Input messages that did not decode.
    pub inputs_malformed: u64,
    /// Inputs dropped because the realm did not take the batch in time, or because one session sent too many for it.
    pub inputs_dropped: u64,
    /// Reliable messages that did not decode; each ends its session.
    pub messages_malformed: u64,
    /// Items of an arena that the transport refused: their session had already ended.
    pub items_stale: u64,
    /// Sessions ended because their reliable queue was full.
    pub slow_consumers: u64,
    /// Times a session's receive window was closed because its messages were not taken.
    pub windows_closed: u64,
    /// Messages that waited because they were too many for a tick, and whose session ended before.
    pub messages_left_behind: u64,
    /// Bytes of bulk streams that nothing here takes.
    pub bulk_bytes_untaken: u64,
    /// Requests, responses and path packets dropped unopened because their address is in no network that is allowed.
    pub dropped_not_allowed: u64,
    /// The same, because it is in one that is denied.
    pub dropped_denied: u64,
    /// The same, because it is banned.
    pub dropped_banned: u64,
    /// Hellos of accounts that are banned.
    pub refused_banned: u64,
    /// Hellos from accounts or addresses that have as many sessions as they may.
    pub refused_too_many: u64,
    /// Sessions that made room for a newer one of their account.
    pub sessions_replaced: u64,
    /// Times an account broke the rules in a session.
    pub strikes: u64,
    /// Bans that came of it.
    pub bans_imposed: u64,
    /// Bans that would have, had there been room for them.
    pub bans_left_out: u64,
}

/// The reactor thread's machine.
pub struct Gate {
    transport: rudp::Server,
    inbound: Inbound,
    /// By transport slot.
    sessions: Vec<Session>,
    /// Sessions that spoke, for the budgets of each tick. Order is arbitrary but the same in every run.
    spoken: Vec<SessionId>,
    /// Sessions with messages in the batch, or passed on since the realm last answered a tick.
    waiting: Vec<SessionId>,
    access: Access,
    survey: Survey,
    counters: GateCounters,
    closing: Option<Reason>,
    /// The realm has spoken: once its packets have left, what is left for the next tick is published.
    tick_edge: bool,
}

#[derive(Debug)]
struct Session {
    generation: u32,
    /// Whose it is, as the token says.
    account: u64,
    /// Whom its address stands for.
    host: IpAddr,
    /// When its hello was accepted.
    since_ns: u64,
    /// As of the last survey.
    sample: Sample,
    /// Held from the token's acceptance to the hello's.
    user: Option<Box<UserData>>,
    messages: Messages,
    inputs_waiting: InputsWaiting,
    /// Its place among those who spoke.
    spoken_at: Option<u32>,
    /// It is one of those that its account and its host have.
    is_counted: bool,
    /// What it did has been counted against its account: whatever came in the same packet was no second time.
    is_struck: bool,
    /// What it may spend on the next tick was published before the realm's output of this one was at its end.
    is_ahead: bool,
}

impl Session {
    /// A slot that nobody has had.
    fn vacant() -> Self {
        Self::new(0, 0, IpAddr::V4(Ipv4Addr::UNSPECIFIED), None)
    }

    fn new(generation: u32, account: u64, host: IpAddr, user: Option<Box<UserData>>) -> Self {
        Self {
            generation,
            account,
            host,
            since_ns: 0,
            sample: Sample::default(),
            user,
            messages: Messages::default(),
            inputs_waiting: InputsWaiting::default(),
            spoken_at: None,
            is_counted: false,
            is_struck: false,
            is_ahead: false,
        }
    }
}

/// What a client says that no client can say.
struct Malformed;

impl Gate {
    /// A gate with nobody in it.
    ///
    /// # Errors
    /// [`rudp::server::ConfigError`] if the transport's settings contradict each other.
    pub fn new(config: GateConfig, now: Now) -> Result<Self, rudp::server::ConfigError> {
        let GateConfig { transport, access } = config;
        let access = Access::new(access, &transport.requests.exempt, transport.takeover, now);
        Ok(Self {
            transport: rudp::Server::new(transport, now)?,
            access,
            survey: Survey::default(),
            inbound: Inbound::default(),
            sessions: Vec::new(),
            spoken: Vec::new(),
            waiting: Vec::new(),
            counters: GateCounters::default(),
            closing: None,
            tick_edge: false,
        })
    }

    /// From now on `witness` is shown what is received, and what becomes of sessions.
    pub fn set_witness(&mut self, witness: Box<dyn Witness>) {
        self.transport.set_witness(witness);
    }

    /// Datagrams of these senders come next.
    pub fn expect_datagrams(&self, senders: &[SocketAddr]) {
        self.transport.expect_datagrams(senders);
    }

    /// A datagram arrived; it is opened in place.
    pub fn handle_datagram(&mut self, now: Now, from: SocketAddr, datagram: &mut [u8]) {
        // spec: LIF-22
        if outer::comes_from_anywhere(datagram)
            && let Some(barrier) = self.access.bars(now.unix_s, canonical(from).ip())
        {
            *match barrier {
                Barrier::NotAllowed => &mut self.counters.dropped_not_allowed,
                Barrier::Denied => &mut self.counters.dropped_denied,
                Barrier::Banned => &mut self.counters.dropped_banned,
            } += 1;
            return;
        }
        self.transport.handle_datagram(now, from, datagram);
        self.drain_events(now);
    }

    /// The realm finished a tick: queue what it has to say. What each session may spend on the next tick is published
    /// with the next [`Self::swap_inbound`], when the packets of this one have left and are paid for.
    pub fn handle_outbound(&mut self, now: Now, outbound: &Outbound) {
        let mut from = 0;
        while let Some(next) = self.handle_some(now, outbound, from) {
            from = next;
        }
    }

    /// As [`Self::handle_outbound`], of as many items from `from` on as have their sessions' memory asked for together; answers
    /// where to go on. Who has those sent that were told before he goes on finds all of that memory still near: what a packet
    /// costs is for the greater part the wait for it.
    pub fn handle_some(&mut self, now: Now, outbound: &Outbound, from: usize) -> Option<usize> {
        let until = (from + rudp::server::AHEAD_MAX).min(outbound.items().len());
        let items = &outbound.items()[from..until];
        self.transport.expect_sends(items.iter().map(OutboundItem::session));
        for item in items {
            match item {
                OutboundItem::Message { session, channel, bytes } => {
                    self.counters.message_bytes_out += bytes.len() as u64;
                    self.send(now, *session, *channel, outbound.bytes(bytes));
                }
                OutboundItem::Part { session, part, bytes } => {
                    if self.transport.send_snapshot(*session, *part, outbound.bytes(bytes)).is_err() {
                        self.counters.items_stale += 1;
                        self.inbound.push_report(*session, *part, PartOutcome::NotSent);
                    }
                }
                OutboundItem::Close { session, reason } => {
                    self.transport.disconnect(now, *session, *reason);
                    // What the realm saw him do counts like what the gate saw.
                    if *reason == Reason::Suspected {
                        self.strike(now, *session);
                    }
                }
            }
        }
        let is_all = until == outbound.items().len();
        self.tick_edge |= is_all;
        self.drain_events(now);
        (!is_all).then_some(until)
    }

    /// The packets of those who were told by these items of the realm's output have left: what they may spend on the next tick
    /// is published now. At two thousand the last are told hardly before the next tick begins, and all others would be passed
    /// over in it with them.
    pub fn handle_departure(&mut self, now: Now, outbound: &Outbound, items: Range<usize>) {
        let next = outbound.items().get(items.end).map(OutboundItem::session);
        let told = outbound.items()[items].iter().filter(|item| matches!(item, OutboundItem::Part { .. }));
        for session in told.map(OutboundItem::session).filter(|session| Some(*session) != next) {
            let entry = &mut self.sessions[session.slot as usize];
            let is_here = entry.generation == session.generation && entry.spoken_at.is_some();
            if is_here && !std::mem::replace(&mut entry.is_ahead, true) {
                self.transport.on_tick_edge(now, session);
                self.inbound.push_budget(session, self.transport.snapshot_budget_bytes(now, session));
            }
        }
    }

    /// The deadline of [`Self::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Now) {
        self.transport.handle_timeout(now);
        self.drain_events(now);
    }

    /// When [`Self::handle_timeout`] wants to be called next, in nanoseconds of the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.transport.poll_timeout()
    }

    /// The next datagram to send, written into `buf`.
    pub fn poll_transmit(&mut self, now: Now, buf: &mut [u8]) -> Option<Transmit> {
        self.transport.poll_transmit(now, buf)
    }

    /// Whether anything waits for the realm.
    #[must_use]
    pub fn has_inbound(&self) -> bool {
        self.tick_edge || !self.inbound.is_empty()
    }

    /// Exchanges the batch for the realm with an empty one; to be called after [`Self::poll_transmit`] has run dry.
    /// If the realm has answered a tick since, messages that waited for that pass, and windows open again.
    pub fn swap_inbound(&mut self, now: Now, empty: &mut Inbound) {
        assert!(empty.is_empty(), "a batch is cleared before it comes back");
        let is_tick_over = std::mem::take(&mut self.tick_edge);
        if is_tick_over {
            self.transport.show_counters(now);
            self.publish_budgets(now);
        }
        empty.begin_after(&self.inbound);
        std::mem::swap(&mut self.inbound, empty);
        if is_tick_over {
            self.pass_messages_on();
        }
    }

    /// Drain: refuse newcomers from now on and tell everyone who is here why they have to go.
    pub fn close_all(&mut self, now: Now, reason: Reason) {
        self.closing = Some(reason);
        for index in 0..self.sessions.len() {
            let generation = self.sessions[index].generation;
            self.transport.disconnect(now, SessionId { slot: index as u32, generation }, reason);
        }
        self.drain_events(now);
    }

    /// Sessions whose hello was accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.spoken.len()
    }

    /// Whether a token minted now would be let in: for a moment after a start it would not, because it could be one that
    /// was used before (spec: LIF-5).
    #[must_use]
    pub fn is_accepting(&self, now: Now) -> bool {
        let expiry = now.unix_s.saturating_add(rudp::server::TOKEN_LIFETIME_S);
        self.closing.is_none() && expiry >= self.transport.first_admissible_expiry()
    }

    /// The first expiry, in unix seconds, that a token may have to be let in (spec: LIF-5). Fixed at the start.
    #[must_use]
    pub fn first_admissible_expiry(&self) -> u64 {
        self.transport.first_admissible_expiry()
    }

    /// Replaces the keys that open connect tokens; see [`rudp::Server::set_private_keys`].
    ///
    /// # Errors
    /// None or more than two keys; the former ones then stay.
    pub fn set_private_keys(&mut self, keys: Vec<rudp::Key>) -> Result<(), rudp::server::ConfigError> {
        self.transport.set_private_keys(keys)
    }

    /// What the transport counted.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        self.transport.counters()
    }

    /// What the gate itself counted.
    #[must_use]
    pub fn gate_counters(&self) -> &GateCounters {
        &self.counters
    }

    fn send(&mut self, now: Now, session: SessionId, channel: ChannelId, bytes: &[u8]) {
        match self.transport.send(session, channel, bytes) {
            Ok(()) => {}
            Err(rudp::SendError::Full) => {
                // Never silence: whoever does not read what is owed to him is told so and goes.
                self.counters.slow_consumers += 1;
                self.transport.disconnect(now, session, Reason::SlowConsumer);
            }
            Err(_) => self.counters.items_stale += 1,
        }
    }

    /// Those of the sessions that were told in the realm's last tick have been published as they were told.
    fn publish_budgets(&mut self, now: Now) {
        for ids in self.spoken.chunks(rudp::server::AHEAD_MAX) {
            self.transport.expect_sends(ids.iter().filter(|id| !self.sessions[id.slot as usize].is_ahead).copied());
            for &id in ids {
                if !std::mem::take(&mut self.sessions[id.slot as usize].is_ahead) {
                    self.transport.on_tick_edge(now, id);
                    self.inbound.push_budget(id, self.transport.snapshot_budget_bytes(now, id));
                }
            }
        }
    }

    fn drain_events(&mut self, now: Now) {
        while let Some(event) = self.transport.poll_event() {
            match event {
                Event::Connected { id, user, from, .. } => {
                    let user = user.map(|user| Box::new(*user));
                    let account = user.as_ref().map_or(0, |user| user.account_id);
                    self.transport.show_change(now, id, Change::Connected { from, account });
                    self.on_connected(now, id, user, from.ip());
                }
                Event::Spoken { id } => {
                    self.transport.show_change(now, id, Change::Spoken);
                    self.on_spoken(now, id);
                }
                Event::Silent { id } => {
                    self.transport.show_change(now, id, Change::Silent);
                    self.on_presence(SessionEvent::Silent { session: id }, id);
                }
                Event::Resumed { id } => {
                    self.transport.show_change(now, id, Change::Resumed);
                    self.on_presence(SessionEvent::Resumed { session: id }, id);
                }
                Event::Moved { id, to } => {
                    self.transport.show_change(now, id, Change::Moved { to });
                    self.on_moved(id, to.ip());
                }
                // Whoever was refused may have said more before he knew.
                Event::Message { id, .. } if self.sessions[id.slot as usize].spoken_at.is_none() => {}
                Event::Message { id, channel, bytes } => {
                    let waiting = &mut self.sessions[id.slot as usize].inputs_waiting;
                    match Self::on_message(&mut self.inbound, waiting, &mut self.counters, id, channel, bytes) {
                        Ok(Some(message)) => self.on_reliable(id, message),
                        Ok(None) => {}
                        Err(Malformed) => {
                            self.transport.disconnect(now, id, Reason::ProtocolViolation);
                            self.strike(now, id);
                        }
                    }
                }
                Event::Bulk { id, channel } => {
                    // Nothing in the world takes streams from players yet: they are read so that none waits for ever.
                    while let Some(chunk) = self.transport.read_bulk(id, channel) {
                        self.counters.bulk_bytes_untaken += chunk.bytes.len() as u64;
                    }
                }
                Event::Part { id, part, outcome } => self.inbound.push_report(id, part, outcome),
                Event::Misbehaved { id } => self.strike(now, id),
                Event::Disconnected { id, reason } => {
                    self.transport.show_change(now, id, Change::Disconnected { reason });
                    self.on_disconnected(id, reason);
                }
            }
        }
    }

    fn on_connected(&mut self, now: Now, id: SessionId, user: Option<Box<UserData>>, ip: IpAddr) {
        let index = id.slot as usize;
        if self.sessions.len() <= index {
            self.sessions.resize_with(index + 1, Session::vacant);
        }
        let account = user.as_ref().map_or(0, |user| user.account_id);
        self.sessions[index] = Session::new(id.generation, account, host(ip), user);
        if let Some(reason) = self.closing {
            self.transport.disconnect(now, id, reason);
        }
    }

    /// A spoken session fell silent or was heard again.
    fn on_presence(&mut self, event: SessionEvent, session: SessionId) {
        if self.sessions[session.slot as usize].spoken_at.is_some() {
            self.inbound.push_event(event);
        }
    }

    /// Takes an input, or reads a message.
    fn on_message(
        inbound: &mut Inbound,
        waiting: &mut InputsWaiting,
        counters: &mut GateCounters,
        session: SessionId,
        channel: ChannelId,
        bytes: &[u8],
    ) -> Result<Option<ClientMessage>, Malformed> {
        if channel == channel::INPUT {
            let Ok(input) = InputMessage::decode(bytes) else {
                counters.inputs_malformed += 1;
                return Err(Malformed);
            };
            counters.inputs_dropped += inbound.push_input(session, input, waiting) as u64;
            return Ok(None);
        }
        counters.message_bytes_in += bytes.len() as u64;
        codec::decode(bytes).map(Some).map_err(|_| {
            counters.messages_malformed += 1;
            Malformed
        })
    }

    fn on_disconnected(&mut self, session: SessionId, reason: Reason) {
        self.counters.disconnects.count(reason);
        self.uncount(session);
        let entry = &mut self.sessions[session.slot as usize];
        if entry.generation != session.generation {
            return;
        }
        entry.user = None;
        if let Some(at) = entry.spoken_at.take() {
            // Without a search: two thousand may leave within one tick.
            self.spoken.swap_remove(at as usize);
            if let Some(moved) = self.spoken.get(at as usize) {
                self.sessions[moved.slot as usize].spoken_at = Some(at);
            }
            self.counters.sessions_left += 1;
            self.drop_messages(session);
            self.inbound.push_event(SessionEvent::Left { session, reason });
        }
    }
}
