//! One peer's packet layer and channels. Knows no addresses, no ciphers, no netcode packets.

mod bulk;
mod encore;
mod greeting;
mod receive;
mod recovery;
mod send;
mod stats;
#[cfg(test)]
mod tests;
mod transmit;

pub use stats::{ConnectionStats, LaneStats};
pub use transmit::{CLOSE_COPIES, FLIGHT_SPAN_MAX};

use crate::ack::Received;
use crate::channel::{
    ChannelId, ChannelKind, ChannelSpec, ChannelTable, Inbound, Outbound, PartId, PartOutcome, PartQueue, Reassembly,
    SNAPSHOT_PART_BYTES_MAX, Sequenced, UnreliableQueue,
};
use crate::hello::{Hello, HelloRefusal, HelloRules};
use crate::loss::RecentLoss;
use crate::packet::{AckField, Frame, PAYLOAD_BYTES_MAX, WINDOW_FRAME_BYTES, frame_overhead_bytes};
use crate::prefetch::Prefetch;
use crate::rate::{
    BLIND_INTERVAL_TICKS, BLIND_PACKET_BYTES_MAX, Controller, Credit, IPV4_UDP_BYTES, PART_PACKET_BYTES_MIN,
    RATE_DEFAULT_BYTES_PER_S, RateControl, RateController, TICKS_PER_S, part_interval_ticks, wire_bytes,
};
use crate::reason::Reason;
use crate::rtt::Rtt;
use crate::sent::{PeerAcks, SentRing};
use bulk::Bulk;
use encore::{CopyShare, Encore};
use greeting::Greeting;
use std::collections::VecDeque;
use transmit::Closing;

/// Which end of the session this is, with what that end brings to the hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Introduces itself.
    Client(Hello),
    /// Judges the introduction.
    Server(HelloRules),
}

/// What a connection is built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionConfig {
    /// The channels; both ends must hold the same table.
    pub table: ChannelTable,
    /// Bytes per second on the wire at most, all headers included; the game's default is 24,000, sensible are
    /// 4,000-256,000.
    pub rate_bytes_per_s: u32,
    /// What decides how much of that rate is used.
    pub rate_control: RateControl,
    /// Bytes of IP and UDP header per datagram: 28 over IPv4, 48 over IPv6.
    pub ip_udp_bytes: usize,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            table: ChannelTable::GAME,
            rate_bytes_per_s: RATE_DEFAULT_BYTES_PER_S,
            rate_control: RateControl::default(),
            ip_udp_bytes: IPV4_UDP_BYTES,
        }
    }
}

/// Where a connection puts what it learnt, in the order in which it learnt it.
pub trait Sink {
    /// Server: a valid hello; both ends speak `version` from now on. Told once, before any message.
    fn on_hello(&mut self, hello: &Hello, version: u16);
    /// Server: a hello that the rules refuse. Disconnect with [`HelloRefusal::reason`] and its text; until then each
    /// further payload may tell it again.
    fn on_hello_refused(&mut self, hello: &Hello, refusal: HelloRefusal);
    /// Client: the server accepted the hello. Told once, before any message.
    fn on_hello_accepted(&mut self, version: u16);
    /// A message, or at the client a snapshot part, that arrived in packet `sequence`.
    fn on_message(&mut self, sequence: u64, channel: ChannelId, bytes: &[u8]);
    /// What became of a part: exactly once per part that `send_snapshot` took.
    fn on_part(&mut self, part: PartId, outcome: PartOutcome);
    /// A chunk of this bulk channel is here, and none was before: to be read until there is none.
    fn on_bulk(&mut self, _channel: ChannelId) {}
    /// The peer broke the rules of an authenticated session: it ends with [`Reason::ProtocolViolation`] and this text.
    fn on_misbehaved(&mut self, _text: &str) {}
    /// Client: by which id the server finds the session; one that came in an older packet does not count.
    fn on_path(&mut self, _sequence: u64, _id: u64) {}
    /// The peer ends the session. Nothing is handled after this.
    fn on_close(&mut self, reason: Reason, text: &str);
}

