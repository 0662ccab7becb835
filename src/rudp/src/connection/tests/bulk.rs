//! Bulk channels: what was written is read, whatever the link and the reader do, and liars are sent away.

use super::*;
use crate::channel::{BULK_CHUNK_BYTES_MAX, BULK_WINDOW_BYTES, CHANNEL_QUEUE_BYTES_MAX, CONNECTION_QUEUE_BYTES_MAX};
use crate::packet::Body;
use rand::{Rng, SeedableRng};

const MIB: usize = 1_024 * 1_024;

fn bad(loss: f64) -> LinkConfig {
    LinkConfig {
        latency_ns: 30 * MS,
        loss,
        reorder: 0.1,
        reorder_ns: 40 * MS,
        duplicate: 0.05,
        ..LinkConfig::default()
    }
}

/// Half text that compresses, half noise that does not.
fn load(bytes: usize, seed: u64) -> Vec<u8> {
    let mut noise = rand::rngs::StdRng::seed_from_u64(seed);
    let mut load = Vec::new();
    while load.len() < bytes {
        if load.len() / 10_000 % 2 == 0 {
            load.extend_from_slice(format!("entity {} stands at {}, ", load.len(), load.len() * 7 % 1_000).as_bytes());
        } else {
            load.extend_from_slice(&noise.next_u64().to_le_bytes());
        }
    }
    load.truncate(bytes);
    load
}

/// A transfer on its way: what is left to write, and what was read.
#[derive(Default)]
struct Transfer {
    left: Vec<u8>,
    at: usize,
    is_ended: bool,
    read: Vec<u8>,
    ends: Vec<usize>,
}

impl Transfer {
    fn of(left: Vec<u8>) -> Self {
        Self { left, ..Self::default() }
    }

    fn write(&mut self, connection: &mut Connection) {
        while self.at < self.left.len() {
            match connection.send_bulk(BULK, &self.left[self.at..]) {
                Ok(taken) => self.at += taken,
                Err(error) => return assert_eq!(error, SendError::Full),
            }
        }
        if !self.is_ended {
            self.is_ended = connection.end_bulk(BULK).is_ok();
        }
    }

    fn read(&mut self, connection: &mut Connection, chunks_max: usize) {
        for _ in 0..chunks_max {
            let Some(chunk) = connection.read_bulk(BULK) else { return };
            assert!(chunk.bytes.len() <= BULK_CHUNK_BYTES_MAX);
            self.read.extend_from_slice(chunk.bytes);
            if chunk.is_last {
                self.ends.push(self.read.len());
            }
        }
    }
}

fn fast(link: LinkConfig, seed: u64) -> Pair {
    let config = ConnectionConfig { rate_bytes_per_s: 256_000, ..ConnectionConfig::default() };
    let mut pair = Pair::new(link, seed);
    pair.client.connection = Connection::new(0, Role::Client(hello()), &config);
    pair.server.connection = Connection::new(0, Role::Server(rules()), &config);
    pair.introduced()
}

#[test]
fn a_mebibyte_arrives_equal_both_ways_over_loss_and_reordering() {
    // proves: PKT-80, PKT-81, PKT-83
    let mut pair = fast(bad(0.2), 70);
    let (mut down, mut up) = (Transfer::of(load(MIB, 1)), Transfer::of(load(MIB, 2)));
    let mut ticks = 0;
    while up.ends.is_empty() || down.ends.is_empty() {
        pair.tick(1, |pair, _| {
            down.write(&mut pair.server.connection);
            up.write(&mut pair.client.connection);
            down.read(&mut pair.client.connection, 100);
            up.read(&mut pair.server.connection, 100);
        });
        ticks += 1;
        assert!(ticks < 60 * 120, "read {} and {}", down.read.len(), up.read.len());
        assert!(pair.client.connection.bulk_held() <= BULK_WINDOW_BYTES as usize);
    }
    assert!(down.read == down.left && up.read == up.left, "what was read is what was written");
    assert_eq!((down.ends, up.ends), (vec![MIB], vec![MIB]));
    let (sent, heard) = (*pair.server.connection.stats(), *pair.client.connection.stats());
    assert_eq!((sent.bulk_raw_out, heard.bulk_raw_in), (MIB as u64, MIB as u64));
    assert_eq!(sent.bulk_coded_out, heard.bulk_coded_in);
    println!("1 MiB both ways at 20 % loss: {} s, {} B coded", ticks / 60, sent.bulk_coded_out);
    assert!(sent.bulk_coded_out < MIB as u64 * 3 / 4, "half of it compresses");
    assert!(sent.bulk_coded_out > MIB as u64 / 2, "the other half does not");
    pair.drain(10 * S);
    assert!(pair.client.errors.is_empty() && pair.server.errors.is_empty());
}

