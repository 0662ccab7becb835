//! What was sent and is not settled yet: a ring of small records, one per packet number.
//!
//! A record remembers the messages and the snapshot part its packet carried, so that the fate of the packet becomes the
//! fate of its load. It is kept past the verdict "lost", because a late ack must still cancel a resend.

use crate::ack::Elicits;
use crate::channel::PartId;
use crate::packet::MASK_BITS;
use crate::prefetch::Prefetch;

/// Slots of a fresh ring: a second of one packet per tick, 3.5 KiB.
const RECORDS_INITIAL: usize = 64;

/// Slots at most: 2 s at 60 ticks per second with eight packets per tick, 56 KiB. Only a peer that has fallen silent
/// under load lets a ring grow this far.
pub(crate) const RECORDS_MAX: usize = 1_024;

/// Runs of messages one packet may carry. Fresh messages are one run per channel; what a lost packet carried is again
/// few runs. When the next message would open a seventh, it goes into the next packet.
pub(crate) const RUNS_MAX: usize = 6;

/// A lost packet's record is worth keeping this long for a late ack: 2 s.
const LATE_ACK_NS: u64 = 2_000_000_000;

/// Consecutive reliable messages of one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) channel: u8,
    pub(crate) count: u8,
    /// Low 16 bits of the first message's number.
    pub(crate) first: u16,
}

/// Where a packet stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// No record.
    #[default]
    Empty,
    /// Elicits no ack: nobody waits for its fate.
    Quiet,
    /// Undecided.
    Open,
    /// Declared lost.
    Lost,
    /// Arrived.
    Acked,
}

/// One packet that was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SentPacket {
    pub(crate) sequence: u64,
    pub(crate) sent_ns: u64,
    pub(crate) part: Option<PartId>,
    runs: [Run; RUNS_MAX],
    runs_used: u8,
    pub(crate) fate: Fate,
    /// Carried the hello (client) or its acceptance (server).
    pub(crate) greeting: bool,
    /// Carries a path id.
    pub(crate) path: bool,
    /// Carries window frames.
    pub(crate) window: bool,
    /// Carries a ping.
    pub(crate) ping: bool,
    /// On the wire.
    pub(crate) bytes: u16,
}

impl SentPacket {
    pub(crate) fn new(sequence: u64, sent_ns: u64) -> Self {
        Self { sequence, sent_ns, fate: Fate::Quiet, ..Self::default() }
    }

    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs[..usize::from(self.runs_used)]
    }

    /// Whether nothing in it would be sent again, is built on or asks: its ack may wait the longer (spec: PKT-14).
    pub(crate) fn is_patient(&self) -> bool {
        !(self.greeting || self.path || self.window || self.ping) && self.runs_used == 0 && self.part.is_none()
    }

    /// Whether [`Self::add_message`] would succeed.
    pub(crate) fn has_run_for(&self, channel: u8, id: u16) -> bool {
        usize::from(self.runs_used) < RUNS_MAX || self.extends_last(channel, id)
    }

    /// Whether this message may be noted and a run is left then: copies must not take the room of what was never sent.
    pub(crate) fn has_spare_run_for(&self, channel: u8, id: u16) -> bool {
        usize::from(self.runs_used) + 1 < RUNS_MAX || self.extends_last(channel, id)
    }

    /// Whether the packet holds this message.
    pub(crate) fn carries(&self, channel: u8, id: u16) -> bool {
        self.runs().iter().any(|run| run.channel == channel && id.wrapping_sub(run.first) < u16::from(run.count))
    }

    /// Notes a message that went into the packet.
    pub(crate) fn add_message(&mut self, channel: u8, id: u16) {
        if self.extends_last(channel, id) {
            self.runs[usize::from(self.runs_used) - 1].count += 1;
        } else {
            self.runs[usize::from(self.runs_used)] = Run { channel, count: 1, first: id };
            self.runs_used += 1;
        }
    }

    fn extends_last(&self, channel: u8, id: u16) -> bool {
        self.runs().last().is_some_and(|run| {
            run.channel == channel && run.count < u8::MAX && run.first.wrapping_add(u16::from(run.count)) == id
        })
    }
}

