//! Fragments and whole messages behind the cipher, in any numbers and sizes, against a model of what was accepted.
//!
//! The peer keeps no rule: totals that change, overlapping numbers, duplicates, messages that are never finished. Which
//! of it the connection accepted shows in its counters; from that alone follows what it must have delivered.

use super::{GOSSIP, LETTERS, Script, TABLE, VIDEO};
use crate::channel::{
    ChannelId, FRAGMENT_BYTES, MESSAGE_BYTES_MAX, PartId, PartOutcome, Place, REASSEMBLY_BYTES_MAX, REASSEMBLY_LIFE_NS,
    REASSEMBLY_MESSAGES_MAX, WINDOW_MESSAGES,
};
use crate::connection::{Connection, ConnectionConfig, ConnectionStats, Role, Sink};
use crate::hello::{Hello, HelloRefusal, HelloRules, INNER_VERSION};
use crate::packet::{AckField, Body, Frame, PAYLOAD_BYTES_MAX};
use crate::reason::Reason;
use crate::sequence::{narrow, widen};
use crate::time::NS_PER_MS;
use std::collections::{BTreeMap, BTreeSet};

/// Message sizes: around the edges of one, two and sixty-four fragments, and some between.
const SIZES: [usize; 16] =
    [0, 1, 200, 1_023, 1_024, 1_025, 1_026, 2_047, 2_048, 2_049, 3_000, 5_120, 20_000, 40_000, 65_535, 65_536];

/// Numbers that the peer fills in the end at most: where the script left more open, finishing takes long and shows little.
const HOLES_MAX: usize = 160;

/// A script of frames, one per packet, with time passing and the receive window opening and closing between them. In the
/// end the peer turns honest and finishes what it began: nothing may have locked.
pub fn fragments(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut trial = Trial::new();
    while let Some(operation) = script.operation() {
        match operation & 7 {
            6 => {
                trial.now_ns += [0, NS_PER_MS, 100 * NS_PER_MS, REASSEMBLY_LIFE_NS / 2][script.below(4)];
                trial.tick();
            }
            7 => trial.set_open(script.u8() & 3 != 0),
            _ => trial.strike(operation >> 3, &mut script),
        }
    }
    trial.finish();
}

/// One frame: what it claims about which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claimed {
    channel: ChannelId,
    /// The frame's own number, or an unreliable message's.
    id: u16,
    index: u8,
    size: usize,
    variant: u8,
}

impl Claimed {
    fn is_whole(self) -> bool {
        self.size <= FRAGMENT_BYTES
    }

    fn place(self) -> Place {
        Place { index: self.index, size_less_one: (self.size.max(1) - 1) as u16 }
    }

    fn pieces(self) -> u64 {
        self.size.div_ceil(FRAGMENT_BYTES).max(1) as u64
    }

    /// What the frame carries: different for every claim.
    fn fill(self, piece: &mut [u8]) {
        let seed = [self.channel.0, self.id as u8, (self.id >> 8) as u8, self.index, self.variant, self.size as u8];
        let mark = seed.iter().fold(0x5bu8, |mark, byte| mark.rotate_left(3) ^ byte.wrapping_mul(31));
        piece.fill(mark);
        let len = piece.len().min(seed.len());
        piece[..len].copy_from_slice(&seed[..len]);
    }

    fn bytes(self) -> usize {
        if self.is_whole() { self.size } else { self.place().bytes().unwrap_or(0) }
    }
}

/// A reliable channel as the model sees it.
#[derive(Debug, Default)]
struct Numbers {
    is_ordered: bool,
    /// The lowest number not accepted.
    next: u64,
    /// Accepted numbers from there on, and those of messages that are not delivered: message's first number, and claim.
    accepted: BTreeMap<u64, (u64, Claimed)>,
    /// First numbers of delivered messages that still reach into the window.
    delivered: BTreeSet<u64>,
    /// Ordered: the first number of the next message to be delivered.
    cursor: u64,
}

#[derive(Default)]
struct Heard {
    messages: Vec<(ChannelId, Vec<u8>)>,
}

