//! The receiving half of a reliable channel, ordered or not.

use super::{CHANNEL_QUEUE_BYTES_MAX, ChannelKind, MESSAGE_COST_BYTES, WINDOW_MESSAGES};
use crate::sequence::widen;
use std::collections::VecDeque;

/// Buffers kept for the next out-of-order messages.
const SPARE_BUFFERS_MAX: usize = 16;

/// What became of an arriving message. Only the first three may be acked (spec: PKT-53).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The next in order, or order does not matter: deliver it, then [`Inbound::pop_ready`].
    Deliver,
    /// Early: stored until the ones before it are here.
    Stored,
    /// Here already.
    Duplicate,
    /// New, and the receive window is closed.
    Closed,
    /// Beyond the window, which an honest sender never is.
    BeyondWindow,
    /// Beyond the bytes a channel may hold, which an honest sender never is.
    OverBudget,
}

impl Verdict {
    /// Whether the packet may be acked as far as this message goes.
    pub(crate) fn is_accepted(self) -> bool {
        matches!(self, Verdict::Deliver | Verdict::Stored | Verdict::Duplicate)
    }
}

/// The next expected message and what arrived ahead of it.
#[derive(Debug)]
pub(crate) struct Inbound {
    next: u64,
    is_ordered: bool,
    /// Index i: message `next + i`, if it is here. The front is always missing. Where order does not matter, what is
    /// here was delivered, and the entry is empty.
    early: VecDeque<Option<Vec<u8>>>,
    early_bytes: usize,
    spare: Vec<Vec<u8>>,
}

impl Inbound {
    pub(crate) fn new(kind: ChannelKind, first_id: u64) -> Self {
        let is_ordered = kind == ChannelKind::ReliableOrdered;
        Self { next: first_id, is_ordered, early: VecDeque::new(), early_bytes: 0, spare: Vec::new() }
    }

    /// Judges a message and stores it if it is early. `open`: new messages are welcome.
    pub(crate) fn on_message(&mut self, id: u16, message: &[u8], open: bool) -> Verdict {
        let id = widen(id, self.next);
        let Some(ahead) = id.checked_sub(self.next) else { return Verdict::Duplicate };
        if ahead >= WINDOW_MESSAGES {
            return Verdict::BeyondWindow;
        }
        let ahead = usize::try_from(ahead).expect("below the window");
        if self.early.get(ahead).is_some_and(Option::is_some) {
            return Verdict::Duplicate;
        }
        if !open {
            return Verdict::Closed;
        }
        if ahead == 0 {
            self.step();
            while !self.is_ordered && self.early.front().is_some_and(Option::is_some) {
                self.step();
            }
            return Verdict::Deliver;
        }
        if !self.is_ordered {
            self.slot(ahead).replace(Vec::new());
            return Verdict::Deliver;
        }
        let early_bytes = self.early_bytes + message.len() + MESSAGE_COST_BYTES;
        if early_bytes > CHANNEL_QUEUE_BYTES_MAX {
            return Verdict::OverBudget;
        }
        self.early_bytes = early_bytes;
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(message);
        *self.slot(ahead) = Some(buffer);
        Verdict::Stored
    }

    /// The next stored message that is in order now (spec: PKT-52). Give the buffer back with [`Self::recycle`].
    pub(crate) fn pop_ready(&mut self) -> Option<Vec<u8>> {
        let message = self.early.front_mut()?.take()?;
        self.early_bytes -= message.len() + MESSAGE_COST_BYTES;
        self.step();
        Some(message)
    }

