//! What leaves: a header, then frames by rank, until the packet is full.

use super::{Connection, Reliable};
use crate::channel::{ChannelId, Filled, Outbound, STATE_LANE};
use crate::loss::LossLevel;
use crate::packet::{AckField, Body, CLOSE_TEXT_BYTES_MAX, FRAMES_MAX, Frame, PAYLOAD_BYTES_MAX};
use crate::rate::{OTHER_BODY_BYTES, RateController, wire_bytes};
use crate::reason::Reason;
use crate::sent::{Fate, SentPacket};
use crate::sequence::ACK_SPACE_END;
use std::ops::RangeInclusive;

/// Reliable messages wait while the undecided packets span this many numbers (spec: PKT-45). Acks reach 128 back and
/// leave at latest after 32 packets: what is in flight together can always be acked together, and no burst is mistaken
/// for loss. At 1,200 B it is also the most that reliable messages put on a path within one round trip: 115 kB.
pub const FLIGHT_SPAN_MAX: u64 = 96;

/// What a path packet is longer than a keep-alive: its id and, at most, seven sequence bytes.
const PATH_EXTRA_BYTES: usize = 15;

/// Packets that repeat a close: nobody stays to resend it.
pub const CLOSE_COPIES: u8 = 3;

/// A close on its way out.
#[derive(Debug)]
pub(super) struct Closing {
    code: u8,
    text: String,
    copies_left: u8,
}

impl Closing {
    pub(super) fn new(reason: Reason, text: &str) -> Self {
        let mut bytes = text.len().min(CLOSE_TEXT_BYTES_MAX);
        while !text.is_char_boundary(bytes) {
            bytes -= 1;
        }
        Self { code: reason.code(), text: text[..bytes].to_owned(), copies_left: CLOSE_COPIES }
    }
}

impl Connection {
    /// Something wants to leave now: a message, a part, a greeting, a probe, an ack that is due, a close.
    #[must_use]
    pub fn wants_transmit(&self, now_ns: u64) -> bool {
        if self.peer_closed {
            return false;
        }
        if let Some(closing) = &self.closing {
            return closing.copies_left > 0;
        }
        if self.is_silent {
            return self.probe_due;
        }
        if self.path_offer.is_some_and(|offer| offer.first.is_none()) && self.greeting.may_send() {
            return true;
        }
        let offers = self.windows_due() > 0 && self.greeting.may_send();
        let asked = offers || self.greeting.is_due() || self.probe_due || self.encore.is_due();
        asked || self.received.is_due(now_ns) || self.has_messages()
    }

    /// Writes the next body into `buf` (at least [`PAYLOAD_BYTES_MAX`] bytes) and answers its length, 1 to 1,200, if
    /// anything wants to leave now. It must be sent as a netcode payload under `sequence`; on `None` the number is
    /// still free.
    ///
    /// # Panics
    /// When `buf` is too small, when `sequence` does not ascend, or when it has left ack space (2^63): the owner must
    /// have closed the session before.
    pub fn poll_payload(&mut self, now_ns: u64, sequence: u64, buf: &mut [u8]) -> Option<usize> {
        assert!(sequence < ACK_SPACE_END, "the session must end before its numbers do");
        self.seen_ns = now_ns;
        if self.reliable_queued.0 > 0 {
            for reliable in &mut self.reliable {
                reliable.outbound.on_chance(now_ns);
            }
        }
        if !self.wants_transmit(now_ns) {
            return None;
        }
        let ack = self.received.field(now_ns);
        let mut body = Body::new(&mut buf[..PAYLOAD_BYTES_MAX]);
        AckField::encode(ack.as_ref(), &mut body);
        let header_bytes = body.len();
        let mut packet = SentPacket::new(sequence, now_ns);
        if self.closing.is_some() {
            self.write_close(&mut body);
        } else {
            self.write_frames(&mut body, &mut packet);
        }
        let eliciting = body.len() > header_bytes;
        self.received.on_header_sent();
        if !eliciting && ack.is_none() {
            // The packet that wanted an ack was refused meanwhile: there is nothing to say.
            self.schedule_encore(now_ns);
            return None;
        }
        packet.fate = if eliciting { Fate::Open } else { Fate::Quiet };
        let written = body.len();
        self.record(packet, written);
        if self.encore.is_due() {
            self.stats.encores_out += 1;
            self.copies.spend(wire_bytes(self.ip_udp_bytes, sequence, header_bytes));
        }
        self.schedule_encore(now_ns);
        self.stats.packets_out += 1;
        self.stats.bytes_out += written as u64;
        self.stats.eliciting_out += u64::from(eliciting);
        self.stats.ack_only_out += u64::from(!eliciting);
        Some(written)
    }

