//! Bulk channels of a connection: behind everything else, within what the rate leaves, and never starved of a quarter.

use super::{Connection, Sink};
use crate::channel::{
    BulkChunk, BulkError, BulkInbound, BulkOutbound, CONNECTION_QUEUE_BYTES_MAX, ChannelId, ChannelKind,
    MESSAGE_COST_BYTES, SendError, Verdict,
};
use crate::packet::{Body, FRAMES_MAX, Frame, WINDOW_FRAME_BYTES};
use crate::rate::{RateController, TICKS_PER_S};
use crate::reason::Reason;
use crate::sent::SentPacket;

/// Wire bytes of a packet with one full piece: 1,024, and 100 for every header there is.
const PIECE_WIRE_BYTES: i64 = 1_124;

/// While a bulk channel waits, this part of the rate is kept from snapshots, saved up to one packet: a busy world must
/// not hold up a transfer for ever, nor a transfer the world.
const SHARE: i64 = 4;

/// Both halves of one bulk channel, as far as they are not those of a reliable channel.
#[derive(Debug)]
pub(super) struct Bulk {
    pub(super) channel: ChannelId,
    pub(super) outbound: BulkOutbound,
    pub(super) inbound: BulkInbound,
}

impl Bulk {
    pub(super) fn new(channel: ChannelId) -> Self {
        Self { channel, outbound: BulkOutbound::default(), inbound: BulkInbound::default() }
    }
}

impl Connection {
    /// Queues bytes of a stream; answers how many were taken, from the front: fewer than given, or none, when the
    /// channel's or the connection's queue is full, and more will fit once the peer has acked.
    ///
    /// # Errors
    /// [`SendError::Full`] when not a byte fits; otherwise as [`send`](Self::send).
    pub fn send_bulk(&mut self, channel: ChannelId, bytes: &[u8]) -> Result<usize, SendError> {
        let (_, queued_bytes) = self.reliable_queued();
        let at = self.bulk_at(channel)?;
        let room = CONNECTION_QUEUE_BYTES_MAX.saturating_sub(queued_bytes);
        let outbound = Self::pieces(&self.reliable, channel);
        let taken = self.bulk[at].outbound.push(bytes, outbound, room);
        self.count_uncut();
        if taken == 0 && !bytes.is_empty() {
            self.stats.sends_full += 1;
            return Err(SendError::Full);
        }
        Ok(taken)
    }

    /// The transfer ends with the bytes queued so far: its last chunk says so, and what is queued next is another's.
    ///
    /// # Errors
    /// As [`send_bulk`](Self::send_bulk).
    pub fn end_bulk(&mut self, channel: ChannelId) -> Result<(), SendError> {
        let (_, queued_bytes) = self.reliable_queued();
        let at = self.bulk_at(channel)?;
        let outbound = Self::pieces(&self.reliable, channel);
        let has_room = queued_bytes + MESSAGE_COST_BYTES <= CONNECTION_QUEUE_BYTES_MAX;
        if !has_room || !self.bulk[at].outbound.end(outbound) {
            self.stats.sends_full += 1;
            return Err(SendError::Full);
        }
        self.count_uncut();
        Ok(())
    }

