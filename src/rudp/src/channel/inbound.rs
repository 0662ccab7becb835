//! The receiving half of a reliable channel, ordered or not.

use super::{
    Arrived, BULK_WINDOW_BYTES, CHANNEL_QUEUE_BYTES_MAX, ChannelId, ChannelKind, Claim, Kept, MESSAGE_COST_BYTES,
    Place, Reassembly, WINDOW_MESSAGES,
};
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
    /// A fragment of a message that cannot be begun now.
    NoRoom,
    /// It says something else about a message than other fragments do.
    Mismatched,
}

impl Verdict {
    /// Whether the packet may be acked as far as this message goes.
    pub(crate) fn is_accepted(self) -> bool {
        matches!(self, Verdict::Deliver | Verdict::Stored | Verdict::Duplicate)
    }
}

/// What is known of a number ahead.
#[derive(Debug, Default)]
enum Slot {
    #[default]
    Missing,
    /// Here, and waits for those before it.
    Message(Vec<u8>),
    /// Here, and nothing to keep: delivered where order does not matter, or a fragment that is being put together.
    Taken,
}

/// The next expected message and what arrived ahead of it.
#[derive(Debug)]
pub(crate) struct Inbound {
    next: u64,
    is_ordered: bool,
    /// Bytes of early messages at most, and what each counts beside its own.
    early_limit: (usize, usize),
    /// Index i: message `next + i`. The front is missing.
    early: VecDeque<Slot>,
    early_bytes: usize,
    spare: Vec<Vec<u8>>,
}

impl Inbound {
    pub(crate) fn new(kind: ChannelKind, first_id: u64) -> Self {
        let is_ordered = kind != ChannelKind::ReliableUnordered;
        let early_limit = match kind {
            // The window of the stream bounds what an honest sender has sent and we have not passed on (spec: PKT-82).
            ChannelKind::Bulk => (BULK_WINDOW_BYTES as usize, 0),
            _ => (CHANNEL_QUEUE_BYTES_MAX, MESSAGE_COST_BYTES),
        };
        Self { next: first_id, is_ordered, early_limit, early: VecDeque::new(), early_bytes: 0, spare: Vec::new() }
    }

    /// Judges a message and stores it if it is early. `open`: new messages are welcome.
    pub(crate) fn on_message(&mut self, id: u16, message: &[u8], open: bool) -> Verdict {
        let ahead = match self.ahead(id, open) {
            Ok(ahead) => ahead,
            Err(verdict) => return verdict,
        };
        if ahead == 0 {
            self.step();
            return Verdict::Deliver;
        }
        if !self.is_ordered {
            *self.slot(ahead) = Slot::Taken;
            return Verdict::Deliver;
        }
        let early_bytes = self.early_bytes + message.len() + self.early_limit.1;
        if early_bytes > self.early_limit.0 {
            return Verdict::OverBudget;
        }
        self.early_bytes = early_bytes;
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(message);
        *self.slot(ahead) = Slot::Message(buffer);
        Verdict::Stored
    }

    /// Judges a fragment, whose number is its own, and keeps it with the others of its message (spec: PKT-72).
    pub(crate) fn on_fragment(
        &mut self,
        channel: ChannelId,
        (id, place, bytes): (u16, Place, &[u8]),
        open: bool,
        reassembly: &mut Reassembly,
    ) -> Verdict {
        let ahead = match self.ahead(id, open) {
            Ok(ahead) => ahead,
            Err(verdict) => return verdict,
        };
        let number = self.next + ahead as u64;
        let Some(message) = number.checked_sub(u64::from(place.index)) else { return Verdict::Mismatched };
        let count = place.fragments() as u64;
        let is_new = !reassembly.is_begun(channel, message);
        if reassembly.conflicts(channel, message, count, Some(place)) || (is_new && self.holds_any(message, count)) {
            return Verdict::Mismatched;
        }
        let awaited = message <= self.next;
        let claim = if awaited { Claim::Awaited } else { Claim::Reliable };
        match reassembly.keep(&Arrived { channel, message, place, bytes }, claim) {
            Kept::Stored => {}
            Kept::Duplicate => return Verdict::Duplicate,
            Kept::Mismatched => return Verdict::Mismatched,
            Kept::Full => return Verdict::NoRoom,
        }
        *self.slot(ahead) = Slot::Taken;
        Verdict::Stored
    }

