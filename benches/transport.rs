//! What one packet costs without a socket: to seal and open it, to read it, and one tick of two ends that tell each other of
//! everything they got. `measure echo` says what all that comes to with sockets.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rudp::channel::{EVENT, INPUT};
use rudp::outer::{self, Kind, Reads};
use rudp::packet::{PAYLOAD_BYTES_MAX, Packet, Side};
use rudp::seal::PacketKey;
use rudp::{
    Backend, ChannelId, ChannelTable, Connection, ConnectionConfig, Hello, HelloRefusal, HelloRules, INNER_VERSION,
    Key, PartId, PartOutcome, Reason, Role, Sink,
};
use std::cell::RefCell;
use std::hint::black_box;

/// Inputs, a snapshot as most are, and a full packet.
const SIZES: [usize; 3] = [64, 200, 1_200];
const BACKENDS: [(&str, Backend); 2] = [("chacha20poly1305", Backend::Crate), ("aws-lc", Backend::AwsLc)];
/// A sequence that takes three bytes, as after a few minutes.
const SEQUENCE: u64 = 100_000;
const TICK_NS: u64 = 1_000_000_000 / 60;

fn seal_and_open(criterion: &mut Criterion) {
    let key = Key::new([7; 32]);
    for (name, backend) in BACKENDS {
        let key = PacketKey::new(&key, backend);
        let mut group = criterion.benchmark_group(format!("seal/{name}"));
        for bytes in SIZES {
            let mut buf = [1; outer::DATAGRAM_BYTES_MAX];
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(BenchmarkId::from_parameter(bytes), |bencher| {
                bencher.iter(|| outer::seal(&key, 1, Kind::Payload, SEQUENCE, black_box(&mut buf), bytes));
            });
        }
        group.finish();
        let mut group = criterion.benchmark_group(format!("open/{name}"));
        for bytes in SIZES {
            let mut buf = [1; outer::DATAGRAM_BYTES_MAX];
            let len = outer::seal(&key, 1, Kind::Payload, SEQUENCE, &mut buf, bytes);
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(BenchmarkId::from_parameter(bytes), |bencher| {
                bencher.iter_batched_ref(
                    || buf,
                    |datagram| {
                        let header = outer::decode_header(&datagram[..len], Reads::Server).expect("well formed");
                        outer::open(&key, 1, header, &mut datagram[..len]).expect("sealed with this key").len()
                    },
                    BatchSize::SmallInput,
                );
            });
        }
        group.finish();
    }
}

/// A session that has begun: the two ends, and their next numbers.
struct Pair {
    server: Connection,
    client: Connection,
    tick: u64,
    numbers: [u64; 2],
}

impl Pair {
    /// Two ends that have met.
    fn new() -> Self {
        let channel_hash = ChannelTable::GAME.hash();
        let version = INNER_VERSION;
        let hello = Hello { version_min: version, version_max: version, channel_hash, motion_hash: 0, content_hash: 0 };
        let rules = HelloRules { versions: version..=version, channel_hash, motion_hash: 0, content_hash: 0 };
        let config = ConnectionConfig { rate_bytes_per_s: 64_000, ..ConnectionConfig::default() };
        let mut pair = Self {
            server: Connection::new(0, Role::Server(rules), &config),
            client: Connection::new(0, Role::Client(hello), &config),
            tick: 0,
            numbers: [0; 2],
        };
        (0..600).for_each(|_| pair.tick());
        assert!(pair.server.version().is_some(), "the ends have met");
        pair
    }