impl Sink for Heard {
    fn on_hello(&mut self, _hello: &Hello, _version: u16) {}
    fn on_hello_refused(&mut self, _hello: &Hello, _refusal: HelloRefusal) {}
    fn on_hello_accepted(&mut self, _version: u16) {}
    fn on_message(&mut self, _sequence: u64, channel: ChannelId, bytes: &[u8]) {
        self.messages.push((channel, bytes.to_vec()));
    }
    fn on_part(&mut self, _part: PartId, _outcome: PartOutcome) {}
    fn on_close(&mut self, _reason: Reason, _text: &str) {}
}

struct Trial {
    connection: Connection,
    heard: Heard,
    now_ns: u64,
    number: u64,
    is_open: bool,
    ordered: Numbers,
    unordered: Numbers,
    /// Unreliable fragments in the order in which they came, with their times.
    sent: Vec<(u64, Claimed)>,
}

impl Trial {
    fn new() -> Self {
        let rules =
            HelloRules { versions: INNER_VERSION..=INNER_VERSION, channel_hash: 1, motion_hash: 2, content_hash: 3 };
        let config = ConnectionConfig { table: TABLE, ..ConnectionConfig::default() };
        let mut trial = Self {
            connection: Connection::new(0, Role::Server(rules), &config),
            heard: Heard::default(),
            now_ns: NS_PER_MS,
            number: 0,
            is_open: true,
            ordered: Numbers { is_ordered: true, ..Numbers::default() },
            unordered: Numbers::default(),
            sent: Vec::new(),
        };
        let (version_min, version_max) = (INNER_VERSION, INNER_VERSION);
        let hello = Hello { version_min, version_max, channel_hash: 1, motion_hash: 2, content_hash: 3 };
        trial.deliver(&Frame::Hello(hello));
        trial
    }

    fn set_open(&mut self, open: bool) {
        self.is_open = open;
        self.connection.accept_reliable(open);
    }

    fn tick(&mut self) {
        self.connection.handle_timeout(self.now_ns, &mut self.heard);
        assert!(self.connection.poll_timeout().is_none_or(|next| next > self.now_ns), "a deadline in the past");
        let mut buf = [0; PAYLOAD_BYTES_MAX];
        while let Some(len) = self.connection.poll_payload(self.now_ns, self.number, &mut buf) {
            assert!((1..=PAYLOAD_BYTES_MAX).contains(&len));
            self.number += 1;
        }
    }

    fn deliver(&mut self, frame: &Frame<'_>) -> (ConnectionStats, ConnectionStats) {
        let before = *self.connection.stats();
        let mut buf = [0; PAYLOAD_BYTES_MAX];
        let mut body = Body::new(&mut buf);
        AckField::encode(None, &mut body);
        frame.encode(&mut body);
        let len = body.len();
        let handled = self.connection.handle_payload(self.now_ns, self.number, &buf[..len], &mut self.heard);
        assert_eq!(handled, Ok(()));
        self.number += 1;
        (before, *self.connection.stats())
    }

    /// A frame as the script wants it: near the numbers that are awaited, or anywhere.
    fn strike(&mut self, choice: u8, script: &mut Script<'_>) {
        let channel = [LETTERS, GOSSIP, VIDEO][usize::from(choice % 3)];
        let size = SIZES[script.below(SIZES.len())];
        let next = self.numbers(channel).map_or(0, |numbers| numbers.next);
        let offset = match choice / 3 % 4 {
            0 => u64::from(script.u8()) % 8,
            1 => u64::from(script.u8()),
            2 => 1_020 + u64::from(script.u8()) % 8,
            _ => u64::from(script.u16()),
        };
        let (index, variant) = (script.u8(), script.u8() & 3);
        let mut claimed = Claimed { channel, id: narrow(next.wrapping_add(offset)), index, size, variant };
        claimed.index = if claimed.is_whole() { 0 } else { index % claimed.pieces() as u8 };
        self.claim(claimed);
    }

