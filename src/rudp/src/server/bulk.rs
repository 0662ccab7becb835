//! Bulk channels, from the server's caller to its connections.
use super::{ConnectionId, Server};
use crate::channel::{BulkChunk, ChannelId, SendError};

impl Server {
    /// Queues bytes of a bulk channel; answers how many were taken from the front. Fewer than given: the queue is full,
    /// acks will make room.
    ///
    /// # Errors
    /// [`SendError`]; [`SendError::Full`] when not a byte fits, also when all connections together have as much queued
    /// as the configuration allows (spec: PKT-59).
    pub fn send_bulk(&mut self, id: ConnectionId, channel: ChannelId, bytes: &[u8]) -> Result<usize, SendError> {
        let room = self.config.queue_bytes_max.saturating_sub(self.queued_bytes);
        let session = self.session_mut(id).ok_or(SendError::Closing)?;
        if room == 0 && !bytes.is_empty() {
            self.counters.sends_over_all_queues += 1;
            return Err(SendError::Full);
        }
        let taken = session.connection.send_bulk(channel, &bytes[..bytes.len().min(room)])?;
        self.count_queue(id.slot);
        self.queue(id.slot);
        Ok(taken)
    }

    /// A transfer ends with the bytes queued so far.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn end_bulk(&mut self, id: ConnectionId, channel: ChannelId) -> Result<(), SendError> {
        self.session_mut(id).ok_or(SendError::Closing)?.connection.end_bulk(channel)?;
        self.count_queue(id.slot);
        self.queue(id.slot);
        Ok(())
    }

    /// The next chunk of a bulk channel that has arrived; [`Event::Bulk`](super::Event::Bulk) says when to ask. What is
    /// not read closes the peer's window.
    pub fn read_bulk(&mut self, id: ConnectionId, channel: ChannelId) -> Option<BulkChunk<'_>> {
        // Reading may have something to say.
        self.queue(id.slot);
        self.session_mut(id)?.connection.read_bulk(channel)
    }
}
