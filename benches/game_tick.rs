//! A whole tick of the simulation with 2,000 players who all run and turn, inputs included.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use game::{Game, GameConfig};
use protocol::motion::{Block, StaticMap};
use protocol::{CharacterId, Input, NetId};
use std::sync::Arc;

const PLAYERS: u16 = 2_000;

fn crowd() -> Game {
    let blocks: Vec<Block> = (0..100_u32)
        .map(|n| Block {
            x: f64::from(n % 10) * 290.0,
            y: f64::from(n / 10) * 290.0,
            width: 12.0,
            depth: 8.0,
            height: None,
        })
        .collect();
    let map = Arc::new(StaticMap::new(3_000, 3_000, &blocks).expect("a sound map"));
    let mut game = Game::new(GameConfig {
        seed: 1,
        map,
        content: Arc::default(),
        incarnation: 1,
        entities_max: usize::from(PLAYERS),
    });
    for player in 0..u64::from(PLAYERS) {
        game.spawn_player(CharacterId(player), None).expect("room for all");
    }
    game
}

fn wish(game: &mut Game, tick: u32) {
    for row in 0..PLAYERS {
        let way = (tick / 60).wrapping_mul(97).wrapping_add(u32::from(row) * 37);
        let input =
            Input { move_x: way as u8 as i8, move_y: (way >> 3) as u8 as i8, yaw: way as u16, ..Input::default() };
        game.set_input(NetId(row), input);
    }
}

fn benches(c: &mut Criterion) {
    let mut game = crowd();
    let mut number = 0;
    let mut group = c.benchmark_group("2000 players");
    group.throughput(Throughput::Elements(u64::from(PLAYERS)));
    group.bench_function("set_input", |b| {
        b.iter(|| {
            number += 1;
            wish(&mut game, number);
        });
    });
    group.bench_function("set_input and tick", |b| {
        b.iter(|| {
            number += 1;
            wish(&mut game, number);
            game.tick();
        });
    });
    group.bench_function("hash", |b| b.iter_batched(|| (), |()| game.hash(), BatchSize::SmallInput));
    group.finish();
}

criterion_group!(game_tick, benches);
criterion_main!(game_tick);
