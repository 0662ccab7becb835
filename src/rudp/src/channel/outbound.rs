//! The sending half of a reliable channel.

mod copies;

use super::fragment::{self, MESSAGE_BYTES_MAX, Place};
use super::ring::ByteRing;
use super::{CHANNEL_QUEUE_BYTES_MAX, ChannelId, ChannelKind, MESSAGE_COST_BYTES, SendError, WINDOW_MESSAGES};
use crate::connection::LaneStats;
use crate::packet::{Body, FRAGMENT_OVERHEAD_BYTES, frame_overhead_bytes, put_fragment_head, put_message_head};
use crate::sent::{Run, SentPacket};
use crate::sequence::{narrow, widen};
use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Never sent.
    Fresh,
    /// Every packet that carried it is lost.
    Again,
    /// Some undecided packet carries it.
    InFlight,
    /// Arrived; waits for the messages before it.
    Acked,
}

/// Bytes of fragments from the oldest unacked message on that a channel sends ahead: what a receiver keeps for messages
/// that nothing waits for yet (spec: PKT-75).
const FRAGMENTS_AHEAD_BYTES: usize = MESSAGE_BYTES_MAX;

/// A message, or a piece of one with a number of its own, from `send` until it and all before it are acked.
#[derive(Clone, Copy, Debug)]
struct Message {
    offset: u32,
    bytes: u16,
    /// Undecided packets that carry it.
    copies: u8,
    state: State,
    place: Option<Place>,
    /// The first chance to leave.
    queued_ns: u64,
}

impl Message {
    fn frame_bytes(&self) -> usize {
        let bytes = usize::from(self.bytes);
        let overhead_bytes = match self.place {
            None => frame_overhead_bytes(ChannelKind::ReliableOrdered, bytes),
            Some(_) => FRAGMENT_OVERHEAD_BYTES,
        };
        bytes + overhead_bytes
    }

    fn is_pending(&self) -> bool {
        matches!(self.state, State::Fresh | State::Again)
    }
}

/// What one packet took from the reliable channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled {
    /// Message frames written.
    pub(crate) frames: usize,
    /// Those that had been sent before, and were lost or might have been.
    pub(crate) resent: u64,
    /// Those that no loss asked for.
    pub(crate) redundant: u64,
    /// Frame bytes of those.
    pub(crate) redundant_bytes: usize,
}

/// Messages of one channel that are not all acked, oldest first.
#[derive(Debug)]
pub(crate) struct Outbound {
    channel: ChannelId,
    kind: ChannelKind,
    /// Number of the front message.
    base: u64,
    messages: VecDeque<Message>,
    bytes: ByteRing,
    queued_bytes: usize,
    /// No message before this index is pending.
    cursor: usize,
    /// Frame bytes of all pending messages.
    pending_bytes: usize,
    /// Messages before this index know their first chance to leave.
    stamped: usize,
    /// Bytes of fragments that were sent and are not released.
    fragment_bytes: usize,
}

impl Outbound {
    pub(crate) fn new(channel: ChannelId, kind: ChannelKind, first_id: u64) -> Self {
        Self {
            channel,
            kind,
            base: first_id,
            messages: VecDeque::new(),
            bytes: ByteRing::default(),
            queued_bytes: 0,
            cursor: 0,
            pending_bytes: 0,
            fragment_bytes: 0,
            stamped: 0,
        }
    }

    /// Takes a message into the queue.
    pub(crate) fn push(&mut self, message: &[u8]) -> Result<(), SendError> {
        let queued_bytes = self.queued_bytes + Self::cost_bytes(message.len());
        if queued_bytes > CHANNEL_QUEUE_BYTES_MAX {
            return Err(SendError::Full);
        }
        self.queued_bytes = queued_bytes;
        for (place, piece) in fragment::cut(message) {
            self.push_whole(place, piece);
        }
        Ok(())
    }

    /// Takes a piece of a bulk chunk, of at most [`FRAGMENT_BYTES`](super::FRAGMENT_BYTES). The stream it comes from
    /// bounds how many there are.
    pub(crate) fn push_piece(&mut self, piece: &[u8]) {
        self.queued_bytes += piece.len() + MESSAGE_COST_BYTES;
        self.push_whole(None, piece);
    }

    fn push_whole(&mut self, place: Option<Place>, piece: &[u8]) {
        let bytes = u16::try_from(piece.len()).expect("a piece fits a packet");
        let offset = self.bytes.push(piece);
        let piece = Message { offset, bytes, copies: 0, state: State::Fresh, place, queued_ns: 0 };
        self.pending_bytes += piece.frame_bytes();
        self.messages.push_back(piece);
    }

