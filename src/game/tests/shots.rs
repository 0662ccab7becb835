//! Shots against the world as their shooters saw it.

use game::{
    Aim, BODY_HEIGHT, CLAMP_TICKS, EYE_HEIGHT, Game, GameConfig, REWIND_TICKS_MAX, SHOT_RANGE, ShotOutcome, Stale,
};
use protocol::motion::{self, BODY_RADIUS, Block, Gait, StaticMap};
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::view::Place;
use protocol::{CharacterId, EntityState, Input, NetId, Tick, ViewTick};
use std::f64::consts::TAU;
use std::sync::Arc;

const SHOOTER: NetId = NetId(0);
const TARGET: NetId = NetId(1);
const EAST: u16 = 0;
const NORTH: u16 = 1 << 14;

/// A world of 400 m with people at these places in metres, one tick old.
fn world(blocks: &[Block], places: &[(i32, i32)]) -> Game {
    let map = Arc::new(StaticMap::new(400, 400, blocks).unwrap());
    let mut game = Game::new(GameConfig { seed: 1, map, content: Arc::default(), incarnation: 1, entities_max: 1_000 });
    for (number, &(x, y)) in places.iter().enumerate() {
        let id = game.spawn_player(CharacterId(number as u64), None).unwrap();
        game.place_player(id, x * UNITS_PER_M, y * UNITS_PER_M);
    }
    game.tick();
    game
}

fn now(game: &Game) -> ViewTick {
    ViewTick { tick: game.now(), fraction: 0 }
}

fn ago(game: &Game, ticks: u32, fraction: u8) -> ViewTick {
    ViewTick { tick: Tick(game.now().0 - ticks), fraction }
}

fn shoot(game: &Game, view: ViewTick, yaw: u16, pitch: u16) -> Result<ShotOutcome, Stale> {
    game.shoot(SHOOTER, &[], &Aim { view, yaw, pitch }).unwrap()
}

/// The aim at a place from an eye, as a client with ordinary floats takes it.
fn aim_at(eye: Place, at: Place, view: ViewTick) -> Aim {
    let [x, y, z] = [at.x - eye.x, at.y - eye.y, at.z - eye.z].map(f64::from);
    let steps = |angle: f64| (angle / TAU * 65_536.0).round() as i32 as u16;
    Aim { view, yaw: steps(y.atan2(x)), pitch: steps((-z).atan2(x.hypot(y))) }
}

fn chest(foot: Place) -> Place {
    Place { z: foot.z + SUBUNITS_PER_M, ..foot }
}

/// Lets everybody run for `ticks`.
fn run(game: &mut Game, ticks: u32, inputs: &[Input]) {
    for _ in 0..ticks {
        for (row, &input) in inputs.iter().enumerate() {
            game.set_input(NetId(row as u16), input);
        }
        game.tick();
    }
}

const STAND: Input = Input { move_x: 0, move_y: 0, yaw: 0, pitch: 0, buttons: 0 };
const RUN_NORTH: Input = Input { move_y: 127, ..STAND };

#[test]
fn the_nearest_in_line_is_hit_and_the_shot_ends_at_him() {
    let game = world(&[], &[(100, 100), (150, 100), (120, 100), (110, 105)]);
    let shot = shoot(&game, now(&game), EAST, 0).unwrap();
    assert_eq!(shot.target, Some(NetId(2)));
    let end = Place { x: 120 * SUBUNITS_PER_M - BODY_RADIUS, y: 100 * SUBUNITS_PER_M, z: EYE_HEIGHT };
    assert_eq!((shot.end, shot.eye.x, shot.rewound_steps), (end, 100 * SUBUNITS_PER_M, 0));
    assert_eq!(shoot(&game, now(&game), NORTH, 0).unwrap().target, None);
}

/// proves: SHO-7
#[test]
fn of_two_who_stand_in_one_place_the_lower_id_is_hit() {
    let game = world(&[], &[(100, 100), (120, 100), (120, 100)]);
    assert_eq!(shoot(&game, now(&game), EAST, 0).unwrap().target, Some(NetId(1)));
}

#[test]
fn a_shot_reaches_a_hundred_metres_and_no_farther() {
    for (x, target) in [(200, Some(TARGET)), (201, None)] {
        let game = world(&[], &[(100, 100), (x, 100)]);
        let shot = shoot(&game, now(&game), EAST, 0).unwrap();
        assert_eq!(shot.target, target, "{x}");
        assert!(shot.end.x - shot.eye.x <= SHOT_RANGE);
    }
}

