//! The client's end of one session.
//!
//! Drive it per wake as the server: datagrams, own sends, [`Client::handle_timeout`], then events and transmits until
//! `None`. A client lives for one token: when it has ended, take a new token and make a new client.
mod bulk;
mod events;
mod path;
mod sink;
#[cfg(test)]
mod tests;

pub use events::ClientEvent;

use crate::challenge::{CHALLENGE_BODY_BYTES, CHALLENGE_LIFETIME_NS};
use crate::channel::{ChannelId, SendError};
use crate::connection::{Connection, ConnectionConfig, ConnectionStats, Role};
use crate::counters::Counters;
use crate::farewell::Farewell;
use crate::hello::Hello;
use crate::limits::{HANDSHAKE_INTERVAL_NS, IDLE_SPOKEN_NS, IDLE_UNSPOKEN_NS, Patience, token_timeout_ns};
use crate::link::Link;
use crate::liveness::{Due, HELD_DEFAULT_S, HELD_MAX_S, Liveness};
use crate::outer::{self, DATAGRAM_BYTES_MAX, Header, KeepAlive, Kind, PAYLOAD_BYTES_MAX, Reads};
use crate::prefetch::Prefetch;
use crate::rate::{IPV4_UDP_BYTES, IPV6_UDP_BYTES};
use crate::reason::Reason;
use crate::seal::{Backend, PacketKey};
use crate::server::Transmit;
use crate::time::{NS_PER_S, Now};
use crate::token::ConnectToken;
use events::EventQueue;
use sink::ClientSink;
use std::net::SocketAddr;

/// What a client is told at its start.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The token it presents, from the mint.
    pub token: ConnectToken,
    /// What it says of itself first.
    pub hello: Hello,
    /// What implementation seals packets.
    pub seal: Backend,
    /// How long a silent session is held, seconds; at most 600, more is taken as 600.
    pub held_s: u32,
    /// Of the packet layer.
    pub connection: ConnectionConfig,
}

impl ClientConfig {
    /// The defaults around what has none.
    #[must_use]
    pub fn new(token: ConnectToken, hello: Hello) -> Self {
        Self { token, hello, seal: Backend::Auto, held_s: HELD_DEFAULT_S, connection: ConnectionConfig::default() }
    }
}

/// A client that waits for its acceptance repeats its request before every second response: a copy of the request, sent
/// from elsewhere, may have taken its place at the server. They leave together, so whoever would displace it once more
/// has to come between two datagrams.
const RESPONSES_PER_REQUEST: u32 = 2;

/// How far the client has come. spec: LIF-2
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientState {
    /// Presents its token, 10 times a second.
    Requesting,
    /// Answers the challenge, 10 times a second.
    Responding,
    /// Has a slot at the server; says hello.
    Connected,
    /// The hello was accepted: messages flow.
    Spoken,
    /// Over.
    Ended(Reason),
}

/// The client endpoint.
pub struct Client {
    token: ConnectToken,
    hello: Hello,
    connection_config: ConnectionConfig,
    stage: Stage,
    /// Which address of the token is being tried.
    address_index: usize,
    link: Option<Link>,
    farewell: Option<Farewell>,
    events: EventQueue,
    counters: Counters,
    /// Last figures of a connection that has ended.
    stats: ConnectionStats,
    patience: Patience,
    /// When timers were last fired.
    timed_ns: u64,
    /// On the patient clock.
    started_ns: u64,
    /// By what the server finds us from another address: the packet that told, and the id.
    path: Option<(u64, u64)>,
    /// A challenge of the server that waits to be answered.
    path_answer: Option<u64>,
    /// No path packet without a challenge leaves before.
    path_next_ns: u64,
    /// Path packets without a challenge since the server was last heard.
    paths_unheard: usize,
    /// Of the server, since the present stage began.
    liveness: Liveness,
    token_timeout_ns: Option<u64>,
}

/// What only one stage needs lives in it.
enum Stage {
    Requesting {
        next_ns: u64,
    },
    /// `stale_ns`: when the challenge has become too old to be answered and is asked for anew.
    Responding {
        next_ns: u64,
        stale_ns: u64,
        /// Responses that left since the last request.
        responses: u32,
        challenge: Box<[u8; CHALLENGE_BODY_BYTES]>,
    },
    Connected {
        connection: Box<Connection>,
        is_spoken: bool,
    },
    Ended(Reason),
}

