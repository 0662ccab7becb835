//! Two connections, a link between them that a script plays with, and a model of what was sent.
//!
//! As long as every payload that arrives was written by the other end, whatever the link does to it, the model knows
//! what must come out. A script may also speak for a peer that keeps no rule; from then on only memory, timers and
//! the absence of panics are held.

mod hostile;
mod model;
mod stream;

use super::{GOSSIP, LATEST, LETTERS, Script, TABLE, VIDEO};
use crate::channel::{
    BULK_CHUNK_BYTES_MAX, BULK_WINDOW_BYTES, CONNECTION_QUEUE_BYTES_MAX, CONTROL, ChannelId, EVENT, FRAGMENT_BYTES,
    INPUT, PartId, REASSEMBLY_BYTES_MAX, REASSEMBLY_MESSAGES_MAX, SNAPSHOT_PART_BYTES_MAX, SendError, WINDOW_MESSAGES,
};
use crate::connection::{Connection, ConnectionConfig, Role};
use crate::hello::{Hello, HelloRules, INNER_VERSION};
use crate::packet::PAYLOAD_BYTES_MAX;
use crate::replay::ReplayWindow;
use crate::sent::RECORDS_MAX;
use crate::sequence::ACK_SPACE_END;
use crate::time::{NS_PER_MS, NS_PER_S};
use model::{Ear, Promises};
use std::collections::VecDeque;
use stream::{Reader, STREAM_BYTES_MAX};

/// Packets a direction of the link holds; the rest is lost at its end.
const LINK_PACKETS_MAX: usize = 192;

/// Packets of the past that the script may let arrive again.
const HISTORY_PACKETS_MAX: usize = 64;

/// Where packet and message numbers begin: at 0, and shortly before each width they are cut to or counted in.
const STARTS: [u64; 4] = [0, (1 << 16) - 30, (1 << 32) - 30, ACK_SPACE_END - (1 << 20)];

const SIZES: [usize; 16] = [0, 1, 4, 20, 60, 100, 128, 129, 300, 512, 1_000, 1_024, 1_025, 2_048, 9_000, 65_536];

const CHANNELS: [ChannelId; 8] = [CONTROL, EVENT, INPUT, LATEST, GOSSIP, LETTERS, VIDEO, LETTERS];

/// Steps that drain everything at the end: a full queue of 1 MiB is ten round trips, an outage before it a few probes.
const DRAIN_STEPS_MAX: usize = 4_000;

/// Time in which it is drained, ns: no timer waits longer than two seconds, and few wait for each other.
const DRAIN_NS_MAX: u64 = 40 * NS_PER_S;

/// The first byte chooses where numbers begin and how much may be sent, the rest is the script.
pub fn connection(bytes: &[u8]) {
    let (head, rest) = bytes.split_first().map_or((0, bytes), |(head, rest)| (*head, rest));
    let mut script = Script::new(rest);
    let mut pair = Pair::new(head);
    while let Some(operation) = script.operation() {
        pair.operate(operation, &mut script);
        pair.wake();
        pair.judge();
    }
    pair.drain();
}

/// One end with everything that is on its way to it.
struct End {
    connection: Connection,
    ear: Ear,
    /// What it sent, as the other end's ear must hear it.
    promises: Promises,
    /// How it reads the stream that the other end sends.
    reader: Reader,
    /// On the way to this end, oldest first.
    arriving: VecDeque<(u64, Vec<u8>)>,
    history: VecDeque<(u64, Vec<u8>)>,
    /// What the session layer keeps of the numbers that arrived: no packet reaches a connection twice.
    replay: ReplayWindow,
    next_number: u64,
}

struct Pair {
    /// Client, server.
    ends: [End; 2],
    now_ns: u64,
    tick_ns: u64,
    /// Bytes of messages that may still be queued: keeps a run short.
    bytes_left: usize,
    /// The same of streams.
    stream_bytes_left: usize,
    parts: u32,
    /// The numbers that a liar gives the pieces it sends to each end.
    lied_pieces: [u16; 2],
}

