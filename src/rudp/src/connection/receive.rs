//! What arrives: the payload is checked whole, then its acks are read, then its frames.

use super::{Connection, Sink};
use crate::ack::{Arrival, Elicits};
use crate::channel::{Arrived, ChannelId, ChannelKind, Claim, Kept, Place, Verdict};
use crate::packet::{Frame, Packet, PayloadError, Side, peek_hello};
use crate::rate::RateController;
use crate::reason::Reason;
use crate::sequence::ACK_SPACE_END;

impl Connection {
    /// Takes in an opened payload (netcode type 5) with its packet number. The seal has been checked and the number
    /// has passed the replay window.
    ///
    /// # Errors
    /// What the peer did wrong. Nothing of a malformed payload is acted upon, and it is not acked (spec: PKT-5).
    pub fn handle_payload(
        &mut self,
        now_ns: u64,
        sequence: u64,
        payload: &[u8],
        sink: &mut dyn Sink,
    ) -> Result<(), PayloadError> {
        (self.seen_ns, self.heard_ns) = (now_ns, now_ns);
        self.flush_outcomes(sink);
        self.stats.packets_in += 1;
        self.stats.bytes_in += payload.len() as u64;
        let handled = self.receive(now_ns, sequence, payload, sink);
        self.stats.malformed_in += u64::from(handled.is_err());
        self.flush_outcomes(sink);
        handled
    }

    /// Takes in an opened netcode packet that is not ours (types 4 and 7): its number is acked, but it elicits none.
    pub fn handle_other(&mut self, now_ns: u64, sequence: u64) {
        if sequence < ACK_SPACE_END && self.count_arrival(sequence) {
            self.received.on_packet(now_ns, sequence, true, Elicits::Nothing);
        }
    }

    fn receive(&mut self, now_ns: u64, sequence: u64, payload: &[u8], sink: &mut dyn Sink) -> Result<(), PayloadError> {
        if sequence >= ACK_SPACE_END {
            return Err(PayloadError::OutsideAckSpace(sequence));
        }
        if self.peer_closed || !self.count_arrival(sequence) {
            return Ok(());
        }
        let side = self.greeting.side();
        if side == Side::Server && self.greeting.version().is_none() && !self.receive_hello(payload, sink) {
            self.stats.unspoken_in += 1;
            return Ok(());
        }
        let packet = Packet::decode(payload, &self.table, side)?;
        if !self.receive_accept(&packet, sink)? {
            self.stats.unspoken_in += 1;
            return Ok(());
        }
        if let Some(ack) = &packet.ack {
            self.on_ack_field(now_ns, ack);
            // Outcomes are told before the messages of the packet that brought them.
            self.flush_outcomes(sink);
        }
        let vouched = self.receive_frames(now_ns, sequence, &packet, sink);
        self.received.on_packet(now_ns, sequence, vouched, self.asked_by(&packet));
        self.stats.packets_refused += u64::from(!vouched);
        Ok(())
    }

    /// How soon the packet is acked: no later than it asks for, and soon while our own rate is not what it may be. Packets
    /// of acks alone are acked too, and that tells how the path is while a queue is drained and hardly anything else
    /// leaves: without them 600 kbit/s had 120 ms of delay at p95 instead of 80.
    fn asked_by(&self, packet: &Packet<'_>) -> Elicits {
        match packet.elicits() {
            Elicits::Patient if !self.controller.is_at_ease() => Elicits::Prompt,
            elicits => elicits,
        }
    }

    /// Server, unspoken: only a hello in front is heeded (spec: PKT-27). False: ignore the payload.
    fn receive_hello(&mut self, payload: &[u8], sink: &mut dyn Sink) -> bool {
        let Some(hello) = peek_hello(payload) else {
            self.receive_early_close(payload, sink);
            return false;
        };
        // A hello must not take effect from a payload whose rest is malformed; but a refusal is told in any case, for
        // the rest may be the language of another version.
        match self.greeting.judge(&hello) {
            Err(refusal) => {
                sink.on_hello_refused(&hello, refusal);
                false
            }
            Ok(version) => {
                if Packet::decode(payload, &self.table, Side::Server).is_ok() {
                    self.greeting.on_hello(version);
                    sink.on_hello(&hello, version);
                }
                true
            }
        }
    }