    /// Its messages are pieces of a stream.
    pub(crate) fn is_bulk(&self) -> bool {
        self.kind == ChannelKind::Bulk
    }

    /// What a message of this length counts towards the limits: its bytes, and the cost of each of its pieces.
    pub(crate) fn cost_bytes(message_bytes: usize) -> usize {
        message_bytes + fragment::pieces(message_bytes) * MESSAGE_COST_BYTES
    }

    /// A message waits that the window allows to go (spec: PKT-50).
    pub(crate) fn has_pending(&self) -> bool {
        self.cursor < self.sendable() && !self.must_wait(self.cursor)
    }

    /// A fragment that would be sent too far ahead of the oldest unacked message. It goes when acks make room, and the
    /// oldest always goes.
    fn must_wait(&self, index: usize) -> bool {
        let message = &self.messages[index];
        let fresh_fragment = message.place.is_some() && message.state == State::Fresh;
        fresh_fragment && self.fragment_bytes + usize::from(message.bytes) > FRAGMENTS_AHEAD_BYTES
    }

    /// Frame bytes of all messages waiting to be sent for the first time or again.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Messages not yet released: waiting, in flight, or acked behind a hole.
    pub(crate) fn queued_messages(&self) -> usize {
        self.messages.len()
    }

    /// What they count towards the limits, in bytes.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// The connection is asked for a packet: from now on what has been queued waits.
    pub(crate) fn on_chance(&mut self, now_ns: u64) {
        for message in self.messages.range_mut(self.stamped..) {
            message.queued_ns = now_ns;
        }
        self.stamped = self.messages.len();
    }

    /// Writes pending messages, oldest first, while frames, bytes and runs last.
    pub(crate) fn fill(
        &mut self,
        body: &mut Body<'_>,
        packet: &mut SentPacket,
        filled: &mut Filled,
        frames_max: usize,
        lane: &mut LaneStats,
    ) {
        while filled.frames < frames_max && self.has_pending() && self.write(self.cursor, body, packet) {
            let message = &mut self.messages[self.cursor];
            filled.frames += 1;
            filled.resent += u64::from(message.state == State::Again);
            self.pending_bytes -= message.frame_bytes();
            if message.state == State::Fresh {
                lane.on_sent(packet.sent_ns.saturating_sub(message.queued_ns));
            }
            if message.place.is_some() && message.state == State::Fresh {
                self.fragment_bytes += usize::from(message.bytes);
            }
            message.state = State::InFlight;
            message.copies += 1;
            self.skip_settled();
        }
    }

    /// A packet with these messages arrived, in time or late: nothing of it is sent again (spec: PKT-44).
    pub(crate) fn on_acked(&mut self, run: Run) {
        self.each_held(run, |message, pending_bytes, _| {
            if message.is_pending() {
                *pending_bytes -= message.frame_bytes();
            }
            message.state = State::Acked;
        });
        self.release_front();
        self.skip_settled();
    }

    /// A packet with these messages counts as lost: what no other packet carries is pending again.
    pub(crate) fn on_lost(&mut self, run: Run) {
        let mut first_pending = self.cursor;
        self.each_held(run, |message, pending_bytes, index| {
            message.copies = message.copies.saturating_sub(1);
            if message.state == State::InFlight && message.copies == 0 {
                message.state = State::Again;
                *pending_bytes += message.frame_bytes();
                first_pending = first_pending.min(index);
            }
        });
        self.cursor = first_pending;
    }

    /// Index behind the last message that the window allows to be in flight.
    fn sendable(&self) -> usize {
        self.messages.len().min(WINDOW_MESSAGES as usize)
    }

    fn write(&self, index: usize, body: &mut Body<'_>, packet: &mut SentPacket) -> bool {
        let message = self.messages[index];
        let id = narrow(self.base + index as u64);
        if message.frame_bytes() > body.room() || !packet.has_run_for(self.channel.0, id) {
            return false;
        }
        match message.place {
            None => put_message_head(body, self.kind, self.channel, id, usize::from(message.bytes)),
            Some(place) => put_fragment_head(body, true, self.channel, id, place),
        }
        self.bytes.copy_out(message.offset, body.gap(usize::from(message.bytes)));
        packet.add_message(self.channel.0, id);
        true
    }

    /// Visits the run's messages that have not been released. A record outlives its messages by far less than 32,768
    /// of them: records that can still be decided are within the ack mask's reach, 128 packets of 64 messages.
    fn each_held(&mut self, run: Run, mut visit: impl FnMut(&mut Message, &mut usize, usize)) {
        let first = widen(run.first, self.base);
        for id in first..first + u64::from(run.count) {
            let Some(index) = id.checked_sub(self.base).and_then(|index| usize::try_from(index).ok()) else { continue };
            if let Some(message) = self.messages.get_mut(index) {
                visit(message, &mut self.pending_bytes, index);
            }
        }
    }

