//! What arrives: the payload is checked whole, then its acks are read, then its frames.

use super::{Connection, Sink};
use crate::ack::Arrival;
use crate::channel::{ChannelId, Verdict};
use crate::packet::{Frame, Packet, PayloadError, Side, peek_hello};
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
            self.received.on_packet(now_ns, sequence, true, false);
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
        let vouched = self.receive_frames(sequence, &packet, sink);
        self.received.on_packet(now_ns, sequence, vouched, packet.elicits_ack());
        self.stats.packets_refused += u64::from(!vouched);
        Ok(())
    }

    /// Server, unspoken: only a hello in front is heeded (spec: PKT-27). False: ignore the payload.
    fn receive_hello(&mut self, payload: &[u8], sink: &mut dyn Sink) -> bool {
        let Some(hello) = peek_hello(payload) else { return false };
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
    fn receive_frames(&mut self, sequence: u64, packet: &Packet<'_>, sink: &mut dyn Sink) -> bool {
        let mut vouched = true;
        let side = self.greeting.side();
        for frame in packet.frames(self.table, side) {
            match frame {
                // A repeated hello asks for an ack, and the packet that brings it repeats the acceptance.
                Frame::Hello(_) | Frame::HelloAccept { .. } | Frame::Ping => {}
                Frame::Path { id } => sink.on_path(sequence, id),
                Frame::Close { code, text } => {
                    self.receive_close(code, text, sink);
                    break;
                }
                Frame::Unreliable { channel, bytes } | Frame::Part { channel, bytes } => {
                    sink.on_message(sequence, channel, bytes);
                }
                Frame::Reliable { channel, id, bytes } => {
                    vouched &= self.receive_reliable(sequence, channel, id, bytes, sink);
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
        let inbound = &mut self.reliable_mut(channel).inbound;
        let verdict = inbound.on_message(id, bytes, open);
        let mut delivered = 0;
        if verdict == Verdict::Deliver {
            sink.on_message(sequence, channel, bytes);
            delivered += 1;
            while let Some(message) = inbound.pop_ready() {
                sink.on_message(sequence, channel, &message);
                delivered += 1;
                inbound.recycle(message);
            }
        }
        self.stats.reliable_in += delivered;
        self.stats.reliable_duplicates_in += u64::from(verdict == Verdict::Duplicate);
        self.stats.reliable_closed_in += u64::from(verdict == Verdict::Closed);
        self.stats.reliable_excess_in += u64::from(matches!(verdict, Verdict::BeyondWindow | Verdict::OverBudget));
        verdict.is_accepted()
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