/// The packet layer of one session.
///
/// # The law of the run loop
/// All times are nanoseconds on one monotonic clock and never step back. Per wake: first every datagram
/// ([`handle_payload`](Self::handle_payload), [`handle_other`](Self::handle_other)), then
/// [`handle_timeout`](Self::handle_timeout) if [`poll_timeout`](Self::poll_timeout) is due (so that all acks are read
/// before any timer is judged), then [`poll_payload`](Self::poll_payload) until it is `None`. Any call that takes
/// `&mut self` may change what [`wants_transmit`](Self::wants_transmit) and `poll_timeout` answer: read them again.
///
/// Packet numbers are those of the netcode packets that carry the payloads. The owner hands them out in ascending
/// order, one per packet in either direction, and tells of the packets that are not ours (`handle_other`,
/// [`on_other_sent`](Self::on_other_sent)).
#[derive(Debug)]
pub struct Connection {
    greeting: Greeting,
    table: ChannelTable,
    ip_udp_bytes: usize,
    received: Received,
    sent: SentRing,
    peer_acks: PeerAcks,
    rtt: Rtt,
    credit: Credit,
    rate: (RateControl, u32),
    controller: Controller,
    /// Ticks since the tick that offered a snapshot its last budget.
    ticks_since_part: u32,
    /// Ticks in a row in which other packets have left the credit nothing for a part.
    ticks_owing: u32,
    /// Wire bytes acked since the controller heard of any.
    acked_bytes: u64,
    /// Reliable channels in the order of their lanes.
    reliable: Vec<Reliable>,
    /// What the bulk ones among them have beside it.
    bulk: Vec<Bulk>,
    /// What waits to be cut into chunks, as the limits count it: kept here, because most packets of most connections have
    /// nothing to do with bulk and need not look further.
    bulk_uncut_bytes: usize,
    /// A window frame may wait, or may be on its way and not acked.
    has_windows: bool,
    /// Bytes on the wire put by for them.
    bulk_share_bytes: i64,
    /// Messages and bytes that all of them have queued: mostly none, and then none of them is looked at.
    reliable_queued: (usize, usize),
    unreliable: UnreliableQueue,
    reassembly: Reassembly,
    sequenced: Vec<Sequenced>,
    parts: PartQueue,
    /// Outcomes decided in a call that had no sink.
    outcomes: VecDeque<(PartId, PartOutcome)>,
    receive_open: bool,
    /// An ack left undecided packets behind: losses are to be judged.
    judge_losses: bool,
    /// The last time that a call named.
    seen_ns: u64,
    loss_deadline_ns: Option<u64>,
    recent_loss: RecentLoss,
    /// A packet between two ticks, while loss is severe.
    encore: Encore,
    copies: CopyShare,
    probe_due: bool,
    probes_unanswered: u32,
    /// When the last probe was due.
    probed_ns: u64,
    /// When the newest payload of the peer came.
    heard_ns: u64,
    /// Server: an id on its way to the client.
    path_offer: Option<PathOffer>,
    /// The peer is silent: nothing leaves but probes.
    is_silent: bool,
    closing: Option<Closing>,
    peer_closed: bool,
    stats: ConnectionStats,
}

/// A path id that stands in every packet until one of them is acked.
#[derive(Clone, Copy, Debug)]
struct PathOffer {
    id: u64,
    /// The first packet that carried it: acks of earlier ones told of an earlier id.
    first: Option<u64>,
}

/// Both halves of one reliable channel.
#[derive(Debug)]
struct Reliable {
    channel: ChannelId,
    lane: u8,
    outbound: Outbound,
    inbound: Inbound,
}