#[test]
fn a_shot_passes_over_a_head_and_ends_in_the_ground() {
    let game = world(&[], &[(100, 100), (110, 100)]);
    // 1.6 m over 10 m fall to 1.8 m above: the crown is 0.2 m above the eye.
    let over = (-(0.25_f64).atan2(9.0) / TAU * 65_536.0) as i32 as u16;
    assert_eq!(shoot(&game, now(&game), EAST, over).unwrap().target, None);
    let feet = (1.5_f64.atan2(9.6) / TAU * 65_536.0) as u16;
    assert_eq!(shoot(&game, now(&game), EAST, feet).unwrap().target, Some(TARGET));
    let short = (1.6_f64.atan2(9.0) / TAU * 65_536.0) as u16;
    let shot = shoot(&game, now(&game), EAST, short).unwrap();
    assert_eq!(shot.target, None);
    assert!(
        (-2..=0).contains(&shot.end.z) && (shot.end.x - 109 * SUBUNITS_PER_M).abs() < SUBUNITS_PER_M / 100,
        "{shot:?}"
    );
}

/// proves: SHO-7
#[test]
fn a_block_shelters_who_is_behind_it_and_not_who_is_in_front() {
    let wall = Block { x: 115.0, y: 50.0, width: 0.5, depth: 100.0, height: None };
    for (x, target, end_m) in [(120, None, 115), (110, Some(TARGET), 110)] {
        let game = world(&[wall], &[(100, 100), (x, 100)]);
        let shot = shoot(&game, now(&game), EAST, 0).unwrap();
        assert_eq!(shot.target, target);
        assert!((shot.end.x - end_m * SUBUNITS_PER_M).abs() <= BODY_RADIUS);
    }
}

/// proves: SHO-7
#[test]
fn a_low_block_shelters_only_what_is_behind_its_side() {
    let wall = |height| Block { x: 115.0, y: 50.0, width: 0.5, depth: 100.0, height: Some(height) };
    // The eye is 1.6 m up, and a body 1.8 m high.
    for (height, target) in [(1.5, Some(TARGET)), (1.7, None)] {
        let game = world(&[wall(height)], &[(100, 100), (120, 100)]);
        assert_eq!(shoot(&game, now(&game), EAST, 0).unwrap().target, target, "{height} m");
    }
}

/// proves: SHO-4
#[test]
fn a_runner_is_hit_where_he_was_seen_and_not_where_he_is() {
    let mut game = world(&[], &[(100, 100), (120, 100)]);
    run(&mut game, 60, &[STAND, RUN_NORTH]);
    for age in 1..=REWIND_TICKS_MAX {
        for fraction in [0, 100, 255] {
            let view = ago(&game, age, fraction);
            let rewind = game.rewind(view).unwrap();
            let seen = rewind.place(TARGET).unwrap();
            assert_eq!(rewind.age_steps(), u64::from(age * 256) - u64::from(fraction));
            let shot = |at| game.shoot(SHOOTER, &[], &aim_at(eye(&game), at, view)).unwrap().unwrap();
            assert_eq!(shot(chest(seen)).target, Some(TARGET), "{age} ticks ago");
            assert_eq!(shot(chest(seen)).rewound_steps, rewind.age_steps());
            let is = Place::of(game.replicas().state(TARGET));
            let gone = is.y - seen.y;
            assert!((gone - (age as i32 * 8_192 - 32 * i32::from(fraction))).abs() <= 1, "{gone}");
            if gone > BODY_RADIUS + SUBUNITS_PER_M / 20 {
                assert_eq!(shot(chest(is)).target, None, "he was not there yet");
            }
        }
    }
}

fn eye(game: &Game) -> Place {
    let body = game.body(SHOOTER).unwrap();
    Place { x: body.x, y: body.y, z: body.z + EYE_HEIGHT }
}