#[test]
fn a_transfer_ends_where_it_was_ended_and_an_empty_one_is_an_end() {
    // proves: PKT-81
    let mut pair = fast(LinkConfig::with_latency_ns(20 * MS), 71);
    let mut heard = Transfer::default();
    for text in ["first", "", "a third"] {
        pair.server.connection.send_bulk(BULK, text.as_bytes()).expect("room");
        pair.server.connection.end_bulk(BULK).expect("room");
    }
    pair.server.connection.send_bulk(BULK, b", and more").expect("room");
    pair.tick(60, |_, _| {});
    heard.read(&mut pair.client.connection, 100);
    assert_eq!(heard.read, b"firsta third, and more");
    assert_eq!(heard.ends, [5, 5, 12]);
    assert_eq!(pair.client.sink.bulk, 1, "told once, until it was read");
}

#[test]
fn who_does_not_read_closes_the_window_and_loses_nothing() {
    // proves: PKT-82, PKT-83
    let mut pair = fast(bad(0.05), 72);
    let mut transfer = Transfer::of(load(MIB / 2, 3));
    pair.tick(60 * 30, |pair, _| transfer.write(&mut pair.server.connection));
    let held = pair.client.connection.bulk_held();
    assert!((BULK_WINDOW_BYTES as usize * 3 / 4..=BULK_WINDOW_BYTES as usize).contains(&held), "{held}");
    assert_eq!(pair.server.connection.send_bulk(BULK, b"more"), Err(SendError::Full));
    assert!(pair.server.connection.reliable_queued().1 <= CHANNEL_QUEUE_BYTES_MAX);
    let resent = pair.server.connection.stats().reliable_resent;
    pair.tick(60 * 10, |_, _| {});
    assert_eq!(pair.server.connection.stats().reliable_resent, resent, "a closed window costs nothing");
    let mut ticks = 0;
    while transfer.ends.is_empty() {
        // A chunk every quarter of a second.
        pair.tick(15, |pair, _| transfer.write(&mut pair.server.connection));
        transfer.read(&mut pair.client.connection, 1);
        ticks += 15;
        assert!(ticks < 60 * 120, "read {}", transfer.read.len());
    }
    assert!(transfer.read == transfer.left);
}

