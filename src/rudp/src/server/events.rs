//! What the server tells its caller, in order.
use super::ConnectionId;
use crate::channel::{ChannelId, PartId, PartOutcome};
use crate::reason::Reason;
use crate::token::UserData;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;

/// Something the caller should know. spec: LIF-10
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A response was accepted: the bearer of a token is here, still unspoken.
    Connected {
        /// The new connection.
        id: ConnectionId,
        /// The token's client id.
        client_id: u64,
        /// Who the token says it is; `None` when its user bytes are not in our layout. Such a connection stays
        /// unspoken.
        user: Option<&'a UserData>,
        /// Where its packets come from.
        from: SocketAddr,
    },
    /// Its hello was valid: messages may flow.
    Spoken {
        /// The connection.
        id: ConnectionId,
    },
    /// It has not been heard for 10 s, and answers no probes: it is held, and nothing but probes is sent to it.
    Silent {
        /// The connection.
        id: ConnectionId,
    },
    /// A silent connection was heard again: it goes on where it stood.
    Resumed {
        /// The connection.
        id: ConnectionId,
    },
    /// Its packets come from another address from now on, and go there.
    Moved {
        /// The connection.
        id: ConnectionId,
        /// The new address, proven.
        to: SocketAddr,
    },
    /// It said something.
    Message {
        /// The connection.
        id: ConnectionId,
        /// On this channel.
        channel: ChannelId,
        /// The message.
        bytes: &'a [u8],
    },
    /// Chunks of a bulk channel are here: to be read by [`Server::read_bulk`](super::Server::read_bulk) until there are
    /// none.
    Bulk {
        /// The connection.
        id: ConnectionId,
        /// The channel.
        channel: ChannelId,
    },
    /// What became of a snapshot part: exactly once per part that was taken, before the end of its connection.
    Part {
        /// The connection.
        id: ConnectionId,
        /// The part.
        part: PartId,
        /// Its fate.
        outcome: PartOutcome,
    },
    /// The peer broke the rules inside its session, which nobody else can: what it sent was sealed with its keys. The
    /// session ends for that reason, and the end follows.
    Misbehaved {
        /// The connection.
        id: ConnectionId,
    },
    /// It is over: exactly once per `Connected`, and the last event of its connection.
    Disconnected {
        /// The connection; from now on nobody.
        id: ConnectionId,
        /// Why.
        reason: Reason,
    },
}

enum Stored {
    Connected { id: ConnectionId, client_id: u64, user: Option<Box<UserData>>, from: SocketAddr },
    Spoken(ConnectionId),
    Silent(ConnectionId),
    Resumed(ConnectionId),
    Moved(ConnectionId, SocketAddr),
    Message(ConnectionId, ChannelId, Range<usize>),
    Bulk(ConnectionId, ChannelId),
    Part(ConnectionId, PartId, PartOutcome),
    Misbehaved(ConnectionId),
    Disconnected(ConnectionId, Reason),
}

/// Events in order, with the bytes of all messages in one buffer that is kept: no allocation per message.
pub(super) struct EventQueue {
    events: VecDeque<Stored>,
    bytes: Vec<u8>,
    user: Option<Box<UserData>>,
}

/// Room for events from the start: what one wake-up brings. More grows it once.
const EVENTS_ROOM: usize = 256;

impl Default for EventQueue {
    fn default() -> Self {
        Self { events: VecDeque::with_capacity(EVENTS_ROOM), bytes: Vec::with_capacity(64 * EVENTS_ROOM), user: None }
    }
}

impl EventQueue {
    pub(super) fn on_connected(&mut self, id: ConnectionId, client_id: u64, user: Option<UserData>, from: SocketAddr) {
        self.events.push_back(Stored::Connected { id, client_id, user: user.map(Box::new), from });
    }

    pub(super) fn on_spoken(&mut self, id: ConnectionId) {
        self.events.push_back(Stored::Spoken(id));
    }

    pub(super) fn on_silent(&mut self, id: ConnectionId) {
        self.events.push_back(Stored::Silent(id));
    }

    pub(super) fn on_resumed(&mut self, id: ConnectionId) {
        self.events.push_back(Stored::Resumed(id));
    }

    pub(super) fn on_moved(&mut self, id: ConnectionId, to: SocketAddr) {
        self.events.push_back(Stored::Moved(id, to));
    }

    pub(super) fn on_message(&mut self, id: ConnectionId, channel: ChannelId, bytes: &[u8]) {
        if self.events.is_empty() {
            self.bytes.clear();
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.events.push_back(Stored::Message(id, channel, start..self.bytes.len()));
    }

    pub(super) fn on_bulk(&mut self, id: ConnectionId, channel: ChannelId) {
        self.events.push_back(Stored::Bulk(id, channel));
    }

    pub(super) fn on_part(&mut self, id: ConnectionId, part: PartId, outcome: PartOutcome) {
        self.events.push_back(Stored::Part(id, part, outcome));
    }

    pub(super) fn on_misbehaved(&mut self, id: ConnectionId) {
        self.events.push_back(Stored::Misbehaved(id));
    }

    pub(super) fn on_disconnected(&mut self, id: ConnectionId, reason: Reason) {
        self.events.push_back(Stored::Disconnected(id, reason));
    }

    pub(super) fn poll(&mut self) -> Option<Event<'_>> {
        Some(match self.events.pop_front()? {
            Stored::Connected { id, client_id, user, from } => {
                self.user = user;
                Event::Connected { id, client_id, user: self.user.as_deref(), from }
            }
            Stored::Spoken(id) => Event::Spoken { id },
            Stored::Silent(id) => Event::Silent { id },
            Stored::Resumed(id) => Event::Resumed { id },
            Stored::Moved(id, to) => Event::Moved { id, to },
            Stored::Message(id, channel, range) => Event::Message { id, channel, bytes: &self.bytes[range] },
            Stored::Bulk(id, channel) => Event::Bulk { id, channel },
            Stored::Part(id, part, outcome) => Event::Part { id, part, outcome },
            Stored::Misbehaved(id) => Event::Misbehaved { id },
            Stored::Disconnected(id, reason) => Event::Disconnected { id, reason },
        })
    }
}
