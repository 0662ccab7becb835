//! How bodies walk, climb, jump, fall and fly: facts of the rules, and what no input can bring about.

use super::*;
use proptest::prelude::*;

fn open_field() -> StaticMap {
    StaticMap::new(1_000, 1_000, &[]).unwrap()
}

fn walled() -> StaticMap {
    let blocks = [Block { x: 500.0, y: 500.0, width: 10.0, depth: 2.0, height: None }];
    StaticMap::new(1_000, 1_000, &blocks).unwrap()
}

fn run_east() -> Input {
    Input { move_x: 127, ..Input::default() }
}

/// proves: MOT-1
#[test]
fn full_speed_is_thirty_two_units_a_tick_after_seven_ticks() {
    let map = open_field();
    let mut body = Body { x: 100 * SUBUNITS_PER_M, y: 100 * SUBUNITS_PER_M, ..Body::default() };
    for _ in 0..7 {
        step(&map, &mut body, &run_east(), Gait::default());
    }
    assert_eq!((body.vx, body.vy), (32 << 8, 0));
}

#[test]
fn a_diagonal_is_no_faster_than_straight() {
    let map = open_field();
    let mut body = Body { x: 100 * SUBUNITS_PER_M, y: 100 * SUBUNITS_PER_M, ..Body::default() };
    let input = Input { move_x: 127, move_y: -128, ..Input::default() };
    for _ in 0..30 {
        step(&map, &mut body, &input, Gait::default());
    }
    assert!(length(body.vx, body.vy) <= RUN_SPEED + 1);
    assert!(length(body.vx, body.vy) >= RUN_SPEED - 64);
}

#[test]
fn a_wall_stops_the_axis_that_meets_it_and_lets_the_other_slide() {
    let map = walled();
    let mut body = Body { x: 505 * SUBUNITS_PER_M, y: 498 * SUBUNITS_PER_M, ..Body::default() };
    let input = Input { move_x: 60, move_y: 127, ..Input::default() };
    let before_x = body.x;
    for _ in 0..60 {
        step(&map, &mut body, &input, Gait::default());
    }
    assert_eq!(body.y, 500 * SUBUNITS_PER_M - BODY_RADIUS);
    assert_eq!(body.vy, 0);
    assert!(body.x > before_x + SUBUNITS_PER_M);
}

#[test]
fn a_jump_lifts_nine_tenths_of_a_metre_and_lands() {
    let map = open_field();
    let mut body = Body { x: SUBUNITS_PER_M, y: SUBUNITS_PER_M, ..Body::default() };
    let mut top = 0;
    step(&map, &mut body, &Input { buttons: button::JUMP, ..Input::default() }, Gait::default());
    for _ in 0..60 {
        top = top.max(body.z);
        step(&map, &mut body, &Input::default(), Gait::default());
    }
    assert!((85..=100).contains(&(top * 100 / SUBUNITS_PER_M)), "{top}");
    assert_eq!((body.z, body.vz), (0, 0));
}

/// Contracts: two ends with these rules agree to the unit; a changed figure is a changed motion hash.
#[test]
fn a_thousand_ticks_end_at_the_pinned_place() {
    let map = walled();
    let mut body = Body { x: 490 * SUBUNITS_PER_M, y: 490 * SUBUNITS_PER_M, ..Body::default() };
    for tick in 0..1_000_i32 {
        let input = Input {
            move_x: ((tick * 37) % 255 - 127) as i8,
            move_y: ((tick * 91) % 255 - 127) as i8,
            buttons: u8::from(tick % 100 == 0) * button::JUMP,
            ..Input::default()
        };
        step(&map, &mut body, &input, Gait::default());
    }
    assert_eq!(body, PINNED);
    assert_eq!(hash(), PINNED_HASH);
}
const PINNED: Body = Body { x: 40_517_772, y: 40_392_865, z: 0, vx: 2_973, vy: -648, vz: 0 };
const PINNED_HASH: u64 = 568_312_680_683_435_981;

const M: i32 = SUBUNITS_PER_M;

/// A stair of 0.25 and 0.5 m, a low wall of 0.35 m, a crate of 0.9 m, one of 1 m and a wall to the sky, in lanes 10 m apart,
/// each of them from x = 50 m on.
fn terraces() -> StaticMap {
    let block = |x, y, height| Block { x, y, width: 4.0, depth: 4.0, height };
    let blocks = [
        block(50.0, 10.0, Some(0.25)),
        block(54.0, 10.0, Some(0.5)),
        block(50.0, 20.0, Some(0.35)),
        block(50.0, 30.0, Some(0.9)),
        block(50.0, 40.0, Some(1.0)),
        block(50.0, 50.0, None),
        Block { x: 70.0, y: 0.0, width: 0.1, depth: 100.0, height: Some(3.0) },
    ];
    StaticMap::new(100, 100, &blocks).unwrap()
}

/// 2 m west of the blocks of a lane.
fn in_lane(lane: i32) -> Body {
    Body { x: 48 * M, y: (10 * lane + 2) * M, ..Body::default() }
}

