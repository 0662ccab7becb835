//! What a snapshot costs: to make the bits of one entity's difference, to splice such bits into a part of 28 records, and to
//! read that part. `measure codec` has the bits it takes, and the same on recorded matches.

mod runners;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use protocol::bits::{BitReader, BitRun};
use protocol::snapshot::{Baseline, PART_BYTES_MAX, PartReader, decode_delta, encode_delta};
use protocol::{EntityState, Tick};
use runners::{RECORDS, baseline, part, state};
use std::hint::black_box;

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
