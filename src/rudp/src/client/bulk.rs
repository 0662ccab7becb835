//! Bulk channels, from the client's caller to its connection.
use super::{Client, Stage};
use crate::channel::{BulkChunk, ChannelId, SendError};
use crate::connection::Connection;
use crate::time::Now;

impl Client {
    /// A client tick begins: what may be spent on bulk grows by a tick's share of the rate, and the rate is judged. To be
    /// called 60 times a second; without it bulk channels stand still.
    pub fn on_tick_edge(&mut self, now: Now) {
        if let Stage::Connected { connection, .. } = &mut self.stage {
            connection.on_tick_edge(now.mono_ns);
        }
    }

    /// Queues bytes of a bulk channel; answers how many were taken from the front. Fewer than given: the queue is full,
    /// acks will make room.
    ///
    /// # Errors
    /// As [`send`](Self::send); [`SendError::Full`] when not a byte fits.
    pub fn send_bulk(&mut self, channel: ChannelId, bytes: &[u8]) -> Result<usize, SendError> {
        self.connection_mut()?.send_bulk(channel, bytes)
    }

    /// Nothing that was sent waits, and the fate of everything is known.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match &self.stage {
            Stage::Connected { connection, .. } => connection.is_idle(),
            _ => true,
        }
    }

    /// A transfer ends with the bytes queued so far.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn end_bulk(&mut self, channel: ChannelId) -> Result<(), SendError> {
        self.connection_mut()?.end_bulk(channel)
    }

    /// The next chunk of a bulk channel that has arrived; [`ClientEvent::Bulk`](super::ClientEvent::Bulk) says when to
    /// ask. What is not read closes the server's window.
    pub fn read_bulk(&mut self, channel: ChannelId) -> Option<BulkChunk<'_>> {
        self.connection_mut().ok()?.read_bulk(channel)
    }

    fn connection_mut(&mut self) -> Result<&mut Connection, SendError> {
        match &mut self.stage {
            Stage::Connected { connection, .. } => Ok(connection),
            Stage::Ended(_) => Err(SendError::Closing),
            Stage::Requesting { .. } | Stage::Responding { .. } => Err(SendError::NotSpoken),
        }
    }
}