    /// One tick of both: an input up, a snapshot of 300 bytes down, every packet with its acks; now and then an event.
    fn tick(&mut self) {
        self.tick += 1;
        let now_ns = self.tick * TICK_NS;
        // Before they have met neither may say anything.
        let _ = self.client.send(INPUT, &[0; 24]);
        send_all(&mut self.client, &mut self.server, &mut self.numbers[0], now_ns);
        self.server.on_tick_edge(now_ns);
        if self.server.version().is_some() {
            self.server.send_snapshot(PartId(self.tick as u32), &[3; 300]).expect("one part a tick");
            if self.tick.is_multiple_of(60) {
                self.server.send(EVENT, &[5; 20]).expect("there is room for one event a second");
            }
        }
        send_all(&mut self.server, &mut self.client, &mut self.numbers[1], now_ns + TICK_NS / 2);
    }
}

fn send_all(from: &mut Connection, to: &mut Connection, number: &mut u64, now_ns: u64) {
    let mut buf = [0; PAYLOAD_BYTES_MAX];
    for end in [&mut *from, &mut *to] {
        if end.poll_timeout().is_some_and(|due_ns| due_ns <= now_ns) {
            end.handle_timeout(now_ns, &mut Deaf);
        }
    }
    while let Some(len) = from.poll_payload(now_ns, *number, &mut buf) {
        to.handle_payload(now_ns, *number, &buf[..len], &mut Deaf).expect("our own packets are well formed");
        *number += 1;
    }
}

fn connection(criterion: &mut Criterion) {
    let mut pair = Pair::new();
    criterion.bench_function("connection/tick of both ends", |bencher| bencher.iter(|| pair.tick()));
    // What a server reads most: acks, and an input.
    let mut buf = [0; PAYLOAD_BYTES_MAX];
    let now_ns = (pair.tick + 1) * TICK_NS;
    pair.client.send(INPUT, &[0; 24]).expect("they have met");
    let len = pair.client.poll_payload(now_ns, pair.numbers[0], &mut buf).expect("an input waits");
    criterion.bench_function("packet/decode acks and an input", |bencher| {
        bencher.iter(|| {
            let packet =
                Packet::decode(black_box(&buf[..len]), &ChannelTable::GAME, Side::Server).expect("well formed");
            packet.frames(ChannelTable::GAME, Side::Server).count()
        });
    });
}

/// What the server does with a packet that says which of its own have come: it finds them, learns from the round trip, and
/// tells of the parts in them. Each is another, so they are timed one by one, and reading the clock is in each.
fn acks(criterion: &mut Criterion) {
    let pair = RefCell::new(Pair::new());
    criterion.bench_function("connection/acks of a tick", |bencher| {
        bencher.iter_batched(
            || {
                // A tick in which all comes over, and then one packet more of the client's.
                let (pair, mut buf) = (&mut *pair.borrow_mut(), [0; PAYLOAD_BYTES_MAX]);
                pair.tick();
                let now_ns = pair.tick * TICK_NS + TICK_NS * 3 / 4;
                pair.client.send(INPUT, &[0; 24]).expect("there is room for an input");
                let len = pair.client.poll_payload(now_ns, pair.numbers[0], &mut buf).expect("an input waits");
                pair.numbers[0] += 1;
                (now_ns, pair.numbers[0] - 1, buf, len)
            },
            |(now_ns, number, buf, len)| {
                let read = pair.borrow_mut().server.handle_payload(now_ns, number, &buf[..len], &mut Deaf);
                read.expect("our own packets are well formed");
            },
            BatchSize::PerIteration,
        );
    });
}

/// Nobody listens: only the packet layer is measured.
struct Deaf;

impl Sink for Deaf {
    fn on_hello(&mut self, _hello: &Hello, _version: u16) {}
    fn on_hello_refused(&mut self, _hello: &Hello, _refusal: HelloRefusal) {}
    fn on_hello_accepted(&mut self, _version: u16) {}
    fn on_message(&mut self, _sequence: u64, _channel: ChannelId, _bytes: &[u8]) {}
    fn on_part(&mut self, _part: PartId, _outcome: PartOutcome) {}
    fn on_close(&mut self, _reason: Reason, _text: &str) {}
}

criterion_group!(benches, seal_and_open, connection, acks);
criterion_main!(benches);
