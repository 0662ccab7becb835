//! Bodies among bodies, people and blocks: facts, and what no throw can bring about.

use super::solid::{REACH, THING_HEIGHT};
use crate::shot::BODY_HEIGHT;
use crate::{Game, GameConfig, THING_SPEED_MAX, Thing, WorldImage};
use proptest::prelude::*;
use protocol::motion::{BODY_RADIUS, Block, Body, StaticMap};
use protocol::orientation::ONE;
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{CharacterId, Input, NetId};
use std::sync::Arc;

const M: i32 = SUBUNITS_PER_M;
const CRATE: Thing = Thing::Body { turn: [ONE, 0, 0, 0], spin: [0; 3] };

fn config(blocks: &[Block]) -> GameConfig {
    let map = Arc::new(StaticMap::new(200, 200, blocks).unwrap());
    GameConfig { seed: 3, map, content: Arc::default(), incarnation: 1, entities_max: 2_000 }
}

fn field() -> Game {
    Game::new(config(&[]))
}

/// A place in centimetres, on the ground.
fn at(x_cm: i32, y_cm: i32) -> Body {
    let subunits = |cm: i32| (i64::from(cm) * i64::from(M) / 100) as i32;
    Body { x: subunits(x_cm), y: subunits(y_cm), ..Body::default() }
}

fn throw(game: &mut Game, body: Body) -> NetId {
    game.spawn_thing(body, CRATE).unwrap()
}

fn player(game: &mut Game, x_m: i32, y_m: i32) -> NetId {
    let id = game.spawn_player(CharacterId(1), None).unwrap();
    game.place_player(id, x_m * UNITS_PER_M, y_m * UNITS_PER_M);
    id
}

fn body(game: &Game, id: NetId) -> Body {
    *game.body(id).unwrap()
}

fn height(game: &Game, id: NetId) -> i32 {
    if game.thing(id).is_some_and(|thing| matches!(thing, Thing::Body { .. })) { THING_HEIGHT } else { BODY_HEIGHT }
}

/// The first two of which one is inside the other.
fn inside(game: &Game, ids: &[NetId]) -> Option<(NetId, NetId)> {
    let is_inside = |one: NetId, other: NetId| {
        let (a, b) = (body(game, one), body(game, other));
        let (dx, dy) = (i64::from(a.x - b.x), i64::from(a.y - b.y));
        let is_level = a.z < b.z + height(game, other) && b.z < a.z + height(game, one);
        is_level && dx * dx + dy * dy < i64::from(REACH).pow(2)
    };
    let pairs = ids.iter().enumerate().flat_map(|(at, &one)| ids[at + 1..].iter().map(move |&other| (one, other)));
    pairs.into_iter().find(|&(one, other)| is_inside(one, other))
}

fn energy(game: &Game, ids: &[NetId]) -> i128 {
    let square = |speed: i32| i128::from(speed) * i128::from(speed);
    ids.iter().map(|&id| body(game, id)).map(|body| square(body.vx) + square(body.vy)).sum()
}

#[test]
fn one_that_slides_into_another_gives_it_two_thirds_of_its_speed() {
    let mut game = field();
    let moving = throw(&mut game, Body { vx: 20_000, ..at(5_000, 5_000) });
    let still = throw(&mut game, at(5_100, 5_000));
    game.tick();
    let (one, other) = (body(&game, moving), body(&game, still));
    // Friction has taken 91 before they met.
    assert_eq!(one.vx + other.vx, 20_000 - 91);
    assert!((12_935..=12_945).contains(&other.vx), "{other:?}");
    assert_eq!((one.vy, other.vy), (0, 0));
    for _ in 0..600 {
        game.tick();
        assert_eq!(inside(&game, &[moving, still]), None);
    }
    assert_eq!(energy(&game, &[moving, still]), 0, "friction ends it");
}

#[test]
fn the_fastest_body_goes_through_nothing_and_nobody() {
    let wall = Block { x: 60.0, y: 40.0, width: 0.1, depth: 20.0, height: None };
    for what in ["wall", "crate", "player"] {
        for offset_cm in [0, 7, -39, 63] {
            for start_cm in [5_150, 5_199, 5_210, 5_777] {
                let mut game = Game::new(config(if what == "wall" { std::slice::from_ref(&wall) } else { &[] }));
                let hit = match what {
                    "crate" => Some(throw(&mut game, at(6_000, 5_000))),
                    "player" => Some(player(&mut game, 60, 50)),
                    _ => None,
                };
                let fast = throw(&mut game, Body { vx: THING_SPEED_MAX, ..at(start_cm, 5_000 + offset_cm) });
                game.tick();
                let (end, stop) = (body(&game, fast), hit.map_or(60 * M, |hit| body(&game, hit).x));
                assert!(end.vx < THING_SPEED_MAX * 9 / 10, "{what} {offset_cm} {start_cm}: {end:?}");
                // What is grazed is passed at its side.
                assert!(end.x < stop || offset_cm == 63, "{what} {offset_cm} {start_cm}: {end:?}");
            }
        }
    }
}