impl Pair {
    fn new(head: u8) -> Self {
        let config = ConnectionConfig { table: TABLE, ..ConnectionConfig::default() };
        let channel_hash = TABLE.hash();
        let versions = (INNER_VERSION, INNER_VERSION);
        let hello =
            Hello { version_min: versions.0, version_max: versions.1, channel_hash, motion_hash: 1, content_hash: 2 };
        let rules = HelloRules { versions: versions.0..=versions.1, channel_hash, motion_hash: 1, content_hash: 2 };
        let start = STARTS[usize::from(head & 3)];
        let first_id = STARTS[usize::from(head >> 2 & 3)];
        let end = |role| End {
            connection: Connection::with_first_message(role, &config, first_id),
            ear: Ear::default(),
            promises: Promises::default(),
            reader: Reader::default(),
            arriving: VecDeque::new(),
            history: VecDeque::new(),
            replay: ReplayWindow::default(),
            next_number: start,
        };
        let bytes_left = if head >> 4 == 15 { 4 * CONNECTION_QUEUE_BYTES_MAX } else { 48 * 1_024 };
        let ends = [end(Role::Client(hello)), end(Role::Server(rules))];
        Self {
            ends,
            now_ns: NS_PER_S,
            tick_ns: NS_PER_S,
            bytes_left,
            stream_bytes_left: STREAM_BYTES_MAX,
            parts: 0,
            lied_pieces: [first_id as u16; 2],
        }
    }

    fn operate(&mut self, operation: u8, script: &mut Script<'_>) {
        let side = usize::from(operation >> 7);
        match operation & 15 {
            0..=2 => self.send(side, operation, script),
            3 => self.send_snapshot(script),
            4 | 5 => self.deliver(side, 1 + script.below(8)),
            6 => (0..2).for_each(|side| self.deliver(side, usize::MAX)),
            7 => {
                let lost = 1 + script.below(16);
                let arriving = &mut self.ends[side].arriving;
                arriving.drain(..lost.min(arriving.len()));
            }
            8 => self.repeat(side, script),
            9 => self.reorder(side, script),
            10 => self.pass(u64::from(script.u8() & 63) * NS_PER_MS),
            11 => self.pass((NS_PER_S / 4) << (script.u8() % 10)),
            12 => hostile::break_one(self, side, script),
            13 if operation & 0x70 == 0x70 => hostile::speak(self, side, script),
            13 if operation & 0x70 >= 0x40 => self.stream(side, operation, script),
            13 => self.keep_alive(side),
            14 => self.turn(side, script),
            _ => self.ends[side].arriving.clear(),
        }
    }

    fn send(&mut self, side: usize, operation: u8, script: &mut Script<'_>) {
        let channel = CHANNELS[usize::from(operation >> 4 & 7)];
        let size = SIZES[script.below(SIZES.len())];
        let times = 1 + script.below(4) * script.below(4);
        for _ in 0..times {
            if size > self.bytes_left {
                return;
            }
            let End { connection, promises, .. } = &mut self.ends[side];
            let message = promises.next_message(size);
            let queued = connection.reliable_queued();
            match connection.send(channel, message) {
                Ok(()) => {
                    self.bytes_left -= size;
                    promises.on_taken(channel, size);
                }
                Err(error) => {
                    assert_eq!(connection.reliable_queued(), queued, "a refused message left something");
                    let spec = TABLE.spec(channel).expect("it is in the table");
                    let is_too_large = size > spec.message_bytes_max;
                    assert_eq!(
                        error == SendError::TooLarge,
                        is_too_large && error != SendError::NotSpoken && error != SendError::Closing
                    );
                    return;
                }
            }
        }
    }

    fn send_snapshot(&mut self, script: &mut Script<'_>) {
        let size = 4 + usize::from(script.u16()) % (SNAPSHOT_PART_BYTES_MAX - 3);
        let server = &mut self.ends[1];
        let part = PartId(self.parts);
        if server.connection.send_snapshot(part, &server.promises.part(part, size)).is_ok() {
            self.parts += 1;
            server.ear.parts_sent += 1;
        }
    }

    /// Lets the oldest packets on the way to this end arrive.
    fn deliver(&mut self, side: usize, count: usize) {
        for _ in 0..count {
            let Some((number, payload)) = self.ends[side].arriving.pop_front() else { return };
            self.arrive(side, number, &payload);
            let history = &mut self.ends[side].history;
            history.push_back((number, payload));
            if history.len() > HISTORY_PACKETS_MAX {
                history.pop_front();
            }
        }
    }

