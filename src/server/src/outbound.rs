//! What the realm tells the gate: one arena per tick, recycled.

use crate::SessionId;
use crate::inbound::Inbound;
use protocol::codec;
use protocol::message::ServerMessage;
use rudp::{ChannelId, PartId, PartOutcome, Reason};
use std::ops::Range;

/// One thing to do for one session.
#[derive(Clone, Debug)]
pub enum OutboundItem {
    /// Send a message on a reliable channel.
    Message {
        /// To whom.
        session: SessionId,
        /// On which channel.
        channel: ChannelId,
        /// Where its bytes lie in the arena.
        bytes: Range<usize>,
    },
    /// Send a snapshot part.
    Part {
        /// To whom.
        session: SessionId,
        /// Its number in the realm's count for this session; the gate reports exactly one outcome for it.
        part: PartId,
        /// Where its bytes lie in the arena.
        bytes: Range<usize>,
    },
    /// End the session.
    Close {
        /// Which.
        session: SessionId,
        /// Why.
        reason: Reason,
    },
}

impl OutboundItem {
    /// For whom.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        match self {
            Self::Message { session, .. } | Self::Part { session, .. } | Self::Close { session, .. } => *session,
        }
    }
}

/// A tick's arena. The realm appends; the gate reads; whoever has it last clears it.
#[derive(Debug, Default)]
pub struct Outbound {
    items: Vec<OutboundItem>,
    bytes: Vec<u8>,
    scratch: Vec<u8>,
}

impl Outbound {
    /// What is to be done, in order.
    #[must_use]
    pub fn items(&self) -> &[OutboundItem] {
        &self.items
    }

    /// The bytes of an item.
    #[must_use]
    pub fn bytes(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }

    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.items.clear();
        self.bytes.clear();
    }

    /// Takes the snapshot parts out again and reports them as not sent, for when the gate cannot take this arena in time.
    /// Messages and closes stay: they must not be lost, and go with the next tick's.
    pub fn withdraw_parts(&mut self, reports: &mut Inbound) {
        self.items.retain(|item| match item {
            OutboundItem::Part { session, part, .. } => {
                reports.reports.push((*session, *part, PartOutcome::NotSent));
                false
            }
            _ => true,
        });
    }

    pub(crate) fn message(&mut self, session: SessionId, channel: ChannelId, message: &ServerMessage) {
        let mut scratch = std::mem::take(&mut self.scratch);
        codec::encode(message, &mut scratch);
        self.encoded(session, channel, &scratch);
        self.scratch = scratch;
    }

    /// As [`Self::message`], of a message that was encoded already.
    pub(crate) fn encoded(&mut self, session: SessionId, channel: ChannelId, message: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.items.push(OutboundItem::Message { session, channel, bytes: start..self.bytes.len() });
    }

    /// Takes over what another arena holds, and leaves it empty.
    pub(crate) fn append(&mut self, other: &mut Self) {
        let ahead = self.bytes.len();
        self.bytes.append(&mut other.bytes);
        self.items.extend(other.items.drain(..).map(|mut item| {
            if let OutboundItem::Message { bytes, .. } | OutboundItem::Part { bytes, .. } = &mut item {
                *bytes = bytes.start + ahead..bytes.end + ahead;
            }
            item
        }));
    }

    pub(crate) fn close(&mut self, session: SessionId, reason: Reason) {
        self.items.push(OutboundItem::Close { session, reason });
    }

    /// Lends `max` bytes to `write`, which returns how many it used.
    pub(crate) fn part(
        &mut self,
        session: SessionId,
        part: PartId,
        max: usize,
        write: impl FnOnce(&mut [u8]) -> usize,
    ) {
        let start = self.bytes.len();
        self.bytes.resize(start + max, 0);
        let len = write(&mut self.bytes[start..]);
        self.bytes.truncate(start + len);
        self.items.push(OutboundItem::Part { session, part, bytes: start..start + len });
    }
}
