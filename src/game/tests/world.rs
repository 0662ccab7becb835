//! What a caller may rely on, seen from outside.

use game::{Game, GameConfig, ImageError, Life, PlayerRecord, SpawnError, WorldImage};
use protocol::input::button;
use protocol::motion::{self, BODY_RADIUS, Block, Body, Gait, StaticMap};
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{CharacterId, EntityKind, EntityState, Input, NetId, OwnState, Tick};
use std::sync::Arc;

/// 400 m, with a block on most of the spawn area and a wall for runners to meet.
fn map() -> Arc<StaticMap> {
    let blocks = [
        Block { x: 155.0, y: 155.0, width: 80.0, depth: 80.0, height: None },
        Block { x: 20.0, y: 140.0, width: 300.0, depth: 2.0, height: None },
    ];
    Arc::new(StaticMap::new(400, 400, &blocks).unwrap())
}

fn config(seed: u64, entities_max: usize) -> GameConfig {
    GameConfig { seed, map: map(), content: Arc::default(), incarnation: 1, entities_max }
}

fn game_of(players: usize) -> Game {
    let mut game = Game::new(config(5, 1_000));
    for player in 0..players {
        game.spawn_player(CharacterId(player as u64), None).unwrap();
    }
    game
}

fn input(tick: u32, row: u32) -> Input {
    let draw = xxhash_rust::xxh3::xxh3_64_with_seed(&(tick / 20).to_le_bytes(), u64::from(row));
    let bytes = draw.to_le_bytes();
    Input {
        move_x: bytes[0] as i8,
        move_y: bytes[1] as i8,
        yaw: u16::from(bytes[2]) * 16,
        pitch: u16::from(bytes[3]),
        buttons: bytes[4] & button::JUMP,
    }
}

/// One tick of a crowd in which some come, some go and some inputs are missing.
fn lively_tick(game: &mut Game, tick: u32) {
    for row in 0..40 {
        if !(tick + row).is_multiple_of(11) {
            game.set_input(NetId(row as u16), input(tick, row));
        }
    }
    match tick % 50 {
        7 => game.despawn(NetId((tick % 37) as u16)),
        30 => drop(game.spawn_player(CharacterId(u64::from(tick)), None)),
        41 => game.recycle(NetId(((tick - 34) % 37) as u16)),
        _ => (),
    }
    game.tick();
}

fn run(game: &mut Game, ticks: std::ops::Range<u32>) {
    for tick in ticks {
        lively_tick(game, tick);
    }
}

#[test]
fn equal_seeds_and_inputs_give_equal_hashes_and_other_seeds_do_not() {
    let run_with = |seed| {
        let mut game = Game::new(config(seed, 60));
        for player in 0..30 {
            game.spawn_player(CharacterId(player), None).unwrap();
        }
        run(&mut game, 0..300);
        game.hash()
    };
    assert_eq!(run_with(1), run_with(1));
    assert_ne!(run_with(1), run_with(2));
}

#[test]
fn six_hundred_ticks_equal_three_hundred_saved_and_restored_and_three_hundred_more() {
    let mut whole = game_of(30);
    run(&mut whole, 0..600);

    let mut half = game_of(30);
    run(&mut half, 0..300);
    let mut bytes = Vec::new();
    half.save().to_bytes(&mut bytes);
    let image = WorldImage::from_bytes(&bytes).unwrap();
    let mut restored = Game::restore(config(5, 1_000), &image).unwrap();
    assert_eq!(restored.hash(), half.hash());
    assert_eq!(restored.now(), Tick(300));
    assert!(restored.retired().eq(half.retired()));
    run(&mut restored, 300..600);
    assert_eq!(restored.hash(), whole.hash());
    assert_eq!(order_of_all(&restored), order_of_all(&whole));
    assert_eq!(restored.replicas().live(), whole.replicas().live());
}

#[test]
fn an_input_that_waits_for_its_tick_survives_a_restore() {
    let mut game = game_of(2);
    game.set_input(NetId(1), Input { move_x: 100, buttons: button::JUMP, ..Input::default() });
    let mut restored = Game::restore(config(5, 1_000), &game.save()).unwrap();
    game.tick();
    restored.tick();
    assert_eq!(restored.hash(), game.hash());
    assert!(restored.body(NetId(1)).unwrap().z > 0);
}