/// proves: SHO-4
#[test]
fn a_shot_at_a_tick_too_old_is_refused_and_one_at_a_tick_to_come_is_one_at_now() {
    let mut game = world(&[], &[(100, 100), (120, 100)]);
    run(&mut game, 60, &[STAND, RUN_NORTH]);
    assert!(shoot(&game, ago(&game, REWIND_TICKS_MAX, 0), EAST, 0).is_ok());
    let oldest = shoot(&game, ago(&game, REWIND_TICKS_MAX, 0), EAST, 0).unwrap();
    for age in REWIND_TICKS_MAX + 1..=REWIND_TICKS_MAX + CLAMP_TICKS {
        assert_eq!(shoot(&game, ago(&game, age, 0), EAST, 0), Ok(oldest), "a little too old means the oldest");
    }
    let stale = ago(&game, REWIND_TICKS_MAX + CLAMP_TICKS + 1, 255);
    assert!(shoot(&game, stale, EAST, 0).is_err(), "a 256th of a tick too old");
    assert!(shoot(&game, ViewTick::default(), EAST, 0).is_err());
    for view in [ago(&game, 0, 1), ViewTick { tick: Tick(u32::MAX), fraction: 255 }] {
        assert_eq!(game.rewind(view).unwrap().view(), now(&game));
        assert_eq!(shoot(&game, view, EAST, 0), shoot(&game, now(&game), EAST, 0));
    }
}

/// proves: SHO-4
#[test]
fn who_was_not_there_yet_or_is_not_there_any_more_is_not_hit() {
    let mut game = world(&[], &[(100, 100)]);
    run(&mut game, 20, &[STAND]);
    let id = game.spawn_player(CharacterId(7), None).unwrap();
    game.place_player(id, 120 * UNITS_PER_M, 100 * UNITS_PER_M);
    game.tick();
    run(&mut game, 5, &[STAND]);
    let hits = |game: &Game, ticks| shoot(game, ago(game, ticks, 0), EAST, 0).unwrap().target;
    assert_eq!([5, 6].map(|ticks| hits(&game, ticks)), [Some(id), None]);
    assert_eq!(shoot(&game, ago(&game, 6, 200), EAST, 0).unwrap().target, None, "he had not appeared");
    game.despawn(id);
    game.tick();
    assert_eq!(hits(&game, 3), None);
}

/// proves: SHO-2
#[test]
fn who_was_put_elsewhere_is_nowhere_between() {
    let mut game = world(&[], &[(100, 100), (120, 100)]);
    game.place_player(TARGET, 120 * UNITS_PER_M, 105 * UNITS_PER_M);
    game.tick();
    let between = game.rewind(ago(&game, 1, 128)).unwrap().place(TARGET).unwrap();
    assert_eq!(between.y, 100 * SUBUNITS_PER_M);
    assert_eq!(game.rewind(now(&game)).unwrap().place(TARGET).unwrap().y, 105 * SUBUNITS_PER_M);
}

/// proves: SHO-5
#[test]
fn the_eye_is_where_the_waiting_inputs_bring_it() {
    let mut game = world(&[], &[(100, 100), (120, 100)]);
    run(&mut game, 30, &[RUN_NORTH, STAND]);
    let ahead = [RUN_NORTH; 3];
    let aim = Aim { view: now(&game), yaw: EAST, pitch: 0 };
    let shot = game.shoot(SHOOTER, &ahead, &aim).unwrap().unwrap();
    let mut body = *game.body(SHOOTER).unwrap();
    for input in &ahead {
        motion::step(game.map(), &mut body, input, Gait::default());
    }
    assert_eq!((shot.eye.x, shot.eye.y), (body.x, body.y));
    run(&mut game, 3, &[RUN_NORTH, STAND]);
    assert_eq!(shoot(&game, now(&game), EAST, 0).unwrap().eye, shot.eye);
}

#[test]
fn whoever_is_not_in_the_world_does_not_shoot() {
    let game = world(&[], &[(100, 100)]);
    assert!(game.shoot(NetId(9), &[], &Aim::default()).is_none());
}

/// The index is asked for those near the line only; nobody who is hit may be missing from its answer.
#[test]
fn in_a_running_crowd_a_shot_hits_whom_a_look_at_everybody_finds() {
    let places: Vec<_> = (0..300).map(|n| (150 + draw(n, 100), 150 + draw(n + 1_000, 100))).collect();
    let mut game = world(&[], &places);
    let (mut hits, mut misses, mut grazes) = (0, 0, 0);
    for round in 0..400 {
        let way = |n: i32| (n * 67 + round * 29) as i8;
        let inputs: Vec<_> = (0..300).map(|n| Input { move_x: way(n), move_y: way(n + 91), ..STAND }).collect();
        run(&mut game, 5, &inputs);
        let age = draw(round + 2_000, REWIND_TICKS_MAX as i32 - 1) as u32 + 1;
        let view = ago(&game, age.min(game.now().0 - 1), draw(round + 3_000, 256) as u8);
        let [yaw, pitch] = [draw(round + 4_000, 65_536), draw(round + 5_000, 2_000)].map(|angle| angle as u16);
        let shot = game.shoot(SHOOTER, &[], &Aim { view, yaw, pitch }).unwrap().unwrap();
        let found = [-40.0, 40.0].map(|wider| brute_force(&game, view, yaw, pitch, wider));
        if found[0] != found[1] {
            grazes += 1;
            continue;
        }
        assert_eq!(shot.target, found[0], "round {round}");
        *(if shot.target.is_some() { &mut hits } else { &mut misses }) += 1;
    }
    assert!(hits > 100 && misses > 100 && grazes < 10, "{hits} hits, {misses} misses, {grazes} grazes");
}

