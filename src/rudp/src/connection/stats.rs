//! What a connection counts.

use crate::channel::LANES;

/// How long the reliable messages of one lane waited for their first packet, counted from the first chance to leave: the
/// first time the connection was asked for a packet after `send`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneStats {
    /// Messages, or fragments of them, sent for the first time.
    pub messages: u64,
    /// Sum of their waits, ns.
    pub waited_ns: u64,
    /// Longest wait, ns.
    pub waited_ns_max: u64,
}

impl LaneStats {
    /// One more message, with its wait.
    pub(crate) fn on_sent(&mut self, waited_ns: u64) {
        self.messages += 1;
        self.waited_ns += waited_ns;
        self.waited_ns_max = self.waited_ns_max.max(waited_ns);
    }
}

/// Counters since the connection began, and the latest round-trip figures. Packets are netcode packets in ack space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionStats {
    /// Smoothed round trip, ns; 0 before the first sample.
    pub rtt_smoothed_ns: u64,
    /// Its mean deviation, ns.
    pub rtt_variation_ns: u64,
    /// Smallest sample, ns.
    pub rtt_min_ns: u64,
    /// Last sample, ns.
    pub rtt_latest_ns: u64,
    /// Payloads written.
    pub packets_out: u64,
    /// Body bytes written.
    pub bytes_out: u64,
    /// Payloads among `packets_out` that elicit an ack: the denominator of the loss ratio.
    pub eliciting_out: u64,
    /// Payloads among `packets_out` that hold acks and nothing else.
    pub ack_only_out: u64,
    /// Probes sent after silence.
    pub probes_out: u64,
    /// Payloads handled.
    pub packets_in: u64,
    /// Body bytes handled.
    pub bytes_in: u64,
    /// Eliciting packets that were acked.
    pub packets_acked: u64,
    /// Eliciting packets that count as lost now; a late ack takes its packet out again.
    pub packets_lost: u64,
    /// Packets acked after they had been declared lost.
    pub acks_late: u64,
    /// Acks for numbers that were never sent.
    pub acks_unsent: u64,
    /// Packets that arrived a second time.
    pub duplicates_in: u64,
    /// Packets that arrived after a newer one.
    pub reordered_in: u64,
    /// Packets too far behind the newest to be told from copies.
    pub too_old_in: u64,
    /// Payloads that broke the format.
    pub malformed_in: u64,
    /// Payloads ignored because the hello was not settled.
    pub unspoken_in: u64,
    /// Packets that will not be acked because the receiver refused them.
    pub packets_refused: u64,
    /// Reliable messages taken from the caller.
    pub reliable_out: u64,
    /// Reliable message frames sent again.
    pub reliable_resent: u64,
    /// Reliable message frames sent once more because the path loses packets, not because one was lost.
    pub reliable_redundant: u64,
    /// Packets that left between two ticks only to carry such frames.
    pub encores_out: u64,
    /// Reliable messages delivered to the caller.
    pub reliable_in: u64,
    /// Reliable messages that were here already.
    pub reliable_duplicates_in: u64,
    /// Sequenced messages dropped because a newer one had been delivered.
    pub sequenced_old_in: u64,
    /// Reliable messages not taken: the receive window was closed.
    pub reliable_closed_in: u64,
    /// Reliable messages not taken: beyond window or bytes, which an honest peer never is.
    pub reliable_excess_in: u64,
    /// Fragments handled, of reliable and unreliable messages.
    pub fragments_in: u64,
    /// Fragments not taken: their message could not be begun beside those already begun.
    pub fragments_refused_in: u64,
    /// Fragments, and messages in the place of fragments, that contradict what is known of a message.
    pub fragments_mismatched_in: u64,
    /// Unreliable messages given up unfinished: five seconds were over, or others needed the room.
    pub reassemblies_given_up: u64,
    /// Bytes of bulk streams cut into chunks to be sent, before compression.
    pub bulk_raw_out: u64,
    /// The same after compression, heads included.
    pub bulk_coded_out: u64,
    /// Bytes of bulk streams read by the caller.
    pub bulk_raw_in: u64,
    /// Bulk bytes that arrived in order, as coded.
    pub bulk_coded_in: u64,
    /// Queue times by lane: control, events, state, bulk.
    pub lanes: [LaneStats; LANES],
    /// Sends refused because a queue was full.
    pub sends_full: u64,
    /// Unreliable messages that gave way to newer ones.
    pub unreliable_dropped: u64,
}