#[test]
fn two_whose_ways_cross_meet_if_they_are_there_at_the_same_time_and_only_then() {
    let crossing = |delay_cm: i32| {
        let mut game = field();
        let east = throw(&mut game, Body { vx: 10 * M, z: M, ..at(4_600, 5_000) });
        let north = throw(&mut game, Body { vy: 10 * M, z: M, ..at(5_000, 4_600 - delay_cm) });
        game.tick();
        (body(&game, east).vx != 10 * M, body(&game, north).vy != 10 * M)
    };
    assert_eq!(
        [0, 50, 110, 120, 300].map(crossing),
        [(true, true), (true, true), (true, true), (false, false), (false, false)]
    );
}

#[test]
fn what_flies_above_another_does_not_touch_it_and_what_falls_on_it_lies_on_it() {
    let mut game = field();
    let low = throw(&mut game, at(5_000, 5_000));
    let above = throw(&mut game, Body { vx: 5 * M, z: M, ..at(4_700, 5_000) });
    game.tick();
    assert_eq!((body(&game, above).vx, body(&game, low).vx), (5 * M, 0));
    let falling = throw(&mut game, Body { z: 3 * M, ..at(5_010, 5_000) });
    (0..120).for_each(|_| game.tick());
    let top = body(&game, falling);
    assert_eq!((top.z, top.vz, body(&game, low).z), (THING_HEIGHT, 0, 0));
    game.despawn(low);
    (0..120).for_each(|_| game.tick());
    assert_eq!((body(&game, falling).z, body(&game, falling).vz), (0, 0), "nothing carries it any more");
}

#[test]
fn nobody_is_moved_by_a_body_and_what_hits_him_is_thrown_back() {
    let mut game = field();
    let somebody = player(&mut game, 60, 50);
    let before = body(&game, somebody);
    let thrown = throw(&mut game, Body { vx: 2 * M, z: M / 2, ..at(5_800, 5_000) });
    game.tick();
    let back = body(&game, thrown);
    assert_eq!(body(&game, somebody), before);
    assert!((-2 * M * 3 / 10 - 9..=-2 * M * 3 / 10 + 9).contains(&back.vx), "{back:?}");
}

#[test]
fn who_walks_into_a_body_goes_on_and_the_body_makes_way() {
    let mut game = field();
    let somebody = player(&mut game, 50, 50);
    let lying = throw(&mut game, at(5_300, 5_001));
    for _ in 0..120 {
        game.set_input(somebody, Input { move_x: 127, ..Input::default() });
        game.tick();
        assert_eq!(inside(&game, &[somebody, lying]), None);
    }
    assert!(body(&game, somebody).x > 60 * M, "he is not held up");
    let wall = [Block { x: 60.0, y: 40.0, width: 1.0, depth: 20.0, height: None }];
    let mut game = Game::new(config(&wall));
    let (somebody, lying) = (player(&mut game, 58, 50), throw(&mut game, at(5_950, 5_000)));
    for _ in 0..120 {
        game.set_input(somebody, Input { move_x: 127, ..Input::default() });
        game.tick();
        let body = body(&game, lying);
        assert!(game.map().is_free(body.x, body.y, body.z, BODY_RADIUS));
    }
}

#[test]
fn those_who_come_into_the_world_in_one_place_are_put_apart() {
    let mut game = field();
    let ids: Vec<NetId> = (0..12).map(|_| throw(&mut game, at(5_000, 5_000))).collect();
    (0..30).for_each(|_| game.tick());
    assert_eq!(inside(&game, &ids), None);
    assert_eq!(energy(&game, &ids), 0);
}

#[test]
fn what_rests_is_the_same_for_ever() {
    let mut game = field();
    let ids: Vec<NetId> = (0..100).map(|n| throw(&mut game, at(5_000 + n % 10 * 80, 5_000 + n / 10 * 80))).collect();
    (0..10).for_each(|_| game.tick());
    let before: Vec<Body> = ids.iter().map(|&id| body(&game, id)).collect();
    (0..60).for_each(|_| game.tick());
    assert_eq!(ids.iter().map(|&id| body(&game, id)).collect::<Vec<_>>(), before);
}