    /// The next chunk that has arrived, in the order of the stream. What is not read closes the window: the peer sends
    /// no more than [`BULK_WINDOW_BYTES`](crate::channel::BULK_WINDOW_BYTES) ahead, and nothing is dropped. Ask for what
    /// is to be sent afterwards: the word that the window has opened may be due.
    pub fn read_bulk(&mut self, channel: ChannelId) -> Option<BulkChunk<'_>> {
        let bulk = self.bulk.iter_mut().find(|bulk| bulk.channel == channel)?;
        let chunk = bulk.inbound.read()?;
        self.stats.bulk_raw_in += chunk.bytes.len() as u64;
        self.has_windows = true;
        Some(chunk)
    }

    /// Bytes of bulk streams that are here and not read, or are being put together.
    #[must_use]
    pub fn bulk_held(&self) -> usize {
        self.bulk.iter().map(|bulk| bulk.inbound.held_bytes()).sum()
    }

    /// A bulk packet could leave now (spec: PKT-85). The same in `wants_transmit` and in writing, or an owner would ask for ever.
    pub(super) fn may_send_bulk(&self) -> bool {
        let has_room = self.sent.open_bytes() < self.controller.flight_bytes_max() && !self.controller.is_blind();
        has_room && self.credit.bytes() >= PIECE_WIRE_BYTES && self.may_send_reliable()
    }

    /// Something of a bulk channel waits that its window and acks allow to go.
    pub(super) fn has_bulk(&self) -> bool {
        let has_any = self.bulk_uncut_bytes > 0 || self.reliable_queued.0 > 0;
        has_any
            && self.bulk.iter().any(|bulk| {
                let outbound = Self::pieces(&self.reliable, bulk.channel);
                outbound.has_pending() || bulk.outbound.can_cut(outbound)
            })
    }

    fn count_uncut(&mut self) {
        self.bulk_uncut_bytes = self.bulk.iter().map(|bulk| bulk.outbound.queued_bytes()).sum();
    }

    /// Window frames that want a packet.
    pub(super) fn windows_due(&self) -> usize {
        if !self.has_windows {
            return 0;
        }
        self.bulk.iter().filter(|bulk| bulk.inbound.is_word_due()).count()
    }

    pub(super) fn write_windows(&mut self, body: &mut Body<'_>, packet: &mut SentPacket) -> usize {
        let mut frames = 0;
        if !self.has_windows {
            return frames;
        }
        for bulk in &mut self.bulk {
            if body.room() >= WINDOW_FRAME_BYTES
                && let Some(read) = bulk.inbound.word(packet.sequence)
            {
                Frame::Window { channel: bulk.channel, read }.encode(body);
                packet.window = true;
                frames += 1;
            }
        }
        self.has_windows = self.bulk.iter().any(|bulk| bulk.inbound.has_word());
        frames
    }

    pub(super) fn on_windows_acked(&mut self, sequence: u64) {
        for bulk in &mut self.bulk {
            bulk.inbound.on_word_acked(sequence);
        }
    }

    pub(super) fn on_window(&mut self, channel: ChannelId, read: u32) {
        if let Some(bulk) = self.bulk.iter_mut().find(|bulk| bulk.channel == channel) {
            bulk.outbound.on_window(read);
        }
    }

    /// Pieces that wait, cut as they are needed.
    pub(super) fn write_bulk(
        &mut self,
        body: &mut Body<'_>,
        packet: &mut SentPacket,
        filled: &mut crate::channel::Filled,
    ) {
        if !self.has_bulk() || !self.may_send_bulk() {
            return;
        }
        let before = body.len();
        let mut has_cut = false;
        for bulk in &mut self.bulk {
            let Some(at) = self.reliable.iter().position(|reliable| reliable.channel == bulk.channel) else { continue };
            let reliable = &mut self.reliable[at];
            while let Some((raw_bytes, coded_bytes)) = bulk.outbound.cut(&mut reliable.outbound) {
                has_cut = true;
                self.stats.bulk_raw_out += raw_bytes as u64;
                self.stats.bulk_coded_out += coded_bytes as u64;
            }
            reliable.outbound.on_chance(packet.sent_ns);
            let lane = &mut self.stats.lanes[usize::from(reliable.lane)];
            reliable.outbound.fill(body, packet, filled, FRAMES_MAX, lane);
        }
        if has_cut {
            self.count_uncut();
            self.count_reliable();
        }
        let written = i64::try_from(body.len() - before).unwrap_or(i64::MAX);
        self.bulk_share_bytes = (self.bulk_share_bytes - written).max(0);
    }

    /// A tick's share is put by while a bulk channel waits.
    pub(super) fn save_for_bulk(&mut self) {
        let share = i64::from(self.controller.rate_bytes_per_s() / TICKS_PER_S) / SHARE;
        let saved = (self.bulk_share_bytes + share).min(PIECE_WIRE_BYTES);
        self.bulk_share_bytes = if self.has_bulk() { saved } else { 0 };
    }

    /// A piece, in whatever order: whether it may be acked. Whole chunks wait for their reader; what no honest peer
    /// sends ends the session (spec: PKT-84).
    pub(super) fn receive_piece(&mut self, channel: ChannelId, id: u16, bytes: &[u8], sink: &mut dyn Sink) -> bool {
        let at = self.reliable.iter().position(|reliable| reliable.channel == channel);
        let Some(at) = at.filter(|_| self.closing.is_none()) else { return false };
        // The channel's own window holds the peer back, not that of messages for the world.
        let verdict = self.reliable[at].inbound.on_message(id, bytes, true);
        if verdict == Verdict::OverBudget {
            self.refuse_peer(BulkError::OverWindow, sink);
        }
        if verdict == Verdict::Deliver {
            self.put_piece(channel, bytes, sink);
            while let Some(piece) = self.reliable[at].inbound.pop_ready(channel, &mut self.reassembly) {
                self.put_piece(channel, &piece, sink);
                self.reliable[at].inbound.recycle(piece);
            }
        }
        self.count_verdict(verdict);
        verdict.is_accepted() && self.closing.is_none()
    }

    fn put_piece(&mut self, channel: ChannelId, piece: &[u8], sink: &mut dyn Sink) {
        let Some(bulk) = self.bulk.iter_mut().find(|bulk| bulk.channel == channel) else { return };
        if self.closing.is_some() {
            return;
        }
        self.stats.bulk_coded_in += piece.len() as u64;
        match bulk.inbound.on_piece(piece) {
            Ok(true) => sink.on_bulk(channel),
            Ok(false) => {}
            Err(error) => self.refuse_peer(error, sink),
        }
    }

    fn refuse_peer(&mut self, error: BulkError, sink: &mut dyn Sink) {
        let text = error.to_string();
        self.queue_close(Reason::ProtocolViolation, &text);
        sink.on_misbehaved(&text);
    }

    fn bulk_at(&mut self, channel: ChannelId) -> Result<usize, SendError> {
        let spec = self.table.spec(channel).ok_or(SendError::NoSuchChannel)?;
        if spec.kind != ChannelKind::Bulk {
            return Err(SendError::WrongKind);
        }
        self.check_open()?;
        self.bulk.iter().position(|bulk| bulk.channel == channel).ok_or(SendError::NoSuchChannel)
    }
}