fn is_grounded(map: &StaticMap, body: &Body) -> bool {
    body.vz == 0 && body.z == map.floor(body.x, body.y, body.z, BODY_RADIUS)
}

/// Runs east for so many ticks, jumping in these.
fn run(map: &StaticMap, body: &mut Body, ticks: i32, jumps: &[i32]) {
    for tick in 0..ticks {
        let buttons = u8::from(jumps.contains(&tick)) * button::JUMP;
        step(map, body, &Input { buttons, ..run_east() }, Gait::default());
    }
}

/// proves: MOT-1
#[test]
fn stairs_are_walked_up_and_one_falls_off_their_end() {
    let (map, mut body) = (terraces(), in_lane(1));
    run(&map, &mut body, 50, &[]);
    assert_eq!((body.z, body.vz, is_grounded(&map, &body)), (M / 4, 0, true));
    run(&map, &mut body, 40, &[]);
    assert_eq!((body.z, body.vz), (M / 2, 0));
    while body.vz == 0 {
        run(&map, &mut body, 1, &[]);
    }
    assert!(body.x > 58 * M + BODY_RADIUS && body.z == M / 2 && body.vz == -GRAVITY, "{body:?}");
    run(&map, &mut body, 20, &[]);
    assert_eq!((body.z, body.vz), (0, 0));
}

#[test]
fn what_is_higher_than_a_step_stops_who_walks_and_what_is_higher_than_a_jump_who_jumps() {
    let map = terraces();
    for lane in [2, 3, 4, 5] {
        let mut body = in_lane(lane);
        run(&map, &mut body, 60, &[]);
        assert_eq!((body.x, body.z, body.vx), (50 * M - BODY_RADIUS, 0, 0), "lane {lane}");
        run(&map, &mut body, 45, &[0]);
        let reached = [M * 35 / 100, M * 9 / 10, 0, 0][lane as usize - 2];
        assert_eq!((body.z, body.x > 50 * M), (reached, reached > 0), "lane {lane}");
    }
}

#[test]
fn the_fastest_fall_ends_on_the_lowest_top_and_the_fastest_flight_at_the_thinnest_wall() {
    let map = terraces();
    let mut body = Body { x: 51 * M, vz: -M, z: M / 4 + 1, ..in_lane(1) };
    step(&map, &mut body, &Input::default(), Gait::default());
    assert_eq!((body.z, body.vz), (M / 4, 0));
    let mut body = Body { z: 2 * M, x: 69 * M, vx: 2 * M, ..in_lane(7) };
    step(&map, &mut body, &Input::default(), Gait::default());
    assert_eq!((body.x, body.vx), (70 * M - BODY_RADIUS, 0));
}

#[test]
fn a_root_holds_a_slow_halves_a_haste_hastens_and_who_walks_is_half_as_fast() {
    let speed_after = |gait: Gait, buttons: u8| {
        let mut body = Body { x: 20 * M, y: 20 * M, ..Body::default() };
        (0..20).for_each(|_| step(&open_field(), &mut body, &Input { buttons, ..run_east() }, gait));
        body.vx
    };
    let gait = |speed| Gait { speed, can_jump: true };
    let speeds = [0, 50, 100, 130, 200, 255].map(|speed| speed_after(gait(speed), 0));
    assert_eq!(speeds, [0, 4_096, 8_192, 10_649, 16_384, 16_384]);
    assert_eq!([50, 100].map(|speed| speed_after(gait(speed), button::WALK)), [2_048, 4_096]);
    let mut body = Body { x: 20 * M, y: 20 * M, ..Body::default() };
    step(&open_field(), &mut body, &Input { buttons: button::JUMP, ..run_east() }, Gait::HELD);
    assert_eq!(body, Body { x: 20 * M, y: 20 * M, ..Body::default() });
}

#[test]
fn who_is_thrown_keeps_his_speed_until_he_lands_and_can_only_steer_and_brake() {
    let thrown = |gait: Gait, move_x: i8, move_y: i8| {
        let mut body = Body { x: 20 * M, y: 500 * M, ..Body::default() };
        launch(&mut body, 20_000, 0, 8_000);
        (0..30).for_each(|_| step(&open_field(), &mut body, &Input { move_x, move_y, ..Input::default() }, gait));
        assert_ne!(body.vz, 0, "it still flies");
        body
    };
    for gait in [Gait::HELD, Gait::default()] {
        assert_eq!(thrown(gait, 0, 0).vx, 20_000);
    }
    assert_eq!(thrown(Gait::default(), 127, 0).vx, 20_000);
    assert_eq!(thrown(Gait::default(), -127, 0).vx, 20_000 - 30 * AIR_ACCELERATION);
    let steered = thrown(Gait::default(), 0, 127);
    assert!(steered.vy > 5_000 && length(steered.vx, steered.vy) <= 20_000, "{steered:?}");
    let mut landed = thrown(Gait::HELD, 0, 0);
    (0..30).for_each(|_| step(&open_field(), &mut landed, &Input::default(), Gait::HELD));
    assert_eq!((landed.vx, landed.vz), (0, 0));
}

