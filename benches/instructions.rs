//! The five hottest pieces of a tick, for counting instructions: `cargo xtask instructions` runs this under callgrind, which
//! counts between the beginning and the end of each `hot_` function. Counts are the same on every run of a build, on any
//! machine however busy, so that a change of one per cent can be seen. They know nothing of caches: time is criterion's.
//!
//! Run by `cargo bench` it does everything once and says so.

mod runners;

use protocol::bits::BitRun;
use protocol::snapshot::{Baseline, PART_BYTES_MAX, PartReader, encode_delta};
use protocol::{EntityState, Tick};
use rudp::outer::{self, Kind, Reads};
use rudp::seal::PacketKey;
use rudp::{Backend, Key};
use runners::{RECORDS, baseline, part, state};
use std::hint::black_box;

/// Calls of each; `cargo xtask instructions` divides by it.
const CALLS: u64 = 100;
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
    part(runs, buf)
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

fn main() {
    let key = PacketKey::new(&Key::new([7; 32]), Backend::AwsLc);
    let baselines: Vec<Baseline> = (0..RECORDS).map(baseline).collect();
    let states: Vec<EntityState> = (0..RECORDS).map(|which| state(which, 0)).collect();
    // Also reads the tables, which is done once.
    let encoded = states.iter().zip(&baselines).map(|(state, baseline)| encode_delta(state, baseline));
    let runs: Vec<BitRun> = encoded.map(|run| run.expect("it is near its baseline")).collect();
    let (mut bytes, mut datagram) = ([0; PART_BYTES_MAX], [1; outer::DATAGRAM_BYTES_MAX]);
    let part_len = part(&runs, &mut bytes);
    let mut sealed = [1; outer::DATAGRAM_BYTES_MAX];
    let sealed_len = outer::seal(&key, 1, Kind::Payload, 100_000, &mut sealed, INPUT_BYTES);
    for call in 0..CALLS {
        let which = call as usize % states.len();
        black_box(hot_seal(&key, 100_000 + call, &mut datagram));
        // Opened in place: each time anew.
        let mut to_open = sealed;
        black_box(hot_open(&key, &mut to_open[..sealed_len]));
        black_box(hot_encode(black_box(&states[which]), &baselines[which]));
        black_box(hot_splice(black_box(&runs), &mut bytes));
        assert_eq!(hot_decode(black_box(&bytes[..part_len]), &baselines), RECORDS);
    }
    println!("everything was done {CALLS} times; `cargo xtask instructions` counts what that took");
}