impl Client {
    /// A client that starts to connect now.
    #[must_use]
    pub fn new(config: ClientConfig, now: Now) -> Self {
        let ClientConfig { token, hello, seal, held_s, connection } = config;
        let opens = PacketKey::new(&token.server_to_client, seal);
        let seals = PacketKey::new(&token.client_to_server, seal);
        Self {
            link: Some(Link::new(token.protocol_id, opens, seals, now.mono_ns)),
            token_timeout_ns: token_timeout_ns(token.timeout_s),
            token,
            hello,
            connection_config: connection,
            stage: Stage::Requesting { next_ns: now.mono_ns },
            address_index: 0,
            path: None,
            path_answer: None,
            path_next_ns: 0,
            paths_unheard: 0,
            farewell: None,
            events: EventQueue::default(),
            counters: Counters::default(),
            stats: ConnectionStats::default(),
            patience: Patience::default(),
            timed_ns: 0,
            started_ns: now.mono_ns,
            liveness: Liveness::new(now.mono_ns, held_s.min(HELD_MAX_S)),
        }
    }

    /// How far it has come.
    #[must_use]
    pub fn state(&self) -> ClientState {
        match &self.stage {
            Stage::Requesting { .. } => ClientState::Requesting,
            Stage::Responding { .. } => ClientState::Responding,
            Stage::Connected { is_spoken: false, .. } => ClientState::Connected,
            Stage::Connected { is_spoken: true, .. } => ClientState::Spoken,
            Stage::Ended(reason) => ClientState::Ended(*reason),
        }
    }

    /// The server address in use.
    #[must_use]
    pub fn server(&self) -> SocketAddr {
        let addresses = self.token.addresses.as_slice();
        addresses[self.address_index.min(addresses.len() - 1)]
    }

    /// A datagram or a tick of this client comes soon: for who drives so many that none stays near (see
    /// [`Server::expect_datagrams`](crate::Server::expect_datagrams)).
    pub fn expect(&self, prefetch: Prefetch) {
        prefetch.value(&self.liveness);
        if let (Stage::Connected { connection, .. }, Some(link)) = (&self.stage, &self.link) {
            prefetch.value(link);
            prefetch.value(&**connection);
            link.prefetch(prefetch);
            connection.prefetch(prefetch);
        }
    }

    /// Takes one datagram; it is decrypted in place and worthless afterwards.
    pub fn handle_datagram(&mut self, now: Now, from: SocketAddr, datagram: &mut [u8]) {
        self.counters.on_received(datagram.len());
        let Some(index) = self.index_of(from) else {
            self.counters.drop_unknown_address += 1;
            return;
        };
        let header = match outer::decode_header(datagram, Reads::Client) {
            Ok(header) => header,
            Err(error) => return self.counters.on_outer_error(error),
        };
        // Only a session that still runs can use a packet; after the end nothing is opened any more.
        let Some(link) = self.link.as_mut() else {
            self.counters.drop_state += 1;
            return;
        };
        if !self.stage.expects(header.kind, now.mono_ns) {
            self.counters.drop_state += 1;
            return;
        }
        // The server may have another of its addresses for where we are now; only a challenge comes from there first.
        if index != self.address_index && header.kind != Kind::Path {
            self.counters.drop_unknown_address += 1;
            return;
        }
        let Ok(body) = link.open(header, datagram, &mut self.counters) else { return };
        self.paths_unheard = 0;
        if std::mem::replace(&mut self.address_index, index) != index
            && let Stage::Connected { connection, .. } = &mut self.stage
        {
            connection.on_path_changed(if from.is_ipv6() { IPV6_UDP_BYTES } else { IPV4_UDP_BYTES });
        }
        self.handle_body(now, header, body);
    }

    fn handle_body(&mut self, now: Now, header: Header, body: &[u8]) {
        if self.liveness.on_heard(self.patience.clock_ns(now.mono_ns))
            && header.kind != Kind::Disconnect
            && let Stage::Connected { connection, .. } = &mut self.stage
        {
            connection.on_resumed();
            self.events.push(ClientEvent::Resumed);
        }
        match header.kind {
            Kind::Challenge => {
                if let Ok(challenge) = <[u8; CHALLENGE_BODY_BYTES]>::try_from(body) {
                    let (next_ns, stale_ns) = (now.mono_ns, now.mono_ns + CHALLENGE_LIFETIME_NS);
                    self.stage = Stage::Responding { next_ns, stale_ns, responses: 0, challenge: Box::new(challenge) };
                }
            }
            Kind::Denied => self.try_next_address(now, Reason::ServerFull),
            Kind::KeepAlive => self.handle_keep_alive(now, header.sequence, body),
            Kind::Payload => self.handle_payload(now, header.sequence, body),
            Kind::Disconnect => self.end(now, Reason::Unstated, None),
            Kind::Path => self.handle_path(now, header.sequence, body),
            Kind::Request | Kind::Response => self.counters.drop_role += 1,
        }
    }

