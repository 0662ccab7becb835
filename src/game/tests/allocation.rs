//! How often a tick asks for memory once everyone is in: next to never.

use counting::{Counting, Tally};
use game::{Game, GameConfig};
use protocol::motion::StaticMap;
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