/// A heap of bodies thrown at one another among blocks and people.
fn turmoil(seed: u32) -> (Game, GameConfig) {
    let blocks = [
        Block { x: 55.0, y: 50.0, width: 3.0, depth: 3.0, height: Some(0.5) },
        Block { x: 45.0, y: 45.0, width: 1.0, depth: 12.0, height: None },
    ];
    let config = config(&blocks);
    let mut game = Game::new(config.clone());
    for n in 0..60_u32 {
        let draw =
            |k: u32| (seed.wrapping_mul(999).wrapping_add(n * 16 + k).wrapping_mul(0x9e37_79b9) >> 12).cast_signed();
        let (x, y) =
            game.map().nearest_free((40 + n as i32 % 10 * 2) * M, (44 + n as i32 / 10 * 2) * M, 0, BODY_RADIUS);
        let speed = |k: u32| draw(k) % 60_000 - 30_000;
        let spin = Thing::Body { turn: [ONE, 0, 0, 0], spin: [draw(9) % 1_000_000, 77, 0] };
        game.spawn_thing(Body { x, y, z: draw(4) % M, vx: speed(1), vy: speed(2), vz: 0 }, spin).unwrap();
    }
    for n in 0..6 {
        let id = game.spawn_player(CharacterId(n), None).unwrap();
        game.place_player(id, (42 + 3 * n as i32) * UNITS_PER_M, 49 * UNITS_PER_M);
        game.set_input(id, Input { move_x: 60 - 20 * n as i8, move_y: 50, ..Input::default() });
    }
    (game, config)
}

#[test]
fn a_turmoil_goes_on_after_a_restart_as_it_would_have() {
    let (mut straight, _) = turmoil(1);
    (0..600).for_each(|_| straight.tick());
    for saved_at in [0, 1, 20, 300] {
        let (mut game, config) = turmoil(1);
        (0..saved_at).for_each(|_| game.tick());
        let mut bytes = Vec::new();
        game.save().to_bytes(&mut bytes);
        let mut restored = Game::restore(config, &WorldImage::from_bytes(&bytes).unwrap()).unwrap();
        (saved_at..600).for_each(|_| restored.tick());
        assert_eq!(restored.hash(), straight.hash(), "saved at {saved_at}");
    }
}

/// Places apart from one another, and speeds.
fn thrown() -> impl Strategy<Value = Vec<Body>> {
    let speed = prop_oneof![-400..400_i32, -40_000..40_000_i32, -THING_SPEED_MAX..=THING_SPEED_MAX];
    let one = (any::<bool>(), 0..3_i32, speed.clone(), speed, -2_000..2_000_i32);
    prop::collection::vec(one, 2..30).prop_map(|all| {
        let placed = all.into_iter().enumerate().filter(|(_, (is_there, ..))| *is_there);
        placed
            .map(|(n, (_, level, vx, vy, vz))| {
                let at = at(9_000 + n as i32 % 6 * 82, 9_000 + n as i32 / 6 * 82);
                Body { z: level * M * 9 / 10, vx, vy, vz, ..at }
            })
            .collect()
    })
}

proptest! {
    /// In the plane; whatever is thrown how.
    #[test]
    fn energy_never_grows_and_nobody_ends_inside_another(bodies in thrown(), ticks in 1..12) {
        let mut game = field();
        let ids: Vec<NetId> = bodies.iter().map(|&body| throw(&mut game, body)).collect();
        for tick in 0..ticks {
            let before = energy(&game, &ids);
            game.tick();
            prop_assert!(energy(&game, &ids) <= before, "{} after {before} in tick {tick}", energy(&game, &ids));
            prop_assert_eq!(inside(&game, &ids), None, "in tick {}", tick);
            for &id in &ids {
                let body = body(&game, id);
                prop_assert!(game.thing(id).unwrap().is_possible(&body, game.map()), "{:?}", body);
            }
        }
    }

    /// In the air there is no friction, and the edge of the world is far.
    #[test]
    fn among_bodies_in_the_air_momentum_stays_as_it_is(
        speeds in prop::collection::vec((-60_000..60_000_i32, -60_000..60_000_i32), 2..20),
    ) {
        let mut game = field();
        let place = |n: usize| Body { z: 90 * M, ..at(9_000 + n as i32 % 5 * 85, 9_000 + n as i32 / 5 * 85) };
        let thrown = speeds.iter().enumerate().map(|(n, &(vx, vy))| Body { vx, vy, ..place(n) });
        let ids: Vec<NetId> = thrown.map(|body| throw(&mut game, body)).collect();
        let momentum = |game: &Game| {
            let bodies = ids.iter().map(|&id| body(game, id));
            bodies.fold((0_i64, 0_i64), |(x, y), body| (x + i64::from(body.vx), y + i64::from(body.vy)))
        };
        let before = momentum(&game);
        for _ in 0..20 {
            game.tick();
            prop_assert_eq!(momentum(&game), before);
        }
    }
}