/// What an ack of a number turned out to be; the record as it stood before.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Acked {
    /// The packet was undecided or quiet.
    InTime(SentPacket),
    /// It had been declared lost.
    Late(SentPacket),
    /// It was acked before, or its record is gone.
    Known,
    /// No packet of ours in ack space had this number.
    NeverSent,
}

/// The records, at index `sequence mod capacity`.
#[derive(Debug)]
pub(crate) struct SentRing {
    slots: Vec<SentPacket>,
    newest: Option<u64>,
    /// Records of numbers below this one may have made room for others before the ring grew.
    complete_from: u64,
    /// No number below this one is open.
    open_from: u64,
    open: u32,
    /// Wire bytes of the undecided packets.
    open_bytes: u64,
    last_eliciting_ns: u64,
    /// The last packet that wants its ack soon.
    newest_prompt: Option<u64>,
}

impl SentRing {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![SentPacket::default(); RECORDS_INITIAL],
            newest: None,
            complete_from: 0,
            open_from: 0,
            open: 0,
            open_bytes: 0,
            last_eliciting_ns: 0,
            newest_prompt: None,
        }
    }

    /// The highest number sent.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// Undecided packets.
    pub(crate) fn open(&self) -> u32 {
        self.open
    }

    /// Wire bytes of the undecided packets.
    pub(crate) fn open_bytes(&self) -> u64 {
        self.open_bytes
    }

    /// When the last ack-eliciting packet left, in ns.
    pub(crate) fn last_eliciting_ns(&self) -> u64 {
        self.last_eliciting_ns
    }

    /// How much the undecided packets want their acks. Of those that want them soon the newest is looked at: if an older
    /// one alone is left of them, an ack has left it behind, and the loss timer has it.
    pub(crate) fn elicits(&self) -> Elicits {
        let is_open = |sequence: u64| {
            let record = &self.slots[self.slot(sequence)];
            record.sequence == sequence && record.fate == Fate::Open
        };
        match self.newest_prompt {
            _ if self.open == 0 => Elicits::Nothing,
            Some(sequence) if is_open(sequence) => Elicits::Prompt,
            _ => Elicits::Patient,
        }
    }

    /// What the newest packet elicits, as its record has it.
    #[cfg(test)]
    pub(crate) fn newest_elicits(&self) -> Elicits {
        let record = &self.slots[self.slot(self.newest.expect("something was sent"))];
        match record.fate {
            Fate::Open if record.is_patient() => Elicits::Patient,
            Fate::Open => Elicits::Prompt,
            _ => Elicits::Nothing,
        }
    }

    /// Numbers from the oldest undecided packet to the newest sent, both included; 0 when nothing is undecided.
    pub(crate) fn open_span(&self) -> u64 {
        match self.newest {
            Some(newest) if self.open > 0 => newest - self.open_from + 1,
            _ => 0,
        }
    }

    /// Declares the oldest undecided packet lost if a packet numbered `sequence` would push it out of the ring's reach.
    /// Called until it returns `None`, before every [`Self::push`].
    pub(crate) fn lose_out_of_reach(&mut self, sequence: u64) -> Option<SentPacket> {
        self.lose_oldest_if(|packet| sequence - packet.sequence >= RECORDS_MAX as u64)
    }

    /// About to be used: where the next packet's record goes, and those that the next ack is likely to name.
    pub(crate) fn prefetch(&self, prefetch: Prefetch) {
        let next = self.newest.map_or(0, |newest| newest + 1);
        for sequence in next.saturating_sub(2)..=next {
            prefetch.maybe(self.slots.get(self.slot(sequence)));
        }
    }

    /// Adds a packet. Numbers must ascend, and no undecided packet may be out of reach.
    pub(crate) fn push(&mut self, packet: SentPacket) {
        assert!(self.newest.is_none_or(|newest| newest < packet.sequence), "packet numbers ascend");
        assert!(matches!(packet.fate, Fate::Quiet | Fate::Open));
        if self.open == 0 {
            self.open_from = packet.sequence;
        }
        self.make_room(&packet);
        let slot = self.slot(packet.sequence);
        assert!(self.slots[slot].fate != Fate::Open, "what is undecided is never overwritten");
        self.slots[slot] = packet;
        self.newest = Some(packet.sequence);
        if packet.fate == Fate::Open {
            self.open += 1;
            self.open_bytes += u64::from(packet.bytes);
            self.last_eliciting_ns = packet.sent_ns;
            if !packet.is_patient() {
                self.newest_prompt = Some(packet.sequence);
            }
        }
    }

    /// Applies an ack. `sequence` must not exceed the newest sent.
    pub(crate) fn ack(&mut self, sequence: u64) -> Acked {
        let slot = self.slot(sequence);
        let record = &mut self.slots[slot];
        if record.fate == Fate::Empty || record.sequence < sequence {
            return if sequence < self.complete_from { Acked::Known } else { Acked::NeverSent };
        }
        if record.sequence > sequence || record.fate == Fate::Acked {
            return Acked::Known;
        }
        let packet = *record;
        record.fate = Fate::Acked;
        match packet.fate {
            Fate::Lost => Acked::Late(packet),
            Fate::Open => {
                self.open -= 1;
                self.open_bytes -= u64::from(packet.bytes);
                self.advance_open();
                Acked::InTime(packet)
            }
            _ => Acked::InTime(packet),
        }
    }

    /// The oldest undecided packet.
    pub(crate) fn oldest_open(&self) -> Option<&SentPacket> {
        (self.open > 0).then(|| &self.slots[self.slot(self.open_from)])
    }

    /// Declares the oldest undecided packet lost if `is_lost` says so.
    pub(crate) fn lose_oldest_if(&mut self, is_lost: impl Fn(&SentPacket) -> bool) -> Option<SentPacket> {
        if self.open == 0 {
            return None;
        }
        let slot = self.slot(self.open_from);
        if !is_lost(&self.slots[slot]) {
            return None;
        }
        self.slots[slot].fate = Fate::Lost;
        let packet = self.slots[slot];
        self.open -= 1;
        self.open_bytes -= u64::from(packet.bytes);
        self.advance_open();
        Some(packet)
    }

    fn slot(&self, sequence: u64) -> usize {
        // The capacity is a power of two no larger than RECORDS_MAX: the low bits are the remainder.
        usize::from(crate::sequence::narrow(sequence)) & (self.slots.len() - 1)
    }

    /// Moves `open_from` to the next open number; each number is passed once.
    fn advance_open(&mut self) {
        let Some(newest) = self.newest else { return };
        if self.open == 0 {
            self.open_from = newest + 1;
            return;
        }
        loop {
            let record = &self.slots[self.slot(self.open_from)];
            if record.sequence == self.open_from && record.fate == Fate::Open {
                return;
            }
            self.open_from += 1;
            assert!(self.open_from <= newest, "an open packet is on record");
        }
    }

    /// Doubles the ring while a record that still matters would be overwritten. It grows with the longest silence so
    /// far; the steady state does not allocate.
    fn make_room(&mut self, packet: &SentPacket) {
        assert!(packet.sequence - self.open_from < RECORDS_MAX as u64, "out of reach is lost before the push");
        loop {
            let capacity = self.slots.len();
            let victim = &self.slots[self.slot(packet.sequence)];
            let late_ack_may_come =
                victim.fate == Fate::Lost && packet.sent_ns.saturating_sub(victim.sent_ns) < LATE_ACK_NS;
            let fits = packet.sequence - self.open_from < capacity as u64;
            if capacity == RECORDS_MAX || (fits && !late_ack_may_come) {
                return;
            }
            let first_sure = self.newest.map_or(0, |newest| (newest + 1).saturating_sub(capacity as u64));
            self.complete_from = self.complete_from.max(first_sure);
            let old = std::mem::replace(&mut self.slots, vec![SentPacket::default(); 2 * capacity]);
            for record in old.into_iter().filter(|record| record.fate != Fate::Empty) {
                let slot = self.slot(record.sequence);
                self.slots[slot] = record;
            }
        }
    }
}