impl Connection {
    /// A connection whose session has just been confirmed. A client owes its hello from the first moment.
    #[must_use]
    pub fn new(_now_ns: u64, role: Role, config: &ConnectionConfig) -> Self {
        Self::with_first_message(role, config, 0)
    }

    /// As [`new`](Self::new), its channels counting from `first_id`: long sessions, without living through them.
    pub(crate) fn with_first_message(role: Role, config: &ConnectionConfig, first_id: u64) -> Self {
        let ids = (0_u8..).map(ChannelId).zip(config.table.specs());
        let specs = config.table.specs().iter();
        let unreliable = specs.filter(|spec| matches!(spec.kind, ChannelKind::Unreliable | ChannelKind::Sequenced));
        let unreliable_bytes_max = unreliable.map(|spec| spec.message_bytes_max).max().unwrap_or(0);
        let sequenced = ids.clone().filter(|(_, spec)| spec.kind == ChannelKind::Sequenced);
        let sequenced = sequenced.map(|(channel, _)| Sequenced::new(channel, first_id));
        let bulk =
            ids.clone().filter(|(_, spec)| spec.kind == ChannelKind::Bulk).map(|(channel, _)| Bulk::new(channel));
        let is_resent = |spec: &ChannelSpec| spec.kind.is_reliable() || spec.kind == ChannelKind::Bulk;
        let mut lanes: Vec<(ChannelId, &ChannelSpec)> = ids.filter(|(_, spec)| is_resent(spec)).collect();
        lanes.sort_unstable_by_key(|(channel, spec)| (spec.lane, *channel));
        let reliable = lanes.into_iter().map(|(channel, spec)| Reliable {
            channel,
            lane: spec.lane,
            outbound: Outbound::new(channel, spec.kind, first_id),
            inbound: Inbound::new(spec.kind, first_id),
        });
        Self {
            greeting: Greeting::new(role),
            table: config.table,
            ip_udp_bytes: config.ip_udp_bytes,
            received: Received::default(),
            sent: SentRing::new(),
            peer_acks: PeerAcks::default(),
            rtt: Rtt::default(),
            credit: Credit::default(),
            rate: (config.rate_control, config.rate_bytes_per_s),
            controller: Controller::new(config.rate_control, config.rate_bytes_per_s),
            ticks_since_part: 0,
            ticks_owing: 0,
            acked_bytes: 0,
            reliable: reliable.collect(),
            bulk: bulk.collect(),
            bulk_uncut_bytes: 0,
            has_windows: false,
            bulk_share_bytes: 0,
            reliable_queued: (0, 0),
            unreliable: UnreliableQueue::new(unreliable_bytes_max),
            reassembly: Reassembly::default(),
            sequenced: sequenced.collect(),
            parts: PartQueue::default(),
            outcomes: VecDeque::new(),
            receive_open: true,
            judge_losses: false,
            seen_ns: 0,
            loss_deadline_ns: None,
            recent_loss: RecentLoss::default(),
            encore: Encore::default(),
            copies: CopyShare::default(),
            probe_due: false,
            probes_unanswered: 0,
            probed_ns: 0,
            heard_ns: 0,
            path_offer: None,
            is_silent: false,
            closing: None,
            peer_closed: false,
            stats: ConnectionStats::default(),
        }
    }

    /// About to be used: what its fields point to, of the kind that every packet touches.
    pub(crate) fn prefetch(&self, prefetch: Prefetch) {
        self.sent.prefetch(prefetch);
        self.parts.prefetch(prefetch);
        self.controller.prefetch(prefetch);
        prefetch.maybe(self.outcomes.front());
        if self.reliable_queued.0 > 0 {
            prefetch.value(self.reliable.as_slice());
        }
    }