    fn handle_keep_alive(&mut self, now: Now, sequence: u64, body: &[u8]) {
        let Some(KeepAlive { index, clients_max }) = KeepAlive::decode(body) else { return };
        if matches!(self.stage, Stage::Responding { .. }) {
            let ip_udp_bytes = if self.server().is_ipv6() { IPV6_UDP_BYTES } else { IPV4_UDP_BYTES };
            let config = ConnectionConfig { ip_udp_bytes, ..self.connection_config.clone() };
            let connection = Box::new(Connection::new(now.mono_ns, Role::Client(self.hello), &config));
            self.stage = Stage::Connected { connection, is_spoken: false };
            self.events.push(ClientEvent::Connected { index, clients_max });
        }
        if let Stage::Connected { connection, .. } = &mut self.stage {
            connection.handle_other(now.mono_ns, sequence);
        }
    }

    fn handle_payload(&mut self, now: Now, sequence: u64, body: &[u8]) {
        let Stage::Connected { connection, is_spoken } = &mut self.stage else { return };
        let mut sink = ClientSink::new(&mut self.events, self.path);
        let unspoken_in = connection.stats().unspoken_in;
        if connection.handle_payload(now.mono_ns, sequence, body, &mut sink).is_err() {
            self.counters.payload_malformed += 1;
        }
        *is_spoken |= sink.is_spoken;
        if sink.closed.is_none() {
            self.counters.payload_unspoken += connection.stats().unspoken_in - unspoken_in;
        }
        self.path = sink.path;
        let misbehaved = sink.misbehaved.take();
        if let Some(reason) = sink.closed {
            self.end(now, reason, None);
        } else if let Some(text) = misbehaved {
            self.end(now, Reason::ProtocolViolation, Some(&text));
        }
    }