/// A number below `end` that follows from `n`.
fn draw(n: i32, end: i32) -> i32 {
    (xxhash_rust::xxh3::xxh3_64(&n.to_le_bytes()) % end as u64) as i32
}

/// Whom a shot meets first, by floats, with everybody wider by some subunits.
fn brute_force(game: &Game, view: ViewTick, yaw: u16, pitch: u16, wider: f64) -> Option<NetId> {
    let (rewind, eye) = (game.rewind(view).unwrap(), eye(game));
    let [yaw, pitch] = [yaw, pitch].map(|angle| f64::from(angle) * TAU / 65_536.0);
    let way = [pitch.cos() * yaw.cos(), pitch.cos() * yaw.sin(), -pitch.sin()];
    let meets = |id: NetId| {
        let at = rewind.place(id)?;
        let [x, y, z] = [eye.x - at.x, eye.y - at.y, eye.z - at.z].map(f64::from);
        let (a, b) = (way[0] * way[0] + way[1] * way[1], x * way[0] + y * way[1]);
        let radius = f64::from(BODY_RADIUS) + wider;
        let square = b * b - a * (x * x + y * y - radius * radius);
        let root = (square >= 0.0).then(|| square.sqrt())?;
        let (low, high) = ((-wider - z) / way[2], (f64::from(BODY_HEIGHT) + wider - z) / way[2]);
        let enter = ((-b - root) / a).max(low.min(high)).max(0.0);
        let leave = ((-b + root) / a).min(low.max(high)).min(f64::from(SHOT_RANGE)).min(-f64::from(eye.z) / way[2]);
        (enter <= leave).then_some((enter, id))
    };
    let others = game.replicas().live().iter().copied().filter(|&id| id != SHOOTER);
    others.filter_map(meets).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, id)| id)
}

/// proves: SHO-2, SHO-6, SHO-7
#[test]
fn shots_agree_with_their_vectors() {
    let wall = Block { x: 130.0, y: 90.0, width: 2.0, depth: 20.0, height: None };
    let path = format!("{}/../../protocol-spec/vectors/shots.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let wanted: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut lines = Vec::new();
    for (from, to, fraction) in [
        ((480_000, 470_000, 0), (480_032, 469_990, 3), 0),
        ((480_000, 470_000, 0), (480_032, 469_990, 3), 100),
        ((480_000, 470_000, 0), (480_032, 469_990, 3), 255),
        ((480_000, 470_000, 300), (481_280, 470_000, 290), 128),
        ((480_000, 470_000, 300), (481_281, 470_000, 290), 128),
    ] {
        let state = |(x, y, z)| EntityState { x, y, z, ..EntityState::default() };
        let Place { x, y, z } = Place::between(&state(from), &state(to), fraction);
        let words = |(x, y, z): (i32, i32, i16)| format!("({x} {y} {z})");
        lines.push(format!("between {} and {} at {fraction} = {x} {y} {z}", words(from), words(to)));
    }
    for (place, yaw, pitch) in [
        ((120, 100), 0, 0),
        ((120, 100), 73, 0),
        ((120, 100), 215, 0),
        ((120, 100), 65_320, 700),
        ((120, 100), 0, 1_200),
        ((140, 100), 0, 0),
        ((101, 101), 8_192, 4_000),
        ((100, 120), 16_384, 65_535),
        ((60, 70), 40_000, 0),
        ((60, 70), 39_483, 65_500),
        ((100, 100), 12_345, 16_384),
        ((120, 130), 10_251, 60_000),
    ] {
        let game = world(&[wall], &[(100, 100), place]);
        let shot = shoot(&game, now(&game), yaw, pitch).unwrap();
        let what = if shot.target.is_some() { "hit" } else { "miss" };
        let Place { x, y, z } = shot.end;
        lines.push(format!("body {} {} yaw {yaw} pitch {pitch} = {what} {x} {y} {z}", place.0, place.1));
    }
    assert_eq!(lines, wanted);
}