    /// Keeps a few buffers for the next loss; a burst's worth goes back to the allocator.
    pub(crate) fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < SPARE_BUFFERS_MAX {
            self.spare.push(buffer);
        }
    }

    /// Messages that wait for one before them.
    pub(crate) fn early_messages(&self) -> usize {
        if self.is_ordered { self.early.iter().flatten().count() } else { 0 }
    }

    fn slot(&mut self, ahead: usize) -> &mut Option<Vec<u8>> {
        if self.early.len() <= ahead {
            self.early.resize_with(ahead + 1, || None);
        }
        &mut self.early[ahead]
    }

    fn step(&mut self) {
        self.next += 1;
        self.early.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_messages_wait_and_leave_in_order() {
        // proves: PKT-52
        let mut inbound = Inbound::new(ChannelKind::ReliableOrdered, 65_535);
        assert_eq!(inbound.on_message(1, b"c", true), Verdict::Stored);
        assert_eq!(inbound.on_message(0, b"b", true), Verdict::Stored);
        assert_eq!(inbound.pop_ready(), None);
        assert_eq!(inbound.on_message(65_535, b"a", true), Verdict::Deliver);
        assert_eq!(inbound.pop_ready().as_deref(), Some(b"b".as_slice()));
        assert_eq!(inbound.pop_ready().as_deref(), Some(b"c".as_slice()));
        assert_eq!(inbound.pop_ready(), None);
        assert_eq!((inbound.next, inbound.early_bytes), (65_538, 0));
    }

    #[test]
    fn without_order_each_message_is_delivered_on_arrival_and_once() {
        // proves: PKT-57
        let mut inbound = Inbound::new(ChannelKind::ReliableUnordered, 65_535);
        for id in [1, 65_535, 2, 0] {
            assert_eq!(inbound.on_message(id, b"m", true), Verdict::Deliver);
            assert_eq!(inbound.on_message(id, b"m", true), Verdict::Duplicate);
            assert_eq!(inbound.pop_ready(), None);
        }
        assert_eq!((inbound.next, inbound.early.len(), inbound.early_bytes), (65_539, 0, 0));
        assert_eq!(inbound.on_message(1_026, b"m", true), Verdict::Deliver);
        assert_eq!(inbound.on_message(1_027, b"m", true), Verdict::BeyondWindow);
        assert_eq!(inbound.on_message(4, b"m", false), Verdict::Closed);
    }

    #[test]
    fn the_window_ends_exactly_where_the_senders_does() {
        // proves: PKT-50
        let mut inbound = Inbound::new(ChannelKind::ReliableOrdered, 0);
        assert_eq!(inbound.on_message(1_024, b"", true), Verdict::BeyondWindow);
        assert_eq!(inbound.on_message(1_023, b"", true), Verdict::Stored);
    }

    #[test]
    fn a_copy_is_a_duplicate_whether_delivered_or_stored_even_when_closed() {
        // proves: PKT-53
        let mut inbound = Inbound::new(ChannelKind::ReliableOrdered, 0);
        inbound.on_message(0, b"", true);
        inbound.on_message(5, b"", true);
        for open in [true, false] {
            assert_eq!(inbound.on_message(0, b"", open), Verdict::Duplicate);
            assert_eq!(inbound.on_message(5, b"", open), Verdict::Duplicate);
        }
        assert_eq!(inbound.on_message(1, b"", false), Verdict::Closed);
        assert_eq!(inbound.on_message(1, b"", true), Verdict::Deliver);
    }

    #[test]
    fn early_bytes_are_bounded_as_the_senders_queue_is() {
        // proves: PKT-51
        let mut inbound = Inbound::new(ChannelKind::ReliableOrdered, 0);
        let stored_max = CHANNEL_QUEUE_BYTES_MAX / (1_024 + MESSAGE_COST_BYTES);
        for id in 1..=u16::try_from(stored_max).expect("small") {
            assert_eq!(inbound.on_message(id, &[0; 1_024], true), Verdict::Stored);
        }
        assert_eq!(inbound.on_message(1_000, &[0; 1_024], true), Verdict::OverBudget);
        assert_eq!(inbound.on_message(0, &[0; 1_024], true), Verdict::Deliver, "what unlocks the rest is always taken");
    }
}