fn order_of_all(game: &Game) -> Vec<NetId> {
    let mut ids = Vec::new();
    game.spatial().query_square(0, 0, i32::MAX, &mut |id| ids.push(id));
    ids
}

#[test]
fn a_restored_world_shows_its_states_before_the_first_tick() {
    let mut game = game_of(10);
    run(&mut game, 0..20);
    let restored = Game::restore(config(5, 1_000), &game.save()).unwrap();
    assert_eq!(restored.replicas().live(), game.replicas().live());
    for &id in game.replicas().live() {
        assert_eq!(restored.replicas().state(id), game.replicas().state(id));
        assert_eq!(restored.replicas().state_at(id, Tick(19)), None);
    }
    assert_eq!(order_of_all(&restored), order_of_all(&game));
}

#[test]
fn an_image_of_another_map_or_of_too_many_is_refused() {
    let image = game_of(10).save();
    let plain = Arc::new(StaticMap::new(400, 400, &[]).unwrap());
    let elsewhere = GameConfig { map: plain, ..config(5, 1_000) };
    assert_eq!(Game::restore(elsewhere, &image).err(), Some(ImageError::Map));
    assert_eq!(Game::restore(config(5, 9), &image).err(), Some(ImageError::Size { rows: 10, entities_max: 9 }));
}

#[test]
fn the_hash_sees_an_input_that_was_not_yet_carried_out() {
    let mut game = game_of(3);
    let before = game.hash();
    game.set_input(NetId(1), Input { buttons: button::JUMP, ..Input::default() });
    assert_ne!(game.hash(), before);
}

#[test]
fn players_move_exactly_as_the_motion_rules_say() {
    let mut game = game_of(30);
    let mut bodies: Vec<Body> = (0..30).map(|row| *game.body(NetId(row)).unwrap()).collect();
    for tick in 0..400 {
        for (row, body) in bodies.iter_mut().enumerate() {
            let input = input(tick, row as u32);
            game.set_input(NetId(row as u16), input);
            motion::step(game.map(), body, &input, Gait::default());
        }
        game.tick();
        for (row, body) in bodies.iter().enumerate() {
            assert_eq!(game.body(NetId(row as u16)), Some(body), "player {row}, tick {tick}");
        }
    }
}

#[test]
fn a_missing_input_repeats_the_movement_and_releases_the_buttons() {
    let mut game = game_of(1);
    let id = NetId(0);
    game.set_input(id, Input { move_x: 90, yaw: 33, buttons: button::JUMP, ..Input::default() });
    game.tick();
    let mut expected = *game.body(id).unwrap();
    assert!(expected.z > 0);
    let repeated = Input { move_x: 90, yaw: 33, ..Input::default() };
    for _ in 0..120 {
        game.tick();
        motion::step(game.map(), &mut expected, &repeated, Gait::default());
        assert_eq!(game.body(id), Some(&expected));
    }
    // Two jumps' worth of time: a held button would have lifted the body again.
    assert_eq!(expected.z, 0);
    assert_eq!(game.own(id).unwrap().yaw, 33);
}

#[test]
fn who_walks_goes_on_walking_without_an_input() {
    let mut game = game_of(1);
    game.place_player(NetId(0), 300 * UNITS_PER_M, 300 * UNITS_PER_M);
    game.set_input(NetId(0), Input { move_x: 127, buttons: button::WALK, ..Input::default() });
    (0..30).for_each(|_| game.tick());
    assert_eq!(game.body(NetId(0)).unwrap().vx, motion::RUN_SPEED / 2);
}

#[test]
fn the_last_input_before_a_tick_is_the_one_that_counts() {
    let mut game = game_of(1);
    game.set_input(NetId(0), Input { yaw: 1, ..Input::default() });
    game.set_input(NetId(0), Input { yaw: 2 + 4_096, ..Input::default() });
    game.tick();
    assert_eq!(game.own(NetId(0)).unwrap().yaw, 2);
}

