//! What the caller wants sent: into a queue, or refused with the reason.

use super::Connection;
use crate::channel::{CONNECTION_QUEUE_BYTES_MAX, ChannelId, ChannelKind, Outbound, PartId, PartOutcome, SendError};
use crate::packet::Side;

impl Connection {
    /// Queues a message.
    ///
    /// # Errors
    /// The message was not taken, and nothing changed but a counter. A client may send before its hello is accepted:
    /// the messages travel beside it.
    pub fn send(&mut self, channel: ChannelId, message: &[u8]) -> Result<(), SendError> {
        let spec = self.table.spec(channel).ok_or(SendError::NoSuchChannel)?;
        self.check_open()?;
        if message.len() > spec.message_bytes_max {
            return Err(SendError::TooLarge);
        }
        match spec.kind {
            // Nobody hears it now, and it is stale when somebody does.
            ChannelKind::Unreliable if self.is_silent => {
                self.stats.unreliable_dropped += 1;
                Ok(())
            }
            ChannelKind::Unreliable => {
                self.stats.unreliable_dropped += self.unreliable.push(channel, spec.kind, 0, message);
                Ok(())
            }
            ChannelKind::Sequenced => {
                let id = self.sequenced_mut(channel).number();
                self.stats.unreliable_dropped += self.unreliable.push(channel, spec.kind, id, message);
                Ok(())
            }
            ChannelKind::ReliableOrdered | ChannelKind::ReliableUnordered => self.send_reliable(channel, message),
            ChannelKind::Snapshot | ChannelKind::Bulk => Err(SendError::WrongKind),
        }
    }

    /// Queues a snapshot part of at most [`SNAPSHOT_PART_BYTES_MAX`] bytes. Parts of an older tick (from before the
    /// last [`on_tick_edge`](Self::on_tick_edge)) that still wait give way to it and are told as not sent.
    ///
    /// # Errors
    /// The part was not taken and will have no outcome.
    pub fn send_snapshot(&mut self, part: PartId, bytes: &[u8]) -> Result<(), SendError> {
        if self.greeting.side() == Side::Client || self.snapshot_channel().is_none() {
            return Err(SendError::WrongKind);
        }
        self.check_open()?;
        if self.is_silent {
            return Err(SendError::Silent);
        }
        let outcomes = &mut self.outcomes;
        let taken = self.parts.push(part, bytes, |old| outcomes.push_back((old, PartOutcome::NotSent)));
        self.stats.sends_full += u64::from(taken == Err(SendError::Full));
        taken
    }

    fn send_reliable(&mut self, channel: ChannelId, message: &[u8]) -> Result<(), SendError> {
        let (_, queued_bytes) = self.reliable_queued();
        let fits = queued_bytes + Outbound::cost_bytes(message.len()) <= CONNECTION_QUEUE_BYTES_MAX;
        let taken = if fits { self.reliable_mut(channel).outbound.push(message) } else { Err(SendError::Full) };
        self.count_reliable();
        match taken {
            Ok(()) => self.stats.reliable_out += 1,
            Err(_) => self.stats.sends_full += 1,
        }
        taken
    }

    pub(super) fn check_open(&self) -> Result<(), SendError> {
        if self.closing.is_some() || self.peer_closed {
            return Err(SendError::Closing);
        }
        if !self.greeting.may_send() {
            return Err(SendError::NotSpoken);
        }
        Ok(())
    }
}