    fn claim(&mut self, claimed: Claimed) {
        let mut piece = [0; FRAGMENT_BYTES];
        let piece = &mut piece[..claimed.bytes()];
        claimed.fill(piece);
        let Claimed { channel, id, .. } = claimed;
        let reliable = channel != VIDEO;
        let (before, after) = if !claimed.is_whole() {
            self.deliver(&Frame::Fragment { channel, reliable, id, place: claimed.place(), bytes: piece })
        } else if channel == LETTERS {
            self.deliver(&Frame::Reliable { channel, id, bytes: piece })
        } else if channel == GOSSIP {
            self.deliver(&Frame::Unordered { channel, id, bytes: piece })
        } else {
            self.deliver(&Frame::Unreliable { channel, bytes: piece })
        };
        if reliable {
            self.judge_reliable(claimed, &before, &after);
        } else {
            self.judge_unreliable(claimed);
        }
        let (messages, bytes) = self.connection.reassembly_held();
        assert!(messages <= REASSEMBLY_MESSAGES_MAX);
        // The last piece of each message may stand in a buffer that is longer than it.
        assert!(bytes <= REASSEMBLY_BYTES_MAX + messages * FRAGMENT_BYTES, "{bytes} bytes in {messages} messages");
    }

    /// Ordered and unordered channels of the model.
    fn numbers(&mut self, channel: ChannelId) -> Option<&mut Numbers> {
        match channel {
            LETTERS => Some(&mut self.ordered),
            GOSSIP => Some(&mut self.unordered),
            _ => None,
        }
    }

    fn judge_reliable(&mut self, claimed: Claimed, before: &ConnectionStats, after: &ConnectionStats) {
        let is_open = self.is_open;
        let Some(numbers) = self.numbers(claimed.channel) else { return };
        let number = widen(claimed.id, numbers.next);
        let is_known = number < numbers.next || numbers.accepted.contains_key(&number) || numbers.is_behind(number);
        let is_duplicate = after.reliable_duplicates_in > before.reliable_duplicates_in;
        let is_mismatched = after.fragments_mismatched_in > before.fragments_mismatched_in;
        // A known number that now claims to be of another message is no copy of what is here.
        assert!(!is_duplicate || is_known, "{claimed:?} as {number} was acked and is not here");
        assert!(!is_known || is_duplicate || is_mismatched, "{claimed:?} as {number}, next is {}", numbers.next);
        let refused = |stats: &ConnectionStats| {
            stats.reliable_closed_in
                + stats.reliable_excess_in
                + stats.fragments_refused_in
                + stats.fragments_mismatched_in
        };
        let is_refused = refused(after) > refused(before);
        assert_eq!(after.packets_refused - before.packets_refused, u64::from(is_refused), "refused and yet acked");
        if is_duplicate || is_refused {
            assert!(self.heard.messages.is_empty());
            return;
        }
        assert!(is_open, "accepted through a closed window");
        assert!(number - numbers.next < WINDOW_MESSAGES, "accepted beyond the window");
        let first = number - u64::from(claimed.index);
        numbers.accept(number, first, claimed);
        let expected = numbers.deliverable(first);
        let heard: Vec<Vec<u8>> =
            std::mem::take(&mut self.heard.messages).into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(heard, expected, "{claimed:?} as {number}");
        assert_eq!(after.reliable_in - before.reliable_in, expected.len() as u64);
    }

    /// An unreliable message is made of pieces that came within five seconds and agree about it.
    fn judge_unreliable(&mut self, claimed: Claimed) {
        let heard = std::mem::take(&mut self.heard.messages);
        assert!(heard.len() <= 1);
        if claimed.is_whole() {
            let mut whole = vec![0; claimed.size];
            claimed.fill(&mut whole);
            assert_eq!(heard, [(VIDEO, whole)]);
            return;
        }
        self.sent.push((self.now_ns, claimed));
        let Some((channel, message)) = heard.first() else { return };
        assert_eq!((*channel, message.len()), (VIDEO, claimed.size));
        for (index, piece) in message.chunks(FRAGMENT_BYTES).enumerate() {
            let is_it = |(at_ns, sent): &&(u64, Claimed)| {
                let same = (sent.id, usize::from(sent.index), sent.size) == (claimed.id, index, claimed.size);
                let mut bytes = [0; FRAGMENT_BYTES];
                same && at_ns + REASSEMBLY_LIFE_NS >= self.now_ns && {
                    sent.fill(&mut bytes[..piece.len()]);
                    bytes[..piece.len()] == *piece
                }
            };
            assert!(self.sent.iter().rev().any(|sent| is_it(&sent)), "piece {index} was not sent in time");
        }
        self.sent.retain(|(_, sent)| sent.id != claimed.id);
    }

