//! Unreliable messages: into the next packet, or away.

use super::ring::ByteRing;
use super::{ChannelId, ChannelKind};
use crate::packet::{Body, frame_overhead_bytes, put_unreliable_head};
use std::collections::VecDeque;

/// Messages waiting at most.
pub(crate) const UNRELIABLE_MESSAGES_MAX: usize = 64;

/// Bytes waiting at most: 4 KiB, more than three packets.
pub(crate) const UNRELIABLE_BYTES_MAX: usize = 4 * 1_024;

/// Messages of all unreliable channels, in the order of sending.
#[derive(Debug, Default)]
pub(crate) struct UnreliableQueue {
    messages: VecDeque<(ChannelId, u32, u16)>,
    bytes: ByteRing,
    queued_bytes: usize,
}

impl UnreliableQueue {
    /// Takes a message; the oldest ones give way, for the newest is worth most (spec: PKT-54). Returns how many were
    /// dropped.
    pub(crate) fn push(&mut self, channel: ChannelId, message: &[u8]) -> u64 {
        let mut dropped = 0;
        while self.messages.len() >= UNRELIABLE_MESSAGES_MAX || self.queued_bytes + message.len() > UNRELIABLE_BYTES_MAX
        {
            self.pop();
            dropped += 1;
        }
        let bytes = u16::try_from(message.len()).expect("bounded by the table");
        self.messages.push_back((channel, self.bytes.push(message), bytes));
        self.queued_bytes += message.len();
        dropped
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Writes messages while frames and bytes last; returns how many.
    pub(crate) fn fill(&mut self, body: &mut Body<'_>, frames_max: usize) -> usize {
        let mut frames = 0;
        while let Some(&(channel, offset, bytes)) = self.messages.front() {
            let bytes = usize::from(bytes);
            let frame_bytes = bytes + frame_overhead_bytes(ChannelKind::Unreliable, bytes);
            if frames >= frames_max || frame_bytes > body.room() {
                break;
            }
            put_unreliable_head(body, channel, bytes);
            self.bytes.copy_out(offset, body.gap(bytes));
            self.pop();
            frames += 1;
        }
        frames
    }

    /// Drops everything; returns how many messages.
    pub(crate) fn clear(&mut self) -> u64 {
        let dropped = self.messages.len() as u64;
        while !self.messages.is_empty() {
            self.pop();
        }
        dropped
    }

    fn pop(&mut self) {
        let (_, _, bytes) = self.messages.pop_front().expect("a message larger than the queue is refused by the table");
        self.bytes.release(usize::from(bytes));
        self.queued_bytes -= usize::from(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_give_way_and_are_counted() {
        // proves: PKT-54
        let mut queue = UnreliableQueue::default();
        let dropped: u64 = (0..70_u8).map(|byte| queue.push(ChannelId(2), &[byte])).sum();
        assert_eq!(dropped, 6);
        let mut bytes = [0; 1_200];
        assert_eq!(queue.fill(&mut Body::new(&mut bytes), 64), 64);
        assert_eq!(bytes[..3], [0x12, 1, 6]);
        assert!(queue.is_empty());
    }

    #[test]
    fn bytes_are_bounded_as_well_as_messages() {
        let mut queue = UnreliableQueue::default();
        let dropped: u64 = (0..5).map(|_| queue.push(ChannelId(2), &[0; 1_024])).sum();
        assert_eq!(dropped, 1);
    }
}