    /// A payload that the other end wrote.
    fn arrive(&mut self, side: usize, number: u64, payload: &[u8]) {
        let End { connection, ear, replay, .. } = &mut self.ends[side];
        if replay.test(number).is_err() {
            return;
        }
        replay.commit(number);
        let handled = connection.handle_payload(self.now_ns, number, payload, ear);
        assert!(handled.is_ok() || !ear.is_honest, "an honest payload is malformed: {handled:?}");
        for refused in ear.refused.drain(..) {
            connection.refuse_packet(refused);
        }
        self.compare(side);
    }

    /// What was heard at this end against what the other promised.
    fn compare(&mut self, side: usize) {
        let heard = std::mem::take(&mut self.ends[side].ear.heard);
        self.ends[1 - side].ear.may_be_sent_away |= self.ends[side].ear.has_sent_away;
        if self.is_honest() {
            for (channel, bytes) in &heard {
                self.ends[1 - side].promises.on_heard(*channel, bytes);
            }
        }
    }

    fn is_honest(&self) -> bool {
        self.ends.iter().all(|end| end.ear.is_honest)
    }

    fn repeat(&mut self, side: usize, script: &mut Script<'_>) {
        let End { arriving, history, .. } = &mut self.ends[side];
        let at = script.below(HISTORY_PACKETS_MAX);
        if let Some(old) = history.get(at).or_else(|| arriving.get(at)).cloned() {
            arriving.push_front(old);
        }
    }

    fn reorder(&mut self, side: usize, script: &mut Script<'_>) {
        let arriving = &mut self.ends[side].arriving;
        if let Some(at) = script.below(256).checked_rem(arriving.len()) {
            match script.u8() & 1 {
                0 => arriving.rotate_left(at),
                _ => arriving.swap(0, at),
            }
        }
    }

    fn pass(&mut self, ns: u64) {
        self.now_ns += ns;
        if self.now_ns >= self.tick_ns {
            self.tick_ns = self.now_ns + NS_PER_S / 60;
            self.ends.iter_mut().for_each(|end| end.connection.on_tick_edge(self.now_ns));
        }
    }

    /// A packet that is not a payload takes a number and arrives at once.
    fn keep_alive(&mut self, side: usize) {
        let number = self.take_number(side);
        self.ends[1 - side].connection.handle_other(self.now_ns, number);
    }

    fn take_number(&mut self, side: usize) -> u64 {
        let end = &mut self.ends[side];
        let number = end.next_number;
        end.next_number += 1;
        end.connection.on_other_sent(self.now_ns, number);
        number
    }

    /// What an owner does now and then.
    fn turn(&mut self, side: usize, script: &mut Script<'_>) {
        let End { connection, ear, .. } = &mut self.ends[side];
        match script.u8() & 7 {
            0 => connection.accept_reliable(false),
            1 => connection.accept_reliable(true),
            2 => ear.refuses_parts = !ear.refuses_parts,
            3 => connection.queue_probe(),
            4 if side == 1 => connection.offer_path(script.u64()),
            5 => connection.on_path_changed(48),
            6 if connection.version().is_some() => connection.on_silent(ear),
            _ => connection.on_resumed(),
        }
    }

    /// Timers, then everything that wants to leave.
    fn wake(&mut self) {
        for side in 0..2 {
            let now_ns = self.now_ns;
            self.read(side, usize::MAX);
            let End { connection, ear, .. } = &mut self.ends[side];
            connection.handle_timeout(now_ns, ear);
            let after = (connection.poll_timeout(), *connection.stats());
            assert!(after.0.is_none_or(|next| next > now_ns), "a deadline in the past: {:?} at {now_ns}", after.0);
            connection.handle_timeout(now_ns, ear);
            assert_eq!((connection.poll_timeout(), *connection.stats()), after, "twice changes nothing");
            self.transmit(side);
            let End { connection, ear, .. } = &mut self.ends[side];
            connection.handle_timeout(now_ns, ear);
            assert!(connection.poll_timeout().is_none_or(|next| next > now_ns), "a deadline in the past after sending");
        }
    }