/// Which numbers the peer has acked so far, so that a header costs work only for what is new in it.
#[derive(Debug, Default)]
pub(crate) struct PeerAcks {
    newest: Option<u64>,
    /// Bit n: `newest - 1 - n` was acked.
    mask: u128,
}

impl PeerAcks {
    /// The newest number the peer has acked.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.newest
    }

    /// Takes in a header's acks and calls `on_new` with each number acked for the first time, newest first
    /// (spec: PKT-40). Returns whether `newest` itself was new.
    pub(crate) fn on_acks(&mut self, newest: u64, mask: u128, mut on_new: impl FnMut(u64)) -> bool {
        let mask = mask & existing(newest);
        let known = match self.newest {
            None => {
                self.newest = Some(newest);
                0
            }
            Some(held) if newest > held => {
                let by = u32::try_from(newest - held).unwrap_or(u32::MAX);
                let held_bit = by.checked_sub(1).and_then(|shift| 1_u128.checked_shl(shift)).unwrap_or(0);
                self.newest = Some(newest);
                self.mask.checked_shl(by).unwrap_or(0) | held_bit
            }
            Some(held) => return self.on_older_acks(held, held - newest, mask, on_new),
        };
        on_new(newest);
        each_bit(mask & !known, |bit| on_new(newest - 1 - u64::from(bit)));
        self.mask = known | mask;
        true
    }

    /// Acks of a header that was overtaken, or that repeats the newest number (`back` = 0).
    fn on_older_acks(&mut self, held: u64, back: u64, mask: u128, mut on_new: impl FnMut(u64)) -> bool {
        let Ok(back) = u32::try_from(back) else { return false };
        if back > MASK_BITS {
            return false;
        }
        let newest_bit = back.checked_sub(1).map_or(0, |shift| 1_u128 << shift);
        let new = (mask.checked_shl(back).unwrap_or(0) | newest_bit) & !self.mask;
        self.mask |= new;
        each_bit(new, |bit| on_new(held - 1 - u64::from(bit)));
        new & newest_bit != 0
    }
}

