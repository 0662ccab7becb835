//! The five hottest pieces of a tick, for counting instructions: `cargo xtask instructions` runs this under callgrind, which
//! counts between the beginning and the end of each `hot_` function. Counts are the same on every run of a build, on any
//! machine however busy, so that a change of one per cent can be seen. They know nothing of caches: time is criterion's.
//!
//! Run by `cargo bench` it does everything once and says so.

use protocol::bits::BitRun;
use protocol::snapshot::{
    Baseline, BaselineAges, PART_BYTES_MAX, PartHeader, PartReader, PartWriter, Record, RecordBody, encode_delta,
};
use protocol::{EntityKind, EntityState, Tick};
use rudp::outer::{self, Kind, Reads};
use rudp::seal::PacketKey;
use rudp::{Backend, Key};
use std::hint::black_box;

/// Calls of each; `cargo xtask instructions` divides by it.
const CALLS: u64 = 100;
/// Records of a part: what a player of many is told in a tick.
const RECORDS: u16 = 28;
/// Bytes of a snapshot as most are, and of an input.
const SNAPSHOT_BYTES: usize = 200;
const INPUT_BYTES: usize = 64;

#[inline(never)]
fn hot_seal(key: &PacketKey, sequence: u64, buf: &mut [u8; outer::DATAGRAM_BYTES_MAX]) -> usize {
    outer::seal(key, 1, Kind::Payload, sequence, buf, SNAPSHOT_BYTES)
}

#[inline(never)]
fn hot_open(key: &PacketKey, datagram: &mut [u8]) -> usize {
    let header = outer::decode_header(datagram, Reads::Server).expect("well formed");
    outer::open(key, 1, header, datagram).expect("sealed with this key").len()
}

#[inline(never)]
fn hot_encode(state: &EntityState, baseline: &Baseline) -> BitRun {
    encode_delta(state, baseline).expect("it is near its baseline")
}

#[inline(never)]
fn hot_splice(runs: &[BitRun], buf: &mut [u8; PART_BYTES_MAX]) -> usize {
    splice(runs, buf)
}

fn splice(runs: &[BitRun], buf: &mut [u8; PART_BYTES_MAX]) -> usize {
    let header = PartHeader {
        tick: Tick(1_000),
        own: None,
        usual: Some([ages(), ages()]),
        last_code: 0,
        gap_bits: 1,
        records: RECORDS as u8,
    };
    let mut writer = PartWriter::new(buf, &header, false);
    for (slot, run) in (0..).step_by(2).zip(runs) {
        writer.put(Record { slot, body: RecordBody::Delta { ages: ages() } }, *run);
    }
    writer.finish()
}

#[inline(never)]
fn hot_decode(part: &[u8], baselines: &[Baseline]) -> u16 {
    let mut reader = PartReader::new(part, Tick(1_000)).expect("we wrote it");
    let mut read = 0;
    while let Some(record) = reader.next_record().expect("we wrote it") {
        reader.state_delta(&baselines[usize::from(record.slot / 2)]).expect("we wrote it");
        read += 1;
    }
    read
}

/// Where entity `which` was `age` ticks ago: they run in circles of different sizes, and look about.
fn state(which: u16, age: u8) -> EntityState {
    let (turn, radius) = (f64::from(which) * 0.7 - f64::from(age) * 0.015, 3_000.0 + f64::from(which) * 97.0);
    EntityState {
        x: 400_000 + (radius * turn.cos()) as i32,
        y: 400_000 + (radius * turn.sin()) as i32,
        yaw: (u16::from(age) * 9 + which * 131) % 4_096,
        pitch: (which * 7 + u16::from(age) / 3) % 4_096,
        kind: EntityKind::Player,
        ..EntityState::default()
    }
}

fn ages() -> BaselineAges {
    BaselineAges::new(6, 2, 2).expect("ages that have a name")
}

fn main() {
    let key = PacketKey::new(&Key::new([7; 32]), Backend::AwsLc);
    let baselines: Vec<Baseline> = (0..RECORDS)
        .map(|which| Baseline::gather(ages(), |age| Some(state(which, age))).expect("every age has a state"))
        .collect();
    let states: Vec<EntityState> = (0..RECORDS).map(|which| state(which, 0)).collect();
    // Also reads the tables, which is done once.
    let encoded = states.iter().zip(&baselines).map(|(state, baseline)| encode_delta(state, baseline));
    let runs: Vec<BitRun> = encoded.map(|run| run.expect("it is near its baseline")).collect();
    let (mut part, mut datagram) = ([0; PART_BYTES_MAX], [1; outer::DATAGRAM_BYTES_MAX]);
    let part_len = splice(&runs, &mut part);
    let mut sealed = [1; outer::DATAGRAM_BYTES_MAX];
    let sealed_len = outer::seal(&key, 1, Kind::Payload, 100_000, &mut sealed, INPUT_BYTES);
    for call in 0..CALLS {
        let which = call as usize % states.len();
        black_box(hot_seal(&key, 100_000 + call, &mut datagram));
        // Opened in place: each time anew.
        let mut to_open = sealed;
        black_box(hot_open(&key, &mut to_open[..sealed_len]));
        black_box(hot_encode(black_box(&states[which]), &baselines[which]));
        black_box(hot_splice(black_box(&runs), &mut part));
        assert_eq!(hot_decode(black_box(&part[..part_len]), &baselines), RECORDS);
    }
    println!("everything was done {CALLS} times; `cargo xtask instructions` counts what that took");
}