    /// A tick begins: the connection's credit grows by a tick's share, and snapshot parts that still wait are old.
    pub fn on_tick_edge(&mut self, now_ns: u64) {
        self.controller.on_tick_edge(now_ns);
        self.ticks_since_part += 1;
        if self.ticks_since_part > self.part_interval_ticks() {
            self.ticks_since_part = 1;
        }
        self.credit.on_tick_edge(self.controller.rate_bytes_per_s());
        self.copies.on_tick_edge(self.controller.rate_bytes_per_s());
        self.save_for_bulk();
        let owes = self.credit.bytes() - self.bulk_share_bytes < PART_PACKET_BYTES_MIN;
        self.ticks_owing = if owes { self.ticks_owing.saturating_add(1) } else { 0 };
        self.parts.on_tick_edge();
    }

    /// Bytes that a snapshot part may have in this tick: what the credit leaves after packet overhead, a header and
    /// all reliable messages waiting, and what the controller allows to be under way (spec: PKT-62). At most
    /// [`SNAPSHOT_PART_BYTES_MAX`]; zero or less: send none. Exact while the waiting messages fit one packet; beyond, it
    /// assumes that they pack without gaps, and what that misses is debt. After a second without any, a few all the same.
    #[must_use]
    pub fn snapshot_budget_bytes(&self, now_ns: u64) -> i32 {
        let sequence = self.sent.newest().map_or(0, |newest| newest + 1);
        let header_bytes = AckField::encoded_bytes(self.received.field(now_ns).as_ref());
        let path_bytes = self.path_offer.map_or(0, |offer| Frame::Path { id: offer.id }.encoded_bytes());
        let window_bytes = self.windows_due() * WINDOW_FRAME_BYTES;
        let greeting_bytes = self.greeting.frame().map_or(0, |frame| frame.encoded_bytes()) + path_bytes + window_bytes;
        let packet_bytes = wire_bytes(self.ip_udp_bytes, sequence, header_bytes);
        let reliable_bytes = self.reliable_frame_bytes(now_ns);
        let frame_bytes = frame_overhead_bytes(ChannelKind::Snapshot, SNAPSHOT_PART_BYTES_MAX);
        // Reliable messages are packed first: they cost a packet's overhead for each packet they fill, and what the
        // last of them leaves free is what a part may share.
        let room_bytes = PAYLOAD_BYTES_MAX - header_bytes;
        let beside_bytes = greeting_bytes + frame_bytes + reliable_bytes % room_bytes;
        let full_packets = reliable_bytes / room_bytes;
        let spent = (1 + full_packets) * packet_bytes + greeting_bytes + reliable_bytes + frame_bytes;
        let part_bytes_max = SNAPSHOT_PART_BYTES_MAX as i64;
        let mut left = self.spendable_bytes() - spent as i64;
        if left.min(part_bytes_max) > room_bytes as i64 - beside_bytes as i64 {
            left -= packet_bytes as i64;
        }
        if self.is_owing() && self.spendable_bytes() > 0 {
            // The messages leave whatever they cost; a part waits for them no longer.
            left = left.max(BLIND_PACKET_BYTES_MAX as i64 - (packet_bytes + frame_bytes) as i64);
        }
        i32::try_from(left.min(part_bytes_max)).unwrap_or(i32::MIN)
    }

    /// What the controller lets leave in this tick, bytes on the wire. Nothing in the ticks between two parts.
    fn spendable_bytes(&self) -> i64 {
        if self.ticks_since_part < self.part_interval_ticks() {
            return 0;
        }
        if self.controller.is_blind() {
            return BLIND_PACKET_BYTES_MAX as i64;
        }
        let flight_left = self.controller.flight_bytes_max().saturating_sub(self.sent.open_bytes());
        let mut credit = self.credit.bytes() - self.bulk_share_bytes;
        if self.is_owing() {
            credit = credit.max(BLIND_PACKET_BYTES_MAX as i64);
        }
        credit.min(i64::try_from(flight_left).unwrap_or(i64::MAX))
    }

    /// Acks and reliable messages have taken all the credit for a second, and may go on to: until they leave some, parts
    /// are as few and as small as on a path that nothing is known of (spec: PKT-61).
    fn is_owing(&self) -> bool {
        self.ticks_owing > TICKS_PER_S
    }