#[test]
fn newcomers_stand_free_in_the_middle_and_apart() {
    let game = game_of(500);
    let mut places = Vec::new();
    for row in 0..500 {
        let body = game.body(NetId(row)).unwrap();
        assert!(game.map().is_free(body.x, body.y, body.z, BODY_RADIUS), "{body:?}");
        let reach = 100 * SUBUNITS_PER_M;
        assert!((body.x - 200 * SUBUNITS_PER_M).abs() < reach && (body.y - 200 * SUBUNITS_PER_M).abs() < reach);
        places.push((body.x, body.y));
    }
    places.sort_unstable();
    places.dedup();
    assert!(places.len() > 490, "{} places for 500", places.len());
}

#[test]
fn a_record_brings_a_player_back_to_its_place() {
    let mut game = Game::new(config(1, 10));
    let life = Life { health: 40, ..Life::default() };
    let record = PlayerRecord {
        x: 50 * SUBUNITS_PER_M + 3,
        y: 60 * SUBUNITS_PER_M,
        z: 9,
        yaw: 77,
        pitch: 4_000,
        life: Some(life),
    };
    let id = game.spawn_player(CharacterId(9), Some(&record)).unwrap();
    assert_eq!(game.record(id), Some(record));
    assert_eq!(game.character(id), Some(CharacterId(9)));
}

#[test]
fn a_record_inside_a_block_or_outside_the_map_leads_to_the_nearest_free_place() {
    let mut game = Game::new(config(1, 10));
    for (x, y) in [(195, 160), (-5_000, 7), (i32::MAX / SUBUNITS_PER_M, 399)] {
        let record = PlayerRecord { x: x * SUBUNITS_PER_M, y: y * SUBUNITS_PER_M, ..PlayerRecord::default() };
        let id = game.spawn_player(CharacterId(1), Some(&record)).unwrap();
        let body = game.body(id).unwrap();
        assert!(game.map().is_free(body.x, body.y, body.z, BODY_RADIUS), "{body:?}");
        let wanted = record.x.clamp(0, 400 * SUBUNITS_PER_M);
        assert!((body.x - wanted).abs() < 20 * SUBUNITS_PER_M && (body.y - record.y).abs() < 20 * SUBUNITS_PER_M);
    }
}

#[test]
fn a_spawned_player_is_known_at_once_and_published_by_the_coming_tick() {
    let mut game = game_of(0);
    game.tick();
    let id = game.spawn_player(CharacterId(1), None).unwrap();
    assert!(game.own(id).is_some());
    assert!(!game.replicas().is_live(id) && game.spatial().is_empty());
    game.tick();
    assert!(game.replicas().is_live(id));
    assert_eq!(game.replicas().live(), [id]);
    assert_eq!(order_of_all(&game), [id]);
    assert_eq!(game.replicas().kind(id), EntityKind::Player);
    assert_eq!(game.replicas().state_at(id, Tick(1)), None);
    assert_eq!(game.replicas().state_at(id, Tick(2)), Some(game.replicas().state(id)));
    assert_eq!(*game.replicas().state(id), game.own(id).unwrap().entity());
}

#[test]
fn published_states_are_the_bodies_of_their_ticks() {
    let mut game = game_of(20);
    let mut past = Vec::new();
    for tick in 0..100 {
        for row in 0..20 {
            game.set_input(NetId(row), input(tick, u32::from(row)));
        }
        game.tick();
        past.push((0..20).map(|row| game.own(NetId(row)).unwrap().entity()).collect::<Vec<EntityState>>());
    }
    for age in 0..64 {
        for row in 0..20 {
            let tick = Tick(100 - age);
            let expected = &past[99 - age as usize][usize::from(row)];
            assert_eq!(game.replicas().state_at(NetId(row), tick), Some(expected), "{tick:?}, {row}");
        }
    }
}

#[test]
fn one_who_stands_still_does_not_change() {
    let mut game = game_of(2);
    for _ in 0..10 {
        game.set_input(NetId(1), Input { move_x: 127, ..Input::default() });
        game.tick();
    }
    assert_eq!(game.replicas().changed(NetId(0)), Tick(1));
    assert_eq!(game.replicas().changed(NetId(1)), Tick(10));
}

#[test]
fn a_despawned_entity_is_gone_from_everywhere_at_once() {
    let mut game = game_of(5);
    game.tick();
    game.despawn(NetId(2));
    let left = [NetId(0), NetId(1), NetId(3), NetId(4)];
    assert_eq!(game.replicas().live(), left);
    assert!(!game.replicas().is_live(NetId(2)));
    assert_eq!(game.replicas().state_at(NetId(2), Tick(1)), None);
    let mut indexed = order_of_all(&game);
    indexed.sort_unstable();
    assert_eq!(indexed, left);
    assert_eq!(game.record(NetId(2)), None);
    game.tick();
    assert_eq!(game.replicas().live(), left);
}