    /// Fires what is due. Afterwards [`poll_timeout`](Self::poll_timeout) lies after `now`; a second call with the same
    /// `now` changes nothing.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.patience.on_timeout(self.poll_timeout(), now.mono_ns) {
            self.counters.stalls += 1;
        }
        let patient_ns = self.patience.clock_ns(now.mono_ns);
        if let Some((_, reason)) = self.overdue().filter(|(at, _)| *at <= patient_ns) {
            match self.stage {
                Stage::Connected { .. } => self.end(now, reason, Some("")),
                _ if reason == Reason::TokenRefused => self.end(now, reason, None),
                _ => self.try_next_address(now, reason),
            }
        }
        self.judge_liveness(now, patient_ns);
        if self.path_due_ns().is_some_and(|at| at <= now.mono_ns) {
            self.tell_path(now);
        }
        if let Stage::Connected { connection, .. } = &mut self.stage {
            let mut sink = ClientSink::new(&mut self.events, None);
            connection.handle_timeout(now.mono_ns, &mut sink);
        }
        self.timed_ns = now.mono_ns;
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, nanoseconds on the monotonic clock. `None` when
    /// nothing will happen by itself.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        // What was due at the last timeout call and waits for `poll_transmit` is no matter of time any more.
        self.next_wake_ns().map(|at| at.max(self.timed_ns + 1))
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<ClientEvent<'_>> {
        self.events.poll()
    }

    /// Writes the next datagram into `buf`, which must hold [`DATAGRAM_BYTES_MAX`] bytes. Call until `None`.
    ///
    /// # Panics
    /// When `buf` is shorter.
    pub fn poll_transmit(&mut self, now: Now, buf: &mut [u8]) -> Option<Transmit> {
        assert!(buf.len() >= DATAGRAM_BYTES_MAX, "the transmit buffer is too short");
        let mut to = self.server();
        if self.path.is_some() && self.path_answer == Some(0) && matches!(self.stage, Stage::Connected { .. }) {
            to = self.next_path_address();
        }
        let len = match (&mut self.stage, self.link.as_mut()) {
            (Stage::Requesting { next_ns }, Some(link)) if *next_ns <= now.mono_ns => {
                *next_ns = now.mono_ns + HANDSHAKE_INTERVAL_NS;
                link.on_request_sent(now.mono_ns);
                outer::encode_request(&self.token, buf)
            }
            (Stage::Responding { next_ns, stale_ns, responses, challenge }, Some(link)) if *next_ns <= now.mono_ns => {
                let is_stale = *stale_ns <= now.mono_ns;
                if is_stale || *responses >= RESPONSES_PER_REQUEST {
                    if is_stale {
                        *next_ns = now.mono_ns + HANDSHAKE_INTERVAL_NS;
                    }
                    *responses = 0;
                    link.on_request_sent(now.mono_ns);
                    outer::encode_request(&self.token, buf)
                } else {
                    *next_ns = now.mono_ns + HANDSHAKE_INTERVAL_NS;
                    *responses += 1;
                    link.seal_body(now.mono_ns, Kind::Response, challenge.as_slice(), buf)
                }
            }
            (Stage::Connected { connection, .. }, Some(link))
                if let Some(((_, path_id), said)) = self.path.zip(self.path_answer.take()) =>
            {
                connection.on_path_sent(now.mono_ns, link.next_sequence());
                link.seal_path(now.mono_ns, path_id, said, buf)
            }
            (Stage::Connected { connection, is_spoken }, Some(link)) => {
                let idle_ns = if self.liveness.is_silent() { u64::MAX } else { idle_ns(*is_spoken) };
                transmit_connected(now, connection, idle_ns, link, buf)?
            }
            (Stage::Ended(_), _) => {
                let mut farewell = self.farewell.take()?;
                let to = farewell.to();
                let len = farewell.poll_transmit(now.mono_ns, buf, &mut self.counters)?;
                self.farewell = Some(farewell);
                return Some(Transmit { to, len });
            }
            _ => return None,
        };
        self.counters.on_sent(len);
        Some(Transmit { to, len })
    }

    /// Queues a message; a client may send as soon as it is connected.
    ///
    /// # Errors
    /// [`SendError`]; [`SendError::NotSpoken`] before the connection, [`SendError::Closing`] after its end.
    pub fn send(&mut self, channel: ChannelId, message: &[u8]) -> Result<(), SendError> {
        match &mut self.stage {
            Stage::Connected { connection, .. } => connection.send(channel, message),
            Stage::Ended(_) => Err(SendError::Closing),
            Stage::Requesting { .. } | Stage::Responding { .. } => Err(SendError::NotSpoken),
        }
    }

    /// What packet `sequence` held could not be decoded: it will not be acked. To be called between the event and the
    /// next [`poll_transmit`](Self::poll_transmit).
    pub fn refuse_packet(&mut self, sequence: u64) {
        if let Stage::Connected { connection, .. } = &mut self.stage {
            connection.refuse_packet(sequence);
        }
    }

    /// Leaves: the server is told why.
    pub fn disconnect(&mut self, now: Now, reason: Reason) {
        self.end(now, reason, Some(""));
    }

    /// Numbers of the packet layer; those of the last connection once it has ended.
    #[must_use]
    pub fn stats(&self) -> &ConnectionStats {
        match &self.stage {
            Stage::Connected { connection, .. } => connection.stats(),
            _ => &self.stats,
        }
    }

    /// What was dropped, by reason.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A spoken session is probed, then silent, then over. spec: LIF-17
    fn judge_liveness(&mut self, now: Now, patient_ns: u64) {
        while let Stage::Connected { connection, is_spoken: true } = &mut self.stage
            && let Some(due) = self.liveness.poll(patient_ns)
        {
            match due {
                // Whoever was lost for so long may well come back with another address.
                Due::Probe if self.liveness.is_silent() && self.path.is_some() => self.path_answer = Some(0),
                Due::Probe => connection.queue_probe(),
                Due::Silent => {
                    let mut sink = ClientSink::new(&mut self.events, None);
                    connection.on_silent(&mut sink);
                    self.events.push(ClientEvent::Silent);
                }
                Due::Closed => self.end(now, Reason::TimedOut, Some("")),
            }
        }
    }

    /// Whether the session is held in silence.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self.stage, Stage::Connected { .. }) && self.liveness.is_silent()
    }

    /// The deadline of the present stage on the patient clock, and what passing it means. spec: LIF-3, LIF-13
    fn overdue(&self) -> Option<(u64, Reason)> {
        let silence = |timeout: Option<u64>| timeout.map(|timeout| self.liveness.heard_ns().saturating_add(timeout));
        match &self.stage {
            Stage::Requesting { .. } | Stage::Responding { .. } => {
                let lifetime_ns =
                    self.token.expire_unix_s.saturating_sub(self.token.create_unix_s).saturating_mul(NS_PER_S);
                let expiry = (self.started_ns.saturating_add(lifetime_ns), Reason::TokenRefused);
                let stage = silence(self.token_timeout_ns).map(|at| (at, Reason::Unreachable));
                Some(stage.map_or(expiry, |stage| if stage.0 < expiry.0 { stage } else { expiry }))
            }
            Stage::Connected { is_spoken: true, .. } => None,
            Stage::Connected { .. } => silence(self.token_timeout_ns).map(|at| (at, Reason::TimedOut)),
            Stage::Ended(_) => None,
        }
    }

    fn next_wake_ns(&self) -> Option<u64> {
        let overdue = self.overdue().map(|(at, _)| at.saturating_add(self.patience.stalled_ns()));
        let (send, connection) = match &self.stage {
            Stage::Requesting { next_ns } | Stage::Responding { next_ns, .. } => (Some(*next_ns), None),
            Stage::Connected { connection, is_spoken } => {
                let sent_ns = self.link.as_ref().map(Link::last_sent_ns).filter(|_| !self.liveness.is_silent());
                (sent_ns.map(|at| at + idle_ns(*is_spoken)), connection.poll_timeout())
            }
            Stage::Ended(_) => (None, None),
        };
        let is_spoken = matches!(self.stage, Stage::Connected { is_spoken: true, .. });
        let liveness = is_spoken.then(|| self.liveness.next_ns().saturating_add(self.patience.stalled_ns()));
        [overdue, liveness, self.path_due_ns(), send, connection].into_iter().flatten().min()
    }

    fn try_next_address(&mut self, now: Now, reason: Reason) {
        if self.address_index + 1 < self.token.addresses.as_slice().len() {
            self.address_index += 1;
            self.liveness.on_heard(self.patience.clock_ns(now.mono_ns));
            self.stage = Stage::Requesting { next_ns: now.mono_ns };
        } else {
            self.end(now, reason, None);
        }
    }

    fn end(&mut self, now: Now, reason: Reason, farewell: Option<&str>) {
        if matches!(self.stage, Stage::Ended(_)) {
            return;
        }
        let to = self.server();
        let stage = std::mem::replace(&mut self.stage, Stage::Ended(reason));
        match (stage, self.link.take()) {
            (Stage::Connected { mut connection, .. }, Some(link)) => {
                self.stats = *connection.stats();
                self.farewell =
                    farewell.map(|text| Farewell::new(to, link, &mut connection, now.mono_ns, reason, text));
            }
            // The response may have been accepted already.
            (Stage::Responding { .. }, Some(link)) => self.farewell = Some(Farewell::silent(to, link)),
            _ => {}
        }
        self.events.push(ClientEvent::Disconnected { reason });
    }
}