    fn part_interval_ticks(&self) -> u32 {
        if self.controller.is_blind() || self.is_owing() {
            return BLIND_INTERVAL_TICKS;
        }
        part_interval_ticks(self.controller.rate_bytes_per_s())
    }

    /// Opens or closes the receive window of all reliable channels. While it is closed new reliable messages are
    /// neither stored nor acked: the peer keeps them and sends them again.
    pub fn accept_reliable(&mut self, open: bool) {
        self.receive_open = open;
    }

    /// The receiver could not use the snapshot part that packet `sequence` held: it will not be acked (spec: PKT-17).
    /// To be called between the event and the next [`poll_payload`](Self::poll_payload). Reliable messages of that
    /// packet stay delivered; their copies will be known as duplicates.
    pub fn refuse_packet(&mut self, sequence: u64) {
        self.stats.packets_refused += 1;
        self.received.refuse(sequence);
    }

    /// Ends the session from this side: from now on only close frames are written, [`CLOSE_COPIES`] packets of them.
    /// The text is cut to 64 bytes. A second call changes nothing.
    pub fn queue_close(&mut self, reason: Reason, text: &str) {
        if self.closing.is_none() {
            self.closing = Some(Closing::new(reason, text));
        }
    }

    /// Asks the peer for a sign of life: the next packet asks for an ack.
    pub fn queue_probe(&mut self) {
        self.probe_due = true;
    }

    /// The peer has fallen silent: from now on nothing leaves but probes, one per [`queue_probe`](Self::queue_probe).
    /// What may be lost and still waits is given up; reliable messages, numbers and estimates stay. spec: LIF-18
    pub fn on_silent(&mut self, sink: &mut dyn Sink) {
        self.is_silent = true;
        self.probe_due = false;
        self.encore = Encore::default();
        self.flush_outcomes(sink);
        while let Some(part) = self.parts.pop() {
            sink.on_part(part, PartOutcome::NotSent);
        }
        self.stats.unreliable_dropped += self.unreliable.clear();
    }

    /// Tells the client by which id it is found when its address changes (spec: PKT-34).
    pub fn offer_path(&mut self, id: u64) {
        self.path_offer = Some(PathOffer { id, first: None });
    }

    /// The client has the newest path id.
    #[must_use]
    pub fn is_path_known(&self) -> bool {
        self.path_offer.is_none()
    }

    /// The packets take another way from now on: what was learnt of the old one is forgotten.
    pub fn on_path_changed(&mut self, ip_udp_bytes: usize) {
        self.ip_udp_bytes = ip_udp_bytes;
        self.rtt = Rtt::default();
        self.credit = Credit::default();
        // What was learnt of the old path says nothing of the new one.
        self.controller = Controller::new(self.rate.0, self.rate.1);
        self.probes_unanswered = 0;
    }

    /// The silent peer was heard again: everything goes on where it stood.
    pub fn on_resumed(&mut self) {
        self.is_silent = false;
        self.probes_unanswered = 0;
    }

    /// Settles every part without an outcome, for an owner that is about to drop the connection: what waits was not
    /// sent, what is undecided is lost.
    pub fn abandon_parts(&mut self, sink: &mut dyn Sink) {
        self.flush_outcomes(sink);
        while let Some(part) = self.parts.pop() {
            sink.on_part(part, PartOutcome::NotSent);
        }
        while let Some(packet) = self.sent.lose_oldest_if(|_| true) {
            if let Some(part) = packet.part {
                sink.on_part(part, PartOutcome::Lost);
            }
        }
    }

    /// Counters and round-trip figures.
    #[must_use]
    pub fn stats(&self) -> &ConnectionStats {
        &self.stats
    }

    /// The round-trip estimate.
    #[must_use]
    pub fn rtt(&self) -> &Rtt {
        &self.rtt
    }