#[test]
fn retired_ids_are_not_given_out_before_they_are_recycled_and_then_oldest_first() {
    let mut game = Game::new(config(1, 4));
    let spawn = |game: &mut Game| game.spawn_player(CharacterId(1), None);
    for row in 0..4 {
        assert_eq!(spawn(&mut game), Ok(NetId(row)));
    }
    game.despawn(NetId(3));
    game.despawn(NetId(1));
    assert!(game.retired().eq([NetId(1), NetId(3)]));
    assert_eq!(spawn(&mut game), Err(SpawnError::Full));
    game.recycle(NetId(1));
    game.recycle(NetId(3));
    game.recycle(NetId(1));
    assert_eq!(spawn(&mut game), Ok(NetId(1)));
    assert_eq!(spawn(&mut game), Ok(NetId(3)));
    assert_eq!(spawn(&mut game), Err(SpawnError::Full));
}

#[test]
fn recycled_ids_are_given_out_before_new_ones_so_that_tables_stay_dense() {
    let mut game = game_of(3);
    game.despawn(NetId(0));
    assert_eq!(game.spawn_player(CharacterId(1), None), Ok(NetId(3)));
    game.recycle(NetId(0));
    assert_eq!(game.spawn_player(CharacterId(1), None), Ok(NetId(0)));
    assert_eq!(game.replicas().len(), 4);
}

#[test]
fn calls_with_unknown_ids_change_nothing() {
    let mut game = game_of(3);
    game.despawn(NetId(1));
    game.tick();
    let before = game.hash();
    for id in [NetId(1), NetId(3), NetId(u16::MAX)] {
        game.set_input(id, Input { move_x: 1, ..Input::default() });
        game.despawn(id);
        assert_eq!((game.body(id), game.own(id), game.record(id), game.character(id)), (None, None, None, None));
        let replicas = game.replicas();
        assert!(!replicas.is_live(id));
        assert_eq!((*replicas.state(id), replicas.state_at(id, Tick(1))), (EntityState::default(), None));
        assert_eq!((replicas.kind(id), replicas.changed(id)), (EntityKind::Player, Tick(0)));
    }
    for id in [NetId(0), NetId(3), NetId(u16::MAX)] {
        game.recycle(id);
    }
    assert_eq!(game.hash(), before);
    assert_eq!(game.spawn_player(CharacterId(8), None), Ok(NetId(3)), "a live id was recycled");
}

#[test]
fn the_owner_is_told_its_body_and_nothing_of_its_inputs() {
    let mut game = game_of(1);
    game.set_input(NetId(0), Input { move_x: 100, yaw: 5, pitch: 6, ..Input::default() });
    game.tick();
    let body = *game.body(NetId(0)).unwrap();
    let status = protocol::state::status(31, false);
    let expected = OwnState { body, gait: Gait::default(), status, yaw: 5, pitch: 6, ..OwnState::default() };
    assert_eq!(game.own(NetId(0)), Some(expected));
}

#[test]
fn a_game_can_move_to_the_thread_that_runs_it() {
    fn assert_send<T: Send>() {}
    assert_send::<Game>();
}

/// proves: MSG-3
#[test]
fn a_placed_player_stands_at_rest_at_the_nearest_free_place() {
    let mut game = game_of(1);
    let id = game.replicas().live().first().copied().unwrap_or(NetId(0));
    game.set_input(id, Input { move_x: 127, ..Input::default() });
    game.tick();
    game.place_player(id, 40_000, 50_000);
    let body = *game.body(id).unwrap();
    assert_eq!((body.vx, body.vy, body.z), (0, 0, 0));
    assert!(game.map().is_free(body.x, body.y, body.z, BODY_RADIUS));
    game.place_player(id, -5, i32::MAX);
    let body = *game.body(id).unwrap();
    assert_eq!((body.x, body.y), (BODY_RADIUS, game.map().extent().1 - BODY_RADIUS));
    game.place_player(NetId(999), 1, 1);
}
