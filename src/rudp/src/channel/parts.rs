//! Snapshot parts that wait for their packet.

use super::{ChannelId, PartId, SNAPSHOT_PART_BYTES_MAX, SendError};
use crate::packet::{Body, Frame};
use crate::prefetch::Prefetch;
use std::collections::VecDeque;

/// Parts of one tick that may wait: 4 kB, two and a half times what the largest budget pays for in a tick.
pub(crate) const PARTS_MAX: usize = 4;

/// Waiting parts, oldest first. Buffers are kept for the next part.
#[derive(Debug, Default)]
pub(crate) struct PartQueue {
    waiting: VecDeque<(PartId, u32, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
    tick: u32,
}

impl PartQueue {
    /// From here on, waiting parts are of an older tick and give way to the next one pushed (spec: PKT-56).
    pub(crate) fn on_tick_edge(&mut self) {
        self.tick = self.tick.wrapping_add(1);
    }

    /// About to be used.
    pub(crate) fn prefetch(&self, prefetch: Prefetch) {
        prefetch.maybe(self.waiting.front());
        if let Some(buffer) = self.spare.last() {
            prefetch.value(buffer.as_slice());
        }
    }

    /// Takes a part; `replaced` hears of each older tick's part that gives way.
    pub(crate) fn push(&mut self, part: PartId, bytes: &[u8], replaced: impl FnMut(PartId)) -> Result<(), SendError> {
        if bytes.len() > SNAPSHOT_PART_BYTES_MAX {
            return Err(SendError::TooLarge);
        }
        self.drop_older(replaced);
        if self.waiting.len() >= PARTS_MAX {
            return Err(SendError::Full);
        }
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(bytes);
        self.waiting.push_back((part, self.tick, buffer));
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Writes the oldest part if it fits.
    pub(crate) fn fill(&mut self, channel: ChannelId, body: &mut Body<'_>) -> Option<PartId> {
        let frame = Frame::Part { channel, bytes: &self.waiting.front()?.2 };
        if frame.encoded_bytes() > body.room() {
            return None;
        }
        frame.encode(body);
        self.pop()
    }

    /// Takes the oldest part out unsent.
    pub(crate) fn pop(&mut self) -> Option<PartId> {
        let (part, _, buffer) = self.waiting.pop_front()?;
        self.spare.push(buffer);
        if self.waiting.is_empty() {
            // As in the queue of unreliable messages: the next one is written where this one was.
            self.waiting.clear();
        }
        Some(part)
    }

    fn drop_older(&mut self, mut replaced: impl FnMut(PartId)) {
        while self.waiting.front().is_some_and(|(_, tick, _)| *tick != self.tick) {
            if let Some(part) = self.pop() {
                replaced(part);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_ticks_part_replaces_what_still_waits() {
        // proves: PKT-56
        let mut queue = PartQueue::default();
        let mut replaced = Vec::new();
        for part in [1, 2] {
            assert_eq!(queue.push(PartId(part), b"old", |part| replaced.push(part.0)), Ok(()));
        }
        queue.on_tick_edge();
        assert_eq!(queue.push(PartId(3), b"new", |part| replaced.push(part.0)), Ok(()));
        assert_eq!(replaced, [1, 2]);
        assert_eq!(queue.pop(), Some(PartId(3)));
    }

    #[test]
    fn too_many_or_too_large_is_an_error() {
        let mut queue = PartQueue::default();
        assert_eq!(queue.push(PartId(0), &[0; SNAPSHOT_PART_BYTES_MAX + 1], |_| {}), Err(SendError::TooLarge));
        for part in 0..4 {
            assert_eq!(queue.push(PartId(part), &[0; SNAPSHOT_PART_BYTES_MAX], |_| {}), Ok(()));
        }
        assert_eq!(queue.push(PartId(4), b"", |_| {}), Err(SendError::Full));
    }
}