    /// A netcode packet that is not ours (types 4 and 7) took this number.
    pub fn on_other_sent(&mut self, now_ns: u64, sequence: u64) {
        self.record(SentPacket::new(sequence, now_ns), OTHER_BODY_BYTES);
    }

    /// A path packet took this number.
    pub fn on_path_sent(&mut self, now_ns: u64, sequence: u64) {
        // A path id and a full sequence stand where other packets have one sequence byte or more.
        self.record(SentPacket::new(sequence, now_ns), OTHER_BODY_BYTES + PATH_EXTRA_BYTES);
    }

    /// The session has ended from either side and nothing is left to say.
    pub(super) fn is_closed(&self) -> bool {
        self.peer_closed || self.closing.is_some()
    }

    fn has_messages(&self) -> bool {
        if !self.greeting.may_send() {
            return false;
        }
        let mut messages =
            self.reliable.iter().map(|reliable| &reliable.outbound).filter(|outbound| !outbound.is_bulk());
        let reliable = self.reliable_queued.0 > 0 && self.may_send_reliable() && messages.any(Outbound::has_pending);
        reliable || (self.has_bulk() && self.may_send_bulk()) || !self.parts.is_empty() || !self.unreliable.is_empty()
    }

    pub(super) fn may_send_reliable(&self) -> bool {
        self.probe_due || self.sent.open_span() < FLIGHT_SPAN_MAX
    }

    fn record(&mut self, mut packet: SentPacket, body_bytes: usize) {
        while let Some(lost) = self.sent.lose_out_of_reach(packet.sequence) {
            self.on_packet_lost(packet.sent_ns, &lost);
        }
        let wire_bytes = wire_bytes(self.ip_udp_bytes, packet.sequence, body_bytes);
        self.credit.spend(wire_bytes);
        packet.bytes = u16::try_from(wire_bytes).expect("headers and at most 1,200");
        if packet.fate == Fate::Open {
            self.controller.on_sent(packet.sent_ns);
        }
        self.sent.push(packet);
    }

    /// Rank: greeting, reliable messages of the lanes up to state with their redundant copies, one snapshot part,
    /// unreliable messages, reliable messages of the lanes behind, pieces of bulk chunks, and a ping if a probe found
    /// nothing else to carry (spec: PKT-60). What does not fit goes into the next packet of the same poll.
    fn write_frames(&mut self, body: &mut Body<'_>, packet: &mut SentPacket) {
        let mut filled = Filled::default();
        if let Some(frame) = self.greeting.frame() {
            frame.encode(body);
            packet.greeting = true;
            self.greeting.on_sent();
            filled.frames += 1;
        }
        if self.greeting.may_send() && !self.is_silent {
            if let Some(offer) = &mut self.path_offer {
                Frame::Path { id: offer.id }.encode(body);
                packet.path = true;
                offer.first.get_or_insert(packet.sequence);
                filled.frames += 1;
            }
            filled.frames += self.write_windows(body, packet);
            let (urgent, patient) = (0..=STATE_LANE, STATE_LANE + 1..=u8::MAX);
            self.write_reliable(urgent, body, packet, &mut filled);
            self.write_part(body, packet, &mut filled);
            filled.frames += self.unreliable.fill(body, FRAMES_MAX - filled.frames);
            self.write_reliable(patient, body, packet, &mut filled);
            self.write_passengers(body, packet, &mut filled);
            self.write_bulk(body, packet, &mut filled);
            self.stats.reliable_resent += filled.resent;
            self.stats.reliable_redundant += filled.redundant;
            self.copies.spend(filled.redundant_bytes);
        }
        if self.probe_due {
            // What asks is to be answered soon, as long as there is room to say so.
            if packet.is_patient() && filled.frames < FRAMES_MAX && body.room() > 0 {
                Frame::Ping.encode(body);
                packet.ping = true;
            }
            self.probe_due = false;
            self.stats.probes_out += 1;
        }
    }