    /// Server, unspoken: who leaves before it was let in may say why (spec: LIF-11, PKT-27).
    fn receive_early_close(&mut self, payload: &[u8], sink: &mut dyn Sink) {
        let Ok(packet) = Packet::decode(payload, &self.table, Side::Server) else { return };
        if let Some(Frame::Close { code, text }) = packet.frames(self.table, Side::Server).next() {
            self.receive_close(code, text, sink);
        }
    }

    /// Client, unaccepted: only an acceptance or a close is heeded (spec: PKT-28). False: ignore the rest.
    fn receive_accept(&mut self, packet: &Packet<'_>, sink: &mut dyn Sink) -> Result<bool, PayloadError> {
        if self.greeting.side() == Side::Server || self.greeting.version().is_some() {
            return Ok(true);
        }
        match packet.accept {
            Some(version) if self.greeting.offers(version) => {
                self.greeting.on_accept(version);
                sink.on_hello_accepted(version);
                Ok(true)
            }
            Some(version) => Err(PayloadError::VersionNotOffered(version)),
            None => {
                let side = self.greeting.side();
                for frame in packet.frames(self.table, side) {
                    if let Frame::Close { code, text } = frame {
                        self.receive_close(code, text, sink);
                    }
                }
                Ok(false)
            }
        }
    }

    /// Applies the frames; answers whether the packet may be acked.
    fn receive_frames(&mut self, now_ns: u64, sequence: u64, packet: &Packet<'_>, sink: &mut dyn Sink) -> bool {
        let mut vouched = true;
        let side = self.greeting.side();
        for frame in packet.frames(self.table, side) {
            match frame {
                // A repeated hello asks for an ack, and the packet that brings it repeats the acceptance.
                Frame::Hello(_) | Frame::HelloAccept { .. } | Frame::Ping => {}
                Frame::Path { id } => sink.on_path(sequence, id),
                Frame::Window { channel, read } => self.on_window(channel, read),
                Frame::Bulk { channel, id, bytes } => vouched &= self.receive_piece(channel, id, bytes, sink),
                Frame::Close { code, text } => {
                    self.receive_close(code, text, sink);
                    break;
                }
                Frame::Unreliable { channel, bytes } | Frame::Part { channel, bytes } => {
                    sink.on_message(sequence, channel, bytes);
                }
                Frame::Sequenced { channel, id, bytes } => {
                    if self.sequenced_mut(channel).is_news(id) {
                        sink.on_message(sequence, channel, bytes);
                    } else {
                        self.stats.sequenced_old_in += 1;
                    }
                }
                Frame::Reliable { channel, id, bytes } | Frame::Unordered { channel, id, bytes } => {
                    vouched &= self.receive_reliable(sequence, channel, id, bytes, sink);
                }
                Frame::Fragment { channel, reliable: true, id, place, bytes } => {
                    vouched &= self.receive_fragment(sequence, channel, (id, place, bytes), sink);
                }
                Frame::Fragment { channel, reliable: false, id, place, bytes } => {
                    let arrived = Arrived { channel, message: u64::from(id), place, bytes };
                    self.receive_unreliable_fragment(now_ns, sequence, &arrived, sink);
                }
            }
        }
        vouched
    }

    fn receive_reliable(
        &mut self,
        sequence: u64,
        channel: ChannelId,
        id: u16,
        bytes: &[u8],
        sink: &mut dyn Sink,
    ) -> bool {
        let open = self.receive_open;
        let Some(at) = self.reliable.iter().position(|reliable| reliable.channel == channel) else { return false };
        let inbound = &mut self.reliable[at].inbound;
        let conflicts = self.reassembly.conflicts(channel, inbound.number(id), 1, None);
        let verdict = if conflicts { Verdict::Mismatched } else { inbound.on_message(id, bytes, open) };
        if verdict == Verdict::Deliver {
            sink.on_message(sequence, channel, bytes);
            self.stats.reliable_in += 1;
            self.deliver_ready(sequence, at, sink);
        }
        self.count_verdict(verdict);
        verdict.is_accepted()
    }