    fn release_front(&mut self) {
        while let Some(front) = self.messages.front().filter(|message| message.state == State::Acked) {
            let bytes = usize::from(front.bytes);
            self.fragment_bytes -= if front.place.is_some() { bytes } else { 0 };
            self.bytes.release(bytes);
            self.queued_bytes -= bytes + MESSAGE_COST_BYTES;
            self.messages.pop_front();
            self.base += 1;
            self.cursor = self.cursor.saturating_sub(1);
            self.stamped = self.stamped.saturating_sub(1);
        }
    }

    fn skip_settled(&mut self) {
        while self.messages.get(self.cursor).is_some_and(|message| !message.is_pending()) {
            self.cursor += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::LossLevel;

    const CHANNEL: ChannelId = ChannelId(0);

    /// Fills one packet and returns its record with the ids it carries.
    fn packet(outbound: &mut Outbound, sequence: u64) -> (SentPacket, Vec<u16>, Filled) {
        let mut bytes = [0; 1_200];
        let mut record = SentPacket::new(sequence, 0);
        let mut filled = Filled::default();
        outbound.fill(&mut Body::new(&mut bytes), &mut record, &mut filled, 64, &mut LaneStats::default());
        let ids = record.runs().iter().flat_map(|run| (0..u16::from(run.count)).map(|at| run.first.wrapping_add(at)));
        (record, ids.collect(), filled)
    }

    fn with_messages(first_id: u64, count: usize) -> Outbound {
        let mut outbound = Outbound::new(CHANNEL, ChannelKind::ReliableOrdered, first_id);
        for _ in 0..count {
            outbound.push(b"message").expect("room");
        }
        outbound
    }

    #[test]
    fn only_what_is_still_unacked_of_a_lost_packet_goes_again() {
        // proves: PKT-44
        let mut outbound = with_messages(65_534, 4);
        let (record, ids, _) = packet(&mut outbound, 0);
        assert_eq!(ids, [65_534, 65_535, 0, 1]);
        assert!(!outbound.has_pending());
        outbound.on_acked(Run { channel: 0, count: 1, first: 65_535 });
        outbound.on_lost(record.runs()[0]);
        let (_, ids, filled) = packet(&mut outbound, 1);
        assert_eq!((ids.as_slice(), filled.resent), ([65_534, 0, 1].as_slice(), 3));
    }

    #[test]
    fn a_late_ack_cancels_the_resend() {
        // proves: PKT-44
        let mut outbound = with_messages(0, 3);
        let (record, _, _) = packet(&mut outbound, 0);
        outbound.on_lost(record.runs()[0]);
        assert!(outbound.has_pending() && outbound.pending_bytes() > 0);
        outbound.on_acked(record.runs()[0]);
        assert!(!outbound.has_pending());
        assert_eq!((outbound.pending_bytes(), outbound.queued_messages(), outbound.queued_bytes()), (0, 0, 0));
    }

    #[test]
    fn a_message_with_a_second_copy_in_flight_is_not_resent_when_the_first_is_lost() {
        let mut outbound = with_messages(0, 1);
        let (first, _, _) = packet(&mut outbound, 0);
        let mut bytes = [0; 1_200];
        let mut second = SentPacket::new(1, 0);
        outbound.copy_oldest(&mut Body::new(&mut bytes), &mut second, &mut Filled::default(), 64);
        assert_eq!(second.runs(), first.runs());
        outbound.on_lost(first.runs()[0]);
        assert!(!outbound.has_pending());
        outbound.on_lost(second.runs()[0]);
        assert!(outbound.has_pending());
    }

    /// Fills packets until one stays empty; (frames, redundant ones) of each, and their records.
    fn packets_with_copies(outbound: &mut Outbound, level: LossLevel) -> (Vec<(usize, u64)>, Vec<SentPacket>) {
        let (mut carried, mut records) = (Vec::new(), Vec::new());
        loop {
            let mut bytes = [0; 1_200];
            let mut record = SentPacket::new(records.len() as u64, 0);
            let mut filled = Filled::default();
            let mut body = Body::new(&mut bytes);
            outbound.fill(&mut body, &mut record, &mut filled, 64, &mut LaneStats::default());
            outbound.copy_redundant(&mut body, &mut record, &mut filled, 64, (level, usize::MAX));
            if filled.frames == 0 {
                return (carried, records);
            }
            carried.push((filled.frames, filled.redundant));
            records.push(record);
        }
    }

    #[test]
    fn a_small_message_rides_in_four_undecided_packets_and_a_large_one_in_one() {
        // proves: PKT-46
        let mut outbound = Outbound::new(CHANNEL, ChannelKind::ReliableOrdered, 65_535);
        outbound.push(&[1; 128]).expect("room");
        outbound.push(&[2; 129]).expect("room");
        let (carried, records) = packets_with_copies(&mut outbound, LossLevel::Some);
        assert_eq!(carried, [(2, 0), (1, 1), (1, 1), (1, 1)]);
        outbound.on_lost(records[1].runs()[0]);
        assert!(outbound.redundant_bytes(LossLevel::Some) > 0 && !outbound.has_pending(), "three are left: one may go");
        outbound.on_acked(records[2].runs()[0]);
        assert_eq!(outbound.redundant_bytes(LossLevel::Heavy), 0);
    }

    #[test]
    fn under_heavy_loss_a_small_message_rides_in_32_and_the_fifth_copies_share_256_bytes() {
        // proves: PKT-47
        let mut outbound = Outbound::new(CHANNEL, ChannelKind::ReliableOrdered, 0);
        for _ in 0..3 {
            outbound.push(&[1; 100]).expect("room");
        }
        let (carried, _) = packets_with_copies(&mut outbound, LossLevel::Heavy);
        let copies: Vec<u64> = carried.iter().map(|(_, redundant)| *redundant).collect();
        // Three in each of the first four packets; then the two oldest, and what they left goes last.
        assert_eq!(copies[..6], [0, 3, 3, 3, 2, 2]);
        assert_eq!(copies.iter().sum::<u64>(), 3 * 31);
        assert_eq!(outbound.redundant_bytes(LossLevel::Heavy), 0);
    }

    #[test]
    fn the_window_counts_from_the_oldest_unacked_message() {
        // proves: PKT-50
        let mut outbound = with_messages(40_000, 1_100);
        let mut sent = 0;
        let mut sequence = 0;
        while outbound.has_pending() {
            sent += packet(&mut outbound, sequence).1.len();
            sequence += 1;
        }
        assert_eq!(sent, 1_024);
        outbound.on_acked(Run { channel: 0, count: 1, first: 40_001 });
        assert!(!outbound.has_pending(), "the oldest is still missing");
        outbound.on_acked(Run { channel: 0, count: 1, first: 40_000 });
        assert_eq!(packet(&mut outbound, sequence).1, [41_024, 41_025]);
    }

    #[test]
    fn fragments_run_at_most_64_kib_ahead_of_the_oldest_unacked() {
        // proves: PKT-75
        let mut outbound = Outbound::new(CHANNEL, ChannelKind::ReliableOrdered, 0);
        for _ in 0..2 {
            outbound.push(&[7; MESSAGE_BYTES_MAX]).expect("room");
        }
        let mut records = Vec::new();
        while outbound.has_pending() {
            records.push(packet(&mut outbound, records.len() as u64).0);
        }
        assert_eq!(records.len(), 64);
        outbound.on_acked(records[1].runs()[0]);
        assert!(!outbound.has_pending(), "the oldest is still missing");
        outbound.on_lost(records[0].runs()[0]);
        assert_eq!(packet(&mut outbound, 64).1, [0], "what was sent before may always go again");
        outbound.on_acked(records[0].runs()[0]);
        assert_eq!([packet(&mut outbound, 65).1, packet(&mut outbound, 66).1], [[64], [65]]);
        assert!(!outbound.has_pending());
    }

    #[test]
    fn a_full_queue_refuses_and_takes_again_after_acks() {
        // proves: PKT-51
        let mut outbound = Outbound::new(CHANNEL, ChannelKind::ReliableOrdered, 0);
        let message = [0; 1_024];
        let mut taken = 0;
        while outbound.push(&message).is_ok() {
            taken += 1;
        }
        assert_eq!(taken, CHANNEL_QUEUE_BYTES_MAX / (1_024 + MESSAGE_COST_BYTES));
        assert_eq!(outbound.push(&message), Err(SendError::Full));
        let (record, _, _) = packet(&mut outbound, 0);
        outbound.on_acked(record.runs()[0]);
        assert_eq!(outbound.push(&message), Ok(()));
        assert_eq!(outbound.push(&message), Err(SendError::Full));
    }

    #[test]
    fn runs_of_released_messages_are_ignored() {
        let mut outbound = with_messages(0, 2);
        let (record, _, _) = packet(&mut outbound, 0);
        outbound.on_acked(record.runs()[0]);
        outbound.on_lost(record.runs()[0]);
        outbound.on_acked(record.runs()[0]);
        assert!(!outbound.has_pending());
    }
}
