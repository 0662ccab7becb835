//! What a commit of the journal costs: `cargo bench --bench journal`.
//!
//! A commit returns when everything of its group is on disk, so most of it is the disk's: figures of two disks are not
//! comparable, but how they grow with the group is why saves wait for each other. The journal lies in the system's folder for
//! temporary files (`TMPDIR` names another).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use game::{Entry, Transaction, TransactionId, Way};
use protocol::{CharacterId, ClassId};
use throng::edge::benched::{Group, Journal, Save};

/// Characters that are saved together: one, those of a tick at 2,000 players who are each saved every two seconds, and all.
const SAVES: [u64; 3] = [1, 17, 2_000];
/// Transactions of the game that are on disk at once: one, and what gathers in 5 ms when everybody trades.
const DEALS: [u64; 2] = [1, 64];
/// Bytes of a checkpoint: what a player of some levels has.
const RECORD_BYTES: usize = 160;

fn saves(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("there is room");
    let mut journal = Journal::open(folder.path()).expect("a new journal");
    let mut revision = 0;
    let mut group = criterion.benchmark_group("journal");
    for count in SAVES {
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("commit of {count} checkpoints"), |bencher| {
            bencher.iter(|| {
                revision += 1;
                let save = |character| Save {
                    character: CharacterId(character),
                    revision,
                    bytes: vec![revision as u8; RECORD_BYTES],
                };
                let saves: Vec<_> = (1..=count).map(save).collect();
                let verdict = journal.commit(&Group { at_ms: 1, saves: &saves, ..Group::default() });
                assert!(verdict.expect("there is room").saves.iter().all(Option::is_none), "all are newer");
            });
        });
    }
    group.finish();
}

fn deals(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("there is room");
    let mut journal = Journal::open(folder.path()).expect("a new journal");
    let character = CharacterId(1);
    let born =
        Transaction { id: TransactionId(1), entries: vec![Entry::Born { character, class: ClassId(0), team: 0 }] };
    journal.commit(&Group { at_ms: 1, deals: &[born], ..Group::default() }).expect("there is room");
    let mut number = 1;
    let mut group = criterion.benchmark_group("journal");
    for count in DEALS {
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("commit of {count} transactions"), |bencher| {
            bencher.iter(|| {
                let mut coin = || {
                    number += 1;
                    let way = Way::Loot;
                    let entries = vec![Entry::Coins { character, change: 1, way }, Entry::Minted { coins: 1, way }];
                    Transaction { id: TransactionId(number), entries }
                };
                let deals: Vec<_> = (0..count).map(|_| coin()).collect();
                let verdict = journal.commit(&Group { at_ms: 1, deals: &deals, ..Group::default() });
                assert!(verdict.expect("there is room").deals.iter().all(Result::is_ok), "all are sound");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, saves, deals);
criterion_main!(benches);