fn transmit_connected(
    now: Now,
    connection: &mut Connection,
    idle_ns: u64,
    link: &mut Link,
    buf: &mut [u8],
) -> Option<usize> {
    let sequence = link.next_sequence();
    let start = outer::body_offset(sequence);
    if let Some(len) = connection.poll_payload(now.mono_ns, sequence, &mut buf[start..start + PAYLOAD_BYTES_MAX]) {
        return Some(link.seal(now.mono_ns, Kind::Payload, len, buf));
    }
    if link.last_sent_ns().saturating_add(idle_ns) > now.mono_ns {
        return None;
    }
    connection.on_other_sent(now.mono_ns, sequence);
    Some(link.seal_body(now.mono_ns, Kind::KeepAlive, &KeepAlive::default().encode(), buf))
}

fn idle_ns(is_spoken: bool) -> u64 {
    if is_spoken { IDLE_SPOKEN_NS } else { IDLE_UNSPOKEN_NS }
}

impl Stage {
    /// The types each stage has use for; the rest is ignored unopened, so it cannot advance the replay window.
    fn expects(&self, kind: Kind, mono_ns: u64) -> bool {
        match self {
            Self::Requesting { .. } => matches!(kind, Kind::Challenge | Kind::Denied),
            Self::Responding { stale_ns, .. } if kind == Kind::Challenge => *stale_ns <= mono_ns,
            Self::Responding { .. } => matches!(kind, Kind::KeepAlive | Kind::Denied),
            Self::Connected { .. } => matches!(kind, Kind::KeepAlive | Kind::Payload | Kind::Disconnect | Kind::Path),
            Self::Ended(_) => false,
        }
    }
}