    /// Reliable messages of these lanes. A probe that finds none carries copies. While the path loses packets, small
    /// messages ride along until they are acked; only an encore is sent for their sake.
    fn write_reliable(
        &mut self,
        lanes: RangeInclusive<u8>,
        body: &mut Body<'_>,
        packet: &mut SentPacket,
        filled: &mut Filled,
    ) {
        if self.reliable_queued.0 == 0 {
            return;
        }
        let (may_send, level) = (self.may_send_reliable(), self.recent_loss.level(packet.sent_ns));
        let before = filled.frames;
        if let Some(turn) = self.probe_turn() {
            let chosen = self.reliable.iter_mut().find(|reliable| reliable.channel == turn);
            if let Some(reliable) = chosen.filter(|reliable| lanes.contains(&reliable.lane)) {
                reliable.outbound.copy_oldest(body, packet, filled, FRAMES_MAX);
                if filled.frames == before && !reliable.outbound.is_bulk() {
                    let lane = &mut self.stats.lanes[usize::from(reliable.lane)];
                    reliable.outbound.fill(body, packet, filled, FRAMES_MAX, lane);
                }
            }
            return;
        }
        let messages = |reliable: &&mut Reliable| lanes.contains(&reliable.lane) && !reliable.outbound.is_bulk();
        for reliable in self.reliable.iter_mut().filter(messages).filter(|_| may_send) {
            let lane = &mut self.stats.lanes[usize::from(reliable.lane)];
            reliable.outbound.fill(body, packet, filled, FRAMES_MAX, lane);
        }
        let (copies, copies_bytes_max) = (self.probe_due && filled.frames == before, self.copies.left());
        for reliable in self.reliable.iter_mut().filter(|reliable| lanes.contains(&reliable.lane)) {
            if copies {
                reliable.outbound.copy_oldest(body, packet, filled, FRAMES_MAX);
            } else if may_send && level > LossLevel::Low && !reliable.outbound.is_bulk() {
                reliable.outbound.copy_redundant(body, packet, filled, FRAMES_MAX, (level, copies_bytes_max));
            }
        }
    }

    /// Reliable messages for which no packet may leave, in one that leaves anyway: over a round trip of two seconds, sixty
    /// inputs a second keep the span full for ever, and the messages would never go (spec: PKT-45).
    fn write_passengers(&mut self, body: &mut Body<'_>, packet: &mut SentPacket, filled: &mut Filled) {
        if filled.frames == 0 || self.reliable_queued.0 == 0 || self.may_send_reliable() {
            return;
        }
        for reliable in self.reliable.iter_mut().filter(|reliable| !reliable.outbound.is_bulk()) {
            let lane = &mut self.stats.lanes[usize::from(reliable.lane)];
            reliable.outbound.fill(body, packet, filled, FRAMES_MAX, lane);
        }
    }

    /// Whose messages a probe carries when the one before went unanswered: one channel's, another with each probe. The
    /// receiver may have no room for those of one channel until another's have arrived, and acks no packet with any that
    /// it does not take (spec: PKT-43).
    fn probe_turn(&self) -> Option<ChannelId> {
        if !self.probe_due || self.probes_unanswered < 2 {
            return None;
        }
        let queued = self.reliable.iter().filter(|reliable| reliable.outbound.queued_messages() > 0);
        let turn = (self.probes_unanswered as usize).checked_rem(queued.clone().count())?;
        queued.map(|reliable| reliable.channel).nth(turn)
    }

    fn write_part(&mut self, body: &mut Body<'_>, packet: &mut SentPacket, filled: &mut Filled) {
        let Some(channel) = self.snapshot_channel() else { return };
        if filled.frames < FRAMES_MAX {
            packet.part = self.parts.fill(channel, body);
            filled.frames += usize::from(packet.part.is_some());
        }
    }

    fn write_close(&mut self, body: &mut Body<'_>) {
        if let Some(closing) = &mut self.closing {
            Frame::Close { code: closing.code, text: &closing.text }.encode(body);
            closing.copies_left -= 1;
        }
    }
}
