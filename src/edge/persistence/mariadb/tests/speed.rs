//! How fast it is, in figures that are printed (`--nocapture`), and a floor that any machine is above.

use super::bed::{Bed, ONE, Story};
use protocol::CharacterId;
use server::Parcel;
use std::time::Instant;

/// A tenth of what is asked of the machine that this was written on, so that a busy one still passes.
const RECORDS_PER_S_MIN: f64 = 500.0;
/// A player's.
const RECORD_BYTES: usize = 500;
const PLAYERS: u64 = 4_096;

#[test]
fn thousands_of_checkpoints_a_second_are_kept_in_batches() {
    let bed = Bed::new();
    let mut best = 0.0_f64;
    for (revision, batch) in (1..).zip([256, 512, 1_024, 2_048, 4_096]) {
        let bytes: Vec<Vec<u8>> = (0..PLAYERS).map(|of| noise(of * revision)).collect();
        let records: Vec<_> =
            (0..PLAYERS).zip(&bytes).map(|(of, bytes)| (CharacterId(of), revision, &bytes[..])).collect();
        let began = Instant::now();
        for some in records.chunks(batch) {
            bed.run(bed.database.save(some)).unwrap();
        }
        let per_s = PLAYERS as f64 / began.elapsed().as_secs_f64();
        println!("{per_s:.0} checkpoints of {RECORD_BYTES} B a second in batches of {batch}");
        best = best.max(per_s);
    }
    assert!(best > RECORDS_PER_S_MIN, "{best:.0} a second");
}

#[test]
fn hundreds_of_transactions_a_second_are_written_in_parcels() {
    let (bed, mut story) = (Bed::new(), Story::new(1));
    let mut best = 0.0_f64;
    for count in [1, 16, 64, 256, 1_024] {
        let parcels: Vec<_> = (0..(1_024 / count).clamp(4, 32)).map(|_| Parcel::of(story.go_on(count))).collect();
        let began = Instant::now();
        for parcel in &parcels {
            bed.run(bed.database.write(ONE, parcel)).unwrap();
        }
        let per_s = (parcels.len() * count) as f64 / began.elapsed().as_secs_f64();
        println!("{per_s:.0} transactions a second in parcels of {count}");
        best = best.max(per_s);
    }
    for (query, timing) in bed.database.timings().iter().filter(|(_, timing)| timing.count() > 0) {
        let mean_ms = timing.total_ns as f64 / timing.count() as f64 / 1e6;
        println!("{:>16}: {} times, {} rows, {mean_ms:.2} ms", query.label(), timing.count(), timing.rows);
    }
    assert!(best > RECORDS_PER_S_MIN / 5.0, "{best:.0} a second");
}

fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let byte = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..RECORD_BYTES).map(byte).collect()
}
