//! What the client tells its caller, in order.
use crate::channel::ChannelId;
use crate::reason::Reason;
use std::collections::VecDeque;
use std::ops::Range;

/// Something the caller should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientEvent<'a> {
    /// The server gave us a slot; we say hello.
    Connected {
        /// Our index at the server.
        index: u32,
        /// Clients the server takes.
        clients_max: u32,
    },
    /// The server accepted the hello.
    Accepted {
        /// The inner version both ends speak from now on.
        version: u16,
    },
    /// The server has not been heard for 10 s, and answers no probes: the session is held, and nothing but probes is
    /// sent.
    Silent,
    /// The silent server was heard again: the session goes on where it stood.
    Resumed,
    /// The server said something.
    Message {
        /// Number of the packet that carried it, for [`Client::refuse_packet`](super::Client::refuse_packet).
        sequence: u64,
        /// On this channel; snapshot parts come on the snapshot channel.
        channel: ChannelId,
        /// The message.
        bytes: &'a [u8],
    },
    /// Chunks of a bulk channel are here: to be read by [`Client::read_bulk`](super::Client::read_bulk) until there are
    /// none.
    Bulk {
        /// The channel.
        channel: ChannelId,
    },
    /// It is over; the last event.
    Disconnected {
        /// Why.
        reason: Reason,
    },
}

enum Stored {
    Connected { index: u32, clients_max: u32 },
    Accepted(u16),
    Silent,
    Resumed,
    Message(u64, ChannelId, Range<usize>),
    Bulk(ChannelId),
    Disconnected(Reason),
}

/// Events in order, with the bytes of all messages in one buffer that is kept: no allocation per message.
pub(super) struct EventQueue {
    events: VecDeque<Stored>,
    bytes: Vec<u8>,
}

/// Room for events and their bytes from the start: what one wake-up brings. More grows it once.
const ROOM: (usize, usize) = (32, 4 * 1_024);

impl Default for EventQueue {
    fn default() -> Self {
        Self { events: VecDeque::with_capacity(ROOM.0), bytes: Vec::with_capacity(ROOM.1) }
    }
}

impl EventQueue {
    pub(super) fn push(&mut self, event: ClientEvent<'_>) {
        let stored = match event {
            ClientEvent::Connected { index, clients_max } => Stored::Connected { index, clients_max },
            ClientEvent::Accepted { version } => Stored::Accepted(version),
            ClientEvent::Silent => Stored::Silent,
            ClientEvent::Resumed => Stored::Resumed,
            ClientEvent::Message { sequence, channel, bytes } => {
                if self.events.is_empty() {
                    self.bytes.clear();
                }
                let start = self.bytes.len();
                self.bytes.extend_from_slice(bytes);
                Stored::Message(sequence, channel, start..self.bytes.len())
            }
            ClientEvent::Bulk { channel } => Stored::Bulk(channel),
            ClientEvent::Disconnected { reason } => Stored::Disconnected(reason),
        };
        self.events.push_back(stored);
    }

    pub(super) fn poll(&mut self) -> Option<ClientEvent<'_>> {
        if self.events.is_empty() {
            // The next event is written where the last one was, which is near, and not one place further round the ring.
            self.events.clear();
        }
        Some(match self.events.pop_front()? {
            Stored::Connected { index, clients_max } => ClientEvent::Connected { index, clients_max },
            Stored::Accepted(version) => ClientEvent::Accepted { version },
            Stored::Silent => ClientEvent::Silent,
            Stored::Resumed => ClientEvent::Resumed,
            Stored::Message(sequence, channel, range) => {
                ClientEvent::Message { sequence, channel, bytes: &self.bytes[range] }
            }
            Stored::Bulk(channel) => ClientEvent::Bulk { channel },
            Stored::Disconnected(reason) => ClientEvent::Disconnected { reason },
        })
    }
}