    fn transmit(&mut self, side: usize) {
        let mut buf = [0; PAYLOAD_BYTES_MAX];
        let mut packets = 0;
        loop {
            let End { connection, next_number, .. } = &mut self.ends[side];
            let Some(len) = connection.poll_payload(self.now_ns, *next_number, &mut buf) else { break };
            assert!((1..=PAYLOAD_BYTES_MAX).contains(&len));
            let number = *next_number;
            *next_number += 1;
            packets += 1;
            assert!(packets <= RECORDS_MAX, "an end that never stops sending");
            let arriving = &mut self.ends[1 - side].arriving;
            if arriving.len() < LINK_PACKETS_MAX {
                arriving.push_back((number, buf[..len].to_vec()));
            }
        }
    }

    /// Memory that no peer and no link may exceed.
    fn judge(&self) {
        for end in &self.ends {
            let connection = &end.connection;
            let (messages, bytes) = connection.reassembly_held();
            assert!(messages <= REASSEMBLY_MESSAGES_MAX);
            assert!(bytes <= REASSEMBLY_BYTES_MAX + messages * FRAGMENT_BYTES);
            // What is cut costs more than it did whole; no more than two chunks are, and the next.
            assert!(connection.reliable_queued().1 <= CONNECTION_QUEUE_BYTES_MAX + 3 * BULK_CHUNK_BYTES_MAX);
            assert!(connection.reliable_early() <= 4 * WINDOW_MESSAGES as usize);
            assert!(connection.bulk_held() <= BULK_WINDOW_BYTES as usize);
            assert!(connection.packets_in_flight() as usize <= RECORDS_MAX);
            assert!(connection.snapshot_budget_bytes(self.now_ns) <= SNAPSHOT_PART_BYTES_MAX as i32);
            assert!(end.ear.parts_decided <= end.ear.parts_sent, "a part with two fates");
        }
    }

    /// The link heals: whatever was promised arrives, and nothing remains.
    fn drain(&mut self) {
        for end in &mut self.ends {
            end.connection.accept_reliable(true);
            end.connection.on_resumed();
            end.ear.refuses_parts = false;
            end.reader.is_reading = true;
        }
        self.wake();
        let (mut steps, until_ns) = (0, self.now_ns + DRAIN_NS_MAX);
        while self.is_honest() && !self.is_drained() {
            (0..2).for_each(|side| self.deliver(side, usize::MAX));
            self.wake();
            let deadlines = self.ends.iter().filter_map(|end| end.connection.poll_timeout());
            let soon = self.now_ns + 10 * NS_PER_MS;
            // A stream is paid for by ticks, so none is left out.
            let in_flight = self.ends.iter().any(|end| !end.arriving.is_empty() || end.promises.stream.is_open());
            let next = if in_flight { soon } else { deadlines.min().unwrap_or(soon).max(soon) };
            self.pass(next - self.now_ns);
            steps += 1;
            let stats = self.ends.each_ref().map(|end| end.connection.stats());
            assert!(steps < DRAIN_STEPS_MAX && self.now_ns < until_ns, "something never settles: {stats:?}");
        }
        for end in &mut self.ends {
            if end.ear.is_honest {
                end.connection.abandon_parts(&mut end.ear);
                assert_eq!(end.ear.parts_decided, end.ear.parts_sent, "each part has exactly one fate");
            }
        }
    }

    fn is_drained(&self) -> bool {
        let is_idle = |end: &End| end.connection.is_idle() && end.arriving.is_empty();
        if !self.ends.iter().all(is_idle) {
            return false;
        }
        self.ends.iter().for_each(|end| end.promises.assert_kept());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by the `connection` target. Two channels sent long messages; the receiver, its reassembly full, refused
    /// the fragments of the one until the other's were whole, and every probe carried fragments of the refused one. No
    /// ack came, nothing was known to be lost, and nothing was sent again for 70 s.
    #[test]
    fn a_channel_for_which_there_is_no_room_does_not_silence_the_one_that_has_it() {
        // proves: PKT-43
        connection(&[0xfe, 0x41, 0xff, 0x27, 0xfc, 0x60, 0xb8, 0xd1, 0x20, 0xf7, 0x00, 0x07, 0x04, 0x07, 0x04]);
    }
}