    /// The next message that may be delivered now (spec: PKT-52): one that waited, or one whose last fragment is here.
    /// To be asked until it is `None` after each message accepted. Give the buffer back with [`Self::recycle`].
    pub(crate) fn pop_ready(&mut self, channel: ChannelId, reassembly: &mut Reassembly) -> Option<Vec<u8>> {
        loop {
            match self.early.front_mut().map(std::mem::take)? {
                Slot::Missing => return None,
                Slot::Message(message) => {
                    self.early_bytes -= message.len() + self.early_limit.1;
                    self.step();
                    return Some(message);
                }
                Slot::Taken => self.step(),
            }
            if self.is_ordered {
                let whole = reassembly.take_ending(channel, self.next);
                if whole.is_some() {
                    return whole;
                }
            }
        }
    }

    /// The number of the message that a fragment belongs to.
    pub(crate) fn message_of(&self, id: u16, place: Place) -> u64 {
        widen(id, self.next).saturating_sub(u64::from(place.index))
    }

    /// The number that 16 bits stand for.
    pub(crate) fn number(&self, id: u16) -> u64 {
        widen(id, self.next)
    }

    /// Keeps a few buffers for the next loss; a burst's worth goes back to the allocator.
    pub(crate) fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < SPARE_BUFFERS_MAX {
            self.spare.push(buffer);
        }
    }

    /// Messages that wait for one before them.
    pub(crate) fn early_messages(&self) -> usize {
        self.early.iter().filter(|slot| matches!(slot, Slot::Message(_))).count()
    }

    /// How far ahead of the next expected number a new one is, or why it is not taken.
    fn ahead(&self, id: u16, open: bool) -> Result<usize, Verdict> {
        let Some(ahead) = widen(id, self.next).checked_sub(self.next) else { return Err(Verdict::Duplicate) };
        if ahead >= WINDOW_MESSAGES {
            return Err(Verdict::BeyondWindow);
        }
        let ahead = usize::try_from(ahead).expect("below the window");
        match self.early.get(ahead) {
            Some(Slot::Message(_) | Slot::Taken) => Err(Verdict::Duplicate),
            _ if !open => Err(Verdict::Closed),
            _ => Ok(ahead),
        }
    }

    /// Whether any of these numbers is here.
    fn holds_any(&self, first: u64, count: u64) -> bool {
        (first..first + count).any(|number| match number.checked_sub(self.next) {
            None => true,
            Some(ahead) => {
                let slot = usize::try_from(ahead).ok().and_then(|ahead| self.early.get(ahead));
                matches!(slot, Some(Slot::Message(_) | Slot::Taken))
            }
        })
    }

    fn slot(&mut self, ahead: usize) -> &mut Slot {
        if self.early.len() <= ahead {
            self.early.resize_with(ahead + 1, Slot::default);
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

    fn pop(inbound: &mut Inbound) -> Option<Vec<u8>> {
        inbound.pop_ready(ChannelId(0), &mut Reassembly::default())
    }

    #[test]
    fn early_messages_wait_and_leave_in_order() {
        // proves: PKT-52
        let mut inbound = Inbound::new(ChannelKind::ReliableOrdered, 65_535);
        assert_eq!(inbound.on_message(1, b"c", true), Verdict::Stored);
        assert_eq!(inbound.on_message(0, b"b", true), Verdict::Stored);
        assert_eq!(pop(&mut inbound), None);
        assert_eq!(inbound.on_message(65_535, b"a", true), Verdict::Deliver);
        assert_eq!(pop(&mut inbound).as_deref(), Some(b"b".as_slice()));
        assert_eq!(pop(&mut inbound).as_deref(), Some(b"c".as_slice()));
        assert_eq!(pop(&mut inbound), None);
        assert_eq!((inbound.next, inbound.early_bytes), (65_538, 0));
    }

    #[test]
    fn without_order_each_message_is_delivered_on_arrival_and_once() {
        // proves: PKT-57
        let mut inbound = Inbound::new(ChannelKind::ReliableUnordered, 65_535);
        for id in [1, 65_535, 2, 0] {
            assert_eq!(inbound.on_message(id, b"m", true), Verdict::Deliver);
            assert_eq!(inbound.on_message(id, b"m", true), Verdict::Duplicate);
            assert_eq!(pop(&mut inbound), None);
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
