//! A world in which much comes and goes keeps no more memory than one in which nothing does.

use counting::{Counting, Tally};
use game::content::{Content, MobType, Stats, Table};
use game::{Game, GameConfig, Thing};
use protocol::motion::{Body, StaticMap};
use protocol::unit::{SUBUNITS_PER_M, TICK_RATE_HZ, UNITS_PER_M};
use protocol::{CharacterId, Input, MobKind, NetId};
use std::collections::VecDeque;
use std::sync::Arc;

#[global_allocator]
static COUNTING: Counting = Counting;

/// So many come in a second, and as many go.
const PROJECTILES_PER_S: u32 = 2_000;
const MOBS_PER_S: u32 = 500;
const PLAYERS: u16 = 50;
/// How long each of them is there, in ticks.
const LIFE_TICKS: u32 = 60;
/// After so many seconds everything has been as large as it gets.
const WARM_UP_S: u32 = 10;
const SECONDS: u32 = 60;

fn wolves() -> Content {
    let wolf = MobType {
        id: MobKind(1),
        name: "wolf".to_owned(),
        level: 1,
        stats: Stats::BARE,
        stroll_percent: 40,
        aggro_radius: 10 * SUBUNITS_PER_M,
        leash_radius: 40 * SUBUNITS_PER_M,
        help_radius: 10 * SUBUNITS_PER_M,
        flee_below: 200,
        skills: Vec::new(),
        experience: 1,
        coins: (1, 5),
        loot: Vec::new(),
        is_boss: false,
    };
    Content { mobs: Table::new(vec![wolf]).expect("there is one"), ..Content::default() }
}

/// How many of `per_s` come in a tick.
fn due(per_s: u32, tick: u32) -> u32 {
    per_s * (tick + 1) / TICK_RATE_HZ - per_s * tick / TICK_RATE_HZ
}

/// One tick of coming and going; `mobs` are those that are there, the oldest first, each with when it goes.
fn tick(game: &mut Game, mobs: &mut VecDeque<(u32, NetId)>, retired: &mut Vec<NetId>, tick: u32) {
    for nth in 0..due(PROJECTILES_PER_S, tick) {
        let at = |salt: u32| (20 + (tick * 31 + nth * salt) % 160) as i32 * SUBUNITS_PER_M;
        let body = Body { x: at(17), y: at(23), z: SUBUNITS_PER_M, vx: 900, vy: -700, ..Body::default() };
        let shot = Thing::Projectile { yaw: 0, pitch: 0, ticks_left: LIFE_TICKS };
        game.spawn_thing(body, shot).expect("ids come back");
    }
    for nth in 0..due(MOBS_PER_S, tick) {
        let at = |salt: u32| (20 + (tick * 37 + nth * salt) % 160) as i32 * UNITS_PER_M;
        mobs.push_back((tick + LIFE_TICKS, game.spawn_mob(MobKind(1), at(19), at(29)).expect("ids come back")));
    }
    while let Some((_, id)) = mobs.pop_front_if(|(end, _)| *end <= tick) {
        game.despawn(id);
    }
    for row in 0..PLAYERS {
        let way = (tick / 40 + u32::from(row)) as u8 as i8;
        game.set_input(NetId(row), Input { move_x: way, move_y: -(way / 2), ..Input::default() });
    }
    game.tick();
    retired.clear();
    retired.extend(game.retired());
    retired.iter().for_each(|&id| game.recycle(id));
}

#[test]
fn what_comes_and_goes_leaves_no_memory_behind() {
    let map = Arc::new(StaticMap::new(200, 200, &[]).unwrap());
    let content = Arc::new(wolves());
    let mut game = Game::new(GameConfig { seed: 3, map, content, incarnation: 1, entities_max: 4_000 });
    for player in 0..u64::from(PLAYERS) {
        game.spawn_player(CharacterId(player), None).unwrap();
    }
    let (mut mobs, mut retired) = (VecDeque::with_capacity(1_024), Vec::with_capacity(4_000));
    let warm = WARM_UP_S * TICK_RATE_HZ;
    (0..warm).for_each(|number| tick(&mut game, &mut mobs, &mut retired, number));
    let (live, begin) = (game.replicas().live().len(), Tally::now());
    assert!(live > 2_400, "{live}");
    for number in warm..SECONDS * TICK_RATE_HZ {
        tick(&mut game, &mut mobs, &mut retired, number);
    }
    let grown = Tally::since(begin);
    let ticks = u64::from(SECONDS * TICK_RATE_HZ - warm);
    println!("{} allocations in {ticks} ticks, {} bytes more than before", grown.allocations, grown.bytes);
    assert!(grown.bytes <= 0, "{} bytes were left behind", grown.bytes);
    assert!(grown.allocations <= ticks, "{} allocations in {ticks} ticks", grown.allocations);
    assert!(game.replicas().live().len().abs_diff(live) < 50, "as many as before");
}
