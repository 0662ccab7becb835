//! Two connections, two bad links and a clock that jumps to the next wake-up.

mod bulk;
mod delivery;
mod fragments;
mod greeting;
mod hostile;
mod kinds;
mod numbers;
mod redundancy;
mod snapshot;
mod soak;
mod survival;
mod timing;

use super::*;
use crate::channel::every_kind::{self, GOSSIP, LATEST, LETTERS, VIDEO};
use crate::channel::{BULK, CONTROL, EVENT, INPUT, SNAPSHOT, SendError};
use crate::hello::INNER_VERSION;
use crate::packet::{Packet, Side};
use netem::{Link, LinkConfig};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
const TICK_NS: u64 = S / 60;

/// What a sink was told.
#[derive(Debug, Default)]
struct Recorder {
    hellos: Vec<u16>,
    refusals: Vec<HelloRefusal>,
    accepted: Vec<u16>,
    messages: Vec<(ChannelId, Vec<u8>)>,
    parts: Vec<(PartId, PartOutcome)>,
    closes: Vec<(Reason, String)>,
    calls: u64,
    /// How often chunks were announced.
    bulk: u64,
    misbehaved: Vec<String>,
    /// Numbers of packets with a snapshot part.
    part_packets: Vec<u64>,
}

impl Sink for Recorder {
    fn on_hello(&mut self, _hello: &Hello, version: u16) {
        self.calls += 1;
        self.hellos.push(version);
    }
    fn on_hello_refused(&mut self, _hello: &Hello, refusal: HelloRefusal) {
        self.calls += 1;
        self.refusals.push(refusal);
    }
    fn on_hello_accepted(&mut self, version: u16) {
        self.calls += 1;
        self.accepted.push(version);
    }
    fn on_message(&mut self, sequence: u64, channel: ChannelId, bytes: &[u8]) {
        self.calls += 1;
        if channel == SNAPSHOT {
            self.part_packets.push(sequence);
        }
        self.messages.push((channel, bytes.to_vec()));
    }
    fn on_part(&mut self, part: PartId, outcome: PartOutcome) {
        self.calls += 1;
        self.parts.push((part, outcome));
    }
    fn on_bulk(&mut self, channel: ChannelId) {
        assert_eq!(channel, BULK);
        self.calls += 1;
        self.bulk += 1;
    }
    fn on_misbehaved(&mut self, text: &str) {
        self.calls += 1;
        self.misbehaved.push(text.to_owned());
    }
    fn on_close(&mut self, reason: Reason, text: &str) {
        self.calls += 1;
        self.closes.push((reason, text.to_owned()));
    }
}

impl Recorder {
    fn on_channel(&self, channel: ChannelId) -> Vec<&[u8]> {
        self.messages.iter().filter(|(on, _)| *on == channel).map(|(_, bytes)| bytes.as_slice()).collect()
    }
}

/// One end: its connection, the next packet number, and its way out.
struct Peer {
    connection: Connection,
    next_sequence: u64,
    sink: Recorder,
    out: Link,
    /// Answers whether the nth payload written here (from 0) is dropped on purpose.
    drop: fn(u64) -> bool,
    /// The one that is dropped besides.
    drop_at: Option<u64>,
    written: u64,
    errors: Vec<crate::PayloadError>,
}

impl Peer {
    fn new(connection: Connection, first_sequence: u64, link: LinkConfig, seed: u64) -> Self {
        Self {
            connection,
            next_sequence: first_sequence,
            sink: Recorder::default(),
            out: Link::new(link, seed),
            drop: |_| false,
            drop_at: None,
            written: 0,
            errors: Vec::new(),
        }
    }

    fn handle(&mut self, now_ns: u64, datagram: &[u8]) {
        let (sequence, body) = datagram.split_first_chunk::<8>().expect("the rig writes eight bytes in front");
        let sequence = u64::from_le_bytes(*sequence);
        if body.is_empty() {
            self.connection.handle_other(now_ns, sequence);
        } else if let Err(error) = self.connection.handle_payload(now_ns, sequence, body, &mut self.sink) {
            self.errors.push(error);
        }
    }

    /// Timers, then transmits, with the law of the run loop asserted on the way.
    fn wake(&mut self, now_ns: u64) {
        if self.connection.poll_timeout().is_some_and(|due| due <= now_ns) {
            self.connection.handle_timeout(now_ns, &mut self.sink);
            assert!(self.connection.poll_timeout().is_none_or(|due| due > now_ns), "a timer stays due");
            let (told, due) = (self.sink.calls, self.connection.poll_timeout());
            let stats = *self.connection.stats();
            self.connection.handle_timeout(now_ns, &mut self.sink);
            assert_eq!((told, due, stats), (self.sink.calls, self.connection.poll_timeout(), *self.connection.stats()));
        }
        let mut buf = [0; PAYLOAD_BYTES_MAX];
        while let Some(len) = self.connection.poll_payload(now_ns, self.next_sequence, &mut buf) {
            assert!((1..=PAYLOAD_BYTES_MAX).contains(&len));
            let connection = &self.connection;
            let reader = if connection.greeting.side() == Side::Client { Side::Server } else { Side::Client };
            let read = Packet::decode(&buf[..len], &connection.table, reader).map(|packet| packet.elicits());
            let record = connection.sent.newest_elicits();
            assert!(connection.is_closed() || read == Ok(record), "both ends wait as long: {read:?}, {record:?}");
            if !(self.drop)(self.written) && self.drop_at != Some(self.written) {
                self.put(now_ns, &buf[..len]);
            }
            self.written += 1;
            self.next_sequence += 1;
        }
        assert!(self.connection.poll_timeout().is_none_or(|due| due >= now_ns), "sending makes nothing late");
    }