/// The bits of a mask whose numbers are not below zero.
fn existing(newest: u64) -> u128 {
    match u32::try_from(newest).ok().and_then(|newest| u128::MAX.checked_shl(newest)) {
        Some(below_zero) => !below_zero,
        None => u128::MAX,
    }
}

fn each_bit(mut bits: u128, mut visit: impl FnMut(u32)) {
    while bits != 0 {
        visit(bits.trailing_zeros());
        bits &= bits - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(sequence: u64) -> SentPacket {
        SentPacket { fate: Fate::Open, ..SentPacket::new(sequence, sequence) }
    }

    #[test]
    fn the_ring_grows_while_packets_are_undecided_and_then_gives_up_the_oldest() {
        let mut ring = SentRing::new();
        for sequence in 0..RECORDS_MAX as u64 {
            assert!(ring.lose_out_of_reach(sequence).is_none());
            ring.push(open(sequence));
        }
        assert_eq!((ring.open() as usize, ring.open_span() as usize), (RECORDS_MAX, RECORDS_MAX));
        assert_eq!(ring.lose_out_of_reach(RECORDS_MAX as u64).expect("no room is left").sequence, 0);
        assert!(ring.lose_out_of_reach(RECORDS_MAX as u64).is_none());
        ring.push(open(RECORDS_MAX as u64));
        assert_eq!(ring.oldest_open().expect("open").sequence, 1);
    }

    #[test]
    fn a_ring_whose_packets_are_settled_stays_small() {
        let mut ring = SentRing::new();
        for sequence in 0..10_000 {
            ring.push(open(sequence));
            assert!(matches!(ring.ack(sequence), Acked::InTime(_)));
        }
        assert_eq!(ring.slots.len(), RECORDS_INITIAL);
    }

    #[test]
    fn a_record_tells_in_time_late_known_and_never_sent_apart() {
        // proves: PKT-41
        let mut ring = SentRing::new();
        for sequence in [10, 12] {
            ring.push(open(sequence));
        }
        assert!(matches!(ring.ack(11), Acked::NeverSent));
        assert!(matches!(ring.ack(9), Acked::NeverSent));
        assert!(ring.lose_oldest_if(|packet| packet.sequence == 12).is_none());
        assert_eq!(ring.lose_oldest_if(|_| true).expect("lost").sequence, 10);
        assert!(matches!(ring.ack(10), Acked::Late(_)));
        assert!(matches!(ring.ack(12), Acked::InTime(_)));
        assert!(matches!(ring.ack(12), Acked::Known));
        assert_eq!(ring.open(), 0);
    }

    #[test]
    fn an_ack_of_a_number_whose_record_is_gone_touches_no_other_record() {
        let mut ring = SentRing::new();
        for sequence in 0..=RECORDS_INITIAL as u64 {
            ring.push(open(sequence));
            if sequence == 0 {
                assert!(matches!(ring.ack(0), Acked::InTime(_)));
            }
        }
        assert_eq!(ring.slots.len(), RECORDS_INITIAL, "the newest took the place of number 0");
        assert!(matches!(ring.ack(0), Acked::Known));
        assert!(matches!(ring.ack(RECORDS_INITIAL as u64), Acked::InTime(_)));
    }

    #[test]
    fn an_ack_of_a_number_whose_record_was_gone_before_the_ring_grew_is_no_lie() {
        // proves: PKT-41
        let mut ring = SentRing::new();
        ring.push(open(0));
        assert!(ring.lose_oldest_if(|_| true).is_some());
        let settled = SentPacket { sent_ns: LATE_ACK_NS, ..SentPacket::new(RECORDS_INITIAL as u64, 0) };
        ring.push(settled);
        for sequence in 1..=RECORDS_INITIAL as u64 + 1 {
            ring.push(SentPacket { sent_ns: LATE_ACK_NS, ..open(RECORDS_INITIAL as u64 + sequence) });
        }
        assert!(ring.slots.len() > RECORDS_INITIAL);
        assert!(matches!(ring.ack(0), Acked::Known), "its record had made room");
    }

    #[test]
    fn a_gap_in_the_numbers_is_crossed_in_one_step() {
        let mut ring = SentRing::new();
        let mut lost = Vec::new();
        for sequence in [0, 1, 1 << 50, (1 << 50) + 1] {
            while let Some(packet) = ring.lose_out_of_reach(sequence) {
                lost.push(packet.sequence);
            }
            ring.push(open(sequence));
        }
        assert_eq!((lost, ring.open(), ring.open_span()), (vec![0, 1], 2, 2));
    }

    #[test]
    fn consecutive_messages_share_a_run_and_a_seventh_run_is_refused() {
        let mut packet = SentPacket::new(0, 0);
        for id in [65_534, 65_535, 0, 1] {
            packet.add_message(0, id);
        }
        assert_eq!(packet.runs(), [Run { channel: 0, count: 4, first: 65_534 }]);
        for id in [10, 20, 30, 40, 50] {
            assert!(packet.has_run_for(0, id));
            packet.add_message(0, id);
        }
        assert!(!packet.has_run_for(0, 60));
        assert!(!packet.has_run_for(1, 51));
        assert!(packet.has_run_for(0, 51));
    }

    #[test]
    fn each_number_is_new_once_whatever_the_order_of_headers() {
        // proves: PKT-40
        let mut acks = PeerAcks::default();
        let mut told = Vec::new();
        let mut take = |acks: &mut PeerAcks, newest, mask| acks.on_acks(newest, mask, |number| told.push(number));
        assert!(take(&mut acks, 1_000, 0b101));
        assert!(!take(&mut acks, 1_000, 0b111));
        assert!(take(&mut acks, 1_002, 0b1));
        assert!(!take(&mut acks, 1_000, 0b1111));
        assert!(!take(&mut acks, 870, u128::MAX), "132 back is out of reach");
        assert!(take(&mut acks, 5_000, 0));
        assert_eq!(told, [1_000, 999, 997, 998, 1_002, 1_001, 996, 5_000]);
    }

    #[test]
    fn numbers_below_zero_are_never_reported() {
        // proves: PKT-12
        let mut acks = PeerAcks::default();
        let mut told = Vec::new();
        acks.on_acks(2, u128::MAX, |number| told.push(number));
        assert_eq!(told, [2, 1, 0]);
    }

    #[test]
    fn the_mask_survives_a_shift_by_its_own_width() {
        let mut acks = PeerAcks::default();
        let mut told = Vec::new();
        acks.on_acks(1_000, u128::MAX, |_| {});
        acks.on_acks(1_128, 1 << 127, |number| told.push(number));
        assert_eq!(told, [1_128]);
    }
}