#[test]
fn launches_add_up_to_twenty_metres_a_second_and_no_more() {
    let mut body = Body::default();
    launch(&mut body, 10_000, 0, 5_000);
    launch(&mut body, 10_000, -1, 5_000);
    assert_eq!((body.vx, body.vy, body.vz), (20_000, -1, 10_000));
    launch(&mut body, i32::MIN, i32::MAX, i32::MAX);
    assert!((LAUNCH_SPEED_MAX - 2..=LAUNCH_SPEED_MAX).contains(&length(body.vx, body.vy)), "{body:?}");
    assert_eq!((body.vx < 0, body.vy > 0, body.vz), (true, true, LAUNCH_SPEED_MAX));
    let mut falling = Body { vz: -50_000, ..Body::default() };
    launch(&mut falling, 0, 0, 1_000);
    assert_eq!(falling.vz, -49_000, "a push does not stop a fall");
    launch(&mut falling, 0, 0, -9_000);
    assert_eq!(falling.vz, -49_000);
}

#[test]
fn nobody_rises_above_what_the_wire_can_tell() {
    let mut body = Body { x: 20 * M, y: 20 * M, z: HEIGHT_MAX - 100, vz: LAUNCH_SPEED_MAX, ..Body::default() };
    step(&open_field(), &mut body, &Input::default(), Gait::default());
    assert_eq!((body.z, body.vz), (HEIGHT_MAX, -GRAVITY));
}

proptest! {
    #[test]
    fn a_body_never_enters_a_block_or_leaves_the_world(
        start_x in 1_i32..999, start_y in 1_i32..480,
        moves in prop::collection::vec((any::<i8>(), any::<i8>(), 1_u8..40), 1..20),
    ) {
        let map = walled();
        let mut body = Body { x: start_x * SUBUNITS_PER_M, y: start_y * SUBUNITS_PER_M, ..Body::default() };
        for (move_x, move_y, ticks) in moves {
            for _ in 0..ticks {
                step(&map, &mut body, &Input { move_x, move_y, ..Input::default() }, Gait::default());
                prop_assert!(map.is_free(body.x, body.y, body.z, BODY_RADIUS));
                prop_assert!(length(body.vx, body.vy) <= RUN_SPEED + 1);
            }
        }
    }

    /// Whatever is wished, pushed and held: whoever is in no block is in none after it, and stands only on something.
    #[test]
    fn a_body_never_enters_a_block_part_and_stands_only_on_what_carries_it(
        (x, y, z) in (1..99_i32, 1..99_i32, 0..5 * M),
        moves in prop::collection::vec((any::<i8>(), any::<i8>(), 0..4_u8, 0..=210_u8, any::<bool>(), 1..30_u8), 1..20),
        pushes in prop::collection::vec((-40_000..40_000_i32, -40_000..40_000_i32, -40_000..40_000_i32), 20),
    ) {
        let map = terraces();
        let (x, y) = map.nearest_free(x * M, y * M, z, BODY_RADIUS);
        let mut body = Body { x, y, z, ..Body::default() };
        for ((move_x, move_y, buttons, speed, is_pushed, ticks), push) in moves.into_iter().zip(pushes) {
            if is_pushed {
                launch(&mut body, push.0, push.1, push.2);
            }
            let gait = Gait { speed, can_jump: push.0 > 0 };
            for _ in 0..ticks {
                step(&map, &mut body, &Input { move_x, move_y, buttons, ..Input::default() }, gait);
                prop_assert!(map.is_free(body.x, body.y, body.z, BODY_RADIUS), "{:?}", body);
                prop_assert_eq!(body.vz == 0, is_grounded(&map, &body), "{:?}", body);
                prop_assert!(body.vz == 0 || body.z > map.floor(body.x, body.y, body.z, BODY_RADIUS), "{:?}", body);
                prop_assert!(length(body.vx, body.vy) <= PLAYER_SPEED_MAX, "{:?}", body);
            }
        }
    }

    /// The rules before blocks had tops, for who stays on the ground: slides along what reaches to the sky.
    #[test]
    fn among_blocks_to_the_sky_the_ground_is_as_it_ever_was(
        start_x in 1_i32..999, start_y in 1_i32..480,
        moves in prop::collection::vec((any::<i8>(), any::<i8>(), 1_u8..40), 1..20),
    ) {
        let map = walled();
        let mut body = Body { x: start_x * M, y: start_y * M, ..Body::default() };
        let mut before = body;
        for (move_x, move_y, ticks) in moves {
            let input = Input { move_x, move_y, ..Input::default() };
            for _ in 0..ticks {
                step(&map, &mut body, &input, Gait::default());
                turn_towards(&mut before, Gait::default().wish(&input), ACCELERATION);
                slide(&map, &mut before, false, 0);
                prop_assert_eq!(body, before);
            }
        }
    }
}