    /// A netcode packet that is not ours.
    fn send_other(&mut self, now_ns: u64) {
        self.connection.on_other_sent(now_ns, self.next_sequence);
        self.put(now_ns, &[]);
        self.next_sequence += 1;
    }

    fn put(&mut self, now_ns: u64, body: &[u8]) {
        let mut datagram = self.next_sequence.to_le_bytes().to_vec();
        datagram.extend_from_slice(body);
        self.out.send(now_ns, &datagram);
    }
}

struct Pair {
    now_ns: u64,
    client: Peer,
    server: Peer,
}

fn hello() -> Hello {
    Hello {
        version_min: INNER_VERSION,
        version_max: INNER_VERSION,
        channel_hash: ChannelTable::GAME.hash(),
        motion_hash: 1,
        content_hash: 2,
    }
}

fn rules() -> HelloRules {
    let Hello { channel_hash, motion_hash, content_hash, .. } = hello();
    HelloRules { versions: INNER_VERSION..=INNER_VERSION, channel_hash, motion_hash, content_hash }
}

impl Pair {
    fn new(link: LinkConfig, seed: u64) -> Self {
        Self::starting_at(link, seed, 0, 0)
    }

    fn starting_at(link: LinkConfig, seed: u64, first_sequence: u64, first_message: u64) -> Self {
        Self::with_table(ChannelTable::GAME, link, seed, first_sequence, first_message)
    }

    fn with_table(table: ChannelTable, link: LinkConfig, seed: u64, first_sequence: u64, first_message: u64) -> Self {
        let config = ConnectionConfig { table, ..ConnectionConfig::default() };
        let client = Connection::with_first_message(Role::Client(hello()), &config, first_message);
        let server = Connection::with_first_message(Role::Server(rules()), &config, first_message);
        Self {
            now_ns: 77 * S,
            client: Peer::new(client, first_sequence, link, seed),
            server: Peer::new(server, first_sequence, link, seed + 1),
        }
    }

    /// A pair whose hello is settled, with fresh counters to compare against.
    fn spoken(link: LinkConfig, seed: u64) -> Self {
        Self::new(link, seed).introduced()
    }

    /// The same with the table of all kinds, whose hash the hello need not know.
    fn every_kind(link: LinkConfig, seed: u64) -> Self {
        Self::with_table(every_kind::TABLE, link, seed, 0, 65_000).introduced()
    }

    fn introduced(mut self) -> Self {
        let pair = &mut self;
        pair.run_for(10 * S);
        assert_eq!((pair.server.sink.hellos.len(), pair.client.sink.accepted.len()), (1, 1));
        self
    }

    /// Handles everything that is due now, both ends, until nothing moves.
    fn settle(&mut self) {
        loop {
            self.client.wake(self.now_ns);
            self.server.wake(self.now_ns);
            let mut moved = false;
            while let Some(datagram) = self.client.out.poll(self.now_ns) {
                self.server.handle(self.now_ns, &datagram);
                moved = true;
            }
            while let Some(datagram) = self.server.out.poll(self.now_ns) {
                self.client.handle(self.now_ns, &datagram);
                moved = true;
            }
            let late = |peer: &Peer| peer.connection.poll_timeout().is_some_and(|due| due <= self.now_ns);
            if !moved && !late(&self.client) && !late(&self.server) {
                return;
            }
        }
    }

    fn next_wake_ns(&self) -> Option<u64> {
        let timers = [self.client.connection.poll_timeout(), self.server.connection.poll_timeout()];
        [self.client.out.next_ns(), self.server.out.next_ns()].into_iter().chain(timers).flatten().min()
    }

    /// Runs until `end_ns`, jumping from wake-up to wake-up.
    fn run_until(&mut self, end_ns: u64) {
        self.settle();
        while let Some(next_ns) = self.next_wake_ns().filter(|next_ns| *next_ns <= end_ns) {
            self.now_ns = self.now_ns.max(next_ns);
            self.settle();
        }
        self.now_ns = end_ns;
        self.settle();
    }

    fn run_for(&mut self, span_ns: u64) {
        self.run_until(self.now_ns + span_ns);
    }

    /// Runs until both ends are idle; fails after `span_ns`.
    fn drain(&mut self, span_ns: u64) {
        let end_ns = self.now_ns + span_ns;
        while !(self.client.connection.is_idle() && self.server.connection.is_idle()) {
            assert!(
                self.now_ns < end_ns,
                "not idle: {:?} {:?}",
                self.client.connection.stats(),
                self.server.connection.stats()
            );
            self.run_for(10 * MS);
        }
    }

    /// Ticks at 60 Hz: an input up, a tick edge at the server, `each` for what else happens, then the wire.
    fn tick(&mut self, ticks: u32, mut each: impl FnMut(&mut Self, u32)) {
        for tick in 0..ticks {
            self.server.connection.on_tick_edge(self.now_ns);
            self.client.connection.on_tick_edge(self.now_ns);
            self.client.connection.send(INPUT, &tick.to_le_bytes()).expect("inputs are always taken");
            each(self, tick);
            self.run_for(TICK_NS);
        }
    }
}
