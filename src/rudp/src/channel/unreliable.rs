//! Unreliable messages: into the next packet, or away.

use super::fragment::{self, Place};
use super::ring::ByteRing;
use super::{ChannelId, ChannelKind};
use crate::packet::{Body, FRAGMENT_OVERHEAD_BYTES, frame_overhead_bytes, put_fragment_head, put_message_head};
use crate::sequence::{narrow, widen};
use std::collections::VecDeque;

/// Messages and fragments waiting at most: the longest message is as many fragments.
pub(crate) const UNRELIABLE_MESSAGES_MAX: usize = 64;

/// Bytes waiting at most, unless a channel allows a longer message: 4 KiB, more than three packets.
pub(crate) const UNRELIABLE_BYTES_MAX: usize = 4 * 1_024;

/// A message that waits for a packet.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    channel: ChannelId,
    kind: ChannelKind,
    /// Its number on a sequenced channel, that of its message for a fragment, else 0.
    id: u16,
    place: Option<Place>,
    offset: u32,
    bytes: u16,
}

/// Messages of all unreliable and sequenced channels, in the order of sending.
#[derive(Debug)]
pub(crate) struct UnreliableQueue {
    messages: VecDeque<Waiting>,
    bytes: ByteRing,
    queued_bytes: usize,
    bytes_max: usize,
    /// Number of the next message that goes in fragments.
    next_fragmented: u16,
}

impl UnreliableQueue {
    /// A queue that takes at least one message of this length.
    pub(crate) fn new(message_bytes_max: usize) -> Self {
        let bytes_max = message_bytes_max.max(UNRELIABLE_BYTES_MAX);
        let (messages, bytes) = (VecDeque::new(), ByteRing::default());
        Self { messages, bytes, queued_bytes: 0, bytes_max, next_fragmented: 0 }
    }

    /// Takes a message; the oldest ones give way, for the newest is worth most (spec: PKT-54). Returns how many were
    /// dropped.
    pub(crate) fn push(&mut self, channel: ChannelId, kind: ChannelKind, id: u16, message: &[u8]) -> u64 {
        let mut dropped = 0;
        let pieces = fragment::pieces(message.len());
        while self.messages.len() + pieces > UNRELIABLE_MESSAGES_MAX
            || self.queued_bytes + message.len() > self.bytes_max
        {
            self.drop_front();
            dropped += 1;
        }
        let id = if pieces > 1 { self.next_fragmented } else { id };
        self.next_fragmented = self.next_fragmented.wrapping_add(u16::from(pieces > 1));
        for (place, piece) in fragment::cut(message) {
            let bytes = u16::try_from(piece.len()).expect("a piece fits a packet");
            self.messages.push_back(Waiting { channel, kind, id, place, offset: self.bytes.push(piece), bytes });
            self.queued_bytes += piece.len();
        }
        dropped
    }

    /// Drops the oldest message; of fragments all that wait, for the rest would be worth nothing.
    fn drop_front(&mut self) {
        self.pop();
        while self.messages.front().is_some_and(|front| front.place.is_some_and(|place| place.index > 0)) {
            self.pop();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Writes messages while frames and bytes last; returns how many.
    pub(crate) fn fill(&mut self, body: &mut Body<'_>, frames_max: usize) -> usize {
        let mut frames = 0;
        while let Some(&Waiting { channel, kind, id, place, offset, bytes }) = self.messages.front() {
            let bytes = usize::from(bytes);
            let overhead_bytes =
                if place.is_some() { FRAGMENT_OVERHEAD_BYTES } else { frame_overhead_bytes(kind, bytes) };
            let frame_bytes = bytes + overhead_bytes;
            if frames >= frames_max || frame_bytes > body.room() {
                break;
            }
            match place {
                None => put_message_head(body, kind, channel, id, bytes),
                Some(place) => put_fragment_head(body, false, channel, id, place),
            }
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
        let front = self.messages.pop_front().expect("a message larger than the queue is refused by the table");
        self.bytes.release(usize::from(front.bytes));
        self.queued_bytes -= usize::from(front.bytes);
        if self.messages.is_empty() {
            // The next one is written where this one was, which is near, and not one place further round the ring.
            self.messages.clear();
        }
    }
}

/// Both halves of one sequenced channel: numbers out, the newest number in.
#[derive(Debug)]
pub(crate) struct Sequenced {
    pub(crate) channel: ChannelId,
    next_out: u64,
    /// One above the newest delivered.
    next_in: u64,
}

impl Sequenced {
    pub(crate) fn new(channel: ChannelId, first_id: u64) -> Self {
        Self { channel, next_out: first_id, next_in: first_id }
    }

    /// The number of a message to be sent.
    pub(crate) fn number(&mut self) -> u16 {
        let id = narrow(self.next_out);
        self.next_out += 1;
        id
    }

    /// Whether an arriving message is newer than all that were delivered (spec: PKT-58).
    pub(crate) fn is_news(&mut self, id: u16) -> bool {
        let id = widen(id, self.next_in);
        let is_news = id >= self.next_in;
        self.next_in = self.next_in.max(id + 1);
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_give_way_and_are_counted() {
        // proves: PKT-54
        let mut queue = UnreliableQueue::new(1_024);
        let dropped: u64 = (0..70_u8).map(|byte| queue.push(ChannelId(2), ChannelKind::Unreliable, 0, &[byte])).sum();
        assert_eq!(dropped, 6);
        let mut bytes = [0; 1_200];
        assert_eq!(queue.fill(&mut Body::new(&mut bytes), 64), 64);
        assert_eq!(bytes[..3], [0x12, 1, 6]);
        assert!(queue.is_empty());
    }

    #[test]
    fn only_what_is_newer_than_all_delivered_is_news() {
        // proves: PKT-58
        let mut sequenced = Sequenced::new(ChannelId(0), 65_534);
        let ids: Vec<u16> = (0..4).map(|_| sequenced.number()).collect();
        assert_eq!(ids, [65_534, 65_535, 0, 1]);
        let news = [65_534, 0, 65_535, 0, 1, 30_000, 29_999].map(|id| sequenced.is_news(id));
        assert_eq!(news, [true, true, false, false, true, true, false]);
    }

    #[test]
    fn bytes_are_bounded_as_well_as_messages() {
        let mut queue = UnreliableQueue::new(1_024);
        let dropped: u64 = (0..5).map(|_| queue.push(ChannelId(2), ChannelKind::Unreliable, 0, &[0; 1_024])).sum();
        assert_eq!(dropped, 1);
    }
}
