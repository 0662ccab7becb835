//! What became of what was sent: acks, losses, probes, and the timers behind them.

use super::{Connection, Sink};
use crate::channel::PartOutcome;
use crate::loss::{PROBE_TIMEOUT_NS_MAX, REORDER_PACKETS, loss_delay_ns, probe_timeout_ns};
use crate::packet::{AckField, TIMING_TICK_NS, Timing};
use crate::rate::{Feedback, RateController};
use crate::sent::{Acked, Fate, SentPacket};
use crate::sequence::widen;

impl Connection {
    /// Judges what is due: outcomes to tell, losses, a probe after silence, an ack that has waited long enough.
    /// Afterwards `poll_timeout` lies in the future; a second call changes nothing.
    pub fn handle_timeout(&mut self, now_ns: u64, sink: &mut dyn Sink) {
        self.seen_ns = now_ns;
        if self.judge_losses || self.loss_deadline_ns.is_some_and(|deadline| deadline <= now_ns) {
            self.detect_losses(now_ns);
        }
        if self.probe_deadline_ns().is_some_and(|deadline| deadline <= now_ns) {
            self.probes_unanswered += 1;
            self.probe_due = true;
            self.probed_ns = now_ns;
            self.greeting.on_unheard();
        }
        self.judge_encore(now_ns);
        self.received.on_timeout(now_ns);
        self.reassembly.on_timeout(now_ns);
        self.stats.reassemblies_given_up = self.reassembly.given_up;
        self.flush_outcomes(sink);
    }