    /// The inner version both ends speak; `None` while unspoken.
    #[must_use]
    pub fn version(&self) -> Option<u16> {
        self.greeting.version()
    }

    /// Nothing is queued and nothing is undecided.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.sent.open() == 0
            && self.parts.is_empty()
            && self.unreliable.is_empty()
            && self.reliable_queued.0 == 0
            && self.bulk_uncut_bytes == 0
    }

    /// Reliable messages not yet acked, and their bytes as the limits count them, over all channels; bulk counts with
    /// what waits to be cut.
    #[must_use]
    pub fn reliable_queued(&self) -> (usize, usize) {
        let (messages, bytes) = self.reliable_queued;
        (messages, bytes + self.bulk_uncut_bytes)
    }

    /// To be called whenever a channel has taken or released messages.
    pub(super) fn count_reliable(&mut self) {
        self.reliable_queued = self.reliable.iter().fold((0, 0), |(messages, bytes), reliable| {
            (messages + reliable.outbound.queued_messages(), bytes + reliable.outbound.queued_bytes())
        });
    }

    /// Whether messages of this channel are kept until they are acked.
    #[must_use]
    pub fn is_reliable(&self, channel: ChannelId) -> bool {
        self.table.spec(channel).is_some_and(|spec| spec.kind.is_reliable())
    }

    /// Reliable messages that arrived and wait for one before them.
    #[must_use]
    pub fn reliable_early(&self) -> usize {
        self.reliable.iter().map(|reliable| reliable.inbound.early_messages()).sum()
    }

    /// Messages of which fragments are here and fragments are missing, and the bytes held for them.
    #[must_use]
    pub fn reassembly_held(&self) -> (usize, usize) {
        self.reassembly.held()
    }

    /// Bytes per second on the wire that the rate controller allows now.
    #[must_use]
    pub fn rate_bytes_per_s(&self) -> u32 {
        self.controller.rate_bytes_per_s()
    }

    /// Undecided packets.
    #[must_use]
    pub fn packets_in_flight(&self) -> u32 {
        self.sent.open()
    }

    /// Frame bytes of reliable messages that the next packets will carry: those waiting, and redundant copies.
    fn reliable_frame_bytes(&self, now_ns: u64) -> usize {
        if self.reliable_queued.0 == 0 {
            return 0;
        }
        let level = self.recent_loss.level(now_ns);
        let each = self.reliable.iter().map(|reliable| &reliable.outbound).filter(|outbound| !outbound.is_bulk());
        let (waiting, copies) = each.fold((0, 0), |(waiting, copies), outbound| {
            (waiting + outbound.pending_bytes(), copies + outbound.redundant_bytes(level))
        });
        waiting + copies.min(self.copies.left())
    }

    /// The queue of a bulk channel's pieces.
    fn pieces(reliable: &[Reliable], channel: ChannelId) -> &Outbound {
        let found = reliable.iter().find(|reliable| reliable.channel == channel);
        &found.expect("every bulk channel of the table was built").outbound
    }

    fn reliable_mut(&mut self, channel: ChannelId) -> &mut Reliable {
        let found = self.reliable.iter_mut().find(|reliable| reliable.channel == channel);
        found.expect("every reliable channel of the table was built")
    }

    fn sequenced_mut(&mut self, channel: ChannelId) -> &mut Sequenced {
        let found = self.sequenced.iter_mut().find(|sequenced| sequenced.channel == channel);
        found.expect("every sequenced channel of the table was built")
    }

    fn snapshot_channel(&self) -> Option<ChannelId> {
        let row = self.table.specs().iter().position(|spec| spec.kind == ChannelKind::Snapshot)?;
        u8::try_from(row).ok().map(ChannelId)
    }

    fn flush_outcomes(&mut self, sink: &mut dyn Sink) {
        while let Some((part, outcome)) = self.outcomes.pop_front() {
            sink.on_part(part, outcome);
        }
    }
}
