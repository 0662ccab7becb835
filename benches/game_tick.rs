//! A whole tick of the simulation with 2,000 players who all run and turn, inputs included; and what bodies that meet,
//! questions about what is near, and entities that come and go cost.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use game::{Filter, Game, GameConfig, Thing};
use protocol::motion::{Block, Body, StaticMap};
use protocol::orientation::ONE;
use protocol::unit::SUBUNITS_PER_M;
use protocol::view::Place;
use protocol::{CharacterId, Input, NetId};
use std::hint::black_box;
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

const M: i32 = SUBUNITS_PER_M;
const CRATE: Thing = Thing::Body { turn: [ONE, 0, 0, 0], spin: [0; 3] };
const LYING: Thing = Thing::Item { yaw: 0, form: 0 };

fn field(entities_max: usize) -> Game {
    let map = Arc::new(StaticMap::new(1_000, 1_000, &[]).expect("a sound map"));
    Game::new(GameConfig { seed: 1, map, content: Arc::default(), incarnation: 1, entities_max })
}

/// Crates 1.5 m apart, so many; those of which `is_fast` is true fly at 20 m/s at half a metre.
fn crates(game: &mut Game, count: i32, is_fast: impl Fn(i32) -> bool) -> Vec<NetId> {
    let place = |n: i32| Body { x: 400 * M + n % 45 * M * 3 / 2, y: 400 * M + n / 45 * M * 3 / 2, ..Body::default() };
    let thrown = |n: i32| Body { z: M / 2, vx: M / 3, vy: (n % 7 - 3) * M / 20, ..place(n) };
    let bodies = (0..count).map(|n| if is_fast(n) { thrown(n) } else { place(n) });
    bodies.map(|body| game.spawn_thing(body, CRATE).expect("room for all")).collect()
}

fn bodies(c: &mut Criterion) {
    let mut group = c.benchmark_group("2000 bodies");
    let mut still = field(3_000);
    crates(&mut still, 2_000, |_| false);
    group.bench_function("tick, all at rest", |b| b.iter(|| still.tick()));
    let mut lively = field(3_000);
    crates(&mut lively, 2_000, |n| n % 10 == 0);
    let image = lively.save();
    let again = || {
        let map = Arc::new(lively.map().clone());
        let config = GameConfig { seed: 1, map, content: Arc::default(), incarnation: 1, entities_max: 3_000 };
        Game::restore(config, &image).expect("it was just saved")
    };
    // Ticks 1 to 20 of a throw: they collide all the time, and more and more of them move.
    group.bench_function("20 ticks, 200 of them thrown among the others", |b| {
        b.iter_batched(again, |mut game| (0..20).for_each(|_| game.tick()), BatchSize::LargeInput);
    });
    let mut flat = field(3_000);
    for _ in 0..2_000 {
        flat.spawn_thing(Body { x: 500 * M, y: 500 * M, ..Body::default() }, LYING).expect("room for all");
    }
    group.bench_function("tick, 2000 items instead", |b| b.iter(|| flat.tick()));
    group.finish();
}

fn questions(c: &mut Criterion) {
    let mut game = crowd();
    game.tick();
    let middle = *game.body(NetId(77)).expect("it is live");
    let eye = Place { x: middle.x, y: middle.y, z: middle.z + M };
    let far = Place { x: eye.x + 50 * M, ..eye };
    let mut group = c.benchmark_group("questions among 2000");
    let mut ids = Vec::new();
    let filter = Filter::ALL.except(NetId(77));
    group.bench_function("ray of 50 m", |b| b.iter(|| black_box(game.ray(eye, 9_000, 100, 50 * M, &filter))));
    group.bench_function("sweep of 50 m", |b| b.iter(|| black_box(game.sweep(eye, far, M / 3, M, &filter))));
    group.bench_function("circle of 10 m", |b| b.iter(|| game.in_circle(eye.x, eye.y, 10 * M, &filter, &mut ids)));
    let of = (eye.x, eye.y);
    group.bench_function("cone of 10 m", |b| b.iter(|| game.in_cone(of, 9_000, 8_000, 10 * M, &filter, &mut ids)));
    let (low, high) = (
        Place { x: eye.x - 10 * M, y: eye.y - 10 * M, z: 0 },
        Place { x: eye.x + 10 * M, y: eye.y + 10 * M, z: 2 * M },
    );
    group.bench_function("box of 20 m", |b| b.iter(|| game.in_box(low, high, &filter, &mut ids)));
    group.bench_function("line of sight", |b| b.iter(|| black_box(game.line_of_sight(NetId(77), NetId(78)))));
    group.finish();
}

/// 50 come and 50 go among 6,000.
fn churn(c: &mut Criterion) {
    let mut game = field(7_000);
    let place = |n: u32| Body { x: (n * 7_919 % 1_000) as i32 * M, y: (n % 997) as i32 * M, ..Body::default() };
    let inside = |n: u32| Body { x: place(n).x.clamp(M, 999 * M), y: place(n).y.max(M), ..Body::default() };
    let mut live: std::collections::VecDeque<NetId> =
        (0..6_000).map(|n| game.spawn_thing(inside(n), LYING).expect("room")).collect();
    game.tick();
    let mut number = 0;
    let mut group = c.benchmark_group("6000 live");
    for is_ticked in [false, true] {
        let name = if is_ticked { "50 come, 50 go, tick" } else { "50 come, 50 go" };
        group.bench_function(name, |b| {
            b.iter(|| {
                for _ in 0..50 {
                    number += 1;
                    let gone = live.swap_remove_back(number as usize * 31 % live.len()).expect("they are many");
                    game.despawn(gone);
                    game.recycle(gone);
                    live.push_back(game.spawn_thing(inside(number), LYING).expect("one has gone"));
                }
                if is_ticked {
                    game.tick();
                }
            });
        });
    }
    group.bench_function("tick", |b| b.iter(|| game.tick()));
    group.finish();
}

criterion_group!(game_tick, benches, bodies, questions, churn);
criterion_main!(game_tick);