    /// When `handle_timeout` wants to be called, in ns; a time in the past means at once.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        if self.judge_losses || !self.outcomes.is_empty() {
            // Not 0: the owner reads the time since a missed deadline as a stall of its own.
            return Some(self.seen_ns);
        }
        if self.is_closed() {
            return None;
        }
        let ack_ns = self.received.deadline_ns();
        let reassembly_ns = self.reassembly.deadline_ns();
        let sends = [ack_ns, self.encore.deadline_ns()].into_iter();
        [self.loss_deadline_ns, self.probe_deadline_ns(), reassembly_ns].into_iter().chain(sends).flatten().min()
    }

    /// Reads a header's acks (spec: PKT-11). Numbers that were never sent are counted and otherwise ignored
    /// (spec: PKT-41).
    pub(super) fn on_ack_field(&mut self, now_ns: u64, ack: &AckField) {
        let newest_sent = self.sent.newest();
        let Some(newest) =
            newest_sent.map(|sent| widen(ack.newest, sent)).filter(|newest| Some(*newest) <= newest_sent)
        else {
            self.stats.acks_unsent += 1;
            return;
        };
        let mut newest_sent_ns = None;
        let mut peer_acks = std::mem::take(&mut self.peer_acks);
        peer_acks.on_acks(newest, ack.mask, |sequence| {
            if let Some(packet) = self.on_number_acked(now_ns, sequence) {
                if packet.fate != Fate::Quiet {
                    self.acked_bytes += u64::from(packet.bytes);
                }
                if sequence == newest {
                    newest_sent_ns = Some(packet.sent_ns);
                }
            }
        });
        self.peer_acks = peer_acks;
        if let (Some(sent_ns), Some(timing)) = (newest_sent_ns, ack.timing) {
            self.on_timing(now_ns, sent_ns, timing);
        }
        let left_behind = self.sent.oldest_open().is_some_and(|oldest| Some(oldest.sequence) < self.peer_acks.newest());
        self.judge_losses |= left_behind;
    }

    /// A round-trip sample is taken from the newest number only, when it is acked for the first time and the peer knows
    /// how long it waited (spec: PKT-13).
    fn on_timing(&mut self, now_ns: u64, sent_ns: u64, timing: Timing) {
        let acked_bytes = std::mem::take(&mut self.acked_bytes);
        let Timing { arrival, delay: ack_delay } = timing;
        let feedback = Feedback { now_ns, sent_ns, arrival, ack_delay, acked_bytes };
        self.controller.on_feedback(&feedback);
        if timing.delay == Timing::DELAY_MAX {
            return;
        }
        self.rtt.on_sample(now_ns.saturating_sub(sent_ns), u64::from(timing.delay) * TIMING_TICK_NS);
        self.stats.rtt_smoothed_ns = self.rtt.smoothed_ns();
        self.stats.rtt_variation_ns = self.rtt.variation_ns();
        self.stats.rtt_min_ns = self.rtt.min_ns();
        self.stats.rtt_latest_ns = self.rtt.latest_ns();
    }

    /// One number acked for the first time; its record, if there was one.
    fn on_number_acked(&mut self, now_ns: u64, sequence: u64) -> Option<SentPacket> {
        let (packet, late) = match self.sent.ack(sequence) {
            Acked::InTime(packet) => (packet, false),
            Acked::Late(packet) => (packet, true),
            Acked::Known => return None,
            Acked::NeverSent => {
                self.stats.acks_unsent += 1;
                return None;
            }
        };
        if packet.fate == Fate::Quiet {
            return Some(packet);
        }
        self.probes_unanswered = 0;
        self.stats.packets_acked += 1;
        if late {
            self.stats.acks_late += 1;
            self.stats.packets_lost -= 1;
            self.recent_loss.on_late_ack(now_ns);
        } else {
            self.recent_loss.on_acked(now_ns);
            if let Some(part) = packet.part {
                self.outcomes.push_back((part, PartOutcome::Acked));
            }
        }
        if packet.greeting {
            self.greeting.on_acked();
        }
        if packet.path && self.path_offer.is_some_and(|offer| offer.first.is_some_and(|first| first <= sequence)) {
            self.path_offer = None;
        }
        if packet.window {
            self.on_windows_acked(sequence);
        }
        for run in packet.runs() {
            if let Some(reliable) = self.reliable.iter_mut().find(|reliable| reliable.channel.0 == run.channel) {
                reliable.outbound.on_acked(*run);
            }
        }
        if !packet.runs().is_empty() {
            self.count_reliable();
        }
        Some(packet)
    }

    /// Lost is what an acked number leaves three behind, or 9/8 of a round trip (spec: PKT-42). Numbers and times
    /// ascend together: when the oldest undecided packet still has time, all have.
    fn detect_losses(&mut self, now_ns: u64) {
        self.judge_losses = false;
        self.loss_deadline_ns = None;
        let Some(newest_acked) = self.peer_acks.newest() else { return };
        let delay_ns = loss_delay_ns(&self.rtt);
        let is_lost = |packet: &SentPacket| {
            packet.sequence < newest_acked
                && (newest_acked - packet.sequence >= REORDER_PACKETS || packet.sent_ns + delay_ns <= now_ns)
        };
        while let Some(packet) = self.sent.lose_oldest_if(is_lost) {
            self.on_packet_lost(now_ns, &packet);
        }
        let left_behind = self.sent.oldest_open().filter(|oldest| oldest.sequence < newest_acked);
        self.loss_deadline_ns = left_behind.map(|oldest| oldest.sent_ns + delay_ns);
    }

    /// A packet's load is lost with it: the part is reported, messages go again unless another packet carries them. A
    /// greeting needs nothing: whatever later packet was acked carried it too.
    pub(super) fn on_packet_lost(&mut self, now_ns: u64, packet: &SentPacket) {
        self.recent_loss.on_lost(now_ns);
        self.stats.packets_lost += 1;
        self.controller.on_loss(now_ns, packet.sent_ns);
        if let Some(part) = packet.part {
            self.outcomes.push_back((part, PartOutcome::Lost));
        }
        for run in packet.runs() {
            if let Some(reliable) = self.reliable.iter_mut().find(|reliable| reliable.channel.0 == run.channel) {
                reliable.outbound.on_lost(*run);
            }
        }
    }

    /// A probe is due this long after the last eliciting packet, if nothing else decides the undecided ones: a packet
    /// left behind by acks has the loss timer instead. Who sends without a pause would put that off for ever. So one is
    /// due whatever else leaves when the peer has been heard this long after the oldest undecided packet and the last
    /// probe, and has said nothing of it: it received, and could vouch for nothing (a client that lost its welcome
    /// refuses every snapshot). A peer that is not heard has perhaps only its acks lost: it gets
    /// [`PROBE_TIMEOUT_NS_MAX`] (spec: PKT-43).
    fn probe_deadline_ns(&self) -> Option<u64> {
        if self.is_silent || self.probe_due || self.judge_losses || self.loss_deadline_ns.is_some() {
            return None;
        }
        let oldest_ns = self.sent.oldest_open()?.sent_ns.max(self.probed_ns);
        let timeout_ns = probe_timeout_ns(&self.rtt, self.sent.elicits().delay_ns_max()?, self.probes_unanswered);
        let is_unsaid = self.heard_ns >= oldest_ns + timeout_ns;
        let patient_ns = if is_unsaid { self.heard_ns } else { oldest_ns + PROBE_TIMEOUT_NS_MAX };
        Some((self.sent.last_eliciting_ns() + timeout_ns).min(patient_ns))
    }
}