#[test]
fn bulk_obeys_the_rate_and_holds_up_neither_events_nor_snapshots_by_more_than_its_quarter() {
    // proves: PKT-60, PKT-85
    let mut pair = Pair::spoken(LinkConfig::with_latency_ns(30 * MS), 73);
    let mut transfer = Transfer::of(load(MIB, 4));
    let (mut parts, mut ticks) = (0_u64, 0_u64);
    pair.tick(600, |_, _| {});
    let before = *pair.server.connection.stats();
    for number in 0..1_200_u32 {
        pair.tick(1, |pair, _| {
            transfer.write(&mut pair.server.connection);
            transfer.read(&mut pair.client.connection, 100);
            pair.server.connection.send(EVENT, &number.to_le_bytes()).expect("room");
            let budget = pair.server.connection.snapshot_budget_bytes(pair.now_ns);
            if let Ok(budget @ 1..) = usize::try_from(budget) {
                pair.server.connection.send_snapshot(PartId(number), &vec![1; budget]).expect("taken");
                parts += budget as u64;
            }
            ticks += 1;
        });
    }
    let stats = *pair.server.connection.stats();
    assert_eq!(stats.lanes[1].waited_ns_max, 0, "events leave with the packet that is next");
    let sent = stats.bytes_out - before.bytes_out + 50 * (stats.packets_out - before.packets_out);
    let paid = 24_000 * ticks / 60;
    println!("of {paid} B: parts {parts}, bulk {}, sent {sent}", stats.bulk_coded_out);
    assert!(sent < paid * 105 / 100, "the rate holds for bulk too");
    assert!(stats.bulk_coded_out > paid / 8, "it is not starved");
    assert!(parts > paid / 3, "nor does it starve");
}

#[test]
fn what_was_queued_survives_silence() {
    let mut pair = fast(LinkConfig::with_latency_ns(30 * MS), 74);
    let mut transfer = Transfer::of(load(200_000, 5));
    transfer.write(&mut pair.server.connection);
    pair.tick(30, |pair, _| transfer.read(&mut pair.client.connection, 100));
    let mut sink = Recorder::default();
    pair.server.connection.on_silent(&mut sink);
    pair.server.drop = |_| true;
    pair.run_for(60 * S);
    let read = transfer.read.len();
    assert!((1..200_000).contains(&read));
    pair.server.drop = |_| false;
    pair.server.connection.on_resumed();
    pair.server.connection.on_path_changed(48);
    pair.tick(60 * 20, |pair, _| transfer.read(&mut pair.client.connection, 100));
    assert!(transfer.read == transfer.left && transfer.ends == [200_000]);
}

/// What a client does with pieces that no honest server sends.
fn judged(pieces: &[&[u8]]) -> (Vec<String>, usize) {
    let mut pair = Pair::spoken(LinkConfig::default(), 75);
    for (id, piece) in (0_u16..).zip(pieces) {
        let mut bytes = [0; 1_200];
        let mut body = Body::new(&mut bytes);
        AckField::encode(None, &mut body);
        Frame::Bulk { channel: BULK, id, bytes: piece }.encode(&mut body);
        let len = body.len();
        let Peer { connection, sink, .. } = &mut pair.client;
        connection.handle_payload(pair.now_ns, 1_000 + u64::from(id), &bytes[..len], sink).expect("well formed");
    }
    let held = pair.client.connection.bulk_held();
    if !pair.client.sink.misbehaved.is_empty() {
        let mut buf = [0; PAYLOAD_BYTES_MAX];
        let len = pair.client.connection.poll_payload(pair.now_ns, 5_000, &mut buf).expect("a close");
        let code = Reason::ProtocolViolation.code();
        assert!(buf[..len].windows(2).any(|pair| pair == [0x03, code]), "the reason is stated");
        assert_eq!(pair.client.connection.send_bulk(BULK, b"x"), Err(SendError::Closing));
    }
    (std::mem::take(&mut pair.client.sink.misbehaved), held)
}