    fn receive_fragment(
        &mut self,
        sequence: u64,
        channel: ChannelId,
        fragment: (u16, Place, &[u8]),
        sink: &mut dyn Sink,
    ) -> bool {
        let Some(at) = self.reliable.iter().position(|reliable| reliable.channel == channel) else { return false };
        let inbound = &mut self.reliable[at].inbound;
        let message = inbound.message_of(fragment.0, fragment.1);
        let verdict = inbound.on_fragment(channel, fragment, self.receive_open, &mut self.reassembly);
        self.stats.fragments_in += 1;
        if verdict == Verdict::Stored {
            // Where order does not matter a message is delivered as soon as it is whole (spec: PKT-57); else when its
            // turn comes.
            let unordered = self.table.spec(channel).is_some_and(|spec| spec.kind == ChannelKind::ReliableUnordered);
            if let Some(whole) = if unordered { self.reassembly.take(channel, message) } else { None } {
                sink.on_message(sequence, channel, &whole);
                self.stats.reliable_in += 1;
            }
            self.deliver_ready(sequence, at, sink);
        }
        self.count_verdict(verdict);
        verdict.is_accepted()
    }

    /// An unreliable fragment is acked like any unreliable message, whatever becomes of it.
    fn receive_unreliable_fragment(&mut self, now_ns: u64, sequence: u64, arrived: &Arrived<'_>, sink: &mut dyn Sink) {
        self.stats.fragments_in += 1;
        match self.reassembly.keep(arrived, Claim::Unreliable(now_ns)) {
            Kept::Stored | Kept::Duplicate => {}
            Kept::Full => self.stats.fragments_refused_in += 1,
            Kept::Mismatched => self.stats.fragments_mismatched_in += 1,
        }
        if let Some(whole) = self.reassembly.take(arrived.channel, arrived.message) {
            sink.on_message(sequence, arrived.channel, &whole);
        }
        self.stats.reassemblies_given_up = self.reassembly.given_up;
    }

    fn deliver_ready(&mut self, sequence: u64, at: usize, sink: &mut dyn Sink) {
        let reliable = &mut self.reliable[at];
        while let Some(message) = reliable.inbound.pop_ready(reliable.channel, &mut self.reassembly) {
            sink.on_message(sequence, reliable.channel, &message);
            self.stats.reliable_in += 1;
            reliable.inbound.recycle(message);
        }
    }

    pub(super) fn count_verdict(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Deliver | Verdict::Stored => return,
            Verdict::Duplicate => &mut self.stats.reliable_duplicates_in,
            Verdict::Closed => &mut self.stats.reliable_closed_in,
            Verdict::BeyondWindow | Verdict::OverBudget => &mut self.stats.reliable_excess_in,
            Verdict::NoRoom => &mut self.stats.fragments_refused_in,
            Verdict::Mismatched => &mut self.stats.fragments_mismatched_in,
        } += 1;
    }

    fn receive_close(&mut self, code: u8, text: &str, sink: &mut dyn Sink) {
        self.peer_closed = true;
        sink.on_close(Reason::from_code(code), text);
    }

    /// Counts where the number stands; true when its packet is fresh.
    fn count_arrival(&mut self, sequence: u64) -> bool {
        match self.received.classify(sequence) {
            Arrival::Fresh { late } => {
                self.stats.reordered_in += u64::from(late);
                true
            }
            Arrival::Duplicate => {
                self.stats.duplicates_in += 1;
                false
            }
            Arrival::TooOld => {
                self.stats.too_old_in += 1;
                false
            }
        }
    }
}
