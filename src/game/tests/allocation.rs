//! How often a tick asks for memory once everyone is in: next to never; and that those who come and go leave none behind.

use counting::{Counting, Tally};
use game::{Game, GameConfig, Thing};
use protocol::motion::{Body, StaticMap};
use protocol::unit::SUBUNITS_PER_M;
use protocol::{CharacterId, Input, NetId};
use std::sync::Arc;

#[global_allocator]
static COUNTING: Counting = Counting;

/// Most allocations of one tick in steady state (design, section 4).
const ALLOCATIONS_PER_TICK_MAX: u64 = 16;
const PLAYERS: u16 = 500;

fn tick(game: &mut Game, number: u32) {
    for row in 0..PLAYERS {
        let way = (number / 40 + u32::from(row)) as u8 as i8;
        game.set_input(NetId(row), Input { move_x: way, move_y: -(way / 2), ..Input::default() });
    }
    game.tick();
}

#[test]
fn a_tick_in_steady_state_allocates_at_most_sixteen_times() {
    let map = Arc::new(StaticMap::new(1_000, 1_000, &[]).unwrap());
    let mut game = Game::new(GameConfig {
        seed: 3,
        map,
        content: Arc::default(),
        incarnation: 1,
        entities_max: usize::from(PLAYERS),
    });
    for player in 0..u64::from(PLAYERS) {
        game.spawn_player(CharacterId(player), None).unwrap();
    }
    for number in 0..1_000 {
        tick(&mut game, number);
    }
    assert_ne!(Tally::now().allocations, 0, "the counter counts");
    let mut most = 0;
    for number in 1_000..1_600 {
        let before = Tally::now();
        tick(&mut game, number);
        most = most.max(Tally::since(before).allocations);
    }
    println!("at most {most} allocations in a tick");
    assert!(most <= ALLOCATIONS_PER_TICK_MAX, "{most} allocations in a tick");
}

/// 2,000 projectiles a second that fly for a second each.
fn shoot(game: &mut Game, number: u32) {
    for nth in 0..if number.is_multiple_of(3) { 34 } else { 33 } {
        let metres = |n: u32| (100 + n as i32 % 800) * SUBUNITS_PER_M;
        let (x, y) = (metres(number * 37 + nth * 11), metres(number * 17 + nth * 23));
        let body = Body { x, y, z: SUBUNITS_PER_M, vx: SUBUNITS_PER_M / 2, ..Body::default() };
        game.spawn_thing(body, Thing::Projectile { yaw: 0, pitch: 0, ticks_left: 60 }).unwrap();
    }
    game.tick();
    for at in 0..game.ended().len() {
        let id = game.ended()[at];
        game.recycle(id);
    }
}

#[test]
fn spawned_and_despawned_for_a_minute_the_world_takes_no_more_memory() {
    let map = Arc::new(StaticMap::new(1_000, 1_000, &[]).unwrap());
    let entities_max = 5_000;
    let mut game = Game::new(GameConfig { seed: 3, map, content: Arc::default(), incarnation: 1, entities_max });
    (0..600).for_each(|number| shoot(&mut game, number));
    let rows = game.replicas().len();
    let before = Tally::now();
    (600..4_200).for_each(|number| shoot(&mut game, number));
    let since = Tally::since(before);
    println!("{rows} rows, {} bytes more and {} allocations in a minute", since.bytes, since.allocations);
    assert_eq!(game.replicas().len(), rows);
    assert!(game.replicas().live().len() > 1_900);
    assert!(since.bytes <= 0, "{} bytes more", since.bytes);
}