#[test]
fn a_liar_is_told_why_and_sent_away() {
    // proves: PKT-82, PKT-84
    let zeros = lz4_flex::block::compress(&[0; 16_384]);
    let bomb = [&[0x10, 0x00, zeros.len() as u8, 0x80][..], &zeros[..15]].concat();
    let bomb = [&[0x10, 0x00, 15, 0x80][..], &bomb[4..]].concat();
    let short = lz4_flex::block::compress(&[0; 100]);
    let short = [&[101, 0, short.len() as u8, 0x80][..], &short].concat();
    for (pieces, text) in [
        (vec![&[5, 0, 5][..]], "bulk: a chunk begins with no head"),
        (vec![&[][..]], "bulk: a chunk begins with no head"),
        (vec![&[5, 0, 4, 0, 1][..]], "bulk: a chunk's head is malformed"),
        (vec![&[1, 0x40, 1, 0x40, 1][..]], "bulk: a chunk's head is malformed"),
        (vec![&[2, 0, 2, 0, 1][..], &[2, 3]], "bulk: a piece does not fit its chunk"),
        (vec![&[2, 0, 2, 0, 1, 2, 3][..]], "bulk: a piece does not fit its chunk"),
        (vec![&[2, 0, 2, 0, 1][..], &[]], "bulk: a piece does not fit its chunk"),
        (vec![&[100, 0, 5, 0x80, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF][..]], "bulk: a chunk is no LZ4 block of its length"),
        (vec![&bomb[..]], "bulk: a chunk is no LZ4 block of its length"),
        (vec![&short[..]], "bulk: a chunk is no LZ4 block of its length"),
    ] {
        assert_eq!(judged(&pieces).0, [text], "{pieces:?}");
    }
    assert_eq!(judged(&[&[2, 0, 2, 0, 1], &[2]]), (vec![], 2), "an honest chunk");
}

#[test]
fn more_than_the_window_is_never_kept() {
    // proves: PKT-82, PKT-84
    let chunk = [&[0, 0x40, zeros().len() as u8, 0x80][..], &zeros()].concat();
    let (misbehaved, held) = judged(&[&chunk[..]; 4]);
    assert_eq!(misbehaved, ["bulk: more was sent than the window allows"], "three chunks of 16 KiB and their cost fit");
    assert!(held <= BULK_WINDOW_BYTES as usize);
    // Pieces far ahead of the first: it never comes.
    let mut pair = Pair::spoken(LinkConfig::default(), 76);
    for id in 1..=65_u16 {
        let mut bytes = [0; 1_200];
        let mut body = Body::new(&mut bytes);
        AckField::encode(None, &mut body);
        Frame::Bulk { channel: BULK, id, bytes: &[7; 1_024] }.encode(&mut body);
        let len = body.len();
        let Peer { connection, sink, .. } = &mut pair.client;
        connection.handle_payload(pair.now_ns, 1_000 + u64::from(id), &bytes[..len], sink).expect("well formed");
        assert_eq!(sink.misbehaved.is_empty(), id <= 64, "{id}");
    }
}

fn zeros() -> Vec<u8> {
    let zeros = lz4_flex::block::compress(&[0; 16_384]);
    assert!(zeros.len() < 256, "{}", zeros.len());
    zeros
}

#[test]
fn only_bulk_channels_carry_streams() {
    let mut pair = Pair::spoken(LinkConfig::default(), 77);
    assert_eq!(pair.client.connection.send_bulk(EVENT, b"x"), Err(SendError::WrongKind));
    assert_eq!(pair.client.connection.send(BULK, b"x"), Err(SendError::WrongKind));
    assert_eq!(pair.client.connection.send_bulk(ChannelId(9), b"x"), Err(SendError::NoSuchChannel));
    assert_eq!(pair.client.connection.send_bulk(BULK, b""), Ok(0));
}

#[test]
fn the_end_of_a_transfer_counts_towards_what_a_connection_may_queue() {
    // proves: PKT-51
    let mut pair = Pair::every_kind(LinkConfig::default(), 78);
    let connection = &mut pair.client.connection;
    for channel in [CONTROL, EVENT, every_kind::GOSSIP, every_kind::LETTERS] {
        while connection.send(channel, &[0; 1_024]).is_ok() {}
    }
    let taken = connection.send_bulk(every_kind::STREAM, &[0; 1_024]).expect("some bytes are left");
    assert!(taken < 1_024, "the connection's queue is full, the channel's is not");
    assert_eq!(connection.reliable_queued().1, CONNECTION_QUEUE_BYTES_MAX);
    assert_eq!(connection.end_bulk(every_kind::STREAM), Err(SendError::Full));
}