    /// The peer finishes every message it began and fills every hole: then all that was accepted has been delivered.
    fn finish(&mut self) {
        self.set_open(true);
        for channel in [LETTERS, GOSSIP] {
            let missing = self.numbers(channel).map(|numbers| numbers.missing(channel)).unwrap_or_default();
            if missing.len() > HOLES_MAX {
                continue;
            }
            for claimed in missing {
                let before = self.numbers(channel).map(|numbers| numbers.next);
                self.claim(claimed);
                let after = self.numbers(channel).map(|numbers| numbers.next);
                assert!(before < after, "{claimed:?} would finish what was begun, and was refused");
            }
            assert!(self.numbers(channel).is_some_and(|numbers| numbers.accepted.is_empty()));
        }
        self.now_ns += REASSEMBLY_LIFE_NS;
        self.tick();
        if self.ordered.accepted.is_empty() && self.unordered.accepted.is_empty() {
            assert_eq!(self.connection.reassembly_held(), (0, 0));
            assert_eq!(self.connection.reliable_early(), 0);
        }
    }
}

impl Numbers {
    fn accept(&mut self, number: u64, first: u64, claimed: Claimed) {
        for (other, (other_first, other_claimed)) in
            self.accepted.range(first.saturating_sub(64)..first + claimed.pieces())
        {
            let same = *other_first == first && other_claimed.size == claimed.size;
            let end = other_first + other_claimed.pieces();
            assert!(
                same || end <= first || *other_first >= first + claimed.pieces(),
                "{claimed:?} as {number} overlaps {other_claimed:?} as {other}"
            );
        }
        assert!(first >= self.cursor || !self.is_ordered, "a piece of a message before what was delivered");
        self.accepted.insert(number, (first, claimed));
        while self.accepted.contains_key(&self.next) || self.is_behind(self.next) {
            self.next += 1;
        }
        while self.delivered.first().is_some_and(|number| number + 128 < self.next) {
            self.delivered.pop_first();
        }
    }

    /// Whether this number belongs to a message that was delivered.
    fn is_behind(&self, number: u64) -> bool {
        if self.is_ordered { number < self.cursor } else { self.delivered.contains(&number) }
    }

    /// What must be delivered now that a piece of the message at `first` was accepted, in order.
    fn deliverable(&mut self, first: u64) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        let mut at = if self.is_ordered { self.cursor } else { first };
        while self.is_complete(at) {
            messages.push(self.take(at));
            at = if self.is_ordered { self.cursor } else { break };
        }
        messages
    }

    fn is_complete(&self, first: u64) -> bool {
        self.accepted.get(&first).is_some_and(|(begin, claimed)| {
            *begin == first && (first..first + claimed.pieces()).all(|number| self.accepted.contains_key(&number))
        })
    }

    fn take(&mut self, first: u64) -> Vec<u8> {
        let claimed = self.accepted[&first].1;
        let mut message = vec![0; claimed.size];
        for (number, piece) in (first..).zip(message.chunks_mut(FRAGMENT_BYTES)) {
            self.accepted[&number].1.fill(piece);
        }
        for number in first..first + claimed.pieces() {
            self.accepted.remove(&number);
            if !self.is_ordered {
                self.delivered.insert(number);
            }
        }
        if self.is_ordered {
            self.cursor = first + claimed.pieces();
        }
        message
    }

    /// What an honest peer would send, lowest number first: the rest of begun messages, and short ones into the holes.
    fn missing(&self, channel: ChannelId) -> Vec<Claimed> {
        let begun: BTreeMap<u64, Claimed> = self.accepted.values().copied().collect();
        let end = begun.last_key_value().map_or(self.next, |(first, claimed)| first + claimed.pieces());
        let is_here = |number: &u64| self.accepted.contains_key(number) || self.is_behind(*number);
        let piece = |number: u64| {
            let message = begun.range(..=number).next_back();
            let message = message.filter(|(first, claimed)| number - **first < claimed.pieces());
            let hole = Claimed { channel, id: narrow(number), index: 0, size: 3, variant: 0 };
            message.map_or(hole, |(first, claimed)| Claimed { id: hole.id, index: (number - first) as u8, ..*claimed })
        };
        (self.next..end).filter(|number| !is_here(number)).map(piece).collect()
    }
}

/// The longest message of the model is the longest of the channels.
const _: () = assert!(SIZES[15] == MESSAGE_BYTES_MAX);
