//! What a snapshot costs: to make the bits of one entity's difference, to splice such bits into a part of 28 records, and to
//! read that part. `measure codec` has the bits it takes, and the same on recorded matches.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use protocol::bits::{BitReader, BitRun};
use protocol::snapshot::{
    Baseline, BaselineAges, PART_BYTES_MAX, PartHeader, PartReader, PartWriter, Record, RecordBody, decode_delta,
    encode_delta,
};
use protocol::{EntityKind, EntityState, Tick};
use std::hint::black_box;

/// Records of a part: what a player of many is told in a tick.
const RECORDS: u16 = 28;
/// Acknowledged 6 ticks ago, and two states before that.
const AGES: (u8, u8, u8) = (6, 2, 2);

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
    let (newest, step, older) = AGES;
    BaselineAges::new(newest, step, older).expect("ages that have a name")
}

fn baseline(which: u16) -> Baseline {
    Baseline::gather(ages(), |age| Some(state(which, age))).expect("every age has a state")
}

fn header() -> PartHeader {
    PartHeader {
        tick: Tick(1_000),
        own: None,
        usual: Some([ages(), ages()]),
        last_code: 0,
        gap_bits: 1,
        records: RECORDS as u8,
    }
}

fn part(runs: &[BitRun], buf: &mut [u8]) -> usize {
    let mut writer = PartWriter::new(buf, &header(), false);
    for (slot, run) in (0..).step_by(2).zip(runs) {
        writer.put(Record { slot, body: RecordBody::Delta { ages: ages() } }, *run);
    }
    writer.finish()
}

fn snapshot(criterion: &mut Criterion) {
    let baselines: Vec<Baseline> = (0..RECORDS).map(baseline).collect();
    let states: Vec<EntityState> = (0..RECORDS).map(|which| state(which, 0)).collect();
    let runs: Vec<BitRun> = states
        .iter()
        .zip(&baselines)
        .map(|(state, baseline)| encode_delta(state, baseline).expect("it is near its baseline"))
        .collect();
    let mut group = criterion.benchmark_group("snapshot");
    group.throughput(Throughput::Elements(u64::from(RECORDS)));
    group.bench_function("encode 28 differences", |bencher| {
        bencher.iter(|| {
            let pairs = states.iter().zip(&baselines);
            pairs.filter_map(|(state, baseline)| encode_delta(black_box(state), baseline)).count()
        });
    });
    let mut buf = [0; PART_BYTES_MAX];
    group.bench_function("splice 28 records", |bencher| bencher.iter(|| part(black_box(&runs), &mut buf)));
    let len = part(&runs, &mut buf);
    group.bench_function("decode 28 records", |bencher| {
        bencher.iter(|| {
            let mut reader = PartReader::new(black_box(&buf[..len]), Tick(1_000)).expect("we wrote it");
            let mut read = 0;
            while let Some(record) = reader.next_record().expect("we wrote it") {
                let state = reader.state_delta(&baselines[usize::from(record.slot / 2)]).expect("we wrote it");
                read += usize::from(state == states[usize::from(record.slot / 2)]);
            }
            assert_eq!(read, usize::from(RECORDS), "every state is read as it was written");
        });
    });
    group.finish();
    // One difference, alone: what a list of bits made once saves each further viewer.
    let mut bytes = [0; 32];
    let mut writer = protocol::bits::BitWriter::new(&mut bytes);
    writer.put_run(runs[0]);
    let len = writer.finish();
    criterion.bench_function("snapshot/decode one difference", |bencher| {
        bencher
            .iter(|| decode_delta(&mut BitReader::new(black_box(&bytes[..len])), &baselines[0]).expect("we wrote it"));
    });
}

criterion_group!(benches, snapshot);
criterion_main!(benches);
